use super::*;
use crate::redfish::Quirk;

fn bench(quirk: Quirk) -> Bench {
    Bench::new(RedfishConfig { quirks: [quirk].into(), ..config() })
}

/// With resets that take a second.
fn slow_bench(quirk: Quirk) -> Bench {
    let power_delay = seconds(1);
    Bench::new(RedfishConfig { quirks: [quirk].into(), power_delay, ..config() })
}

#[test]
fn quirks_of_the_way_to_a_system() {
    let mut hgx = bench(Quirk::HgxBaseboard);
    let members = hgx.get("/redfish/v1/Systems").to_json()["Members"].clone();
    assert_eq!(members[1]["@odata.id"], "/redfish/v1/Systems/HGX_Baseboard_0");
    assert_eq!(hgx.get("/redfish/v1/Systems/HGX_Baseboard_0").to_json()["Actions"], Value::Null);

    let mut root = bench(Quirk::RootWithoutSystems);
    assert_eq!(root.get("/redfish/v1").to_json()["Systems"], Value::Null);
    assert_eq!(root.get("/redfish/v1/Systems").status, 200);

    let systems = bench(Quirk::MembersNull).get("/redfish/v1/Systems").to_json();
    assert!(systems.as_object().unwrap().contains_key("Members"));
    assert_eq!(systems["Members"], Value::Null);

    let systems = bench(Quirk::TrailingSlashUris).get("/redfish/v1/Systems").to_json();
    assert_eq!(systems["Members"][0]["@odata.id"], format!("{SYSTEM}/"));
}

#[test]
fn quirks_of_the_present_state() {
    let mut ilo = bench(Quirk::IloPowerIsOff);
    assert_refused(&ilo.reset("On"), 400, "InvalidOperationForSystemState");
    assert_eq!(ilo.reset("ForceOff").status, 204);
    for kind in ["ForceOff", "ForceRestart", "Nmi"] {
        assert_refused(&ilo.reset(kind), 400, "InvalidOperationForSystemState");
    }
    let mut idrac = bench(Quirk::Psu501);
    assert_refused(&idrac.reset("On"), 409, "PSU501");
    assert_eq!(idrac.reset("ForceOff").status, 204);
    assert_refused(&idrac.reset("ForceOff"), 409, "PSU501");
    assert_eq!(idrac.reset("On").status, 204);
}

#[test]
fn on_is_refused_twice_after_each_off() {
    let mut bench = bench(Quirk::OnConflict);
    for _ in 0..2 {
        bench.reset("ForceOff");
        for _ in 0..2 {
            assert_refused(&bench.reset("On"), 409, "ActionParameterValueConflict");
        }
        assert_eq!(bench.reset("On").status, 204);
        assert_eq!(bench.power(), Power::On);
    }
    bench.reset("ForceOff");
    bench.wait(30.0);
    assert_eq!(bench.reset("On").status, 204, "some time later");
}

#[test]
fn a_service_that_is_not_ready_is_so_later() {
    let mut bench = bench(Quirk::NotReady);
    for _ in 0..2 {
        assert_refused(&bench.get(SYSTEM), 503, "SYS518");
        assert_refused(&bench.reset("ForceOff"), 400, "SYS518");
    }
    assert_eq!(bench.get(SYSTEM).status, 200);
    assert_eq!(bench.reset("ForceOff").status, 204);
}

#[test]
fn quirks_of_headers() {
    let etag = |request: Request, tag: &str| by("admin", request).with_header("If-Match", tag);
    let mut bench = bench(Quirk::IfMatchRefused);
    assert_eq!(bench.ask(&etag(reset("ForceOff"), "*")).status, 412);
    assert_eq!(bench.reset("ForceOff").status, 204);

    let mut bench = self::bench(Quirk::IfMatchRequired);
    assert_eq!(bench.reset("ForceOff").status, 428);
    assert_eq!(bench.ask(&etag(reset("ForceOff"), "\"x\"")).status, 412);
    let tag = bench.get(SYSTEM).header("ETag").unwrap().to_owned();
    assert_eq!(bench.ask(&etag(reset("ForceOff"), &tag)).status, 204);

    let root = || Request::new("GET", "/redfish/v1/");
    let mut bench = self::bench(Quirk::NeedsOdataVersion);
    assert_eq!(bench.ask(&root()).status, 406);
    assert_eq!(bench.ask(&root().with_header("Accept", "*/*")).status, 406);
    assert_eq!(bench.get("/redfish/v1/").status, 200);

    let mut bench = self::bench(Quirk::IdentityRefused);
    assert_eq!(bench.ask(&root().with_header("Accept-Encoding", "identity")).status, 406);
    assert_eq!(bench.ask(&root().with_header("Accept-Encoding", "gzip, identity")).status, 200);
}

#[test]
fn quirks_of_redirects() {
    let mut bench = bench(Quirk::SlashRedirect);
    let redirect = bench.get("/redfish/v1/Systems?$skip=1");
    assert_eq!(redirect.status, 308);
    assert_eq!(redirect.header("Location"), Some("/redfish/v1/Systems/?$skip=1"));
    assert_eq!(bench.reset("ForceOff").status, 308);
    assert_eq!(bench.get("/redfish/v1/").status, 200);

    let mut bench = self::bench(Quirk::RedirectOwnIp);
    assert_eq!(bench.get(SYSTEM).status, 200);
    let redirect = bench.ask(&Request::new("GET", SYSTEM).with_header("Host", "bmc.example"));
    assert_eq!(redirect.status, 301);
    let location = redirect.header("Location");
    assert_eq!(location, Some("https://192.0.2.1:443/redfish/v1/Systems/1"));
}

