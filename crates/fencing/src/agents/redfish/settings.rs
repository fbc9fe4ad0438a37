//! What a configuration means to Redfish.

use std::path::PathBuf;

use redfish_power::{Config, Credentials, Fingerprint, Origin, RetryPolicy, Verification};

use crate::agents::bmc::{self, login_timeout, missing, unusable};
use crate::{AgentConfig, ConfigError};

/// Where the environment may name a bundle: first those of the Python agent's HTTP library, then that of OpenSSL.
const BUNDLES: [&str; 3] = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];
/// Where the environment may name a proxy.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

/// The variables of the environment.
pub(super) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// What the client needs. The environment is asked for a bundle of certificates.
pub(super) fn client_config(
    config: &AgentConfig,
    environment: Environment<'_>,
) -> Result<Config, ConfigError> {
    let (host, port) = address(config)?;
    Ok(Config {
        origin: Origin::new(&host, port).map_err(|error| unusable("ip", error.to_string()))?,
        root: path(config, "redfish_uri")?.unwrap_or_else(|| "/redfish/v1".to_owned()),
        system: path(config, "systems_uri")?,
        choice: config.text("plug").filter(|_| !config.is_set("port_as_ip")),
        credentials: credentials(config)?,
        verification: verification(config, environment)?,
        policy: RetryPolicy { silence: login_timeout(config), ..RetryPolicy::default() },
    })
}

/// Host and port. The port may stand behind the host, and counts more than `ipport` there, as in the Python agent. An
/// IPv6 address with a port must be in brackets.
fn address(config: &AgentConfig) -> Result<(String, u16), ConfigError> {
    let ip = bmc::address(config)?;
    let (host, port) = match ip.split_once(']') {
        Some((_, "")) => (ip.clone(), None),
        Some((host, rest)) => {
            (format!("{host}]"), Some(rest.strip_prefix(':').unwrap_or_default()))
        }
        None => match ip.split_once(':') {
            Some((host, port)) if !port.contains(':') => (host.to_owned(), Some(port)),
            _ => (ip.clone(), None),
        },
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port > 0).ok_or_else(|| {
            let reason = "behind the colon there is no TCP port (1 to 65535); give the host without https:// and path";
            unusable("ip", reason.to_owned())
        })?,
        None => bmc::port(config, "TCP")?,
    };
    Ok((host, port))
}

fn path(config: &AgentConfig, name: &'static str) -> Result<Option<String>, ConfigError> {
    match config.text(name) {
        Some(path) if !path.starts_with('/') || path.starts_with("//") => {
            Err(unusable(name, "it is no path that begins with one /".to_owned()))
        }
        path => Ok(path),
    }
}

fn credentials(config: &AgentConfig) -> Result<Credentials, ConfigError> {
    let username = config.text("username").ok_or(missing("the login name", "username"))?;
    if username.contains(':') {
        // It ends where the first colon is (RFC 7617 §2).
        return Err(unusable(
            "username",
            "a name with a colon cannot be used with Basic".to_owned(),
        ));
    }
    let password = config.secret("password");
    if password.is_none() && !config.is_given("password_script") {
        return Err(missing("password or password_script", "password"));
    }
    Ok(Credentials::new(username, password.as_ref().map_or("", |password| password.expose())))
}

fn verification(
    config: &AgentConfig,
    environment: Environment<'_>,
) -> Result<Verification, ConfigError> {
    if let Some(text) = config.text("ssl_fingerprint") {
        let fingerprint = text.parse::<Fingerprint>();
        return fingerprint
            .map(Verification::Fingerprint)
            .map_err(|error| unusable("ssl_fingerprint", error.to_string()));
    }
    if config.is_set("ssl_insecure") {
        return Ok(Verification::None);
    }
    let bundle = bundle(config, environment).map(|(_, path)| Verification::Bundle(path));
    Ok(bundle.unwrap_or(Verification::SystemRoots))
}

/// The bundle of certificates, and where it is named: the parameter, or a variable of the environment.
pub(super) fn bundle(
    config: &AgentConfig,
    environment: Environment<'_>,
) -> Option<(&'static str, PathBuf)> {
    let own = config.text("ssl_ca_bundle").map(|path| ("ssl_ca_bundle", path));
    let set = || BUNDLES.into_iter().find_map(|name| Some((name, set_in(environment, name)?)));
    own.or_else(set).map(|(name, path)| (name, PathBuf::from(path)))
}

