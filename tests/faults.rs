//! `fence_ipmilan` against a simulated BMC that misbehaves as real ones do: what is success, what is not, and what is
//! left behind on the BMC.

use std::time::Duration;

use bmc_sim::{Config, EventKind, Ipmi15, NetworkConfig, Power, Protection, User};
use ipmi_lan::command::PowerControl;
use ipmi_lan::{AuthenticationType, CipherSuite, Kg, Privilege, Quirk, QuirkSet};

use crate::support::agent::{Agent, Run};
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

const SUITE_3: CipherSuite = CipherSuite::SUITE_3;
const SUITE_17: CipherSuite = CipherSuite::SUITE_17;

#[test]
fn both_cipher_suites_log_in_and_none_below_the_one_asked_for() {
    let both = &[SUITE_3, SUITE_17][..];
    for (offered, line, expected) in [
        (both, "cipher=17", Some(SUITE_17)),
        (both, "cipher=3", Some(SUITE_3)),
        (both, "cipher=", Some(SUITE_17)),
        (&[SUITE_3], "cipher=", Some(SUITE_3)),
        (&[SUITE_17], "cipher=", Some(SUITE_17)),
        (&[SUITE_3], "cipher=17", None),
        (&[SUITE_17], "cipher=3", None),
    ] {
        let bmc = Sim::start_with(|config| config.cipher_suites = offered.to_vec());
        let run = run(&bmc, &["action=status", line]);
        if expected.is_some() {
            run.expect(0, "Status: ON\n");
        } else {
            run.expect_failure("Open Session refused for cipher suite");
        }
        assert_eq!(suites(&bmc), Vec::from_iter(expected), "{line} of {offered:?}");
    }
}

#[test]
fn each_cipher_suite_switches_power_when_it_is_named_and_only_then() {
    for suite in CipherSuite::ALL {
        let bmc = Sim::start_with(|config| config.cipher_suites = vec![suite]);
        let named = run(&bmc, &["action=off", &format!("cipher={suite}")]);
        named.expect(0, "Success: Powered OFF\n");
        assert_eq!(bmc.power(), Power::Off);
        let unnamed = run(&bmc, &["action=on"]);
        if CipherSuite::RECOMMENDED.contains(&suite) {
            unnamed.expect(0, "Success: Powered ON\n");
        } else {
            unnamed.expect_failure("Open Session refused for cipher suite 17 and 3");
        }
    }
}

#[test]
fn a_two_key_login_works_with_both_cipher_suites() {
    let key = "000102030405060708090a0b0c0d0e0f10111213";
    for suite in [SUITE_3, SUITE_17] {
        let bmc = Sim::start_with(|config| config.kg = Some(Kg::from_hex(key).unwrap()));
        let cipher = format!("cipher={suite}");
        let right = format!("hexadecimal_kg={key}");
        run(&bmc, &["action=off", &cipher, &right]).expect(0, "Success: Powered OFF\n");
        let wrong = run(&bmc, &["action=on", &cipher, "hexadecimal_kg=ff"]);
        wrong.expect_failure("check hexadecimal_kg");
        let missing = run(&bmc, &["action=on", &cipher]);
        missing.expect_failure("give it with hexadecimal_kg");
        assert_eq!(bmc.power(), Power::Off);
    }
}

#[test]
fn a_user_may_do_what_the_privilege_level_allows() {
    let bmc = Sim::start_with(|config| {
        let mut user = User::administrator("admin", "secret").unwrap();
        user.max_privilege = Privilege::Operator;
        config.users = vec![user];
    });
    for line in ["privlvl=administrator", "privlvl="] {
        run(&bmc, &["action=off", line]).expect_failure("try a lower privlvl");
    }
    let refused = run(&bmc, &["action=off", "privlvl=user"]);
    refused.expect_failure("Chassis Control refused: insufficient privilege level (0xd4)");
    run(&bmc, &["action=status", "privlvl=user"]).expect(0, "Status: ON\n");
    run(&bmc, &["action=off", "privlvl=operator"]).expect(0, "Success: Powered OFF\n");
    assert_eq!(bmc.sessions(), (3, 3), "{:?}", bmc.happened());
}

