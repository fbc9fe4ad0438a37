//! What a person sees on a terminal, and what Ctrl-C does.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::{fencectl, logged_in};
use crate::support::agent::Agent;
use crate::support::farm::Bmcs;
use crate::support::terminal::Terminal;
use crate::support::wait::{PATIENCE, wait_for};

const SLOW: Duration = Duration::from_secs(3);
const FOR_EVER: Duration = Duration::from_secs(600);

fn delayed(count: usize, delay: Duration) -> Bmcs {
    Bmcs::start_with(count, |config| config.power_delay = delay)
}

fn terminal(agent: Agent) -> Terminal {
    Terminal::start(agent.environment("TERM", "xterm").command())
}

/// The screen without what moves the cursor and gives colours.
fn plain(screen: &str) -> String {
    let mut plain = String::new();
    let mut letters = screen.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => {
                letters.by_ref().take_while(|letter| !letter.is_ascii_alphabetic()).for_each(drop)
            }
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn the_bar_grows_and_makes_way_for_the_table() {
    let bmcs = delayed(6, Duration::from_millis(500));
    let mut terminal = terminal(logged_in(&["power", "off", &bmcs.hosts("1-6"), "-y", "-j", "2"]));
    terminal.wait_for("0 of 6 hosts").wait_for("2 of 6 hosts").wait_for("4 of 6 hosts");
    terminal.wait_for("HOST");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen:?}");
    let table = plain(&screen);
    let table = table.rsplit_once("HOST").unwrap().1;
    for number in 1..=6 {
        assert!(table.contains(&format!("{}  off", bmcs.host(number))), "{table:?}");
    }
    assert!(table.contains("fencectl: 6 of 6 done"), "{table:?}");
    assert!(screen.contains("\x1b[32moff"), "a terminal has colours: {screen:?}");
}

#[test]
fn there_is_no_bar_where_none_is_wanted() {
    let bmcs = delayed(3, Duration::from_millis(300));
    let hosts = bmcs.hosts("1-3");
    let off = || logged_in(&["power", "reboot", &hosts, "-y"]);
    for agent in [
        off().arguments(["--no-progress"]).environment("TERM", "xterm"),
        off().environment("TERM", "dumb"),
        off(),
        logged_in(&["power", "reboot", &bmcs.host(1)]).environment("TERM", "xterm"),
    ] {
        let (code, screen) = Terminal::start(agent.command()).end();
        assert_eq!(code, 0, "{screen:?}");
        assert!(!screen.contains("hosts,"), "{screen:?}");
    }
}

#[test]
fn no_color_is_kept() {
    let bmcs = delayed(2, Duration::from_millis(300));
    for agent in [
        logged_in(&["status", &bmcs.hosts("1-2")]).environment("NO_COLOR", "1"),
        logged_in(&["status", &bmcs.hosts("1-2"), "--color", "never"]),
    ] {
        let (code, screen) = terminal(agent).end();
        assert_eq!(code, 0, "{screen:?}");
        assert!(!screen.contains("\x1b[32m") && !screen.contains("\x1b[1m"), "{screen:?}");
    }
    let (_, screen) = terminal(logged_in(&["status", &bmcs.hosts("1-2")])).end();
    assert!(screen.contains("\x1b[32mON"), "{screen:?}");
}

#[test]
fn the_log_does_not_tear_the_bar() {
    let bmcs = delayed(2, SLOW);
    let mut terminal = terminal(logged_in(&["power", "off", &bmcs.hosts("1-2"), "-y", "-vv"]));
    terminal.wait_for("0 of 2 hosts");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen:?}");
    // Each message stands where a line begins, or where the bar was wiped out.
    let mut before = screen.split("debug: ").collect::<Vec<_>>();
    before.pop();
    assert!(before.len() > 4, "{screen:?}");
    let torn = before.iter().any(|text| !text.ends_with("\x1b[2K") && !text.ends_with('\n'));
    assert!(!torn, "{screen:?}");
}

