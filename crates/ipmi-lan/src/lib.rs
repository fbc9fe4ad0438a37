//! IPMI 2.0 over LAN (RMCP+) for those who switch power.
//!
//! The protocol stands in [`session`], without sockets, clock or randomness of its own; the feature `tokio`, on by
//! default, adds `Client`, which drives one session over a UDP socket:
//!
//! ```no_run
//! # #[cfg(feature = "tokio")]
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::{Duration, Instant};
//!
//! use ipmi_lan::command::GetChassisStatus;
//! use ipmi_lan::session::{Delivery, SessionConfig};
//! use ipmi_lan::{CipherSuite, Client, Password, Privilege, RetryPolicy, Username, resolve};
//!
//! let deadline = Instant::now() + Duration::from_secs(10);
//! let config = SessionConfig {
//!     username: Username::new("admin")?,
//!     password: Password::new("secret")?,
//!     kg: None,
//!     privilege: Privilege::Operator,
//!     cipher_suites: CipherSuite::RECOMMENDED.to_vec(),
//!     retry: RetryPolicy::default(),
//! };
//! let addresses = resolve("bmc1.example.org", 623, deadline).await?;
//! let mut client = Client::open(addresses[0], config, deadline).await?;
//! client.login().await?;
//! let status = client.execute(&GetChassisStatus, Delivery::Repeated, deadline).await?;
//! println!("power is {}", if status.power_on { "on" } else { "off" });
//! client.close().await;
//! # Ok(())
//! # }
//! ```
//!
//! `Discovery` asks what needs no login: presence, authentication capabilities, cipher suites.
//!
//! Nothing unauthenticated is believed inside a session, every length is checked, every wait has an end, and
//! [`Password`], [`Kg`] and session keys are wiped when they are dropped.
//!
//! What it does not do: IPMI 1.5 sessions, cipher suites with xRC4, bridging, sensors, serial over LAN.

mod authentication;
mod cipher_suite;
#[cfg(feature = "tokio")]
mod client;
mod code;
pub mod command;
mod credentials;
pub mod crypto;
#[cfg(feature = "tokio")]
mod discovery;
mod error;
mod quirk;
mod retry;
pub mod session;
mod target;
pub mod wire;

pub use authentication::{AuthenticationType, AuthenticationTypes};
pub use cipher_suite::{
    AuthenticationAlgorithm, CipherSuite, ConfidentialityAlgorithm, IntegrityAlgorithm,
};
#[cfg(feature = "tokio")]
pub use client::{Client, resolve};
pub use code::{CompletionCode, RmcpPlusStatus};
pub use credentials::{CredentialError, Kg, Password, Privilege, Username};
#[cfg(feature = "tokio")]
pub use discovery::Discovery;
pub use error::{Error, NoAnswer, Step, SuiteIds};
pub use quirk::{Quirk, QuirkFacts, QuirkSet, UnknownWorkaround, Workarounds};
pub use retry::RetryPolicy;
pub use session::{LoggedIn, Protection, Protocol};
pub use target::{Target, Transit};
