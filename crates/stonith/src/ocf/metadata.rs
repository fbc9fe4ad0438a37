//! The metadata, which cluster shells read: XML as the OCF has it.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use fencing::{Agent, Kind, Parameter};

use super::answer::{Code, Failure, say};
use super::environment::Environment;
use super::parameters::{self, ANY_AGENT};
use crate::agents;

/// What the cluster asks for, with the time-outs that it should have, in seconds, and of a monitor its depth.
///
/// `fence`, `list-fence-targets` and `reload` are not among them: the OCF has no word for the first two, and clusters
/// take an agent that tells of the third for one that takes over changed parameters while it runs.
const ACTIONS: &[(&str, u32, Option<u32>)] = &[
    ("start", 60, None),
    ("stop", 60, None),
    ("monitor", 20, Some(0)),
    ("monitor", 30, Some(10)),
    ("monitor", 30, Some(20)),
    ("status", 20, None),
    ("validate-all", 30, None),
    ("meta-data", 30, None),
];
/// How often a monitor should be asked for, in seconds.
const INTERVAL: u32 = 60;

/// Prints the metadata under the agent's name. Where no fence agent is named yet, they have the controller's own
/// parameters alone.
pub(super) async fn print(environment: &Environment) -> Result<Code, Failure> {
    let name = environment.name();
    let agent = match environment.fence_agent() {
        Err(_) if name == ANY_AGENT => None,
        agent => {
            let (agent, directories) = (agent?, environment.agent_directories()?);
            Some(agents::described(&agent, &directories).await?)
        }
    };
    say(metadata(name, agent.as_deref()).trim_end())
}

fn metadata(name: &str, agent: Option<&Agent>) -> String {
    let mut xml = String::new();
    // Writing to a String does not fail.
    let _ = write_agent(&mut xml, name, agent);
    xml
}

fn write_agent(xml: &mut String, name: &str, agent: Option<&Agent>) -> fmt::Result {
    // Without its encoding: crmsh reads no text that names one.
    writeln!(xml, "<?xml version=\"1.0\"?>")?;
    writeln!(xml, "<!DOCTYPE resource-agent SYSTEM \"ra-api-1.dtd\">")?;
    let version = env!("CARGO_PKG_VERSION");
    writeln!(xml, "<resource-agent name=\"{}\" version=\"{version}\">", escape(name))?;
    writeln!(xml, "<version>1.1</version>")?;
    writeln!(xml, "<longdesc lang=\"en\">{}</longdesc>", escape(&description(agent)))?;
    let short = match agent {
        Some(agent) => format!("STONITH controller with {}", agent.name),
        None => "STONITH controller with any fence agent".to_owned(),
    };
    writeln!(xml, "<shortdesc lang=\"en\">{}</shortdesc>", escape(&short))?;
    writeln!(xml, "<parameters>")?;
    let own = parameters::own(name);
    let of_agent = agent.map(|agent| parameters::of(agent, &own)).unwrap_or_default();
    for parameter in own.iter().chain(of_agent.iter().copied()) {
        // What a fence agent requires may stand in the file of targets.
        let is_required = parameter.required && own.contains(parameter);
        write_parameter(xml, parameter, is_required)?;
    }
    writeln!(xml, "</parameters>")?;
    write_actions(xml)?;
    writeln!(xml, "</resource-agent>")
}

fn description(agent: Option<&Agent>) -> String {
    let own = "A daemon that holds the fence devices of many nodes ready, logged in where that is possible, watches \
               whether they can be reached, and fences nodes through them. Besides what every resource agent can do, it has \
               the actions fence (OCF_RESKEY_STONITH_NODES are the nodes, separated by commas), list-fence-targets, and \
               reload, which reads the list of nodes anew.";
    match agent.filter(|agent| !agent.long_description.is_empty()) {
        Some(agent) => {
            format!("{own}\n\nIts fence agent, {}: {}", agent.name, agent.long_description)
        }
        None => own.to_owned(),
    }
}

