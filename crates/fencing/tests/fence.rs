//! What programs do with the library: providers, checks, deadlines, topologies; against simulated BMCs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod support;

use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bmc_sim::{Config, EventKind, Power, Server, User};
use fencing::procedure::Done;
use fencing::providers::Native;
use fencing::{
    Action, Agent, AgentConfig, ConfigError, Error, Fence, Level, LoadFailure, Outcome,
    PowerCommand, PowerState, Provider as _, Success, Topology, Unfencing,
};
use tokio::time::Instant;

use support::{Outlets, WITHIN, bmc, ipmi, native, redfish, redfish_bmc, set, until};

#[tokio::test]
async fn every_action_of_a_native_agent_has_its_outcome() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = ipmi(&fence, &bmc);
    let run = async |action| fence.run(&config, Some(action), WITHIN).await;
    assert!(matches!(run(Action::Status).await, Ok(Outcome::Status(PowerState::On))));
    assert!(matches!(run(Action::Monitor).await, Ok(Outcome::Monitored)));
    let off = run(Action::Off).await;
    assert!(matches!(off, Ok(Outcome::Done(Success::Observed(Done::PoweredOff(_))))), "{off:?}");
    assert_eq!(bmc.power(), Power::Off);
    let off = fence.off(&config, WITHIN).await;
    assert!(matches!(off, Ok(Success::Observed(Done::AlreadyOff(_)))), "{off:?}");
    assert!(matches!(run(Action::Status).await, Ok(Outcome::Status(PowerState::Off))));
    let reboot = fence.run(&config, None, WITHIN).await;
    assert!(
        matches!(reboot, Ok(Outcome::Done(Success::Observed(Done::Rebooted { .. })))),
        "{reboot:?}"
    );
    assert_eq!(bmc.power(), Power::On);
    let on = fence.on(&config, WITHIN).await;
    assert!(matches!(on, Ok(Success::Observed(Done::AlreadyOn(_)))), "{on:?}");
    assert!(matches!(
        run(Action::Diag).await,
        Ok(Outcome::Done(Success::Observed(Done::DiagAcknowledged)))
    ));
    assert!(matches!(run(Action::List).await, Err(Error::NoPlugs { .. })));
}

#[tokio::test]
async fn an_action_in_the_configuration_is_what_no_action_means() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = set(ipmi(&fence, &bmc), &[("action", "status")]);
    assert!(matches!(fence.run(&config, None, WITHIN).await, Ok(Outcome::Status(PowerState::On))));
}

#[tokio::test]
async fn an_action_that_is_none_is_named_in_the_error() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = set(ipmi(&fence, &bmc), &[("action", "fly")]);
    let error = fence.run(&config, None, WITHIN).await.unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Unusable { .. })), "{error:?}");
    assert_eq!(error.to_string(), "action: this is no action on a device");
    assert_eq!((bmc.power(), bmc.event_count()), (Power::On, 0));
}

#[tokio::test]
async fn what_is_wrong_with_a_configuration_is_said_before_anything_is_done() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut config = ipmi(&fence, &bmc);
    assert!(matches!(config.set("passwrod", "x"), Err(ConfigError::Unknown(_))));
    assert!(matches!(config.set("privlvl", "root"), Err(ConfigError::Invalid { .. })));
    assert!(matches!(config.set("power_wait", "soon"), Err(ConfigError::Invalid { .. })));
    for (given, message) in [
        (("ip", ""), "you have to enter the fence address (ip=…)"),
        (("cipher", "99"), "cipher: '99' is no cipher suite: use 17 or 3"),
        (("retry_on", "-1"), "retry_on: -1 is not a number of attempts"),
        (("ipport", "0"), "ipport: 0 is no UDP port (1 to 65535)"),
    ] {
        let config = set(config.clone(), &[given]);
        assert_eq!(fence.verify(&config, None).unwrap_err().to_string(), message);
        assert_eq!(fence.off(&config, WITHIN).await.unwrap_err().to_string(), message);
    }
    assert_eq!(fence.verify(&config, None).unwrap(), Action::Reboot);
    let redfish = fence.agent_config("native", "fence_redfish").unwrap();
    let error = fence.verify(&redfish, Some(Action::Off)).unwrap_err().to_string();
    assert_eq!(error, "you have to enter the required parameter (username=…)");
    assert_eq!((bmc.power(), bmc.event_count()), (Power::On, 0));
}

