//! The keyed hashes and the cipher of RMCP+ (IPMI 2.0 §13.28 to §13.32). No other file names hmac or aes.

use aes::Aes128;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher_suite::{AuthenticationAlgorithm, ConfidentialityAlgorithm, IntegrityAlgorithm};
use crate::wire::{Packet20, PayloadType, Role};
use crate::{CipherSuite, Kg, Password, Username};

const AES_BLOCK: usize = 16;

/// All that the authentication codes of one RAKP exchange are made of (IPMI 2.0 §13.31, §13.32).
#[derive(Clone, Debug)]
pub struct RakpExchange {
    /// The suite agreed to in Open Session.
    pub suite: CipherSuite,
    /// SIDm.
    pub console_session_id: u32,
    /// SIDc.
    pub bmc_session_id: u32,
    /// Rm.
    pub console_random: [u8; 16],
    /// Rc.
    pub bmc_random: [u8; 16],
    /// GUIDc.
    pub bmc_guid: [u8; 16],
    /// ROLEm.
    pub role: Role,
    /// ULENGTHm and UNAMEm.
    pub username: Username,
}

impl RakpExchange {
    /// The key exchange authentication code of RAKP 2.
    #[must_use]
    pub fn rakp2_code(&self, password: &Password) -> Vec<u8> {
        self.rakp2_mac(password).code(usize::MAX)
    }

    /// Whether RAKP 2 came from a BMC that knows the password. Compared in constant time.
    #[must_use]
    pub fn is_rakp2_genuine(&self, password: &Password, code: &[u8]) -> bool {
        self.rakp2_mac(password).verifies(code, usize::MAX)
    }

    /// The key exchange authentication code of RAKP 3.
    #[must_use]
    pub fn rakp3_code(&self, password: &Password) -> Vec<u8> {
        self.rakp3_mac(password).code(usize::MAX)
    }

    /// Whether RAKP 3 came from a console that knows the password. Compared in constant time.
    #[must_use]
    pub fn is_rakp3_genuine(&self, password: &Password, code: &[u8]) -> bool {
        self.rakp3_mac(password).verifies(code, usize::MAX)
    }

    /// The session integrity key, SIK: keyed with Kg, or with the password where no Kg is set.
    #[must_use]
    pub fn session_integrity_key(
        &self,
        password: &Password,
        kg: Option<&Kg>,
    ) -> SessionIntegrityKey {
        let mut mac = self.mac(kg.map_or(password.key(), Kg::key).as_bytes());
        mac.update(&self.console_random);
        mac.update(&self.bmc_random);
        self.update_with_role_and_name(&mut mac);
        SessionIntegrityKey {
            key: Zeroizing::new(mac.code(usize::MAX)),
            password: password.clone(),
            exchange: self.clone(),
        }
    }

    fn rakp2_mac(&self, password: &Password) -> KeyedHash {
        let mut mac = self.mac(password.key().as_bytes());
        mac.update(&self.console_session_id.to_le_bytes());
        mac.update(&self.bmc_session_id.to_le_bytes());
        mac.update(&self.console_random);
        mac.update(&self.bmc_random);
        mac.update(&self.bmc_guid);
        self.update_with_role_and_name(&mut mac);
        mac
    }

    fn rakp3_mac(&self, password: &Password) -> KeyedHash {
        let mut mac = self.mac(password.key().as_bytes());
        mac.update(&self.bmc_random);
        mac.update(&self.console_session_id.to_le_bytes());
        self.update_with_role_and_name(&mut mac);
        mac
    }

    fn update_with_role_and_name(&self, mac: &mut KeyedHash) {
        mac.update(&[self.role.bits(), self.username.length()]);
        mac.update(self.username.as_bytes());
    }

    fn mac(&self, key: &[u8]) -> KeyedHash {
        match self.suite.authentication {
            AuthenticationAlgorithm::RakpNone => KeyedHash::None,
            AuthenticationAlgorithm::RakpHmacSha1 => KeyedHash::Sha1(keyed(key)),
            AuthenticationAlgorithm::RakpHmacMd5 => KeyedHash::Md5(keyed(key)),
            AuthenticationAlgorithm::RakpHmacSha256 => KeyedHash::Sha256(keyed(key)),
        }
    }
}

/// SIK, the session integrity key. Wiped when dropped.
pub struct SessionIntegrityKey {
    key: Zeroizing<Vec<u8>>,
    password: Password,
    exchange: RakpExchange,
}

