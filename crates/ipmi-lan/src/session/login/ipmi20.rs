//! The steps of a login in IPMI 2.0 (§13.15 to §13.23).

use crate::crypto::{RakpExchange, SessionIntegrityKey};
use crate::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Packet20, PayloadType, Rakp1, Rakp2, Rakp3,
    Rakp4, ResponseMessage, Role,
};
use crate::{CipherSuite, Error, Password, Quirk, RmcpPlusStatus, Step};

use super::super::seal::{Seal, Seal20};
use super::verdict::Verdict;
use super::{Active, Context, SessionConfig};

/// Awaits Open Session Response (IPMI 2.0 §13.18).
pub(super) struct ExpectOpenSessionResponse {
    pub(super) tag: u8,
    pub(super) suite: CipherSuite,
    pub(super) console_session_id: u32,
}

impl ExpectOpenSessionResponse {
    pub(super) fn request(&self, context: &Context) -> Datagram {
        let request = OpenSessionRequest {
            tag: self.tag,
            // The level itself, not "the highest": some BMCs hash this one instead of RAKP 1's.
            privilege: context
                .config
                .workarounds
                .finds(Quirk::OpenSessPriv)
                .then_some(context.config.privilege),
            console_session_id: self.console_session_id,
            algorithms: self.suite.algorithms(),
        };
        sessionless(PayloadType::OpenSessionRequest, request.to_bytes())
    }

    /// The BMC's session id.
    pub(super) fn judge(&self, context: &Context, datagram: &Datagram) -> Verdict<u32> {
        let Some(payload) = payload(datagram, PayloadType::OpenSessionResponse) else {
            return Verdict::Stranger;
        };
        match OpenSessionResponse::parse(payload) {
            Ok(OpenSessionResponse::Accepted {
                tag,
                console_session_id,
                bmc_session_id,
                algorithms,
                ..
            }) if tag == self.tag
                && console_session_id == self.console_session_id
                && bmc_session_id != 0 =>
            {
                if algorithms == self.suite.algorithms() {
                    Verdict::Accepted(bmc_session_id)
                } else {
                    Verdict::Failed(Error::AlgorithmsChanged)
                }
            }
            Ok(OpenSessionResponse::Refused { tag, status, console_session_id })
                if is_or_0(context, tag, self.tag)
                    && is_or_unset(console_session_id, self.console_session_id) =>
            {
                Self::refused(context, status).doubted_if(tag != self.tag)
            }
            _ => Verdict::Stranger,
        }
    }

    fn refused(context: &Context, status: RmcpPlusStatus) -> Verdict<u32> {
        match status {
            RmcpPlusStatus::INVALID_AUTHENTICATION_ALGORITHM
            | RmcpPlusStatus::INVALID_INTEGRITY_ALGORITHM
            | RmcpPlusStatus::INVALID_CONFIDENTIALITY_ALGORITHM
            | RmcpPlusStatus::NO_CIPHER_SUITE_MATCH
            // Seen for a suite that is switched off (Supermicro X8DTG, MSI MS-91D2).
            | RmcpPlusStatus::UNAUTHORIZED_ROLE
            | RmcpPlusStatus::ILLEGAL_PARAMETER => Verdict::SuiteRefused(status),
            _ => refused(context, Step::OpenSession, status, false),
        }
    }
}

/// Awaits RAKP 2 (IPMI 2.0 §13.21).
pub(super) struct ExpectRakp2 {
    pub(super) tag: u8,
    pub(super) suite: CipherSuite,
    pub(super) console_session_id: u32,
    pub(super) bmc_session_id: u32,
    pub(super) console_random: [u8; 16],
}

impl ExpectRakp2 {
    pub(super) fn rakp1(&self, context: &Context) -> Datagram {
        let Context { config, findings, .. } = context;
        let fills_name = findings.quirks.contains(Quirk::Intel20);
        let rakp1 = Rakp1 {
            tag: self.tag,
            bmc_session_id: self.bmc_session_id,
            console_random: self.console_random,
            role: role(config),
            username: if fills_name { config.username.filled_up() } else { config.username },
        };
        let mut payload = rakp1.to_bytes();
        if findings.quirks.contains(Quirk::I82571Spt) {
            payload.resize(Rakp1::LONGEST, 0);
        }
        sessionless(PayloadType::Rakp1, payload)
    }

