//! What the certificate of a BMC says, and what is wrong with it.

use std::net::IpAddr;

use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, OtherError};
use x509_parser::asn1_rs::Oid;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::objects::{oid_registry, oid2sn};
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;
use x509_parser::time::ASN1Time;
use x509_parser::x509::{X509Name, X509Version};

/// Names in a message: a certificate may hold hundreds.
const SHOWN_NAMES: usize = 5;

/// Characters of a name in a message.
const LONGEST_TEXT: usize = 200;

/// Bits of an RSA key below which its signatures are not taken.
const SHORTEST_RSA: usize = 2048;

/// What is wrong with the BMC's certificate: what follows on "its certificate".
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It is no X.509 certificate, or one with errors.
    #[error("cannot be read")]
    Unreadable,
    /// It is older than X.509 version 3, and so names no host.
    #[error("is X.509 version {0}, which names no host: only its fingerprint can be trusted")]
    OldVersion(u32),
    /// It has expired.
    #[error("expired on {0}")]
    Expired(String),
    /// It is not valid yet, or the clock here is wrong.
    #[error("is not valid before {0}")]
    NotYetValid(String),
    /// It is for other hosts.
    #[error("is for {presented}, not for {expected}")]
    OtherName {
        /// The host that was to be reached.
        expected: String,
        /// The names in the certificate.
        presented: String,
    },
    /// It names its host only in its subject's common name, which has not counted since RFC 6125.
    #[error(
        "names its host only as common name ({0}), which does not count: \
         give the BMC a certificate with a subject alternative name, or trust this one by its fingerprint"
    )]
    OnlyCommonName(String),
    /// It is signed by itself, and not among the trusted ones.
    #[error("is self-signed and not trusted")]
    SelfSigned,
    /// Nobody trusted has issued it.
    #[error("was issued by {0}, who is not trusted")]
    UnknownIssuer(String),
    /// It is that of a certificate authority, and not itself among the trusted ones.
    #[error("is that of a certificate authority, and can be trusted only by itself")]
    Authority,
    /// It is not the pinned one.
    #[error("is not the trusted one")]
    OtherFingerprint,
    /// It is not for servers.
    #[error("is not meant for servers (its extended key usage)")]
    OtherPurpose,
    /// Its RSA key is too short to check signatures with it.
    #[error("has an RSA key of {0} bits, which is too short")]
    ShortKey(usize),
    /// It, or an issuer's, is signed with an algorithm that is broken or not known here.
    #[error("is signed with {0}, which is not accepted")]
    SignatureAlgorithm(String),
    /// The signature of its issuer, or of an issuer's issuer, is wrong, or made with an RSA key below 2048 bits.
    #[error("bears a signature that is wrong, or made with too short a key")]
    WrongIssuerSignature,
    /// The handshake is not signed with its key: somebody shows a certificate that is not theirs.
    #[error("is shown by somebody who does not hold its key")]
    NotItsKey,
    /// Anything else.
    #[error("is refused: {0}")]
    Other(String),
}

/// What is wrong with a certificate that was refused with this error.
pub(super) fn fault(
    certificate: &CertificateDer<'_>,
    error: &CertificateError,
) -> CertificateFault {
    Presented::read(certificate).map_or_else(|fault| fault, |presented| presented.fault(error))
}

/// What is wrong with a certificate whose key does not fit the signature of the handshake.
pub(super) fn signature_fault(certificate: &CertificateDer<'_>) -> CertificateFault {
    match Presented::read(certificate).map(|presented| presented.rsa_bits()) {
        Err(fault) => fault,
        Ok(Some(bits)) if bits < SHORTEST_RSA => CertificateFault::ShortKey(bits),
        Ok(_) => CertificateFault::NotItsKey,
    }
}

/// The certificate that the BMC has shown.
pub(super) struct Presented<'a>(X509Certificate<'a>);

impl<'a> Presented<'a> {
    pub(super) fn read(certificate: &'a CertificateDer<'_>) -> Result<Self, CertificateFault> {
        X509Certificate::from_der(certificate)
            .map(|(_, certificate)| Self(certificate))
            .map_err(|_| CertificateFault::Unreadable)
    }

