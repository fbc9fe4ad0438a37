//! Each quirk that `bmc-sim` knows.

use std::time::Duration;

use bmc_sim::redfish::{
    Acknowledgement, AnswerFault, Misanswer, Place, Quirk, RedfishConfig, Requests, TaskConfig,
};

use super::case::{Case, Group, quirk};

pub fn group() -> Group {
    let mut cases: Vec<_> = Quirk::ALL.into_iter().map(expected).collect();
    cases.extend(more());
    Group { heading: "Quirks", cases }
}

/// What comes of off, or of what shows the quirk better.
fn expected(which: Quirk) -> Case {
    let case = quirk(which);
    match which {
        Quirk::MembersNull => case.fails("the service has no system that can be reset"),
        Quirk::Html403 => {
            case.fails("the power off command failed: privilege too low: asking for the reset")
        }
        Quirk::PasswordChangeRequired => case.fails("password to be changed"),
        Quirk::RedirectOwnIp => case
            .with(&["ip=localhost"])
            .fails("redirected: reading the service root: /redfish/v1 leads to another place"),
        Quirk::IloPowerIsOff
        | Quirk::Psu501
        | Quirk::OnConflict
        | Quirk::SlashRedirect
        | Quirk::NoCloseNotify
        | Quirk::StaleCache => case.asked("reboot"),
        Quirk::SessionTableFull => and(case, Quirk::BasicRefused).sessions(1),
        Quirk::BasicRefused => case.sessions(1),
        Quirk::IfMatchRequired => case.resets(2),
        Quirk::IfMatchRefused | Quirk::ActionInfoOnly => case.resets(1),
        Quirk::PoweringStates | Quirk::ForceOffInProgress => slowly(case, 1000),
        Quirk::DropsResetsInTransition => slowly(case, 300).asked("reboot"),
        Quirk::HttpLocation => with_task(and(case, Quirk::BasicRefused)),
        _ => case,
    }
}

fn more() -> Vec<Case> {
    let lost = || AnswerFault::next(1, Requests::Resets, Misanswer::CloseAt(Place::Start));
    let loses = |case: Case| changed(case, move |config| config.faults.answers.push(lost()));
    vec![
        quirk(Quirk::MembersNull).with(&["systems_uri=/redfish/v1/Systems/1"]),
        quirk(Quirk::RedirectOwnIp),
        quirk(Quirk::HgxBaseboard).asked("status"),
        quirk(Quirk::HgxBaseboard).with(&["plug=node1"]).asked("reboot"),
        quirk(Quirk::RootWithoutSystems).asked("reboot"),
        quirk(Quirk::IloPowerIsOff).of_machine_off().prints("Success: Already OFF").resets(0),
        quirk(Quirk::Psu501).of_machine_off().prints("Success: Already OFF").resets(0),
        described(loses(quirk(Quirk::IloPowerIsOff)), "the answer to the first reset is lost")
            .resets(2),
        described(loses(quirk(Quirk::Psu501)), "the answer to the first reset is lost").resets(2),
        quirk(Quirk::OnConflict).of_machine_off().asked("on"),
        quirk(Quirk::AllowableTypo).asked("reboot"),
        quirk(Quirk::AcceptedWithoutTask).asked("reboot"),
        quirk(Quirk::TrailingSlashUris).asked("reboot"),
        quirk(Quirk::NotReady).asked("diag"),
        quirk(Quirk::Html403).asked("status"),
        quirk(Quirk::PowerStateAbsent).asked("reboot"),
        slowly(quirk(Quirk::PoweringStates), 1000).asked("reboot"),
        and(quirk(Quirk::SlashRedirect), Quirk::BasicRefused).asked("reboot").sessions(1),
        and(quirk(Quirk::CloseEach), Quirk::BasicRefused).asked("reboot").sessions(1),
        and(quirk(Quirk::NoCloseNotify), Quirk::BasicRefused).asked("reboot").sessions(1),
    ]
}

pub fn changed(mut case: Case, more: impl FnOnce(&mut RedfishConfig) + Send + 'static) -> Case {
    let change = case.change;
    case.change = Box::new(|config| {
        change(config);
        more(config);
    });
    case
}

pub fn described(mut case: Case, words: &str) -> Case {
    case.service = format!("{}; {words}", case.service);
    case
}

fn and(case: Case, quirk: Quirk) -> Case {
    let words = format!("and `{}`", quirk.facts().name);
    described(changed(case, move |config| config.quirks.extend([quirk])), &words)
}

fn slowly(case: Case, millis: u64) -> Case {
    let case = described(case, &format!("which is {millis} ms later"));
    changed(case, move |config| config.power_delay = Duration::from_millis(millis))
}

fn with_task(case: Case) -> Case {
    let case = described(case, "resets are tasks");
    changed(case, |config| config.acknowledgement = Acknowledgement::Task(TaskConfig::new()))
}
