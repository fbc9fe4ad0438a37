//! The answer of a Redfish service as a system: anything is one or none, and what is shown of it is one line.

#![no_main]

use libfuzzer_sys::fuzz_target;
use redfish_power::ComputerSystem;

fuzz_target!(|body: &[u8]| {
    if let Some(system) = ComputerSystem::parse("/redfish/v1/Systems/1", body) {
        assert!(!system.to_string().chars().any(char::is_control));
        assert!(system.may_be(&system));
    }
});
