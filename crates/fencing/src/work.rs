use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use crate::Error;

/// Work that gives back what it took (sessions, processes) whether its caller waits for it or not.
///
/// A future that is dropped can wait for nothing any more. So the work is a task of its own, which is told that its
/// caller has gone, and the runtime has to live until [`Works::finish`] has come back.
#[derive(Clone, Debug, Default)]
pub(crate) struct Works {
    tasks: TaskTracker,
}

/// The work has ended without an answer: it had a bug, or the runtime was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the work was broken off")]
pub(crate) struct BrokenOff;

/// Who waits for the answer of a work.
#[derive(Debug)]
pub(crate) struct Caller<T>(oneshot::Sender<T>);

impl Works {
    /// Starts the work in a task of its own, and waits for its answer. The task goes on after its answer, and when this
    /// future is dropped.
    pub(crate) async fn run<T, F>(&self, work: impl FnOnce(Caller<T>) -> F) -> Result<T, BrokenOff>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (sender, answer) = oneshot::channel();
        self.tasks.spawn(work(Caller(sender)));
        answer.await.map_err(|_| BrokenOff)
    }

    /// Waits until no work is under way, but no longer than this.
    pub(crate) async fn finish(&self, deadline: Instant) {
        self.tasks.close();
        if timeout_at(deadline, self.tasks.wait()).await.is_err() {
            log::warn!("{} calls have not given back what they took", self.tasks.len());
        }
    }
}

impl From<BrokenOff> for Error {
    fn from(_: BrokenOff) -> Self {
        Self::BrokenOff
    }
}

impl<T> Caller<T> {
    /// Comes back when nobody waits for the answer any more.
    pub(crate) async fn gone(&mut self) {
        self.0.closed().await;
    }

    /// Hands the answer over. Where the caller has gone, it is dropped.
    pub(crate) fn answer(self, answer: T) {
        let _ = self.0.send(answer);
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, poll_fn};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;
    use std::time::Duration;

    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// Lets the future go as far as it gets at once.
    async fn poll_once(future: impl Future) {
        let mut future = pin!(future);
        poll_fn(|context| {
            assert!(future.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }

    #[tokio::test(start_paused = true)]
    async fn work_goes_on_after_its_answer_and_is_waited_for_at_the_end() {
        let works = Works::default();
        let cleaned = Arc::new(AtomicBool::new(false));
        let clean = Arc::clone(&cleaned);
        let answer = works.run(|caller| async move {
            caller.answer(7);
            tokio::time::sleep(LONG / 2).await;
            clean.store(true, Ordering::Relaxed);
        });
        assert_eq!(answer.await, Ok(7));
        assert!(!cleaned.load(Ordering::Relaxed));
        works.finish(Instant::now() + LONG).await;
        assert!(cleaned.load(Ordering::Relaxed));
    }

    #[tokio::test(start_paused = true)]
    async fn work_whose_caller_has_gone_is_told_and_gives_back() {
        let works = Works::default();
        let cleaned = Arc::new(AtomicBool::new(false));
        let clean = Arc::clone(&cleaned);
        let call = works.run(|mut caller: Caller<()>| async move {
            caller.gone().await;
            clean.store(true, Ordering::Relaxed);
        });
        poll_once(call).await;
        works.finish(Instant::now() + LONG).await;
        assert!(cleaned.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn a_bug_in_the_work_comes_back_as_an_error() {
        let works = Works::default();
        let answer = works.run(|_: Caller<()>| async { panic!("a bug") });
        assert_eq!(answer.await, Err(BrokenOff));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_is_waited_for_no_longer_than_asked() {
        let works = Works::default();
        poll_once(works.run(|mut caller: Caller<()>| async move {
            caller.gone().await;
            pending().await
        }))
        .await;
        let begin = Instant::now();
        works.finish(begin + LONG).await;
        assert_eq!(begin.elapsed(), LONG);
    }

    #[tokio::test(start_paused = true)]
    async fn work_may_begin_after_an_end() {
        let works = Works::default();
        works.finish(Instant::now()).await;
        assert_eq!(works.run(|caller| async { caller.answer(1) }).await, Ok(1));
        works.finish(Instant::now()).await;
    }
}
