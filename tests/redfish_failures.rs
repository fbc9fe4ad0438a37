//! Each failure of `fence_redfish` has a name: the whole line that somebody reads at night.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use bmc_sim::redfish::{
    Acknowledgement, AnswerFault, CannedAnswer, CannedBody, ConnectionFault, Faults, Misanswer,
    Place, PowerStateFault, Quirk, RedfishConfig, RedfishSystem, RedirectTarget, Requests,
    ResetType, Role, TaskConfig,
};

use crate::failures::{documented, normal};
use crate::support::agent::Agent;
use crate::support::comparison::check_all;
use crate::support::redfish_sim::RedfishSim;

/// A service, what the agent is told besides, and the whole line that comes of it: without the time and the BMC's
/// address, with N for numbers of seconds, and F for a fingerprint.
struct Failure {
    /// As docs/operation.md has it.
    name: &'static str,
    service: fn(&mut RedfishConfig),
    lines: &'static [&'static str],
    line: &'static str,
}

#[test]
fn each_failure_says_its_name_and_what_to_try() {
    check_all(failures(), |Failure { name, service, lines, line }| {
        let bmc = RedfishSim::start_at("127.0.0.1:0", service);
        let port = bmc.address().port().to_string();
        let port = lines.iter().find_map(|line| line.strip_prefix("ipport=")).unwrap_or(&port);
        let at = format!("127.0.0.1:{port}: ");
        let agent = Agent::redfish().lines(bmc.lines()).lines(["action=status"]).lines(*lines);
        let run = agent.run();
        if run.code != Some(1) {
            return Err(format!("{name}: {run:#?}"));
        }
        let said = normal(&run, &at).replace(&as_shown(bmc.fingerprint()), "F");
        let is_met = said == *line && said.contains(name);
        if is_met { Ok(()) } else { Err(format!("{name} {lines:?}: wanted {line}\n  got {said}")) }
    });
}

