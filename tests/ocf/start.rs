use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::time::Duration;

use super::resource::{Resource, is_alive};
use super::{SLOW, controller_of};
use crate::support::sim::Sim;

#[test]
fn of_several_starts_at_once_all_succeed_and_there_is_one_daemon() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    let starts: Vec<_> = (0..6).map(|_| resource.agent("start").start()).collect();
    for start in starts {
        start.finish().expect(0, "");
    }
    assert_eq!(bmc.sessions(), (1, 0));
    let pid = resource.pid();
    resource.run("stop").expect(0, "");
    assert!(!is_alive(pid));
    assert_eq!(bmc.sessions(), (1, 1));
}

#[test]
fn starts_and_stops_at_once_end_in_one_or_the_other() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    let running: Vec<_> = ["start", "stop", "start", "stop"]
        .map(|action| (action, resource.within(Duration::from_secs(40), action).start()))
        .into();
    for (action, running) in running {
        let run = running.finish();
        // A start whose controller is stopped meanwhile cannot succeed.
        assert!(action == "start" || run.code == Some(0), "{action}: {run:#?}");
        assert!(matches!(run.code, Some(0 | 1)), "{action}: {run:#?}");
    }
    resource.run("stop").expect(0, "");
    resource.run("monitor").expect(7, "");
    let (opened, closed) = bmc.sessions();
    assert_eq!(opened, closed);
}

#[test]
fn with_other_parameters_the_running_one_has_to_be_stopped_first() {
    let bmc = Sim::start();
    let mut resource = controller_of([&bmc]);
    resource.start();
    let pid = resource.pid();
    // These are for the agent, and not for the daemon.
    resource.set("fence_action", "off");
    resource.set("signal_changes", "1");
    resource.start();
    resource.set("login_timeout", "3");
    for action in ["start", "reload"] {
        let run = resource.run(action);
        run.expect_failure("runs with other parameters");
        assert!(run.stderr.contains(&format!("process {pid}")), "{run:#?}");
    }
    assert!(is_alive(pid));
    let monitored = resource.run("monitor");
    monitored.expect(0, "targets: generation 1, 1 node\n");
    let other =
        format!("warning: the controller fencing:0 runs with other parameters (process {pid})");
    assert!(monitored.stderr.starts_with(&other), "{monitored:#?}");
    // By other parameters node1 may be another machine.
    let fenced = resource.fencing("node1").run();
    assert_eq!(fenced.code, Some(1), "{fenced:#?}");
    let refused = "node1: failed: the controller fencing:0 refused the request: it runs with other parameters";
    assert!(fenced.stdout.starts_with(refused), "{fenced:#?}");
    assert!(fenced.stdout.ends_with("; nothing was done\n"), "{fenced:#?}");
    resource.set("keepalive", "soon");
    let monitored = resource.run("monitor");
    monitored.expect(0, "targets: generation 1, 1 node\n");
    assert!(monitored.stderr.contains("keepalive is wrong"), "{monitored:#?}");
    resource.fencing("node1").run().expect(6, "");
    assert_eq!(bmc.commands(), []);
    resource.set("keepalive", "");
    resource.run("stop").expect(0, "");
    resource.start();
    assert_eq!(resource.run("monitor").stderr, "");
    resource.fencing("node1").run().expect(0, "node1: success\n");
}

#[test]
fn where_no_device_is_reached_it_fails_with_the_reasons_and_leaves_nothing_running() {
    let bmcs = [Sim::start(), Sim::start()];
    for bmc in &bmcs {
        bmc.with_faults(|faults| faults.silent = true);
    }
    let resource = controller_of(&bmcs);
    let run = resource.within(Duration::from_secs(12), "start").run();
    run.expect(1, "");
    assert!(run.took < Duration::from_secs(12) + SLOW, "{run:#?}");
    let lines: Vec<_> = run.stderr.lines().collect();
    assert_eq!(lines.len(), 3, "{run:#?}");
    assert!(
        lines[2].starts_with("ocf-exit-reason:none of 2 devices answers: fence_ipmilan "),
        "{run:#?}"
    );
    for (line, bmc) in lines.iter().zip(&bmcs) {
        assert!(line.starts_with("fence_ipmilan 127.0.0.1:"), "{line}");
        assert!(run.stderr.contains(&format!("127.0.0.1:{}", bmc.address().port())), "{run:#?}");
    }
    resource.run("monitor").expect(7, "");
}

/// Time does not mend it.
#[test]
fn a_wrong_password_is_told_at_once() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]).with("password", "wrong");
    let run = resource.run("start");
    run.expect_failure("ocf-exit-reason:the device does not answer: fence_ipmilan ");
    assert!(run.stderr.contains("password"), "{run:#?}");
    assert!(run.took < Duration::from_secs(10), "{run:#?}");
    resource.run("monitor").expect(7, "");
}

#[test]
fn a_socket_that_was_left_is_no_controller() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    fs::create_dir(resource.run_directory()).unwrap();
    fs::set_permissions(resource.run_directory(), fs::Permissions::from_mode(0o700)).unwrap();
    drop(UnixListener::bind(resource.socket()).unwrap());
    resource.run("monitor").expect(7, "");
    resource.run("stop").expect(0, "");
    resource
        .fencing("node1")
        .run()
        .expect(1, "node1: failed: the controller fencing:0 is not running; nothing was done\n");
    resource.start();
    resource.run("monitor").expect(0, "targets: generation 1, 1 node\n");
}

