//! The inventory: a TOML file with the hosts, their groups and parameters, and beside it a file with their secrets.
//!
//! It is read as a whole before anything is done, and a mistake anywhere in it ends the program: half of an inventory
//! might be the wrong half.

mod file;
mod read;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fencing::Secret;

pub(crate) use read::read_secret_file;

use crate::hosts::HostsError;

/// What is known of hosts and groups.
#[derive(Debug, Default)]
pub(crate) struct Inventory {
    defaults: Section,
    groups: BTreeMap<String, Section>,
    hosts: BTreeMap<String, Section>,
    /// The groups that a host is in.
    groups_of: HashMap<String, Vec<String>>,
}

/// What one table of the inventory says.
#[derive(Debug, Default)]
pub(crate) struct Section {
    agents: Option<Vec<String>>,
    provider: Option<String>,
    address: Option<String>,
    /// Of a group.
    members: Vec<String>,
    given: Vec<Given>,
}

/// A parameter that somebody gives.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    pub(crate) parameter: String,
    /// The agent that it is meant for, if it is not meant for each that knows it.
    pub(crate) only_for: Option<String>,
    /// Perhaps no secret; but that is not known before the agent is.
    pub(crate) value: Secret,
    pub(crate) origin: Origin,
}

/// Who gives a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// An option of the command line, or what it names.
    Option(&'static str),
    /// The inventory.
    Inventory(Place),
    /// The secrets beside the inventory.
    Secrets(Place),
}

/// A line of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    path: Arc<Path>,
    line: usize,
    /// Which part of the file.
    tier: Tier,
}

/// The parts of an inventory, each of which counts more than those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tier {
    Defaults,
    Group(String),
    Host(String),
}

/// All that the inventory says of one host.
#[derive(Debug)]
pub(crate) struct Known<'a> {
    pub(crate) agents: Option<&'a [String]>,
    pub(crate) provider: Option<&'a str>,
    pub(crate) address: Option<&'a str>,
    /// What counts more comes later.
    pub(crate) given: Vec<&'a Given>,
}

/// What is wrong with the inventory.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InventoryError {
    #[error("cannot read {}: {source}", .path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("{} holds secrets, and others may read it (mode {mode:03o}): chmod 600 {0}", .path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("{place}: {what}")]
    Wrong { place: Place, what: String },
    #[error("{place}: {source}")]
    Hosts { place: Place, source: HostsError },
    #[error("the inventory has no group '{}'{}", .0.escape_debug(), known_groups(.1))]
    NoGroup(String, Vec<String>),
    #[error(
        "host {host} is in the groups {first} and {second}, which give it different values for '{what}'"
    )]
    Contradiction { host: String, first: String, second: String, what: String },
}

impl Inventory {
    /// The inventory of this file; otherwise the one that is found at its usual places, if there is one.
    pub(crate) fn load(option: Option<&Path>) -> Result<Self, InventoryError> {
        match option.map(Path::to_owned).or_else(read::usual_place) {
            Some(path) => file::load(&path),
            None => Ok(Self::default()),
        }
    }

    /// The hosts of a group.
    pub(crate) fn group(&self, name: &str) -> Result<&[String], InventoryError> {
        let group = self.groups.get(name).map(|group| &group.members[..]);
        group.ok_or_else(|| {
            InventoryError::NoGroup(name.to_owned(), self.groups.keys().cloned().collect())
        })
    }