impl SessionIntegrityKey {
    /// The integrity check value of RAKP 4. Its length follows from the *authentication* algorithm
    /// (IPMI 2.0 §13.28.1).
    #[must_use]
    pub fn rakp4_code(&self) -> Vec<u8> {
        self.rakp4_mac().code(self.rakp4_length())
    }

    /// Whether RAKP 4 came from a BMC with the same key. Compared in constant time.
    #[must_use]
    pub fn is_rakp4_genuine(&self, code: &[u8]) -> bool {
        self.rakp4_mac().verifies(code, self.rakp4_length())
    }

    /// The keys of the session (IPMI 2.0 §13.32).
    #[must_use]
    pub fn session_keys(&self) -> SessionKeys {
        SessionKeys {
            suite: self.exchange.suite,
            integrity: match self.exchange.suite.integrity {
                // Padded to 20 bytes, as FreeIPMI and ipmi_sim have it.
                IntegrityAlgorithm::Md5_128 => {
                    Zeroizing::new(self.password.key().as_bytes().to_vec())
                }
                _ => self.derived(0x01),
            },
            k2: self.derived(0x02),
        }
    }

    fn rakp4_mac(&self) -> KeyedHash {
        let mut mac = self.exchange.mac(&self.key);
        mac.update(&self.exchange.console_random);
        mac.update(&self.exchange.bmc_session_id.to_le_bytes());
        mac.update(&self.exchange.bmc_guid);
        mac
    }

    fn rakp4_length(&self) -> usize {
        match self.exchange.suite.authentication {
            AuthenticationAlgorithm::RakpNone => 0,
            AuthenticationAlgorithm::RakpHmacSha1 => 12,
            AuthenticationAlgorithm::RakpHmacMd5 | AuthenticationAlgorithm::RakpHmacSha256 => 16,
        }
    }

    /// K1, K2: the hash of a constant of 20 bytes (IPMI 2.0 §13.32; 20 for SHA-256 too).
    fn derived(&self, constant: u8) -> Zeroizing<Vec<u8>> {
        let mut mac = self.exchange.mac(&self.key);
        mac.update(&[constant; 20]);
        Zeroizing::new(mac.code(usize::MAX))
    }
}

/// Seals and opens the packets of one session. Wiped when dropped.
pub struct SessionKeys {
    suite: CipherSuite,
    /// K1, or what else the integrity algorithm is keyed with.
    integrity: Zeroizing<Vec<u8>>,
    k2: Zeroizing<Vec<u8>>,
}

/// Why a packet is not believed to be of the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is not encrypted, or not authenticated, although the session agreed to both.
    #[error("not sealed as the session agreed")]
    NotSealed,
    /// Its authentication code is wrong.
    #[error("wrong authentication code")]
    WrongCode,
    /// It is genuine, but its ciphertext has an impossible length.
    #[error("ciphertext of impossible length")]
    Ciphertext,
}

impl SessionKeys {
    /// A packet, encrypted and authenticated as the suite has it. `initialization_vector` must be random, and new for
    /// each packet.
    #[must_use]
    pub fn seal(
        &self,
        session_id: u32,
        sequence: u32,
        message: &[u8],
        initialization_vector: [u8; 16],
    ) -> Packet20 {
        let mut packet = Packet20 {
            payload_type: PayloadType::Ipmi,
            session_id,
            sequence,
            encrypted: self.suite.encrypts(),
            payload: match self.suite.confidentiality {
                ConfidentialityAlgorithm::None => message.to_vec(),
                ConfidentialityAlgorithm::AesCbc128 => self.encrypt(message, initialization_vector),
            },
            trailer: None,
        };
        if self.suite.authenticates_packets() {
            packet.authenticate(|covered| self.code(covered));
        }
        packet
    }

    /// The message in a packet, after its code was verified in constant time, and only then.
    ///
    /// # Errors
    /// When the packet is not authenticated and encrypted just as the session agreed, or not genuine.
    pub fn open(&self, packet: &Packet20) -> Result<Vec<u8>, OpenError> {
        if packet.encrypted != self.suite.encrypts()
            || packet.trailer.is_some() != self.suite.authenticates_packets()
        {
            return Err(OpenError::NotSealed);
        }
        if self.suite.authenticates_packets() {
            let (covered, code) =
                packet.authenticated_parts(self.code_length()).ok_or(OpenError::NotSealed)?;
            if !self.is_code(&covered, code) {
                return Err(OpenError::WrongCode);
            }
        }
        match self.suite.confidentiality {
            ConfidentialityAlgorithm::None => Ok(packet.payload.clone()),
            ConfidentialityAlgorithm::AesCbc128 => {
                self.decrypt(&packet.payload).ok_or(OpenError::Ciphertext)
            }
        }
    }

