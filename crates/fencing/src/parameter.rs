use std::time::Duration;

use crate::{Secret, Text};

/// One parameter of an agent: a row of its table, from which every face of the agent is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name on standard input and in configurations.
    pub name: Text,
    /// The name it had in older versions of the agents, still accepted.
    pub old_name: Option<Text>,
    /// What values it takes.
    pub kind: Kind,
    /// The value when none is given, as text.
    pub default: Option<Text>,
    /// Whether the metadata call it required.
    pub required: bool,
    /// How it is written on a command line.
    pub getopt: Getopt,
    /// One sentence for whoever configures it.
    pub help: Text,
}

/// What values a parameter takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 1, yes, on, true; 0, no, off, false; in any case.
    Boolean,
    /// Any text.
    String,
    /// Any text, never shown.
    Secret,
    /// A whole number.
    Integer,
    /// A number of whole seconds, not negative.
    Seconds,
    /// One of these words, in any case.
    Select(Vec<Text>),
}

/// How a parameter is written on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Getopt {
    /// `-a`.
    pub short: Option<char>,
    /// `--ip`.
    pub long: Text,
    /// What follows it.
    pub argument: Argument,
}

/// What follows an option on a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// Nothing: the option is a switch.
    None,
    /// A value, called this in help and metadata.
    Named(Text),
    /// A value that help and metadata do not mention.
    Unnamed,
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Of a [`Kind::Boolean`].
    Boolean(bool),
    /// Of a [`Kind::String`].
    String(String),
    /// Of a [`Kind::Secret`].
    Secret(Secret),
    /// Of a [`Kind::Integer`].
    Integer(i64),
    /// Of a [`Kind::Seconds`].
    Seconds(Duration),
    /// Of a [`Kind::Select`]: the word as the table writes it.
    Select(Text),
}

/// Why a text is not a value of a parameter. It does not repeat the text, which may be a misplaced secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidValue {
    /// See [`Kind::Boolean`].
    #[error("is not a valid boolean (1, yes, on, true or 0, no, off, false)")]
    Boolean,
    /// See [`Kind::Integer`].
    #[error("is not a valid integer")]
    Integer,
    /// See [`Kind::Seconds`].
    #[error("is not a valid time in seconds")]
    Seconds,
    /// See [`Kind::Select`].
    #[error("is not a valid choice from: {}", .0.join(", "))]
    Select(Vec<Text>),
}

impl Parameter {
    /// A row to be completed: optional, without a default and without help; on a command line a switch of its own name.
    #[must_use]
    pub fn new(name: impl Into<Text>, kind: Kind) -> Self {
        let name = name.into();
        Self {
            old_name: None,
            kind,
            default: None,
            required: false,
            getopt: Getopt { short: None, long: name.clone(), argument: Argument::None },
            help: "".into(),
            name,
        }
    }

    /// Reads a value of this parameter.
    ///
    /// # Errors
    /// When the text is not of the parameter's kind.
    pub fn parse(&self, text: &str) -> Result<Value, InvalidValue> {
        match &self.kind {
            Kind::Boolean => parse_boolean(text).map(Value::Boolean).ok_or(InvalidValue::Boolean),
            Kind::String => Ok(Value::String(text.to_owned())),
            Kind::Secret => Ok(Value::Secret(Secret::new(text))),
            Kind::Integer => {
                text.trim().parse().map(Value::Integer).map_err(|_| InvalidValue::Integer)
            }
            Kind::Seconds => parse_seconds(text).map(Value::Seconds).ok_or(InvalidValue::Seconds),
            Kind::Select(words) => words
                .iter()
                .find(|word| word.eq_ignore_ascii_case(text))
                .map(|word| Value::Select(word.clone()))
                .ok_or_else(|| InvalidValue::Select(words.clone())),
        }
    }

    /// Whether this parameter is meant: its name or its old name, with `-` and `_` taken as the same.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        is_same_name(&self.name, name)
            || self.old_name.as_ref().is_some_and(|old| is_same_name(old, name))
    }
}

fn is_same_name(known: &str, given: &str) -> bool {
    let plain = |byte| if byte == b'-' { b'_' } else { byte };
    known.bytes().map(plain).eq(given.bytes().map(plain))
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "yes" | "on" | "true" => Some(true),
        "0" | "no" | "off" | "false" => Some(false),
        _ => None,
    }
}

fn parse_seconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().map(|seconds: u32| Duration::from_secs(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(kind: Kind) -> Parameter {
        Parameter { old_name: Some("old".into()), ..Parameter::new("some_name", kind) }
    }

    #[test]
    fn names_are_known_old_and_new_with_dash_or_underscore() {
        let parameter = parameter(Kind::String);
        for name in ["some_name", "some-name", "old"] {
            assert!(parameter.answers_to(name), "{name}");
        }
        for name in ["some", "some_name_", "Old", ""] {
            assert!(!parameter.answers_to(name), "{name}");
        }
    }

    #[test]
    fn booleans_are_booleans() {
        let boolean = parameter(Kind::Boolean);
        for text in ["1", "yes", "ON", "True"] {
            assert_eq!(boolean.parse(text), Ok(Value::Boolean(true)), "{text}");
        }
        for text in ["0", "no", "off", "FALSE"] {
            assert_eq!(boolean.parse(text), Ok(Value::Boolean(false)), "{text}");
        }
        for text in ["2", "y", " 1", "wahr"] {
            assert_eq!(boolean.parse(text), Err(InvalidValue::Boolean), "{text}");
        }
    }

    #[test]
    fn numbers_are_checked() {
        let integer = parameter(Kind::Integer);
        assert_eq!(integer.parse("623"), Ok(Value::Integer(623)));
        assert_eq!(integer.parse(" +10 "), Ok(Value::Integer(10)));
        assert_eq!(integer.parse("-1"), Ok(Value::Integer(-1)));
        for text in ["", "1_0", "0x10", "1.5", "99999999999999999999"] {
            assert_eq!(integer.parse(text), Err(InvalidValue::Integer), "{text}");
        }
        let seconds = parameter(Kind::Seconds);
        assert_eq!(seconds.parse("20"), Ok(Value::Seconds(Duration::from_secs(20))));
        for text in ["-1", "1s", "", "99999999999"] {
            assert_eq!(seconds.parse(text), Err(InvalidValue::Seconds), "{text}");
        }
    }

    #[test]
    fn choices_are_case_insensitive() {
        let select = parameter(Kind::Select(vec!["operator".into(), "administrator".into()]));
        assert_eq!(select.parse("OPERATOR"), Ok(Value::Select("operator".into())));
        let error = select.parse("root").unwrap_err();
        assert_eq!(error.to_string(), "is not a valid choice from: operator, administrator");
    }
}
