use std::time::Instant;

use crate::command::CloseSession;
use crate::crypto::{RakpExchange, SessionKeys};
use crate::retry::Transmissions;
use crate::wire::{Address, Datagram, Packet20, PayloadType, RequestMessage, ResponseMessage};
use crate::{CipherSuite, Error, NoAnswer, Step};

use super::window::ReceiveWindow;
use super::{Context, Delivery, LoggedIn, Request};

/// A session that the BMC activated: every packet is sealed, and only sealed ones are believed.
pub(super) struct Active {
    suite: CipherSuite,
    bmc_guid: [u8; 16],
    keys: SessionKeys,
    console_session_id: u32,
    bmc_session_id: u32,
    /// The last one sent. The first is 1; 0 is for packets outside a session (IPMI 2.0 §6.12.9).
    sequence: u32,
    window: ReceiveWindow,
    /// The last one sent, six bits.
    request_sequence: u8,
    pending: Option<Pending>,
}

/// The request that awaits its answer.
struct Pending {
    request: Request,
    request_sequence: u8,
    since: Instant,
    deadline: Instant,
    transmissions: Transmissions,
    /// The BMC answered that it has no time; it will be asked again.
    busy: Option<ResponseMessage>,
}

impl Active {
    pub(super) fn new(exchange: &RakpExchange, keys: SessionKeys) -> Self {
        Self {
            suite: exchange.suite,
            bmc_guid: exchange.bmc_guid,
            keys,
            console_session_id: exchange.console_session_id,
            bmc_session_id: exchange.bmc_session_id,
            sequence: 0,
            window: ReceiveWindow::for_ipmi20(),
            request_sequence: 0,
            pending: None,
        }
    }

    pub(super) fn logged_in(&self) -> LoggedIn {
        LoggedIn { suite: self.suite, bmc_guid: self.bmc_guid }
    }

    pub(super) fn bmc_session_id(&self) -> u32 {
        self.bmc_session_id
    }

    /// How often the request under way has been sent.
    pub(super) fn transmissions(&self) -> u32 {
        self.pending.as_ref().map_or(0, |pending| pending.transmissions.count())
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(Pending::next_timeout)
    }

    /// Sends a request; one that was under way is forgotten.
    pub(super) fn send(
        &mut self,
        context: &mut Context,
        now: Instant,
        request: Request,
        deadline: Instant,
    ) {
        let pending = Pending {
            request,
            request_sequence: self.next_request_sequence(),
            since: now,
            deadline,
            transmissions: Transmissions::start(now, &context.config.retry, 0),
            busy: None,
        };
        self.transmit(context, &pending);
        self.pending = Some(pending);
    }

    /// Gives the session back, and does not look whether that arrives: the BMC forgets it by itself after a minute.
    pub(super) fn close_without_waiting(&mut self, context: &mut Context, now: Instant) {
        let close = CloseSession { session_id: self.bmc_session_id };
        self.send(context, now, Request::of(&close, Delivery::Once), now);
        self.pending = None;
    }

    /// The answer to the request under way that the BMC had no time, if that was the last that came.
    pub(super) fn take_busy(&mut self) -> Option<ResponseMessage> {
        self.pending.as_mut()?.busy.take()
    }

    /// The answer to the request under way, if this is it.
    pub(super) fn handle_datagram(&mut self, datagram: &Datagram) -> Option<ResponseMessage> {
        let message = self.open(datagram)?;
        let response = match ResponseMessage::parse(&message) {
            Ok(response) => response,
            Err(reason) => {
                log::debug!("packet of the session dropped: {reason}");
                return None;
            }
        };
        let pending = self.pending.as_mut().filter(|pending| pending.is_answered_by(&response))?;
        if response.completion.is_transient() && pending.request.delivery == Delivery::Repeated {
            log::debug!("{}: {}; asking again", pending.request.name, response.completion);
            pending.busy = Some(response);
            return None;
        }
        log::debug!("{}: {}", pending.request.name, response.completion);
        self.pending = None;
        Some(response)
    }

    /// Sends the request again when it is due, or gives it up when its time is over. A BMC that was busy to the end
    /// has answered just that.
    pub(super) fn handle_timeout(
        &mut self,
        context: &mut Context,
        now: Instant,
    ) -> Option<Result<ResponseMessage, Error>> {
        let mut pending = self.pending.take()?;
        if now >= pending.deadline {
            let no_answer = pending.no_answer(now);
            return Some(pending.busy.ok_or(Error::NoAnswer(no_answer)));
        }
        if pending.transmissions.is_due(now) && pending.request.delivery == Delivery::Repeated {
            if pending.busy.is_some() {
                // With the old number it would be a repetition, to which the old answer belongs.
                pending.request_sequence = self.next_request_sequence();
            }
            pending.transmissions.repeat(now, &context.config.retry);
            self.transmit(context, &pending);
        }
        self.pending = Some(pending);
        None
    }

    fn next_request_sequence(&mut self) -> u8 {
        self.request_sequence = (self.request_sequence + 1) & 0x3f;
        self.request_sequence
    }

    /// Seals the request anew each time it is sent: new session sequence number, new initialization vector; the
    /// same request sequence number, so that the BMC can tell a repetition.
    fn transmit(&mut self, context: &mut Context, pending: &Pending) {
        log::debug!("{}: request {}", pending.request.name, pending.request_sequence);
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        let message = RequestMessage {
            to: Address::BMC,
            from: Address::REMOTE_CONSOLE,
            network_function: pending.request.network_function,
            command: pending.request.command,
            sequence: pending.request_sequence,
            data: pending.request.data.clone(),
        };
        let packet = self.keys.seal(
            self.bmc_session_id,
            self.sequence,
            &message.to_bytes(),
            context.random_bytes(),
        );
        context.transmit(Datagram::Ipmi20(packet).to_bytes());
    }

    /// The message in a datagram that is of this session, genuine, and new. Anything else is a stranger's.
    fn open(&mut self, datagram: &Datagram) -> Option<Vec<u8>> {
        let packet = match datagram {
            Datagram::Ipmi20(packet) if self.claims_to_be_of_this(packet) => packet,
            _ => {
                log::debug!("datagram dropped: not of this session");
                return None;
            }
        };
        match self.keys.open(packet) {
            Err(reason) => {
                log::debug!("packet of the session dropped: {reason}");
                None
            }
            Ok(_) if !self.window.accept(packet.sequence) => {
                log::debug!("packet of the session dropped: a duplicate, or too old");
                None
            }
            Ok(message) => Some(message),
        }
    }

    fn claims_to_be_of_this(&self, packet: &Packet20) -> bool {
        packet.payload_type == PayloadType::Ipmi && packet.session_id == self.console_session_id
    }
}

impl Pending {
    fn next_timeout(&self) -> Instant {
        match self.request.delivery {
            Delivery::Repeated => self.transmissions.next_at().min(self.deadline),
            Delivery::Once => self.deadline,
        }
    }

    fn is_answered_by(&self, response: &ResponseMessage) -> bool {
        response.sequence == self.request_sequence
            && response.command == self.request.command
            && response.network_function == self.request.network_function
    }

    fn no_answer(&self, now: Instant) -> NoAnswer {
        NoAnswer {
            step: Step::Command(self.request.name),
            transmissions: self.transmissions.count(),
            waited: now.saturating_duration_since(self.since),
            heard_before: true,
            unreachable: None,
        }
    }
}
