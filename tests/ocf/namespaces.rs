//! Agent and daemon that do not see each other's processes, as in two containers that share the run directory.

use std::time::Duration;

use super::controller_of;
use super::resource::send;
use crate::support::agent::{Agent, Run};
use crate::support::sim::Sim;

/// Runs the agent where the daemon's process has no number.
fn elsewhere(agent: Agent) -> Run {
    agent.through("unshare", &["--pid", "--fork", "--kill-child"]).run()
}

#[test]
fn a_controller_in_another_pid_namespace_is_seen() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    elsewhere(resource.agent("monitor")).expect(7, "");
    resource.start();
    let pid = resource.pid();
    elsewhere(resource.agent("monitor")).expect(0, "targets: generation 1, 1 node\n");
    elsewhere(resource.fencing("node1")).expect(0, "node1: success\n");
    elsewhere(resource.agent("start")).expect(0, "");
    assert_eq!(resource.pid(), pid, "it is still the first one");
    elsewhere(resource.agent("stop")).expect(0, "");
    resource.run("monitor").expect(7, "");
    assert_eq!(bmc.sessions(), (1, 1));
}

/// What cannot be ended is not said to have ended.
#[test]
fn one_that_does_not_listen_cannot_be_stopped_from_another_pid_namespace() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    resource.start();
    let pid = resource.signal("STOP");
    let run = elsewhere(resource.within(Duration::from_secs(4), "stop"));
    run.expect(1, "");
    let reason =
        "ocf-exit-reason:cannot send a signal to the controller, a process of another container";
    assert!(run.stderr.contains(reason), "{run:#?}");
    send(pid, "CONT");
}
