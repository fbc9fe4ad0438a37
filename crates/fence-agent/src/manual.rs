//! The manual page of an agent.

use fencing::{Agent, AgentAction, Argument, Kind, Parameter};
use roff::{Inline, Roff, bold, italic, roman};

use crate::metadata::shown;

/// The day of the pages' last change in substance: the day of a build would make each build another one.
pub const DATE: &str = "2026-11-22";

const ACTIONS: &[(&str, &str)] = &[
    ("on", "Power on, and see the machine on."),
    ("off", "Power off, and see the machine off."),
    ("reboot", "Power off, see the machine off, power on; with method=cycle, one power cycle."),
    ("status", "Read the power state."),
    ("monitor", "Find out whether the device answers."),
    ("list", "List the machines of the device."),
    ("list-status", "List the machines of the device with their power states."),
    ("diag", "Send a diagnostic interrupt (NMI). Nothing verifies what it does."),
    ("metadata", "Print what the agent is, as XML."),
    ("manpage", "The same."),
    ("validate-all", "Check the parameters, and touch nothing."),
];

const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "What was asked for was done; for status, power is on."),
    ("1", "It was not, or that is not known. One line on standard error says why."),
    ("2", "For status: power is off."),
];

/// The manual page of the agent, as the source of a page of section 8.
#[must_use]
pub fn manual(agent: &Agent) -> String {
    let name = agent.name.as_ref();
    let mut page = Roff::new();
    let version = concat!("fence-agents ", env!("CARGO_PKG_VERSION"));
    page.control("TH", [&name.to_uppercase(), "8", DATE, version, "Fence agents"]);
    heading(&mut page, "NAME");
    page.text([roman(format!("{name} - {}", short_description(agent)))]);
    synopsis(&mut page, name);
    heading(&mut page, "DESCRIPTION");
    page.text([roman(agent.long_description.as_ref())]);
    parameters(&mut page, agent);
    heading(&mut page, "ACTIONS");
    let actions: Vec<_> = shown(&agent.actions).map(AgentAction::name).collect();
    entries(&mut page, ACTIONS.iter().filter(|(name, _)| actions.contains(name)));
    heading(&mut page, "EXIT STATUS");
    entries(&mut page, EXIT_CODES.iter());
    other_names(&mut page, agent);
    page.render()
}

fn short_description(agent: &Agent) -> &str {
    let own = agent.other_names.iter().find(|(name, _)| *name == agent.name);
    own.map_or(&agent.short_description, |(_, description)| description)
}

fn synopsis(page: &mut Roff, name: &str) {
    heading(page, "SYNOPSIS");
    page.text([bold(name), roman(" ["), italic("option"), roman("]...")]);
    page.control("br", []);
    page.text([bold(name), roman(" < "), italic("parameters")]);
}

fn parameters(page: &mut Roff, agent: &Agent) {
    heading(page, "PARAMETERS");
    page.text([
        roman("A parameter is an option of the command line, or a line "),
        bold("name"),
        roman("="),
        italic("value"),
        roman(" of standard input. A password on a command line can be read by everybody on the machine."),
    ]);
    for parameter in &agent.parameters {
        page.control("TP", []);
        page.text(option(parameter));
        page.text([roman(parameter.help.as_ref())]);
        page.control("IP", []);
        page.text(on_standard_input(parameter));
    }
}

/// `-a, --ip=ip`.
fn option(parameter: &Parameter) -> Vec<Inline> {
    let getopt = &parameter.getopt;
    let mut inlines = Vec::new();
    if let Some(short) = getopt.short {
        inlines.extend([bold(format!("-{short}")), roman(", ")]);
    }
    inlines.push(bold(format!("--{}", getopt.long)));
    match &getopt.argument {
        Argument::None => {}
        Argument::Named(name) => inlines.extend([roman("="), italic(name.as_ref())]),
        Argument::Unnamed => inlines.extend([roman("="), italic("value")]),
    }
    inlines
}

/// Its names there, its values and its default.
fn on_standard_input(parameter: &Parameter) -> Vec<Inline> {
    let mut inlines = vec![roman("On standard input "), bold(parameter.name.as_ref())];
    if let Some(old_name) = parameter.old_name.as_ref().filter(|old| **old != parameter.name) {
        inlines.extend([roman(" or "), bold(old_name.as_ref())]);
    }
    inlines.push(roman(format!(": {}", values(&parameter.kind))));
    if let Some(default) = &parameter.default {
        inlines.push(roman(format!("; default {default}")));
    }
    if parameter.required {
        inlines.push(roman("; required"));
    }
    inlines.push(roman("."));
    inlines
}

fn values(kind: &Kind) -> String {
    match kind {
        Kind::Boolean => "1 or 0".to_owned(),
        Kind::String => "a text".to_owned(),
        Kind::Secret => "a text, which is never shown".to_owned(),
        Kind::Integer => "a whole number".to_owned(),
        Kind::Seconds => "a number of seconds".to_owned(),
        Kind::Select(words) => words.join(", "),
    }
}

fn other_names(page: &mut Roff, agent: &Agent) {
    let others: Vec<_> = agent
        .other_names
        .iter()
        .map(|(name, _)| name.as_ref())
        .filter(|name| *name != agent.name)
        .collect();
    if others.is_empty() {
        return;
    }
    heading(page, "OTHER NAMES");
    page.text([
        roman("The same program, with other defaults: "),
        bold(others.join(", ")),
        roman("."),
    ]);
}

fn heading(page: &mut Roff, text: &str) {
    page.control("SH", [text]);
}

fn entries<'a>(page: &mut Roff, entries: impl Iterator<Item = &'a (&'a str, &'a str)>) {
    for (name, text) in entries {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*text)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn every_parameter_and_action_has_its_place() {
        let agent = testing::agent();
        let page = manual(&agent).replace("\\-", "-");
        for parameter in &agent.parameters {
            assert!(page.contains(&format!("--{}", parameter.getopt.long)), "{}", parameter.name);
        }
        for action in shown(&agent.actions) {
            assert!(ACTIONS.iter().any(|(name, _)| *name == action.name()), "{}", action.name());
            assert!(page.contains(&format!("\\fB{}\\fR", action.name())), "{}", action.name());
        }
    }
}
