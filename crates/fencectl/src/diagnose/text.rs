//! A report for people.

use std::fmt::Write as _;

use anstyle::Style;
use fencing::diagnosis::{Diagnosis, Fact, Finding, Reached, Severity};
use unicode_width::UnicodeWidthStr as _;

use super::Report;
use super::cluster::Lines;
use crate::show::{BAD, DOUBTFUL, GOOD, HEADING, QUIET, printable};

/// How far what belongs to a heading is indented.
const INDENT: &str = "  ";

pub(super) fn of(report: &Report) -> String {
    let mut text = String::new();
    for diagnosis in &report.diagnoses {
        text += &found(diagnosis);
        text += "\n";
    }
    text += &findings(&report.diagnoses);
    text += "\n";
    text += &configuration(&report.lines);
    text
}

/// What was found by one protocol, one line a fact.
fn found(diagnosis: &Diagnosis) -> String {
    let Diagnosis { protocol, agent, address, reached, facts, .. } = diagnosis;
    let address = printable(address);
    let mut text = heading(&format!("{protocol} at {address} ({agent})"));
    if let Reached::No(reason) = reached {
        text += &line(&format!("{BAD}not reached{BAD:#}: {}", printable(reason)));
    }
    let width = facts.iter().map(|fact| fact.label.width()).max().unwrap_or_default();
    let mut before = "";
    for Fact { label, text: value } in facts {
        // Of several facts of a kind, the first has the label.
        let shown = if *label == before { "" } else { label };
        let gap = " ".repeat(width.saturating_sub(shown.width()));
        text += &line(&format!("{QUIET}{shown}{QUIET:#}{gap}  {}", printable(value)));
        before = label;
    }
    text
}

/// What is to be said of all protocols, the worst first. What is said of both is said once.
fn findings(diagnoses: &[Diagnosis]) -> String {
    let mut all: Vec<(&Finding, Vec<&str>)> = Vec::new();
    for diagnosis in diagnoses {
        for finding in &diagnosis.findings {
            match all.iter_mut().find(|(known, _)| *known == finding) {
                Some((_, protocols)) => protocols.push(diagnosis.protocol),
                None => all.push((finding, vec![diagnosis.protocol])),
            }
        }
    }
    all.sort_by_key(|(finding, _)| finding.severity);
    let mut text = heading("Findings");
    if all.is_empty() {
        let has_answered =
            diagnoses.iter().any(|diagnosis| !matches!(diagnosis.reached, Reached::No(_)));
        text += &line(if has_answered { "none" } else { "none, as nobody answered" });
    }
    for (Finding { severity, what, why, remedy, .. }, protocols) in all {
        let (style, protocols) = (style(*severity), protocols.join(", "));
        text += &line(&format!("{style}{severity}{style:#} ({protocols}): {}", printable(what)));
        text += &line(&format!("{INDENT}why: {}", printable(why)));
        text += &line(&format!("{INDENT}do:  {}", printable(remedy)));
    }
    text
}

fn configuration(lines: &Lines) -> String {
    if lines.pcs.is_empty() {
        let nothing = "nothing was seen to work, so there is no configuration to show";
        return heading("Configuration") + &line(nothing);
    }
    let mut text = heading("Configuration with pcs");
    lines.pcs.iter().for_each(|command| text += &line(&printable(command)));
    text += "\n";
    text += &heading("Configuration with crmsh");
    lines.crm.iter().for_each(|command| text += &line(&printable(command)));
    if lines.crm.iter().any(|command| command.contains(" fencing_topology ")) {
        let note = "where there is a fencing_topology already: crm configure edit fencing_topology";
        text += &line(&format!("{QUIET}({note}){QUIET:#}"));
    }
    if !lines.placeholders.is_empty() {
        let placeholders = lines.placeholders.join(" and ");
        let _ = writeln!(text, "\n{GOOD}{placeholders}{GOOD:#} is yours to put in.");
    }
    text
}

fn heading(title: &str) -> String {
    format!("{HEADING}{title}{HEADING:#}\n")
}

fn line(text: &str) -> String {
    format!("{INDENT}{text}\n")
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Security => BAD,
        Severity::Problem => DOUBTFUL,
        Severity::Advice => HEADING,
    }
}
