//! A BMC as a fence device.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use ipmi_lan::command::{
    ChassisControl, Command, GetChassisStatus, GetSystemGuid, GetSystemRestartCause, PowerControl,
    RestartCause,
};
use ipmi_lan::session::{Delivery, SessionConfig};
use ipmi_lan::{AuthenticationType, Client, Error, LoggedIn, NoAnswer, Protection, Quirk, resolve};
use tokio::time::{Instant, timeout};

use super::advice::{advice, is_unknown_user, is_wrong_password, kind, name};
use super::settings::{host, session_config};
use crate::agents::bmc::port;
use crate::{
    AgentConfig, ConfigError, Device, DeviceError, ErrorKind, Known, Power, PowerState, RestartMark,
};

/// How long one command may go unanswered before the session is taken for lost: several transmissions.
const SESSION_LOST_AFTER: Duration = Duration::from_secs(4);
/// How long a power cycle may go unacknowledged. Short, because while it is waited for nobody watches, and power may
/// be off for no more than a second.
const CYCLE_ACKNOWLEDGED_AFTER: Duration = Duration::from_millis(500);

/// How long the end of a login is waited for that nobody needs any more: a session that is half open could not be given
/// back, and takes a place at the BMC for a minute.
const LOGIN_ENDED_AFTER: Duration = Duration::from_secs(2);
/// How old a login may be that a call goes on with. One that was left alone for long is nothing to the BMC any more.
const LOGIN_GOES_ON_FOR: Duration = Duration::from_secs(10);
/// How long a call must have gone on with a login for the silence that ends it to be news.
const SILENCE_IS_NEWS_AFTER: Duration = Duration::from_secs(2);
/// How long the GUID, without which fencing goes on, is waited for.
const GUID_ANSWERED_AFTER: Duration = Duration::from_secs(2);

/// Makes the device that a configuration describes; connects nothing.
pub(super) fn open(config: &AgentConfig) -> Result<Box<dyn Device>, ConfigError> {
    Ok(Box::new(Bmc {
        host: host(config)?,
        port: port(config, "UDP")?,
        has_password: config.is_given("password"),
        config: session_config(config)?,
        addresses: Vec::new(),
        has_answered: false,
        known: Known::default(),
        client: None,
        logging_in: None,
        came_in: None,
        is_logged_in: false,
    }))
}

