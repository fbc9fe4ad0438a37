//! Agents with a machine that exists only in the thread of the test, and logs that are kept.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use fencing::agents::{Definition, standard};
use fencing::procedure::{self, Settings};
use fencing::{
    Action, Agent, AgentAction, AgentConfig, ConfigError, Device, DeviceError, Error, ErrorKind,
    Fence, Kind, Loaded, Parameter, Plug, Port, Power, PowerCommand, PowerState, Provider,
    RestartMark, Success,
};
use log::{LevelFilter, Log, Metadata, Record};
use tokio::time::{Instant, sleep};

use crate::exit::Exit;
use crate::fence::Backend;
use crate::logging;
use crate::program::{self, Caller};

/// A password that must not be found anywhere.
pub(crate) const PASSWORD: &str = "geheim-7Zq";

/// The machine of the test.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    pub(crate) power: PowerState,
    pub(crate) behaviour: Behaviour,
    /// What was asked for, in order; readings left out.
    pub(crate) commands: Vec<String>,
    /// The configuration of the device opened last, or of the last call of the provider.
    pub(crate) config: Option<AgentConfig>,
}

/// What happens to commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Behaviour {
    /// They are carried out.
    Obeys,
    /// They are refused.
    Refuses,
    /// Off is carried out, on is refused.
    StaysOff,
    /// Nothing is ever answered, and the caller's deadline is missed.
    Hangs,
    /// The program has a bug.
    Panics,
}

thread_local! {
    static MACHINE: RefCell<Machine> = RefCell::new(machine(PowerState::On, Behaviour::Obeys));
    static LOGS: RefCell<String> = const { RefCell::new(String::new()) };
}

fn machine(power: PowerState, behaviour: Behaviour) -> Machine {
    Machine { power, behaviour, commands: Vec::new(), config: None }
}

/// The parameters of `fence_ipmilan`, and the machine of the test.
pub(crate) fn definition() -> Definition {
    Definition { open, ..fencing::agents::ipmilan::definition("fence_ipmilan") }
}

pub(crate) fn agent() -> Agent {
    definition().agent
}

fn open(config: &AgentConfig) -> Result<Box<dyn Device>, ConfigError> {
    if config.text("cipher").as_deref() == Some("99") {
        let reason = "no such cipher suite".to_owned();
        return Err(ConfigError::Unusable { parameter: "cipher".into(), reason });
    }
    MACHINE.with_borrow_mut(|machine| machine.config = Some(config.clone()));
    Ok(Box::new(Wire))
}

/// The agent and the machine, by the procedure.
pub(crate) fn by_device() -> (Arc<Agent>, Backend) {
    let Definition { agent, open } = definition();
    (Arc::new(agent), Backend::Device(open))
}

/// The same machine, as one of those of [`plugs_agent`], by a provider.
pub(crate) fn by_provider() -> (Arc<Agent>, Backend) {
    let agent = Arc::new(plugs_agent());
    let fence = Fence::of(&agent, Plugs);
    (agent, Backend::Provider(fence))
}

async fn answer() -> Result<(), DeviceError> {
    match MACHINE.with_borrow(|machine| machine.behaviour) {
        Behaviour::Obeys | Behaviour::StaysOff => Ok(()),
        Behaviour::Refuses => Err(DeviceError::new(ErrorKind::Refused, "wrong\npassword")),
        Behaviour::Hangs => {
            sleep(Duration::from_secs(1_000_000)).await;
            Err(DeviceError::new(ErrorKind::NoAnswer, "no answer"))
        }
        Behaviour::Panics => panic!("a bug, and a secret: {PASSWORD}"),
    }
}

fn note(command: impl Into<String>) {
    MACHINE.with_borrow_mut(|machine| machine.commands.push(command.into()));
}

/// Stands for the machine of the thread.
struct Wire;

#[async_trait]
impl Device for Wire {
    fn address(&self) -> String {
        "test".to_owned()
    }

    async fn power_state(&mut self, _: Instant) -> Result<PowerState, DeviceError> {
        log::trace!("a datagram");
        answer().await?;
        Ok(MACHINE.with_borrow(|machine| machine.power))
    }

    async fn set_power(&mut self, to: Power, _: Instant) -> Result<(), DeviceError> {
        note(if to == Power::On { "on" } else { "off" });
        answer().await?;
        MACHINE.with_borrow_mut(|machine| {
            if to == Power::On && machine.behaviour == Behaviour::StaysOff {
                return Err(DeviceError::new(ErrorKind::Refused, "no power supply"));
            }
            machine.power = to.into();
            Ok(())
        })
    }

    async fn cycle(&mut self, _: Instant) -> Result<(), DeviceError> {
        note("cycle");
        answer().await
    }

    async fn diagnostic_interrupt(&mut self, _: Instant) -> Result<(), DeviceError> {
        note("diag");
        answer().await
    }

    async fn restart_mark(&mut self, _: Instant) -> Result<RestartMark, DeviceError> {
        Err(DeviceError::new(ErrorKind::Unsupported, "no mark"))
    }

    async fn close(&mut self) {
        note("close");
        let _ = answer().await;
    }
}

/// An agent that controls several machines.
pub(crate) fn plugs_agent() -> Agent {
    let actions = [
        Action::On,
        Action::Off,
        Action::Reboot,
        Action::Status,
        Action::List,
        Action::ListStatus,
        Action::Monitor,
        Action::Diag,
    ];
    let documents = [AgentAction::Metadata, AgentAction::Manpage, AgentAction::ValidateAll];
    let mut parameters = vec![
        standard::action(),
        Parameter { required: true, ..standard::plug("id", "Which machine.") },
        standard::parameter("password", Kind::Secret, "Password of the test."),
        standard::delay(),
        standard::disable_timeout(),
        standard::power_timeout("60", "How long an action may take."),
    ];
    parameters.extend(standard::program());
    Agent {
        provider: "test".into(),
        short_description: "Fence agent of the test".into(),
        parameters,
        actions: actions.map(AgentAction::Shown).into_iter().chain(documents).collect(),
        plug: Plug::Required,
        ..Agent::new("fence_plugs")
    }
}

