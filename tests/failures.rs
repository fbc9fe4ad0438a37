//! Each failure has a name of its own: the whole line that somebody reads at night, provoked in IPMI 1.5 and in 2.0.

use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use bmc_sim::{Config, Ipmi15};
use ipmi_lan::command::{Command, GetSessionChallenge};
use ipmi_lan::wire::{Datagram, PayloadType, ResponseMessage};
use ipmi_lan::{AuthenticationType, CipherSuite, Kg, Privilege};

use crate::support::agent::{Agent, Run};
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

/// BMCs, what the agent is told besides, and the whole line that comes of it: without the time and the BMC's address,
/// and with N for numbers of seconds and transmissions.
struct Failure {
    bmcs: Vec<Bmc>,
    lines: &'static [&'static str],
    line: &'static str,
}

#[derive(Clone)]
enum Bmc {
    IpmiSim(Setup),
    Sim(fn(&mut Config)),
    /// All but the answers for which this is true come through.
    Mute(fn(&[u8]) -> bool),
    /// A service of another kind: what it answers to a datagram.
    Other(fn(&[u8]) -> Vec<u8>),
    /// Nothing listens there: no test asks for a port below 1024.
    Closed,
}

const IPMI_1_5: &str = "lanplus=0";

fn ipmi_sim() -> Bmc {
    Bmc::IpmiSim(Setup::default())
}

fn failure(bmcs: Vec<Bmc>, lines: &'static [&'static str], line: &'static str) -> Failure {
    Failure { bmcs, lines, line }
}

#[test]
fn a_wrong_user_or_password() {
    check(a_wrong_user_or_password_failures());
}

fn a_wrong_user_or_password_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &["username=nobody"],
            "unable to read the power state: unknown user: RAKP 1 for privilege level administrator \
             refused: unauthorized name (0x0d); check username, and whether the user is enabled for LAN \
             on the BMC",
        ),
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &[IPMI_1_5, "username=nobody"],
            "unable to read the power state: unknown user: Get Session Challenge refused: no such user \
             (0x81); check username, and whether the user is enabled for LAN on the BMC",
        ),
        failure(
            vec![Bmc::Sim(both)],
            &["username="],
            "unable to read the power state: unknown user: RAKP 1 for privilege level administrator \
             refused: unauthorized name (0x0d); no username was given, and the anonymous user was tried: \
             give it with username",
        ),
        failure(
            vec![Bmc::Sim(both)],
            &[IPMI_1_5, "username="],
            "unable to read the power state: unknown user: Get Session Challenge refused: the user \
             without name is disabled (0x82); no username was given, and the anonymous user was tried: \
             give it with username",
        ),
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &["password=wrong"],
            "unable to read the power state: wrong password: the BMC's RAKP 2 does not fit the user name \
             and password given; check password and username",
        ),
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &[IPMI_1_5, "password=wrong"],
            "unable to read the power state: wrong password, most likely: timed out after N s: no answer \
             to Activate Session (sent N times); the BMC had answered before; in IPMI 1.5 BMCs do not \
             answer a wrong password: check password, username and auth",
        ),
        failure(
            vec![Bmc::Sim(both)],
            &["password="],
            "unable to read the power state: wrong password: the BMC's RAKP 2 does not fit the user name \
             and password given; no password was given, and an empty one was tried: give it with password",
        ),
        failure(
            vec![Bmc::Sim(both)],
            &[IPMI_1_5, "password="],
            "unable to read the power state: wrong password, most likely: timed out after N s: no answer \
             to Activate Session (sent N times); the BMC had answered before; no password was given, and \
             an empty one was tried: give it with password",
        ),
        failure(
            vec![Bmc::Sim(only_ipmi15)],
            &[IPMI_1_5, "password=12345678901234567"],
            "unable to read the power state: password too long: the password has more than 16 bytes, \
             which IPMI 1.5 cannot carry; enable IPMI 2.0 on the BMC, or give the user a password of at \
             most 16 bytes",
        ),
    ]
}

#[test]
fn a_wrong_kg() {
    check(a_wrong_kg_failures());
}

