//! The SHA-256 fingerprint of a certificate.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};

/// The SHA-256 fingerprint of a certificate (of its DER encoding): what
/// `openssl x509 -noout -fingerprint -sha256` shows.
///
/// It is read from 64 hexadecimal digits, in either case, with or without colons.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of the certificate with this DER encoding.
    #[must_use]
    pub fn of(certificate: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, certificate).as_ref());
        Self(bytes)
    }
}

/// Why a text is not a fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FingerprintError {
    /// Something in it is neither a hexadecimal digit nor a colon.
    #[error("{0:?} in a fingerprint is neither a hexadecimal digit nor a colon")]
    NotHexadecimal(char),
    /// It has another number of digits.
    #[error("a SHA-256 fingerprint has 64 hexadecimal digits, this one has {0}{hint}", hint = other_hash(*.0))]
    WrongLength(usize),
}

fn other_hash(digits: usize) -> &'static str {
    match digits {
        32 => " (as an MD5 fingerprint has)",
        40 => " (as a SHA-1 fingerprint has)",
        _ => "",
    }
}

impl FromStr for Fingerprint {
    type Err = FingerprintError;

    fn from_str(text: &str) -> Result<Self, FingerprintError> {
        // As openssl shows it: `sha256 Fingerprint=E3:B0:…`.
        let digits = text
            .strip_prefix("sha256 Fingerprint=")
            .unwrap_or(text)
            .trim()
            .chars()
            .filter(|character| *character != ':')
            .map(hexadecimal)
            .collect::<Result<Vec<u8>, _>>()?;
        let (pairs, _) = digits.as_chunks::<2>();
        let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
        match <[u8; 32]>::try_from(bytes) {
            Ok(bytes) if digits.len() == 64 => Ok(Self(bytes)),
            _ => Err(FingerprintError::WrongLength(digits.len())),
        }
    }
}

fn hexadecimal(character: char) -> Result<u8, FingerprintError> {
    let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    digit.ok_or(FingerprintError::NotHexadecimal(character))
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        f.write_str(&bytes.join(":"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256 of nothing.
    const OF_NOTHING: &str = "E3:B0:C4:42:98:FC:1C:14:9A:FB:F4:C8:99:6F:B9:24:27:AE:41:E4:64:9B:93:4C:A4:95:99:1B:78:52:B8:55";

    #[test]
    fn the_line_of_openssl_is_taken_as_it_is() {
        let line = format!("sha256 Fingerprint={OF_NOTHING}");
        assert_eq!(line.parse::<Fingerprint>().unwrap().to_string(), OF_NOTHING);
    }

    #[test]
    fn a_fingerprint_is_shown_as_openssl_shows_it() {
        assert_eq!(Fingerprint::of(b"").to_string(), OF_NOTHING);
        assert_eq!(format!("{:?}", Fingerprint::of(b"")), format!("Fingerprint({OF_NOTHING})"));
    }

    #[test]
    fn a_fingerprint_is_read_in_either_case_with_and_without_colons() {
        for text in [
            OF_NOTHING.to_owned(),
            OF_NOTHING.to_lowercase(),
            OF_NOTHING.replace(':', ""),
            OF_NOTHING.replace(':', "").to_lowercase(),
        ] {
            assert_eq!(text.parse(), Ok(Fingerprint::of(b"")), "{text}");
        }
    }

    #[test]
    fn what_is_not_a_fingerprint_says_why() {
        let said = |text: &str| text.parse::<Fingerprint>().unwrap_err().to_string();
        assert_eq!(
            said("sha256:00"),
            "'s' in a fingerprint is neither a hexadecimal digit nor a colon"
        );
        assert_eq!(
            said(&"ab".repeat(20)),
            "a SHA-256 fingerprint has 64 hexadecimal digits, this one has 40 (as a SHA-1 fingerprint has)"
        );
        for wrong in [String::new(), "a".repeat(63), "a".repeat(65), "a".repeat(66)] {
            let error = wrong.parse::<Fingerprint>().unwrap_err();
            assert_eq!(error, FingerprintError::WrongLength(wrong.len()));
        }
    }
}
