//! `fencectl power` and `run`, looked at from the machines.

use ipmi_lan::command::PowerControl;

use super::{Folder, expect_refusal, fencectl, logged_in, results, rows};
use crate::support::farm::Bmcs;
use crate::support::ipmi_sim::IpmiSim;

#[test]
fn machines_are_switched_and_nothing_else() {
    let bmcs = Bmcs::start(5);
    let run = logged_in(&["power", "off", &bmcs.hosts("2-4"), "--yes"]).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(results(&run)[0], (bmcs.host(2).as_str(), "off"));
    assert_eq!(bmcs.on(), [true, false, false, false, true]);
    let run = logged_in(&["power", "on", &bmcs.hosts("1-5")]).run();
    assert_eq!(run.code, Some(0), "on needs no question: {run:#?}");
    assert_eq!(bmcs.on(), [true; 5]);
    assert!(run.stdout.contains("on already"), "{run:#?}");
    assert_eq!(bmcs.commands(1), [], "it was on already");
}

#[test]
fn each_word_is_the_command_that_the_bmc_gets() {
    for (word, commands, result) in [
        ("off", &[PowerControl::PowerDown][..], "off"),
        ("reboot", &[PowerControl::PowerDown, PowerControl::PowerUp], "rebooted"),
        ("cycle", &[PowerControl::PowerCycle], "rebooted"),
        ("diag", &[PowerControl::DiagnosticInterrupt], "interrupt"),
    ] {
        let bmcs = Bmcs::start(1);
        let run = logged_in(&["power", word, &bmcs.host(1)]).run();
        assert_eq!((run.code, results(&run)[0].1), (Some(0), result), "{word}: {run:#?}");
        assert_eq!(bmcs.commands(1), commands, "{word}");
        assert_eq!(bmcs.on(), [word != "off"], "{word}");
    }
}

#[test]
fn a_machine_that_stays_on_is_a_failure() {
    let bmcs = Bmcs::start_with(2, |config| config.faults.ignore_power_off = true);
    let run =
        logged_in(&["power", "off", &bmcs.hosts("1-2"), "-y", "--set", "power_timeout=1"]).run();
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stdout.contains("timed out waiting to power OFF"), "{run:#?}");
    assert_eq!(run.stderr, "fencectl: 0 of 2 done, 2 failed\n");
}

#[test]
fn a_reboot_that_leaves_the_machine_off_is_a_failure_here() {
    let bmcs = Bmcs::start_with(1, |config| config.faults.ignore_power_on = true);
    let run = logged_in(&["power", "reboot", &bmcs.host(1), "-s", "power_timeout=1"]).run();
    assert_eq!(
        (run.code, results(&run)[0].1, bmcs.on()),
        (Some(1), "failed", vec![false]),
        "{run:#?}"
    );
    assert!(
        run.stdout.contains("the machine was fenced, but powering it on again failed"),
        "{run:#?}"
    );
}

#[test]
fn a_cycle_that_nothing_proves_is_told_of_as_such() {
    let unproven = |config: &mut bmc_sim::Config| {
        config.faults.instant_cycle = true;
        config.faults.no_restart_cause = true;
    };
    let bmcs = Bmcs::start_with(1, unproven);
    let cycle = || logged_in(&["power", "cycle", &bmcs.host(1), "-s", "power_timeout=1"]);
    let run = cycle().run();
    assert_eq!((run.code, results(&run)[0].1), (Some(1), "failed"), "{run:#?}");
    let run = cycle().arguments(["-s", "unverified_cycle=1"]).run();
    assert_eq!((run.code, results(&run)[0].1), (Some(0), "rebooted"), "{run:#?}");
    assert!(run.stdout.contains("nothing proves that power was off"), "{run:#?}");
}

#[test]
fn a_foreign_bmc_is_switched() {
    let sim = IpmiSim::start();
    let host = format!("127.0.0.1:{}", sim.port());
    let run = logged_in(&["power", "off", &host, "--set", "lanplus=1"]).run();
    assert_eq!((run.code, results(&run)[0].1), (Some(0), "off"), "{run:#?}");
    assert!(!sim.is_on());
}

