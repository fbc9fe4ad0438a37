use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};
use tokio::net::UdpSocket;

use crate::command::Command;
use crate::session::{Delivery, Event, Input, LoggedIn, Output, Request, Session, SessionConfig};
use crate::wire::ResponseMessage;
use crate::{CompletionCode, Error};

/// No answer that this crate asks for is longer; the authentication code of a datagram that was cut is wrong.
pub(crate) const LONGEST_DATAGRAM: usize = 2048;

/// The addresses of a host: a literal IPv4 or IPv6 address, or a name.
///
/// # Errors
/// When there are none by `deadline`.
pub async fn resolve(host: &str, port: u16, deadline: Instant) -> Result<Vec<SocketAddr>, Error> {
    // A literal needs no resolver, and no thread for it.
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let lookup = tokio::net::lookup_host((host, port));
    match tokio::time::timeout_at(deadline.into(), lookup).await {
        Err(_) => Err(Error::Resolve(ErrorKind::TimedOut.into())),
        Ok(Err(reason)) => Err(Error::Resolve(reason)),
        Ok(Ok(addresses)) => match addresses.collect::<Vec<_>>() {
            none if none.is_empty() => Err(Error::Resolve(ErrorKind::NotFound.into())),
            addresses => Ok(addresses),
        },
    }
}

/// A [`Session`] over a UDP socket of its own.
///
/// The socket is connected, so that the kernel passes on only what comes from the BMC's address. Dropping the client
/// abandons the session, which the BMC forgets after a minute; [`Client::close`] gives it back at once.
pub struct Client {
    address: SocketAddr,
    socket: UdpSocket,
    session: Session<StdRng>,
}

impl Client {
    /// Starts a login that ends by `deadline`. Nothing is sent before [`Client::login`].
    ///
    /// # Errors
    /// When the operating system gives no socket, no route, or no randomness.
    pub async fn open(
        address: SocketAddr,
        config: SessionConfig,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let socket = connected_socket(address).await?;
        let random = StdRng::try_from_rng(&mut SysRng).map_err(|reason| Error::System {
            what: "no random numbers for session ids",
            reason: io::Error::other(reason),
        })?;
        Ok(Self {
            address,
            socket,
            session: Session::login(config, random, Instant::now(), deadline),
        })
    }

    /// Carries the login through.
    ///
    /// # Errors
    /// Why the BMC, or the network, did not let us in.
    pub async fn login(&mut self) -> Result<LoggedIn, Error> {
        match self.next_event().await {
            Event::LoggedIn(logged_in) => Ok(logged_in),
            Event::LoginFailed(error) | Event::Unanswered(error) => Err(error),
            Event::Answered(_) | Event::Closed => Err(not_connected()),
        }
    }

    /// Whether a call of [`Client::login`] that was dropped has left half a session at the BMC; the next call goes on
    /// with it.
    #[must_use]
    pub fn is_half_open(&self) -> bool {
        self.session.is_half_open()
    }

    /// Sends a command and waits, until `deadline`, for its answer.
    ///
    /// # Errors
    /// When no trustworthy answer came, or the BMC refused.
    pub async fn execute<C: Command>(
        &mut self,
        command: &C,
        delivery: Delivery,
        deadline: Instant,
    ) -> Result<C::Response, Error> {
        let response = self.request(Request::of(command, delivery), deadline).await?;
        if response.completion != CompletionCode::OK {
            return Err(Error::of_response::<C>(&response));
        }
        command
            .parse_response(&response.data)
            .map_err(|reason| Error::Malformed { command: C::NAME, reason })
    }

    /// Sends any request, also one that this crate does not know, and waits until `deadline` for its answer, whatever
    /// its completion code.
    ///
    /// # Errors
    /// When no trustworthy answer came.
    pub async fn request(
        &mut self,
        request: Request,
        deadline: Instant,
    ) -> Result<ResponseMessage, Error> {
        self.session.request(Instant::now(), request, deadline);
        match self.next_event().await {
            Event::Answered(response) => Ok(response),
            Event::Unanswered(error) | Event::LoginFailed(error) => Err(error),
            Event::LoggedIn(_) | Event::Closed => Err(not_connected()),
        }
    }

    /// Gives the session back to the BMC. Takes less than half a second, whatever the BMC does.
    pub async fn close(&mut self) {
        self.session.close(Instant::now());
        while !matches!(self.next_event().await, Event::Closed) {}
    }

    /// Gives up a session that seems to be lost: tells the BMC once, and waits for nothing.
    pub async fn abandon(mut self) {
        self.session.abandon(Instant::now());
        loop {
            match self.session.poll_output() {
                Output::Transmit(datagram) => self.send(&datagram).await,
                Output::ChangePort | Output::Event(_) => {}
                Output::Wait(_) => return,
            }
        }
    }

    async fn next_event(&mut self) -> Event {
        loop {
            match self.session.poll_output() {
                Output::Event(event) => return event,
                Output::Transmit(datagram) => self.send(&datagram).await,
                Output::ChangePort => self.change_port().await,
                Output::Wait(Some(until)) => self.receive(until).await,
                Output::Wait(None) => return Event::Closed,
            }
        }
    }

    /// Without another socket the old one may still do.
    async fn change_port(&mut self) {
        match connected_socket(self.address).await {
            Ok(socket) => self.socket = socket,
            Err(error) => log::debug!("no other port: {error}"),
        }
    }

    async fn send(&mut self, datagram: &[u8]) {
        log::trace!("sent {} bytes", datagram.len());
        if let Err(reason) = self.socket.send(datagram).await {
            self.note_unreachable(&reason);
        }
    }

    async fn receive(&mut self, until: Instant) {
        let now = Instant::now();
        // Asked first, so that a flood of strangers' datagrams cannot hold a time-out up.
        if now >= until {
            return self.session.handle_input(now, Input::Timeout);
        }
        let mut buffer = [0; LONGEST_DATAGRAM];
        match tokio::time::timeout_at(until.into(), self.socket.recv(&mut buffer)).await {
            Err(_) => {}
            Ok(Err(reason)) => self.note_unreachable(&reason),
            Ok(Ok(length)) => {
                log::trace!("received {length} bytes");
                let datagram = buffer.get(..length).unwrap_or_default();
                self.session.handle_input(Instant::now(), Input::Receive(datagram));
            }
        }
    }

    fn note_unreachable(&mut self, reason: &io::Error) {
        log::debug!("a datagram was lost: {reason}");
        self.session.handle_input(Instant::now(), Input::Unreachable(reason.kind()));
    }
}

pub(crate) async fn connected_socket(address: SocketAddr) -> Result<UdpSocket, Error> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let no_way = |reason| Error::System { what: "no way to reach the BMC's address", reason };
    let socket = UdpSocket::bind((any, 0)).await.map_err(no_way)?;
    socket.connect(address).await.map_err(no_way)?;
    Ok(socket)
}

fn not_connected() -> Error {
    Error::System { what: "no session with the BMC", reason: ErrorKind::NotConnected.into() }
}