    /// Each host that it has something to say of.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &str> {
        let members = self.groups.values().flat_map(|group| &group.members);
        let alone = self.hosts.keys().filter(|host| !self.groups_of.contains_key(*host));
        members.chain(alone).map(String::as_str)
    }

    /// Each parameter that it gives to anybody.
    pub(crate) fn given(&self) -> impl Iterator<Item = &Given> {
        self.sections().flat_map(|section| &section.given)
    }

    /// Each agent that it names.
    pub(crate) fn agents(&self) -> impl Iterator<Item = &str> {
        self.sections().filter_map(|section| section.agents.as_ref()).flatten().map(String::as_str)
    }

    /// Each provider that it names.
    pub(crate) fn providers(&self) -> impl Iterator<Item = &str> {
        self.sections().filter_map(|section| section.provider.as_deref())
    }

    /// What it says of a host: of itself, of its groups, of all.
    pub(crate) fn know<'a>(&'a self, host: &str) -> Result<Known<'a>, InventoryError> {
        let sections = self.sections_of(host);
        Ok(Known {
            agents: last(host, &sections, "agent", |section| section.agents.as_deref())?,
            provider: last(host, &sections, "provider", |section| section.provider.as_deref())?,
            address: last(host, &sections, "address", |section| section.address.as_deref())?,
            given: sections.iter().flat_map(|(_, section)| by_weight(&section.given)).collect(),
        })
    }

    fn sections(&self) -> impl Iterator<Item = &Section> {
        std::iter::once(&self.defaults).chain(self.groups.values()).chain(self.hosts.values())
    }

    /// Those that speak of this host, with the names of groups.
    fn sections_of(&self, host: &str) -> Vec<(Option<&str>, &Section)> {
        let mut sections = vec![(None, &self.defaults)];
        for name in self.groups_of.get(host).into_iter().flatten() {
            sections.extend(self.groups.get(name).map(|group| (Some(name.as_str()), group)));
        }
        sections.extend(self.hosts.get(host).map(|section| (None, section)));
        sections
    }
}

/// What is meant for one agent counts more than what is meant for all, wherever it stands, and so comes later.
pub(crate) fn by_weight(given: &[Given]) -> impl Iterator<Item = &Given> {
    let of = |is_for_one| given.iter().filter(move |given| given.only_for.is_some() == is_for_one);
    of(false).chain(of(true))
}

/// What the last of the sections says that says something. Groups have no order, so they must not contradict each
/// other.
fn last<'a, T: PartialEq + Copy>(
    host: &str,
    sections: &[(Option<&'a str>, &'a Section)],
    what: &str,
    value: impl Fn(&'a Section) -> Option<T>,
) -> Result<Option<T>, InventoryError> {
    let mut last: Option<(Option<&str>, T)> = None;
    for (group, section) in sections {
        let Some(value) = value(section) else { continue };
        if let (Some((Some(first), other)), Some(second)) = (last, *group)
            && other != value
        {
            let (first, second) = (first.to_owned(), second.to_owned());
            let (host, what) = (host.to_owned(), what.to_owned());
            return Err(InventoryError::Contradiction { host, first, second, what });
        }
        last = Some((*group, value));
    }
    Ok(last.map(|(_, value)| value))
}

fn known_groups(names: &[String]) -> String {
    match names {
        [] => ": it has no groups".to_owned(),
        names => format!(": it has {}", names.join(", ")),
    }
}

impl Origin {
    /// Which part of the inventory it is, if it is one.
    pub(crate) fn tier(&self) -> Option<&Tier> {
        match self {
            Self::Option(_) => None,
            Self::Inventory(place) | Self::Secrets(place) => Some(&place.tier),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Option(option) => f.write_str(option),
            Self::Inventory(place) | Self::Secrets(place) => place.fmt(f),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path.display(), self.line)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use proptest::prelude::*;

    use super::*;

    const INVENTORY: &str = r#"
        secrets = "secrets.toml"

        [defaults]
        agent = ["fence_ipmilan", "fence_redfish"]
        username = "admin"
        lanplus = true
        fence_redfish = { ssl_insecure = true }

        [groups.rack1]
        hosts = ["bmc[1-3]", "odd"]
        username = "rack"

        [groups.old]
        hosts = ["odd", "bmc3"]
        agent = "fence_ipmilan"
        power_timeout = 40

        [hosts.bmc2]
        address = "10.0.0.2"
        username = "two"

        [hosts.single]
        address = "10.0.0.9"
    "#;

    const SECRETS: &str = r#"
        [defaults]
        password = "of-all"
        [groups.rack1]
        password = "of-rack1"
        [hosts.bmc2]
        password = "of-bmc2"
    "#;

    fn load(inventory: &str, secrets: &str, mode: u32) -> Result<Inventory, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("inventory.toml");
        fs::write(&path, inventory).unwrap();
        let secrets_path = directory.path().join("secrets.toml");
        fs::write(&secrets_path, secrets).unwrap();
        fs::set_permissions(&secrets_path, fs::Permissions::from_mode(mode)).unwrap();
        let folder = format!("{}/", directory.path().display());
        Inventory::load(Some(&path)).map_err(|error| error.to_string().replace(&folder, ""))
    }

