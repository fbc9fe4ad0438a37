//! Devices that are held between actions: what they cost, and what becomes of them when BMCs restart, passwords change,
//! machines change places and callers lose patience. Against simulated BMCs.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

mod support;

use std::fs;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bmc_sim::redfish::{
    AnswerFault, Misanswer, PublishedResets, RedfishConfig, RedfishServer, RedfishStartError,
    RedfishSystem, RedfishUser, Requests, ResetType,
};
use bmc_sim::{Config, EventKind, Ipmi15, Power, Server, StartError, User};
use fencing::procedure::Done;
use fencing::{AgentConfig, Error, Fence, Held, PowerCommand, PowerState, Success};
use ipmi_lan::AuthenticationType;
use tokio::task::yield_now;
use tokio::time::Instant;

use support::{Outlets, WITHIN, bmc, ipmi, native, redfish, redfish_bmc, set, until};

/// For what takes a BMC that was lost to be found again.
const LONG: Duration = Duration::from_secs(40);

fn within(time: Duration) -> Instant {
    Instant::now() + time
}

async fn off(held: &mut Held, plug: Option<&str>) -> Result<Success, Error> {
    held.command(plug, PowerCommand::Off, within(LONG)).await
}

async fn on(held: &mut Held, plug: Option<&str>) -> Result<Success, Error> {
    held.command(plug, PowerCommand::On, within(LONG)).await
}

/// What happened at the BMC after the first so many events, without what a slow machine adds.
fn events_after(bmc: &Server, count: usize) -> Vec<EventKind> {
    let events = bmc.events().into_iter().skip(count).map(|event| event.kind);
    events.filter(|kind| *kind != EventKind::RequestRepeated).collect()
}

fn sessions(bmc: &Server) -> usize {
    let opened = |kind: &EventKind| matches!(kind, EventKind::SessionOpened { .. });
    events_after(bmc, 0).iter().filter(|kind| opened(kind)).count()
}

fn administrator() -> User {
    User::administrator("admin", "secret").unwrap()
}

/// Another BMC at the address of one that is gone.
async fn restarted(bmc: Server, config: Config) -> Server {
    let address = bmc.address();
    drop(bmc);
    loop {
        // The old one is gone as soon as the runtime has come round to it.
        yield_now().await;
        match Server::start(address, config.clone()).await {
            Err(StartError::Listen { .. }) => {}
            started => return started.unwrap(),
        }
    }
}

#[tokio::test]
async fn a_warm_off_costs_one_status_and_one_command_and_no_login() {
    let fence = native().await;
    for agent in ["fence_ipmilan", "fence_ipmilanplus"] {
        let ipmi15 = Ipmi15::new([AuthenticationType::Md5]);
        let config = Config { ipmi15: Some(ipmi15), ..Config::new(vec![administrator()]) };
        let bmc = Server::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap();
        let config = set(
            fence.agent_config("native", agent).unwrap(),
            &[
                ("ip", "127.0.0.1"),
                ("ipport", &bmc.address().port().to_string()),
                ("username", "admin"),
                ("password", "secret"),
            ],
        );
        let mut held = fence.hold(&config).unwrap();
        assert!(held.keeps_session());
        assert_eq!(bmc.event_count(), 0, "nothing is connected yet");
        held.monitor(within(WITHIN)).await.unwrap();
        for _ in 0..3 {
            let before = bmc.event_count();
            let done = off(&mut held, Some("node1")).await;
            assert!(matches!(done, Ok(Success::Observed(Done::PoweredOff(_)))), "{done:?}");
            let events = events_after(&bmc, before);
            let [
                EventKind::StatusReported(Power::On),
                EventKind::ChassisControl { .. },
                EventKind::PowerOff,
                EventKind::StatusReported(Power::Off),
                EventKind::StatusReported(Power::Off),
            ] = events[..]
            else {
                panic!("{agent}: {events:?}")
            };
            assert_eq!(held.status(None, within(WITHIN)).await.unwrap(), PowerState::Off);
            let done = on(&mut held, None).await;
            assert!(matches!(done, Ok(Success::Observed(Done::PoweredOn(_)))), "{done:?}");
        }
        let error = held.list(within(WITHIN)).await.unwrap_err();
        assert!(matches!(error, Error::NoPlugs { .. }), "{error:?}");
        assert_eq!(sessions(&bmc), 1, "{agent}");
        held.close().await;
        let last = events_after(&bmc, 0).pop();
        assert!(matches!(last, Some(EventKind::SessionClosed { .. })), "{agent}: {last:?}");
        held.close().await;
        held.monitor(within(WITHIN)).await.unwrap();
        assert_eq!(sessions(&bmc), 2, "{agent}");
    }
}

