//! Handshakes over loopback: with rustls' own server, and with OpenSSL's for what rustls does not serve.

mod authority;
mod openssl;
mod peers;
mod server;
mod shared;

use std::fs::File;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use reqwest::{Client, Response};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::{
    CertificateFault, Fingerprint, TlsFailure, TlsSetupError, Verification, configured, failure,
};
use authority::{Authority, Change, Identity};
use server::Server;

/// The name by which the clients know every server.
const HOST: &str = "bmc1.example";

fn client(verification: &Verification, server: SocketAddr) -> Client {
    let builder = Client::builder().no_proxy().resolve(HOST, server);
    configured(builder, verification).unwrap().build().unwrap()
}

async fn ask(verification: &Verification, server: SocketAddr) -> Result<Response, reqwest::Error> {
    let url = format!("https://{HOST}:{}/", server.port());
    client(verification, server).get(url).send().await
}

/// What the handshake fails with.
async fn failed(verification: &Verification, server: SocketAddr) -> TlsFailure {
    let error = ask(verification, server).await.expect_err("the handshake should have failed");
    failure(&error).unwrap_or_else(|| panic!("no failure of TLS: {error:?}"))
}

/// What the certificate is refused for.
async fn refused(verification: &Verification, server: SocketAddr) -> CertificateFault {
    match failed(verification, server).await {
        TlsFailure::Certificate { fault, .. } => fault,
        other => panic!("the certificate was not refused: {other}"),
    }
}

async fn accepted(verification: &Verification, server: SocketAddr) {
    let response = ask(verification, server).await;
    assert!(response.is_ok(), "{verification:?}: {response:?}");
}

/// A bundle of these certificates, in a folder that goes when the test ends.
fn bundle(pem: &[&str]) -> (Verification, TempDir) {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("bundle.pem");
    std::fs::write(&file, pem.concat()).unwrap();
    (Verification::Bundle(file), folder)
}

fn pinned(identity: &Identity) -> Verification {
    Verification::Fingerprint(identity.fingerprint())
}

#[tokio::test]
async fn a_certificate_of_a_trusted_authority_is_taken() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(|_| {})).await;
    let (verification, _folder) = bundle(&[&authority.pem()]);
    accepted(&verification, server.address).await;
}

#[tokio::test]
async fn a_folder_of_certificates_is_a_bundle_too() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(|_| {})).await;
    let (_, folder) = bundle(&[&Authority::new().pem()]);
    std::fs::write(folder.path().join("another.pem"), authority.pem()).unwrap();
    accepted(&Verification::Bundle(folder.path().to_owned()), server.address).await;
}

#[tokio::test]
async fn a_bundle_with_a_broken_certificate_still_serves() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(|_| {})).await;
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (verification, _folder) = bundle(&["text before\n", broken, &authority.pem()]);
    accepted(&verification, server.address).await;
}

#[test]
fn a_bundle_without_certificates_is_an_error_that_names_it() {
    let said = |verification: &Verification| {
        let error: TlsSetupError = configured(Client::builder(), verification).unwrap_err();
        error.to_string()
    };
    let (empty, folder) = bundle(&["no certificate\n"]);
    let file = folder.path().join("bundle.pem");
    let expected = format!("no certificate in PEM form can be read from {}", file.display());
    assert_eq!(said(&empty), expected);
    let missing = folder.path().join("missing.pem");
    let expected = format!(
        "no certificate in PEM form can be read from {} (No such file or directory (os error 2))",
        missing.display()
    );
    assert_eq!(said(&Verification::Bundle(missing)), expected);
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (broken, folder) = bundle(&[broken]);
    let file = folder.path().join("bundle.pem");
    let expected = format!("no certificate in PEM form can be read from {}", file.display());
    assert_eq!(said(&broken), expected);
}

/// In a thread of its own: the failure would be to wait for ever.
fn refused_at_once(path: &Path) -> String {
    let (said, saying) = mpsc::channel();
    let verification = Verification::Bundle(path.to_owned());
    thread::spawn(move || said.send(configured(Client::builder(), &verification).unwrap_err()));
    saying.recv_timeout(Duration::from_secs(10)).expect("it is refused at once").to_string()
}

