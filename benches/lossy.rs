//! Who gets through a bad network, and how fast, with the programs that it is measured against beside it in the same
//! run:
//!
//!     cargo bench --package fence-agents --bench lossy
//!
//! Prints the tables of docs/performance.md, and on standard error what the calls said that did not get through. After
//! `--`: a number of calls other than 50; `ours` leaves the others out. The peers are Debian packages; `tests/run`
//! installs them.

use std::env;
use std::error::Error;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bmc_sim::{Link, LinkConfig, NetworkConfig};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::runtime::Builder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// How many status calls each contestant makes, unless the command line says otherwise.
const CALLS: u64 = 50;
/// How many of them at a time.
const AT_A_TIME: usize = 10;
/// After which time a call has not got through, whatever it may still do.
const LIMIT: Duration = Duration::from_secs(60);
/// Each way.
const DELAY: Duration = Duration::from_millis(25);
/// Each way, in percent.
const LOSSES: [u32; 4] = [0, 10, 20, 30];

fn main() -> Result<()> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    // cargo adds `--bench`.
    let calls = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(CALLS);
    // Ours is the first one.
    let how_many = if arguments.iter().any(|argument| argument == "ours") { 1 } else { 3 };
    // The links must be served while the agents take all the processors that there are.
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    for protocol in [Protocol::Ipmi20, Protocol::Ipmi15] {
        print_head(protocol);
        for loss in LOSSES {
            for contestant in contestants(protocol).into_iter().take(how_many) {
                let results = runtime.block_on(call_many(contestant, loss, calls))?;
                print_row(&contestant, loss, &results)?;
            }
        }
        println!();
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Protocol {
    Ipmi20,
    Ipmi15,
}

/// A program that can tell whether power is on.
#[derive(Clone, Copy)]
struct Contestant {
    name: &'static str,
    program: &'static str,
    arguments: &'static str,
    address: Address,
    /// What it prints when power is on.
    on: &'static str,
}

/// How a program wants to be told where the BMC is.
#[derive(Clone, Copy)]
enum Address {
    IpAndPort,
    HostAndPort,
}

fn contestants(protocol: Protocol) -> [Contestant; 3] {
    let agent = |name, program| Contestant {
        name,
        program,
        arguments: match protocol {
            Protocol::Ipmi20 => {
                "--action=status --username=admin --password=secret --lanplus --cipher=3"
            }
            Protocol::Ipmi15 => "--action=status --username=admin --password=secret",
        },
        address: Address::IpAndPort,
        on: "Status: ON",
    };
    let ipmipower = Contestant {
        name: "ipmipower",
        program: "ipmipower",
        arguments: match protocol {
            // Without the workaround it does not find the user of an ipmi_sim.
            Protocol::Ipmi20 => {
                "--stat -D LAN_2_0 -I 3 -W opensesspriv -l ADMIN -u admin -p secret"
            }
            Protocol::Ipmi15 => "--stat -D LAN -l ADMIN -u admin -p secret",
        },
        address: Address::HostAndPort,
        on: ": on",
    };
    let ours = agent("ours", env!("CARGO_BIN_EXE_fence_ipmilan"));
    [ours, agent("Python", "/usr/sbin/fence_ipmilan"), ipmipower]
}

/// What became of a call.
struct Call {
    /// How long it took, if it got through.
    time: Option<Duration>,
    /// How many datagrams the program sent.
    datagrams: u64,
}

/// To a BMC of its own, because sessions that are lost stay open there for a while.
async fn call_many(contestant: Contestant, loss: u32, calls: u64) -> Result<Vec<Call>> {
    let bmc = IpmiSim::start()?;
    let network =
        NetworkConfig { loss: f64::from(loss) / 100.0, delay: DELAY, ..NetworkConfig::default() };
    let permits = Arc::new(Semaphore::new(AT_A_TIME));
    let address = bmc.address;
    let mut running = JoinSet::new();
    for seed in 0..calls {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        running.spawn(async move {
            let result = call(contestant, address, LinkConfig::new(network, seed)).await;
            drop(permit);
            result
        });
    }
    let results = running.join_all().await;
    drop(bmc);
    results.into_iter().collect()
}

/// Over a link of its own, so that its datagrams are counted, and that each contestant's first call meets the same
/// network, and its second.
async fn call(contestant: Contestant, bmc: SocketAddr, link: LinkConfig) -> Result<Call> {
    let link = Link::start((Ipv4Addr::LOCALHOST, 0).into(), bmc, link).await?;
    let mut command = contestant.command(link.address());
    let started = Instant::now();
    let output = tokio::time::timeout(LIMIT, command.output()).await;
    let time = started.elapsed();
    let failure = match output {
        // It is killed.
        Err(_) => Some("no end".to_owned()),
        Ok(output) => contestant.failure(&output?),
    };
    if let Some(failure) = &failure {
        eprintln!("{}: {failure}", contestant.name);
    }
    let time = failure.is_none().then_some(time);
    Ok(Call { time, datagrams: link.counts().to_bmc.sent })
}

impl Contestant {
    fn command(&self, address: SocketAddr) -> Command {
        let mut command = Command::new(self.program);
        command.args(self.arguments.split(' '));
        match self.address {
            Address::IpAndPort => command
                .arg(format!("--ip={}", address.ip()))
                .arg(format!("--ipport={}", address.port())),
            Address::HostAndPort => command.arg("-h").arg(address.to_string()),
        };
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }

    /// What it said, if that was not that power is on.
    fn failure(&self, output: &Output) -> Option<String> {
        let said = String::from_utf8_lossy(&output.stdout);
        if output.status.success() && said.trim_end().ends_with(self.on) {
            return None;
        }
        Some(format!("{}{}", said, String::from_utf8_lossy(&output.stderr)).trim_end().to_owned())
    }
}

/// OpenIPMI's BMC, whose machine is on for ever. It is not the one of the tests, because asking that one's machine
/// takes so long that ten callers at a time wait for each other.
struct IpmiSim {
    address: SocketAddr,
    _child: Child,
    _folder: TempDir,
}

impl IpmiSim {
    fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        fs::create_dir(folder.path().join("state"))?;
        fs::write(folder.path().join("lan.conf"), lan_conf(address))?;
        fs::write(folder.path().join("bmc.emu"), BMC_EMU)?;
        let child = Command::new("ipmi_sim")
            .current_dir(folder.path())
            .args(["-c", "lan.conf", "-f", "bmc.emu", "-s", "state", "-n"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        wait_for_pong(address)?;
        Ok(Self { address, _child: child, _folder: folder })
    }
}

const BMC_EMU: &str = "mc_setbmc 0x20
mc_add 0x20 0 no-device-sdrs 0x23 9 8 0x9f 0x1291 0xf02
sel_enable 0x20 1000 0x0a
mc_enable 0x20
";

fn lan_conf(address: SocketAddr) -> String {
    let (ip, port) = (address.ip(), address.port());
    format!(
        r#"name "bmc"
set_working_mc 0x20
startlan 1
  addr {ip} {port}
  priv_limit admin
  allowed_auths_callback none md2 md5 straight
  allowed_auths_user none md2 md5 straight
  allowed_auths_operator none md2 md5 straight
  allowed_auths_admin none md2 md5 straight
  guid a123456789abcdefa123456789abcdef
endlan
chassis_control "echo power:1 #"
user 1 true "" "" user 10 none md2 md5 straight
user 2 true "admin" "secret" admin 10 none md2 md5 straight
"#
    )
}

fn wait_for_pong(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
    socket.connect(address)?;
    socket.set_read_timeout(Some(Duration::from_millis(20)))?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(10) {
        // ASF presence ping
        let _ = socket.send(&[6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 1, 0, 0]);
        if socket.recv(&mut [0; 64]).is_ok() {
            return Ok(());
        }
    }
    Err("ipmi_sim does not answer".into())
}

/// A table in Markdown.
fn print_head(protocol: Protocol) {
    let title = match protocol {
        Protocol::Ipmi20 => "IPMI 2.0, suite 3",
        Protocol::Ipmi15 => "IPMI 1.5",
    };
    println!("| {title} | loss each way | got through | median, s | p95, s | datagrams sent |");
    println!("|---|---|---|---|---|---|");
}

fn print_row(contestant: &Contestant, loss: u32, calls: &[Call]) -> Result<()> {
    let times: Vec<_> = calls.iter().filter_map(|call| call.time).collect();
    let datagrams: Vec<_> = calls.iter().map(|call| call.datagrams).collect();
    let seconds = |time: Option<Duration>| {
        time.map_or("-".to_owned(), |time| format!("{:.2}", time.as_secs_f64()))
    };
    let number = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
    // One row takes a minute: shown as soon as it is there.
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| {} | {loss} % | {}/{} | {} | {} | {} ({}) |",
        contestant.name,
        times.len(),
        calls.len(),
        seconds(percentile(&times, 50)),
        seconds(percentile(&times, 95)),
        number(percentile(&datagrams, 50)),
        number(percentile(&datagrams, 100)),
    )?;
    out.flush()?;
    Ok(())
}

/// The smallest value that so many percent are not above.
fn percentile<T: Ord + Copy>(values: &[T], percent: usize) -> Option<T> {
    let mut values = values.to_vec();
    values.sort_unstable();
    let rank = (values.len() * percent).div_ceil(100);
    values.get(rank.saturating_sub(1)).copied()
}
