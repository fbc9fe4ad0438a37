//! An HTTP proxy for tunnels (RFC 9110 §9.3.6), as environments name one.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// A proxy on loopback. It takes no new tunnels when it is dropped.
pub struct HttpProxy {
    address: SocketAddr,
    tunnels: Arc<AtomicUsize>,
    stopped: Arc<AtomicBool>,
}

impl HttpProxy {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (tunnels, stopped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, is_over) = (Arc::clone(&tunnels), Arc::clone(&stopped));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let counted = Arc::clone(&counted);
                thread::spawn(move || serve(client, &counted));
            }
        });
        Self { address, tunnels, stopped }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// How many tunnels it has opened so far.
    pub fn tunnels(&self) -> usize {
        self.tunnels.load(Ordering::SeqCst)
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that listens.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(client: TcpStream, tunnels: &AtomicUsize) -> Option<()> {
    let mut lines = BufReader::new(client.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    let target = request.strip_prefix("CONNECT ")?.split(' ').next()?;
    while !lines.next()?.ok()?.is_empty() {}
    let server = TcpStream::connect(target).ok()?;
    tunnels.fetch_add(1, Ordering::SeqCst);
    (&client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    let (from_client, to_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    thread::spawn(move || pass_on(from_client, to_server));
    pass_on(server, client);
    Some(())
}

fn pass_on(mut from: TcpStream, mut to: TcpStream) {
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
