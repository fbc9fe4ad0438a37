//! Any bytes as the data of each command's request and response: nothing panics, and what is taken is taken again
//! when it is written.

#![no_main]

use std::fmt::Debug;

use fence_agents_fuzz::reread;
use ipmi_lan::command::{
    ActivateSession, ActivatedSession, AuthenticationCapabilities, Challenge, ChassisControl,
    ChassisStatus, CipherSuiteChunk, CloseSession, Command, DeviceId,
    GetChannelAuthenticationCapabilities, GetChannelCipherSuites, GetChassisStatus, GetDeviceId,
    GetSessionChallenge, GetSystemRestartCause, PowerControl, SendMessage,
    SetSessionPrivilegeLevel,
};
use ipmi_lan::{AuthenticationType, Privilege, Username};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    reread_request::<GetChannelAuthenticationCapabilities>(data);
    reread_request::<GetChannelCipherSuites>(data);
    reread_request::<SetSessionPrivilegeLevel>(data);
    reread_request::<CloseSession>(data);
    reread_request::<ChassisControl>(data);
    reread_request::<GetChassisStatus>(data);
    reread_request::<GetSystemRestartCause>(data);
    reread_request::<GetDeviceId>(data);
    reread_request::<GetSessionChallenge>(data);
    reread_request::<ActivateSession>(data);
    reread_request::<SendMessage>(data);
    reread_responses(data);
    reread_responses_of_ipmi_15(data);
    let _ = CipherSuiteChunk::suite_ids(data);
});

fn reread_request<C: Command + Debug + PartialEq>(data: &[u8]) {
    reread(data, C::from_data, C::to_data);
}

fn reread_responses(data: &[u8]) {
    let privilege = Privilege::Administrator;
    let command = GetChannelAuthenticationCapabilities { extended: true, privilege };
    reread(
        data,
        |data| command.parse_response(data),
        |capabilities: &AuthenticationCapabilities| capabilities.to_data(true),
    );
    let command = GetChannelCipherSuites { index: 0 };
    reread(data, |data| command.parse_response(data), CipherSuiteChunk::to_data);
    reread(data, |data| GetChassisStatus.parse_response(data), ChassisStatus::to_data);
    reread(data, |data| GetSystemRestartCause.parse_response(data), |cause| cause.to_data());
    reread(data, |data| GetDeviceId.parse_response(data), DeviceId::to_data);
    // The simulator alone writes these answers, and not with functions of the crate.
    let _ = SetSessionPrivilegeLevel(privilege).parse_response(data);
    let _ = CloseSession { session_id: 1 }.parse_response(data);
    let _ = ChassisControl(PowerControl::PowerDown).parse_response(data);
    let bridge = SendMessage { channel: 0, message: Vec::new() };
    assert_eq!(bridge.parse_response(data).as_deref(), Ok(data));
}

fn reread_responses_of_ipmi_15(data: &[u8]) {
    let authentication = AuthenticationType::Md5;
    let command = GetSessionChallenge { authentication, username: Username::default() };
    reread(data, |data| command.parse_response(data), Challenge::to_data);
    let command = ActivateSession {
        authentication,
        privilege: Privilege::Administrator,
        challenge: [0; 16],
        first_outbound_sequence: 1,
    };
    reread(data, |data| command.parse_response(data), ActivatedSession::to_data);
}
