//! What is found out about a BMC before it is put into a cluster: what it speaks, what works, and what is dangerous.
//! The agents do the asking, each in its own protocol; nothing is switched by it.

use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

#[cfg(feature = "ipmilan")]
use crate::agents::ipmilan;
#[cfg(feature = "redfish")]
use crate::agents::redfish;
use crate::work::{Caller, Works};
use crate::{AgentConfig, Error, Secret, password_script};

/// A login and a reading of the power state that take longer than this are a problem: pacemaker gives a monitor 20 s by
/// default, and a fencing of several steps 60 s.
const TOO_SLOW: Duration = Duration::from_secs(8);
/// What takes longer than this may become too slow on a busy day.
const SLOW: Duration = Duration::from_secs(2);
/// Bytes of a password below which it is guessed from what a network carries, within hours.
const SHORT_PASSWORD: usize = 8;

/// User names and passwords that vendors deliver BMCs with, as their manuals have them.
const DEFAULT_CREDENTIALS: [(&str, &str, &str); 9] = [
    ("ADMIN", "ADMIN", "Supermicro"),
    ("root", "calvin", "Dell"),
    ("USERID", "PASSW0RD", "IBM and Lenovo"),
    ("root", "0penBmc", "OpenBMC"),
    ("root", "changeme", "Sun and Oracle"),
    ("root", "superuser", "AMI MegaRAC"),
    ("admin", "admin", "AMI MegaRAC, ASRock Rack, Fujitsu"),
    ("admin", "password", "Gigabyte"),
    ("admin", "cmb9.admin", "Quanta"),
];

/// Who finds out about BMCs. Nothing is switched, and what is opened at a BMC is closed, also when the future of a
/// diagnosis is dropped; [`Diagnostician::finish`] waits for that.
#[derive(Clone, Debug, Default)]
pub struct Diagnostician {
    works: Works,
}

type Answer = Result<Diagnosis, Error>;
/// What is waited for.
type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

impl Diagnostician {
    /// Somebody who has nothing to do yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Finds out about a BMC by IPMI over LAN, with a configuration of `fence_ipmilan`. User and password may be
    /// missing; then there is no login.
    ///
    /// # Errors
    /// The configuration does not say where the BMC is, the password script fails, or the diagnosis was broken off. A
    /// BMC that does not answer is a diagnosis.
    #[cfg(feature = "ipmilan")]
    pub async fn ipmi(
        &self,
        config: &AgentConfig,
        extent: Extent,
        deadline: Instant,
    ) -> Result<Diagnosis, Error> {
        self.ask(config, extent, deadline, move |config, gone| {
            Box::pin(ipmilan::diagnose(config, extent, deadline, gone))
        })
        .await
    }

    /// Finds out about a BMC by Redfish, with a configuration of `fence_redfish`. User and password may be missing;
    /// then there is no login.
    ///
    /// # Errors
    /// The configuration does not say where the BMC is, the password script fails, or the diagnosis was broken off. A
    /// BMC that does not answer is a diagnosis.
    #[cfg(feature = "redfish")]
    pub async fn redfish(
        &self,
        config: &AgentConfig,
        extent: Extent,
        deadline: Instant,
    ) -> Result<Diagnosis, Error> {
        self.ask(config, extent, deadline, move |config, gone| {
            Box::pin(redfish::diagnose(config, extent, deadline, gone))
        })
        .await
    }

    #[cfg(any(feature = "ipmilan", feature = "redfish"))]
    async fn ask(
        &self,
        config: &AgentConfig,
        extent: Extent,
        deadline: Instant,
        diagnose: impl for<'a> FnOnce(&'a AgentConfig, Pending<'a, ()>) -> Pending<'a, Option<Answer>>
        + Send
        + 'static,
    ) -> Answer {
        let config = config.clone();
        let work = |mut caller: Caller<Answer>| async move {
            let prepared = prepared(config, extent, deadline, caller.gone()).await;
            let diagnosis = match prepared {
                Some(Ok(config)) => diagnose(&config, Box::pin(caller.gone())).await,
                Some(Err(error)) => Some(Err(error)),
                None => None,
            };
            if let Some(diagnosis) = diagnosis {
                caller.answer(diagnosis);
            }
        };
        self.works.run(work).await?
    }