#[tokio::test]
async fn a_bmc_that_has_forgotten_the_session_is_logged_in_to_again_within_the_call() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    let bmc = restarted(bmc, Config::new(vec![administrator()])).await;
    let done = off(&mut held, None).await;
    assert!(matches!(done, Ok(Success::Observed(Done::PoweredOff(_)))), "{done:?}");
    assert_eq!((sessions(&bmc), bmc.power()), (1, Power::Off));
}

#[tokio::test]
async fn another_bmc_is_refused_until_it_is_accepted() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();

    let slow = Config {
        guid: [2; 16],
        power_delay: Duration::from_secs(3600),
        ..Config::new(vec![administrator()])
    };
    let bmc = restarted(bmc, slow).await;
    // Nobody else was seen yet, so this is about nobody else.
    held.accept_another();
    for _ in 0..2 {
        let error = off(&mut held, None).await.unwrap_err().to_string();
        let (now, before) = ("02".repeat(16), "73696d756c6174656420424d43203031");
        let told = format!("another BMC answers there now: its UUID is {now}, and was {before}");
        assert!(error.contains(&told), "{error}");
    }
    assert!(
        !events_after(&bmc, 0).iter().any(|kind| matches!(kind, EventKind::ChassisControl { .. }))
    );
    held.accept_another();
    held.monitor(within(LONG)).await.unwrap();

    let meanwhile = async {
        until(&bmc, |kind| matches!(kind, EventKind::ChassisControl { .. })).await;
        let third = Config { guid: [3; 16], ..Config::new(vec![administrator()]) };
        restarted(bmc, third).await
    };
    let (off, bmc) = tokio::join!(off(&mut held, None), meanwhile);
    let error = off.unwrap_err().to_string();
    assert!(error.contains("the power state is not known after the power off command"), "{error}");
    assert!(error.contains("another BMC answers there now"), "{error}");
    assert_eq!(bmc.power(), Power::On);
    held.status(None, within(WITHIN)).await.unwrap_err();
    held.accept_another();
    assert_eq!(held.status(None, within(WITHIN)).await.unwrap(), PowerState::On);
}

/// A password script that tells what is in a file, and leaves a line in another one each time.
struct Script {
    directory: tempfile::TempDir,
}

impl Script {
    fn telling(password: &str) -> Self {
        let script = Self { directory: tempfile::tempdir().unwrap() };
        script.tell(password);
        script
    }

    fn tell(&self, password: &str) {
        fs::write(self.directory.path().join("password"), password).unwrap();
    }

    fn command(&self) -> String {
        format!("cd '{}'; echo >>asked; cat password", self.directory.path().display())
    }

    fn times_asked(&self) -> usize {
        fs::read(self.directory.path().join("asked")).unwrap_or_default().len()
    }
}

#[tokio::test]
async fn the_password_script_is_asked_when_the_device_is_opened() {
    let (fence, bmc) = (native().await, bmc().await);
    let redfish_bmc = redfish_bmc(&["1"]).await;
    for config in [ipmi(&fence, &bmc), redfish(&fence, &redfish_bmc)] {
        let script = Script::telling("wrong");
        let config = set(config, &[("password", ""), ("password_script", &script.command())]);
        let mut held = fence.hold(&config).unwrap();
        assert_eq!(script.times_asked(), 0);
        let error = held.monitor(within(WITHIN)).await.unwrap_err().to_string();
        assert!(error.contains("wrong password") || error.contains("wrong credentials"), "{error}");
        script.tell("secret");
        for _ in 0..3 {
            held.monitor(within(WITHIN)).await.unwrap();
        }
        off(&mut held, None).await.unwrap();
        assert_eq!(script.times_asked(), 2);
        held.close().await;
    }
}

