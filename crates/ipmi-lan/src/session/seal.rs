//! What makes a message a packet of one session, and the other way round: of IPMI 1.5 or of IPMI 2.0.

use crate::crypto::{Codes15, RakpExchange, SessionIntegrityKey, SessionKeys};
use crate::wire::{Authentication15, Datagram, Packet15, Packet20, PayloadType};
use crate::{AuthenticationType, Quirk, QuirkSet, Workarounds};

use super::answer::Vouched;
use super::login::Activation;
use super::window::ReceiveWindow;
use super::{Context, Protection};

/// The protection of one session.
pub(super) enum Seal {
    Ipmi15(Seal15),
    Ipmi20(Box<Seal20>),
}

/// The message of a packet that is of the session, and new.
pub(super) struct Opened {
    pub(super) message: Vec<u8>,
    pub(super) vouched: Vouched,
}

impl Seal {
    /// What protects the session, the BMC's GUID, and the quirks that were found.
    pub(super) fn is_what(&self) -> (Protection, Option<[u8; 16]>, QuirkSet) {
        match self {
            Self::Ipmi15(seal) => (Protection::Ipmi15(seal.kind()), None, seal.quirks),
            Self::Ipmi20(seal) => {
                let RakpExchange { suite, bmc_guid, .. } = seal.exchange;
                (Protection::Ipmi20(suite), Some(bmc_guid), seal.quirks)
            }
        }
    }

    /// By which id the BMC knows the session.
    pub(super) fn bmc_session_id(&self) -> u32 {
        match self {
            Self::Ipmi15(seal) => seal.session_id,
            Self::Ipmi20(seal) => seal.exchange.bmc_session_id,
        }
    }

    /// The message as a packet with the next session sequence number.
    pub(super) fn seal(&mut self, context: &mut Context, message: Vec<u8>) -> Datagram {
        match self {
            Self::Ipmi15(seal) => Datagram::Ipmi15(seal.seal(message)),
            Self::Ipmi20(seal) => Datagram::Ipmi20(seal.seal(&message, context.random_bytes())),
        }
    }

    /// `None` for whatever is not of this session, not as genuine as it must be, or not new: a stranger's.
    pub(super) fn open(&mut self, datagram: &Datagram) -> Option<Opened> {
        match (self, datagram) {
            (Self::Ipmi15(seal), Datagram::Ipmi15(packet)) => seal.open(packet),
            (Self::Ipmi20(seal), Datagram::Ipmi20(packet)) => seal.open(packet),
            _ => {
                log::debug!("datagram dropped: not of this session");
                None
            }
        }
    }

    /// Makes the next packets in another way that some BMCs want, or as usual again: the BMC has answered none so far.
    /// Every second time as usual, for it is more likely that the network lost them. Whether there is another way.
    pub(super) fn try_otherwise(&mut self, workarounds: &Workarounds, attempt: u32) -> bool {
        let is_usual = attempt % 2 == 1;
        match self {
            Self::Ipmi15(seal) => {
                seal.tries_codes =
                    !is_usual && !seal.has_codes && workarounds.finds(Quirk::ForcePerMsg);
                seal.tries_codes
            }
            Self::Ipmi20(seal) => {
                let is_new =
                    |quirk: &Quirk| workarounds.finds(*quirk) && !seal.quirks.contains(*quirk);
                let mut candidates =
                    [Quirk::Icts, Quirk::RmcppIntegSik].into_iter().filter(is_new).cycle();
                let position = usize::try_from(attempt / 2).unwrap_or(0);
                let quirk = if is_usual { None } else { candidates.nth(position) };
                seal.try_with(quirk);
                quirk.is_some()
            }
        }
    }
}

/// A session of IPMI 2.0: every packet is authenticated and encrypted as the cipher suite has it (IPMI 2.0 §13.6).
pub(super) struct Seal20 {
    exchange: RakpExchange,
    key: SessionIntegrityKey,
    /// What the BMC needs, as far as is known.
    quirks: QuirkSet,
    /// Made with the quirks above.
    keys: SessionKeys,
    /// What it may need too: see [`Seal::try_otherwise`].
    trial: Option<Trial>,
    /// The last one sent. The first is 1; 0 is for packets outside a session (IPMI 2.0 §6.12.9).
    sequence: u32,
    window: ReceiveWindow,
}

