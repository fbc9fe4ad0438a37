//! Peers that speak no TLS, or break it off, or want what cannot be given.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use super::super::{is_truncation, provider};
use super::*;

/// Reads what comes first, answers with these bytes, and closes.
async fn canned(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut hello = vec![0; 4096];
            let _ = stream.read(&mut hello).await;
            let _ = stream.write_all(&answer).await;
        }
    });
    address
}

/// A fatal alert in a record of TLS 1.2.
fn alert(number: u8) -> Vec<u8> {
    vec![21, 3, 3, 0, 2, 2, number]
}

#[tokio::test]
async fn alerts_say_what_they_mean() {
    use TlsFailure as F;
    for (number, expected, is_final) in [
        (40, F::NothingInCommon, true),
        (71, F::NothingInCommon, true),
        (70, F::OldVersion, true),
        (116, F::ClientCertificate, true),
        (80, F::Alert { number: 80, name: "InternalError" }, false),
        (112, F::Alert { number: 112, name: "UnrecognisedName" }, true),
        (200, F::Alert { number: 200, name: "unknown" }, true),
    ] {
        let failure = failed(&Verification::None, canned(alert(number)).await).await;
        assert_eq!(failure, expected);
        assert_eq!(failure.is_final(), is_final, "{failure}");
    }
}

#[tokio::test]
async fn a_port_without_tls_is_called_so() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n",
        "<html><body>The plain HTTP request was sent to HTTPS port</body></html>",
        "SSH-2.0-dropbear_2012.55\r\n",
    ] {
        let failure = failed(&Verification::None, canned(answer.into()).await).await;
        assert_eq!(failure, TlsFailure::NotTls, "{answer}");
    }
}

/// An old BMC does not send an alert: it answers with the version that it has.
#[tokio::test]
async fn a_server_hello_of_an_older_version_is_called_so() {
    for minor in [0, 1, 2] {
        let mut hello = vec![22, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
        hello.extend([7; 32]); // random
        hello.extend([0, 0, 0x2f, 0]); // no session id, TLS_RSA_WITH_AES_128_CBC_SHA, no compression
        let failure = failed(&Verification::None, canned(hello).await).await;
        assert_eq!(failure, TlsFailure::OldVersion, "TLS 3.{minor}");
        assert!(failure.is_final());
    }
}

#[tokio::test]
async fn a_connection_closed_in_the_handshake_may_be_tried_again() {
    let partial = vec![22, 3, 3, 0, 42, 2, 0];
    for answer in [Vec::new(), partial] {
        let failure = failed(&Verification::None, canned(answer).await).await;
        assert_eq!(failure, TlsFailure::Closed);
        assert!(!failure.is_final());
    }
}

#[tokio::test]
async fn a_connection_reset_in_the_handshake_may_be_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // Closing with data unread resets the connection.
            stream.readable().await.unwrap();
        }
    });
    assert_eq!(failed(&Verification::None, address).await, TlsFailure::Closed);
}

#[tokio::test]
async fn nothing_of_tls_is_said_of_a_port_where_nobody_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = ask(&Verification::None, address).await.unwrap_err();
    assert_eq!(failure(&error), None);
}

#[tokio::test]
async fn a_server_that_wants_a_client_certificate_is_named() {
    let identity = Identity::self_signed(|_| {});
    let mut roots = RootCertStore::empty();
    roots.add(Identity::self_signed(|_| {}).certificate()).unwrap();
    let wanted = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let wanted = wanted.build().unwrap();
    for version in [&TLS12, &TLS13] {
        let builder = server::builder(&[version]).with_client_cert_verifier(wanted.clone());
        let server = Server::serve("127.0.0.1", server::showing(&identity, builder)).await;
        let failure = failed(&Verification::None, server.address).await;
        assert_eq!(failure, TlsFailure::ClientCertificate, "{version:?}");
    }
}

/// Answers one request with these bytes, and closes with or without the announcement of TLS.
async fn answers_once(answer: &'static str, announces: bool) -> SocketAddr {
    let config = server::config(&Identity::self_signed(|_| {}), &[&TLS13]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = TlsAcceptor::from(Arc::new(config)).accept(stream).await.unwrap();
        server::read_request(&mut stream).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        match announces {
            true => stream.shutdown().await.unwrap(),
            false => TcpStream::shutdown(&mut stream.into_inner().0).await.unwrap(),
        }
    });
    address
}

async fn body_of(address: SocketAddr) -> Result<Vec<u8>, reqwest::Error> {
    let mut response = ask(&Verification::None, address).await.unwrap();
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend(chunk);
    }
    Ok(body)
}

#[tokio::test]
async fn a_body_that_ends_without_close_notify_is_told_apart() {
    const TO_THE_END: &str = "HTTP/1.1 200 OK\r\n\r\n{}";
    const SHORT: &str = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}";
    const WHOLE: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
    for answer in [TO_THE_END, WHOLE] {
        assert_eq!(body_of(answers_once(answer, true).await).await.unwrap(), b"{}");
    }
    assert_eq!(body_of(answers_once(WHOLE, false).await).await.unwrap(), b"{}");
    for (answer, announces, expected) in
        [(TO_THE_END, false, true), (SHORT, false, true), (SHORT, true, false)]
    {
        let error = body_of(answers_once(answer, announces).await).await.unwrap_err();
        assert_eq!(is_truncation(&error), expected, "{answer} {announces}: {error:?}");
        assert_eq!(failure(&error), None);
    }
}
