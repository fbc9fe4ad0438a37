//! What a fencing through the controller costs, beside a fence agent that logs in first, and beside one bare round trip
//! to the same simulated BMC; and what memory a device takes:
//!
//!     cargo bench --package fence-agents --bench controller
//!
//! Prints the tables of docs/performance.md. After `--`: a number of runs other than 25.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, UdpSocket};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bmc_sim::{Config, EventKind, Farm, FarmConfig, Power, Server, User};
use ipmi_lan::wire::{Datagram, PresencePing};
use tempfile::TempDir;
use tokio::runtime::Builder;

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How often each way is measured, unless the command line says otherwise.
const RUNS: usize = 25;
/// How many devices the memory is measured with.
const DEVICES: usize = 1000;
/// No start of a controller takes longer.
const START: Duration = Duration::from_secs(60);

fn main() -> Result<()> {
    let runs = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
    compare_times(runs)?;
    compare_memory()
}

/// One way to the BMC, and what it took each time.
struct Way {
    name: &'static str,
    took: Vec<Duration>,
}

fn compare_times(runs: usize) -> Result<()> {
    let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let config = Config::new(vec![User::administrator("admin", "secret")?]);
    let bmc = runtime.block_on(Server::start("127.0.0.1:0".parse()?, config))?;
    let controller = Controller::start(&[bmc.address()])?;
    let udp = UdpSocket::bind("127.0.0.1:0")?;
    udp.connect(bmc.address())?;
    udp.set_read_timeout(Some(Duration::from_secs(1)))?;
    let mut ways = [
        "bare UDP round trip (presence ping and pong)",
        "start of a fence agent (`fence_controller --version`)",
        "controller, over its socket: request to acknowledgement",
        "`fence_controller`: start of the process to acknowledgement",
        "`fence_ipmilan`: start of the process to acknowledgement",
    ]
    .map(|name| Way { name, took: Vec::new() });
    for run in 0..=runs {
        let took = [
            round_trip(&udp)?,
            started(&mut version())?,
            acknowledged(&bmc, || controller.ask_for_off())?,
            acknowledged(&bmc, || finished(&mut controller.agent()))?,
            acknowledged(&bmc, || finished(&mut cold(bmc.address())))?,
        ];
        // The first is for the caches.
        for (way, took) in ways.iter_mut().zip(took).filter(|_| run > 0) {
            way.took.push(took);
        }
    }
    print_times(&mut ways)
}

fn round_trip(udp: &UdpSocket) -> Result<Duration> {
    let begin = Instant::now();
    udp.send(&Datagram::PresencePing(PresencePing { tag: 1 }).to_bytes())?;
    udp.recv(&mut [0; 64])?;
    Ok(begin.elapsed())
}

fn version() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fence_controller"));
    command.arg("--version").stdout(Stdio::null());
    command
}

fn started(command: &mut Command) -> Result<Duration> {
    let begin = Instant::now();
    finished(command)?;
    Ok(begin.elapsed())
}

fn finished(command: &mut Command) -> Result<()> {
    if command.stdin(Stdio::null()).status()?.success() { Ok(()) } else { Err("it failed".into()) }
}

/// How long it takes from here until the BMC acknowledges that it has cut power.
fn acknowledged(bmc: &Server, off: impl FnOnce() -> Result<()>) -> Result<Duration> {
    bmc.set_power(Power::On);
    let known = bmc.events().len();
    let begin = Instant::now();
    off()?;
    let events = bmc.events();
    let mut new = events.iter().skip(known);
    let cut = new.find(|event| matches!(event.kind, EventKind::ChassisControl { .. }));
    let at = cut.ok_or("the BMC was not told")?.at;
    if bmc.power() == Power::Off { Ok(at - begin) } else { Err("the machine is on".into()) }
}

fn cold(bmc: SocketAddr) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fence_ipmilan"));
    command.args(["--ip=127.0.0.1", "--username=admin", "--password=secret", "--lanplus"]);
    command.args([&format!("--ipport={}", bmc.port()), "--action=off"]).stdout(Stdio::null());
    command
}

