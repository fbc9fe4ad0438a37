//! The same in IPMI 1.5, whose packets tell more, and whose login has more to be talked out of.

use std::sync::{Arc, Mutex};

use bmc_sim::{Config, Ipmi15, Power, Protection};
use ipmi_lan::AuthenticationType;
use ipmi_lan::command::{
    ActivateSession, Command, GetChannelAuthenticationCapabilities, GetChassisStatus, PowerControl,
};
use ipmi_lan::wire::{
    Authentication15, Datagram, Packet15, Packet20, PayloadType, ResponseMessage,
};

use crate::forgeries::{agent, at_once, power_is_off};
use crate::support::agent::Agent;
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

const IPMI_1_5: &str = "lanplus=0";
const MD5: Protection = Protection::Ipmi15(AuthenticationType::Md5);

#[test]
fn forged_answers_power_nothing_off_in_ipmi_1_5() {
    let check = |forgery: Forgery| {
        let bmc = Sim::start_with(disobedient);
        let proxy = Proxy::start(bmc.address(), forgery.in_front());
        for action in ["action=off", "action=reboot"] {
            let run = agent(&bmc, &proxy).lines([IPMI_1_5, action, "power_timeout=3"]).run();
            run.expect_failure("timed out waiting to power OFF");
        }
        assert_eq!(bmc.power(), Power::On);
        assert_eq!(bmc.commands(), [PowerControl::PowerDown; 2], "{forgery:?}");
        assert_eq!(bmc.protections(), [MD5; 2], "{forgery:?}");
    };
    at_once(Forgery::ALL, check);
}

#[test]
fn forged_answers_do_not_keep_the_genuine_ones_from_being_heard_in_ipmi_1_5() {
    let check = |forgery: Forgery| {
        let bmc = Sim::start_with(md5);
        let proxy = Proxy::start(bmc.address(), forgery.in_front());
        for (action, printed) in [
            ("status", "Status: ON\n"),
            ("off", "Success: Powered OFF\n"),
            ("reboot", "Success: Rebooted\n"),
        ] {
            let action = format!("action={action}");
            let run = agent(&bmc, &proxy).lines([IPMI_1_5, &action]).run();
            run.expect(0, printed);
            assert_eq!(run.stderr, "", "{forgery:?}");
        }
    };
    at_once(Forgery::ALL, check);
}

/// ipmitool looks neither at the code nor at the session.
#[test]
fn the_python_agent_believes_forgeries_in_ipmi_1_5() {
    for forgery in [Forgery::MadeUpCode, Forgery::SessionZeroWithCode, Forgery::OtherSession] {
        let bmc = Sim::start_with(disobedient);
        let proxy = Proxy::start(bmc.address(), forgery.in_front());
        let off = Agent::python("fence_ipmilan").lines(bmc.lines()).lines(proxy.lines());
        let run = off.lines([IPMI_1_5, "action=off"]).run();
        run.expect(0, "Success: Already OFF\n");
        assert_eq!((bmc.power(), bmc.commands()), (Power::On, Vec::new()), "{forgery:?}");
    }
}

#[test]
fn answers_of_the_same_session_are_believed_once_in_ipmi_1_5() {
    let bmc = Sim::start_with(md5);
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
        let action = format!("action={action}");
        let run = agent(&bmc, &proxy).lines([IPMI_1_5, &action]).run();
        run.expect(code, printed);
        assert_eq!(run.stderr, "");
    }
    assert_eq!(bmc.power(), Power::On);
}

