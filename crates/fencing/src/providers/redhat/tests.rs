use std::error::Error as _;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::load::AT_ONCE;
use super::*;
use crate::process::tests::wait_until_group_is_gone;
use crate::{ConfigError, Fence, Kind, LoadFailure, Plug, Value};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(400);

/// A folder of agents that are shell scripts.
struct Agents(TempDir);

impl Agents {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// A program, whatever it does. Another process writes it: a file that is open for writing in this one, or in a
    /// child that another test is just starting, cannot be executed.
    fn program(self, name: &str, script: &str) -> Self {
        let mut install = Command::new("install")
            .args(["-m", "755", "/dev/stdin"])
            .arg(self.path().join(name))
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        install.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        assert!(install.wait().unwrap().success());
        self
    }

    /// An agent with these lines of shell for its actions. They find the action in `$action`; what it got stands in the
    /// file `input`.
    fn agent(self, name: &str, script: &str) -> Self {
        let script = format!(
            "#!/bin/sh
            [ \"$1\" = -o ] && {{ cat <<'EOF'\n{METADATA}\nEOF\nexit 0; }}
            cat >{}/input
            action=$(sed -n s/^action=//p {0}/input)
            {script}",
            self.path().display()
        );
        self.program(name, &script)
    }

    fn input(&self) -> String {
        fs::read_to_string(self.path().join("input")).unwrap()
    }

    async fn load(&self) -> (Fence, Vec<LoadFailure>) {
        self.load_within(LONG).await
    }

    async fn load_within(&self, limit: Duration) -> (Fence, Vec<LoadFailure>) {
        let mut fence = Fence::new();
        fence.register("redhat", Redhat::in_directories([self.path()])).unwrap();
        let failures = fence.load_agents(limit).await;
        (fence, failures)
    }

    /// The only agent, with its password.
    async fn only(&self) -> (Fence, AgentConfig) {
        let (fence, failures) = self.load().await;
        assert!(failures.is_empty(), "{failures:?}");
        let name = fence.agents().next().unwrap().name.to_string();
        let mut config = fence.agent_config("redhat", &name).unwrap();
        config.set("passwd", "geheim").unwrap();
        (fence, config)
    }
}

const METADATA: &str = r#"<resource-agent name="fence_elsewhere">
<parameters>
<parameter name="action"><content type="string" default="reboot"/></parameter>
<parameter name="plug" obsoletes="port"><content type="string"/></parameter>
<parameter name="port" deprecated="1"><content type="string"/></parameter>
<parameter name="password" obsoletes="passwd"><content type="string"/></parameter>
<parameter name="passwd" deprecated="1"><content type="string"/></parameter>
<parameter name="text"><content type="string"/></parameter>
<parameter name="community"><content type="string"/></parameter>
<parameter name="insecure"><content type="boolean"/></parameter>
<parameter name="careful"><content type="boolean" default="True"/></parameter>
<parameter name="number"><content type="integer"/></parameter>
<parameter name="wait"><content type="second" default="5"/></parameter>
<parameter name="method"><content type="select"><option value="onoff"/><option value="cycle"/></content></parameter>
<parameter name="help"><content type="boolean"/></parameter>
<parameter name="version"><content type="boolean" default="true"/></parameter>
<parameter name="usage"><content type="string"/></parameter>
</parameters>
<actions>
<action name="on"/><action name="off"/><action name="reboot"/><action name="status"/><action name="list"/>
<action name="list-status"/><action name="monitor"/><action name="metadata"/>
</actions>
</resource-agent>"#;

fn agent_error(error: &Error) -> &AgentError {
    match error {
        Error::Provider(error) => error.downcast_ref().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn agents_are_called_by_their_files() {
    let agents = Agents::new().agent("fence_a", "exit 1");
    std::os::unix::fs::symlink("fence_a", agents.path().join("fence_b")).unwrap();
    fs::write(agents.path().join("another"), "").unwrap();
    let (fence, failures) = agents.load().await;
    assert!(failures.is_empty(), "{failures:?}");
    let names: Vec<_> = fence.agents().map(|agent| (&*agent.provider, &*agent.name)).collect();
    assert_eq!(names, [("redhat", "fence_a"), ("redhat", "fence_b")]);
    let agent = fence.agent("redhat", "fence_b").unwrap();
    assert_eq!(agent.plug, Plug::Chooses);
    assert_eq!(agent.parameter("passwd").unwrap().kind, Kind::Secret);
}

#[tokio::test]
async fn of_agents_with_the_same_name_the_first_counts() {
    let first = Agents::new().agent("fence_a", "exit 0");
    let second = Agents::new().program("fence_a", "#!/bin/sh\nexit 1").agent("fence_b", "exit 0");
    let provider = Redhat::in_directories([first.path(), second.path()]);
    let loaded = provider.load_agents(Instant::now() + LONG).await;
    assert!(loaded.failures.is_empty(), "{:?}", loaded.failures);
    assert_eq!(loaded.agents.len(), 2);
}

#[tokio::test]
async fn only_the_named_agents_are_asked_what_they_are() {
    let agents = Agents::new()
        .agent("fence_wanted", "")
        .program("fence_unwanted", "#!/bin/sh\ntouch \"$(dirname \"$0\")/asked\"");
    let names = ["fence_wanted", "fence_missing", "../bin/sh"];
    let mut fence = Fence::new();
    fence.register("redhat", Redhat::in_directories([agents.path()]).only(names)).unwrap();
    let failures = fence.load_agents(LONG).await;
    assert!(failures.is_empty(), "{failures:?}");
    assert!(fence.agents().map(|agent| &*agent.name).eq(["fence_wanted"]));
    assert!(!agents.path().join("asked").exists());

    let nowhere = Redhat::in_directories(["/no/such/place"]).only([""; 0]);
    assert!(nowhere.load_agents(Instant::now() + LONG).await.failures.is_empty());
}

#[tokio::test]
async fn each_agent_that_does_not_load_is_told_with_the_reason() {
    let megabyte = "head -c 1048577 /dev/zero | tr '\\0' x";
    let agents = Agents::new()
        .agent("fence_good", "exit 0")
        .program("fence_0", "#!/bin/sh\necho usage; exit 1")
        .program("fence_1", "#!/bin/sh\nexit 3")
        .program("fence_2", "#!/bin/sh\necho out; printf 'a\\nb\\033[1m\\n\\n' >&2; kill -9 $$")
        .program("fence_3", "#!/bin/sh\necho no XML")
        .program("fence_4", "#!/bin/sh\necho '<html/>'")
        .program("fence_5", &format!("#!/bin/sh\n{megabyte}"))
        .program("fence_6", "#!/bin/sh\nprintf '<\\377'")
        .program("fence_7", "#!/no/such/interpreter\n");
    fs::write(agents.path().join("fence_8"), "").unwrap();
    fs::create_dir(agents.path().join("fence_9")).unwrap();
    let (fence, failures) = agents.load().await;
    assert_eq!(fence.agents().count(), 1);
    let mut told: Vec<_> = failures.iter().map(ToString::to_string).collect();
    told.sort();
    let expected = [
        "fence_0 of provider redhat: the agent failed (exit status: 1): usage",
        "fence_1 of provider redhat: the agent failed (exit status: 3)",
        r"fence_2 of provider redhat: the agent failed (signal: 9 (SIGKILL)): a | b\u{1b}[1m",
        "fence_3 of provider redhat: the agent's metadata are broken: ",
        "fence_4 of provider redhat: the agent's metadata are broken: its element is 'html', not resource-agent",
        "fence_5 of provider redhat: the agent printed more than 1048576 bytes",
        "fence_6 of provider redhat: the agent printed what is not UTF-8",
        "fence_7 of provider redhat: the agent cannot be run: No such file or directory (os error 2)",
        "fence_8 of provider redhat: is no executable file",
        "fence_9 of provider redhat: is no executable file",
    ];
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    for (told, expected) in told.iter().zip(expected) {
        assert!(told.starts_with(expected), "{told}");
    }
}

#[tokio::test]
async fn a_directory_that_is_not_there_is_told() {
    let loaded =
        Redhat::in_directories(["/no/such/place"]).load_agents(Instant::now() + LONG).await;
    let (name, error) = &loaded.failures[0];
    assert_eq!(name, "/no/such/place");
    assert!(matches!(agent_error(error), AgentError::Directory(_)), "{error:?}");
}

#[tokio::test]
async fn an_agent_that_hangs_keeps_no_other_from_loading() {
    let mut agents = Agents::new().agent("fence_good", "exit 0");
    // As many as are asked at once have their turn before it has.
    for number in 1..AT_ONCE {
        let script = "#!/bin/sh\ntrap '' TERM\nsleep 1000\nsleep 1000";
        agents = agents.program(&format!("fence_bad{number}"), script);
    }
    let (fence, failures) = agents.load_within(SHORT * 5).await;
    assert_eq!(fence.agents().count(), 1);
    assert_eq!(failures.len(), AT_ONCE - 1);
    for failure in failures {
        let LoadFailure::Agent { reason, .. } = failure else { panic!("{failure}") };
        assert!(matches!(reason, Error::TimedOut { .. }), "{reason}");
    }
}

#[tokio::test]
async fn the_action_comes_first_and_only_what_was_given_follows() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (fence, mut config) = agents.only().await;
    for (name, value) in [
        ("port", "node1"),
        ("text", "a=b \"c\" 'd' ü"),
        ("careful", "no"),
        ("insecure", "false"),
        ("number", "-7"),
        ("wait", "12"),
        ("method", "CYCLE"),
        ("action", "status"),
        ("help", "0"),
        ("version", "off"),
    ] {
        config.set(name, value).unwrap();
    }
    fence.off(&config, LONG).await.unwrap();
    let expected = "action=off\nplug=node1\npassword=geheim\ntext=a=b \"c\" 'd' ü\ncareful=0\nnumber=-7\nwait=12\n\
                    method=cycle\n";
    assert_eq!(agents.input(), expected);
    config.set("insecure", "true").unwrap();
    config.set("careful", "true").unwrap();
    fence.off(&config, LONG).await.unwrap();
    assert!(agents.input().contains("\ninsecure=1\ncareful=1\n"), "{}", agents.input());
}

#[tokio::test]
async fn each_action_is_asked_for_by_its_name() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (fence, config) = agents.only().await;
    for (action, word) in [
        (Some(Action::On), "on"),
        (Some(Action::Off), "off"),
        (None, "reboot"),
        (Some(Action::Status), "status"),
        (Some(Action::Monitor), "monitor"),
        (Some(Action::List), "list-status"),
    ] {
        fence.run(&config, action, LONG).await.unwrap();
        assert_eq!(agents.input().lines().next(), Some(&*format!("action={word}")));
    }
    let error = fence.run(&config, Some(Action::Diag), LONG).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedAction { .. }), "{error}");
}

