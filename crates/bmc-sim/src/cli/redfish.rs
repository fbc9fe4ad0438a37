use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bmc_sim::Power;
use bmc_sim::redfish::{
    Acknowledgement, CertificateConfig, PowerSwitch, PublishedResets, Quirk, RedfishConfig,
    RedfishServer, RedfishSystem, RedfishUser, TaskConfig,
};
use clap::ValueEnum;

use super::user::UserOptions;
use super::{Error, power, print, seconds, tell};

#[derive(clap::Args)]
pub(super) struct Options {
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8443")]
    listen: SocketAddr,
    #[command(flatten)]
    user: UserOptions,
    /// Refuse Basic authentication.
    #[arg(long)]
    no_basic: bool,
    /// Have no session service.
    #[arg(long)]
    no_sessions: bool,
    /// The id of a computer system. May be given more than once.
    #[arg(long = "system", value_name = "ID", default_value = "1", value_parser = system_id)]
    systems: Vec<String>,
    /// How many systems a page of the collection has.
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    page_size: usize,
    /// Whether the machines are on in the beginning: on or off.
    #[arg(long, value_name = "STATE", default_value = "on", value_parser = power)]
    initial: Power,
    /// How long after its acknowledgement a reset acts.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    power_delay: Duration,
    /// Run this program before a machine goes on or off, with the id of the system and "on" or "off" as its arguments:
    /// it may start and stop a virtual machine. Nobody is answered until it has ended; where its exit code is not 0,
    /// power stays as it is.
    #[arg(long, value_name = "PROGRAM")]
    on_power: Option<PathBuf>,
    /// How long every answer takes.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    answer_delay: Duration,
    /// Where reset types are published.
    #[arg(long, value_name = "PLACE", value_enum, default_value_t = Published::Values)]
    reset_types: Published,
    /// Answer resets with a task.
    #[arg(long)]
    tasks: bool,
    /// Which certificate to show.
    #[arg(long, value_name = "KIND", value_enum, default_value_t = Certificate::SelfSigned)]
    certificate: Certificate,
    /// Write what a client verifies the service with to this file, as PEM.
    #[arg(long, value_name = "FILE")]
    certificate_out: Option<PathBuf>,
    /// A vendor's quirk that the service has; the command quirks lists them. May be given more than once.
    #[arg(long = "quirk", value_name = "NAME", value_delimiter = ',', value_parser = quirk)]
    quirks: Vec<Quirk>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Published {
    /// In AllowableValues.
    Values,
    /// In an ActionInfo resource.
    Info,
    /// In both.
    Both,
    /// Not at all.
    Nowhere,
}

#[derive(Clone, Copy, ValueEnum)]
enum Certificate {
    /// Signed with its own key.
    SelfSigned,
    /// The same, as a certificate authority.
    SelfSignedCa,
    /// Signed by a certificate authority of its own.
    OwnCa,
    /// Self-signed, and expired.
    Expired,
    /// Self-signed, for another host.
    OtherHost,
    /// Self-signed, with the host in the common name only.
    CommonName,
}

pub(super) async fn run(options: Options) -> Result<(), Error> {
    let start = Instant::now();
    let server = RedfishServer::start(options.listen, options.config()?).await?;
    if let Some(path) = &options.certificate_out {
        let written = std::fs::write(path, server.certificate_pem());
        written.map_err(|source| Error::CertificateOut { path: path.clone(), source })?;
    }
    print(server.address())?;
    print(format_args!("SHA-256 of the certificate: {}", server.fingerprint()))?;
    let told =
        async |index| server.event(index).await.map(|event| (event.at, event.kind.to_string()));
    tell(start, told).await
}

impl Options {
    fn config(&self) -> Result<RedfishConfig, Error> {
        let user = RedfishUser::administrator(&self.user.name, &self.user.password()?);
        Ok(RedfishConfig {
            basic: !self.no_basic,
            sessions: !self.no_sessions,
            systems: self.systems.iter().map(|id| self.system(id)).collect(),
            page_size: self.page_size,
            power_delay: self.power_delay,
            power_switch: self.on_power.clone().map(power_switch),
            answer_delay: self.answer_delay,
            acknowledgement: match self.tasks {
                true => Acknowledgement::Task(TaskConfig::new()),
                false => Acknowledgement::NoContent,
            },
            certificate: self.certificate.config(),
            quirks: self.quirks.iter().copied().collect(),
            ..RedfishConfig::new(vec![user])
        })
    }

    fn system(&self, id: &str) -> RedfishSystem {
        RedfishSystem {
            initial_power: self.initial,
            published_resets: self.reset_types.config(),
            ..RedfishSystem::new(id)
        }
    }
}

impl Published {
    fn config(self) -> PublishedResets {
        match self {
            Self::Values => PublishedResets::AllowableValues,
            Self::Info => PublishedResets::ActionInfo,
            Self::Both => PublishedResets::Both,
            Self::Nowhere => PublishedResets::Nowhere,
        }
    }
}

impl Certificate {
    fn config(self) -> CertificateConfig {
        match self {
            Self::SelfSigned => CertificateConfig::SelfSigned,
            Self::SelfSignedCa => CertificateConfig::SelfSignedCa,
            Self::OwnCa => CertificateConfig::OwnCa,
            Self::Expired => CertificateConfig::Expired,
            Self::OtherHost => CertificateConfig::OtherHost,
            Self::CommonName => CertificateConfig::CommonNameOnly,
        }
    }
}

/// The program as a switch. What it prints goes to standard error, because standard output tells what happens.
fn power_switch(program: PathBuf) -> PowerSwitch {
    PowerSwitch::new(move |system, power| {
        let ended = Command::new(&program)
            .args([system, &power.to_string()])
            .stdin(Stdio::null())
            .stdout(io::stderr())
            .status();
        match ended {
            Ok(status) if status.success() => true,
            Ok(status) => complain(&program, &status),
            Err(error) => complain(&program, &error),
        }
    })
}

fn complain(program: &Path, reason: &dyn std::fmt::Display) -> bool {
    // A closed standard error leaves nobody to tell.
    let _ = writeln!(io::stderr(), "bmc-sim: {}: {reason}", program.display());
    false
}

/// What can be a segment of a path as it is.
fn system_id(text: &str) -> Result<String, String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    let is_id = !text.is_empty() && text.bytes().all(is_plain);
    is_id.then(|| text.to_owned()).ok_or_else(|| "not made of letters, digits and -._~".to_owned())
}

fn quirk(text: &str) -> Result<Quirk, String> {
    let names = || Quirk::ALL.map(|quirk| quirk.to_string()).join(", ");
    Quirk::from_name(text.trim()).ok_or_else(|| format!("none of {}", names()))
}
