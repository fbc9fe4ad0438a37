//! `ocf-tester`, of Debian's package resource-agents.

use crate::support::agent::Agent;
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};
use crate::support::sim::Sim;

use super::hostlist;
use super::resource::for_everybody;

#[test]
fn ocf_tester_finds_nothing_wrong_with_ipmilan() {
    let bmcs = [Sim::start(), Sim::start()];
    passes(
        "ipmilan",
        &[
            ("hostlist", &hostlist(&bmcs)),
            ("username", "admin"),
            ("password", "secret"),
            ("lanplus", "1"),
        ],
    );
    for bmc in &bmcs {
        let (opened, closed) = bmc.sessions();
        assert!(opened > 0 && opened == closed, "{opened} opened, {closed} closed");
        assert_eq!(bmc.commands(), []);
    }
}

#[test]
fn ocf_tester_finds_nothing_wrong_with_redfish() {
    let bmc = RedfishSim::start_at("127.0.0.1:0", |_| {});
    let port = bmc.address().port();
    passes(
        "redfish",
        &[
            ("hostlist", &format!("node1=127.0.0.1:{port}")),
            ("username", USER),
            ("password", PASSWORD),
            ("ssl_insecure", "1"),
        ],
    );
}

fn passes(name: &str, parameters: &[(&str, &str)]) {
    let (folder, program) = for_everybody(name);
    let run_directory = folder.path().join("run").display().to_string();
    let mut arguments = vec!["-n".to_owned(), "fencing".to_owned()];
    for (name, value) in parameters.iter().chain(&[("run_directory", run_directory.as_str())]) {
        arguments.extend(["-o".to_owned(), format!("{name}={value}")]);
    }
    arguments.push(program.display().to_string());
    let run = Agent::at("/usr/sbin/ocf-tester").arguments(arguments).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert!(run.stdout.ends_with(&format!("{} passed all tests\n", program.display())), "{run:#?}");
    // Whatever is missing is optional.
    let remarks = run.stdout.lines().filter(|line| line.starts_with('*'));
    let remarks: Vec<_> = remarks.filter(|line| !line.ends_with("(optional)")).collect();
    assert_eq!(remarks, [""; 0], "{run:#?}");
    assert_eq!(run.stderr, "", "{run:#?}");
}
