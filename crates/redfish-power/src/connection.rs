//! Questions to one service: asked again where that helps, redirected, with the right credentials.

use std::time::Duration;

use reqwest::header::{self, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use crate::document::link;
use crate::error::{ExchangeFailure, Refusal};
use crate::exchange::{Answer, Request, exchange};
use crate::login::{Credentials, Session, Way};
use crate::origin::{Elsewhere, Origin};
use crate::{Error, RetryPolicy, Step};

/// More redirections are a loop.
const MOST_REDIRECTIONS: usize = 5;
/// More sessions than these in one operation would fill the service's table.
const MOST_SESSIONS: usize = 3;
/// Where sessions are opened if the service root cannot be read (DSP0266, "Session management").
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";

/// Something to ask a service for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) step: Step,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) if_match: Option<HeaderValue>,
    /// Whether it may be asked again when nobody knows whether it arrived.
    pub(crate) repeatable: bool,
}

/// A service, and what is known of how to talk to it.
pub(crate) struct Connection {
    wire: Wire,
    root: Url,
    credentials: Credentials,
    way: Way,
    /// A session that is being opened. It is kept here so that it can be deleted if nobody waits for it any more.
    opening: Option<JoinHandle<Result<Answer, Error>>>,
    sessions_opened: usize,
    /// Whether there was any answer.
    heard: bool,
    /// Whether the credentials were taken, as they are now.
    admitted: bool,
    /// Until when the service wants to be left alone, and what it said.
    told_to_wait: Option<(Instant, Box<Refusal>)>,
}

/// What is needed to send something.
#[derive(Clone)]
struct Wire {
    http: reqwest::Client,
    origin: Origin,
    policy: RetryPolicy,
}

/// How often a question was answered badly.
#[derive(Default)]
struct Attempts {
    bad_answers: u32,
}

/// What to do after an attempt.
enum Next {
    Done(Answer),
    Again(Again),
}

/// How to ask again.
enum Again {
    /// At once: something has changed.
    Now,
    /// After a pause, if there is time; otherwise this is what came of it.
    Later(Duration, Error),
}

impl Again {
    async fn pause(self, deadline: Instant) -> Result<(), Error> {
        match self {
            Self::Now => Ok(()),
            Self::Later(pause, error) if Instant::now() + pause >= deadline => Err(error),
            Self::Later(pause, _) => {
                sleep(pause).await;
                Ok(())
            }
        }
    }
}

impl Question {
    pub(crate) fn get(step: Step, url: Url) -> Self {
        Self { step, method: Method::GET, url, body: None, if_match: None, repeatable: true }
    }

    /// The answer as an error.
    fn refused(&self, answer: &Answer) -> Box<Refusal> {
        answer.refusal(&self.method, self.url.path())
    }
}