#[test]
fn answers_of_an_earlier_session_are_not_believed_in_ipmi_1_5() {
    let bmc = Sim::start_with(md5);
    let past = Arc::new(Mutex::new(Vec::new()));
    let recorder = Arc::clone(&past);
    let proxy = Proxy::start(bmc.address(), move |genuine| {
        recorder.lock().unwrap().push(genuine.to_vec());
        vec![genuine.to_vec()]
    });
    let run = |proxy: &Proxy, action| agent(&bmc, proxy).lines([IPMI_1_5, action]).run();
    run(&proxy, "action=off").expect(0, "Success: Powered OFF\n");
    run(&proxy, "action=status").expect(2, "Status: OFF\n");

    bmc.set_power(Power::On);
    bmc.with_faults(|faults| faults.ignore_power_off = true);
    let past = past.lock().unwrap().clone();
    let proxy = Proxy::start(bmc.address(), move |genuine| {
        let mut datagrams = past.clone();
        // As if they were of this session: its id, and a sequence number that fits.
        if let Some(Packet15 { session_id, sequence, .. }) = in_session(genuine) {
            let old = past.iter().filter_map(|old| in_session(old));
            let renewed = old.map(|old| Packet15 { session_id, sequence, ..old });
            datagrams.extend(renewed.map(|old| Datagram::Ipmi15(old).to_bytes()));
        }
        datagrams.push(genuine.to_vec());
        datagrams
    });
    let off = agent(&bmc, &proxy).lines([IPMI_1_5, "action=off", "power_timeout=3"]).run();
    off.expect_failure("timed out waiting to power OFF");
    assert_eq!(bmc.power(), Power::On);
}

/// In front of each answer to Activate Session, others: with and without a code, of this type or for none, of this
/// session or another.
#[test]
fn nobody_talks_a_session_out_of_its_codes() {
    let bmc = Sim::start_with(disobedient);
    let proxy = Proxy::start(bmc.address(), |genuine| {
        let mut datagrams = Vec::new();
        if let Some((packet, message)) = answer_to::<ActivateSession>(genuine) {
            for kind in [AuthenticationType::None, AuthenticationType::Md5] {
                for session_id in [message.data[1], !message.data[1]] {
                    let mut message = message.clone();
                    message.data[0] = kind.bits();
                    message.data[1] = session_id;
                    let made_up = Authentication15::Md5([7; 16]);
                    for authentication in [Authentication15::None, made_up, packet.authentication] {
                        let payload = message.to_bytes();
                        if payload != packet.payload || authentication != packet.authentication {
                            let packet = Packet15 { authentication, payload, ..packet.clone() };
                            datagrams.push(Datagram::Ipmi15(packet).to_bytes());
                        }
                    }
                }
            }
        }
        datagrams.extend(Forgery::Keyless.in_front()(genuine));
        datagrams
    });
    agent(&bmc, &proxy).lines([IPMI_1_5, "action=status"]).run().expect(0, "Status: ON\n");
    let off = agent(&bmc, &proxy).lines([IPMI_1_5, "action=off", "power_timeout=3"]).run();
    off.expect_failure("timed out waiting to power OFF");
    assert_eq!(bmc.protections(), [MD5; 2]);
}

/// Where no code tells them from the genuine ones, and where the genuine one is lost.
#[test]
fn a_login_that_was_led_astray_starts_anew() {
    for (auth, keeps_genuine) in [("auth=none", true), ("auth=none", false), ("auth=md5", false)] {
        let bmc = Sim::start_with(|config| {
            config.ipmi15 = Some(Ipmi15::new([AuthenticationType::None, AuthenticationType::Md5]));
        });
        let mut is_first = true;
        let proxy = Proxy::start(bmc.address(), move |genuine| {
            match answer_to::<ActivateSession>(genuine) {
                Some((packet, mut message)) if is_first => {
                    is_first = false;
                    message.data[1] = !message.data[1];
                    let authentication = Authentication15::None;
                    let payload = message.to_bytes();
                    let forged = Packet15 { authentication, payload, ..packet };
                    let mut datagrams = vec![Datagram::Ipmi15(forged).to_bytes()];
                    datagrams.extend(keeps_genuine.then(|| genuine.to_vec()));
                    datagrams
                }
                _ => vec![genuine.to_vec()],
            }
        });
        let run = agent(&bmc, &proxy).lines([IPMI_1_5, auth, "action=status"]).run();
        run.expect(0, "Status: ON\n");
    }
}

