//! Sessions of IPMI 1.5, and what some vendors' BMCs make of them.

use std::time::Instant;

use bmc_sim::{Bmc, Faults, Ipmi15};
use ipmi_lan::AuthenticationType::{self, Md2, Md5, None as NoType, Password};
use ipmi_lan::command::{Command as _, GetSessionChallenge};
use ipmi_lan::{Quirk, QuirkSet};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::*;

/// As long as a password of IPMI 1.5 may be. With a shorter one, ipmipower compares the code of type "password" with
/// bytes that it never set, and refuses it.
const PASSWORD_15: &str = "16 bytes of pass";

/// For ipmipower when it shall fail: it asks again and again until then.
const IMPATIENT: &str = "--session-timeout=1000";

#[tokio::test]
async fn ipmitool_switches_power_with_every_type_but_md2_which_debian_builds_it_without() {
    for kind in [NoType, Md5, Password] {
        for config in [config(), only15(), without_codes()] {
            let bmc = start(config).await;
            let chassis = async |command: &str| {
                ipmitool(&bmc, PASSWORD_15, &["-A", &upper(kind), "chassis", "power", command])
                    .await
            };
            assert_says(&chassis("status").await, "Chassis Power is on");
            assert_says(&chassis("off").await, "Chassis Power Control: Down/Off");
            assert_says(&chassis("status").await, "Chassis Power is off");
            assert_says(&chassis("on").await, "Chassis Power Control: Up/On");
            assert_says(&chassis("reset").await, "Chassis Power Control: Reset");
            let happened = [EventKind::PowerOff, EventKind::PowerOn, EventKind::Reset];
            assert_eq!(power_events(&bmc), happened);
            assert!(has_event(&bmc, &opened(kind, Privilege::Administrator)));
            assert!(has_event(&bmc, &EventKind::SessionClosed { user: user().name }));
        }
    }
}

#[tokio::test]
async fn ipmitool_takes_the_best_type_and_reads_the_version() {
    let bmc = start(only15()).await;
    let info = ipmitool(&bmc, PASSWORD_15, &["mc", "info"]).await;
    assert_says(&info, "IPMI Version              : 1.5");
    assert!(has_event(&bmc, &opened(Md5, Privilege::Administrator)));
}

#[tokio::test]
async fn ipmitool_logs_in_where_a_request_for_extended_data_is_refused() {
    let faults = Faults { refuse_extended_capabilities: true, ..Faults::default() };
    let bmc = start(Config { faults, ..only15() }).await;
    let status = ipmitool(&bmc, PASSWORD_15, &["chassis", "power", "status"]).await;
    assert_says(&status, "Chassis Power is on");
}

#[tokio::test]
async fn ipmitool_finds_no_session_of_ipmi_20_where_there_is_none() {
    let bmc = start(only15()).await;
    let arguments = ["-C", "17", "-N", "1", "chassis", "power", "status"];
    let status = ipmitool_with(&bmc, PASSWORD_15, &arguments).await;
    assert!(!status.status.success(), "{status:?}");
    assert!(text(&status.stderr).contains("Unable to establish IPMI v2"), "{status:?}");
}

#[tokio::test]
async fn ipmitool_is_limited_to_the_level_that_it_asks_for_and_that_its_user_has() {
    let bmc = start(config()).await;
    let off = ["chassis", "power", "off"];
    let as_user = ipmitool(&bmc, PASSWORD_15, &[&["-L", "USER"], &off[..]].concat()).await;
    assert!(!as_user.status.success(), "{as_user:?}");
    assert!(has_event(&bmc, &opened(Md5, Privilege::User)));
    assert_eq!(bmc.power(), Power::On);
    let as_operator = ipmitool(&bmc, PASSWORD_15, &[&["-L", "OPERATOR"], &off[..]].concat()).await;
    assert_says(&as_operator, "Chassis Power Control: Down/Off");

    let users = vec![User { max_privilege: Privilege::Operator, ..user() }];
    let bmc = start(Config { users, ..config() }).await;
    let as_administrator = ipmitool(&bmc, PASSWORD_15, &off).await;
    assert!(!as_administrator.status.success(), "{as_administrator:?}");
    assert!(has_event(&bmc, &refused("Activate Session", 0x86)), "{:?}", bmc.events());
}

