//! A BMC as a fence device. The only file of this crate that knows the crate ipmi-lan.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use ipmi_lan::command::{
    ChassisControl, Command, GetChassisStatus, GetSystemRestartCause, PowerControl, RestartCause,
};
use ipmi_lan::session::{Delivery, SessionConfig};
use ipmi_lan::{
    CipherSuite, Client, CompletionCode, CredentialError, Error, Kg, LoggedIn, NoAnswer, Password,
    Privilege, RetryPolicy, RmcpPlusStatus, Step, Username, resolve,
};
use tokio::time::Instant;

use crate::{AgentConfig, ConfigError, Device, DeviceError, ErrorKind, PowerState, RestartMark};

/// How long one command may go unanswered before the session is taken for lost: several transmissions.
const SESSION_LOST_AFTER: Duration = Duration::from_secs(4);
/// How long a power cycle may go unacknowledged. Short, because while it is waited for nobody watches, and power may
/// be off for no more than a second.
const CYCLE_ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(500);
/// The login time-out where the user has none.
const WITHOUT_LOGIN_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes the device that a configuration describes; connects nothing.
pub(super) fn open(config: &AgentConfig) -> Result<Box<dyn Device>, ConfigError> {
    if config.is_given("target") {
        let reason = "bridging to a target is not supported yet".to_owned();
        return Err(ConfigError::Unusable { parameter: "target", reason });
    }
    Ok(Box::new(Bmc {
        host: host(config)?,
        port: port(config)?,
        lanplus: config.is_set("lanplus"),
        has_password: config.is_given("password"),
        config: session_config(config)?,
        found: None,
        client: None,
    }))
}

/// The BMC of one machine, and the session with it while there is one.
struct Bmc {
    host: String,
    port: u16,
    lanplus: bool,
    has_password: bool,
    config: SessionConfig,
    /// Who answered the first login of this operation. A later one goes nowhere else: what another machine says of its
    /// power is no answer.
    found: Option<Found>,
    client: Option<Client>,
}

/// A BMC that knows the password.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Found {
    address: SocketAddr,
    guid: [u8; 16],
}

#[async_trait]
impl Device for Bmc {
    fn address(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host.escape_debug(), self.port)
        } else {
            format!("{}:{}", self.host.escape_debug(), self.port)
        }
    }

    async fn power_state(&mut self, deadline: Instant) -> Result<PowerState, DeviceError> {
        let status = self.execute(&GetChassisStatus, deadline).await?;
        Ok(if status.power_on { PowerState::On } else { PowerState::Off })
    }

    async fn set_power(&mut self, to: PowerState, deadline: Instant) -> Result<(), DeviceError> {
        let control = match to {
            PowerState::On => PowerControl::PowerUp,
            PowerState::Off => PowerControl::PowerDown,
        };
        self.execute(&ChassisControl(control), deadline).await
    }

    async fn cycle(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        let command = ChassisControl(PowerControl::PowerCycle);
        self.execute_within(&command, Delivery::Once, deadline, CYCLE_ACKNOWLEDGED_AFTER).await
    }

    async fn diagnostic_interrupt(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        let command = ChassisControl(PowerControl::DiagnosticInterrupt);
        self.execute_within(&command, Delivery::Once, deadline, SESSION_LOST_AFTER).await
    }

    async fn restart_mark(&mut self, deadline: Instant) -> Result<RestartMark, DeviceError> {
        let patience = deadline.saturating_duration_since(Instant::now());
        let cause = self
            .execute_within(&GetSystemRestartCause, Delivery::Repeated, deadline, patience)
            .await?;
        if cause == RestartCause::UNKNOWN {
            let reason = "the BMC does not know the cause of the last restart";
            return Err(DeviceError::new(ErrorKind::Unsupported, reason));
        }
        Ok(RestartMark {
            text: format!("restart cause {}", cause.0),
            by_command: cause == RestartCause::CHASSIS_CONTROL,
        })
    }

    async fn close(&mut self) {
        if let Some(mut client) = self.client.take() {
            client.close().await;
        }
    }
}

