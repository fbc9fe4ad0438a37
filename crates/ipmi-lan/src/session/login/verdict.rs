use crate::{Error, Quirk, RmcpPlusStatus};

/// What a datagram is to the one who expects something.
pub(super) enum Verdict<T> {
    /// Nothing: somebody else's, a duplicate, a late answer. It changes nothing, and restarts no timer.
    Stranger,
    /// What was expected.
    Accepted(T),
    /// This, if nothing better comes: anybody could have sent it.
    Doubtful(Box<Verdict<T>>),
    /// The BMC has no time, or no room; it will be asked again. The error is for when that does not help.
    Busy(Error),
    /// The BMC does not take the suite.
    SuiteRefused(RmcpPlusStatus),
    /// The BMC has lost the thread, most likely because our repetitions crossed its answers.
    StartAnew,
    /// The BMC may have one of these quirks; the error is for when it has none that can be worked around.
    NeedsWorkaround(&'static [Quirk], Error),
    /// The BMC does not take sessions of this version of IPMI.
    VersionRefused(Error),
    /// The end.
    Failed(Error),
}

impl<T> Verdict<T> {
    /// Why the login ends with it, if it does.
    pub(super) fn into_error(self) -> Option<Error> {
        match self {
            Self::Doubtful(verdict) => verdict.into_error(),
            Self::Busy(error)
            | Self::NeedsWorkaround(_, error)
            | Self::VersionRefused(error)
            | Self::Failed(error) => Some(error),
            Self::Stranger | Self::Accepted(_) | Self::SuiteRefused(_) | Self::StartAnew => None,
        }
    }

    /// The same, if nothing better comes.
    pub(super) fn doubted_if(self, is_doubtful: bool) -> Self {
        match self {
            Self::Stranger | Self::Busy(_) => self,
            verdict if is_doubtful => Self::Doubtful(Box::new(verdict)),
            verdict => verdict,
        }
    }

    pub(super) fn map<U>(self, accepted: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Self::Doubtful(verdict) => Verdict::Doubtful(Box::new(verdict.map(accepted))),
            Self::Stranger => Verdict::Stranger,
            Self::Accepted(value) => Verdict::Accepted(accepted(value)),
            Self::Busy(error) => Verdict::Busy(error),
            Self::SuiteRefused(status) => Verdict::SuiteRefused(status),
            Self::StartAnew => Verdict::StartAnew,
            Self::NeedsWorkaround(quirks, error) => Verdict::NeedsWorkaround(quirks, error),
            Self::VersionRefused(error) => Verdict::VersionRefused(error),
            Self::Failed(error) => Verdict::Failed(error),
        }
    }
}
