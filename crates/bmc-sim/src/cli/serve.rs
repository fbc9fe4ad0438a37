use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bmc_sim::{Config, Power, Server, User};
use ipmi_lan::{CipherSuite, Kg};
use zeroize::Zeroizing;

use super::{Error, print, seconds};

#[derive(clap::Args)]
pub(super) struct Options {
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:623")]
    listen: SocketAddr,
    /// The name of the only user, an administrator.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    user: String,
    /// The user's password. Others can see it while this runs: it is for play.
    #[arg(long, default_value = "secret", conflicts_with = "password_file")]
    password: String,
    /// A file whose first line is the user's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// The BMC key Kg, in hexadecimal digits; none by default.
    #[arg(long, value_name = "HEX", value_parser = kg)]
    kg: Option<Kg>,
    /// The cipher suites to offer: any of 0-3, 6-8, 11, 12, 15-17.
    #[arg(long, value_name = "IDS", value_delimiter = ',', default_value = "3,17", value_parser = cipher_suite)]
    cipher_suites: Vec<CipherSuite>,
    /// How long after its acknowledgement a chassis command acts.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    power_delay: Duration,
    /// Whether the machine is on in the beginning: on or off.
    #[arg(long, value_name = "STATE", default_value = "on", value_parser = power)]
    initial: Power,
}

pub(super) async fn run(options: Options) -> Result<(), Error> {
    let start = Instant::now();
    let bmc = Server::start(options.listen, options.config()?).await?;
    print(bmc.address())?;
    for index in 0.. {
        let event = bmc.event(index).await;
        let elapsed = event.at.saturating_duration_since(start);
        print(format_args!("{:10.3} s  {}", elapsed.as_secs_f64(), event.kind))?;
    }
    Ok(())
}

impl Options {
    fn config(&self) -> Result<Config, Error> {
        let user = match &self.password_file {
            Some(path) => User::administrator(&self.user, password_in(path)?.as_str())?,
            None => User::administrator(&self.user, &self.password)?,
        };
        Ok(Config {
            kg: self.kg.clone(),
            cipher_suites: self.cipher_suites.clone(),
            power_delay: self.power_delay,
            initial_power: self.initial,
            ..Config::new(vec![user])
        })
    }
}

fn password_in(path: &Path) -> Result<Zeroizing<String>, Error> {
    let text = std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| Error::PasswordFile { path: path.to_owned(), source })?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn kg(text: &str) -> Result<Kg, String> {
    Kg::from_hex(text).map_err(|error| error.to_string())
}

fn cipher_suite(text: &str) -> Result<CipherSuite, String> {
    let id = text.trim().parse().ok();
    id.and_then(CipherSuite::from_id)
        .ok_or_else(|| "not one of the suites 0-3, 6-8, 11, 12, 15-17".to_owned())
}

fn power(text: &str) -> Result<Power, String> {
    match text {
        "on" => Ok(Power::On),
        "off" => Ok(Power::Off),
        _ => Err("neither on nor off".to_owned()),
    }
}
