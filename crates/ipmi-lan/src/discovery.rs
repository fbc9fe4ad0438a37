//! What can be asked of a BMC without logging in. Nothing vouches for the answers: they are hints, good for diagnosis.

use std::net::SocketAddr;
use std::time::Instant;

use tokio::net::UdpSocket;

use crate::client::connected_socket;
use crate::command::{
    AuthenticationCapabilities, CipherSuiteChunk, Command, GetChannelAuthenticationCapabilities,
    GetChannelCipherSuites,
};
use crate::retry::Transmissions;
use crate::wire::{
    Datagram, Packet15, Packet20, PayloadType, PresencePing, PresencePong, RequestMessage,
    ResponseMessage,
};
use crate::{CompletionCode, Error, NoAnswer, Privilege, RetryPolicy, Step};

/// Asks a BMC what needs no login.
pub struct Discovery {
    socket: UdpSocket,
    retry: RetryPolicy,
    sequence: u8,
}

impl Discovery {
    /// Prepares to ask the BMC at this address. Nothing is sent yet.
    ///
    /// # Errors
    /// When the operating system gives no socket, or no route.
    pub async fn open(address: SocketAddr, retry: RetryPolicy) -> Result<Self, Error> {
        Ok(Self { socket: connected_socket(address).await?, retry, sequence: 0 })
    }

    /// ASF presence ping (IPMI 2.0 §13.2.3). Some BMCs do not answer it, and are there all the same.
    ///
    /// # Errors
    /// When no answer comes by `deadline`.
    pub async fn ping(&mut self, deadline: Instant) -> Result<PresencePong, Error> {
        let tag = self.next_sequence();
        let ping = Datagram::PresencePing(PresencePing { tag });
        let accept = |datagram| match datagram {
            Datagram::PresencePong(pong) if pong.tag == tag => Some(pong),
            _ => None,
        };
        self.ask(&ping, Step::PresencePing, accept, deadline).await
    }

    /// Get Channel Authentication Capabilities (IPMI 2.0 §22.13), in the format of IPMI 1.5, which every BMC knows. A
    /// BMC that refuses to tell of IPMI 2.0, or does not answer in half of the time, is asked for what IPMI 1.5 has.
    ///
    /// # Errors
    /// When no answer comes by `deadline`, or the BMC refuses.
    pub async fn authentication_capabilities(
        &mut self,
        privilege: Privilege,
        deadline: Instant,
    ) -> Result<AuthenticationCapabilities, Error> {
        let half = Instant::now() + deadline.saturating_duration_since(Instant::now()) / 2;
        let all = GetChannelAuthenticationCapabilities { extended: true, privilege };
        match self.capabilities(all, half).await {
            Err(Error::Refused { .. } | Error::NoAnswer(_)) => {
                let plain = GetChannelAuthenticationCapabilities { extended: false, privilege };
                self.capabilities(plain, deadline).await
            }
            result => result,
        }
    }

    async fn capabilities(
        &mut self,
        command: GetChannelAuthenticationCapabilities,
        deadline: Instant,
    ) -> Result<AuthenticationCapabilities, Error> {
        let message = self.request(&command);
        let datagram = Datagram::Ipmi15(Packet15::sessionless(message.to_bytes()));
        let accept = |datagram| match datagram {
            Datagram::Ipmi15(packet) if packet.session_id == 0 => answer(&message, &packet.payload),
            _ => None,
        };
        let step = Step::AuthenticationCapabilities;
        let response = self.ask(&datagram, step, accept, deadline).await?;
        parsed(&command, &response)
    }

    /// The ids of the cipher suites that the BMC lists (Get Channel Cipher Suites, IPMI 2.0 §22.15). Some BMCs, and
    /// OpenIPMI's simulator, do not answer this before a login.
    ///
    /// # Errors
    /// When no answer comes by `deadline`, or the BMC refuses.
    pub async fn cipher_suites(&mut self, deadline: Instant) -> Result<Vec<u8>, Error> {
        let mut records = Vec::new();
        for index in 0..CipherSuiteChunk::MOST {
            let chunk = self.cipher_suite_chunk(index, deadline).await?;
            records.extend_from_slice(&chunk.records);
            if chunk.records.len() < CipherSuiteChunk::FULL {
                break;
            }
        }
        Ok(CipherSuiteChunk::suite_ids(&records))
    }

    async fn cipher_suite_chunk(
        &mut self,
        index: u8,
        deadline: Instant,
    ) -> Result<CipherSuiteChunk, Error> {
        let command = GetChannelCipherSuites { index };
        let message = self.request(&command);
        let packet = Packet20::sessionless(PayloadType::Ipmi, message.to_bytes());
        let accept = |datagram| match datagram {
            Datagram::Ipmi20(packet) if packet.session_id == 0 && packet.trailer.is_none() => {
                answer(&message, &packet.payload)
            }
            _ => None,
        };
        let step = Step::Command(GetChannelCipherSuites::NAME);
        let response = self.ask(&Datagram::Ipmi20(packet), step, accept, deadline).await?;
        parsed(&command, &response)
    }

    fn request<C: Command>(&mut self, command: &C) -> RequestMessage {
        command.to_message(self.next_sequence())
    }

    fn next_sequence(&mut self) -> u8 {
        self.sequence = (self.sequence + 1) & 0x3f;
        self.sequence
    }

    /// Sends a datagram, again and again, until one comes that is the answer.
    async fn ask<T>(
        &self,
        question: &Datagram,
        step: Step,
        accept: impl Fn(Datagram) -> Option<T>,
        deadline: Instant,
    ) -> Result<T, Error> {
        let question = question.to_bytes();
        let started = Instant::now();
        let mut transmissions = Transmissions::start(started, self.retry.first_interval);
        let mut foreign = false;
        let mut unreachable = self.socket.send(&question).await.err().map(|reason| reason.kind());
        loop {
            let now = Instant::now();
            if now >= deadline {
                let (transmissions, waited) = (transmissions.count(), now - started);
                let heard_before = false;
                return Err(Error::NoAnswer(NoAnswer {
                    step,
                    transmissions,
                    waited,
                    heard_before,
                    foreign,
                    unreachable,
                }));
            }
            if transmissions.is_due(now) {
                transmissions.repeat(now, &self.retry);
                unreachable = self.socket.send(&question).await.err().map(|reason| reason.kind());
            }
            let mut buffer = [0; crate::client::LONGEST_DATAGRAM];
            let until = transmissions.next_at().min(deadline);
            match tokio::time::timeout_at(until.into(), self.socket.recv(&mut buffer)).await {
                Err(_) => {}
                Ok(Err(reason)) => unreachable = Some(reason.kind()),
                Ok(Ok(length)) => {
                    let datagram = Datagram::parse(buffer.get(..length).unwrap_or_default());
                    if let Some(answer) = datagram.ok().and_then(&accept) {
                        return Ok(answer);
                    }
                    foreign = true;
                }
            }
        }
    }
}

/// The answer to this request, if the message is one.
fn answer(request: &RequestMessage, message: &[u8]) -> Option<ResponseMessage> {
    ResponseMessage::parse(message).ok().filter(|response| response.answers(request))
}

fn parsed<C: Command>(command: &C, response: &ResponseMessage) -> Result<C::Response, Error> {
    if response.completion != CompletionCode::OK {
        return Err(Error::refused::<C>(response.completion));
    }
    command
        .parse_response(&response.data)
        .map_err(|reason| Error::Malformed { command: C::NAME, reason })
}
