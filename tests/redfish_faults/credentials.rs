//! Users, passwords, and how they are written.

use bmc_sim::redfish::{Quirk, RedfishConfig, RedfishUser, Role};

use super::case::{Case, Group, case};
use crate::support::redfish_sim::{PASSWORD, USER};

pub fn group() -> Group {
    let mut cases = passwords();
    cases.extend(roles());
    Group { heading: "Users and passwords", cases }
}

fn passwords() -> Vec<Case> {
    let accepts = |words: &str, password: &'static str, change: fn(&mut RedfishConfig)| {
        let case = case(words, move |config| {
            config.users = vec![RedfishUser::administrator(USER, password)];
            change(config);
        });
        case.with(&[&format!("password={password}")])
    };
    let utf8 = |password| accepts("reads Basic as UTF-8", password, |_| {});
    let latin1 = |password| {
        accepts("reads Basic as Latin-1", password, |config| {
            config.quirks.extend([Quirk::Latin1Basic])
        })
    };
    vec![
        utf8("pässwörd-Zürich").sessions(0),
        utf8("Preis-99€-密码").sessions(0),
        utf8("col:on:inside").sessions(0),
        utf8(r#"quo"te\back'slash"#).sessions(0),
        latin1("pässwörd-Zürich").sessions(0),
        latin1("Preis-99€-密码").sessions(1).remark("by a session, whose password is JSON"),
        latin1("plain-in-every-way").sessions(0),
        accepts("reads Basic as Latin-1, and has no sessions", "Preis-99€-密码", |config| {
            config.quirks.insert(Quirk::Latin1Basic);
            config.sessions = false;
        })
        .fails("wrong credentials: listing the systems: user and password were refused"),
    ]
}

fn roles() -> Vec<Case> {
    let user = |words: &str, role| {
        case(words, move |config| {
            config.users = vec![RedfishUser::with_role(USER, PASSWORD, role)];
        })
    };
    vec![
        user("has a user of the role Operator", Role::Operator).asked("reboot"),
        user("has a user of the role ReadOnly", Role::ReadOnly).asked("status"),
        user("has a user of the role ReadOnly", Role::ReadOnly)
            .fails("the power off command failed: privilege too low: asking for the reset: POST /redfish/v1/Systems/1/Actions/ComputerSystem.Reset was answered 403 Forbidden: Base.1.18.InsufficientPrivilege")
            .resets(1)
            .within(3),
        case("does not know the user", |config| config.users.clear())
            .fails("wrong credentials: opening a session"),
    ]
}
