//! `fence_redfish` against a service that misbehaves in every way that is known: what it prints, what it says, what was
//! done to the machine, what is left at the service. docs/redfish.md has the table.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::thread;

use bmc_sim::Power;

use crate::support::page;
use case::{Case, Group};

mod answers;
mod case;
mod connections;
mod credentials;
mod cycles;
mod hosts;
mod power;
mod quirks;
mod redirects;
mod resets;
mod sessions;
mod statuses;
mod systems;
mod tasks;
mod trial;

/// Most of a run's time is waiting.
const AT_ONCE: usize = 16;

fn groups() -> Vec<Group> {
    vec![
        connections::group(),
        answers::group(),
        statuses::group(),
        redirects::group(),
        power::group(),
        resets::group(),
        tasks::group(),
        cycles::group(),
        systems::group(),
        sessions::group(),
        credentials::group(),
        quirks::group(),
    ]
}

#[test]
fn what_comes_of_redfish_services_with_faults_and_quirks() {
    let table = table(&groups());
    let cases = groups().into_iter().flat_map(|group| group.cases).collect();
    let wrong = run_all(cases);
    assert!(wrong.is_empty(), "{}\n{} cases", wrong.join("\n"), wrong.len());
    page::leave("redfish.md", &table);
    page::expect("docs/redfish.md", &table);
}

/// Runs all of them, some at the same time; only those that have this word, if there is one.
fn run_all(mut cases: Vec<Case>) -> Vec<String> {
    if let Ok(word) = std::env::var("REDFISH_CASES") {
        cases.retain(|case| case.name().contains(&word));
    }
    let cases = Mutex::new(cases);
    let wrong = Mutex::new(Vec::new());
    let next = || cases.lock().unwrap_or_else(PoisonError::into_inner).pop();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(case) = next() {
                    if let Err(error) = trial::run(case) {
                        wrong.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                    }
                }
            });
        }
    });
    wrong.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn table(groups: &[Group]) -> String {
    let cases: usize = groups.iter().map(|group| group.cases.len()).sum();
    let mut text = format!("{cases} cases.\n");
    for Group { heading, cases } in groups {
        let _ = writeln!(text, "\n### {heading}\n");
        text.push_str("| the service | the agent | what comes of it |\n|---|---|---|\n");
        for case in cases {
            let cells = [case.service.clone(), asked(case), result(case)];
            let _ =
                writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
        }
    }
    text
}

fn asked(case: &Case) -> String {
    let lines = case.told().map(|line| format!(" `{line}`"));
    format!("{}{}", case.action, lines.collect::<String>())
}

fn result(case: &Case) -> String {
    let machine = match case.machine {
        None => "",
        Some(Power::Off) => "; the machine is off",
        Some(Power::On) => "; the machine is on",
    };
    let remark = if case.remark.is_empty() { String::new() } else { format!("; {}", case.remark) };
    format!("{}{machine}{remark}", trial::told(case.result))
}
