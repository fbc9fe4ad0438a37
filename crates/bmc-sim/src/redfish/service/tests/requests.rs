use super::*;

#[test]
fn only_the_root_is_for_everybody() {
    let mut bench = Bench::new(config());
    for path in ["/redfish", "/redfish/", "/redfish/v1", "/redfish/v1/"] {
        let response = bench.ask(&Request::new("GET", path));
        assert_eq!(response.status, 200, "{path}");
        assert_eq!(response.header("OData-Version"), Some("4.0"));
    }
    for path in ["/redfish/v1/Systems", SYSTEM, "/redfish/v1/Nothing", SESSIONS] {
        let response = bench.ask(&Request::new("GET", path));
        assert_refused(&response, 401, "NoValidSession");
        assert_eq!(response.header("WWW-Authenticate"), Some("Basic realm=\"bmc-sim\""));
        assert_ne!(bench.get(path).status, 401, "{path}");
    }
}

#[test]
fn wrong_credentials_are_refused() {
    let mut bench = Bench::new(config());
    let basic = |text: &str| format!("Basic {}", BASE64_STANDARD.encode(text));
    for authorization in [
        basic("admin:pass"),
        basic("nobody:pass:word"),
        basic("admin"),
        "Basic =".into(),
        "Bearer x".into(),
        "Basic".into(),
    ] {
        let request = Request::new("GET", SYSTEM).with_header("Authorization", &authorization);
        assert_eq!(bench.ask(&request).status, 401, "{authorization}");
    }
    let refused = RedfishEventKind::LoginRefused { user: Some("nobody".into()) };
    assert!(bench.has_event(&refused));
}

#[test]
fn a_role_says_who_may_reset() {
    let mut bench = Bench::new(config());
    let refused = bench.ask(&by("guest", reset("ForceOff")));
    assert_refused(&refused, 403, "InsufficientPrivilege");
    assert_eq!(bench.power(), Power::On);
    assert_eq!(bench.ask(&by("operator", reset("ForceOff"))).status, 204);
    assert_eq!(bench.power(), Power::Off);
}

#[test]
fn a_reset_has_to_be_well_formed() {
    let mut bench = Bench::new(config());
    let json = |body: Value| Request::new("POST", RESET).with_json(&body);
    let mut broken = json(json!({}));
    broken.body = b"{\"ResetType\":".to_vec();
    let mut form = Request::new("POST", RESET).with_header("Content-Type", "text/plain");
    form.body = b"{\"ResetType\":\"ForceOff\"}".to_vec();
    for (request, status, message) in [
        (json(json!({ "ResetType": "Off" })), 400, "ActionParameterValueFormatError"),
        (json(json!({ "ResetType": "forceoff" })), 400, "ActionParameterValueFormatError"),
        (json(json!({ "ResetType": "ForceOn" })), 400, "ActionParameterNotSupported"),
        (json(json!({ "ResetType": 1 })), 400, "ActionParameterValueTypeError"),
        (json(json!({})), 400, "ActionParameterMissing"),
        (json(json!({ "ResetType": "ForceOff", "Force": true })), 400, "ActionParameterUnknown"),
        (json(json!(["ForceOff"])), 400, "MalformedJSON"),
        (broken, 400, "MalformedJSON"),
        (form, 415, "UnsupportedMediaType"),
        (Request::new("POST", RESET), 415, "UnsupportedMediaType"),
        (Request::new("POST", SYSTEM).with_json(&json!({})), 405, "OperationNotAllowed"),
        (Request::new("GET", RESET), 405, "OperationNotAllowed"),
        (Request::new("DELETE", SYSTEM), 405, "OperationNotAllowed"),
        (Request::new("GET", "/redfish/v1/Systems/2"), 404, "ResourceMissingAtURI"),
        (Request::new("GET", "/"), 404, "ResourceMissingAtURI"),
    ] {
        assert_refused(&bench.ask(&by("admin", request)), status, message);
    }
    assert_eq!(bench.power(), Power::On);
}

#[test]
fn a_resource_that_has_not_the_method_says_which_it_has() {
    let mut bench = Bench::new(config());
    let response = bench.ask(&by("admin", Request::new("GET", RESET)));
    assert_eq!(response.header("Allow"), Some("POST"));
}

#[test]
fn a_slash_at_the_end_makes_no_difference() {
    let mut bench = Bench::new(config());
    assert_eq!(bench.get(&format!("{SYSTEM}/")).status, 200);
    let path = format!("{RESET}/");
    let reset = Request::new("POST", &path).with_json(&json!({ "ResetType": "ForceOff" }));
    assert_eq!(bench.ask(&by("admin", reset)).status, 204);
}

#[test]
fn the_head_of_a_resource_can_be_had() {
    let mut bench = Bench::new(config());
    let reply = bench.reply(&by("admin", Request::new("HEAD", SYSTEM)));
    assert!(reply.delivery.head_only);
    assert_eq!(reply.response.status, 200);
}

#[test]
fn the_text_of_an_event_is_one_line() {
    let mut bench = Bench::new(config());
    let request = Request::new("POST", SESSIONS);
    bench.ask(&request.with_json(&json!({ "UserName": "a\nb\x1b", "Password": "" })));
    let event = bench.service.events().last().unwrap();
    assert_eq!(event.kind.to_string(), r#"login refused: user "a\nb\u{1b}""#);
}
