mod descriptors;
mod service;
mod sockets;
#[cfg(test)]
mod tests;

use std::io::{self, PipeWriter};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use rand::SeedableRng;
use rand::rngs::{StdRng, SysRng};

use crate::{Bmc, Config, DatagramCounts, NetworkConfig, Power, StartError};
use service::Service;
use sockets::Sockets;

/// Thousands of [`Bmc`]s in one process, each on an address of its own, in real time. They stop when this is dropped.
///
/// One thread serves all of them; it needs no runtime. Each takes a file descriptor: [`Farm::start`] raises the limit
/// on open files as far as it must and may. It needs Linux.
///
/// A BMC takes 0.9 KB of memory, 2.5 KB once somebody has logged in, some 4 KB while a session is open, and its socket
/// 3.8 KB of the kernel's. That is the growth of `VmRSS` in /proc/PID/status, and of `Slab` in /proc/meminfo, from
/// `bmc-sim farm --count 1` to one of 19 000 (5000 and 750 for those with logins), built for release on x86-64. Events
/// that are kept come on top: 16 of them, a kilobyte. The thread takes 20 µs for a datagram, and so may answer some
/// 50 000 in a second.
pub struct Farm {
    addresses: Vec<SocketAddr>,
    bmcs: Arc<Bmcs>,
    /// Closed, it ends the thread.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

/// What a farm is like. [`FarmConfig::new`] gives one on consecutive addresses, behind a good network.
#[derive(Clone, Debug)]
pub struct FarmConfig {
    /// Where the first BMC listens.
    pub first: SocketAddr,
    /// Where the others do.
    pub consecutive: Consecutive,
    /// How many there are.
    pub count: usize,
    /// What each of them is like. The GUID is that of the first; the others have the numbers after it.
    pub bmc: Config,
    /// What happens to requests, and to answers. Each BMC has networks of its own, so that the fate of its datagrams
    /// does not depend on what is sent to another one.
    pub network: NetworkConfig,
    /// What the mishaps are drawn from.
    pub seed: u64,
}

/// How the BMCs of a farm follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consecutive {
    /// By IP address, with one port: 127.0.1.255 is followed by 127.0.2.0. Port 0 is any that the first one finds free.
    Addresses,
    /// By port, on one IP address.
    Ports,
}

/// What a farm is like now, all BMCs together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FarmCounts {
    /// How many machines are on.
    pub on: usize,
    /// How many are off.
    pub off: usize,
    /// What the BMCs have seen.
    pub datagrams: DatagramCounts,
}

