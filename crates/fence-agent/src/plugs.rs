//! The machines of a device, as `list` and `list-status` print them: a line each.

use std::borrow::Cow;

use fencing::{Port, PowerState};

/// `name,alias`: an alias that is not there is empty.
pub(crate) fn lines(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{}\n", names(port))).collect()
}

/// `name,alias,ON`.
pub(crate) fn lines_with_states(ports: &[Port]) -> String {
    ports.iter().map(|port| format!("{},{}\n", names(port), state(port))).collect()
}

fn names(port: &Port) -> String {
    format!("{},{}", field(&port.name), field(port.alias.as_deref().unwrap_or_default()))
}

fn state(port: &Port) -> &'static str {
    match port.state {
        Some(PowerState::On) => "ON",
        Some(PowerState::Off) => "OFF",
        Some(PowerState::Unknown) | None => "UNKNOWN",
    }
}

/// A name from outside, which must become neither two names nor another one. Pacemaker takes each word between commas
/// and white space for a target, and of a word only the letters before the first that it does not expect in a node's
/// name. So a name with such a letter begins with a quotation mark, and is no target.
fn field(name: &str) -> Cow<'_, str> {
    if name.chars().all(is_plain) {
        return Cow::Borrowed(name);
    }
    let mut quoted = String::from("\"");
    for letter in name.chars() {
        if letter == ',' || letter.is_whitespace() {
            quoted.extend(letter.escape_unicode());
        } else {
            quoted.extend(letter.escape_debug());
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// What pacemaker expects in a node's name.
fn is_plain(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, alias: Option<&str>, state: Option<PowerState>) -> Port {
        Port { name: name.to_owned(), alias: alias.map(str::to_owned), state }
    }

    #[test]
    fn a_list_has_a_line_for_each_plug_as_that_of_the_python_agents() {
        let ports = [
            port("node1", Some("alias1"), Some(PowerState::On)),
            port("node2", None, Some(PowerState::Off)),
            port("10.0.0.3", Some("a_b-c"), Some(PowerState::Unknown)),
            port("5", Some(""), None),
        ];
        assert_eq!(lines(&ports), "node1,alias1\nnode2,\n10.0.0.3,a_b-c\n5,\n");
        let expected = "node1,alias1,ON\nnode2,,OFF\n10.0.0.3,a_b-c,UNKNOWN\n5,,UNKNOWN\n";
        assert_eq!(lines_with_states(&ports), expected);
        assert_eq!(lines(&[]), "");
    }

    #[test]
    fn a_name_is_one_target_or_none_and_never_another() {
        for (name, expected) in [
            ("node1\nnode2,", r#""node1\u{a}node2\u{2c}""#),
            ("node1,node2", r#""node1\u{2c}node2""#),
            ("node1 node2", r#""node1\u{20}node2""#),
            ("node1:2", r#""node1:2""#),
            ("Schlüssel", r#""Schlüssel""#),
            ("node1\r\u{2028}\u{85}", r#""node1\u{d}\u{2028}\u{85}""#),
            ("\x1b[2Jnode1\0", r#""\u{1b}[2Jnode1\0""#),
            ("\u{202e}1edon", r#""\u{202e}1edon""#),
            (r#"node1","#, r#""node1\"\u{2c}""#),
            (r#""node1\u{2c}""#, r#""\"node1\\u{2c}\"""#),
        ] {
            assert_eq!(field(name), expected);
            let line = lines(&[port(name, Some(name), None)]);
            assert_eq!(line, format!("{expected},{expected}\n"));
        }
    }
}
