//! A computer system behind a Redfish service as a fence device.

use std::env;
use std::time::Duration;

use async_trait::async_trait;
use redfish_power::{Client, ComputerSystem, Error, Origin, PowerState as Redfish, Purpose, Step};
use tokio::time::Instant;

use super::advice::{advice, kind, name};
use super::settings::{bundle, client_config, proxy};
use crate::agents::bmc::unusable;
use crate::{
    AgentConfig, ConfigError, Device, DeviceError, ErrorKind, Known, Port, Power, PowerState,
    RestartMark,
};

/// How long a command may go unanswered before the power state is looked at: the command may have arrived.
const COMMAND_ANSWERED_AFTER: Duration = Duration::from_secs(10);
/// The same for a power cycle. While it is waited for nobody watches; but one that seems lost is sent again.
const CYCLE_ANSWERED_AFTER: Duration = Duration::from_secs(5);
/// The least time for one reading.
const LEAST_READING: Duration = Duration::from_secs(20);
/// How long the end of a session may take.
const CLOSED_AFTER: Duration = Duration::from_secs(5);

/// Makes the device that a configuration describes; connects nothing.
pub(super) fn open(config: &AgentConfig) -> Result<Box<dyn Device>, ConfigError> {
    let environment = &|name: &str| env::var(name).ok();
    let client_config = client_config(config, environment)?;
    let origin = client_config.origin.clone();
    let client = Client::new(client_config).map_err(|error| {
        let bundle = || bundle(config, environment).map_or("ssl_ca_bundle", |(name, _)| name);
        let parameter = match &error {
            Error::TlsSetup(_) => bundle(),
            Error::Elsewhere { step: Step::System, .. } => "systems_uri",
            Error::Elsewhere { .. } => "redfish_uri",
            _ => "ip",
        };
        unusable(parameter, error.to_string())
    })?;
    Ok(Box::new(System {
        origin,
        client,
        graceful_off: config.is_set("graceful_off"),
        reading_limit: reading_limit(config),
        cycled: false,
        known: Known::default(),
        proxy: proxy(environment),
    }))
}

/// The system of one machine.
struct System {
    origin: Origin,
    client: Client,
    graceful_off: bool,
    /// How long one reading may take, however late its deadline is.
    reading_limit: Duration,
    /// Whether a power cycle was asked for.
    cycled: bool,
    /// What it was when it was read before.
    known: Known,
    /// The variable of the environment that names a proxy. It may be the proxy that does not answer.
    proxy: Option<&'static str>,
}

#[async_trait]
impl Device for System {
    fn address(&self) -> String {
        self.origin.to_string()
    }

    fn begin(&mut self) {
        self.client.begin();
        self.cycled = false;
    }

    fn select(&mut self, plug: Option<&str>) {
        self.client.select(plug);
    }

    fn known(&self) -> Known {
        Known { has_several: self.client.has_several(), ..self.known.clone() }
    }

    fn expect(&mut self, known: &Known) {
        self.known.learn(known.clone());
        if known.has_several {
            self.client.expect_several();
        }
    }

    async fn power_state(&mut self, deadline: Instant) -> Result<PowerState, DeviceError> {
        let deadline = deadline.min(Instant::now() + self.reading_limit);
        let state =
            self.client.power_state(deadline).await.map_err(|error| self.explained(error))?;
        self.meet()?;
        let power = power_state(&state);
        if power == PowerState::Unknown {
            log::info!("{}: PowerState is {state}", self.origin);
        }
        Ok(power)
    }

    async fn set_power(&mut self, to: Power, deadline: Instant) -> Result<(), DeviceError> {
        let purpose = match to {
            Power::On => Purpose::On,
            Power::Off => Purpose::Off { graceful: self.graceful_off },
        };
        self.reset(purpose, deadline, COMMAND_ANSWERED_AFTER).await
    }

    async fn cycle(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        self.cycled = true;
        self.reset(Purpose::Cycle, deadline, CYCLE_ANSWERED_AFTER).await
    }

