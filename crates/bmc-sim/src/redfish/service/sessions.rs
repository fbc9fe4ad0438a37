use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rand::Rng;
use rand::rngs::StdRng;
use zeroize::Zeroizing;

use crate::redfish::{RedfishUser, Request};

/// The sessions that are open.
#[derive(Default)]
pub(super) struct Sessions {
    open: Vec<Session>,
    /// How many were opened so far.
    opened: u64,
}

/// Somebody is logged in.
pub(super) struct Session {
    pub(super) id: String,
    token: Zeroizing<String>,
    pub(super) user: RedfishUser,
    last_used: Instant,
    requests: u32,
}

/// What the client gets of a session.
pub(super) struct SessionKey {
    pub(super) id: String,
    pub(super) token: Zeroizing<String>,
}

impl Sessions {
    pub(super) fn open(&mut self, now: Instant, user: RedfishUser, rng: &mut StdRng) -> SessionKey {
        self.opened += 1;
        let mut token = [0; 16];
        rng.fill_bytes(&mut token);
        let token = token.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let id = self.opened.to_string();
        let token = Zeroizing::new(token);
        let key = SessionKey { id: id.clone(), token: token.clone() };
        self.open.push(Session { id, token, user, last_used: now, requests: 0 });
        key
    }

    /// Closes the session with this token, if it was used so often; gives its user.
    pub(super) fn close_used(&mut self, token: &str, limit: u32) -> Option<String> {
        let is_used = |session: &Session| *session.token == token && session.requests >= limit;
        let index = self.open.iter().position(is_used)?;
        Some(self.open.remove(index).user.name)
    }

    /// The user of the session with this token, which lives on.
    pub(super) fn user(&mut self, now: Instant, token: &str) -> Option<RedfishUser> {
        let session = self.open.iter_mut().find(|session| *session.token == token)?;
        session.requests += 1;
        session.last_used = now;
        Some(session.user.clone())
    }

    pub(super) fn find(&self, id: &str) -> Option<&Session> {
        self.open.iter().find(|session| session.id == id)
    }

    pub(super) fn close(&mut self, id: &str) -> Option<Session> {
        let index = self.open.iter().position(|session| session.id == id)?;
        Some(self.open.remove(index))
    }

    /// Closes those that were silent for so long; gives their users.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) -> Vec<String> {
        let is_alive =
            |session: &Session| now.saturating_duration_since(session.last_used) < timeout;
        let (alive, expired) = std::mem::take(&mut self.open).into_iter().partition(is_alive);
        self.open = alive;
        let expired: Vec<Session> = expired;
        expired.into_iter().map(|session| session.user.name).collect()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.open.iter().map(|session| session.id.as_str())
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

/// Name and password of Basic authentication (RFC 7617), if the request has them in a way that can be read.
pub(super) fn basic_credentials(
    request: &Request,
    is_latin1: bool,
) -> Option<(String, Zeroizing<String>)> {
    let (scheme, encoded) = request.header("Authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("Basic") {
        return None;
    }
    let decoded = Zeroizing::new(BASE64_STANDARD.decode(encoded.trim()).ok()?);
    let text = Zeroizing::new(match is_latin1 {
        true => decoded.iter().copied().map(char::from).collect(),
        false => std::str::from_utf8(&decoded).ok()?.to_owned(),
    });
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), Zeroizing::new(password.to_owned())))
}

/// The user with this name and password.
pub(super) fn user<'a>(
    users: &'a [RedfishUser],
    name: &str,
    password: &str,
) -> Option<&'a RedfishUser> {
    users.iter().find(|user| user.name == name && *user.password == password)
}
