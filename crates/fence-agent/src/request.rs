use std::sync::Arc;

use fencing::{Action, Agent, AgentAction, AgentConfig, ConfigError, InvalidValue, Plug};

use crate::failure::Failure;
use crate::input::{Input, InputError, Source};
use crate::logging;

/// What the caller wants: a configuration, and what to do with it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) config: AgentConfig,
    pub(crate) task: Task,
    /// What the caller should mend.
    pub(crate) warnings: Vec<String>,
    verbosity: u8,
    error: Option<Failure>,
}

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Task {
    Help,
    Version,
    Metadata,
    ValidateAll,
    Act(Action),
    /// Nothing, because nobody knows what this word means.
    Unknown(String),
}

impl Request {
    /// Takes every value that is one. The first that is not is kept for [`Request::check`], because some tasks do
    /// not depend on values, and because logs are configured by values too.
    pub(crate) fn new(agent: Arc<Agent>, input: &Input) -> Self {
        let mut request = Self {
            config: AgentConfig::new(agent),
            task: Task::Help,
            warnings: input.warnings.clone(),
            verbosity: 0,
            error: None,
        };
        for given in &input.given {
            request.set(&given.parameter, &given.text);
        }
        request.task = task(&request.config, input.last("action"));
        request.verbosity = verbosity(&request.config, input.verbose_level);
        request.take_plug_for_ip(input.source);
        request
    }

    /// How messages are logged.
    pub(crate) fn log_settings(&self) -> logging::Settings {
        logging::Settings {
            quiet: self.config.is_set("quiet"),
            verbosity: self.verbosity,
            debug_file: self.config.text("debug_file"),
        }
    }

    /// Fails with the first value that is none.
    pub(crate) fn check(&mut self) -> Result<(), Failure> {
        self.error.take().map_or(Ok(()), Err)
    }

    /// Adds what the caller means without saying so, and fails if the address of the device is not there.
    pub(crate) fn complete(&mut self, called_by_fenced: bool) -> Result<(), ConfigError> {
        let config = &mut self.config;
        let is_missing = |name| config.agent().parameter(name).is_some() && !config.is_given(name);
        if is_missing("ip") {
            return Err(ConfigError::Missing {
                what: "the fence address".into(),
                parameter: "ip".into(),
            });
        }
        if called_by_fenced && is_missing("disable_timeout") {
            config.set("disable_timeout", "true")?;
        }
        Ok(())
    }

    fn set(&mut self, parameter: &str, text: &str) {
        let text = if parameter == "verbose_level" { self.checked_level(text) } else { text };
        match self.config.set(parameter, text) {
            Ok(()) => {}
            // As in the Python agents: pacemaker passes on what users write, and "maybe" is no reason not to fence.
            Err(error @ ConfigError::Invalid { reason: InvalidValue::Boolean, .. }) => {
                self.warnings.push(format!("{error}, and is ignored"));
            }
            Err(error) => {
                self.error.get_or_insert(error.into());
            }
        }
    }

    fn checked_level<'a>(&mut self, text: &'a str) -> &'a str {
        if text.is_empty() || text.trim().parse::<u32>().is_ok() {
            return text;
        }
        let complaint =
            "the value you have entered for --verbose-level is not a level, and 0 is taken";
        self.warnings.push(complaint.to_owned());
        "0"
    }

    fn take_plug_for_ip(&mut self, source: Source) {
        if let Err(error) = self.config.take_plug_for_ip() {
            self.error.get_or_insert(error.into());
        }
        let is_unused = self.config.is_given("plug") && !self.config.is_set("port_as_ip");
        let is_ignored = self.config.agent().plug == Plug::Ignored;
        // On standard input it is the name of a node, which pacemaker always sends.
        if is_unused && is_ignored && source == Source::CommandLine {
            self.error.get_or_insert(InputError::PlugWithoutPortAsIp.into());
        }
    }
}

fn task(config: &AgentConfig, action: Option<&str>) -> Task {
    if config.is_set("help") {
        return Task::Help;
    }
    if config.is_set("version") {
        return Task::Version;
    }
    // An empty action is given, and is none: a caller whose variable is empty does not want the default, a reboot.
    let word = action.map(str::to_owned).or_else(|| config.text("action")).unwrap_or_default();
    match config.agent().action(&word) {
        Some(AgentAction::Shown(action) | AgentAction::Accepted(action)) => Task::Act(action),
        Some(AgentAction::Metadata | AgentAction::Manpage) => Task::Metadata,
        Some(AgentAction::ValidateAll) => Task::ValidateAll,
        None => Task::Unknown(word),
    }
}

