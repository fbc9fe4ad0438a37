//! What can be found out about a BMC by Redfish.

mod facts;
mod findings;
#[cfg(test)]
mod tests;

use std::env;
use std::time::Duration;

use redfish_power::{
    CertificateFault, Client, ComputerSystem, Config, Discovery, Error, Refusal, TlsFailure,
    Verification,
};
use tokio::time::Instant;

use super::advice::{advice, name};
use super::settings::{bundle, client_config};
use crate::diagnosis::{Diagnosis, Extent, Working};
use crate::{AgentConfig, ConfigError};

/// How long the service may take to forget a session.
const CLOSED_AFTER: Duration = Duration::from_secs(5);

/// All that was found out.
struct Observed {
    discovery: Discovery,
    /// Whether the configuration takes any certificate.
    is_unchecked: bool,
    /// How the certificate was checked when the password was sent; `None` where it was not sent.
    verification: Option<Verification>,
    /// What came of the login; `None` where none was tried.
    login: Option<Login>,
}

/// A login, and what was read with it.
struct Login {
    /// The system that the agent would switch.
    system: Result<ComputerSystem, Error>,
    /// All that are listed; `None` where that was not asked, or not answered.
    systems: Option<Vec<ComputerSystem>>,
    /// What the system says that it takes, if it says so.
    resets: Option<Vec<String>>,
    has_session: bool,
    took: Duration,
}

/// The client of the service, to be closed whatever happens.
#[derive(Default)]
struct Service(Option<Client>);

/// Finds out about the BMC of this configuration, until `gone`: then there is no answer, but sessions are closed all
/// the same.
///
/// # Errors
/// The configuration does not say where the BMC is.
pub(crate) async fn diagnose(
    config: &AgentConfig,
    extent: Extent,
    deadline: Instant,
    gone: impl Future<Output = ()>,
) -> Option<Result<Diagnosis, crate::Error>> {
    let mut service = Service::default();
    let diagnosis = tokio::select! {
        diagnosis = diagnosis(&mut service, config, extent, deadline) => Some(diagnosis),
        () = gone => None,
    };
    if let Some(mut client) = service.0 {
        client.close(Instant::now() + CLOSED_AFTER).await;
    }
    diagnosis
}

async fn diagnosis(
    service: &mut Service,
    config: &AgentConfig,
    extent: Extent,
    deadline: Instant,
) -> Result<Diagnosis, crate::Error> {
    let given = client_config(config, &environment);
    let without_user = client_config(&anonymous(config)?, &environment)?;
    let address = without_user.origin.to_string();
    let mut diagnosis = Diagnosis::new("fence_redfish", "Redfish", address);
    let discovery = match Discovery::of(&without_user, deadline).await {
        Ok(discovery) => discovery,
        Err(error) => return Ok(diagnosis.unreached(told(&error))),
    };
    let is_unchecked = matches!(without_user.verification, Verification::None);
    let mut observed = Observed { discovery, is_unchecked, verification: None, login: None };
    if let Ok(given) = &given
        && extent.log_in
        && let Some(verification) = observed.verification(given, extent)
    {
        observed.verification = Some(verification.clone());
        let config = Config { verification, ..given.clone() };
        observed.login = service.log_in(config, deadline).await;
    }
    facts::state(&mut diagnosis, &observed);
    if !extent.log_in {
        diagnosis.fact("login", "not tried");
    }
    diagnosis.find(findings::of(&observed, config, &given));
    let login = observed.login.as_ref();
    diagnosis.is_refused = login.is_some_and(|login| is_refused(&login.system));
    diagnosis.working = observed.working(config);
    Ok(diagnosis)
}

fn environment(name: &str) -> Option<String> {
    env::var(name).ok()
}

/// The configuration with somebody else's name and password, which are not sent.
fn anonymous(config: &AgentConfig) -> Result<AgentConfig, ConfigError> {
    let mut anonymous = config.clone();
    anonymous.set("username", "nobody")?;
    anonymous.set("password", "none")?;
    Ok(anonymous)
}

