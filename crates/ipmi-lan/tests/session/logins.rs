//! Who gets in, with what, and what is said to those who do not.

use bmc_sim::{Config, EventKind, User};
use ipmi_lan::session::SessionConfig;
use ipmi_lan::wire::{Datagram, OpenSessionRequest, Packet20, PayloadType, Rakp4};
use ipmi_lan::{CipherSuite, Error, Kg, Password, Privilege, RmcpPlusStatus, Step, Username};

use crate::pair::{From, MILLISECOND, Pair, SECOND, as_it_is, bmc_config, config, payload_type_of};

fn pair(config: SessionConfig, bmc: Config) -> Pair {
    Pair::with(config, bmc, 7, |_, datagram| as_it_is(datagram))
}

#[test]
fn a_login_takes_five_datagrams_a_status_one_and_the_end_one() {
    for suite in CipherSuite::ALL {
        let mut pair = pair(SessionConfig { cipher_suites: vec![suite], ..config() }, all_suites());
        assert_eq!(pair.log_in_with_suite().unwrap(), suite);
        assert_eq!(pair.sent.len(), 5, "capabilities, Open Session, RAKP 1, RAKP 3, privilege");
        assert!(pair.is_power_on().unwrap());
        pair.close();
        assert_eq!(pair.sent.len(), 7);
        assert!(matches!(pair.bmc.events().last().unwrap().kind, EventKind::SessionClosed { .. }));
    }
}

fn all_suites() -> Config {
    Config { cipher_suites: CipherSuite::ALL.to_vec(), ..bmc_config() }
}

#[test]
fn only_suites_of_good_standing_are_proposed_unasked() {
    for suite in CipherSuite::ALL {
        let result = pair(config(), Config { cipher_suites: vec![suite], ..bmc_config() })
            .log_in_with_suite();
        match result {
            Ok(used) => assert!([3, 17].contains(&used.id())),
            Err(error) => assert!(matches!(error, Error::SuitesRefused { .. }), "{error}"),
        }
    }
}

#[test]
fn the_best_suite_that_both_sides_have_is_used() {
    let offers = [
        (CipherSuite::RECOMMENDED.to_vec(), CipherSuite::SUITE_17),
        (vec![CipherSuite::SUITE_17], CipherSuite::SUITE_17),
        (vec![CipherSuite::SUITE_3], CipherSuite::SUITE_3),
    ];
    for (cipher_suites, expected) in offers {
        let mut pair = pair(config(), Config { cipher_suites, ..bmc_config() });
        assert_eq!(pair.log_in_with_suite().unwrap(), expected);
    }
}

#[test]
fn a_suite_that_was_asked_for_is_not_replaced_by_another() {
    let wanted = SessionConfig { cipher_suites: vec![CipherSuite::SUITE_17], ..config() };
    let mut pair =
        pair(wanted, Config { cipher_suites: vec![CipherSuite::SUITE_3], ..bmc_config() });
    let error = pair.log_in().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Open Session refused for cipher suite 17: no cipher suite match with proposed security algorithms (0x11)"
    );
}

#[test]
fn a_bmc_that_ignores_unknown_suites_costs_three_seconds() {
    let mut pair = Pair::with(config(), bmc_config(), 7, |from, datagram| {
        let is_proposal_of_17 = from == From::Console
            && payload_type_of(datagram) == Some(PayloadType::OpenSessionRequest)
            && datagram[16 + 8 + 4] == 3;
        if is_proposal_of_17 { Vec::new() } else { as_it_is(datagram) }
    });
    assert_eq!(pair.log_in_with_suite().unwrap(), CipherSuite::SUITE_3);
    assert!(pair.elapsed().as_millis() < 3000, "{:?}", pair.elapsed());
}

