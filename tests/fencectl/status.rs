//! `fencectl status`: many hosts, and what is told of them.

use super::{Folder, expect_refusal, fencectl, logged_in, results, rows};
use crate::support::farm::Bmcs;
use crate::support::ipmi_sim::IpmiSim;
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};

#[test]
fn the_table_has_the_hosts_in_the_order_in_which_they_were_named_each_once() {
    let bmcs = Bmcs::start(12);
    let run = logged_in(&["status", &bmcs.hosts("9-12,1"), &bmcs.hosts("11,2")]).run();
    let hosts: Vec<String> = [9, 10, 11, 12, 1, 2].map(|number| bmcs.host(number)).to_vec();
    let expected: Vec<_> = hosts.iter().map(|host| (host.as_str(), "ON")).collect();
    assert_eq!((run.code, results(&run)), (Some(0), expected), "{run:#?}");
    assert!(run.stdout.starts_with("HOST "), "{run:#?}");
    assert_eq!(rows(&run)[0][2], "fence_ipmilan");
    assert_eq!(run.stderr, "fencectl: 6 of 6 done\n");
    assert_eq!(bmcs.sessions(3), (0, 0), "nobody asked for it");
    for number in [1, 2, 9, 10, 11, 12] {
        assert_eq!(bmcs.sessions(number), (1, 1), "one session, and closed");
    }
}

#[test]
fn two_hundred_hosts_are_asked_at_the_same_time_but_for_the_limit() {
    let bmcs = Bmcs::start(200);
    let run = logged_in(&["status", &bmcs.hosts("1-200"), "--jobs", "50"]).run();
    assert_eq!((run.code, rows(&run).len()), (Some(0), 200), "{}", run.stderr);
    assert_eq!(run.stderr, "fencectl: 200 of 200 done\n");
}

#[test]
fn on_and_off_are_both_a_success_and_one_host_that_is_silent_is_a_failure() {
    let bmcs = Bmcs::start_with(2, |config| config.initial_power = bmc_sim::Power::Off);
    let run = logged_in(&["status", &bmcs.hosts("1-2")]).run();
    assert_eq!((run.code, results(&run)[0].1), (Some(0), "OFF"), "{run:#?}");
    let run =
        logged_in(&["status", &bmcs.hosts("1-2"), "127.77.0.9:1", "--set", "login_timeout=1"])
            .run();
    let found: Vec<_> = results(&run).into_iter().map(|(_, result)| result).collect();
    assert_eq!((run.code, found), (Some(1), vec!["OFF", "OFF", "failed"]), "{run:#?}");
    assert!(run.stdout.contains("timed out"), "{run:#?}");
    assert_eq!(run.stderr, "fencectl: 2 of 3 done, 1 failed\n");
}

#[test]
fn one_host_needs_no_summary() {
    let bmcs = Bmcs::start(1);
    let run = logged_in(&["status", &bmcs.host(1)]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 2);
}

#[test]
fn json_has_a_line_for_each_host() {
    let bmcs = Bmcs::start(3);
    let silent = ["127.77.0.9:1", "--set", "login_timeout=1", "--json"];
    let run = logged_in(&["status", &bmcs.hosts("1-3")]).arguments(silent).run();
    assert_eq!(run.code, Some(1));
    let lines: Vec<serde_json::Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 4, "{run:#?}");
    for line in &lines {
        let is_silent = line["host"] == "127.77.0.9:1";
        assert_eq!(line["ok"], !is_silent);
        assert_eq!(line["action"], "status");
        assert_eq!(line["result"], if is_silent { "failed" } else { "on" });
        assert_eq!(line.get("state").is_some(), !is_silent);
        assert_eq!(line.get("error").is_some(), is_silent);
        assert!(line["seconds"].as_f64().unwrap() >= 0.0);
    }
    assert_eq!(lines[3]["host"], "127.77.0.9:1", "it is told as soon as it is known");
    assert_eq!(run.stderr, "fencectl: 3 of 4 done, 1 failed\n");
}

#[test]
fn hosts_come_from_files_and_from_standard_input() {
    let bmcs = Bmcs::start(4);
    let folder = Folder::new();
    let text = format!("# the rack\n\n{}  # two of them\n{}\n", bmcs.hosts("1-2"), bmcs.host(1));
    let path = folder.write("hosts", &text);
    let run = logged_in(&["status", "--hosts-file", &path, &bmcs.host(4)]).run();
    let hosts: Vec<_> = results(&run).into_iter().map(|(host, _)| host.to_owned()).collect();
    assert_eq!(hosts, [bmcs.host(4), bmcs.host(1), bmcs.host(2)], "{run:#?}");
    let run = logged_in(&["status", "--hosts-file", "-"]).lines([bmcs.host(3)]).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![(bmcs.host(3).as_str(), "ON")]));
    let run = logged_in(&["status", "--hosts-file", "/no/such/file"]).run();
    expect_refusal(&run, "cannot read /no/such/file");
    expect_refusal(&logged_in(&["status"]).run(), "there are no hosts");
}

#[test]
fn foreign_bmcs_are_asked_too() {
    let ipmi_sim = IpmiSim::start();
    let host = format!("127.0.0.1:{}", ipmi_sim.port());
    let run = logged_in(&["status", &host, "--set", "lanplus=1"]).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![(host.as_str(), "ON")]), "{run:#?}");
}

#[test]
fn redfish_services_are_asked_too() {
    let sim = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let host = sim.address().to_string();
    let fingerprint = format!("ssl_fingerprint={}", sim.fingerprint());
    let arguments = ["status", &host, "-u", USER, "--agent", "fence_redfish", "-s", &fingerprint];
    let run = fencectl(&arguments).environment("FENCECTL_PASSWORD", PASSWORD).run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![(host.as_str(), "ON")]), "{run:#?}");
    assert_eq!(rows(&run)[0][2], "fence_redfish");
}

#[test]
fn the_second_way_is_taken_when_the_first_fails_and_the_table_says_so() {
    let sim = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let port = format!("fence_redfish.ipport={}", sim.address().port());
    let run =
        fencectl(&["status", "127.0.0.1", "-u", USER, "--agent", "fence_ipmilan,fence_redfish"])
            .arguments(["-s", "fence_ipmilan.ipport=1", "-s", "login_timeout=1", "-s", &port])
            .arguments(["-s", "ssl_insecure=1"])
            .environment("FENCECTL_PASSWORD", PASSWORD)
            .run();
    assert_eq!((run.code, results(&run)), (Some(0), vec![("127.0.0.1", "ON")]), "{run:#?}");
    assert_eq!(rows(&run)[0][2], "fence_redfish");
    assert!(run.stdout.contains("before, fence_ipmilan: "), "{run:#?}");
}

#[test]
fn a_host_that_hangs_is_given_up_after_the_timeout() {
    let bmcs =
        Bmcs::start_with(1, |config| config.power_delay = std::time::Duration::from_secs(60));
    let run = logged_in(&["power", "off", &bmcs.host(1), "--timeout", "3"]).run();
    assert_eq!((run.code, results(&run)[0].1), (Some(1), "failed"), "{run:#?}");
    assert!(run.took.as_secs() < 20, "{run:#?}");
    assert_eq!(bmcs.sessions(1), (1, 1), "its session is closed");
}

#[test]
fn agents_that_are_no_programs_need_no_place_to_write_to() {
    let bmcs = Bmcs::start(1);
    let run = logged_in(&["status", &bmcs.host(1)]).environment("TMPDIR", "/nonexistent").run();
    assert_eq!(run.code, Some(0), "{run:#?}");
}
