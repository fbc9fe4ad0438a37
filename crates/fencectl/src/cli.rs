//! The command line: what can be asked for, and its help. Man pages and completions are made from this.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use fencing::Action;

use crate::diagnose;

const EXIT_CODES: &str = "\
Exit codes:
  0  everything that was asked for was done; for status, every power state was read
  1  something was not: wrong usage, one host of many that failed, an interruption";

const HOSTS: &str = "\
Hosts:
  bmc1  10.0.0.5  fe80::1  bmc1:6230   a name or an address, and the port of its service
  bmc[001-200]  rack[1-3]-bmc[1-8,12]  ranges
  @rack1                               a group of the inventory";

/// Shows and switches the power of machines, one or many at once, through their BMCs and other fence devices.
///
/// A success is told only where the machine was seen off (or on); or, by the programs of others, where they say so.
#[derive(Parser)]
#[command(name = "fencectl", version, after_help = EXIT_CODES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) screen: Screen,
}

/// What the screen looks like, whatever is asked for.
#[derive(Args)]
pub(crate) struct Screen {
    /// When to use colours. NO_COLOR in the environment counts, too.
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
    /// Also tell on standard error what is done: -v steps, -vv requests and answers, -vvv datagrams.
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub(crate) verbose: u8,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    Agents(Agents),
    Status(Status),
    Power(Power),
    Run(Run),
    Diagnose(diagnose::Options),
    /// Shows what this program does, on simulated machines on loopback.
    Demo,
    Man(Man),
    Completions(Completions),
}

/// Lists the fence agents, or describes one.
#[derive(Args)]
pub(crate) struct Agents {
    /// The agent to describe, with its parameters and actions.
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Only the agents of this provider: native (part of fencectl), or redhat (the fence_* programs of this machine).
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// Print JSON, one line an agent.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Shows whether machines are on or off.
#[derive(Args)]
#[command(after_help = HOSTS)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) hosts: Hosts,
    #[command(flatten)]
    pub(crate) levels: Levels,
    #[command(flatten)]
    pub(crate) devices: Devices,
    #[command(flatten)]
    pub(crate) work: Work,
}

/// Switches machines on or off, and waits until they are.
#[derive(Args)]
#[command(after_help = HOSTS)]
pub(crate) struct Power {
    /// What to do.
    #[arg(value_name = "WHAT")]
    pub(crate) switch: Switch,
    #[command(flatten)]
    pub(crate) hosts: Hosts,
    #[command(flatten)]
    pub(crate) levels: Levels,
    #[command(flatten)]
    pub(crate) devices: Devices,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Switch {
    /// Power on.
    On,
    /// Power off, at once; the operating system is not asked.
    Off,
    /// Power off, see it off, power on.
    Reboot,
    /// One power cycle, by the device.
    Cycle,
    /// A diagnostic interrupt (NMI), which usually makes the operating system dump its memory.
    Diag,
}

/// Runs an action of an agent, with or without hosts.
///
/// A HOST is the agent's address (its parameter ip), or its plug where it has no address.
#[derive(Args)]
#[command(after_help = HOSTS)]
pub(crate) struct Run {
    /// The agent: see `fencectl agents`.
    #[arg(value_name = "AGENT")]
    pub(crate) agent: String,
    /// The action: on, off, reboot, status, monitor, list, list-status or diag, if the agent has it.
    #[arg(value_name = "ACTION", value_parser = action)]
    pub(crate) action: Action,
    #[command(flatten)]
    pub(crate) hosts: Hosts,
    #[command(flatten)]
    pub(crate) devices: Devices,
    #[command(flatten)]
    pub(crate) work: Work,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// Which hosts.
#[derive(Args)]
pub(crate) struct Hosts {
    /// Hosts, ranges of hosts, and groups of the inventory; see below.
    #[arg(value_name = "HOST")]
    pub(crate) hosts: Vec<String>,
    /// A file with more of them, one a line, with # before comments; - is standard input.
    #[arg(long, value_name = "FILE")]
    pub(crate) hosts_file: Option<PathBuf>,
}

/// By which agents.
#[derive(Args)]
pub(crate) struct Levels {
    /// The agent. Of several, between commas, each is tried when those before it have failed: another way to the same
    /// machine. [default: that of the inventory, or fence_ipmilan]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(crate) agent: Vec<String>,
}

/// How the devices of the hosts are reached.
#[derive(Args)]
#[command(next_help_heading = "Devices")]
pub(crate) struct Devices {
    /// Where the agents come from: native or redhat. [default: that of the inventory, or native where it has the agent]
    #[arg(long, value_name = "NAME")]
    pub(crate) provider: Option<String>,
    /// The inventory. [default: $FENCECTL_INVENTORY, ~/.config/fencectl/inventory.toml or /etc/fencectl/inventory.toml]
    #[arg(long, value_name = "FILE")]
    pub(crate) inventory: Option<PathBuf>,
    /// The user.
    #[arg(long, short, value_name = "NAME")]
    pub(crate) username: Option<String>,
    /// A file with the password, which nobody else may read; - is standard input. Without this option, hosts that have
    /// no password in the inventory take it from $FENCECTL_PASSWORD, or it is asked for on a terminal.
    #[arg(long, value_name = "FILE", conflicts_with = "password_script")]
    pub(crate) password_file: Option<PathBuf>,
    /// A command that prints the password. It is run for each host.
    #[arg(long, value_name = "COMMAND")]
    pub(crate) password_script: Option<String>,
    /// A parameter of the agent (`fencectl agents NAME` lists them); AGENT.NAME=VALUE is for one agent of several.
    #[arg(long, short, value_name = "NAME=VALUE")]
    pub(crate) set: Vec<String>,
}

/// How the work is done and shown.
#[derive(Args)]
#[command(next_help_heading = "Work")]
pub(crate) struct Work {
    /// Give a host up after this time, which its agents share; each needs a second or two of it for its last words.
    #[arg(long, value_name = "SECONDS", default_value = "120", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub(crate) timeout: u64,
    /// How many hosts at the same time.
    #[arg(long, short, value_name = "NUMBER", default_value = "32", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub(crate) jobs: u16,
    /// Print JSON, one line a host, as soon as it is known.
    #[arg(long)]
    pub(crate) json: bool,
    /// No progress bar on a terminal.
    #[arg(long)]
    pub(crate) no_progress: bool,
}

#[derive(Args)]
pub(crate) struct Consent {
    /// Do not ask before more than one machine is switched off or interrupted.
    #[arg(long, short)]
    pub(crate) yes: bool,
}

/// Writes the manual pages of fencectl and of its agents.
#[derive(Args)]
pub(crate) struct Man {
    /// The folder to write them to.
    #[arg(value_name = "DIR", default_value = ".")]
    pub(crate) folder: PathBuf,
}

/// Prints the completions for a shell.
#[derive(Args)]
pub(crate) struct Completions {
    /// Which shell: bash, zsh, fish, elvish or powershell.
    #[arg(value_name = "SHELL", hide_possible_values = true)]
    pub(crate) shell: Shell,
}

fn action(word: &str) -> Result<Action, String> {
    let names = || Action::ALL.map(Action::name).join(", ");
    Action::named(word).ok_or_else(|| format!("none of {}", names()))
}
