//! IPMI 1.5 and 2.0 over LAN for those who switch power.
//!
//! Log in and read the power state, here of a simulated BMC:
//!
//! ```
//! # #[cfg(feature = "tokio")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let user = bmc_sim::User::administrator("admin", "secret")?;
//! # let bmc = bmc_sim::Server::start("127.0.0.1:0".parse()?, bmc_sim::Config::new(vec![user])).await?;
//! # let (host, port) = (bmc.address().ip().to_string(), bmc.address().port());
//! use std::time::{Duration, Instant};
//!
//! use ipmi_lan::command::GetChassisStatus;
//! use ipmi_lan::session::{Delivery, SessionConfig};
//! use ipmi_lan::{
//!     CipherSuite, Client, Password, Privilege, Protocol, RetryPolicy, Username, Workarounds,
//!     resolve,
//! };
//!
//! let deadline = Instant::now() + Duration::from_secs(10);
//! let config = SessionConfig {
//!     protocol: Protocol::Ipmi20,
//!     username: Username::new("admin")?,
//!     password: Password::new("secret")?,
//!     kg: None,
//!     privilege: Privilege::Operator,
//!     authentication: None,
//!     cipher_suites: CipherSuite::RECOMMENDED.to_vec(),
//!     target: None,
//!     workarounds: Workarounds::default(),
//!     retry: RetryPolicy::default(),
//! };
//! let addresses = resolve(&host, port, deadline).await?;
//! let mut client = Client::open(addresses[0], config, deadline).await?;
//! let logged_in = client.login().await?;
//! let status = client.execute(&GetChassisStatus, Delivery::Repeated, deadline).await?;
//! client.close().await;
//!
//! assert!(status.power_on);
//! assert_eq!(logged_in.protection.to_string(), "IPMI 2.0 with cipher suite 17");
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "tokio"))]
//! # fn main() {}
//! ```
//!
//! # Rooms
//!
//! - [`session`]: the protocol without sockets, clock or randomness of its own. All that follows is there for it.
//! - `Client` drives one session over a UDP socket; `Discovery` asks what needs no login: presence, authentication
//!   capabilities, cipher suites. Both are behind the feature `tokio`, which is on by default; without it the crate does no
//!   I/O and does not know tokio.
//! - [`command`]: what can be asked, each with both of its directions.
//! - [`wire`] and [`crypto`]: datagrams, and what vouches for them. They are public for those who play the BMC.
//!
//! # Commands
//!
//! | command | here | IPMI 2.0, revision 1.1 |
//! |---|---|---|
//! | Get Device ID | [`command::GetDeviceId`] | §20.1 |
//! | Send Message | [`command::SendMessage`], used for a [`Target`] | §22.7 |
//! | Get Channel Authentication Capabilities | [`command::GetChannelAuthenticationCapabilities`] | §22.13 |
//! | Get System GUID | [`command::GetSystemGuid`] | §22.14 |
//! | Get Channel Cipher Suites | [`command::GetChannelCipherSuites`] | §22.15 |
//! | Get Session Challenge | [`command::GetSessionChallenge`] | §22.16 |
//! | Activate Session | [`command::ActivateSession`] | §22.17 |
//! | Set Session Privilege Level | [`command::SetSessionPrivilegeLevel`] | §22.18 |
//! | Close Session | [`command::CloseSession`] | §22.19 |
//! | Get Chassis Status | [`command::GetChassisStatus`] | §28.2 |
//! | Chassis Control | [`command::ChassisControl`] | §28.3 |
//! | Get System Restart Cause | [`command::GetSystemRestartCause`] | §28.11 |
//! | Open Session, RAKP 1 to 4 | [`wire`] | §13.17 to §13.23 |
//! | presence ping | [`wire::PresencePing`] | §13.2.3 |
//!
//! Any other command can be sent as a [`session::Request`], or made by implementing [`command::Command`].
//!
//! # What it promises
//!
//! Nothing is believed inside a session that is not as genuine as the session has it, every length is checked, every
//! wait has an end, and [`Password`], [`Kg`] and session keys are wiped when they are dropped. What vendors do against
//! the specification stands in one place, [`Quirk::facts`], and is found out where that is possible.
//!
//! What it does not do: cipher suites with xRC4 (4, 5, 9, 10, 13, 14, 18, 19), sensors, serial over LAN.

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
