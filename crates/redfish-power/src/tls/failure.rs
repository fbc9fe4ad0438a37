//! What went wrong in a TLS handshake, in words.

use std::error::Error as StdError;
use std::io;
use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::{
    AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible,
};

use super::{CertificateFault, Fingerprint, certificate};

/// What went wrong in a TLS handshake: one clause, to be put behind the BMC's address.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The BMC's certificate is refused.
    #[error("its certificate {fault} (SHA-256 fingerprint {fingerprint})")]
    Certificate {
        /// Why.
        fault: CertificateFault,
        /// Of the certificate that was shown.
        fingerprint: Fingerprint,
    },
    /// The BMC speaks an older version of TLS only.
    #[error("it speaks no TLS 1.2 or 1.3, and older versions are not safe, and not spoken here")]
    OldVersion,
    /// The BMC found no cipher suite, group or signature algorithm in common, or says nothing better when it wants a
    /// client certificate.
    #[error(
        "it accepts nothing that is offered: TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305 \
         (RSA key exchange and CBC are not spoken here), without a client certificate"
    )]
    NothingInCommon,
    /// The BMC wants a client certificate, which is not supported.
    #[error("it wants a client certificate, which is not supported")]
    ClientCertificate,
    /// What answers does not speak TLS.
    #[error("what answers does not speak TLS (plain HTTP, or another service on this port)")]
    NotTls,
    /// The BMC closed the connection in the handshake.
    #[error("it closed the connection in the TLS handshake")]
    Closed,
    /// The BMC ended the connection with an alert (RFC 8446, section 6).
    #[error("it ended TLS with the alert {name} ({number})")]
    Alert {
        /// The alert's number.
        number: u8,
        /// The alert's name.
        name: &'static str,
    },
    /// The BMC does not keep to the protocol, or something between garbles it.
    #[error("its TLS is wrong: {0}")]
    Protocol(String),
}

impl TlsFailure {
    /// Whether trying again is of no use.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Closed | Self::Protocol(_) => false,
            Self::Alert { number, .. } => !PASSING_ALERTS.contains(number),
            _ => true,
        }
    }
}

/// Alerts of a BMC that is short of something, or saw garbled data, and may do better next time.
const PASSING_ALERTS: [u8; 5] = [
    20, // bad_record_mac
    50, // decode_error
    51, // decrypt_error
    80, // internal_error
    90, // user_canceled
];

impl From<&Error> for TlsFailure {
    fn from(error: &Error) -> Self {
        match error {
            Error::InvalidCertificate(CertificateError::Other(OtherError(refusal))) => {
                refusal.downcast_ref().cloned().unwrap_or_else(|| Self::Protocol(error.to_string()))
            }
            Error::AlertReceived(alert) => Self::from(*alert),
            Error::PeerIncompatible(why) => Self::from(why),
            Error::InvalidMessage(
                InvalidMessage::InvalidContentType | InvalidMessage::UnknownProtocolVersion,
            ) => Self::NotTls,
            other => Self::Protocol(other.to_string()),
        }
    }
}

impl From<AlertDescription> for TlsFailure {
    fn from(alert: AlertDescription) -> Self {
        use AlertDescription as A;
        match alert {
            A::ProtocolVersion => Self::OldVersion,
            A::HandshakeFailure | A::InsufficientSecurity => Self::NothingInCommon,
            A::CertificateRequired => Self::ClientCertificate,
            other => {
                Self::Alert { number: other.into(), name: other.as_str().unwrap_or("unknown") }
            }
        }
    }
}

impl From<&PeerIncompatible> for TlsFailure {
    fn from(why: &PeerIncompatible) -> Self {
        use PeerIncompatible as P;
        match why {
            P::ServerDoesNotSupportTls12Or13 | P::ServerTlsVersionIsDisabledByOurConfig => {
                Self::OldVersion
            }
            other => Self::Protocol(format!("{other:?}")),
        }
    }
}

/// A refusal as rustls carries it: it comes out again of [`failure`].
pub(super) fn refusal(fault: CertificateFault, certificate: &CertificateDer<'_>) -> Error {
    let fingerprint = Fingerprint::of(certificate);
    let failure = TlsFailure::Certificate { fault, fingerprint };
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(failure))))
}

/// The refusal that rustls' error on a certificate amounts to.
pub(super) fn refused(error: Error, shown: &CertificateDer<'_>) -> Error {
    match error {
        Error::InvalidCertificate(why) => refusal(certificate::fault(shown, &why), shown),
        other => other,
    }
}

/// The refusal that rustls' error on the signature of the handshake amounts to.
pub(super) fn refused_signature(error: Error, shown: &CertificateDer<'_>) -> Error {
    use CertificateError as E;
    match error {
        Error::InvalidCertificate(
            E::BadSignature | E::UnsupportedSignatureAlgorithmForPublicKeyContext { .. },
        ) => refusal(certificate::signature_fault(shown), shown),
        other => refused(other, shown),
    }
}

/// What went wrong in the TLS handshake, if that is why a request failed.
pub(crate) fn failure(error: &reqwest::Error) -> Option<TlsFailure> {
    let closed = || error.is_connect() && causes(error).any(is_closed);
    causes(error)
        .find_map(|cause| cause.downcast_ref::<Error>())
        .map(TlsFailure::from)
        .or_else(|| closed().then_some(TlsFailure::Closed))
}

/// Whether the connection ended in the body of an answer without the announcement of TLS (`close_notify`). The body
/// may be whole all the same, if nothing has told its length; its end alone does not vouch for that.
pub(crate) fn is_truncation(error: &reqwest::Error) -> bool {
    causes(error).filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|error| {
        error.kind() == io::ErrorKind::UnexpectedEof && error.to_string().contains("close_notify")
    })
}

fn is_closed(cause: &(dyn StdError + 'static)) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
    matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof))
}

/// The error, what caused it, and so on.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    std::iter::successors(Some(error as &(dyn StdError + 'static)), |error| cause(*error))
}

/// An `io::Error` names as its source what caused the error in it, not that error itself.
fn cause<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a (dyn StdError + 'static)> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(inner) => Some(inner),
        None => error.source(),
    }
}
