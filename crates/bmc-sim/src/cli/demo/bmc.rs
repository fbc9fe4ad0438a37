use std::net::SocketAddr;
use std::time::Instant;

use bmc_sim::redfish::{RedfishEvent, RedfishEventKind, RedfishServer};
use bmc_sim::{Event, EventKind, EventsMissed, Power, Server};

use super::SYSTEM;

/// The BMC on the stage.
pub(super) enum Bmc {
    Ipmi(Server),
    Redfish(RedfishServer),
}

/// Something that happened, as the audience is told it.
pub(super) struct Told {
    pub(super) at: Instant,
    pub(super) what: String,
    pub(super) about: About,
}

/// What it is about.
#[derive(PartialEq, Eq)]
pub(super) enum About {
    /// The machine went off.
    PowerOff,
    /// Something else happened to the machine.
    Machine,
    /// The agent was told the power state.
    Status,
    /// The agent logged in, or asked for something.
    Agent,
    /// How an agent looks around before that: not worth telling.
    Detail,
}

impl Bmc {
    pub(super) fn address(&self) -> SocketAddr {
        match self {
            Self::Ipmi(server) => server.address(),
            Self::Redfish(server) => server.address(),
        }
    }

    pub(super) fn power(&self) -> Option<Power> {
        match self {
            Self::Ipmi(server) => Some(server.power()),
            Self::Redfish(server) => server.power(SYSTEM),
        }
    }

    pub(super) fn event_count(&self) -> usize {
        match self {
            Self::Ipmi(server) => server.event_count(),
            Self::Redfish(server) => server.event_count(),
        }
    }

    /// The event with this index, as soon as there is one.
    pub(super) async fn event(&self, index: usize) -> Result<Told, EventsMissed> {
        match self {
            Self::Ipmi(server) => server.event(index).await.map(|event| told(&event)),
            Self::Redfish(server) => server.event(index).await.map(|event| told_redfish(&event)),
        }
    }

    /// What an agent needs to know besides address, user and password.
    pub(super) fn parameters(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Ipmi(_) => vec![("lanplus", "1".to_owned())],
            Self::Redfish(server) => vec![("ssl_fingerprint", server.fingerprint().to_owned())],
        }
    }

    /// How much was said, in the terms of the protocol.
    pub(super) fn traffic(&self) -> String {
        match self {
            Self::Ipmi(server) => {
                let datagrams = server.datagrams();
                let (received, sent) = (datagrams.received, datagrams.sent);
                format!("received {received} datagrams and sent {sent}")
            }
            Self::Redfish(server) => {
                let counts = server.counts();
                let (requests, handshakes) = (counts.requests, counts.handshakes);
                format!("answered {requests} requests after {handshakes} TLS handshakes")
            }
        }
    }
}

fn told(event: &Event) -> Told {
    let about = match event.kind {
        EventKind::PowerOff => About::PowerOff,
        EventKind::PowerOn | EventKind::Reset | EventKind::DiagnosticInterrupt => About::Machine,
        EventKind::StatusReported(_) => About::Status,
        EventKind::Command { .. } | EventKind::UnknownCommand { .. } => About::Detail,
        _ => About::Agent,
    };
    Told { at: event.at, what: event.kind.to_string(), about }
}

fn told_redfish(event: &RedfishEvent) -> Told {
    let about = match event.kind {
        RedfishEventKind::PowerOff(_) => About::PowerOff,
        RedfishEventKind::PowerOn(_)
        | RedfishEventKind::Restarted(_)
        | RedfishEventKind::DiagnosticInterrupt(_) => About::Machine,
        RedfishEventKind::StatusReported { .. } => About::Status,
        _ => About::Agent,
    };
    Told { at: event.at, what: event.kind.to_string(), about }
}
