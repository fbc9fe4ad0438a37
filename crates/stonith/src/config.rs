//! What a controller is told.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use rustix::fs::OFlags;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::digest;
use crate::instance::{InstanceName, RunDirectory};

/// How often a device is asked where nobody says otherwise: well below the minute after which a BMC forgets a session
/// (IPMI 2.0 §6.12.15, 60 s with a tolerance of 3 s).
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// The same for agents that are programs: each time one is started, and it logs in.
pub(crate) const KEEP_ALIVE_OF_PROGRAMS: Duration = Duration::from_secs(60);
/// So that a mistake is no flood.
const SHORTEST_KEEP_ALIVE: Duration = Duration::from_millis(10);
const LONGEST_KEEP_ALIVE: Duration = Duration::from_secs(3600);
/// No file of targets is larger.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// How a mark is made; stands before the mark itself. Where this is another number, marks say nothing of each other.
const MARK: u32 = 1;
/// Where the programs of other projects are.
pub(crate) const AGENT_DIRECTORY: &str = "/usr/sbin";

/// What a controller is told: by the OCF agent on standard input (as JSON), or by a file (as TOML).
///
/// The machines come from one of three sources: they are named here (`hostlist`, or `targets` with parameters of their
/// own), in a `mapfile`, or, where there is none of these, listed by the device.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The controller's name.
    pub instance: InstanceName,
    /// The fence agent of all devices, unless they have one of their own: `fence_ipmilan`.
    pub agent: String,
    /// Parameters of the agent for all devices.
    #[serde(default)]
    pub parameters: Parameters,
    /// The machines: words separated by blanks, commas or semicolons, each `node` or `node=place`, where the place is
    /// the address of the node's device or, of a device with several machines, its plug.
    #[serde(default)]
    pub hostlist: Option<String>,
    /// The machines, each with parameters of its own.
    #[serde(default)]
    pub targets: BTreeMap<String, Parameters>,
    /// A file with `[targets]`, and `[parameters]` for all of them, that is read again when it changes.
    #[serde(default)]
    pub mapfile: Option<PathBuf>,
    /// How often each device is asked, in seconds.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub keepalive: Option<Duration>,
    /// Where the socket and the locks are.
    #[serde(default)]
    pub run_directory: RunDirectory,
    /// Where fence agents that are programs are looked for.
    #[serde(default = "agent_directories")]
    pub agent_directories: Vec<PathBuf>,
    /// 0: what happens; 1: steps; 2: details.
    #[serde(default)]
    pub verbose_level: u8,
}

/// The keys of a [`Config`] that are no tables.
pub(crate) const KEYS: &[&str] = &[
    "agent",
    "hostlist",
    "mapfile",
    "keepalive",
    "run_directory",
    "agent_directories",
    "verbose_level",
];

/// Parameters of fence agents by name. They do not print: a secret may be among them.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Parameters(pub BTreeMap<String, ParameterText>);

/// The value of a parameter, as text. It does not print, and is wiped when it is dropped.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(transparent)]
pub struct ParameterText(String);

/// A file of targets.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MapFile {
    /// For all of them.
    #[serde(default)]
    pub parameters: Parameters,
    /// Each with parameters of its own; `agent` among them is its agent.
    #[serde(default)]
    pub targets: BTreeMap<String, Parameters>,
}

/// Why there is no configuration. No message repeats a value, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// It cannot be read.
    #[error("cannot read {}: {reason}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// Others could read the passwords in it, or say which machine is behind a name.
    #[error("{} is open to others than its owner (mode {mode:o}), or not root's: chown root, chmod 600", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// It is not what it should be.
    #[error("{}{}: {reason}", .path.display(), .line.map(|line| format!(", line {line}")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where, counted from 1.
        line: Option<usize>,
        /// What is wrong there.
        reason: String,
    },
}

