use std::future::pending;
use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;

use bmc_sim::{Config, EventKind, Faults, Ipmi15, RefusalReason, Server, User};
use ipmi_lan::{Kg, Quirk, QuirkSet};

use super::*;
use crate::diagnosis::Reached;

const LONG: &str = "a-long-password";
const WITHIN: Duration = Duration::from_secs(20);

fn user(name: &str, password: &str, max_privilege: Privilege) -> User {
    User { max_privilege, ..User::administrator(name, password).unwrap() }
}

/// A BMC whose only user is an operator.
fn bmc() -> Config {
    let users = vec![user("op", LONG, Privilege::Operator)];
    Config {
        cipher_suites: vec![CipherSuite::SUITE_3, CipherSuite::SUITE_17],
        ..Config::new(users)
    }
}

fn ipmi15(kinds: &[AuthenticationType]) -> Option<Ipmi15> {
    Some(Ipmi15::new(kinds.iter().copied()))
}

async fn start(config: Config) -> Server {
    Server::start((Ipv4Addr::LOCALHOST, 0).into(), config).await.unwrap()
}

fn agent_config(port: u16, given: &[(&str, &str)]) -> AgentConfig {
    let agent = super::super::definition("fence_ipmilan").agent;
    let mut config = AgentConfig::new(Arc::new(agent));
    let port = port.to_string();
    for (name, value) in [("ip", "127.0.0.1"), ("ipport", &port)].iter().chain(given) {
        config.set(name, value).unwrap();
    }
    config
}

async fn diagnosed(config: &AgentConfig) -> Diagnosis {
    let deadline = Instant::now() + WITHIN;
    let diagnosis = diagnose(config, Extent::WITH_LOGIN, deadline, pending()).await;
    diagnosis.unwrap().unwrap()
}

/// What is found of this BMC with these parameters.
async fn found(config: Config, given: &[(&str, &str)]) -> (Diagnosis, Vec<&'static str>, Server) {
    let server = start(config).await;
    let diagnosis = diagnosed(&agent_config(server.address().port(), given)).await;
    let names: Vec<_> = diagnosis.findings.iter().map(|finding| finding.name).collect();
    let events: Vec<_> = server.events().into_iter().map(|event| event.kind).collect();
    let count = |is: fn(&EventKind) -> bool| events.iter().filter(|kind| is(kind)).count();
    let opened = count(|kind| matches!(kind, EventKind::SessionOpened { .. }));
    let closed = count(|kind| matches!(kind, EventKind::SessionClosed { .. }));
    // Without Kg there is no key by which it could be closed.
    let lost = usize::from(names.contains(&"wrong_kg"));
    assert_eq!(opened, closed + lost, "each session is closed: {events:?}");
    assert_eq!(count(|kind| matches!(kind, EventKind::ChassisControl { .. })), 0, "{events:?}");
    let shown = format!("{diagnosis:?}");
    for (_, secret) in
        given.iter().filter(|(name, _)| matches!(*name, "password" | "hexadecimal_kg"))
    {
        assert!(!shown.contains(secret), "{shown}");
    }
    (diagnosis, names, server)
}

fn parameters(diagnosis: &Diagnosis) -> Vec<String> {
    let working = diagnosis.working.as_ref().map(|working| &working.parameters);
    let parameters = working.into_iter().flatten().filter(|(name, _)| *name != "ipport");
    parameters.map(|(name, value)| format!("{name}={value}")).collect()
}

fn texts(diagnosis: &Diagnosis, label: &str) -> Vec<String> {
    let facts = diagnosis.facts.iter().filter(|fact| fact.label == label);
    facts.map(|fact| fact.text.clone()).collect()
}

const OPERATOR: [(&str, &str); 2] = [("username", "op"), ("password", LONG)];

#[tokio::test]
async fn a_bmc_that_is_as_it_should_be_has_few_findings() {
    let (diagnosis, found, _) = found(bmc(), &OPERATOR).await;
    assert_eq!(found, ["needs_lanplus", "password_not_long"]);
    assert_eq!(
        parameters(&diagnosis),
        ["ip=127.0.0.1", "username=op", "lanplus=1", "privlvl=operator"]
    );
    assert_eq!(diagnosis.working.unwrap().secrets, ["password"]);
    assert!(!diagnosis.is_refused);
}