    /// Waits until everything was closed that diagnoses have left open, but no longer than this.
    pub async fn finish(&self, deadline: Instant) {
        self.works.finish(deadline).await;
    }
}

/// The configuration with the password that its script prints, and the address where the plug is it.
async fn prepared(
    mut config: AgentConfig,
    extent: Extent,
    deadline: Instant,
    gone: impl Future<Output = ()>,
) -> Option<Result<AgentConfig, Error>> {
    if let Err(error) = config.take_plug_for_ip() {
        return Some(Err(error.into()));
    }
    if !extent.log_in {
        return Some(Ok(config));
    }
    let asked = tokio::select! {
        asked = timeout_at(deadline, password_script::ask(&mut config)) => asked,
        () = gone => return None,
    };
    Some(match asked {
        Ok(asked) => asked.map(|()| config).map_err(Error::from),
        Err(_) => Err(Error::TimedOut {
            who: "the password script".to_owned(),
            what: "nothing was found out",
        }),
    })
}

/// What was found out about one BMC by one protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The agent that speaks this protocol: `fence_ipmilan`.
    pub agent: &'static str,
    /// The protocol, for people.
    pub protocol: &'static str,
    /// Where the BMC was asked: `10.0.0.5:623`.
    pub address: String,
    /// Whether anybody answered there.
    pub reached: Reached,
    /// What was found, in the order in which it was.
    pub facts: Vec<Fact>,
    /// What is dangerous, will go wrong, or could be better; the worst first.
    pub findings: Vec<Finding>,
    /// The parameters with which the agent was seen to read the power state, if there are any.
    pub working: Option<Working>,
    /// Whether user and password were refused: whoever tries them again may get the user locked.
    pub is_refused: bool,
}

/// Whether anybody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reached {
    /// Somebody who speaks the protocol.
    Yes,
    /// Nobody, for this reason.
    No(String),
}

/// Something that was found. Texts of the BMC's are escaped in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is: `power state`.
    pub label: &'static str,
    /// How it is.
    pub text: String,
}

/// What somebody should know who puts the BMC into a cluster. Texts of the BMC's are escaped in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of finding, for programs: `cipher_suite_0`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub what: String,
    /// What comes of it.
    pub why: String,
    /// What to do.
    pub remedy: String,
}

/// How bad a finding is, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Somebody else may switch the machine, or learn the password.
    Security,
    /// Fencing will fail.
    Problem,
    /// It works, and could be better.
    Advice,
}

/// The parameters of an agent that were seen to work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Working {
    /// Names and values, in the order of a configuration. No secrets.
    pub parameters: Vec<(&'static str, String)>,
    /// The names of those that are secret.
    pub secrets: Vec<&'static str>,
}

/// How far a diagnosis goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Whether user and password are tried.
    pub log_in: bool,
    /// Whether the certificate that is shown is taken for the BMC's, and the password sent to who shows it.
    pub trust_certificate: bool,
}

impl Extent {
    /// With a login, and only where the certificate is trusted.
    pub const WITH_LOGIN: Self = Self { log_in: true, trust_certificate: false };
}

impl Diagnosis {
    pub(crate) fn new(agent: &'static str, protocol: &'static str, address: String) -> Self {
        Self {
            agent,
            protocol,
            address,
            reached: Reached::Yes,
            facts: Vec::new(),
            findings: Vec::new(),
            working: None,
            is_refused: false,
        }
    }

    /// One whose BMC was not reached.
    pub(crate) fn unreached(mut self, reason: String) -> Self {
        self.reached = Reached::No(reason);
        self
    }

    pub(crate) fn fact(&mut self, label: &'static str, text: impl Into<String>) {
        self.facts.push(Fact { label, text: text.into() });
    }

    pub(crate) fn find(&mut self, findings: impl IntoIterator<Item = Finding>) {
        self.findings.extend(findings);
        self.findings.sort_by_key(|finding| finding.severity);
    }

    /// Whether there is a finding of this kind.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.findings.iter().any(|finding| finding.name == name)
    }
}

impl Finding {
    pub(crate) fn new(
        severity: Severity,
        name: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { name, severity, what: what.into(), why: why.into(), remedy: remedy.into() }
    }

