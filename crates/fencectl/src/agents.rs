//! `agents`: what fence agents there are, and what one of them takes.

use std::process::ExitCode;

use fencing::agents::NATIVE;
use fencing::{Agent, AgentAction, Fence, Kind, LoadFailure, Parameter, Plug, Unfencing};
use serde::Serialize;

use crate::cli::Agents;
use crate::devices::{self, Wanted};
use crate::failure::Failure;
use crate::show::table::{self, Cell};
use crate::show::{self, HEADING, printable};

/// Lists the agents, or describes the one that is named. What did not load is told on standard error, and is no failure
/// of this command unless it was asked for.
pub(crate) async fn run(options: Agents, verbose: u8) -> Result<ExitCode, Failure> {
    options.provider.as_deref().map_or(Ok(()), devices::check_provider)?;
    let wanted = match (&options.provider, &options.name) {
        (provider, Some(name)) => Wanted::by([name.as_str()], provider.as_deref()),
        (Some(provider), None) if provider == NATIVE => Wanted::by([], []),
        (_, None) => Wanted::All,
    };
    let (fence, failures) = devices::load(wanted).await?;
    let text = match &options.name {
        Some(name) => describe(&options, find(&fence, &options, name)?),
        None => list(&options, &fence),
    };
    show::print(&text)?;
    if options.name.is_none() {
        tell_failures(&failures, verbose);
    }
    Ok(ExitCode::SUCCESS)
}

fn find<'a>(fence: &'a Fence, options: &Agents, name: &str) -> Result<&'a Agent, Failure> {
    match &options.provider {
        Some(provider) => Ok(fence.agent(provider, name)?),
        None => devices::agent(fence, name).map(|agent| &**agent),
    }
}

fn list(options: &Agents, fence: &Fence) -> String {
    let is_wanted =
        |agent: &&Agent| options.provider.as_deref().is_none_or(|name| name == agent.provider);
    let agents = fence.agents().map(|agent| &**agent).filter(is_wanted);
    match options.json {
        true => agents.map(json).collect(),
        false => table::lines(&["NAME", "PROVIDER", "DESCRIPTION"], agents.map(row).collect()),
    }
}

fn row(agent: &Agent) -> Vec<Cell> {
    let description = agent.other_names.iter().find(|(name, _)| *name == agent.name);
    let description = description.map_or(&agent.short_description, |(_, text)| text);
    vec![Cell::plain(&agent.name), Cell::plain(&agent.provider), Cell::plain(description)]
}

fn tell_failures(failures: &[LoadFailure], verbose: u8) {
    match failures.len() {
        0 => {}
        _ if verbose > 0 => {
            failures.iter().for_each(|failure| show::complain(&printable(&failure.to_string())));
        }
        1 => show::complain("one agent could not be loaded; -v says why"),
        count => show::complain(&format!("{count} agents could not be loaded; -v says why")),
    }
}

fn describe(options: &Agents, agent: &Agent) -> String {
    if options.json { json(agent) } else { text(agent) }
}

fn text(agent: &Agent) -> String {
    let Agent { name, short_description, long_description, vendor_url, provider, .. } = agent;
    let mut text =
        format!("{HEADING}{}{HEADING:#}: {}\n", printable(name), printable(short_description));
    for about in [long_description, vendor_url].into_iter().filter(|text| !text.is_empty()) {
        text.push_str(&format!("\n{}\n", wrapped(about, "")));
    }
    text.push_str(&format!("\nProvider: {}\n", printable(provider)));
    if !agent.other_names.is_empty() {
        let names: Vec<_> = agent.other_names.iter().map(|(name, _)| printable(name)).collect();
        text.push_str(&format!("Other names: {}\n", names.join(", ")));
    }
    text.push_str(&format!("Actions: {}\n", actions(agent).join(", ")));
    text.push_str(&format!("Plug: {}\n", plug(agent.plug)));
    text.push_str(&format!("Unfencing: {}\n\nParameters:\n", unfencing(agent.unfencing)));
    agent.parameters.iter().for_each(|parameter| text.push_str(&described(parameter)));
    text
}

