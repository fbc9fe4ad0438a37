//! Our own simulated BMC, for what `ipmi_sim` does not do: suite 17, faults, counted datagrams.

use std::time::Duration;

use bmc_sim::{
    Config, Event, EventKind, Link, LinkConfig, NetworkConfig, Protection, Server, User,
};
use ipmi_lan::command::PowerControl;
use tokio::runtime::Runtime;

/// A simulated BMC on loopback, with a runtime of its own so that tests need none.
pub struct Sim {
    server: Server,
    runtime: Runtime,
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
        Self { server, runtime }
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

    /// What happened so far.
    pub fn happened(&self) -> Vec<EventKind> {
        self.server.events().into_iter().map(|event| event.kind).collect()
    }

    /// The Chassis Control commands so far, whatever became of them.
    pub fn commands(&self) -> Vec<PowerControl> {
        let control = |event| match event {
            EventKind::ChassisControl { control, .. } => Some(control),
            _ => None,
        };
        self.happened().into_iter().filter_map(control).collect()
    }

    /// How many sessions were opened so far, and how many were closed by the console.
    pub fn sessions(&self) -> (usize, usize) {
        let events = self.happened();
        let opened = |event: &&EventKind| matches!(event, EventKind::SessionOpened { .. });
        let closed = |event: &&EventKind| matches!(event, EventKind::SessionClosed { .. });
        (events.iter().filter(opened).count(), events.iter().filter(closed).count())
    }

    /// How often a login was refused so far.
    pub fn refusals(&self) -> usize {
        let refused = |event: &&EventKind| matches!(event, EventKind::SessionRefused { .. });
        self.happened().iter().filter(refused).count()
    }

    /// What protected the sessions so far.
    pub fn protections(&self) -> Vec<Protection> {
        let protection = |event| match event {
            EventKind::SessionOpened { protection, .. } => Some(protection),
            _ => None,
        };
        self.happened().into_iter().filter_map(protection).collect()
    }

    /// A bad network before it.
    pub fn link(&self, network: NetworkConfig) -> Link {
        let config = LinkConfig::new(network, 1);
        let address = "127.0.0.1:0".parse().expect("an address");
        let link = Link::start(address, self.server.address(), config);
        self.runtime.block_on(link).expect("a free port")
    }

    /// Comes back as soon as this has happened.
    #[track_caller]
    pub fn wait_for(&self, wanted: impl Fn(&EventKind) -> bool) {
        let watch = async {
            let mut index = 0;
            loop {
                let Event { kind, .. } = self.server.event(index).await.expect("it is still kept");
                if wanted(&kind) {
                    return;
                }
                index += 1;
            }
        };
        let watch = async { tokio::time::timeout(Duration::from_secs(20), watch).await };
        assert!(self.runtime.block_on(watch).is_ok(), "it did not happen: {:?}", self.happened());
    }
}

impl std::ops::Deref for Sim {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}
