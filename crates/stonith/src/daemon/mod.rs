//! The controller as a process.

mod begun;
mod service;
mod source;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::UnixListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::controller::{Controller, SetUpError};
use crate::lock::{Lock, LockError};
use crate::plan::PlanError;
use crate::server;

pub(crate) use begun::{Begun, Cause};
pub(crate) use source::Source;

/// Why a controller did not begin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DaemonError {
    #[error("cannot use the directory {}: {reason}", .path.display())]
    Directory { path: PathBuf, reason: io::Error },
    #[error("it is open to others than its owner, or belongs to another user")]
    OpenDirectory,
    #[error(transparent)]
    Running(LockError),
    #[error(transparent)]
    Lock(LockError),
    #[error(transparent)]
    SetUp(Box<SetUpError>),
    #[error("cannot listen on {}: {reason}", .path.display())]
    Socket { path: PathBuf, reason: io::Error },
    #[error("the operating system gives no {what}: {reason}")]
    System { what: &'static str, reason: io::Error },
}

/// Runs a controller until it is asked to stop. `begun` is told once it listens.
pub(crate) fn run(
    config: Config,
    source: Option<Source>,
    begun: impl FnOnce(),
) -> Result<(), DaemonError> {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    raise_descriptor_limit();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|reason| DaemonError::System { what: "runtime", reason })?;
    let result = runtime.block_on(hold(config, source, begun));
    // A name look-up may hang on in a thread of its own.
    runtime.shutdown_background();
    result
}

async fn hold(
    config: Config,
    source: Option<Source>,
    begun: impl FnOnce(),
) -> Result<(), DaemonError> {
    let directory = config.run_directory.clone();
    make_private(directory.path())?;
    let lock_path = directory.instance_lock(&config.instance);
    let lock = Lock::take(&lock_path).map_err(|error| match error {
        taken @ LockError::Taken { .. } => DaemonError::Running(taken),
        error @ LockError::Io { .. } => DaemonError::Lock(error),
    })?;
    let stop = CancellationToken::new();
    let mut signals = Signals::new()?;
    let instance = config.instance.clone();
    let controller = tokio::select! {
        controller = Controller::set_up(config) => controller?,
        () = signals.ends.any() => return Ok(()),
    };
    let socket = directory.socket(&instance);
    let listener = match listen(&socket) {
        Ok(listener) => listener,
        Err(error) => {
            controller.stop().await;
            return Err(error);
        }
    };
    // On a full disk, whoever means "the only one" is asked which.
    let _ = std::fs::File::create(directory.mark(&instance));
    log::info!("controller {instance}: ready");
    begun();
    let serving = server::serve(listener, Arc::clone(&controller), stop.clone());
    let mut looking_after = pin!(async {
        tokio::join!(
            controller.watch_targets(),
            service::tell(&controller),
            signals.obey(&controller, source, &stop),
        )
    });
    let answering = tokio::select! {
        answering = serving => answering,
        _ = looking_after.as_mut() => return Ok(()),
    };
    log::info!("controller {instance}: giving the devices back");
    service::tell_of_the_end();
    // So that nobody connects who would not be answered.
    let _ = std::fs::remove_file(&socket);
    controller.stop().await;
    answering.finish().await;
    log::info!("controller {instance}: stopped");
    drop(lock);
    Ok(())
}

/// Whatever was left there by a controller that was killed: this one holds the lock, so nobody else listens.
fn listen(path: &Path) -> Result<UnixListener, DaemonError> {
    let failed = |reason| DaemonError::Socket { path: path.to_owned(), reason };
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    // Its permissions are those that the umask leaves: 0600 but for the x that a socket has no use for.
    let listener = UnixListener::bind(path).map_err(failed)?;
    rustix::fs::chmod(path, Mode::RUSR | Mode::WUSR).map_err(|error| failed(error.into()))?;
    Ok(listener)
}

fn make_private(path: &Path) -> Result<(), DaemonError> {
    let failed = |reason| DaemonError::Directory { path: path.to_owned(), reason };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let directory = std::fs::symlink_metadata(path).map_err(failed)?;
    let is_ours = directory.uid() == rustix::process::geteuid().as_raw();
    if directory.is_dir() && is_ours && directory.mode() & 0o022 == 0 {
        Ok(())
    } else {
        Err(failed(io::Error::other(DaemonError::OpenDirectory)))
    }
}

/// A thousand devices are a thousand sockets.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

struct Signals {
    ends: Ends,
    hangup: tokio::signal::unix::Signal,
}

/// Those that end.
struct Ends {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> Result<Self, DaemonError> {
        let on =
            |kind| signal(kind).map_err(|reason| DaemonError::System { what: "signals", reason });
        let ends = Ends {
            terminate: on(SignalKind::terminate())?,
            interrupt: on(SignalKind::interrupt())?,
        };
        Ok(Self { ends, hangup: on(SignalKind::hangup())? })
    }

    /// SIGHUP reads the targets anew, the others end.
    async fn obey(self, controller: &Controller, source: Option<Source>, stop: &CancellationToken) {
        let Self { mut ends, mut hangup } = self;
        let reloading = async {
            while hangup.recv().await.is_some() {
                log::info!("SIGHUP");
                source.iter().for_each(Source::tell_of_changes);
                controller.reload().await;
            }
            std::future::pending().await
        };
        // To read the targets may take a while, in which an end is heard of all the same.
        tokio::select! {
            () = ends.any() => stop.cancel(),
            () = reloading => {}
        }
        std::future::pending().await
    }
}

impl Ends {
    async fn any(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => log::info!("SIGTERM"),
            _ = self.interrupt.recv() => log::info!("SIGINT"),
        }
    }
}

impl DaemonError {
    /// What kind of mistake it is.
    pub(crate) fn cause(&self) -> Cause {
        match self {
            Self::SetUp(error) => match &**error {
                SetUpError::Plan(PlanError::NoAgent { .. }) => Cause::NotInstalled,
                SetUpError::Plan(PlanError::MapFile(_)) => Cause::File,
                SetUpError::Plan(_) | SetUpError::Device { .. } => Cause::Configuration,
                SetUpError::NoLock { reason, .. } => cause_of_lock(reason),
                SetUpError::InUse { .. } | SetUpError::Stopped => Cause::Other,
            },
            Self::Running(_) => Cause::Running,
            Self::Lock(error) => cause_of_lock(error),
            Self::Directory { reason, .. } | Self::Socket { reason, .. } => cause_of_io(reason),
            Self::OpenDirectory | Self::System { .. } => Cause::Other,
        }
    }
}

fn cause_of_lock(error: &LockError) -> Cause {
    match error {
        LockError::Taken { .. } => Cause::Other,
        LockError::Io { reason, .. } => cause_of_io(reason),
    }
}

fn cause_of_io(error: &io::Error) -> Cause {
    match error.kind() {
        io::ErrorKind::PermissionDenied => Cause::Privileges,
        _ => Cause::Other,
    }
}

impl From<SetUpError> for DaemonError {
    fn from(error: SetUpError) -> Self {
        Self::SetUp(Box::new(error))
    }
}
