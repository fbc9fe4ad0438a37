use std::time::Duration;

use tokio::time::Instant;

/// How long to wait for what, and how often to ask again. All of it ends with the deadline of the call, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How long a service that was never heard is tried; and how long a connection, with its TLS handshake, may take. 5
    /// s: a BMC on the same network answers in milliseconds, one that computes RSA on a slow processor in two seconds.
    pub silence: Duration,
    /// The least time that one answer gets before it is asked for again on a new connection: the old one may be
    /// dead without anybody having said so. 10 s: busy BMCs take some seconds for a system.
    pub answer_least: Duration,
    /// The most. Between the two it is half of what is left until the deadline, so that there is time for another try.
    /// 60 s: no BMC that is ever going to answer takes longer.
    pub answer_most: Duration,
    /// Between two tries of what failed without a word, and of what was refused as busy without saying for how long.
    /// 1 s: a BMC that restarts its web server takes some seconds.
    pub pause: Duration,
    /// How often a question is asked that is answered with an internal error, or badly. 3, as other clients do: BMCs
    /// answer so while they start, and more will not help.
    pub bad_answers: u32,
    /// How long the types of reset are waited for that stand in a document of their own. 2 s: the first type is what
    /// nearly all systems take, and it is better to send it than to wait.
    pub action_info: Duration,
    /// How long a reset's task is followed before the power state is looked at instead. 5 s: it is followed only for
    /// what it says when it fails.
    pub task: Duration,
    /// The least time between two looks at a task, which may ask for more. 500 ms: most are done by then.
    pub task_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            silence: Duration::from_secs(5),
            answer_least: Duration::from_secs(10),
            answer_most: Duration::from_secs(60),
            pause: Duration::from_secs(1),
            bad_answers: 3,
            action_info: Duration::from_secs(2),
            task: Duration::from_secs(5),
            task_pause: Duration::from_millis(500),
        }
    }
}

impl RetryPolicy {
    /// By when an answer must be there that is asked for now.
    pub(crate) fn answer_by(&self, deadline: Instant) -> Instant {
        let now = Instant::now();
        let half = deadline.saturating_duration_since(now) / 2;
        deadline.min(now + half.clamp(self.answer_least, self.answer_most.max(self.answer_least)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_gets_half_of_the_time_that_is_left() {
        let policy = RetryPolicy::default();
        for (left, given) in [(5, 5), (15, 10), (20, 10), (60, 30), (3600, 60)] {
            let deadline = Instant::now() + Duration::from_secs(left);
            let given = Instant::now() + Duration::from_secs(given);
            assert_eq!(policy.answer_by(deadline), given, "{left}");
        }
    }
}
