//! What is said over a controller's socket: one JSON object a line, in both directions.
//!
//! A request is one line. Its answer is one line or, of [`Request::Fence`], one for each node, as soon as it is known,
//! and a last one. Each line names the version of this protocol; one of another version is refused, never guessed at.
//! What a line may be long, and how fast they may come, is bounded ([`LONGEST_LINE`], [`REQUESTS_A_SECOND`]).
//!
//! Whoever closes the connection, or his side of it, does not wait for the answer any more: what was not begun by then
//! is not done.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The version of this protocol.
pub const VERSION: u32 = 1;
/// The longest line of a request, in bytes, with its end.
pub const LONGEST_LINE: usize = 256 * 1024;
/// The longest line of an answer: it may tell of thousands of devices, and why each of them does not answer.
pub const LONGEST_ANSWER: usize = 16 * 1024 * 1024;
/// How many nodes one request may name.
pub const MOST_NODES: usize = 4096;
/// How many connections a controller serves at a time.
pub const MOST_CONNECTIONS: usize = 256;
/// How many requests a second one connection may make, and how many at once; who makes more waits.
pub const REQUESTS_A_SECOND: u32 = 64;
/// The longest time that a request may ask for.
pub const LONGEST_TIME: Duration = Duration::from_secs(3600);

/// One line: the version, and what is said.
#[derive(Debug, Serialize, Deserialize)]
pub struct Line<T> {
    /// The version of the protocol.
    pub version: u32,
    /// What is said.
    #[serde(flatten)]
    pub body: T,
}

/// What a controller is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// How it is. Answered by [`Reply::Status`].
    Status {
        /// Whether its devices are asked now, or what is known of them is told.
        #[serde(default)]
        probe: bool,
        /// Whether whoever asks keeps an eye on the targets: a change is told as such until it was told to one of them.
        #[serde(default)]
        watch: bool,
        /// How long it may take.
        #[serde(default = "default_time", with = "milliseconds")]
        within_ms: Duration,
    },
    /// Comes back when a device was reached, or the time is over. Answered by [`Reply::Status`].
    AwaitDevice {
        /// How long it may take.
        #[serde(with = "milliseconds")]
        within_ms: Duration,
    },
    /// The machines that it can fence. Answered by [`Reply::Targets`].
    Targets {
        /// Whether the power state of each is read.
        #[serde(default)]
        states: bool,
        /// How long it may take.
        #[serde(default = "default_time", with = "milliseconds")]
        within_ms: Duration,
    },
    /// The power state of a machine. Answered by [`Reply::Power`].
    Power {
        /// Which.
        node: String,
        /// How long it may take.
        #[serde(default = "default_time", with = "milliseconds")]
        within_ms: Duration,
    },
    /// Switches machines. Answered by a [`Reply::Node`] for each, and [`Reply::End`].
    Fence {
        /// Which.
        nodes: Vec<String>,
        /// What is done to them.
        command: Command,
        /// How long it may take.
        #[serde(with = "milliseconds")]
        within_ms: Duration,
        /// What [`Status::configuration`] has to be: by another one the nodes may be other machines. Refused if it is
        /// not.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        configuration: Option<String>,
    },
    /// Reads the list of targets anew. Answered by [`Reply::Targets`].
    Reload {
        /// How long it may take.
        #[serde(default = "default_time", with = "milliseconds")]
        within_ms: Duration,
    },
    /// Gives everything back and ends. Answered by [`Reply::Stopping`], at once.
    Stop,
}

/// What can be done to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// See [`fencing::PowerCommand::On`].
    On,
    /// See [`fencing::PowerCommand::Off`].
    Off,
    /// See [`fencing::PowerCommand::Reboot`].
    Reboot,
    /// See [`fencing::PowerCommand::Diag`].
    Diag,
}

