//! Which devices a configuration means, and which machine is behind which of them.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use fencing::{Action, Agent, AgentConfig, ConfigError, Error, Fence, Kind, Plug, Value};

use crate::config::{Config, ConfigFileError, KEYS, MapFile, ParameterText, Parameters};
use crate::{agents, digest, fence_controller};

/// Devices, and machines behind them.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) devices: BTreeMap<DeviceKey, PlannedDevice>,
    /// By name.
    pub(crate) targets: BTreeMap<String, PlannedTarget>,
}

/// By what a device can be told from others: its agent and all its parameters but the plug.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct DeviceKey {
    agent: String,
    parameters: Parameters,
}

/// A device, to be held.
#[derive(Debug)]
pub(crate) struct PlannedDevice {
    /// Without a plug.
    pub(crate) config: AgentConfig,
    /// For people: the agent, and the address.
    pub(crate) name: String,
    /// What nobody else may use at the same time: a protocol and an address.
    pub(crate) resource: String,
    /// Whether the device is asked which machines it has.
    pub(crate) is_asked_for_targets: bool,
}

/// A machine behind a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlannedTarget {
    pub(crate) device: DeviceKey,
    /// Which of the device's machines it is, where that has to be said.
    pub(crate) plug: Option<String>,
}

/// A machine behind a device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) node: String,
    /// See [`PlannedTarget::plug`].
    pub(crate) plug: Option<String>,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    /// The file of targets cannot be used.
    #[error(transparent)]
    MapFile(#[from] ConfigFileError),
    /// More than one source of targets was given.
    #[error("targets come from one source: hostlist, mapfile, or targets")]
    SeveralSources,
    /// There is nothing to fence. A file that is empty is about to be written, most likely.
    #[error("{list} names no node")]
    NoTargets {
        /// Where nothing is.
        list: &'static str,
    },
    /// There are no targets, and the device cannot be asked for them.
    #[error("{agent} cannot list machines: name them by hostlist or mapfile")]
    CannotList {
        /// The agent.
        agent: String,
    },
    /// There is no such agent.
    #[error("the fence agent '{}' is not there{}{}", .name.escape_debug(), .reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default(), whole_name(.name))]
    NoAgent {
        /// Its name.
        name: String,
        /// Why it could not be loaded, if it was tried.
        reason: Option<String>,
    },
    /// The name of a machine is none.
    #[error("'{}' is no name of a node: blanks, ',', ';', '=', '\"' and control characters are not in one", .0.escape_debug())]
    NodeName(String),
    /// A word of the list of hosts is none.
    #[error("hostlist: '{}' is neither NODE nor NODE=PLACE", .0.escape_debug())]
    Word(String),
    /// A name is that of two machines, as cluster managers compare names.
    #[error("{0} is named twice: which machine is it?")]
    Twice(String),
    /// It is not said where the device of a machine is.
    #[error(
        "{node}: where is its device? Give its address, as {node}=ADDRESS or as its parameter ip"
    )]
    NoPlace {
        /// The machine.
        node: String,
    },
    /// Two names for one machine: one of them is a mistake, and the machine that it should be would never be fenced.
    #[error("{one} and {other} are the same machine by their parameters: {device}{}", .plug.as_ref().map(|plug| format!(", plug {}", plug.escape_debug())).unwrap_or_default())]
    SameMachine {
        /// A machine.
        one: String,
        /// Another one.
        other: String,
        /// The device.
        device: String,
        /// The plug.
        plug: Option<String>,
    },
    /// One device with two sets of parameters would be two sessions with it.
    #[error(
        "{resource} is used with two different sets of parameters (by {one} and {other}): it is one device, and gets one session"
    )]
    SameDevice {
        /// The device.
        resource: String,
        /// A machine, or the agent.
        one: String,
        /// Another one.
        other: String,
    },
    /// A controller would wait for itself.
    #[error("{} asks a controller: it cannot be the agent of one", fence_controller::NAME)]
    Itself,
    /// A parameter is wrong.
    #[error("{}{source}{}", .node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default(), right_place(.source))]
    Parameter {
        /// The machine, if it is one of its own.
        node: Option<String>,
        /// What is wrong.
        source: Error,
    },
}

impl Plan {
    /// What the configuration says, with the agents that it takes; reads the file of targets that it names, and touches
    /// no device.
    pub(crate) async fn read(config: &Config) -> Result<(Self, Fence), PlanError> {
        let file = config.mapfile.as_deref().map(MapFile::read).transpose()?;
        let fence = agents::load(config, file.as_ref()).await?;
        let plan = Self::of(config, file.as_ref(), &fence)?;
        Ok((plan, fence))
    }