fn write_parameter(xml: &mut String, parameter: &Parameter, is_required: bool) -> fmt::Result {
    let (name, required) = (escape(&parameter.name), u8::from(is_required));
    writeln!(xml, "<parameter name=\"{name}\" unique=\"0\" required=\"{required}\">")?;
    let long = long_description(parameter);
    writeln!(xml, "<longdesc lang=\"en\">{}</longdesc>", escape(&long))?;
    let short = first_sentence(&long);
    writeln!(xml, "<shortdesc lang=\"en\">{}</shortdesc>", escape(short))?;
    write!(xml, "<content type=\"{}\"", content_type(&parameter.kind))?;
    if let Some(default) = &parameter.default {
        write!(xml, " default=\"{}\"", escape(default))?;
    }
    writeln!(xml, "/>")?;
    writeln!(xml, "</parameter>")
}

/// The OCF knows neither choices nor seconds, so words have to tell.
fn long_description(parameter: &Parameter) -> String {
    let help = match parameter.help.trim() {
        "" => parameter.name.replace('_', " "),
        help => help.to_owned(),
    };
    match &parameter.kind {
        Kind::Select(words) => format!("{help} One of: {}.", words.join(", ")),
        Kind::Seconds => format!("{help} In seconds."),
        _ => help,
    }
}

fn first_sentence(text: &str) -> &str {
    let end = text.match_indices(['.', ':']).map(|(end, _)| end);
    let sentence = end.filter_map(|end| text.split_at_checked(end));
    let mut sentence =
        sentence.filter(|(_, rest)| rest.chars().nth(1).is_none_or(char::is_whitespace));
    sentence.next().map_or(text, |(sentence, _)| sentence)
}

fn content_type(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::Integer | Kind::Seconds => "integer",
        Kind::String | Kind::Secret | Kind::Select(_) => "string",
    }
}

fn write_actions(xml: &mut String) -> fmt::Result {
    writeln!(xml, "<actions>")?;
    for (name, timeout, depth) in ACTIONS {
        write!(xml, "<action name=\"{name}\" timeout=\"{timeout}s\"")?;
        if let Some(depth) = depth {
            write!(xml, " interval=\"{INTERVAL}s\" depth=\"{depth}\"")?;
        }
        writeln!(xml, "/>")?;
    }
    writeln!(xml, "</actions>")
}

/// A text in XML, without what no document may have.
fn escape(text: &str) -> Cow<'_, str> {
    let is_special = |c: char| "&<>\"".contains(c) || (c.is_control() && !"\n\t".contains(c));
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if is_special(c) => {}
            c => escaped.push(c),
        }
    }
    Cow::Owned(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("plain"), "plain");
        assert_eq!(escape("<a b=\"&\">\u{1b}\n"), "&lt;a b=&quot;&amp;&quot;&gt;\n");
    }

    #[test]
    fn a_short_description_is_the_first_sentence() {
        for (text, short) in [
            ("Name of the user.", "Name of the user"),
            ("The nodes: words.", "The nodes"),
            ("IPMI 2.0 (RMCP+), and nothing older. Without", "IPMI 2.0 (RMCP+), and nothing older"),
            ("no end", "no end"),
            ("", ""),
        ] {
            assert_eq!(first_sentence(text), short);
        }
    }

    /// A file of targets may have what a fence agent cannot do without.
    #[test]
    fn nothing_is_required_but_the_agent_where_that_has_to_be_said() {
        let agent = fencing::agents::redfish::definition("fence_redfish").agent;
        assert!(agent.parameters.iter().any(|parameter| parameter.required));
        assert!(!metadata("redfish", Some(&agent)).contains("required=\"1\""));
        let any = metadata("agent", None);
        assert_eq!(any.matches("required=\"1\"").count(), 1);
        assert!(any.contains("<parameter name=\"agent\" unique=\"0\" required=\"1\">"));
    }
}
