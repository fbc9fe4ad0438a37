use std::io::Write;
use std::process::Output;
use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{
    Acknowledgement, AnswerFault, CertificateConfig, ConnectionFault, Credentials, Faults, Framing,
    KeepAlive, Misanswer, Place, RedfishConfig, RedfishEventKind, RedfishServer, RedirectTarget,
    Requests, TaskConfig, TlsVersions,
};
use tempfile::NamedTempFile;
use tokio::process::Command;

use super::{PASSWORD, config, power_events, start};

const SYSTEM: &str = "/redfish/v1/Systems/1";
const RESET: &str = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// Exit codes of curl (curl.se/docs/manpage.html).
const WEIRD_REPLY: i32 = 1;
const PARTIAL_FILE: i32 = 18;
const TIMED_OUT: i32 = 28;
const NO_TLS: i32 = 35;
const REDIRECTED_TOO_OFTEN: i32 = 47;
const EMPTY_REPLY: i32 = 52;
const BROKEN_OFF: i32 = 56;
const NOT_VERIFIED: i32 = 60;

#[tokio::test]
async fn curl_switches_power_with_basic_authentication() {
    let bmc = start(config()).await;
    assert_status(&get(&bmc, &[], SYSTEM).await, 200, r#""PowerState":"On""#);
    assert_status(&reset(&bmc, "ForceOff").await, 204, "");
    assert_eq!(bmc.power("1"), Some(Power::Off));
    assert_status(&get(&bmc, &[], SYSTEM).await, 200, r#""PowerState":"Off""#);
    assert_status(&reset(&bmc, "On").await, 204, "");
    assert_eq!(bmc.power("1"), Some(Power::On));
    let one = "1".to_owned();
    let events = [RedfishEventKind::PowerOff(one.clone()), RedfishEventKind::PowerOn(one)];
    assert_eq!(power_events(&bmc), events);
    let last = bmc.requests().pop().unwrap();
    assert_eq!((last.method.as_str(), last.path.as_str(), last.status), ("POST", RESET, 204));
    assert_eq!((last.connection, last.credentials), (4, Credentials::Basic));
}

#[tokio::test]
async fn curl_opens_a_session_and_closes_it() {
    let bmc = start(config()).await;
    let login = format!(r#"{{"UserName":"admin","Password":"{PASSWORD}"}}"#);
    let opened = curl(&bmc, &["--insecure", "--json", &login], SESSIONS).await;
    assert_status(&opened, 201, "");
    let token = format!("X-Auth-Token: {}", header(&opened, "X-Auth-Token"));
    let with_token = ["--insecure", "--header", &token];
    assert_status(&curl(&bmc, &with_token, SYSTEM).await, 200, "PowerState");
    assert_eq!(bmc.counts().sessions_open, 1);
    let delete = [&with_token[..], &["--request", "DELETE"]].concat();
    assert_status(&curl(&bmc, &delete, &header(&opened, "Location")).await, 204, "");
    assert_eq!(bmc.counts().sessions_open, 0);
    assert_status(&curl(&bmc, &with_token, SYSTEM).await, 401, "NoValidSession");
}

#[tokio::test]
async fn curl_follows_a_task() {
    let task = TaskConfig::new();
    let acknowledgement = Acknowledgement::Task(task);
    let bmc = start(RedfishConfig { acknowledgement, ..config() }).await;
    let accepted = reset(&bmc, "ForceOff").await;
    assert_status(&accepted, 202, r#""TaskState":"#);
    assert_status(&get(&bmc, &[], &header(&accepted, "Location")).await, 204, "");
    assert_eq!(bmc.power("1"), Some(Power::Off));
}

#[tokio::test]
async fn curl_verifies_the_certificate_where_it_can_be_verified() {
    for (certificate, is_good) in [
        (CertificateConfig::SelfSigned, true),
        (CertificateConfig::SelfSignedCa, true),
        (CertificateConfig::OwnCa, true),
        (CertificateConfig::Expired, false),
        (CertificateConfig::OtherHost, false),
    ] {
        let bmc = start(RedfishConfig { certificate: certificate.clone(), ..config() }).await;
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(bmc.certificate_pem().as_bytes()).unwrap();
        let file = file.path().to_str().unwrap();
        let verified = curl(&bmc, &["--cacert", file], "/redfish/v1/").await;
        let code = if is_good { 0 } else { NOT_VERIFIED };
        assert_eq!(verified.status.code(), Some(code), "{certificate:?}: {verified:?}");
        assert_ends(&curl(&bmc, &[], "/redfish/v1/").await, NOT_VERIFIED);
        assert_ends(&curl(&bmc, &["--insecure"], "/redfish/v1/").await, 0);
    }
}

#[tokio::test]
async fn the_fingerprint_is_that_of_openssl() {
    let bmc = start(config()).await;
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bmc.certificate_pem().as_bytes()).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(file.path());
    let output = openssl.output().await.expect("openssl must be installed");
    let text = String::from_utf8(output.stdout).unwrap();
    let fingerprint = text.trim().split_once('=').unwrap().1;
    assert_eq!(fingerprint.replace(':', "").to_lowercase(), bmc.fingerprint());
}

#[tokio::test]
async fn curl_speaks_the_versions_of_tls_that_there_are() {
    for (tls, with_12, with_13) in [
        (TlsVersions::Both, 0, 0),
        (TlsVersions::Only12, 0, NO_TLS),
        (TlsVersions::Only13, NO_TLS, 0),
    ] {
        let bmc = start(RedfishConfig { tls, ..config() }).await;
        assert_ends(&get(&bmc, &["--tls-max", "1.2"], SYSTEM).await, with_12);
        assert_ends(&get(&bmc, &["--tlsv1.3"], SYSTEM).await, with_13);
    }
}

#[tokio::test]
async fn connections_are_kept_as_configured() {
    for (keep_alive, connections) in [
        (KeepAlive::Open, 1),
        (KeepAlive::CloseEach, 4),
        (KeepAlive::CloseAfter { answers: 2, announced: true }, 2),
        (KeepAlive::CloseAfter { answers: 2, announced: false }, 2),
        (KeepAlive::CloseIdle(Duration::from_secs(60)), 1),
    ] {
        let bmc = start(RedfishConfig { keep_alive, ..config() }).await;
        // curl asks again, on a new connection, where an old one turns out to be closed.
        assert_ends(&get(&bmc, &[], &format!("{SYSTEM}?[1-4]")).await, 0);
        let counts = bmc.counts();
        assert_eq!((counts.connections, counts.requests), (connections, 4), "{keep_alive:?}");
        assert_eq!(counts.handshakes, connections);
    }
}

#[tokio::test]
async fn faults_of_connections() {
    for (fault, code) in [
        (ConnectionFault::HangInAccept, TIMED_OUT),
        (ConnectionFault::HangInHandshake, TIMED_OUT),
        (ConnectionFault::CloseInAccept, NO_TLS),
        (ConnectionFault::CloseInHandshake, NO_TLS),
        (ConnectionFault::GarbageForTls, NO_TLS),
        (ConnectionFault::PlainHttp, NO_TLS),
    ] {
        let bmc = start(config()).await;
        bmc.with_faults(|faults| {
            faults.connection = Some(fault);
            faults.connections_left = Some(1);
        });
        let ended = get(&bmc, &["--max-time", "0.3"], SYSTEM).await.status.code();
        assert_eq!(ended, Some(code), "{fault:?}");
        assert_eq!(bmc.counts().handshakes, 0);
        assert_ends(&get(&bmc, &[], SYSTEM).await, 0);
    }
}

#[tokio::test]
async fn there_may_be_http_without_tls() {
    let bmc = start(config()).await;
    bmc.with_faults(|faults| faults.connection = Some(ConnectionFault::PlainHttp));
    let root = curl_to(&format!("http://{}/redfish/v1/", bmc.address()), &[]).await;
    assert_status(&root, 200, "RootService");
}

#[tokio::test]
async fn faults_of_answers() {
    let redirect = |to| Misanswer::Redirect { status: 307, to };
    for (what, code) in [
        (Misanswer::HangAt(Place::Start), TIMED_OUT),
        (Misanswer::HangAt(Place::Headers), TIMED_OUT),
        (Misanswer::HangAt(Place::Body(10)), TIMED_OUT),
        (Misanswer::Drip(Duration::from_millis(50)), TIMED_OUT),
        (Misanswer::Late(Duration::from_secs(60)), TIMED_OUT),
        (Misanswer::EndlessBody, TIMED_OUT),
        (Misanswer::CloseAt(Place::Start), EMPTY_REPLY),
        (Misanswer::CloseAt(Place::Body(10)), PARTIAL_FILE),
        (Misanswer::NoCloseNotify(Framing::ContentLength), 0),
        (Misanswer::NoCloseNotify(Framing::Chunked), 0),
        (Misanswer::NoCloseNotify(Framing::UntilClose), 0),
        (Misanswer::Framed(Framing::Chunked), 0),
        (Misanswer::Framed(Framing::UntilClose), 0),
        (Misanswer::GarbageForHttp, WEIRD_REPLY),
        (Misanswer::HugeHeaders(10_000_000), BROKEN_OFF),
        (redirect(RedirectTarget::Itself), REDIRECTED_TOO_OFTEN),
        (redirect(RedirectTarget::ClearText), WEIRD_REPLY),
    ] {
        let faults = Faults::of_answers(AnswerFault::every(Requests::SystemGets, what.clone()));
        let bmc = start(RedfishConfig { faults, ..config() }).await;
        let options = ["--max-time", "0.5", "--location", "--max-redirs", "3"];
        let ended = get(&bmc, &options, SYSTEM).await;
        assert_eq!(ended.status.code(), Some(code), "{what:?}: {ended:?}");
    }
}

#[tokio::test]
async fn an_answer_may_be_other_than_it_should() {
    for (what, body) in [
        (Misanswer::EmptyBody, &b""[..]),
        (Misanswer::Body(b"{}".to_vec()), b"{}"),
        (Misanswer::CloseAt(Place::Headers), b""),
        (Misanswer::status(500), b""),
    ] {
        let faults = Faults::of_answers(AnswerFault::next(1, Requests::All, what.clone()));
        let bmc = start(RedfishConfig { faults, ..config() }).await;
        let answer = get(&bmc, &[], SYSTEM).await.stdout;
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
        let shown = end.map_or(&b""[..], |end| &answer[end + 4..]);
        assert_eq!(shown, body, "{what:?}");
        assert_status(&get(&bmc, &[], SYSTEM).await, 200, "PowerState");
    }
}

#[tokio::test]
async fn a_reset_is_carried_out_whose_answer_is_lost() {
    let lost = AnswerFault::next(1, Requests::Resets, Misanswer::CloseAt(Place::Start));
    let bmc = start(RedfishConfig { faults: Faults::of_answers(lost), ..config() }).await;
    assert_ends(&reset(&bmc, "ForceOff").await, EMPTY_REPLY);
    assert_eq!(bmc.power("1"), Some(Power::Off));
}

#[tokio::test]
async fn what_is_no_request_is_refused() {
    let bmc = start(config()).await;
    let chunked = ["--header", "Transfer-Encoding: chunked", "--data", "{}"];
    assert_status(&get(&bmc, &chunked, RESET).await, 411, "");
    let long = format!("A: {}", "a".repeat(100_000));
    assert_status(&get(&bmc, &["--header", &long], SYSTEM).await, 431, "");
}

#[track_caller]
fn assert_ends(output: &Output, code: i32) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
}

#[track_caller]
fn assert_status(output: &Output, status: u16, body: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert!(text.contains(body), "{text}");
}

fn header(output: &Output, name: &str) -> String {
    let text = String::from_utf8_lossy(&output.stdout);
    let mut lines = text.lines();
    lines.find_map(|line| line.strip_prefix(&format!("{name}: "))).unwrap().trim().to_owned()
}

async fn reset(bmc: &RedfishServer, kind: &str) -> Output {
    get(bmc, &["--json", &format!(r#"{{"ResetType":"{kind}"}}"#)], RESET).await
}

/// As the administrator, by Basic authentication.
async fn get(bmc: &RedfishServer, options: &[&str], path: &str) -> Output {
    let user = format!("admin:{PASSWORD}");
    curl(bmc, &[&["--insecure", "--user", &user], options].concat(), path).await
}

/// With the headers of the answer in its output.
async fn curl(bmc: &RedfishServer, options: &[&str], path: &str) -> Output {
    curl_to(&format!("https://{}{path}", bmc.address()), options).await
}

async fn curl_to(url: &str, options: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "60"]).args(options);
    command.arg(url).output().await.expect("curl must be installed")
}
