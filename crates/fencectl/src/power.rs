//! `status`, `power` and `run`: one action, on one or many hosts.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use fencing::{Action, Fence, Secret};

use crate::cli::{Consent, Devices, Hosts, Power, Run, Status, Switch, Work};
use crate::confirm::{Act, confirm};
use crate::credentials;
use crate::devices::{self, Wanted};
use crate::failure::Failure;
use crate::hosts::HostList;
use crate::inventory::{Given, Inventory, Origin};
use crate::show::progress::Progress;
use crate::show::{self, json, table};
use crate::signals::Signals;
use crate::target::{DEFAULT_AGENT, Resolver, Target, Wishes, cycle_of};
use crate::work::{self, Plan, Report};

/// How long sessions may take to be closed after the last answer.
const CLOSING: Duration = Duration::from_secs(5);

/// What one of the commands asks for.
struct Order {
    act: Act,
    hosts: Hosts,
    /// The agents of the command line.
    agents: Vec<String>,
    /// Whether the agent may go without hosts.
    may_lack_hosts: bool,
    devices: Devices,
    work: Work,
    consent: Consent,
}

pub(crate) async fn status(options: Status) -> Result<ExitCode, Failure> {
    let Status { hosts, levels, devices, work } = options;
    let act = Act { action: Action::Status, is_cycle: false };
    let consent = Consent { yes: false };
    let agents = levels.agent;
    execute(Order { act, hosts, agents, may_lack_hosts: false, devices, work, consent }).await
}

pub(crate) async fn power(options: Power) -> Result<ExitCode, Failure> {
    let Power { switch, hosts, levels, devices, work, consent } = options;
    let (action, is_cycle) = match switch {
        Switch::On => (Action::On, false),
        Switch::Off => (Action::Off, false),
        Switch::Reboot => (Action::Reboot, false),
        Switch::Cycle => (Action::Reboot, true),
        Switch::Diag => (Action::Diag, false),
    };
    let act = Act { action, is_cycle };
    let agents = levels.agent;
    execute(Order { act, hosts, agents, may_lack_hosts: false, devices, work, consent }).await
}

pub(crate) async fn run(options: Run) -> Result<ExitCode, Failure> {
    let Run { agent, action, hosts, devices, work, consent } = options;
    let act = Act { action, is_cycle: false };
    let agents = vec![agent];
    execute(Order { act, hosts, agents, may_lack_hosts: true, devices, work, consent }).await
}

async fn execute(order: Order) -> Result<ExitCode, Failure> {
    let (fence, targets) = prepare(&order).await?;
    let hosts: Vec<&str> = targets.iter().map(|target| target.host.as_str()).collect();
    confirm(order.act, &hosts, order.consent.yes)?;
    let plan = Plan {
        fence: Arc::new(fence),
        action: order.act.action,
        timeout: Duration::from_secs(order.work.timeout),
        jobs: order.work.jobs.into(),
    };
    carry_out(&plan, targets, &order.work).await
}

/// Everything that can be wrong without a device being asked is found here, before anything is done.
async fn prepare(order: &Order) -> Result<(Fence, Vec<Target>), Failure> {
    let inventory = Inventory::load(order.devices.inventory.as_deref())?;
    let hosts = hosts(&order.hosts, &inventory)?;
    let mut wishes = wishes(&order.devices, order.agents.clone(), !hosts.is_empty())?;
    let fence = load(&wishes, &inventory).await?;
    let mut targets = resolve(order, &hosts, &fence, &inventory, &wishes)?;
    if let Some(target) = targets.iter().find(|target| target.lacks_password()) {
        wishes.fallback.push(credentials::ask(&target.host)?);
        targets = resolve(order, &hosts, &fence, &inventory, &wishes)?;
    }
    if order.act.is_cycle {
        targets = cycle_of(targets)?;
    }
    targets.iter().try_for_each(|target| target.verify(&fence, order.act.action))?;
    Ok((fence, targets))
}

fn hosts(options: &Hosts, inventory: &Inventory) -> Result<Vec<String>, Failure> {
    let mut named = HostList::default();
    options.hosts.iter().try_for_each(|text| named.add(text))?;
    if let Some(path) = &options.hosts_file {
        let text = read(path)?;
        let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
        lines.filter(|line| !line.is_empty()).try_for_each(|line| named.add(line))?;
    }
    let mut hosts = HostList::default();
    for name in named.into_names() {
        match name.strip_prefix('@') {
            Some(group) => inventory.group(group)?.iter().try_for_each(|host| hosts.add(host))?,
            None => hosts.add(&name)?,
        }
    }
    Ok(hosts.into_names())
}

