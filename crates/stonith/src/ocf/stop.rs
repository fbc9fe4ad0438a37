//! Stops the controller.

use std::time::Duration;

use rustix::process::Signal;
use tokio::time::Instant;

use super::answer::{Code, Failure, line_of, warn};
use super::controller::{self, Place};
use super::environment::Environment;
use super::time::Time;
use crate::client::ClientError;
use crate::protocol::{Reply, Request};

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(60);
/// How long a controller may take to say that it has heard: one that is well says so at once.
const HEARING: Duration = Duration::from_secs(5);

/// Stops the controller. It has succeeded when nothing is the controller any more, and not before.
pub(super) async fn stop(environment: &Environment) -> Result<Code, Failure> {
    let place = Place::of(environment)?;
    stop_within(&place, environment.time(DEFAULT)).await
}

/// The same within what is left of another action's time.
pub(super) async fn stop_by(place: &Place, left: Duration) -> Result<Code, Failure> {
    stop_within(place, Time::of(left)).await
}

/// Asks first; then there are signals. One that is told to end gives its sessions back, and lets a command that is
/// under way come to its end: that is worth more than half of the time.
async fn stop_within(place: &Place, time: Time) -> Result<Code, Failure> {
    if place.holder()?.is_none() {
        return Ok(Code::Success);
    }
    let patience = match ask(place, time.part(25).min(Instant::now() + HEARING)).await {
        Ok(()) => time.part(65),
        Err(failure) => {
            warn(&line_of(&format!("it is ended by signals: {failure}")));
            Instant::now()
        }
    };
    if place.is_free(patience).await? {
        return Ok(Code::Success);
    }
    let terminated = patience + (time.end() - patience) / 2;
    for (signal, patience) in [(Signal::TERM, terminated), (Signal::KILL, time.end())] {
        place.signal(signal)?;
        if place.is_free(patience).await? {
            return Ok(Code::Success);
        }
    }
    Err(Failure::new(Code::Generic, "the controller does not end, not even by SIGKILL"))
}

async fn ask(place: &Place, end: Instant) -> Result<(), Failure> {
    let Some(mut client) = place.connect(end).await? else { return Ok(()) };
    match controller::ask(&mut client, &Request::Stop, end).await {
        // Somebody else has asked already.
        Ok(Reply::Stopping) | Err(ClientError::Gone { .. }) => Ok(()),
        Ok(_) => Err(client.misplaced().into()),
        Err(error) => Err(error.into()),
    }
}
