//! IPMI 1.5, without lanplus: the same input through Debian's Python agent and through ours, as in `differential.rs`.

use bmc_sim::{Config, Ipmi15, Place, Power, Protection, Satellite};
use ipmi_lan::{AuthenticationType, Quirk, QuirkSet};

use crate::inputs::{FAILS, POWERED_OFF};
use crate::support::agent::{Agent, Run};
use crate::support::comparison::{self, compare, off, on};
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::proxy::Proxy;
use crate::support::sim::Sim;

type Case = comparison::Case<IpmiSim>;

#[test]
fn without_lanplus() {
    compare(cases());
}

pub fn cases() -> Vec<Case> {
    let lan = |case: Case| case.without(&["lanplus", "cipher"]);
    let auths = |auths| Setup { auths, ..Setup::default() };
    let password = |password| Setup { password, ..Setup::default() };
    vec![
        lan(on("lan, status")).lines(&["action=status"]),
        lan(off("lan, status when it is off")).lines(&["action=status"]),
        lan(on("lan, monitor")).lines(&["action=monitor"]),
        lan(off("lan, on")).lines(&["action=on"]),
        lan(on("lan, on when it is on")).lines(&["action=on"]),
        lan(on("lan, off")).lines(&["action=off"]),
        lan(off("lan, off when it is off")).lines(&["action=off"]),
        lan(on("lan, reboot")).lines(&["action=reboot"]),
        lan(off("lan, reboot when it is off")).lines(&["action=reboot"]),
        lan(on("lan, cycle")).cycles().lines(&["method=cycle"]),
        lan(on("lan, diag")).lines(&["action=diag"]),
        lan(on("lan, on the command line"))
            .command_line("-a 127.0.0.1 -u {port} -l admin -p secret --power-wait 0 -A md5 -o off"),
        lan(on("auth=md5")).lines(&["auth=md5", "action=off"]),
        lan(on("auth=password")).lines(&["auth=password", "action=off"]),
        lan(on("auth=none, lan")).lines(&["auth=none", "action=off"]),
        lan(on("auth=PASSWORD")).lines(&["auth=PASSWORD", "action=status"]),
        lan(on("only MD5")).setup(auths("md5")).lines(&["action=off"]),
        lan(on("only MD2")).setup(auths("md2")).lines(&["action=off"]).differs(
            "lanplus",
            FAILS,
            POWERED_OFF,
        ),
        lan(on("only straight")).setup(auths("straight")).lines(&["action=off"]),
        lan(on("only none")).setup(auths("none")).lines(&["action=off"]),
        lan(on("only straight, auth=md5"))
            .setup(auths("straight"))
            .lines(&["auth=md5", "action=off"])
            .differs("lanplus", FAILS, POWERED_OFF),
        lan(on("only MD5, auth=password"))
            .setup(auths("md5"))
            .lines(&["auth=password", "action=off"])
            .differs("lanplus", FAILS, POWERED_OFF),
        lan(on("only MD5, auth=none"))
            .setup(auths("md5"))
            .lines(&["auth=none", "action=off"])
            .differs("lanplus", FAILS, POWERED_OFF),
        lan(on("lan, privlvl=operator")).lines(&["privlvl=operator", "action=off"]),
        lan(on("lan, privlvl=user, status")).lines(&["privlvl=user", "action=status"]),
        lan(on("lan, privlvl=user, off")).lines(&["privlvl=user", "action=off", "power_timeout=1"]),
        lan(on("lan, privlvl=callback, status")).lines(&["privlvl=callback", "action=status"]),
        lan(on("lan, an operator")).lines(&["username=operator", "action=off"]),
        lan(on("lan, an operator as operator")).lines(&[
            "username=operator",
            "privlvl=operator",
            "action=off",
        ]),
        lan(on("lan, a user as user")).lines(&["username=user", "privlvl=user", "action=status"]),
        lan(on("lan, a user as operator")).lines(&[
            "username=user",
            "privlvl=operator",
            "action=off",
        ]),
        lan(on("lan, a wrong password")).lines(&["password=wrong", "action=off"]),
        lan(on("lan, a wrong user")).lines(&["username=nobody", "action=off"]),
        lan(on("lan, no user")).without(&["lanplus", "cipher", "username"]).lines(&["action=off"]),
        lan(on("lan, no password"))
            .without(&["lanplus", "cipher", "password"])
            .lines(&["action=off"]),
        lan(on("lan, a password of 16"))
            .setup(password("1234567890123456"))
            .lines(&["password=1234567890123456", "action=off"]),
        lan(on("lan, a password of 17"))
            .setup(password("12345678901234567"))
            .lines(&["password=12345678901234567", "action=off"])
            .differs("lanplus", FAILS, POWERED_OFF),
        lan(on("lan, a password of 19"))
            .setup(password("1234567890123456789"))
            .lines(&["password=1234567890123456789", "action=off"])
            .differs("lanplus", FAILS, POWERED_OFF),
        lan(on("lan, cipher=3")).lines(&["cipher=3", "action=off"]),
        lan(on("lan, cipher=0")).lines(&["cipher=0", "action=off"]),
        lan(on("lan, cipher=4")).lines(&["cipher=4", "action=off"]).differs(
            "cipher",
            POWERED_OFF,
            FAILS,
        ),
        lan(on("lan, cipher=99")).lines(&["cipher=99", "action=off"]).differs(
            "cipher",
            POWERED_OFF,
            FAILS,
        ),
        lan(on("lan, Kg")).lines(&["hexadecimal_kg=0102", "action=off"]),
        lan(on("lan, a BMC with Kg"))
            .setup(Setup { kg: Some("bmckey"), ..Setup::default() })
            .lines(&["action=off"]),
    ]
}

