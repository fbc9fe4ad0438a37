//! What systemd is told, where it started the controller.

use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval};

use crate::controller::Controller;

/// How often the state is told where no watchdog wants to hear more often.
const PERIOD: Duration = Duration::from_secs(10);

/// Tells that the controller is ready, and that it is alive as long as it is.
pub(crate) async fn tell(controller: &Controller) {
    notify(&[NotifyState::Ready]);
    let watchdog = sd_notify::watchdog_enabled();
    // Twice as often as it has to be.
    let period =
        watchdog.map_or(PERIOD, |limit| (limit / 2).min(PERIOD)).max(Duration::from_millis(10));
    let mut ticks = interval(period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // It waits for nothing: whatever took time here would look like the end to the watchdog.
        let (reachable, all) = controller.count_reachable();
        let line = format!("{reachable} of {all} devices answer");
        notify(&[NotifyState::Status(&line), NotifyState::Watchdog]);
    }
}

/// Tells that it ends.
pub(crate) fn tell_of_the_end() {
    notify(&[NotifyState::Stopping]);
}

/// Without systemd nobody is told.
fn notify(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        log::debug!("systemd cannot be told: {error}");
    }
}
