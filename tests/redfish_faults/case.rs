//! One case: what a service is like, what is asked of the agent, and what must come of it.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{AnswerFault, Misanswer, Quirk, RedfishConfig, RedfishEventKind};

use crate::support::redfish_sim::RedfishSim;

/// By how much a run may be late: connections, handshakes and a busy machine.
const SLACK: Duration = Duration::from_secs(3);
/// The default of the agent.
const POWER_TIMEOUT: u64 = 20;

pub struct Group {
    pub heading: &'static str,
    pub cases: Vec<Case>,
}

pub struct Case {
    /// What the service is like, for people.
    pub service: String,
    pub change: Change,
    pub address: &'static str,
    /// What is changed in mid-operation.
    pub hook: Option<Hook>,
    /// What was asked of the agent just before.
    pub first: Option<&'static str>,
    pub action: &'static str,
    /// What the agent is told besides.
    pub lines: Vec<String>,
    pub result: Outcome,
    /// The system that is meant.
    pub system: &'static str,
    /// How its machine is when all is over.
    pub machine: Option<Power>,
    pub counts: Counts,
    /// How long the agent may take.
    pub bound: Option<Duration>,
    /// Whether what is printed need not be so: there is no way to know.
    pub may_lie: bool,
    /// A word to whoever reads the table.
    pub remark: &'static str,
}

type Change = Box<dyn FnOnce(&mut RedfishConfig) + Send>;

/// As soon as this has happened, this is done.
pub struct Hook {
    pub when: fn(&RedfishEventKind) -> bool,
    pub change: fn(&RedfishSim),
}

