//! A ComputerSystem (DSP0268, "ComputerSystem"): what matters of it for power.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::document::{self, text};
use crate::message::shown;
use crate::{Error, Step};

/// The beginning of the year 2000, since that of 1970.
pub(crate) const YEAR_2000: Duration = Duration::from_secs(946_684_800);
/// What is longer is no name; no real one comes near.
const LONGEST_NAME: usize = 1024;
/// The name of the action in every ComputerSystem that can be reset.
const RESET: &str = "#ComputerSystem.Reset";

/// A computer system, as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComputerSystem {
    /// Its path at the service: `/redfish/v1/Systems/1`.
    pub path: String,
    /// `Id`; may be empty.
    pub id: String,
    /// `Name`; may be empty.
    pub name: String,
    /// `UUID`, if it has one.
    pub uuid: Option<String>,
    /// `HostName`, if it has one.
    pub host_name: Option<String>,
    /// `SerialNumber`, if it has one.
    pub serial_number: Option<String>,
    /// `LastResetTime`, if it has one that is a time.
    pub last_reset_time: Option<LastResetTime>,
    /// `@odata.id`, if it has one.
    pub(crate) odata_id: Option<String>,
    pub(crate) power_state: Option<PowerState>,
    pub(crate) reset: Option<ResetAction>,
    pub(crate) etag: Option<String>,
}

/// When a system was last reset, or switched on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastResetTime {
    /// As the service writes it (DSP0266, "Date-Time values").
    pub text: String,
    /// Since the beginning of 1970.
    pub since_1970: Duration,
}

/// What a system says of its power (DSP0268, "PowerState").
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PowerState {
    /// `On`.
    On,
    /// `Off`, in exactly these letters.
    Off,
    /// `PoweringOn`: on its way from off to on.
    PoweringOn,
    /// `PoweringOff`: on its way from on to off. It is not off yet.
    PoweringOff,
    /// `Paused`: on, and halted.
    Paused,
    /// A word that the specification does not have.
    Other(String),
}

/// A kind of reset (DSP0268, "ResetType").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResetType {
    /// Power on.
    On,
    /// Power on, even if the system has something against it.
    ForceOn,
    /// Power off, without asking the operating system.
    ForceOff,
    /// Ask the operating system to shut down.
    GracefulShutdown,
    /// Restart, without asking the operating system.
    ForceRestart,
    /// Power off and on again.
    PowerCycle,
    /// A diagnostic interrupt.
    Nmi,
    /// What the button at the front does. Pressed twice it may undo what it did.
    PushPowerButton,
}

/// What a reset is for: the types that bring it about, the best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Power off.
    Off {
        /// Whether the operating system may be asked, where the system has no other way.
        graceful: bool,
    },
    /// Power on.
    On,
    /// Off and on, or a restart, in one command.
    Cycle,
    /// A diagnostic interrupt.
    DiagnosticInterrupt,
}

/// The reset action of a system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResetAction {
    pub(crate) target: String,
    /// What it takes, where the system says so itself.
    pub(crate) allowable: Option<Vec<String>>,
    /// Where else the service says it (DSP0266, "ActionInfo").
    pub(crate) action_info: Option<String>,
}

impl ComputerSystem {
    /// The system that a document describes: the body of an answer, read from this path. `None` if it is no JSON
    /// object.
    #[must_use]
    pub fn parse(path: &str, body: &[u8]) -> Option<Self> {
        document::parse(body).map(|document| Self::of(path, None, &document))
    }

