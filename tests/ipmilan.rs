//! `fence_ipmilan` against `ipmi_sim`: what each action does and says, and each failure.

use std::net::UdpSocket;
use std::time::Duration;

use crate::support::agent::Agent;
use crate::support::ipmi_sim::{IpmiSim, Setup};
use crate::support::sim::Sim;

/// Nothing listens there: no test asks for a port below 1024.
const CLOSED_PORT: u16 = 1;

#[test]
fn a_reboot_is_off_then_on() {
    let bmc = IpmiSim::start();
    Agent::ours()
        .lines(bmc.lines())
        .lines(["action=reboot"])
        .run()
        .expect(0, "Success: Rebooted\n");
    assert!(bmc.is_on());
    assert_eq!(bmc.commands(), ["set power 0", "set power 1"]);
}

/// The state of the machine before, the action, what is printed, the exit code, the commands that the machine gets.
type Case = (bool, &'static str, &'static str, i32, &'static [&'static str]);

const ACTIONS: &[Case] = &[
    (true, "status", "Status: ON\n", 0, &[]),
    (false, "status", "Status: OFF\n", 2, &[]),
    (true, "monitor", "", 0, &[]),
    (false, "monitor", "", 0, &[]),
    (true, "on", "Success: Already ON\n", 0, &[]),
    (false, "on", "Success: Powered ON\n", 0, &["set power 1"]),
    (true, "off", "Success: Powered OFF\n", 0, &["set power 0"]),
    (false, "off", "Success: Already OFF\n", 0, &[]),
    (true, "reboot", "Success: Rebooted\n", 0, &["set power 0", "set power 1"]),
    (false, "reboot", "Success: Rebooted\n", 0, &["set power 1"]),
    (true, "list", "", 0, &[]),
    (true, "list-status", "", 0, &[]),
    (true, "OFF", "Success: Powered OFF\n", 0, &["set power 0"]),
    (false, "Status", "Status: OFF\n", 2, &[]),
];

#[test]
fn each_action_on_standard_input_does_and_says_what_it_is_for() {
    check_actions(ACTIONS, |lines, action| {
        Agent::ours().lines(lines).lines([format!("action={action}")])
    });
}

#[test]
fn each_action_on_the_command_line_does_and_says_the_same() {
    check_actions(ACTIONS, |lines, action| {
        Agent::ours().arguments(long_options(lines)).arguments([format!("--action={action}")])
    });
}

#[test]
fn each_action_in_ipmi_1_5_does_and_says_the_same() {
    for auth in ["auth=", "auth=md5"] {
        check_actions(ACTIONS, |lines, action| {
            let lines = lines.into_iter().filter(|line| !line.starts_with("cipher="));
            let action = format!("action={action}");
            Agent::ours().lines(lines).lines(["lanplus=0", auth, &action])
        });
    }
}

#[test]
fn every_spelling_of_the_command_line_is_understood() {
    let spellings: [fn(&IpmiSim, &str) -> String; 5] = [
        |bmc, action| {
            let port = bmc.port();
            format!("-a 127.0.0.1 -u {port} -l admin -p secret -P -C 3 -o {action}")
        },
        |bmc, action| {
            let port = bmc.port();
            format!("-a127.0.0.1 -u{port} -ladmin -psecret -PC3 -o{action}")
        },
        |bmc, action| {
            let port = bmc.port();
            format!(
                "--ip 127.0.0.1 --ipport {port} --username admin --password secret --lanplus --cipher 3 --action \
                 {action}"
            )
        },
        |bmc, action| {
            let port = bmc.port();
            format!(
                "--act={action} --ip=127.0.0.1 --ippo {port} --user=admin --password=secret --lan --cip=3"
            )
        },
        |bmc, action| {
            let port = bmc.port();
            format!("-Po {action} -C3 --ip=127.0.0.1 -u {port} --user admin -p secret")
        },
    ];
    let bmc = IpmiSim::start();
    for spelling in spellings {
        bmc.set_power(true);
        for (action, code, stdout) in [
            ("status", 0, "Status: ON\n"),
            ("off", 0, "Success: Powered OFF\n"),
            ("status", 2, "Status: OFF\n"),
        ] {
            let words = spelling(&bmc, action);
            let run = Agent::ours().arguments(words.split_whitespace()).run();
            run.expect(code, stdout);
            assert_eq!(run.stderr, "", "{words}");
        }
    }
}

