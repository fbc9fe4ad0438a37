//! Parameters on the command line, with the habits of GNU getopt.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};
use fencing::{Agent, Argument, Parameter};
use zeroize::Zeroizing;

use super::{Given, Input, InputError, OptionName, Source};

/// The id of what is left over on the command line. No parameter is called so.
const OPERANDS: &str = "";

pub(super) fn parse(agent: &Agent, arguments: Vec<OsString>) -> Result<Input, InputError> {
    let arguments = utf8(arguments)?;
    let matches =
        command(agent).try_get_matches_from(arguments).map_err(|error| explain(&error, agent))?;
    let left_over = left_over(&matches);
    // Without an action the default is carried out, which powers a machine off. A forgotten -o must not do that.
    let is_harmless = ["action", "help", "version"]
        .iter()
        .any(|name| agent.parameter(name).is_none() || is_given(name, &matches));
    if left_over.is_some() && !is_harmless {
        return Err(InputError::WordWithoutAction);
    }
    Ok(Input {
        given: agent.parameters.iter().filter_map(|row| given(row, &matches)).collect(),
        warnings: left_over.into_iter().collect(),
        verbose_level: verbose_level(agent, &matches),
        source: Source::CommandLine,
    })
}

fn is_given(parameter: &str, matches: &ArgMatches) -> bool {
    matches.value_source(parameter) == Some(ValueSource::CommandLine)
}

fn utf8(arguments: Vec<OsString>) -> Result<Vec<String>, InputError> {
    let text = |(index, argument): (usize, OsString)| {
        let position = index + 1;
        argument.into_string().map_err(|_| InputError::ArgumentNotUtf8 { position })
    };
    arguments.into_iter().enumerate().map(text).collect()
}

fn command(agent: &Agent) -> Command {
    Command::new(agent.name.to_string())
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .infer_long_args(true)
        .args(agent.parameters.iter().map(option))
        .arg(Arg::new(OPERANDS).num_args(0..).action(ArgAction::Append))
}

fn option(parameter: &Parameter) -> Arg {
    let option = Arg::new(parameter.name.to_string()).long(parameter.getopt.long.to_string());
    let option = match parameter.getopt.short {
        Some(short) => option.short(short),
        None => option,
    };
    match parameter.getopt.argument {
        Argument::None => option.action(ArgAction::Count),
        // The next argument is the value, whatever it looks like: passwords look like anything.
        Argument::Named(_) | Argument::Unnamed => {
            option.num_args(1).action(ArgAction::Append).allow_hyphen_values(true)
        }
    }
}

fn given(parameter: &Parameter, matches: &ArgMatches) -> Option<Given> {
    let name = &*parameter.name;
    let text = match parameter.getopt.argument {
        Argument::None => (matches.get_count(name) > 0).then(|| "1".to_owned()),
        Argument::Named(_) | Argument::Unnamed => {
            matches.get_many::<String>(name)?.next_back().cloned()
        }
    };
    Some(Given { parameter: parameter.name.clone(), text: Zeroizing::new(text?) })
}

fn verbose_level(agent: &Agent, matches: &ArgMatches) -> u8 {
    agent.parameter("verbose").map_or(0, |switch| matches.get_count(&switch.name))
}

fn left_over(matches: &ArgMatches) -> Option<String> {
    match matches.get_many::<String>(OPERANDS)?.len() {
        1 => Some("a word on the command line belongs to no option, and is ignored".to_owned()),
        words => {
            Some(format!("{words} words on the command line belong to no option, and are ignored"))
        }
    }
}

/// Only the kind of the error and the name of the option: the rest of clap's text may hold values.
fn explain(error: &clap::Error, agent: &Agent) -> InputError {
    let Some(option) = option_of(error) else {
        return InputError::NotUnderstood;
    };
    let shown = OptionName::new(option);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(option, agent),
        ErrorKind::InvalidValue => InputError::MissingValue(shown),
        ErrorKind::TooManyValues => InputError::UnwantedValue(shown),
        _ => InputError::NotUnderstood,
    }
}

