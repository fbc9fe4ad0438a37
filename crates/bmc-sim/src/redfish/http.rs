//! Requests and answers as plain values, and as HTTP/1.1. Requests are read with httparse; answers are written here,
//! because a library for servers does not write wrong ones.

use serde_json::Value;

use super::Framing;

/// A longer head is refused.
const LONGEST_HEAD: usize = 64 * 1024;
/// A longer body is refused.
const LONGEST_BODY: usize = 1024 * 1024;
/// More headers are refused.
const MOST_HEADERS: usize = 100;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Name and value, as they came.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Its status.
    pub status: u16,
    /// Name and value; none of them is about how long the body is, or what becomes of the connection.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What is at the beginning of what was received.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A request of so many bytes. `keeps`: the client leaves the connection open.
    Request { request: Request, length: usize, keeps: bool },
    /// The beginning of one.
    Partial,
    /// What is to be answered with this status, and the connection closed.
    Refused(u16),
}

impl Request {
    /// A request without headers and body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The same with a body of JSON.
    #[must_use]
    pub fn with_json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.with_header("Content-Type", "application/json")
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// What is before the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// What is behind it.
    pub(super) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }
}

impl Response {
    /// An answer without headers and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// An answer with a body of JSON.
    #[must_use]
    pub fn json(status: u16, body: &Value) -> Self {
        let response = Self { body: body.to_string().into_bytes(), ..Self::new(status) };
        response.with_header("Content-Type", "application/json; charset=utf-8")
    }

    /// The same with another header.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// The value of the first header of this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// The body as JSON; null, if it is none.
    #[must_use]
    pub fn to_json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The head of the answer, with the empty line, and the body as it is sent.
    pub(super) fn to_bytes(&self, framing: Framing, closes: bool) -> (Vec<u8>, Vec<u8>) {
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match framing {
            _ if self.status == 204 => (), // it has no body (RFC 9110 §15.3.5)
            Framing::ContentLength => {
                head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
            }
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::UntilClose => (),
        }
        if closes {
            head.push_str("Connection: close\r\n");
        }
        head.push_str("\r\n");
        let body = match framing {
            Framing::Chunked if self.status != 204 => chunked(&self.body),
            Framing::Chunked | Framing::ContentLength | Framing::UntilClose => self.body.clone(),
        };
        (head.into_bytes(), body)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    let mut headers = headers.iter();
    headers.find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// In chunks of odd lengths, so that a client has to put them together.
fn chunked(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(97) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// Reads the request at the beginning of these bytes.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    match head.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= LONGEST_HEAD => {
            let keeps = head.version == Some(1);
            parse_body(request(&head), bytes, length, keeps)
        }
        Ok(httparse::Status::Partial) if bytes.len() <= LONGEST_HEAD => Parsed::Partial,
        Ok(_) => Parsed::Refused(431),
        Err(_) => Parsed::Refused(400),
    }
}

fn request(head: &httparse::Request<'_, '_>) -> Request {
    let header = |header: &httparse::Header<'_>| {
        (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned())
    };
    Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(header).collect(),
        body: Vec::new(),
    }
}

fn parse_body(mut request: Request, bytes: &[u8], head: usize, keeps: bool) -> Parsed {
    if request.header("Transfer-Encoding").is_some() {
        return Parsed::Refused(411); // no client of ours has a reason to
    }
    let Ok(body) = request.header("Content-Length").map_or(Ok(0), str::parse::<usize>) else {
        return Parsed::Refused(400);
    };
    if body > LONGEST_BODY {
        return Parsed::Refused(413);
    }
    let length = head + body;
    match bytes.get(head..length) {
        Some(body) => request.body = body.to_vec(),
        None => return Parsed::Partial,
    }
    let says_close = request
        .header("Connection")
        .is_some_and(|value| value.to_ascii_lowercase().contains("close"));
    Parsed::Request { request, length, keeps: keeps && !says_close }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        409 => "Conflict",
        411 => "Length Required",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        428 => "Precondition Required",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_all_of_it_is_there() {
        let bytes = b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}GET";
        for length in 0..bytes.len() - 3 {
            assert_eq!(parse(&bytes[..length]), Parsed::Partial, "{length}");
        }
        let Parsed::Request { request, length, keeps } = parse(bytes) else { panic!("no request") };
        assert_eq!((request.method.as_str(), request.path(), request.query()), ("POST", "/a", "b"));
        assert_eq!((request.header("HOST"), &request.body[..]), (Some("h"), &b"{}"[..]));
        assert_eq!((length, keeps), (bytes.len() - 3, true));
    }

    #[test]
    fn a_client_may_want_the_connection_closed() {
        for bytes in
            [&b"GET / HTTP/1.0\r\n\r\n"[..], b"GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"]
        {
            assert!(matches!(parse(bytes), Parsed::Request { keeps: false, .. }));
        }
    }

    #[test]
    fn what_is_too_long_or_no_http_is_refused() {
        let long_head = [&b"GET / HTTP/1.1\r\nA: "[..], &[b'a'; LONGEST_HEAD]].concat();
        for (bytes, status) in [
            (&b"\x16\x03\x01\x02\x00\x01"[..], 400),
            (&long_head, 431),
            (&[&long_head, &b"\r\n\r\n"[..]].concat(), 431),
            (b"POST / HTTP/1.1\r\nContent-Length: 9999999\r\n\r\n", 413),
            (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 411),
        ] {
            assert_eq!(parse(bytes), Parsed::Refused(status));
        }
    }

    #[test]
    fn the_end_of_a_body_is_told_in_three_ways() {
        let response = Response { body: vec![b'x'; 100], ..Response::new(200) };
        let text = |framing, closes| {
            let (head, body) = response.to_bytes(framing, closes);
            (String::from_utf8(head).unwrap(), String::from_utf8(body).unwrap())
        };
        let (head, body) = text(Framing::ContentLength, false);
        assert_eq!(
            (head.as_str(), body.len()),
            ("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", 100)
        );
        let (head, body) = text(Framing::Chunked, true);
        assert!(head.ends_with("Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"));
        assert!(
            body.starts_with("61\r\nx") && body.ends_with("\r\n3\r\nxxx\r\n0\r\n\r\n"),
            "{body}"
        );
        assert_eq!(text(Framing::UntilClose, false).0, "HTTP/1.1 200 OK\r\n\r\n");
    }
}
