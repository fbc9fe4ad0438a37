//! A login, step by step. Each step is a struct named for what it awaits, with only what it needs; it judges what a
//! datagram is to it.

mod capabilities;
mod forward;
mod ipmi15;
mod ipmi20;
mod step;
mod verdict;

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use crate::command::{
    ActivateSession, AuthenticationCapabilities, Command, SetSessionPrivilegeLevel,
};
use crate::wire::{Datagram, ResponseMessage};
use crate::{
    AuthenticationType, CipherSuite, CompletionCode, Error, NoAnswer, Privilege, Quirk,
    RetryPolicy, RmcpPlusStatus, Step,
};

use super::active::Active;
use super::{Context, Delivery, Output, Protocol, Request, SessionConfig};

use ipmi15::INVALID_SESSION_ID;
use ipmi20::privilege_refused;
use step::{Exchange, Expect, Next};
use verdict::Verdict;

pub(super) use ipmi15::Activation;

/// A login under way: capabilities; then, in IPMI 2.0 (§13.15), Open Session and RAKP 1 to 4, or, in IPMI 1.5
/// (§6.12.1), challenge and activation; then the privilege level.
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
    /// What the last message was answered with, if that may well be somebody else's.
    doubtful: Option<Box<Verdict<Next>>>,
    /// Whether anything came that was no answer.
    foreign: bool,
    unreachable: Option<ErrorKind>,
    capabilities: Option<AuthenticationCapabilities>,
    /// IPMI 1.5 and this type, where that is spoken.
    authentication: Option<AuthenticationType>,
    /// Of IPMI 2.0: those that the BMC has not refused; the first is the one being proposed.
    suites: Vec<CipherSuite>,
    refused: Vec<u8>,
    /// How many challenges of IPMI 1.5 were taken up in vain.
    activations: u32,
    /// How many answers to Activate Session came in vain, because their code did not fit.
    wrong_codes: u32,
    /// How often the BMC has said before the login that there is no way in.
    claims: u32,
    /// How often a proposal was not answered.
    unanswered_proposals: u32,
    /// How often each message was sent that was given up.
    sent_before: Vec<(Step, u32)>,
    /// How often the login had to start anew.
    restarts: u32,
    /// How often an answer came after that.
    crossings: u32,
    /// Whether any message since the login last started was sent more than once.
    has_repeated: bool,
    /// Whether any message but Activate Session was not answered at once, or one late.
    has_lost: bool,
    /// The messages that were given up, unanswered, when the login started anew.
    given_up: Vec<Exchange>,
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

impl Login {
    /// What [`Quirk::IntelWv2`] wants before the first request.
    const FIRST_THUMP: [u8; 16] =
        [0, 0, 0, 0, 0, 0, 0, 0, 0x07, 0x20, 0x18, 0xc8, 0xc2, 0x01, 0x01, 0x3c];

    pub(super) fn start(context: &mut Context, now: Instant, deadline: Instant) -> Progress {
        let [tag, request_sequence] = context.random_bytes();
        context.findings.request_sequence = request_sequence & 0x3f;
        if context.config.workarounds.forces(Quirk::IntelWv2) {
            context.transmit_bytes(Self::FIRST_THUMP.to_vec());
        }
        let login = Box::new(Self {
            started: now,
            deadline,
            progress_at: now,
            furthest: 0,
            heard: false,
            complaint: None,
            doubtful: None,
            foreign: false,
            unreachable: None,
            capabilities: None,
            authentication: None,
            suites: context.config.cipher_suites.clone(),
            refused: Vec::new(),
            activations: 0,
            wrong_codes: 0,
            claims: 0,
            unanswered_proposals: 0,
            sent_before: Vec::new(),
            restarts: 0,
            crossings: 0,
            has_repeated: false,
            has_lost: false,
            given_up: Vec::new(),
            tag,
            expect: Expect::capabilities(context, now),
        });
        let SessionConfig { workarounds, protocol, .. } = context.config;
        if workarounds.forces(Quirk::I82571Spt) && *protocol == Protocol::Ipmi20 {
            return login.open_session(context, now);
        }
        login.expect.transmit(context);
        Progress::Continues(login)
    }

    pub(super) fn note_unreachable(&mut self, reason: ErrorKind) {
        self.unreachable = Some(reason);
    }