#[test]
fn a_reboot_by_cycle_is_seen_off_and_on_again() {
    for (is_on, commands) in
        [(true, &["set power 0", "set power 1"][..]), (false, &["set power 1"])]
    {
        let bmc = IpmiSim::start();
        bmc.set_power(is_on);
        let run = Agent::ours().lines(bmc.lines()).lines(["action=reboot", "method=cycle"]).run();
        run.expect(0, "Success: Rebooted\n");
        assert_eq!(run.stderr, "");
        assert!(bmc.is_on());
        assert_eq!(bmc.commands(), commands);
    }
}

#[test]
fn documents_need_no_bmc() {
    for (name, begin, end) in [
        ("metadata", "<?xml version=\"1.0\" ?>\n<resource-agent ", "</resource-agent>\n"),
        ("manpage", "<?xml version=\"1.0\" ?>\n<resource-agent ", "</resource-agent>\n"),
        ("help", "fence_ipmilan: ", ", diag\n"),
        ("version", concat!(env!("CARGO_PKG_VERSION"), "\n"), ""),
    ] {
        let (line, option) = match name {
            "help" | "version" => (format!("{name}=1"), format!("--{name}")),
            action => (format!("action={action}"), format!("--action={action}")),
        };
        for agent in [Agent::ours().lines([line]), Agent::ours().arguments([option])] {
            let run = agent.run();
            assert_eq!((run.code, run.stderr.as_str()), (Some(0), ""), "{name}");
            assert!(run.stdout.starts_with(begin) && run.stdout.ends_with(end), "{run:#?}");
        }
    }
}

#[test]
fn validate_all_checks_parameters_and_sends_nothing() {
    let bmc = Sim::start();
    let lines = || bmc.lines().into_iter().chain(["action=validate-all".to_owned()]);
    for agent in [Agent::ours().lines(lines()), Agent::ours().arguments(long_options(lines()))] {
        let run = agent.run();
        run.expect(0, "");
        assert_eq!(run.stderr, "");
    }
    for (line, words) in [
        ("ip=", "you have to enter the fence address"),
        ("ipport=0", "0 is no UDP port"),
        ("ipport=65536", "65536 is no UDP port"),
        ("cipher=99", "'99' is no cipher suite: use 17 or 3"),
        ("hexadecimal_kg=xyz", "hexadecimal_kg"),
        ("password=123456789012345678901", "password"),
        ("username=12345678901234567", "username"),
        ("privlvl=root", "--privlvl"),
        ("power_timeout=soon", "--power-timeout"),
        ("method=hammer", "--method"),
        ("auth=kerberos", "--auth"),
        ("target=0x100", "target: this is no number from 0 to 0xff"),
        ("target_channel=1", "target_channel: it needs a target"),
        ("target=0x30\ntarget_channel=16", "target_channel: this is no number from 0 to 0x0f"),
        ("target=0x30\ntarget_lun=4", "target_lun: this is no number from 0 to 0x03"),
        ("transit=0x30", "transit: it needs a target"),
        ("workarounds=idzeroo", "a name that is none of authcap, nochecksumcheck, idzero"),
        ("workarounds=idzero;tag0", "workarounds: "),
        ("workarounds=-", "workarounds: "),
    ] {
        Agent::ours().lines(lines()).lines([line]).run().expect_failure(words);
    }
    assert_eq!(bmc.datagrams().received, 0);
}

#[test]
fn good_parameters_are_good_in_any_spelling() {
    let bmc = Sim::start();
    for line in [
        "auth=MD5",
        "target=0x30",
        "target=48\ntarget_channel=0xf\ntarget_lun=3\ntransit=0x82\ntransit_channel=0",
        "workarounds=",
        "workarounds=none",
        "workarounds=tag0",
        "workarounds=-idzero, NoSlot,,None ",
    ] {
        let lines = bmc.lines().into_iter().chain(["action=validate-all".to_owned()]);
        let run = Agent::ours().lines(lines).lines([line]).run();
        run.expect(0, "");
        assert_eq!(run.stderr, "", "{line}");
    }
    assert_eq!(bmc.datagrams().received, 0);
}