/// A guess at what the BMC needs, and the keys for that.
struct Trial {
    quirk: Quirk,
    keys: SessionKeys,
}

impl Seal20 {
    pub(super) fn new(exchange: RakpExchange, key: SessionIntegrityKey) -> Self {
        let quirks = exchange.quirks;
        let window = ReceiveWindow::for_ipmi20(exchange.suite.authenticates_packets());
        Self {
            keys: key.session_keys(quirks),
            exchange,
            key,
            quirks,
            trial: None,
            sequence: 0,
            window,
        }
    }

    fn seal(&mut self, message: &[u8], initialization_vector: [u8; 16]) -> Packet20 {
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let keys = self.trial.as_ref().map_or(&self.keys, |trial| &trial.keys);
        keys.seal(self.exchange.bmc_session_id, self.sequence, message, initialization_vector)
    }

    fn open(&mut self, packet: &Packet20) -> Option<Opened> {
        if packet.payload_type != PayloadType::Ipmi
            || packet.session_id != self.exchange.console_session_id
        {
            log::debug!("datagram dropped: not of this session");
            return None;
        }
        let message = self.message(packet)?;
        if !self.window.accept(packet.sequence) {
            log::debug!("packet of the session dropped: a duplicate, or too old");
            return None;
        }
        let has_code = self.exchange.suite.authenticates_packets();
        let vouched = if has_code { Vouched::ByCode } else { Vouched::InSession };
        Some(Opened { message, vouched })
    }

    /// The message of a genuine packet, which also shows what the BMC needs.
    fn message(&mut self, packet: &Packet20) -> Option<Vec<u8>> {
        let usual = self.keys.open(packet);
        let tried = self.trial.as_ref().and_then(|trial| trial.keys.open(packet).ok());
        if usual.is_err() && tried.is_none() {
            return usual
                .inspect_err(|reason| log::debug!("packet of the session dropped: {reason}"))
                .ok();
        }
        if let Some(trial) = self.trial.take()
            && tried.is_some()
            && (usual.is_err() || packet.is_padded_as_icts())
        {
            log::info!("the BMC needs the workaround {}", trial.quirk);
            self.quirks.insert(trial.quirk);
            self.keys = trial.keys;
        }
        tried.or(usual.ok())
    }

    fn try_with(&mut self, quirk: Option<Quirk>) {
        self.trial = quirk.map(|quirk| {
            let mut quirks = self.quirks;
            quirks.insert(quirk);
            Trial { quirk, keys: self.key.session_keys(quirks) }
        });
    }
}

/// A session of IPMI 1.5: every packet has an authentication code, unless the BMC and the user agreed to do without
/// (IPMI 2.0 §6.11, §22.17).
pub(super) struct Seal15 {
    /// With the type of the login.
    login: Codes15,
    /// Whether the packets of the session have such a code.
    has_codes: bool,
    session_id: u32,
    /// Of the next packet.
    sequence: u32,
    window: ReceiveWindow,
    workarounds: Workarounds,
    quirks: QuirkSet,
    /// Whether a number has come as it should be.
    has_plain_numbers: bool,
    /// Whether the BMC may need codes after all: see [`Seal::try_otherwise`].
    tries_codes: bool,
}

impl Seal15 {
    pub(super) fn new(activation: Activation, workarounds: Workarounds, quirks: QuirkSet) -> Self {
        let Activation { codes, activated, first_outbound_sequence } = activation;
        Self {
            has_codes: codes.kind() != AuthenticationType::None
                && (activated.authentication != AuthenticationType::None
                    || quirks.contains(Quirk::ForcePerMsg)),
            login: codes,
            session_id: activated.session_id,
            sequence: activated.first_inbound_sequence.max(1),
            window: ReceiveWindow::for_ipmi15(first_outbound_sequence),
            workarounds,
            quirks,
            has_plain_numbers: false,
            tries_codes: false,
        }
    }