    pub(super) fn public_key(&self) -> SubjectPublicKeyInfoDer<'a> {
        SubjectPublicKeyInfoDer::from(self.0.tbs_certificate.subject_pki.raw)
    }

    /// Whether it is valid at this time.
    pub(super) fn check_dates(&self, now: UnixTime) -> Result<(), CertificateFault> {
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        let validity = self.0.validity();
        if now < validity.not_before.timestamp() {
            return Err(self.not_yet_valid());
        }
        if now > validity.not_after.timestamp() {
            return Err(self.expired());
        }
        Ok(())
    }

    fn fault(&self, error: &CertificateError) -> CertificateFault {
        use CertificateError as E;
        match error {
            _ if self.0.version() != X509Version::V3 => {
                CertificateFault::OldVersion(self.0.version().0.saturating_add(1))
            }
            E::Expired | E::ExpiredContext { .. } => self.expired(),
            E::NotValidYet | E::NotValidYetContext { .. } => self.not_yet_valid(),
            E::NotValidForNameContext { expected, .. } => self.other_name(expected),
            // A certificate authority's own certificate is not refused for its issuer.
            E::UnknownIssuer | E::Other(_) if self.is_self_signed() => CertificateFault::SelfSigned,
            E::UnknownIssuer => CertificateFault::UnknownIssuer(name(self.0.issuer())),
            E::InvalidPurpose | E::InvalidPurposeContext { .. } => CertificateFault::OtherPurpose,
            E::BadSignature => CertificateFault::WrongIssuerSignature,
            E::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
                CertificateFault::SignatureAlgorithm(algorithm(signature_algorithm_id))
            }
            E::Other(why) if is_authority(why) => CertificateFault::Authority,
            E::BadEncoding => CertificateFault::Unreadable,
            other => CertificateFault::Other(escaped(&other.to_string())),
        }
    }

    fn expired(&self) -> CertificateFault {
        CertificateFault::Expired(date(self.0.validity().not_after))
    }

    fn not_yet_valid(&self) -> CertificateFault {
        CertificateFault::NotYetValid(date(self.0.validity().not_before))
    }

    fn other_name(&self, expected: &ServerName<'_>) -> CertificateFault {
        let presented = self.hosts();
        match self.0.subject().iter_common_name().next() {
            Some(common_name) if presented.is_empty() => {
                CertificateFault::OnlyCommonName(escaped(common_name.as_str().unwrap_or("?")))
            }
            _ => CertificateFault::OtherName {
                expected: expected.to_str().into_owned(),
                presented: listed(&presented),
            },
        }
    }

    /// The hosts in its subject alternative name.
    fn hosts(&self) -> Vec<String> {
        let names = self.0.subject_alternative_name().ok().flatten();
        let names = names.iter().flat_map(|extension| &extension.value.general_names);
        names.filter_map(host).collect()
    }

    fn is_self_signed(&self) -> bool {
        self.0.issuer().as_raw() == self.0.subject().as_raw()
    }

    fn rsa_bits(&self) -> Option<usize> {
        match self.0.public_key().parsed() {
            Ok(PublicKey::RSA(key)) => Some(key.key_size()),
            _ => None,
        }
    }
}

fn is_authority(why: &OtherError) -> bool {
    why.0.downcast_ref() == Some(&webpki::Error::CaUsedAsEndEntity)
}

fn host(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(escaped(name)),
        GeneralName::IPAddress(bytes) => {
            match (<[u8; 4]>::try_from(*bytes), <[u8; 16]>::try_from(*bytes)) {
                (Ok(address), _) => Some(IpAddr::from(address).to_string()),
                (_, Ok(address)) => Some(IpAddr::from(address).to_string()),
                _ => None,
            }
        }
        _ => None,
    }
}

fn listed(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(SHOWN_NAMES).map(String::as_str).collect();
    match names.len().saturating_sub(SHOWN_NAMES) {
        _ if names.is_empty() => "no host".to_owned(),
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn name(name: &X509Name<'_>) -> String {
    match name.to_string() {
        none if none.is_empty() => "nobody".to_owned(),
        name => escaped(&name),
    }
}

fn date(time: ASN1Time) -> String {
    time.to_datetime().date().to_string()
}

/// The name of the algorithm that stands in the inner part of an `AlgorithmIdentifier`.
fn algorithm(identifier: &[u8]) -> String {
    match Oid::from_der(identifier) {
        Ok((_, oid)) => {
            oid2sn(&oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
        }
        Err(_) => "an algorithm that cannot be read".to_owned(),
    }
}

/// Text of the BMC's, for a message.
fn escaped(text: &str) -> String {
    let mut shown: String = text.chars().take(LONGEST_TEXT).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    shown.escape_debug().to_string()
}
