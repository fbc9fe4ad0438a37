//! What the machine does, and what the service says of it.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{
    AnswerFault, CannedAnswer, CannedBody, Misanswer, PowerStateFault, RedfishConfig,
    RedfishEventKind, Requests,
};

use super::case::{Case, Group, answers, case};
use super::quirks::{changed, described};

pub fn group() -> Group {
    let mut cases = plain();
    cases.extend(slow());
    cases.extend(stubborn());
    cases.extend(words());
    cases.extend(refused());
    cases.extend(another_machine());
    Group { heading: "Power", cases }
}

fn plain() -> Vec<Case> {
    let is_on = || case("switches at once", |_| {});
    let is_off = || case("switches at once; the machine is off", |_| {}).of_machine_off();
    vec![
        is_on().asked("status").requests(3),
        is_on().asked("monitor"),
        is_on().asked("on").prints("Success: Already ON").resets(0),
        is_on().asked("diag").resets(1),
        is_off().asked("status").prints("Status: OFF"),
        is_off().asked("monitor"),
        is_off().asked("on").resets(1),
        is_off().prints("Success: Already OFF").resets(0),
        is_off().asked("reboot").resets(1),
        is_on().asked("status").at("[::1]:0").remark("over IPv6"),
        is_on().asked("reboot").at("[::1]:0").remark("over IPv6"),
    ]
}

fn slow() -> Vec<Case> {
    let late = |millis| {
        move |config: &mut RedfishConfig| {
            config.power_delay = Duration::from_millis(millis);
        }
    };
    let shown = |millis| {
        move |config: &mut RedfishConfig| {
            late(millis)(config);
            config.powering_states = true;
        }
    };
    let stale = |config: &mut RedfishConfig| {
        config.faults.stale = Some(Duration::from_secs(3));
    };
    vec![
        case("switches a second after it acknowledged the reset", late(1000)),
        case("switches a second after it acknowledged the reset", late(1000)).asked("reboot"),
        case("switches six seconds after it acknowledged the reset", late(6000)),
        case("switches six seconds after it acknowledged the reset", late(6000))
            .impatient()
            .fails("timed out waiting to power OFF: power was still ON 2 s after the command"),
        case("shows PoweringOff for a second", shown(1000)),
        case("shows PoweringOff for a second, then PoweringOn", shown(1000)).asked("reboot"),
        case("shows PoweringOff for an hour", shown(3_600_000))
            .impatient()
            .fails("timed out waiting to power OFF: power was still neither ON nor OFF 2 s after the command"),
        case("shows PoweringOn for a second; the machine is off", shown(1000))
            .of_machine_off()
            .asked("on")
            .remark("PoweringOn counts as on, as for the Python agent"),
        described(
            changed(case("loses resets in a transition of two seconds", shown(2000)), |config| {
                config.faults.lose_resets_in_transition = true;
            })
            .of_machine_off()
            .first("on"),
            "the machine was just asked to switch on",
        )
        .resets(3)
        .remark("the reset is sent again after 5 s"),
        case("tells a state that is up to three seconds old", stale),
        case("tells a state that is up to three seconds old", stale).asked("reboot"),
        case("tells a state that is up to three seconds old; the machine is off", stale)
            .of_machine_off()
            .asked("on"),
        answers("has PowerState Off once, in the first answer", [AnswerFault::next(
            1,
            Requests::SystemGets,
            body("Off"),
        )])
        .with(&["systems_uri=/redfish/v1/Systems/1"])
        .resets(1)
        .remark("one reading of off is not believed"),
        answers("has PowerState Off once after the reset, which it ignores", [AnswerFault::next(
            1,
            Requests::SystemGets,
            body("Off"),
        )
        .after(1)])
                .impatient()
        .ignoring_resets()
        .fails("timed out waiting to power OFF: power was still ON"),
    ]
}

/// A system in this state, whatever its machine is.
fn body(state: &str) -> Misanswer {
    Misanswer::Body(document("30303030-0000-8000-8000-000000000031", state))
}

fn document(uuid: &str, state: &str) -> Vec<u8> {
    let reset = r##"{"#ComputerSystem.Reset":{"target":"/redfish/v1/Systems/1/Actions/ComputerSystem.Reset"}}"##;
    format!(
        r#"{{"Id":"1","Name":"System 1","UUID":"{uuid}","PowerState":"{state}","Actions":{reset}}}"#
    )
    .into_bytes()
}