/// A BMC that has everything, and somebody who says that it has not: in place of the BMC's answer, and in front of it.
#[test]
fn nobody_talks_a_login_into_less_than_was_asked_for() {
    let claims = || {
        let types = [
            vec![],
            vec![AuthenticationType::None],
            vec![AuthenticationType::Password],
            vec![AuthenticationType::None, AuthenticationType::Password],
        ];
        let types = types.map(|types| Ipmi15::new(types).authentication_types.bits());
        // IPMI 1.5 and 2.0, as bits of the extended capabilities; without these it is an old BMC.
        let versions = [Some(0), Some(1), Some(2), Some(3), None];
        types.into_iter().flat_map(move |types| versions.map(|versions| (types, versions)))
    };
    let check = |((types, versions), keeps_genuine, lanplus): ((u8, Option<u8>), bool, &str)| {
        let bmc = Sim::start_with(|config| {
            config.ipmi15 = Some(Ipmi15::new(AuthenticationType::ALL));
        });
        let proxy = Proxy::start(bmc.address(), move |genuine| {
            let mut datagrams = vec![genuine.to_vec()];
            let answer = answer_to::<GetChannelAuthenticationCapabilities>(genuine);
            if let Some((packet, mut message)) = answer {
                let is_extended = if versions.is_some() { 0x80 } else { 0 };
                message.data[1] = types | is_extended;
                message.data[3] = versions.unwrap_or(0);
                let forged = Packet15 { payload: message.to_bytes(), ..packet };
                datagrams.insert(0, Datagram::Ipmi15(forged).to_bytes());
                datagrams.truncate(1 + usize::from(keeps_genuine));
            }
            datagrams
        });
        let run = agent(&bmc, &proxy).lines([lanplus, "action=status"]).run();
        let claim = format!("{types:#04x} {versions:?}, {lanplus}: {run:#?}");
        match run.code {
            Some(0) => assert_eq!(run.stdout, "Status: ON\n", "{claim}"),
            code => assert_eq!((code, run.stdout.as_str()), (Some(1), ""), "{claim}"),
        }
        assert!(!proxy.was_told("secret"), "{claim}");
        for protection in bmc.protections() {
            let is_kept = matches!(protection, Protection::Ipmi20(_));
            assert!(is_kept || lanplus == IPMI_1_5 && protection == MD5, "{claim}");
        }
    };
    let cases = claims().flat_map(|claim| {
        [(true, IPMI_1_5), (false, IPMI_1_5), (true, "lanplus=1"), (false, "lanplus=1")]
            .map(|(keeps_genuine, lanplus)| (claim, keeps_genuine, lanplus))
    });
    at_once(cases, check);
}

type Change = fn(&mut Packet15, &mut ResponseMessage);

