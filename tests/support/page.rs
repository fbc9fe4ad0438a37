//! Pages of the documentation of which the tests write a part.

use std::fs;
use std::path::Path;

/// Around the part that is written by a test.
const BEGIN: &str = "<!-- written by the tests: begin -->\n";
const END: &str = "<!-- written by the tests: end -->\n";
/// Set to 1, it has the pages changed instead of compared.
const UPDATE: &str = "UPDATE_DOCS";

/// Leaves a text in the folder of the tests' own files, where others may pick it up.
pub fn leave(name: &str, text: &str) {
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), text).expect("the text is left");
}

/// Fails when that part of the page is not this text.
#[track_caller]
pub fn expect(page: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
    let old = fs::read_to_string(&path).expect("the page");
    let (head, rest) = old.split_once(BEGIN).expect("the beginning of the part");
    let (part, tail) = rest.split_once(END).expect("the end of the part");
    if part.trim() == text.trim() {
        return;
    }
    if std::env::var(UPDATE).is_ok_and(|value| value == "1") {
        let new = format!("{head}{BEGIN}\n{}\n\n{END}{tail}", text.trim());
        return fs::write(&path, new).expect("the page can be written");
    }
    panic!(
        "{page} does not say what is so:\n{}\nTo have it say so: {UPDATE}=1 cargo test --test main",
        difference(part.trim(), text.trim())
    );
}

/// The lines that only one of them has.
fn difference(old: &str, new: &str) -> String {
    let only_in = |one: &str, other: &str, sign: char| {
        let lines = one.lines().filter(|line| !other.lines().any(|known| known == *line));
        lines.map(|line| format!("{sign} {line}\n")).collect::<String>()
    };
    only_in(old, new, '-') + &only_in(new, old, '+')
}
