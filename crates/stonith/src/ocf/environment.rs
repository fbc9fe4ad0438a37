//! What the caller says in the environment.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use fencing::Value;

use super::answer::{Code, Failure, line_of};
use super::parameters::{self, ANY_AGENT};
use super::time::Time;
use crate::config::{self, Config, ParameterText, Parameters};
use crate::instance::{InstanceName, RunDirectory};
use crate::plan::check_node_name;
use crate::protocol::{Command, MOST_NODES};

/// What parameters have before their name.
const PREFIX: &str = "OCF_RESKEY_";
/// What the cluster adds to the parameters by itself, and tools for debugging.
const NOT_PARAMETERS: &[&str] = &["CRM_meta_", "crm_", "OCF_", "trace_"];
/// The nodes to be fenced.
const NODES: &str = "STONITH_NODES";

/// The environment, as far as it concerns the agent.
pub(super) struct Environment {
    name: String,
    instance: Option<OsString>,
    check_level: Option<OsString>,
    /// Without their prefix.
    given: BTreeMap<String, OsString>,
}

/// How deep a monitor looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CheckLevel {
    /// What the controller knows from its own looking after its devices.
    Known,
    /// Each device is asked.
    Asked,
    /// And all must answer.
    AllAnswer,
}

impl Environment {
    /// Of a program of this name.
    pub(super) fn of(name: &str, all: impl Iterator<Item = (OsString, OsString)>) -> Self {
        let mut environment = Self {
            name: name.to_owned(),
            instance: None,
            check_level: None,
            given: BTreeMap::new(),
        };
        for (variable, value) in all {
            let Some(variable) = variable.to_str() else { continue };
            match (variable, variable.strip_prefix(PREFIX)) {
                // An empty value is no value.
                _ if value.is_empty() => {}
                ("OCF_RESOURCE_INSTANCE", _) => environment.instance = Some(value),
                ("OCF_CHECK_LEVEL", _) => environment.check_level = Some(value),
                (_, Some(name)) => {
                    environment.given.insert(name.to_owned(), value);
                }
                _ => {}
            }
        }
        environment
    }

    /// What the program is called.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// The controller's name.
    pub(super) fn instance(&self) -> Result<InstanceName, Failure> {
        let name = self.instance.as_ref().map(|name| name.to_string_lossy()).unwrap_or_default();
        name.parse().map_err(|error| {
            let reason = format!("OCF_RESOURCE_INSTANCE is '{name}': {error}");
            Failure::new(Code::Arguments, reason)
        })
    }

    /// Where the controller's files are.
    pub(super) fn run_directory(&self) -> Result<RunDirectory, Failure> {
        let path = self.absolute("run_directory")?;
        Ok(path.map_or_else(RunDirectory::default, RunDirectory::new))
    }

    /// How long the action may take, and how long where the cluster does not say.
    pub(super) fn time(&self, default: Duration) -> Time {
        let given = self.given.get("CRM_meta_timeout").and_then(|text| text.to_str());
        let given = given.and_then(|text| text.trim().parse().ok()).filter(|time| *time > 0);
        Time::of(given.map_or(default, Duration::from_millis))
    }

    pub(super) fn check_level(&self) -> Result<CheckLevel, Failure> {
        // Older clusters give it like a parameter.
        let level = self.check_level.as_ref().or_else(|| self.given.get("OCF_CHECK_LEVEL"));
        let Some(level) = level else { return Ok(CheckLevel::Known) };
        match level.to_str().and_then(|level| level.trim().parse::<u32>().ok()) {
            Some(0..10) => Ok(CheckLevel::Known),
            Some(10..20) => Ok(CheckLevel::Asked),
            Some(_) => Ok(CheckLevel::AllAnswer),
            None => Err(Failure::new(Code::Arguments, "OCF_CHECK_LEVEL is no number")),
        }
    }