#[tokio::test]
async fn providers_are_registered_once_and_can_be_taken_out() {
    let mut fence = native().await;
    let config = fence.agent_config("native", "fence_ilo4").unwrap();
    assert!(matches!(fence.register("native", Native::new()), Err(Error::AlreadyRegistered(_))));
    fence.register("another", Native::new()).unwrap();
    assert_eq!(fence.providers().collect::<Vec<_>>(), ["another", "native"]);
    assert!(matches!(fence.agent("another", "fence_ilo4"), Err(Error::UnknownAgent { .. })));
    fence.load_agents(WITHIN).await;
    assert_eq!(fence.agent("another", "fence_ilo4").unwrap().provider, "another");
    assert_eq!(fence.agents().count(), 16);
    let native = fence.deregister("native").unwrap();
    assert!(matches!(fence.deregister("native"), Err(Error::UnknownProvider(_))));
    assert!(matches!(fence.status(&config, WITHIN).await, Err(Error::UnknownProvider(_))));
    assert!(matches!(fence.agent_config("native", "fence_ilo4"), Err(Error::UnknownProvider(_))));

    fence.register("again", native).unwrap();
    fence.load_agents(WITHIN).await;
    assert_eq!(fence.agent("again", "fence_ilo4").unwrap().name, "fence_ilo4");
}

#[tokio::test]
async fn a_failure_names_device_and_step_and_shows_no_secret() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = set(ipmi(&fence, &bmc), &[("password", "geheim-7Zq")]);
    let error = fence.off(&config, WITHIN).await.unwrap_err();
    let text = format!("{error}");
    assert!(
        text.starts_with(&format!("{}: unable to read the power state: ", bmc.address())),
        "{text}"
    );
    assert!(error.source().is_some());
    assert!(!format!("{error:?} {config:?}").contains("geheim"), "{error:?}");
    assert_eq!(bmc.power(), Power::On);
}

#[tokio::test]
async fn a_call_comes_back_within_its_time() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = set(ipmi(&fence, &bmc), &[("power_timeout", "60"), ("login_timeout", "60")]);
    bmc.with_faults(|faults| faults.silent = true);
    let begin = Instant::now();
    let error = fence.off(&config, Duration::from_millis(300)).await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(matches!(error, Error::TimedOut { .. } | Error::Procedure { .. }), "{error:?}");
    assert!(
        error.to_string().contains("timed out") || error.to_string().contains("no answer"),
        "{error}"
    );
}

/// The session of a call that was given up is closed all the same.
#[tokio::test]
async fn a_call_that_is_dropped_closes_its_session() {
    let (fence, bmc) = (native().await, bmc().await);
    let config = set(ipmi(&fence, &bmc), &[("power_wait", "60")]);
    let off = fence.off(&config, Duration::from_secs(120));
    tokio::select! {
        off = off => panic!("{off:?}"),
        () = until(&bmc, |kind| matches!(kind, EventKind::PowerOff)) => {}
    }
    fence.finish(WITHIN).await;
    assert!(bmc.events().iter().any(|event| matches!(event.kind, EventKind::SessionClosed { .. })));
}

#[tokio::test]
async fn the_systems_behind_one_bmc_are_listed_and_each_is_a_plug() {
    let (fence, bmc) = (native().await, redfish_bmc(&["Node0", "Node1"]).await);
    let config = redfish(&fence, &bmc);
    let error = fence.off(&config, WITHIN).await.unwrap_err().to_string();
    assert!(error.contains("several systems"), "{error}");
    fence.monitor(&config, WITHIN).await.unwrap();

    fence.off(&set(config.clone(), &[("plug", "Node1")]), WITHIN).await.unwrap();
    let ports = fence.list(&config, WITHIN).await.unwrap();
    let ports: Vec<_> = ports.iter().map(|port| (port.name.as_str(), port.state)).collect();
    assert_eq!(ports, [("Node0", Some(PowerState::On)), ("Node1", Some(PowerState::Off))]);
    assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::Off)));
}

