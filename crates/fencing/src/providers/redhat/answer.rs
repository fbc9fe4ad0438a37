//! What an agent's end and its words come to.

use std::cmp::Reverse;
use std::process::ExitStatus;

use super::AgentError;
use crate::process::{Ended, LONGEST_STDOUT, Printed};
use crate::{Action, AgentConfig, Error, Port, PowerState, Value};

/// How many of its last lines an agent that fails is quoted with, and how many characters of them.
const LAST_LINES: usize = 5;
const LAST_CHARACTERS: usize = 600;

/// What a status prints.
const ON: &str = "status: on";
const OFF: &str = "status: off";

/// That the agent did what it was asked for.
pub(super) fn success(config: &AgentConfig, ended: Ended) -> Result<Printed, Error> {
    let (status, printed) = in_time(config, ended)?;
    if status.success() {
        Ok(printed)
    } else {
        Err(failed(status, &printed, &secrets(config)).into())
    }
}

/// What the agent read. Exit code 2 is off; agents of this kind say it in words, too, and must not say both. Many
/// programs end with 2 when they are called wrongly or cannot be read by their interpreter: they complain, and do not
/// say off.
pub(super) fn power_state(config: &AgentConfig, ended: Ended) -> Result<PowerState, Error> {
    let (status, printed) = in_time(config, ended)?;
    let text = String::from_utf8_lossy(&printed.stdout);
    let says = |words: &str| text.lines().any(|line| line.trim().eq_ignore_ascii_case(words));
    let is_silent = printed.stderr.trim_ascii().is_empty();
    match status.code() {
        Some(0) if !says(OFF) => Ok(PowerState::On),
        Some(2) if !says(ON) && (is_silent || says(OFF)) => Ok(PowerState::Off),
        Some(0) => Err(AgentError::Contradiction { status }.into()),
        Some(2) if says(ON) => Err(AgentError::Contradiction { status }.into()),
        _ => Err(failed(status, &printed, &secrets(config)).into()),
    }
}

/// The ports that `list` or `list-status` prints.
pub(super) fn ports(
    config: &AgentConfig,
    action: Action,
    ended: Ended,
) -> Result<Vec<Port>, Error> {
    let printed = success(config, ended)?;
    let separator = config.text("separator").unwrap_or_else(|| ",".to_owned());
    let lines = text(&printed)?.lines().filter(|line| !line.trim().is_empty());
    let ports = lines.map(|line| match line {
        // The library of the Python agents says this, with exit code 0, for an agent that has no list.
        line if line.starts_with("NOTICE: ") => Err(AgentError::CannotList.into()),
        line => Ok(port(line, &separator, action == Action::ListStatus)),
    });
    ports.collect()
}

/// Standard output, all of it.
pub(super) fn text(printed: &Printed) -> Result<&str, AgentError> {
    if printed.is_cut {
        return Err(AgentError::TooMuchOutput { limit: LONGEST_STDOUT });
    }
    str::from_utf8(&printed.stdout).map_err(|_| AgentError::NotUtf8)
}

/// Why an agent failed that knows these secrets.
pub(super) fn failed(status: ExitStatus, printed: &Printed, secrets: &[&str]) -> AgentError {
    AgentError::Failed { status, last_words: last_words(printed, secrets) }
}

/// The status of an agent that has ended by itself.
fn in_time(config: &AgentConfig, ended: Ended) -> Result<(ExitStatus, Printed), Error> {
    let Ended { status: Some(status), printed } = ended else {
        let who = config.agent().name.to_string();
        let words = last_words(&ended.printed, &secrets(config));
        log::warn!("{} was ended; its last words: {words}", who.escape_debug());
        return Err(Error::TimedOut { who, what: "the power state is not known" });
    };
    Ok((status, printed))
}

/// `name`, `name,alias`, `name,alias,ON`. A name has no separator in it, an alias may.
fn port(line: &str, separator: &str, has_state: bool) -> Port {
    let (rest, state) = match line.rsplit_once(separator).filter(|_| has_state) {
        Some((rest, word)) => (rest, state(word)),
        None => (line, None),
    };
    let (name, alias) = rest.split_once(separator).unwrap_or((rest, ""));
    let alias = Some(alias).filter(|alias| !alias.is_empty());
    Port { name: name.to_owned(), alias: alias.map(str::to_owned), state }
}

fn state(word: &str) -> Option<PowerState> {
    match word.trim().to_ascii_lowercase().as_str() {
        "on" => Some(PowerState::On),
        "off" => Some(PowerState::Off),
        _ => None,
    }
}

/// The longest first: another may be a part of it.
fn secrets(config: &AgentConfig) -> Vec<&str> {
    let values = config.given().map(|(_, value)| value);
    let mut secrets: Vec<_> = values
        .filter_map(
            |value| if let Value::Secret(secret) = value { Some(secret.expose()) } else { None },
        )
        .collect();
    secrets.sort_by_key(|secret| Reverse(secret.len()));
    secrets
}

/// The end of what was printed, for a message of one line.
fn last_words(printed: &Printed, secrets: &[&str]) -> String {
    let is_silent = printed.stderr.trim_ascii().is_empty();
    let bytes = if is_silent { &printed.stdout } else { &printed.stderr };
    let text = String::from_utf8_lossy(bytes).into_owned();
    let text = secrets.iter().fold(text, |text, secret| text.replace(secret, "[secret]"));
    let lines: Vec<_> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines.len().saturating_sub(LAST_LINES);
    let text = lines.get(last..).unwrap_or_default().join(" | ");
    let excess = text.chars().count().saturating_sub(LAST_CHARACTERS);
    text.chars().skip(excess).map(escaped).collect()
}

/// Escaped for a terminal, to which quotes do no harm.
fn escaped(c: char) -> String {
    if matches!(c, '\'' | '"') { c.to_string() } else { c.escape_debug().to_string() }
}
