use std::time::{Duration, Instant};

use crate::command::{CloseSession, Command, SendMessage};
use crate::retry::Transmissions;
use crate::target::Unwrapped;
use crate::wire::{Address, Datagram, RequestMessage, ResponseMessage};
use crate::{Error, NoAnswer, Privilege, Quirk, QuirkSet, Step, Target};

use super::seal::Seal;
use super::{Context, Delivery, LoggedIn, Request};

/// A session that the BMC activated: only packets of it are believed, as genuine as it has them.
pub(super) struct Active {
    seal: Seal,
    /// The level that was asked for last.
    privilege: Privilege,
    /// Whether any packet of the session has come.
    is_heard: bool,
    /// Whether the BMC has answered a request without any guess at its quirks.
    is_settled: bool,
    pending: Option<Pending>,
}

/// The request that awaits its answer.
struct Pending {
    request: Request,
    /// Where it goes, if not to the BMC itself.
    target: Option<Target>,
    /// As it would go to the BMC itself.
    message: RequestMessage,
    since: Instant,
    deadline: Instant,
    transmissions: Transmissions,
    /// Whether it was also sent in a way that only BMCs with quirks understand.
    has_guessed: bool,
    /// The BMC answered that it has no time; it will be asked again.
    busy: Option<ResponseMessage>,
}

impl Active {
    /// After so many transmissions without any answer in the session it is asked whether the BMC has quirks.
    const PATIENCE: u32 = 2;
    /// Time for all that the BMC may have quirks with.
    const LOST_AFTER: Duration = Duration::from_secs(4);

    pub(super) fn new(seal: Seal) -> Self {
        Self { seal, privilege: Privilege::User, is_heard: false, is_settled: false, pending: None }
    }

    pub(super) fn logged_in(&self, quirks: QuirkSet) -> LoggedIn {
        let (protection, bmc_guid, found) = self.seal.is_what();
        let workarounds = quirks.iter().chain(found.iter()).collect();
        LoggedIn { protection, privilege: self.privilege, bmc_guid, workarounds }
    }

    /// Whether the BMC has answered nothing in the session for so long that it does not seem to have it.
    pub(super) fn is_deaf(&self, now: Instant) -> bool {
        let is_old = |pending: &Pending| pending.transmissions.age(now) >= Self::LOST_AFTER;
        !self.is_heard && self.pending.as_ref().is_some_and(is_old)
    }

    pub(super) fn set_privilege(&mut self, privilege: Privilege) {
        self.privilege = privilege;
    }

    /// How often the request under way has been sent.
    pub(super) fn transmissions(&self) -> u32 {
        self.pending.as_ref().map_or(0, |pending| pending.transmissions.count())
    }

    pub(super) fn next_timeout(&self) -> Option<Instant> {
        self.pending.as_ref().map(Pending::next_timeout)
    }

    /// Sends a request, to a target behind the BMC or to the BMC itself; one that was under way is forgotten.
    /// `interval` is the first wait for the answer.
    pub(super) fn send(
        &mut self,
        context: &mut Context,
        now: Instant,
        request: Request,
        target: Option<Target>,
        interval: Duration,
        deadline: Instant,
    ) {
        let message = RequestMessage {
            to: Address::BMC,
            from: Address::REMOTE_CONSOLE,
            network_function: request.network_function,
            command: request.command,
            sequence: context.next_request_sequence(),
            data: request.data.clone(),
        };
        let transmissions = Transmissions::start(now, interval);
        let pending = Pending {
            request,
            target,
            message,
            since: now,
            deadline,
            transmissions,
            has_guessed: false,
            busy: None,
        };
        self.transmit(context, &pending);
        self.pending = Some(pending);
    }

    /// Sends the request to close the session, and waits for the answer until the deadline.
    pub(super) fn send_close(&mut self, context: &mut Context, now: Instant, deadline: Instant) {
        let close = CloseSession { session_id: self.seal.bmc_session_id() };
        let request = Request::of(&close, Delivery::Repeated);
        self.send(context, now, request, None, context.interval(), deadline);
    }

    /// Gives the session back, and does not look whether that arrives: the BMC forgets it by itself after a minute.
    pub(super) fn close_without_waiting(&mut self, context: &mut Context, now: Instant) {
        self.send_close(context, now, now);
        self.pending = None;
    }

