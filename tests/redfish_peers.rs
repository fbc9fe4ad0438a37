//! `fence_redfish`, and Debian's Python agent beside it, against Redfish services that nobody here wrote: the emulator
//! of sushy-tools, whose machines can be switched, and simhall's, whose cannot; with nginx before them for what web
//! servers of BMCs do. What came of it is read at the service, and what was asked in nginx's log.

use std::fmt;

use crate::support::agent::{Agent, Run};
use crate::support::certificates::{Identity, Kind};
use crate::support::comparison::check_all;
use crate::support::nginx::{Nginx, Redirect, Request, Setup, connections};
use crate::support::redfish_server::{PASSWORD, USER};
use crate::support::simhall::{self, Simhall};
use crate::support::sushy::{Front, Sushy};

const NODE: &str = "node1";

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Who {
    Python,
    Ours,
}

use Who::{Ours, Python};

const BOTH: [Who; 2] = [Python, Ours];

impl Who {
    fn agent(self) -> Agent {
        match self {
            Python => Agent::python("fence_redfish"),
            Ours => Agent::at(env!("CARGO_BIN_EXE_fence_redfish")),
        }
    }

    /// With the lines that it needs to reach a service, but for how the certificate is checked.
    fn at(self, port: u16) -> Agent {
        self.agent().lines([
            "ip=127.0.0.1".to_owned(),
            format!("ipport={port}"),
            format!("username={USER}"),
            format!("password={PASSWORD}"),
        ])
    }

    fn insecurely_at(self, port: u16) -> Agent {
        self.at(port).lines(["ssl_insecure=1"])
    }
}

/// What a run comes to.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// Exit code and standard output.
    Says(i32, &'static str),
    /// Exit code 1, nothing on standard output, and of ours one line on standard error with these words.
    Fails(&'static str),
}

use Outcome::{Fails, Says};

const IS_ON: Outcome = Says(0, "Status: ON\n");
const IS_OFF: Outcome = Says(2, "Status: OFF\n");
const WAS_ON: Outcome = Says(0, "Success: Already ON\n");
const WAS_OFF: Outcome = Says(0, "Success: Already OFF\n");
const POWERED_ON: Outcome = Says(0, "Success: Powered ON\n");
const POWERED_OFF: Outcome = Says(0, "Success: Powered OFF\n");
const REBOOTED: Outcome = Says(0, "Success: Rebooted\n");
const SILENT: Outcome = Says(0, "");

impl Outcome {
    fn check(self, who: Who, run: &Run, about: impl fmt::Display) -> Result<(), String> {
        let is_met = match self {
            Says(code, stdout) => run.code == Some(code) && run.stdout == stdout,
            Fails(words) => {
                run.code == Some(1) && run.stdout.is_empty() && is_told(who, run, words)
            }
        };
        if is_met { Ok(()) } else { Err(format!("{about}, {who:?}: wanted {self:?}: {run:#?}")) }
    }
}

/// The Python agent's words are its own.
fn is_told(who: Who, run: &Run, words: &str) -> bool {
    who == Python || run.stderr.lines().count() == 1 && run.stderr.contains(words)
}

/// What stands between an agent and the emulator.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Nothing: it speaks TLS itself.
    Direct(Front),
    /// nginx, before gunicorn.
    Nginx(Setup),
}

fn ways() -> Vec<(&'static str, Way)> {
    let plain = Setup::default();
    let redirect = |redirect| Way::Nginx(Setup { redirect, ..plain });
    vec![
        ("its own server", Way::Direct(Front::Own)),
        ("gunicorn", Way::Direct(Front::Gunicorn)),
        ("keep-alive", Way::Nginx(plain)),
        ("HTTP/2", Way::Nginx(Setup { http2: true, ..plain })),
        ("2 requests a connection", Way::Nginx(Setup { requests: 2, ..plain })),
        ("idle for a second", Way::Nginx(Setup { idle: 1, ..plain })),
        ("redirects to a slash", redirect(Redirect::Slash)),
        ("redirects to http and back", redirect(Redirect::ThroughClear)),
    ]
}

/// Whether a way is nothing special for the Python agent: it speaks HTTP/1.1, and no two requests over a connection;
/// and whoever redirects it to http loses it, which is told below.
fn is_for_ours_only(way: Way) -> bool {
    let Way::Nginx(setup) = way else { return false };
    setup.http2
        || setup.requests == 2
        || setup.idle == 1
        || setup.redirect == Redirect::ThroughClear
}

