//! curl and the Python fence_redfish of Debian, which nobody here wrote, against the simulated Redfish service. Both
//! must be installed.
#![cfg(test)]

#[path = "foreign_redfish_clients/curl.rs"]
mod curl;
#[path = "foreign_redfish_clients/fence_redfish.rs"]
mod fence_redfish;

use bmc_sim::redfish::{RedfishConfig, RedfishEventKind, RedfishServer, RedfishUser, Role};

const PASSWORD: &str = "a secret: with a colon";

fn config() -> RedfishConfig {
    RedfishConfig::new(vec![
        RedfishUser::administrator("admin", PASSWORD),
        RedfishUser::with_role("guest", PASSWORD, Role::ReadOnly),
    ])
}

async fn start(config: RedfishConfig) -> RedfishServer {
    RedfishServer::start("127.0.0.1:0".parse().unwrap(), config).await.unwrap()
}

/// What happened to the machines.
fn power_events(bmc: &RedfishServer) -> Vec<RedfishEventKind> {
    let is_about_power = |kind: &RedfishEventKind| {
        matches!(
            kind,
            RedfishEventKind::PowerOff(_)
                | RedfishEventKind::PowerOn(_)
                | RedfishEventKind::Restarted(_)
                | RedfishEventKind::DiagnosticInterrupt(_)
        )
    };
    bmc.events().into_iter().map(|event| event.kind).filter(is_about_power).collect()
}
