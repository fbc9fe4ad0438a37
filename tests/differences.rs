//! docs/differences.md, held to the cases that compare our agents with Debian's.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::comparison::redfish::RedfishBmc;
use crate::support::comparison::{Bmc, Case, Difference};
use crate::support::ipmi_sim::IpmiSim;
use crate::support::page;
use crate::{differential, inputs, lan, redfish_differential};

/// docs/differences.md has a row for each difference, and each row its proof.
#[test]
fn every_difference_is_documented() {
    let rows = documented();
    let mut proved = BTreeMap::<_, BTreeSet<_>>::new();
    for (case, difference) in all_differences() {
        proved.entry(difference.id).or_default().insert(case);
    }
    let documented: BTreeSet<_> = rows.keys().copied().collect();
    for (id, cases) in &proved {
        let row = rows.get(id).unwrap_or_else(|| panic!("no row for {id}: {cases:?}"));
        assert_eq!(missing(cases, row), BTreeSet::new(), "cases that the row {id} does not name");
    }
    for id in documented {
        let cases = proved.remove(id).unwrap_or_default();
        let tests = missing(&rows[id], &cases);
        assert!(!rows[id].is_empty(), "the row {id} has no proof");
        for test in tests {
            let is_test = page::is_test(test);
            assert!(is_test, "the row {id} names {test:?}, which is no case and no test");
        }
    }
}

fn missing<'a>(these: &BTreeSet<&'a str>, from: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    these.difference(from).copied().collect()
}

/// The proofs of each row of the tables, by the id of the row.
fn documented() -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let text = include_str!("../docs/differences.md");
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        let [id, .., proofs] = cells[..] else { panic!("{line}") };
        let proofs = proofs.split('`').skip(1).step_by(2).collect();
        assert!(rows.insert(id.trim_matches('`'), proofs).is_none(), "two rows {id}");
    }
    rows
}

/// The names of the cases that differ, and how they do.
fn all_differences() -> Vec<(&'static str, Difference)> {
    let ipmi = [inputs::cases::<IpmiSim>, differential::cases, lan::cases, lan::target_cases];
    let redfish = [inputs::cases::<RedfishBmc>, redfish_differential::cases];
    [differences(&ipmi), differences(&redfish)].concat()
}

fn differences<B: Bmc>(tables: &[fn() -> Vec<Case<B>>]) -> Vec<(&'static str, Difference)> {
    let cases = tables.iter().flat_map(|table| table());
    cases.filter_map(|case| Some((case.name, case.difference()?))).collect()
}
