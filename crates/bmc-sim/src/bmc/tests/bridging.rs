//! Requests that the BMC passes on to satellites (IPMI 2.0 §6.13, §22.7).

use ipmi_lan::CompletionCode;
use ipmi_lan::Privilege;
use ipmi_lan::command::{
    ChassisControl, CloseSession, Command, GetChassisStatus, GetDeviceId, GetSystemRestartCause,
    PowerControl, RestartCause, SendMessage, SetSessionPrivilegeLevel,
};
use ipmi_lan::wire::{Address, RequestMessage, ResponseMessage};

use super::*;
use crate::{BridgedAnswers, Faults, Place, Power, Satellite};

const NEAR: Place = Place { channel: 0, address: 0x82 };
const FAR: Place = Place { channel: 7, address: 0x72 };
const OFF: ChassisControl = ChassisControl(PowerControl::PowerDown);
const FORMS: [BridgedAnswers; 2] = [BridgedAnswers::Separate, BridgedAnswers::Embedded];

#[test]
fn only_the_machine_of_the_satellite_is_switched() {
    for form in FORMS {
        for way in [&[NEAR][..], &[NEAR, FAR]] {
            let (mut bench, mut console) = logged_in(bridge_with(form, form));
            assert_eq!(console.ask_at(&mut bench, way, &OFF), Ok(()));
            let status = console.ask_at(&mut bench, way, &GetChassisStatus);
            assert!(!status.unwrap().power_on);
            let off = |bench: &mut Bench, way: &[Place]| {
                bench.bmc.satellite_power(bench.now, way) == Some(Power::Off)
            };
            assert_eq!(bench.bmc.power(bench.now), Power::On);
            assert_eq!(off(&mut bench, &[NEAR]), way.len() == 1);
            assert_eq!(off(&mut bench, &[NEAR, FAR]), way.len() == 2);
            assert_eq!(bench.count(&at(way, EventKind::PowerOff)), 1);
            assert_eq!(bench.count(&EventKind::PowerOff), 0);
        }
    }
}

#[test]
fn a_satellite_answers_what_switching_needs() {
    let (mut bench, mut console) = logged_in(bridge());
    let device = console.ask_at(&mut bench, &[NEAR], &GetDeviceId).unwrap();
    assert_eq!(device.device_id, 0x82);
    let device = console.ask_at(&mut bench, &[NEAR, FAR], &GetDeviceId).unwrap();
    assert_eq!(device.device_id, 0x72);
    let reset = ChassisControl(PowerControl::HardReset);
    assert_eq!(console.ask_at(&mut bench, &[NEAR], &reset), Ok(()));
    let cause = |console: &mut Console, bench: &mut Bench, way: &[Place]| {
        console.ask_at(bench, way, &GetSystemRestartCause).unwrap()
    };
    assert_eq!(cause(&mut console, &mut bench, &[NEAR]), RestartCause::CHASSIS_CONTROL);
    assert_ne!(cause(&mut console, &mut bench, &[NEAR, FAR]), RestartCause::CHASSIS_CONTROL);
    let close = CloseSession { session_id: console.bmc_session_id };
    let closed = console.ask_at(&mut bench, &[NEAR], &close);
    assert_eq!(closed, Err(CompletionCode::INVALID_COMMAND), "it has no sessions");
}

#[test]
fn an_answer_comes_inside_or_behind_that_to_send_message() {
    use BridgedAnswers::{Embedded, Separate};
    let request = wrapped(&[NEAR, FAR], GetDeviceId.to_message(5));
    for (bmc, near, commands) in [
        (Separate, Separate, &[0x34, 0x34, 0x01][..]),
        (Separate, Embedded, &[0x34, 0x34]),
        (Embedded, Separate, &[0x34, 0x01]),
        (Embedded, Embedded, &[0x34]),
    ] {
        let (mut bench, mut console) = logged_in(bridge_with(bmc, near));
        let answers = console.send_for_all(&mut bench, &request);
        assert_eq!(answers.iter().map(|answer| answer.command).collect::<Vec<_>>(), commands);
        assert!(answers[0].answers(&request));
        assert_eq!(answers[0].data.is_empty(), bmc == Separate);
        let device = GetDeviceId.parse_response(&unwrapped(answers).unwrap().data);
        assert_eq!(device.unwrap().device_id, FAR.address);
    }
}

#[test]
fn the_answer_goes_to_who_asked_inside() {
    let (mut bench, mut console) = logged_in(bridge());
    let from = Address { slave: 0x20, lun: 2 };
    let inner = RequestMessage { from, ..to(NEAR, GetDeviceId.to_message(9)) };
    let request = send_message(NEAR.channel, &inner, 8);
    let answers = console.send_for_all(&mut bench, &request);
    assert!(answers[0].answers(&request));
    assert!(answers[1].answers(&inner));
}