fn print_times(ways: &mut [Way]) -> Result<()> {
    println!(
        "| off, to the BMC's acknowledgement | median, ms | shortest, ms | longest, ms | bare round trips |"
    );
    println!("|---|---|---|---|---|");
    let mut bare = None;
    for way in ways {
        way.took.sort_unstable();
        let milliseconds = |time: Option<&Duration>| time.map_or(0.0, |t| t.as_secs_f64() * 1e3);
        let median = milliseconds(way.took.get(way.took.len() / 2));
        let bare = *bare.get_or_insert(median);
        println!(
            "| {} | {median:.2} | {:.2} | {:.2} | {:.1} |",
            way.name,
            milliseconds(way.took.first()),
            milliseconds(way.took.last()),
            median / bare,
        );
    }
    println!();
    Ok(())
}

fn compare_memory() -> Result<()> {
    let config = Config::new(vec![User::administrator("admin", "secret")?]);
    let farm = Farm::start(FarmConfig::new("127.66.0.1:0".parse()?, DEVICES, config))?;
    let addresses: Vec<_> = farm.addresses().collect();
    println!("| devices | memory of the controller, KiB | descriptors |");
    println!("|---|---|---|");
    let mut sizes = Vec::new();
    for count in [1, DEVICES] {
        let controller = Controller::start(addresses.get(..count).ok_or("too few")?)?;
        let (kibibytes, descriptors) = controller.size()?;
        println!("| {count} | {kibibytes} | {descriptors} |");
        sizes.push(kibibytes);
    }
    let [one, all] = sizes[..] else { return Err("not measured".into()) };
    println!("\nKiB a device: {:.1}", (all as f64 - one as f64) / (DEVICES - 1) as f64);
    Ok(())
}

/// A controller that has reached all its devices.
struct Controller {
    child: Child,
    folder: TempDir,
}

impl Controller {
    fn start(devices: &[SocketAddr]) -> Result<Self> {
        let folder = TempDir::new()?;
        let run = folder.path().join("run");
        let mut text = format!(
            "agent = \"fence_ipmilan\"\nrun_directory = \"{}\"\n\
             [parameters]\nusername = \"admin\"\npassword = \"secret\"\nlanplus = true\n",
            run.display()
        );
        for (index, device) in devices.iter().enumerate() {
            let (ip, port) = (device.ip(), device.port());
            writeln!(text, "[targets.node{index}]\nip = \"{ip}\"\nipport = {port}")?;
        }
        let path = folder.path().join("bench.toml");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).mode(0o600).open(&path)?.write_all(text.as_bytes())?;
        let child = Command::new(env!("CARGO_BIN_EXE_stonith-controller"))
            .args(["run".as_ref(), "--config".as_ref(), path.as_os_str()])
            .stderr(Stdio::null())
            .spawn()?;
        let controller = Self { child, folder };
        let begin = Instant::now();
        while !controller.has_reached_all()? {
            if begin.elapsed() > START {
                return Err("the controller does not reach its devices".into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(controller)
    }

    fn run_directory(&self) -> std::path::PathBuf {
        self.folder.path().join("run")
    }

    fn has_reached_all(&self) -> Result<bool> {
        let status = Command::new(env!("CARGO_BIN_EXE_stonith-controller"))
            .args(["status", "bench", "--run-directory"])
            .arg(self.run_directory())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()?;
        Ok(status.success())
    }

    /// Over its socket, as `fence_controller` does.
    fn ask_for_off(&self) -> Result<()> {
        let mut stream = UnixStream::connect(self.run_directory().join("bench.sock"))?;
        stream.write_all(
            b"{\"version\":1,\"request\":\"fence\",\"nodes\":[\"node0\"],\"command\":\"off\",\"within_ms\":10000}\n",
        )?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line)?;
        if line.contains("\"result\":\"success\"") { Ok(()) } else { Err(line.into()) }
    }

    fn agent(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fence_controller"));
        command.args(["--plug=node0", "--action=off", "--run-directory"]);
        command.arg(self.run_directory()).stdout(Stdio::null());
        command
    }

    /// Its memory in KiB, and how many descriptors it has open.
    fn size(&self) -> Result<(u64, usize)> {
        let process = Path::new("/proc").join(self.child.id().to_string());
        let status = fs::read_to_string(process.join("status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB")).ok_or("no VmRSS")?;
        Ok((kibibytes.parse()?, fs::read_dir(process.join("fd"))?.count()))
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
