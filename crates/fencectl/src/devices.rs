//! The providers of fence agents, and which agents of theirs are needed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fencing::agents::NATIVE;
use fencing::providers::{Native, Redhat};
use fencing::{Agent, Fence, LoadFailure};

use crate::failure::Failure;

/// The name of the provider of the `fence_*` programs that are installed.
pub(crate) const REDHAT: &str = "redhat";

/// How long the agents may take to load: a hundred programs in Python are asked what they are.
const LOADING: Duration = Duration::from_secs(60);

/// Which agents are wanted. Those of this program always come along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// These programs of the machine, if they are there.
    Programs(BTreeSet<String>),
    /// All of them.
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
        let are_native = providers.into_iter().all(|provider| provider == NATIVE);
        let programs = agents.into_iter().filter(|name| !are_native || !is_native(name));
        Self::Programs(programs.map(str::to_owned).collect())
    }
}

/// Loads what is wanted: the providers with their agents, and what did not load, though all agents were wanted.
pub(crate) async fn load(wanted: Wanted) -> Result<(Fence, Vec<LoadFailure>), Failure> {
    let mut fence = Fence::new();
    fence.register(NATIVE, Native::new())?;
    fence.register(
        REDHAT,
        match &wanted {
            Wanted::Programs(names) => Redhat::new().only(names),
            Wanted::All => Redhat::new(),
        },
    )?;
    let failures = fence.load_agents(LOADING).await;
    match failures.into_iter() {
        // Whoever asks for certain agents cannot do without them.
        mut failures if wanted != Wanted::All => failures.next().map_or_else(
            || Ok((fence, Vec::new())),
            |failure| Err(Failure::Load(Box::new(failure))),
        ),
        failures => Ok((fence, failures.collect())),
    }
}

/// The agent of this name, native if there is one.
pub(crate) fn agent<'a>(fence: &'a Fence, name: &str) -> Result<&'a Arc<Agent>, Failure> {
    let found = fence.agent(NATIVE, name).or_else(|_| fence.agent(REDHAT, name));
    found.map_err(|_| Failure::NoAgent(name.to_owned()))
}

/// Whether a provider is called so.
pub(crate) fn check_provider(name: &str) -> Result<(), Failure> {
    match name {
        NATIVE | REDHAT => Ok(()),
        other => Err(Failure::NoProvider(other.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn programs(names: &[&str]) -> Wanted {
        Wanted::Programs(names.iter().map(|&name| name.to_owned()).collect())
    }

    #[test]
    fn only_what_is_not_native_is_looked_for_on_the_machine() {
        assert_eq!(Wanted::by(["fence_ipmilan", "fence_ilo4"], []), programs(&[]));
        assert_eq!(Wanted::by(["fence_ipmilan", "fence_apc"], []), programs(&["fence_apc"]));
        assert_eq!(Wanted::by(["fence_ipmilan"], ["native"]), programs(&[]));
        assert_eq!(Wanted::by(["fence_ipmilan"], ["redhat"]), programs(&["fence_ipmilan"]));
    }
}