fn a_wrong_kg_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![ipmi_sim(), Bmc::Sim(with_kg)],
            &["hexadecimal_kg=0102"],
            "unable to read the power state: wrong Kg key: user name and password fit, but the BMC's RAKP \
             4 does not fit the session key; check hexadecimal_kg",
        ),
        failure(
            vec![Bmc::IpmiSim(Setup { kg: Some("key"), ..Setup::default() }), Bmc::Sim(with_kg)],
            &[],
            "unable to read the power state: wrong Kg key: user name and password fit, but the BMC's RAKP \
             4 does not fit the session key; the BMC has a Kg set, give it with hexadecimal_kg",
        ),
    ]
}

#[test]
fn a_wrong_privilege_level() {
    check(a_wrong_privilege_level_failures());
}

fn a_wrong_privilege_level_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![Bmc::Sim(of_user)],
            &["privlvl=operator"],
            "unable to read the power state: privilege too high: RAKP 1 for privilege level operator \
             refused: unauthorized role or privilege level requested (0x0a); the user may not log in at \
             that level: try a lower privlvl",
        ),
        failure(
            vec![Bmc::Sim(of_user)],
            &[IPMI_1_5, "privlvl=operator"],
            "unable to read the power state: privilege too high: Activate Session refused: requested \
             privilege level exceeds the user or channel limit (0x86); the user may not log in at that \
             level: try a lower privlvl",
        ),
        failure(
            vec![ipmi_sim()],
            &[IPMI_1_5, "username=operator"],
            "unable to read the power state: privilege too high: Activate Session refused: requested \
             privilege level exceeds the user or channel limit (0x86); the user may not log in at that \
             level: try a lower privlvl",
        ),
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &["privlvl=user", "action=off"],
            "the power off command failed: privilege too low: Chassis Control refused: insufficient \
             privilege level (0xd4); switching power takes privlvl=operator or administrator",
        ),
        failure(
            vec![ipmi_sim(), Bmc::Sim(both)],
            &[IPMI_1_5, "privlvl=user", "action=off"],
            "the power off command failed: privilege too low: Chassis Control refused: insufficient \
             privilege level (0xd4); switching power takes privlvl=operator or administrator",
        ),
    ]
}

#[test]
fn what_the_bmc_does_not_have_or_not_do() {
    check(what_the_bmc_does_not_have_or_not_do_failures());
}

fn what_the_bmc_does_not_have_or_not_do_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![ipmi_sim()],
            &["cipher=17"],
            "unable to read the power state: cipher suite refused: Open Session refused for cipher suite \
             17: invalid authentication algorithm (0x04); choose another suite with cipher=, or enable \
             one on the BMC",
        ),
        failure(
            vec![Bmc::Sim(only_suite_1)],
            &["cipher="],
            "unable to read the power state: cipher suite refused: Open Session refused for cipher suite \
             17 and 3: no cipher suite match with proposed security algorithms (0x11); choose another \
             suite with cipher=, or enable one on the BMC",
        ),
        failure(
            vec![Bmc::Sim(only_ipmi15)],
            &[],
            "unable to read the power state: no IPMI 2.0: the BMC answers, but offers no IPMI 2.0 (RMCP+) \
             on this channel; enable it in the BMC's settings; lanplus=0 uses IPMI 1.5, which protects \
             less",
        ),
        failure(
            vec![Bmc::Sim(|config| config.ipmi20 = false)],
            &[IPMI_1_5],
            "unable to read the power state: no IPMI 1.5: Get Session Challenge refused: invalid command \
             (0xc1); enable IPMI over LAN for this user and channel in the BMC's settings",
        ),
        failure(
            vec![Bmc::Sim(|config| only(config, &[]))],
            &[IPMI_1_5],
            "unable to read the power state: no IPMI 1.5: Get Session Challenge refused: invalid data \
             field in request (0xcc); enable IPMI over LAN for this user and channel in the BMC's \
             settings",
        ),
        failure(
            vec![Bmc::Sim(only_password)],
            &[IPMI_1_5],
            "unable to read the power state: authentication type not offered: the BMC offers password as \
             authentication type of IPMI 1.5, not md5 or md2; enable one of those, or IPMI 2.0, on the \
             BMC; auth=password gives the password away, auth=none the machine",
        ),
        failure(
            vec![Bmc::Sim(only_none)],
            &[IPMI_1_5],
            "unable to read the power state: authentication type not offered: the BMC offers none as \
             authentication type of IPMI 1.5, not md5 or md2; enable one of those, or IPMI 2.0, on the \
             BMC; auth=password gives the password away, auth=none the machine",
        ),
        failure(
            vec![Bmc::Sim(only_password)],
            &[IPMI_1_5, "auth=md5"],
            "unable to read the power state: authentication type not offered: the BMC offers password as \
             authentication type of IPMI 1.5, not md5; leave auth out, or enable that type, or IPMI 2.0, \
             on the BMC",
        ),
        failure(
            vec![Bmc::Sim(both), behind()],
            &["target=0x40"],
            "unable to read the power state: target not reached: Send Message refused: no answer from \
             that address on the bus (0x83); check target, target_channel, transit and transit_channel",
        ),
        failure(
            vec![Bmc::Sim(both), behind()],
            &[IPMI_1_5, "target=0x40"],
            "unable to read the power state: target not reached: Send Message refused: no answer from \
             that address on the bus (0x83); check target, target_channel, transit and transit_channel",
        ),
        failure(
            vec![ipmi_sim()],
            &["action=diag"],
            "the diagnostic interrupt command failed: not supported: Chassis Control refused: invalid \
             data field in request (0xcc)",
        ),
        failure(
            vec![ipmi_sim()],
            &[IPMI_1_5, "action=diag"],
            "the diagnostic interrupt command failed: not supported: Chassis Control refused: invalid \
             data field in request (0xcc)",
        ),
    ]
}

