//! Holding devices of make-believe, in virtual time.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::{Instant, timeout};

use super::Held;
use crate::procedure::{Done, FenceError};
use crate::{
    Action, Agent, AgentAction, AgentConfig, ConfigError, Device, DeviceError, Error, ErrorKind,
    Fence, Kind, Loaded, Parameter, Plug, Port, Power, PowerCommand, PowerState, Provider,
    RestartMark, Success,
};

const SECOND: Duration = Duration::from_secs(1);

/// What the devices of a provider do, and did. One machine is behind them all.
struct World {
    power: Power,
    /// What the next readings and commands come to, instead of what they should.
    readings: VecDeque<Turn>,
    commands: VecDeque<Turn>,
    closing: Duration,
    devices: usize,
    log: Vec<String>,
}

#[derive(Clone, Copy)]
enum Turn {
    /// As it should.
    Good,
    Error(ErrorKind),
    Hangs,
}

#[derive(Clone)]
struct Scripted {
    world: Arc<Mutex<World>>,
    plug: Plug,
}

struct ScriptedDevice {
    number: usize,
    world: Arc<Mutex<World>>,
}

impl ScriptedDevice {
    fn note(&self, what: &str) -> MutexGuard<'_, World> {
        let mut world = self.world.lock().unwrap();
        let number = self.number;
        world.log.push(format!("{number} {what}"));
        world
    }
}

async fn take(turn: Option<Turn>) -> Result<(), DeviceError> {
    match turn {
        None | Some(Turn::Good) => Ok(()),
        Some(Turn::Error(kind)) => Err(DeviceError::new(kind, format!("scripted {kind:?}"))),
        Some(Turn::Hangs) => std::future::pending().await,
    }
}

#[async_trait]
impl Device for ScriptedDevice {
    fn address(&self) -> String {
        format!("device {}", self.number)
    }

    fn begin(&mut self) {
        drop(self.note("begin"));
    }

    fn select(&mut self, plug: Option<&str>) {
        drop(self.note(&format!("select {}", plug.unwrap_or("-"))));
    }

    async fn power_state(&mut self, _: Instant) -> Result<PowerState, DeviceError> {
        let (turn, power) = {
            let mut world = self.note("status");
            (world.readings.pop_front(), world.power)
        };
        take(turn).await.map(|()| power.into())
    }

    async fn set_power(&mut self, to: Power, _: Instant) -> Result<(), DeviceError> {
        let turn = self.note(if to == Power::On { "on" } else { "off" }).commands.pop_front();
        take(turn).await?;
        self.world.lock().unwrap().power = to;
        Ok(())
    }

    async fn cycle(&mut self, _: Instant) -> Result<(), DeviceError> {
        take(Some(Turn::Error(ErrorKind::Unsupported))).await
    }

    async fn diagnostic_interrupt(&mut self, _: Instant) -> Result<(), DeviceError> {
        Ok(())
    }

    async fn restart_mark(&mut self, _: Instant) -> Result<RestartMark, DeviceError> {
        Err(DeviceError::new(ErrorKind::Unsupported, "scripted"))
    }

    async fn plugs(&mut self, _: Instant) -> Result<Vec<Port>, DeviceError> {
        let turn = self.note("list").readings.pop_front();
        take(turn).await?;
        Ok(vec![Port { name: "a".into(), alias: None, state: None }])
    }

    async fn close(&mut self) {
        let closing = self.note("close").closing;
        tokio::time::sleep(closing).await;
    }
}

#[async_trait]
impl Provider for Scripted {
    async fn load_agents(&self, _: Instant) -> Loaded {
        let mut plug = Parameter::new("plug", Kind::String);
        plug.old_name = Some("port".into());
        let agent = Agent {
            parameters: vec![
                plug,
                Parameter::new("port_as_ip", Kind::Boolean),
                Parameter::new("delay", Kind::Seconds),
                Parameter::new("power_timeout", Kind::Seconds),
                Parameter { required: true, ..Parameter::new("ip", Kind::String) },
            ],
            actions: [Action::On, Action::Off, Action::Reboot, Action::Status, Action::Monitor]
                .map(AgentAction::Shown)
                .into_iter()
                .chain([AgentAction::Accepted(Action::List)])
                .collect(),
            plug: self.plug,
            ..Agent::new("fence_scripted")
        };
        Loaded { agents: vec![agent], failures: Vec::new() }
    }

