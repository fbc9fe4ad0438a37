//! How the BMC is known to be the BMC: the only room that names rustls.
#![allow(dead_code, unused_imports, reason = "the client that calls it is being written")]

mod failure;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use reqwest::ClientBuilder;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::{ClientConfig, RootCertStore};
use rustls_native_certs::CertificateResult;

pub use failure::TlsFailure;
pub(crate) use failure::{failure, is_truncation};

/// How the BMC's certificate is checked.
#[derive(Clone, Debug)]
pub enum Verification {
    /// Against the certificate authorities of the operating system, for the BMC's host name.
    /// The environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` take their place, as with OpenSSL.
    SystemRoots,
    /// Against the certificates of a PEM file, or of the PEM files in a folder, for the BMC's host name.
    Bundle(PathBuf),
    /// Not at all: anybody could answer in its place.
    None,
}

/// Why TLS cannot be set up, before any BMC is asked.
#[derive(Debug, thiserror::Error)]
pub enum TlsSetupError {
    /// The bundle holds no certificate that can be read.
    #[error("no certificate in PEM form can be read from {}{}", path.display(), because(reason))]
    Bundle {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong, where that is known.
        reason: Option<String>,
    },
    /// The operating system has no certificate authorities.
    #[error("the operating system has no certificate authorities{}", because(reason))]
    NoSystemRoots {
        /// What went wrong, where that is known.
        reason: Option<String>,
    },
    /// The TLS library refuses what it was given.
    #[error("the TLS library cannot be set up: {0}")]
    Library(String),
}

fn because(reason: &Option<String>) -> String {
    reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default()
}

/// The builder of an HTTP client that checks certificates in this way.
///
/// # Errors
/// The certificates to check against cannot be read.
pub(crate) fn configured(
    builder: ClientBuilder,
    verification: &Verification,
) -> Result<ClientBuilder, TlsSetupError> {
    match verification {
        Verification::SystemRoots => verified(builder, system_roots()?),
        Verification::Bundle(path) => verified(builder, bundle(path)?),
        Verification::None => Ok(unverified(builder)),
    }
}

fn verified(builder: ClientBuilder, roots: RootCertStore) -> Result<ClientBuilder, TlsSetupError> {
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider())
        .build()
        .map_err(|error| TlsSetupError::Library(error.to_string()))?;
    Ok(builder.tls_backend_preconfigured(config(verifier)?))
}

/// reqwest's own switch, because it accepts what no verifier of rustls does (X.509 v1, short RSA keys).
/// It takes its cryptography from the process, where somebody may already have chosen one.
fn unverified(builder: ClientBuilder) -> ClientBuilder {
    let _ = ring::default_provider().install_default();
    builder.tls_danger_accept_invalid_certs(true)
}

fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsSetupError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsSetupError::Library(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

fn system_roots() -> Result<RootCertStore, TlsSetupError> {
    readable(rustls_native_certs::load_native_certs())
        .map_err(|reason| TlsSetupError::NoSystemRoots { reason })
}

fn bundle(path: &Path) -> Result<RootCertStore, TlsSetupError> {
    let (file, folder) = if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
    readable(rustls_native_certs::load_certs_from_paths(file, folder))
        .map_err(|reason| TlsSetupError::Bundle { path: path.to_owned(), reason })
}

/// What could be read, or why nothing could.
fn readable(loaded: CertificateResult) -> Result<RootCertStore, Option<String>> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(loaded.certs);
    match roots.is_empty() {
        true => Err(loaded.errors.first().map(ToString::to_string)),
        false => Ok(roots),
    }
}
