use std::net::SocketAddr;

use ipmi_lan::command::{GetChannelAuthenticationCapabilities, GetDeviceId};
use ipmi_lan::{AuthenticationTypes, Quirk, QuirkSet};

use super::*;

const MD5: AuthenticationType = AuthenticationType::Md5;

/// A session, and the packet that its login was answered with.
struct Login {
    bench: Bench,
    console: Console15,
    temporary_session_id: u32,
    request: ActivateSession,
    answer: Packet15,
}

impl Login {
    /// On a BMC with a quirk that leaves the login readable.
    fn with(quirk: Quirk) -> Self {
        let mut bench = Bench::new(with(quirk));
        let challenge = bench.challenge(MD5);
        let temporary_session_id = challenge.temporary_session_id;
        let request = activation(MD5, challenge);
        let answer = bench.activate(temporary_session_id, &codes(MD5), &request).unwrap();
        let console = Console15::new(codes(MD5), accepted(&request, &answer));
        Self { bench, console, temporary_session_id, request, answer }
    }

    /// The answer to a command that comes with codes of this type.
    fn ask(&mut self, kind: AuthenticationType) -> Option<Packet15> {
        self.console.codes = codes(kind);
        let request = self.console.request(&GetDeviceId);
        let packet = self.console.seal(&request);
        self.bench.send15(packet)
    }
}

#[test]
fn idzero_is_in_every_packet_of_a_session_and_under_its_code() {
    let mut login = Login::with(Quirk::IdZero);
    for packet in [login.answer.clone(), login.ask(MD5).unwrap()] {
        assert_eq!(packet.session_id, 0);
        assert!(codes(MD5).is_genuine(&packet));
    }
    assert_ne!(login.console.session_id, 0);
}

#[test]
fn endianseq_is_in_the_headers_and_under_the_code_and_not_in_the_data() {
    let mut login = Login::with(Quirk::EndianSeq);
    let first = login.answer.clone();
    assert_eq!(first.sequence, FIRST_OUTBOUND.swap_bytes());
    assert!(codes(MD5).is_genuine(&first));
    // The number of the request is the one that the data told.
    let second = login.ask(MD5).unwrap();
    assert_eq!(second.sequence, (FIRST_OUTBOUND + 1).swap_bytes());
    assert!(codes(MD5).is_genuine(&second));
}

#[test]
fn noauthcodecheck_is_a_wrong_code_of_the_right_type() {
    let mut login = Login::with(Quirk::NoAuthCodeCheck);
    for packet in [login.answer.clone(), login.ask(MD5).unwrap()] {
        assert_eq!(packet.authentication.kind(), MD5);
        assert!(!codes(MD5).is_genuine(&packet));
    }
    // It checks those of others.
    assert_eq!(login.ask(AuthenticationType::Password), None);
}

#[test]
fn unexpectedauth_is_a_right_code_that_nobody_asked_for() {
    let mut login = Login::with(Quirk::UnexpectedAuth);
    assert!(says_that_messages_need_no_code(&mut login.bench));
    assert!(codes(MD5).is_genuine(&login.ask(AuthenticationType::None).unwrap()));
}

#[test]
fn forcepermsg_wants_the_codes_that_it_said_it_would_not() {
    let mut login = Login::with(Quirk::ForcePerMsg);
    assert!(says_that_messages_need_no_code(&mut login.bench));
    assert_eq!(login.ask(AuthenticationType::None), None);
    assert!(codes(MD5).is_genuine(&login.ask(MD5).unwrap()));
}

#[test]
fn nochecksumcheck_is_two_wrong_checksums_in_every_answer() {
    let mut bench = Bench::new(with(Quirk::NoChecksumCheck));
    let (authentication, username) = (MD5, user().name);
    let request = GetSessionChallenge { authentication, username };
    let answer = bench.send15(Packet15::sessionless(request.to_message(1).to_bytes())).unwrap();
    has_wrong_checksums(&answer.payload);
    let response = ResponseMessage::parse_without_checksums(&answer.payload).unwrap();
    let challenge = request.parse_response(&response.data).unwrap();

    let request = activation(MD5, challenge);
    let answer = bench.activate(challenge.temporary_session_id, &codes(MD5), &request).unwrap();
    has_wrong_checksums(&answer.payload);
    assert!(codes(MD5).is_genuine(&answer));
    let response = ResponseMessage::parse_without_checksums(&answer.payload).unwrap();
    let mut console = Console15::new(codes(MD5), request.parse_response(&response.data).unwrap());
    let request = console.request(&GetDeviceId);
    let packet = console.seal(&request);
    has_wrong_checksums(&bench.send15(packet).unwrap().payload);
}

