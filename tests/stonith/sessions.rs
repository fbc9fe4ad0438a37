//! Sessions that are lost, stolen, or in the way of each other.

use std::time::{Duration, Instant};

use bmc_sim::{Event, EventKind, NetworkConfig};
use ipmi_lan::command::PowerControl;
use ipmi_lan::session::SessionConfig;
use ipmi_lan::{
    CipherSuite, Client, Password, Privilege, Protocol, RetryPolicy, Username, Workarounds,
};
use serde_json::json;
use tokio::runtime::Runtime;

use super::{NEVER, behind, bmc_with_one_session, ipmi, is_command};
use crate::support::controller::{NodeReply, Site};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::port::free_port;
use crate::support::sim::Sim;

#[test]
fn after_a_restart_of_the_bmc_the_next_fence_logs_in_anew() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    bmc.restart();
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!((bmc.sessions(), bmc.refusals()), ((2, 0), 0));
    assert_eq!(controller.fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
    assert_eq!(bmc.sessions(), (2, 0));
}

/// An address that has moved: success would be said of the machine that it led to before.
#[test]
fn another_bmc_at_the_address_is_not_fenced_before_a_reload() {
    let address = format!("127.0.0.1:{}", free_port());
    let first = Sim::start_at(&address, |_| {});
    let site = Site::new();
    let config = "keepalive = 0.2\n".to_owned() + &ipmi(&[("node1", first.lines())]);
    let controller = site.start(&config);
    controller.wait_until_reachable(1);
    drop(first);
    let second = Sim::start_at(&address, |config| config.guid = *b"another BMC 0001");
    let [NodeReply { result: Err(reason), .. }] = &controller.fence("off", &["node1"])[..] else {
        panic!("a failure");
    };
    assert!(reason.contains("another BMC answers there now"), "{reason}");
    assert_eq!(second.commands(), []);
    controller.signal("HUP");
    controller.wait_until_reachable(1);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
}

#[test]
fn ipmi_sim_that_was_killed_and_began_anew_is_found_and_fenced() {
    let mut bmc = IpmiSim::start();
    let site = Site::new();
    let lines = [bmc.lines(), vec!["login_timeout=1".to_owned()]].concat();
    let controller = site.start(&("keepalive = 0.2\n".to_owned() + &ipmi(&[("node1", lines)])));
    controller.wait_until_reachable(1);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    bmc.kill();
    controller.wait_until_reachable(0);
    bmc.restart();
    // Right now, whatever the controller has noticed.
    assert_eq!(controller.fence("on", &["node1"]), [NodeReply::success("node1", "on")]);
    assert!(bmc.is_on());
    controller.wait_until_reachable(1);
    bmc.restart();
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert!(!bmc.is_on());
}

/// Somebody else, with a session of his own.
struct Stranger {
    client: Option<Client>,
    runtime: Runtime,
}

impl Stranger {
    fn log_in(bmc: &Sim) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let config = SessionConfig {
            protocol: Protocol::Ipmi20,
            username: Username::new("admin").expect("a name"),
            password: Password::new("secret").expect("a password"),
            kg: None,
            privilege: Privilege::Administrator,
            authentication: None,
            cipher_suites: CipherSuite::RECOMMENDED.to_vec(),
            target: None,
            workarounds: Workarounds::default(),
            retry: RetryPolicy::default(),
        };
        let deadline = Instant::now() + Duration::from_secs(20);
        let client = runtime.block_on(async {
            let mut client = Client::open(bmc.address(), config, deadline).await.expect("a socket");
            client.login().await.expect("the session");
            client
        });
        Self { client: Some(client), runtime }
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        if let Some(mut client) = self.client.take() {
            self.runtime.block_on(client.close());
        }
    }
}

