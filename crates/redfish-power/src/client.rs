use std::collections::BTreeSet;
use std::time::Duration;
use std::{env, fmt};

use reqwest::header::{self, HeaderValue};
use reqwest::{Method, Url};
use serde_json::Value;
use tokio::time::{Instant, sleep_until};

use crate::address::Address;
use crate::connection::Connection;
use crate::document::{link, text};
use crate::exchange::{Answer, Body};
use crate::listed::Listed;
use crate::login::Credentials;
use crate::origin::Origin;
use crate::selection::{Operation, Places, Presses, is_nameless};
use crate::system::{
    ComputerSystem, PowerState, Purpose, ResetType, YEAR_2000, allowable_of_action_info,
};
use crate::task::{Progress, is_outcome, task_of};
use crate::tls::{self, Verification};
use crate::wire::{Question, Wire, leads_away};
use crate::{Error, RetryPolicy, Step};

/// How far a time of a reset may be off: both it and the date of an answer are in whole seconds.
const CLOCK_TOLERANCE: Duration = Duration::from_secs(2);
/// More pages, or more systems, are in no machine.
const MOST_PAGES: usize = 64;
const MOST_SYSTEMS: usize = 256;
/// Where a service is, and how to talk to it.
#[derive(Clone, Debug)]
pub struct Config {
    /// Host and port.
    pub origin: Origin,
    /// The path of the service root: `/redfish/v1`.
    pub root: String,
    /// The path of the system, if it need not be looked for.
    pub system: Option<String>,
    /// Which of several systems: its Id, Name, UUID, HostName or SerialNumber. Not looked at where there is one only.
    pub choice: Option<String>,
    /// Who asks.
    pub credentials: Credentials,
    /// How the service is known to be the right one.
    pub verification: Verification,
    /// How long to wait, and how often to ask.
    pub policy: RetryPolicy,
}

/// A client for the power of one system, or of one at a time of several behind the same service.
///
/// Each call comes back by its deadline. It connects when it is first asked for something, and again when the
/// connection was lost; [`Client::close`] gives back what it holds at the service. A future of a reading that is
/// dropped costs a connection at most.
///
/// Within an operation, from [`Client::begin`] to the next, all answers are those of one system at one address. Without
/// that call it is one operation all the time.
pub struct Client {
    connection: Connection,
    root: Url,
    /// Which system the configuration names, and where it says that the system is.
    choice: Option<String>,
    url: Option<Url>,
    /// Which system is meant instead.
    selected: Option<String>,
    operation: Operation,
    places: Places,
    presses: Presses,
    /// Whether the service ever had several systems. Then the only one that is left is not meant by every name.
    has_several: bool,
}

impl Client {
    /// A client; nothing is connected yet.
    ///
    /// # Errors
    /// When the certificates to check the service's with are not there, or a path of the configuration leads elsewhere.
    pub fn new(config: Config) -> Result<Self, Error> {
        let Config { origin, root, system, choice, credentials, verification, policy } = config;
        let address = Address::default();
        let builder = http_builder(&address, &policy);
        let http = tls::configured(builder, &verification)?
            .build()
            .map_err(|error| Error::Http(error.to_string()))?;
        let at = |step, path: &str| {
            origin.at(path).map_err(|elsewhere| leads_away(step, "the configuration", elsewhere))
        };
        let root = at(Step::ServiceRoot, &root)?;
        let url = system.map(|path| at(Step::System, &path)).transpose()?;
        let wire = Wire { http, address, origin, policy };
        let connection = Connection::new(wire, root.clone(), credentials);
        Ok(Self {
            connection,
            root,
            choice,
            url,
            selected: None,
            operation: Operation::default(),
            places: Places::default(),
            presses: Presses::default(),
            has_several: false,
        })
    }

    /// Begins a new operation: what the last one was held to is forgotten, such as the address and the system that
    /// answered. The connection and a session are kept, and where systems were found, each of which has to be the same
    /// still.
    pub fn begin(&mut self) {
        self.connection.begin();
        self.begin_with_system();
    }

