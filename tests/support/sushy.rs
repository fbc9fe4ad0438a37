//! The emulator of sushy-tools, started for one test, with machines that are nothing but a state.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use super::certificates::Identity;
use super::launcher::Launcher;
use super::port::free_port;
use super::redfish_server::{Process, USER, curl, listens, python, string_in};

/// The program that speaks HTTP for the emulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Front {
    /// Its own: closes the connection after each answer.
    Own,
    /// gunicorn: keeps connections.
    Gunicorn,
}

/// A Redfish service by people who know nothing of us, with Basic authentication.
pub struct Sushy {
    process: Process,
    scheme: &'static str,
    port: u16,
    systems: Vec<String>,
}

/// bcrypt of [`PASSWORD`](super::redfish_server::PASSWORD), with the least work that there is.
const HASH: &str = "$2b$04$qljdVFYp4QM370fPGVVzQO0BvXCp0Gd0L8uC8S0hNgXBeNEwt7F72";

impl Sushy {
    /// With these systems, all of them on. In clear, where it has no certificate. A change of power takes a second at
    /// most.
    pub fn start(front: Front, identity: Option<&Identity>, systems: &[&str]) -> Self {
        Self::start_with(front, identity, systems, 1)
    }

    /// The same, but that a change of power takes so many seconds, or up to one less.
    pub fn start_with(
        front: Front,
        identity: Option<&Identity>,
        systems: &[&str],
        seconds: u32,
    ) -> Self {
        Self::start_through(&Launcher::default(), front, identity, systems, seconds)
    }

    /// The same, by way of another program.
    pub fn start_through(
        launcher: &Launcher,
        front: Front,
        identity: Option<&Identity>,
        systems: &[&str],
        seconds: u32,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let config = folder.path().join("config.py");
        let path = folder.path().to_str().expect("text");
        let text = configuration(path, port, identity, systems) + &pace(seconds) + TALK;
        fs::write(&config, text).expect("its configuration");
        fs::write(folder.path().join("users"), format!("{USER}:{HASH}\n")).expect("its users");
        let mut command = match front {
            Front::Own => python("sushy-emulator"),
            Front::Gunicorn => gunicorn(port, identity),
        };
        command.env("SUSHY_EMULATOR_CONFIG", config);
        let scheme = if identity.is_some() { "https" } else { "http" };
        let root = format!("{scheme}://127.0.0.1:{port}/redfish/v1/");
        let answers = || listens(port) && curl(&root).contains("RedfishVersion");
        let process = Process::start(folder, launcher.launch(&command), answers);
        let systems = systems.iter().map(|&system| system.to_owned()).collect();
        Self { process, scheme, port, systems }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where others find it.
    pub fn url(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }

    /// The path of a system's resource.
    pub fn path(&self, system: &str) -> String {
        format!("/redfish/v1/Systems/{}", self.uuid(system))
    }

    fn uuid(&self, system: &str) -> String {
        uuid(self.systems.iter().position(|known| known == system).expect("a system"))
    }

    /// The resets that a system was asked for so far, such as `off on`.
    pub fn commands(&self, system: &str) -> String {
        let told = format!("System \"{}\" power state set to \"", self.uuid(system));
        let log = self.process.log();
        let resets = log.lines().filter_map(|line| line.split_once(&told)?.1.split('"').next());
        let short = |reset| match reset {
            "ForceOff" => "off",
            "On" => "on",
            other => other,
        };
        resets.map(short).collect::<Vec<_>>().join(" ")
    }

    /// The power state of a system by now, as curl sees it.
    pub fn power(&self, system: &str) -> String {
        let json = curl(&(self.url() + &self.path(system)));
        string_in(&json, "PowerState").unwrap_or_else(|| panic!("a power state: {json}")).to_owned()
    }
}

/// It logs what it is asked for. Its configuration is a program.
const TALK: &str =
    "import logging\nlogging.getLogger('sushy_tools.emulator.main').setLevel(logging.INFO)\n";

fn gunicorn(port: u16, identity: Option<&Identity>) -> Command {
    let mut command = python("gunicorn");
    command.args(["--worker-class", "gthread", "--threads", "8", "--keep-alive", "30"]).args([
        "--graceful-timeout",
        "1",
        "--bind",
        &format!("127.0.0.1:{port}"),
    ]);
    if let Some(identity) = identity {
        command.arg("--certfile").arg(identity.certificate());
        command.arg("--keyfile").arg(identity.key());
    }
    command.arg("sushy_tools.emulator.main:app");
    command
}

/// The emulator draws how many seconds a change of power takes, from 1 to 11. Its configuration is a program, and has
/// the same drawn each time.
fn pace(seconds: u32) -> String {
    format!("import random\nrandom.randint = lambda low, high: {seconds}\n")
}

fn configuration(folder: &str, port: u16, identity: Option<&Identity>, systems: &[&str]) -> String {
    let mut text = format!(
        "SUSHY_EMULATOR_LISTEN_IP = '127.0.0.1'\n\
         SUSHY_EMULATOR_LISTEN_PORT = {port}\n\
         SUSHY_EMULATOR_AUTH_FILE = '{folder}/users'\n\
         SUSHY_EMULATOR_STATE_DIR = '{folder}'\n\
         SUSHY_EMULATOR_FAKE_DRIVER = True\n\
         SUSHY_EMULATOR_FAKE_SYSTEMS = [\n"
    );
    for (index, system) in systems.iter().enumerate() {
        let uuid = uuid(index);
        let _ = writeln!(
            text,
            "    {{'uuid': '{uuid}', 'name': '{system}', 'power_state': 'On', 'nics': []}},"
        );
    }
    text.push_str("]\n");
    if let Some(identity) = identity {
        let (certificate, key) = (identity.certificate(), identity.key());
        let _ = writeln!(text, "SUSHY_EMULATOR_SSL_CERT = '{}'", certificate.display());
        let _ = writeln!(text, "SUSHY_EMULATOR_SSL_KEY = '{}'", key.display());
    }
    text
}

fn uuid(index: usize) -> String {
    format!("00000000-0000-4000-8000-{index:012}")
}
