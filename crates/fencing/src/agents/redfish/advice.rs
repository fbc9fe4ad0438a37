//! What an error of redfish-power is to the one who fences: its name, whether to ask again, and what to try.

use redfish_power::{CertificateFault, Error, ExchangeFailure, Refusal, Step, TlsFailure};

use crate::ErrorKind;

/// What the caller can make of it. `is_admitted` is whether the service has taken the credentials before: then a
/// refusal is no reason to believe that it never will again.
pub(super) fn kind(error: &Error, is_admitted: bool) -> ErrorKind {
    match error {
        Error::NoAnswer { failure: ExchangeFailure::Tls(failure), .. }
            if failure.is_final() && (!is_admitted || is_certificate(failure)) =>
        {
            ErrorKind::Denied
        }
        Error::NoAnswer { .. } => ErrorKind::NoAnswer,
        // It is longer than there is time for an answer; but there may be time for another command.
        Error::ToldToWait { step, .. } if *step != Step::Reset => ErrorKind::Refused,
        Error::Missing { step: Step::Login, .. } => ErrorKind::Refused,
        Error::ToldToWait { .. } | Error::Stale { .. } | Error::Missing { .. } => ErrorKind::Busy,
        Error::SeveralSystems { choice: None, .. } => ErrorKind::Unchosen,
        Error::SeveralSystems { .. } | Error::NotThisSystem { .. } | Error::SameSystem { .. } => {
            ErrorKind::NoSuchPlug
        }
        Error::Unauthorized { .. } | Error::AnotherSystem { .. } | Error::NoSystem { .. } => {
            ErrorKind::Denied
        }
        // The state tells more, and the next reset may do better.
        Error::TaskFailed { .. } | Error::Refused { step: Step::Task, .. } => ErrorKind::Busy,
        Error::Refused { step, refusal } => kind_of_refusal(*step, refusal, is_admitted),
        Error::ResetNotOffered { .. } | Error::NoReset { .. } => ErrorKind::Unsupported,
        Error::NotPressed { .. } => ErrorKind::PresentState,
        _ => ErrorKind::Refused,
    }
}

fn is_certificate(failure: &TlsFailure) -> bool {
    matches!(failure, TlsFailure::Certificate { .. })
}

fn kind_of_refusal(step: Step, refusal: &Refusal, is_admitted: bool) -> ErrorKind {
    match refusal.status {
        429 | 503 => ErrorKind::Busy,
        _ if refusal.says("SYS518") => ErrorKind::Busy,
        // The command may have been carried out all the same.
        500..=599 if step == Step::Reset && refusal.status != 501 => ErrorKind::Busy,
        401 | 403 if !is_admitted => ErrorKind::Denied,
        405 | 501 => ErrorKind::Unsupported,
        409 => ErrorKind::PresentState,
        400..=499 if says_present_state(refusal) => ErrorKind::PresentState,
        _ => ErrorKind::Refused,
    }
}

/// Messages by which services say that the system is already in the state that was asked for, or not in one in which
/// the reset can be done: iLO, iDRAC, and those of DMTF's base registry.
const PRESENT_STATE: [&str; 6] = [
    "InvalidOperationForSystemState",
    "PSU501",
    "ActionParameterValueConflict",
    "NoOperation",
    "ResourceInUse",
    "ResourceInStandby",
];

fn says_present_state(refusal: &Refusal) -> bool {
    PRESENT_STATE.iter().any(|name| refusal.says(name))
}

/// iDRAC, and DMTF's base registry.
fn says_no_free_session(refusal: &Refusal) -> bool {
    ["RAC0218", "SessionLimitExceeded"].iter().any(|name| refusal.says(name))
}

/// What it is called where the error itself does not begin with that. docs/operation.md lists the names.
pub(super) fn name(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer { failure, .. } => name_of_failure(failure),
        Error::Unauthorized { .. } => "wrong credentials",
        Error::ToldToWait { .. } => "BMC busy",
        Error::TaskFailed { .. } | Error::Refused { step: Step::Task, .. } => "task failed",
        Error::Refused { step, refusal } => return name_of_refusal(*step, refusal),
        Error::NotJson { .. } => "not Redfish",
        Error::Elsewhere { .. } | Error::Redirects { .. } => "redirected",
        Error::SeveralSystems { .. } => "several systems",
        Error::ResetNotOffered { .. } => "not supported",
        _ => return None,
    })
}

fn name_of_failure(failure: &ExchangeFailure) -> &'static str {
    match failure {
        ExchangeFailure::NotConnected(_) => "no connection",
        ExchangeFailure::ConnectTimedOut(_) => "BMC silent",
        ExchangeFailure::Tls(_) => "TLS failed",
        ExchangeFailure::TimedOut(_) => "BMC hangs",
        ExchangeFailure::Closed(_) => "connection lost",
        ExchangeFailure::NotHttp(_) | ExchangeFailure::TooLong(_) => "not Redfish",
    }
}