/// How the agent ends.
#[derive(Clone, Copy)]
pub enum Outcome {
    /// With this line on standard output, or none, and nothing on standard error.
    Success(&'static str),
    /// With success, and with these words on standard error.
    Warning(&'static str, &'static str),
    /// With exit code 1 and these words on the only line of standard error.
    Failure(&'static str),
}

/// What is counted at the service, where it matters.
#[derive(Default)]
pub struct Counts {
    pub resets: Option<usize>,
    pub connections: Option<u64>,
    pub requests: Option<u64>,
    pub sessions_opened: Option<usize>,
    /// Sessions that the service would not let go.
    pub sessions_left: usize,
}

/// A service with these peculiarities. The agent is asked for off, and succeeds, until the case says otherwise.
pub fn case(
    service: impl Into<String>,
    change: impl FnOnce(&mut RedfishConfig) + Send + 'static,
) -> Case {
    Case {
        service: service.into(),
        change: Box::new(change),
        address: "127.0.0.1:0",
        hook: None,
        first: None,
        action: "off",
        lines: Vec::new(),
        result: Outcome::Success("Success: Powered OFF"),
        system: "1",
        machine: None,
        counts: Counts::default(),
        bound: None,
        may_lie: false,
        remark: "",
    }
}

/// A service with faults in its answers.
pub fn answers<const N: usize>(service: impl Into<String>, faults: [AnswerFault; N]) -> Case {
    case(service, |config| config.faults.answers = faults.into())
}

/// A service with a quirk.
pub fn quirk(quirk: Quirk) -> Case {
    let facts = quirk.facts();
    case(format!("`{}`: {}", facts.name, facts.change), move |config| {
        config.quirks.insert(quirk);
    })
}

/// An error of the service, with nothing else.
pub fn status(status: u16) -> Misanswer {
    Misanswer::status(status)
}

impl Case {
    /// Asks for this action, which succeeds as it does when the machine is not there already.
    pub fn asked(mut self, action: &'static str) -> Self {
        self.action = action;
        self.result = Outcome::Success(match action {
            "off" => "Success: Powered OFF",
            "on" => "Success: Powered ON",
            "reboot" | "diag" => "Success: Rebooted",
            "status" => "Status: ON",
            _ => "",
        });
        self
    }

    /// The machine is off in the beginning.
    pub fn of_machine_off(mut self) -> Self {
        let change = self.change;
        self.change = Box::new(|config| {
            change(config);
            config.systems[0].initial_power = Power::Off;
        });
        self
    }

    /// After it was asked for another action.
    pub fn first(self, action: &'static str) -> Self {
        Self { first: Some(action), ..self }
    }

    pub fn with(mut self, lines: &[&str]) -> Self {
        self.lines.extend(lines.iter().map(|&line| line.to_owned()));
        self
    }

    /// The agent is to give up soon.
    pub fn impatient(self) -> Self {
        self.with(&["login_timeout=1", "power_timeout=2"])
    }

    pub fn at(self, address: &'static str) -> Self {
        Self { address, ..self }
    }

    pub fn then(self, when: fn(&RedfishEventKind) -> bool, change: fn(&RedfishSim)) -> Self {
        Self { hook: Some(Hook { when, change }), ..self }
    }

    pub fn prints(self, line: &'static str) -> Self {
        Self { result: Outcome::Success(line), ..self }
    }

    pub fn warns(self, words: &'static str) -> Self {
        let (Outcome::Success(line) | Outcome::Warning(line, _)) = self.result else {
            panic!("a failure does not warn");
        };
        Self { result: Outcome::Warning(line, words), ..self }
    }

    pub fn fails(self, words: &'static str) -> Self {
        Self { result: Outcome::Failure(words), ..self }
    }

    /// The system that is meant, where there are several.
    pub fn system(self, system: &'static str) -> Self {
        Self { system, ..self }
    }

    /// Where the machine is not as the result has it: a reset that was carried out, and not acknowledged.
    pub fn machine(self, power: Power) -> Self {
        Self { machine: Some(power), ..self }
    }

    pub fn resets(mut self, resets: usize) -> Self {
        self.counts.resets = Some(resets);
        self
    }

    pub fn connections(mut self, connections: u64) -> Self {
        self.counts.connections = Some(connections);
        self
    }

    pub fn requests(mut self, requests: u64) -> Self {
        self.counts.requests = Some(requests);
        self
    }

    pub fn sessions(mut self, opened: usize) -> Self {
        self.counts.sessions_opened = Some(opened);
        self
    }

    pub fn leaves_sessions(mut self, sessions: usize) -> Self {
        self.counts.sessions_left = sessions;
        self
    }

    pub fn within(self, seconds: u64) -> Self {
        Self { bound: Some(Duration::from_secs(seconds)), ..self }
    }

    pub fn remark(self, remark: &'static str) -> Self {
        Self { remark, ..self }
    }

    /// How long the agent may take: what it was given, and a little more.
    pub fn longest(&self) -> Duration {
        let given = |line: &String| line.strip_prefix("power_timeout=")?.parse().ok();
        let power_timeout = self.lines.iter().rev().find_map(given).unwrap_or(POWER_TIMEOUT);
        self.bound.unwrap_or(Duration::from_secs(power_timeout) + SLACK)
    }

    pub fn name(&self) -> String {
        let lines: Vec<_> = self.told().collect();
        format!("{}, {} {}", self.service, self.action, lines.join(" "))
    }

    /// What a reader wants to know of the lines: not how short the time is.
    pub fn told(&self) -> impl Iterator<Item = &str> {
        let is_time =
            |line: &&str| ["login_timeout=", "power_timeout="].iter().any(|t| line.starts_with(t));
        self.lines.iter().map(String::as_str).filter(move |line| !is_time(line))
    }

    /// How the machine must be in the end.
    pub fn wanted_power(&self, initial: Power) -> Power {
        self.machine.unwrap_or(match (self.result, self.action) {
            (Outcome::Failure(_), _) | (_, "status" | "monitor" | "diag") => initial,
            (_, "off") => Power::Off,
            _ => Power::On,
        })
    }
}

impl Outcome {
    pub fn code(self) -> i32 {
        match self {
            Self::Success("Status: OFF") => 2,
            Self::Success(_) | Self::Warning(..) => 0,
            Self::Failure(_) => 1,
        }
    }

    pub fn stdout(self) -> String {
        match self {
            Self::Failure(_) | Self::Success("") => String::new(),
            Self::Success(line) | Self::Warning(line, _) => format!("{line}\n"),
        }
    }

    /// The words on standard error, if there are any.
    pub fn words(self) -> Option<&'static str> {
        match self {
            Self::Success(_) => None,
            Self::Warning(_, words) | Self::Failure(words) => Some(words),
        }
    }
}
