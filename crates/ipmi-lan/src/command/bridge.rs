use super::Command;
use crate::wire::{NetworkFunction, Reader, WireError};

/// Send Message: has the BMC pass a request on to another channel (IPMI 2.0 §22.7), and keep track of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SendMessage {
    /// Where to: the number of the channel, 0 to 15.
    pub channel: u8,
    /// The message with addresses and checksums, as it goes over that channel.
    pub message: Vec<u8>,
}

impl SendMessage {
    /// "Track request": the BMC remembers who asked, and passes the answer on (IPMI 2.0 §22.7, table 22-9).
    const TRACK_REQUEST: u8 = 0x40;
}

impl Command for SendMessage {
    const NAME: &'static str = "Send Message";
    const NETWORK_FUNCTION: NetworkFunction = NetworkFunction::APPLICATION;
    const NUMBER: u8 = 0x34;
    /// The answer that came back, as a message; empty when it comes as a message of its own.
    type Response = Vec<u8>;

    fn to_data(&self) -> Vec<u8> {
        let mut data = vec![Self::TRACK_REQUEST | self.channel & 0x0f];
        data.extend_from_slice(&self.message);
        data
    }

    fn from_data(data: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new("Send Message request", data);
        let channel = reader.u8()? & 0x0f;
        Ok(Self { channel, message: reader.rest().to_vec() })
    }

    fn parse_response(&self, data: &[u8]) -> Result<Vec<u8>, WireError> {
        Ok(data.to_vec())
    }
}
