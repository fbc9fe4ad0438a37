//! A login at the mercy of whatever comes from the network: it never panics, it ends for good when it says so, and
//! nobody gets in without the secrets.
//!
//! In IPMI 2.0 the fuzzer plays a BMC that knows the password, so that it comes as far as RAKP 4, but not the Kg; in
//! IPMI
//! 1.5 one that does not know the password. A login that succeeds was forged.

#![no_main]

use std::io::ErrorKind;
use std::num::NonZeroU8;
use std::time::{Duration, Instant};

use ipmi_lan::crypto::RakpExchange;
use ipmi_lan::session::{Event, Input, Output, Protocol, Session, SessionConfig};
use ipmi_lan::wire::{
    Authentication15, Datagram, OpenSessionRequest, OpenSessionResponse, Packet15, Packet20,
    PayloadType, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage,
};
use ipmi_lan::{
    CipherSuite, CompletionCode, Kg, Password, Privilege, QuirkSet, RetryPolicy, RmcpPlusStatus,
    Username, Workarounds,
};
use libfuzzer_sys::arbitrary::{self, Arbitrary};
use libfuzzer_sys::fuzz_target;
use rand::SeedableRng;
use rand::rngs::StdRng;

const MOST_INPUTS: usize = 100;
const PASSWORD: &str = "known to the fuzzer";

fuzz_target!(|input: (bool, Vec<Happening>)| {
    let (is_ipmi15, inputs) = input;
    let mut network = Network::new(if is_ipmi15 { Protocol::Ipmi15 } else { Protocol::Ipmi20 });
    for happening in inputs.into_iter().take(MOST_INPUTS) {
        network.let_happen(happening);
    }
});

/// What may happen to a login.
#[derive(Arbitrary, Debug)]
enum Happening {
    Noise(Vec<u8>),
    Answer(Answer),
    Timeout,
    Unreachable,
}

/// An answer to what the session sent last; tags and session ids fit, the rest is the fuzzer's.
#[derive(Arbitrary, Debug)]
struct Answer {
    refusal: Option<NonZeroU8>,
    bmc_session_id: u32,
    bmc_random: [u8; 16],
    /// Of a packet in the format of IPMI 1.5.
    code: Option<[u8; 16]>,
    sequence: u32,
    /// Data of a response, or a forged code.
    bytes: Vec<u8>,
}

struct Network {
    session: Session<StdRng>,
    now: Instant,
    wait_until: Option<Instant>,
    has_failed: bool,
    last_sent: Datagram,
    /// What the BMC would derive its keys from.
    suite: CipherSuite,
    console_session_id: u32,
}

impl Network {
    fn new(protocol: Protocol) -> Self {
        let now = Instant::now();
        let random = StdRng::seed_from_u64(0);
        let deadline = now + Duration::from_secs(20);
        let mut session = Session::login(config(protocol), random, now, deadline);
        let Output::Transmit(first) = session.poll_output() else {
            panic!("a login begins with a datagram");
        };
        Self {
            session,
            now,
            wait_until: None,
            has_failed: false,
            last_sent: Datagram::parse(&first).expect("a session sends what can be parsed"),
            suite: CipherSuite::SUITE_3,
            console_session_id: 0,
        }
    }

    fn let_happen(&mut self, happening: Happening) {
        self.now += Duration::from_millis(10);
        match happening {
            Happening::Noise(bytes) => self.tell(Input::Receive(&bytes)),
            Happening::Answer(answer) => {
                if let Some(datagram) = self.answered(answer) {
                    self.tell(Input::Receive(&datagram.to_bytes()));
                }
            }
            Happening::Timeout => {
                self.now = self.wait_until.unwrap_or(self.now).max(self.now);
                self.tell(Input::Timeout);
            }
            Happening::Unreachable => self.tell(Input::Unreachable(ErrorKind::ConnectionRefused)),
        }
    }

    fn tell(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        loop {
            match self.session.poll_output() {
                Output::Transmit(bytes) => {
                    assert!(!self.has_failed, "a session that has ended sends nothing");
                    self.last_sent = Datagram::parse(&bytes).expect("it sends what can be parsed");
                }
                // Where the answers come in is not the session's matter.
                Output::ChangePort => {}
                Output::Event(Event::LoginFailed(_)) => {
                    assert!(!self.has_failed, "a login fails once");
                    self.has_failed = true;
                }
                Output::Event(event) => panic!("{event:?} without the secrets"),
                Output::Wait(until) => {
                    assert_eq!(until.is_none(), self.has_failed, "it waits until it has ended");
                    self.wait_until = until;
                    return;
                }
            }
        }
    }

