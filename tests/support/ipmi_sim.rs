//! OpenIPMI's BMC simulator, started for one test.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::launcher::Launcher;
use super::port::free_port;

/// A BMC by people who know nothing of us. Its machine's power is a file, moved by a script.
pub struct IpmiSim {
    child: Child,
    address: SocketAddr,
    folder: TempDir,
    launcher: Launcher,
}

/// How a BMC is set up.
#[derive(Clone, Debug)]
pub struct Setup {
    /// Written in the configuration as it is: at most 19 bytes, no blanks.
    pub password: &'static str,
    /// `bmc_key`, at most 19 bytes.
    pub kg: Option<&'static str>,
    /// How long the machine takes to follow a command.
    pub delay: Duration,
    /// Whether the machine ignores a command to go off.
    pub never_off: bool,
    /// The authentication types of IPMI 1.5 that it offers, of `none md2 md5 straight`.
    pub auths: &'static str,
    /// Whether there is another controller behind it, at [`BEHIND`], with a machine of its own.
    pub behind: bool,
    /// Where it listens; on a free port of loopback, where nothing is said.
    pub address: Option<SocketAddr>,
    /// The command that its machine's power supply is; one of its own, where nothing is said. What this page tells of
    /// the machine is not true then.
    pub chassis: Option<String>,
    /// What it is started through.
    pub launcher: Launcher,
    /// Where its folder is; among those of the system, where nothing is said.
    pub parent: Option<PathBuf>,
}

/// Address of the controller behind the BMC.
pub const BEHIND: u8 = 0x30;

/// All that there are.
const AUTHS: &str = "none md2 md5 straight";

impl Default for Setup {
    fn default() -> Self {
        Self {
            password: "secret",
            kg: None,
            delay: Duration::ZERO,
            never_off: false,
            auths: AUTHS,
            behind: false,
            address: None,
            chassis: None,
            launcher: Launcher::default(),
            parent: None,
        }
    }
}

impl IpmiSim {
    /// A BMC with user "admin", password "secret" and a machine that is on.
    pub fn start() -> Self {
        Self::start_with(&Setup::default())
    }

    pub fn start_with(setup: &Setup) -> Self {
        let parent = setup.parent.clone().unwrap_or_else(std::env::temp_dir);
        let folder = tempfile::tempdir_in(parent).expect("a temporary folder");
        let own = || SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
        let address = setup.address.unwrap_or_else(own);
        fs::create_dir(folder.path().join("state")).expect("a state folder");
        write_chassis(&folder, setup);
        fs::write(folder.path().join("lan.conf"), lan_conf(&folder, address, setup))
            .expect("lan.conf");
        fs::write(folder.path().join("bmc.emu"), bmc_emu(setup)).expect("bmc.emu");
        let launcher = setup.launcher.clone();
        let child = started(&launcher, &folder);
        let sim = Self { child, address, folder, launcher };
        sim.set_power(true);
        sim.wait_until_it_answers();
        sim
    }

