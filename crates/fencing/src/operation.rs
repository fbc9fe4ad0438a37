//! One operation with a device, within its caller's time; and the giving back.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::procedure::{FenceError, Settings};
use crate::{AgentConfig, Device, Error, PowerCommand, password_script};

/// How long a device may take to give back its session, which nobody waits for any more.
pub(crate) const CLOSING: Duration = Duration::from_secs(5);
/// What is kept of the caller's time so that the procedure, which knows what was seen, can say so: the last reading,
/// which may take a second, and a little more.
const LAST_WORDS: Duration = Duration::from_millis(1500);

/// What comes of the procedure.
pub(crate) type Procedure<'a, T> = Pin<Box<dyn Future<Output = Result<T, FenceError>> + Send + 'a>>;

/// The procedure's settings, with the end of the caller's time.
pub(crate) fn settings(config: &AgentConfig, deadline: Instant) -> Result<Settings, Error> {
    let now = Instant::now();
    let remaining = deadline.saturating_duration_since(now);
    let until = now + remaining.saturating_sub(LAST_WORDS.min(remaining / 2));
    Ok(Settings { until: Some(until), ..Settings::from_config(config)? })
}

/// How long a command that takes power away is held back.
pub(crate) fn delay(config: &AgentConfig, command: PowerCommand) -> Duration {
    let delay = match command {
        PowerCommand::Off | PowerCommand::Reboot => config.seconds("delay"),
        PowerCommand::On | PowerCommand::Diag => None,
    };
    delay.unwrap_or_default()
}

/// Waits so long. The timer would take a millisecond to find out that there is nothing to be waited for.
pub(crate) async fn pause(time: Duration) {
    if !time.is_zero() {
        sleep(time).await;
    }
}

/// The device that `open` makes of the configuration, once the password is known.
pub(crate) async fn opened(
    mut config: AgentConfig,
    open: impl FnOnce(&AgentConfig) -> Result<Box<dyn Device>, Error>,
) -> Result<Box<dyn Device>, Error> {
    password_script::ask(&mut config).await?;
    open(&config)
}

pub(crate) fn failed(device: &dyn Device, source: FenceError) -> Error {
    Error::Procedure { address: device.address(), source }
}

/// What the end of the caller's time means, where the device is known, and where it was not opened yet.
pub(crate) fn timed_out(device: Option<&(dyn Device + 'static)>) -> Error {
    match device {
        Some(device) => {
            Error::TimedOut { who: device.address(), what: "the power state is not known" }
        }
        None => Error::NotBegun { what: "the password script".to_owned() },
    }
}

pub(crate) async fn close(mut device: Box<dyn Device>) {
    if timeout(CLOSING, device.close()).await.is_err() {
        log::info!("{} was left without closing the session", device.address());
    }
}
