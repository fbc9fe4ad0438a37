use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysError, SysRng};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::{Bmc, Config, DatagramCounts, Event, EventsMissed, Faults, Place, Power};

/// No datagram of IPMI comes near this size; a longer one is garbage, cut or not.
pub(crate) const LONGEST_DATAGRAM: usize = 2048;

/// A [`Bmc`] behind a UDP socket, in real time. It stops when dropped.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use, not of this machine, or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The operating system gave no random numbers.
    #[error("no random numbers from the operating system")]
    Random(#[from] SysError),
}

struct Shared {
    bmc: Mutex<Bmc>,
    /// Something may have happened to the BMC.
    changed: Notify,
}

impl Server {
    /// Starts a BMC on this address; port 0 is any free one. To be called in a tokio runtime, on which it stays.
    ///
    /// # Errors
    /// When it cannot listen there, or the operating system has no random numbers.
    pub async fn start(address: SocketAddr, config: Config) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address, source };
        let socket = UdpSocket::bind(address).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let rng = StdRng::try_from_rng(&mut SysRng)?;
        let shared =
            Arc::new(Shared { bmc: Mutex::new(Bmc::new(config, rng)), changed: Notify::new() });
        let task = tokio::spawn(serve(socket, Arc::clone(&shared)));
        Ok(Self { address, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether the machine is on.
    #[must_use]
    pub fn power(&self) -> Power {
        self.shared.bmc().power(Instant::now())
    }

    /// Whether the machine of a satellite is on, as [`Bmc::satellite_power`] has it.
    #[must_use]
    pub fn satellite_power(&self, way: &[Place]) -> Option<Power> {
        self.shared.bmc().satellite_power(Instant::now(), way)
    }

    /// Switches the machine by hand, as [`Bmc::set_power`] does.
    pub fn set_power(&self, power: Power) {
        self.shared.bmc().set_power(Instant::now(), power);
        self.shared.changed.notify_waiters();
    }

    /// Starts the BMC anew, as [`Bmc::restart`] does.
    pub fn restart(&self) {
        self.shared.bmc().restart(Instant::now());
        self.shared.changed.notify_waiters();
    }

    /// Changes how it misbehaves, from now on.
    pub fn with_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(self.shared.bmc().faults(Instant::now()));
        self.shared.changed.notify_waiters();
    }

    /// What happened so far, the oldest first; no more than [`Config::events_kept`] of the latest.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        let mut bmc = self.shared.bmc();
        bmc.advance(Instant::now());
        bmc.events().iter().cloned().collect()
    }

    /// How many events there were so far, those that are no longer kept included.
    #[must_use]
    pub fn event_count(&self) -> usize {
        let mut bmc = self.shared.bmc();
        bmc.advance(Instant::now());
        bmc.events().total()
    }

    /// The event with this index, as soon as there is one. The first event has index 0, whatever is still kept.
    ///
    /// # Errors
    /// When it is no longer kept.
    pub async fn event(&self, index: usize) -> Result<Event, EventsMissed> {
        loop {
            // Made before looking, so that nothing is missed in between.
            let changed = self.shared.changed.notified();
            let next_change = {
                let mut bmc = self.shared.bmc();
                bmc.advance(Instant::now());
                if let Some(event) = bmc.events().get(index)? {
                    return Ok(event.clone());
                }
                bmc.next_change()
            };
            tokio::select! {
                () = changed => (),
                () = sleep_until(next_change) => (),
            }
        }
    }

    /// How many datagrams it has received and sent.
    #[must_use]
    pub fn datagrams(&self) -> DatagramCounts {
        self.shared.bmc().datagrams()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Shared {
    /// A panic elsewhere leaves a BMC that is no worse than a real one after a reset.
    fn bmc(&self) -> MutexGuard<'_, Bmc> {
        self.bmc.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(socket: UdpSocket, shared: Arc<Shared>) {
    let mut buffer = [0; LONGEST_DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                let answers = shared.bmc().handle_from(Instant::now(), peer, datagram);
                shared.changed.notify_waiters();
                send(&socket, peer, &answers).await;
            }
            // Such as "connection refused", when the peer of an earlier answer has gone.
            Err(error) => log::debug!("receiving: {error}"),
        }
    }
}

async fn send(socket: &UdpSocket, peer: SocketAddr, answers: &[Vec<u8>]) {
    for answer in answers {
        if let Err(error) = socket.send_to(answer, peer).await {
            log::debug!("answering {peer}: {error}");
        }
    }
}

/// For ever, if there is no such instant.
pub(crate) async fn sleep_until(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant.into()).await,
        None => std::future::pending().await,
    }
}
