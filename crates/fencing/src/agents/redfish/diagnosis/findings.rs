//! What is dangerous, will go wrong, or could be better.

use std::time::{Duration, SystemTime};

use redfish_power::{Certificate, Config, Error, Handshake, Purpose, ResetType, TlsFailure};

use super::{Login, Observed, is_refused, told};
use crate::diagnosis::{Finding, of_credentials, of_time};
use crate::{AgentConfig, ConfigError};

/// Certificates take a while to be renewed.
const EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Bits of an RSA key that is no longer safe.
const SHORT_RSA: usize = 2048;

pub(super) fn of(
    observed: &Observed,
    config: &AgentConfig,
    given: &Result<Config, ConfigError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let handshake = &observed.discovery.handshake;
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    findings.extend(given.as_ref().err().and_then(of_unusable));
    findings.extend(of_trust(observed, config));
    if let Some(certificate) = &handshake.certificate {
        findings.extend(of_certificate(certificate, since_1970));
    }
    if !observed.speaks_redfish() {
        findings.push(of_no_redfish(observed));
    }
    if let Some(login) = &observed.login {
        findings.extend(of_login(login));
        findings.extend(of_credentials_taken(login, config));
        findings.extend(of_resets(login, config));
    }
    findings
}

/// A user that is not given is no mistake: then there is no login.
fn of_unusable(error: &ConfigError) -> Option<Finding> {
    if matches!(error, ConfigError::Missing { .. }) {
        return None;
    }
    let remedy = "correct the parameter, and diagnose again";
    let why = "no login was tried with it";
    Some(Finding::problem("unusable_parameter", error.to_string(), why, remedy))
}

fn of_trust(observed: &Observed, config: &AgentConfig) -> Option<Finding> {
    let Handshake { refusal, fingerprint, .. } = &observed.discovery.handshake;
    let trust = format!(
        "compare the fingerprint with that on the BMC's own page; if it is the same, configure \
         ssl_fingerprint={fingerprint}"
    );
    match refusal {
        Some(_) if observed.is_another_certificate() => Some(Finding::security(
            "another_certificate",
            "the certificate is not the one that was configured",
            "the BMC has a new one, or somebody answers in its place; the password was not sent",
            trust,
        )),
        Some(TlsFailure::Certificate { fault, .. }) => {
            let was_sent = observed.verification.is_some();
            let sent = if was_sent {
                "the password was sent to who shows it, as was asked for"
            } else {
                "the password was not sent, and no login tried"
            };
            let why = format!("it {fault}; {sent}");
            Some(Finding::problem(
                "certificate_not_trusted",
                "the certificate cannot be verified",
                why,
                trust,
            ))
        }
        Some(refusal) => {
            let what = "the certificate cannot be verified";
            Some(Finding::problem("certificate_not_trusted", what, refusal.to_string(), trust))
        }
        None if config.is_set("ssl_insecure") && !config.is_given("ssl_fingerprint") => {
            Some(Finding::security(
                "certificate_not_checked",
                "with ssl_insecure=1 the certificate is not checked",
                "whoever can redirect the traffic gets the password, and can claim that the machine is off",
                trust,
            ))
        }
        None => None,
    }
}

fn of_certificate(certificate: &Certificate, now: Duration) -> Vec<Finding> {
    let mut findings = Vec::new();
    let renew = "give the BMC a new certificate";
    if certificate.expires < now {
        findings.push(Finding::problem(
            "certificate_expired",
            format!("the certificate expired on {}", certificate.not_after),
            "it is taken by its fingerprint only",
            renew,
        ));
    } else if certificate.expires < now.saturating_add(EXPIRES_SOON) {
        findings.push(Finding::advice(
            "certificate_expires_soon",
            format!("the certificate expires on {}", certificate.not_after),
            "from then on it is taken by its fingerprint only, and a new one has a new fingerprint",
            renew,
        ));
    }
    if let Some(bits) = certificate.rsa_bits.filter(|bits| *bits < SHORT_RSA) {
        findings.push(Finding::security(
            "weak_key",
            format!("the certificate has an RSA key of {bits} bits"),
            "such keys can be computed; who has the key can answer in the BMC's place",
            renew,
        ));
    }
    let signature = certificate.signature.to_ascii_lowercase();
    if ["sha1", "md5", "md2"].iter().any(|weak| signature.contains(weak)) {
        findings.push(Finding::advice(
            "weak_signature",
            format!("the certificate is signed with {}", certificate.signature),
            "it can be trusted by its fingerprint only",
            renew,
        ));
    }
    findings
}

