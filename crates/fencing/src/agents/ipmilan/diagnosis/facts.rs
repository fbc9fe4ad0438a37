//! What was found, in words.

use ipmi_lan::command::{AuthenticationCapabilities, DeviceId};
use ipmi_lan::{Error, Protocol};

use super::super::device::uuid;
use super::probe::{Attempt, Login};
use super::{Asked, Observed, told};
use crate::diagnosis::{Diagnosis, shown};

/// Manufacturers that an administrator may meet, by their IANA enterprise numbers.
const MANUFACTURERS: [(u32, &str); 12] = [
    (2, "IBM"),
    (11, "HP"),
    (42, "Sun"),
    (343, "Intel"),
    (674, "Dell"),
    (7244, "Quanta"),
    (10368, "Fujitsu"),
    (10876, "Supermicro"),
    (15370, "Gigabyte"),
    (19046, "Lenovo"),
    (47196, "HPE"),
    (47488, "Supermicro"),
];

pub(super) fn state(diagnosis: &mut Diagnosis, observed: &Observed) {
    let Observed { asked, attempts, suite_0, none } = observed;
    of_asked(diagnosis, asked);
    let mut logins = attempts.iter().filter_map(|attempt| attempt.outcome.as_ref().ok());
    if let Some(device) = logins.find_map(|login| login.device.as_ref()) {
        diagnosis.fact("controller", shown_device(device));
    }
    let guid = attempts.iter().find_map(guid_of);
    if let Some(guid) = guid {
        diagnosis.fact("GUID", guid);
    }
    for attempt in attempts {
        diagnosis.fact("login", shown_attempt(attempt));
    }
    if let Some(attempt) = suite_0 {
        diagnosis.fact("login by cipher suite 0", shown_open(attempt));
    }
    if let Some(attempt) = none {
        diagnosis.fact("login by authentication type none", shown_open(attempt));
    }
    if let Some(login) = observed.best() {
        of_status(diagnosis, login);
    }
}

fn of_asked(diagnosis: &mut Diagnosis, asked: &Asked) {
    let presence = if asked.is_present { "answers the ping" } else { "does not answer the ping" };
    diagnosis.fact("presence", presence);
    if let Some(capabilities) = &asked.capabilities {
        diagnosis.fact("versions", versions(capabilities));
        if capabilities.ipmi15 {
            diagnosis.fact("authentication types of IPMI 1.5", asked.types_15().to_string());
        }
        diagnosis.fact("users", users(capabilities));
        let kg = if capabilities.kg_set { "set" } else { "not set" };
        diagnosis.fact("key Kg", kg);
    }
    if asked.may_have_20() {
        diagnosis.fact("cipher suites listed", suites(&asked.suites));
    }
}

fn versions(capabilities: &AuthenticationCapabilities) -> String {
    let versions = [(capabilities.ipmi15, "1.5"), (capabilities.ipmi20, "2.0")];
    let spoken: Vec<_> =
        versions.iter().filter(|(is_spoken, _)| *is_spoken).map(|(_, name)| *name).collect();
    if spoken.is_empty() { "none".to_owned() } else { format!("IPMI {}", spoken.join(" and ")) }
}

fn users(capabilities: &AuthenticationCapabilities) -> String {
    let kinds = [
        (capabilities.named_users, "with names"),
        (capabilities.null_user, "one without name"),
        (capabilities.anonymous_user, "one without name and password"),
    ];
    let there: Vec<_> =
        kinds.iter().filter(|(is_there, _)| *is_there).map(|(_, kind)| *kind).collect();
    if there.is_empty() { "none".to_owned() } else { there.join(", ") }
}

fn suites(suites: &Result<Vec<u8>, Error>) -> String {
    match suites {
        Ok(ids) if ids.is_empty() => "none".to_owned(),
        Ok(ids) => ids.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
        Err(Error::NoAnswer(_)) => "not told before a login".to_owned(),
        Err(error) => error.to_string(),
    }
}

fn shown_device(device: &DeviceId) -> String {
    let DeviceId { manufacturer, product, firmware_major, firmware_minor, .. } = device;
    let known = MANUFACTURERS.iter().find(|(number, _)| number == manufacturer);
    let vendor =
        known.map_or_else(|| format!("manufacturer {manufacturer}"), |(_, n)| (*n).to_owned());
    format!("{vendor}, product {product}, firmware {firmware_major}.{firmware_minor:02x}")
}

fn guid_of(attempt: &Attempt) -> Option<String> {
    uuid(attempt.outcome.as_ref().ok()?.logged_in.bmc_guid?)
}

fn shown_attempt(attempt: &Attempt) -> String {
    match &attempt.outcome {
        Ok(login) => {
            let (protection, workarounds) =
                (login.logged_in.protection, login.logged_in.workarounds);
            let quirks = if workarounds.is_empty() {
                String::new()
            } else {
                format!(", with the workarounds {workarounds}")
            };
            let took = shown(login.took);
            format!("{protection} as {}{quirks}: works, {took} with a status", login.privilege())
        }
        // That a level is above the user's is no failure, and wants no advice.
        Err(error) if attempt.is_level_refused() => {
            format!("{} as {}: {error}", version(attempt.protocol), attempt.privilege)
        }
        Err(error) => {
            format!("{} as {}: {}", version(attempt.protocol), attempt.privilege, told(error))
        }
    }
}

fn version(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Ipmi15 | Protocol::Ipmi15Or20 => "IPMI 1.5",
        Protocol::Ipmi20 => "IPMI 2.0",
    }
}

fn shown_open(attempt: &Attempt) -> String {
    match &attempt.outcome {
        Ok(login) => format!("ACCEPTED as {}", login.privilege()),
        Err(error) => format!("refused: {error}"),
    }
}

fn of_status(diagnosis: &mut Diagnosis, login: &Login) {
    let Ok(status) = &login.status else { return };
    diagnosis.fact("power state", if status.power_on { "on" } else { "off" });
    if status.power_fault {
        diagnosis.fact("power fault", "the BMC reports a fault of the main power");
    }
    if status.power_control_fault {
        diagnosis.fact("power control fault", "the last power command did not take effect");
    }
}
