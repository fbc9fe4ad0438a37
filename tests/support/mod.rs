//! What the tests share: agents to run, and BMCs to run them against.

pub mod agent;
pub mod comparison;
pub mod ipmi_sim;
pub mod page;
pub mod proxy;
pub mod sim;
