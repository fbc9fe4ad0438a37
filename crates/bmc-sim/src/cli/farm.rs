use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use bmc_sim::{Config, Consecutive, DatagramCounts, Farm, FarmConfig, FarmCounts};

use super::bmc::BmcOptions;
use super::network::NetworkOptions;
use super::{Error, print};

/// How often it is looked whether anything has changed.
const INTERVAL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(super) struct Options {
    /// How many BMCs.
    #[arg(long, value_name = "NUMBER", default_value = "1000")]
    count: NonZeroUsize,
    /// Where the first one listens. The others have the addresses after it, and the same port: 127.0.1.255 is followed
    /// by 127.0.2.0. Port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.1.1:623")]
    listen: SocketAddr,
    /// Have them on one address, on consecutive ports.
    #[arg(long)]
    by_port: bool,
    #[command(flatten)]
    bmc: BmcOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

pub(super) async fn run(options: Options) -> Result<(), Error> {
    let start = Instant::now();
    let farm = Farm::start(options.config()?)?;
    if let (Some(first), Some(last)) = (farm.address(0), farm.addresses().last()) {
        print(format_args!("{} BMCs, {first} to {last}", farm.addresses().len()))?;
    }
    let mut last = farm.counts();
    loop {
        tokio::time::sleep(INTERVAL).await;
        let counts = farm.counts();
        if counts != last {
            print_counts(start.elapsed(), counts)?;
            last = counts;
        }
    }
}

fn print_counts(elapsed: Duration, counts: FarmCounts) -> Result<(), Error> {
    let FarmCounts { on, off, datagrams: DatagramCounts { received, sent } } = counts;
    let elapsed = elapsed.as_secs_f64();
    print(format_args!(
        "{elapsed:10.3} s  {on} on, {off} off; {received} datagrams received, {sent} sent"
    ))
}

impl Options {
    fn config(&self) -> Result<FarmConfig, Error> {
        let consecutive = match self.by_port {
            true => Consecutive::Ports,
            false => Consecutive::Addresses,
        };
        // Nobody asks for them here.
        let bmc = Config { events_kept: 0, ..self.bmc.config()? };
        Ok(FarmConfig {
            consecutive,
            network: self.network.config(),
            seed: self.network.seed(),
            ..FarmConfig::new(self.listen, self.count.get(), bmc)
        })
    }
}
