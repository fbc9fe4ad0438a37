//! A simulated IPMI 2.0 BMC (RMCP+), for demonstrations, rehearsals and tests.
//!
//! [`Bmc`] is the BMC itself, without socket, clock or randomness of its own: a test hands it datagrams and instants,
//! and may let hours pass in no time. [`Server`] is a [`Bmc`] behind a UDP socket, for clients that are programs.
//!
//! It speaks all cipher suites but those with xRC4, with or without Kg, and the commands that switching power needs. It
//! is as strict as a good BMC: packets must be genuine and in the receive window, users must have the privilege.
//! [`Faults`] make it misbehave in the ways that real ones do. A [`Satellite`] is a controller behind it, to which it
//! passes requests on. It does not speak sessions of IPMI 1.5, nor any sensor.

mod bmc;
mod config;
mod event;
mod link;
mod network;
mod server;

pub use bmc::{Bmc, DatagramCounts};
pub use config::{BridgedAnswers, Config, Faults, Ipmi15, Place, Power, Satellite, User};
pub use event::{Event, EventKind, Protection, RefusalReason};
pub use link::{Link, LinkConfig, LinkCounts, Traffic};
pub use network::{Network, NetworkConfig};
pub use server::{Server, StartError};
