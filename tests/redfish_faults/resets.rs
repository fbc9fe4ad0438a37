//! Which resets there are, and how the service tells.

use bmc_sim::Power;
use bmc_sim::redfish::{
    AnswerFault, Misanswer, Place, PublishedResets, RedfishConfig, RedfishSystem, Requests,
    ResetType,
};

use super::case::{Case, Group, case, status};
use super::quirks::{changed, described};

pub fn group() -> Group {
    let mut cases = published();
    cases.extend(offered());
    Group { heading: "Reset types", cases }
}

const INFO: &str = "/redfish/v1/Systems/1/ResetActionInfo";

fn publishes(words: &str, published_resets: PublishedResets) -> Case {
    case(format!("publishes its reset types {words}"), move |config| {
        config.systems[0].published_resets = published_resets;
    })
}

fn published() -> Vec<Case> {
    let info = |words: &str, what| {
        let case = publishes("in ActionInfo", PublishedResets::ActionInfo);
        let fault = AnswerFault::every(Requests::Path(INFO.into()), what);
        changed(described(case, words), |config| config.faults.answers.push(fault))
    };
    let empty = br#"{"Parameters":[]}"#;
    let other =
        br#"{"Parameters":[{"Name":"ResetType","AllowableValues":["On","GracefulShutdown"]}]}"#;
    vec![
        publishes("in AllowableValues and in ActionInfo", PublishedResets::Both).asked("reboot"),
        publishes("in ActionInfo only", PublishedResets::ActionInfo).asked("reboot").resets(2),
        publishes("nowhere", PublishedResets::Nowhere).asked("reboot"),
        info("which is answered 404", status(404)).asked("reboot"),
        info("which is answered 500", status(500)),
        info("which is no JSON", Misanswer::GarbageForJson),
        info("which has no parameter", Misanswer::Body(empty.to_vec())),
        info("which hangs", Misanswer::HangAt(Place::Start)).with(&["power_timeout=8"]),
        info("which has no forced off", Misanswer::Body(other.to_vec()))
            .fails("the power off command failed: not supported: the system offers no reset of type ForceOff or PushPowerButton, only On, GracefulShutdown; graceful_off=1")
            .resets(0),
    ]
}

fn offers(types: &'static [ResetType]) -> Case {
    let names: Vec<_> = types.iter().map(|reset| reset.name()).collect();
    case(format!("has no reset types but {}", names.join(", ")), move |config| {
        config.systems[0].reset_types = types.to_vec();
    })
}

fn offered() -> Vec<Case> {
    use ResetType::{
        ForceOff, ForceOn, ForceRestart, GracefulRestart, GracefulShutdown, On, PowerCycle,
        PushPowerButton,
    };
    let gentle = &[On, GracefulShutdown, GracefulRestart];
    let ignored = |case: Case| {
        let case = described(case, "the operating system does not care");
        changed(case, |config| config.faults.ignore_graceful = true)
    };
    let without_action = |config: &mut RedfishConfig| config.systems[0].has_reset = false;
    vec![
        offers(&[On, ForceOff]).asked("reboot").resets(2),
        offers(&[ForceOn, ForceOff]).asked("reboot").resets(2),
        offers(&[PushPowerButton]).remark("the button; off counts 4 s later"),
        offers(&[PushPowerButton]).of_machine_off().asked("on"),
        offers(&[PushPowerButton]).asked("reboot").remark("the button, twice"),
        ignored(offers(&[PushPowerButton, GracefulShutdown]))
            .impatient()
            .with(&["power_timeout=6"])
            .fails("timed out waiting to power OFF: power was still ON")
            .resets(1)
            .remark("the button is not pressed twice"),
        offers(gentle)
            .fails("the power off command failed: not supported: the system offers no reset of type ForceOff or PushPowerButton, only On, GracefulShutdown, GracefulRestart")
            .resets(0),
        offers(gentle).with(&["graceful_off=1"]),
        ignored(offers(gentle))
            .with(&["graceful_off=1"])
            .impatient()
            .fails("timed out waiting to power OFF: power was still ON"),
        ignored(offers(&[On, ForceOff, GracefulShutdown])).with(&["graceful_off=1"]).remark("forced all the same"),
        offers(&[On]).fails("not supported: the system offers no reset of type ForceOff or PushPowerButton, only On").resets(0),
        offers(&[ForceOff])
            .asked("reboot")
            .warns("the machine was fenced, but powering it on again failed: the power on command failed: not supported")
            .machine(Power::Off),
        offers(&[On, ForceOff])
            .asked("diag")
            .fails("the diagnostic interrupt command failed: not supported: the system offers no reset of type Nmi, only On, ForceOff")
            .resets(0),
        offers(&[On, ForceOff])
            .asked("reboot")
            .with(&["method=cycle"])
            .fails("the power cycle command failed: not supported: the system offers no reset of type PowerCycle or ForceRestart")
            .resets(0),
        offers(&[ForceRestart, PowerCycle, On, ForceOff]).asked("reboot").with(&["method=cycle"]).resets(1),
        case("has a system without a reset action", without_action)
            .fails("the service has no system that can be reset: '1'"),
        case("has a system without a reset action", without_action)
            .asked("status")
            .with(&["systems_uri=/redfish/v1/Systems/1"])
            .fails("/redfish/v1/Systems/1 cannot be reset: it has no action #ComputerSystem.Reset; check systems_uri"),
        case("has a system without a reset action", without_action)
            .with(&["systems_uri=/redfish/v1/Systems/1"])
            .fails("/redfish/v1/Systems/1 cannot be reset: it has no action #ComputerSystem.Reset; check systems_uri"),
        case("has no system", |config| config.systems.clear())
            .asked("monitor")
            .system("")
            .fails("the service has no system that can be reset"),
        case("has a system in its list that is not there", |config| {
            config.systems.push(RedfishSystem::new("2"));
            let gone = AnswerFault::every(Requests::Path("/redfish/v1/Systems/2".into()), status(404));
            config.faults.answers.push(gone);
        })
        .fails("none was chosen: '1'"),
        case("has a system in its list that is not there", |config| {
            config.systems.push(RedfishSystem::new("2"));
            let gone = AnswerFault::every(Requests::Path("/redfish/v1/Systems/2".into()), status(404));
            config.faults.answers.push(gone);
        })
        .with(&["plug=1"]),
        case("has a system in its list that is not there", |config| {
            config.systems.push(RedfishSystem::new("2"));
            let gone = AnswerFault::every(Requests::Path("/redfish/v1/Systems/2".into()), status(404));
            config.faults.answers.push(gone);
        })
        .with(&["plug=2"])
        .fails("'2' is not the name of exactly one: '1'")
        .remark("what is not there may be the one that is meant"),
    ]
}