    /// What the configuration says, with the file of targets that it names. The agents must be loaded.
    fn of(config: &Config, file: Option<&MapFile>, fence: &Fence) -> Result<Self, PlanError> {
        let plan = Self::default();
        let (users, machines, names) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let mut builder = Builder { config, fence, plan, users, machines, names };
        let own = (!config.targets.is_empty()).then_some(&config.targets);
        match (&config.hostlist, own, file) {
            (None, None, None) => builder.add_asked()?,
            (Some(list), None, None) => builder.add_list(list)?,
            (None, Some(own), None) => builder.add_all(&Parameters::default(), own)?,
            (None, None, Some(file)) if file.targets.is_empty() => {
                return Err(PlanError::NoTargets { list: "the file of targets" });
            }
            (None, None, Some(file)) => builder.add_all(&file.parameters, &file.targets)?,
            _ => return Err(PlanError::SeveralSources),
        }
        Ok(builder.plan)
    }
}

/// For people: each machine, and what switches it.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (node, target) in &self.targets {
            let device = self.devices.get(&target.device).map_or("", |device| device.name.as_str());
            write!(f, "{node}: {}", device.escape_debug())?;
            if let Some(plug) = &target.plug {
                write!(f, ", plug {}", plug.escape_debug())?;
            }
            writeln!(f)?;
        }
        for device in self.devices.values().filter(|device| device.is_asked_for_targets) {
            writeln!(f, "{} is asked for its nodes", device.name.escape_debug())?;
        }
        Ok(())
    }
}

/// Of an agent that was called as people call it.
fn whole_name(name: &str) -> String {
    match name.starts_with("fence_") {
        true => String::new(),
        false => format!("; is fence_{} meant?", name.escape_debug()),
    }
}

/// In TOML, whatever stands below `[parameters]` is a parameter.
fn right_place(error: &Error) -> &'static str {
    match error {
        Error::Config(ConfigError::Unknown(name)) if KEYS.contains(&name.as_str()) => {
            "; it is a key of the controller, and stands in its file before the first [table]"
        }
        _ => "",
    }
}

/// The names of all agents that a configuration takes.
pub(crate) fn agents_of(config: &Config, file: Option<&MapFile>) -> BTreeSet<String> {
    let of_file = file.into_iter().flat_map(|file| file.targets.values().chain([&file.parameters]));
    let named = of_file.chain(config.targets.values()).filter_map(|all| all.0.get("agent"));
    named.map(|name| name.expose().to_owned()).chain([config.agent.clone()]).collect()
}

/// The machines behind each device, in one pass: there may be thousands of both.
pub(crate) fn by_device(
    targets: &BTreeMap<String, PlannedTarget>,
) -> BTreeMap<&DeviceKey, Vec<Machine>> {
    let mut devices: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (node, PlannedTarget { device, plug }) in targets {
        let machine = Machine { node: node.clone(), plug: plug.clone() };
        devices.entry(device).or_default().push(machine);
    }
    devices
}

struct Builder<'a> {
    config: &'a Config,
    fence: &'a Fence,
    plan: Plan,
    /// Who uses each resource first.
    users: BTreeMap<String, (DeviceKey, String)>,
    /// Which machine has which plug of each device.
    machines: BTreeMap<DeviceKey, BTreeMap<Option<String>, String>>,
    /// The names of machines, in small letters.
    names: BTreeSet<String>,
}

