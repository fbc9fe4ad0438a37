use std::net::SocketAddr;
use std::time::Instant;

use ipmi_lan::command::{
    ActivateSession, ActivatedSession, Challenge, Command, GetSessionChallenge,
};
use ipmi_lan::crypto::Codes15;
use ipmi_lan::wire::{Packet15, RequestMessage};
use ipmi_lan::{AuthenticationType, CompletionCode, Quirk, Username};
use rand::Rng;

use super::command::{Answer, Request, completion_of, response};
use super::seal::{Activation, Seal, Seal15, packet15};
use super::session::{Account, ActiveSession};
use super::{Bmc, Session, State};
use crate::{Config, EventKind, Protection, RefusalReason, User};

/// How many challenges are kept that Activate Session has not answered yet. The oldest is forgotten for a new one, so
/// that whoever only asks for challenges keeps nobody out for long.
const MOST_CHALLENGES: usize = 16;

/// Get Session Challenge: invalid user name (IPMI 2.0 §22.16).
const INVALID_USER: CompletionCode = CompletionCode(0x81);
/// Get Session Challenge: null user name not enabled (IPMI 2.0 §22.16).
const NO_NULL_USER: CompletionCode = CompletionCode(0x82);
/// Activate Session: no session slot available (IPMI 2.0 §22.17).
const NO_SLOT: CompletionCode = CompletionCode(0x81);
/// Activate Session: session sequence number out of range (IPMI 2.0 §22.17).
const SEQUENCE_OUT_OF_RANGE: CompletionCode = CompletionCode(0x84);
/// Activate Session: invalid session id (IPMI 2.0 §22.17).
const INVALID_SESSION_ID: CompletionCode = CompletionCode(0x85);
/// Activate Session: above the limit of the user (IPMI 2.0 §22.17).
const LEVEL_ABOVE_LIMIT: CompletionCode = CompletionCode(0x86);

/// Get Session Challenge was answered: Activate Session will show whether the console knows the password.
#[derive(Clone)]
pub(super) struct OutstandingChallenge {
    pub(super) since: Instant,
    peer: SocketAddr,
    user: User,
    authentication: AuthenticationType,
    challenge: Challenge,
}

impl Bmc {
    /// Answers Get Session Challenge (IPMI 2.0 §22.16). Every request gets a challenge of its own.
    pub(super) fn session_challenge(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        message: &RequestMessage,
        request: GetSessionChallenge,
    ) -> Option<Packet15> {
        let is_repeated = self.challenges.iter().any(|outstanding| outstanding.peer == peer);
        if is_repeated && self.system.config.quirks.contains(Quirk::NewPort) {
            return None;
        }
        let answer = self.accept_session_challenge(now, peer, request);
        match answer {
            Ok(_) => {
                let request = Ok(Request::SessionChallenge(request));
                self.system.log_command(now, message, &request, &answer);
            }
            Err(completion) => {
                self.log_refusal::<GetSessionChallenge>(now, request.username, completion);
            }
        }
        let response = response(message, answer);
        Some(Packet15::sessionless(self.system.message_bytes(&response)))
    }

    /// Answers Activate Session (IPMI 2.0 §22.17). `None` when its code or challenge is wrong: who does not know the
    /// password is told nothing.
    pub(super) fn activate_session(&mut self, now: Instant, packet: &Packet15) -> Option<Packet15> {
        let message = RequestMessage::parse(&packet.payload).ok()?;
        let is_activation = message.network_function == ActivateSession::NETWORK_FUNCTION
            && message.command == ActivateSession::NUMBER;
        if !is_activation || packet.sequence != 0 {
            return None;
        }
        let is_meant = |challenge: &&OutstandingChallenge| challenge.is_for(packet.session_id);
        match self.challenges.iter().find(is_meant).cloned() {
            Some(outstanding) => self.first_activation(now, packet, &message, &outstanding),
            None => self.repeated_activation(packet, &message),
        }
    }

