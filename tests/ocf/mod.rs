//! The OCF agent, called as a cluster calls it, with the daemon that it starts, against simulated BMCs.

mod conformance;
mod fence;
mod life_cycle;
mod metadata;
mod monitor;
mod namespaces;
mod nonsense;
mod parameters;
mod resource;
mod secrets;
mod start;
mod stop;

use std::time::Duration;

use resource::Resource;

use crate::support::sim::Sim;

/// How much longer than its time an action may seem to take where the machine of the tests is busy: the agent itself is
/// started in it, and read.
const SLOW: Duration = Duration::from_secs(1);

/// `node1=127.0.0.1:9623,node2=…`: a machine behind each.
fn hostlist<'a>(bmcs: impl IntoIterator<Item = &'a Sim>) -> String {
    ports(bmcs.into_iter().map(|bmc| bmc.address().port()))
}

fn ports(ports: impl IntoIterator<Item = u16>) -> String {
    let words = ports.into_iter().zip(1..).map(|(port, n)| format!("node{n}=127.0.0.1:{port}"));
    words.collect::<Vec<_>>().join(",")
}

/// A controller of these BMCs, by IPMI 2.0, that gives a silent one up after two seconds.
fn controller_of<'a>(bmcs: impl IntoIterator<Item = &'a Sim>) -> Resource {
    Resource::called("ipmilan")
        .with("hostlist", &hostlist(bmcs))
        .with("username", "admin")
        .with("password", "secret")
        .with("lanplus", "1")
        .with("login_timeout", "2")
}
