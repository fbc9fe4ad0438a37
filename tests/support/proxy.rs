//! A man in the middle: everything between an agent and a BMC goes through the test.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often the threads look whether they are still wanted.
const LOOK: Duration = Duration::from_millis(50);

/// A UDP proxy before a BMC. Requests pass; each answer is what the test makes of it. It stops when dropped.
pub struct Proxy {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// `tamper` gets each answer of the BMC, and gives the datagrams that the agent gets in its place.
    pub fn start(
        bmc: SocketAddr,
        tamper: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        Self::start_beside(bmc, |_| Vec::new(), tamper)
    }

    /// The same; before that the agent gets what `stranger` makes of the answer, from another address.
    pub fn start_beside(
        bmc: SocketAddr,
        mut stranger: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
        mut tamper: impl FnMut(&[u8]) -> Vec<Vec<u8>> + Send + 'static,
    ) -> Self {
        let elsewhere = UdpSocket::bind("127.0.0.2:0").expect("a socket");
        let front = socket();
        let back = socket();
        back.connect(bmc).expect("the BMC's address");
        let address = front.local_addr().expect("an address");
        let agent = Arc::new(Mutex::new(None));
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let requests = {
            let (front, back) = (clone(&front), clone(&back));
            let (agent, seen) = (Arc::clone(&agent), Arc::clone(&seen));
            pump(&stop, move |buffer| {
                let (length, peer) = front.recv_from(buffer)?;
                *agent.lock().expect("no panic") = Some(peer);
                seen.lock().expect("no panic").push(buffer[..length].to_vec());
                back.send(&buffer[..length])
            })
        };
        let answers = pump(&stop, move |buffer| {
            let length = back.recv(buffer)?;
            let Some(peer) = *agent.lock().expect("no panic") else { return Ok(0) };
            for datagram in stranger(&buffer[..length]) {
                elsewhere.send_to(&datagram, peer)?;
            }
            for datagram in tamper(&buffer[..length]) {
                front.send_to(&datagram, peer)?;
            }
            Ok(length)
        });
        Self { address, requests: seen, stop, threads: vec![requests, answers] }
    }

    /// Whether any datagram of an agent had these words in clear.
    pub fn was_told(&self, words: &str) -> bool {
        let requests = self.requests.lock().expect("no panic");
        let words = words.as_bytes();
        requests.iter().any(|request| request.windows(words.len()).any(|bytes| bytes == words))
    }

    /// The lines that an agent needs to reach the BMC through this, after those that it needs to reach the BMC.
    pub fn lines(&self) -> [String; 2] {
        [format!("ip={}", self.address.ip()), format!("ipport={}", self.address.port())]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(LOOK)).expect("a time-out");
    socket
}

fn clone(socket: &UdpSocket) -> UdpSocket {
    socket.try_clone().expect("a socket")
}

/// A thread that passes datagrams on. Time-outs and unreachable peers are its daily bread.
fn pump(
    stop: &Arc<AtomicBool>,
    mut pass_on: impl FnMut(&mut [u8]) -> io::Result<usize> + Send + 'static,
) -> JoinHandle<()> {
    let stop = Arc::clone(stop);
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while !stop.load(Ordering::Relaxed) {
            let _ = pass_on(&mut buffer);
        }
    })
}
