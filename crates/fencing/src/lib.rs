//! Fencing for programs: make certain that a machine is off, and know it.
//!
//! In a cluster, a node that does not answer may have crashed, or it may be cut off from the network and still write to
//! the shared storage. Before its services start elsewhere it has to be fenced. Here a bad node is rebooted through its
//! BMC (a simulated one), by IPMI:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let user = bmc_sim::User::administrator("username", "password")?;
//! # let bmc = bmc_sim::Server::start("127.0.0.1:0".parse()?, bmc_sim::Config::new(vec![user])).await?;
//! # let (host, port) = (bmc.address().ip().to_string(), bmc.address().port().to_string());
//! use std::time::Duration;
//!
//! use fencing::Fence;
//! use fencing::providers::Native;
//!
//! let mut fence = Fence::new();
//! fence.register("native", Native::new())?;
//! for failure in fence.load_agents(Duration::from_secs(10)).await {
//!     eprintln!("{failure}");
//! }
//!
//! let mut config = fence.agent_config("native", "fence_ipmilan")?;
//! config.set("ipaddr", &host)?;
//! config.set("ipport", &port)?;
//! config.set("login", "username")?;
//! config.set("passwd", "password")?;
//!
//! let success = fence.reboot(&config, Duration::from_secs(10)).await?;
//! println!("Bad node fenced: {success}");
//! fence.finish(Duration::from_secs(5)).await;
//! # assert_eq!(success.to_string(), "rebooted");
//! # assert_eq!(bmc.power(), bmc_sim::Power::On);
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - A command of the agents of this project succeeds only with what the procedure saw: [`Success::Observed`] holds it,
//!   and there is no other way to make one. In two cases that is an acknowledgement and no power state: a diagnostic
//!   interrupt, which nothing verifies ([`Done::DiagAcknowledged`](procedure::Done::DiagAcknowledged)), and a power
//!   cycle whose acknowledgement the user chose to accept ([`OffProof::Unverified`](procedure::OffProof::Unverified)),
//!   of which [`Success::warning`] tells. What other programs say of themselves is [`Success::Reported`].
//! - A time-out is an error. So is everything else that leaves a doubt; no [`Error`] says that a machine is in the
//!   state that was asked for.
//! - Each call comes back within its time; one whose provider overstays it, up to a second later. Sessions are closed
//!   and programs ended behind its back, also when its future is dropped: [`Fence::finish`] waits for that, before the
//!   runtime ends.
//! - Values are checked when they are [set](AgentConfig::set), a configuration as a whole with [`Fence::verify`], and
//!   again before each action, before anything is done.
//! - Secrets are wiped when they are dropped, and printed by nothing.
//!
//! All calls need a runtime of tokio's with time and I/O enabled ([`enable_all`]).
//!
//! [`enable_all`]: tokio::runtime::Builder::enable_all
//!
//! # Providers
//!
//! | provider | agents | feature |
//! |---|---|---|
//! | [`providers::Native`] | `fence_ipmilan` and its six other names, `fence_redfish`: in process | `ipmilan`, `redfish` |
//! | `providers::Redhat` | the `fence_*` programs that are installed on the machine | `redhat` |
//! | your own | see the trait [`Provider`] | |
//!
//! # Several ways, several power supplies
//!
//! A [`Topology`] has levels, which are tried in order, and in each level devices, all of which have to succeed:
//! `Topology::first(ipmi).then(redfish)` asks the BMC by IPMI, and by Redfish where that fails;
//! `Topology::first(Level::of(a).and(b))` switches two power supplies. [`Fence::command_by`] carries it out.
//!
//! # Devices that are held
//!
//! A program that lives long need not log in each time. [`Fence::hold`] makes a [`Held`] device, which keeps its
//! session or connection from one call to the next, and is opened anew when anything has gone wrong:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use std::time::Duration;
//! # let user = bmc_sim::User::administrator("username", "password")?;
//! # let bmc = bmc_sim::Server::start("127.0.0.1:0".parse()?, bmc_sim::Config::new(vec![user])).await?;
//! # let mut fence = fencing::Fence::new();
//! # fence.register("native", fencing::providers::Native::new())?;
//! # fence.load_agents(Duration::from_secs(10)).await;
//! # let mut config = fence.agent_config("native", "fence_ipmilan")?;
//! # let (host, port) = (bmc.address().ip().to_string(), bmc.address().port().to_string());
//! # for (name, value) in [("ip", &*host), ("ipport", &port), ("username", "username"), ("password", "password")] {
//! #     config.set(name, value)?;
//! # }
//! use fencing::PowerCommand;
//! use tokio::time::Instant;
//!
//! let deadline = || Instant::now() + Duration::from_secs(10);
//! let mut held = fence.hold(&config)?;
//! held.monitor(deadline()).await?; // Logs in. Every half minute it keeps the session alive.
//! let success = held.command(None, PowerCommand::Off, deadline()).await?; // One status, one command, two readings.
//! held.close().await;
//! # assert_eq!((success.to_string().as_str(), bmc.power()), ("off", bmc_sim::Power::Off));
//! # Ok(())
//! # }
//! ```
//!
//! # Before a BMC is put into a cluster
//!
//! A [`diagnosis::Diagnostician`] finds out what a BMC speaks, which login works, what will go wrong and what is
//! dangerous; nothing is switched by it.
//!
//! # Below
//!
//! [`procedure`] is how power is switched and seen to be, over any [`Device`]; [`agents`] are the definitions of this
//! project's agents, from which the programs, the native provider and the manual pages are made.

mod action;
mod agent;
pub mod agents;
mod config;
mod device;
#[cfg(any(feature = "ipmilan", feature = "redfish"))]
pub mod diagnosis;
mod error;
mod fence;
mod held;
mod operation;
mod parameter;
pub mod password_script;
pub mod procedure;
mod process;
mod provider;
pub mod providers;
mod secret;
mod topology;
#[cfg(any(feature = "ipmilan", feature = "redfish", feature = "redhat"))]
mod work;

pub use action::{Action, Power, PowerCommand, PowerState};
pub use agent::{Agent, AgentAction, Plug, Unfencing};
pub use config::{AgentConfig, ConfigError};
pub use device::{Device, DeviceError, ErrorKind, Known, RestartMark};
pub use error::Error;
pub use fence::Fence;
pub use held::Held;
pub use parameter::{Argument, Getopt, InvalidValue, Kind, Parameter, Value};
pub use provider::{LoadFailure, Loaded, Outcome, Port, Provider, Success};
pub use secret::Secret;
pub use topology::{
    DeviceFailure, Level, SwitchedDevice, Topology, TopologyError, TopologyStatus, TopologySuccess,
};

use std::borrow::Cow;

/// A text that is either part of the program, as those of its own agents are, or was read.
pub type Text = Cow<'static, str>;
