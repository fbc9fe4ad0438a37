//! The commands that the programs sent, and what they were answered.

use crate::sessions::{
    IPMITOOL, IPMITOOL_15, IPMITOOL_WITH_KG, SESSIONS, SESSIONS_15, USER, answered,
};
use ipmi_lan::command::{
    ActivateSession, AuthenticationCapabilities, ChassisControl, ChassisStatus, CloseSession,
    Command, DeviceId, GetChannelAuthenticationCapabilities, GetChassisStatus, GetDeviceId,
    GetSessionChallenge, PowerControl, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{RequestMessage, ResponseMessage};
use ipmi_lan::{AuthenticationTypes, CompletionCode, Privilege, Username};

const ADMINISTRATOR: Privilege = Privilege::Administrator;

const ON: ChassisStatus = ChassisStatus {
    power_on: true,
    power_fault: false,
    power_control_fault: false,
    last_power_event: 0,
    miscellaneous: 0,
};

#[test]
fn capabilities_say_whether_a_kg_is_set_and_what_the_channel_speaks() {
    let without_kg = capabilities_of_ipmi_sim();
    let question =
        GetChannelAuthenticationCapabilities { extended: true, privilege: ADMINISTRATOR };
    assert_eq!(answered(&IPMITOOL.messages_before_login()), (question, without_kg));
    let with_kg = AuthenticationCapabilities { kg_set: true, ..without_kg };
    assert_eq!(answered(&IPMITOOL_WITH_KG.messages_before_login()), (question, with_kg));
}

#[test]
fn capabilities_without_extended_data_are_those_of_ipmi_15() {
    let question =
        GetChannelAuthenticationCapabilities { extended: false, privilege: ADMINISTRATOR };
    let without_ipmi20 = AuthenticationCapabilities { ipmi20: false, ..capabilities_of_ipmi_sim() };
    for session in SESSIONS_15 {
        assert!(without_ipmi20.authentication_types.contains(session.kind));
        assert_eq!(answered(&session.messages()), (question, without_ipmi20));
    }
}

#[test]
fn the_challenge_comes_back_in_activate_session() {
    for session in SESSIONS_15 {
        let messages = session.messages();
        let (request, challenge) = answered::<GetSessionChallenge>(&messages);
        let username = Username::new(USER).unwrap();
        assert_eq!(request, GetSessionChallenge { authentication: session.kind, username });

        let (request, activated) = answered::<ActivateSession>(&messages);
        let ActivateSession { authentication, privilege, challenge: echo, .. } = request;
        assert_eq!((authentication, privilege), (session.kind, ADMINISTRATOR));
        assert_eq!(echo, challenge.challenge);
        assert_eq!((activated.authentication, activated.privilege), (session.kind, ADMINISTRATOR));

        // Activate Session goes with the temporary id, all else with the one that it answers.
        let mut ids = session.session_packets().map(|(_, packet)| packet.session_id);
        let activation = [ids.next(), ids.next()];
        assert_eq!(activation, [Some(challenge.temporary_session_id); 2]);
        assert!(ids.all(|id| id == activated.session_id));

        assert_eq!(challenge.to_data(), data::<GetSessionChallenge>(&messages));
        assert_eq!(activated.to_data(), data::<ActivateSession>(&messages));
    }
}

#[test]
fn inside_a_session_of_ipmi_15_the_console_becomes_administrator_and_closes() {
    for session in SESSIONS_15 {
        let messages = session.messages();
        assert_eq!(answered(&messages), (SetSessionPrivilegeLevel(ADMINISTRATOR), ADMINISTRATOR));
        let (_, activated) = answered::<ActivateSession>(&messages);
        let session_id = activated.session_id;
        assert_eq!(answered(&messages), (CloseSession { session_id }, ()));
        if session.fixture != IPMITOOL_15.fixture {
            assert_eq!(answered(&messages), (GetChassisStatus, ON));
            assert_eq!(ON.to_data(), data::<GetChassisStatus>(&messages));
        }
    }
}

#[test]
fn ipmitool_switches_power_off() {
    let (request, ()) = answered::<ChassisControl>(&IPMITOOL_15.messages());
    assert_eq!(request, ChassisControl(PowerControl::PowerDown));
}

#[test]
fn inside_the_session_the_console_gets_its_level_sees_power_on_and_closes() {
    for session in SESSIONS {
        let (messages, privilege) = (session.messages(), session.privilege);
        assert_eq!(answered(&messages), (SetSessionPrivilegeLevel(privilege), privilege));
        assert_eq!(answered(&messages), (GetChassisStatus, ON));
        let session_id = session.rakp1().bmc_session_id;
        assert_eq!(answered(&messages), (CloseSession { session_id }, ()));
    }
}

#[test]
fn ipmi_sim_says_who_it_is() {
    for messages in [IPMITOOL.messages(), IPMITOOL_15.messages()] {
        let (_, device): (GetDeviceId, _) = answered(&messages);
        assert_eq!(
            device,
            DeviceId {
                device_id: 0x00,
                device_revision: 3,
                firmware_major: 9,
                firmware_minor: 8,
                update_in_progress: false,
                ipmi_version: 0x02,
                manufacturer: 0x1291,
                product: 0x0f02,
            }
        );
    }
}

/// `ipmitool` asks for commands of PICMG and VITA, which few BMCs know.
#[test]
fn ipmi_sim_refuses_commands_that_it_does_not_know() {
    for messages in [IPMITOOL.messages(), IPMITOOL_15.messages()] {
        let completions: Vec<_> = messages
            .into_iter()
            .filter(|(request, _)| request.network_function.number() == 0x2c)
            .map(|(_, response)| response.completion)
            .collect();
        assert_eq!(completions, [CompletionCode::INVALID_COMMAND; 3]);
    }
}

fn capabilities_of_ipmi_sim() -> AuthenticationCapabilities {
    AuthenticationCapabilities {
        channel: 1,
        authentication_types: AuthenticationTypes::from_bits(0b01_0111),
        ipmi20: true,
        ipmi15: true,
        kg_set: false,
        per_message_authentication_disabled: false,
        user_level_authentication_disabled: false,
        named_users: true,
        null_user: false,
        anonymous_user: true,
    }
}

/// What the first request of this command was answered, as it came.
fn data<C: Command>(messages: &[(RequestMessage, ResponseMessage)]) -> Vec<u8> {
    let is_of_command = |response: &&ResponseMessage| {
        (response.network_function, response.command) == (C::NETWORK_FUNCTION, C::NUMBER)
    };
    messages.iter().map(|(_, response)| response).find(is_of_command).unwrap().data.clone()
}
