//! The command line: what can be asked for, and its help. Man pages and completions are made from this.

use clap::{Parser, Subcommand};

use crate::diagnose;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything that was asked for was done; for status, every power state was read
  1  something was not: wrong usage, one host of many that failed, an interruption";

/// Shows and switches the power of machines through their BMCs and other fence devices, one or many at once.
///
/// A success is told only where the machine was seen off (or on) after the command.
#[derive(Parser)]
#[command(name = "fencectl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Diagnose(diagnose::Options),
}