/// What a controller answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// How it is.
    Status(Status),
    /// The machines that it can fence.
    Targets(Targets),
    /// The power state of a machine, or why it is not known.
    Power {
        /// The machine.
        node: String,
        /// Its power state.
        #[serde(flatten)]
        outcome: Outcome<Reading>,
    },
    /// What became of a machine that was to be fenced.
    Node(NodeReply),
    /// All nodes of a request have been told.
    End {
        /// Whether a device was reached.
        reached: bool,
    },
    /// It ends now.
    Stopping,
    /// The request was not understood, or cannot be served.
    Refused {
        /// Why.
        reason: String,
    },
}

/// How a controller is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process.
    pub pid: u32,
    /// A mark of its configuration, by which another one can be told.
    pub configuration: String,
    /// Counts the lists of targets: another list has another number.
    pub generation: u64,
    /// Whether the targets have changed since somebody who watches them was told.
    pub changed: bool,
    /// What is wrong with the source of its targets; those of before are kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<String>,
    /// Its devices.
    pub devices: Vec<DeviceStatus>,
}

/// How a device is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceStatus {
    /// Its agent and its address.
    pub device: String,
    /// The machines that it switches.
    pub targets: Vec<String>,
    /// Whether it answers.
    #[serde(flatten)]
    pub reach: ReachStatus,
}

/// Whether a device answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum ReachStatus {
    /// It was not asked yet.
    Unknown,
    /// It answered when it was asked last.
    Reachable {
        /// How long ago that was.
        #[serde(with = "milliseconds")]
        age_ms: Duration,
    },
    /// It did not.
    Unreachable {
        /// Since when.
        #[serde(with = "milliseconds")]
        age_ms: Duration,
        /// Why.
        reason: String,
    },
}

/// The machines that a controller can fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// See [`Status::generation`].
    pub generation: u64,
    /// See [`Status::trouble`].
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub trouble: Option<String>,
    /// The machines, in alphabetical order.
    pub targets: Vec<Target>,
}

/// A machine that a controller can fence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its name.
    pub node: String,
    /// The device that switches it: its agent and its address.
    pub device: String,
    /// What the device calls it, where it has several.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub plug: Option<String>,
    /// Its power state, where that was asked for and could be read.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub state: Option<Power>,
}

/// A power state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Power {
    /// On.
    On,
    /// Off.
    Off,
    /// Neither was seen.
    Unknown,
}

/// A power state that was read now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// The state.
    pub state: Power,
}

/// What became of a machine that was to be fenced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeReply {
    /// The machine.
    pub node: String,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome<Done>,
}

/// A success, or why there is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "lowercase")]
pub enum Outcome<T> {
    /// It was done, and seen.
    Success(T),
    /// It was not, or it is not known.
    Failed {
        /// Why.
        reason: String,
    },
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// In words: "off already", "rebooted".
    pub done: String,
    /// What somebody should look after: that the machine is not on again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub warning: Option<String>,
}

/// Why a line was not understood.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no object of this protocol.
    #[error("this is no line of the protocol: {0}")]
    Malformed(String),
    /// Another version.
    #[error("version {0} of the protocol is not spoken here, only {VERSION}")]
    Version(u32),
}

