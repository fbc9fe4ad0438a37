//! Lists of hosts as people write them: `bmc[001-200]`, `rack[1-3]-bmc[1-8,12]`, `10.0.0.[1-9]`, `[fe80::1]:623`.
//!
//! A parser of our own, because nothing here may be guessed: the crate `hostlist` takes what it does not understand for
//! nothing (`bmc[1-` is `bmc`, `[fe80::1]` is the empty name), and `nodeset` brings sixty crates along.

use std::collections::HashSet;

/// No list has more hosts than this. A slip such as `[1-10000000]` ends here, before anything is done.
pub const MOST_HOSTS: usize = 100_000;

/// No name is longer; those of the DNS have 253 letters.
const LONGEST_NAME: usize = 255;

/// No number in a range has more digits.
const MOST_DIGITS: usize = 18;

/// What is wrong with a list of hosts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostsError {
    /// One item of the list makes no sense.
    #[error("host '{}': {reason}", .item.escape_debug())]
    Item {
        /// As it was written.
        item: String,
        /// Why.
        reason: &'static str,
    },
    /// They would be too many.
    #[error("more than {MOST_HOSTS} hosts")]
    TooMany,
}

/// Hosts and groups in the order in which they were named, each once.
#[derive(Clone, Debug, Default)]
pub struct HostList {
    names: Vec<String>,
    seen: HashSet<String>,
}

impl HostList {
    /// The names in one argument.
    ///
    /// # Errors
    /// As [`HostList::add`].
    pub fn of(text: &str) -> Result<Vec<String>, HostsError> {
        let mut list = Self::default();
        list.add(text)?;
        Ok(list.into_names())
    }

    /// Adds what stands in one argument or line: items between commas, `@group` among them.
    ///
    /// # Errors
    /// When an item makes no sense, or there are too many.
    pub fn add(&mut self, text: &str) -> Result<(), HostsError> {
        items(text).try_for_each(|item| self.add_item(item))
    }

    /// The names; those of groups begin with `@`.
    #[must_use]
    pub fn into_names(self) -> Vec<String> {
        self.names
    }

    fn add_item(&mut self, item: &str) -> Result<(), HostsError> {
        let wrong = |reason| HostsError::Item { item: shortened(item), reason };
        let parts = parts(item).map_err(wrong)?;
        if count(&parts).is_none_or(|count| count > MOST_HOSTS) {
            return Err(HostsError::TooMany);
        }
        for name in names(&parts) {
            check_name(&name).map_err(wrong)?;
            if self.seen.insert(name.clone()) {
                self.names.push(name);
            }
        }
        if self.names.len() > MOST_HOSTS { Err(HostsError::TooMany) } else { Ok(()) }
    }
}

/// A host and the port that may stand behind it: `bmc1`, `bmc1:6230`, `[fe80::1]:623`, `fe80::1`.
///
/// # Errors
/// When what stands behind the colon is no port.
pub fn split_port(name: &str) -> Result<(&str, Option<u16>), HostsError> {
    let wrong = |reason| HostsError::Item { item: shortened(name), reason };
    let (host, port) = match name.strip_prefix('[') {
        Some(rest) => rest.split_once(']').ok_or_else(|| wrong(UNCLOSED))?,
        // With more than one colon it is an IPv6 address without brackets.
        None if name.matches(':').count() == 1 => name.split_once(':').unwrap_or((name, "")),
        None => return Ok((name, None)),
    };
    let port = port.strip_prefix(':').unwrap_or(port);
    if name.ends_with(']') {
        return Ok((host, None));
    }
    match port.parse() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(wrong("what stands behind the colon is no port (1 to 65535)")),
    }
}

const UNCLOSED: &str = "the bracket is not closed";

/// A piece of an item.
enum Part<'a> {
    Text(&'a str),
    /// An IPv6 address, with its brackets.
    Address(String),
    Numbers(Vec<Range>),
}

/// Numbers from `low` to `high`, filled up with zeros to `width` digits.
#[derive(Clone, Copy)]
struct Range {
    low: u64,
    high: u64,
    width: usize,
}

