//! Host names with several addresses, in a hosts file that only the agent sees: it must not take one machine for
//! another.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bmc_sim::{Config, EventKind, Ipmi15, Power};
use ipmi_lan::AuthenticationType;
use ipmi_lan::command::{Command, GetSystemGuid};
use tempfile::TempDir;

use crate::support::agent::{Agent, Run};
use crate::support::port::free_port;
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

#[test]
fn a_bmc_that_has_answered_is_not_exchanged_for_one_at_another_address() {
    // The first answers, but has no session to give; the second is another machine, and off.
    let first = Sim::start_at(&format!("[::1]:{}", free_port()), |config| config.max_sessions = 0);
    let port = first.address().port();
    let second = another_machine(&format!("127.0.0.1:{port}"));
    let run =
        run(&["::1", "127.0.0.1"], port, &["action=off", "power_timeout=2", "login_timeout=1"]);
    run.expect_failure("insufficient resources to create a session");
    assert_eq!(second.datagrams().received, 0);
}

#[test]
fn of_two_addresses_of_one_family_only_the_first_is_asked() {
    let address = format!("127.0.0.1:{}", free_port());
    let first = Sim::start_at(&address, |config| config.faults.silent = true);
    let port = first.address().port();
    let second = another_machine(&format!("127.0.0.2:{port}"));
    let run = run(&["127.0.0.1", "127.0.0.2"], port, &["action=off", "login_timeout=1"]);
    run.expect_failure("timed out");
    assert_eq!(second.datagrams().received, 0);
}

#[test]
fn a_machine_with_an_address_of_each_family_is_found_at_either() {
    let bmc = Sim::start_at(&format!("127.0.0.1:{}", free_port()), |_| {});
    let port = bmc.address().port();
    let run = run(&["::1", "127.0.0.1"], port, &["action=status", "login_timeout=1"]);
    run.expect(0, "Status: ON\n");
}

#[test]
fn another_bmc_that_takes_over_the_address_is_not_believed() {
    for version in ["lanplus=1", "lanplus=0"] {
        let both = |config: &mut Config| {
            config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
        };
        let address = format!("127.0.0.1:{}", free_port());
        let first = Sim::start_at(&address, |config| {
            both(config);
            config.faults.ignore_power_off = true;
        });
        let running = Agent::ours().lines(first.lines()).lines(["action=off", version]).start();
        first.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
        drop(first);
        let second = Sim::start_at(&address, |config| {
            both(config);
            config.guid = *b"another BMC 0001";
            config.initial_power = Power::Off;
        });
        running.finish().expect_failure("another BMC answers there now");
        assert_eq!(second.sessions(), (1, 1), "{version}");
        assert_eq!(second.commands(), []);
    }
}

/// By IPMI 1.5 a BMC is asked for its GUID after the login. Who has told one before, and does not now, may be another one.
#[test]
fn another_bmc_whose_guid_is_lost_is_not_believed() {
    let md5 = |config: &mut Config| config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
    let address = format!("127.0.0.1:{}", free_port());
    let first = Sim::start_at(&address, |config| {
        md5(config);
        config.faults.ignore_power_off = true;
    });
    let is_lost = Arc::new(AtomicBool::new(false));
    let proxy = {
        let is_lost = Arc::clone(&is_lost);
        Proxy::start(first.address(), move |answer| {
            let is_lost = is_lost.load(Ordering::Relaxed) && is_answer_to_get_system_guid(answer);
            if is_lost { Vec::new() } else { vec![answer.to_vec()] }
        })
    };
    let lines = ["username=admin", "password=secret", "lanplus=0", "power_timeout=8", "action=off"];
    let running = Agent::ours().lines(proxy.lines()).lines(lines).start();
    first.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
    is_lost.store(true, Ordering::Relaxed);
    drop(first);
    let second = Sim::start_at(&address, |config| {
        md5(config);
        config.guid = *b"another BMC 0001";
        config.initial_power = Power::Off;
    });
    let run = running.finish();
    assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    assert!(second.sessions().0 > 0, "it was not met");
    assert_eq!(second.commands(), []);
}

/// In a session by MD5 (IPMI 1.5, section 12.10): four bytes of RMCP, 25 of the session and its code, the length, and the
/// command behind five bytes of the message.
fn is_answer_to_get_system_guid(answer: &[u8]) -> bool {
    answer.get(4) == Some(&2) && answer.get(35) == Some(&GetSystemGuid::NUMBER)
}

fn another_machine(address: &str) -> Sim {
    Sim::start_at(address, |config| config.initial_power = Power::Off)
}

/// Runs the agent for the host "bmc", which has these addresses in a mount namespace of the agent's own.
fn run(addresses: &[&str], port: u16, lines: &[&str]) -> Run {
    let folder = TempDir::new().expect("a folder");
    let hosts = folder.path().join("hosts");
    let text: String = addresses.iter().map(|address| format!("{address} bmc\n")).collect();
    fs::write(&hosts, text).expect("a hosts file");
    let script = format!("mount --bind '{}' /etc/hosts && exec \"$0\"", hosts.display());
    Agent::ours()
        .lines(["ip=bmc", &format!("ipport={port}"), "username=admin", "password=secret"])
        .lines(lines)
        .through("unshare", &["--mount", "sh", "-c", &script])
        .run()
}
