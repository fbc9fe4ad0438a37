//! What waits for a device: commands in the order in which they came, and before everything else; then readings.

use std::collections::VecDeque;

use fencing::{PowerCommand, PowerState};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Carried, Failure};

/// Something to be done with the device.
#[derive(Debug)]
pub(super) enum Job {
    Command(Command),
    Reading(Reading),
}

/// A machine to be switched.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) plug: Option<String>,
    pub(super) command: PowerCommand,
    pub(super) deadline: Instant,
    pub(super) replies: Vec<oneshot::Sender<Result<Carried, Failure>>>,
}

/// Something to be read.
#[derive(Debug)]
pub(super) enum Reading {
    /// The power state of a machine.
    Status {
        plug: Option<String>,
        deadline: Instant,
        reply: oneshot::Sender<Result<PowerState, Failure>>,
    },
    /// Whether the device is there.
    Probe { deadline: Instant, replies: Vec<oneshot::Sender<Result<(), Failure>>> },
}

#[derive(Debug, Default)]
pub(super) struct Queue {
    commands: VecDeque<Command>,
    readings: VecDeque<Reading>,
}

impl Queue {
    pub(super) fn push(&mut self, job: Job) {
        match job {
            Job::Command(command) => self.commands.push_back(command),
            Job::Reading(reading) => self.readings.push_back(reading),
        }
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
    /// What nobody waits for any more, or whose time is over, is not begun: a node that is cut off long after its cluster
    /// has given up may have come back by then.
    pub(super) fn next_command(&mut self, now: Instant) -> Option<Command> {
        let mut next = loop {
            let mut command = self.commands.pop_front()?;
            command.replies.retain(|reply| !reply.is_closed());
            if command.replies.is_empty() {
                continue;
            }
            if command.deadline > now {
                break command;
            }
            refuse(command.replies, &Failure::NoTurn);
        };
        let mut others = VecDeque::new();
        let mut is_same = true;
        for mut other in self.commands.drain(..) {
            is_same &= other.plug != next.plug || other.command == next.command;
            if is_same && other.plug == next.plug {
                next.deadline = next.deadline.max(other.deadline);
                next.replies.append(&mut other.replies);
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
                Reading::Status { reply, .. } if reply.is_closed() => {}
                Reading::Status { deadline, reply, .. } if deadline <= now => {
                    let _ = reply.send(Err(Failure::NoTurn));
                }
                Reading::Probe { deadline, replies } => {
                    if let Some(probe) = self.merged(deadline, replies, now) {
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
        mut all: Vec<oneshot::Sender<Result<(), Failure>>>,
        now: Instant,
    ) -> Option<Reading> {
        let mut others = VecDeque::new();
        for reading in self.readings.drain(..) {
            match reading {
                Reading::Probe { deadline, replies } => {
                    latest = latest.max(deadline);
                    all.extend(replies);
                }
                status => others.push_back(status),
            }
        }
        self.readings = others;
        all.retain(|reply| !reply.is_closed());
        if latest <= now {
            refuse(all, &Failure::NoTurn);
            return None;
        }
        (!all.is_empty()).then_some(Reading::Probe { deadline: latest, replies: all })
    }

    /// Answers all that wait.
    pub(super) fn refuse_all(&mut self, failure: &Failure) {
        for command in self.commands.drain(..) {
            refuse(command.replies, failure);
        }
        for reading in self.readings.drain(..) {
            reading.refuse(failure);
        }
    }
}

impl Reading {
    pub(super) fn refuse(self, failure: &Failure) {
        match self {
            Self::Status { reply, .. } => refuse(vec![reply], failure),
            Self::Probe { replies, .. } => refuse(replies, failure),
        }
    }
}

fn refuse<T>(replies: Vec<oneshot::Sender<Result<T, Failure>>>, failure: &Failure) {
    for reply in replies {
        let _ = reply.send(Err(failure.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Answer = oneshot::Receiver<Result<Carried, Failure>>;

    fn command(plug: &str, command: PowerCommand, deadline: Instant) -> (Job, Answer) {
        let (reply, answer) = oneshot::channel();
        let plug = Some(plug.to_owned());
        (Job::Command(Command { plug, command, deadline, replies: vec![reply] }), answer)
    }

    /// What is done, in order: machine, command, and for how many.
    fn done(queue: &mut Queue, now: Instant) -> Vec<(String, PowerCommand, usize)> {
        let next = std::iter::from_fn(|| queue.next_command(now));
        next.map(|c| (c.plug.unwrap(), c.command, c.replies.len())).collect()
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
        assert!(matches!(too_late.try_recv(), Ok(Err(Failure::NoTurn))));
    }

    #[tokio::test]
    async fn all_who_ask_whether_the_device_is_there_get_one_answer() {
        let now = Instant::now();
        let mut queue = Queue::default();
        let mut waiting = Vec::new();
        for seconds in [1, 3, 2] {
            let (reply, answer) = oneshot::channel();
            waiting.push(answer);
            let deadline = now + Duration::from_secs(seconds);
            queue.push(Job::Reading(Reading::Probe { deadline, replies: vec![reply] }));
        }
        let Some(Reading::Probe { deadline, replies }) = queue.next_reading(now) else { panic!() };
        assert_eq!((deadline, replies.len()), (now + Duration::from_secs(3), 3));
        assert!(queue.next_reading(now).is_none());
    }
}
