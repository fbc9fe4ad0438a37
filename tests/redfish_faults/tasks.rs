//! Resets that are carried out by tasks.

use std::time::Duration;

use bmc_sim::redfish::{
    Acknowledgement, AnswerFault, Misanswer, Place, RedfishConfig, RedirectTarget, Requests,
    TaskConfig,
};

use super::case::{Case, Group, answers, case, status};
use super::quirks::{changed, described};

pub fn group() -> Group {
    let mut cases = tasks();
    cases.extend(monitors());
    Group { heading: "Tasks", cases }
}

fn task(words: &str, task: TaskConfig) -> Case {
    let set = move |config: &mut RedfishConfig| {
        config.power_delay = Duration::from_millis(700);
        config.acknowledgement = Acknowledgement::Task(task);
    };
    case(format!("answers resets 202, with a task {words}"), set)
}

fn tasks() -> Vec<Case> {
    let usual = TaskConfig::new();
    let quick = TaskConfig { retry_after: None, ..usual };
    vec![
        case("answers resets 200, with a message", |config| {
            config.acknowledgement = Acknowledgement::Message
        })
        .asked("reboot"),
        task("that is to be looked at in a second", usual).asked("reboot").resets(2),
        task("that does not say when to look at it", quick).asked("reboot"),
        task("that is told in Location only", TaskConfig { body: false, ..quick }),
        task("that is told in the body only", TaskConfig { location: false, ..quick }),
        task("that nothing is told of", TaskConfig { location: false, body: false, ..quick }),
        task("that is to be looked at in an hour", TaskConfig { retry_after: Some(3600), ..usual }),
        task("that fails", TaskConfig { fails: true, ..quick })
            .with(&["power_timeout=3"])
            .fails("which failed: task failed: following the reset's task: GET /redfish/v1/TaskService/TaskMonitors/0 was answered 500 Internal Server Error: Base.1.18.InternalError \"The reset failed.\""),
        task("that fails", TaskConfig { fails: true, ..quick })
            .asked("diag")
            .fails("the diagnostic interrupt command failed: task failed: following the reset's task: "),
        task("that fails", TaskConfig { fails: true, ..quick })
            .asked("reboot")
            .with(&["method=cycle"])
            .impatient()
            .fails("power cycle not verified"),
        task(
            "that fails, and nothing is told of it",
            TaskConfig { fails: true, location: false, body: false, ..quick },
        )
        .impatient()
        .fails("timed out waiting to power OFF: power was still ON"),
    ]
}

fn monitors() -> Vec<Case> {
    let monitor = |words: &str, what| {
        let case =
            task("without Retry-After", TaskConfig { retry_after: None, ..TaskConfig::new() });
        let path = "/redfish/v1/TaskService/TaskMonitors/0".to_owned();
        let fault = AnswerFault::every(Requests::Path(path), what);
        changed(described(case, words), |config| config.faults.answers.push(fault))
    };
    let failed = br#"{"TaskState":"Exception","Messages":[{"MessageId":"Base.1.18.InternalError","Message":"No."}]}"#;
    let elsewhere = Misanswer::Redirect {
        status: 202,
        to: RedirectTarget::Text("https://192.0.2.1/redfish/v1/TaskService/Tasks/1".into()),
    };
    vec![
        monitor("its monitor is answered 404", status(404)),
        monitor("its monitor is answered 403", status(403)),
        monitor("its monitor is answered 500", status(500)),
        monitor("its monitor is answered 202 for ever", status(202))
            .remark("the state is looked at after 5 s"),
        monitor("its monitor is answered 204", status(204)),
        monitor("its monitor tells that it ended as Exception, and it did not", Misanswer::Body(failed.to_vec())),
        monitor("its monitor tells that it ended as Exception, and it did not", Misanswer::Body(failed.to_vec()))
            .asked("diag")
            .fails("task failed: following the reset's task: the service's task ended as Exception: Base.1.18.InternalError \"No.\"; see the BMC's log"),
        monitor("its monitor hangs", Misanswer::HangAt(Place::Start)),
        monitor("its monitor is no JSON", Misanswer::GarbageForJson),
        monitor("its monitor is no HTTP", Misanswer::GarbageForHttp),
        monitor("the connection is closed when it is looked at", Misanswer::CloseAt(Place::Start)),
        answers(
            "answers the first reset 202, ignores it, and names a task at another host",
            [AnswerFault::next(1, Requests::Resets, elsewhere)],
        )
        .resets(2)
        .remark("the task is not looked at there; the reset is sent again after 5 s"),
    ]
}
