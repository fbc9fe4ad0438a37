//! Fences nodes.

use std::collections::BTreeSet;
use std::time::Duration;

use super::answer::{Code, Failure, line_of, say, warn};
use super::controller::{Place, answer, within};
use super::environment::Environment;
use super::time::Time;
use crate::client::ClientError;
use crate::protocol::{self, Command, LONGEST_LINE, NodeReply, Outcome, Reply, Request};

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(120);

/// Fences the nodes that are asked for, and tells of each as soon as it is known.
pub(super) async fn fence(environment: &Environment) -> Result<Code, Failure> {
    let time = environment.time(DEFAULT);
    let nodes = environment.nodes()?;
    let wanted =
        Wanted { command: environment.fence_action()?, mark: environment.config()?.mark() };
    if protocol::write(request(&nodes, &wanted, time)).len() > LONGEST_LINE {
        return Err(Failure::new(Code::Arguments, "OCF_RESKEY_STONITH_NODES is too long"));
    }
    let place = Place::of(environment)?;
    let mut telling = Telling { untold: nodes, mute: None };
    let asked = ask(&place, &wanted, time, &mut telling).await;
    let is_complete = telling.untold.is_empty();
    match &asked {
        Ok(_) => {
            telling.tell_rest("the controller said nothing of it; the power state is not known")
        }
        Err(NotFenced { failure, meaning }) => telling.tell_rest(&format!("{failure}; {meaning}")),
    }
    // That it does not run is an answer to a monitor only.
    let is_reached = asked.map_err(|error| error.failure.generic())?;
    match telling.mute {
        Some(failure) => Err(failure),
        None if !is_reached => Err(Failure::new(Code::Generic, "no device could be reached")),
        None if !is_complete => {
            Err(Failure::new(Code::Generic, "the controller did not tell of all nodes"))
        }
        None => Ok(Code::Success),
    }
}

/// What is done to the nodes, and by a controller of which configuration: by another one a node may be another machine,
/// and its success would let the cluster take the wrong one for off.
struct Wanted {
    command: Command,
    mark: String,
}

/// Why fencing has no end, and what that means for the nodes that were not told of.
struct NotFenced {
    failure: Failure,
    meaning: &'static str,
}

/// Whether a device was reached.
async fn ask(
    place: &Place,
    wanted: &Wanted,
    time: Time,
    telling: &mut Telling,
) -> Result<bool, NotFenced> {
    let connected = place.expect(time.part(25)).await;
    let mut client =
        connected.map_err(|failure| NotFenced { failure, meaning: "nothing was done" })?;
    client.send(&request(&telling.untold, wanted, time), time.end()).await?;
    loop {
        match answer(&mut client, time.end()).await? {
            Reply::Node(reply) if telling.untold.contains(&reply.node) => telling.tell(&reply),
            Reply::End { reached } => return Ok(reached),
            _ => return Err(client.misplaced().into()),
        }
    }
}

fn request(nodes: &BTreeSet<String>, wanted: &Wanted, time: Time) -> Request {
    Request::Fence {
        nodes: nodes.iter().cloned().collect(),
        command: wanted.command,
        within_ms: within(time.end()),
        configuration: Some(wanted.mark.clone()),
    }
}

/// What is told of the nodes.
struct Telling {
    untold: BTreeSet<String>,
    /// Why nobody hears it. What was asked for comes to its end all the same.
    mute: Option<Failure>,
}

impl Telling {
    fn tell(&mut self, NodeReply { node, outcome }: &NodeReply) {
        self.untold.remove(node);
        match outcome {
            Outcome::Success(done) => {
                self.say(&format!("{node}: success"));
                if let Some(warning) = &done.warning {
                    warn(&line_of(&format!("warning: {node}: {warning}")));
                }
            }
            Outcome::Failed { reason } => {
                self.say(&format!("{node}: failed: {}", line_of(reason)));
            }
        }
    }

    fn tell_rest(&mut self, reason: &str) {
        for node in std::mem::take(&mut self.untold) {
            self.say(&format!("{node}: failed: {}", line_of(reason)));
        }
    }

    fn say(&mut self, line: &str) {
        if let Err(failure) = say(line) {
            self.mute = Some(failure);
        }
    }
}

impl From<ClientError> for NotFenced {
    fn from(error: ClientError) -> Self {
        let meaning = match &error {
            ClientError::Refused { .. } => "nothing was done",
            _ => "the power state is not known",
        };
        Self { failure: error.into(), meaning }
    }
}
