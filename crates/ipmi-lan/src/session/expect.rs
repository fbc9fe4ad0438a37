//! What a login awaits: one struct a step, with only what that step needs. Each judges what a datagram is to it.

use crate::command::{Command, GetChannelAuthenticationCapabilities};
use crate::crypto::{RakpExchange, SessionIntegrityKey};
use crate::wire::{
    Authentication15, Datagram, OpenSessionRequest, OpenSessionResponse, Packet15, Packet20,
    PayloadType, Rakp1, Rakp2, Rakp3, Rakp4, ResponseMessage, Role,
};
use crate::{CipherSuite, CompletionCode, Error, Password, Privilege, RmcpPlusStatus, Step};

use super::SessionConfig;
use super::active::Active;

/// What a datagram is to the one who expects something.
pub(super) enum Verdict<T> {
    /// Nothing: somebody else's, a duplicate, a late answer. It changes nothing, and restarts no timer.
    Stranger,
    /// What was expected.
    Accepted(T),
    /// The BMC has no time, or no room; it will be asked again. The error is for when that does not help.
    Busy(Error),
    /// The BMC does not take the suite.
    SuiteRefused(RmcpPlusStatus),
    /// The BMC has lost the thread, most likely because our repetitions crossed its answers.
    StartAnew,
    /// The end.
    Failed(Error),
}

impl<T> Verdict<T> {
    pub(super) fn map<U>(self, accepted: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Self::Stranger => Verdict::Stranger,
            Self::Accepted(value) => Verdict::Accepted(accepted(value)),
            Self::Busy(error) => Verdict::Busy(error),
            Self::SuiteRefused(status) => Verdict::SuiteRefused(status),
            Self::StartAnew => Verdict::StartAnew,
            Self::Failed(error) => Verdict::Failed(error),
        }
    }
}

/// Awaits the answer to Get Channel Authentication Capabilities (IPMI 2.0 §22.13).
pub(super) struct ExpectCapabilities {
    pub(super) request_sequence: u8,
}

impl ExpectCapabilities {
    pub(super) fn request(&self, privilege: Privilege) -> Vec<u8> {
        let command = GetChannelAuthenticationCapabilities { extended: true, privilege };
        let message = command.to_message(self.request_sequence);
        Datagram::Ipmi15(Packet15::sessionless(message.to_bytes())).to_bytes()
    }

    /// Nothing vouches for this answer. It decides only whether IPMI 2.0 is worth trying.
    pub(super) fn judge(&self, datagram: &Datagram) -> Verdict<()> {
        let Some(response) = self.response(datagram) else { return Verdict::Stranger };
        match response.completion {
            CompletionCode::OK => {}
            // A BMC that knows no extended data is one of IPMI 1.5.
            CompletionCode::INVALID_DATA_FIELD => return Verdict::Failed(Error::NoIpmi20),
            code if code.is_transient() => return Verdict::Busy(Self::refused(code)),
            code => return Verdict::Failed(Self::refused(code)),
        }
        let command =
            GetChannelAuthenticationCapabilities { extended: true, privilege: Privilege::User };
        match command.parse_response(&response.data) {
            Ok(capabilities) if capabilities.ipmi20 => Verdict::Accepted(()),
            Ok(_) => Verdict::Failed(Error::NoIpmi20),
            Err(_) => Verdict::Stranger,
        }
    }

    fn refused(code: CompletionCode) -> Error {
        Error::refused::<GetChannelAuthenticationCapabilities>(code)
    }

    fn response(&self, datagram: &Datagram) -> Option<ResponseMessage> {
        let Datagram::Ipmi15(Packet15 {
            authentication: Authentication15::None,
            session_id: 0,
            payload,
            ..
        }) = datagram
        else {
            return None;
        };
        ResponseMessage::parse(payload).ok().filter(|response| {
            response.network_function == GetChannelAuthenticationCapabilities::NETWORK_FUNCTION
                && response.command == GetChannelAuthenticationCapabilities::NUMBER
                && response.sequence == self.request_sequence
        })
    }
}

/// Awaits Open Session Response (IPMI 2.0 §13.18).
pub(super) struct ExpectOpenSessionResponse {
    pub(super) tag: u8,
    pub(super) suite: CipherSuite,
    pub(super) console_session_id: u32,
}

impl ExpectOpenSessionResponse {
    pub(super) fn request(&self, privilege: Privilege) -> Vec<u8> {
        let request = OpenSessionRequest {
            tag: self.tag,
            // The level itself, not "the highest": some BMCs hash this one instead of RAKP 1's.
            privilege: Some(privilege),
            console_session_id: self.console_session_id,
            algorithms: self.suite.algorithms(),
        };
        sessionless(PayloadType::OpenSessionRequest, request.to_bytes())
    }

