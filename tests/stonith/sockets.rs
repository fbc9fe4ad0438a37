//! Those who connect: strangers, the slow, the silent, and those who talk nonsense.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};

use super::{NEVER, ipmi};
use crate::support::controller::{Connection, Controller, NodeReply, Site};
use crate::support::sim::Sim;

fn controller() -> (Sim, Site, Controller) {
    let bmc = Sim::start();
    let site = Site::new();
    let controller = site.start(&(NEVER.to_owned() + &ipmi(&[("node1", bmc.lines())])));
    controller.wait_until_reachable(1);
    (bmc, site, controller)
}

/// It goes on for everybody else.
#[track_caller]
fn assert_well(controller: &Controller) {
    for (command, done) in [("off", "off"), ("on", "on")] {
        assert_eq!(controller.fence(command, &["node1"]), [NodeReply::success("node1", done)]);
    }
}

#[track_caller]
fn assert_refused(answer: Option<Value>, words: &str) {
    let answer = answer.expect("a refusal");
    assert_eq!(answer["reply"], "refused", "{answer}");
    assert!(answer["reason"].as_str().expect("a reason").contains(words), "{answer}");
}

#[test]
fn socket_and_directory_are_the_owners_alone() {
    let (_bmc, site, controller) = controller();
    let mode = |path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o7777;
    assert_eq!(mode(site.run_directory()), 0o700);
    assert_eq!(mode(site.socket()), 0o600);
    assert_eq!(mode(site.run_directory().join("test.lock")), 0o600);
    // Not even where the directory lets everybody in: the folder of the test, and that of the socket.
    for path in [site.path(""), site.run_directory()] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).expect("it is ours");
    }
    let connect = "import socket, sys\nsocket.socket(socket.AF_UNIX).connect(sys.argv[1])";
    let run = as_nobody(&site, connect);
    assert!(String::from_utf8_lossy(&run.stderr).contains("PermissionError"), "{run:?}");
    // Where somebody has opened it to all, the kernel's word for who it is counts.
    std::fs::set_permissions(site.socket(), PermissionsExt::from_mode(0o666)).expect("it is ours");
    let listen = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.connect(sys.argv[1])\n\
                  print(s.recv(1000).decode())";
    let run = as_nobody(&site, listen);
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(said.contains("you are not the owner of this controller"), "{run:?}");
    assert_well(&controller);
}

/// What comes of a script in Python that gets the socket's path, as a user without any rights.
fn as_nobody(site: &Site, script: &str) -> Output {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
    command.args(["/usr/bin/python3", "-c", script]).arg(site.socket());
    command.output().expect("setpriv is there")
}

#[test]
fn a_directory_that_others_may_write_to_is_refused() {
    let bmc = Sim::start();
    let site = Site::new();
    std::fs::create_dir(site.run_directory()).expect("a directory");
    std::fs::set_permissions(site.run_directory(), PermissionsExt::from_mode(0o777)).expect("ours");
    let controller = site.start_called("test", &ipmi(&[("node1", bmc.lines())]));
    assert_eq!(controller.end().code(), Some(1));
    let log = std::fs::read_to_string(site.path("test.log")).expect("a log");
    assert!(log.contains("it is open to others than its owner"), "{log}");
    assert_eq!(bmc.sessions(), (0, 0));
}

