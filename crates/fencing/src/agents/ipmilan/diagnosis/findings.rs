//! What is dangerous, will go wrong, or could be better.

use ipmi_lan::command::AuthenticationCapabilities;
use ipmi_lan::session::SessionConfig;
use ipmi_lan::{AuthenticationType, CipherSuite, Error, Password, Privilege, Protection};

use super::probe::{Attempt, Login};
use super::{Observed, told};
use crate::diagnosis::{Finding, of_credentials, of_time};
use crate::{AgentConfig, ConfigError};

/// Bytes of a password below which the hash that IPMI 2.0 gives away may be enough to find it.
const LONG_PASSWORD: usize = 16;

pub(super) fn of(
    observed: &Observed,
    config: &AgentConfig,
    given: &Result<SessionConfig, ConfigError>,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(given.as_ref().err().map(of_unusable));
    findings.extend(of_open_doors(observed));
    if let Some(capabilities) = &observed.asked.capabilities {
        findings.extend(of_users(capabilities));
        findings.extend(of_versions(observed, capabilities));
        findings.extend(of_kg(capabilities, given));
    }
    findings.extend(of_suites(observed));
    findings.extend(of_failed_logins(observed));
    findings.extend(of_level(observed));
    findings.extend(of_password(observed, config));
    findings.extend(observed.best().and_then(|login| of_time(login.took)));
    findings
}

fn of_unusable(error: &ConfigError) -> Finding {
    Finding::problem(
        "unusable_parameter",
        error.to_string(),
        "no login was tried with it",
        "correct the parameter, and diagnose again",
    )
}

/// Ways in that take no password.
fn of_open_doors(observed: &Observed) -> Vec<Finding> {
    let open = |attempt: &Option<Attempt>| {
        attempt.as_ref().and_then(|attempt| attempt.outcome.as_ref().ok()).map(Login::privilege)
    };
    let means = |level| match level {
        Privilege::Administrator | Privilege::Oem | Privilege::Operator => {
            "anybody on the network can switch this machine"
        }
        _ => "anybody on the network can read from this BMC",
    };
    let suite_0 = open(&observed.suite_0).map(|level| {
        Finding::security(
            "cipher_suite_0",
            format!("cipher suite 0 is accepted: it lets this user in as {level} without a password"),
            format!("{}, knowing no more than the name of the user", means(level)),
            "switch cipher suite 0 off (ipmitool lan set CHANNEL cipher_privs, X in the first place), and let no other \
             network reach the BMC",
        )
    });
    let none = open(&observed.none).map(|level| {
        Finding::security(
            "authentication_none",
            format!("authentication type none of IPMI 1.5 lets this user in as {level} without a password"),
            format!("{}, knowing no more than the name of the user", means(level)),
            "switch the type off at every level (ipmitool lan set CHANNEL auth)",
        )
    });
    suite_0.into_iter().chain(none).collect()
}

fn of_users(capabilities: &AuthenticationCapabilities) -> Option<Finding> {
    let remedy = "disable the user without name, which is user 1 (ipmitool user disable 1)";
    if capabilities.anonymous_user {
        return Some(Finding::security(
            "anonymous_user",
            "a user without name and password is enabled",
            "anybody on the network may do what that user may",
            remedy,
        ));
    }
    capabilities.null_user.then(|| {
        Finding::security(
            "null_user",
            "a user without name is enabled",
            "who wants to guess a password need not know a user name; some BMCs are delivered with an empty one",
            remedy,
        )
    })
}

