//! One connection: TLS, requests, answers as they should be and as they should not.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::http::{self, Parsed};
use super::server::Shared;
use super::service::{Delivery, End, GARBAGE};
use super::{ConnectionFault, KeepAlive, Place, Reply, Request, Response};

/// A client that says nothing for so long has gone.
const LONGEST_SILENCE: Duration = Duration::from_secs(10 * 60);

/// A connection with TLS or without.
trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

pub(super) struct Connection {
    number: u64,
    shared: Arc<Shared>,
    /// What was received, and not looked at.
    received: Vec<u8>,
    /// How many answers went out.
    answers: u32,
}

enum Incoming {
    Request {
        request: Request,
        keeps: bool,
    },
    /// What is to be answered with this status.
    Refused(u16),
    /// The client has closed, or is silent.
    End,
}

/// What becomes of the connection after an answer.
enum Next {
    Request,
    Close { with_notify: bool },
}

impl Connection {
    pub(super) fn new(number: u64, shared: Arc<Shared>) -> Self {
        Self { number, shared, received: Vec::new(), answers: 0 }
    }

    pub(super) async fn run(
        self,
        stream: TcpStream,
        tls: TlsAcceptor,
        fault: Option<ConnectionFault>,
    ) {
        let number = self.number;
        if let Err(error) = self.try_run(stream, tls, fault).await {
            log::debug!("connection {number}: {error}");
        }
    }

    async fn try_run(
        self,
        mut stream: TcpStream,
        tls: TlsAcceptor,
        fault: Option<ConnectionFault>,
    ) -> io::Result<()> {
        stream.set_nodelay(true)?;
        match fault {
            Some(ConnectionFault::HangInAccept) => hang().await,
            Some(ConnectionFault::HangInHandshake) => {
                read_hello(&mut stream).await?;
                hang().await;
            }
            Some(ConnectionFault::CloseInHandshake) => read_hello(&mut stream).await?,
            Some(ConnectionFault::GarbageForTls) => {
                read_hello(&mut stream).await?;
                stream.write_all(GARBAGE).await?;
            }
            Some(ConnectionFault::PlainHttp) => self.serve(stream).await?,
            Some(ConnectionFault::CloseInAccept) => (),
            None => {
                let stream = tls.accept(stream).await?;
                self.shared.shook_hands();
                self.serve(stream).await?;
            }
        }
        Ok(())
    }

    async fn serve<S: Stream>(mut self, mut stream: S) -> io::Result<()> {
        loop {
            let next = match self.next_request(&mut stream).await? {
                Incoming::Request { request, keeps } => {
                    let reply = self.shared.handle(self.number, &request);
                    self.answer(&mut stream, reply, keeps).await?
                }
                Incoming::Refused(status) => {
                    self.answer(&mut stream, Reply::new(Response::new(status)), false).await?
                }
                Incoming::End => Next::Close { with_notify: true },
            };
            if let Next::Close { with_notify } = next {
                return if with_notify { stream.shutdown().await } else { Ok(()) };
            }
        }
    }

    async fn next_request<S: Stream>(&mut self, stream: &mut S) -> io::Result<Incoming> {
        let silence = match self.shared.keep_alive() {
            KeepAlive::CloseIdle(silence) => silence,
            _ => LONGEST_SILENCE,
        };
        match tokio::time::timeout(silence, self.read_request(stream)).await {
            Ok(incoming) => incoming,
            Err(_) => Ok(Incoming::End),
        }
    }

    async fn read_request<S: Stream>(&mut self, stream: &mut S) -> io::Result<Incoming> {
        loop {
            match http::parse(&self.received) {
                Parsed::Request { request, length, keeps } => {
                    self.received.drain(..length);
                    return Ok(Incoming::Request { request, keeps });
                }
                Parsed::Refused(status) => return Ok(Incoming::Refused(status)),
                Parsed::Partial => (),
            }
            if stream.read_buf(&mut self.received).await? == 0 {
                return Ok(Incoming::End);
            }
        }
    }

    async fn answer<S: Stream>(
        &mut self,
        stream: &mut S,
        reply: Reply,
        keeps: bool,
    ) -> io::Result<Next> {
        let Reply { response, delivery } = reply;
        tokio::time::sleep(delivery.delay).await;
        self.answers = self.answers.saturating_add(1);
        let (is_last, is_announced) = self.is_last();
        let closes = !keeps || delivery.closes || is_last && is_announced;
        let (bytes, end) = bytes_to_send(&response, &delivery, closes);
        send(stream, &bytes, delivery.drip).await?;
        if delivery.is_endless {
            send_for_ever(stream).await?;
        }
        let with_notify = !delivery.without_close_notify;
        match end {
            Some(End::Hang) => hang().await,
            Some(End::Close) => Ok(Next::Close { with_notify }),
            None if closes || is_last || delivery.raw.is_some() => Ok(Next::Close { with_notify }),
            None => Ok(Next::Request),
        }
    }

    /// Whether the connection is closed after this answer, and whether the answer says so.
    fn is_last(&self) -> (bool, bool) {
        match self.shared.keep_alive() {
            KeepAlive::CloseEach => (true, true),
            KeepAlive::CloseAfter { answers, announced } => (self.answers >= answers, announced),
            KeepAlive::Open | KeepAlive::CloseIdle(_) => (false, false),
        }
    }
}

/// The bytes up to where the answer stops, and what comes there.
fn bytes_to_send(response: &Response, delivery: &Delivery, closes: bool) -> (Vec<u8>, Option<End>) {
    if let Some(raw) = &delivery.raw {
        return (raw.clone(), None);
    }
    let (mut bytes, body) = response.to_bytes(delivery.framing, closes);
    let head = bytes.len();
    if !delivery.head_only {
        bytes.extend(body);
    }
    let Some((place, end)) = delivery.stop else { return (bytes, None) };
    bytes.truncate(match place {
        Place::Start => 0,
        Place::Headers => head / 2,
        Place::Body(length) => head.saturating_add(length),
    });
    (bytes, Some(end))
}

async fn send<S: Stream>(stream: &mut S, bytes: &[u8], drip: Option<Duration>) -> io::Result<()> {
    let Some(pause) = drip else {
        stream.write_all(bytes).await?;
        return stream.flush().await;
    };
    for byte in bytes {
        stream.write_all(&[*byte]).await?;
        stream.flush().await?;
        tokio::time::sleep(pause).await;
    }
    Ok(())
}

/// It ends when the client has gone.
async fn send_for_ever<S: Stream>(stream: &mut S) -> io::Result<()> {
    loop {
        stream.write_all(&[b' '; 4096]).await?;
        // A client that reads all of it at once would leave no time for anything else.
        tokio::task::yield_now().await;
    }
}

/// Something of what a client says first.
async fn read_hello(stream: &mut TcpStream) -> io::Result<()> {
    stream.read(&mut [0; 1024]).await.map(drop)
}

/// Until the server stops.
async fn hang() -> ! {
    std::future::pending().await
}