impl Service {
    async fn log_in(&mut self, config: Config, deadline: Instant) -> Option<Login> {
        let is_path_given = config.system.is_some();
        let client = self.0.insert(Client::new(config).ok()?);
        let began = Instant::now();
        let system = client.system(deadline).await.cloned();
        let took = began.elapsed();
        let is_listed = !is_path_given && !is_refused(&system) && client.is_admitted();
        let systems = if is_listed { client.systems(deadline).await.ok() } else { None };
        let resets = match &system {
            Ok(_) => client.reset_types(deadline).await.ok().flatten(),
            Err(_) => None,
        };
        Some(Login { system, systems, resets, has_session: client.has_session(), took })
    }
}

impl Observed {
    /// How to check the certificate before the password is sent: as it is configured, or by the fingerprint that was
    /// shown, if the user trusts it. `None` where the password must not be sent: whoever shows the certificate would
    /// have it.
    fn verification(&self, given: &Config, extent: Extent) -> Option<Verification> {
        if !self.speaks_redfish() {
            return None;
        }
        let handshake = &self.discovery.handshake;
        match &handshake.refusal {
            None => Some(given.verification.clone()),
            Some(_) if self.is_another_certificate() => None,
            Some(_) => {
                extent.trust_certificate.then_some(Verification::Fingerprint(handshake.fingerprint))
            }
        }
    }

    /// Some services show nothing to who does not log in.
    fn speaks_redfish(&self) -> bool {
        match &self.discovery.root {
            Ok(root) => root.redfish_version.is_some(),
            Err(Error::Refused { refusal, .. }) => matches!(refusal.status, 401 | 403),
            Err(_) => false,
        }
    }

    /// Not the one that was configured by its fingerprint.
    fn is_another_certificate(&self) -> bool {
        matches!(
            &self.discovery.handshake.refusal,
            Some(TlsFailure::Certificate { fault: CertificateFault::OtherFingerprint, .. })
        )
    }

    fn system(&self) -> Option<&ComputerSystem> {
        self.login.as_ref()?.system.as_ref().ok()
    }

    fn working(&self, config: &AgentConfig) -> Option<Working> {
        let system = self.system().filter(|system| system.power_state().is_ok())?;
        let mut parameters = Vec::new();
        let mut set = |name, value: Option<String>| {
            parameters.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        };
        let given = |name| config.text(name).filter(|_| config.is_given(name));
        set("ip", config.text("ip"));
        set("ipport", config.integer("ipport").filter(|port| *port != 443).map(|p| p.to_string()));
        set("username", given("username"));
        set("password_script", given("password_script"));
        match &self.verification {
            Some(Verification::Fingerprint(fingerprint)) => {
                set("ssl_fingerprint", Some(fingerprint.to_string()));
            }
            Some(Verification::None) => set("ssl_insecure", Some("1".to_owned())),
            // pacemaker has an environment of its own.
            Some(Verification::Bundle(_)) => {
                let path = bundle(config, &environment).map(|(_, path)| path);
                set("ssl_ca_bundle", path.and_then(|path| path.to_str().map(str::to_owned)));
            }
            _ => {}
        }
        set("redfish_uri", given("redfish_uri"));
        let path = self.has_several().then(|| system.path.clone());
        set("systems_uri", given("systems_uri").or(path));
        let graceful = config.is_set("graceful_off").then(|| "1".to_owned());
        set("graceful_off", graceful);
        let is_by_script = config.is_given("password_script");
        let secrets = if is_by_script { Vec::new() } else { vec!["password"] };
        Some(Working { parameters, secrets })
    }

    fn has_several(&self) -> bool {
        let systems = self.login.as_ref().and_then(|login| login.systems.as_ref());
        systems.is_some_and(|all| all.iter().filter(|system| system.has_reset()).count() > 1)
    }
}

/// Whether user and password were refused.
fn is_refused<T>(result: &Result<T, Error>) -> bool {
    let is_401 = |refusal: &Refusal| refusal.status == 401;
    match result {
        Err(Error::Unauthorized { .. }) => true,
        Err(Error::Refused { refusal, .. }) => is_401(refusal),
        _ => false,
    }
}

/// An error with its name and what to try, as the agent tells it.
fn told(error: &Error) -> String {
    let name = name(error).map(|name| format!("{name}: ")).unwrap_or_default();
    let advice = advice(error).map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{name}{error}{advice}")
}
