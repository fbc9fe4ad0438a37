//! The service in virtual time.

mod faults;
mod garbage;
mod power;
mod quirks;
mod requests;
mod sessions;
mod tasks;

use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::Power;
use crate::redfish::{
    RedfishConfig, RedfishEventKind, RedfishUser, Reply, Request, Response, Role, Service,
};

const SYSTEM: &str = "/redfish/v1/Systems/1";
const RESET: &str = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";
const SESSIONS: &str = "/redfish/v1/SessionService/Sessions";
const PASSWORD: &str = "pass:word";

/// A service, and somebody who asks it as time goes by.
struct Bench {
    service: Service,
    now: Instant,
}

impl Bench {
    fn new(config: RedfishConfig) -> Self {
        let now = Instant::now();
        let address = SocketAddr::from(([192, 0, 2, 1], 443));
        let date = SystemTime::UNIX_EPOCH;
        let service = Service::new(config, address, now, date, StdRng::seed_from_u64(1));
        Self { service, now }
    }

    fn wait(&mut self, seconds: f64) {
        self.now += Duration::from_secs_f64(seconds);
    }

    fn reply(&mut self, request: &Request) -> Reply {
        self.service.handle(self.now, request)
    }

    fn ask(&mut self, request: &Request) -> Response {
        self.reply(request).response
    }

    /// GET by the administrator.
    fn get(&mut self, path: &str) -> Response {
        self.ask(&by("admin", Request::new("GET", path)))
    }

    /// The action by the administrator.
    fn reset(&mut self, kind: &str) -> Response {
        self.ask(&by("admin", reset(kind)))
    }

    fn power(&mut self) -> Power {
        self.service.power(self.now, "1").unwrap()
    }

    /// The `PowerState` that is told; null, if it is missing.
    fn power_state(&mut self) -> Value {
        self.get(SYSTEM).to_json()["PowerState"].clone()
    }

    fn has_event(&self, kind: &RedfishEventKind) -> bool {
        self.service.events().iter().any(|event| event.kind == *kind)
    }
}

fn config() -> RedfishConfig {
    RedfishConfig::new(vec![
        RedfishUser::administrator("admin", PASSWORD),
        RedfishUser::with_role("operator", PASSWORD, Role::Operator),
        RedfishUser::with_role("guest", PASSWORD, Role::ReadOnly),
    ])
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn reset(kind: &str) -> Request {
    Request::new("POST", RESET).with_json(&json!({ "ResetType": kind }))
}

/// With Basic authentication, and what clients usually send.
fn by(user: &str, request: Request) -> Request {
    let credentials = BASE64_STANDARD.encode(format!("{user}:{PASSWORD}"));
    request
        .with_header("Authorization", &format!("Basic {credentials}"))
        .with_header("Accept", "application/json")
        .with_header("OData-Version", "4.0")
        .with_header("Host", "192.0.2.1:443")
}

/// The status, and the last part of the id of the first message.
fn refusal(response: &Response) -> (u16, String) {
    let body = response.to_json();
    let id = body["error"]["@Message.ExtendedInfo"][0]["MessageId"].as_str().unwrap_or_default();
    assert_eq!(body["error"]["code"].as_str().unwrap_or_default(), id);
    (response.status, id.rsplit('.').next().unwrap().to_owned())
}

fn assert_refused(response: &Response, status: u16, message: &str) {
    assert_eq!(refusal(response), (status, message.to_owned()), "{response:?}");
}
