//! Host names with several addresses, in a hosts file that only the agent sees: it must not take one machine for
//! another.

use std::fs;

use bmc_sim::Power;
use bmc_sim::redfish::{KeepAlive, RedfishConfig, RedfishEventKind};

use crate::support::agent::{Agent, Running};
use crate::support::port::free_port;
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};

/// Nothing but its address tells one of these from another.
fn without_names(config: &mut RedfishConfig) {
    let system = &mut config.systems[0];
    for name in [&mut system.uuid, &mut system.serial_number, &mut system.host_name] {
        name.clear();
    }
    config.keep_alive = KeepAlive::CloseEach;
}

fn another_machine(address: &str) -> RedfishSim {
    RedfishSim::start_at(address, |config| {
        without_names(config);
        config.systems[0].initial_power = Power::Off;
    })
}

#[test]
fn a_service_that_has_answered_is_not_exchanged_for_one_at_another_address() {
    for [mine, others] in [["127.0.0.1", "127.0.0.2"], ["[::1]", "127.0.0.1"]] {
        let first = RedfishSim::start_at(&format!("{mine}:{}", free_port()), |config| {
            without_names(config);
            config.faults.ignore_resets = true;
        });
        let port = first.address().port();
        let second = another_machine(&format!("{others}:{port}"));
        let running = start(&[mine, others], port, &["action=off", "power_timeout=3"]);
        first.wait_for(|event| matches!(event, RedfishEventKind::ResetLost { .. }));
        drop(first);
        running.finish().expect_failure("timed out waiting to power OFF: the last attempt failed");
        assert_eq!(second.counts().connections, 0);
    }
}

#[test]
fn of_two_addresses_of_one_family_only_the_first_is_asked() {
    let port = free_port();
    let second = another_machine(&format!("127.0.0.2:{port}"));
    let lines = ["action=off", "login_timeout=1"];
    let run = start(&["127.0.0.1", "127.0.0.2"], port, &lines).finish();
    run.expect_failure("no connection: reading the service root");
    assert_eq!(second.counts().connections, 0);
}

#[test]
fn a_service_with_an_address_of_each_family_is_found_at_either() {
    let service = RedfishSim::start_at(&format!("127.0.0.1:{}", free_port()), |_| {});
    let run = start(&["[::1]", "127.0.0.1"], service.address().port(), &["action=off"]).finish();
    run.expect(0, "Success: Powered OFF\n");
}

/// Starts the agent for the host "bmc", which has these addresses in a mount namespace of the agent's own.
fn start(addresses: &[&str], port: u16, lines: &[&str]) -> Running {
    let folder = tempfile::tempdir().expect("a folder").keep();
    let hosts = folder.join("hosts");
    let line = |address: &&str| format!("{} bmc\n", address.trim_matches(['[', ']']));
    fs::write(&hosts, addresses.iter().map(line).collect::<String>()).expect("a hosts file");
    // The file is there as long as it is mounted.
    let script = format!(
        "mount --bind '{}' /etc/hosts && rm -r '{}' && exec \"$0\"",
        hosts.display(),
        folder.display()
    );
    Agent::at(env!("CARGO_BIN_EXE_fence_redfish"))
        .lines(["ip=bmc".to_owned(), format!("ipport={port}"), "ssl_insecure=1".to_owned()])
        .lines([format!("username={USER}"), format!("password={PASSWORD}")])
        .lines(lines)
        .through("unshare", &["--mount", "sh", "-c", &script])
        .start()
}
