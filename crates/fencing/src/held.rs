//! A device that is held between actions.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_util::task::TaskTracker;

use crate::fence::{check_action, check_plug, in_time, success_of};
use crate::operation::{self, Procedure};
use crate::procedure::{self, Done, FenceError, Settings};
use crate::{
    Action, AgentConfig, ConfigError, Device, Error, Known, Plug, Port, PowerCommand, PowerState,
    Provider, Success,
};

/// How long a command is held back after one of which nobody knows what becomes: the machine may be going on just now,
/// and off for the moment; and a power button that is pressed twice undoes what it did.
const SETTLES: Duration = Duration::from_secs(5);

/// How long another device is held back for the one before it, which is being closed: a BMC should not see two sessions
/// of ours. One that answers closes a session within a round trip.
const CLOSED_BEFORE_ANOTHER: Duration = Duration::from_millis(500);

/// A device that is held between actions, for programs that live long: logged in once, it costs an action no more than
/// the requests of the action itself. Made by [`Fence::hold`](crate::Fence::hold); connected by the first call, and
/// again by the next one after anything went wrong.
///
/// Each call is an operation of its own, carried out as by [`Fence`](crate::Fence) and held to the same promises:
/// nothing that an earlier call has seen counts in a later one, but for who has answered: another machine at the same
/// address is refused until [`Held::accept_another`]. A device that was good before and is refused before
/// anything was switched is opened anew within the call, the password script asked again: whatever has become stale, a
/// held device is no worse than a new one.
///
/// The plug is that of the agent; `None` is the configuration's, if it has one. Agents of which each device has one
/// machine ignore it.
///
/// A future may be dropped at any time. One of a reading ([`Held::status`], [`Held::monitor`], [`Held::list`]) costs no
/// session, so that a reading may make way for a command; by Redfish it costs the connection. After one of a command
/// the device is closed, and opened anew by the next call; and as after any command of which nobody knows what becomes,
/// the next one waits for a few seconds. There is no second session while the first is being closed, unless that takes
/// longer than half a second.
///
/// Sessions are given back, and programs that were started have ended, after [`Held::close`], which should be the last
/// call. Without it the device forgets its sessions after a while; [`Fence::finish`](crate::Fence::finish) does not
/// wait for them.
pub struct Held {
    provider: Arc<dyn Provider>,
    config: AgentConfig,
    keeps_session: bool,
    open: Option<Open>,
    /// What the device has told of itself.
    known: Known,
    /// How far the last call came. Where its future was dropped, that is not its end.
    stage: Stage,
    /// Since when nobody knows what becomes of a command.
    unsettled: Option<Instant>,
    closing: TaskTracker,
}

/// How far a call has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has only read.
    Reading,
    /// It may have sent a command.
    Commanding,
    /// It has ended.
    Ended,
}

/// A device that is open, or will be when it is asked for something.
struct Open {
    device: Box<dyn Device>,
    /// Whether a call has succeeded with it.
    has_answered: bool,
}

impl Held {
    pub(crate) fn new(provider: Arc<dyn Provider>, config: AgentConfig) -> Result<Self, Error> {
        let keeps_session = provider.device(&config)?.is_some();
        let closing = TaskTracker::new();
        // It takes tasks all the same, and can be waited for at any time.
        closing.close();
        Ok(Self {
            provider,
            config,
            keeps_session,
            open: None,
            known: Known::default(),
            stage: Stage::Ended,
            unsettled: None,
            closing,
        })
    }

    /// What it is configured with.
    #[must_use]
    pub fn config(&self) -> &AgentConfig {
        &self.config
    }

    /// Whether a session or connection is kept between calls. Otherwise its provider has no such thing, and each call
    /// is one of the provider's.
    #[must_use]
    pub fn keeps_session(&self) -> bool {
        self.keeps_session
    }

    /// Carries a command out.
    ///
    /// # Errors
    /// As all that follow: see [`Error`]; none of them says that the machine is in the state asked for.
    pub async fn command(
        &mut self,
        plug: Option<&str>,
        command: PowerCommand,
        deadline: Instant,
    ) -> Result<Success, Error> {
        let call = self.call(plug, command.into(), deadline)?;
        if !self.keeps_session {
            let answer = self.provider.command(&call.config, command, deadline);
            let success = in_time(deadline, &call.config, answer).await?;
            return success_of(command, success, &call.config);
        }
        let call = Call { delay: operation::delay(&call.config, command), ..call };
        let done = self.act(call, move |device, settings| {
            Box::pin(procedure::command(device, command, settings))
        });
        let done = done.await?;
        if matches!(done, Done::Rebooted { on: Err(_), .. }) {
            self.unsettled = Some(Instant::now());
        }
        Ok(Success::Observed(done))
    }