impl Bmc {
    /// A command that may be repeated. A session in which it goes unanswered is taken for lost, and a new one opened:
    /// some BMCs forget their sessions when they switch power.
    async fn execute<C>(
        &mut self,
        command: &C,
        deadline: Instant,
    ) -> Result<C::Response, DeviceError>
    where
        C: Command + Sync,
        C::Response: Send,
    {
        loop {
            let until = deadline.min(Instant::now() + SESSION_LOST_AFTER);
            let client = self.logged_in(deadline).await?;
            match client.execute(command, Delivery::Repeated, until.into_std()).await {
                Err(Error::NoAnswer(no_answer)) => {
                    if Instant::now() >= deadline {
                        return Err(self.explained(Error::NoAnswer(no_answer)));
                    }
                    log::info!("{}: {no_answer}; logging in again", self.address());
                    self.abandon().await;
                }
                result => return result.map_err(|error| self.explained(error)),
            }
        }
    }

    /// A command that goes unanswered when `patience` is over, without opening a new session for it.
    async fn execute_within<C>(
        &mut self,
        command: &C,
        delivery: Delivery,
        deadline: Instant,
        patience: Duration,
    ) -> Result<C::Response, DeviceError>
    where
        C: Command + Sync,
        C::Response: Send,
    {
        let client = self.logged_in(deadline).await?;
        let until = deadline.min(Instant::now() + patience);
        client
            .execute(command, delivery, until.into_std())
            .await
            .map_err(|error| self.explained(error))
    }

    async fn logged_in(&mut self, deadline: Instant) -> Result<&mut Client, DeviceError> {
        if self.client.is_none() {
            self.login(deadline).await?;
        }
        self.client.as_mut().ok_or_else(|| {
            DeviceError::new(ErrorKind::NoAnswer, "the session with the BMC is lost")
        })
    }

    /// Logs in where the last login was, or else at the first address of the host where somebody answers. The client is
    /// kept while the login is under way, so that [`Device::close`] can give back a session that is half there.
    async fn login(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        let mut last = None;
        for address in self.addresses(deadline).await? {
            match self.login_at(address, deadline).await {
                Ok((found, suite)) => return self.keep_to(found, suite).await,
                Err(error) => {
                    self.abandon().await;
                    log::info!("{address}: {error}");
                    let is_silent = matches!(
                        error,
                        Error::NoAnswer(NoAnswer { heard_before: false, .. })
                            | Error::System { .. }
                    );
                    last = Some(error);
                    if !is_silent {
                        break;
                    }
                }
            }
        }
        let no_address = || DeviceError::new(ErrorKind::NoAnswer, "the host has no address");
        Err(last.map_or_else(no_address, |error| self.explained(error)))
    }

    /// One address of each family, for a machine has both; two of one family may be two machines.
    async fn addresses(&self, deadline: Instant) -> Result<Vec<SocketAddr>, DeviceError> {
        if let Some(found) = self.found {
            return Ok(vec![found.address]);
        }
        let all = resolve(&self.host, self.port, deadline.into_std())
            .await
            .map_err(|error| self.explained(error))?;
        let is_v6 = all.first().is_some_and(SocketAddr::is_ipv6);
        let other = all.iter().find(|address| address.is_ipv6() != is_v6);
        Ok(all.first().into_iter().chain(other).copied().collect())
    }