#[tokio::test]
async fn what_was_found_is_told() {
    let (diagnosis, _, _) = found(bmc(), &OPERATOR).await;
    let text = |label| texts(&diagnosis, label).join("; ");
    assert_eq!(text("presence"), "answers the ping");
    assert_eq!(text("versions"), "IPMI 2.0");
    assert_eq!(text("users"), "with names");
    assert_eq!(text("key Kg"), "not set");
    assert_eq!(text("cipher suites listed"), "3, 17");
    assert_eq!(text("GUID"), "73696d756c6174656420424d43203031");
    assert_eq!(text("power state"), "on");
    assert!(text("login").contains("IPMI 2.0 with cipher suite 17 as operator: works"));
    assert!(text("login by cipher suite 0").starts_with("refused: "));
}

#[tokio::test]
async fn an_administrator_is_more_than_is_needed() {
    let users = vec![user("op", LONG, Privilege::Administrator)];
    let (diagnosis, found, _) = found(Config { users, ..bmc() }, &OPERATOR).await;
    assert_eq!(found, ["needs_lanplus", "more_privilege_than_needed", "password_not_long"]);
    assert!(parameters(&diagnosis).contains(&"privlvl=operator".to_owned()));
}

#[tokio::test]
async fn a_user_who_may_only_look_cannot_fence() {
    let users = vec![user("op", LONG, Privilege::User)];
    let (diagnosis, found, _) = found(Config { users, ..bmc() }, &OPERATOR).await;
    assert_eq!(found, ["privilege_too_low", "password_not_long"]);
    assert_eq!(diagnosis.working, None);
}

#[tokio::test]
async fn cipher_suite_0_is_a_door_that_needs_no_password() {
    let suites = CipherSuite::ALL.into_iter().filter(|suite| [0, 17].contains(&suite.id()));
    let config = Config { cipher_suites: suites.collect(), ..bmc() };
    let (diagnosis, found, _) = found(config, &OPERATOR).await;
    assert_eq!(found, ["cipher_suite_0", "needs_lanplus", "password_not_long"]);
    assert_eq!(texts(&diagnosis, "login by cipher suite 0"), ["ACCEPTED as operator"]);
}

#[tokio::test]
async fn users_without_name_are_found() {
    for (password, name) in [("", "anonymous_user"), ("something", "null_user")] {
        let users =
            vec![user("op", LONG, Privilege::Operator), user("", password, Privilege::User)];
        let (_, found, _) = found(Config { users, ..bmc() }, &OPERATOR).await;
        assert_eq!(found, [name, "needs_lanplus", "password_not_long"]);
    }
}

#[tokio::test]
async fn ipmi_15_is_found_with_all_that_makes_it_worse() {
    use AuthenticationType::{Md5, None, Password};
    let open = Config { ipmi15: ipmi15(&[Md5]), ..bmc() };
    let (diagnosis, names, _) = found(open.clone(), &OPERATOR).await;
    assert_eq!(names, ["ipmi15_open", "password_not_long"]);
    let logins = texts(&diagnosis, "login");
    assert!(
        logins[2].starts_with("IPMI 1.5 with authentication type md5 as operator"),
        "{logins:?}"
    );
    assert!(parameters(&diagnosis).contains(&"lanplus=1".to_owned()));
    let worse = Config { ipmi15: ipmi15(&[None, Md5, Password]), ..open.clone() };
    let (_, names, _) = found(worse, &OPERATOR).await;
    assert_eq!(
        names,
        ["authentication_none", "ipmi15_open", "weak_authentication_types", "password_not_long"]
    );
    let ipmi15 = open.ipmi15.map(|has| Ipmi15 { per_message_authentication: false, ..has });
    let (_, names, _) = found(Config { ipmi15, ..open }, &OPERATOR).await;
    assert_eq!(names, ["ipmi15_open", "no_packet_authentication", "password_not_long"]);
}

#[tokio::test]
async fn ipmi_15_without_a_way_to_log_in_is_not_called_open() {
    let (_, names, _) = found(Config { ipmi15: ipmi15(&[]), ..bmc() }, &OPERATOR).await;
    assert_eq!(names, ["password_not_long"]);
}

