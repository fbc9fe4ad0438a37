//! Our own simulated BMC, for what `ipmi_sim` does not do: suite 17, faults, counted datagrams.

use bmc_sim::{Config, Server, User};
use tokio::runtime::Runtime;

/// A simulated BMC on loopback, with a runtime of its own so that tests need none.
pub struct Sim {
    server: Server,
    _runtime: Runtime,
}

impl Sim {
    /// A BMC with user "admin", password "secret" and a machine that is on.
    pub fn start() -> Self {
        Self::start_with(|_| {})
    }

    pub fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        Self::start_at("127.0.0.1:0", change)
    }

    pub fn start_at(address: &str, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(vec![User::administrator("admin", "secret").expect("a user")]);
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let address = address.parse().expect("an address");
        let server = runtime.block_on(Server::start(address, config)).expect("a free port");
        Self { server, _runtime: runtime }
    }

    /// The lines that an agent needs to reach it, without an action.
    pub fn lines(&self) -> Vec<String> {
        let address = self.server.address();
        [
            format!("ip={}", address.ip()),
            format!("ipport={}", address.port()),
            "username=admin".to_owned(),
            "password=secret".to_owned(),
            "lanplus=1".to_owned(),
        ]
        .to_vec()
    }
}

impl std::ops::Deref for Sim {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