#[tokio::test]
async fn values_that_would_change_on_the_way_are_quoted_or_refused() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (fence, mut config) = agents.only().await;
    for (value, line) in [
        ("plain", "plain"),
        ("in side", "in side"),
        ("\"half", "\"half"),
        (" blank", "\" blank\""),
        ("blank ", "\"blank \""),
        ("tab\t", "\"tab\t\""),
        ("\"whole\"", "\"\"whole\"\""),
        ("\"", "\"\"\""),
        ("\u{1f}", "\"\u{1f}\""),
        ("\u{a0}", "\"\u{a0}\""),
    ] {
        config.set("text", value).unwrap();
        fence.monitor(&config, LONG).await.unwrap();
        let input = agents.input();
        assert_eq!(
            input.lines().find(|line| line.starts_with("text")).unwrap(),
            format!("text={line}")
        );
    }
    for value in ["geheim\naction=on", "geheim\r", "\0geheim"] {
        config.set("text", value).unwrap();
        let error = fence.off(&config, LONG).await.unwrap_err();
        let AgentError::Unpassable { parameter } = agent_error(&error) else { panic!("{error}") };
        assert_eq!(parameter, "text");
        assert!(!format!("{error} {error:?}").contains("geheim"));
        assert!(fence.verify(&config, Some(Action::Off)).is_err());
    }
}