    /// Means another system from now on, by its Id, Name, UUID, HostName or SerialNumber, exactly, and each by one of
    /// these only; without a name, the one that the configuration means. What was held to with the one before is
    /// forgotten. Where the configuration has the path of the system, no other can be meant: the name must be one of
    /// its names.
    pub fn select(&mut self, choice: Option<&str>) {
        if self.selected.as_deref() != choice {
            self.selected = choice.map(str::to_owned);
            self.begin_with_system();
        }
    }

    /// Whether the service was seen to have several systems. Then the only one that may be left is not meant by
    /// whatever name.
    #[must_use]
    pub fn has_several(&self) -> bool {
        self.has_several
    }

    /// Another client has seen the service to have several systems.
    pub fn expect_several(&mut self) {
        self.has_several = true;
    }

    fn begin_with_system(&mut self) {
        self.operation = Operation::default();
        self.presses.begin();
    }

    /// Whether the service has taken the credentials.
    #[must_use]
    pub fn is_admitted(&self) -> bool {
        self.connection.is_admitted()
    }

    /// Whether credentials are given by a session, because the service takes no Basic.
    #[must_use]
    pub fn has_session(&self) -> bool {
        self.connection.has_session()
    }

    /// The power state, read from the service now.
    ///
    /// # Errors
    /// When no trustworthy answer came.
    pub async fn power_state(&mut self, deadline: Instant) -> Result<PowerState, Error> {
        let system = self.system(deadline).await?;
        let (path, state) = (system.path.clone(), system.power_state()?.clone());
        let is_believed = state != PowerState::Off || !self.presses.is_settling(&path);
        Ok(if is_believed { state } else { PowerState::PoweringOff })
    }

    /// The system, read from the service now. The first time it is looked for, unless the configuration says where it
    /// is.
    ///
    /// # Errors
    /// When no trustworthy answer came; when there is no system, or no telling which; when it is another one than the
    /// first time.
    pub async fn system(&mut self, deadline: Instant) -> Result<&ComputerSystem, Error> {
        let system = match self.operation.url.clone() {
            Some(url) => self.read_system(url, deadline).await?,
            None => self.found(deadline).await?,
        };
        if self.operation.first.is_none() && !system.has_reset() {
            // Its power state would be that of something else, such as a chassis.
            return Err(Error::no_reset(&system));
        }
        let first = self.operation.first.get_or_insert_with(|| system.clone());
        if is_nameless(first, &system) {
            // It is nobody's, rather than another's.
            return Err(Error::no_id(&system));
        }
        if !first.may_be(&system) {
            let (before, now) = (first.to_string(), system.to_string());
            return Err(Error::AnotherSystem { before, now });
        }
        first.learn(&system);
        Ok(self.operation.last.insert(system))
    }

    /// The system that is meant: where it was found before, if it is there still; otherwise where the configuration
    /// says, or among all that there are.
    async fn found(&mut self, deadline: Instant) -> Result<ComputerSystem, Error> {
        if let Some(system) = self.found_again(deadline).await? {
            return Ok(system);
        }
        let (url, system) = match self.url.clone() {
            Some(url) => {
                let system = self.read_system(url.clone(), deadline).await?;
                if let Some(choice) = self.selected.clone().filter(|name| !system.is_called(name)) {
                    return Err(Error::NotThisSystem { choice, system: system.to_string() });
                }
                (url, system)
            }
            None => {
                let listed = self.listed(deadline).await?;
                let choice = self.selected.as_deref().or(self.choice.as_deref());
                // Who selects has several machines in mind, whether the service shows them now or not.
                let is_exact = self.has_several || self.selected.is_some();
                let system = listed.chosen(choice, is_exact)?;
                (self.at(Step::System, &self.root, &system.path)?, system)
            }
        };
        if let Some((one, other)) = self.places.other_name(self.selected.as_deref(), &url) {
            // One of two machines would never be switched.
            return Err(Error::SameSystem { one, other, system: system.to_string() });
        }
        self.places.note(self.selected.clone(), url.clone(), system.clone());
        self.operation.url = Some(url);
        Ok(system)
    }

