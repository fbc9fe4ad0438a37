//! Between the agent and the BMC sits somebody who sees and sends everything, and has no key. Whatever he sends, a
//! machine that is on is never reported as off.

use std::sync::{Arc, Mutex};

use bmc_sim::Power;
use ipmi_lan::command::{ChassisStatus, Command, GetChassisStatus, PowerControl};
use ipmi_lan::wire::{
    Address, Authentication15, Datagram, OpenSessionResponse, Packet15, Packet20, PayloadType,
    Rakp2, Rakp4, ResponseMessage,
};
use ipmi_lan::{CompletionCode, RmcpPlusStatus};

use crate::support::agent::Agent;
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

/// Bits of the payload type byte, which follows the RMCP header and the format byte.
const PAYLOAD_TYPE: usize = 5;
const ENCRYPTED: u8 = 0x80;
const AUTHENTICATED: u8 = 0x40;

#[test]
fn forged_answers_power_nothing_off() {
    let check = |forger: Forgery| {
        let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
        let proxy = Proxy::start(bmc.address(), forger.tamper());
        for lines in [["action=off", "cipher=3"], ["action=reboot", "cipher=17"]] {
            let run = agent(&bmc, &proxy).lines(lines).lines(["power_timeout=1"]).run();
            run.expect_failure("timed out waiting to power OFF");
        }
        assert_eq!(bmc.power(), Power::On);
        assert_eq!(bmc.commands(), [PowerControl::PowerDown; 2], "{forger:?}");
    };
    at_once(Forgery::ALL, check);
}

#[test]
fn forged_answers_do_not_keep_the_genuine_ones_from_being_heard() {
    for forger in Forgery::ALL {
        let bmc = Sim::start();
        let proxy = Proxy::start(bmc.address(), forger.tamper());
        for (action, printed) in [
            ("status", "Status: ON\n"),
            ("off", "Success: Powered OFF\n"),
            ("reboot", "Success: Rebooted\n"),
        ] {
            let run = agent(&bmc, &proxy).lines([format!("action={action}")]).run();
            run.expect(0, printed);
            assert_eq!(run.stderr, "", "{forger:?}");
        }
    }
}

/// The forgers are worth something: in front of ipmitool, which does not check, one of them switches a machine off
/// that stays on.
#[test]
fn the_python_agent_believes_a_keyless_packet() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let proxy = Proxy::start(bmc.address(), Forgery::Ipmi15.tamper());
    let off = Agent::python("fence_ipmilan").lines(bmc.lines()).lines(proxy.lines());
    off.lines(["cipher=3", "action=off"]).run().expect(0, "Success: Already OFF\n");
    assert_eq!(bmc.power(), Power::On);
    assert_eq!(bmc.commands(), []);
}

#[test]
fn answers_of_the_same_session_are_believed_once() {
    let bmc = Sim::start();
    let mut past = Vec::new();
    // All that was ever answered, in front of each answer and behind it.
    let proxy = Proxy::start(bmc.address(), move |genuine| {
        let mut datagrams = past.clone();
        past.push(genuine.to_vec());
        datagrams.extend(past.iter().rev().cloned());
        datagrams
    });
    for (action, code, printed) in [
        ("reboot", 0, "Success: Rebooted\n"),
        ("off", 0, "Success: Powered OFF\n"),
        ("status", 2, "Status: OFF\n"),
        ("on", 0, "Success: Powered ON\n"),
        ("status", 0, "Status: ON\n"),
    ] {
        let run = agent(&bmc, &proxy).lines([format!("action={action}")]).run();
        run.expect(code, printed);
        assert_eq!(run.stderr, "");
    }
    assert_eq!(bmc.power(), Power::On);
}