#[tokio::test]
async fn help_is_not_taken_for_a_success() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (fence, mut config) = agents.only().await;
    for name in ["help", "version", "usage"] {
        config.set(name, "1").unwrap();
        let error = fence.off(&config, LONG).await.unwrap_err();
        assert!(matches!(agent_error(&error), AgentError::DoesNothing { .. }), "{error}");
        config.set(name, "").unwrap();
    }
    assert!(!agents.path().join("input").exists(), "it was run");
}

#[tokio::test]
async fn exit_codes_are_told_apart() {
    let agents =
        Agents::new().agent("fence_a", "exit $(sed -n s/^number=//p \"$(dirname $0)/input\")");
    let (fence, mut config) = agents.only().await;
    for (code, state) in
        [(0, Some(PowerState::On)), (1, None), (2, Some(PowerState::Off)), (3, None)]
    {
        config.set("number", &code.to_string()).unwrap();
        for command in [PowerCommand::On, PowerCommand::Off, PowerCommand::Reboot] {
            match fence.command(&config, command, LONG).await {
                Ok(Success::Reported(done)) => assert_eq!((code, done), (0, command)),
                Ok(other) => panic!("{other}"),
                Err(error) => {
                    assert_ne!(code, 0);
                    assert!(matches!(agent_error(&error), AgentError::Failed { .. }), "{error}");
                }
            }
        }
        assert_eq!(fence.monitor(&config, LONG).await.is_ok(), code == 0);
        assert_eq!(fence.list(&config, LONG).await.is_ok(), code == 0);
        assert_eq!(fence.status(&config, LONG).await.ok(), state);
    }
}