    /// The exchange so far, once its code has proved that the BMC knows the password.
    pub(super) fn judge(
        &self,
        context: &Context,
        datagram: &Datagram,
        has_repeated: bool,
    ) -> Verdict<RakpExchange> {
        let Some(payload) = payload(datagram, PayloadType::Rakp2) else { return Verdict::Stranger };
        match Rakp2::parse(payload) {
            Ok(Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code })
                if is_or_0(context, tag, self.tag)
                    && console_session_id == self.console_session_id =>
            {
                let exchange = self.exchange(context, bmc_random, bmc_guid);
                match genuine(context, exchange, &code) {
                    Some(exchange) => Verdict::Accepted(exchange),
                    None => Verdict::Failed(Error::WrongPassword),
                }
            }
            Ok(Rakp2::Refused { tag, status, console_session_id })
                if is_or_0(context, tag, self.tag)
                    && is_or_unset(console_session_id, self.console_session_id) =>
            {
                let verdict = match refused(context, Step::Rakp1, status, has_repeated) {
                    Verdict::Failed(error) if status == RmcpPlusStatus::INVALID_NAME_LENGTH => {
                        Verdict::NeedsWorkaround(&[Quirk::Intel20], error)
                    }
                    verdict => verdict,
                };
                verdict.doubted_if(tag != self.tag)
            }
            _ => Verdict::Stranger,
        }
    }

    fn exchange(
        &self,
        context: &Context,
        bmc_random: [u8; 16],
        bmc_guid: [u8; 16],
    ) -> RakpExchange {
        RakpExchange {
            suite: self.suite,
            console_session_id: self.console_session_id,
            bmc_session_id: self.bmc_session_id,
            console_random: self.console_random,
            bmc_random,
            bmc_guid,
            role: role(context.config),
            username: context.config.username,
            quirks: context.findings.quirks,
        }
    }
}

/// The exchange with the quirks, if any, with which its RAKP 2 proves that the BMC knows the password.
fn genuine(context: &Context, exchange: RakpExchange, code: &[u8]) -> Option<RakpExchange> {
    let SessionConfig { password, workarounds, .. } = context.config;
    // With Intel's quirk HMAC-MD5 takes sixteen bytes of the password: less than the user chose, unless he says so.
    let cuts = password.is_longer_than_15_carries() && exchange.suite.uses_md5();
    let found = [Quirk::Supermicro20, Quirk::Sun20, Quirk::Intel20]
        .into_iter()
        .filter(|quirk| workarounds.finds(*quirk) && !(cuts && *quirk == Quirk::Intel20))
        .map(|quirk| exchange.quirks.with(quirk));
    std::iter::once(exchange.quirks)
        .chain(found)
        .map(|quirks| RakpExchange { quirks, ..exchange.clone() })
        .find(|exchange| exchange.is_rakp2_genuine(password, code))
}

/// Awaits RAKP 4 (IPMI 2.0 §13.23).
pub(super) struct ExpectRakp4 {
    pub(super) tag: u8,
    pub(super) exchange: RakpExchange,
    pub(super) key: SessionIntegrityKey,
}

impl ExpectRakp4 {
    pub(super) fn judge(
        &mut self,
        context: &Context,
        datagram: &Datagram,
        has_repeated: bool,
    ) -> Verdict<()> {
        let sealed = self.sealed_payload(datagram);
        let payload = sealed.as_deref().or(payload(datagram, PayloadType::Rakp4));
        let Some(payload) = payload else { return Verdict::Stranger };
        let expected_id = self.exchange.console_session_id;
        match Rakp4::parse(payload) {
            Ok(Rakp4::Accepted { tag, console_session_id, code })
                if is_or_0(context, tag, self.tag) && console_session_id == expected_id =>
            {
                if self.is_genuine(context, &code) {
                    Verdict::Accepted(())
                } else {
                    Verdict::Failed(Error::WrongKg { kg_given: context.config.kg.is_some() })
                }
            }
            Ok(Rakp4::Refused { tag, status, console_session_id })
                if is_or_0(context, tag, self.tag)
                    && is_or_unset(console_session_id, expected_id) =>
            {
                let verdict = match refused(context, Step::Rakp3, status, has_repeated) {
                    Verdict::Failed(error) if status == RmcpPlusStatus::INVALID_INTEGRITY_CHECK => {
                        let quirks = &[Quirk::Rakp3WrongRolem, Quirk::IntelPlus];
                        Verdict::NeedsWorkaround(quirks, error)
                    }
                    verdict => verdict,
                };
                verdict.doubted_if(tag != self.tag)
            }
            _ => Verdict::Stranger,
        }
    }

