//! One device that is kept ready: logged in, asked now and then, its commands one after the other.

mod queue;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fencing::{Error, Held, Port, PowerCommand, PowerState, Success};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::agents::Verdict;
use crate::config::{KEEP_ALIVE, KEEP_ALIVE_OF_PROGRAMS};
use crate::pause::Pause;
use crate::plan::Machine;
use queue::{Answer, Asker, Command, Job, Queue, Reading};

/// How many requests may wait for one device.
const MOST_WAITING: usize = 1024;
/// How long a question may take that nobody waits for: a login, and what a BMC that is slow needs on top of it.
const PROBE_TIME: Duration = Duration::from_secs(25);
/// How long a command that is under way may still take when the controller ends.
const LAST_COMMAND: Duration = Duration::from_secs(8);
/// How long after its deadline an answer is waited for that says what was seen.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// So many nodes are named where something is logged of their device.
const FEW: usize = 4;

/// A device that is kept, to be asked from elsewhere.
#[derive(Debug)]
pub(crate) struct Keeper {
    jobs: mpsc::Sender<Job>,
    reach: watch::Receiver<Reach>,
    ports: watch::Receiver<Option<Vec<Port>>>,
    machines: watch::Sender<Vec<Machine>>,
    retired: CancellationToken,
    ended: CancellationToken,
}

/// How a keeper goes about it.
#[derive(Debug)]
pub(crate) struct Settings {
    /// For the log.
    pub(crate) name: String,
    /// How often the device is asked, if anybody says so.
    pub(crate) keepalive: Option<Duration>,
    /// Whether it is asked which machines it has.
    pub(crate) lists: bool,
    /// Its machines that are known by now.
    pub(crate) machines: Vec<Machine>,
    /// So that a thousand devices are not all logged in to at once.
    pub(crate) probes: Arc<Semaphore>,
    /// Told whenever something is known anew.
    pub(crate) news: Arc<watch::Sender<()>>,
    /// What has to be over first: the end of another keeper of the same device.
    pub(crate) after: CancellationToken,
    /// The end of the controller.
    pub(crate) stop: CancellationToken,
}

/// Whether a device answers.
#[derive(Clone, Debug)]
pub(crate) enum Reach {
    /// It was not asked yet.
    Unknown,
    /// It answered, the last time then.
    Reachable { at: Instant },
    /// It does not answer, since then.
    Unreachable {
        since: Instant,
        reason: Arc<str>,
        /// Whether it is there, and does not let us in.
        is_denied: bool,
    },
}

impl Reach {
    pub(crate) fn is_reachable(&self) -> bool {
        matches!(self, Self::Reachable { .. })
    }
}

/// Why something was not done.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The device, or its agent, says so.
    #[error("{reason}")]
    Device {
        reason: Arc<str>,
        /// Whether the device was reached at all, if that is known.
        reached: Option<bool>,
    },
    /// Its turn did not come in time.
    #[error("timed out waiting for earlier commands to the same device; nothing was done")]
    NoTurn,
    /// It took too long.
    #[error("timed out; {0}")]
    TimedOut(&'static str),
    /// The name has another machine now.
    #[error("the targets have changed meanwhile, and with them this one; nothing was done")]
    Moved,
    /// Too many wait.
    #[error("more than {MOST_WAITING} requests wait for the device; nothing was done")]
    Full,
    /// The controller ends, or has done with this device.
    #[error("the controller gives the device back; {0}")]
    GivenBack(&'static str),
}

impl Failure {
    /// Whether the device was reached, if that is known.
    pub(crate) fn is_reached(&self) -> Option<bool> {
        match self {
            Self::Device { reached, .. } => *reached,
            _ => None,
        }
    }

    fn of(error: &Error) -> Self {
        let reached = match Verdict::of(error) {
            Verdict::Reached => Some(true),
            Verdict::OutOfReach | Verdict::Denied => Some(false),
            Verdict::Unknown => None,
        };
        Self::Device { reason: error.to_string().into(), reached }
    }
}

/// Tells whether a machine that is to be switched is the one still that is meant.
pub(crate) type IsCurrent = Arc<dyn Fn() -> bool + Send + Sync>;

/// A success, as it is handed to all who asked for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) done: String,
    pub(crate) warning: Option<String>,
}

