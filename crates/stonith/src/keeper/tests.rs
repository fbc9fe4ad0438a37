//! Keepers of devices of make-believe, in virtual time.

use std::collections::VecDeque;
use std::sync::Mutex;

use async_trait::async_trait;
use fencing::{
    Action, Agent, AgentAction, AgentConfig, Device, DeviceError, ErrorKind, Fence, Kind, Loaded,
    Parameter, Plug, Power, Provider, RestartMark,
};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What the devices of a provider do, and did.
struct World {
    /// Whether they keep a session, as opposed to programs that are run.
    keeps_session: bool,
    power: Power,
    /// What the next readings and commands come to, instead of what they should; the last one stays.
    readings: VecDeque<Turn>,
    commands: VecDeque<Turn>,
    /// What happened, and after how many seconds.
    log: Vec<(u64, String)>,
    begin: Instant,
}

#[derive(Clone, Copy)]
enum Turn {
    Good,
    Takes(Duration),
    Error(ErrorKind),
}

impl Turn {
    async fn take(self) -> Result<(), DeviceError> {
        match self {
            Self::Good => Ok(()),
            Self::Takes(time) => {
                sleep(time).await;
                Ok(())
            }
            Self::Error(kind) => Err(DeviceError::new(kind, format!("scripted {kind:?}"))),
        }
    }
}

#[derive(Clone)]
struct Scripted(Arc<Mutex<World>>);

impl Scripted {
    fn note(&self, what: &str) {
        let mut world = self.0.lock().unwrap();
        let seconds = world.begin.elapsed().as_secs();
        world.log.push((seconds, what.to_owned()));
    }

    async fn reading(&self, what: &str) -> Result<PowerState, DeviceError> {
        self.note(what);
        let turn = next(&mut self.0.lock().unwrap().readings);
        turn.take().await?;
        Ok(self.0.lock().unwrap().power.into())
    }
}

/// The last one stays.
fn next(turns: &mut VecDeque<Turn>) -> Turn {
    if turns.len() > 1 {
        turns.pop_front().unwrap()
    } else {
        turns.front().copied().unwrap_or(Turn::Good)
    }
}

#[async_trait]
impl Device for Scripted {
    fn address(&self) -> String {
        "scripted".to_owned()
    }

    fn select(&mut self, plug: Option<&str>) {
        if let Some(plug) = plug {
            self.note(plug);
        }
    }

    async fn power_state(&mut self, _: Instant) -> Result<PowerState, DeviceError> {
        self.reading("status").await
    }

    async fn set_power(&mut self, to: Power, _: Instant) -> Result<(), DeviceError> {
        self.note(&to.to_string().to_lowercase());
        let turn = next(&mut self.0.lock().unwrap().commands);
        turn.take().await?;
        self.0.lock().unwrap().power = to;
        Ok(())
    }

    async fn cycle(&mut self, _: Instant) -> Result<(), DeviceError> {
        Err(DeviceError::new(ErrorKind::Unsupported, "scripted"))
    }

    async fn diagnostic_interrupt(&mut self, _: Instant) -> Result<(), DeviceError> {
        Ok(())
    }

    async fn restart_mark(&mut self, _: Instant) -> Result<RestartMark, DeviceError> {
        Err(DeviceError::new(ErrorKind::Unsupported, "scripted"))
    }

    async fn plugs(&mut self, _: Instant) -> Result<Vec<Port>, DeviceError> {
        self.reading("list").await?;
        Ok(vec![Port { name: "a".into(), alias: None, state: None }])
    }

    async fn close(&mut self) {
        self.note("close");
    }
}

#[async_trait]
impl Provider for Scripted {
    async fn load_agents(&self, _: Instant) -> Loaded {
        let actions = [Action::On, Action::Off, Action::Status, Action::Monitor, Action::List];
        let agent = Agent {
            parameters: vec![Parameter::new("plug", Kind::String)],
            actions: actions.map(AgentAction::Shown).to_vec(),
            plug: Plug::Chooses,
            ..Agent::new("fence_scripted")
        };
        Loaded { agents: vec![agent], failures: Vec::new() }
    }

    fn verify(&self, _: &AgentConfig) -> Result<(), Error> {
        Ok(())
    }

    async fn command(
        &self,
        _: &AgentConfig,
        command: PowerCommand,
        _: Instant,
    ) -> Result<Success, Error> {
        self.note("program commands");
        let turn = next(&mut self.0.lock().unwrap().commands);
        turn.take().await.map_err(|error| Error::Provider(error.into()))?;
        Ok(Success::Reported(command))
    }