    async fn found_again(&mut self, deadline: Instant) -> Result<Option<ComputerSystem>, Error> {
        let Some(place) = self.places.of(&self.selected) else { return Ok(None) };
        let url = place.url.clone();
        let system = match self.read_system(url.clone(), deadline).await {
            Ok(system) => Some(system),
            Err(Error::Refused { refusal, .. }) if refusal.status == 404 => {
                log::info!("{}: {refusal}; looking for it", self.connection.origin());
                None
            }
            Err(error) => return Err(error),
        };
        let choice = self.selected.as_deref().or(self.choice.as_deref());
        if let Some((place, system)) = self.places.of(&self.selected).zip(system) {
            if place.is_nameless(&system) {
                return Err(Error::no_id(&system));
            }
            if place.is_still(choice, &system) {
                self.operation.url = Some(url);
                return Ok(Some(system));
            }
            log::info!("{}: {system} is there now; looking anew", self.connection.origin());
        }
        self.places.forget(&self.selected);
        Ok(None)
    }

    /// The system as it was last read, if it was.
    #[must_use]
    pub fn last_read(&self) -> Option<&ComputerSystem> {
        self.operation.last.as_ref()
    }

    /// All systems of the service, from its root over the pages of its collection (DSP0266, "Resource collections").
    ///
    /// # Errors
    /// When one of them cannot be read; but one that is listed and not there is left out.
    pub async fn systems(&mut self, deadline: Instant) -> Result<Vec<ComputerSystem>, Error> {
        self.listed(deadline).await.map(|listed| listed.systems)
    }

    async fn listed(&mut self, deadline: Instant) -> Result<Listed, Error> {
        let mut listed = Listed::default();
        for url in self.members(deadline).await? {
            match self.read_system(url, deadline).await {
                Ok(system) => listed.systems.push(system),
                Err(Error::Refused { refusal, .. }) if refusal.status == 404 => {
                    log::info!("{}: {refusal}; it is left out", self.connection.origin());
                    listed.absent.push(refusal.path);
                }
                Err(error) => return Err(error),
            }
        }
        self.has_several |= listed.has_several();
        Ok(listed)
    }

    /// The types of reset that the system says it takes, as it was last read; `None` where it does not say.
    ///
    /// # Errors
    /// When it was not read yet, and no trustworthy answer came.
    pub async fn reset_types(&mut self, deadline: Instant) -> Result<Option<Vec<String>>, Error> {
        Ok(self.resettable(deadline).await?.reset.and_then(|action| action.allowable))
    }

