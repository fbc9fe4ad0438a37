//! The keyed hashes and the cipher of IPMI over LAN. No other folder names them.

mod ipmi15;
mod rmcp_plus;

pub use ipmi15::Codes15;
pub use rmcp_plus::{OpenError, RakpExchange, SessionIntegrityKey, SessionKeys};