impl Builder<'_> {
    /// One device, which says itself which machines it has.
    fn add_asked(&mut self) -> Result<(), PlanError> {
        let agent = self.agent(&self.config.agent)?;
        // The list of machines may be among them.
        check_names(&agent, &self.config.parameters).map_err(|source| wrong(None, source))?;
        if !agent.can(Action::List) {
            return Err(PlanError::CannotList { agent: agent.name.to_string() });
        }
        let config = self.configured(&agent, None, &[&self.config.parameters])?;
        let key = self.device(config, &self.config.agent.clone())?;
        if let Some(device) = self.plan.devices.get_mut(&key) {
            device.is_asked_for_targets = true;
        }
        Ok(())
    }

    fn add_list(&mut self, list: &str) -> Result<(), PlanError> {
        let is_separator = |c: char| c.is_whitespace() || c == ',' || c == ';';
        let words: Vec<_> = list.split(is_separator).filter(|word| !word.is_empty()).collect();
        if words.is_empty() {
            return Err(PlanError::NoTargets { list: "hostlist" });
        }
        let agent = self.agent(&self.config.agent)?;
        let has_address = self.has_address(&agent);
        for word in &words {
            let (node, place) = match word.split_once('=') {
                Some((node, place)) if !node.is_empty() && !place.is_empty() => (node, Some(place)),
                Some(_) => return Err(PlanError::Word((*word).to_owned())),
                None => (*word, None),
            };
            let own = match place {
                Some(plug) if agent.plug != Plug::Ignored && has_address => plug_of(plug),
                Some(address) => address_of(address, &agent),
                // Of several machines behind one device each has to be told from the others.
                None if has_address && is_told_by_plug(&agent, words.len()) => plug_of(node),
                None if has_address => Parameters::default(),
                None => return Err(PlanError::NoPlace { node: node.to_owned() }),
            };
            self.add(node, &[&self.config.parameters, &own])?;
        }
        Ok(())
    }

    fn has_address(&self, agent: &Agent) -> bool {
        let names: Vec<_> = self.config.parameters.0.keys().collect();
        let address = agent.parameter("ip");
        address.is_none_or(|ip| names.iter().any(|name| ip.answers_to(name)))
    }

    fn add_all(
        &mut self,
        common: &Parameters,
        targets: &BTreeMap<String, Parameters>,
    ) -> Result<(), PlanError> {
        for (node, own) in targets {
            self.add(node, &[&self.config.parameters, common, own])?;
        }
        Ok(())
    }

    /// A machine with the parameters of all of these, the last of which count most.
    fn add(&mut self, node: &str, layers: &[&Parameters]) -> Result<(), PlanError> {
        check_node_name(node)?;
        if !self.names.insert(node.to_ascii_lowercase()) {
            return Err(PlanError::Twice(node.to_owned()));
        }
        let named = layers.iter().rev().find_map(|layer| layer.0.get("agent"));
        let agent = self.agent(named.map_or(self.config.agent.as_str(), ParameterText::expose))?;
        let mut config = self.configured(&agent, Some(node), layers)?;
        let plug = take_plug(&mut config).map_err(|source| wrong(Some(node), source.into()))?;
        let is_plug_missing = agent.plug == Plug::Required && plug.is_none();
        let plug = if is_plug_missing { Some(node.to_owned()) } else { plug };
        let device = self.device(config, node)?;
        let machines = self.machines.entry(device.clone()).or_default();
        // Without a plug it may be any of the machines there.
        let same = match &plug {
            None => machines.values().next(),
            plug => machines.get(plug).or_else(|| machines.get(&None)),
        };
        if let Some(one) = same {
            let (one, other) = (one.clone(), node.to_owned());
            let device = self.plan.devices.get(&device).map(|device| device.name.clone());
            let device = device.unwrap_or_default();
            return Err(PlanError::SameMachine { one, other, device, plug });
        }
        machines.insert(plug.clone(), node.to_owned());
        self.plan.targets.insert(node.to_owned(), PlannedTarget { device, plug });
        Ok(())
    }

    fn agent(&self, name: &str) -> Result<Arc<Agent>, PlanError> {
        agents::loaded(self.fence, name)
            .cloned()
            .ok_or_else(|| PlanError::NoAgent { name: name.to_owned(), reason: None })
    }

    /// The device's configuration, checked as far as that goes without the device.
    fn configured(
        &self,
        agent: &Arc<Agent>,
        node: Option<&str>,
        layers: &[&Parameters],
    ) -> Result<AgentConfig, PlanError> {
        if agent.name == fence_controller::NAME {
            return Err(PlanError::Itself);
        }
        let mut config = AgentConfig::new(Arc::clone(agent));
        for layer in layers {
            check_names(agent, layer).map_err(|source| wrong(node, source))?;
        }
        let given = layers.iter().flat_map(|layer| &layer.0).filter(|(name, _)| *name != "agent");
        for (name, value) in given {
            config.set(name, value.expose()).map_err(|source| wrong(node, source.into()))?;
        }
        if config.is_set("port_as_ip") {
            let reason = "give the address of the device with ip".to_owned();
            let unusable = ConfigError::Unusable { parameter: "port_as_ip".into(), reason };
            return Err(wrong(node, unusable.into()));
        }
        let mut whole = config.clone();
        if agent.plug == Plug::Required
            && take_plug(&mut whole.clone()).is_ok_and(|plug| plug.is_none())
        {
            set_plug(&mut whole, "any").map_err(|source| wrong(node, source.into()))?;
        }
        let verified = self.fence.verify(&whole, Some(Action::Off));
        verified.map_err(|source| wrong(node, source))?;
        Ok(config)
    }

    /// Adds the device, if it is not there yet.
    fn device(&mut self, config: AgentConfig, user: &str) -> Result<DeviceKey, PlanError> {
        let key = DeviceKey::of(&config);
        let planned = PlannedDevice {
            name: name_of(&config),
            resource: resource_of(&config, &key),
            config,
            is_asked_for_targets: false,
        };
        match self.users.entry(planned.resource.clone()) {
            Entry::Occupied(entry) if entry.get().0 != key => {
                return Err(PlanError::SameDevice {
                    resource: planned.resource,
                    one: entry.get().1.clone(),
                    other: user.to_owned(),
                });
            }
            Entry::Occupied(_) => {}
            Entry::Vacant(entry) => {
                entry.insert((key.clone(), user.to_owned()));
            }
        }
        self.plan.devices.entry(key.clone()).or_insert(planned);
        Ok(key)
    }
}