#[test]
fn a_bundle_that_could_be_read_for_ever_is_not_read() {
    let folder = TempDir::new().unwrap();
    let (fifo, large) = (folder.path().join("fifo"), folder.path().join("large"));
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    File::create(&large).unwrap().set_len(16 * 1024 * 1024 + 1).unwrap();
    let other = "it is no file or folder of certificates";
    let cases =
        [(&*fifo, other), (Path::new("/dev/zero"), other), (&large, "it is larger than 16 MiB")];
    for (path, reason) in cases {
        let path_shown = path.display();
        let expected =
            format!("no certificate in PEM form can be read from {path_shown} ({reason})");
        assert_eq!(refused_at_once(path), expected);
    }
}

#[tokio::test]
async fn a_fifo_in_a_folder_of_certificates_is_passed_over() {
    let authority = Authority::new();
    let server = Server::start(&authority.issue(|_| {})).await;
    let (_, folder) = bundle(&[&authority.pem()]);
    let fifo = folder.path().join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
    accepted(&Verification::Bundle(folder.path().to_owned()), server.address).await;
}

#[tokio::test]
async fn the_address_may_stand_in_the_certificate_instead_of_a_name() {
    for (address, host) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let authority = Authority::new();
        let identity = authority.issue(|certificate| authority::for_address(certificate, address));
        let server = Server::start_at(&identity, address).await;
        let (verification, _folder) = bundle(&[&authority.pem()]);
        let url = format!("https://{host}:{}/", server.address.port());
        let response = client(&verification, server.address).get(url).send().await;
        assert!(response.is_ok(), "{host}: {response:?}");
    }
}

#[tokio::test]
async fn the_operating_system_trusts_no_stranger() {
    let server = Server::start(&Authority::new().issue(|_| {})).await;
    let fault = refused(&Verification::SystemRoots, server.address).await;
    assert_eq!(fault, CertificateFault::UnknownIssuer("CN=an authority".to_owned()));
}

#[tokio::test]
async fn a_self_signed_certificate_is_taken_as_bundle() {
    for identity in [Identity::self_signed(|_| {}), Identity::self_signed(authority::as_authority)]
    {
        let server = Server::start(&identity).await;
        let (verification, _folder) = bundle(&[identity.pem()]);
        accepted(&verification, server.address).await;
        let (verification, _folder) = bundle(&[&Authority::new().pem(), identity.pem()]);
        accepted(&verification, server.address).await;
    }
}

#[tokio::test]
async fn a_self_signed_certificate_that_nobody_trusts_is_called_so() {
    for identity in [Identity::self_signed(|_| {}), Identity::self_signed(authority::as_authority)]
    {
        let server = Server::start(&identity).await;
        let (verification, _folder) = bundle(&[&Authority::new().pem()]);
        assert_eq!(refused(&verification, server.address).await, CertificateFault::SelfSigned);
    }
}

#[tokio::test]
async fn a_self_signed_certificate_in_the_bundle_must_be_for_the_host_and_in_date() {
    let expired = Identity::self_signed(|certificate| {
        authority::as_authority(certificate);
        authority::expired(certificate);
    });
    let early = Identity::self_signed(authority::not_yet_valid);
    let other =
        Identity::self_signed(|certificate| authority::for_names(certificate, &["bmc2.example"]));
    for (identity, expected) in [
        (expired, CertificateFault::Expired("2021-01-01".to_owned())),
        (early, CertificateFault::NotYetValid("2090-01-01".to_owned())),
        (
            other,
            CertificateFault::OtherName {
                expected: HOST.to_owned(),
                presented: "bmc2.example".to_owned(),
            },
        ),
    ] {
        let server = Server::start(&identity).await;
        let (verification, _folder) = bundle(&[identity.pem()]);
        assert_eq!(refused(&verification, server.address).await, expected);
    }
}

#[tokio::test]
async fn what_is_wrong_with_a_certificate_is_said() {
    use CertificateFault as F;
    let cases: [(Change, CertificateFault); 8] = [
        (authority::expired, F::Expired("2021-01-01".to_owned())),
        (authority::not_yet_valid, F::NotYetValid("2090-01-01".to_owned())),
        (
            |certificate| authority::for_names(certificate, &["bmc2.example", "*.lab.example"]),
            F::OtherName {
                expected: HOST.to_owned(),
                presented: "bmc2.example, *.lab.example".to_owned(),
            },
        ),
        (
            |certificate| authority::for_address(certificate, "10.0.0.5"),
            F::OtherName { expected: HOST.to_owned(), presented: "10.0.0.5".to_owned() },
        ),
        (
            |certificate| authority::for_names(certificate, &["a", "b", "c", "d", "e", "f", "g"]),
            F::OtherName {
                expected: HOST.to_owned(),
                presented: "a, b, c, d, e and 2 more".to_owned(),
            },
        ),
        (authority::only_common_name, F::OnlyCommonName("bmc1.example\\u{1b}[31m".to_owned())),
        (authority::for_clients, F::OtherPurpose),
        (authority::as_authority, F::Authority),
    ];
    for (change, expected) in cases {
        let authority = Authority::new();
        let server = Server::start(&authority.issue(change)).await;
        let (verification, _folder) = bundle(&[&authority.pem()]);
        assert_eq!(refused(&verification, server.address).await, expected);
    }
}