#[test]
fn a_disabled_user_and_a_full_bmc_are_told_apart() {
    let bmc = Sim::start_with(|config| config.users[0].enabled = false);
    run(&bmc, &["action=status"]).expect_failure("check username");
    let bmc = Sim::start_with(|config| config.max_sessions = 0);
    run(&bmc, &["action=status"]).expect_failure("session table is full");
}

#[test]
fn a_busy_bmc_is_asked_again() {
    for (version, action) in in_both_versions(["status", "monitor", "off", "reboot"]) {
        let bmc = Sim::start_with(|config| {
            both_versions(config);
            config.faults.busy_answers = 2;
        });
        let run = run(&bmc, &[version, &format!("action={action}")]);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{action}: {run:#?}");
        assert_eq!(bmc.sessions(), (1, 1));
    }
}

#[test]
fn a_machine_that_ignores_power_off_is_never_a_success() {
    for (action, pace) in [
        ("action=off", ""),
        ("action=off", "power_wait=0"),
        ("action=off", "stonith_status_sleep=0"),
        ("action=reboot", ""),
        ("action=reboot", "power_wait=1"),
    ] {
        let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
        let run = run(&bmc, &[action, pace, "power_timeout=1"]);
        run.expect_failure("timed out waiting to power OFF");
        assert_eq!(bmc.power(), Power::On);
        assert_eq!(bmc.commands(), [PowerControl::PowerDown], "and never on");
    }
}

#[test]
fn a_power_timeout_tells_the_last_state_that_was_read() {
    let words = "timed out waiting to power OFF: power was still ON";
    for timeout in ["power_timeout=1", "power_timeout=2"] {
        let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
        run(&bmc, &["action=off", timeout]).expect_failure(words);
    }
}

#[test]
fn a_command_that_is_ignored_at_first_is_sent_again() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let agent = agent(&bmc, &["action=off"]).start();
    bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
    bmc.with_faults(|faults| faults.ignore_power_off = false);
    agent.finish().expect(0, "Success: Powered OFF\n");
    assert_eq!(bmc.commands(), [PowerControl::PowerDown; 2]);
}

#[test]
fn a_machine_that_stays_off_after_a_reboot_was_fenced_all_the_same() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_on = true);
    let reboot = run(&bmc, &["action=reboot", "power_timeout=1"]);
    reboot.expect(0, "Success: Rebooted\n");
    let [line] = Vec::from_iter(reboot.stderr.lines())[..] else { panic!("{reboot:#?}") };
    assert!(line.contains("the machine was fenced, but powering it on again failed"), "{line}");
    assert_eq!(bmc.power(), Power::Off);
    assert_eq!(bmc.commands(), [PowerControl::PowerDown, PowerControl::PowerUp]);

    let on = run(&bmc, &["action=on", "power_timeout=1"]);
    on.expect_failure("timed out waiting to power ON");
}

#[test]
fn a_bmc_that_falls_silent_after_power_off_leaves_no_success() {
    for action in ["off", "reboot"] {
        let delay = Duration::from_secs(1);
        let bmc = Sim::start_with(|config| config.power_delay = delay);
        let agent = agent(&bmc, &[&format!("action={action}"), "power_timeout=2"]).start();
        bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
        bmc.with_faults(|faults| faults.silent = true);
        agent.finish().expect_failure("timed out waiting to power OFF");
    }
}

#[test]
fn a_lost_acknowledgement_does_no_harm() {
    for (version, (lost, lines, printed)) in in_both_versions([
        (PowerControl::PowerDown, &["action=off"][..], "Success: Powered OFF\n"),
        (PowerControl::PowerUp, &["action=reboot"], "Success: Rebooted\n"),
        (PowerControl::PowerCycle, &["action=reboot", "method=cycle"], "Success: Rebooted\n"),
    ]) {
        let bmc = Sim::start_with(|config| {
            both_versions(config);
            config.faults.drop_acknowledgement_of = Some(lost);
        });
        let run = agent(&bmc, lines).lines([version]).run();
        run.expect(0, printed);
        assert_eq!(run.stderr, "");
        assert!(bmc.happened().contains(&EventKind::AcknowledgementLost));
        let executed = bmc.commands().into_iter().filter(|command| *command == lost).count();
        assert_eq!(executed, 1, "{lost:?} is not carried out twice");
        assert_eq!(bmc.sessions(), (1, 1));
    }
}