    /// Somebody listens on that port.
    pub(super) fn note_foreign(&mut self) {
        self.foreign = true;
        self.unreachable = None;
    }

    pub(super) fn was_heard(&self) -> bool {
        self.heard
    }

    pub(super) fn next_timeout(&self, retry: &RetryPolicy) -> Instant {
        let step = match self.expect.sent() {
            Some(sent) => sent.transmissions.next_at(),
            None => self.expect.active().and_then(Active::next_timeout).unwrap_or(self.deadline),
        };
        step.min(self.end(retry))
    }

    /// When the login is given up, unless it comes further before.
    fn end(&self, retry: &RetryPolicy) -> Instant {
        let limit = if self.heard { retry.patience } else { retry.silence };
        self.progress_at.checked_add(limit).map_or(self.deadline, |end| end.min(self.deadline))
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
        let verdict = self.judge(context, now, datagram);
        if let Expect::Capabilities(_, expect) = &self.expect {
            self.heard |= expect.is_heard();
        }
        if matches!(verdict, Verdict::Stranger) {
            log::debug!("datagram dropped: not the answer awaited");
            self.note_foreign();
            self.notice_late_answer(datagram);
        } else {
            self.heard = true;
        }
        self.follow(context, now, verdict)
    }

    fn follow(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        verdict: Verdict<Next>,
    ) -> Progress {
        match verdict {
            Verdict::Stranger => Progress::Continues(self),
            Verdict::Accepted(next) => {
                if let Some(sent) = self.expect.sent() {
                    context.note_round_trip(now, &sent.transmissions);
                }
                self.proceed(context, now, next)
            }
            Verdict::Busy(error) => {
                log::debug!("{error}; asking again");
                self.complaint = Some(error);
                if let Some(sent) = self.expect.sent_mut() {
                    sent.transmissions.back_off(now, &context.config.retry);
                }
                Progress::Continues(self)
            }
            Verdict::Doubtful(verdict) => {
                // The first: repetitions may be answered that the login is over.
                self.doubtful.get_or_insert(verdict);
                Progress::Continues(self)
            }
            Verdict::SuiteRefused(status) => self.propose_next_suite(context, now, status),
            Verdict::StartAnew => {
                self.activations += u32::from(matches!(self.expect, Expect::Activation(..)));
                if self.activations >= context.config.retry.activations {
                    return self.give_up(context, now);
                }
                self.start_anew(context, now)
            }
            Verdict::NeedsWorkaround(quirks, error) => {
                self.work_around(context, now, quirks, error)
            }
            Verdict::VersionRefused(error) => self.use_ipmi20_instead(context, now, error),
            Verdict::Failed(error) if is_session_lost(&error) && self.restarts < 2 => {
                log::debug!("{error}: perhaps the network has doubled a datagram");
                self.start_anew(context, now)
            }
            Verdict::Failed(error) if matches!(self.expect, Expect::Capabilities(..)) => {
                self.doubt(error)
            }
            Verdict::Failed(error) => self.fail(context, now, error),
        }
    }

    fn judge(&mut self, context: &mut Context, now: Instant, datagram: &Datagram) -> Verdict<Next> {
        let has_repeated = self.has_repeated;
        match &mut self.expect {
            Expect::Capabilities(_, expect) => {
                expect.judge(context, datagram).map(Next::Capabilities)
            }
            Expect::Challenge(_, expect) => {
                let authentication = expect.authentication();
                let next = |challenge| Next::Activation { authentication, challenge };
                expect.judge(context, datagram).map(next)
            }
            Expect::Activation(_, expect) => {
                let next = |activation| Next::Activated(Box::new(activation));
                expect.judge(context, datagram, has_repeated).map(next)
            }
            Expect::OpenSessionResponse(_, expect) => {
                let (suite, console_session_id) = (expect.suite, expect.console_session_id);
                let next =
                    |bmc_session_id| Next::Rakp1 { suite, console_session_id, bmc_session_id };
                expect.judge(context, datagram).map(next)
            }
            Expect::Rakp2(_, expect) => {
                let next = |exchange| Next::Rakp3(Box::new(exchange));
                expect.judge(context, datagram, has_repeated).map(next)
            }
            Expect::Rakp4(_, expect) => match expect.judge(context, datagram, has_repeated) {
                Verdict::Accepted(()) => {
                    Verdict::Accepted(Next::Privilege(Box::new(expect.activate())))
                }
                verdict => verdict.map(|()| Next::Ready),
            },
            Expect::Privilege(active) => match active.handle_datagram(context, now, datagram) {
                None => Verdict::Stranger,
                Some(response) => judge_privilege(context.config, &response),
            },
        }
    }

