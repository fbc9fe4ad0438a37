//! `fence_controller`, the fence agent that asks the controller of this machine: the road from today's cluster managers
//! to it. One fence device of a cluster then has all machines of the controller as its plugs.

use std::time::Duration;

use async_trait::async_trait;
use fencing::agents::standard;
use fencing::{
    Action, Agent, AgentAction, AgentConfig, ConfigError, Error, Kind, Loaded, Parameter, Plug,
    Port, PowerCommand, PowerState, Provider, Success,
};
use tokio::time::Instant;

use crate::client::{Client, ClientError, next_step};
use crate::instance::{InstanceName, RUN_DIRECTORY, RunDirectory};
use crate::protocol::{NodeReply, Outcome, ReachStatus, Reply, Request, Targets};
use crate::text::escaped;

/// The name of the program.
pub const NAME: &str = "fence_controller";
/// How long a controller may take to reach a device where it has reached none yet.
const BEGINNING: Duration = Duration::from_secs(8);
/// What is kept of the caller's time for the way there and back.
const WAY: Duration = Duration::from_millis(500);

/// The agent `fence_controller`.
#[must_use]
pub fn agent() -> Agent {
    Agent {
        short_description: "Fence agent for the STONITH controller of this machine".into(),
        long_description: "Asks the STONITH controller of this machine to switch the power of a node. The \
                           controller holds the devices of many nodes, and is logged in to them already. \
                           Success is reported only when the controller says that it has seen the power off \
                           (or on) after the command. Where the controller is not running, this fails at once."
            .into(),
        parameters: parameters(),
        actions: actions(),
        plug: Plug::Required,
        ..Agent::new(NAME)
    }
}

fn actions() -> Vec<AgentAction> {
    let shown = [
        Action::On,
        Action::Off,
        Action::Reboot,
        Action::Status,
        Action::Monitor,
        Action::List,
        Action::ListStatus,
        Action::Diag,
    ];
    let documents = [AgentAction::Metadata, AgentAction::Manpage, AgentAction::ValidateAll];
    shown.into_iter().map(AgentAction::Shown).chain(documents).collect()
}

fn parameters() -> Vec<Parameter> {
    let mut parameters = vec![
        standard::action(),
        Parameter {
            getopt: standard::option(None, "controller", "name"),
            ..standard::parameter(
                "controller",
                Kind::String,
                "Name of the controller: the name of its resource. By default the only one on this machine.",
            )
        },
        Parameter { required: true, ..standard::plug("id", "Name of the node.") },
        Parameter {
            default: Some(RUN_DIRECTORY.into()),
            getopt: standard::option(None, "run-directory", "directory"),
            ..standard::parameter(
                "run_directory",
                Kind::String,
                "Where the controller's socket is.",
            )
        },
    ];
    parameters.extend(standard::program());
    parameters.push(standard::delay());
    parameters.push(standard::power_timeout(
        "50",
        "How long the controller may take, in seconds. It should be less than what the caller waits.",
    ));
    parameters
}

/// The provider of [`agent`]: the controllers of this machine.
#[derive(Debug, Default)]
pub struct Controllers(());

impl Controllers {
    /// All controllers of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

#[async_trait]
impl Provider for Controllers {
    async fn load_agents(&self, _: Instant) -> Loaded {
        Loaded { agents: vec![agent()], failures: Vec::new() }
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        named(config).map(|_| ())
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error> {
        let node = config.text("plug").unwrap_or_default();
        let request = |within_ms| Request::Fence {
            nodes: vec![node.clone()],
            command: command.into(),
            within_ms,
            configuration: None,
        };
        let mut asking = Asking::begin(config, request, deadline).await?;
        match asking.answer().await? {
            Reply::Node(NodeReply { node: told, outcome }) if told == node => match outcome {
                Outcome::Success(done) => {
                    if let Some(warning) = done.warning {
                        log::error!("{}: {}", node.escape_debug(), escaped(&warning));
                    }
                    Ok(Success::Reported(command))
                }
                Outcome::Failed { reason } => Err(ControllerError::Node { node, reason }.into()),
            },
            _ => Err(asking.misplaced()),
        }
    }

    async fn status(&self, config: &AgentConfig, deadline: Instant) -> Result<PowerState, Error> {
        let node = config.text("plug").unwrap_or_default();
        let request = |within_ms| Request::Power { node: node.clone(), within_ms };
        let mut asking = Asking::begin(config, request, deadline).await?;
        match asking.answer().await? {
            Reply::Power { node: told, outcome } if told == node => match outcome {
                Outcome::Success(reading) => Ok(reading.state.into()),
                Outcome::Failed { reason } => Err(ControllerError::Node { node, reason }.into()),
            },
            _ => Err(asking.misplaced()),
        }
    }

    /// The controller is there, and at least one of its devices answers; one that has just begun is given a moment for
    /// that.
    async fn monitor(&self, config: &AgentConfig, deadline: Instant) -> Result<(), Error> {
        let request = |within: Duration| Request::AwaitDevice { within_ms: within.min(BEGINNING) };
        let mut asking = Asking::begin(config, request, deadline).await?;
        let Reply::Status(status) = asking.answer().await? else { return Err(asking.misplaced()) };
        let is_reachable = |reach: &ReachStatus| matches!(reach, ReachStatus::Reachable { .. });
        if status.devices.iter().any(|device| is_reachable(&device.reach)) {
            return Ok(());
        }
        let states = status.devices.iter().map(|device| {
            format!("{}: {}", device.device.escape_debug(), crate::cli::reach(&device.reach))
        });
        Err(ControllerError::NoDevice { states: states.collect::<Vec<_>>().join("; ") }.into())
    }

    async fn list(&self, config: &AgentConfig, deadline: Instant) -> Result<Vec<Port>, Error> {
        // Whoever wants the names wants them now, whatever the devices are doing.
        let is_for_states = config.text("action").as_deref() == Some(Action::ListStatus.name());
        let request = |within_ms| Request::Targets { states: is_for_states, within_ms };
        let mut asking = Asking::begin(config, request, deadline).await?;
        let Reply::Targets(Targets { targets, .. }) = asking.answer().await? else {
            return Err(asking.misplaced());
        };
        let port = |target: crate::protocol::Target| Port {
            name: target.node,
            alias: None,
            state: target.state.map(Into::into),
        };
        Ok(targets.into_iter().map(port).collect())
    }
}

/// Why there is no answer from a controller.
#[derive(Debug, thiserror::Error)]
enum ControllerError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(
        "no controller is running: none was in {} since this machine was started; {}",
        .0.path().display(),
        next_step("NAME")
    )]
    None(RunDirectory),
    #[error("several controllers are there, and controller does not say which: give controller=NAME, one of {}", .0.join(", "))]
    Several(Vec<String>),
    #[error("cannot look for controllers in {}: {reason}", .directory.path().display())]
    Directory { directory: RunDirectory, reason: std::io::Error },
    #[error("{}: {}", .node.escape_debug(), escaped(.reason))]
    Node { node: String, reason: String },
    #[error("the controller reaches none of its devices: {states}")]
    NoDevice { states: String },
}

