//! Our own simulated BMC that speaks Redfish, for what other services do not do: faults, quirks, counts.

use std::time::Duration;

use bmc_sim::redfish::{RedfishConfig, RedfishEventKind, RedfishServer, RedfishUser};
use tokio::runtime::Runtime;

/// The user that it knows, and its password.
pub const USER: &str = "admin";
pub const PASSWORD: &str = "Zx9kq7Wv3pTm8";

/// How long a test waits for something to happen.
const PATIENCE: Duration = Duration::from_secs(20);

/// A simulated service on loopback, with a runtime of its own so that tests need none.
pub struct RedfishSim {
    server: RedfishServer,
    runtime: Runtime,
}

impl RedfishSim {
    /// A service with an administrator and a system "1" that is on, but for what is changed.
    pub fn start_at(address: &str, change: impl FnOnce(&mut RedfishConfig)) -> Self {
        let mut config = RedfishConfig::new(vec![RedfishUser::administrator(USER, PASSWORD)]);
        change(&mut config);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let address = address.parse().expect("an address");
        let server = runtime.block_on(RedfishServer::start(address, config)).expect("a free port");
        Self { server, runtime }
    }

    /// The lines that an agent needs to reach it, without an action.
    pub fn lines(&self) -> Vec<String> {
        let address = self.server.address();
        vec![
            format!("ip={}", address.ip()),
            format!("ipport={}", address.port()),
            format!("username={USER}"),
            format!("password={PASSWORD}"),
            "ssl_insecure=1".to_owned(),
        ]
    }

    /// What happened so far.
    pub fn happened(&self) -> Vec<RedfishEventKind> {
        self.server.events().into_iter().map(|event| event.kind).collect()
    }

    /// Comes back as soon as this has happened.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&RedfishEventKind) -> bool) {
        let watch = async {
            let mut index = 0;
            while !wanted(&self.server.event(index).await.expect("it is still kept").kind) {
                index += 1;
            }
        };
        let watch = async { tokio::time::timeout(PATIENCE, watch).await };
        assert!(self.runtime.block_on(watch).is_ok(), "it did not happen: {:?}", self.happened());
    }
}

impl std::ops::Deref for RedfishSim {
    type Target = RedfishServer;

    fn deref(&self) -> &RedfishServer {
        &self.server
    }
}
