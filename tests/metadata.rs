//! The metadata, which pacemaker, pcs and others read, against those of Debian's Python agent and against the schemas.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use roxmltree::{Document, Node};

use crate::support::agent::{Agent, names};
use crate::support::peers::folder_of;

/// Parameters that the Python agent does not have; see docs/differences.md.
fn own_parameters(agent: &str) -> &'static [&'static str] {
    match agent {
        "fence_redfish" => &["graceful_off", "method", "ssl_ca_bundle", "ssl_fingerprint"],
        _ => &[
            "target_channel",
            "target_lun",
            "transit",
            "transit_channel",
            "unverified_cycle",
            "workarounds",
        ],
    }
}

/// Agreement on so many words is no agreement on a sentence.
const FEW_WORDS: usize = 3;

#[test]
fn all_but_the_descriptions_are_those_of_the_python_agent() {
    for name in &names() {
        let python = Described::by(&Agent::python(name));
        let mut ours = Described::by(&Agent::ours_called(name));
        for own in own_parameters(name) {
            assert!(ours.parameters.remove(*own).is_some(), "{name} has no {own}");
        }
        assert_eq!(ours, python, "{name}");
    }
}

/// The Python agent's descriptions are under the GPL.
#[test]
fn no_description_is_copied_from_the_python_agent() {
    for name in &names() {
        let theirs = sentences(&metadata_of(&Agent::python(name)));
        let ours = sentences(&metadata_of(&Agent::ours_called(name)));
        let is_long = |sentence: &&String| sentence.split(' ').count() > FEW_WORDS;
        let copied: Vec<_> = ours.intersection(&theirs).filter(is_long).collect();
        assert_eq!(copied, [""; 0], "{name}");
    }
}

#[test]
fn every_parameter_and_agent_is_described() {
    for name in &names() {
        let text = metadata_of(&Agent::ours_called(name));
        let document = Document::parse(&text).expect("XML");
        let root = document.root_element();
        assert!(root.attribute("shortdesc").is_some_and(|text| !text.is_empty()));
        assert!(child(root, "longdesc").text().is_some_and(|text| !text.is_empty()));
        for parameter in children(child(root, "parameters"), "parameter") {
            let description = child(parameter, "shortdesc");
            assert_eq!(description.attribute("lang"), Some("en"));
            assert!(description.text().is_some_and(|text| !text.is_empty()), "{parameter:?}");
        }
    }
}

#[test]
fn the_schema_of_fence_agents_accepts_them() {
    assert_valid(&schema_of_fence_agents());
}

/// pcs takes metadata that name no OCF version for 1.0, and refuses an agent whose metadata its schema does not accept.
#[test]
fn the_schema_of_pcs_accepts_them() {
    for name in &names() {
        let text = metadata_of(&Agent::ours_called(name));
        let document = Document::parse(&text).expect("XML");
        assert!(children(document.root_element(), "version").next().is_none());
    }
    assert_valid(&schema_of_pcs());
}