fn of_versions(observed: &Observed, capabilities: &AuthenticationCapabilities) -> Vec<Finding> {
    match (capabilities.ipmi15, capabilities.ipmi20) {
        (true, true) => of_open_15(observed, capabilities),
        (true, false) => {
            let only = Finding::security(
                "only_ipmi15",
                "the BMC has IPMI 1.5 only",
                "nothing is encrypted, and packets are protected by MD5 at the best",
                "update the firmware, or enable IPMI 2.0 on the BMC; until then let no other network reach it",
            );
            std::iter::once(only).chain(of_open_15(observed, capabilities)).collect()
        }
        (false, true) if observed.best().is_some() => vec![Finding::advice(
            "needs_lanplus",
            "the BMC has no IPMI 1.5",
            "the Python agent fails without lanplus=1; this one then uses IPMI 2.0 by itself",
            "configure lanplus=1",
        )],
        _ => Vec::new(),
    }
}

/// IPMI 1.5, with all that makes it worse.
fn of_open_15(observed: &Observed, capabilities: &AuthenticationCapabilities) -> Vec<Finding> {
    let mut findings = Vec::new();
    // Without any type nobody can log in, whatever the BMC says of the version; unless somebody did.
    let is_in = || {
        observed
            .attempts
            .iter()
            .filter_map(|attempt| attempt.outcome.as_ref().ok())
            .any(Login::is_15)
    };
    let is_open = observed.asked.types_15().bits() != 0 || is_in();
    if capabilities.ipmi20 && is_open {
        findings.push(Finding::security(
            "ipmi15_open",
            "IPMI 1.5 is enabled beside IPMI 2.0",
            "it encrypts nothing, uses 16 bytes of a password at most, and protects packets by MD5 at the best",
            "switch it off, if nothing else needs it: leave no authentication type enabled at any level",
        ));
    }
    let weak: Vec<_> = [AuthenticationType::None, AuthenticationType::Password]
        .into_iter()
        .filter(|kind| observed.asked.offers(*kind))
        .map(|kind| kind.to_string())
        .collect();
    if !weak.is_empty() {
        findings.push(Finding::security(
            "weak_authentication_types",
            format!("IPMI 1.5 is offered with the authentication types {}", weak.join(" and ")),
            "password sends the password as it is; none wants no password at all",
            "leave only MD5 enabled (ipmitool lan set CHANNEL auth)",
        ));
    }
    if capabilities.per_message_authentication_disabled {
        findings.push(Finding::security(
            "no_packet_authentication",
            "in IPMI 1.5 packets need no authentication code",
            "who can send in the name of somebody that is logged in can switch the machine; and answers can be forged",
            "enable per-message authentication on the BMC",
        ));
    }
    if capabilities.user_level_authentication_disabled {
        findings.push(Finding::security(
            "no_user_level_authentication",
            "in IPMI 1.5 commands of user level need no authentication code",
            "who can send in the name of somebody that is logged in can read from this BMC, and the answer that says \
             whether power is off can be forged",
            "enable user-level authentication on the BMC",
        ));
    }
    findings
}

fn of_kg(
    capabilities: &AuthenticationCapabilities,
    given: &Result<SessionConfig, ConfigError>,
) -> Option<Finding> {
    let is_given = given.as_ref().is_ok_and(|config| config.kg.is_some());
    (capabilities.kg_set && !is_given).then(|| {
        Finding::problem(
            "kg_missing",
            "the BMC says that it has a key Kg, and none was given",
            "a login by IPMI 2.0 fails without the key",
            "give it with hexadecimal_kg",
        )
    })
}

fn of_suites(observed: &Observed) -> Vec<Finding> {
    let mut findings = Vec::new();
    let listed = observed.asked.suites.as_ref().ok();
    if let Some(login) = observed.best()
        && let Protection::Ipmi20(suite) = login.logged_in.protection
    {
        if !CipherSuite::RECOMMENDED.contains(&suite) {
            findings.push(Finding::security(
                "weak_cipher_suites",
                format!("neither cipher suite 17 nor 3 is accepted, but {suite}"),
                "it leaves out the encryption, or the authentication of packets, or uses MD5",
                format!("enable cipher suite 17 or 3 on the BMC; until then the agent needs cipher={suite}"),
            ));
        } else if listed.is_none() && observed.asked.may_have_20() {
            findings.push(Finding::advice(
                "suites_not_listed",
                "the BMC does not tell its cipher suites before a login",
                "the Python agent, which runs ipmitool, waits some ten seconds for them in each of its steps",
                format!("configure cipher={suite}"),
            ));
        }
    }
    findings
}

