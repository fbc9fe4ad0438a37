mod chassis;
mod command;
mod login;
mod login15;
mod quirks;
mod satellite;
mod seal;
mod session;
#[cfg(test)]
mod tests;
mod window;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Instant;

use ipmi_lan::Quirk;
use ipmi_lan::wire::{
    Authentication15, Datagram, Packet15, Packet20, PayloadType, PresencePong, RequestMessage,
};
use rand::rngs::StdRng;

use crate::{Config, EventKind, EventLog, Faults, Place, Power};
use chassis::Chassis;
use command::{Request, System};
use login::{ExpectRakp3, OpenedSession};
use login15::OutstandingChallenge;
use satellite::Satellites;
use seal::{Seal, Seal15};
use session::ActiveSession;

/// The tag of a presence ping that wants no answer (ASF 2.0 §3.2.2.3).
const NO_PONG_WANTED: u8 = 0xff;

/// What has a BMC with [`Quirk::IntelWv2`] look at the request before: as ipmitool has it, for no document tells.
const THUMP: &[u8] = b"thump\0\0\0\0\0";

/// Where datagrams come from when nobody says so.
const ANY_PEER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A simulated BMC, and the machine that it watches over.
///
/// It has no clock: time is what it is told, and must not go backwards. It has no randomness but that of its
/// generator, so that the same seed, instants and datagrams give the same answers.
pub struct Bmc {
    system: System,
    /// By the id that the BMC gave it.
    sessions: BTreeMap<u32, Session>,
    /// The oldest first.
    challenges: VecDeque<OutstandingChallenge>,
    /// A request that is looked at only when a [`THUMP`] has come behind it ([`Quirk::IntelWv2`]).
    held: Option<Datagram>,
    datagrams: DatagramCounts,
}

/// How many datagrams a BMC has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatagramCounts {
    /// Those it was given, garbage included.
    pub received: u64,
    /// Those it answered with.
    pub sent: u64,
}

/// A session, half-open ones included.
struct Session {
    last_used: Instant,
    state: State,
}

enum State {
    ExpectRakp1(OpenedSession),
    ExpectRakp3(Box<ExpectRakp3>),
    Active(Box<ActiveSession>),
}

impl Bmc {
    /// A BMC that nobody has logged in to yet.
    #[must_use]
    pub fn new(config: Config, rng: StdRng) -> Self {
        let chassis = Chassis::new(config.initial_power);
        let satellites = Satellites::new(&config.satellites, config.bridged_answers);
        Self {
            system: System::new(config, rng, chassis, satellites),
            sessions: BTreeMap::new(),
            challenges: VecDeque::new(),
            held: None,
            datagrams: DatagramCounts::default(),
        }
    }

