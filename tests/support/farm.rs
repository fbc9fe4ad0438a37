//! Many simulated BMCs on addresses that follow each other.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

use bmc_sim::{Config, EventKind, Farm, FarmConfig, Power, User};
use ipmi_lan::command::PowerControl;

/// Each farm of this process has a network of its own, so that ranges of one never reach another.
static NETWORKS: AtomicU8 = AtomicU8::new(1);

/// BMCs with user "admin", password "secret" and machines that are on.
pub struct Bmcs {
    farm: Farm,
    first: SocketAddr,
}

impl Bmcs {
    pub fn start(count: usize) -> Self {
        Self::start_with(count, |_| {})
    }

    pub fn start_with(count: usize, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(vec![User::administrator("admin", "secret").expect("a user")]);
        config.events_kept = 64;
        change(&mut config);
        let network = NETWORKS.fetch_add(1, Ordering::Relaxed);
        let first = format!("127.77.{network}.1:0").parse().expect("an address");
        let farm = Farm::start(FarmConfig::new(first, count, config)).expect("free addresses");
        let first = farm.address(0).expect("a first one");
        Self { farm, first }
    }

    /// The host at this place, the first at 1, as fencectl takes it.
    pub fn host(&self, number: usize) -> String {
        format!("{}{number}:{}", self.prefix(), self.first.port())
    }

    /// The hosts of this range.
    pub fn hosts(&self, range: &str) -> String {
        format!("{}[{range}]:{}", self.prefix(), self.first.port())
    }

    fn prefix(&self) -> String {
        self.first.ip().to_string().strip_suffix('1').expect("a first one").to_owned()
    }

    /// Which machines are on, in order.
    pub fn on(&self) -> Vec<bool> {
        let count = self.farm.addresses().len();
        (0..count).map(|index| self.farm.power(index) == Some(Power::On)).collect()
    }

    /// From now on the BMC at this place answers nothing.
    pub fn silence(&self, number: usize) {
        let silence = |bmc: &mut bmc_sim::Bmc| bmc.faults(Instant::now()).silent = true;
        self.farm.with_bmc(number - 1, silence).expect("there is one");
    }

    /// How many datagrams all of them have received so far.
    pub fn datagrams(&self) -> u64 {
        self.farm.counts().datagrams.received
    }

    /// How many sessions were opened at this place so far, and how many were closed by the console.
    pub fn sessions(&self, number: usize) -> (usize, usize) {
        let events = self.happened(number);
        let opened = |event: &&EventKind| matches!(event, EventKind::SessionOpened { .. });
        let closed = |event: &&EventKind| matches!(event, EventKind::SessionClosed { .. });
        (events.iter().filter(opened).count(), events.iter().filter(closed).count())
    }

    /// The Chassis Control commands at this place so far.
    pub fn commands(&self, number: usize) -> Vec<PowerControl> {
        let control = |event| match event {
            EventKind::ChassisControl { control, .. } => Some(control),
            _ => None,
        };
        self.happened(number).into_iter().filter_map(control).collect()
    }

    fn happened(&self, number: usize) -> Vec<EventKind> {
        let kinds = |bmc: &mut bmc_sim::Bmc| {
            bmc.events().iter().map(|event| event.kind.clone()).collect::<Vec<_>>()
        };
        self.farm.with_bmc(number - 1, kinds).expect("there is one")
    }
}
