//! One request and its answer, in a bounded time.

use std::collections::BTreeMap;
use std::error::Error as StdError;
use std::fmt;
use std::time::{Duration, SystemTime};

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode, Url};
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use zeroize::Zeroizing;

use crate::address::Address;
use crate::document;
use crate::error::{ExchangeFailure, Refusal};
use crate::message::Message;
use crate::tls::{self, TlsFailure};

/// No document of a BMC that matters here comes near this size.
const LONGEST_ANSWER: usize = 1 << 20;

/// Some services answer 406 without it (DSP0266, "Request headers").
const ODATA_VERSION: HeaderName = HeaderName::from_static("odata-version");

/// A request, ready to be sent, and sent again.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Who asks: `Authorization` or `X-Auth-Token`.
    pub(crate) credentials: Option<(HeaderName, HeaderValue)>,
    pub(crate) if_match: Option<HeaderValue>,
    pub(crate) body: Option<Body>,
}

/// A JSON object to be sent. It may hold a password: it is wiped when dropped, and not shown.
#[derive(Clone)]
pub(crate) struct Body(Zeroizing<Vec<u8>>);

/// A whole answer, whatever its status.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Vec<u8>,
}

/// Sends a request, and waits for the whole answer until then at most.
pub(crate) async fn exchange(
    http: &reqwest::Client,
    address: &Address,
    request: Request,
    until: Instant,
) -> Result<Answer, ExchangeFailure> {
    let started = Instant::now();
    let (method, path) = (request.method.clone(), request.url.path().to_owned());
    let result = timeout_at(until, sent(http, address, request)).await;
    let took = started.elapsed();
    let result = match result {
        Ok(Err(ExchangeFailure::ConnectTimedOut(_))) => Err(ExchangeFailure::ConnectTimedOut(took)),
        Ok(result) => result,
        Err(_) => Err(ExchangeFailure::TimedOut(took)),
    };
    match &result {
        Ok(answer) => {
            log::debug!("{method} {}: {} after {took:?}", path.escape_debug(), answer.status);
        }
        Err(failure) => log::debug!("{method} {}: {failure}", path.escape_debug()),
    }
    result
}

async fn sent(
    http: &reqwest::Client,
    address: &Address,
    request: Request,
) -> Result<Answer, ExchangeFailure> {
    let mut builder = http
        .request(request.method, request.url)
        .header(header::ACCEPT, "application/json")
        .header(header::CACHE_CONTROL, "no-cache")
        .header(ODATA_VERSION, "4.0");
    if let Some((name, value)) = request.credentials {
        builder = builder.header(name, value);
    }
    if let Some(etag) = request.if_match {
        builder = builder.header(header::IF_MATCH, etag);
    }
    if let Some(body) = request.body {
        builder = builder.header(header::CONTENT_TYPE, "application/json").body(body.0.to_vec());
    }
    let response = builder.send().await.map_err(|error| failure(&error))?;
    if let Some(from) = response.remote_addr() {
        address.note(from);
    }
    let (status, headers) = (response.status(), response.headers().clone());
    let body = whole_body(response).await?;
    Ok(Answer { status, headers, body })
}

/// The whole body. One that ends with the connection, and the connection without the good-bye of TLS, is taken for
/// whole: a document that was cut off is none, and is found out when it is read.
async fn whole_body(mut response: reqwest::Response) -> Result<Vec<u8>, ExchangeFailure> {
    let ends_with_connection = !response.headers().contains_key(header::CONTENT_LENGTH)
        && !response.headers().contains_key(header::TRANSFER_ENCODING);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > LONGEST_ANSWER => {
                return Err(ExchangeFailure::TooLong(LONGEST_ANSWER));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if ends_with_connection && tls::is_truncation(&error) => return Ok(body),
            Err(error) => return Err(failure(&error)),
        }
    }
}

fn failure(error: &reqwest::Error) -> ExchangeFailure {
    if error.is_connect() {
        return match tls::failure(error) {
            Some(failure) => failure.into(),
            None if error.is_timeout() => ExchangeFailure::ConnectTimedOut(Duration::ZERO),
            None => ExchangeFailure::NotConnected(root_cause(error)),
        };
    }
    if let Some(failure @ TlsFailure::ClientCertificate) = tls::failure(error) {
        // In TLS 1.3 that is said after the handshake.
        return failure.into();
    }
    let cause = root_cause(error);
    // hyper has no types for this that a user of reqwest could name.
    let is_garbage = ["invalid HTTP", "message head is too large", "invalid chunk"]
        .iter()
        .any(|words| chain(error).any(|cause| cause.to_string().contains(words)));
    if is_garbage { ExchangeFailure::NotHttp(cause) } else { ExchangeFailure::Closed(cause) }
}