#[tokio::test]
async fn a_password_that_was_changed_is_asked_for_anew_within_the_call() {
    let (fence, bmc) = (native().await, redfish_bmc(&["1"]).await);
    let script = Script::telling("secret");
    let given = [
        ("password", ""),
        ("password_script", &script.command()),
        ("ssl_fingerprint", ""),
        ("ssl_insecure", "1"),
    ];
    let mut held = fence.hold(&set(redfish(&fence, &bmc), &given)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    script.tell("changed");
    let user = RedfishUser::administrator("admin", "changed");
    let bmc = redfish_restarted(bmc, RedfishConfig::new(vec![user])).await;
    off(&mut held, None).await.unwrap();
    assert_eq!((bmc.power("1"), script.times_asked()), (Some(Power::Off), 2));
}

/// Waits until the BMC has received another datagram, which it may not answer.
async fn datagram_received(bmc: &Server, before: u64) {
    while bmc.datagrams().received <= before {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_keep_alive_makes_way_for_a_fencing_in_the_same_session() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    bmc.with_faults(|faults| faults.silent = true);
    let before = bmc.datagrams().received;
    tokio::select! {
        answer = held.monitor(within(WITHIN)) => panic!("{answer:?}"),
        () = datagram_received(&bmc, before) => {}
    }
    bmc.with_faults(|faults| faults.silent = false);
    let before = bmc.event_count();
    off(&mut held, None).await.unwrap();
    let events = events_after(&bmc, before);
    assert!(matches!(events[0], EventKind::StatusReported(Power::On)), "{events:?}");
    assert!(matches!(events[1], EventKind::ChassisControl { .. }), "{events:?}");
    assert_eq!(sessions(&bmc), 1);
}

#[tokio::test]
async fn a_login_that_was_dropped_half_way_is_begun_anew() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    for datagrams in 0..6 {
        let before = bmc.datagrams().received + datagrams;
        tokio::select! {
            biased;
            () = datagram_received(&bmc, before) => {}
            answer = held.monitor(within(WITHIN)) => answer.unwrap(),
        }
        held.status(None, within(WITHIN)).await.unwrap();
        held.close().await;
    }
    assert_eq!(off(&mut held, None).await.unwrap().to_string(), "off");
}

#[tokio::test]
async fn a_second_login_that_was_dropped_half_way_is_begun_anew() {
    let (fence, bmc) = (native().await, bmc().await);
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    let bmc = restarted(bmc, Config::new(vec![administrator()])).await;
    tokio::select! {
        answer = held.monitor(within(LONG)) => panic!("{answer:?}"),
        () = until(&bmc, |kind| matches!(kind, EventKind::Command { .. })) => {}
    }
    held.status(None, within(WITHIN)).await.unwrap();
    assert_eq!(sessions(&bmc), 1);
}

/// By IPMI 1.5 that is after the login.
#[tokio::test]
async fn a_login_that_was_dropped_when_the_bmc_was_asked_who_it_is_is_gone_on_with() {
    let ipmi15 = Ipmi15::new([AuthenticationType::Md5]);
    let config = Config { ipmi15: Some(ipmi15), ..Config::new(vec![administrator()]) };
    let bmc = Server::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap();
    let fence = native().await;
    let mut held = fence.hold(&set(ipmi(&fence, &bmc), &[("lanplus", "0")])).unwrap();
    tokio::select! {
        answer = held.monitor(within(WITHIN)) => panic!("{answer:?}"),
        () = until(&bmc, |kind| matches!(kind, EventKind::Command { .. })) => {}
    }
    assert_eq!(held.status(None, within(WITHIN)).await.unwrap(), PowerState::On);
    assert_eq!(sessions(&bmc), 1);
}

#[tokio::test]
async fn the_session_of_a_command_that_was_dropped_is_closed() {
    let user = administrator();
    let slow = Config { power_delay: Duration::from_secs(3600), ..Config::new(vec![user]) };
    let bmc = Server::start("127.0.0.1:0".parse().unwrap(), slow).await.unwrap();
    let fence = native().await;
    let mut held = fence.hold(&ipmi(&fence, &bmc)).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    tokio::select! {
        done = off(&mut held, None) => panic!("{done:?}"),
        () = until(&bmc, |kind| matches!(kind, EventKind::ChassisControl { .. })) => {}
    }
    assert_eq!(held.status(None, within(WITHIN)).await.unwrap(), PowerState::On);
    held.close().await;
    let closed = |kind: &EventKind| matches!(kind, EventKind::SessionClosed { .. });
    assert_eq!(sessions(&bmc), 2);
    assert_eq!(events_after(&bmc, 0).iter().filter(|kind| closed(kind)).count(), 2);
}

async fn redfish_server(config: RedfishConfig) -> RedfishServer {
    RedfishServer::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

/// Another service at the address of one that is gone.
async fn redfish_restarted(bmc: RedfishServer, config: RedfishConfig) -> RedfishServer {
    let address = bmc.address();
    drop(bmc);
    redfish_started_at(address, config).await
}

async fn redfish_started_at(address: SocketAddr, config: RedfishConfig) -> RedfishServer {
    loop {
        // Whoever was there before is gone as soon as the runtime has come round to it.
        yield_now().await;
        match RedfishServer::start(address, config.clone()).await {
            Err(RedfishStartError::Listen { .. }) => {}
            started => return started.unwrap(),
        }
    }
}

fn service(systems: Vec<RedfishSystem>) -> RedfishConfig {
    let user = RedfishUser::administrator("admin", "secret");
    RedfishConfig { systems, ..RedfishConfig::new(vec![user]) }
}

fn nodes() -> Vec<RedfishSystem> {
    ["Node0", "Node1"].map(RedfishSystem::new).to_vec()
}

/// Whatever certificate it shows: those of two services differ.
fn insecurely(fence: &Fence, bmc: &RedfishServer) -> AgentConfig {
    set(redfish(fence, bmc), &[("ssl_fingerprint", ""), ("ssl_insecure", "1")])
}

/// What was asked after the first so many requests.
fn requests_after(bmc: &RedfishServer, count: usize) -> Vec<String> {
    let requests = bmc.requests().into_iter().skip(count);
    requests.map(|request| format!("{} {}", request.method, request.path)).collect()
}

fn count_of(bmc: &RedfishServer, wanted: &str) -> usize {
    requests_after(bmc, 0).iter().filter(|request| *request == wanted).count()
}

#[tokio::test]
async fn systems_of_one_service_take_turns_over_one_connection_in_one_session() {
    let fence = native().await;
    for basic in [true, false] {
        let bmc = redfish_server(RedfishConfig { basic, ..service(nodes()) }).await;
        let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
        for node in ["Node0", "Node1"] {
            assert_eq!(held.status(Some(node), within(WITHIN)).await.unwrap(), PowerState::On);
        }
        let listings = count_of(&bmc, "GET /redfish/v1/Systems");
        for _ in 0..2 {
            for (node, other) in [("Node0", "Node1"), ("Node1", "Node0")] {
                let before = bmc.requests().len();
                off(&mut held, Some(node)).await.unwrap();
                let system = format!("/redfish/v1/Systems/{node}");
                let read = format!("GET {system}");
                let reset = format!("POST {system}/Actions/ComputerSystem.Reset");
                let expected = [&*read, &*reset, &*read, &*read];
                assert_eq!(requests_after(&bmc, before), expected);
                assert_eq!(bmc.power(node), Some(Power::Off));
                assert_eq!(bmc.power(other), Some(Power::On));
                assert_eq!(held.status(Some(other), within(WITHIN)).await.unwrap(), PowerState::On);
                on(&mut held, Some(node)).await.unwrap();
            }
        }
        assert_eq!(count_of(&bmc, "GET /redfish/v1/Systems"), listings);
        let sessions = usize::from(!basic);
        assert_eq!(bmc.counts().sessions_open, sessions);
        assert_eq!(count_of(&bmc, "POST /redfish/v1/SessionService/Sessions"), sessions);
        let ports = held.list(within(WITHIN)).await.unwrap();
        assert_eq!(ports.len(), 2);
        assert_eq!(bmc.counts().handshakes, 1);
        held.close().await;
        assert_eq!(bmc.counts().sessions_open, 0);
    }
}

#[tokio::test]
async fn a_plug_that_means_no_system_switches_nothing_and_costs_no_session() {
    let fence = native().await;
    let bmc = redfish_server(RedfishConfig { basic: false, ..service(nodes()) }).await;
    let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
    for plug in [Some("Node2"), None] {
        let error = off(&mut held, plug).await.unwrap_err().to_string();
        assert!(error.contains("several systems"), "{error}");
    }
    held.monitor(within(WITHIN)).await.unwrap();
    off(&mut held, Some("Node1")).await.unwrap();
    assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::Off)));
    assert_eq!(count_of(&bmc, "POST /redfish/v1/SessionService/Sessions"), 1);
    assert_eq!(bmc.counts().handshakes, 1);
}

