//! Secrets stay inside: the passwords are in no log, no answer, no argument and no environment.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bmc_sim::User;
use serde_json::json;

use super::programs::{PLUGS, install};
use crate::secrets::{PASSWORD, expect_untold};
use crate::support::controller::{Controller, PATIENCE, Site, table};
use crate::support::sim::Sim;

/// What anybody on the machine can see of a process and of all that it has started.
fn shown(id: u32) -> String {
    let mut text = String::new();
    for entry in fs::read_dir("/proc").expect("/proc").flatten() {
        let process = entry.path();
        let is_of = |path: &Path| {
            let stat = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
            rest.split_whitespace().nth(1) == Some(&id.to_string())
        };
        if entry.file_name().to_str() == Some(&id.to_string()) || is_of(&process) {
            for file in ["cmdline", "environ"] {
                let bytes = fs::read(process.join(file)).unwrap_or_default();
                text += &String::from_utf8_lossy(&bytes);
            }
        }
    }
    assert!(text.contains("stonith-controller"), "{text}");
    text
}

#[track_caller]
fn check(site: &Site, controller: &Controller, said: &str) {
    expect_untold(&controller.log(), "the log");
    expect_untold(said, "the answers");
    expect_untold(&shown(controller.id()), "the processes");
    for entry in fs::read_dir(site.run_directory()).expect("a directory").flatten() {
        expect_untold(&entry.path().display().to_string(), "a name");
        let text = fs::read(entry.path()).unwrap_or_default();
        expect_untold(&String::from_utf8_lossy(&text), "a file");
    }
}

#[test]
fn no_secret_of_a_bmc_is_told_at_the_highest_verbosity() {
    for known in [PASSWORD, "another"] {
        let bmc = Sim::start_with(|config| {
            config.users = vec![User::administrator("admin", known).unwrap()];
        });
        let site = Site::new();
        let lines =
            bmc.lines().into_iter().map(|line| line.replace("=secret", &format!("={PASSWORD}")));
        let text = table("targets.node1", lines);
        let map = site.write("map.toml", &text);
        let config = format!("verbose_level = 2\nagent = \"fence_ipmilan\"\nmapfile = {map:?}\n");
        let controller = site.start(&config);
        let mut said =
            controller.wait_for(|status| status["devices"][0]["state"] != "unknown").to_string();
        said += &format!("{:?}", controller.fence("reboot", &["node1"]));
        said += &controller.ask(json!({"request": "targets", "states": true})).to_string();
        // In the wrong place.
        for wrong in [
            format!("{PASSWORD}\n"),
            format!("{text}{PASSWORD}\n"),
            format!("{text}port = \"{PASSWORD}\"\n"),
            format!("{text}ipport = \"{PASSWORD}\"\n"),
            format!("{text}lanplus_ = \"{PASSWORD}\"\n"),
            format!("{text}cipher = \"{PASSWORD}\"\n"),
            format!("{text}privlvl = \"{PASSWORD}\"\n"),
            format!("parameters = \"{PASSWORD}\"\n{text}"),
        ] {
            site.replace("map.toml", &wrong);
            said += &controller.ask(json!({"request": "reload"})).to_string();
        }
        said += &controller.status().to_string();
        check(&site, &controller, &said);
        controller.stop();
        let log = fs::read_to_string(site.path("test.log")).expect("a log");
        assert_eq!(log.contains("DEBUG"), known == PASSWORD, "it says all that it can: {log}");
        expect_untold(&log, "the log");
    }
}

#[test]
fn no_secret_of_a_program_is_told() {
    let site = Site::new();
    let folder = site.path("agents");
    // One that says it itself, and takes its time.
    let script = PLUGS.replace("reboot) ", "reboot) echo \"$password\" >&2; sleep 1; exit 1; ");
    let script =
        script.replace("    plug=*)", "    password=*) password=${line#*=} ;;\n    plug=*)");
    install(&folder, "fence_plugs", &script);
    let plugs = site.write("plugs", "node1 on\n");
    let config = format!(
        "verbose_level = 2\nagent = \"fence_plugs\"\nagent_directories = [{folder:?}]\n\
         hostlist = \"node1\"\n[parameters]\nip = \"pdu\"\nplugs = {plugs:?}\npassword = \"{PASSWORD}\"\n"
    );
    let controller = site.start(&config);
    controller.wait_until_reachable(1);
    let mut connection = controller.connect();
    connection.send_fence("reboot", &["node1"], PATIENCE);
    let mut seen = String::new();
    while !seen.contains("fence_plugs") {
        seen = shown(controller.id());
        expect_untold(&seen, "the processes");
        std::thread::sleep(Duration::from_millis(5));
    }
    let (replies, _) = connection.fenced();
    let said = format!("{replies:?}");
    assert!(said.contains("[secret]"), "{said}");
    check(&site, &controller, &said);
}
