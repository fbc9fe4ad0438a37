use ipmi_lan::command::{
    AuthenticationCapabilities, GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
    GetDeviceId,
};
use ipmi_lan::wire::{Authentication15, OpenSessionRequest, Packet20, PayloadType};
use ipmi_lan::{AuthenticationTypes, CipherSuite, Kg};

use super::*;
use crate::{EventKind, Faults, Protection, RefusalReason, User};

const IDLE: f64 = 60.0;

fn capabilities(config: &Config, extended: bool) -> AuthenticationCapabilities {
    let privilege = Privilege::Operator;
    let question = GetChannelAuthenticationCapabilities { extended, privilege };
    Bench::new(config.clone()).ask15(&question).unwrap().unwrap()
}

#[test]
fn the_versions_and_types_on_offer_are_told() {
    use AuthenticationType::{Md2, Md5, None, Password};
    let all = AuthenticationTypes::from_iter([None, Md2, Md5, Password]);
    for (config, extended, ipmi15, ipmi20, types) in [
        (config(), true, true, true, all),
        (super::super::config(), true, false, true, AuthenticationTypes::default()),
        // Without the extended data, nothing is said of IPMI 2.0, nor that there is no IPMI 1.5.
        (config(), false, true, false, all),
        (Config { ipmi20: false, ..config() }, false, true, false, all),
        (Config { ipmi20: false, ..config() }, true, true, false, all),
    ] {
        let told = capabilities(&config, extended);
        assert_eq!((told.ipmi15, told.ipmi20, told.authentication_types), (ipmi15, ipmi20, types));
        assert!(!told.per_message_authentication_disabled);
        assert!(!told.user_level_authentication_disabled);
    }
}

#[test]
fn the_users_and_kg_are_told() {
    let users = |list: &[(&str, &str)]| {
        list.iter().map(|(name, password)| User::administrator(name, password).unwrap()).collect()
    };
    for (list, named, null, anonymous) in [
        (&[("admin", "secret")][..], true, false, false),
        (&[("", "secret")], false, true, false),
        (&[("", "")], false, false, true),
        (&[("admin", ""), ("", "x"), ("", "")], true, true, true),
    ] {
        let told = capabilities(&Config { users: users(list), ..config() }, true);
        assert_eq!(
            (told.named_users, told.null_user, told.anonymous_user),
            (named, null, anonymous)
        );
        assert!(!told.kg_set);
    }
    let kg = Some(Kg::new("kg").unwrap());
    assert!(capabilities(&Config { kg, ..config() }, true).kg_set);
}

#[test]
fn which_authentication_is_off_is_told() {
    for (per_message_authentication, user_level_authentication) in [(true, false), (false, true)] {
        let ipmi15 = Ipmi15 {
            per_message_authentication,
            user_level_authentication,
            ..Ipmi15::new([AuthenticationType::Md5])
        };
        let told = capabilities(&Config { ipmi15: Some(ipmi15), ..config() }, true);
        assert_eq!(told.per_message_authentication_disabled, !per_message_authentication);
        assert_eq!(told.user_level_authentication_disabled, !user_level_authentication);
    }
}

#[test]
fn a_request_for_the_extended_data_may_be_refused() {
    let faults = Faults { refuse_extended_capabilities: true, ..Faults::default() };
    let mut bench = Bench::new(Config { faults, ipmi20: false, ..config() });
    let privilege = Privilege::Operator;
    let ask = |extended| GetChannelAuthenticationCapabilities { extended, privilege };
    assert_eq!(bench.ask15(&ask(true)).unwrap(), Err(CompletionCode::INVALID_DATA_FIELD));
    assert!(bench.ask15(&ask(false)).unwrap().unwrap().ipmi15);
}

#[test]
fn where_there_is_no_ipmi_20_nothing_of_it_is_answered() {
    let mut bench = Bench::new(Config { ipmi20: false, ..config() });
    let open = OpenSessionRequest {
        tag: 0,
        privilege: None,
        console_session_id: 1,
        algorithms: CipherSuite::SUITE_17.algorithms(),
    };
    assert_eq!(bench.send_payload(PayloadType::OpenSessionRequest, open.to_bytes()), None);
    let query = GetChannelCipherSuites { index: 0 };
    let packet = Packet20::sessionless(PayloadType::Ipmi, query.to_message(1).to_bytes());
    assert_eq!(bench.send(&Datagram::Ipmi20(packet)), None);
    assert_eq!(bench.ask15(&query).unwrap(), Err(CompletionCode::INVALID_COMMAND));
}

