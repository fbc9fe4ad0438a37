//! What the tests of this crate have in common: simulated BMCs, configurations, a provider of a user's.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bmc_sim::redfish::{RedfishConfig, RedfishServer, RedfishSystem, RedfishUser};
use bmc_sim::{Config, EventKind, Server, User};
use fencing::providers::Native;
use fencing::{
    Action, Agent, AgentAction, AgentConfig, Error, Fence, Kind, Loaded, Parameter, Plug, Port,
    PowerCommand, PowerState, Provider, Success, Unfencing,
};
use tokio::time::Instant;

pub(crate) const WITHIN: Duration = Duration::from_secs(10);

pub(crate) async fn bmc() -> Server {
    let user = User::administrator("admin", "secret").unwrap();
    Server::start("127.0.0.1:0".parse().unwrap(), Config::new(vec![user])).await.unwrap()
}

pub(crate) async fn native() -> Fence {
    let mut fence = Fence::new();
    fence.register("native", Native::new()).unwrap();
    assert!(fence.load_agents(WITHIN).await.is_empty());
    fence
}

pub(crate) fn set(mut config: AgentConfig, given: &[(&str, &str)]) -> AgentConfig {
    for (name, value) in given {
        config.set(name, value).unwrap();
    }
    config
}

pub(crate) fn ipmi(fence: &Fence, bmc: &Server) -> AgentConfig {
    let config = fence.agent_config("native", "fence_ipmilanplus").unwrap();
    let port = bmc.address().port().to_string();
    let address = bmc.address().ip().to_string();
    set(
        config,
        &[("ip", &address), ("ipport", &port), ("username", "admin"), ("password", "secret")],
    )
}

pub(crate) async fn until(bmc: &Server, is_it: impl Fn(&EventKind) -> bool) {
    for index in 0.. {
        if is_it(&bmc.event(index).await.unwrap().kind) {
            return;
        }
    }
}

pub(crate) fn redfish(fence: &Fence, bmc: &RedfishServer) -> AgentConfig {
    set(
        fence.agent_config("native", "fence_redfish").unwrap(),
        &[
            ("ip", &bmc.address().to_string()),
            ("username", "admin"),
            ("password", "secret"),
            ("ssl_fingerprint", bmc.fingerprint()),
        ],
    )
}

pub(crate) async fn redfish_bmc(systems: &[&str]) -> RedfishServer {
    let user = RedfishUser::administrator("admin", "secret");
    let systems = systems.iter().map(|id| RedfishSystem::new(id)).collect();
    let config = RedfishConfig { systems, ..RedfishConfig::new(vec![user]) };
    RedfishServer::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

/// A provider of a user's: a switch with several outlets.
#[derive(Clone, Default)]
pub(crate) struct Outlets {
    pub(crate) on: Arc<Mutex<HashMap<String, bool>>>,
    pub(crate) hangs: Arc<AtomicBool>,
    /// Whatever it is asked for, it says that it did something else.
    pub(crate) is_confused: bool,
    pub(crate) unfencing: Unfencing,
}

impl Outlets {
    pub(crate) fn with(outlets: &[&str]) -> Self {
        let on = outlets.iter().map(|outlet| ((*outlet).to_owned(), true)).collect();
        Self { on: Arc::new(Mutex::new(on)), ..Self::default() }
    }

    fn change(&self, config: &AgentConfig, on: Option<bool>) -> Result<bool, Error> {
        let outlet = config.text("plug").unwrap_or_default();
        let mut outlets = self.on.lock().unwrap();
        let state =
            outlets.get_mut(&outlet).ok_or_else(|| Error::Provider("no such outlet".into()))?;
        *state = on.unwrap_or(*state);
        Ok(*state)
    }
}

#[async_trait]
impl Provider for Outlets {
    async fn load_agents(&self, _: Instant) -> Loaded {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        let actions = [Action::On, Action::Off, Action::Status, Action::Monitor, Action::List];
        let plug =
            Parameter { old_name: Some("port".into()), ..Parameter::new("plug", Kind::String) };
        let agent = Agent {
            short_description: "Outlets".into(),
            parameters: vec![plug],
            actions: actions.map(AgentAction::Shown).to_vec(),
            plug: Plug::Required,
            unfencing: self.unfencing,
            ..Agent::new("fence_outlets")
        };
        let failures = vec![("fence_broken".to_owned(), Error::Provider("no metadata".into()))];
        Loaded { agents: vec![agent], failures }
    }

    fn verify(&self, _: &AgentConfig) -> Result<(), Error> {
        Ok(())
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        _: Instant,
    ) -> Result<Success, Error> {
        if self.hangs.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
        self.change(config, Some(command == PowerCommand::On))?;
        Ok(Success::Reported(if self.is_confused { PowerCommand::Diag } else { command }))
    }

    async fn status(&self, config: &AgentConfig, _: Instant) -> Result<PowerState, Error> {
        Ok(if self.change(config, None)? { PowerState::On } else { PowerState::Off })
    }

    async fn monitor(&self, _: &AgentConfig, _: Instant) -> Result<(), Error> {
        Ok(())
    }

    async fn list(&self, _: &AgentConfig, _: Instant) -> Result<Vec<Port>, Error> {
        let outlets = self.on.lock().unwrap();
        let port = |name: &String| Port { name: name.clone(), alias: None, state: None };
        Ok(outlets.keys().map(port).collect())
    }
}
