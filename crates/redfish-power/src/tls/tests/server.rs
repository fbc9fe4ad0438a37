//! A small HTTPS server of rustls.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustls::server::{ServerConfig, WantsServerCert};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{ConfigBuilder, SupportedProtocolVersion, WantsVerifier};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::super::provider;
use super::authority::Identity;

/// The versions of TLS that rustls serves.
pub(super) const VERSIONS: [&SupportedProtocolVersion; 2] = [&TLS12, &TLS13];

/// Answers each request with an empty JSON object, and keeps the connection.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Default)]
struct Counts {
    handshakes: AtomicUsize,
    requests: AtomicUsize,
}

impl Server {
    pub(super) async fn start(identity: &Identity) -> Self {
        Self::start_at(identity, "127.0.0.1").await
    }

    pub(super) async fn start_at(identity: &Identity, address: &str) -> Self {
        Self::serve(address, config(identity, &VERSIONS)).await
    }

    pub(super) async fn start_with(
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        Self::serve("127.0.0.1", config(identity, &[version])).await
    }

    pub(super) async fn serve(address: &str, config: ServerConfig) -> Self {
        let address: IpAddr = address.parse().unwrap();
        let listener = TcpListener::bind((address, 0)).await.unwrap();
        let server = Self { address: listener.local_addr().unwrap(), counts: Arc::default() };
        tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config)), server.counts.clone()));
        server
    }

    pub(super) fn handshakes(&self) -> usize {
        self.counts.handshakes.load(Ordering::Relaxed)
    }

    pub(super) fn requests(&self) -> usize {
        self.counts.requests.load(Ordering::Relaxed)
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, counts: Arc<Counts>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, counts) = (acceptor.clone(), counts.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                counts.handshakes.fetch_add(1, Ordering::Relaxed);
                answer(stream, &counts).await;
            }
        });
    }
}

async fn answer(mut stream: TlsStream<TcpStream>, counts: &Counts) {
    while read_request(&mut stream).await {
        counts.requests.fetch_add(1, Ordering::Relaxed);
        let response = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        if stream.write_all(response).await.is_err() {
            break;
        }
    }
}

/// Whether there was one.
pub(super) async fn read_request(stream: &mut TlsStream<TcpStream>) -> bool {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return false,
        }
    }
    true
}

pub(super) fn config(
    identity: &Identity,
    versions: &[&'static SupportedProtocolVersion],
) -> ServerConfig {
    showing(identity, builder(versions).with_no_client_auth())
}

pub(super) fn builder(
    versions: &[&'static SupportedProtocolVersion],
) -> ConfigBuilder<ServerConfig, WantsVerifier> {
    ServerConfig::builder_with_provider(provider()).with_protocol_versions(versions).unwrap()
}

/// Unlike rustls' own way, this does not look whether the key is that of the certificate.
pub(super) fn showing(
    identity: &Identity,
    builder: ConfigBuilder<ServerConfig, WantsServerCert>,
) -> ServerConfig {
    let key = provider().key_provider.load_private_key(identity.key()).unwrap();
    let shown = CertifiedKey::new(vec![identity.certificate()], key);
    builder.with_cert_resolver(Arc::new(SingleCertAndKey::from(shown)))
}
