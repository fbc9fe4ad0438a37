//! Parameters on standard input: `argument=value` lines.

use std::io::{self, Read};

use fencing::Agent;
use zeroize::Zeroizing;

use super::{Given, Input, InputError, Source, is_name};

/// More than any configuration has; less than would hurt.
const LIMIT: usize = 1 << 20;

/// What callers send to every agent, and no agent of ours has a use for. Without a warning.
const IGNORED: &[&str] = &["agent", "fail_time", "name", "node", "nodeid", "nodename", "timeout"];

/// The name that `action` had in the agents of old, and still has in some callers.
const OLD_ACTION: &str = "option";

/// How many letters a name may differ from `action` to be taken for a misspelling of it.
const MISSPELLING: usize = 2;

/// Standard input without the buffer of the standard library, which would keep a copy of the password.
pub(crate) struct UnbufferedStdin;

impl Read for UnbufferedStdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(io::stdin(), buffer)?)
    }
}

pub(super) fn read(agent: &Agent, stdin: &mut dyn Read) -> Result<Input, InputError> {
    let bytes = read_to_end(stdin)?;
    let mut lines = Lines::new(agent);
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let number = index + 1;
        match str::from_utf8(line) {
            Ok(line) => lines.take(line.trim(), number),
            Err(_) => lines.take_not_utf8(line, number)?,
        }
    }
    lines.into_input()
}

/// Reads to the end, and leaves no copies behind where the buffer grows.
fn read_to_end(stdin: &mut dyn Read) -> Result<Zeroizing<Vec<u8>>, InputError> {
    let mut chunk = Zeroizing::new([0; 4096]);
    let mut bytes = Zeroizing::new(Vec::with_capacity(chunk.len()));
    loop {
        let read = match stdin.read(chunk.as_mut_slice()) {
            Ok(0) => return Ok(bytes),
            Ok(read) => chunk.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(InputError::Unreadable(error)),
        };
        if bytes.len() + read.len() > LIMIT {
            return Err(InputError::TooLong { limit: LIMIT });
        }
        if bytes.len() + read.len() > bytes.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(2 * bytes.capacity()));
            larger.extend_from_slice(&bytes);
            bytes = larger;
        }
        bytes.extend_from_slice(read);
    }
}

struct Lines<'a> {
    agent: &'a Agent,
    given: Vec<Given>,
    warnings: Vec<String>,
    old_action: Option<Zeroizing<String>>,
    misspelt_action: Option<String>,
}

impl<'a> Lines<'a> {
    fn new(agent: &'a Agent) -> Self {
        Self {
            agent,
            given: Vec::new(),
            warnings: Vec::new(),
            old_action: None,
            misspelt_action: None,
        }
    }

    fn take(&mut self, line: &str, number: usize) {
        if line.is_empty() || line.starts_with('#') {
            return;
        }
        let (name, value) = line.split_once('=').unwrap_or((line, ""));
        let text = Zeroizing::new(unquoted(value).to_owned());
        if let Some(parameter) = self.agent.parameter(name) {
            self.given.push(Given { parameter: parameter.name.clone(), text });
        } else if name == OLD_ACTION {
            self.old_action = Some(text);
        } else if !IGNORED.contains(&name) {
            self.take_unknown(line, number);
        }
    }

    /// Old configurations have comments, and parameters of other agents, in other encodings. A value that counts must
    /// be read as it was meant.
    fn take_not_utf8(&mut self, line: &[u8], number: usize) -> Result<(), InputError> {
        let name = line.split(|byte| *byte == b'=').next().unwrap_or_default();
        let name = str::from_utf8(name).unwrap_or_default().trim();
        if self.agent.parameter(name).is_some() || name == OLD_ACTION {
            return Err(InputError::LineNotUtf8 { line: number });
        }
        if !line.trim_ascii_start().starts_with(b"#") {
            self.take_unknown(&format!("{name}="), number);
        }
        Ok(())
    }

    fn take_unknown(&mut self, line: &str, number: usize) {
        if let Some(word) = misspelt_action(line) {
            self.misspelt_action.get_or_insert_with(|| word.to_owned());
        }
        self.warnings.push(match line.split_once('=') {
            Some((name, _)) if is_name(name) => format!("unknown parameter '{name}' is ignored"),
            // It may be the second line of a password.
            _ => format!("line {number} of standard input is no parameter, and is ignored"),
        });
    }

    /// Without an action the default is carried out, which powers a machine off. A slip of the pen must not do that.
    fn into_input(mut self) -> Result<Input, InputError> {
        let is_action_given = self.given.iter().any(|given| given.parameter == "action");
        if !is_action_given {
            match (self.old_action, self.misspelt_action) {
                (Some(text), _) => self.given.push(Given { parameter: "action".into(), text }),
                (None, Some(word)) => return Err(InputError::MisspeltAction(word)),
                (None, None) => {}
            }
        }
        Ok(Input {
            given: self.given,
            warnings: self.warnings,
            verbose_level: 1,
            source: Source::StandardInput,
        })
    }
}

fn unquoted(value: &str) -> &str {
    value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value)
}