#[tokio::test]
async fn ipmitool_with_a_wrong_password_user_or_type() {
    let bmc = start(Config { ipmi15: Some(Ipmi15::new([Md5, Password])), ..config() }).await;
    for kind in [Md5, Password] {
        let off = ["-A", &upper(kind), "-N", "1", "chassis", "power", "off"];
        let wrong_password = ipmitool(&bmc, "wrong", &off).await;
        assert!(!wrong_password.status.success(), "{wrong_password:?}");
        let (user, reason) = (Some(user().name), RefusalReason::WrongCode);
        assert!(has_event(&bmc, &EventKind::SessionRefused { user, reason }));
        let wrong_user = ipmitool(&bmc, PASSWORD_15, &[&["-U", "nobody"], &off[..]].concat()).await;
        assert!(text(&wrong_user.stderr).contains("Invalid user name"), "{wrong_user:?}");
    }
    let null_user = ["-U", "", "-A", "MD5", "chassis", "power", "off"];
    let null_user = ipmitool(&bmc, PASSWORD_15, &null_user).await;
    assert!(text(&null_user.stderr).contains("NULL user name not enabled"), "{null_user:?}");
    let none = ipmitool(&bmc, PASSWORD_15, &["-A", "NONE", "chassis", "power", "off"]).await;
    assert!(text(&none.stderr).contains("Authentication type NONE not supported"), "{none:?}");
    assert_eq!(bmc.power(), Power::On);
}

#[tokio::test]
async fn ipmitool_is_told_that_all_sessions_are_taken() {
    let bmc = start(Config { max_sessions: 0, ..config() }).await;
    let status = ipmitool(&bmc, PASSWORD_15, &["chassis", "power", "status"]).await;
    assert!(text(&status.stderr).contains("No session slot available"), "{status:?}");
}

#[tokio::test]
async fn ipmitool_speaks_the_oem_types_of_two_vendors() {
    for (quirk, name) in [(Quirk::Supermicro, "supermicro"), (Quirk::Quanta, "quanta")] {
        let bmc = start(with(quirk, only15())).await;
        let chassis = async |password: &str, command: &str| {
            ipmitool(&bmc, password, &["-o", name, "-N", "1", "chassis", "power", command]).await
        };
        assert_says(&chassis(PASSWORD_15, "off").await, "Chassis Power Control: Down/Off");
        assert_eq!(bmc.power(), Power::Off);
        assert!(has_event(&bmc, &opened(AuthenticationType::Oem, Privilege::Administrator)));
        assert!(!chassis("wrong", "on").await.status.success());
        assert_eq!(bmc.power(), Power::Off);
    }
}

#[tokio::test]
async fn ipmipower_switches_power_with_every_type() {
    for kind in [NoType, Md2, Md5, Password] {
        for config in [config(), only15(), without_codes()] {
            let bmc = start(config).await;
            let power = async |action: &str| ipmipower(&bmc, kind, PASSWORD_15, &[action]).await;
            assert_says(&power("--stat").await, ": on");
            assert_says(&power("--off").await, ": ok");
            assert_says(&power("--stat").await, ": off");
            assert_says(&power("--on").await, ": ok");
            assert_says(&power("--reset").await, ": ok");
            let happened = [EventKind::PowerOff, EventKind::PowerOn, EventKind::Reset];
            assert_eq!(power_events(&bmc), happened);
            assert!(has_event(&bmc, &opened(kind, Privilege::Operator)));
            assert!(has_event(&bmc, &EventKind::SessionClosed { user: user().name }));
        }
    }
}

