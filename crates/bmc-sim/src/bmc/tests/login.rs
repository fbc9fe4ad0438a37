use ipmi_lan::command::{
    CipherSuiteChunk, Command, GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
    GetDeviceId,
};
use ipmi_lan::wire::{
    Datagram, OpenSessionResponse, Packet15, PayloadType, PresencePing, PresencePong,
    ProposedAlgorithms, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage, Role,
};
use ipmi_lan::{CipherSuite, CompletionCode, Kg, Password, Privilege, RmcpPlusStatus, Username};

use super::{Bench, CONSOLE_SESSION_ID, Credentials, config, credentials, rakp1, rakp3, user};
use crate::{Config, EventKind, Protection, RefusalReason, User};

#[test]
fn a_ping_is_answered() {
    let mut bench = Bench::new(config());
    let ping = |tag| Datagram::PresencePing(PresencePing { tag });
    let pong = PresencePong { tag: 7, ipmi: true };
    assert_eq!(bench.send(&ping(7)), Some(Datagram::PresencePong(pong)));
    assert_eq!(bench.send(&ping(0xff)), None);
    assert_eq!((bench.bmc.datagrams().received, bench.bmc.datagrams().sent), (2, 1));
}

#[test]
fn capabilities_are_told_in_both_formats() {
    let kg = Some(Kg::new("key").unwrap());
    let mut bench = Bench::new(Config { kg, ..config() });
    let privilege = Privilege::Administrator;
    let question = GetChannelAuthenticationCapabilities { extended: true, privilege };
    let answers = [ask15(&mut bench, &question), ask20(&mut bench, &question)];
    for answer in answers {
        let capabilities = question.parse_response(&answer.unwrap().data).unwrap();
        assert!(capabilities.ipmi20 && !capabilities.ipmi15);
        assert!(capabilities.kg_set && capabilities.named_users && !capabilities.null_user);
    }
}

#[test]
fn cipher_suites_are_listed_in_and_outside_a_session() {
    let mut bench = Bench::new(config());
    let question = GetChannelCipherSuites { index: 0 };
    let outside = ask20(&mut bench, &question).unwrap();
    let outside = question.parse_response(&outside.data).unwrap();
    assert_eq!(CipherSuiteChunk::suite_ids(&outside.records), [17, 3]);
    let inside = bench.login(&credentials()).ask(&mut bench, &question).unwrap();
    assert_eq!(inside, outside);
    let beyond = ask20(&mut bench, &GetChannelCipherSuites { index: 1 }).unwrap();
    assert_eq!(beyond.data.len(), 1, "the channel's number alone");
}

#[test]
fn other_commands_need_a_session() {
    let mut bench = Bench::new(config());
    let answer = ask15(&mut bench, &GetDeviceId).unwrap();
    assert_eq!(answer.completion, CompletionCode::INSUFFICIENT_PRIVILEGE);
}

#[test]
fn a_login_succeeds_with_each_suite_with_and_without_kg() {
    for suite in CipherSuite::ALL {
        for kg in [None, Some(Kg::new([0, 1, 2]).unwrap())] {
            let cipher_suites = CipherSuite::ALL.to_vec();
            let mut bench = Bench::new(Config { kg: kg.clone(), cipher_suites, ..config() });
            let mut console = bench.login(&Credentials { suite, kg, ..credentials() });
            assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
            let (user, privilege) = (user().name, Privilege::Administrator);
            let protection = Protection::Ipmi20(suite);
            assert_eq!(bench.count(&EventKind::SessionOpened { user, protection, privilege }), 1);
        }
    }
}

#[test]
fn a_console_with_another_kg_sees_it_in_rakp4() {
    let mut bench = Bench::new(Config { kg: Some(Kg::new("one").unwrap()), ..config() });
    let id = bench.open_session(CipherSuite::SUITE_17);
    let exchange = bench.exchange(&credentials(), id);
    let password = user().password;
    let Rakp4::Accepted { code, .. } = bench.rakp3(&rakp3(&exchange, &password)) else { panic!() };
    let genuine = |kg: Option<&str>| {
        let kg = kg.map(|kg| Kg::new(kg).unwrap());
        exchange.session_integrity_key(&password, kg.as_ref()).is_rakp4_genuine(&code)
    };
    assert!(genuine(Some("one")));
    assert!(!genuine(Some("two")) && !genuine(None));
}

#[test]
fn algorithms_that_are_not_spoken_are_named() {
    let suite_3 = CipherSuite::SUITE_3.algorithms();
    let mut bench = Bench::new(config());
    for (proposed, expected) in [
        (
            ProposedAlgorithms { authentication: 4, ..suite_3 },
            RmcpPlusStatus::INVALID_AUTHENTICATION_ALGORITHM,
        ),
        (
            ProposedAlgorithms { integrity: 5, ..suite_3 },
            RmcpPlusStatus::INVALID_INTEGRITY_ALGORITHM,
        ),
        (
            // xRC4-128
            ProposedAlgorithms { confidentiality: 2, ..suite_3 },
            RmcpPlusStatus::INVALID_CONFIDENTIALITY_ALGORITHM,
        ),
        (ProposedAlgorithms { integrity: 4, ..suite_3 }, RmcpPlusStatus::NO_CIPHER_SUITE_MATCH),
    ] {
        assert_refused(&bench.open_session_with(proposed, None), expected);
    }
}