#[tokio::test]
async fn a_name_that_has_moved_to_another_system_is_looked_for_anew() {
    let fence = native().await;
    let named = |names: [&str; 2]| {
        let name = |(node, name): (RedfishSystem, &str)| RedfishSystem {
            host_name: name.to_owned(),
            ..node
        };
        service(nodes().into_iter().zip(names).map(name).collect())
    };
    let bmc = redfish_server(named(["db1", "db2"])).await;
    let mut held = fence.hold(&insecurely(&fence, &bmc)).unwrap();
    held.status(Some("db1"), within(WITHIN)).await.unwrap();
    let bmc = redfish_restarted(bmc, named(["db2", "db1"])).await;
    off(&mut held, Some("db1")).await.unwrap();
    assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::Off)));
}

/// A machine in another's place has its path and its name, and is another one.
#[tokio::test]
async fn a_machine_that_was_replaced_is_fenced_as_the_new_one() {
    let fence = native().await;
    let bmc = redfish_server(service(nodes())).await;
    let mut held = fence.hold(&insecurely(&fence, &bmc)).unwrap();
    held.status(Some("Node1"), within(WITHIN)).await.unwrap();
    let mut systems = nodes();
    systems[1].serial_number = "another".to_owned();
    systems[1].uuid = "30303030-0000-8000-8000-00000000abcd".to_owned();
    let bmc = redfish_restarted(bmc, service(systems)).await;
    off(&mut held, Some("Node1")).await.unwrap();
    assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::Off)));
    assert_eq!(count_of(&bmc, "GET /redfish/v1/Systems"), 1, "it was looked for anew");
}

