//! What the BMCs of some vendors do against the specification, and what this crate does about it: all of it in one
//! place. Each quirk has a name, by which a user can force or forbid the workaround.

use std::fmt;

/// A quirk of some vendor's BMCs. [`Quirk::facts`] tells all about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "facts() documents each of them")]
pub enum Quirk {
    AuthCap,
    NoChecksumCheck,
    IdZero,
    UnexpectedAuth,
    ForcePerMsg,
    EndianSeq,
    NoAuthCodeCheck,
    Intel20,
    Supermicro20,
    Sun20,
    OpenSessPriv,
    IntegrityCheckValue,
    Supermicro,
    Quanta,
    IntelWv2,
    IntelPlus,
    Icts,
    I82571Spt,
    Rakp3WrongRolem,
    RmcppIntegSik,
    MainAddress20,
    Tag0,
    SetPrivilege,
    NewPort,
    NoSlot,
    Busy,
    PresentState,
}

/// All about a quirk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuirkFacts {
    /// By which users name it: that of FreeIPMI's `-W`, of ipmitool's `-o` or of OpenIPMI's hack, where there is one.
    pub name: &'static str,
    /// Where it was seen.
    pub hardware: &'static str,
    /// Who tells of it.
    pub source: &'static str,
    /// How this crate recognises it. `None`: not at all, a user has to name it.
    pub recognised: Option<&'static str>,
    /// What this crate does otherwise then.
    pub change: &'static str,
    /// Whether that lets somebody pass who does not know the password, so that a user has to name it.
    pub weakens: bool,
}

