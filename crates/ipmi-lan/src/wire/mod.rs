//! The datagrams of IPMI over LAN: every message parses and writes.
//!
//! Parsing never panics and believes no length that it has not checked; it establishes form only. Whether a
//! message is genuine is decided by the session that it claims to belong to.

mod lan;
mod open_session;
mod rakp;
mod reader;
mod rmcp;
mod session15;
mod session20;

pub use lan::{Address, NetworkFunction, RequestMessage, ResponseMessage};
pub use open_session::{OpenSessionRequest, OpenSessionResponse, ProposedAlgorithms};
pub use rakp::{Rakp1, Rakp2, Rakp3, Rakp4, Role};
pub use reader::WireError;
pub use rmcp::{Datagram, PresencePing, PresencePong};
pub use session15::{Authentication15, Packet15};
pub use session20::{Packet20, PayloadType, Trailer};

pub(crate) use reader::Reader;
pub(crate) use session20::Padding;
