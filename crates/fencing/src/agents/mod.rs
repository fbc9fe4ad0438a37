//! The agents of this project, each defined once.

#[cfg(feature = "ipmilan")]
pub mod ipmilan;
mod standard;