/// The only machine of a service has no name to be told by.
#[tokio::test]
async fn another_machine_alone_at_the_address_is_refused_until_it_is_accepted() {
    let fence = native().await;
    for plug in [None, Some("Node0")] {
        let bmc = redfish_server(service(vec![RedfishSystem::new("Node0")])).await;
        let mut held = fence.hold(&insecurely(&fence, &bmc)).unwrap();
        held.status(plug, within(WITHIN)).await.unwrap();
        let mut other = RedfishSystem::new("Node0");
        other.uuid = "30303030-0000-8000-8000-00000000abcd".to_owned();
        let bmc = redfish_restarted(bmc, service(vec![other])).await;
        for _ in 0..2 {
            let error = off(&mut held, plug).await.unwrap_err().to_string();
            assert!(error.contains("another BMC answers there now: its UUID is 3030"), "{error}");
            assert_eq!(bmc.power("Node0"), Some(Power::On));
        }
        held.accept_another();
        off(&mut held, plug).await.unwrap();
        assert_eq!(bmc.power("Node0"), Some(Power::Off));
    }
}

/// Neither in the session in which there were two, nor after the service was away for a while.
#[tokio::test]
async fn the_system_that_is_left_is_not_fenced_in_the_others_place() {
    let fence = native().await;
    for is_away in [false, true] {
        let bmc = redfish_server(service(nodes())).await;
        let mut held = fence.hold(&insecurely(&fence, &bmc)).unwrap();
        held.status(Some("Node1"), within(WITHIN)).await.unwrap();
        let address = bmc.address();
        drop(bmc);
        if is_away {
            held.status(Some("Node1"), within(Duration::from_secs(1))).await.unwrap_err();
        }
        let left = service(vec![RedfishSystem::new("Node0")]);
        let bmc = redfish_started_at(address, left).await;
        for plug in [Some("Node1"), None] {
            for _ in 0..2 {
                off(&mut held, plug).await.unwrap_err();
                assert_eq!(bmc.power("Node0"), Some(Power::On), "{plug:?}");
            }
        }
        off(&mut held, Some("Node0")).await.unwrap();
    }
}

