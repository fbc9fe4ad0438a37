use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use crate::{
    Action, Agent, AgentConfig, ConfigError, Error, Held, LoadFailure, Loaded, Outcome, Parameter,
    Plug, Port, PowerCommand, PowerState, Provider, Success,
};

/// How much later than asked a provider may come back before it is no longer waited for. It knows better than anybody
/// else why there is no answer.
const GRACE: Duration = Duration::from_secs(1);

/// Providers of fence agents, and what can be done with them.
#[derive(Default)]
pub struct Fence {
    providers: BTreeMap<String, Registered>,
}

struct Registered {
    provider: Arc<dyn Provider>,
    agents: BTreeMap<String, Arc<Agent>>,
}

impl fmt::Debug for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let agents = |registered: &Registered| registered.agents.keys().cloned().collect();
        let agents: BTreeMap<_, Vec<String>> =
            self.providers.iter().map(|(name, registered)| (name, agents(registered))).collect();
        f.debug_tuple("Fence").field(&agents).finish()
    }
}

impl Fence {
    /// Without any provider.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One provider and one agent, which is known without being loaded: for a program that is that agent. The provider
    /// is registered by the name that the agent has for it.
    #[must_use]
    pub fn of(agent: &Arc<Agent>, provider: impl Provider + 'static) -> Self {
        let agents = BTreeMap::from([(agent.name.to_string(), Arc::clone(agent))]);
        let registered = Registered { provider: Arc::new(provider), agents };
        Self { providers: BTreeMap::from([(agent.provider.to_string(), registered)]) }
    }

    /// Registers a provider by a name. It has no agents until they are loaded.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`].
    pub fn register(
        &mut self,
        name: impl Into<String>,
        provider: impl Provider + 'static,
    ) -> Result<(), Error> {
        let name = name.into();
        if self.providers.contains_key(&name) {
            return Err(Error::AlreadyRegistered(name));
        }
        let provider = Registered { provider: Arc::new(provider), agents: BTreeMap::new() };
        self.providers.insert(name, provider);
        Ok(())
    }

    /// Takes a provider out, with its agents. Its configurations are of no use any more.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`].
    pub fn deregister(&mut self, name: &str) -> Result<Arc<dyn Provider>, Error> {
        let removed = self.providers.remove(name);
        removed
            .map(|registered| registered.provider)
            .ok_or_else(|| Error::UnknownProvider(name.to_owned()))
    }

