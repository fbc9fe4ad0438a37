//! The keyed hashes and the cipher of RMCP+ (IPMI 2.0 §13.28 to §13.32).

use aes::Aes128;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};
use sha1::Sha1;
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::cipher_suite::{AuthenticationAlgorithm, ConfidentialityAlgorithm, IntegrityAlgorithm};
use crate::wire::{Packet20, Padding, PayloadType, Role};
use crate::{CipherSuite, Kg, Password, Quirk, QuirkSet, Username};

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
    /// What the BMC makes of all that otherwise than the specification.
    pub quirks: QuirkSet,
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
        let mac = self.rakp2_mac(password);
        let has_byte_too_many = self.quirks.contains(Quirk::Supermicro20)
            || self.quirks.contains(Quirk::Sun20) && matches!(mac, KeyedHash::Sha1(_));
        let code = match code.split_last() {
            Some((_, code)) if has_byte_too_many && code.len() == mac.length() => code,
            _ => code,
        };
        mac.verifies(code, usize::MAX)
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
        let mut mac = self.mac(kg.map_or(self.key_of(password), |kg| kg.key().as_bytes()));
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
        let mut mac = self.mac(self.key_of(password));
        mac.update(&self.console_session_id.to_le_bytes());
        mac.update(&self.bmc_session_id.to_le_bytes());
        mac.update(&self.console_random);
        mac.update(&self.bmc_random);
        mac.update(&self.bmc_guid);
        self.update_with_role_and_name(&mut mac);
        mac
    }

    fn rakp3_mac(&self, password: &Password) -> KeyedHash {
        let mut mac = self.mac(self.key_of(password));
        mac.update(&self.bmc_random);
        mac.update(&self.console_session_id.to_le_bytes());
        let has_whole_role =
            [Quirk::Intel20, Quirk::IntelPlus, Quirk::I82571Spt, Quirk::Rakp3WrongRolem]
                .into_iter()
                .all(|quirk| !self.quirks.contains(quirk));
        mac.update(&[self.role_in_hash(has_whole_role), self.username.length()]);
        mac.update(self.username.as_bytes());
        mac
    }

    /// As RAKP 2 and the session integrity key have them.
    fn update_with_role_and_name(&self, mac: &mut KeyedHash) {
        let role = self.role_in_hash(!self.quirks.contains(Quirk::I82571Spt));
        let username = if self.quirks.contains(Quirk::Intel20) {
            self.username.filled_up()
        } else {
            self.username
        };
        mac.update(&[role, username.length()]);
        mac.update(username.as_bytes());
    }

    fn role_in_hash(&self, is_whole: bool) -> u8 {
        if is_whole { self.role.bits() } else { self.role.privilege.bits() }
    }

    fn key_of<'a>(&self, password: &'a Password) -> &'a [u8] {
        let is_md5 = self.suite.authentication == AuthenticationAlgorithm::RakpHmacMd5;
        if is_md5 && self.quirks.contains(Quirk::Intel20) {
            // HMAC pads its key with zeros, so that a shorter password is the same.
            password.key().as_bytes().get(..Password::MAX_15).unwrap_or_default()
        } else {
            password.key().as_bytes()
        }
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
#[derive(Clone)]
pub struct SessionIntegrityKey {
    key: Zeroizing<Vec<u8>>,
    password: Password,
    exchange: RakpExchange,
}

impl SessionIntegrityKey {
    /// The same key, at a BMC that has this quirk too.
    pub(crate) fn with(mut self, quirk: Quirk) -> Self {
        self.exchange.quirks.insert(quirk);
        self
    }

    /// The integrity check value of RAKP 4. Its length follows from the *authentication* algorithm
    /// (IPMI 2.0 §13.28.1).
    #[must_use]
    pub fn rakp4_code(&self) -> Vec<u8> {
        self.rakp4_mac().code(self.rakp4_length())
    }

