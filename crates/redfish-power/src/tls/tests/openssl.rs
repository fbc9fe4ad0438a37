//! What rustls does not serve: old keys, certificates, versions and cipher suites, with the server of OpenSSL.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::*;

/// `openssl s_server`, which answers every request with a page about the connection. It ends with the test.
struct OpenSsl {
    address: SocketAddr,
    child: Child,
}

impl Drop for OpenSsl {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl OpenSsl {
    fn start(certificate: &Certificate, options: &[&str]) -> Self {
        let mut child = Command::new("openssl")
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-naccept", "9"])
            .args(["-cert", "certificate.pem", "-key", "key.pem"])
            .args(options)
            .current_dir(certificate.folder.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl must be installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let address = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ").map(str::to_owned))
            .expect("openssl s_server should listen");
        Self { address: address.parse().unwrap(), child }
    }
}

fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .expect("openssl must be installed");
    assert!(output.status.success(), "openssl {arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// How a certificate is made.
struct Recipe {
    key: &'static str,
    digest: &'static str,
    /// Version 1 has no extensions, and so no names.
    version1: bool,
}

const USUAL: Recipe = Recipe { key: "rsa:2048", digest: "-sha256", version1: false };
const SHORT: Recipe = Recipe { key: "rsa:1024", ..USUAL };
const SHA1: Recipe = Recipe { digest: "-sha1", ..USUAL };
const VERSION1: Recipe = Recipe { version1: true, ..USUAL };
/// All of it at once, as BMCs of 2010 have it.
const OLD: Recipe = Recipe { key: "rsa:1024", digest: "-sha1", version1: true };

/// A certificate and its key in a folder of their own.
struct Certificate {
    folder: TempDir,
}

impl Certificate {
    fn make(recipe: &Recipe) -> Self {
        let folder = TempDir::new().unwrap();
        let (name, names) = (format!("/CN={HOST}"), format!("subjectAltName=DNS:{HOST}"));
        let key =
            ["-newkey", recipe.key, "-nodes", "-keyout", "key.pem", "-subj", &name, recipe.digest];
        if recipe.version1 {
            openssl(folder.path(), &[&["req", "-new", "-out", "request.pem"], &key[..]].concat());
            let request = ["x509", "-req", "-in", "request.pem", "-signkey", "key.pem"];
            let signed = [recipe.digest, "-out", "certificate.pem"];
            openssl(folder.path(), &[&request[..], &signed].concat());
        } else {
            let signed = ["req", "-x509", "-out", "certificate.pem", "-addext", &names];
            openssl(folder.path(), &[&signed[..], &key].concat());
        }
        Self { folder }
    }

    fn pem(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("certificate.pem")).unwrap()
    }

    /// As OpenSSL shows it.
    fn pinned(&self) -> Verification {
        let show = ["x509", "-in", "certificate.pem", "-noout", "-fingerprint", "-sha256"];
        let shown = openssl(self.folder.path(), &show);
        Verification::Fingerprint(shown.split_once('=').unwrap().1.trim().parse().unwrap())
    }
}

/// Whatever OpenSSL can still be told to do.
const EVERYTHING: [&str; 2] = ["-cipher", "ALL:@SECLEVEL=0"];
const TLS12_ONLY: [&str; 3] = ["-cipher", "ALL:@SECLEVEL=0", "-tls1_2"];

#[tokio::test]
async fn without_verification_old_keys_and_certificates_are_taken() {
    for recipe in [USUAL, SHORT, SHA1, VERSION1, OLD] {
        let certificate = Certificate::make(&recipe);
        for options in [&EVERYTHING[..], &TLS12_ONLY] {
            accepted(&Verification::None, OpenSsl::start(&certificate, options).address).await;
        }
    }
}

/// Signatures of SHA-1 in the handshake itself are not even offered where they would be checked.
#[tokio::test]
async fn without_verification_sha_1_is_taken_in_the_handshake_too() {
    let certificate = Certificate::make(&USUAL);
    let options = [&TLS12_ONLY[..], &["-sigalgs", "RSA+SHA1"]].concat();
    let server = OpenSsl::start(&certificate, &options);
    accepted(&Verification::None, server.address).await;
    let failure = failed(&certificate.pinned(), server.address).await;
    assert_eq!(failure, TlsFailure::NothingInCommon);
}

#[tokio::test]
async fn old_certificates_can_be_pinned() {
    for recipe in [USUAL, SHA1, VERSION1] {
        let certificate = Certificate::make(&recipe);
        for options in [&EVERYTHING[..], &TLS12_ONLY] {
            let server = OpenSsl::start(&certificate, options);
            accepted(&certificate.pinned(), server.address).await;
        }
    }
}

/// TLS 1.3 signs with PSS, which cannot be checked here with a short key; BMCs with such keys do not speak it.
#[tokio::test]
async fn short_keys_can_be_pinned_in_tls_1_2() {
    for recipe in [SHORT, OLD] {
        let certificate = Certificate::make(&recipe);
        let server = OpenSsl::start(&certificate, &TLS12_ONLY);
        accepted(&certificate.pinned(), server.address).await;
        let server = OpenSsl::start(&certificate, &EVERYTHING);
        let fault = refused(&certificate.pinned(), server.address).await;
        assert_eq!(fault, CertificateFault::ShortKey(1024));
    }
}

#[tokio::test]
async fn with_a_bundle_old_keys_and_certificates_are_refused_in_words() {
    for (recipe, expected) in [
        (SHORT, CertificateFault::ShortKey(1024)),
        (VERSION1, CertificateFault::OldVersion(1)),
        (OLD, CertificateFault::OldVersion(1)),
    ] {
        let certificate = Certificate::make(&recipe);
        let (verification, _folder) = bundle(&[&certificate.pem()]);
        for options in [&EVERYTHING[..], &TLS12_ONLY] {
            let server = OpenSsl::start(&certificate, options);
            assert_eq!(refused(&verification, server.address).await, expected);
        }
    }
}

#[tokio::test]
async fn an_authority_that_signs_with_sha_1_is_refused_in_words() {
    let authority = Certificate::make(&USUAL);
    let certificate = Certificate::make(&USUAL);
    let folder = certificate.folder.path();
    let [issuer, issuers_key] = ["certificate.pem", "key.pem"]
        .map(|file| authority.folder.path().join(file).into_os_string().into_string().unwrap());
    let request = ["req", "-new", "-key", "key.pem", "-subj", "/CN=x", "-out", "request.pem"];
    openssl(folder, &request);
    std::fs::write(folder.join("names"), format!("subjectAltName=DNS:{HOST}")).unwrap();
    let signed = ["-sha1", "-extfile", "names", "-CAcreateserial", "-out", "certificate.pem"];
    let sign = ["x509", "-req", "-in", "request.pem", "-CA", &issuer, "-CAkey", &issuers_key];
    openssl(folder, &[&sign[..], &signed].concat());
    let (verification, _folder) = bundle(&[&authority.pem()]);
    let server = OpenSsl::start(&certificate, &EVERYTHING);
    let expected = CertificateFault::SignatureAlgorithm("sha1WithRSAEncryption".to_owned());
    assert_eq!(refused(&verification, server.address).await, expected);
}

#[tokio::test]
async fn a_server_of_tls_1_1_is_called_so() {
    let certificate = Certificate::make(&USUAL);
    let server = OpenSsl::start(&certificate, &["-cipher", "ALL:@SECLEVEL=0", "-tls1_1"]);
    assert_eq!(failed(&Verification::None, server.address).await, TlsFailure::OldVersion);
}

#[tokio::test]
async fn cipher_suites_without_ecdhe_or_aead_are_called_so() {
    let certificate = Certificate::make(&USUAL);
    for cipher in
        ["AES128-GCM-SHA256:AES256-SHA", "ECDHE-RSA-AES128-SHA256", "DHE-RSA-AES128-GCM-SHA256"]
    {
        let cipher = format!("{cipher}:@SECLEVEL=0");
        let server = OpenSsl::start(&certificate, &["-tls1_2", "-cipher", &cipher]);
        let failure = failed(&Verification::None, server.address).await;
        assert_eq!(failure, TlsFailure::NothingInCommon, "{cipher}");
        assert!(failure.is_final());
    }
}

#[tokio::test]
async fn a_client_certificate_that_is_wanted_is_named() {
    let certificate = Certificate::make(&USUAL);
    let server = OpenSsl::start(&certificate, &["-Verify", "1"]);
    assert_eq!(failed(&Verification::None, server.address).await, TlsFailure::ClientCertificate);
    // The alert of OpenSSL for this in TLS 1.2 is handshake_failure.
    let server = OpenSsl::start(&certificate, &["-Verify", "1", "-tls1_2"]);
    assert_eq!(failed(&Verification::None, server.address).await, TlsFailure::NothingInCommon);
}