#[test]
fn targets() {
    compare(target_cases());
}

pub fn target_cases() -> Vec<Case> {
    let behind = || Setup { behind: true, ..Setup::default() };
    let on = |name| on(name).setup(behind());
    let lan = |case: Case| case.without(&["lanplus", "cipher"]);
    vec![
        on("target=0x20").lines(&["target=0x20", "action=off"]),
        on("target=0").lines(&["target=0", "action=off"]),
        on("target=0x30").lines(&["target=0x30", "action=off"]),
        on("target=48").lines(&["target=48", "action=off"]),
        on("target=060").lines(&["target=060", "action=off"]),
        on("target=030").lines(&["target=030", "action=off"]),
        on("target=0x30, status").lines(&["target=0x30", "action=status"]),
        on("target=0x30, reboot").lines(&["target=0x30"]),
        on("target=0x30, cycle").cycles().lines(&["target=0x30", "method=cycle"]),
        on("target that is not there").lines(&["target=0x40", "action=off", "power_timeout=2"]),
        on("target=256").lines(&["target=256", "action=off"]),
        on("target=-1").lines(&["target=-1", "action=off"]),
        on("target=abc").lines(&["target=abc", "action=off"]),
        on("target on the command line").command_line("{bmc} --target=0x30 -o off"),
        lan(on("lan, target=0x20")).lines(&["target=0x20", "action=off"]),
        lan(on("lan, target=0x30")).lines(&["target=0x30", "action=off"]),
        lan(on("lan, target=0x30, status")).lines(&["target=0x30", "action=status"]),
        lan(on("lan, target=0x30, reboot")).lines(&["target=0x30"]),
        lan(on("lan, target that is not there")).lines(&[
            "target=0x40",
            "action=off",
            "power_timeout=2",
        ]),
        lan(on("lan, target=0x30, auth=password")).lines(&[
            "target=0x30",
            "auth=password",
            "action=off",
        ]),
    ]
}

/// Both agents, each against a BMC of its own: the exit codes, and the protections of the sessions.
fn both(change: fn(&mut Config), lines: &[&str]) -> [(Option<i32>, Vec<Protection>); 2] {
    [Agent::python("fence_ipmilan"), Agent::ours()].map(|agent| {
        let bmc = Sim::start_with(change);
        let run = agent.lines(bmc.lines()).lines(["action=status"]).lines(lines).run();
        (run.code, bmc.protections())
    })
}

const MD5: Protection = Protection::Ipmi15(AuthenticationType::Md5);

fn offer(config: &mut Config, kinds: &[AuthenticationType]) {
    config.ipmi15 = Some(Ipmi15::new(kinds.iter().copied()));
}

