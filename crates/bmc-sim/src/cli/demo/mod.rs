mod bmc;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use bmc_sim::redfish::{RedfishConfig, RedfishServer, RedfishSystem, RedfishUser};
use bmc_sim::{Config, EventsMissed, Power, Server, User};
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use super::{Error, print, seconds};
use bmc::{About, Bmc, Told};

/// An agent that takes longer is killed. A reboot of the simulated machine takes a few seconds.
const TIME_LIMIT: Duration = Duration::from_secs(30);
const USER: &str = "admin";
const PASSWORD: &str = "secret";
/// The id of the machine behind Redfish.
const SYSTEM: &str = "1";
const REBOOTED: &str = "Success: Rebooted";
const STATUS_ON: &str = "Status: ON";

#[derive(clap::Args)]
pub(super) struct Options {
    /// The program fence_ipmilan.
    #[arg(long, value_name = "FILE")]
    agent: PathBuf,
    /// The program fence_redfish: it reboots another machine, over Redfish.
    #[arg(long, value_name = "FILE")]
    redfish_agent: Option<PathBuf>,
    /// How long after its acknowledgement a chassis command acts.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    power_delay: Duration,
}

/// What the agent did otherwise than it should.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("the agent was killed: it had not finished after {} s", TIME_LIMIT.as_secs())]
    TimeLimit,
    #[error("asked for {action}, the agent ended with {exit} instead of exit code 0")]
    ExitCode { action: &'static str, exit: String },
    #[error("asked for {action}, the agent wrote \"{wrote}\" instead of \"{expected}\"")]
    Wrote { action: &'static str, wrote: String, expected: &'static str },
    #[error("the agent said that it rebooted the machine, but the machine never went off")]
    NeverOff,
    #[error("the agent said that it rebooted the machine, but the machine is not on")]
    NotOn,
}

/// Reboots a simulated machine with the agent, and checks that it really went off and on; then one over Redfish.
pub(super) async fn run(options: Options) -> Result<(), Error> {
    let Options { agent, redfish_agent, power_delay } = options;
    let mut stage = Stage::set(ipmi(power_delay).await?, &agent);
    print(format_args!(
        "A machine that is on, and its simulated BMC on {}. Its commands act after {} ms.",
        stage.bmc.address(),
        power_delay.as_millis(),
    ))?;
    print("The agent is run as a cluster runs it: with parameters on its standard input.")?;
    print(
        "Times are in milliseconds; \"agent <\" is what it reads, \"agent >\" what it writes.\nEqual answers in a row are shown once.\n",
    )?;
    stage.play().await?;
    let Some(agent) = redfish_agent else { return Ok(()) };
    let mut stage = Stage::set(redfish(power_delay).await?, &agent);
    print(format_args!(
        "\nAnother machine that is on, and its BMC, which speaks Redfish on {}.\n\
         Its certificate is self-signed: the agent is told the fingerprint.\n",
        stage.bmc.address(),
    ))?;
    stage.play().await
}

async fn ipmi(power_delay: Duration) -> Result<Bmc, Error> {
    let user = User::administrator(USER, PASSWORD)?;
    let config = Config { power_delay, ..Config::new(vec![user]) };
    Ok(Bmc::Ipmi(Server::start(any_port(), config).await?))
}

async fn redfish(power_delay: Duration) -> Result<Bmc, Error> {
    let user = RedfishUser::administrator(USER, PASSWORD);
    let systems = vec![RedfishSystem::new(SYSTEM)];
    let config = RedfishConfig { power_delay, systems, ..RedfishConfig::new(vec![user]) };
    Ok(Bmc::Redfish(RedfishServer::start(any_port(), config).await?))
}

fn any_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

/// The BMC, the agent, and how much of it all the audience has seen.
struct Stage<'a> {
    bmc: Bmc,
    agent: &'a Path,
    start: Instant,
    /// How often the agent was started.
    runs: u32,
    /// How many events were looked at.
    events_seen: usize,
    /// Whether the machine was off at any time.
    was_off: bool,
    /// What the BMC last told the agent, so that an agent that asks again and again makes one line.
    last_status: Option<String>,
}

impl<'a> Stage<'a> {
    fn set(bmc: Bmc, agent: &'a Path) -> Self {
        Self {
            bmc,
            agent,
            start: Instant::now(),
            runs: 0,
            events_seen: 0,
            was_off: false,
            last_status: None,
        }
    }

    async fn play(&mut self) -> Result<(), Error> {
        self.run_agent("reboot", REBOOTED).await?;
        if !self.was_off {
            return Err(Failure::NeverOff.into());
        }
        if self.bmc.power() != Some(Power::On) {
            return Err(Failure::NotOn.into());
        }
        print("\nIt is run once more, with another action; the other parameters are as before.\n")?;
        self.run_agent("status", STATUS_ON).await?;
        print(format_args!(
            "\nThe BMC {}.\n\
             The machine went off and on again, and only then did the agent report success.",
            self.bmc.traffic(),
        ))
    }

