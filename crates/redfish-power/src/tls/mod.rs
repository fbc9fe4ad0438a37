//! How the BMC is known to be the BMC: the only room that names rustls.

use std::path::PathBuf;

/// How the BMC's certificate is checked.
#[derive(Clone, Debug)]
pub enum Verification {
    /// Against the certificate authorities of the operating system, for the BMC's host name.
    SystemRoots,
    /// Against the certificates of a PEM file, for the BMC's host name.
    Bundle(PathBuf),
    /// Not at all: anybody could answer in its place.
    None,
}