#[test]
fn a_suite_that_is_not_offered_is_no_match() {
    let mut bench = Bench::new(Config { cipher_suites: vec![CipherSuite::SUITE_3], ..config() });
    bench.open_session(CipherSuite::SUITE_3);
    let answer = bench.open_session_with(CipherSuite::SUITE_17.algorithms(), None);
    assert_refused(&answer, RmcpPlusStatus::NO_CIPHER_SUITE_MATCH);
}

#[test]
fn a_full_table_refuses_until_a_session_expires() {
    let mut bench = Bench::new(Config { max_sessions: 1, ..config() });
    bench.open_session(CipherSuite::SUITE_3);
    let again =
        |bench: &mut Bench| bench.open_session_with(CipherSuite::SUITE_3.algorithms(), None);
    bench.wait(59.9);
    assert_refused(&again(&mut bench), RmcpPlusStatus::INSUFFICIENT_RESOURCES);
    bench.wait(0.1);
    assert!(matches!(again(&mut bench), OpenSessionResponse::Accepted { .. }));
    assert_eq!(bench.count(&EventKind::SessionExpired), 1);
}

#[test]
fn the_limit_of_open_session_is_answered_and_kept() {
    let mut bench = Bench::new(config());
    let algorithms = CipherSuite::SUITE_3.algorithms();
    let limit = Some(Privilege::Operator);
    let answer = bench.open_session_with(algorithms, limit);
    let OpenSessionResponse::Accepted { bmc_session_id, privilege, .. } = answer else { panic!() };
    assert_eq!(privilege, limit);
    let answer = bench.rakp1(&rakp1(&credentials(), bmc_session_id));
    assert_rakp2_refused(&answer, RmcpPlusStatus::UNAUTHORIZED_ROLE);
}

#[test]
fn users_are_refused_for_their_name_or_level() {
    let name = |name: &str| Username::new(name).unwrap();
    let disabled = User { name: name("disabled"), enabled: false, ..user() };
    let reader = User { name: name("reader"), max_privilege: Privilege::User, ..user() };
    let users = vec![user(), disabled, reader];
    let mut bench = Bench::new(Config { users, ..config() });
    for (user, expected) in [
        ("nobody", RmcpPlusStatus::UNAUTHORIZED_NAME),
        ("", RmcpPlusStatus::UNAUTHORIZED_NAME),
        ("disabled", RmcpPlusStatus::UNAUTHORIZED_NAME),
        ("reader", RmcpPlusStatus::UNAUTHORIZED_ROLE),
    ] {
        let id = bench.open_session(CipherSuite::SUITE_17);
        let request = rakp1(&Credentials { name: name(user), ..credentials() }, id);
        assert_rakp2_refused(&bench.rakp1(&request), expected);
        let reason = RefusalReason::Status(expected);
        let refused = EventKind::SessionRefused { user: Some(name(user)), reason };
        assert_eq!(*bench.last_event(), refused);
        // It makes room at once.
        let Rakp2::Refused { status, .. } = bench.rakp1(&request) else { panic!() };
        assert_eq!(status, RmcpPlusStatus::INVALID_SESSION_ID);
    }
}

#[test]
fn users_may_be_looked_up_by_name_and_level() {
    let password = Password::new("of the reader").unwrap();
    let reader = User { password, max_privilege: Privilege::User, ..user() };
    let mut bench = Bench::new(Config { users: vec![user(), reader.clone()], ..config() });
    let role = Role { privilege: Privilege::User, name_only: false };
    bench.login(&Credentials { password: reader.password, role, ..credentials() });
    let role = Role { privilege: Privilege::Operator, name_only: false };
    let id = bench.open_session(CipherSuite::SUITE_17);
    let answer = bench.rakp1(&rakp1(&Credentials { role, ..credentials() }, id));
    assert_rakp2_refused(&answer, RmcpPlusStatus::UNAUTHORIZED_NAME);
}

#[test]
fn a_wrong_password_is_a_wrong_integrity_check() {
    // Suite 0 asks for no proof.
    for suite in CipherSuite::ALL.into_iter().filter(|suite| suite.id() != 0) {
        let cipher_suites = vec![suite];
        let mut bench = Bench::new(Config { cipher_suites, ..config() });
        let id = bench.open_session(suite);
        let exchange = bench.exchange(&Credentials { suite, ..credentials() }, id);
        let wrong = rakp3(&exchange, &Password::new("wrong").unwrap());
        let answer = bench.rakp3(&wrong);
        assert_rakp4_refused(&answer, RmcpPlusStatus::INVALID_INTEGRITY_CHECK);
        let right = rakp3(&exchange, &user().password);
        assert_rakp4_refused(&bench.rakp3(&right), RmcpPlusStatus::INVALID_SESSION_ID);
    }
}

