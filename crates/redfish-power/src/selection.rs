//! Which of a service's systems is meant: where it was found, what is held to within one operation with it, and when
//! its power button was pressed.

use std::collections::BTreeMap;
use std::time::Duration;

use reqwest::Url;
use tokio::time::Instant;

use crate::system::{ComputerSystem, Purpose};

/// How long after a press of the power button off is not believed: a press that came when the machine was just going
/// off by itself switches it on again.
const BUTTON_SETTLES: Duration = Duration::from_secs(4);
/// More names for systems than this are not remembered.
const MOST_PLACES: usize = 256;

/// What is held to within one operation with one system.
#[derive(Default)]
pub(crate) struct Operation {
    /// Where the system is, once that is known.
    pub(crate) url: Option<Url>,
    /// The system as it was read first.
    pub(crate) first: Option<ComputerSystem>,
    /// The system as it was read last.
    pub(crate) last: Option<ComputerSystem>,
    /// Whether the service was asked for the types of reset that it says in another place than the system.
    pub(crate) has_asked_for_types: bool,
    pub(crate) reset_taken_at: Option<Duration>,
    pub(crate) read_at: Option<Duration>,
}

/// The systems that were found, by the names that they were chosen by; without a name, the one of the configuration.
#[derive(Default)]
pub(crate) struct Places(BTreeMap<Option<String>, Place>);

/// Where a system was found.
pub(crate) struct Place {
    pub(crate) url: Url,
    /// What it was when it was chosen, and what was learnt of it since.
    found: ComputerSystem,
    /// The types of reset, where the service says them in another place than the system.
    pub(crate) allowable: Option<Vec<String>>,
}

impl Places {
    pub(crate) fn of(&mut self, choice: &Option<String>) -> Option<&mut Place> {
        self.0.get_mut(choice)
    }

    /// The name, and another one that the system there was chosen by.
    pub(crate) fn other_name(&self, name: Option<&str>, url: &Url) -> Option<(String, String)> {
        let name = name?;
        let mut named = self.0.iter().filter_map(|(name, place)| Some((name.as_deref()?, place)));
        let (other, _) = named.find(|(other, place)| *other != name && place.url == *url)?;
        Some((name.to_owned(), other.to_owned()))
    }

    pub(crate) fn forget(&mut self, choice: &Option<String>) {
        self.0.remove(choice);
    }

    pub(crate) fn note(&mut self, choice: Option<String>, url: Url, found: ComputerSystem) {
        if self.0.len() >= MOST_PLACES {
            self.0.clear();
        }
        self.0.insert(choice, Place { url, found, allowable: None });
    }
}

impl Place {
    /// Whether what was read there is nobody's, rather than another system's.
    pub(crate) fn is_nameless(&self, now: &ComputerSystem) -> bool {
        is_nameless(&self.found, now)
    }

    /// Whether the system that is there now is the one that was chosen, and would be again: a machine may have been put
    /// in another's place, and a name may have moved on to another machine.
    pub(crate) fn is_still(&mut self, choice: Option<&str>, now: &ComputerSystem) -> bool {
        let was_called = |name| self.found.is_called(name);
        let is_same = self.found.may_be(now)
            && choice.is_none_or(|name| !was_called(name) || now.is_called(name));
        if is_same {
            self.found.learn(now);
        }
        is_same
    }
}

/// Whether a reading lacks the name that another one had.
pub(crate) fn is_nameless(before: &ComputerSystem, now: &ComputerSystem) -> bool {
    now.id.is_empty() && !before.id.is_empty()
}

/// The presses of power buttons that may still have something to bring about.
#[derive(Default)]
pub(crate) struct Presses(Vec<Press>);

struct Press {
    /// Of the system.
    path: String,
    purpose: Purpose,
    at: Instant,
    /// Whether it was in the operation that is under way.
    is_of_this_operation: bool,
}

impl Presses {
    /// Those of earlier operations count until they have settled, so that nobody presses twice by accident.
    pub(crate) fn begin(&mut self) {
        self.0.retain(Press::is_settling);
        for press in &mut self.0 {
            press.is_of_this_operation = false;
        }
    }

    /// It is pressed now, or may have been at any time until now.
    pub(crate) fn note(&mut self, path: &str, purpose: Purpose) {
        self.0.retain(|press| press.path != path);
        let (path, at) = (path.to_owned(), Instant::now());
        self.0.push(Press { path, purpose, at, is_of_this_operation: true });
    }

