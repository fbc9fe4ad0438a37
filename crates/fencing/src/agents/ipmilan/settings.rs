//! What a configuration means to IPMI.

use ipmi_lan::session::SessionConfig;
use ipmi_lan::{
    AuthenticationType, CipherSuite, CredentialError, Kg, Password, Privilege, Protocol, Quirk,
    RetryPolicy, Target, Transit, Username, Workarounds,
};

use crate::agents::bmc::{address, login_timeout, unusable};
use crate::{AgentConfig, ConfigError};

pub(super) fn host(config: &AgentConfig) -> Result<String, ConfigError> {
    let host = address(config)?;
    // An IPv6 address may be written in brackets, as in an URL.
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(literal.unwrap_or(&host).to_owned())
}

pub(super) fn session_config(config: &AgentConfig) -> Result<SessionConfig, ConfigError> {
    let credential =
        |parameter| move |error: CredentialError| unusable(parameter, error.to_string());
    let username = config.text("username").unwrap_or_default();
    let password = config.secret("password");
    let password = password.as_ref().map_or("", |password| password.expose());
    let kg = config.secret("hexadecimal_kg");
    Ok(SessionConfig {
        protocol: if config.is_set("lanplus") { Protocol::Ipmi20 } else { Protocol::Ipmi15Or20 },
        username: Username::new(username).map_err(credential("username"))?,
        password: Password::new(password).map_err(credential("password"))?,
        kg: kg
            .map(|kg| Kg::from_hex(kg.expose()))
            .transpose()
            .map_err(credential("hexadecimal_kg"))?,
        privilege: privilege(config),
        authentication: authentication(config),
        cipher_suites: cipher_suites(config)?,
        target: target(config)?,
        workarounds: workarounds(config)?,
        retry: RetryPolicy::with_silence(login_timeout(config)),
    })
}

/// The one asked for; with lanplus there is nothing to choose.
fn authentication(config: &AgentConfig) -> Option<AuthenticationType> {
    let kind = match config.text("auth").as_deref()? {
        "none" => AuthenticationType::None,
        "password" => AuthenticationType::Password,
        _ => AuthenticationType::Md5,
    };
    if !config.is_set("lanplus") {
        warn_of_authentication(kind);
    }
    Some(kind)
}

fn warn_of_authentication(kind: AuthenticationType) {
    match kind {
        AuthenticationType::None => {
            log::warn!("auth=none: in IPMI 1.5 anybody on the network can answer for the BMC");
        }
        AuthenticationType::Password => {
            log::warn!("auth=password: in IPMI 1.5 anybody on the network can read the password");
        }
        _ => {}
    }
}

fn workarounds(config: &AgentConfig) -> Result<Workarounds, ConfigError> {
    let text = config.text("workarounds").unwrap_or_default();
    let workarounds = Workarounds::parse(&text).map_err(|_| {
        let known = Quirk::ALL.map(|quirk| quirk.facts().name).join(", ");
        unusable("workarounds", format!("this has a name that is none of {known}"))
    })?;
    for quirk in workarounds.forced().iter().filter(|quirk| quirk.facts().weakens) {
        log::warn!("workaround {quirk}: somebody without the password can answer for the BMC");
    }
    if workarounds.forces(Quirk::I82571Spt) && !config.is_set("lanplus") {
        let reason = "i82571spt is for IPMI 2.0: it needs lanplus=1".to_owned();
        return Err(unusable("workarounds", reason));
    }
    if workarounds.forces(Quirk::IdZero) {
        log::warn!("workaround idzero: where packets have no code, anybody can answer for the BMC");
    }
    Ok(workarounds)
}

/// The controller behind the BMC. As it is to ipmitool, 0 is none, and 20h is the BMC itself.
fn target(config: &AgentConfig) -> Result<Option<Target>, ConfigError> {
    let address_of = |name| Ok(byte(config, name, 0xff)?.filter(|byte| ![0, 0x20].contains(byte)));
    let number_of = |name, most| Ok(byte(config, name, most)?.unwrap_or(0));
    let (address, transit) = (address_of("target")?, address_of("transit")?);
    let transit_channel = number_of("transit_channel", 0x0f)?;
    let (channel, lun) = (number_of("target_channel", 0x0f)?, number_of("target_lun", 3)?);
    let Some(address) = address else {
        let mut place = ["target_channel", "target_lun", "transit", "transit_channel"].into_iter();
        return match place.find(|name| config.is_given(name)) {
            Some(name) => Err(unusable(name, "it needs a target behind the BMC".to_owned())),
            None => Ok(None),
        };
    };
    if transit == Some(address) {
        // Nobody could tell whose answer it is.
        return Err(unusable("transit", "it is the address of the target, too".to_owned()));
    }
    let transit = transit.map(|address| Transit { address, channel: transit_channel });
    Ok(Some(Target { address, lun, channel, transit }))
}

