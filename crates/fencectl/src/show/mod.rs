//! What people and programs see of the work.

pub(crate) mod json;
pub(crate) mod log;
pub(crate) mod progress;
pub(crate) mod table;

use std::io::{self, Write};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};

use crate::cli::Color;
use crate::failure::Failure;
use crate::work::{Report, Undone};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const DOUBTFUL: Style = AnsiColor::Yellow.on_default();
pub(crate) const HEADING: Style = Style::new().bold();

/// From here on, what is written through [`anstream`] has colours or not.
pub(crate) fn choose_colors(color: Color) {
    let choice = match color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes to standard output. Nobody who reads is an error, and no panic.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// A line on standard error, from this program.
pub(crate) fn complain(line: &str) {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "fencectl: {line}");
}

/// The text with everything escaped that would break the line, move a cursor or hide text. It may come from a device
/// that means ill.
pub(crate) fn printable(text: &str) -> String {
    let mut printable = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '\'' | '\\' => printable.push(letter),
            other => printable.extend(other.escape_debug()),
        }
    }
    printable
}

/// How many of the hosts are done, in one line.
pub(crate) fn summary(reports: &[Report]) -> String {
    let count = |is: fn(&Report) -> bool| reports.iter().filter(|report| is(report)).count();
    let done = count(Report::is_success);
    let mut line = format!("{done} of {} done", reports.len());
    for (count, what) in [
        (count(|report| matches!(report.result, Err(Undone::Failed(_)))), "failed"),
        (count(|report| matches!(report.result, Err(Undone::Interrupted))), "interrupted"),
        (count(|report| matches!(report.result, Err(Undone::NotStarted))), "not started"),
    ] {
        if count > 0 {
            line.push_str(&format!(", {count} {what}"));
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_of_printable_letters() {
        for (text, expected) in [
            ("plain 'quoted' \"text\" C:\\", "plain 'quoted' \"text\" C:\\"),
            ("Schlüssel … 鍵", "Schlüssel … 鍵"),
            ("a\nb\x1b[2J\u{9b}\u{202e}", "a\\nb\\u{1b}[2J\\u{9b}\\u{202e}"),
        ] {
            assert_eq!(printable(text), expected);
        }
    }
}