    async fn status(&self, _: &AgentConfig, _: Instant) -> Result<PowerState, Error> {
        self.reading("program reads").await.map_err(|error| Error::Provider(error.into()))
    }

    async fn monitor(&self, _: &AgentConfig, _: Instant) -> Result<(), Error> {
        let read = self.reading("program monitors").await;
        read.map(|_| ()).map_err(|error| Error::Provider(error.into()))
    }

    async fn list(&self, _: &AgentConfig, _: Instant) -> Result<Vec<Port>, Error> {
        Ok(Vec::new())
    }

    fn device(&self, _: &AgentConfig) -> Result<Option<Box<dyn Device>>, Error> {
        let keeps_session = self.0.lock().unwrap().keeps_session;
        Ok(keeps_session.then(|| Box::new(self.clone()) as Box<dyn Device>))
    }

    async fn finish(&self, _: Instant) {
        self.note("finish");
    }
}

struct Scene {
    fence: Fence,
    world: Scripted,
    stop: CancellationToken,
}

impl Scene {
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(keeps_session: bool) -> Self {
        let world = Scripted(Arc::new(Mutex::new(World {
            keeps_session,
            power: Power::On,
            readings: VecDeque::new(),
            commands: VecDeque::new(),
            log: Vec::new(),
            begin: Instant::now(),
        })));
        let mut fence = Fence::new();
        fence.register("mine", world.clone()).unwrap();
        assert!(fence.load_agents(SECOND).await.is_empty());
        Self { fence, world, stop: CancellationToken::new() }
    }

    /// A keeper of the device, at once.
    fn keeper(&self) -> Keeper {
        let nobody = CancellationToken::new();
        nobody.cancel();
        self.keeper_with(|settings| settings.after = nobody)
    }

    fn keeper_with(&self, change: impl FnOnce(&mut Settings)) -> Keeper {
        let config = self.fence.agent_config("mine", "fence_scripted").unwrap();
        let mut settings = Settings {
            name: "scripted".to_owned(),
            keepalive: Some(10 * SECOND),
            lists: false,
            machines: Vec::new(),
            probes: Arc::new(Semaphore::new(1)),
            news: Arc::new(watch::Sender::new(())),
            after: CancellationToken::new(),
            stop: self.stop.clone(),
        };
        change(&mut settings);
        Keeper::start(self.fence.hold(&config).unwrap(), settings)
    }

    fn readings(&self, turns: impl IntoIterator<Item = Turn>) {
        self.world.0.lock().unwrap().readings = turns.into_iter().collect();
    }

    fn commands(&self, turns: impl IntoIterator<Item = Turn>) {
        self.world.0.lock().unwrap().commands = turns.into_iter().collect();
    }

    /// What happened since it was last asked for, and when, in seconds.
    fn log(&self) -> Vec<(u64, String)> {
        std::mem::take(&mut self.world.0.lock().unwrap().log)
    }

    /// When something happened since it was last asked for.
    fn times(&self, what: &str) -> Vec<u64> {
        self.log().into_iter().filter(|(_, which)| which == what).map(|(time, _)| time).collect()
    }

    /// What happened, without the times.
    fn steps(&self) -> Vec<String> {
        self.log().into_iter().map(|(_, what)| what).collect()
    }
}

fn machine(plug: Option<&str>) -> Machine {
    Machine { node: "node".to_owned(), plug: plug.map(str::to_owned) }
}

fn within(seconds: u32) -> Instant {
    Instant::now() + seconds * SECOND
}

/// Lets a call begin, and go on by itself.
async fn begun<T: Send + 'static>(
    call: impl Future<Output = T> + Send + 'static,
) -> tokio::task::JoinHandle<T> {
    let task = tokio::spawn(call);
    sleep(SECOND / 1000).await;
    task
}

fn off(
    keeper: &Arc<Keeper>,
    seconds: u32,
) -> impl Future<Output = Result<Carried, Failure>> + use<> {
    let keeper = Arc::clone(keeper);
    let deadline = within(seconds);
    async move { keeper.command(machine(None), PowerCommand::Off, deadline, Arc::new(|| true)).await }
}

