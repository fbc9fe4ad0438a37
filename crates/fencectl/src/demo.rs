//! A demonstration: the commands of this program, carried out on simulated machines on loopback.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use bmc_sim::redfish::{RedfishConfig, RedfishServer, RedfishUser};
use bmc_sim::{Config, Farm, FarmConfig, User};
use tokio::runtime::Runtime;

use crate::failure::Failure;
use crate::show;

/// The machines behind IPMI: `node1` and so on.
const IPMI_MACHINES: usize = 7;
/// Its BMC knows another password.
const LOCKED: usize = 6;
/// Its BMC acknowledges power off, and does nothing.
const STUCK: usize = 7;
const USER: &str = "admin";
const PASSWORD: &str = "secret";

/// What is shown: why, the command line, and whether all of it is to succeed.
const ACTS: &[(&str, &[&str], bool)] = &[
    (
        "Eight machines, in parallel. One BMC refuses the password, the others answer.",
        &["status", "@rack1"],
        false,
    ),
    (
        "Off is told only of a machine that was seen off.",
        &["power", "off", "--yes", "node[1-3]"],
        true,
    ),
    (
        "A BMC that acknowledges, and does nothing: that is no success.",
        &["power", "off", "node7"],
        false,
    ),
    ("By Redfish, over TLS, the same.", &["power", "reboot", "node8"], true),
    (
        "What a BMC speaks, what is wrong with it, and how a cluster is told of it.",
        &["diagnose", "node1"],
        true,
    ),
    ("For programs: a line of JSON for each machine.", &["status", "--json", "node[1-4]"], true),
];

/// Plays all acts. A success is that each of them ended as it should.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    let stage = Stage::set()?;
    tell("Simulated machines on loopback, and an inventory of them.")?;
    for (why, arguments, is_success) in ACTS {
        tell(&format!("\n# {why}\n$ fencectl {}", arguments.join(" ")))?;
        let inventory = stage.inventory();
        let code = crate::run(
            [&["fencectl"], *arguments, &["--inventory", &inventory]]
                .concat()
                .iter()
                .map(Into::into),
        );
        if (code == ExitCode::SUCCESS) != *is_success {
            show::complain("this should have ended otherwise");
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn tell(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    writeln!(stdout, "{text}").and_then(|()| stdout.flush()).map_err(Failure::Output)
}

/// The machines, their BMCs, and an inventory of them.
struct Stage {
    _farm: Farm,
    _redfish: RedfishServer,
    _runtime: Runtime,
    folder: tempfile::TempDir,
}

impl Stage {
    fn set() -> Result<Self, Failure> {
        let runtime = Runtime::new().map_err(Failure::Runtime)?;
        let farm = farm()?;
        let redfish = runtime.block_on(redfish())?;
        let folder = tempfile::tempdir().map_err(Failure::demo)?;
        write(folder.path(), &inventory(&farm, &redfish)).map_err(Failure::demo)?;
        Ok(Self { _farm: farm, _redfish: redfish, _runtime: runtime, folder })
    }

    fn inventory(&self) -> String {
        self.folder.path().join("inventory.toml").display().to_string()
    }
}

/// On addresses of their own, so that they can be told apart on the screen.
fn farm() -> Result<Farm, Failure> {
    let user = User::administrator(USER, PASSWORD).map_err(Failure::demo)?;
    let first = SocketAddr::from((Ipv4Addr::new(127, 0, 80, 1), 0));
    let config = FarmConfig::new(first, IPMI_MACHINES, Config::new(vec![user]));
    let farm = Farm::start(config).map_err(Failure::demo)?;
    farm.with_bmc(STUCK - 1, |bmc| bmc.faults(Instant::now()).ignore_power_off = true);
    Ok(farm)
}

async fn redfish() -> Result<RedfishServer, Failure> {
    let user = RedfishUser::administrator(USER, PASSWORD);
    let address = SocketAddr::from((Ipv4Addr::new(127, 0, 80, 8), 0));
    RedfishServer::start(address, RedfishConfig::new(vec![user])).await.map_err(Failure::demo)
}

fn inventory(farm: &Farm, redfish: &RedfishServer) -> String {
    let mut text = format!(
        "secrets = \"secrets.toml\"\n\n[defaults]\nusername = \"{USER}\"\n\n[groups.rack1]\nhosts = [\"node[1-8]\"]\n"
    );
    for (index, address) in farm.addresses().enumerate() {
        text += &host(index + 1, address);
    }
    text += &format!("power_timeout = 2\n{}", host(IPMI_MACHINES + 1, redfish.address()));
    text +=
        &format!("agent = \"fence_redfish\"\nssl_fingerprint = \"{}\"\n", redfish.fingerprint());
    text
}

fn host(number: usize, address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!("\n[hosts.node{number}]\naddress = \"{ip}\"\nipport = {port}\n")
}

fn write(folder: &Path, inventory: &str) -> io::Result<()> {
    fs::write(folder.join("inventory.toml"), inventory)?;
    let secrets = format!(
        "[defaults]\npassword = \"{PASSWORD}\"\n\n[hosts.node{LOCKED}]\npassword = \"another\"\n"
    );
    let mut file: File = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(folder.join("secrets.toml"))?;
    file.write_all(secrets.as_bytes())
}