#[test]
fn kg_logs_in_where_the_bmc_has_it_and_only_there() {
    let kg = |text: &str| Some(Kg::new(text).unwrap());
    // Suite 0 has no key at all.
    for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.id() != 0) {
        let cases = [
            (None, None, Ok(())),
            (kg("kg"), kg("kg"), Ok(())),
            (kg("kg"), kg("gk"), Err(true)),
            (kg("kg"), None, Err(false)),
            (None, kg("kg"), Err(true)),
        ];
        for (at_bmc, given, expected) in cases {
            let config = SessionConfig { kg: given, cipher_suites: vec![suite], ..config() };
            let result = pair(config, Config { kg: at_bmc, ..all_suites() }).log_in_with_suite();
            match (result, expected) {
                (Ok(used), Ok(())) => assert_eq!(used, suite),
                (Err(Error::WrongKg { kg_given }), Err(expected)) => assert_eq!(kg_given, expected),
                (result, expected) => panic!("{result:?} instead of {expected:?}"),
            }
        }
    }
}

#[test]
fn a_wrong_password_ends_at_once_and_rakp_3_is_never_sent() {
    for password in ["wrong password", "", "right passwor", "right password "] {
        let password = Password::new(password).unwrap();
        let mut pair = pair(SessionConfig { password, ..config() }, bmc_config());
        assert!(matches!(pair.log_in(), Err(Error::WrongPassword)));
        assert_eq!(pair.count_sent(PayloadType::Rakp1), 1);
        assert_eq!(pair.count_sent(PayloadType::Rakp3), 0);
    }
}

#[test]
fn an_unknown_user_is_named_as_the_reason() {
    let username = Username::new("nobody").unwrap();
    let error = pair(SessionConfig { username, ..config() }, bmc_config()).log_in().unwrap_err();
    assert_eq!(
        error.to_string(),
        "RAKP 1 for privilege level administrator refused: unauthorized name (0x0d)"
    );
}

#[test]
fn each_privilege_level_logs_in_up_to_the_users_limit() {
    let levels =
        [Privilege::Callback, Privilege::User, Privilege::Operator, Privilege::Administrator];
    for limit in levels {
        for wanted in levels {
            let user = User {
                max_privilege: limit,
                ..User::administrator("admin", "right password").unwrap()
            };
            let mut pair =
                pair(SessionConfig { privilege: wanted, ..config() }, Config::new(vec![user]));
            match pair.log_in() {
                Ok(_) => assert!(wanted <= limit),
                Err(Error::LoginRefused { step: Step::Rakp1, status, privilege }) => {
                    assert_eq!(status, RmcpPlusStatus::UNAUTHORIZED_ROLE);
                    assert_eq!(privilege, wanted);
                    assert!(wanted > limit);
                }
                Err(error) => panic!("{error}"),
            }
        }
    }
}

#[test]
fn names_and_passwords_of_full_length_log_in() {
    let (name, word) = ([b'n'; Username::MAX], [b'w'; Password::MAX]);
    let user = User::administrator(name, word).unwrap();
    let config = SessionConfig {
        username: Username::new(name).unwrap(),
        password: Password::new(word).unwrap(),
        ..config()
    };
    assert!(pair(config, Config::new(vec![user])).log_in().is_ok());
}

#[test]
fn session_ids_and_tags_differ_between_logins() {
    let open_session = |seed| {
        let mut pair = Pair::with(config(), bmc_config(), seed, |_, datagram| as_it_is(datagram));
        pair.log_in().unwrap();
        let (_, request) = pair
            .sent
            .iter()
            .find(|(_, datagram)| {
                payload_type_of(datagram) == Some(PayloadType::OpenSessionRequest)
            })
            .unwrap();
        (request[16], request[20..24].to_vec())
    };
    let (one, other) = (open_session(1), open_session(2));
    assert_ne!(one.0, other.0, "tags");
    assert_ne!(one.1, other.1, "session ids");
}

#[test]
fn a_full_session_table_is_waited_for_and_then_named_as_the_reason() {
    let mut pair = pair(config(), Config { max_sessions: 0, ..bmc_config() });
    let error = pair.log_in().unwrap_err();
    assert_eq!(
        error.to_string(),
        "Open Session for privilege level administrator refused: insufficient resources to create a session (0x01)"
    );
    assert_eq!(pair.elapsed().as_secs(), 20);
}