impl Quirk {
    /// All about it.
    #[must_use]
    pub fn facts(self) -> QuirkFacts {
        match self {
            Self::AuthCap => QuirkFacts {
                name: "authcap",
                hardware: "Asus P5M2, P5MT-R, RS162-E4, RX4; Intel SR1520ML, X38ML; Sun Fire 2200, 4150, 4450 with ELOM",
                source: "FreeIPMI, -W authcap",
                recognised: Some(
                    "what the BMC tells of users and Kg before a login is never looked at",
                ),
                change: "the versions and authentication types that it offers are not looked at either: what was asked for is tried",
                weakens: false,
            },
            Self::NoChecksumCheck => QuirkFacts {
                name: "nochecksumcheck",
                hardware: "Supermicro X9SCM-iiF, X9DRi-F, X9DRFR",
                source: "FreeIPMI, -W nochecksumcheck",
                recognised: Some(
                    "a wrong checksum in a packet whose authentication code vouches for its content; outside a session, two in a row",
                ),
                change: "the checksums of answers are not looked at",
                weakens: false,
            },
            Self::IdZero => QuirkFacts {
                name: "idzero",
                hardware: "Tyan S2882 with M3289",
                source: "FreeIPMI, -W idzero",
                recognised: Some(
                    "IPMI 1.5: session id 0 in an answer whose authentication code is right",
                ),
                change: "answers with session id 0 are taken; without a code, so that anybody could send them, only where the user names this",
                weakens: false,
            },
            Self::UnexpectedAuth => QuirkFacts {
                name: "unexpectedauth",
                hardware: "Dell PowerEdge 2850, SC1425",
                source: "FreeIPMI, -W unexpectedauth",
                recognised: Some(
                    "IPMI 1.5: a right authentication code in a session that does without",
                ),
                change: "such answers are taken",
                weakens: false,
            },
            Self::ForcePerMsg => QuirkFacts {
                name: "forcepermsg",
                hardware: "IBM eServer 325; Supermicro H8QME",
                source: "FreeIPMI, -W forcepermsg",
                recognised: Some(
                    "IPMI 1.5: commands without authentication code are not answered, though the BMC wanted none",
                ),
                change: "every packet has an authentication code",
                weakens: false,
            },
            Self::EndianSeq => QuirkFacts {
                name: "endianseq",
                hardware: "Sun ILOM 1.0, 2.0",
                source: "FreeIPMI, -W endianseq",
                recognised: Some(
                    "IPMI 1.5: a session sequence number fits only with its bytes swapped",
                ),
                change: "the numbers of answers are swapped",
                weakens: false,
            },
            Self::NoAuthCodeCheck => QuirkFacts {
                name: "noauthcodecheck",
                hardware: "Xyratex HB-F8-SRAY; Intel, Quanta and Wiwynn Windmill; Quanta Winterfell",
                source: "FreeIPMI, -W noauthcodecheck",
                recognised: None,
                change: "IPMI 1.5: authentication codes of answers are not looked at",
                weakens: true,
            },
            Self::Intel20 => QuirkFacts {
                name: "intel20",
                hardware: "Intel SE7520AF2 with Server Management, professional edition",
                source: "FreeIPMI, -W intel20",
                recognised: Some(
                    "RAKP 2 fits the password with the user name padded to 16 bytes, or RAKP 1 is refused for the length of the name",
                ),
                change: "the name is padded in RAKP 1, RAKP 2 and the session key; RAKP 3 has the role without the name-only bit; HMAC-MD5 takes 16 bytes of the password; RAKP 4 is made with the integrity algorithm",
                weakens: false,
            },
            Self::Supermicro20 => QuirkFacts {
                name: "supermicro20",
                hardware: "Supermicro H8QME with SIMSO",
                source: "FreeIPMI, -W supermicro20",
                recognised: Some("RAKP 2 has a right code, and one byte more"),
                change: "that byte is left out",
                weakens: false,
            },
            Self::Sun20 => QuirkFacts {
                name: "sun20",
                hardware: "Sun Fire 4100, 4200, 4500 with ILOM",
                source: "FreeIPMI, -W sun20",
                recognised: Some("as that of supermicro20"),
                change: "that byte is left out; Open Session asks for the level of RAKP 1",
                weakens: false,
            },
            Self::OpenSessPriv => QuirkFacts {
                name: "opensesspriv",
                hardware: "Sun Fire 4100, 4200, 4500; Inventec 5441, Dell Xanadu II; Supermicro X8DTH, X8DTG; Intel S5500WBV, S2600JF; Quanta QSSC-S4R; Dell C5220; OpenIPMI's ipmi_sim",
                source: "FreeIPMI, -W opensesspriv",
                recognised: Some("need not be: it is done for every BMC"),
                change: "Open Session asks for the level of RAKP 1, not for the highest",
                weakens: false,
            },
            Self::IntegrityCheckValue => QuirkFacts {
                name: "integritycheckvalue",
                hardware: "Supermicro X8DTG, X8DTU; Intel S5500WBV, S2600JF",
                source: "FreeIPMI, -W integritycheckvalue",
                recognised: Some("RAKP 4 has a code in cipher suite 0"),
                change: "the code, which nothing could check, is left out",
                weakens: false,
            },
            Self::Supermicro => QuirkFacts {
                name: "supermicro",
                hardware: "Supermicro's cards for IPMI 1.5",
                source: "ipmitool, -o supermicro",
                recognised: None,
                change: "IPMI 1.5: authentication type OEM with a hash of challenge and password that stays the same; answers prove nothing",
                weakens: true,
            },
            Self::Quanta => QuirkFacts {
                name: "quanta",
                hardware: "Quanta",
                source: "ipmitool, -o quanta",
                recognised: None,
                change: "IPMI 1.5: authentication type OEM with the password, in clear, as code; answers prove nothing",
                weakens: true,
            },
            Self::IntelWv2 => QuirkFacts {
                name: "intelwv2",
                hardware: "Intel SE7501WV2",
                source: "ipmitool, -o intelwv2",
                recognised: None,
                change: "a datagram of its own goes before the first request, and one behind each request",
                weakens: false,
            },
            Self::IntelPlus => QuirkFacts {
                name: "intelplus",
                hardware: "Intel",
                source: "ipmitool, -o intelplus",
                recognised: Some(
                    "RAKP 3 is refused for its code; RAKP 4 fits the integrity algorithm only",
                ),
                change: "the role has no name-only bit in RAKP 3; RAKP 4 is made with the integrity algorithm",
                weakens: false,
            },
            Self::Icts => QuirkFacts {
                name: "icts",
                hardware: "ICTS conformance test suite",
                source: "ipmitool, -o icts",
                recognised: Some("the first command is not answered until it is padded so"),
                change: "the integrity pad does not count pad length and next header",
                weakens: false,
            },
            Self::I82571Spt => QuirkFacts {
                name: "i82571spt",
                hardware: "Intel 82571 in pass-through mode",
                source: "ipmitool, -o i82571spt",
                recognised: None,
                change: "no Get Channel Authentication Capabilities, no Set Session Privilege Level; RAKP 1 has 16 bytes of name; no name-only bit in any hash",
                weakens: false,
            },
            Self::Rakp3WrongRolem => QuirkFacts {
                name: "rakp3_wrong_rolem",
                hardware: "some BMCs",
                source: "OpenIPMI, IPMI_CONN_HACK_RAKP3_WRONG_ROLEM",
                recognised: Some("RAKP 3 is refused for its code"),
                change: "the role has no name-only bit in RAKP 3",
                weakens: false,
            },
            Self::RmcppIntegSik => QuirkFacts {
                name: "rmcpp_integ_sik",
                hardware: "some BMCs",
                source: "OpenIPMI, IPMI_CONN_HACK_RMCPP_INTEG_SIK",
                recognised: Some("the first command is not answered until its code is made so"),
                change: "packets are authenticated with the session integrity key itself instead of K1",
                weakens: false,
            },
            Self::MainAddress20 => QuirkFacts {
                name: "20_as_main_addr",
                hardware: "Intel MPCMM1",
                source: "OpenIPMI, IPMI_CONN_HACK_20_AS_MAIN_ADDR",
                recognised: Some("need not be: it is done for every BMC"),
                change: "the BMC is addressed as 20h, whatever its address on the IPMB",
                weakens: false,
            },
            Self::Tag0 => QuirkFacts {
                name: "tag0",
                hardware: "OpenBMC (phosphor-net-ipmid)",
                source: "xcat-core#7555; phosphor-net-ipmid, rakp12.cpp",
                recognised: Some(
                    "the answer has tag 0; what nothing vouches for is believed only if nothing better comes",
                ),
                change: "such answers are taken",
                weakens: false,
            },
            Self::SetPrivilege => QuirkFacts {
                name: "setprivilege",
                hardware: "said of Cisco UCS, without a record of what it answers; pyghmi does so for all",
                source: "pyghmi, session.py",
                recognised: Some(
                    "Set Session Privilege Level administrator is refused with 80h or 81h",
                ),
                change: "the level operator is asked for, which is enough to switch power",
                weakens: false,
            },
            Self::NewPort => QuirkFacts {
                name: "newport",
                hardware: "Intel SR870BN4",
                source: "FreeIPMI, freeipmi-bugs-issues-and-workarounds",
                recognised: Some("IPMI 1.5: a repeated message of the login is not answered"),
                change: "the login starts anew from another UDP port",
                weakens: false,
            },
            Self::NoSlot => QuirkFacts {
                name: "noslot",
                hardware: "every BMC whose sessions are all taken",
                source: "IPMI 2.0 §13.24, §22.17",
                recognised: Some(
                    "Open Session or RAKP is refused with 01h or 0Bh, Activate Session with 81h to 83h",
                ),
                change: "it is asked again, at intervals that grow to 2 s, until the login's time is over",
                weakens: false,
            },
            Self::Busy => QuirkFacts {
                name: "busy",
                hardware: "every BMC under load, in firmware update or start",
                source: "IPMI 2.0 §5.2",
                recognised: Some("completion codes C0h, C3h, CEh, CFh, D1h, D2h, D3h, FFh"),
                change: "it is asked again, at intervals that grow to 2 s, until the time of the command is over",
                weakens: false,
            },
            Self::PresentState => QuirkFacts {
                name: "presentstate",
                hardware: "every BMC may",
                source: "IPMI 2.0 §28.3",
                recognised: Some("a power command is refused with D5h"),
                change: "the power state is read: being there already is success",
                weakens: false,
            },
        }
    }
}

