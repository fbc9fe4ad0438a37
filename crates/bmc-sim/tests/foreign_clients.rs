//! ipmitool, FreeIPMI and OpenIPMI, which nobody here wrote, against the simulated BMC. All must be installed.
#![cfg(test)]

#[path = "foreign_clients/bridging.rs"]
mod bridging;
#[path = "foreign_clients/farm.rs"]
mod farm;
#[path = "foreign_clients/ipmi15.rs"]
mod ipmi15;
#[path = "foreign_clients/quirks.rs"]
mod quirks;

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use bmc_sim::{Config, EventKind, Power, Protection, RefusalReason, Server, User};
use ipmi_lan::command::PowerControl;
use ipmi_lan::{CipherSuite, CompletionCode, Kg, Privilege, RmcpPlusStatus};
use tokio::process::Command;

/// In hexadecimal. ipmitool takes a key that begins with 00 for none.
const KG: &str = "ff00102030405060708090a0b0c0d0e0f0010203";
const PASSWORD: &str = "20 bytes of password";
/// As IPMI 1.5 can carry it.
const SHORT_PASSWORD: &str = "secret";

#[tokio::test]
async fn ipmitool_switches_power() {
    for suite in suites_of_ipmitool() {
        let bmc = start(config()).await;
        let chassis = async |command: &str| ipmitool(&bmc, suite, PASSWORD, &[command]).await;
        assert_says(&chassis("status").await, "Chassis Power is on");
        assert_says(&chassis("off").await, "Chassis Power Control: Down/Off");
        assert_eq!(bmc.power(), Power::Off);
        assert_says(&chassis("status").await, "Chassis Power is off");
        assert_says(&chassis("on").await, "Chassis Power Control: Up/On");
        assert_eq!(bmc.power(), Power::On);
        assert_says(&chassis("diag").await, "Chassis Power Control: Diag");
        assert_says(&chassis("reset").await, "Chassis Power Control: Reset");
        assert_eq!(
            power_events(&bmc),
            [
                EventKind::PowerOff,
                EventKind::PowerOn,
                EventKind::DiagnosticInterrupt,
                EventKind::Reset,
            ]
        );
        assert!(has_event(&bmc, &EventKind::SessionClosed { user: user().name }));
    }
}

#[tokio::test]
async fn ipmitool_cycles_power() {
    for suite in suites_of_ipmitool() {
        let bmc = start(Config { cycle_off: Duration::ZERO, ..config() }).await;
        let cycle = ipmitool(&bmc, suite, PASSWORD, &["cycle"]).await;
        assert_says(&cycle, "Chassis Power Control: Cycle");
        assert_eq!(power_events(&bmc), [EventKind::PowerOff, EventKind::PowerOn]);

        bmc.set_power(Power::Off);
        let cycle = ipmitool(&bmc, suite, PASSWORD, &["cycle"]).await;
        assert!(!cycle.status.success());
        assert!(text(&cycle.stderr).contains("not supported in present state"), "{cycle:?}");
        assert_eq!(bmc.power(), Power::Off);
    }
}

#[tokio::test]
async fn ipmitool_finds_the_best_suite_itself() {
    let bmc = start(config()).await;
    let status = ipmitool_with(&bmc, PASSWORD, &["chassis", "power", "status"]).await;
    assert_says(&status, "Chassis Power is on");
    assert!(has_event(&bmc, &opened(CipherSuite::SUITE_17, Privilege::Administrator)));
}

#[tokio::test]
async fn ipmitool_reads_device_and_restart_cause() {
    let bmc = start(config()).await;
    let info = ipmitool_with(&bmc, PASSWORD, &["-C", "17", "mc", "info"]).await;
    assert_says(&info, "IPMI Version              : 2.0");
    ipmitool(&bmc, CipherSuite::SUITE_3, PASSWORD, &["reset"]).await;
    let cause = ipmitool_with(&bmc, PASSWORD, &["-C", "3", "chassis", "restart_cause"]).await;
    assert_says(&cause, "System restart cause: chassis power control command");
}

