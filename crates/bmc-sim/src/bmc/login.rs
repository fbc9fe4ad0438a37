use std::time::Instant;

use ipmi_lan::crypto::RakpExchange;
use ipmi_lan::wire::{
    OpenSessionRequest, OpenSessionResponse, ProposedAlgorithms, Rakp1, Rakp2, Rakp3, Rakp4,
};
use ipmi_lan::{CipherSuite, Kg, Privilege, RmcpPlusStatus, Username};
use rand::Rng;

use super::command::System;
use super::seal::{Seal, Seal20};
use super::session::{Account, ActiveSession};
use super::{Bmc, Session, State, quirks};
use crate::{Config, EventKind, Protection, RefusalReason, User};

/// Open Session was answered: which user it is for comes with RAKP 1.
#[derive(Clone, Copy)]
pub(super) struct OpenedSession {
    console_session_id: u32,
    suite: CipherSuite,
    /// The limit asked for; `None` is the highest.
    limit: Option<Privilege>,
}

/// RAKP 2 was sent: RAKP 3 will show whether the console knows the password.
pub(super) struct ExpectRakp3 {
    opened: OpenedSession,
    request: Rakp1,
    answer: Rakp2,
    exchange: RakpExchange,
    user: User,
}

/// Why a login is refused, and whom, as far as is known.
struct Refusal {
    status: RmcpPlusStatus,
    user: Option<Username>,
    console_session_id: Option<u32>,
}

impl Bmc {
    /// Answers Open Session (IPMI 2.0 §13.17, §13.18).
    ///
    /// Even an equal request opens another session: some consoles send equal ones each time they are started.
    pub(super) fn open_session(
        &mut self,
        now: Instant,
        payload: &[u8],
    ) -> Option<OpenSessionResponse> {
        let request = OpenSessionRequest::parse(payload).ok()?;
        let OpenSessionRequest { tag, privilege, console_session_id, algorithms } = request;
        Some(match self.accept_open_session(now, request) {
            Ok(bmc_session_id) => OpenSessionResponse::Accepted {
                tag,
                privilege: privilege.or(Some(Privilege::Administrator)),
                console_session_id,
                bmc_session_id,
                algorithms,
            },
            Err(status) => {
                self.log_refused_status(now, None, status);
                quirks::refused_open_session(request, status, self.system.config.quirks)
            }
        })
    }

    /// Answers RAKP 1 with RAKP 2 (IPMI 2.0 §13.20, §13.21).
    pub(super) fn rakp1(&mut self, now: Instant, payload: &[u8]) -> Option<Vec<u8>> {
        let quirks = self.system.config.quirks;
        let request = quirks::read_rakp1(payload, quirks)?;
        let tag = request.tag;
        Some(match self.accept_rakp1(now, request) {
            Ok(answer) => answer.to_bytes(),
            Err(Refusal { status, user, console_session_id }) => {
                self.log_refused_status(now, user, status);
                quirks::refused_rakp1(tag, status, console_session_id, quirks)
            }
        })
    }

    /// Answers RAKP 3 with RAKP 4 (IPMI 2.0 §13.22, §13.23). `None` when the console gives up: that wants no answer.
    pub(super) fn rakp3(&mut self, now: Instant, payload: &[u8]) -> Option<Rakp4> {
        let request = Rakp3::parse(payload).ok()?;
        if request.status != RmcpPlusStatus::NO_ERRORS {
            self.abandon_login(now, &request);
            return None;
        }
        let tag = request.tag;
        Some(self.accept_rakp3(now, request).unwrap_or_else(|refusal| {
            let Refusal { status, user, console_session_id } = refusal;
            self.log_refused_status(now, user, status);
            quirks::refused_rakp3(tag, status, console_session_id, self.system.config.quirks)
        }))
    }

    fn accept_open_session(
        &mut self,
        now: Instant,
        request: OpenSessionRequest,
    ) -> Result<u32, RmcpPlusStatus> {
        let suite = suite_offered(&self.system.config.cipher_suites, request.algorithms)?;
        if !self.has_room() {
            return Err(RmcpPlusStatus::INSUFFICIENT_RESOURCES);
        }
        let opened = OpenedSession {
            console_session_id: request.console_session_id,
            suite,
            limit: request.privilege,
        };
        let id = self.unused_session_id();
        let state = State::ExpectRakp1(opened);
        self.sessions.insert(id, Session { last_used: now, state });
        Ok(id)
    }

