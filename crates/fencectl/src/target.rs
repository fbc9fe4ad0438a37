//! From a host to the configurations that reach its device: the inventory, the command line and the agents put
//! together.

use std::collections::HashMap;
use std::sync::Arc;

use fencing::{Action, Agent, AgentConfig, Fence, Kind, Parameter, PowerCommand, Topology};

use crate::devices;
use crate::failure::Failure;
use crate::hosts::split_port;
use crate::inventory::{Given, Inventory, InventoryError, Known, Origin, Tier, by_weight};

/// The agent where neither the command line nor the inventory names one.
pub(crate) const DEFAULT_AGENT: &str = "fence_ipmilan";

const SET: &str = "--set";

/// One machine, and the ways to it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// As it was named.
    pub(crate) host: String,
    /// The configurations, in the order in which they are tried; never empty.
    pub(crate) topology: Topology,
}

/// What the command line says of all hosts.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// The agents, in order; empty where it does not say.
    pub(crate) agents: Vec<String>,
    pub(crate) provider: Option<String>,
    /// What counts less than the inventory.
    pub(crate) fallback: Vec<Given>,
    /// What counts more.
    pub(crate) given: Vec<Given>,
}

impl Target {
    /// The configurations, in the order in which they are tried.
    pub(crate) fn configs(&self) -> impl Iterator<Item = &AgentConfig> {
        self.topology.levels().iter().flat_map(|level| level.devices())
    }
}

impl Target {
    /// Whether this way does not switch power, but cuts the machine off until it joins the cluster again.
    pub(crate) fn is_cut_off(&self, level: usize) -> bool {
        let level = level.checked_sub(1).and_then(|index| self.topology.levels().get(index));
        level.is_some_and(|level| {
            level.devices().iter().any(|device| device.agent().unfencing.is_wanted())
        })
    }
}

/// Puts together what there is to know.
pub(crate) struct Resolver<'a> {
    pub(crate) fence: &'a Fence,
    pub(crate) inventory: &'a Inventory,
    pub(crate) wishes: &'a Wishes,
}

impl Resolver<'_> {
    /// Checks all of the inventory and of the command line, also what the hosts that are asked for do not need.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        self.check_given()?;
        self.inventory.hosts().try_for_each(|host| self.target(host).map(|_| ()))
    }

    /// Checks each parameter that is given, as far as that can be done without a host.
    pub(crate) fn check_given(&self) -> Result<(), Failure> {
        let agents = self.agents_in_use()?;
        let mut given = self.inventory.given().chain(&self.wishes.given);
        given.try_for_each(|given| check_given(given, &agents))
    }

    /// A host with its configurations.
    pub(crate) fn target(&self, host: &str) -> Result<Target, Failure> {
        let known = self.inventory.know(host)?;
        let agents = self.agents_of(&known)?;
        check_host_parameters(&known, &agents)?;
        let mut configs = Vec::new();
        for agent in &agents {
            let mut config = self.config(host, agent, &known)?;
            set_address(&mut config, host, known.address, agents.len())?;
            configs.push(config);
        }
        let mut configs = configs.into_iter();
        // There is an agent always: the command line, the inventory, or the default has one.
        let first = configs.next().ok_or(Failure::NoHosts)?;
        let topology = configs.fold(Topology::first(first), Topology::then);
        Ok(Target { host: host.to_owned(), topology })
    }

    /// A configuration without a host.
    pub(crate) fn target_without_host(&self, agent: &str) -> Result<Target, Failure> {
        let known = self.inventory.know("")?;
        let config = self.config("", self.agent(agent, &known)?, &known)?;
        Ok(Target { host: agent.to_owned(), topology: Topology::first(config) })
    }

    /// Each agent that the inventory or the command line names.
    fn agents_in_use(&self) -> Result<Vec<&Arc<Agent>>, Failure> {
        let known = self.inventory.know("")?;
        let mut names: Vec<&str> = self.wishes.agents.iter().map(String::as_str).collect();
        names.extend(self.inventory.agents());
        if names.is_empty() {
            names.push(DEFAULT_AGENT);
        }
        names.into_iter().map(|name| self.agent(name, &known)).collect()
    }

    fn agents_of(&self, known: &Known<'_>) -> Result<Vec<&Arc<Agent>>, Failure> {
        let names = match &self.wishes.agents[..] {
            [] => known.agents,
            wished => Some(wished),
        };
        match names {
            Some(names) => names.iter().map(|name| self.agent(name, known)).collect(),
            None => Ok(vec![self.agent(DEFAULT_AGENT, known)?]),
        }
    }

    fn agent(&self, name: &str, known: &Known<'_>) -> Result<&Arc<Agent>, Failure> {
        match self.wishes.provider.as_deref().or(known.provider) {
            Some(provider) => Ok(self.fence.agent(provider, name)?),
            None => devices::agent(self.fence, name),
        }
    }

    fn config(
        &self,
        host: &str,
        agent: &Arc<Agent>,
        known: &Known<'_>,
    ) -> Result<AgentConfig, Failure> {
        let mut config = AgentConfig::new(Arc::clone(agent));
        let mut set_by: HashMap<&str, &Given> = HashMap::new();
        let Wishes { fallback, given: wished, .. } = self.wishes;
        for given in fallback.iter().chain(known.given.iter().copied()).chain(by_weight(wished)) {
            let Some(parameter) = parameter_for(given, agent) else { continue };
            check_contradiction(host, set_by.insert(&parameter.name, given), given)?;
            config
                .set(&given.parameter, given.value.expose())
                .map_err(|source| Failure::Given { origin: given.origin.clone(), source })?;
            take_back_other_password(&mut config, &parameter.name)?;
        }
        Ok(config)
    }
}