    /// Asks for a reset: the best that the system has for this purpose. A task that carries it out is followed for a
    /// while, for what it says when it fails; not that of a power cycle, which the caller wants to see.
    ///
    /// # Errors
    /// When the service did not take it, or failed. Where there was no answer, it may have been carried out.
    pub async fn reset(&mut self, purpose: Purpose, deadline: Instant) -> Result<(), Error> {
        let system = self.resettable(deadline).await?;
        let action = system.reset.as_ref().ok_or_else(|| Error::no_reset(&system))?;
        let reset = action.choose(purpose).ok_or_else(|| Error::ResetNotOffered {
            wanted: purpose.types().iter().map(|reset| reset.name()).collect(),
            offered: action.allowable.clone().unwrap_or_default(),
        })?;
        let from = self.at(Step::System, &self.root, &system.path)?;
        let url = self.at(Step::Reset, &from, &action.target)?;
        if reset == ResetType::PushPowerButton {
            self.press(&system.path, purpose, deadline).await?;
        }
        log::info!("{}: {reset} to system {system}", self.connection.origin());
        let result = self.post(&url, reset, system.etag.as_deref(), deadline).await;
        if reset == ResetType::PushPowerButton {
            // It may have been pressed at any time until now.
            self.presses.note(&system.path, purpose);
        }
        let answer = result?;
        self.operation.reset_taken_at = answer.date();
        match task_of(&answer).filter(|_| purpose != Purpose::Cycle) {
            Some(monitor) => match self.connection.origin().here(&url, &monitor) {
                Some(monitor) => self.follow_task(monitor, &answer, deadline).await,
                // The reset was accepted all the same.
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Whether the system says that it was last reset after the service took the last reset, by the service's own clock
    /// (the `Date` of its answers), and not later than now. A service without a clock that is set proves nothing.
    #[must_use]
    pub fn was_reset_since(&self) -> bool {
        let last_reset =
            self.operation.last.as_ref().and_then(|system| system.last_reset_time.as_ref());
        let (Some(reset), Some(taken_at), Some(read_at)) =
            (last_reset, self.operation.reset_taken_at, self.operation.read_at)
        else {
            return false;
        };
        let least = taken_at.saturating_sub(CLOCK_TOLERANCE);
        let most = read_at.saturating_add(CLOCK_TOLERANCE);
        taken_at >= YEAR_2000 && (least..=most).contains(&reset.since_1970)
    }

    /// Gives back a session, if there is one.
    pub async fn close(&mut self, deadline: Instant) {
        self.connection.close(deadline).await;
    }

    fn at(&self, step: Step, from: &Url, path: &str) -> Result<Url, Error> {
        let origin = self.connection.origin();
        origin.resolve(from, path).map_err(|elsewhere| leads_away(step, from.path(), elsewhere))
    }

    async fn read_system(&mut self, url: Url, deadline: Instant) -> Result<ComputerSystem, Error> {
        let path = path_of(&url);
        let (answer, document) = self.connection.read(Step::System, url, deadline).await?;
        let etag = answer.header(&header::ETAG).map(str::to_owned);
        self.operation.read_at = answer.date();
        Ok(ComputerSystem::of(&path, etag, &document))
    }

    async fn members(&mut self, deadline: Instant) -> Result<Vec<Url>, Error> {
        let mut page = Some(self.collection(deadline).await?);
        let mut seen = BTreeSet::new();
        let mut members = Vec::new();
        while let Some(url) = page.take() {
            if !seen.insert(url.to_string()) {
                break;
            }
            if seen.len() > MOST_PAGES {
                return Err(Error::TooManySystems { most: MOST_SYSTEMS });
            }
            let (_, document) = self.connection.read(Step::Systems, url.clone(), deadline).await?;
            for member in document.get("Members").and_then(Value::as_array).into_iter().flatten() {
                let Some(path) = text(member, "@odata.id") else { continue };
                let member = self.at(Step::Systems, &url, path)?;
                if !members.contains(&member) {
                    members.push(member);
                }
                if members.len() > MOST_SYSTEMS {
                    return Err(Error::TooManySystems { most: MOST_SYSTEMS });
                }
            }
            let next = text(&document, "Members@odata.nextLink");
            page = next.map(|next| self.at(Step::Systems, &url, next)).transpose()?;
        }
        Ok(members)
    }

    /// The collection of systems: where the service root says, or where it always is (DSP0266, "Service root"), for
    /// some services forget to say.
    async fn collection(&mut self, deadline: Instant) -> Result<Url, Error> {
        let root = self.root.clone();
        let (_, document) = self.connection.read(Step::ServiceRoot, root.clone(), deadline).await?;
        match link(&document, "Systems") {
            Some(path) => self.at(Step::Systems, &root, path),
            None => {
                let path = format!("{}/Systems", root.path().trim_end_matches('/'));
                self.at(Step::Systems, &root, &path)
            }
        }
    }

    /// The system as it was last read, with what is known of the resets that it takes.
    async fn resettable(&mut self, deadline: Instant) -> Result<ComputerSystem, Error> {
        let mut system = match self.operation.last.clone() {
            Some(system) => system,
            None => self.system(deadline).await?.clone(),
        };
        let Some(action) = system.reset.as_mut().filter(|action| action.allowable.is_none()) else {
            return Ok(system);
        };
        action.allowable =
            self.allowable(&system.path, action.action_info.as_deref(), deadline).await?;
        Ok(system)
    }

    /// The types of reset that the service says in another place than the system; asked once in an operation, until it
    /// has said them.
    async fn allowable(
        &mut self,
        system: &str,
        info: Option<&str>,
        deadline: Instant,
    ) -> Result<Option<Vec<String>>, Error> {
        let known = self.places.of(&self.selected).and_then(|place| place.allowable.clone());
        let Some(path) = info.filter(|_| known.is_none() && !self.operation.has_asked_for_types)
        else {
            return Ok(known);
        };
        let from = self.at(Step::System, &self.root, system)?;
        let url = self.at(Step::ActionInfo, &from, path)?;
        let until = deadline.min(Instant::now() + self.connection.policy().action_info);
        let answer = self.connection.ask_once(&Question::get(Step::ActionInfo, url), until).await;
        if let Err(error) = &answer {
            log::info!("{}: {error}", self.connection.origin());
        }
        self.operation.has_asked_for_types = true;
        let document = answer.ok().and_then(|answer| answer.document());
        let allowable = document.as_ref().and_then(allowable_of_action_info);
        if let Some(place) = self.places.of(&self.selected) {
            place.allowable.clone_from(&allowable);
        }
        Ok(allowable)
    }

    /// Makes sure that the button may be pressed now: only if the system is in the other state, not on its way, and not
    /// twice.
    async fn press(
        &mut self,
        path: &str,
        purpose: Purpose,
        deadline: Instant,
    ) -> Result<(), Error> {
        let is_off_wanted = matches!(purpose, Purpose::Off { .. });
        let other = if is_off_wanted { PowerState::On } else { PowerState::Off };
        let state = self.power_state(deadline).await?;
        let was_pressed = self.presses.was_pressed(path, purpose);
        if state != other || was_pressed {
            return Err(Error::NotPressed { state, was_pressed });
        }
        self.presses.note(path, purpose);
        Ok(())
    }

    /// Posts the reset; once more with the system's ETag, or with any, if the service wants one (412 or 428): some want
    /// it, others refuse it, and AMI's refuses its own.
    async fn post(
        &mut self,
        url: &Url,
        reset: ResetType,
        etag: Option<&str>,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let mut question = Question {
            method: Method::POST,
            body: Some(Body::new(&[("ResetType", reset.name())])),
            repeatable: reset.is_repeatable(),
            ..Question::get(Step::Reset, url.clone())
        };
        let mut result = self.connection.ask(&question, deadline).await;
        for etag in etag.into_iter().chain(["*"]) {
            let is_conditional = matches!(&result, Err(Error::Refused { refusal, .. }) if matches!(refusal.status, 412 | 428));
            let Some(etag) = HeaderValue::from_str(etag).ok().filter(|_| is_conditional) else {
                continue;
            };
            question.if_match = Some(etag);
            result = self.connection.ask(&question, deadline).await;
        }
        result
    }

    /// Looks at a task until it is done, for a while.
    async fn follow_task(
        &mut self,
        monitor: Url,
        accepted: &Answer,
        deadline: Instant,
    ) -> Result<(), Error> {
        let policy = *self.connection.policy();
        let until = deadline.min(Instant::now() + policy.task);
        let pause_after =
            |answer: &Answer| answer.retry_after().unwrap_or_default().max(policy.task_pause);
        let mut pause = pause_after(accepted);
        loop {
            let next = Instant::now() + pause;
            if next >= until {
                log::info!("{}: the task goes on", self.connection.origin());
                return Ok(());
            }
            sleep_until(next).await;
            let question = Question::get(Step::Task, monitor.clone());
            let answer = match self.connection.ask(&question, until).await {
                Ok(answer) => answer,
                // The monitor answers as the reset itself would have (DSP0266, "Asynchronous operations").
                Err(error) if is_outcome(&error) => return Err(error),
                // A monitor is gone once its task is done; what it did shows in the power state.
                Err(error) => {
                    log::info!("{}: {error}", self.connection.origin());
                    return Ok(());
                }
            };
            match Progress::of(&answer) {
                Progress::Done => return Ok(()),
                Progress::Failed(error) => return Err(error),
                Progress::Running => pause = pause_after(&answer),
            }
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("root", &self.root.as_str()).finish_non_exhaustive()
    }
}

/// An HTTP client but for its TLS.
pub(crate) fn http_builder(address: &Address, policy: &RetryPolicy) -> reqwest::ClientBuilder {
    let proxied = reqwest::Client::builder();
    let builder = if is_without_proxy() { proxied.no_proxy() } else { proxied };
    builder
        .dns_resolver(address.clone())
        .http1_only()
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(policy.silence)
        .pool_max_idle_per_host(1)
        .tcp_nodelay(true)
}

/// Whether the environment wants no proxy for any host. reqwest, which reads it for what else it says, takes `*` for
/// host names only.
fn is_without_proxy() -> bool {
    let hosts = ["no_proxy", "NO_PROXY"].into_iter().find_map(|name| env::var(name).ok());
    hosts.is_some_and(|hosts| hosts.split(',').any(|host| host.trim() == "*"))
}

fn path_of(url: &Url) -> String {
    match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    }
}
