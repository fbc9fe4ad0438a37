//! Before the first request, and between two.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{
    AnswerFault, ConnectionFault, Framing, KeepAlive, Misanswer, Place, RedfishEventKind, Requests,
};

use super::case::{Case, Group, answers, case};

pub fn group() -> Group {
    let mut cases = in_vain();
    cases.extend(once());
    cases.extend(in_mid_operation());
    cases.extend(closed());
    Group { heading: "Connections", cases }
}

fn connection(service: &'static str, fault: ConnectionFault) -> Case {
    case(service, move |config| config.faults.connection = Some(fault))
}

fn in_vain() -> Vec<Case> {
    vec![
        connection("accepts connections, and says nothing", ConnectionFault::HangInAccept)
            .impatient()
            .fails("BMC silent: reading the service root: timed out after")
            .within(4),
        connection("hangs in the TLS handshake", ConnectionFault::HangInHandshake)
            .impatient()
            .fails("BMC silent: reading the service root: timed out after")
            .within(4),
        connection("closes connections at once", ConnectionFault::CloseInAccept)
            .impatient()
            .fails("TLS failed: reading the service root: it closed the connection in the TLS handshake")
            .within(4),
        connection("closes connections in the TLS handshake", ConnectionFault::CloseInHandshake)
            .impatient()
            .fails("TLS failed")
            .within(4),
        connection("answers TLS with garbage", ConnectionFault::GarbageForTls)
            .impatient()
            .fails("TLS failed: reading the service root")
            .within(4),
        connection("speaks HTTP without TLS on this port", ConnectionFault::PlainHttp)
            .impatient()
            .fails("TLS failed: reading the service root")
            .within(4),
    ]
}

fn once() -> Vec<Case> {
    [
        ("closes its first connection at once", ConnectionFault::CloseInAccept),
        ("closes its first connection in the TLS handshake", ConnectionFault::CloseInHandshake),
    ]
    .map(|(service, fault)| {
        let case = case(service, move |config| {
            config.faults.connection = Some(fault);
            config.faults.connections_left = Some(1);
        });
        case.with(&["login_timeout=4"]).connections(2)
    })
    .into()
}

fn in_mid_operation() -> Vec<Case> {
    let is_reset = |kind: &RedfishEventKind| matches!(kind, RedfishEventKind::ResetAnswered { .. });
    let closes = || {
        let close = Misanswer::CloseAt(Place::Start);
        AnswerFault::every(Requests::SystemGets, close).after(1)
    };
    let gone = |service| {
        answers(service, [closes()]).then(is_reset, |sim| {
            sim.with_faults(|faults| faults.connection = Some(ConnectionFault::HangInHandshake));
        })
    };
    vec![
        gone("hangs in every handshake after the reset")
            .impatient()
            .with(&["power_timeout=4"])
            .fails("timed out waiting to power OFF: the last attempt failed (BMC ")
            .machine(Power::Off),
        answers(
            "closes the connection twice instead of telling the state after the reset",
            [AnswerFault::next(2, Requests::SystemGets, Misanswer::CloseAt(Place::Start)).after(1)],
        )
        .resets(1),
    ]
}

fn keeps(service: &'static str, keep_alive: KeepAlive) -> Case {
    case(service, move |config| config.keep_alive = keep_alive)
}

fn closed() -> Vec<Case> {
    let after = |answers, announced| KeepAlive::CloseAfter { answers, announced };
    let mut cases = vec![
        case("leaves connections open", |_| {}).connections(1).requests(6),
        case("leaves connections open", |_| {}).asked("reboot").connections(1).requests(8),
        keeps("closes the connection after each answer, and says so", KeepAlive::CloseEach)
            .connections(6),
        keeps("closes the connection after each answer, and says so", KeepAlive::CloseEach)
            .asked("reboot"),
        keeps("closes the connection after each answer, and does not say so", after(1, false)),
        keeps("closes the connection after each answer, and does not say so", after(1, false))
            .asked("reboot"),
        keeps("closes the connection after two answers, and says so", after(2, true))
            .asked("reboot"),
        keeps("closes the connection after two answers, and does not say so", after(2, false))
            .asked("reboot"),
        keeps("closes the connection after three answers, and does not say so", after(3, false)),
        keeps(
            "closes connections that were idle for 50 ms",
            KeepAlive::CloseIdle(Duration::from_millis(50)),
        )
        .asked("reboot"),
    ];
    for (framing, words) in [
        (Framing::ContentLength, "Content-Length"),
        (Framing::Chunked, "chunks"),
        (Framing::UntilClose, "a body up to the end of the connection"),
    ] {
        let fault = Misanswer::NoCloseNotify(framing);
        let service = format!("closes without close_notify after each answer, with {words}");
        cases.push(answers(service, [AnswerFault::every(Requests::All, fault)]).asked("reboot"));
    }
    cases
}
