//! Sessions: used where Basic is refused, and closed again.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{AnswerFault, KeepAlive, Misanswer, Place, RedfishConfig, Requests};

use super::case::{Case, Group, case, status};

pub fn group() -> Group {
    let mut cases = opened();
    cases.extend(refused());
    cases.extend(expired());
    cases.extend(deleted());
    Group { heading: "Sessions", cases }
}

fn without_basic(config: &mut RedfishConfig) {
    config.basic = false;
}

fn session(words: &str, change: impl FnOnce(&mut RedfishConfig) + Send + 'static) -> Case {
    case(format!("takes no Basic, {words}"), |config| {
        without_basic(config);
        change(config);
    })
}

fn answered(words: &str, fault: AnswerFault) -> Case {
    session(words, move |config| config.faults.answers = vec![fault])
}

fn login(what: Misanswer) -> AnswerFault {
    AnswerFault::every(Requests::Logins, what)
}

fn logout(what: Misanswer) -> AnswerFault {
    AnswerFault::every(Requests::Logouts, what)
}

fn opened() -> Vec<Case> {
    let mut cases: Vec<_> = ["off", "reboot", "status", "monitor", "diag"]
        .map(|action| session("but sessions", |_| {}).asked(action).sessions(1).connections(1))
        .into();
    cases.extend([
        answered("and ignores the reset", AnswerFault::every(Requests::Resets, status(403)))
            .fails("the power off command failed: privilege too low")
            .sessions(1),
        session("and ignores resets", |config| config.faults.ignore_resets = true)
            .impatient()
            .fails("timed out waiting to power OFF")
            .sessions(1),
        answered(
            "and hangs after the reset",
            AnswerFault::every(Requests::SystemGets, Misanswer::HangAt(Place::Start)).after(1),
        )
        .impatient()
        .fails("timed out waiting to power OFF: the last attempt failed (BMC hangs")
        .machine(Power::Off)
        .sessions(1),
        answered(
            "and answers 500 to the first login",
            AnswerFault::next(1, Requests::Logins, status(500)),
        )
        .sessions(1),
        answered("and answers 500 to the login", login(status(500)))
            .fails("BMC failed: opening a session: POST /redfish/v1/SessionService/Sessions was answered 500 Internal Server Error"),
        answered(
            "and answers 503 to the first login",
            AnswerFault::next(1, Requests::Logins, status(503)),
        )
        .sessions(1),
    ]);
    cases
}

fn refused() -> Vec<Case> {
    vec![
        session("and closes the connection after each answer, without saying so", |config| {
            config.keep_alive = KeepAlive::CloseAfter { answers: 1, announced: false };
        })
        .asked("reboot")
        .sessions(1),
        session("but sessions", |_| {})
            .with(&["password=Ke8tq2XnYv5"])
            .fails("wrong credentials: opening a session: user and password were refused: POST /redfish/v1/SessionService/Sessions was answered 401 Unauthorized")
            .sessions(0),
        case("takes Basic and sessions", |_| {})
            .with(&["password=Ke8tq2XnYv5"])
            .fails("wrong credentials: opening a session: user and password were refused")
            .sessions(0),
        case("takes Basic, no sessions", |config| config.sessions = false)
            .with(&["password=Ke8tq2XnYv5"])
            .fails("wrong credentials: listing the systems: user and password were refused"),
        session("and has no sessions", |config| config.sessions = false)
            .fails("wrong credentials: listing the systems: user and password were refused"),
        session("and has no room for a session", |config| config.max_sessions = 0)
            .impatient()
            .fails("opening a session: POST /redfish/v1/SessionService/Sessions was answered 503 Service Unavailable"),
        answered("and answers 403 to the login", login(status(403)))
            .fails("wrong credentials: opening a session: user and password were refused: POST /redfish/v1/SessionService/Sessions was answered 403 Forbidden"),
        answered("and answers 405 to the login", login(status(405)))
            .fails("not supported: opening a session: POST /redfish/v1/SessionService/Sessions was answered 405 Method Not Allowed"),
        answered("and answers the login without a token", login(status(201)))
            .fails("opening a session: /redfish/v1/SessionService/Sessions has no X-Auth-Token"),
        answered("and hangs before it answers the login", login(Misanswer::HangAt(Place::Start)))
            .impatient()
            .fails("BMC hangs: opening a session")
            .leaves_sessions(1)
            .within(9)
            .remark("a session may be left that nobody can know of"),
        answered("and answers the login a second too late", login(Misanswer::Late(Duration::from_millis(3000))))
            .impatient()
            .fails("BMC hangs: opening a session")
            .sessions(1)
            .within(9)
            .remark("the session is closed all the same"),
        answered("and closes the connection instead of answering the first login", AnswerFault::next(1, Requests::Logins, Misanswer::CloseAt(Place::Start)))
            .sessions(2)
            .leaves_sessions(1)
            .remark("a session may be left that nobody can know of"),
    ]
}

fn expired() -> Vec<Case> {
    let after =
        |requests| move |config: &mut RedfishConfig| config.faults.token_requests = Some(requests);
    vec![
        session("and ends each session after 5 requests", after(5)).asked("reboot").sessions(2),
        session("and ends each session after 3 requests", after(3)).asked("reboot"),
        answered(
            "and ends the session when it is used first",
            AnswerFault::every(Requests::SystemGets, status(401)),
        )
        .fails("wrong credentials"),
    ]
}

fn deleted() -> Vec<Case> {
    vec![
        answered("and hangs when a session is closed", logout(Misanswer::HangAt(Place::Headers)))
            .sessions(1)
            .within(9),
        answered(
            "and closes the connection when the session is closed",
            logout(Misanswer::CloseAt(Place::Start)),
        ),
        answered(
            "and answers 500 once when a session is closed",
            AnswerFault::next(1, Requests::Logouts, status(500)),
        ),
        answered(
            "and answers 503 once when a session is closed",
            AnswerFault::next(1, Requests::Logouts, status(503)),
        ),
        answered("and answers 500 when a session is closed", logout(status(500)))
            .leaves_sessions(1)
            .within(9)
            .remark("what was asked for was done"),
        answered("and answers 405 when a session is closed", logout(status(405)))
            .leaves_sessions(1),
    ]
}
