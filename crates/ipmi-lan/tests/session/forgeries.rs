//! Nothing forged is believed, and no stranger changes anything.

use std::cell::RefCell;
use std::rc::Rc;

use bmc_sim::Power;
use ipmi_lan::command::{ChassisStatus, Command, GetChassisStatus};
use ipmi_lan::session::{Event, Input, Output, Session};
use ipmi_lan::wire::{
    Address, Authentication15, Datagram, Packet15, Packet20, PayloadType, ResponseMessage,
};
use ipmi_lan::{CompletionCode, Error};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::pair::{Delivered, From, MILLISECOND, Pair, SECOND, as_it_is, config, payload_type_of};

/// "Power is off", as an answer to every request that could be under way.
fn lies() -> impl Iterator<Item = Vec<u8>> {
    let status = ChassisStatus {
        power_on: false,
        power_fault: false,
        power_control_fault: false,
        last_power_event: 0,
        miscellaneous: 0,
    };
    (0..64).map(move |sequence| {
        ResponseMessage {
            to: Address::REMOTE_CONSOLE,
            from: Address::BMC,
            network_function: GetChassisStatus::NETWORK_FUNCTION,
            command: GetChassisStatus::NUMBER,
            sequence,
            completion: CompletionCode::OK,
            data: status.to_data(),
        }
        .to_bytes()
    })
}

/// The forgeries that ipmitool believes, and some more, given the session id.
fn forgeries(session_id: u32, genuine: &Packet20) -> Vec<Vec<u8>> {
    let mut forgeries = vec![Vec::new(), vec![0], vec![0xff; 2000]];
    for lie in lies() {
        let plain = |session_id, sequence| Packet20 {
            session_id,
            sequence,
            ..Packet20::sessionless(PayloadType::Ipmi, lie.clone())
        };
        let in_15 = |session_id, authentication| {
            let payload = lie.clone();
            Datagram::Ipmi15(Packet15 { authentication, sequence: 2, session_id, payload })
        };
        let claims_to_be_encrypted = Packet20 { encrypted: true, ..plain(session_id, 2) };
        let with_foreign_trailer =
            Packet20 { payload: lie.clone(), encrypted: false, ..genuine.clone() };
        forgeries.extend(
            [
                in_15(0, Authentication15::None),
                in_15(session_id, Authentication15::None),
                in_15(session_id, Authentication15::Md5([0; 16])),
                in_15(session_id, Authentication15::Password([0; 16])),
                Datagram::Ipmi20(plain(0, 0)),
                Datagram::Ipmi20(plain(session_id, 0)),
                Datagram::Ipmi20(plain(session_id, 2)),
                Datagram::Ipmi20(plain(session_id.wrapping_add(1), 2)),
                Datagram::Ipmi20(claims_to_be_encrypted),
                Datagram::Ipmi20(with_foreign_trailer),
            ]
            .map(|datagram| datagram.to_bytes()),
        );
    }
    forgeries
}

#[test]
fn in_a_session_only_sealed_packets_of_that_session_count() {
    let mut pair = Pair::new(|from, datagram| {
        let mut delivered: Delivered = Vec::new();
        if let (From::Bmc, Ok(Datagram::Ipmi20(packet))) = (from, Datagram::parse(datagram))
            && packet.session_id != 0
        {
            for forgery in forgeries(packet.session_id, &packet) {
                delivered.push((MILLISECOND, forgery));
            }
        }
        delivered.push((2 * MILLISECOND, datagram.to_vec()));
        delivered
    });
    pair.log_in().unwrap();
    for _ in 0..70 {
        assert!(pair.is_power_on().unwrap(), "power is on, whatever the forgeries say");
    }
    pair.close();
}

#[test]
fn an_answer_of_an_earlier_time_is_not_taken_for_one_of_now() {
    let recorded = Rc::new(RefCell::new(Vec::new()));
    let recorder = Rc::clone(&recorded);
    let mut pair = Pair::new(move |from, datagram| {
        let mut delivered: Delivered = Vec::new();
        if from == From::Bmc && payload_type_of(datagram) == Some(PayloadType::Ipmi) {
            delivered
                .extend(recorder.borrow().iter().map(|old: &Vec<u8>| (MILLISECOND, old.clone())));
            recorder.borrow_mut().push(datagram.to_vec());
        }
        delivered.push((2 * MILLISECOND, datagram.to_vec()));
        delivered
    });
    pair.log_in().unwrap();
    pair.bmc.set_power(pair.now, Power::Off);
    assert!(!pair.is_power_on().unwrap());
    pair.bmc.set_power(pair.now, Power::On);
    // More than 64 requests, so that request sequence numbers come round.
    for _ in 0..130 {
        assert!(pair.is_power_on().unwrap(), "the old answer says off");
    }
    assert_eq!(recorded.borrow().len(), 132);
}

#[test]
fn a_bad_rakp_2_is_a_wrong_password_and_rakp_3_is_never_sent() {
    for (byte, what) in [(24, "random number"), (40, "GUID"), (56, "code")] {
        let mut pair = Pair::new(move |_, datagram| {
            let mut datagram = datagram.to_vec();
            if payload_type_of(&datagram) == Some(PayloadType::Rakp2) {
                datagram[byte] ^= 1;
            }
            as_it_is(&datagram)
        });
        assert!(matches!(pair.log_in(), Err(Error::WrongPassword)), "{what}");
        assert_eq!(pair.count_sent(PayloadType::Rakp3), 0, "{what}");
    }
}