#[test]
fn what_cannot_be_passed_on_is_refused() {
    let (mut bench, mut console) = logged_in(bridge());
    let mut refused = |way: &[Place]| console.ask_at(&mut bench, way, &GetDeviceId).unwrap_err();
    assert_eq!(refused(&[Place::on_ipmb(0x84)]), CompletionCode(0x83), "nobody is there");
    assert_eq!(refused(&[NEAR, Place { address: 0x74, ..FAR }]), CompletionCode(0x83));
    assert_eq!(refused(&[FAR]), CompletionCode::INVALID_DATA_FIELD, "no such channel");
    assert_eq!(refused(&[NEAR, Place { channel: 3, ..FAR }]), CompletionCode::INVALID_DATA_FIELD);

    let short = SendMessage { channel: 0, message: vec![0x82, 0, 0x7e, 0x20, 0, 1] };
    assert_eq!(console.ask(&mut bench, &short), Err(CompletionCode(0xc7)));
    let mut message = to(NEAR, GetDeviceId.to_message(5)).to_bytes();
    message[2] ^= 1;
    let damaged = SendMessage { channel: 0, message };
    assert_eq!(console.ask(&mut bench, &damaged), Err(CompletionCode::INVALID_DATA_FIELD));
}

#[test]
fn there_is_one_lun() {
    let (mut bench, mut console) = logged_in(bridge());
    let near = Address { slave: NEAR.address, lun: 1 };
    let inner = RequestMessage { to: near, ..to(NEAR, OFF.to_message(5)) };
    let answers = console.send_for_all(&mut bench, &send_message(NEAR.channel, &inner, 5));
    assert_eq!(answers[1].completion, CompletionCode(0xc2));
    assert!(answers[1].answers(&inner));
    let bmc = Address { lun: 3, ..Address::BMC };
    let answer = console.send(&mut bench, &RequestMessage { to: bmc, ..OFF.to_message(6) });
    assert_eq!(answer.unwrap().completion, CompletionCode(0xc2));
    assert_eq!(bench.bmc.power(bench.now), Power::On);
    assert_eq!(bench.bmc.satellite_power(bench.now, &[NEAR]), Some(Power::On));
}

#[test]
fn a_satellite_may_be_another_lun() {
    let satellites = vec![Satellite { lun: 1, ..Satellite::new(NEAR) }];
    let (mut bench, mut console) = logged_in(Config { satellites, ..config() });
    for (lun, completion) in [(0, CompletionCode(0xc2)), (1, CompletionCode::OK)] {
        let near = Address { slave: NEAR.address, lun };
        let inner = RequestMessage { to: near, ..to(NEAR, OFF.to_message(5 + lun)) };
        let request = send_message(NEAR.channel, &inner, 5 + lun);
        let answers = console.send_for_all(&mut bench, &request);
        assert_eq!(answers[1].completion, completion);
        assert!(answers[1].answers(&inner));
    }
    assert_eq!(bench.bmc.satellite_power(bench.now, &[NEAR]), Some(Power::Off));
}

#[test]
fn a_request_that_is_not_tracked_has_no_answer() {
    for form in FORMS {
        let (mut bench, mut console) = logged_in(bridge_with(form, form));
        let mut request = wrapped(&[NEAR], OFF.to_message(5));
        request.data[0] &= 0x0f;
        let answer = console.send(&mut bench, &request).unwrap();
        assert_eq!((answer.completion, answer.data), (CompletionCode::OK, Vec::new()));
        assert_eq!(bench.bmc.satellite_power(bench.now, &[NEAR]), Some(Power::Off));
        request.data[0] |= 0x80; // "send raw"
        request.sequence += 1;
        let answer = console.send(&mut bench, &request).unwrap();
        assert_eq!(answer.completion, CompletionCode::INVALID_DATA_FIELD);
    }
}

#[test]
fn passing_on_needs_the_level_operator() {
    let (mut bench, mut console) = logged_in(bridge());
    console.ask(&mut bench, &SetSessionPrivilegeLevel(Privilege::User)).unwrap();
    let refused = console.ask_at(&mut bench, &[NEAR], &GetChassisStatus);
    assert_eq!(refused.unwrap_err(), CompletionCode::INSUFFICIENT_PRIVILEGE);
}

#[test]
fn a_repeated_request_is_answered_again_and_not_passed_on() {
    for form in FORMS {
        let (mut bench, mut console) = logged_in(bridge_with(form, form));
        let request = wrapped(&[NEAR], ChassisControl(PowerControl::HardReset).to_message(5));
        let first = console.send_for_all(&mut bench, &request);
        assert_eq!(console.send_for_all(&mut bench, &request), first);
        bench.bmc.advance(bench.now);
        assert_eq!(bench.count(&at(&[NEAR], EventKind::Reset)), 1);
    }
}