#[test]
fn a_session_table_that_was_full_for_a_second_costs_no_suite() {
    let idle = Config { max_sessions: 1, session_idle_timeout: SECOND, ..bmc_config() };
    let mut pair = pair(config(), idle);
    // Somebody else's session, which ends when it has been idle for a second.
    let request = OpenSessionRequest {
        tag: 1,
        privilege: None,
        console_session_id: 1,
        algorithms: CipherSuite::SUITE_3.algorithms(),
    };
    let packet = Packet20::sessionless(PayloadType::OpenSessionRequest, request.to_bytes());
    pair.bmc.handle(pair.now, &Datagram::Ipmi20(packet).to_bytes());
    assert_eq!(pair.log_in_with_suite().unwrap(), CipherSuite::SUITE_17);
}

#[test]
fn a_login_given_up_while_rakp_4_is_awaited_gives_the_session_back() {
    let mut pair = Pair::new(|_, datagram| match payload_type_of(datagram) {
        Some(PayloadType::Rakp4) => Vec::new(),
        _ => as_it_is(datagram),
    });
    assert!(matches!(pair.log_in(), Err(Error::NoAnswer(_))));
    pair.settle();
    let is_opened = |kind: &EventKind| matches!(kind, EventKind::SessionOpened { .. });
    let is_closed = |kind: &EventKind| matches!(kind, EventKind::SessionClosed { .. });
    let count = |is: fn(&EventKind) -> bool| {
        pair.bmc.events().iter().filter(|event| is(&event.kind)).count()
    };
    assert!(count(is_opened) >= 2);
    assert_eq!(count(is_opened), count(is_closed));
}

#[test]
fn a_login_that_starts_anew_after_rakp_4_was_lost_gives_the_first_session_back() {
    let mut answers = 0;
    let mut pair = Pair::new(move |_, datagram| {
        if payload_type_of(datagram) != Some(PayloadType::Rakp4) {
            return as_it_is(datagram);
        }
        answers += 1;
        match answers {
            1 => Vec::new(),
            2 => as_it_is(&rakp4_refused(datagram)),
            _ => as_it_is(datagram),
        }
    });
    pair.log_in().unwrap();
    pair.close();
    pair.settle();
    let count = |is: fn(&EventKind) -> bool| {
        pair.bmc.events().iter().filter(|event| is(&event.kind)).count()
    };
    assert_eq!(count(|kind| matches!(kind, EventKind::SessionOpened { .. })), 2);
    assert_eq!(count(|kind| matches!(kind, EventKind::SessionClosed { .. })), 2);
}

/// A BMC that has activated the session, and then refuses the repeated RAKP 3.
fn rakp4_refused(datagram: &[u8]) -> Vec<u8> {
    let Ok(Datagram::Ipmi20(mut packet)) = Datagram::parse(datagram) else { panic!() };
    let Ok(Rakp4::Accepted { tag, console_session_id, .. }) = Rakp4::parse(&packet.payload) else {
        panic!()
    };
    let status = RmcpPlusStatus::INVALID_SESSION_ID;
    let console_session_id = Some(console_session_id);
    packet.payload = Rakp4::Refused { tag, status, console_session_id }.to_bytes();
    Datagram::Ipmi20(packet).to_bytes()
}

#[test]
fn a_login_that_gets_half_way_again_and_again_is_given_up_in_time() {
    let mut pair = Pair::new(|_, datagram| match payload_type_of(datagram) {
        Some(PayloadType::Rakp2) => Vec::new(),
        _ => as_it_is(datagram),
    });
    assert!(matches!(pair.log_in(), Err(Error::NoAnswer(_))));
    assert!(pair.elapsed() <= 20 * SECOND + 10 * MILLISECOND, "{:?}", pair.elapsed());
}
