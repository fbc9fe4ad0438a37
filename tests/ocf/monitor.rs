use std::time::Duration;

use super::controller_of;
use super::resource::Resource;
use crate::support::sim::Sim;

fn at_level(resource: &Resource, level: &str) -> crate::support::agent::Run {
    resource.within(Duration::from_secs(10), "monitor").environment("OCF_CHECK_LEVEL", level).run()
}

#[test]
fn each_level_looks_deeper() {
    let bmcs = [Sim::start(), Sim::start()];
    let resource = controller_of(&bmcs).with("keepalive", "3600");
    resource.start();
    let healthy = "targets: generation 1, 2 nodes\n";
    for level in ["", "0", "10", "20"] {
        let run = at_level(&resource, level);
        run.expect(0, healthy);
        assert_eq!(run.stderr, "", "level {level}");
    }
    bmcs[1].with_faults(|faults| faults.silent = true);
    // Nobody has noticed yet.
    assert_eq!(at_level(&resource, "0").expect(0, healthy).stderr, "");
    let asked = at_level(&resource, "10");
    asked.expect(0, healthy);
    assert_eq!(asked.stderr.lines().count(), 1, "{asked:#?}");
    let warning = format!("warning: fence_ipmilan 127.0.0.1:{}: ", bmcs[1].address().port());
    assert!(asked.stderr.starts_with(&warning), "{asked:#?}");
    let known = at_level(&resource, "0");
    known.expect(0, healthy);
    assert!(known.stderr.starts_with(&warning), "{known:#?}");
    let all = at_level(&resource, "20");
    all.expect(1, healthy);
    assert!(all.stderr.ends_with("ocf-exit-reason:1 of 2 devices do not answer\n"), "{all:#?}");

    bmcs[0].with_faults(|faults| faults.silent = true);
    let none = at_level(&resource, "10");
    none.expect(1, healthy);
    assert!(none.stderr.contains("ocf-exit-reason:none of 2 devices answers: "), "{none:#?}");
    let none = at_level(&resource, "0");
    none.expect(1, healthy);
    assert!(none.stderr.contains("ocf-exit-reason:none of 2 devices answers: "), "{none:#?}");

    for bmc in &bmcs {
        bmc.with_faults(|faults| faults.silent = false);
    }
    at_level(&resource, "20").expect(0, healthy);
    at_level(&resource, "deep").expect(2, "");
}

#[test]
fn a_change_of_the_targets_is_told_once_and_a_mistake_changes_nothing() {
    let bmcs = [Sim::start(), Sim::start()];
    let place = |bmc: &Sim| format!("ip = \"127.0.0.1\"\nipport = {}\n", bmc.address().port());
    let one = format!("[targets.node1]\n{}", place(&bmcs[0]));
    let two = format!("{one}[targets.node2]\n{}", place(&bmcs[1]));
    let resource = Resource::called("ipmilan")
        .with("username", "admin")
        .with("password", "secret")
        .with("lanplus", "1");
    let map = resource.write("map.toml", &one);
    let mut resource = resource.with("mapfile", map.to_str().unwrap());
    resource.start();
    resource.run("monitor").expect(0, "targets: generation 1, 1 node\n");

    resource.write("map.toml", &two);
    resource.run("monitor").expect(0, "targets: generation 2, 2 nodes, changed\n");
    resource.run("monitor").expect(0, "targets: generation 2, 2 nodes\n");

    resource.set("signal_changes", "1");
    resource.write("map.toml", &one);
    resource.run("monitor").expect(190, "targets: generation 3, 1 node, changed\n");
    resource.run("monitor").expect(0, "targets: generation 3, 1 node\n");
    resource.run("list-fence-targets").expect(0, "node1\n");

    resource.write("map.toml", "[targets.node1]\nip = \n");
    let run = resource.run("monitor");
    run.expect(0, "targets: generation 3, 1 node\n");
    assert!(run.stderr.starts_with("the targets are those of before: "), "{run:#?}");
    assert!(run.stderr.contains("map.toml, line 2"), "{run:#?}");
    let run = resource.run("reload");
    run.expect(1, "targets: generation 3, 1 node\n");
    assert!(
        run.stderr.starts_with("ocf-exit-reason:the targets are those of before: "),
        "{run:#?}"
    );
    resource.run("start").expect(0, "");

    resource.write("map.toml", &two);
    resource.run("reload").expect(0, "targets: generation 4, 2 nodes\n");
    resource.run("monitor").expect(190, "targets: generation 4, 2 nodes, changed\n");
    resource.fencing("node2").run().expect(0, "node2: success\n");

    // A file that was emptied by mistake, or is being written.
    resource.write("map.toml", "");
    let run = resource.run("monitor");
    run.expect(0, "targets: generation 4, 2 nodes\n");
    assert!(run.stderr.contains("names no node"), "{run:#?}");
}