    /// The BMC's session id.
    pub(super) fn judge(&self, datagram: &Datagram, config: &SessionConfig) -> Verdict<u32> {
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
                if tag == self.tag && is_or_unset(console_session_id, self.console_session_id) =>
            {
                Self::refused(status, config)
            }
            _ => Verdict::Stranger,
        }
    }

    fn refused(status: RmcpPlusStatus, config: &SessionConfig) -> Verdict<u32> {
        match status {
            RmcpPlusStatus::INVALID_AUTHENTICATION_ALGORITHM
            | RmcpPlusStatus::INVALID_INTEGRITY_ALGORITHM
            | RmcpPlusStatus::INVALID_CONFIDENTIALITY_ALGORITHM
            | RmcpPlusStatus::NO_CIPHER_SUITE_MATCH
            // Seen for a suite that is switched off (Supermicro X8DTG, MSI MS-91D2).
            | RmcpPlusStatus::UNAUTHORIZED_ROLE
            | RmcpPlusStatus::ILLEGAL_PARAMETER => Verdict::SuiteRefused(status),
            _ => refused(Step::OpenSession, status, config, false),
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
    pub(super) fn rakp1(&self, config: &SessionConfig) -> Vec<u8> {
        let rakp1 = Rakp1 {
            tag: self.tag,
            bmc_session_id: self.bmc_session_id,
            console_random: self.console_random,
            role: role(config),
            username: config.username,
        };
        sessionless(PayloadType::Rakp1, rakp1.to_bytes())
    }

    /// The exchange so far, once its code has proved that the BMC knows the password.
    pub(super) fn judge(
        &self,
        datagram: &Datagram,
        config: &SessionConfig,
        has_repeated: bool,
    ) -> Verdict<RakpExchange> {
        let Some(payload) = payload(datagram, PayloadType::Rakp2) else { return Verdict::Stranger };
        match Rakp2::parse(payload) {
            Ok(Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code })
                if tag == self.tag && console_session_id == self.console_session_id =>
            {
                let exchange = RakpExchange {
                    suite: self.suite,
                    console_session_id,
                    bmc_session_id: self.bmc_session_id,
                    console_random: self.console_random,
                    bmc_random,
                    bmc_guid,
                    role: role(config),
                    username: config.username,
                    quirks: crate::QuirkSet::NONE,
                };
                if exchange.is_rakp2_genuine(&config.password, &code) {
                    Verdict::Accepted(exchange)
                } else {
                    Verdict::Failed(Error::WrongPassword)
                }
            }
            Ok(Rakp2::Refused { tag, status, console_session_id })
                if tag == self.tag && is_or_unset(console_session_id, self.console_session_id) =>
            {
                refused(Step::Rakp1, status, config, has_repeated)
            }
            _ => Verdict::Stranger,
        }
    }
}

/// Awaits RAKP 4 (IPMI 2.0 §13.23).
pub(super) struct ExpectRakp4 {
    pub(super) tag: u8,
    pub(super) exchange: RakpExchange,
    pub(super) key: SessionIntegrityKey,
}

impl ExpectRakp4 {
    pub(super) fn judge(
        &self,
        datagram: &Datagram,
        config: &SessionConfig,
        has_repeated: bool,
    ) -> Verdict<()> {
        let Some(payload) = payload(datagram, PayloadType::Rakp4) else { return Verdict::Stranger };
        let expected_id = self.exchange.console_session_id;
        match Rakp4::parse(payload) {
            Ok(Rakp4::Accepted { tag, console_session_id, code })
                if tag == self.tag && console_session_id == expected_id =>
            {
                if self.key.is_rakp4_genuine(&code) {
                    Verdict::Accepted(())
                } else {
                    Verdict::Failed(Error::WrongKg { kg_given: config.kg.is_some() })
                }
            }
            Ok(Rakp4::Refused { tag, status, console_session_id })
                if tag == self.tag && is_or_unset(console_session_id, expected_id) =>
            {
                refused(Step::Rakp3, status, config, has_repeated)
            }
            _ => Verdict::Stranger,
        }
    }

    pub(super) fn activate(&self) -> Active {
        Active::new(&self.exchange, self.key.session_keys(crate::QuirkSet::NONE))
    }
}

pub(super) fn rakp3(tag: u8, exchange: &RakpExchange, password: &Password) -> Vec<u8> {
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
    step: Step,
    status: RmcpPlusStatus,
    config: &SessionConfig,
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
    let error = Error::LoginRefused { step, status, privilege: config.privilege };
    // A session that is over may make room.
    if status.is_transient() { Verdict::Busy(error) } else { Verdict::Failed(error) }
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

fn sessionless(payload_type: PayloadType, payload: Vec<u8>) -> Vec<u8> {
    Datagram::Ipmi20(Packet20::sessionless(payload_type, payload)).to_bytes()
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
