//! Each HTTP status that means something, where it hits.

use std::time::{Duration, SystemTime};

use bmc_sim::Power;
use bmc_sim::redfish::{AnswerFault, CannedAnswer, CannedBody, Misanswer, Requests};

use super::case::{Case, Group, answers, case, status};

pub fn group() -> Group {
    let mut cases = at_the_root();
    cases.extend(at_the_systems());
    cases.extend(at_the_system());
    cases.extend(after_the_reset());
    cases.extend(at_the_reset());
    cases.extend(once());
    cases.extend(without_documents());
    cases.extend(patience());
    Group { heading: "HTTP statuses", cases }
}

fn root() -> Requests {
    Requests::Path("/redfish/v1".into())
}

fn systems() -> Requests {
    Requests::Path("/redfish/v1/Systems".into())
}

/// With a message of the service's.
fn saying(status: u16, id: &str, message: &str) -> Misanswer {
    let body = CannedBody::ExtendedInfo { id: id.to_owned(), message: message.to_owned() };
    Misanswer::Status(CannedAnswer { status, retry_after: None, body })
}

fn html(status: u16) -> Misanswer {
    Misanswer::Status(CannedAnswer { status, retry_after: None, body: CannedBody::Html })
}

fn wanting(status: u16, retry_after: &str) -> Misanswer {
    let retry_after = Some(retry_after.to_owned());
    Misanswer::Status(CannedAnswer { status, retry_after, body: CannedBody::Empty })
}

fn every(service: &str, requests: Requests, what: Misanswer) -> Case {
    answers(service, [AnswerFault::every(requests, what)]).impatient()
}

fn at_the_root() -> Vec<Case> {
    vec![
        every("answers 404 for the service root", root(), status(404))
            .fails("no Redfish: reading the service root: GET /redfish/v1 was answered 404 Not Found; check redfish_uri, ip and ipport"),
        every("answers 401 for the service root", root(), status(401))
            .fails("wrong credentials: reading the service root: user and password were refused")
            .remark("reads the root again without them, and tries a session"),
        every("answers 403 for the service root", root(), status(403))
            .fails("privilege too low: reading the service root: GET /redfish/v1 was answered 403 Forbidden"),
        every("answers 406 for the service root", root(), status(406))
            .fails("reading the service root: GET /redfish/v1 was answered 406 Not Acceptable"),
        every("answers 500 for the service root", root(), status(500))
            .fails("BMC failed: reading the service root: GET /redfish/v1 was answered 500 Internal Server Error"),
        every("answers 503 for the service root", root(), status(503))
            .fails("BMC busy: reading the service root: GET /redfish/v1 was answered 503 Service Unavailable"),
        every("answers 200 with a page of HTML for the service root", root(), html(200))
            .fails("not Redfish: reading the service root: the answer of /redfish/v1 is no JSON document; check ip, ipport"),
    ]
}

fn at_the_systems() -> Vec<Case> {
    vec![
        every("answers 401 for the Systems collection", systems(), status(401))
            .fails("wrong credentials: listing the systems: user and password were refused")
            .remark("Basic and a session were tried"),
        every("answers 403 for the Systems collection", systems(), status(403))
            .fails("privilege too low: listing the systems"),
        every("answers 404 for the Systems collection", systems(), status(404))
            .fails("not there: listing the systems"),
        every("answers 502 for the Systems collection", systems(), status(502))
            .fails("BMC failed: listing the systems"),
    ]
}

