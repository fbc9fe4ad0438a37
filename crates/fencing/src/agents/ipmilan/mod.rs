//! `fence_ipmilan` and its six other names: IPMI over LAN. Nothing else in this crate knows the crate ipmi-lan.

mod advice;
mod device;
mod diagnosis;
mod settings;

use std::iter;

pub(crate) use diagnosis::diagnose;

use super::Definition;
use super::bmc;
use super::standard::{self, option, parameter, switch, words};
use crate::{Agent, Kind, Parameter, Plug};

/// The agent's own name, and its defaults under it.
const FENCE_IPMILAN: Name = Name { name: "fence_ipmilan", lanplus: "0", power_wait: "2" };

/// Its other names, and what its defaults are under each.
const NAMES: &[Name] = &[
    Name { name: "fence_ilo3", lanplus: "1", power_wait: "4" },
    Name { name: "fence_ilo4", lanplus: "1", power_wait: "2" },
    Name { name: "fence_ilo5", lanplus: "1", power_wait: "2" },
    Name { name: "fence_ipmilanplus", lanplus: "1", power_wait: "2" },
    Name { name: "fence_imm", lanplus: "0", power_wait: "2" },
    Name { name: "fence_idrac", lanplus: "0", power_wait: "2" },
];

struct Name {
    name: &'static str,
    lanplus: &'static str,
    power_wait: &'static str,
}

const OTHER_NAMES: &[(&str, &str)] = &[
    ("fence_ilo3", "HP iLO 3, by IPMI 2.0 over LAN"),
    ("fence_ilo4", "HPE iLO 4, by IPMI 2.0 over LAN"),
    ("fence_ilo5", "HPE iLO 5, by IPMI 2.0 over LAN"),
    ("fence_ipmilanplus", "Any BMC, by IPMI 2.0 over LAN"),
    ("fence_imm", "IBM IMM, by IPMI over LAN"),
    ("fence_idrac", "Dell iDRAC, by IPMI over LAN"),
];

/// The agent under one of its names; under any other it is `fence_ipmilan`.
#[must_use]
pub fn definition(called_as: &str) -> Definition {
    let name = NAMES.iter().find(|name| name.name == called_as).unwrap_or(&FENCE_IPMILAN);
    Definition { agent: agent(name), open: device::open }
}

/// All its names.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    iter::once(&FENCE_IPMILAN).chain(NAMES).map(|name| name.name)
}

fn agent(name: &Name) -> Agent {
    Agent {
        short_description: "Fence agent for IPMI over LAN".into(),
        long_description: "Powers a machine off and on through its BMC, by IPMI over LAN. Success is reported \
                           only when the BMC was seen to have the power off (or on) after the command. The \
                           action diag only sends an interrupt, and verifies nothing."
            .into(),
        other_names: OTHER_NAMES.iter().map(|(name, line)| ((*name).into(), (*line).into())).collect(),
        parameters: parameters(name),
        plug: Plug::Ignored,
        ..bmc::agent(name.name)
    }
}

fn parameters(name: &Name) -> Vec<Parameter> {
    let mut parameters = device(name);
    parameters.extend(bmc::program());
    parameters.extend(bmc::timing(name.power_wait));
    parameters.extend(ipmitool());
    parameters.extend(bmc::sudo());
    parameters
}

