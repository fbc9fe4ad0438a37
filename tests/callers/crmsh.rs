//! crmsh reads the metadata: it shows them, and checks by them what an administrator writes.

use super::shell::Shell;
use crate::support::installed::Node;

const CRMSH: Shell = Shell {
    describe: |agent| format!("crm ra info stonith:{agent}"),
    described: |agent| [format!("stonith:{agent}"), "\npcmk_host_list".to_owned()],
    create: |agent, parameters| {
        format!(
            "crm configure primitive fence-node1 stonith:{agent} params {parameters} pcmk_host_list=node1 \
             op monitor interval=60s"
        )
    },
    is_content: |told| !told.contains("fence-node1"),
};

#[test]
fn crmsh_describes_every_agent() {
    CRMSH.describes_every_agent();
}

#[test]
fn crmsh_makes_a_device_with_which_pacemaker_fences() {
    CRMSH.makes_devices();
}

#[test]
fn crmsh_tells_what_is_wrong_with_a_device() {
    let device = "stonith:fence_ipmilan params ip=10.0.0.5 username=a password=b colour=red";
    let run = Node::new().run(&format!("crm configure primitive fence-node1 {device}"));
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert!(run.stderr.contains("parameter \"colour\" is not known"), "{run:#?}");
}
