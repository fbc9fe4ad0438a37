//! The library's provider `redhat`: all agents of Debian's package load, and `fence_ipmilan` in Python and
//! `fence_dummy` are run by it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fencing::providers::{AgentError, Redhat};
use fencing::{
    Action, Agent, AgentAction, AgentConfig, Argument, Error, Fence, Kind, LoadFailure, Outcome,
    Parameter, Plug, PowerCommand, PowerState, Success, Unfencing,
};
use roxmltree::{Document, Node};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::support::ipmi_sim::IpmiSim;

/// Where Debian installs fence agents.
const SBIN: &str = "/usr/sbin";
/// Enough for 84 Python programs on a machine that does something else as well.
const LOADING: Duration = Duration::from_secs(300);
/// Enough for one.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn all_agents_of_the_package_fence_agents_load_and_are_understood() {
    let runtime = Runtime::new().expect("a runtime");
    let mut fence = Fence::new();
    fence.register("redhat", Redhat::new()).expect("registered once");
    let failures = runtime.block_on(fence.load_agents(LOADING));

    let installed = installed();
    assert!(installed.len() > 80, "fence-agents is not there: run ./tests/run");
    let loaded: BTreeSet<_> = fence.agents().map(|agent| agent.name.to_string()).collect();
    let missing: Vec<_> = installed.difference(&loaded).collect();
    assert_eq!(missing, ["fence_ack_manual"], "{failures:#?}");
    assert_eq!(loaded.difference(&installed).count(), 0);

    let [LoadFailure::Agent { agent, reason, .. }] = &failures[..] else { panic!("{failures:#?}") };
    assert_eq!(agent, "fence_ack_manual");
    assert!(
        matches!(agent_error(reason), AgentError::Failed { status, .. } if status.code() == Some(1))
    );
    assert!(reason.to_string().contains("fence_ack_manual <nodename>"), "{reason}");

    // Pacemaker's own, which are loaded as well, do not keep to what these have in common.
    let package = of_package();
    let agents = fence.agents().map(AsRef::as_ref).filter(|agent| package.contains(&*agent.name));
    let agents: Vec<_> = agents.collect();
    assert!(agents.len() > 80, "{package:?}");
    for (agent, xml) in agents.iter().zip(metadata_of(&agents)) {
        check(agent, &xml);
    }
}

fn installed() -> BTreeSet<String> {
    let entries = fs::read_dir(SBIN).expect("a directory").flatten();
    let names = entries.map(|entry| entry.file_name().into_string().expect("a name that is text"));
    names.filter(|name| name.starts_with("fence_")).collect()
}

/// The agents of Debian's package.
fn of_package() -> BTreeSet<String> {
    let files = Command::new("dpkg").args(["--listfiles", "fence-agents"]).output().expect("dpkg");
    let files = String::from_utf8(files.stdout).expect("text");
    let names = files.lines().filter_map(|file| file.strip_prefix(SBIN)?.strip_prefix('/'));
    names.map(str::to_owned).collect()
}

/// What the programs print, asked a second time.
fn metadata_of(agents: &[&Agent]) -> Vec<String> {
    let todo = Mutex::new(agents.iter().enumerate());
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((number, agent)) = todo.lock().expect("no panic").next() else {
                        break;
                    };
                    let output = Command::new(format!("{SBIN}/{}", agent.name))
                        .args(["-o", "metadata"])
                        .output()
                        .expect("it runs");
                    let xml = String::from_utf8(output.stdout).expect("text");
                    done.lock().expect("no panic").insert(number, xml);
                }
            });
        }
    });
    done.into_inner().expect("no panic").into_values().collect()
}

