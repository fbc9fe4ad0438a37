use std::future::{pending, ready};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use super::*;
use crate::process::tests::{STUBBORN, living_in_group, shell, wait_until_group_is_gone};

const LONG: Duration = Duration::from_secs(60);
const SHORT: Duration = Duration::from_millis(300);

/// Runs it with this input and all the time it wants.
async fn run_with(script: &str, input: &[u8]) -> Ended {
    let input = Zeroizing::new(input.to_vec());
    run(shell(script), input, Instant::now() + LONG, pending()).await.unwrap()
}

async fn run_for(script: &str, limit: Duration) -> Ended {
    run(shell(script), Zeroizing::default(), Instant::now() + limit, pending()).await.unwrap()
}

/// The first number on its standard output.
fn printed_id(ended: &Ended) -> u32 {
    let text = str::from_utf8(&ended.printed.stdout).unwrap();
    text.split_ascii_whitespace().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn each_way_to_end_is_told_apart() {
    for code in [0, 1, 2, 255] {
        let ended = run_with(&format!("exit {code}"), b"").await;
        assert_eq!(ended.status.unwrap().code(), Some(code));
    }
    let ended = run_with("kill -KILL $$", b"").await;
    assert_eq!(ended.status.unwrap().signal(), Some(9));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_an_error() {
    let command = Command::new("/no/such/program");
    let deadline = Instant::now() + LONG;
    let error = run(command, Zeroizing::default(), deadline, pending()).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

#[tokio::test]
async fn what_it_reads_and_prints_arrives() {
    let ended = run_with("cat; echo error >&2; exit 1", b"line\n").await;
    assert_eq!(ended.printed.stdout, b"line\n");
    assert_eq!(ended.printed.stderr, b"error\n");
    assert!(!ended.printed.is_cut);
}

#[tokio::test]
async fn a_program_that_reads_no_input_is_fine() {
    let input = vec![b'x'; 1 << 20];
    for script in ["exit 0", "exec 0<&-; head -c 100000 /dev/zero", "head -c 1 >/dev/null"] {
        let ended = run_with(script, &input).await;
        assert!(ended.status.unwrap().success(), "{script}");
    }
}

#[tokio::test]
async fn of_megabytes_little_is_kept_and_nobody_is_kept_waiting() {
    let script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo last >&2; exit 2";
    let ended = run_with(script, b"").await;
    assert_eq!(ended.status.unwrap().code(), Some(2));
    assert_eq!((ended.printed.stdout.len(), ended.printed.is_cut), (1 << 20, true));
    assert_eq!(ended.printed.stderr.len(), 4096);
    assert!(ended.printed.stderr.ends_with(b"last\n"));
}

#[tokio::test]
async fn a_program_that_prints_for_ever_ends_at_the_deadline() {
    let ended = run_for("echo $$; exec yes", SHORT).await;
    assert_eq!(ended.status, None);
    wait_until_group_is_gone(printed_id(&ended)).await;
}

#[tokio::test]
async fn what_it_leaves_running_is_killed_and_not_waited_for() {
    let begin = Instant::now();
    let ended = run_with("echo $$; sleep 1000 & exit 0", b"").await;
    assert!(ended.status.unwrap().success());
    assert!(begin.elapsed() < LONG / 2);
    wait_until_group_is_gone(printed_id(&ended)).await;
}

#[tokio::test]
async fn who_has_left_the_group_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let ready = ready.display();
    let begin = Instant::now();
    let ended = run_with(
        &format!(
            "setsid sh -c 'echo $$; touch {ready}; exec sleep 1000' &
             while [ ! -e {ready} ]; do sleep 0.01; done"
        ),
        b"",
    )
    .await;
    assert!(ended.status.unwrap().success());
    assert!(begin.elapsed() < LONG / 2);
    let id = printed_id(&ended);
    assert_eq!(living_in_group(id).len(), 1);
    std::process::Command::new("kill").args(["-KILL", &id.to_string()]).status().unwrap();
}

#[tokio::test]
async fn at_the_deadline_everything_in_the_group_is_killed_and_reaped() {
    let deadline = Instant::now() + SHORT;
    let ended = run(shell(STUBBORN), Zeroizing::default(), deadline, pending()).await.unwrap();
    assert_eq!(ended.status, None);
    let id = printed_id(&ended);
    assert!(!Path::new(&format!("/proc/{id}")).exists(), "it was not reaped");
    wait_until_group_is_gone(id).await;
}

#[tokio::test]
async fn a_program_may_clean_up_before_it_is_killed() {
    let script = "trap 'echo clean; exit 0' TERM; echo $$; sleep 1000 & wait";
    let ended = run_for(script, SHORT).await;
    // That it says success when it was made to end counts for nothing.
    assert_eq!(ended.status, None);
    assert!(ended.printed.stdout.ends_with(b"clean\n"), "{:?}", ended.printed);
    wait_until_group_is_gone(printed_id(&ended)).await;
}

#[tokio::test]
async fn when_nobody_waits_any_more_it_is_made_to_end() {
    let deadline = Instant::now() + LONG;
    let begin = Instant::now();
    let script = "echo $$; exec sleep 1000";
    let ended = run(shell(script), Zeroizing::default(), deadline, ready(())).await.unwrap();
    assert_eq!(ended.status, None);
    assert!(begin.elapsed() < LONG / 2);
}
