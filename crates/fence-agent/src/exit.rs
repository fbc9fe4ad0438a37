use std::process::ExitCode;

use fencing::PowerState;

/// How the program ends. There are no other exit codes, because callers know no others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: what was asked for was done, or a status is ON.
    Success,
    /// 1: everything else.
    Failure,
    /// 2: a status is OFF.
    Off,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::from(0),
            Exit::Failure => Self::from(1),
            Exit::Off => Self::from(2),
        }
    }
}

impl From<PowerState> for Exit {
    fn from(status: PowerState) -> Self {
        match status {
            PowerState::On | PowerState::Unknown => Self::Success,
            PowerState::Off => Self::Off,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_fence_agent_api() {
        for (exit, code) in [(Exit::Success, 0), (Exit::Failure, 1), (Exit::Off, 2)] {
            assert_eq!(ExitCode::from(exit), ExitCode::from(code));
        }
    }

    #[test]
    fn the_exit_code_of_a_status_is_the_power_state() {
        assert_eq!(Exit::from(PowerState::On), Exit::Success);
        assert_eq!(Exit::from(PowerState::Off), Exit::Off);
    }
}
