//! What an error of ipmi-lan is to the one who fences: whether to ask again, and what to try.

use std::io;

use ipmi_lan::command::{ActivateSession, Command, GetSessionChallenge, SendMessage};
use ipmi_lan::{CompletionCode, Error, NoAnswer, RmcpPlusStatus, Step};

use crate::ErrorKind;

/// What the caller can make of it.
pub(super) fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::NoAnswer(_) | Error::Resolve(_) | Error::System { .. } => ErrorKind::NoAnswer,
        Error::LoginRefused { status, .. } if status.is_transient() => ErrorKind::Busy,
        Error::Refused { code, .. } if code.is_transient() => ErrorKind::Busy,
        Error::Refused {
            number: ActivateSession::NUMBER,
            code: CompletionCode(0x81..=0x83),
            ..
        } => ErrorKind::Busy,
        Error::Refused {
            number: GetSessionChallenge::NUMBER | ActivateSession::NUMBER, ..
        } => ErrorKind::Denied,
        Error::Refused { code: CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE, .. } => {
            ErrorKind::PresentState
        }
        Error::Refused { code: CompletionCode::INSUFFICIENT_PRIVILEGE, .. } => ErrorKind::Denied,
        Error::Refused {
            code: CompletionCode::INVALID_COMMAND | CompletionCode::INVALID_DATA_FIELD,
            ..
        } => ErrorKind::Unsupported,
        Error::Refused { .. } | Error::Malformed { .. } => ErrorKind::Refused,
        _ => ErrorKind::Denied,
    }
}

/// What to try, in terms of this agent's parameters.
pub(super) fn advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer(NoAnswer { heard_before: true, step: Step::Rakp1, .. }) => {
            "some BMCs do not answer users they do not know: check username and privlvl"
        }
        Error::NoAnswer(NoAnswer { heard_before: true, step: Step::ActivateSession, .. }) => {
            "in IPMI 1.5 BMCs do not answer a wrong password: check password, username and auth"
        }
        Error::NoAnswer(NoAnswer { heard_before: true, .. }) => return None,
        Error::NoAnswer(NoAnswer {
            unreachable: Some(io::ErrorKind::ConnectionRefused), ..
        }) => "check ipport and whether IPMI over LAN is enabled",
        Error::NoAnswer(NoAnswer { unreachable: Some(_), .. }) => {
            "check the address and the network"
        }
        Error::NoAnswer(_) => {
            "check the address, the network, and whether IPMI over LAN is enabled"
        }
        Error::NoIpmi20 => {
            "enable it in the BMC's settings; lanplus=0 uses IPMI 1.5, which protects less"
        }
        Error::NoIpmi15 => "enable IPMI over LAN for this user and channel in the BMC's settings",
        Error::AuthenticationNotOffered { wanted: None, .. } => {
            "lanplus=1 is better if the BMC has it; auth=password or auth=none give the password, or the machine, away"
        }
        Error::AuthenticationNotOffered { .. } => "choose another type with auth, or lanplus=1",
        Error::PasswordTooLong15 => "use lanplus=1, or a password of at most 16 bytes",
        Error::WrongPassword15 => "check password and username",
        Error::SuitesRefused { .. } => {
            "choose another suite with cipher=, or enable one on the BMC"
        }
        Error::LoginRefused { status: RmcpPlusStatus::UNAUTHORIZED_NAME, .. } => {
            "no such user on the BMC, or not enabled for LAN: check username"
        }
        Error::LoginRefused {
            status: RmcpPlusStatus::INVALID_ROLE | RmcpPlusStatus::UNAUTHORIZED_ROLE,
            ..
        } => "the user may not log in at that level: try a lower privlvl",
        Error::LoginRefused { status, .. } if status.is_transient() => {
            "the BMC's session table is full: try again in a minute"
        }
        Error::WrongPassword => "check password and username",
        Error::WrongKg { kg_given: true } => "check hexadecimal_kg",
        Error::WrongKg { kg_given: false } => "the BMC has a Kg set, give it with hexadecimal_kg",
        Error::PrivilegeRefused { .. } => {
            "try a lower privlvl, or raise the user's limit on the BMC"
        }
        Error::Refused {
            number: GetSessionChallenge::NUMBER, code: CompletionCode(0x81), ..
        } => "check username",
        Error::Refused {
            number: ActivateSession::NUMBER,
            code: CompletionCode(0x81..=0x83),
            ..
        } => "the BMC's session table is full: try again in a minute",
        Error::Refused { number: ActivateSession::NUMBER, code: CompletionCode(0x86), .. } => {
            "the user may not log in at that level: try a lower privlvl"
        }
        Error::Refused { number: SendMessage::NUMBER, .. } => {
            "check target, target_channel, transit and transit_channel"
        }
        Error::Refused { code: CompletionCode::INSUFFICIENT_PRIVILEGE, .. } => {
            "switching power takes privlvl=operator or administrator"
        }
        _ => return None,
    })
}