impl Config {
    /// A mark of the whole configuration, by which another one can be told. What can be computed can be guessed at, so
    /// it is told only over the socket, whose owner knows the secrets anyway. It is the same in the next release, so
    /// that a daemon that goes on through an upgrade is known still.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("{MARK}-{}", digest::of_json(self))
    }

    /// Whether a mark is that of another configuration, or none at all. Of one that another release has made in another
    /// way that is not known: it passes.
    pub(crate) fn is_mark_of_another(mark: &str, own: &str) -> bool {
        mark != own && !is_made_in_another_way(mark)
    }

    /// Reads a configuration file, for this instance.
    ///
    /// # Errors
    /// See [`ConfigFileError`].
    pub fn read(path: &Path, instance: &InstanceName) -> Result<Self, ConfigFileError> {
        #[derive(Deserialize)]
        struct File {
            #[serde(flatten)]
            table: toml::Table,
        }
        let text = private_text(path)?;
        let File { mut table } = parse(path, &text)?;
        table.insert("instance".to_owned(), toml::Value::String(instance.to_string()));
        table.try_into().map_err(|error| malformed(path, &text, &error))
    }
}

/// Whether this is a mark as [`Config::mark`] makes it, but of another number.
fn is_made_in_another_way(mark: &str) -> bool {
    let Some((number, hash)) = mark.split_once('-') else { return false };
    let is_another = |other: u32| other != MARK && other.to_string() == number;
    number.parse().is_ok_and(is_another)
        && hash.len() == 64
        && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl MapFile {
    /// Reads the file.
    ///
    /// # Errors
    /// See [`ConfigFileError`].
    pub fn read(path: &Path) -> Result<Self, ConfigFileError> {
        parse(path, &private_text(path)?)
    }
}

fn parse<T: DeserializeOwned>(path: &Path, text: &str) -> Result<T, ConfigFileError> {
    toml::from_str(text).map_err(|error| malformed(path, text, &error))
}

fn malformed(path: &Path, text: &str, error: &toml::de::Error) -> ConfigFileError {
    let before = |end: usize| text.get(..end).map(|before| before.matches('\n').count() + 1);
    let message = without_value(error.message()).escape_debug().to_string();
    let hint = right_place(&message);
    ConfigFileError::Malformed {
        path: path.to_owned(),
        line: error.span().and_then(|span| before(span.start)),
        reason: message + hint,
    }
}

/// What is not where it is looked for may be in another part of the file.
fn right_place(message: &str) -> &'static str {
    if message.starts_with("unknown field") {
        "; parameters of the fence agent stand below [parameters]"
    } else if message.starts_with("missing field") {
        "; it stands before the first [table]"
    } else {
        ""
    }
}

/// `invalid type: string "…", expected a number` without the value, which may be a misplaced secret.
pub(crate) fn without_value(message: &str) -> String {
    let is_about_value =
        message.starts_with("invalid type: ") || message.starts_with("invalid value: ");
    match (message.split_once(['"', '`']), message.rsplit_once(", expected ")) {
        (Some((before, _)), Some((_, expected))) if is_about_value => {
            format!("{}, expected {expected}", before.trim_end())
        }
        _ => message.to_owned(),
    }
}

/// What is in a file that nobody else may read or write.
fn private_text(path: &Path) -> Result<Zeroizing<String>, ConfigFileError> {
    let failed = |reason| ConfigFileError::Read { path: path.to_owned(), reason };
    // A FIFO that nobody writes is not waited for.
    let without_waiting = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(without_waiting).open(path);
    let file = file.map_err(failed)?;
    // Of the file that is open, so that nobody can exchange it between the look and the reading.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.mode() & 0o777;
    let is_ours = [0, rustix::process::geteuid().as_raw()].contains(&metadata.uid());
    if mode & 0o077 != 0 || !is_ours {
        return Err(ConfigFileError::Exposed { path: path.to_owned(), mode });
    }
    text(file, metadata.len()).map_err(failed)
}

