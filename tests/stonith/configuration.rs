//! What a controller is told: `check` says of it what `run` would say, and asks nobody.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::programs::{PLUGS, install};
use super::{NEVER, ipmi};
use crate::secrets::{PASSWORD, expect_untold};
use crate::support::agent::{Agent, Run, program};
use crate::support::controller::Site;
use crate::support::sim::Sim;

fn check(file: &Path) -> Run {
    let file = file.to_str().expect("a path that is text");
    Agent::at(program("stonith-controller")).arguments(["check", "--config", file]).run()
}

#[test]
fn each_node_is_told_with_its_device_and_no_device_is_asked() {
    let bmcs = [Sim::start(), Sim::start()];
    let site = Site::new();
    let text = NEVER.to_owned() + &ipmi(&[("node2", bmcs[1].lines()), ("node1", bmcs[0].lines())]);
    let directory = format!("run_directory = {:?}\n", site.run_directory());
    let file = site.write("rack.toml", &(directory + &text));
    let [one, two] = bmcs.each_ref().map(|bmc| bmc.address());
    let told = format!("node1: fence_ipmilan {one}\nnode2: fence_ipmilan {two}\n");
    let alone = check(&file);
    assert_eq!(alone.expect(0, &told).stderr, "");
    assert!(bmcs.iter().all(|bmc| bmc.datagrams().received == 0));
    assert!(!site.run_directory().exists());
    // A controller that has these devices does not mind, nor is it in the way.
    let controller = site.start(&text);
    controller.wait_until_reachable(2);
    assert_eq!(check(&file).expect(0, &told).stderr, "");
    assert_eq!(bmcs.each_ref().map(|bmc| bmc.sessions()), [(1, 0); 2]);
    controller.stop();
}

#[test]
fn plugs_files_of_targets_and_programs_are_told_as_well() {
    let site = Site::new();
    let folder = site.path("agents");
    install(&folder, "fence_plugs", PLUGS);
    let user = "username = \"admin\"\npassword = \"secret\"\n";
    let map =
        site.write("map.toml", "[targets.node1]\nip = \"bmc1\"\n[targets.node2]\nip = \"bmc2\"\n");
    for (text, told) in [
        (
            format!("agent = \"fence_ilo4\"\nmapfile = {map:?}\n[parameters]\n{user}"),
            "node1: fence_ilo4 bmc1:623\nnode2: fence_ilo4 bmc2:623\n",
        ),
        (
            format!(
                "agent = \"fence_redfish\"\nhostlist = \"node1=blade1 node2=blade2\"\n\
                 [parameters]\nip = \"chassis\"\n{user}"
            ),
            "node1: fence_redfish chassis:443, plug blade1\nnode2: fence_redfish chassis:443, plug blade2\n",
        ),
        (
            format!("agent = \"fence_redfish\"\n[parameters]\nip = \"chassis\"\n{user}"),
            "fence_redfish chassis:443 is asked for its nodes\n",
        ),
        (
            format!(
                "agent = \"fence_plugs\"\nagent_directories = [{folder:?}]\nhostlist = \"node1\"\n\
                 [parameters]\nip = \"pdu\"\nplugs = \"/nowhere\"\n"
            ),
            "node1: fence_plugs pdu, plug node1\n",
        ),
    ] {
        let run = check(&site.write("rack.toml", &text));
        assert_eq!(run.expect(0, told).stderr, "", "{text}");
    }
}

#[test]
fn what_is_wrong_is_one_line_and_exit_code_1_of_both() {
    const IPMILAN: &str = "agent = \"fence_ipmilan\"\n";
    let site = Site::new();
    let secret = |key: &str| format!("{key} = \"{PASSWORD}\"\n");
    let of_controller =
        "it is a key of the controller, and stands in its file before the first [table]";
    for (text, words) in [
        (String::new(), "missing field `agent`; it stands before the first [table]"),
        (format!("[parameters]\n{IPMILAN}"), "missing field `agent`; it stands before the first"),
        (IPMILAN.to_owned(), "fence_ipmilan cannot list machines"),
        (format!("{IPMILAN}hostlist = \"\"\n"), "hostlist names no node"),
        (format!("{IPMILAN}hostlist = \"a=\"\n"), "'a=' is neither NODE nor NODE=PLACE"),
        (
            "agent = \"fence_nobody\"\nhostlist = \"a=b\"\n".to_owned(),
            "'fence_nobody' is not there\n",
        ),
        (
            "agent = \"ipmilan\"\nhostlist = \"a=b\"\n".to_owned(),
            "the fence agent 'ipmilan' is not there; is fence_ipmilan meant?",
        ),
        (format!("{IPMILAN}hostlist = \"a=b\"\n[parameters]\ncipher = 4\n"), "xRC4"),
        (format!("{IPMILAN}mapfile = \"/nowhere/map.toml\"\n"), "cannot read /nowhere/map.toml"),
        (format!("{IPMILAN}hostlist = \"a=b\"\n[parameters\n"), "wrong.toml, line 4: "),
        (
            IPMILAN.to_owned() + &secret("password"),
            "; parameters of the fence agent stand below [parameters]",
        ),
        (format!("{IPMILAN}[parameters]\n{}", secret("hostlist")), of_controller),
        (format!("{IPMILAN}[parameters]\n{}", secret("mapfile")), of_controller),
        (
            format!("{IPMILAN}[targets.a]\nip = \"b\"\n{}", secret("keepalive")),
            "a: unknown parameter 'keepalive'; it is a key of the controller",
        ),
    ] {
        let controller = site.start_called("wrong", &text);
        let log = site.path("wrong.log");
        assert_eq!(controller.end().code(), Some(1), "{text}");
        let said = fs::read_to_string(&log).expect("a log");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(words), "{text}: {said}");
        let run = check(&site.path("wrong.toml"));
        run.expect_failure(words);
        let reason = run.stderr.trim_end().strip_prefix("stonith-controller: ").expect("its name");
        assert!(said.contains(reason), "{reason}: {said}");
        expect_untold(&(said + &run.stderr), &text);
        fs::remove_file(log).expect("it is there");
    }
    for arguments in [
        &["run"][..],
        &["fly"],
        &["run", "--config"],
        &["check"],
        &["check", "--config", "a b"],
        &["status", "a/b"],
    ] {
        let run = Agent::at(program("stonith-controller")).arguments(arguments.to_vec()).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{run:?}");
    }
}

#[test]
fn files_that_others_may_read_are_refused() {
    let site = Site::new();
    let map = site.write("map.toml", "[targets.node1]\nip = \"bmc1\"\n");
    let text = format!(
        "agent = \"fence_ipmilan\"\nmapfile = {map:?}\n[parameters]\nusername = \"a\"\npassword = \"b\"\n"
    );
    let file = site.write("rack.toml", &text);
    check(&file).expect(0, "node1: fence_ipmilan bmc1:623\n");
    for path in [&file, &map] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).expect("it is ours");
        let words = format!("{} is open to others than its owner (mode 640)", path.display());
        check(&file).expect_failure(&words);
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).expect("it is ours");
    }
}
