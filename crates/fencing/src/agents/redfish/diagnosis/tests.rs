use std::future::pending;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use bmc_sim::redfish::{
    CertificateConfig, Credentials, PublishedResets, Quirk, RedfishConfig, RedfishEventKind,
    RedfishServer, RedfishSystem, RedfishUser, ResetType, TlsVersions,
};

use super::*;
use crate::diagnosis::Reached;

const PASSWORD: &str = "a-long-password";
const USER: [(&str, &str); 2] = [("username", "op"), ("password", PASSWORD)];
const WITHIN: Duration = Duration::from_secs(20);
const TRUSTING: Extent = Extent { log_in: true, trust_certificate: true };

fn bmc() -> RedfishConfig {
    RedfishConfig::new(vec![RedfishUser::administrator("op", PASSWORD)])
}

async fn start(config: RedfishConfig) -> RedfishServer {
    RedfishServer::start((Ipv4Addr::LOCALHOST, 0).into(), config).await.unwrap()
}

fn agent_config(port: u16, given: &[(&str, &str)]) -> AgentConfig {
    let agent = super::super::definition("fence_redfish").agent;
    let mut config = AgentConfig::new(Arc::new(agent));
    let port = port.to_string();
    for (name, value) in [("ip", "127.0.0.1"), ("ipport", &port)].iter().chain(given) {
        config.set(name, value).unwrap();
    }
    config
}

async fn diagnosed(server: &RedfishServer, given: &[(&str, &str)], extent: Extent) -> Diagnosis {
    let config = agent_config(server.address().port(), given);
    let diagnosis = diagnose(&config, extent, Instant::now() + WITHIN, pending()).await;
    let diagnosis = diagnosis.unwrap().unwrap();
    let events: Vec<_> = server.events().into_iter().map(|event| event.kind).collect();
    let is_reset = |kind: &RedfishEventKind| matches!(kind, RedfishEventKind::ResetAnswered { .. });
    assert!(!events.iter().any(is_reset), "{events:?}");
    let shown = format!("{diagnosis:?}");
    assert!(!shown.contains(PASSWORD), "{shown}");
    diagnosis
}

fn names(diagnosis: &Diagnosis) -> Vec<&'static str> {
    diagnosis.findings.iter().map(|finding| finding.name).collect()
}

/// What is found of this service when its certificate is trusted.
async fn found(config: RedfishConfig, given: &[(&str, &str)]) -> (Diagnosis, Vec<&'static str>) {
    let server = start(config).await;
    let given = [&USER[..], given].concat();
    let diagnosis = diagnosed(&server, &given, TRUSTING).await;
    let names = names(&diagnosis);
    (diagnosis, names)
}

fn text(diagnosis: &Diagnosis, label: &str) -> String {
    let facts = diagnosis.facts.iter().filter(|fact| fact.label == label);
    facts.map(|fact| fact.text.as_str()).collect::<Vec<_>>().join("; ")
}

fn parameter<'a>(diagnosis: &'a Diagnosis, name: &str) -> Option<&'a str> {
    let parameters = &diagnosis.working.as_ref()?.parameters;
    parameters.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str())
}

fn has_seen_password(server: &RedfishServer) -> bool {
    server.requests().iter().any(|request| request.credentials != Credentials::None)
}

#[tokio::test]
async fn the_password_is_not_sent_to_who_shows_an_unknown_certificate() {
    let server = start(bmc()).await;
    let diagnosis = diagnosed(&server, &USER, Extent::WITH_LOGIN).await;
    assert_eq!(names(&diagnosis), ["certificate_not_trusted"]);
    assert_eq!(diagnosis.working, None);
    assert!(text(&diagnosis, "login").is_empty());
    assert!(!has_seen_password(&server));
    let remedy = &diagnosis.findings[0].remedy;
    let fingerprint = remedy.split_once("ssl_fingerprint=").unwrap().1;
    assert_eq!(fingerprint.replace(':', "").to_lowercase(), server.fingerprint());
    // The line that it names works.
    let given = [&USER[..], &[("ssl_fingerprint", fingerprint)]].concat();
    let diagnosis = diagnosed(&server, &given, Extent::WITH_LOGIN).await;
    assert_eq!(names(&diagnosis), Vec::<&str>::new());
    assert_eq!(parameter(&diagnosis, "ssl_fingerprint"), Some(fingerprint));
}

