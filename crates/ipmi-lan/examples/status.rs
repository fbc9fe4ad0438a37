//! Logs in to a BMC and prints the power state: `cargo run --example status -- HOST PORT USER PASSWORD`.
use std::time::{Duration, Instant};

use ipmi_lan::command::GetChassisStatus;
use ipmi_lan::session::{Delivery, SessionConfig};
use ipmi_lan::{CipherSuite, Client, Password, Privilege, RetryPolicy, Username, resolve};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, host, port, user, password] = arguments.as_slice() else {
        return Err("HOST PORT USER PASSWORD".into());
    };
    let deadline = Instant::now() + Duration::from_secs(10);
    let config = SessionConfig {
        username: Username::new(user)?,
        password: Password::new(password)?,
        kg: None,
        privilege: Privilege::Administrator,
        cipher_suites: CipherSuite::ALL.to_vec(),
        retry: RetryPolicy::default(),
    };
    let addresses = resolve(host, port.parse()?, deadline).await?;
    let address = *addresses.first().ok_or("no address")?;
    let mut client = Client::open(address, config, deadline).await?;
    let suite = client.login().await?;
    let status = client.execute(&GetChassisStatus, Delivery::Repeated, deadline).await?;
    println!("suite {suite}: {status:?}");
    client.close().await;
    Ok(())
}