/// A GUID in hexadecimal digits, in the order in which they come. One of zeros is none (IPMI 2.0, section 20.8).
pub(super) fn uuid(guid: [u8; 16]) -> Option<String> {
    (guid != [0; 16]).then(|| guid.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The BMC of one machine, and the session with it while there is one.
struct Bmc {
    host: String,
    port: u16,
    has_password: bool,
    config: SessionConfig,
    /// Where to log in; only the one that answered, once one has. What another machine says of its power is no answer.
    addresses: Vec<SocketAddr>,
    /// Whether there was a login in this operation.
    has_answered: bool,
    /// Who answered the first login, as far as that can be told.
    known: Known,
    client: Option<Client>,
    /// Where a login is under way, and since when. A call that was dropped may have left half of one.
    logging_in: Option<(SocketAddr, Instant)>,
    /// What a login has found out that was carried through, until it is known whether it is the BMC that it should be.
    came_in: Option<LoggedIn>,
    /// Whether the login was carried through, and it is the BMC that it should be.
    is_logged_in: bool,
}

#[async_trait]
impl Device for Bmc {
    fn address(&self) -> String {
        shown(&self.host, self.port)
    }

    /// Where the session goes on, a second login of this operation must lead to the same address; otherwise the first
    /// one tells which it is.
    fn begin(&mut self) {
        if !self.is_logged_in {
            self.addresses.clear();
            self.has_answered = false;
        }
    }

    fn known(&self) -> Known {
        self.known.clone()
    }

    fn expect(&mut self, known: &Known) {
        self.known.learn(known.clone());
    }

    async fn power_state(&mut self, deadline: Instant) -> Result<PowerState, DeviceError> {
        let status = self.execute(&GetChassisStatus, deadline).await?;
        Ok(if status.power_on { PowerState::On } else { PowerState::Off })
    }

    async fn set_power(&mut self, to: Power, deadline: Instant) -> Result<(), DeviceError> {
        let control = match to {
            Power::On => PowerControl::PowerUp,
            Power::Off => PowerControl::PowerDown,
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
        Ok(RestartMark::Cause {
            text: format!("restart cause {}", cause.0),
            by_command: cause == RestartCause::CHASSIS_CONTROL,
        })
    }

    async fn close(&mut self) {
        self.is_logged_in = false;
        self.logging_in = None;
        self.came_in = None;
        if let Some(mut client) = self.client.take() {
            if client.is_half_open() {
                let _ = timeout(LOGIN_ENDED_AFTER, client.login()).await;
            }
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
            let client = self.logged_in(deadline).await?;
            // Only now: the login takes its own time.
            let until = deadline.min(Instant::now() + SESSION_LOST_AFTER);
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
        if !self.is_logged_in && !self.goes_on_with_login().await? {
            self.abandon().await;
            self.login(deadline).await?;
        }
        self.client.as_mut().ok_or_else(|| {
            DeviceError::new(ErrorKind::NoAnswer, "the session with the BMC is lost")
        })
    }

    /// Ends the login that a call has begun that was dropped: another one would leave a session half open, for which a
    /// BMC may have no room. Where there is none, or its time was over, one has to be begun.
    async fn goes_on_with_login(&mut self) -> Result<bool, DeviceError> {
        let (Some((address, since)), Some(client)) = (self.logging_in, &mut self.client) else {
            return Ok(false);
        };
        if since.elapsed() > LOGIN_GOES_ON_FOR {
            return Ok(false);
        }
        let begin = Instant::now();
        let login = match self.came_in {
            Some(logged_in) => Ok(logged_in),
            None => client.login().await,
        };
        match login {
            Ok(logged_in) => {
                self.addresses = vec![address];
                self.keep_to(address, logged_in).await.map(|()| true)
            }
            Err(Error::NoAnswer(no_answer)) if begin.elapsed() < SILENCE_IS_NEWS_AFTER => {
                log::info!("{address}: {no_answer}");
                Ok(false)
            }
            Err(error) => {
                log::info!("{address}: {error}");
                self.abandon().await;
                Err(self.explained(error))
            }
        }
    }

    /// Logs in at the first address of the host where somebody answers, whatever the answer. The client is kept while
    /// the login is under way, so that [`Device::close`] can give back a session that is half there.
    async fn login(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        if self.addresses.is_empty() {
            self.addresses = addresses(&self.host, self.port, deadline)
                .await
                .map_err(|error| self.explained(error))?;
        }
        let mut last = None;
        for address in self.addresses.clone() {
            let result = self.login_at(address, deadline).await;
            if !is_silence(&result) {
                self.addresses = vec![address];
            }
            match result {
                Ok(logged_in) => return self.keep_to(address, logged_in).await,
                Err(error) => {
                    log::info!("{address}: {error}");
                    self.abandon().await;
                    last = Some(error);
                }
            }
            if self.addresses == [address] {
                break;
            }
        }
        let no_address = || DeviceError::new(ErrorKind::NoAnswer, "the host has no address");
        Err(last.map_or_else(no_address, |error| self.explained(error)))
    }

    async fn login_at(
        &mut self,
        address: SocketAddr,
        deadline: Instant,
    ) -> Result<LoggedIn, Error> {
        let client = Client::open(address, self.config.clone(), deadline.into_std()).await?;
        self.logging_in = Some((address, Instant::now()));
        self.client.insert(client).login().await
    }

    async fn keep_to(
        &mut self,
        address: SocketAddr,
        logged_in: LoggedIn,
    ) -> Result<(), DeviceError> {
        self.came_in = Some(logged_in);
        let guid = match logged_in.bmc_guid {
            Some(guid) => Some(guid),
            // A login by IPMI 1.5 tells none.
            None => match self.ask_for_guid().await {
                Err(error) if self.known.uuid.is_some() => {
                    self.abandon().await;
                    return Err(error);
                }
                answered => answered.ok().flatten(),
            },
        };
        let guid = guid.and_then(uuid);
        if guid.is_none() && (self.has_answered || self.known.uuid.is_some()) {
            log::warn!(
                "{address}: logged in again, and the BMC does not tell whether it is the same"
            );
        }
        self.has_answered = true;
        if let Err(another) = self.known.meet(guid) {
            self.close().await;
            return Err(another);
        }
        self.is_logged_in = true;
        self.logging_in = None;
        self.came_in = None;
        self.log_login(address, &logged_in);
        Ok(())
    }

    /// The machine's GUID, if the BMC has one.
    ///
    /// # Errors
    /// When it does not tell within a moment. Who has told it before, and does not now, may be another one.
    async fn ask_for_guid(&mut self) -> Result<Option<[u8; 16]>, DeviceError> {
        let until = Instant::now() + GUID_ANSWERED_AFTER;
        let Some(client) = self.client.as_mut() else { return Ok(None) };
        let guid = client.execute(&GetSystemGuid, Delivery::Repeated, until.into_std()).await;
        match guid.inspect_err(|error| log::debug!("{error}")) {
            Ok(guid) => Ok(Some(guid)),
            Err(error) if matches!(kind(&error), ErrorKind::NoAnswer | ErrorKind::Busy) => {
                Err(self.explained(error))
            }
            Err(_) => Ok(None),
        }
    }

    /// The error with what to try, in terms of this agent's parameters.
    fn explained(&self, error: Error) -> DeviceError {
        let kind = match kind(&error) {
            ErrorKind::PresentState if !self.config.workarounds.finds(Quirk::PresentState) => {
                ErrorKind::Refused
            }
            kind => kind,
        };
        let is_nameless = self.config.username.as_bytes().is_empty();
        let advice = match &error {
            Error::Resolve(_) if self.host.contains(':') => {
                Some("give the port with ipport, not with ip")
            }
            error if is_nameless && is_unknown_user(error) => Some(
                "no username was given, and the anonymous user was tried: give it with username",
            ),
            error if !self.has_password && is_wrong_password(error) => {
                Some("no password was given, and an empty one was tried: give it with password")
            }
            error => advice(error),
        };
        let name = name(&error).map(|name| format!("{name}: ")).unwrap_or_default();
        let advice = advice.map(|advice| format!("; {advice}")).unwrap_or_default();
        DeviceError::new(kind, format!("{name}{error}{advice}"))
    }

    async fn abandon(&mut self) {
        self.is_logged_in = false;
        self.logging_in = None;
        self.came_in = None;
        if let Some(client) = self.client.take() {
            client.abandon().await;
        }
    }

    fn log_login(&self, address: SocketAddr, logged_in: &LoggedIn) {
        let LoggedIn { protection, privilege, workarounds, .. } = logged_in;
        log::info!("{address}: logged in as {privilege} by {protection}");
        if !workarounds.is_empty() {
            log::info!("{address}: workarounds in use: {workarounds}");
        }
        if !self.has_password {
            log::warn!(
                "{address}: the BMC takes an empty password: anybody could answer in its place"
            );
        }
        let is_asked_for = self.config.authentication == Some(AuthenticationType::None);
        if *protection == Protection::Ipmi15(AuthenticationType::None) && !is_asked_for {
            log::warn!(
                "{address}: the BMC wants no authentication of packets: anybody could answer in its place"
            );
        }
    }
}

/// One address of each family, for a machine has both; two of one family may be two machines.
pub(super) async fn addresses(
    host: &str,
    port: u16,
    deadline: Instant,
) -> Result<Vec<SocketAddr>, Error> {
    let all = resolve(host, port, deadline.into_std()).await?;
    let is_v6 = all.first().is_some_and(SocketAddr::is_ipv6);
    let other = all.iter().find(|address| address.is_ipv6() != is_v6);
    Ok(all.first().into_iter().chain(other).copied().collect())
}

/// Where it is, for messages.
pub(super) fn shown(host: &str, port: u16) -> String {
    let host = host.escape_debug();
    if host.clone().any(|character| character == ':') {
        format!("[{host}]:{port}")
    } else {
        format!("{host}:{port}")
    }
}

/// Whether nobody was there at all.
fn is_silence<T>(result: &Result<T, Error>) -> bool {
    let silent = |error: &Error| {
        matches!(
            error,
            Error::NoAnswer(NoAnswer { heard_before: false, .. }) | Error::System { .. }
        )
    };
    result.as_ref().is_err_and(silent)
}
