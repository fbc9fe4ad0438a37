//! What every caller is tried with: a machine that can be fenced, one that stays on, and a wrong password. The Python
//! agent comes first: what works with it shows that the call is the caller's.

use crate::support::agent::{Agent, Run};
use crate::support::comparison::{Bmc, different};

/// No caller waits long for a machine that stays on.
const SHORT: &[(&str, &str)] = &[("power_timeout", "1"), ("disable_timeout", "0")];

pub struct Caller {
    /// How it runs an agent: with what reaches the BMC, and the action, if it names one.
    pub call: fn(Agent, &Parameters, Option<&str>) -> Agent,
    /// Whether it takes the machine for fenced.
    pub believes: fn(&Run) -> bool,
}

impl Caller {
    /// Fences, by this action, or by the agent's own default.
    #[track_caller]
    pub fn fences<B: Bmc>(&self, action: Option<&str>) {
        let commands = if action == Some("off") { vec!["off"] } else { vec!["off", "on"] };
        let folder = tempfile::tempdir().unwrap();
        let ours = Agent::for_anybody(&folder, B::AGENT);
        for agent in [Agent::python(B::AGENT), ours.clone()] {
            let bmc = B::start(&B::Setup::default(), true);
            let run = (self.call)(agent, &Parameters::of(&bmc), action).run();
            assert!((self.believes)(&run), "{run:#?}");
            assert_eq!(different(&bmc.commands()), commands, "{run:#?}");
        }

        let stuck = B::start(&B::never_off(), true);
        let with = |all: Parameters, (name, value): &(&str, &str)| all.with(name, value);
        let parameters = SHORT.iter().fold(Parameters::of(&stuck), with);
        let run = (self.call)(ours.clone(), &parameters, action).run();
        assert!(!(self.believes)(&run), "the machine is on: {run:#?}");
        assert_eq!(stuck.power(), "on");

        let closed = B::start(&B::with_password("another"), true);
        let run = (self.call)(ours, &Parameters::of(&closed), action).run();
        assert!(!(self.believes)(&run), "nobody was let in: {run:#?}");
        assert_eq!((closed.commands().as_str(), closed.power().as_str()), ("", "on"));
    }
}

/// What reaches a BMC: names of today, and values.
#[derive(Clone)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    pub fn of<B: Bmc>(bmc: &B) -> Self {
        let placeholders = bmc.placeholders();
        let parameter = |line: &&str| {
            let (name, value) = line.split_once('=').expect("a line");
            let fill = |value: String, (name, text): &(&str, String)| value.replace(name, text);
            (name.to_owned(), placeholders.iter().fold(value.to_owned(), fill))
        };
        Self(B::LINES.iter().map(parameter).collect())
    }

    /// With this one, whatever it was before.
    pub fn with(self, name: &str, value: &str) -> Self {
        let Self(mut parameters) = self.without(name);
        parameters.push((name.to_owned(), value.to_owned()));
        Self(parameters)
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// Whether it is on or off, and nothing else.
    pub fn is_switch(name: &str) -> bool {
        matches!(name, "lanplus" | "ssl_insecure")
    }

    /// By the old names, which agents still take.
    pub fn by_old_names(&self) -> Self {
        let old = |name: &str| match name {
            "ip" => "ipaddr".to_owned(),
            "username" => "login".to_owned(),
            "password" => "passwd".to_owned(),
            other => other.to_owned(),
        };
        Self(self.0.iter().map(|(name, value)| (old(name), value.clone())).collect())
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// `name=value`
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.iter().map(|(name, value)| format!("{name}={value}"))
    }

    pub fn value(&self, wanted: &str) -> &str {
        self.iter().find(|(name, _)| *name == wanted).expect("it is there").1
    }
}
