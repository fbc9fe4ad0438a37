//! What a service says of an error: `@Message.ExtendedInfo` (DSP0266, "Error responses").

use std::fmt;

use serde_json::Value;

/// No error message is longer; a longer one is cut.
const LONGEST: usize = 300;
/// No answer has more of them that a person would read.
const MOST: usize = 3;

/// One message of a service, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its identifier in a message registry, `Base.1.8.InsufficientPrivilege`; may be empty.
    pub id: String,
    /// Its text, in the service's words; may be empty.
    pub text: String,
}

impl Message {
    /// Those of an error response, or of a task. None where there are none.
    pub(crate) fn all_of(document: &Value) -> Vec<Self> {
        let error = document.get("error");
        let places = [
            error.and_then(|error| error.get("@Message.ExtendedInfo")),
            document.get("@Message.ExtendedInfo"),
            document.get("Messages"),
        ];
        let mut messages: Vec<_> = places
            .into_iter()
            .flatten()
            .flat_map(|place| match place {
                Value::Array(all) => all.iter().collect(),
                // Some services have one object instead of a list.
                one => vec![one],
            })
            .filter_map(Self::of)
            .take(MOST)
            .collect();
        // Some services say what it is about there only.
        if messages.iter().all(|message| message.text.is_empty())
            && let Some(own) = error.and_then(Self::of_error)
        {
            messages.retain(|message| message.id != own.id);
            messages.push(own);
        }
        messages
    }

    fn of(value: &Value) -> Option<Self> {
        let text = |name| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let message = Self { id: text("MessageId"), text: text("Message") };
        (!message.id.is_empty() || !message.text.is_empty()).then_some(message)
    }

    fn of_error(error: &Value) -> Option<Self> {
        let text = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let message = Self { id: text("code"), text: text("message") };
        (!message.id.is_empty() || !message.text.is_empty()).then_some(message)
    }

    /// Whether this is the message of that name, whatever registry and version it is from.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        self.id.rsplit('.').next() == Some(name)
    }
}

/// A text of the service on one line, and not too long, whatever it has sent.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(LONGEST).collect::<String>().escape_debug().to_string()
}

impl fmt::Display for Message {
    /// On one line, and not too long, whatever the service has sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown =
            |text: &str| text.chars().take(LONGEST).collect::<String>().escape_debug().to_string();
        match (self.id.as_str(), self.text.as_str()) {
            (id, "") => f.write_str(&shown(id)),
            ("", text) => write!(f, "\"{}\"", shown(text)),
            (id, text) => write!(f, "{} \"{}\"", shown(id), shown(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(document: &Value) -> Vec<String> {
        Message::all_of(document).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn messages_are_found_where_services_have_them() {
        let message = json!({"MessageId": "Base.1.8.InsufficientPrivilege", "Message": "No."});
        for document in [
            json!({"error": {"code": "x", "message": "y", "@Message.ExtendedInfo": [message]}}),
            json!({"error": {"@Message.ExtendedInfo": message}}),
            json!({"@Message.ExtendedInfo": [message]}),
            json!({"TaskState": "Exception", "Messages": [message]}),
        ] {
            assert_eq!(shown(&document), ["Base.1.8.InsufficientPrivilege \"No.\""], "{document}");
        }
        let bare = json!({"code": "Base.1.0.GeneralError", "message": "Bad."});
        let without_text = |id: &str| {
            let mut error = bare.clone();
            error["@Message.ExtendedInfo"] = json!([{"MessageId": id}]);
            json!({"error": error})
        };
        let general = "Base.1.0.GeneralError \"Bad.\"";
        assert_eq!(shown(&json!({"error": bare})), [general]);
        assert_eq!(shown(&without_text("Base.1.0.GeneralError")), [general]);
        assert_eq!(shown(&without_text("Base.1.0.Other")), ["Base.1.0.Other", general]);
        for none in [json!(null), json!([]), json!({"error": 5}), json!({"Messages": [1, {}]})] {
            assert_eq!(shown(&none), [""; 0], "{none}");
        }
    }

    #[test]
    fn a_message_is_known_by_its_name_in_any_registry() {
        let message = |id: &str| Message { id: id.to_owned(), text: String::new() };
        assert!(
            message("iLO.2.8.InvalidOperationForSystemState").is("InvalidOperationForSystemState")
        );
        assert!(message("SYS518").is("SYS518"));
        assert!(!message("Base.1.0.GeneralError").is("Error"));
    }

    #[test]
    fn a_message_is_one_line_and_not_too_long() {
        let message = Message { id: "a\nb\u{1b}[31m".to_owned(), text: "ä\"".repeat(1000) };
        let shown = message.to_string();
        assert!(
            shown.starts_with("a\\nb\\u{1b}[31m \"ä\\\"") && shown.chars().count() < 600,
            "{shown}"
        );
    }
}
