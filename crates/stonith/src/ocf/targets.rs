//! The nodes that the controller can fence.

use std::time::Duration;

use super::answer::{Code, Failure, line_of, say, warn};
use super::controller::{Place, ask, check_configuration, within};
use super::environment::Environment;
use super::monitor;
use crate::protocol::{self, Reply, Request};

/// How long it may take where the cluster does not say.
const DEFAULT: Duration = Duration::from_secs(20);

/// Prints the nodes, one a line.
pub(super) async fn list(environment: &Environment) -> Result<Code, Failure> {
    let end = environment.time(DEFAULT).end();
    let mut client = Place::of(environment)?.expect(end).await?;
    let request = Request::Targets { states: false, within_ms: within(end) };
    let Reply::Targets(told) = ask(&mut client, &request, end).await? else {
        return Err(client.misplaced().into());
    };
    if let Some(trouble) = &told.trouble {
        warn(&line_of(&format!("the targets are those of before: {trouble}")));
    }
    let names: Vec<_> = told.targets.iter().map(|target| line_of(&target.node)).collect();
    if names.is_empty() { Ok(Code::Success) } else { say(&names.join("\n")) }
}

/// Has the controller read the list anew. That is all that it can take over while it runs: where anything else in its
/// configuration has changed, this fails.
pub(super) async fn reload(environment: &Environment) -> Result<Code, Failure> {
    let end = environment.time(DEFAULT).end();
    let config = environment.config()?;
    let mut client = Place::of(environment)?.expect(end).await?;
    check_configuration(&mut client, &config, end).await?;
    let request = Request::Reload { within_ms: within(end) };
    let Reply::Targets(protocol::Targets { generation, trouble, targets }) =
        ask(&mut client, &request, end).await?
    else {
        return Err(client.misplaced().into());
    };
    say(&monitor::targets(generation, targets.len(), false))?;
    match trouble {
        None => Ok(Code::Success),
        Some(trouble) => {
            let reason = format!("the targets are those of before: {trouble}");
            Err(Failure::new(Code::Generic, reason))
        }
    }
}
