use std::time::{Duration, Instant};

use ipmi_lan::command::{CloseSession, Command, SetSessionPrivilegeLevel};
use ipmi_lan::crypto::{RakpExchange, SessionKeys};
use ipmi_lan::wire::{Packet20, Rakp3, Rakp4, RequestMessage, ResponseMessage};
use ipmi_lan::{CompletionCode, Privilege};
use rand::Rng;

use super::command::{Answer, Answers, Request, System, response};
use super::window::ReceiveWindow;
use crate::EventKind;

/// For how long an equal request with an equal sequence number counts as the same, sent again. Not longer, because the
/// number has six bits only, and comes back.
const REPETITION_INTERVAL: Duration = Duration::from_secs(5);

/// Set Session Privilege Level: not available to this user (IPMI 2.0 §22.18).
const LEVEL_NOT_AVAILABLE: CompletionCode = CompletionCode(0x80);
/// Set Session Privilege Level: above the limit (IPMI 2.0 §22.18).
const LEVEL_ABOVE_LIMIT: CompletionCode = CompletionCode(0x81);
/// Close Session: no such session (IPMI 2.0 §22.19).
const INVALID_SESSION_ID: CompletionCode = CompletionCode(0x87);

/// A session that is logged in.
pub(super) struct ActiveSession {
    exchange: RakpExchange,
    keys: SessionKeys,
    /// The highest level of the user; the session has a limit of its own, asked for in RAKP 1.
    user_limit: Privilege,
    /// How the login ended, in case that RAKP 4 is lost.
    login: (Rakp3, Rakp4),
    privilege: Privilege,
    is_closed: bool,
    window: ReceiveWindow,
    last_sent: u32,
    last_answered: Option<Answered>,
}

struct Answered {
    at: Instant,
    request: RequestMessage,
    answers: Answers,
}

impl ActiveSession {
    /// A session at user level, as all begin (IPMI 2.0 §22.18), unless its limit is lower still.
    pub(super) fn new(
        exchange: RakpExchange,
        keys: SessionKeys,
        user_limit: Privilege,
        login: (Rakp3, Rakp4),
    ) -> Self {
        Self {
            privilege: exchange.role.privilege.min(Privilege::User),
            exchange,
            keys,
            user_limit,
            login,
            is_closed: false,
            window: ReceiveWindow::new(),
            last_sent: 0,
            last_answered: None,
        }
    }

    /// RAKP 4 once more, if this is the RAKP 3 that it answered.
    pub(super) fn repeated_rakp4(&self, request: &Rakp3) -> Option<Rakp4> {
        let (rakp3, rakp4) = &self.login;
        (rakp3 == request).then(|| rakp4.clone())
    }

    /// The request in a packet. `None` when the packet is not genuine, not fresh, or no request.
    pub(super) fn open(&mut self, packet: &Packet20) -> Option<RequestMessage> {
        let message = self.keys.open(packet).ok()?;
        if !self.window.accepts(packet.sequence) {
            return None;
        }
        RequestMessage::parse(&message).ok()
    }

