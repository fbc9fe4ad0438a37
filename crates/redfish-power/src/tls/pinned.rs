//! The one certificate that has the trusted fingerprint.

use ring::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaParameters, UnparsedPublicKey,
};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::pki_types::{
    AlgorithmIdentifier, CertificateDer, InvalidSignature, ServerName,
    SignatureVerificationAlgorithm, UnixTime, alg_id,
};
use rustls::{CertificateError, DigitallySignedStruct, Error, SignatureScheme};
use webpki::RawPublicKeyEntity;

use super::certificate::{CertificateFault, Presented};
use super::failure::{refusal, refused_signature};
use super::{Fingerprint, provider};

/// Takes the certificate with this fingerprint and no other, whatever stands in it, and only from who holds its key:
/// anybody can show a certificate, so the signature of the handshake is what tells the BMC from an impostor.
#[derive(Debug)]
pub(super) struct Pinned {
    fingerprint: Fingerprint,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Pinned {
    pub(super) fn new(fingerprint: Fingerprint) -> Self {
        Self { fingerprint, algorithms: provider().signature_verification_algorithms }
    }

    /// TLS 1.2 names no curve with a scheme, so several algorithms may be meant.
    fn tls12_algorithms(
        &self,
        scheme: SignatureScheme,
    ) -> impl Iterator<Item = &'static dyn SignatureVerificationAlgorithm> {
        let usual = self.algorithms.mapping.iter().filter(move |(known, _)| *known == scheme);
        usual.flat_map(|(_, algorithms)| *algorithms).copied().chain(short_rsa(scheme))
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match Fingerprint::of(end_entity) == self.fingerprint {
            true => Ok(ServerCertVerified::assertion()),
            false => Err(refusal(CertificateFault::OtherFingerprint, end_entity)),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let read = Presented::read(certificate).map_err(|fault| refusal(fault, certificate))?;
        let public_key = read.public_key();
        let fits = RawPublicKeyEntity::try_from(&public_key).is_ok_and(|key| {
            self.tls12_algorithms(signature.scheme).any(|algorithm| {
                key.verify_signature(algorithm, message, signature.signature()).is_ok()
            })
        });
        match fits {
            true => Ok(HandshakeSignatureValid::assertion()),
            false => Err(refused_signature(CertificateError::BadSignature.into(), certificate)),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let read = Presented::read(certificate).map_err(|fault| refusal(fault, certificate))?;
        let public_key = read.public_key();
        verify_tls13_signature_with_raw_key(message, &public_key, signature, &self.algorithms)
            .map_err(|error| refused_signature(error, certificate))
    }

    /// PKCS #1 comes first, although only TLS 1.2 still knows it: with RSA keys below 2048 bits it can be checked, and
    /// PSS cannot.
    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let mut schemes = self.algorithms.supported_schemes();
        schemes.sort_by_key(|scheme| short_rsa(*scheme).is_none());
        schemes
    }
}

/// How to check this scheme with RSA keys of 1024 bits and more.
fn short_rsa(scheme: SignatureScheme) -> Option<&'static dyn SignatureVerificationAlgorithm> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&SHORT_RSA_SHA256),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&SHORT_RSA_SHA512),
        _ => None,
    }
}

static SHORT_RSA_SHA256: ShortRsa = ShortRsa {
    identifier: alg_id::RSA_PKCS1_SHA256,
    parameters: &RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
};

static SHORT_RSA_SHA512: ShortRsa = ShortRsa {
    identifier: alg_id::RSA_PKCS1_SHA512,
    parameters: &RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
};

/// Signatures (PKCS #1) of RSA keys of 1024 bits and more, as BMCs of before 2014 have: rustls takes 2048 and more.
#[derive(Debug)]
struct ShortRsa {
    identifier: AlgorithmIdentifier,
    parameters: &'static RsaParameters,
}

impl SignatureVerificationAlgorithm for ShortRsa {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        UnparsedPublicKey::new(self.parameters, public_key)
            .verify(message, signature)
            .map_err(|_| InvalidSignature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        alg_id::RSA_ENCRYPTION
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.identifier
    }
}
