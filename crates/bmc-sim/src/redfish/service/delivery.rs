//! How an answer goes out, where a fault is about that.

use std::time::{Duration, Instant};

use httpdate::fmt_http_date;

use super::message::{self, Message};
use super::quirks::with_slash;
use super::{Resource, Service};
use crate::redfish::{
    CannedAnswer, CannedBody, Framing, KeepAlive, Misanswer, Place, Quirk, RedirectTarget, Request,
    Requests, Response,
};

/// An answer, and how it goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// What it says.
    pub response: Response,
    pub(crate) delivery: Delivery,
}

impl Reply {
    /// An answer that goes out as it should.
    pub(crate) fn new(response: Response) -> Self {
        Self { response, delivery: Delivery::default() }
    }
}

/// How an answer goes out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// How long it takes before.
    pub(crate) delay: Duration,
    /// How the end of the body is told.
    pub(crate) framing: Framing,
    /// Without its body, because the request was HEAD.
    pub(crate) head_only: bool,
    /// The answer stops there.
    pub(crate) stop: Option<(Place, End)>,
    /// The time between two bytes.
    pub(crate) drip: Option<Duration>,
    /// These bytes go out in its place.
    pub(crate) raw: Option<Vec<u8>>,
    /// The body is followed by white space for ever.
    pub(crate) is_endless: bool,
    /// The connection is closed behind it, which it says.
    pub(crate) closes: bool,
    /// Where it is closed, close_notify is left out.
    pub(crate) without_close_notify: bool,
}

/// What comes where an answer stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Hang,
    Close,
}

impl Service {
    pub(super) fn reply(
        &self,
        now: Instant,
        request: &Request,
        mut response: Response,
        fault: Option<Misanswer>,
    ) -> Reply {
        response.headers.push(("OData-Version".to_owned(), "4.0".to_owned()));
        response.headers.push(("Date".to_owned(), fmt_http_date(self.clock(now))));
        response.headers.push(("Cache-Control".to_owned(), "no-store".to_owned()));
        let without_close_notify = self.has(Quirk::NoCloseNotify);
        let mut delivery = Delivery {
            delay: self.config.answer_delay,
            head_only: request.method == "HEAD",
            closes: self.has(Quirk::CloseEach)
                || without_close_notify
                || self.config.keep_alive == KeepAlive::CloseEach,
            without_close_notify,
            ..Delivery::default()
        };
        if let Some(fault) = fault {
            spoil(&mut response, &mut delivery, fault);
        }
        Reply { response, delivery }
    }
}

/// Whether a fault of these requests is about this one.
pub(super) fn is_about(requests: &Requests, request: &Request, resource: &Resource) -> bool {
    let method = request.method.as_str();
    match requests {
        Requests::All => true,
        Requests::Gets => method == "GET",
        Requests::Posts => method == "POST",
        Requests::SystemGets => method == "GET" && matches!(resource, Resource::System(_)),
        Requests::Resets => method == "POST" && matches!(resource, Resource::Reset(_)),
        Requests::Logins => method == "POST" && *resource == Resource::Sessions,
        Requests::Logouts => method == "DELETE" && matches!(resource, Resource::Session(_)),
        Requests::Path(path) => request.path().trim_end_matches('/') == path.trim_end_matches('/'),
    }
}

/// The answer of a request that is not carried out.
pub(super) fn instead(fault: &Misanswer, request: &Request) -> Option<Response> {
    match fault {
        Misanswer::Status(canned) => Some(canned_response(canned)),
        Misanswer::Redirect { to: RedirectTarget::TrailingSlash, .. }
            if request.path().ends_with('/') =>
        {
            None
        }
        Misanswer::Redirect { status, to } => {
            Some(Response::new(*status).with_header("Location", location(to, request)))
        }
        _ => None,
    }
}

fn canned_response(canned: &CannedAnswer) -> Response {
    let response = match &canned.body {
        CannedBody::Empty => Response::new(canned.status),
        CannedBody::ExtendedInfo { id, message } => {
            Message::of(id, message, "None.").response(canned.status)
        }
        CannedBody::Html => message::html(canned.status),
    };
    match &canned.retry_after {
        Some(value) => response.with_header("Retry-After", value),
        None => response,
    }
}

fn location(to: &RedirectTarget, request: &Request) -> String {
    let target = &request.target;
    match to {
        RedirectTarget::TrailingSlash => with_slash(request),
        RedirectTarget::ClearText => {
            format!("http://{}{target}", request.header("Host").unwrap_or_default())
        }
        RedirectTarget::Origin(origin) => format!("{origin}{target}"),
        RedirectTarget::Itself => target.clone(),
        RedirectTarget::Text(text) => text.clone(),
    }
}

fn spoil(response: &mut Response, delivery: &mut Delivery, fault: Misanswer) {
    match fault {
        Misanswer::Status(_) | Misanswer::Redirect { .. } => (),
        Misanswer::HangAt(place) => delivery.stop = Some((place, End::Hang)),
        Misanswer::CloseAt(place) => delivery.stop = Some((place, End::Close)),
        Misanswer::Drip(pause) => delivery.drip = Some(pause),
        Misanswer::Late(delay) => delivery.delay = delay,
        Misanswer::NoCloseNotify(framing) => {
            delivery.framing = framing;
            delivery.closes = true;
            delivery.without_close_notify = true;
        }
        Misanswer::Framed(framing) => {
            delivery.framing = framing;
            delivery.closes |= framing == Framing::UntilClose;
        }
        Misanswer::GarbageForHttp => delivery.raw = Some(GARBAGE.to_vec()),
        Misanswer::GarbageForJson => response.body = GARBAGE.to_vec(),
        Misanswer::Body(body) => response.body = body,
        Misanswer::EmptyBody => response.body.clear(),
        Misanswer::EndlessBody => {
            delivery.framing = Framing::UntilClose;
            delivery.is_endless = true;
        }
        Misanswer::HugeBody(bytes) => {
            response.body.extend(std::iter::repeat_n(b' ', bytes));
        }
        Misanswer::HugeHeaders(bytes) => {
            for number in 0..bytes.div_ceil(1000) {
                let header = (format!("X-Padding-{number}"), "x".repeat(1000));
                response.headers.push(header);
            }
        }
    }
}

/// Neither TLS nor HTTP nor JSON.
pub(crate) const GARBAGE: &[u8] =
    b"\x00\xffgarbage \x1b[31m\r\n\r\n\x00\xfe and more garbage\r\n\r\n";