impl From<&Success> for Carried {
    fn from(success: &Success) -> Self {
        let warning = success.warning().map(|warning| warning.to_string());
        Self { done: success.to_string(), warning }
    }
}

impl Keeper {
    /// Begins to keep a device.
    pub(crate) fn start(held: Held, mut settings: Settings) -> Self {
        let (jobs, inbox) = mpsc::channel(MOST_WAITING);
        let (reach, seen_reach) = watch::channel(Reach::Unknown);
        let (ports, seen_ports) = watch::channel(None);
        let (machines, seen_machines) = watch::channel(std::mem::take(&mut settings.machines));
        // Of whatever ends the controller, it hears as well.
        let retired = settings.stop.child_token();
        let keeping = Keeping {
            keepalive: settings.keepalive.unwrap_or(if held.keeps_session() {
                KEEP_ALIVE
            } else {
                KEEP_ALIVE_OF_PROGRAMS
            }),
            held,
            settings,
            inbox,
            queue: Queue::default(),
            reach,
            ports,
            machines: seen_machines,
            retired: retired.clone(),
            pause: Pause::default(),
            next_probe: Instant::now(),
            turn: 0,
        };
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        tokio::spawn(async move {
            keeping.run().await;
            drop(guard);
        });
        Self { jobs, reach: seen_reach, ports: seen_ports, machines, retired, ended }
    }

    /// Switches a machine. Who asks for the same before it is begun shares it. It is not begun if by then another
    /// machine is meant.
    pub(crate) async fn command(
        &self,
        machine: Machine,
        command: PowerCommand,
        deadline: Instant,
        is_current: IsCurrent,
    ) -> Result<Carried, Failure> {
        let (asker, answer) = Asker::new();
        let askers = vec![asker];
        let job = Job::Command(Command { machine, command, deadline, is_current, askers });
        self.ask(job, answer, deadline, "the power state is not known").await
    }

    /// Reads a power state.
    pub(crate) async fn status(
        &self,
        plug: Option<String>,
        deadline: Instant,
    ) -> Result<PowerState, Failure> {
        let (asker, answer) = Asker::new();
        let job = Job::Reading(Reading::Status { plug, deadline, asker });
        self.ask(job, answer, deadline, "nothing was read").await
    }

    /// Asks the device whether it is there, now.
    pub(crate) async fn probe(&self, deadline: Instant) -> Result<(), Failure> {
        let (asker, answer) = Asker::new();
        let job = Job::Reading(Reading::Probe { deadline, askers: vec![asker] });
        self.ask(job, answer, deadline, "nothing was answered").await
    }

    async fn ask<T>(
        &self,
        job: Job,
        answer: Answer<T>,
        deadline: Instant,
        meaning: &'static str,
    ) -> Result<T, Failure> {
        // Questions leave room for commands.
        let is_question = matches!(job, Job::Reading(_));
        if is_question && self.jobs.capacity() <= MOST_WAITING / 2 {
            return Err(Failure::Full);
        }
        match self.jobs.try_send(job) {
            // The keeper, which knows what was seen, answers by the deadline itself.
            Ok(()) => answer.by(deadline, LAST_WORDS, meaning).await,
            Err(TrySendError::Full(_)) => Err(Failure::Full),
            Err(TrySendError::Closed(_)) => Err(Failure::GivenBack("nothing was done")),
        }
    }

    /// Has a device that does not answer, or does not let us in, asked again now: there may be something new.
    pub(crate) fn wake(&self) {
        // Where it is busy with other requests it is awake.
        let _ = self.jobs.try_send(Job::Wake);
    }

    /// Whether the device answers, as far as is known.
    pub(crate) fn reach(&self) -> Reach {
        self.reach.borrow().clone()
    }

    /// The machines that the device has listed last, if it did.
    pub(crate) fn ports(&self) -> Option<Vec<Port>> {
        self.ports.borrow().clone()
    }