    fn accept_rakp1(&mut self, now: Instant, request: Rakp1) -> Result<Rakp2, Refusal> {
        let id = request.bmc_session_id;
        let session = self.sessions.get_mut(&id).ok_or(Refusal::no_such_session())?;
        let opened = match &session.state {
            State::Active(_) => return Err(Refusal::no_such_session()),
            State::ExpectRakp3(waiting)
                if waiting.request == request
                    && !self.system.config.faults.new_random_for_each_rakp1 =>
            {
                return Ok(waiting.answer.clone());
            }
            State::ExpectRakp3(waiting) => waiting.opened,
            State::ExpectRakp1(opened) => *opened,
        };
        match find_user(&self.system.config, &opened, &request) {
            Ok(user) => {
                let expected = opened.accept(request, user, &mut self.system);
                let answer = expected.answer.clone();
                session.state = State::ExpectRakp3(Box::new(expected));
                session.last_used = now;
                Ok(answer)
            }
            Err(status) => {
                self.sessions.remove(&id);
                Err(opened.refusal(status, request.username))
            }
        }
    }

    fn accept_rakp3(&mut self, now: Instant, request: Rakp3) -> Result<Rakp4, Refusal> {
        let id = request.bmc_session_id;
        let session = self.sessions.get_mut(&id).ok_or(Refusal::no_such_session())?;
        let waiting = match &session.state {
            State::ExpectRakp3(waiting) => waiting,
            State::Active(active) => {
                return repeated_rakp4(active, &request).ok_or(Refusal::no_such_session());
            }
            State::ExpectRakp1(_) => return Err(Refusal::no_such_session()),
        };
        let opened = waiting.opened;
        let user = waiting.user.name;
        if !waiting.exchange.is_rakp3_genuine(&waiting.user.password, &request.code) {
            self.sessions.remove(&id);
            return Err(opened.refusal(RmcpPlusStatus::INVALID_INTEGRITY_CHECK, user));
        }
        let privilege = waiting.request.role.privilege;
        let (active, answer) = waiting.accept(request, self.system.config.kg.as_ref());
        session.state = State::Active(Box::new(active));
        session.last_used = now;
        let protection = Protection::Ipmi20(opened.suite);
        self.system.log(now, EventKind::SessionOpened { user, protection, privilege });
        Ok(answer)
    }

    /// Whether there may be one session more.
    pub(super) fn has_room(&mut self) -> bool {
        !self.system.pretends_to_be_full() && self.sessions.len() < self.system.config.max_sessions
    }

    fn log_refused_status(&mut self, now: Instant, user: Option<Username>, status: RmcpPlusStatus) {
        let reason = RefusalReason::Status(status);
        self.system.log(now, EventKind::SessionRefused { user, reason });
    }

    /// Only a login can be given up so: nothing vouches for the message, and it must not end a session.
    fn abandon_login(&mut self, now: Instant, request: &Rakp3) {
        let Some(Session { state: State::ExpectRakp3(waiting), .. }) =
            self.sessions.get(&request.bmc_session_id)
        else {
            return;
        };
        let user = waiting.user.name;
        self.sessions.remove(&request.bmc_session_id);
        self.system.log(now, EventKind::LoginAbandoned { user, status: request.status });
    }

    /// 0 is for packets outside a session (IPMI 2.0 §13.18).
    pub(super) fn unused_session_id(&mut self) -> u32 {
        loop {
            let id = self.system.rng.next_u32();
            let is_of_challenge = self.challenges.iter().any(|challenge| challenge.is_for(id));
            if id != 0 && !is_of_challenge && !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }
}

impl OpenedSession {
    fn accept(self, request: Rakp1, user: User, system: &mut System) -> ExpectRakp3 {
        let mut bmc_random = [0; 16];
        system.rng.fill_bytes(&mut bmc_random);
        let quirks = system.config.quirks;
        let exchange = RakpExchange {
            suite: self.suite,
            console_session_id: self.console_session_id,
            bmc_session_id: request.bmc_session_id,
            console_random: request.console_random,
            bmc_random,
            bmc_guid: system.config.guid,
            role: quirks::hashed_role(request.role, self.limit, quirks),
            username: request.username,
            quirks,
        };
        let answer = Rakp2::Accepted {
            tag: request.tag,
            console_session_id: self.console_session_id,
            bmc_random,
            bmc_guid: system.config.guid,
            code: quirks::rakp2_code(&exchange, &user.password),
        };
        ExpectRakp3 { opened: self, request, answer, exchange, user }
    }

