//! One question and its answer, redirections followed.

use reqwest::header::{self, HeaderName, HeaderValue};
use reqwest::{Method, Url};
use tokio::time::Instant;

use crate::address::Address;
use crate::error::{ExchangeFailure, Refusal};
use crate::exchange::{Answer, Body, Request, exchange};
use crate::origin::{Elsewhere, Origin};
use crate::{Error, RetryPolicy, Step};

/// More redirections are a loop.
const MOST_REDIRECTIONS: usize = 5;

/// Something to ask a service for.
#[derive(Clone, Debug)]
pub(crate) struct Question {
    pub(crate) step: Step,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Body>,
    pub(crate) if_match: Option<HeaderValue>,
    /// Whether it may be asked again when nobody knows whether it arrived.
    pub(crate) repeatable: bool,
}

/// What is needed to send something.
#[derive(Clone)]
pub(crate) struct Wire {
    pub(crate) http: reqwest::Client,
    pub(crate) address: Address,
    pub(crate) origin: Origin,
    pub(crate) policy: RetryPolicy,
}

impl Question {
    pub(crate) fn get(step: Step, url: Url) -> Self {
        Self { step, method: Method::GET, url, body: None, if_match: None, repeatable: true }
    }

    /// Whether nothing changes by it.
    pub(crate) fn is_reading(&self) -> bool {
        self.method == Method::GET
    }

    /// The answer as an error.
    pub(crate) fn refused(&self, answer: &Answer) -> Box<Refusal> {
        answer.refusal(&self.method, self.url.path())
    }
}

impl Wire {
    /// Asks once, and follows redirections, each with the same method, body and credentials, to this origin only. "See
    /// other" (RFC 9110 §15.4.4) would be another question, and is followed only from one.
    pub(crate) async fn follow(
        &self,
        question: &Question,
        credentials: Option<(HeaderName, HeaderValue)>,
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
            let answer = exchange(&self.http, &self.address, request.clone(), until)
                .await
                .map_err(|failure| no_answer(step, failure))?;
            let Some(location) = redirection(&answer, question) else { return Ok(answer) };
            let from = request.url.path();
            log::debug!("{} leads to {}", from.escape_debug(), location.escape_debug());
            let to = self.origin.redirected(&request.url, location);
            request.url = to.map_err(|elsewhere| leads_away(step, from, elsewhere))?;
        }
        Err(Error::Redirects { step, path: question.url.path().to_owned() })
    }
}

/// Where the answer leads, if it is a redirection of this question.
fn redirection<'a>(answer: &'a Answer, question: &Question) -> Option<&'a str> {
    let is_redirection = match answer.status.as_u16() {
        303 => question.is_reading(),
        status => matches!(status, 301 | 302 | 307 | 308),
    };
    is_redirection.then(|| answer.header(&header::LOCATION)).flatten()
}

pub(crate) fn no_answer(step: Step, failure: ExchangeFailure) -> Error {
    Error::NoAnswer { step, failure }
}

pub(crate) fn leads_away(step: Step, from: &str, elsewhere: Elsewhere) -> Error {
    Error::Elsewhere { step, from: from.to_owned(), to: elsewhere.link }
}
