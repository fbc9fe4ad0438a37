use std::io::ErrorKind;
use std::time::Instant;

use crate::command::{Command, SetSessionPrivilegeLevel};
use crate::crypto::RakpExchange;
use crate::error::SuiteIds;
use crate::retry::Transmissions;
use crate::wire::{Datagram, ResponseMessage};
use crate::{
    CipherSuite, CompletionCode, Error, NoAnswer, Privilege, RetryPolicy, RmcpPlusStatus, Step,
};

use super::active::Active;
use super::expect::{
    ExpectCapabilities, ExpectOpenSessionResponse, ExpectRakp2, ExpectRakp4, Verdict,
    privilege_refused, rakp3,
};
use super::{Context, Delivery, Request, SessionConfig};

/// A login under way (IPMI 2.0 §13.15): capabilities, Open Session, RAKP 1 to 4, privilege level.
pub(super) struct Login {
    started: Instant,
    deadline: Instant,
    /// The last time that the login came further than ever before.
    progress_at: Instant,
    /// How far that is: see [`Next::rank`].
    furthest: u8,
    /// Whether the BMC has answered anything.
    heard: bool,
    /// What the BMC answered last instead of what was asked for: that it has no time, or no room.
    complaint: Option<Error>,
    unreachable: Option<ErrorKind>,
    /// Those that the BMC has not refused; the first is the one being proposed.
    suites: Vec<CipherSuite>,
    refused: Vec<u8>,
    /// How often the login had to start anew.
    restarts: u32,
    /// Whether any message since Open Session was sent more than once.
    has_repeated: bool,
    /// Of the last message; each new message has the next.
    tag: u8,
    expect: Expect,
}

/// What became of a login after some input.
pub(super) enum Progress {
    Continues(Box<Login>),
    LoggedIn(Box<Active>),
    Failed(Error),
}

/// What the login awaits.
enum Expect {
    Capabilities(Sent, ExpectCapabilities),
    OpenSessionResponse(Sent, ExpectOpenSessionResponse),
    Rakp2(Sent, ExpectRakp2),
    Rakp4(Sent, Box<ExpectRakp4>),
    Privilege(Box<Active>),
}

/// The message that awaits its answer, ready to be sent again.
struct Sent {
    datagram: Vec<u8>,
    transmissions: Transmissions,
}

impl Login {
    pub(super) fn start(context: &mut Context, now: Instant, deadline: Instant) -> Self {
        let [tag, request_sequence] = context.random_bytes();
        let expect = ExpectCapabilities { request_sequence: request_sequence & 0x3f };
        let datagram = expect.request(context.config.privilege);
        let sent = Sent::now(context, now, datagram, 0);
        Self {
            started: now,
            deadline,
            progress_at: now,
            furthest: 0,
            heard: false,
            complaint: None,
            unreachable: None,
            suites: context.config.cipher_suites.clone(),
            refused: Vec::new(),
            restarts: 0,
            has_repeated: false,
            tag,
            expect: Expect::Capabilities(sent, expect),
        }
    }

    pub(super) fn note_unreachable(&mut self, reason: ErrorKind) {
        self.unreachable = Some(reason);
    }

    pub(super) fn next_timeout(&self, retry: &RetryPolicy) -> Instant {
        let step = match &self.expect {
            Expect::Capabilities(sent, _)
            | Expect::OpenSessionResponse(sent, _)
            | Expect::Rakp2(sent, _)
            | Expect::Rakp4(sent, _) => sent.transmissions.next_at(),
            Expect::Privilege(active) => active.next_timeout().unwrap_or(self.deadline),
        };
        step.min(self.end(retry))
    }

    /// When the login is given up, unless it comes further before.
    fn end(&self, retry: &RetryPolicy) -> Instant {
        self.deadline.min(self.progress_at + retry.silence)
    }

    /// The session, if the BMC may have activated it already.
    pub(super) fn into_active(self) -> Option<Box<Active>> {
        match self.expect {
            Expect::Privilege(active) => Some(active),
            Expect::Rakp4(_, expect) => Some(Box::new(expect.activate())),
            _ => None,
        }
    }

