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
