//! One try: a client logs in, sees power on, switches it off, and sees that.

use std::fmt;
use std::net::SocketAddr;

use super::bmc::{KG, PASSWORD};
use super::feature::Feature;
use super::{foreign, ours};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    Ours,
    Ipmitool,
    FreeIpmi,
}

/// With what a client logs in, and how.
#[derive(Clone, Copy, Debug)]
pub struct Login<'a> {
    pub feature: Feature,
    pub username: &'a str,
    pub password: &'a str,
    pub kg: Option<&'a str>,
    /// What the user has to say besides: words for the command line, or names of workarounds.
    pub option: Option<&'a str>,
    /// Whether it waits as long as it would by itself. Who is not to get in need not.
    pub is_patient: bool,
}

/// Why a client did not do it.
#[derive(Clone, Debug)]
pub struct Failure {
    pub why: String,
    /// Whether the client was ended by SIGABRT.
    pub is_abort: bool,
}

impl Login<'_> {
    pub fn right(feature: Feature) -> Self {
        Self {
            feature,
            username: "admin",
            password: PASSWORD,
            kg: feature.has_kg().then_some(KG),
            option: None,
            is_patient: true,
        }
    }
}

impl Client {
    pub async fn power_off(self, bmc: SocketAddr, login: &Login<'_>) -> Result<(), Failure> {
        match self {
            Self::Ours => ours::power_off(bmc, login).await,
            Self::Ipmitool => foreign::ipmitool(bmc, login).await,
            Self::FreeIpmi => foreign::freeipmi(bmc, login).await,
        }
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "our client",
            Self::Ipmitool => "ipmitool",
            Self::FreeIpmi => "FreeIPMI",
        })
    }
}

impl Failure {
    pub fn new(why: impl ToString) -> Self {
        Self { why: why.to_string(), is_abort: false }
    }

    /// Whether the client tells that the BMC does not know the user.
    pub fn is_about_the_user(&self) -> bool {
        ["unauthorized name", "username invalid"].iter().any(|words| self.why.contains(words))
    }
}

impl From<ipmi_lan::Error> for Failure {
    fn from(error: ipmi_lan::Error) -> Self {
        Self::new(error)
    }
}
