//! What the tests share: agents to run, and BMCs to run them against.

pub mod agent;
pub mod ipmi_sim;
pub mod sim;
