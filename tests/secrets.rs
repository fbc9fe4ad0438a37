//! Secrets stay inside: the password and Kg are in no output, no log, no argument and no environment of ours.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use bmc_sim::{Config, Ipmi15, Power, User};
use ipmi_lan::{AuthenticationType, Kg, Quirk, QuirkSet};
use tempfile::TempDir;

use crate::support::agent::Agent;
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

pub const PASSWORD: &str = "Zx9kq7Wv3pTm8RbN2!";
const PASSWORD_BASE64: &str = "Wng5a3E3V3YzcFRtOFJiTjIh";
const KG: &str = "Kg5hJ2nB8vC4xL7dF1gS";
const KG_BASE64: &str = "S2c1aEoybkI4dkM0eEw3ZEYxZ1";

/// Any part of a secret that is so long is a leak.
const TELLING: usize = 6;

pub const LEVELS: std::ops::RangeInclusive<u8> = 0..=5;

#[test]
fn no_action_tells_a_secret_at_any_verbosity() {
    let obedient = |_: &mut Config| {};
    for level in LEVELS {
        let verbosity = format!("verbose_level={level}");
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
            check_on_stdin(&Sim::start_with(two_key(obedient)), &[&verbosity, lines]);
        }
    }
}

#[test]
fn no_failure_tells_a_secret_at_any_verbosity() {
    for level in LEVELS {
        let verbosity = format!("verbose_level={level}");
        let other_password = Sim::start_with(two_key(|config| {
            config.users = vec![User::administrator("admin", "another").unwrap()];
        }));
        check_on_stdin(&other_password, &[&verbosity, "action=off"]);
        let other_kg = Sim::start_with(|config| config.users = vec![user()]);
        check_on_stdin(&other_kg, &[&verbosity, "action=off"]);
        let no_users = Sim::start_with(|config| config.users = Vec::new());
        check_on_stdin(&no_users, &[&verbosity, "action=reboot"]);
    }
    let silent = Sim::start_with(|config| config.faults.silent = true);
    check_on_stdin(&silent, &["verbose_level=5", "login_timeout=1", "action=status"]);
    let stuck = Sim::start_with(two_key(|config| config.faults.ignore_power_off = true));
    check_on_stdin(&stuck, &["verbose_level=5", "power_timeout=1", "action=reboot"]);
}

/// Where the password goes over the network in clear, it does not go into any log.
#[test]
fn no_log_tells_a_password_that_the_network_sees() {
    // The longest that IPMI 1.5 can carry.
    let password = &PASSWORD[..16];
    let check = |kind: AuthenticationType, line: &str, known: &str, level: u8| {
        let bmc = Sim::start_with(|config| {
            config.users = vec![User::administrator("admin", known).unwrap()];
            config.ipmi15 = Some(Ipmi15::new([kind]));
            config.ipmi20 = false;
            config.quirks = QuirkSet::NONE.with(Quirk::Quanta);
        });
        let proxy = Proxy::start(bmc.address(), |genuine| vec![genuine.to_vec()]);
        let agent = Agent::ours().lines(bmc.lines()).lines(proxy.lines()).lines([
            "lanplus=0",
            "action=off",
            &format!("password={password}"),
            &format!("verbose_level={level}"),
            line,
        ]);
        let said = check_in(agent, &tempfile::tempdir().unwrap());
        let is_in_clear = [AuthenticationType::Password, AuthenticationType::Oem];
        assert_eq!(proxy.was_told(password), is_in_clear.contains(&kind), "{said}");
    };
    std::thread::scope(|scope| {
        for (kind, line) in [
            (AuthenticationType::Password, "auth=password"),
            (AuthenticationType::Oem, "workarounds=quanta"),
            (AuthenticationType::Md5, "auth=md5"),
            (AuthenticationType::Md2, "auth="),
            (AuthenticationType::None, "auth=none"),
        ] {
            scope.spawn(move || LEVELS.for_each(|level| check(kind, line, password, level)));
            // A wrong password takes its time.
            scope.spawn(move || check(kind, line, "another", *LEVELS.end()));
        }
    });
}

