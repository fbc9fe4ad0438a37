//! Every message that there can be, field by field within its bounds.

use ipmi_lan::command::{
    ActivateSession, ActivatedSession, AuthenticationCapabilities, Challenge, ChassisStatus,
    CipherSuiteChunk, DeviceId, GetSessionChallenge, PowerControl, RestartCause, SendMessage,
};
use ipmi_lan::crypto::RakpExchange;
use ipmi_lan::wire::{
    Address, Authentication15, Datagram, NetworkFunction, OpenSessionRequest, OpenSessionResponse,
    Packet15, Packet20, PayloadType, PresencePing, PresencePong, ProposedAlgorithms, Rakp1, Rakp2,
    Rakp3, Rakp4, RequestMessage, ResponseMessage, Role,
};
use ipmi_lan::{
    AuthenticationType, AuthenticationTypes, CipherSuite, CompletionCode, Kg, Password, Privilege,
    QuirkSet, RmcpPlusStatus, Username,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn datagram() -> impl Strategy<Value = Datagram> {
    prop_oneof![
        any::<u8>().prop_map(|tag| Datagram::PresencePing(PresencePing { tag })),
        any::<(u8, bool)>()
            .prop_map(|(tag, ipmi)| Datagram::PresencePong(PresencePong { tag, ipmi })),
        packet15().prop_map(Datagram::Ipmi15),
        packet20().prop_map(Datagram::Ipmi20),
        sealed_packet().prop_map(Datagram::Ipmi20),
    ]
}

prop_compose! {
    fn packet15()(
        authentication in authentication15(),
        sequence: u32,
        session_id: u32,
        payload in vec(any::<u8>(), 0..=255),
    ) -> Packet15 {
        Packet15 { authentication, sequence, session_id, payload }
    }
}

fn authentication15() -> impl Strategy<Value = Authentication15> {
    (authentication_type(), any::<[u8; 16]>())
        .prop_map(|(kind, code)| Authentication15::new(kind, code))
}

pub(crate) fn authentication_type() -> impl Strategy<Value = AuthenticationType> {
    select(AuthenticationType::ALL.to_vec())
}

prop_compose! {
    fn packet20()(
        payload_type in payload_type(),
        session_id: u32,
        sequence: u32,
        encrypted: bool,
        payload in vec(any::<u8>(), 0..300),
    ) -> Packet20 {
        Packet20 { payload_type, session_id, sequence, encrypted, payload, trailer: None }
    }
}

prop_compose! {
    fn sealed_packet()(
        exchange in rakp_exchange(),
        password in password(),
        session_id: u32,
        sequence: u32,
        message in vec(any::<u8>(), 0..100),
        initialization_vector: [u8; 16],
    ) -> Packet20 {
        let keys = exchange.session_integrity_key(&password, None).session_keys(QuirkSet::NONE);
        keys.seal(session_id, sequence, &message, initialization_vector)
    }
}

fn payload_type() -> impl Strategy<Value = PayloadType> {
    // 00h, 02h (OEM explicit, not accepted) and 10h to 15h are not "other"; there are six bits.
    let other = prop_oneof![Just(0x01), 0x03..0x10_u8, 0x16..0x40_u8];
    let named = [
        PayloadType::Ipmi,
        PayloadType::OpenSessionRequest,
        PayloadType::OpenSessionResponse,
        PayloadType::Rakp1,
        PayloadType::Rakp2,
        PayloadType::Rakp3,
        PayloadType::Rakp4,
    ];
    prop_oneof![select(named.to_vec()), other.prop_map(PayloadType::Other)]
}

prop_compose! {
    pub(crate) fn request()(
        to in address(),
        from in address(),
        network_function in network_function(),
        command: u8,
        sequence in 0..0x40_u8,
        data in vec(any::<u8>(), 0..64),
    ) -> RequestMessage {
        RequestMessage { to, from, network_function, command, sequence, data }
    }
}

prop_compose! {
    pub(crate) fn response()(
        to in address(),
        from in address(),
        network_function in network_function(),
        command: u8,
        sequence in 0..0x40_u8,
        completion in any::<u8>().prop_map(CompletionCode),
        data in vec(any::<u8>(), 0..64),
    ) -> ResponseMessage {
        ResponseMessage { to, from, network_function, command, sequence, completion, data }
    }
}

fn address() -> impl Strategy<Value = Address> {
    (any::<u8>(), 0..4_u8).prop_map(|(slave, lun)| Address { slave, lun })
}

fn network_function() -> impl Strategy<Value = NetworkFunction> {
    (0..0x20_u8).prop_map(|half| NetworkFunction::of_request(half * 2).unwrap())
}

prop_compose! {
    pub(crate) fn open_session_request()(
        tag: u8,
        privilege in option::of(privilege()),
        console_session_id: u32,
        algorithms in proposed_algorithms(),
    ) -> OpenSessionRequest {
        OpenSessionRequest { tag, privilege, console_session_id, algorithms }
    }
}

prop_compose! {
    pub(crate) fn open_session_accepted()(
        tag: u8,
        privilege in option::of(privilege()),
        console_session_id: u32,
        bmc_session_id: u32,
        algorithms in proposed_algorithms(),
    ) -> OpenSessionResponse {
        OpenSessionResponse::Accepted {
            tag,
            privilege,
            console_session_id,
            bmc_session_id,
            algorithms,
        }
    }
}

prop_compose! {
    pub(crate) fn open_session_refused()(
        tag: u8,
        status in error_status(),
        console_session_id: Option<u32>,
    ) -> OpenSessionResponse {
        OpenSessionResponse::Refused { tag, status, console_session_id }
    }
}

prop_compose! {
    fn proposed_algorithms()(
        authentication in 0..0x40_u8,
        integrity in 0..0x40_u8,
        confidentiality in 0..0x40_u8,
    ) -> ProposedAlgorithms {
        ProposedAlgorithms { authentication, integrity, confidentiality }
    }
}

prop_compose! {
    pub(crate) fn rakp1()(
        tag: u8,
        bmc_session_id: u32,
        console_random: [u8; 16],
        role in role(),
        username in username(),
    ) -> Rakp1 {
        Rakp1 { tag, bmc_session_id, console_random, role, username }
    }
}

prop_compose! {
    pub(crate) fn rakp2_accepted()(
        tag: u8,
        console_session_id: u32,
        bmc_random: [u8; 16],
        bmc_guid: [u8; 16],
        code in rakp_code(),
    ) -> Rakp2 {
        Rakp2::Accepted { tag, console_session_id, bmc_random, bmc_guid, code }
    }
}

prop_compose! {
    pub(crate) fn rakp2_refused()(
        tag: u8,
        status in error_status(),
        console_session_id: Option<u32>,
    ) -> Rakp2 {
        Rakp2::Refused { tag, status, console_session_id }
    }
}

prop_compose! {
    pub(crate) fn rakp3()(
        tag: u8,
        status in any::<u8>().prop_map(RmcpPlusStatus),
        bmc_session_id: u32,
        code in rakp_code(),
    ) -> Rakp3 {
        Rakp3 { tag, status, bmc_session_id, code }
    }
}

prop_compose! {
    pub(crate) fn rakp4_accepted()(
        tag: u8,
        console_session_id: u32,
        code in rakp_code(),
    ) -> Rakp4 {
        Rakp4::Accepted { tag, console_session_id, code }
    }
}

prop_compose! {
    pub(crate) fn rakp4_refused()(
        tag: u8,
        status in error_status(),
        console_session_id: Option<u32>,
    ) -> Rakp4 {
        Rakp4::Refused { tag, status, console_session_id }
    }
}

fn error_status() -> impl Strategy<Value = RmcpPlusStatus> {
    (1..=255_u8).prop_map(RmcpPlusStatus)
}

fn rakp_code() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=32)
}