#[tokio::test(start_paused = true)]
async fn a_device_is_asked_for_one_machine_at_a_time_in_turn() {
    let scene = Scene::new().await;
    let nobody = CancellationToken::new();
    nobody.cancel();
    let keeper = scene.keeper_with(|settings| {
        settings.machines = ["a", "b"].map(|plug| machine(Some(plug))).to_vec();
        settings.after = nobody;
    });
    sleep(35 * SECOND).await;
    let asked = |time, plug: &str| [(time, plug.to_owned()), (time, "status".to_owned())];
    assert_eq!(
        scene.log(),
        [asked(0, "b"), asked(10, "a"), asked(20, "b"), asked(30, "a")].concat()
    );
    assert!(keeper.reach().is_reachable());
    // Whoever asks for something keeps it awake.
    keeper.status(None, within(10)).await.unwrap();
    sleep(9 * SECOND).await;
    assert_eq!(scene.times("status"), [35]);
}

/// Other machines may be behind a device that stays.
#[tokio::test(start_paused = true)]
async fn a_device_is_asked_for_the_machines_that_it_has_now() {
    let scene = Scene::new().await;
    let nobody = CancellationToken::new();
    nobody.cancel();
    let keeper = scene.keeper_with(|settings| {
        settings.machines = vec![machine(Some("a"))];
        settings.after = nobody;
    });
    sleep(SECOND).await;
    keeper.know(vec![machine(Some("b"))]);
    sleep(10 * SECOND).await;
    assert_eq!(scene.steps(), ["a", "status", "b", "status"]);
}

