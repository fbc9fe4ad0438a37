//! The unit file, and what systemd is told, where it started the controller.

use std::io::ErrorKind;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use std::{env, fs};

use super::programs::{PLUGS, install};
use super::{NEVER, ipmi};
use crate::support::agent::{Agent, program};
use crate::support::controller::{Controller, INSTANCE, PATIENCE, Site};
use crate::support::peers::folder_of;
use crate::support::sim::Sim;

/// In its own words: it prints nothing of a unit file that is as it should be. Its library is in a package of its own.
#[test]
fn its_unit_file_is_as_systemd_wants_it() {
    let unit = include_str!("../../packaging/systemd/stonith-controller@.service");
    // It looks for the program, which no test installs.
    let (installed, ours) = ("/usr/sbin/stonith-controller", program("stonith-controller"));
    let good = unit.replace(installed, ours);
    let misspelt = good.replace("Restart=on-failure", "Restart=on-failures");
    assert!(good != unit && misspelt != good, "{unit}");
    assert_eq!(verified(&good), "");
    assert!(verified(&misspelt).contains("on-failures"), "it is able to complain");
}

fn verified(unit: &str) -> String {
    let site = Site::new();
    site.write("stonith-controller@.service", unit);
    let systemd = folder_of("SYSTEMD");
    let others = systemd.join("lib/systemd/system");
    let libraries = [&systemd, &systemd.with_file_name("libsystemd-shared")]
        .map(|package| package.join(format!("usr/lib/{}-linux-gnu/systemd", env::consts::ARCH)));
    let list =
        |paths: &[PathBuf]| env::join_paths(paths).expect("paths").into_string().expect("text");
    let instance = site.path("stonith-controller@rack1.service");
    let run = Agent::at(systemd.join("usr/bin/systemd-analyze"))
        .arguments(["verify", "--man=no", instance.to_str().expect("text")])
        .environment("LD_LIBRARY_PATH", &list(&libraries))
        .environment("SYSTEMD_UNIT_PATH", &list(&[site.path(""), others]))
        .run();
    assert_eq!((run.code, run.stdout.as_str()), (Some(0), ""), "{run:?}");
    run.stderr
}

/// The socket of a service manager.
struct Manager {
    socket: UnixDatagram,
}

impl Manager {
    fn start(site: &Site, config: &str, watchdog: Duration) -> (Self, Controller) {
        let path = site.path("notify");
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
        let mut controller = site.start_with(INSTANCE, config, |command| {
            command
                .env("NOTIFY_SOCKET", &path)
                .env("WATCHDOG_USEC", watchdog.as_micros().to_string());
        });
        controller.wait_until_it_listens();
        (Self { socket }, controller)
    }

    /// The next message.
    #[track_caller]
    fn told(&self) -> String {
        let mut buffer = [0; 4096];
        // The end of a child of another test may interrupt a wait with a time-out, which nobody else begins anew.
        let length = loop {
            match self.socket.recv(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                read => break read.expect("a message in time"),
            }
        };
        String::from_utf8(buffer[..length].to_vec()).expect("text")
    }

    /// The next message with this in it.
    #[track_caller]
    fn wait_for(&self, words: &str) -> String {
        loop {
            let told = self.told();
            if told.contains(words) {
                return told;
            }
        }
    }
}

#[test]
fn it_hears_when_it_is_ready_how_it_is_and_when_it_ends() {
    let (one, dead) = (Sim::start(), Sim::start_with(|config| config.faults.silent = true));
    let site = Site::new();
    let config = NEVER.to_owned() + &ipmi(&[("node1", one.lines()), ("node2", dead.lines())]);
    let (manager, controller) = Manager::start(&site, &config, Duration::from_millis(500));
    assert_eq!(manager.told(), "READY=1\n");
    // It listens already.
    controller.status();
    let told = manager.wait_for("STATUS=1 of 2 devices answer\n");
    assert!(told.contains("WATCHDOG=1\n"), "{told}");
    let begin = Instant::now();
    for _ in 0..8 {
        manager.wait_for("WATCHDOG=1");
    }
    assert!(begin.elapsed() > Duration::from_millis(500), "it is no flood: {:?}", begin.elapsed());
    controller.signal("TERM");
    assert_eq!(manager.wait_for("STOPPING"), "STOPPING=1\n");
    assert!(controller.end().success());
}

/// The watchdog must not take a program that says slowly what it is for the end of the controller.
#[test]
fn it_hears_that_the_controller_is_alive_while_the_targets_are_read_anew() {
    let site = Site::new();
    let folder = site.path("agents");
    let slow = PLUGS.replace("metadata)\n", "metadata)\n    [ ! -e \"$0.slow\" ] || sleep 3\n");
    install(&folder, "fence_plugs", &slow);
    let plugs = site.write("plugs", "node1 on\n");
    let config = format!(
        "{NEVER}agent = \"fence_plugs\"\nagent_directories = [{folder:?}]\n\
         hostlist = \"node1\"\n[parameters]\nip = \"pdu\"\nplugs = {plugs:?}\n"
    );
    let (manager, controller) = Manager::start(&site, &config, Duration::from_millis(600));
    controller.wait_until_reachable(1);
    fs::write(folder.join("fence_plugs.slow"), "").expect("a file");
    let begin = Instant::now();
    controller.signal("HUP");
    let mut last = begin;
    while begin.elapsed() < Duration::from_secs(2) {
        manager.wait_for("WATCHDOG=1");
        last = Instant::now();
    }
    assert!(last.elapsed() < Duration::from_secs(1));
    // Nor is the end held up by it.
    controller.signal("TERM");
    manager.wait_for("STOPPING=1");
    assert!(controller.end().success());
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}