    fn answered(&mut self, answer: Answer) -> Option<Datagram> {
        let packet = match &self.last_sent {
            Datagram::Ipmi15(packet) => return answered_15(packet, answer),
            Datagram::Ipmi20(packet) => packet.clone(),
            Datagram::PresencePing(_) | Datagram::PresencePong(_) => return None,
        };
        let (payload_type, payload) = match packet.payload_type {
            PayloadType::OpenSessionRequest => {
                let request = OpenSessionRequest::parse(&packet.payload).ok()?;
                let response = self.open_session_response(request, answer);
                (PayloadType::OpenSessionResponse, response.to_bytes())
            }
            PayloadType::Rakp1 => {
                let rakp1 = Rakp1::parse(&packet.payload).ok()?;
                (PayloadType::Rakp2, self.rakp2(&rakp1, answer).to_bytes())
            }
            PayloadType::Rakp3 => {
                let rakp3 = Rakp3::parse(&packet.payload).ok()?;
                (PayloadType::Rakp4, self.rakp4(&rakp3, answer).to_bytes())
            }
            _ => return None,
        };
        Some(Datagram::Ipmi20(Packet20::sessionless(payload_type, payload)))
    }

    fn open_session_response(
        &mut self,
        request: OpenSessionRequest,
        answer: Answer,
    ) -> OpenSessionResponse {
        let OpenSessionRequest { tag, privilege, console_session_id, algorithms } = request;
        self.suite = CipherSuite::from_algorithms(algorithms).expect("only known suites are asked");
        self.console_session_id = console_session_id;
        match answer.refusal {
            None => OpenSessionResponse::Accepted {
                tag,
                privilege,
                console_session_id,
                bmc_session_id: answer.bmc_session_id,
                algorithms,
            },
            Some(status) => OpenSessionResponse::Refused {
                tag,
                status: RmcpPlusStatus(status.get()),
                console_session_id: Some(console_session_id),
            },
        }
    }

    fn rakp2(&self, rakp1: &Rakp1, answer: Answer) -> Rakp2 {
        let (tag, console_session_id) = (rakp1.tag, self.console_session_id);
        if let Some(status) = answer.refusal {
            let status = RmcpPlusStatus(status.get());
            let console_session_id = Some(console_session_id);
            return Rakp2::Refused { tag, status, console_session_id };
        }
        let exchange = RakpExchange {
            suite: self.suite,
            console_session_id,
            bmc_session_id: rakp1.bmc_session_id,
            console_random: rakp1.console_random,
            bmc_random: answer.bmc_random,
            bmc_guid: [0; 16],
            role: rakp1.role,
            username: rakp1.username,
            quirks: QuirkSet::NONE,
        };
        Rakp2::Accepted {
            tag,
            console_session_id,
            bmc_random: exchange.bmc_random,
            bmc_guid: exchange.bmc_guid,
            code: exchange.rakp2_code(&password()),
        }
    }

    fn rakp4(&self, rakp3: &Rakp3, answer: Answer) -> Rakp4 {
        let (tag, console_session_id) = (rakp3.tag, self.console_session_id);
        match answer.refusal {
            None => Rakp4::Accepted { tag, console_session_id, code: answer.bytes },
            Some(status) => Rakp4::Refused {
                tag,
                status: RmcpPlusStatus(status.get()),
                console_session_id: Some(console_session_id),
            },
        }
    }
}

fn answered_15(packet: &Packet15, answer: Answer) -> Option<Datagram> {
    let request = RequestMessage::parse(&packet.payload).ok()?;
    let response = ResponseMessage {
        to: request.from,
        from: request.to,
        network_function: request.network_function,
        command: request.command,
        sequence: request.sequence,
        completion: CompletionCode(answer.refusal.map_or(0, NonZeroU8::get)),
        data: answer.bytes,
    };
    let code = answer.code.map(|code| Authentication15::Md5(code));
    Some(Datagram::Ipmi15(Packet15 {
        authentication: code.unwrap_or(Authentication15::None),
        session_id: packet.session_id,
        sequence: answer.sequence,
        payload: response.to_bytes(),
    }))
}

fn config(protocol: Protocol) -> SessionConfig {
    SessionConfig {
        protocol,
        username: Username::new("admin").expect("it is short"),
        password: match protocol {
            Protocol::Ipmi20 => password(),
            _ => Password::new("not known to it").expect("it is short"),
        },
        kg: Some(Kg::new("not known to it").expect("it is short")),
        privilege: Privilege::Administrator,
        authentication: None,
        // Suite 0 lets everybody in.
        cipher_suites: CipherSuite::ALL.into_iter().filter(|suite| suite.id() != 0).collect(),
        target: None,
        workarounds: Workarounds::default(),
        retry: RetryPolicy::default(),
    }
}

fn password() -> Password {
    Password::new(PASSWORD).expect("it is short")
}