/// Why a farm did not start.
#[derive(Debug, thiserror::Error)]
pub enum FarmError {
    /// The addresses come to an end before the BMCs do.
    #[error("there are not {count} consecutive {} from {first} on", .consecutive.name())]
    Addresses {
        /// How many are wanted.
        count: usize,
        /// Of which kind.
        consecutive: Consecutive,
        /// Which would be the first.
        first: SocketAddr,
    },
    /// The limit on open files is too low, and may not be raised so far.
    #[error(
        "{count} BMCs need {needed} file descriptors, and this process may have no more than \
         {allowed} (ulimit -Hn)"
    )]
    Descriptors {
        /// How many BMCs are wanted.
        count: usize,
        /// How many descriptors that takes, with all others of the process.
        needed: u64,
        /// How many it may have.
        allowed: u64,
        /// What the operating system says to more.
        source: io::Error,
    },
    /// One of the BMCs did not start.
    #[error(transparent)]
    Bmc(#[from] StartError),
    /// The operating system gives no thread, or no way to wait for so many sockets.
    #[error("cannot serve so many BMCs")]
    Serve(#[source] io::Error),
}

impl Farm {
    /// Starts all of them.
    ///
    /// # Errors
    /// When one of them cannot listen where it is to, the process may not have enough descriptors, or the operating
    /// system has no random numbers.
    pub fn start(config: FarmConfig) -> Result<Self, FarmError> {
        check_addresses(&config)?;
        descriptors::provide(config.count)?;
        let (stopped, stop) = io::pipe().map_err(FarmError::Serve)?;
        let mut sockets = Sockets::new(stopped).map_err(FarmError::Serve)?;
        let addresses = listen(&config, &mut sockets)?;
        let bmcs = Arc::new(Bmcs::new(&config)?);
        let service = Service::new(sockets, Arc::clone(&bmcs), &config);
        let thread = thread::Builder::new().name("BMC farm".to_owned());
        let thread = thread.spawn(|| service.serve()).map_err(FarmError::Serve)?;
        Ok(Self { addresses, bmcs, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the BMC with this index listens. `None` when there is none.
    #[must_use]
    pub fn address(&self, index: usize) -> Option<SocketAddr> {
        self.addresses.get(index).copied()
    }

    /// Where all of them listen, in order.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = SocketAddr> {
        self.addresses.iter().copied()
    }

    /// Whether the machine with this index is on. `None` when there is none.
    #[must_use]
    pub fn power(&self, index: usize) -> Option<Power> {
        self.with_bmc(index, |bmc| bmc.power(Instant::now()))
    }

    /// Looks at the BMC with this index, or does something to it. `None` when there is none. All others wait meanwhile.
    pub fn with_bmc<T>(&self, index: usize, act: impl FnOnce(&mut Bmc) -> T) -> Option<T> {
        self.bmcs.lock().get_mut(index).map(act)
    }

    /// Switches all machines by hand, as [`Bmc::set_power`] does.
    pub fn set_power_of_all(&self, power: Power) {
        let now = Instant::now();
        self.bmcs.lock().iter_mut().for_each(|bmc| bmc.set_power(now, power));
    }

    /// How many machines are on and off, and how many datagrams there were.
    #[must_use]
    pub fn counts(&self) -> FarmCounts {
        let now = Instant::now();
        let mut counts = FarmCounts::default();
        for bmc in self.bmcs.lock().iter_mut() {
            match bmc.power(now) {
                Power::On => counts.on += 1,
                Power::Off => counts.off += 1,
            }
            let DatagramCounts { received, sent } = bmc.datagrams();
            counts.datagrams.received += received;
            counts.datagrams.sent += sent;
        }
        counts
    }
}

impl Drop for Farm {
    fn drop(&mut self) {
        self.stop = None;
        // Waited for, so that the addresses are free afterwards. A panic there is no reason for another one here.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl FarmConfig {
    /// So many BMCs on consecutive addresses. Of its events each keeps the latest 16 only.
    #[must_use]
    pub fn new(first: SocketAddr, count: usize, bmc: Config) -> Self {
        Self {
            first,
            consecutive: Consecutive::Addresses,
            count,
            bmc: Config { events_kept: 16, ..bmc },
            network: NetworkConfig::default(),
            seed: 1,
        }
    }
}

impl Consecutive {
    fn name(self) -> &'static str {
        match self {
            Self::Addresses => "IP addresses",
            Self::Ports => "ports",
        }
    }

    /// The address that is so far behind the first.
    fn after(self, first: SocketAddr, index: usize) -> Option<SocketAddr> {
        let (ip, port) = (first.ip(), first.port());
        match self {
            Self::Addresses => Some(SocketAddr::new(ip_after(ip, index)?, port)),
            // Behind "any free one" there is none.
            Self::Ports if port == 0 => None,
            Self::Ports => Some(SocketAddr::new(ip, port.checked_add(u16::try_from(index).ok()?)?)),
        }
    }
}

fn ip_after(ip: IpAddr, index: usize) -> Option<IpAddr> {
    match ip {
        IpAddr::V4(ip) => {
            let ip = u32::from(ip).checked_add(u32::try_from(index).ok()?)?;
            Some(IpAddr::V4(ip.into()))
        }
        IpAddr::V6(ip) => {
            let ip = u128::from(ip).checked_add(u128::try_from(index).ok()?)?;
            Some(IpAddr::V6(ip.into()))
        }
    }
}

/// Before any of them is taken.
fn check_addresses(config: &FarmConfig) -> Result<(), FarmError> {
    let FarmConfig { first, consecutive, count, .. } = *config;
    match consecutive.after(first, count.saturating_sub(1)) {
        Some(_) => Ok(()),
        None => Err(FarmError::Addresses { count, consecutive, first }),
    }
}

fn listen(config: &FarmConfig, sockets: &mut Sockets) -> Result<Vec<SocketAddr>, StartError> {
    let mut first = config.first;
    let mut addresses = Vec::with_capacity(config.count);
    for index in 0..config.count {
        // There are enough of them.
        let address = config.consecutive.after(first, index).unwrap_or(first);
        let failed = |source| StartError::Listen { address, source };
        let address = sockets.listen(address).map_err(failed)?;
        if index == 0 {
            // Its port is that of all.
            first = address;
        }
        addresses.push(address);
    }
    Ok(addresses)
}

/// All of a farm. One lock does: they are served by one thread anyway.
struct Bmcs(Mutex<Vec<Bmc>>);

impl Bmcs {
    fn new(config: &FarmConfig) -> Result<Self, StartError> {
        let mut rng = StdRng::try_from_rng(&mut SysRng)?;
        let bmc = |number| {
            let guid = guid_after(config.bmc.guid, number);
            Bmc::new(Config { guid, ..config.bmc.clone() }, StdRng::from_rng(&mut rng))
        };
        Ok(Self(Mutex::new((0..).take(config.count).map(bmc).collect())))
    }

    /// A panic elsewhere leaves a BMC that is no worse than a real one after a reset.
    fn lock(&self) -> MutexGuard<'_, Vec<Bmc>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn guid_after(first: [u8; 16], number: u128) -> [u8; 16] {
    u128::from_be_bytes(first).wrapping_add(number).to_be_bytes()
}
