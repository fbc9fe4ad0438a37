use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::AbortOnDropHandle;
use zeroize::Zeroizing;

use super::program::{self, Found, Program, Search};
use super::{AgentError, answer, metadata};
use crate::process::Ended;
use crate::work::Works;
use crate::{Agent, Error, Loaded};

/// How many programs are asked for their metadata at once: most are Python, which takes a good part of a second of a
/// processor to start; a few that hang should not keep the others from their turn.
pub(super) const AT_ONCE: usize = 16;

/// The programs by name, and their agents.
pub(super) async fn all(
    search: &Search,
    works: &Works,
    deadline: Instant,
) -> (BTreeMap<String, Arc<Program>>, Loaded) {
    let search = search.clone();
    let found = found_by(move || search.find()).await;
    let turns = Arc::new(Semaphore::new(AT_ONCE));
    let start = |(name, path): (String, PathBuf)| {
        let (turns, works) = (Arc::clone(&turns), works.clone());
        let loading = async move { one(path, &turns, &works, deadline).await };
        (name, AbortOnDropHandle::new(tokio::spawn(loading)))
    };
    let loading: Vec<_> = found.candidates.into_iter().map(start).collect();
    let mut programs = BTreeMap::new();
    let mut loaded = Loaded { agents: Vec::new(), failures: found.failures };
    for (name, one) in loading {
        match one.await.unwrap_or(Err(Error::BrokenOff)) {
            Ok((agent, program)) => {
                loaded.agents.push(Agent { name: name.clone().into(), ..agent });
                programs.insert(name, Arc::new(program));
            }
            Err(error) => loaded.failures.push((name, error)),
        }
    }
    (programs, loaded)
}

/// A search that breaks off has not found that there are no agents.
async fn found_by(find: impl FnOnce() -> Found + Send + 'static) -> Found {
    let broken_off = |_| Found {
        failures: vec![("the search for programs".to_owned(), Error::BrokenOff)],
        ..Found::default()
    };
    spawn_blocking(find).await.unwrap_or_else(broken_off)
}

/// Asks a program for its metadata, when it is its turn.
async fn one(
    path: PathBuf,
    turns: &Semaphore,
    works: &Works,
    deadline: Instant,
) -> Result<(Agent, Program), Error> {
    let _turn = timeout_at(deadline, turns.acquire()).await.map_err(|_| timed_out(&path))?;
    let mut command = program::command(&path);
    // On the command line, where an agent that is none does not take it for a wish to act.
    command.args(["-o", "metadata"]);
    let ended = program::run(command, Zeroizing::default(), deadline, works).await?;
    let Ended { status, printed } = ended;
    let status = status.ok_or_else(|| timed_out(&path))?;
    if !status.success() {
        return Err(answer::failed(status, &printed, &[]).into());
    }
    let (agent, words) = metadata::parse(answer::text(&printed)?).map_err(AgentError::from)?;
    Ok((agent, Program { path, words }))
}

fn timed_out(path: &Path) -> Error {
    let who = path.display().to_string();
    Error::TimedOut { who, what: "what it can do is not known" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_search_that_panics_is_a_failure_and_not_an_absence_of_agents() {
        let found = found_by(|| panic!("a bug")).await;
        assert!(found.candidates.is_empty());
        assert!(matches!(found.failures[..], [(_, Error::BrokenOff)]), "{:?}", found.failures);
    }
}
