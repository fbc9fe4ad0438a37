//! What a fence operation costs, with the programs that it is measured against beside it in the same run:
//!
//!     cargo bench --package fence-agents --bench performance
//!
//! Prints the tables of docs/performance.md. The peers are Debian packages; `tests/run` installs them.

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use bmc_sim::{Config, Power, Server, User};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use tokio::runtime::{Builder, Runtime};

type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// How often each operation is measured, unless the command line says otherwise.
const RUNS: usize = 25;
/// The first argument of this program when it is to measure a single run.
const MEASURE: &str = "--measure";

fn main() -> Result<ExitCode> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, command)) if first == MEASURE => measure(command),
        _ => {
            // cargo adds `--bench`.
            let runs = arguments.iter().find_map(|argument| argument.parse().ok()).unwrap_or(RUNS);
            compare(runs)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Runs one command, and prints what it took. A process of its own, because the system tells the usage of all children
/// together; and a small one, because their peak memory is never told smaller than its own.
fn measure(command: &[String]) -> Result<ExitCode> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let started = Instant::now();
    let output = Command::new(program).args(arguments).stderr(Stdio::null()).output()?;
    let wall = started.elapsed();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    println!("{} {cpu} {}", wall.as_micros(), usage.max_rss());
    let is_done = output.status.success();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn compare(runs: usize) -> Result<()> {
    let bmc = Bmc::start()?;
    for operation in [Operation::Status, Operation::Reboot] {
        let mut contestants = contestants(operation, &bmc);
        // Once for the caches, which is not counted.
        for contestant in &contestants {
            contestant.run(&bmc)?;
        }
        // In turns, so that whatever else the machine does falls on all of them.
        for _ in 0..runs {
            for contestant in &mut contestants {
                let cost = contestant.run(&bmc)?;
                contestant.costs.push(cost);
            }
        }
        print_table(operation, &contestants)?;
    }
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Status,
    Reboot,
}

/// A simulated BMC, which acts at once.
struct Bmc {
    server: Server,
    _runtime: Runtime,
}

impl Bmc {
    fn start() -> Result<Self> {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let config = Config::new(vec![User::administrator("admin", "secret")?]);
        let server = runtime.block_on(Server::start("127.0.0.1:0".parse()?, config))?;
        Ok(Self { server, _runtime: runtime })
    }

    fn datagrams(&self) -> u64 {
        let counts = self.server.datagrams();
        counts.received + counts.sent
    }
}

/// A program that can do the operation.
struct Contestant {
    name: &'static str,
    /// What it is run by: a shell, where it takes several programs or standard input.
    command: Vec<String>,
    costs: Vec<Cost>,
}

/// What one run took.
#[derive(Clone, Copy)]
struct Cost {
    wall: Duration,
    /// User and system time, with all that the program ran.
    cpu: Duration,
    kibibytes: u64,
    datagrams: u64,
}

impl Contestant {
    fn run(&self, bmc: &Bmc) -> Result<Cost> {
        bmc.server.set_power(Power::On);
        let before = bmc.datagrams();
        let output = Command::new(env::current_exe()?)
            .arg(MEASURE)
            .args(&self.command)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let failed = || format!("{} failed", self.name);
        if !output.status.success() || bmc.server.power() != Power::On {
            return Err(failed().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
        let [wall, cpu, kibibytes] = numbers[..] else { return Err(failed().into()) };
        Ok(Cost {
            wall: Duration::from_micros(wall),
            cpu: Duration::from_micros(cpu),
            kibibytes,
            datagrams: bmc.datagrams() - before,
        })
    }

    fn median<T: Ord + Copy>(&self, of: impl Fn(&Cost) -> T) -> Result<T> {
        let mut values: Vec<_> = self.costs.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().ok_or_else(|| "nothing was measured".into())
    }
}

fn contestants(operation: Operation, bmc: &Bmc) -> Vec<Contestant> {
    let port = bmc.server.address().port();
    let ours = env!("CARGO_BIN_EXE_fence_ipmilan");
    let contestant = |name, command| Contestant { name, command, costs: Vec::new() };
    vec![
        contestant("ours, suite 17", agent(ours, operation, port, "--cipher=17")),
        contestant("ours, suite 3", agent(ours, operation, port, "--cipher=3")),
        contestant("ours, suite found by itself", agent(ours, operation, port, "--lanplus")),
        contestant("Python, suite 17", agent(PYTHON, operation, port, "--cipher=17")),
        contestant("Python, suite 3", agent(PYTHON, operation, port, "--cipher=3")),
        contestant("Python, suite found by itself", agent(PYTHON, operation, port, "--lanplus")),
        contestant("ipmipower, suite 17", ipmipower(operation, port, 17)),
        contestant("ipmipower, suite 3", ipmipower(operation, port, 3)),
    ]
}

const PYTHON: &str = "/usr/sbin/fence_ipmilan";

fn agent(program: &str, operation: Operation, port: u16, suite: &str) -> Vec<String> {
    let action = match operation {
        Operation::Status => "status",
        Operation::Reboot => "reboot",
    };
    let arguments = format!(
        "--ip=127.0.0.1 --ipport={port} --username=admin --password=secret --lanplus {suite} \
         --power-wait=0 --action={action}"
    );
    words(&format!("{program} {arguments}"))
}

/// FreeIPMI has no reboot that waits for power to be off; this is what comes nearest.
fn ipmipower(operation: Operation, port: u16, suite: u8) -> Vec<String> {
    let power = format!(
        "ipmipower -D LAN_2_0 -h 127.0.0.1:{port} -u admin -p secret -l OPERATOR -I {suite}"
    );
    match operation {
        Operation::Status => words(&format!("{power} --stat")),
        Operation::Reboot => {
            let script = format!("{power} --off --wait-until-off && {power} --on --wait-until-on");
            vec!["sh".to_owned(), "-c".to_owned(), script]
        }
    }
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

/// A table in Markdown. The ratios are to the first row: how many times as much.
fn print_table(operation: Operation, contestants: &[Contestant]) -> Result<()> {
    let title = match operation {
        Operation::Status => "status",
        Operation::Reboot => "reboot (power_wait=0)",
    };
    let mut out = std::io::stdout().lock();
    writeln!(
        out,
        "| {title} | wall, ms | CPU, ms | peak memory, MiB | datagrams | wall, times ours | CPU, times ours |"
    )?;
    writeln!(out, "|---|---|---|---|---|---|---|")?;
    let first = contestants.first().ok_or("nobody to compare")?;
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let (best_wall, best_cpu) = (first.median(|cost| cost.wall)?, first.median(|cost| cost.cpu)?);
    for contestant in contestants {
        let wall = contestant.median(|cost| cost.wall)?;
        let cpu = contestant.median(|cost| cost.cpu)?;
        let least = contestant.costs.iter().map(|cost| cost.wall).min().unwrap_or_default();
        let most = contestant.costs.iter().map(|cost| cost.wall).max().unwrap_or_default();
        writeln!(
            out,
            "| {} | {:.1} ({:.1}-{:.1}) | {:.1} | {:.1} | {} | {:.1} | {:.1} |",
            contestant.name,
            milliseconds(wall),
            milliseconds(least),
            milliseconds(most),
            milliseconds(cpu),
            contestant.median(|cost| cost.kibibytes)? as f64 / 1024.0,
            contestant.median(|cost| cost.datagrams)?,
            wall.as_secs_f64() / best_wall.as_secs_f64(),
            cpu.as_secs_f64() / best_cpu.as_secs_f64(),
        )?;
    }
    writeln!(out)?;
    Ok(())
}
