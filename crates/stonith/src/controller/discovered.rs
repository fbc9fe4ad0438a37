//! Machines that the device itself has listed.

use std::collections::BTreeMap;

use fencing::Port;

use crate::plan::{DeviceKey, PlannedTarget, check_node_name};

/// The machines by name. One that has an alias of its own which can be the name of a node is called by that, also
/// towards the device: an alias that has moved on to another machine by then finds that one, or none. Others are called
/// as the device calls them.
pub(super) fn targets(
    device: &DeviceKey,
    ports: &[Port],
) -> Result<BTreeMap<String, PlannedTarget>, String> {
    // A device that starts may not know its machines yet.
    if ports.is_empty() {
        return Err("the device lists no machine".to_owned());
    }
    let mut uses = BTreeMap::new();
    for name in ports.iter().flat_map(names) {
        *uses.entry(name).or_insert(0) += 1;
    }
    let mut targets = BTreeMap::new();
    for port in ports {
        let is_own = |name: &&String| uses.get(*name) == Some(&1) && check_node_name(name).is_ok();
        let name = port.alias.as_ref().filter(|_| !is_outlet_with_id(port)).filter(is_own);
        let Some(name) = name.or_else(|| Some(&port.name).filter(is_own)) else {
            let name = port.name.escape_debug();
            return Err(format!(
                "the device lists '{name}', which has no name of its own for a node"
            ));
        };
        let target = PlannedTarget { device: device.clone(), plug: Some(name.clone()) };
        targets.insert(name.clone(), target);
    }
    Ok(targets)
}

/// The names of a machine, each once.
fn names(port: &Port) -> impl Iterator<Item = &String> {
    let alias = port.alias.as_ref().filter(|alias| **alias != port.name);
    alias.into_iter().chain([&port.name])
}

/// Whether the alias is an identifier rather than a name, as in the lists of virtual machines: `web1,8a5f…`.
fn is_outlet_with_id(port: &Port) -> bool {
    let is_id = |text: &str| text.len() == 36 && text.split('-').count() == 5;
    port.alias.as_deref().is_some_and(is_id)
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
        let ports: Vec<_> = ports.iter().map(port).collect();
        let targets = targets(&key(), &ports)?;
        let named = |(node, target): (String, PlannedTarget)| {
            format!("{node}={}", target.plug.unwrap_or_default())
        };
        Ok(targets.into_iter().map(named).collect())
    }

    #[test]
    fn machines_are_called_by_their_own_aliases_also_towards_the_device() {
        assert_eq!(named(&[("1", Some("b")), ("2", Some("a"))]).unwrap(), ["a=a", "b=b"]);
        assert_eq!(named(&[("1", Some("b")), ("2", None)]).unwrap(), ["2=2", "b=b"]);
        assert_eq!(named(&[("1", Some("x")), ("2", Some("x"))]).unwrap(), ["1=1", "2=2"]);
        assert_eq!(named(&[("1", Some("a b"))]).unwrap(), ["1=1"]);
        assert_eq!(named(&[("a", Some("a"))]).unwrap(), ["a=a"]);
        let id = "0c5d8f9e-6d3b-4b8e-9d50-3a4b5c6d7e8f";
        assert_eq!(named(&[("web1", Some(id))]).unwrap(), ["web1=web1"]);
    }

    #[test]
    fn what_cannot_be_told_apart_is_no_list() {
        for ports in [
            &[("1", None), ("1", None)][..],
            &[("node1", Some("node2")), ("node2", Some("node1"))],
            &[("a\u{1b}", None)],
            &[("", None)],
        ] {
            let error = named(ports).unwrap_err();
            assert!(error.contains("which has no name of its own for a node"), "{error}");
        }
        assert_eq!(named(&[]).unwrap_err(), "the device lists no machine");
    }
}