    fn code(&self, covered: &[u8]) -> Vec<u8> {
        match self.suite.integrity {
            IntegrityAlgorithm::Md5_128 => self.md5_128(covered).to_vec(),
            _ => self.integrity_mac(covered).code(self.code_length()),
        }
    }

    fn is_code(&self, covered: &[u8], code: &[u8]) -> bool {
        match self.suite.integrity {
            IntegrityAlgorithm::Md5_128 => self.md5_128(covered).as_slice().ct_eq(code).into(),
            _ => self.integrity_mac(covered).verifies(code, self.code_length()),
        }
    }

    /// Not an HMAC: the hash of password, data, password.
    fn md5_128(&self, covered: &[u8]) -> [u8; 16] {
        let hash = Md5::new()
            .chain_update(&*self.integrity)
            .chain_update(covered)
            .chain_update(&*self.integrity);
        hash.finalize().into()
    }

    fn integrity_mac(&self, covered: &[u8]) -> KeyedHash {
        let key = &self.integrity;
        let mut mac = match self.suite.integrity {
            IntegrityAlgorithm::None | IntegrityAlgorithm::Md5_128 => KeyedHash::None,
            IntegrityAlgorithm::HmacSha1_96 => KeyedHash::Sha1(keyed(key)),
            IntegrityAlgorithm::HmacMd5_128 => KeyedHash::Md5(keyed(key)),
            IntegrityAlgorithm::HmacSha256_128 => KeyedHash::Sha256(keyed(key)),
        };
        mac.update(covered);
        mac
    }

    fn code_length(&self) -> usize {
        match self.suite.integrity {
            IntegrityAlgorithm::None => 0,
            IntegrityAlgorithm::HmacSha1_96 => 12,
            IntegrityAlgorithm::HmacMd5_128
            | IntegrityAlgorithm::Md5_128
            | IntegrityAlgorithm::HmacSha256_128 => 16,
        }
    }

    /// Confidentiality header (the initialization vector), payload, pad 01 02 03 …, pad length (IPMI 2.0 §13.29).
    fn encrypt(&self, message: &[u8], iv: [u8; AES_BLOCK]) -> Vec<u8> {
        let pad_length = AES_BLOCK - 1 - message.len() % AES_BLOCK;
        let pad_length = u8::try_from(pad_length).unwrap_or(0);
        let mut body = message.to_vec();
        body.extend(1..=pad_length);
        body.push(pad_length);
        let mut cipher = cbc::Encryptor::<Aes128>::new((&*self.aes_key()).into(), &iv.into());
        let (blocks, _) = body.as_chunks_mut::<AES_BLOCK>();
        for block in blocks {
            cipher.encrypt_block(block.into());
        }
        [iv.as_slice(), &body].concat()
    }

    /// `None` when the lengths are impossible. The pad bytes are not looked at: the code has vouched for the
    /// packet, and some BMCs pad otherwise.
    fn decrypt(&self, payload: &[u8]) -> Option<Vec<u8>> {
        let (iv, ciphertext) = payload.split_first_chunk::<AES_BLOCK>()?;
        let mut body = ciphertext.to_vec();
        let mut cipher = cbc::Decryptor::<Aes128>::new((&*self.aes_key()).into(), iv.into());
        let (blocks, []) = body.as_chunks_mut::<AES_BLOCK>() else { return None };
        for block in blocks {
            cipher.decrypt_block(block.into());
        }
        let pad_length = usize::from(body.pop()?);
        body.truncate(body.len().checked_sub(pad_length)?);
        Some(body)
    }

    /// The first 128 bits of K2 (IPMI 2.0 §13.29.2).
    fn aes_key(&self) -> Zeroizing<[u8; AES_BLOCK]> {
        // Every hash function of a suite that encrypts gives sixteen bytes or more.
        Zeroizing::new(self.k2.first_chunk().copied().unwrap_or_default())
    }
}