    async fn login_at(
        &mut self,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<(Found, CipherSuite), Error> {
        let client = Client::open(address, self.config.clone(), deadline.into_std()).await?;
        let client = self.client.insert(client);
        let LoggedIn { suite, bmc_guid } = client.login().await?;
        Ok((Found { address, guid: bmc_guid }, suite))
    }

    async fn keep_to(&mut self, found: Found, suite: CipherSuite) -> Result<(), DeviceError> {
        if *self.found.get_or_insert(found) != found {
            self.close().await;
            let reason =
                "another BMC answers there now: its GUID differs from that of the first login";
            return Err(DeviceError::new(ErrorKind::Denied, reason));
        }
        self.log_login(found.address, suite);
        Ok(())
    }

    /// The error with what to try, in terms of this agent's parameters.
    fn explained(&self, error: Error) -> DeviceError {
        let kind = kind(&error);
        let advice = match &error {
            Error::WrongPassword if !self.has_password => {
                Some("no password was given, and an empty one was tried: give it with password")
            }
            Error::LoginRefused { status: RmcpPlusStatus::UNAUTHORIZED_NAME, .. }
                if self.config.username.as_bytes().is_empty() =>
            {
                Some(
                    "no username was given, and the anonymous user was tried: give it with username",
                )
            }
            Error::Resolve(_) if self.host.contains(':') => {
                Some("give the port with ipport, not with ip")
            }
            error => advice(error),
        };
        match advice {
            Some(advice) => DeviceError::new(kind, format!("{error}; {advice}")),
            None => DeviceError::new(kind, error),
        }
    }

    async fn abandon(&mut self) {
        if let Some(client) = self.client.take() {
            client.abandon().await;
        }
    }

    fn log_login(&self, address: SocketAddr, suite: CipherSuite) {
        let privilege = self.config.privilege;
        log::info!("{address}: logged in as {privilege} by IPMI 2.0 with cipher suite {suite}");
        if !self.has_password {
            log::warn!(
                "{address}: the BMC takes an empty password: anybody could answer in its place"
            );
        }
        if !self.lanplus {
            log::info!(
                "{address}: lanplus was not asked for, but the BMC has it: IPMI 2.0 is used"
            );
        }
    }
}

fn kind(error: &Error) -> ErrorKind {
    match error {
        Error::NoAnswer(_) | Error::Resolve(_) | Error::System { .. } => ErrorKind::NoAnswer,
        Error::LoginRefused { status, .. } if status.is_transient() => ErrorKind::Busy,
        Error::Refused { code, .. } if code.is_transient() => ErrorKind::Busy,
        Error::Refused { code: CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE, .. } => {
            ErrorKind::PresentState
        }
        Error::Refused { code: CompletionCode::INSUFFICIENT_PRIVILEGE, .. } => ErrorKind::Denied,
        Error::Refused {
            code: CompletionCode::INVALID_COMMAND | CompletionCode::INVALID_DATA_FIELD,
            ..
        } => ErrorKind::Unsupported,
        Error::Refused { .. } | Error::Malformed { .. } => ErrorKind::Refused,
        _ => ErrorKind::Denied,
    }
}

fn advice(error: &Error) -> Option<&'static str> {
    Some(match error {
        Error::NoAnswer(NoAnswer { heard_before: true, step: Step::Rakp1, .. }) => {
            "some BMCs do not answer users they do not know: check username and privlvl"
        }
        Error::NoAnswer(NoAnswer { heard_before: true, .. }) => return None,
        Error::NoAnswer(NoAnswer {
            unreachable: Some(io::ErrorKind::ConnectionRefused), ..
        }) => "check ipport and whether IPMI over LAN is enabled",
        Error::NoAnswer(NoAnswer { unreachable: Some(_), .. }) => {
            "check the address and the network"
        }
        Error::NoAnswer(_) => {
            "check the address, the network, and whether IPMI over LAN is enabled"
        }
        Error::NoIpmi20 => "enable it in the BMC's settings; this version does not speak IPMI 1.5",
        Error::SuitesRefused { .. } => {
            "choose another suite with cipher=, or enable one on the BMC"
        }
        Error::LoginRefused { status: RmcpPlusStatus::UNAUTHORIZED_NAME, .. } => {
            "no such user on the BMC, or not enabled for LAN: check username"
        }
        Error::LoginRefused {
            status: RmcpPlusStatus::INVALID_ROLE | RmcpPlusStatus::UNAUTHORIZED_ROLE,
            ..
        } => "the user may not log in at that level: try a lower privlvl",
        Error::LoginRefused { status, .. } if status.is_transient() => {
            "the BMC's session table is full: try again in a minute"
        }
        Error::WrongPassword => "check password and username",
        Error::WrongKg { kg_given: true } => "check hexadecimal_kg",
        Error::WrongKg { kg_given: false } => "the BMC has a Kg set, give it with hexadecimal_kg",
        Error::PrivilegeRefused { .. } => {
            "try a lower privlvl, or raise the user's limit on the BMC"
        }
        Error::Refused { code: CompletionCode::INSUFFICIENT_PRIVILEGE, .. } => {
            "switching power takes privlvl=operator or administrator"
        }
        _ => return None,
    })
}

