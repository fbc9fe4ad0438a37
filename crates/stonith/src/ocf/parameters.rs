//! The parameters of the OCF agent: its own, and those of the fence agent that make sense here.

use fencing::agents::NATIVE;
use fencing::agents::standard::{parameter, words};
use fencing::{Agent, Kind, Parameter};

use crate::config::AGENT_DIRECTORY;
use crate::instance::RUN_DIRECTORY;

/// The name under which a parameter says which fence agent is used.
pub(super) const ANY_AGENT: &str = "agent";

/// Parameters that fence agents have for being called as programs, or that the controller gives them itself.
const OF_PROGRAMS: &[&str] = &[
    "action",
    "option",
    "plug",
    "port",
    "port_as_ip",
    "plug_separator",
    "separator",
    "quiet",
    "verbose",
    "verbose_level",
    "debug",
    "debug_file",
    "version",
    "help",
];

/// Parameters that the fence agents of this project accept for the sake of old configurations, which there are none of
/// here; or that say what `power_timeout` says.
const OF_OLD: &[&str] = &[
    "disable_timeout",
    "ipmitool_path",
    "ipmitool_timeout",
    "shell_timeout",
    "sudo_path",
    "use_sudo",
];

/// The agent's own, under this name.
pub(super) fn own(name: &str) -> Vec<Parameter> {
    let agent = Parameter {
        required: true,
        ..parameter(
            ANY_AGENT,
            Kind::String,
            "The fence agent of the devices: the name of a program such as fence_apc_snmp, with or without fence_.",
        )
    };
    let agent = Some(agent).filter(|_| name == ANY_AGENT);
    agent.into_iter().chain(always()).collect()
}

fn always() -> Vec<Parameter> {
    vec![
        parameter(
            "hostlist",
            Kind::String,
            "The nodes: words separated by blanks, commas or semicolons. Each is NODE=ADDRESS, with the address of the \
             node's own device (HOST or HOST:PORT), or, where the parameters have the address of one device for all, NODE or \
             NODE=PLUG. Without hostlist and mapfile the device is asked which nodes it has.",
        ),
        parameter(
            "mapfile",
            Kind::String,
            "A file with the nodes, and parameters for each: TOML, with [parameters] for all and [targets.NODE] for each \
             node. It must be root's alone (mode 600), and is read again when it changes.",
        ),
        Parameter {
            default: Some("reboot".into()),
            ..parameter(
                "fence_action",
                words(&["reboot", "off"]),
                "What the action fence does to a node.",
            )
        },
        parameter(
            "keepalive",
            Kind::String,
            "How often each device is asked, in seconds, which may have a fraction. The default is 20 for devices that are \
             kept logged in, and 60 for those behind programs.",
        ),
        Parameter {
            default: Some("0".into()),
            ..parameter(
                "signal_changes",
                Kind::Boolean,
                "Whether monitor ends with exit code 190 (degraded), once, when the list of nodes has changed.",
            )
        },
        Parameter {
            default: Some("0".into()),
            ..parameter(
                "verbose_level",
                Kind::Integer,
                "How much the controller logs: 0 what should be mended, 1 steps, 2 details.",
            )
        },
        Parameter {
            default: Some(RUN_DIRECTORY.into()),
            ..parameter(
                "run_directory",
                Kind::String,
                "Where the controller's socket and locks are. Two controllers that use one device notice each other only \
                 with the same directory.",
            )
        },
        Parameter {
            default: Some(AGENT_DIRECTORY.into()),
            ..parameter(
                "agent_directories",
                Kind::String,
                "Where fence agents that are programs are looked for: directories, separated by colons.",
            )
        },
    ]
}

/// Whether a parameter of a fence agent makes no sense here.
pub(super) fn is_of_programs(name: &str) -> bool {
    OF_PROGRAMS.contains(&&*name.replace('-', "_"))
}

/// What is left of the parameters of a fence agent beside one's own.
pub(super) fn of<'a>(agent: &'a Agent, own: &[Parameter]) -> Vec<&'a Parameter> {
    let is_old = |name: &str| agent.provider == NATIVE && OF_OLD.contains(&name);
    let is_hidden = |parameter: &&Parameter| {
        let name = &*parameter.name;
        is_of_programs(name) || is_old(name) || own.iter().any(|own| own.name == name)
    };
    agent.parameters.iter().filter(|parameter| !is_hidden(parameter)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_parameter() {
        for parameter in own(ANY_AGENT) {
            let default = parameter.default.as_deref().map(|default| parameter.parse(default));
            assert!(!matches!(default, Some(Err(_))), "{parameter:?}");
        }
    }

    #[test]
    fn what_is_only_for_programs_is_left_out() {
        let agent = fencing::agents::redfish::definition("fence_redfish").agent;
        let names: Vec<_> =
            of(&agent, &own("redfish")).iter().map(|parameter| &*parameter.name).collect();
        for name in ["ip", "username", "password", "systems_uri", "delay", "power_timeout"] {
            assert!(names.contains(&name), "{name}: {names:?}");
        }
        for name in OF_PROGRAMS {
            assert!(!names.contains(name), "{name}");
        }
    }
}
