use std::thread;
use std::time::{Duration, Instant};

use super::{Bmc, LATE};
use crate::support::ipmi_sim::{IpmiSim, Setup};

/// `ipmi_sim` switches power on again a second after it was switched off for a cycle.
const CYCLE: Duration = Duration::from_secs(5);

impl Bmc for IpmiSim {
    type Setup = Setup;

    const AGENT: &'static str = "fence_ipmilan";
    /// Suite 3, because the Python agent pauses for 10 s before it finds out here; no power wait, to save time.
    const LINES: &'static [&'static str] = &[
        "ip=127.0.0.1",
        "ipport={port}",
        "username=admin",
        "password=secret",
        "lanplus=1",
        "cipher=3",
        "power_wait=0",
    ];
    const ARGUMENTS: &'static str =
        "-a 127.0.0.1 -u {port} -l admin -p secret -P -C 3 --power-wait 0";

    fn start(setup: &Setup, is_on: bool) -> Self {
        let bmc = Self::start_with(setup);
        bmc.set_power(is_on);
        bmc
    }

    fn with_password(password: &'static str) -> Setup {
        Setup { password, ..Setup::default() }
    }

    fn never_off() -> Setup {
        Setup { never_off: true, ..Setup::default() }
    }

    fn late() -> Setup {
        Setup { delay: LATE, ..Setup::default() }
    }

    fn placeholders(&self) -> Vec<(&'static str, String)> {
        vec![("{port}", self.port().to_string())]
    }

    fn commands(&self) -> String {
        self.commands().iter().map(|command| short(command)).collect::<Vec<_>>().join(" ")
    }

    fn power(&self) -> String {
        if self.is_on() { "on" } else { "off" }.to_owned()
    }

    fn wait_for_cycle(&self) {
        let began = Instant::now();
        // The machine notes a command before it follows it.
        let is_over = || Bmc::commands(self).ends_with("on") && self.is_on();
        while !is_over() && began.elapsed() < CYCLE {
            thread::sleep(Duration::from_millis(50));
        }
    }
}

fn short(command: &str) -> &str {
    match command {
        "set power 0" => "off",
        "set power 1" => "on",
        "behind set power 0" => "behind:off",
        "behind set power 1" => "behind:on",
        other => other,
    }
}
