//! Where the messages of the facade `log` go: standard error, a debug file and syslog.
//!
//! Every message is one line, whatever a device sent. A debug file that cannot be opened is an error; after that, none
//! of the three can fail the fencing.
//!
//! An agent logs by itself. [`start_service`] is for programs beside the agents that run on and on.

mod line;
mod syslog;

use std::env;
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::SystemTime;

use log::{Level, LevelFilter, Log, Metadata, Record};
use rustix::fs::{OFlags, fstat};

use self::line::journal_line;
pub(crate) use self::line::line;
pub use self::line::printable;
use self::syslog::{Facility, Syslog};

/// What is said, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Nothing to standard error.
    pub(crate) quiet: bool,
    /// 0: what should be mended; 1: steps; 2: details; 3: datagrams.
    pub(crate) verbosity: u8,
    /// Everything also goes to this file.
    pub(crate) debug_file: Option<String>,
}

/// The debug file cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot open the debug file {path}: {source}")]
pub(crate) struct DebugFileError {
    path: String,
    source: io::Error,
}

/// Where the syslog daemon of a machine listens; journald does, too.
const DEV_LOG: &str = "/dev/log";
const NONBLOCK: i32 = OFlags::NONBLOCK.bits().cast_signed();

/// Starts the logs of a program that runs on and on: to syslog, as a daemon, and to standard error if that is wanted.
/// Another level can be set at any time, with [`log::set_max_level`]; the level `trace` goes to standard error only.
///
/// Syslog is never waited for, and connected to anew when it was restarted; what it cannot take is lost. On standard
/// error a message has its time and level before it. Where that is systemd's journal (`JOURNAL_STREAM`), it has its
/// priority, and is not sent to syslog besides, which is the journal as well. Standard error is waited for.
///
/// What the libraries say (whatever has a target outside the crate `own`) counts a level less: what is news to an
/// agent, such as a power state that was read, is none to who reads it all day.
///
/// Only the first call of a program counts.
pub fn start_service(program: &str, own: &'static str, level: LevelFilter, is_on_stderr: bool) {
    let form = form(env::var_os("JOURNAL_STREAM").as_deref(), io::stderr());
    let sinks = Sinks::of_service(program, form, is_on_stderr);
    let program = program.to_owned();
    start_with(Logger { program, own: Some(own), sinks: OnceLock::from(sinks) }, level);
}

/// Messages go to standard error and syslog, until [`configure`] says otherwise.
pub(crate) fn start(program: &str) {
    let logger = Logger { program: program.to_owned(), own: None, sinks: OnceLock::new() };
    start_with(logger, LevelFilter::Warn);
}

fn start_with(logger: Logger, level: LevelFilter) {
    // A second logger is refused, and the first goes on.
    let _ = log::set_logger(LOGGER.get_or_init(|| logger));
    log::set_max_level(level);
}

/// Messages go where the settings say, whether or not the debug file can be had.
pub(crate) fn configure(settings: &Settings) -> Result<(), DebugFileError> {
    let Some(logger) = LOGGER.get() else {
        return Ok(());
    };
    let mut sinks = Sinks::without_file(&logger.program, settings);
    let opened = match settings.debug_file.as_deref().map(open_debug_file).transpose() {
        Ok(file) => {
            sinks.debug_file = file;
            Ok(())
        }
        Err(error) => Err(error),
    };
    log::set_max_level(sinks.max_level());
    let _ = logger.sinks.set(sinks);
    opened
}

static LOGGER: OnceLock<Logger> = OnceLock::new();

struct Logger {
    program: String,
    /// The crate whose messages count most, if one's do.
    own: Option<&'static str>,
    sinks: OnceLock<Sinks>,
}

impl Logger {
    fn sinks(&self) -> &Sinks {
        self.sinks.get_or_init(|| Sinks::without_file(&self.program, &Settings::default()))
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        is_wanted(self.own, metadata, log::max_level())
            && metadata.level() <= self.sinks().max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if is_wanted(self.own, record.metadata(), log::max_level()) {
            self.sinks().write(record, &mut io::stderr());
        }
    }

    fn flush(&self) {}
}

/// Whether a message is, at this level: where the messages of one crate count most, those of others count a level less.
fn is_wanted(own: Option<&str>, message: &Metadata<'_>, level: LevelFilter) -> bool {
    let is_of = |own: &str| message.target().split("::").next() == Some(own);
    match own {
        Some(own) if !is_of(own) => message.level() < level,
        _ => message.level() <= level,
    }
}

/// Where messages go, each with its level.
struct Sinks {
    stderr: LevelFilter,
    /// How messages are written to standard error.
    form: Form,
    debug_file: Option<File>,
    syslog: (LevelFilter, Syslog),
}

/// How a message stands on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// With its time and level.
    Line,
    /// With its priority, for systemd's journal, which has its time.
    Journal,
}