/// Where the BMC wants no codes in the session, the answer must still be of this session, to this request, and next.
#[test]
fn without_codes_only_what_fits_the_session_is_believed() {
    let codeless = |config: &mut Config| {
        disobedient(config);
        config.ipmi15.as_mut().unwrap().per_message_authentication = false;
    };
    let check = |(is_heard, change): (bool, Change)| {
        let bmc = Sim::start_with(codeless);
        let proxy = Proxy::start(bmc.address(), move |genuine| {
            let mut datagrams = Vec::new();
            if let Some((mut packet, mut message)) = answer_to::<GetChassisStatus>(genuine) {
                let mut lie = ResponseMessage::parse(&power_is_off(message.sequence)).unwrap();
                std::mem::swap(&mut message, &mut lie);
                change(&mut packet, &mut message);
                packet.payload = message.to_bytes();
                datagrams.push(Datagram::Ipmi15(packet).to_bytes());
            }
            datagrams.push(genuine.to_vec());
            datagrams
        });
        let off = agent(&bmc, &proxy).lines([IPMI_1_5, "action=off", "power_timeout=3"]).run();
        off.expect(1, "");
        assert!(off.stderr.contains("the BMC wants no authentication of packets"), "{off:#?}");
        assert_eq!(off.stderr.contains("power was still ON"), is_heard, "{off:#?}");
        assert_eq!(bmc.power(), Power::On);
    };
    let of_another_session: [Change; 6] = [
        |packet, _| packet.session_id = 0,
        |packet, _| packet.session_id += 1,
        |packet, _| packet.sequence = 0,
        |packet, _| packet.sequence += 1000,
        |packet, _| packet.sequence -= 1000,
        |packet, _| packet.authentication = Authentication15::Md5([0; 16]),
    ];
    // These take the place of the genuine answer, so that none is heard.
    let to_another_request: [Change; 3] = [
        |_, message| message.sequence = (message.sequence + 1) % 64,
        |_, message| message.sequence = (message.sequence + 63) % 64,
        |_, message| message.command += 1,
    ];
    let heard = of_another_session.map(|change| (true, change));
    let changes = heard.into_iter().chain(to_another_request.map(|change| (false, change)));
    at_once(changes, check);
}

/// Who guesses all that, but is not at the BMC's address, is not heard at all.
#[test]
fn without_codes_only_the_bmcs_address_is_heard() {
    let bmc = Sim::start_with(|config| {
        disobedient(config);
        config.ipmi15.as_mut().unwrap().per_message_authentication = false;
    });
    let lie = |genuine: &[u8]| match answer_to::<GetChassisStatus>(genuine) {
        Some((packet, message)) => {
            let payload = power_is_off(message.sequence);
            vec![Datagram::Ipmi15(Packet15 { payload, ..packet }).to_bytes()]
        }
        None => Vec::new(),
    };
    let off = |proxy: &Proxy| {
        let lines = [IPMI_1_5, "action=off", "power_timeout=3"];
        agent(&bmc, proxy).lines(lines).run()
    };
    let elsewhere = Proxy::start_beside(bmc.address(), lie, |genuine| vec![genuine.to_vec()]);
    assert_eq!(off(&elsewhere).code, Some(1));
    // The lie is good: at the BMC's own address it is believed. That is what the warning is about.
    let there = Proxy::start(bmc.address(), move |genuine| {
        let lie = lie(genuine);
        if lie.is_empty() { vec![genuine.to_vec()] } else { lie }
    });
    off(&there).expect(0, "Success: Already OFF\n");
}

fn md5(config: &mut Config) {
    config.ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
}

fn disobedient(config: &mut Config) {
    md5(config);
    config.faults.ignore_power_off = true;
}

/// What somebody without the password can send in the name of the BMC.
#[derive(Clone, Copy, Debug)]
enum Forgery {
    /// Of no session.
    SessionZero,
    /// The session's own id and next sequence number, without a code.
    Keyless,
    /// With a code that is made up.
    MadeUpCode,
    /// With the genuine packet's own code.
    ForeignCode,
    /// That, with the sequence number behind.
    ForeignCodeOfTheNext,
    /// A packet of no session, with the genuine packet's own code.
    SessionZeroWithCode,
    /// The code of another type.
    OtherType,
    /// The type that has the password in clear, with a guess.
    GuessedPassword,
    /// The vendor's type.
    Oem,
    /// Of another session.
    OtherSession,
    /// A packet of IPMI 2.0, of no session.
    Ipmi20,
    /// A packet of IPMI 2.0 with the session's id.
    Ipmi20OfTheSession,
    /// The genuine packet, twice, after it was said to have no code.
    GenuineWithoutCode,
    /// Nothing, and what is no IPMI.
    Foreign,
}