#[test]
fn what_weakens_a_login_is_warned_of() {
    let bmc = Sim::start();
    for (lines, warning) in [
        ("lanplus=0\nauth=none", "auth=none: in IPMI 1.5 anybody on the network can answer"),
        ("lanplus=0\nauth=password", "auth=password: in IPMI 1.5 anybody on the network can read"),
        ("workarounds=noauthcodecheck", "workaround noauthcodecheck: somebody without the"),
        ("workarounds=idzero", "workaround idzero: where packets have no code, anybody can answer"),
        ("workarounds=supermicro", "workaround supermicro: somebody without the password"),
        ("workarounds=tag0,quanta", "workaround quanta: somebody without the password can"),
        ("cipher=1", "cipher suite 1 authenticates no packet: anybody on the network can answer"),
    ] {
        let lines = bmc.lines().into_iter().chain([lines.to_owned()]);
        let run = Agent::ours().lines(lines).lines(["action=validate-all"]).run();
        run.expect(0, "");
        let [line] = Vec::from_iter(run.stderr.lines())[..] else { panic!("{run:#?}") };
        assert!(line.contains(" WARNING: ") && line.contains(warning), "{line}");
    }
}

#[test]
fn an_unknown_action_fails_in_the_words_that_pacemaker_knows() {
    let bmc = Sim::start();
    for action in ["enable", "disable", "cycle", "reset", "metadata ok", ""] {
        let words = format!("Unrecognised action '{action}'");
        let agent = Agent::ours().lines(bmc.lines());
        agent.lines([format!("action={action}")]).run().expect_failure(&words);
        let agent = Agent::ours().arguments(long_options(bmc.lines()));
        agent.arguments([format!("--action={action}")]).run().expect_failure(&words);
    }
    assert_eq!(bmc.datagrams().received, 0);
}

#[test]
fn a_misspelt_action_is_not_a_reboot() {
    let bmc = Sim::start();
    for line in ["acton=status", "Action=status", "action:off", "actions=status"] {
        Agent::ours().lines(bmc.lines()).lines([line]).run().expect_failure("looks like 'action'");
    }
    Agent::ours().lines(bmc.lines()).lines(["option=status"]).run().expect(0, "Status: ON\n");
    assert_eq!(bmc.commands(), []);
}

/// `ipmi_sim` has no diagnostic interrupt.
#[test]
fn a_command_that_the_bmc_refuses_fails_with_its_code() {
    let bmc = IpmiSim::start();
    let run = Agent::ours().lines(bmc.lines()).lines(["action=diag"]).run();
    run.expect_failure("Chassis Control refused: invalid data field in request (0xcc)");
    assert_eq!(bmc.commands(), [""; 0]);
}

/// Those that `ipmi_sim` gets right. Its 7, 8 and 12 work with no client.
#[test]
fn every_cipher_suite_that_is_named_is_used() {
    for (suite, is_warned_of) in
        [(0, true), (1, true), (2, false), (3, false), (6, true), (11, false)]
    {
        let bmc = IpmiSim::start();
        let off = Agent::ours()
            .lines(bmc.lines())
            .lines([format!("cipher={suite}"), "action=off".to_owned()]);
        let run = off.run();
        run.expect(0, "Success: Powered OFF\n");
        let is_warned =
            run.stderr.contains(&format!("cipher suite {suite} authenticates no packet"));
        assert_eq!(is_warned, is_warned_of, "{run:#?}");
        assert!(!bmc.is_on(), "suite {suite}");
    }
}

#[test]
fn cipher_suites_with_xrc4_are_refused_by_name() {
    let bmc = IpmiSim::start();
    for suite in [4, 5, 9, 10, 13, 14, 18, 19] {
        let lines = [format!("cipher={suite}"), "action=status".to_owned()];
        let run = Agent::ours().lines(bmc.lines()).lines(lines).run();
        run.expect_failure(&format!("suite {suite} encrypts with xRC4"));
    }
}

