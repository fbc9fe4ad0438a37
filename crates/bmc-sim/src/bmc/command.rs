use std::collections::BTreeMap;
use std::time::Instant;

use ipmi_lan::command::{
    ActivateSession, AuthenticationCapabilities, ChassisControl, ChassisStatus, CipherSuiteChunk,
    CloseSession, Command, DeviceId, GetChannelAuthenticationCapabilities, GetChannelCipherSuites,
    GetChassisStatus, GetDeviceId, GetSessionChallenge, GetSystemGuid, GetSystemRestartCause,
    PowerControl, SendMessage, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{Address, RequestMessage, ResponseMessage, WireError};
use ipmi_lan::{AuthenticationTypes, CompletionCode, Privilege, Quirk};
use rand::rngs::StdRng;

use super::chassis::Chassis;
use super::satellite::Satellites;
use crate::{Config, Event, EventKind, EventLog, Faults, Power, User};

/// The number of the LAN channel.
const CHANNEL: u8 = 1;
/// Request data length invalid (IPMI 2.0 §5.2, table 5-2).
const DATA_LENGTH_INVALID: CompletionCode = CompletionCode(0xc7);
/// Command invalid for given LUN (IPMI 2.0 §5.2, table 5-2).
const INVALID_FOR_LUN: CompletionCode = CompletionCode(0xc2);
/// The device id of the BMC; that of a satellite is its address.
const DEVICE_ID: u8 = 0x20;

/// The version in Get Device Id: a binary coded decimal, the minor number first (IPMI 2.0 §20.1).
const IPMI_1_5: u8 = 0x51;
const IPMI_2_0: u8 = 0x02;

/// How often a BMC that is busy or full for a while says so.
const PASSING_REFUSALS: u32 = 2;

/// The data of a successful answer, or the code of the other kind.
pub(super) type Answer = Result<Vec<u8>, CompletionCode>;

/// All of the BMC but its sessions: what commands read and change.
pub(super) struct System {
    pub(super) config: Config,
    pub(super) rng: StdRng,
    pub(super) chassis: Chassis,
    pub(super) satellites: Satellites,
    /// How often each command was answered "busy" ([`Quirk::Busy`]), by network function and number.
    busy_answers: BTreeMap<(u8, u8), u32>,
    /// How often a login was refused for want of room, though there was some ([`Quirk::NoSlot`]).
    full_answers: u32,
    pub(super) events: EventLog,
}

/// A request that the BMC knows.
#[derive(Clone)]
pub(super) enum Request {
    AuthenticationCapabilities(GetChannelAuthenticationCapabilities),
    CipherSuites(GetChannelCipherSuites),
    SessionChallenge(GetSessionChallenge),
    /// What it asks for depends on the challenge, and is read with it.
    ActivateSession,
    DeviceId,
    /// `None` asks for the level without changing it (IPMI 2.0 §22.18).
    SetPrivilege(Option<Privilege>),
    CloseSession(CloseSession),
    ChassisStatus,
    ChassisControl(PowerControl),
    RestartCause,
    SystemGuid,
    SendMessage(SendMessage),
}

impl Request {
    /// A request to the BMC.
    pub(super) fn parse(message: &RequestMessage) -> Result<Self, CompletionCode> {
        Self::parse_at(message, Address::BMC.lun)
    }

    /// A request to a controller with this logical unit.
    pub(super) fn parse_at(message: &RequestMessage, lun: u8) -> Result<Self, CompletionCode> {
        if message.to.lun != lun {
            return Err(INVALID_FOR_LUN);
        }
        match (message.network_function, message.command) {
            (
                GetChannelAuthenticationCapabilities::NETWORK_FUNCTION,
                GetChannelAuthenticationCapabilities::NUMBER,
            ) => parsed(message, Self::AuthenticationCapabilities),
            (GetChannelCipherSuites::NETWORK_FUNCTION, GetChannelCipherSuites::NUMBER) => {
                parsed(message, Self::CipherSuites)
            }
            (GetSessionChallenge::NETWORK_FUNCTION, GetSessionChallenge::NUMBER) => {
                parsed(message, Self::SessionChallenge)
            }
            (ActivateSession::NETWORK_FUNCTION, ActivateSession::NUMBER) => {
                Ok(Self::ActivateSession)
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
            (GetSystemGuid::NETWORK_FUNCTION, GetSystemGuid::NUMBER) => Ok(Self::SystemGuid),
            (GetSystemRestartCause::NETWORK_FUNCTION, GetSystemRestartCause::NUMBER) => {
                Ok(Self::RestartCause)
            }
            (SendMessage::NETWORK_FUNCTION, SendMessage::NUMBER) => {
                parsed(message, Self::SendMessage)
            }
            _ => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    /// The lowest level that may ask this (IPMI 2.0 appendix G).
    pub(super) fn privilege(&self) -> Privilege {
        match self {
            Self::AuthenticationCapabilities(_)
            | Self::CipherSuites(_)
            | Self::SessionChallenge(_)
            | Self::ActivateSession
            | Self::CloseSession(_) => Privilege::Callback,
            Self::DeviceId
            | Self::SetPrivilege(_)
            | Self::ChassisStatus
            | Self::RestartCause
            | Self::SystemGuid => Privilege::User,
            // With less it may pass on to the system interface only, which nobody needs here.
            Self::ChassisControl(_) | Self::SendMessage(_) => Privilege::Operator,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::AuthenticationCapabilities(_) => GetChannelAuthenticationCapabilities::NAME,
            Self::CipherSuites(_) => GetChannelCipherSuites::NAME,
            Self::SessionChallenge(_) => GetSessionChallenge::NAME,
            Self::ActivateSession => ActivateSession::NAME,
            Self::DeviceId => GetDeviceId::NAME,
            Self::SetPrivilege(_) => SetSessionPrivilegeLevel::NAME,
            Self::CloseSession(_) => CloseSession::NAME,
            Self::ChassisStatus => GetChassisStatus::NAME,
            Self::ChassisControl(_) => ChassisControl::NAME,
            Self::RestartCause => GetSystemRestartCause::NAME,
            Self::SystemGuid => GetSystemGuid::NAME,
            Self::SendMessage(_) => SendMessage::NAME,
        }
    }

    /// What is to be done to a machine, be it the BMC's own or that of a satellite.
    pub(super) fn power_control(&self) -> Option<PowerControl> {
        match self {
            Self::ChassisControl(control) => Some(*control),
            Self::SendMessage(SendMessage { message, .. }) => {
                let message = RequestMessage::parse(message).ok()?;
                Self::parse_at(&message, message.to.lun).ok()?.power_control()
            }
            _ => None,
        }
    }
}

impl System {
    pub(super) fn new(
        config: Config,
        rng: StdRng,
        chassis: Chassis,
        satellites: Satellites,
    ) -> Self {
        Self {
            events: EventLog::new(config.events_kept),
            config,
            rng,
            chassis,
            satellites,
            busy_answers: BTreeMap::new(),
            full_answers: 0,
        }
    }

    /// Lets the time pass until now for all machines; what happens to them is told in its order.
    pub(super) fn advance(&mut self, now: Instant) {
        let mut events = Vec::new();
        while let Some(event) = self.chassis.next_event(now) {
            events.push(event);
        }
        self.satellites.advance(now, &mut events);
        events.sort_by_key(|event| event.at);
        self.events.extend(events);
    }

    /// When something will happen next to one of the machines.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.chassis.next_change().into_iter().chain(self.satellites.next_change()).min()
    }

    /// The answer to a request outside any session. `None` when a fault swallows it.
    pub(super) fn answer_outside_session(
        &mut self,
        now: Instant,
        message: &RequestMessage,
    ) -> Option<ResponseMessage> {
        let request = Request::parse(message);
        let answer = match &request.clone().and_then(|request| self.unless_busy(message, request)) {
            Ok(Request::AuthenticationCapabilities(_))
                if self.config.quirks.contains(Quirk::I82571Spt) =>
            {
                return None;
            }
            Ok(Request::AuthenticationCapabilities(query)) => {
                self.authentication_capabilities(*query)
            }
            Ok(Request::CipherSuites(_)) if self.config.faults.ignore_cipher_suite_query => {
                return None;
            }
            Ok(Request::CipherSuites(query)) => self.cipher_suites(*query),
            // Where there are sessions of IPMI 1.5, these do not come here.
            Ok(Request::SessionChallenge(_) | Request::ActivateSession) => {
                Err(CompletionCode::INVALID_COMMAND)
            }
            Ok(_) => Err(CompletionCode::INSUFFICIENT_PRIVILEGE),
            Err(completion) => Err(*completion),
        };
        self.log_command(now, message, &request, &answer);
        Some(response(message, answer))
    }

    /// What is offered before a login (IPMI 2.0 §22.13). The extended data is not sent to who did not ask for it, nor
    /// by who has nothing to say in it.
    pub(super) fn authentication_capabilities(
        &self,
        query: GetChannelAuthenticationCapabilities,
    ) -> Answer {
        let config = &self.config;
        if query.extended && config.faults.refuse_extended_capabilities {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        let capabilities = if config.quirks.contains(Quirk::AuthCap) {
            untrue(capabilities(config))
        } else {
            capabilities(config)
        };
        Ok(capabilities.to_data(query.extended && config.ipmi20))
    }

    /// One chunk of the cipher suite records (IPMI 2.0 §22.15).
    pub(super) fn cipher_suites(&self, query: GetChannelCipherSuites) -> Answer {
        if !self.config.ipmi20 {
            return Err(CompletionCode::INVALID_COMMAND);
        }
        let records: Vec<u8> =
            self.config.cipher_suites.iter().copied().flat_map(CipherSuiteChunk::record).collect();
        let chunk = records.chunks(CipherSuiteChunk::FULL).nth(usize::from(query.index));
        let records = chunk.unwrap_or_default().to_vec();
        Ok(CipherSuiteChunk { channel: CHANNEL, records }.to_data())
    }

    pub(super) fn device_id(&self) -> Vec<u8> {
        device_id(DEVICE_ID, &self.config)
    }

    pub(super) fn chassis_status(&mut self) -> Answer {
        chassis_status(&self.chassis, &mut self.config.faults)
    }

    pub(super) fn chassis_control(&mut self, now: Instant, control: PowerControl) -> Answer {
        chassis_control(&mut self.chassis, now, control, &self.config)
    }

    pub(super) fn restart_cause(&self) -> Answer {
        restart_cause(&self.chassis, &self.config.faults)
    }

    /// The request, unless the BMC has no time for it.
    pub(super) fn unless_busy(
        &mut self,
        message: &RequestMessage,
        request: Request,
    ) -> Result<Request, CompletionCode> {
        let command = (message.network_function.number(), message.command);
        let answers = self.busy_answers.entry(command).or_default();
        if self.config.quirks.contains(Quirk::Busy) && *answers < PASSING_REFUSALS {
            *answers += 1;
            return Err(CompletionCode::NODE_BUSY);
        }
        Ok(request)
    }

    /// Whether it says that there is no room for another session, whatever there is.
    pub(super) fn pretends_to_be_full(&mut self) -> bool {
        let pretends =
            self.config.quirks.contains(Quirk::NoSlot) && self.full_answers < PASSING_REFUSALS;
        self.full_answers += u32::from(pretends);
        pretends
    }

    /// What Send Message is answered, and what came of the message (IPMI 2.0 §22.7).
    pub(super) fn send_message(
        &mut self,
        now: Instant,
        message: &RequestMessage,
        bridged: &SendMessage,
    ) -> Answers {
        let mut events = Vec::new();
        let answers = self.satellites.pass_on(now, message, bridged, &mut self.config, &mut events);
        self.events.extend(events);
        self.log(now, answers.event_of_send_message());
        answers
    }

    /// A response with its checksums, or with wrong ones.
    pub(super) fn message_bytes(&self, response: &ResponseMessage) -> Vec<u8> {
        let mut bytes = response.to_bytes();
        if self.config.quirks.contains(Quirk::NoChecksumCheck) {
            // The first stands behind two bytes, the second at the end (IPMI 2.0 §13.8).
            bytes.iter_mut().skip(2).take(1).for_each(|checksum| *checksum ^= 0xff);
            bytes.iter_mut().next_back().into_iter().for_each(|checksum| *checksum ^= 0xff);
        }
        bytes
    }

    pub(super) fn log(&mut self, at: Instant, kind: EventKind) {
        self.events.push(Event { at, kind });
    }

    pub(super) fn log_command(
        &mut self,
        now: Instant,
        message: &RequestMessage,
        request: &Result<Request, CompletionCode>,
        answer: &Answer,
    ) {
        let kind = event_of(message, request, answer, self.chassis.power());
        self.log(now, kind);
    }
}

/// The answers to one request: one as a rule; more where a satellite has it answered in messages of its own.
#[derive(Clone)]
pub(super) struct Answers {
    pub(super) messages: Vec<ResponseMessage>,
    /// How the request itself was answered, by whom ever it was for.
    pub(super) completion: CompletionCode,
}

impl Answers {
    pub(super) fn one(message: ResponseMessage) -> Self {
        Self { completion: message.completion, messages: vec![message] }
    }

    /// What is told of the Send Message that they answer.
    pub(super) fn event_of_send_message(&self) -> EventKind {
        let first = self.messages.first();
        let completion = first.map_or(CompletionCode::OK, |message| message.completion);
        EventKind::Command { name: SendMessage::NAME, completion }
    }
}

pub(super) fn device_id(id: u8, config: &Config) -> Vec<u8> {
    DeviceId {
        device_id: id,
        device_revision: 1,
        firmware_major: 1,
        firmware_minor: 0,
        update_in_progress: false,
        ipmi_version: if config.ipmi20 { IPMI_2_0 } else { IPMI_1_5 },
        manufacturer: 0,
        product: 0,
    }
    .to_data()
}

pub(super) fn chassis_status(chassis: &Chassis, faults: &mut Faults) -> Answer {
    if let Some(fewer) = faults.busy_answers.checked_sub(1) {
        faults.busy_answers = fewer;
        return Err(CompletionCode::NODE_BUSY);
    }
    let status = ChassisStatus {
        power_on: chassis.power() == Power::On,
        power_fault: false,
        power_control_fault: false,
        last_power_event: 0,
        miscellaneous: 0,
    };
    Ok(status.to_data())
}

pub(super) fn chassis_control(
    chassis: &mut Chassis,
    now: Instant,
    control: PowerControl,
    config: &Config,
) -> Answer {
    match chassis.control(now, control, config) {
        CompletionCode::OK => Ok(Vec::new()),
        completion => Err(completion),
    }
}

pub(super) fn restart_cause(chassis: &Chassis, faults: &Faults) -> Answer {
    if faults.no_restart_cause {
        return Err(CompletionCode::INVALID_COMMAND);
    }
    Ok(chassis.restart_cause().to_data())
}

/// What is told of a request, when the machine of who answered it is on or off.
pub(super) fn event_of(
    message: &RequestMessage,
    request: &Result<Request, CompletionCode>,
    answer: &Answer,
    power: Power,
) -> EventKind {
    let completion = answer.as_ref().err().copied().unwrap_or(CompletionCode::OK);
    match request {
        Ok(Request::ChassisStatus) if answer.is_ok() => EventKind::StatusReported(power),
        Ok(Request::ChassisControl(control)) => {
            EventKind::ChassisControl { control: *control, completion }
        }
        Ok(request) => EventKind::Command { name: request.name(), completion },
        Err(_) => EventKind::UnknownCommand {
            network_function: message.network_function.number(),
            command: message.command,
            completion,
        },
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
    C::from_data(&message.data).map(request).map_err(completion_of)
}

/// How a request is answered that is no proper one.
pub(super) fn completion_of(error: WireError) -> CompletionCode {
    match error {
        WireError::Truncated { .. } => DATA_LENGTH_INVALID,
        WireError::Field { .. } | WireError::Checksum { .. } => CompletionCode::INVALID_DATA_FIELD,
    }
}

fn capabilities(config: &Config) -> AuthenticationCapabilities {
    let has_user = |is_meant: fn(&User) -> bool| config.users.iter().any(is_meant);
    AuthenticationCapabilities {
        channel: CHANNEL,
        authentication_types: config.authentication_types(),
        ipmi20: config.ipmi20,
        ipmi15: config.ipmi15.is_some(),
        kg_set: config.kg.is_some(),
        per_message_authentication_disabled: !config.has_per_message_authentication(),
        user_level_authentication_disabled: !config.has_user_level_authentication(),
        named_users: has_user(|user| !user.is_nameless()),
        null_user: has_user(|user| user.is_nameless() && !user.password.is_empty()),
        anonymous_user: has_user(|user| user.is_nameless() && user.password.is_empty()),
    }
}

/// The versions are true, and how packets are authenticated; all else is not ([`Quirk::AuthCap`]).
fn untrue(capabilities: AuthenticationCapabilities) -> AuthenticationCapabilities {
    AuthenticationCapabilities {
        authentication_types: AuthenticationTypes::default(),
        kg_set: !capabilities.kg_set,
        named_users: !capabilities.named_users,
        null_user: !capabilities.null_user,
        anonymous_user: !capabilities.anonymous_user,
        ..capabilities
    }
}
