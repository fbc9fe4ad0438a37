use std::time::{Duration, Instant};

use ipmi_lan::command::{CloseSession, Command, SetSessionPrivilegeLevel};
use ipmi_lan::wire::{Datagram, RequestMessage};
use ipmi_lan::{CompletionCode, Privilege, Quirk, QuirkSet, Username};

use super::command::{Answer, Answers, Request, System, response};
use super::seal::Seal;
use crate::{Config, EventKind};

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
    seal: Seal,
    account: Account,
    privilege: Privilege,
    is_closed: bool,
    last_answered: Option<Answered>,
}

/// Whose session it is, and what it may do at most.
pub(super) struct Account {
    /// The BMC's id of the session.
    pub(super) session_id: u32,
    pub(super) user: Username,
    /// The highest level of the user.
    pub(super) user_limit: Privilege,
    /// The highest level of the session, asked for in RAKP 1 or Activate Session.
    pub(super) session_limit: Privilege,
}

struct Answered {
    at: Instant,
    request: RequestMessage,
    answers: Answers,
}

impl ActiveSession {
    /// A session at user level, as all begin (IPMI 2.0 §22.18), unless its limit is lower still. Where the level cannot
    /// be set, it has the highest at once.
    pub(super) fn new(seal: Seal, account: Account, quirks: QuirkSet) -> Self {
        let sets_level = !quirks.contains(Quirk::I82571Spt);
        let first = if sets_level { Privilege::User } else { Privilege::Oem };
        Self {
            privilege: account.session_limit.min(first),
            seal,
            account,
            is_closed: false,
            last_answered: None,
        }
    }

    pub(super) fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The request in a packet. `None` when the packet is not genuine, not fresh, or no request.
    pub(super) fn open(&mut self, datagram: &Datagram, config: &Config) -> Option<RequestMessage> {
        let request = self.seal.open(datagram, config)?;
        config.is_addressed_by(&request).then_some(request)
    }

    /// The sealed answers to a request. There are none when they are lost.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        request: RequestMessage,
        system: &mut System,
    ) -> Vec<Datagram> {
        let answers = match self.repeated(now, &request) {
            Some(answers) => {
                system.log(now, EventKind::RequestRepeated);
                answers
            }
            None => self.first_answers(now, request, system),
        };
        answers.messages.iter().map(|message| self.seal.seal(message, system)).collect()
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
        let permitted = request
            .clone()
            .and_then(|request| self.permitted(request))
            .and_then(|request| system.unless_busy(message, request));
        if let Ok(Request::SendMessage(bridged)) = &permitted {
            return system.send_message(now, message, bridged);
        }
        let answer = permitted.and_then(|request| self.execute(now, request, system));
        if self.is_closed {
            system.log(now, EventKind::SessionClosed { user: self.account.user });
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
            Request::AuthenticationCapabilities(query) => system.authentication_capabilities(query),
            Request::CipherSuites(query) => system.cipher_suites(query),
            Request::DeviceId => Ok(system.device_id()),
            // A session has begun already.
            Request::SessionChallenge(_) | Request::ActivateSession => {
                Err(CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE)
            }
            Request::SetPrivilege(level) => self.set_privilege(level, system.config.quirks),
            Request::CloseSession(request) => self.close(request),
            Request::ChassisStatus => system.chassis_status(),
            Request::ChassisControl(control) => system.chassis_control(now, control),
            Request::RestartCause => system.restart_cause(),
            Request::SystemGuid => Ok(system.config.guid.to_vec()),
            // It has more than one answer, and is not carried out here.
            Request::SendMessage(_) => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    fn set_privilege(&mut self, level: Option<Privilege>, quirks: QuirkSet) -> Answer {
        if quirks.contains(Quirk::I82571Spt) {
            return Err(CompletionCode::INVALID_COMMAND);
        }
        let level = level.unwrap_or(self.privilege);
        if level > self.account.user_limit {
            return Err(LEVEL_NOT_AVAILABLE);
        }
        let is_too_high = quirks.contains(Quirk::SetPrivilege) && level > Privilege::Operator;
        if is_too_high || level > self.account.session_limit {
            return Err(LEVEL_ABOVE_LIMIT);
        }
        self.privilege = level;
        // The answer has the form of the request.
        Ok(SetSessionPrivilegeLevel(level).to_data())
    }

    /// An administrator may close other sessions too (IPMI 2.0 §22.19); nobody needs that here.
    fn close(&mut self, request: CloseSession) -> Answer {
        if request.session_id != self.account.session_id {
            return Err(INVALID_SESSION_ID);
        }
        self.is_closed = true;
        Ok(Vec::new())
    }
}

/// Whether the answer to this command is to be lost; only the first one is.
fn loses_acknowledgement(request: &Request, system: &mut System) -> bool {
    let lost = &mut system.config.faults.drop_acknowledgement_of;
    request.power_control().is_some_and(|control| lost.take_if(|lost| *lost == control).is_some())
}