fn text(file: File, size: u64) -> io::Result<Zeroizing<String>> {
    // With room for all from the beginning, it does not grow and leave copies.
    let room = usize::try_from(size.min(LARGEST_FILE)).unwrap_or(0) + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(LARGEST_FILE).read_to_string(&mut text)?;
    if u64::try_from(text.len()).is_ok_and(|length| length < LARGEST_FILE) {
        Ok(text)
    } else {
        Err(io::Error::other("it is too large"))
    }
}

fn agent_directories() -> Vec<PathBuf> {
    vec![AGENT_DIRECTORY.into()]
}

impl fmt::Debug for Parameters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl ParameterText {
    /// The text, for those who must pass it on.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for ParameterText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for ParameterText {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for ParameterText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ParameterText(…)")
    }
}

impl<'a> Deserialize<'a> for Parameters {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let values = BTreeMap::<String, Scalar>::deserialize(from)?;
        Ok(Self(values.into_iter().map(|(name, value)| (name, value.into())).collect()))
    }
}

/// A value as a user may write it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a text, a whole number, or true or false")]
enum Scalar {
    Text(String),
    Integer(i64),
    Boolean(bool),
}

impl From<Scalar> for ParameterText {
    fn from(scalar: Scalar) -> Self {
        match scalar {
            Scalar::Text(text) => text.into(),
            Scalar::Integer(number) => number.to_string().into(),
            Scalar::Boolean(is_set) => is_set.to_string().into(),
        }
    }
}

/// How often a device is asked, of seconds.
pub(crate) fn keepalive(seconds: f64) -> Result<Duration, String> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if time < SHORTEST_KEEP_ALIVE => {
            Err("a device is not asked more often than 100 times a second".to_owned())
        }
        Ok(time) if time > LONGEST_KEEP_ALIVE => {
            Err("a device that is asked less often than once an hour is not kept ready".to_owned())
        }
        time => time.map_err(|error| error.to_string()),
    }
}