#[test]
fn a_rakp_2_without_code_is_a_wrong_password() {
    let mut pair = Pair::new(|_, datagram| match Datagram::parse(datagram) {
        Ok(Datagram::Ipmi20(mut packet)) if packet.payload_type == PayloadType::Rakp2 => {
            packet.payload.truncate(40);
            as_it_is(&Datagram::Ipmi20(packet).to_bytes())
        }
        _ => as_it_is(datagram),
    });
    assert!(matches!(pair.log_in(), Err(Error::WrongPassword)));
    assert_eq!(pair.count_sent(PayloadType::Rakp3), 0);
}

#[test]
fn weaker_algorithms_than_proposed_are_not_accepted() {
    let mut pair = Pair::new(|_, datagram| {
        let mut datagram = datagram.to_vec();
        if payload_type_of(&datagram) == Some(PayloadType::OpenSessionResponse) {
            let last = datagram.len() - 4;
            datagram[last] = 0; // confidentiality: none
        }
        as_it_is(&datagram)
    });
    assert!(matches!(pair.log_in(), Err(Error::AlgorithmsChanged)));
}

#[test]
fn answers_with_a_foreign_tag_or_session_id_are_strangers() {
    for payload_type in [PayloadType::OpenSessionResponse, PayloadType::Rakp2, PayloadType::Rakp4] {
        for byte in [16, 20] {
            let mut pair = Pair::new(move |_, datagram| {
                let mut delivered = as_it_is(datagram);
                if payload_type_of(datagram) == Some(payload_type) {
                    let mut stranger = datagram.to_vec();
                    stranger[byte] ^= 0x55;
                    let mut refusal = stranger.clone();
                    refusal[17] = 0x0d;
                    delivered.insert(0, (MILLISECOND / 2, stranger));
                    delivered.insert(0, (MILLISECOND / 2, refusal));
                }
                delivered
            });
            pair.log_in().unwrap();
            assert_eq!(pair.sent.len(), 5, "{payload_type:?}: nothing is sent for a stranger");
        }
    }
}

#[test]
fn strangers_restart_no_timer() {
    let now = std::time::Instant::now();
    let mut session = Session::login(config(), StdRng::seed_from_u64(1), now, now + 60 * SECOND);
    let (mut sent, mut elapsed) = (0, MILLISECOND);
    loop {
        match session.poll_output() {
            Output::Transmit(_) => sent += 1,
            Output::ChangePort => {}
            Output::Event(Event::LoginFailed(Error::NoAnswer(_))) => break,
            Output::Event(event) => panic!("{event:?}"),
            Output::Wait(until) => {
                // A stranger's datagram every 10 ms, and the time-outs when they are due.
                elapsed += 10 * MILLISECOND;
                session.handle_input(now + elapsed, Input::Receive(&[6, 0, 0xff, 7, 6, 0x11]));
                if until.unwrap() <= now + elapsed {
                    session.handle_input(now + elapsed, Input::Timeout);
                }
            }
        }
    }
    assert_eq!(sent, 20);
    assert!(elapsed <= 5 * SECOND + 10 * MILLISECOND, "{elapsed:?}");
}

#[test]
fn a_refusal_with_tag_0_is_believed_only_if_nothing_better_comes() {
    use ipmi_lan::RmcpPlusStatus;
    use ipmi_lan::wire::{OpenSessionResponse, Rakp2, Rakp4};
    let refusal = |payload_type| {
        let (tag, status, console_session_id) = (0, RmcpPlusStatus::UNAUTHORIZED_NAME, Some(0));
        let payload = match payload_type {
            PayloadType::OpenSessionResponse => {
                OpenSessionResponse::Refused { tag, status, console_session_id }.to_bytes()
            }
            PayloadType::Rakp2 => Rakp2::Refused { tag, status, console_session_id }.to_bytes(),
            _ => Rakp4::Refused { tag, status, console_session_id }.to_bytes(),
        };
        Datagram::Ipmi20(Packet20::sessionless(payload_type, payload)).to_bytes()
    };
    let kinds = [PayloadType::OpenSessionResponse, PayloadType::Rakp2, PayloadType::Rakp4];
    for kind in kinds {
        let mut pair = Pair::new(move |_, datagram| {
            let mut delivered = as_it_is(datagram);
            if payload_type_of(datagram) == Some(kind) {
                delivered.insert(0, (MILLISECOND / 2, refusal(kind)));
            }
            delivered
        });
        pair.log_in().unwrap();
        assert_eq!(pair.sent.len(), 5, "{kind:?}: nothing is sent for it");

        let mut pair = Pair::new(move |_, datagram| match payload_type_of(datagram) {
            Some(it) if it == kind => vec![(MILLISECOND, refusal(kind))],
            _ => as_it_is(datagram),
        });
        let error = pair.log_in().unwrap_err();
        assert!(error.to_string().contains("unauthorized name (0x0d)"), "{error}");
        assert!(pair.elapsed() < 2 * SECOND, "{kind:?}: {:?}", pair.elapsed());
    }
}