#[test]
fn another_number_is_no_other_reason() {
    let silent = "10.0.0.1:623: BMC silent for 5.2 s: 3 datagrams sent, none answered";
    assert!(is_same(silent, "10.0.0.1:623: BMC silent for 10 s: 12 datagrams sent, none answered"));
    assert!(!is_same(
        silent,
        "10.0.0.1:623: BMC silent for 5.2 s: 3 datagrams sent, 1 answered ill"
    ));
    assert!(!is_same(silent, "10.0.0.1:623: wrong password"));
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_answer_is_left_alone_for_longer_and_longer() {
    let scene = Scene::new().await;
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    let keeper = scene.keeper();
    sleep(200 * SECOND).await;
    assert_eq!(scene.times("status"), [0, 1, 3, 7, 15, 31, 63, 123, 183]);
    let Reach::Unreachable { since, is_denied: false, reason } = keeper.reach() else { panic!() };
    assert_eq!(since.elapsed(), 200 * SECOND);
    assert_eq!(&*reason, "scripted: unable to read the power state: scripted NoAnswer");
    scene.readings([]);
    sleep(60 * SECOND).await;
    assert_eq!(scene.times("status"), [243, 253]);
    assert!(keeper.reach().is_reachable());
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    sleep(10 * SECOND).await;
    assert_eq!(scene.times("status"), [263, 264, 266]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_does_not_let_us_in_is_asked_seldom_by_whom_ever() {
    let scene = Scene::new().await;
    scene.readings([Turn::Error(ErrorKind::Denied)]);
    let keeper = scene.keeper();
    sleep(SECOND).await;
    for _ in 0..1000 {
        let failure = keeper.probe(within(20)).await.unwrap_err();
        assert_eq!(failure.is_reached(), Some(false));
        assert!(failure.to_string().contains("scripted Denied; so that it does not lock the user"));
        keeper.status(None, within(20)).await.unwrap_err();
        sleep(SECOND).await;
    }
    assert_eq!(scene.times("status"), [0, 30, 90, 210, 450, 930]);
    // Who fences means it.
    let keeper = Arc::new(keeper);
    let failure = off(&keeper, 20).await.unwrap_err();
    assert!(failure.to_string().ends_with("scripted Denied"), "{failure}");
    assert_eq!(scene.times("status"), [1001]);
    // There may be something new.
    keeper.wake();
    keeper.probe(within(20)).await.unwrap_err();
    assert_eq!(scene.times("status"), [1001]);
    scene.readings([]);
    keeper.wake();
    keeper.probe(within(20)).await.unwrap();
    assert!(keeper.reach().is_reachable());
}

#[tokio::test(start_paused = true)]
async fn a_question_makes_way_for_a_command_and_is_asked_again_behind_it() {
    let scene = Scene::new().await;
    scene.readings([Turn::Takes(15 * SECOND), Turn::Takes(15 * SECOND), Turn::Good]);
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    let probe = begun({
        let keeper = Arc::clone(&keeper);
        async move { keeper.probe(within(60)).await }
    });
    let probe = probe.await;
    let begin = Instant::now();
    assert_eq!(off(&keeper, 20).await.unwrap().done, "off");
    assert!(begin.elapsed() < 16 * SECOND, "{:?}", begin.elapsed());
    probe.await.unwrap().unwrap();
    assert!(scene.steps().starts_with(&["status".to_owned(), "status".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn one_that_is_retired_carries_out_what_it_has_taken_and_nothing_else() {
    let scene = Scene::new().await;
    scene.commands([Turn::Takes(12 * SECOND)]);
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    let first = begun(off(&keeper, 60)).await;
    let second = begun({
        let keeper = Arc::clone(&keeper);
        async move {
            keeper.command(machine(None), PowerCommand::On, within(60), Arc::new(|| true)).await
        }
    });
    let second = second.await;
    let reading = begun({
        let keeper = Arc::clone(&keeper);
        async move { keeper.status(None, within(60)).await }
    });
    let reading = reading.await;
    keeper.retire();
    assert_eq!(first.await.unwrap().unwrap().done, "off");
    assert_eq!(second.await.unwrap().unwrap().done, "on");
    let refused = reading.await.unwrap().unwrap_err().to_string();
    assert_eq!(refused, "the controller gives the device back; nothing was read");
    keeper.ended().cancelled().await;
    assert_eq!(scene.steps().last().unwrap(), "close");
    let refused = off(&keeper, 60).await.unwrap_err().to_string();
    assert_eq!(refused, "the controller gives the device back; nothing was done");
}

#[tokio::test(start_paused = true)]
async fn at_the_end_of_the_controller_a_command_that_is_under_way_has_a_moment_more() {
    for (takes, is_done) in [(7, true), (60, false)] {
        let scene = Scene::new().await;
        scene.commands([Turn::Takes(takes * SECOND)]);
        let keeper = Arc::new(scene.keeper());
        sleep(SECOND).await;
        let under_way = begun(off(&keeper, 60)).await;
        let waiting = begun({
            let keeper = Arc::clone(&keeper);
            async move {
                keeper.command(machine(None), PowerCommand::On, within(60), Arc::new(|| true)).await
            }
        });
        let waiting = waiting.await;
        let begin = Instant::now();
        scene.stop.cancel();
        keeper.ended().cancelled().await;
        assert!(begin.elapsed() <= LAST_COMMAND, "{:?}", begin.elapsed());
        let result = under_way.await.unwrap();
        assert_eq!(result.is_ok(), is_done, "{result:?}");
        if let Err(failure) = result {
            let expected = "the controller gives the device back; the power state is not known";
            assert_eq!(failure.to_string(), expected);
        }
        waiting.await.unwrap().unwrap_err();
        let steps = scene.steps();
        assert!(!steps.contains(&"on".to_owned()) && steps.ends_with(&["close".to_owned()]));
    }
}

/// A device is never used by two of them at a time, however fast they follow each other.
#[tokio::test(start_paused = true)]
async fn one_after_another_waits_for_all_before_it() {
    let scene = Scene::new().await;
    scene.commands([Turn::Takes(30 * SECOND), Turn::Good]);
    let first = Arc::new(scene.keeper());
    sleep(SECOND).await;
    let under_way = begun(off(&first, 60)).await;
    first.retire();
    let second = scene.keeper_with(|settings| settings.after = first.ended());
    second.retire();
    let third = Arc::new(scene.keeper_with(|settings| settings.after = second.ended()));
    scene.log();
    let waiting = begun({
        let third = Arc::clone(&third);
        async move {
            third.command(machine(None), PowerCommand::On, within(60), Arc::new(|| true)).await
        }
    });
    let waiting = waiting.await;
    assert_eq!(under_way.await.unwrap().unwrap().done, "off");
    assert_eq!(waiting.await.unwrap().unwrap().done, "on");
    let steps = scene.steps();
    let place = |what: &str| steps.iter().position(|step| step == what);
    assert!(place("close").is_some() && place("close") < place("on"), "{steps:?}");
    assert_eq!(steps.iter().filter(|step| *step == "close").count(), 1, "{steps:?}");
}

#[tokio::test(start_paused = true)]
async fn what_does_not_get_its_turn_is_told_so_by_its_deadline() {
    let scene = Scene::new().await;
    scene.commands([Turn::Takes(12 * SECOND)]);
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    let under_way = begun(off(&keeper, 60)).await;
    let begin = Instant::now();
    let failure = keeper
        .command(machine(None), PowerCommand::On, within(3), Arc::new(|| true))
        .await
        .unwrap_err();
    assert!(matches!(failure, Failure::NoTurn), "{failure}");
    assert_eq!(begin.elapsed(), 3 * SECOND);
    under_way.await.unwrap().unwrap();
    sleep(20 * SECOND).await;
    assert_eq!(scene.times("on"), [0_u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_program_that_fails_has_its_device_asked_soon() {
    let scene = Scene::with(false).await;
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    assert_eq!(scene.steps(), ["program monitors"]);
    assert!(keeper.reach().is_reachable());
    scene.commands([Turn::Error(ErrorKind::Refused)]);
    scene.readings([Turn::Error(ErrorKind::Refused)]);
    let failure = off(&keeper, 60).await.unwrap_err();
    assert_eq!(failure.is_reached(), None);
    sleep(2 * SECOND).await;
    assert!(!keeper.reach().is_reachable());
    assert_eq!(scene.steps(), ["program commands", "program monitors"]);
    // One machine that cannot be read says nothing of the others.
    scene.readings([Turn::Good]);
    keeper.probe(within(20)).await.unwrap();
    scene.readings([Turn::Error(ErrorKind::Refused), Turn::Good]);
    keeper.status(Some("a".to_owned()), within(20)).await.unwrap_err();
    sleep(SECOND).await;
    assert!(keeper.reach().is_reachable());
    keeper.retire();
    keeper.ended().cancelled().await;
    assert_eq!(scene.steps().last().unwrap(), "finish");
}

/// Nobody has asked the device anything.
#[tokio::test(start_paused = true)]
async fn a_command_that_was_held_back_too_long_says_nothing_of_the_device() {
    let scene = Scene::new().await;
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    scene.commands([Turn::Error(ErrorKind::Unsupported)]);
    assert_eq!(off(&keeper, 60).await.unwrap_err().is_reached(), Some(true));
    scene.log();
    // Nobody knows what becomes of the first.
    let failure = off(&keeper, 2).await.unwrap_err();
    assert!(failure.to_string().ends_with("; nothing was done"), "{failure}");
    assert_eq!(failure.is_reached(), None);
    assert!(keeper.reach().is_reachable());
    assert_eq!(scene.times("off"), [0_u64; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_device_that_answers_slower_than_somebody_is_patient_is_not_dead() {
    let scene = Scene::new().await;
    let keeper = scene.keeper();
    sleep(SECOND).await;
    scene.readings([Turn::Takes(4 * SECOND)]);
    // Again and again, without a moment in between.
    for _ in 0..10 {
        keeper.status(None, within(1)).await.unwrap_err();
        assert!(keeper.reach().is_reachable());
    }
    sleep(4 * SECOND).await;
    assert!(keeper.reach().is_reachable());
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    keeper.status(None, within(1)).await.unwrap_err();
    assert!(keeper.reach().is_reachable());
    sleep(2 * SECOND).await;
    assert!(!keeper.reach().is_reachable(), "it was asked by itself");
}

#[tokio::test(start_paused = true)]
async fn what_a_device_lists_is_kept() {
    let scene = Scene::new().await;
    let nobody = CancellationToken::new();
    nobody.cancel();
    let keeper = scene.keeper_with(|settings| {
        settings.lists = true;
        settings.after = nobody;
    });
    assert!(keeper.ports().is_none());
    sleep(SECOND).await;
    assert_eq!(keeper.ports().unwrap().len(), 1);
    scene.readings([Turn::Error(ErrorKind::NoAnswer)]);
    sleep(20 * SECOND).await;
    assert_eq!(keeper.ports().unwrap().len(), 1);
    assert!(!keeper.reach().is_reachable());
}

#[tokio::test(start_paused = true)]
async fn too_many_are_refused_at_once() {
    let scene = Scene::new().await;
    scene.commands([Turn::Takes(12 * SECOND)]);
    let keeper = Arc::new(scene.keeper());
    sleep(SECOND).await;
    let _under_way = begun(off(&keeper, 60)).await;
    let waiting: Vec<_> = (0..MOST_WAITING).map(|_| tokio::spawn(off(&keeper, 60))).collect();
    sleep(SECOND).await;
    let begin = Instant::now();
    assert!(matches!(off(&keeper, 60).await, Err(Failure::Full)));
    assert_eq!(begin.elapsed(), Duration::ZERO);
    for waits in waiting {
        assert_eq!(waits.await.unwrap().unwrap().done, "off already");
    }
    assert_eq!(scene.times("off"), [1], "all of them are one");
}