/// A duration in seconds, which may have a fraction.
mod seconds {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(
        time: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        time.map(|time| time.as_secs_f64()).serialize(to)
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(from)?;
        seconds.map(super::keepalive).transpose().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn written(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("file.toml");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn read(text: &str) -> Result<Config, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), text);
        let instance = "rack1".parse().unwrap();
        let place = format!("{}", path.display());
        Config::read(&path, &instance).map_err(|error| error.to_string().replace(&place, "FILE"))
    }

    #[test]
    fn a_file_has_what_the_documentation_shows() {
        let config = read(
            "agent = \"fence_ipmilan\"\nkeepalive = 10\n\
             [parameters]\nusername = \"admin\"\nlanplus = true\nipport = 623\n\
             [targets.node1]\nip = \"10.0.0.1\"\n",
        );
        let config = config.unwrap();
        assert_eq!(config.instance.as_str(), "rack1");
        assert_eq!(config.keepalive, Some(Duration::from_secs(10)));
        let given: Vec<_> = config
            .parameters
            .0
            .iter()
            .map(|(name, value)| (name.as_str(), value.expose()))
            .collect();
        assert_eq!(given, [("ipport", "623"), ("lanplus", "true"), ("username", "admin")]);
        assert_eq!(config.run_directory, RunDirectory::default());
    }

    #[test]
    fn a_mistake_has_its_line_and_repeats_no_value() {
        for (text, error) in [
            ("agent = \"a\"\nagent = 1\n", "FILE, line 2: duplicate key"),
            ("agent = \"a\"\nkeepalive = \"secret\"\n", "FILE: invalid type: string, expected f64"),
            ("agent = \"a\"\nkeepalive = 0\n", "FILE: a device is not asked more often"),
            ("agent = \"a\"\nkeepalive = -1\n", "FILE"),
            ("agent = \"a\"\nhostlst = \"secret\"\n", "FILE: unknown field `hostlst`"),
            ("[parameters]\npassword = \"secret\"\n", "FILE: missing field `agent`"),
            ("agent = \"a\"\n[parameters]\npassword = [\"secret\"]\n", "FILE: a text, a whole"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.starts_with(error), "{text}: {found}");
            assert!(!found.contains("secret"), "{found}");
        }
    }

    #[test]
    fn the_keys_are_all_that_a_file_has_but_tables_and_the_name() {
        let error = read("agent = \"a\"\nnonsense = 1\n").unwrap_err();
        let (_, expected) = error.split_once("expected one of ").unwrap();
        let mut expected: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        expected.retain(|key| !["instance", "parameters", "targets"].contains(key));
        assert_eq!(expected, KEYS);
    }

    #[test]
    fn a_file_that_others_may_read_or_write_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), "[targets.node1]\nip = \"10.0.0.1\"\n");
        assert_eq!(MapFile::read(&path).unwrap().targets.len(), 1);
        for mode in [0o640, 0o604, 0o602, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let error = MapFile::read(&path).unwrap_err();
            assert!(matches!(error, ConfigFileError::Exposed { .. }), "{error}");
        }
    }

    #[test]
    fn parameters_do_not_print() {
        let mut parameters = Parameters::default();
        parameters.0.insert("password".to_owned(), "secret".into());
        assert_eq!(format!("{parameters:?}"), "{\"password\"}");
    }

    #[test]
    fn another_configuration_has_another_mark_and_survives_its_way_to_the_daemon() {
        let text = "agent = \"fence_ipmilan\"\nhostlist = \"a=10.0.0.1\"\n";
        let config = read(text).unwrap();
        let sent = serde_json::to_vec(&config).unwrap();
        let received: Config = serde_json::from_slice(&sent).unwrap();
        assert_eq!(received.mark(), config.mark());
        assert_ne!(read(&text.replace("10.0.0.1", "10.0.0.2")).unwrap().mark(), config.mark());
    }

    /// A daemon of this release and an agent of the next one must agree. Whatever changes this mark has to change
    /// `MARK`.
    #[test]
    fn a_mark_is_the_same_in_every_release() {
        let text = "agent = \"fence_ipmilan\"\nkeepalive = 0.5\n\
                    [parameters]\npassword = \"secret\"\nlanplus = true\n\
                    [targets.node1]\nip = \"10.0.0.1\"\n";
        let mark = read(text).unwrap().mark();
        assert_eq!(mark, "1-100858f7a8c4d69967b84cf53dcfdae622bccef9bbaeaf1b0bcaf88edfd248f3");
        let other = read(&text.replace("secret", "Secret")).unwrap().mark();
        assert!(Config::is_mark_of_another(&other, &mark));
        assert!(!Config::is_mark_of_another(&mark, &mark));
    }

    #[test]
    fn a_mark_passes_if_it_is_the_own_one_or_made_in_another_way_and_no_other_text_does() {
        let hash = "0123456789abcdef".repeat(4);
        let own = format!("{MARK}-{hash}");
        let is_another = |mark: &str| Config::is_mark_of_another(mark, &own);
        for mark in [own.clone(), format!("0-{hash}"), format!("2-{hash}"), format!("12-{hash}")] {
            assert!(!is_another(&mark), "{mark}");
        }
        let short = hash.get(1..).unwrap();
        for text in ["", "-", "1-", "2-", "2", "nonsense", &hash] {
            assert!(is_another(text), "{text}");
        }
        for (number, hash) in [
            ("", &*hash),
            ("01", &hash),
            ("02", &hash),
            ("+2", &hash),
            ("-2", &hash),
            (" 2", &hash),
            ("x", &hash),
            ("99999999999", &hash),
            ("2", short),
            ("2", &format!("0{hash}")),
            ("2", &format!("g{short}")),
            ("2", &format!("{short}\n")),
            ("1", &format!("f{short}")),
        ] {
            let text = format!("{number}-{hash}");
            assert!(is_another(&text), "{text:?}");
        }
    }
}
