//! The metadata of an agent: XML in the manner of the OCF resource agents, in the dialect of the FenceAgentAPI.

mod parameter;
#[cfg(test)]
mod tests;

use std::mem;

use roxmltree::{Document, Node, ParsingOptions};

use super::error::MetadataError;
use super::program::Words;
use crate::{Action, Agent, AgentAction, Parameter, Plug, Text, Unfencing};

/// Far more than any agent has.
const MOST_NODES: u32 = 50_000;

/// The agent that is described, and its words. Its name is not looked at: all names of an agent may say the same one.
pub(super) fn parse(xml: &str) -> Result<(Agent, Words), MetadataError> {
    // Without a DTD there are no entities that grow.
    let options = ParsingOptions { nodes_limit: MOST_NODES, ..Default::default() };
    let document = Document::parse_with_options(xml.trim(), options)
        .map_err(|error| MetadataError::Xml(error.to_string().escape_debug().to_string()))?;
    let root = document.root_element();
    match root.tag_name().name() {
        "resource-agent" => Ok(agent(root)),
        other => Err(MetadataError::NoAgent(other.to_owned())),
    }
}

fn agent(root: Node<'_, '_>) -> (Agent, Words) {
    let mut parameters = parameter::read(grandchildren(root, "parameters", "parameter"));
    let actions: Vec<_> = grandchildren(root, "actions", "action").collect();
    let words = words(&parameters, &actions);
    for parameter in parameters.iter_mut().filter(|_| words.action == "option") {
        if parameter.name == "option" {
            parameter.old_name = Some(mem::replace(&mut parameter.name, "action".into()));
        }
    }
    let agent = Agent {
        short_description: line(root.attribute("shortdesc").unwrap_or_default()),
        long_description: printable(child_text(root, "longdesc").trim()),
        vendor_url: line(child_text(root, "vendor-url")),
        plug: plug(&parameters, &actions),
        parameters,
        actions: known(&actions),
        unfencing: unfencing(&actions),
        ..Agent::new("")
    };
    (agent, words)
}

fn words(parameters: &[Parameter], actions: &[Node<'_, '_>]) -> Words {
    let has = |name| parameters.iter().any(|parameter| parameter.name == name);
    let word =
        |new, old| if is_listed(actions, old) && !is_listed(actions, new) { old } else { new };
    Words {
        action: if has("option") && !has("action") { "option" } else { "action" },
        on: word("on", "enable"),
        off: word("off", "disable"),
    }
}

/// What the agent can do, as far as this crate has a word for it.
fn known(actions: &[Node<'_, '_>]) -> Vec<AgentAction> {
    let mut known = Vec::new();
    for name in actions.iter().filter_map(|action| action.attribute("name")) {
        match action_named(name) {
            Some(action) if !known.contains(&action) => known.push(action),
            Some(_) => {}
            None => log::debug!("an agent has the unknown action '{}'", name.escape_debug()),
        }
    }
    known
}

fn action_named(name: &str) -> Option<AgentAction> {
    match name {
        "metadata" | "meta-data" => Some(AgentAction::Metadata),
        "manpage" => Some(AgentAction::Manpage),
        "validate-all" => Some(AgentAction::ValidateAll),
        name => Action::named(name).map(AgentAction::Shown),
    }
}

fn is_listed(actions: &[Node<'_, '_>], name: &str) -> bool {
    actions.iter().any(|action| action.attribute("name") == Some(name))
}

/// Agents that choose a machine require a plug, or have a list of them. In all others it is there because callers send
/// one.
fn plug(parameters: &[Parameter], actions: &[Node<'_, '_>]) -> Plug {
    let plug = parameters.iter().find(|parameter| ["plug", "port"].contains(&&*parameter.name));
    match plug {
        Some(plug) if plug.required => Plug::Required,
        Some(_) if is_listed(actions, "list") => Plug::Chooses,
        _ => Plug::Ignored,
    }
}

fn unfencing(actions: &[Node<'_, '_>]) -> Unfencing {
    let is_on = |action: &&Node<'_, '_>| {
        action.attribute("name").and_then(Action::named) == Some(Action::On)
    };
    let says = |attribute| actions.iter().filter(is_on).any(|action| is_true(*action, attribute));
    Unfencing { automatic: says("automatic"), on_target: says("on_target") }
}

fn is_true(node: Node<'_, '_>, attribute: &str) -> bool {
    matches!(node.attribute(attribute), Some("1" | "true" | "yes"))
}

/// The elements of one name in the elements of another.
fn grandchildren<'a, 'input>(
    root: Node<'a, 'input>,
    outer: &'static str,
    inner: &'static str,
) -> impl Iterator<Item = Node<'a, 'input>> {
    let outer = root.children().filter(move |node| node.has_tag_name(outer));
    outer.flat_map(|node| node.children()).filter(move |node| node.has_tag_name(inner))
}

fn child<'a, 'input>(node: Node<'a, 'input>, name: &str) -> Option<Node<'a, 'input>> {
    node.children().find(|child| child.has_tag_name(name))
}

fn child_text<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    child(node, name).and_then(|child| child.text()).unwrap_or_default()
}

/// Text that was wrapped somewhere, in one line.
fn line(text: &str) -> Text {
    printable(&text.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// Text for a terminal.
fn printable(text: &str) -> Text {
    let is_printed = |c: &char| matches!(c, '\n' | '\t') || !c.is_control();
    text.chars().filter(is_printed).collect::<String>().into()
}