/// Compares an agent with its metadata, read in another way.
fn check(agent: &Agent, xml: &str) {
    let document = Document::parse(xml).expect("XML");
    let elements = |name: &'static str| -> Vec<Node<'_, '_>> {
        document.descendants().filter(|node| node.has_tag_name(name)).collect()
    };
    let parameters = elements("parameter");
    for node in &parameters {
        check_parameter(agent, *node);
    }
    let deprecated = |node: &&Node<'_, '_>| node.attribute("deprecated") == Some("1");
    let obsoleted = parameters.iter().filter(deprecated).count();
    assert_eq!(agent.parameters.len(), parameters.len() - obsoleted, "{}", agent.name);

    let actions = elements("action");
    let names: Vec<_> = actions.iter().filter_map(|node| node.attribute("name")).collect();
    let ours: Vec<_> = agent.actions.iter().map(|action| action.name()).collect();
    assert_eq!(ours, names, "{}", agent.name);
    let on = actions.iter().find(|node| node.attribute("name") == Some("on"));
    let has = |attribute| on.is_some_and(|on| on.attribute(attribute) == Some("1"));
    let unfencing = Unfencing { automatic: has("automatic"), on_target: has("on_target") };
    assert_eq!(agent.unfencing, unfencing, "{}", agent.name);
    let plug = parameters.iter().find(|node| node.attribute("name") == Some("plug"));
    let is_required = plug.is_some_and(|plug| plug.attribute("required") == Some("1"));
    let expected = match (is_required, names.contains(&"list")) {
        (true, _) => Plug::Required,
        (false, true) => Plug::Chooses,
        (false, false) => Plug::Ignored,
    };
    assert_eq!(agent.plug, expected, "{}", agent.name);

    let root = document.root_element();
    assert_eq!(Some(&*agent.short_description), root.attribute("shortdesc"), "{}", agent.name);
    let described = elements("longdesc")[0].text().unwrap_or_default();
    assert_eq!(agent.long_description, described.trim(), "{}", agent.name);
    let url = elements("vendor-url")[0].text().unwrap_or_default();
    assert_eq!(agent.vendor_url, url.trim(), "{}", agent.name);
}

fn check_parameter(agent: &Agent, node: Node<'_, '_>) {
    let name = node.attribute("name").expect("a name");
    let what = format!("{} {name}", agent.name);
    let parameter = agent.parameter(name).expect(&what);
    let child = |name| node.children().find(|child| child.has_tag_name(name));
    let content = child("content").expect("a type");
    let default = content.attribute("default").filter(|default| !default.is_empty());
    assert_eq!(parameter.default.as_deref(), default, "{what}");
    assert_eq!(parameter.required, node.attribute("required") == Some("1"), "{what}");
    if node.attribute("deprecated") == Some("1") {
        assert_eq!(parameter.old_name.as_deref(), Some(name));
        return;
    }
    assert_eq!(
        (&*parameter.name, parameter.old_name.as_deref()),
        (name, node.attribute("obsoletes"))
    );
    let options = content.children().filter_map(|option| option.attribute("value"));
    match (&parameter.kind, content.attribute("type").expect("a type")) {
        (Kind::Boolean, "boolean")
        | (Kind::Integer, "integer")
        | (Kind::Seconds, "second")
        | (Kind::String, "string") => {}
        (Kind::Secret, "string") => assert!(SECRETS.contains(&name), "{what}"),
        (Kind::Select(words), "select") => {
            assert_eq!(*words, options.collect::<Vec<_>>(), "{what}");
        }
        (kind, content) => panic!("{what} is {kind:?}, not {content}"),
    }
    assert_eq!(parameter.kind == Kind::Secret, SECRETS.contains(&name), "{what}");
    let help = child("shortdesc").and_then(|text| text.text()).unwrap_or_default();
    let words: Vec<_> = help.split_whitespace().collect();
    assert_eq!(parameter.help, words.join(" "), "{what}");
    let mixed = child("getopt").and_then(|getopt| getopt.attribute("mixed")).expect("a form");
    assert_eq!(mixed_of(parameter), without_brackets(mixed), "{what}");
}

/// All that Debian's agents have.
const SECRETS: &[&str] = &[
    "password",
    "snmp_priv_passwd",
    "community",
    "hexadecimal_kg",
    "secret_key",
    "access_key",
    "apikey",
    "token",
];