/// An emulator with one machine that is on, and the way to it.
struct Place {
    way: Way,
    nginx: Option<Nginx>,
    sushy: Sushy,
    /// gunicorn reads it for each connection.
    _identity: Identity,
}

impl Place {
    fn new(way: Way) -> Self {
        let identity = Identity::new(Kind::Rsa);
        let (nginx, sushy) = match way {
            Way::Direct(front) => (None, Sushy::start(front, Some(&identity), &[NODE])),
            Way::Nginx(setup) => {
                let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
                (Some(Nginx::start(&setup, &identity, &sushy.url())), sushy)
            }
        };
        Self { way, nginx, sushy, _identity: identity }
    }

    fn port(&self) -> u16 {
        self.nginx.as_ref().map_or(self.sushy.port(), Nginx::port)
    }

    /// What came so far, where somebody writes it down.
    fn requests(&self) -> Vec<Request> {
        self.nginx.as_ref().map(Nginx::requests).unwrap_or_default()
    }

    /// Over how many connections so many requests of ours may come.
    fn most_connections(&self, requests: usize) -> usize {
        match self.way {
            // An idle one may be gone whenever it is needed again.
            Way::Nginx(Setup { idle: 1, .. }) => requests,
            Way::Nginx(setup) => requests.div_ceil(setup.requests as usize),
            // Nobody counts them.
            Way::Direct(_) => 0,
        }
    }
}

/// An action, what comes of it, and the power state after it.
type Step = (&'static str, Outcome, &'static str);

const WALK: &[Step] = &[
    ("status", IS_ON, "On"),
    ("monitor", SILENT, "On"),
    ("on", WAS_ON, "On"),
    ("off", POWERED_OFF, "Off"),
    ("status", IS_OFF, "Off"),
    ("off", WAS_OFF, "Off"),
    ("on", POWERED_ON, "On"),
    ("reboot", REBOOTED, "On"),
];

#[test]
fn every_action_works_on_every_way_and_the_power_is_so_at_the_service() {
    check_all(ways(), |&(name, way)| {
        let place = Place::new(way);
        let python = (!is_for_ours_only(way)).then_some((Python, false));
        [(Ours, false), (Ours, true)].into_iter().chain(python).try_for_each(|(who, knows_path)| {
            WALK.iter()
                .try_for_each(|step| take(&place, who, knows_path, step))
                .map_err(|failure| format!("{name}, path given: {knows_path}: {failure}"))
        })
    });
}

fn take(place: &Place, who: Who, knows_path: bool, step: &Step) -> Result<(), String> {
    let &(action, outcome, power) = step;
    let before = place.requests().len();
    let mut agent = who.insecurely_at(place.port()).lines([format!("action={action}")]);
    if knows_path {
        agent = agent.lines([format!("systems_uri={}", place.sushy.path(NODE))]);
    }
    outcome.check(who, &agent.run(), action)?;
    let requests = &place.requests()[before..];
    if place.sushy.power(NODE) != power {
        return Err(format!("{action} does not leave it {power}"));
    }
    let used = connections(requests);
    if who == Ours && used > place.most_connections(requests.len()) {
        return Err(format!("{action} took {used} connections: {requests:#?}"));
    }
    Ok(())
}

/// What a whole operation costs where the BMC keeps connections: the numbers of docs/performance.md.
#[test]
fn one_connection_serves_a_whole_operation() {
    let place = Place::new(Way::Nginx(Setup::default()));
    let path = format!("systems_uri={}", place.sushy.path(NODE));
    for (who, status) in [(Python, (3, 3)), (Ours, (3, 1))] {
        assert_eq!(cost(&place, who, &["action=status"]), status);
    }
    for (who, status) in [(Python, (1, 1)), (Ours, (1, 1))] {
        assert_eq!(cost(&place, who, &["action=status", &path]), status);
    }
    // How often the power state is asked for depends on how long the machine takes.
    assert_eq!(cost(&place, Ours, &["action=reboot"]).1, 1);
}

/// How many requests over how many connections.
fn cost(place: &Place, who: Who, lines: &[&str]) -> (usize, usize) {
    let before = place.requests().len();
    assert_eq!(who.insecurely_at(place.port()).lines(lines).run().code, Some(0));
    let requests = &place.requests()[before..];
    (requests.len(), connections(requests))
}

