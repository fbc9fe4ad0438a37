use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use zeroize::Zeroizing;

use super::{CertificateConfig, Faults, PowerSwitch, Quirk};
use crate::Power;

/// What a simulated Redfish service is like. [`RedfishConfig::new`] gives one without peculiarities.
#[derive(Clone, Debug)]
pub struct RedfishConfig {
    /// Who may log in.
    pub users: Vec<RedfishUser>,
    /// Whether Basic authentication is accepted (DSP0266, "Basic authentication").
    pub basic: bool,
    /// Whether there is a session service (DSP0266, "Redfish session login authentication").
    pub sessions: bool,
    /// How many sessions there may be at once.
    pub max_sessions: usize,
    /// After how much silence a session is closed.
    pub session_idle_timeout: Duration,
    /// The computer systems, in the order in which the collection lists them.
    pub systems: Vec<RedfishSystem>,
    /// How many members a page of the Systems collection has; more are behind `Members@odata.nextLink`. At least one.
    pub page_size: usize,
    /// How long after its acknowledgement a reset acts.
    pub power_delay: Duration,
    /// How long power stays off in a power cycle.
    pub cycle_off: Duration,
    /// What carries changes of power out. Without one the machines are nothing but a state; with one, a restart is off
    /// and on.
    pub power_switch: Option<PowerSwitch>,
    /// Whether `PoweringOff` and `PoweringOn` are shown between a reset and its effect.
    pub powering_states: bool,
    /// How a reset that was taken is answered.
    pub acknowledgement: Acknowledgement,
    /// How long every answer takes.
    pub answer_delay: Duration,
    /// When connections are closed.
    pub keep_alive: KeepAlive,
    /// The certificate it shows.
    pub certificate: CertificateConfig,
    /// The versions of TLS it speaks.
    pub tls: TlsVersions,
    /// What it does as some vendor's service does. Where a quirk says "twice", it comes round by itself after that.
    pub quirks: BTreeSet<Quirk>,
    /// How it misbehaves.
    pub faults: Faults,
    /// How many of its latest events, and of its latest requests, are kept.
    pub events_kept: usize,
}

/// A user of a Redfish service.
#[derive(Clone)]
pub struct RedfishUser {
    /// The name.
    pub name: String,
    /// The password.
    pub password: Zeroizing<String>,
    /// What the user may do.
    pub role: Role,
}

/// A predefined role (DSP0266, "Privilege model").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May do everything.
    Administrator,
    /// May reset systems.
    Operator,
    /// May look, and close sessions of its own.
    ReadOnly,
}

/// A computer system, and the machine that it stands for.
#[derive(Clone, Debug)]
pub struct RedfishSystem {
    /// `Id`, and the last part of its URI.
    pub id: String,
    /// `Name`.
    pub name: String,
    /// `UUID`.
    pub uuid: String,
    /// `HostName`.
    pub host_name: String,
    /// `SerialNumber`.
    pub serial_number: String,
    /// Whether its machine is on in the beginning.
    pub initial_power: Power,
    /// How it has a client know which reset types there are.
    pub published_resets: PublishedResets,
    /// Which there are.
    pub reset_types: Vec<ResetType>,
    /// Whether it has the action `#ComputerSystem.Reset`. `HGX_Baseboard_0` of NVIDIA has none.
    pub has_reset: bool,
    /// Whether it has `LastResetTime`.
    pub last_reset_time: bool,
}

/// How reset types are published (DSP0268, ComputerSystem 1.x, Actions).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PublishedResets {
    /// In `ResetType@Redfish.AllowableValues`.
    AllowableValues,
    /// In a resource that `@Redfish.ActionInfo` names.
    ActionInfo,
    /// In both.
    Both,
    /// Not at all.
    Nowhere,
}

/// A value of `ResetType` (DSP0268, Resource.ResetType).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are what the specification calls them")]
pub enum ResetType {
    On,
    ForceOn,
    ForceOff,
    GracefulShutdown,
    GracefulRestart,
    ForceRestart,
    PowerCycle,
    PushPowerButton,
    Nmi,
}

/// How a reset that was taken is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledgement {
    /// 204, without a body.
    NoContent,
    /// 200, with a `Success` message.
    Message,
    /// 202, with a task (DSP0266, "Asynchronous operations").
    Task(TaskConfig),
}

/// What the task of a reset is like. It ends when the reset acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TaskConfig {
    /// Whether `Location` names the task monitor.
    pub location: bool,
    /// Whether the body is the task, which names its monitor, too.
    pub body: bool,
    /// `Retry-After` in seconds, in the acknowledgement and in the answers of the monitor.
    pub retry_after: Option<u32>,
    /// Whether the task ends with `Exception`; the reset does nothing then.
    pub fails: bool,
}

