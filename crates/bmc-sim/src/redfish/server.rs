use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rand::SeedableRng;
use rand::rngs::{StdRng, SysError, SysRng};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};
use tokio_rustls::TlsAcceptor;

use super::certificate::Identity;
use super::connection::Connection;
use super::{
    CertificateError, ConnectionFault, Faults, KeepAlive, RedfishConfig, RedfishEvent, Reply,
    Request, Service,
};
use crate::{EventsMissed, Power};

/// After a connection that could not be accepted.
const PAUSE: Duration = Duration::from_millis(10);

/// A [`Service`] behind HTTPS, in real time. It stops when dropped, and so do its connections.
pub struct RedfishServer {
    address: SocketAddr,
    certificate_pem: String,
    fingerprint: String,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum RedfishStartError {
    /// The address is in use, not of this machine, or not allowed.
    #[error("cannot listen on {address}")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// There is no certificate to show.
    #[error("no certificate")]
    Certificate(#[from] CertificateError),
    /// The operating system gave no random numbers.
    #[error("no random numbers from the operating system")]
    Random(#[from] SysError),
}

/// What a server has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The connections it accepted.
    pub connections: u64,
    /// The TLS handshakes that it finished.
    pub handshakes: u64,
    /// The requests it read.
    pub requests: u64,
    /// The sessions that are open now.
    pub sessions_open: usize,
}

/// A request that a server has read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// The number of the connection, of all that were accepted; the first has 1.
    pub connection: u64,
    /// Such as `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What it came with.
    pub credentials: Credentials,
    /// The status of the answer, whether or not it went out as it should.
    pub status: u16,
}

/// What a request has for its authentication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// Nothing.
    None,
    /// `Authorization`.
    Basic,
    /// `X-Auth-Token`.
    Token,
}

