//! The built programs against real peers: OpenIPMI's `ipmi_sim`, Redfish emulators, Debian's Python agents, and a
//! simulated BMC of ours.
//!
//! The peers are packages of Debian and PyPI; `tests/run` installs them. A test whose peer is missing fails.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::string_slice,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "the modules share helpers")]

mod callers;
mod diagnose;
mod differences;
mod differential;
mod discovery;
mod documents;
mod failures;
mod faults;
mod fencectl;
mod forgeries;
mod forgeries15;
mod hosts;
mod inputs;
mod ipmilan;
mod lan;
mod matrix;
mod metadata;
mod ocf;
mod pacemaker;
mod packages;
mod redfish_counts;
mod redfish_differential;
mod redfish_failures;
mod redfish_faults;
mod redfish_peers;
mod redfish_secrets;
mod redhat;
mod secrets;
mod stonith;
mod support;
mod workarounds;
