use ipmi_lan::command::{ActivateSession, ActivatedSession};
use ipmi_lan::crypto::{Codes15, RakpExchange, SessionKeys};
use ipmi_lan::wire::{
    Authentication15, Datagram, Packet15, Packet20, PayloadType, Rakp3, Rakp4, RequestMessage,
    ResponseMessage,
};
use ipmi_lan::{AuthenticationType, Password, Privilege, Quirk};
use rand::Rng;

use super::command::{Request, System};
use super::window::ReceiveWindow;
use crate::Config;

/// What makes packets of a session, and requests of packets.
pub(super) enum Seal {
    Ipmi15(Box<Seal15>),
    Ipmi20(Box<Seal20>),
}

/// The seal of a session of IPMI 1.5 (IPMI 2.0 §6.11, §22.17).
pub(super) struct Seal15 {
    /// How the session began, in case that the answer is lost.
    login: Activation,
    /// What requests must carry.
    inbound: Codes15,
    /// What answers carry.
    outbound: Codes15,
    /// For the answer to a request that needed none.
    no_codes: Codes15,
    window: ReceiveWindow,
    last_sent: u32,
    is_used: bool,
    /// Whether the last request was one of user level without code.
    is_waived: bool,
}

/// An Activate Session that was accepted, and what it was answered.
pub(super) struct Activation {
    pub(super) temporary_session_id: u32,
    pub(super) codes: Codes15,
    pub(super) request: ActivateSession,
    pub(super) answer: ActivatedSession,
}

/// The seal of a session of IPMI 2.0 (IPMI 2.0 §13.6).
pub(super) struct Seal20 {
    console_session_id: u32,
    keys: SessionKeys,
    /// How the login ended, in case that RAKP 4 is lost.
    login: (Rakp3, Rakp4),
    window: ReceiveWindow,
    last_sent: u32,
}

impl Seal {
    /// The request in a packet. `None` when the packet is not genuine, not fresh, or no request.
    pub(super) fn open(&mut self, datagram: &Datagram, config: &Config) -> Option<RequestMessage> {
        match (self, datagram) {
            (Self::Ipmi15(seal), Datagram::Ipmi15(packet)) => seal.open(packet, config),
            (Self::Ipmi20(seal), Datagram::Ipmi20(packet)) => seal.open(packet, config),
            _ => None,
        }
    }

    /// The packet with an answer.
    pub(super) fn seal(&mut self, response: &ResponseMessage, system: &mut System) -> Datagram {
        match self {
            Self::Ipmi15(seal) => Datagram::Ipmi15(seal.seal(response, system)),
            Self::Ipmi20(seal) => Datagram::Ipmi20(seal.seal(response, system)),
        }
    }
}

impl Seal15 {
    /// The seal of a session that just became active. How its packets are authenticated may be less than the login was
    /// (IPMI 2.0 §22.17), or what a quirk makes of that.
    pub(super) fn new(login: Activation, password: &Password, config: &Config) -> Self {
        let no_codes = Codes15::new(AuthenticationType::None, password);
        let has_codes = login.answer.authentication != AuthenticationType::None;
        let codes_if = |wanted| if wanted { login.codes.clone() } else { no_codes.clone() };
        let forces = config.quirks.contains(Quirk::ForcePerMsg);
        let is_unasked = config.quirks.contains(Quirk::UnexpectedAuth);
        Self {
            inbound: codes_if(has_codes || forces),
            outbound: codes_if(has_codes || forces || is_unasked),
            no_codes,
            window: ReceiveWindow::of_ipmi15(login.answer.first_inbound_sequence),
            last_sent: login.request.first_outbound_sequence,
            is_used: false,
            is_waived: false,
            login,
        }
    }

    /// How the session began, if it was by this temporary id.
    pub(super) fn login_by(&self, temporary_session_id: u32) -> Option<&Activation> {
        (self.login.temporary_session_id == temporary_session_id).then_some(&self.login)
    }

    /// Whether a packet of the session has come.
    pub(super) fn is_used(&self) -> bool {
        self.is_used
    }

    fn open(&mut self, packet: &Packet15, config: &Config) -> Option<RequestMessage> {
        let request = RequestMessage::parse(&packet.payload).ok()?;
        let is_genuine = self.inbound.is_genuine(packet);
        self.is_waived = !is_genuine && needs_no_code(packet, &request, config);
        if !(is_genuine || self.is_waived) || !self.window.accepts(packet.sequence) {
            return None;
        }
        self.is_used = true;
        Some(request)
    }

