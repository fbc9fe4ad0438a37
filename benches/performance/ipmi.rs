//! `fence_ipmilan`, beside Debian's Python agent and FreeIPMI's ipmipower.

use bmc_sim::{Config, Power, Server, User};
use tokio::runtime::{Builder, Runtime};

use crate::contest::{self, Bmc, Contestant, Result};
use crate::{Operation, words};

pub(crate) fn compare(runs: usize) -> Result<()> {
    let bmc = IpmiBmc::start()?;
    for (operation, title) in
        [(Operation::Status, "IPMI: status"), (Operation::Reboot, "IPMI: reboot (power_wait=0)")]
    {
        contest::compare(title, &bmc, contestants(operation, &bmc), runs)?;
    }
    Ok(())
}

struct IpmiBmc {
    server: Server,
    _runtime: Runtime,
}

impl IpmiBmc {
    fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = Config::new(vec![User::administrator("admin", "secret")?]);
        let server = runtime.block_on(Server::start("127.0.0.1:0".parse()?, config))?;
        Ok(Self { server, _runtime: runtime })
    }
}

impl Bmc for IpmiBmc {
    const COUNTED: &[&str] = &["datagrams"];

    fn counts(&self) -> Vec<u64> {
        let counts = self.server.datagrams();
        vec![counts.received + counts.sent]
    }

    fn switch_on(&self) {
        self.server.set_power(Power::On);
    }

    fn is_on(&self) -> bool {
        self.server.power() == Power::On
    }
}

fn contestants(operation: Operation, bmc: &IpmiBmc) -> Vec<Contestant> {
    let port = bmc.server.address().port();
    let ours = env!("CARGO_BIN_EXE_fence_ipmilan");
    vec![
        Contestant::new("ours, suite 17", agent(ours, operation, port, "--cipher=17")),
        Contestant::new("ours, suite 3", agent(ours, operation, port, "--cipher=3")),
        Contestant::new("ours, suite found by itself", agent(ours, operation, port, "--lanplus")),
        Contestant::new("Python, suite 17", agent(PYTHON, operation, port, "--cipher=17")),
        Contestant::new("Python, suite 3", agent(PYTHON, operation, port, "--cipher=3")),
        Contestant::new(
            "Python, suite found by itself",
            agent(PYTHON, operation, port, "--lanplus"),
        ),
        Contestant::new("ipmipower, suite 17", ipmipower(operation, port, 17)),
        Contestant::new("ipmipower, suite 3", ipmipower(operation, port, 3)),
    ]
}

const PYTHON: &str = "/usr/sbin/fence_ipmilan";

fn agent(program: &str, operation: Operation, port: u16, suite: &str) -> Vec<String> {
    let action = operation.action();
    let arguments = format!(
        "--ip=127.0.0.1 --ipport={port} --username=admin --password=secret --lanplus {suite} \
         --power-wait=0 --action={action}"
    );
    words(&format!("{program} {arguments}"))
}

/// FreeIPMI has no reboot that waits for power to be off; this is what comes nearest.
fn ipmipower(operation: Operation, port: u16, suite: u8) -> Vec<String> {
    let power = format!(
        "ipmipower -D LAN_2_0 -h 127.0.0.1:{port} -u admin -p secret -l OPERATOR -I {suite}"
    );
    match operation {
        Operation::Status => words(&format!("{power} --stat")),
        Operation::Reboot => {
            let script = format!("{power} --off --wait-until-off && {power} --on --wait-until-on");
            vec!["sh".to_owned(), "-c".to_owned(), script]
        }
    }
}
