//! Open Session and RAKP: what they say, and the codes in them.

use crate::sessions::{
    IPMIPOWER, IPMITOOL, IPMITOOL_WITH_KG, SESSIONS, USER, of_other_lengths, with_rakp_codes,
};
use ipmi_lan::crypto::RakpExchange;
use ipmi_lan::wire::{OpenSessionRequest, OpenSessionResponse, ProposedAlgorithms, Role};
use ipmi_lan::{CipherSuite, Kg, Password, Privilege, RmcpPlusStatus, Username};

/// `ipmitool` always calls its session so.
const IPMITOOL_SESSION_ID: u32 = 0xa0a2_a3a4;

const SHA1_AES: ProposedAlgorithms =
    ProposedAlgorithms { authentication: 1, integrity: 1, confidentiality: 1 };

#[test]
fn ipmitool_opens_a_session_at_whatever_privilege_level_fits() {
    let (request, response) = IPMITOOL.open_session();
    assert_eq!(
        request,
        OpenSessionRequest {
            tag: 0,
            privilege: None,
            console_session_id: IPMITOOL_SESSION_ID,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(
        response,
        OpenSessionResponse::Accepted {
            tag: 0,
            privilege: None,
            console_session_id: IPMITOOL_SESSION_ID,
            bmc_session_id: 2,
            algorithms: SHA1_AES,
        }
    );
}

#[test]
fn ipmipower_names_its_privilege_level_and_counts_its_tags() {
    let (request, response) = IPMIPOWER.open_session();
    assert_eq!(
        request,
        OpenSessionRequest {
            tag: 0x43,
            privilege: Some(Privilege::Administrator),
            console_session_id: 0xccab_b8b0,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(
        response,
        OpenSessionResponse::Accepted {
            tag: 0x43,
            privilege: Some(Privilege::Administrator),
            console_session_id: 0xccab_b8b0,
            bmc_session_id: 0x82,
            algorithms: SHA1_AES,
        }
    );
    assert_eq!(IPMIPOWER.rakp1().tag, 0x44);
    assert_eq!(IPMIPOWER.rakp3().tag, 0x45);
}

/// The numbers of the suites' algorithms (§22.15.2, table 22-20), as the programs have them.
#[test]
fn every_session_was_opened_with_the_algorithms_of_its_suite() {
    for session in SESSIONS {
        let (request, response) = session.open_session();
        assert_eq!(request.algorithms, session.suite().algorithms());
        assert_eq!(CipherSuite::from_algorithms(request.algorithms), Some(session.suite()));
        let OpenSessionResponse::Accepted { algorithms, .. } = response else {
            panic!("{response:?}")
        };
        assert_eq!(algorithms, request.algorithms);
    }
}

#[test]
fn rakp_messages_name_the_sessions_the_role_and_the_user() {
    for session in SESSIONS {
        let (request, response) = session.open_session();
        let OpenSessionResponse::Accepted { bmc_session_id, .. } = response else {
            panic!("{response:?}")
        };
        let rakp1 = session.rakp1();
        assert_eq!(rakp1.bmc_session_id, bmc_session_id);
        assert_eq!(rakp1.role, Role { privilege: session.privilege, name_only: true });
        assert_eq!(rakp1.username, Username::new(USER).unwrap());

        let (exchange, _) = session.rakp2();
        assert_eq!(exchange.console_session_id, request.console_session_id);

        let rakp3 = session.rakp3();
        assert_eq!(rakp3.status, RmcpPlusStatus::NO_ERRORS);
        assert_eq!(rakp3.bmc_session_id, bmc_session_id);
    }
}

#[test]
fn rakp_codes_are_those_that_the_programs_computed() {
    for session in SESSIONS {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        assert_eq!(exchange.rakp2_code(&password), rakp2_code);
        assert!(exchange.is_rakp2_genuine(&password, &rakp2_code));

        let rakp3_code = session.rakp3().code;
        assert_eq!(exchange.rakp3_code(&password), rakp3_code);
        assert!(exchange.is_rakp3_genuine(&password, &rakp3_code));

        let rakp4_code = session.rakp4_code();
        assert_eq!(session.integrity_key().rakp4_code(), rakp4_code);
        assert!(session.integrity_key().is_rakp4_genuine(&rakp4_code));
    }
}

/// Whole hashes in RAKP 2 and 3; in RAKP 4 cut as the *authentication* algorithm has it (§13.28.1).
#[test]
fn rakp_codes_are_as_long_as_their_algorithm_has_them() {
    for session in SESSIONS {
        let (whole, cut) = match session.suite().algorithms().authentication {
            0 => (0, 0),
            1 => (20, 12),
            2 => (16, 16),
            _ => (32, 16),
        };
        let codes = [session.rakp2().1, session.rakp3().code, session.rakp4_code()];
        assert_eq!(codes.map(|code| code.len()), [whole, whole, cut], "{}", session.suite());
    }
}

#[test]
fn a_wrong_password_shows_in_rakp_2_and_rakp_3() {
    for session in with_rakp_codes() {
        let (exchange, rakp2_code) = session.rakp2();
        for wrong in ["", "Secret", "secret ", "twenty-bytes-of-pasS"] {
            let password = Password::new(wrong).unwrap();
            assert!(!exchange.is_rakp2_genuine(&password, &rakp2_code));
            assert!(!exchange.is_rakp3_genuine(&password, &session.rakp3().code));
        }
    }
}

#[test]
fn a_wrong_or_missing_kg_shows_in_rakp_4() {
    let session = IPMITOOL_WITH_KG;
    let (exchange, _) = session.rakp2();
    for kg in [None, Some(Kg::new("kg-of-another-bmc").unwrap())] {
        let key = exchange.session_integrity_key(&session.password(), kg.as_ref());
        assert!(!key.is_rakp4_genuine(&session.rakp4_code()));
    }
}

#[test]
fn every_field_of_the_login_goes_into_the_codes() {
    const OF_RAKP_2: u8 = 1;
    const OF_RAKP_3: u8 = 2;
    const OF_RAKP_4: u8 = 4;
    let all = OF_RAKP_2 | OF_RAKP_3 | OF_RAKP_4;
    let changed: [(Change, u8); 8] = [
        (change_suite, all),
        (|exchange| exchange.console_session_id ^= 1, OF_RAKP_2 | OF_RAKP_3),
        (|exchange| exchange.bmc_session_id ^= 1, OF_RAKP_2 | OF_RAKP_4),
        (|exchange| exchange.console_random.reverse(), OF_RAKP_2 | OF_RAKP_4),
        // RAKP 4 has the BMC's random number in its key.
        (|exchange| exchange.bmc_random.reverse(), all),
        (|exchange| exchange.bmc_guid.reverse(), OF_RAKP_2 | OF_RAKP_4),
        // RAKP 4 has role and name in its key.
        (|exchange| exchange.role.name_only = false, all),
        (|exchange| exchange.username = Username::new("admim").unwrap(), all),
    ];
    for session in with_rakp_codes().filter(|session| session.kg.is_none()) {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        for (number, (change, codes)) in changed.into_iter().enumerate() {
            let mut exchange = exchange.clone();
            change(&mut exchange);
            let key = exchange.session_integrity_key(&password, None);
            for (is_genuine, code) in [
                (exchange.is_rakp2_genuine(&password, &rakp2_code), OF_RAKP_2),
                (exchange.is_rakp3_genuine(&password, &session.rakp3().code), OF_RAKP_3),
                (key.is_rakp4_genuine(&session.rakp4_code()), OF_RAKP_4),
            ] {
                let is_covered = codes & code != 0;
                assert_eq!(is_genuine, !is_covered, "{}, change {number}", session.suite());
            }
        }
    }
}

type Change = fn(&mut RakpExchange);

/// To one with another hash.
fn change_suite(exchange: &mut RakpExchange) {
    let is_sha256 = exchange.suite.algorithms().authentication == 3;
    exchange.suite = if is_sha256 { CipherSuite::SUITE_3 } else { CipherSuite::SUITE_17 };
}

#[test]
fn one_flipped_bit_in_a_code_and_it_is_wrong() {
    for session in with_rakp_codes() {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        for code in with_one_bit_flipped(&rakp2_code) {
            assert!(!exchange.is_rakp2_genuine(&password, &code));
        }
        for code in with_one_bit_flipped(&session.rakp3().code) {
            assert!(!exchange.is_rakp3_genuine(&password, &code));
        }
        let key = session.integrity_key();
        for code in with_one_bit_flipped(&session.rakp4_code()) {
            assert!(!key.is_rakp4_genuine(&code));
        }
    }
}

#[test]
fn a_code_of_another_length_is_wrong_even_if_it_begins_right() {
    for session in SESSIONS {
        let password = session.password();
        let (exchange, rakp2_code) = session.rakp2();
        for code in of_other_lengths(&rakp2_code) {
            assert!(!exchange.is_rakp2_genuine(&password, &code));
        }
        for code in of_other_lengths(&session.rakp3().code) {
            assert!(!exchange.is_rakp3_genuine(&password, &code));
        }
        let key = session.integrity_key();
        for code in of_other_lengths(&session.rakp4_code()) {
            assert!(!key.is_rakp4_genuine(&code));
        }
    }
}

fn with_one_bit_flipped(code: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    crate::sessions::with_one_bit_flipped(code, 0).map(|(_, code)| code)
}
