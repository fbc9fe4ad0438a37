//! What a service shows in the TLS handshake, and what would be said of it.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::certificate::Presented;
use super::unverified::Unverified;
use super::{Certificate, Fingerprint, TlsFailure};

/// What a service has shown in the TLS handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// Of the certificate that was shown.
    pub fingerprint: Fingerprint,
    /// What it says; `None` where it cannot be read.
    pub certificate: Option<Certificate>,
    /// The version of TLS: `1.2` or `1.3`.
    pub version: &'static str,
    /// Why the certificate is not taken, if it is not.
    pub refusal: Option<TlsFailure>,
}

/// The handshake, once there was one.
#[derive(Debug, Default)]
pub(crate) struct Witnessed(Mutex<Option<Handshake>>);

impl Witnessed {
    /// What was shown last.
    pub(crate) fn handshake(&self) -> Option<Handshake> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, handshake: Handshake) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handshake);
    }

    fn note_signature(
        &self,
        version: &'static str,
        result: Result<HandshakeSignatureValid, Error>,
    ) {
        if let Some(handshake) = self.0.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            handshake.version = version;
            let refusal = result.err().map(|error| TlsFailure::from(&error));
            handshake.refusal = handshake.refusal.take().or(refusal);
        }
    }
}

/// Takes any certificate, and notes what another verifier says of it. Only for connections on which no secret is sent.
#[derive(Debug)]
pub(super) struct Witness {
    judge: Arc<dyn ServerCertVerifier>,
    witnessed: Arc<Witnessed>,
}

impl Witness {
    pub(super) fn new(judge: Arc<dyn ServerCertVerifier>, witnessed: Arc<Witnessed>) -> Self {
        Self { judge, witnessed }
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.judge.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        self.witnessed.note(Handshake {
            fingerprint: Fingerprint::of(end_entity),
            certificate: Presented::read(end_entity).ok().map(|read| read.facts()),
            version: "1.3",
            refusal: verdict.err().map(|error| TlsFailure::from(&error)),
        });
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self.judge.verify_tls12_signature(message, certificate, signature);
        self.witnessed.note_signature("1.2", result);
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let result = self.judge.verify_tls13_signature(message, certificate, signature);
        self.witnessed.note_signature("1.3", result);
        Ok(HandshakeSignatureValid::assertion())
    }

    /// All there are, so that every certificate is seen.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        Unverified.supported_verify_schemes()
    }
}
