//! What can be found out about a BMC by IPMI.

mod facts;
mod findings;
mod probe;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use ipmi_lan::command::AuthenticationCapabilities;
use ipmi_lan::session::SessionConfig;
use ipmi_lan::{
    AuthenticationType, AuthenticationTypes, CipherSuite, Discovery, Error, Password, Privilege,
    Protection, Protocol, RetryPolicy,
};
use tokio::time::Instant;

use super::advice::{advice, is_unknown_user, is_wrong_password, name};
use super::device::{addresses, shown};
use super::settings::{host, session_config};
use crate::AgentConfig;
use crate::agents::bmc::{login_timeout, port};
use crate::diagnosis::{Diagnosis, Extent, Working};

use probe::{Attempt, Login, Probe};

/// How long a presence ping is waited for: some BMCs do not answer it.
const PONG_WITHIN: Duration = Duration::from_secs(2);
/// How long the authentication types of the lower levels are waited for, once the BMC has told those of the highest.
const TYPES_WITHIN: Duration = Duration::from_secs(2);
/// How long the list of cipher suites is waited for: some BMCs do not tell it before a login.
const SUITES_WITHIN: Duration = Duration::from_millis(1500);

/// What is asked before a login. Nothing vouches for the answers.
struct Asked {
    address: SocketAddr,
    is_present: bool,
    /// For a login as administrator.
    capabilities: Option<AuthenticationCapabilities>,
    /// Of IPMI 1.5, for a login at the levels below: a BMC may offer others at each.
    types_below: Vec<AuthenticationTypes>,
    suites: Result<Vec<u8>, Error>,
}

/// All that was found out.
struct Observed {
    asked: Asked,
    /// With user and password, in the order in which they were tried.
    attempts: Vec<Attempt>,
    /// The same user, by cipher suite 0, which takes no password.
    suite_0: Option<Attempt>,
    /// The same user, by authentication type none of IPMI 1.5.
    none: Option<Attempt>,
}

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
    let mut probe = Probe::new(deadline);
    let diagnosis = tokio::select! {
        diagnosis = diagnosis(&mut probe, config, extent, deadline) => Some(diagnosis),
        () = gone => None,
    };
    probe.close().await;
    diagnosis
}

async fn diagnosis(
    probe: &mut Probe,
    config: &AgentConfig,
    extent: Extent,
    deadline: Instant,
) -> Result<Diagnosis, crate::Error> {
    let (host, port) = (host(config)?, port(config, "UDP")?);
    let mut diagnosis = Diagnosis::new("fence_ipmilan", "IPMI over LAN", shown(&host, port));
    let given = session_config(config);
    let silence = login_timeout(config);
    let asked = match asked(&host, port, silence, deadline).await {
        Ok(asked) => asked,
        Err(error) => return Ok(diagnosis.unreached(told(&error))),
    };
    let mut observed = Observed { asked, attempts: Vec::new(), suite_0: None, none: None };
    match &given {
        Ok(given) if extent.log_in => observed.log_in(probe, config, given).await,
        _ => {}
    }
    facts::state(&mut diagnosis, &observed);
    if !extent.log_in {
        diagnosis.fact("login", "not tried");
    }
    diagnosis.find(findings::of(&observed, config, &given));
    diagnosis.is_refused = observed.attempts.iter().any(Attempt::is_refused);
    diagnosis.working = observed.working(config);
    Ok(diagnosis)
}

