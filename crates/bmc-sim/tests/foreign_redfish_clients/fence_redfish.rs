use std::process::{Output, Stdio};

use bmc_sim::Power;
use bmc_sim::redfish::{Quirk, RedfishConfig, RedfishEventKind, RedfishServer, ResetType};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::{PASSWORD, config, power_events, start};

#[tokio::test]
async fn the_python_agent_switches_power() {
    let bmc = start(config()).await;
    assert_ends(&agent(&bmc, "admin", "status").await, 0, "Status: ON\n");
    assert_ends(&agent(&bmc, "admin", "off").await, 0, "Success: Powered OFF\n");
    assert_eq!(bmc.power("1"), Some(Power::Off));
    assert_ends(&agent(&bmc, "admin", "status").await, 2, "Status: OFF\n");
    assert_ends(&agent(&bmc, "admin", "on").await, 0, "Success: Powered ON\n");
    assert_eq!(bmc.power("1"), Some(Power::On));
    assert_ends(&agent(&bmc, "admin", "reboot").await, 0, "Success: Rebooted\n");
    let (off, on) = (RedfishEventKind::PowerOff("1".into()), RedfishEventKind::PowerOn("1".into()));
    assert_eq!(power_events(&bmc), [off.clone(), on.clone(), off, on]);
}

#[tokio::test]
async fn the_python_agent_is_misled_by_a_baseboard() {
    let quirks = [Quirk::HgxBaseboard].into();
    let bmc = start(RedfishConfig { quirks, ..config() }).await;
    bmc.set_power("1", Power::Off);
    assert_ends(&agent(&bmc, "admin", "status").await, 0, "Status: ON\n");
}

#[tokio::test]
async fn the_python_agent_gets_no_further_than_its_rights() {
    let bmc = start(config()).await;
    let answers = agent_with(&bmc, "guest", "off", "power_timeout=1\n").await;
    assert_eq!(answers.status.code(), Some(1), "{answers:?}");
    assert_eq!(bmc.power("1"), Some(Power::On));
    let reset = ResetType::ForceOff;
    assert!(bmc.requests().iter().any(|request| request.method == "POST" && request.status == 403));
    let answered = RedfishEventKind::ResetAnswered { system: "1".into(), reset, status: 204 };
    assert!(bmc.events().iter().all(|event| event.kind != answered));
}

fn assert_ends(output: &Output, code: i32, stdout: &str) {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), stdout, "{output:?}");
}

async fn agent(bmc: &RedfishServer, user: &str, action: &str) -> Output {
    agent_with(bmc, user, action, "").await
}

async fn agent_with(bmc: &RedfishServer, user: &str, action: &str, parameters: &str) -> Output {
    let mut command = Command::new("/usr/sbin/fence_redfish");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("fence-agents must be installed");
    let (ip, port) = (bmc.address().ip(), bmc.address().port());
    let input = format!(
        "ip={ip}\nipport={port}\nusername={user}\npassword={PASSWORD}\nssl_insecure=1\naction={action}\n{parameters}"
    );
    child.stdin.take().unwrap().write_all(input.as_bytes()).await.unwrap();
    child.wait_with_output().await.unwrap()
}
