//! What `fence_redfish` knows and must not tell: the password, as it is and as Basic has it, and the token of a
//! session.

use std::fs;
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use bmc_sim::Power;
use bmc_sim::redfish::{
    AnswerFault, CannedAnswer, CannedBody, ConnectionFault, Faults, Misanswer, Place, Quirk,
    RedfishConfig, RedfishEventKind, RedfishSystem, RedfishUser, Requests, Role,
};

use crate::secrets::{LEVELS, PASSWORD, check_in, expect_untold};
use crate::support::agent::Agent;
use crate::support::redfish_sim::RedfishSim;

/// What is changed of a service.
type Change = fn(&mut RedfishConfig);

/// The tokens of simulated services have so many hexadecimal digits; the fingerprint of a certificate has more.
const TOKEN: usize = 32;

fn start(change: impl FnOnce(&mut RedfishConfig)) -> RedfishSim {
    RedfishSim::start_at("127.0.0.1:0", |config| {
        config.users = vec![RedfishUser::administrator("admin", PASSWORD)];
        change(config);
    })
}

fn sessions_only(config: &mut RedfishConfig) {
    config.quirks.insert(Quirk::BasicRefused);
}

/// The agent with what reaches the service.
fn agent(bmc: &RedfishSim) -> Agent {
    let password = format!("password={PASSWORD}");
    Agent::redfish().lines(bmc.lines()).lines(["username=admin", &password])
}

/// Gives what was said.
#[track_caller]
fn check(agent: Agent) -> String {
    let said = check_in(agent, &tempfile::tempdir().unwrap());
    expect_no_token(&said);
    said
}

#[track_caller]
fn expect_no_token(said: &str) {
    let words = said.split(|letter: char| !letter.is_ascii_hexdigit());
    let tokens: Vec<_> = words.filter(|word| word.len() == TOKEN).collect();
    assert!(tokens.is_empty(), "{tokens:?} in {said}");
}

#[test]
fn no_action_tells_a_secret_at_any_verbosity() {
    for (change, has_session) in [(sessions_only as Change, true), (|_| {}, false)] {
        for level in LEVELS {
            let verbosity = format!("verbose_level={level}");
            let bmc = start(change);
            for lines in [
                "action=status",
                "action=monitor",
                "action=on",
                "action=off",
                "action=reboot",
                "action=reboot\nmethod=cycle",
                "action=diag",
                "action=list",
                "action=validate-all",
                "action=metadata",
                "help=1",
                "action=unheard-of",
            ] {
                check(agent(&bmc).lines([&verbosity, lines]));
            }
            let opened = |event| matches!(event, RedfishEventKind::SessionOpened { .. });
            assert_eq!(bmc.happened().into_iter().any(opened), has_session);
            assert_eq!(bmc.counts().sessions_open, 0);
        }
    }
}