    fn values<'a>(known: &Known<'a>, parameter: &str) -> Vec<&'a str> {
        let given = known.given.iter().filter(|given| given.parameter == parameter);
        given.map(|given| given.value.expose()).collect()
    }

    /// Not only where it happens to come later in the alphabet: the password of one service would be sent to the other.
    #[test]
    fn what_is_meant_for_one_agent_counts_more_than_what_is_meant_for_all() {
        let inventory = load(
            "secrets = 'secrets.toml'\n[hosts.a]\nipport = 623\nfence_redfish = { ipport = 443 }",
            "[hosts.a]\nfence_redfish = { password = 'one' }\npassword = 'all'",
            0o600,
        );
        let inventory = inventory.unwrap();
        let known = inventory.know("a").unwrap();
        assert_eq!(values(&known, "ipport"), ["623", "443"]);
        assert_eq!(values(&known, "password"), ["all", "one"]);
    }

    #[test]
    fn hosts_have_what_their_groups_and_the_defaults_say() {
        let inventory = load(INVENTORY, SECRETS, 0o600).unwrap();
        let known = inventory.know("bmc2").unwrap();
        assert_eq!(known.address, Some("10.0.0.2"));
        assert_eq!(known.agents.unwrap(), ["fence_ipmilan", "fence_redfish"]);
        assert_eq!(values(&known, "username"), ["admin", "rack", "two"]);
        assert_eq!(values(&known, "password"), ["of-all", "of-rack1", "of-bmc2"]);
        assert_eq!(values(&known, "lanplus"), ["true"]);
        let known = inventory.know("odd").unwrap();
        assert_eq!(known.agents.unwrap(), ["fence_ipmilan"]);
        assert_eq!(values(&known, "power_timeout"), ["40"]);
        let known = inventory.know("stranger").unwrap();
        assert_eq!((known.address, values(&known, "username")), (None, vec!["admin"]));
        let only = known.given.iter().find(|given| given.only_for.is_some()).unwrap();
        assert_eq!(only.only_for.as_deref(), Some("fence_redfish"));
        assert_eq!(only.parameter, "ssl_insecure");
    }

    #[test]
    fn groups_are_expanded() {
        let inventory = load(INVENTORY, SECRETS, 0o600).unwrap();
        assert_eq!(inventory.group("rack1").unwrap(), ["bmc1", "bmc2", "bmc3", "odd"]);
        let error = inventory.group("rack9").unwrap_err().to_string();
        assert_eq!(error, "the inventory has no group 'rack9': it has old, rack1");
        let mut hosts: Vec<_> = inventory.hosts().collect();
        hosts.sort_unstable();
        hosts.dedup();
        assert_eq!(hosts, ["bmc1", "bmc2", "bmc3", "odd", "single"]);
    }

    #[test]
    fn mistakes_are_told_with_their_line() {
        for (inventory, expected) in [
            ("x", "inventory.toml:1: "),
            ("[defaults]\nusername = admin", "inventory.toml:2: "),
            ("[defaults]\n[defaults]", "inventory.toml:2: "),
            ("\n[default]\nusername = 'a'", "inventory.toml:2: 'default' is unknown here"),
            ("[groups]\nrack1 = 'a'", "inventory.toml:2: 'rack1' is not a table"),
            ("[groups.a]\n\nhosts = 'x'\n", "inventory.toml:3: 'hosts' is not a list of texts"),
            ("[groups.a]\nhosts = ['b[1-']", "inventory.toml:2: host 'b[1-': the bracket is not"),
            ("[groups.a]\nhosts = ['@b']", "inventory.toml:2: a group has hosts, and no groups"),
            ("[groups.a]\nusername = 'x'", "inventory.toml:1: the group has no hosts"),
            ("[groups.'a b']\nhosts = ['b']", "inventory.toml:1: host 'a b': a name has no white"),
            ("[hosts.'b[1-2]']\n", "inventory.toml:1: a range of hosts is a group"),
            ("[hosts.b]\nhosts = ['x']", "inventory.toml:2: only a group has 'hosts'"),
            ("[defaults]\nusername = 1.5", "inventory.toml:2: 'username' is not a text, a number"),
            (
                "[defaults]\nusername = ['a']",
                "inventory.toml:2: 'username' is not a text, a number",
            ),
            ("[defaults]\nx = { a = { b = 1 } }", "inventory.toml:2: 'a' is not a text, a number"),
            (
                "[defaults]\nagent = 5",
                "inventory.toml:2: 'agent' is not a name, or a list of names",
            ),
            (
                "[defaults]\nagent = []",
                "inventory.toml:2: 'agent' is not a name, or a list of names",
            ),
            ("[defaults]\nip = '10.0.0.1'", "inventory.toml:2: the key for 'ip' is 'address'"),
            ("[defaults]\naction = 'off'", "inventory.toml:2: an inventory has no actions"),
            ("secrets = 5", "inventory.toml:1: 'secrets' is not the name of a file"),
            ("secrets = 'none'", "cannot read none: No such file"),
        ] {
            let error = load(inventory, "", 0o600).unwrap_err();
            assert!(error.starts_with(expected), "{inventory}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }

    #[test]
    fn secrets_are_for_their_owner_alone() {
        for mode in [0o640, 0o604, 0o666, 0o620, 0o601] {
            let error = load(INVENTORY, SECRETS, mode).unwrap_err();
            assert!(error.contains("others may read it"), "{mode:o}: {error}");
            assert!(error.contains("chmod 600 secrets.toml"), "{mode:o}: {error}");
        }
        for mode in [0o600, 0o400] {
            assert!(load(INVENTORY, SECRETS, mode).is_ok(), "{mode:o}");
        }
    }

    #[test]
    fn the_file_of_secrets_holds_secrets_only_and_mistakes_in_it_do_not_show_them() {
        for (secrets, expected) in [
            ("[defaults]\npassword = hunter2", "secrets.toml:2: "),
            ("[defaults]\npassword = 'hunter2", "secrets.toml:2: "),
            ("defaults = 'hunter2'", "secrets.toml:1: 'defaults' is not a table"),
            ("[defaults]\npassword = ['hunter2']", "secrets.toml:2: 'password' is not a text"),
            ("[defaults]\nagent = 'hunter2'", "secrets.toml:2: 'agent' belongs into the inventory"),
            ("secrets = 'x'", "secrets.toml:1: 'secrets' belongs into the inventory"),
            (
                "[groups.rack9]\npassword = 'hunter2'",
                "secrets.toml:1: the inventory has no group 'ra",
            ),
            (
                "[hosts.bmc9]\npassword = 'hunter2'",
                "secrets.toml:1: the inventory has no host 'bmc9'",
            ),
        ] {
            let error = load(INVENTORY, secrets, 0o600).unwrap_err();
            assert!(error.starts_with(expected), "{secrets}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        let inventory = load(INVENTORY, SECRETS, 0o600).unwrap();
        assert!(!format!("{inventory:?}").contains("of-"), "{inventory:?}");
    }

    #[test]
    fn groups_that_contradict_each_other_are_an_error() {
        let inventory = "[groups.a]\nhosts=['x']\nagent='fence_ipmilan'\n\
                         [groups.b]\nhosts=['x']\nagent='fence_redfish'\n\
                         [groups.c]\nhosts=['y']\nagent='fence_ipmilan'\n\
                         [groups.d]\nhosts=['y']\nagent='fence_ipmilan'\n";
        let inventory = load(inventory, "", 0o600).unwrap();
        let error = inventory.know("x").unwrap_err().to_string();
        assert!(error.contains("the groups a and b, which give"), "{error}");
        assert!(inventory.know("y").is_ok());
    }

    proptest! {
        /// Whatever stands beside it, and wherever the text breaks off.
        #[test]
        fn no_mistake_shows_a_value(noise in "[-a-z\\[\\]{}=,.'\"\n #]{0,30}", at in 0_usize..90, cut in 0_usize..120) {
            let mut text = "[defaults]\npassword = 'hunter2'\n[groups.rack1]\npassword = 'hunter2'\n[hosts.bmc2]\nx = 'hunter2'\n".to_owned();
            text.insert_str(at, &noise);
            text.truncate(text.len().min(cut.max(40)));
            if let Err(error) = load(INVENTORY, &text, 0o600) {
                prop_assert!(!error.contains("hunter2"), "{text}: {error}");
                prop_assert_eq!(error.lines().count(), 1);
            }
        }
    }
}
