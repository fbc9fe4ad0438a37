//! A simulated BMC that speaks Redfish (DSP0266, DSP0268): HTTPS, Basic authentication and sessions, the Systems
//! collection, `#ComputerSystem.Reset`, tasks.
//!
//! [`Service`] is the service itself, without socket, TLS or clock of its own: a test hands it requests and instants.
//! [`RedfishServer`] is a [`Service`] behind HTTPS, for clients that are programs. It is as strict as a good one.
//! [`Faults`] make it misbehave, and [`RedfishConfig::quirks`] give it the peculiarities of a vendor's service.

mod certificate;
mod config;
mod connection;
mod event;
mod faults;
mod http;
mod power_switch;
mod quirk;
mod server;
mod service;

pub use certificate::{CertificateConfig, CertificateError};
pub use config::{
    Acknowledgement, KeepAlive, PublishedResets, RedfishConfig, RedfishSystem, RedfishUser,
    ResetType, Role, TaskConfig, TlsVersions,
};
pub use event::{RedfishEvent, RedfishEventKind};
pub use faults::{
    AnswerFault, CannedAnswer, CannedBody, ConnectionFault, Faults, Framing, Misanswer, Place,
    PowerStateFault, RedirectTarget, Requests,
};
pub use http::{Request, Response};
pub use power_switch::PowerSwitch;
pub use quirk::{Quirk, QuirkFacts};
pub use server::{Counts, Credentials, RedfishServer, RedfishStartError, RequestRecord};
pub use service::{Reply, Service};