prop_compose! {
    pub(crate) fn rakp_exchange()(
        suite in cipher_suite(),
        console_session_id: u32,
        bmc_session_id: u32,
        console_random: [u8; 16],
        bmc_random: [u8; 16],
        bmc_guid: [u8; 16],
        role in role(),
        username in username(),
    ) -> RakpExchange {
        RakpExchange {
            suite,
            console_session_id,
            bmc_session_id,
            console_random,
            bmc_random,
            bmc_guid,
            role,
            username,
            quirks: QuirkSet::NONE,
        }
    }
}

pub(crate) fn cipher_suite() -> impl Strategy<Value = CipherSuite> {
    select(CipherSuite::ALL.to_vec())
}

prop_compose! {
    fn role()(privilege in privilege(), name_only: bool) -> Role {
        Role { privilege, name_only }
    }
}

pub(crate) fn privilege() -> impl Strategy<Value = Privilege> {
    select(vec![
        Privilege::Callback,
        Privilege::User,
        Privilege::Operator,
        Privilege::Administrator,
        Privilege::Oem,
    ])
}

fn username() -> impl Strategy<Value = Username> {
    vec(any::<u8>(), 0..=Username::MAX).prop_map(|name| Username::new(name).unwrap())
}

pub(crate) fn password() -> impl Strategy<Value = Password> {
    vec(1..=255_u8, 0..=Password::MAX).prop_map(|password| Password::new(password).unwrap())
}