#[test]
fn quirks_of_published_resets() {
    let action =
        |quirk| bench(quirk).get(SYSTEM).to_json()["Actions"]["#ComputerSystem.Reset"].clone();
    let info = action(Quirk::ActionInfoOnly);
    assert_eq!(info["ResetType@Redfish.AllowableValues"], Value::Null);
    assert!(info["@Redfish.ActionInfo"].is_string());
    let values = action(Quirk::AllowableTypo)["ResetType@Redfish.AllowableValues"].clone();
    let values = values.as_array().unwrap();
    assert!(values.contains(&json!("GracefulShutdownGracefulRestart")));
    assert!(!values.contains(&json!("GracefulShutdown")));
}

#[test]
fn quirks_of_the_power_state() {
    let mut bench = slow_bench(Quirk::PoweringStates);
    bench.reset("ForceOff");
    assert_eq!(bench.power_state(), "PoweringOff");

    let mut bench = slow_bench(Quirk::ForceOffInProgress);
    bench.reset("ForceOff");
    assert_eq!(bench.power_state(), "ForceOffInProgress");
    bench.wait(1.0);
    assert_eq!(bench.power_state(), "Off");

    let mut bench = self::bench(Quirk::PowerStateAbsent);
    bench.reset("ForceOff");
    assert_eq!(bench.power_state(), Value::Null);
    bench.wait(0.5);
    assert_eq!(bench.power_state(), "Off");

    let mut bench = self::bench(Quirk::StaleCache);
    assert_eq!(bench.power_state(), "On");
    bench.reset("ForceOff");
    bench.wait(1.9);
    assert_eq!(bench.power_state(), "On");
    bench.wait(0.1);
    assert_eq!(bench.power_state(), "Off");

    let mut bench = slow_bench(Quirk::DropsResetsInTransition);
    bench.reset("ForceOff");
    bench.reset("On");
    bench.wait(5.0);
    assert_eq!(bench.power(), Power::Off);
}

#[test]
fn quirks_of_rights() {
    let mut bench = bench(Quirk::Html403);
    let refused = bench.reset("ForceOff");
    assert_eq!((refused.status, refused.header("Content-Type")), (403, Some("text/html")));
    assert_eq!(bench.power(), Power::On);

    let mut bench = self::bench(Quirk::PasswordChangeRequired);
    assert_refused(&bench.get(SYSTEM), 403, "PasswordChangeRequired");
    assert_eq!(bench.get(SESSIONS).status, 200);
}

#[test]
fn a_quirk_of_passwords() {
    for (quirks, password) in
        [(&[][..], &b"admin:p\xc3\xa4"[..]), (&[Quirk::Latin1Basic], b"admin:p\xe4")]
    {
        let users = vec![RedfishUser::administrator("admin", "p\u{e4}")];
        let quirks = quirks.iter().copied().collect();
        let mut bench = Bench::new(RedfishConfig { users, quirks, ..config() });
        let mut status = |bytes: &[u8]| {
            let basic = format!("Basic {}", BASE64_STANDARD.encode(bytes));
            bench.ask(&Request::new("GET", SYSTEM).with_header("Authorization", &basic)).status
        };
        assert_eq!(status(password), 200);
        assert_eq!(status(b"admin:p\xe4") + status(b"admin:p\xc3\xa4"), 200 + 401);
    }
}

#[test]
fn quirks_of_bodies() {
    let body = |quirk, path: &str| bench(quirk).get(path).body;
    let text = |quirk, path: &str| String::from_utf8(body(quirk, path)).unwrap();
    assert!(text(Quirk::NanInBody, SYSTEM).starts_with(r#"{"Temperature":NaN,"@odata.id""#));
    let system = text(Quirk::DuplicateKeys, SYSTEM);
    assert!(system.starts_with(r#"{"PowerState":"Unknown","#), "{system}");
    assert_eq!(system.matches(r#""PowerState":"#).count(), 2);
    assert_eq!(bench(Quirk::DuplicateKeys).power_state(), "On", "the last one wins");
    let systems = text(Quirk::DuplicateKeys, "/redfish/v1/Systems");
    assert!(systems.starts_with(r#"{"Members":[],"#), "{systems}");
    assert!(body(Quirk::ByteOrderMark, SYSTEM).starts_with(b"\xef\xbb\xbf{"));
    assert!(String::from_utf8(body(Quirk::NotUtf8, SYSTEM)).is_err());
}

#[test]
fn quirks_of_connections() {
    let delivery = |quirk| {
        let reply = bench(quirk).reply(&by("admin", Request::new("GET", SYSTEM)));
        (reply.delivery.closes, reply.delivery.without_close_notify)
    };
    assert_eq!(delivery(Quirk::CloseEach), (true, false));
    assert_eq!(delivery(Quirk::NoCloseNotify), (true, true));
    assert_eq!(delivery(Quirk::HgxBaseboard), (false, false));
}