fn described(parameter: &Parameter) -> String {
    let Parameter { name, old_name, default, required, help, .. } = parameter;
    let mut text = format!("  {HEADING}{}{HEADING:#}", printable(name));
    if let Some(old_name) = old_name.as_ref().filter(|old| *old != name) {
        text.push_str(&format!(", {}", printable(old_name)));
    }
    text.push_str(&format!(": {}", printable(&kind(&parameter.kind))));
    if let Some(default) = default {
        text.push_str(&format!(", default {}", printable(default)));
    }
    if *required {
        text.push_str(", required");
    }
    format!("{text}\n{}\n", wrapped(help, "      "))
}

/// Its paragraphs, in lines no wider than the screen. Agents break their lines as they like.
fn wrapped(text: &str, indent: &str) -> String {
    let width = textwrap::termwidth().min(100);
    let options = textwrap::Options::new(width).initial_indent(indent).subsequent_indent(indent);
    let paragraphs = text.split("\n\n").map(|paragraph| {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        textwrap::fill(&printable(&words), &options)
    });
    paragraphs.filter(|lines| !lines.is_empty()).collect::<Vec<_>>().join("\n\n")
}

fn kind(kind: &Kind) -> String {
    match kind {
        Kind::Select(words) => format!("one of {}", words.join(", ")),
        other => kind_name(other).to_owned(),
    }
}

fn kind_name(kind: &Kind) -> &'static str {
    match kind {
        Kind::Boolean => "boolean",
        Kind::String => "text",
        Kind::Secret => "secret",
        Kind::Integer => "integer",
        Kind::Seconds => "seconds",
        Kind::Select(_) => "choice",
    }
}

fn actions(agent: &Agent) -> Vec<&'static str> {
    let shown = agent.actions.iter().filter(|action| !matches!(action, AgentAction::Accepted(_)));
    shown.map(|action| action.name()).collect()
}

fn plug(plug: Plug) -> &'static str {
    match plug {
        Plug::Ignored => "ignored: the device has one machine",
        Plug::Chooses => "chooses one of several machines",
        Plug::Required => "required: it names one of several machines",
    }
}

fn unfencing(unfencing: Unfencing) -> &'static str {
    match (unfencing.automatic, unfencing.on_target) {
        (false, _) => "none",
        (true, false) => "automatic",
        (true, true) => "automatic, by the machine itself",
    }
}

#[derive(Serialize)]
struct AgentLine<'a> {
    name: &'a str,
    provider: &'a str,
    short_description: &'a str,
    long_description: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    vendor_url: &'a str,
    other_names: Vec<&'a str>,
    actions: Vec<&'static str>,
    plug: &'static str,
    unfencing: UnfencingLine,
    parameters: Vec<ParameterLine<'a>>,
}

#[derive(Serialize)]
struct UnfencingLine {
    automatic: bool,
    on_target: bool,
}

#[derive(Serialize)]
struct ParameterLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    old_name: Option<&'a str>,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    choices: Option<Vec<&'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    default: Option<&'a str>,
    required: bool,
    help: &'a str,
}

fn json(agent: &Agent) -> String {
    let line = AgentLine {
        name: &agent.name,
        provider: &agent.provider,
        short_description: &agent.short_description,
        long_description: &agent.long_description,
        vendor_url: &agent.vendor_url,
        other_names: agent.other_names.iter().map(|(name, _)| &**name).collect(),
        actions: actions(agent),
        plug: match agent.plug {
            Plug::Ignored => "ignored",
            Plug::Chooses => "optional",
            Plug::Required => "required",
        },
        unfencing: UnfencingLine {
            automatic: agent.unfencing.automatic,
            on_target: agent.unfencing.on_target,
        },
        parameters: agent.parameters.iter().map(parameter_line).collect(),
    };
    // There are no maps with odd keys in it, which is what could fail.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

fn parameter_line(parameter: &Parameter) -> ParameterLine<'_> {
    ParameterLine {
        name: &parameter.name,
        old_name: parameter.old_name.as_deref(),
        r#type: kind_name(&parameter.kind),
        choices: match &parameter.kind {
            Kind::Select(words) => Some(words.iter().map(|word| &**word).collect()),
            _ => None,
        },
        default: parameter.default.as_deref(),
        required: parameter.required,
        help: &parameter.help,
    }
}
