//! `fence_redfish`, and Debian's Python agent beside it, against Redfish services that nobody here wrote: the emulator of
//! sushy-tools, whose machines can be switched, and simhall's, whose cannot; with nginx before them for what web servers
//! of BMCs do. What came of it is read at the service, and what was asked in nginx's log.

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

/// Who there is.
const BOTH: &[Who] = &[Who::Python, Who::Ours];

/// Ours, while it is not there.
const OURS: Option<&str> = option_env!("CARGO_BIN_EXE_fence_redfish");

fn both() -> Vec<Who> {
    BOTH.iter().copied().filter(|&who| who == Who::Python || OURS.is_some()).collect()
}

impl Who {
    fn agent(self) -> Agent {
        match self {
            Self::Python => Agent::python("fence_redfish"),
            Self::Ours => Agent::at(OURS.expect("it is built")),
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

/// What a run comes to: exit code and standard output.
type Outcome = (i32, &'static str);

const FAILS: Outcome = (1, "");
const IS_ON: Outcome = (0, "Status: ON\n");

fn check(run: &Run, (code, stdout): Outcome, about: impl fmt::Display) -> Result<(), String> {
    let is_met = run.code == Some(code) && run.stdout == stdout;
    if is_met { Ok(()) } else { Err(format!("{about}: wanted {code} {stdout:?}: {run:#?}")) }
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
    vec![
        ("its own server", Way::Direct(Front::Own)),
        ("gunicorn", Way::Direct(Front::Gunicorn)),
        ("keep-alive", Way::Nginx(plain)),
        ("HTTP/2", Way::Nginx(Setup { http2: true, ..plain })),
        ("2 requests a connection", Way::Nginx(Setup { requests: 2, ..plain })),
        (
            "2 requests a connection of HTTP/2",
            Way::Nginx(Setup { requests: 2, http2: true, ..plain }),
        ),
        ("idle for a second", Way::Nginx(Setup { idle: 1, ..plain })),
        ("redirects to a slash", Way::Nginx(Setup { redirect: Redirect::Slash, ..plain })),
    ]
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
    ("monitor", (0, ""), "On"),
    ("on", (0, "Success: Already ON\n"), "On"),
    ("off", (0, "Success: Powered OFF\n"), "Off"),
    ("status", (2, "Status: OFF\n"), "Off"),
    ("off", (0, "Success: Already OFF\n"), "Off"),
    ("on", (0, "Success: Powered ON\n"), "On"),
    ("reboot", (0, "Success: Rebooted\n"), "On"),
];

#[test]
fn every_action_works_on_every_way_and_the_power_is_so_at_the_service() {
    let mut walks = Vec::new();
    for (name, way) in ways() {
        // Which speaks HTTP/1.1, and no two requests over a connection.
        if !matches!(way, Way::Nginx(Setup { http2: true, .. } | Setup { idle: 1, .. })) {
            walks.push((name, way, Who::Python, false));
        }
        if OURS.is_some() {
            walks.push((name, way, Who::Ours, false));
            walks.push((name, way, Who::Ours, true));
        }
    }
    check_all(walks, |&(name, way, who, knows_path)| {
        let place = Place::new(way);
        WALK.iter().try_for_each(|step| {
            take(&place, who, knows_path, step)
                .map_err(|failure| format!("{name}, {who:?}, path given: {knows_path}: {failure}"))
        })
    });
}

fn take(
    place: &Place,
    who: Who,
    knows_path: bool,
    &(action, outcome, power): &Step,
) -> Result<(), String> {
    let before = place.requests().len();
    let mut agent = who.insecurely_at(place.port()).lines([format!("action={action}")]);
    if knows_path {
        agent = agent.lines([format!("systems_uri={}", place.sushy.path(NODE))]);
    }
    check(&agent.run(), outcome, action)?;
    let requests = &place.requests()[before..];
    if place.sushy.power(NODE) != power {
        return Err(format!("{action} does not leave it {power}"));
    }
    let used = connections(requests);
    if who == Who::Ours && used > place.most_connections(requests.len()) {
        return Err(format!("{action} took {used} connections: {requests:#?}"));
    }
    Ok(())
}

#[test]
fn a_redirect_to_elsewhere_gets_no_credentials() {
    let identity = Identity::new(Kind::Issued);
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let elsewhere =
        [Redirect::SaysHttp, Redirect::ThroughClear, Redirect::OtherPort, Redirect::OtherName];
    check_all(elsewhere.to_vec(), |&redirect| {
        both().into_iter().try_for_each(|who| {
            let setup = Setup { redirect, ..Setup::default() };
            let nginx = Nginx::start(&setup, &identity, &sushy.url());
            let run = who.insecurely_at(nginx.port()).lines(["action=off"]).run();
            check(&run, FAILS, format!("{redirect:?}, {who:?}"))?;
            let mut requests = nginx.requests();
            requests.retain(|request| request.has_credentials && request.origin != nginx.origin());
            let is_well = requests.is_empty() && sushy.power(NODE) == "On";
            if is_well { Ok(()) } else { Err(format!("{redirect:?}, {who:?}: {requests:#?}")) }
        })
    });
}

/// How a certificate is to be checked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Trust {
    /// By the system's authorities.
    Default,
    /// By the same, in words.
    NotInsecure,
    Insecure,
    /// By the environment's authorities.
    Environment(&'static str),
    /// By its fingerprint.
    Fingerprint,
}

impl Trust {
    fn apply(self, agent: Agent, identity: &Identity) -> Agent {
        let bundle = identity.bundle();
        let bundle = bundle.to_str().expect("text");
        match self {
            Self::Default => agent,
            Self::NotInsecure => agent.lines(["ssl_insecure=0"]),
            Self::Insecure => agent.lines(["ssl_insecure=1"]),
            Self::Environment(name) => agent.environment(name, bundle),
            Self::Fingerprint => {
                agent.lines([format!("ssl_fingerprint={}", identity.fingerprint())])
            }
        }
    }
}

#[test]
fn certificates_count_as_they_should() {
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let kinds = [
        (Kind::Issued, true),
        (Kind::SelfSigned, true),
        (Kind::SelfSignedLeaf, true),
        (Kind::Rsa, true),
        (Kind::OldRsa, false),
        (Kind::Version1, true),
        (Kind::Expired, false),
        (Kind::OtherHost, false),
        (Kind::NameOnly, true),
    ];
    let ways = [
        (Trust::Default, false),
        (Trust::NotInsecure, true),
        (Trust::Insecure, true),
        (Trust::Environment("REQUESTS_CA_BUNDLE"), true),
        (Trust::Environment("SSL_CERT_FILE"), false),
        (Trust::Fingerprint, false),
    ];
    check_all(kinds.to_vec(), |&(kind, is_sound)| {
        let identity = Identity::new(kind);
        let setup = Setup { ciphers: "DEFAULT:@SECLEVEL=0", ..Setup::default() };
        let nginx = Nginx::start(&setup, &identity, &sushy.url());
        ways.iter().try_for_each(|&(trust, python)| {
            let agent = trust.apply(Who::Python.at(nginx.port()), &identity);
            let run = agent.lines(["action=status"]).run();
            let works = python && (is_sound || !matches!(trust, Trust::Environment(_)));
            check(&run, if works { IS_ON } else { FAILS }, format!("{kind:?}, {trust:?}"))
        })
    });
}

#[test]
fn old_protocols_are_spoken_or_named() {
    let sushy = Sushy::start(Front::Gunicorn, None, &[NODE]);
    let identity = Identity::new(Kind::Rsa);
    let protocols = [
        ("TLSv1.3", "DEFAULT", IS_ON),
        ("TLSv1.2", "DEFAULT", IS_ON),
        ("TLSv1.2", "AES128-SHA256:AES128-GCM-SHA256", IS_ON),
        ("TLSv1.2", "ECDHE-RSA-AES128-SHA256", IS_ON),
        ("TLSv1.1", "DEFAULT:@SECLEVEL=0", FAILS),
    ];
    check_all(protocols.to_vec(), |&(protocols, ciphers, python)| {
        let setup = Setup { protocols, ciphers, ..Setup::default() };
        let nginx = Nginx::start(&setup, &identity, &sushy.url());
        let run = Who::Python.insecurely_at(nginx.port()).lines(["action=status"]).run();
        check(&run, python, format!("{protocols} {ciphers}"))
    });
}

#[test]
fn a_bmc_that_can_only_be_read_is_read() {
    let identity = Identity::new(Kind::Issued);
    let hall = Simhall::start();
    let setup = Setup { asks_password: true, ..Setup::default() };
    let nginx = Nginx::start(&setup, &identity, &hall.url());
    let steps = [
        (true, "status", IS_ON),
        (true, "off", FAILS),
        (false, "status", (2, "Status: OFF\n")),
        (false, "off", (0, "Success: Already OFF\n")),
        (false, "on", FAILS),
    ];
    for who in both() {
        for path in ["", simhall::SYSTEM] {
            for (is_on, action, outcome) in steps {
                hall.switch(is_on);
                let agent = who.insecurely_at(nginx.port()).lines(["power_timeout=1"]);
                let lines = [format!("systems_uri={path}"), format!("action={action}")];
                let lines = lines.iter().filter(|line| !line.ends_with('='));
                check(&agent.lines(lines).run(), outcome, format!("{who:?}, {action}, {path}"))
                    .unwrap();
            }
        }
    }
}
