//! What a controller does: its devices, its machines, and what is asked of them.

mod discovered;
mod stamp;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use fencing::{Fence, PowerCommand, PowerState};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Config;
use crate::keeper::{Carried, Failure, IsCurrent, Keeper, Reach, Settings};
use crate::lock::{Lock, LockError};
use crate::pause::Pause;
use crate::plan::{DeviceKey, Machine, Plan, PlanError, PlannedDevice, PlannedTarget, by_device};
use crate::protocol::{self, DeviceStatus, ReachStatus, Status, Target, Targets};
use stamp::Stamp;

/// How many devices are asked at a time where nobody waits for it.
const PROBES_AT_A_TIME: usize = 64;
/// How often it is looked whether the file of targets has changed, besides whenever somebody asks for something.
const LOOK_AT_FILE: Duration = Duration::from_secs(2);
/// How long somebody who asks for something waits for the targets to be read anew; those of before are taken then.
const READING_ANEW: Duration = Duration::from_secs(1);

/// A controller: it holds devices, and knows which machine is behind which.
#[derive(Debug)]
pub(crate) struct Controller {
    config: Config,
    mark: String,
    state: Arc<Mutex<State>>,
    /// Reloads go one after the other.
    reloading: tokio::sync::Mutex<()>,
    probes: Arc<Semaphore>,
    news: Arc<watch::Sender<()>>,
    stop: CancellationToken,
    /// Devices that are being given back.
    leaving: TaskTracker,
}

#[derive(Debug, Default)]
struct State {
    devices: BTreeMap<DeviceKey, HeldDevice>,
    targets: BTreeMap<String, PlannedTarget>,
    generation: u64,
    /// The generation that was told to who watches.
    told: Option<u64>,
    trouble: Option<String>,
    read: Read,
    retry: Retry,
    /// By resource.
    claims: BTreeMap<String, Claim>,
    is_stopped: bool,
}

/// Where a machine is, for people: its device, and which of the device's machines it is.
type Place = (String, Option<String>);

/// What is known of the file of targets.
#[derive(Debug, Default, PartialEq, Eq)]
enum Read {
    /// It is to be read, whatever it looks like.
    #[default]
    Never,
    /// It looked like this when it was read last, or was not there.
    As(Option<Stamp>),
}

/// When targets that could not be read are read again, although their file is the same: what was wrong may have been a
/// program that did not answer, or a disk that was full.
#[derive(Debug, Default)]
struct Retry {
    pause: Pause,
    due: Option<Instant>,
}

/// What is known of a resource that this controller uses.
#[derive(Debug)]
struct Claim {
    /// Kept as long as anything uses it: the kernel gives a lock back with the first descriptor of its file that is
    /// closed, whichever that is.
    lock: Weak<Lock>,
    /// The end of the last keeper that uses it.
    ended: CancellationToken,
}

#[derive(Clone, Debug)]
struct HeldDevice {
    keeper: Arc<Keeper>,
    name: String,
    is_asked_for_targets: bool,
    lock: Arc<Lock>,
}

/// Why there is no controller.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetUpError {
    /// What it was told makes no sense.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Somebody else uses a device.
    #[error("{device}: another controller on this machine uses it: {reason}")]
    InUse { device: String, reason: LockError },
    /// Whether somebody else does cannot be told.
    #[error("{device}: it is not known whether another controller uses it: {reason}")]
    NoLock { device: String, reason: LockError },
    /// A device cannot be held.
    #[error("{device}: {reason}")]
    Device { device: String, reason: fencing::Error },
    /// It was stopped meanwhile.
    #[error("the controller was stopped")]
    Stopped,
}

impl Controller {
    /// Takes the devices that the configuration means, and begins to hold them.
    pub(crate) async fn set_up(config: Config) -> Result<Arc<Self>, SetUpError> {
        let controller = Self {
            mark: config.mark(),
            state: Arc::default(),
            reloading: tokio::sync::Mutex::default(),
            probes: Arc::new(Semaphore::new(PROBES_AT_A_TIME)),
            news: Arc::new(watch::Sender::new(())),
            stop: CancellationToken::new(),
            leaving: TaskTracker::new(),
            config,
        };
        controller.load().await?;
        Ok(Arc::new(controller))
    }

    /// Whether this is the mark of another configuration than its own.
    pub(crate) fn is_not(&self, mark: &str) -> bool {
        Config::is_mark_of_another(mark, &self.mark)
    }