/// A file system without room for one more file, for two, for three.
#[test]
fn on_a_full_disk_it_fails_clearly_and_stop_and_monitor_work() {
    let bmc = Sim::start();
    for inodes in 1..=3 {
        let resource = controller_of([&bmc]);
        fs::create_dir(resource.run_directory()).unwrap();
        let script = format!(
            "mount -t tmpfs -o nr_inodes={inodes},mode=700 tmpfs \"$OCF_RESKEY_run_directory\" || exit 99\n\
             \"$0\" start; echo \"start $?\"; \"$0\" monitor; echo \"monitor $?\"; \"$0\" stop; echo \"stop $?\""
        );
        let in_namespace = ["--mount", "sh", "-c", &script];
        // Without the action, which the script gives.
        let agent = resource.agent("").through("unshare", &in_namespace);
        let run = agent.run();
        run.expect(0, "start 1\nmonitor 7\nstop 0\n");
        assert!(run.stderr.contains("ocf-exit-reason:"), "{run:#?}");
        assert!(run.stderr.contains("No space left on device"), "{run:#?}");
    }
    assert_eq!(bmc.sessions().0, bmc.sessions().1);
}

/// A daemon would hold them for ever: the lock of a script, a pipe whose end somebody waits for.
#[test]
fn what_the_caller_has_open_is_not_open_in_the_daemon() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    let lock = resource.write("lock", "");
    let script = format!("exec 3>'{0}' 9>'{0}'; flock 9; exec \"$0\" \"$@\"", lock.display());
    resource.agent("start").through("sh", &["-c", &script]).run().expect(0, "");
    let open = fs::read_dir(format!("/proc/{}/fd", resource.pid())).expect("it runs");
    let open: Vec<_> =
        open.flatten().filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    assert!(open.len() > 3 && !open.contains(&lock), "{open:?}");
    resource.fencing("node1").run().expect(0, "node1: success\n");
}

/// The program is found by its link: another name is another agent.
#[test]
fn any_fence_agent_can_be_behind_it() {
    let bmc = Sim::start();
    let address = bmc.address().port().to_string();
    let common = |resource: Resource| {
        resource
            .with("hostlist", "node1=127.0.0.1")
            .with("ipport", &address)
            .with("username", "admin")
            .with("password", "secret")
            .with("lanplus", "1")
    };
    for resource in [
        common(Resource::called("ilo4")),
        common(Resource::called("agent")).with("agent", "fence_ilo4"),
        common(Resource::called("agent")).with("agent", "ilo4"),
    ] {
        resource.start();
        resource.fencing("node1").run().expect(0, "node1: success\n");
    }
}

/// A program that holds nothing ready, and is run for each request.
#[test]
fn a_program_of_another_project_is_loaded_by_its_name() {
    let resource = Resource::called("toy");
    let directory = resource.path("agents");
    fs::create_dir(&directory).unwrap();
    let program = directory.join("fence_toy");
    fs::write(&program, TOY).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    // Another name for it is another agent.
    symlink(&program, directory.join("fence_other")).unwrap();
    let resource = resource
        .with("agent_directories", directory.to_str().unwrap())
        .with("ip", "10.0.0.1")
        .with("hostlist", "node1=1;node2=2");
    resource.run("validate-all").expect(0, "");
    resource.start();
    resource.run("list-fence-targets").expect(0, "node1\nnode2\n");
    resource.fencing("node2").run().expect(0, "node2: success\n");
    let run = resource.fencing("node1").run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stdout.starts_with("node1: failed: "), "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
}

/// Two plugs, the first of which cannot be switched.
const TOY: &str = r#"#!/bin/sh
if [ "$1" = -o ] && [ "$2" = metadata ]; then
    cat <<END
<?xml version="1.0" ?>
<resource-agent name="fence_toy" shortdesc="A toy" >
<longdesc>It has &lt;two&gt; plugs.</longdesc>
<vendor-url></vendor-url>
<parameters>
<parameter name="action" unique="0" required="1"><content type="string" default="reboot"  /><shortdesc lang="en">What to do</shortdesc></parameter>
<parameter name="ip" unique="0" required="1"><content type="string"  /><shortdesc lang="en">Where "it" is</shortdesc></parameter>
<parameter name="plug" unique="0" required="1"><content type="string"  /><shortdesc lang="en">Which</shortdesc></parameter>
<parameter name="speed" unique="0" required="0"><content type="select" default="slow"><option value="slow" /><option value="fast" /></content><shortdesc lang="en">How fast &amp; how slow</shortdesc></parameter>
</parameters>
<actions>
<action name="on" automatic="0"/><action name="off" /><action name="reboot" /><action name="status" />
<action name="list" /><action name="monitor" /><action name="metadata" />
</actions>
</resource-agent>
END
    exit 0
fi
input=$(cat)
case "$input" in
*action=monitor*) exit 0 ;;
*action=status*) exit 0 ;;
*plug=2*) exit 0 ;;
esac
printf 'no\033[2J plug\nat all\n' >&2
exit 1
"#;