#[test]
fn whichever_answer_is_lost_a_reboot_is_carried_out_once() {
    let reboot_without = |version: &str, lost: usize| {
        let bmc = Sim::start_with(both_versions);
        let mut answers = 0;
        let proxy = Proxy::start(bmc.address(), move |genuine| {
            answers += 1;
            if answers == lost { Vec::new() } else { vec![genuine.to_vec()] }
        });
        let run = agent(&bmc, &["action=reboot", version]).lines(proxy.lines()).run();
        run.expect(0, "Success: Rebooted\n");
        assert_eq!(run.stderr, "", "{version}, without answer {lost}");
        assert_eq!(bmc.power(), Power::On);
        assert_eq!(bmc.commands(), [PowerControl::PowerDown, PowerControl::PowerUp]);
    };
    std::thread::scope(|scope| {
        for (version, lost) in in_both_versions(std::array::from_fn::<_, 13, _>(|n| n + 1)) {
            scope.spawn(move || reboot_without(version, lost));
        }
    });
}

/// Each answer takes 1.5 s; the login starts anew until its answers are waited for long enough.
#[test]
fn a_login_that_takes_more_than_four_seconds_is_followed_by_its_command() {
    for version in VERSIONS {
        let bmc = Sim::start_with(both_versions);
        let delay = Duration::from_millis(750);
        let link = bmc.link(NetworkConfig { delay, ..NetworkConfig::default() });
        let line = format!("ipport={}", link.address().port());
        let run = run(&bmc, &["action=status", version, "login_timeout=10", &line]);
        run.expect(0, "Status: ON\n");
        assert!(run.took > Duration::from_secs(4), "{run:#?}");
        let answered = |kind: &&EventKind| matches!(kind, EventKind::StatusReported(_));
        assert_eq!(bmc.happened().iter().filter(answered).count(), 1);
    }
}

/// Some BMCs forget their sessions when they switch power.
#[test]
fn a_session_that_the_bmc_forgot_is_opened_again() {
    for version in VERSIONS {
        let bmc = Sim::start_with(|config| {
            both_versions(config);
            config.session_idle_timeout = Duration::from_millis(700);
        });
        let run = run(&bmc, &["action=off", "stonith_status_sleep=1", "power_wait=1", version]);
        run.expect(0, "Success: Powered OFF\n");
        assert_eq!(run.stderr, "");
        assert_eq!(bmc.commands(), [PowerControl::PowerDown]);
        assert_eq!(bmc.sessions(), (2, 1), "{:?}", bmc.happened());
    }
}

/// One that it notices by itself, and one that weakens the login.
#[test]
fn workarounds_are_applied_as_the_user_says() {
    let status = |quirk: Quirk, lines: &[&str]| {
        let bmc = Sim::start_with(|config| {
            config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
            config.quirks = QuirkSet::NONE.with(quirk);
        });
        let lines = [&["action=status", "lanplus=0", "verbose_level=1"], lines].concat();
        let run = run(&bmc, &[&lines[..], &["login_timeout=1", "power_timeout=5"]].concat());
        let in_use = run.stderr.split("workarounds in use: ").nth(1);
        (run.code, in_use.map(|names| names.lines().next().unwrap().to_owned()))
    };
    let found = (Some(0), Some("endianseq".to_owned()));
    assert_eq!(status(Quirk::EndianSeq, &[]), found);
    assert_eq!(status(Quirk::EndianSeq, &["workarounds=endianseq"]), found);
    for forbidden in ["workarounds=-endianseq", "workarounds=none"] {
        assert_eq!(status(Quirk::EndianSeq, &[forbidden]).0, Some(1));
    }
    assert_eq!(status(Quirk::NoAuthCodeCheck, &[]).0, Some(1));
    let named = status(Quirk::NoAuthCodeCheck, &["workarounds=none,noauthcodecheck"]);
    assert_eq!(named, (Some(0), Some("noauthcodecheck".to_owned())));
}

