use std::io::{self, PipeReader};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;

use crate::server::LONGEST_DATAGRAM;

/// How many sockets are told of at once.
const AT_ONCE: usize = 64;
/// The mark of the pipe, among the indices of sockets.
const STOP: u64 = u64::MAX;
/// Longer ones are too long for old kernels.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// The sockets of a farm, and an epoll instance that waits for all of them.
pub(super) struct Sockets {
    sockets: Vec<UdpSocket>,
    epoll: OwnedFd,
    /// When its other end is closed, it is over.
    _stopped: PipeReader,
}

impl Sockets {
    /// None yet. To be stopped by closing the other end of the pipe.
    pub(super) fn new(stopped: PipeReader) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        watch(&epoll, &stopped, STOP)?;
        Ok(Self { sockets: Vec::new(), epoll, _stopped: stopped })
    }

    /// Adds a socket with the next index. Says where it listens.
    pub(super) fn listen(&mut self, address: SocketAddr) -> io::Result<SocketAddr> {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        watch(&self.epoll, &socket, self.sockets.len().try_into().unwrap_or(STOP))?;
        self.sockets.push(socket);
        Ok(address)
    }

    /// Waits until some have datagrams, or until then. Says which have; `None` when it is over.
    pub(super) fn ready(&self, until: Option<Instant>) -> io::Result<Option<Vec<usize>>> {
        let mut events: Vec<Event> = Vec::with_capacity(AT_ONCE);
        let timeout = until.map(|until| until.saturating_duration_since(Instant::now()));
        let timeout = timeout.and_then(|timeout| timeout.min(LONGEST_WAIT).try_into().ok());
        match epoll::wait(&self.epoll, spare_capacity(&mut events), timeout.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let is_over = events.iter().any(|event| event.data.u64() == STOP);
        let index = |event: &Event| usize::try_from(event.data.u64()).ok();
        Ok((!is_over).then(|| events.iter().filter_map(index).collect()))
    }

    /// The next datagram of one of them, and from where it comes. `None` when there is none.
    pub(super) fn receive(&self, index: usize) -> Option<(SocketAddr, Vec<u8>)> {
        let mut buffer = [0; LONGEST_DATAGRAM];
        match self.sockets.get(index)?.recv_from(&mut buffer) {
            Ok((length, peer)) => Some((peer, buffer.get(..length).unwrap_or_default().to_vec())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Err(error) => {
                log::debug!("receiving: {error}");
                None
            }
        }
    }

    /// Sends a datagram from one of them. What does not fit the queue of the operating system is lost.
    pub(super) fn send(&self, index: usize, peer: SocketAddr, datagram: &[u8]) {
        let sent = self.sockets.get(index).map(|socket| socket.send_to(datagram, peer));
        if let Some(Err(error)) = sent {
            log::debug!("answering {peer}: {error}");
        }
    }
}

fn watch(epoll: &OwnedFd, source: impl AsFd, mark: u64) -> io::Result<()> {
    Ok(epoll::add(epoll, source, EventData::new_u64(mark), EventFlags::IN)?)
}
