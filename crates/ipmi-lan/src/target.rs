use crate::CompletionCode;
use crate::command::{Command, SendMessage};
use crate::wire::{Address, RequestMessage, ResponseMessage};

/// A controller behind the BMC, to which the BMC passes requests on ("bridging", IPMI 2.0 §6.13, §22.7).
///
/// An answer counts as the target's when it has the target's address. So neither the address of the BMC itself, 20h,
/// nor that of the controller in between is any good for a target: nobody could tell whose answer it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The controller's address on its channel.
    pub address: u8,
    /// Its logical unit, 0 to 3.
    pub lun: u8,
    /// The channel that it is on, as the last one numbers it that passes requests on: 0 is the IPMB.
    pub channel: u8,
    /// A controller in between, if the BMC itself is not on that channel ("double bridging").
    pub transit: Option<Transit>,
}

/// A controller that passes requests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transit {
    /// Its address on its channel.
    pub address: u8,
    /// The channel of the BMC that it is on.
    pub channel: u8,
}

impl Target {
    /// A request is wrapped twice at the most.
    const MOST_LEVELS: u32 = 2;

    /// The controller at this address of the BMC's own IPMB.
    #[must_use]
    pub fn on_ipmb(address: u8) -> Self {
        Self { address, lun: 0, channel: 0, transit: None }
    }

    /// The request, wrapped in Send Message once or twice: what the BMC gets.
    pub(crate) fn wrap(&self, request: &RequestMessage) -> RequestMessage {
        let to = Address { slave: self.address, lun: self.lun };
        let inner = RequestMessage { to, from: Address::BMC, ..request.clone() };
        match self.transit {
            None => send_message(self.channel, &inner, request.sequence),
            Some(transit) => {
                let to = Address { slave: transit.address, lun: 0 };
                let middle = send_message(self.channel, &inner, request.sequence);
                let middle = RequestMessage { to, from: Address::BMC, ..middle };
                send_message(transit.channel, &middle, request.sequence)
            }
        }
    }

    /// What a message is to a request that went to this target. The answer comes inside that to Send Message, or as a
    /// message of its own behind an empty one. On the way to the BMC only its own checksums protect it.
    pub(crate) fn unwrap(
        &self,
        request: &RequestMessage,
        message: ResponseMessage,
        ignores_checksums: bool,
    ) -> Unwrapped {
        let mut message = message;
        for _ in 0..=Self::MOST_LEVELS {
            if message.sequence != request.sequence {
                return Unwrapped::Stranger;
            }
            if !is_answer_to_send_message(&message) {
                return self.judge(request, message);
            }
            if message.completion != CompletionCode::OK {
                return Unwrapped::Answer(message);
            }
            if message.data.is_empty() {
                return Unwrapped::Underway;
            }
            let inside = if ignores_checksums {
                ResponseMessage::parse_without_checksums(&message.data)
            } else {
                ResponseMessage::parse(&message.data)
            };
            let Ok(inside) = inside else { return Unwrapped::Stranger };
            message = inside;
        }
        Unwrapped::Stranger
    }

    /// What another controller says of its own machine is no answer.
    fn judge(&self, request: &RequestMessage, message: ResponseMessage) -> Unwrapped {
        let from = Address { slave: self.address, lun: self.lun };
        let is_answer = message.network_function == request.network_function
            && message.command == request.command
            && message.from == from;
        if is_answer { Unwrapped::Answer(message) } else { Unwrapped::Stranger }
    }
}

/// What a message is to a bridged request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unwrapped {
    /// The answer, or why the request was not passed on.
    Answer(ResponseMessage),
    /// The request was passed on; the answer comes later.
    Underway,
    /// Nothing.
    Stranger,
}

fn is_answer_to_send_message(message: &ResponseMessage) -> bool {
    message.network_function == SendMessage::NETWORK_FUNCTION
        && message.command == SendMessage::NUMBER
}

fn send_message(channel: u8, message: &RequestMessage, sequence: u8) -> RequestMessage {
    SendMessage { channel, message: message.to_bytes() }.to_message(sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::GetChassisStatus;

    /// As ipmitool's `lan` plug-in sends them, but for the session.
    #[test]
    fn a_request_is_wrapped_once_or_twice() {
        let request = GetChassisStatus.to_message(5);
        let once = Target { address: 0x72, lun: 1, channel: 7, transit: None };
        assert_eq!(
            once.wrap(&request).to_bytes(),
            [
                0x20, 0x18, 0xc8, 0x81, 0x14, 0x34,
                0x47, // to the BMC: Send Message, channel 7
                0x72, 0x01, 0x8d, 0x20, 0x14, 0x01, 0xcb, // to the target: Get Chassis Status
                0xf0,
            ]
        );
        let transit = Some(Transit { address: 0x82, channel: 0 });
        let twice = Target { transit, ..once };
        assert_eq!(
            twice.wrap(&request).to_bytes(),
            [
                0x20, 0x18, 0xc8, 0x81, 0x14, 0x34,
                0x40, // to the BMC: Send Message, channel 0
                0x82, 0x18, 0x66, 0x20, 0x14, 0x34,
                0x47, // to the transit: Send Message, channel 7
                0x72, 0x01, 0x8d, 0x20, 0x14, 0x01, 0xcb, // to the target: Get Chassis Status
                0x51, 0xf7,
            ]
        );
    }

    #[test]
    fn an_answer_comes_inside_or_behind_that_to_send_message() {
        let target = Target::on_ipmb(0x72);
        let request = GetChassisStatus.to_message(5);
        let answer = ResponseMessage {
            to: Address::BMC,
            from: Address { slave: 0x72, lun: 0 },
            network_function: GetChassisStatus::NETWORK_FUNCTION,
            command: GetChassisStatus::NUMBER,
            sequence: 5,
            completion: CompletionCode::OK,
            data: vec![1, 0, 0],
        };
        let around = |data| ResponseMessage {
            to: Address::REMOTE_CONSOLE,
            from: Address::BMC,
            network_function: SendMessage::NETWORK_FUNCTION,
            command: SendMessage::NUMBER,
            sequence: 5,
            completion: CompletionCode::OK,
            data,
        };
        let is = |message| target.unwrap(&request, message, false);
        assert_eq!(is(answer.clone()), Unwrapped::Answer(answer.clone()));
        assert_eq!(is(around(answer.to_bytes())), Unwrapped::Answer(answer.clone()));
        let twice = around(around(answer.to_bytes()).to_bytes());
        assert_eq!(is(twice), Unwrapped::Answer(answer.clone()));
        assert_eq!(is(around(Vec::new())), Unwrapped::Underway);
        assert_eq!(is(around(vec![0; 3])), Unwrapped::Stranger);
        assert_eq!(is(ResponseMessage { sequence: 6, ..answer.clone() }), Unwrapped::Stranger);
        let of_the_bmc = ResponseMessage { from: Address::BMC, ..answer.clone() };
        assert_eq!(is(of_the_bmc.clone()), Unwrapped::Stranger);
        assert_eq!(is(around(of_the_bmc.to_bytes())), Unwrapped::Stranger);
        let mut corrupted = answer.to_bytes();
        corrupted[7] ^= 1;
        assert_eq!(is(around(corrupted.clone())), Unwrapped::Stranger);
        assert!(matches!(target.unwrap(&request, around(corrupted), true), Unwrapped::Answer(_)));
        let refused = ResponseMessage { completion: CompletionCode(0xd3), ..around(Vec::new()) };
        assert_eq!(is(refused.clone()), Unwrapped::Answer(refused));
    }
}
