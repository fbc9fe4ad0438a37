use bmc_sim::redfish;
use ipmi_lan::Quirk;

use super::{Error, print};

/// Prints what is known of each quirk, as a table with one block for each.
pub(super) fn run() -> Result<(), Error> {
    print("IPMI\n")?;
    Quirk::ALL.into_iter().try_for_each(|quirk| print(block(quirk)))?;
    print("\nRedfish\n")?;
    redfish::Quirk::ALL.into_iter().try_for_each(|quirk| print(redfish_block(quirk)))
}

fn block(quirk: Quirk) -> String {
    let facts = quirk.facts();
    let weakens = if facts.weakens { " (weakens the login: only when named)" } else { "" };
    format!(
        "{}\n    seen on     {}\n    told by     {}\n    recognised  {}\n    workaround  {}{weakens}",
        facts.name,
        facts.hardware,
        facts.source,
        facts.recognised.unwrap_or("not by itself; it has to be named"),
        facts.change,
    )
}

fn redfish_block(quirk: redfish::Quirk) -> String {
    let facts = quirk.facts();
    format!(
        "{}\n    seen on     {}\n    told by     {}\n    does        {}",
        facts.name, facts.hardware, facts.source, facts.change,
    )
}