    /// Looks after the sources of targets, until it is dropped.
    pub(crate) async fn watch_targets(&self) {
        let mut news = self.news.subscribe();
        let mut looks = interval(LOOK_AT_FILE);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                _ = looks.tick() => {
                    self.refresh().await;
                    self.retry().await;
                }
                _ = news.changed() => self.take_listed(),
            }
        }
    }

    /// Reads the file of targets anew if it has changed. What is dropped half way is done by the next call.
    async fn refresh(&self) {
        if self.has_news() {
            let _turn = self.reloading.lock().await;
            // Somebody else may have done it meanwhile.
            if self.has_news() {
                self.load_or_keep().await;
            }
        }
    }

    /// Reads the targets again where that has failed, and it is time. Who asks for something does not wait for it: it
    /// may take as long as it did before.
    async fn retry(&self) {
        if self.state().retry.is_due() {
            let _turn = self.reloading.lock().await;
            if self.state().retry.is_due() {
                self.load_or_keep().await;
            }
        }
    }

    /// Reads it anew if it has changed, for somebody who wants something else.
    async fn refresh_soon(&self) {
        let _ = timeout(READING_ANEW, self.refresh()).await;
    }

    /// The same, for who switches a machine: that must not rest on a list that is known to be old.
    async fn refresh_by(&self, deadline: Instant) -> Result<(), String> {
        let refreshed = timeout_at(deadline, self.refresh()).await;
        refreshed.map_err(|_| {
            "the targets have changed, and could not be read anew in time; nothing was done".into()
        })
    }

    fn has_news(&self) -> bool {
        let path = self.config.mapfile.as_ref();
        path.is_some_and(|path| self.state().read != Read::As(Stamp::of(path)))
    }

    /// Reads the targets anew, and asks all devices again that do not answer. Where it fails, the targets of before are
    /// kept.
    pub(crate) async fn reload(&self) {
        let _turn = self.reloading.lock().await;
        self.load_or_keep().await;
        for device in self.state().devices.values() {
            device.keeper.wake();
        }
    }

    async fn load_or_keep(&self) {
        let result = self.load().await;
        let trouble = result.err().map(|error| error.to_string());
        let mut state = self.state();
        if let Some(trouble) = trouble.as_ref().filter(|new| state.trouble.as_ref() != Some(*new)) {
            log::error!("the targets are kept as they were: {trouble}");
        }
        state.retry.note(trouble.is_some());
        state.trouble = trouble;
    }

    async fn load(&self) -> Result<(), SetUpError> {
        // Before it is read: a change that comes in between is seen the next time.
        let stamp = self.config.mapfile.as_deref().and_then(Stamp::of);
        let result = self.take().await;
        self.state().read = match result {
            // The other controller may end at any time, and a disk have room again.
            Err(SetUpError::InUse { .. } | SetUpError::NoLock { .. }) => Read::Never,
            _ if stamp.is_some_and(|stamp| stamp.is_fresh()) => Read::Never,
            _ => Read::As(stamp),
        };
        result
    }

    async fn take(&self) -> Result<(), SetUpError> {
        let (plan, fence) = Plan::read(&self.config).await?;
        self.carry_out(plan, &fence)
    }

    /// Makes the plan true, or changes nothing.
    fn carry_out(&self, plan: Plan, fence: &Fence) -> Result<(), SetUpError> {
        let mut state = self.state();
        if state.is_stopped {
            return Err(SetUpError::Stopped);
        }
        let mut new = Vec::new();
        for (key, planned) in plan.devices {
            if state.devices.contains_key(&key) {
                continue;
            }
            let claimed = self.claim(&state, &planned)?;
            let held = fence.hold(&planned.config);
            let failed = |reason| SetUpError::Device { device: planned.name.clone(), reason };
            new.push((held.map_err(failed)?, claimed, key, planned));
        }
        let is_asked = |device: &HeldDevice| device.is_asked_for_targets;
        let listed = new.iter().any(|(.., planned)| planned.is_asked_for_targets)
            || state.devices.values().any(is_asked);
        let wanted: BTreeSet<_> = plan.targets.values().map(|target| &target.device).collect();
        let is_kept =
            |key: &DeviceKey, device: &HeldDevice| wanted.contains(key) || is_asked(device);
        let (staying, leaving): (BTreeMap<_, _>, BTreeMap<_, _>) =
            std::mem::take(&mut state.devices).into_iter().partition(|(k, d)| is_kept(k, d));
        state.devices = staying;
        for device in leaving.into_values() {
            self.give_back(device);
        }
        let mut machines = by_device(&plan.targets);
        for (held, (lock, after), key, planned) in new {
            let machines = machines.remove(&key).unwrap_or_default();
            let keeper = Arc::new(Keeper::start(held, self.settings(&planned, machines, after)));
            let PlannedDevice { name, resource, is_asked_for_targets, .. } = planned;
            let claim = Claim { lock: Arc::downgrade(&lock), ended: keeper.ended() };
            state.claims.insert(resource, claim);
            let device = HeldDevice { keeper, name, is_asked_for_targets, lock };
            state.devices.insert(key, device);
        }
        if !listed {
            state.set_targets(plan.targets);
        }
        state.claims.retain(|_, claim| claim.lock.strong_count() > 0);
        Ok(())
    }

    /// The lock of a device, and the end of the keeper that uses it now, if one does.
    fn claim(
        &self,
        state: &State,
        planned: &PlannedDevice,
    ) -> Result<(Arc<Lock>, CancellationToken), SetUpError> {
        if let Some(claim) = state.claims.get(&planned.resource)
            && let Some(lock) = claim.lock.upgrade()
        {
            return Ok((lock, claim.ended.clone()));
        }
        let path = self.config.run_directory.device_lock(&planned.resource);
        let failed = |reason| {
            let device = planned.name.clone();
            match reason {
                LockError::Taken { .. } => SetUpError::InUse { device, reason },
                LockError::Io { .. } => SetUpError::NoLock { device, reason },
            }
        };
        let nobody = CancellationToken::new();
        nobody.cancel();
        Ok((Arc::new(Lock::take(&path).map_err(failed)?), nobody))
    }

    /// A device that is given back is not for others before that is done.
    fn give_back(&self, device: HeldDevice) {
        let HeldDevice { keeper, lock, .. } = device;
        keeper.retire();
        self.leaving.spawn(async move {
            keeper.ended().cancelled().await;
            drop(lock);
        });
    }

    fn settings(
        &self,
        planned: &PlannedDevice,
        machines: Vec<Machine>,
        after: CancellationToken,
    ) -> Settings {
        Settings {
            name: planned.name.clone(),
            keepalive: self.config.keepalive,
            lists: planned.is_asked_for_targets,
            machines,
            probes: Arc::clone(&self.probes),
            news: Arc::clone(&self.news),
            after,
            stop: self.stop.clone(),
        }
    }

    /// Takes over what the device lists.
    fn take_listed(&self) {
        let mut state = self.state();
        let mut asked = state.devices.iter().filter(|(_, device)| device.is_asked_for_targets);
        let listed = asked.next().and_then(|(key, device)| Some((key, device.keeper.ports()?)));
        let Some((key, ports)) = listed else { return };
        match discovered::targets(key, &ports) {
            Ok(targets) => {
                state.trouble = None;
                state.set_targets(targets);
            }
            Err(error) => {
                if state.trouble.as_ref() != Some(&error) {
                    log::error!("the targets are kept as they were: {error}");
                }
                state.trouble = Some(error);
            }
        }
    }

    /// How it is; where `probe` is set, its devices are asked first.
    pub(crate) async fn status(&self, probe: bool, watch: bool, deadline: Instant) -> Status {
        self.refresh_soon().await;
        if probe {
            self.probe(deadline).await;
        }
        self.take_listed();
        let mut state = self.state();
        let changed = state.told.is_some_and(|told| told != state.generation);
        if watch {
            state.told = Some(state.generation);
        }
        Status {
            pid: std::process::id(),
            configuration: self.mark.clone(),
            generation: state.generation,
            changed,
            trouble: state.trouble.clone(),
            devices: state.statuses(),
        }
    }

    async fn probe(&self, deadline: Instant) {
        let mut probing = JoinSet::new();
        for device in self.state().devices.values() {
            let keeper = Arc::clone(&device.keeper);
            probing.spawn(async move { keeper.probe(deadline).await });
        }
        while probing.join_next().await.is_some() {}
    }

    /// Waits until a device was reached, or all of them refuse us, which time does not mend.
    pub(crate) async fn await_device(&self, deadline: Instant) -> Status {
        let mut news = self.news.subscribe();
        let reached = async {
            while !self.is_decided() {
                if news.changed().await.is_err() {
                    return;
                }
            }
        };
        let _ = timeout_at(deadline, reached).await;
        self.status(false, false, deadline).await
    }

    fn is_decided(&self) -> bool {
        let reaches = self.reaches();
        let is_denied = |reach: &Reach| matches!(reach, Reach::Unreachable { is_denied: true, .. });
        reaches.iter().any(Reach::is_reachable) || reaches.iter().all(is_denied)
    }

    fn reaches(&self) -> Vec<Reach> {
        self.state().devices.values().map(|device| device.keeper.reach()).collect()
    }

    /// The machines that it can fence.
    pub(crate) async fn targets(&self, with_states: bool, deadline: Instant) -> Targets {
        self.refresh_soon().await;
        self.take_listed();
        let (generation, trouble, mut targets) = self.state().targets();
        if with_states {
            let mut reading = JoinSet::new();
            for (index, target) in targets.iter().enumerate() {
                let Ok((keeper, machine)) = self.find(&target.node) else { continue };
                // Of one that does not answer there is nothing to be waited for.
                if !keeper.reach().is_reachable() {
                    continue;
                }
                reading.spawn(async move { (index, keeper.status(machine.plug, deadline).await) });
            }
            while let Some(result) = reading.join_next().await {
                let Ok((index, Ok(state))) = result else { continue };
                if let Some(target) = targets.get_mut(index) {
                    target.state = Some(state.into());
                }
            }
        }
        Targets { generation, trouble, targets }
    }

    /// The power state of a machine.
    pub(crate) async fn power(&self, node: &str, deadline: Instant) -> Result<PowerState, String> {
        self.refresh_by(deadline).await?;
        let (keeper, machine) = self.find(node)?;
        keeper.status(machine.plug, deadline).await.map_err(|failure| failure.to_string())
    }

    /// Switches machines, all at the same time, and tells of each as soon as it is known. Returns whether a device was
    /// reached.
    pub(crate) async fn fence(
        &self,
        nodes: BTreeSet<String>,
        command: PowerCommand,
        deadline: Instant,
        told: mpsc::Sender<(String, Result<Carried, String>)>,
    ) -> bool {
        let is_up_to_date = self.refresh_by(deadline).await;
        let places: BTreeMap<_, _> =
            nodes.iter().map(|node| (node.clone(), self.place(node))).collect();
        let mut fencing = JoinSet::new();
        for node in nodes {
            let found = is_up_to_date.clone().and_then(|()| self.find(&node));
            let is_current = self.is_current(&node);
            fencing.spawn(async move {
                let (keeper, machine) = match found {
                    Ok(found) => found,
                    Err(reason) => return (node, Err(reason)),
                };
                let result = keeper.command(machine, command, deadline, is_current).await;
                // Where the failure does not say, what is known besides does.
                let is_reached = result.as_ref().map_or_else(Failure::is_reached, |_| Some(true));
                let is_reached = is_reached.unwrap_or_else(|| keeper.reach().is_reachable());
                (node, Ok((result, is_reached)))
            });
        }
        let mut reached = None;
        while let Some(Ok((node, result))) = fencing.join_next().await {
            let result = match result {
                Ok((result, is_reached)) => {
                    reached = Some(reached.unwrap_or(false) || is_reached);
                    let result = result.map_err(|failure| failure.to_string());
                    result.and_then(|carried| {
                        let before = places.get(&node).cloned().flatten();
                        self.unless_moved(&node, before, carried)
                    })
                }
                Err(reason) => Err(reason),
            };
            let _ = told.send((node, result)).await;
        }
        reached.unwrap_or_else(|| self.reaches().iter().any(Reach::is_reachable))
    }

    /// What was done, unless the name has come to another machine meanwhile, of which nothing was seen.
    fn unless_moved(
        &self,
        node: &str,
        before: Option<Place>,
        carried: Carried,
    ) -> Result<Carried, String> {
        match before.zip(self.place(node)) {
            Some((before, now)) if before != now => Err(format!(
                "the targets have changed meanwhile: the machine that it was is switched ({}), and it is another one now",
                carried.done
            )),
            _ => Ok(carried),
        }
    }

    fn place(&self, node: &str) -> Option<Place> {
        let state = self.state();
        let target = state.targets.get(node)?;
        let device = state.devices.get(&target.device)?;
        Some((device.name.clone(), target.plug.clone()))
    }

    /// Whether the machine behind a name is the one that it is now.
    fn is_current(&self, node: &str) -> IsCurrent {
        let (state, node) = (Arc::clone(&self.state), node.to_owned());
        let target = self.state().targets.get(&node).cloned();
        Arc::new(move || {
            let state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.targets.get(&node) == target.as_ref()
        })
    }

    fn find(&self, node: &str) -> Result<(Arc<Keeper>, Machine), String> {
        let state = self.state();
        let target = state.targets.get(node);
        let found = target.and_then(|target| Some((state.devices.get(&target.device)?, target)));
        match found {
            Some((device, target)) => {
                let machine = Machine { node: node.to_owned(), plug: target.plug.clone() };
                Ok((Arc::clone(&device.keeper), machine))
            }
            None => Err(format!("{NO_TARGET} '{}'", node.escape_debug())),
        }
    }

    /// Gives everything back.
    pub(crate) async fn stop(&self) {
        let devices = {
            let mut state = self.state();
            state.is_stopped = true;
            std::mem::take(&mut state.devices)
        };
        self.stop.cancel();
        for (_, device) in devices {
            self.give_back(device);
        }
        self.leaving.close();
        self.leaving.wait().await;
    }

    /// How many of its devices answer, and how many there are, as far as is known.
    pub(crate) fn count_reachable(&self) -> (usize, usize) {
        let reaches = self.reaches();
        (reaches.iter().filter(|reach| reach.is_reachable()).count(), reaches.len())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Retry {
    fn is_due(&self) -> bool {
        self.due.is_some_and(|due| due <= Instant::now())
    }

    fn note(&mut self, has_failed: bool) {
        match has_failed {
            true => self.pause.note(false),
            false => self.pause = Pause::default(),
        }
        self.due = self.pause.length().map(|pause| Instant::now() + pause);
    }
}

const NO_TARGET: &str = "this controller has no target";

impl State {
    fn set_targets(&mut self, targets: BTreeMap<String, PlannedTarget>) {
        if self.targets != targets || self.generation == 0 {
            let before = std::mem::replace(&mut self.targets, targets);
            self.warn_of_moved(&before);
            self.generation += 1;
            // The first list is no change of one.
            self.told.get_or_insert(self.generation);
            log::info!("targets, generation {}: {}", self.generation, self.names().join(" "));
            let mut machines = by_device(&self.targets);
            for (key, device) in &self.devices {
                device.keeper.know(machines.remove(key).unwrap_or_default());
            }
        }
    }

    /// The most dangerous change of all is to be found in the log.
    fn warn_of_moved(&self, before: &BTreeMap<String, PlannedTarget>) {
        for (node, target) in &self.targets {
            if before.get(node).is_none_or(|before| before == target) {
                continue;
            }
            let device = self.devices.get(&target.device).map_or("", |device| &device.name);
            let plug = target.plug.as_ref().map(|plug| format!(", plug {}", plug.escape_debug()));
            let (node, plug) = (node.escape_debug(), plug.unwrap_or_default());
            log::warn!("{node}: it is switched otherwise now: {device}{plug}");
        }
    }

    fn names(&self) -> Vec<&str> {
        self.targets.keys().map(String::as_str).collect()
    }

    fn targets(&self) -> (u64, Option<String>, Vec<Target>) {
        let target = |(node, target): (&String, &PlannedTarget)| Target {
            node: node.clone(),
            device: self.devices.get(&target.device).map(|d| d.name.clone()).unwrap_or_default(),
            plug: target.plug.clone(),
            state: None,
        };
        (self.generation, self.trouble.clone(), self.targets.iter().map(target).collect())
    }

    fn statuses(&self) -> Vec<DeviceStatus> {
        let mut machines = by_device(&self.targets);
        let status = |(key, device): (&DeviceKey, &HeldDevice)| {
            let machines = machines.remove(key).unwrap_or_default();
            DeviceStatus {
                device: device.name.clone(),
                targets: machines.into_iter().map(|machine| machine.node).collect(),
                reach: (&device.keeper.reach()).into(),
            }
        };
        self.devices.iter().map(status).collect()
    }
}

impl From<&Reach> for ReachStatus {
    fn from(reach: &Reach) -> Self {
        match reach {
            Reach::Unknown => Self::Unknown,
            Reach::Reachable { at } => Self::Reachable { age_ms: at.elapsed() },
            Reach::Unreachable { since, reason, .. } => {
                Self::Unreachable { age_ms: since.elapsed(), reason: reason.to_string() }
            }
        }
    }
}

impl From<Carried> for protocol::Done {
    fn from(Carried { done, warning }: Carried) -> Self {
        Self { done, warning }
    }
}
