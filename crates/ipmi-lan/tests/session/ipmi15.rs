//! Sessions of IPMI 1.5: who gets in, by which version, and what is believed.

use bmc_sim::{Config, EventKind, Ipmi15, Power, User};
use ipmi_lan::command::{ActivateSession, ChassisStatus, Command, GetChassisStatus};
use ipmi_lan::session::SessionConfig;
use ipmi_lan::wire::{
    Address, Authentication15, Datagram, Packet15, Packet20, PayloadType, RequestMessage,
    ResponseMessage,
};
use ipmi_lan::{
    AuthenticationType, CipherSuite, CompletionCode, Error, LoggedIn, Password, Privilege,
    Protection, Protocol, Step, Username,
};

use crate::pair::{Delivered, From, MILLISECOND, Pair, SECOND, as_it_is, bmc_config, config};

/// A BMC of IPMI 1.5 alone, with these types.
fn bmc15(types: &[AuthenticationType]) -> Config {
    Config { ipmi15: Some(ipmi15(types)), ipmi20: false, ..bmc_config() }
}

fn ipmi15(types: &[AuthenticationType]) -> Ipmi15 {
    Ipmi15::new(types.iter().copied())
}

fn without_lanplus() -> SessionConfig {
    SessionConfig { protocol: Protocol::Ipmi15Or20, ..config() }
}

fn pair(config: SessionConfig, bmc: Config) -> Pair {
    Pair::with(config, bmc, 7, |_, datagram| as_it_is(datagram))
}

fn protection(result: Result<LoggedIn, Error>) -> Protection {
    result.unwrap().protection
}

const CODED: [AuthenticationType; 3] =
    [AuthenticationType::Md5, AuthenticationType::Md2, AuthenticationType::Password];

#[test]
fn a_login_takes_four_datagrams_a_status_one_and_the_end_one() {
    for kind in CODED.into_iter().chain([AuthenticationType::None]) {
        let config = SessionConfig { authentication: Some(kind), ..without_lanplus() };
        let mut pair = pair(config, bmc15(&[kind]));
        assert_eq!(protection(pair.log_in()), Protection::Ipmi15(kind));
        assert_eq!(pair.sent.len(), 4, "capabilities, challenge, activation, privilege");
        assert!(pair.is_power_on().unwrap());
        pair.bmc.set_power(pair.now, Power::Off);
        assert!(!pair.is_power_on().unwrap());
        pair.close();
        assert_eq!(pair.sent.len(), 7);
        assert!(matches!(pair.bmc.events().last().unwrap().kind, EventKind::SessionClosed { .. }));
    }
}

#[test]
fn every_packet_of_a_session_has_a_code_and_the_next_number() {
    let mut pair = pair(without_lanplus(), bmc15(&[AuthenticationType::Md5]));
    pair.log_in().unwrap();
    for _ in 0..3 {
        pair.is_power_on().unwrap();
    }
    let packets: Vec<Packet15> =
        pair.sent.iter().filter_map(|(_, datagram)| packet15(datagram)).collect();
    assert!(packets[..2].iter().all(|packet| packet.authentication == Authentication15::None));
    assert!(packets[2..].iter().all(|p| p.authentication.kind() == AuthenticationType::Md5));
    assert_eq!(packets[2].sequence, 0, "Activate Session is outside the session");
    for (earlier, later) in packets[3..].iter().zip(&packets[4..]) {
        assert_eq!(later.sequence, earlier.sequence + 1);
    }
}

