//! The systems of a service, and which of them is meant.

use crate::Error;
use crate::system::ComputerSystem;

/// What a service lists as its systems.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) systems: Vec<ComputerSystem>,
    /// The paths of those that are listed, and not there.
    pub(crate) absent: Vec<String>,
}

impl Listed {
    /// Whether there is more than one candidate, those that are not there included.
    pub(crate) fn has_several(&self) -> bool {
        let candidates = self.systems.iter().filter(|system| system.has_reset());
        candidates.count() + self.absent.len() > 1
    }

    /// The one system that is meant. Candidates are those that can be reset: a baseboard beside the host cannot. The
    /// only candidate is meant whatever name is given, unless the name is that of a system that cannot be reset, or may
    /// be that of one that is not there, or was there before (`had_several`).
    pub(crate) fn chosen(
        self,
        choice: Option<&str>,
        had_several: bool,
    ) -> Result<ComputerSystem, Error> {
        let Self { systems, absent } = self;
        let (mut candidates, others): (Vec<_>, Vec<_>) =
            systems.into_iter().partition(ComputerSystem::has_reset);
        let is_meant = |system: &ComputerSystem| choice.is_some_and(|name| system.is_called(name));
        if let Some(other) = others.iter().find(|system| is_meant(system)) {
            return Err(Error::no_reset(other));
        }
        let is_only_one = candidates.len() == 1 && absent.is_empty() && !had_several;
        let mut shown = shown(&candidates);
        if !is_only_one {
            candidates.retain(is_meant);
        }
        match (candidates.pop(), candidates.len()) {
            (Some(system), 0) => Ok(system),
            _ if shown.is_empty() => Err(Error::NoSystem { systems: self::shown(&others) }),
            _ => {
                shown.extend(
                    absent
                        .iter()
                        .map(|path| format!("{path} (not there)").escape_debug().to_string()),
                );
                Err(Error::SeveralSystems { choice: choice.map(str::to_owned), systems: shown })
            }
        }
    }
}

fn shown(systems: &[ComputerSystem]) -> Vec<String> {
    systems.iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn system(id: &str, has_reset: bool) -> ComputerSystem {
        let reset = json!({"#ComputerSystem.Reset": {"target": "/reset"}});
        let actions = if has_reset { reset } else { json!({}) };
        let document = json!({"Id": id, "Name": "System", "Actions": actions});
        ComputerSystem::of(&format!("/redfish/v1/Systems/{id}"), None, &document)
    }

    fn choose_from(
        systems: &[(&str, bool)],
        absent: &[&str],
        choice: Option<&str>,
    ) -> Result<String, String> {
        let listed = Listed {
            systems: systems.iter().map(|(id, has_reset)| system(id, *has_reset)).collect(),
            absent: absent.iter().map(|&path| path.to_owned()).collect(),
        };
        listed.chosen(choice, false).map(|system| system.id).map_err(|error| error.to_string())
    }

    fn choose(systems: &[(&str, bool)], choice: Option<&str>) -> Result<String, String> {
        choose_from(systems, &[], choice)
    }

    #[test]
    fn the_only_system_that_can_be_reset_is_meant_whatever_name_is_given() {
        let hgx = [("HGX_Baseboard_0", false), ("System_0", true)];
        for choice in [None, Some("node1"), Some("System_0")] {
            assert_eq!(choose(&hgx, choice).unwrap(), "System_0", "{choice:?}");
        }
    }

    #[test]
    fn a_name_of_a_system_that_cannot_be_reset_does_not_choose_another() {
        let hgx = [("HGX_Baseboard_0", false), ("System_0", true)];
        let error = choose(&hgx, Some("HGX_Baseboard_0")).unwrap_err();
        let expected = "/redfish/v1/Systems/HGX_Baseboard_0 cannot be reset";
        assert!(error.starts_with(expected), "{error}");
    }

    #[test]
    fn beside_a_system_that_is_not_there_the_other_one_must_be_named() {
        let (node0, absent) = ([("Node0", true)], ["/redfish/v1/Systems/Node1"]);
        assert_eq!(choose_from(&node0, &absent, Some("Node0")).unwrap(), "Node0");
        for choice in [None, Some("Node1"), Some("db1")] {
            let error = choose_from(&node0, &absent, choice).unwrap_err();
            assert!(error.contains("/redfish/v1/Systems/Node1 (not there)"), "{error}");
        }
    }

    /// The other one may be pulled out for the moment, and is not meant to be replaced by this one.
    #[test]
    fn what_is_left_of_several_systems_must_be_named() {
        let left = || Listed { systems: vec![system("Node0", true)], absent: Vec::new() };
        assert!(!left().has_several());
        assert_eq!(left().chosen(Some("Node0"), true).unwrap().id, "Node0");
        for choice in [None, Some("Node1"), Some("db1")] {
            assert_eq!(left().chosen(choice, false).unwrap().id, "Node0");
            left().chosen(choice, true).unwrap_err();
        }
    }

    #[test]
    fn what_cannot_be_reset_does_not_make_several_systems() {
        let listed = |systems: &[(&str, bool)], absent: &[&str]| Listed {
            systems: systems.iter().map(|(id, has_reset)| system(id, *has_reset)).collect(),
            absent: absent.iter().map(|&path| path.to_owned()).collect(),
        };
        assert!(!listed(&[("Board", false), ("1", true)], &[]).has_several());
        assert!(listed(&[("2", true), ("1", true)], &[]).has_several());
        assert!(listed(&[("1", true)], &["/redfish/v1/Systems/2"]).has_several());
    }

    #[test]
    fn of_several_systems_one_must_be_chosen_by_a_name_of_its_own() {
        let nodes = [("Node0", true), ("Node1", true)];
        assert_eq!(choose(&nodes, Some("Node1")).unwrap(), "Node1");
        let both = "'Node0' (name 'System'); 'Node1' (name 'System')";
        for (choice, said) in [
            (None, "none was chosen"),
            (Some("node1"), "'node1' is not the name of exactly one"),
            (Some("System"), "'System' is not the name of exactly one"),
        ] {
            let error = choose(&nodes, choice).unwrap_err();
            assert_eq!(error, format!("the service has several systems, and {said}: {both}"));
        }
    }

    #[test]
    fn without_a_system_that_can_be_reset_there_is_none() {
        assert_eq!(choose(&[], None).unwrap_err(), "the service has no system that can be reset");
        let error = choose_from(&[], &["/redfish/v1/Systems/1"], Some("db1")).unwrap_err();
        assert_eq!(error, "the service has no system that can be reset");
        let error = choose(&[("Board", false)], None).unwrap_err();
        assert_eq!(error, "the service has no system that can be reset: 'Board' (name 'System')");
    }
}
