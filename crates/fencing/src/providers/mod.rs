//! The providers that come with this crate.

#[cfg(any(feature = "ipmilan", feature = "redfish"))]
mod native;

#[cfg(any(feature = "ipmilan", feature = "redfish"))]
pub use native::Native;
