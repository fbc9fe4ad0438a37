//! Proxmox VE's HA manager, with hardware fencing (/etc/pve/ha/fence.cfg).
//!
//! The words of the lines `device` and `connect` become options: names of one letter `-k value`, others `--name=value`,
//! both without a value where they have none. A shell runs it by its name, with the usual PATH; its exit code counts.

use bmc_sim::redfish::{RedfishConfig, RedfishSystem};

use super::trial::{Caller, Parameters};
use crate::support::agent::{Agent, Run};
use crate::support::comparison::redfish::{RedfishBmc, Setup};
use crate::support::comparison::{Bmc, different};
use crate::support::ipmi_sim::IpmiSim;

const PROXMOX: Caller = Caller {
    call: |agent, node, action| call(agent, &words(node, action, long)),
    believes: |run| run.code == Some(0),
};

/// One letter for what has one.
const PROXMOX_BY_LETTERS: Caller =
    Caller { call: |agent, node, action| call(agent, &words(node, action, letter)), ..PROXMOX };

/// As in fence.cfg: `name=value`, or `name`.
fn words(node: &Parameters, action: Option<&str>, named: fn(&str) -> String) -> Vec<String> {
    let word = |(name, value): (&str, &str)| match Parameters::is_switch(name) {
        true => named(name),
        false => format!("{}={value}", named(name)),
    };
    node.iter().chain(action.map(|action| ("action", action))).map(word).collect()
}

fn long(name: &str) -> String {
    name.replace('_', "-")
}

fn letter(name: &str) -> String {
    let letter = match name {
        "ip" => "a",
        "ipport" => "u",
        "username" => "l",
        "password" => "p",
        "lanplus" => "P",
        "cipher" => "C",
        "action" => "o",
        other => return long(other),
    };
    letter.to_owned()
}

fn call(agent: Agent, words: &[String]) -> Agent {
    let quoted = |value: &str| format!("'{}'", value.replace('\'', r"'\''"));
    let option = |word: &String| match word.split_once('=') {
        Some((name, value)) if name.len() == 1 => format!("-{name} {}", quoted(value)),
        Some((name, value)) => format!("--{name}={}", quoted(value)),
        None if word.len() == 1 => format!("-{word}"),
        None => format!("--{word}"),
    };
    let folder = agent.program().parent().unwrap().to_str().unwrap();
    let name = agent.program().file_name().unwrap().to_str().unwrap();
    let command = [name.to_owned()].into_iter().chain(words.iter().map(option));
    Agent::at("sh")
        .arguments(["-c", &command.collect::<Vec<_>>().join(" ")])
        .environment("PATH", &format!("{folder}:/sbin:/bin:/usr/sbin:/usr/bin"))
}

#[test]
fn proxmox_fences() {
    for action in [None, Some("off")] {
        PROXMOX.fences::<IpmiSim>(action);
        PROXMOX.fences::<RedfishBmc>(action);
    }
}

#[test]
fn proxmox_fences_by_letters() {
    PROXMOX_BY_LETTERS.fences::<IpmiSim>(Some("off"));
    PROXMOX_BY_LETTERS.fences::<RedfishBmc>(Some("off"));
}

/// `connect` names what the device knows the node by, which a BMC of several systems needs.
#[test]
fn proxmox_names_the_system() {
    let change = |config: &mut RedfishConfig| {
        config.systems = ["1", "2"].map(RedfishSystem::new).to_vec();
    };
    let bmc = RedfishBmc::start(&Setup { change, ..Setup::default() }, true);
    let node = Parameters::of(&bmc).with("plug", "1");
    let fence = call(Agent::ours_called("fence_redfish"), &words(&node, Some("off"), long));
    fence.run().expect(0, "Success: Powered OFF\n");
    assert_eq!((different(&bmc.commands()), bmc.power().as_str()), (vec!["off"], "off on"));
}

#[test]
fn a_password_for_shells_is_passed_on_by_proxmox() {
    passes_a_password_on::<IpmiSim>();
    passes_a_password_on::<RedfishBmc>();
}

fn passes_a_password_on<B: Bmc>() {
    const PASSWORD: &str = "pa$s'w`0\\rd\"#;&";
    let bmc = B::start(&B::with_password(PASSWORD), true);
    for named in [long, letter] {
        let node = Parameters::of(&bmc).with("password", PASSWORD);
        let run: Run =
            call(Agent::ours_called(B::AGENT), &words(&node, Some("status"), named)).run();
        run.expect(0, "Status: ON\n");
    }
}
