//! A Redfish client for those who switch power: from an address and credentials to the state and reset of a
//! ComputerSystem.
//!
//! Read the power state and switch it off, here of a simulated BMC:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let user = bmc_sim::redfish::RedfishUser::administrator("admin", "secret");
//! # let config = bmc_sim::redfish::RedfishConfig::new(vec![user]);
//! # let bmc = bmc_sim::redfish::RedfishServer::start("127.0.0.1:0".parse()?, config).await?;
//! # let (host, port) = (bmc.address().ip().to_string(), bmc.address().port());
//! # let fingerprint = bmc.fingerprint();
//! use std::time::Duration;
//!
//! use redfish_power::{
//!     Client, Config, Credentials, Origin, PowerState, Purpose, RetryPolicy, Verification,
//! };
//! use tokio::time::Instant;
//!
//! let mut client = Client::new(Config {
//!     origin: Origin::new(&host, port)?,
//!     root: "/redfish/v1".to_owned(),
//!     system: None,
//!     choice: None,
//!     credentials: Credentials::new("admin", "secret"),
//!     verification: Verification::Fingerprint(fingerprint.parse()?),
//!     policy: RetryPolicy::default(),
//! })?;
//! let deadline = Instant::now() + Duration::from_secs(20);
//! let before = client.power_state(deadline).await?;
//! client.reset(Purpose::Off { graceful: false }, deadline).await?;
//! let after = client.power_state(deadline).await?;
//! client.close(deadline).await;
//!
//! assert_eq!((before, after), (PowerState::On, PowerState::Off));
//! # Ok(())
//! # }
//! ```
//!
//! # What it promises
//!
//! - Every call comes back by its deadline, whatever the service does; a service that hangs, drips or never ends an
//!   answer is one that did not answer.
//! - Credentials go to one [`Origin`], by TLS. Links and redirections that lead elsewhere are errors; those that lead
//!   to `http://` at the same host, as BMCs behind a TLS terminator write them, are followed by TLS.
//! - One connection serves all calls, where the service keeps it. Services that close it after each answer, after a
//!   number of them, or while it is idle are connected to again.
//! - It may live long: [`Client::begin`] ends what is held to within one operation, such as the address and the system
//!   that answered first, and [`Client::select`] means another system of the same service, over the same connection.
//! - Basic authentication first. A session is opened only where Basic is refused, and [`Client::close`] deletes it.
//! - A reset that may have been carried out is not repeated, unless it names a state, as `ForceOff` and `On` do; and
//!   then once at most. What it did is for [`Client::power_state`] to tell.
//!
//! # What an HTTP status means
//!
//! | status | to reading | to a reset |
//! |---|---|---|
//! | 2xx | an answer | it was taken; 202 with a task: the task is followed for a while |
//! | 301, 302, 307, 308 | asked again there, if it is the same origin | the same, with method and body |
//! | 400 with `SYS518` | asked again: the service is starting | the same |
//! | 401 | the other encoding of the password, then a session, if there are such; [`Error::Unauthorized`] | the same |
//! | 403, 404, 405, 409 and other 4xx | [`Error::Refused`] | [`Error::Refused`] |
//! | 412, 428 | [`Error::Refused`] | once more with the system's ETag, then with any (`*`): some services want one, and others refuse it |
//! | 429, 503 | asked again when `Retry-After` has passed, or a second | the same, if it names a state; otherwise [`Error::Refused`] |
//! | 500, 502, 504 | asked again, thrice in all: services answer so while they start | [`Error::Refused`]: it may have been carried out |
//!
//! # Which reset
//!
//! The first of these that the system allows, by AllowableValues or ActionInfo; where it does not say, the first of
//! all.
//!
//! | purpose | types |
//! |---|---|
//! | [`Purpose::Off`] | `ForceOff`; `PushPowerButton`, once, and off is not believed for four seconds, as it may toggle; with `graceful`, `GracefulShutdown` |
//! | [`Purpose::On`] | `On`, `ForceOn`, `PushPowerButton` |
//! | [`Purpose::Cycle`] | `PowerCycle`, `ForceRestart` |
//! | [`Purpose::DiagnosticInterrupt`] | `Nmi` |

mod address;
mod admission;
mod client;
mod connection;
mod discovery;
mod document;
mod error;
mod exchange;
mod listed;
mod login;
mod message;
mod origin;
mod patience;
mod retry;
mod selection;
mod system;
mod task;
mod tls;
mod wire;

pub use client::{Client, Config};
pub use discovery::{Discovery, ServiceRoot};
pub use error::{Error, ExchangeFailure, Refusal, Step};
pub use login::Credentials;
pub use message::Message;
pub use origin::{Origin, OriginError};
pub use retry::RetryPolicy;
pub use system::{ComputerSystem, LastResetTime, PowerState, Purpose, ResetType};
pub use tls::{
    Certificate, CertificateFault, Fingerprint, FingerprintError, Handshake, TlsFailure,
    TlsSetupError, Verification,
};