#[tokio::test]
async fn an_authority_of_the_same_name_is_another_one() {
    let server = Server::start(&Authority::new().issue(|_| {})).await;
    let (verification, _folder) = bundle(&[&Authority::new().pem()]);
    assert_eq!(
        refused(&verification, server.address).await,
        CertificateFault::WrongIssuerSignature
    );
}

#[tokio::test]
async fn a_refusal_shows_the_fingerprint_so_that_it_can_be_pinned() {
    let identity = Identity::self_signed(|_| {});
    let server = Server::start(&identity).await;
    let failure = failed(&Verification::SystemRoots, server.address).await;
    assert!(failure.is_final());
    assert_eq!(
        failure.to_string(),
        format!(
            "its certificate is self-signed and not trusted (SHA-256 fingerprint {})",
            identity.fingerprint()
        )
    );
}

#[tokio::test]
async fn a_pinned_certificate_is_taken_whatever_stands_in_it() {
    let cases: [Change; 6] = [
        |_| {},
        authority::expired,
        authority::not_yet_valid,
        authority::as_authority,
        authority::only_common_name,
        |certificate| authority::for_names(certificate, &["bmc2.example"]),
    ];
    for change in cases {
        let identity = Identity::self_signed(change);
        for version in server::VERSIONS {
            let server = Server::start_with(&identity, version).await;
            accepted(&pinned(&identity), server.address).await;
        }
    }
}

#[tokio::test]
async fn keys_of_each_kind_can_be_pinned() {
    for algorithm in authority::KEYS {
        let identity = Identity::self_signed_by(authority::key(algorithm), |_| {});
        for version in server::VERSIONS {
            let server = Server::start_with(&identity, version).await;
            accepted(&pinned(&identity), server.address).await;
        }
    }
}

#[tokio::test]
async fn another_certificate_than_the_pinned_one_is_refused_and_shown() {
    let identity = Identity::self_signed(|_| {});
    let server = Server::start(&identity).await;
    let failure =
        failed(&Verification::Fingerprint(Fingerprint::of(b"another")), server.address).await;
    assert_eq!(
        failure,
        TlsFailure::Certificate {
            fault: CertificateFault::OtherFingerprint,
            fingerprint: identity.fingerprint()
        }
    );
}

/// Who shows a certificate need not hold its key: that is what the signature of the handshake is for.
#[tokio::test]
async fn a_copied_certificate_is_no_proof() {
    for algorithm in authority::KEYS {
        let owner = Identity::self_signed_by(authority::key(algorithm), |_| {});
        let impostor = owner.copied_with(authority::key(algorithm));
        let (trusting, _folder) = bundle(&[owner.pem()]);
        for version in server::VERSIONS {
            let server = Server::start_with(&impostor, version).await;
            for verification in [&pinned(&owner), &trusting] {
                let fault = refused(verification, server.address).await;
                assert_eq!(fault, CertificateFault::NotItsKey, "{version:?} {verification:?}");
            }
        }
    }
}

#[tokio::test]
async fn without_verification_every_certificate_is_taken() {
    for identity in [
        Identity::self_signed(authority::expired),
        Identity::self_signed(authority::only_common_name),
        Identity::self_signed(|certificate| authority::for_names(certificate, &["bmc2.example"])),
        Authority::new().issue(|_| {}),
    ] {
        for version in server::VERSIONS {
            let server = Server::start_with(&identity, version).await;
            accepted(&Verification::None, server.address).await;
        }
    }
}

#[tokio::test]
async fn session_tickets_cost_neither_a_request_nor_a_handshake() {
    let identity = Identity::self_signed(|_| {});
    for version in server::VERSIONS {
        for verification in [Verification::None, pinned(&identity)] {
            let server = Server::start_with(&identity, version).await;
            let client = client(&verification, server.address);
            for _ in 0..3 {
                let url = format!("https://{HOST}:{}/", server.address.port());
                client.get(url).send().await.unwrap().bytes().await.unwrap();
            }
            assert_eq!((server.handshakes(), server.requests()), (1, 3));
        }
    }
}
