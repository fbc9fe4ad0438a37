use std::error::Error;
use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;

use crate::{Port, Power, PowerState};

/// A device that switches the power of one machine.
///
/// Each call comes back by its deadline. A device connects when it is first asked for something, and again when it
/// lost its connection; [`Device::close`] gives back what it holds at the other side.
///
/// A future that is dropped half way leaves the device usable: at worst it connects anew. Of a command that was dropped
/// nobody knows what became.
#[async_trait]
pub trait Device: Send {
    /// Where the device is, for messages: `10.0.0.5:623`.
    fn address(&self) -> String;

    /// A new operation begins: what was held to within one operation only, such as which address has answered and what
    /// was asked for, is forgotten. A session or connection that is there is kept, and what is
    /// [`known`](Device::known).
    fn begin(&mut self) {}

    /// Which of the device's machines the following calls are about, by the name that the parameter `plug` takes; with
    /// `None` the one that the configuration means. To be called when an operation begins. A name that is none of a
    /// machine is told by the next call.
    fn select(&mut self, _plug: Option<&str>) {}

    /// What the device has told of itself.
    fn known(&self) -> Known {
        Known::default()
    }

    /// What it told when it was open before, which it is held to.
    fn expect(&mut self, _known: &Known) {}

    /// Reads the power state from the machine, now; never from memory.
    ///
    /// # Errors
    /// When no trustworthy answer came.
    async fn power_state(&mut self, deadline: Instant) -> Result<PowerState, DeviceError>;

    /// Asks for power to be switched hard, without asking the operating system. May ask several times.
    ///
    /// # Errors
    /// When the device did not acknowledge. It may have acted all the same.
    async fn set_power(&mut self, to: Power, deadline: Instant) -> Result<(), DeviceError>;

    /// Asks for power off and on again, exactly once. Does not wait long for the acknowledgement: power may be off for
    /// no more than a second, and the caller wants to see it.
    ///
    /// # Errors
    /// When the device did not acknowledge. With [`ErrorKind::NoAnswer`] it may have acted all the same.
    async fn cycle(&mut self, deadline: Instant) -> Result<(), DeviceError>;

    /// Sends a diagnostic interrupt (NMI), exactly once.
    ///
    /// # Errors
    /// When the device did not acknowledge.
    async fn diagnostic_interrupt(&mut self, deadline: Instant) -> Result<(), DeviceError>;

    /// What the machine says of its last start, to be compared with what it says after a cycle: now, or with the last
    /// power state. Asked once, without connecting anew for it.
    ///
    /// # Errors
    /// When the device does not know, or no trustworthy answer came.
    async fn restart_mark(&mut self, deadline: Instant) -> Result<RestartMark, DeviceError>;

    /// The machines of a device that has several.
    ///
    /// # Errors
    /// When the device has one only, or no trustworthy answer came.
    async fn plugs(&mut self, _deadline: Instant) -> Result<Vec<Port>, DeviceError> {
        Err(DeviceError::new(ErrorKind::Unsupported, "the device has no list of machines"))
    }

    /// Gives back what the device holds at the other side, such as a session. Short, and without a result:
    /// nothing depends on it.
    async fn close(&mut self);
}

/// What a device has told of itself, to which whoever answers in its place later is held.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// It has several machines. Should it have one only now, that one is not meant by the name of another.
    pub has_several: bool,
    /// The UUID (GUID) of its only machine, as it tells it. Who has another one is another machine, whatever its
    /// address.
    pub uuid: Option<String>,
    /// Whether another one was refused.
    pub has_met_another: bool,
}

impl Known {
    /// What is known from before, with what is known now besides.
    pub fn learn(&mut self, now: Self) {
        self.has_several |= now.has_several;
        self.uuid = self.uuid.take().or(now.uuid);
        self.has_met_another |= now.has_met_another;
    }

