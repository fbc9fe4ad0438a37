//! Ports for servers that are started by others.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// A port that nobody has now, neither of TCP nor of UDP. Not one that the kernel would give to the next socket that
/// asks for any, and not the same for two tests.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let offset = (std::process::id() % 100) as u16 * 200;
    loop {
        let port = 10_000 + (offset + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000;
        let here = ("127.0.0.1", port);
        if TcpListener::bind(here).is_ok() && UdpSocket::bind(here).is_ok() {
            return port;
        }
    }
}