    /// The payload of a RAKP 4 inside the session, with which OpenIPMI's simulator answers a repeated RAKP 3.
    fn sealed_payload(&self, datagram: &Datagram) -> Option<Vec<u8>> {
        let RakpExchange { suite, console_session_id, quirks, .. } = &self.exchange;
        match datagram {
            Datagram::Ipmi20(packet)
                if suite.authenticates_packets()
                    && packet.payload_type == PayloadType::Rakp4
                    && packet.session_id == *console_session_id =>
            {
                self.key.session_keys(*quirks).open(packet).ok()
            }
            _ => None,
        }
    }

    /// Whether RAKP 4 proves that the BMC has the same session key, as it stands or with a quirk.
    fn is_genuine(&mut self, context: &Context, code: &[u8]) -> bool {
        if self.key.is_rakp4_genuine(code) {
            return true;
        }
        let quirk = if self.exchange.suite.authenticates_packets() {
            Quirk::IntelPlus
        } else {
            Quirk::IntegrityCheckValue
        };
        let key = self.key.clone().with(quirk);
        let is_genuine = context.config.workarounds.finds(quirk) && key.is_rakp4_genuine(code);
        if is_genuine {
            self.exchange.quirks.insert(quirk);
            self.key = key;
        }
        is_genuine
    }

    pub(super) fn activate(&self) -> Active {
        let seal = Seal20::new(self.exchange.clone(), self.key.clone());
        Active::new(Seal::Ipmi20(Box::new(seal)))
    }
}

pub(super) fn rakp3(tag: u8, exchange: &RakpExchange, password: &Password) -> Datagram {
    let rakp3 = Rakp3 {
        tag,
        status: RmcpPlusStatus::NO_ERRORS,
        bmc_session_id: exchange.bmc_session_id,
        code: exchange.rakp3_code(password),
    };
    sessionless(PayloadType::Rakp3, rakp3.to_bytes())
}

/// A refusal of RAKP 1 or 3. After a repetition the BMC may complain of a session that the first transmission has
/// carried on already, or have drawn another random number (OpenBMC does for each RAKP 1); a new session helps.
fn refused<T>(
    context: &Context,
    step: Step,
    status: RmcpPlusStatus,
    has_repeated: bool,
) -> Verdict<T> {
    let is_confusion = matches!(
        status,
        RmcpPlusStatus::INVALID_SESSION_ID
            | RmcpPlusStatus::INACTIVE_SESSION_ID
            | RmcpPlusStatus::INVALID_INTEGRITY_CHECK
    );
    if is_confusion && has_repeated {
        return Verdict::StartAnew;
    }
    let error = Error::LoginRefused { step, status, privilege: context.config.privilege };
    // A session that is over may make room.
    if status.is_transient() && context.config.workarounds.finds(Quirk::NoSlot) {
        Verdict::Busy(error)
    } else {
        Verdict::Failed(error)
    }
}

pub(super) fn privilege_refused(config: &SessionConfig, response: &ResponseMessage) -> Error {
    Error::PrivilegeRefused { privilege: config.privilege, code: response.completion }
}

fn role(config: &SessionConfig) -> Role {
    Role { privilege: config.privilege, name_only: true }
}

/// Refusals of some BMCs hold no session id, so that the tag alone tells for whom they are. Who forges one can make a
/// login fail; nobody can make one succeed.
fn is_or_unset(session_id: Option<u32>, expected: u32) -> bool {
    matches!(session_id, None | Some(0)) || session_id == Some(expected)
}

/// Whether a tag is that of the message, or the 0 that OpenBMC puts in its place.
fn is_or_0(context: &Context, tag: u8, expected: u8) -> bool {
    tag == expected || tag == 0 && context.config.workarounds.finds(Quirk::Tag0)
}

fn sessionless(payload_type: PayloadType, payload: Vec<u8>) -> Datagram {
    Datagram::Ipmi20(Packet20::sessionless(payload_type, payload))
}

/// The payload of a packet of this type outside any session.
fn payload(datagram: &Datagram, expected: PayloadType) -> Option<&[u8]> {
    match datagram {
        Datagram::Ipmi20(Packet20 {
            payload_type,
            session_id: 0,
            encrypted: false,
            trailer: None,
            payload,
            ..
        }) if *payload_type == expected => Some(payload),
        _ => None,
    }
}