/// The line that says it.
#[must_use]
pub fn write<T: Serialize>(body: T) -> Vec<u8> {
    // Maps with names for keys only: there is nothing in these types that cannot be written.
    let mut line = serde_json::to_vec(&Line { version: VERSION, body }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What a line says.
///
/// # Errors
/// See [`LineError`]. What is quoted in it is escaped.
pub fn read<T: DeserializeOwned>(line: &[u8]) -> Result<T, LineError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let malformed = |error: serde_json::Error| {
        LineError::Malformed(error.to_string().escape_debug().to_string())
    };
    let Versioned { version } = serde_json::from_slice(line).map_err(malformed)?;
    if version != VERSION {
        return Err(LineError::Version(version));
    }
    let Line { body, .. } = serde_json::from_slice(line).map_err(malformed)?;
    Ok(body)
}

fn default_time() -> Duration {
    Duration::from_secs(20)
}

/// A duration in whole milliseconds.
mod milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Duration, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u64(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<Duration, D::Error> {
        u64::deserialize(from).map(Duration::from_millis)
    }
}

impl From<Command> for fencing::PowerCommand {
    fn from(command: Command) -> Self {
        match command {
            Command::On => Self::On,
            Command::Off => Self::Off,
            Command::Reboot => Self::Reboot,
            Command::Diag => Self::Diag,
        }
    }
}

impl From<fencing::PowerCommand> for Command {
    fn from(command: fencing::PowerCommand) -> Self {
        match command {
            fencing::PowerCommand::On => Self::On,
            fencing::PowerCommand::Off => Self::Off,
            fencing::PowerCommand::Reboot => Self::Reboot,
            fencing::PowerCommand::Diag => Self::Diag,
        }
    }
}

impl From<fencing::PowerState> for Power {
    fn from(state: fencing::PowerState) -> Self {
        match state {
            fencing::PowerState::On => Self::On,
            fencing::PowerState::Off => Self::Off,
            fencing::PowerState::Unknown => Self::Unknown,
        }
    }
}

impl From<Power> for fencing::PowerState {
    fn from(state: Power) -> Self {
        match state {
            Power::On => Self::On,
            Power::Off => Self::Off,
            Power::Unknown => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn said(line: Vec<u8>) -> String {
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn lines_are_as_they_are_documented() {
        let fence = Request::Fence {
            nodes: vec!["node1".to_owned(), "node2".to_owned()],
            command: Command::Reboot,
            within_ms: Duration::from_secs(60),
            configuration: None,
        };
        let expected = r#"{"version":1,"request":"fence","nodes":["node1","node2"],"command":"reboot","within_ms":60000}"#;
        assert_eq!(said(write(&fence)), format!("{expected}\n"));
        assert_eq!(read::<Request>(expected.as_bytes()).unwrap(), fence);

        let failed = Reply::Node(NodeReply {
            node: "node1".to_owned(),
            outcome: Outcome::Failed { reason: "no answer".to_owned() },
        });
        let expected =
            r#"{"version":1,"reply":"node","node":"node1","result":"failed","reason":"no answer"}"#;
        assert_eq!(said(write(&failed)), format!("{expected}\n"));
        assert_eq!(read::<Reply>(expected.as_bytes()).unwrap(), failed);

        let done = Done { done: "rebooted".to_owned(), warning: None };
        let node = "node1".to_owned();
        let success = Reply::Node(NodeReply { node, outcome: Outcome::Success(done) });
        let expected =
            r#"{"version":1,"reply":"node","node":"node1","result":"success","done":"rebooted"}"#;
        assert_eq!(said(write(&success)), format!("{expected}\n"));
    }

    #[test]
    fn another_version_is_refused_and_so_is_what_names_none() {
        for (line, error) in [
            (r#"{"version":2,"request":"stop"}"#, "version 2 of the protocol is not spoken here"),
            (r#"{"request":"stop"}"#, "no line of the protocol: missing field `version`"),
            (r#"{"version":1,"request":"explode"}"#, "no line of the protocol: unknown variant"),
            (
                r#"{"version":1,"request":"fence","nodes":["a"],"command":"reboot"}"#,
                "missing field",
            ),
            (
                r#"{"version":1,"request":"fence","nodes":["a"],"command":"melt","within_ms":1}"#,
                "melt",
            ),
            ("", "no line of the protocol: EOF"),
        ] {
            let found = read::<Request>(line.as_bytes()).unwrap_err().to_string();
            assert!(found.contains(error), "{line}: {found}");
        }
    }

    proptest! {
        #[test]
        fn no_line_makes_it_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Request>(&line);
            let _ = read::<Reply>(&line);
        }

        /// A success must not come out of anything but a success.
        #[test]
        fn a_cut_line_is_never_a_success(cut in 0_usize..80) {
            let done = Done { done: "off".to_owned(), warning: None };
            let reply = Reply::Node(NodeReply { node: "n".to_owned(), outcome: Outcome::Success(done) });
            let line = write(&reply);
            let cut = cut.min(line.len() - 2);
            prop_assert!(read::<Reply>(&line[..cut]).is_err());
        }
    }
}
