//! The agents of this project, each defined once.

#[cfg(feature = "ipmilan")]
pub mod ipmilan;
#[cfg(feature = "redfish")]
pub mod redfish;
mod standard;
