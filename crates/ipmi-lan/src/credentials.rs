use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Why a name, password or key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialError {
    /// A user name has at most 16 bytes (IPMI 2.0 §13.20).
    #[error("the user name has {length} bytes; IPMI allows at most {max}", max = Username::MAX)]
    UsernameTooLong {
        /// How many it has.
        length: usize,
    },
    /// A password has at most 20 bytes in IPMI 2.0 (§22.30).
    #[error("the password has {length} bytes; IPMI 2.0 allows at most {max}", max = Password::MAX)]
    PasswordTooLong {
        /// How many it has.
        length: usize,
    },
    /// A NUL byte in the password would end it (passwords are NUL-padded, IPMI 2.0 §22.30).
    #[error("the password contains a NUL byte, which IPMI cannot carry")]
    PasswordWithNul,
    /// A Kg has at most 20 bytes (IPMI 2.0 §22.25).
    #[error("the Kg key has {length} bytes; IPMI allows at most {max}", max = Kg::MAX)]
    KgTooLong {
        /// How many it has.
        length: usize,
    },
    /// The Kg was not written in pairs of hexadecimal digits.
    #[error("the Kg key is not an even number of hexadecimal digits")]
    KgNotHexadecimal,
}

/// A user name of up to 16 bytes; the empty one is the null user.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Username {
    bytes: [u8; Self::MAX],
    length: u8,
}

impl Username {
    /// The longest name, in bytes.
    pub const MAX: usize = 16;

    /// A name; longer than [`Username::MAX`] is an error, never cut.
    ///
    /// # Errors
    /// [`CredentialError::UsernameTooLong`].
    pub fn new(name: impl AsRef<[u8]>) -> Result<Self, CredentialError> {
        let name = name.as_ref();
        let too_long = CredentialError::UsernameTooLong { length: name.len() };
        let mut bytes = [0; Self::MAX];
        bytes.get_mut(..name.len()).ok_or(too_long)?.copy_from_slice(name);
        Ok(Self { bytes, length: u8::try_from(name.len()).map_err(|_| too_long)? })
    }

    /// The name's bytes, without padding.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// The name padded with NUL, as IPMI 1.5 sends it (IPMI 2.0 §22.16).
    pub(crate) fn padded(&self) -> [u8; Self::MAX] {
        self.bytes
    }

    /// The name with its padding as part of it.
    pub(crate) fn filled_up(&self) -> Self {
        Self { bytes: self.bytes, length: 16 }
    }

    /// The name before the padding.
    pub(crate) fn from_padded(bytes: [u8; Self::MAX]) -> Self {
        let name = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
        Self::new(name).unwrap_or_default() // never longer than sixteen bytes
    }

    pub(crate) fn length(&self) -> u8 {
        self.length
    }
}

impl fmt::Debug for Username {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.as_bytes().escape_ascii())
    }
}

/// A password of up to 20 bytes; the default is the empty one. It cannot be printed, and is wiped when dropped.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct Password(Key);

impl Password {
    /// The longest password, in bytes.
    pub const MAX: usize = Key::LENGTH;

    /// As much of it as IPMI 1.5 uses.
    pub const MAX_15: usize = 16;

    /// A password; longer than [`Password::MAX`] is an error, never cut.
    ///
    /// # Errors
    /// [`CredentialError::PasswordTooLong`], [`CredentialError::PasswordWithNul`].
    pub fn new(password: impl AsRef<[u8]>) -> Result<Self, CredentialError> {
        let password = password.as_ref();
        if password.contains(&0) {
            return Err(CredentialError::PasswordWithNul);
        }
        let too_long = CredentialError::PasswordTooLong { length: password.len() };
        Key::padded(password).map(Self).ok_or(too_long)
    }

    /// The password as IPMI 1.5 has it: 16 bytes, padded with NUL (IPMI 2.0 §22.17.1).
    pub(crate) fn key15(&self) -> Zeroizing<[u8; Self::MAX_15]> {
        Zeroizing::new(self.0.as_bytes().first_chunk().copied().unwrap_or_default())
    }

    /// Whether it is the empty one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.as_bytes().iter().all(|byte| *byte == 0)
    }

    /// Whether IPMI 1.5 cannot carry all of it.
    #[must_use]
    pub fn is_longer_than_15_carries(&self) -> bool {
        self.0.as_bytes().iter().skip(Self::MAX_15).any(|byte| *byte != 0)
    }

    /// The password as a key: 20 bytes, padded with NUL (IPMI 2.0 §13.31).
    pub(crate) fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// The BMC key Kg, for BMCs with "two-key" login (IPMI 2.0 §13.31, §22.25). It cannot be printed, and is wiped