    pub(crate) fn security(
        name: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Security, name, what, why, remedy)
    }

    pub(crate) fn problem(
        name: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Problem, name, what, why, remedy)
    }

    pub(crate) fn advice(
        name: &'static str,
        what: impl Into<String>,
        why: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self::new(Severity::Advice, name, what, why, remedy)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Security => "security",
            Self::Problem => "problem",
            Self::Advice => "advice",
        })
    }
}

/// What is to be said of a password that the BMC has taken.
pub(crate) fn of_credentials(username: &str, password: &Secret) -> Vec<Finding> {
    let password = password.expose();
    let is_default =
        |(user, default, _): &&(&str, &str, &str)| *user == username && *default == password;
    let default = DEFAULT_CREDENTIALS.iter().find(is_default).map(|(_, _, vendor)| {
        Finding::security(
            "default_password",
            format!("user and password are those that BMCs of {vendor} are delivered with"),
            "they are the first that anybody tries",
            "give the user another password",
        )
    });
    let short = (password.len() < SHORT_PASSWORD).then(|| {
        Finding::security(
            "short_password",
            format!("the password has fewer than {SHORT_PASSWORD} bytes"),
            "so few are found by trying them all",
            "give the user a password of 16 to 20 random characters, another one on each BMC",
        )
    });
    default.into_iter().chain(short).collect()
}

/// What is to be said of the time that a status takes, from the login on.
pub(crate) fn of_time(took: Duration) -> Option<Finding> {
    if took < SLOW {
        return None;
    }
    let severity = if took < TOO_SLOW { Severity::Advice } else { Severity::Problem };
    Some(Finding::new(
        severity,
        "slow",
        format!("a status takes {}", shown(took)),
        "by default pacemaker gives a monitor 20 s, and tries a failed one only once more; and 60 s to a reboot, \
         which reads the status several times",
        "set pcmk_monitor_timeout, pcmk_off_timeout and pcmk_reboot_timeout higher; if it was not so before, restart \
         the BMC",
    ))
}

/// A time for people.
pub(crate) fn shown(time: Duration) -> String {
    match time.as_millis() {
        0 => "less than 1 ms".to_owned(),
        milliseconds @ ..1000 => format!("{milliseconds} ms"),
        _ => format!("{:.1} s", time.as_secs_f32()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|finding| finding.name).collect()
    }

    #[test]
    fn passwords_that_are_known_or_short_are_found() {
        for (user, password, expected) in [
            ("ADMIN", "ADMIN", &["default_password", "short_password"][..]),
            ("USERID", "PASSW0RD", &["default_password"]),
            ("root", "calvin", &["default_password", "short_password"]),
            ("admin", "calvin", &["short_password"]),
            ("admin", "1234567", &["short_password"]),
            ("admin", "12345678", &[]),
            ("root", "a long and random one", &[]),
        ] {
            let findings = of_credentials(user, &Secret::new(password));
            assert_eq!(names(&findings), expected, "{user} {password}");
            for finding in findings {
                assert!(!format!("{finding:?}").contains(password), "{finding:?}");
            }
        }
    }

    #[test]
    fn a_status_is_slow_before_it_is_too_slow() {
        let severity = |ms| of_time(Duration::from_millis(ms)).map(|finding| finding.severity);
        assert_eq!(severity(1999), None);
        assert_eq!(severity(2000), Some(Severity::Advice));
        assert_eq!(severity(8000), Some(Severity::Problem));
    }

    #[test]
    fn the_worst_finding_comes_first() {
        let mut diagnosis = Diagnosis::new("fence_x", "X", "h:1".to_owned());
        let finding = |severity, name| Finding::new(severity, name, "", "", "");
        diagnosis.find([finding(Severity::Advice, "a"), finding(Severity::Problem, "b")]);
        diagnosis.find([finding(Severity::Security, "c"), finding(Severity::Problem, "d")]);
        assert_eq!(names(&diagnosis.findings), ["c", "b", "d", "a"]);
        assert!(diagnosis.has("d") && !diagnosis.has("e"));
    }

    #[test]
    fn times_are_short_words() {
        let times = [0, 7, 999, 1000, 12_345].map(Duration::from_millis).map(shown);
        assert_eq!(times, ["less than 1 ms", "7 ms", "999 ms", "1.0 s", "12.3 s"]);
    }
}
