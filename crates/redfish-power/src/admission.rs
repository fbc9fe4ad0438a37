//! Being let in: by Basic, and by a session where Basic is refused.

use std::time::Duration;

use reqwest::header::{HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use crate::document::link;
use crate::error::{ExchangeFailure, Refusal};
use crate::exchange::Answer;
use crate::login::{Credentials, Encoding, Session, Way};
use crate::patience::{Again, Attempts, Patience, is_busy};
use crate::wire::{Question, Wire, no_answer};
use crate::{Error, Step};

/// More sessions than these in one operation would fill the service's table.
const MOST_SESSIONS: usize = 3;
/// So often credentials are given again that were good before: more could lock the user out.
const MOST_REFUSALS: u32 = 3;
/// Where sessions are opened if the service root cannot be read (DSP0266, "Session management").
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
/// What a service says when it has no session left (DSP0268, base message registry).
const TABLE_FULL: &str = "SessionLimitExceeded";
/// How long the answer to a session that was asked for is waited for when nobody wants the session any more: it must be
/// known, to be deleted.
const SESSION_KNOWN_AFTER: Duration = Duration::from_secs(3);

/// How the service lets us in.
pub(crate) struct Admission {
    root: Url,
    credentials: Credentials,
    way: Way,
    /// Whether the service has taken the credentials, in the way that they are given now.
    admitted: bool,
    /// How often they were refused since they were last taken.
    refusals: u32,
    /// Whether a session was tried although Basic had been taken.
    has_tried_session: bool,
    /// A session that is being opened.
    opening: Option<JoinHandle<Result<Answer, Error>>>,
    /// The sessions that were opened in this operation, and the one before them.
    sessions: Vec<Option<Url>>,
}

impl Admission {
    pub(crate) fn new(root: Url, credentials: Credentials) -> Self {
        Self {
            root,
            credentials,
            way: Way::Basic(Encoding::Utf8),
            admitted: false,
            refusals: 0,
            has_tried_session: false,
            opening: None,
            sessions: Vec::new(),
        }
    }

    /// A new operation begins. Sessions before the last one have ended, since the service would not have them any more.
    pub(crate) fn begin(&mut self) {
        self.refusals = 0;
        self.has_tried_session = false;
        let ended = self.sessions.len().saturating_sub(1);
        self.sessions.drain(..ended);
    }

    /// The header that says who asks.
    pub(crate) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        self.way.header(&self.credentials)
    }

    pub(crate) fn is_admitted(&self) -> bool {
        self.admitted
    }

    pub(crate) fn has_session(&self) -> bool {
        matches!(self.way, Way::Session(_))
    }

    /// A question was answered. The service root is open to everybody, and at some services the list of systems is.
    pub(crate) fn note_answer(&mut self, step: Step) {
        let is_open = matches!(step, Step::ServiceRoot | Step::Systems);
        self.admitted |= !is_open;
        if !is_open {
            self.refusals = 0;
        }
    }

    /// After a 401: says who asks in another way, if there is one left.
    pub(crate) async fn another_way(
        &mut self,
        wire: &Wire,
        patience: &mut Patience,
        step: Step,
        refusal: Box<Refusal>,
        deadline: Instant,
    ) -> Result<(), Error> {
        match &self.way {
            // The same words were good a moment ago: it is not the password. Some services want a session for a reset.
            Way::Basic(_) if self.admitted => {
                self.refusals += 1;
                if self.refusals > MOST_REFUSALS {
                    return Err(Error::Unauthorized { step, refusal });
                }
                if step != Step::Reset || std::mem::replace(&mut self.has_tried_session, true) {
                    return Err(Error::Refused { step, refusal });
                }
            }
            Way::Basic(encoding) => {
                if let Some(other) = encoding.other(&self.credentials) {
                    self.way = Way::Basic(other);
                    return Ok(());
                }
            }
            // A session that ends is followed by another one; one that was never good is not.
            Way::Session(_) if self.admitted && self.sessions.len() < MOST_SESSIONS => {}
            Way::Session(_) => return Err(Error::Unauthorized { step, refusal }),
        }
        match self.sessions_url(wire, deadline).await {
            Some(url) => self.open_session(wire, patience, url, deadline).await,
            None => Err(Error::Unauthorized { step, refusal }),
        }
    }

    /// Where sessions are opened. `None` when the service root says that there are none.
    async fn sessions_url(&self, wire: &Wire, deadline: Instant) -> Option<Url> {
        let question = Question::get(Step::ServiceRoot, self.root.clone());
        let root = wire.follow(&question, None, deadline).await.ok();
        let root = root.filter(|answer| answer.status.is_success()).and_then(|a| a.document());
        let path = match &root {
            None => SESSIONS.to_owned(),
            Some(root) => match root.get("Links").and_then(|links| link(links, "Sessions")) {
                Some(path) => path.to_owned(),
                None => format!("{}/Sessions", link(root, "SessionService")?.trim_end_matches('/')),
            },
        };
        wire.origin.at(&path).ok()
    }

    async fn open_session(
        &mut self,
        wire: &Wire,
        patience: &mut Patience,
        url: Url,
        deadline: Instant,
    ) -> Result<(), Error> {
        let step = Step::Login;
        let question = Question {
            method: Method::POST,
            body: Some(self.credentials.body()),
            ..Question::get(step, url)
        };
        let mut attempts = Attempts::begin();
        loop {
            patience.await_permission(step, deadline).await?;
            let again = match self.ask_for_session(wire, &question, deadline).await {
                Ok(answer) if self.take_session(wire, &answer) => {
                    log::info!("{}: Basic is refused; using a session", wire.origin);
                    return Ok(());
                }
                Ok(answer) => after_refusal(&question, &answer, wire, patience, &mut attempts)?,
                Err(error) => {
                    log::info!("{}: {error}", wire.origin);
                    attempts.after(error, &question, true, &wire.policy)?
                }
            };
            again.pause(deadline).await?;
        }
    }

    /// Asks in a task of its own, which goes on when nobody waits for it any more.
    async fn ask_for_session(
        &mut self,
        wire: &Wire,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        self.take_late_session(wire, deadline).await;
        let began = Instant::now();
        let timed_out = || no_answer(Step::Login, ExchangeFailure::TimedOut(began.elapsed()));
        if self.opening.is_some() {
            return Err(timed_out());
        }
        let (wire, question) = (wire.clone(), question.clone());
        let until = deadline + SESSION_KNOWN_AFTER;
        let task = tokio::spawn(async move { wire.follow(&question, None, until).await });
        let opening = self.opening.insert(task);
        let result = timeout_at(deadline, opening).await.map_err(|_| timed_out())?;
        self.opening = None;
        result.unwrap_or_else(|_| Err(timed_out()))
    }

    fn take_session(&mut self, wire: &Wire, answer: &Answer) -> bool {
        let session = Session::of(answer, &wire.origin, &self.root);
        let Some(session) = session.filter(|_| answer.status.is_success()) else { return false };
        self.sessions.push(session.url.clone());
        self.way = Way::Session(session);
        self.admitted = false;
        true
    }

    /// Takes a session that was being opened when its caller had no more time.
    async fn take_late_session(&mut self, wire: &Wire, deadline: Instant) {
        if let Some(mut task) = self.opening.take() {
            match timeout_at(deadline, &mut task).await {
                Ok(Ok(Ok(answer))) => drop(self.take_session(wire, &answer)),
                Ok(_) => {}
                // It is not there yet; there may be time for it later.
                Err(_) => self.opening = Some(task),
            }
        }
    }

    /// Deletes all sessions, also one that is just being opened.
    pub(crate) async fn close(&mut self, wire: &Wire, deadline: Instant) {
        self.take_late_session(wire, deadline).await;
        // The last one last: the others are deleted by it.
        for url in std::mem::take(&mut self.sessions).into_iter().flatten() {
            self.delete(wire, url, deadline).await;
        }
        self.way = Way::Basic(Encoding::Utf8);
    }

    async fn delete(&self, wire: &Wire, url: Url, deadline: Instant) {
        let question = Question { method: Method::DELETE, ..Question::get(Step::Logout, url) };
        // Once more, for connections that are closed for being idle, and for services that have something else to do.
        for _ in 0..2 {
            let answer = wire.follow(&question, self.header(), deadline).await;
            let failed = match answer {
                Ok(answer) if answer.status.is_server_error() => {
                    Error::Refused { step: Step::Logout, refusal: question.refused(&answer) }
                }
                Ok(answer) => {
                    return log::debug!("{}: {}: {}", wire.origin, Step::Logout, answer.status);
                }
                Err(error) => error,
            };
            log::info!("{}: {failed}", wire.origin);
            let is_answered = matches!(failed, Error::Refused { .. });
            let pause = if is_answered { wire.policy.pause } else { Duration::ZERO };
            sleep(pause).await;
        }
        log::info!("{}: a session may still be open", wire.origin);
    }
}

/// What to do after an answer to a login that opened no session.
fn after_refusal(
    question: &Question,
    answer: &Answer,
    wire: &Wire,
    patience: &mut Patience,
    attempts: &mut Attempts,
) -> Result<Again, Error> {
    let (step, refusal) = (question.step, question.refused(answer));
    log::info!("{}: {step}: {refusal}", wire.origin);
    match refusal.status {
        // Whatever else it says: each try may count for a lock-out.
        401 => Err(Error::Unauthorized { step, refusal }),
        _ if is_busy(&refusal) || refusal.says(TABLE_FULL) => {
            Ok(patience.after_busy(step, refusal, &wire.policy))
        }
        400 | 403 => Err(Error::Unauthorized { step, refusal }),
        500 | 502 | 504 => {
            attempts.after_bad_answer(Error::Refused { step, refusal }, question, &wire.policy)
        }
        _ if answer.status.is_success() => {
            let path = question.url.path().to_owned();
            Err(Error::Missing { step, path, what: "X-Auth-Token" })
        }
        _ => Err(Error::Refused { step, refusal }),
    }
}
