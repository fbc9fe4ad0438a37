//! Messages to the syslog daemon of this machine: a datagram each, which is never waited for.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::{Mutex, PoisonError};

use log::{Level, Record};
pub(super) use syslog::Facility;
use syslog::{Formatter3164, LogFormat, Severity};

use super::line::printable;

/// A way to the daemon, which may come later than its first message, and may be started anew. The time in the messages
/// is UTC; daemons go by their own.
pub(super) struct Syslog {
    path: PathBuf,
    formatter: Formatter3164,
    socket: Mutex<Option<UnixDatagram>>,
}

impl Syslog {
    pub(super) fn new(path: &Path, program: &str, facility: Facility) -> Self {
        let formatter = Formatter3164 {
            facility,
            hostname: None,
            process: program.to_owned(),
            pid: process::id(),
        };
        Self { path: path.to_owned(), formatter, socket: Mutex::new(None) }
    }

    /// Sends a message, by a new connection if need be, or loses it.
    pub(super) fn send(&self, record: &Record<'_>) -> io::Result<()> {
        let message = self.message(record)?;
        let mut socket = self.socket.lock().unwrap_or_else(PoisonError::into_inner);
        match socket.as_ref().map(|socket| socket.send(&message)) {
            Some(Ok(_)) => return Ok(()),
            // The daemon is there, and does not keep up.
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            Some(Err(_)) | None => {}
        }
        *socket = None;
        let connected = connect(&self.path)?;
        connected.send(&message)?;
        *socket = Some(connected);
        Ok(())
    }

    fn message(&self, record: &Record<'_>) -> io::Result<Vec<u8>> {
        let severity = match record.level() {
            Level::Error => Severity::LOG_ERR,
            Level::Warn => Severity::LOG_WARNING,
            Level::Info => Severity::LOG_INFO,
            Level::Debug | Level::Trace => Severity::LOG_DEBUG,
        };
        let mut message = Vec::new();
        let text = printable(record.args());
        self.formatter.format(&mut message, severity, text).map_err(io::Error::other)?;
        Ok(message)
    }
}

/// Nothing here waits: a daemon that does not keep up loses messages.
fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::testing::TempDir;

    fn send(syslog: &Syslog, level: Level, message: &str) -> io::Result<()> {
        syslog.send(&Record::builder().level(level).args(format_args!("{message}")).build())
    }

    fn receive(daemon: &UnixDatagram) -> String {
        let mut buffer = [0; 100];
        let length = daemon.recv(&mut buffer).unwrap();
        str::from_utf8(&buffer[..length]).unwrap().to_owned()
    }

    #[test]
    fn messages_have_priority_program_and_process() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        for (facility, base) in [(Facility::LOG_USER, 8), (Facility::LOG_DAEMON, 24)] {
            let syslog = Syslog::new(&path, "fence_ilo3", facility);
            for (level, severity) in
                [(Level::Error, 3), (Level::Warn, 4), (Level::Info, 6), (Level::Debug, 7)]
            {
                send(&syslog, level, "no\nanswer").unwrap();
                let (id, message) = (process::id(), receive(&daemon));
                assert!(message.starts_with(&format!("<{}>", base + severity)), "{message}");
                assert!(message.ends_with(&format!(" fence_ilo3[{id}]: no\\nanswer")), "{message}");
            }
        }
    }

    #[test]
    fn a_daemon_that_does_not_read_is_not_waited_for() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let _daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::new(&path, "fence_ilo3", Facility::LOG_USER);
        let mut results = (0..100_000).map(|_| send(&syslog, Level::Error, "full"));
        let error = results.find_map(Result::err).unwrap();
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn a_daemon_may_come_later_and_go_and_come_again() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let syslog = Syslog::new(&path, "fence_ilo3", Facility::LOG_USER);
        send(&syslog, Level::Error, "before").unwrap_err();
        for start in ["first", "second"] {
            let daemon = UnixDatagram::bind(&path).unwrap();
            for time in ["once", "twice"] {
                send(&syslog, Level::Error, &format!("{start} {time}")).unwrap();
                assert!(receive(&daemon).ends_with(&format!("{start} {time}")));
            }
            drop(daemon);
            fs::remove_file(&path).unwrap();
            send(&syslog, Level::Error, "between").unwrap_err();
        }
    }
}
