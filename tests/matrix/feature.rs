//! The rows: what a client and a BMC may have to do with each other.

use std::fmt;

use bmc_sim::BridgedAnswers::{self, Embedded, Separate};
use ipmi_lan::{AuthenticationType, CipherSuite, Protection, Quirk, Target, Transit};

use crate::support::ipmi_sim::BEHIND;

/// On the IPMB of the BMC.
pub const NEAR: u8 = BEHIND;
/// On another channel of the one that is near.
pub const FAR: u8 = 0x72;
pub const FAR_CHANNEL: u8 = 7;
/// Of the satellite that is not logical unit 0.
pub const LUN: u8 = 1;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    Suite(CipherSuite),
    Kg(CipherSuite),
    Authentication15(AuthenticationType),
    NoPerMessageAuthentication,
    NoUserLevelAuthentication,
    Bridging(Bridging),
    Quirk(Quirk),
}

/// To which satellite, and how its answers come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bridging {
    Once(BridgedAnswers),
    Twice(BridgedAnswers),
    Lun,
}

impl Feature {
    /// Every row, in order.
    pub fn all() -> Vec<Self> {
        let suites = [0, 1, 2, 3, 6, 7, 8, 11, 12, 15, 16, 17].map(suite);
        let types = {
            use AuthenticationType::{Md2, Md5, None, Oem, Password};
            [None, Password, Md2, Md5, Oem]
        };
        let bridgings = [
            Bridging::Once(Separate),
            Bridging::Once(Embedded),
            Bridging::Twice(Separate),
            Bridging::Twice(Embedded),
            Bridging::Lun,
        ];
        let has_key = |suite: &CipherSuite| suite.id() != 0;
        let mut all: Vec<Self> = suites.into_iter().map(Self::Suite).collect();
        all.extend(suites.into_iter().filter(has_key).map(Self::Kg));
        all.extend(types.map(Self::Authentication15));
        all.extend([Self::NoPerMessageAuthentication, Self::NoUserLevelAuthentication]);
        all.extend(bridgings.map(Self::Bridging));
        all.extend(Quirk::ALL.map(Self::Quirk));
        all
    }

    /// By what the session is protected in which it shows.
    pub fn protection(self) -> Protection {
        use AuthenticationType::{Md5, Oem};
        match self {
            Self::Suite(suite) | Self::Kg(suite) => Protection::Ipmi20(suite),
            Self::Authentication15(kind) => Protection::Ipmi15(kind),
            Self::NoPerMessageAuthentication | Self::NoUserLevelAuthentication => {
                Protection::Ipmi15(Md5)
            }
            Self::Bridging(_) => Protection::Ipmi20(CipherSuite::SUITE_3),
            Self::Quirk(quirk) => match quirk {
                Quirk::AuthCap
                | Quirk::IdZero
                | Quirk::UnexpectedAuth
                | Quirk::ForcePerMsg
                | Quirk::EndianSeq
                | Quirk::NoAuthCodeCheck
                | Quirk::IntelWv2
                | Quirk::NewPort => Protection::Ipmi15(Md5),
                Quirk::Supermicro | Quirk::Quanta => Protection::Ipmi15(Oem),
                Quirk::IntegrityCheckValue => Protection::Ipmi20(suite(0)),
                _ => Protection::Ipmi20(CipherSuite::SUITE_3),
            },
        }
    }

    /// Whether a wrong password must keep out.
    pub fn has_password(self) -> bool {
        match self.protection() {
            Protection::Ipmi15(kind) => kind != AuthenticationType::None,
            Protection::Ipmi20(suite) => suite.id() != 0,
        }
    }

    pub fn has_kg(self) -> bool {
        matches!(self, Self::Kg(_))
    }

    pub fn bridging(self) -> Option<Bridging> {
        match self {
            Self::Bridging(bridging) => Some(bridging),
            _ => None,
        }
    }
}

impl Bridging {
    pub fn target(self) -> Target {
        let near = Target::on_ipmb(NEAR);
        match self {
            Self::Once(_) => near,
            Self::Twice(_) => Target {
                address: FAR,
                channel: FAR_CHANNEL,
                transit: Some(Transit { address: NEAR, channel: 0 }),
                ..near
            },
            Self::Lun => Target { lun: LUN, ..near },
        }
    }
}

pub fn suite(id: u8) -> CipherSuite {
    CipherSuite::from_id(id).expect("a suite that is spoken")
}

impl fmt::Display for Feature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let form = |answers: &BridgedAnswers| match answers {
            Separate => "behind each other",
            Embedded => "inside each other",
        };
        match self {
            Self::Suite(suite) => write!(f, "suite {suite}"),
            Self::Kg(suite) => write!(f, "suite {suite} with Kg"),
            Self::Authentication15(kind) => write!(f, "IPMI 1.5, {kind}"),
            Self::NoPerMessageAuthentication => f.write_str("IPMI 1.5, only the login has a code"),
            Self::NoUserLevelAuthentication => f.write_str("IPMI 1.5, user level needs no code"),
            Self::Bridging(Bridging::Once(answers)) => {
                write!(f, "bridged once, answers {}", form(answers))
            }
            Self::Bridging(Bridging::Twice(answers)) => {
                write!(f, "bridged twice, answers {}", form(answers))
            }
            Self::Bridging(Bridging::Lun) => f.write_str("bridged once, to another LUN"),
            Self::Quirk(quirk) => write!(f, "quirk `{quirk}`"),
        }
    }
}