/// The machine of the thread, under each name. Under `observed` its power is switched by the procedure.
struct Plugs;

impl Plugs {
    async fn answer(&self, config: &AgentConfig, action: &str) -> Result<(), Error> {
        let plug = config.text("plug").unwrap_or_default();
        note(format!("{action} {plug}").trim_end());
        MACHINE.with_borrow_mut(|machine| machine.config = Some(config.clone()));
        let _noted = NoteWhenOver;
        answer().await.map_err(|error| Error::Provider(Box::new(error)))
    }
}

/// A call has ended, or was dropped.
struct NoteWhenOver;

impl Drop for NoteWhenOver {
    fn drop(&mut self) {
        note("over");
    }
}

#[async_trait]
impl Provider for Plugs {
    async fn load_agents(&self, _: Instant) -> Loaded {
        panic!("its agent is known")
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        match config.text("plug").as_deref() {
            Some("nobody") => Err(Error::Provider("nobody has this name".into())),
            _ => Ok(()),
        }
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        _: Instant,
    ) -> Result<Success, Error> {
        if config.text("plug").as_deref() == Some("observed") {
            let settings = Settings::from_config(config)?;
            let done = procedure::command(&mut Wire, command, &settings).await;
            return done.map(Success::Observed).map_err(|error| Error::Provider(error.into()));
        }
        self.answer(config, Action::from(command).name()).await?;
        Ok(Success::Reported(command))
    }

    async fn status(&self, config: &AgentConfig, _: Instant) -> Result<PowerState, Error> {
        self.answer(config, "status").await?;
        Ok(MACHINE.with_borrow(|machine| machine.power))
    }

    async fn monitor(&self, config: &AgentConfig, _: Instant) -> Result<(), Error> {
        self.answer(config, "monitor").await
    }

    async fn list(&self, config: &AgentConfig, _: Instant) -> Result<Vec<Port>, Error> {
        self.answer(config, "list").await?;
        let state = MACHINE.with_borrow(|machine| machine.power);
        let port = |name: &str, alias: Option<&str>, state| Port {
            name: name.to_owned(),
            alias: alias.map(str::to_owned),
            state,
        };
        Ok(vec![port("node1", Some("one"), Some(state)), port("node2\nnode3,x", None, None)])
    }

    async fn finish(&self, _: Instant) {
        note("finish");
        let _ = answer().await;
    }
}

/// Puts a machine before the next run.
pub(crate) fn set_machine(power: PowerState, behaviour: Behaviour) {
    MACHINE.set(machine(power, behaviour));
}

/// The machine as it is.
pub(crate) fn the_machine() -> Machine {
    MACHINE.with_borrow(Clone::clone)
}

/// What a run of the program left behind.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) exit: Exit,
    pub(crate) stdout: String,
    /// Everything that was logged, at every level.
    pub(crate) logs: String,
}

impl Run {
    /// The messages that stand on standard error when nothing is said about it, without their times.
    pub(crate) fn stderr(&self) -> Vec<&str> {
        let message = |line| str::split_once(line, ' ').unwrap().1;
        let is_shown = |text: &&str| text.starts_with("ERROR") || text.starts_with("WARNING");
        self.logs.lines().map(message).filter(is_shown).collect()
    }
}

/// Runs the program with these arguments.
pub(crate) fn run_with_arguments(arguments: &[&str]) -> Run {
    run(by_device(), arguments, "")
}

/// Runs the program with this on its standard input.
pub(crate) fn run_with_input(stdin: &str) -> Run {
    run(by_device(), &[], stdin)
}

/// Runs the program that is served by a provider, with this on its standard input.
pub(crate) fn run_plugs_with_input(stdin: &str) -> Run {
    run(by_provider(), &[], stdin)
}

/// Runs the program that is served by a provider, with these arguments.
pub(crate) fn run_plugs_with_arguments(arguments: &[&str]) -> Run {
    run(by_provider(), arguments, "")
}

fn run((agent, backend): (Arc<Agent>, Backend), arguments: &[&str], stdin: &str) -> Run {
    keep_logs();
    let mut stdout = Vec::new();
    let mut caller = Caller {
        arguments: arguments.iter().map(Into::into).collect(),
        stdin: &mut stdin.as_bytes(),
        stdout: &mut stdout,
        called_by_fenced: false,
        configure_logs: |_| Ok(()),
    };
    let exit = program::run(agent, backend, &mut caller);
    Run { exit, stdout: String::from_utf8(stdout).unwrap(), logs: take_logs() }
}

/// From now on what is logged can be had from [`take_logs`].
pub(crate) fn keep_logs() {
    // One logger serves all threads; each keeps its own lines.
    let _ = log::set_logger(&Keep);
    log::set_max_level(LevelFilter::Trace);
    take_logs();
}

/// What was logged by this thread.
pub(crate) fn take_logs() -> String {
    LOGS.take()
}

struct Keep;

impl Log for Keep {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        LOGS.with_borrow_mut(|logs| logs.push_str(&logging::line(SystemTime::now(), record)));
    }

    fn flush(&self) {}
}

/// A directory that is gone after the test.
pub(crate) struct TempDir(PathBuf);

impl TempDir {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("fence-agent-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