    /// What is done to a node that is to be fenced.
    pub(super) fn fence_action(&self) -> Result<Command, Failure> {
        match self.own("fence_action")? {
            Some(Value::Select(word)) if word == "off" => Ok(Command::Off),
            _ => Ok(Command::Reboot),
        }
    }

    /// Whether a change of the targets is an exit code.
    pub(super) fn signals_changes(&self) -> Result<bool, Failure> {
        Ok(self.own("signal_changes")? == Some(Value::Boolean(true)))
    }

    /// The nodes to be fenced, each once.
    pub(super) fn nodes(&self) -> Result<BTreeSet<String>, Failure> {
        let wrong =
            |reason: String| Failure::new(Code::Arguments, format!("{PREFIX}{NODES} {reason}"));
        let list = self.given.get(NODES).ok_or_else(|| wrong("names no node".to_owned()))?;
        let list = list.to_str().ok_or_else(|| wrong("is not UTF-8".to_owned()))?;
        let nodes: BTreeSet<_> = list.split(',').map(str::to_owned).collect();
        for node in &nodes {
            check_node_name(node).map_err(|error| wrong(format!("is wrong: {error}")))?;
            if line_of(node) != *node {
                return Err(wrong(format!(
                    "has a name that cannot be printed: '{}'",
                    line_of(node)
                )));
            }
        }
        match nodes.len() {
            0..=MOST_NODES => Ok(nodes),
            more => Err(wrong(format!("names {more} nodes; {MOST_NODES} can be fenced at a time"))),
        }
    }

    /// The fence agent of the devices: `fence_ipmilan` under the name `ipmilan`, `fence_X` under any name X that a user
    /// makes, and under the name `agent` the one that a parameter names.
    pub(super) fn fence_agent(&self) -> Result<String, Failure> {
        let name = match self.name.as_str() {
            ANY_AGENT => self.text(ANY_AGENT)?.ok_or_else(|| {
                Failure::new(
                    Code::NotConfigured,
                    "the parameter agent is missing: which fence agent is it?",
                )
            })?,
            name => name,
        };
        let base = name.strip_prefix("fence_").unwrap_or(name);
        let is_fine = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        if base.is_empty() || !base.chars().all(is_fine) {
            let reason = format!("'{name}' is no name of a fence agent");
            return Err(Failure::new(Code::NotConfigured, reason));
        }
        Ok(format!("fence_{base}"))
    }

    /// Where fence agents that are programs are looked for.
    pub(super) fn agent_directories(&self) -> Result<Vec<PathBuf>, Failure> {
        let given = self.text("agent_directories")?.unwrap_or(config::AGENT_DIRECTORY);
        let directories: Vec<_> = std::env::split_paths(given).collect();
        match directories.iter().find(|path| !path.is_absolute()) {
            None => Ok(directories),
            Some(_) => Err(relative("agent_directories")),
        }
    }

    /// What the controller is told.
    pub(super) fn config(&self) -> Result<Config, Failure> {
        self.fence_action()?;
        self.signals_changes()?;
        let verbose_level = match self.own("verbose_level")? {
            Some(Value::Integer(level)) => u8::try_from(level.clamp(0, 2)).unwrap_or(0),
            _ => 0,
        };
        Ok(Config {
            instance: self.instance()?,
            agent: self.fence_agent()?,
            parameters: self.parameters()?,
            hostlist: self.text("hostlist")?.map(str::to_owned),
            targets: BTreeMap::new(),
            mapfile: self.absolute("mapfile")?,
            keepalive: self.keepalive()?,
            run_directory: self.run_directory()?,
            agent_directories: self.agent_directories()?,
            verbose_level,
        })
    }

    fn keepalive(&self) -> Result<Option<Duration>, Failure> {
        let Some(text) = self.text("keepalive")? else { return Ok(None) };
        let seconds = text.trim().parse().map_err(|_| "it is no number of seconds".to_owned());
        let time = seconds.and_then(config::keepalive);
        time.map(Some).map_err(|reason| wrong("keepalive", &reason))
    }