#[test]
fn answers_of_an_earlier_session_are_not_believed() {
    let bmc = Sim::start();
    let past = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&past);
    let proxy = Proxy::start(bmc.address(), move |genuine| {
        recorder.lock().unwrap().push(genuine.to_vec());
        vec![genuine.to_vec()]
    });
    agent(&bmc, &proxy).lines(["action=off"]).run().expect(0, "Success: Powered OFF\n");
    agent(&bmc, &proxy).lines(["action=status"]).run().expect(2, "Status: OFF\n");

    bmc.set_power(Power::On);
    bmc.with_faults(|faults| faults.ignore_power_off = true);
    let past = past.lock().unwrap().clone();
    let proxy = Proxy::start(bmc.address(), move |genuine| {
        let mut datagrams = past.clone();
        // As if they were of this session: its id, and a sequence number that fits.
        if let Some(packet) = in_session(genuine) {
            let old = past.iter().filter_map(|old| in_session(old));
            datagrams.extend(old.map(|old| {
                let Packet20 { session_id, sequence, .. } = packet;
                Datagram::Ipmi20(Packet20 { session_id, sequence, ..old }).to_bytes()
            }));
        }
        datagrams.push(genuine.to_vec());
        datagrams
    });
    let off = agent(&bmc, &proxy).lines(["action=off", "power_timeout=1"]).run();
    off.expect_failure("timed out waiting to power OFF");
    assert_eq!(bmc.power(), Power::On);
}

#[test]
fn refusals_with_a_wrong_tag_or_session_stop_no_login() {
    let bmc = Sim::start();
    let proxy = Proxy::start(bmc.address(), |genuine| {
        let mut datagrams = refusals(genuine);
        datagrams.push(genuine.to_vec());
        datagrams
    });
    for suite in ["cipher=3", "cipher=17"] {
        let run = agent(&bmc, &proxy).lines(["action=status", suite]).run();
        run.expect(0, "Status: ON\n");
    }
    assert_eq!(bmc.sessions(), (2, 2));
}

/// Nothing vouches for a refusal, so that whoever hits the right tag can stop a login; but he can do no more than that.
#[test]
fn a_login_can_be_stopped_and_that_is_a_failure() {
    for payload_type in [PayloadType::OpenSessionResponse, PayloadType::Rakp2, PayloadType::Rakp4] {
        let bmc = Sim::start_with(|config| config.initial_power = Power::Off);
        let proxy = Proxy::start(bmc.address(), move |genuine| match packet20(genuine) {
            Some(packet) if packet.payload_type == payload_type => {
                let mut bytes = genuine.to_vec();
                // The status, after RMCP header, session header and tag.
                bytes[17] = RmcpPlusStatus::UNAUTHORIZED_NAME.0;
                vec![bytes]
            }
            _ => vec![genuine.to_vec()],
        });
        let run = agent(&bmc, &proxy).lines(["action=off", "login_timeout=2"]).run();
        run.expect_failure("refused");
        assert_eq!(bmc.commands(), []);
    }
}

#[test]
fn answers_that_are_cut_or_corrupted_in_a_session_are_dropped() {
    let bmc = Sim::start_with(|config| config.faults.ignore_power_off = true);
    let proxy = Proxy::start(bmc.address(), |genuine| {
        let mut datagrams = Vec::new();
        if in_session(genuine).is_some() {
            datagrams.extend(damaged(genuine));
        }
        datagrams.push(genuine.to_vec());
        datagrams
    });
    agent(&bmc, &proxy).lines(["action=status"]).run().expect(0, "Status: ON\n");
    let off = agent(&bmc, &proxy).lines(["action=off", "power_timeout=1"]).run();
    off.expect_failure("timed out waiting to power OFF");
}

#[test]
fn answers_that_are_cut_or_corrupted_in_a_login_are_never_a_success() {
    let bmc = Sim::start_with(|config| config.max_sessions = 10_000);
    for message in [PayloadType::OpenSessionResponse, PayloadType::Rakp2, PayloadType::Rakp4] {
        let run = |place| {
            let proxy =
                Proxy::start(bmc.address(), move |genuine| damaged_at(place, message, genuine));
            let run = agent(&bmc, &proxy).lines(["action=status", "login_timeout=1"]).run();
            (run.code, run.stdout)
        };
        let is_on = (Some(0), "Status: ON\n".to_owned());
        assert_eq!(run(usize::MAX), is_on, "an undamaged login");
        let places =
            [0, 1, 2, 3, 4, 5, 6, 10, 14, 16, 17, 18, 20, 21, 24, 28, 32, 40, 50, 56, 60, 63];
        at_once(places, |place| {
            let outcome = run(place);
            // Some bytes mean nothing, so that a login succeeds without them.
            assert!(
                outcome == is_on || outcome == (Some(1), String::new()),
                "{place}: {outcome:?}"
            );
        });
        at_once([21, 24], |place| assert_eq!(run(place).0, Some(1), "session ids are checked"));
    }
}

