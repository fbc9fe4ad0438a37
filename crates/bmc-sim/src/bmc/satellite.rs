use std::time::Instant;

use ipmi_lan::CompletionCode;
use ipmi_lan::command::SendMessage;
use ipmi_lan::wire::RequestMessage;

use super::chassis::Chassis;
use super::command::{
    Answer, Answers, Request, chassis_control, chassis_status, completion_of, device_id, event_of,
    response, restart_cause,
};
use crate::{BridgedAnswers, Config, Event, Place, Power, Satellite};

/// The channel that every controller has (IPMI 2.0 §6.3).
const IPMB: u8 = 0;
/// In the first byte of Send Message: what becomes of the answer (IPMI 2.0 §22.7, table 22-9).
const TRACKING: u8 = 0xc0;
const NO_TRACKING: u8 = 0x00;
const TRACK_REQUEST: u8 = 0x40;
/// Send Message: nobody has that address (IPMI 2.0 §22.7).
const NAK_ON_WRITE: CompletionCode = CompletionCode(0x83);

/// The controllers behind another one, and how that one brings their answers back.
pub(super) struct Satellites {
    controllers: Vec<Controller>,
    answers: BridgedAnswers,
}

/// A satellite controller, and its machine.
struct Controller {
    place: Place,
    lun: u8,
    chassis: Chassis,
    satellites: Satellites,
}

impl Satellites {
    pub(super) fn new(satellites: &[Satellite], answers: BridgedAnswers) -> Self {
        Self { controllers: satellites.iter().map(Controller::new).collect(), answers }
    }

    /// Whether the machine of a satellite is on. `None` when there is no such satellite.
    pub(super) fn power(&self, way: &[Place]) -> Option<Power> {
        let (place, rest) = way.split_first()?;
        let controller = self.controllers.iter().find(|controller| controller.place == *place)?;
        if rest.is_empty() {
            return Some(controller.chassis.power());
        }
        controller.satellites.power(rest)
    }

    /// Lets the time pass until now, for one machine after the other.
    pub(super) fn advance(&mut self, now: Instant, events: &mut Vec<Event>) {
        for controller in &mut self.controllers {
            controller.log_all(events, |controller, events| {
                while let Some(event) = controller.chassis.next_event(now) {
                    events.push(event);
                }
                controller.satellites.advance(now, events);
            });
        }
    }

    /// When something will happen next to one of the machines.
    pub(super) fn next_change(&self) -> Option<Instant> {
        self.controllers.iter().filter_map(Controller::next_change).min()
    }

    /// Passes a message on, and its answers back. `request` is the Send Message that it came in (IPMI 2.0 §22.7).
    pub(super) fn pass_on(
        &mut self,
        now: Instant,
        request: &RequestMessage,
        bridged: &SendMessage,
        config: &mut Config,
        events: &mut Vec<Event>,
    ) -> Answers {
        let form = match request.data.first().map(|channel| channel & TRACKING) {
            Some(TRACK_REQUEST) => Some(self.answers),
            Some(NO_TRACKING) => None,
            _ => return refused(request, CompletionCode::INVALID_DATA_FIELD),
        };
        match self.delivered(now, bridged, config, events) {
            Ok(answers) => brought_back(request, answers, form),
            Err(completion) => refused(request, completion),
        }
    }

    /// The satellite's own answers.
    fn delivered(
        &mut self,
        now: Instant,
        bridged: &SendMessage,
        config: &mut Config,
        events: &mut Vec<Event>,
    ) -> Result<Answers, CompletionCode> {
        let channel = bridged.channel;
        if channel != IPMB
            && self.controllers.iter().all(|controller| controller.place.channel != channel)
        {
            return Err(CompletionCode::INVALID_DATA_FIELD);
        }
        let message = RequestMessage::parse(&bridged.message).map_err(completion_of)?;
        let place = Place { channel, address: message.to.slave };
        let controller = self.controllers.iter_mut().find(|controller| controller.place == place);
        Ok(controller.ok_or(NAK_ON_WRITE)?.answers(now, &message, config, events))
    }
}

impl Controller {
    fn new(satellite: &Satellite) -> Self {
        Self {
            place: satellite.place,
            lun: satellite.lun,
            chassis: Chassis::new(satellite.initial_power),
            satellites: Satellites::new(&satellite.satellites, satellite.bridged_answers),
        }
    }

    fn next_change(&self) -> Option<Instant> {
        self.chassis.next_change().into_iter().chain(self.satellites.next_change()).min()
    }

    fn answers(
        &mut self,
        now: Instant,
        message: &RequestMessage,
        config: &mut Config,
        events: &mut Vec<Event>,
    ) -> Answers {
        self.log_all(events, |controller, events| {
            match Request::parse_at(message, controller.lun) {
                Ok(Request::SendMessage(bridged)) => {
                    let answers =
                        controller.satellites.pass_on(now, message, &bridged, config, events);
                    events.push(Event { at: now, kind: answers.event_of_send_message() });
                    answers
                }
                request => {
                    let answer = request
                        .clone()
                        .and_then(|request| controller.execute(now, &request, config));
                    let kind = event_of(message, &request, &answer, controller.chassis.power());
                    events.push(Event { at: now, kind });
                    Answers::one(response(message, answer))
                }
            }
        })
    }

    /// What a satellite can do: the IPMB knows no sessions, and so no privilege.
    fn execute(&mut self, now: Instant, request: &Request, config: &mut Config) -> Answer {
        match request {
            Request::DeviceId => Ok(device_id(self.place.address, config)),
            Request::ChassisStatus => chassis_status(&self.chassis, &mut config.faults),
            Request::ChassisControl(control) => {
                chassis_control(&mut self.chassis, now, *control, config)
            }
            Request::RestartCause => restart_cause(&self.chassis, &config.faults),
            _ => Err(CompletionCode::INVALID_COMMAND),
        }
    }

    /// Does something, and says of the events that they happened here.
    fn log_all<T>(
        &mut self,
        events: &mut Vec<Event>,
        act: impl FnOnce(&mut Self, &mut Vec<Event>) -> T,
    ) -> T {
        let mut own = Vec::new();
        let result = act(self, &mut own);
        let place = self.place;
        events.extend(
            own.into_iter().map(|Event { at, kind }| Event { at, kind: kind.at_satellite(place) }),
        );
        result
    }
}

fn refused(request: &RequestMessage, completion: CompletionCode) -> Answers {
    Answers::one(response(request, Err(completion)))
}

/// What the answers of a satellite are to whoever sent the Send Message. A request without tracking is acknowledged,
/// and its answer stays where it is.
fn brought_back(
    request: &RequestMessage,
    answers: Answers,
    form: Option<BridgedAnswers>,
) -> Answers {
    let Answers { mut messages, completion } = answers;
    let acknowledgement = response(request, Ok(Vec::new()));
    match (form, messages.first_mut()) {
        (None, _) => messages = vec![acknowledgement],
        (Some(BridgedAnswers::Separate), _) => messages.insert(0, acknowledgement),
        (Some(BridgedAnswers::Embedded), Some(first)) => {
            *first = response(request, Ok(first.to_bytes()));
        }
        (Some(BridgedAnswers::Embedded), None) => {}
    }
    Answers { messages, completion }
}