    pub(super) fn handle_datagram(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        datagram: &Datagram,
    ) -> Progress {
        // Somebody listens on that port.
        self.unreachable = None;
        let config = context.config;
        let verdict = match &mut self.expect {
            Expect::Capabilities(_, expect) => expect.judge(datagram).map(|()| Next::OpenSession),
            Expect::OpenSessionResponse(_, expect) => {
                expect.judge(datagram, config).map(|bmc_session_id| Next::Rakp1 {
                    suite: expect.suite,
                    console_session_id: expect.console_session_id,
                    bmc_session_id,
                })
            }
            Expect::Rakp2(_, expect) => expect
                .judge(datagram, config, self.has_repeated)
                .map(|exchange| Next::Rakp3(Box::new(exchange))),
            Expect::Rakp4(_, expect) => expect
                .judge(datagram, config, self.has_repeated)
                .map(|()| Next::Privilege(Box::new(expect.activate()))),
            Expect::Privilege(active) => match active.handle_datagram(datagram) {
                None => Verdict::Stranger,
                Some(response) => judge_privilege(config, &response),
            },
        };
        self.heard |= !matches!(verdict, Verdict::Stranger);
        match verdict {
            Verdict::Stranger => {
                log::debug!("datagram dropped: not the answer awaited");
                Progress::Continues(self)
            }
            Verdict::Accepted(next) => self.proceed(context, now, next),
            Verdict::Busy(error) => {
                log::debug!("{error}; asking again");
                self.complaint = Some(error);
                Progress::Continues(self)
            }
            Verdict::SuiteRefused(status) => self.propose_next_suite(context, now, status),
            Verdict::StartAnew => self.start_anew(context, now),
            Verdict::Failed(error) => {
                if matches!(self.expect, Expect::Privilege(_)) {
                    self.close_without_waiting(context, now);
                }
                Progress::Failed(error)
            }
        }
    }

    pub(super) fn handle_timeout(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
    ) -> Progress {
        if now >= self.end(&context.config.retry) {
            return self.give_up(context, now);
        }
        let limit = context.config.retry.transmissions_per_step;
        let is_exhausted = match &mut self.expect {
            Expect::Capabilities(sent, _) => !sent.repeat_if_due(context, now, u32::MAX),
            Expect::OpenSessionResponse(sent, _)
            | Expect::Rakp2(sent, _)
            | Expect::Rakp4(sent, _) => !sent.repeat_if_due(context, now, limit),
            Expect::Privilege(active) => {
                // Its deadline is the login's, which is not over yet.
                active.handle_timeout(context, now);
                false
            }
        };
        if !is_exhausted {
            self.has_repeated |= self.expect.was_repeated();
            return Progress::Continues(self);
        }
        if matches!(self.expect, Expect::OpenSessionResponse(..)) {
            // Some BMCs drop proposals that they do not know, or say that they have no room for them.
            self.suites.rotate_left(1);
        }
        self.start_anew(context, now)
    }

    fn proceed(mut self: Box<Self>, context: &mut Context, now: Instant, next: Next) -> Progress {
        self.complaint = None;
        if next.rank() > self.furthest {
            self.furthest = next.rank();
            self.progress_at = now;
        }
        match next {
            Next::OpenSession => self.open_session(context, now),
            Next::Rakp1 { suite, console_session_id, bmc_session_id } => {
                let tag = self.next_tag();
                let expect = ExpectRakp2 {
                    tag,
                    suite,
                    console_session_id,
                    bmc_session_id,
                    console_random: context.random_bytes(),
                };
                let datagram = expect.rakp1(context.config);
                let sent = Sent::now(context, now, datagram, self.restarts);
                self.expect = Expect::Rakp2(sent, expect);
                Progress::Continues(self)
            }
            Next::Rakp3(exchange) => {
                let tag = self.next_tag();
                let SessionConfig { password, kg, .. } = context.config;
                let key = exchange.session_integrity_key(password, kg.as_ref());
                let datagram = rakp3(tag, &exchange, password);
                let sent = Sent::now(context, now, datagram, self.restarts);
                let expect = ExpectRakp4 { tag, exchange: *exchange, key };
                self.expect = Expect::Rakp4(sent, Box::new(expect));
                Progress::Continues(self)
            }
            Next::Privilege(active) => self.raise_privilege(context, now, active),
            Next::Ready => match self.expect {
                Expect::Privilege(active) => Progress::LoggedIn(active),
                // Only a judged answer to Set Session Privilege Level leads here.
                _ => Progress::Continues(self),
            },
        }
    }

    fn open_session(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        let Some(suite) = self.suites.first().copied() else {
            let status = RmcpPlusStatus::NO_CIPHER_SUITE_MATCH;
            let suites = SuiteIds(self.refused);
            return Progress::Failed(Error::SuitesRefused { suites, status });
        };
        self.has_repeated = false;
        let tag = self.next_tag();
        // 0 is the id of packets outside a session (IPMI 2.0 §13.17).
        let console_session_id = u32::from_le_bytes(context.random_bytes()).max(1);
        let expect = ExpectOpenSessionResponse { tag, suite, console_session_id };
        let datagram = expect.request(context.config.privilege);
        let sent = Sent::now(context, now, datagram, self.restarts);
        self.expect = Expect::OpenSessionResponse(sent, expect);
        Progress::Continues(self)
    }

