//! A report as a line of JSON.

use std::collections::BTreeMap;

use fencing::diagnosis::{Diagnosis, Reached};
use serde::Serialize;

use super::Report;

#[derive(Serialize)]
struct Line<'a> {
    host: &'a str,
    /// Whether the BMC can be used for fencing.
    usable: bool,
    diagnoses: Vec<DiagnosisLine<'a>>,
    pcs: &'a [String],
    crm: &'a [String],
}

#[derive(Serialize)]
struct DiagnosisLine<'a> {
    protocol: &'a str,
    agent: &'a str,
    address: &'a str,
    reached: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    facts: Vec<FactLine<'a>>,
    findings: Vec<FindingLine<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working: Option<WorkingLine<'a>>,
}

#[derive(Serialize)]
struct FactLine<'a> {
    label: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct FindingLine<'a> {
    name: &'a str,
    severity: String,
    what: &'a str,
    why: &'a str,
    remedy: &'a str,
}

#[derive(Serialize)]
struct WorkingLine<'a> {
    parameters: BTreeMap<&'a str, &'a str>,
    secrets: &'a [&'static str],
}

/// The line, with its end.
pub(super) fn line(report: &Report) -> String {
    let line = Line {
        host: &report.host,
        usable: report.is_usable(),
        diagnoses: report.diagnoses.iter().map(DiagnosisLine::of).collect(),
        pcs: &report.lines.pcs,
        crm: &report.lines.crm,
    };
    // A report has no maps with odd keys, which is what could fail.
    serde_json::to_string(&line).unwrap_or_default() + "\n"
}

impl<'a> DiagnosisLine<'a> {
    fn of(diagnosis: &'a Diagnosis) -> Self {
        let Diagnosis { protocol, agent, address, reached, facts, findings, working, .. } =
            diagnosis;
        let error = match reached {
            Reached::Yes => None,
            Reached::No(reason) => Some(reason.as_str()),
        };
        let facts = facts.iter().map(|fact| FactLine { label: fact.label, text: &fact.text });
        let findings = findings.iter().map(|finding| FindingLine {
            name: finding.name,
            severity: finding.severity.to_string(),
            what: &finding.what,
            why: &finding.why,
            remedy: &finding.remedy,
        });
        let working = working.as_ref().map(|working| WorkingLine {
            parameters: working.parameters.iter().map(|(name, v)| (*name, v.as_str())).collect(),
            secrets: &working.secrets,
        });
        Self {
            protocol,
            agent,
            address,
            reached: error.is_none(),
            error,
            facts: facts.collect(),
            findings: findings.collect(),
            working,
        }
    }
}
