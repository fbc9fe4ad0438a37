use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::FenceError;
use crate::{Device, DeviceError, PowerCommand, PowerState};

/// What a command came to. Every success that speaks of power holds the reading that it rests on.
#[derive(Debug)]
pub enum Done {
    /// On: power was on before, and no command was sent.
    AlreadyOn(SeenOn),
    /// On: power is on after the command.
    PoweredOn(SeenOn),
    /// Off: power was off before, and no command was sent.
    AlreadyOff(SeenOff),
    /// Off: power is off after the command.
    PoweredOff(SeenOff),
    /// Reboot: the machine was fenced. Whether it came on again is another matter.
    Rebooted {
        /// How it is known that power was off.
        proof: OffProof,
        /// Whether power was seen on again, or why not.
        on: Result<SeenOn, FenceError>,
    },
    /// Diag: the device acknowledged the interrupt; nothing verifies it.
    DiagAcknowledged,
}

impl Done {
    /// Which command it is a success of.
    #[must_use]
    pub fn command(&self) -> PowerCommand {
        match self {
            Self::AlreadyOn(_) | Self::PoweredOn(_) => PowerCommand::On,
            Self::AlreadyOff(_) | Self::PoweredOff(_) => PowerCommand::Off,
            Self::Rebooted { .. } => PowerCommand::Reboot,
            Self::DiagAcknowledged => PowerCommand::Diag,
        }
    }

    /// What there is to say besides.
    #[must_use]
    pub fn remark(&self) -> Option<Remark<'_>> {
        match self {
            Self::Rebooted { on: Err(error), .. } => Some(Remark::NotOnAgain(error)),
            Self::Rebooted { proof: OffProof::Unverified(_), .. } => Some(Remark::Unverified),
            Self::Rebooted { proof: OffProof::Restarted(restart), .. } => {
                Some(Remark::Restarted(&restart.text))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AlreadyOn(_) => "on already",
            Self::PoweredOn(_) => "on",
            Self::AlreadyOff(_) => "off already",
            Self::PoweredOff(_) => "off",
            Self::Rebooted { on: Ok(_), .. } => "rebooted",
            Self::Rebooted { on: Err(_), .. } => "fenced, not on again",
            Self::DiagAcknowledged => "interrupt acknowledged",
        })
    }
}

/// What there is to say of a reboot besides its success.
#[derive(Debug)]
pub enum Remark<'a> {
    /// The machine was fenced, and did not come on again.
    NotOnAgain(&'a FenceError),
    /// Nothing but an acknowledgement proves that it was off.
    Unverified,
    /// Its own record of its last start proves it.
    Restarted(&'a str),
}

impl Remark<'_> {
    /// Whether somebody should look after it.
    #[must_use]
    pub fn is_warning(&self) -> bool {
        !matches!(self, Self::Restarted(_))
    }
}

impl fmt::Display for Remark<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotOnAgain(error) => {
                write!(f, "the machine was fenced, but powering it on again failed: {error}")
            }
            Self::Unverified => f.write_str(
                "nothing proves that power was off: the acknowledgement of the device was taken for it, as configured",
            ),
            Self::Restarted(text) => write!(f, "the machine restarted: {text}"),
        }
    }
}

/// How it is known that a rebooted machine was without power.
#[derive(Debug)]
pub enum OffProof {
    /// Off was read.
    Seen(SeenOff),
    /// The machine's own record of its last start changed with the command.
    Restarted(Restart),
    /// Nothing but the device's acknowledgement, which the user chose to accept.
    Unverified(Unverified),
}

/// A power state that a device answered when it was asked. Only this module makes one, by asking.
#[derive(Debug)]
pub struct Reading {
    state: PowerState,
    asked_at: Instant,
}

impl Reading {
    /// Asks the device.
    pub(super) async fn take(
        device: &mut dyn Device,
        deadline: Instant,
    ) -> Result<Self, DeviceError> {
        let asked_at = Instant::now();
        let state = device.power_state(deadline).await?;
        Ok(Self { state, asked_at })
    }

    /// By when a reading must be answered that is taken now, where the state must be seen by `deadline`: the last one,
    /// taken at the deadline, gets an answer too, and a healthy session is not mistaken for a lost one.
    pub(super) fn last_chance(deadline: Instant) -> Instant {
        deadline.max(Instant::now() + Duration::from_secs(1))
    }

    /// What was read.
    #[must_use]
    pub fn state(&self) -> PowerState {
        self.state
    }
}

/// A power command was sent at this time; only readings asked for later tell what it did.
#[derive(Clone, Copy, Debug)]
pub(super) struct CommandSent {
    at: Instant,
}

impl CommandSent {
    pub(super) fn now() -> Self {
        Self { at: Instant::now() }
    }

    fn precedes(self, reading: &Reading) -> bool {
        self.at <= reading.asked_at
    }
}

/// Power was read as off: the witness of every success of off, and of reboot but for the other kinds of [`OffProof`].
#[derive(Debug)]
pub struct SeenOff(Reading);

impl SeenOff {
    /// Off before any command.
    pub(super) fn already(reading: Reading) -> Option<Self> {
        (reading.state == PowerState::Off).then_some(Self(reading))
    }

    /// Off in a reading asked for after the command.
    pub(super) fn after(command: CommandSent, reading: Reading) -> Option<Self> {
        if command.precedes(&reading) { Self::already(reading) } else { None }
    }

    /// When it was asked for.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.0.asked_at
    }
}

/// Power was read as on.
#[derive(Debug)]
pub struct SeenOn(Reading);

impl SeenOn {
    /// On before any command.
    pub(super) fn already(reading: Reading) -> Option<Self> {
        (reading.state == PowerState::On).then_some(Self(reading))
    }

    /// On in a reading asked for after the command.
    pub(super) fn after(command: CommandSent, reading: Reading) -> Option<Self> {
        if command.precedes(&reading) { Self::already(reading) } else { None }
    }

    /// When it was asked for.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.0.asked_at
    }
}

/// The machine's own record of its last start changed with the command.
#[derive(Debug)]
pub struct Restart {
    pub(super) text: String,
}

/// Nothing proves it; only a user's explicit choice makes one of these.
#[derive(Debug)]
pub struct Unverified(pub(super) ());
