use super::*;
use crate::redfish::service::End;
use crate::redfish::{
    AnswerFault, CannedAnswer, CannedBody, Faults, Framing, Misanswer, Place, RedirectTarget,
    Requests,
};

fn bench(fault: AnswerFault) -> Bench {
    Bench::new(RedfishConfig { faults: Faults::of_answers(fault), ..config() })
}

#[test]
fn a_fault_is_about_some_requests() {
    for (requests, statuses) in [
        (Requests::All, [599, 599, 599, 599]),
        (Requests::Gets, [599, 599, 204, 201]),
        (Requests::Posts, [200, 200, 599, 599]),
        (Requests::SystemGets, [200, 599, 204, 201]),
        (Requests::Resets, [200, 200, 599, 201]),
        (Requests::Logins, [200, 200, 204, 599]),
        (Requests::Path("/redfish/v1".into()), [599, 200, 204, 201]),
    ] {
        let mut bench = bench(AnswerFault::every(requests.clone(), Misanswer::status(599)));
        let login = json!({ "UserName": "admin", "Password": PASSWORD });
        let login = Request::new("POST", SESSIONS).with_json(&login);
        let answers = [
            bench.get("/redfish/v1/").status,
            bench.get(SYSTEM).status,
            bench.reset("ForceOff").status,
            bench.ask(&login).status,
        ];
        assert_eq!(answers, statuses, "{requests:?}");
    }
}

#[test]
fn a_fault_happens_so_often() {
    let fault = AnswerFault::next(2, Requests::SystemGets, Misanswer::status(503)).after(1);
    let mut bench = bench(fault);
    assert_eq!([0; 5].map(|_| bench.get(SYSTEM).status), [200, 503, 503, 200, 200]);
    let request = format!("GET {SYSTEM}");
    assert!(bench.has_event(&RedfishEventKind::Misanswered { request }));
}

#[test]
fn one_fault_comes_after_the_other() {
    let next = |status| AnswerFault::next(1, Requests::All, Misanswer::status(status));
    let faults = Faults { answers: vec![next(503), next(429)], ..Faults::default() };
    let mut bench = Bench::new(RedfishConfig { faults, ..config() });
    assert_eq!([0; 3].map(|_| bench.get(SYSTEM).status), [503, 429, 200]);
}

#[test]
fn a_request_that_gets_a_canned_answer_is_not_carried_out() {
    let canned = |body| {
        let retry_after = Some("3".to_owned());
        Misanswer::Status(CannedAnswer { status: 503, retry_after, body })
    };
    let info = CannedBody::ExtendedInfo { id: "Vendor.1.0.Busy".into(), message: "Busy.".into() };
    let mut bench = bench(AnswerFault::every(Requests::Resets, canned(info)));
    let answer = bench.reset("ForceOff");
    assert_refused(&answer, 503, "Busy");
    assert_eq!(answer.header("Retry-After"), Some("3"));
    assert_eq!(bench.power(), Power::On);

    let mut bench = self::bench(AnswerFault::every(Requests::Resets, canned(CannedBody::Html)));
    assert_eq!(bench.reset("ForceOff").header("Content-Type"), Some("text/html"));
}

#[test]
fn redirects_lead_where_they_should() {
    for (to, location) in [
        (RedirectTarget::TrailingSlash, "/redfish/v1/Systems/1/"),
        (RedirectTarget::ClearText, "http://192.0.2.1:443/redfish/v1/Systems/1"),
        (RedirectTarget::Origin("https://h:1".into()), "https://h:1/redfish/v1/Systems/1"),
        (RedirectTarget::Itself, "/redfish/v1/Systems/1"),
        (RedirectTarget::Text("//".into()), "//"),
    ] {
        let mut bench =
            bench(AnswerFault::every(Requests::All, Misanswer::Redirect { status: 307, to }));
        let redirect = bench.get(SYSTEM);
        assert_eq!((redirect.status, redirect.header("Location")), (307, Some(location)));
    }
    let to = RedirectTarget::TrailingSlash;
    let fault = AnswerFault::every(Requests::All, Misanswer::Redirect { status: 301, to });
    assert_eq!(bench(fault).get("/redfish/v1/Systems/1/").status, 200);
}

#[test]
fn a_lost_answer_is_of_a_request_that_was_carried_out() {
    let mut bench = bench(AnswerFault::next(1, Requests::Resets, Misanswer::CloseAt(Place::Start)));
    let reply = bench.reply(&by("admin", reset("ForceOff")));
    assert_eq!(reply.delivery.stop, Some((Place::Start, End::Close)));
    assert_eq!(bench.power(), Power::Off);
}

#[test]
fn what_goes_out_is_spoilt_as_asked_for() {
    let reply = |what| {
        bench(AnswerFault::every(Requests::All, what))
            .reply(&by("admin", Request::new("GET", SYSTEM)))
    };
    let late = reply(Misanswer::Late(seconds(3))).delivery;
    assert_eq!(late.delay, seconds(3));
    let hang = reply(Misanswer::HangAt(Place::Headers)).delivery;
    assert_eq!(hang.stop, Some((Place::Headers, End::Hang)));
    let until_close = reply(Misanswer::Framed(Framing::UntilClose)).delivery;
    assert!(until_close.closes && !until_close.without_close_notify);
    let ragged = reply(Misanswer::NoCloseNotify(Framing::Chunked)).delivery;
    assert!(ragged.closes && ragged.without_close_notify);
    assert!(reply(Misanswer::EmptyBody).response.body.is_empty());
    assert!(reply(Misanswer::HugeBody(9999)).response.body.len() > 9999);
    assert_eq!(reply(Misanswer::Body(vec![1])).response.body, [1]);
    let huge = reply(Misanswer::HugeHeaders(70_000)).response;
    assert!(huge.to_bytes(Framing::ContentLength, false).0.len() > 70_000);
}