impl Forgery {
    const ALL: [Self; 14] = [
        Self::SessionZero,
        Self::Keyless,
        Self::MadeUpCode,
        Self::ForeignCode,
        Self::ForeignCodeOfTheNext,
        Self::SessionZeroWithCode,
        Self::OtherType,
        Self::GuessedPassword,
        Self::Oem,
        Self::OtherSession,
        Self::Ipmi20,
        Self::Ipmi20OfTheSession,
        Self::GenuineWithoutCode,
        Self::Foreign,
    ];

    /// Puts the forgery in front of each answer: "power is off", to the request that was answered and to its
    /// neighbours.
    fn in_front(self) -> impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static {
        move |genuine| {
            let Ok(Datagram::Ipmi15(packet)) = Datagram::parse(genuine) else {
                return vec![genuine.to_vec()];
            };
            let answered = ResponseMessage::parse(&packet.payload).unwrap().sequence;
            let requests = [63, 0, 1].map(|step| (answered + step) % 64);
            let mut datagrams: Vec<_> =
                requests.into_iter().flat_map(|request| self.forge(&packet, request)).collect();
            datagrams.push(genuine.to_vec());
            datagrams
        }
    }

    fn forge(self, genuine: &Packet15, request_sequence: u8) -> Vec<Vec<u8>> {
        let payload = power_is_off(request_sequence);
        let lie = Packet15 { payload: payload.clone(), ..genuine.clone() };
        let code = genuine.authentication.code().copied().unwrap_or([0; 16]);
        let with = |authentication| Packet15 { authentication, ..lie.clone() };
        let ipmi20 = Packet20::sessionless(PayloadType::Ipmi, payload.clone());
        let Packet15 { session_id, sequence, .. } = *genuine;
        let forged = match self {
            Self::SessionZero => Packet15::sessionless(payload),
            Self::Keyless => with(Authentication15::None),
            Self::MadeUpCode => with(Authentication15::Md5([0; 16])),
            Self::ForeignCode => with(Authentication15::Md5(code)),
            Self::ForeignCodeOfTheNext => {
                Packet15 { sequence: sequence + 1, ..with(Authentication15::Md5(code)) }
            }
            Self::SessionZeroWithCode => {
                Packet15 { session_id: 0, ..with(Authentication15::Md5(code)) }
            }
            Self::OtherType => with(Authentication15::Md2(code)),
            Self::GuessedPassword => {
                with(Authentication15::Password(*b"geheim\0\0\0\0\0\0\0\0\0\0"))
            }
            Self::Oem => with(Authentication15::Oem(code)),
            Self::OtherSession => {
                Packet15 { session_id: !session_id, ..with(Authentication15::Md5(code)) }
            }
            Self::Ipmi20 => return vec![Datagram::Ipmi20(ipmi20).to_bytes()],
            Self::Ipmi20OfTheSession => {
                return vec![
                    Datagram::Ipmi20(Packet20 { session_id, sequence, ..ipmi20 }).to_bytes(),
                ];
            }
            Self::GenuineWithoutCode => {
                Packet15 { authentication: Authentication15::None, ..genuine.clone() }
            }
            Self::Foreign => {
                return vec![Vec::new(), vec![0; 1], b"\x12\x34\x81\x80".to_vec(), payload];
            }
        };
        vec![Datagram::Ipmi15(forged).to_bytes()]
    }
}

/// The packet, if it is one of a session that is logged in.
fn in_session(datagram: &[u8]) -> Option<Packet15> {
    match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi15(packet)) if packet.session_id != 0 => Some(packet),
        _ => None,
    }
}

/// The packet and its message, if it answers this command, and well.
fn answer_to<C: Command>(datagram: &[u8]) -> Option<(Packet15, ResponseMessage)> {
    let Ok(Datagram::Ipmi15(packet)) = Datagram::parse(datagram) else { return None };
    let message = ResponseMessage::parse(&packet.payload).ok()?;
    let is_meant = message.command == C::NUMBER
        && message.network_function == C::NETWORK_FUNCTION
        && !message.data.is_empty();
    is_meant.then_some((packet, message))
}
