//! A BMC as a fence device. The only file of this crate that knows the crate ipmi-lan.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use ipmi_lan::command::{
    ChassisControl, Command, GetChassisStatus, GetSystemRestartCause, PowerControl, RestartCause,
};
use ipmi_lan::session::{Delivery, SessionConfig};
use ipmi_lan::{
    CipherSuite, Client, CompletionCode, CredentialError, Error, Kg, Password, Privilege,
    RetryPolicy, Username, resolve,
};
use tokio::time::Instant;

use crate::{AgentConfig, ConfigError, Device, DeviceError, ErrorKind, PowerState, RestartMark};

/// How long one command may go unanswered before the session is taken for lost: several transmissions.
const SESSION_LOST_AFTER: Duration = Duration::from_secs(4);
/// How long a power cycle may go unacknowledged. Short, because while it is waited for nobody watches, and power may
/// be off for no more than a second.
const CYCLE_ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(500);
/// The login time-out where the user has none: about what ipmitool takes to give up.
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
        config: session_config(config)?,
        found_at: None,
        client: None,
    }))
}

/// The BMC of one machine, and the session with it while there is one.
struct Bmc {
    host: String,
    port: u16,
    lanplus: bool,
    config: SessionConfig,
    /// Where the first login of this operation succeeded. A later one goes nowhere else: what another machine says of
    /// its power is no answer.
    found_at: Option<SocketAddr>,
    client: Option<Client>,
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
        self.execute_once(&command, deadline, CYCLE_ACKNOWLEDGED_AFTER).await
    }

    async fn diagnostic_interrupt(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        let command = ChassisControl(PowerControl::DiagnosticInterrupt);
        self.execute_once(&command, deadline, SESSION_LOST_AFTER).await
    }

    async fn restart_mark(&mut self, deadline: Instant) -> Result<RestartMark, DeviceError> {
        let cause = self.execute(&GetSystemRestartCause, deadline).await?;
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
                        return Err(Error::NoAnswer(no_answer).into());
                    }
                    self.client = None;
                    log::info!("{}: {no_answer}; logging in again", self.address());
                }
                result => return result.map_err(DeviceError::from),
            }
        }
    }

    /// A command that must not be sent twice.
    async fn execute_once<C>(
        &mut self,
        command: &C,
        deadline: Instant,
        patience: Duration,
    ) -> Result<C::Response, DeviceError>
    where
        C: Command + Sync,
        C::Response: Send,
    {
        let client = self.logged_in(deadline).await?;
        let until = deadline.min(Instant::now() + patience);
        Ok(client.execute(command, Delivery::Once, until.into_std()).await?)
    }

    async fn logged_in(&mut self, deadline: Instant) -> Result<&mut Client, DeviceError> {
        if self.client.is_none() {
            self.login(deadline).await?;
        }
        self.client.as_mut().ok_or_else(|| {
            DeviceError::new(ErrorKind::NoAnswer, "the session with the BMC is lost")
        })
    }

    /// Logs in at the first address of the host where somebody answers. The client is kept while the login is under
    /// way, so that [`Device::close`] can give back a session that is half there.
    async fn login(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        let addresses = match self.found_at {
            Some(address) => vec![address],
            None => resolve(&self.host, self.port, deadline.into_std()).await?,
        };
        let mut last = None;
        for address in &addresses {
            match self.login_at(*address, addresses.len(), deadline).await {
                Ok(suite) => {
                    self.found_at = Some(*address);
                    self.log_login(*address, suite);
                    return Ok(());
                }
                Err(error) => {
                    self.client = None;
                    log::info!("{address}: {error}");
                    let is_answer = !matches!(error, Error::NoAnswer(_) | Error::System { .. });
                    last = Some(error);
                    if is_answer {
                        break;
                    }
                }
            }
        }
        Err(last.map_or_else(
            || DeviceError::new(ErrorKind::NoAnswer, "the host has no address"),
            DeviceError::from,
        ))
    }

    async fn login_at(
        &mut self,
        address: SocketAddr,
        addresses: usize,
        deadline: Instant,
    ) -> Result<CipherSuite, Error> {
        let mut config = self.config.clone();
        // Several addresses share the time that one would have.
        config.retry.silence /= u32::try_from(addresses).unwrap_or(1).max(1);
        let client = Client::open(address, config, deadline.into_std()).await?;
        self.client.insert(client).login().await
    }

    fn log_login(&self, address: SocketAddr, suite: CipherSuite) {
        let privilege = self.config.privilege;
        log::info!("{address}: logged in as {privilege} by IPMI 2.0 with cipher suite {suite}");
        if !self.lanplus {
            log::info!(
                "{address}: lanplus was not asked for, but the BMC has it: IPMI 2.0 is used"
            );
        }
    }
}

impl From<Error> for DeviceError {
    fn from(error: Error) -> Self {
        let kind = match &error {
            Error::NoAnswer(_) | Error::Resolve(_) | Error::System { .. } => ErrorKind::NoAnswer,
            Error::Refused { code, .. } if code.is_transient() => ErrorKind::Busy,
            Error::Refused { code: CompletionCode::NOT_SUPPORTED_IN_PRESENT_STATE, .. } => {
                ErrorKind::PresentState
            }
            Error::Refused {
                code: CompletionCode::INVALID_COMMAND | CompletionCode::INVALID_DATA_FIELD,
                ..
            } => ErrorKind::Unsupported,
            _ => ErrorKind::Refused,
        };
        Self::new(kind, error)
    }
}

fn host(config: &AgentConfig) -> Result<String, ConfigError> {
    let host = config
        .text("ip")
        .ok_or(ConfigError::Missing { what: "the address of the BMC", parameter: "ip" })?;
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

/// Never below what was asked for; the best first when nothing was.
fn cipher_suites(config: &AgentConfig) -> Result<Vec<CipherSuite>, ConfigError> {
    let Some(id) = config.text("cipher") else { return Ok(CipherSuite::ALL.to_vec()) };
    let suite = id.trim().parse().ok().and_then(CipherSuite::from_id);
    let reason =
        || format!("'{}' is no cipher suite of this agent: use 17 or 3", id.escape_debug());
    Ok(vec![suite.ok_or_else(|| unusable("cipher", reason()))?])
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
