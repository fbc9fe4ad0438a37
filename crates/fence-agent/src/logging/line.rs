use std::fmt::Arguments;
use std::time::SystemTime;

use log::{Level, Record};

/// A message as it stands in a log: `2026-11-21T22:24:44.850Z ERROR: message`.
pub(crate) fn line(time: SystemTime, record: &Record<'_>) -> String {
    let time = humantime::format_rfc3339_millis(time);
    format!("{time} {}: {}\n", super::name(record.level()), printable(record.args()))
}

/// A message as systemd's journal takes it from standard error: `<3>message`.
pub(super) fn journal_line(record: &Record<'_>) -> String {
    let priority = match record.level() {
        Level::Error => 3,
        Level::Warn => 4,
        Level::Info => 6,
        Level::Debug | Level::Trace => 7,
    };
    format!("<{priority}>{}\n", printable(record.args()))
}

/// The message with everything escaped that would break the line, move a cursor or hide text. It may come from a
/// device that means ill.
#[must_use]
pub fn printable(message: &Arguments<'_>) -> String {
    let mut text = String::new();
    for letter in message.to_string().chars() {
        match letter {
            '"' | '\'' | '\\' => text.push(letter),
            other => text.extend(other.escape_debug()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[test]
    fn a_line_has_time_level_and_message() {
        let time = UNIX_EPOCH + Duration::from_millis(1_795_299_884_850);
        let text = |level, message: &str| {
            line(time, &Record::builder().level(level).args(format_args!("{message}")).build())
        };
        assert_eq!(text(Level::Error, "no answer"), "2026-11-21T22:24:44.850Z ERROR: no answer\n");
        assert_eq!(text(Level::Warn, "x"), "2026-11-21T22:24:44.850Z WARNING: x\n");
    }

    #[test]
    fn a_message_is_one_line_of_printable_letters() {
        let cases = [
            ("plain 'quoted' \"text\" C:\\", "plain 'quoted' \"text\" C:\\"),
            ("Schlüssel … 鍵", "Schlüssel … 鍵"),
            ("a\nb\r\n", "a\\nb\\r\\n"),
            ("\x1b[2J\x07\0", "\\u{1b}[2J\\u{7}\\0"),
            ("\u{85}\u{2028}\u{202e}\u{9b}", "\\u{85}\\u{2028}\\u{202e}\\u{9b}"),
        ];
        for (message, expected) in cases {
            assert_eq!(printable(&format_args!("{message}")), expected);
        }
    }
}