#[tokio::test]
async fn ipmi_first_redfish_second_on_the_same_bmc() {
    let (fence, bmc) = (native().await, bmc().await);
    let redfish_bmc = redfish_bmc(&["1"]).await;
    let redfish = redfish(&fence, &redfish_bmc);
    let ways = Topology::first(ipmi(&fence, &bmc)).then(redfish.clone());

    let success = fence.command_by(&ways, PowerCommand::Off, WITHIN).await.unwrap();
    assert_eq!((success.level, success.before.len()), (1, 0));
    assert_eq!((bmc.power(), redfish_bmc.counts().requests), (Power::Off, 0));

    let locked_out = set(ipmi(&fence, &bmc), &[("password", "wrong")]);
    let ways = Topology::first(locked_out).then(redfish);
    let status = fence.status_by(&ways, WITHIN).await.unwrap();
    assert_eq!((status.level, status.state), (2, PowerState::On));
    let success =
        fence.command_by(&ways, PowerCommand::Off, Duration::from_secs(30)).await.unwrap();
    assert_eq!(success.level, 2);
    let [failure] = &success.before[..] else { panic!("{:?}", success.before) };
    assert_eq!((failure.level, failure.agent.as_str()), (1, "fence_ipmilanplus"));
    let status = fence.status_by(&ways, WITHIN).await.unwrap();
    assert_eq!((status.level, status.state), (2, PowerState::Off));
}

#[tokio::test]
async fn redundant_supplies_are_off_together_before_one_is_on_again() {
    let (fence, a, b) = (native().await, bmc().await, bmc().await);
    let both = Topology::first(Level::of(ipmi(&fence, &a)).and(ipmi(&fence, &b)));
    let success =
        fence.command_by(&both, PowerCommand::Reboot, Duration::from_secs(30)).await.unwrap();
    assert_eq!((success.devices.len(), success.not_on_again.len()), (2, 0));
    assert_eq!((a.power(), b.power()), (Power::On, Power::On));
    let when = |bmc: &Server, wanted: fn(&EventKind) -> bool| {
        bmc.events().iter().find(|event| wanted(&event.kind)).unwrap().at
    };
    let b_off = when(&b, |kind| matches!(kind, EventKind::PowerOff));
    let a_on = when(&a, |kind| matches!(kind, EventKind::PowerOn));
    assert!(b_off < a_on, "b was off at {b_off:?}, a on at {a_on:?}");
}

#[tokio::test]
async fn one_of_two_supplies_that_stays_on_is_no_success() {
    let (fence, a, b) = (native().await, bmc().await, bmc().await);
    b.with_faults(|faults| faults.ignore_power_off = true);
    let stubborn = set(ipmi(&fence, &b), &[("power_timeout", "1")]);
    let both = Topology::first(Level::of(ipmi(&fence, &a)).and(stubborn));
    for command in [PowerCommand::Off, PowerCommand::Reboot] {
        let error = fence.command_by(&both, command, Duration::from_secs(30)).await.unwrap_err();
        let [failure] = &error.failures[..] else { panic!("{error:?}") };
        assert!(failure.reason.to_string().contains("timed out waiting to power OFF"), "{error}");
        assert_eq!((a.power(), b.power()), (Power::Off, Power::On));
    }
    let status = fence.status_by(&both, WITHIN).await.unwrap();
    assert_eq!(status.state, PowerState::On);
}

#[tokio::test]
async fn a_supply_that_comes_back_before_the_other_is_off_is_no_success() {
    let (fence, a) = (native().await, bmc().await);
    let user = User::administrator("admin", "secret").unwrap();
    let slow = Config { power_delay: Duration::from_secs(1), ..Config::new(vec![user]) };
    let b = Server::start("127.0.0.1:0".parse().unwrap(), slow).await.unwrap();
    let both = Topology::first(Level::of(ipmi(&fence, &a)).and(ipmi(&fence, &b)));
    let coming_back = async {
        b.event(0).await.unwrap();
        a.set_power(Power::On);
    };
    let off = fence.command_by(&both, PowerCommand::Off, Duration::from_secs(30));
    let error = tokio::join!(off, coming_back).0.unwrap_err().to_string();
    assert!(error.starts_with("127.0.0.1: power was seen OFF, and was ON again"), "{error}");
    assert_eq!((a.power(), b.power()), (Power::On, Power::Off));
}