fn device(name: &Name) -> Vec<Parameter> {
    vec![
        standard::action(),
        Parameter {
            getopt: option(Some('A'), "auth", "auth"),
            ..parameter(
                "auth",
                words(&["md5", "password", "none"]),
                "Authentication type of IPMI 1.5. By default md5, or md2; password gives the password away, and none lets \
                 anybody in.",
            )
        },
        Parameter {
            getopt: option(Some('C'), "cipher", "cipher"),
            ..parameter(
                "cipher",
                Kind::String,
                "Cipher suite of IPMI 2.0. By default 17 or 3, the better that both sides have; any other (0 to 2, 6 to 8, \
                 11, 12, 15, 16) protects less, and is used only when it is named.",
            )
        },
        Parameter {
            getopt: option(None, "hexadecimal-kg", "key"),
            ..parameter(
                "hexadecimal_kg",
                Kind::Secret,
                "Key Kg of the BMC, in hexadecimal, for two-key logins of IPMI 2.0.",
            )
        },
        bmc::ip(),
        bmc::ipport("623", "UDP port of the BMC."),
        Parameter {
            default: Some(name.lanplus.into()),
            ..switch(
                "lanplus",
                Some('P'),
                "lanplus",
                "Use IPMI 2.0 (RMCP+), and nothing older. Without it IPMI 1.5 is used, and IPMI 2.0 where the BMC has no \
                 IPMI 1.5.",
            )
        },
        bmc::method(),
        bmc::password(),
        bmc::password_script(),
        standard::plug("ip", "Address of the BMC, with port_as_ip; otherwise ignored."),
        Parameter {
            default: Some("administrator".into()),
            getopt: option(Some('L'), "privlvl", "level"),
            ..parameter(
                "privlvl",
                words(&["callback", "user", "operator", "administrator"]),
                "Privilege level to log in with; switching power takes operator.",
            )
        },
        Parameter {
            getopt: option(None, "target", "targetaddress"),
            ..parameter(
                "target",
                Kind::String,
                "Address of the controller behind the BMC to bridge the requests to.",
            )
        },
        Parameter {
            getopt: option(None, "target-channel", "channel"),
            ..parameter(
                "target_channel",
                Kind::String,
                "Channel that the target is on; 0, the IPMB, by default.",
            )
        },
        Parameter {
            getopt: option(None, "target-lun", "lun"),
            ..parameter("target_lun", Kind::String, "Logical unit of the target; 0 by default.")
        },
        Parameter {
            getopt: option(None, "transit", "address"),
            ..parameter(
                "transit",
                Kind::String,
                "Address of the controller in between, for a target that the BMC itself cannot reach.",
            )
        },
        Parameter {
            getopt: option(None, "transit-channel", "channel"),
            ..parameter(
                "transit_channel",
                Kind::String,
                "Channel that the controller in between is on; 0 by default.",
            )
        },
        bmc::username(),
        Parameter {
            getopt: option(None, "workarounds", "names"),
            ..parameter(
                "workarounds",
                Kind::String,
                "Workarounds for BMCs with quirks, by name: NAME forces one, -NAME forbids one, none forbids all that \
                 are not named. Most are found by themselves; see docs/workarounds.md.",
            )
        },
        switch(
            // This agent's own: the Python agents take the acknowledgement always.
            "unverified_cycle",
            None,
            "unverified-cycle",
            "With method=cycle, take the BMC's acknowledgement for success when nothing proves that power was off. \
             DANGEROUS: the node may still be running.",
        ),
    ]
}

/// What Python agents need to run ipmitool; accepted and unused.
fn ipmitool() -> Vec<Parameter> {
    const UNUSED: &str = "Accepted for compatibility: this agent does not use ipmitool.";
    vec![
        Parameter {
            default: Some("/usr/bin/ipmitool".into()),
            getopt: option(None, "ipmitool-path", "path"),
            ..parameter("ipmitool_path", Kind::String, UNUSED)
        },
        Parameter {
            default: Some("2".into()),
            getopt: option(None, "ipmitool-timeout", "timeout"),
            ..parameter("ipmitool_timeout", Kind::String, UNUSED)
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::collections::BTreeSet;

    use super::*;

    fn agent(name: &str) -> Agent {
        definition(name).agent
    }

    #[test]
    fn every_default_is_a_value_of_its_parameter() {
        for name in names() {
            for parameter in agent(name).parameters {
                let default = parameter.default.as_deref().map(|default| parameter.parse(default));
                assert!(!matches!(default, Some(Err(_))), "{name}: {parameter:?}");
            }
        }
    }

    #[test]
    fn no_name_and_no_option_is_there_twice() {
        let mut seen = BTreeSet::new();
        for parameter in agent("fence_ipmilan").parameters {
            let short = parameter.getopt.short.map(String::from);
            let names =
                [Some(parameter.name.into_owned()), parameter.old_name.map(Cow::into_owned), short];
            for name in names.into_iter().flatten() {
                assert!(seen.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn the_names_differ_in_lanplus_and_power_wait() {
        let expected = [
            ("fence_ipmilan", "0", "2"),
            ("fence_ilo3", "1", "4"),
            ("fence_ilo4", "1", "2"),
            ("fence_ilo5", "1", "2"),
            ("fence_ipmilanplus", "1", "2"),
            ("fence_imm", "0", "2"),
            ("fence_idrac", "0", "2"),
        ];
        assert!(names().eq(expected.map(|(name, _, _)| name)));
        for (name, lanplus, power_wait) in expected {
            let agent = agent(name);
            let default = |parameter| agent.parameter(parameter).unwrap().default.clone();
            assert_eq!(agent.name, name);
            assert_eq!(default("lanplus").as_deref(), Some(lanplus), "{name}");
            assert_eq!(default("power_wait").as_deref(), Some(power_wait), "{name}");
        }
        assert_eq!(agent("fence_ilo").name, "fence_ipmilan");
    }
}
