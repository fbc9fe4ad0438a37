use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::{Agent, InvalidValue, Parameter, Secret, Text, Value};

/// The parameters that one device is configured with: names and values that its agent knows, checked as they
/// come in.
#[derive(Clone, Debug)]
pub struct AgentConfig {
    agent: Arc<Agent>,
    given: BTreeMap<Text, Value>,
}

/// Why a configuration is not usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The agent has no such parameter.
    #[error("unknown parameter '{}'", .0.escape_debug())]
    Unknown(String),
    /// The value is not one of the parameter.
    #[error("the value you have entered for --{parameter} {reason}")]
    Invalid {
        /// The parameter, as on a command line.
        parameter: Text,
        /// Why.
        reason: InvalidValue,
    },
    /// A parameter that this agent cannot do without is not there.
    #[error("you have to enter {what} ({parameter}=…)")]
    Missing {
        /// What it is, in words.
        what: Text,
        /// The parameter.
        parameter: Text,
    },
    /// The value is of the right kind, and yet unusable.
    #[error("{parameter}: {reason}")]
    Unusable {
        /// The parameter.
        parameter: Text,
        /// Why, and what to do.
        reason: String,
    },
}

impl AgentConfig {
    /// A configuration in which nothing is given yet.
    #[must_use]
    pub fn new(agent: Arc<Agent>) -> Self {
        Self { agent, given: BTreeMap::new() }
    }

    /// The agent that is configured.
    #[must_use]
    pub fn agent(&self) -> &Arc<Agent> {
        &self.agent
    }

    /// Gives a parameter, by its name or its old name. The last value counts; an empty one is no value, and
    /// takes back what was given before.
    ///
    /// # Errors
    /// [`ConfigError::Unknown`], [`ConfigError::Invalid`].
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), ConfigError> {
        let parameter =
            self.agent.parameter(name).ok_or_else(|| ConfigError::Unknown(name.to_owned()))?;
        let key = parameter.name.clone();
        if text.is_empty() {
            self.given.remove(&key);
            return Ok(());
        }
        let long = parameter.getopt.long.clone();
        let value = parameter
            .parse(text)
            .map_err(|reason| ConfigError::Invalid { parameter: long, reason })?;
        self.given.insert(key, value);
        Ok(())
    }

    /// What was given: each parameter with its value.
    pub fn given(&self) -> impl Iterator<Item = (&Parameter, &Value)> {
        let parameters = self.agent.parameters.iter();
        parameters.filter_map(|parameter| Some((parameter, self.given.get(&parameter.name)?)))
    }

    /// With `port_as_ip`, the plug that was given is the address of the device.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`], in agents whose addresses are no strings.
    pub fn take_plug_for_ip(&mut self) -> Result<(), ConfigError> {
        match self.text("plug").filter(|_| self.is_set("port_as_ip")) {
            Some(plug) => self.set("ip", &plug),
            None => Ok(()),
        }
    }

    /// Whether the user gave this parameter, as opposed to its having a default. Here and in what follows, a parameter
    /// is meant by its old name, too.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.agent.parameter(name).is_some_and(|known| self.given.contains_key(&known.name))
    }

    /// Text of a string or of a choice, given or by default.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        match self.value(name)? {
            Value::String(text) => Some(text),
            Value::Select(word) => Some(word.into_owned()),
            _ => None,
        }
    }

    /// A secret, if given.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<Secret> {
        match self.value(name)? {
            Value::Secret(secret) => Some(secret),
            _ => None,
        }
    }

    /// A boolean, given or by default; otherwise `None`.
    #[must_use]
    pub fn boolean(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Boolean(is_set) => Some(is_set),
            _ => None,
        }
    }

    /// Whether a boolean is set; false where it is neither given nor has a default.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.boolean(name).unwrap_or(false)
    }

    /// A whole number, given or by default.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.value(name)? {
            Value::Integer(number) => Some(number),
            _ => None,
        }
    }

    /// A time, given or by default.
    #[must_use]
    pub fn seconds(&self, name: &str) -> Option<Duration> {
        match self.value(name)? {
            Value::Seconds(time) => Some(time),
            _ => None,
        }
    }

    /// A time only if the user gave it.
    #[must_use]
    pub fn given_seconds(&self, name: &str) -> Option<Duration> {
        self.is_given(name).then(|| self.seconds(name)).flatten()
    }

    fn value(&self, name: &str) -> Option<Value> {
        let parameter = self.agent.parameter(name)?;
        self.given.get(&parameter.name).cloned().or_else(|| default_of(parameter))
    }
}

fn default_of(parameter: &Parameter) -> Option<Value> {
    // A test of each table parses every default.
    parameter.parse(parameter.default.as_deref()?).ok()
}