    pub(super) fn handle_timeout(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
    ) -> Progress {
        let retry = &context.config.retry;
        if now >= self.end(retry) {
            return self.give_up(context, now);
        }
        let step_time = self.slowed_down(retry.step_time);
        if self.is_exhausted(now, retry, step_time) {
            return self.start_anew_unanswered(context, now);
        }
        match &mut self.expect {
            // Its deadline is the login's, which is not over yet.
            Expect::Privilege(active) => drop(active.handle_timeout(context, now)),
            expect => expect.repeat_if_due(context, now),
        }
        let has_repeated = self.expect.sent().is_some_and(|sent| sent.count() > 1);
        self.has_repeated |= has_repeated;
        self.has_lost |= has_repeated && !matches!(self.expect, Expect::Activation(..));
        Progress::Continues(self)
    }

    /// A BMC that has no room is asked for the same again; only a proposal may be what it has no room for.
    fn is_exhausted(&self, now: Instant, retry: &RetryPolicy, step_time: Duration) -> bool {
        let has_room = self.complaint.is_none();
        let is_proposal = matches!(self.expect, Expect::OpenSessionResponse(..));
        let patience = if has_room { step_time } else { step_time.saturating_mul(4) };
        (has_room || is_proposal && self.suites.len() > 1)
            && self.expect.is_exhausted(now, retry, patience)
    }

    /// A message was sent as often as it may be, and not answered, but for what nobody would believe at once.
    fn start_anew_unanswered(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        if let Some(verdict) = self.doubtful.take() {
            return self.follow(context, now, *verdict);
        }
        match &self.expect {
            Expect::OpenSessionResponse(..) => {
                // Some BMCs drop proposals that they do not know, or say that they have no room for them. The first
                // time it may have been the network.
                self.unanswered_proposals += 1;
                if self.complaint.is_some() || self.unanswered_proposals.is_multiple_of(2) {
                    self.propose_another();
                }
            }
            Expect::Activation(_, expect) => {
                self.activations += 1;
                self.wrong_codes += expect.wrong_codes;
                // So many are no accident, and some BMCs lock users out who try too often.
                let is_hopeless = self.wrong_codes >= 4;
                if is_hopeless || self.activations >= self.most_activations(&context.config.retry) {
                    return self.give_up(context, now);
                }
            }
            _ => {}
        }
        self.start_anew(context, now)
    }

    /// With a new session and new random numbers; with longer intervals if the last ones were too short for the BMC.
    fn start_anew(mut self: Box<Self>, context: &mut Context, now: Instant) -> Progress {
        self.close_without_waiting(context, now);
        self.sent_before.push(self.expect.step());
        self.given_up.extend(self.expect.sent().and_then(|sent| Exchange::of(&sent.datagram)));
        self.restarts += 1;
        log::debug!("login starts anew");
        match self.authentication {
            None => self.open_session(context, now),
            Some(authentication) => {
                // Not each time: the answers of a BMC that is merely slow come to the old port.
                let is_due = self.restarts.is_multiple_of(4);
                if is_due && context.config.workarounds.finds(Quirk::NewPort) {
                    context.outputs.push_back(Output::ChangePort);
                }
                self.ask_for_challenge(context, now, authentication)
            }
        }
    }

    /// Where nothing else was lost, what is not answered is not lost either, and some BMCs lock users out who try too
    /// often.
    fn most_activations(&self, retry: &RetryPolicy) -> u32 {
        if self.has_lost { retry.activations } else { retry.activations.min(4) }
    }

    fn propose_another(&mut self) {
        if let [first, rest @ ..] = self.suites.as_slice() {
            self.suites = rest.iter().chain([first]).copied().collect();
        }
    }

