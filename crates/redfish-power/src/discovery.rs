//! What a service tells without a login: the certificate, and the service root.

use serde_json::Value;
use tokio::time::Instant;

use crate::address::Address;
use crate::client::{Config, http_builder};
use crate::document::text;
use crate::message::shown;
use crate::tls::{self, Handshake};
use crate::wire::{Question, Wire, leads_away};
use crate::{Error, Step};

/// What a service tells to who does not log in. No credentials are sent for it, so the certificate may be any; what is
/// wrong with it is part of the answer.
#[derive(Debug)]
pub struct Discovery {
    /// What was shown in the TLS handshake.
    pub handshake: Handshake,
    /// What the service says of itself, or why it does not.
    pub root: Result<ServiceRoot, Error>,
}

/// What a service says of itself (DSP0268, "ServiceRoot"). Each text is escaped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServiceRoot {
    /// `RedfishVersion`.
    pub redfish_version: Option<String>,
    /// `Vendor`.
    pub vendor: Option<String>,
    /// `Product`.
    pub product: Option<String>,
    /// `Name`.
    pub name: Option<String>,
}

impl Discovery {
    /// Asks the service of this configuration; its credentials are not used.
    ///
    /// # Errors
    /// When there is no TLS with it by the deadline.
    pub async fn of(config: &Config, deadline: Instant) -> Result<Self, Error> {
        let Config { origin, root, verification, policy, .. } = config;
        let address = Address::default();
        let builder = http_builder(&address, policy);
        let (builder, witnessed) = tls::witnessed(builder, verification)?;
        let http = builder.build().map_err(|error| Error::Http(error.to_string()))?;
        let step = Step::ServiceRoot;
        let url = origin
            .at(root)
            .map_err(|elsewhere| leads_away(step, "the configuration", elsewhere))?;
        let wire = Wire { http, address, origin: origin.clone(), policy: *policy };
        let root = read_root(&wire, &Question::get(step, url), deadline).await;
        match (witnessed.handshake(), root) {
            (Some(handshake), root) => Ok(Self { handshake, root }),
            (None, Err(error)) => Err(error),
            (None, Ok(_)) => Err(Error::Http("there was no TLS handshake".to_owned())),
        }
    }
}

async fn read_root(
    wire: &Wire,
    question: &Question,
    deadline: Instant,
) -> Result<ServiceRoot, Error> {
    let answer = wire.follow(question, None, deadline).await?;
    if !answer.status.is_success() {
        return Err(Error::Refused { step: question.step, refusal: question.refused(&answer) });
    }
    let path = || question.url.path().to_owned();
    let document = answer.document();
    document
        .map(|document| ServiceRoot::of(&document))
        .ok_or_else(|| Error::NotJson { step: question.step, path: path() })
}

impl ServiceRoot {
    fn of(document: &Value) -> Self {
        let member = |name| text(document, name).filter(|text| !text.is_empty()).map(shown);
        Self {
            redfish_version: member("RedfishVersion"),
            vendor: member("Vendor"),
            product: member("Product"),
            name: member("Name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bmc_sim::redfish::{Credentials, RedfishConfig, RedfishServer, RedfishUser, TlsVersions};
    use serde_json::json;

    use super::*;
    use crate::{CertificateFault, Fingerprint, Origin, RetryPolicy, TlsFailure, Verification};

    async fn server(tls: TlsVersions) -> RedfishServer {
        let user = RedfishUser::administrator("admin", "secret");
        let config = RedfishConfig { tls, ..RedfishConfig::new(vec![user]) };
        RedfishServer::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
    }

    async fn discovered(server: &RedfishServer, verification: Verification) -> Discovery {
        let config = Config {
            origin: Origin::new("127.0.0.1", server.address().port()).unwrap(),
            root: "/redfish/v1".to_owned(),
            system: None,
            choice: None,
            credentials: crate::Credentials::new("admin", "secret"),
            verification,
            policy: RetryPolicy::default(),
        };
        Discovery::of(&config, Instant::now() + Duration::from_secs(10)).await.unwrap()
    }

    #[tokio::test]
    async fn a_certificate_is_shown_with_what_would_be_said_of_it_and_nothing_is_given_away() {
        for (tls, version) in [(TlsVersions::Only12, "1.2"), (TlsVersions::Only13, "1.3")] {
            let server = server(tls).await;
            let fingerprint: Fingerprint = server.fingerprint().parse().unwrap();
            let Discovery { handshake, root } =
                discovered(&server, Verification::SystemRoots).await;
            assert_eq!((handshake.version, handshake.fingerprint), (version, fingerprint));
            let certificate = handshake.certificate.unwrap();
            assert!(certificate.is_self_signed && certificate.rsa_bits.is_none());
            assert!(certificate.hosts.contains(&"127.0.0.1".to_owned()), "{certificate:?}");
            let fault = CertificateFault::SelfSigned;
            assert_eq!(handshake.refusal, Some(TlsFailure::Certificate { fault, fingerprint }));
            assert!(root.unwrap().redfish_version.is_some());
            let pinned = Verification::Fingerprint(fingerprint);
            assert_eq!(discovered(&server, pinned).await.handshake.refusal, None);
            let is_silent = |credentials: &Credentials| *credentials == Credentials::None;
            assert!(server.requests().iter().all(|request| is_silent(&request.credentials)));
        }
    }

    #[test]
    fn what_a_service_says_of_itself_is_escaped() {
        let document = json!({"RedfishVersion": "1.6.0", "Vendor": "A\u{1b}[2J", "Product": ""});
        let root = ServiceRoot::of(&document);
        assert_eq!(root.redfish_version.as_deref(), Some("1.6.0"));
        assert_eq!(root.vendor.as_deref(), Some("A\\u{1b}[2J"));
        assert_eq!((root.product, root.name), (None, None));
    }
}