/// Why there is no way in, or one less than there should be.
fn of_failed_logins(observed: &Observed) -> Option<Finding> {
    let is_in = observed.attempts.iter().any(Attempt::is_in);
    let failed = observed.attempts.iter().rfind(|attempt| !attempt.is_in()).filter(|_| !is_in)?;
    let error = failed.outcome.as_ref().err()?;
    let (name, what, remedy) = match error {
        _ if failed.is_refused() => (
            "wrong_password",
            "the password does not fit the user",
            "check user name and password; nothing else was tried with them, for BMCs lock users out",
        ),
        _ if failed.is_unknown_user() => (
            "unknown_user",
            "the BMC does not know the user",
            "check the user name, and whether the user is enabled for LAN on the BMC",
        ),
        Error::PasswordTooLong15 => (
            "password_too_long",
            "the password has more than 16 bytes, and the BMC only IPMI 1.5",
            "enable IPMI 2.0 on the BMC, or give the user a password of at most 16 bytes",
        ),
        Error::WrongKg { .. } => (
            "wrong_kg",
            "user and password fit, the key Kg does not",
            "give the BMC's key with hexadecimal_kg",
        ),
        _ => ("login_failed", "no login succeeds", "see why; then diagnose again"),
    };
    Some(Finding::problem(name, what, told(error), remedy))
}

/// The least level that does.
fn of_level(observed: &Observed) -> Option<Finding> {
    let logins = || observed.attempts.iter().filter_map(|attempt| attempt.outcome.as_ref().ok());
    let highest = logins().map(Login::privilege).max()?;
    if highest < Privilege::Operator {
        return Some(Finding::problem(
            "privilege_too_low",
            format!("the user may log in as {highest} only"),
            "switching power takes operator",
            "raise the user's limit on the BMC to operator",
        ));
    }
    let least = observed.best()?.privilege();
    (highest > Privilege::Operator && least == Privilege::Operator).then(|| {
        Finding::advice(
            "more_privilege_than_needed",
            format!("the user may log in as {highest}, and operator is enough to fence"),
            "who learns the password from a cluster can change the BMC's users and firmware",
            "give the cluster a user of its own whose limit is operator, and configure privlvl=operator",
        )
    })
}

fn of_password(observed: &Observed, config: &AgentConfig) -> Vec<Finding> {
    let Some(password) = config.secret("password") else { return Vec::new() };
    if !observed.attempts.iter().any(Attempt::is_in) {
        return Vec::new();
    }
    let username = config.text("username").unwrap_or_default();
    let length = password.expose().len();
    let mut findings = of_credentials(&username, &password);
    let has_20 = observed.asked.may_have_20();
    if has_20 && length < LONG_PASSWORD && findings.is_empty() {
        findings.push(Finding::advice(
            "password_not_long",
            format!("the password has fewer than {LONG_PASSWORD} bytes"),
            "by the design of IPMI 2.0 a BMC gives everybody a hash of it, who can then try passwords at leisure",
            "give the user 16 to 20 random characters, another password on each BMC",
        ));
    }
    let is_15_open = observed.asked.capabilities.is_some_and(|capabilities| capabilities.ipmi15);
    if length > Password::MAX_15 && is_15_open && has_20 {
        findings.push(Finding::security(
            "password_cut_by_ipmi15",
            "the password has more than 16 bytes, and IPMI 1.5 is enabled",
            "IPMI 1.5 has no more than 16; some BMCs let in there who knows these, this agent does not try",
            "switch IPMI 1.5 off",
        ));
    }
    findings
}
