use std::path::Path;

use super::controller_of;
use super::resource::{Resource, for_everybody};
use crate::support::agent::{Agent, Run};
use crate::support::sim::Sim;

/// The agent's name, parameters, the exit code, words of the reason.
type Case = (&'static str, &'static [(&'static str, &'static str)], i32, &'static str);

/// What is wrong is told before anything is done, with the exit code that says where it has to be mended: 2 on this
/// machine, 5 a program is missing, 6 in the configuration of the cluster.
#[test]
fn each_mistake_has_its_exit_code() {
    let bmc = Sim::start();
    let cases: &[Case] = &[
        ("ipmilan", &[("usrname", "secret")], 6, "unknown parameter 'usrname'"),
        ("ipmilan", &[("plug", "1")], 6, "plug"),
        ("ipmilan", &[("lanplus", "maybe")], 6, "lanplus"),
        ("ipmilan", &[("keepalive", "0")], 6, "keepalive"),
        ("ipmilan", &[("hostlist", " ")], 6, "hostlist names no node"),
        ("ipmilan", &[("hostlist", "node1")], 6, "node1"),
        ("ipmilan", &[("hostlist", "a=127.0.0.1 b=127.0.0.1")], 6, "same machine"),
        ("ipmilan", &[("hostlist", "")], 6, "cannot list machines"),
        ("ipmilan", &[("fence_action", "on")], 6, "fence_action"),
        ("ipmilan", &[("mapfile", "/nowhere/map"), ("hostlist", "")], 2, "/nowhere/map"),
        ("ipmilan", &[("run_directory", "run")], 6, "run_directory"),
        ("agent", &[], 6, "agent is missing"),
        ("agent", &[("agent", "fence_nowhere")], 5, "fence_nowhere"),
        ("nowhere", &[], 5, "fence_nowhere"),
    ];
    for (name, changes, code, words) in cases {
        let mut resource = Resource::called(name)
            .with("hostlist", &super::hostlist([&bmc]))
            .with("username", "admin")
            .with("password", "secret");
        changes.iter().for_each(|(name, value)| resource.set(name, value));
        for action in ["validate-all", "start"] {
            let run = resource.run(action);
            run.expect(*code, "");
            assert_eq!(run.stderr.lines().count(), 1, "{action} {name} {changes:?}: {run:#?}");
            assert!(run.stderr.starts_with("ocf-exit-reason:"), "{run:#?}");
            assert!(run.stderr.contains(words), "{action} {name} {changes:?}: {run:#?}");
            assert!(!run.stderr.contains("secret"), "{run:#?}");
        }
        // It must be able to stop whatever it was told.
        resource.set("run_directory", resource.run_directory().to_str().unwrap());
        resource.run("stop").expect(0, "");
        resource.run("monitor").expect(7, "");
    }
    assert_eq!(bmc.happened(), []);
}

#[test]
fn actions_that_there_are_not_are_told_so() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    for action in ["promote", "demote", "notify", "migrate_to", "migrate_from", "recover", "Start"]
    {
        let run = resource.run(action);
        run.expect(3, "");
        assert!(run.stderr.contains(action), "{run:#?}");
    }
    for action in ["usage", "help", "--help"] {
        let run = resource.run(action);
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
        assert!(run.stdout.starts_with("usage: ipmilan ACTION\n"), "{run:#?}");
    }
    let program = resource.path("ipmilan");
    let run = Agent::at(&program).run();
    run.expect(2, "");
    assert!(run.stderr.contains("usage: "), "{run:#?}");
    Agent::at(&program).arguments(["start", "now"]).run().expect(2, "");
}

/// A cluster that takes it for a fence agent by mistake would take the exit code of its usage for OFF.
#[test]
fn under_the_name_of_a_fence_agent_it_fails() {
    let (_folder, program) = for_everybody("fence_ipmilan");
    let run = Agent::at(program).lines(["action=status"]).run();
    run.expect_failure("no fence agent");
}

#[test]
fn without_privileges_it_says_so() {
    let bmc = Sim::start();
    let mut resource = controller_of([&bmc]);
    resource.start();
    let (_folder, program) = for_everybody("ipmilan");
    for action in ["start", "stop", "monitor"] {
        let run = by_nobody(&resource, &program, action);
        run.expect(4, "");
        assert!(run.stderr.contains("Permission denied"), "{run:#?}");
    }
    resource.run("stop").expect(0, "");
    resource.set("run_directory", "/run/not-nobodys");
    by_nobody(&resource, &program, "start").expect(4, "");
    by_nobody(&resource, &program, "stop").expect(0, "");
}

fn by_nobody(resource: &Resource, program: &Path, action: &str) -> Run {
    let agent = Agent::at(program).arguments([action]);
    let environment = resource.environment().into_iter();
    let agent = environment.fold(agent, |agent, (name, value)| agent.environment(&name, &value));
    agent.through("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).run()
}
