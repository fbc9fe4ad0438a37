use ipmi_lan::command::{ChassisControl, GetDeviceId, PowerControl};
use proptest::prelude::*;
use proptest::sample::Index;

use super::*;

const KIND: AuthenticationType = AuthenticationType::Md5;

proptest! {
    #[test]
    fn genuine_datagrams_gone_wrong_are_survived(
        which in any::<Index>(),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        length in any::<Index>(),
        is_cut in any::<bool>(),
    ) {
        let mut bench = Bench::new(config());
        let mut console = bench.administrator15(KIND);
        let mut bytes = which.get(&genuine(&mut bench, &mut console)).clone();
        for (at, flip) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
        }
        if is_cut {
            bytes.truncate(length.index(bytes.len()));
        }
        bench.bmc.handle(bench.now, &bytes);
        prop_assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    }

    /// What is sealed is believed; its content must be harmless nevertheless.
    #[test]
    fn sealed_garbage_is_survived(message in prop::collection::vec(any::<u8>(), 0..60)) {
        let mut bench = Bench::new(config());
        let mut console = bench.administrator15(KIND);
        let id = bench.challenge(KIND).temporary_session_id;
        let outside = codes(KIND).seal(id, 0, message.clone());
        let inside = codes(KIND).seal(console.session_id, console.sequence, message);
        for packet in [outside, inside] {
            bench.bmc.handle(bench.now, &Datagram::Ipmi15(packet).to_bytes());
        }
        console.sequence += 1;
        prop_assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    }
}

/// One datagram of each kind that a console sends, all of them good, and none of them sent yet.
fn genuine(bench: &mut Bench, console: &mut Console15) -> Vec<Vec<u8>> {
    let challenge = bench.challenge(KIND);
    let (authentication, username) = (KIND, user().name);
    let ask = GetSessionChallenge { authentication, username }.to_message(1);
    let activate = activation(KIND, challenge).to_message(2);
    let request = console.request(&ChassisControl(PowerControl::PowerDown));
    [
        Packet15::sessionless(ask.to_bytes()),
        codes(KIND).seal(challenge.temporary_session_id, 0, activate.to_bytes()),
        console.seal(&request),
    ]
    .map(|packet| Datagram::Ipmi15(packet).to_bytes())
    .to_vec()
}
