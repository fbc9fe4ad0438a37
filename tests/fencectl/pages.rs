//! Manual pages and completions.

use std::fs;
use std::process::Command;

use super::{Folder, as_text, fencectl};

#[test]
fn every_page_is_written_and_good() {
    let folder = Folder::new();
    let pages = as_text(&folder.path("pages"));
    fencectl(&["man", &pages]).run().expect(0, "");
    let mut names: Vec<String> = fs::read_dir(&pages)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for name in [
        "fencectl.8",
        "fencectl-status.8",
        "fencectl-power.8",
        "fencectl-run.8",
        "fencectl-agents.8",
        "fencectl-diagnose.8",
        "fence_ipmilan.8",
        "fence_idrac.8",
        "fence_redfish.8",
    ] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    for name in &names {
        check(&format!("{pages}/{name}"));
    }
}

/// groff warns of nothing, and mandoc finds no error.
fn check(page: &str) {
    let output = Command::new("groff")
        .args(["-man", "-Tutf8", "-Kutf8", "-ww", "-z", page])
        .output()
        .expect("groff starts: run ./tests/run, which installs it");
    let warnings = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && warnings.is_empty(), "{page}: {warnings}");
    let output = Command::new("mandoc")
        .args(["-Tlint", "-Werror", page])
        .output()
        .expect("mandoc starts: run ./tests/run, which installs it");
    let complaints = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{page}: {complaints}");
}

#[test]
fn a_page_shows_what_the_program_takes() {
    let folder = Folder::new();
    let pages = as_text(&folder.path("pages"));
    fencectl(&["man", &pages]).run().expect(0, "");
    let shown = |name: &str| {
        let output = Command::new("mandoc")
            .args(["-Tascii", "-Owidth=200", &format!("{pages}/{name}")])
            .output()
            .expect("mandoc starts: run ./tests/run, which installs it");
        let text = String::from_utf8(output.stdout).unwrap();
        // Bold and underlined letters are printed over.
        let mut plain = String::new();
        for letter in text.chars() {
            if letter == '\u{8}' {
                plain.pop();
            } else {
                plain.push(letter)
            }
        }
        plain
    };
    let power = shown("fencectl-power.8");
    for words in ["fencectl-power", "--yes", "--password-file", "@rack1", "reboot"] {
        assert!(power.contains(words), "{words}: {power}");
    }
    assert!(shown("fencectl.8").contains("Exit codes:"));
    let agent = shown("fence_ilo3.8");
    for words in [
        "fence_ilo3 - HP iLO 3",
        "--power-wait=seconds",
        "default 4",
        "EXIT STATUS",
        "power is off",
    ] {
        assert!(agent.contains(words), "{words}: {agent}");
    }
}

#[test]
fn bash_completes_commands_and_options() {
    let folder = Folder::new();
    let run = fencectl(&["completions", "bash"]).run();
    assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
    let script = folder.write("fencectl.bash", &run.stdout);
    let syntax = Command::new("bash").args(["-n", &script]).output().unwrap();
    assert!(syntax.status.success(), "{syntax:?}");
    for (words, expected) in [
        ("fencectl po", "power"),
        ("fencectl power re", "reboot"),
        ("fencectl status --pass", "--password-file"),
        ("fencectl completions z", "zsh"),
    ] {
        let reply = completed(&script, words);
        assert!(reply.split_whitespace().any(|word| word == expected), "{words}: {reply}");
    }
}

/// What bash offers behind these words.
fn completed(script: &str, words: &str) -> String {
    let code = format!(
        "source {script}; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         _fencectl fencectl \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"; \
         echo \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash").args(["--norc", "-c", &code]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_other_shells_have_completions_too() {
    for shell in ["zsh", "fish"] {
        let run = fencectl(&["completions", shell]).run();
        assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""));
        assert!(run.stdout.contains("password-file") && run.stdout.contains("diagnose"), "{shell}");
    }
}
