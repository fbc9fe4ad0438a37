use std::time::Duration;

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedMutRandom;

/// How much longer a datagram takes that others are to overtake: more than the quarter to half a second after which
/// most clients repeat a request, because in lock-step there is nothing else that could overtake it.
const HELD_BACK: Duration = Duration::from_millis(600);

/// A bad network, in one direction. It has no clock and no socket: it says what becomes of a datagram, and when.
///
/// It has no randomness but that of its generator, so that the same seed does the same to the same datagrams.
#[derive(Debug)]
pub struct Network {
    config: NetworkConfig,
    rng: StdRng,
}

/// What a network does to datagrams. The default does nothing, at once.
///
/// Probabilities are those of each single datagram: 0 is never, 1 is always. What happens to one does not depend on
/// what happened to another.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct NetworkConfig {
    /// How probably a datagram is lost; each of two copies by itself.
    pub loss: f64,
    /// How probably a datagram arrives twice. The copies go separate ways, each with its own mishaps.
    pub duplication: f64,
    /// How probably a datagram is held back, for 0.6 s, so that later ones overtake it.
    pub reordering: f64,
    /// How probably one bit of a datagram is flipped. UDP's checksum makes a loss of this on nearly every real network;
    /// a client that goes without it, or a router that computes it anew, lets it through.
    pub corruption: f64,
    /// How long every datagram takes at least.
    pub delay: Duration,
    /// How much longer it may take: anything from nothing to this, all equally probable.
    pub jitter: Duration,
}

impl Network {
    /// A network that draws its mishaps from this generator.
    #[must_use]
    pub fn new(config: NetworkConfig, rng: StdRng) -> Self {
        Self { config, rng }
    }

    /// What arrives of a datagram, and how long after it was sent: nothing, one or two, not always in order.
    pub fn carry(&mut self, datagram: &[u8]) -> Vec<(Duration, Vec<u8>)> {
        let copies = if self.happens(self.config.duplication) { 2 } else { 1 };
        (0..copies).filter_map(|_| self.carry_copy(datagram)).collect()
    }

    fn carry_copy(&mut self, datagram: &[u8]) -> Option<(Duration, Vec<u8>)> {
        if self.happens(self.config.loss) {
            return None;
        }
        let mut datagram = datagram.to_vec();
        if self.happens(self.config.corruption) {
            self.flip_a_bit(&mut datagram);
        }
        Some((self.time_on_the_way(), datagram))
    }

    fn flip_a_bit(&mut self, datagram: &mut [u8]) {
        if let Some(byte) = datagram.choose_mut(&mut self.rng) {
            *byte ^= 1 << self.rng.random_range(0..u8::BITS);
        }
    }

    fn time_on_the_way(&mut self) -> Duration {
        let jitter = self.config.jitter.mul_f64(self.rng.random());
        let held_back =
            if self.happens(self.config.reordering) { HELD_BACK } else { Duration::ZERO };
        self.config.delay.saturating_add(jitter).saturating_add(held_back)
    }

