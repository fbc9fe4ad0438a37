//! The fence agents that a controller can use: those of this project in process, and programs that are installed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fencing::providers::{Native, Redhat};
use fencing::{Agent, Error, Fence};

use crate::config::{Config, MapFile};
use crate::plan::{PlanError, agents_of};

const NATIVE: &str = fencing::agents::NATIVE;
const PROGRAMS: &str = "redhat";
/// How long the programs may take to say what they are.
const LOADING: Duration = Duration::from_secs(15);

/// Loads the agents that a configuration and its file of targets name. Those of this project count more than programs of
/// the same name.
pub(crate) async fn load(config: &Config, file: Option<&MapFile>) -> Result<Fence, PlanError> {
    load_named(agents_of(config, file), &config.agent_directories).await
}

/// What the agent of this name is.
pub(crate) async fn described(
    name: &str,
    directories: &[PathBuf],
) -> Result<Arc<Agent>, PlanError> {
    let fence = load_named([name.to_owned()].into(), directories).await?;
    let missing = || PlanError::NoAgent { name: name.to_owned(), reason: None };
    loaded(&fence, name).cloned().ok_or_else(missing)
}

async fn load_named(names: BTreeSet<String>, directories: &[PathBuf]) -> Result<Fence, PlanError> {
    let mut fence = Fence::new();
    let twice = |source| PlanError::Parameter { node: None, source };
    fence.register(NATIVE, Native::new()).map_err(twice)?;
    let mut failures = fence.load_agents(LOADING).await;
    let programs: Vec<_> =
        names.into_iter().filter(|name| loaded(&fence, name).is_none()).collect();
    if !programs.is_empty() {
        let provider = Redhat::in_directories(directories).only(programs.clone());
        fence.register(PROGRAMS, provider).map_err(twice)?;
        failures = fence.load_agents(LOADING).await;
    }
    match programs.into_iter().find(|name| loaded(&fence, name).is_none()) {
        None => Ok(fence),
        Some(name) => {
            let reason = failures.first().map(ToString::to_string);
            Err(PlanError::NoAgent { name, reason })
        }
    }
}

/// The agent of this name.
pub(crate) fn loaded<'a>(fence: &'a Fence, name: &str) -> Option<&'a Arc<Agent>> {
    let by = |provider| fence.agent(provider, name).ok();
    by(NATIVE).or_else(|| by(PROGRAMS))
}

/// What the agents of one protocol have in common: two of them at one address are at one device.
pub(crate) fn protocol(agent: &str) -> &str {
    let is_ipmi = fencing::agents::ipmilan::definition(agent).agent.name == agent;
    match agent {
        "fence_redfish" => "redfish",
        _ if is_ipmi => "ipmi",
        program => program,
    }
}

/// Whether a failure says that the device itself was not reached, as opposed to one machine that did not obey.
pub(crate) fn is_out_of_reach(error: &Error) -> bool {
    match error {
        Error::Procedure { source, .. } => is_silence(source),
        Error::TimedOut { .. } | Error::BrokenOff | Error::PasswordScript(_) => true,
        _ => false,
    }
}

fn is_silence(error: &fencing::procedure::FenceError) -> bool {
    use fencing::ErrorKind::{Denied, NoAnswer};
    use fencing::procedure::{FenceError, LastKnown};
    let (FenceError::Status(source)
    | FenceError::List(source)
    | FenceError::Command { source, .. }
    | FenceError::StateUnknown { source, .. }
    | FenceError::TimedOut { last: LastKnown::Error(source), .. }) = error
    else {
        return false;
    };
    matches!(source.kind(), NoAnswer | Denied)
}

/// Whether a failure says that the device does not let us in: to ask often may lock the user out.
pub(crate) fn is_denial(error: &Error) -> bool {
    use fencing::procedure::FenceError;
    matches!(
        error,
        Error::Procedure { source: FenceError::Status(source) | FenceError::List(source), .. }
            if source.kind() == fencing::ErrorKind::Denied
    )
}
