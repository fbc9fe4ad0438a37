//! An action, from the password to the closed session.

use std::io::Write;
use std::pin::{Pin, pin};
use std::time::Duration;

use fencing::agents::OpenDevice;
use fencing::procedure::{self, Settings};
use fencing::{Action, AgentConfig, Fence, password_script};
use tokio::runtime::Builder;
use tokio::time::{sleep, timeout};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::report::report;
use crate::signals::{self, Signal};

/// How long a device may take to give back its session, or a provider what it holds, which the caller has no use for. A
/// web server on a BMC takes seconds for that, and one that keeps its sessions lets nobody in once there are eight.
const CLOSING: Duration = Duration::from_secs(5);

/// Who carries out the actions of an agent.
#[derive(Debug)]
pub(crate) enum Backend {
    /// The fencing procedure, over the device that this makes.
    Device(OpenDevice),
    /// The provider that has this agent.
    Provider(Fence),
}

/// An action, and all that it takes.
pub(crate) struct Order {
    pub(crate) action: Action,
    pub(crate) config: AgentConfig,
    pub(crate) backend: Backend,
}

impl Backend {
    /// Checks the values that only the backend understands. Touches nothing.
    pub(crate) fn verify(&self, config: &AgentConfig) -> Result<(), Failure> {
        match self {
            Self::Device(open) => {
                Settings::from_config(config)?;
                // To open a device connects nothing.
                open(config)?;
            }
            // The action that takes no plug: a cluster adds one for each of its nodes.
            Self::Provider(fence) => {
                fence.verify(config, Some(Action::Monitor))?;
            }
        }
        Ok(())
    }
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
    let Order { action, config, backend } = order;
    let interruption = pin!(interruption);
    match backend {
        Backend::Device(open) => by_device(action, config, open, interruption, stdout).await,
        Backend::Provider(fence) => by_provider(action, config, &fence, interruption, stdout).await,
    }
}

async fn by_device(
    action: Action,
    mut config: AgentConfig,
    open: OpenDevice,
    mut interruption: Pin<&mut impl Future<Output = Signal>>,
    stdout: &mut dyn Write,
) -> Result<Exit, Failure> {
    let settings = Settings::from_config(&config)?;
    unless(interruption.as_mut(), password_script::ask(&mut config)).await?;
    let mut device = open(&config)?;
    let acting = async {
        wait_before(action, &config).await;
        procedure::run(device.as_mut(), action, &settings).await
    };
    let exit = match unless(interruption, acting).await {
        Ok(outcome) => report(&outcome, action, &device.address(), stdout),
        Err(failure) => failure.at(device.address()).report(),
    };
    // Only now: the caller may be in a hurry, and this changes nothing.
    if timeout(CLOSING, device.close()).await.is_err() {
        log::info!("{} was left without closing the session", device.address());
    }
    Ok(exit)
}

