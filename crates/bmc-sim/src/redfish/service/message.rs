//! Errors as a service answers them: `error` with `@Message.ExtendedInfo` (DSP0266, "Error responses"), with the ids of
//! the Base message registry (DSP8011) or of vendors' own. The sentences are ours.

use serde_json::{Value, json};

use crate::redfish::Response;

/// The registry of most messages.
const BASE: &str = "Base.1.18";

/// A request was not carried out, and this is the answer.
pub(super) type Refusal = Box<Response>;

/// A message of a registry.
pub(super) struct Message {
    id: String,
    text: String,
    resolution: &'static str,
    severity: &'static str,
}

impl Message {
    /// A message of the Base registry.
    pub(super) fn base(id: &str, text: impl Into<String>, resolution: &'static str) -> Self {
        Self::of(&format!("{BASE}.{id}"), text, resolution)
    }

    /// A message of another registry, named by all of its id.
    pub(super) fn of(id: &str, text: impl Into<String>, resolution: &'static str) -> Self {
        Self { id: id.to_owned(), text: text.into(), resolution, severity: "Critical" }
    }

    /// That all is well.
    pub(super) fn success() -> Self {
        Self { severity: "OK", ..Self::base("Success", "The request succeeded.", "None.") }
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "@odata.type": "#Message.v1_2_0.Message",
            "MessageId": self.id,
            "Message": self.text,
            "MessageArgs": [],
            "MessageSeverity": self.severity,
            "Severity": self.severity,
            "Resolution": self.resolution,
        })
    }

    /// The answer that carries it.
    pub(super) fn response(&self, status: u16) -> Response {
        Response::json(
            status,
            &json!({ "error": {
                "code": self.id,
                "message": self.text,
                "@Message.ExtendedInfo": [self.to_json()],
            }}),
        )
    }

    /// The same as a refusal.
    pub(super) fn refusal(&self, status: u16) -> Refusal {
        Box::new(self.response(status))
    }
}

pub(super) fn unauthorized() -> Message {
    Message::base(
        "NoValidSession",
        "There is no valid session, and no valid credentials came with the request.",
        "Send the credentials of a user, or open a session.",
    )
}

pub(super) fn insufficient_privilege() -> Message {
    Message::base(
        "InsufficientPrivilege",
        "The user may not do this.",
        "Use another user, or give this one a role that may.",
    )
}

pub(super) fn missing(path: &str) -> Message {
    Message::base(
        "ResourceMissingAtURI",
        format!("There is no resource at {path}."),
        "Ask for one that there is.",
    )
}

pub(super) fn method_not_allowed(method: &str) -> Message {
    Message::base(
        "OperationNotAllowed",
        format!("The resource does not have the method {method}."),
        "Use one that it has.",
    )
}

pub(super) fn malformed_json() -> Message {
    Message::base("MalformedJSON", "The body is no JSON object.", "Send one.")
}

pub(super) fn wrong_content_type() -> Message {
    Message::base(
        "UnsupportedMediaType",
        "The body of a request must be application/json.",
        "Send it as that, and say so in Content-Type.",
    )
}

pub(super) fn session_limit() -> Message {
    Message::base(
        "SessionLimitExceeded",
        "There are as many sessions as there can be.",
        "Close one, or wait until one is closed for its silence.",
    )
}

/// A page for people, as a web server has it.
pub(super) fn html(status: u16) -> Response {
    let page = format!(
        "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    );
    Response { body: page.into_bytes(), ..Response::new(status) }
        .with_header("Content-Type", "text/html")
}