pub(crate) fn kg() -> impl Strategy<Value = Kg> {
    vec(any::<u8>(), 0..=Kg::MAX).prop_map(|kg| Kg::new(kg).unwrap())
}

pub(crate) fn power_control() -> impl Strategy<Value = PowerControl> {
    select(vec![
        PowerControl::PowerDown,
        PowerControl::PowerUp,
        PowerControl::PowerCycle,
        PowerControl::HardReset,
        PowerControl::DiagnosticInterrupt,
        PowerControl::SoftShutdown,
    ])
}

prop_compose! {
    pub(crate) fn authentication_capabilities()(
        channel in 0..0x10_u8,
        authentication_types in any::<u8>().prop_map(AuthenticationTypes::from_bits),
        [ipmi20, ipmi15, kg_set] in any::<[bool; 3]>(),
        per_message_authentication_disabled: bool,
        user_level_authentication_disabled: bool,
        [named_users, null_user, anonymous_user] in any::<[bool; 3]>(),
    ) -> AuthenticationCapabilities {
        AuthenticationCapabilities {
            channel,
            authentication_types,
            ipmi20,
            ipmi15,
            kg_set,
            per_message_authentication_disabled,
            user_level_authentication_disabled,
            named_users,
            null_user,
            anonymous_user,
        }
    }
}

prop_compose! {
    pub(crate) fn get_session_challenge()(
        authentication in authentication_type(),
        username in username_without_nul(),
    ) -> GetSessionChallenge {
        GetSessionChallenge { authentication, username }
    }
}

/// A name that padding with NUL does not change (§22.16).
fn username_without_nul() -> impl Strategy<Value = Username> {
    vec(1..=255_u8, 0..=Username::MAX).prop_map(|name| Username::new(name).unwrap())
}

prop_compose! {
    pub(crate) fn challenge()(
        temporary_session_id: u32,
        challenge: [u8; 16],
    ) -> Challenge {
        Challenge { temporary_session_id, challenge }
    }
}

prop_compose! {
    pub(crate) fn activate_session()(
        authentication in authentication_type(),
        privilege in privilege(),
        challenge: [u8; 16],
        first_outbound_sequence: u32,
    ) -> ActivateSession {
        ActivateSession { authentication, privilege, challenge, first_outbound_sequence }
    }
}

prop_compose! {
    pub(crate) fn activated_session()(
        authentication in authentication_type(),
        session_id: u32,
        first_inbound_sequence: u32,
        privilege in privilege(),
    ) -> ActivatedSession {
        ActivatedSession { authentication, session_id, first_inbound_sequence, privilege }
    }
}

prop_compose! {
    pub(crate) fn send_message()(
        channel in 0..0x10_u8,
        message in vec(any::<u8>(), 0..64),
    ) -> SendMessage {
        SendMessage { channel, message }
    }
}

prop_compose! {
    pub(crate) fn cipher_suite_chunk()(
        channel in 0..0x10_u8,
        records in vec(any::<u8>(), 0..=CipherSuiteChunk::FULL),
    ) -> CipherSuiteChunk {
        CipherSuiteChunk { channel, records }
    }
}

prop_compose! {
    pub(crate) fn chassis_status()(
        power_on: bool,
        power_fault: bool,
        power_control_fault: bool,
        last_power_event: u8,
        miscellaneous: u8,
    ) -> ChassisStatus {
        ChassisStatus {
            power_on,
            power_fault,
            power_control_fault,
            last_power_event,
            miscellaneous,
        }
    }
}

pub(crate) fn restart_cause() -> impl Strategy<Value = RestartCause> {
    (0..0x10_u8).prop_map(RestartCause)
}

prop_compose! {
    pub(crate) fn device_id()(
        device_id: u8,
        device_revision in 0..0x10_u8,
        firmware_major in 0..0x80_u8,
        firmware_minor: u8,
        update_in_progress: bool,
        ipmi_version: u8,
        manufacturer in 0..0x10_0000_u32,
        product: u16,
    ) -> DeviceId {
        DeviceId {
            device_id,
            device_revision,
            firmware_major,
            firmware_minor,
            update_in_progress,
            ipmi_version,
            manufacturer,
            product,
        }
    }
}
