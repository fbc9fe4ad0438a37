//! The controller of a name on this machine: whether it is there, and the way to it.

use std::time::Duration;
use std::{fmt, io};

use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::{Instant, sleep};

use super::answer::{Code, Failure};
use super::environment::Environment;
use crate::client::{Client, ClientError, GRACE};
use crate::config::Config;
use crate::instance::{InstanceName, RunDirectory};
use crate::lock::{self, Holder};
use crate::protocol::{DeviceStatus, ReachStatus, Reply, Request, Status};

/// How often it is looked whether something has changed.
const LOOK: Duration = Duration::from_millis(20);

/// Where a controller is, if it is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    run_directory: RunDirectory,
    instance: InstanceName,
}

impl Place {
    pub(super) fn of(environment: &Environment) -> Result<Self, Failure> {
        let instance = environment.instance()?;
        Ok(Self { run_directory: environment.run_directory()?, instance })
    }

    /// The process that is the controller, whether it answers or not.
    pub(super) fn holder(&self) -> Result<Option<Holder>, Failure> {
        let path = self.run_directory.instance_lock(&self.instance);
        lock::holder(&path).map_err(|error| {
            let code = match error.kind() {
                io::ErrorKind::PermissionDenied => Code::Privileges,
                _ => Code::Generic,
            };
            let path = path.display();
            Failure::new(code, format!("cannot tell whether the controller runs: {path}: {error}"))
        })
    }

    /// Connects to the controller. One that holds its lock and does not listen is about to, or ends: it is waited for.
    /// `None` where there is none.
    pub(super) async fn connect(&self, end: Instant) -> Result<Option<Client>, Failure> {
        loop {
            let Some(holder) = self.holder()? else { return Ok(None) };
            match Client::connect(&self.run_directory, &self.instance).await {
                Ok(client) => return Ok(Some(client)),
                Err(ClientError::NotRunning { .. }) if Instant::now() < end => sleep(LOOK).await,
                Err(ClientError::NotRunning { .. }) => return Err(self.deaf(holder)),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn deaf(&self, holder: Holder) -> Failure {
        let instance = &self.instance;
        let reason = format!("the controller {instance} ({holder}) does not listen on its socket");
        Failure::new(Code::Generic, reason)
    }

    /// Connects to a controller that must be there.
    pub(super) async fn expect(&self, end: Instant) -> Result<Client, Failure> {
        self.connect(end).await?.ok_or_else(|| {
            let reason = format!("the controller {} is not running", self.instance);
            Failure::new(Code::NotRunning, reason)
        })
    }

    /// Whether nothing is the controller any more, by then.
    pub(super) async fn is_free(&self, end: Instant) -> Result<bool, Failure> {
        while self.holder()?.is_some() {
            if Instant::now() >= end {
                return Ok(false);
            }
            sleep(LOOK).await;
        }
        Ok(true)
    }

    /// Sends a signal to the controller, if it is still there, and to no other process that has got its number.
    pub(super) fn signal(&self, signal: Signal) -> Result<(), Failure> {
        let Some(holder) = self.holder()? else { return Ok(()) };
        let cannot = |code, reason: &dyn fmt::Display| {
            let reason = format!("cannot send a signal to the controller, {holder}: {reason}");
            Failure::new(code, reason)
        };
        let Holder(Some(pid)) = holder else {
            return Err(cannot(Code::Generic, &"it has to be stopped there"));
        };
        let failed = |error: Errno| {
            cannot(if error == Errno::PERM { Code::Privileges } else { Code::Generic }, &error)
        };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Err(Errno::SRCH) => return Ok(()),
            process => process.map_err(failed)?,
        };
        // The descriptor is that of the controller if it still holds the lock now.
        if self.holder()? != Some(holder) {
            return Ok(());
        }
        match pidfd_send_signal(process, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(failed(error)),
        }
    }
}

/// Asks for something that has one answer, and gets it by `end` or not at all.
pub(super) async fn ask(
    client: &mut Client,
    request: &Request,
    end: Instant,
) -> Result<Reply, ClientError> {
    client.send(request, end).await?;
    answer(client, end).await
}

/// The next answer, by `end` or not at all.
pub(super) async fn answer(client: &mut Client, end: Instant) -> Result<Reply, ClientError> {
    // The client would be more patient than the cluster is.
    client.answer(end.checked_sub(GRACE).unwrap_or(end)).await
}

/// Asks how the controller is.
pub(super) async fn status(
    client: &mut Client,
    request: &Request,
    end: Instant,
) -> Result<Status, ClientError> {
    match ask(client, request, end).await? {
        Reply::Status(status) => Ok(status),
        _ => Err(client.misplaced()),
    }
}

/// There is one controller of a name. It does not take over another configuration while it runs.
pub(super) async fn check_configuration(
    client: &mut Client,
    config: &Config,
    end: Instant,
) -> Result<(), Failure> {
    let request = Request::Status { probe: false, watch: false, within_ms: within(end) };
    let status = status(client, &request, end).await?;
    if status.configuration == config.mark() {
        return Ok(());
    }
    let reason = format!("{}: it has to be stopped first", of_other_parameters(config, &status));
    Err(Failure::new(Code::Generic, reason))
}

/// How a controller is called that was started with another configuration.
pub(super) fn of_other_parameters(config: &Config, status: &Status) -> String {
    let (instance, pid) = (&config.instance, status.pid);
    format!("the controller {instance} runs with other parameters (process {pid})")
}

/// How long a request may take that has to be answered by then: the answer has a way to go.
pub(super) fn within(end: Instant) -> Duration {
    const WAY: Duration = Duration::from_millis(2500);
    let left = end.saturating_duration_since(Instant::now());
    left - WAY.min(left / 4)
}

pub(super) fn is_reachable(device: &DeviceStatus) -> bool {
    matches!(device.reach, ReachStatus::Reachable { .. })
}

/// How a device is that does not answer, or was not asked yet.
pub(super) fn trouble(device: &DeviceStatus) -> Option<String> {
    let name = &device.device;
    match &device.reach {
        ReachStatus::Reachable { .. } => None,
        ReachStatus::Unknown => Some(format!("{name}: not asked yet")),
        ReachStatus::Unreachable { age_ms, reason } => {
            Some(format!("{name}: cannot be used since {} s: {reason}", age_ms.as_secs()))
        }
    }
}

/// Why a controller that reaches none of its devices is of no use.
pub(super) fn no_device(status: &Status) -> Failure {
    let lines: Vec<_> = status.devices.iter().filter_map(trouble).collect();
    let reason = match (lines.as_slice(), &status.trouble) {
        ([], Some(trouble)) => format!("the controller has no devices: {trouble}"),
        ([], None) => "the controller has no devices: its list of nodes is empty".to_owned(),
        ([line], _) => format!("the device does not answer: {line}"),
        ([line, ..], _) => format!("none of {} devices answers: {line}", lines.len()),
    };
    let details = if lines.len() > 1 { lines } else { Vec::new() };
    Failure::new(Code::Generic, reason).with_details(details)
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self::new(Code::Generic, error.to_string())
    }
}