    /// How the packets are authenticated.
    fn kind(&self) -> AuthenticationType {
        if self.has_codes { self.login.kind() } else { AuthenticationType::None }
    }

    fn seal(&mut self, message: Vec<u8>) -> Packet15 {
        let sequence = self.sequence;
        self.sequence = sequence.checked_add(1).unwrap_or(1);
        if self.has_codes || self.tries_codes {
            return self.login.seal(self.session_id, sequence, message);
        }
        let authentication = Authentication15::None;
        Packet15 { authentication, sequence, session_id: self.session_id, payload: message }
    }

    fn open(&mut self, packet: &Packet15) -> Option<Opened> {
        let is_genuine = packet.authentication.code().is_some() && self.login.is_genuine(packet);
        if !self.is_of_session(packet, is_genuine) {
            log::debug!("datagram dropped: not of this session");
            return None;
        }
        if !self.is_taken(packet, is_genuine) {
            log::debug!("packet of the session dropped: wrong authentication code");
            return None;
        }
        if !self.is_new(packet.sequence, is_genuine) {
            log::debug!("packet of the session dropped: a duplicate, or too old or too new");
            return None;
        }
        if is_genuine && !self.has_codes {
            self.learn_from_code();
        }
        self.tries_codes = false;
        let is_vouched_for = is_genuine && self.login.vouch_for_content();
        let vouched = if is_vouched_for { Vouched::ByCode } else { Vouched::InSession };
        Some(Opened { message: packet.payload.clone(), vouched })
    }

    fn is_of_session(&mut self, packet: &Packet15, is_genuine: bool) -> bool {
        if packet.session_id == self.session_id {
            return true;
        }
        let is_taken = packet.session_id == 0 && allows_session_id_0(&self.workarounds, is_genuine);
        if is_taken {
            self.quirks.insert(Quirk::IdZero);
        }
        is_taken
    }

    fn is_taken(&self, packet: &Packet15, is_genuine: bool) -> bool {
        if ignores_codes(&self.workarounds) {
            return true;
        }
        if self.has_codes {
            return is_genuine;
        }
        match packet.authentication {
            Authentication15::None => true,
            _ => is_genuine && (self.tries_codes || self.workarounds.finds(Quirk::UnexpectedAuth)),
        }
    }

    fn is_new(&mut self, sequence: u32, is_genuine: bool) -> bool {
        if self.quirks.contains(Quirk::EndianSeq) {
            return self.window.accept(sequence.swap_bytes());
        }
        if self.window.accept(sequence) {
            self.has_plain_numbers = true;
            return true;
        }
        let is_swapped = is_genuine
            && !self.has_plain_numbers
            && self.workarounds.finds(Quirk::EndianSeq)
            && self.window.accept(sequence.swap_bytes());
        if is_swapped {
            self.quirks.insert(Quirk::EndianSeq);
        }
        is_swapped
    }

    /// The BMC sends codes, although it had agreed to do without.
    fn learn_from_code(&mut self) {
        if self.tries_codes {
            self.has_codes = true;
            self.quirks.insert(Quirk::ForcePerMsg);
        } else {
            self.quirks.insert(Quirk::UnexpectedAuth);
        }
    }
}

/// Whether answers with session id 0 are of the session: where their code is right, or the user wants it.
pub(super) fn allows_session_id_0(workarounds: &Workarounds, is_genuine: bool) -> bool {
    workarounds.forces(Quirk::IdZero) || is_genuine && workarounds.finds(Quirk::IdZero)
}

/// Whether the user wants answers to be believed whatever their code.
pub(super) fn ignores_codes(workarounds: &Workarounds) -> bool {
    [Quirk::NoAuthCodeCheck, Quirk::Supermicro, Quirk::Quanta]
        .into_iter()
        .any(|quirk| workarounds.forces(quirk))
}
