//! The text of an inventory and of its secrets. The tables are walked by hand, so that each mistake has its line, and
//! no message repeats a value, which may be a secret.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use fencing::Secret;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::read::{read_file, read_secret_file};
use super::{Given, Inventory, InventoryError, Origin, Place, Section, Tier};
use crate::hosts::HostList;

type Key<'a> = (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>);

/// Reads an inventory, and the secrets that it names.
pub(super) fn load(path: &Path) -> Result<Inventory, InventoryError> {
    let text = read_file(path)?;
    let (mut inventory, secrets) = Reader::new(path, &text, false).inventory()?;
    if let Some(secrets) = secrets {
        let path = path.parent().unwrap_or(Path::new("")).join(secrets);
        let text = read_secret_file(&path)?;
        Reader::new(&path, &text, true).secrets(&mut inventory)?;
    }
    inventory.groups_of = groups_of(&inventory.groups);
    Ok(inventory)
}

fn groups_of(groups: &BTreeMap<String, Section>) -> HashMap<String, Vec<String>> {
    let mut groups_of: HashMap<_, Vec<_>> = HashMap::new();
    for (name, group) in groups {
        for host in &group.members {
            groups_of.entry(host.clone()).or_default().push(name.clone());
        }
    }
    groups_of
}

/// A file that is read.
struct Reader<'a> {
    path: Arc<Path>,
    text: &'a str,
    /// Where lines end, in bytes.
    ends: Vec<usize>,
    is_secret: bool,
}

impl<'a> Reader<'a> {
    fn new(path: &Path, text: &'a str, is_secret: bool) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end).collect();
        Self { path: path.into(), text, ends, is_secret }
    }

    /// The inventory without its secrets, and the name of the file that has them.
    fn inventory(&self) -> Result<(Inventory, Option<String>), InventoryError> {
        let mut inventory = Inventory::default();
        let mut secrets = None;
        for (key, value) in self.parse()?.get_ref() {
            match key.get_ref().as_ref() {
                "secrets" => secrets = Some(self.file_name((key, value))?),
                "defaults" => {
                    inventory.defaults = self.section((key, value), &Tier::Defaults)?;
                }
                "groups" => inventory.groups = self.sections((key, value), Tier::Group)?,
                "hosts" => inventory.hosts = self.sections((key, value), Tier::Host)?,
                other => return Err(self.unknown(key, other)),
            }
        }
        Ok((inventory, secrets))
    }

    /// Adds the secrets to what the inventory has.
    fn secrets(&self, inventory: &mut Inventory) -> Result<(), InventoryError> {
        for (key, value) in self.parse()?.get_ref() {
            match key.get_ref().as_ref() {
                "defaults" => {
                    let section = self.section((key, value), &Tier::Defaults)?;
                    inventory.defaults.given.extend(section.given);
                }
                "groups" => self.secrets_of(&mut inventory.groups, (key, value), Tier::Group)?,
                "hosts" => {
                    let members = inventory.groups.values().flat_map(|group| &group.members);
                    for member in members {
                        inventory.hosts.entry(member.clone()).or_default();
                    }
                    self.secrets_of(&mut inventory.hosts, (key, value), Tier::Host)?;
                }
                "secrets" => return Err(self.misplaced(key, "secrets")),
                other => return Err(self.unknown(key, other)),
            }
        }
        Ok(())
    }

    fn secrets_of(
        &self,
        sections: &mut BTreeMap<String, Section>,
        (key, value): Key<'_>,
        tier: fn(String) -> Tier,
    ) -> Result<(), InventoryError> {
        for entry @ (name, _) in self.table((key, value))? {
            let kind = if key.get_ref() == "groups" { "group" } else { "host" };
            let known = sections.get_mut(name.get_ref().as_ref());
            let known = known.ok_or_else(|| {
                let name = name.get_ref().escape_debug();
                self.wrong(entry.0, format!("the inventory has no {kind} '{name}'"))
            })?;
            let tier = tier(name.get_ref().to_string());
            known.given.extend(self.section(entry, &tier)?.given);
        }
        Ok(())
    }

    fn sections(
        &self,
        key: Key<'_>,
        tier: fn(String) -> Tier,
    ) -> Result<BTreeMap<String, Section>, InventoryError> {
        let mut sections = BTreeMap::new();
        for entry @ (name, _) in self.table(key)? {
            let tier = tier(name.get_ref().to_string());
            self.check_name(name, &tier)?;
            let section = self.section(entry, &tier)?;
            if matches!(tier, Tier::Group(_)) && section.members.is_empty() {
                return Err(self.wrong(name, "the group has no hosts"));
            }
            sections.insert(name.get_ref().to_string(), section);
        }
        Ok(sections)
    }

    /// A name that can be written on a command line, and means itself there.
    fn check_name<T: AsRef<str>>(
        &self,
        name: &Spanned<T>,
        tier: &Tier,
    ) -> Result<(), InventoryError> {
        let mut list = HostList::default();
        let place = self.place(name, tier.clone());
        list.add(name.get_ref().as_ref())
            .map_err(|source| InventoryError::Hosts { place, source })?;
        match &list.into_names()[..] {
            [only] if only == name.get_ref().as_ref() && !only.starts_with('@') => Ok(()),
            _ => Err(self.wrong(name, "a range of hosts is a group: [groups.NAME] hosts = […]")),
        }
    }