fn verbosity(config: &AgentConfig, verbose_level: u8) -> u8 {
    match config.integer("verbose_level") {
        Some(level) => level.try_into().unwrap_or(u8::MAX),
        None if config.is_set("verbose") => verbose_level,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use fencing::procedure::{Method, Settings};

    use super::*;
    use crate::testing;

    fn request(arguments: &[&str], stdin: &str) -> Request {
        let agent = Arc::new(testing::agent());
        let arguments = arguments.iter().map(Into::into).collect();
        let input = Input::read(&agent, arguments, &mut stdin.as_bytes()).unwrap();
        Request::new(agent, &input)
    }

    fn of_stdin(stdin: &str) -> Request {
        request(&[], stdin)
    }

    fn error(mut request: Request) -> String {
        request.check().unwrap_err().to_string()
    }

    #[test]
    fn the_action_is_the_task() {
        use Task::{Act, Help, Metadata, ValidateAll, Version};
        for (stdin, task) in [
            ("action=off", Act(Action::Off)),
            ("action=OFF", Act(Action::Off)),
            ("action=Reboot", Act(Action::Reboot)),
            ("option=status", Act(Action::Status)),
            ("ip=h", Act(Action::Reboot)),
            ("action=list-status", Act(Action::ListStatus)),
            ("action=metadata", Metadata),
            ("action=meta-data", Metadata),
            ("action=manpage", Metadata),
            ("action=validate-all", ValidateAll),
            ("action=off\nhelp=1", Help),
            ("action=off\nhelp=0", Act(Action::Off)),
            ("action=off\nversion=yes", Version),
            ("action=off\nversion=0", Act(Action::Off)),
            ("action=enable", Task::Unknown("enable".to_owned())),
            ("action=validate", Task::Unknown("validate".to_owned())),
            ("action=cycle", Task::Unknown("cycle".to_owned())),
            ("action=off on", Task::Unknown("off on".to_owned())),
        ] {
            assert_eq!(of_stdin(stdin).task, task, "{stdin:?}");
        }
        assert_eq!(request(&["-h"], "").task, Help);
        assert_eq!(request(&["-V", "-o", "off"], "").task, Version);
    }

    #[test]
    fn an_empty_action_is_not_the_default_action() {
        for stdin in ["action=", "action", "action=off\naction=", "option=", "action=\noption=off"]
        {
            assert_eq!(of_stdin(stdin).task, Task::Unknown(String::new()), "{stdin:?}");
        }
        assert_eq!(request(&["-o", ""], "").task, Task::Unknown(String::new()));
    }

    #[test]
    fn an_empty_value_is_no_value() {
        let mut request = of_stdin("ip=h\nprivlvl=\npower_timeout=\nipport=\nlanplus=\n");
        request.check().unwrap();
        assert_eq!(request.warnings, [""; 0]);
        assert_eq!(request.config.integer("ipport"), Some(623));
    }

    #[test]
    fn a_boolean_that_is_none_is_warned_about_and_ignored() {
        let mut request = of_stdin("ip=h\nlanplus=geheim\ndisable_timeout=\"\"\nquiet=2\n");
        request.check().unwrap();
        let text = "is not a valid boolean (1, yes, on, true or 0, no, off, false), and is ignored";
        assert_eq!(
            request.warnings,
            ["lanplus", "quiet"]
                .map(|name| format!("the value you have entered for --{name} {text}"))
        );
        assert!(!request.log_settings().quiet);
    }

    #[test]
    fn other_values_that_are_none_are_errors_that_do_not_show_them() {
        for (line, option) in [
            ("ipport=geheim", "--ipport"),
            ("power_timeout=geheim", "--power-timeout"),
            ("power_wait=-1", "--power-wait"),
            ("privlvl=geheim", "--privlvl"),
            ("auth=geheim", "--auth"),
        ] {
            let error = error(of_stdin(line));
            let begin = format!("the value you have entered for {option} is not a valid ");
            assert!(error.starts_with(&begin), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }

    #[test]
    fn metadata_need_nothing_else() {
        let mut request = of_stdin("action=metadata\nipport=x");
        assert_eq!(request.task, Task::Metadata);
        assert!(request.check().is_err());
    }

    #[test]
    fn the_plug_is_the_address_with_port_as_ip() {
        let address = |stdin| of_stdin(stdin).config.text("ip");
        for (stdin, ip) in [
            ("ip=h\nplug=node1", Some("h")),
            ("port=node1", None),
            ("port_as_ip=1\nplug=p", Some("p")),
            ("plug=p\nip=h\nport-as-ip=yes", Some("p")),
            ("port_as_ip=0\nip=h\nport=p", Some("h")),
            ("port_as_ip=1\nip=h", Some("h")),
        ] {
            assert_eq!(address(stdin).as_deref(), ip, "{stdin:?}");
        }
        let request = request(&["--port-as-ip", "-n", "p"], "");
        assert_eq!(request.config.text("ip").as_deref(), Some("p"));
    }

    #[test]
    fn a_plug_on_the_command_line_needs_port_as_ip() {
        let error = error(request(&["-a", "h", "-n", "node1"], ""));
        assert_eq!(error, "option -n/--plug is recognised only together with --port-as-ip");
        request(&["-a", "h", "-n", ""], "").check().unwrap();
    }

    #[test]
    fn without_an_address_there_is_nothing_to_do() {
        for stdin in ["username=u", "ip=", "plug=p", "ip=h\nip="] {
            let error = of_stdin(stdin).complete(false).unwrap_err().to_string();
            assert_eq!(error, "you have to enter the fence address (ip=…)", "{stdin:?}");
        }
    }

    #[test]
    fn time_outs_are_off_under_pacemaker_fenced_unless_wanted() {
        let has_timeout = |stdin: &str, called_by_fenced| {
            let mut request = of_stdin(&format!("ip=h\n{stdin}"));
            request.complete(called_by_fenced).unwrap();
            Settings::from_config(&request.config).unwrap().power_timeout.is_some()
        };
        for (stdin, called_by_fenced, expected) in [
            ("", false, true),
            ("", true, false),
            ("disable_timeout=1", false, false),
            ("disable-timeout=true", true, false),
            ("disable_timeout=0", true, true),
            ("disable_timeout=false", false, true),
            ("disable_timeout=", true, false),
        ] {
            let found = has_timeout(stdin, called_by_fenced);
            assert_eq!(found, expected, "{stdin:?}, {called_by_fenced}");
        }
    }

    #[test]
    fn what_an_agent_has_no_parameter_for_is_not_added() {
        let input = Input::read(&testing::agent(), Vec::new(), &mut &b"action=off"[..]).unwrap();
        let mut request = Request::new(Arc::new(Agent::new("fence_bare")), &input);
        request.complete(true).unwrap();
        assert_eq!(request.config.given().count(), 0);
    }

    #[test]
    fn choices_are_taken_in_any_case() {
        let request = of_stdin("ip=h\nmethod=CYCLE\nprivlvl=OPERATOR");
        let settings = Settings::from_config(&request.config).unwrap();
        assert_eq!(settings.method, Method::Cycle { accept_unverified: false });
    }

    #[test]
    fn verbosity_is_the_level_or_the_count_of_switches() {
        let level = |request: Request| request.log_settings().verbosity;
        for (stdin, expected) in [
            ("", 0),
            ("verbose=1", 1),
            ("verbose=1\nverbose=1", 1),
            ("verbose=0", 0),
            ("verbose=1\nverbose_level=3", 3),
            ("verbose_level=0\nverbose=1", 0),
            ("verbose_level=\nverbose=1", 1),
            ("verbose_level=4000000000", 255),
        ] {
            assert_eq!(level(of_stdin(stdin)), expected, "{stdin:?}");
            assert_eq!(of_stdin(stdin).warnings, [""; 0]);
        }
        assert_eq!(level(request(&["-vvv"], "")), 3);
        assert_eq!(level(request(&["-v", "--verbose-level", "2"], "")), 2);
    }

    #[test]
    fn a_level_that_is_none_is_warned_about_and_0() {
        for stdin in ["verbose_level=x\nverbose=1", "verbose_level=-1"] {
            let mut request = of_stdin(stdin);
            request.check().unwrap();
            assert_eq!(request.log_settings().verbosity, 0);
            assert_eq!(request.warnings.len(), 1);
        }
    }
}
