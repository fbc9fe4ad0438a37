//! JSON as BMCs send it.

use serde_json::{Error, Value};

/// More numbers that are none are in no document of a BMC.
const MOST_MENDED: usize = 64;

/// Reads a document. Where a name stands twice the last one counts, as in the Python agent.
///
/// BMCs are known to send a byte order mark in front, bytes that are not UTF-8 in names, and `NaN` for sensors that
/// have no value. None of that is in what matters here, and none of it makes half a document whole: it ends with its
/// last brace, or is none.
pub(crate) fn parse(bytes: &[u8]) -> Option<Value> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut text = String::from_utf8_lossy(bytes).into_owned();
    for _ in 0..=MOST_MENDED {
        match serde_json::from_str(&text) {
            Ok(value) => return matches!(value, Value::Object(_)).then_some(value),
            Err(error) => text = mended(&text, &error)?,
        }
    }
    None
}

/// The text with `null` in place of the `NaN` or `Infinity` that the parser did not take. `None` when it was something
/// else.
fn mended(text: &str, error: &Error) -> Option<String> {
    let lines = text.split_inclusive('\n').take(error.line().checked_sub(1)?);
    let line: usize = lines.map(str::len).sum();
    let at = line.checked_add(error.column())?;
    // The parser counts columns from 1, and has looked at the sign, or at a letter more, by then.
    (at.saturating_sub(2)..=at).find_map(|start| {
        let rest = text.get(start..)?;
        let number = ["-Infinity", "Infinity", "NaN"].into_iter().find(|n| rest.starts_with(n))?;
        let (before, after) = (text.get(..start)?, text.get(start + number.len()..)?);
        Some(format!("{before}null{after}"))
    })
}

/// The text of a member, without blanks around it.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name).and_then(Value::as_str).map(str::trim)
}

/// Where a member that is a link leads: `{"@odata.id": "…"}`.
pub(crate) fn link<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    text(value.get(name)?, "@odata.id")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_of_bmcs_are_read() {
        for (bytes, expected) in [
            (&b"{\"PowerState\": \"Off\"}"[..], json!({"PowerState": "Off"})),
            (b"\xef\xbb\xbf{\"a\": 1}\r\n", json!({"a": 1})),
            (b"{\"a\": 1, \"a\": 2}", json!({"a": 2})),
            (b"{\"a\": NaN, \"b\": [-Infinity, Infinity]}", json!({"a": null, "b": [null, null]})),
            (b"{\"a\": NaN, \"b\": \"NaN \\\" NaN\"}", json!({"a": null, "b": "NaN \" NaN"})),
            (
                b"{\"a\": NaN, \"b\": \"\\\\\", \"c\": NaN}",
                json!({"a": null, "b": "\\", "c": null}),
            ),
            (b"{\"Name\": \"\xff\"}", json!({"Name": "\u{fffd}"})),
        ] {
            assert_eq!(parse(bytes), Some(expected), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn what_is_no_document_is_none() {
        for bytes in [
            &b""[..],
            b"[]",
            b"null",
            b"\"Off\"",
            b"{\"PowerState\": \"Off\"",
            b"{\"PowerState\": \"Off\"} x",
            b"{\"PowerState\": Off}",
            b"<html></html>",
            b"{\"a\": NaN",
        ] {
            assert_eq!(parse(bytes), None, "{}", String::from_utf8_lossy(bytes));
        }
    }

    proptest! {
        #[test]
        fn anything_is_read_or_not(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        /// A document that is cut off is no document.
        #[test]
        fn no_part_of_a_document_is_one(cut in 0usize..60) {
            let whole = br#"{"PowerState": "Off", "Name": "a\"b", "Sensor": NaN, "x": {}}"#;
            prop_assert_eq!(parse(&whole[..cut.min(whole.len() - 1)]), None);
        }
    }
}