    fn verify(&self, config: &AgentConfig) -> Result<(), Error> {
        match config.text("ip").as_deref() {
            Some("bad") => Err(Error::Provider("bad ip".into())),
            _ => Ok(()),
        }
    }

    async fn command(
        &self,
        _: &AgentConfig,
        _: PowerCommand,
        _: Instant,
    ) -> Result<Success, Error> {
        unreachable!("it has a device")
    }

    async fn status(&self, _: &AgentConfig, _: Instant) -> Result<PowerState, Error> {
        unreachable!("it has a device")
    }

    async fn monitor(&self, _: &AgentConfig, _: Instant) -> Result<(), Error> {
        unreachable!("it has a device")
    }

    async fn list(&self, _: &AgentConfig, _: Instant) -> Result<Vec<Port>, Error> {
        unreachable!("it has a device")
    }

    fn device(&self, _: &AgentConfig) -> Result<Option<Box<dyn Device>>, Error> {
        let world = Arc::clone(&self.world);
        let number = {
            let mut world = self.world.lock().unwrap();
            world.devices += 1;
            world.devices
        };
        // The first one is made to see whether there is one.
        Ok(Some(Box::new(ScriptedDevice { number: number - 1, world })))
    }
}

/// A device that is held, and what is behind it.
struct Scene {
    held: Held,
    world: Arc<Mutex<World>>,
}

async fn fence(plug: Plug) -> (Fence, Arc<Mutex<World>>) {
    let world = Arc::new(Mutex::new(World {
        power: Power::On,
        readings: VecDeque::new(),
        commands: VecDeque::new(),
        closing: Duration::ZERO,
        devices: 0,
        log: Vec::new(),
    }));
    let mut fence = Fence::new();
    fence.register("mine", Scripted { world: Arc::clone(&world), plug }).unwrap();
    assert!(fence.load_agents(SECOND).await.is_empty());
    (fence, world)
}

impl Scene {
    async fn with(plug: Plug, given: &[(&str, &str)]) -> Self {
        let (fence, world) = fence(plug).await;
        let mut config = fence.agent_config("mine", "fence_scripted").unwrap();
        for (name, value) in [&[("ip", "somewhere")], given].concat() {
            config.set(name, value).unwrap();
        }
        let held = fence.hold(&config).unwrap();
        assert!(held.keeps_session());
        Self { held, world }
    }

    async fn new() -> Self {
        Self::with(Plug::Chooses, &[]).await
    }

    /// One that has answered already.
    async fn warm() -> Self {
        let mut scene = Self::new().await;
        scene.monitor().await.unwrap();
        assert_eq!(scene.log(), ["1 begin", "1 select -", "1 status"]);
        scene
    }

    fn readings(&self, turns: impl IntoIterator<Item = Turn>) {
        self.world.lock().unwrap().readings = turns.into_iter().collect();
    }

    fn commands(&self, turns: impl IntoIterator<Item = Turn>) {
        self.world.lock().unwrap().commands = turns.into_iter().collect();
    }

    async fn monitor(&mut self) -> Result<(), Error> {
        self.held.monitor(in_a_minute()).await
    }

    async fn command(&mut self, command: PowerCommand) -> Result<Success, Error> {
        self.held.command(None, command, in_a_minute()).await
    }

    /// What happened since it was last asked for; what goes on behind the callers' backs included.
    fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.world.lock().unwrap().log)
    }

    /// The same without what begins every operation.
    async fn steps(&self) -> Vec<String> {
        tokio::task::yield_now().await;
        let mut log = self.log();
        log.retain(|line| !line.contains("begin") && !line.contains("select"));
        log
    }
}

