//! The action `#ComputerSystem.Reset`, and the `PowerState` that is told.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::machine::Transition;
use super::message::{self, Message};
use super::tasks::Task;
use super::{Refusal, Service, etag, json_object, success};
use crate::Power;
use crate::redfish::{
    Acknowledgement, PowerStateFault, Quirk, RedfishEventKind, RedfishUser, Request, ResetType,
    Response, Role, TaskConfig,
};

/// For how long [`Quirk::StaleCache`] remembers.
const CACHE: Duration = Duration::from_secs(2);
/// For how long [`Quirk::PowerStateAbsent`] knows nothing.
const ABSENCE: Duration = Duration::from_millis(500);

impl Service {
    pub(super) fn reset(
        &mut self,
        now: Instant,
        index: usize,
        request: &Request,
        user: &RedfishUser,
    ) -> Result<Response, Refusal> {
        let system = self.config.systems.get(index).filter(|system| system.has_reset);
        let system = system.ok_or_else(|| message::missing(request.path()).refusal(404))?;
        let id = system.id.clone();
        if user.role == Role::ReadOnly {
            return Err(message::insufficient_privilege().refusal(403));
        }
        self.check_if_match(now, index, request)?;
        let reset = self.reset_type(index, request)?;
        let result = self.check_ready_to_reset(now, index, reset);
        let result = result.map(|()| self.acknowledge(now, index, reset, request));
        let status = result.as_ref().map_or_else(|refusal| refusal.status, |ok| ok.status);
        let answered = RedfishEventKind::ResetAnswered { system: id.clone(), reset, status };
        self.record(now, answered);
        if result.is_ok() {
            self.carry_out(now, index, id, reset);
        }
        result
    }

    /// What the body asks for.
    fn reset_type(&self, index: usize, request: &Request) -> Result<ResetType, Refusal> {
        let body = json_object(request)?;
        let other = body.as_object().and_then(|body| body.keys().find(|key| *key != "ResetType"));
        if let Some(other) = other {
            return Err(unknown_parameter(other).refusal(400));
        }
        let value = body.get("ResetType").ok_or_else(|| missing_parameter().refusal(400))?;
        let name = value.as_str().ok_or_else(|| wrong_type().refusal(400))?;
        let reset = ResetType::from_name(name).ok_or_else(|| wrong_format(name).refusal(400))?;
        let has =
            self.config.systems.get(index).is_some_and(|own| own.reset_types.contains(&reset));
        has.then_some(reset).ok_or_else(|| not_supported(reset).refusal(400))
    }

    /// The answer, and the task, if it is to be one.
    fn acknowledge(
        &mut self,
        now: Instant,
        index: usize,
        reset: ResetType,
        request: &Request,
    ) -> Response {
        if self.has(Quirk::AcceptedWithoutTask) {
            return Response::new(202);
        }
        match self.config.acknowledgement {
            Acknowledgement::NoContent => Response::new(204),
            Acknowledgement::Message => Response::json(200, &success()),
            Acknowledgement::Task(config) => {
                self.begin_task(now, index, reset, config);
                let id = self.tasks.len().saturating_sub(1);
                let task = self.tasks.last();
                task.map_or_else(
                    || Response::new(202),
                    |task| self.accepted(now, id, task, request),
                )
            }
        }
    }

    fn begin_task(&mut self, now: Instant, index: usize, reset: ResetType, config: TaskConfig) {
        let off = match reset {
            ResetType::PowerCycle => self.config.cycle_off,
            _ => Duration::ZERO,
        };
        let takes = self.config.power_delay.checked_add(off);
        let system = self.config.systems.get(index).map(|system| system.id.clone());
        self.tasks.push(Task {
            system: system.unwrap_or_default(),
            reset,
            began: now,
            ends: takes.and_then(|takes| now.checked_add(takes)),
            fails: config.fails,
        });
    }

    /// The answer while a task is running, to the reset and at the task monitor.
    pub(super) fn accepted(
        &self,
        now: Instant,
        id: usize,
        task: &Task,
        request: &Request,
    ) -> Response {
        let Acknowledgement::Task(config) = self.config.acknowledgement else {
            return Response::new(202);
        };
        let mut response = match config.body {
            true => Response::json(202, &self.task(now, id, task)),
            false => Response::new(202),
        };
        if config.location {
            let monitor = self.uri(&format!("TaskService/TaskMonitors/{id}"));
            response = response.with_header("Location", self.location(monitor, request));
        }
        match config.retry_after {
            Some(seconds) => response.with_header("Retry-After", seconds.to_string()),
            None => response,
        }
    }