/// How the metadata write an option, brackets left out: some agents have them around a whole value, some in it.
fn mixed_of(parameter: &Parameter) -> String {
    let getopt = &parameter.getopt;
    let short = getopt.short.map(|short| format!("-{short}, ")).unwrap_or_default();
    let argument = match &getopt.argument {
        Argument::None | Argument::Unnamed => String::new(),
        Argument::Named(name) => format!("={name}"),
    };
    without_brackets(&format!("{short}--{}{argument}", getopt.long))
}

fn without_brackets(text: &str) -> String {
    text.replace(['[', ']', '<', '>'], "")
}

fn agent_error(error: &Error) -> &AgentError {
    match error {
        Error::Provider(error) => error.downcast_ref().expect("an error of this provider"),
        other => panic!("{other:?}"),
    }
}

/// The provider with one agent.
struct One {
    runtime: Runtime,
    fence: Fence,
    config: AgentConfig,
    folder: TempDir,
}

impl One {
    /// One of Debian's, with these parameters.
    fn load(name: &str, lines: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        symlink(format!("{SBIN}/{name}"), folder.path().join(name)).expect("a link");
        Self::in_folder(folder, name, lines)
    }

    fn in_folder(
        folder: TempDir,
        name: &str,
        lines: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let mut fence = Fence::new();
        fence.register("redhat", Redhat::in_directories([folder.path()])).expect("registered once");
        let failures = runtime.block_on(fence.load_agents(LONG));
        assert!(failures.is_empty(), "{failures:#?}");
        let mut config = fence.agent_config("redhat", name).expect("it was loaded");
        for line in lines {
            let (name, value) = line.as_ref().split_once('=').expect("name=value");
            config.set(name, value).expect("a value");
        }
        Self { runtime, fence, config, folder }
    }

    fn run(&self, action: Action) -> Result<Outcome, Error> {
        self.runtime.block_on(self.fence.run(&self.config, Some(action), LONG))
    }

