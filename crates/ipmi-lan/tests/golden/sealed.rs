//! The packets of RMCP+ sessions, sealed as each suite has it.

use crate::exchange::{Said, Side};
use crate::sessions::{
    IPMITOOL, IPMITOOL_WITH_KG, RMCP_HEADER, SESSIONS, Session, of_other_lengths,
    with_one_bit_flipped, with_packet_codes,
};
use ipmi_lan::crypto::{OpenError, SessionKeys};
use ipmi_lan::wire::{Datagram, Packet20, PayloadType};

#[test]
fn packets_are_authenticated_and_encrypted_as_their_suite_says() {
    for session in SESSIONS {
        for (said, packet) in session.sealed_packets() {
            assert_eq!(packet.trailer.is_some(), session.suite().authenticates_packets());
            assert_eq!(packet.encrypted, session.suite().encrypts(), "{}", said.title);
            assert_eq!(said.inside.is_some(), session.suite().encrypts(), "{}", said.title);
        }
    }
}

#[test]
fn every_sealed_packet_opens_to_the_message_in_the_fixture() {
    for session in SESSIONS {
        let keys = session.keys();
        for (said, packet) in session.sealed_packets() {
            let opened = keys.open(&packet);
            assert_eq!(opened.as_deref(), Ok(message(&said, &packet)), "{}", said.title);
        }
    }
}

/// The padding, inner and outer, is the specification's on both sides: the programs agree in every byte.
#[test]
fn a_message_sealed_again_is_the_datagram_that_was_sent() {
    for session in SESSIONS {
        let keys = session.keys();
        for (said, packet) in session.sealed_packets() {
            // Without encryption there is none, and any will do.
            let initialization_vector = packet.payload.first_chunk().copied().unwrap_or_default();
            let sealed = keys.seal(
                packet.session_id,
                packet.sequence,
                message(&said, &packet),
                initialization_vector,
            );
            assert_eq!(Datagram::Ipmi20(sealed).to_bytes(), said.bytes, "{}", said.title);
        }
    }
}

#[test]
fn sealed_packets_bear_the_session_id_of_their_receiver_and_count_upwards() {
    for session in SESSIONS {
        let (exchange, _) = session.rakp2();
        for (side, receiver) in
            [(Side::Console, exchange.bmc_session_id), (Side::Bmc, exchange.console_session_id)]
        {
            let packets: Vec<_> =
                session.sealed_packets().filter(|(said, _)| said.by == side).collect();
            assert!(packets.iter().all(|(_, packet)| packet.session_id == receiver));
            assert!(packets.is_sorted_by(|(_, a), (_, b)| a.sequence < b.sequence));
        }
    }
}

/// The authentication code covers all but the RMCP header (§13.28.4).
#[test]
fn one_flipped_bit_anywhere_behind_the_rmcp_header_and_a_sealed_packet_stays_shut() {
    for session in with_packet_codes() {
        let keys = session.keys();
        for (said, _) in session.sealed_packets() {
            for (bit, bytes) in with_one_bit_flipped(&said.bytes, RMCP_HEADER) {
                assert!(!opens(&keys, &bytes), "{}, bit {bit}", said.title);
            }
        }
    }
}

#[test]
fn a_sealed_packet_that_is_cut_short_or_has_a_tail_stays_shut() {
    for session in with_packet_codes() {
        let keys = session.keys();
        for (said, _) in session.sealed_packets() {
            assert!(opens(&keys, &said.bytes));
            for bytes in of_other_lengths(&said.bytes) {
                assert!(!opens(&keys, &bytes), "{}, {} bytes", said.title, bytes.len());
            }
        }
    }
}

#[test]
fn the_keys_of_one_session_open_nothing_of_another() {
    let keys = IPMITOOL.keys();
    for (said, packet) in IPMITOOL_WITH_KG.sealed_packets() {
        assert_eq!(keys.open(&packet), Err(OpenError::WrongCode), "{}", said.title);
    }
    for session in with_packet_codes() {
        let keys = session.keys();
        for other in SESSIONS.into_iter().filter(|other| other.fixture != session.fixture) {
            for (said, packet) in other.sealed_packets() {
                assert!(keys.open(&packet).is_err(), "{}", said.title);
            }
        }
    }
}

/// Also where the suite promises less than the packet gives: what was agreed to holds.
#[test]
fn a_packet_sealed_otherwise_than_agreed_stays_shut() {
    let protection = |session: Session| {
        let suite = session.suite();
        (suite.authenticates_packets(), suite.encrypts())
    };
    for session in SESSIONS {
        let keys = session.keys();
        for other in SESSIONS.into_iter().filter(|other| protection(*other) != protection(session))
        {
            for (said, packet) in other.sealed_packets() {
                assert_eq!(keys.open(&packet), Err(OpenError::NotSealed), "{}", said.title);
            }
        }
    }
}

#[test]
fn login_messages_are_not_sealed() {
    for session in with_packet_codes() {
        let rakp4 = session.login_packet(PayloadType::Rakp4);
        assert_eq!(session.keys().open(&rakp4), Err(OpenError::NotSealed));
    }
}

/// What the fixture says that the packet says.
fn message<'a>(said: &'a Said, packet: &'a Packet20) -> &'a [u8] {
    said.inside.as_ref().unwrap_or(&packet.payload)
}

fn opens(keys: &SessionKeys, bytes: &[u8]) -> bool {
    match Datagram::parse(bytes) {
        Ok(Datagram::Ipmi20(packet)) => keys.open(&packet).is_ok(),
        _ => false,
    }
}
