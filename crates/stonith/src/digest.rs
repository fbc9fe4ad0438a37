//! SHA-256, where a number is wanted that the next release, and the next machine, makes of the same thing.

use std::io;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The hash of these bytes, in hexadecimal.
pub(crate) fn of(bytes: &[u8]) -> String {
    hexadecimal(Sha256::new_with_prefix(bytes))
}

/// The hash of what is JSON of this value. It goes into the hash as it is written, and is nowhere else: there may be
/// secrets in it. (What the hash keeps of it, it wipes.)
pub(crate) fn of_json(value: &impl Serialize) -> String {
    struct Hashing(Sha256);

    impl io::Write for Hashing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.update(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut hashing = Hashing(Sha256::new());
    // What is hashed here are maps with names for keys, which can always be written.
    let _ = serde_json::to_writer(&mut hashing, value);
    hexadecimal(hashing.0)
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
        assert_eq!(of_json(&["abc"]), of(b"[\"abc\"]"));
    }
}
