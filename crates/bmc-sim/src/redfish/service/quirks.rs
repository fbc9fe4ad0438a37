//! What a service with quirks does otherwise, as far as it is not in how resources are written. [`Quirk::facts`] tells
//! where each was seen.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::message::{self, Message};
use super::{Refusal, Resource, Service, sessions};
use crate::Power;
use crate::redfish::{Quirk, RedfishEventKind, Request, ResetType, Response};

/// How often a quirk that comes round by itself is there.
const TWICE: u32 = 2;
/// How long after it went off [`Quirk::OnConflict`] refuses to switch a machine on.
const SHORTLY: Duration = Duration::from_secs(30);

/// What the service remembers for its quirks.
pub(super) struct Peculiarities {
    on_conflicts: u32,
    unready_reports: u32,
    unready_resets: u32,
    full_tables: u32,
    /// When the last reset was acknowledged.
    pub(super) last_reset: Option<Instant>,
    /// One for each system.
    pub(super) remembered: Vec<Remembered>,
}

/// A `PowerState` that is told from memory.
#[derive(Clone, Default)]
pub(super) struct Remembered(Option<(Instant, &'static str)>);

impl Peculiarities {
    pub(super) fn new(systems: usize) -> Self {
        Self {
            on_conflicts: TWICE,
            unready_reports: TWICE,
            unready_resets: TWICE,
            full_tables: TWICE,
            last_reset: None,
            remembered: vec![Remembered::default(); systems],
        }
    }

    pub(super) fn notice(&mut self, event: &RedfishEventKind) {
        if let RedfishEventKind::PowerOff(_) = event {
            self.on_conflicts = TWICE;
        }
    }
}

impl Remembered {
    /// What was there when it was last looked up, which is done again after `stale_for`.
    pub(super) fn look(
        &mut self,
        now: Instant,
        stale_for: Duration,
        state: &'static str,
    ) -> &'static str {
        match self.0 {
            Some((at, remembered)) if now.saturating_duration_since(at) < stale_for => remembered,
            _ => {
                self.0 = Some((now, state));
                state
            }
        }
    }
}

impl Service {
    /// What is refused, or redirected, whoever asks.
    pub(super) fn check_before_login(
        &mut self,
        now: Instant,
        request: &Request,
    ) -> Result<(), Refusal> {
        if let Some(redirect) = self.redirect(request) {
            return Err(Box::new(redirect));
        }
        let lacks_version =
            request.header("OData-Version").is_none() || request.header("Accept").is_none();
        let encoding = request.header("Accept-Encoding").unwrap_or_default();
        for (quirk, is_refused, status) in [
            (Quirk::NeedsOdataVersion, lacks_version, 406),
            (Quirk::IdentityRefused, encoding.trim() == "identity", 406),
            (
                Quirk::IfMatchRefused,
                request.method == "POST" && request.header("If-Match").is_some(),
                412,
            ),
        ] {
            if is_refused && self.has(quirk) {
                return Err(self.refuse_by_quirk(now, quirk, headers_refused(), status));
            }
        }
        Ok(())
    }

    fn redirect(&self, request: &Request) -> Option<Response> {
        let path = request.path();
        if self.has(Quirk::RedirectOwnIp) && !is_host(request, self.address) {
            let uri = format!("https://{}{}", self.address, request.target);
            return Some(Response::new(301).with_header("Location", uri));
        }
        if self.has(Quirk::SlashRedirect) && !path.ends_with('/') {
            let uri = with_slash(request);
            return Some(Response::new(308).with_header("Location", uri));
        }
        None
    }

    /// What is refused to whoever is logged in.
    pub(super) fn check_after_login(&self, resource: &Resource) -> Result<(), Refusal> {
        let is_allowed = matches!(
            resource,
            Resource::Versions
                | Resource::Root
                | Resource::SessionService
                | Resource::Sessions
                | Resource::Session(_)
        );
        if self.has(Quirk::PasswordChangeRequired) && !is_allowed {
            return Err(password_change_required().refusal(403));
        }
        Ok(())
    }

    pub(super) fn check_session_login(
        &mut self,
        now: Instant,
        request: &Request,
    ) -> Result<(), Refusal> {
        if self.has(Quirk::SessionTableFull) && counts_down(&mut self.peculiarities.full_tables) {
            let quirk = Quirk::SessionTableFull;
            return Err(self.refuse_by_quirk(now, quirk, session_table_full(), 503));
        }
        if self.has(Quirk::SessionsNeedBasic) {
            let credentials = sessions::basic_credentials(request, self.has(Quirk::Latin1Basic));
            let user = credentials
                .and_then(|(name, word)| sessions::user(&self.config.users, &name, &word).cloned());
            user.ok_or_else(|| self.refuse_login(now, None))?;
        }
        Ok(())
    }

    pub(super) fn check_ready_to_report(&mut self, now: Instant) -> Result<(), Refusal> {
        if self.has(Quirk::NotReady) && counts_down(&mut self.peculiarities.unready_reports) {
            return Err(self.refuse_by_quirk(now, Quirk::NotReady, not_ready(), 503));
        }
        Ok(())
    }

    pub(super) fn check_ready_to_reset(
        &mut self,
        now: Instant,
        index: usize,
        reset: ResetType,
    ) -> Result<(), Refusal> {
        if self.has(Quirk::NotReady) && counts_down(&mut self.peculiarities.unready_resets) {
            return Err(self.refuse_by_quirk(now, Quirk::NotReady, not_ready(), 400));
        }
        if self.has(Quirk::Html403) {
            self.record(now, RedfishEventKind::RefusedByQuirk { quirk: Quirk::Html403 });
            return Err(Box::new(message::html(403)));
        }
        let Some(machine) = self.machines.get(index) else { return Ok(()) };
        let power = machine.power();
        let shortly = machine.went_off().and_then(|at| at.checked_add(SHORTLY));
        let is_shortly_after_off = shortly.is_some_and(|until| now < until);
        if let Some((quirk, message, status)) = self.refused_in_this_state(power, reset) {
            return Err(self.refuse_by_quirk(now, quirk, message, status));
        }
        let conflicts = reset == ResetType::On && power == Power::Off && is_shortly_after_off;
        if conflicts
            && self.has(Quirk::OnConflict)
            && counts_down(&mut self.peculiarities.on_conflicts)
        {
            return Err(self.refuse_by_quirk(now, Quirk::OnConflict, on_conflict(), 409));
        }
        Ok(())
    }

    fn refused_in_this_state(
        &self,
        power: Power,
        reset: ResetType,
    ) -> Option<(Quirk, Message, u16)> {
        let is_done = match reset {
            ResetType::On | ResetType::ForceOn => power == Power::On,
            ResetType::PushPowerButton => false,
            _ => power == Power::Off,
        };
        if is_done && self.has(Quirk::IloPowerIsOff) {
            return Some((Quirk::IloPowerIsOff, invalid_for_state(power), 400));
        }
        if is_done && self.has(Quirk::Psu501) {
            return Some((Quirk::Psu501, already(power), 409));
        }
        None
    }

    pub(super) fn refuse_by_quirk(
        &mut self,
        now: Instant,
        quirk: Quirk,
        message: Message,
        status: u16,
    ) -> Refusal {
        self.record(now, RedfishEventKind::RefusedByQuirk { quirk });
        message.refusal(status)
    }

    /// The bytes of a body as some vendors write it.
    pub(super) fn as_vendors_write(&self, mut response: Response) -> Response {
        if !response.body.starts_with(b"{") {
            return response;
        }
        let has = |text: &[u8]| response.body.windows(text.len()).any(|part| part == text);
        let (is_system, is_collection) = (has(b"\"PowerState\":"), has(b"\"Members\":"));
        for (quirk, applies, first) in [
            (Quirk::NanInBody, true, &b"\"Temperature\":NaN,"[..]),
            (Quirk::DuplicateKeys, is_system, b"\"PowerState\":\"Unknown\","),
            (Quirk::DuplicateKeys, is_collection, b"\"Members\":[],"),
            (Quirk::NotUtf8, true, b"\"Description\":\"S\xfcdbr\xfccke\","),
        ] {
            if applies && self.has(quirk) {
                response.body.splice(1..1, first.iter().copied());
            }
        }
        if self.has(Quirk::ByteOrderMark) {
            response.body.splice(0..0, *b"\xef\xbb\xbf");
        }
        response
    }
}

/// Path and query with a slash at the end of the path.
pub(super) fn with_slash(request: &Request) -> String {
    match request.target.split_once('?') {
        Some((path, query)) => format!("{path}/?{query}"),
        None => format!("{}/", request.target),
    }
}

fn is_host(request: &Request, address: SocketAddr) -> bool {
    let host = request.header("Host").unwrap_or_default();
    host == address.to_string() || host == address.ip().to_string()
}

fn counts_down(left: &mut u32) -> bool {
    let was_left = *left > 0;
    *left = left.saturating_sub(1);
    was_left
}

fn headers_refused() -> Message {
    Message::base("HeaderInvalid", "A header of the request is missing or invalid.", "Mend it.")
}

fn password_change_required() -> Message {
    Message::base(
        "PasswordChangeRequired",
        "The password of this user has to be changed before anything else.",
        "Change it.",
    )
}

fn session_table_full() -> Message {
    Message::of("IDRAC.2.8.RAC0218", "There are as many sessions as there can be.", "Close one.")
}

fn not_ready() -> Message {
    Message::of("IDRAC.2.8.SYS518", "The controller is not ready yet.", "Try it again later.")
}

fn invalid_for_state(power: Power) -> Message {
    Message::of(
        "iLO.2.14.InvalidOperationForSystemState",
        format!("This cannot be done while the system power is {power}."),
        "Change the state of the system.",
    )
}

fn already(power: Power) -> Message {
    let power = power.to_string().to_uppercase();
    Message::of("IDRAC.2.8.PSU501", format!("The server is already powered {power}."), "None.")
}

fn on_conflict() -> Message {
    Message::base(
        "ActionParameterValueConflict",
        "The value On of ResetType conflicts with what the system is doing.",
        "Try it again later.",
    )
}
