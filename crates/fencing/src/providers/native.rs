//! The agents of this project, in process.

use async_trait::async_trait;
use tokio::time::{Instant, timeout_at};

use crate::agents::{self, Definition, OpenDevice};
use crate::operation::{self, Procedure};
use crate::procedure::{self, Settings};
use crate::work::{Caller, Works};
use crate::{
    AgentConfig, Device, Error, Loaded, Port, PowerCommand, PowerState, Provider, Success,
};

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
        let delay = operation::delay(config, command);
        let done = self.act(config, deadline, move |device, settings| {
            Box::pin(async move {
                operation::pause(delay).await;
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

    fn device(&self, config: &AgentConfig) -> Result<Option<Box<dyn Device>>, Error> {
        let mut config = config.clone();
        config.take_plug_for_ip()?;
        Ok(Some((self.open(&config)?)(&config)?))
    }

    async fn finish(&self, deadline: Instant) {
        self.works.finish(deadline).await;
    }
}

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
        act: impl for<'a> FnOnce(&'a mut dyn Device, &'a Settings) -> Procedure<'a, T> + Send + 'static,
    ) -> Result<T, Error> {
        let open = self.open(config)?;
        let mut config = config.clone();
        config.take_plug_for_ip()?;
        let settings = operation::settings(&config, deadline)?;
        let work = |mut caller: Caller<Result<T, Error>>| async move {
            let mut device = None;
            let acting = async {
                let opened = operation::opened(config, |config| Ok(open(config)?)).await?;
                let device = device.insert(opened);
                act(device.as_mut(), &settings)
                    .await
                    .map_err(|source| operation::failed(device.as_ref(), source))
            };
            let answer = tokio::select! {
                biased;
                () = caller.gone() => None,
                answer = timeout_at(deadline, acting) => Some(answer),
            };
            if let Some(answer) = answer {
                let answer =
                    answer.unwrap_or_else(|_| Err(operation::timed_out(device.as_deref())));
                caller.answer(answer);
            }
            if let Some(device) = device {
                operation::close(device).await;
            }
        };
        self.works.run(work).await?
    }
}
