mod delivery;
mod documents;
mod machine;
mod message;
mod quirks;
mod reset;
mod route;
mod sessions;
mod tasks;
#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Instant, SystemTime};

use rand::rngs::StdRng;
use serde_json::{Value, json};

use super::{
    ConnectionFault, Faults, Quirk, RedfishConfig, RedfishEvent, RedfishEventKind, RedfishSystem,
    RedfishUser, Request, Response,
};
use crate::{EventLog, Power};
use documents::ok;
use machine::Machine;
use message::Refusal;
use quirks::Peculiarities;
use route::Resource;
use sessions::{SessionKey, Sessions};
use tasks::{Task, TaskState};

pub use delivery::Reply;
pub(super) use delivery::{Delivery, End, GARBAGE};

/// A simulated Redfish service, and the machines that it watches over.
///
/// It has no clock: time is what it is told, and must not go backwards. It has no randomness but that of its
/// generator.
pub struct Service {
    config: RedfishConfig,
    /// Where it is reached, as far as it knows.
    address: SocketAddr,
    started: Instant,
    /// The date when it was started.
    start_date: SystemTime,
    rng: StdRng,
    /// One for each system, in the same order.
    machines: Vec<Machine>,
    sessions: Sessions,
    tasks: Vec<Task>,
    peculiarities: Peculiarities,
    events: EventLog<RedfishEvent>,
}

impl Service {
    /// A service that nobody has asked for anything yet.
    #[must_use]
    pub fn new(
        mut config: RedfishConfig,
        address: SocketAddr,
        now: Instant,
        date: SystemTime,
        rng: StdRng,
    ) -> Self {
        if config.quirks.contains(&Quirk::HgxBaseboard) {
            config.systems.push(RedfishSystem::hgx_baseboard());
        }
        let machine = |system: &RedfishSystem| {
            Machine::new(&system.id, system.initial_power, config.power_switch.clone())
        };
        Self {
            address,
            started: now,
            start_date: date,
            rng,
            machines: config.systems.iter().map(machine).collect(),
            sessions: Sessions::default(),
            tasks: Vec::new(),
            peculiarities: Peculiarities::new(config.systems.len()),
            events: EventLog::new(config.events_kept),
            config,
        }
    }

    /// What it answers to a request that arrives now.
    pub fn handle(&mut self, now: Instant, request: &Request) -> Reply {
        self.advance(now);
        let resource = Resource::of(request, &self.config.systems);
        let fault =
            self.config.faults.next_answer(|about| delivery::is_about(about, request, &resource));
        if fault.is_some() {
            let request = format!("{} {}", request.method, request.target);
            self.record(now, RedfishEventKind::Misanswered { request });
        }
        let response = match fault.as_ref().and_then(|fault| delivery::instead(fault, request)) {
            Some(response) => response,
            None => self.answer(now, request, &resource).unwrap_or_else(|refusal| *refusal),
        };
        self.reply(now, request, self.as_vendors_write(response), fault)
    }

    fn answer(
        &mut self,
        now: Instant,
        request: &Request,
        resource: &Resource,
    ) -> Result<Response, Refusal> {
        self.check_before_login(now, request)?;
        let is_login = *resource == Resource::Sessions && request.method == "POST";
        if is_login {
            return self.log_in(now, request);
        }
        let user = match resource.is_public() {
            true => None,
            false => Some(self.authenticate(now, request)?),
        };
        self.check_after_login(resource)?;
        check_method(request, resource)?;
        match (request.method.as_str(), resource, user) {
            ("POST", Resource::Reset(index), Some(user)) => self.reset(now, *index, request, &user),
            ("DELETE", Resource::Session(id), Some(user)) => self.log_out(now, id, &user),
            _ => self.read(now, request, resource),
        }
    }