/// The innermost reason, which is the one that tells most.
fn root_cause(error: &reqwest::Error) -> String {
    let innermost = chain(error).last().map(ToString::to_string).unwrap_or_default();
    innermost.escape_debug().to_string()
}

fn chain(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let outermost: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(outermost), |error| (**error).source())
}

impl Body {
    /// An object of these members.
    pub(crate) fn new(members: &[(&str, &str)]) -> Self {
        let members: BTreeMap<_, _> = members.iter().copied().collect();
        // Room for all of it from the beginning, escapes included, so that growing leaves no copy behind.
        let length: usize =
            members.iter().map(|(name, value)| name.len() + 6 * value.len() + 6).sum();
        let mut bytes = Zeroizing::new(Vec::with_capacity(length + 2));
        // Text is always JSON, and memory takes whatever is written to it.
        let written = serde_json::to_writer(&mut *bytes, &members);
        debug_assert!(written.is_ok());
        Self(bytes)
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Answer {
    /// The document in it, if it is one.
    pub(crate) fn document(&self) -> Option<Value> {
        document::parse(&self.body)
    }

    /// A header that is text.
    pub(crate) fn header(&self, name: &HeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the service wants to be left alone (RFC 9110 §10.2.3), in seconds or until a date.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(&header::RETRY_AFTER)?.trim();
        if let Ok(seconds) = text.parse::<u32>() {
            return Some(Duration::from_secs(seconds.into()));
        }
        let date = httpdate::parse_http_date(text).ok()?;
        let now = self.date().map_or_else(SystemTime::now, |now| SystemTime::UNIX_EPOCH + now);
        date.duration_since(now).ok()
    }

    /// When the service says that it answered (RFC 9110 §6.6.1), since the beginning of 1970.
    pub(crate) fn date(&self) -> Option<Duration> {
        let date = httpdate::parse_http_date(self.header(&header::DATE)?).ok()?;
        date.duration_since(SystemTime::UNIX_EPOCH).ok()
    }

    /// Whether the answer lay in a cache (RFC 9111 §5.1). Any age but a plain 0 says so.
    pub(crate) fn is_cached(&self) -> bool {
        self.headers.get_all(header::AGE).iter().any(|age| age.as_bytes().trim_ascii() != b"0")
    }

    /// The answer as an error.
    pub(crate) fn refusal(&self, method: &Method, path: &str) -> Box<Refusal> {
        let document = self.document();
        Box::new(Refusal {
            method: method.to_string(),
            path: path.to_owned(),
            status: self.status.as_u16(),
            messages: document.as_ref().map(Message::all_of).unwrap_or_default(),
            retry_after: self.retry_after(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(headers: &[(&'static str, &str)]) -> Answer {
        let header = |(name, value): &(&'static str, &str)| {
            (HeaderName::from_static(name), value.parse().unwrap())
        };
        Answer {
            status: StatusCode::OK,
            headers: headers.iter().map(header).collect(),
            body: Vec::new(),
        }
    }

    #[test]
    fn retry_after_is_a_number_of_seconds_or_a_date() {
        let seconds = |retry_after| {
            let date = ("date", "Sun, 22 Nov 2026 04:00:00 GMT");
            answer(&[("retry-after", retry_after), date]).retry_after().map(|time| time.as_secs())
        };
        assert_eq!(seconds("120"), Some(120));
        assert_eq!(seconds(" 0 "), Some(0));
        assert_eq!(seconds("Sun, 22 Nov 2026 04:00:30 GMT"), Some(30));
        for none in ["Sun, 22 Nov 2026 03:00:00 GMT", "", "-1", "soon", "99999999999999"] {
            assert_eq!(seconds(none), None, "{none}");
        }
        let past = answer(&[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert_eq!(past.retry_after(), None);
        assert_eq!(answer(&[]).retry_after(), None);
    }

    #[test]
    fn what_is_sent_is_json_and_not_shown() {
        let body = Body::new(&[("UserName", "ü"), ("Password", "a\"b\\\n")]);
        let document: Value = serde_json::from_slice(&body.0).unwrap();
        assert_eq!(document, serde_json::json!({"UserName": "ü", "Password": "a\"b\\\n"}));
        assert_eq!(format!("{body:?}"), format!("{} bytes", body.0.len()));
    }

    #[test]
    fn an_answer_from_a_cache_has_an_age() {
        for age in ["30", "x", "-1", "99999999999", "0, 30", ""] {
            assert!(answer(&[("age", age)]).is_cached(), "{age}");
        }
        assert!(!answer(&[("age", "0")]).is_cached() && !answer(&[]).is_cached());
    }
}
