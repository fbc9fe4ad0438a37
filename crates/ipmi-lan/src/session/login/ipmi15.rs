//! The steps of a login in IPMI 1.5 (IPMI 2.0 §6.12.1, §22.16, §22.17).

use crate::command::{ActivateSession, ActivatedSession, Challenge, Command, GetSessionChallenge};
use crate::crypto::Codes15;
use crate::wire::{Datagram, Packet15, RequestMessage, ResponseMessage};
use crate::{AuthenticationType, CompletionCode, Error, Quirk};

use super::super::answer::Vouched;
use super::super::seal::{allows_session_id_0, ignores_codes};
use super::Context;
use super::capabilities::sessionless_answer15;
use super::verdict::Verdict;

/// Activate Session: no session slot available (IPMI 2.0 §22.17).
const NO_SLOT: CompletionCode = CompletionCode(0x81);
/// Activate Session: no slot available for this user.
const NO_SLOT_FOR_USER: CompletionCode = CompletionCode(0x82);
/// Activate Session: no slot available at this privilege level.
const NO_SLOT_FOR_PRIVILEGE: CompletionCode = CompletionCode(0x83);
/// Activate Session: invalid session id.
pub(super) const INVALID_SESSION_ID: CompletionCode = CompletionCode(0x85);

/// Awaits the answer to Get Session Challenge (IPMI 2.0 §22.16).
pub(super) struct ExpectChallenge {
    request: RequestMessage,
    command: GetSessionChallenge,
}

impl ExpectChallenge {
    pub(super) fn new(context: &mut Context, authentication: AuthenticationType) -> Self {
        let command = GetSessionChallenge { authentication, username: context.config.username };
        Self { request: command.to_message(context.next_request_sequence()), command }
    }

    pub(super) fn request(&self) -> Datagram {
        Datagram::Ipmi15(Packet15::sessionless(self.request.to_bytes()))
    }

    pub(super) fn authentication(&self) -> AuthenticationType {
        self.command.authentication
    }

    pub(super) fn judge(&self, context: &mut Context, datagram: &Datagram) -> Verdict<Challenge> {
        let Some(response) = sessionless_answer15(context, &self.request, datagram) else {
            return Verdict::Stranger;
        };
        let refused = Error::refused::<GetSessionChallenge>(response.completion);
        match response.completion {
            CompletionCode::OK => match self.command.parse_response(&response.data) {
                Ok(challenge) => Verdict::Accepted(challenge),
                Err(_) => Verdict::Stranger,
            },
            code if context.is_worth_asking_again(code) => Verdict::Busy(refused),
            CompletionCode::INVALID_COMMAND | CompletionCode::SUBFUNCTION_DISABLED => {
                Verdict::VersionRefused(refused)
            }
            _ => Verdict::Failed(refused),
        }
    }
}

/// Awaits the answer to Activate Session (IPMI 2.0 §22.17).
pub(super) struct ExpectActivation {
    request: RequestMessage,
    command: ActivateSession,
    codes: Codes15,
    temporary_session_id: u32,
    /// How many answers came whose code did not fit.
    pub(super) wrong_codes: u32,
}

/// What a session of IPMI 1.5 is made of.
pub(in crate::session) struct Activation {
    pub(in crate::session) codes: Codes15,
    pub(in crate::session) activated: ActivatedSession,
    pub(in crate::session) first_outbound_sequence: u32,
}

impl ExpectActivation {
    pub(super) fn new(
        context: &mut Context,
        authentication: AuthenticationType,
        challenge: Challenge,
    ) -> Self {
        let config = context.config;
        // Neither 0, which is for packets outside a session, nor so high that it could wrap around.
        let first_outbound_sequence =
            u32::from_le_bytes(context.random_bytes()) & 0x7fff_ffff | 0x0000_0100;
        let is_supermicro = config.workarounds.forces(Quirk::Supermicro);
        let codes = if is_supermicro {
            Codes15::supermicro(&config.password, &challenge.challenge)
        } else {
            Codes15::new(authentication, &config.password)
        };
        let command = ActivateSession {
            authentication,
            privilege: config.privilege,
            challenge: if is_supermicro { [0; 16] } else { challenge.challenge },
            first_outbound_sequence,
        };
        Self {
            request: command.to_message(context.next_request_sequence()),
            command,
            codes,
            temporary_session_id: challenge.temporary_session_id,
            wrong_codes: 0,
        }
    }