/// When the service closes connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// When the client does.
    Open,
    /// After each answer, which says so.
    CloseEach,
    /// After so many answers. `announced`: the last of them says so.
    CloseAfter {
        /// How many answers, at least one.
        answers: u32,
        /// Whether the last one has `Connection: close`.
        announced: bool,
    },
    /// After so much time without a request.
    CloseIdle(Duration),
}

/// The versions of TLS that a service speaks. Older ones than 1.2 are not to be had here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsVersions {
    /// 1.2 and 1.3.
    Both,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

impl RedfishConfig {
    /// A service for these users: Basic authentication and up to eight sessions of thirty minutes, one system that is
    /// on, resets that act at once and are answered 204, connections that stay open, a self-signed certificate.
    #[must_use]
    pub fn new(users: Vec<RedfishUser>) -> Self {
        Self {
            users,
            basic: true,
            sessions: true,
            max_sessions: 8,
            session_idle_timeout: Duration::from_secs(30 * 60),
            systems: vec![RedfishSystem::new("1")],
            page_size: 100,
            power_delay: Duration::ZERO,
            cycle_off: Duration::from_secs(1),
            power_switch: None,
            powering_states: false,
            acknowledgement: Acknowledgement::NoContent,
            answer_delay: Duration::ZERO,
            keep_alive: KeepAlive::Open,
            certificate: CertificateConfig::SelfSigned,
            tls: TlsVersions::Both,
            quirks: BTreeSet::new(),
            faults: Faults::default(),
            events_kept: 10_000,
        }
    }
}

impl RedfishUser {
    /// Who may do everything.
    #[must_use]
    pub fn administrator(name: &str, password: &str) -> Self {
        Self::with_role(name, password, Role::Administrator)
    }

    /// Who may do what the role says.
    #[must_use]
    pub fn with_role(name: &str, password: &str, role: Role) -> Self {
        Self { name: name.to_owned(), password: Zeroizing::new(password.to_owned()), role }
    }
}

impl fmt::Debug for RedfishUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, role, .. } = self;
        f.debug_struct("RedfishUser")
            .field("name", name)
            .field("role", role)
            .finish_non_exhaustive()
    }
}

impl RedfishSystem {
    /// A system that is on and publishes, in `AllowableValues`, the reset types that most have. Its name, UUID, host
    /// name and serial number are made of the id.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            name: format!("System {id}"),
            uuid: uuid_of(id),
            host_name: format!("host-{id}.example"),
            serial_number: format!("SN-{id}"),
            initial_power: Power::On,
            published_resets: PublishedResets::AllowableValues,
            reset_types: vec![
                ResetType::On,
                ResetType::ForceOff,
                ResetType::GracefulShutdown,
                ResetType::ForceRestart,
                ResetType::Nmi,
                ResetType::PushPowerButton,
                ResetType::PowerCycle,
            ],
            has_reset: true,
            last_reset_time: true,
        }
    }

    /// The baseboard of NVIDIA's HGX machines: it is on, and cannot be reset.
    #[must_use]
    pub fn hgx_baseboard() -> Self {
        Self {
            has_reset: false,
            last_reset_time: false,
            name: "HGX_Baseboard_0".to_owned(),
            ..Self::new("HGX_Baseboard_0")
        }
    }
}

/// A UUID that tells systems apart, of version 8 (RFC 9562 §5.8).
fn uuid_of(id: &str) -> String {
    let sum = id.bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(257).wrapping_add(byte.into()));
    format!("30303030-0000-8000-8000-{:012x}", sum & 0xffff_ffff_ffff)
}

impl ResetType {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::On,
        Self::ForceOn,
        Self::ForceOff,
        Self::GracefulShutdown,
        Self::GracefulRestart,
        Self::ForceRestart,
        Self::PowerCycle,
        Self::PushPowerButton,
        Self::Nmi,
    ];

    /// What the specification calls it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::ForceOn => "ForceOn",
            Self::ForceOff => "ForceOff",
            Self::GracefulShutdown => "GracefulShutdown",
            Self::GracefulRestart => "GracefulRestart",
            Self::ForceRestart => "ForceRestart",
            Self::PowerCycle => "PowerCycle",
            Self::PushPowerButton => "PushPowerButton",
            Self::Nmi => "Nmi",
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ResetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TaskConfig {
    /// A task that is told in every way, is to be asked for again in a second, and succeeds.
    #[must_use]
    pub fn new() -> Self {
        Self { location: true, body: true, retry_after: Some(1), fails: false }
    }
}

impl Default for TaskConfig {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Administrator => "Administrator",
            Self::Operator => "Operator",
            Self::ReadOnly => "ReadOnly",
        })
    }
}