fn host(config: &AgentConfig) -> Result<String, ConfigError> {
    let host = config
        .text("ip")
        .ok_or(ConfigError::Missing { what: "the fence address", parameter: "ip" })?;
    // An IPv6 address may be written in brackets, as in an URL.
    let literal = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    Ok(literal.unwrap_or(&host).to_owned())
}

fn port(config: &AgentConfig) -> Result<u16, ConfigError> {
    let port = config.integer("ipport").unwrap_or(0);
    match u16::try_from(port) {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(unusable("ipport", format!("{port} is no UDP port (1 to 65535)"))),
    }
}

fn session_config(config: &AgentConfig) -> Result<SessionConfig, ConfigError> {
    let credential =
        |parameter| move |error: CredentialError| unusable(parameter, error.to_string());
    let username = config.text("username").unwrap_or_default();
    let password = config.secret("password");
    let password = password.as_ref().map_or("", |password| password.expose());
    let kg = config.secret("hexadecimal_kg");
    Ok(SessionConfig {
        username: Username::new(username).map_err(credential("username"))?,
        password: Password::new(password).map_err(credential("password"))?,
        kg: kg
            .map(|kg| Kg::from_hex(kg.expose()))
            .transpose()
            .map_err(credential("hexadecimal_kg"))?,
        privilege: privilege(config),
        cipher_suites: cipher_suites(config)?,
        retry: RetryPolicy { silence: login_timeout(config), ..RetryPolicy::default() },
    })
}

fn privilege(config: &AgentConfig) -> Privilege {
    match config.text("privlvl").as_deref() {
        Some("callback") => Privilege::Callback,
        Some("user") => Privilege::User,
        Some("operator") => Privilege::Operator,
        _ => Privilege::Administrator,
    }
}

/// The suite asked for and no other; the best first when none was.
fn cipher_suites(config: &AgentConfig) -> Result<Vec<CipherSuite>, ConfigError> {
    let Some(id) = config.text("cipher") else { return Ok(CipherSuite::RECOMMENDED.to_vec()) };
    let suite = id.trim().parse().ok().and_then(CipherSuite::from_id);
    let suite = suite.ok_or_else(|| unusable("cipher", unknown_suite(&id)))?;
    if !suite.authenticates_packets() {
        log::warn!(
            "cipher suite {suite} authenticates no packet: anybody on the network can answer for the BMC"
        );
    }
    Ok(vec![suite])
}

fn unknown_suite(id: &str) -> String {
    match id.trim() {
        "4" | "5" | "9" | "10" | "13" | "14" | "18" | "19" => {
            format!("suite {id} encrypts with xRC4, which is broken and not supported: use 17 or 3")
        }
        _ => format!("'{}' is no cipher suite: use 17 or 3", id.escape_debug()),
    }
}

fn login_timeout(config: &AgentConfig) -> Duration {
    let timeout = config.seconds("login_timeout").filter(|timeout| !timeout.is_zero());
    match timeout {
        Some(timeout) if config.is_given("login_timeout") => timeout,
        Some(timeout) if !config.is_set("disable_timeout") => timeout,
        _ => WITHOUT_LOGIN_TIMEOUT,
    }
}

fn unusable(parameter: &'static str, reason: String) -> ConfigError {
    ConfigError::Unusable { parameter, reason }
}