#[test]
fn a_bmc_without_room_time_or_obedience() {
    check(a_bmc_without_room_time_or_obedience_failures());
}

fn a_bmc_without_room_time_or_obedience_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![Bmc::Sim(full)],
            &["power_timeout=1"],
            "unable to read the power state: no free session: Open Session for privilege level \
             administrator refused: insufficient resources to create a session (0x01); the BMC's session \
             table is full: try again in a minute",
        ),
        failure(
            vec![Bmc::Sim(full)],
            &[IPMI_1_5, "power_timeout=1"],
            "unable to read the power state: no free session: Activate Session refused: no session slot \
             available (0x81); the BMC's session table is full: try again in a minute",
        ),
        failure(
            vec![Bmc::Sim(busy)],
            &["power_timeout=1"],
            "unable to read the power state: BMC busy: Get Chassis Status refused: node busy (0xc0); try \
             again in a minute; if that does not help, restart the BMC",
        ),
        failure(
            vec![Bmc::Sim(busy)],
            &[IPMI_1_5, "power_timeout=1"],
            "unable to read the power state: BMC busy: Get Chassis Status refused: node busy (0xc0); try \
             again in a minute; if that does not help, restart the BMC",
        ),
        failure(
            vec![Bmc::Sim(stuck)],
            &["action=off", "power_timeout=1"],
            "timed out waiting to power OFF: power was still ON N s after the command",
        ),
        failure(
            vec![Bmc::Sim(stuck)],
            &[IPMI_1_5, "action=off", "power_timeout=1"],
            "timed out waiting to power OFF: power was still ON N s after the command",
        ),
    ]
}

#[test]
fn nobody_there_or_somebody_else() {
    check(nobody_there_or_somebody_else_failures());
}

fn nobody_there_or_somebody_else_failures() -> Vec<Failure> {
    vec![
        failure(
            vec![Bmc::Sim(silent)],
            &["login_timeout=1"],
            "unable to read the power state: BMC silent: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); check the address, the network, and whether IPMI \
             over LAN is enabled",
        ),
        failure(
            vec![Bmc::Sim(silent)],
            &[IPMI_1_5, "login_timeout=1"],
            "unable to read the power state: BMC silent: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); check the address, the network, and whether IPMI \
             over LAN is enabled",
        ),
        failure(
            vec![Bmc::Closed],
            &["login_timeout=1"],
            "unable to read the power state: port closed: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); nothing listens on that port; check ipport and \
             whether IPMI over LAN is enabled",
        ),
        failure(
            vec![Bmc::Closed],
            &[IPMI_1_5, "login_timeout=1"],
            "unable to read the power state: port closed: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); nothing listens on that port; check ipport and \
             whether IPMI over LAN is enabled",
        ),
        failure(
            vec![
                Bmc::Other(echo),
                Bmc::Other(dns),
                Bmc::Other(|_| Vec::new()),
                Bmc::Other(|_| b"garbage".to_vec()),
            ],
            &["login_timeout=1"],
            "unable to read the power state: not a BMC: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); something answers on that port, but not as a BMC \
             does; check ip and ipport: another service seems to listen there",
        ),
        failure(
            vec![Bmc::Other(echo), Bmc::Other(dns)],
            &[IPMI_1_5, "login_timeout=1"],
            "unable to read the power state: not a BMC: timed out after N s: no answer to Get Channel \
             Authentication Capabilities (sent N times); something answers on that port, but not as a BMC \
             does; check ip and ipport: another service seems to listen there",
        ),
        failure(
            vec![Bmc::Mute(is_ipmi20)],
            &["login_timeout=1"],
            "unable to read the power state: BMC fell silent: timed out after N s: no answer to Open \
             Session (sent N times); the BMC had answered before; check the network; if that does not \
             help, restart the BMC",
        ),
        failure(
            vec![Bmc::Mute(is_rakp2)],
            &["login_timeout=1"],
            "unable to read the power state: unknown user, most likely: timed out after N s: no answer to \
             RAKP 1 (sent N times); the BMC had answered before; some BMCs do not answer users that they \
             do not know: check username and privlvl",
        ),
        failure(
            vec![Bmc::Mute(is_challenge)],
            &[IPMI_1_5, "login_timeout=1"],
            "unable to read the power state: BMC fell silent: timed out after N s: no answer to Get \
             Session Challenge (sent N times); the BMC had answered before; check the network; if that \
             does not help, restart the BMC",
        ),
    ]
}

