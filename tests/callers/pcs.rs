//! pcs reads the metadata: it shows them, and checks by them what an administrator writes.

use super::shell::Shell;
use crate::support::installed::Node;

const PCS: Shell = Shell {
    describe: |agent| format!("pcs stonith describe {agent}"),
    described: |agent| [format!("{agent} - "), "\n  pcmk_host_list".to_owned()],
    create: |agent, parameters| {
        format!(
            "pcs -f cib.xml stonith create fence-node1 {agent} {parameters} pcmk_host_list=node1"
        )
    },
    is_content: str::is_empty,
};

#[test]
fn pcs_describes_every_agent() {
    PCS.describes_every_agent();
}

#[test]
fn pcs_makes_a_device_with_which_pacemaker_fences() {
    PCS.makes_devices();
}

#[test]
fn pcs_tells_what_is_wrong_with_a_device() {
    for (device, code, told) in [
        (
            "fence_ipmilan ip=10.0.0.5 username=a password=b colour=red",
            1,
            "invalid stonith option 'colour'",
        ),
        ("fence_redfish ip=10.0.0.5 password=b", 1, "stonith option 'username' or 'login'"),
        ("fence_ilo4 ipaddr=10.0.0.5 username=a password=b", 0, "'ipaddr' is deprecated"),
        ("fence_redfish ip=10.0.0.6 username=a password=b action=off", 1, "'action'"),
        (
            "fence_ipmilan ip=10.0.0.7 username=a password=b cipher=99 --agent-validation",
            1,
            "ERROR: Failed: cipher: '99' is no cipher suite",
        ),
    ] {
        let create = format!("pcs -f cib.xml stonith create fence-node1 {device}");
        let run = Node::new().run(&create);
        assert_eq!(run.code, Some(code), "{device}: {run:#?}");
        assert!(run.stderr.contains(told), "{device}: {run:#?}");
    }
}