/// What stands between the commas that are not in brackets.
fn items(text: &str) -> impl Iterator<Item = &str> {
    let mut in_brackets = false;
    text.split(move |letter| {
        match letter {
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        letter == ',' && !in_brackets
    })
    .map(str::trim)
}

fn parts(item: &str) -> Result<Vec<Part<'_>>, &'static str> {
    let mut parts = Vec::new();
    let mut rest = item;
    while let Some((before, after)) = rest.split_once('[') {
        let (inside, behind) = after.split_once(']').ok_or(UNCLOSED)?;
        parts.push(text(before)?);
        parts.push(match inside.contains(':') {
            true => address(inside, parts.len() == 1 && before.is_empty(), behind)?,
            false => Part::Numbers(inside.split(',').map(range).collect::<Result<_, _>>()?),
        });
        rest = behind;
    }
    parts.push(text(rest)?);
    let letters = parts.iter().map(Part::longest).sum::<usize>();
    if letters > LONGEST_NAME { Err("the name is too long") } else { Ok(parts) }
}

fn text(text: &str) -> Result<Part<'_>, &'static str> {
    if text.contains(']') {
        Err("a bracket is closed that was not opened")
    } else {
        Ok(Part::Text(text))
    }
}

/// An IPv6 address in brackets is all there is, but for a port.
fn address(inside: &str, is_first: bool, behind: &str) -> Result<Part<'static>, &'static str> {
    if inside.contains('[') || !is_first || !(behind.is_empty() || behind.starts_with(':')) {
        return Err("an IPv6 address in brackets stands alone, or before a port");
    }
    Ok(Part::Address(format!("[{inside}]")))
}

fn range(text: &str) -> Result<Range, &'static str> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    let (width, high_width) = (width(low), width(high));
    if high_width > 0 && low.len() != high.len() {
        return Err("the ends of a range have different numbers of leading zeros");
    }
    let range = Range { low: number(low)?, high: number(high)?, width };
    if range.low > range.high {
        Err("a range runs from the lower number to the higher")
    } else {
        Ok(range)
    }
}

/// To how many digits numbers are filled up that are written so.
fn width(number: &str) -> usize {
    if number.len() > 1 && number.starts_with('0') { number.len() } else { 0 }
}

fn number(digits: &str) -> Result<u64, &'static str> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("brackets hold numbers and ranges of numbers, such as [1-3,7]");
    }
    if digits.len() > MOST_DIGITS {
        return Err("a number has too many digits");
    }
    digits.parse().map_err(|_| "a number is too large")
}

/// How many names the parts make; `None` when they are more than can be counted.
fn count(parts: &[Part<'_>]) -> Option<usize> {
    parts.iter().try_fold(1_usize, |count, part| count.checked_mul(part.count()?))
}

fn names(parts: &[Part<'_>]) -> Vec<String> {
    let mut names = vec![String::new()];
    for part in parts {
        names = names.iter().flat_map(|head| part.after(head)).collect();
    }
    names
}

impl Part<'_> {
    fn count(&self) -> Option<usize> {
        match self {
            Self::Text(_) | Self::Address(_) => Some(1),
            Self::Numbers(ranges) => {
                ranges.iter().try_fold(0_usize, |sum, range| sum.checked_add(range.count()?))
            }
        }
    }

    fn longest(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Address(text) => text.len(),
            Self::Numbers(_) => 1,
        }
    }

    fn after(&self, head: &str) -> Vec<String> {
        match self {
            Self::Text(text) => vec![format!("{head}{text}")],
            Self::Address(text) => vec![format!("{head}{text}")],
            Self::Numbers(ranges) => ranges.iter().flat_map(|range| range.after(head)).collect(),
        }
    }
}

impl Range {
    fn count(self) -> Option<usize> {
        usize::try_from(self.high - self.low).ok()?.checked_add(1)
    }

    fn after(self, head: &str) -> impl Iterator<Item = String> {
        let Self { low, high, width } = self;
        (low..=high).map(move |number| format!("{head}{number:0width$}"))
    }
}

fn check_name(name: &str) -> Result<(), &'static str> {
    let name = name.strip_prefix('@').unwrap_or(name);
    if name.is_empty() {
        return Err("there is no name");
    }
    if name.contains('@') {
        return Err(
            "'@' stands before the name of a group only; the user is an option, --username",
        );
    }
    if name.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
        return Err("a name has no white space and no control characters");
    }
    if name.starts_with('-') { Err("a name does not begin with '-'") } else { Ok(()) }
}

