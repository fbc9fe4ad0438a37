use std::error;

use crate::password_script::ScriptError;
use crate::procedure::FenceError;
use crate::{Action, ConfigError, PowerCommand};

/// Why something that was asked of [`Fence`](crate::Fence) was not done. Each message is one line. None of them says
/// that a machine is in the state that was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nobody is registered by this name.
    #[error("no provider is registered as '{}'", .0.escape_debug())]
    UnknownProvider(String),
    /// Somebody is registered by this name already.
    #[error("a provider is registered as '{}' already", .0.escape_debug())]
    AlreadyRegistered(String),
    /// The provider has loaded no such agent.
    #[error("provider '{}' has loaded no agent '{}'", .provider.escape_debug(), .agent.escape_debug())]
    UnknownAgent {
        /// The name that the provider is registered by.
        provider: String,
        /// The name of the agent.
        agent: String,
    },
    /// No action was asked for, and neither the configuration nor the agent has one that is meant then.
    #[error("{agent} has no default action, and none was asked for")]
    NoDefaultAction {
        /// The agent.
        agent: String,
    },
    /// The agent does not have this action among its own.
    #[error("{agent} does not have the action '{action}'")]
    UnsupportedAction {
        /// The agent.
        agent: String,
        /// What was asked for.
        action: Action,
    },
    /// The agent controls several machines, and none was named.
    #[error("you have to enter plug=…, the machine that is meant: {agent} controls several")]
    MissingPlug {
        /// The agent.
        agent: String,
    },
    /// A list was asked of an agent that controls one machine.
    #[error("{agent} has no plugs to list")]
    NoPlugs {
        /// The agent.
        agent: String,
    },
    /// The configuration is not usable.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// No password came from the command that gives it.
    #[error(transparent)]
    PasswordScript(#[from] ScriptError),
    /// The fencing procedure failed.
    #[error("{address}: {source}")]
    Procedure {
        /// Where the device is.
        address: String,
        /// Which step, and why.
        source: FenceError,
    },
    /// The caller's time is over.
    #[error("{who} timed out; {what}")]
    TimedOut {
        /// The device or the agent that was waited for.
        who: String,
        /// What that means to the caller.
        what: &'static str,
    },
    /// A provider, which has a bug then, answered a command with the success of another one.
    #[error(
        "{agent} says that it did something else than it was asked for: {done}; the power state is not known"
    )]
    OtherCommand {
        /// The agent.
        agent: String,
        /// What it says that it did.
        done: PowerCommand,
    },
    /// The caller's time was over before anything was asked of the device: it says nothing of the device.
    #[error("{what} timed out; nothing was done")]
    NotBegun {
        /// What took so long.
        what: String,
    },
    /// One of several devices that have to be off together did not stay off.
    #[error(
        "{place}: power was seen OFF, and was ON again before the last device of the level was off"
    )]
    OnAgain {
        /// The address of the device, or the plug.
        place: String,
    },
    /// The call has ended without an answer: there is a bug, or the runtime was shut down.
    #[error("the call was broken off; the power state is not known")]
    BrokenOff,
    /// A provider has a reason of its own.
    #[error(transparent)]
    Provider(Box<dyn error::Error + Send + Sync>),
}
