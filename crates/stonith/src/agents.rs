//! The fence agents that a controller can use: those of this project in process, and programs that are installed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use fencing::procedure::{FenceError, LastKnown};
use fencing::providers::{Native, Redhat};
use fencing::{Agent, Error, ErrorKind, Fence};

use crate::config::{Config, MapFile};
use crate::plan::{PlanError, agents_of};

const NATIVE: &str = fencing::agents::NATIVE;
const PROGRAMS: &str = "redhat";
/// How long the programs may take to say what they are.
const LOADING: Duration = Duration::from_secs(15);
/// So long a BMC is asked in vain before a login is given up, where nobody says otherwise.
const ENOUGH: Duration = Duration::from_secs(5);

/// Loads the agents that a configuration and its file of targets name. Those of this project count more than programs
/// of the same name.
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

/// What a failure says of the device itself, as opposed to one machine that did not obey.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It was reached.
    Reached,
    /// It was not, or cannot be used.
    OutOfReach,
    /// It is there, and does not let us in: to ask often may lock the user out.
    Denied,
    /// Nothing. A program that fails does not tell whether its device or one machine of it was to blame, and nothing
    /// was asked of it by what was not begun.
    Unknown,
}

impl Verdict {
    pub(crate) fn of(error: &Error) -> Self {
        match error {
            Error::Procedure { source, .. } => Self::of_procedure(source),
            Error::TimedOut { .. } | Error::BrokenOff | Error::PasswordScript(_) => {
                Self::OutOfReach
            }
            _ => Self::Unknown,
        }
    }

    /// The same, where the device itself was asked for and nothing of its machines.
    pub(crate) fn of_question(error: &Error) -> Self {
        match Self::of(error) {
            Self::Unknown => Self::OutOfReach,
            verdict => verdict,
        }
    }

    /// The same, where one machine was asked for and the answer had so much time. Who gives less than a login may take
    /// does not find out that the device is dead.
    pub(crate) fn of_machine(error: &Error, time: Duration) -> Self {
        match Self::of(error) {
            Self::OutOfReach if time < ENOUGH => Self::Unknown,
            verdict => verdict,
        }
    }

    fn of_procedure(error: &FenceError) -> Self {
        match error {
            FenceError::Status(source) | FenceError::List(source) => match source.kind() {
                ErrorKind::Denied => Self::Denied,
                ErrorKind::NoSuchPlug | ErrorKind::Unchosen => Self::Reached,
                // Busy as well: it is asked for as long as there is time, and a BMC that has no session free is of no
                // use.
                _ => Self::OutOfReach,
            },
            FenceError::Command { source, .. }
            | FenceError::StateUnknown { source, .. }
            | FenceError::TimedOut { last: LastKnown::Error(source), .. }
                if source.kind() == ErrorKind::NoAnswer =>
            {
                Self::OutOfReach
            }
            FenceError::Command { source, .. }
            | FenceError::StateUnknown { source, .. }
            | FenceError::TimedOut { last: LastKnown::Error(source), .. }
                if source.kind() == ErrorKind::Denied =>
            {
                Self::Denied
            }
            _ => Self::Reached,
        }
    }
}

#[cfg(test)]
mod tests {
    use fencing::{DeviceError, Power};

    use super::*;

    fn verdict(source: FenceError) -> Verdict {
        Verdict::of(&Error::Procedure { address: "bmc".to_owned(), source })
    }

    #[test]
    fn a_device_that_cannot_be_read_is_out_of_reach_and_one_that_does_not_obey_is_not() {
        use ErrorKind::{Busy, Denied, NoAnswer, NoSuchPlug, Refused, Unchosen};
        for (kind, expected) in [
            (NoAnswer, Verdict::OutOfReach),
            (Busy, Verdict::OutOfReach),
            (Refused, Verdict::OutOfReach),
            (Denied, Verdict::Denied),
            (NoSuchPlug, Verdict::Reached),
            (Unchosen, Verdict::Reached),
        ] {
            let error = || DeviceError::new(kind, "scripted");
            assert_eq!(verdict(FenceError::Status(error())), expected, "{kind:?}");
            assert_eq!(verdict(FenceError::List(error())), expected, "{kind:?}");
            let expected = match kind {
                NoAnswer => Verdict::OutOfReach,
                Denied => Verdict::Denied,
                _ => Verdict::Reached,
            };
            let command = "power off";
            assert_eq!(verdict(FenceError::Command { command, source: error() }), expected);
            assert_eq!(verdict(FenceError::StateUnknown { command, source: error() }), expected);
            let (target, refusal, waited) = (Power::Off, None, Duration::ZERO);
            let last = LastKnown::Error(error());
            let error = FenceError::TimedOut { target, last, refusal, waited };
            assert_eq!(verdict(error), expected);
        }
    }

    #[test]
    fn a_program_that_fails_says_nothing_of_its_device_unless_that_was_asked_for() {
        let error = Error::Provider("the agent failed (exit status: 1)".into());
        assert_eq!(Verdict::of(&error), Verdict::Unknown);
        assert_eq!(Verdict::of_question(&error), Verdict::OutOfReach);
    }

    #[test]
    fn what_was_not_begun_or_had_no_time_says_nothing_of_the_device() {
        let error = Error::NotBegun { what: "the wait".to_owned() };
        assert_eq!(Verdict::of(&error), Verdict::Unknown);
        let error = Error::TimedOut { who: "bmc".to_owned(), what: "nothing is known" };
        assert_eq!(Verdict::of(&error), Verdict::OutOfReach);
        assert_eq!(Verdict::of_machine(&error, ENOUGH), Verdict::OutOfReach);
        assert_eq!(Verdict::of_machine(&error, ENOUGH / 2), Verdict::Unknown);
    }
}
