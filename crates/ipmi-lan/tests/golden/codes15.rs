//! The codes of IPMI 1.5 packets (§22.17.1), and their sequence numbers.

use crate::exchange::Side;
use crate::sessions::{
    RMCP_HEADER, SESSIONS_15, Session15, answered, of_other_lengths, with_one_bit_flipped,
};
use ipmi_lan::command::ActivateSession;
use ipmi_lan::crypto::Codes15;
use ipmi_lan::wire::Datagram;
use ipmi_lan::{AuthenticationType, Password};

/// Get Channel Authentication Capabilities and Get Session Challenge, and their answers.
const BEFORE_THE_SESSION: usize = 4;

#[test]
fn packets_carry_their_code_from_activate_session_on() {
    for session in SESSIONS_15 {
        for (number, (said, packet)) in session.packets().enumerate() {
            let is_in_session = number >= BEFORE_THE_SESSION;
            let kind = if is_in_session { session.kind } else { AuthenticationType::None };
            assert_eq!(packet.authentication.kind(), kind, "{}", said.title);
            assert_eq!(packet.session_id != 0, is_in_session, "{}", said.title);
        }
    }
}

#[test]
fn the_code_of_every_packet_is_the_one_that_the_programs_computed() {
    for session in SESSIONS_15 {
        for (said, packet) in session.session_packets() {
            let codes = session.codes();
            assert!(codes.is_genuine(&packet), "{}", said.title);
            let sealed = codes.seal(packet.session_id, packet.sequence, packet.payload);
            assert_eq!(Datagram::Ipmi15(sealed).to_bytes(), said.bytes, "{}", said.title);
        }
    }
}

#[test]
fn a_wrong_password_or_another_type_gives_another_code() {
    for session in authenticated() {
        for (said, packet) in session.session_packets() {
            for wrong in ["", "Secret", "secret ", "sixteen-bytes-pW"] {
                let codes = Codes15::new(session.kind, &Password::new(wrong).unwrap());
                assert!(!codes.is_genuine(&packet), "{}: {wrong:?}", said.title);
            }
            for kind in AuthenticationType::ALL.into_iter().filter(|kind| *kind != session.kind) {
                assert!(!session.codes_of(kind).is_genuine(&packet), "{}: {kind}", said.title);
            }
        }
    }
}

/// IPMI 1.5 carries no more of a password (§22.30).
#[test]
fn what_follows_the_sixteenth_byte_of_a_password_does_not_count() {
    let is_of_sixteen = |session: &Session15| session.password.len() == Password::MAX_15;
    let session = SESSIONS_15.into_iter().find(is_of_sixteen).unwrap();
    let longer = Password::new([session.password, "more"].concat()).unwrap();
    let codes = Codes15::new(session.kind, &longer);
    assert!(session.session_packets().all(|(_, packet)| codes.is_genuine(&packet)));
}

/// The hashes cover session id, sequence number and message; type and length lead to other bytes.
#[test]
fn one_flipped_bit_anywhere_behind_the_rmcp_header_and_a_hash_is_wrong() {
    for session in authenticated().filter(|session| session.kind != AuthenticationType::Password) {
        for (said, _) in session.session_packets() {
            for (bit, bytes) in with_one_bit_flipped(&said.bytes, RMCP_HEADER) {
                assert!(!is_genuine(session, &bytes), "{}, bit {bit}", said.title);
            }
        }
    }
}

/// A password in clear covers nothing but itself.
#[test]
fn one_flipped_bit_in_type_or_code_and_a_straight_password_is_wrong() {
    const CODE: std::ops::Range<usize> = 13..29;
    for session in SESSIONS_15 {
        if session.kind != AuthenticationType::Password {
            continue;
        }
        for (said, _) in session.session_packets() {
            for (bit, bytes) in with_one_bit_flipped(&said.bytes, RMCP_HEADER) {
                if bit / 8 == RMCP_HEADER || CODE.contains(&(bit / 8)) {
                    assert!(!is_genuine(session, &bytes), "{}, bit {bit}", said.title);
                }
            }
        }
    }
}

#[test]
fn a_packet_that_is_cut_short_is_not_genuine() {
    for session in SESSIONS_15 {
        for (said, _) in session.session_packets() {
            assert!(is_genuine(session, &said.bytes));
            for bytes in of_other_lengths(&said.bytes).filter(|it| it.len() < said.bytes.len()) {
                assert!(!is_genuine(session, &bytes), "{}, {} bytes", said.title, bytes.len());
            }
        }
    }
}

/// Both sides begin with the number that the other chose (§22.17).
#[test]
fn sequence_numbers_count_from_where_activate_session_says() {
    for session in SESSIONS_15 {
        let (request, response) = answered::<ActivateSession>(&session.messages());
        let numbers = |side| {
            let packets = session.session_packets().filter(move |(said, _)| said.by == side);
            packets.map(|(_, packet)| packet.sequence).collect::<Vec<_>>()
        };
        // Activate Session itself is outside the session that it begins.
        let console = numbers(Side::Console);
        assert_eq!(console.first(), Some(&0));
        assert_counts(console.get(1..).unwrap(), response.first_inbound_sequence);
        // ipmi_sim says its first number twice.
        let bmc = numbers(Side::Bmc);
        assert_eq!(bmc.first(), Some(&request.first_outbound_sequence));
        assert_counts(bmc.get(1..).unwrap(), request.first_outbound_sequence);
    }
}

fn assert_counts(numbers: &[u32], first: u32) {
    let count = u32::try_from(numbers.len()).unwrap();
    assert!(numbers.iter().copied().eq(first..first + count), "{numbers:?} from {first}");
}

fn authenticated() -> impl Iterator<Item = Session15> {
    SESSIONS_15.into_iter().filter(|session| session.kind != AuthenticationType::None)
}

fn is_genuine(session: Session15, bytes: &[u8]) -> bool {
    match Datagram::parse(bytes) {
        Ok(Datagram::Ipmi15(packet)) => session.codes().is_genuine(&packet),
        _ => false,
    }
}