    fn seal(&mut self, response: &ResponseMessage, system: &System) -> Packet15 {
        self.last_sent = next(self.last_sent);
        let codes = if self.is_waived { &self.no_codes } else { &self.outbound };
        packet15(codes, self.login.answer.session_id, self.last_sent, response, system)
    }
}

impl Seal20 {
    pub(super) fn new(exchange: &RakpExchange, keys: SessionKeys, login: (Rakp3, Rakp4)) -> Self {
        Self {
            console_session_id: exchange.console_session_id,
            keys,
            login,
            window: ReceiveWindow::of_ipmi20(),
            last_sent: 0,
        }
    }

    /// RAKP 4 once more, if this is the RAKP 3 that it answered; some consoles give a repetition a tag of its own.
    pub(super) fn repeated_rakp4(&self, request: &Rakp3) -> Option<Rakp4> {
        let (rakp3, rakp4) = &self.login;
        let is_repeated = *rakp3 == Rakp3 { tag: rakp3.tag, ..request.clone() };
        is_repeated.then(|| match rakp4.clone() {
            Rakp4::Accepted { console_session_id, code, .. } => {
                Rakp4::Accepted { tag: request.tag, console_session_id, code }
            }
            refused @ Rakp4::Refused { .. } => refused,
        })
    }

    fn open(&mut self, packet: &Packet20, config: &Config) -> Option<RequestMessage> {
        if packet.payload_type != PayloadType::Ipmi {
            return None;
        }
        let message = self.keys.open(packet).ok()?;
        if config.quirks.contains(Quirk::Icts) && !self.is_padded_as_answers_are(packet, &message) {
            return None;
        }
        if !self.window.accepts(packet.sequence) {
            return None;
        }
        RequestMessage::parse(&message).ok()
    }

    fn is_padded_as_answers_are(&self, packet: &Packet20, message: &[u8]) -> bool {
        let initialization_vector = packet.payload.first_chunk().copied().unwrap_or_default();
        let Packet20 { session_id, sequence, .. } = *packet;
        let ours = self.keys.seal(session_id, sequence, message, initialization_vector);
        ours.trailer == packet.trailer
    }

    fn seal(&mut self, response: &ResponseMessage, system: &mut System) -> Packet20 {
        self.last_sent = next(self.last_sent);
        let mut initialization_vector = [0; 16];
        system.rng.fill_bytes(&mut initialization_vector);
        let message = system.message_bytes(response);
        self.keys.seal(self.console_session_id, self.last_sent, &message, initialization_vector)
    }
}

/// A packet of IPMI 1.5 as this BMC makes them: with its quirks.
pub(super) fn packet15(
    codes: &Codes15,
    session_id: u32,
    sequence: u32,
    response: &ResponseMessage,
    system: &System,
) -> Packet15 {
    let quirks = system.config.quirks;
    let session_id = if quirks.contains(Quirk::IdZero) { 0 } else { session_id };
    let sequence = if quirks.contains(Quirk::EndianSeq) { sequence.swap_bytes() } else { sequence };
    let mut packet = codes.seal(session_id, sequence, system.message_bytes(response));
    if quirks.contains(Quirk::NoAuthCodeCheck) {
        packet.authentication = wrong(packet.authentication);
    }
    packet
}

/// Whether the request may come without code, though others of its session must not (IPMI 2.0 §22.13: user level
/// authentication).
fn needs_no_code(packet: &Packet15, request: &RequestMessage, config: &Config) -> bool {
    let is_off = !config.has_user_level_authentication();
    let is_harmless =
        Request::parse(request).is_ok_and(|request| request.privilege() <= Privilege::User);
    is_off && is_harmless && packet.authentication == Authentication15::None
}

fn wrong(authentication: Authentication15) -> Authentication15 {
    match authentication.code() {
        Some(code) => Authentication15::new(authentication.kind(), code.map(|byte| !byte)),
        None => authentication,
    }
}

/// 0 is for packets outside a session (IPMI 2.0 §6.12).
fn next(sequence: u32) -> u32 {
    sequence.checked_add(1).unwrap_or(1)
}
