//! What the libraries say of their work, on standard error, beside the progress bar.

use std::io::{self, Write as _};
use std::sync::{Mutex, PoisonError};

use log::{LevelFilter, Log, Metadata, Record};

use super::printable;
use super::progress::Progress;

/// There is one log in a process; the bar that it stands beside comes and goes.
static LOGGER: Logger = Logger { beside: Mutex::new(None) };

struct Logger {
    beside: Mutex<Option<Progress>>,
}

/// From here on, messages are written that are wanted.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::Off,
        1 => LevelFilter::Info,
        2 => LevelFilter::Debug,
        _ => LevelFilter::Trace,
    };
    // It can have been set before in tests only.
    let _ = log::set_logger(&LOGGER);
    log::set_max_level(level);
}

/// From here on, messages do not tear this bar.
pub(crate) fn stand_beside(progress: &Progress) {
    *LOGGER.beside.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress.clone());
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level() && is_ours(metadata.target())
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let message = printable(&record.args().to_string());
        let level = record.level().as_str().to_lowercase();
        let write = || {
            let _ = writeln!(io::stderr(), "{level}: {message}");
        };
        match &*self.beside.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(progress) => progress.aside(write),
            None => write(),
        }
    }

    fn flush(&self) {}
}

/// The libraries below ours say nothing that helps with fencing, and nobody has looked for secrets in it.
fn is_ours(target: &str) -> bool {
    let library = target.split("::").next().unwrap_or_default();
    ["fencectl", "fencing", "ipmi_lan", "redfish_power"].contains(&library)
}
