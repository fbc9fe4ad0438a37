//! A password is shown to nobody, whatever is done and whatever goes wrong.

use std::fs;

use super::{Folder, expect_refusal, fencectl};
use crate::support::agent::{Agent, Run};
use crate::support::farm::Bmcs;
use crate::support::redfish_sim::RedfishSim;

const PASSWORD: &str = "Qw7-hunter2-Zx";

#[track_caller]
fn expect_silence(run: &Run) {
    for output in [&run.stdout, &run.stderr] {
        assert!(!output.contains("hunter2"), "{run:#?}");
    }
}

fn with_that_user(config: &mut bmc_sim::Config) {
    config.users = vec![bmc_sim::User::administrator("admin", PASSWORD).unwrap()];
    config.power_delay = std::time::Duration::from_millis(1500);
}

fn ways(agent: &Agent, folder: &Folder) -> Vec<Agent> {
    let file = folder.write("password", &format!("{PASSWORD}\n"));
    let secrets = format!("[defaults]\npassword = \"{PASSWORD}\"");
    folder.write("secrets.toml", &secrets);
    let inventory = folder.write("inventory.toml", "secrets = 'secrets.toml'");
    let script = folder.write("script", &format!("echo {PASSWORD}"));
    vec![
        agent.clone().environment("FENCECTL_PASSWORD", PASSWORD),
        agent.clone().arguments(["--password-file", &file]),
        agent.clone().arguments(["--password-file", "-"]).lines([PASSWORD]),
        agent.clone().arguments(["--password-script", &format!("sh {script}")]),
        agent.clone().arguments(["--inventory", &inventory]),
    ]
}

#[test]
fn no_output_has_the_password_not_even_the_most_verbose() {
    let bmcs = Bmcs::start_with(2, with_that_user);
    let folder = Folder::new();
    let host = bmcs.hosts("1-2");
    for json in [&[][..], &["--json"]] {
        let agent =
            fencectl(&["status", &host, "-u", "admin", "-vvvv"]).arguments(json.iter().copied());
        for agent in ways(&agent, &folder) {
            let run = agent.run();
            assert_eq!(run.code, Some(0), "{run:#?}");
            assert!(run.stderr.len() > 500, "it says much: {run:#?}");
            expect_silence(&run);
        }
        // A user that the BMC does not know.
        let agent =
            fencectl(&["status", &host, "-u", "nobody", "-vvvv"]).arguments(json.iter().copied());
        for agent in ways(&agent, &folder) {
            let run = agent.run();
            assert_eq!(run.code, Some(1), "{run:#?}");
            expect_silence(&run);
        }
    }
}

#[test]
fn a_redfish_service_that_refuses_the_password_does_not_show_it() {
    let sim = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let host = sim.address().to_string();
    let folder = Folder::new();
    let agent = fencectl(&["status", &host, "-u", "admin", "--agent", "fence_redfish", "-vvvv"])
        .arguments(["--set", "ssl_insecure=1"]);
    for agent in ways(&agent, &folder) {
        let run = agent.run();
        assert_eq!(run.code, Some(1), "{run:#?}");
        expect_silence(&run);
    }
}

#[test]
fn the_command_line_takes_no_secrets() {
    let folder = Folder::new();
    let file = folder.write("inventory.toml", &format!("[defaults]\npassword = '{PASSWORD}'"));
    let setting = format!("password={PASSWORD}");
    let agent_setting = format!("fence_ipmilan.passwd={PASSWORD}");
    for (arguments, words) in [
        (&["--set", &setting][..], "'password' is a secret, and everybody can read a command line"),
        (&["--set", &agent_setting], "'passwd' is a secret, and everybody can read"),
        (&["--set", PASSWORD], "--set takes the name of a parameter and its value"),
        (&["--inventory", &file], "'password' is a secret, and belongs into a file of its own"),
    ] {
        let run = fencectl(&["status", "bmc1"]).arguments(arguments.iter().copied()).run();
        expect_refusal(&run, words);
        expect_silence(&run);
    }
    let option = format!("--password={PASSWORD}");
    for arguments in [&[option.as_str()][..], &["--password", PASSWORD], &["-p", PASSWORD]] {
        let run = fencectl(&["status", "bmc1"]).arguments(arguments.iter().copied()).run();
        assert_eq!(run.code, Some(1), "{run:#?}");
        expect_silence(&run);
    }
}

#[test]
fn no_command_line_on_the_machine_has_the_password() {
    let bmcs = Bmcs::start_with(1, with_that_user);
    let folder = Folder::new();
    let file = folder.write("password", PASSWORD);
    let running =
        fencectl(&["power", "off", &bmcs.host(1), "-u", "admin", "--password-file", &file]).start();
    while bmcs.commands(1).is_empty() {
        std::thread::yield_now();
    }
    let line = fs::read_to_string(format!("/proc/{}/cmdline", running.id())).unwrap();
    assert!(line.contains("power") && !line.contains("hunter2"), "{line}");
    let run = running.finish();
    assert_eq!((run.code, bmcs.on()), (Some(0), vec![false]), "{run:#?}");
}

#[test]
fn the_program_cannot_be_looked_into_while_it_runs() {
    let bmcs = Bmcs::start_with(1, with_that_user);
    let running = fencectl(&["power", "off", &bmcs.host(1), "-u", "admin"])
        .environment("FENCECTL_PASSWORD", PASSWORD)
        .start();
    while bmcs.commands(1).is_empty() {
        std::thread::yield_now();
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().nth(4), Some("0"), "{core}");
    assert_eq!(running.finish().code, Some(0));
}