/// The variable of the environment that names a proxy, if one does.
pub(super) fn proxy(environment: Environment<'_>) -> Option<&'static str> {
    PROXIES.into_iter().find(|name| set_in(environment, name).is_some())
}

/// What a variable is set to, if it is to anything.
fn set_in(environment: Environment<'_>, name: &str) -> Option<String> {
    environment(name).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn config(given: &[(&str, &str)]) -> AgentConfig {
        let mut config = AgentConfig::new(Arc::new(super::super::definition("").agent));
        for (name, value) in given {
            config.set(name, value).unwrap();
        }
        config
    }

    fn client(given: &[(&str, &str)]) -> Result<Config, String> {
        let all = [&[("ip", "h"), ("username", "u"), ("password", "p")][..], given].concat();
        client_config(&config(&all), &|_| None).map_err(|error| error.to_string())
    }

    #[test]
    fn the_port_may_stand_behind_the_host() {
        for (ip, expected) in [
            ("bmc1", "bmc1:443"),
            ("bmc1:8443", "bmc1:8443"),
            ("10.0.0.5:8443", "10.0.0.5:8443"),
            ("::1", "[::1]:443"),
            ("[::1]", "[::1]:443"),
            ("[::1]:8443", "[::1]:8443"),
            ("fd00::10:8443", "[fd00::10:8443]:443"),
        ] {
            assert_eq!(client(&[("ip", ip)]).unwrap().origin.to_string(), expected, "{ip}");
        }
        let both = client(&[("ip", "h:1"), ("ipport", "2")]).unwrap();
        assert_eq!(both.origin.to_string(), "h:1");
        for wrong in [
            "https://bmc1",
            "bmc1:",
            "bmc1:0",
            "bmc1:65536",
            "[::1]8443",
            "[::1]:x",
            "bmc1/x",
            "::1%eth0",
            "[::1",
            "::1]",
            "[bmc1",
        ] {
            let error = client(&[("ip", wrong)]).unwrap_err();
            assert!(error.starts_with("ip: "), "{wrong}: {error}");
        }
        assert!(client(&[("ipport", "0")]).unwrap_err().starts_with("ipport: 0 is no TCP port"));
    }

    #[test]
    fn who_asks_must_be_told() {
        let missing = |given: &[(&str, &str)]| {
            client_config(&config(given), &|_| None).unwrap_err().to_string()
        };
        assert!(missing(&[("ip", "h"), ("password", "p")]).contains("username=…"));
        assert!(missing(&[("ip", "h"), ("username", "u")]).contains("password=…"));
        assert!(client(&[("username", "a:b")]).is_err());
        let script = config(&[("ip", "h"), ("username", "u"), ("password_script", "x")]);
        assert!(client_config(&script, &|_| None).is_ok());
    }

    #[test]
    fn paths_are_paths() {
        let both = client(&[("redfish-uri", "/rf"), ("systems_uri", "/rf/Systems/1")]).unwrap();
        assert_eq!((both.root.as_str(), both.system.as_deref()), ("/rf", Some("/rf/Systems/1")));
        assert_eq!(client(&[]).unwrap().root, "/redfish/v1");
        for wrong in ["redfish/v1", "https://h/redfish/v1", "//h/redfish"] {
            assert!(client(&[("systems_uri", wrong)]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_plug_chooses_unless_it_is_the_address() {
        assert_eq!(client(&[("port", "node1")]).unwrap().choice.as_deref(), Some("node1"));
        assert_eq!(client(&[("port", "node1"), ("port_as_ip", "1")]).unwrap().choice, None);
    }

    #[test]
    fn the_certificate_is_checked_unless_that_is_switched_off() {
        for (given, insecure) in [
            (&[][..], false),
            (&[("ssl", "0")], false),
            (&[("ssl_insecure", "0")], false),
            (&[("ssl_insecure", "no")], false),
            (&[("ssl_insecure", "1")], true),
            (&[("ssl_insecure", "1"), ("ssl_secure", "1")], true),
        ] {
            let verification = client(given).unwrap().verification;
            assert_eq!(matches!(verification, Verification::None), insecure, "{given:?}");
        }
    }

    #[test]
    fn a_fingerprint_counts_more_than_everything_else() {
        let fingerprint = "ab:".repeat(31) + "AB";
        let given = [("ssl_fingerprint", fingerprint.as_str()), ("ssl_insecure", "1")];
        assert!(matches!(client(&given).unwrap().verification, Verification::Fingerprint(_)));
        assert!(
            client(&[("ssl_fingerprint", "abc")]).unwrap_err().starts_with("ssl_fingerprint: ")
        );
    }

    #[test]
    fn the_bundle_is_the_users_before_the_environments() {
        let bundle = |given, environment: &[(&str, &str)]| {
            let all = [&[("ip", "h"), ("username", "u"), ("password", "p")][..], given].concat();
            let of = |name: &str| {
                environment.iter().find(|(n, _)| *n == name).map(|(_, path)| (*path).to_owned())
            };
            match client_config(&config(&all), &of).unwrap().verification {
                Verification::Bundle(path) => path.to_str().map(str::to_owned),
                _ => None,
            }
        };
        let both = [("CURL_CA_BUNDLE", "/curl"), ("REQUESTS_CA_BUNDLE", "/requests")];
        assert_eq!(bundle(&[("ssl_ca_bundle", "/own")], &both).unwrap(), "/own");
        assert_eq!(bundle(&[], &both).unwrap(), "/requests");
        assert_eq!(bundle(&[], &[("REQUESTS_CA_BUNDLE", ""), both[0]]).unwrap(), "/curl");
        assert_eq!(bundle(&[], &[("SSL_CERT_FILE", "/ssl"), both[0]]).unwrap(), "/curl");
        assert_eq!(bundle(&[], &[("SSL_CERT_FILE", "/ssl")]).unwrap(), "/ssl");
        assert_eq!(bundle(&[], &[]), None);
    }
}