fn stubborn() -> Vec<Case> {
    let ignores = || {
        case("acknowledges resets, and ignores them", |config| config.faults.ignore_resets = true)
    };
    let stays_off =
        || case("acknowledges On, and ignores it", |config| config.faults.ignore_on = true);
    vec![
        ignores()
            .impatient()
            .fails("timed out waiting to power OFF: power was still ON 2 s after the command"),
        ignores().impatient().asked("reboot").fails("timed out waiting to power OFF: power was still ON"),
        ignores()
            .with(&["power_timeout=7"])
            .fails("timed out waiting to power OFF: power was still ON 7 s after the command")
            .resets(2),
        ignores().of_machine_off().impatient().asked("on").with(&["retry_on=0"])
            .fails("timed out waiting to power ON: power was still OFF 2 s after the command"),
        stays_off()
            .impatient()
            .asked("reboot")
            .warns("the machine was fenced, but powering it on again failed: timed out waiting to power ON")
            .machine(Power::Off)
            .within(7),
        stays_off().of_machine_off().impatient().asked("on")
            .fails("timed out waiting to power ON")
            .resets(2)
            .within(7)
            .remark("one attempt, and `retry_on`"),
        ignores().asked("diag").lies().remark("nothing verifies an interrupt"),
    ]
}

fn words() -> Vec<Case> {
    let tells = |words: &str, fault: PowerStateFault| {
        let service = format!("tells {words} as PowerState");
        case(service, |config| config.faults.power_state = Some(fault)).impatient()
    };
    let text = |text: &str| tells(&format!("\"{text}\""), PowerStateFault::Text(text.into()));
    let missing = "reading the system: /redfish/v1/Systems/1 has no PowerState";
    let mut cases = vec![
        tells("nothing", PowerStateFault::Missing).asked("status").fails(missing),
        tells("nothing", PowerStateFault::Missing).fails(missing),
        tells("null", PowerStateFault::Null).asked("status").fails(missing),
        tells("a number", PowerStateFault::Number).asked("status").fails(missing),
        text("Paused").asked("status"),
        text("Paused").asked("on").prints("Success: Already ON"),
        text("PoweringOn").asked("status"),
    ];
    for word in ["off", "OFF", "", "PoweringOff", "Unknown", "Off Off", "ForceOffInProgress"] {
        cases.push(text(word).asked("status"));
        cases.push(
            text(word)
                .fails("timed out waiting to power OFF: power was still neither ON nor OFF")
                .machine(Power::Off),
        );
    }
    cases
}

/// Services that refuse a reset because the machine is there already, or say so.
fn refused() -> Vec<Case> {
    let messages = [
        (400, "iLO.2.14.InvalidOperationForSystemState"),
        (409, "IDRAC.2.8.PSU501"),
        (409, "Base.1.18.ActionParameterValueConflict"),
        (400, "Base.1.18.NoOperation"),
        (503, "Base.1.18.ResourceInUse"),
        (400, "IDRAC.2.8.SYS518"),
        (409, "IDRAC.2.8.SYS999"),
    ];
    let refuses = |words: &str, (status, id): (u16, &str)| {
        let body = CannedBody::ExtendedInfo { id: id.into(), message: "It is off.".into() };
        let canned = CannedAnswer { status, retry_after: None, body };
        let fault = AnswerFault::every(Requests::Resets, Misanswer::Status(canned));
        answers(format!("answers resets {status} {id}{words}"), [fault])
    };
    let is_refused = |kind: &RedfishEventKind| matches!(kind, RedfishEventKind::Misanswered { request } if request.starts_with("POST"));
    let mut cases = Vec::new();
    for message in messages {
        cases.push(
            refuses("; the machine is on", message)
                .impatient()
                .fails("timed out waiting to power OFF: power was still ON 2 s after the command, which failed: "),
        );
        cases.push(
            refuses("; the machine goes off by itself just then", message)
                .then(is_refused, |sim| sim.set_power("1", Power::Off)),
        );
        cases.push(
            refuses("; the machine is off", message)
                .of_machine_off()
                .impatient()
                .asked("on")
                .with(&["retry_on=0"])
                .fails("timed out waiting to power ON: power was still OFF 2 s after the command, which failed: "),
        );
    }
    cases
}

fn another_machine() -> Vec<Case> {
    let other = |state| Misanswer::Body(document("99999999-0000-8000-8000-000000000031", state));
    let words = "the power state is not known after the power off command: another system answers there now: '1' (name 'System 1', UUID '99999999-";
    let changes = |service: &str, state| {
        answers(service, [AnswerFault::every(Requests::SystemGets, other(state)).after(1)])
    };
    vec![
        changes("has a system of another UUID after the reset, which is off", "Off")
            .impatient()
            .ignoring_resets()
            .fails(words),
        changes("has a system of another UUID after the reset, which is on", "On")
            .impatient()
            .fails(words)
            .machine(Power::Off),
        changes(
            "has a system of another UUID when it is asked for the second time; the machine is off",
            "Off",
        )
        .of_machine_off()
        .impatient()
        .fails("another system answers there now"),
        changes("has a system of another UUID after the cycle", "Off")
            .asked("reboot")
            .with(&["method=cycle"])
            .impatient()
            .fails("another system answers there now"),
    ]
}

impl Case {
    fn ignoring_resets(self) -> Self {
        changed(self, |config| config.faults.ignore_resets = true)
    }

    /// What is printed was not so, and cannot be found out.
    fn lies(self) -> Self {
        Self { may_lie: true, ..self }
    }
}