#[test]
fn any_action_of_any_agent_can_be_run() {
    let bmcs = Bmcs::start(2);
    let run = logged_in(&["run", "fence_ilo4", "monitor", &bmcs.hosts("1-2")]).run();
    assert_eq!((run.code, results(&run)[1].1), (Some(0), "answers"), "{run:#?}");
    assert_eq!(rows(&run)[0][2], "fence_ilo4");
    let run = logged_in(&["run", "fence_ipmilan", "off", &bmcs.host(1)]).run();
    assert_eq!((run.code, bmcs.on()), (Some(0), vec![false, true]), "{run:#?}");
}

#[test]
fn an_installed_agent_is_run_by_its_name() {
    let folder = Folder::new();
    let file = folder.write("power", "on");
    let setting = format!("status_file={file}");
    let run = fencectl(&["run", "fence_dummy", "off", "-s", "type=file", "-s", &setting]).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("fence_dummy", "off,")]), "{run:#?}");
    assert!(run.stdout.contains("off, as the agent says"), "{run:#?}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), "off");
}

#[test]
fn a_run_does_not_mind_the_hosts_of_the_inventory() {
    let folder = Folder::new();
    let inventory = folder.write("inventory.toml", "[groups.rack1]\nhosts = [\"bmc[1-3]\"]\n");
    let setting = format!("status_file={}", folder.write("power", "on"));
    let run = fencectl(&["run", "fence_dummy", "off", "-s", "type=file", "-s", &setting])
        .arguments(["--inventory", &inventory])
        .run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("fence_dummy", "off,")]), "{run:#?}");
}

#[test]
fn without_hosts_the_parameters_say_where() {
    let bmcs = Bmcs::start(1);
    let (ip, port) =
        bmcs.host(1).rsplit_once(':').map(|(ip, port)| (ip.to_owned(), port.to_owned())).unwrap();
    let settings = [format!("ip={ip}"), format!("ipport={port}")];
    let run =
        logged_in(&["run", "fence_ipmilan", "status", "-s", &settings[0], "-s", &settings[1]])
            .run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("fence_ipmilan", "ON")]), "{run:#?}");
}

#[test]
fn what_cannot_succeed_is_refused_before_anything_is_done() {
    let bmcs = Bmcs::start(2);
    let both = bmcs.hosts("1-2");
    for (arguments, words) in [
        (vec!["power", "off", &both, "-y", "--set", "cipher=99"], "cipher"),
        (
            vec!["power", "off", &both, "-y", "--set", "power_timeout=soon"],
            "--set: the value you have",
        ),
        (
            vec!["power", "off", &both, "-y", "--set", "colour=red"],
            "no agent that is used here has",
        ),
        (
            vec!["power", "off", &both, "-y", "--set", "fence_redfish.ipport=1"],
            "'fence_redfish' is no",
        ),
        (vec!["power", "off", &both, "-y", "--set", "action=on"], "action is what the hosts and"),
        (vec!["power", "off", &both, "-y", "--set", "ip=10.0.0.1"], "ip is what the hosts and"),
        (
            vec!["power", "off", &both, "-y", "--set", "plug=10.0.0.1", "--set", "port_as_ip=1"],
            "port_as_ip is what the hosts and",
        ),
        (
            vec!["power", "off", &both, "-y", "--agent", "fence_nothing"],
            "there is no agent 'fence_nothing'",
        ),
        (
            vec!["power", "off", &both, "-y", "--provider", "nobody"],
            "there is no provider 'nobody'",
        ),
        (vec!["power", "off", &both, "bmc[1-", "-y"], "the bracket is not closed"),
        (vec!["power", "off", &both, "@rack1", "-y"], "the inventory has no group 'rack1'"),
        (vec!["power", "off", "a[1-1000000]", "-y"], "more than 100000 hosts"),
        (
            vec!["power", "off", &both, "-y", "--agent", "fence_ipmilan,fence_redfish"],
            "a port belongs to one",
        ),
        (vec!["run", "fence_ipmilan", "list", &both], "fence_ipmilan has no plugs to list"),
    ] {
        expect_refusal(&logged_in(&arguments).run(), words);
    }
    assert_eq!(bmcs.on(), [true, true]);
    assert_eq!((bmcs.sessions(1), bmcs.sessions(2)), ((0, 0), (0, 0)));
}

#[test]
fn a_user_without_a_password_is_refused() {
    let run = fencectl(&["status", "bmc1", "-u", "admin"]).run();
    expect_refusal(&run, "bmc1: there is no password; it comes from --password-file");
}
