use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use bmc_sim::{Link, LinkConfig, NetworkConfig, Server};

use super::bmc::BmcOptions;
use super::network::NetworkOptions;
use super::{Error, print, tell};

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
    let told = async |index| bmc.event(index).await.map(|event| (event.at, event.kind.to_string()));
    tell(start, told).await
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