    /// An answer to what was given up shows that the BMC is slow, not that the network is bad.
    fn notice_late_answer(&mut self, datagram: &Datagram) {
        let answered = Exchange::of(datagram);
        let before = self.given_up.len();
        self.given_up.retain(|given_up| answered != Some(*given_up));
        let is_late = self.given_up.len() < before;
        self.crossings += u32::from(is_late);
        self.has_lost |= is_late;
    }

    /// Does what the first of these quirks needs that may be worked around and has not been yet.
    fn work_around(
        mut self: Box<Self>,
        context: &mut Context,
        now: Instant,
        quirks: &[Quirk],
        error: Error,
    ) -> Progress {
        let is_new = |quirk: &&Quirk| {
            context.config.workarounds.finds(**quirk) && !context.findings.quirks.contains(**quirk)
        };
        let Some(quirk) = quirks.iter().find(is_new) else {
            return self.fail(context, now, error);
        };
        log::info!("{error}; trying the workaround {quirk}");
        context.findings.quirks.insert(*quirk);
        if let Expect::Privilege(active) = &mut self.expect {
            active.set_privilege(Privilege::Operator);
            ask_for_privilege(context, now, active, Privilege::Operator, self.deadline);
            return Progress::Continues(self);
        }
        self.start_anew(context, now)
    }

    fn fail(mut self, context: &mut Context, now: Instant, error: Error) -> Progress {
        if matches!(self.expect, Expect::Privilege(_)) {
            self.close_without_waiting(context, now);
        }
        Progress::Failed(error)
    }

    fn give_up(mut self, context: &mut Context, now: Instant) -> Progress {
        if let Expect::Privilege(active) = &mut self.expect {
            let busy = active.take_busy();
            self.complaint = busy.map(|response| privilege_refused(context.config, &response));
        }
        if let Expect::Capabilities(_, expect) = &self.expect
            && expect.is_of_ipmi15()
        {
            self.complaint = Some(Error::NoIpmi20);
        }
        if let Expect::Activation(_, expect) = &self.expect
            && self.wrong_codes + expect.wrong_codes > 0
        {
            self.complaint = Some(Error::WrongPassword15);
        }
        if let Some(error) = self.doubtful.take().and_then(|verdict| verdict.into_error()) {
            self.complaint = Some(error);
        }
        let (step, transmissions) = self.expect.step();
        let before = self.sent_before.iter().filter(|(earlier, _)| *earlier == step);
        let transmissions = before.map(|(_, count)| count).sum::<u32>() + transmissions;
        let no_answer = Error::NoAnswer(NoAnswer {
            step,
            transmissions,
            waited: now.saturating_duration_since(self.started),
            heard_before: self.heard,
            foreign: self.foreign && !self.heard,
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

    /// Longer, where the BMC was found to be slow.
    fn slowed_down(&self, time: Duration) -> Duration {
        time.saturating_mul(1 << self.crossings.min(3))
    }
}

/// Whether the BMC no longer knows what the login has come to: most likely it got a datagram twice.
fn is_session_lost(error: &Error) -> bool {
    match error {
        Error::LoginRefused { status, .. } => {
            [RmcpPlusStatus::INVALID_SESSION_ID, RmcpPlusStatus::INACTIVE_SESSION_ID]
                .contains(status)
        }
        Error::Refused { number: ActivateSession::NUMBER, code, .. } => *code == INVALID_SESSION_ID,
        _ => false,
    }
}

fn ask_for_privilege(
    context: &mut Context,
    now: Instant,
    active: &mut Active,
    privilege: Privilege,
    deadline: Instant,
) {
    let request = Request::of(&SetSessionPrivilegeLevel(privilege), Delivery::Repeated);
    active.send(context, now, request, None, context.interval(), deadline);
}

/// Set Session Privilege Level: not available to this user, and above the limit (IPMI 2.0 §22.18).
const LEVEL_REFUSED: [CompletionCode; 2] = [CompletionCode(0x80), CompletionCode(0x81)];

fn judge_privilege(config: &SessionConfig, response: &ResponseMessage) -> Verdict<Next> {
    let refused = privilege_refused(config, response);
    match response.completion {
        CompletionCode::OK => Verdict::Accepted(Next::Ready),
        code if LEVEL_REFUSED.contains(&code) && config.privilege > Privilege::Operator => {
            Verdict::NeedsWorkaround(&[Quirk::SetPrivilege], refused)
        }
        _ => Verdict::Failed(refused),
    }
}