/// when dropped. Unlike a password it may contain NUL bytes.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Kg(Key);

impl Kg {
    /// The longest key, in bytes.
    pub const MAX: usize = Key::LENGTH;

    /// A key of raw bytes.
    ///
    /// # Errors
    /// [`CredentialError::KgTooLong`].
    pub fn new(key: impl AsRef<[u8]>) -> Result<Self, CredentialError> {
        let key = key.as_ref();
        Key::padded(key).map(Self).ok_or(CredentialError::KgTooLong { length: key.len() })
    }

    /// A key written in hexadecimal, optionally with a leading `0x`.
    ///
    /// # Errors
    /// [`CredentialError::KgTooLong`], [`CredentialError::KgNotHexadecimal`].
    pub fn from_hex(text: &str) -> Result<Self, CredentialError> {
        let digits = text.strip_prefix("0x").unwrap_or(text).as_bytes();
        let (pairs, []) = digits.as_chunks() else { return Err(CredentialError::KgNotHexadecimal) };
        let mut bytes = Zeroizing::new(Vec::with_capacity(pairs.len()));
        for pair in pairs {
            bytes.push(byte_of_hex(pair).ok_or(CredentialError::KgNotHexadecimal)?);
        }
        Self::new(&*bytes)
    }

    pub(crate) fn key(&self) -> &Key {
        &self.0
    }
}

impl fmt::Debug for Kg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Kg(…)")
    }
}

/// Twenty bytes of key, shorter ones padded with NUL.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Key([u8; Self::LENGTH]);

impl Key {
    const LENGTH: usize = 20;

    fn padded(bytes: &[u8]) -> Option<Self> {
        let mut key = Self([0; Self::LENGTH]);
        key.0.get_mut(..bytes.len())?.copy_from_slice(bytes);
        Some(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn byte_of_hex(pair: &[u8; 2]) -> Option<u8> {
    let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
    u8::try_from(high? * 16 + low?).ok()
}

/// A privilege level of a user or session (IPMI 2.0 §6.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// May only ask for a callback.
    Callback,
    /// May read, the power state among it.
    User,
    /// May also switch power.
    Operator,
    /// May also configure.
    Administrator,
    /// OEM proprietary level.
    Oem,
}

impl Privilege {
    pub(crate) fn from_bits(bits: u8) -> Option<Self> {
        match bits {
            1 => Some(Self::Callback),
            2 => Some(Self::User),
            3 => Some(Self::Operator),
            4 => Some(Self::Administrator),
            5 => Some(Self::Oem),
            _ => None,
        }
    }

    pub(crate) fn bits(self) -> u8 {
        match self {
            Self::Callback => 1,
            Self::User => 2,
            Self::Operator => 3,
            Self::Administrator => 4,
            Self::Oem => 5,
        }
    }

    pub(crate) fn bits_or_highest(level: Option<Self>) -> u8 {
        level.map_or(0, Self::bits)
    }
}

impl fmt::Display for Privilege {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Callback => "callback",
            Self::User => "user",
            Self::Operator => "operator",
            Self::Administrator => "administrator",
            Self::Oem => "OEM",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_errors_and_nothing_is_cut() {
        assert!(Username::new([b'u'; 16]).is_ok());
        assert_eq!(Username::new([b'u'; 17]), Err(CredentialError::UsernameTooLong { length: 17 }));
        assert!(Password::new([b'p'; 20]).is_ok());
        assert_eq!(
            Password::new([b'p'; 21]).err(),
            Some(CredentialError::PasswordTooLong { length: 21 })
        );
        assert_eq!(Password::new("a\0b").err(), Some(CredentialError::PasswordWithNul));
        assert!(Kg::new([0; 20]).is_ok());
        assert_eq!(Kg::new([0; 21]).err(), Some(CredentialError::KgTooLong { length: 21 }));
    }

    #[test]
    fn kg_is_read_from_hexadecimal() {
        let kg = Kg::from_hex("0x00fFa1").unwrap();
        assert_eq!(kg.key().as_bytes()[..4], [0x00, 0xff, 0xa1, 0x00]);
        for wrong in ["0", "zz", "0x1", "é0"] {
            assert_eq!(Kg::from_hex(wrong).err(), Some(CredentialError::KgNotHexadecimal));
        }
    }

    #[test]
    fn secrets_do_not_print() {
        let printed =
            format!("{:?} {:?}", Password::new("s3cret").unwrap(), Kg::new("kgkg").unwrap());
        assert_eq!(printed, "Password(…) Kg(…)");
    }
}