#[test]
fn a_secret_in_the_wrong_place_is_not_shown() {
    let bmc = Sim::start_with(two_key(|_| {}));
    for line in [
        format!("passwrod={PASSWORD}"),
        format!("pass-word={PASSWORD}"),
        PASSWORD.to_owned(),
        format!("{PASSWORD}=1"),
        format!("password={PASSWORD}\n{PASSWORD}"),
        format!("password=\"{PASSWORD}\"trailing"),
        format!("password={PASSWORD}{PASSWORD}"),
        format!("acton={PASSWORD}"),
        format!("ipport={PASSWORD}"),
        format!("lanplus={PASSWORD}"),
        format!("privlvl={PASSWORD}"),
        format!("method={PASSWORD}"),
        format!("power_timeout={PASSWORD}"),
        format!("verbose_level={PASSWORD}"),
        format!("hexadecimal_kg={PASSWORD}"),
        format!("hexadecimal_kg={}{}", hexadecimal(PASSWORD), hexadecimal(PASSWORD)),
        format!("target=1\npassword={PASSWORD}"),
        format!("target={PASSWORD}"),
        format!("cipher={PASSWORD}"),
        format!("auth={PASSWORD}"),
        format!("workarounds={PASSWORD}"),
        format!("workarounds=none,-{PASSWORD}"),
    ] {
        check_on_stdin(&bmc, &["verbose_level=5", "action=status", &line]);
        check_on_stdin(&bmc, &[&line]);
    }
    for words in [
        &["--passwrod", PASSWORD][..],
        &[&format!("--passwrod={PASSWORD}")],
        &[&format!("-X{PASSWORD}")],
        &[PASSWORD],
        &["-vvvvv", "--ipport", PASSWORD],
        &["-vvvvv", &format!("--lanplus={PASSWORD}")],
    ] {
        let agent = Agent::ours().arguments(["-o", "status", "-a", "127.0.0.1"]);
        check(agent.arguments(words.iter().copied()));
    }
}

#[test]
fn a_password_of_a_script_is_used_and_not_told() {
    let script = format!("printf '%s' '{PASSWORD}'");
    for (script, login) in [
        (script.clone(), true),
        (format!("{script}; printf ' \\t\\r\\n\\n'"), true),
        (format!("printf ' '; {script}"), false),
    ] {
        for level in [0, 5] {
            let bmc = Sim::start_with(two_key(|_| {}));
            let folder = tempfile::tempdir().unwrap();
            let agent = Agent::ours().lines(bmc.lines()).lines([
                "password=",
                "action=off",
                &format!("hexadecimal_kg={}", hexadecimal(KG)),
                &format!("verbose_level={level}"),
                &format!("password_script={script}"),
            ]);
            let said = check_in(agent, &folder);
            assert_eq!(bmc.power(), if login { Power::Off } else { Power::On }, "{said}");
        }
    }
}

#[test]
fn without_a_password_from_the_script_none_is_tried() {
    let bmc = Sim::start_with(|config| {
        config.users = vec![User::administrator("admin", "").unwrap(), user()];
    });
    for (script, words) in [
        (format!("echo '{PASSWORD}'; exit 3"), "the password script failed: exit status: 3"),
        (format!("false '{PASSWORD}'"), "the password script failed: exit status: 1"),
        (format!(": '{PASSWORD}'"), "the password script printed nothing"),
        (format!("echo; : '{PASSWORD}'"), "the password script printed nothing"),
        (format!("echo '{PASSWORD}'; kill -9 $$"), "the password script failed: signal: 9"),
        (format!("yes '{PASSWORD}'"), "the password script printed more than"),
    ] {
        for level in [0, 5] {
            let agent = Agent::ours().lines(bmc.lines()).lines([
                "action=off",
                &format!("verbose_level={level}"),
                &format!("password_script={script}"),
            ]);
            let run = agent.run();
            run.expect_failure(words);
            expect_untold(&run.stderr, &script);
        }
    }
    assert_eq!(bmc.datagrams().received, 0, "no login is attempted");
    assert_eq!(bmc.power(), Power::On);
}

/// The shell that runs the script would say `Zx9…: not found`.
#[test]
fn a_password_given_as_a_script_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let line = format!("password_script={PASSWORD}");
    check_in(Agent::ours().lines(["ip=127.0.0.1", "action=off", &line]), &folder);
}