    /// Unlike `random_bool`, this takes whatever number stands in the configuration.
    fn happens(&mut self, probability: f64) -> bool {
        self.rng.random::<f64>() < probability
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    const DATAGRAM: [u8; 20] = *b"twenty bytes of data";
    /// So many that a rate is measured to a percent.
    const MANY: usize = 20_000;

    fn network(config: NetworkConfig) -> Network {
        Network::new(config, StdRng::seed_from_u64(1))
    }

    /// What becomes of many datagrams.
    fn carry_many(config: NetworkConfig) -> Vec<Vec<(Duration, Vec<u8>)>> {
        let mut network = network(config);
        (0..MANY).map(|_| network.carry(&DATAGRAM)).collect()
    }

    #[track_caller]
    fn assert_is_rate(count: usize, of: usize, rate: f64) {
        let measured = count as f64 / of as f64;
        assert!((measured - rate).abs() < 0.01, "{measured}, not {rate}");
    }

    #[test]
    fn the_default_network_changes_nothing() {
        for delivered in carry_many(NetworkConfig::default()) {
            assert_eq!(delivered, [(Duration::ZERO, DATAGRAM.to_vec())]);
        }
    }

    #[test]
    fn the_same_seed_does_the_same() {
        let config = NetworkConfig {
            loss: 0.2,
            duplication: 0.2,
            reordering: 0.2,
            corruption: 0.2,
            delay: Duration::from_millis(25),
            jitter: Duration::from_millis(10),
        };
        assert_eq!(carry_many(config), carry_many(config));
        let mut other = Network::new(config, StdRng::seed_from_u64(2));
        let others: Vec<_> = (0..MANY).map(|_| other.carry(&DATAGRAM)).collect();
        assert_ne!(carry_many(config), others);
    }

    #[test]
    fn never_and_always_are_just_that() {
        let all = carry_many(NetworkConfig { loss: 1.0, ..NetworkConfig::default() });
        assert!(all.iter().all(Vec::is_empty));
        let all = carry_many(NetworkConfig { duplication: 1.0, ..NetworkConfig::default() });
        assert!(all.iter().all(|delivered| delivered.len() == 2));
    }

    #[test]
    fn so_many_are_lost() {
        let all = carry_many(NetworkConfig { loss: 0.3, ..NetworkConfig::default() });
        assert_is_rate(all.iter().filter(|delivered| delivered.is_empty()).count(), MANY, 0.3);
    }

    #[test]
    fn so_many_come_twice_and_each_copy_is_lost_by_itself() {
        let all =
            carry_many(NetworkConfig { loss: 0.5, duplication: 0.2, ..NetworkConfig::default() });
        let count = |copies| all.iter().filter(|delivered| delivered.len() == copies).count();
        assert_is_rate(count(2), MANY, 0.2 * 0.25);
        assert_is_rate(count(0), MANY, 0.2 * 0.25 + 0.8 * 0.5);
    }

    #[test]
    fn so_many_are_overtaken() {
        let config = NetworkConfig { reordering: 0.1, ..NetworkConfig::default() };
        let all: Vec<_> = carry_many(config).into_iter().flatten().collect();
        assert_is_rate(all.iter().filter(|(delay, _)| *delay == HELD_BACK).count(), MANY, 0.1);
        assert!(all.iter().all(|(delay, _)| [Duration::ZERO, HELD_BACK].contains(delay)));
    }

    #[test]
    fn so_many_have_one_bit_flipped_wherever_it_may_be() {
        let config = NetworkConfig { corruption: 0.1, ..NetworkConfig::default() };
        let flipped = |datagram: &[u8]| -> Vec<u8> {
            datagram.iter().zip(DATAGRAM).map(|(one, other)| one ^ other).collect()
        };
        let mut seen = [0; DATAGRAM.len()];
        let mut corrupted = 0;
        for (_, datagram) in carry_many(config).into_iter().flatten() {
            let flipped = flipped(&datagram);
            let bits: u32 = flipped.iter().map(|byte| byte.count_ones()).sum();
            assert!(bits <= 1);
            corrupted += bits as usize;
            seen.iter_mut().zip(flipped).for_each(|(seen, flipped)| *seen |= flipped);
        }
        assert_is_rate(corrupted, MANY, 0.1);
        assert_eq!(seen, [0xff; DATAGRAM.len()]);
    }

    #[test]
    fn no_delay_is_too_long() {
        let delay = Duration::MAX;
        let config = NetworkConfig { delay, jitter: delay, reordering: 1.0, ..Default::default() };
        assert_eq!(network(config).carry(&DATAGRAM), [(delay, DATAGRAM.to_vec())]);
    }

    #[test]
    fn an_empty_datagram_has_no_bit_to_flip() {
        let mut network = network(NetworkConfig { corruption: 1.0, ..NetworkConfig::default() });
        assert_eq!(network.carry(&[]), [(Duration::ZERO, Vec::new())]);
    }

    #[test]
    fn delay_is_the_least_and_jitter_is_spread_evenly() {
        let delay = Duration::from_millis(25);
        let jitter = Duration::from_millis(10);
        let config = NetworkConfig { delay, jitter, ..NetworkConfig::default() };
        let all: Vec<_> = carry_many(config).into_iter().flatten().collect();
        assert!(all.iter().all(|(taken, _)| (delay..delay + jitter).contains(taken)));
        let early = all.iter().filter(|(taken, _)| *taken < delay + jitter / 4).count();
        assert_is_rate(early, MANY, 0.25);
    }
}