#[test]
fn agents_at_the_same_time_do_not_disturb_each_other() {
    let bmc = Sim::start();
    let agents: Vec<_> = (0..8).map(|_| agent(&bmc, &["action=off"]).start()).collect();
    for agent in agents {
        let run = agent.finish();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
    }
    assert_eq!(bmc.power(), Power::Off);
    assert_eq!(bmc.sessions(), (8, 8));
}

#[test]
fn a_cycle_counts_when_power_was_seen_off() {
    let bmc = Sim::start();
    let run = cycle(&bmc, &[]);
    run.expect(0, "Success: Rebooted\n");
    assert_eq!(run.stderr, "");
    assert_eq!(bmc.commands(), [PowerControl::PowerCycle]);
    let happened = bmc.happened();
    assert!(happened.contains(&EventKind::StatusReported(Power::Off)), "{happened:?}");
    assert_eq!(bmc.power(), Power::On);
}

#[test]
fn a_cycle_too_short_to_be_seen_counts_when_the_bmc_proves_the_restart() {
    let bmc = Sim::start_with(|config| config.faults.instant_cycle = true);
    let first = cycle(&bmc, &[]);
    first.expect(0, "Success: Rebooted\n");
    assert_eq!(first.stderr, "");
    // Now the record says "by command" already, so that a second cycle changes nothing in it.
    cycle(&bmc, &["power_timeout=2"]).expect_failure("power cycle not verified");
    assert_eq!(bmc.commands(), [PowerControl::PowerCycle; 2]);
}

#[test]
fn a_cycle_without_proof_counts_only_for_who_accepts_that() {
    let bmc = Sim::start_with(|config| {
        config.faults.instant_cycle = true;
        config.faults.no_restart_cause = true;
    });
    let refused = cycle(&bmc, &["power_timeout=2", "unverified_cycle=0"]);
    refused.expect_failure("use method=onoff");
    let accepted = cycle(&bmc, &["power_timeout=2", "unverified_cycle=1"]);
    accepted.expect(0, "Success: Rebooted\n");
    let [line] = Vec::from_iter(accepted.stderr.lines())[..] else { panic!("{accepted:#?}") };
    assert!(
        line.contains("WARNING") && line.contains("nothing proves that power was off"),
        "{line}"
    );
}

#[test]
fn a_cycle_that_is_ignored_is_a_failure() {
    for record in [false, true] {
        let bmc = Sim::start_with(|config| {
            config.faults.ignore_power_off = true;
            config.faults.no_restart_cause = record;
        });
        cycle(&bmc, &["power_timeout=2"]).expect_failure("power cycle not verified");
        assert_eq!(bmc.power(), Power::On);
        assert_eq!(
            bmc.commands(),
            [PowerControl::PowerCycle],
            "an acknowledged cycle is sent once"
        );
    }
}

#[test]
fn a_cycle_of_a_machine_that_is_off_powers_it_on() {
    let bmc = Sim::start_with(|config| config.initial_power = Power::Off);
    let run = cycle(&bmc, &[]);
    run.expect(0, "Success: Rebooted\n");
    assert_eq!(run.stderr, "");
    assert_eq!(bmc.power(), Power::On);
    assert_eq!(bmc.commands(), [PowerControl::PowerUp]);
}

#[test]
fn a_cycle_that_stays_off_is_helped_on() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_on = true);
    let run = cycle(&bmc, &["power_timeout=1"]);
    run.expect(0, "Success: Rebooted\n");
    assert!(run.stderr.contains("powering it on again failed"), "{run:#?}");
    assert_eq!(bmc.power(), Power::Off);
}

#[test]
fn a_diagnostic_interrupt_is_sent_once() {
    let bmc = Sim::start();
    run(&bmc, &["action=diag"]).expect(0, "Success: Rebooted\n");
    assert_eq!(bmc.commands(), [PowerControl::DiagnosticInterrupt]);
    assert!(bmc.happened().contains(&EventKind::DiagnosticInterrupt));
}

