//! One ipmipower against a thousand BMCs in one process.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use bmc_sim::{EventKind, Farm, FarmConfig, Power};
use ipmi_lan::CompletionCode;
use ipmi_lan::command::PowerControl;
use tokio::process::Command;

use super::{PASSWORD, config, text};

/// More than ipmipower is to talk to.
const COUNT: usize = 1100;
const FIRST: Ipv4Addr = Ipv4Addr::new(127, 1, 0, 0);
/// 1000 of them, as ipmipower's host ranges have it.
const HOSTS: &str = "127.1.[0-3].[0-249]";

#[tokio::test]
async fn ipmipower_switches_a_thousand_machines_each_exactly_once() {
    let first = SocketAddr::from((FIRST, 0));
    let farm = Farm::start(FarmConfig::new(first, COUNT, config())).unwrap();

    assert_all(&ipmipower(&farm, "--stat").await, "on");
    assert_all(&ipmipower(&farm, "--off").await, "ok");
    assert_eq!((farm.counts().on, farm.counts().off), (COUNT - 1000, 1000));
    for (index, address) in farm.addresses().enumerate() {
        let (commands, power) = match is_host(address.ip()) {
            true => (1, Power::Off),
            false => (0, Power::On),
        };
        assert_eq!(farm.power(index), Some(power), "{address}");
        assert_eq!(power_downs(&farm, index), commands, "{address}");
    }
    assert_all(&ipmipower(&farm, "--stat").await, "off");
}

/// What it says of each host.
async fn ipmipower(farm: &Farm, action: &str) -> BTreeMap<IpAddr, Vec<String>> {
    let hosts = format!("{HOSTS}:{}", farm.address(0).unwrap().port());
    let mut command = Command::new("ipmipower");
    command.args(["-D", "LAN_2_0", "-I", "3", "-u", "admin", "-p", PASSWORD, "-F", "200"]);
    let output = command.args(["-h", &hosts, action]).output().await;
    let mut said: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in text(&output.expect("ipmipower (FreeIPMI) must be installed").stdout).lines() {
        let (host, what) = line.split_once(": ").unwrap();
        said.entry(host.parse().unwrap()).or_default().push(what.to_owned());
    }
    said
}

#[track_caller]
fn assert_all(said: &BTreeMap<IpAddr, Vec<String>>, expected: &str) {
    assert_eq!(said.len(), 1000);
    for (host, what) in said {
        assert!(is_host(*host), "{host}");
        assert_eq!(what, &[expected], "{host}");
    }
}

fn is_host(ip: IpAddr) -> bool {
    let IpAddr::V4(ip) = ip else { return false };
    let [_, _, third, fourth] = ip.octets();
    third < 4 && fourth < 250
}

fn power_downs(farm: &Farm, index: usize) -> usize {
    let power_down = EventKind::ChassisControl {
        control: PowerControl::PowerDown,
        completion: CompletionCode::OK,
    };
    let count = |bmc: &mut bmc_sim::Bmc| {
        bmc.events().iter().filter(|event| event.kind == power_down).count()
    };
    farm.with_bmc(index, count).unwrap()
}
