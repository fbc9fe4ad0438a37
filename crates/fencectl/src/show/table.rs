//! The table of reports, in the order in which the hosts were named.

use anstyle::Style;
use fencing::{Port, PowerState};
use unicode_width::UnicodeWidthStr;

use super::{BAD, DOUBTFUL, GOOD, HEADING, QUIET, printable};
use crate::work::{Found, Report, Undone};

/// What stands where there is nothing to say, so that each line has as many words as the heading.
const NOTHING: &str = "-";

/// A text of a table, and how it looks.
pub(crate) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    pub(crate) fn plain(text: impl AsRef<str>) -> Self {
        Self::styled(text, Style::new())
    }

    pub(crate) fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self { text: printable(text.as_ref()), style }
    }

    fn or_nothing(text: Option<impl AsRef<str>>) -> Self {
        text.map_or_else(|| Self::plain(NOTHING), Self::plain)
    }
}

/// The reports as a table, one line a host; of a list of ports, one line a port.
pub(crate) fn reports(reports: &[Report]) -> String {
    let are_ports = reports.iter().any(|report| matches!(report.result, Ok(Found::Ports(_))));
    if are_ports {
        let rows = reports.iter().flat_map(ports).collect();
        return lines(&["HOST", "PLUG", "NAME", "STATE", "DETAIL"], rows);
    }
    let rows = reports.iter().map(row).collect();
    lines(&["HOST", "RESULT", "AGENT", "SECONDS", "DETAIL"], rows)
}

fn row(report: &Report) -> Vec<Cell> {
    let (result, style) = result(report);
    let seconds = report.took.map(|took| format!("{:.2}", took.as_secs_f64()));
    vec![
        Cell::plain(&report.host),
        Cell::styled(result, style),
        Cell::or_nothing(report.agent.as_deref()),
        Cell::or_nothing(seconds),
        Cell::plain(detail(report)),
    ]
}

fn result(report: &Report) -> (&str, Style) {
    match &report.result {
        Ok(Found::Power(PowerState::On)) => ("ON", GOOD),
        Ok(Found::Power(PowerState::Off)) => ("OFF", QUIET),
        Ok(Found::Power(PowerState::Unknown)) => ("unknown", DOUBTFUL),
        Ok(Found::Done { text, .. }) => (text, GOOD),
        Ok(Found::Answers) => ("answers", GOOD),
        Ok(Found::Ports(_)) => ("ports", GOOD),
        Err(Undone::Failed(_)) => ("failed", BAD),
        Err(Undone::Interrupted) => ("interrupted", DOUBTFUL),
        Err(Undone::NotStarted) => ("not started", DOUBTFUL),
    }
}

/// Why it was not done, and what else there is to say.
pub(crate) fn detail(report: &Report) -> String {
    let reason = match &report.result {
        Err(Undone::Failed(reason)) => Some(reason.as_str()),
        Err(Undone::Interrupted) => Some("the power state is not known"),
        Err(Undone::NotStarted) | Ok(_) => None,
    };
    let parts = reason.into_iter().chain(report.remarks.iter().map(String::as_str));
    parts.collect::<Vec<_>>().join("; ")
}

fn ports(report: &Report) -> Vec<Vec<Cell>> {
    let host = || Cell::plain(&report.host);
    match &report.result {
        Ok(Found::Ports(ports)) => ports
            .iter()
            .map(|port| std::iter::once(host()).chain(port_cells(port)).collect())
            .collect(),
        _ => {
            let nothing = || Cell::plain(NOTHING);
            let (result, style) = result(report);
            vec![vec![
                host(),
                nothing(),
                nothing(),
                Cell::styled(result, style),
                Cell::plain(detail(report)),
            ]]
        }
    }
}

fn port_cells(port: &Port) -> [Cell; 4] {
    let (state, style) = match port.state {
        Some(PowerState::On) => ("ON", GOOD),
        Some(PowerState::Off) => ("OFF", QUIET),
        Some(PowerState::Unknown) => ("unknown", DOUBTFUL),
        None => (NOTHING, Style::new()),
    };
    [
        Cell::plain(&port.name),
        Cell::or_nothing(port.alias.as_deref()),
        Cell::styled(state, style),
        Cell::plain(""),
    ]
}

/// Columns as wide as their widest cell, two spaces apart; the last one is as long as it is.
pub(crate) fn lines(heading: &[&str], rows: Vec<Vec<Cell>>) -> String {
    let heading = heading.iter().map(|text| Cell::styled(text, HEADING)).collect();
    let rows: Vec<Vec<Cell>> = std::iter::once(heading).chain(rows).collect();
    let widths = widths(&rows);
    rows.iter().map(|row| line(row, &widths)).collect()
}

fn widths(rows: &[Vec<Cell>]) -> Vec<usize> {
    let mut widths = Vec::new();
    for row in rows {
        widths.resize(widths.len().max(row.len()), 0);
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.text.width());
        }
    }
    widths
}

fn line(row: &[Cell], widths: &[usize]) -> String {
    let mut line = String::new();
    let mut gap = 0;
    for (Cell { text, style }, width) in
        row.iter().zip(widths).filter(|(cell, _)| !cell.text.is_empty())
    {
        line.push_str(&" ".repeat(gap));
        line.push_str(&format!("{style}{text}{style:#}"));
        gap = width.saturating_sub(text.width()) + 2;
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(host: &str, result: Result<Found, Undone>) -> Report {
        let agent = result.is_ok().then(|| "fence_ipmilan".to_owned());
        let took = Some(Duration::from_millis(1234));
        Report { host: host.to_owned(), result, agent, took, remarks: Vec::new() }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let mut slow = report("bmc100", Ok(Found::Power(PowerState::Off)));
        slow.remarks = vec!["before, fence_redfish: no".to_owned()];
        let table = reports(&[
            report("bmc1", Ok(Found::Power(PowerState::On))),
            slow,
            report("鍵", Err(Undone::Failed("no answer\x1b[2J".to_owned()))),
            Report { took: None, ..report("bmc2", Err(Undone::NotStarted)) },
            report("bmc3", Err(Undone::Interrupted)),
        ]);
        let expected = "\
HOST    RESULT       AGENT          SECONDS  DETAIL
bmc1    ON           fence_ipmilan  1.23
bmc100  OFF          fence_ipmilan  1.23     before, fence_redfish: no
鍵      failed       -              1.23     no answer\\u{1b}[2J
bmc2    not started  -              -
bmc3    interrupted  -              1.23     the power state is not known
";
        let found = plain(&table);
        let trimmed: Vec<_> = found.lines().map(str::trim_end).collect();
        assert_eq!(trimmed, found.lines().collect::<Vec<_>>(), "no white space at the ends");
        assert_eq!(found, expected);
    }

    #[test]
    fn a_list_of_ports_has_a_line_for_each() {
        let ports = vec![
            Port { name: "1".into(), alias: Some("node1".into()), state: Some(PowerState::On) },
            Port { name: "2".into(), alias: None, state: None },
        ];
        let table = reports(&[
            report("pdu1", Ok(Found::Ports(ports))),
            report("pdu2", Err(Undone::Failed("no answer".to_owned()))),
        ]);
        let expected = "\
HOST  PLUG  NAME   STATE   DETAIL
pdu1  1     node1  ON
pdu1  2     -      -
pdu2  -     -      failed  no answer
";
        assert_eq!(plain(&table), expected);
    }
}