    pub(super) fn request(&self) -> Datagram {
        let message = self.request.to_bytes();
        Datagram::Ipmi15(self.codes.seal(self.temporary_session_id, 0, message))
    }

    pub(super) fn judge(
        &mut self,
        context: &mut Context,
        datagram: &Datagram,
        has_repeated: bool,
    ) -> Verdict<Activation> {
        let Datagram::Ipmi15(packet) = datagram else { return Verdict::Stranger };
        let is_genuine = packet.authentication.code().is_some() && self.codes.is_genuine(packet);
        let is_vouched_for = is_genuine && self.codes.vouch_for_content();
        let vouched = if is_vouched_for { Vouched::ByCode } else { Vouched::OutsideSession };
        let Some(response) =
            context.read(&packet.payload, vouched, |message| message.answers(&self.request))
        else {
            return Verdict::Stranger;
        };
        match response.completion {
            CompletionCode::OK => self.accepted(context, packet, is_genuine, &response),
            code => {
                // Without the code anybody could have sent it.
                let is_doubtful = !is_genuine && self.codes.kind() != AuthenticationType::None;
                self.refused(context, packet, code, has_repeated).doubted_if(is_doubtful)
            }
        }
    }

    /// Whether the answer has the session sequence number that this login asked for, or the one before or behind it.
    /// Number 0, as outside a session, is taken where the session goes on to prove itself.
    fn is_fresh(&self, context: &Context, packet: &Packet15, keeps_codes: bool) -> bool {
        const TOLERANCE: u32 = 2;
        let is_near =
            |number: u32| number.abs_diff(self.command.first_outbound_sequence) <= TOLERANCE;
        let may_be_swapped = context.config.workarounds.finds(Quirk::EndianSeq);
        is_near(packet.sequence)
            || may_be_swapped && is_near(packet.sequence.swap_bytes())
            || packet.sequence == 0 && keeps_codes
    }

    fn accepted(
        &mut self,
        context: &Context,
        packet: &Packet15,
        is_genuine: bool,
        response: &ResponseMessage,
    ) -> Verdict<Activation> {
        let Ok(activated) = self.command.parse_response(&response.data) else {
            return Verdict::Stranger;
        };
        let asked_for_codes = self.codes.kind() != AuthenticationType::None;
        let ignores_codes = ignores_codes(&context.config.workarounds);
        // Who only pretends to be the BMC must not choose the session's id, or talk us out of its codes.
        if asked_for_codes && !is_genuine && !ignores_codes {
            self.wrong_codes += u32::from(packet.authentication.code().is_some());
            return Verdict::Stranger;
        }
        let is_of_login = packet.session_id == self.temporary_session_id
            || is_genuine && packet.session_id == activated.session_id
            || packet.session_id == 0
                && allows_session_id_0(&context.config.workarounds, is_genuine);
        let keeps_codes = activated.authentication == self.codes.kind();
        let is_as_agreed = keeps_codes || activated.authentication == AuthenticationType::None;
        // A recorded answer has a right code too, but not the number that was drawn for this login.
        if asked_for_codes && !ignores_codes && !self.is_fresh(context, packet, keeps_codes) {
            log::debug!("answer to Activate Session dropped: not of this login");
            return Verdict::Stranger;
        }
        if !is_of_login || !is_as_agreed || activated.session_id == 0 {
            return Verdict::Stranger;
        }
        Verdict::Accepted(Activation {
            codes: self.codes.clone(),
            activated,
            first_outbound_sequence: self.command.first_outbound_sequence,
        })
    }

    fn refused(
        &self,
        context: &Context,
        packet: &Packet15,
        code: CompletionCode,
        has_repeated: bool,
    ) -> Verdict<Activation> {
        if packet.session_id != self.temporary_session_id && packet.session_id != 0 {
            return Verdict::Stranger;
        }
        let refused = Error::refused::<ActivateSession>(code);
        match code {
            NO_SLOT | NO_SLOT_FOR_USER | NO_SLOT_FOR_PRIVILEGE
                if context.config.workarounds.finds(Quirk::NoSlot) =>
            {
                Verdict::Busy(refused)
            }
            // Most likely the answer to the first transmission was lost.
            INVALID_SESSION_ID if has_repeated => Verdict::StartAnew,
            code if context.is_worth_asking_again(code) => Verdict::Busy(refused),
            _ => Verdict::Failed(refused),
        }
    }
}