    /// Runs the agent once, and shows what happens meanwhile.
    async fn run_agent(
        &mut self,
        action: &'static str,
        expected: &'static str,
    ) -> Result<(), Error> {
        self.runs += 1;
        self.last_status = None;
        let child = self.start_agent(action).await?;
        let output = self.watch(child).await?;
        self.show_rest_of_events().await?;
        self.show_lines("agent >", &output.stdout)?;
        self.show_lines("agent !", &output.stderr)?;
        let exit = match output.status.code() {
            Some(code) => format!("exit code {code}"),
            None => "a signal".to_owned(),
        };
        self.show(Instant::now(), "agent", &format!("ended with {exit}"))?;
        if !output.status.success() {
            return Err(Failure::ExitCode { action, exit }.into());
        }
        let wrote = String::from_utf8_lossy(&output.stdout);
        if wrote.trim_end_matches('\n') != expected {
            let wrote = wrote.escape_debug().to_string();
            return Err(Failure::Wrote { action, wrote, expected }.into());
        }
        Ok(())
    }

    /// Starts the agent and feeds it its parameters.
    async fn start_agent(&self, action: &str) -> Result<Child, Error> {
        let failed = |source| Error::Agent { agent: self.agent.to_owned(), source };
        let mut command = Command::new(self.agent);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.kill_on_drop(true).spawn().map_err(failed)?;
        let address = self.bmc.address();
        let mut parameters = vec![
            ("ip", address.ip().to_string()),
            ("ipport", address.port().to_string()),
            ("username", USER.to_owned()),
            ("password", PASSWORD.to_owned()),
        ];
        parameters.extend(self.bmc.parameters());
        parameters.push(("action", action.to_owned()));
        for (name, value) in &parameters {
            let shown = if *name == "password" { "********" } else { value };
            // All but the action are the same each time: once is enough.
            if *name == "action" || self.runs == 1 {
                self.show(Instant::now(), "agent <", &format!("{name}={shown}"))?;
            }
        }
        if let Some(mut stdin) = child.stdin.take() {
            let input: String =
                parameters.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
            // An agent that does not read its parameters will show it by what it does.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        Ok(child)
    }

    /// Shows what happens to the BMC until the agent has ended.
    async fn watch(&mut self, child: Child) -> Result<Output, Error> {
        let time_limit = tokio::time::sleep(TIME_LIMIT);
        let output = child.wait_with_output();
        tokio::pin!(time_limit, output);
        loop {
            tokio::select! {
                output = &mut output => {
                    let agent = self.agent.to_owned();
                    return output.map_err(|source| Error::Agent { agent, source });
                }
                event = self.bmc.event(self.events_seen) => self.show_next(event)?,
                () = &mut time_limit => return Err(Failure::TimeLimit.into()),
            }
        }
    }

    async fn show_rest_of_events(&mut self) -> Result<(), Error> {
        while self.events_seen < self.bmc.event_count() {
            let event = self.bmc.event(self.events_seen).await;
            self.show_next(event)?;
        }
        Ok(())
    }

    fn show_next(&mut self, event: Result<Told, EventsMissed>) -> Result<(), Error> {
        match event {
            Ok(told) => {
                self.events_seen += 1;
                self.was_off |= told.about == About::PowerOff;
                self.show_event(told)
            }
            Err(missed) => {
                self.events_seen = missed.next;
                self.show(Instant::now(), "BMC", &missed.to_string())
            }
        }
    }

    /// The audience sees logins, and what is about power; how the agent looks around before that is left out.
    fn show_event(&mut self, told: Told) -> Result<(), Error> {
        let Told { at, what, about } = told;
        let who = match about {
            About::PowerOff | About::Machine => "machine",
            About::Status if self.last_status.as_ref() == Some(&what) => return Ok(()),
            About::Status => {
                self.last_status = Some(what.clone());
                "BMC"
            }
            About::Agent => "BMC",
            About::Detail => return Ok(()),
        };
        self.show(at, who, &what)
    }

    fn show_lines(&self, who: &str, output: &[u8]) -> Result<(), Error> {
        let now = Instant::now();
        let text = String::from_utf8_lossy(output);
        text.lines().try_for_each(|line| self.show(now, who, &line.escape_debug().to_string()))
    }

    fn show(&self, at: Instant, who: &str, what: &str) -> Result<(), Error> {
        let elapsed = at.saturating_duration_since(self.start).as_millis();
        print(format_args!("{elapsed:>6}  {who:<8} {what}"))
    }
}