#[tokio::test]
async fn an_agent_that_contradicts_itself_is_not_believed() {
    for (script, state) in [
        ("echo 'Status: OFF'; exit 2", Some(PowerState::Off)),
        ("echo 'Status: ON'; exit 0", Some(PowerState::On)),
        ("echo 'Status: ON'; exit 2", None),
        ("echo 'status: off'; exit 0", None),
        // Interpreters and usage messages end so, too.
        ("echo 'cannot open file' >&2; exit 2", None),
        ("echo 'usage: fence_a' >&2; echo usage; exit 2", None),
        ("echo 'a warning' >&2; echo 'Status: OFF'; exit 2", Some(PowerState::Off)),
    ] {
        let agents = Agents::new().agent("fence_a", script);
        let (fence, config) = agents.only().await;
        match fence.status(&config, LONG).await {
            Ok(read) => assert_eq!(Some(read), state, "{script}"),
            Err(error) => {
                assert_eq!(None, state, "{script}");
                let is_told = matches!(
                    agent_error(&error),
                    AgentError::Contradiction { .. } | AgentError::Failed { .. }
                );
                assert!(is_told, "{error}");
            }
        }
    }
}

#[tokio::test]
async fn no_parameter_counts_more_than_the_action() {
    let both = METADATA.replace(
        "<parameter name=\"text\">",
        "<parameter name=\"option\"><content type=\"string\"/></parameter><parameter name=\"text\">",
    );
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = -o ] && {{ cat <<'EOF'\n{both}\nEOF\nexit 0; }}\ncat >\"$(dirname $0)/input\""
    );
    let agents = Agents::new().program("fence_a", &script);
    let (fence, mut config) = agents.only().await;
    config.set("action", "status").unwrap();
    config.set("option", "monitor").unwrap();
    fence.off(&config, LONG).await.unwrap();
    assert_eq!(agents.input(), "action=off\npassword=geheim\n");
}

#[tokio::test]
async fn an_agent_is_not_started_when_the_time_is_over() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (fence, config) = agents.only().await;
    let error = fence.off(&config, Duration::ZERO).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    fence.finish(LONG).await;
    assert!(!agents.path().join("input").exists(), "it was run");
}

#[tokio::test]
async fn a_secret_that_begins_with_another_is_taken_out_whole() {
    let script = "echo \"not geheimer than geheim\" >&2; exit 1";
    let agents = Agents::new().agent("fence_a", script);
    let (fence, mut config) = agents.only().await;
    config.set("community", "geheimer").unwrap();
    let error = fence.off(&config, LONG).await.unwrap_err().to_string();
    assert!(error.ends_with(": not [secret] than [secret]"), "{error}");
}

