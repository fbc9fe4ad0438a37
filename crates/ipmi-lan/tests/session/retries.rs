//! When a datagram is sent again, and how often.

use std::time::Duration;

use bmc_sim::EventKind;
use ipmi_lan::command::{ChassisControl, PowerControl};
use ipmi_lan::session::{Delivery, Request};
use ipmi_lan::wire::{Datagram, PayloadType};
use ipmi_lan::{Error, Step};

use crate::pair::{From, MILLISECOND, Pair, SECOND, as_it_is, payload_type_of};

#[test]
fn a_silent_bmc_is_asked_twenty_times_in_five_seconds() {
    let mut pair = Pair::new(|_, _| Vec::new());
    let error = pair.log_in().unwrap_err();
    let Error::NoAnswer(no_answer) = &error else { panic!("{error}") };
    assert_eq!(no_answer.step, Step::AuthenticationCapabilities);
    assert!(!no_answer.heard_before);
    let times: Vec<u128> = pair.sent.iter().map(|(at, _)| at.as_millis()).collect();
    let every_quarter: Vec<u128> = (0..20).map(|count| count * 250).collect();
    assert_eq!(times, every_quarter);
    assert_eq!(pair.elapsed(), 5 * SECOND);
    assert_eq!(
        error.to_string(),
        "timed out after 5.0 s: no answer to Get Channel Authentication Capabilities (sent 20 times)"
    );
}

#[test]
fn each_message_of_a_login_is_repeated_for_a_second_before_the_login_starts_anew() {
    for (lost, next) in
        [(PayloadType::Rakp2, PayloadType::Rakp1), (PayloadType::Rakp4, PayloadType::Rakp3)]
    {
        let mut remaining = 4;
        let mut pair = Pair::new(move |_, datagram| {
            let is_lost = remaining > 0 && payload_type_of(datagram) == Some(lost);
            remaining -= usize::from(is_lost);
            if is_lost { Vec::new() } else { as_it_is(datagram) }
        });
        pair.log_in().unwrap();
        assert_eq!(pair.count_sent(PayloadType::OpenSessionRequest), 2, "{lost:?} lost");
        assert_eq!(pair.count_sent(next), 5, "{lost:?} lost");
        let messages: Vec<&Vec<u8>> = pair
            .sent
            .iter()
            .map(|(_, datagram)| datagram)
            .filter(|datagram| payload_type_of(datagram) == Some(next))
            .collect();
        assert!(messages[..4].iter().all(|message| *message == messages[0]), "repeated as it was");
        assert_ne!(messages[4], messages[0], "then with new ids and random numbers");
    }
}

#[test]
fn a_repeated_request_is_sealed_anew() {
    let mut lost = 0;
    let mut pair = Pair::new(move |from, datagram| {
        let is_sealed = is_of_a_session(datagram);
        lost += usize::from(from == From::Console && is_sealed);
        // The second sealed request is the first after the privilege level.
        if is_sealed && (2..=4).contains(&lost) { Vec::new() } else { as_it_is(datagram) }
    });
    pair.log_in().unwrap();
    let before = pair.sent.len();
    assert!(pair.is_power_on().unwrap());
    let requests: Vec<_> =
        pair.sent[before..].iter().map(|(_, datagram)| sealed(datagram)).collect();
    assert_eq!(requests.len(), 4);
    for (earlier, later) in requests.iter().zip(&requests[1..]) {
        assert_eq!(later.0, earlier.0 + 1, "a new session sequence number");
        assert_ne!(later.1, earlier.1, "a new initialization vector");
    }
}

#[test]
fn a_request_that_may_be_sent_once_is_sent_once() {
    let mut pair = Pair::new(|from, datagram| {
        let is_answer_in_session = from == From::Bmc && is_of_a_session(datagram);
        // The answer to Set Session Privilege Level has sequence number 1.
        if is_answer_in_session && sealed(datagram).0 > 1 { Vec::new() } else { as_it_is(datagram) }
    });
    pair.log_in().unwrap();
    let before = pair.sent.len();
    let request = Request::of(&ChassisControl(PowerControl::PowerCycle), Delivery::Once);
    let error = pair.request(&request).unwrap_err();
    assert!(matches!(error, Error::NoAnswer(no_answer) if no_answer.transmissions == 1));
    assert_eq!(pair.sent.len(), before + 1);
}

#[test]
fn a_busy_bmc_is_asked_again_until_it_has_time() {
    let mut pair = Pair::new(|_, datagram| as_it_is(datagram));
    pair.log_in().unwrap();
    pair.bmc.faults(pair.now).busy_answers = 3;
    assert!(pair.is_power_on().unwrap());
    let repetitions =
        pair.bmc.events().iter().filter(|event| matches!(event.kind, EventKind::RequestRepeated));
    assert_eq!(repetitions.count(), 0, "asked anew, not repeated");
    assert!(pair.elapsed() > 500 * MILLISECOND);
}

#[test]
fn a_bmc_that_is_busy_to_the_end_has_answered_just_that() {
    let mut pair = Pair::new(|_, datagram| as_it_is(datagram));
    pair.log_in().unwrap();
    pair.bmc.faults(pair.now).busy_answers = u32::MAX;
    let request = Request::of(&ipmi_lan::command::GetChassisStatus, Delivery::Repeated);
    let started = pair.now;
    pair.session.request(pair.now, request, pair.now + 3 * SECOND);
    let event = pair.next_event();
    assert!(
        matches!(&event, ipmi_lan::session::Event::Answered(response) if response.completion.0 == 0xc0),
        "{event:?}"
    );
    assert_eq!(pair.now - started, 3 * SECOND);
}

#[test]
fn close_does_not_wait_for_a_bmc_that_is_gone() {
    let mut pair = Pair::new(|_, datagram| as_it_is(datagram));
    pair.log_in().unwrap();
    pair.bmc.faults(pair.now).silent = true;
    let started = pair.now;
    pair.close();
    assert!(pair.now - started <= Duration::from_millis(400));
}

fn is_of_a_session(datagram: &[u8]) -> bool {
    matches!(Datagram::parse(datagram), Ok(Datagram::Ipmi20(packet)) if packet.session_id != 0)
}

/// Session sequence number and initialization vector of a sealed packet.
fn sealed(datagram: &[u8]) -> (u32, Vec<u8>) {
    match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi20(packet)) => (packet.sequence, packet.payload[..16].to_vec()),
        other => panic!("{other:?}"),
    }
}
