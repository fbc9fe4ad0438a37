//! Messages to the syslog daemon of this machine: a datagram each, which is never waited for.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;
use std::sync::{Mutex, PoisonError};

use log::{Level, Record};
use syslog::{Facility, Formatter3164, Logger, LoggerBackend};

use super::line::printable;

/// A connection to the daemon. The time in its messages is UTC; daemons go by their own.
pub(super) struct Syslog(Mutex<Logger<LoggerBackend, Formatter3164>>);

impl Syslog {
    pub(super) fn connect(path: &Path, program: &str) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        // A daemon that does not keep up loses messages; the fencing does not wait for it.
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        let formatter = Formatter3164 {
            facility: Facility::LOG_USER,
            hostname: None,
            process: program.to_owned(),
            pid: process::id(),
        };
        Ok(Self(Mutex::new(Logger::new(LoggerBackend::Unix(socket), formatter))))
    }

    pub(super) fn send(&self, record: &Record<'_>) -> Result<(), syslog::Error> {
        let mut logger = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let message = printable(record.args());
        match record.level() {
            Level::Error => logger.err(message),
            Level::Warn => logger.warning(message),
            Level::Info => logger.info(message),
            Level::Debug | Level::Trace => logger.debug(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn send(syslog: &Syslog, level: Level, message: &str) -> Result<(), syslog::Error> {
        syslog.send(&Record::builder().level(level).args(format_args!("{message}")).build())
    }

    #[test]
    fn messages_have_priority_program_and_process() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::connect(&path, "fence_ilo3").unwrap();
        for (level, priority) in
            [(Level::Error, 11), (Level::Warn, 12), (Level::Info, 14), (Level::Debug, 15)]
        {
            send(&syslog, level, "no\nanswer").unwrap();
            let mut buffer = [0; 100];
            let length = daemon.recv(&mut buffer).unwrap();
            let id = process::id();
            let message = str::from_utf8(&buffer[..length]).unwrap();
            assert!(message.starts_with(&format!("<{priority}>")), "{message}");
            assert!(message.ends_with(&format!(" fence_ilo3[{id}]: no\\nanswer")), "{message}");
        }
    }

    #[test]
    fn a_daemon_that_does_not_read_is_not_waited_for() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let _daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::connect(&path, "fence_ilo3").unwrap();
        assert!((0..100_000).any(|_| send(&syslog, Level::Error, "full").is_err()));
    }

    #[test]
    fn without_a_daemon_there_is_no_syslog() {
        assert!(Syslog::connect(Path::new("/no/such/socket"), "fence_ilo3").is_err());
    }
}
