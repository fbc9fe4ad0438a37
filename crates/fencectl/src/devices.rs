//! The providers of fence agents, and which of them are needed.

use std::sync::Arc;
use std::time::Duration;

use fencing::agents::NATIVE;
use fencing::providers::{Native, Redhat};
use fencing::{Agent, Error, Fence, LoadFailure};

use crate::failure::Failure;

/// The name of the provider of the `fence_*` programs that are installed.
pub(crate) const REDHAT: &str = "redhat";

/// How long the agents may take to load: a hundred programs in Python are asked what they are.
const LOADING: Duration = Duration::from_secs(60);

/// Which providers are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// What is part of this program.
    Native,
    /// The programs of the machine, too; they take seconds to load.
    All,
}

impl Wanted {
    /// What these agents of these providers need; without a provider, an agent is native if it can be.
    pub(crate) fn by<'a>(
        agents: impl IntoIterator<Item = &'a str>,
        providers: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let native = fencing::agents::all();
        let is_native = |name: &str| native.iter().any(|definition| definition.agent.name == name);
        let are_native = agents.into_iter().all(is_native)
            && providers.into_iter().all(|provider| provider == NATIVE);
        if are_native { Self::Native } else { Self::All }
    }
}

/// The providers with their agents, and what did not load.
pub(crate) async fn load(wanted: Wanted) -> Result<(Fence, Vec<LoadFailure>), Failure> {
    let mut fence = Fence::new();
    fence.register(NATIVE, Native::new())?;
    if wanted == Wanted::All {
        fence.register(REDHAT, Redhat::new())?;
    }
    let failures = fence.load_agents(LOADING).await;
    Ok((fence, failures))
}

/// The agent of this name, native if there is one.
pub(crate) fn agent<'a>(fence: &'a Fence, name: &str) -> Result<&'a Arc<Agent>, Failure> {
    let found = fence.agent(NATIVE, name).or_else(|_| fence.agent(REDHAT, name));
    found.map_err(|_| Failure::NoAgent(name.to_owned()))
}

/// Whether somebody is registered by this name.
pub(crate) fn check_provider(fence: &Fence, name: &str) -> Result<(), Failure> {
    match fence.providers().any(|known| known == name) {
        true => Ok(()),
        false => Err(Error::UnknownProvider(name.to_owned()).into()),
    }
}
