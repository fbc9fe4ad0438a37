//! The commands that configure a cluster, for `pcs` and for `crm`.

use fencing::diagnosis::{Diagnosis, Working};

use crate::show::printable;

/// The commands for one node, ready to be given to a shell. Secrets are placeholders in them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Lines {
    pub(crate) pcs: Vec<String>,
    pub(crate) crm: Vec<String>,
    /// The placeholders that must be replaced.
    pub(crate) placeholders: Vec<String>,
}

impl Lines {
    /// A device for each protocol that works; and a level for each, where there are several.
    pub(crate) fn of(node: &str, diagnoses: &[Diagnosis]) -> Self {
        let mut lines = Self::default();
        let mut devices = Vec::new();
        for Diagnosis { agent, working, .. } in diagnoses {
            let Some(working) = working.as_ref().filter(|working| is_one_line(node, working))
            else {
                continue;
            };
            let device = device_name(node, agent);
            lines.create(&device, agent, &parameters(node, working));
            lines.note_placeholders(working);
            devices.push(device);
        }
        if devices.len() > 1 {
            lines.level(node, &devices);
        }
        lines
    }

    fn create(&mut self, device: &str, agent: &str, parameters: &[(&str, String)]) {
        let all = |write: fn(&str) -> String| {
            let all = parameters.iter().map(|(name, value)| write(&format!("{name}={value}")));
            all.collect::<Vec<_>>().join(" ")
        };
        let monitor = "op monitor interval=60s";
        self.pcs.push(format!("pcs stonith create {device} {agent} {} {monitor}", all(for_shell)));
        self.crm.push(format!(
            "crm configure primitive {device} stonith:{agent} params {} {monitor}",
            all(for_crm)
        ));
    }

    fn level(&mut self, node: &str, devices: &[String]) {
        for (index, device) in devices.iter().enumerate() {
            let (level, node) = (index + 1, for_shell(node));
            self.pcs.push(format!("pcs stonith level add {level} {node} {device}"));
        }
        let (target, devices) = (for_crm(&format!("{node}:")), devices.join(" "));
        self.crm.push(format!("crm configure fencing_topology {target} {devices}"));
    }

    fn note_placeholders(&mut self, working: &Working) {
        for secret in &working.secrets {
            let placeholder = placeholder(secret);
            if !self.placeholders.contains(&placeholder) {
                self.placeholders.push(placeholder);
            }
        }
    }
}

/// Those that were seen to work, with the secrets as placeholders, and the node that the device is for.
fn parameters<'a>(node: &str, working: &'a Working) -> Vec<(&'a str, String)> {
    let known = working.parameters.iter().map(|(name, value)| (*name, value.clone()));
    let secret = working.secrets.iter().map(|name| (*name, placeholder(name)));
    known.chain(secret).chain([("pcmk_host_list", node.to_owned())]).collect()
}

fn placeholder(secret: &str) -> String {
    format!("<{secret}>")
}

/// The id of the device: letters, digits and a few signs, as an id in the CIB must be.
fn device_name(node: &str, agent: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let letter = |letter: char| if is_plain(letter) { letter } else { '-' };
    let node: String = node.chars().map(letter).collect();
    format!("fence-{node}-{}", agent.trim_start_matches("fence_"))
}

/// What does not fit on a line, or would be shown in another way, is not put there.
fn is_one_line(node: &str, working: &Working) -> bool {
    let values = working.parameters.iter().map(|(_, value)| value.as_str());
    values.chain([node]).all(|value| printable(value) == value)
}