/// The word of a name by which `action`, or its old name, may be meant: `acton`, `Action`, `action `, `action: off`,
/// `my_action` and `options`.
fn misspelt_action(line: &str) -> Option<&str> {
    let name = line.split('=').next()?;
    let is_misspelt = |word: &&str| {
        let word = word.to_ascii_lowercase();
        ["action", OLD_ACTION].iter().any(|meant| strsim::osa_distance(&word, meant) <= MISSPELLING)
    };
    name.split(|letter: char| !letter.is_ascii_alphanumeric()).find(is_misspelt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn input(text: &str) -> Input {
        read(&testing::agent(), &mut text.as_bytes()).unwrap()
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        read(&testing::agent(), &mut text.as_ref()).unwrap_err().to_string()
    }

    /// `name: text` for each parameter given.
    fn given(text: &str) -> Vec<String> {
        let shown = |given: &Given| format!("{}: {}", given.parameter, *given.text);
        input(text).given.iter().map(shown).collect()
    }

    #[test]
    fn lines_are_parameters() {
        let cases: &[(&str, &[&str])] = &[
            ("", &[]),
            ("\n\n  \n", &[]),
            ("# ip=1\n  # ip=2\n", &[]),
            ("ip=h", &["ip: h"]),
            ("ip=h\nusername=u\n", &["ip: h", "username: u"]),
            (" \t ip=h \r\n", &["ip: h"]),
            ("ip=1\nip=2\n", &["ip: 1", "ip: 2"]),
            ("ipaddr=h\nlogin=u\n", &["ip: h", "username: u"]),
            ("power-wait=1\npower_wait=2\n", &["power_wait: 1", "power_wait: 2"]),
            ("password=a=b=c\n", &["password: a=b=c"]),
            ("password=# no comment\n", &["password: # no comment"]),
            ("password= lead and trail \n", &["password:  lead and trail"]),
            ("password=pa$s'w0rd\n", &["password: pa$s'w0rd"]),
            ("password=\"in quotes \"\n", &["password: in quotes "]),
            ("password=\"\"\n", &["password: "]),
            ("password=\"\n", &["password: \""]),
            ("password=\"open\n", &["password: \"open"]),
            ("password='single'\n", &["password: 'single'"]),
            ("password=\"\"twice\"\"\n", &["password: \"twice\""]),
            ("privlvl=\n", &["privlvl: "]),
            ("lanplus\n", &["lanplus: "]),
            ("port=node1\n", &["plug: node1"]),
            ("password=pässwörd\n", &["password: pässwörd"]),
        ];
        for (text, expected) in cases {
            assert_eq!(given(text), *expected, "{text:?}");
            assert_eq!(input(text).warnings, [""; 0], "{text:?}");
        }
    }

    #[test]
    fn what_callers_send_to_every_agent_is_ignored_without_a_warning() {
        let input = input(
            "nodename=n\nnodeid=1\nagent=a\nname=n\nnode=n\nfail_time=1\ntimeout=60\nip=h\nport=n\n",
        );
        assert_eq!(input.given.len(), 2);
        assert_eq!(input.warnings, [""; 0]);
    }

    #[test]
    fn unknown_parameters_are_warned_about_and_their_values_never_shown() {
        let input = input("passwrod=geheim\nip=h\ngeheim\nkey = geheim\n=geheim\n");
        let expected = [
            "unknown parameter 'passwrod' is ignored",
            "line 3 of standard input is no parameter, and is ignored",
            "line 4 of standard input is no parameter, and is ignored",
            "line 5 of standard input is no parameter, and is ignored",
        ];
        assert_eq!(input.warnings, expected);
        assert_eq!(input.given.len(), 1);
    }

    #[test]
    fn option_is_the_old_name_of_action() {
        assert_eq!(given("option=off"), ["action: off"]);
        assert_eq!(given("option=off\naction=status"), ["action: status"]);
        assert_eq!(given("action=status\noption=off"), ["action: status"]);
    }

    #[test]
    fn a_misspelt_action_is_not_the_default_action() {
        for name in
            ["acton", "actoin", "axtion", "actions", "Action", "ACTION", "acction", "atcion"]
        {
            assert!(error(format!("{name}=status\nip=h")).contains(name), "{name}");
        }
        for line in
            ["action =off", "action: off", "action off", "\u{feff}action=off", "--action=off"]
        {
            assert!(error(line).contains("'action'"), "{line}");
        }
    }

    #[test]
    fn beside_an_action_its_misspelling_is_only_unknown() {
        for action in ["action=status", "option=status"] {
            assert_eq!(given(&format!("acton=off\n{action}\n")), ["action: status"]);
        }
        assert_eq!(input("acton=off\naction=on").warnings.len(), 1);
    }

    #[test]
    fn other_names_are_not_taken_for_action() {
        for name in ["auth", "agent", "nodename", "domain", "location"] {
            assert_eq!(misspelt_action(name), None, "{name}");
        }
    }

    #[test]
    fn input_that_is_not_utf8_is_an_error_that_names_the_line() {
        for line in [&b"password=\xff"[..], b" ipaddr=\xff", b"option=\xff"] {
            let text = [b"username=u\n", line].concat();
            assert_eq!(error(text), "line 2 of standard input is not UTF-8");
        }
    }

    #[test]
    fn what_is_no_value_may_be_in_any_encoding() {
        let input = read(&testing::agent(), &mut &b"# \xff\n\xff=1\nip=h\n"[..]).unwrap();
        assert_eq!(input.last("ip"), Some("h"));
        assert_eq!(input.warnings, ["line 2 of standard input is no parameter, and is ignored"]);
    }

    #[test]
    fn a_misspelt_action_is_one_in_any_encoding() {
        let error = error(b"ip=h\nacton=\xff\n");
        assert!(error.starts_with("'acton' is no parameter but looks like 'action'"), "{error}");
    }

    #[test]
    fn input_is_bounded() {
        let comment = |length| [b"#".repeat(length - 5), b"\nip=h".to_vec()].concat();
        assert!(read(&testing::agent(), &mut &comment(LIMIT)[..]).is_ok());
        assert_eq!(error(comment(LIMIT + 1)), "standard input is longer than 1048576 bytes");
    }

    #[test]
    fn input_that_cannot_be_read_is_an_error() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let error = read(&testing::agent(), &mut Broken).unwrap_err();
        assert_eq!(error.to_string(), "cannot read standard input: broken");
    }
}
