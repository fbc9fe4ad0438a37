use std::time::Instant;

use crate::redfish::ResetType;

/// A reset that is answered 202, and how far it is (DSP0266, "Asynchronous operations").
pub(super) struct Task {
    pub(super) system: String,
    pub(super) reset: ResetType,
    pub(super) began: Instant,
    /// `None`: never, because no [`Instant`] is so late.
    pub(super) ends: Option<Instant>,
    /// Whether it ends in vain.
    pub(super) fails: bool,
}

/// `TaskState` (DSP0268, Task), as far as there is need of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskState {
    Running,
    Completed,
    Exception,
}

impl Task {
    pub(super) fn state(&self, now: Instant) -> TaskState {
        match self.ends {
            Some(ends) if ends <= now && self.fails => TaskState::Exception,
            Some(ends) if ends <= now => TaskState::Completed,
            _ => TaskState::Running,
        }
    }
}

impl TaskState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Running => "Running",
            Self::Completed => "Completed",
            Self::Exception => "Exception",
        }
    }

    /// `TaskStatus`.
    pub(super) fn health(self) -> &'static str {
        match self {
            Self::Running | Self::Completed => "OK",
            Self::Exception => "Critical",
        }
    }
}
