//! The same input through the Python agent and through ours, each against a BMC of its own in the same state.

mod ipmi;
pub mod redfish;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use super::agent::{Agent, Run};
use super::wait::{PATIENCE, wait_for};

/// A kind of BMC with a machine behind it, and the agent that speaks to it.
pub trait Bmc: Sized {
    /// What one can be like.
    type Setup: Clone + Default + fmt::Debug + Send + Sync;
    /// The first name of the agent.
    const AGENT: &'static str;
    /// What an agent needs to reach it, unless the case says otherwise: on standard input, and on the command line.
    const LINES: &'static [&'static str];
    const ARGUMENTS: &'static str;

    fn start(setup: &Self::Setup, is_on: bool) -> Self;

    /// Like others, but that this is its user's password.
    fn with_password(password: &'static str) -> Self::Setup;

    /// Like others, but that the machine behind it does not go off.
    fn never_off() -> Self::Setup;

    /// Like others, but that the machine behind it follows a command only after [`LATE`].
    fn late() -> Self::Setup;

    /// What stands in inputs for what is known only when it runs: `{port}`.
    fn placeholders(&self) -> Vec<(&'static str, String)>;

    /// The commands that the machine got so far, such as `off on`.
    fn commands(&self) -> String;

    /// Comes back when the machine has got a command.
    #[track_caller]
    fn wait_for_command(&self) {
        wait_for("a command", PATIENCE, || (!self.commands().is_empty()).then_some(()));
    }

    /// What power the machine has now: `on` or `off`.
    fn power(&self) -> String;

    /// Comes back when a cycle is over, for which the Python agent does not wait.
    fn wait_for_cycle(&self) {}
}

/// More than most limits in these tests.
pub const LATE: Duration = Duration::from_secs(3);

/// An input, and what is to come of it.
#[derive(Clone, Debug)]
pub struct Case<B: Bmc> {
    pub name: &'static str,
    called: &'static str,
    setup: B::Setup,
    starts_on: bool,
    without: &'static [&'static str],
    input: Input,
    environment: Option<(&'static str, &'static str)>,
    cycles: bool,
    expectation: Expectation,
}

#[derive(Clone, Debug)]
enum Input {
    Lines(&'static [&'static str]),
    CommandLine(&'static str),
}

#[derive(Clone, Debug)]
enum Expectation {
    /// Code, standard output, commands and power.
    Same,
    /// All but the words on standard output, which are each agent's own.
    SameButWords,
    Differs(Difference),
}

/// A difference that is meant to be.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Its name in docs/differences.md.
    pub id: &'static str,
    python: Outcome,
    ours: Outcome,
}

/// What a run comes to: exit code, standard output, and the commands that the machine gets, such as `off on`.
pub type Outcome = (i32, &'static str, &'static str);

/// A machine that is on when the agent is started.
pub fn on<B: Bmc>(name: &'static str) -> Case<B> {
    Case {
        name,
        called: B::AGENT,
        setup: B::Setup::default(),
        starts_on: true,
        without: &[],
        input: Input::Lines(&[]),
        environment: None,
        cycles: false,
        expectation: Expectation::Same,
    }
}

/// A machine that is off when the agent is started.
pub fn off<B: Bmc>(name: &'static str) -> Case<B> {
    Case { starts_on: false, ..on(name) }
}

impl<B: Bmc> Case<B> {
    /// On standard input, after the lines that reach the BMC.
    pub fn lines(self, lines: &'static [&'static str]) -> Self {
        Self { input: Input::Lines(lines), ..self }
    }

    /// Words between blanks; `''` is an empty one, `{bmc}` what reaches the BMC.
    pub fn command_line(self, text: &'static str) -> Self {
        Self { input: Input::CommandLine(text), ..self }
    }

    /// Leaves out some of the lines that reach the BMC.
    pub fn without(self, names: &'static [&'static str]) -> Self {
        Self { without: names, ..self }
    }

    pub fn called(self, name: &'static str) -> Self {
        Self { called: name, ..self }
    }

    pub fn environment(self, name: &'static str, value: &'static str) -> Self {
        Self { environment: Some((name, value)), ..self }
    }

    pub fn setup(self, setup: B::Setup) -> Self {
        Self { setup, ..self }
    }

    /// Looks at the machine only when a cycle is over, which the Python agent does not wait for.
    pub fn cycles(self) -> Self {
        Self { cycles: true, ..self }
    }

    pub fn same_but_words(self) -> Self {
        Self { expectation: Expectation::SameButWords, ..self }
    }

    /// Of the Python agent's output the beginning is enough.
    pub fn differs(self, id: &'static str, python: Outcome, ours: Outcome) -> Self {
        Self { expectation: Expectation::Differs(Difference { id, python, ours }), ..self }
    }

    pub fn difference(&self) -> Option<Difference> {
        match self.expectation {
            Expectation::Differs(difference) => Some(difference),
            Expectation::Same | Expectation::SameButWords => None,
        }
    }

    fn check(&self) -> Result<(), String> {
        let python = self.try_with(Agent::python(self.called));
        let ours = self.try_with(Agent::ours_called(self.called));
        let is_met = match &self.expectation {
            Expectation::Same => python.result() == ours.result_as_often_as(&python),
            Expectation::SameButWords => python.without_words() == ours.without_words(),
            Expectation::Differs(difference) => {
                python.begins_as(difference.python) && ours.is(difference.ours)
            }
        };
        let Self { name, expectation, .. } = self;
        if is_met && ours.is_well_told() {
            return Ok(());
        }
        Err(format!("{name}: wanted {expectation:?}\n  Python {python}\n  ours   {ours}"))
    }

    fn try_with(&self, agent: Agent) -> Trial {
        let bmc = B::start(&self.setup, self.starts_on);
        let placeholders = bmc.placeholders();
        let filled = |text: &str| {
            let fill = |text: String, (name, value): &(&str, String)| text.replace(name, value);
            placeholders.iter().fold(text.to_owned(), fill)
        };
        let agent = match self.input {
            Input::Lines(lines) => agent.lines(self.lines_with(lines).map(filled)),
            Input::CommandLine(text) => agent.arguments(words::<B>(text).iter().map(|w| filled(w))),
        };
        let agent = match self.environment {
            Some((name, value)) => agent.environment(name, &filled(value)),
            None => agent,
        };
        let run = agent.run();
        if self.cycles {
            bmc.wait_for_cycle();
        }
        Trial { run, commands: bmc.commands(), power: bmc.power() }
    }

    fn lines_with(&self, lines: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
        let is_left_out = |line: &&str| {
            self.without.iter().any(|name| line.split('=').next().is_some_and(|key| key == *name))
        };
        B::LINES.iter().copied().filter(move |line| !is_left_out(line)).chain(lines.iter().copied())
    }
}

