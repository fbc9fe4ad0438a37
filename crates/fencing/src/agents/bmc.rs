//! What the agents of BMCs have besides: their actions, and the parameters for the BMC's address and credentials, and
//! for how long it is waited for.

use std::time::Duration;

use super::NATIVE;
use super::standard::{
    self, delay, disable_timeout, option, parameter, power_timeout, seconds, switch, words,
};
use crate::{Action, Agent, AgentAction, AgentConfig, ConfigError, Kind, Parameter};

/// The login time-out where the user has none.
const WITHOUT_LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

const ACTIONS: [AgentAction; 11] = [
    AgentAction::Shown(Action::On),
    AgentAction::Shown(Action::Off),
    AgentAction::Shown(Action::Reboot),
    AgentAction::Shown(Action::Status),
    AgentAction::Shown(Action::Monitor),
    AgentAction::Metadata,
    AgentAction::Manpage,
    AgentAction::ValidateAll,
    AgentAction::Shown(Action::Diag),
    AgentAction::Accepted(Action::List),
    AgentAction::Accepted(Action::ListStatus),
];

/// An agent without parameters, to be completed.
pub(super) fn agent(name: &'static str) -> Agent {
    Agent { provider: NATIVE.into(), actions: ACTIONS.to_vec(), ..Agent::new(name) }
}

pub(super) fn ip() -> Parameter {
    Parameter {
        old_name: Some("ipaddr".into()),
        getopt: option(Some('a'), "ip", "ip"),
        ..parameter("ip", Kind::String, "Address or host name of the BMC.")
    }
}

pub(super) fn ipport(default: &'static str, help: &'static str) -> Parameter {
    Parameter {
        default: Some(default.into()),
        getopt: option(Some('u'), "ipport", "port"),
        ..parameter("ipport", Kind::Integer, help)
    }
}

pub(super) fn username() -> Parameter {
    Parameter {
        old_name: Some("login".into()),
        getopt: option(Some('l'), "username", "name"),
        ..parameter("username", Kind::String, "Name of the user on the BMC.")
    }
}

pub(super) fn password() -> Parameter {
    Parameter {
        old_name: Some("passwd".into()),
        getopt: option(Some('p'), "password", "password"),
        ..parameter("password", Kind::Secret, "Password of the user on the BMC.")
    }
}

pub(super) fn password_script() -> Parameter {
    Parameter {
        old_name: Some("passwd_script".into()),
        getopt: option(Some('S'), "password-script", "script"),
        ..parameter("password_script", Kind::String, "Command whose output is the password.")
    }
}

pub(super) fn method() -> Parameter {
    Parameter {
        default: Some("onoff".into()),
        getopt: option(Some('m'), "method", "method"),
        ..parameter(
            "method",
            words(&["onoff", "cycle"]),
            "How to reboot: off, seen off, on; or by one power cycle, which counts when off was seen or the \
             BMC proves the restart.",
        )
    }
}

/// How long a login may come no further.
pub(super) fn login_timeout(config: &AgentConfig) -> Duration {
    let timeout = config.seconds("login_timeout").filter(|timeout| !timeout.is_zero());
    match timeout {
        Some(timeout) if config.is_given("login_timeout") => timeout,
        Some(timeout) if !config.is_set("disable_timeout") => timeout,
        _ => WITHOUT_LOGIN_TIMEOUT,
    }
}

pub(super) fn address(config: &AgentConfig) -> Result<String, ConfigError> {
    config.text("ip").ok_or(missing("the fence address", "ip"))
}

/// The parameter `ipport`, a port of this protocol.
pub(super) fn port(config: &AgentConfig, protocol: &str) -> Result<u16, ConfigError> {
    let port = config.integer("ipport").unwrap_or(0);
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(unusable("ipport", format!("{port} is no {protocol} port (1 to 65535)"))),
    }
}

pub(super) fn unusable(parameter: &'static str, reason: String) -> ConfigError {
    ConfigError::Unusable { parameter: parameter.into(), reason }
}

pub(super) fn missing(what: &'static str, parameter: &'static str) -> ConfigError {
    ConfigError::Missing { what: what.into(), parameter: parameter.into() }
}

/// Parameters of the agent as a program, in the order of the Python agents.
pub(super) fn program() -> Vec<Parameter> {
    let mut parameters = standard::program();
    parameters.push(Parameter {
        default: Some(",".into()),
        getopt: option(None, "plug-separator", "char"),
        ..parameter("plug_separator", Kind::String, "What separates several plugs.")
    });
    parameters
}

/// How long the agent waits, in the order of the Python agents. `power_wait` has a default of its own in each.
pub(super) fn timing(power_wait: &'static str) -> Vec<Parameter> {
    vec![
        delay(),
        disable_timeout(),
        seconds(
            "login_timeout",
            "login-timeout",
            "5",
            "Give a login up when it comes no further for this long.",
        ),
        switch(
            "port_as_ip",
            None,
            "port-as-ip",
            "Take the plug (or port) for the address of the device.",
        ),
        power_timeout(
            "20",
            "Give up when the power state is not seen this long after the command.",
        ),
        seconds(
            "power_wait",
            "power-wait",
            power_wait,
            "Wait this long after each power command before the state is read. When it is not given, the state is \
             read at once, and off counts after two readings in a row.",
        ),
        seconds(
            "shell_timeout",
            "shell-timeout",
            "3",
            "Accepted for compatibility: this agent has no command prompt to wait for.",
        ),
        seconds(
            "stonith_status_sleep",
            "stonith-status-sleep",
            "1",
            "Time between two readings of the power state. When it is not given, the first readings follow each \
             other faster.",
        ),
        Parameter {
            default: Some("1".into()),
            getopt: option(None, "retry-on", "attempts"),
            ..parameter(
                "retry_on",
                Kind::Integer,
                "How many times power on is attempted in a reboot; the action on attempts it once more.",
            )
        },
    ]
}

/// Where Python agents find sudo; accepted and unused.
#[cfg(feature = "ipmilan")]
pub(super) fn sudo() -> Vec<Parameter> {
    const UNUSED: &str = "Accepted for compatibility: this agent uses no sudo.";
    vec![
        Parameter { old_name: Some("sudo".into()), ..switch("use_sudo", None, "use-sudo", UNUSED) },
        Parameter {
            default: Some("/usr/bin/sudo".into()),
            getopt: option(None, "sudo-path", "path"),
            ..parameter("sudo_path", Kind::String, UNUSED)
        },
    ]
}
