use std::fmt;
use std::time::Duration;

use ipmi_lan::command::PowerControl;
use ipmi_lan::wire::{Address, RequestMessage};
use ipmi_lan::{
    AuthenticationType, AuthenticationTypes, CipherSuite, CredentialError, Kg, Password, Privilege,
    Quirk, QuirkSet, Username,
};

/// What a simulated BMC is like. [`Config::new`] gives one without peculiarities.
#[derive(Clone, Debug)]
pub struct Config {
    /// Who may log in. Where two have the same name, the first one that fits is taken (IPMI 2.0 §13.20).
    pub users: Vec<User>,
    /// The BMC key; with one, login is "two-key" (IPMI 2.0 §13.31).
    pub kg: Option<Kg>,
    /// The GUID that RAKP 2 carries (IPMI 2.0 §13.21).
    pub guid: [u8; 16],
    /// Its sessions of IPMI 1.5, if it has any.
    pub ipmi15: Option<Ipmi15>,
    /// Whether it has sessions of IPMI 2.0 (RMCP+).
    pub ipmi20: bool,
    /// The cipher suites offered, in the order in which they are listed.
    pub cipher_suites: Vec<CipherSuite>,
    /// How long after its acknowledgement a Chassis Control command acts.
    pub power_delay: Duration,
    /// How long power stays off in a power cycle. The specification wants at least one second (IPMI 2.0 §28.3);
    /// less is taken, for impatient tests.
    pub cycle_off: Duration,
    /// Whether the machine is on in the beginning.
    pub initial_power: Power,
    /// How many sessions there may be at once, half-open ones included.
    pub max_sessions: usize,
    /// After how much silence a session is closed: 60 s, give or take 3 (IPMI 2.0 §6.12.15).
    pub session_idle_timeout: Duration,
    /// The controllers behind it, to which it passes requests on ("bridging", IPMI 2.0 §6.13, §22.7).
    pub satellites: Vec<Satellite>,
    /// How it brings their answers back.
    pub bridged_answers: BridgedAnswers,
    /// What it does otherwise than the specification, as the BMCs of some vendors do: it needs the workarounds of
    /// [`Quirk::facts`]. The busy and the full ones are so twice only, and come round by themselves.
    pub quirks: QuirkSet,
    /// How many of its latest events are kept; older ones are only counted.
    pub events_kept: usize,
    /// How it misbehaves.
    pub faults: Faults,
}

/// What sessions of IPMI 1.5 are like. [`Ipmi15::new`] gives those that are protected as well as they can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ipmi15 {
    /// How they may be authenticated. [`AuthenticationType::Oem`] is offered where a quirk says so, too.
    pub authentication_types: AuthenticationTypes,
    /// Whether every packet is authenticated. Otherwise only the login is (IPMI 2.0 §22.13).
    pub per_message_authentication: bool,
    /// Whether commands of user level are authenticated, too. Otherwise they may come without code (IPMI 2.0 §22.13).
    pub user_level_authentication: bool,
}

/// A satellite controller: it has a machine of its own, which is like that of the BMC and has its delays and faults.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Satellite {
    /// Where it is, as seen from the controller before it.
    pub place: Place,
    /// Its logical unit, 0 to 3. Requests to another one at its address are refused (C2h).
    pub lun: u8,
    /// Whether its machine is on in the beginning.
    pub initial_power: Power,
    /// The controllers behind it ("double bridging").
    pub satellites: Vec<Satellite>,
    /// How it brings their answers back.
    pub bridged_answers: BridgedAnswers,
}

/// A slave address on a channel of some controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Number of the channel, 0 to 15: 0 is the IPMB (IPMI 2.0 §6.3).
    pub channel: u8,
    /// Slave address, an even number.
    pub address: u8,
}

/// How the answer of a satellite comes to who sent the Send Message; real controllers do either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BridgedAnswers {
    /// As a message of its own, behind an empty answer to Send Message.
    #[default]
    Separate,
    /// Inside the answer to Send Message.
    Embedded,
}

/// A user of the BMC.
#[derive(Clone, Debug)]
pub struct User {
    /// The name; the empty one is the null user.
    pub name: Username,
    /// The password.
    pub password: Password,
    /// The highest privilege level that the user may ask for.
    pub max_privilege: Privilege,
    /// A disabled user is refused like an unknown one.
    pub enabled: bool,
}

/// Whether the machine is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// It is off (S4/S5).
    Off,
    /// It is on.
    On,
}