#[tokio::test]
async fn ipmipower_with_a_wrong_password_or_user() {
    let bmc = start(config()).await;
    for kind in [Md2, Md5, Password] {
        // Long enough to come so far on a busy machine.
        let arguments = ["--off", "--session-timeout=3000"];
        let off = ipmipower(&bmc, kind, "wrong", &arguments).await;
        assert_says(&off, ": password verification timeout");
        let off = ipmipower(&bmc, kind, PASSWORD_15, &["-u", "nobody", "--off"]).await;
        assert_says(&off, ": username invalid");
    }
    assert_eq!(bmc.power(), Power::On);
}

#[tokio::test]
async fn ipmipower_with_a_password_that_ipmi_15_cannot_carry() {
    let users = vec![User::administrator("admin", "17 bytes password").unwrap()];
    let bmc = start(Config { users, ..config() }).await;
    let cut = ipmipower(&bmc, Md5, "17 bytes passwor", &["--off"]).await;
    assert_says(&cut, ": username invalid");
    assert_eq!(bmc.power(), Power::On);
}

#[tokio::test]
async fn ipmipower_is_told_what_is_not_offered_and_what_its_user_may_not() {
    let users = vec![User { max_privilege: Privilege::User, ..user() }];
    let ipmi15 = Some(Ipmi15::new([Md5]));
    let bmc = start(Config { users, ipmi15, ..config() }).await;
    let stat = ipmipower(&bmc, Md2, PASSWORD_15, &["--stat"]).await;
    assert_says(&stat, ": authentication type unavailable for attempted privilege level");
    let stat = ipmipower(&bmc, Md5, PASSWORD_15, &["--stat"]).await;
    assert_says(&stat, ": privilege level cannot be obtained for this user");
    let stat = ipmipower(&bmc, Md5, PASSWORD_15, &["-l", "USER", "--stat"]).await;
    assert_says(&stat, ": on");
}

/// FreeIPMI's own workaround is needed, and is enough: so the quirk is the one that it was made for.
#[tokio::test]
async fn ipmipower_needs_its_workaround_for_every_quirk_of_ipmi_15() {
    for quirk in [
        Quirk::AuthCap,
        Quirk::NoChecksumCheck,
        Quirk::IdZero,
        Quirk::UnexpectedAuth,
        Quirk::ForcePerMsg,
        Quirk::EndianSeq,
        Quirk::NoAuthCodeCheck,
    ] {
        for config in [config(), only15()] {
            let bmc = start(with(quirk, config)).await;
            let workaround = ["-W", quirk.facts().name, "--off"];
            let off = ipmipower(&bmc, Md5, PASSWORD_15, &workaround).await;
            assert_says(&off, ": ok");
            assert_eq!(bmc.power(), Power::Off, "{quirk}");
            let stat = ipmipower(&bmc, Md5, PASSWORD_15, &["--stat", IMPATIENT]).await;
            assert!(!text(&stat.stdout).contains(": off"), "{quirk}: {stat:?}");
        }
    }
}

#[tokio::test]
async fn ipmipower_needs_its_workaround_for_the_quirks_of_both_versions_in_ipmi_20_too() {
    for quirk in [Quirk::AuthCap, Quirk::NoChecksumCheck] {
        let bmc = start(with(quirk, config())).await;
        let power = async |arguments: &[&str]| {
            super::ipmipower(&bmc, CipherSuite::SUITE_17, PASSWORD_15, arguments).await
        };
        assert_says(&power(&["-W", quirk.facts().name, "--off"]).await, ": ok");
        assert_eq!(bmc.power(), Power::Off, "{quirk}");
        let stat = power(&["--stat", IMPATIENT]).await;
        assert!(!text(&stat.stdout).contains(": off"), "{quirk}: {stat:?}");
    }
}