    fn section(&self, key: Key<'_>, tier: &Tier) -> Result<Section, InventoryError> {
        let mut section = Section::default();
        for (key, value) in self.table(key)? {
            let entry = (key, value);
            match key.get_ref().as_ref() {
                name @ ("agent" | "provider" | "address" | "hosts") if self.is_secret => {
                    return Err(self.misplaced(key, name));
                }
                "agent" => section.agents = Some(self.agents(entry)?),
                "provider" => section.provider = Some(self.text(entry)?),
                "address" => section.address = Some(self.text(entry)?),
                "hosts" => section.members = self.members(entry, tier)?,
                name => match value.get_ref() {
                    DeValue::Table(_) => {
                        for entry in self.table(entry)? {
                            section.given.push(self.given(entry, Some(name), tier)?);
                        }
                    }
                    _ => section.given.push(self.given(entry, None, tier)?),
                },
            }
        }
        Ok(section)
    }

    fn members(
        &self,
        entry @ (key, _): Key<'_>,
        tier: &Tier,
    ) -> Result<Vec<String>, InventoryError> {
        if !matches!(tier, Tier::Group(_)) {
            return Err(self.wrong(key, "only a group has 'hosts'"));
        }
        let mut list = HostList::default();
        for item in self.texts(entry).ok_or_else(|| self.is_not(key, "a list of texts"))? {
            let place = self.place(key, tier.clone());
            list.add(item).map_err(|source| InventoryError::Hosts { place, source })?;
        }
        let names = list.into_names();
        match names.iter().any(|name| name.starts_with('@')) {
            true => Err(self.wrong(key, "a group has hosts, and no groups")),
            false => Ok(names),
        }
    }

    fn agents(&self, entry @ (key, value): Key<'_>) -> Result<Vec<String>, InventoryError> {
        let one = value.get_ref().as_str().map(|name| vec![name]);
        let names = one.or_else(|| self.texts(entry)).filter(|names| !names.is_empty());
        let names = names.ok_or_else(|| self.is_not(key, "a name, or a list of names"))?;
        Ok(names.into_iter().map(str::to_owned).collect())
    }

    fn given(
        &self,
        (key, value): Key<'_>,
        only_for: Option<&str>,
        tier: &Tier,
    ) -> Result<Given, InventoryError> {
        let value = match value.get_ref() {
            DeValue::String(text) => Secret::new(text.as_ref()),
            DeValue::Integer(number) if number.radix() == 10 => Secret::new(number.as_str()),
            DeValue::Boolean(is_set) => Secret::new(is_set.to_string()),
            _ => return Err(self.is_not(key, "a text, a number or true or false")),
        };
        match key.get_ref().as_ref() {
            name @ ("ip" | "ipaddr") => {
                return Err(self.wrong(key, format!("the key for '{name}' is 'address'")));
            }
            "action" => return Err(self.wrong(key, "an inventory has no actions")),
            _ => {}
        }
        let place = self.place(key, tier.clone());
        let origin = if self.is_secret { Origin::Secrets(place) } else { Origin::Inventory(place) };
        let only_for = only_for.map(str::to_owned);
        Ok(Given { parameter: key.get_ref().to_string(), only_for, value, origin })
    }

    fn text(&self, (key, value): Key<'_>) -> Result<String, InventoryError> {
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.is_not(key, "a text"))
    }

    fn file_name(&self, (key, value): Key<'_>) -> Result<String, InventoryError> {
        let text = value.get_ref().as_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| self.is_not(key, "the name of a file"))
    }

    fn texts<'k>(&self, (_, value): Key<'k>) -> Option<Vec<&'k str>> {
        value.get_ref().as_array()?.iter().map(|item| item.get_ref().as_str()).collect()
    }

    fn table<'k>(
        &self,
        (key, value): Key<'k>,
    ) -> Result<impl Iterator<Item = Key<'k>>, InventoryError> {
        match value.get_ref() {
            DeValue::Table(table) => Ok(table.iter()),
            _ => Err(self.is_not(key, "a table")),
        }
    }

    fn parse(&self) -> Result<Spanned<DeTable<'_>>, InventoryError> {
        DeTable::parse(self.text).map_err(|error| {
            let line = self.line(error.span().map_or(0, |span| span.start));
            let place = Place { path: Arc::clone(&self.path), line, tier: Tier::Defaults };
            // The message alone: with its context it would show the line, which may hold a secret.
            let what = error.message().lines().collect::<Vec<_>>().join(", ");
            InventoryError::Wrong { place, what }
        })
    }

    fn unknown<T>(&self, key: &Spanned<T>, name: &str) -> InventoryError {
        let name = name.escape_debug();
        self.wrong(key, format!("'{name}' is unknown here: secrets, defaults, groups, hosts"))
    }

    fn misplaced<T>(&self, key: &Spanned<T>, name: &str) -> InventoryError {
        self.wrong(key, format!("'{name}' belongs into the inventory; this file is for secrets"))
    }

    fn is_not<T: AsRef<str>>(&self, key: &Spanned<T>, what: &str) -> InventoryError {
        self.wrong(key, format!("'{}' is not {what}", key.get_ref().as_ref().escape_debug()))
    }

    fn wrong<T>(&self, key: &Spanned<T>, what: impl Into<String>) -> InventoryError {
        InventoryError::Wrong { place: self.place(key, Tier::Defaults), what: what.into() }
    }

    fn place<T>(&self, key: &Spanned<T>, tier: Tier) -> Place {
        Place { path: Arc::clone(&self.path), line: self.line(key.span().start), tier }
    }

    /// The number of the line with this byte.
    fn line(&self, offset: usize) -> usize {
        self.ends.partition_point(|end| *end < offset) + 1
    }
}