    /// Tells it which machines are behind the device now: one of them is asked for at a time, in turn, and they are
    /// named in the log.
    pub(crate) fn know(&self, machines: Vec<Machine>) {
        self.machines.send_replace(machines);
    }

    /// Ends it: it carries out the commands that it has taken and that mean the same machine still, and gives the
    /// session back. At the end of the controller it has less time: what is not begun is refused, and a command that is
    /// under way comes to its end if that is near.
    pub(crate) fn retire(&self) {
        self.retired.cancel();
    }

    /// Tells when it has ended.
    pub(crate) fn ended(&self) -> CancellationToken {
        self.ended.clone()
    }
}

/// The task of a keeper.
struct Keeping {
    held: Held,
    settings: Settings,
    keepalive: Duration,
    inbox: mpsc::Receiver<Job>,
    queue: Queue,
    reach: watch::Sender<Reach>,
    ports: watch::Sender<Option<Vec<Port>>>,
    machines: watch::Receiver<Vec<Machine>>,
    retired: CancellationToken,
    pause: Pause,
    /// When the device is asked next, if nobody wants anything of it before.
    next_probe: Instant,
    /// Which of its machines is asked for next.
    turn: usize,
}

impl Keeping {
    async fn run(mut self) {
        // Also by one that is retired already: who comes after it relies on the end of all before.
        self.settings.after.cancelled().await;
        while !self.is_done() {
            if let Some(command) = self.queue.next_command(Instant::now()) {
                self.serve(command).await;
            } else if let Some(reading) = self.queue.next_reading(Instant::now()) {
                self.read(reading).await;
            } else {
                tokio::select! {
                    biased;
                    () = self.retired.cancelled() => {}
                    Some(job) = self.inbox.recv() => self.queue.push(job),
                    () = sleep_until(self.next_probe) => self.keep_alive().await,
                }
            }
        }
        self.queue.refuse_all(&Failure::GivenBack("nothing was done"));
        self.held.close().await;
        log::info!("{}", self.about("the device is given back"));
    }

    /// Takes in what was asked for, and tells whether there is nothing to be done any more.
    fn is_done(&mut self) -> bool {
        if self.retired.is_cancelled() {
            self.inbox.close();
        }
        self.take_in();
        if self.queue.take_wake() {
            self.pause = Pause::default();
            self.next_probe = Instant::now();
            // Who reloads may well have exchanged the board that is refused.
            if !self.reach.borrow().is_reachable() && self.held.accept_another() {
                let news = "another BMC than before was refused, and is taken now";
                log::warn!("{}", self.about(news));
            }
        }
        if self.retired.is_cancelled() {
            self.queue.refuse_readings(&Failure::GivenBack("nothing was read"));
        }
        self.settings.stop.is_cancelled()
            || self.retired.is_cancelled() && !self.queue.has_command()
    }

    fn take_in(&mut self) {
        while let Ok(job) = self.inbox.try_recv() {
            self.queue.push(job);
        }
    }

    async fn serve(&mut self, command: Command) {
        let Command { machine, command, deadline, askers, .. } = command;
        let answer = self.command(&machine, command, deadline).await;
        for asker in askers {
            asker.tell(answer.clone());
        }
    }

