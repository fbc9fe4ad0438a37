use super::*;
use crate::redfish::{Acknowledgement, Quirk, TaskConfig};

#[test]
fn a_task_tells_how_far_a_reset_is() {
    let mut bench = bench(TaskConfig::new());
    let accepted = bench.reset("ForceOff");
    assert_eq!(accepted.status, 202);
    assert_eq!(accepted.header("Retry-After"), Some("1"));
    let monitor = accepted.header("Location").unwrap().to_owned();
    let task = accepted.to_json();
    assert_eq!((&task["TaskState"], &task["TaskMonitor"]), (&json!("Running"), &json!(monitor)));
    bench.wait(4.0);
    let running = bench.get(&monitor);
    assert_eq!((running.status, running.to_json()["TaskState"].as_str()), (202, Some("Running")));
    assert_eq!(running.header("Location"), Some(monitor.as_str()));
    bench.wait(1.0);
    assert_eq!(bench.get(&monitor).status, 204);
    let task = bench.get(task["@odata.id"].as_str().unwrap());
    assert_eq!((task.status, task.to_json()["TaskState"].as_str()), (200, Some("Completed")));
    assert_eq!(bench.power(), Power::Off);
}

#[test]
fn a_task_may_end_in_vain() {
    let mut bench = bench(TaskConfig { fails: true, ..TaskConfig::new() });
    let accepted = bench.reset("ForceOff");
    bench.wait(5.0);
    let monitor = bench.get(accepted.header("Location").unwrap());
    assert_refused(&monitor, 500, "InternalError");
    let task = bench.get(accepted.to_json()["@odata.id"].as_str().unwrap()).to_json();
    assert_eq!(
        (&task["TaskState"], &task["TaskStatus"]),
        (&json!("Exception"), &json!("Critical"))
    );
    assert_eq!(bench.power(), Power::On);
}

#[test]
fn a_task_may_be_told_in_one_way_or_in_none() {
    for (location, body) in [(true, false), (false, true), (false, false)] {
        let task = TaskConfig { location, body, retry_after: None, fails: false };
        let accepted = bench(task).reset("ForceOff");
        assert_eq!(accepted.header("Location").is_some(), location);
        assert_eq!(accepted.to_json()["TaskMonitor"].is_string(), body);
        assert_eq!(accepted.header("Retry-After"), None);
    }
}

#[test]
fn a_reset_may_be_answered_by_a_message() {
    let acknowledgement = Acknowledgement::Message;
    let mut bench = Bench::new(RedfishConfig { acknowledgement, ..config() });
    let answer = bench.reset("ForceOff");
    assert_eq!(answer.status, 200);
    let id = answer.to_json()["@Message.ExtendedInfo"][0]["MessageId"].clone();
    assert!(id.as_str().unwrap().ends_with(".Success"), "{id}");
}

#[test]
fn quirks_of_tasks() {
    let quirks = [Quirk::AcceptedWithoutTask].into();
    let mut bench = Bench::new(RedfishConfig { quirks, ..config() });
    let accepted = bench.reset("ForceOff");
    assert_eq!((accepted.status, accepted.header("Location")), (202, None));
    assert!(accepted.body.is_empty());
    assert_eq!(bench.power(), Power::Off);

    let quirks = [Quirk::HttpLocation].into();
    let acknowledgement = Acknowledgement::Task(TaskConfig::new());
    let mut bench = Bench::new(RedfishConfig { quirks, acknowledgement, ..config() });
    let location = bench.reset("ForceOff").header("Location").unwrap().to_owned();
    assert_eq!(location, "http://192.0.2.1:443/redfish/v1/TaskService/TaskMonitors/0");
}

fn bench(task: TaskConfig) -> Bench {
    let acknowledgement = Acknowledgement::Task(task);
    Bench::new(RedfishConfig { power_delay: seconds(5), acknowledgement, ..config() })
}
