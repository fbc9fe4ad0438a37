//! `fence_redfish`. Nothing else in this crate knows the crate redfish-power.

mod advice;
mod device;
mod diagnosis;
mod settings;

pub(crate) use diagnosis::diagnose;

use super::Definition;
use super::bmc;
use super::standard::{self, option, parameter, switch};
use crate::{Agent, Kind, Parameter, Plug};

/// Its name.
pub(super) const NAME: &str = "fence_redfish";

/// The agent, by whatever name it is called.
#[must_use]
pub fn definition(_called_as: &str) -> Definition {
    Definition { agent: agent(), open: device::open }
}

fn agent() -> Agent {
    Agent {
        short_description: "Fence agent for Redfish".into(),
        long_description: "Powers a machine off and on through its BMC, by Redfish over HTTPS. Success is reported \
                           only when the BMC was seen to have the power off (or on) after the command. The \
                           action diag only sends an interrupt, and verifies nothing."
            .into(),
        vendor_url: "http://www.dmtf.org".into(),
        parameters: parameters(),
        plug: Plug::Chooses,
        ..bmc::agent(NAME)
    }
}

fn parameters() -> Vec<Parameter> {
    let mut parameters = device();
    parameters.extend(bmc::program());
    parameters.extend(bmc::timing("0"));
    parameters.push(Parameter {
        default: Some("/usr/bin/gnutls-cli".into()),
        getopt: option(None, "gnutlscli-path", "path"),
        ..parameter(
            "gnutlscli_path",
            Kind::String,
            "Accepted for compatibility: this agent does not use gnutls-cli.",
        )
    });
    parameters
}

fn device() -> Vec<Parameter> {
    let mut parameters = vec![
        standard::action(),
        bmc::ip(),
        bmc::ipport("443", "TCP port of the BMC's HTTPS service."),
        switch(
            // This agent's own.
            "graceful_off",
            None,
            "graceful-off",
            "Where the BMC offers no forced power off, ask the operating system to shut down. One that hangs does not.",
        ),
        bmc::method(),
        bmc::password(),
        bmc::password_script(),
        standard::plug(
            "ip",
            "Which of several systems behind one BMC: its Id, Name, UUID, HostName or SerialNumber. Not looked at where \
             there is one only. With port_as_ip, the address of the BMC.",
        ),
        Parameter {
            old_name: Some("redfish-uri".into()),
            default: Some("/redfish/v1".into()),
            getopt: option(None, "redfish-uri", "uri"),
            ..parameter("redfish_uri", Kind::String, "Path of the service root.")
        },
    ];
    parameters.extend(tls());
    parameters.extend([
        Parameter {
            old_name: Some("systems-uri".into()),
            getopt: option(None, "systems-uri", "uri"),
            ..parameter(
                "systems_uri",
                Kind::String,
                "Path of the system, such as /redfish/v1/Systems/1. Otherwise it is looked for.",
            )
        },
        Parameter { required: true, ..bmc::username() },
    ]);
    parameters
}

fn tls() -> Vec<Parameter> {
    vec![
        Parameter {
            default: Some("1".into()),
            ..switch(
                "ssl",
                Some('z'),
                "ssl",
                "Use TLS and check the BMC's certificate. TLS is always used, whatever this says.",
            )
        },
        Parameter {
            getopt: option(None, "ssl-ca-bundle", "file"),
            ..parameter(
                "ssl_ca_bundle",
                Kind::String,
                "File with the certificates, in PEM form, that may vouch for the BMC's, or with its own. Otherwise the \
                 one in the environment (REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, SSL_CERT_FILE), or those of the system.",
            )
        },
        Parameter {
            getopt: option(None, "ssl-fingerprint", "sha256"),
            ..parameter(
                "ssl_fingerprint",
                Kind::String,
                "SHA-256 fingerprint of the BMC's certificate, in hexadecimal: that certificate counts, and no other, \
                 whoever issued it.",
            )
        },
        switch(
            "ssl_insecure",
            None,
            "ssl-insecure",
            "Do not check the BMC's certificate: whoever can redirect the traffic can answer in its place, and gets the \
             password. ssl_fingerprint is better.",
        ),
        switch(
            "ssl_secure",
            None,
            "ssl-secure",
            "Check the BMC's certificate. That is the default, and ssl_insecure counts more.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_parameter() {
        for parameter in agent().parameters {
            let default = parameter.default.as_deref().map(|default| parameter.parse(default));
            assert!(!matches!(default, Some(Err(_))), "{parameter:?}");
        }
    }

    #[test]
    fn parameters_have_the_spellings_of_the_python_agent() {
        let agent = agent();
        for name in
            ["redfish-uri", "systems_uri", "login", "passwd", "ipaddr", "port", "ssl-insecure"]
        {
            assert!(agent.parameter(name).is_some(), "{name}");
        }
    }
}