impl RedfishServer {
    /// Starts a service on this address; port 0 is any free one. To be called in a tokio runtime, on which it stays.
    ///
    /// # Errors
    /// When it cannot listen there, has no certificate, or the operating system has no random numbers.
    pub async fn start(
        address: SocketAddr,
        config: RedfishConfig,
    ) -> Result<Self, RedfishStartError> {
        let failed = |source| RedfishStartError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let identity = Identity::new(&config.certificate, address.ip())?;
        let certificate_pem = identity.anchor_pem.clone();
        let fingerprint = identity.fingerprint();
        let tls = TlsAcceptor::from(Arc::new(identity.server_config(config.tls)?));
        let shared = Arc::new(Shared::new(config, address)?);
        let task = tokio::spawn(serve(listener, tls, Arc::clone(&shared)));
        Ok(Self { address, certificate_pem, fingerprint, shared, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a client verifies the service with, as PEM: its certificate, or that of its certificate authority.
    #[must_use]
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// SHA-256 of its certificate, in lower-case hexadecimal digits.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Whether the machine of this system is on. `None` when there is no such system.
    #[must_use]
    pub fn power(&self, system: &str) -> Option<Power> {
        self.shared.state().service.power(Instant::now(), system)
    }

    /// Switches the machine of this system by hand, as [`Service::set_power`] does.
    pub fn set_power(&self, system: &str, power: Power) {
        self.shared.state().service.set_power(Instant::now(), system, power);
        self.shared.changed.notify_waiters();
    }

    /// Changes how it misbehaves, from now on.
    pub fn with_faults(&self, change: impl FnOnce(&mut Faults)) {
        change(self.shared.state().service.faults(Instant::now()));
        self.shared.changed.notify_waiters();
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut state = self.shared.state();
        state.service.advance(Instant::now());
        Counts { sessions_open: state.service.sessions_open(), ..state.counts }
    }

    /// The requests so far, the oldest first; no more than [`RedfishConfig::events_kept`] of the latest.
    #[must_use]
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.shared.state().requests.iter().cloned().collect()
    }

    /// What happened so far, the oldest first; no more than [`RedfishConfig::events_kept`] of the latest.
    #[must_use]
    pub fn events(&self) -> Vec<RedfishEvent> {
        let mut state = self.shared.state();
        state.service.advance(Instant::now());
        state.service.events().iter().cloned().collect()
    }

    /// How many events there were so far, those that are no longer kept included.
    #[must_use]
    pub fn event_count(&self) -> usize {
        let mut state = self.shared.state();
        state.service.advance(Instant::now());
        state.service.events().total()
    }

    /// The event with this index, as soon as there is one. The first event has index 0, whatever is still kept.
    ///
    /// # Errors
    /// When it is no longer kept.
    pub async fn event(&self, index: usize) -> Result<RedfishEvent, EventsMissed> {
        loop {
            // Made before looking, so that nothing is missed in between.
            let changed = self.shared.changed.notified();
            let next_change = {
                let mut state = self.shared.state();
                state.service.advance(Instant::now());
                if let Some(event) = state.service.events().get(index)? {
                    return Ok(event.clone());
                }
                state.service.next_change()
            };
            tokio::select! {
                () = changed => (),
                () = crate::server::sleep_until(next_change) => (),
            }
        }
    }
}

impl Drop for RedfishServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What all connections of a server share.
pub(super) struct Shared {
    state: Mutex<State>,
    /// Something may have happened to the service.
    changed: Notify,
}

struct State {
    service: Service,
    counts: Counts,
    requests: VecDeque<RequestRecord>,
}

impl Shared {
    fn new(config: RedfishConfig, address: SocketAddr) -> Result<Self, SysError> {
        let rng = StdRng::try_from_rng(&mut SysRng)?;
        let service = Service::new(config, address, Instant::now(), SystemTime::now(), rng);
        let counts = Counts::default();
        let state = Mutex::new(State { service, counts, requests: VecDeque::new() });
        Ok(Self { state, changed: Notify::new() })
    }

    /// A panic elsewhere leaves a service that is no worse than a real one after a reset.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a connection; gives its number, and what happens to it.
    fn connected(&self) -> (u64, Option<ConnectionFault>) {
        let mut state = self.state();
        state.counts.connections += 1;
        let fault = state.service.next_connection_fault();
        (state.counts.connections, fault)
    }

    pub(super) fn shook_hands(&self) {
        self.state().counts.handshakes += 1;
    }

    pub(super) fn keep_alive(&self) -> KeepAlive {
        self.state().service.config().keep_alive
    }

    pub(super) fn handle(&self, connection: u64, request: &Request) -> Reply {
        let mut state = self.state();
        let reply = state.service.handle(Instant::now(), request);
        state.counts.requests += 1;
        state.requests.push_back(RequestRecord {
            connection,
            method: request.method.clone(),
            path: request.target.clone(),
            credentials: Credentials::of(request),
            status: reply.response.status,
        });
        if state.requests.len() > state.service.config().events_kept {
            state.requests.pop_front();
        }
        drop(state);
        self.changed.notify_waiters();
        reply
    }
}

impl Credentials {
    fn of(request: &Request) -> Self {
        match (request.header("X-Auth-Token"), request.header("Authorization")) {
            (Some(_), _) => Self::Token,
            (None, Some(_)) => Self::Basic,
            (None, None) => Self::None,
        }
    }
}

async fn serve(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    // Dropped with this task, and its connections with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let (number, fault) = shared.connected();
                    let connection = Connection::new(number, Arc::clone(&shared));
                    connections.spawn(connection.run(stream, tls.clone(), fault));
                }
                Err(error) => {
                    log::debug!("accepting: {error}");
                    // Such as too many open files: without a pause this would go round and round.
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = connections.join_next() => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::ErrorKind;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::crypto::ring;
    use tokio_rustls::rustls::pki_types::CertificateDer;
    use tokio_rustls::rustls::pki_types::pem::PemObject;
    use tokio_rustls::rustls::{ClientConfig, RootCertStore};

    use super::*;
    use crate::redfish::{CertificateConfig, Quirk};

    #[tokio::test]
    async fn a_connection_is_closed_with_close_notify_or_without() {
        for (quirk, end) in
            [(Quirk::CloseEach, None), (Quirk::NoCloseNotify, Some(ErrorKind::UnexpectedEof))]
        {
            let server = start(RedfishConfig { quirks: [quirk].into(), ..config() }).await;
            let mut stream = connect(&server).await;
            stream.write_all(b"GET /redfish HTTP/1.1\r\n\r\n").await.unwrap();
            let mut answer = Vec::new();
            let ended = stream.read_to_end(&mut answer).await;
            assert_eq!(ended.err().map(|error| error.kind()), end, "{quirk}");
            assert!(answer.ends_with(br#"{"v1":"/redfish/v1/"}"#));
        }
    }

    #[tokio::test]
    async fn a_silent_connection_is_closed_after_its_time() {
        let keep_alive = KeepAlive::CloseIdle(Duration::from_millis(1));
        let server = start(RedfishConfig { keep_alive, ..config() }).await;
        let mut stream = connect(&server).await;
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn requests_may_come_in_pieces_and_two_at_once() {
        let server = start(config()).await;
        let mut stream = connect(&server).await;
        let request = b"GET /redfish HTTP/1.1\r\n\r\n";
        let (beginning, rest) = request.split_at(10);
        stream.write_all(beginning).await.unwrap();
        stream.write_all(&[rest, request].concat()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answers = String::new();
        stream.read_to_string(&mut answers).await.unwrap();
        assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2);
        assert_eq!(server.counts().connections, 1);
    }

    #[tokio::test]
    async fn an_event_is_told_when_it_happens() {
        let server = start(config()).await;
        let (event, ()) = tokio::join!(server.event(0), async {
            tokio::task::yield_now().await;
            server.set_power("1", Power::Off);
        });
        let off = crate::redfish::RedfishEventKind::PowerOff("1".into());
        assert_eq!(event.unwrap().kind, off);
        assert_eq!((server.event_count(), server.power("2")), (1, None));
    }

    #[tokio::test]
    async fn a_server_stops_with_its_connections() {
        let server = start(config()).await;
        let mut stream = connect(&server).await;
        let address = server.address();
        drop(server);
        assert!(stream.read(&mut [0; 1]).await.is_err(), "closed without close_notify");
        assert!(TcpStream::connect(address).await.is_err());
    }

    fn config() -> RedfishConfig {
        let certificate = CertificateConfig::OwnCa;
        RedfishConfig { certificate, ..RedfishConfig::new(Vec::new()) }
    }

    async fn start(config: RedfishConfig) -> RedfishServer {
        RedfishServer::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
    }

    async fn connect(server: &RedfishServer) -> tokio_rustls::client::TlsStream<TcpStream> {
        let ca = CertificateDer::from_pem_slice(server.certificate_pem().as_bytes()).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let config = config.with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(server.address()).await.unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(server.address().ip().into(), stream).await.unwrap()
    }
}
