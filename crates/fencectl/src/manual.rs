//! Manual pages and completions, made from the definitions of the command line and of the agents.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;
use fence_agent::manual::DATE;

use crate::failure::Failure;
use crate::show;

/// All are commands of administrators.
const SECTION: &str = "8";

const VERSION: &str = concat!("fencectl ", env!("CARGO_PKG_VERSION"));

/// The pages of fencectl, of its commands and of the agents: the name of the file, and its text.
#[must_use]
pub fn pages() -> Vec<(String, Vec<u8>)> {
    let mut command = crate::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add_pages(&mut pages, &command, "fencectl");
    for definition in fencing::agents::all() {
        let page = fence_agent::manual::manual(&definition.agent);
        pages.push((format!("{}.{SECTION}", definition.agent.name), page.into_bytes()));
    }
    pages
}

fn add_pages(pages: &mut Vec<(String, Vec<u8>)>, command: &Command, name: &str) {
    let mut page = Vec::new();
    let man = Man::new(command.clone().display_name(name)).section(SECTION);
    // A Vec takes everything.
    let _ = man.manual("fencectl").date(DATE).source(VERSION).render(&mut page);
    pages.push((format!("{name}.{SECTION}"), page));
    for subcommand in command.get_subcommands() {
        add_pages(pages, subcommand, &format!("{name}-{}", subcommand.get_name()));
    }
}

/// Writes the pages into a folder.
pub(crate) fn write(folder: &Path) -> Result<ExitCode, Failure> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| Failure::Write { path, source }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    let pages = pages();
    for (name, page) in &pages {
        let path = folder.join(name);
        fs::write(&path, page).map_err(failed(&path))?;
    }
    show::complain(&format!("{} pages are in {}", pages.len(), folder.display()));
    Ok(ExitCode::SUCCESS)
}

/// Prints the completions for a shell.
pub(crate) fn print_completions(shell: Shell) -> Result<ExitCode, Failure> {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut crate::command(), "fencectl", &mut text);
    show::print(&String::from_utf8_lossy(&text))?;
    Ok(ExitCode::SUCCESS)
}
