//! Every datagram is read and written byte for byte.

use crate::exchange::{self, Side};
use ipmi_lan::wire::{
    Datagram, OpenSessionRequest, OpenSessionResponse, Packet20, PayloadType, PresencePing,
    PresencePong, Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage,
};

#[test]
fn every_datagram_is_written_as_it_was_read() {
    for said in exchange::ALL.into_iter().flat_map(exchange::read) {
        let datagram = Datagram::parse(&said.bytes).unwrap();
        assert_eq!(datagram.to_bytes(), said.bytes, "{}", said.title);
    }
}

#[test]
fn every_payload_is_written_as_it_was_read() {
    for said in exchange::ALL.into_iter().flat_map(exchange::read) {
        let (rewritten, payload) = match Datagram::parse(&said.bytes).unwrap() {
            Datagram::Ipmi15(packet) => {
                (rewritten_message(said.by, &packet.payload), packet.payload)
            }
            Datagram::Ipmi20(packet) => match &said.inside {
                None => (rewritten_payload(said.by, &packet), packet.payload),
                Some(message) => (rewritten_message(said.by, message), message.clone()),
            },
            Datagram::PresencePing(_) | Datagram::PresencePong(_) => continue,
        };
        assert_eq!(rewritten, payload, "{}", said.title);
    }
}

#[test]
fn a_pong_answers_the_ping_and_says_ipmi() {
    let exchange = exchange::read(exchange::IPMITOOL_IPMI15);
    let said: Vec<_> =
        exchange.iter().take(2).map(|said| Datagram::parse(&said.bytes).unwrap()).collect();
    assert_eq!(
        said,
        [
            Datagram::PresencePing(PresencePing { tag: 0 }),
            Datagram::PresencePong(PresencePong { tag: 0, ipmi: true }),
        ]
    );
}

fn rewritten_payload(by: Side, packet: &Packet20) -> Vec<u8> {
    let bytes = &packet.payload;
    match packet.payload_type {
        PayloadType::Ipmi => rewritten_message(by, bytes),
        PayloadType::OpenSessionRequest => OpenSessionRequest::parse(bytes).unwrap().to_bytes(),
        PayloadType::OpenSessionResponse => OpenSessionResponse::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp1 => Rakp1::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp2 => Rakp2::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp3 => Rakp3::parse(bytes).unwrap().to_bytes(),
        PayloadType::Rakp4 => Rakp4::parse(bytes).unwrap().to_bytes(),
        other @ PayloadType::Other(_) => panic!("{other:?} is in no fixture"),
    }
}

fn rewritten_message(by: Side, bytes: &[u8]) -> Vec<u8> {
    match by {
        Side::Console => RequestMessage::parse(bytes).unwrap().to_bytes(),
        Side::Bmc => {
            let response = ResponseMessage::parse(bytes).unwrap();
            let unchecked = ResponseMessage::parse_without_checksums(bytes).unwrap();
            assert_eq!(response, unchecked);
            response.to_bytes()
        }
    }
}
