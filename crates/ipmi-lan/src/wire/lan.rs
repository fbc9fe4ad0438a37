use super::{Reader, WireError};
use crate::CompletionCode;

/// Who sends or gets an IPMI message: a slave address or software id, and a logical unit there (IPMI 2.0 §5.5, §7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// Eight bits: a slave address of the IPMB, an even number, or a software id, an odd one.
    pub slave: u8,
    /// Logical unit number, two bits.
    pub lun: u8,
}

impl Address {
    /// The BMC itself.
    pub const BMC: Self = Self { slave: 0x20, lun: 0 };
    /// Software id 40h, of the remote console.
    pub const REMOTE_CONSOLE: Self = Self { slave: 0x81, lun: 0 };
}

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

/// An IPMI request, as it travels over LAN and IPMB (IPMI 2.0 §13.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestMessage {
    /// Who is asked.
    pub to: Address,
    /// Who asks.
    pub from: Address,
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
    /// When it is cut short, a checksum is wrong, or it is a response.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = Fields::parse("IPMI request", bytes)?;
        Fields::check("IPMI request", bytes)?;
        let network_function = NetworkFunction::of_request(fields.network_function).ok_or(
            Reader::new("IPMI request", &[]).field("network function", fields.network_function),
        )?;
        Ok(Self {
            to: fields.to,
            from: fields.from,
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
            to: self.to,
            from: self.from,
            network_function: self.network_function.number(),
            sequence: self.sequence,
            command: self.command,
            data: &self.data,
        }
        .to_bytes()
    }
}

/// The answer to a [`RequestMessage`] (IPMI 2.0 §13.8).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseMessage {
    /// Who had asked.
    pub to: Address,
    /// Who answers.
    pub from: Address,
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
    /// When it is cut short, a checksum is wrong, or it is a request.
    pub fn parse(bytes: &[u8]) -> Result<Self, WireError> {
        let message = Self::parse_without_checksums(bytes)?;
        Fields::check("IPMI response", bytes)?;
        Ok(message)
    }

    /// Parses a response, whatever its checksums.
    ///
    /// # Errors
    /// When it is cut short, or a request.
    pub fn parse_without_checksums(bytes: &[u8]) -> Result<Self, WireError> {
        let fields = Fields::parse("IPMI response", bytes)?;
        let mut reader = Reader::new("IPMI response", fields.data);
        if fields.network_function & 1 == 0 {
            return Err(reader.field("network function", fields.network_function));
        }
        Ok(Self {
            to: fields.to,
            from: fields.from,
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
            to: self.to,
            from: self.from,
            network_function: self.network_function.of_response(),
            sequence: self.sequence,
            command: self.command,
            data: &data,
        }
        .to_bytes()
    }

    /// Whether this answers the request: from whom it asked, to who asked, the same command and number.
    #[must_use]
    pub fn answers(&self, request: &RequestMessage) -> bool {
        self.from == request.to
            && self.to == request.from
            && self.network_function == request.network_function
            && self.command == request.command
            && self.sequence == request.sequence
    }
}

/// The layout that requests and responses share (IPMI 2.0 §13.8, figure 13-4).
struct Fields<'a> {
    to: Address,
    from: Address,
    network_function: u8,
    sequence: u8,
    command: u8,
    data: &'a [u8],
}

impl<'a> Fields<'a> {
    fn parse(message: &'static str, bytes: &'a [u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(message, bytes);
        let [to, function_and_lun, _checksum, from, sequence_and_lun, command] = reader.array()?;
        let (_checksum, data) =
            reader.rest().split_last().ok_or(WireError::Truncated { message })?;
        Ok(Self {
            to: Address { slave: to, lun: function_and_lun & 0x03 },
            from: Address { slave: from, lun: sequence_and_lun & 0x03 },
            network_function: function_and_lun >> 2,
            sequence: sequence_and_lun >> 2,
            command,
            data,
        })
    }

    /// Whether both checksums are right: that of the first three bytes, and that of the rest.
    fn check(message: &'static str, bytes: &[u8]) -> Result<(), WireError> {
        match bytes.split_at_checked(3) {
            Some((head, tail)) if sum(head) == 0 && sum(tail) == 0 => Ok(()),
            _ => Err(WireError::Checksum { message }),
        }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.to.slave, self.network_function << 2 | self.to.lun & 0x03];
        bytes.push(checksum(&bytes));
        let mut second_part =
            vec![self.from.slave, self.sequence << 2 | self.from.lun & 0x03, self.command];
        second_part.extend_from_slice(self.data);
        second_part.push(checksum(&second_part));
        bytes.extend_from_slice(&second_part);
        bytes
    }
}

/// Two's complement checksum: with it, the bytes sum to zero (IPMI 2.0 §13.8).
fn checksum(bytes: &[u8]) -> u8 {
    sum(bytes).wrapping_neg()
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}