#[test]
fn a_redirect_takes_no_credentials_elsewhere() {
    let identity = Identity::new(Kind::Issued);
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let redirects = [
        (Redirect::SaysHttp, IS_ON),
        (Redirect::ThroughClear, IS_ON),
        (Redirect::OtherPort, IS_ON),
        (Redirect::OtherName, IS_ON),
        (Redirect::Elsewhere, Fails("leads to another place")),
    ];
    check_all(redirects.to_vec(), |&(redirect, ours)| {
        let setup = Setup { redirect, ..Setup::default() };
        let nginx = Nginx::start(&setup, &identity, &sushy.url());
        for (who, outcome) in [(Python, Fails("")), (Ours, ours)] {
            let run = who.insecurely_at(nginx.port()).lines(["action=status"]).run();
            outcome.check(who, &run, format!("{redirect:?}"))?;
        }
        let mut requests = nginx.requests();
        requests.retain(|request| request.has_credentials && request.origin != nginx.origin());
        if requests.is_empty() { Ok(()) } else { Err(format!("{redirect:?}: {requests:#?}")) }
    });
}

/// How a certificate is to be checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trust {
    /// By the system's authorities.
    Default,
    /// By the same, in words.
    NotInsecure,
    /// Not at all.
    Insecure,
    /// By what must be trusted for it, in a file.
    Bundle,
    /// By the same, in the environment.
    Environment(&'static str),
    /// By its fingerprint, as openssl prints it.
    Fingerprint,
    /// By the same in small letters, without colons.
    ShortFingerprint,
    /// By the fingerprint of another.
    WrongFingerprint,
}

const TRUSTS: &[Trust] = &[
    Trust::Default,
    Trust::NotInsecure,
    Trust::Insecure,
    Trust::Bundle,
    Trust::Environment("SSL_CERT_FILE"),
    Trust::Environment("REQUESTS_CA_BUNDLE"),
    Trust::Fingerprint,
    Trust::ShortFingerprint,
    Trust::WrongFingerprint,
];

impl Trust {
    fn apply(self, agent: Agent, identity: &Identity) -> Agent {
        let bundle = identity.bundle();
        let bundle = bundle.to_str().expect("text");
        let pinned = |agent: Agent, text: String| agent.lines([format!("ssl_fingerprint={text}")]);
        let fingerprint = || identity.fingerprint();
        match self {
            Self::Default => agent,
            Self::NotInsecure => agent.lines(["ssl_insecure=0"]),
            Self::Insecure => agent.lines(["ssl_insecure=1"]),
            Self::Bundle => agent.lines([format!("ssl_ca_bundle={bundle}")]),
            Self::Environment(name) => agent.environment(name, bundle),
            Self::Fingerprint => pinned(agent, fingerprint()),
            Self::ShortFingerprint => pinned(agent, fingerprint().replace(':', "").to_lowercase()),
            Self::WrongFingerprint => pinned(agent, fingerprint().chars().rev().collect()),
        }
    }

    fn is_bundle(self) -> bool {
        matches!(self, Self::Bundle | Self::Environment(_))
    }
}

/// A kind of certificate; why it is refused where nobody trusts it, and where it, or who has issued it, is in the
/// bundle; and whether the Python agent takes it there.
type Row = (Kind, &'static str, Option<&'static str>, bool);

const CERTIFICATES: &[Row] = &[
    (Kind::Issued, ISSUED, None, true),
    (Kind::SelfSigned, SELF_SIGNED, None, true),
    (Kind::SelfSignedLeaf, SELF_SIGNED, None, true),
    (Kind::Rsa, SELF_SIGNED, None, true),
    (Kind::OldRsa, SELF_SIGNED, Some(SHORT_KEY), false),
    (Kind::Version1, VERSION_1, Some(VERSION_1), true),
    (Kind::Expired, EXPIRED, Some(EXPIRED), false),
    (Kind::OtherHost, ISSUED, Some("is for other.example, not for 127.0.0.1"), false),
    (Kind::NameOnly, ISSUED, Some("names its host only as common name (127.0.0.1)"), true),
];

const ISSUED: &str = "was issued by CN=an authority of the tests, who is not trusted";
const SELF_SIGNED: &str = "its certificate is self-signed and not trusted";
const SHORT_KEY: &str = "its certificate has an RSA key of 1024 bits";
const VERSION_1: &str = "its certificate is X.509 version 1";
const EXPIRED: &str = "its certificate expired on 2020-12-31";

