//! How the BMC is known to be the BMC: the only room that names rustls.

mod certificate;
mod failure;
mod fingerprint;
mod pinned;
mod shared;
#[cfg(test)]
mod tests;
mod trusted;
mod unverified;
mod witness;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{env, fs};

use reqwest::ClientBuilder;
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls_native_certs::CertificateResult;

use pinned::Pinned;
use shared::read_once;
use trusted::Trusted;
use unverified::Unverified;
use witness::Witness;

pub use certificate::{Certificate, CertificateFault};
pub use failure::TlsFailure;
pub(crate) use failure::{failure, is_truncation};
pub use fingerprint::{Fingerprint, FingerprintError};
pub use witness::Handshake;
pub(crate) use witness::Witnessed;

/// The environment variables that tell where the operating system's certificates are instead.
const SYSTEM_ROOTS_ELSEWHERE: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// In MiB: the authorities of an operating system are a quarter of one.
const LARGEST_FILE: u64 = 16;

/// How the BMC's certificate is checked.
#[derive(Clone, Debug)]
pub enum Verification {
    /// Against the certificate authorities of the operating system, for the BMC's host name and today's date.
    /// The environment variables `SSL_CERT_FILE` and `SSL_CERT_DIR` take their place, as with OpenSSL. Of a system that
    /// keeps them in one file and again in folders, the file counts.
    SystemRoots,
    /// Against the certificates of a PEM file, or of the PEM files in a folder, for the BMC's host name and today's
    /// date. They may be of certificate authorities, or the BMC's own.
    Bundle(PathBuf),
    /// By its fingerprint and nothing else: it may have expired, be for another host, be of X.509 version 1.
    Fingerprint(Fingerprint),
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
    with(builder, verifier(verification)?)
}

/// The builder of an HTTP client that takes any certificate, and notes what this way would say of it. Only for
/// connections on which no secret is sent.
///
/// # Errors
/// The certificates to check against cannot be read.
pub(crate) fn witnessed(
    builder: ClientBuilder,
    verification: &Verification,
) -> Result<(ClientBuilder, Arc<Witnessed>), TlsSetupError> {
    let witnessed = Arc::new(Witnessed::default());
    let witness = Witness::new(verifier(verification)?, Arc::clone(&witnessed));
    Ok((with(builder, Arc::new(witness))?, witnessed))
}

fn verifier(verification: &Verification) -> Result<Arc<dyn ServerCertVerifier>, TlsSetupError> {
    Ok(match verification {
        Verification::SystemRoots => system_roots()?,
        Verification::Bundle(path) => bundle(path)?,
        Verification::Fingerprint(fingerprint) => Arc::new(Pinned::new(*fingerprint)),
        Verification::None => Arc::new(Unverified),
    })
}

fn with(
    builder: ClientBuilder,
    verifier: Arc<dyn ServerCertVerifier>,
) -> Result<ClientBuilder, TlsSetupError> {
    Ok(builder.tls_backend_preconfigured(config(verifier)?))
}

/// Sessions are not resumed: one connection does for most BMCs, and with one whose resumption is broken, a second
/// connection would fail where a first one does not.
fn config(verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, TlsSetupError> {
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsSetupError::Library(error.to_string()))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(ring::default_provider())
}

/// The one file with all of them is enough where there is one. The folders beside it have the same once more, in
/// hundreds of files: to read those costs as much as everything else that a status does.
fn system_roots() -> Result<Arc<Trusted>, TlsSetupError> {
    let named: Vec<_> = SYSTEM_ROOTS_ELSEWHERE.into_iter().filter_map(env::var_os).collect();
    let found = openssl_probe::probe();
    if let Some(file) = found.cert_file.clone().filter(|_| named.is_empty())
        && let Ok(trusted) = from(&file)
    {
        return Ok(trusted);
    }
    let places: Vec<_> = match named.is_empty() {
        true => found.cert_file.into_iter().chain(found.cert_dir).collect(),
        false => named.iter().flat_map(|paths| env::split_paths(paths)).collect(),
    };
    read_once(places, || trusted(rustls_native_certs::load_native_certs()))
        .map_err(|reason| TlsSetupError::NoSystemRoots { reason })
}

fn bundle(path: &Path) -> Result<Arc<Trusted>, TlsSetupError> {
    from(path).map_err(|reason| TlsSetupError::Bundle { path: path.to_owned(), reason })
}

/// What is in a file, or in the files of a folder.
fn from(path: &Path) -> Result<Arc<Trusted>, Option<String>> {
    read_once(vec![path.to_owned()], || {
        if let Some(reason) = unreadable(path) {
            return Err(Some(reason));
        }
        let (file, folder) = if path.is_dir() { (None, Some(path)) } else { (Some(path), None) };
        trusted(rustls_native_certs::load_certs_from_paths(file, folder))
    })
}

/// Why this must not even be opened: a FIFO may be waited for for ever, and a device may have no end. (In a
/// folder the reader passes over what is no file.) What is not there is left to the reader, which says so.
fn unreadable(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if metadata.is_dir() {
        None
    } else if !metadata.is_file() {
        Some("it is no file or folder of certificates".to_owned())
    } else if metadata.len() > LARGEST_FILE * 1024 * 1024 {
        Some(format!("it is larger than {LARGEST_FILE} MiB"))
    } else {
        None
    }
}

/// Those that could be read, or why none could.
fn trusted(loaded: CertificateResult) -> Result<Trusted, Option<String>> {
    for error in &loaded.errors {
        log::debug!("a certificate cannot be read: {error}");
    }
    let reason = loaded.errors.first().and_then(Error::source).map(ToString::to_string);
    Trusted::new(loaded.certs).ok_or(reason)
}