#[test]
fn an_outcome_that_cannot_be_printed_is_still_the_exit_code() {
    let bmc = Sim::start();
    for redirection in [">/dev/full", ">&-", ">/dev/full 2>&1", ">&- 2>&-"] {
        let script = format!("exec \"$0\" {redirection}");
        for (action, code, power) in [
            ("off", 0, Power::Off),
            ("status", 2, Power::Off),
            ("on", 0, Power::On),
            ("status", 0, Power::On),
            ("reboot", 0, Power::On),
        ] {
            let agent = Agent::ours().lines(bmc.lines()).lines([format!("action={action}")]);
            agent.through("sh", &["-c", &script]).run().expect(code, "");
            assert_eq!(bmc.power(), power, "{action} {redirection}");
        }
    }
    bmc.with_faults(|faults| faults.ignore_power_off = true);
    let off = Agent::ours().lines(bmc.lines()).lines(["action=off", "power_timeout=1"]);
    off.through("sh", &["-c", "exec \"$0\" >/dev/full"]).run().expect(1, "");
}

pub fn agent(bmc: &Sim, proxy: &Proxy) -> Agent {
    Agent::ours().lines(bmc.lines()).lines(proxy.lines())
}

/// Checks all cases at the same time, as most of their time is waiting.
pub fn at_once<C: Send>(cases: impl IntoIterator<Item = C>, check: impl Fn(C) + Sync) {
    let check = &check;
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(move || check(case));
        }
    });
}

/// What somebody without a key can send in the name of the BMC.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    /// A packet of IPMI 1.5, with no authentication at all.
    Ipmi15,
    /// The same, with the session's id, and a code that is none.
    Ipmi15OfTheSession,
    /// A packet of IPMI 2.0, of no session.
    SessionZero,
    /// The session's own id and next sequence number, neither encrypted nor authenticated.
    BitsCleared,
    /// As before, with a code that is made up.
    MadeUpCode,
    /// In clear text, yet authenticated, it says; by the genuine packet's own code.
    ForeignTrailer,
    /// The genuine packet, said to be neither encrypted nor authenticated.
    GenuineWithBitsCleared,
}

impl Forgery {
    const ALL: [Self; 7] = [
        Self::Ipmi15,
        Self::Ipmi15OfTheSession,
        Self::SessionZero,
        Self::BitsCleared,
        Self::MadeUpCode,
        Self::ForeignTrailer,
        Self::GenuineWithBitsCleared,
    ];

    /// Puts the forgery in front of each answer: "power is off", for every request that may be waiting.
    fn tamper(self) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static {
        move |genuine| {
            let mut datagrams: Vec<_> = (0..0x40).map(|n| self.forge(genuine, n)).collect();
            datagrams.push(genuine.to_vec());
            datagrams
        }
    }

    fn forge(self, genuine: &[u8], request_sequence: u8) -> Vec<u8> {
        let payload = power_is_off(request_sequence);
        let (session_id, sequence) =
            in_session(genuine).map_or((0, 0), |packet| (packet.session_id, packet.sequence));
        let in_clear = || Packet20 {
            session_id,
            sequence,
            ..Packet20::sessionless(PayloadType::Ipmi, payload.clone())
        };
        match self {
            Self::Ipmi15 => Datagram::Ipmi15(Packet15::sessionless(payload)).to_bytes(),
            Self::Ipmi15OfTheSession => {
                let authentication = Authentication15::Md5([0; 16]);
                Datagram::Ipmi15(Packet15 { authentication, sequence, session_id, payload })
                    .to_bytes()
            }
            Self::SessionZero => {
                Datagram::Ipmi20(Packet20::sessionless(PayloadType::Ipmi, payload)).to_bytes()
            }
            Self::BitsCleared => Datagram::Ipmi20(in_clear()).to_bytes(),
            Self::MadeUpCode => {
                let mut bytes = Datagram::Ipmi20(in_clear()).to_bytes();
                bytes[PAYLOAD_TYPE] |= AUTHENTICATED;
                bytes.extend([0xff, 0xff, 2, 7]);
                bytes.extend([0; 16]);
                bytes
            }
            Self::ForeignTrailer => {
                let trailer = packet20(genuine).and_then(|packet| packet.trailer);
                Datagram::Ipmi20(Packet20 { trailer, ..in_clear() }).to_bytes()
            }
            Self::GenuineWithBitsCleared => {
                let mut bytes = genuine.to_vec();
                bytes[PAYLOAD_TYPE] &= !(ENCRYPTED | AUTHENTICATED);
                bytes
            }
        }
    }
}