#[test]
fn the_best_type_that_keeps_the_password_is_used_and_no_other_unasked() {
    use AuthenticationType::{Md2, Md5, None, Oem, Password};
    let offers: [(&[AuthenticationType], _); 5] = [
        (&[None, Md2, Md5, Password, Oem], Some(Md5)),
        (&[None, Md2, Password], Some(Md2)),
        (&[Password], Option::None),
        (&[None], Option::None),
        (&[None, Password, Oem], Option::None),
    ];
    for (offered, expected) in offers {
        let mut pair = pair(without_lanplus(), bmc15(offered));
        match (pair.log_in(), expected) {
            (Ok(logged_in), Some(kind)) => {
                assert_eq!(logged_in.protection, Protection::Ipmi15(kind));
            }
            (Err(Error::AuthenticationNotOffered { wanted: Option::None, .. }), Option::None) => {
                assert_eq!(pair.sent.len(), 3, "asked thrice, but not for a challenge");
            }
            (result, expected) => panic!("{offered:?}: {result:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_type_that_was_asked_for_is_not_replaced_by_another() {
    for wanted in CODED {
        let offered = CODED.into_iter().filter(|kind| *kind != wanted).collect::<Vec<_>>();
        let config = SessionConfig { authentication: Some(wanted), ..without_lanplus() };
        let error = pair(config, bmc15(&offered)).log_in().unwrap_err();
        assert!(matches!(error, Error::AuthenticationNotOffered { .. }), "{error}");
    }
}

#[test]
fn ipmi_15_is_spoken_where_it_is_wanted_and_there() {
    let md5 = [AuthenticationType::Md5];
    let both = Config { ipmi15: Some(ipmi15(&md5)), ..bmc_config() };
    let in_clear = Config { ipmi15: Some(ipmi15(&[AuthenticationType::Password])), ..bmc_config() };
    let suite_17 = Ok(Protection::Ipmi20(CipherSuite::SUITE_17));
    let by_md5 = Ok(Protection::Ipmi15(AuthenticationType::Md5));
    use Protocol::{Ipmi15, Ipmi15Or20, Ipmi20};
    let cases = [
        (Ipmi15Or20, both.clone(), by_md5),
        (Ipmi15Or20, bmc15(&md5), by_md5),
        (Ipmi15Or20, bmc_config(), suite_17),
        // Up, where IPMI 1.5 would give the password away.
        (Ipmi15Or20, in_clear, suite_17),
        (Ipmi15, both.clone(), by_md5),
        (Ipmi15, bmc_config(), Err("the BMC answers, but offers no IPMI 1.5 on this channel")),
        (Ipmi20, both, suite_17),
        // Never down.
        (
            Ipmi20,
            bmc15(&md5),
            Err("the BMC answers, but offers no IPMI 2.0 (RMCP+) on this channel"),
        ),
    ];
    for (protocol, bmc, expected) in cases {
        let config = SessionConfig { protocol, ..config() };
        match (pair(config, bmc).log_in(), expected) {
            (Ok(logged_in), Ok(protection)) => assert_eq!(logged_in.protection, protection),
            (Err(error), Err(text)) => assert_eq!(error.to_string(), text),
            (result, expected) => panic!("{protocol:?}: {result:?} instead of {expected:?}"),
        }
    }
}

#[test]
fn a_bmc_that_refuses_the_question_for_ipmi_20_is_asked_for_ipmi_15() {
    let mut bmc = bmc15(&[AuthenticationType::Md5]);
    bmc.faults.refuse_extended_capabilities = true;
    let mut pair = pair(without_lanplus(), bmc.clone());
    assert_eq!(protection(pair.log_in()), Protection::Ipmi15(AuthenticationType::Md5));
    assert_eq!(pair.sent.len(), 5);
    let error = self::pair(config(), bmc).log_in().unwrap_err();
    assert!(matches!(error, Error::NoIpmi20), "{error}");
}

#[test]
fn passwords_of_more_than_sixteen_bytes_are_for_ipmi_20() {
    let password = "seventeen bytes!!";
    let user = User::administrator("admin", password).unwrap();
    let ipmi15 = Some(ipmi15(&[AuthenticationType::Md5]));
    let both = Config { ipmi15, ..Config::new(vec![user]) };
    let config = SessionConfig { password: Password::new(password).unwrap(), ..without_lanplus() };
    let mut pair = self::pair(config.clone(), both.clone());
    assert_eq!(protection(pair.log_in()), Protection::Ipmi20(CipherSuite::SUITE_17));
    let error = self::pair(config, Config { ipmi20: false, ..both }).log_in().unwrap_err();
    assert!(matches!(error, Error::PasswordTooLong15), "{error}");
}

#[test]
fn a_wrong_password_is_not_answered_and_ends_in_a_few_seconds() {
    for kind in CODED {
        let config = SessionConfig {
            password: Password::new("wrong password").unwrap(),
            authentication: Some(kind),
            ..without_lanplus()
        };
        let mut pair = pair(config, bmc15(&[kind]));
        let error = pair.log_in().unwrap_err();
        let Error::NoAnswer(no_answer) = &error else { panic!("{error}") };
        assert_eq!(no_answer.step, Step::ActivateSession);
        assert!(no_answer.heard_before);
        assert_eq!(no_answer.transmissions, 8);
        assert!(pair.elapsed() < 3 * SECOND, "{:?}", pair.elapsed());
    }
}

#[test]
fn unknown_users_and_levels_above_the_limit_are_named_as_the_reason() {
    let md5 = [AuthenticationType::Md5];
    let stranger =
        SessionConfig { username: Username::new("nobody").unwrap(), ..without_lanplus() };
    let error = pair(stranger, bmc15(&md5)).log_in().unwrap_err();
    assert_eq!(error.to_string(), "Get Session Challenge refused: no such user (0x81)");

    let user = User {
        max_privilege: Privilege::User,
        ..User::administrator("admin", "right password").unwrap()
    };
    let bmc = Config { users: vec![user], ..bmc15(&md5) };
    let error = pair(without_lanplus(), bmc).log_in().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Activate Session refused: requested privilege level exceeds the user or channel limit (0x86)"
    );
}

#[test]
fn a_full_session_table_is_waited_for_and_then_named_as_the_reason() {
    let bmc = Config { max_sessions: 0, ..bmc15(&[AuthenticationType::Md5]) };
    let mut pair = pair(without_lanplus(), bmc);
    let error = pair.log_in().unwrap_err();
    assert_eq!(error.to_string(), "Activate Session refused: no session slot available (0x81)");
    assert_eq!(pair.elapsed().as_secs(), 20);
    assert!(pair.sent.len() < 120, "{} sent", pair.sent.len());
}

#[test]
fn any_one_datagram_may_be_lost() {
    for lost in 0..20 {
        let mut index = 0;
        let mut pair = Pair::with(
            without_lanplus(),
            bmc15(&[AuthenticationType::Md5]),
            lost,
            move |_, datagram| {
                index += 1;
                if index - 1 == lost { Vec::new() } else { as_it_is(datagram) }
            },
        );
        see_power_go_off(&mut pair);
        assert!(pair.sent.len() <= 13, "datagram {lost} lost: {} sent", pair.sent.len());
        assert!(pair.elapsed() < SECOND, "datagram {lost} lost: {:?}", pair.elapsed());
    }
}

#[test]
fn a_bmc_that_is_slow_to_activate_is_given_the_time() {
    for delay in [600, 1000, 2000] {
        let mut pair = Pair::with(
            without_lanplus(),
            bmc15(&[AuthenticationType::Md5]),
            1,
            move |from, datagram| {
                let is_activation = from == From::Bmc
                    && packet15(datagram).is_some_and(|packet| {
                        ResponseMessage::parse(&packet.payload)
                            .is_ok_and(|message| message.command == ActivateSession::NUMBER)
                    });
                let delay = if is_activation { delay } else { 1 };
                vec![(delay * MILLISECOND, datagram.to_vec())]
            },
        );
        see_power_go_off(&mut pair);
    }
}

fn see_power_go_off(pair: &mut Pair) {
    pair.log_in().unwrap();
    assert!(pair.is_power_on().unwrap());
    pair.bmc.set_power(pair.now, Power::Off);
    assert!(!pair.is_power_on().unwrap());
    pair.close();
}

/// "Power is off", as an answer to the requests that could be under way.
fn lies() -> impl Iterator<Item = Vec<u8>> {
    let status = ChassisStatus {
        power_on: false,
        power_fault: false,
        power_control_fault: false,
        last_power_event: 0,
        miscellaneous: 0,
    };
    (0..64).map(move |sequence| {
        ResponseMessage {
            to: Address::REMOTE_CONSOLE,
            from: Address::BMC,
            network_function: GetChassisStatus::NETWORK_FUNCTION,
            command: GetChassisStatus::NUMBER,
            sequence,
            completion: CompletionCode::OK,
            data: status.to_data(),
        }
        .to_bytes()
    })
}

/// What somebody without the password can send, who sees what the BMC sends.
fn forgeries(genuine: &Packet15) -> Vec<Vec<u8>> {
    let code = genuine.authentication.code().copied().unwrap_or([0; 16]);
    let mut forgeries = vec![Vec::new(), vec![0], vec![0xff; 2000]];
    for payload in lies() {
        let of = |session_id, sequence, authentication| {
            let payload = payload.clone();
            Datagram::Ipmi15(Packet15 { authentication, sequence, session_id, payload })
        };
        let (id, next) = (genuine.session_id, genuine.sequence);
        let sessionless20 = Packet20::sessionless(PayloadType::Ipmi, payload.clone());
        let of_session20 = Packet20 { session_id: id, sequence: next, ..sessionless20.clone() };
        forgeries.extend(
            [
                of(0, 0, Authentication15::None),
                of(id, next, Authentication15::None),
                of(id, next, Authentication15::Md5([0; 16])),
                of(id, next, Authentication15::Md5(code)),
                of(id, next + 1, Authentication15::Md5(code)),
                of(0, next, Authentication15::Md5(code)),
                of(id, next, Authentication15::Md2(code)),
                of(id, next, Authentication15::Password(*b"right password\0\0")),
                of(id, next, Authentication15::Oem(code)),
                of(!id, next, Authentication15::Md5(code)),
                Datagram::Ipmi20(sessionless20),
                Datagram::Ipmi20(of_session20),
            ]
            .map(|datagram| datagram.to_bytes()),
        );
    }
    forgeries
}

#[test]
fn in_a_session_only_packets_with_the_right_code_count() {
    let mut pair =
        Pair::with(without_lanplus(), bmc15(&[AuthenticationType::Md5]), 1, |from, datagram| {
            let mut delivered: Delivered = Vec::new();
            if let (From::Bmc, Some(packet)) = (from, packet15(datagram)) {
                delivered.extend(forgeries(&packet).into_iter().map(|bytes| (MILLISECOND, bytes)));
            }
            delivered.push((2 * MILLISECOND, datagram.to_vec()));
            delivered
        });
    pair.log_in().unwrap();
    for _ in 0..70 {
        assert!(pair.is_power_on().unwrap(), "power is on, whatever the forgeries say");
    }
    pair.close();
}

#[test]
fn nobody_talks_a_session_out_of_its_codes() {
    // In front of each answer to Activate Session, one that wants no codes from now on.
    let mut pair =
        Pair::with(without_lanplus(), bmc15(&[AuthenticationType::Md5]), 1, |from, datagram| {
            let mut delivered: Delivered = Vec::new();
            if let (From::Bmc, Some(packet)) = (from, packet15(datagram))
                && let Ok(mut message) = ResponseMessage::parse(&packet.payload)
                && message.command == ActivateSession::NUMBER
            {
                message.data[0] = 0;
                for authentication in [Authentication15::None, packet.authentication] {
                    let payload = message.to_bytes();
                    let forged = Packet15 { authentication, payload, ..packet.clone() };
                    delivered.push((MILLISECOND, Datagram::Ipmi15(forged).to_bytes()));
                }
            }
            delivered.push((2 * MILLISECOND, datagram.to_vec()));
            delivered
        });
    let md5 = Protection::Ipmi15(AuthenticationType::Md5);
    assert_eq!(protection(pair.log_in()), md5);
    assert!(pair.is_power_on().unwrap());
}

#[test]
fn nobody_talks_a_login_into_giving_the_password_away() {
    // Whatever is claimed of the BMC's authentication types and versions.
    // None, MD2, MD5 and password, each there or not, in the format of IPMI 2.0 and of 1.5.
    for types in (0..0x20).chain(0x80..0xa0).filter(|types| types & 0x08 == 0) {
        for versions in 0..4 {
            let mut pair = Pair::with(
                without_lanplus(),
                Config { ipmi15: Some(ipmi15(&CODED)), ..bmc_config() },
                u64::from(types),
                move |from, datagram| {
                    let mut datagram = datagram.to_vec();
                    if let (From::Bmc, Some(packet)) = (from, packet15(&datagram))
                        && let Ok(mut message) = ResponseMessage::parse(&packet.payload)
                        && message.command == 0x38
                    {
                        message.data[1] = types;
                        message.data[3] = versions;
                        let packet = Packet15::sessionless(message.to_bytes());
                        datagram = Datagram::Ipmi15(packet).to_bytes();
                    }
                    as_it_is(&datagram)
                },
            );
            let _ = pair.log_in();
            let secret = b"right password";
            for (_, datagram) in &pair.sent {
                assert!(!datagram.windows(secret.len()).any(|bytes| bytes == secret));
                let is_none = packet15(datagram).is_some_and(|packet| {
                    packet.session_id != 0 && packet.authentication == Authentication15::None
                });
                assert!(!is_none, "types {types:#04x}: no session without codes");
            }
        }
    }
}

#[test]
fn without_codes_the_answer_is_of_this_session_for_this_request_and_new() {
    let bmc = Config {
        ipmi15: Some(Ipmi15 {
            per_message_authentication: false,
            ..ipmi15(&[AuthenticationType::Md5])
        }),
        ipmi20: false,
        ..bmc_config()
    };
    let mut pair = Pair::with(without_lanplus(), bmc, 1, |from, datagram| {
        let mut delivered: Delivered = Vec::new();
        if let (From::Bmc, Some(packet)) = (from, packet15(datagram))
            && let Ok(message) = ResponseMessage::parse(&packet.payload)
            && message.command == GetChassisStatus::NUMBER
        {
            let lie = ResponseMessage { data: vec![0, 0, 0], ..message.clone() };
            let of = |session_id, sequence, message: &ResponseMessage| {
                let payload = message.to_bytes();
                let authentication = Authentication15::None;
                Datagram::Ipmi15(Packet15 { authentication, sequence, session_id, payload })
            };
            let (id, next) = (packet.session_id, packet.sequence);
            let other = ResponseMessage { sequence: (lie.sequence + 1) & 0x3f, ..lie.clone() };
            let forged = [
                of(0, next, &lie),
                of(!id, next, &lie),
                of(id, 0, &lie),
                of(id, next.wrapping_add(1000), &lie),
                of(id, next.wrapping_sub(1000), &lie),
                of(id, next, &other),
            ];
            delivered.extend(forged.map(|datagram| (MILLISECOND, datagram.to_bytes())));
            // The last one has used up the number of the genuine answer; the next one is as good.
            let genuine = Packet15 { sequence: next + 1, ..packet };
            delivered.push((2 * MILLISECOND, Datagram::Ipmi15(genuine).to_bytes()));
            return delivered;
        }
        as_it_is(datagram)
    });
    assert_eq!(protection(pair.log_in()), Protection::Ipmi15(AuthenticationType::None));
    for _ in 0..70 {
        assert!(pair.is_power_on().unwrap(), "power is on, whatever the forgeries say");
    }
}

#[test]
fn where_codes_are_for_the_login_alone_requests_go_without() {
    for (per_message_authentication, user_level_authentication) in
        [(false, true), (true, false), (false, false)]
    {
        let offered = Ipmi15 {
            per_message_authentication,
            user_level_authentication,
            ..ipmi15(&[AuthenticationType::Md5])
        };
        let bmc = Config { ipmi15: Some(offered), ipmi20: false, ..bmc_config() };
        let mut pair = pair(without_lanplus(), bmc);
        let kind = if per_message_authentication {
            AuthenticationType::Md5
        } else {
            AuthenticationType::None
        };
        assert_eq!(protection(pair.log_in()), Protection::Ipmi15(kind));
        see_status_and_close(&mut pair);
    }
}

fn see_status_and_close(pair: &mut Pair) {
    assert!(pair.is_power_on().unwrap());
    pair.bmc.set_power(pair.now, Power::Off);
    assert!(!pair.is_power_on().unwrap());
    pair.close();
    let request = pair.sent.last().and_then(|(_, datagram)| packet15(datagram)).unwrap();
    assert_eq!(RequestMessage::parse(&request.payload).unwrap().command, 0x3c);
}

fn packet15(datagram: &[u8]) -> Option<Packet15> {
    match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi15(packet)) => Some(packet),
        _ => None,
    }
}
