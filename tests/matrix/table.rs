//! The result, as a table in Markdown with its notes.

use std::fmt::Write as _;

use super::expectation::{Expectation, PAIRS};
use super::feature::Feature;
use super::trial::Failure;

pub struct Row {
    pub feature: Feature,
    pub cells: Vec<Cell>,
}

/// What was expected of a cell, and whether it came.
pub struct Cell {
    pub expectation: Expectation,
    pub result: Result<(), Failure>,
}

impl Row {
    /// The cells that are not what was expected.
    pub fn failures(&self) -> impl Iterator<Item = String> {
        self.cells.iter().zip(PAIRS).filter_map(|(cell, (client, bmc))| {
            let failure = cell.result.as_ref().err()?;
            let Self { feature, .. } = self;
            let why = failure.why.trim();
            Some(format!("{feature}, {client} against {bmc}: {:?}, but {why}", cell.expectation))
        })
    }
}

/// The table, then the notes that it points to.
pub fn write(rows: &[Row]) -> String {
    let mut notes = Vec::new();
    let pairs = PAIRS.map(|(client, bmc)| format!("{client} against {bmc}"));
    let mut lines: Vec<Vec<String>> = vec![[String::new()].into_iter().chain(pairs).collect()];
    for Row { feature, cells } in rows {
        let cells = cells.iter().map(|cell| cell.text(&mut notes));
        lines.push([feature.to_string()].into_iter().chain(cells).collect());
    }
    let mut text = aligned(&lines);
    text.push('\n');
    for (index, note) in notes.iter().enumerate() {
        let _ = writeln!(text, "{}. {note}", index + 1);
    }
    text
}

impl Cell {
    fn text(&self, notes: &mut Vec<String>) -> String {
        if self.result.is_err() {
            return "**fail**".to_owned();
        }
        match self.expectation {
            Expectation::Works => "pass".to_owned(),
            Expectation::WorksWith(option) => format!("pass with `{option}`"),
            Expectation::Fails(peer, reason)
            | Expectation::Aborts(peer, reason)
            | Expectation::Lacks(peer, reason) => {
                let note = format!("{peer}: {reason}.");
                let number = notes.iter().position(|known| *known == note).unwrap_or_else(|| {
                    notes.push(note);
                    notes.len() - 1
                });
                format!("not by {peer} ({})", number + 1)
            }
        }
    }
}

/// As Markdown, with columns that can be read as they are.
fn aligned(lines: &[Vec<String>]) -> String {
    let widths: Vec<usize> = (0..=PAIRS.len())
        .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (index, line) in lines.iter().enumerate() {
        for (cell, width) in line.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if index == 0 {
            for width in &widths {
                let _ = write!(text, "|{}", "-".repeat(width + 2));
            }
            text.push_str("|\n");
        }
    }
    text
}