/// The option that clap complains of: `--ip` where clap writes `--ip <ip>`, `--ip...` or `--ip=value`.
fn option_of(error: &clap::Error) -> Option<&str> {
    match error.get(ContextKind::InvalidArg)? {
        ContextValue::String(text) => {
            let option = text.split('=').next()?.split(" <").next()?;
            Some(option.trim_end_matches("..."))
        }
        _ => None,
    }
}

fn unknown(option: &str, agent: &Agent) -> InputError {
    let options = agent.parameters.iter().map(|parameter| parameter.getopt.long.clone());
    let meanings: Vec<_> = match option.strip_prefix("--") {
        Some(start) => options.filter(|long| long.starts_with(start)).collect(),
        None => Vec::new(),
    };
    let option = OptionName::new(option);
    if meanings.is_empty() {
        InputError::UnknownOption(option)
    } else {
        InputError::AmbiguousOption { option, meanings }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use super::*;
    use crate::testing;

    fn try_parse(arguments: &[&str]) -> Result<Input, InputError> {
        parse(&testing::agent(), arguments.iter().map(Into::into).collect())
    }

    fn error(arguments: &[&str]) -> String {
        try_parse(arguments).unwrap_err().to_string()
    }

    /// `parameter=text` for each parameter given, in the order of the table.
    fn given(arguments: &[&str]) -> String {
        let shown = |given: &Given| format!("{}={}", given.parameter, *given.text);
        let input = try_parse(arguments).unwrap();
        input.given.iter().map(shown).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn options_are_read_as_getopt_reads_them() {
        let cases: &[(&[&str], &str)] = &[
            (&["-a", "h"], "ip=h"),
            (&["-ah"], "ip=h"),
            (&["--ip", "h"], "ip=h"),
            (&["--ip=h"], "ip=h"),
            (&["--ip=a=b"], "ip=a=b"),
            (
                &["-a", "h", "-l", "u", "-p", "pw", "-P", "-o", "off"],
                "action=off ip=h lanplus=1 password=pw username=u",
            ),
            (&["--action", "status", "--ip", "h", "--lanplus"], "action=status ip=h lanplus=1"),
            // Switches in one word, the last of which may take a value.
            (&["-Pv"], "lanplus=1 verbose=1"),
            (&["-Pah"], "ip=h lanplus=1"),
            (&["-Pa", "h"], "ip=h lanplus=1"),
            (&["-PvC17"], "cipher=17 lanplus=1 verbose=1"),
            (&["-aPv"], "ip=Pv"),
            // A value is the next argument, whatever it looks like.
            (&["-p", "-P"], "password=-P"),
            (&["-p", "--ip=h"], "password=--ip=h"),
            (&["-p", "--"], "password=--"),
            (&["-p", "-"], "password=-"),
            (&["--password", "-v"], "password=-v"),
            (&["--password", "--", "-v"], "password=-- verbose=1"),
            (&["-p", "two words"], "password=two words"),
            (&["-p", "-1"], "password=-1"),
            (&["-p-"], "password=-"),
            (&["--password=-x"], "password=-x"),
            (&["-p", "="], "password=="),
            // Empty values are values here, and none to the configuration.
            (&["-p", ""], "password="),
            (&["--password="], "password="),
            (&["--password", "", "-P"], "lanplus=1 password="),
            // Beginnings of long options.
            (&["--lan"], "lanplus=1"),
            (&["--user=u"], "username=u"),
            (&["--act", "on"], "action=on"),
            (&["--verbose-l", "2"], "verbose_level=2"),
            // A whole name that is also the beginning of others.
            (&["--ip", "h", "--ipport", "1"], "ip=h ipport=1"),
            (&["--verbose"], "verbose=1"),
            (&["--password", "x"], "password=x"),
            // The last one counts.
            (&["-a", "h", "--ip=i", "-aj"], "ip=j"),
            (&["-p", "x", "-p", ""], "password="),
            (&["-P", "--lanplus", "-PP"], "lanplus=1"),
            // Words that belong to no option, and the end of options.
            (&["over", "-oon", "left", "-v"], "action=on verbose=1"),
            (&["-oon", "--", "-v"], "action=on"),
            (&["-", "-o", "on"], "action=on"),
            (&["--"], ""),
        ];
        for (arguments, expected) in cases {
            assert_eq!(given(arguments), *expected, "{arguments:?}");
        }
    }

    /// The one habit of getopt that clap does not share.
    #[test]
    fn an_equals_sign_after_a_short_option_is_no_part_of_its_value() {
        assert_eq!(given(&["-p=foo"]), "password=foo");
        assert_eq!(given(&["-p==foo"]), "password==foo");
    }

    #[test]
    fn old_names_are_no_options() {
        assert_eq!(
            error(&["--ipaddr", "h"]),
            "option --ipaddr is not recognised; --help lists the options"
        );
    }

    #[test]
    fn verbose_switches_are_counted() {
        for (arguments, level) in
            [(&[][..], 0), (&["-v"], 1), (&["-vv", "--verbose"], 3), (&["-v", "-P", "-v"], 2)]
        {
            assert_eq!(try_parse(arguments).unwrap().verbose_level, level, "{arguments:?}");
        }
    }

    #[test]
    fn wrong_options_are_named_and_values_never_shown() {
        let cases: &[(&[&str], &str)] = &[
            (&["--bogus"], "option --bogus is not recognised; --help lists the options"),
            (&["--bogus=geheim"], "option --bogus is not recognised; --help lists the options"),
            (&["--bogus", "geheim"], "option --bogus is not recognised; --help lists the options"),
            (&["--ge heim!"], "an option is not recognised; --help lists the options"),
            (&["-X"], "option -X is not recognised; --help lists the options"),
            (&["-Xgeheim"], "option -X is not recognised; --help lists the options"),
            (&["-PXgeheim"], "option -X is not recognised; --help lists the options"),
            (
                &["--passw", "geheim"],
                "option --passw is ambiguous: it may be --password, --password-script",
            ),
            (
                &["--passw=geheim"],
                "option --passw is ambiguous: it may be --password, --password-script",
            ),
            (&["--verb"], "option --verb is ambiguous: it may be --verbose, --verbose-level"),
            (&["-a"], "option --ip needs a value"),
            (&["-Pa"], "option --ip needs a value"),
            (&["--password"], "option --password needs a value"),
            (
                &["--passwor=geheim", "--ip"],
                "option --passwor is ambiguous: it may be --password, --password-script",
            ),
            (&["--lanplus=geheim"], "option --lanplus takes no value"),
            (&["--quiet="], "option --quiet takes no value"),
            (&["-P=geheim"], "an option is not recognised; --help lists the options"),
        ];
        for (arguments, expected) in cases {
            assert_eq!(error(arguments), *expected, "{arguments:?}");
        }
    }

    #[test]
    fn words_left_over_are_counted_and_not_shown() {
        let warnings = |arguments| try_parse(arguments).unwrap().warnings;
        assert_eq!(warnings(&["-P"]), [""; 0]);
        assert_eq!(
            warnings(&["-oon", "geheim"]),
            ["a word on the command line belongs to no option, and is ignored"]
        );
        assert_eq!(
            warnings(&["geheim", "-oon", "--", "-v"]),
            ["2 words on the command line belong to no option, and are ignored"]
        );
    }

    #[test]
    fn a_word_in_the_place_of_an_action_is_not_the_default_action() {
        for arguments in [&["-a", "h", "off"][..], &["stauts", "-a", "h"], &["-a", "h", "--", "-o"]]
        {
            let error = error(arguments);
            assert!(error.starts_with("a word on the command line belongs to no option, and no"));
        }
    }

    #[test]
    fn a_word_beside_help_does_no_harm() {
        for arguments in [["-h", "me"], ["--version", "please"]] {
            assert!(try_parse(&arguments).is_ok());
        }
    }

    #[test]
    fn arguments_that_are_not_utf8_are_named_by_their_place() {
        let arguments = vec!["-p".into(), OsString::from_vec(b"geheim\xff".to_vec())];
        let error = parse(&testing::agent(), arguments).unwrap_err();
        assert_eq!(error.to_string(), "argument 2 of the command line is not UTF-8");
    }

    #[test]
    fn clap_finds_no_fault_with_the_table() {
        command(&testing::agent()).debug_assert();
    }
}