pub fn power_is_off(request_sequence: u8) -> Vec<u8> {
    let status = ChassisStatus {
        power_on: false,
        power_fault: false,
        power_control_fault: false,
        last_power_event: 0,
        miscellaneous: 0,
    };
    let message = ResponseMessage {
        to: Address::REMOTE_CONSOLE,
        from: Address::BMC,
        network_function: GetChassisStatus::NETWORK_FUNCTION,
        command: GetChassisStatus::NUMBER,
        sequence: request_sequence,
        completion: CompletionCode::OK,
        data: status.to_data(),
    };
    message.to_bytes()
}

/// Refusals of a login message by somebody who guesses the tag or the session, wrongly.
fn refusals(genuine: &[u8]) -> Vec<Vec<u8>> {
    let Some(packet) = packet20(genuine) else { return Vec::new() };
    let (Some(&right), Some(id)) = (packet.payload.first(), packet.payload.get(4..8)) else {
        return Vec::new();
    };
    let id = u32::from_le_bytes(id.try_into().unwrap());
    let guesses = [(right.wrapping_add(1), Some(id)), (!right, Some(0)), (right, Some(!id))];
    let status = RmcpPlusStatus::UNAUTHORIZED_NAME;
    let refusal = |(tag, console_session_id)| {
        let payload = match packet.payload_type {
            PayloadType::OpenSessionResponse => {
                OpenSessionResponse::Refused { tag, status, console_session_id }.to_bytes()
            }
            PayloadType::Rakp2 => Rakp2::Refused { tag, status, console_session_id }.to_bytes(),
            PayloadType::Rakp4 => Rakp4::Refused { tag, status, console_session_id }.to_bytes(),
            _ => return None,
        };
        let refusal = Packet20::sessionless(packet.payload_type, payload);
        Some(Datagram::Ipmi20(refusal).to_bytes())
    };
    guesses.into_iter().filter_map(refusal).collect()
}

/// Cut at each length, and with each byte damaged that is covered by the authentication code.
fn damaged(genuine: &[u8]) -> Vec<Vec<u8>> {
    let cut = (0..genuine.len()).map(|length| genuine[..length].to_vec());
    let flipped = (4..genuine.len()).map(|place| {
        let mut bytes = genuine.to_vec();
        bytes[place] ^= 0x10;
        bytes
    });
    cut.chain(flipped).collect()
}

/// An answer of this kind, cut off at this place, and once more with the byte there damaged; other answers as they are.
fn damaged_at(place: usize, kind: PayloadType, genuine: &[u8]) -> Vec<Vec<u8>> {
    let is_meant = packet20(genuine).is_some_and(|packet| packet.payload_type == kind);
    match genuine.get(place) {
        Some(byte) if is_meant => {
            let mut flipped = genuine.to_vec();
            flipped[place] = byte ^ 0x11;
            vec![genuine[..place].to_vec(), flipped]
        }
        _ => vec![genuine.to_vec()],
    }
}

/// The packet, if it is one of a session that is logged in.
fn in_session(datagram: &[u8]) -> Option<Packet20> {
    packet20(datagram).filter(|packet| packet.session_id != 0)
}

fn packet20(datagram: &[u8]) -> Option<Packet20> {
    match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi20(packet)) => Some(packet),
        _ => None,
    }
}
