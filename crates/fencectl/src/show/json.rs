//! A report as a line of JSON.

use fencing::{Action, Port, PowerState};
use serde::Serialize;

use super::printable;
use crate::work::{Found, Report, Undone};

#[derive(Serialize)]
struct Line<'a> {
    host: &'a str,
    action: &'static str,
    /// Whether what was asked for was done.
    ok: bool,
    result: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    remarks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ports: Option<Vec<PortLine<'a>>>,
}

#[derive(Serialize)]
struct PortLine<'a> {
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    alias: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
}

/// The line, with its end.
pub(crate) fn line(report: &Report, action: Action) -> String {
    let Report { host, agent, took, remarks, .. } = report;
    let line = Line {
        host,
        action: action.name(),
        ok: report.is_success(),
        result: result(report),
        state: state_of(report).map(word),
        agent: agent.as_deref(),
        seconds: took.map(|took| (took.as_secs_f64() * 1000.0).round() / 1000.0),
        error: error(report),
        remarks: remarks.iter().map(|remark| printable(remark)).collect(),
        ports: ports(report),
    };
    // A report has no maps with odd keys, which is what could fail.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

fn result(report: &Report) -> String {
    match &report.result {
        Ok(Found::Power(state)) => word(*state).to_owned(),
        Ok(Found::Done { text, .. }) => printable(text),
        Ok(Found::Answers) => "answers".to_owned(),
        Ok(Found::Ports(_)) => "ports".to_owned(),
        Err(Undone::Failed(_)) => "failed".to_owned(),
        Err(Undone::Interrupted) => "interrupted".to_owned(),
        Err(Undone::NotStarted) => "not started".to_owned(),
    }
}

fn state_of(report: &Report) -> Option<PowerState> {
    match &report.result {
        Ok(Found::Power(state)) => Some(*state),
        Ok(Found::Done { state, .. }) => *state,
        _ => None,
    }
}

fn error(report: &Report) -> Option<String> {
    match &report.result {
        Err(Undone::Failed(reason)) => Some(printable(reason)),
        Err(Undone::Interrupted) => Some("interrupted, the power state is not known".to_owned()),
        Err(Undone::NotStarted) => Some("not started".to_owned()),
        Ok(_) => None,
    }
}

fn ports(report: &Report) -> Option<Vec<PortLine<'_>>> {
    match &report.result {
        Ok(Found::Ports(ports)) => Some(ports.iter().map(port).collect()),
        _ => None,
    }
}

fn port(port: &Port) -> PortLine<'_> {
    let Port { name, alias, state } = port;
    PortLine { name, alias: alias.as_deref(), state: state.map(word) }
}

fn word(state: PowerState) -> &'static str {
    match state {
        PowerState::On => "on",
        PowerState::Off => "off",
        PowerState::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn report(result: Result<Found, Undone>) -> Report {
        let host = "bmc1".to_owned();
        Report { host, result, agent: None, took: None, remarks: Vec::new() }
    }

    #[test]
    fn a_line_says_what_was_found() {
        let on = Report {
            agent: Some("fence_ipmilan".to_owned()),
            took: Some(Duration::from_micros(12_345)),
            ..report(Ok(Found::Power(PowerState::On)))
        };
        assert_eq!(
            line(&on, Action::Status),
            "{\"host\":\"bmc1\",\"action\":\"status\",\"ok\":true,\"result\":\"on\",\"state\":\"on\",\
             \"agent\":\"fence_ipmilan\",\"seconds\":0.012}\n"
        );
    }

    #[test]
    fn what_was_not_done_has_an_error_and_no_state() {
        for (undone, result, error) in [
            (Undone::Failed("no\nanswer\u{9b}".to_owned()), "failed", "no\\nanswer\\u{9b}"),
            (Undone::Interrupted, "interrupted", "interrupted, the power state is not known"),
            (Undone::NotStarted, "not started", "not started"),
        ] {
            let line = line(&report(Err(undone)), Action::Off);
            assert_eq!(line.matches('\n').count(), 1);
            let value: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(value["ok"], false);
            assert_eq!(value["result"], result);
            assert_eq!(value["error"], error);
            assert_eq!(value.get("state"), None);
        }
    }
}