#[tokio::test]
async fn what_was_found_is_told() {
    let (diagnosis, names) = found(bmc(), &[]).await;
    assert_eq!(names, ["certificate_not_trusted"]);
    assert_eq!(text(&diagnosis, "TLS"), "1.3");
    assert_eq!(text(&diagnosis, "issued by"), "itself");
    assert!(text(&diagnosis, "for").contains("127.0.0.1"));
    assert!(text(&diagnosis, "trusted").starts_with("no: it is self-signed"));
    assert!(text(&diagnosis, "service").contains("Redfish 1."));
    assert!(text(&diagnosis, "login").starts_with("by Basic: works, "));
    let system = text(&diagnosis, "system");
    assert!(system.contains("'1'") && system.contains("PowerState On"), "{system}");
    assert!(text(&diagnosis, "reset types").contains("ForceOff"));
    assert_eq!(text(&diagnosis, "power state"), "On");
    // A read-only user looks the same.
    assert!(text(&diagnosis, "privilege").starts_with("not checked"));
    assert!(parameter(&diagnosis, "ssl_fingerprint").is_some());
    assert_eq!(parameter(&diagnosis, "systems_uri"), None);
    assert_eq!(diagnosis.working.unwrap().secrets, ["password"]);
}

#[tokio::test]
async fn another_certificate_than_the_configured_one_is_never_trusted() {
    let server = start(bmc()).await;
    let other = "00".repeat(32);
    let given = [&USER[..], &[("ssl_fingerprint", &other)]].concat();
    let diagnosis = diagnosed(&server, &given, TRUSTING).await;
    assert_eq!(names(&diagnosis), ["another_certificate"]);
    assert!(!has_seen_password(&server));
}

#[tokio::test]
async fn certificates_that_expired_are_found() {
    let config = RedfishConfig { certificate: CertificateConfig::Expired, ..bmc() };
    let (_, names) = found(config, &[]).await;
    assert_eq!(names, ["certificate_not_trusted", "certificate_expired"]);
}

#[tokio::test]
async fn certificates_that_are_not_checked_are_found() {
    let (diagnosis, names) = found(bmc(), &[("ssl_insecure", "1")]).await;
    assert_eq!(names, ["certificate_not_checked"]);
    assert_eq!(parameter(&diagnosis, "ssl_insecure"), Some("1"));
}

#[tokio::test]
async fn the_version_of_tls_is_the_one_that_is_spoken() {
    for (tls, version) in [(TlsVersions::Only12, "1.2"), (TlsVersions::Only13, "1.3")] {
        let (diagnosis, _) = found(RedfishConfig { tls, ..bmc() }, &[]).await;
        assert_eq!(text(&diagnosis, "TLS"), version);
    }
}

#[tokio::test]
async fn of_several_systems_one_must_be_named() {
    let systems = ["Node0", "Node1"].map(RedfishSystem::new).to_vec();
    let several = RedfishConfig { systems, ..bmc() };
    let (diagnosis, names) = found(several.clone(), &[]).await;
    assert_eq!(names, ["certificate_not_trusted", "several_systems"]);
    assert_eq!(diagnosis.working, None);
    assert!(text(&diagnosis, "system").contains("'Node1'"));
    let (diagnosis, names) = found(several, &[("plug", "Node1")]).await;
    assert_eq!(names, ["certificate_not_trusted"]);
    assert_eq!(parameter(&diagnosis, "systems_uri"), Some("/redfish/v1/Systems/Node1"));
}

