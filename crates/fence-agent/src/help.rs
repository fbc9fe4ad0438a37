//! What `--help` prints.

use std::fmt::{self, Write as _};

use fencing::{Agent, AgentAction, Kind, Parameter};

use crate::metadata::{mixed, shown};

/// Where the descriptions of the options begin.
const COLUMN: usize = 36;
/// Where they end.
const WIDTH: usize = 100;

/// The help of the agent.
pub(crate) fn help(agent: &Agent) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write_help(&mut text, agent);
    text
}

fn write_help(text: &mut String, agent: &Agent) -> fmt::Result {
    let name = &agent.name;
    writeln!(text, "{name}: {}\n", agent.short_description)?;
    writeln!(text, "Usage: {name} [option]...")?;
    writeln!(text, "       {name} < parameters    (a name=value line for each)\n")?;
    for line in wrapped(&agent.long_description, WIDTH) {
        writeln!(text, "{line}")?;
    }
    writeln!(text, "\nOptions (as names of parameters without the dashes):")?;
    for parameter in &agent.parameters {
        write_option(text, parameter)?;
    }
    let actions: Vec<_> = shown(&agent.actions).map(AgentAction::name).collect();
    writeln!(text, "\nActions: {}", actions.join(", "))
}

fn write_option(text: &mut String, parameter: &Parameter) -> fmt::Result {
    let option = mixed(&parameter.getopt);
    // Long options stand in one column, with or without a short one before them.
    let indent = if parameter.getopt.short.is_some() { "  " } else { "      " };
    let mut option = format!("{indent}{option}");
    if option.len() >= COLUMN {
        writeln!(text, "{option}")?;
        option.clear();
    }
    for line in wrapped(&description(parameter), WIDTH - COLUMN) {
        writeln!(text, "{option:COLUMN$}{line}")?;
        option.clear();
    }
    Ok(())
}

fn description(parameter: &Parameter) -> String {
    let mut text = parameter.help.clone().into_owned();
    if let Kind::Select(words) = &parameter.kind {
        text.push_str(&format!(" One of: {}.", words.join(", ")));
    }
    if let Some(default) = &parameter.default {
        text.push_str(&format!(" [default: {default}]"));
    }
    text
}

/// The text in lines no longer than this, if its words allow.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn help_shows_usage_options_and_actions() {
        let help = help(&testing::agent());
        for expected in [
            "fence_ipmilan: Fence agent for IPMI over LAN\n\nUsage: fence_ipmilan [option]...\n",
            "\n  -a, --ip=[ip]                     Address or host name of the BMC.\n",
            "\n  -u, --ipport=[port]               UDP port of the BMC. [default: 623]\n",
            "\n      --stonith-status-sleep=[seconds]\n                                    Time ",
            "\n      --delay=[seconds]             Wait this long ",
            "\n\nActions: on, off, reboot, status, monitor, metadata, manpage, validate-all, diag\n",
        ] {
            assert!(help.contains(expected), "{expected:?} is not in {help}");
        }
        let words: Vec<_> = help.split_whitespace().collect();
        assert!(words.join(" ").contains("One of: onoff, cycle. [default: onoff]"), "{help}");
    }

    #[test]
    fn every_parameter_is_explained_within_the_width() {
        let agent = testing::agent();
        let help = help(&agent);
        for parameter in &agent.parameters {
            assert!(help.contains(&mixed(&parameter.getopt)), "{}", parameter.name);
        }
        for line in help.lines() {
            assert!(line.len() <= WIDTH, "{line}");
            assert_eq!(line.trim_end(), line);
        }
    }

    #[test]
    fn text_is_wrapped_between_words() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("much-too-long a", 5), ["much-too-long", "a"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