fn wanted_of_ours(&(kind, unknown, known, _): &Row, trust: Trust) -> Outcome {
    match trust {
        // In TLS 1.3 nobody can prove with it that it is theirs.
        Trust::Fingerprint | Trust::ShortFingerprint if kind == Kind::OldRsa => Fails(SHORT_KEY),
        Trust::Default | Trust::NotInsecure => Fails(unknown),
        Trust::WrongFingerprint => Fails("its certificate is not the trusted one"),
        _ if trust.is_bundle() => known.map_or(IS_ON, Fails),
        _ => IS_ON,
    }
}

#[test]
fn certificates_are_checked_as_it_is_asked_for() {
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    check_all(CERTIFICATES.to_vec(), |row| {
        let identity = Identity::new(row.0);
        // So that it takes the old ones, too.
        let setup = Setup { ciphers: "DEFAULT:@SECLEVEL=0", ..Setup::default() };
        let nginx = Nginx::start(&setup, &identity, &sushy.url());
        let try_with = |who: Who, trust: Trust, wanted: Outcome| {
            let agent = trust.apply(who.at(nginx.port()), &identity);
            let run = agent.lines(["action=status"]).run();
            wanted.check(who, &run, format!("{:?}, {trust:?}", row.0))
        };
        TRUSTS.iter().try_for_each(|&trust| try_with(Ours, trust, wanted_of_ours(row, trust)))?;
        // What it does without a bundle does not depend on the certificate; it has no parameters for the rest.
        if row.0 == Kind::Issued {
            try_with(Python, Trust::Default, Fails(""))?;
            // Which it takes for 1.
            try_with(Python, Trust::NotInsecure, IS_ON)?;
        }
        let wanted = if row.3 { IS_ON } else { Fails("") };
        try_with(Python, Trust::Environment("REQUESTS_CA_BUNDLE"), wanted)
    });
}

#[test]
fn a_short_key_can_be_pinned_in_tls_1_2() {
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let identity = Identity::new(Kind::OldRsa);
    let setup = Setup { protocols: "TLSv1.2", ciphers: "DEFAULT:@SECLEVEL=0", ..Setup::default() };
    let nginx = Nginx::start(&setup, &identity, &sushy.url());
    for (trust, outcome) in [
        (Trust::Fingerprint, IS_ON),
        (Trust::WrongFingerprint, Fails("its certificate is not the trusted one")),
    ] {
        let agent = trust.apply(Ours.at(nginx.port()), &identity);
        outcome.check(Ours, &agent.lines(["action=status"]).run(), format!("{trust:?}")).unwrap();
    }
}