fn at_the_system() -> Vec<Case> {
    let at = |service: &str, what| every(service, Requests::SystemGets, what);
    vec![
        at("answers 400 for the system", status(400)).fails("reading the system: GET /redfish/v1/Systems/1 was answered 400 Bad Request"),
        at("answers 403 for the system", saying(403, "Base.1.18.InsufficientPrivilege", "No."))
            .fails("privilege too low: reading the system: GET /redfish/v1/Systems/1 was answered 403 Forbidden: Base.1.18.InsufficientPrivilege \"No.\"; give the user"),
        at("answers 403 for the system, with a page of HTML", html(403)).fails("privilege too low: reading the system"),
        at("answers 403 PasswordChangeRequired for the system", saying(403, "Base.1.18.PasswordChangeRequired", "Change it."))
            .fails("password to be changed: reading the system"),
        at("answers 404 for the only system", status(404)).fails("the service has no system that can be reset"),
        at("answers 404 for the system that was named", status(404))
            .with(&["systems_uri=/redfish/v1/Systems/1"])
            .fails("not there: reading the system: GET /redfish/v1/Systems/1 was answered 404 Not Found; check systems_uri"),
        at("answers 405 for the system", status(405)).fails("not supported: reading the system"),
        at("answers 429 for the system", status(429)).fails("BMC busy: reading the system"),
        at("answers 500 for the system", status(500)).asked("status").fails("BMC failed: reading the system"),
        at("answers 501 for the system", status(501)).asked("status").fails("not supported: reading the system"),
        at("answers 502 for the system", status(502)).asked("status").fails("BMC failed: reading the system"),
        at("answers 503 for the system", status(503)).asked("status").fails("BMC busy: reading the system"),
        at("answers 504 for the system", status(504)).asked("status").fails("BMC failed: reading the system"),
        at("answers 418 for the system", status(418)).asked("status").fails("reading the system: GET /redfish/v1/Systems/1 was answered 418"),
    ]
}

fn after_the_reset() -> Vec<Case> {
    [400, 403, 404, 405, 406, 409, 429, 500, 501, 502, 503, 504]
        .into_iter()
        .flat_map(|code| {
            let polls = |times| AnswerFault { times, ..AnswerFault::every(Requests::SystemGets, status(code)).after(1) };
            [
                answers(format!("answers {code} for the system twice after the reset"), [polls(Some(2))])
                    .resets(1),
                answers(format!("answers {code} for the system after the reset"), [polls(None)])
                    .impatient()
                    .fails("timed out waiting to power OFF: the last attempt failed (")
                    .machine(Power::Off),
            ]
        })
        .chain([
            answers("answers 401 for the system once after the reset", [AnswerFault::next(1, Requests::SystemGets, status(401)).after(1)]),
            answers("answers 401 for the system after the reset", [AnswerFault::every(Requests::SystemGets, status(401)).after(1)])
                .impatient()
                .fails("the power state is not known after the power off command: wrong credentials: reading the system")
                .machine(Power::Off),
        ])
        .collect()
}