/// An agent prefers the script to the password. Here the one counts that is said last.
fn take_back_other_password(config: &mut AgentConfig, set: &str) -> Result<(), Failure> {
    let other = match set {
        "password" => "password_script",
        "password_script" => "password",
        _ => return Ok(()),
    };
    match config.agent().parameter(other) {
        Some(_) => Ok(config.set(other, "").map_err(fencing::Error::from)?),
        None => Ok(()),
    }
}

/// The parameter of this agent that is meant, if one is.
fn parameter_for<'a>(given: &Given, agent: &'a Agent) -> Option<&'a Parameter> {
    let is_meant = given.only_for.as_deref().is_none_or(|name| name == agent.name);
    agent.parameter(&given.parameter).filter(|_| is_meant)
}

/// Somebody must understand it, and secrets stand where they belong.
fn check_given(given: &Given, agents: &[&Arc<Agent>]) -> Result<(), Failure> {
    let origin = || given.origin.clone();
    if let Some(name) = &given.only_for
        && !agents.iter().any(|agent| agent.name == *name)
    {
        return Err(Failure::UnusedAgent { origin: origin(), agent: name.clone() });
    }
    let mut is_known = false;
    for parameter in agents.iter().filter_map(|agent| parameter_for(given, agent)) {
        is_known = true;
        check_secrecy(given, parameter)?;
        // A fallback of another kind of value is nobody's mistake; a value that no agent can read is.
        parameter.parse(given.value.expose()).map_err(|reason| Failure::Given {
            origin: origin(),
            source: fencing::ConfigError::Invalid { parameter: parameter.name.clone(), reason },
        })?;
    }
    match is_known {
        true => Ok(()),
        false => {
            Err(Failure::UnknownParameter { origin: origin(), parameter: given.parameter.clone() })
        }
    }
}

fn check_secrecy(given: &Given, parameter: &Parameter) -> Result<(), Failure> {
    let (origin, name) = (given.origin.clone(), given.parameter.clone());
    let misplaced = |advice| Failure::MisplacedSecret { origin, parameter: name, advice };
    let is_secret = parameter.kind == Kind::Secret;
    match &given.origin {
        Origin::Inventory(_) if is_secret => Err(misplaced(
            "belongs into a file of its own, which nobody else may read: secrets = \"secrets.toml\"",
        )),
        Origin::Option(SET) if is_secret => Err(misplaced(
            "everybody can read a command line: use --password-file, --password-script or the secrets of the inventory",
        )),
        Origin::Secrets(_) if !is_secret => Err(Failure::NoSecret {
            origin: given.origin.clone(),
            parameter: given.parameter.clone(),
        }),
        _ => Ok(()),
    }
}

