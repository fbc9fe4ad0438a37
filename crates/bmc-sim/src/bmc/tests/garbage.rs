use ipmi_lan::CipherSuite;
use ipmi_lan::command::{ChassisControl, GetDeviceId, PowerControl};
use ipmi_lan::wire::{Datagram, OpenSessionRequest, Packet20, PayloadType, PresencePing};
use proptest::prelude::*;
use proptest::sample::Index;

use super::{Bench, CONSOLE_SESSION_ID, Console, config, credentials, rakp1, rakp3, user};

proptest! {
    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let (mut bench, mut console) = logged_in();
        bench.bmc.handle(bench.now, &bytes);
        prop_assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    }

    #[test]
    fn genuine_datagrams_gone_wrong_are_survived(
        which in any::<Index>(),
        flips in prop::collection::vec((any::<Index>(), any::<u8>()), 0..4),
        length in any::<Index>(),
        is_cut in any::<bool>(),
    ) {
        let (mut bench, mut console) = logged_in();
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

    /// What the session has sealed is believed; its content must be harmless nevertheless.
    #[test]
    fn sealed_garbage_is_survived(message in prop::collection::vec(any::<u8>(), 0..60)) {
        let (mut bench, mut console) = logged_in();
        let packet = console.keys.seal(console.bmc_session_id, 5, &message, [0; 16]);
        bench.bmc.handle(bench.now, &Datagram::Ipmi20(packet).to_bytes());
        console.session_sequence = 5;
        prop_assert!(console.ask(&mut bench, &GetDeviceId).is_ok());
    }
}

fn logged_in() -> (Bench, Console) {
    let mut bench = Bench::new(config());
    let console = bench.administrator();
    (bench, console)
}

/// One datagram of each kind that a console sends, all of them good, and none of them sent yet.
fn genuine(bench: &mut Bench, console: &mut Console) -> Vec<Vec<u8>> {
    let id = bench.open_session(CipherSuite::SUITE_17);
    let exchange = bench.exchange(&credentials(), id);
    let request = console.request(&ChassisControl(PowerControl::PowerDown));
    let open = OpenSessionRequest {
        tag: 0,
        privilege: None,
        console_session_id: CONSOLE_SESSION_ID,
        algorithms: CipherSuite::SUITE_3.algorithms(),
    };
    let outside = |kind, payload| Datagram::Ipmi20(Packet20::sessionless(kind, payload));
    [
        Datagram::PresencePing(PresencePing { tag: 1 }),
        outside(PayloadType::OpenSessionRequest, open.to_bytes()),
        outside(PayloadType::Rakp1, rakp1(&credentials(), id).to_bytes()),
        outside(PayloadType::Rakp3, rakp3(&exchange, &user().password).to_bytes()),
        outside(PayloadType::Ipmi, request.to_bytes()),
        Datagram::Ipmi20(console.seal(&request)),
    ]
    .iter()
    .map(Datagram::to_bytes)
    .collect()
}
