//! Where the programs of others are that are not installed.

use std::path::PathBuf;

/// What `tests/run` says in an environment variable.
pub fn folder_of(variable: &str) -> PathBuf {
    std::env::var_os(variable)
        .unwrap_or_else(|| panic!("{variable} is not set: run ./tests/run, which sets it"))
        .into()
}