#[test]
fn old_protocols_are_spoken_or_named() {
    const NOTHING: Outcome = Fails("accepts nothing that is offered");
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let identity = Identity::new(Kind::Rsa);
    let protocols = [
        ("TLSv1.3", "DEFAULT", IS_ON, IS_ON),
        ("TLSv1.2", "DEFAULT", IS_ON, IS_ON),
        ("TLSv1.2", "AES128-SHA256:AES128-GCM-SHA256", IS_ON, NOTHING),
        ("TLSv1.2", "ECDHE-RSA-AES128-SHA256", IS_ON, NOTHING),
        ("TLSv1.1", "DEFAULT:@SECLEVEL=0", Fails(""), Fails("speaks no TLS 1.2 or 1.3")),
        ("TLSv1", "DEFAULT:@SECLEVEL=0", Fails(""), Fails("speaks no TLS 1.2 or 1.3")),
    ];
    check_all(protocols.to_vec(), |&(protocols, ciphers, python, ours)| {
        let setup = Setup { protocols, ciphers, ..Setup::default() };
        let nginx = Nginx::start(&setup, &identity, &sushy.url());
        [(Python, python), (Ours, ours)].into_iter().try_for_each(|(who, outcome)| {
            let run = who.insecurely_at(nginx.port()).lines(["action=status"]).run();
            outcome.check(who, &run, format!("{protocols} {ciphers}"))
        })
    });
    for who in BOTH {
        let run = who.insecurely_at(sushy.port()).lines(["action=status"]).run();
        Fails("does not speak TLS").check(who, &run, "no TLS").unwrap();
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let place = Place::new(Way::Nginx(Setup::default()));
    for (who, most) in [(Python, 1), (Ours, 1)] {
        for line in ["password=wrong", "username=nobody"] {
            let before = place.requests().len();
            let agent = who.insecurely_at(place.port()).lines([line, "action=off"]);
            let told = Fails("user and password were refused");
            told.check(who, &agent.run(), line).unwrap();
            let requests = &place.requests()[before..];
            let refused = requests.iter().filter(|request| request.status == 401).count();
            assert!(refused <= most, "{who:?}: {requests:#?}");
        }
    }
    assert_eq!(place.sushy.power(NODE), "On");
}

#[test]
fn of_several_systems_the_one_that_is_named_is_switched_and_no_other() {
    let systems = ["node1", "node2", "node3"];
    let choices: [(Who, &str, Option<&str>); 7] = [
        (Ours, "", None),
        (Ours, "plug=node4", None),
        (Ours, "plug=node2", Some("node2")),
        (Ours, "port=00000000-0000-4000-8000-000000000000", Some("node1")),
        (
            Ours,
            "systems_uri=/redfish/v1/Systems/00000000-0000-4000-8000-000000000001",
            Some("node2"),
        ),
        // Which the emulator redirects to the one before.
        (Ours, "systems_uri=/redfish/v1/Systems/node2", Some("node2")),
        // It takes the last.
        (Python, "plug=node2", Some("node3")),
    ];
    let identity = Identity::new(Kind::Issued);
    check_all(choices.to_vec(), |&(who, choice, chosen)| {
        let sushy = Sushy::start(Front::Own, Some(&identity), &systems);
        let agent = who.insecurely_at(sushy.port()).lines([choice, "action=off"]);
        let wanted = chosen.map_or(Fails("node1"), |_| POWERED_OFF);
        let run = agent.run();
        wanted.check(who, &run, choice)?;
        let is_so = |system: &&str| {
            let power = if Some(*system) == chosen { "Off" } else { "On" };
            sushy.power(system) == power && (chosen.is_some() || run.stderr.contains(*system))
        };
        if systems.iter().all(is_so) { Ok(()) } else { Err(format!("{choice}: {run:#?}")) }
    });
}

#[test]
fn a_power_cycle_is_one_reset_and_is_seen() {
    let identity = Identity::new(Kind::Issued);
    let sushy = Sushy::start_with(Front::Gunicorn, None, &[NODE], 3);
    let nginx = Nginx::start(&Setup::default(), &identity, &sushy.url());
    let run = Ours.insecurely_at(nginx.port()).lines(["method=cycle", "action=reboot"]).run();
    REBOOTED.check(Ours, &run, "cycle").unwrap();
    assert_eq!(sushy.power(NODE), "On");
    let requests = nginx.requests();
    let resets = requests.iter().filter(|request| request.method == "POST");
    let bodies: Vec<_> = resets.map(|request| request.body.as_str()).collect();
    assert_eq!(bodies, [r#"{"ResetType":"ForceRestart"}"#]);
    assert_eq!(connections(&requests), 1);
}

#[test]
fn what_the_emulator_cannot_do_is_no_success() {
    let place = Place::new(Way::Nginx(Setup::default()));
    // Differences `diag` and `list` of docs/differences.md.
    let actions = [
        (Python, "diag", REBOOTED),
        (
            Ours,
            "diag",
            Fails(
                "501 Not Implemented: Base.1.0.GeneralError \"Power state Nmi is not supported\"",
            ),
        ),
        (Python, "list", Says(0, "NOTICE: List option is not working on this device yet\n")),
        (Ours, "list", SILENT),
    ];
    for (who, action, outcome) in actions {
        let run = who.insecurely_at(place.port()).lines([format!("action={action}")]).run();
        outcome.check(who, &run, action).unwrap();
    }
    assert_eq!(place.sushy.power(NODE), "On");
}

#[test]
fn a_bmc_that_can_only_be_read_is_read() {
    let identity = Identity::new(Kind::Issued);
    let hall = Simhall::start();
    let setup = Setup { asks_password: true, ..Setup::default() };
    let nginx = Nginx::start(&setup, &identity, &hall.url());
    let refused = Fails("405 Method Not Allowed");
    let steps = [
        (true, "status", IS_ON),
        (true, "off", refused),
        (true, "reboot", refused),
        (false, "status", IS_OFF),
        (false, "off", WAS_OFF),
        (false, "on", refused),
    ];
    for who in BOTH {
        for (is_on, action, outcome) in steps {
            hall.switch(is_on);
            let agent = who.insecurely_at(nginx.port()).lines(["power_timeout=1"]);
            let path = format!("systems_uri={}", simhall::SYSTEM);
            let paths = if action == "status" { vec![String::new(), path] } else { vec![path] };
            for path in paths {
                let run = agent.clone().lines([&path, &format!("action={action}")]).run();
                outcome.check(who, &run, format!("{action} {path}")).unwrap();
            }
        }
    }
}
