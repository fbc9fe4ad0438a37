use std::collections::BTreeSet;

use super::resource::{Resource, is_alive};
use super::{controller_of, ports};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::sim::Sim;

/// BMCs by people who know nothing of us, and some of ours.
#[test]
fn from_validation_to_the_end_with_five_bmcs() {
    let theirs = [IpmiSim::start(), IpmiSim::start()];
    let ours = [Sim::start(), Sim::start(), Sim::start()];
    ours[0].with_faults(|faults| faults.silent = true);
    let ports =
        ports(theirs.iter().map(IpmiSim::port).chain(ours.iter().map(|bmc| bmc.address().port())));
    let resource = Resource::called("ipmilan")
        .with("hostlist", &ports)
        .with("username", "admin")
        .with("password", "secret")
        .with("lanplus", "1")
        .with("cipher", "3");

    resource.run("validate-all").expect(0, "");
    assert_eq!(ours[1].sessions(), (0, 0), "validation asks no device");
    resource.run("monitor").expect(7, "");
    resource.start();
    resource.start();
    let pid = resource.pid();
    let monitored = resource.run("monitor");
    monitored.expect(0, "targets: generation 1, 5 nodes\n");
    resource.run("status").expect(0, "targets: generation 1, 5 nodes\n");
    let nodes = "node1\nnode2\nnode3\nnode4\nnode5\n";
    resource.run("list-fence-targets").expect(0, nodes);

    let fenced = resource.fencing("node1,node3,node4").run();
    assert_eq!(fenced.code, Some(0), "{fenced:#?}");
    let lines: BTreeSet<_> = fenced.stdout.lines().collect();
    assert_eq!(lines.len(), 3, "{fenced:#?}");
    for success in ["node1: success", "node4: success"] {
        assert!(lines.contains(success), "{fenced:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("node3: failed: ")), "{fenced:#?}");
    let mut commands = theirs[0].commands();
    // One that is slow is told twice.
    commands.dedup();
    assert_eq!(commands, ["set power 0", "set power 1"]);
    assert_eq!(theirs[1].commands(), [""; 0]);
    assert!(ours[1].commands().len() >= 2);
    assert_eq!(ours[2].commands(), []);

    resource.run("reload").expect(0, "targets: generation 1, 5 nodes\n");
    assert_eq!(resource.pid(), pid, "it is still the first one");
    resource.run("stop").expect(0, "");
    assert!(!is_alive(pid));
    for bmc in &ours[1..] {
        assert_eq!(bmc.sessions(), (1, 1), "one session, given back");
    }
    resource.run("stop").expect(0, "");
    resource.run("monitor").expect(7, "");
    resource.run("list-fence-targets").expect(7, "");
}

#[test]
fn a_killed_one_is_not_running_and_the_next_start_works() {
    let bmc = Sim::start();
    let resource = controller_of([&bmc]);
    for _ in 0..2 {
        resource.start();
        resource.signal("KILL");
        resource.run("monitor").expect(7, "");
        assert!(resource.socket().exists(), "it had no time to remove it");
    }
    resource.run("stop").expect(0, "");
    resource.start();
    resource.fencing("node1").run().expect(0, "node1: success\n");
}