    /// The names of the providers, in alphabetical order.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.providers.keys().map(String::as_str)
    }

    /// Loads the agents of all providers, at the same time, and returns what could not be loaded. Agents that were
    /// loaded before are forgotten, but for those of a provider that fails.
    pub async fn load_agents(&mut self, within: Duration) -> Vec<LoadFailure> {
        let deadline = deadline_after(within);
        let mut loading = JoinSet::new();
        for (name, registered) in &self.providers {
            let (name, provider) = (name.clone(), Arc::clone(&registered.provider));
            loading.spawn(async move {
                let loaded = timeout_at(deadline + GRACE, provider.load_agents(deadline)).await;
                (name, loaded)
            });
        }
        let mut failures = Vec::new();
        let mut missing: Vec<_> = self.providers.keys().cloned().collect();
        while let Some(result) = loading.join_next().await {
            let Ok((name, loaded)) = result else { continue };
            missing.retain(|other| *other != name);
            match loaded {
                Ok(loaded) => failures.extend(self.keep(&name, loaded)),
                Err(_) => {
                    let reason = Error::TimedOut { who: name.clone(), what: "nothing was loaded" };
                    failures.push(LoadFailure::Provider { provider: name, reason });
                }
            }
        }
        let broken_off = |provider| LoadFailure::Provider { provider, reason: Error::BrokenOff };
        failures.extend(missing.into_iter().map(broken_off));
        failures
    }

    fn keep(&mut self, name: &str, loaded: Loaded) -> Vec<LoadFailure> {
        if let Some(registered) = self.providers.get_mut(name) {
            let agents = loaded.agents.into_iter().map(|agent| {
                let agent = Agent { provider: name.to_owned().into(), ..agent };
                (agent.name.to_string(), Arc::new(agent))
            });
            registered.agents = agents.collect();
        }
        let failure =
            |(agent, reason)| LoadFailure::Agent { provider: name.to_owned(), agent, reason };
        loaded.failures.into_iter().map(failure).collect()
    }

    /// The agents that are loaded, by provider and name.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<Agent>> {
        self.providers.values().flat_map(|registered| registered.agents.values())
    }

    /// An agent.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], [`Error::UnknownAgent`].
    pub fn agent(&self, provider: &str, name: &str) -> Result<&Arc<Agent>, Error> {
        self.registered(provider)?.agents.get(name).ok_or_else(|| Error::UnknownAgent {
            provider: provider.to_owned(),
            agent: name.to_owned(),
        })
    }

    /// A configuration of an agent, in which nothing is given yet.
    ///
    /// # Errors
    /// [`Error::UnknownProvider`], [`Error::UnknownAgent`].
    pub fn agent_config(&self, provider: &str, agent: &str) -> Result<AgentConfig, Error> {
        self.agent(provider, agent).map(|agent| AgentConfig::new(Arc::clone(agent)))
    }

    /// Checks whether an action can be carried out with a configuration, as far as that can be told without the device.
    /// Without an action it is the configuration's, or else the agent's default. Returns the action.
    ///
    /// # Errors
    /// Whatever is wrong first.
    pub fn verify(&self, config: &AgentConfig, action: Option<Action>) -> Result<Action, Error> {
        let agent = config.agent();
        self.agent(&agent.provider, &agent.name)?;
        let action = action.map_or_else(|| default_action(config), Ok)?;
        check_action(agent, action)?;
        check_plug(config, action)?;
        check_required(config)?;
        self.registered(&agent.provider)?.provider.verify(config)?;
        Ok(action)
    }

    /// Carries an action out; without one, the configuration's, or else the agent's default.
    ///
    /// # Errors
    /// See [`Error`]. When the time is over, that is an error, too.
    pub async fn run(
        &self,
        config: &AgentConfig,
        action: Option<Action>,
        within: Duration,
    ) -> Result<Outcome, Error> {
        let command =
            |command| async move { self.command(config, command, within).await.map(Outcome::Done) };
        match action.map_or_else(|| default_action(config), Ok)? {
            Action::On => command(PowerCommand::On).await,
            Action::Off => command(PowerCommand::Off).await,
            Action::Reboot => command(PowerCommand::Reboot).await,
            Action::Diag => command(PowerCommand::Diag).await,
            Action::Status => self.status(config, within).await.map(Outcome::Status),
            Action::Monitor => self.monitor(config, within).await.map(|()| Outcome::Monitored),
            Action::List | Action::ListStatus => {
                self.list(config, within).await.map(Outcome::Ports)
            }
        }
    }

    /// Powers the machine on.
    ///
    /// # Errors
    /// As all that follow: see [`Error`]; none of them says that the machine is in the state asked for.
    pub async fn on(&self, config: &AgentConfig, within: Duration) -> Result<Success, Error> {
        self.command(config, PowerCommand::On, within).await
    }

    /// Powers the machine off.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn off(&self, config: &AgentConfig, within: Duration) -> Result<Success, Error> {
        self.command(config, PowerCommand::Off, within).await
    }

    /// Powers the machine off and on. It was off; whether it is on again, [`Success::warning`] tells.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn reboot(&self, config: &AgentConfig, within: Duration) -> Result<Success, Error> {
        self.command(config, PowerCommand::Reboot, within).await
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        within: Duration,
    ) -> Result<Success, Error> {
        let deadline = deadline_after(within);
        let provider = self.provider_for(config, command.into())?;
        let success =
            in_time(deadline, config, provider.command(config, command, deadline)).await?;
        success_of(command, success, config)
    }

    /// Reads the power state.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn status(
        &self,
        config: &AgentConfig,
        within: Duration,
    ) -> Result<PowerState, Error> {
        let deadline = deadline_after(within);
        let provider = self.provider_for(config, Action::Status)?;
        in_time(deadline, config, provider.status(config, deadline)).await
    }

    /// Finds out whether the device answers.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn monitor(&self, config: &AgentConfig, within: Duration) -> Result<(), Error> {
        let deadline = deadline_after(within);
        let provider = self.provider_for(config, Action::Monitor)?;
        in_time(deadline, config, provider.monitor(config, deadline)).await
    }

    /// Lists the machines of a device that has several.
    ///
    /// # Errors
    /// See [`Fence::on`].
    pub async fn list(&self, config: &AgentConfig, within: Duration) -> Result<Vec<Port>, Error> {
        let deadline = deadline_after(within);
        let provider = self.provider_for(config, Action::List)?;
        in_time(deadline, config, provider.list(config, deadline)).await
    }

    /// A device that is held between actions, for programs that live long. What is wrong with the configuration is said
    /// now, but for a plug that is missing, because it comes with each call. Nothing is connected yet.
    ///
    /// # Errors
    /// Whatever is wrong first.
    pub fn hold(&self, config: &AgentConfig) -> Result<Held, Error> {
        let agent = config.agent();
        self.agent(&agent.provider, &agent.name)?;
        check_required(config)?;
        let provider = &self.registered(&agent.provider)?.provider;
        provider.verify(config)?;
        Held::new(Arc::clone(provider), config.clone())
    }

    /// Waits until sessions are closed and processes have ended that calls have left behind: those that were dropped,
    /// and those that had their answer. To be called before the runtime ends.
    pub async fn finish(&self, within: Duration) {
        let deadline = deadline_after(within);
        let mut finishing = JoinSet::new();
        for registered in self.providers.values() {
            let provider = Arc::clone(&registered.provider);
            finishing.spawn(async move { provider.finish(deadline).await });
        }
        let _ = timeout_at(deadline + GRACE, finishing.join_all()).await;
    }

    fn provider_for(&self, config: &AgentConfig, action: Action) -> Result<&dyn Provider, Error> {
        self.verify(config, Some(action))?;
        Ok(&*self.registered(&config.agent().provider)?.provider)
    }

    fn registered(&self, name: &str) -> Result<&Registered, Error> {
        self.providers.get(name).ok_or_else(|| Error::UnknownProvider(name.to_owned()))
    }
}

