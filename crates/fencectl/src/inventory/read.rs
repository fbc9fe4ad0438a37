//! Where the files are, and whether they may be read.

use std::env;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::InventoryError;

/// Far more than an inventory of [`MOST_HOSTS`](crate::hosts::MOST_HOSTS) hosts has.
const LARGEST: u64 = 64 << 20;

/// The inventory that the environment names; otherwise the user's own, or else the machine's, if there is one.
pub(super) fn usual_place() -> Option<PathBuf> {
    let variable = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    if let Some(named) = variable("FENCECTL_INVENTORY") {
        return Some(named);
    }
    let home = variable("XDG_CONFIG_HOME").or_else(|| Some(variable("HOME")?.join(".config")));
    let places = [home, Some(PathBuf::from("/etc"))].into_iter().flatten();
    places.map(|place| place.join("fencectl/inventory.toml")).find(|path| path.exists())
}

/// A file that anybody may read.
pub(super) fn read_file(path: &Path) -> Result<Zeroizing<String>, InventoryError> {
    let failed = |source| InventoryError::Read { path: path.to_owned(), source };
    text(File::open(path).map_err(failed)?).map_err(failed)
}

/// A file with secrets. Of an ordinary file nobody but its owner may have any rights; a pipe is whose it is.
pub(crate) fn read_secret_file(path: &Path) -> Result<Zeroizing<String>, InventoryError> {
    let failed = |source| InventoryError::Read { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    // Of the file that is open, so that nobody can exchange it between the look and the reading.
    let metadata = file.metadata().map_err(failed)?;
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_file() && mode & 0o077 != 0 {
        return Err(InventoryError::Exposed { path: path.to_owned(), mode });
    }
    text(file).map_err(failed)
}

fn text(file: File) -> io::Result<Zeroizing<String>> {
    let size = file.metadata()?.len();
    // With room for all from the beginning, it does not grow and leave copies.
    let room = usize::try_from(size.min(LARGEST)).unwrap_or(0) + 4096;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(LARGEST).read_to_string(&mut text)?;
    if text.len() as u64 == LARGEST {
        return Err(io::Error::other("it is too large"));
    }
    Ok(text)
}
