//! The authentication codes of IPMI 1.5 (IPMI 2.0 §22.17.1).

use md2::Md2;
use md5::digest::consts::U16;
use md5::{Digest, Md5};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::wire::{Authentication15, Packet15};
use crate::{AuthenticationType, Password};

/// Makes and checks the authentication codes of one user's packets. Wiped when dropped.
#[derive(Clone)]
pub struct Codes15 {
    kind: AuthenticationType,
    key: Zeroizing<[u8; 16]>,
}

impl Codes15 {
    /// Codes of this type. Only the first sixteen bytes of the password count: IPMI 1.5 has no more (§22.30).
    #[must_use]
    pub fn new(kind: AuthenticationType, password: &Password) -> Self {
        Self { kind, key: password.key15() }
    }

    /// The codes of [`Quirk::Supermicro`](crate::Quirk::Supermicro): one for all packets, made of the challenge.
    #[must_use]
    pub fn supermicro(password: &Password, challenge: &[u8; 16]) -> Self {
        let key = password.key15();
        let used = key.iter().position(|byte| *byte == 0).unwrap_or(key.len());
        let mut mixed =
            Zeroizing::new(<[u8; 16]>::from(Md5::digest(key.get(..used).unwrap_or_default())));
        for (byte, challenge) in mixed.iter_mut().zip(challenge) {
            *byte ^= challenge;
        }
        Self {
            kind: AuthenticationType::Oem,
            key: Zeroizing::new(Md5::digest(mixed.as_slice()).into()),
        }
    }

    /// Their type.
    #[must_use]
    pub fn kind(&self) -> AuthenticationType {
        self.kind
    }

    /// The packet with this message, authenticated.
    #[must_use]
    pub fn seal(&self, session_id: u32, sequence: u32, message: Vec<u8>) -> Packet15 {
        let code = self.code(session_id, sequence, &message);
        let authentication = Authentication15::new(self.kind, *code);
        Packet15 { authentication, sequence, session_id, payload: message }
    }

    /// Whether a right code vouches for the packet's content: those of the other types are the same for all packets.
    #[must_use]
    pub fn vouch_for_content(&self) -> bool {
        matches!(self.kind, AuthenticationType::Md2 | AuthenticationType::Md5)
    }

    /// Whether the packet has the right code, of this type; with type none every packet without a code has. Compared in
    /// constant time.
    #[must_use]
    pub fn is_genuine(&self, packet: &Packet15) -> bool {
        let code = self.code(packet.session_id, packet.sequence, &packet.payload);
        let is_of_kind = packet.authentication.kind() == self.kind;
        is_of_kind && packet.authentication.code().is_none_or(|given| code.ct_eq(given).into())
    }

    fn code(&self, session_id: u32, sequence: u32, message: &[u8]) -> Zeroizing<[u8; 16]> {
        Zeroizing::new(match self.kind {
            AuthenticationType::None => [0; 16],
            AuthenticationType::Password | AuthenticationType::Oem => *self.key,
            AuthenticationType::Md2 => self.hash::<Md2>(session_id, sequence, message),
            AuthenticationType::Md5 => self.hash::<Md5>(session_id, sequence, message),
        })
    }

    /// Not an HMAC: the hash of password, session id, message, sequence number, password.
    fn hash<H: Digest<OutputSize = U16>>(
        &self,
        session_id: u32,
        sequence: u32,
        message: &[u8],
    ) -> [u8; 16] {
        H::new()
            .chain_update(self.key.as_slice())
            .chain_update(session_id.to_le_bytes())
            .chain_update(message)
            .chain_update(sequence.to_le_bytes())
            .chain_update(self.key.as_slice())
            .finalize()
            .into()
    }
}
