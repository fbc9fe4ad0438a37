use super::*;
use crate::redfish::Quirk;

#[test]
fn a_session_is_opened_used_and_closed() {
    let mut bench = Bench::new(config());
    let opened = bench.ask(&login("admin", PASSWORD));
    assert_eq!(opened.status, 201);
    let (location, token) = key(&opened);
    assert_eq!(opened.to_json()["@odata.id"], location);
    assert!(!opened.to_json().to_string().contains(&token));
    assert_eq!(bench.ask(&with_token(&token, reset("ForceOff"))).status, 204);
    assert_eq!(bench.power(), Power::Off);
    assert_eq!(bench.service.sessions_open(), 1);
    let members = bench.get(SESSIONS).to_json()["Members"].clone();
    assert_eq!(members, json!([{ "@odata.id": location }]));

    let closed = bench.ask(&with_token(&token, Request::new("DELETE", &location)));
    assert_eq!((closed.status, bench.service.sessions_open()), (204, 0));
    assert_eq!(bench.ask(&with_token(&token, Request::new("GET", SYSTEM))).status, 401);
    assert!(bench.has_event(&RedfishEventKind::SessionClosed { user: "admin".into() }));
}

#[test]
fn the_older_address_of_a_login_is_there_too() {
    let mut bench = Bench::new(config());
    let mut login = login("admin", PASSWORD);
    login.target.push_str("/Members");
    assert_eq!(bench.ask(&login).status, 201);
}

#[test]
fn a_login_that_is_wrong_is_refused() {
    let mut bench = Bench::new(config());
    assert_refused(&bench.ask(&login("admin", "wrong")), 401, "NoValidSession");
    assert_refused(&bench.ask(&Request::new("POST", SESSIONS)), 415, "UnsupportedMediaType");
    let nothing = Request::new("POST", SESSIONS).with_json(&json!({}));
    assert_refused(&bench.ask(&nothing), 401, "NoValidSession");
    assert_eq!(bench.service.sessions_open(), 0);
}

#[test]
fn there_are_so_many_sessions_and_no_more() {
    let mut bench = Bench::new(RedfishConfig { max_sessions: 1, ..config() });
    let (location, _) = key(&bench.ask(&login("admin", PASSWORD)));
    assert_refused(&bench.ask(&login("admin", PASSWORD)), 503, "SessionLimitExceeded");
    bench.ask(&by("admin", Request::new("DELETE", &location)));
    assert_eq!(bench.ask(&login("admin", PASSWORD)).status, 201);
}

#[test]
fn a_session_ends_after_a_time_of_silence() {
    let mut bench = Bench::new(RedfishConfig { session_idle_timeout: seconds(60), ..config() });
    let (_, token) = key(&bench.ask(&login("admin", PASSWORD)));
    let system = with_token(&token, Request::new("GET", SYSTEM));
    for _ in 0..3 {
        bench.wait(59.0);
        assert_eq!(bench.ask(&system).status, 200);
    }
    bench.wait(60.0);
    assert_eq!(bench.ask(&system).status, 401);
    assert!(bench.has_event(&RedfishEventKind::SessionExpired { user: "admin".into() }));
}

#[test]
fn only_an_administrator_closes_the_sessions_of_others() {
    let mut bench = Bench::new(config());
    let (location, _) = key(&bench.ask(&login("admin", PASSWORD)));
    let delete = Request::new("DELETE", &location);
    assert_refused(&bench.ask(&by("guest", delete)), 403, "InsufficientPrivilege");
    let (location, _) = key(&bench.ask(&login("guest", PASSWORD)));
    assert_eq!(bench.ask(&by("guest", Request::new("DELETE", &location))).status, 204);
}

#[test]
fn basic_authentication_and_sessions_may_be_missing() {
    let mut bench = Bench::new(RedfishConfig { basic: false, ..config() });
    let refused = bench.get(SYSTEM);
    assert_eq!((refused.status, refused.header("WWW-Authenticate")), (401, None));
    let (_, token) = key(&bench.ask(&login("admin", PASSWORD)));
    assert_eq!(bench.ask(&with_token(&token, Request::new("GET", SYSTEM))).status, 200);

    let mut bench = Bench::new(RedfishConfig { sessions: false, ..config() });
    assert_eq!(bench.ask(&login("admin", PASSWORD)).status, 404);
    assert_eq!(bench.get("/redfish/v1").to_json()["Links"], Value::Null);
}

#[test]
fn a_session_may_end_after_some_requests() {
    let mut bench = Bench::new(config());
    bench.service.faults(bench.now).token_requests = Some(2);
    let (_, token) = key(&bench.ask(&login("admin", PASSWORD)));
    let system = with_token(&token, Request::new("GET", SYSTEM));
    assert_eq!([0; 3].map(|_| bench.ask(&system).status), [200, 200, 401]);
    assert_eq!(bench.service.sessions_open(), 0);
}

#[test]
fn quirks_of_sessions() {
    let with = |quirk| RedfishConfig { quirks: [quirk].into(), ..config() };
    let mut bench = Bench::new(with(Quirk::SessionTableFull));
    for _ in 0..2 {
        assert_refused(&bench.ask(&login("admin", PASSWORD)), 503, "RAC0218");
    }
    assert_eq!(bench.ask(&login("admin", PASSWORD)).status, 201);

    let mut bench = Bench::new(with(Quirk::SessionsNeedBasic));
    assert_eq!(bench.ask(&login("admin", PASSWORD)).status, 401);
    assert_eq!(bench.ask(&by("admin", login("admin", PASSWORD))).status, 201);

    let mut bench = Bench::new(with(Quirk::BasicRefused));
    let refused = bench.get(SYSTEM);
    assert_eq!((refused.status, refused.header("WWW-Authenticate")), (401, Some("Session")));
    assert_eq!(bench.ask(&login("admin", PASSWORD)).status, 201);
}

fn login(user: &str, password: &str) -> Request {
    Request::new("POST", SESSIONS).with_json(&json!({ "UserName": user, "Password": password }))
}

fn with_token(token: &str, request: Request) -> Request {
    request.with_header("X-Auth-Token", token)
}

/// Where a session is, and its token.
fn key(opened: &Response) -> (String, String) {
    let header = |name| opened.header(name).unwrap().to_owned();
    (header("Location"), header("X-Auth-Token"))
}