    /// The BMC's answer that it has no time, if that was all that came.
    pub(super) fn take_busy(&mut self) -> Option<ResponseMessage> {
        self.pending.as_mut()?.busy.take()
    }

    /// The answer to the request under way, if the datagram is that. A busy BMC is asked again when the time comes.
    pub(super) fn handle_datagram(
        &mut self,
        context: &mut Context,
        now: Instant,
        datagram: &Datagram,
    ) -> Option<ResponseMessage> {
        let opened = self.seal.open(datagram)?;
        self.is_heard = true;
        let pending = self.pending.as_mut()?;
        let ignores_checksums = context.config.workarounds.forces(Quirk::NoChecksumCheck);
        let message = context.read(&opened.message, opened.vouched, |message| {
            pending.is_concerned_by(message, ignores_checksums)
        })?;
        let response = pending.unwrap(message, ignores_checksums)?;
        self.is_settled |= !pending.has_guessed;
        context.note_round_trip(now, &pending.transmissions);
        let is_busy = context.is_worth_asking_again(response.completion)
            || is_bus_trouble(&response) && context.config.workarounds.finds(Quirk::Busy);
        if is_busy && pending.request.delivery == Delivery::Repeated {
            log::debug!("{}: {}; asking again", pending.request.name, response.completion);
            pending.busy = Some(response);
            pending.transmissions.back_off(now, &context.config.retry);
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
                pending.message.sequence = context.next_request_sequence();
            }
            if let Some(attempt) = pending.transmissions.count().checked_sub(Self::PATIENCE)
                && !self.is_settled
            {
                pending.has_guessed |=
                    self.seal.try_otherwise(&context.config.workarounds, attempt);
            }
            pending.transmissions.repeat(now, &context.config.retry);
            self.transmit(context, &pending);
        }
        self.pending = Some(pending);
        None
    }

    /// Seals the request anew each time it is sent: new session sequence number, new initialization vector; the
    /// same request sequence number, so that the BMC can tell a repetition.
    fn transmit(&mut self, context: &mut Context, pending: &Pending) {
        log::debug!("{}: request {}", pending.request.name, pending.message.sequence);
        let message = pending.wrapped().to_bytes();
        let datagram = self.seal.seal(context, message);
        context.transmit(&datagram);
    }
}

/// Send Message: lost arbitration, and bus error (IPMI 2.0 §22.7). Both pass.
fn is_bus_trouble(response: &ResponseMessage) -> bool {
    response.network_function == SendMessage::NETWORK_FUNCTION
        && response.command == SendMessage::NUMBER
        && matches!(response.completion.0, 0x81 | 0x82)
}

impl Pending {
    fn next_timeout(&self) -> Instant {
        match self.request.delivery {
            Delivery::Repeated => self.transmissions.next_at().min(self.deadline),
            Delivery::Once => self.deadline,
        }
    }

    /// The message that the BMC gets.
    fn wrapped(&self) -> RequestMessage {
        match &self.target {
            None => self.message.clone(),
            Some(target) => target.wrap(&self.message),
        }
    }

    fn is_concerned_by(&self, message: &ResponseMessage, ignores_checksums: bool) -> bool {
        match &self.target {
            None => message.answers(&self.message),
            Some(target) => {
                target.unwrap(&self.message, message.clone(), ignores_checksums)
                    != Unwrapped::Stranger
            }
        }
    }

    fn unwrap(&self, message: ResponseMessage, ignores_checksums: bool) -> Option<ResponseMessage> {
        match &self.target {
            None => Some(message),
            Some(target) => match target.unwrap(&self.message, message, ignores_checksums) {
                Unwrapped::Answer(answer) => Some(answer),
                Unwrapped::Underway | Unwrapped::Stranger => None,
            },
        }
    }

    fn no_answer(&self, now: Instant) -> NoAnswer {
        NoAnswer {
            step: Step::Command(self.request.name),
            transmissions: self.transmissions.count(),
            waited: now.saturating_duration_since(self.since),
            heard_before: true,
            foreign: false,
            unreachable: None,
        }
    }
}