#[tokio::test]
async fn commands_of_user_level_without_authentication_are_found() {
    let open = ipmi15(&[AuthenticationType::Md5]);
    let ipmi15 = open.map(|has| Ipmi15 { user_level_authentication: false, ..has });
    let (_, names, _) = found(Config { ipmi15, ..bmc() }, &OPERATOR).await;
    assert_eq!(names, ["ipmi15_open", "no_user_level_authentication", "password_not_long"]);
}

#[test]
fn a_type_that_is_offered_at_a_lower_level_only_is_seen() {
    let types = |kinds: &[AuthenticationType]| kinds.iter().copied().collect();
    let mut asked = Asked {
        address: (Ipv4Addr::LOCALHOST, 623).into(),
        is_present: true,
        capabilities: None,
        types_below: vec![types(&[]), types(&[AuthenticationType::None])],
        suites: Ok(Vec::new()),
    };
    assert!(asked.offers(AuthenticationType::None) && !asked.offers(AuthenticationType::Md5));
    asked.types_below.clear();
    assert!(!asked.offers(AuthenticationType::None));
}

#[tokio::test]
async fn a_user_without_password_is_not_tried() {
    let (diagnosis, names, _) = found(bmc(), &[("username", "op")]).await;
    assert_eq!(names, Vec::<&str>::new());
    assert!(texts(&diagnosis, "login").is_empty());
}

#[tokio::test]
async fn a_bmc_with_ipmi_15_only_is_configured_so() {
    let faults = Faults { refuse_extended_capabilities: true, ..Faults::default() };
    for faults in [Faults::default(), faults] {
        let only =
            Config { ipmi15: ipmi15(&[AuthenticationType::Md5]), ipmi20: false, faults, ..bmc() };
        let (diagnosis, found, _) = found(only, &OPERATOR).await;
        assert_eq!(found, ["only_ipmi15"]);
        let expected = ["ip=127.0.0.1", "username=op", "lanplus=0", "privlvl=operator"];
        assert_eq!(parameters(&diagnosis), expected);
    }
}