impl Connection {
    pub(crate) fn new(
        http: reqwest::Client,
        origin: Origin,
        root: Url,
        credentials: Credentials,
        policy: RetryPolicy,
    ) -> Self {
        Self {
            wire: Wire { http, origin, policy },
            root,
            credentials,
            way: Way::Basic(crate::login::Encoding::Utf8),
            opening: None,
            sessions_opened: 0,
            heard: false,
            admitted: false,
            told_to_wait: None,
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.wire.origin
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.wire.policy
    }

    /// Whether the credentials were taken at least once.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    /// The document at a URL. What is none is asked for again, as other bad answers are.
    pub(crate) async fn read(
        &mut self,
        step: Step,
        url: Url,
        deadline: Instant,
    ) -> Result<(Answer, Value), Error> {
        let question = Question::get(step, url);
        let path = || question.url.path().to_owned();
        let mut attempts = Attempts::default();
        loop {
            let answer = self.ask(&question, deadline).await?;
            if !answer.age().is_zero() {
                return Err(Error::Stale { step, path: path(), age: answer.age() });
            }
            if let Some(document) = answer.document() {
                return Ok((answer, document));
            }
            self.unless_too_often(&mut attempts, Error::NotJson { step, path: path() })?
                .pause(deadline)
                .await?;
        }
    }

    /// Asks until there is an answer that is no error, as long as asking again may help and there is time.
    pub(crate) async fn ask(
        &mut self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let began = Instant::now();
        let mut attempts = Attempts::default();
        loop {
            self.await_permission(question.step, deadline).await?;
            let credentials = self.way.header(&self.credentials);
            let result = self.wire.follow(question, credentials, deadline).await;
            self.heard |= result.is_ok();
            let next = match result {
                Ok(answer) => self.judge(question, answer, &mut attempts, deadline).await?,
                Err(error) => Next::Again(self.after(error, question, &mut attempts, began)?),
            };
            match next {
                Next::Done(answer) => return Ok(answer),
                Next::Again(again) => again.pause(deadline).await?,
            }
        }
    }

    /// What an answer means. HTTP statuses that asking again may change: 401, if there is another way to say who
    /// asks; 429 and 503, when the service has been left alone for as long as it wants; 500, 502 and 504 to a question,
    /// for a few times, as they come from services that are starting. All others are final, also those to a reset: it may
    /// have been carried out, and the power state tells more than another answer.
    async fn judge(
        &mut self,
        question: &Question,
        answer: Answer,
        attempts: &mut Attempts,
        deadline: Instant,
    ) -> Result<Next, Error> {
        let step = question.step;
        if answer.status.is_success() {
            // The service root is open to everybody.
            self.admitted |= step != Step::ServiceRoot;
            return Ok(Next::Done(answer));
        }
        let refusal = question.refused(&answer);
        log::info!("{}: {step}: {refusal}", self.origin());
        let is_question = question.method == Method::GET;
        let again = match answer.status {
            StatusCode::UNAUTHORIZED => {
                self.another_way(step, refusal, deadline).await?;
                Again::Now
            }
            status if is_busy(status, &refusal) => self.when_permitted(step, refusal),
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT
                if is_question =>
            {
                self.unless_too_often(attempts, Error::Refused { step, refusal })?
            }
            _ => return Err(Error::Refused { step, refusal }),
        };
        Ok(Next::Again(again))
    }

    /// What to do after there was no answer.
    fn after(
        &self,
        error: Error,
        question: &Question,
        attempts: &mut Attempts,
        began: Instant,
    ) -> Result<Again, Error> {
        let Error::NoAnswer { failure, .. } = &error else { return Err(error) };
        log::info!("{}: {error}", self.origin());
        let policy = self.policy();
        match failure {
            ExchangeFailure::Tls(failure) if failure.is_final() => Err(error),
            // Nobody has heard the question. A BMC that was there a moment ago may be restarting.
            failure if failure.is_before_request() => {
                let is_silent = !self.heard && began.elapsed() + policy.pause >= policy.silence;
                if is_silent { Err(error) } else { Ok(Again::Later(policy.pause, error)) }
            }
            _ if !question.repeatable => Err(error),
            // The wait was long enough to have been the pause.
            ExchangeFailure::TimedOut(_) => Ok(Again::Later(Duration::ZERO, error)),
            // The connection may have been closed for being idle. A reset goes out once more at most: after that the
            // power state tells more.
            _ if question.method != Method::GET => {
                attempts.bad_answers += 1;
                let is_first = attempts.bad_answers == 1;
                if is_first { Ok(Again::Later(Duration::ZERO, error)) } else { Err(error) }
            }
            _ => self.unless_too_often(attempts, error),
        }
    }

    fn unless_too_often(&self, attempts: &mut Attempts, error: Error) -> Result<Again, Error> {
        attempts.bad_answers += 1;
        if attempts.bad_answers >= self.policy().bad_answers {
            return Err(error);
        }
        Ok(Again::Later(self.policy().pause, error))
    }

    /// After the service said that it is busy: when it wants to be asked again, or else after a pause.
    fn when_permitted(&mut self, step: Step, refusal: Box<Refusal>) -> Again {
        match refusal.retry_after {
            Some(wait) => {
                self.told_to_wait = Some((Instant::now() + wait, refusal));
                Again::Now
            }
            None => Again::Later(self.policy().pause, Error::Refused { step, refusal }),
        }
    }

    /// Leaves the service alone for as long as it wants. Where that is longer than there is time, it is not asked.
    async fn await_permission(&mut self, step: Step, deadline: Instant) -> Result<(), Error> {
        let Some((until, refusal)) = &self.told_to_wait else { return Ok(()) };
        let now = Instant::now();
        if *until >= deadline && *until > now {
            let wait = until.saturating_duration_since(now);
            return Err(Error::ToldToWait { step, wait, refusal: refusal.clone() });
        }
        sleep_until(*until).await;
        self.told_to_wait = None;
        Ok(())
    }

    /// After a 401: says who asks in another way, if there is one left.
    async fn another_way(
        &mut self,
        step: Step,
        refusal: Box<Refusal>,
        deadline: Instant,
    ) -> Result<(), Error> {
        match &self.way {
            // The same words were good a moment ago: it is not the password.
            Way::Basic(_) if self.admitted => Err(Error::Refused { step, refusal }),
            Way::Basic(encoding) => match encoding.other(&self.credentials) {
                Some(other) => {
                    self.way = Way::Basic(other);
                    Ok(())
                }
                None => self.open_session(step, refusal, deadline).await,
            },
            Way::Session(_) if self.admitted && self.sessions_opened < MOST_SESSIONS => {
                self.open_session(step, refusal, deadline).await
            }
            Way::Session(_) => Err(Error::Unauthorized { step, refusal }),
        }
    }

    async fn open_session(
        &mut self,
        step: Step,
        refusal: Box<Refusal>,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some(url) = self.sessions(deadline).await else {
            return Err(Error::Unauthorized { step, refusal });
        };
        let question = Question {
            step: Step::Login,
            method: Method::POST,
            url,
            body: Some(self.credentials.body()),
            if_match: None,
            repeatable: false,
        };
        loop {
            self.await_permission(Step::Login, deadline).await?;
            let answer = self.opened(&question, deadline).await?;
            if let Some(session) = self.session_of(&question, &answer) {
                log::info!("{}: Basic is refused; using a session", self.origin());
                self.way = Way::Session(session);
                self.sessions_opened += 1;
                self.admitted = false;
                return Ok(());
            }
            let refusal = question.refused(&answer);
            if !is_busy(answer.status, &refusal) {
                return Err(Error::Unauthorized { step: Step::Login, refusal });
            }
            self.when_permitted(Step::Login, refusal).pause(deadline).await?;
        }
    }

    /// Asks for a session in a task of its own, which goes on when nobody waits for it any more: a session that was opened
    /// must be known, to be deleted.
    async fn opened(&mut self, question: &Question, deadline: Instant) -> Result<Answer, Error> {
        let (wire, asked) = (self.wire.clone(), question.clone());
        let task = tokio::spawn(async move { wire.follow(&asked, None, deadline).await });
        let result = self.opening.insert(task).await;
        self.opening = None;
        result.unwrap_or_else(|_| {
            Err(no_answer(Step::Login, ExchangeFailure::TimedOut(Duration::ZERO)))
        })
    }

    fn session_of(&self, question: &Question, answer: &Answer) -> Option<Session> {
        let is_opened = answer.status.is_success();
        is_opened.then(|| Session::of(answer, self.origin(), &question.url)).flatten()
    }

    /// Where sessions are opened. `None` when the service root says that there are none.
    async fn sessions(&mut self, deadline: Instant) -> Option<Url> {
        let question = Question::get(Step::ServiceRoot, self.root.clone());
        let root = self.wire.follow(&question, None, deadline).await.ok();
        let root = root.filter(|answer| answer.status.is_success()).and_then(|a| a.document());
        let path = match &root {
            None => SESSIONS.to_owned(),
            Some(root) => match root.get("Links").and_then(|links| link(links, "Sessions")) {
                Some(path) => path.to_owned(),
                None => format!("{}/Sessions", link(root, "SessionService")?.trim_end_matches('/')),
            },
        };
        self.origin().at(&path).ok()
    }

    /// Deletes the session, if there is one, or one that is just being opened.
    pub(crate) async fn close(&mut self, deadline: Instant) {
        if let Some(task) = self.opening.take()
            && let Ok(Ok(Ok(answer))) = timeout_at(deadline, task).await
            && let Some(session) = Session::of(&answer, self.origin(), &self.root)
        {
            self.way = Way::Session(session);
        }
        let credentials = self.way.header(&self.credentials);
        let basic = Way::Basic(crate::login::Encoding::Utf8);
        let Way::Session(Session { url: Some(url), .. }) = std::mem::replace(&mut self.way, basic)
        else {
            return;
        };
        let question = Question { method: Method::DELETE, ..Question::get(Step::Login, url) };
        // Once more, for services that close connections that were idle.
        for _ in 0..2 {
            match self.wire.follow(&question, credentials.clone(), deadline).await {
                Ok(answer) => {
                    return log::debug!("{}: session deleted: {}", self.origin(), answer.status);
                }
                Err(error) => {
                    log::info!("{}: the session may still be open: {error}", self.origin())
                }
            }
        }
    }
}

impl Wire {
    /// Asks once, and follows redirections, each with the same method, body and credentials, to this origin only. Only "see
    /// other" changes the method (RFC 9110 §15.4.4).
    async fn follow(
        &self,
        question: &Question,
        credentials: Option<(header::HeaderName, HeaderValue)>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let step = question.step;
        let mut request = Request {
            method: question.method.clone(),
            url: question.url.clone(),
            credentials,
            if_match: question.if_match.clone(),
            body: question.body.clone(),
        };
        for _ in 0..=MOST_REDIRECTIONS {
            let until = self.policy.answer_by(deadline);
            let answer = exchange(&self.http, request.clone(), until)
                .await
                .map_err(|failure| no_answer(step, failure))?;
            let Some(location) = redirection(&answer) else { return Ok(answer) };
            log::debug!(
                "{} leads to {}",
                request.url.path().escape_debug(),
                location.escape_debug()
            );
            request.url = self
                .origin
                .redirected(&request.url, location)
                .map_err(|elsewhere| leads_away(step, request.url.path(), elsewhere))?;
            if answer.status == StatusCode::SEE_OTHER {
                request.method = Method::GET;
                request.body = None;
            }
        }
        Err(Error::Redirects { step, path: question.url.path().to_owned() })
    }
}

/// Where the answer leads, if it is a redirection.
fn redirection(answer: &Answer) -> Option<&str> {
    let is_redirection = matches!(answer.status.as_u16(), 301 | 302 | 303 | 307 | 308);
    is_redirection.then(|| answer.header(&header::LOCATION)).flatten()
}

/// 429 and 503; and what iDRACs say in other words while they are not ready.
fn is_busy(status: StatusCode, refusal: &Refusal) -> bool {
    let is_not_ready = status.is_client_error() && refusal.says("SYS518");
    is_not_ready
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}

fn no_answer(step: Step, failure: ExchangeFailure) -> Error {
    Error::NoAnswer { step, failure }
}

pub(crate) fn leads_away(step: Step, from: &str, elsewhere: Elsewhere) -> Error {
    Error::Elsewhere { step, from: from.to_owned(), to: elsewhere.link }
}