#[test]
fn a_network_that_is_not_there() {
    let agent = Agent::ours().lines(["ip=192.0.2.1", "action=status"]);
    let line = normal(&agent.through("unshare", &["--net"]).run(), "192.0.2.1:623: ");
    let wanted = "unable to read the power state: no way to reach the BMC's address: \
                  Network is unreachable (os error 101)";
    assert_eq!(line, wanted);
}

/// docs/operation.md tells what to do about each.
#[test]
fn every_name_of_a_failure_is_documented() {
    let tables = [
        a_wrong_user_or_password_failures,
        a_wrong_kg_failures,
        a_wrong_privilege_level_failures,
        a_bmc_without_room_time_or_obedience_failures,
        what_the_bmc_does_not_have_or_not_do_failures,
        nobody_there_or_somebody_else_failures,
    ];
    let documented = documented("| `fence_ipmilan` says | what it is |");
    let named: BTreeSet<_> = tables.iter().flat_map(|table| table()).map(name).collect();
    assert_eq!(documented, named);
}

/// The first column of the table with this head.
pub fn documented(head: &str) -> BTreeSet<&'static str> {
    include_str!("../docs/operation.md")
        .lines()
        .skip_while(|line| *line != head)
        .skip(2)
        .map_while(|line| line.strip_prefix("| `")?.split("` | ").next())
        .collect()
}

/// What follows the step, up to a "most likely".
fn name(Failure { line, .. }: Failure) -> &'static str {
    match line.split(": ").collect::<Vec<_>>()[..] {
        [step @ "timed out waiting to power OFF", ..] => step,
        [_, name, ..] => name.split(", ").next().unwrap(),
        _ => panic!("{line}"),
    }
}

fn echo(datagram: &[u8]) -> Vec<u8> {
    datagram.to_vec()
}

/// The header of a query, answered "format error".
fn dns(datagram: &[u8]) -> Vec<u8> {
    vec![datagram[0], datagram[1], 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]
}

fn is_ipmi20(answer: &[u8]) -> bool {
    matches!(Datagram::parse(answer), Ok(Datagram::Ipmi20(_)))
}

fn is_rakp2(answer: &[u8]) -> bool {
    matches!(Datagram::parse(answer), Ok(Datagram::Ipmi20(packet)) if packet.payload_type == PayloadType::Rakp2)
}

fn is_challenge(answer: &[u8]) -> bool {
    let Ok(Datagram::Ipmi15(packet)) = Datagram::parse(answer) else { return false };
    ResponseMessage::parse(&packet.payload).unwrap().command == GetSessionChallenge::NUMBER
}

fn behind() -> Bmc {
    Bmc::IpmiSim(Setup { behind: true, ..Setup::default() })
}

fn both(config: &mut Config) {
    config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
}

fn only(config: &mut Config, kinds: &[AuthenticationType]) {
    config.ipmi15 = Some(Ipmi15::new(kinds.iter().copied()));
    config.ipmi20 = false;
}

fn only_ipmi15(config: &mut Config) {
    only(config, &[AuthenticationType::Md5]);
}