#[test]
fn wrong_credentials_are_told_apart() {
    let bmc = IpmiSim::start();
    for (line, words) in [
        (
            "username=nobody",
            "RAKP 1 for privilege level administrator refused: unauthorized name (0x0d)",
        ),
        ("password=wrong", "wrong password"),
        ("password=", "wrong password"),
        ("cipher=17", "Open Session refused for cipher suite 17"),
        ("cipher=99", "'99' is no cipher suite: use 17 or 3"),
        // As the BMC has no Kg, the password serves for it.
        ("hexadecimal_kg=0102", "wrong Kg key"),
    ] {
        for action in ["status", "off", "reboot"] {
            let agent = Agent::ours().lines(bmc.lines()).lines([line]);
            agent.lines([format!("action={action}")]).run().expect_failure(words);
        }
    }
    assert!(bmc.is_on());
    assert_eq!(bmc.commands(), [""; 0]);
}

#[test]
fn a_two_key_login_needs_the_right_kg() {
    let kg = "bmc-key";
    let bmc = IpmiSim::start_with(&Setup { kg: Some(kg), ..Setup::default() });
    let status = Agent::ours().lines(bmc.lines()).lines(["action=status"]);
    status.run().expect_failure("give it with hexadecimal_kg");
    let wrong = status.clone().lines(["hexadecimal_kg=0123456789"]).run();
    wrong.expect_failure("check hexadecimal_kg");
    let right = hexadecimal(kg);
    for kg in [right.clone(), right.to_uppercase(), format!("0x{right}"), format!("{right}0000")] {
        let line = format!("hexadecimal_kg={kg}");
        status.clone().lines([line]).run().expect(0, "Status: ON\n");
    }
}

#[test]
fn without_a_cipher_suite_the_one_that_the_bmc_has_is_found() {
    let bmc = IpmiSim::start();
    for lines in [&["cipher="][..], &["cipher=", "lanplus=0"], &["cipher=", "lanplus="]] {
        let run = Agent::ours().lines(bmc.lines()).lines(lines).lines(["action=off"]).run();
        run.expect(0, "Success: Powered OFF\n");
        assert_eq!(run.stderr, "", "{lines:?}");
        bmc.set_power(true);
    }
}

#[test]
fn a_bmc_that_cannot_be_reached_times_out_at_login() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = silent.local_addr().unwrap().port();
    for (port, words) in
        [(CLOSED_PORT, "nothing listens on that port"), (silent, "check the address, the network")]
    {
        for action in ["status", "off"] {
            let run = Agent::ours()
                .lines(["ip=127.0.0.1", "username=admin", "password=secret", "login_timeout=1"])
                .lines([format!("ipport={port}"), format!("action={action}")])
                .run();
            run.expect_failure(words);
            run.expect_failure("timed out");
            run.expect_failure("no answer to Get Channel Authentication Capabilities");
            assert!(run.took < Duration::from_secs(3), "{run:#?}");
        }
    }
}

#[test]
fn a_host_without_address_fails() {
    let run = Agent::ours().lines(["ip=bmc.invalid", "power_timeout=10", "action=off"]).run();
    run.expect_failure("the host name cannot be resolved");
}

/// The Python agents paste these values into ipmitool's command line, where they become options.
#[test]
fn a_value_is_never_an_option() {
    let bmc = IpmiSim::start();
    let port = bmc.port();
    let injection =
        "-U admin -P secret -p PORT -C 3 chassis power off".replace("PORT", &port.to_string());
    for (line, words) in [
        (format!("ip=127.0.0.1 {injection}"), "cannot be resolved"),
        (format!("ipport={port} {injection}"), "--ipport is not a valid integer"),
        (format!("cipher=3 {injection}"), "not the number of a cipher suite"),
        (format!("target=0x20 {injection}"), "target: this is no number"),
        (format!("auth=md5 {injection}"), "--auth is not a valid choice"),
        (format!("hexadecimal_kg=00 {injection}"), "hexadecimal_kg"),
        ("username=admin$(id)".to_owned(), "unauthorized name"),
    ] {
        let run = Agent::ours().lines(bmc.lines()).lines([&line, "action=status"]).run();
        run.expect_failure(words);
    }
    assert!(bmc.is_on());
    assert_eq!(bmc.commands(), [""; 0]);
}