fn of_no_redfish(observed: &Observed) -> Finding {
    let why = match &observed.discovery.root {
        Ok(_) => "the service root has no RedfishVersion".to_owned(),
        Err(error) => told(error),
    };
    Finding::problem(
        "no_redfish",
        "what answers there shows no Redfish service",
        why,
        "enable Redfish on the BMC, update its firmware, or check ip, ipport and redfish_uri",
    )
}

fn of_login(login: &Login) -> Vec<Finding> {
    let mut findings = Vec::new();
    let state = login.system.as_ref().map(|system| system.power_state().map(|_| ()));
    match state {
        Ok(Ok(())) => findings.extend(of_time(login.took)),
        Ok(Err(error)) => findings.push(Finding::problem(
            "no_power_state",
            "the system does not tell its power state",
            told(&error),
            "if the BMC is not just starting, restart it",
        )),
        Err(error) => findings.push(of_failure(error, is_refused(&login.system))),
    }
    if login.has_session && login.system.is_ok() {
        findings.push(Finding::advice(
            "needs_session",
            "the service takes no Basic authentication",
            "the Python agent has no other; this one opens a session in each call, for which the BMC has few places",
            "allow Basic authentication on the BMC, where that is safe",
        ));
    }
    findings
}

fn of_failure(error: &Error, is_refused: bool) -> Finding {
    let (name, what, remedy) = match error {
        _ if is_refused => (
            "wrong_credentials",
            "user and password are refused",
            "check both, and whether the user may use Redfish; nothing else was tried with them, for BMCs lock users out",
        ),
        Error::SeveralSystems { .. } => (
            "several_systems",
            "the service has several systems, and it is not said which one is meant",
            "give one by its path with systems_uri, or by a name of its own with plug",
        ),
        Error::NoSystem { .. } | Error::NoReset { .. } => (
            "no_system",
            "the service has no system that can be reset",
            "check systems_uri, and the BMC's firmware",
        ),
        Error::Refused { refusal, .. } if refusal.says("PasswordChangeRequired") => (
            "password_change_required",
            "the password must be changed before it can be used",
            "log in to the BMC with a browser, and change it",
        ),
        _ => ("login_failed", "the system cannot be read", "see why; then diagnose again"),
    };
    Finding::problem(name, what, told(error), remedy)
}

fn of_credentials_taken(login: &Login, config: &AgentConfig) -> Vec<Finding> {
    let is_taken = login.system.is_ok() || login.systems.is_some();
    let password = config.secret("password").filter(|_| is_taken);
    let username = config.text("username").unwrap_or_default();
    password.map(|password| of_credentials(&username, &password)).unwrap_or_default()
}

/// What the agent will do, or not be able to do, with the resets that the system takes.
fn of_resets(login: &Login, config: &AgentConfig) -> Vec<Finding> {
    let Some(resets) = &login.resets else { return Vec::new() };
    let graceful = config.is_set("graceful_off");
    let best = |purpose: Purpose| {
        let is_taken = |reset: &&ResetType| resets.iter().any(|word| word == reset.name());
        purpose.types().iter().find(is_taken)
    };
    let mut findings = Vec::new();
    match best(Purpose::Off { graceful }) {
        Some(ResetType::PushPowerButton) => findings.push(Finding::advice(
            "off_by_button",
            "the system has no ForceOff; its power button is pressed instead",
            "a press is sent once only, as two may undo each other; off is believed four seconds later",
            "have a second way to fence this node",
        )),
        Some(ResetType::GracefulShutdown) | None => findings.push(Finding::problem(
            "no_forced_off",
            "the system can neither be forced off, nor has it a power button",
            "fencing fails, unless the operating system may be asked to shut down, which one that hangs does not",
            "update the BMC's firmware, or fence this node in another way; graceful_off=1 beside another device only",
        )),
        _ => {}
    }
    if best(Purpose::On).is_none() {
        findings.push(Finding::problem(
            "no_power_on",
            "the system cannot be switched on",
            "a node that was fenced stays off",
            "update the BMC's firmware",
        ));
    }
    findings
}
