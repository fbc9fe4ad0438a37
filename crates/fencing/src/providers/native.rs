//! The agents of this project, in process.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use crate::agents::{self, Definition, OpenDevice};
use crate::procedure::{self, FenceError, Settings};
use crate::work::{Caller, Works};
use crate::{
    AgentConfig, Device, Error, Loaded, Port, PowerCommand, PowerState, Provider, Success,
    password_script,
};

/// How long a device may take to give back its session, which nobody waits for any more.
const CLOSING: Duration = Duration::from_secs(5);
/// What is kept of the caller's time so that the procedure, which knows what was seen, can say so: the last reading,
/// which may take a second, and a little more.
const LAST_WORDS: Duration = Duration::from_millis(1500);

/// The agents of this project: `fence_ipmilan` under all its names, `fence_redfish`. They run in process, no program is
/// started, and it is the definitions and the procedure of the programs that are carried out.
///
/// A call answers as soon as there is an answer; the session with the device is closed behind its back, in a task of
/// its own, also when the future of the call is dropped.
#[derive(Debug)]
pub struct Native {
    definitions: Vec<Definition>,
    works: Works,
}

impl Native {
    /// The provider with all agents that this crate was built with.
    #[must_use]
    pub fn new() -> Self {
        Self::with(agents::all())
    }

    /// The provider with these agents.
    #[must_use]
    pub fn with(definitions: Vec<Definition>) -> Self {
        Self { definitions, works: Works::default() }
    }
}

impl Default for Native {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Provider for Native {
    async fn load_agents(&self, _: Instant) -> Loaded {
        let agents = self.definitions.iter().map(|definition| definition.agent.clone()).collect();
        Loaded { agents, failures: Vec::new() }
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        let mut config = config.clone();
        config.take_plug_for_ip()?;
        Settings::from_config(&config)?;
        (self.open(&config)?)(&config)?;
        Ok(())
    }

    async fn command(
        &self,
        config: &AgentConfig,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error> {
        let delay = match command {
            PowerCommand::Off | PowerCommand::Reboot => config.seconds("delay"),
            PowerCommand::On | PowerCommand::Diag => None,
        };
        let done = self.act(config, deadline, move |device, settings| {
            Box::pin(async move {
                sleep(delay.unwrap_or_default()).await;
                procedure::command(device, command, settings).await
            })
        });
        done.await.map(Success::Observed)
    }

    async fn status(&self, config: &AgentConfig, deadline: Instant) -> Result<PowerState, Error> {
        let reading = self.act(config, deadline, |device, settings| {
            Box::pin(procedure::status(device, settings))
        });
        reading.await.map(|reading| reading.state())
    }

    async fn monitor(&self, config: &AgentConfig, deadline: Instant) -> Result<(), Error> {
        let reading = self.act(config, deadline, |device, settings| {
            Box::pin(procedure::monitor(device, settings))
        });
        reading.await.map(|_| ())
    }

    async fn list(&self, config: &AgentConfig, deadline: Instant) -> Result<Vec<Port>, Error> {
        let ports = self
            .act(config, deadline, |device, settings| Box::pin(procedure::list(device, settings)));
        ports.await
    }

    async fn finish(&self, deadline: Instant) {
        self.works.finish(deadline).await;
    }
}

/// What is done with a device once it is open.
type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, FenceError>> + Send + 'a>>;

impl Native {
    fn open(&self, config: &AgentConfig) -> Result<OpenDevice, Error> {
        let agent = config.agent();
        let mut definitions = self.definitions.iter();
        let definition = definitions.find(|definition| definition.agent.name == agent.name);
        definition.map(|definition| definition.open).ok_or_else(|| Error::UnknownAgent {
            provider: agent.provider.to_string(),
            agent: agent.name.to_string(),
        })
    }

    async fn act<T: Send + 'static>(
        &self,
        config: &AgentConfig,
        deadline: Instant,
        act: impl for<'a> FnOnce(&'a mut dyn Device, &'a Settings) -> Answer<'a, T> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.open(config)?;
        let mut config = config.clone();
        config.take_plug_for_ip()?;
        let settings = settings(&config, deadline)?;
        let work = |mut caller: Caller<Result<T, Error>>| async move {
            let mut device = None;
            let acting = async {
                let device = device.insert(opened(open, &mut config).await?);
                act(device.as_mut(), &settings)
                    .await
                    .map_err(|source| Error::Procedure { address: device.address(), source })
            };
            let answer = tokio::select! {
                biased;
                () = caller.gone() => None,
                answer = timeout_at(deadline, acting) => Some(answer),
            };
            if let Some(answer) = answer {
                caller.answer(answer.unwrap_or_else(|_| Err(timed_out(device.as_deref()))));
            }
            close(device).await;
        };
        self.works.run(work).await?
    }
}

/// The procedure's settings, with the end of the caller's time.
fn settings(config: &AgentConfig, deadline: Instant) -> Result<Settings, Error> {
    let now = Instant::now();
    let remaining = deadline.saturating_duration_since(now);
    let until = now + remaining.saturating_sub(LAST_WORDS.min(remaining / 2));
    Ok(Settings { until: Some(until), ..Settings::from_config(config)? })
}

async fn opened(open: OpenDevice, config: &mut AgentConfig) -> Result<Box<dyn Device>, Error> {
    password_script::ask(config).await?;
    Ok(open(config)?)
}

fn timed_out(device: Option<&(dyn Device + 'static)>) -> Error {
    match device {
        Some(device) => {
            Error::TimedOut { who: device.address(), what: "the power state is not known" }
        }
        None => Error::TimedOut { who: "the password script".to_owned(), what: "nothing was done" },
    }
}

async fn close(device: Option<Box<dyn Device>>) {
    let Some(mut device) = device else { return };
    if timeout(CLOSING, device.close()).await.is_err() {
        log::info!("{} was left without closing the session", device.address());
    }
}
