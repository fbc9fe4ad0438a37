use std::time::Duration;

/// Misbehaviour, as seen on real BMCs and on networks. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Faults {
    /// What happens to connections before a request.
    pub connection: Option<ConnectionFault>,
    /// To how many connections more; to all, when `None`.
    pub connections_left: Option<u32>,
    /// What happens to answers. The first of them that is about a request is taken.
    pub answers: Vec<AnswerFault>,
    /// Resets are acknowledged, and do nothing.
    pub ignore_resets: bool,
    /// `On` is acknowledged, and does nothing; a power cycle stays off.
    pub ignore_on: bool,
    /// `GracefulShutdown` is acknowledged, and the operating system does not care.
    pub ignore_graceful: bool,
    /// Resets are acknowledged and lost while an earlier one has not acted yet.
    pub lose_resets_in_transition: bool,
    /// A power cycle is off for too short a time to be seen.
    pub instant_cycle: bool,
    /// The time `LastResetTime` tells does not change.
    pub stuck_last_reset_time: bool,
    /// `LastResetTime` tells the time of day.
    pub running_last_reset_time: bool,
    /// `PowerState` is looked up only as often, and told from memory in between.
    pub stale: Option<Duration>,
    /// `PowerState` is something else.
    pub power_state: Option<PowerStateFault>,
    /// A session is closed after so many requests.
    pub token_requests: Option<u32>,
}

/// What happens to a connection before its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// It is accepted, and nothing is read.
    HangInAccept,
    /// The client's hello is read, and nothing is sent.
    HangInHandshake,
    /// It is accepted and closed.
    CloseInAccept,
    /// The client's hello is read, and the connection is closed.
    CloseInHandshake,
    /// The client's hello is answered with what is no TLS.
    GarbageForTls,
    /// The port speaks HTTP without TLS.
    PlainHttp,
}

/// What happens to some answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerFault {
    /// To which requests.
    pub requests: Requests,
    /// How many of them are answered well before.
    pub skip: u32,
    /// How many more of them it happens to; all, when `None`.
    pub times: Option<u32>,
    /// What happens.
    pub what: Misanswer,
}

/// Some requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requests {
    /// All of them.
    All,
    /// GET of anything.
    Gets,
    /// POST to anything.
    Posts,
    /// GET of a system.
    SystemGets,
    /// The reset action.
    Resets,
    /// POST to the session service.
    Logins,
    /// DELETE of a session.
    Logouts,
    /// Any method of this path, with or without a slash at its end.
    Path(String),
}

/// How a request is answered otherwise than it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misanswer {
    /// With this status, and the request is not carried out.
    Status(CannedAnswer),
    /// With this redirect, and the request is not carried out.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Whereto.
        to: RedirectTarget,
    },
    /// The request is carried out, and the answer stops at a place, and hangs there.
    HangAt(Place),
    /// The request is carried out, and the answer stops at a place, where the connection is closed: what was promised
    /// before, as in `Content-Length`, does not come. At the start: the answer is lost.
    CloseAt(Place),
    /// The answer comes a byte at a time, so far apart.
    Drip(Duration),
    /// The answer comes so late.
    Late(Duration),
    /// The connection is closed without close_notify behind the body, whose end is told so.
    NoCloseNotify(Framing),
    /// The end of the body is told so.
    Framed(Framing),
    /// Bytes that are no HTTP.
    GarbageForHttp,
    /// A body that is no JSON.
    GarbageForJson,
    /// A body of these bytes.
    Body(Vec<u8>),
    /// A good answer without its body.
    EmptyBody,
    /// A body that never ends.
    EndlessBody,
    /// A body with so many bytes of white space behind it.
    HugeBody(usize),
    /// So many more bytes of headers.
    HugeHeaders(usize),
}

/// An answer that was made before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CannedAnswer {
    /// The status.
    pub status: u16,
    /// The text of `Retry-After`.
    pub retry_after: Option<String>,
    /// What the body is.
    pub body: CannedBody,
}

/// The body of a [`CannedAnswer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CannedBody {
    /// There is none.
    Empty,
    /// `error` with `@Message.ExtendedInfo`, of this message.
    ExtendedInfo {
        /// `MessageId`.
        id: String,
        /// `Message`.
        message: String,
    },
    /// A page for people.
    Html,
}

/// Whereto a redirect leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RedirectTarget {
    /// The same path with a slash at its end, without the origin.
    TrailingSlash,
    /// The same path at `http://` and the same host and port.
    ClearText,
    /// The same path at another origin, such as `https://127.0.0.1:8443`.
    Origin(String),
    /// The same URI: round and round.
    Itself,
    /// This text, whatever it is.
    Text(String),
}

/// A place in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before its first byte.
    Start,
    /// In the middle of its headers.
    Headers,
    /// After so many bytes of its body, or at the end of a body that is not as long.
    Body(usize),
}

/// How the end of a body is told (RFC 9112 §6.3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// By `Content-Length`.
    #[default]
    ContentLength,
    /// By chunks.
    Chunked,
    /// By closing the connection.
    UntilClose,
}

/// What `PowerState` is instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerStateFault {
    /// It is not there.
    Missing,
    /// `null`.
    Null,
    /// A number.
    Number,
    /// This text.
    Text(String),
}

impl Faults {
    /// Nothing but this happens to answers.
    #[must_use]
    pub fn of_answers(fault: AnswerFault) -> Self {
        Self { answers: vec![fault], ..Self::default() }
    }

    /// What happens to the next connection. Counts it.
    pub(super) fn next_connection(&mut self) -> Option<ConnectionFault> {
        self.connection.filter(|_| counts_down(&mut self.connections_left))
    }

    /// What happens to the answer of a request. Counts it.
    pub(super) fn next_answer(
        &mut self,
        is_about: impl Fn(&Requests) -> bool,
    ) -> Option<Misanswer> {
        let concerned =
            |fault: &&mut AnswerFault| fault.times != Some(0) && is_about(&fault.requests);
        let fault = self.answers.iter_mut().find(concerned)?;
        if fault.skip > 0 {
            fault.skip -= 1;
            return None;
        }
        counts_down(&mut fault.times).then(|| fault.what.clone())
    }
}

/// Whether there is one more.
fn counts_down(left: &mut Option<u32>) -> bool {
    match left {
        None => true,
        Some(0) => false,
        Some(left) => {
            *left -= 1;
            true
        }
    }
}

impl AnswerFault {
    /// It happens to every one of these requests.
    #[must_use]
    pub fn every(requests: Requests, what: Misanswer) -> Self {
        Self { requests, skip: 0, times: None, what }
    }

    /// It happens to so many of these requests.
    #[must_use]
    pub fn next(times: u32, requests: Requests, what: Misanswer) -> Self {
        Self { requests, skip: 0, times: Some(times), what }
    }

    /// It begins to happen after so many of these requests.
    #[must_use]
    pub fn after(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
}

impl Misanswer {
    /// This status, with nothing else.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::Status(CannedAnswer { status, retry_after: None, body: CannedBody::Empty })
    }
}
