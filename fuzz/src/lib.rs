//! What the fuzz targets share.

use std::fmt::Debug;

use ipmi_lan::wire::WireError;

/// Parses the bytes, writes what they are, and parses that again.
///
/// # Panics
/// When it is not the same the second time.
pub fn reread<T: Debug + PartialEq>(
    bytes: &[u8],
    parse: impl Fn(&[u8]) -> Result<T, WireError>,
    write: impl Fn(&T) -> Vec<u8>,
) -> Option<T> {
    let value = parse(bytes).ok()?;
    assert_eq!(parse(&write(&value)).as_ref(), Ok(&value));
    Some(value)
}
