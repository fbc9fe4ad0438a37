//! The resources as JSON.

use std::time::{Instant, SystemTime};

use serde_json::{Map, Value, json};

use super::message;
use super::tasks::{Task, TaskState};
use super::{Refusal, Service};
use crate::redfish::{PublishedResets, Quirk, RedfishSystem, ResetType, Response};

/// What [`Quirk::AllowableTypo`] makes of two values.
const TYPO: &str = "GracefulShutdownGracefulRestart";

impl Service {
    pub(super) fn versions(&self) -> Value {
        json!({ "v1": "/redfish/v1/" })
    }

    pub(super) fn root(&self) -> Value {
        let mut root = json!({
            "@odata.id": "/redfish/v1/",
            "@odata.type": "#ServiceRoot.v1_16_0.ServiceRoot",
            "Id": "RootService",
            "Name": "Root Service",
            "Product": "Simulated BMC",
            "RedfishVersion": "1.17.0",
            "Systems": self.link("Systems"),
            "Tasks": self.link("TaskService"),
            "UUID": "30303030-0000-8000-8000-000000000000",
        });
        if self.config.sessions {
            insert(&mut root, "SessionService", self.link("SessionService"));
            insert(&mut root, "Links", json!({ "Sessions": self.link("SessionService/Sessions") }));
        }
        if self.has(Quirk::RootWithoutSystems) {
            remove(&mut root, "Systems");
        }
        root
    }

    /// A page of the Systems collection.
    pub(super) fn systems(&self, skip: usize) -> Value {
        let ids: Vec<&str> = self.config.systems.iter().map(|system| system.id.as_str()).collect();
        let page = self.config.page_size.max(1);
        let members = ids.iter().skip(skip).take(page);
        let members = members.map(|id| self.link(&format!("Systems/{id}"))).collect();
        let mut systems = self.collection("Systems", "ComputerSystem", members);
        insert(&mut systems, "Members@odata.count", ids.len().into());
        let next = skip.saturating_add(page);
        if next < ids.len() {
            let next = format!("/redfish/v1/Systems?$skip={next}");
            insert(&mut systems, "Members@odata.nextLink", next.into());
        }
        if self.has(Quirk::MembersNull) {
            insert(&mut systems, "Members", Value::Null);
        }
        systems
    }

    pub(super) fn system(
        &self,
        now: Instant,
        system: &RedfishSystem,
        power_state: Option<&Value>,
    ) -> Value {
        let RedfishSystem { id, name, uuid, host_name, serial_number, .. } = system;
        let mut document = json!({
            "@odata.id": self.uri(&format!("Systems/{id}")),
            "@odata.type": "#ComputerSystem.v1_20_0.ComputerSystem",
            "Id": id,
            "Name": name,
            "UUID": uuid,
            "HostName": host_name,
            "SerialNumber": serial_number,
            "Manufacturer": "Simulated",
            "SystemType": "Physical",
            "Status": { "Health": "OK", "State": "Enabled" },
        });
        if let Some(state) = power_state {
            insert(&mut document, "PowerState", state.clone());
        }
        if system.last_reset_time {
            insert(&mut document, "LastResetTime", self.last_reset_time(now, system).into());
        }
        if system.has_reset {
            insert(&mut document, "Actions", self.actions(system));
        }
        document
    }

    fn actions(&self, system: &RedfishSystem) -> Value {
        let path = format!("Systems/{}", system.id);
        let target = self.uri(&format!("{path}/Actions/ComputerSystem.Reset"));
        let mut reset = json!({ "target": target });
        let published = self.published_resets(system);
        if matches!(published, PublishedResets::AllowableValues | PublishedResets::Both) {
            let values = self.allowable_values(system);
            insert(&mut reset, "ResetType@Redfish.AllowableValues", values);
        }
        if matches!(published, PublishedResets::ActionInfo | PublishedResets::Both) {
            let info = self.uri(&format!("{path}/ResetActionInfo"));
            insert(&mut reset, "@Redfish.ActionInfo", info.into());
        }
        json!({ "#ComputerSystem.Reset": reset })
    }

    pub(super) fn published_resets(&self, system: &RedfishSystem) -> PublishedResets {
        if self.has(Quirk::ActionInfoOnly) {
            return PublishedResets::ActionInfo;
        }
        system.published_resets
    }

    fn allowable_values(&self, system: &RedfishSystem) -> Value {
        let mut names: Vec<&str> = system.reset_types.iter().map(|reset| reset.name()).collect();
        if self.has(Quirk::AllowableTypo) {
            let graceful = [ResetType::GracefulShutdown.name(), ResetType::GracefulRestart.name()];
            names.retain(|name| !graceful.contains(name));
            names.push(TYPO);
        }
        json!(names)
    }

