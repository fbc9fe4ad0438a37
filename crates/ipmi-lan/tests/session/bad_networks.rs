//! Loss, duplicates, disorder, corruption, delay: whatever the network does, the truth arrives, and no flood is sent
//! after it.

use bmc_sim::{Config, Ipmi15, Network, NetworkConfig, Power};
use ipmi_lan::session::SessionConfig;
use ipmi_lan::{AuthenticationType, Protocol};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::pair::{Delivered, From, MILLISECOND, Pair, SECOND, as_it_is, bmc_config, config};

/// Logs in, reads that power is on, and off after it was switched off; closes.
fn see_power_go_off(pair: &mut Pair) {
    pair.log_in().unwrap();
    assert!(pair.is_power_on().unwrap());
    pair.bmc.set_power(pair.now, Power::Off);
    assert!(!pair.is_power_on().unwrap());
    pair.close();
}

#[test]
fn any_one_datagram_may_be_lost() {
    for lost in 0..20 {
        let mut index = 0;
        let mut pair = Pair::new(move |_, datagram| {
            index += 1;
            if index - 1 == lost { Vec::new() } else { as_it_is(datagram) }
        });
        see_power_go_off(&mut pair);
        assert!(pair.sent.len() <= 11, "datagram {lost} lost: {} sent", pair.sent.len());
        assert!(pair.elapsed() < SECOND, "datagram {lost} lost: {:?}", pair.elapsed());
    }
}

#[test]
fn every_datagram_may_come_twice() {
    let mut pair = Pair::new(|_, datagram| {
        vec![(MILLISECOND, datagram.to_vec()), (3 * MILLISECOND, datagram.to_vec())]
    });
    see_power_go_off(&mut pair);
    assert_eq!(pair.sent.len(), 8, "a duplicate is not answered");
}

#[test]
fn every_answer_may_be_late() {
    // Later than the first repetition: each answer crosses one.
    for delay in [260, 400, 900] {
        let mut pair = Pair::new(move |from, datagram| match from {
            From::Console => as_it_is(datagram),
            From::Bmc => vec![(delay * MILLISECOND, datagram.to_vec())],
        });
        see_power_go_off(&mut pair);
        assert!(pair.sent.len() < 50, "{delay} ms: {} sent", pair.sent.len());
    }
}

#[test]
fn late_answers_of_a_bmc_with_a_new_random_number_for_each_rakp_1_are_survived() {
    for delay in [260, 400, 900] {
        let mut config = config();
        // Each attempt takes four answers, and the third attempt has the patience for them.
        config.retry.silence = 20 * SECOND;
        let mut pair = Pair::with(config, bmc_config(), 1, move |from, datagram| match from {
            From::Console => as_it_is(datagram),
            From::Bmc => vec![(delay * MILLISECOND, datagram.to_vec())],
        });
        pair.bmc.faults(pair.now).new_random_for_each_rakp1 = true;
        see_power_go_off(&mut pair);
        assert!(pair.sent.len() < 60, "{delay} ms: {} sent", pair.sent.len());
    }
}

/// How many datagrams the console sent at the most, over 600 networks of this kind with a round trip of 50 ms and
/// more: by IPMI 2.0 in half of them, by IPMI 1.5 in the other half.
fn most_sent_over(network: NetworkConfig) -> usize {
    let network = NetworkConfig { delay: 25 * MILLISECOND, jitter: 30 * MILLISECOND, ..network };
    let sent = (0..600).map(|seed| {
        let protocol = if seed % 2 == 0 { Protocol::Ipmi20 } else { Protocol::Ipmi15 };
        let config = SessionConfig { protocol, ..config() };
        let bmc = Config { ipmi15: Some(Ipmi15::new([AuthenticationType::Md5])), ..bmc_config() };
        let mut pair = Pair::with(config, bmc, seed, both_ways(network, seed));
        see_power_go_off(&mut pair);
        pair.sent.len()
    });
    sent.max().unwrap()
}

/// A network of this kind each way. It corrupts only the packets of a session: a login is not protected against that;
/// there, UDP's checksum drops such datagrams.
fn both_ways(config: NetworkConfig, seed: u64) -> impl FnMut(From, &[u8]) -> Delivered {
    let network = |config, seed| Network::new(config, StdRng::seed_from_u64(seed));
    let way = |seed| {
        let sparing = network(NetworkConfig { corruption: 0.0, ..config }, seed);
        (sparing, network(config, seed))
    };
    let (mut to_bmc, mut to_console) = (way(2 * seed), way(2 * seed + 1));
    move |from, datagram| {
        let (sparing, network) = match from {
            From::Console => &mut to_bmc,
            From::Bmc => &mut to_console,
        };
        if is_of_a_session(datagram) { network.carry(datagram) } else { sparing.carry(datagram) }
    }
}

fn is_of_a_session(datagram: &[u8]) -> bool {
    datagram.len() > 16 && datagram[6..10] != [0; 4]
}

#[test]
fn a_third_of_all_datagrams_may_be_lost_doubled_and_delayed() {
    let network = NetworkConfig { loss: 0.3, duplication: 0.1, ..NetworkConfig::default() };
    let most = most_sent_over(network);
    assert!(most < 100, "no flood: {most} datagrams at the most");
}

#[test]
fn a_fifth_of_all_datagrams_may_be_overtaken_by_later_ones() {
    let network = NetworkConfig { reordering: 0.2, ..NetworkConfig::default() };
    let most = most_sent_over(network);
    assert!(most < 100, "no flood: {most} datagrams at the most");
}

#[test]
fn everything_may_happen_at_once() {
    let network = NetworkConfig {
        loss: 0.2,
        duplication: 0.1,
        reordering: 0.1,
        corruption: 0.1,
        ..NetworkConfig::default()
    };
    let most = most_sent_over(network);
    assert!(most < 100, "no flood: {most} datagrams at the most");
}

#[test]
fn corrupted_datagrams_are_lost_ones() {
    let network = NetworkConfig { corruption: 0.1, delay: MILLISECOND, ..NetworkConfig::default() };
    for seed in 0..100 {
        let mut pair = Pair::with(config(), bmc_config(), seed, both_ways(network, seed));
        see_power_go_off(&mut pair);
    }
}
