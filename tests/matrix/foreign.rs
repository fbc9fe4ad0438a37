//! Clients that nobody here wrote: ipmitool, and FreeIPMI's ipmipower, ipmi-chassis and ipmi-raw.

use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Output, Stdio};
use std::time::Duration;

use ipmi_lan::{AuthenticationType, Protection, Quirk};
use tokio::process::Command;
use tokio::time::timeout;

use super::feature::{Bridging, FAR, FAR_CHANNEL, Feature, LUN, NEAR};
use super::trial::{Failure, Login};

/// The slowest gives up by itself before.
const LONGEST_RUN: Duration = Duration::from_secs(60);
const SIGABRT: i32 = 6;
/// What ipmipower says last when all is well.
const DONE: [&str; 3] = [": on", ": off", ": ok"];

pub async fn ipmitool(bmc: SocketAddr, login: &Login<'_>) -> Result<(), Failure> {
    // "chassis" cannot be asked of another LUN.
    let asks = match login.feature {
        Feature::Bridging(Bridging::Lun) => Asks {
            status: &["raw", "0x00", "0x01"],
            off: &["raw", "0x00", "0x02", "0x00"],
            power: |said| state_of(said.split_whitespace().next()),
        },
        _ => Asks {
            status: &["chassis", "power", "status"],
            off: &["chassis", "power", "off"],
            power: |said| state_after("Chassis Power is ", said),
        },
    };
    power_off(|| ipmitool_command(bmc, login), &asks, login.feature).await
}

pub async fn freeipmi(bmc: SocketAddr, login: &Login<'_>) -> Result<(), Failure> {
    let asks = match login.feature {
        Feature::Bridging(Bridging::Lun) => Asks {
            status: &["1", "0x00", "0x01"],
            off: &["1", "0x00", "0x02", "0x00"],
            // Behind "rcvd:", command and completion code.
            power: |said| state_of(said.split_whitespace().nth(3)),
        },
        Feature::Bridging(_) => Asks {
            status: &["--get-chassis-status"],
            off: &["--chassis-control=POWER-DOWN"],
            power: |said| state_after("System Power                        : ", said),
        },
        _ => Asks { status: &["--stat"], off: &["--off"], power: |said| state_after(": ", said) },
    };
    power_off(|| freeipmi_command(bmc, login), &asks, login.feature).await
}

/// What a program is to be asked, and how it tells the power state.
struct Asks {
    status: &'static [&'static str],
    off: &'static [&'static str],
    power: fn(&str) -> Option<bool>,
}

async fn power_off(
    command: impl Fn() -> Command,
    asks: &Asks,
    feature: Feature,
) -> Result<(), Failure> {
    let is_on = async |when: &str| {
        let said = run(command().args(asks.status)).await?;
        (asks.power)(&said).ok_or_else(|| Failure::new(format!("no power state {when}: {said}")))
    };
    if !is_on("in the beginning").await? {
        return Err(Failure::new("power is not on in the beginning"));
    }
    run(command().args(asks.off)).await?;
    if is_on("in the end").await? {
        return Err(Failure::new("power is not off"));
    }
    if feature == Feature::Quirk(Quirk::PresentState) {
        is_told_that_it_is_off(run(command().args(asks.off)).await)?;
    }
    Ok(())
}

fn ipmitool_command(bmc: SocketAddr, login: &Login<'_>) -> Command {
    let mut command = Command::new("ipmitool");
    command.args(["-H", &bmc.ip().to_string(), "-p", &bmc.port().to_string(), "-v"]);
    command.args(["-U", login.username, "-E"]).env("IPMI_PASSWORD", login.password);
    match login.feature.protection() {
        Protection::Ipmi15(kind) => {
            command.args(["-I", "lan", "-A", &kind.to_string().to_uppercase()]);
        }
        Protection::Ipmi20(suite) => {
            command.args(["-I", "lanplus", "-C", &suite.to_string()]);
        }
    }
    if let Some(kg) = login.kg {
        command.args(["-k", kg]);
    }
    let (near, far) = (format!("{NEAR:#x}"), format!("{FAR:#x}"));
    match login.feature.bridging() {
        None => {}
        Some(Bridging::Once(_)) => drop(command.args(["-t", &near])),
        Some(Bridging::Lun) => drop(command.args(["-t", &near, "-l", &LUN.to_string()])),
        Some(Bridging::Twice(_)) => {
            command.args(["-T", &near, "-B", "0", "-t", &far, "-b", &FAR_CHANNEL.to_string()]);
        }
    }
    if !login.is_patient {
        command.args(["-N", "1", "-R", "1"]);
    }
    command.args(login.option.into_iter().flat_map(str::split_whitespace));
    command
}

