//! A simulated BMC, IPMI 1.5 and 2.0 over LAN or [Redfish](redfish), for demonstrations, rehearsals and tests.
//!
//! [`Bmc`] is the BMC itself, without socket, clock or randomness of its own: a test hands it datagrams and instants,
//! and may let hours pass in no time. [`Server`] is a [`Bmc`] behind a UDP socket, for clients that are programs.
//! [`Farm`] is thousands of them in one process, for clients that talk to many. [`Network`] is a bad network, [`Link`]
//! one over real sockets.
//!
//! Over LAN it has sessions of IPMI 2.0, with all cipher suites but those with xRC4, with or without Kg, and of IPMI
//! 1.5 ([`Ipmi15`]); and the commands that switching power needs. It is as strict as a good BMC: packets must be
//! genuine and in the receive window, users must have the privilege. [`Faults`] make it misbehave, and
//! [`Config::quirks`] give it the peculiarities of a vendor's BMC: a client that does not know them fails as it would
//! there. A [`Satellite`] is a controller behind it, to which it passes requests on. It has no sensors.

mod bmc;
mod config;
mod event;
mod event_log;
mod farm;
mod link;
mod network;
pub mod redfish;
mod server;
mod under_way;

pub use bmc::{Bmc, DatagramCounts};
pub use config::{BridgedAnswers, Config, Faults, Ipmi15, Place, Power, Satellite, User};
pub use event::{Event, EventKind, Protection, RefusalReason};
pub use event_log::{EventLog, EventsMissed};
pub use farm::{Consecutive, Farm, FarmConfig, FarmCounts, FarmError};
pub use link::{Link, LinkConfig, LinkCounts, Traffic};
pub use network::{Network, NetworkConfig};
pub use server::{Server, StartError};
