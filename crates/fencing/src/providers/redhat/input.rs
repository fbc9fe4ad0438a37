use zeroize::Zeroizing;

use super::AgentError;
use super::program::Words;
use crate::{Action, AgentConfig, Parameter, Value};

/// Parameters that make agents print something and exit with 0. To pass them would turn into a success what was not
/// done.
const PRINT_AND_EXIT: &[&str] = &["help", "usage", "version"];

/// The names of the parameter for the action. To pass another one might have that carried out, and called success.
const ACTION: &[&str] = &["action", "option"];

/// The FenceAgentAPI on standard input: `name=value` lines, the action first.
pub(super) fn lines(
    words: &Words,
    action: Action,
    config: &AgentConfig,
) -> Result<Zeroizing<Vec<u8>>, AgentError> {
    let values = values(config)?;
    let first = [words.action, "=", words.of(action), "\n"];
    let lines = values.iter().flat_map(|(name, value)| {
        let quote = if needs_quotes(value) { "\"" } else { "" };
        [name, "=", quote, value, quote, "\n"]
    });
    let parts: Vec<&str> = first.into_iter().chain(lines).collect();
    // With room for everything, so that nothing is copied and left unwiped.
    let mut input = Zeroizing::new(Vec::with_capacity(parts.iter().map(|part| part.len()).sum()));
    parts.iter().for_each(|part| input.extend_from_slice(part.as_bytes()));
    Ok(input)
}

type Passed<'a> = (&'a str, Zeroizing<String>);

fn values(config: &AgentConfig) -> Result<Vec<Passed<'_>>, AgentError> {
    let (dangerous, others): (Vec<_>, Vec<_>) =
        config.given().partition(|(parameter, _)| PRINT_AND_EXIT.contains(&&*parameter.name));
    if let Some((parameter, _)) = dangerous.iter().find(|(_, v)| **v != Value::Boolean(false)) {
        return Err(AgentError::DoesNothing { parameter: parameter.name.clone() });
    }
    let others = others.into_iter().filter(|(parameter, _)| !ACTION.contains(&&*parameter.name));
    others.filter_map(|(parameter, value)| passed(parameter, value).transpose()).collect()
}

/// The parameter's name and its value as it is passed, if it is.
fn passed<'a>(parameter: &'a Parameter, value: &Value) -> Result<Option<Passed<'a>>, AgentError> {
    let text = match value {
        Value::Boolean(true) => "1".to_owned(),
        // Most agents look whether a boolean is there, not what it is.
        Value::Boolean(false) if !is_true_by_default(parameter) => return Ok(None),
        Value::Boolean(false) => "0".to_owned(),
        Value::String(text) => text.clone(),
        Value::Select(word) => word.to_string(),
        Value::Secret(secret) => secret.expose().to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Seconds(time) => time.as_secs().to_string(),
    };
    let text = Zeroizing::new(text);
    if text.contains(['\n', '\r', '\0']) {
        return Err(AgentError::Unpassable { parameter: parameter.name.clone() });
    }
    Ok(Some((&parameter.name, text)))
}

fn is_true_by_default(parameter: &Parameter) -> bool {
    let default = parameter.default.as_deref().map(|text| parameter.parse(text));
    matches!(default, Some(Ok(Value::Boolean(true))))
}

/// Agents strip white space from lines (Python counts some control characters as such), and take double quotes off that
/// are around a whole value. The quotes that they take off protect both.
fn needs_quotes(value: &str) -> bool {
    let is_stripped = |c: char| c.is_whitespace() || c.is_control();
    value.starts_with(is_stripped)
        || value.ends_with(is_stripped)
        || value.starts_with('"') && value.ends_with('"')
}
