//! `fencectl agents`.

use super::{expect_refusal, fencectl};

#[test]
fn the_native_agents_are_listed() {
    let run = fencectl(&["agents", "--provider", "native"]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
    for name in ["fence_ipmilan", "fence_ilo4", "fence_redfish"] {
        assert!(run.stdout.contains(&format!("\n{name} ")), "{run:#?}");
    }
    assert!(run.stdout.starts_with("NAME "), "{run:#?}");
}

#[test]
fn the_agents_of_the_machine_are_listed_and_those_that_do_not_load_are_told_of() {
    let run = fencectl(&["agents", "-v"]).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    for line in ["\nfence_dummy ", "\nfence_apc ", "\nfence_virsh "] {
        assert!(run.stdout.contains(line), "{line:?}: {run:#?}");
    }
    assert!(run.stdout.lines().filter(|line| line.starts_with("fence_ipmilan ")).count() == 2);
    for line in run.stderr.lines() {
        assert!(line.starts_with("fencectl: fence_"), "{line}");
    }
}

#[test]
fn an_agent_is_described_with_all_its_parameters() {
    let run = fencectl(&["agents", "fence_ilo3"]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{run:#?}");
    for words in [
        "fence_ilo3: ",
        "\n  ip, ipaddr: text\n      Address or host name of the BMC.\n",
        "\n  power_wait: seconds, default 4\n",
        "\n  password, passwd: secret\n",
        "\n  method: one of onoff, cycle, default onoff\n",
        "\nActions: on, off, reboot, ",
    ] {
        assert!(run.stdout.contains(words), "{words:?}: {}", run.stdout);
    }
}

#[test]
fn json_describes_an_agent_in_a_line() {
    let run = fencectl(&["agents", "--json", "fence_redfish"]).run();
    let agent: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(agent["name"], "fence_redfish");
    assert_eq!(agent["plug"], "optional");
    let parameters = agent["parameters"].as_array().unwrap();
    let parameter = |name: &str| parameters.iter().find(|one| one["name"] == name).unwrap();
    assert_eq!(parameter("password")["type"], "secret");
    assert_eq!(parameter("username")["required"], true);
    assert_eq!(parameter("method")["choices"][1], "cycle");
}

#[test]
fn who_is_unknown_is_told_so() {
    expect_refusal(
        &fencectl(&["agents", "fence_nothing"]).run(),
        "there is no agent 'fence_nothing'",
    );
    expect_refusal(
        &fencectl(&["agents", "--provider", "x"]).run(),
        "there is no provider 'x': they are native and redhat",
    );
}