/// Asks the first address that answers.
async fn asked(
    host: &str,
    port: u16,
    silence: Duration,
    deadline: Instant,
) -> Result<Asked, Error> {
    let mut last = Error::Resolve(std::io::ErrorKind::NotFound.into());
    for address in addresses(host, port, deadline).await? {
        match ask(address, silence, deadline).await {
            Ok(asked) => return Ok(asked),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn ask(address: SocketAddr, silence: Duration, deadline: Instant) -> Result<Asked, Error> {
    let policy = RetryPolicy::with_silence(silence);
    let within = |time| deadline.min(Instant::now() + time).into_std();
    let mut pinger = Discovery::open(address, policy).await?;
    let mut discovery = Discovery::open(address, policy).await?;
    let level = Privilege::Administrator;
    let (pong, capabilities) = tokio::join!(
        pinger.ping(within(PONG_WITHIN)),
        discovery.authentication_capabilities(level, within(silence)),
    );
    let is_present = pong.is_ok();
    let capabilities = match capabilities {
        Ok(capabilities) => Some(capabilities),
        Err(error) if !is_present && !matches!(error, Error::Refused { .. }) => return Err(error),
        Err(_) => None,
    };
    let has_15 = capabilities.is_some_and(|capabilities| capabilities.ipmi15);
    let types_below =
        if has_15 { types_below(&mut discovery, within(TYPES_WITHIN)).await } else { Vec::new() };
    let suites = discovery.cipher_suites(within(SUITES_WITHIN)).await;
    Ok(Asked { address, is_present, capabilities, types_below, suites })
}

async fn types_below(
    discovery: &mut Discovery,
    deadline: std::time::Instant,
) -> Vec<AuthenticationTypes> {
    let mut types = Vec::new();
    for level in [Privilege::Operator, Privilege::User] {
        let capabilities = discovery.authentication_capabilities(level, deadline).await;
        types.extend(capabilities.ok().map(|capabilities| capabilities.authentication_types));
    }
    types
}

impl Asked {
    /// A BMC that does not say what it has may have it.
    fn may_have_20(&self) -> bool {
        self.capabilities.is_none_or(|capabilities| capabilities.ipmi20)
    }

    fn may_have_15(&self) -> bool {
        self.capabilities.is_none_or(|capabilities| capabilities.ipmi15)
    }

    fn offers(&self, kind: AuthenticationType) -> bool {
        self.types_15().contains(kind)
    }

    /// What IPMI 1.5 offers at any level from user to administrator.
    fn types_15(&self) -> AuthenticationTypes {
        let highest = self.capabilities.filter(|capabilities| capabilities.ipmi15);
        let highest = highest.map(|capabilities| capabilities.authentication_types);
        let all = highest.iter().chain(&self.types_below);
        AuthenticationTypes::from_bits(all.fold(0, |bits, types| bits | types.bits()))
    }
}

impl Observed {
    /// Each way in, the best first. With a password that was refused once nothing more is tried: BMCs lock users out.
    async fn log_in(&mut self, probe: &mut Probe, config: &AgentConfig, given: &SessionConfig) {
        // Who has no name may have a password; a name alone would be tried with an empty one.
        let is_user_given = config.is_given("password");
        if is_user_given && self.asked.may_have_20() {
            self.log_in_by_20(probe, config, given).await;
        }
        if is_user_given && self.asked.may_have_15() {
            self.log_in_by_15(probe, config, given).await;
        }
        if self.asked.may_have_20() {
            let protocol = Protocol::Ipmi20;
            let suite_0 = CipherSuite::from_id(0).into_iter().collect();
            let config = SessionConfig { protocol, cipher_suites: suite_0, ..nobody(given) };
            self.suite_0 = self.highest(probe, config).await;
        }
        if self.asked.offers(AuthenticationType::None) {
            let authentication = Some(AuthenticationType::None);
            let protocol = Protocol::Ipmi15;
            let config = SessionConfig { protocol, authentication, ..nobody(given) };
            self.none = self.highest(probe, config).await;
        }
    }

    async fn log_in_by_20(
        &mut self,
        probe: &mut Probe,
        config: &AgentConfig,
        given: &SessionConfig,
    ) {
        let session = SessionConfig { protocol: Protocol::Ipmi20, ..given.clone() };
        let is_suite_given = config.is_given("cipher");
        self.try_levels(probe, &session).await;
        let has_no_suite = self.attempts.last().is_some_and(Attempt::has_no_suite);
        let others = self.other_suites();
        if has_no_suite && !is_suite_given && !others.is_empty() {
            self.try_levels(probe, &SessionConfig { cipher_suites: others, ..session }).await;
        }
    }

    /// Of what the BMC lists, or of all where it lists nothing: what protects less than the recommended ones.
    fn other_suites(&self) -> Vec<CipherSuite> {
        let is_other = |suite: &CipherSuite| {
            let is_listed =
                self.asked.suites.as_ref().map_or(true, |ids| ids.contains(&suite.id()));
            suite.id() != 0 && !CipherSuite::RECOMMENDED.contains(suite) && is_listed
        };
        CipherSuite::ALL.into_iter().filter(is_other).collect()
    }

    /// By MD5 or MD2, or by what the user has asked for: the others give the password away.
    async fn log_in_by_15(
        &mut self,
        probe: &mut Probe,
        config: &AgentConfig,
        given: &SessionConfig,
    ) {
        let is_doubtful = |attempt: &Attempt| attempt.is_refused() || attempt.is_unknown_user();
        let has_type = [AuthenticationType::Md5, AuthenticationType::Md2]
            .into_iter()
            .any(|kind| self.asked.offers(kind));
        if self.attempts.iter().any(is_doubtful) || !has_type && !config.is_given("auth") {
            return;
        }
        let is_known_good = self.attempts.iter().any(Attempt::is_in);
        let retry = if is_known_good { given.retry } else { only_once(given.retry) };
        let session = SessionConfig { protocol: Protocol::Ipmi15, retry, ..given.clone() };
        match self.best() {
            // One level shows that it is open.
            Some(login) => {
                let privilege = login.privilege();
                let attempt =
                    probe.attempt(self.asked.address, SessionConfig { privilege, ..session }).await;
                self.attempts.push(attempt);
            }
            None => self.try_levels(probe, &session).await,
        }
    }

    /// From the level that was asked for downwards, until the least one that can switch power is known to work.
    async fn try_levels(&mut self, probe: &mut Probe, session: &SessionConfig) {
        for privilege in levels_from(session.privilege) {
            let config = SessionConfig { privilege, ..session.clone() };
            let attempt = probe.attempt(self.asked.address, config).await;
            let goes_on = match &attempt.outcome {
                Ok(login) => login.privilege() > Privilege::Operator,
                Err(_) => attempt.is_level_refused() && self.best().is_none(),
            };
            self.attempts.push(attempt);
            if !goes_on {
                return;
            }
        }
    }

    /// The highest level that is given without a password.
    async fn highest(&self, probe: &mut Probe, session: SessionConfig) -> Option<Attempt> {
        let mut last = None;
        for privilege in levels_from(Privilege::Administrator) {
            let config = SessionConfig { privilege, ..session.clone() };
            let attempt = last.insert(probe.attempt(self.asked.address, config).await);
            if !attempt.is_level_refused() {
                break;
            }
        }
        last
    }

    /// The way in that a cluster should use: the safest protocol, and the lowest level that can switch power.
    fn best(&self) -> Option<&Login> {
        let logins = self.attempts.iter().filter_map(|attempt| attempt.outcome.as_ref().ok());
        logins
            .filter(|login| login.privilege() >= Privilege::Operator && login.status.is_ok())
            .min_by_key(|login| (login.is_15(), login.privilege()))
    }

    /// Whether a configuration should name the suite: ipmitool, which the Python agent runs, uses none that the BMC
    /// does not list, and waits ten seconds for the list.
    fn needs_suite(&self, suite: CipherSuite) -> bool {
        let is_listed = self.asked.suites.as_ref().is_ok_and(|suites| suites.contains(&suite.id()));
        !is_listed || !CipherSuite::RECOMMENDED.contains(&suite)
    }

    fn working(&self, config: &AgentConfig) -> Option<Working> {
        let login = self.best()?;
        let mut parameters = Vec::new();
        let mut set = |name, value: Option<String>| {
            parameters.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        };
        let given = |name| config.text(name).filter(|_| config.is_given(name));
        set("ip", config.text("ip"));
        set("ipport", config.integer("ipport").filter(|port| *port != 623).map(|p| p.to_string()));
        set("username", given("username"));
        set("password_script", given("password_script"));
        match login.logged_in.protection {
            Protection::Ipmi20(suite) => {
                set("lanplus", Some("1".to_owned()));
                let is_needed = config.is_given("cipher") || self.needs_suite(suite);
                set("cipher", is_needed.then(|| suite.id().to_string()));
            }
            Protection::Ipmi15(_) => {
                set("lanplus", Some("0".to_owned()));
                set("auth", given("auth"));
            }
        }
        set("privlvl", Some(login.privilege().to_string()));
        for name in PASSED_ON {
            set(name, given(name));
        }
        let secrets = ["password", "hexadecimal_kg"].into_iter();
        let is_by_script = config.is_given("password_script");
        let secrets =
            secrets.filter(|name| config.is_given(name) && !(*name == "password" && is_by_script));
        Some(Working { parameters, secrets: secrets.collect() })
    }
}

/// Parameters that say how to reach the machine: a cluster needs them as they were given.
const PASSED_ON: [&str; 6] =
    ["target", "target_channel", "target_lun", "transit", "transit_channel", "workarounds"];

fn levels_from(highest: Privilege) -> impl Iterator<Item = Privilege> {
    let levels = [Privilege::Administrator, Privilege::Operator, Privilege::User];
    levels.into_iter().filter(move |level| *level <= highest)
}

/// The user, without password, key and target.
fn nobody(given: &SessionConfig) -> SessionConfig {
    SessionConfig {
        password: Password::default(),
        kg: None,
        authentication: None,
        target: None,
        ..given.clone()
    }
}

/// In IPMI 1.5 a BMC does not answer a wrong password. So one that is not known to be right is sent once, and long
/// waited for.
fn only_once(retry: RetryPolicy) -> RetryPolicy {
    let patience = Duration::from_secs(1);
    RetryPolicy {
        first_interval: patience,
        longest_interval: patience,
        transmissions_per_activation: 1,
        activations: 1,
        ..retry
    }
}

/// An error with its name and what to try, as the agent tells it.
fn told(error: &Error) -> String {
    let name = name(error).map(|name| format!("{name}: ")).unwrap_or_default();
    let advice = advice(error).map(|advice| format!("; {advice}")).unwrap_or_default();
    format!("{name}{error}{advice}")
}