#[tokio::test]
async fn a_password_that_ipmi_15_cuts_is_found() {
    let long = "seventeen-letters";
    let users = vec![user("op", long, Privilege::Operator)];
    let ipmi15 = ipmi15(&[AuthenticationType::Md5]);
    let open = Config { users, ipmi15, ..bmc() };
    let given = [("username", "op"), ("password", long)];
    let (_, names, _) = found(open.clone(), &given).await;
    assert_eq!(names, ["ipmi15_open", "password_cut_by_ipmi15"]);
    let (diagnosis, names, _) = found(Config { ipmi20: false, ..open }, &given).await;
    assert_eq!(names, ["only_ipmi15", "password_too_long"]);
    assert_eq!(diagnosis.working, None);
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_no_more() {
    let given = [("username", "op"), ("password", "wrong-but-long-1")];
    let ipmi15 = ipmi15(&[AuthenticationType::Md5]);
    for ipmi20 in [true, false] {
        let config = Config { ipmi15, ipmi20, ..bmc() };
        let (diagnosis, names, server) = found(config, &given).await;
        assert!(names.contains(&"wrong_password"), "{names:?}");
        assert!(diagnosis.is_refused && diagnosis.working.is_none());
        let is_try = |kind: &EventKind| {
            matches!(kind, EventKind::SessionRefused { reason: RefusalReason::WrongCode, .. })
        };
        let tries = server.events().into_iter().filter(|event| is_try(&event.kind)).count();
        // In IPMI 2.0 it is the console that notices, before it sends anything.
        assert_eq!(tries, usize::from(!ipmi20), "{:?}", server.events());
    }
}

#[tokio::test]
async fn who_is_not_known_or_not_given_is_told() {
    let (_, names, _) = found(bmc(), &[("username", "nobody"), ("password", LONG)]).await;
    assert_eq!(names, ["unknown_user"]);
    let (diagnosis, names, server) = found(bmc(), &[]).await;
    assert_eq!(names, Vec::<&str>::new());
    assert!(texts(&diagnosis, "login").is_empty());
    let is_login = |kind: &EventKind| matches!(kind, EventKind::SessionOpened { .. });
    assert!(!server.events().iter().any(|event| is_login(&event.kind)));
}

#[tokio::test]
async fn a_key_that_is_missing_is_told_of() {
    let config = || Config { kg: Some(Kg::new("bmc-key").unwrap()), ..bmc() };
    let (_, names, _) = found(config(), &OPERATOR).await;
    assert_eq!(names, ["kg_missing", "wrong_kg"]);
    let given = [OPERATOR.as_slice(), &[("hexadecimal_kg", "626d632d6b6579")]].concat();
    let (diagnosis, names, _) = found(config(), &given).await;
    assert_eq!(names, ["needs_lanplus", "password_not_long"]);
    assert_eq!(diagnosis.working.unwrap().secrets, ["password", "hexadecimal_kg"]);
}

#[tokio::test]
async fn suites_that_protect_less_are_used_and_told_of() {
    let suites: Vec<_> = CipherSuite::from_id(2).into_iter().collect();
    let (diagnosis, names, _) = found(Config { cipher_suites: suites, ..bmc() }, &OPERATOR).await;
    assert_eq!(names, ["weak_cipher_suites", "needs_lanplus", "password_not_long"]);
    assert!(parameters(&diagnosis).contains(&"cipher=2".to_owned()));
}

#[tokio::test]
async fn a_bmc_that_does_not_list_its_suites_needs_one_named() {
    let faults = Faults { ignore_cipher_suite_query: true, ..Faults::default() };
    let (diagnosis, names, _) = found(Config { faults, ..bmc() }, &OPERATOR).await;
    assert_eq!(names, ["needs_lanplus", "suites_not_listed", "password_not_long"]);
    assert!(parameters(&diagnosis).contains(&"cipher=17".to_owned()));
}

#[tokio::test]
async fn parameters_that_cannot_be_used_do_not_hide_the_rest() {
    let given = [("username", "op"), ("password", "longer-than-twenty-bytes")];
    let (diagnosis, names, _) = found(bmc(), &given).await;
    assert_eq!(names, ["unusable_parameter"]);
    assert_eq!(texts(&diagnosis, "versions"), ["IPMI 2.0"]);
}

#[tokio::test]
async fn default_passwords_are_known() {
    let users = vec![user("ADMIN", "ADMIN", Privilege::Administrator)];
    let given = [("username", "ADMIN"), ("password", "ADMIN")];
    let server = start(Config { users, ..bmc() }).await;
    let diagnosis = diagnosed(&agent_config(server.address().port(), &given)).await;
    assert!(diagnosis.has("default_password") && diagnosis.has("short_password"));
}

#[tokio::test]
async fn quirks_that_are_worked_around_are_told_of() {
    let quirks = QuirkSet::NONE.with(Quirk::Supermicro20);
    let (diagnosis, names, _) = found(Config { quirks, ..bmc() }, &OPERATOR).await;
    assert_eq!(names, ["needs_lanplus", "password_not_long"]);
    let logins = texts(&diagnosis, "login");
    assert!(logins[1].contains("with the workarounds supermicro20"), "{logins:?}");
}

#[tokio::test]
async fn where_nobody_answers_that_is_all_there_is_to_say() {
    let faults = Faults { silent: true, ..Faults::default() };
    let server = start(Config { faults, ..bmc() }).await;
    let unused = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    for (port, expected) in [(server.address().port(), "BMC silent"), (unused, "port closed")] {
        let given = [OPERATOR.as_slice(), &[("login_timeout", "1")]].concat();
        let diagnosis = diagnosed(&agent_config(port, &given)).await;
        let Reached::No(reason) = &diagnosis.reached else { panic!("{diagnosis:?}") };
        assert!(reason.starts_with(expected), "{reason}");
        assert!(diagnosis.facts.is_empty() && diagnosis.findings.is_empty());
    }
}

#[tokio::test]
async fn a_diagnosis_that_is_given_up_closes_its_session() {
    let server = start(bmc()).await;
    let config = agent_config(server.address().port(), &OPERATOR);
    let opened = async {
        let mut index = 0;
        loop {
            let event = server.event(index).await.unwrap();
            if matches!(event.kind, EventKind::SessionOpened { .. }) {
                break;
            }
            index += 1;
        }
    };
    let diagnosis = diagnose(&config, Extent::WITH_LOGIN, Instant::now() + WITHIN, opened).await;
    assert!(diagnosis.is_none());
    let closed = server.events().iter().any(|e| matches!(e.kind, EventKind::SessionClosed { .. }));
    assert!(closed, "{:?}", server.events());
}
