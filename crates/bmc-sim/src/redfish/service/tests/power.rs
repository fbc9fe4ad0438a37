use std::sync::mpsc;

use super::*;
use crate::redfish::{PowerStateFault, PowerSwitch, PublishedResets, RedfishSystem, ResetType};

#[test]
fn resets_do_what_they_are_called() {
    use Power::{Off, On};
    for (before, kind, at_once, after) in [
        (On, "ForceOff", Off, Off),
        (On, "GracefulShutdown", Off, Off),
        (Off, "On", On, On),
        (Off, "ForceOff", Off, Off),
        (On, "On", On, On),
        (On, "PushPowerButton", Off, Off),
        (Off, "PushPowerButton", On, On),
        (On, "ForceRestart", On, On),
        (Off, "ForceRestart", Off, Off),
        (On, "PowerCycle", Off, On),
        (Off, "PowerCycle", On, On),
        (On, "Nmi", On, On),
    ] {
        let mut bench = Bench::new(config());
        bench.service.set_power(bench.now, "1", before);
        assert_eq!(bench.reset(kind).status, 204, "{kind}");
        assert_eq!(bench.power(), at_once, "{kind}");
        bench.wait(1.0);
        assert_eq!(bench.power(), after, "{kind}");
    }
}

#[test]
fn a_reset_acts_after_its_delay() {
    let mut bench = Bench::new(RedfishConfig { power_delay: seconds(5), ..config() });
    bench.reset("ForceOff");
    bench.wait(4.9);
    assert_eq!(bench.power_state(), "On");
    bench.wait(0.1);
    assert_eq!(bench.power_state(), "Off");
    let off = bench
        .service
        .events()
        .iter()
        .find(|event| event.kind == RedfishEventKind::PowerOff("1".into()));
    assert_eq!(off.unwrap().at, bench.now);
}

#[test]
fn the_way_to_another_state_is_shown_where_it_is_to_be() {
    let config = RedfishConfig { power_delay: seconds(5), powering_states: true, ..config() };
    let mut bench = Bench::new(config);
    bench.reset("ForceOff");
    assert_eq!(bench.power_state(), "PoweringOff");
    bench.wait(5.0);
    assert_eq!(bench.power_state(), "Off");
    bench.reset("On");
    assert_eq!(bench.power_state(), "PoweringOn");
    bench.wait(5.0);
    assert_eq!(bench.power_state(), "On");
}

#[test]
fn a_switch_carries_out_each_change_and_a_restart_is_two() {
    use Power::{Off, On};
    let (switched, changes) = mpsc::channel();
    let switch = PowerSwitch::new(move |system, power| {
        assert_eq!(system, "1");
        switched.send(power).is_ok()
    });
    let mut bench = Bench::new(RedfishConfig { power_switch: Some(switch), ..config() });
    for (kind, expected) in [
        ("On", &[][..]),
        ("ForceRestart", &[Off, On]),
        ("PowerCycle", &[Off, On]),
        ("ForceOff", &[Off]),
        ("ForceRestart", &[]),
        ("On", &[On]),
        ("Nmi", &[]),
    ] {
        bench.reset(kind);
        bench.power();
        bench.wait(1.0);
        bench.power();
        assert_eq!(changes.try_iter().collect::<Vec<_>>(), expected, "{kind}");
    }
}

#[test]
fn power_that_the_switch_cannot_change_stays_as_it_is() {
    let switch = PowerSwitch::new(|_, _| false);
    let mut bench = Bench::new(RedfishConfig { power_switch: Some(switch), ..config() });
    for kind in ["ForceOff", "PowerCycle", "ForceRestart"] {
        assert_eq!(bench.reset(kind).status, 204, "{kind}");
        bench.wait(2.0);
        assert_eq!(bench.power_state(), "On", "{kind}");
    }
    assert!(!bench.has_event(&RedfishEventKind::PowerOff("1".into())));
}

#[test]
fn a_restart_is_told_by_its_time() {
    let mut bench = Bench::new(config());
    let time = |bench: &mut Bench| bench.get(SYSTEM).to_json()["LastResetTime"].clone();
    assert_eq!(time(&mut bench), "1970-01-01T00:00:00Z");
    for kind in ["ForceRestart", "PowerCycle"] {
        bench.wait(59.0);
        bench.reset(kind);
        bench.wait(1.0);
        time(&mut bench);
    }
    assert_eq!(time(&mut bench), "1970-01-01T00:02:00Z");
    bench.service.faults(bench.now).stuck_last_reset_time = true;
    assert_eq!(time(&mut bench), "1970-01-01T00:00:00Z");
}

#[test]
fn reset_types_are_published_as_configured() {
    for (published, in_values, in_info) in [
        (PublishedResets::AllowableValues, true, false),
        (PublishedResets::ActionInfo, false, true),
        (PublishedResets::Both, true, true),
        (PublishedResets::Nowhere, false, false),
    ] {
        let system = RedfishSystem {
            published_resets: published,
            reset_types: vec![ResetType::On, ResetType::ForceOff],
            ..RedfishSystem::new("1")
        };
        let mut bench = Bench::new(RedfishConfig { systems: vec![system], ..config() });
        let action = bench.get(SYSTEM).to_json()["Actions"]["#ComputerSystem.Reset"].clone();
        assert_eq!(action["target"], RESET);
        let values = &action["ResetType@Redfish.AllowableValues"];
        assert_eq!(*values == json!(["On", "ForceOff"]), in_values, "{action}");
        let info = bench.get("/redfish/v1/Systems/1/ResetActionInfo");
        assert_eq!(info.status == 200, in_info, "{published:?}");
        assert_eq!(action["@Redfish.ActionInfo"].is_string(), in_info);
        if in_info {
            let parameter = &info.to_json()["Parameters"][0];
            assert_eq!(parameter["Name"], "ResetType");
            assert_eq!(parameter["AllowableValues"], json!(["On", "ForceOff"]));
        }
        assert_refused(&bench.reset("Nmi"), 400, "ActionParameterNotSupported");
    }
}

