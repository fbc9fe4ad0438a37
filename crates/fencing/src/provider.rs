use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::procedure::{Done, Remark};
use crate::{Agent, AgentConfig, Device, Error, PowerCommand, PowerState};

/// Where agents come from, and who carries their actions out. Two come with this crate, see
/// [`providers`](crate::providers); programs may register others.
///
/// [`Fence`](crate::Fence) calls it only with configurations of agents that it has loaded, for actions that the agent
/// has, with all parameters that are required. Each call comes back by its deadline. A call whose future is dropped
/// ends its work as soon as it can; what it holds by then (sessions, processes) is given back at the latest when
/// [`Provider::finish`] has come back.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Loads what agents there are.
    async fn load_agents(&self, deadline: Instant) -> Loaded;

    /// Looks at values that only the provider understands. Touches no device.
    ///
    /// # Errors
    /// When no action could succeed with this configuration.
    fn verify(&self, config: &AgentConfig) -> Result<(), Error>;

    /// Carries a command out. An answer is a promise: after off and reboot, that the machine was without power.
    ///
    /// # Errors
    /// Whenever that is not certain.
    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error>;

    /// Reads the power state.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn status(&self, config: &AgentConfig, deadline: Instant) -> Result<PowerState, Error>;

    /// Finds out whether the device answers.
    ///
    /// # Errors
    /// When it does not.
    async fn monitor(&self, config: &AgentConfig, deadline: Instant) -> Result<(), Error>;

    /// Lists the ports of a device with several machines.
    ///
    /// # Errors
    /// When they cannot be listed.
    async fn list(&self, config: &AgentConfig, deadline: Instant) -> Result<Vec<Port>, Error>;

    /// A device that may be [held](crate::Held) between actions: a session that is kept serves many. `None` where the
    /// provider has no such thing, and each action is a call of its own. Nothing is connected by it.
    ///
    /// # Errors
    /// When there can be no device with this configuration.
    fn device(&self, _config: &AgentConfig) -> Result<Option<Box<dyn Device>>, Error> {
        Ok(None)
    }

    /// Waits until all is given back that calls have left behind.
    async fn finish(&self, _deadline: Instant) {}
}

/// What [`Fence::deregister`](crate::Fence::deregister) gives back can be registered again.
#[async_trait]
impl<P: Provider + ?Sized> Provider for Arc<P> {
    async fn load_agents(&self, deadline: Instant) -> Loaded {
        (**self).load_agents(deadline).await
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        (**self).verify(config)
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error> {
        (**self).command(config, command, deadline).await
    }

    async fn status(&self, config: &AgentConfig, deadline: Instant) -> Result<PowerState, Error> {
        (**self).status(config, deadline).await
    }

    async fn monitor(&self, config: &AgentConfig, deadline: Instant) -> Result<(), Error> {
        (**self).monitor(config, deadline).await
    }

    async fn list(&self, config: &AgentConfig, deadline: Instant) -> Result<Vec<Port>, Error> {
        (**self).list(config, deadline).await
    }

    fn device(&self, config: &AgentConfig) -> Result<Option<Box<dyn Device>>, Error> {
        (**self).device(config)
    }

    async fn finish(&self, deadline: Instant) {
        (**self).finish(deadline).await;
    }
}

/// What a provider has loaded.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The agents, each with a name of its own.
    pub agents: Vec<Agent>,
    /// What looked like an agent and could not be loaded: its name, and why.
    pub failures: Vec<(String, Error)>,
}

/// What did not load, and why.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadFailure {
    /// One agent.
    #[error("{agent} of provider {provider}: {reason}")]
    Agent {
        /// The name that the provider is registered by.
        provider: String,
        /// The agent's name.
        agent: String,
        /// Why.
        reason: Error,
    },
    /// All agents of a provider: it did not come back in time, or broke off.
    #[error("provider {provider}: {reason}")]
    Provider {
        /// The name that the provider is registered by.
        provider: String,
        /// Why.
        reason: Error,
    },
}

/// A command was carried out, and this is how that is known.
#[derive(Debug)]
pub enum Success {
    /// It was seen, by the fencing procedure of this crate.
    Observed(Done),
    /// Somebody else says so: the exit code of a program, or the provider of a user.
    Reported(PowerCommand),
}

/// One of several machines of a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// What the parameter `plug` takes.
    pub name: String,
    /// Another name of it, for people.
    pub alias: Option<String>,
    /// Its power state, where the device tells it in the list.
    pub state: Option<PowerState>,
}

/// What an action came to.
#[derive(Debug)]
pub enum Outcome {
    /// On, off, reboot, diag: it was carried out.
    Done(Success),
    /// Status: this was read.
    Status(PowerState),
    /// Monitor: the device answers.
    Monitored,
    /// List: these are there.
    Ports(Vec<Port>),
}

impl Success {
    /// What the caller should hear of besides: that a machine that was fenced is not on again, or that nothing but an
    /// acknowledgement proves that it was off.
    #[must_use]
    pub fn warning(&self) -> Option<Remark<'_>> {
        match self {
            Self::Observed(done) => done.remark().filter(Remark::is_warning),
            Self::Reported(_) => None,
        }
    }
}

impl fmt::Display for Success {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(done) => done.fmt(f),
            Self::Reported(command) => write!(f, "{command}, as the agent says"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done(success) => success.fmt(f),
            Self::Status(state) => state.fmt(f),
            Self::Monitored => f.write_str("answers"),
            Self::Ports(ports) => write!(f, "{} ports", ports.len()),
        }
    }
}