    /// Whether it was pressed for this in this operation, or a moment before.
    pub(crate) fn was_pressed(&self, path: &str, purpose: Purpose) -> bool {
        self.of(path).any(|press| {
            press.purpose == purpose && (press.is_of_this_operation || press.is_settling())
        })
    }

    /// Whether off is not to be believed yet. After a press of an earlier operation, whatever it was for.
    pub(crate) fn is_settling(&self, path: &str) -> bool {
        let may_toggle = |press: &Press| {
            matches!(press.purpose, Purpose::Off { .. }) || !press.is_of_this_operation
        };
        self.of(path).any(|press| may_toggle(press) && press.is_settling())
    }

    fn of(&self, path: &str) -> impl Iterator<Item = &Press> {
        self.0.iter().filter(move |press| press.path == path)
    }
}

impl Press {
    fn is_settling(&self) -> bool {
        self.at.elapsed() < BUTTON_SETTLES
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::time::advance;

    use super::*;

    const OFF: Purpose = Purpose::Off { graceful: false };

    fn system(id: &str, host_name: &str, uuid: Option<&str>) -> ComputerSystem {
        let document = json!({"Id": id, "HostName": host_name, "UUID": uuid});
        ComputerSystem::of("/redfish/v1/Systems/1", None, &document)
    }

    fn place(found: ComputerSystem) -> Place {
        Place { url: "https://bmc/redfish/v1/Systems/1".parse().unwrap(), found, allowable: None }
    }

    #[test]
    fn a_place_is_trusted_while_the_system_there_is_the_one_that_was_chosen() {
        let before = system("1", "db1", Some("a"));
        for (choice, now, is_still) in [
            (None, system("1", "db1", Some("a")), true),
            (Some("db1"), system("1", "db1", Some("A")), true),
            (Some("db1"), system("1", "db2", Some("a")), false),
            (Some("1"), system("1", "db2", Some("a")), true),
            (Some("1"), system("1", "db1", Some("b")), false),
            (None, system("1", "db1", Some("b")), false),
            (None, system("2", "db1", Some("a")), false),
            (Some("whatever"), system("1", "db2", Some("a")), true),
            (Some("whatever"), system("1", "db1", Some("b")), false),
        ] {
            let mut place = place(before.clone());
            assert_eq!(place.is_still(choice, &now), is_still, "{choice:?} {now}");
            assert!(!place.is_nameless(&now));
        }
        assert!(place(before).is_nameless(&system("", "", None)));
    }

    /// A BMC that has just started does not know all of it yet.
    #[test]
    fn a_place_learns_what_its_system_is_called_besides() {
        let mut place = place(system("1", "db1", None));
        assert!(place.is_still(None, &system("1", "db1", Some("a"))));
        assert!(place.is_still(None, &system("1", "db1", None)));
        assert!(!place.is_still(None, &system("1", "db1", Some("b"))));
    }

    #[test]
    fn no_more_places_are_remembered_than_there_are_systems() {
        let mut places = Places::default();
        let url: Url = "https://bmc/redfish/v1/Systems/1".parse().unwrap();
        for number in 0..3 * MOST_PLACES {
            let choice = Some(number.to_string());
            places.note(choice.clone(), url.clone(), system("1", "db1", None));
            assert!(places.of(&choice).is_some() && places.0.len() <= MOST_PLACES);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_button_is_pressed_once_in_an_operation_however_long_it_takes() {
        let mut presses = Presses::default();
        presses.note("1", OFF);
        advance(10 * BUTTON_SETTLES).await;
        assert!(presses.was_pressed("1", OFF) && !presses.was_pressed("1", Purpose::On));
        assert!(!presses.was_pressed("2", OFF) && !presses.is_settling("1"));
        presses.begin();
        assert!(!presses.was_pressed("1", OFF), "another operation may press it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_press_of_the_operation_before_counts_until_it_has_settled() {
        for purpose in [OFF, Purpose::On] {
            let mut presses = Presses::default();
            presses.note("1", purpose);
            // The caller knows what it has done, but not what others have.
            assert_eq!(presses.is_settling("1"), purpose == OFF);
            presses.begin();
            assert!(presses.was_pressed("1", purpose) && presses.is_settling("1"), "{purpose:?}");
            assert!(!presses.is_settling("2"));
            presses.begin();
            assert!(presses.was_pressed("1", purpose), "nor do two operations undo it");
            advance(BUTTON_SETTLES).await;
            assert!(!presses.was_pressed("1", purpose) && !presses.is_settling("1"));
            presses.note("1", purpose);
            assert!(presses.was_pressed("1", purpose));
            assert_eq!(presses.0.len(), 1);
        }
    }
}