    fn refusal(self, status: RmcpPlusStatus, user: Username) -> Refusal {
        let console_session_id = Some(self.console_session_id);
        Refusal { status, user: Some(user), console_session_id }
    }
}

impl ExpectRakp3 {
    fn accept(&self, request: Rakp3, kg: Option<&Kg>) -> (ActiveSession, Rakp4) {
        let integrity_key = self.exchange.session_integrity_key(&self.user.password, kg);
        let answer = Rakp4::Accepted {
            tag: request.tag,
            console_session_id: self.exchange.console_session_id,
            code: quirks::rakp4_code(&self.exchange, &integrity_key),
        };
        let keys = integrity_key.session_keys(self.exchange.quirks);
        let seal = Seal20::new(&self.exchange, keys, (request, answer.clone()));
        let account = Account {
            session_id: self.exchange.bmc_session_id,
            user: self.user.name,
            user_limit: self.user.max_privilege,
            session_limit: self.request.role.privilege,
        };
        let seal = Seal::Ipmi20(Box::new(seal));
        (ActiveSession::new(seal, account, self.exchange.quirks), answer)
    }
}

impl Refusal {
    fn no_such_session() -> Self {
        Self { status: RmcpPlusStatus::INVALID_SESSION_ID, user: None, console_session_id: None }
    }
}

/// RAKP 4 once more, if this is the RAKP 3 that it answered.
fn repeated_rakp4(active: &ActiveSession, request: &Rakp3) -> Option<Rakp4> {
    match active.seal() {
        Seal::Ipmi15(_) => None,
        Seal::Ipmi20(seal) => seal.repeated_rakp4(request),
    }
}

/// The suite of the proposed algorithms, if it is offered; else whether it is for an algorithm that the BMC does not
/// speak at all (IPMI 2.0 §13.24).
fn suite_offered(
    offered: &[CipherSuite],
    proposed: ProposedAlgorithms,
) -> Result<CipherSuite, RmcpPlusStatus> {
    let spoken = CipherSuite::ALL.map(CipherSuite::algorithms);
    if spoken.iter().all(|suite| suite.authentication != proposed.authentication) {
        return Err(RmcpPlusStatus::INVALID_AUTHENTICATION_ALGORITHM);
    }
    if spoken.iter().all(|suite| suite.integrity != proposed.integrity) {
        return Err(RmcpPlusStatus::INVALID_INTEGRITY_ALGORITHM);
    }
    if spoken.iter().all(|suite| suite.confidentiality != proposed.confidentiality) {
        return Err(RmcpPlusStatus::INVALID_CONFIDENTIALITY_ALGORITHM);
    }
    let mut offered = offered.iter().copied();
    offered
        .find(|suite| suite.algorithms() == proposed)
        .ok_or(RmcpPlusStatus::NO_CIPHER_SUITE_MATCH)
}

/// The user of RAKP 1: looked up by name, or by name and level together (IPMI 2.0 §13.20).
fn find_user(
    config: &Config,
    opened: &OpenedSession,
    request: &Rakp1,
) -> Result<User, RmcpPlusStatus> {
    let role = request.role;
    let user = config
        .users
        .iter()
        .filter(|user| user.enabled && user.name == request.username)
        .find(|user| role.name_only || user.max_privilege == role.privilege)
        .ok_or(RmcpPlusStatus::UNAUTHORIZED_NAME)?;
    if role.privilege > user.max_privilege || opened.limit.is_some_and(|max| role.privilege > max) {
        return Err(RmcpPlusStatus::UNAUTHORIZED_ROLE);
    }
    Ok(user.clone())
}