fn in_a_minute() -> Instant {
    Instant::now() + 60 * SECOND
}

/// Lets a call go on for a while, and drops it.
async fn drop_after<T: std::fmt::Debug>(time: Duration, call: impl Future<Output = T>) {
    timeout(time, call).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn all_calls_are_operations_with_one_device() {
    let mut scene = Scene::new().await;
    assert!(scene.log().is_empty(), "nothing is asked for before it is needed");
    let deadline = in_a_minute();
    scene.held.monitor(deadline).await.unwrap();
    assert_eq!(scene.held.status(Some("b"), deadline).await.unwrap(), PowerState::On);
    let off = scene.held.command(Some("b"), PowerCommand::Off, deadline).await;
    assert!(matches!(off, Ok(Success::Observed(Done::PoweredOff(_)))), "{off:?}");
    let ports = scene.held.list(deadline).await.unwrap();
    assert_eq!(ports.len(), 1);
    scene.held.close().await;
    assert_eq!(
        scene.log(),
        [
            "1 begin",
            "1 select -",
            "1 status",
            "1 begin",
            "1 select b",
            "1 status",
            "1 begin",
            "1 select b",
            "1 status",
            "1 off",
            "1 status",
            "1 status",
            "1 begin",
            "1 select -",
            "1 list",
            "1 close"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn after_a_failure_the_device_is_closed_and_opened_anew_by_the_next_call() {
    let mut scene = Scene::warm().await;
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    let error = scene.monitor().await.unwrap_err().to_string();
    assert_eq!(error, "device 1: unable to read the power state: scripted NoAnswer");
    assert_eq!(scene.steps().await, ["1 status", "1 close"]);
    scene.monitor().await.unwrap();
    assert_eq!(scene.steps().await, ["2 status"]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_about_the_plug_costs_no_session() {
    let mut scene = Scene::new().await;
    for kind in [ErrorKind::Unchosen, ErrorKind::NoSuchPlug] {
        scene.readings([Turn::Error(kind)]);
        scene.held.status(Some("x"), in_a_minute()).await.unwrap_err();
        assert_eq!(scene.steps().await, ["1 status"], "{kind:?}");
    }
    scene.readings([Turn::Error(ErrorKind::Unchosen)]);
    scene.monitor().await.unwrap();
    assert_eq!(scene.steps().await, ["1 status"]);
    scene.readings([Turn::Error(ErrorKind::NoSuchPlug)]);
    scene.command(PowerCommand::Off).await.unwrap_err();
    assert_eq!(scene.steps().await, ["1 status"]);
}

/// A password that was changed, a BMC in another's place: what a new device gets over stops no held one.
#[tokio::test(start_paused = true)]
async fn what_has_become_stale_is_opened_anew_within_the_call() {
    for kind in [ErrorKind::Denied, ErrorKind::Refused, ErrorKind::Unsupported] {
        let mut scene = Scene::warm().await;
        scene.readings([Turn::Error(kind)]);
        scene.command(PowerCommand::Off).await.unwrap();
        let expected = ["1 status", "1 close", "2 status", "2 off", "2 status", "2 status"];
        assert_eq!(scene.steps().await, expected, "{kind:?}");
        scene.readings([Turn::Error(kind)]);
        scene.held.list(in_a_minute()).await.unwrap();
        scene.monitor().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_stale_is_not_tried_twice() {
    use ErrorKind::{Busy, Denied, NoAnswer};
    let mut scene = Scene::new().await;
    scene.readings([Turn::Error(Denied)]);
    scene.monitor().await.unwrap_err();
    assert_eq!(scene.steps().await, ["1 status", "1 close"], "it was never good");

    let mut scene = Scene::warm().await;
    scene.readings([Turn::Error(Denied), Turn::Error(Denied)]);
    scene.monitor().await.unwrap_err();
    assert_eq!(scene.world.lock().unwrap().devices, 3, "once is enough");

    let mut scene = Scene::warm().await;
    scene.readings([Turn::Error(NoAnswer)]);
    scene.command(PowerCommand::Off).await.unwrap_err();
    assert_eq!(scene.steps().await, ["1 status", "1 close"], "nobody answers a new one either");

    let mut scene = Scene::warm().await;
    scene.readings([Turn::Error(Busy)]);
    scene.monitor().await.unwrap();
    assert_eq!(scene.steps().await, ["1 status", "1 status"], "the procedure has patience");
}

/// What was begun with one BMC is not finished with another.
#[tokio::test(start_paused = true)]
async fn after_a_command_nothing_is_tried_with_a_new_device() {
    let mut scene = Scene::warm().await;
    scene.readings([Turn::Good, Turn::Error(ErrorKind::Denied)]);
    let error = scene.command(PowerCommand::Off).await.unwrap_err();
    let Error::Procedure { source: FenceError::StateUnknown { .. }, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!(scene.steps().await, ["1 status", "1 off", "1 status", "1 close"]);

    let mut scene = Scene::warm().await;
    scene.commands([Turn::Error(ErrorKind::Denied)]);
    scene.command(PowerCommand::Off).await.unwrap_err();
    assert_eq!(scene.steps().await, ["1 status", "1 off", "1 close"]);
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_is_dropped_costs_no_session() {
    let mut scene = Scene::warm().await;
    scene.readings([Turn::Hangs]);
    drop_after(SECOND, scene.held.monitor(in_a_minute())).await;
    let begin = Instant::now();
    scene.command(PowerCommand::Off).await.unwrap();
    assert_eq!(scene.steps().await, ["1 status", "1 status", "1 off", "1 status", "1 status"]);
    assert!(begin.elapsed() < SECOND, "{:?}", begin.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_login_that_was_begun_by_a_reading_that_was_dropped_is_gone_on_with() {
    let mut scene = Scene::new().await;
    scene.readings([Turn::Hangs]);
    drop_after(SECOND, scene.held.status(None, in_a_minute())).await;
    scene.command(PowerCommand::Off).await.unwrap();
    assert_eq!(scene.steps().await, ["1 status", "1 status", "1 off", "1 status", "1 status"]);
}

/// The machine may be going on just now: that it reads off is no proof.
#[tokio::test(start_paused = true)]
async fn after_a_command_that_was_dropped_the_next_one_waits_and_a_reading_does_not() {
    let mut scene = Scene::warm().await;
    scene.world.lock().unwrap().power = Power::Off;
    scene.commands([Turn::Hangs]);
    drop_after(SECOND, scene.held.command(None, PowerCommand::On, in_a_minute())).await;
    let begin = Instant::now();
    scene.monitor().await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
    scene.command(PowerCommand::Off).await.unwrap();
    assert!(begin.elapsed() >= super::SETTLES, "{:?}", begin.elapsed());
    let log = scene.steps().await;
    assert_eq!(log.iter().rfind(|line| line.starts_with('1')).unwrap(), "1 close");
    assert!(log.contains(&"2 status".to_owned()), "{log:?}");
    assert!(log.contains(&"2 off".to_owned()), "that it reads off is not enough: {log:?}");

    let begin = Instant::now();
    scene.command(PowerCommand::On).await.unwrap();
    assert!(begin.elapsed() < SECOND, "once is enough");
}

#[tokio::test(start_paused = true)]
async fn the_next_command_waits_only_after_one_that_may_be_under_way_still() {
    let none = Duration::ZERO;
    let off = async |scene: &mut Scene| {
        let begin = Instant::now();
        scene.command(PowerCommand::Off).await.unwrap();
        begin.elapsed() >= super::SETTLES
    };
    let mut scene = Scene::warm().await;
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    scene.command(PowerCommand::On).await.unwrap_err();
    assert!(!off(&mut scene).await, "nothing was sent");

    let mut scene = Scene::warm().await;
    scene.commands([Turn::Error(ErrorKind::Unsupported)]);
    scene.command(PowerCommand::Off).await.unwrap_err();
    assert!(off(&mut scene).await, "it may have been carried out");

    let mut scene = Scene::warm().await;
    scene.commands([Turn::Hangs]);
    let error = scene.held.command(None, PowerCommand::Off, Instant::now() + SECOND).await;
    assert!(matches!(error, Err(Error::TimedOut { .. })), "{error:?}");
    assert!(off(&mut scene).await, "the time was over, not the command");

    let mut scene = Scene::warm().await;
    scene.commands([Turn::Good, Turn::Error(ErrorKind::Unsupported)]);
    let success = scene.command(PowerCommand::Reboot).await.unwrap();
    assert!(success.warning().is_some(), "{success:?}");
    assert!(off(&mut scene).await, "it is not on again yet");

    let mut scene = Scene::with(Plug::Chooses, &[("delay", "9")]).await;
    drop_after(SECOND, scene.held.command(None, PowerCommand::Off, in_a_minute())).await;
    let begin = Instant::now();
    scene.command(PowerCommand::On).await.unwrap();
    assert_eq!(begin.elapsed(), none, "it was still held back");
}

/// It costs no session, either.
#[tokio::test(start_paused = true)]
async fn what_was_held_back_until_its_deadline_was_not_begun() {
    let mut scene = Scene::warm().await;
    scene.commands([Turn::Hangs]);
    drop_after(SECOND, scene.held.command(None, PowerCommand::Off, in_a_minute())).await;
    scene.monitor().await.unwrap();
    scene.steps().await;
    let deadline = Instant::now() + 2 * SECOND;
    let error = scene.held.command(None, PowerCommand::Off, deadline).await.unwrap_err();
    assert_eq!(Instant::now(), deadline);
    assert!(matches!(error, Error::NotBegun { .. }), "{error:?}");
    let expected = "device 2: the wait before a command timed out; nothing was done";
    assert_eq!(error.to_string(), expected);
    scene.monitor().await.unwrap();
    assert_eq!(scene.steps().await, ["2 status"]);
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_by_its_deadline() {
    let mut scene = Scene::warm().await;
    scene.readings([Turn::Hangs]);
    let begin = Instant::now();
    let error = scene.held.monitor(begin + 3 * SECOND).await.unwrap_err();
    assert_eq!(begin.elapsed(), 3 * SECOND);
    assert_eq!(error.to_string(), "device 1 timed out; the power state is not known");
    assert_eq!(scene.steps().await, ["1 status", "1 close"]);
}

#[tokio::test(start_paused = true)]
async fn off_and_reboot_are_delayed_once_and_nothing_else_is() {
    let mut scene = Scene::with(Plug::Chooses, &[("delay", "7")]).await;
    for (command, delay) in [
        (PowerCommand::On, Duration::ZERO),
        (PowerCommand::Off, 7 * SECOND),
        (PowerCommand::Reboot, 7 * SECOND),
    ] {
        if command != PowerCommand::On {
            scene.readings([Turn::Error(ErrorKind::Refused)]);
        }
        let begin = Instant::now();
        scene.command(command).await.unwrap();
        assert!((delay..delay + SECOND).contains(&begin.elapsed()), "{command}");
    }
    let begin = Instant::now();
    scene.monitor().await.unwrap();
    assert_eq!(begin.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_is_said_before_anything_is_done() {
    let (fence, world) = fence(Plug::Required).await;
    let mut config = fence.agent_config("mine", "fence_scripted").unwrap();
    let error = fence.hold(&config).unwrap_err();
    assert!(matches!(error, Error::Config(ConfigError::Missing { .. })), "{error:?}");
    config.set("ip", "bad").unwrap();
    assert_eq!(fence.hold(&config).unwrap_err().to_string(), "bad ip");
    config.set("ip", "good").unwrap();

    let mut held = fence.hold(&config).unwrap();
    let deadline = in_a_minute();
    for plug in [None, Some("")] {
        let error = held.status(plug, deadline).await.unwrap_err();
        assert!(matches!(error, Error::MissingPlug { .. }), "{error:?}");
        let error = held.command(plug, PowerCommand::Off, deadline).await.unwrap_err();
        assert!(matches!(error, Error::MissingPlug { .. }), "{error:?}");
    }
    let error = held.command(Some("a"), PowerCommand::Diag, deadline).await.unwrap_err();
    assert!(matches!(error, Error::UnsupportedAction { .. }), "{error:?}");
    assert!(world.lock().unwrap().log.is_empty());
    held.monitor(deadline).await.unwrap();
    held.status(Some("a"), deadline).await.unwrap();
    assert_eq!(held.config().text("ip").as_deref(), Some("good"));
}

#[tokio::test(start_paused = true)]
async fn a_plug_is_the_configurations_or_another_or_ignored() {
    let mut scene = Scene::with(Plug::Chooses, &[("plug", "a")]).await;
    for (plug, selected) in
        [(Some("b"), "1 select b"), (Some("a"), "1 select -"), (None, "1 select -")]
    {
        scene.held.status(plug, in_a_minute()).await.unwrap();
        assert_eq!(scene.log()[1], selected, "{plug:?}");
    }
    let mut scene = Scene::with(Plug::Ignored, &[]).await;
    scene.held.status(Some("node1"), in_a_minute()).await.unwrap();
    assert_eq!(scene.log()[1], "1 select -");
    let error = scene.held.list(in_a_minute()).await.unwrap_err();
    assert!(matches!(error, Error::NoPlugs { .. }), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_plug_that_is_the_address_of_another_device_is_refused() {
    for kind in [Plug::Ignored, Plug::Chooses] {
        let given = [("plug", "10.0.0.5"), ("port_as_ip", "1")];
        let mut scene = Scene::with(kind, &given).await;
        scene.held.status(Some("10.0.0.5"), in_a_minute()).await.unwrap();
        scene.log();
        let off = scene.held.command(Some("10.0.0.6"), PowerCommand::Off, in_a_minute()).await;
        let error = off.unwrap_err().to_string();
        assert!(error.starts_with("plug: with port_as_ip"), "{error}");
        assert!(scene.log().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn closing_is_bounded_and_may_be_repeated() {
    let mut scene = Scene::warm().await;
    scene.world.lock().unwrap().closing = 3600 * SECOND;
    let begin = Instant::now();
    scene.held.close().await;
    assert_eq!(begin.elapsed(), crate::operation::CLOSING);
    scene.held.close().await;
    assert_eq!(begin.elapsed(), crate::operation::CLOSING);
    assert_eq!(scene.steps().await, ["1 close"]);
    scene.monitor().await.unwrap();
    assert_eq!(scene.steps().await, ["2 status"]);
}

/// There are BMCs with room for a single session.
#[tokio::test(start_paused = true)]
async fn a_device_is_closed_before_another_one_is_opened() {
    let mut scene = Scene::warm().await;
    scene.world.lock().unwrap().closing = SECOND / 4;
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    scene.monitor().await.unwrap_err();
    let begin = Instant::now();
    scene.monitor().await.unwrap();
    assert_eq!(begin.elapsed(), SECOND / 4);
    assert_eq!(scene.steps().await, ["1 status", "1 close", "2 status"]);
}

/// Nobody who fences waits for long until a session is closed.
#[tokio::test(start_paused = true)]
async fn a_device_that_is_slow_to_close_holds_nobody_up() {
    let mut scene = Scene::warm().await;
    scene.world.lock().unwrap().closing = 3600 * SECOND;
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    scene.monitor().await.unwrap_err();
    let begin = Instant::now();
    scene.monitor().await.unwrap();
    assert_eq!(begin.elapsed(), super::CLOSED_BEFORE_ANOTHER);
}

#[tokio::test(start_paused = true)]
async fn it_can_be_sent_to_a_task_and_shown() {
    let mut scene = Scene::new().await;
    assert!(format!("{:?}", scene.held).contains("fence_scripted"));
    let task = tokio::spawn(async move {
        scene.command(PowerCommand::Off).await.unwrap();
        scene.held.close().await;
    });
    task.await.unwrap();
}
