use std::fs;

use bmc_sim::Power;
use bmc_sim::redfish::{RedfishConfig, RedfishEventKind, RedfishUser, ResetType};
use tempfile::TempDir;

use super::{Bmc, LATE};
use crate::support::redfish_sim::RedfishSim;

/// How a service is set up.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Where it listens: an address and port 0.
    pub address: &'static str,
    pub user: &'static str,
    pub password: &'static str,
    pub change: fn(&mut RedfishConfig),
}

impl Default for Setup {
    fn default() -> Self {
        Self { address: "127.0.0.1:0", user: "admin", password: "secret", change: |_| {} }
    }
}

/// A service, and a folder with its certificate.
pub struct RedfishBmc {
    sim: RedfishSim,
    /// The ids of its systems.
    systems: Vec<String>,
    folder: TempDir,
}

impl Bmc for RedfishBmc {
    type Setup = Setup;

    const AGENT: &'static str = "fence_redfish";
    const LINES: &'static [&'static str] =
        &["ip=127.0.0.1", "ipport={port}", "username=admin", "password=secret", "ssl_insecure=1"];
    const ARGUMENTS: &'static str = "-a 127.0.0.1 -u {port} -l admin -p secret --ssl-insecure";

    fn start(setup: &Setup, is_on: bool) -> Self {
        let Setup { address, user, password, change } = *setup;
        let mut systems = Vec::new();
        let sim = RedfishSim::start_at(address, |config| {
            config.users = vec![RedfishUser::administrator(user, password)];
            let power = if is_on { Power::On } else { Power::Off };
            config.systems[0].initial_power = power;
            change(config);
            systems.extend(config.systems.iter().map(|system| system.id.clone()));
        });
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("bundle"), sim.certificate_pem()).expect("a bundle");
        Self { sim, systems, folder }
    }

    fn with_password(password: &'static str) -> Setup {
        Setup { password, ..Setup::default() }
    }

    fn never_off() -> Setup {
        Setup { change: |config| config.faults.ignore_resets = true, ..Setup::default() }
    }

    fn late() -> Setup {
        Setup { change: |config| config.power_delay = LATE, ..Setup::default() }
    }

    fn placeholders(&self) -> Vec<(&'static str, String)> {
        vec![
            ("{port}", self.sim.address().port().to_string()),
            ("{bundle}", self.folder.path().join("bundle").display().to_string()),
            ("{fingerprint}", self.sim.fingerprint().to_owned()),
        ]
    }

    /// The resets that were asked for: with the system, if it is not the first, and with the status, if it was refused.
    fn commands(&self) -> String {
        let command = |event| match event {
            RedfishEventKind::ResetAnswered { system, reset, status } => {
                let system = if system == "1" { String::new() } else { format!("{system}:") };
                let status = if status < 400 { String::new() } else { format!(":{status}") };
                Some(format!("{system}{}{status}", short(reset)))
            }
            _ => None,
        };
        self.sim.happened().into_iter().filter_map(command).collect::<Vec<_>>().join(" ")
    }

    /// Of all machines.
    fn power(&self) -> String {
        let systems = self.systems.iter().filter_map(|system| self.sim.power(system));
        let power = |power| if power == Power::On { "on" } else { "off" };
        systems.map(power).collect::<Vec<_>>().join(" ")
    }
}

fn short(reset: ResetType) -> &'static str {
    match reset {
        ResetType::ForceOff => "off",
        ResetType::On => "on",
        other => other.name(),
    }
}
