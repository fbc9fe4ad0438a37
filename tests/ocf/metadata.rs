use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use roxmltree::{Document, Node, ParsingOptions};

use super::resource::{Resource, for_everybody};
use crate::support::agent::Agent;
use crate::support::peers::folder_of;

/// Of our own agents, of those of other projects, and of none yet.
const NAMES: &[&str] =
    &["ipmilan", "redfish", "ilo4", "agent", "apc_snmp", "dummy", "virsh", "vmware_rest"];

/// A parameter, its type, and its default.
type Content = (&'static str, &'static str, Option<&'static str>);

fn metadata_of(name: &str) -> String {
    let resource = Resource::called(name);
    // The action is all that there is.
    let run = Agent::at(resource.path(name)).arguments(["meta-data"]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}: {run:#?}");
    run.stdout
}

fn parsed(text: &str) -> Document<'_> {
    let options = ParsingOptions { allow_dtd: true, ..Default::default() };
    Document::parse_with_options(text, options).expect("XML")
}

#[test]
fn they_are_valid_by_the_dtd_of_the_ocf() {
    for name in NAMES {
        let text = metadata_of(name);
        assert!(text.contains("<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">"));
        validate(name, &text, |file| {
            let mut lint = Command::new("xmllint");
            lint.args(["--noout", "--valid"]).arg(file).current_dir("/usr/share/resource-agents");
            lint
        });
    }
}

/// pcs refuses an agent whose metadata its schema does not accept.
#[test]
fn the_schemas_of_pcs_accept_them() {
    let folder = folder_of("PCS").join("usr/share/pcs/data");
    for name in NAMES {
        let text = metadata_of(name);
        for schema in ["ocf-1.0.rng", "ocf-1.1.rng"] {
            validate(name, &text, |file| {
                let mut lint = Command::new("xmllint");
                let schema = folder.join(schema);
                lint.args(["--noout", "--relaxng"]).arg(schema).arg(file);
                lint
            });
        }
    }
}

#[track_caller]
fn validate(name: &str, text: &str, lint: impl FnOnce(&Path) -> Command) {
    let folder = tempfile::tempdir().unwrap();
    // Where xmllint would look for the DTD.
    let file = folder.path().join("metadata.xml");
    fs::write(&file, text.replace("SYSTEM \"", "SYSTEM \"/usr/share/resource-agents/")).unwrap();
    let output = lint(&file).output().expect("xmllint runs");
    assert!(output.status.success(), "{name}: {output:?}\n{text}");
}

/// As pacemaker asks for them: as a user without rights, and several times at once.
#[test]
fn they_are_the_same_for_anybody() {
    for name in ["ipmilan", "dummy"] {
        let (_folder, program) = for_everybody(name);
        let agent = Agent::at(&program)
            .arguments(["meta-data"])
            .through("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
            .through("env", &["-i"]);
        let running: Vec<_> = (0..4).map(|_| agent.start()).collect();
        let expected = metadata_of(name);
        for run in running.into_iter().map(|agent| agent.finish()) {
            run.expect(0, &expected);
            assert_eq!(run.stderr, "");
        }
    }
}

#[test]
fn they_have_the_parameters_of_the_controller_and_of_the_fence_agent() {
    let own = [
        "hostlist",
        "mapfile",
        "fence_action",
        "keepalive",
        "signal_changes",
        "verbose_level",
        "run_directory",
        "agent_directories",
    ];
    let some: &[(&str, &[Content])] = &[
        (
            "ipmilan",
            &[
                ("lanplus", "boolean", Some("0")),
                ("ipport", "integer", Some("623")),
                ("power_timeout", "integer", Some("20")),
                ("password", "string", None),
                ("privlvl", "string", Some("administrator")),
            ],
        ),
        ("ilo4", &[("lanplus", "boolean", Some("1"))]),
        ("redfish", &[("ssl_insecure", "boolean", None), ("systems_uri", "string", None)]),
        (
            "apc_snmp",
            &[("community", "string", Some("private")), ("snmp_version", "string", Some("1"))],
        ),
        ("agent", &[("agent", "string", None)]),
    ];
    for (name, some) in some {
        let text = metadata_of(name);
        let document = parsed(&text);
        let root = document.root_element();
        assert_eq!(root.attribute("name"), Some(*name));
        let parameters: BTreeMap<_, _> = parameters(root).collect();
        for own in own {
            assert!(parameters.contains_key(own), "{name}: {own}");
        }
        for (parameter, content, default) in *some {
            assert_eq!(
                parameters.get(parameter),
                Some(&(*content, *default)),
                "{name}: {parameter}"
            );
        }
        for hidden in
            ["action", "plug", "port", "verbose", "quiet", "debug_file", "help", "version"]
        {
            assert!(!parameters.contains_key(hidden), "{name}: {hidden}");
        }
        let required = root.descendants().filter(|node| node.attribute("required") == Some("1"));
        let required: Vec<_> = required.filter_map(|node| node.attribute("name")).collect();
        assert_eq!(required, if *name == "agent" { &["agent"][..] } else { &[] });
    }
    // Where it is known which one it is, `agent` tells of it, too.
    let resource = Resource::called("agent").with("agent", "fence_ilo4");
    let run = resource.run("meta-data");
    assert_eq!(run.code, Some(0));
    assert!(parameters(parsed(&run.stdout).root_element()).any(|(name, _)| name == "lanplus"));
}

fn parameters<'a>(
    root: Node<'a, 'a>,
) -> impl Iterator<Item = (&'a str, (&'a str, Option<&'a str>))> {
    let parameters = root.descendants().filter(|node| node.has_tag_name("parameter"));
    parameters.map(|parameter| {
        let described = parameter.children().filter(|node| node.is_element());
        let described: Vec<_> = described.map(|node| (node.tag_name().name(), node)).collect();
        let names: Vec<_> = described.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["longdesc", "shortdesc", "content"]);
        assert!(
            described[..2].iter().all(|(_, node)| node.text().is_some_and(|text| !text.is_empty()))
        );
        let content = described[2].1;
        let name = parameter.attribute("name").expect("a name");
        (name, (content.attribute("type").expect("a type"), content.attribute("default")))
    })
}

/// Pacemaker takes an agent with a reload for one that takes over changed parameters while it runs.
#[test]
fn they_tell_of_no_reload() {
    let text = metadata_of("ipmilan");
    let document = parsed(&text);
    let actions = document.descendants().filter(|node| node.has_tag_name("action"));
    let actions: Vec<_> = actions.filter_map(|action| action.attribute("name")).collect();
    let expected =
        ["start", "stop", "monitor", "monitor", "monitor", "status", "validate-all", "meta-data"];
    assert_eq!(actions, expected);
}

#[test]
fn an_agent_that_is_not_there_has_none() {
    let run = Resource::called("nowhere").run("meta-data");
    run.expect(5, "");
    assert!(run.stderr.contains("fence_nowhere"), "{run:#?}");
}