fn only_password(config: &mut Config) {
    only(config, &[AuthenticationType::Password]);
}

fn only_none(config: &mut Config) {
    only(config, &[AuthenticationType::None]);
}

fn only_suite_1(config: &mut Config) {
    config.cipher_suites = vec![CipherSuite::from_id(1).unwrap()];
}

fn with_kg(config: &mut Config) {
    config.kg = Some(Kg::new("bmckey").unwrap());
}

fn of_user(config: &mut Config) {
    both(config);
    config.users[0].max_privilege = Privilege::User;
}

fn full(config: &mut Config) {
    both(config);
    config.max_sessions = 0;
}

fn busy(config: &mut Config) {
    both(config);
    config.faults.busy_answers = u32::MAX;
}

fn stuck(config: &mut Config) {
    both(config);
    config.faults.ignore_power_off = true;
}

fn silent(config: &mut Config) {
    config.faults.silent = true;
}

/// Provokes all of them at the same time, as most of their time is waiting, and tells of all that read otherwise.
#[track_caller]
fn check(failures: Vec<Failure>) {
    let others = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for Failure { bmcs, lines, line } in failures {
            for bmc in bmcs {
                let others = &others;
                scope.spawn(move || {
                    let other = provoke(&bmc, lines);
                    if other != line {
                        let other = format!("{lines:?}\n  wanted {line}\n  got    {other}");
                        others.lock().unwrap_or_else(PoisonError::into_inner).push(other);
                    }
                });
            }
        }
    });
    let others = others.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(others.is_empty(), "{}", others.join("\n"));
}

/// The line that comes of it.
fn provoke(bmc: &Bmc, lines: &[&str]) -> String {
    let run = |reached: Vec<String>| {
        let port = reached.iter().rev().find_map(|line| line.strip_prefix("ipport="));
        let at = format!("127.0.0.1:{}: ", port.expect("a port"));
        let agent = Agent::ours().lines(&reached).lines(["action=status"]);
        normal(&agent.lines(lines).run(), &at)
    };
    match bmc {
        Bmc::IpmiSim(setup) => {
            let bmc = IpmiSim::start_with(setup);
            run(bmc.lines())
        }
        Bmc::Sim(change) => {
            let bmc = Sim::start_with(change);
            run(bmc.lines())
        }
        Bmc::Mute(is_lost) => {
            let is_lost = *is_lost;
            let bmc = Sim::start_with(both);
            let lose = move |answer: &[u8]| {
                if is_lost(answer) { Vec::new() } else { vec![answer.to_vec()] }
            };
            let proxy = Proxy::start(bmc.address(), lose);
            run(bmc.lines().into_iter().chain(proxy.lines()).collect())
        }
        Bmc::Other(answer) => {
            let service = Service::start(*answer);
            run(to(service.port))
        }
        Bmc::Closed => run(to(1)),
    }
}

/// Something on a UDP port that is no BMC. It ends when dropped.
struct Service {
    port: u16,
    thread: Option<JoinHandle<()>>,
}

impl Service {
    /// What ends it.
    const END: &[u8] = b"end";

    fn start(answer: fn(&[u8]) -> Vec<u8>) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = socket.local_addr().expect("an address").port();
        let serve = move || {
            let mut buffer = [0; 2048];
            while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
                if &buffer[..length] == Self::END {
                    return;
                }
                let _ = socket.send_to(&answer(&buffer[..length]), peer);
            }
        };
        Self { port, thread: Some(thread::spawn(serve)) }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let _ = socket.send_to(Self::END, ("127.0.0.1", self.port));
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn to(port: u16) -> Vec<String> {
    let port = format!("ipport={port}");
    ["ip=127.0.0.1", &port, "username=admin", "password=secret", "lanplus=1"]
        .map(str::to_owned)
        .to_vec()
}

/// The one line, without the time, and N for each number of seconds and transmissions.
pub fn normal(run: &Run, at: &str) -> String {
    run.expect_failure(at);
    let (_, line) = run.stderr.split_once(" ERROR: Failed: ").expect("a line of the log");
    let line = line.replacen(at, "", 1);
    let mut normal: Vec<_> = line.split_whitespace().collect();
    for place in 1..normal.len() {
        if ["after", "for", "within", "(sent", "ON"].contains(&normal[place - 1])
            && normal[place].parse::<f32>().is_ok()
        {
            normal[place] = "N";
        }
    }
    normal.join(" ")
}
