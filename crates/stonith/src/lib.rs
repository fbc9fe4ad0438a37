//! The STONITH controller: a daemon that holds fence devices ready, and what asks it.
//!
//! - The daemon ([`main`], called `stonith-controller`) holds the devices of one resource instance of a cluster: logged
//!   in, asked now and then, so that to fence takes the requests of the fencing itself and no login.
//! - The OCF agent ([`main`] under any other name) starts, monitors and stops it as a resource of the cluster, and
//!   fences through it. The name says which fence agent it is about: `ipmilan`, `redfish`, `agent` with a parameter of
//!   that name, or X for any `fence_X`. Each is a symbolic link to the program, in `/usr/lib/ocf/resource.d/stonith/`
//!   and in `/usr/lib/heartbeat/stonith.d/`.
//! - [`protocol`] is what is said over its socket, and [`Client`] says it.

mod agents;
mod cli;
mod client;
mod config;
mod controller;
mod daemon;
mod digest;
pub mod fence_controller;
mod instance;
mod keeper;
mod lines;
mod lock;
mod ocf;
mod pause;
mod plan;
pub mod protocol;
mod server;
mod text;

use std::env;
use std::panic::{self, PanicHookInfo};
use std::path::Path;
use std::process::{self, ExitCode};

pub use client::{Client, ClientError};
pub use config::{Config, ConfigFileError, MapFile, ParameterText, Parameters};
pub use instance::{InstanceName, InvalidName, RUN_DIRECTORY, RunDirectory};

/// The name of the program that is the daemon; under any other it is the OCF agent.
pub const PROGRAM: &str = "stonith-controller";

/// The whole `main` of the program.
#[must_use]
pub fn main() -> ExitCode {
    fence_agent::forbid_core_dumps();
    panic::set_hook(Box::new(end_with_bug));
    let arguments: Vec<_> = env::args_os().collect();
    let name = arguments.first().map(Path::new).and_then(Path::file_name).unwrap_or_default();
    match &*name.to_string_lossy() {
        PROGRAM => cli::main(arguments),
        name => ocf::main(name, arguments.get(1..).unwrap_or_default()),
    }
}

/// A controller with a bug in one of its tasks would go on without it, and seem well. The message of a panic may hold a
/// secret, so it is told by its place alone.
fn end_with_bug(panic: &PanicHookInfo<'_>) {
    match panic.location() {
        Some(place) => log::error!("a bug, at {place}"),
        None => log::error!("a bug"),
    }
    process::abort();
}
