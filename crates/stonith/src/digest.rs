//! SHA-256, where a number is wanted that the next release, and the next machine, makes of the same thing.

use sha2::{Digest as _, Sha256};

/// The hash of these bytes, in hexadecimal.
pub(crate) fn of(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

fn hexadecimal(hash: Sha256) -> String {
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_sha_256() {
        let of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(of(b"abc"), of_abc);
    }
}