    pub(crate) fn of(path: &str, etag: Option<String>, document: &Value) -> Self {
        let short = |name| text(document, name).filter(|text| text.len() <= LONGEST_NAME);
        let owned = |name| short(name).unwrap_or_default().to_owned();
        let optional = |name| short(name).filter(|text| !text.is_empty()).map(str::to_owned);
        Self {
            path: path.to_owned(),
            id: owned("Id"),
            name: owned("Name"),
            uuid: optional("UUID").filter(|uuid| uuid.bytes().any(|byte| !b"0-".contains(&byte))),
            host_name: optional("HostName"),
            serial_number: optional("SerialNumber"),
            last_reset_time: optional("LastResetTime").and_then(LastResetTime::of),
            odata_id: optional("@odata.id"),
            power_state: short("PowerState").map(PowerState::of),
            reset: document.get("Actions").and_then(ResetAction::of),
            etag: etag.or_else(|| optional("@odata.etag")),
        }
    }

    /// Its power state.
    ///
    /// # Errors
    /// When it has none, as OpenBMC while its own services start.
    pub fn power_state(&self) -> Result<&PowerState, Error> {
        self.power_state.as_ref().ok_or_else(|| Error::Missing {
            step: Step::System,
            path: self.path.clone(),
            what: "PowerState",
        })
    }

    /// Whether it can be reset.
    #[must_use]
    pub fn has_reset(&self) -> bool {
        self.reset.is_some()
    }

    /// Whether this is a name of it: its Id, Name, UUID, HostName or SerialNumber, letter by letter.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        let others = [&self.uuid, &self.host_name, &self.serial_number];
        let mut names = [&self.id, &self.name].into_iter().chain(others.into_iter().flatten());
        names.any(|own| own == name)
    }

    /// Whether both may be the same machine at two times: nothing that names it differs.
    #[must_use]
    pub fn may_be(&self, other: &Self) -> bool {
        let path = |system: &Self| {
            system.odata_id.as_ref().map(|path| path.trim_end_matches('/').to_owned())
        };
        let is_same = |one: &Option<String>, two: &Option<String>| {
            one.as_ref().zip(two.as_ref()).is_none_or(|(one, two)| one.eq_ignore_ascii_case(two))
        };
        self.id == other.id
            && path(self).zip(path(other)).is_none_or(|(one, two)| one == two)
            && is_same(&self.uuid, &other.uuid)
            && is_same(&self.serial_number, &other.serial_number)
    }
}

impl ComputerSystem {
    /// What is known of a machine, with what another reading of it knows besides.
    pub(crate) fn learn(&mut self, other: &Self) {
        let learn = |own: &mut Option<String>, other: &Option<String>| {
            if own.is_none() {
                own.clone_from(other);
            }
        };
        learn(&mut self.uuid, &other.uuid);
        learn(&mut self.serial_number, &other.serial_number);
        learn(&mut self.odata_id, &other.odata_id);
    }
}

impl fmt::Display for ComputerSystem {
    /// Whatever may be used to choose it, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "'{}'", shown(&self.id))?;
        let others = [
            ("name", Some(&self.name).filter(|name| **name != self.id)),
            ("UUID", self.uuid.as_ref()),
            ("host name", self.host_name.as_ref()),
            ("serial number", self.serial_number.as_ref()),
        ];
        let mut names =
            others.iter().filter_map(|(what, value)| Some((what, (*value)?))).peekable();
        if names.peek().is_none() {
            return Ok(());
        }
        let all: Vec<_> = names.map(|(what, value)| format!("{what} '{}'", shown(value))).collect();
        write!(f, " ({})", all.join(", "))
    }
}

impl LastResetTime {
    fn of(text: String) -> Option<Self> {
        let time: Timestamp = text.parse().ok()?;
        let since_1970 = Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).ok()?;
        // A clock that was never set begins in 1970 or a little later: that time is not known.
        (since_1970 >= YEAR_2000).then_some(Self { text, since_1970 })
    }
}

