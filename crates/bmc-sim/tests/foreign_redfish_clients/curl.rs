use std::process::Output;

use bmc_sim::Power;
use bmc_sim::redfish::RedfishServer;
use tokio::process::Command;

use super::{PASSWORD, config, power_events, start};

const SYSTEM: &str = "/redfish/v1/Systems/1";
const RESET: &str = "/redfish/v1/Systems/1/Actions/ComputerSystem.Reset";

#[tokio::test]
async fn curl_switches_power_with_basic_authentication() {
    let bmc = start(config()).await;
    let user = format!("admin:{PASSWORD}");
    let admin = ["--insecure", "--user", &user];
    assert_status(&curl(&bmc, &admin, SYSTEM).await, 200, r#""PowerState":"On""#);
    assert_status(&reset(&bmc, &admin, "ForceOff").await, 204, "");
    assert_eq!(bmc.power("1"), Some(Power::Off));
    assert_status(&curl(&bmc, &admin, SYSTEM).await, 200, r#""PowerState":"Off""#);
    assert_status(&reset(&bmc, &admin, "On").await, 204, "");
    assert_eq!(bmc.power("1"), Some(Power::On));
    assert_eq!(power_events(&bmc).len(), 2);
    assert_eq!(bmc.counts().handshakes, 4);
}

fn assert_status(output: &Output, status: u16, body: &str) {
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{text}");
    assert!(text.contains(body), "{text}");
}

async fn reset(bmc: &RedfishServer, options: &[&str], kind: &str) -> Output {
    let body = format!(r#"{{"ResetType":"{kind}"}}"#);
    post(bmc, options, RESET, &body).await
}

async fn post(bmc: &RedfishServer, options: &[&str], path: &str, body: &str) -> Output {
    let post = ["--header", "Content-Type: application/json", "--data", body];
    curl(bmc, &[options, &post].concat(), path).await
}

/// With the headers of the answer in its output.
async fn curl(bmc: &RedfishServer, options: &[&str], path: &str) -> Output {
    curl_to(&format!("https://{}{path}", bmc.address()), options).await
}

async fn curl_to(url: &str, options: &[&str]) -> Output {
    let mut command = Command::new("curl");
    command.args(["--silent", "--show-error", "--include", "--max-time", "60"]).args(options);
    command.arg(url).output().await.expect("curl must be installed")
}