#[tokio::test]
async fn a_baseboard_is_no_second_system() {
    let systems = vec![RedfishSystem::hgx_baseboard(), RedfishSystem::new("1")];
    let (diagnosis, names) = found(RedfishConfig { systems, ..bmc() }, &[]).await;
    assert_eq!(names, ["certificate_not_trusted"]);
    assert!(text(&diagnosis, "system").contains("cannot be reset"));
    assert_eq!(parameter(&diagnosis, "systems_uri"), None);
    let systems = vec![RedfishSystem::hgx_baseboard()];
    let (_, names) = found(RedfishConfig { systems, ..bmc() }, &[]).await;
    assert_eq!(names, ["certificate_not_trusted", "no_system"]);
}

#[tokio::test]
async fn wrong_credentials_are_told_of() {
    let given = [("password", "wrong-but-long-1")];
    let (diagnosis, names) = found(bmc(), &given).await;
    assert_eq!(names, ["certificate_not_trusted", "wrong_credentials"]);
    assert!(diagnosis.is_refused && diagnosis.working.is_none());
}

#[tokio::test]
async fn without_a_user_there_is_no_login() {
    let server = start(bmc()).await;
    let diagnosis = diagnosed(&server, &[], TRUSTING).await;
    assert_eq!(names(&diagnosis), ["certificate_not_trusted"]);
    assert!(!has_seen_password(&server));
}

#[tokio::test]
async fn where_no_login_is_wanted_none_is_tried() {
    let server = start(bmc()).await;
    let extent = Extent { log_in: false, trust_certificate: true };
    let diagnosis = diagnosed(&server, &USER, extent).await;
    assert_eq!(names(&diagnosis), ["certificate_not_trusted"]);
    assert_eq!(text(&diagnosis, "login"), "not tried");
    assert!(!has_seen_password(&server));
}

#[tokio::test]
async fn a_service_without_basic_needs_a_session_which_is_closed() {
    let server = start(RedfishConfig { basic: false, ..bmc() }).await;
    let diagnosis = diagnosed(&server, &USER, TRUSTING).await;
    assert_eq!(names(&diagnosis), ["certificate_not_trusted", "needs_session"]);
    assert!(text(&diagnosis, "login").starts_with("by a session: works"));
    let closed = |kind: &RedfishEventKind| matches!(kind, RedfishEventKind::SessionClosed { .. });
    assert!(server.events().iter().any(|event| closed(&event.kind)), "{:?}", server.events());
}

#[tokio::test]
async fn what_the_agent_cannot_do_is_told_of() {
    use ResetType::{ForceOff, GracefulShutdown, On, PushPowerButton};
    for (reset_types, expected) in [
        (vec![On, PushPowerButton], Some("off_by_button")),
        (vec![On, GracefulShutdown], Some("no_forced_off")),
        (vec![ForceOff], Some("no_power_on")),
        (vec![On, ForceOff], None),
    ] {
        for published_resets in [PublishedResets::AllowableValues, PublishedResets::ActionInfo] {
            let reset_types = reset_types.clone();
            let system = RedfishSystem { reset_types, published_resets, ..RedfishSystem::new("1") };
            let (_, names) = found(RedfishConfig { systems: vec![system], ..bmc() }, &[]).await;
            let others = names.into_iter().filter(|name| *name != "certificate_not_trusted");
            assert_eq!(others.collect::<Vec<_>>(), Vec::from_iter(expected));
        }
    }
}

#[tokio::test]
async fn a_password_that_must_be_changed_is_told_of() {
    let quirks = [Quirk::PasswordChangeRequired].into();
    let (_, names) = found(RedfishConfig { quirks, ..bmc() }, &[]).await;
    assert_eq!(names, ["certificate_not_trusted", "password_change_required"]);
}

#[tokio::test]
async fn where_nobody_answers_that_is_all_there_is_to_say() {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let config = agent_config(port, &USER);
    let deadline = Instant::now() + WITHIN;
    let diagnosis = diagnose(&config, Extent::WITH_LOGIN, deadline, pending()).await;
    let diagnosis = diagnosis.unwrap().unwrap();
    let Reached::No(reason) = &diagnosis.reached else { panic!("{diagnosis:?}") };
    assert!(reason.starts_with("no connection: "), "{reason}");
    assert!(diagnosis.facts.is_empty() && diagnosis.findings.is_empty());
}
