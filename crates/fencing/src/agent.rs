use crate::{Action, Parameter, Text};

/// What a fence agent is, whoever provides it.
#[derive(Clone, Debug)]
pub struct Agent {
    /// The name that its provider is registered by.
    pub provider: Text,
    /// The name it is called by: `fence_ipmilan`.
    pub name: Text,
    /// One line.
    pub short_description: Text,
    /// A paragraph.
    pub long_description: Text,
    /// Where to read about what it controls; may be empty.
    pub vendor_url: Text,
    /// Other names of the same agent, each with its one line.
    pub other_names: Vec<(Text, Text)>,
    /// Its parameters, in the order in which help and metadata show them.
    pub parameters: Vec<Parameter>,
    /// What it can do, in the order of the metadata.
    pub actions: Vec<AgentAction>,
    /// What a plug means to it.
    pub plug: Plug,
    /// Whether its machines have to be switched on before they may join a cluster.
    pub unfencing: Unfencing,
}

/// What a plug (also called port) means to an agent, unless `port_as_ip` makes it the address of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plug {
    /// Nothing: the device has one machine. Callers send one all the same.
    Ignored,
    /// It chooses one of several machines of the device, and may be left out where there is one only.
    Chooses,
    /// It chooses one of several machines of the device, and nothing but a monitor or a list works without.
    Required,
}

/// What an agent wants of the action on, when a machine joins the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfencing {
    /// It has to be carried out then (`automatic="1"`).
    pub automatic: bool,
    /// The machine itself has to do it (`on_target="1"`).
    pub on_target: bool,
}

impl Unfencing {
    /// Whether it wants anything.
    #[must_use]
    pub fn is_wanted(self) -> bool {
        self.automatic || self.on_target
    }
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
    /// An agent to be completed: it has no parameters and no actions, and its device has one machine. The provider is
    /// filled in when it is loaded.
    #[must_use]
    pub fn new(name: impl Into<Text>) -> Self {
        Self {
            provider: Text::default(),
            name: name.into(),
            short_description: Text::default(),
            long_description: Text::default(),
            vendor_url: Text::default(),
            other_names: Vec::new(),
            parameters: Vec::new(),
            actions: Vec::new(),
            plug: Plug::Ignored,
            unfencing: Unfencing::default(),
        }
    }

    /// The parameter with this name or old name.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.answers_to(name))
    }

    /// The parameter that names one of several machines. Agents of old know it as `port` only.
    #[must_use]
    pub fn plug_parameter(&self) -> Option<&Parameter> {
        self.parameter("plug").or_else(|| self.parameter("port"))
    }

    /// What the agent is asked for by this word, in any case. `meta-data` is the metadata, as in the OCF.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<AgentAction> {
        let name = name.to_ascii_lowercase();
        let name = if name == "meta-data" { "metadata" } else { &name };
        self.actions.iter().copied().find(|action| action.name() == name)
    }

    /// Whether it can do this with its device. An agent whose device has one machine accepts a list, and has nothing to
    /// tell.
    #[must_use]
    pub fn can(&self, action: Action) -> bool {
        self.actions.contains(&AgentAction::Shown(action))
            || (self.plug != Plug::Ignored && self.actions.contains(&AgentAction::Accepted(action)))
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
