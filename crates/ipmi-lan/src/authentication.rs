use std::fmt;

/// How a session of IPMI 1.5 is authenticated (IPMI 2.0 §13.6, table 13-8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthenticationType {
    /// 0: not at all.
    None,
    /// 1: a keyed hash with MD2.
    Md2,
    /// 2: a keyed hash with MD5.
    Md5,
    /// 4: the password itself, in clear, in every packet.
    Password,
    /// 5: the vendor's own.
    Oem,
}

impl AuthenticationType {
    /// Every type, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::None, Self::Md2, Self::Md5, Self::Password, Self::Oem];

    /// The number on the wire.
    #[must_use]
    pub fn bits(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Md2 => 1,
            Self::Md5 => 2,
            Self::Password => 4,
            Self::Oem => 5,
        }
    }

    /// The type with this number.
    #[must_use]
    pub fn from_bits(bits: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.bits() == bits)
    }
}

impl fmt::Display for AuthenticationType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Md2 => "md2",
            Self::Md5 => "md5",
            Self::Password => "password",
            Self::Oem => "oem",
        })
    }
}

/// A set of authentication types, as a BMC offers them (IPMI 2.0 §22.13, table 22-15).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthenticationTypes(u8);

impl AuthenticationTypes {
    /// The set with these bits: bit 0 none, 1 MD2, 2 MD5, 4 password, 5 OEM.
    #[must_use]
    pub fn from_bits(bits: u8) -> Self {
        Self(bits & 0x3f)
    }

    /// Its bits.
    #[must_use]
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Whether this type is in it.
    #[must_use]
    pub fn contains(self, kind: AuthenticationType) -> bool {
        self.0 & 1 << kind.bits() != 0
    }
}

impl FromIterator<AuthenticationType> for AuthenticationTypes {
    fn from_iter<I: IntoIterator<Item = AuthenticationType>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | 1 << kind.bits()))
    }
}

impl fmt::Display for AuthenticationTypes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = AuthenticationType::ALL.into_iter().filter(|kind| self.contains(*kind));
        let names: Vec<String> = kinds.map(|kind| kind.to_string()).collect();
        f.write_str(&if names.is_empty() { "no type".to_owned() } else { names.join(", ") })
    }
}
