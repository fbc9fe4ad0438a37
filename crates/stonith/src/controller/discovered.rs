//! Machines that the device itself has listed.

use std::collections::BTreeMap;

use fencing::Port;

use crate::plan::{DeviceKey, PlannedTarget, check_node_name};

/// The machines by name: by their aliases where each has one of its own that can be the name of a node, and otherwise by
/// what the device calls them.
pub(super) fn targets(
    device: &DeviceKey,
    ports: Vec<Port>,
) -> Result<BTreeMap<String, PlannedTarget>, String> {
    let aliased: BTreeMap<_, _> =
        ports.iter().filter_map(|port| Some((port.alias.clone()?, port))).collect();
    let has_aliases =
        aliased.len() == ports.len() && aliased.keys().all(|alias| check_node_name(alias).is_ok());
    let mut targets = BTreeMap::new();
    for port in &ports {
        let alias = port.alias.as_ref().filter(|_| has_aliases);
        let name = alias.unwrap_or(&port.name);
        check_node_name(name).map_err(|error| error.to_string())?;
        let target = PlannedTarget { device: device.clone(), plug: Some(port.name.clone()) };
        if targets.insert(name.clone(), target).is_some() {
            let name = name.escape_debug();
            return Err(format!(
                "the device lists '{name}' twice: it cannot be told which is meant"
            ));
        }
    }
    Ok(targets)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> DeviceKey {
        DeviceKey::of(&fencing::AgentConfig::new(std::sync::Arc::new(fencing::Agent::new("a"))))
    }

    /// `node=plug` for each.
    fn named(ports: &[(&str, Option<&str>)]) -> Result<Vec<String>, String> {
        let port = |(name, alias): &(&str, Option<&str>)| Port {
            name: (*name).to_owned(),
            alias: alias.map(str::to_owned),
            state: None,
        };
        let targets = targets(&key(), ports.iter().map(port).collect())?;
        let named = |(node, target): (String, PlannedTarget)| {
            format!("{node}={}", target.plug.unwrap_or_default())
        };
        Ok(targets.into_iter().map(named).collect())
    }

    #[test]
    fn machines_are_named_by_their_aliases_where_all_have_one() {
        assert_eq!(named(&[]).unwrap(), [""; 0]);
        assert_eq!(named(&[("1", Some("b")), ("2", Some("a"))]).unwrap(), ["a=2", "b=1"]);
        assert_eq!(named(&[("1", Some("b")), ("2", None)]).unwrap(), ["1=1", "2=2"]);
        assert_eq!(named(&[("1", Some("x")), ("2", Some("x"))]).unwrap(), ["1=1", "2=2"]);
        assert_eq!(named(&[("1", Some("a b"))]).unwrap(), ["1=1"]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_no_list() {
        let error = named(&[("1", None), ("1", None)]).unwrap_err();
        assert!(error.starts_with("the device lists '1' twice"), "{error}");
        assert!(named(&[("a\u{1b}", None)]).unwrap_err().contains("no name of a node"));
        assert!(named(&[("", None)]).is_err());
    }
}