#[tokio::test]
async fn nothing_of_a_level_is_switched_when_one_of_its_configurations_is_wrong() {
    let (fence, a, b) = (native().await, bmc().await, bmc().await);
    let wrong = set(ipmi(&fence, &b), &[("cipher", "99")]);
    let both = Level::of(ipmi(&fence, &a)).and(wrong);
    let error = fence
        .command_by(&Topology::first(both.clone()), PowerCommand::Off, WITHIN)
        .await
        .unwrap_err();
    assert!(error.to_string().starts_with("cipher: '99' is no cipher suite"), "{error}");
    assert_eq!((a.power(), a.event_count()), (Power::On, 0));
    let ways = Topology::first(both.clone()).then(both);
    let error = fence.command_by(&ways, PowerCommand::Off, WITHIN).await.unwrap_err().to_string();
    assert!(
        error.contains("level 1, fence_ipmilanplus: ") && error.contains("; level 2, "),
        "{error}"
    );
}

/// The machine has one power supply less, and nobody would look for the reason.
#[tokio::test]
async fn a_level_that_fails_half_way_says_what_it_has_switched() {
    let (fence, a, b) = (native().await, bmc().await, bmc().await);
    let locked_out = set(ipmi(&fence, &b), &[("password", "wrong")]);
    let both = Topology::first(Level::of(ipmi(&fence, &a)).and(locked_out));
    let error = fence.command_by(&both, PowerCommand::Reboot, WITHIN).await.unwrap_err();
    assert_eq!((a.power(), b.power()), (Power::Off, Power::On));
    let [failure] = &error.failures[..] else { panic!("{error:?}") };
    let [switched] = &failure.switched_before[..] else { panic!("{error:?}") };
    assert!(matches!(switched.success, Success::Observed(Done::PoweredOff(_))), "{error:?}");
    for text in [error.to_string(), failure.to_string()] {
        let told = "; switched before: fence_ipmilanplus at 127.0.0.1 (off)";
        assert!(text.ends_with(told), "{text}");
    }
    let failure: &dyn std::error::Error = failure;
    assert!(failure.source().is_some());
}