    async fn diagnostic_interrupt(&mut self, deadline: Instant) -> Result<(), DeviceError> {
        self.reset(Purpose::DiagnosticInterrupt, deadline, COMMAND_ANSWERED_AFTER).await
    }

    /// It is in the same document as the power state, so the last reading tells it.
    async fn restart_mark(&mut self, _: Instant) -> Result<RestartMark, DeviceError> {
        let system = self.client.last_read();
        let time = system.and_then(|system| system.last_reset_time.clone()).ok_or_else(|| {
            let reason = "the system does not tell when it was last reset";
            DeviceError::new(ErrorKind::Unsupported, reason)
        })?;
        if self.cycled && !self.client.was_reset_since() {
            let reason = "by the BMC's clock the last reset was not after the command";
            return Err(DeviceError::new(ErrorKind::Unsupported, reason));
        }
        Ok(RestartMark::Time { text: time.text, since_1970: time.since_1970 })
    }

    /// Those that can be reset. The Id is what `plug` takes.
    async fn plugs(&mut self, deadline: Instant) -> Result<Vec<Port>, DeviceError> {
        let systems = self.client.systems(deadline).await.map_err(|error| self.explained(error))?;
        Ok(systems.iter().filter(|system| system.has_reset()).map(port).collect())
    }

    async fn close(&mut self) {
        self.client.close(Instant::now() + CLOSED_AFTER).await;
    }
}

impl System {
    /// The only machine of a service is the one that it was, by whatever name. Of several each is found by its name.
    fn meet(&mut self) -> Result<(), DeviceError> {
        if self.client.has_several() {
            return Ok(());
        }
        let uuid = self.client.last_read().and_then(|system| system.uuid.clone());
        if uuid.is_none() && self.known.uuid.is_some() {
            log::warn!("{}: the system does not tell its UUID any more", self.origin);
        }
        self.known.meet(uuid)
    }

    async fn reset(
        &mut self,
        purpose: Purpose,
        deadline: Instant,
        patience: Duration,
    ) -> Result<(), DeviceError> {
        let now = Instant::now();
        // The other half is for looking at what became of it.
        let half = deadline.saturating_duration_since(now) / 2;
        let deadline = now + patience.min(half);
        self.client.reset(purpose, deadline).await.map_err(|error| self.explained(error))
    }

    /// The error with what to try, in terms of this agent's parameters.
    fn explained(&self, error: Error) -> DeviceError {
        let kind = kind(&error, self.client.is_admitted());
        let name = name(&error).map(|name| format!("{name}: ")).unwrap_or_default();
        let advice = advice(&error).map(|advice| format!("; {advice}")).unwrap_or_default();
        let proxy = self.proxy.filter(|_| is_before_request(&error));
        let proxy = proxy.map(|name| format!(" (the environment has {name})")).unwrap_or_default();
        DeviceError::new(kind, format!("{name}{error}{proxy}{advice}"))
    }
}

fn power_state(state: &Redfish) -> PowerState {
    match state {
        Redfish::Off => PowerState::Off,
        Redfish::On | Redfish::PoweringOn | Redfish::Paused => PowerState::On,
        Redfish::PoweringOff | Redfish::Other(_) => PowerState::Unknown,
    }
}

fn port(system: &ComputerSystem) -> Port {
    let alias = system.host_name.as_deref().unwrap_or(&system.name);
    Port {
        name: system.id.clone(),
        alias: Some(alias.to_owned()).filter(|alias| !alias.is_empty()),
        state: system.power_state().ok().map(power_state),
    }
}

/// As long as the user gives power to be seen, or its default: without a time-out one dead connection must not take all
/// the time that the caller has.
fn reading_limit(config: &AgentConfig) -> Duration {
    config.seconds("power_timeout").unwrap_or_default().max(LEAST_READING)
}

fn is_before_request(error: &Error) -> bool {
    matches!(error, Error::NoAnswer { failure, .. } if failure.is_before_request())
}