fn failures() -> Vec<Failure> {
    let failure = |name, service, lines, line| Failure { name, service, lines, line };
    vec![
        failure(
            "no connection",
            |_| {},
            &["ipport=1", "login_timeout=1"],
            "unable to read the power state: no connection: reading the service root: no connection: \
             Connection refused (os error 111); check ip and ipport, and whether Redfish is enabled",
        ),
        failure(
            "BMC silent",
            |config| config.faults.connection = Some(ConnectionFault::HangInAccept),
            &["login_timeout=1", "power_timeout=3"],
            "unable to read the power state: BMC silent: reading the service root: timed out after N s \
             without a connection; check the address and the network",
        ),
        failure(
            "TLS failed",
            |_| {},
            &["ssl_insecure=0"],
            "unable to read the power state: TLS failed: reading the service root: its certificate is \
             self-signed and not trusted (SHA-256 fingerprint F); if the BMC's own page shows this \
             fingerprint, give it with ssl_fingerprint; or its issuer with ssl_ca_bundle",
        ),
        failure(
            "TLS failed",
            |config| config.faults.connection = Some(ConnectionFault::PlainHttp),
            &[],
            "unable to read the power state: TLS failed: reading the service root: what answers does not \
             speak TLS (plain HTTP, or another service on this port); check ip and ipport",
        ),
        failure(
            "BMC hangs",
            |config| misanswer(config, Requests::All, Misanswer::HangAt(Place::Start)),
            &["power_timeout=1"],
            "unable to read the power state: BMC hangs: reading the service root: timed out after N s \
             without a whole answer; a slow BMC needs a longer power_timeout; one that hangs needs a restart",
        ),
        failure(
            "connection lost",
            |config| misanswer(config, Requests::All, Misanswer::CloseAt(Place::Start)),
            &[],
            "unable to read the power state: connection lost: reading the service root: the connection was \
             closed before there was a whole answer (connection closed before message completed); if it \
             stays so, restart the BMC",
        ),
        failure(
            "not Redfish",
            |config| misanswer(config, Requests::All, Misanswer::GarbageForHttp),
            &[],
            "unable to read the power state: not Redfish: reading the service root: what came is no HTTP \
             answer (invalid HTTP version parsed); check ip and ipport: another service seems to listen \
             there",
        ),
        failure(
            "not Redfish",
            |config| misanswer(config, Requests::All, Misanswer::GarbageForJson),
            &[],
            "unable to read the power state: not Redfish: reading the service root: the answer of \
             /redfish/v1 is no JSON document; check ip, ipport, redfish_uri and systems_uri",
        ),
        failure(
            "wrong credentials",
            |_| {},
            &["password=wrong"],
            "unable to read the power state: wrong credentials: opening a session: user and password were \
             refused: POST /redfish/v1/SessionService/Sessions was answered 401 Unauthorized: \
             Base.1.18.NoValidSession \"There is no valid session, and no valid credentials came with the \
             request.\"; check username and password, and whether the user may use Redfish",
        ),
        failure(
            "wrong credentials",
            |config| config.sessions = false,
            &["username=nobody"],
            "unable to read the power state: wrong credentials: listing the systems: user and password were \
             refused: GET /redfish/v1/Systems was answered 401 Unauthorized: Base.1.18.NoValidSession \
             \"There is no valid session, and no valid credentials came with the request.\"; check username \
             and password, and whether the user may use Redfish",
        ),
        failure(
            "BMC busy",
            |config| misanswer(config, Requests::All, status(503)),
            &["power_timeout=1"],
            "unable to read the power state: BMC busy: reading the service root: GET /redfish/v1 was \
             answered 503 Service Unavailable; try again in a minute; if that does not help, restart the BMC",
        ),
        failure(
            "BMC busy",
            |config| misanswer(config, Requests::All, in_a_minute()),
            &[],
            "unable to read the power state: BMC busy: reading the service root: not asked, as the service \
             wants to be left alone for N s more: GET /redfish/v1 was answered 503 Service Unavailable",
        ),
        failure(
            "no free session",
            |config| {
                config.quirks.insert(Quirk::BasicRefused);
                config.max_sessions = 0;
            },
            &["power_timeout=1"],
            "unable to read the power state: no free session: opening a session: POST \
             /redfish/v1/SessionService/Sessions was answered 503 Service Unavailable: \
             Base.1.18.SessionLimitExceeded \"There are as many sessions as there can be.\"; the BMC's \
             session table is full: close sessions, or restart the BMC",
        ),
        failure(
            "BMC failed",
            |config| misanswer(config, Requests::SystemGets, status(500)),
            &[],
            "unable to read the power state: BMC failed: reading the system: GET /redfish/v1/Systems/1 was \
             answered 500 Internal Server Error; if it stays so, restart the BMC",
        ),
        failure(
            "password to be changed",
            |config| {
                config.quirks.insert(Quirk::PasswordChangeRequired);
            },
            &[],
            "unable to read the power state: password to be changed: listing the systems: GET \
             /redfish/v1/Systems was answered 403 Forbidden: Base.1.18.PasswordChangeRequired \"The password \
             of this user has to be changed before anything else.\"; log in to the BMC once and change the \
             password",
        ),
        failure(
            "privilege too low",
            |config| config.users[0].role = Role::ReadOnly,
            &["action=off"],
            "the power off command failed: privilege too low: asking for the reset: POST \
             /redfish/v1/Systems/1/Actions/ComputerSystem.Reset was answered 403 Forbidden: \
             Base.1.18.InsufficientPrivilege \"The user may not do this.\"; give the user the BMC's role \
             Operator or Administrator",
        ),
        failure(
            "no Redfish",
            |_| {},
            &["redfish_uri=/rest/v1"],
            "unable to read the power state: no Redfish: reading the service root: GET /rest/v1 was answered \
             404 Not Found: Base.1.18.ResourceMissingAtURI \"There is no resource at /rest/v1.\"; check \
             redfish_uri, ip and ipport",
        ),
        failure(
            "not there",
            |_| {},
            &["systems_uri=/redfish/v1/Systems/2"],
            "unable to read the power state: not there: reading the system: GET /redfish/v1/Systems/2 was \
             answered 404 Not Found: Base.1.18.ResourceMissingAtURI \"There is no resource at \
             /redfish/v1/Systems/2.\"; check systems_uri",
        ),
        failure(
            "not supported",
            |config| {
                config.systems[0].reset_types = vec![ResetType::On, ResetType::GracefulShutdown]
            },
            &["action=off"],
            "the power off command failed: not supported: the system offers no reset of type ForceOff or \
             PushPowerButton, only On, GracefulShutdown; graceful_off=1 lets the operating system be asked, \
             where that is offered",
        ),
        failure(
            "not supported",
            |config| misanswer(config, Requests::Resets, status(501)),
            &["action=diag"],
            "the diagnostic interrupt command failed: not supported: asking for the reset: POST \
             /redfish/v1/Systems/1/Actions/ComputerSystem.Reset was answered 501 Not Implemented",
        ),
        failure(
            "conflict",
            |config| misanswer(config, Requests::Resets, status(409)),
            &["action=diag"],
            "the diagnostic interrupt command failed: conflict: asking for the reset: POST \
             /redfish/v1/Systems/1/Actions/ComputerSystem.Reset was answered 409 Conflict",
        ),
        failure(
            "redirected",
            |config| misanswer(config, Requests::All, elsewhere()),
            &[],
            "unable to read the power state: redirected: reading the service root: /redfish/v1 leads to \
             another place, 'https://bmc.example/redfish/v1', where credentials are not sent; if \
             the BMC calls itself so, use that name or address as ip; or give systems_uri",
        ),
        failure(
            "redirected",
            |config| misanswer(config, Requests::All, round_and_round()),
            &[],
            "unable to read the power state: redirected: reading the service root: /redfish/v1 is redirected \
             again and again; check redfish_uri and systems_uri",
        ),
        failure(
            "several systems",
            |config| config.systems.push(RedfishSystem::new("2")),
            &["plug=node1"],
            "unable to read the power state: several systems: the service has several systems, and 'node1' \
             is not the name of exactly one: '1' (name 'System 1', UUID \
             '30303030-0000-8000-8000-000000000031', host name 'host-1.example', serial number 'SN-1'); '2' \
             (name 'System 2', UUID '30303030-0000-8000-8000-000000000032', host name 'host-2.example', \
             serial number 'SN-2'); choose one with plug, or its path with systems_uri",
        ),
        failure(
            "no system that can be reset",
            |config| config.systems = vec![RedfishSystem::hgx_baseboard()],
            &[],
            "unable to read the power state: the service has no system that can be reset: 'HGX_Baseboard_0' \
             (UUID '30303030-0000-8000-8000-3692d2a69558', host name 'host-HGX_Baseboard_0.example', serial \
             number 'SN-HGX_Baseboard_0'); check systems_uri, and the BMC's firmware",
        ),
        failure(
            "cannot be reset",
            |_| {},
            &["systems_uri=/redfish/v1/Systems"],
            "unable to read the power state: /redfish/v1/Systems cannot be reset: it has no action \
             #ComputerSystem.Reset; check systems_uri: is this the system?",
        ),
        failure(
            "another system answers there now",
            |config| {
                let other = Misanswer::Body(br#"{"Id": "2", "PowerState": "Off"}"#.to_vec());
                misanswer(config, Requests::SystemGets, other);
                config.faults.answers[0].skip = 1;
            },
            &["action=off"],
            "the power state is not known after the power off command: another system answers there now: '2' \
             (name ''), it was '1' (name 'System 1', UUID '30303030-0000-8000-8000-000000000031', host name \
             'host-1.example', serial number 'SN-1')",
        ),
        failure(
            "has no PowerState",
            |config| config.faults.power_state = Some(PowerStateFault::Missing),
            &["power_timeout=1"],
            "unable to read the power state: reading the system: /redfish/v1/Systems/1 has no PowerState; \
             the BMC may be starting; check systems_uri if it is not",
        ),
        failure(
            "task failed",
            |config| {
                config.acknowledgement = Acknowledgement::Task(TaskConfig::new());
                config.power_delay = Duration::from_secs(60);
                let monitor = Requests::Path("/redfish/v1/TaskService/TaskMonitors/0".to_owned());
                misanswer(config, monitor, Misanswer::Body(FAILED_TASK.to_vec()));
            },
            &["action=diag"],
            "the diagnostic interrupt command failed: task failed: following the reset's task: the service's \
             task ended as Exception: Base.1.18.InternalError \"No.\"; see the BMC's log",
        ),
        failure(
            "timed out waiting to power OFF",
            |config| config.faults.ignore_resets = true,
            &["action=off", "power_timeout=1"],
            "timed out waiting to power OFF: power was still ON N s after the command",
        ),
        failure(
            "power cycle not verified",
            |config| config.faults.ignore_resets = true,
            &["method=cycle", "action=reboot", "power_timeout=1"],
            "power cycle not verified: the device acknowledged the command, but power was not seen off \
             within N s and the device has no other proof that the machine restarted; use method=onoff",
        ),
    ]
}

const FAILED_TASK: &[u8] =
    br#"{"TaskState": "Exception", "Messages": [{"MessageId": "Base.1.18.InternalError", "Message": "No."}]}"#;

fn misanswer(config: &mut RedfishConfig, requests: Requests, what: Misanswer) {
    config.faults = Faults::of_answers(AnswerFault { requests, skip: 0, times: None, what });
}

fn status(status: u16) -> Misanswer {
    Misanswer::Status(CannedAnswer { status, retry_after: None, body: CannedBody::Empty })
}

fn in_a_minute() -> Misanswer {
    let retry_after = Some("60".to_owned());
    Misanswer::Status(CannedAnswer { status: 503, retry_after, body: CannedBody::Empty })
}

fn elsewhere() -> Misanswer {
    let to = RedirectTarget::Origin("https://bmc.example".to_owned());
    Misanswer::Redirect { status: 302, to }
}

fn round_and_round() -> Misanswer {
    Misanswer::Redirect { status: 308, to: RedirectTarget::Itself }
}

/// As people compare it.
fn as_shown(fingerprint: &str) -> String {
    let pairs: Vec<_> = fingerprint.as_bytes().chunks(2).map(String::from_utf8_lossy).collect();
    pairs.join(":").to_uppercase()
}

/// docs/operation.md tells what to do about each.
#[test]
fn every_name_of_a_failure_is_documented() {
    let documented = documented("| `fence_redfish` says | what it is |");
    let named: BTreeSet<_> = failures().iter().map(|failure| failure.name).collect();
    assert_eq!(documented, named);
    let in_the_code = names_in_the_code();
    assert!(in_the_code.len() > 10, "{in_the_code:?}");
    assert!(documented.is_superset(&in_the_code), "{in_the_code:?}");
}

/// What the functions that give names give.
fn names_in_the_code() -> BTreeSet<&'static str> {
    let code = include_str!("../crates/fencing/src/agents/redfish/advice.rs");
    let (_, names) = code.split_once("fn name(").expect("names");
    let (names, _) = names.split_once("fn advice(").expect("advice");
    names.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// docs/operation.md shows how to find a fingerprint.
#[test]
fn the_command_for_a_fingerprint_shows_what_the_agent_wants() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let page = include_str!("../docs/operation.md");
    let command = page.lines().find(|line| line.starts_with("    openssl ")).expect("a command");
    let command = command.replace("10.0.0.5:443", &bmc.address().to_string());
    let shown = Command::new("sh").args(["-c", &command]).output().expect("a shell").stdout;
    let shown = String::from_utf8(shown).expect("text");
    let (_, fingerprint) = shown.trim().split_once('=').expect("a fingerprint");
    let lines = ["ssl_insecure=0", &format!("ssl_fingerprint={fingerprint}"), "action=status"];
    Agent::redfish().lines(bmc.lines()).lines(lines).run().expect(0, "Status: ON\n");
}