    fn read(
        &mut self,
        now: Instant,
        request: &Request,
        resource: &Resource,
    ) -> Result<Response, Refusal> {
        let missing = || message::missing(request.path()).refusal(404);
        match resource {
            Resource::Versions => Ok(ok(&self.versions())),
            Resource::Root => Ok(ok(&self.root())),
            Resource::Systems { skip } => Ok(ok(&self.systems(*skip))),
            Resource::System(index) => self.report(now, *index).ok_or_else(missing)?,
            Resource::ResetActionInfo(index) => {
                let system = self.config.systems.get(*index).ok_or_else(missing)?;
                self.reset_action_info(system).map(|info| ok(&info))
            }
            Resource::SessionService if self.config.sessions => Ok(ok(&self.session_service())),
            Resource::Sessions if self.config.sessions => Ok(ok(&self.session_collection())),
            Resource::Session(id) => {
                let session = self.sessions.find(id).ok_or_else(missing)?;
                Ok(ok(&self.session(&session.id, &session.user.name)))
            }
            Resource::TaskService => Ok(ok(&self.task_service())),
            Resource::Tasks => Ok(ok(&self.task_collection())),
            Resource::Task(id) => {
                let task = self.tasks.get(*id).ok_or_else(missing)?;
                Ok(ok(&self.task(now, *id, task)))
            }
            Resource::TaskMonitor(id) => self.monitor(now, *id, request).ok_or_else(missing),
            _ => Err(missing()),
        }
    }

    /// A system. `None` when there is no such system.
    fn report(&mut self, now: Instant, index: usize) -> Option<Result<Response, Refusal>> {
        if let Err(refusal) = self.check_ready_to_report(now) {
            return Some(Err(refusal));
        }
        let state = self.shown_power_state(now, index);
        let system = self.config.systems.get(index)?;
        let changes = self.machines.get(index)?.changes();
        let document = self.system(now, system, state.as_ref());
        let kind = RedfishEventKind::StatusReported {
            system: system.id.clone(),
            state: state.as_ref().map(told),
        };
        self.record(now, kind);
        Some(Ok(ok(&document).with_header("ETag", etag(changes))))
    }

    fn monitor(&self, now: Instant, id: usize, request: &Request) -> Option<Response> {
        let task = self.tasks.get(id)?;
        Some(match task.state(now) {
            TaskState::Running => self.accepted(now, id, task, request),
            TaskState::Completed => Response::new(204),
            TaskState::Exception => documents::failed_task().response(500),
        })
    }

    /// Whether the machine of this system is on by now. `None` when there is no such system.
    pub fn power(&mut self, now: Instant, system: &str) -> Option<Power> {
        self.advance(now);
        self.machine(system).map(Machine::power)
    }

    /// Somebody switches the machine of this system by hand; resets that have not acted yet will not.
    pub fn set_power(&mut self, now: Instant, system: &str, power: Power) {
        self.advance(now);
        let mut systems = self.config.systems.iter();
        let index = systems.position(|own| own.id == system);
        let machine = index.and_then(|index| self.machines.get_mut(index));
        if let Some(kind) = machine.and_then(|machine| machine.switch(now, power)) {
            self.record(now, kind);
        }
    }

    /// How it misbehaves, to be changed from now on.
    pub fn faults(&mut self, now: Instant) -> &mut Faults {
        self.advance(now);
        &mut self.config.faults
    }

    /// The latest of what happened.
    #[must_use]
    pub fn events(&self) -> &EventLog<RedfishEvent> {
        &self.events
    }

    /// When something will happen to a machine next, without a request.
    #[must_use]
    pub fn next_change(&self) -> Option<Instant> {
        self.machines.iter().filter_map(Machine::next_change).min()
    }

    /// How many sessions are open.
    #[must_use]
    pub fn sessions_open(&self) -> usize {
        self.sessions.len()
    }

    /// Lets happen what is due by now.
    pub fn advance(&mut self, now: Instant) {
        let mut happened = Vec::new();
        for machine in &mut self.machines {
            happened.extend(std::iter::from_fn(|| machine.next_event(now)));
        }
        happened.sort_by_key(|(at, _)| *at);
        for (at, kind) in happened {
            self.record(at, kind);
        }
        for user in self.sessions.expire(now, self.config.session_idle_timeout) {
            self.record(now, RedfishEventKind::SessionExpired { user });
        }
    }

    pub(super) fn next_connection_fault(&mut self) -> Option<ConnectionFault> {
        self.config.faults.next_connection()
    }

    pub(super) fn config(&self) -> &RedfishConfig {
        &self.config
    }

    fn machine(&self, system: &str) -> Option<&Machine> {
        let index = self.config.systems.iter().position(|own| own.id == system)?;
        self.machines.get(index)
    }

    fn has(&self, quirk: Quirk) -> bool {
        self.config.quirks.contains(&quirk)
    }

    fn record(&mut self, at: Instant, kind: RedfishEventKind) {
        self.peculiarities.notice(&kind);
        self.events.push(RedfishEvent { at, kind });
    }
}

