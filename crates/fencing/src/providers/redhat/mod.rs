//! The `fence_*` programs that are installed on the machine, run by the FenceAgentAPI.

mod answer;
mod error;
mod input;
mod load;
mod metadata;
mod program;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::time::Instant;

pub use self::error::{AgentError, MetadataError};
use self::program::{Program, Search};
use crate::process::Ended;
use crate::work::Works;
use crate::{
    Action, AgentConfig, Error, Loaded, Port, PowerCommand, PowerState, Provider, Success,
};

/// Where distributions install fence agents.
const DIRECTORY: &str = "/usr/sbin";

/// The `fence_*` programs that are installed on the machine: those of the package fence-agents, and whatever else keeps
/// to the FenceAgentAPI. The agents have the names of their files.
///
/// - A program gets its action and parameters on standard input. Its environment is `PATH` (the system's directories)
///   and `LC_ALL=C.UTF-8`, and nothing else.
/// - A boolean that is false is passed only where true is the default: the agents in Python take `ssl_insecure=0` for a
///   wish not to check certificates.
/// - Exit code 0 is success; of a status, 0 is on and 2 is off. All else is a failure, told with the last words on
///   standard error, from which the secrets that were passed are taken out where they stand there as they are.
/// - What a program says of itself is believed: after off and reboot it has looked at the power itself, as the
///   FenceAgentAPI wants it. So its success is [`Success::Reported`]. A status asked for afterwards would prove little
///   more, with the same eyes, and there are agents without one.
/// - A program runs in a process group of its own. Shortly before the deadline, and when nobody waits for it any more,
///   the group is sent SIGTERM, at most a second later SIGKILL. What is left of the group when the program has exited, is
///   killed as well.
#[derive(Debug)]
pub struct Redhat {
    search: Search,
    programs: Mutex<BTreeMap<String, Arc<Program>>>,
    works: Works,
}

impl Redhat {
    /// The provider of the agents in `/usr/sbin`.
    #[must_use]
    pub fn new() -> Self {
        Self::in_directories([DIRECTORY])
    }

    /// The provider of the agents in these directories. Of several with the same name the first counts.
    #[must_use]
    pub fn in_directories(directories: impl IntoIterator<Item = impl Into<PathBuf>>) -> Self {
        Self {
            search: Search {
                directories: directories.into_iter().map(Into::into).collect(),
                only: None,
            },
            programs: Mutex::default(),
            works: Works::default(),
        }
    }

    /// Of them only those with these names: to ask a hundred programs what they are takes seconds.
    #[must_use]
    pub fn only(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.search.only = Some(names.into_iter().map(Into::into).collect());
        self
    }
}

impl Default for Redhat {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for Redhat {
    async fn load_agents(&self, deadline: Instant) -> Loaded {
        let (programs, loaded) = load::all(&self.search, &self.works, deadline).await;
        *self.programs() = programs;
        loaded
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        input::lines(&self.program(config)?.words, Action::Status, config)?;
        Ok(())
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error> {
        let ended = self.run(config, command.into(), deadline).await?;
        answer::success(config, ended)?;
        Ok(Success::Reported(command))
    }

    async fn status(&self, config: &AgentConfig, deadline: Instant) -> Result<PowerState, Error> {
        let ended = self.run(config, Action::Status, deadline).await?;
        answer::power_state(config, ended)
    }

    async fn monitor(&self, config: &AgentConfig, deadline: Instant) -> Result<(), Error> {
        let ended = self.run(config, Action::Monitor, deadline).await?;
        answer::success(config, ended)?;
        Ok(())
    }

    async fn list(&self, config: &AgentConfig, deadline: Instant) -> Result<Vec<Port>, Error> {
        let has_states = config.agent().can(Action::ListStatus);
        let action = if has_states { Action::ListStatus } else { Action::List };
        let ended = self.run(config, action, deadline).await?;
        answer::ports(config, action, ended)
    }

    async fn finish(&self, deadline: Instant) {
        self.works.finish(deadline).await;
    }
}

impl Redhat {
    fn programs(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Program>>> {
        self.programs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn program(&self, config: &AgentConfig) -> Result<Arc<Program>, Error> {
        let agent = config.agent();
        let program = self.programs().get(&*agent.name).cloned();
        program.ok_or_else(|| Error::UnknownAgent {
            provider: agent.provider.to_string(),
            agent: agent.name.to_string(),
        })
    }

    async fn run(
        &self,
        config: &AgentConfig,
        action: Action,
        deadline: Instant,
    ) -> Result<Ended, Error> {
        let program = self.program(config)?;
        let input = input::lines(&program.words, action, config)?;
        program::run(program::command(&program.path), input, deadline, &self.works).await
    }
}
