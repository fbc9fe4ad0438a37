//! When to ask again.

use std::time::Duration;

use reqwest::StatusCode;
use tokio::time::{Instant, sleep, sleep_until};

use crate::error::{ExchangeFailure, Refusal};
use crate::wire::Question;
use crate::{Error, RetryPolicy, Step};

/// In less time there need not even be a connection.
const WORTH_ASKING: Duration = Duration::from_millis(200);

/// How to ask again.
pub(crate) enum Again {
    /// At once: something has changed.
    Now,
    /// After a pause, if there is time; otherwise this is what came of it.
    Later(Duration, Error),
}

/// How one question has fared so far.
pub(crate) struct Attempts {
    began: Instant,
    bad_answers: u32,
    closed_connections: u32,
}

/// What a service has asked for: to be left alone for a while.
#[derive(Default)]
pub(crate) struct Patience {
    told_to_wait: Option<(Instant, Box<Refusal>)>,
}

impl Again {
    pub(crate) async fn pause(self, deadline: Instant) -> Result<(), Error> {
        match self {
            Self::Now => Ok(()),
            // What went wrong tells more than an attempt that is cut short.
            Self::Later(pause, error) if Instant::now() + pause + WORTH_ASKING >= deadline => {
                Err(error)
            }
            Self::Later(pause, _) => {
                sleep(pause).await;
                Ok(())
            }
        }
    }
}

impl Attempts {
    pub(crate) fn begin() -> Self {
        Self { began: Instant::now(), bad_answers: 0, closed_connections: 0 }
    }

    /// What to do after there was no answer to a question. `heard` is whether the service ever answered anything.
    pub(crate) fn after(
        &mut self,
        error: Error,
        question: &Question,
        heard: bool,
        policy: &RetryPolicy,
    ) -> Result<Again, Error> {
        let Error::NoAnswer { failure, .. } = &error else { return Err(error) };
        match failure {
            ExchangeFailure::Tls(failure) if failure.is_final() => Err(error),
            // Nobody has seen the question. A BMC that was there a moment ago may be restarting.
            failure if failure.is_before_request() => {
                let is_silent = !heard && self.began.elapsed() + policy.pause >= policy.silence;
                if is_silent { Err(error) } else { Ok(Again::Later(policy.pause, error)) }
            }
            _ if !question.repeatable => Err(error),
            // The wait was long enough to have been the pause.
            ExchangeFailure::TimedOut(_) if question.is_reading() => {
                Ok(Again::Later(Duration::ZERO, error))
            }
            // It may have been closed for being idle, just when it was used again.
            ExchangeFailure::Closed(_) if self.closed_connections == 0 => {
                self.closed_connections += 1;
                Ok(Again::Later(Duration::ZERO, error))
            }
            _ => self.after_bad_answer(error, question, policy),
        }
    }

    /// What to do after an answer that should not be. A reset is not sent again: it may have been carried out, and the
    /// power state tells more than another answer.
    pub(crate) fn after_bad_answer(
        &mut self,
        error: Error,
        question: &Question,
        policy: &RetryPolicy,
    ) -> Result<Again, Error> {
        self.bad_answers += 1;
        if question.step == Step::Reset || self.bad_answers >= policy.bad_answers {
            return Err(error);
        }
        Ok(Again::Later(policy.pause, error))
    }
}

impl Patience {
    /// After the service said that it is busy: when it wants to be asked again, or else after a pause.
    pub(crate) fn after_busy(
        &mut self,
        step: Step,
        refusal: Box<Refusal>,
        policy: &RetryPolicy,
    ) -> Again {
        match refusal.retry_after {
            Some(wait) => {
                // No time at all is what some services say that do not mean it.
                self.told_to_wait = Some((Instant::now() + wait.max(policy.pause), refusal));
                Again::Now
            }
            None => Again::Later(policy.pause, Error::Refused { step, refusal }),
        }
    }

    /// Leaves the service alone for as long as it wants. Where that is longer than there is time, it is not asked.
    pub(crate) async fn await_permission(
        &mut self,
        step: Step,
        deadline: Instant,
    ) -> Result<(), Error> {
        let Some((until, refusal)) = &self.told_to_wait else { return Ok(()) };
        let wait = until.saturating_duration_since(Instant::now());
        if *until >= deadline && !wait.is_zero() {
            return Err(Error::ToldToWait { step, wait, refusal: refusal.clone() });
        }
        sleep_until(*until).await;
        self.told_to_wait = None;
        Ok(())
    }
}

/// Whether the service is busy: 429 and 503, and what iDRACs say in other words while they are not ready.
pub(crate) fn is_busy(refusal: &Refusal) -> bool {
    let status = StatusCode::from_u16(refusal.status).unwrap_or_default();
    let is_not_ready = status.is_client_error() && refusal.says("SYS518");
    is_not_ready
        || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
}