    /// The BMC dies and begins anew, with no session; its machine goes on.
    pub fn restart(&mut self) {
        self.kill();
        self.child.wait().expect("it ends");
        self.child = started(&self.launcher, &self.folder);
        self.wait_until_it_answers();
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The lines that an agent needs to reach it, without an action. Suite 3, because the Python agent cannot find
    /// out by itself here.
    pub fn lines(&self) -> Vec<String> {
        [
            &format!("ip={}", self.address.ip()),
            &format!("ipport={}", self.port()),
            "username=admin",
            "password=secret",
            "lanplus=1",
            "cipher=3",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Whether the machine is on, by now.
    pub fn is_on(&self) -> bool {
        self.is_machine_on("m")
    }

    /// Whether the machine of the controller behind the BMC is on, by now.
    pub fn is_behind_on(&self) -> bool {
        self.is_machine_on("behind")
    }

    fn is_machine_on(&self, machine: &str) -> bool {
        let output =
            Command::new(self.chassis()).args([machine, "get", "power"]).output().expect("chassis");
        output.stdout.starts_with(b"power:1")
    }

    pub fn set_power(&self, on: bool) {
        for file in ["power", "power-behind"] {
            let state = if on { "1 0" } else { "0 0" };
            fs::write(self.folder.path().join(file), state).expect("a file for the power");
        }
    }

    /// The power commands that the machine got, in order: `set power 0` and the like; `behind set power 0`, if it was
    /// the one behind.
    pub fn commands(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().map(str::to_owned).collect()
    }

    pub fn process_id(&self) -> u32 {
        self.child.id()
    }

    /// The BMC dies; its machine lives on.
    pub fn kill(&self) {
        let id = self.process_id().to_string();
        let _ = Command::new("kill").args(["-KILL", &id]).status();
    }

    fn chassis(&self) -> PathBuf {
        self.folder.path().join("chassis")
    }

    fn wait_until_it_answers(&self) {
        let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
        socket.connect(self.address).expect("a way there");
        socket.set_read_timeout(Some(Duration::from_millis(20))).expect("a time-out");
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            // ASF presence ping
            let _ = socket.send(&[6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 1, 0, 0]);
            if socket.recv(&mut [0; 64]).is_ok() {
                return;
            }
        }
        panic!("ipmi_sim does not answer at {}", self.address);
    }
}

impl Drop for IpmiSim {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn started(launcher: &Launcher, folder: &TempDir) -> Child {
    let path = |name: &str| folder.path().join(name);
    launcher
        .command("ipmi_sim")
        .arg("-c")
        .arg(path("lan.conf"))
        .arg("-f")
        .arg(path("bmc.emu"))
        .arg("-s")
        .arg(path("state"))
        .arg("-n")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ipmi_sim starts: run ./tests/run, which installs it")
}

fn bmc_emu(setup: &Setup) -> String {
    let mut emu = "mc_setbmc 0x20\n".to_owned();
    for address in [0x20].into_iter().chain(setup.behind.then_some(BEHIND)) {
        let _ = writeln!(emu, "mc_add {address:#x} 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02");
        let _ = writeln!(emu, "sel_enable {address:#x} 1000 0x0a");
        let _ = writeln!(emu, "mc_enable {address:#x}");
    }
    emu
}

fn lan_conf(folder: &TempDir, address: SocketAddr, setup: &Setup) -> String {
    let mut conf = "name \"bmc\"\nset_working_mc 0x20\nstartlan 1\n".to_owned();
    let _ = writeln!(conf, "  addr {} {}", address.ip(), address.port());
    conf.push_str("  priv_limit admin\n");
    for level in ["callback", "user", "operator", "admin"] {
        let _ = writeln!(conf, "  allowed_auths_{level} {}", setup.auths);
    }
    conf.push_str("  guid a123456789abcdefa123456789abcdef\n");
    if let Some(kg) = setup.kg {
        let _ = writeln!(conf, "  bmc_key \"{kg}\"");
    }
    conf.push_str("endlan\n");
    let own = || format!("{}/chassis m", folder.path().display());
    let chassis = setup.chassis.clone().unwrap_or_else(own);
    let _ = writeln!(conf, "chassis_control \"{chassis}\"");
    let _ = writeln!(conf, "user 1 true \"\" \"\" user 10 {AUTHS}");
    for (number, level) in [(2, "admin"), (3, "operator"), (4, "user"), (5, "callback")] {
        let password = setup.password;
        let _ = writeln!(conf, "user {number} true \"{level}\" \"{password}\" {level} 10 {AUTHS}");
    }
    if setup.behind {
        let _ = writeln!(conf, "set_working_mc {BEHIND:#x}");
        let _ = writeln!(conf, "chassis_control \"{}/chassis behind\"", folder.path().display());
    }
    conf
}

/// The machine: `power` holds the state, and when (in ms since the epoch) it becomes true; the other one until then.
/// The one behind has files of its own, but for the log.
fn write_chassis(folder: &TempDir, setup: &Setup) {
    let path = folder.path().join("chassis");
    let delay = setup.delay.as_millis();
    let never_off = u8::from(setup.never_off);
    let script = format!(
        r#"#!/bin/sh
cd "$(dirname "$0")" || exit 1
power=power log=
[ "$1" = m ] || {{ power=power-$1; log="$1 "; }}
shift
now() {{ date +%s%3N; }}
state() {{ read -r value at <$power; [ "$(now)" -ge "$at" ] && echo "$value" || echo $((1 - value)); }}
case "$1 $2 $3" in
"get power "*) echo "power:$(state)" ;;
"set power 0") echo "$log$*" >>log; [ {never_off} = 1 ] || [ "$(state)" = 0 ] || echo "0 $(($(now) + {delay}))" >$power ;;
"set power 1") echo "$log$*" >>log; [ "$(state)" = 1 ] || echo "1 $(($(now) + {delay}))" >$power ;;
*) echo "$log$*" >>log ;;
esac
"#
    );
    fs::write(&path, script).expect("the chassis script");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("executable");
}