/// Misbehaviour, as seen on real BMCs. The default is none.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Power down, power cycle and soft shutdown are acknowledged, and do nothing.
    pub ignore_power_off: bool,
    /// Power up is acknowledged, and does nothing; a power cycle stays off.
    pub ignore_power_on: bool,
    /// No datagram is answered, or acted upon.
    pub silent: bool,
    /// Get Channel Cipher Suites is not answered before a login, as OpenIPMI's `ipmi_sim` does.
    pub ignore_cipher_suite_query: bool,
    /// A power cycle is off for too short a time to be seen. The restart cause tells of it, as after any other.
    pub instant_cycle: bool,
    /// Get System Restart Cause is an invalid command (C1h).
    pub no_restart_cause: bool,
    /// A repeated RAKP 1 gets a new random number, as on OpenBMC, and an answer to the old one is refused.
    pub new_random_for_each_rakp1: bool,
    /// Get Channel Authentication Capabilities that asks for the extended data of IPMI 2.0 is refused (CCh), as some
    /// BMCs of IPMI 1.5 do.
    pub refuse_extended_capabilities: bool,
    /// So many times more, Get Chassis Status is answered "node busy" (C0h).
    pub busy_answers: u32,
    /// The next Chassis Control of this kind is executed, but its answer is lost. Then this is `None` again.
    pub drop_acknowledgement_of: Option<PowerControl>,
}

impl Config {
    /// A BMC of these users: on, IPMI 2.0 only, both cipher suites, no Kg, commands that act at once, power cycles of
    /// one second, 32 sessions, no satellites, no faults. Its latest 10 000 events are kept, which is
    /// about a megabyte.
    #[must_use]
    pub fn new(users: Vec<User>) -> Self {
        Self {
            users,
            kg: None,
            guid: *b"simulated BMC 01",
            ipmi15: None,
            ipmi20: true,
            cipher_suites: CipherSuite::RECOMMENDED.to_vec(),
            power_delay: Duration::ZERO,
            cycle_off: Duration::from_secs(1),
            initial_power: Power::On,
            max_sessions: 32,
            session_idle_timeout: Duration::from_secs(60),
            satellites: Vec::new(),
            bridged_answers: BridgedAnswers::default(),
            quirks: QuirkSet::NONE,
            events_kept: 10_000,
            faults: Faults::default(),
        }
    }
}

impl Config {
    /// Whether this request is for the BMC. Most care for nothing but that it came.
    pub(crate) fn is_addressed_by(&self, request: &RequestMessage) -> bool {
        !self.quirks.contains(Quirk::MainAddress20) || request.to.slave == Address::BMC.slave
    }

    /// How sessions of IPMI 1.5 may be authenticated.
    pub(crate) fn authentication_types(&self) -> AuthenticationTypes {
        let Some(ipmi15) = self.ipmi15 else { return AuthenticationTypes::default() };
        let is_oem =
            [Quirk::Supermicro, Quirk::Quanta].into_iter().any(|quirk| self.quirks.contains(quirk));
        let is_offered = |kind: &AuthenticationType| {
            ipmi15.authentication_types.contains(*kind)
                || is_oem && *kind == AuthenticationType::Oem
        };
        AuthenticationType::ALL.into_iter().filter(is_offered).collect()
    }

    /// Whether the BMC says that every packet is authenticated. Two quirks are about its not meaning what it says.
    pub(crate) fn has_per_message_authentication(&self) -> bool {
        let is_meant_otherwise = [Quirk::ForcePerMsg, Quirk::UnexpectedAuth]
            .into_iter()
            .any(|quirk| self.quirks.contains(quirk));
        self.ipmi15.is_none_or(|ipmi15| ipmi15.per_message_authentication && !is_meant_otherwise)
    }

    /// Whether commands of user level must be authenticated, too.
    pub(crate) fn has_user_level_authentication(&self) -> bool {
        self.ipmi15.is_none_or(|ipmi15| ipmi15.user_level_authentication)
    }
}

impl Ipmi15 {
    /// Sessions of these types, with every packet authenticated.
    pub fn new(authentication_types: impl IntoIterator<Item = AuthenticationType>) -> Self {
        Self {
            authentication_types: authentication_types.into_iter().collect(),
            per_message_authentication: true,
            user_level_authentication: true,
        }
    }
}

impl Satellite {
    /// A satellite that is on, logical unit 0, with none behind it.
    #[must_use]
    pub fn new(place: Place) -> Self {
        Self {
            place,
            lun: Address::BMC.lun,
            initial_power: Power::On,
            satellites: Vec::new(),
            bridged_answers: BridgedAnswers::default(),
        }
    }
}

impl Place {
    /// An address on the IPMB.
    #[must_use]
    pub fn on_ipmb(address: u8) -> Self {
        Self { channel: 0, address }
    }
}

impl User {
    /// Whether it is the null user, or the anonymous one.
    pub(crate) fn is_nameless(&self) -> bool {
        self.name.as_bytes().is_empty()
    }

    /// An enabled user who may do everything.
    ///
    /// # Errors
    /// When the name or the password is not one that IPMI 2.0 can carry.
    pub fn administrator(
        name: impl AsRef<[u8]>,
        password: impl AsRef<[u8]>,
    ) -> Result<Self, CredentialError> {
        Ok(Self {
            name: Username::new(name)?,
            password: Password::new(password)?,
            max_privilege: Privilege::Administrator,
            enabled: true,
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02x}h on channel {}", self.address, self.channel)
    }
}

impl fmt::Display for Power {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Off => "off",
            Self::On => "on",
        })
    }
}