#[test]
fn each_failure_names_the_bmc_and_the_step() {
    let bmc = IpmiSim::start_with(&Setup { never_off: true, ..Setup::default() });
    let at = format!("127.0.0.1:{}", bmc.port());
    for (line, action, step) in [
        ("username=nobody", "status", "read the power state"),
        ("password=wrong", "off", "read the power state"),
        ("cipher=17", "reboot", "read the power state"),
        ("login_timeout=5", "diag", "diagnostic interrupt"),
        ("power_timeout=1", "off", "to power OFF"),
    ] {
        let action = format!("action={action}");
        let run = Agent::ours().lines(bmc.lines()).lines([line, &action]).run();
        run.expect_failure(&at);
        run.expect_failure(step);
    }
    let run = Agent::ours().lines(["ip=bmc.invalid", "action=off"]).run();
    run.expect_failure("bmc.invalid:623");
}

#[test]
fn a_host_may_be_a_name_or_an_address_of_either_kind() {
    let bmc = IpmiSim::start();
    let status = |lines: Vec<String>, host| {
        let run = Agent::ours().lines(lines).lines([host, "action=status"]).run();
        run.expect(0, "Status: ON\n");
        assert_eq!(run.stderr, "", "{host}");
    };
    status(bmc.lines(), "ip=localhost");
    let bmc = Sim::start_at("[::1]:0", |_| {});
    status(bmc.lines(), "ip=::1");
    status(bmc.lines(), "ip=[::1]");
    status(bmc.lines(), "ip=0:0:0:0:0:0:0:1");
}

#[test]
fn power_that_takes_its_time_is_waited_for() {
    let bmc = IpmiSim::start_with(&Setup { delay: Duration::from_secs(3), ..Setup::default() });
    for (action, command, is_on) in [("off", "set power 0", false), ("on", "set power 1", true)] {
        let line = format!("action={action}");
        let run = Agent::ours().lines(bmc.lines()).lines([line]).run();
        run.expect(0, &format!("Success: Powered {}\n", action.to_uppercase()));
        assert_eq!(bmc.is_on(), is_on);
        assert!(
            run.took >= Duration::from_secs(3) && run.took < Duration::from_secs(6),
            "{run:#?}"
        );
        assert_eq!(bmc.commands().last().unwrap(), command);
    }
}

#[test]
fn power_that_never_goes_off_is_a_failure() {
    for action in ["off", "reboot"] {
        let bmc = IpmiSim::start_with(&Setup { never_off: true, ..Setup::default() });
        let line = format!("action={action}");
        let run = Agent::ours().lines(bmc.lines()).lines([&line, "power_timeout=3"]).run();
        run.expect_failure("timed out waiting to power OFF");
        assert!(
            run.took >= Duration::from_secs(3) && run.took < Duration::from_secs(5),
            "{run:#?}"
        );
        assert_eq!(bmc.commands(), ["set power 0"], "and never on");
    }
}

#[test]
fn a_bmc_that_dies_after_power_off_leaves_no_success() {
    for action in ["off", "reboot"] {
        let bmc = IpmiSim::start_with(&Setup { delay: Duration::from_secs(2), ..Setup::default() });
        let line = format!("action={action}");
        let agent = Agent::ours().lines(bmc.lines()).lines([&line, "power_timeout=3"]).start();
        while bmc.commands().is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        bmc.kill();
        agent.finish().expect_failure("timed out waiting to power OFF");
    }
}

fn check_actions(cases: &[Case], agent: impl Fn(Vec<String>, &str) -> Agent) {
    let bmc = IpmiSim::start();
    for &(is_on, action, stdout, code, commands) in cases {
        bmc.set_power(is_on);
        let before = bmc.commands().len();
        let run = agent(bmc.lines(), action).run();
        run.expect(code, stdout);
        assert_eq!(run.stderr, "", "success is silent: {action}");
        assert_eq!(bmc.commands()[before..], *commands, "{action}");
    }
}

/// Lines as options: `lanplus=1` is `--lanplus`, the others `--name=value`.
fn long_options(lines: impl IntoIterator<Item = String>) -> impl Iterator<Item = String> {
    lines.into_iter().map(|line| match line.as_str() {
        "lanplus=1" => "--lanplus".to_owned(),
        _ => format!("--{line}"),
    })
}

fn hexadecimal(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
