use std::fmt;

/// What a fence device can be asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Power on, and see it on.
    On,
    /// Power off, and see it off.
    Off,
    /// Power off, see it off, power on.
    Reboot,
    /// Read the power state.
    Status,
    /// Find out whether the device answers.
    Monitor,
    /// List the plugs of the device.
    List,
    /// List the plugs of the device with their power states.
    ListStatus,
    /// Send a diagnostic interrupt (NMI). Acknowledged by the device, verified by nobody.
    Diag,
}

impl Action {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::On,
        Self::Off,
        Self::Reboot,
        Self::Status,
        Self::Monitor,
        Self::List,
        Self::ListStatus,
        Self::Diag,
    ];

    /// The action that the FenceAgentAPI has this word for, in any case. Agents of old say `enable` and `disable`.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "enable" => Some(Self::On),
            "disable" => Some(Self::Off),
            word => Self::ALL.into_iter().find(|action| action.name() == word),
        }
    }

    /// The action as the FenceAgentAPI writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Reboot => "reboot",
            Self::Status => "status",
            Self::Monitor => "monitor",
            Self::List => "list",
            Self::ListStatus => "list-status",
            Self::Diag => "diag",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// An [`Action`] that changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerCommand {
    /// See [`Action::On`].
    On,
    /// See [`Action::Off`].
    Off,
    /// See [`Action::Reboot`].
    Reboot,
    /// See [`Action::Diag`].
    Diag,
}

impl PowerCommand {
    /// The command that an action is, if it changes something.
    #[must_use]
    pub fn of(action: Action) -> Option<Self> {
        match action {
            Action::On => Some(Self::On),
            Action::Off => Some(Self::Off),
            Action::Reboot => Some(Self::Reboot),
            Action::Diag => Some(Self::Diag),
            Action::Status | Action::Monitor | Action::List | Action::ListStatus => None,
        }
    }
}

impl From<PowerCommand> for Action {
    fn from(command: PowerCommand) -> Self {
        match command {
            PowerCommand::On => Self::On,
            PowerCommand::Off => Self::Off,
            PowerCommand::Reboot => Self::Reboot,
            PowerCommand::Diag => Self::Diag,
        }
    }
}

impl fmt::Display for PowerCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Action::from(*self).fmt(f)
    }
}

/// What power can be switched to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Power {
    /// On.
    On,
    /// Off.
    Off,
}

impl fmt::Display for Power {
    /// `ON` or `OFF`, as fence agents print it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        PowerState::from(*self).fmt(f)
    }
}

/// Whether a machine has power, as its device tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PowerState {
    /// It has.
    On,
    /// It has not.
    Off,
    /// Neither was seen: it is on its way off, or the device has a word for it that nobody knows. For a status that is
    /// on, because it is not off; no success rests on it.
    Unknown,
}

impl From<Power> for PowerState {
    fn from(power: Power) -> Self {
        match power {
            Power::On => Self::On,
            Power::Off => Self::Off,
        }
    }
}

impl fmt::Display for PowerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::On => "ON",
            Self::Off => "OFF",
            Self::Unknown => "neither ON nor OFF",
        })
    }
}
