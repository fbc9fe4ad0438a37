use std::collections::{BTreeMap, BTreeSet};

use roxmltree::Node;

use super::{child, child_text, is_true, line};
use crate::{Argument, Getopt, Kind, Parameter, Text};

/// The parameters. Where one obsoletes another that is deprecated, the two are one, with an old name.
pub(super) fn read<'a, 'input: 'a>(
    nodes: impl Iterator<Item = Node<'a, 'input>>,
) -> Vec<Parameter> {
    let mut rows = Vec::new();
    let mut names = BTreeSet::new();
    for row in nodes.filter_map(Row::read) {
        if names.insert(row.name) {
            rows.push(row);
        }
    }
    let obsolete: BTreeSet<_> = rows.iter().filter_map(|row| row.obsoletes).collect();
    let (old, new): (Vec<_>, Vec<_>) =
        rows.into_iter().partition(|row| row.is_deprecated && obsolete.contains(row.name));
    let old: BTreeMap<_, _> = old.iter().map(|row| (row.name, row)).collect();
    let kept: BTreeSet<_> = new.iter().map(|row| row.name).collect();
    let parameter = |row: &Row<'_>| {
        let old_name = row.obsoletes.filter(|name| !kept.contains(name));
        row.parameter(old_name, old_name.and_then(|name| old.get(name).copied()))
    };
    new.iter().map(parameter).collect()
}

/// One `parameter` element.
struct Row<'a> {
    name: &'a str,
    obsoletes: Option<&'a str>,
    is_deprecated: bool,
    is_required: bool,
    kind: Kind,
    default: Option<&'a str>,
    option: &'a str,
    help: &'a str,
}

impl<'a> Row<'a> {
    fn read(node: Node<'a, '_>) -> Option<Self> {
        let name = node.attribute("name").filter(|name| is_name(name))?;
        let content = child(node, "content");
        Some(Self {
            name,
            obsoletes: node.attribute("obsoletes").filter(|old| is_name(old) && *old != name),
            is_deprecated: is_true(node, "deprecated"),
            is_required: is_true(node, "required"),
            kind: content.map_or_else(|| text_kind(name), |content| kind(name, content)),
            default: content.and_then(|content| content.attribute("default")),
            option: child(node, "getopt").and_then(|node| node.attribute("mixed")).unwrap_or(""),
            help: child_text(node, "shortdesc"),
        })
    }

    /// The parameter that this and what it has replaced are.
    fn parameter(&self, old_name: Option<&str>, old: Option<&Self>) -> Parameter {
        Parameter {
            old_name: old_name.map(|name| name.to_owned().into()),
            // An empty value is no value.
            default: self
                .default
                .or_else(|| old?.default)
                .filter(|default| !default.is_empty())
                .map(|default| default.to_owned().into()),
            required: self.is_required || old.is_some_and(|old| old.is_required),
            getopt: getopt(self.name, self.option, &self.kind),
            help: line(self.help),
            ..Parameter::new(self.name.to_owned(), self.kind.clone())
        }
    }
}

/// Whether it can be the name in a line `name=value`.
fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '=' || c.is_whitespace() || c.is_control())
}

fn kind(name: &str, content: Node<'_, '_>) -> Kind {
    match content.attribute("type") {
        Some("boolean") => Kind::Boolean,
        Some("integer") => Kind::Integer,
        Some("second") => Kind::Seconds,
        Some("select") => select(content),
        None | Some("string") => text_kind(name),
        Some(other) => {
            log::warn!("{name} is of the unknown type '{}', taken for text", other.escape_debug());
            text_kind(name)
        }
    }
}

fn select(content: Node<'_, '_>) -> Kind {
    let options = content.children().filter(|node| node.has_tag_name("option"));
    let words: Vec<Text> = options
        .filter_map(|option| option.attribute("value"))
        .map(|word| word.to_owned().into())
        .collect();
    // A choice from nothing would let nothing in.
    if words.is_empty() { Kind::String } else { Kind::Select(words) }
}

/// The metadata have no type for secrets: they are known by their names.
fn text_kind(name: &str) -> Kind {
    let name = name.to_ascii_lowercase().replace('-', "_");
    let is_place = ["_script", "_file", "_path"].iter().any(|end| name.ends_with(end));
    let is_secret = ["passw", "passphrase", "secret"].iter().any(|part| name.contains(part))
        || ["token", "apikey", "api_key", "access_key"].iter().any(|end| name.ends_with(end))
        || ["community", "hexadecimal_kg"].contains(&&*name);
    if is_secret && !is_place { Kind::Secret } else { Kind::String }
}

/// `-a, --ip=[ip]`; older agents write `--ip=<ip>`, and `-o <action>`.
fn getopt(name: &str, mixed: &str, kind: &Kind) -> Getopt {
    let (before, long) = mixed.split_once("--").unwrap_or((mixed, ""));
    let short = before.trim_start().strip_prefix('-').and_then(|rest| rest.chars().next());
    let end = long.find(|c: char| c == '=' || c == '[' || c.is_whitespace()).unwrap_or(long.len());
    let (long, argument) = long.split_at_checked(end).unwrap_or((long, ""));
    let long = if long.is_empty() { name.replace('_', "-") } else { long.to_owned() };
    Getopt { short, long: long.into(), argument: argument_of(argument, kind) }
}

fn argument_of(text: &str, kind: &Kind) -> Argument {
    let text = text.trim_start_matches('=').trim();
    let inner = |open, close| text.strip_prefix(open)?.strip_suffix(close);
    let text = inner('[', ']').or_else(|| inner('<', '>')).unwrap_or(text);
    match kind {
        Kind::Boolean if text.is_empty() => Argument::None,
        _ if text.is_empty() => Argument::Unnamed,
        _ => Argument::Named(line(text)),
    }
}