    pub(super) fn reset_action_info(&self, system: &RedfishSystem) -> Result<Value, Refusal> {
        let path = format!("Systems/{}/ResetActionInfo", system.id);
        let published = self.published_resets(system);
        let has_info = matches!(published, PublishedResets::ActionInfo | PublishedResets::Both);
        if !system.has_reset || !has_info {
            return Err(message::missing(&self.uri(&path)).refusal(404));
        }
        Ok(json!({
            "@odata.id": self.uri(&path),
            "@odata.type": "#ActionInfo.v1_4_0.ActionInfo",
            "Id": "ResetActionInfo",
            "Name": "Reset Action Info",
            "Parameters": [{
                "Name": "ResetType",
                "Required": true,
                "DataType": "String",
                "AllowableValues": self.allowable_values(system),
            }],
        }))
    }

    pub(super) fn session_service(&self) -> Value {
        json!({
            "@odata.id": self.uri("SessionService"),
            "@odata.type": "#SessionService.v1_1_9.SessionService",
            "Id": "SessionService",
            "Name": "Session Service",
            "ServiceEnabled": true,
            "SessionTimeout": self.config.session_idle_timeout.as_secs(),
            "Sessions": self.link("SessionService/Sessions"),
        })
    }

    pub(super) fn session_collection(&self) -> Value {
        let member = |id: &str| self.link(&format!("SessionService/Sessions/{id}"));
        let members = self.sessions.ids().map(member).collect();
        self.collection("SessionService/Sessions", "Session", members)
    }

    pub(super) fn session(&self, id: &str, user: &str) -> Value {
        json!({
            "@odata.id": self.uri(&format!("SessionService/Sessions/{id}")),
            "@odata.type": "#Session.v1_7_0.Session",
            "Id": id,
            "Name": "User Session",
            "UserName": user,
        })
    }

    pub(super) fn task_service(&self) -> Value {
        json!({
            "@odata.id": self.uri("TaskService"),
            "@odata.type": "#TaskService.v1_2_1.TaskService",
            "Id": "TaskService",
            "Name": "Task Service",
            "ServiceEnabled": true,
            "Tasks": self.link("TaskService/Tasks"),
        })
    }

    pub(super) fn task_collection(&self) -> Value {
        let member = |id| self.link(&format!("TaskService/Tasks/{id}"));
        self.collection("TaskService/Tasks", "Task", (0..self.tasks.len()).map(member).collect())
    }

    pub(super) fn task(&self, now: Instant, id: usize, task: &Task) -> Value {
        let state = task.state(now);
        let mut document = json!({
            "@odata.id": self.uri(&format!("TaskService/Tasks/{id}")),
            "@odata.type": "#Task.v1_7_4.Task",
            "Id": id.to_string(),
            "Name": format!("{} of system {}", task.reset, task.system),
            "TaskMonitor": self.uri(&format!("TaskService/TaskMonitors/{id}")),
            "TaskState": state.name(),
            "TaskStatus": state.health(),
            "StartTime": self.date(task.began),
            "Messages": [],
        });
        if let Some(ends) = task.ends.filter(|_| state != TaskState::Running) {
            insert(&mut document, "EndTime", self.date(ends).into());
        }
        if state == TaskState::Exception {
            insert(&mut document, "Messages", json!([failed_task().to_json()]));
        }
        document
    }

    fn collection(&self, path: &str, kind: &str, members: Vec<Value>) -> Value {
        json!({
            "@odata.id": self.uri(path),
            "@odata.type": format!("#{kind}Collection.{kind}Collection"),
            "Name": format!("{kind} Collection"),
            "Members@odata.count": members.len(),
            "Members": members,
        })
    }

    fn link(&self, path: &str) -> Value {
        json!({ "@odata.id": self.uri(path) })
    }

    /// The path of a resource, as this service writes it.
    pub(super) fn uri(&self, path: &str) -> String {
        let slash = if self.has(Quirk::TrailingSlashUris) { "/" } else { "" };
        format!("/redfish/v1/{path}{slash}")
    }

    /// Until it is reset, a machine was last reset when this service was started.
    fn last_reset_time(&self, now: Instant, system: &RedfishSystem) -> String {
        if self.config.faults.running_last_reset_time {
            return self.date(now);
        }
        let machine =
            self.machine(&system.id).filter(|_| !self.config.faults.stuck_last_reset_time);
        self.date(machine.and_then(|machine| machine.last_reset()).unwrap_or(self.started))
    }

    /// An instant as people and DSP0266, "Date-time values", have it.
    pub(super) fn date(&self, at: Instant) -> String {
        humantime::format_rfc3339_seconds(self.clock(at)).to_string()
    }

    /// What the service's clock shows.
    pub(super) fn clock(&self, at: Instant) -> SystemTime {
        let since_start = at.saturating_duration_since(self.started);
        self.start_date.checked_add(since_start).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Why a task ended in vain.
pub(super) fn failed_task() -> message::Message {
    message::Message::base("InternalError", "The reset failed.", "Try it again.")
}

/// A resource that was asked for.
pub(super) fn ok(document: &Value) -> Response {
    Response::json(200, document)
}

fn insert(document: &mut Value, key: &str, value: Value) {
    if let Some(document) = object(document) {
        document.insert(key.to_owned(), value);
    }
}

fn remove(document: &mut Value, key: &str) {
    if let Some(document) = object(document) {
        document.remove(key);
    }
}

fn object(document: &mut Value) -> Option<&mut Map<String, Value>> {
    document.as_object_mut()
}
