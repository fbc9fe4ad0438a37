//! Certificates that are trusted, or were issued by somebody who is.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::certificate::Presented;
use super::failure::{refusal, refused, refused_signature};
use super::provider;

/// Takes a certificate that is among the trusted ones, or leads to one of them; in date and for the host either way.
///
/// The first is for BMCs that sign for themselves. webpki alone refuses many of them, because they name themselves a
/// certificate authority, which it takes for no server.
#[derive(Debug)]
pub(super) struct Trusted {
    certificates: Vec<CertificateDer<'static>>,
    chain: Arc<WebPkiServerVerifier>,
}

impl Trusted {
    /// Nothing, if none of the certificates can be read.
    pub(super) fn new(certificates: Vec<CertificateDer<'static>>) -> Option<Self> {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(certificates.iter().cloned());
        let chain = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
        Some(Self { certificates, chain: chain.build().ok()? })
    }

    fn holds(&self, certificate: &CertificateDer<'_>) -> bool {
        self.certificates.iter().any(|trusted| trusted.as_ref() == certificate.as_ref())
    }
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.holds(end_entity) {
            return check_itself(end_entity, server_name, now);
        }
        self.chain
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
            .map_err(|error| refused(error, end_entity))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls12_signature(message, certificate, signature)
            .map_err(|error| refused_signature(error, certificate))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain
            .verify_tls13_signature(message, certificate, signature)
            .map_err(|error| refused_signature(error, certificate))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// What remains to be checked of a certificate that is trusted itself.
fn check_itself(
    end_entity: &CertificateDer<'_>,
    host: &ServerName<'_>,
    now: UnixTime,
) -> Result<ServerCertVerified, Error> {
    Presented::read(end_entity)
        .map_err(|fault| refusal(fault, end_entity))?
        .check_dates(now)
        .map_err(|error| refused(error.into(), end_entity))?;
    ParsedCertificate::try_from(end_entity)
        .and_then(|certificate| verify_server_name(&certificate, host))
        .map_err(|error| refused(error, end_entity))?;
    Ok(ServerCertVerified::assertion())
}
