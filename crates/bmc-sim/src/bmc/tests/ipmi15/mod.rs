mod garbage;
mod login;
mod quirks;
mod session;

use ipmi_lan::command::{
    ActivateSession, ActivatedSession, Challenge, Command, GetSessionChallenge,
    SetSessionPrivilegeLevel,
};
use ipmi_lan::crypto::Codes15;
use ipmi_lan::wire::{Datagram, Packet15, RequestMessage, ResponseMessage};
use ipmi_lan::{AuthenticationType, CompletionCode, Privilege, Username};

use super::{Bench, user};
use crate::{Config, Ipmi15};

/// With which session sequence number the BMC is to begin.
const FIRST_OUTBOUND: u32 = 0x1234_5678;

/// A console that is logged in.
struct Console15 {
    codes: Codes15,
    session_id: u32,
    /// Of the next packet.
    sequence: u32,
    request_sequence: u8,
}

impl Bench {
    /// What the BMC answers outside any session. `None` when there is no answer.
    fn ask15<C: Command>(&mut self, command: &C) -> Option<Result<C::Response, CompletionCode>> {
        let packet = Packet15::sessionless(command.to_message(1).to_bytes());
        let answer = self.send15(packet)?;
        assert_eq!(answer, Packet15::sessionless(answer.payload.clone()));
        Some(result(command, ResponseMessage::parse(&answer.payload).unwrap()))
    }

    fn send15(&mut self, packet: Packet15) -> Option<Packet15> {
        match self.send(&Datagram::Ipmi15(packet))? {
            Datagram::Ipmi15(answer) => Some(answer),
            other => panic!("{other:?}"),
        }
    }

    fn challenge(&mut self, authentication: AuthenticationType) -> Challenge {
        let request = GetSessionChallenge { authentication, username: user().name };
        self.ask15(&request).unwrap().unwrap()
    }

    /// The packet that answers Activate Session. `None` when there is none.
    fn activate(
        &mut self,
        id: u32,
        codes: &Codes15,
        request: &ActivateSession,
    ) -> Option<Packet15> {
        self.send15(codes.seal(id, 0, request.to_message(2).to_bytes()))
    }

    fn login15(&mut self, authentication: AuthenticationType) -> Console15 {
        self.login15_as(authentication, Privilege::Administrator)
    }

    fn login15_as(
        &mut self,
        authentication: AuthenticationType,
        privilege: Privilege,
    ) -> Console15 {
        let challenge = self.challenge(authentication);
        let codes = codes(authentication);
        let request = ActivateSession { privilege, ..activation(authentication, challenge) };
        let answer = self.activate(challenge.temporary_session_id, &codes, &request).unwrap();
        Console15::new(codes, accepted(&request, &answer))
    }

    /// A login, raised to the highest level.
    fn administrator15(&mut self, authentication: AuthenticationType) -> Console15 {
        let mut console = self.login15(authentication);
        let level = SetSessionPrivilegeLevel(Privilege::Administrator);
        assert_eq!(console.ask(self, &level), Ok(Privilege::Administrator));
        console
    }
}

impl Console15 {
    fn new(codes: Codes15, activated: ActivatedSession) -> Self {
        Self {
            codes,
            session_id: activated.session_id,
            sequence: activated.first_inbound_sequence,
            request_sequence: 0,
        }
    }

    /// What the BMC answers to a command.
    fn ask<C: Command>(
        &mut self,
        bench: &mut Bench,
        command: &C,
    ) -> Result<C::Response, CompletionCode> {
        let request = self.request(command);
        let response = self.send(bench, &request).expect("no answer");
        result(command, response)
    }

    fn request<C: Command>(&mut self, command: &C) -> RequestMessage {
        self.request_sequence = (self.request_sequence + 1) % 64;
        command.to_message(self.request_sequence)
    }

    /// Seals a request, anew each time, and opens the answer, which must be genuine.
    fn send(&mut self, bench: &mut Bench, request: &RequestMessage) -> Option<ResponseMessage> {
        let packet = self.seal(request);
        let answer = bench.send15(packet)?;
        assert_eq!(answer.session_id, self.session_id);
        assert!(self.codes.is_genuine(&answer), "{answer:?}");
        Some(ResponseMessage::parse(&answer.payload).unwrap())
    }

    fn seal(&mut self, request: &RequestMessage) -> Packet15 {
        let sequence = self.sequence;
        self.sequence += 1;
        self.codes.seal(self.session_id, sequence, request.to_bytes())
    }
}

/// Both versions, and all types of IPMI 1.5 that the specification defines.
fn config() -> Config {
    use AuthenticationType::{Md2, Md5, None, Password};
    Config { ipmi15: Some(Ipmi15::new([None, Md2, Md5, Password])), ..super::config() }
}

fn codes(authentication: AuthenticationType) -> Codes15 {
    Codes15::new(authentication, &user().password)
}

fn activation(authentication: AuthenticationType, challenge: Challenge) -> ActivateSession {
    ActivateSession {
        authentication,
        privilege: Privilege::Administrator,
        challenge: challenge.challenge,
        first_outbound_sequence: FIRST_OUTBOUND,
    }
}

fn accepted(request: &ActivateSession, answer: &Packet15) -> ActivatedSession {
    let response = ResponseMessage::parse(&answer.payload).unwrap();
    assert_eq!(response.completion, CompletionCode::OK);
    request.parse_response(&response.data).unwrap()
}

fn completion(answer: &Packet15) -> CompletionCode {
    ResponseMessage::parse(&answer.payload).unwrap().completion
}

fn result<C: Command>(
    command: &C,
    response: ResponseMessage,
) -> Result<C::Response, CompletionCode> {
    match response.completion {
        CompletionCode::OK => Ok(command.parse_response(&response.data).unwrap()),
        completion => Err(completion),
    }
}

fn name(name: &str) -> Username {
    Username::new(name).unwrap()
}
