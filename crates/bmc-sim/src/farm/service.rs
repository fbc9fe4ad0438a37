use std::net::SocketAddr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::sockets::Sockets;
use super::{Bmcs, FarmConfig};
use crate::under_way::UnderWay;
use crate::{Network, NetworkConfig};

/// How many datagrams may be under way, for each BMC.
const LONGEST_QUEUE: usize = 64;
/// How many datagrams of one BMC are taken before the others get their turn.
const IN_A_ROW: usize = 4;
/// What the operating system cannot do now, it may be able to a little later.
const PAUSE: Duration = Duration::from_millis(10);

/// What goes on between the sockets of a farm and its BMCs.
pub(super) struct Service {
    sockets: Sockets,
    bmcs: Arc<Bmcs>,
    /// Of each BMC, unless all have a good one.
    networks: Vec<BothWays>,
    under_way: UnderWay<Parcel>,
}

struct BothWays {
    to_bmc: Network,
    to_client: Network,
}

/// A datagram on its way.
struct Parcel {
    /// Of the BMC.
    index: usize,
    /// Of the client.
    peer: SocketAddr,
    direction: Direction,
    datagram: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToBmc,
    ToClient,
}

impl Service {
    pub(super) fn new(sockets: Sockets, bmcs: Arc<Bmcs>, config: &FarmConfig) -> Self {
        let limit = config.count.saturating_mul(LONGEST_QUEUE);
        Self { sockets, bmcs, networks: networks(config), under_way: UnderWay::new(limit) }
    }

    /// Until the sockets are stopped.
    pub(super) fn serve(mut self) {
        loop {
            match self.sockets.ready(self.under_way.next_arrival()) {
                Ok(Some(ready)) => ready.into_iter().for_each(|index| self.receive(index)),
                Ok(None) => return,
                Err(error) => {
                    log::warn!("waiting for datagrams: {error}");
                    thread::sleep(PAUSE);
                }
            }
            self.deliver_due();
        }
    }

    fn receive(&mut self, index: usize) {
        for _ in 0..IN_A_ROW {
            let Some((peer, datagram)) = self.sockets.receive(index) else { return };
            self.set_out(Parcel { index, peer, direction: Direction::ToBmc, datagram });
        }
    }

    fn deliver_due(&mut self) {
        let now = Instant::now();
        while let Some(parcel) = self.under_way.next_due(now) {
            self.arrive(parcel);
        }
    }

    /// Without a network it is there already.
    fn set_out(&mut self, parcel: Parcel) {
        let Some(network) = self.networks.get_mut(parcel.index) else { return self.arrive(parcel) };
        let now = Instant::now();
        for (delay, datagram) in network.carry(&parcel) {
            self.under_way.insert(now, delay, Parcel { datagram, ..parcel });
        }
    }

    fn arrive(&mut self, parcel: Parcel) {
        let Parcel { index, peer, direction, datagram } = parcel;
        match direction {
            Direction::ToBmc => {
                for datagram in self.answers(index, peer, &datagram) {
                    self.set_out(Parcel { index, peer, direction: Direction::ToClient, datagram });
                }
            }
            Direction::ToClient => self.sockets.send(index, peer, &datagram),
        }
    }

    fn answers(&self, index: usize, peer: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
        let mut bmcs = self.bmcs.lock();
        let bmc = bmcs.get_mut(index);
        bmc.map(|bmc| bmc.handle_from(Instant::now(), peer, datagram)).unwrap_or_default()
    }
}

impl BothWays {
    fn carry(&mut self, parcel: &Parcel) -> Vec<(Duration, Vec<u8>)> {
        match parcel.direction {
            Direction::ToBmc => self.to_bmc.carry(&parcel.datagram),
            Direction::ToClient => self.to_client.carry(&parcel.datagram),
        }
    }
}

fn networks(config: &FarmConfig) -> Vec<BothWays> {
    if config.network == NetworkConfig::default() {
        return Vec::new();
    }
    let mut seeds = StdRng::seed_from_u64(config.seed);
    let mut network = || Network::new(config.network, StdRng::seed_from_u64(seeds.random()));
    (0..config.count).map(|_| BothWays { to_bmc: network(), to_client: network() }).collect()
}