    /// Those for the fence agent.
    fn parameters(&self) -> Result<Parameters, Failure> {
        let own = parameters::own(&self.name);
        let is_own = |name: &str| own.iter().any(|own| own.name == name);
        let is_parameter = |name: &str| {
            name != NODES && !NOT_PARAMETERS.iter().any(|prefix| name.starts_with(prefix))
        };
        let mut parameters = BTreeMap::new();
        for name in self.given.keys().filter(|name| is_parameter(name) && !is_own(name)) {
            if parameters::is_of_programs(name) {
                let reason =
                    "a controller has no use for it; nodes are named by hostlist or mapfile";
                return Err(wrong(name, reason));
            }
            let value = self.text(name)?.unwrap_or_default();
            parameters.insert(name.clone(), ParameterText::from(value));
        }
        Ok(Parameters(parameters))
    }

    fn absolute(&self, name: &str) -> Result<Option<PathBuf>, Failure> {
        match self.text(name)?.map(PathBuf::from) {
            Some(path) if !path.is_absolute() => Err(relative(name)),
            path => Ok(path),
        }
    }

    /// The value of one of the agent's own parameters, given or by default.
    fn own(&self, name: &str) -> Result<Option<Value>, Failure> {
        let own = parameters::own(&self.name);
        let Some(parameter) = own.iter().find(|parameter| parameter.name == name) else {
            return Ok(None);
        };
        let Some(text) = self.text(name)?.or(parameter.default.as_deref()) else { return Ok(None) };
        parameter.parse(text).map(Some).map_err(|error| wrong(name, &format!("it {error}")))
    }

    fn text(&self, name: &str) -> Result<Option<&str>, Failure> {
        let value = self.given.get(name);
        value.map(|value| value.to_str().ok_or_else(|| wrong(name, "it is not UTF-8"))).transpose()
    }
}

/// The value is not repeated: it may be a misplaced secret.
fn wrong(name: &str, reason: &str) -> Failure {
    Failure::new(Code::NotConfigured, format!("the parameter {name} is wrong: {reason}"))
}

