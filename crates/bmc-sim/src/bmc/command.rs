use std::time::Instant;

use ipmi_lan::command::{
    AuthenticationCapabilities, ChassisControl, ChassisStatus, CipherSuiteChunk, CloseSession,
    Command, DeviceId, GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
    GetChassisStatus, GetDeviceId, GetSystemRestartCause, PowerControl, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{RequestMessage, ResponseMessage, WireError};
use ipmi_lan::{AuthenticationTypes, CompletionCode, Privilege};
use rand::rngs::StdRng;

use super::chassis::Chassis;
use crate::{Config, Event, EventKind, Power};

/// The number of the LAN channel.
const CHANNEL: u8 = 1;
/// Request data length invalid (IPMI 2.0 §5.2, table 5-2).
const DATA_LENGTH_INVALID: CompletionCode = CompletionCode(0xc7);

/// The data of a successful answer, or the code of the other kind.
pub(super) type Answer = Result<Vec<u8>, CompletionCode>;

/// All of the BMC but its sessions: what commands read and change.
pub(super) struct System {
    pub(super) config: Config,
    pub(super) rng: StdRng,
    pub(super) chassis: Chassis,
    pub(super) events: Vec<Event>,
}

/// A request that the BMC knows.
#[derive(Clone, Copy)]
pub(super) enum Request {
    AuthenticationCapabilities,
    CipherSuites(GetChannelCipherSuites),
    DeviceId,
    /// `None` asks for the level without changing it (IPMI 2.0 §22.18).
    SetPrivilege(Option<Privilege>),
    CloseSession(CloseSession),
    ChassisStatus,
    ChassisControl(PowerControl),
    RestartCause,
}

impl Request {
    pub(super) fn parse(message: &RequestMessage) -> Result<Self, CompletionCode> {
        match (message.network_function, message.command) {
            (
                GetChannelAuthenticationCapabilities::NETWORK_FUNCTION,
                GetChannelAuthenticationCapabilities::NUMBER,
            ) => parsed(message, |_: GetChannelAuthenticationCapabilities| {
                Self::AuthenticationCapabilities
            }),
            (GetChannelCipherSuites::NETWORK_FUNCTION, GetChannelCipherSuites::NUMBER) => {
                parsed(message, Self::CipherSuites)
            }
            (GetDeviceId::NETWORK_FUNCTION, GetDeviceId::NUMBER) => Ok(Self::DeviceId),
            (SetSessionPrivilegeLevel::NETWORK_FUNCTION, SetSessionPrivilegeLevel::NUMBER) => {
                match message.data.first() {
                    Some(0) => Ok(Self::SetPrivilege(None)),
                    _ => parsed(message, |SetSessionPrivilegeLevel(level)| {
                        Self::SetPrivilege(Some(level))
                    }),
                }
            }
            (CloseSession::NETWORK_FUNCTION, CloseSession::NUMBER) => {
                parsed(message, Self::CloseSession)
            }
            (GetChassisStatus::NETWORK_FUNCTION, GetChassisStatus::NUMBER) => {
                Ok(Self::ChassisStatus)
            }
            (ChassisControl::NETWORK_FUNCTION, ChassisControl::NUMBER) => {
                parsed(message, |ChassisControl(control)| Self::ChassisControl(control))
            }
            (GetSystemRestartCause::NETWORK_FUNCTION, GetSystemRestartCause::NUMBER) => {
                Ok(Self::RestartCause)
            }
            _ => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    /// The lowest level that may ask this (IPMI 2.0 appendix G).
    pub(super) fn privilege(self) -> Privilege {
        match self {
            Self::AuthenticationCapabilities | Self::CipherSuites(_) | Self::CloseSession(_) => {
                Privilege::Callback
            }
            Self::DeviceId | Self::SetPrivilege(_) | Self::ChassisStatus | Self::RestartCause => {
                Privilege::User
            }
            Self::ChassisControl(_) => Privilege::Operator,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::AuthenticationCapabilities => GetChannelAuthenticationCapabilities::NAME,
            Self::CipherSuites(_) => GetChannelCipherSuites::NAME,
            Self::DeviceId => GetDeviceId::NAME,
            Self::SetPrivilege(_) => SetSessionPrivilegeLevel::NAME,
            Self::CloseSession(_) => CloseSession::NAME,
            Self::ChassisStatus => GetChassisStatus::NAME,
            Self::ChassisControl(_) => ChassisControl::NAME,
            Self::RestartCause => GetSystemRestartCause::NAME,
        }
    }
}

impl System {
    /// The answer to a request outside any session. `None` when a fault swallows it.
    pub(super) fn answer_outside_session(
        &mut self,
        now: Instant,
        message: &RequestMessage,
    ) -> Option<ResponseMessage> {
        let request = Request::parse(message);
        let answer = match request {
            Ok(Request::AuthenticationCapabilities) => Ok(self.authentication_capabilities()),
            Ok(Request::CipherSuites(_)) if self.config.faults.ignore_cipher_suite_query => {
                return None;
            }
            Ok(Request::CipherSuites(query)) => Ok(self.cipher_suites(query)),
            Ok(_) => Err(CompletionCode::INSUFFICIENT_PRIVILEGE),
            Err(completion) => Err(completion),
        };
        self.log_command(now, message, request, &answer);
        Some(response(message, answer))
    }

    /// What is offered before a login (IPMI 2.0 §22.13): sessions of IPMI 2.0 only.
    pub(super) fn authentication_capabilities(&self) -> Vec<u8> {
        let has_user = |is_named| {
            self.config.users.iter().any(|user| user.name.as_bytes().is_empty() != is_named)
        };
        AuthenticationCapabilities {
            channel: CHANNEL,
            authentication_types: AuthenticationTypes::default(),
            ipmi20: true,
            ipmi15: false,
            kg_set: self.config.kg.is_some(),
            per_message_authentication_disabled: false,
            user_level_authentication_disabled: false,
            named_users: has_user(true),
            null_user: has_user(false),
            anonymous_user: false,
        }
        .to_data(true)
    }

    /// One chunk of the cipher suite records (IPMI 2.0 §22.15).
    pub(super) fn cipher_suites(&self, query: GetChannelCipherSuites) -> Vec<u8> {
        let records: Vec<u8> =
            self.config.cipher_suites.iter().copied().flat_map(CipherSuiteChunk::record).collect();
        let chunk = records.chunks(CipherSuiteChunk::FULL).nth(usize::from(query.index));
        CipherSuiteChunk { channel: CHANNEL, records: chunk.unwrap_or_default().to_vec() }.to_data()
    }

    pub(super) fn device_id(&self) -> Vec<u8> {
        DeviceId {
            device_id: 0x20,
            device_revision: 1,
            firmware_major: 1,
            firmware_minor: 0,
            update_in_progress: false,
            ipmi_version: 0x02,
            manufacturer: 0,
            product: 0,
        }
        .to_data()
    }

    pub(super) fn chassis_status(&mut self) -> Answer {
        let faults = &mut self.config.faults;
        if let Some(fewer) = faults.busy_answers.checked_sub(1) {
            faults.busy_answers = fewer;
            return Err(CompletionCode::NODE_BUSY);
        }
        let status = ChassisStatus {
            power_on: self.chassis.power() == Power::On,
            power_fault: false,
            power_control_fault: false,
            last_power_event: 0,
            miscellaneous: 0,
        };
        Ok(status.to_data())
    }

    pub(super) fn chassis_control(&mut self, now: Instant, control: PowerControl) -> Answer {
        match self.chassis.control(now, control, &self.config) {
            CompletionCode::OK => Ok(Vec::new()),
            completion => Err(completion),
        }
    }

    pub(super) fn restart_cause(&self) -> Answer {
        if self.config.faults.no_restart_cause {
            return Err(CompletionCode::INVALID_COMMAND);
        }
        Ok(self.chassis.restart_cause().to_data())
    }

    pub(super) fn log(&mut self, at: Instant, kind: EventKind) {
        self.events.push(Event { at, kind });
    }

    pub(super) fn log_command(
        &mut self,
        now: Instant,
        message: &RequestMessage,
        request: Result<Request, CompletionCode>,
        answer: &Answer,
    ) {
        let completion = answer.as_ref().err().copied().unwrap_or(CompletionCode::OK);
        let kind = match request {
            Ok(Request::ChassisStatus) if answer.is_ok() => {
                EventKind::StatusReported(self.chassis.power())
            }
            Ok(Request::ChassisControl(control)) => {
                EventKind::ChassisControl { control, completion }
            }
            Ok(request) => EventKind::Command { name: request.name(), completion },
            Err(_) => EventKind::UnknownCommand {
                network_function: message.network_function.number(),
                command: message.command,
                completion,
            },
        };
        self.log(now, kind);
    }
}

/// The message that answers a request.
pub(super) fn response(request: &RequestMessage, answer: Answer) -> ResponseMessage {
    let (completion, data) = match answer {
        Ok(data) => (CompletionCode::OK, data),
        Err(completion) => (completion, Vec::new()),
    };
    ResponseMessage {
        to: request.from,
        from: request.to,
        network_function: request.network_function,
        command: request.command,
        sequence: request.sequence,
        completion,
        data,
    }
}

fn parsed<C: Command>(
    message: &RequestMessage,
    request: impl FnOnce(C) -> Request,
) -> Result<Request, CompletionCode> {
    C::from_data(&message.data).map(request).map_err(|error| match error {
        WireError::Truncated { .. } => DATA_LENGTH_INVALID,
        WireError::Field { .. } | WireError::Checksum { .. } => CompletionCode::INVALID_DATA_FIELD,
    })
}
