use serde::{Deserialize, Serialize};

/// What a controller that was started says on its standard output, in one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "begun", rename_all = "kebab-case")]
pub(crate) enum Begun {
    /// It listens.
    Yes,
    /// It does not.
    No {
        /// What kind of mistake it is.
        cause: Cause,
        /// Which.
        reason: String,
    },
}

/// What kind of mistake keeps a controller from beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Cause {
    /// There is one of this name already.
    Running,
    /// What it was told makes no sense.
    Configuration,
    /// The file of targets cannot be used.
    File,
    /// It takes another user.
    Privileges,
    /// An agent is not there.
    NotInstalled,
    /// Something else: the disk is full, somebody else uses the device.
    Other,
}
