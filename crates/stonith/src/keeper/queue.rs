//! What waits for a device: commands in the order in which they came, and before everything else; then readings.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fencing::{PowerCommand, PowerState};
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::{Carried, Failure, IsCurrent};
use crate::plan::Machine;

/// Something to be done with the device.
#[derive(Debug)]
pub(super) enum Job {
    Command(Command),
    Reading(Reading),
    /// The device is to be asked again, however long it was to be left alone.
    Wake,
}

/// Somebody who waits for an answer.
#[derive(Debug)]
pub(super) struct Asker<T> {
    reply: oneshot::Sender<Result<T, Failure>>,
    has_turn: Arc<AtomicBool>,
}

/// The answer that somebody waits for.
#[derive(Debug)]
pub(super) struct Answer<T> {
    reply: oneshot::Receiver<Result<T, Failure>>,
    has_turn: Arc<AtomicBool>,
}

impl<T> Asker<T> {
    pub(super) fn new() -> (Self, Answer<T>) {
        let (sender, receiver) = oneshot::channel();
        let has_turn = Arc::new(AtomicBool::new(false));
        let asker = Self { reply: sender, has_turn: Arc::clone(&has_turn) };
        (asker, Answer { reply: receiver, has_turn })
    }

    /// To be called before anything is begun for them. Whether they still wait.
    fn take_turn(&self) -> bool {
        // Before the look, so that whoever has gone before it was set has seen that it was not.
        self.has_turn.store(true, Ordering::SeqCst);
        !self.reply.is_closed()
    }

    pub(super) fn tell(self, answer: Result<T, Failure>) {
        let _ = self.reply.send(answer);
    }
}

impl<T> Answer<T> {
    /// The answer, as soon as it is there. Where nothing was begun by the deadline, nothing will be; where something
    /// was, what was seen is waited for a little longer.
    pub(super) async fn by(
        mut self,
        deadline: Instant,
        last_words: Duration,
        meaning: &'static str,
    ) -> Result<T, Failure> {
        let answered = timeout_at(deadline, &mut self.reply).await;
        let answered = match answered {
            Err(_) if !self.has_turn.load(Ordering::SeqCst) => {
                self.reply.close();
                // It may have been begun just now.
                if !self.has_turn.load(Ordering::SeqCst) {
                    return Err(Failure::NoTurn);
                }
                timeout_at(deadline + last_words, &mut self.reply).await
            }
            Err(_) => timeout_at(deadline + last_words, &mut self.reply).await,
            answered => answered,
        };
        match answered {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(Failure::GivenBack(meaning)),
            Err(_) => Err(Failure::TimedOut(meaning)),
        }
    }
}

/// A machine to be switched.
pub(super) struct Command {
    pub(super) machine: Machine,
    pub(super) command: PowerCommand,
    pub(super) deadline: Instant,
    pub(super) is_current: IsCurrent,
    pub(super) askers: Vec<Asker<Carried>>,
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {:?} for {}", self.command, self.machine, self.askers.len())
    }
}

