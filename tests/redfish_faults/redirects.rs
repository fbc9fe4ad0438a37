//! Redirections: where they are followed, and where they are not.

use bmc_sim::redfish::{AnswerFault, Misanswer, RedirectTarget, Requests};

use super::case::{Case, Group, answers};

pub fn group() -> Group {
    let mut cases = to_a_slash();
    cases.extend(of_the_reset());
    cases.extend(elsewhere());
    Group { heading: "Redirections", cases }
}

fn redirects(words: &str, status: u16, requests: Requests, to: RedirectTarget) -> Case {
    let fault = AnswerFault::every(requests, Misanswer::Redirect { status, to });
    answers(format!("answers {status} {words}"), [fault])
}

fn to_a_slash() -> Vec<Case> {
    [301, 302, 303, 307, 308]
        .map(|status| {
            let words = "to the same path with a slash, for everything that is read";
            redirects(words, status, Requests::Gets, RedirectTarget::TrailingSlash)
        })
        .into()
}

fn of_the_reset() -> Vec<Case> {
    let words = "to the same path with a slash, for the reset";
    let mut cases: Vec<_> = [301, 302, 307, 308]
        .map(|status| {
            redirects(words, status, Requests::Resets, RedirectTarget::TrailingSlash).resets(2)
        })
        .into();
    cases.push(
        redirects(words, 303, Requests::Resets, RedirectTarget::TrailingSlash)
            .impatient()
            .fails("the power off command failed: redirected: asking for the reset")
            .resets(1)
            .remark(
                "303 asks for a GET there (RFC 9110 §15.4.4), which would say nothing of the reset",
            ),
    );
    cases.push(
        redirects(words, 308, Requests::Resets, RedirectTarget::TrailingSlash)
            .asked("diag")
            .resets(2),
    );
    cases
}

fn elsewhere() -> Vec<Case> {
    let at_root = || Requests::Path("/redfish/v1".into());
    let other = || RedirectTarget::Origin("https://192.0.2.1".into());
    let text = |text: &str| RedirectTarget::Text(text.into());
    let fails = |case: Case, words| case.impatient().fails(words).within(3);
    vec![
        fails(
            redirects("to another host, for the service root", 308, at_root(), other()),
            "redirected: reading the service root: /redfish/v1 leads to another place, 'https://192.0.2.1/redfish/v1', where credentials are not sent",
        ),
        fails(
            redirects(
                "to another port, for the system",
                307,
                Requests::SystemGets,
                text("https://127.0.0.1:1/redfish/v1/Systems/1"),
            ),
            "redirected: reading the system: /redfish/v1/Systems/1 leads to another place",
        ),
        fails(
            redirects("to another host, for the reset", 307, Requests::Resets, other()),
            "the power off command failed: redirected: asking for the reset",
        )
        .resets(1),
        redirects(
            "to another host and a slash, for everything that is read",
            301,
            Requests::Gets,
            text("https://192.0.2.1/redfish/v1/"),
        )
        .impatient()
        .fails("redirected: reading the service root: /redfish/v1/ leads to another place")
        .remark("the slash is followed at this host, and there it is no slash any more"),
        fails(
            redirects(
                "to the same path in clear text, for everything",
                308,
                Requests::All,
                RedirectTarget::ClearText,
            ),
            "redirected: reading the service root: /redfish/v1 is redirected again and again",
        )
        .remark("each time by TLS"),
        fails(
            redirects(
                "to the same path, for everything",
                302,
                Requests::All,
                RedirectTarget::Itself,
            ),
            "redirected: reading the service root: /redfish/v1 is redirected again and again",
        ),
        fails(
            redirects(
                "to the same path, for the reset",
                307,
                Requests::Resets,
                RedirectTarget::Itself,
            ),
            "the power off command failed: redirected: asking for the reset",
        ),
        fails(
            redirects(
                "to a file of the machine that asks",
                302,
                Requests::All,
                text("file:///etc/passwd"),
            ),
            "redirected: reading the service root: /redfish/v1 leads to another place, 'file:///etc/passwd'",
        ),
        fails(
            redirects("to no URL at all", 302, Requests::All, text("http://[::")),
            "redirected: reading the service root: /redfish/v1 leads to another place, 'http://[::'",
        ),
        fails(
            redirects(
                "to a host named by user information",
                302,
                at_root(),
                text("https://127.0.0.1@192.0.2.1/redfish/v1"),
            ),
            "redirected: reading the service root: /redfish/v1 leads to another place",
        ),
        fails(
            redirects("without saying whereto", 308, at_root(), text("")),
            "redirected: reading the service root",
        ),
    ]
}
