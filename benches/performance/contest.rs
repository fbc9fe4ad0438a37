//! Programs that do the same to the same BMC, run in turns, and a table of what each of them took.

use std::env;
use std::error::Error;
use std::io::Write;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

pub(crate) type Result<T, E = Box<dyn Error>> = std::result::Result<T, E>;

/// The first argument of this program when it is to measure a single run.
pub(crate) const MEASURE: &str = "--measure";

/// Runs one command, and prints what it took. A process of its own, because the system tells the usage of all children
/// together; and a small one, because their peak memory is never told smaller than its own.
pub(crate) fn measure(command: &[String]) -> Result<ExitCode> {
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

/// A simulated BMC, which acts at once, and counts.
pub(crate) trait Bmc {
    /// What it counts: columns of the table.
    const COUNTED: &[&str];

    fn counts(&self) -> Vec<u64>;
    fn switch_on(&self);
    fn is_on(&self) -> bool;
}

/// A program that can do the operation.
pub(crate) struct Contestant {
    name: &'static str,
    /// What it is run by: a shell, where it takes several programs.
    command: Vec<String>,
    costs: Vec<Cost>,
}

/// What one run took.
#[derive(Clone)]
struct Cost {
    wall: Duration,
    /// User and system time, with all that the program ran.
    cpu: Duration,
    kibibytes: u64,
    /// What the BMC has counted.
    counts: Vec<u64>,
}

/// Runs each of them so often, and prints the table. It must leave the machine on.
pub(crate) fn compare<B: Bmc>(
    title: &str,
    bmc: &B,
    mut contestants: Vec<Contestant>,
    runs: usize,
) -> Result<()> {
    // Once for the caches, which is not counted.
    for contestant in &contestants {
        contestant.run(bmc)?;
    }
    // In turns, so that whatever else the machine does falls on all of them.
    for _ in 0..runs {
        for contestant in &mut contestants {
            let cost = contestant.run(bmc)?;
            contestant.costs.push(cost);
        }
    }
    print_table(title, B::COUNTED, &contestants)
}

impl Contestant {
    pub(crate) fn new(name: &'static str, command: Vec<String>) -> Self {
        Self { name, command, costs: Vec::new() }
    }

    fn run<B: Bmc>(&self, bmc: &B) -> Result<Cost> {
        bmc.switch_on();
        let before = bmc.counts();
        // With no more environment than pacemaker gives.
        let output = Command::new(env::current_exe()?)
            .arg(MEASURE)
            .args(&self.command)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()?;
        let failed = || format!("{} failed", self.name);
        if !output.status.success() || !bmc.is_on() {
            return Err(failed().into());
        }
        let text = String::from_utf8(output.stdout)?;
        let numbers: Vec<u64> = text.split_whitespace().flat_map(str::parse).collect();
        let [wall, cpu, kibibytes] = numbers[..] else { return Err(failed().into()) };
        Ok(Cost {
            wall: Duration::from_micros(wall),
            cpu: Duration::from_micros(cpu),
            kibibytes,
            counts: bmc.counts().iter().zip(before).map(|(after, before)| after - before).collect(),
        })
    }

    fn median<T: Ord + Copy>(&self, of: impl Fn(&Cost) -> T) -> Result<T> {
        let mut values: Vec<_> = self.costs.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied().ok_or_else(|| "nothing was measured".into())
    }
}

/// A table in Markdown. The ratios are to the first row: how many times as much.
fn print_table(title: &str, counted: &[&str], contestants: &[Contestant]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let joined = counted.join(" | ");
    writeln!(
        out,
        "| {title} | wall, ms | CPU, ms | peak memory, MiB | {joined} | wall, times ours | CPU, times ours |"
    )?;
    writeln!(out, "|{}", "---|".repeat(6 + counted.len()))?;
    let first = contestants.first().ok_or("nobody to compare")?;
    for contestant in contestants {
        print_row(&mut out, contestant, first)?;
    }
    writeln!(out)?;
    Ok(())
}

fn print_row(out: &mut impl Write, contestant: &Contestant, first: &Contestant) -> Result<()> {
    let milliseconds = |time: Duration| time.as_secs_f64() * 1e3;
    let wall = contestant.median(|cost| cost.wall)?;
    let cpu = contestant.median(|cost| cost.cpu)?;
    let least = contestant.costs.iter().map(|cost| cost.wall).min().unwrap_or_default();
    let most = contestant.costs.iter().map(|cost| cost.wall).max().unwrap_or_default();
    write!(
        out,
        "| {} | {:.1} ({:.1}-{:.1}) | {:.1} | {:.1} |",
        contestant.name,
        milliseconds(wall),
        milliseconds(least),
        milliseconds(most),
        milliseconds(cpu),
        contestant.median(|cost| cost.kibibytes)? as f64 / 1024.0,
    )?;
    for index in 0..contestant.costs.first().map_or(0, |cost| cost.counts.len()) {
        let count = contestant.median(|cost| cost.counts.get(index).copied())?;
        write!(out, " {} |", count.unwrap_or_default())?;
    }
    writeln!(
        out,
        " {:.1} | {:.1} |",
        wall.as_secs_f64() / first.median(|cost| cost.wall)?.as_secs_f64(),
        cpu.as_secs_f64() / first.median(|cost| cost.cpu)?.as_secs_f64(),
    )?;
    Ok(())
}
