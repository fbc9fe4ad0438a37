//! What the BMC offers before a login, and what is made of it.

use crate::command::{AuthenticationCapabilities, Command, GetChannelAuthenticationCapabilities};
use crate::wire::{Authentication15, Datagram, Packet15, RequestMessage, ResponseMessage};
use crate::{AuthenticationType, CompletionCode, Error, Quirk};

use super::super::answer::Vouched;
use super::verdict::Verdict;
use super::{Context, Protocol, SessionConfig};

/// Awaits the answer to Get Channel Authentication Capabilities (IPMI 2.0 §22.13).
pub(super) struct ExpectCapabilities {
    /// The question for the data of IPMI 2.0 too.
    extended: GetChannelAuthenticationCapabilities,
    extended_request: RequestMessage,
    /// The question of IPMI 1.5, for BMCs that refuse the other one, or do not answer it.
    plain: GetChannelAuthenticationCapabilities,
    plain_request: RequestMessage,
    /// Whether the first question was refused.
    is_extended_refused: bool,
    /// How often the second question was answered, while the first one was not.
    plain_answers: u32,
}

impl ExpectCapabilities {
    /// So many transmissions ask for all that there is; then every second one asks for less.
    const PATIENCE: u32 = 3;
    /// After so many answers to the second question the BMC is held not to know the first one.
    const ENOUGH: u32 = 3;

    pub(super) fn new(context: &mut Context) -> Self {
        let question = |extended| GetChannelAuthenticationCapabilities {
            extended,
            privilege: context.config.privilege,
        };
        let (extended, plain) = (question(true), question(false));
        Self {
            extended,
            extended_request: extended.to_message(context.next_request_sequence()),
            plain,
            plain_request: plain.to_message(context.next_request_sequence()),
            is_extended_refused: false,
            plain_answers: 0,
        }
    }

    /// The question to ask when there have been so many transmissions.
    pub(super) fn request(&self, transmissions: u32) -> Datagram {
        let is_plain = self.is_extended_refused
            || transmissions >= Self::PATIENCE && !transmissions.is_multiple_of(2);
        let request = if is_plain { &self.plain_request } else { &self.extended_request };
        Datagram::Ipmi15(Packet15::sessionless(request.to_bytes()))
    }

    /// The answers so far may have been somebody else's.
    pub(super) fn ask_for_all_again(&mut self) {
        self.is_extended_refused = false;
    }

    /// Whether the BMC answers the question of IPMI 1.5 only. Once or twice may be the network's doing.
    pub(super) fn is_of_ipmi15(&self) -> bool {
        self.plain_answers >= Self::ENOUGH
    }

    /// Whether the BMC is there, though it has not answered all that it was asked.
    pub(super) fn is_heard(&self) -> bool {
        self.plain_answers > 0
    }

    /// Nothing vouches for this answer; it decides only what is tried first. `None` when the BMC refuses to tell of
    /// IPMI
    /// 2.0, and is to be asked for less.
    pub(super) fn judge(
        &mut self,
        context: &mut Context,
        datagram: &Datagram,
    ) -> Verdict<Option<AuthenticationCapabilities>> {
        if let Some(response) = sessionless_answer15(context, &self.extended_request, datagram) {
            return self.judge_extended(context, &response);
        }
        match sessionless_answer15(context, &self.plain_request, datagram) {
            Some(response) => self.judge_plain(context, &response),
            None => Verdict::Stranger,
        }
    }

    fn judge_extended(
        &mut self,
        context: &Context,
        response: &ResponseMessage,
    ) -> Verdict<Option<AuthenticationCapabilities>> {
        match response.completion {
            CompletionCode::OK => Self::offer(&self.extended, response),
            code if context.is_worth_asking_again(code) => Verdict::Busy(Self::refused(code)),
            _ if self.is_extended_refused => Verdict::Stranger,
            _ => {
                self.is_extended_refused = true;
                Verdict::Accepted(None)
            }
        }
    }

    fn judge_plain(
        &mut self,
        context: &Context,
        response: &ResponseMessage,
    ) -> Verdict<Option<AuthenticationCapabilities>> {
        match response.completion {
            CompletionCode::OK => {}
            code if context.is_worth_asking_again(code) => {
                return Verdict::Busy(Self::refused(code));
            }
            code => return Verdict::Failed(Self::refused(code)),
        }
        self.plain_answers += 1;
        // It does not tell of IPMI 2.0, and the answer to the other question may still be on its way.
        let is_enough = self.plain_answers >= Self::ENOUGH
            && context.config.protocol != Protocol::Ipmi20
            || self.is_extended_refused;
        if is_enough { Self::offer(&self.plain, response) } else { Verdict::Stranger }
    }

    fn offer(
        command: &GetChannelAuthenticationCapabilities,
        response: &ResponseMessage,
    ) -> Verdict<Option<AuthenticationCapabilities>> {
        match command.parse_response(&response.data) {
            Ok(capabilities) => Verdict::Accepted(Some(capabilities)),
            Err(_) => Verdict::Stranger,
        }
    }

    fn refused(code: CompletionCode) -> Error {
        Error::refused::<GetChannelAuthenticationCapabilities>(code)
    }
}

/// The authentication type for IPMI 1.5, or why that cannot be used.
pub(super) fn usable_authentication(
    config: &SessionConfig,
    capabilities: &AuthenticationCapabilities,
) -> Result<AuthenticationType, Error> {
    let is_believed = !config.workarounds.forces(Quirk::AuthCap);
    if is_believed && !capabilities.ipmi15 {
        return Err(Error::NoIpmi15);
    }
    if config.password.is_longer_than_15_carries() {
        return Err(Error::PasswordTooLong15);
    }
    let oem = [Quirk::Supermicro, Quirk::Quanta];
    if oem.into_iter().any(|quirk| config.workarounds.forces(quirk)) {
        return Ok(AuthenticationType::Oem);
    }
    let offered = capabilities.authentication_types;
    // Who names no type at all offers what it does not know to tell.
    let tells = is_believed && (offered.bits() != 0 || !config.workarounds.finds(Quirk::AuthCap));
    // Nobody can tell whose type OEM is, if the user does not.
    let is_offered = |kind: &AuthenticationType| {
        *kind != AuthenticationType::Oem && (!tells || offered.contains(*kind))
    };
    let wanted = config.authentication;
    let candidates =
        wanted.map_or(vec![AuthenticationType::Md5, AuthenticationType::Md2], |kind| vec![kind]);
    let usable = candidates.into_iter().find(is_offered);
    usable.ok_or(Error::AuthenticationNotOffered { wanted, offered })
}

/// The answer to a request outside any session, in the format of IPMI 1.5.
pub(super) fn sessionless_answer15(
    context: &mut Context,
    request: &RequestMessage,
    datagram: &Datagram,
) -> Option<ResponseMessage> {
    match datagram {
        Datagram::Ipmi15(Packet15 {
            authentication: Authentication15::None,
            session_id: 0,
            payload,
            ..
        }) => context.read(payload, Vouched::OutsideSession, |message| message.answers(request)),
        _ => None,
    }
}
