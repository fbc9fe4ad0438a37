use std::collections::BTreeSet;
use std::net::UdpSocket;
use std::time::Duration;

use super::*;

/// Long enough for a busy machine, on the way to a failure.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long nothing must come. Not so long that tests take their time.
const SILENCE: Duration = Duration::from_millis(100);

#[test]
fn each_bmc_answers_at_its_own_address_and_for_itself() {
    let farm = start(config(300));
    let client = client(PATIENCE);
    let addresses: BTreeSet<_> = farm.addresses().collect();
    assert_eq!(addresses.len(), 300);
    for (index, address) in farm.addresses().enumerate() {
        assert_eq!(Some(address), farm.address(index));
        client.send_to(&PING, address).unwrap();
        assert_eq!(client.recv_from(&mut [0; 64]).unwrap(), (28, address));
        let datagrams = farm.with_bmc(index, |bmc| bmc.datagrams());
        assert_eq!(datagrams, Some(DatagramCounts { received: 1, sent: 1 }));
    }
    assert_eq!(farm.counts().datagrams, DatagramCounts { received: 300, sent: 300 });
}

#[test]
fn machines_are_switched_by_hand_one_by_one_or_all_at_once() {
    let farm = start(config(3));
    let on_and_off = || (farm.counts().on, farm.counts().off);
    assert_eq!(on_and_off(), (3, 0));
    farm.with_bmc(1, |bmc| bmc.set_power(Instant::now(), Power::Off));
    assert_eq!(
        (0..4).map(|index| farm.power(index)).collect::<Vec<_>>(),
        [Some(Power::On), Some(Power::Off), Some(Power::On), None,]
    );
    assert_eq!(on_and_off(), (2, 1));
    farm.set_power_of_all(Power::Off);
    assert_eq!(on_and_off(), (0, 3));
}

#[test]
fn one_bmc_may_misbehave_alone() {
    let farm = start(config(2));
    farm.with_bmc(0, |bmc| bmc.faults(Instant::now()).silent = true);
    assert_pongs(&farm, 0, 0);
    assert_pongs(&farm, 1, 1);
}

#[test]
fn there_may_be_a_bad_network_before_each() {
    let with = |network| start(FarmConfig { network, ..config(2) });
    let farm = with(NetworkConfig { duplication: 1.0, ..NetworkConfig::default() });
    assert_pongs(&farm, 0, 4);
    assert_pongs(&farm, 1, 4);
    let farm = with(NetworkConfig { loss: 1.0, ..NetworkConfig::default() });
    assert_pongs(&farm, 1, 0);
}

#[test]
fn a_delay_is_that_of_each_way() {
    let delay = Duration::from_millis(30);
    let network = NetworkConfig { delay, ..NetworkConfig::default() };
    let farm = start(FarmConfig { network, ..config(1) });
    let started = Instant::now();
    assert_pongs(&farm, 0, 1);
    assert!(started.elapsed() >= 2 * delay);
}

#[test]
fn the_same_seed_does_the_same_to_each_bmc() {
    let copies = |seed| {
        let network = NetworkConfig { duplication: 0.5, ..NetworkConfig::default() };
        let farm = start(FarmConfig { network, seed, ..config(41) });
        let client = client(PATIENCE);
        farm.addresses()
            .for_each(|address| assert_eq!(client.send_to(&PING, address).unwrap(), 12));
        let received = |index| farm.with_bmc(index, |bmc| bmc.datagrams().received).unwrap();
        // They come in order: when there is one at the last BMC, there are none to come at the others.
        let deadline = Instant::now() + PATIENCE;
        while received(40) == 0 && Instant::now() < deadline {
            thread::yield_now();
        }
        (0..40).map(received).collect::<Vec<_>>()
    };
    let first = copies(5);
    assert!(first.contains(&1) && first.contains(&2), "{first:?}");
    assert_eq!(first, copies(5));
    assert_ne!(first, copies(6));
}

#[test]
fn a_dropped_farm_gives_its_addresses_back() {
    let farm = start(config(20));
    let addresses: Vec<_> = farm.addresses().collect();
    drop(farm);
    for address in addresses {
        UdpSocket::bind(address).unwrap();
    }
}

#[test]
fn each_bmc_has_a_guid_of_its_own() {
    assert_eq!(guid_after(*b"simulated BMC 01", 0), *b"simulated BMC 01");
    assert_eq!(guid_after(*b"simulated BMC 01", 0x102), *b"simulated BMC 13");
    assert_eq!(guid_after([0xff; 16], 1), [0; 16]);
}

#[test]
fn addresses_follow_each_other() {
    for (consecutive, first, index, expected) in [
        (Consecutive::Addresses, "127.0.1.1:623", 0, Some("127.0.1.1:623")),
        (Consecutive::Addresses, "127.0.1.1:623", 255, Some("127.0.2.0:623")),
        (Consecutive::Addresses, "127.0.1.1:0", 1, Some("127.0.1.2:0")),
        (Consecutive::Addresses, "255.255.255.255:623", 1, None),
        (Consecutive::Addresses, "[fd00::ffff]:623", 1, Some("[fd00::1:0]:623")),
        (Consecutive::Ports, "127.0.1.1:623", 2, Some("127.0.1.1:625")),
        (Consecutive::Ports, "127.0.1.1:65535", 0, Some("127.0.1.1:65535")),
        (Consecutive::Ports, "127.0.1.1:65535", 1, None),
        (Consecutive::Ports, "127.0.1.1:0", 1, None),
    ] {
        let address = consecutive.after(first.parse().unwrap(), index);
        assert_eq!(address, expected.map(|expected| expected.parse().unwrap()), "{first}");
    }
}

#[test]
fn who_wants_too_many_is_told_what_there_is_too_little_of() {
    let many = FarmConfig { consecutive: Consecutive::Ports, ..config(70_000) };
    let many = FarmConfig { first: "127.0.1.1:623".parse().unwrap(), ..many };
    let expected = "there are not 70000 consecutive ports from 127.0.1.1:623 on";
    assert_eq!(failure(many), expected);

    // More than any system has.
    let many = FarmConfig { first: "[::1]:623".parse().unwrap(), ..config(1 << 40) };
    let sentence = failure(many);
    assert!(sentence.starts_with("1099511627776 BMCs need 10995116"), "{sentence}");
    assert!(sentence.contains(" file descriptors, and this process may have no more than "));
}

fn config(count: usize) -> FarmConfig {
    // Not where other tests have their servers.
    FarmConfig::new("127.2.0.1:0".parse().unwrap(), count, Config::new(Vec::new()))
}

fn start(config: FarmConfig) -> Farm {
    Farm::start(config).unwrap()
}

#[track_caller]
fn failure(config: FarmConfig) -> String {
    match Farm::start(config) {
        Ok(_) => panic!("it started"),
        Err(error) => error.to_string(),
    }
}

/// An ASF presence ping, which a BMC answers without a login.
const PING: [u8; 12] = [6, 0, 0xff, 6, 0, 0, 0x11, 0xbe, 0x80, 7, 0, 0];

fn client(patience: Duration) -> UdpSocket {
    let client = UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(patience)).unwrap();
    client
}

/// So many answers are there to a single ping.
#[track_caller]
fn assert_pongs(farm: &Farm, index: usize, expected: usize) {
    let client = client(PATIENCE);
    client.send_to(&PING, farm.address(index).unwrap()).unwrap();
    for _ in 0..expected {
        client.recv(&mut [0; 64]).unwrap();
    }
    client.set_read_timeout(Some(SILENCE)).unwrap();
    assert!(client.recv(&mut [0; 64]).is_err(), "more than {expected}");
}