    #[track_caller]
    fn succeed(&self, command: PowerCommand) {
        match self.run(command.into()).expect("success") {
            Outcome::Done(Success::Reported(done)) => assert_eq!(done, command),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn status(&self) -> PowerState {
        match self.run(Action::Status).expect("a state") {
            Outcome::Status(state) => state,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_python_fence_ipmilan_fences() {
    let bmc = IpmiSim::start();
    let one = One::load("fence_ipmilan", bmc.lines());
    assert_eq!(one.status(), PowerState::On);
    one.succeed(PowerCommand::Off);
    assert!(!bmc.is_on());
    assert_eq!(one.status(), PowerState::Off);
    one.succeed(PowerCommand::On);
    assert!(bmc.is_on());
    one.succeed(PowerCommand::Reboot);
    assert!(bmc.is_on());
    assert!(bmc.commands().ends_with(&["set power 0".to_owned(), "set power 1".to_owned()]));
    assert!(matches!(one.run(Action::Monitor), Ok(Outcome::Monitored)));
    assert!(matches!(one.run(Action::List), Err(Error::NoPlugs { .. })));
}

#[test]
fn a_failure_is_told_in_the_agents_words_without_the_password() {
    let bmc = IpmiSim::start();
    let mut one = One::load("fence_ipmilan", bmc.lines());
    one.config.set("passwd", "wrong-password").expect("a value");
    // So that it says all it does.
    one.config.set("verbose", "1").expect("a value");
    for action in [Action::Off, Action::Status, Action::Monitor] {
        let error = one.run(action).expect_err("the password is wrong");
        let AgentError::Failed { status, last_words } = agent_error(&error) else {
            panic!("{error}")
        };
        assert_eq!(status.code(), Some(1));
        assert!(last_words.contains("Unable to obtain correct plug status"), "{last_words}");
        assert!(!error.to_string().contains("wrong-password"), "{error}");
    }
    assert!(bmc.is_on());
}

/// The library of the Python agents strips lines, and takes quotes off.
#[test]
fn each_value_arrives_as_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    install(&folder, "fence_writer", FENCE_WRITER);
    let one = One::in_folder(folder, "fence_writer", [""; 0]);
    let mut config = one.config.clone();
    for password in [
        "plain",
        " begin",
        "end ",
        "\ttabs\t",
        "\u{1f}",
        "ü\u{a0}",
        "a=b #c",
        "#c",
        "\"",
        "\"quoted\"",
        "\"\"",
        "in \"side\"",
        "'single'",
        "$HOME \\n",
    ] {
        config.set("password", password).expect("a value");
        one.runtime.block_on(one.fence.on(&config, LONG)).expect("success");
        let arrived = fs::read_to_string(one.folder.path().join("password")).expect("a file");
        assert_eq!(arrived, password);
    }
}

/// An agent that writes its password down.
const FENCE_WRITER: &str = r#"#!/usr/bin/python3
import os, sys
sys.path.append("/usr/share/fence")
from fencing import *
known = ["no_login", "passwd"]
options = check_input(known, process_input(known))
show_docs(options, {"shortdesc": "Test", "longdesc": "Test", "vendorurl": ""})
with open(os.path.join(os.path.dirname(sys.argv[0]), "password"), "w") as file:
    file.write(options["--password"])
"#;

/// Writes a program. In another process: a file that is open for writing in this one, or in a child that another test
/// is just starting, cannot be executed.
fn install(folder: &TempDir, name: &str, script: &str) {
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(folder.path().join(name))
        .stdin(Stdio::piped())
        .spawn()
        .expect("install is there");
    let mut stdin = install.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("it reads");
    drop(stdin);
    assert!(install.wait().expect("it ends").success());
}

#[test]
fn the_dummy_agent_is_switched() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("status");
    let one = One::load(
        "fence_dummy",
        ["type=file".to_owned(), format!("status_file={}", file.display())],
    );
    assert_eq!(one.status(), PowerState::Off);
    one.succeed(PowerCommand::On);
    assert_eq!(fs::read_to_string(&file).expect("a status"), "on");
    assert_eq!(one.status(), PowerState::On);
    one.succeed(PowerCommand::Off);
    assert_eq!(one.status(), PowerState::Off);
    one.succeed(PowerCommand::Reboot);
    assert_eq!(one.status(), PowerState::On);
}

/// The agent waits for ipmitool, which it has started.
#[test]
fn nothing_is_left_of_an_agent_when_its_call_is_dropped() {
    let silent = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let lines = ["ip=127.0.0.1", "username=a", "password=b", "lanplus=1", "cipher=3"];
    let mut one = One::load("fence_ipmilan", lines);
    one.config.set("ipport", &port.to_string()).expect("a value");
    let begin = Instant::now();
    // Until the agent's ipmitool has asked for something there is nothing to be left.
    let hanging = move || {
        silent.recv(&mut [0; 64]).expect("a datagram");
        (processes_with(&port.to_string()), silent)
    };
    let (hanging, _silent) = one.runtime.block_on(async {
        tokio::select! {
            result = one.fence.off(&one.config, LONG) => panic!("{result:?}"),
            hanging = tokio::task::spawn_blocking(hanging) => hanging.expect("no panic"),
        }
    });
    assert!(!hanging.is_empty());
    one.runtime.block_on(one.fence.finish(LONG));
    while !processes_with(&port.to_string()).is_empty() {
        assert!(begin.elapsed() < LONG, "{:?}", processes_with(&port.to_string()));
    }
}

/// Command lines of processes that have this among their arguments.
fn processes_with(argument: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split('\0').any(|word| word == argument)).collect()
}

#[test]
fn required_parameters_and_plugs_are_checked() {
    let one = One::load("fence_apc", ["ip=127.0.0.1"]);
    assert!(one.config.agent().actions.contains(&AgentAction::Shown(Action::List)));
    assert!(matches!(one.run(Action::Off), Err(Error::MissingPlug { .. } | Error::Config(_))));
    assert!(matches!(one.run(Action::List), Err(Error::Config(_))));
}