    /// Holds who answers now to who has answered before, which that is from now on if nobody has.
    ///
    /// # Errors
    /// When it is another one.
    pub fn meet(&mut self, uuid: Option<String>) -> Result<(), DeviceError> {
        let Some(now) = uuid else { return Ok(()) };
        let before = self.uuid.get_or_insert_with(|| now.clone());
        if before.eq_ignore_ascii_case(&now) {
            return Ok(());
        }
        self.has_met_another = true;
        let (now, before) = (now.escape_debug(), before.escape_debug());
        let reason = format!(
            "another BMC answers there now: its UUID is {now}, and was {before}; if it is the right one (was the \
             board exchanged?), a controller takes it after a reload"
        );
        Err(DeviceError::new(ErrorKind::Denied, reason))
    }
}

/// What a machine says of its last start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestartMark {
    /// Why it was started.
    Cause {
        /// The cause, for people.
        text: String,
        /// Whether it is a start by command.
        by_command: bool,
    },
    /// When it was started.
    Time {
        /// The time as the machine writes it.
        text: String,
        /// The same, since the beginning of 1970.
        since_1970: Duration,
    },
}

impl RestartMark {
    /// How much later a start must be for it to be another one: some devices compute the time anew for each answer.
    const ANOTHER_START: Duration = Duration::from_secs(2);

    /// Whether the machine was started by command after it said the other. Marks of different kinds tell nothing.
    #[must_use]
    pub fn is_restart_after(&self, before: &Self) -> bool {
        match (before, self) {
            (Self::Cause { text: before, .. }, Self::Cause { text, by_command }) => {
                text != before && *by_command
            }
            (Self::Time { since_1970: before, .. }, Self::Time { since_1970, .. }) => {
                before.checked_add(Self::ANOTHER_START).is_some_and(|least| *since_1970 >= least)
            }
            _ => false,
        }
    }
}

impl fmt::Display for RestartMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cause { text, .. } => f.write_str(text),
            Self::Time { text, .. } => write!(f, "last reset at {}", text.escape_debug()),
        }
    }
}

/// Why a device did not do as it was asked.
#[derive(Debug)]
pub struct DeviceError {
    kind: ErrorKind,
    source: Box<dyn Error + Send + Sync>,
}

/// What the caller can make of a [`DeviceError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// No answer in time. What was asked for may have been done or not.
    NoAnswer,
    /// The device is there, and may well do it a moment later.
    Busy,
    /// The device does not do this in the machine's present power state.
    PresentState,
    /// The device cannot do this at all.
    Unsupported,
    /// The device refused this, and may refuse it again.
    Refused,
    /// The device is there, and has several machines: it was not said which is meant.
    Unchosen,
    /// The device is there, and has no machine of this name, or several: the end, whatever was asked for.
    NoSuchPlug,
    /// Wrong credentials or privileges, or not the device that it was: the end, whatever was asked for.
    Denied,
}

impl ErrorKind {
    /// Whether nothing else can come of it within the operation.
    pub(crate) fn is_final(self) -> bool {
        matches!(self, Self::NoSuchPlug | Self::Denied)
    }

    /// Whether it is only about which machine is meant; the device itself answers.
    pub(crate) fn is_about_plug(self) -> bool {
        matches!(self, Self::Unchosen | Self::NoSuchPlug)
    }
}

impl DeviceError {
    /// An error with its reason.
    #[must_use]
    pub fn new(kind: ErrorKind, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { kind, source: source.into() }
    }

    /// What the caller can make of it.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether asking again may help.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::NoAnswer | ErrorKind::Busy)
    }
}

impl fmt::Display for DeviceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.source.fmt(f)
    }
}

impl Error for DeviceError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: u64) -> RestartMark {
        RestartMark::Time { text: String::new(), since_1970: Duration::from_secs(seconds) }
    }

    fn cause(text: &str, by_command: bool) -> RestartMark {
        RestartMark::Cause { text: text.to_owned(), by_command }
    }

    #[test]
    fn a_restart_is_another_cause_by_command_or_a_later_time() {
        for (before, after, is_restart) in [
            (cause("button", false), cause("command", true), true),
            (cause("command", true), cause("command", true), false),
            (cause("command", true), cause("button", false), false),
            (time(100), time(102), true),
            (time(100), time(101), false),
            (time(100), time(99), false),
            (time(100), cause("command", true), false),
        ] {
            assert_eq!(after.is_restart_after(&before), is_restart, "{before:?} {after:?}");
        }
    }
}