/// Whether the machines of this many words are told apart by their plugs. The only machine of a device needs none.
fn is_told_by_plug(agent: &Agent, words: usize) -> bool {
    match agent.plug {
        Plug::Ignored => false,
        Plug::Chooses => words > 1,
        Plug::Required => true,
    }
}

fn wrong(node: Option<&str>, source: Error) -> PlanError {
    PlanError::Parameter { node: node.map(str::to_owned), source }
}

/// Of two names of one parameter, old and new, nobody can tell which value is meant.
fn check_names(agent: &Agent, layer: &Parameters) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    for name in layer.0.keys().filter(|name| *name != "agent") {
        let parameter = agent.parameter(name).ok_or_else(|| ConfigError::Unknown(name.clone()))?;
        if !seen.insert(&parameter.name) {
            let reason = "it is given by two of its names".to_owned();
            let parameter = parameter.name.clone();
            return Err(ConfigError::Unusable { parameter, reason }.into());
        }
    }
    Ok(())
}

/// Cluster nodes have names that go through lists and lines unharmed.
pub(crate) fn check_node_name(node: &str) -> Result<(), PlanError> {
    let is_fine = |c: char| !c.is_whitespace() && !c.is_control() && !",;=\"".contains(c);
    if !node.is_empty() && node.len() <= 255 && node.chars().all(is_fine) {
        Ok(())
    } else {
        Err(PlanError::NodeName(node.to_owned()))
    }
}

fn plug_of(plug: &str) -> Parameters {
    one("plug", plug)
}

fn one(name: &str, value: &str) -> Parameters {
    Parameters([(name.to_owned(), value.into())].into())
}

/// `10.0.0.1`, `bmc1:9623`, `[fd00::1]:9623`, `fd00::1`.
fn address_of(place: &str, agent: &Agent) -> Parameters {
    let (host, port) = host_and_port(place);
    let mut own = one("ip", host);
    if let Some(port) = port.filter(|_| agent.parameter("ipport").is_some()) {
        own.0.insert("ipport".to_owned(), port.into());
    }
    own
}

/// A host, and the port behind it, if there is one. An address of IPv6 has brackets then.
fn host_and_port(place: &str) -> (&str, Option<&str>) {
    match (place.strip_prefix('['), place.rsplit_once(':')) {
        (Some(rest), _) => match rest.split_once(']') {
            Some((host, port)) => (host, port.strip_prefix(':')),
            None => (place, None),
        },
        (None, Some((host, port))) if !host.contains(':') => (host, Some(port)),
        _ => (place, None),
    }
}

/// Takes the plug out of a configuration.
fn take_plug(config: &mut AgentConfig) -> Result<Option<String>, ConfigError> {
    let Some(parameter) = config.agent().plug_parameter().map(|plug| plug.name.clone()) else {
        return Ok(None);
    };
    if config.is_set("port_as_ip") || !config.is_given(&parameter) {
        return Ok(None);
    }
    let plug =
        config.text(&parameter).or_else(|| config.integer(&parameter).map(|n| n.to_string()));
    config.set(&parameter, "")?;
    Ok(plug.filter(|_| config.agent().plug != Plug::Ignored))
}

fn set_plug(config: &mut AgentConfig, plug: &str) -> Result<(), ConfigError> {
    match config.agent().plug_parameter().map(|plug| plug.name.clone()) {
        Some(parameter) => config.set(&parameter, plug),
        None => Ok(()),
    }
}

impl DeviceKey {
    pub(crate) fn of(config: &AgentConfig) -> Self {
        let given = config.given();
        let parameters =
            given.map(|(parameter, value)| (parameter.name.to_string(), text_of(value)));
        Self {
            agent: config.agent().name.to_string(),
            parameters: Parameters(parameters.collect()),
        }
    }
}