impl Quirk {
    /// Every quirk that this crate knows.
    pub const ALL: [Self; 27] = [
        Self::AuthCap,
        Self::NoChecksumCheck,
        Self::IdZero,
        Self::UnexpectedAuth,
        Self::ForcePerMsg,
        Self::EndianSeq,
        Self::NoAuthCodeCheck,
        Self::Intel20,
        Self::Supermicro20,
        Self::Sun20,
        Self::OpenSessPriv,
        Self::IntegrityCheckValue,
        Self::Supermicro,
        Self::Quanta,
        Self::IntelWv2,
        Self::IntelPlus,
        Self::Icts,
        Self::I82571Spt,
        Self::Rakp3WrongRolem,
        Self::RmcppIntegSik,
        Self::MainAddress20,
        Self::Tag0,
        Self::SetPrivilege,
        Self::NewPort,
        Self::NoSlot,
        Self::Busy,
        Self::PresentState,
    ];

    /// The quirk of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.facts().name == name)
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().name)
    }
}

/// Some quirks.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct QuirkSet(u32);

impl QuirkSet {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// Whether this one is among them.
    #[must_use]
    pub fn contains(self, quirk: Quirk) -> bool {
        self.0 & quirk.bit() != 0
    }

    /// Adds one.
    pub fn insert(&mut self, quirk: Quirk) {
        self.0 |= quirk.bit();
    }

