//! What the tests share: agents to run, and BMCs to run them against.

pub mod agent;
pub mod certificates;
pub mod comparison;
pub mod controller;
pub mod farm;
pub mod http_proxy;
pub mod installed;
pub mod ipmi_sim;
pub mod launcher;
pub mod nginx;
pub mod page;
pub mod peers;
pub mod port;
pub mod process;
pub mod proxy;
pub mod redfish_server;
pub mod redfish_sim;
pub mod sim;
pub mod simhall;
pub mod sushy;
pub mod terminal;
pub mod wait;