    fn propose_next_suite(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        status: RmcpPlusStatus,
    ) -> Progress {
        let suite = self.suites.remove(0);
        log::debug!("cipher suite {suite} refused: {status}");
        self.refused.push(suite.id());
        self.progress_at = now;
        if self.suites.is_empty() {
            let suites = SuiteIds(self.refused);
            return Progress::Failed(Error::SuitesRefused { suites, status });
        }
        self.open_session(context, now)
    }

    /// With a new session, new random numbers and longer intervals.
    fn start_anew(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        self.close_without_waiting(context, now);
        self.restarts += 1;
        log::debug!("login starts anew");
        self.open_session(context, now)
    }

    /// An activated session begins at level User (IPMI 2.0 §22.18), which is enough for a user.
    fn raise_privilege(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        mut active: Box<Active>,
    ) -> Progress {
        if context.config.privilege <= Privilege::User {
            return Progress::LoggedIn(active);
        }
        let command = SetSessionPrivilegeLevel(context.config.privilege);
        let request = Request::of(&command, Delivery::Repeated);
        active.send(context, now, request, self.deadline);
        self.expect = Expect::Privilege(active);
        Progress::Continues(self)
    }

    fn give_up(mut self, context: &mut Context, now: Instant) -> Progress {
        if let Expect::Privilege(active) = &mut self.expect {
            let busy = active.take_busy();
            self.complaint = busy.map(|response| privilege_refused(context.config, &response));
        }
        let (step, transmissions) = match &self.expect {
            Expect::Capabilities(sent, _) => (Step::AuthenticationCapabilities, sent.count()),
            Expect::OpenSessionResponse(sent, _) => (Step::OpenSession, sent.count()),
            Expect::Rakp2(sent, _) => (Step::Rakp1, sent.count()),
            Expect::Rakp4(sent, _) => (Step::Rakp3, sent.count()),
            Expect::Privilege(active) => {
                (Step::Command(SetSessionPrivilegeLevel::NAME), active.transmissions())
            }
        };
        let no_answer = Error::NoAnswer(NoAnswer {
            step,
            transmissions,
            waited: now.saturating_duration_since(self.started),
            heard_before: self.heard,
            unreachable: self.unreachable.filter(|_| !self.heard),
        });
        self.close_without_waiting(context, now);
        Progress::Failed(self.complaint.unwrap_or(no_answer))
    }

    /// A login that ends after the BMC may have activated the session gives the session back.
    fn close_without_waiting(&mut self, context: &mut Context, now: Instant) {
        match &mut self.expect {
            Expect::Privilege(active) => active.close_without_waiting(context, now),
            Expect::Rakp4(_, expect) => expect.activate().close_without_waiting(context, now),
            _ => {}
        }
    }

    fn next_tag(&mut self) -> u8 {
        self.tag = self.tag.wrapping_add(1);
        self.tag
    }
}

/// What follows an accepted answer.
enum Next {
    OpenSession,
    Rakp1 { suite: CipherSuite, console_session_id: u32, bmc_session_id: u32 },
    Rakp3(Box<RakpExchange>),
    Privilege(Box<Active>),
    Ready,
}

impl Next {
    /// How far a login has come that takes this step.
    fn rank(&self) -> u8 {
        match self {
            Self::OpenSession => 1,
            Self::Rakp1 { .. } => 2,
            Self::Rakp3(_) => 3,
            Self::Privilege(_) => 4,
            Self::Ready => 5,
        }
    }
}

fn judge_privilege(config: &SessionConfig, response: &ResponseMessage) -> Verdict<Next> {
    if response.completion == CompletionCode::OK {
        Verdict::Accepted(Next::Ready)
    } else {
        Verdict::Failed(privilege_refused(config, response))
    }
}

impl Sent {
    fn now(context: &mut Context, now: Instant, datagram: Vec<u8>, restarts: u32) -> Self {
        context.transmit(datagram.clone());
        Self { datagram, transmissions: Transmissions::start(now, &context.config.retry, restarts) }
    }

    /// False when it is due, and has been sent as often as it may be.
    fn repeat_if_due(&mut self, context: &mut Context, now: Instant, limit: u32) -> bool {
        if !self.transmissions.is_due(now) {
            return true;
        }
        if self.transmissions.count() >= limit {
            return false;
        }
        self.transmissions.repeat(now, &context.config.retry);
        context.transmit(self.datagram.clone());
        true
    }

    fn count(&self) -> u32 {
        self.transmissions.count()
    }
}

impl Expect {
    fn was_repeated(&self) -> bool {
        match self {
            Self::OpenSessionResponse(sent, _) | Self::Rakp2(sent, _) | Self::Rakp4(sent, _) => {
                sent.count() > 1
            }
            Self::Capabilities(..) | Self::Privilege(_) => false,
        }
    }
}