#[test]
fn nochecksumcheck_is_in_ipmi_20_too() {
    let mut bench = Bench::new(with(Quirk::NoChecksumCheck));
    let mut console = bench.login(&super::super::credentials());
    let request = console.request(&GetDeviceId);
    let packet = console.seal(&request);
    let Some(Datagram::Ipmi20(answer)) = bench.send(&Datagram::Ipmi20(packet)) else { panic!() };
    has_wrong_checksums(&console.keys.open(&answer).unwrap());
}

#[test]
fn authcap_tells_nothing_true_but_the_versions() {
    let privilege = Privilege::Operator;
    let question = GetChannelAuthenticationCapabilities { extended: true, privilege };
    let told = Bench::new(with(Quirk::AuthCap)).ask15(&question).unwrap().unwrap();
    assert!(told.ipmi15 && told.ipmi20);
    assert_eq!(told.authentication_types, AuthenticationTypes::default());
    assert!(told.kg_set && told.null_user && told.anonymous_user && !told.named_users);
    Login::with(Quirk::AuthCap);
}

#[test]
fn supermicro_wants_a_code_made_of_the_challenge_and_not_the_challenge_itself() {
    let mut bench = Bench::new(with(Quirk::Supermicro));
    let kind = AuthenticationType::Oem;
    let challenge = bench.challenge(kind);
    let codes = Codes15::supermicro(&user().password, &challenge.challenge);
    let request = ActivateSession { challenge: [0; 16], ..activation(kind, challenge) };
    let id = challenge.temporary_session_id;
    let plain = Codes15::new(kind, &user().password);
    assert_eq!(bench.activate(id, &plain, &request), None);
    let answer = bench.activate(id, &codes, &request).unwrap();
    let mut console = Console15::new(codes, accepted(&request, &answer));
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
}

#[test]
fn quanta_takes_the_password_as_code() {
    let mut bench = Bench::new(with(Quirk::Quanta));
    let mut console = bench.login15(AuthenticationType::Oem);
    assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
}

#[test]
fn newport_answers_each_message_of_a_login_once_a_port() {
    let mut bench = Bench::new(with(Quirk::NewPort));
    let [port1, port2] = [1, 2].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
    let ask = |bench: &mut Bench, peer| {
        let (authentication, username) = (MD5, user().name);
        let request = GetSessionChallenge { authentication, username }.to_message(1);
        let packet = Datagram::Ipmi15(Packet15::sessionless(request.to_bytes()));
        bench.bmc.handle_from(bench.now, peer, &packet.to_bytes()).len()
    };
    assert_eq!([port1, port1, port2, port2].map(|port| ask(&mut bench, port)), [1, 0, 1, 0]);

    let mut login = Login::with(Quirk::NewPort);
    let id = login.temporary_session_id;
    assert_eq!(login.bench.activate(id, &codes(MD5), &login.request), None);
    assert!(login.ask(MD5).is_some());
}

fn with(quirk: Quirk) -> Config {
    Config { quirks: QuirkSet::NONE.with(quirk), ..config() }
}

/// Whether the BMC says so. Its answers in the session have no code then, unless it has a quirk.
fn says_that_messages_need_no_code(bench: &mut Bench) -> bool {
    let privilege = Privilege::Operator;
    let question = GetChannelAuthenticationCapabilities { extended: true, privilege };
    bench.ask15(&question).unwrap().unwrap().per_message_authentication_disabled
}

fn has_wrong_checksums(message: &[u8]) {
    let (first, second) = message.split_at(3);
    for part in [first, second] {
        assert_ne!(part.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)), 0, "{message:?}");
    }
}
