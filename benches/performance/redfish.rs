//! `fence_redfish`, beside Debian's Python agent, and curl with one connection for the same requests.

use std::fs;
use std::path::Path;

use bmc_sim::Power;
use bmc_sim::redfish::{CertificateConfig, RedfishConfig, RedfishServer, RedfishUser};
use certificates::{Identity, Kind};
use tokio::runtime::{Builder, Runtime};

use crate::contest::{self, Bmc, Contestant, Result};
use crate::{Operation, words};

#[allow(
    dead_code,
    unreachable_pub,
    clippy::expect_used,
    reason = "the tests use more of it, and fail by panicking"
)]
#[path = "../../tests/support/certificates.rs"]
mod certificates;

const ROOT: &str = "/redfish/v1";
const SYSTEMS: &str = "/redfish/v1/Systems";
const SYSTEM: &str = "/redfish/v1/Systems/1";
const RESET: &str = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";
/// Debian's, for the default: a check against all authorities that the system trusts.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(crate) fn compare(runs: usize) -> Result<()> {
    let bmc = RedfishBmc::start()?;
    for (operation, knows_system, title) in [
        (Operation::Status, false, "Redfish: status"),
        (Operation::Status, true, "Redfish: status, with systems_uri"),
        (Operation::Reboot, false, "Redfish: reboot"),
        (Operation::Reboot, true, "Redfish: reboot, with systems_uri"),
    ] {
        contest::compare(title, &bmc, contestants(operation, knows_system, &bmc)?, runs)?;
    }
    Ok(())
}

/// It keeps connections open, speaks TLS 1.3, and has a key of RSA-2048, as most BMCs have.
struct RedfishBmc {
    server: RedfishServer,
    identity: Identity,
    _runtime: Runtime,
}

impl RedfishBmc {
    fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let identity = Identity::new(Kind::Rsa);
        let mut config = RedfishConfig::new(vec![RedfishUser::administrator("admin", "secret")]);
        config.certificate = CertificateConfig::Given {
            certificate_pem: fs::read_to_string(identity.certificate())?,
            key_pem: fs::read_to_string(identity.key())?,
        };
        let server = runtime.block_on(RedfishServer::start("127.0.0.1:0".parse()?, config))?;
        Ok(Self { server, identity, _runtime: runtime })
    }
}

impl Bmc for RedfishBmc {
    const COUNTED: &[&str] = &["requests", "TLS handshakes"];

    fn counts(&self) -> Vec<u64> {
        let counts = self.server.counts();
        vec![counts.requests, counts.handshakes]
    }

    fn switch_on(&self) {
        self.server.set_power("1", Power::On);
    }

    fn is_on(&self) -> bool {
        self.server.power("1") == Some(Power::On)
    }
}

fn contestants(
    operation: Operation,
    knows_system: bool,
    bmc: &RedfishBmc,
) -> Result<Vec<Contestant>> {
    let own = text(&bmc.identity.bundle())?;
    let all = text(&with_authorities(&bmc.identity)?)?;
    let pin = bmc.identity.fingerprint();
    let ours = |trust: &str| {
        let program = env!("CARGO_BIN_EXE_fence_redfish");
        agent(program, operation, knows_system, bmc, trust)
    };
    let python = |trust: &str| agent(PYTHON, operation, knows_system, bmc, trust);
    // It takes a bundle from the environment only.
    let mut python_with_all = vec!["env".to_owned(), format!("REQUESTS_CA_BUNDLE={all}")];
    python_with_all.extend(python("--ssl-secure"));
    let curl = |trust: &str| curl(operation, knows_system, bmc, trust);
    Ok(vec![
        Contestant::new("ours, not verified", ours("--ssl-insecure")),
        Contestant::new("ours, by fingerprint", ours(&format!("--ssl-fingerprint={pin}"))),
        Contestant::new("ours, by bundle of one", ours(&format!("--ssl-ca-bundle={own}"))),
        Contestant::new("ours, by the system's bundle", ours(&format!("--ssl-ca-bundle={all}"))),
        Contestant::new("Python, not verified", python("--ssl-insecure")),
        Contestant::new("Python, by the system's bundle", python_with_all),
        Contestant::new("curl, not verified", curl("--insecure")),
        Contestant::new("curl, by bundle of one", curl(&format!("--cacert {own}"))),
        Contestant::new("curl, by the system's bundle", curl(&format!("--cacert {all}"))),
    ])
}

const PYTHON: &str = "/usr/sbin/fence_redfish";

fn agent(
    program: &str,
    operation: Operation,
    knows_system: bool,
    bmc: &RedfishBmc,
    trust: &str,
) -> Vec<String> {
    let (port, action) = (bmc.server.address().port(), operation.action());
    let mut command = format!(
        "{program} --ip=127.0.0.1 --ipport={port} --username=admin --password=secret {trust} --action={action}"
    );
    if knows_system {
        command.push_str(&format!(" --systems-uri={SYSTEM}"));
    }
    words(&command)
}

/// The requests of our agent in one process over one connection, without a pause, or a look at the answers.
fn curl(operation: Operation, knows_system: bool, bmc: &RedfishBmc, trust: &str) -> Vec<String> {
    let address = bmc.server.address();
    let search = [get(ROOT), get(SYSTEMS)].into_iter().filter(|_| !knows_system);
    let mut requests: Vec<_> = search.chain([get(SYSTEM)]).collect();
    if operation == Operation::Reboot {
        let (off, on) = (post("ForceOff"), post("On"));
        requests.extend([off, get(SYSTEM), get(SYSTEM), on, get(SYSTEM)]);
    }
    let common = format!("--silent --fail --user admin:secret {trust} --output /dev/null");
    let mut command = words("curl");
    for (index, (data, path)) in requests.into_iter().enumerate() {
        if index > 0 {
            command.push("--next".to_owned());
        }
        command.extend(words(&common));
        command.extend(data);
        command.push(format!("https://{address}{path}"));
    }
    command
}

/// What curl needs for a request beside the path.
type CurlRequest = (Vec<String>, &'static str);

fn get(path: &'static str) -> CurlRequest {
    (Vec::new(), path)
}

fn post(reset: &str) -> CurlRequest {
    let body = format!("{{\"ResetType\":\"{reset}\"}}");
    let data = ["--header", "Content-Type: application/json", "--data", &body];
    (data.map(str::to_owned).to_vec(), RESET)
}

/// The authorities that the system trusts, and the BMC's own certificate, in a file.
fn with_authorities(identity: &Identity) -> Result<std::path::PathBuf> {
    let path = identity.bundle().with_file_name("all.pem");
    let [system, own] = [fs::read(AUTHORITIES)?, fs::read(identity.bundle())?];
    fs::write(&path, [system, own].concat())?;
    Ok(path)
}

fn text(path: &Path) -> Result<String> {
    Ok(path.to_str().ok_or("a path that is no text")?.to_owned())
}