    /// Whether RAKP 4 came from a BMC with the same key. Compared in constant time.
    #[must_use]
    pub fn is_rakp4_genuine(&self, code: &[u8]) -> bool {
        let proves_nothing =
            self.exchange.suite.authentication == AuthenticationAlgorithm::RakpNone;
        if proves_nothing && self.exchange.quirks.contains(Quirk::IntegrityCheckValue) {
            return true;
        }
        self.rakp4_mac().verifies(code, self.rakp4_length())
    }

    /// The keys of the session (IPMI 2.0 §13.32), for a BMC with these quirks.
    #[must_use]
    pub fn session_keys(&self, quirks: QuirkSet) -> SessionKeys {
        SessionKeys {
            suite: self.exchange.suite,
            integrity: match self.exchange.suite.integrity {
                // Padded to 20 bytes, as FreeIPMI and ipmi_sim have it.
                IntegrityAlgorithm::Md5_128 => {
                    Zeroizing::new(self.password.key().as_bytes().to_vec())
                }
                _ if quirks.contains(Quirk::RmcppIntegSik) => self.key.clone(),
                _ => self.derived(0x01),
            },
            k2: self.derived(0x02),
            padding: if quirks.contains(Quirk::Icts) { Padding::Icts } else { Padding::Standard },
        }
    }

    fn rakp4_mac(&self) -> KeyedHash {
        let mut mac = match self.rakp4_algorithm() {
            IntegrityAlgorithm::None => KeyedHash::None,
            IntegrityAlgorithm::HmacSha1_96 => KeyedHash::Sha1(keyed(&self.key)),
            IntegrityAlgorithm::HmacMd5_128 | IntegrityAlgorithm::Md5_128 => {
                KeyedHash::Md5(keyed(&self.key))
            }
            IntegrityAlgorithm::HmacSha256_128 => KeyedHash::Sha256(keyed(&self.key)),
        };
        mac.update(&self.exchange.console_random);
        mac.update(&self.exchange.bmc_session_id.to_le_bytes());
        mac.update(&self.exchange.bmc_guid);
        mac
    }

    fn rakp4_length(&self) -> usize {
        code_length(self.rakp4_algorithm())
    }

    /// The integrity algorithm whose code RAKP 4 has: the one that goes with the *authentication* algorithm.
    fn rakp4_algorithm(&self) -> IntegrityAlgorithm {
        let RakpExchange { suite, quirks, .. } = &self.exchange;
        let is_intel_plus = quirks.contains(Quirk::IntelPlus) && suite.authenticates_packets();
        if quirks.contains(Quirk::Intel20) || is_intel_plus {
            return suite.integrity;
        }
        match suite.authentication {
            AuthenticationAlgorithm::RakpNone => IntegrityAlgorithm::None,
            AuthenticationAlgorithm::RakpHmacSha1 => IntegrityAlgorithm::HmacSha1_96,
            AuthenticationAlgorithm::RakpHmacMd5 => IntegrityAlgorithm::HmacMd5_128,
            AuthenticationAlgorithm::RakpHmacSha256 => IntegrityAlgorithm::HmacSha256_128,
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
    padding: Padding,
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
            packet.authenticate(self.padding, |covered| self.code(covered));
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
        code_length(self.suite.integrity)
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

/// How many bytes an authentication code has (IPMI 2.0 §13.28, table 13-18).
fn code_length(algorithm: IntegrityAlgorithm) -> usize {
    match algorithm {
        IntegrityAlgorithm::None => 0,
        IntegrityAlgorithm::HmacSha1_96 => 12,
        IntegrityAlgorithm::HmacMd5_128
        | IntegrityAlgorithm::Md5_128
        | IntegrityAlgorithm::HmacSha256_128 => 16,
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

    /// How many bytes its whole code has.
    fn length(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Md5(_) => 16,
            Self::Sha1(_) => 20,
            Self::Sha256(_) => 32,
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
        if code.len() != length.min(self.length()) {
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

/// What only a peer that has the keys can send, and no function here writes. `tests/golden` has all else.
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
        packet.authenticate(Padding::Standard, |covered| keys.code(covered));
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
            quirks: QuirkSet::NONE,
        };
        exchange
            .session_integrity_key(&Password::new("secret").unwrap(), None)
            .session_keys(QuirkSet::NONE)
    }
}