#[test]
fn one_session_and_few_datagrams_serve_an_action() {
    for (version, (lines, most)) in in_both_versions([
        (&["action=status"][..], 14),
        (&["action=monitor"], 14),
        (&["action=off", "power_wait=0"], 20),
        (&["action=reboot", "power_wait=0"], 26),
        (&["action=list"], 0),
    ]) {
        let bmc = Sim::start_with(both_versions);
        assert_eq!(agent(&bmc, lines).lines([version]).run().code, Some(0));
        let counts = bmc.datagrams();
        assert!(counts.received + counts.sent <= most, "{lines:?}: {counts:?}");
        let sessions = usize::from(most > 0);
        assert_eq!(bmc.sessions(), (sessions, sessions), "{lines:?}: {:?}", bmc.happened());
    }
}

#[test]
fn the_session_is_closed_after_failures() {
    for (lines, words) in [
        (&["action=off", "power_timeout=1"][..], "timed out waiting"),
        (&["action=off", "power_timeout=2"], "timed out waiting"),
        (&["action=off", "power_timeout=2", "power_wait=0"], "timed out waiting"),
        (&["action=off", "privlvl=user"], "insufficient privilege level"),
        (&["action=reboot", "method=cycle", "power_timeout=1"], "not verified"),
    ] {
        let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
        run(&bmc, lines).expect_failure(words);
        assert_eq!(bmc.sessions(), (1, 1), "{lines:?}: {:?}", bmc.happened());
    }
}

#[test]
fn a_cycle_takes_one_session_to_the_end() {
    let bmc = Sim::start_with(|config| {
        config.faults.instant_cycle = true;
        config.faults.no_restart_cause = true;
    });
    let run = cycle(&bmc, &["power_timeout=1", "unverified_cycle=1"]);
    run.expect(0, "Success: Rebooted\n");
    assert_eq!(bmc.sessions(), (1, 1), "{:?}", bmc.happened());
}

#[test]
fn a_signal_ends_the_agent_with_a_failure_and_closes_the_session() {
    for (version, signal) in in_both_versions(["TERM", "INT", "HUP"]) {
        let bmc = Sim::start_with(|config| {
            both_versions(config);
            config.faults.ignore_power_off = true;
        });
        let agent = agent(&bmc, &["action=reboot", version]).start();
        bmc.wait_for(|event| matches!(event, EventKind::ChassisControl { .. }));
        agent.signal(signal);
        let run = agent.finish();
        run.expect_failure(&format!("interrupted by SIG{signal}"));
        assert!(run.took < Duration::from_secs(5), "{run:#?}");
        assert_eq!(bmc.sessions(), (1, 1), "{:?}", bmc.happened());
        assert_eq!(bmc.commands(), [PowerControl::PowerDown]);
    }
}

#[test]
fn a_signal_ends_a_login_that_nobody_answers() {
    let bmc = Sim::start_with(|config| config.faults.silent = true);
    let agent = agent(&bmc, &["action=off"]).start();
    while bmc.datagrams().received == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    agent.signal("TERM");
    let run = agent.finish();
    run.expect_failure("interrupted by SIGTERM");
    assert!(run.took < Duration::from_secs(4), "{run:#?}");
}

fn agent(bmc: &Sim, lines: &[&str]) -> Agent {
    Agent::ours().lines(bmc.lines()).lines(lines)
}

fn run(bmc: &Sim, lines: &[&str]) -> Run {
    agent(bmc, lines).run()
}

fn cycle(bmc: &Sim, lines: &[&str]) -> Run {
    agent(bmc, &["action=reboot", "method=cycle"]).lines(lines).run()
}

const VERSIONS: [&str; 2] = ["lanplus=1", "lanplus=0"];

fn in_both_versions<C: Copy, const N: usize>(
    cases: [C; N],
) -> impl Iterator<Item = (&'static str, C)> {
    VERSIONS.into_iter().flat_map(move |version| cases.map(|case| (version, case)))
}

/// Sessions of IPMI 1.5, too.
fn both_versions(config: &mut Config) {
    config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
}

/// The cipher suites of the sessions that were opened.
fn suites(bmc: &Sim) -> Vec<CipherSuite> {
    let suite = |event| match event {
        EventKind::SessionOpened { protection: Protection::Ipmi20(suite), .. } => Some(suite),
        _ => None,
    };
    bmc.happened().into_iter().filter_map(suite).collect()
}
