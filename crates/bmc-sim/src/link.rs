use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::task::{JoinHandle, JoinSet};

use crate::server::LONGEST_DATAGRAM;
use crate::under_way::UnderWay;
use crate::{Network, NetworkConfig, StartError};

/// How many datagrams of one client may be under way. A router drops what does not fit its queue, too.
const LONGEST_QUEUE: usize = 1024;

/// A bad network over real sockets: a UDP proxy before a BMC, with a [`Network`] each way. It stops when dropped.
///
/// Every address that sends to it is a client of its own, with a socket of its own towards the BMC, so that the BMC can
/// tell them apart, and with a pair of networks of its own. So the fate of one client's datagrams does not depend on
/// what another one sends in between: with the same seed, the first client meets with the same mishaps every time, and
/// so does the second.
pub struct Link {
    address: SocketAddr,
    counts: Arc<Mutex<LinkCounts>>,
    task: JoinHandle<()>,
}

/// What a link is like. [`LinkConfig::new`] gives one that is the same in both directions.
#[derive(Clone, Copy, Debug)]
pub struct LinkConfig {
    /// What happens to requests.
    pub to_bmc: NetworkConfig,
    /// What happens to answers.
    pub to_client: NetworkConfig,
    /// What the mishaps are drawn from.
    pub seed: u64,
    /// How many clients there may be at once; the datagrams of others are lost.
    pub max_clients: usize,
    /// After how much silence, in both directions, a client is forgotten.
    pub idle_timeout: Duration,
}

/// How many datagrams a link has carried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts {
    /// Requests.
    pub to_bmc: Traffic,
    /// Answers.
    pub to_client: Traffic,
}

/// How many datagrams went in one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// How many were sent.
    pub sent: u64,
    /// How many came out at the other end so far, copies included.
    pub delivered: u64,
}

