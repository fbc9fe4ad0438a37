//! The certificate that a service shows, and the settings of its TLS.

use std::net::IpAddr;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    SanType, date_time_ymd,
};
use ring::digest;
use tokio_rustls::rustls::crypto::ring as provider;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::sign::{CertifiedKey, SingleCertAndKey};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{self, ServerConfig, SupportedProtocolVersion};

use super::TlsVersions;

/// Which certificate a service shows. All but the given one are made anew at each start, with a key of P-256, for
/// `localhost`, 127.0.0.1, ::1 and the address that it listens on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateConfig {
    /// Signed with its own key, and not a certificate authority.
    SelfSigned,
    /// Signed with its own key, and a certificate authority.
    SelfSignedCa,
    /// Signed by a certificate authority of its own.
    OwnCa,
    /// Self-signed, and expired in 2020.
    Expired,
    /// Self-signed, for a host that this is not.
    OtherHost,
    /// Self-signed, with the host in its common name only.
    CommonNameOnly,
    /// Made before. Keys of RSA with less than 2048 bits are refused; certificates are not looked at, so that old ones
    /// can be shown, too.
    Given {
        /// The certificate, and what it is signed by, as PEM.
        certificate_pem: String,
        /// Its key as PEM.
        key_pem: String,
    },
}

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// It could not be made.
    #[error("cannot make a certificate")]
    Make(#[from] rcgen::Error),
    /// What was given is no PEM.
    #[error("cannot read the certificate or its key")]
    Read(#[from] pem::Error),
    /// There is no certificate in what was given.
    #[error("no certificate was given")]
    None,
    /// The key, or the settings of TLS, cannot be used.
    #[error("cannot use the certificate or its key")]
    Use(#[from] rustls::Error),
}

/// A certificate with its key.
pub(super) struct Identity {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    /// What a client verifies with, as PEM.
    pub(super) anchor_pem: String,
}

impl Identity {
    pub(super) fn new(kind: &CertificateConfig, address: IpAddr) -> Result<Self, CertificateError> {
        let mut params = parameters(address)?;
        match kind {
            CertificateConfig::Given { certificate_pem, key_pem } => {
                return Self::given(certificate_pem, key_pem);
            }
            CertificateConfig::OwnCa => return Self::with_ca(params),
            CertificateConfig::SelfSigned => (),
            CertificateConfig::SelfSignedCa => be_ca(&mut params),
            CertificateConfig::Expired => {
                params.not_before = date_time_ymd(2010, 1, 1);
                params.not_after = date_time_ymd(2020, 1, 1);
            }
            CertificateConfig::OtherHost => {
                params.subject_alt_names = vec![SanType::DnsName("other.example".try_into()?)];
            }
            CertificateConfig::CommonNameOnly => params.subject_alt_names.clear(),
        }
        let key = KeyPair::generate()?;
        let certificate = params.self_signed(&key)?;
        let anchor_pem = certificate.pem();
        Ok(Self { chain: vec![certificate.into()], key: key.into(), anchor_pem })
    }

    fn with_ca(params: CertificateParams) -> Result<Self, CertificateError> {
        let mut ca = CertificateParams::default();
        ca.distinguished_name.push(DnType::CommonName, "bmc-sim's own CA");
        be_ca(&mut ca);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate()?)?;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &ca)?;
        Ok(Self { chain: vec![certificate.into()], key: key.into(), anchor_pem: ca.pem() })
    }

    fn given(certificate_pem: &str, key_pem: &str) -> Result<Self, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(certificate_pem.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_slice(key_pem.as_bytes())?;
        Ok(Self { chain, key, anchor_pem: certificate_pem.to_owned() })
    }

    /// SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub(super) fn fingerprint(&self) -> String {
        let certificate = self.chain.first().map(AsRef::as_ref).unwrap_or_default();
        let hash = digest::digest(&digest::SHA256, certificate);
        hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// TLS with this certificate, and HTTP/1.1 in it.
    pub(super) fn server_config(
        self,
        versions: TlsVersions,
    ) -> Result<ServerConfig, CertificateError> {
        if self.chain.is_empty() {
            return Err(CertificateError::None);
        }
        let provider = provider::default_provider();
        let key = provider.key_provider.load_private_key(self.key)?;
        // Not `with_single_cert`, which looks into the certificate and refuses old ones.
        let resolver = SingleCertAndKey::from(CertifiedKey::new(self.chain, key));
        let builder = ServerConfig::builder_with_provider(Arc::new(provider));
        let builder = builder.with_protocol_versions(&supported(versions))?.with_no_client_auth();
        Ok(builder.with_cert_resolver(Arc::new(resolver)))
    }
}

fn supported(versions: TlsVersions) -> Vec<&'static SupportedProtocolVersion> {
    match versions {
        TlsVersions::Both => vec![&TLS13, &TLS12],
        TlsVersions::Only12 => vec![&TLS12],
        TlsVersions::Only13 => vec![&TLS13],
    }
}

/// A certificate for what this machine is called, in use for long.
fn parameters(address: IpAddr) -> Result<CertificateParams, rcgen::Error> {
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let mut params = CertificateParams::new(loopback)?;
    params.subject_alt_names.push(SanType::IpAddress(address));
    params.distinguished_name.push(DnType::CommonName, address.to_string());
    Ok(params)
}

fn be_ca(params: &mut CertificateParams) {
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCALHOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_given_certificate_is_shown_as_it_is() {
        let made = Identity::new(&CertificateConfig::SelfSigned, LOCALHOST).unwrap();
        let key = KeyPair::generate().unwrap();
        let given = CertificateConfig::Given {
            certificate_pem: made.anchor_pem.clone(),
            key_pem: key.serialize_pem(),
        };
        let given = Identity::new(&given, LOCALHOST).unwrap();
        assert_eq!(given.fingerprint(), made.fingerprint());
        assert_eq!(given.fingerprint().len(), 64);
        given.server_config(TlsVersions::Both).unwrap();
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let key_pem = KeyPair::generate().unwrap().serialize_pem();
        let nothing = CertificateConfig::Given { certificate_pem: String::new(), key_pem };
        let nothing = Identity::new(&nothing, LOCALHOST).unwrap();
        assert!(matches!(nothing.server_config(TlsVersions::Both), Err(CertificateError::None)));
        let no_key =
            CertificateConfig::Given { certificate_pem: String::new(), key_pem: String::new() };
        assert!(matches!(Identity::new(&no_key, LOCALHOST), Err(CertificateError::Read(_))));
    }
}
