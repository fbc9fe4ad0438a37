//! Answers that hang, drip, stop, are garbage, or never end.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{AnswerFault, Framing, Misanswer, Place, Requests};

use super::case::{Case, Group, answers, case};

pub fn group() -> Group {
    let mut cases = hanging();
    cases.extend(slow());
    cases.extend(cut());
    cases.extend(garbage());
    cases.extend(endless());
    Group { heading: "Answers", cases }
}

/// Another thing than JSON, where the service root should be.
const SYSTEM: &str = "/redfish/v1/Systems/1";

fn every(requests: Requests, what: Misanswer) -> [AnswerFault; 1] {
    [AnswerFault::every(requests, what)]
}

fn polls(what: Misanswer) -> [AnswerFault; 1] {
    [AnswerFault::every(Requests::SystemGets, what).after(1)]
}

fn hanging() -> Vec<Case> {
    let hang = |place| Misanswer::HangAt(place);
    let mut cases = Vec::new();
    for (place, words) in [
        (Place::Start, "before the first byte of every answer"),
        (Place::Headers, "in the headers of every answer"),
        (Place::Body(20), "in the body of every answer"),
    ] {
        let service = format!("hangs {words}");
        cases.push(
            answers(service, every(Requests::All, hang(place)))
                .impatient()
                .fails("BMC hangs: reading the service root: timed out after"),
        );
    }
    cases.extend([
        answers(
            "hangs in the Systems collection",
            [AnswerFault::every(Requests::Path("/redfish/v1/Systems".into()), hang(Place::Start))],
        )
        .impatient()
        .asked("status")
        .fails("BMC hangs: listing the systems: timed out after"),
        answers("hangs in the system", every(Requests::SystemGets, hang(Place::Body(100))))
            .impatient()
            .asked("monitor")
            .fails("BMC hangs: reading the system: timed out after"),
        answers(
            "carries out the reset, and hangs instead of answering it",
            every(Requests::Resets, hang(Place::Start)),
        )
        .with(&["power_timeout=3"])
        .remark("the state is read after 10 s, or half of the time"),
        answers("hangs after the reset", polls(hang(Place::Start)))
            .impatient()
            .fails("timed out waiting to power OFF: the last attempt failed (BMC hangs")
            .machine(Power::Off),
        answers("hangs in the headers after the reset", polls(hang(Place::Headers)))
            .impatient()
            .fails("timed out waiting to power OFF: the last attempt failed (BMC hangs")
            .machine(Power::Off),
        answers("hangs in the body after the reset", polls(hang(Place::Body(150))))
            .impatient()
            .fails("timed out waiting to power OFF: the last attempt failed (BMC hangs")
            .machine(Power::Off),
        answers(
            "hangs instead of acknowledging the interrupt",
            every(Requests::Resets, hang(Place::Start)),
        )
        .asked("diag")
        .impatient()
        .fails("the diagnostic interrupt command failed: BMC hangs: asking for the reset"),
    ]);
    cases
}

fn slow() -> Vec<Case> {
    let drip = |millis| Misanswer::Drip(Duration::from_millis(millis));
    let late = |millis| Misanswer::Late(Duration::from_millis(millis));
    vec![
        answers("sends each answer a byte in 50 ms", every(Requests::All, drip(50)))
            .impatient()
            .fails("BMC hangs: reading the service root: timed out after"),
        answers("sends each state after the reset a byte in 50 ms", polls(drip(50)))
            .impatient()
            .fails("timed out waiting to power OFF: the last attempt failed (BMC hangs")
            .machine(Power::Off),
        answers("sends each answer a byte in a millisecond", every(Requests::All, drip(1))),
        answers("answers everything 300 ms late", every(Requests::All, late(300))),
        answers("answers everything 300 ms late", every(Requests::All, late(300))).asked("reboot"),
        answers("acknowledges the reset 3 s late", every(Requests::Resets, late(3000))),
    ]
}

fn cut() -> Vec<Case> {
    let mut cases = Vec::new();
    for (place, words) in [
        (Place::Start, "before the first byte of"),
        (Place::Headers, "in the headers of"),
        (Place::Body(20), "in the body of"),
    ] {
        let cut = Misanswer::CloseAt(place);
        cases.push(
            answers(format!("closes the connection {words} every answer"), every(Requests::All, cut.clone()))
                .impatient()
                .fails("connection lost: reading the service root: the connection was closed before there was a whole answer"),
        );
        cases.push(answers(
            format!("closes the connection {words} the first answer"),
            [AnswerFault::next(1, Requests::All, cut.clone())],
        ));
        cases.push(
            answers(
                format!(
                    "closes the connection {words} the answer to the reset, which it carries out"
                ),
                [AnswerFault::next(1, Requests::Resets, cut.clone())],
            )
            .asked("reboot"),
        );
        cases.push(
            answers(
                format!("closes the connection {words} the first state after the reset"),
                [AnswerFault::next(1, Requests::SystemGets, cut).after(1)],
            )
            .resets(1),
        );
    }
    cases.push(
        answers(
            "closes the connection instead of acknowledging the interrupt, which it carries out",
            every(Requests::Resets, Misanswer::CloseAt(Place::Start)),
        )
        .asked("diag")
        .resets(1)
        .fails("the diagnostic interrupt command failed: connection lost: asking for the reset"),
    );
    let framings = [
        (Framing::ContentLength, "Content-Length"),
        (Framing::Chunked, "chunks"),
        (Framing::UntilClose, "the end of the connection"),
    ];
    for (framing, words) in framings {
        cases.push(
            answers(
                format!("ends bodies by {words}"),
                every(Requests::All, Misanswer::Framed(framing)),
            )
            .asked("reboot"),
        );
    }
    cases
}