/// What is said of one host must mean something to one of its agents.
fn check_host_parameters(known: &Known<'_>, agents: &[&Arc<Agent>]) -> Result<(), Failure> {
    for given in &known.given {
        let is_of_host = given.origin.tier().is_some_and(|tier| matches!(tier, Tier::Host(_)));
        let is_known = agents.iter().any(|agent| parameter_for(given, agent).is_some());
        if is_of_host && !is_known {
            let (origin, parameter) = (given.origin.clone(), given.parameter.clone());
            return Err(Failure::UnknownParameter { origin, parameter });
        }
    }
    Ok(())
}

/// Groups have no order, so what they say of one host must not differ.
fn check_contradiction(host: &str, before: Option<&Given>, now: &Given) -> Result<(), Failure> {
    let group = |given: &Given| match given.origin.tier() {
        Some(Tier::Group(name)) => Some(name.clone()),
        _ => None,
    };
    let Some(before) = before.filter(|before| before.value != now.value) else { return Ok(()) };
    match (group(before), group(now)) {
        (Some(first), Some(second)) if first != second => {
            let (host, what) = (host.to_owned(), now.parameter.clone());
            Err(InventoryError::Contradiction { host, first, second, what }.into())
        }
        _ => Ok(()),
    }
}

/// The host is the address; where the agent has none, it is the plug.
fn set_address(
    config: &mut AgentConfig,
    host: &str,
    address: Option<&str>,
    agents: usize,
) -> Result<(), Failure> {
    let agent = Arc::clone(config.agent());
    let failed = |source: fencing::ConfigError| Failure::Host {
        host: host.to_owned(),
        source: source.into(),
    };
    if agent.parameter("ip").is_none() {
        let plug = agent.plug_parameter().ok_or_else(|| Failure::NoAddress {
            host: host.to_owned(),
            agent: agent.name.to_string(),
        })?;
        return config.set(&plug.name, host).map_err(failed);
    }
    if config.is_set("port_as_ip") {
        // All hosts would be the one machine that the plug names.
        return Err(Failure::NotToBeSet { parameter: "port_as_ip".to_owned() });
    }
    let (ip, port) = split_port(address.unwrap_or(host))?;
    config.set("ip", ip).map_err(failed)?;
    match port {
        Some(_) if agents > 1 => Err(Failure::PortOfMany { host: host.to_owned() }),
        Some(port) => config.set("ipport", &port.to_string()).map_err(failed),
        None => Ok(()),
    }
}

/// A cycle is a reboot by `method=cycle`, which the agents of all targets must know.
pub(crate) fn cycle_of(targets: Vec<Target>) -> Result<Vec<Target>, Failure> {
    targets.into_iter().map(Target::cycled).collect()
}

impl Target {
    fn cycled(self) -> Result<Self, Failure> {
        let mut configs = Vec::new();
        for config in self.configs() {
            let (host, agent) = (self.host.clone(), config.agent().name.to_string());
            let mut config = config.clone();
            config.set("method", "cycle").map_err(|_| Failure::NoCycle { host, agent })?;
            configs.push(config);
        }
        let mut configs = configs.into_iter();
        let first = configs.next().ok_or(Failure::NoHosts)?;
        Ok(Self { topology: configs.fold(Topology::first(first), Topology::then), ..self })
    }

    /// Checks each way, as far as that can be done without the device.
    pub(crate) fn verify(&self, fence: &Fence, action: Action) -> Result<(), Failure> {
        let failed = |source| Failure::Host { host: self.host.clone(), source };
        if let Some(command) = PowerCommand::of(action) {
            return fence.verify_by(&self.topology, command).map_err(failed);
        }
        for config in self.configs() {
            fence.verify(config, Some(action)).map_err(failed)?;
        }
        Ok(())
    }

    /// Whether somebody logs in there with a name, and without a password.
    pub(crate) fn lacks_password(&self) -> bool {
        self.configs().any(|config| {
            let is_known = config.agent().parameter("password").is_some();
            let is_given = |name| config.is_given(name);
            is_known
                && is_given("username")
                && !is_given("password")
                && !is_given("password_script")
        })
    }
}
