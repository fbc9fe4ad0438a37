//! `method=cycle`: seen off, or proven, or an error.

use std::time::Duration;

use bmc_sim::Power;
use bmc_sim::redfish::{
    AnswerFault, Misanswer, Place, RedfishConfig, RedfishSystem, Requests, ResetType,
};

use super::case::{Case, Group, case, status};

pub fn group() -> Group {
    let mut cases = proven();
    cases.extend(not_proven());
    cases.extend(other_ways());
    Group { heading: "Power cycles", cases }
}

fn cycle(service: &str, change: impl FnOnce(&mut RedfishConfig) + Send + 'static) -> Case {
    case(service, change).asked("reboot").with(&["method=cycle"])
}

/// Off too short to be seen; and so late that LastResetTime, which has seconds, is another.
fn instant(config: &mut RedfishConfig) {
    config.faults.instant_cycle = true;
    config.power_delay = Duration::from_millis(3100);
}

fn restarts_only(config: &mut RedfishConfig) {
    config.systems[0].reset_types =
        vec![ResetType::On, ResetType::ForceOff, ResetType::ForceRestart];
    config.power_delay = Duration::from_millis(3100);
}

fn without_time(system: &mut RedfishSystem) {
    system.last_reset_time = false;
}

fn proven() -> Vec<Case> {
    vec![
        cycle("is off for a second in a power cycle", |_| {}).resets(1).remark("seen off"),
        cycle("is off for a second in a power cycle, and has no LastResetTime", |config| {
            without_time(&mut config.systems[0]);
        })
        .resets(1)
        .remark("seen off"),
        cycle("is off for no time in a power cycle, and has LastResetTime", instant)
            .resets(1)
            .remark("proven by LastResetTime"),
        cycle("has ForceRestart, no PowerCycle, and LastResetTime", restarts_only)
            .resets(1)
            .remark("proven by LastResetTime"),
        cycle("has a machine that is off", |_| {}).of_machine_off().resets(1).remark("On is sent"),
        cycle("shows PoweringOff and PoweringOn in a power cycle", |config| {
            config.powering_states = true;
            config.power_delay = Duration::from_millis(3100);
        }),
    ]
}

fn not_proven() -> Vec<Case> {
    let words = "power cycle not verified: the device acknowledged the command, but power was not seen off within";
    let fails =
        |case: Case| case.with(&["login_timeout=1", "power_timeout=5"]).fails(words).resets(1);
    let unseen = |config: &mut RedfishConfig| {
        config.faults.instant_cycle = true;
        without_time(&mut config.systems[0]);
    };
    vec![
        fails(cycle("is off for no time in a power cycle, and has no LastResetTime", unseen)),
        fails(cycle(
            "is off for no time in a power cycle, and its LastResetTime stays the same",
            |config| {
                instant(config);
                config.faults.stuck_last_reset_time = true;
            },
        )),
        fails(cycle(
            "acknowledges the power cycle, ignores it, and tells the time of day as LastResetTime",
            |config| {
                config.faults.ignore_resets = true;
                config.faults.running_last_reset_time = true;
            },
        )),
        fails(cycle("acknowledges the power cycle, and ignores it", |config| {
            config.faults.ignore_resets = true
        })),
        fails(cycle("has ForceRestart only, and no LastResetTime", |config| {
            restarts_only(config);
            without_time(&mut config.systems[0]);
        })),
    ]
}

fn other_ways() -> Vec<Case> {
    let answered =
        |service: &str, fault| cycle(service, move |config| config.faults.answers = vec![fault]);
    let lost = |place| AnswerFault::next(1, Requests::Resets, Misanswer::CloseAt(place));
    vec![
        cycle("stays off after a power cycle, and takes no On", |config| config.faults.ignore_on = true)
            .impatient()
            .warns("the machine was fenced, but powering it on again failed: timed out waiting to power ON")
            .machine(Power::Off)
            .within(9),
        answered("closes the connection instead of acknowledging the cycle", lost(Place::Start)).resets(1).remark("seen off"),
        answered("answers the cycle 503 once", AnswerFault::next(1, Requests::Resets, status(503))).resets(2),
        answered("answers the cycle 500, and does nothing", AnswerFault::every(Requests::Resets, status(500)))
            .impatient()
            .fails("power cycle not verified: the command was not acknowledged"),
        answered("answers the cycle 403", AnswerFault::every(Requests::Resets, status(403)))
            .fails("the power cycle command failed: privilege too low"),
        answered("answers the cycle 409", AnswerFault::every(Requests::Resets, status(409)))
            .impatient()
            .fails("power cycle not verified: the command was not acknowledged"),
        answered("hangs instead of acknowledging the cycle", AnswerFault::every(Requests::Resets, Misanswer::HangAt(Place::Start)))
            .changed_cycle_off(8),
    ]
}

impl Case {
    fn changed_cycle_off(self, seconds: u64) -> Self {
        super::quirks::changed(self, move |config| config.cycle_off = Duration::from_secs(seconds))
    }
}