#[test]
fn a_session_that_was_stolen_is_told_and_taken_again_when_there_is_room() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let lines = [bmc.lines(), vec!["power_timeout=2".to_owned()]].concat();
    let config = "keepalive = 0.2\n".to_owned() + &ipmi(&[("node1", lines)]);
    let controller = site.start(&config);
    controller.wait_until_reachable(1);
    // The BMC has thrown us out for somebody else, which shows when it does not answer any more.
    bmc.restart();
    let stranger = Stranger::log_in(&bmc);
    let status = controller.wait_for(|status| {
        let reason = status["devices"][0]["reason"].as_str();
        reason.is_some_and(|reason| reason.contains("no free session"))
    });
    assert_eq!(status["devices"][0]["state"], "unreachable");
    let (replies, reached) = controller.connect().fence("off", &["node1"]);
    assert!(replies[0].result.as_ref().unwrap_err().contains("no free session"), "{replies:?}");
    assert!(!reached);
    drop(stranger);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    controller.wait_until_reachable(1);
}

/// How many sessions were open at once, at most.
fn most_sessions(bmc: &Sim) -> usize {
    let (mut open, mut most) = (0_usize, 0);
    for Event { kind, .. } in bmc.events() {
        match kind {
            EventKind::SessionOpened { .. } => open += 1,
            EventKind::SessionClosed { .. } | EventKind::SessionExpired => {
                open = open.saturating_sub(1);
            }
            EventKind::Restarted => open = 0,
            _ => {}
        }
        most = most.max(open);
    }
    most
}

#[test]
fn after_a_failure_the_old_session_is_closed_before_the_new_one_is_opened() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let lines = [bmc.lines(), vec!["power_timeout=1".to_owned()]].concat();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", lines)])));
    controller.wait_until_reachable(1);
    bmc.with_faults(|faults| faults.ignore_power_off = true);
    let replies = controller.fence("off", &["node1"]);
    let reason = replies[0].result.as_ref().unwrap_err();
    assert!(reason.contains("timed out waiting to power OFF"), "{reason}");
    let power = controller.ask(json!({"request": "power", "node": "node1"}));
    assert_eq!((&power["result"], &power["state"]), (&json!("success"), &json!("on")));
    bmc.with_faults(|faults| faults.ignore_power_off = false);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!((bmc.sessions(), bmc.refusals(), most_sessions(&bmc)), ((2, 1), 0, 1));
}

/// A login takes several round trips, here more than a second.
#[test]
fn a_fence_in_the_middle_of_the_first_login_goes_on_with_it() {
    let bmc = bmc_with_one_session();
    let network = NetworkConfig { delay: Duration::from_millis(100), ..NetworkConfig::default() };
    let link = bmc.link(network);
    let site = Site::new();
    let lines = behind(&link, &bmc);
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", lines)])));
    // It has been asked for the session already, or will be in a moment.
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!((bmc.sessions(), bmc.refusals()), ((1, 0), 0));
    controller.stop();
    assert_eq!(bmc.sessions(), (1, 1));
}

#[test]
fn a_controller_that_is_stopped_in_the_middle_of_a_login_leaves_no_session() {
    let bmc = bmc_with_one_session();
    let network = NetworkConfig { delay: Duration::from_millis(50), ..NetworkConfig::default() };
    let link = bmc.link(network);
    let lines = behind(&link, &bmc);
    let site = Site::new();
    let config = NEVER.to_owned() + &ipmi(&[("node1", lines)]);
    // Open Session, RAKP 1 and RAKP 3 have just arrived.
    for requests in 2..=4 {
        let arrived = || link.counts().to_bmc.delivered;
        let before = arrived();
        let controller = site.start(&config);
        controller.wait_for(|_| arrived() >= before + requests);
        controller.stop();
    }
    assert_eq!((bmc.sessions(), bmc.refusals()), ((3, 3), 0), "{:?}", bmc.happened());
    let controller = site.start(&config);
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert_eq!((bmc.sessions(), bmc.refusals()), ((4, 3), 0));
}

/// A command is sent again in the session, and in a new one if that does not help.
#[test]
fn an_acknowledgement_that_is_lost_does_no_harm() {
    let bmc = bmc_with_one_session();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    bmc.with_faults(|faults| faults.drop_acknowledgement_of = Some(PowerControl::PowerDown));
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
    assert!(bmc.happened().contains(&EventKind::AcknowledgementLost));
    assert!(bmc.happened().iter().any(is_command(PowerControl::PowerDown)));
    assert_eq!((bmc.sessions(), bmc.refusals()), ((1, 0), 0));
}