    /// Reads the power state.
    ///
    /// # Errors
    /// See [`Held::command`].
    pub async fn status(
        &mut self,
        plug: Option<&str>,
        deadline: Instant,
    ) -> Result<PowerState, Error> {
        let call = self.call(plug, Action::Status, deadline)?;
        if !self.keeps_session {
            let answer = self.provider.status(&call.config, deadline);
            return in_time(deadline, &call.config, answer).await;
        }
        let reading =
            self.act(call, |device, settings| Box::pin(procedure::status(device, settings)));
        reading.await.map(|reading| reading.state())
    }

    /// Finds out whether the device answers, and keeps its session alive: BMCs forget one of IPMI after a minute. Of a
    /// device with several machines, none of which the configuration names, all are read.
    ///
    /// # Errors
    /// See [`Held::command`].
    pub async fn monitor(&mut self, deadline: Instant) -> Result<(), Error> {
        let call = self.call(None, Action::Monitor, deadline)?;
        if !self.keeps_session {
            let answer = self.provider.monitor(&call.config, deadline);
            return in_time(deadline, &call.config, answer).await;
        }
        let reading =
            self.act(call, |device, settings| Box::pin(procedure::monitor(device, settings)));
        reading.await.map(|_| ())
    }

    /// Lists the machines of a device that has several.
    ///
    /// # Errors
    /// See [`Held::command`]; [`Error::NoPlugs`].
    pub async fn list(&mut self, deadline: Instant) -> Result<Vec<Port>, Error> {
        let call = self.call(None, Action::List, deadline)?;
        if !self.keeps_session {
            let answer = self.provider.list(&call.config, deadline);
            return in_time(deadline, &call.config, answer).await;
        }
        self.act(call, |device, settings| Box::pin(procedure::list(device, settings))).await
    }

    /// Gives back what is held at the device, in five seconds at most. The next call opens it anew.
    pub async fn close(&mut self) {
        self.stage = Stage::Ended;
        self.give_up();
        if !self.keeps_session {
            return self.provider.finish(Instant::now() + operation::CLOSING).await;
        }
        // Each of them ends by then; those that were begun before, sooner.
        let _ = timeout(operation::CLOSING, self.closing.wait()).await;
    }

    /// Takes whoever answers next for the device, if another one than before was refused. Until then, one with another
    /// UUID is refused: an address that has moved to another BMC would fence another machine, and success would be said
    /// of this one. A device that is only silent stays who it is. Tells whether another one was refused.
    pub fn accept_another(&mut self) -> bool {
        let has_met_another = |open: &Open| open.device.known().has_met_another;
        let was_refused =
            self.known.has_met_another || self.open.as_ref().is_some_and(has_met_another);
        if was_refused {
            self.give_up();
            self.known = Known { uuid: None, has_met_another: false, ..self.known.clone() };
        }
        was_refused
    }

    /// Checks what is asked for.
    fn call(&self, plug: Option<&str>, action: Action, deadline: Instant) -> Result<Call, Error> {
        let agent = self.config.agent();
        let parameter = agent.plug_parameter().map(|parameter| &*parameter.name);
        let configured = parameter.and_then(|name| self.config.text(name));
        // That of the configuration needs no choice.
        let plug = plug.filter(|plug| !plug.is_empty() && configured.as_deref() != Some(*plug));
        let is_address = self.config.is_set("port_as_ip");
        if is_address && self.keeps_session && plug.is_some() {
            let reason =
                "with port_as_ip it is the address of the device, and another device is held";
            return Err(
                ConfigError::Unusable { parameter: "plug".into(), reason: reason.into() }.into()
            );
        }
        let plug = plug.filter(|_| agent.plug != Plug::Ignored || is_address);
        let mut config = self.config.clone();
        if let Some((name, plug)) = parameter.zip(plug) {
            config.set(name, plug)?;
        }
        check_action(agent, action)?;
        check_plug(&config, action)?;
        let plug = plug.map(str::to_owned);
        Ok(Call { config, plug, action, delay: Duration::ZERO, deadline })
    }

    /// Carries it out with the device. Where it fails the device is closed, so that nothing of what failed stays,
    /// unless it is only about the machine that was named.
    async fn act<T: Send>(
        &mut self,
        call: Call,
        act: impl for<'a> Fn(&'a mut dyn Device, &'a Settings) -> Procedure<'a, T> + Send + Sync,
    ) -> Result<T, Error> {
        self.settle();
        self.stage = Stage::Reading;
        let under_way = UnderWay(self);
        let result = timeout_at(call.deadline, under_way.0.attempts(&call, act)).await;
        drop(under_way);
        let stage = std::mem::replace(&mut self.stage, Stage::Ended);
        let result = result.unwrap_or_else(|_| Err(self.timed_out(&call, stage)));
        if stage == Stage::Commanding && !result.as_ref().is_err_and(may_be_under_way) {
            self.unsettled = None;
        }
        match &mut self.open {
            Some(open) if result.as_ref().err().is_none_or(is_about_plug) => {
                open.has_answered = true;
            }
            _ if matches!(result, Err(Error::NotBegun { .. })) => {}
            _ => self.give_up(),
        }
        result
    }