#[tokio::test]
async fn a_configured_path_is_that_of_one_system() {
    let fence = native().await;
    let bmc = redfish_server(service(nodes())).await;
    let given = [("systems_uri", "/redfish/v1/Systems/Node1"), ("plug", "whatever")];
    let mut held = fence.hold(&set(redfish(&fence, &bmc), &given)).unwrap();
    for plug in ["Node0", "db1"] {
        let error = off(&mut held, Some(plug)).await.unwrap_err().to_string();
        assert!(
            error.contains("is not the name of the system whose path is configured"),
            "{error}"
        );
    }
    assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::On)));
    for plug in [Some("Node1"), Some("whatever"), None] {
        off(&mut held, plug).await.unwrap();
        assert_eq!((bmc.power("Node0"), bmc.power("Node1")), (Some(Power::On), Some(Power::Off)));
        bmc.set_power("Node1", Power::On);
    }
    assert_eq!(bmc.counts().handshakes, 1);
}

/// Who names two machines means two: with two names of one, the other would never be switched.
#[tokio::test]
async fn two_names_of_one_system_are_not_two_machines() {
    let fence = native().await;
    let bmc = redfish_server(service(nodes())).await;
    let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
    off(&mut held, Some("Node1")).await.unwrap();
    bmc.set_power("Node1", Power::On);
    let error = off(&mut held, Some("SN-Node1")).await.unwrap_err().to_string();
    assert!(error.contains("'SN-Node1' and 'Node1' are names of the same system"), "{error}");
    assert_eq!(bmc.power("Node1"), Some(Power::On));
}

/// The only system of a service is meant whatever an agent calls it; but not by who names several.
#[tokio::test]
async fn the_only_system_is_not_whichever_machine_is_named() {
    let fence = native().await;
    let bmc = redfish_server(service(vec![RedfishSystem::new("Node0")])).await;
    let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
    let error = off(&mut held, Some("Node1")).await.unwrap_err().to_string();
    assert!(error.contains("'Node1' is not the name of exactly one"), "{error}");
    assert_eq!(bmc.power("Node0"), Some(Power::On));
    off(&mut held, Some("Node0")).await.unwrap();
}

/// The document that has the types of reset is read once, not before each command.
#[tokio::test]
async fn the_types_of_reset_are_asked_for_once() {
    let fence = native().await;
    let system =
        RedfishSystem { published_resets: PublishedResets::ActionInfo, ..RedfishSystem::new("1") };
    let bmc = redfish_server(service(vec![system])).await;
    let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
    for _ in 0..3 {
        off(&mut held, None).await.unwrap();
        on(&mut held, None).await.unwrap();
    }
    let asked = requests_after(&bmc, 0).iter().filter(|path| path.contains("ActionInfo")).count();
    assert_eq!(asked, 1, "{:?}", requests_after(&bmc, 0));
}

#[tokio::test]
async fn a_keep_alive_by_redfish_makes_way_without_another_login() {
    let fence = native().await;
    let bmc = redfish_server(RedfishConfig { basic: false, ..service(nodes()) }).await;
    let mut held = fence.hold(&set(redfish(&fence, &bmc), &[("plug", "Node0")])).unwrap();
    held.monitor(within(WITHIN)).await.unwrap();
    let late = AnswerFault::next(1, Requests::SystemGets, Misanswer::Late(LONG));
    bmc.with_faults(|faults| faults.answers.push(late));
    let before = bmc.counts().requests;
    tokio::select! {
        answer = held.monitor(within(WITHIN)) => panic!("{answer:?}"),
        () = async { while bmc.counts().requests == before { yield_now().await } } => {}
    }
    off(&mut held, None).await.unwrap();
    assert_eq!(count_of(&bmc, "POST /redfish/v1/SessionService/Sessions"), 1);
    assert_eq!(bmc.counts().sessions_open, 1);
}

