use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bmc_sim::{Link, LinkConfig, NetworkConfig, Server};

use super::bmc::BmcOptions;
use super::network::NetworkOptions;
use super::{Error, print};

#[derive(clap::Args)]
pub(super) struct Options {
    /// Where to listen; port 0 is any free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:623")]
    listen: SocketAddr,
    #[command(flatten)]
    bmc: BmcOptions,
    #[command(flatten)]
    network: NetworkOptions,
}

pub(super) async fn run(options: Options) -> Result<(), Error> {
    let start = Instant::now();
    let (bmc, link) = started(&options).await?;
    print(link.as_ref().map_or(bmc.address(), Link::address))?;
    let mut index = 0;
    loop {
        match bmc.event(index).await {
            Ok(event) => {
                let elapsed = event.at.saturating_duration_since(start);
                print(format_args!("{:10.3} s  {}", elapsed.as_secs_f64(), event.kind))?;
                index += 1;
            }
            Err(missed) => {
                print(format_args!("{:>10}    {missed}", ""))?;
                index = missed.next;
            }
        }
    }
}

/// The BMC, behind a bad network if one was asked for.
async fn started(options: &Options) -> Result<(Server, Option<Link>), Error> {
    let config = options.bmc.config()?;
    let network = options.network.config();
    if network == NetworkConfig::default() {
        return Ok((Server::start(options.listen, config).await?, None));
    }
    let bmc = Server::start(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), config).await?;
    let link = LinkConfig::new(network, options.network.seed());
    let link = Link::start(options.listen, bmc.address(), link).await?;
    Ok((bmc, Some(link)))
}