impl Sinks {
    fn of_service(program: &str, form: Form, is_on_stderr: bool) -> Self {
        let stderr = if is_on_stderr { LevelFilter::Trace } else { LevelFilter::Off };
        let is_in_journal = is_on_stderr && form == Form::Journal;
        let level = if is_in_journal { LevelFilter::Off } else { LevelFilter::Debug };
        let syslog = Syslog::new(Path::new(DEV_LOG), program, Facility::LOG_DAEMON);
        Self { stderr, form, debug_file: None, syslog: (level, syslog) }
    }

    fn without_file(program: &str, settings: &Settings) -> Self {
        Self {
            stderr: stderr_level(settings),
            form: Form::Line,
            debug_file: None,
            syslog: (
                syslog_level(settings),
                Syslog::new(Path::new(DEV_LOG), program, Facility::LOG_USER),
            ),
        }
    }

    fn max_level(&self) -> LevelFilter {
        let file = self.debug_file.as_ref().map_or(LevelFilter::Off, |_| LevelFilter::Trace);
        self.stderr.max(file).max(self.syslog.0)
    }

    /// A sink that fails is passed over: nobody is left to be told.
    fn write(&self, record: &Record<'_>, stderr: &mut dyn Write) {
        let line = line(SystemTime::now(), record);
        if record.level() <= self.stderr {
            let _ = match self.form {
                Form::Line => stderr.write_all(line.as_bytes()),
                Form::Journal => stderr.write_all(journal_line(record).as_bytes()),
            };
        }
        if let Some(mut file) = self.debug_file.as_ref() {
            let _ = file.write_all(line.as_bytes());
        }
        let (level, syslog) = &self.syslog;
        if record.level() <= *level {
            let _ = syslog.send(record);
        }
    }
}

/// Callers log all that comes from standard error as a warning, so by default only what should be mended does.
fn stderr_level(settings: &Settings) -> LevelFilter {
    match settings {
        Settings { quiet: true, .. } => LevelFilter::Off,
        Settings { verbosity: 0, .. } => LevelFilter::Warn,
        Settings { verbosity: 1, .. } => LevelFilter::Info,
        Settings { verbosity: 2, .. } => LevelFilter::Debug,
        Settings { verbosity: 3.., .. } => LevelFilter::Trace,
    }
}

/// Never datagrams, which would drown the log of the machine.
fn syslog_level(settings: &Settings) -> LevelFilter {
    match settings.verbosity {
        0 => LevelFilter::Warn,
        1 => LevelFilter::Info,
        2.. => LevelFilter::Debug,
    }
}

/// The form for a standard error. systemd names the stream to its journal that it has opened for a service; where
/// standard error was redirected since, it is another one.
fn form(journal_stream: Option<&OsStr>, stderr: impl AsFd) -> Form {
    let name = fstat(stderr).map(|stat| format!("{}:{}", stat.st_dev, stat.st_ino));
    match (journal_stream, name) {
        (Some(stream), Ok(name)) if stream == &*name => Form::Journal,
        _ => Form::Line,
    }
}

fn open_debug_file(path: &str) -> Result<File, DebugFileError> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600);
    // A FIFO that nobody reads is an error, not something to wait for.
    let file = options.custom_flags(NONBLOCK).open(path);
    file.map_err(|source| DebugFileError { path: path.to_owned(), source })
}