impl Link {
    /// Starts a link to `bmc` that listens on `address`; port 0 is any free one. To be called in a tokio runtime, on
    /// which it stays.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start(
        address: SocketAddr,
        bmc: SocketAddr,
        config: LinkConfig,
    ) -> Result<Self, StartError> {
        let failed = |source| StartError::Listen { address, source };
        let front = UdpSocket::bind(address).await.map_err(failed)?;
        let address = front.local_addr().map_err(failed)?;
        let counts = Arc::default();
        let clients = Clients {
            bmc,
            config,
            rng: StdRng::seed_from_u64(config.seed),
            front: Arc::new(front),
            counts: Arc::clone(&counts),
            queues: HashMap::new(),
            tasks: JoinSet::new(),
        };
        Ok(Self { address, counts, task: tokio::spawn(clients.serve()) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many datagrams it has carried, for all clients together.
    #[must_use]
    pub fn counts(&self) -> LinkCounts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LinkConfig {
    /// The same network each way; up to 1024 clients, forgotten after a minute.
    #[must_use]
    pub fn new(network: NetworkConfig, seed: u64) -> Self {
        Self {
            to_bmc: network,
            to_client: network,
            seed,
            max_clients: 1024,
            idle_timeout: Duration::from_secs(60),
        }
    }
}

/// The end of a link at which the clients are.
struct Clients {
    bmc: SocketAddr,
    config: LinkConfig,
    rng: StdRng,
    front: Arc<UdpSocket>,
    counts: Arc<Mutex<LinkCounts>>,
    /// To the tasks of the clients.
    queues: HashMap<SocketAddr, mpsc::Sender<Vec<u8>>>,
    /// They end with this.
    tasks: JoinSet<()>,
}

impl Clients {
    async fn serve(mut self) {
        let mut buffer = [0; LONGEST_DATAGRAM];
        loop {
            match self.front.recv_from(&mut buffer).await {
                Ok((length, client)) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    count(&self.counts, |counts| counts.to_bmc.sent += 1);
                    self.hand_over(client, datagram.to_vec()).await;
                }
                Err(error) => log::debug!("receiving: {error}"),
            }
        }
    }

    async fn hand_over(&mut self, client: SocketAddr, datagram: Vec<u8>) {
        let datagram = match self.queues.get(&client) {
            None => datagram,
            Some(queue) => match queue.try_send(datagram) {
                Ok(()) => return,
                Err(TrySendError::Full(_)) => return log::debug!("{client} sends too fast"),
                // It was silent for so long that it was forgotten.
                Err(TrySendError::Closed(datagram)) => datagram,
            },
        };
        match self.admit(client).await {
            Ok(queue) => {
                // A new queue has room.
                let _ = queue.try_send(datagram);
            }
            Err(error) => log::debug!("{client} gets no connection: {error}"),
        }
    }

    async fn admit(&mut self, client: SocketAddr) -> io::Result<&mpsc::Sender<Vec<u8>>> {
        self.queues.retain(|_, queue| !queue.is_closed());
        while self.tasks.try_join_next().is_some() {}
        if self.queues.len() >= self.config.max_clients {
            return Err(io::Error::other("too many clients"));
        }
        let back = connected_socket(self.bmc).await?;
        let (queue, requests) = mpsc::channel(LONGEST_QUEUE);
        let to_bmc = self.network(self.config.to_bmc);
        let to_client = self.network(self.config.to_client);
        self.tasks.spawn(
            Client {
                address: client,
                front: Arc::clone(&self.front),
                back,
                requests,
                to_bmc,
                to_client,
                under_way: UnderWay::new(LONGEST_QUEUE),
                counts: Arc::clone(&self.counts),
            }
            .serve(self.config.idle_timeout),
        );
        Ok(self.queues.entry(client).insert_entry(queue).into_mut())
    }

    fn network(&mut self, config: NetworkConfig) -> Network {
        Network::new(config, StdRng::seed_from_u64(self.rng.random()))
    }
}

/// One client, with all its datagrams that are under way.
struct Client {
    address: SocketAddr,
    front: Arc<UdpSocket>,
    back: UdpSocket,
    requests: mpsc::Receiver<Vec<u8>>,
    to_bmc: Network,
    to_client: Network,
    under_way: UnderWay<(Direction, Vec<u8>)>,
    counts: Arc<Mutex<LinkCounts>>,
}

#[derive(Clone, Copy)]
enum Direction {
    ToBmc,
    ToClient,
}

impl Client {
    /// Until it is idle, and nothing is under way.
    async fn serve(mut self, idle_timeout: Duration) {
        let mut buffer = [0; LONGEST_DATAGRAM];
        let mut last_used = Instant::now();
        loop {
            let next = self.under_way.next_arrival();
            let until = next.unwrap_or(last_used + idle_timeout);
            tokio::select! {
                request = self.requests.recv() => match request {
                    Some(request) => self.set_out(Direction::ToBmc, &request),
                    None => return,
                },
                received = self.back.recv(&mut buffer) => match received {
                    Ok(length) => {
                        count(&self.counts, |counts| counts.to_client.sent += 1);
                        let answer = buffer.get(..length).unwrap_or_default();
                        self.set_out(Direction::ToClient, answer);
                    }
                    // Such as "connection refused", where no BMC listens.
                    Err(error) => log::debug!("receiving for {}: {error}", self.address),
                },
                () = tokio::time::sleep_until(until.into()) => {
                    if next.is_none() {
                        return;
                    }
                    self.deliver_due().await;
                }
            }
            last_used = Instant::now();
        }
    }

    fn set_out(&mut self, direction: Direction, datagram: &[u8]) {
        let now = Instant::now();
        let network = match direction {
            Direction::ToBmc => &mut self.to_bmc,
            Direction::ToClient => &mut self.to_client,
        };
        for (delay, datagram) in network.carry(datagram) {
            self.under_way.insert(now, delay, (direction, datagram));
        }
    }

    async fn deliver_due(&mut self) {
        let now = Instant::now();
        while let Some((direction, datagram)) = self.under_way.next_due(now) {
            // Counted first, so that who has got a datagram finds it counted.
            count(&self.counts, |counts| counts.of(direction).delivered += 1);
            let sent = match direction {
                Direction::ToBmc => self.back.send(&datagram).await,
                Direction::ToClient => self.front.send_to(&datagram, self.address).await,
            };
            if let Err(error) = sent {
                log::debug!("sending for {}: {error}", self.address);
            }
        }
    }
}

impl LinkCounts {
    fn of(&mut self, direction: Direction) -> &mut Traffic {
        match direction {
            Direction::ToBmc => &mut self.to_bmc,
            Direction::ToClient => &mut self.to_client,
        }
    }
}

fn count(counts: &Mutex<LinkCounts>, change: impl FnOnce(&mut LinkCounts)) {
    change(&mut counts.lock().unwrap_or_else(PoisonError::into_inner));
}

/// Connected, so that nobody but the BMC can answer.
async fn connected_socket(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use crate::{Config, Server};

    use super::*;

    /// Long enough for a busy machine, on the way to a failure.
    const PATIENCE: Duration = Duration::from_secs(10);
    /// How long nothing must come. Not so long that tests take their time.
    const SILENCE: Duration = Duration::from_millis(100);

    async fn bmc() -> Server {
        Server::start(loopback(), Config::new(Vec::new())).await.unwrap()
    }

    async fn link(bmc: &Server, config: LinkConfig) -> Link {
        Link::start(loopback(), bmc.address(), config).await.unwrap()
    }

    async fn client(link: &Link) -> UdpSocket {
        connected_socket(link.address()).await.unwrap()
    }

    fn loopback() -> SocketAddr {
        "127.0.0.1:0".parse().unwrap()
    }

    /// An ASF presence ping, which a BMC answers without a login; the pong has the same tag.
    fn ping(tag: u8) -> [u8; 12] {
        [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, tag, 0, 0]
    }

    async fn pong(client: &UdpSocket) -> u8 {
        let mut buffer = [0; 64];
        let length = timeout(PATIENCE, client.recv(&mut buffer)).await.unwrap().unwrap();
        assert_eq!(length, 28);
        buffer[9]
    }

    async fn is_silent(client: &UdpSocket) -> bool {
        timeout(SILENCE, client.recv(&mut [0; 64])).await.is_err()
    }

    #[tokio::test]
    async fn a_good_link_delivers_after_its_delay_each_way() {
        let bmc = bmc().await;
        let delay = Duration::from_millis(30);
        let network = NetworkConfig { delay, ..NetworkConfig::default() };
        let link = link(&bmc, LinkConfig::new(network, 1)).await;
        let client = client(&link).await;
        let started = Instant::now();
        client.send(&ping(7)).await.unwrap();
        assert_eq!(pong(&client).await, 7);
        assert!(started.elapsed() >= 2 * delay);
        let one = Traffic { sent: 1, delivered: 1 };
        assert_eq!(link.counts(), LinkCounts { to_bmc: one, to_client: one });
    }

    #[tokio::test]
    async fn each_of_many_clients_gets_its_own_answers() {
        let bmc = bmc().await;
        let link = link(&bmc, LinkConfig::new(NetworkConfig::default(), 1)).await;
        let mut clients = Vec::new();
        for _ in 0..50 {
            clients.push(client(&link).await);
        }
        for round in 0..2 {
            for (tag, client) in (100 * round..).zip(&clients) {
                client.send(&ping(tag)).await.unwrap();
            }
            for (tag, client) in (100 * round..).zip(&clients) {
                assert_eq!(pong(client).await, tag);
            }
        }
        assert_eq!(link.counts().to_client.delivered, 100);
    }

    #[tokio::test]
    async fn each_direction_has_its_own_losses() {
        let bmc = bmc().await;
        let all_lost = NetworkConfig { loss: 1.0, ..NetworkConfig::default() };
        let mut config = LinkConfig::new(NetworkConfig::default(), 1);
        config.to_client = all_lost;
        let link = link(&bmc, config).await;
        let client = client(&link).await;
        client.send(&ping(7)).await.unwrap();
        assert!(is_silent(&client).await);
        let counts = link.counts();
        assert_eq!(counts.to_bmc, Traffic { sent: 1, delivered: 1 });
        assert_eq!(counts.to_client, Traffic { sent: 1, delivered: 0 });
    }

    #[tokio::test]
    async fn a_copy_is_delivered_and_counted() {
        let bmc = bmc().await;
        let doubled = NetworkConfig { duplication: 1.0, ..NetworkConfig::default() };
        let link = link(&bmc, LinkConfig::new(doubled, 1)).await;
        let client = client(&link).await;
        client.send(&ping(7)).await.unwrap();
        for _ in 0..4 {
            assert_eq!(pong(&client).await, 7);
        }
        let counts = link.counts();
        assert_eq!(counts.to_bmc, Traffic { sent: 1, delivered: 2 });
        assert_eq!(counts.to_client, Traffic { sent: 2, delivered: 4 });
    }

    #[tokio::test]
    async fn the_same_seed_loses_the_same_datagrams_of_each_client() {
        let bmc = bmc().await;
        let mut config = LinkConfig::new(NetworkConfig::default(), 5);
        config.to_client.loss = 0.5;
        let first = lost_tags(&bmc, config).await;
        assert_eq!(first, lost_tags(&bmc, config).await);
        assert_ne!(first[0], first[1], "two clients have networks of their own");
        config.seed = 6;
        assert_ne!(first, lost_tags(&bmc, config).await);
    }

    /// Which of their pings two clients, who take turns, get no pong to.
    async fn lost_tags(bmc: &Server, config: LinkConfig) -> [Vec<u8>; 2] {
        let link = link(bmc, config).await;
        let clients = [client(&link).await, client(&link).await];
        for tag in 0..40 {
            for client in &clients {
                client.send(&ping(tag)).await.unwrap();
            }
        }
        let all_answered = async {
            while link.counts().to_client.sent < 80 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, all_answered).await.unwrap();
        let mut lost: [Vec<u8>; 2] = [(0..40).collect(), (0..40).collect()];
        for (client, lost) in clients.iter().zip(&mut lost) {
            let mut buffer = [0; 64];
            while timeout(SILENCE, client.recv(&mut buffer)).await.is_ok() {
                lost.retain(|tag| *tag != buffer[9]);
            }
        }
        lost
    }

    #[tokio::test]
    async fn clients_beyond_the_limit_wait_until_another_is_forgotten() {
        let bmc = bmc().await;
        let mut config = LinkConfig::new(NetworkConfig::default(), 1);
        config.max_clients = 1;
        config.idle_timeout = 3 * SILENCE;
        let link = link(&bmc, config).await;
        let (first, second) = (client(&link).await, client(&link).await);
        first.send(&ping(1)).await.unwrap();
        assert_eq!(pong(&first).await, 1);
        second.send(&ping(2)).await.unwrap();
        assert!(is_silent(&second).await);
        tokio::time::sleep(config.idle_timeout).await;
        second.send(&ping(3)).await.unwrap();
        assert_eq!(pong(&second).await, 3);
    }

    #[tokio::test]
    async fn a_client_that_was_forgotten_may_come_back() {
        let bmc = bmc().await;
        let mut config = LinkConfig::new(NetworkConfig::default(), 1);
        config.idle_timeout = SILENCE;
        let link = link(&bmc, config).await;
        let client = client(&link).await;
        for tag in 0..3 {
            client.send(&ping(tag)).await.unwrap();
            assert_eq!(pong(&client).await, tag);
            tokio::time::sleep(2 * SILENCE).await;
        }
    }

    #[tokio::test]
    async fn a_dead_bmc_is_silence() {
        let bmc = bmc().await;
        let link = link(&bmc, LinkConfig::new(NetworkConfig::default(), 1)).await;
        drop(bmc);
        let client = client(&link).await;
        for tag in 0..3 {
            client.send(&ping(tag)).await.unwrap();
            assert!(is_silent(&client).await);
        }
        assert_eq!(link.counts().to_bmc.delivered, 3);
    }

    #[tokio::test]
    async fn a_dropped_link_gives_its_port_back() {
        let bmc = bmc().await;
        let network = NetworkConfig { delay: PATIENCE, ..NetworkConfig::default() };
        let link = link(&bmc, LinkConfig::new(network, 1)).await;
        let address = link.address();
        // With a client that waits for its delayed datagram.
        client(&link).await.send(&ping(1)).await.unwrap();
        tokio::time::sleep(SILENCE).await;
        drop(link);
        let again = async {
            while UdpSocket::bind(address).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, again).await.unwrap();
    }
}
