//! What `ipmi-lan` asks without logging in, of `ipmi_sim` and of our own BMC.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bmc_sim::Ipmi15;
use ipmi_lan::{AuthenticationType, Discovery, Error, Privilege, RetryPolicy};

use crate::support::ipmi_sim::IpmiSim;
use crate::support::port::free_port;
use crate::support::sim::Sim;

#[test]
fn both_bmcs_are_present_and_offer_ipmi_2_0() {
    let (foreign, ours) = (IpmiSim::start(), Sim::start());
    for address in [SocketAddr::from(([127, 0, 0, 1], foreign.port())), ours.address()] {
        let (pong, capabilities) = run(async {
            let mut discovery = Discovery::open(address, RetryPolicy::default()).await?;
            let pong = discovery.ping(soon()).await?;
            let privilege = Privilege::Administrator;
            let capabilities = discovery.authentication_capabilities(privilege, soon()).await?;
            Ok((pong, capabilities))
        })
        .expect("answers");
        assert!(pong.ipmi);
        assert!(capabilities.ipmi20 && capabilities.named_users && !capabilities.kg_set);
    }
}

#[test]
fn a_bmc_that_does_not_tell_of_ipmi_2_0_is_asked_for_less() {
    let bmc = Sim::start_with(|config| {
        config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
        config.faults.refuse_extended_capabilities = true;
    });
    let capabilities = run(async {
        let mut discovery = Discovery::open(bmc.address(), RetryPolicy::default()).await?;
        discovery.authentication_capabilities(Privilege::Operator, soon()).await
    })
    .expect("an answer");
    assert!(capabilities.ipmi15 && !capabilities.ipmi20);
}

#[test]
fn cipher_suites_are_listed_by_ours() {
    let bmc = Sim::start();
    let suites = run(async {
        Discovery::open(bmc.address(), RetryPolicy::default()).await?.cipher_suites(soon()).await
    });
    assert_eq!(suites.expect("a list"), [17, 3]);
}

#[test]
fn a_question_that_is_not_answered_has_an_end() {
    let foreign = IpmiSim::start();
    for (port, listens) in [(foreign.port(), true), (free_port(), false)] {
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let deadline = Instant::now() + Duration::from_millis(300);
        // ipmi_sim does not answer this before a login.
        let error = run(async {
            Discovery::open(address, RetryPolicy::default()).await?.cipher_suites(deadline).await
        })
        .expect_err("no answer");
        let Error::NoAnswer(no_answer) = &error else { panic!("{error}") };
        assert_eq!(no_answer.transmissions, 2);
        assert_eq!(no_answer.unreachable.is_none(), listens, "{error}");
    }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

fn run<T>(question: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(question)
}