    fn accept_session_challenge(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        request: GetSessionChallenge,
    ) -> Answer {
        let user = find_user(&self.system.config, request.username)?;
        let authentication = request.authentication;
        if !self.system.config.authentication_types().contains(authentication) {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        let mut challenge =
            Challenge { temporary_session_id: self.unused_session_id(), challenge: [0; 16] };
        self.system.rng.fill_bytes(&mut challenge.challenge);
        if self.challenges.len() >= MOST_CHALLENGES {
            self.challenges.pop_front();
        }
        let data = challenge.to_data();
        let outstanding =
            OutstandingChallenge { since: now, peer, user, authentication, challenge };
        self.challenges.push_back(outstanding);
        Ok(data)
    }

    fn first_activation(
        &mut self,
        now: Instant,
        packet: &Packet15,
        message: &RequestMessage,
        outstanding: &OutstandingChallenge,
    ) -> Option<Packet15> {
        let quirks = self.system.config.quirks;
        let codes = outstanding.codes(quirks.contains(Quirk::Supermicro));
        if !codes.is_genuine(packet) {
            self.log_wrong_code(now, outstanding);
            return None;
        }
        let request = match ActivateSession::from_data(&message.data) {
            Ok(request) => request,
            Err(error) => {
                let response = response(message, Err(completion_of(error)));
                return Some(packet15(&codes, packet.session_id, 0, &response, &self.system));
            }
        };
        // Its code is made of the challenge, and it leaves the field empty.
        let repeats_challenge = request.authentication != AuthenticationType::Oem
            || !quirks.contains(Quirk::Supermicro);
        if repeats_challenge && request.challenge != outstanding.challenge.challenge {
            self.log_wrong_code(now, outstanding);
            return None;
        }
        let answer = self.accept_activation(now, &request, &codes, outstanding);
        if let Err(completion) = answer {
            self.log_refusal::<ActivateSession>(now, outstanding.user.name, completion);
        }
        let sequence = request.first_outbound_sequence;
        let response = response(message, answer);
        Some(packet15(&codes, packet.session_id, sequence, &response, &self.system))
    }

    fn accept_activation(
        &mut self,
        now: Instant,
        request: &ActivateSession,
        codes: &Codes15,
        outstanding: &OutstandingChallenge,
    ) -> Answer {
        let user = &outstanding.user;
        if request.authentication != outstanding.authentication {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        if request.first_outbound_sequence == 0 {
            return Err(SEQUENCE_OUT_OF_RANGE);
        }
        if request.privilege > user.max_privilege {
            return Err(LEVEL_ABOVE_LIMIT);
        }
        if !self.has_room() {
            return Err(NO_SLOT);
        }
        let answer = self.activated(request);
        let temporary_session_id = outstanding.challenge.temporary_session_id;
        self.challenges.retain(|challenge| !challenge.is_for(temporary_session_id));
        let (codes, request) = (codes.clone(), *request);
        let login = Activation { temporary_session_id, codes, request, answer };
        self.open_session15(now, login, user);
        Ok(answer.to_data())
    }

    fn activated(&mut self, request: &ActivateSession) -> ActivatedSession {
        let has_codes = self.system.config.has_per_message_authentication();
        ActivatedSession {
            authentication: if has_codes {
                request.authentication
            } else {
                AuthenticationType::None
            },
            session_id: self.unused_session_id(),
            // Far from 0, which is for packets outside a session, on either side.
            first_inbound_sequence: self.system.rng.next_u32() >> 1 | 0x100,
            privilege: request.privilege,
        }
    }

    fn open_session15(&mut self, now: Instant, login: Activation, user: &User) {
        let account = Account {
            session_id: login.answer.session_id,
            user: user.name,
            user_limit: user.max_privilege,
            session_limit: login.request.privilege,
        };
        let opened = EventKind::SessionOpened {
            user: user.name,
            protection: Protection::Ipmi15(login.request.authentication),
            privilege: login.request.privilege,
        };
        let id = login.answer.session_id;
        let seal = Seal15::new(login, &user.password, &self.system.config);
        let quirks = self.system.config.quirks;
        let active = ActiveSession::new(Seal::Ipmi15(Box::new(seal)), account, quirks);
        let state = State::Active(Box::new(active));
        self.sessions.insert(id, Session { last_used: now, state });
        self.system.log(now, opened);
    }

    /// The same answer again, for as long as the console shows by nothing that it got it.
    fn repeated_activation(
        &mut self,
        packet: &Packet15,
        message: &RequestMessage,
    ) -> Option<Packet15> {
        let sessions = self.sessions.values().filter_map(Session::seal15);
        let mut logins =
            sessions.filter_map(|seal| Some((seal, seal.login_by(packet.session_id)?)));
        let Some((seal, login)) = logins.next() else {
            // Of nobody: no code would be right.
            let response = response(message, Err(INVALID_SESSION_ID));
            let bytes = self.system.message_bytes(&response);
            return Some(Packet15 {
                session_id: packet.session_id,
                ..Packet15::sessionless(bytes)
            });
        };
        if !login.codes.is_genuine(packet) || self.system.config.quirks.contains(Quirk::NewPort) {
            return None;
        }
        let is_same = ActivateSession::from_data(&message.data) == Ok(login.request);
        let answer = match is_same && !seal.is_used() {
            true => Ok(login.answer.to_data()),
            false => Err(INVALID_SESSION_ID),
        };
        let response = response(message, answer);
        let sequence = login.request.first_outbound_sequence;
        Some(packet15(&login.codes, packet.session_id, sequence, &response, &self.system))
    }

    fn log_refusal<C: Command>(
        &mut self,
        now: Instant,
        user: Username,
        completion: CompletionCode,
    ) {
        let reason = RefusalReason::Completion { command: C::NAME, completion };
        self.system.log(now, EventKind::SessionRefused { user: Some(user), reason });
    }

    fn log_wrong_code(&mut self, now: Instant, outstanding: &OutstandingChallenge) {
        let user = Some(outstanding.user.name);
        let reason = RefusalReason::WrongCode;
        self.system.log(now, EventKind::SessionRefused { user, reason });
    }
}

impl OutstandingChallenge {
    /// Whether it is answered by an Activate Session of this temporary session id.
    pub(super) fn is_for(&self, temporary_session_id: u32) -> bool {
        self.challenge.temporary_session_id == temporary_session_id
    }

    fn codes(&self, is_supermicro: bool) -> Codes15 {
        match self.authentication {
            AuthenticationType::Oem if is_supermicro => {
                Codes15::supermicro(&self.user.password, &self.challenge.challenge)
            }
            authentication => Codes15::new(authentication, &self.user.password),
        }
    }
}

/// The user of this name, looked up by the name alone, if IPMI 1.5 can carry all of the password (IPMI 2.0 §22.30).
fn find_user(config: &Config, name: Username) -> Result<User, CompletionCode> {
    let mut users = config.users.iter();
    let user = users.find(|user| {
        user.enabled && user.name == name && !user.password.is_longer_than_15_carries()
    });
    let is_null_user = name.as_bytes().is_empty();
    user.cloned().ok_or(if is_null_user { NO_NULL_USER } else { INVALID_USER })
}