impl PowerState {
    fn of(word: &str) -> Self {
        match word {
            "On" => Self::On,
            "Off" => Self::Off,
            "PoweringOn" => Self::PoweringOn,
            "PoweringOff" => Self::PoweringOff,
            "Paused" => Self::Paused,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for PowerState {
    /// The word of the service, escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::On => f.write_str("On"),
            Self::Off => f.write_str("Off"),
            Self::PoweringOn => f.write_str("PoweringOn"),
            Self::PoweringOff => f.write_str("PoweringOff"),
            Self::Paused => f.write_str("Paused"),
            Self::Other(word) => write!(f, "'{}'", shown(word)),
        }
    }
}

impl ResetType {
    /// The word for it on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::On => "On",
            Self::ForceOn => "ForceOn",
            Self::ForceOff => "ForceOff",
            Self::GracefulShutdown => "GracefulShutdown",
            Self::ForceRestart => "ForceRestart",
            Self::PowerCycle => "PowerCycle",
            Self::Nmi => "Nmi",
            Self::PushPowerButton => "PushPowerButton",
        }
    }

    /// Whether it may be sent again without harm when nobody knows whether it arrived: it names a state, not a change.
    #[must_use]
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::On | Self::ForceOn | Self::ForceOff | Self::GracefulShutdown)
    }
}

impl fmt::Display for ResetType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Purpose {
    /// The reset types for it, the strongest first.
    #[must_use]
    pub fn types(self) -> &'static [ResetType] {
        use ResetType::{
            ForceOff, ForceOn, ForceRestart, GracefulShutdown, Nmi, On, PowerCycle, PushPowerButton,
        };
        match self {
            Self::Off { graceful: false } => &[ForceOff, PushPowerButton],
            Self::Off { graceful: true } => &[ForceOff, PushPowerButton, GracefulShutdown],
            Self::On => &[On, ForceOn, PushPowerButton],
            Self::Cycle => &[PowerCycle, ForceRestart],
            Self::DiagnosticInterrupt => &[Nmi],
        }
    }
}

impl ResetAction {
    fn of(actions: &Value) -> Option<Self> {
        let reset = actions.get(RESET)?;
        Some(Self {
            target: text(reset, "target")?.to_owned(),
            allowable: words(reset, "ResetType@Redfish.AllowableValues"),
            action_info: text(reset, "@Redfish.ActionInfo").map(str::to_owned),
        })
    }

    /// The best type for this purpose. Where nobody says what is allowed, that is the first.
    pub(crate) fn choose(&self, purpose: Purpose) -> Option<ResetType> {
        let is_allowed = |reset: &ResetType| match &self.allowable {
            Some(words) => words.iter().any(|word| word == reset.name()),
            None => true,
        };
        purpose.types().iter().copied().find(is_allowed)
    }
}

/// What an ActionInfo says about the parameter `ResetType`.
pub(crate) fn allowable_of_action_info(document: &Value) -> Option<Vec<String>> {
    let parameters = document.get("Parameters")?.as_array()?;
    let reset = parameters.iter().find(|one| text(one, "Name") == Some("ResetType"))?;
    words(reset, "AllowableValues")
}