#[test]
fn a_system_without_a_reset_action_cannot_be_reset() {
    let systems = vec![RedfishSystem::new("1"), RedfishSystem::hgx_baseboard()];
    let mut bench = Bench::new(RedfishConfig { systems, ..config() });
    let baseboard = bench.get("/redfish/v1/Systems/HGX_Baseboard_0").to_json();
    assert_eq!((&baseboard["PowerState"], &baseboard["Actions"]), (&json!("On"), &Value::Null));
    let path = "/redfish/v1/Systems/HGX_Baseboard_0/Actions/ComputerSystem.Reset";
    let reset = Request::new("POST", path).with_json(&json!({ "ResetType": "ForceOff" }));
    assert_refused(&bench.ask(&by("admin", reset)), 404, "ResourceMissingAtURI");
}

#[test]
fn systems_come_in_pages() {
    let systems = ["a", "b", "c", "d", "e"].map(RedfishSystem::new).to_vec();
    let mut bench = Bench::new(RedfishConfig { systems, page_size: 2, ..config() });
    let mut next = json!("/redfish/v1/Systems");
    let mut pages = Vec::new();
    while let Some(path) = next.as_str() {
        let page = bench.get(path).to_json();
        assert_eq!(page["Members@odata.count"], 5);
        pages.push(page["Members"].as_array().unwrap().len());
        next = page["Members@odata.nextLink"].clone();
    }
    assert_eq!(pages, [2, 2, 1]);
    assert_eq!(bench.get("/redfish/v1/Systems/e").to_json()["SerialNumber"], "SN-e");
}

#[test]
fn an_etag_changes_with_the_machine() {
    let mut bench = Bench::new(config());
    let etag = |bench: &mut Bench| bench.get(SYSTEM).header("ETag").unwrap().to_owned();
    let before = etag(&mut bench);
    assert_eq!(etag(&mut bench), before);
    bench.reset("ForceOff");
    assert_ne!(etag(&mut bench), before);
}

#[test]
fn faults_keep_resets_from_acting() {
    let faulty = |change: fn(&mut crate::redfish::Faults), kind: &str| {
        let mut bench = Bench::new(config());
        change(bench.service.faults(bench.now));
        assert_eq!(bench.reset(kind).status, 204);
        bench.wait(2.0);
        bench
    };
    let mut bench = faulty(|faults| faults.ignore_resets = true, "ForceOff");
    assert_eq!(bench.power(), Power::On);
    let lost = RedfishEventKind::ResetLost { system: "1".into(), reset: ResetType::ForceOff };
    assert!(bench.has_event(&lost));
    assert_eq!(faulty(|faults| faults.ignore_on = true, "PowerCycle").power(), Power::Off);
    let mut bench = faulty(|faults| faults.ignore_graceful = true, "GracefulShutdown");
    assert_eq!(bench.power(), Power::On);
    let bench = faulty(|faults| faults.instant_cycle = true, "PowerCycle");
    let moments: Vec<Instant> = bench
        .service
        .events()
        .iter()
        .filter(|event| {
            let one = "1".to_owned();
            [RedfishEventKind::PowerOff(one.clone()), RedfishEventKind::PowerOn(one)]
                .contains(&event.kind)
        })
        .map(|event| event.at)
        .collect();
    assert!(matches!(moments[..], [off, on] if off == on), "{moments:?}");
}

#[test]
fn resets_are_lost_while_another_is_under_way() {
    let mut bench = Bench::new(RedfishConfig { power_delay: seconds(5), ..config() });
    bench.service.set_power(bench.now, "1", Power::Off);
    bench.service.faults(bench.now).lose_resets_in_transition = true;
    bench.reset("On");
    bench.wait(1.0);
    assert_eq!(bench.reset("ForceOff").status, 204);
    bench.wait(10.0);
    assert_eq!(bench.power(), Power::On);
    bench.reset("ForceOff");
    bench.wait(5.0);
    assert_eq!(bench.power(), Power::Off);
}

#[test]
fn power_state_may_be_anything() {
    let mut bench = Bench::new(config());
    for (fault, state) in [
        (PowerStateFault::Missing, Value::Null),
        (PowerStateFault::Null, Value::Null),
        (PowerStateFault::Number, json!(2)),
        (PowerStateFault::Text("off".into()), json!("off")),
    ] {
        let is_missing = fault == PowerStateFault::Missing;
        bench.service.faults(bench.now).power_state = Some(fault);
        let system = bench.get(SYSTEM).to_json();
        assert_eq!(system.get("PowerState").is_none(), is_missing);
        assert_eq!(system["PowerState"], state);
    }
}

#[test]
fn a_stale_power_state_is_told_for_a_while() {
    let mut bench = Bench::new(config());
    bench.service.faults(bench.now).stale = Some(seconds(30));
    assert_eq!(bench.power_state(), "On");
    bench.reset("ForceOff");
    bench.wait(29.0);
    assert_eq!(bench.power_state(), "On");
    bench.wait(1.0);
    assert_eq!(bench.power_state(), "Off");
}
