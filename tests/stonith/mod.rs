//! The STONITH controller: the built daemon and `fence_controller`, against real peers, over real sockets.

mod agent;
mod concurrency;
mod configuration;
mod crashes;
mod devices;
mod endurance;
mod locks;
mod passwords;
mod programs;
mod secrets;
mod sessions;
mod signals;
mod sockets;
mod systemd;
mod targets;

use bmc_sim::{EventKind, Link};
use ipmi_lan::command::PowerControl;

use crate::support::controller::table;
use crate::support::sim::Sim;

/// So long that no test sees a device asked for nothing but to keep it awake.
const NEVER: &str = "keepalive = 3600\n";

/// A configuration with these machines, each with the `name=value` lines of its BMC.
fn ipmi(machines: &[(&str, Vec<String>)]) -> String {
    let tables = machines.iter().map(|(node, lines)| table(&format!("targets.{node}"), lines));
    tables.fold("agent = \"fence_ipmilan\"\n".to_owned(), |text, table| text + &table)
}

/// The lines of a BMC behind a network.
fn behind(link: &Link, bmc: &Sim) -> Vec<String> {
    let lines = bmc.lines().into_iter().filter(|line| !line.starts_with("ipport="));
    lines.chain([format!("ipport={}", link.address().port())]).collect()
}

/// A BMC with room for a single session: a second one at a time is refused, which it tells.
fn bmc_with_one_session() -> Sim {
    Sim::start_with(|config| config.max_sessions = 1)
}

fn is_command(wanted: PowerControl) -> impl Fn(&EventKind) -> bool {
    move |kind| matches!(kind, EventKind::ChassisControl { control, .. } if *control == wanted)
}