#[test]
fn a_bmc_of_both_versions_is_spoken_to_in_the_one_that_lanplus_says() {
    let change = |config: &mut Config| offer(config, &AuthenticationType::ALL[..4]);
    let python_and_ours = both(change, &["lanplus=0"]);
    assert_eq!(python_and_ours, [(Some(0), vec![MD5]), (Some(0), vec![MD5])]);
    for (code, protections) in both(change, &["lanplus=1"]) {
        assert_eq!(code, Some(0));
        assert!(matches!(protections[..], [Protection::Ipmi20(_)]), "{protections:?}");
    }
}

#[test]
fn a_bmc_of_ipmi_1_5_alone_is_reached_without_lanplus_and_not_with_it() {
    let change = |config: &mut Config| {
        offer(config, &[AuthenticationType::Md5]);
        config.ipmi20 = false;
    };
    let (reached, not_reached) = ((Some(0), vec![MD5]), (Some(1), Vec::new()));
    assert_eq!(both(change, &["lanplus=0"]), [reached.clone(), reached]);
    assert_eq!(both(change, &["lanplus=1"]), [not_reached.clone(), not_reached]);
}

/// Where `auth` does not ask for that, the agents differ: the Python agent takes what there is.
#[test]
fn no_password_and_no_machine_is_given_away_unless_auth_says_so() {
    for kind in [AuthenticationType::Password, AuthenticationType::None] {
        let try_with = |agent: Agent, lines: &[&str]| {
            let bmc = Sim::start_with(|config| {
                offer(config, &[kind]);
                config.ipmi20 = false;
            });
            let proxy = Proxy::start(bmc.address(), |genuine| vec![genuine.to_vec()]);
            let agent = agent.lines(bmc.lines()).lines(proxy.lines());
            let run = agent.lines(["lanplus=0", "action=off"]).lines(lines).run();
            (run.code, proxy.was_told("secret"), bmc.power())
        };
        let is_told = kind == AuthenticationType::Password;
        let python = Agent::python("fence_ipmilan");
        let done = (Some(0), is_told, Power::Off);
        assert_eq!(try_with(python, &[]), done, "{kind}");
        assert_eq!(try_with(Agent::ours(), &[]), (Some(1), false, Power::On), "{kind}");
        let auth = format!("auth={kind}");
        assert_eq!(try_with(Agent::ours(), &[&auth]), done, "{kind}");
    }
}

#[test]
fn an_administrator_who_may_not_be_one_in_the_session_is_an_operator() {
    let change = |config: &mut Config| {
        offer(config, &[AuthenticationType::Md5]);
        config.quirks = QuirkSet::NONE.with(Quirk::SetPrivilege);
    };
    for version in ["lanplus=0", "lanplus=1"] {
        let [(python, _), (ours, _)] = both(change, &[version, "cipher=3"]);
        assert_eq!((python, ours), (Some(1), Some(0)), "{version}");
    }
}

/// A controller on another channel, and one behind another controller: the Python agent has no parameters for these.
#[test]
fn a_target_on_another_channel_is_reached() {
    let (near, far) = (Place { channel: 7, address: 0x72 }, Place { channel: 6, address: 0x74 });
    let change = |config: &mut Config| {
        offer(config, &[AuthenticationType::Md5]);
        let behind = Satellite { satellites: vec![Satellite::new(far)], ..Satellite::new(near) };
        config.satellites = vec![behind];
    };
    for version in ["lanplus=0", "lanplus=1"] {
        let run = |bmc: &Sim, lines: &[&str]| -> Run {
            let agent = Agent::ours().lines(bmc.lines()).lines([version, "action=off"]);
            agent.lines(lines).run()
        };
        let bmc = Sim::start_with(change);
        run(&bmc, &["target=0x72"]).expect_failure("target not reached");
        let on_its_channel = run(&bmc, &["target=0x72", "target_channel=7", "target_lun=0"]);
        on_its_channel.expect(0, "Success: Powered OFF\n");
        assert_eq!(bmc.satellite_power(&[near]), Some(Power::Off));
        assert_eq!(bmc.satellite_power(&[near, far]), Some(Power::On));

        let way = ["target=0x74", "target_channel=6", "transit=0x72", "transit_channel=7"];
        run(&bmc, &way).expect(0, "Success: Powered OFF\n");
        assert_eq!(bmc.satellite_power(&[near, far]), Some(Power::Off));
        assert_eq!(bmc.power(), Power::On, "the BMC's own machine");
    }
}