fn garbage() -> Vec<Case> {
    let body = |bytes: &[u8]| Misanswer::Body(bytes.to_vec());
    vec![
        answers("answers in bytes that are no HTTP", every(Requests::All, Misanswer::GarbageForHttp))
            .impatient()
            .fails("not Redfish: reading the service root: what came is no HTTP answer"),
        answers("answers the first request in bytes that are no HTTP", [AnswerFault::next(
            1,
            Requests::All,
            Misanswer::GarbageForHttp,
        )]),
        answers("answers in bytes that are no JSON", every(Requests::All, Misanswer::GarbageForJson))
            .impatient()
            .fails("not Redfish: reading the service root: the answer of /redfish/v1 is no JSON document"),
        answers("answers the first request in bytes that are no JSON", [AnswerFault::next(
            1,
            Requests::All,
            Misanswer::GarbageForJson,
        )]),
        answers("answers the first state after the reset in bytes that are no JSON", [AnswerFault::next(
            1,
            Requests::SystemGets,
            Misanswer::GarbageForJson,
        )
        .after(1)]),
        answers("answers all states after the reset in bytes that are no JSON", polls(Misanswer::GarbageForJson))
            .impatient()
            .fails("timed out waiting to power OFF: the last attempt failed (not Redfish")
            .machine(Power::Off),
        answers("acknowledges the reset in bytes that are no JSON", every(Requests::Resets, Misanswer::GarbageForJson)),
        answers("answers without a body", every(Requests::Gets, Misanswer::EmptyBody))
            .impatient()
            .fails("not Redfish: reading the service root"),
        answers("tells the state in a document that is cut off", every(
            Requests::SystemGets,
            body(br#"{"Id":"1","PowerState":"Off","#),
        ))
        .impatient()
        .fails("not Redfish: reading the system: the answer of /redfish/v1/Systems/1 is no JSON document"),
        answers("tells the state after the reset in a document that is cut off, up to the end of the connection", polls(
            body(br#"{"Id":"1","PowerState":"Off""#),
        ))
        .impatient()
        .fails("timed out waiting to power OFF")
        .machine(Power::Off),
        answers("has a list for a service root", every(Requests::Path("/redfish/v1".into()), body(b"[]")))
            .impatient()
            .fails("not Redfish: reading the service root"),
        answers("has a text for a system", every(Requests::Path(SYSTEM.into()), body(b"\"Off\"")))
            .impatient()
            .fails("not Redfish: reading the system"),
        answers("has an empty object for a service root", every(Requests::Path("/redfish/v1".into()), body(b"{}"))),
        answers("nests lists a hundred thousand deep", every(
            Requests::SystemGets,
            body(format!("{{\"a\":{}", "[".repeat(100_000)).as_bytes()),
        ))
        .impatient()
        .fails("not Redfish: reading the system"),
        answers("has terminal escapes and line feeds in its error", every(Requests::Resets, {
            use bmc_sim::redfish::{CannedAnswer, CannedBody};
            Misanswer::Status(CannedAnswer {
                status: 400,
                retry_after: None,
                body: CannedBody::ExtendedInfo {
                    id: "Base.1.0.\u{1b}[31mRed".into(),
                    message: "one\ntwo\r\u{7}three".into(),
                },
            })
        }))
        .fails(r#"Base.1.0.\u{1b}[31mRed "one\ntwo\r\u{7}three""#),
    ]
}

fn endless() -> Vec<Case> {
    vec![
        answers("has a body that never ends", every(Requests::All, Misanswer::EndlessBody))
            .impatient()
            .with(&["power_timeout=10"])
            .fails(
                "not Redfish: reading the service root: the answer is longer than 1048576 bytes",
            ),
        answers("has a body of 900 kB", every(Requests::SystemGets, Misanswer::HugeBody(900_000))),
        answers("has a body of 5 MB", every(Requests::SystemGets, Misanswer::HugeBody(5_000_000)))
            .with(&["power_timeout=10"])
            .fails("not Redfish: reading the system: the answer is longer than 1048576 bytes"),
        answers("has 100 kB of headers", every(Requests::All, Misanswer::HugeHeaders(90_000))),
        answers("has 1 MB of headers", every(Requests::All, Misanswer::HugeHeaders(1_000_000)))
            .with(&["power_timeout=10"])
            .fails("not Redfish: reading the service root: what came is no HTTP answer"),
        case("leads from page to page of its systems for ever", |config| {
            let page = br#"{"Members":[{"@odata.id":"/redfish/v1/Systems/1"}],"Members@odata.nextLink":"/redfish/v1/Systems?$skip=1"}"#;
            config.faults.answers =
                every(Requests::Path("/redfish/v1/Systems".into()), Misanswer::Body(page.to_vec()))
                    .into();
        }),
    ]
}