#[test]
fn where_there_is_no_ipmi_15_no_session_of_it_begins() {
    let mut bench = Bench::new(super::super::config());
    let (authentication, username) = (AuthenticationType::None, user().name);
    let challenge = GetSessionChallenge { authentication, username };
    assert_eq!(bench.ask15(&challenge).unwrap(), Err(CompletionCode::INVALID_COMMAND));
    let challenge = Challenge { temporary_session_id: 1, challenge: [0; 16] };
    let request = activation(authentication, challenge);
    assert_eq!(bench.activate(1, &codes(authentication), &request), None);
}

#[test]
fn a_challenge_is_refused_to_who_could_not_log_in() {
    let users = vec![
        user(),
        User { enabled: false, ..User::administrator("disabled", "x").unwrap() },
        User::administrator("long", "17 bytes password").unwrap(),
    ];
    let mut bench = Bench::new(Config { users, ..config() });
    for (user, authentication, expected) in [
        ("nobody", AuthenticationType::Md5, 0x81),
        ("disabled", AuthenticationType::Md5, 0x81),
        ("long", AuthenticationType::Md5, 0x81),
        ("", AuthenticationType::Md5, 0x82),
        ("admin", AuthenticationType::Oem, 0xcc),
    ] {
        let username = name(user);
        let answer = bench.ask15(&GetSessionChallenge { authentication, username }).unwrap();
        assert_eq!(answer, Err(CompletionCode(expected)), "{user:?} {authentication}");
        assert_eq!(*bench.last_event(), refused(user, "Get Session Challenge", expected));
    }
}

#[test]
fn nothing_outside_a_session_has_a_code_or_a_sequence_number() {
    let mut bench = Bench::new(config());
    let (authentication, username) = (AuthenticationType::Md5, user().name);
    let message = GetSessionChallenge { authentication, username }.to_message(1).to_bytes();
    let packet = Packet15::sessionless(message);
    for wrong in [
        Packet15 { sequence: 1, ..packet.clone() },
        Packet15 { authentication: Authentication15::Md5([0; 16]), ..packet },
    ] {
        assert_eq!(bench.send15(wrong), None);
    }
}

#[test]
fn a_login_is_answered_with_the_code_and_numbers_that_were_asked_for() {
    for kind in AuthenticationType::ALL {
        let mut bench =
            Bench::new(Config { ipmi15: Some(Ipmi15::new(AuthenticationType::ALL)), ..config() });
        let challenge = bench.challenge(kind);
        let id = challenge.temporary_session_id;
        let request = activation(kind, challenge);
        let answer = bench.activate(id, &codes(kind), &request).unwrap();
        assert!(codes(kind).is_genuine(&answer), "{kind}");
        assert_eq!((answer.session_id, answer.sequence), (id, FIRST_OUTBOUND));
        let activated = accepted(&request, &answer);
        assert_eq!(activated.authentication, kind);
        assert_eq!(activated.privilege, Privilege::Administrator);
        assert!(![0, id].contains(&activated.session_id));
        assert_ne!(activated.first_inbound_sequence, 0);
        let opened = EventKind::SessionOpened {
            user: user().name,
            protection: Protection::Ipmi15(kind),
            privilege: Privilege::Administrator,
        };
        assert_eq!(*bench.last_event(), opened);
    }
}

#[test]
fn who_does_not_know_the_password_is_told_nothing() {
    let kind = AuthenticationType::Md5;
    let wrong_password = Codes15::new(kind, &ipmi_lan::Password::new("wrong").unwrap());
    let mut bench = Bench::new(config());
    let challenge = bench.challenge(kind);
    let id = challenge.temporary_session_id;
    let right = activation(kind, challenge);
    let wrong_challenge = ActivateSession { challenge: [0; 16], ..right };
    for (codes, request) in [
        (&wrong_password, &right),
        (&codes(AuthenticationType::Password), &right),
        (&codes(AuthenticationType::None), &right),
        (&codes(kind), &wrong_challenge),
    ] {
        assert_eq!(bench.activate(id, codes, request), None);
        let (user, reason) = (Some(user().name), RefusalReason::WrongCode);
        assert_eq!(*bench.last_event(), EventKind::SessionRefused { user, reason });
    }
    let not_before_a_session = codes(kind).seal(id, 1, right.to_message(2).to_bytes());
    assert_eq!(bench.send15(not_before_a_session), None);
    assert_eq!(completion(&bench.activate(id, &codes(kind), &right).unwrap()), CompletionCode::OK);
}

