//! What an error of ipmi-lan is to the one who fences: its name, whether to ask again, and what to try.

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

/// Whether the BMC says that there is no such user.
pub(super) fn is_unknown_user(error: &Error) -> bool {
    matches!(
        error,
        Error::LoginRefused { status: RmcpPlusStatus::UNAUTHORIZED_NAME, .. }
            | Error::Refused {
                number: GetSessionChallenge::NUMBER,
                code: NO_SUCH_USER | NULL_USER_DISABLED,
                ..
            }
    )
}

/// Whether the password does not fit, as far as can be told.
pub(super) fn is_wrong_password(error: &Error) -> bool {
    matches!(
        error,
        Error::WrongPassword
            | Error::WrongPassword15
            | Error::NoAnswer(NoAnswer { heard_before: true, step: Step::ActivateSession, .. })
    )
}

/// What it is called where the error itself does not begin with that. docs/operation.md lists the names.
pub(super) fn name(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer(no_answer) => name_of_silence(no_answer),
        Error::NoIpmi20 => "no IPMI 2.0",
        Error::NoIpmi15 => "no IPMI 1.5",
        Error::AuthenticationNotOffered { .. } => "authentication type not offered",
        Error::PasswordTooLong15 => "password too long",
        Error::SuitesRefused { .. } => "cipher suite refused",
        error if is_unknown_user(error) => "unknown user",
        Error::LoginRefused {
            status: RmcpPlusStatus::INVALID_ROLE | RmcpPlusStatus::UNAUTHORIZED_ROLE,
            ..
        }
        | Error::PrivilegeRefused { .. } => "privilege too high",
        Error::LoginRefused { status, .. } if status.is_transient() => "no free session",
        Error::Refused { number, code, .. } => return name_of_refusal(*number, *code),
        _ => return None,
    })
}

fn name_of_silence(no_answer: &NoAnswer) -> &'static str {
    match no_answer {
        NoAnswer { heard_before: true, step: Step::ActivateSession, .. } => {
            "wrong password, most likely"
        }
        NoAnswer { heard_before: true, step: Step::Rakp1, .. } => "unknown user, most likely",
        NoAnswer { heard_before: true, .. } => "BMC fell silent",
        NoAnswer { foreign: true, .. } => "not a BMC",
        NoAnswer { unreachable: Some(io::ErrorKind::ConnectionRefused), .. } => "port closed",
        NoAnswer { unreachable: Some(_), .. } => "no way there",
        NoAnswer { .. } => "BMC silent",
    }
}

fn name_of_refusal(number: u8, code: CompletionCode) -> Option<&'static str> {
    Some(match (number, code) {
        (GetSessionChallenge::NUMBER, code) if is_unsupported(code) => "no IPMI 1.5",
        (ActivateSession::NUMBER, CompletionCode(0x81..=0x83)) => "no free session",
        (ActivateSession::NUMBER, LEVEL_ABOVE_LIMIT) => "privilege too high",
        (SendMessage::NUMBER, _) => "target not reached",
        (_, CompletionCode::INSUFFICIENT_PRIVILEGE) => "privilege too low",
        (_, code) if is_unsupported(code) => "not supported",
        (_, code) if code.is_transient() => "BMC busy",
        _ => return None,
    })
}

/// Get Session Challenge: no such user (IPMI 2.0 §22.16).
const NO_SUCH_USER: CompletionCode = CompletionCode(0x81);
/// Get Session Challenge: the user without name is disabled (IPMI 2.0 §22.16).
const NULL_USER_DISABLED: CompletionCode = CompletionCode(0x82);
/// Activate Session: the level exceeds the limit of user or channel (IPMI 2.0 §22.17).
const LEVEL_ABOVE_LIMIT: CompletionCode = CompletionCode(0x86);

fn is_unsupported(code: CompletionCode) -> bool {
    [
        CompletionCode::INVALID_COMMAND,
        CompletionCode::INVALID_DATA_FIELD,
        CompletionCode::SUBFUNCTION_DISABLED,
    ]
    .contains(&code)
}

const FULL: &str = "the BMC's session table is full: try again in a minute";

/// What to try, in terms of this agent's parameters.
pub(super) fn advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer(NoAnswer { heard_before: true, step: Step::Rakp1, .. }) => {
            "some BMCs do not answer users that they do not know: check username and privlvl"
        }
        Error::NoAnswer(NoAnswer { heard_before: true, step: Step::ActivateSession, .. }) => {
            "in IPMI 1.5 BMCs do not answer a wrong password: check password, username and auth"
        }
        Error::NoAnswer(NoAnswer { heard_before: true, .. }) => {
            "check the network; if that does not help, restart the BMC"
        }
        Error::NoAnswer(NoAnswer { foreign: true, .. }) => {
            "check ip and ipport: another service seems to listen there"
        }
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
            "enable one of those, or IPMI 2.0, on the BMC; auth=password gives the password away, auth=none the machine"
        }
        Error::AuthenticationNotOffered { .. } => {
            "leave auth out, or enable that type, or IPMI 2.0, on the BMC"
        }
        Error::PasswordTooLong15 => {
            "enable IPMI 2.0 on the BMC, or give the user a password of at most 16 bytes"
        }
        Error::WrongPassword15 => "check password and username",
        Error::SuitesRefused { .. } => {
            "choose another suite with cipher=, or enable one on the BMC"
        }
        error if is_unknown_user(error) => {
            "check username, and whether the user is enabled for LAN on the BMC"
        }
        Error::LoginRefused {
            status: RmcpPlusStatus::INVALID_ROLE | RmcpPlusStatus::UNAUTHORIZED_ROLE,
            ..
        } => "the user may not log in at that level: try a lower privlvl",
        Error::LoginRefused { status, .. } if status.is_transient() => FULL,
        Error::LoginRefused { status: RmcpPlusStatus::INVALID_INTEGRITY_CHECK, .. } => {
            "the BMC computes another code: if workarounds forbids any, try without"
        }
        Error::AlgorithmsChanged => {
            "something between here and the BMC may have changed the answer: try again, or name a suite with cipher"
        }
        Error::WrongPassword => "check password and username",
        Error::WrongKg { kg_given: true } => "check hexadecimal_kg",
        Error::WrongKg { kg_given: false } => "the BMC has a Kg set, give it with hexadecimal_kg",
        Error::PrivilegeRefused { .. } => {
            "try a lower privlvl, or raise the user's limit on the BMC"
        }
        Error::Refused { number: GetSessionChallenge::NUMBER, code, .. }
            if is_unsupported(*code) =>
        {
            "enable IPMI over LAN for this user and channel in the BMC's settings"
        }
        Error::Refused {
            number: ActivateSession::NUMBER,
            code: CompletionCode(0x81..=0x83),
            ..
        } => FULL,
        Error::Refused { number: ActivateSession::NUMBER, code: LEVEL_ABOVE_LIMIT, .. } => {
            "the user may not log in at that level: try a lower privlvl"
        }
        Error::Refused { number: SendMessage::NUMBER, .. } => {
            "check target, target_channel, transit and transit_channel"
        }
        Error::Refused { code: CompletionCode::INSUFFICIENT_PRIVILEGE, .. } => {
            "switching power takes privlvl=operator or administrator"
        }
        Error::Refused { code, .. } if code.is_transient() => {
            "try again in a minute; if that does not help, restart the BMC"
        }
        _ => return None,
    })
}