#[tokio::test]
async fn ipmitool_with_two_keys() {
    for suite in suites_of_ipmitool().filter(authenticates_users) {
        let kg = Some(Kg::from_hex(KG).unwrap());
        let bmc = start(Config { kg, ..config() }).await;
        let status = async |kg: &str| {
            let id = suite.to_string();
            let arguments = ["-C", &id, "-y", kg, "chassis", "power", "status"];
            ipmitool_with(&bmc, PASSWORD, &arguments).await
        };
        assert_says(&status(KG).await, "Chassis Power is on");
        // It does not succeed, although ipmitool exits 0.
        let wrong = status("11111111").await;
        assert!(text(&wrong.stderr).contains("Unable to establish"), "{wrong:?}");
        assert!(wrong.stdout.is_empty(), "{wrong:?}");
    }
}

#[tokio::test]
async fn ipmitool_is_limited_to_the_privilege_of_its_user() {
    let users = vec![User { max_privilege: Privilege::User, ..user() }];
    let bmc = start(Config { users, ..config() }).await;
    let as_user =
        ipmitool_with(&bmc, PASSWORD, &["-C", "17", "-L", "USER", "chassis", "power", "off"]).await;
    assert!(!as_user.status.success());
    let refused = EventKind::ChassisControl {
        control: PowerControl::PowerDown,
        completion: CompletionCode::INSUFFICIENT_PRIVILEGE,
    };
    assert!(has_event(&bmc, &refused), "{:?}", bmc.events());

    let as_administrator = ipmitool(&bmc, CipherSuite::SUITE_17, PASSWORD, &["off"]).await;
    assert!(!as_administrator.status.success());
    assert!(has_event(
        &bmc,
        &EventKind::SessionRefused {
            user: Some(user().name),
            reason: RefusalReason::Status(RmcpPlusStatus::UNAUTHORIZED_ROLE),
        }
    ));
    assert_eq!(bmc.power(), Power::On);
}

#[tokio::test]
async fn ipmitool_with_a_wrong_password() {
    for suite in suites_of_ipmitool().filter(authenticates_users) {
        let bmc = start(config()).await;
        let id = suite.to_string();
        let off = ipmitool_with(&bmc, "wrong", &["-v", "-C", &id, "chassis", "power", "off"]).await;
        assert!(!off.status.success());
        assert!(text(&off.stderr).contains("RAKP 2 HMAC is invalid"), "{off:?}");
        assert_eq!(bmc.power(), Power::On);
        assert!(!has_event(&bmc, &opened(suite, Privilege::Administrator)));
    }
}

#[tokio::test]
async fn ipmipower_switches_power() {
    for suite in CipherSuite::ALL {
        let bmc = start(config()).await;
        let power = async |action: &str| ipmipower(&bmc, suite, PASSWORD, &[action]).await;
        assert_says(&power("--stat").await, ": on");
        assert_says(&power("--off").await, ": ok");
        assert_eq!(bmc.power(), Power::Off);
        assert_says(&power("--stat").await, ": off");
        assert_says(&power("--on").await, ": ok");
        assert_eq!(bmc.power(), Power::On);
        assert_says(&power("--reset").await, ": ok");
        assert_says(&power("--pulse").await, ": ok");
        assert_eq!(
            power_events(&bmc),
            [
                EventKind::PowerOff,
                EventKind::PowerOn,
                EventKind::Reset,
                EventKind::DiagnosticInterrupt,
            ]
        );
        assert!(has_event(&bmc, &opened(suite, Privilege::Operator)));
    }
}

#[tokio::test]
async fn ipmipower_with_two_keys() {
    for suite in CipherSuite::ALL.into_iter().filter(authenticates_users) {
        let bmc = start(Config { kg: Some(Kg::new("a k_g").unwrap()), ..config() }).await;
        let power = async |kg: &str| ipmipower(&bmc, suite, PASSWORD, &["-k", kg, "--stat"]).await;
        assert_says(&power("0x61206b5f67").await, ": on");
        assert_says(&power("0x1111").await, ": k_g invalid");
    }
}

#[tokio::test]
async fn ipmipower_with_a_wrong_password_or_user() {
    for suite in CipherSuite::ALL.into_iter().filter(authenticates_users) {
        let bmc = start(config()).await;
        let off = ipmipower(&bmc, suite, "wrong", &["--off"]).await;
        assert_says(&off, ": password invalid");
        let off = ipmipower(&bmc, suite, PASSWORD, &["-u", "nobody", "--off"]).await;
        assert_says(&off, ": username invalid");
        assert_eq!(bmc.power(), Power::On);
    }
}

