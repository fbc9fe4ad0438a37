//! Any datagram, and what is inside it: no parser panics, and what it takes it takes again when it is written.

#![no_main]

use fence_agents_fuzz::reread;
use ipmi_lan::command::{Command, SendMessage};
use ipmi_lan::wire::{
    Datagram, NetworkFunction, OpenSessionRequest, OpenSessionResponse, Packet20, PayloadType,
    Rakp1, Rakp2, Rakp3, Rakp4, RequestMessage, ResponseMessage,
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    match reread(bytes, Datagram::parse, Datagram::to_bytes) {
        Some(Datagram::Ipmi15(packet)) => reread_message(&packet.payload),
        Some(Datagram::Ipmi20(packet)) => reread_payload(&packet),
        Some(Datagram::PresencePing(_) | Datagram::PresencePong(_)) | None => {}
    }
});

fn reread_payload(packet: &Packet20) {
    let bytes = &packet.payload;
    match packet.payload_type {
        PayloadType::Ipmi => reread_message(bytes),
        PayloadType::OpenSessionRequest => {
            reread(bytes, OpenSessionRequest::parse, OpenSessionRequest::to_bytes);
        }
        PayloadType::OpenSessionResponse => {
            reread(bytes, OpenSessionResponse::parse, OpenSessionResponse::to_bytes);
        }
        PayloadType::Rakp1 => drop(reread(bytes, Rakp1::parse, Rakp1::to_bytes)),
        PayloadType::Rakp2 => drop(reread(bytes, Rakp2::parse, Rakp2::to_bytes)),
        PayloadType::Rakp3 => drop(reread(bytes, Rakp3::parse, Rakp3::to_bytes)),
        PayloadType::Rakp4 => drop(reread(bytes, Rakp4::parse, Rakp4::to_bytes)),
        PayloadType::Other(_) => {}
    }
}

fn reread_message(bytes: &[u8]) {
    reread(bytes, ResponseMessage::parse_without_checksums, ResponseMessage::to_bytes);
    let response = reread(bytes, ResponseMessage::parse, ResponseMessage::to_bytes);
    if let Some(response) = response.filter(|it| is_send_message(it.network_function, it.command)) {
        reread_message(&response.data);
    }
    let request = reread(bytes, RequestMessage::parse, RequestMessage::to_bytes);
    if let Some(request) = request.filter(|it| is_send_message(it.network_function, it.command))
        && let Some(bridged) = reread(&request.data, SendMessage::from_data, SendMessage::to_data)
    {
        reread_message(&bridged.message);
    }
}

/// Then there is another message inside.
fn is_send_message(network_function: NetworkFunction, command: u8) -> bool {
    (network_function, command) == (SendMessage::NETWORK_FUNCTION, SendMessage::NUMBER)
}
