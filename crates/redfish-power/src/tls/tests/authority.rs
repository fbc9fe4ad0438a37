//! Certificates for the tests.

use std::net::IpAddr;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ED25519, SanType,
    SignatureAlgorithm, date_time_ymd,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::super::Fingerprint;
use super::HOST;

/// The kinds of keys that can be made here; RSA comes from OpenSSL.
pub(super) const KEYS: [&SignatureAlgorithm; 3] =
    [&PKCS_ECDSA_P256_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519];

pub(super) fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).unwrap()
}

/// What makes a certificate another than the usual one.
pub(super) type Change = fn(&mut CertificateParams);

/// A certificate authority of the tests. All have the same name.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut certificate = CertificateParams::new([]).unwrap();
        as_authority(&mut certificate);
        common_name(&mut certificate, "an authority");
        Self(CertifiedIssuer::self_signed(certificate, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A certificate for [`HOST`], changed so.
    pub(super) fn issue(&self, change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = parameters(change).signed_by(&key, &self.0).unwrap();
        Identity { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }
}

/// A certificate and its key.
pub(super) struct Identity {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Identity {
    /// A certificate for [`HOST`], changed so.
    pub(super) fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> Self {
        Self::self_signed_by(KeyPair::generate().unwrap(), change)
    }

    pub(super) fn self_signed_by(
        key: KeyPair,
        change: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let certificate = parameters(change).self_signed(&key).unwrap();
        Self { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// The same certificate in the hands of somebody with another key.
    pub(super) fn copied_with(&self, key: KeyPair) -> Self {
        Self { certificate: self.certificate.clone(), pem: self.pem.clone(), key }
    }

    pub(super) fn certificate(&self) -> CertificateDer<'static> {
        self.certificate.clone()
    }

    pub(super) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of(&self.certificate)
    }

    pub(super) fn pem(&self) -> &str {
        &self.pem
    }
}

fn parameters(change: impl FnOnce(&mut CertificateParams)) -> CertificateParams {
    let mut certificate = CertificateParams::new([HOST.to_owned()]).unwrap();
    common_name(&mut certificate, HOST);
    change(&mut certificate);
    certificate
}

fn common_name(certificate: &mut CertificateParams, name: &str) {
    certificate.distinguished_name.push(DnType::CommonName, name);
}

pub(super) fn as_authority(certificate: &mut CertificateParams) {
    certificate.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
}

pub(super) fn expired(certificate: &mut CertificateParams) {
    certificate.not_before = date_time_ymd(2020, 1, 1);
    certificate.not_after = date_time_ymd(2021, 1, 1);
}

pub(super) fn not_yet_valid(certificate: &mut CertificateParams) {
    certificate.not_before = date_time_ymd(2090, 1, 1);
    certificate.not_after = date_time_ymd(2091, 1, 1);
}

pub(super) fn for_names(certificate: &mut CertificateParams, names: &[&str]) {
    certificate.subject_alt_names =
        names.iter().map(|name| SanType::DnsName((*name).try_into().unwrap())).collect();
}

pub(super) fn for_address(certificate: &mut CertificateParams, address: &str) {
    let address: IpAddr = address.parse().unwrap();
    certificate.subject_alt_names = vec![SanType::IpAddress(address)];
}

/// With something in the name that a terminal would obey.
pub(super) fn only_common_name(certificate: &mut CertificateParams) {
    certificate.subject_alt_names.clear();
    common_name(certificate, &format!("{HOST}\x1b[31m"));
}

pub(super) fn for_clients(certificate: &mut CertificateParams) {
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
}