#[tokio::test]
async fn ipmipower_is_told_that_a_suite_is_not_offered() {
    let bmc = start(Config { cipher_suites: vec![CipherSuite::SUITE_3], ..config() }).await;
    let stat = ipmipower(&bmc, CipherSuite::SUITE_17, PASSWORD, &["--stat"]).await;
    assert_says(&stat, ": cipher suite id unavailable");
}

/// ipmitool aborts on suites with MD5-128.
fn suites_of_ipmitool() -> impl Iterator<Item = CipherSuite> {
    CipherSuite::ALL.into_iter().filter(|suite| ![11, 12].contains(&suite.id()))
}

/// Suite 0 lets everybody in.
fn authenticates_users(suite: &CipherSuite) -> bool {
    suite.id() != 0
}

fn config() -> Config {
    Config { cipher_suites: CipherSuite::ALL.to_vec(), ..Config::new(vec![user()]) }
}

fn short_user() -> User {
    User::administrator("admin", SHORT_PASSWORD).unwrap()
}

fn user() -> User {
    User::administrator("admin", PASSWORD).unwrap()
}

async fn start(config: Config) -> Server {
    Server::start(SocketAddr::from(([127, 0, 0, 1], 0)), config).await.unwrap()
}

/// `ipmitool chassis power …` with a suite.
async fn ipmitool(bmc: &Server, suite: CipherSuite, password: &str, command: &[&str]) -> Output {
    let id = suite.to_string();
    let arguments = [&["-C", &id, "chassis", "power"], command].concat();
    ipmitool_with(bmc, password, &arguments).await
}

async fn ipmitool_with(bmc: &Server, password: &str, arguments: &[&str]) -> Output {
    let port = bmc.address().port().to_string();
    let mut command = Command::new("ipmitool");
    command.args(["-I", "lanplus", "-H", "127.0.0.1", "-p", &port, "-U", "admin", "-E"]);
    // One try: nothing is lost on the loopback interface, and a refusal is final.
    command.args(["-R", "1"]).args(arguments).env("IPMI_PASSWORD", password);
    command.output().await.expect("ipmitool must be installed")
}

/// OpenIPMI's, with suites 2 and 3, or what the options say.
async fn openipmicmd(bmc: &Server, options: &[&str], request: &str) -> Output {
    let port = bmc.address().port().to_string();
    let mut command = Command::new("openipmicmd");
    command.args(["-k", request, "lan", "-U", "admin", "-P", PASSWORD, "-p", &port]);
    command.args(["-A", "rmcp+", "-Ra", "rakp_hmac_sha1", "-Ri", "hmac_sha1"]);
    command.args(options).arg("127.0.0.1");
    command.output().await.expect("openipmicmd (openipmi) must be installed")
}

async fn ipmipower(bmc: &Server, suite: CipherSuite, password: &str, arguments: &[&str]) -> Output {
    let (address, id) = (bmc.address().to_string(), suite.to_string());
    let mut command = Command::new("ipmipower");
    command.args(["-D", "LAN_2_0", "-I", &id, "-h", &address, "-u", "admin", "-p", password]);
    command.args(arguments).output().await.expect("ipmipower (FreeIPMI) must be installed")
}

fn assert_says(output: &Output, expected: &str) {
    assert!(text(&output.stdout).contains(expected), "{expected:?} is not in {output:?}");
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn opened(suite: CipherSuite, privilege: Privilege) -> EventKind {
    let protection = Protection::Ipmi20(suite);
    EventKind::SessionOpened { user: user().name, protection, privilege }
}

fn has_event(bmc: &Server, kind: &EventKind) -> bool {
    bmc.events().iter().any(|event| event.kind == *kind)
}

/// What happened to the machine, in order.
fn power_events(bmc: &Server) -> Vec<EventKind> {
    let is_of_machine = |kind: &EventKind| {
        matches!(
            kind,
            EventKind::PowerOff
                | EventKind::PowerOn
                | EventKind::Reset
                | EventKind::DiagnosticInterrupt
        )
    };
    bmc.events().into_iter().map(|event| event.kind).filter(is_of_machine).collect()
}
