use std::io;
use std::path::PathBuf;

use fencing::{ConfigError, Error, LoadFailure};

use crate::hosts::HostsError;
use crate::inventory::{InventoryError, Origin};

/// Why the program does not do what it was asked to, before anything is done. The text of each is one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the system does not let the program wait for events: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot set up the simulated machines: {0}")]
    Demo(#[source] Box<dyn std::error::Error>),
    #[error("cannot write to standard output: {0}")]
    Output(#[source] io::Error),
    #[error("cannot read {}: {source}", .path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", .path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error(transparent)]
    Hosts(#[from] HostsError),
    #[error("there are no hosts: name some, or a file of them with --hosts-file")]
    NoHosts,
    #[error(transparent)]
    Inventory(#[from] InventoryError),
    #[error("diagnose looks at one host; a group or a list of them is none")]
    OneHost,
    #[error("there is no provider '{}': they are native and redhat", .0.escape_debug())]
    NoProvider(String),
    #[error(transparent)]
    Fencing(#[from] Error),
    #[error(transparent)]
    Load(Box<LoadFailure>),
    #[error("there is no agent '{}'; fencectl agents lists them", .0.escape_debug())]
    NoAgent(String),
    #[error("{host}: {source}")]
    Host { host: String, source: Error },
    #[error("{origin}: {source}")]
    Given { origin: Origin, source: ConfigError },
    #[error("--set takes the name of a parameter and its value, as in --set power_timeout=30")]
    NotASetting,
    #[error("{origin}: no agent that is used here has a parameter '{}'", .parameter.escape_debug())]
    UnknownParameter { origin: Origin, parameter: String },
    #[error("{origin}: '{}' is no agent that is used here", .agent.escape_debug())]
    UnusedAgent { origin: Origin, agent: String },
    #[error("{origin}: '{parameter}' is a secret, and {advice}")]
    MisplacedSecret { origin: Origin, parameter: String, advice: &'static str },
    #[error("{origin}: '{parameter}' is no secret: it belongs into the inventory")]
    NoSecret { origin: Origin, parameter: String },
    #[error("{parameter} is what the hosts and the command say, and not to be set")]
    NotToBeSet { parameter: String },
    #[error("{host}: {agent} has neither an address nor a plug; run it without hosts")]
    NoAddress { host: String, agent: String },
    #[error(
        "{host}: a port belongs to one service, and several agents are used: --set AGENT.ipport=… or the inventory say it"
    )]
    PortOfMany { host: String },
    #[error("{host}: {agent} has no power cycle of its own; use reboot")]
    NoCycle { host: String, agent: String },
    #[error(
        "{host}: there is no password; it comes from --password-file, --password-script, the secrets of the inventory or \
         FENCECTL_PASSWORD"
    )]
    NoPassword { host: String },
    #[error("there is no password in the first line of {}", .0.display())]
    EmptyPassword(PathBuf),
    #[error("cannot ask for the password: {0}")]
    Prompt(#[source] io::Error),
    #[error("{what} {count} machines needs --yes where nobody can be asked")]
    NobodyToAsk { what: &'static str, count: usize },
    #[error("nothing was done")]
    Refused,
    #[error("{0} is for the agents of the provider native only")]
    OnlyNative(&'static str),
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// A failure of the demonstration.
    pub(crate) fn demo(source: impl std::error::Error + 'static) -> Self {
        Self::Demo(Box::new(source))
    }

    /// Whether nobody reads what is written.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        matches!(self, Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
