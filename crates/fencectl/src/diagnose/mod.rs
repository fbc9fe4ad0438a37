//! `fencectl diagnose HOST`: what a BMC speaks, what will go wrong and why, and the lines that configure it.

mod cluster;
mod json;
mod text;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use fencing::AgentConfig;
use fencing::agents::NATIVE;
use fencing::diagnosis::{Diagnosis, Diagnostician, Extent};
use tokio::time::Instant;

use crate::cli::Devices;
use crate::credentials;
use crate::failure::Failure;
use crate::hosts::{HostList, split_port};
use crate::inventory::Inventory;
use crate::power::{load, wishes};
use crate::show;
use crate::signals::Signals;
use crate::target::{Resolver, Target, Wishes};

use cluster::Lines;

const IPMI: &str = "fence_ipmilan";
const REDFISH: &str = "fence_redfish";

/// How long sessions may take to be closed after the last answer.
const CLOSING: Duration = Duration::from_secs(5);

const USE: &str = "\
Nothing is switched. Without a user, only what needs no login is found out. A password that one
protocol has refused is not tried by the other, as BMCs lock users out.

Exit codes:
  0  the power state was read, by a user who may switch it: the BMC can be used for fencing
  1  it was not";

/// Finds out what a BMC speaks, what will go wrong, what is dangerous, and how a cluster is configured for it.
#[derive(Args)]
#[command(after_help = USE)]
pub(crate) struct Options {
    /// Address or name of the BMC; with --protocol, a port may stand behind it.
    host: String,
    /// The one protocol to ask by. [default: each of them]
    #[arg(long, value_name = "NAME")]
    protocol: Option<Protocol>,
    /// The name of the node in the cluster. [default: HOST]
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Log in by Redfish even if the BMC's certificate cannot be verified, as that of most BMCs: whoever shows it gets
    /// the password, so compare its fingerprint first. It will be in the configuration.
    #[arg(long)]
    trust_certificate: bool,
    /// Give a protocol up after this time.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=86_400))]
    timeout: u64,
    /// Print JSON, one line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    devices: Devices,
}

#[derive(Clone, Copy, ValueEnum)]
enum Protocol {
    /// IPMI over LAN.
    Ipmi,
    /// Redfish.
    Redfish,
}

impl Protocol {
    fn agent(self) -> &'static str {
        match self {
            Self::Ipmi => IPMI,
            Self::Redfish => REDFISH,
        }
    }
}

/// What was found out about a host.
struct Report {
    host: String,
    diagnoses: Vec<Diagnosis>,
    lines: Lines,
}

impl Report {
    fn is_usable(&self) -> bool {
        self.diagnoses.iter().any(|diagnosis| diagnosis.working.is_some())
    }
}

/// Looks at the BMC, and prints the report. Its exit code tells whether the BMC can be used for fencing.
pub(crate) async fn run(options: Options) -> Result<ExitCode, Failure> {
    let target = prepare(&options).await?;
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let diagnostician = Diagnostician::new();
    let report = tokio::select! {
        report = report(&options, &target, &diagnostician) => report,
        () = signals.next() => Err(Failure::Interrupted),
    };
    tokio::select! {
        () = diagnostician.finish(Instant::now() + CLOSING) => {}
        () = signals.next() => {}
    }
    let report = report?;
    let shown = if options.json { json::line(&report) } else { text::of(&report) };
    show::print(&shown)?;
    Ok(if report.is_usable() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The host with a configuration for each protocol that is asked for.
async fn prepare(options: &Options) -> Result<Target, Failure> {
    let devices = &options.devices;
    if devices.provider.as_deref().is_some_and(|name| name != NATIVE) {
        return Err(Failure::OnlyNative("diagnose"));
    }
    if options.host.starts_with('@') || HostList::of(&options.host)? != [options.host.as_str()] {
        return Err(Failure::OneHost);
    }
    let inventory = Inventory::load(devices.inventory.as_deref())?;
    let agents = match options.protocol {
        Some(protocol) => vec![protocol.agent().to_owned()],
        None => [IPMI, REDFISH].map(str::to_owned).to_vec(),
    };
    let mut wishes = wishes(devices, agents, true)?;
    let fence = load(&wishes, &inventory).await?;
    Resolver { fence: &fence, inventory: &inventory, wishes: &wishes }.check_given()?;
    wishes.provider = Some(NATIVE.to_owned());
    let resolve = |wishes: &Wishes| {
        Resolver { fence: &fence, inventory: &inventory, wishes }.target(&options.host)
    };
    let target = resolve(&wishes)?;
    if target.lacks_password() {
        wishes.fallback.push(credentials::ask(&target.host)?);
        return resolve(&wishes);
    }
    Ok(target)
}

async fn report(
    options: &Options,
    target: &Target,
    diagnostician: &Diagnostician,
) -> Result<Report, Failure> {
    let mut diagnoses: Vec<Diagnosis> = Vec::new();
    for config in target.configs() {
        let is_refused = diagnoses.iter().any(|diagnosis| diagnosis.is_refused);
        let extent = Extent { log_in: !is_refused, trust_certificate: options.trust_certificate };
        let diagnosis = diagnose(config, extent, options.timeout, diagnostician).await?;
        diagnoses.push(diagnosis);
    }
    let (host, _) = split_port(&target.host)?;
    let node = options.node.as_deref().unwrap_or(host);
    let lines = Lines::of(node, &diagnoses);
    Ok(Report { host: target.host.clone(), diagnoses, lines })
}

async fn diagnose(
    config: &AgentConfig,
    extent: Extent,
    seconds: u64,
    diagnostician: &Diagnostician,
) -> Result<Diagnosis, Failure> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    Ok(match &*config.agent().name {
        REDFISH => diagnostician.redfish(config, extent, deadline).await?,
        _ => diagnostician.ipmi(config, extent, deadline).await?,
    })
}