    /// The sealed answers to a request. There are none when they are lost.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request: RequestMessage,
        system: &mut System,
    ) -> Vec<Packet20> {
        let answers = match self.repeated(now, &request) {
            Some(answers) => {
                system.log(now, EventKind::RequestRepeated);
                answers
            }
            None => self.first_answers(now, request, system),
        };
        answers.messages.iter().map(|message| self.seal(message, system)).collect()
    }

    /// Whether Close Session was answered.
    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn repeated(&mut self, now: Instant, request: &RequestMessage) -> Option<Answers> {
        let last = self.last_answered.as_mut()?;
        let is_recent = now.saturating_duration_since(last.at) <= REPETITION_INTERVAL;
        if !is_recent || last.request != *request {
            return None;
        }
        last.at = now;
        Some(last.answers.clone())
    }

    fn first_answers(
        &mut self,
        now: Instant,
        message: RequestMessage,
        system: &mut System,
    ) -> Answers {
        let request = Request::parse(&message);
        let mut answers = self.answers(now, &message, &request, system);
        // Who is busy has done nothing, so that there is nothing to remember.
        if answers.completion != CompletionCode::NODE_BUSY {
            let answers = answers.clone();
            self.last_answered = Some(Answered { at: now, request: message, answers });
        }
        if request.is_ok_and(|request| loses_acknowledgement(&request, system)) {
            system.log(now, EventKind::AcknowledgementLost);
            // The last is that of whoever carries the command out.
            answers.messages.pop();
        }
        answers
    }

    fn answers(
        &mut self,
        now: Instant,
        message: &RequestMessage,
        request: &Result<Request, CompletionCode>,
        system: &mut System,
    ) -> Answers {
        let permitted = request.clone().and_then(|request| self.permitted(request));
        if let Ok(Request::SendMessage(bridged)) = &permitted {
            return system.send_message(now, message, bridged);
        }
        let answer = permitted.and_then(|request| self.execute(now, request, system));
        if self.is_closed {
            system.log(now, EventKind::SessionClosed { user: self.exchange.username });
        } else {
            system.log_command(now, message, request, &answer);
        }
        Answers::one(response(message, answer))
    }

    fn permitted(&self, request: Request) -> Result<Request, CompletionCode> {
        if self.privilege < request.privilege() {
            return Err(CompletionCode::INSUFFICIENT_PRIVILEGE);
        }
        Ok(request)
    }

    fn execute(&mut self, now: Instant, request: Request, system: &mut System) -> Answer {
        match request {
            Request::AuthenticationCapabilities => Ok(system.authentication_capabilities()),
            Request::CipherSuites(query) => Ok(system.cipher_suites(query)),
            Request::DeviceId => Ok(system.device_id()),
            Request::SetPrivilege(level) => self.set_privilege(level),
            Request::CloseSession(request) => self.close(request),
            Request::ChassisStatus => system.chassis_status(),
            Request::ChassisControl(control) => system.chassis_control(now, control),
            Request::RestartCause => system.restart_cause(),
            // It has more than one answer, and is not carried out here.
            Request::SendMessage(_) => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    fn set_privilege(&mut self, level: Option<Privilege>) -> Answer {
        let level = level.unwrap_or(self.privilege);
        if level > self.user_limit {
            return Err(LEVEL_NOT_AVAILABLE);
        }
        if level > self.exchange.role.privilege {
            return Err(LEVEL_ABOVE_LIMIT);
        }
        self.privilege = level;
        // The answer has the form of the request.
        Ok(SetSessionPrivilegeLevel(level).to_data())
    }

    /// An administrator may close other sessions too (IPMI 2.0 §22.19); nobody needs that here.
    fn close(&mut self, request: CloseSession) -> Answer {
        if request.session_id != self.exchange.bmc_session_id {
            return Err(INVALID_SESSION_ID);
        }
        self.is_closed = true;
        Ok(Vec::new())
    }

    fn seal(&mut self, response: &ResponseMessage, system: &mut System) -> Packet20 {
        // 0 is for packets outside a session (IPMI 2.0 §6.12).
        self.last_sent = self.last_sent.checked_add(1).unwrap_or(1);
        let mut initialization_vector = [0; 16];
        system.rng.fill_bytes(&mut initialization_vector);
        let console_session_id = self.exchange.console_session_id;
        self.keys.seal(
            console_session_id,
            self.last_sent,
            &response.to_bytes(),
            initialization_vector,
        )
    }
}

/// Whether the answer to this command is to be lost; only the first one is.
fn loses_acknowledgement(request: &Request, system: &mut System) -> bool {
    let lost = &mut system.config.faults.drop_acknowledgement_of;
    request.power_control().is_some_and(|control| lost.take_if(|lost| *lost == control).is_some())
}
