//! What a configuration means to IPMI.

use std::time::Duration;

use ipmi_lan::session::SessionConfig;
use ipmi_lan::{CipherSuite, CredentialError, Kg, Password, Privilege, RetryPolicy, Username};

use crate::{AgentConfig, ConfigError};

/// The login time-out where the user has none.
const WITHOUT_LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn host(config: &AgentConfig) -> Result<String, ConfigError> {
    let host = config
        .text("ip")
        .ok_or(ConfigError::Missing { what: "the fence address", parameter: "ip" })?;
    // An IPv6 address may be written in brackets, as in an URL.
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(literal.unwrap_or(&host).to_owned())
}

pub(super) fn port(config: &AgentConfig) -> Result<u16, ConfigError> {
    let port = config.integer("ipport").unwrap_or(0);
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(unusable("ipport", format!("{port} is no UDP port (1 to 65535)"))),
    }
}

pub(super) fn session_config(config: &AgentConfig) -> Result<SessionConfig, ConfigError> {
    let credential =
        |parameter| move |error: CredentialError| unusable(parameter, error.to_string());
    let username = config.text("username").unwrap_or_default();
    let password = config.secret("password");
    let password = password.as_ref().map_or("", |password| password.expose());
    let kg = config.secret("hexadecimal_kg");
    Ok(SessionConfig {
        username: Username::new(username).map_err(credential("username"))?,
        password: Password::new(password).map_err(credential("password"))?,
        kg: kg
            .map(|kg| Kg::from_hex(kg.expose()))
            .transpose()
            .map_err(credential("hexadecimal_kg"))?,
        privilege: privilege(config),
        cipher_suites: cipher_suites(config)?,
        retry: RetryPolicy { silence: login_timeout(config), ..RetryPolicy::default() },
    })
}

fn privilege(config: &AgentConfig) -> Privilege {
    match config.text("privlvl").as_deref() {
        Some("callback") => Privilege::Callback,
        Some("user") => Privilege::User,
        Some("operator") => Privilege::Operator,
        _ => Privilege::Administrator,
    }
}

/// The suite asked for and no other; the best first when none was.
fn cipher_suites(config: &AgentConfig) -> Result<Vec<CipherSuite>, ConfigError> {
    let Some(id) = config.text("cipher") else { return Ok(CipherSuite::RECOMMENDED.to_vec()) };
    let suite = id.trim().parse().ok().and_then(CipherSuite::from_id);
    let suite = suite.ok_or_else(|| unusable("cipher", unknown_suite(&id)))?;
    if !suite.authenticates_packets() {
        log::warn!(
            "cipher suite {suite} authenticates no packet: anybody on the network can answer for the BMC"
        );
    }
    Ok(vec![suite])
}

fn unknown_suite(id: &str) -> String {
    match id.trim() {
        "4" | "5" | "9" | "10" | "13" | "14" | "18" | "19" => {
            format!("suite {id} encrypts with xRC4, which is broken and not supported: use 17 or 3")
        }
        _ => format!("'{}' is no cipher suite: use 17 or 3", id.escape_debug()),
    }
}

fn login_timeout(config: &AgentConfig) -> Duration {
    let timeout = config.seconds("login_timeout").filter(|timeout| !timeout.is_zero());
    match timeout {
        Some(timeout) if config.is_given("login_timeout") => timeout,
        Some(timeout) if !config.is_set("disable_timeout") => timeout,
        _ => WITHOUT_LOGIN_TIMEOUT,
    }
}

fn unusable(parameter: &'static str, reason: String) -> ConfigError {
    ConfigError::Unusable { parameter, reason }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn config(given: &[(&str, &str)]) -> AgentConfig {
        let mut config = AgentConfig::new(Arc::new(super::super::agent("fence_ipmilan")));
        for (name, text) in given {
            config.set(name, text).unwrap();
        }
        config
    }

    fn session(given: &[(&str, &str)]) -> Result<SessionConfig, String> {
        session_config(&config(given)).map_err(|error| error.to_string())
    }

    #[test]
    fn nothing_given_is_an_administrator_without_name_and_password() {
        let session = session(&[]).unwrap();
        assert_eq!(session.username.as_bytes(), b"");
        assert!(session.kg.is_none());
        assert_eq!(session.privilege, Privilege::Administrator);
        assert_eq!(session.cipher_suites, CipherSuite::RECOMMENDED);
    }

    #[test]
    fn privilege_levels_and_suites_are_those_that_were_asked_for() {
        for (word, level) in [
            ("callback", Privilege::Callback),
            ("USER", Privilege::User),
            ("Operator", Privilege::Operator),
        ] {
            assert_eq!(session(&[("privlvl", word)]).unwrap().privilege, level);
        }
        for suite in CipherSuite::ALL {
            let id = format!(" {suite} ");
            assert_eq!(session(&[("cipher", &id)]).unwrap().cipher_suites, [suite]);
        }
        let error = session(&[("cipher", "20")]).unwrap_err();
        assert_eq!(error, "cipher: '20' is no cipher suite: use 17 or 3");
        let error = session(&[("cipher", "4")]).unwrap_err();
        assert!(error.contains("xRC4"), "{error}");
    }

    #[test]
    fn credentials_that_are_too_long_are_errors_that_do_not_show_them() {
        let long = "x".repeat(21);
        for name in ["username", "password"] {
            let error = session(&[(name, &long)]).unwrap_err();
            assert!(error.starts_with(&format!("{name}: the ")), "{error}");
            assert!(!error.contains(&long), "{error}");
        }
        let error = session(&[("hexadecimal_kg", "geheim")]).unwrap_err();
        assert_eq!(error, "hexadecimal_kg: the Kg key is not an even number of hexadecimal digits");
    }

    #[test]
    fn the_login_time_out_is_the_users_before_all_others() {
        let seconds = |given| session(given).unwrap().retry.silence.as_secs();
        assert_eq!(seconds(&[]), 5);
        assert_eq!(seconds(&[("login_timeout", "7")]), 7);
        assert_eq!(seconds(&[("disable_timeout", "1")]), 10);
        assert_eq!(seconds(&[("disable_timeout", "1"), ("login_timeout", "7")]), 7);
        assert_eq!(seconds(&[("login_timeout", "0")]), 10);
    }

    #[test]
    fn addresses_may_be_in_brackets_and_ports_are_ports() {
        assert_eq!(host(&config(&[("ip", "[::1]")])).unwrap(), "::1");
        assert_eq!(host(&config(&[("ip", "bmc1")])).unwrap(), "bmc1");
        assert!(host(&config(&[])).is_err());
        assert_eq!(port(&config(&[])).unwrap(), 623);
        for wrong in ["0", "-1", "65536"] {
            assert!(port(&config(&[("ipport", wrong)])).is_err(), "{wrong}");
        }
    }
}
