/// Why bytes are not the message they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The datagram ended before the message did.
    #[error("{message} is cut short")]
    Truncated {
        /// Which message was being read.
        message: &'static str,
    },
    /// A field holds a value that the specification does not allow there.
    #[error("{message}: {field} is {value:#04x}")]
    Field {
        /// Which message was being read.
        message: &'static str,
        /// Which of its fields.
        field: &'static str,
        /// What it held.
        value: u32,
    },
    /// A two's complement checksum of an IPMI message is wrong (IPMI 2.0 §13.8).
    #[error("{message}: wrong checksum")]
    Checksum {
        /// Which message was being read.
        message: &'static str,
    },
}

/// Reads the fields of one message in order; nothing beyond the end is ever touched.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a> {
    message: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(message: &'static str, bytes: &'a [u8]) -> Self {
        Self { message, rest: bytes }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// All multi-byte fields of IPMI are little-endian, unless said otherwise (IPMI 2.0 §1.4).
    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.array().map(u16::from_le_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.array().map(u32::from_le_bytes)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (head, rest) = self.rest.split_first_chunk().ok_or(self.truncated())?;
        self.rest = rest;
        Ok(*head)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], WireError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(self.truncated())?;
        self.rest = rest;
        Ok(head)
    }

    pub(crate) fn skip(&mut self, count: usize) -> Result<(), WireError> {
        self.bytes(count).map(drop)
    }

    /// Everything that is left.
    pub(crate) fn rest(self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn expect(&mut self, field: &'static str, value: u8) -> Result<(), WireError> {
        match self.u8()? {
            found if found == value => Ok(()),
            found => Err(self.field(field, found)),
        }
    }

    pub(crate) fn field(&self, field: &'static str, value: impl Into<u32>) -> WireError {
        WireError::Field { message: self.message, field, value: value.into() }
    }

    fn truncated(&self) -> WireError {
        WireError::Truncated { message: self.message }
    }
}