/// It asks again from another port by itself, which is all that such a BMC answers.
#[tokio::test]
async fn ipmipower_gets_a_challenge_after_all_when_the_first_was_lost() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let (lost, mut was_lost) = oneshot::channel();
    let server = tokio::spawn(lose_first_challenge(socket, lost));
    let stat = ipmipower_at(address, Md5, PASSWORD_15, &["--stat"]).await;
    assert_says(&stat, ": on");
    was_lost.try_recv().unwrap();
    server.abort();
}

/// A BMC that answers each port once.
async fn lose_first_challenge(socket: UdpSocket, lost: oneshot::Sender<()>) {
    /// Of the command, in an answer without authentication code.
    const OFFSET: usize = 19;
    let mut bmc = Bmc::new(with(Quirk::NewPort, only15()), StdRng::seed_from_u64(1));
    let mut lost = Some(lost);
    let mut buffer = [0; 512];
    loop {
        let (length, peer) = socket.recv_from(&mut buffer).await.unwrap();
        for answer in bmc.handle_from(Instant::now(), peer, &buffer[..length]) {
            let is_challenge = answer[OFFSET] == GetSessionChallenge::NUMBER;
            match lost.take_if(|_| is_challenge) {
                Some(lost) => lost.send(()).unwrap(),
                None => drop(socket.send_to(&answer, peer).await.unwrap()),
            }
        }
    }
}

fn config() -> Config {
    let ipmi15 = Some(Ipmi15::new([NoType, Md2, Md5, Password]));
    Config { ipmi15, ..Config::new(vec![user()]) }
}

fn only15() -> Config {
    Config { ipmi20: false, ..config() }
}

/// Neither per-message authentication nor that of user level.
fn without_codes() -> Config {
    let mut config = config();
    if let Some(ipmi15) = &mut config.ipmi15 {
        ipmi15.per_message_authentication = false;
        ipmi15.user_level_authentication = false;
    }
    config
}

fn with(quirk: Quirk, config: Config) -> Config {
    Config { quirks: QuirkSet::NONE.with(quirk), ..config }
}

fn user() -> User {
    User::administrator("admin", PASSWORD_15).unwrap()
}

async fn ipmitool(bmc: &Server, password: &str, arguments: &[&str]) -> Output {
    let port = bmc.address().port().to_string();
    let mut command = Command::new("ipmitool");
    command.args(["-I", "lan", "-H", "127.0.0.1", "-p", &port, "-U", "admin", "-E", "-R", "1"]);
    command.args(arguments).env("IPMI_PASSWORD", password);
    command.output().await.expect("ipmitool must be installed")
}

async fn ipmipower(
    bmc: &Server,
    kind: AuthenticationType,
    password: &str,
    arguments: &[&str],
) -> Output {
    ipmipower_at(bmc.address(), kind, password, arguments).await
}

async fn ipmipower_at(
    address: SocketAddr,
    kind: AuthenticationType,
    password: &str,
    arguments: &[&str],
) -> Output {
    let address = address.to_string();
    let kind = match kind {
        Password => "straight_password_key".to_owned(),
        kind => kind.to_string(),
    };
    let mut command = Command::new("ipmipower");
    command.args(["-D", "LAN", "-a", &kind, "-h", &address, "-u", "admin", "-p", password]);
    command.args(arguments).output().await.expect("ipmipower (FreeIPMI) must be installed")
}

fn upper(kind: AuthenticationType) -> String {
    kind.to_string().to_uppercase()
}

fn opened(kind: AuthenticationType, privilege: Privilege) -> EventKind {
    let protection = Protection::Ipmi15(kind);
    EventKind::SessionOpened { user: user().name, protection, privilege }
}

fn refused(command: &'static str, completion: u8) -> EventKind {
    let completion = CompletionCode(completion);
    let reason = RefusalReason::Completion { command, completion };
    EventKind::SessionRefused { user: Some(user().name), reason }
}