#[test]
fn nonsense_is_answered_and_hung_up_on() {
    let (_bmc, _site, controller) = controller();
    for (line, words) in [
        ("", "no line of the protocol"),
        ("off node1", "no line of the protocol"),
        ("{}", "missing field `version`"),
        (r#"{"version":1}"#, "missing field `request`"),
        (r#"{"version":2,"request":"stop"}"#, "version 2 of the protocol is not spoken here"),
        (r#"{"version":1,"request":"explode"}"#, "unknown variant"),
        (r#"{"version":1,"request":"fence","nodes":["node1"],"command":"off"}"#, "missing field"),
        (
            r#"{"version":1,"request":"fence","nodes":["node1"],"command":"off","within_ms":-1}"#,
            "invalid value",
        ),
        ("\u{1b}[2J\u{0}", "no line of the protocol"),
    ] {
        let mut connection = controller.connect();
        writeln!(connection.stream, "{line}").expect("it reads");
        assert_refused(connection.answer(), words);
        assert_eq!(connection.answer(), None, "{line}");
    }
    // These are lines of the protocol, and the connection goes on.
    let mut connection = controller.connect();
    let none: [&str; 0] = [];
    let many: Vec<_> = (0..4097).map(|number| format!("n{number}")).collect();
    for nodes in [json!(none), json!(many)] {
        let request = json!({"request": "fence", "command": "off", "nodes": nodes, "within_ms": 1});
        assert_refused(Some(connection.ask(request)), "1 to 4096 can be asked for");
    }
    assert_eq!(connection.ask(json!({"request": "status"}))["reply"], "status");
    assert_well(&controller);
}

#[test]
fn a_line_without_end_is_not_kept_for_ever() {
    let (_bmc, _site, controller) = controller();
    let mut connection = controller.connect();
    let begin = controller.size().0;
    let chunk = vec![b'x'; 64 * 1024];
    // It hangs up after 256 KiB.
    let sent = (0..1000).take_while(|_| connection.stream.write_all(&chunk).is_ok()).count();
    assert!((4..100).contains(&sent), "{sent}");
    assert_refused(connection.answer(), "a line of more than 262144 bytes");
    assert!(controller.size().0 < begin + 4 * 1024, "{begin} KiB, {} KiB", controller.size().0);
    assert_well(&controller);
}

#[test]
fn connections_are_counted_and_places_come_free() {
    let (_bmc, site, controller) = controller();
    let idle: Vec<_> = (0..256).map(|_| controller.connect()).collect();
    // All of them are accepted by now, the last one at least.
    let mut more = controller.connect();
    assert_refused(more.answer(), "more than enough connections");
    assert_eq!(more.answer(), None);
    let run = site.agent().lines(["action=off", "plug=node1"]).run();
    run.expect_failure("refused the request: more than enough connections");
    drop(idle);
    controller.wait_for_place();
    assert_well(&controller);
}

#[test]
fn who_does_not_read_holds_nobody_up() {
    let (_bmc, _site, controller) = controller();
    let slow: Vec<_> = (0..8)
        .map(|_| {
            let mut stream = UnixStream::connect(controller.socket()).expect("it listens");
            stream.set_nonblocking(true).expect("a mode");
            let request = b"{\"version\":1,\"request\":\"targets\"}\n";
            // Until neither of us can go on.
            while stream.write_all(request).is_ok() {}
            stream
        })
        .collect();
    assert_well(&controller);
    assert!(controller.size().0 < 64 * 1024, "{} KiB", controller.size().0);
    drop(slow);
    // Half a request, and half a connection.
    let mut half = controller.connect();
    half.stream.write_all(b"{\"version\":1,").expect("it reads");
    assert_well(&controller);
    half.stream.shutdown(std::net::Shutdown::Write).expect("a socket");
    assert_eq!(half.answer(), None);
}

/// What somebody says who makes it up, always the same.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        // Xorshift.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self) -> Vec<u8> {
        let length = self.next() % 300;
        (0..length).map(|_| (self.next() % 256) as u8).collect()
    }
}

#[test]
fn whatever_comes_it_goes_on() {
    let (bmc, _site, controller) = controller();
    let mut noise = Noise(0x5eed);
    let good = [
        r#"{"version":1,"request":"status","probe":true,"watch":true,"within_ms":5000}"#,
        r#"{"version":1,"request":"targets","states":true,"within_ms":5000}"#,
        r#"{"version":1,"request":"power","node":"node1","within_ms":5000}"#,
        r#"{"version":1,"request":"await-device","within_ms":5000}"#,
        r#"{"version":1,"request":"reload"}"#,
        r#"{"version":1,"request":"fence","nodes":["node2"],"command":"off","within_ms":5000}"#,
    ];
    for round in 0..600 {
        let mut stream = UnixStream::connect(controller.socket()).expect("it listens");
        let mut text = match round % 3 {
            0 => noise.bytes(),
            // A line with some bytes that are wrong, or cut, or twice.
            _ => good[(noise.next() % good.len() as u64) as usize].as_bytes().to_vec(),
        };
        for _ in 0..noise.next() % 4 {
            let place = (noise.next() % text.len().max(1) as u64) as usize;
            match noise.next() % 3 {
                0 => text.truncate(place),
                1 => text.splice(place.min(text.len()).., noise.bytes()).for_each(drop),
                _ => text.iter_mut().skip(place).take(1).for_each(|byte| *byte ^= 1 << (round % 8)),
            }
        }
        text.push(b'\n');
        let _ = stream.write_all(&text);
        if round % 2 == 0 {
            stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a time-out");
            let _ = stream.read(&mut [0; 1000]);
        }
    }
    assert_well(&controller);
    assert_eq!(bmc.sessions(), (1, 0));
    assert_eq!(controller.status()["pid"], controller.id());
}

/// The first 64 at once, then 64 a second.
#[test]
fn a_flood_of_requests_is_slowed_down_and_others_are_not() {
    let (_bmc, _site, controller) = controller();
    let mut flood = controller.connect();
    for _ in 0..200 {
        flood.send(json!({"request": "status"}));
    }
    let begin = std::time::Instant::now();
    let answered = |flood: &mut Connection, count| {
        (0..count).for_each(|_| assert_eq!(flood.answer().expect("an answer")["reply"], "status"));
    };
    answered(&mut flood, 64);
    assert_well(&controller);
    answered(&mut flood, 136);
    assert!(begin.elapsed() > Duration::from_secs(1), "{:?}", begin.elapsed());
}