    /// What it answers to a datagram that arrives now. What it cannot make sense of, or does not believe, it drops
    /// without an answer.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.handle_from(now, ANY_PEER, datagram)
    }

    /// The same, for BMCs that care where a datagram comes from: those with
    /// [`Quirk::NewPort`](ipmi_lan::Quirk::NewPort).
    pub fn handle_from(&mut self, now: Instant, peer: SocketAddr, datagram: &[u8]) -> Vec<Vec<u8>> {
        self.advance(now);
        self.datagrams.received += 1;
        if self.system.config.faults.silent {
            return Vec::new();
        }
        let datagram = self.unless_held(datagram);
        let answers = datagram.map(|datagram| self.answer(now, peer, datagram));
        let answers: Vec<_> = answers.iter().flatten().map(Datagram::to_bytes).collect();
        self.datagrams.sent += u64::try_from(answers.len()).unwrap_or(u64::MAX);
        answers
    }

    /// Whether the machine is on by now.
    pub fn power(&mut self, now: Instant) -> Power {
        self.advance(now);
        self.system.chassis.power()
    }

    /// Whether the machine of a satellite is on by now. The way goes from the BMC over the controllers in between, if
    /// any, to the satellite. `None` when there is no such satellite.
    pub fn satellite_power(&mut self, now: Instant, way: &[Place]) -> Option<Power> {
        self.advance(now);
        self.system.satellites.power(way)
    }

    /// Switches the machine by hand: at once, and commands that have not acted yet never will.
    pub fn set_power(&mut self, now: Instant, power: Power) {
        self.advance(now);
        let event = self.system.chassis.switch(now, power);
        self.system.events.extend(event);
    }

    /// Starts it anew, as its own firmware does after an update or a hang: it forgets its sessions. Its machine goes
    /// on.
    pub fn restart(&mut self, now: Instant) {
        self.advance(now);
        self.sessions.clear();
        self.challenges.clear();
        self.held = None;
        self.system.log(now, EventKind::Restarted);
    }

    /// How it misbehaves from now on. What was acknowledged before still happens as it was to.
    pub fn faults(&mut self, now: Instant) -> &mut Faults {
        self.advance(now);
        &mut self.system.config.faults
    }

    /// Lets the time pass until now: power goes off and on, idle sessions expire.
    pub fn advance(&mut self, now: Instant) {
        self.system.advance(now);
        let timeout = self.system.config.session_idle_timeout;
        let before = self.sessions.len();
        self.sessions
            .retain(|_, session| now.saturating_duration_since(session.last_used) < timeout);
        self.challenges
            .retain(|challenge| now.saturating_duration_since(challenge.since) < timeout);
        for _ in self.sessions.len()..before {
            self.system.log(now, EventKind::SessionExpired);
        }
    }

    /// When something will happen next without any datagram. `None` when nothing will.
    #[must_use]
    pub fn next_change(&self) -> Option<Instant> {
        let timeout = self.system.config.session_idle_timeout;
        let sessions = self.sessions.values().filter_map(|s| s.last_used.checked_add(timeout));
        sessions.chain(self.system.next_change()).min()
    }

    /// What happened so far. Time that has not been told of, by any other method, is not in it.
    #[must_use]
    pub fn events(&self) -> &EventLog {
        &self.system.events
    }

    /// How many datagrams it has seen.
    #[must_use]
    pub fn datagrams(&self) -> DatagramCounts {
        self.datagrams
    }

    /// The datagram to look at now: this one, or the one that it wakes the BMC for.
    fn unless_held(&mut self, bytes: &[u8]) -> Option<Datagram> {
        if bytes == THUMP {
            return self.held.take();
        }
        let datagram = Datagram::parse(bytes).ok()?;
        let is_ipmi = matches!(datagram, Datagram::Ipmi15(_) | Datagram::Ipmi20(_));
        if is_ipmi && self.system.config.quirks.contains(Quirk::IntelWv2) {
            self.held = Some(datagram);
            return None;
        }
        Some(datagram)
    }

    fn answer(&mut self, now: Instant, peer: SocketAddr, datagram: Datagram) -> Vec<Datagram> {
        match datagram {
            Datagram::Ipmi15(Packet15 { session_id, .. })
            | Datagram::Ipmi20(Packet20 { session_id, .. })
                if self.sessions.contains_key(&session_id) =>
            {
                self.answer_in_session(now, session_id, &datagram).unwrap_or_default()
            }
            _ => self.answer_outside_session(now, peer, datagram).into_iter().collect(),
        }
    }

    fn answer_outside_session(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        datagram: Datagram,
    ) -> Option<Datagram> {
        let config = &self.system.config;
        match datagram {
            Datagram::PresencePing(ping) if ping.tag != NO_PONG_WANTED => {
                Some(Datagram::PresencePong(PresencePong { tag: ping.tag, ipmi: true }))
            }
            Datagram::Ipmi15(packet) if packet.session_id == 0 => {
                self.answer_outside_session15(now, peer, &packet).map(Datagram::Ipmi15)
            }
            Datagram::Ipmi15(packet) if config.ipmi15.is_some() => {
                self.activate_session(now, &packet).map(Datagram::Ipmi15)
            }
            Datagram::Ipmi20(packet) if config.ipmi20 && packet.session_id == 0 => {
                self.answer_outside_session20(now, &packet).map(Datagram::Ipmi20)
            }
            _ => None,
        }
    }

    /// The format of IPMI 1.5 serves every BMC: to be asked what it offers (IPMI 2.0 §13.15).
    fn answer_outside_session15(
        &mut self,
        now: Instant,
        peer: SocketAddr,
        packet: &Packet15,
    ) -> Option<Packet15> {
        if packet.authentication != Authentication15::None || packet.sequence != 0 {
            return None;
        }
        let message = RequestMessage::parse(&packet.payload).ok()?;
        match Request::parse(&message) {
            Ok(Request::SessionChallenge(request)) if self.system.config.ipmi15.is_some() => {
                self.session_challenge(now, peer, &message, request)
            }
            _ => self.answer_message(now, &message).map(Packet15::sessionless),
        }
    }

    fn answer_outside_session20(&mut self, now: Instant, packet: &Packet20) -> Option<Packet20> {
        if packet.encrypted || packet.trailer.is_some() {
            return None;
        }
        let payload = &packet.payload;
        let (kind, payload) = match packet.payload_type {
            PayloadType::Ipmi => {
                let message = RequestMessage::parse(payload).ok()?;
                (PayloadType::Ipmi, self.answer_message(now, &message)?)
            }
            PayloadType::OpenSessionRequest => {
                (PayloadType::OpenSessionResponse, self.open_session(now, payload)?.to_bytes())
            }
            PayloadType::Rakp1 => (PayloadType::Rakp2, self.rakp1(now, payload)?),
            PayloadType::Rakp3 => (PayloadType::Rakp4, self.rakp3(now, payload)?.to_bytes()),
            _ => return None,
        };
        Some(Packet20::sessionless(kind, payload))
    }

    fn answer_message(&mut self, now: Instant, request: &RequestMessage) -> Option<Vec<u8>> {
        if !self.system.config.is_addressed_by(request) {
            return None;
        }
        let response = self.system.answer_outside_session(now, request)?;
        Some(self.system.message_bytes(&response))
    }

    fn answer_in_session(
        &mut self,
        now: Instant,
        id: u32,
        datagram: &Datagram,
    ) -> Option<Vec<Datagram>> {
        let session = self.sessions.get_mut(&id)?;
        let State::Active(active) = &mut session.state else { return None };
        let request = active.open(datagram, &self.system.config)?;
        session.last_used = now;
        let answers = active.answer(now, request, &mut self.system);
        if active.is_closed() {
            self.sessions.remove(&id);
        }
        Some(answers)
    }
}

impl Session {
    fn seal15(&self) -> Option<&Seal15> {
        match &self.state {
            State::Active(active) => match active.seal() {
                Seal::Ipmi15(seal) => Some(seal),
                Seal::Ipmi20(_) => None,
            },
            State::ExpectRakp1(_) | State::ExpectRakp3(_) => None,
        }
    }
}