#[test]
fn ctrl_c_ends_the_sessions_and_says_which_hosts_are_undone() {
    let bmcs = delayed(5, FOR_EVER);
    let mut terminal = terminal(logged_in(&["power", "off", &bmcs.hosts("1-5"), "-y", "-j", "2"]));
    terminal.wait_for("0 of 5 hosts");
    while bmcs.commands(1).is_empty() || bmcs.commands(2).is_empty() {
        std::thread::yield_now();
    }
    terminal.interrupt();
    let (code, screen) = terminal.end();
    assert_eq!(code, 1, "{screen:?}");
    let table = plain(&screen);
    for number in 1..=5 {
        let result = if number <= 2 { "interrupted" } else { "not started" };
        assert!(table.contains(&format!("{}  {result}", bmcs.host(number))), "{table:?}");
        let sessions = if number <= 2 { (1, 1) } else { (0, 0) };
        assert_eq!(bmcs.sessions(number), sessions, "{number}: no session is left");
    }
    assert!(table.contains("the power state is not known"), "{table:?}");
    assert!(table.contains("fencectl: 0 of 5 done, 2 interrupted, 3 not started"), "{table:?}");
}

#[test]
fn a_second_ctrl_c_ends_at_once_what_would_wait_for_a_silent_bmc() {
    let bmcs = delayed(2, FOR_EVER);
    let mut terminal = terminal(logged_in(&["power", "off", &bmcs.hosts("1-2"), "-y"]));
    while bmcs.commands(1).is_empty() || bmcs.commands(2).is_empty() {
        std::thread::yield_now();
    }
    bmcs.silence(1);
    bmcs.silence(2);
    terminal.interrupt().wait_for("0 of 2 done, 2 interrupted");
    let second = Instant::now();
    terminal.interrupt();
    let (code, screen) = terminal.end();
    assert_eq!(code, 1, "{screen:?}");
    assert!(
        second.elapsed() < Duration::from_secs(3),
        "sessions are given five seconds: {screen:?}"
    );
}

#[test]
fn what_is_done_by_then_stays_done() {
    let bmcs = Bmcs::start(1);
    let slow = delayed(1, FOR_EVER);
    let agent = logged_in(&["power", "off", &bmcs.host(1), &slow.host(1), "-y", "--json"]);
    let running = agent.start();
    while bmcs.sessions(1) != (1, 1) || slow.commands(1).is_empty() {
        std::thread::yield_now();
    }
    running.signal("TERM");
    let run = running.finish();
    assert_eq!(run.code, Some(1), "{run:#?}");
    let results: Vec<(String, String)> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| {
            (line["host"].as_str().unwrap().to_owned(), line["result"].as_str().unwrap().to_owned())
        })
        .collect();
    assert_eq!(results, [(bmcs.host(1), "off".into()), (slow.host(1), "interrupted".into())]);
    assert_eq!(slow.sessions(1), (1, 1), "no session is left");
    assert_eq!(run.stderr, "fencectl: 1 of 2 done, 1 interrupted\n");
}

#[test]
fn a_password_is_asked_for_and_not_shown() {
    let bmcs = Bmcs::start(2);
    let mut terminal = terminal(fencectl(&["status", &bmcs.hosts("1-2"), "-u", "admin"]));
    terminal.wait_for("Password: ").wait_until_keys_are_hidden().type_line("secret");
    let (code, screen) = terminal.end();
    assert_eq!(code, 0, "{screen:?}");
    assert!(!screen.contains("secret"), "{screen:?}");
    assert_eq!((bmcs.sessions(1), bmcs.sessions(2)), ((1, 1), (1, 1)));
}

#[test]
fn nohup_is_kept() {
    let bmcs = delayed(1, SLOW);
    let agent = logged_in(&["power", "off", &bmcs.host(1)]).through("nohup", &[]);
    let running = agent.start();
    wait_for("a command", PATIENCE, || (!bmcs.commands(1).is_empty()).then_some(()));
    running.signal("HUP");
    let run = running.finish();
    assert_eq!((run.code, bmcs.on()), (Some(0), vec![false]), "{run:#?}");
}

/// The first signal ends the work, and those after it the program, though nobody reads what it has to say.
#[test]
fn signals_end_it_though_it_cannot_print() {
    let hosts = "127.0.0.1:[1-1000]";
    let mut command =
        logged_in(&["status", hosts, "--json", "--timeout", "1", "-j", "100"]).command();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let deadline = Instant::now() + Duration::from_secs(30);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        let is_late = Instant::now() > deadline;
        let signal = if is_late { "KILL" } else { "TERM" };
        Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        std::thread::sleep(Duration::from_millis(100));
    };
    assert_eq!(status.code(), Some(1), "{status}");
}
