//! One run of the agent, and all that must be so afterwards, whatever the case.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use bmc_sim::Power;
use bmc_sim::redfish::RedfishEventKind;

use super::case::{Case, Outcome};
use crate::support::agent::{Agent, Run};
use crate::support::redfish_sim::{PASSWORD, RedfishSim, USER};

/// How long a machine may take to come on that is on its way when the agent ends.
const COMING_ON: Duration = Duration::from_secs(5);

/// Runs it, and tells all that is not as it should be.
pub fn run(mut case: Case) -> Result<(), String> {
    let change = std::mem::replace(&mut case.change, Box::new(|_| {}));
    let sim = RedfishSim::start_at(case.address, change);
    let folder = tempfile::tempdir().expect("a folder");
    let debug_file = folder.path().join("debug");
    let agent = Agent::at(env!("CARGO_BIN_EXE_fence_redfish"))
        .lines(sim.lines())
        .lines(&case.lines)
        .lines([format!("debug_file={}", debug_file.display())]);
    let ask = |action: &str| agent.clone().lines([format!("action={action}")]);
    if let Some(first) = case.first {
        assert_eq!(ask(first).run().code, Some(0), "{}", case.name());
    }
    let power = sim.power(case.system);
    let events = sim.happened().len();
    let run = carried_out(&ask(case.action), &case, &sim);
    let log = fs::read_to_string(&debug_file).unwrap_or_default();
    let trial = Trial { case: &case, sim: &sim, run: &run, power, events, log: &log };
    let wrong = trial.all_that_is_wrong();
    if wrong.is_empty() {
        return Ok(());
    }
    let said = format!("{run:#?}\n{:#?}\n{:#?}\n{log}", sim.happened(), sim.requests());
    Err(format!("{}:\n  {}\n{said}", case.name(), wrong.join("\n  ")))
}

fn carried_out(agent: &Agent, case: &Case, sim: &RedfishSim) -> Run {
    let running = agent.start();
    if let Some(hook) = &case.hook {
        sim.wait_for(hook.when);
        (hook.change)(sim);
    }
    running.finish()
}

struct Trial<'a> {
    case: &'a Case,
    sim: &'a RedfishSim,
    run: &'a Run,
    /// How the machine was when the agent was started, and how many events there were.
    power: Option<Power>,
    events: usize,
    /// What the debug file has.
    log: &'a str,
}