/// A list of words. An empty one says nothing.
fn words(value: &Value, name: &str) -> Option<Vec<String>> {
    let words = value.get(name)?.as_array()?.iter();
    let words: Vec<_> =
        words.filter_map(Value::as_str).map(|word| word.trim().to_owned()).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn system(document: &Value) -> ComputerSystem {
        ComputerSystem::of("/redfish/v1/Systems/1", None, document)
    }

    #[test]
    fn only_off_is_off() {
        for (word, state) in [
            ("Off", PowerState::Off),
            (" Off ", PowerState::Off),
            ("On", PowerState::On),
            ("PoweringOff", PowerState::PoweringOff),
            ("PoweringOn", PowerState::PoweringOn),
            ("Paused", PowerState::Paused),
            ("off", PowerState::Other("off".to_owned())),
            ("OFF", PowerState::Other("OFF".to_owned())),
            ("", PowerState::Other(String::new())),
        ] {
            let system = system(&json!({"PowerState": word}));
            assert_eq!(*system.power_state().unwrap(), state, "{word}");
        }
        for none in [json!({}), json!({"PowerState": null}), json!({"PowerState": false})] {
            assert!(system(&none).power_state().is_err(), "{none}");
        }
    }

    #[test]
    fn a_system_is_called_by_any_of_its_names() {
        let system = system(&json!({
            "Id": "1", "Name": "System", "UUID": "38-01", "HostName": "node1", "SerialNumber": "C3X",
        }));
        for name in ["1", "System", "38-01", "node1", "C3X"] {
            assert!(system.is_called(name), "{name}");
        }
        for name in ["", "Node1", "node", "systems/1"] {
            assert!(!system.is_called(name), "{name}");
        }
        let shown = "'1' (name 'System', UUID '38-01', host name 'node1', serial number 'C3X')";
        assert_eq!(system.to_string(), shown);
        assert!(!self::system(&json!({"HostName": ""})).is_called("x"));
    }

    #[test]
    fn the_last_reset_is_a_time_in_any_zone_or_none() {
        let seconds = |time| {
            let system = system(&json!({"LastResetTime": time}));
            system.last_reset_time.map(|time| time.since_1970.as_secs())
        };
        assert_eq!(seconds("2001-09-09T01:46:40Z"), Some(1_000_000_000));
        assert_eq!(seconds("2001-09-09T02:46:40+01:00"), Some(1_000_000_000));
        for none in [
            "",
            "never",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+00:00",
            "0000-00-00T00:00:00Z",
        ] {
            assert_eq!(seconds(none), None, "{none}");
        }
    }

    #[test]
    fn a_machine_is_another_when_something_that_names_it_differs() {
        let one = system(&json!({"Id": "1", "UUID": "ab", "SerialNumber": "s"}));
        assert!(one.may_be(&one));
        assert!(one.may_be(&system(&json!({"Id": "1", "UUID": "AB"}))));
        assert!(one.may_be(&system(&json!({"Id": "1", "Name": "renamed"}))));
        for other in [json!({"Id": "2"}), json!({"Id": "1", "UUID": "cd"}), json!({})] {
            assert!(!one.may_be(&system(&other)), "{other}");
        }
    }

    fn choice(allowable: Option<&[&str]>, purpose: Purpose) -> Option<&'static str> {
        let mut reset = json!({"target": "/reset"});
        if let Some(words) = allowable {
            reset["ResetType@Redfish.AllowableValues"] = json!(words);
        }
        let system = system(&json!({"Actions": {RESET: reset}}));
        system.reset.unwrap().choose(purpose).map(ResetType::name)
    }

    #[test]
    fn the_strongest_reset_that_is_allowed_is_chosen() {
        let off = Purpose::Off { graceful: false };
        let gracefully = Purpose::Off { graceful: true };
        let gentle: &[&str] = &["On", "GracefulShutdown", "GracefulRestart"];
        for (allowable, purpose, expected) in [
            (None, off, Some("ForceOff")),
            (Some(&[][..]), off, Some("ForceOff")),
            (Some(&["PushPowerButton", " ForceOff "]), off, Some("ForceOff")),
            (Some(&["PushPowerButton", "GracefulShutdown"]), gracefully, Some("PushPowerButton")),
            (Some(gentle), off, None),
            (Some(gentle), gracefully, Some("GracefulShutdown")),
            (Some(gentle), Purpose::Cycle, None),
            (Some(gentle), Purpose::DiagnosticInterrupt, None),
            (Some(&["ForceOn"]), Purpose::On, Some("ForceOn")),
            (Some(&["ForceRestart", "PowerCycle"]), Purpose::Cycle, Some("PowerCycle")),
            (Some(&["ForceRestart"]), Purpose::Cycle, Some("ForceRestart")),
            (Some(&["Nmi"]), Purpose::DiagnosticInterrupt, Some("Nmi")),
        ] {
            assert_eq!(choice(allowable, purpose), expected, "{allowable:?} {purpose:?}");
        }
    }

    #[test]
    fn only_resets_that_name_a_state_are_repeatable() {
        let once = [
            ResetType::PowerCycle,
            ResetType::ForceRestart,
            ResetType::Nmi,
            ResetType::PushPowerButton,
        ];
        assert!(once.iter().all(|reset| !reset.is_repeatable()));
        assert!(ResetType::ForceOff.is_repeatable() && ResetType::On.is_repeatable());
    }

    #[test]
    fn an_action_without_target_is_no_action() {
        for actions in
            [json!({}), json!({RESET: {}}), json!({RESET: null}), json!({RESET: {"target": 1}})]
        {
            assert!(!system(&json!({"Actions": actions})).has_reset(), "{actions}");
        }
    }

    fn fixture(name: &str) -> ComputerSystem {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/redfish");
        let body = std::fs::read(format!("{folder}/{name}.json")).unwrap();
        ComputerSystem::parse("/redfish/v1/Systems/1", &body).unwrap()
    }

    #[test]
    fn systems_are_read_as_vendors_describe_them() {
        let off = Purpose::Off { graceful: false };
        for (name, state, cycle) in [
            ("idrac9", PowerState::On, Some("PowerCycle")),
            ("ilo5", PowerState::Off, Some("ForceRestart")),
            ("supermicro_x12", PowerState::On, Some("ForceRestart")),
            ("openbmc", PowerState::Off, Some("PowerCycle")),
            ("nvidia_host", PowerState::On, Some("PowerCycle")),
            ("cray_ex_node", PowerState::PoweringOff, Some("PowerCycle")),
        ] {
            let system = fixture(name);
            assert_eq!(*system.power_state().unwrap(), state, "{name}");
            let reset = system.reset.as_ref().unwrap();
            assert_eq!(reset.choose(off), Some(ResetType::ForceOff), "{name}");
            assert_eq!(reset.choose(Purpose::Cycle).map(ResetType::name), cycle, "{name}");
        }
        assert!(!fixture("nvidia_baseboard").has_reset());
        assert_eq!(fixture("idrac9").host_name, None);
        assert_eq!(fixture("idrac9").last_reset_time.unwrap().since_1970.as_secs(), 1_781_154_887);
        assert_eq!(fixture("openbmc").last_reset_time, None);
        assert_eq!(fixture("supermicro_x12").serial_number, None);
        assert_eq!(fixture("ilo5").etag.as_deref(), Some("W/\"0A1B2C3D\""));
        let info = include_bytes!("../../../fixtures/redfish/openbmc_action_info.json");
        let types = allowable_of_action_info(&document::parse(info).unwrap()).unwrap();
        assert!(types.contains(&"ForceOff".to_owned()) && types.len() == 8, "{types:?}");
    }

    proptest! {
        /// Whatever a service sends is read or not; what is shown of it is one line.
        #[test]
        fn anything_is_a_system_or_none(bytes: Vec<u8>, id: String, name: String, time: String) {
            let _ = ComputerSystem::parse("/", &bytes);
            let document = json!({"Id": id, "Name": name, "HostName": name, "LastResetTime": time});
            let shown = system(&document).to_string();
            prop_assert!(!shown.chars().any(char::is_control), "{}", shown);
        }
    }

    #[test]
    fn action_info_says_what_is_allowed() {
        let info = json!({"Parameters": [
            {"Name": "Other", "AllowableValues": ["x"]},
            {"Name": "ResetType", "AllowableValues": ["On", "ForceOff"]},
        ]});
        assert_eq!(allowable_of_action_info(&info).unwrap(), ["On", "ForceOff"]);
        for none in [json!({}), json!({"Parameters": [{"Name": "ResetType"}]})] {
            assert_eq!(allowable_of_action_info(&none), None, "{none}");
        }
    }
}
