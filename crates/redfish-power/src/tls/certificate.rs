//! What the certificate of a BMC says, and what is wrong with it.

use std::net::IpAddr;
use std::time::Duration;

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
    /// It, or an issuer's, has expired.
    #[error("expired on {0}")]
    Expired(String),
    /// It, or an issuer's, is not valid yet, or the clock here is wrong.
    #[error("is not valid before {0}, if the clock here is right")]
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

/// What a certificate says. Each text is the BMC's own, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Whose it is.
    pub subject: String,
    /// Who has issued it.
    pub issuer: String,
    /// Whether these are the same.
    pub is_self_signed: bool,
    /// The hosts that it is for.
    pub hosts: Vec<String>,
    /// The first day on which it is valid.
    pub not_before: String,
    /// The last day.
    pub not_after: String,
    /// The end of that, since the beginning of 1970.
    pub expires: Duration,
    /// The length of its RSA key in bits; `None` for a key of another kind.
    pub rsa_bits: Option<usize>,
    /// The algorithm of its signature: `sha256WithRSAEncryption`.
    pub signature: String,
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

    /// Whether it is valid at this time, in the words of rustls.
    pub(super) fn check_dates(&self, time: UnixTime) -> Result<(), CertificateError> {
        let not_before = unix_time(self.0.validity().not_before);
        let not_after = unix_time(self.0.validity().not_after);
        if time < not_before {
            return Err(CertificateError::NotValidYetContext { time, not_before });
        }
        if time > not_after {
            return Err(CertificateError::ExpiredContext { time, not_after });
        }
        Ok(())
    }

    pub(super) fn facts(&self) -> Certificate {
        let validity = self.0.validity();
        let expires = unix_time(validity.not_after);
        let signature = &self.0.signature_algorithm.algorithm;
        Certificate {
            subject: name(self.0.subject()),
            issuer: name(self.0.issuer()),
            is_self_signed: self.is_self_signed(),
            hosts: self.hosts(),
            not_before: date(unix_time(validity.not_before)),
            not_after: date(expires),
            expires: Duration::from_secs(expires.as_secs()),
            rsa_bits: self.rsa_bits(),
            signature: oid2sn(signature, oid_registry())
                .map_or_else(|_| signature.to_id_string(), str::to_owned),
        }
    }

    fn fault(&self, error: &CertificateError) -> CertificateFault {
        use CertificateError as E;
        match error {
            _ if self.0.version() != X509Version::V3 => {
                CertificateFault::OldVersion(self.0.version().0.saturating_add(1))
            }
            E::ExpiredContext { not_after, .. } => CertificateFault::Expired(date(*not_after)),
            E::NotValidYetContext { not_before, .. } => {
                CertificateFault::NotYetValid(date(*not_before))
            }
            E::NotValidForNameContext { expected, .. } => self.other_name(expected),
            // A certificate authority's own certificate is not refused for its issuer.
            E::UnknownIssuer | E::Other(_) if self.is_self_signed() => CertificateFault::SelfSigned,
            E::UnknownIssuer => CertificateFault::UnknownIssuer(name(self.0.issuer())),
            E::InvalidPurposeContext { .. } => CertificateFault::OtherPurpose,
            E::BadSignature => CertificateFault::WrongIssuerSignature,
            E::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => {
                CertificateFault::SignatureAlgorithm(algorithm(signature_algorithm_id))
            }
            E::Other(why) if is_authority(why) => CertificateFault::Authority,
            E::BadEncoding => CertificateFault::Unreadable,
            other => CertificateFault::Other(escaped(&other.to_string())),
        }
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

/// The epoch, for what is before it.
fn unix_time(time: ASN1Time) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0)))
}

fn date(time: UnixTime) -> String {
    let time = i64::try_from(time.as_secs()).map(ASN1Time::from_timestamp);
    match time {
        Ok(Ok(time)) => time.to_datetime().date().to_string(),
        _ => "a day beyond the year 9999".to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    const YEAR_2000: UnixTime =
        UnixTime::since_unix_epoch(Duration::from_secs(30 * 365 * 24 * 60 * 60));

    proptest! {
        /// What fails, fails with a fault.
        #[test]
        fn no_certificate_is_too_strange_to_be_judged(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            length in any::<prop::sample::Index>(),
            cut in any::<bool>(),
        ) {
            let parameters = CertificateParams::new(["bmc1.example".to_owned(), "10.0.0.5".to_owned()]);
            let made = parameters.unwrap().self_signed(&KeyPair::generate().unwrap()).unwrap();
            let mut bytes = made.der().to_vec();
            for (place, byte) in changes {
                *place.get_mut(&mut bytes) = byte;
            }
            if cut {
                bytes.truncate(length.index(bytes.len()));
            }
            let certificate = CertificateDer::from(bytes);
            let expected = ServerName::try_from("bmc1.example").unwrap();
            for error in [
                CertificateError::BadSignature,
                CertificateError::UnknownIssuer,
                CertificateError::NotValidForNameContext { expected, presented: Vec::new() },
                CertificateError::Other(OtherError(std::sync::Arc::new(
                    webpki::Error::CaUsedAsEndEntity,
                ))),
            ] {
                let said = fault(&certificate, &error).to_string();
                prop_assert!(said.chars().all(|character| !character.is_control()), "{said}");
            }
            let _ = signature_fault(&certificate);
            if let Ok(certificate) = Presented::read(&certificate) {
                let _ = certificate.check_dates(YEAR_2000);
                let _ = certificate.public_key();
            }
        }
    }

    #[test]
    fn long_texts_are_cut_and_what_a_terminal_would_obey_is_escaped() {
        assert_eq!(escaped("bmc\u{1b}[2J\u{202e}"), "bmc\\u{1b}[2J\\u{202e}");
        assert_eq!(escaped(&"ä".repeat(1000)), format!("{}…", "ä".repeat(LONGEST_TEXT)));
    }

    #[test]
    fn dates_are_shown_as_days() {
        let day = |seconds| date(UnixTime::since_unix_epoch(Duration::from_secs(seconds)));
        assert_eq!(day(0), "1970-01-01");
        assert_eq!(day(4_102_444_800), "2100-01-01");
        assert_eq!(day(u64::MAX), "a day beyond the year 9999");
    }
}
