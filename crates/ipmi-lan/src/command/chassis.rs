use std::fmt;

use super::Command;
use crate::wire::{NetworkFunction, Reader, WireError};

/// Get Chassis Status (IPMI 2.0 §28.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetChassisStatus;

/// What Get Chassis Status answers (IPMI 2.0 §28.2, table 28-3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChassisStatus {
    /// Current power state, bit 0: system power is on.
    pub power_on: bool,
    /// Current power state, bit 3: fault detected in the main power subsystem.
    pub power_fault: bool,
    /// Current power state, bit 4: the BMC tried to switch power, and the system did not enter that state.
    pub power_control_fault: bool,
    /// Last power event, all bits.
    pub last_power_event: u8,
    /// Miscellaneous chassis state, all bits.
    pub miscellaneous: u8,
}

impl Command for GetChassisStatus {
    const NAME: &'static str = "Get Chassis Status";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::CHASSIS;
    const NUMBER: u8 = 0x01;
    type Response = ChassisStatus;

    fn to_data(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_data(_: &[u8]) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn parse_response(&self, data: &[u8]) -> Result<ChassisStatus, WireError> {
        let mut reader = Reader::new("Get Chassis Status response", data);
        let power = reader.u8()?;
        Ok(ChassisStatus {
            power_on: power & ChassisStatus::POWER_ON != 0,
            power_fault: power & ChassisStatus::POWER_FAULT != 0,
            power_control_fault: power & ChassisStatus::POWER_CONTROL_FAULT != 0,
            last_power_event: reader.u8()?,
            miscellaneous: reader.u8()?,
        })
    }
}

impl ChassisStatus {
    const POWER_ON: u8 = 0x01;
    const POWER_FAULT: u8 = 0x08;
    const POWER_CONTROL_FAULT: u8 = 0x10;

    /// The data of the response.
    #[must_use]
    pub fn to_data(&self) -> Vec<u8> {
        let bit = |is_set, bit| if is_set { bit } else { 0 };
        let power = bit(self.power_on, Self::POWER_ON)
            | bit(self.power_fault, Self::POWER_FAULT)
            | bit(self.power_control_fault, Self::POWER_CONTROL_FAULT);
        vec![power, self.last_power_event, self.miscellaneous]
    }
}

/// Chassis Control (IPMI 2.0 §28.3). The BMC may answer before it acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChassisControl(pub PowerControl);

/// What Chassis Control is to do (IPMI 2.0 §28.3, table 28-4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerControl {
    /// Into S4/S5 at once, without asking the operating system.
    PowerDown,
    /// On.
    PowerUp,
    /// Off for at least one second, then on. No action when power is off.
    PowerCycle,
    /// Hard reset: power stays on.
    HardReset,
    /// Diagnostic interrupt, usually an NMI.
    DiagnosticInterrupt,
    /// Ask the operating system to shut down.
    SoftShutdown,
}

impl Command for ChassisControl {
    const NAME: &'static str = "Chassis Control";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::CHASSIS;
    const NUMBER: u8 = 0x02;
    type Response = ();

    fn to_data(&self) -> Vec<u8> {
        vec![match self.0 {
            PowerControl::PowerDown => 0,
            PowerControl::PowerUp => 1,
            PowerControl::PowerCycle => 2,
            PowerControl::HardReset => 3,
            PowerControl::DiagnosticInterrupt => 4,
            PowerControl::SoftShutdown => 5,
        }]
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Chassis Control request", data);
        let control = reader.u8()? & 0x0f;
        Ok(Self(match control {
            0 => PowerControl::PowerDown,
            1 => PowerControl::PowerUp,
            2 => PowerControl::PowerCycle,
            3 => PowerControl::HardReset,
            4 => PowerControl::DiagnosticInterrupt,
            5 => PowerControl::SoftShutdown,
            other => return Err(reader.field("chassis control", other)),
        }))
    }

    fn parse_response(&self, _: &[u8]) -> Result<(), WireError> {
        Ok(())
    }
}

impl fmt::Display for PowerControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PowerDown => "power down",
            Self::PowerUp => "power up",
            Self::PowerCycle => "power cycle",
            Self::HardReset => "hard reset",
            Self::DiagnosticInterrupt => "diagnostic interrupt",
            Self::SoftShutdown => "soft shutdown",
        })
    }
}

/// Get System Restart Cause (IPMI 2.0 §28.11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GetSystemRestartCause;

/// Why the system last started (IPMI 2.0 §28.11, table 28-11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestartCause(pub u8);

impl RestartCause {
    /// The BMC does not know.
    pub const UNKNOWN: Self = Self(0);
    /// By a Chassis Control command.
    pub const CHASSIS_CONTROL: Self = Self(1);

    /// The data of the response; the second byte is the channel that the command came from.
    #[must_use]
    pub fn to_data(self) -> Vec<u8> {
        vec![self.0, 0x01]
    }
}

impl Command for GetSystemRestartCause {
    const NAME: &'static str = "Get System Restart Cause";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::CHASSIS;
    const NUMBER: u8 = 0x07;
    type Response = RestartCause;

    fn to_data(&self) -> Vec<u8> {
        Vec::new()
    }

    fn from_data(_: &[u8]) -> Result<Self, WireError> {
        Ok(Self)
    }

    fn parse_response(&self, data: &[u8]) -> Result<RestartCause, WireError> {
        let mut reader = Reader::new("Get System Restart Cause response", data);
        Ok(RestartCause(reader.u8()? & 0x0f))
    }
}