fn at_the_reset() -> Vec<Case> {
    let at = |service: &str, what| every(service, Requests::Resets, what);
    vec![
        at("answers 400 for the reset", saying(400, "Base.1.18.ActionParameterNotSupported", "No such type."))
            .fails("the power off command failed: asking for the reset: POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset was answered 400 Bad Request: Base.1.18.ActionParameterNotSupported \"No such type.\""),
        at("answers 401 for the reset", status(401))
            .fails("the power off command failed: wrong credentials: asking for the reset"),
        at("answers 403 for the reset", saying(403, "Base.1.18.InsufficientPrivilege", "No."))
            .fails("the power off command failed: privilege too low: asking for the reset")
            .resets(1)
            .within(3),
        at("answers 403 for the reset, with a page of HTML", html(403))
            .fails("the power off command failed: privilege too low: asking for the reset")
            .resets(1),
        at("answers 404 for the reset", status(404)).fails("the power off command failed: not there: asking for the reset"),
        at("answers 405 for the reset", status(405)).fails("the power off command failed: not supported: asking for the reset"),
        at("answers 409 for the reset", status(409)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 412 for the reset, with and without If-Match", status(412)).fails("the power off command failed: conflict: asking for the reset").resets(3),
        at("answers 428 for the reset, with and without If-Match", status(428)).fails("the power off command failed: conflict: asking for the reset").resets(3),
        at("answers 429 for the reset", status(429)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 500 for the reset", status(500)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 501 for the reset", status(501)).fails("the power off command failed: not supported: asking for the reset"),
        at("answers 502 for the reset", status(502)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 503 for the reset", status(503)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 504 for the reset", status(504)).fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        at("answers 403 for the interrupt", status(403)).asked("diag").fails("the diagnostic interrupt command failed: privilege too low"),
        at("answers 400 for the interrupt", status(400)).asked("diag").fails("the diagnostic interrupt command failed: asking for the reset"),
        at("answers 500 for the interrupt", status(500)).asked("diag").fails("the diagnostic interrupt command failed: BMC failed").resets(1),
    ]
}

fn once() -> Vec<Case> {
    let mut cases = Vec::new();
    for (requests, words) in [
        (root(), "the service root"),
        (systems(), "the Systems collection"),
        (Requests::SystemGets, "the system"),
        (Requests::Resets, "the reset"),
    ] {
        for code in [429, 500, 502, 503, 504] {
            let service = format!("answers {code} for {words} once");
            cases.push(answers(service, [AnswerFault::next(1, requests.clone(), status(code))]));
        }
    }
    cases
}

/// Answers that are no errors, and no documents.
fn without_documents() -> Vec<Case> {
    let at =
        |code| every(&format!("answers {code} for the system"), Requests::SystemGets, status(code));
    let mut cases: Vec<_> = [200, 201, 202, 204]
        .map(|code| at(code).fails("not Redfish: reading the system: the answer of /redfish/v1/Systems/1 is no JSON document"))
        .into();
    cases.extend([300, 304].map(|code| {
        at(code).fails("reading the system: GET /redfish/v1/Systems/1 was answered 30")
    }));
    cases.extend([301, 308].map(|code| {
        at(code)
            .remark("without Location")
            .fails("reading the system: GET /redfish/v1/Systems/1 was answered 30")
    }));
    cases
}

/// Retry-After.
fn patience() -> Vec<Case> {
    let mut cases = Vec::new();
    for code in [429, 503] {
        let once = |requests| [AnswerFault::next(1, requests, wanting(code, "1"))];
        cases.extend([
            answers(
                format!("answers {code} with Retry-After of a second, for the service root"),
                once(root()),
            ),
            answers(
                format!("answers {code} with Retry-After of a second, for the reset"),
                once(Requests::Resets),
            )
            .resets(2),
            every(
                &format!("answers {code} with Retry-After of an hour, for the system"),
                Requests::SystemGets,
                wanting(code, "3600"),
            )
            .fails("not asked, as the service wants to be left alone for 3")
            .within(2)
            .remark("at once, since it would not be asked again in time"),
            every(
                &format!("answers {code} with Retry-After of an hour, for the reset"),
                Requests::Resets,
                wanting(code, "3600"),
            )
            .resets(1)
            .fails("timed out waiting to power OFF: the last attempt failed (BMC busy: "),
        ]);
    }
    for code in [500, 502, 504] {
        let faults =
            |retry_after| [AnswerFault::next(1, Requests::SystemGets, wanting(code, retry_after))];
        cases.push(answers(
            format!("answers {code} with Retry-After of a second, for the system once"),
            faults("1"),
        ));
        cases.push(answers(
            format!("answers {code} with Retry-After of an hour, for the system once"),
            faults("3600"),
        ));
    }
    cases.extend([
        case("answers 503 with Retry-After as a date in two seconds, for the system", |config| {
            let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(2));
            let fault = AnswerFault::next(1, Requests::SystemGets, wanting(503, &date));
            config.faults.answers = vec![fault];
        }),
        every(
            "answers 503 with Retry-After as a date in the past, for the system",
            Requests::SystemGets,
            wanting(503, "Sun, 06 Nov 1994 08:49:37 GMT"),
        )
        .fails("BMC busy: reading the system"),
        every(
            "answers 503 with Retry-After 0, for the system",
            Requests::SystemGets,
            wanting(503, "0"),
        )
        .fails("BMC busy: reading the system"),
        every(
            "answers 503 with a Retry-After that is neither time nor date",
            Requests::SystemGets,
            wanting(503, "soon"),
        )
        .fails("BMC busy: reading the system"),
        answers(
            "answers 503 with Retry-After of two seconds after the reset",
            [AnswerFault::next(1, Requests::SystemGets, wanting(503, "2")).after(1)],
        )
        .resets(1),
    ]);
    cases
}