/// Something to be read.
#[derive(Debug)]
pub(super) enum Reading {
    /// The power state of a machine.
    Status { plug: Option<String>, deadline: Instant, asker: Asker<PowerState> },
    /// Whether the device is there.
    Probe { deadline: Instant, askers: Vec<Asker<()>> },
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    commands: VecDeque<Command>,
    readings: VecDeque<Reading>,
    has_wake: bool,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        match job {
            Job::Command(command) => self.commands.push_back(command),
            Job::Reading(reading) => self.readings.push_back(reading),
            Job::Wake => self.has_wake = true,
        }
    }

    /// Whether the device is to be asked again; once.
    pub(super) fn take_wake(&mut self) -> bool {
        std::mem::take(&mut self.has_wake)
    }

    /// Puts a reading that made way for a command back to its place.
    pub(super) fn put_back(&mut self, reading: Reading) {
        self.readings.push_front(reading);
    }

    pub(super) fn has_command(&self) -> bool {
        !self.commands.is_empty()
    }

    /// The next command. What was asked for several times before it is begun is done once, and answered to all of them;
    /// unless another command to the same machine came in between.
    ///
    /// What nobody waits for any more, or whose time is over, is not begun: a node that is cut off long after its
    /// cluster has given up may have come back by then.
    pub(super) fn next_command(&mut self, now: Instant) -> Option<Command> {
        let mut next = loop {
            let mut command = self.commands.pop_front()?;
            command.askers.retain(Asker::take_turn);
            if command.askers.is_empty() {
                continue;
            }
            let failure = match command.deadline > now {
                true if (command.is_current)() => break command,
                true => Failure::Moved,
                false => Failure::NoTurn,
            };
            refuse(command.askers, &failure);
        };
        let mut others = VecDeque::new();
        let mut is_same = true;
        for mut other in self.commands.drain(..) {
            let is_same_machine = other.machine.plug == next.machine.plug;
            is_same &= !is_same_machine || other.command == next.command;
            if is_same && is_same_machine {
                other.askers.retain(Asker::take_turn);
                if !(other.is_current)() {
                    refuse(other.askers, &Failure::Moved);
                } else if !other.askers.is_empty() {
                    next.deadline = next.deadline.max(other.deadline);
                    next.askers.append(&mut other.askers);
                }
            } else {
                others.push_back(other);
            }
        }
        self.commands = others;
        Some(next)
    }

    /// The next reading; all who ask whether the device is there get one answer.
    pub(super) fn next_reading(&mut self, now: Instant) -> Option<Reading> {
        loop {
            match self.readings.pop_front()? {
                Reading::Status { asker, .. } if !asker.take_turn() => {}
                Reading::Status { deadline, asker, .. } if deadline <= now => {
                    asker.tell(Err(Failure::NoTurn));
                }
                Reading::Probe { deadline, askers } => {
                    if let Some(probe) = self.merged(deadline, askers, now) {
                        return Some(probe);
                    }
                }
                status => return Some(status),
            }
        }
    }

    fn merged(
        &mut self,
        mut latest: Instant,
        mut all: Vec<Asker<()>>,
        now: Instant,
    ) -> Option<Reading> {
        let mut others = VecDeque::new();
        for reading in self.readings.drain(..) {
            match reading {
                Reading::Probe { deadline, askers } => {
                    latest = latest.max(deadline);
                    all.extend(askers);
                }
                status => others.push_back(status),
            }
        }
        self.readings = others;
        all.retain(Asker::take_turn);
        if latest <= now {
            refuse(all, &Failure::NoTurn);
            return None;
        }
        (!all.is_empty()).then_some(Reading::Probe { deadline: latest, askers: all })
    }

    /// Answers all that wait.
    pub(super) fn refuse_all(&mut self, failure: &Failure) {
        for command in self.commands.drain(..) {
            refuse(command.askers, failure);
        }
        self.refuse_readings(failure);
    }

    /// Answers those that wait for a reading.
    pub(super) fn refuse_readings(&mut self, failure: &Failure) {
        for reading in self.readings.drain(..) {
            reading.refuse(failure);
        }
    }
}

impl Reading {
    pub(super) fn refuse(self, failure: &Failure) {
        match self {
            Self::Status { asker, .. } => asker.tell(Err(failure.clone())),
            Self::Probe { askers, .. } => refuse(askers, failure),
        }
    }
}