#[test]
fn other_processes_cannot_see_a_secret_while_the_agent_runs() {
    let bmc = Sim::start_with(|config| config.faults.silent = true);
    let kg = hexadecimal(KG);
    let stdin = Agent::ours().lines(bmc.lines()).lines([
        "action=off",
        &format!("password={PASSWORD}"),
        &format!("hexadecimal_kg={kg}"),
    ]);
    let address = bmc.address();
    let argv = Agent::ours().arguments([
        "-o",
        "off",
        "-a",
        &address.ip().to_string(),
        "-u",
        &address.port().to_string(),
        "-l",
        "admin",
        "-p",
        PASSWORD,
        "--hexadecimal-kg",
        &kg,
    ]);
    for (agent, is_in_arguments) in [(stdin, false), (argv, true)] {
        let received = bmc.datagrams().received;
        let running = agent.start();
        // By then it has read its input, and waits for an answer.
        while bmc.datagrams().received == received {
            std::thread::sleep(Duration::from_millis(5));
        }
        let process = Path::new("/proc").join(running.id().to_string());
        let arguments = fs::read_to_string(process.join("cmdline")).unwrap();
        assert_eq!(arguments.contains(PASSWORD), is_in_arguments, "{arguments}");
        if !is_in_arguments {
            expect_untold(&arguments, "arguments");
        }
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
        running.signal("TERM");
        let run = running.finish();
        expect_untold(&(run.stdout + &run.stderr), "output");
    }
}

#[test]
fn a_debug_file_is_private_and_kept() {
    let bmc = Sim::start_with(two_key(|_| {}));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("debug");
    let agent = Agent::ours()
        .lines(bmc.lines())
        .lines(secrets())
        .lines([format!("debug_file={}", file.display()), "action=status".to_owned()])
        .through("sh", &["-c", "umask 0; exec \"$0\""]);
    agent.run().expect(0, "Status: ON\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let once = fs::read_to_string(&file).unwrap();
    assert!(once.contains("logged in as administrator"), "{once}");
    agent.run().expect(0, "Status: ON\n");
    assert!(fs::read_to_string(&file).unwrap().starts_with(&once), "appended");

    let nowhere = Agent::ours().lines(bmc.lines()).lines(["action=off", "debug_file=/proc/x/y"]);
    nowhere.run().expect_failure("cannot open the debug file");
    assert_eq!(bmc.power(), Power::On);
}

fn user() -> User {
    User::administrator("admin", PASSWORD).unwrap()
}

/// A BMC with both secrets, but for what is changed.
fn two_key(change: impl FnOnce(&mut Config)) -> impl FnOnce(&mut Config) {
    |config| {
        config.users = vec![user()];
        config.kg = Some(Kg::new(KG).unwrap());
        change(config);
    }
}

fn secrets() -> [String; 2] {
    [format!("password={PASSWORD}"), format!("hexadecimal_kg={}", hexadecimal(KG))]
}

fn check_on_stdin(bmc: &Sim, lines: &[&str]) {
    check(Agent::ours().lines(bmc.lines()).lines(secrets()).lines(lines));
}

fn check(agent: Agent) {
    check_in(agent, &tempfile::tempdir().unwrap());
}

/// Runs the agent with a debug file, where it takes one, and looks for secrets in all that it says.
#[track_caller]
pub fn check_in(agent: Agent, folder: &TempDir) -> String {
    let file = folder.path().join("debug");
    let agent = agent.lines([format!("debug_file={}", file.display())]);
    let run = agent.run();
    let debug = fs::read_to_string(&file).unwrap_or_default();
    let said = format!("{}{}{debug}", run.stdout, run.stderr);
    expect_untold(&said, &format!("{agent:?}"));
    said
}

#[track_caller]
pub fn expect_untold(said: &str, by: &str) {
    for (secret, base64) in [(PASSWORD, PASSWORD_BASE64), (KG, KG_BASE64)] {
        for part in base64.as_bytes().windows(TELLING + 2) {
            let part = String::from_utf8_lossy(part);
            assert!(!said.contains(&*part), "{by} tells {secret} in base64: {said}");
        }
        for part in secret.as_bytes().windows(TELLING) {
            for form in forms(part) {
                assert!(!said.contains(&form), "{by} tells {form:?} of {secret}: {said}");
            }
        }
    }
}

/// How a log may show bytes.
fn forms(bytes: &[u8]) -> [String; 6] {
    let joined = |format: fn(&u8) -> String, separator: &str| {
        bytes.iter().map(format).collect::<Vec<_>>().join(separator)
    };
    [
        String::from_utf8_lossy(bytes).into_owned(),
        joined(|byte| format!("{byte:02x}"), ""),
        joined(|byte| format!("{byte:02X}"), ""),
        joined(|byte| format!("{byte:02x}"), " "),
        joined(|byte| format!("{byte:02x}"), ":"),
        joined(|byte| byte.to_string(), ", "),
    ]
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
