//! Exit codes, help, colours.

use super::{Folder, expect_refusal, fencectl, logged_in};
use crate::support::farm::Bmcs;

#[test]
fn wrong_usage_is_exit_code_1_and_never_2() {
    for arguments in [
        &[][..],
        &["fence"],
        &["status", "--bogus", "a"],
        &["power", "a"],
        &["power", "explode", "a"],
        &["run", "fence_ipmilan"],
        &["run", "fence_ipmilan", "explode", "a"],
        &["status", "a", "--jobs", "0"],
        &["status", "a", "--timeout", "0"],
        &["status", "a", "--timeout", "x"],
        &["completions", "tcsh"],
    ] {
        let run = fencectl(arguments).run();
        assert_eq!((run.code, run.stdout.as_str()), (Some(1), ""), "{arguments:?}: {run:#?}");
        assert!(!run.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn help_is_what_was_asked_for() {
    for arguments in
        [&["--help"][..], &["status", "--help"], &["power", "-h"], &["--version"], &["help", "run"]]
    {
        let run = fencectl(arguments).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{arguments:?}: {run:#?}");
        assert!(run.stdout.contains("fencectl"), "{arguments:?}");
        let longest = run.stdout.lines().map(|line| line.chars().count()).max();
        assert!(longest <= Some(100), "{run:#?}");
    }
    assert!(fencectl(&["--help"]).run().stdout.contains("Exit codes:\n  0  everything"));
}

#[test]
fn one_host_is_diagnosed_and_no_list_of_them() {
    for hosts in ["@rack1", "bmc[1-2]", "bmc1,bmc2"] {
        let run = fencectl(&["diagnose", hosts]).run();
        expect_refusal(&run, "diagnose looks at one host");
    }
}

#[test]
fn colours_are_for_terminals_or_for_who_wants_them() {
    let bmcs = Bmcs::start(1);
    let host = bmcs.host(1);
    let plain = logged_in(&["status", &host]).run();
    assert!(!plain.stdout.contains('\x1b') && !plain.stderr.contains('\x1b'), "{plain:#?}");
    let always = logged_in(&["status", &host, "--color", "always"]).run();
    assert!(always.stdout.contains("\x1b[32mON\x1b[0m"), "{always:#?}");
    let never = logged_in(&["status", &host, "--color", "never"]).run();
    assert!(!never.stdout.contains('\x1b'), "{never:#?}");
}

#[test]
fn a_reader_that_goes_away_ends_nothing() {
    let bmcs = Bmcs::start(3);
    let script = "\"$@\" | :";
    let run = logged_in(&["power", "off", &bmcs.hosts("1-3"), "-y", "--json"])
        .through("/bin/bash", &["-c", &format!("set -o pipefail; {script}"), "bash"])
        .run();
    assert_eq!(run.code, Some(1), "it was not told: {run:#?}");
    assert_eq!(bmcs.on(), [false; 3], "and was done all the same");
    assert_eq!(run.stderr, "fencectl: 3 of 3 done\n");
}

#[test]
fn verbose_tells_the_steps_in_lines_of_their_own() {
    let bmcs = Bmcs::start(2);
    let quiet = logged_in(&["status", &bmcs.hosts("1-2")]).run();
    let run = logged_in(&["status", &bmcs.hosts("1-2"), "-vv"]).run();
    assert_eq!((run.code, quiet.stderr.lines().count()), (Some(0), 1), "{quiet:#?}");
    assert!(run.stderr.lines().count() > 4, "{run:#?}");
    assert_eq!(run.stdout.lines().count(), 3);
}

#[test]
fn a_hosts_file_may_use_groups() {
    let bmcs = Bmcs::start(2);
    let folder = Folder::new();
    let text = format!("[groups.all]\nhosts = ['{}']", bmcs.hosts("1-2"));
    let inventory = folder.write("inventory.toml", &text);
    let run = logged_in(&["status", "--hosts-file", "-", "--inventory", &inventory])
        .lines(["@all"])
        .run();
    assert_eq!((run.code, run.stdout.lines().count()), (Some(0), 3), "{run:#?}");
}