async fn by_provider(
    action: Action,
    mut config: AgentConfig,
    fence: &Fence,
    interruption: Pin<&mut impl Future<Output = Signal>>,
    stdout: &mut dyn Write,
) -> Result<Exit, Failure> {
    // Before the delay; what is wrong should be heard of at once.
    fence.verify(&config, Some(action))?;
    let acting = async {
        wait_before(action, &config).await;
        if config.agent().parameter("delay").is_some() {
            config.set("delay", "0")?;
        }
        fence.run(&config, Some(action), time_limit(&config)).await
    };
    let exit = match unless(interruption, acting).await {
        Ok(outcome) => report(&outcome, action, &place(&config), stdout),
        Err(failure) => failure.report(),
    };
    fence.finish(CLOSING).await;
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

/// The delay that the user wants before power is taken away.
async fn wait_before(action: Action, config: &AgentConfig) {
    let delay = config.seconds("delay").unwrap_or_default();
    if matches!(action, Action::Off | Action::Reboot) && !delay.is_zero() {
        log::info!("waiting {} s before {action}", delay.as_secs());
        sleep(delay).await;
    }
}

/// How long a provider may take. As elsewhere, a power time-out of 0 is none.
fn time_limit(config: &AgentConfig) -> Duration {
    match config.seconds("power_timeout") {
        Some(limit) if !limit.is_zero() && !config.is_set("disable_timeout") => limit,
        _ => Settings::WITHOUT_TIMEOUT,
    }
}

/// The machine that is meant, for messages.
fn place(config: &AgentConfig) -> String {
    let agent = config.agent();
    let plug = agent.plug_parameter().and_then(|plug| config.text(&plug.name));
    plug.unwrap_or_else(|| agent.name.to_string())
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::panic::{self, AssertUnwindSafe};
    use std::sync::Arc;

    use fencing::{Agent, PowerState};
    use tokio::time::Instant;

    use super::*;
    use crate::testing::{self, Behaviour, keep_logs, set_machine, take_logs, the_machine};

    const HOUR: Duration = Duration::from_secs(3600);

    fn order(action: Action, given: &[(&str, &str)]) -> Order {
        of(testing::by_device(), action, given)
    }

    fn provider_order(action: Action, given: &[(&str, &str)]) -> Order {
        of(testing::by_provider(), action, given)
    }

    fn of(
        (agent, backend): (Arc<Agent>, Backend),
        action: Action,
        given: &[(&str, &str)],
    ) -> Order {
        let mut config = AgentConfig::new(agent);
        for (name, value) in given {
            config.set(name, value).unwrap();
        }
        Order { action, config, backend }
    }

    async fn after(time: Duration, signal: Signal) -> Signal {
        sleep(time).await;
        signal
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
            let interruption = after(Duration::from_secs(5), Signal::Terminate);
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

    #[tokio::test(start_paused = true)]
    async fn a_provider_has_the_time_that_the_user_gives() {
        for (given, limit) in [
            (&[("power_timeout", "7")][..], Duration::from_secs(7)),
            (&[], Duration::from_secs(60)),
            (&[("disable_timeout", "0")], Duration::from_secs(60)),
            (&[("power_timeout", "0")], HOUR),
            (&[("power_timeout", "7"), ("disable_timeout", "1")], HOUR),
            (&[("power_timeout", "7"), ("delay", "60")], Duration::from_secs(67)),
        ] {
            set_machine(PowerState::On, Behaviour::Hangs);
            keep_logs();
            let given = [&[("plug", "node1")], given].concat();
            let begin = Instant::now();
            let mut stdout = Vec::new();
            let order = provider_order(Action::Off, &given);
            let exit = fence(order, pending(), &mut stdout).await.unwrap();
            assert_eq!((exit, stdout), (Exit::Failure, vec![]));
            let elapsed = begin.elapsed();
            assert!(elapsed > limit, "{given:?}: {elapsed:?}");
            assert!(elapsed <= limit + CLOSING + Duration::from_secs(3), "{given:?}: {elapsed:?}");
            let expected = "ERROR: Failed: fence_plugs timed out; the power state is not known\n";
            assert!(take_logs().contains(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_delay_is_not_for_the_provider_to_wait_for_again() {
        for (action, delayed) in [(Action::Off, true), (Action::Reboot, true), (Action::On, false)]
        {
            set_machine(PowerState::On, Behaviour::Obeys);
            let begin = Instant::now();
            let order = provider_order(action, &[("plug", "node1"), ("delay", "300")]);
            let exit = fence(order, pending(), &mut Vec::new()).await.unwrap();
            assert_eq!(exit, Exit::Success);
            assert_eq!(begin.elapsed() >= Duration::from_secs(300), delayed, "{action}");
            assert_eq!(the_machine().config.unwrap().seconds("delay"), Some(Duration::ZERO));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_wrong_is_heard_of_before_the_delay() {
        set_machine(PowerState::On, Behaviour::Obeys);
        let begin = Instant::now();
        for given in [&[("delay", "60")][..], &[("delay", "60"), ("plug", "nobody")]] {
            let order = provider_order(Action::Off, given);
            fence(order, pending(), &mut Vec::new()).await.unwrap_err();
        }
        assert_eq!(begin.elapsed(), Duration::ZERO);
        assert_eq!(the_machine().commands, [""; 0]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_signal_drops_the_call_of_a_provider_and_lets_it_finish() {
        for (delay, commands) in [("0", &["off node1", "over", "finish"][..]), ("60", &["finish"])]
        {
            set_machine(PowerState::On, Behaviour::Hangs);
            keep_logs();
            let interruption = after(Duration::from_secs(5), Signal::Terminate);
            let mut stdout = Vec::new();
            let begin = Instant::now();
            let order = provider_order(Action::Off, &[("plug", "node1"), ("delay", delay)]);
            let exit = fence(order, interruption, &mut stdout).await.unwrap();
            assert_eq!((exit, stdout), (Exit::Failure, vec![]));
            // A provider that does not finish is given up a second after its deadline.
            assert_eq!(begin.elapsed(), Duration::from_secs(5 + 1) + CLOSING);
            assert_eq!(the_machine().commands, commands);
            let expected = "ERROR: Failed: interrupted by SIGTERM, the power state is not known\n";
            let logs = take_logs();
            assert!(logs.contains(expected), "{logs}");
        }
    }

    #[test]
    fn a_bug_in_a_provider_comes_out_as_a_panic_and_prints_nothing() {
        set_machine(PowerState::Off, Behaviour::Panics);
        let mut stdout = Vec::new();
        let order = provider_order(Action::Status, &[("plug", "node1")]);
        panic::catch_unwind(AssertUnwindSafe(|| carry_out(order, &mut stdout))).unwrap_err();
        assert_eq!(stdout, b"");
    }
}
