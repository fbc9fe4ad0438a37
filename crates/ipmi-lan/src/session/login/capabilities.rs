//! What the BMC offers before a login, and what is made of it.

use crate::command::{AuthenticationCapabilities, Command, GetChannelAuthenticationCapabilities};
use crate::wire::{Authentication15, Datagram, Packet15, RequestMessage, ResponseMessage};
use crate::{AuthenticationType, CompletionCode, Error, Quirk};

use super::verdict::Verdict;
use super::{Context, SessionConfig};

/// Awaits the answer to Get Channel Authentication Capabilities (IPMI 2.0 §22.13).
pub(super) struct ExpectCapabilities {
    request: RequestMessage,
    command: GetChannelAuthenticationCapabilities,
}

impl ExpectCapabilities {
    /// `extended` asks for the data of IPMI 2.0, which some BMCs of IPMI 1.5 refuse.
    pub(super) fn new(context: &mut Context, extended: bool) -> Self {
        let privilege = context.config.privilege;
        let command = GetChannelAuthenticationCapabilities { extended, privilege };
        Self { request: command.to_message(context.next_request_sequence()), command }
    }

    pub(super) fn request(&self) -> Datagram {
        Datagram::Ipmi15(Packet15::sessionless(self.request.to_bytes()))
    }

    /// Nothing vouches for this answer; it decides only what is tried first. `None` when the BMC refuses to tell of IPMI
    /// 2.0.
    pub(super) fn judge(
        &self,
        context: &mut Context,
        datagram: &Datagram,
    ) -> Verdict<Option<AuthenticationCapabilities>> {
        let Some(response) = sessionless_answer15(context, &self.request, datagram) else {
            return Verdict::Stranger;
        };
        let refused = Error::refused::<GetChannelAuthenticationCapabilities>(response.completion);
        match response.completion {
            CompletionCode::OK => match self.command.parse_response(&response.data) {
                Ok(capabilities) => Verdict::Accepted(Some(capabilities)),
                Err(_) => Verdict::Stranger,
            },
            code if context.is_worth_asking_again(code) => Verdict::Busy(refused),
            _ if self.command.extended => Verdict::Accepted(None),
            _ => Verdict::Failed(refused),
        }
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
    let tells = is_believed && offered.bits() != 0;
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
        }) => context.read(payload, false, |message| message.answers(request)),
        _ => None,
    }
}
