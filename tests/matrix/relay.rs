//! A network that loses one answer.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ipmi_lan::command::{Command, GetSessionChallenge};
use ipmi_lan::wire::{Datagram, ResponseMessage};
use tokio::net::UdpSocket;
use tokio::task::{JoinHandle, JoinSet};

/// Passes everything on but the first answer to Get Session Challenge. Each port of a client has one of its own at the
/// BMC. It stops when dropped.
pub struct Relay {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    pub async fn start(bmc: SocketAddr) -> Self {
        let front = Arc::new(socket().await);
        let address = front.local_addr().expect("an address");
        Self { address, task: tokio::spawn(pass_on(front, bmc)) }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass_on(front: Arc<UdpSocket>, bmc: SocketAddr) {
    let has_lost = Arc::new(AtomicBool::new(false));
    let mut ways: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut tasks = JoinSet::new();
    let mut buffer = [0; 2048];
    loop {
        let Ok((length, client)) = front.recv_from(&mut buffer).await else { continue };
        let back = match ways.entry(client) {
            Entry::Occupied(way) => way.into_mut(),
            Entry::Vacant(place) => {
                let back = Arc::new(socket().await);
                back.connect(bmc).await.expect("loopback");
                let (own, front) = (Arc::clone(&back), Arc::clone(&front));
                let has_lost = Arc::clone(&has_lost);
                tasks.spawn(async move { pass_back(&own, &front, client, &has_lost).await });
                place.insert(back)
            }
        };
        let _ = back.send(&buffer[..length]).await;
    }
}

async fn pass_back(back: &UdpSocket, front: &UdpSocket, client: SocketAddr, has_lost: &AtomicBool) {
    let mut buffer = [0; 2048];
    loop {
        let Ok(length) = back.recv(&mut buffer).await else { continue };
        let answer = &buffer[..length];
        if !is_challenge(answer) || has_lost.swap(true, Ordering::Relaxed) {
            let _ = front.send_to(answer, client).await;
        }
    }
}

fn is_challenge(datagram: &[u8]) -> bool {
    let Ok(Datagram::Ipmi15(packet)) = Datagram::parse(datagram) else { return false };
    ResponseMessage::parse(&packet.payload)
        .is_ok_and(|response| response.command == GetSessionChallenge::NUMBER)
}

async fn socket() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.expect("a socket")
}