fn refuse<T>(askers: Vec<Asker<T>>, failure: &Failure) {
    for asker in askers {
        asker.tell(Err(failure.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(plug: &str, command: PowerCommand, deadline: Instant) -> (Job, Answer<Carried>) {
        let (asker, answer) = Asker::new();
        let machine = Machine { node: "node".to_owned(), plug: Some(plug.to_owned()) };
        let is_current: IsCurrent = Arc::new(|| true);
        let askers = vec![asker];
        (Job::Command(Command { machine, command, deadline, is_current, askers }), answer)
    }

    /// What is done, in order: machine, command, and for how many.
    fn done(queue: &mut Queue, now: Instant) -> Vec<(String, PowerCommand, usize)> {
        let next = std::iter::from_fn(|| queue.next_command(now));
        next.map(|c| (c.machine.plug.unwrap(), c.command, c.askers.len())).collect()
    }

    #[tokio::test]
    async fn what_is_asked_for_twice_is_done_once_but_never_out_of_order() {
        use PowerCommand::{Off, On, Reboot};
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for (plug, what) in [
            ("a", Reboot),
            ("b", Reboot),
            ("a", Reboot),
            ("a", Off),
            ("a", Reboot),
            ("b", Reboot),
            ("b", On),
        ] {
            let (job, answer) = command(plug, what, later);
            queue.push(job);
            waiting.push(answer);
        }
        let expected = [
            ("a".to_owned(), Reboot, 2),
            ("b".to_owned(), Reboot, 2),
            ("a".to_owned(), Off, 1),
            ("a".to_owned(), Reboot, 1),
            ("b".to_owned(), On, 1),
        ];
        assert_eq!(done(&mut queue, now), expected);
    }

    #[tokio::test]
    async fn what_means_another_machine_by_now_is_not_begun() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for has_moved in [true, false, true] {
            let (job, answer) = command("a", PowerCommand::Off, later);
            let Job::Command(command) = job else { panic!() };
            let is_current: IsCurrent = Arc::new(move || !has_moved);
            queue.push(Job::Command(Command { is_current, ..command }));
            waiting.push(answer);
        }
        assert_eq!(done(&mut queue, now), [("a".to_owned(), PowerCommand::Off, 1)]);
        for (index, answer) in waiting.into_iter().enumerate() {
            let told = answer.by(later, Duration::ZERO, "").await;
            let is_moved = matches!(told, Err(Failure::Moved));
            assert_eq!(is_moved, index != 1, "{told:?}");
        }
    }

    #[tokio::test]
    async fn what_nobody_waits_for_and_what_is_too_late_is_not_begun() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut queue = Queue::default();
        let (gone, answer) = command("a", PowerCommand::Off, later);
        drop(answer);
        let (late, mut too_late) = command("b", PowerCommand::Off, now);
        let (fine, _waits) = command("c", PowerCommand::Off, later);
        [gone, late, fine].into_iter().for_each(|job| queue.push(job));
        assert_eq!(done(&mut queue, now), [("c".to_owned(), PowerCommand::Off, 1)]);
        assert!(matches!(too_late.reply.try_recv(), Ok(Err(Failure::NoTurn))));
    }

    #[tokio::test]
    async fn all_who_ask_whether_the_device_is_there_get_one_answer() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for seconds in [1, 3, 2] {
            let (asker, answer) = Asker::new();
            waiting.push(answer);
            let deadline = now + Duration::from_secs(seconds);
            queue.push(Job::Reading(Reading::Probe { deadline, askers: vec![asker] }));
        }
        let Some(Reading::Probe { deadline, askers }) = queue.next_reading(now) else { panic!() };
        assert_eq!((deadline, askers.len()), (now + Duration::from_secs(3), 3));
        assert!(queue.next_reading(now).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_begun_by_its_deadline_is_told_so_and_never_begun() {
        let deadline = Instant::now() + Duration::from_secs(1);
        let last_words = Duration::from_secs(2);
        let mut queue = Queue::default();
        let (waiting, answer) = command("a", PowerCommand::Off, deadline);
        queue.push(waiting);
        let answer = answer.by(deadline, last_words, "not known").await;
        assert!(matches!(answer, Err(Failure::NoTurn)), "{answer:?}");
        assert_eq!(Instant::now(), deadline);
        assert!(queue.next_command(Instant::now()).is_none());

        let deadline = Instant::now() + Duration::from_secs(1);
        let (begun, answer) = command("a", PowerCommand::Off, deadline);
        queue.push(begun);
        let under_way = queue.next_command(Instant::now()).unwrap();
        let answer = answer.by(deadline, last_words, "not known").await;
        assert!(matches!(answer, Err(Failure::TimedOut("not known"))), "{answer:?}");
        assert_eq!(Instant::now(), deadline + last_words);
        drop(under_way);
    }
}