fn read(path: &Path) -> Result<String, Failure> {
    let text = match path.to_str() {
        Some("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => fs::read_to_string(path),
    };
    text.map_err(|source| Failure::Read { path: path.to_owned(), source })
}

/// What the command line says of all hosts, with these agents.
pub(crate) fn wishes(
    devices: &Devices,
    agents: Vec<String>,
    has_hosts: bool,
) -> Result<Wishes, Failure> {
    let mut given = credentials::from_options(devices)?;
    for text in &devices.set {
        given.push(setting(text, has_hosts)?);
    }
    Ok(Wishes {
        agents,
        provider: devices.provider.clone(),
        fallback: credentials::from_environment().into_iter().collect(),
        given,
    })
}

/// `NAME=VALUE` or `AGENT.NAME=VALUE`. An error does not repeat it: it may be a misplaced secret.
fn setting(text: &str, has_hosts: bool) -> Result<Given, Failure> {
    let (name, value) = text.split_once('=').ok_or(Failure::NotASetting)?;
    let (only_for, parameter) = match name.split_once('.') {
        Some((agent, name)) => (Some(agent.to_owned()), name.to_owned()),
        None => (None, name.to_owned()),
    };
    let is_said_otherwise = match parameter.as_str() {
        "action" => true,
        "ip" | "ipaddr" => has_hosts,
        _ => false,
    };
    if is_said_otherwise {
        return Err(Failure::NotToBeSet { parameter });
    }
    let (value, origin) = (Secret::new(value), Origin::Option("--set"));
    Ok(Given { parameter, only_for, value, origin })
}

/// The agents that are needed.
pub(crate) async fn load(wishes: &Wishes, inventory: &Inventory) -> Result<Fence, Failure> {
    let agents = wishes.agents.iter().map(String::as_str).chain(inventory.agents());
    let providers: Vec<_> =
        wishes.provider.as_deref().into_iter().chain(inventory.providers()).collect();
    providers.iter().try_for_each(|name| devices::check_provider(name))?;
    let (fence, _) = devices::load(Wanted::by(agents.chain([DEFAULT_AGENT]), providers)).await?;
    Ok(fence)
}

fn resolve(
    order: &Order,
    hosts: &[String],
    fence: &Fence,
    inventory: &Inventory,
    wishes: &Wishes,
) -> Result<Vec<Target>, Failure> {
    let resolver = Resolver { fence, inventory, wishes };
    match order.may_lack_hosts {
        // The hosts of the inventory need not be machines of this agent.
        true => resolver.check_given()?,
        false => resolver.check()?,
    }
    match (hosts, &order.agents[..]) {
        ([], [agent]) if order.may_lack_hosts => Ok(vec![resolver.target_without_host(agent)?]),
        ([], _) => Err(Failure::NoHosts),
        (hosts, _) => hosts.iter().map(|host| resolver.target(host)).collect(),
    }
}

async fn carry_out(plan: &Plan, targets: Vec<Target>, options: &Work) -> Result<ExitCode, Failure> {
    let mut signals = Signals::new().map_err(Failure::Runtime)?;
    let progress = Progress::new(targets.len(), options);
    show::log::stand_beside(&progress);
    let mut printed = Ok(());
    let mut failed = 0;
    let reports = work::carry_out(plan, targets, &mut signals, |report| {
        failed += usize::from(!report.is_success());
        progress.count(failed);
        if options.json && printed.is_ok() {
            // The work goes on when nobody reads any more.
            printed = progress.aside(|| show::print(&json::line(report, plan.action)));
        }
    })
    .await;
    progress.end();
    if !options.json {
        printed = show::print(&table::reports(&reports));
    }
    if reports.len() > 1 {
        show::complain(&show::summary(&reports));
    }
    finish(&plan.fence, &mut signals).await;
    printed?;
    let is_success = reports.iter().all(Report::is_success);
    Ok(if is_success { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until sessions are closed, unless the user does not want to.
async fn finish(fence: &Fence, signals: &mut Signals) {
    tokio::select! {
        () = fence.finish(CLOSING) => {}
        () = signals.next() => {}
    }
}