fn words<B: Bmc>(text: &str) -> Vec<String> {
    let text = text.replace("{bmc}", B::ARGUMENTS);
    text.split(' ').map(|word| if word == "''" { "" } else { word }.to_owned()).collect()
}

/// Without those that repeat the one before.
pub fn different(commands: &str) -> Vec<&str> {
    let mut commands: Vec<_> = commands.split(' ').collect();
    commands.dedup();
    commands
}

/// What came of an input.
#[derive(Debug)]
struct Trial {
    run: Run,
    commands: String,
    power: String,
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { run: Run { code, stdout, stderr, took }, commands, power } = self;
        write!(f, "{code:?} {stdout:?}, commands {commands:?}, ends {power}, {took:.1?}\n{stderr}")
    }
}

impl Trial {
    fn result(&self) -> (Option<i32>, &str, &str, &str) {
        (self.run.code, &self.run.stdout, &self.commands, &self.power)
    }

    /// A BMC on a busy machine may acknowledge a command so late that ours has sent it again.
    fn result_as_often_as<'a>(
        &'a self,
        other: &'a Self,
    ) -> (Option<i32>, &'a str, &'a str, &'a str) {
        let is_same = different(&self.commands) == different(&other.commands);
        let commands = if is_same { &other.commands } else { &self.commands };
        (self.run.code, &self.run.stdout, commands, &self.power)
    }

    fn without_words(&self) -> (Option<i32>, bool, &str, &str) {
        (self.run.code, self.run.stdout.is_empty(), &self.commands, &self.power)
    }

    fn is(&self, (code, stdout, commands): Outcome) -> bool {
        self.run.code == Some(code) && self.run.stdout == stdout && self.commands == commands
    }

    /// A failure is one message that says so, and a success none.
    fn is_well_told(&self) -> bool {
        let failures = self.run.stderr.matches(" ERROR: Failed: ").count();
        match self.run.code {
            Some(1) => failures == 1,
            Some(0 | 2) => failures == 0,
            _ => false,
        }
    }

    fn begins_as(&self, (code, stdout, commands): Outcome) -> bool {
        let begins = self.run.stdout.starts_with(stdout);
        self.run.code == Some(code)
            && begins
            && self.run.stdout.is_empty() == stdout.is_empty()
            && self.commands == commands
    }
}

/// Checks every case, and tells of all that fail.
#[track_caller]
pub fn compare<B: Bmc>(cases: Vec<Case<B>>) {
    assert_names_are_unique(&cases);
    check_all(cases, Case::check);
}

/// Checks every row of a table, a few at a time, and tells of all that fail.
#[track_caller]
pub fn check_all<T: Send>(rows: Vec<T>, check: impl Fn(&T) -> Result<(), String> + Sync) {
    let left = Mutex::new(rows.into_iter());
    let failures = Mutex::new(Vec::new());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    thread::scope(|scope| {
        for _ in 0..Places::ALL {
            scope.spawn(|| {
                while let Some(row) = next() {
                    let _place = PLACES.take();
                    if let Err(failure) = check(&row) {
                        failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n\n"));
}

fn assert_names_are_unique<B: Bmc>(cases: &[Case<B>]) {
    let names: BTreeSet<_> = cases.iter().map(|case| case.name).collect();
    assert_eq!(names.len(), cases.len(), "two cases of a table have the same name");
}

/// Bounds what all tables together run at a time: more would only make time-outs of the Python agents' tools happen.
struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

static PLACES: Places = Places { free: Mutex::new(Places::ALL), freed: Condvar::new() };

struct Place<'a>(&'a Places);

impl Places {
    const ALL: usize = 4;

    fn take(&self) -> Place<'_> {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.freed.wait_while(free, |free| *free == 0).unwrap_or_else(PoisonError::into_inner);
        *free -= 1;
        Place(self)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.0.freed.notify_one();
    }
}
