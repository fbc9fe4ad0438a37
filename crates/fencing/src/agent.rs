use crate::{Action, AgentConfig, ConfigError, Device, Parameter};

/// One definition of a fence agent, from which every face of it is made: the program's command line, standard
/// input, help and metadata, and what other programs embed.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The name it is called by: `fence_ipmilan`.
    pub name: &'static str,
    /// One line.
    pub short_description: &'static str,
    /// A paragraph.
    pub long_description: &'static str,
    /// Where to read about what it controls; may be empty.
    pub vendor_url: &'static str,
    /// Other names of the same agent, each with its one line.
    pub other_names: &'static [(&'static str, &'static str)],
    /// Its parameters, in the order in which help and metadata show them.
    pub parameters: Vec<Parameter>,
    /// What it can do, in the order of the metadata.
    pub actions: &'static [AgentAction],
    /// What a plug means to it.
    pub plug: Plug,
    /// Makes the device that a configuration describes. Nothing is connected by it.
    pub open: OpenDevice,
}

/// Makes a device of a configuration, or says what is wrong with it.
pub type OpenDevice = fn(&AgentConfig) -> Result<Box<dyn Device>, ConfigError>;

/// What a plug means to an agent, unless `port_as_ip` makes it the address of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plug {
    /// Nothing: the device has one machine. Callers send one all the same.
    Ignored,
    /// It chooses one of several machines of the device.
    Chooses,
}

/// What an agent can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AgentAction {
    /// Something with the device; shown in the metadata.
    Shown(Action),
    /// Something with the device that is accepted, but not shown in the metadata.
    Accepted(Action),
    /// Print the metadata.
    Metadata,
    /// Print the metadata, as the input of a manual page.
    Manpage,
    /// Check the parameters, and touch nothing.
    ValidateAll,
}

impl Agent {
    /// The parameter with this name or old name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.answers_to(name))
    }

    /// What the agent is asked for by this word, in any case. `meta-data` is the metadata, as in the OCF.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<AgentAction> {
        let name = name.to_ascii_lowercase();
        let name = if name == "meta-data" { "metadata" } else { &name };
        self.actions.iter().copied().find(|action| action.name() == name)
    }
}

impl AgentAction {
    /// The word for it in the FenceAgentAPI.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Shown(action) | Self::Accepted(action) => action.name(),
            Self::Metadata => "metadata",
            Self::Manpage => "manpage",
            Self::ValidateAll => "validate-all",
        }
    }
}