#[tokio::test(start_paused = true)]
async fn the_first_device_of_a_level_leaves_the_second_its_share_of_the_time() {
    let outlets = Outlets::with(&["1", "2"]);
    let mut fence = Fence::new();
    fence.register("mine", outlets.clone()).unwrap();
    fence.load_agents(WITHIN).await;
    outlets.hangs.store(true, Ordering::Relaxed);
    let outlet =
        |plug| set(fence.agent_config("mine", "fence_outlets").unwrap(), &[("plug", plug)]);
    let both = Topology::first(Level::of(outlet("1")).and(outlet("2")));
    let begin = Instant::now();
    fence.command_by(&both, PowerCommand::Off, WITHIN).await.unwrap_err();
    let grace = Duration::from_secs(1);
    assert!(begin.elapsed() <= WITHIN / 2 + grace, "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_provider_of_a_users_own_is_used_like_any_other() {
    let outlets = Outlets::with(&["1", "2"]);
    let mut fence = Fence::new();
    fence.register("mine", outlets.clone()).unwrap();
    let failures = fence.load_agents(WITHIN).await;
    let [LoadFailure::Agent { .. }] = failures[..] else { panic!("{failures:?}") };
    assert_eq!(failures[0].to_string(), "fence_broken of provider mine: no metadata");

    let config = fence.agent_config("mine", "fence_outlets").unwrap();
    assert!(matches!(fence.off(&config, WITHIN).await, Err(Error::MissingPlug { .. })));
    assert!(matches!(fence.status(&config, WITHIN).await, Err(Error::MissingPlug { .. })));
    fence.monitor(&config, WITHIN).await.unwrap();
    assert_eq!(fence.list(&config, WITHIN).await.unwrap().len(), 2);

    let config = set(config, &[("port", "2")]);
    assert!(matches!(fence.off(&config, WITHIN).await, Ok(Success::Reported(PowerCommand::Off))));
    assert_eq!(fence.status(&config, WITHIN).await.unwrap(), PowerState::Off);
    assert!(outlets.on.lock().unwrap()["1"]);
    for action in [Action::Reboot, Action::Diag] {
        let refused = fence.run(&config, Some(action), WITHIN).await;
        assert!(matches!(refused, Err(Error::UnsupportedAction { .. })), "{refused:?}");
    }
    let elsewhere = set(config, &[("plug", "9")]);
    assert_eq!(fence.off(&elsewhere, WITHIN).await.unwrap_err().to_string(), "no such outlet");
}

#[tokio::test]
async fn the_success_of_another_command_is_a_failure() {
    let outlets = Outlets { is_confused: true, ..Outlets::with(&["1"]) };
    let agent = outlets.load_agents(Instant::now()).await.agents.remove(0);
    let agent = Arc::new(Agent { provider: "mine".into(), ..agent });
    let fence = Fence::of(&agent, outlets);
    let config = set(AgentConfig::new(agent), &[("plug", "1")]);
    let error = fence.off(&config, WITHIN).await.unwrap_err().to_string();
    let words = "fence_outlets says that it did something else than it was asked for: diag; ";
    assert!(error.starts_with(words), "{error}");
    assert_eq!(fence.status(&config, WITHIN).await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn a_topology_reboots_by_parts_what_has_no_reboot() {
    let outlets = Outlets::with(&["1"]);
    let mut fence = Fence::new();
    fence.register("mine", outlets.clone()).unwrap();
    fence.load_agents(WITHIN).await;
    let config = set(fence.agent_config("mine", "fence_outlets").unwrap(), &[("plug", "1")]);
    let ways = Topology::first(config.clone());
    fence.verify_by(&ways, PowerCommand::Reboot).unwrap();
    let refused = fence.verify_by(&ways, PowerCommand::Diag);
    assert!(matches!(refused, Err(Error::UnsupportedAction { .. })), "{refused:?}");
    let success =
        fence.command_by(&Topology::first(config), PowerCommand::Reboot, WITHIN).await.unwrap();
    assert!(matches!(success.devices[..], [Success::Reported(PowerCommand::Off)]));
    assert!(success.not_on_again.is_empty() && outlets.on.lock().unwrap()["1"]);
}

/// A device that cuts a machine off from its storage leaves it running: it must not get at the storage again before it
/// has been rebooted, and then the cluster sees to that.
#[tokio::test]
async fn a_reboot_by_parts_does_not_undo_what_is_undone_by_unfencing() {
    let bmc = bmc().await;
    for unfencing in [
        Unfencing { automatic: true, on_target: false },
        Unfencing { automatic: true, on_target: true },
        Unfencing { automatic: false, on_target: true },
    ] {
        let storage = Outlets { unfencing, ..Outlets::with(&["1"]) };
        let mut fence = native().await;
        fence.register("mine", storage.clone()).unwrap();
        fence.load_agents(WITHIN).await;
        let storage_config =
            set(fence.agent_config("mine", "fence_outlets").unwrap(), &[("plug", "1")]);
        let alone = Topology::first(storage_config.clone());
        let success = fence.command_by(&alone, PowerCommand::Reboot, WITHIN).await.unwrap();
        assert!(success.not_on_again.is_empty());
        assert!(!storage.on.lock().unwrap()["1"], "{unfencing:?}");

        let both = Topology::first(Level::of(storage_config).and(ipmi(&fence, &bmc)));
        let success = fence.command_by(&both, PowerCommand::Reboot, WITHIN).await.unwrap();
        assert!(success.not_on_again.is_empty());
        assert_eq!((bmc.power(), storage.on.lock().unwrap()["1"]), (Power::On, false));
    }
}

#[tokio::test]
async fn a_machine_that_was_fenced_in_time_and_is_not_on_again_in_time_was_fenced() {
    let (fence, bmc) = (native().await, bmc().await);
    bmc.with_faults(|faults| faults.ignore_power_on = true);
    let config = set(ipmi(&fence, &bmc), &[("delay", "2")]);
    for given in [("method", "onoff"), ("power_wait", "5"), ("retry_on", "1000000")] {
        bmc.set_power(Power::On);
        let config = set(config.clone(), &[given]);
        let within = Duration::from_secs(4);
        let begin = Instant::now();
        let reboot = fence.reboot(&config, within).await;
        assert!(begin.elapsed() < within, "{given:?}");
        if given.0 == "power_wait" {
            let error = reboot.unwrap_err().to_string();
            assert!(error.contains("timed out waiting to power OFF"), "{error}");
            continue;
        }
        let success = reboot.unwrap();
        let warning = success.warning().unwrap().to_string();
        assert!(warning.starts_with("the machine was fenced, but"), "{warning}");
    }
}

#[tokio::test]
async fn a_time_may_be_longer_than_the_clock_counts() {
    let (mut fence, bmc) = (native().await, bmc().await);
    assert!(fence.load_agents(Duration::MAX).await.is_empty());
    let config = ipmi(&fence, &bmc);
    fence.status(&config, Duration::MAX).await.unwrap();
    fence.monitor(&config, Duration::MAX).await.unwrap();
    fence.off(&config, Duration::MAX).await.unwrap();
    let ways = Topology::first(config);
    fence.command_by(&ways, PowerCommand::On, Duration::MAX).await.unwrap();
    fence.status_by(&ways, Duration::MAX).await.unwrap();
    fence.finish(Duration::MAX).await;
}

#[tokio::test]
async fn what_is_given_is_found_by_old_names_too() {
    let fence = native().await;
    let mut config = fence.agent_config("native", "fence_ipmilan").unwrap();
    config.set("login", "admin").unwrap();
    config.set("passwd", "secret").unwrap();
    for name in ["login", "username"] {
        assert!(config.is_given(name), "{name}");
        assert_eq!(config.text(name).as_deref(), Some("admin"), "{name}");
    }
    assert_eq!(config.secret("passwd").unwrap().expose(), "secret");
    assert_eq!(config.seconds("power-timeout"), Some(Duration::from_secs(20)));
    assert!(!config.is_given("power-timeout") && !config.is_given("no_such"));
}

/// Programs share it between threads, keep it in structures that print themselves, and start calls as tasks.
#[tokio::test]
async fn a_fence_is_shared_between_tasks() {
    let fence = Arc::new(native().await);
    assert!(format!("{fence:?}").contains("native"));
    let bmc = bmc().await;
    let ways = Topology::first(ipmi(&fence, &bmc));
    let task = tokio::spawn({
        let (fence, config) = (Arc::clone(&fence), ipmi(&fence, &bmc));
        async move {
            fence.command_by(&ways, PowerCommand::Off, WITHIN).await.unwrap();
            fence.status_by(&ways, WITHIN).await.unwrap();
            fence.run(&config, Some(Action::On), WITHIN).await.unwrap();
            fence.list(&config, WITHIN).await.unwrap_err();
            fence.finish(WITHIN).await;
        }
    });
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_hangs_is_not_waited_for() {
    let outlets = Outlets::with(&["1"]);
    let mut fence = Fence::new();
    fence.register("good", Outlets::default()).unwrap();
    fence.register("hanging", outlets.clone()).unwrap();
    fence.load_agents(WITHIN).await;
    outlets.hangs.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    let failures = fence.load_agents(WITHIN).await;
    assert!(begin.elapsed() <= WITHIN + Duration::from_secs(1));
    let text = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.contains("provider hanging: hanging timed out; nothing was loaded"), "{text}");
    assert_eq!(fence.agents().count(), 2, "what was loaded before is kept");

    let config = set(fence.agent_config("hanging", "fence_outlets").unwrap(), &[("plug", "1")]);
    let begin = Instant::now();
    let error = fence.off(&config, WITHIN).await.unwrap_err();
    assert!(begin.elapsed() <= WITHIN + Duration::from_secs(1));
    assert_eq!(error.to_string(), "fence_outlets timed out; the power state is not known");
}