/// As pacemaker-controld asks for them: several at a time, as a user without any rights.
#[test]
fn they_are_the_same_for_anybody_and_eight_at_once() {
    let folder = tempfile::tempdir().unwrap();
    for name in &names() {
        let agent = Agent::for_anybody(&folder, name)
            .lines(["action=metadata"])
            .environment("PCMK_service", "pacemaker-controld")
            .through("setpriv", &["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        let expected = metadata_of(&Agent::ours_called(name));
        let running: Vec<_> = (0..8).map(|_| agent.start()).collect();
        for run in running.into_iter().map(|agent| agent.finish()) {
            run.expect(0, &expected);
            assert_eq!(run.stderr, "");
        }
    }
}

#[test]
fn however_they_are_asked_for_they_are_the_same() {
    for agent in [Agent::ours(), Agent::redfish()] {
        let expected = metadata_of(&agent);
        for lines in [&["action=meta-data"][..], &["action=manpage"], &["action=METADATA", "ip="]] {
            agent.clone().lines(lines).run().expect(0, &expected);
        }
        for arguments in [&["-o", "metadata"][..], &["--action=metadata"], &["-o", "manpage"]] {
            agent.clone().arguments(arguments.to_vec()).run().expect(0, &expected);
        }
    }
}

#[test]
fn help_lists_every_parameter() {
    for name in &names() {
        let agent = Agent::ours_called(name);
        let help = agent.clone().arguments(["--help"]).run();
        assert_eq!((help.code, help.stderr.as_str()), (Some(0), ""), "{help:#?}");
        for (parameter, Parameter { getopt, .. }) in Described::by(&agent).parameters {
            assert!(help.stdout.contains(&getopt), "{name}, {parameter}: {help:#?}");
        }
    }
}

/// What a program can make of metadata: all but the descriptions.
#[derive(Debug, PartialEq, Eq)]
struct Described {
    name: String,
    other_names: Vec<String>,
    vendor_url: Option<String>,
    parameters: BTreeMap<String, Parameter>,
    actions: Vec<BTreeMap<String, String>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Parameter {
    /// `unique`, `required`, `obsoletes`, `deprecated`.
    attributes: BTreeMap<String, String>,
    getopt: String,
    /// `type`, `default`.
    content: BTreeMap<String, String>,
    options: Vec<String>,
}

impl Described {
    fn by(agent: &Agent) -> Self {
        let text = metadata_of(agent);
        let document = Document::parse(&text).expect("XML");
        let root = document.root_element();
        let name = |node: Node<'_, '_>| node.attribute("name").expect("a name").to_owned();
        let parameters: Vec<_> = children(child(root, "parameters"), "parameter").collect();
        let described = Self {
            name: name(root),
            other_names: children(root, "symlink").map(name).collect(),
            vendor_url: child(root, "vendor-url").text().map(str::to_owned),
            parameters: parameters.iter().map(|node| (name(*node), Parameter::of(*node))).collect(),
            actions: children(child(root, "actions"), "action").map(attributes).collect(),
        };
        assert_eq!(described.parameters.len(), parameters.len(), "a name is there twice");
        described
    }
}

impl Parameter {
    fn of(node: Node<'_, '_>) -> Self {
        let content = child(node, "content");
        let option = |node: Node<'_, '_>| node.attribute("value").expect("a value").to_owned();
        let mut attributes = attributes(node);
        attributes.remove("name");
        Self {
            attributes,
            getopt: child(node, "getopt").attribute("mixed").expect("a getopt").to_owned(),
            content: self::attributes(content),
            options: children(content, "option").map(option).collect(),
        }
    }
}

fn metadata_of(agent: &Agent) -> String {
    let run = agent.clone().lines(["action=metadata"]).run();
    assert_eq!(run.code, Some(0), "{run:#?}");
    run.stdout
}

fn children<'a, 'i>(
    node: Node<'a, 'i>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 'i>> + use<'a, 'i> {
    node.children().filter(move |child| child.has_tag_name(name))
}

#[track_caller]
fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Node<'a, 'i> {
    children(node, name).next().unwrap_or_else(|| panic!("no {name} in {node:?}"))
}

fn attributes(node: Node<'_, '_>) -> BTreeMap<String, String> {
    node.attributes().map(|it| (it.name().to_owned(), it.value().to_owned())).collect()
}

/// All sentences of all descriptions, in small letters and without punctuation.
fn sentences(metadata: &str) -> BTreeSet<String> {
    let document = Document::parse(metadata).expect("XML");
    let texts = document.descendants().flat_map(|node| {
        let is_description = node.has_tag_name("shortdesc") || node.has_tag_name("longdesc");
        [node.attribute("shortdesc"), node.text().filter(|_| is_description)]
    });
    let is_word = |letter: char| letter.is_alphanumeric();
    let plain = |sentence: &str| {
        let words = sentence.split(|letter| !is_word(letter)).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ").to_lowercase()
    };
    texts.flatten().flat_map(|text| text.split(['.', '!', ':', ';', '('])).map(plain).collect()
}

fn assert_valid(schema: &Path) {
    for name in &names() {
        assert_accepted_by(schema, name, &metadata_of(&Agent::ours_called(name)));
    }
}

/// Both schemas accept these metadata.
#[track_caller]
pub fn assert_accepted(name: &str, text: &str) {
    for schema in [schema_of_fence_agents(), schema_of_pcs()] {
        assert_accepted_by(&schema, name, text);
    }
}

fn schema_of_fence_agents() -> PathBuf {
    "/usr/share/cluster/relaxng/metadata.rng".into()
}

fn schema_of_pcs() -> PathBuf {
    folder_of("PCS").join("usr/share/pcs/data/ocf-1.0.rng")
}

#[track_caller]
fn assert_accepted_by(schema: &Path, name: &str, text: &str) {
    assert!(schema.exists(), "{} is not there: run ./tests/run", schema.display());
    let folder = tempfile::tempdir().unwrap();
    let document = folder.path().join(name);
    fs::write(&document, text).unwrap();
    let xmllint = Command::new("xmllint")
        .args(["--noout", "--relaxng"])
        .args([schema, &document])
        .output()
        .expect("xmllint starts: run ./tests/run, which installs it");
    assert!(xmllint.status.success(), "{name}: {xmllint:#?}");
}
