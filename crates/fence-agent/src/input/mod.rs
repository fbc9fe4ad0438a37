//! What the caller gave: parameters as text, from the command line or from standard input.

mod argv;
mod stdin;

use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};

use fencing::{Agent, Text};
use zeroize::Zeroizing;

pub(crate) use self::stdin::UnbufferedStdin;

/// What the caller gave, not yet checked but for its form.
#[derive(Debug)]
pub(crate) struct Input {
    /// Parameters of the agent, in the order in which they count.
    pub(crate) given: Vec<Given>,
    /// What the caller should mend.
    pub(crate) warnings: Vec<String>,
    /// The verbosity that the switch `verbose` stands for.
    pub(crate) verbose_level: u8,
    /// Where it came from.
    pub(crate) source: Source,
}

/// A parameter of the agent, and the text that was given for it.
#[derive(Debug)]
pub(crate) struct Given {
    /// The parameter's name.
    pub(crate) parameter: Text,
    /// The text, which may be a secret.
    pub(crate) text: Zeroizing<String>,
}

/// Where parameters come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    CommandLine,
    StandardInput,
}

/// Why the input is not usable. No variant holds a value, which may be a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InputError {
    #[error("cannot read standard input: {0}")]
    Unreadable(#[source] io::Error),
    #[error("standard input is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("line {line} of standard input is not UTF-8")]
    LineNotUtf8 { line: usize },
    #[error("argument {position} of the command line is not UTF-8")]
    ArgumentNotUtf8 { position: usize },
    #[error(
        "'{0}' is no parameter but looks like 'action', and without an action one would be chosen for you"
    )]
    MisspeltAction(String),
    #[error(
        "a word on the command line belongs to no option, and no action is given: is it meant for -o?"
    )]
    WordWithoutAction,
    #[error("{0} is not recognised; --help lists the options")]
    UnknownOption(OptionName),
    #[error("{option} is ambiguous: it may be --{}", .meanings.join(", --"))]
    AmbiguousOption { option: OptionName, meanings: Vec<Text> },
    #[error("{0} needs a value")]
    MissingValue(OptionName),
    #[error("{0} takes no value")]
    UnwantedValue(OptionName),
    #[error("the command line is not understood; --help lists the options")]
    NotUnderstood,
    #[error("option -n/--plug is recognised only together with --port-as-ip")]
    PlugWithoutPortAsIp,
}

/// An option as a message shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OptionName(String);

impl Input {
    /// Takes the arguments, or standard input if there are none.
    pub(crate) fn read(
        agent: &Agent,
        arguments: Vec<OsString>,
        stdin: &mut dyn Read,
    ) -> Result<Self, InputError> {
        if arguments.is_empty() { stdin::read(agent, stdin) } else { argv::parse(agent, arguments) }
    }

    /// The text that counts for a parameter: the last that was given, even if it is empty.
    pub(crate) fn last(&self, parameter: &str) -> Option<&str> {
        self.given
            .iter()
            .rev()
            .find(|given| given.parameter == parameter)
            .map(|given| &**given.text)
    }
}

/// Whether a text that should have been a name is one, so that it can be shown. A text that is no name may be a
/// misplaced secret.
fn is_name(text: &str) -> bool {
    let is_part_of_name = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.len() <= 64
        && text.bytes().all(is_part_of_name)
        && text.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

impl OptionName {
    fn new(option: &str) -> Self {
        Self(if is_name(option) { format!("option {option}") } else { "an option".to_owned() })
    }
}

impl fmt::Display for OptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_are_shown() {
        for name in ["passwrod", "--ip-port", "-X", "a_1"] {
            assert!(is_name(name), "{name}");
        }
        for other in ["", "--", "pass word", "geheim!", "a=b", "paßwort", &"x".repeat(65)] {
            assert!(!is_name(other), "{other}");
        }
        assert_eq!(OptionName::new("--bogus").to_string(), "option --bogus");
        assert_eq!(OptionName::new("--s3cr3t!").to_string(), "an option");
    }
}
