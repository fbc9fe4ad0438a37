//! The parameters that every agent has: how it talks, and how long it waits.

use crate::{Argument, Getopt, Kind, Parameter};

/// Parameters of the agent as a program, in the order of the Python agents.
pub(super) fn program() -> Vec<Parameter> {
    vec![
        switch(
            "quiet",
            Some('q'),
            "quiet",
            "Print nothing to standard error. Logs are not affected.",
        ),
        switch("verbose", Some('v'), "verbose", "Say more; several -v say more still."),
        Parameter {
            getopt: Getopt { short: None, long: "verbose-level", argument: Argument::Unnamed },
            ..parameter(
                "verbose_level",
                Kind::Integer,
                "How much to say: 0 errors, 1 steps, 2 details, 3 datagrams. Counts the -v by default.",
            )
        },
        Parameter {
            old_name: Some("debug"),
            getopt: option(Some('D'), "debug-file", "debugfile"),
            ..parameter(
                "debug_file",
                Kind::String,
                "Also append everything that is said to this file.",
            )
        },
        switch("version", Some('V'), "version", "Print the version and exit."),
        switch("help", Some('h'), "help", "Print this help and exit."),
        Parameter {
            default: Some(","),
            getopt: option(None, "plug-separator", "char"),
            ..parameter("plug_separator", Kind::String, "What separates several plugs.")
        },
    ]
}

/// How long the agent waits, in the order of the Python agents. `power_wait` has a default of its own in each.
pub(super) fn timing(power_wait: &'static str) -> Vec<Parameter> {
    let seconds = |name, long, default, help| Parameter {
        default: Some(default),
        getopt: option(None, long, "seconds"),
        ..parameter(name, Kind::Seconds, help)
    };
    vec![
        seconds("delay", "delay", "0", "Wait this long before off and reboot."),
        Parameter {
            getopt: option(None, "disable-timeout", "true/false"),
            ..parameter(
                "disable_timeout",
                Kind::Boolean,
                "Keep trying until the caller ends the agent. On by default under pacemaker-fenced.",
            )
        },
        seconds(
            "login_timeout",
            "login-timeout",
            "5",
            "Give a login up when it comes no further for this long.",
        ),
        switch(
            "port_as_ip",
            None,
            "port-as-ip",
            "Take the plug (or port) for the address of the device.",
        ),
        seconds(
            "power_timeout",
            "power-timeout",
            "20",
            "Give up when the power state is not seen this long after the command.",
        ),
        seconds(
            "power_wait",
            "power-wait",
            power_wait,
            "Wait this long after each power command before the state is read. When it is not given, the state is \
             read at once, and off counts after two readings in a row.",
        ),
        seconds(
            "shell_timeout",
            "shell-timeout",
            "3",
            "Accepted for compatibility: this agent has no command prompt to wait for.",
        ),
        seconds(
            "stonith_status_sleep",
            "stonith-status-sleep",
            "1",
            "Time between two readings of the power state. When it is not given, the first readings follow each \
             other faster.",
        ),
        Parameter {
            default: Some("1"),
            getopt: option(None, "retry-on", "attempts"),
            ..parameter(
                "retry_on",
                Kind::Integer,
                "How many times power on is attempted in a reboot; the action on attempts it once more.",
            )
        },
    ]
}

/// Where Python agents find sudo; accepted and unused.
pub(super) fn sudo() -> Vec<Parameter> {
    const UNUSED: &str = "Accepted for compatibility: this agent uses no sudo.";
    vec![
        Parameter { old_name: Some("sudo"), ..switch("use_sudo", None, "use-sudo", UNUSED) },
        Parameter {
            default: Some("/usr/bin/sudo"),
            getopt: option(None, "sudo-path", "path"),
            ..parameter("sudo_path", Kind::String, UNUSED)
        },
    ]
}

pub(super) fn option(short: Option<char>, long: &'static str, value: &'static str) -> Getopt {
    Getopt { short, long, argument: Argument::Named(value) }
}

pub(super) fn switch(
    name: &'static str,
    short: Option<char>,
    long: &'static str,
    help: &'static str,
) -> Parameter {
    Parameter {
        getopt: Getopt { short, long, argument: Argument::None },
        ..parameter(name, Kind::Boolean, help)
    }
}

/// A row of a table, to be completed: optional, without default, without a command-line form.
pub(super) fn parameter(name: &'static str, kind: Kind, help: &'static str) -> Parameter {
    Parameter {
        name,
        old_name: None,
        kind,
        default: None,
        required: false,
        getopt: Getopt { short: None, long: name, argument: Argument::None },
        help,
    }
}