#[test]
fn a_login_is_refused_for_a_reason() {
    let kind = AuthenticationType::Md5;
    let users = vec![User { max_privilege: Privilege::Operator, ..user() }];
    for (max_sessions, change, expected) in [
        (0, (|_| ()) as fn(&mut ActivateSession), 0x81),
        (1, |request| request.first_outbound_sequence = 0, 0x84),
        (1, |request| request.privilege = Privilege::Administrator, 0x86),
        (1, |request| request.authentication = AuthenticationType::Md2, 0xcc),
    ] {
        let users = users.clone();
        let mut bench = Bench::new(Config { users, max_sessions, ..config() });
        let challenge = bench.challenge(kind);
        let privilege = Privilege::Operator;
        let mut request = ActivateSession { privilege, ..activation(kind, challenge) };
        change(&mut request);
        let answer =
            bench.activate(challenge.temporary_session_id, &codes(kind), &request).unwrap();
        assert!(codes(kind).is_genuine(&answer));
        assert_eq!(completion(&answer), CompletionCode(expected));
        assert_eq!(*bench.last_event(), refused("admin", "Activate Session", expected));
    }
}

#[test]
fn a_login_with_half_an_activation_is_refused() {
    let kind = AuthenticationType::Md5;
    let mut bench = Bench::new(config());
    let challenge = bench.challenge(kind);
    let mut message = activation(kind, challenge).to_message(2);
    message.data.truncate(10);
    let packet = codes(kind).seal(challenge.temporary_session_id, 0, message.to_bytes());
    assert_eq!(completion(&bench.send15(packet).unwrap()), CompletionCode(0xc7));
}

#[test]
fn an_id_of_no_challenge_is_refused_and_only_to_activate_session() {
    let kind = AuthenticationType::Md5;
    let mut bench = Bench::new(config());
    let challenge = Challenge { temporary_session_id: 77, challenge: [0; 16] };
    let answer = bench.activate(77, &codes(kind), &activation(kind, challenge)).unwrap();
    assert_eq!(completion(&answer), CompletionCode(0x85));
    assert_eq!((answer.session_id, answer.authentication), (77, Authentication15::None));
    let other = codes(kind).seal(77, 0, GetDeviceId.to_message(2).to_bytes());
    assert_eq!(bench.send15(other), None);
}

#[test]
fn a_repeated_activation_is_answered_again_until_the_session_is_used() {
    let kind = AuthenticationType::Md5;
    let mut bench = Bench::new(config());
    let challenge = bench.challenge(kind);
    let id = challenge.temporary_session_id;
    let request = activation(kind, challenge);
    let first = bench.activate(id, &codes(kind), &request).unwrap();
    assert_eq!(bench.activate(id, &codes(kind), &request), Some(first.clone()));
    assert_eq!(bench.activate(id, &codes(AuthenticationType::None), &request), None);
    let other = ActivateSession { first_outbound_sequence: 9, ..request };
    let answer = bench.activate(id, &codes(kind), &other).unwrap();
    assert_eq!(completion(&answer), CompletionCode(0x85));

    let mut console = Console15::new(codes(kind), accepted(&request, &first));
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    let answer = bench.activate(id, &codes(kind), &request).unwrap();
    assert_eq!(completion(&answer), CompletionCode(0x85));
    let is_opened = |event: &&crate::Event| matches!(event.kind, EventKind::SessionOpened { .. });
    assert_eq!(bench.bmc.events().iter().filter(is_opened).count(), 1);
}

#[test]
fn only_the_latest_challenges_are_kept_and_not_for_ever() {
    let kind = AuthenticationType::Md5;
    let mut bench = Bench::new(config());
    let challenges: Vec<Challenge> = (0..17).map(|_| bench.challenge(kind)).collect();
    let answer_to = |bench: &mut Bench, challenge: Challenge| {
        let request = activation(kind, challenge);
        completion(&bench.activate(challenge.temporary_session_id, &codes(kind), &request).unwrap())
    };
    assert_eq!(answer_to(&mut bench, challenges[0]), CompletionCode(0x85));
    assert_eq!(answer_to(&mut bench, challenges[1]), CompletionCode::OK);
    bench.wait(IDLE);
    assert_eq!(answer_to(&mut bench, challenges[16]), CompletionCode(0x85));
}

fn refused(user: &str, command: &'static str, completion: u8) -> EventKind {
    let completion = CompletionCode(completion);
    let reason = RefusalReason::Completion { command, completion };
    EventKind::SessionRefused { user: Some(name(user)), reason }
}
