//! docs/workarounds.md tells administrators what the client knows of BMCs with quirks.

use std::fmt::Write as _;

use ipmi_lan::{Quirk, QuirkFacts};

use crate::support::page;

#[test]
fn the_page_on_workarounds_tells_of_each_quirk_what_the_client_does() {
    page::expect("docs/workarounds.md", &table());
}

fn table() -> String {
    let mut text = String::from(
        "| name | seen on | how it is found | what changes | weakens the login | told by |\n\
         |---|---|---|---|---|---|\n",
    );
    for QuirkFacts { name, hardware, source, recognised, change, weakens } in
        Quirk::ALL.map(Quirk::facts)
    {
        let found = recognised.unwrap_or("not by itself: name it");
        let weakens = if weakens { "yes" } else { "no" };
        let cells = [&format!("`{name}`"), hardware, found, change, weakens, source];
        let _ = writeln!(text, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    }
    text
}