impl From<ControllerError> for Error {
    fn from(error: ControllerError) -> Self {
        Self::Provider(Box::new(error))
    }
}

/// A request that was made.
struct Asking {
    client: Client,
    deadline: Instant,
}

impl Asking {
    async fn begin(
        config: &AgentConfig,
        request: impl FnOnce(Duration) -> Request,
        deadline: Instant,
    ) -> Result<Self, Error> {
        let directory = RunDirectory::new(config.text("run_directory").unwrap_or_default());
        let instance = match named(config)? {
            Some(instance) => instance,
            None => the_only_one(&directory)?,
        };
        let connected = Client::connect(&directory, &instance).await;
        let mut client = connected.map_err(ControllerError::from)?;
        let within = deadline.saturating_duration_since(Instant::now()).saturating_sub(WAY);
        let sent = client.send(&request(within), deadline).await;
        sent.map_err(ControllerError::from)?;
        Ok(Self { client, deadline })
    }

    async fn answer(&mut self) -> Result<Reply, Error> {
        Ok(self.client.answer(self.deadline).await.map_err(ControllerError::from)?)
    }

    fn misplaced(&self) -> Error {
        ControllerError::Client(self.client.misplaced()).into()
    }
}

/// The controller that the configuration names, if it does.
fn named(config: &AgentConfig) -> Result<Option<InstanceName>, Error> {
    let name = config.text("controller").map(|name| name.parse::<InstanceName>()).transpose();
    name.map_err(|error| {
        let parameter = "controller".into();
        ConfigError::Unusable { parameter, reason: error.to_string() }.into()
    })
}

fn the_only_one(directory: &RunDirectory) -> Result<InstanceName, ControllerError> {
    let failed = |reason| ControllerError::Directory { directory: directory.clone(), reason };
    let mut instances = directory.instances().map_err(failed)?;
    match (instances.pop(), instances.is_empty()) {
        (Some(instance), true) => Ok(instance),
        (None, _) => Err(ControllerError::None(directory.clone())),
        (Some(last), false) => {
            let names = instances.iter().chain([&last]).map(ToString::to_string);
            Err(ControllerError::Several(names.collect()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_default_is_a_value_of_its_parameter_and_no_option_is_there_twice() {
        let mut seen = BTreeSet::new();
        for parameter in agent().parameters {
            let default = parameter.default.as_deref().map(|default| parameter.parse(default));
            assert!(!matches!(default, Some(Err(_))), "{parameter:?}");
            let short = parameter.getopt.short.map(String::from);
            for name in short.into_iter().chain([parameter.name.to_string()]) {
                assert!(seen.insert(name.clone()), "{name}");
            }
        }
    }

    #[test]
    fn the_only_controller_is_meant_where_none_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let directory = RunDirectory::new(folder.path());
        let chosen = || the_only_one(&directory).map_err(|error| error.to_string());
        assert!(chosen().unwrap_err().starts_with("no controller is running"));
        for file in ["a.sock", "a.lock", "a.known", "b.lock", "device-ipmi%20b.lock"] {
            std::fs::write(folder.path().join(file), "").unwrap();
        }
        assert_eq!(chosen().unwrap().as_str(), "a");
        // Whether it runs now or not: that may change between two calls.
        std::fs::write(folder.path().join("b.known"), "").unwrap();
        assert!(chosen().unwrap_err().ends_with("one of a, b"));
        let nowhere = RunDirectory::new(folder.path().join("nowhere"));
        let error = the_only_one(&nowhere).unwrap_err().to_string();
        assert!(error.starts_with("no controller is running"), "{error}");
    }
}