    /// These, and one more.
    #[must_use]
    pub fn with(self, quirk: Quirk) -> Self {
        Self(self.0 | quirk.bit())
    }

    /// Each of them.
    pub fn iter(self) -> impl Iterator<Item = Quirk> {
        Quirk::ALL.into_iter().filter(move |quirk| self.contains(*quirk))
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Quirk> for QuirkSet {
    fn from_iter<I: IntoIterator<Item = Quirk>>(quirks: I) -> Self {
        quirks.into_iter().fold(Self::NONE, Self::with)
    }
}

impl fmt::Display for QuirkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.iter().map(|quirk| quirk.facts().name).collect();
        f.write_str(&names.join(", "))
    }
}

impl fmt::Debug for QuirkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// Which quirks are to be worked around: by default each one that is recognised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workarounds {
    forced: QuirkSet,
    forbidden: QuirkSet,
}

/// There is no workaround of this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{}' is no workaround; there are {}", .0.escape_debug(), names())]
pub struct UnknownWorkaround(String);

impl Workarounds {
    /// Reads a list such as `opensesspriv,-icts`: a name forces a workaround, a name behind a dash forbids it, `none`
    /// forbids all that are not named.
    ///
    /// # Errors
    /// When a name is not one of those.
    pub fn parse(text: &str) -> Result<Self, UnknownWorkaround> {
        let mut workarounds = Self::default();
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            match (word, word.strip_prefix('-')) {
                (none, _) if none.eq_ignore_ascii_case("none") => {
                    workarounds.forbidden = Quirk::ALL.into_iter().collect();
                }
                (_, Some(name)) => workarounds.forbidden.insert(quirk(name)?),
                (name, None) => workarounds.forced.insert(quirk(name)?),
            }
        }
        Ok(workarounds)
    }

    /// Those to be applied from the beginning, without any sign that the BMC needs them.
    #[must_use]
    pub fn forced(&self) -> QuirkSet {
        self.forced
    }

    /// Whether this one is to be applied from the beginning.
    #[must_use]
    pub fn forces(&self, quirk: Quirk) -> bool {
        self.forced.contains(quirk)
    }

    /// Whether this one is to be applied where the BMC is recognised to need it.
    #[must_use]
    pub fn finds(&self, quirk: Quirk) -> bool {
        let facts = quirk.facts();
        let by_itself = facts.recognised.is_some() && !facts.weakens;
        self.forces(quirk) || by_itself && !self.forbidden.contains(quirk)
    }
}

fn quirk(name: &str) -> Result<Quirk, UnknownWorkaround> {
    let name = name.to_ascii_lowercase();
    Quirk::from_name(&name).ok_or(UnknownWorkaround(name))
}

fn names() -> String {
    Quirk::ALL.map(|quirk| quirk.facts().name).join(", ")
}