#[test]
fn no_failure_tells_a_secret_at_any_verbosity() {
    let answer = |what| {
        Faults::of_answers(AnswerFault { requests: Requests::All, skip: 0, times: None, what })
    };
    let refusal = |status| {
        let body = CannedBody::Html;
        answer(Misanswer::Status(CannedAnswer { status, retry_after: None, body }))
    };
    let connection = |fault| Faults { connection: Some(fault), ..Faults::default() };
    for faults in [
        connection(ConnectionFault::CloseInHandshake),
        connection(ConnectionFault::GarbageForTls),
        connection(ConnectionFault::PlainHttp),
        connection(ConnectionFault::HangInHandshake),
        refusal(400),
        refusal(401),
        refusal(403),
        refusal(500),
        refusal(503),
        answer(Misanswer::HangAt(Place::Headers)),
        answer(Misanswer::CloseAt(Place::Body(5))),
        answer(Misanswer::GarbageForHttp),
        answer(Misanswer::GarbageForJson),
        Faults { ignore_resets: true, ..Faults::default() },
    ] {
        for change in [sessions_only as Change, |_| {}] {
            let bmc = start(|config| {
                change(config);
                config.faults = faults.clone();
            });
            let lines = ["verbose_level=5", "power_timeout=1", "login_timeout=1", "action=off"];
            check(agent(&bmc).lines(lines));
        }
    }
    let others: [Change; 5] = [
        |config| config.users = vec![RedfishUser::administrator("admin", "another")],
        |config| config.users.clear(),
        |config| {
            sessions_only(config);
            config.users.clear();
        },
        |config| config.users[0].role = Role::ReadOnly,
        |config| config.systems.push(RedfishSystem::new("2")),
    ];
    for change in others {
        let bmc = start(change);
        for level in LEVELS {
            check(agent(&bmc).lines([&format!("verbose_level={level}"), "action=off"]));
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let bmc = start(|_| {});
    for line in [
        format!("passwrod={PASSWORD}"),
        PASSWORD.to_owned(),
        format!("{PASSWORD}=1"),
        format!("password={PASSWORD}\n{PASSWORD}"),
        format!("acton={PASSWORD}"),
        format!("ipport={PASSWORD}"),
        format!("ip=admin:{PASSWORD}@127.0.0.1"),
        format!("ip=https://admin:{PASSWORD}@127.0.0.1/redfish/v1"),
        format!("ssl={PASSWORD}"),
        format!("ssl_insecure={PASSWORD}"),
        format!("ssl_fingerprint={PASSWORD}"),
        format!("systems_uri={PASSWORD}"),
        format!("redfish_uri={PASSWORD}"),
        format!("redfish_uri=https://admin:{PASSWORD}@127.0.0.1/redfish/v1"),
        format!("method={PASSWORD}"),
        format!("graceful_off={PASSWORD}"),
        format!("power_timeout={PASSWORD}"),
        format!("username=admin:{PASSWORD}"),
    ] {
        check(agent(&bmc).lines(["verbose_level=5", "action=status", &line]));
        check(agent(&bmc).lines([&line]));
    }
}

/// Lines at the highest verbosity go to syslog as well. It is somebody else's `/dev/log` only for the agent.
#[test]
fn syslog_is_told_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let daemon = UnixDatagram::bind(folder.path().join("log")).unwrap();
    daemon.set_nonblocking(true).unwrap();
    let script = format!(
        "mount -t tmpfs none /dev && ln -s '{}/log' /dev/log && exec \"$0\"",
        folder.path().display()
    );
    let services: [(Change, _); 3] = [
        (sessions_only, ["verbose_level=5", "action=reboot"]),
        (|_| {}, ["verbose_level=5", "action=reboot"]),
        (|config| config.users.clear(), ["verbose_level=0", "action=reboot"]),
    ];
    for (change, lines) in services {
        let bmc = start(change);
        let agent = agent(&bmc).lines(lines);
        agent.through("unshare", &["--mount", "sh", "-c", &script]).run();
        let mut said = String::new();
        let mut datagram = [0; 65536];
        while let Ok(length) = daemon.recv(&mut datagram) {
            said.push_str(&String::from_utf8_lossy(&datagram[..length]));
        }
        assert!(said.contains("fence_redfish["), "{said}");
        expect_untold(&said, "syslog");
        expect_no_token(&said);
    }
}

#[test]
fn other_processes_cannot_see_a_secret_while_the_agent_runs() {
    for change in [sessions_only as Change, |_| {}] {
        let bmc = start(|config| {
            change(config);
            config.faults.ignore_resets = true;
        });
        let script = format!("password_script=printf '%s' '{PASSWORD}'");
        for password in [format!("password={PASSWORD}"), script] {
            let resets = |bmc: &RedfishSim| {
                let is_reset = |event: &RedfishEventKind| {
                    matches!(event, RedfishEventKind::ResetAnswered { .. })
                };
                bmc.happened().iter().filter(|event| is_reset(event)).count()
            };
            let before = resets(&bmc);
            let lines = ["username=admin", "password=", &password, "action=off"];
            let running = Agent::redfish().lines(bmc.lines()).lines(lines).start();
            while resets(&bmc) == before {
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            expect_nothing_to_see(running.id());
            running.signal("TERM");
            let run = running.finish();
            expect_untold(&(run.stdout + &run.stderr), "output");
        }
        assert_eq!(bmc.power("1"), Some(Power::On));
    }
}

#[track_caller]
fn expect_nothing_to_see(process: u32) {
    let process = Path::new("/proc").join(process.to_string());
    let arguments = fs::read_to_string(process.join("cmdline")).unwrap();
    expect_untold(&arguments, "arguments");
    // Not even the same user may read it; root may.
    match fs::read_to_string(process.join("environ")) {
        Ok(environment) => expect_untold(&environment, "environment"),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::PermissionDenied),
    }
    let children = fs::read_dir(process.join("task"))
        .unwrap()
        .flatten()
        .filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    assert_eq!(children.collect::<String>(), "", "it starts no other program");
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).collect::<Vec<_>>(), ["0", "0", "bytes"]);
}