impl Service {
    /// Who sent the request.
    fn authenticate(&mut self, now: Instant, request: &Request) -> Result<RedfishUser, Refusal> {
        if let Some(token) = request.header("X-Auth-Token") {
            let limit = self.config.faults.token_requests;
            if let Some(user) = limit.and_then(|limit| self.sessions.close_used(token, limit)) {
                self.record(now, RedfishEventKind::SessionExpired { user });
            }
            let user = self.sessions.user(now, token);
            return user.ok_or_else(|| self.refuse_login(now, None));
        }
        self.authenticate_basic(now, request)
    }

    fn authenticate_basic(
        &mut self,
        now: Instant,
        request: &Request,
    ) -> Result<RedfishUser, Refusal> {
        let credentials = sessions::basic_credentials(request, self.has(Quirk::Latin1Basic));
        let Some((name, password)) = credentials.filter(|_| self.takes_basic()) else {
            return Err(self.refuse_login(now, None));
        };
        let user = sessions::user(&self.config.users, &name, &password).cloned();
        user.ok_or_else(|| self.refuse_login(now, Some(name)))
    }

    fn takes_basic(&self) -> bool {
        self.config.basic && !self.has(Quirk::BasicRefused)
    }

    fn refuse_login(&mut self, now: Instant, user: Option<String>) -> Refusal {
        self.record(now, RedfishEventKind::LoginRefused { user });
        let response = message::unauthorized().response(401);
        Box::new(match (self.takes_basic(), self.has(Quirk::BasicRefused)) {
            (true, _) => response.with_header("WWW-Authenticate", "Basic realm=\"bmc-sim\""),
            (false, true) => response.with_header("WWW-Authenticate", "Session"),
            (false, false) => response,
        })
    }

    /// Opens a session (DSP0266, "Session login").
    fn log_in(&mut self, now: Instant, request: &Request) -> Result<Response, Refusal> {
        if !self.config.sessions {
            return Err(message::missing(request.path()).refusal(404));
        }
        let body = json_object(request)?;
        self.check_session_login(now, request)?;
        let text = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default();
        let name = text("UserName");
        let user = sessions::user(&self.config.users, name, text("Password")).cloned();
        let user = user.ok_or_else(|| self.refuse_login(now, Some(name.to_owned())))?;
        if self.sessions.len() >= self.config.max_sessions {
            return Err(message::session_limit().refusal(503));
        }
        self.record(now, RedfishEventKind::SessionOpened { user: user.name.clone() });
        let name = user.name.clone();
        let SessionKey { id, token } = self.sessions.open(now, user, &mut self.rng);
        let location = self.uri(&format!("SessionService/Sessions/{id}"));
        Ok(Response::json(201, &self.session(&id, &name))
            .with_header("Location", self.location(location, request))
            .with_header("X-Auth-Token", token.as_str()))
    }

    fn log_out(&mut self, now: Instant, id: &str, user: &RedfishUser) -> Result<Response, Refusal> {
        let uri = self.uri(&format!("SessionService/Sessions/{id}"));
        let session = self.sessions.find(id).ok_or_else(|| message::missing(&uri).refusal(404))?;
        let is_own = session.user.name == user.name;
        if !is_own && user.role != super::Role::Administrator {
            return Err(message::insufficient_privilege().refusal(403));
        }
        if let Some(session) = self.sessions.close(id) {
            self.record(now, RedfishEventKind::SessionClosed { user: session.user.name });
        }
        Ok(Response::new(204))
    }
}

fn check_method(request: &Request, resource: &Resource) -> Result<(), Refusal> {
    let methods = resource.methods();
    if methods.contains(&request.method.as_str()) {
        return Ok(());
    }
    let response = message::method_not_allowed(&request.method.escape_debug().to_string());
    Err(Box::new(response.response(405).with_header("Allow", methods.join(", "))))
}

/// The body of a POST.
fn json_object(request: &Request) -> Result<Value, Refusal> {
    let content_type = request.header("Content-Type").unwrap_or_default().to_ascii_lowercase();
    if !content_type.starts_with("application/json") {
        return Err(message::wrong_content_type().refusal(415));
    }
    let body: Option<Value> = serde_json::from_slice(&request.body).ok();
    body.filter(Value::is_object).ok_or_else(|| message::malformed_json().refusal(400))
}

fn etag(changes: u64) -> String {
    format!("\"{changes}\"")
}

/// A value as it reads, without quotes.
fn told(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| text.escape_debug().to_string())
}

/// The body of a `Success` message.
fn success() -> Value {
    json!({ "@Message.ExtendedInfo": [message::Message::success().to_json()] })
}
