//! Messages to the syslog daemon of this machine: a datagram each, which is never waited for.
//!
//! By hand, because the crates for it block when the daemon is slow, and bring time zones for a time stamp that
//! daemons do not need on their local socket. RFC 3164, section 4, is the form; as in glibc, without a host name.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process;

use log::{Level, Record};

use super::line::printable;

/// RFC 3164, section 4.1.1: user-level messages.
const FACILITY_USER: u8 = 1;

/// A connection to the daemon.
pub(super) struct Syslog {
    socket: UnixDatagram,
    program: String,
}

impl Syslog {
    pub(super) fn connect(path: &Path, program: &str) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok(Self { socket, program: program.to_owned() })
    }

    pub(super) fn send(&self, record: &Record<'_>) -> io::Result<()> {
        let priority = FACILITY_USER * 8 + severity(record.level());
        let (program, id) = (&self.program, process::id());
        let message = format!("<{priority}>{program}[{id}]: {}", printable(record.args()));
        self.socket.send(message.as_bytes()).map(drop)
    }
}

/// RFC 3164, section 4.1.1.
fn severity(level: Level) -> u8 {
    match level {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TempDir;

    fn send(syslog: &Syslog, level: Level, message: &str) -> io::Result<()> {
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
            let expected = format!("<{priority}>fence_ilo3[{id}]: no\\nanswer");
            assert_eq!(str::from_utf8(&buffer[..length]).unwrap(), expected);
        }
    }

    #[test]
    fn a_daemon_that_does_not_read_is_not_waited_for() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let _daemon = UnixDatagram::bind(&path).unwrap();
        let syslog = Syslog::connect(&path, "fence_ilo3").unwrap();
        let refused = (0..100_000).find_map(|_| send(&syslog, Level::Error, "full").err());
        assert_eq!(refused.unwrap().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn without_a_daemon_there_is_no_syslog() {
        assert!(Syslog::connect(Path::new("/no/such/socket"), "fence_ilo3").is_err());
    }
}