#[test]
fn satellites_have_the_faults_of_the_bmc() {
    for form in FORMS {
        let faults = Faults {
            busy_answers: 1,
            drop_acknowledgement_of: Some(PowerControl::HardReset),
            ..Faults::default()
        };
        let config = Config { faults, ..bridge_with(form, form) };
        let (mut bench, mut console) = logged_in(config);
        let request = wrapped(&[NEAR], GetChassisStatus.to_message(5));
        let answer = |answers: Vec<ResponseMessage>| unwrapped(answers).unwrap().completion;
        let busy = console.send_for_all(&mut bench, &request);
        assert_eq!(answer(busy), CompletionCode::NODE_BUSY);
        assert_eq!(answer(console.send_for_all(&mut bench, &request)), CompletionCode::OK);

        let request = wrapped(&[NEAR], ChassisControl(PowerControl::HardReset).to_message(6));
        let lost = console.send_for_all(&mut bench, &request);
        assert_eq!(unwrapped(lost), None);
        assert_eq!(answer(console.send_for_all(&mut bench, &request)), CompletionCode::OK);
        bench.bmc.advance(bench.now);
        assert_eq!(bench.count(&at(&[NEAR], EventKind::Reset)), 1);
    }
}

#[test]
fn what_happens_is_told_in_order_with_the_place() {
    let power_delay = Duration::from_secs(2);
    let (mut bench, mut console) = logged_in(Config { power_delay, ..bridge() });
    console.ask_at(&mut bench, &[NEAR, FAR], &OFF).unwrap();
    bench.wait(1.0);
    console.ask(&mut bench, &OFF).unwrap();
    assert_eq!(bench.bmc.next_change(), bench.now.checked_add(Duration::from_secs(1)));
    let seen = bench.bmc.events().total();
    bench.wait(5.0);
    bench.bmc.advance(bench.now);
    let events: Vec<_> = bench.bmc.events().iter().skip(seen).map(|e| e.kind.to_string()).collect();
    assert_eq!(
        events,
        [
            "satellite 82h on channel 0: satellite 72h on channel 7: power went off",
            "power went off"
        ]
    );
}

fn bridge() -> Config {
    bridge_with(BridgedAnswers::default(), BridgedAnswers::default())
}

/// A satellite on the IPMB, and one behind it on another channel.
fn bridge_with(bmc: BridgedAnswers, near: BridgedAnswers) -> Config {
    let satellites = vec![Satellite {
        satellites: vec![Satellite::new(FAR)],
        bridged_answers: near,
        ..Satellite::new(NEAR)
    }];
    Config { satellites, bridged_answers: bmc, ..config() }
}

fn logged_in(config: Config) -> (Bench, Console) {
    let mut bench = Bench::new(config);
    let console = bench.administrator();
    (bench, console)
}

impl Console {
    /// What the satellite at the end of the way answers, or who could not pass the request on.
    fn ask_at<C: Command>(
        &mut self,
        bench: &mut Bench,
        way: &[Place],
        command: &C,
    ) -> Result<C::Response, CompletionCode> {
        let request = wrapped(way, self.request(command));
        let response = unwrapped(self.send_for_all(bench, &request)).expect("no answer");
        match response.completion {
            CompletionCode::OK => Ok(command.parse_response(&response.data).unwrap()),
            completion => Err(completion),
        }
    }
}

/// The request inside Send Message, once for each place on the way.
fn wrapped(way: &[Place], request: RequestMessage) -> RequestMessage {
    way.iter().rev().fold(request, |request, place| {
        let sequence = request.sequence;
        send_message(place.channel, &to(*place, request), sequence)
    })
}

fn to(place: Place, request: RequestMessage) -> RequestMessage {
    let to = Address { slave: place.address, lun: 0 };
    RequestMessage { to, from: Address::BMC, ..request }
}

fn send_message(channel: u8, message: &RequestMessage, sequence: u8) -> RequestMessage {
    SendMessage { channel, message: message.to_bytes() }.to_message(sequence)
}

/// The last answer, if it is not the mere acknowledgement of Send Message.
fn unwrapped(answers: Vec<ResponseMessage>) -> Option<ResponseMessage> {
    let answer = answers.into_iter().next_back()?;
    match (answer.command, answer.completion) {
        (SendMessage::NUMBER, CompletionCode::OK) if answer.data.is_empty() => None,
        (SendMessage::NUMBER, CompletionCode::OK) => {
            unwrapped(vec![ResponseMessage::parse(&answer.data).unwrap()])
        }
        _ => Some(answer),
    }
}

fn at(way: &[Place], kind: EventKind) -> EventKind {
    way.iter().rev().fold(kind, |kind, place| kind.at_satellite(*place))
}