    /// An absolute URI where a quirk has one.
    pub(super) fn location(&self, path: String, request: &Request) -> String {
        if !self.has(Quirk::HttpLocation) {
            return path;
        }
        let host = request.header("Host").map_or_else(|| self.address.to_string(), str::to_owned);
        format!("http://{host}{path}")
    }

    fn carry_out(&mut self, now: Instant, index: usize, system: String, reset: ResetType) {
        self.peculiarities.last_reset = Some(now);
        let faults = &self.config.faults;
        let loses = faults.lose_resets_in_transition || self.has(Quirk::DropsResetsInTransition);
        let fails =
            matches!(self.config.acknowledgement, Acknowledgement::Task(task) if task.fails);
        let Some(machine) = self.machines.get_mut(index) else { return };
        if faults.ignore_resets || fails || loses && machine.next_change().is_some() {
            self.record(now, RedfishEventKind::ResetLost { system, reset });
            return;
        }
        machine.reset(now, reset, &self.config);
        self.advance(now);
    }

    /// If-Match, as far as a quirk is about it.
    fn check_if_match(
        &mut self,
        now: Instant,
        index: usize,
        request: &Request,
    ) -> Result<(), Refusal> {
        if !self.has(Quirk::IfMatchRequired) {
            return Ok(());
        }
        let changes = self.machines.get(index).map_or(0, super::Machine::changes);
        let status = match request.header("If-Match") {
            Some(tag) if tag == etag(changes) || tag == "*" => return Ok(()),
            Some(_) => 412,
            None => 428,
        };
        Err(self.refuse_by_quirk(now, Quirk::IfMatchRequired, precondition(), status))
    }

    /// The `PowerState` of a system. `None` where it is missing.
    pub(super) fn shown_power_state(&mut self, now: Instant, index: usize) -> Option<Value> {
        match &self.config.faults.power_state {
            Some(PowerStateFault::Missing) => return None,
            Some(PowerStateFault::Null) => return Some(Value::Null),
            Some(PowerStateFault::Number) => return Some(Value::from(2)),
            Some(PowerStateFault::Text(text)) => return Some(Value::from(text.as_str())),
            None => (),
        }
        let absent_until = self.peculiarities.last_reset.and_then(|at| at.checked_add(ABSENCE));
        if self.has(Quirk::PowerStateAbsent) && absent_until.is_some_and(|until| now < until) {
            return None;
        }
        Some(Value::from(self.remembered_power_state(now, index)))
    }

    fn remembered_power_state(&mut self, now: Instant, index: usize) -> &'static str {
        let state = self.power_state(index);
        let stale_for = match self.has(Quirk::StaleCache) {
            true => Some(CACHE),
            false => self.config.faults.stale,
        };
        match (stale_for, self.peculiarities.remembered.get_mut(index)) {
            (Some(stale_for), Some(remembered)) => remembered.look(now, stale_for, state),
            _ => state,
        }
    }

    fn power_state(&self, index: usize) -> &'static str {
        let Some(machine) = self.machines.get(index) else { return "Off" };
        let is_shown = self.config.powering_states || self.has(Quirk::PoweringStates);
        match (machine.transition(), machine.power()) {
            (Some(Transition::PoweringOff { forced: true }), _)
                if self.has(Quirk::ForceOffInProgress) =>
            {
                "ForceOffInProgress"
            }
            (Some(Transition::PoweringOff { .. }), _) if is_shown => "PoweringOff",
            (Some(Transition::PoweringOn), _) if is_shown => "PoweringOn",
            (_, Power::On) => "On",
            (_, Power::Off) => "Off",
        }
    }
}

fn precondition() -> Message {
    Message::base(
        "PreconditionRequired",
        "If-Match with the ETag of the system is required.",
        "Send it.",
    )
}

fn unknown_parameter(name: &str) -> Message {
    Message::base(
        "ActionParameterUnknown",
        format!("The action has no parameter {name:?}."),
        "Leave it out.",
    )
}

fn missing_parameter() -> Message {
    Message::base("ActionParameterMissing", "The parameter ResetType is missing.", "Send it.")
}

fn wrong_type() -> Message {
    Message::base("ActionParameterValueTypeError", "ResetType is no string.", "Send a string.")
}

fn wrong_format(name: &str) -> Message {
    Message::base(
        "ActionParameterValueFormatError",
        format!("The value {name:?} of ResetType is none that there is."),
        "Send one of the specification.",
    )
}

fn not_supported(reset: ResetType) -> Message {
    Message::base(
        "ActionParameterNotSupported",
        format!("This system does not have the reset type {reset}."),
        "Send one that it publishes.",
    )
}
