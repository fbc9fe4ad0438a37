//! A machine in simhall's simulated hall. Its BMC cannot switch it, and says so; whoever is in the hall can.

use std::fs;
use std::process::Command;

use super::port::free_port;
use super::redfish_server::{Process, curl, listens, python};

/// A hall with one machine, `node1`, that is on. It speaks in clear and asks for no password.
pub struct Simhall {
    _process: Process,
    port: u16,
}

const NODE: &str = "node1";
/// The Redfish path of the machine.
pub const SYSTEM: &str = "/redfish/v1/Systems/System.Embedded.1";

impl Simhall {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let hall = folder.path().join("hall.yaml");
        fs::write(&hall, "{nodes_per_rack: 1, ports_per_node: 1, leaves_per_rack: 1}\n")
            .expect("its configuration");
        let port = free_port();
        let mut command = python("simhall");
        command.args(["serve", "--port", &port.to_string(), "--spec"]).arg(hall);
        let health = format!("http://127.0.0.1:{port}/sim/health");
        let answers = || listens(port) && curl(&health).contains("true");
        let process = Process::start(folder, command, answers);
        Self { _process: process, port }
    }

    /// Where the service of the machine is, below which its paths are.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/dev/{NODE}", self.port)
    }

    /// Somebody in the hall switches the machine.
    pub fn switch(&self, on: bool) {
        let kind = if on { "power_on" } else { "power_off" };
        let action = format!(r#"{{"kind":"{kind}","device":"{NODE}"}}"#);
        let status = Command::new("curl")
            .args(["--silent", "--fail", "--output", "/dev/null", "--data", &action])
            .arg(format!("http://127.0.0.1:{}/sim/actions", self.port))
            .status();
        assert!(status.expect("curl starts").success(), "the machine is switched");
    }
}