impl Trial<'_> {
    fn all_that_is_wrong(&self) -> Vec<String> {
        [
            self.ends_otherwise(),
            self.says_otherwise(),
            self.claims_what_was_not(),
            self.leaves_the_machine_otherwise(),
            self.touches_others(),
            self.counts_otherwise(),
            self.tells_secrets(),
            self.takes_too_long(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    fn ends_otherwise(&self) -> Option<String> {
        let (code, stdout) = (self.case.result.code(), self.case.result.stdout());
        let is_so = self.run.code == Some(code) && self.run.stdout == stdout;
        (!is_so).then(|| format!("wanted exit code {code} and {stdout:?}"))
    }

    /// A failure is one line; so is the remark to a success.
    fn says_otherwise(&self) -> Option<String> {
        let stderr = &self.run.stderr;
        let is_so = match self.case.result.words() {
            None => stderr.is_empty(),
            Some(words) => stderr.lines().count() == 1 && stderr.contains(words),
        };
        let is_plain = !stderr.trim_end().contains(char::is_control);
        (!is_so || !is_plain).then(|| format!("wanted {:?} on one line", self.case.result.words()))
    }

    /// The rule above all: what is printed was so.
    fn claims_what_was_not(&self) -> Option<String> {
        let claims = |words: &str| self.run.stdout.contains(words);
        let is_false = if claims("OFF") {
            !self.was_off()
        } else if claims("Rebooted") && self.case.action == "reboot" {
            !self.was_off() && !self.happened(RedfishEventKind::Restarted)
        } else if claims("Rebooted") {
            !self.happened(RedfishEventKind::DiagnosticInterrupt)
        } else if claims("Powered ON") || claims("Already ON") {
            !self.comes_on()
        } else {
            false
        };
        let is_false = is_false && !self.case.may_lie;
        is_false.then(|| format!("FALSE: it claims {:?}, and that was not so", self.run.stdout))
    }

    fn was_off(&self) -> bool {
        self.power == Some(Power::Off) || self.happened(RedfishEventKind::PowerOff)
    }

    /// Whether this happened to the machine since the agent was started.
    fn happened(&self, kind: fn(String) -> RedfishEventKind) -> bool {
        let kind = kind(self.case.system.to_owned());
        self.sim.happened().into_iter().skip(self.events).any(|happened| happened == kind)
    }

    /// PoweringOn counts as on, as for the Python agent: it comes on by itself.
    fn comes_on(&self) -> bool {
        let deadline = Instant::now() + COMING_ON;
        while self.sim.power(self.case.system) == Some(Power::Off) {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(Duration::from_millis(20));
        }
        true
    }

    fn leaves_the_machine_otherwise(&self) -> Option<String> {
        let wanted = self.case.wanted_power(self.power?);
        let is_so = match wanted {
            Power::On => self.comes_on(),
            Power::Off => self.sim.power(self.case.system) == Some(Power::Off),
        };
        (!is_so).then(|| format!("wanted the machine {wanted}"))
    }

    fn touches_others(&self) -> Option<String> {
        let mut happened = self.sim.happened().into_iter();
        let other = happened.find(|kind| match kind {
            RedfishEventKind::PowerOff(id)
            | RedfishEventKind::PowerOn(id)
            | RedfishEventKind::Restarted(id)
            | RedfishEventKind::DiagnosticInterrupt(id) => id != self.case.system,
            _ => false,
        });
        other.map(|kind| format!("this is another machine: {kind}"))
    }

    fn counts_otherwise(&self) -> Option<String> {
        let (wanted, is) = (&self.case.counts, self.sim.counts());
        let requests = self.sim.requests();
        let is_reset =
            |path: &str| path.trim_end_matches('/').ends_with("/Actions/ComputerSystem.Reset");
        let resets = requests.iter().filter(|r| r.method == "POST" && is_reset(&r.path)).count();
        let is_opened =
            |kind: &RedfishEventKind| matches!(kind, RedfishEventKind::SessionOpened { .. });
        let opened = self.sim.happened().iter().filter(|kind| is_opened(kind)).count();
        let is_so = is.sessions_open == wanted.sessions_left
            && wanted.resets.is_none_or(|wanted| wanted == resets)
            && wanted.connections.is_none_or(|wanted| wanted == is.connections)
            && wanted.requests.is_none_or(|wanted| wanted == is.requests)
            && wanted.sessions_opened.is_none_or(|wanted| wanted == opened);
        (!is_so).then(|| format!("counted {is:?}, {resets} resets, {opened} sessions opened"))
    }

    /// Neither the password, nor what Basic makes of it, nor a token, which has 32 hexadecimal digits.
    fn tells_secrets(&self) -> Option<String> {
        let said = format!("{}{}{}", self.run.stdout, self.run.stderr, self.log);
        let given = self.case.lines.iter().filter_map(|line| line.strip_prefix("password="));
        for password in given.chain([PASSWORD]) {
            let basic = base64(format!("{USER}:{password}").as_bytes());
            // The beginning is the user's name.
            let tail = &basic[basic.len() / 2..];
            if said.contains(password) || said.contains(tail) {
                return Some("it tells the password".to_owned());
            }
        }
        let is_token = |word: &str| word.len() == 32 && word.bytes().all(|b| b.is_ascii_hexdigit());
        let mut words = said.split(|letter: char| !letter.is_ascii_alphanumeric());
        words.find(|word| is_token(word)).map(|token| format!("it tells a token: {token}"))
    }

    fn takes_too_long(&self) -> Option<String> {
        let longest = self.case.longest();
        (self.run.took > longest).then(|| format!("it may take {longest:?}"))
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::prelude::BASE64_STANDARD.encode(bytes)
}

/// For the table.
pub fn told(result: Outcome) -> String {
    match result {
        Outcome::Success("") => "exit code 0".to_owned(),
        Outcome::Success(line) => format!("`{line}`"),
        Outcome::Warning(line, words) => format!("`{line}`, and an error in the log: `{words}`"),
        Outcome::Failure(words) => format!("fails: `{}`", words.trim_end_matches([' ', '(', ':'])),
    }
}