fn freeipmi_command(bmc: SocketAddr, login: &Login<'_>) -> Command {
    let program = match login.feature.bridging() {
        None => "ipmipower",
        Some(Bridging::Lun) => "ipmi-raw",
        Some(_) => "ipmi-chassis",
    };
    let mut command = Command::new(program);
    command.args(["-h", &bmc.to_string(), "-u", login.username, "-p", login.password]);
    if program != "ipmipower" {
        command.args(["-l", "ADMIN"]);
    }
    match login.feature.protection() {
        Protection::Ipmi15(kind) => {
            let kind = match kind {
                AuthenticationType::Password => "STRAIGHT_PASSWORD_KEY".to_owned(),
                kind => kind.to_string().to_uppercase(),
            };
            command.args(["-D", "LAN", "-a", &kind]);
        }
        Protection::Ipmi20(suite) => {
            command.args(["-D", "LAN_2_0", "-I", &suite.to_string()]);
        }
    }
    if let Some(kg) = login.kg {
        command.args(["-k", kg]);
    }
    // It knows one level of bridging: the controller that is far is asked for at once.
    let target = match login.feature.bridging() {
        None => None,
        Some(Bridging::Once(_) | Bridging::Lun) => Some((NEAR, 0)),
        Some(Bridging::Twice(_)) => Some((FAR, FAR_CHANNEL)),
    };
    if let Some((address, channel)) = target {
        command.arg(format!("--target-slave-address={address:#x}"));
        command.arg(format!("--target-channel-number={channel}"));
    }
    if !login.is_patient {
        command.args(["--session-timeout", "2000", "--retransmission-timeout", "400"]);
    }
    command.args(login.option.into_iter().flat_map(str::split_whitespace));
    command
}

/// What it says, if it says that it did it.
async fn run(command: &mut Command) -> Result<String, Failure> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let program = command.as_std().get_program().to_string_lossy().into_owned();
    let Output { status, stdout, stderr } = timeout(LONGEST_RUN, command.output())
        .await
        .map_err(|_| Failure::new(format!("{program} does not end")))?
        .unwrap_or_else(|error| panic!("{program}: {error}: run ./tests/run, which installs it"));
    let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    // Both exit with 0 on some failures.
    let is_done = match program.as_str() {
        "ipmipower" => DONE.iter().any(|end| said.trim_end().ends_with(end)),
        _ => !said.contains("Unable to establish"),
    };
    if status.success() && is_done {
        return Ok(said);
    }
    let is_abort = status.signal() == Some(SIGABRT);
    Err(Failure { why: format!("{program}: {status}: {said}"), is_abort })
}

fn is_told_that_it_is_off(result: Result<String, Failure>) -> Result<(), Failure> {
    match result {
        Err(failure) if failure.why.contains("not supported in present state") => Ok(()),
        result => Err(Failure::new(format!("switched off again: {result:?}"))),
    }
}

fn state_after(words: &str, said: &str) -> Option<bool> {
    let (_, state) = said.split_once(words)?;
    match state.split_whitespace().next()? {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

/// Of the first byte of Get Chassis Status, in hexadecimal (IPMI 2.0 §28.2).
fn state_of(byte: Option<&str>) -> Option<bool> {
    let byte = u8::from_str_radix(byte?, 16).ok()?;
    Some(byte & 1 == 1)
}