impl fmt::Debug for DeviceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {:?}", self.agent, self.parameters)
    }
}

fn text_of(value: &Value) -> ParameterText {
    match value {
        Value::Boolean(is_set) => is_set.to_string().into(),
        Value::String(text) => text.clone().into(),
        Value::Secret(secret) => secret.expose().into(),
        Value::Integer(number) => number.to_string().into(),
        Value::Seconds(time) => time.as_secs().to_string().into(),
        Value::Select(word) => word.to_string().into(),
    }
}

fn name_of(config: &AgentConfig) -> String {
    let agent = &config.agent().name;
    match address(config) {
        Some(address) => format!("{agent} {address}"),
        None => agent.to_string(),
    }
}

fn address(config: &AgentConfig) -> Option<String> {
    let place = config.text("ip")?;
    let (host, own_port) = host_and_port(&place);
    // An address may be written in many ways, a name in capitals or with a dot behind it.
    let host = match host.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => host.trim_end_matches('.').to_ascii_lowercase().escape_debug().to_string(),
    };
    let own_port = own_port.and_then(|port| port.parse().ok());
    Some(match own_port.or_else(|| config.integer("ipport")) {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// What two configurations have in common if they mean the same device.
fn resource_of(config: &AgentConfig, key: &DeviceKey) -> String {
    let agent = &config.agent().name;
    match address(config) {
        Some(address) => format!("{} {address}", agents::protocol(agent)),
        None => {
            // Of a secret not even this is told.
            let is_secret = |name: &str| {
                let known = config.agent().parameter(name);
                known.is_some_and(|parameter| parameter.kind == Kind::Secret)
            };
            let open = key.parameters.0.iter().filter(|(name, _)| !is_secret(name));
            format!("{agent} {}", digest::of_json(&open.collect::<Vec<_>>()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use async_trait::async_trait;
    use fencing::providers::Native;
    use fencing::{
        AgentAction, Kind, Loaded, Parameter, Port, PowerCommand, PowerState, Provider, Success,
    };
    use tokio::time::Instant;

    use super::*;

    /// A power strip.
    struct Strip;

    #[async_trait]
    impl Provider for Strip {
        async fn load_agents(&self, _: Instant) -> Loaded {
            let actions = [Action::Off, Action::Status, Action::Monitor, Action::List];
            let agent = Agent {
                parameters: vec![
                    Parameter { required: true, ..Parameter::new("plug", Kind::String) },
                    Parameter { required: true, ..Parameter::new("ip", Kind::String) },
                    Parameter::new("password", Kind::Secret),
                ],
                actions: actions.map(AgentAction::Shown).to_vec(),
                plug: Plug::Required,
                ..Agent::new("fence_strip")
            };
            let strange = Agent { parameters: Vec::new(), ..Agent::new("fence_strange") };
            let strange = Agent { actions: agent.actions.clone(), ..strange };
            Loaded { agents: vec![agent, strange], failures: Vec::new() }
        }

        fn verify(&self, _: &AgentConfig) -> Result<(), Error> {
            Ok(())
        }

        async fn command(
            &self,
            _: &AgentConfig,
            _: PowerCommand,
            _: Instant,
        ) -> Result<Success, Error> {
            unreachable!("nothing is asked")
        }

        async fn status(&self, _: &AgentConfig, _: Instant) -> Result<PowerState, Error> {
            unreachable!("nothing is asked")
        }

        async fn monitor(&self, _: &AgentConfig, _: Instant) -> Result<(), Error> {
            unreachable!("nothing is asked")
        }

        async fn list(&self, _: &AgentConfig, _: Instant) -> Result<Vec<Port>, Error> {
            unreachable!("nothing is asked")
        }
    }

    /// What the agents of BMCs want besides.
    const USER: &str = "username = \"admin\"\npassword = \"secret\"\n";

    async fn fence() -> Fence {
        let mut fence = Fence::new();
        fence.register("native", Native::new()).unwrap();
        fence.register("redhat", Strip).unwrap();
        assert!(fence.load_agents(Duration::from_secs(1)).await.is_empty());
        fence
    }

    async fn planned(config: &str, file: Option<&str>) -> Result<Plan, String> {
        let config: Config = toml::from_str(&format!("instance = \"test\"\n{config}")).unwrap();
        let file = file.map(|text| toml::from_str::<MapFile>(text).unwrap());
        let plan = Plan::of(&config, file.as_ref(), &fence().await);
        plan.map_err(|error| error.to_string())
    }

    /// `node: device` or `node: device, plug plug`, in alphabetical order.
    async fn machines(config: &str, file: Option<&str>) -> Vec<String> {
        let plan = planned(config, file).await.unwrap();
        plan.to_string().lines().map(str::to_owned).collect()
    }

    #[tokio::test]
    async fn a_list_of_hosts_says_where_each_device_is() {
        let list = |agent: &str, list: &str, more: &str| {
            let user = if agent == "fence_strip" { "" } else { USER };
            format!("agent = \"{agent}\"\nhostlist = \"{list}\"\n[parameters]\n{user}{more}")
        };
        let ip = "ip = \"10.0.0.9\"\n";
        for (config, expected) in [
            (
                list(
                    "fence_ipmilan",
                    "b=10.0.0.2:9623, a=10.0.0.1;c=[fd00::1]:9624\td=fd00::2",
                    "",
                ),
                &[
                    "a: fence_ipmilan 10.0.0.1:623",
                    "b: fence_ipmilan 10.0.0.2:9623",
                    "c: fence_ipmilan [fd00::1]:9624",
                    "d: fence_ipmilan [fd00::2]:623",
                ][..],
            ),
            (list("fence_ipmilan", "a", ip), &["a: fence_ipmilan 10.0.0.9:623"]),
            (
                list("fence_redfish", "a=bmc-a b=BMC-B", ""),
                &["a: fence_redfish bmc-a:443", "b: fence_redfish bmc-b:443"],
            ),
            // The only machine of a device needs no name there.
            (list("fence_redfish", "a", ip), &["a: fence_redfish 10.0.0.9:443"]),
            (
                list("fence_redfish", "a=1 b=2", ip),
                &["a: fence_redfish 10.0.0.9:443, plug 1", "b: fence_redfish 10.0.0.9:443, plug 2"],
            ),
            (
                list("fence_redfish", "a b", ip),
                &["a: fence_redfish 10.0.0.9:443, plug a", "b: fence_redfish 10.0.0.9:443, plug b"],
            ),
            (
                list("fence_strip", "a b=3", ip),
                &["a: fence_strip 10.0.0.9, plug a", "b: fence_strip 10.0.0.9, plug 3"],
            ),
        ] {
            assert_eq!(machines(&config, None).await, expected, "{config}");
        }
    }

    #[tokio::test]
    async fn what_is_said_of_one_machine_counts_more_than_what_is_said_of_all() {
        let config = "agent = \"fence_ipmilan\"\nmapfile = \"map\"\n\
                      [parameters]\nusername = \"all\"\nipport = 1\npower_timeout = 1\n";
        let file = "[parameters]\nipport = 2\npower_timeout = 2\n\
                    [targets.a]\nip = \"10.0.0.1\"\npower_timeout = 3\n\
                    [targets.b]\nip = \"10.0.0.2\"\n\
                    [targets.c]\nagent = \"fence_strip\"\nip = \"10.0.0.3\"\n";
        // The parameters of all are those of one agent; another one may not have them.
        let error = planned(config, Some(file)).await.unwrap_err();
        assert!(error.starts_with("c: unknown parameter"), "{error}");
        let file = file.split("[targets.c]").next().unwrap();
        let plan = planned(config, Some(file)).await.unwrap();
        let value = |node: &str, name: &str| {
            let device = &plan.devices[&plan.targets[node].device];
            device.config.text(name).or_else(|| device.config.integer(name).map(|n| n.to_string()))
        };
        assert_eq!(value("a", "username").as_deref(), Some("all"));
        assert_eq!(value("a", "ipport").as_deref(), Some("2"));
        let timeout = |node: &str| {
            plan.devices[&plan.targets[node].device].config.seconds("power_timeout").unwrap()
        };
        assert_eq!([timeout("a"), timeout("b")].map(|time| time.as_secs()), [3, 2]);
    }

    #[tokio::test]
    async fn machines_behind_one_device_share_it() {
        let file = "[targets.a]\nip = \"10.0.0.1\"\nplug = \"1\"\n\
                    [targets.b]\nip = \"10.0.0.1\"\nplug = \"2\"\n\
                    [targets.c]\nagent = \"fence_ipmilan\"\nip = \"10.0.0.1\"\n";
        let config = format!("agent = \"fence_redfish\"\nmapfile = \"map\"\n[parameters]\n{USER}");
        let plan = planned(&config, Some(file)).await.unwrap();
        let resources: Vec<_> =
            plan.devices.values().map(|device| device.resource.as_str()).collect();
        assert_eq!(resources, ["ipmi 10.0.0.1:623", "redfish 10.0.0.1:443"]);
        assert!(plan.devices.values().all(|device| !device.is_asked_for_targets));
    }

    #[tokio::test]
    async fn each_device_has_its_machines() {
        let file = "[targets.a]\nip = \"10.0.0.2\"\nplug = \"1\"\n\
                    [targets.b]\nip = \"10.0.0.1\"\n\
                    [targets.c]\nip = \"10.0.0.2\"\nplug = \"2\"\n";
        let config = format!("agent = \"fence_redfish\"\nmapfile = \"map\"\n[parameters]\n{USER}");
        let plan = planned(&config, Some(file)).await.unwrap();
        let machine = |node: &str, plug: Option<&str>| Machine {
            node: node.to_owned(),
            plug: plug.map(str::to_owned),
        };
        let machines: Vec<_> = by_device(&plan.targets).into_values().collect();
        let of_two = vec![machine("a", Some("1")), machine("c", Some("2"))];
        assert_eq!(machines, [vec![machine("b", None)], of_two]);
    }

    #[tokio::test]
    async fn a_device_without_machines_is_asked_for_them_if_it_can_be() {
        let config = format!("agent = \"fence_redfish\"\n[parameters]\nip = \"10.0.0.1\"\n{USER}");
        let plan = planned(&config, None).await.unwrap();
        assert!(plan.targets.is_empty());
        assert!(plan.devices.values().all(|device| device.is_asked_for_targets));
        let error = planned("agent = \"fence_ipmilan\"\n[parameters]\nip = \"a\"\n", None).await;
        assert!(error.unwrap_err().starts_with("fence_ipmilan cannot list machines"));
    }

    /// Two names for a device are one device, to the controller and to the lock.
    #[tokio::test]
    async fn a_device_is_what_it_is_by_whatever_name() {
        async fn resource(agent: &str, ip: &str) -> String {
            let user = if agent == "fence_strip" { "" } else { USER };
            let config = format!("agent = \"{agent}\"\n[targets.a]\nip = \"{ip}\"\n{user}");
            let plan = planned(&config, None).await.unwrap();
            plan.devices.into_values().next().unwrap().resource
        }
        for (ip, resource_) in [
            ("10.0.0.1", "ipmi 10.0.0.1:623"),
            ("BMC1.example", "ipmi bmc1.example:623"),
            ("fd00::1", "ipmi [fd00::1]:623"),
            ("[fd00::1]", "ipmi [fd00::1]:623"),
            ("FD00:0:0::0001", "ipmi [fd00::1]:623"),
            ("::ffff:10.0.0.1", "ipmi 10.0.0.1:623"),
            ("bmc1.example.", "ipmi bmc1.example:623"),
        ] {
            for agent in ["fence_ipmilan", "fence_ilo4", "fence_idrac"] {
                assert_eq!(resource(agent, ip).await, resource_, "{agent} {ip}");
            }
        }
        assert_eq!(resource("fence_redfish", "10.0.0.1").await, "redfish 10.0.0.1:443");
        assert_eq!(resource("fence_redfish", "10.0.0.1:8443").await, "redfish 10.0.0.1:8443");
        assert_eq!(resource("fence_strip", "10.0.0.1").await, "fence_strip 10.0.0.1");
        let strange = "agent = \"fence_strange\"\n[targets.a]\n";
        let plan = planned(strange, None).await.unwrap();
        let resource = &plan.devices.values().next().unwrap().resource;
        // A controller of another release must see that it is the same one.
        let nothing = "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945";
        assert_eq!(*resource, format!("fence_strange {nothing}"));
    }

    #[tokio::test]
    async fn what_may_be_the_machine_of_another_is_refused() {
        let config = |other: &str| {
            format!(
                "agent = \"fence_redfish\"\n[parameters]\n{USER}[targets.a]\nip = \"10.0.0.1\"\n\
                 [targets.b]\n{other}"
            )
        };
        for (other, said) in [
            ("ip = \"10.0.0.1\"\n", "a and b are the same machine"),
            ("ip = \"10.0.0.1\"\nplug = \"1\"\n", "a and b are the same machine"),
            (
                "ip = \"10.0.0.2\"\nipaddr = \"10.0.0.3\"\n",
                "b: ip: it is given by two of its names",
            ),
            (
                "ip = \"10.0.0.2\"\nplug = \"10.0.0.1\"\nport_as_ip = true\n",
                "b: port_as_ip: give the",
            ),
            (
                "ip = \"10.0.0.1:443\"\nssl_insecure = true\n",
                "redfish 10.0.0.1:443 is used with two",
            ),
        ] {
            let error = planned(&config(other), None).await.unwrap_err();
            assert!(error.starts_with(said), "{other}: {error}");
        }
    }

    /// One plug that is named on purpose is that one, and not whatever is the only one there.
    #[tokio::test]
    async fn a_plug_is_held_to() {
        let config = format!(
            "agent = \"fence_redfish\"\n[parameters]\n{USER}\
             [targets.a]\nip = \"10.0.0.1\"\nplug = \"Blade7\"\n"
        );
        assert_eq!(machines(&config, None).await, ["a: fence_redfish 10.0.0.1:443, plug Blade7"]);
    }

    #[tokio::test]
    async fn mistakes_are_told_with_the_machine() {
        let two = |one: &str, other: &str| format!("[targets.a]\n{one}[targets.b]\n{other}");
        let ip = "ip = \"10.0.0.1\"\n";
        let ipmilan = "agent = \"fence_ipmilan\"\n";
        for (config, file, expected) in [
            (format!("{ipmilan}hostlist = \"a\"\n"), None, "a: where is its device?"),
            (format!("{ipmilan}hostlist = \" ,; \"\n"), None, "hostlist names no node"),
            (format!("{ipmilan}hostlist = \"=1\"\n"), None, "hostlist: '=1' is neither"),
            (format!("{ipmilan}hostlist = \"a=1 a=2\"\n"), None, "a is named twice"),
            (format!("{ipmilan}hostlist = \"a=1 A=2\"\n"), None, "A is named twice"),
            (
                format!("{ipmilan}hostlist = \"a b\"\n[parameters]\n{ip}"),
                None,
                "a and b are the same machine by their parameters: fence_ipmilan 10.0.0.1:623",
            ),
            (
                format!("{ipmilan}hostlist = \"a=1\"\n[targets.b]\n{ip}"),
                None,
                "targets come from one source",
            ),
            (
                format!("{ipmilan}hostlist = \"a=1\"\n"),
                Some(format!("[targets.b]\n{ip}")),
                "targets come from one source",
            ),
            (ipmilan.to_owned(), Some(String::new()), "the file of targets names no node"),
            (ipmilan.to_owned(), Some(two(ip, ip)), "a and b are the same machine"),
            (
                ipmilan.to_owned(),
                Some(two(ip, &format!("{ip}lanplus = true\n"))),
                "ipmi 10.0.0.1:623 is used with two different sets of parameters (by a and b)",
            ),
            (
                ipmilan.to_owned(),
                Some(two(ip, &format!("{ip}agent = \"fence_ilo4\"\n"))),
                "ipmi 10.0.0.1:623 is used with two different sets of parameters (by a and b)",
            ),
            (ipmilan.to_owned(), Some(format!("[targets.\"a b\"]\n{ip}")), "'a b' is no name"),
            (
                ipmilan.to_owned(),
                Some(format!("[targets.\"a\\u001b\"]\n{ip}")),
                "'a\\u{1b}' is no name",
            ),
            (
                ipmilan.to_owned(),
                Some("[targets.a]\n".to_owned()),
                "a: you have to enter the fence address",
            ),
            (ipmilan.to_owned(), Some(format!("[targets.a]\n{ip}ipport = \"secret\"\n")), "a: "),
            (
                ipmilan.to_owned(),
                Some(format!("[targets.a]\n{ip}nonsense = 1\n")),
                "a: unknown parameter",
            ),
            (
                ipmilan.to_owned(),
                Some(format!("[targets.a]\n{ip}agent = \"fence_nobody\"\n")),
                "the fence agent 'fence_nobody' is not there",
            ),
        ] {
            let error = planned(&config, file.as_deref()).await.unwrap_err();
            assert!(error.starts_with(expected), "{config}{file:?}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[tokio::test]
    async fn all_agents_that_are_named_are_loaded_and_nothing_of_a_device_prints() {
        let config = "agent = \"fence_strip\"\n[targets.a]\nip = \"10.0.0.1\"\n\
                      password = \"secret\"\n[targets.b]\nagent = \"fence_ilo4\"\nip = \"10.0.0.2\"\n";
        let parsed: Config = toml::from_str(&format!("instance = \"test\"\n{config}")).unwrap();
        let file = toml::from_str::<MapFile>("[parameters]\nagent = \"fence_x\"\n").unwrap();
        let names = agents_of(&parsed, Some(&file));
        assert_eq!(names.into_iter().collect::<Vec<_>>(), ["fence_ilo4", "fence_strip", "fence_x"]);
        let plan = planned(config, None).await.unwrap();
        let printed = format!("{plan:?}");
        assert!(printed.contains("password") && !printed.contains("secret"), "{printed}");
    }
}
