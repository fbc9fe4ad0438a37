use std::fs;
use std::path::Path;
use std::process::Command;

use bmc_sim::User;

use super::controller_of;
use crate::support::sim::Sim;

const SECRET: &str = "Vr8tQm2xZp5w";

/// The environment and the command line of a process can be read by others, and its files by root.
#[test]
fn the_daemon_gets_them_by_a_pipe_and_shows_them_nowhere() {
    let bmc = Sim::start_with(|config| {
        config.users = vec![User::administrator("admin", SECRET).expect("a user")];
    });
    let mut resource = controller_of([&bmc]).with("password", SECRET).with("verbose_level", "2");
    let mut said = Vec::new();
    for action in
        ["meta-data", "validate-all", "start", "start", "monitor", "list-fence-targets", "reload"]
    {
        said.push(resource.run(action));
    }
    said.push(resource.agent("monitor").environment("OCF_CHECK_LEVEL", "20").run());
    said.push(resource.fencing("node1").run());
    said.push(resource.fencing("node7").run());

    let process = format!("/proc/{}", resource.pid());
    let process = Path::new(&process);
    let environment = fs::read(process.join("environ")).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    let names: Vec<_> = environment
        .split_terminator('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["PATH"]);
    let command_line = fs::read(process.join("cmdline")).unwrap();
    assert_eq!(command_line, b"stonith-controller\0run\0--config\0-\0");
    for descriptor in [0, 1] {
        let target = fs::read_link(process.join(format!("fd/{descriptor}"))).unwrap();
        assert!(target.to_str().unwrap().starts_with("pipe:"), "{}", target.display());
    }
    assert_eq!(fs::read_link(process.join("fd/2")).unwrap(), Path::new("/dev/null"));
    assert_eq!(fs::read_link(process.join("cwd")).unwrap(), Path::new("/"));
    // Who ends the agent's process group does not end the daemon.
    let session = Command::new("ps")
        .args(["-o", "sid=", "-p", &resource.pid().to_string()])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&session.stdout).trim(), resource.pid().to_string());
    for entry in fs::read_dir(resource.run_directory()).unwrap() {
        let text = fs::read(entry.unwrap().path()).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(SECRET));
    }

    // Misplaced ones.
    resource.set("keepalive", SECRET);
    said.push(resource.run("start"));
    resource.set("keepalive", "20");
    resource.set("lanplus", SECRET);
    said.push(resource.run("start"));
    said.push(resource.run("validate-all"));
    resource.set("lanplus", "1");
    resource.set("password", &format!("{SECRET}x"));
    said.push(resource.run("start"));
    said.push(resource.run("stop"));
    said.push(resource.run("start"));
    for run in said {
        assert!(!run.stdout.contains(SECRET) && !run.stderr.contains(SECRET), "{run:#?}");
    }
}
