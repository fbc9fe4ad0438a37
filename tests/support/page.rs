//! Pages of the documentation of which the tests write a part.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Set to 1, it has the pages changed instead of compared.
const UPDATE: &str = "UPDATE_DOCS";

/// Leaves a text in the folder of the tests' own files, where others may pick it up.
pub fn leave(name: &str, text: &str) {
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), text).expect("the text is left");
}

/// Fails when the part of the page that is written by tests is not this text.
#[track_caller]
pub fn expect(page: &str, text: &str) {
    expect_between(page, "written by the tests", text);
}

/// The same for one of several parts, by its name.
#[track_caller]
pub fn expect_part(page: &str, part: &str, text: &str) {
    expect_between(page, &format!("written by the tests, {part}"), text);
}

/// A page with several parts is changed by one test at a time.
static CHANGES: Mutex<()> = Mutex::new(());

#[track_caller]
fn expect_between(page: &str, marker: &str, text: &str) {
    let _alone = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    let [begin, end] = ["begin", "end"].map(|place| format!("<!-- {marker}: {place} -->\n"));
    let path = project().join(page);
    let old = fs::read_to_string(&path).expect("the page");
    let (head, rest) = old.split_once(&begin).expect("the beginning of the part");
    let (part, tail) = rest.split_once(&end).expect("the end of the part");
    if part.trim() == text.trim() {
        return;
    }
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        let new = format!("{head}{begin}\n{}\n\n{end}{tail}", text.trim());
        return fs::write(&path, new).expect("the page can be written");
    }
    panic!(
        "{page} does not say what is so:\n{}\nTo have it say so: {UPDATE}=1 cargo test --test main",
        difference(part.trim(), text.trim())
    );
}

/// Whether there is such a test of these here: `faults::a_busy_bmc_is_asked_again`.
pub fn is_test(name: &str) -> bool {
    let Some((module, name)) = name.rsplit_once("::") else { return false };
    let file = project().join("tests").join(module.replace("::", "/"));
    let has_it = |file: &Path| {
        fs::read_to_string(file).is_ok_and(|source| source.contains(&format!("fn {name}()")))
    };
    has_it(&file.with_extension("rs")) || has_it(&file.join("mod.rs"))
}

fn project() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The lines that only one of them has.
fn difference(old: &str, new: &str) -> String {
    let only_in = |one: &str, other: &str, sign: char| {
        let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only_in(old, new, '-') + &only_in(new, old, '+')
}