/// A small number.
fn byte(config: &AgentConfig, name: &'static str, most: u8) -> Result<Option<u8>, ConfigError> {
    let Some(text) = config.text(name) else { return Ok(None) };
    match number(text.trim()) {
        Some(number) if number <= most => Ok(Some(number)),
        _ => {
            // Without the text, which may be a password in the wrong place; so in all messages.
            Err(unusable(name, format!("this is no number from 0 to {most:#04x}")))
        }
    }
}

/// As ipmitool reads it: decimal; hexadecimal behind 0x; octal behind another 0. Read otherwise it would be the address
/// of another machine.
fn number(text: &str) -> Option<u8> {
    let (digits, radix) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) => (digits, 16),
        None if text.starts_with('0') => (text, 8),
        None => (text, 10),
    };
    u8::from_str_radix(digits, radix).ok()
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
        number if number.len() <= 3 && number.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("'{number}' is no cipher suite: use 17 or 3")
        }
        _ => "this is not the number of a cipher suite: use 17 or 3".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::agents::bmc;

    fn config(given: &[(&str, &str)]) -> AgentConfig {
        let mut config = AgentConfig::new(Arc::new(super::super::definition("").agent));
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
    fn a_target_is_read_as_ipmitool_reads_it() {
        let address = |text| session(&[("target", text)]).map(|session| session.target);
        for (text, read) in
            [("0x30", 0x30), ("0X7e", 0x7e), ("48", 48), ("060", 0o60), (" 48 ", 48), ("255", 255)]
        {
            assert_eq!(address(text), Ok(Some(Target::on_ipmb(read))), "{text}");
        }
        for itself in ["0x20", "32", "040", "0"] {
            assert_eq!(address(itself), Ok(None), "{itself}");
        }
        for wrong in ["256", "-1", "0x", "08", "abc", "0x100", "3 0"] {
            let error = "target: this is no number from 0 to 0xff".to_owned();
            assert_eq!(address(wrong), Err(error));
        }
    }

    #[test]
    fn where_a_target_is_takes_a_target() {
        let place = [
            ("target", "0x30"),
            ("target_channel", "7"),
            ("target_lun", "1"),
            ("transit", "0x82"),
            ("transit_channel", "6"),
        ];
        let expected = Target {
            address: 0x30,
            lun: 1,
            channel: 7,
            transit: Some(Transit { address: 0x82, channel: 6 }),
        };
        assert_eq!(session(&place).unwrap().target, Some(expected));
        for (name, value) in &place[1..] {
            let error = session(&[(name, value)]).unwrap_err();
            assert_eq!(error, format!("{name}: it needs a target behind the BMC"));
        }
        for itself in ["0", "0x20"] {
            let error = session(&[("target", itself), ("transit", "0x82")]).unwrap_err();
            assert_eq!(error, "transit: it needs a target behind the BMC");
        }
        let error = session(&[("target", "0x82"), ("transit", "0x82")]).unwrap_err();
        assert_eq!(error, "transit: it is the address of the target, too");
        let target = session(&[("target", "0x30"), ("transit", "0")]).unwrap().target;
        assert_eq!(target, Some(Target::on_ipmb(0x30)));
        for (name, value) in [("target_channel", "16"), ("target_lun", "4")] {
            assert!(session(&[("target", "0x30"), (name, value)]).is_err(), "{name}");
        }
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
        let port = |given: &[(&str, &str)]| bmc::port(&config(given), "UDP");
        assert_eq!(port(&[]).unwrap(), 623);
        for wrong in ["0", "-1", "65536"] {
            assert!(port(&[("ipport", wrong)]).is_err(), "{wrong}");
        }
    }
}
