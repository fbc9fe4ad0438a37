//! The providers that come with this crate.

#[cfg(any(feature = "ipmilan", feature = "redfish"))]
mod native;
#[cfg(feature = "redhat")]
mod redhat;

#[cfg(any(feature = "ipmilan", feature = "redfish"))]
pub use native::Native;
#[cfg(feature = "redhat")]
pub use redhat::{AgentError, MetadataError, Redhat};