fn name_of_refusal(step: Step, refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal.status {
        300..=399 => "redirected",
        _ if refusal.says("SYS518") => "BMC busy",
        401 => "wrong credentials",
        403 if refusal.says("PasswordChangeRequired") => "password to be changed",
        403 => "privilege too low",
        404 if step == Step::ServiceRoot => "no Redfish",
        404 => "not there",
        405 | 501 => "not supported",
        409 | 412 | 428 => "conflict",
        429 | 503 if says_no_free_session(refusal) => "no free session",
        429 | 503 => "BMC busy",
        500..=599 => "BMC failed",
        _ => return None,
    })
}

/// What to try, in terms of this agent's parameters.
pub(super) fn advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer { failure, .. } => return advice_on_failure(failure),
        Error::Unauthorized { .. } => {
            "check username and password, and whether the user may use Redfish"
        }
        Error::TaskFailed { .. } | Error::Refused { step: Step::Task, .. } => "see the BMC's log",
        Error::Refused { step, refusal } => return advice_on_refusal(*step, refusal),
        Error::NotJson { .. } => "check ip, ipport, redfish_uri and systems_uri",
        Error::Elsewhere { .. } => {
            "if the BMC calls itself so, use that name or address as ip; or give systems_uri"
        }
        Error::Redirects { .. } => "check redfish_uri and systems_uri",
        Error::NoSystem { .. } => "check systems_uri, and the BMC's firmware",
        Error::NotThisSystem { .. } => "without systems_uri the plug chooses among all systems",
        Error::SeveralSystems { .. } => "choose one with plug, or its path with systems_uri",
        Error::ResetNotOffered { .. } => {
            "graceful_off=1 lets the operating system be asked, where that is offered"
        }
        Error::Missing { step: Step::System, .. } => {
            "the BMC may be starting; check systems_uri if it is not"
        }
        Error::NoReset { .. } => "check systems_uri: is this the system?",
        _ => return None,
    })
}

fn advice_on_failure(failure: &ExchangeFailure) -> Option<&'static str> {
    Some(match failure {
        ExchangeFailure::NotConnected(_) => "check ip and ipport, and whether Redfish is enabled",
        ExchangeFailure::ConnectTimedOut(_) => "check the address and the network",
        ExchangeFailure::Tls(failure) => return advice_on_tls(failure),
        ExchangeFailure::TimedOut(_) => {
            "a slow BMC needs a longer power_timeout; one that hangs needs a restart"
        }
        ExchangeFailure::Closed(_) => "if it stays so, restart the BMC",
        ExchangeFailure::NotHttp(_) | ExchangeFailure::TooLong(_) => {
            "check ip and ipport: another service seems to listen there"
        }
    })
}

fn advice_on_tls(failure: &TlsFailure) -> Option<&'static str> {
    Some(match failure {
        TlsFailure::Certificate { fault: CertificateFault::NotItsKey, .. } => {
            "somebody may be answering in the BMC's place"
        }
        TlsFailure::Certificate { fault: CertificateFault::ShortKey(_), .. } => {
            "give the BMC a certificate with a longer key"
        }
        TlsFailure::Certificate { fault: CertificateFault::OtherFingerprint, .. } => {
            "the BMC has a new certificate, or something else answers in its place: compare before you change ssl_fingerprint"
        }
        TlsFailure::Certificate {
            fault: CertificateFault::Expired(_) | CertificateFault::NotYetValid(_),
            ..
        } => {
            "renew it on the BMC, and check the clocks; or give its fingerprint with ssl_fingerprint"
        }
        TlsFailure::Certificate { fault: CertificateFault::OtherName { .. }, .. } => {
            "give ip by a name that it has, or its fingerprint with ssl_fingerprint"
        }
        TlsFailure::Certificate { fault: CertificateFault::OnlyCommonName(_), .. } => {
            "give it with ssl_fingerprint"
        }
        TlsFailure::Certificate { .. } => {
            "if the BMC's own page shows this fingerprint, give it with ssl_fingerprint; or its issuer with ssl_ca_bundle"
        }
        TlsFailure::OldVersion | TlsFailure::NothingInCommon => {
            "update the BMC's firmware, or fence it with fence_ipmilan"
        }
        TlsFailure::NotTls => "check ip and ipport",
        TlsFailure::Closed => "if it stays so, restart the BMC",
        _ => return None,
    })
}

fn advice_on_refusal(step: Step, refusal: &Refusal) -> Option<&'static str> {
    Some(match refusal.status {
        _ if refusal.says("SYS518") => "try again in a minute",
        401 => "check username and password, and whether the user may use Redfish",
        403 if refusal.says("PasswordChangeRequired") => {
            "log in to the BMC once and change the password"
        }
        403 => "give the user the BMC's role Operator or Administrator",
        404 if step == Step::ServiceRoot => "check redfish_uri, ip and ipport",
        404 => "check systems_uri",
        429 | 503 if says_no_free_session(refusal) => {
            "the BMC's session table is full: close sessions, or restart the BMC"
        }
        429 | 503 => "try again in a minute; if that does not help, restart the BMC",
        500..=599 if refusal.status != 501 => "if it stays so, restart the BMC",
        _ => return None,
    })
}
