//! The BMC of a node: it speaks IPMI (OpenIPMI's `ipmi_sim`) and Redfish (ours), and both switch the node's processes.

use std::net::{Ipv4Addr, SocketAddr};

use bmc_sim::Power;
use bmc_sim::redfish::{PowerSwitch, RedfishEventKind, RedfishUser, ResetType};

use super::cib::Primitive;
use super::lab::{Inside, stage};
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::redfish_sim::RedfishSim;
use crate::support::wait::{PATIENCE, wait_for};

/// Who may log in.
pub const USER: &str = "admin";
pub const PASSWORD: &str = "secret";
/// What an administrator may have changed it to.
const OTHER_PASSWORD: &str = "changed";

/// A protocol that the BMC speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Ipmi,
    Redfish,
}

/// The BMC of one node, at [`address`].
pub struct Bmc {
    lab: Inside,
    node: String,
    ipmi: Option<IpmiSim>,
    redfish: Option<RedfishSim>,
}

/// Where the BMC of a node is.
pub fn address(node: &str) -> Ipv4Addr {
    let number: u8 = node.trim_start_matches("node").parse().expect("a number");
    Ipv4Addr::new(10, 78, 0, 100 + number)
}

impl Protocol {
    /// The fence device for a node by this protocol, `NODE-ipmi` or `NODE-redfish`.
    pub fn device(self, node: &str) -> Primitive {
        let device = Primitive::device(&self.device_id(node), self.agent())
            .set("ip", &address(node).to_string())
            .set("username", USER)
            .set("password", PASSWORD)
            .set("pcmk_host_list", node)
            // Who is not there need not be waited for longer.
            .set("login_timeout", "3");
        match self {
            Self::Ipmi => device.set("lanplus", "1"),
            Self::Redfish => device.set("ssl_insecure", "1"),
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::Ipmi => 623,
            Self::Redfish => 443,
        }
    }

    pub fn device_id(self, node: &str) -> String {
        match self {
            Self::Ipmi => format!("{node}-ipmi"),
            Self::Redfish => format!("{node}-redfish"),
        }
    }

    pub fn agent(self) -> &'static str {
        match self {
            Self::Ipmi => "fence_ipmilan",
            Self::Redfish => "fence_redfish",
        }
    }
}

impl Bmc {
    pub fn start(lab: Inside, node: &str) -> Self {
        let mut bmc = Self { lab, node: node.to_owned(), ipmi: None, redfish: None };
        bmc.plug_in();
        bmc.speak(Protocol::Ipmi, PASSWORD);
        bmc.speak(Protocol::Redfish, PASSWORD);
        bmc
    }

    /// Somebody changes the password, for this protocol.
    pub fn change_password(&mut self, protocol: Protocol) {
        self.speak(protocol, OTHER_PASSWORD);
    }

    /// Somebody changes the password back to what the devices have.
    pub fn restore_password(&mut self, protocol: Protocol) {
        self.speak(protocol, PASSWORD);
    }

    /// It does not speak this protocol any more.
    pub fn silence(&mut self, protocol: Protocol) {
        match protocol {
            Protocol::Ipmi => self.ipmi = None,
            Protocol::Redfish => self.redfish = None,
        }
    }

    /// It is taken off the network.
    pub fn unplug(&self) {
        self.lab.must(&["ip", "address", "delete", &self.cidr(), "dev", "bmc"]);
    }

    /// It is put back on the network.
    pub fn plug_in(&self) {
        self.lab.must(&["ip", "address", "add", &self.cidr(), "dev", "bmc"]);
    }

    /// Switches the machine by hand.
    pub fn set_power(&self, power: Power) {
        assert!(switch(&self.lab, &self.node, power), "{} does not go {power}", self.node);
        if let Some(redfish) = &self.redfish {
            redfish.set_power(&self.node, power);
        }
    }

    /// What Redfish was told since it speaks.
    pub fn redfish_resets(&self) -> Vec<ResetType> {
        let happened = self.redfish.as_ref().expect("it speaks Redfish").happened();
        let reset = |kind| match kind {
            RedfishEventKind::ResetAnswered { reset, .. } => Some(reset),
            _ => None,
        };
        happened.into_iter().filter_map(reset).collect()
    }

    /// The same, after the first of these. On a busy machine a command may be sent twice; it counts once.
    pub fn redfish_resets_after(&self, count: usize) -> Vec<ResetType> {
        let mut resets = self.redfish_resets().split_off(count);
        resets.dedup();
        resets
    }

    fn cidr(&self) -> String {
        format!("{}/32", address(&self.node))
    }

    fn speak(&mut self, protocol: Protocol, password: &'static str) {
        self.silence(protocol);
        self.wait_until_free(protocol);
        match protocol {
            Protocol::Ipmi => self.ipmi = Some(self.start_ipmi(password)),
            Protocol::Redfish => self.redfish = Some(self.start_redfish(password)),
        }
    }

    /// Who had the port before may be on its way out, or another thread's child have it yet, until that has become the
    /// program that it is to be.
    fn wait_until_free(&self, protocol: Protocol) {
        let (table, state) = match protocol {
            Protocol::Ipmi => ("udp", ""),
            // Only who listens is in the way.
            Protocol::Redfish => ("tcp", "0A"),
        };
        let address = u32::from_ne_bytes(address(&self.node).octets());
        let socket = format!("{address:08X}:{:04X}", protocol.port());
        let is_taken = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next() == Some(&socket) && fields.nth(1).is_some_and(|is| is.starts_with(state))
        };
        let look = || (!self.lab.sockets(table).lines().any(is_taken)).then_some(());
        wait_for("a free port", PATIENCE, look);
    }

    fn start_ipmi(&self, password: &'static str) -> IpmiSim {
        let address = SocketAddr::from((address(&self.node), Protocol::Ipmi.port()));
        let setup = Setup {
            password,
            address: Some(address),
            chassis: Some(format!("{} {}", stage("chassis").display(), self.node)),
            launcher: self.lab.launcher(),
            parent: Some(self.lab.folder().to_owned()),
            ..Setup::default()
        };
        self.lab.in_network(|| IpmiSim::start_with(&setup))
    }

    fn start_redfish(&self, password: &str) -> RedfishSim {
        let lab = self.lab.clone();
        let power_switch = PowerSwitch::new(move |node, power| switch(&lab, node, power));
        let address = SocketAddr::from((address(&self.node), Protocol::Redfish.port())).to_string();
        self.lab.in_network(|| {
            RedfishSim::start_at(&address, |config| {
                config.users = vec![RedfishUser::administrator(USER, password)];
                config.systems = vec![bmc_sim::redfish::RedfishSystem::new(&self.node)];
                config.power_switch = Some(power_switch);
            })
        })
    }
}

fn switch(lab: &Inside, node: &str, power: Power) -> bool {
    let script = stage("chassis");
    let script = script.to_str().expect("text");
    let state = match power {
        Power::On => "1",
        Power::Off => "0",
    };
    lab.run(&[script, node, "set", "power", state]).code == Some(0)
}
