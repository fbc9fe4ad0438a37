//! An action, from the password to the closed session.

use std::io::Write;
use std::pin::{Pin, pin};
use std::time::Duration;

use fencing::agents::OpenDevice;
use fencing::procedure::{self, Outcome, Settings};
use fencing::{Action, AgentConfig, Device, password_script};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::report;
use crate::signals::{self, Signal};

/// How long a device may take to give back its session, which the caller has no use for. A web server on a BMC takes
/// seconds for that, and one that keeps its sessions lets nobody in once there are eight.
const CLOSING: Duration = Duration::from_secs(5);

/// An action, and all that it takes.
pub(crate) struct Order {
    pub(crate) action: Action,
    pub(crate) settings: Settings,
    pub(crate) config: AgentConfig,
    pub(crate) open: OpenDevice,
}

/// Carries the order out, and tells the caller what came of it.
pub(crate) fn carry_out(order: Order, stdout: &mut dyn Write) -> Result<Exit, Failure> {
    let runtime = Builder::new_current_thread().enable_all().build().map_err(Failure::Runtime)?;
    let exit = runtime.block_on(async {
        let interruption = signals::first().map_err(Failure::Runtime)?;
        fence(order, interruption, stdout).await
    });
    // A name look-up may hang on in a thread of its own.
    runtime.shutdown_background();
    exit
}

async fn fence(
    order: Order,
    interruption: impl Future<Output = Signal>,
    stdout: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Order { action, settings, mut config, open } = order;
    let mut interruption = pin!(interruption);
    unless(interruption.as_mut(), password_script::ask(&mut config)).await?;
    let mut device = open(&config)?;
    let delay = config.seconds("delay").unwrap_or_default();
    let acting = act(device.as_mut(), action, &settings, delay);
    let exit = match unless(interruption, acting).await {
        Ok(outcome) => report(&outcome, &device.address(), stdout),
        Err(failure) => failure.at(device.address()).report(),
    };
    // Only now: the caller may be in a hurry, and this changes nothing.
    if timeout(CLOSING, device.close()).await.is_err() {
        log::info!("{} was left without closing the session", device.address());
    }
    Ok(exit)
}

/// Does the work, unless a signal comes. Work given up is dropped where it waits.
async fn unless<T, E>(
    interruption: Pin<&mut impl Future<Output = Signal>>,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, Failure>
where
    Failure: From<E>,
{
    tokio::select! {
        biased;
        signal = interruption => Err(Failure::Interrupted(signal)),
        result = work => Ok(result?),
    }
}

async fn act(
    device: &mut dyn Device,
    action: Action,
    settings: &Settings,
    delay: Duration,
) -> Result<Outcome, Failure> {
    if matches!(action, Action::Off | Action::Reboot) && !delay.is_zero() {
        log::info!("waiting {} s before {action}", delay.as_secs());
        sleep(delay).await;
    }
    Ok(procedure::run(device, action, settings).await?)
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::panic::{self, AssertUnwindSafe};

    use fencing::PowerState;
    use tokio::time::Instant;

    use super::*;
    use crate::testing::{self, Behaviour, keep_logs, set_machine, take_logs, the_machine};

    fn order(action: Action, given: &[(&str, &str)]) -> Order {
        let config = testing::config(given);
        let settings = Settings::from_config(&config).unwrap();
        Order { action, settings, config, open: testing::definition().open }
    }

    #[tokio::test(start_paused = true)]
    async fn only_off_and_reboot_are_delayed() {
        for (action, delayed) in [
            (Action::Off, true),
            (Action::Reboot, true),
            (Action::On, false),
            (Action::Status, false),
            (Action::Diag, false),
        ] {
            set_machine(PowerState::On, Behaviour::Obeys);
            let begin = Instant::now();
            let order = order(action, &[("delay", "60")]);
            fence(order, pending(), &mut Vec::new()).await.unwrap();
            assert_eq!(begin.elapsed() >= Duration::from_secs(60), delayed, "{action}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_ends_the_work_and_closes_the_device() {
        for (behaviour, delay) in [(Behaviour::Hangs, "0"), (Behaviour::Obeys, "60")] {
            set_machine(PowerState::On, behaviour);
            keep_logs();
            let interruption = async {
                sleep(Duration::from_secs(5)).await;
                Signal::Terminate
            };
            let mut stdout = Vec::new();
            let begin = Instant::now();
            let order = order(Action::Off, &[("delay", delay)]);
            let exit = fence(order, interruption, &mut stdout).await.unwrap();
            assert_eq!((exit, stdout), (Exit::Failure, vec![]));
            assert!(begin.elapsed() <= Duration::from_secs(5) + CLOSING);
            assert_eq!(the_machine().commands, ["close"]);
            let expected =
                "ERROR: Failed: test: interrupted by SIGTERM, the power state is not known\n";
            let logs = take_logs();
            assert!(logs.contains(expected), "{logs}");
        }
    }

    #[tokio::test]
    async fn a_signal_counts_more_than_an_outcome() {
        let mut stdout = Vec::new();
        let exit = fence(order(Action::Off, &[]), ready(Signal::Hangup), &mut stdout).await;
        assert!(matches!(exit, Err(Failure::Interrupted(Signal::Hangup))), "{exit:?}");
        assert_eq!(stdout, b"");
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_does_not_close_is_not_waited_for() {
        set_machine(PowerState::On, Behaviour::Hangs);
        let begin = Instant::now();
        let exit = fence(order(Action::List, &[]), pending(), &mut Vec::new()).await.unwrap();
        assert_eq!(exit, Exit::Success);
        assert_eq!(begin.elapsed(), CLOSING);
    }

    #[test]
    fn a_bug_in_a_device_comes_out_as_a_panic_and_prints_nothing() {
        set_machine(PowerState::Off, Behaviour::Panics);
        let mut stdout = Vec::new();
        let order = order(Action::Status, &[]);
        panic::catch_unwind(AssertUnwindSafe(|| carry_out(order, &mut stdout))).unwrap_err();
        assert_eq!(stdout, b"");
    }
}