    /// A command is given up for nothing but its deadline and, after a moment, the end of the controller.
    async fn command(
        &mut self,
        machine: &Machine,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Carried, Failure> {
        let (node, place) = (machine.node.escape_debug(), self.place(machine));
        log::info!("{node}: {command} begins ({place})");
        let time = deadline.saturating_duration_since(Instant::now());
        let stop = self.settings.stop.clone();
        let end = async {
            stop.cancelled().await;
            sleep(LAST_COMMAND).await;
        };
        let result = tokio::select! {
            biased;
            result = self.held.command(machine.plug.as_deref(), command, deadline) => result,
            () = end => {
                log::error!("{node}: {command} was broken off, because the controller ends ({place})");
                return Err(Failure::GivenBack("the power state is not known"));
            }
        };
        match &result {
            Ok(success) => {
                log::info!("{node}: {success} ({place})");
                if let Some(warning) = success.warning() {
                    log::warn!("{node}: {warning} ({place})");
                }
            }
            Err(error) => log::error!("{node}: {command} failed: {error} ({place})"),
        }
        let error = result.as_ref().err();
        self.note(error.map(|error| (Verdict::of_machine(error, time), error)));
        result.as_ref().map(Carried::from).map_err(Failure::of)
    }

    /// Reads what somebody asked for. A command that comes meanwhile goes first.
    async fn read(&mut self, reading: Reading) {
        if let Some(failure) = self.left_alone() {
            return reading.refuse(&failure);
        }
        let asking = match &reading {
            Reading::Status { plug, deadline, .. } => Asking::Status(plug.clone(), *deadline),
            Reading::Probe { deadline, .. } => self.asking_whether_it_is_there(*deadline),
        };
        let time = asking.time();
        let verdict = |error: &Error| match &reading {
            Reading::Status { .. } => Verdict::of_machine(error, time),
            Reading::Probe { .. } => Verdict::of_question(error),
        };
        let Some(read) = self.ask_unless_commanded(asking, verdict).await else {
            return self.queue.put_back(reading);
        };
        let read = read.map_err(|error| Failure::of(&error));
        match (reading, read) {
            (Reading::Status { asker, .. }, Ok(Read::State(state))) => asker.tell(Ok(state)),
            (Reading::Probe { askers, .. }, Ok(_)) => {
                askers.into_iter().for_each(|asker| asker.tell(Ok(())));
            }
            (reading, Err(failure)) => reading.refuse(&failure),
            (Reading::Status { .. }, Ok(_)) => {}
        }
    }

    /// What is told instead of asking a device that does not let us in.
    fn left_alone(&self) -> Option<Failure> {
        let wait = self.next_probe.checked_duration_since(Instant::now())?;
        match &*self.reach.borrow() {
            Reach::Unreachable { reason, is_denied: true, .. } if self.pause.is_for_denial() => {
                let seconds = wait.as_secs() + 1;
                let reason = format!(
                    "{reason}; so that it does not lock the user out, it is asked again in {seconds} s, or after a reload"
                );
                Some(Failure::Device { reason: reason.into(), reached: Some(false) })
            }
            _ => None,
        }
    }

    /// Asks the device when it is due.
    async fn keep_alive(&mut self) {
        let probes = Arc::clone(&self.settings.probes);
        // A session that lives is not kept waiting by logins to BMCs that are dead.
        let is_login = !self.reach.borrow().is_reachable();
        let _permit = tokio::select! {
            biased;
            () = self.retired.cancelled() => return,
            Some(job) = self.inbox.recv() => return self.queue.push(job),
            permit = probes.acquire(), if is_login => Some(permit),
            () = std::future::ready(()), if !is_login => None,
        };
        let asking = self.asking_whether_it_is_there(Instant::now() + PROBE_TIME);
        self.ask_unless_commanded(asking, Verdict::of_question).await;
    }

    /// The answer; or `None` where a command has come, or the end, which the reading makes way for.
    async fn ask_unless_commanded(
        &mut self,
        asking: Asking,
        verdict: impl Fn(&Error) -> Verdict,
    ) -> Option<Result<Read, Error>> {
        let read = {
            let Self { held, inbox, queue, retired, .. } = self;
            let mut asked = pin!(asking.ask(held));
            loop {
                tokio::select! {
                    biased;
                    () = retired.cancelled() => return None,
                    Some(job) = inbox.recv() => {
                        queue.push(job);
                        if queue.has_command() {
                            return None;
                        }
                    }
                    read = asked.as_mut() => break read,
                }
            }
        };
        self.note(read.as_ref().err().map(|error| (verdict(error), error)));
        if let Ok(Read::Ports(ports)) = &read {
            let before = self.ports.send_replace(Some(ports.clone()));
            if before.is_some_and(|before| names(&before) != names(ports)) {
                // Machines may be known there by names that have moved.
                self.held.close().await;
            }
            self.settings.news.send_replace(());
        }
        Some(read)
    }

    /// The least that keeps a device awake: one reading.
    fn asking_whether_it_is_there(&mut self, deadline: Instant) -> Asking {
        if self.settings.lists {
            return Asking::List(deadline);
        }
        let machines = self.machines.borrow();
        let plugs: Vec<_> = machines.iter().filter_map(|machine| machine.plug.as_ref()).collect();
        if plugs.is_empty() || !self.held.keeps_session() {
            return Asking::Monitor(deadline);
        }
        self.turn = self.turn.wrapping_add(1) % plugs.len();
        Asking::Status(plugs.get(self.turn).copied().cloned(), deadline)
    }

    /// Notes whether the device answered.
    fn note(&mut self, failure: Option<(Verdict, &Error)>) {
        match failure {
            Some((Verdict::Unknown, _)) => {
                // The device itself is asked soon, after what else is to be done, however often that comes to nothing.
                if !self.pause.is_for_denial() {
                    self.next_probe = self.next_probe.min(Instant::now() + Pause::FIRST);
                }
                return;
            }
            None | Some((Verdict::Reached, _)) => self.note_answer(),
            Some((verdict, error)) => self.note_silence(verdict == Verdict::Denied, error),
        }
        self.next_probe = Instant::now() + self.pause.length().unwrap_or(self.keepalive);
        self.settings.news.send_replace(());
    }

    fn note_answer(&mut self) {
        if !self.reach.borrow().is_reachable() {
            log::info!("{}", self.about("the device answers"));
        }
        self.pause = Pause::default();
        self.reach.send_replace(Reach::Reachable { at: Instant::now() });
    }

    fn note_silence(&mut self, is_denied: bool, error: &Error) {
        self.pause.note(is_denied);
        let reason: Arc<str> = error.to_string().into();
        let (since, is_known) = match &*self.reach.borrow() {
            Reach::Unreachable { since, reason: known, .. } => (*since, is_same(known, &reason)),
            _ => (Instant::now(), false),
        };
        if !is_known {
            log::error!("{}", self.about(&format!("the device cannot be used: {reason}")));
        }
        self.reach.send_replace(Reach::Unreachable { since, reason, is_denied });
    }

    fn place(&self, machine: &Machine) -> String {
        let name = &self.settings.name;
        match &machine.plug {
            Some(plug) => format!("{name}, plug {}", plug.escape_debug()),
            None => name.clone(),
        }
    }

    /// What is said of the device, with the nodes that it concerns if they are few.
    fn about(&self, what: &str) -> String {
        let (name, machines) = (&self.settings.name, self.machines.borrow());
        if !(1..=FEW).contains(&machines.len()) {
            return format!("{name}: {what}");
        }
        let nodes: Vec<_> = machines.iter().map(|machine| machine.node.as_str()).collect();
        format!("{}: {what} ({name})", nodes.join(", ").escape_debug())
    }
}

/// Whether two reasons differ in nothing but numbers, such as how long something was waited for: that is no news.
fn is_same(one: &str, other: &str) -> bool {
    without_numbers(one).eq(without_numbers(other))
}

fn without_numbers(reason: &str) -> impl Iterator<Item = char> {
    reason.chars().filter(|c| !c.is_ascii_digit() && *c != '.')
}

fn names(ports: &[Port]) -> Vec<(&str, Option<&str>)> {
    ports.iter().map(|port| (port.name.as_str(), port.alias.as_deref())).collect()
}

/// Something to be asked of a device, by when.
enum Asking {
    Status(Option<String>, Instant),
    Monitor(Instant),
    List(Instant),
}

/// What it answered.
enum Read {
    State(PowerState),
    There,
    Ports(Vec<Port>),
}

impl Asking {
    /// How long it may take from now on.
    fn time(&self) -> Duration {
        let (Self::Status(_, deadline) | Self::Monitor(deadline) | Self::List(deadline)) = self;
        deadline.saturating_duration_since(Instant::now())
    }

    async fn ask(self, held: &mut Held) -> Result<Read, Error> {
        match self {
            Self::Status(plug, deadline) => {
                held.status(plug.as_deref(), deadline).await.map(Read::State)
            }
            Self::Monitor(deadline) => held.monitor(deadline).await.map(|()| Read::There),
            Self::List(deadline) => held.list(deadline).await.map(Read::Ports),
        }
    }
}