/// Whoever gives more time than the clock can count gives enough.
pub(crate) fn deadline_after(within: Duration) -> Instant {
    const ENOUGH: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
    Instant::now() + within.min(ENOUGH)
}

/// Holds a provider to its deadline.
pub(crate) async fn in_time<T>(
    deadline: Instant,
    config: &AgentConfig,
    call: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    timeout_at(deadline + GRACE, call).await.unwrap_or_else(|_| {
        let who = config.agent().name.to_string();
        Err(Error::TimedOut { who, what: "the power state is not known" })
    })
}

/// The success, if it is one of this command.
pub(crate) fn success_of(
    command: PowerCommand,
    success: Success,
    config: &AgentConfig,
) -> Result<Success, Error> {
    let done = match &success {
        Success::Observed(done) => done.command(),
        Success::Reported(done) => *done,
    };
    if done == command {
        return Ok(success);
    }
    Err(Error::OtherCommand { agent: config.agent().name.to_string(), done })
}

fn default_action(config: &AgentConfig) -> Result<Action, Error> {
    let text = config.text("action");
    match (text.as_deref().and_then(Action::named), text) {
        (Some(action), _) => Ok(action),
        (None, Some(_)) if config.is_given("action") => {
            // It may be a misplaced secret.
            let reason = "this is no action on a device".to_owned();
            Err(ConfigError::Unusable { parameter: "action".into(), reason }.into())
        }
        (None, _) => Err(Error::NoDefaultAction { agent: config.agent().name.to_string() }),
    }
}

pub(crate) fn check_action(agent: &Agent, action: Action) -> Result<(), Error> {
    let is_list = matches!(action, Action::List | Action::ListStatus);
    match action {
        _ if agent.can(action) => Ok(()),
        _ if is_list && agent.plug == Plug::Ignored => {
            Err(Error::NoPlugs { agent: agent.name.to_string() })
        }
        _ => Err(Error::UnsupportedAction { agent: agent.name.to_string(), action }),
    }
}

pub(crate) fn check_plug(config: &AgentConfig, action: Action) -> Result<(), Error> {
    let agent = config.agent();
    let is_for_all = matches!(action, Action::Monitor | Action::List | Action::ListStatus);
    let is_named = agent.plug_parameter().is_some_and(|parameter| config.is_given(&parameter.name));
    if agent.plug == Plug::Required && !is_for_all && !is_named {
        return Err(Error::MissingPlug { agent: agent.name.to_string() });
    }
    Ok(())
}

/// The action and the plug are required in their own ways.
fn check_required(config: &AgentConfig) -> Result<(), Error> {
    let agent = config.agent();
    let is_special = |parameter: &Parameter| {
        parameter.name == "action" || agent.plug_parameter() == Some(parameter)
    };
    let has_value =
        |parameter: &Parameter| parameter.default.is_some() || config.is_given(&parameter.name);
    let mut required = agent.parameters.iter().filter(|parameter| parameter.required);
    match required.find(|parameter| !is_special(parameter) && !has_value(parameter)) {
        Some(parameter) => Err(ConfigError::Missing {
            what: "the required parameter".into(),
            parameter: parameter.name.clone(),
        }
        .into()),
        None => Ok(()),
    }
}