fn relative(name: &str) -> Failure {
    wrong(name, "the path does not begin with /")
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt as _;

    use super::*;

    fn environment(name: &str, all: &[(&str, &str)]) -> Environment {
        Environment::of(name, all.iter().map(|(name, value)| (name.into(), value.into())))
    }

    fn with(all: &[(&str, &str)]) -> Environment {
        let named = [("OCF_RESOURCE_INSTANCE", "fencing:0")];
        environment("ipmilan", &[&named[..], all].concat())
    }

    #[test]
    fn parameters_go_to_the_fence_agent_and_what_the_cluster_adds_does_not() {
        let environment = with(&[
            ("OCF_RESKEY_hostlist", "a=10.0.0.1"),
            ("OCF_RESKEY_username", "admin"),
            ("OCF_RESKEY_password", "secret"),
            ("OCF_RESKEY_cipher", ""),
            ("OCF_RESKEY_keepalive", "0.5"),
            ("OCF_RESKEY_CRM_meta_timeout", "20000"),
            ("OCF_RESKEY_crm_feature_set", "3.16.2"),
            ("OCF_RESKEY_OCF_CHECK_LEVEL", "10"),
            ("OCF_RESKEY_trace_ra", "1"),
            ("OCF_RESKEY_STONITH_NODES", "a"),
            ("OCF_RESKEY_signal_changes", "yes"),
            ("OCF_RESKEY_verbose_level", "7"),
            ("PATH", "/bin"),
        ]);
        let config = environment.config().unwrap();
        let names: Vec<_> = config.parameters.0.keys().collect();
        assert_eq!(names, ["password", "username"]);
        assert_eq!(config.agent, "fence_ipmilan");
        assert_eq!(config.instance.as_str(), "fencing:0");
        assert_eq!(config.keepalive, Some(Duration::from_millis(500)));
        assert_eq!(config.verbose_level, 2);
        assert_eq!(config.run_directory, RunDirectory::default());
        assert_eq!(environment.check_level().unwrap(), CheckLevel::Asked);
        assert!(environment.signals_changes().unwrap());
    }

    #[test]
    fn mistakes_are_told_with_the_parameter_and_without_its_value() {
        for (name, value) in [
            ("plug", "secret"),
            ("port_as_ip", "secret"),
            ("debug-file", "/secret"),
            ("fence_action", "secret"),
            ("signal_changes", "secret"),
            ("verbose_level", "secret"),
            ("keepalive", "secret"),
            ("keepalive", "0"),
            ("keepalive", "-1"),
            ("keepalive", "1e300"),
            ("keepalive", "NaN"),
            ("mapfile", "secret/map"),
            ("run_directory", "secret"),
            ("agent_directories", "/bin:secret"),
        ] {
            let variable = format!("{PREFIX}{name}");
            let failure = with(&[(&variable, value)]).config().unwrap_err();
            assert_eq!(failure.code, Code::NotConfigured, "{name}={value}");
            let told = format!("{failure:?}");
            assert!(told.contains(name) && !told.contains("secret"), "{told}");
        }
        let latin1 = OsString::from_vec(b"\xe4".to_vec());
        let instance = ("OCF_RESOURCE_INSTANCE".into(), "x".into());
        let all = [instance, ("OCF_RESKEY_password".into(), latin1)];
        let failure = Environment::of("ipmilan", all.into_iter()).config().unwrap_err();
        assert!(format!("{failure:?}").contains("password is wrong: it is not UTF-8"));
    }

    #[test]
    fn the_name_of_the_program_says_which_fence_agent_it_is() {
        let named = |name, agent| {
            let given = environment(name, &[("OCF_RESKEY_agent", agent)]);
            given.fence_agent().map_err(|failure| failure.code)
        };
        assert_eq!(named("ipmilan", "").as_deref(), Ok("fence_ipmilan"));
        assert_eq!(named("redfish", "apc").as_deref(), Ok("fence_redfish"));
        assert_eq!(named("agent", "fence_apc").as_deref(), Ok("fence_apc"));
        assert_eq!(named("agent", "apc").as_deref(), Ok("fence_apc"));
        for (name, agent) in
            [("agent", ""), ("agent", "../x"), ("agent", "fence_"), ("", ""), ("a b", "")]
        {
            assert_eq!(named(name, agent), Err(Code::NotConfigured), "{name} {agent}");
        }
    }

    #[test]
    fn a_list_of_nodes_is_all_right_or_nothing_is() {
        let nodes = |list| {
            let given = with(&[("OCF_RESKEY_STONITH_NODES", list)]);
            given.nodes().map(Vec::from_iter).map_err(|failure| failure.code)
        };
        assert_eq!(nodes("b,a,b").unwrap(), ["a", "b"]);
        let many = (0..=MOST_NODES).map(|n| format!("node{n}")).collect::<Vec<_>>().join(",");
        for wrong in
            ["", ",", "a,", ",a", "a,,b", "a b", "a, b", "a\nb", "a=1", "a\u{202e}b", &many]
        {
            assert_eq!(nodes(wrong), Err(Code::Arguments), "{wrong:?}");
        }
    }

    #[test]
    fn a_time_that_is_none_is_that_of_the_action() {
        let left = |given| {
            let given = with(&[("OCF_RESKEY_CRM_meta_timeout", given)]);
            given.time(Duration::from_secs(120)).left().as_secs_f64().round()
        };
        assert!((left("20000") - 19.0).abs() < 0.1);
        for none in ["", "0", "soon", "-1", "99999999999999999999999"] {
            assert!((left(none) - 119.0).abs() < 0.1, "{none}");
        }
    }

    #[test]
    fn a_controller_has_a_name() {
        for all in [&[][..], &[("OCF_RESOURCE_INSTANCE", "../x")]] {
            let failure = environment("ipmilan", all).instance().unwrap_err();
            assert_eq!(failure.code, Code::Arguments);
        }
    }
}