    /// What the end of the caller's time means, when a call had come so far.
    fn timed_out(&self, call: &Call, stage: Stage) -> Error {
        let device = self.open.as_ref().map(|open| &*open.device);
        match device.filter(|_| is_command(call.action) && stage == Stage::Reading) {
            Some(device) => {
                Error::NotBegun { what: format!("{}: the wait before a command", device.address()) }
            }
            None => operation::timed_out(device),
        }
    }

    /// After a call that was dropped: a device is kept if it was only being read, and goes on with a login that had
    /// been begun. Nobody knows what became of a command.
    fn settle(&mut self) {
        if self.stage == Stage::Commanding {
            self.give_up();
        }
    }

    /// Once; and once more with a new device, where one that was good before is stale now.
    async fn attempts<T: Send>(
        &mut self,
        call: &Call,
        act: impl for<'a> Fn(&'a mut dyn Device, &'a Settings) -> Procedure<'a, T> + Send + Sync,
    ) -> Result<T, Error> {
        let was_good = self.open.as_ref().is_some_and(|open| open.has_answered);
        let settings = Settings {
            is_unsettled: self.unsettled.is_some(),
            ..operation::settings(&call.config, call.deadline)?
        };
        self.device().await?;
        operation::pause(call.delay).await;
        if is_command(call.action) {
            if let Some(since) = self.unsettled {
                sleep_until(since + SETTLES).await;
            }
            self.stage = Stage::Commanding;
        }
        match self.attempt(call, &settings, &act).await {
            Err(error) if was_good && may_be_stale(&error) => {
                log::info!("{error}; opening the device anew");
                self.give_up();
                self.attempt(call, &settings, &act).await
            }
            result => result,
        }
    }

    async fn attempt<T: Send>(
        &mut self,
        call: &Call,
        settings: &Settings,
        act: impl for<'a> Fn(&'a mut dyn Device, &'a Settings) -> Procedure<'a, T> + Send + Sync,
    ) -> Result<T, Error> {
        let device = self.device().await?;
        device.begin();
        device.select(call.plug.as_deref());
        act(device, settings).await.map_err(|source| operation::failed(device, source))
    }

    /// The device, made now if there is none.
    async fn device(&mut self) -> Result<&mut dyn Device, Error> {
        let open = match self.open.take() {
            Some(open) => open,
            None => {
                let _ = timeout(CLOSED_BEFORE_ANOTHER, self.closing.wait()).await;
                let open = |config: &AgentConfig| {
                    let device = self.provider.device(config)?;
                    device
                        .ok_or_else(|| Error::Provider("the device cannot be held any more".into()))
                };
                let mut device = operation::opened(self.config.clone(), open).await?;
                device.expect(&self.known);
                Open { device, has_answered: false }
            }
        };
        Ok(&mut *self.open.insert(open).device)
    }

    /// Closes the device behind the caller's back.
    fn give_up(&mut self) {
        if let Some(open) = self.open.take() {
            self.known.learn(open.device.known());
            self.closing.spawn(operation::close(open.device));
        }
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("config", &self.config)
            .field("keeps_session", &self.keeps_session)
            .finish_non_exhaustive()
    }
}

/// One call, as it was asked for.
struct Call {
    /// The configuration, with the plug.
    config: AgentConfig,
    /// The plug, if it is another one than the configuration's.
    plug: Option<String>,
    action: Action,
    delay: Duration,
    deadline: Instant,
}

/// A call under way, until it has ended or its future is dropped.
struct UnderWay<'a>(&'a mut Held);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        if self.0.stage == Stage::Commanding {
            self.0.unsettled = Some(Instant::now());
        }
    }
}

fn is_command(action: Action) -> bool {
    PowerCommand::of(action).is_some()
}

/// Whether nothing was switched, and a new device, with the password as it is now, may do better. One that does not
/// answer, or is busy, has been asked for long enough.
fn may_be_stale(error: &Error) -> bool {
    match error {
        Error::Procedure {
            source: FenceError::Status(error) | FenceError::List(error), ..
        } => !error.is_transient() && !error.kind().is_about_plug(),
        _ => false,
    }
}

/// Whether a command may have been sent before it came to this.
fn may_be_under_way(error: &Error) -> bool {
    match error {
        Error::Procedure { source, .. } => !matches!(source, FenceError::Status(_)),
        error => matches!(error, Error::TimedOut { .. }),
    }
}

fn is_about_plug(error: &Error) -> bool {
    match error {
        Error::Procedure { source: FenceError::Status(error), .. } => error.kind().is_about_plug(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
