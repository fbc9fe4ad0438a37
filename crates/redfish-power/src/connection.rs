//! Questions to one service: asked again where that helps, with the right credentials.

use reqwest::{StatusCode, Url};
use serde_json::Value;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::exchange::Answer;
use crate::login::Credentials;
use crate::origin::Origin;
use crate::patience::{Again, Attempts, Patience, is_busy};
use crate::wire::{Question, Wire};
use crate::{Error, RetryPolicy, Step};

/// A service, and what is known of how to talk to it.
pub(crate) struct Connection {
    wire: Wire,
    admission: Admission,
    patience: Patience,
    /// Whether there was any answer.
    heard: bool,
}

/// What to do after an answer.
enum Next {
    Done(Answer),
    Again(Again),
}

impl Connection {
    pub(crate) fn new(wire: Wire, root: Url, credentials: Credentials) -> Self {
        Self {
            wire,
            admission: Admission::new(root, credentials),
            patience: Patience::default(),
            heard: false,
        }
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.wire.origin
    }

    pub(crate) fn policy(&self) -> &RetryPolicy {
        &self.wire.policy
    }

    /// Whether the service has taken the credentials.
    pub(crate) fn is_admitted(&self) -> bool {
        self.admission.is_admitted()
    }

    /// Whether credentials are given by a session.
    pub(crate) fn has_session(&self) -> bool {
        self.admission.has_session()
    }

    /// The answer to a question that is asked once, and not for long: for what can be done without.
    pub(crate) async fn ask_once(
        &mut self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let answer = self.wire.follow(question, self.admission.header(), deadline).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(Error::Refused { step: question.step, refusal: question.refused(&answer) })
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
        let mut attempts = Attempts::begin();
        loop {
            let answer = self.ask(&question, deadline).await?;
            if step == Step::System && answer.is_cached() {
                return Err(Error::Stale { step, path: path() });
            }
            // Parts of a document, and what something in between has changed, are none.
            let is_whole = answer.status == StatusCode::OK;
            if let Some(document) = answer.document().filter(|_| is_whole) {
                return Ok((answer, document));
            }
            let error = Error::NotJson { step, path: path() };
            let again = attempts.after_bad_answer(error, &question, self.policy())?;
            again.pause(deadline).await?;
        }
    }

    /// Asks until there is an answer that is no error, as long as asking again may help and there is time.
    pub(crate) async fn ask(
        &mut self,
        question: &Question,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut attempts = Attempts::begin();
        loop {
            self.patience.await_permission(question.step, deadline).await?;
            let credentials = self.admission.header();
            let again = match self.wire.follow(question, credentials, deadline).await {
                Ok(answer) => {
                    self.heard = true;
                    match self.judge(question, answer, &mut attempts, deadline).await? {
                        Next::Done(answer) => return Ok(answer),
                        Next::Again(again) => again,
                    }
                }
                Err(error) => {
                    log::info!("{}: {error}", self.origin());
                    attempts.after(error, question, self.heard, self.policy())?
                }
            };
            again.pause(deadline).await?;
        }
    }

    /// What an answer means. HTTP statuses that asking again may change: 401, if there is another way to say who asks;
    /// 429 and 503, when the service has been left alone for as long as it wants; 500, 502 and 504 for a few times, as
    /// they come from services that are starting. All others are final.
    async fn judge(
        &mut self,
        question: &Question,
        answer: Answer,
        attempts: &mut Attempts,
        deadline: Instant,
    ) -> Result<Next, Error> {
        let step = question.step;
        if answer.status.is_success() {
            self.admission.note_answer(step);
            return Ok(Next::Done(answer));
        }
        let refusal = question.refused(&answer);
        log::info!("{}: {step}: {refusal}", self.origin());
        let Self { wire, admission, patience, .. } = self;
        let again = match answer.status {
            StatusCode::UNAUTHORIZED => {
                admission.another_way(wire, patience, step, refusal, deadline).await?;
                Again::Now
            }
            // What must not be done twice is for the caller to repeat, unless the service says that it is to blame for
            // it.
            status if is_busy(&refusal) && (question.repeatable || status.is_client_error()) => {
                patience.after_busy(step, refusal, &wire.policy)
            }
            StatusCode::INTERNAL_SERVER_ERROR
            | StatusCode::BAD_GATEWAY
            | StatusCode::GATEWAY_TIMEOUT => {
                let error = Error::Refused { step, refusal };
                attempts.after_bad_answer(error, question, &wire.policy)?
            }
            _ => return Err(Error::Refused { step, refusal }),
        };
        Ok(Next::Again(again))
    }

    /// A new operation begins: it may lead to another address than the last one, and be refused as often.
    pub(crate) fn begin(&mut self) {
        self.wire.address.forget();
        self.admission.begin();
    }

    /// Gives back what is held at the service.
    pub(crate) async fn close(&mut self, deadline: Instant) {
        self.admission.close(&self.wire, deadline).await;
    }
}
