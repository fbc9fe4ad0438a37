//! The steps of a login: what is awaited, and what follows.

use std::time::{Duration, Instant};

use crate::command::{AuthenticationCapabilities, Challenge, Command, SetSessionPrivilegeLevel};
use crate::crypto::RakpExchange;
use crate::retry::Transmissions;
use crate::wire::{Datagram, PayloadType};
use crate::{AuthenticationType, CipherSuite, RetryPolicy, Step};

use super::capabilities::ExpectCapabilities;
use super::ipmi15::{Activation, ExpectActivation, ExpectChallenge};
use super::ipmi20::{ExpectOpenSessionResponse, ExpectRakp2, ExpectRakp4};
use super::{Active, Context};

/// What the login awaits.
pub(super) enum Expect {
    Capabilities(Sent, ExpectCapabilities),
    Challenge(Sent, ExpectChallenge),
    Activation(Sent, Box<ExpectActivation>),
    OpenSessionResponse(Sent, ExpectOpenSessionResponse),
    Rakp2(Sent, ExpectRakp2),
    Rakp4(Sent, Box<ExpectRakp4>),
    Privilege(Box<Active>),
}

/// The message that awaits its answer, ready to be sent again.
pub(super) struct Sent {
    pub(super) datagram: Datagram,
    pub(super) transmissions: Transmissions,
}

/// What follows an accepted answer.
pub(super) enum Next {
    /// `None` where the BMC refuses to tell of IPMI 2.0.
    Capabilities(Option<AuthenticationCapabilities>),
    Activation {
        authentication: AuthenticationType,
        challenge: Challenge,
    },
    Activated(Box<Activation>),
    Rakp1 {
        suite: CipherSuite,
        console_session_id: u32,
        bmc_session_id: u32,
    },
    Rakp3(Box<RakpExchange>),
    Privilege(Box<Active>),
    Ready,
}

impl Next {
    /// How far a login has come that takes this step.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Capabilities(None) => 1,
            Self::Capabilities(Some(_)) => 2,
            Self::Activation { .. } | Self::Rakp1 { .. } => 3,
            Self::Rakp3(_) => 4,
            Self::Activated(_) | Self::Privilege(_) => 5,
            Self::Ready => 6,
        }
    }
}

impl Expect {
    pub(super) fn capabilities(context: &mut Context, now: Instant) -> Self {
        let expect = ExpectCapabilities::new(context);
        let datagram = expect.request(0);
        let transmissions = Transmissions::start(now, context.interval());
        Self::Capabilities(Sent { datagram, transmissions }, expect)
    }

    pub(super) fn sent(&self) -> Option<&Sent> {
        match self {
            Self::Capabilities(sent, _)
            | Self::Challenge(sent, _)
            | Self::Activation(sent, _)
            | Self::OpenSessionResponse(sent, _)
            | Self::Rakp2(sent, _)
            | Self::Rakp4(sent, _) => Some(sent),
            Self::Privilege(_) => None,
        }
    }

    pub(super) fn sent_mut(&mut self) -> Option<&mut Sent> {
        match self {
            Self::Capabilities(sent, _)
            | Self::Challenge(sent, _)
            | Self::Activation(sent, _)
            | Self::OpenSessionResponse(sent, _)
            | Self::Rakp2(sent, _)
            | Self::Rakp4(sent, _) => Some(sent),
            Self::Privilege(_) => None,
        }
    }

    /// Whether the next transmission is due, and what is awaited has been asked for often enough.
    pub(super) fn is_exhausted(
        &self,
        now: Instant,
        retry: &RetryPolicy,
        step_time: Duration,
    ) -> bool {
        let Some(sent) = self.sent() else {
            return self.active().is_some_and(|active| active.is_deaf(now));
        };
        let has_had_enough = match self {
            Self::Capabilities(..) | Self::Privilege(_) => false,
            Self::Challenge(..) | Self::Activation(..) => {
                sent.count() >= retry.transmissions_per_activation
            }
            _ => sent.transmissions.age(now) >= step_time,
        };
        has_had_enough && sent.transmissions.is_due(now)
    }

    /// Sends the message.
    pub(super) fn transmit(&self, context: &mut Context) {
        if let Some(sent) = self.sent() {
            context.transmit(&sent.datagram);
        }
    }

    /// Sends the message again, if it is time for that.
    pub(super) fn repeat_if_due(&mut self, context: &mut Context, now: Instant) {
        if let Self::Capabilities(sent, expect) = self
            && sent.transmissions.is_due(now)
        {
            context.transmit(&expect.request(sent.count()));
            return sent.transmissions.repeat_evenly(now);
        }
        if let Some(sent) = self.sent_mut().filter(|sent| sent.transmissions.is_due(now)) {
            context.transmit(&sent.datagram);
            sent.transmissions.repeat(now, &context.config.retry);
        }
    }

    pub(super) fn active(&self) -> Option<&Active> {
        match self {
            Self::Privilege(active) => Some(active),
            _ => None,
        }
    }

    /// What is awaited, and how often that was asked for.
    pub(super) fn step(&self) -> (Step, u32) {
        let step = match self {
            Self::Capabilities(..) => Step::AuthenticationCapabilities,
            Self::Challenge(..) => Step::SessionChallenge,
            Self::Activation(..) => Step::ActivateSession,
            Self::OpenSessionResponse(..) => Step::OpenSession,
            Self::Rakp2(..) => Step::Rakp1,
            Self::Rakp4(..) => Step::Rakp3,
            Self::Privilege(active) => {
                let step = Step::Command(SetSessionPrivilegeLevel::NAME);
                return (step, active.transmissions());
            }
        };
        (step, self.sent().map_or(0, Sent::count))
    }
}

impl Sent {
    pub(super) fn count(&self) -> u32 {
        self.transmissions.count()
    }
}

/// What a message and its answer have in common: which step they are of, and the number that pairs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    step: u8,
    number: u8,
}

impl Exchange {
    /// The exchange that a datagram is a part of, if it is one outside a session.
    pub(super) fn of(datagram: &Datagram) -> Option<Self> {
        match datagram {
            Datagram::Ipmi20(packet) if packet.session_id == 0 => {
                let step = match packet.payload_type {
                    PayloadType::OpenSessionRequest | PayloadType::OpenSessionResponse => 1,
                    PayloadType::Rakp1 | PayloadType::Rakp2 => 2,
                    PayloadType::Rakp3 | PayloadType::Rakp4 => 3,
                    _ => return None,
                };
                Some(Self { step, number: *packet.payload.first()? })
            }
            Datagram::Ipmi15(packet) => {
                let [_, _, _, _, sequence_and_lun, command, ..] = packet.payload.as_slice() else {
                    return None;
                };
                Some(Self { step: *command, number: sequence_and_lun >> 2 })
            }
            _ => None,
        }
    }
}
