//! Starts the controller.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::answer::{Code, Failure, line_of, warn};
use super::controller::{Place, check_configuration, is_reachable, no_device, status, within};
use super::environment::Environment;
use super::launch::launch;
use super::stop;
use super::time::Time;
use crate::client::{Client, ClientError};
use crate::daemon::{Begun, Cause};
use crate::protocol::Request;

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(60);
/// What is kept of it to stop a controller that has reached nothing.
const STOPPING: Duration = Duration::from_secs(5);
/// Between two attempts, while another one is about to begin or to end.
const PAUSE: Duration = Duration::from_millis(50);

/// Starts the controller, if it does not run, and comes back when it has reached a device.
pub(super) async fn start(environment: &Environment) -> Result<Code, Failure> {
    let time = environment.time(DEFAULT);
    let config = environment.config()?;
    let place = Place::of(environment)?;
    let end = time.before_end(STOPPING);
    loop {
        match place.connect(end).await? {
            Some(mut running) => {
                check_configuration(&mut running, &config, end).await?;
                match reach(&mut running, end).await {
                    // It was about to end, or whoever has started it has given up.
                    Err(Unreached::Client(ClientError::Gone { .. })) if Instant::now() < end => {}
                    reached => return Ok(reached.map(|()| Code::Success)?),
                }
            }
            None => match launch(&config, end).await? {
                Begun::Yes => return begin(&place, time).await,
                // Two were started at once.
                Begun::No { cause: Cause::Running, .. } if Instant::now() < end => {}
                Begun::No { cause, reason } => return Err(Failure::new(code(cause), reason)),
            },
        }
        sleep(PAUSE).await;
    }
}

/// Waits for a controller that was started now. One that reaches nothing is stopped again.
async fn begin(place: &Place, time: Time) -> Result<Code, Failure> {
    let end = time.before_end(STOPPING);
    let mut client = place.expect(end).await?;
    match reach(&mut client, end).await {
        Ok(()) => Ok(Code::Success),
        Err(unreached) => {
            drop(client);
            let stopped = stop::stop_by(place, time.left()).await;
            if let Err(failure) = stopped {
                warn(&line_of(&failure.to_string()));
            }
            Err(unreached.into())
        }
    }
}

/// Why no device was reached.
enum Unreached {
    Client(ClientError),
    Devices(Failure),
}

async fn reach(client: &mut Client, end: Instant) -> Result<(), Unreached> {
    let request = Request::AwaitDevice { within_ms: within(end) };
    let status = status(client, &request, end).await.map_err(Unreached::Client)?;
    if status.devices.iter().any(is_reachable) {
        Ok(())
    } else {
        Err(Unreached::Devices(no_device(&status)))
    }
}

impl From<Unreached> for Failure {
    fn from(unreached: Unreached) -> Self {
        match unreached {
            Unreached::Client(error) => error.into(),
            Unreached::Devices(failure) => failure,
        }
    }
}

fn code(cause: Cause) -> Code {
    match cause {
        Cause::Configuration => Code::NotConfigured,
        Cause::File => Code::Arguments,
        Cause::NotInstalled => Code::NotInstalled,
        Cause::Privileges => Code::Privileges,
        Cause::Running | Cause::Other => Code::Generic,
    }
}