/// Each operation may open some sessions; those of the ones before do not count.
#[tokio::test]
async fn sessions_that_end_are_followed_by_others_for_ever() {
    let fence = native().await;
    let bmc = redfish_server(RedfishConfig { basic: false, ..service(nodes()) }).await;
    bmc.with_faults(|faults| faults.token_requests = Some(3));
    let mut held = fence.hold(&set(redfish(&fence, &bmc), &[("plug", "Node0")])).unwrap();
    for _ in 0..12 {
        held.monitor(within(WITHIN)).await.unwrap();
    }
    let logins = count_of(&bmc, "POST /redfish/v1/SessionService/Sessions");
    assert!(logins >= 4, "{logins}");
    assert_eq!(bmc.counts().handshakes, 1);
}

/// Nobody believes the button at once; but each operation may press it.
#[tokio::test]
async fn the_power_button_is_pressed_once_in_each_operation() {
    let fence = native().await;
    let system =
        RedfishSystem { reset_types: vec![ResetType::PushPowerButton], ..RedfishSystem::new("1") };
    let bmc = redfish_server(service(vec![system])).await;
    let mut held = fence.hold(&redfish(&fence, &bmc)).unwrap();
    let presses = |bmc: &RedfishServer| {
        count_of(bmc, "POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset")
    };
    for operation in 1..=2 {
        off(&mut held, None).await.unwrap();
        assert_eq!((bmc.power("1"), presses(&bmc)), (Some(Power::Off), operation));
        bmc.set_power("1", Power::On);
    }
}

#[tokio::test]
async fn what_has_no_device_is_called_each_time_with_the_plug() {
    let outlets = Outlets::with(&["1", "2"]);
    let mut fence = Fence::new();
    fence.register("mine", outlets.clone()).unwrap();
    fence.load_agents(WITHIN).await;
    let config = fence.agent_config("mine", "fence_outlets").unwrap();
    let mut held = fence.hold(&config).unwrap();
    assert!(!held.keeps_session());
    let done = off(&mut held, Some("2")).await;
    assert!(matches!(done, Ok(Success::Reported(PowerCommand::Off))), "{done:?}");
    assert_eq!(held.status(Some("2"), within(WITHIN)).await.unwrap(), PowerState::Off);
    assert_eq!(held.status(Some("1"), within(WITHIN)).await.unwrap(), PowerState::On);
    assert!(matches!(off(&mut held, None).await, Err(Error::MissingPlug { .. })));
    assert_eq!(held.list(within(WITHIN)).await.unwrap().len(), 2);
    held.monitor(within(WITHIN)).await.unwrap();
    assert_eq!(off(&mut held, Some("9")).await.unwrap_err().to_string(), "no such outlet");
    held.close().await;
    off(&mut held, Some("1")).await.unwrap();

    let mut fence = Fence::new();
    fence.register("mine", Outlets { is_confused: true, ..outlets }).unwrap();
    fence.load_agents(WITHIN).await;
    let mut held = fence.hold(&config).unwrap();
    let error = off(&mut held, Some("1")).await.unwrap_err();
    assert!(matches!(error, Error::OtherCommand { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_provider_without_devices_that_hangs_is_not_waited_for() {
    let outlets = Outlets::with(&["1"]);
    let mut fence = Fence::new();
    fence.register("mine", outlets.clone()).unwrap();
    fence.load_agents(WITHIN).await;
    let config = fence.agent_config("mine", "fence_outlets").unwrap();
    let mut held = fence.hold(&config).unwrap();
    outlets.hangs.store(true, Ordering::Relaxed);
    let begin = Instant::now();
    let error = held.command(Some("1"), PowerCommand::Off, within(WITHIN)).await.unwrap_err();
    assert!(begin.elapsed() <= WITHIN + Duration::from_secs(1));
    assert_eq!(error.to_string(), "fence_outlets timed out; the power state is not known");
}
