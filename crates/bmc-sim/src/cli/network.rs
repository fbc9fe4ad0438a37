use std::time::Duration;

use bmc_sim::NetworkConfig;

use super::seconds;

/// What the network does to each datagram, both ways.
#[derive(clap::Args)]
#[command(next_help_heading = "A bad network")]
pub(super) struct NetworkOptions {
    /// How probably a datagram is lost, each way: 0 is never, 1 is always.
    #[arg(long, value_name = "PROBABILITY", default_value = "0", value_parser = probability)]
    loss: f64,
    /// How probably a datagram arrives twice.
    #[arg(long, value_name = "PROBABILITY", default_value = "0", value_parser = probability)]
    duplication: f64,
    /// How probably a datagram is held back for 0.6 s, so that others overtake it.
    #[arg(long, value_name = "PROBABILITY", default_value = "0", value_parser = probability)]
    reordering: f64,
    /// How probably one bit of a datagram is flipped.
    #[arg(long, value_name = "PROBABILITY", default_value = "0", value_parser = probability)]
    corruption: f64,
    /// How long every datagram takes at least.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    delay: Duration,
    /// How much longer it may take.
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    jitter: Duration,
    /// What the mishaps are drawn from: with the same number, the same happens to the same datagrams.
    #[arg(long, value_name = "NUMBER", default_value = "1")]
    seed: u64,
}

impl NetworkOptions {
    pub(super) fn config(&self) -> NetworkConfig {
        let Self { loss, duplication, reordering, corruption, delay, jitter, seed: _ } = *self;
        NetworkConfig { loss, duplication, reordering, corruption, delay, jitter }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }
}

fn probability(text: &str) -> Result<f64, String> {
    let probability: Option<f64> = text.parse().ok();
    probability
        .filter(|probability| (0.0..=1.0).contains(probability))
        .ok_or_else(|| "not a number between 0 and 1".to_owned())
}