#[test]
fn unknown_sessions_and_steps_out_of_order_are_refused() {
    let mut bench = Bench::new(config());
    let id = bench.open_session(CipherSuite::SUITE_17);
    let unknown = rakp1(&credentials(), id ^ 1);
    assert_rakp2_refused(&bench.rakp1(&unknown), RmcpPlusStatus::INVALID_SESSION_ID);
    let status = RmcpPlusStatus::NO_ERRORS;
    let early = Rakp3 { tag: 3, status, bmc_session_id: id, code: vec![0; 32] };
    assert_rakp4_refused(&bench.rakp3(&early), RmcpPlusStatus::INVALID_SESSION_ID);
    bench.exchange(&credentials(), id);
}

#[test]
fn a_login_that_the_console_gives_up_makes_room() {
    let mut bench = Bench::new(Config { max_sessions: 1, ..config() });
    let id = bench.open_session(CipherSuite::SUITE_17);
    bench.exchange(&credentials(), id);
    let status = RmcpPlusStatus::INVALID_INTEGRITY_CHECK;
    let farewell = Rakp3 { tag: 3, status, bmc_session_id: id, code: Vec::new() };
    assert_eq!(bench.send_payload(PayloadType::Rakp3, farewell.to_bytes()), None);
    assert_eq!(*bench.last_event(), EventKind::LoginAbandoned { user: user().name, status });
    bench.open_session(CipherSuite::SUITE_17);
}

#[test]
fn lost_rakp_answers_can_be_had_again() {
    let mut bench = Bench::new(config());
    let id = bench.open_session(CipherSuite::SUITE_17);
    let request = rakp1(&credentials(), id);
    let lost = bench.rakp1(&request);
    assert_eq!(bench.rakp1(&request), lost);
    let other = Rakp1 { console_random: [1; 16], ..request.clone() };
    assert_ne!(bench.rakp1(&other), lost, "another random number begins anew");

    let exchange = bench.exchange(&credentials(), id);
    let request = rakp3(&exchange, &user().password);
    let lost = bench.rakp3(&request);
    assert!(matches!(lost, Rakp4::Accepted { .. }));
    assert_eq!(bench.rakp3(&request), lost);
    let opened = |event: &&crate::Event| matches!(event.kind, EventKind::SessionOpened { .. });
    assert_eq!(bench.bmc.events().iter().filter(opened).count(), 1);
}

#[test]
fn a_stranger_cannot_disturb_an_active_session() {
    let mut bench = Bench::new(config());
    let mut console = bench.login(&credentials());
    let id = console.bmc_session_id;
    bench.rakp1(&rakp1(&credentials(), id));
    let status = RmcpPlusStatus::INVALID_INTEGRITY_CHECK;
    let farewell = Rakp3 { tag: 3, status, bmc_session_id: id, code: Vec::new() };
    bench.send_payload(PayloadType::Rakp3, farewell.to_bytes());
    let wrong = Rakp3 { status: RmcpPlusStatus::NO_ERRORS, ..farewell };
    assert_rakp4_refused(&bench.rakp3(&wrong), RmcpPlusStatus::INVALID_SESSION_ID);
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());

    bench.wait(59.0);
    bench.rakp1(&rakp1(&credentials(), id));
    bench.wait(1.0);
    assert!(console.try_ask(&mut bench, &GetDeviceId).is_none(), "nor keep it alive");
}

fn ask15<C: Command>(bench: &mut Bench, command: &C) -> Option<ResponseMessage> {
    let packet = Packet15::sessionless(request(command).to_bytes());
    match bench.send(&Datagram::Ipmi15(packet))? {
        Datagram::Ipmi15(answer) => Some(ResponseMessage::parse(&answer.payload).unwrap()),
        other => panic!("{other:?}"),
    }
}

fn ask20<C: Command>(bench: &mut Bench, command: &C) -> Option<ResponseMessage> {
    let answer = bench.send_payload(PayloadType::Ipmi, request(command).to_bytes())?;
    Some(ResponseMessage::parse(&answer).unwrap())
}

fn request<C: Command>(command: &C) -> RequestMessage {
    command.to_message(9)
}

fn assert_refused(answer: &OpenSessionResponse, expected: RmcpPlusStatus) {
    let console_session_id = Some(CONSOLE_SESSION_ID);
    let refused = OpenSessionResponse::Refused { tag: 1, status: expected, console_session_id };
    assert_eq!(*answer, refused);
}

fn assert_rakp2_refused(answer: &Rakp2, expected: RmcpPlusStatus) {
    let Rakp2::Refused { tag: 2, status, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(*status, expected);
}

fn assert_rakp4_refused(answer: &Rakp4, expected: RmcpPlusStatus) {
    let Rakp4::Refused { tag: 3, status, .. } = answer else { panic!("{answer:?}") };
    assert_eq!(*status, expected);
}
