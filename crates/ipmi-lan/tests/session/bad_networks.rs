//! Loss, duplicates, delay: whatever the network does, the truth arrives, and no flood is sent after it.

use bmc_sim::Power;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

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

#[test]
fn a_third_of_all_datagrams_may_be_lost_doubled_and_delayed() {
    let mut most = 0;
    for seed in 0..300 {
        let mut random = StdRng::seed_from_u64(seed);
        let network = move |_: From, datagram: &[u8]| -> Delivered {
            let copies = if random.random_bool(0.1) { 2 } else { 1 };
            (0..copies)
                .filter_map(|_| {
                    let delay = 25 * MILLISECOND + random.random_range(0..30) * MILLISECOND;
                    (!random.random_bool(0.3)).then(|| (delay, datagram.to_vec()))
                })
                .collect()
        };
        let mut config = config();
        config.retry.silence = 20 * SECOND;
        let mut pair = Pair::with(config, bmc_config(), seed, network);
        see_power_go_off(&mut pair);
        most = most.max(pair.sent.len());
    }
    assert!(most < 100, "no flood: {most} datagrams at the most");
}

#[test]
fn corrupted_datagrams_are_lost_ones() {
    for seed in 0..100 {
        let mut random = StdRng::seed_from_u64(seed);
        let network = move |_: From, datagram: &[u8]| -> Delivered {
            let mut datagram = datagram.to_vec();
            // A login is not protected against corruption; there, UDP's checksum drops such datagrams.
            if datagram.len() > 16 && datagram[6..10] != [0; 4] && random.random_bool(0.1) {
                let byte = random.random_range(4..datagram.len());
                datagram[byte] ^= 1 << random.random_range(0..8);
            }
            vec![(MILLISECOND, datagram)]
        };
        let mut pair = Pair::with(config(), bmc_config(), seed, network);
        see_power_go_off(&mut pair);
    }
}