/// The name of a level in the logs of the Python agents.
fn name(level: Level) -> &'static str {
    match level {
        Level::Error => "ERROR",
        Level::Warn => "WARNING",
        Level::Info => "INFO",
        Level::Debug => "DEBUG",
        Level::Trace => "TRACE",
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixDatagram;

    use super::*;
    use crate::testing::TempDir;

    fn sinks(stderr: LevelFilter) -> Sinks {
        let nowhere = Syslog::new(Path::new("/no/such/socket"), "fence_test", Facility::LOG_USER);
        let syslog = (LevelFilter::Off, nowhere);
        Sinks { stderr, form: Form::Line, debug_file: None, syslog }
    }

    /// What comes out on standard error for a message of each level.
    fn levels_on_stderr(sinks: &Sinks) -> String {
        let mut stderr = Vec::new();
        for level in Level::iter() {
            let message = format_args!("message");
            sinks.write(&Record::builder().level(level).args(message).build(), &mut stderr);
        }
        let text = String::from_utf8(stderr).unwrap();
        let level = |line: &str| line.split(' ').nth(1).unwrap().to_owned();
        text.lines().map(level).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_the_libraries_say_counts_a_level_less_to_a_service() {
        let wanted = |target, level| {
            let message = Metadata::builder().target(target).level(level).build();
            is_wanted(Some("stonith"), &message, LevelFilter::Info)
        };
        assert!(wanted("stonith", Level::Info) && wanted("stonith::keeper", Level::Info));
        assert!(!wanted("stonith", Level::Debug));
        assert!(wanted("fencing::procedure", Level::Warn) && !wanted("fencing", Level::Info));
        assert!(!wanted("stonithless", Level::Info));
    }

    #[test]
    fn verbosity_decides_what_is_said_on_standard_error() {
        let cases = [
            (false, 0, "ERROR: WARNING:"),
            (false, 1, "ERROR: WARNING: INFO:"),
            (false, 2, "ERROR: WARNING: INFO: DEBUG:"),
            (false, 3, "ERROR: WARNING: INFO: DEBUG: TRACE:"),
            (false, 255, "ERROR: WARNING: INFO: DEBUG: TRACE:"),
            (true, 0, ""),
            (true, 3, ""),
        ];
        for (quiet, verbosity, expected) in cases {
            let settings = Settings { quiet, verbosity, debug_file: None };
            let sinks = sinks(stderr_level(&settings));
            assert_eq!(levels_on_stderr(&sinks), expected, "{settings:?}");
        }
    }

    #[test]
    fn in_the_journal_a_message_has_its_priority() {
        let sinks = Sinks { form: Form::Journal, ..sinks(LevelFilter::Trace) };
        let mut stderr = Vec::new();
        for level in Level::iter() {
            let message = format_args!("power\n<0>off");
            sinks.write(&Record::builder().level(level).args(message).build(), &mut stderr);
        }
        let expected = [3, 4, 6, 7, 7].map(|priority| format!("<{priority}>power\\n<0>off\n"));
        assert_eq!(String::from_utf8(stderr).unwrap(), expected.concat());
    }

    #[test]
    fn a_service_is_in_the_journal_once() {
        let syslog = |form, is_on_stderr| Sinks::of_service("test", form, is_on_stderr).syslog.0;
        assert_eq!(syslog(Form::Journal, true), LevelFilter::Off);
        assert_eq!(syslog(Form::Journal, false), LevelFilter::Debug);
        assert_eq!(syslog(Form::Line, true), LevelFilter::Debug);
    }

    #[test]
    fn the_journal_is_the_stream_that_systemd_names() {
        let (file, other) = (File::open("/dev/null").unwrap(), File::open("/dev/zero").unwrap());
        let stat = fstat(&file).unwrap();
        let stream = format!("{}:{}", stat.st_dev, stat.st_ino);
        assert_eq!(form(Some(stream.as_ref()), &file), Form::Journal);
        assert_eq!(form(Some(stream.as_ref()), &other), Form::Line);
        assert_eq!(form(Some("".as_ref()), &file), Form::Line);
        assert_eq!(form(None, &file), Form::Line);
    }

    #[test]
    fn the_debug_file_gets_everything_and_is_private() {
        let directory = TempDir::new();
        let path = directory.path().join("debug");
        fs::write(&path, "before\n").unwrap();
        fs::remove_file(&path).unwrap();
        for _ in 0..2 {
            let file = open_debug_file(path.to_str().unwrap()).unwrap();
            let sinks = Sinks { debug_file: Some(file), ..sinks(LevelFilter::Off) };
            assert_eq!(sinks.max_level(), LevelFilter::Trace);
            assert_eq!(levels_on_stderr(&sinks), "");
        }
        assert_eq!(fs::read_to_string(&path).unwrap().lines().count(), 10, "appended");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_fifo_that_nobody_reads_is_not_waited_for() {
        let directory = TempDir::new();
        let path = directory.path().join("fifo");
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        open_debug_file(path.to_str().unwrap()).unwrap_err();
    }

    #[test]
    fn a_debug_file_that_cannot_be_opened_is_an_error() {
        let error = open_debug_file("/no/such/directory/debug").unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("cannot open the debug file /no/such/directory/debug: "),
            "{text}"
        );
    }

    #[test]
    fn syslog_is_never_told_datagrams() {
        let level =
            |verbosity| syslog_level(&Settings { verbosity, quiet: true, debug_file: None });
        assert_eq!([0, 1, 2, 3].map(level), {
            use LevelFilter::{Debug, Info, Warn};
            [Warn, Info, Debug, Debug]
        });
    }

    #[test]
    fn syslog_gets_what_its_level_lets_through() {
        let directory = TempDir::new();
        let path = directory.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        daemon.set_nonblocking(true).unwrap();
        let syslog = Syslog::new(&path, "fence_test", Facility::LOG_USER);
        let sinks = Sinks { syslog: (LevelFilter::Warn, syslog), ..sinks(LevelFilter::Off) };
        assert_eq!(sinks.max_level(), LevelFilter::Warn);
        levels_on_stderr(&sinks);
        let mut buffer = [0; 100];
        assert_eq!(std::iter::from_fn(|| daemon.recv(&mut buffer).ok()).count(), 2);
    }
}
