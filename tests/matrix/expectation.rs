//! What is to come of each cell.

use bmc_sim::BridgedAnswers::Embedded;
use ipmi_lan::{AuthenticationType, Quirk};

use super::bmc::Kind;
use super::feature::{Bridging, Feature};
use super::trial::Client;

/// Each column: a client, and the BMC that it meets.
pub const PAIRS: [(Client, Kind); 4] = [
    (Client::Ours, Kind::IpmiSim),
    (Client::Ours, Kind::BmcSim),
    (Client::Ipmitool, Kind::BmcSim),
    (Client::FreeIpmi, Kind::BmcSim),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// It works, by itself.
    Works,
    /// It works if the user says this, and not without.
    WorksWith(&'static str),
    /// It does not work, because of this peer, for this reason; that is tried.
    Fails(&'static str, &'static str),
    /// This peer aborts; that is tried, too.
    Aborts(&'static str, &'static str),
    /// The peer, which is a BMC, has nothing of the kind; the client sees that.
    Lacks(&'static str, &'static str),
}

use Expectation::{Aborts, Fails, Lacks, Works, WorksWith};

pub fn of(client: Client, bmc: Kind, feature: Feature) -> Expectation {
    match (client, bmc) {
        (Client::Ours, Kind::IpmiSim) => of_ours_and_ipmi_sim(feature),
        (Client::Ours, Kind::BmcSim) => of_ours(feature),
        (Client::Ipmitool, _) => of_ipmitool(feature),
        (Client::FreeIpmi, _) => of_freeipmi(feature),
    }
}

fn of_ours_and_ipmi_sim(feature: Feature) -> Expectation {
    const PEER: &str = "ipmi_sim";
    match feature {
        Feature::Suite(suite) | Feature::Kg(suite) => match suite.id() {
            7 | 8 | 12 => {
                Fails(PEER, "the keys that it makes with HMAC-MD5 are not those of IPMI 2.0")
            }
            15..=17 => Fails(PEER, "it knows no SHA-256"),
            _ => Works,
        },
        Feature::Authentication15(AuthenticationType::Oem)
        | Feature::Quirk(Quirk::Supermicro | Quirk::Quanta) => {
            Fails(PEER, "it knows no authentication type OEM")
        }
        Feature::NoPerMessageAuthentication | Feature::NoUserLevelAuthentication => {
            Lacks(PEER, "in its sessions of IPMI 1.5 every packet has a code")
        }
        Feature::Bridging(Bridging::Once(Embedded)) => {
            Lacks(PEER, "it sends the answer of a satellite behind its own")
        }
        Feature::Bridging(Bridging::Twice(_)) => Fails(PEER, "its satellites pass nothing on"),
        Feature::Bridging(Bridging::Lun) => Lacks(PEER, "it answers for every LUN alike"),
        Feature::Quirk(Quirk::OpenSessPriv) => Works,
        Feature::Quirk(_) => Lacks(PEER, "it has no such quirk"),
        _ => Works,
    }
}

fn of_ours(feature: Feature) -> Expectation {
    match feature {
        Feature::Authentication15(AuthenticationType::Oem) => WorksWith("quanta"),
        Feature::Quirk(quirk) if quirk.facts().recognised.is_none() => {
            WorksWith(quirk.facts().name)
        }
        _ => Works,
    }
}

fn of_ipmitool(feature: Feature) -> Expectation {
    const PEER: &str = "ipmitool";
    match feature {
        Feature::Suite(suite) | Feature::Kg(suite) if [11, 12].contains(&suite.id()) => {
            Aborts(PEER, "it aborts")
        }
        Feature::Authentication15(AuthenticationType::Md2) => {
            Fails(PEER, "Debian's is built without MD2")
        }
        Feature::Bridging(Bridging::Twice(Embedded)) => {
            Fails(PEER, "it forgets its request when both answers are one inside the other")
        }
        Feature::Quirk(quirk) => match quirk {
            Quirk::Sun20 | Quirk::OpenSessPriv | Quirk::SetPrivilege => WorksWith("-L OPERATOR"),
            Quirk::Supermicro => WorksWith("-o supermicro"),
            Quirk::IntelWv2 => WorksWith("-o intelwv2"),
            Quirk::IntelPlus | Quirk::Rakp3WrongRolem => WorksWith("-o intelplus"),
            Quirk::Icts => WorksWith("-o icts"),
            Quirk::I82571Spt => WorksWith("-o i82571spt"),
            Quirk::AuthCap | Quirk::ForcePerMsg => Fails(PEER, "it takes the BMC at its word"),
            Quirk::Intel20 | Quirk::RmcppIntegSik => Fails(PEER, "it has no such workaround"),
            Quirk::NewPort => Fails(PEER, "it asks from one port only"),
            Quirk::NoSlot | Quirk::Busy => Fails(PEER, "it does not ask again"),
            _ => Works,
        },
        _ => Works,
    }
}

fn of_freeipmi(feature: Feature) -> Expectation {
    const PEER: &str = "FreeIPMI";
    match feature {
        Feature::Authentication15(AuthenticationType::Oem)
        | Feature::Quirk(Quirk::Supermicro | Quirk::Quanta) => {
            Fails(PEER, "it knows no authentication type OEM")
        }
        Feature::Bridging(Bridging::Once(Embedded)) => {
            Fails(PEER, "it waits for the answer of a satellite behind that of the BMC")
        }
        Feature::Bridging(Bridging::Twice(_)) => Fails(PEER, "it bridges once only"),
        Feature::Quirk(quirk) => match quirk {
            Quirk::IntelWv2
            | Quirk::IntelPlus
            | Quirk::Icts
            | Quirk::I82571Spt
            | Quirk::Rakp3WrongRolem
            | Quirk::RmcppIntegSik => Fails(PEER, "it has no such workaround"),
            Quirk::Tag0 => Fails(PEER, "it does not hear refusals, and times out"),
            Quirk::NoSlot | Quirk::Busy => Fails(PEER, "it does not ask again"),
            Quirk::PresentState => Fails(PEER, "it does not tell that power is off already"),
            _ => quirk.facts().source.strip_prefix("FreeIPMI, ").map_or(Works, |source| {
                if source.starts_with("-W ") { WorksWith(source) } else { Works }
            }),
        },
        _ => Works,
    }
}