/// An item as an error shows it.
fn shortened(item: &str) -> String {
    match item.char_indices().nth(80) {
        Some(_) => item.chars().take(80).chain("…".chars()).collect(),
        None => item.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn expand(text: &str) -> Result<Vec<String>, HostsError> {
        HostList::of(text)
    }

    #[test]
    fn ranges_are_expanded_in_order() {
        for (text, expected) in [
            ("bmc1", &["bmc1"][..]),
            ("bmc[1-3,7]", &["bmc1", "bmc2", "bmc3", "bmc7"]),
            ("bmc[08-11]", &["bmc08", "bmc09", "bmc10", "bmc11"]),
            ("bmc[099-101]", &["bmc099", "bmc100", "bmc101"]),
            ("bmc[9-11]", &["bmc9", "bmc10", "bmc11"]),
            ("bmc[98-100]", &["bmc98", "bmc99", "bmc100"]),
            ("bmc[0-1]", &["bmc0", "bmc1"]),
            ("r[1-2]n[01,3].lan", &["r1n01.lan", "r1n3.lan", "r2n01.lan", "r2n3.lan"]),
            ("10.0.0.[1-2]", &["10.0.0.1", "10.0.0.2"]),
            ("h:[623-624]", &["h:623", "h:624"]),
            ("a,b[1,2],c", &["a", "b1", "b2", "c"]),
            ("b[1-2],b2,b1", &["b1", "b2"]),
            ("@rack1,a", &["@rack1", "a"]),
            ("@rack[1-2]", &["@rack1", "@rack2"]),
        ] {
            assert_eq!(expand(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn ipv6_addresses_are_no_ranges() {
        for text in ["[fe80::1]", "[fe80::1%eth0]:623", "fe80::1", "::1", "[::ffff:10.0.0.1]"] {
            assert_eq!(expand(text).unwrap(), [text]);
        }
        assert_eq!(expand("fe80::[1-2]").unwrap(), ["fe80::1", "fe80::2"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused_and_says_why() {
        for (text, reason) in [
            ("", "there is no name"),
            ("a,,b", "there is no name"),
            ("@", "there is no name"),
            ("bmc[1-", "the bracket is not closed"),
            ("bmc]1", "a bracket is closed that was not opened"),
            ("bmc[3-1]", "a range runs from the lower number to the higher"),
            ("bmc[]", "brackets hold numbers"),
            ("bmc[1-]", "brackets hold numbers"),
            ("bmc[-1]", "brackets hold numbers"),
            ("bmc[1--3]", "brackets hold numbers"),
            ("bmc[a-c]", "brackets hold numbers"),
            ("bmc[1-9/2]", "brackets hold numbers"),
            ("bmc[1-[2-3]]", "brackets hold numbers"),
            ("bmc[1-010]", "different numbers of leading zeros"),
            ("bmc[1-9999999999999999999]", "too many digits"),
            ("[fe80::[1-2]]", "an IPv6 address in brackets stands alone"),
            ("x[fe80::1]", "an IPv6 address in brackets stands alone"),
            ("[fe80::1]x", "an IPv6 address in brackets stands alone"),
            ("[1-2][fe80::1]", "an IPv6 address in brackets stands alone"),
            ("admin@bmc1", "--username"),
            ("a b", "white space"),
            ("a\x1b[1-2]", "control characters"),
            ("-x", "does not begin with '-'"),
        ] {
            let error = expand(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
        assert!(expand(&"x".repeat(300)).unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn too_many_are_refused_before_they_are_made() {
        for text in
            ["a[0-99999999999]", "a[1-100001]", "a[1-1000]b[1-1000]", "a[1-999999999999999999]"]
        {
            assert_eq!(expand(text), Err(HostsError::TooMany), "{text}");
        }
        let many = "x[0-9]".repeat(60);
        assert_eq!(expand(&many), Err(HostsError::TooMany));
        assert_eq!(expand("a[1-100000]").unwrap().len(), MOST_HOSTS);
        assert_eq!(expand("a[1-99999],b[1-2]"), Err(HostsError::TooMany));
    }

    #[test]
    fn a_port_may_stand_behind_a_host() {
        for (name, host, port) in [
            ("bmc1", "bmc1", None),
            ("bmc1:6230", "bmc1", Some(6230)),
            ("10.0.0.1:623", "10.0.0.1", Some(623)),
            ("[fe80::1]", "fe80::1", None),
            ("[fe80::1]:623", "fe80::1", Some(623)),
            ("fe80::1", "fe80::1", None),
            ("::1", "::1", None),
        ] {
            assert_eq!(split_port(name), Ok((host, port)), "{name}");
        }
        for name in ["bmc1:", "bmc1:x", "bmc1:0", "bmc1:65536", "[fe80::1]:", "[fe80::1]:99999"] {
            assert!(split_port(name).is_err(), "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_or_makes_too_many(text in "[-a@:,\\[\\]0-9 ]{0,40}") {
            if let Ok(names) = expand(&text) {
                prop_assert!(names.len() <= MOST_HOSTS);
                names.iter().for_each(|name| { let _ = split_port(name); });
            }
        }

        #[test]
        fn a_range_is_each_number_once(low in 0_u64..2000, more in 0_u64..50, width in 1_usize..6) {
            let high = low + more;
            let text = format!("n[{low:0width$}-{high:0width$}]-bmc");
            let expected: Vec<_> =
                (low..=high).map(|number| format!("n{number:0width$}-bmc")).collect();
            prop_assert_eq!(expand(&text).unwrap(), expected);
        }

        #[test]
        fn what_was_expanded_stays_as_it_is(text in "[a-c]{1,3}\\[[0-9]{1,2}(,[0-9]{1,2}){0,3}\\]") {
            let names = expand(&text).unwrap();
            prop_assert_eq!(expand(&names.join(",")).unwrap(), names);
        }
    }
}
