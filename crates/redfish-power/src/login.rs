//! Who asks: Basic authentication, and a session where the service takes no Basic (DSP0266, "Authentication").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Url;
use reqwest::header::{self, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use crate::exchange::{Answer, Body};
use crate::origin::Origin;

const X_AUTH_TOKEN: HeaderName = HeaderName::from_static("x-auth-token");

/// User and password. Wiped when dropped, as far as it is in our hands: the HTTP client's buffers are not.
#[derive(Clone)]
pub struct Credentials {
    username: String,
    password: Zeroizing<String>,
}

impl Credentials {
    /// Those of this user.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self { username: username.into(), password: Zeroizing::new(password.into()) }
    }

    /// The body that opens a session.
    pub(crate) fn body(&self) -> Body {
        Body::new(&[("UserName", &self.username), ("Password", &self.password)])
    }

    fn joined(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{}:{}", self.username, *self.password))
    }
}

impl fmt::Debug for Credentials {
    /// The password is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("username", &self.username).finish_non_exhaustive()
    }
}

/// How the service is told who asks.
#[derive(Debug)]
pub(crate) enum Way {
    Basic(Encoding),
    Session(Session),
}

/// How user and password become bytes. RFC 7617 leaves it to the service; UTF-8 is what it recommends, Latin-1 what
/// older ones expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    Utf8,
    Latin1,
}

/// A session at the service, to be deleted.
#[derive(Debug)]
pub(crate) struct Session {
    token: HeaderValue,
    /// Where it is deleted, if the service has told.
    pub(crate) url: Option<Url>,
}

impl Way {
    /// The header that tells it. `None` if it cannot be written.
    pub(crate) fn header(&self, credentials: &Credentials) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::Basic(encoding) => {
                let value = encoding.basic(credentials)?;
                Some((header::AUTHORIZATION, value))
            }
            Self::Session(session) => Some((X_AUTH_TOKEN, session.token.clone())),
        }
    }
}

impl Encoding {
    fn basic(self, credentials: &Credentials) -> Option<HeaderValue> {
        let joined = credentials.joined();
        let bytes = match self {
            Self::Utf8 => Zeroizing::new(joined.as_bytes().to_vec()),
            Self::Latin1 => latin1(&joined)?,
        };
        let text = Zeroizing::new(format!("Basic {}", *Zeroizing::new(STANDARD.encode(&*bytes))));
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }

    /// The other encoding, where it makes other bytes.
    pub(crate) fn other(self, credentials: &Credentials) -> Option<Self> {
        let joined = credentials.joined();
        let is_worth_it = self == Self::Utf8 && !joined.is_ascii() && latin1(&joined).is_some();
        is_worth_it.then_some(Self::Latin1)
    }
}

fn latin1(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    text.chars()
        .map(|letter| u8::try_from(u32::from(letter)).ok())
        .collect::<Option<_>>()
        .map(Zeroizing::new)
}

impl Session {
    /// The session that was opened by this answer: its token in a header, its place in another or in the document.
    pub(crate) fn of(answer: &Answer, origin: &Origin, asked: &Url) -> Option<Self> {
        let mut token = answer.headers.get(X_AUTH_TOKEN)?.clone();
        token.set_sensitive(true);
        let document = answer.document();
        let link = answer
            .header(&header::LOCATION)
            .or_else(|| document.as_ref()?.get("@odata.id")?.as_str());
        let url = link.and_then(|link| origin.here(asked, link));
        Some(Self { token, url })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(username: &str, password: &str, encoding: Encoding) -> Option<String> {
        let value = encoding.basic(&Credentials::new(username, password))?;
        let text = value.to_str().unwrap().strip_prefix("Basic ").unwrap().to_owned();
        Some(STANDARD.decode(text).unwrap().escape_ascii().to_string())
    }

    #[test]
    fn user_and_password_are_utf_8_or_latin_1() {
        assert_eq!(basic("u", "p:w", Encoding::Utf8).unwrap(), "u:p:w");
        assert_eq!(basic("u", "pä", Encoding::Utf8).unwrap(), "u:p\\xc3\\xa4");
        assert_eq!(basic("u", "pä", Encoding::Latin1).unwrap(), "u:p\\xe4");
        assert_eq!(basic("u", "p€", Encoding::Latin1), None);
    }

    #[test]
    fn the_other_encoding_is_tried_only_where_it_differs() {
        let other = |password| Encoding::Utf8.other(&Credentials::new("u", password));
        assert_eq!(other("plain"), None);
        assert_eq!(other("pä"), Some(Encoding::Latin1));
        assert_eq!(other("p€"), None);
        assert_eq!(Encoding::Latin1.other(&Credentials::new("u", "pä")), None);
    }

    #[test]
    fn secrets_are_not_shown() {
        let credentials = Credentials::new("u", "geheim");
        let header = Way::Basic(Encoding::Utf8).header(&credentials);
        assert!(!format!("{credentials:?} {header:?}").contains("geheim"));
        assert!(format!("{header:?}").contains("Sensitive"), "{header:?}");
    }
}
