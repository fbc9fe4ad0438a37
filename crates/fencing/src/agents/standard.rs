//! The rows that the table of every agent has, whatever it talks to, and what further rows are made with. The order
//! and the names are those of the Python agents.

use crate::{Argument, Getopt, Kind, Parameter, Text};

/// What to do.
#[must_use]
pub fn action() -> Parameter {
    Parameter {
        required: true,
        default: Some("reboot".into()),
        getopt: option(Some('o'), "action", "action"),
        ..parameter("action", Kind::String, "What to do.")
    }
}

/// Which machine is meant, as help and metadata call this: `id`, or `ip` where it may be the address of the device.
#[must_use]
pub fn plug(argument: &'static str, help: &'static str) -> Parameter {
    Parameter {
        old_name: Some("port".into()),
        getopt: option(Some('n'), "plug", argument),
        ..parameter("plug", Kind::String, help)
    }
}

/// How the agent talks as a program: `quiet`, `verbose`, `verbose_level`, `debug_file`, `version`, `help`.
#[must_use]
pub fn program() -> Vec<Parameter> {
    vec![
        switch(
            "quiet",
            Some('q'),
            "quiet",
            "Print nothing to standard error. Logs are not affected.",
        ),
        switch("verbose", Some('v'), "verbose", "Say more; several -v say more still."),
        Parameter {
            getopt: Getopt {
                short: None,
                long: "verbose-level".into(),
                argument: Argument::Unnamed,
            },
            ..parameter(
                "verbose_level",
                Kind::Integer,
                "How much to say: 0 errors, 1 steps, 2 details, 3 datagrams. Counts the -v by default.",
            )
        },
        Parameter {
            old_name: Some("debug".into()),
            getopt: option(Some('D'), "debug-file", "debugfile"),
            ..parameter(
                "debug_file",
                Kind::String,
                "Also append everything that is said to this file.",
            )
        },
        switch("version", Some('V'), "version", "Print the version and exit."),
        switch("help", Some('h'), "help", "Print this help and exit."),
    ]
}

/// How long to wait before power is taken away.
#[must_use]
pub fn delay() -> Parameter {
    seconds("delay", "delay", "0", "Wait this long before off and reboot.")
}

/// Whether `power_timeout` counts.
#[must_use]
pub fn disable_timeout() -> Parameter {
    Parameter {
        getopt: option(None, "disable-timeout", "true/false"),
        ..parameter(
            "disable_timeout",
            Kind::Boolean,
            "Keep trying until the caller ends the agent. On by default under pacemaker-fenced.",
        )
    }
}

/// How long an action may take. What that is exactly is for the agent to say.
#[must_use]
pub fn power_timeout(default: &'static str, help: &'static str) -> Parameter {
    seconds("power_timeout", "power-timeout", default, help)
}

/// A row of whole seconds.
#[must_use]
pub fn seconds(
    name: &'static str,
    long: &'static str,
    default: &'static str,
    help: &'static str,
) -> Parameter {
    Parameter {
        default: Some(default.into()),
        getopt: option(None, long, "seconds"),
        ..parameter(name, Kind::Seconds, help)
    }
}

/// A row for a boolean that takes no value on a command line.
#[must_use]
pub fn switch(
    name: &'static str,
    short: Option<char>,
    long: &'static str,
    help: &'static str,
) -> Parameter {
    Parameter {
        getopt: Getopt { short, long: long.into(), argument: Argument::None },
        ..parameter(name, Kind::Boolean, help)
    }
}

/// A row of a table, to be completed: optional, without a default, and a switch on a command line.
#[must_use]
pub fn parameter(name: &'static str, kind: Kind, help: &'static str) -> Parameter {
    Parameter { help: help.into(), ..Parameter::new(name, kind) }
}

/// An option of a command line that takes a value, as help and metadata call it.
#[must_use]
pub fn option(short: Option<char>, long: &'static str, value: &'static str) -> Getopt {
    Getopt { short, long: long.into(), argument: Argument::Named(value.into()) }
}

/// The values of a parameter that is one of these words.
#[must_use]
pub fn words(words: &[&'static str]) -> Kind {
    Kind::Select(words.iter().map(|word| Text::from(*word)).collect())
}