#[tokio::test]
async fn a_signal_is_a_failure_and_last_words_hold_no_secret() {
    let script = "echo started; for i in 1 2 3 4 5 6; do echo line $i; done >&2; \
                  echo \"login geheim failed\" >&2; kill -9 $$";
    let agents = Agents::new().agent("fence_a", script);
    let (fence, config) = agents.only().await;
    let error = fence.off(&config, LONG).await.unwrap_err();
    assert!(error.source().is_none());
    assert_eq!(
        error.to_string(),
        "the agent failed (signal: 9 (SIGKILL)): line 3 | line 4 | line 5 | line 6 | login [secret] failed"
    );
}

#[tokio::test]
async fn a_list_has_names_aliases_and_states() {
    let script = "printf 'node1,first,ON\\n\\nnode2,,OFF\\nnode3,a,b,UNKNOWN\\n'";
    let agents = Agents::new().agent("fence_a", script);
    let (fence, config) = agents.only().await;
    let port = |name: &str, alias: Option<&str>, state| Port {
        name: name.to_owned(),
        alias: alias.map(str::to_owned),
        state,
    };
    let expected = [
        port("node1", Some("first"), Some(PowerState::On)),
        port("node2", None, Some(PowerState::Off)),
        port("node3", Some("a,b"), None),
    ];
    assert_eq!(fence.list(&config, LONG).await.unwrap(), expected);

    let agents = Agents::new()
        .agent("fence_a", "echo 'NOTICE: List option is not working on this device yet'");
    let (fence, config) = agents.only().await;
    let error = fence.list(&config, LONG).await.unwrap_err();
    assert!(matches!(agent_error(&error), AgentError::CannotList), "{error}");
}

#[tokio::test]
async fn the_environment_is_clean() {
    let agents = Agents::new().agent("fence_a", "env >\"$(dirname $0)/environment\"");
    let (fence, config) = agents.only().await;
    fence.monitor(&config, LONG).await.unwrap();
    let environment = fs::read_to_string(agents.path().join("environment")).unwrap();
    let names = environment.lines().filter_map(|line| line.split_once('=')).map(|(name, _)| name);
    // The shell sets two.
    let mut names: Vec<_> =
        names.filter(|name| !["PWD", "_", "OLDPWD", "SHLVL"].contains(name)).collect();
    names.sort_unstable();
    assert_eq!(names, ["LC_ALL", "PATH"]);
}

#[tokio::test]
async fn at_the_deadline_nothing_of_an_agent_is_left() {
    let agents = Agents::new().agent(
        "fence_a",
        "trap '' TERM; echo $$ >\"$(dirname $0)/id\"; (while :; do sleep 1000; done) & while :; do wait; done",
    );
    let (fence, config) = agents.only().await;
    let begin = Instant::now();
    let error = fence.off(&config, SHORT).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(begin.elapsed() < LONG / 2);
    fence.finish(LONG).await;
    let id = fs::read_to_string(agents.path().join("id")).unwrap().trim().parse().unwrap();
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "it was not reaped");
    wait_until_group_is_gone(id).await;
}

#[tokio::test]
async fn a_call_that_is_dropped_ends_its_agent() {
    let script = "echo $$ >\"$(dirname $0)/new\"; mv \"$(dirname $0)/new\" \"$(dirname $0)/id\"; exec sleep 1000";
    let agents = Agents::new().agent("fence_a", script);
    let (fence, config) = agents.only().await;
    let id_file = agents.path().join("id");
    let is_started = async {
        while !id_file.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        result = fence.off(&config, LONG) => panic!("{result:?}"),
        () = is_started => {}
    }
    let begin = Instant::now();
    fence.finish(LONG).await;
    assert!(begin.elapsed() < LONG / 2);
    let id: u32 = fs::read_to_string(&id_file).unwrap().trim().parse().unwrap();
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "it lives on");
}

#[tokio::test]
async fn configurations_are_checked_before_an_agent_is_run() {
    let agents = Agents::new().agent("fence_a", "exit 0");
    let (_, mut config) = agents.only().await;
    assert!(matches!(config.set("no_such", "x"), Err(ConfigError::Unknown(_))));
    assert!(config.set("number", "many").is_err());
    assert!(config.set("method", "slow").is_err());
    let secret = config.given().find(|(parameter, _)| parameter.name == "password").unwrap().1;
    assert!(matches!(secret, Value::Secret(_)));
}
