use std::fs;
use std::future::ready;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::sleep;

use super::*;

/// Prints its id; nothing in its group minds being asked to terminate.
pub(crate) const STUBBORN: &str = "trap '' TERM; (while :; do sleep 1000; done) & echo $$; \
                                   sleep 1000 & while :; do wait; done";

pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

/// Process ids of the group that are not dead.
pub(crate) fn living_in_group(id: u32) -> Vec<String> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let stats = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    // "id (name) state parent group …"
    let is_living = |stat: &String| {
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace();
        fields.next() != Some("Z") && fields.nth(1) == Some(&id.to_string())
    };
    stats.filter(is_living).collect()
}

/// The killed are dead a moment later.
pub(crate) async fn wait_until_group_is_gone(id: u32) {
    for _ in 0..500 {
        if living_in_group(id).is_empty() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("they live on: {:?}", living_in_group(id));
}

#[tokio::test]
async fn a_group_that_is_dropped_is_killed() {
    let mut command = shell(STUBBORN);
    command.stdout(Stdio::piped());
    let mut group = ProcessGroup::start(command).unwrap();
    let id = group.id().unwrap().as_raw_nonzero().get().try_into().unwrap();
    tokio::select! {
        biased;
        () = group.exited() => panic!("it exits"),
        () = ready(()) => {}
    }
    drop(group);
    wait_until_group_is_gone(id).await;
}