/// A keyed hash, or none: its code is empty, and so is the only one that it verifies.
enum KeyedHash {
    None,
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
}

impl KeyedHash {
    fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::None => {}
            Self::Md5(mac) => mac.update(bytes),
            Self::Sha1(mac) => mac.update(bytes),
            Self::Sha256(mac) => mac.update(bytes),
        }
    }

    /// The code, cut to `length` bytes.
    fn code(self, length: usize) -> Vec<u8> {
        let mut code = match self {
            Self::None => Vec::new(),
            Self::Md5(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha1(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
        };
        code.truncate(length);
        code
    }

    /// Whether `code` is the code, cut to `length` bytes. A code of any other length is wrong.
    fn verifies(self, code: &[u8], length: usize) -> bool {
        let full_length = match self {
            Self::None => 0,
            Self::Md5(_) => 16,
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
        };
        if code.len() != length.min(full_length) {
            return false;
        }
        match self {
            Self::None => true,
            Self::Md5(mac) => mac.verify_truncated_left(code).is_ok(),
            Self::Sha1(mac) => mac.verify_truncated_left(code).is_ok(),
            Self::Sha256(mac) => mac.verify_truncated_left(code).is_ok(),
        }
    }
}

fn keyed<H: KeyInit>(key: &[u8]) -> H {
    // HMAC takes keys of any length (RFC 2104), so the other arm is never taken.
    H::new_from_slice(key).unwrap_or_else(|_| unreachable!("HMAC takes keys of any length"))
}

/// What only a peer that has the keys can send, and no function here writes. `tests/golden.rs` has all else.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::Privilege;

    #[test]
    fn a_packet_in_clear_is_not_opened_though_its_code_is_right() {
        let keys = keys();
        let mut packet = keys.seal(1, 1, b"message", [0x5a; 16]);
        packet.encrypted = false;
        reauthenticate(&keys, &mut packet);
        assert_eq!(keys.open(&packet), Err(OpenError::NotSealed));
    }

    #[test]
    fn other_pad_bytes_than_the_specifications_are_taken() {
        let keys = keys();
        let body = b"message\0\0\0\0\0\0\0\0\x08";
        assert_eq!(keys.open(&genuine(&keys, body)).as_deref(), Ok(b"message".as_slice()));
    }

    #[test]
    fn a_pad_longer_than_the_body_is_an_error() {
        let keys = keys();
        let mut body = [0; 16];
        body[15] = 15;
        assert_eq!(keys.open(&genuine(&keys, &body)).as_deref(), Ok([].as_slice()));
        body[15] = 16;
        assert_eq!(keys.open(&genuine(&keys, &body)), Err(OpenError::Ciphertext));
    }

    #[test]
    fn a_ciphertext_that_is_not_whole_blocks_behind_an_initialization_vector_is_an_error() {
        let keys = keys();
        let sealed = keys.seal(1, 1, b"message", [0x5a; 16]);
        for length in 0..sealed.payload.len() {
            let mut packet = sealed.clone();
            packet.payload.truncate(length);
            reauthenticate(&keys, &mut packet);
            assert_eq!(keys.open(&packet), Err(OpenError::Ciphertext), "{length} bytes");
        }
    }

    /// A packet with a right code that decrypts to `body`: message, pad and pad length.
    fn genuine(keys: &SessionKeys, body: &[u8; 16]) -> Packet20 {
        let iv = [0x5a; AES_BLOCK];
        let mut block = *body;
        cbc::Encryptor::<Aes128>::new(&(*keys.aes_key()).into(), &iv.into())
            .encrypt_block((&mut block).into());
        let mut packet = keys.seal(1, 1, b"", iv);
        packet.payload = [iv, block].concat();
        reauthenticate(keys, &mut packet);
        packet
    }

    fn reauthenticate(keys: &SessionKeys, packet: &mut Packet20) {
        packet.authenticate(|covered| keys.code(covered));
    }

    fn keys() -> SessionKeys {
        let exchange = RakpExchange {
            suite: CipherSuite::SUITE_17,
            console_session_id: 1,
            bmc_session_id: 2,
            console_random: [3; 16],
            bmc_random: [4; 16],
            bmc_guid: [5; 16],
            role: Role { privilege: Privilege::Operator, name_only: true },
            username: Username::new("operator").unwrap(),
        };
        exchange.session_integrity_key(&Password::new("secret").unwrap(), None).session_keys()
    }
}
