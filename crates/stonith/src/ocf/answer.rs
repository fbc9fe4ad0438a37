//! What the agent answers: exit codes, and lines.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use fence_agent::logging::printable;

/// The exit codes of the OCF resource agent API 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    /// Done.
    Success,
    /// It failed.
    Generic,
    /// The call, or the configuration on this machine, makes no sense.
    Arguments,
    /// There is no such action.
    Unimplemented,
    /// It takes another user.
    Privileges,
    /// A program is not there.
    NotInstalled,
    /// The configuration makes no sense, on whatever machine.
    NotConfigured,
    /// The controller is not running.
    NotRunning,
    /// It runs, and somebody should look after it.
    Degraded,
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(match code {
            Code::Success => 0_u8,
            Code::Generic => 1,
            Code::Arguments => 2,
            Code::Unimplemented => 3,
            Code::Privileges => 4,
            Code::NotInstalled => 5,
            Code::NotConfigured => 6,
            Code::NotRunning => 7,
            Code::Degraded => 190,
        })
    }
}

/// A result that is no success, and what is said of it.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) code: Code,
    /// For the status display of the cluster.
    reason: Option<String>,
    /// What else there is to know, each in a line of its own.
    details: Vec<String>,
}

impl Failure {
    pub(super) fn new(code: Code, reason: impl Into<String>) -> Self {
        Self { code, reason: Some(reason.into()), details: Vec::new() }
    }

    /// One that is no surprise to whoever asked.
    pub(super) fn silent(code: Code) -> Self {
        Self { code, reason: None, details: Vec::new() }
    }

    pub(super) fn with_details(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }

    /// The same, as nothing more than a failure.
    pub(super) fn generic(self) -> Self {
        Self { code: Code::Generic, ..self }
    }

    /// Says it on standard error, where the cluster looks for the reason.
    pub(super) fn tell(&self) {
        self.details.iter().for_each(|line| warn(&line_of(line)));
        if let Some(reason) = &self.reason {
            warn(&format!("ocf-exit-reason:{}", line_of(reason)));
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason.as_deref().unwrap_or("failed"))
    }
}

/// A text in one line, with everything escaped that could move a cursor or hide text.
pub(super) fn line_of(text: &str) -> String {
    printable(&format_args!("{text}"))
}

/// Prints on standard output, at once. What could not be printed was not said.
pub(super) fn say(text: &str) -> Result<Code, Failure> {
    let mut stdout = io::stdout().lock();
    let printed = stdout.write_all(text.as_bytes()).and_then(|()| stdout.write_all(b"\n"));
    match printed.and_then(|()| stdout.flush()) {
        Ok(()) => Ok(Code::Success),
        Err(error) => {
            let reason = format!("cannot write to standard output: {error}");
            Err(Failure::new(Code::Generic, reason))
        }
    }
}

/// Prints on standard error. Who does not listen misses it.
pub(super) fn warn(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}