/// A word as a POSIX shell takes it for one.
fn for_shell(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_-.,:/@%+=".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A word as a shell, and crmsh behind it, take it for one: crmsh joins its arguments with blanks and takes them apart
/// again, as a shell would. Before that, it puts those with blanks in quotes of its own, unless there are both kinds of
/// quotes in them already.
fn for_crm(word: &str) -> String {
    if !word.contains(|letter: char| letter.is_whitespace() || "\"'\\".contains(letter)) {
        return for_shell(word);
    }
    let escaped = word.replace('\\', r"\\").replace('"', r#"\""#);
    for_shell(&format!("\"{escaped}\"''"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use fencing::diagnosis::Reached;

    use super::*;

    fn diagnosis(agent: &'static str, parameters: &[(&'static str, &str)]) -> Diagnosis {
        let parameters =
            parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        Diagnosis {
            agent,
            protocol: "",
            address: String::new(),
            reached: Reached::Yes,
            facts: Vec::new(),
            findings: Vec::new(),
            working: Some(Working { parameters, secrets: vec!["password"] }),
            is_refused: false,
        }
    }

    #[test]
    fn each_protocol_is_a_device_and_both_are_levels() {
        let ipmi = diagnosis("fence_ipmilan", &[("ip", "10.0.0.5"), ("lanplus", "1")]);
        let redfish = diagnosis("fence_redfish", &[("ip", "10.0.0.5")]);
        let lines = Lines::of("node1", &[ipmi, redfish]);
        assert_eq!(
            lines.pcs,
            [
                "pcs stonith create fence-node1-ipmilan fence_ipmilan ip=10.0.0.5 lanplus=1 \
                 'password=<password>' pcmk_host_list=node1 op monitor interval=60s",
                "pcs stonith create fence-node1-redfish fence_redfish ip=10.0.0.5 \
                 'password=<password>' pcmk_host_list=node1 op monitor interval=60s",
                "pcs stonith level add 1 node1 fence-node1-ipmilan",
                "pcs stonith level add 2 node1 fence-node1-redfish",
            ]
        );
        assert_eq!(
            lines.crm,
            [
                "crm configure primitive fence-node1-ipmilan stonith:fence_ipmilan params \
                 ip=10.0.0.5 lanplus=1 'password=<password>' pcmk_host_list=node1 \
                 op monitor interval=60s",
                "crm configure primitive fence-node1-redfish stonith:fence_redfish params \
                 ip=10.0.0.5 'password=<password>' pcmk_host_list=node1 op monitor interval=60s",
                "crm configure fencing_topology node1: fence-node1-ipmilan fence-node1-redfish",
            ]
        );
        assert_eq!(lines.placeholders, ["<password>"]);
    }

    #[test]
    fn what_does_not_work_is_not_configured() {
        let broken = Diagnosis { working: None, ..diagnosis("fence_ipmilan", &[]) };
        assert_eq!(Lines::of("node1", &[broken]), Lines::default());
        let only = diagnosis("fence_redfish", &[("ip", "h")]);
        let lines = Lines::of("node1", &[only]);
        assert_eq!((lines.pcs.len(), lines.crm.len()), (1, 1));
        let odd = diagnosis("fence_redfish", &[("ip", "h\nrm -rf")]);
        assert_eq!(Lines::of("node1", &[odd]), Lines::default());
    }

    #[test]
    fn ids_are_plain() {
        for (node, id) in [
            ("node1.example", "fence-node1.example-ipmilan"),
            ("fe80::1%eth0", "fence-fe80--1-eth0-ipmilan"),
            ("10.0.0.5", "fence-10.0.0.5-ipmilan"),
            ("ä;$(x)", "fence-----x--ipmilan"),
        ] {
            assert_eq!(device_name(node, "fence_ipmilan"), id);
        }
    }

    const WORDS: [&str; 13] = [
        "username=admin",
        "username=",
        "username=o'brien",
        "username=a b",
        "username=a\"b",
        "username=a\\b",
        "username=a b'c\"d\\e",
        "username=$HOME`id`$(id)",
        "username=*?[a-z]~#&|;<>",
        "username=  two  blanks  ",
        "username='quoted'",
        "username=\\",
        "username=ü",
    ];

    fn words(program: &str, script: &str) -> Vec<String> {
        let output = Command::new(program).args(["-c", script]).output().unwrap();
        assert!(output.status.success(), "{script}: {output:?}");
        let words = String::from_utf8(output.stdout).unwrap();
        words.lines().map(str::to_owned).collect()
    }

    #[test]
    fn what_would_be_shown_in_another_way_is_not_configured() {
        for node in ["a\u{202e}b", "a\nb", "a\u{301}"] {
            let only = diagnosis("fence_redfish", &[("ip", "h")]);
            assert_eq!(Lines::of(node, &[only]), Lines::default(), "{node:?}");
        }
    }

    #[test]
    fn a_shell_takes_each_word_for_one() {
        let script = WORDS.map(for_shell).join(" ");
        assert_eq!(words("sh", &format!("printf '%s\\n' {script}")), WORDS);
    }

    #[test]
    fn a_shell_and_crmsh_behind_it_take_each_word_for_one() {
        const CRMSH: &str = r#"
import shlex, sys
def quoted(word):
    quote = "'" if '"' in word else '"'
    return quote + word + quote if " " in word and quote not in word else word
print("\n".join(shlex.split(" ".join(map(quoted, sys.argv[1:])))))
"#;
        let script = WORDS.map(for_crm).join(" ");
        assert_eq!(words("sh", &format!("python3 -c {} {script}", for_shell(CRMSH))), WORDS);
    }
}
