use super::{Reader, WireError};
use crate::CompletionCode;

/// The BMC's slave address (IPMI 2.0 §5.5).
pub const BMC_ADDRESS: u8 = 0x20;
/// Software id of a remote console, 40h, as an address (IPMI 2.0 §5.5).
pub const REMOTE_CONSOLE_ADDRESS: u8 = 0x81;

/// Network function of a request, an even number (IPMI 2.0 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NetworkFunction(u8);

impl NetworkFunction {
    /// Chassis device requests.
    pub const CHASSIS: Self = Self(0x00);
    /// Application requests: device id, sessions, users, channels.
    pub const APPLICATION: Self = Self(0x06);

    /// The network function of a request. `None` when it is odd (those are responses) or does not fit six bits.
    #[must_use]
    pub fn of_request(number: u8) -> Option<Self> {
        (number.is_multiple_of(2) && number < 0x40).then_some(Self(number))
    }

    /// The number, as in the specification's tables.
    #[must_use]
    pub fn number(self) -> u8 {
        self.0
    }

    fn of_response(self) -> u8 {
        self.0 | 1
    }
}

/// An IPMI request to the BMC itself (LUN 0), as it travels over LAN (IPMI 2.0 §13.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMessage {
    /// What kind of command.
    pub network_function: NetworkFunction,
    /// Which command.
    pub command: u8,
    /// Sequence number, six bits: pairs the answer with the request.
    pub sequence: u8,
    /// The command's data.
    pub data: Vec<u8>,
}

impl RequestMessage {
    /// Parses a request.
    ///
    /// # Errors
    /// When it is cut short, a checksum is wrong, or it is not to the BMC.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = Fields::parse("IPMI request", bytes)?;
        let reader = Reader::new("IPMI request", &[]);
        if fields.to != BMC_ADDRESS {
            return Err(reader.field("responder's address", fields.to));
        }
        let network_function = NetworkFunction::of_request(fields.network_function)
            .ok_or(reader.field("network function", fields.network_function))?;
        Ok(Self {
            network_function,
            command: fields.command,
            sequence: fields.sequence,
            data: fields.data.to_vec(),
        })
    }

    /// The message with its checksums.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        Fields {
            to: BMC_ADDRESS,
            from: REMOTE_CONSOLE_ADDRESS,
            network_function: self.network_function.number(),
            sequence: self.sequence,
            command: self.command,
            data: &self.data,
        }
        .to_bytes()
    }
}

/// The answer of the BMC to a [`RequestMessage`] (IPMI 2.0 §13.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseMessage {
    /// The network function of the *request*.
    pub network_function: NetworkFunction,
    /// The command that is answered.
    pub command: u8,
    /// The sequence number of the request.
    pub sequence: u8,
    /// Success, or why not.
    pub completion: CompletionCode,
    /// What the command answers; empty, as a rule, unless it succeeded.
    pub data: Vec<u8>,
}

impl ResponseMessage {
    /// Parses a response.
    ///
    /// # Errors
    /// When it is cut short, a checksum is wrong, or it is not from the BMC to a remote console.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = Fields::parse("IPMI response", bytes)?;
        let mut reader = Reader::new("IPMI response", fields.data);
        if fields.to != REMOTE_CONSOLE_ADDRESS {
            return Err(reader.field("requester's address", fields.to));
        }
        if fields.from != BMC_ADDRESS {
            return Err(reader.field("responder's address", fields.from));
        }
        if fields.network_function & 1 == 0 {
            return Err(reader.field("network function", fields.network_function));
        }
        Ok(Self {
            network_function: NetworkFunction(fields.network_function & !1),
            command: fields.command,
            sequence: fields.sequence,
            completion: CompletionCode(reader.u8()?),
            data: reader.rest().to_vec(),
        })
    }

    /// The message with its checksums.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut data = vec![self.completion.0];
        data.extend_from_slice(&self.data);
        Fields {
            to: REMOTE_CONSOLE_ADDRESS,
            from: BMC_ADDRESS,
            network_function: self.network_function.of_response(),
            sequence: self.sequence,
            command: self.command,
            data: &data,
        }
        .to_bytes()
    }
}

/// The layout that requests and responses share (IPMI 2.0 §13.8, figure 13-4).
struct Fields<'a> {
    to: u8,
    from: u8,
    network_function: u8,
    sequence: u8,
    command: u8,
    data: &'a [u8],
}

impl<'a> Fields<'a> {
    fn parse(message: &'static str, bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message, bytes);
        let [to, function_and_lun, _] = checked(message, reader.bytes(3)?)?;
        let second_part = reader.rest();
        let [from, sequence_and_lun, command] = checked(message, second_part)?;
        reader.skip(3)?;
        let data = reader.rest();
        let (_checksum, data) = data.split_last().ok_or(WireError::Truncated { message })?;
        Ok(Self {
            to,
            from,
            network_function: function_and_lun >> 2,
            sequence: sequence_and_lun >> 2,
            command,
            data,
        })
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.to, self.network_function << 2];
        bytes.push(checksum(&bytes));
        let mut second_part = vec![self.from, self.sequence << 2, self.command];
        second_part.extend_from_slice(self.data);
        second_part.push(checksum(&second_part));
        bytes.extend_from_slice(&second_part);
        bytes
    }
}

/// The first three bytes of a part whose checksum is right.
fn checked(message: &'static str, part: &[u8]) -> Result<[u8; 3], WireError> {
    match part.first_chunk() {
        None => Err(WireError::Truncated { message }),
        Some(_) if sum(part) != 0 => Err(WireError::Checksum { message }),
        Some(head) => Ok(*head),
    }
}

/// Two's complement checksum: with it, the bytes sum to zero (IPMI 2.0 §13.8).
fn checksum(bytes: &[u8]) -> u8 {
    sum(bytes).wrapping_neg()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
