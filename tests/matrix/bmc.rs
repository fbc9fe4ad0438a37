//! The BMCs, each started for one try, with the feature that is tried.

use std::fmt;
use std::net::SocketAddr;

use bmc_sim::{BridgedAnswers, Config, Ipmi15, Place, Power, Satellite, Server, User};
use ipmi_lan::{AuthenticationType, Kg, Protection, Quirk, QuirkSet};

use super::feature::{Bridging, FAR, FAR_CHANNEL, Feature, LUN, NEAR};
use super::relay::Relay;
use crate::support::ipmi_sim::{IpmiSim, Setup};

/// As long as IPMI 1.5 can carry it.
pub const PASSWORD: &str = "sixteen-bytes-pw";
/// As much as `ipmi_sim` uses of it with HMAC-MD5.
pub const KG: &str = "sixteen-byte-key";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    IpmiSim,
    BmcSim,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::IpmiSim => "ipmi_sim",
            Self::BmcSim => "bmc-sim",
        })
    }
}

/// A BMC whose machine is on, and so is that of each of its satellites.
pub enum Bmc {
    IpmiSim { sim: IpmiSim, switches_satellite: bool },
    BmcSim { server: Server, relay: Option<Relay>, switched: Vec<Place> },
}

impl Bmc {
    pub async fn start(kind: Kind, feature: Feature) -> Self {
        match kind {
            Kind::IpmiSim => tokio::task::block_in_place(|| Self::start_ipmi_sim(feature)),
            Kind::BmcSim => Self::start_bmc_sim(feature).await,
        }
    }

    fn start_ipmi_sim(feature: Feature) -> Self {
        let switches_satellite = feature.bridging().is_some();
        let setup = Setup {
            password: PASSWORD,
            kg: feature.has_kg().then_some(KG),
            behind: switches_satellite,
            ..Setup::default()
        };
        Self::IpmiSim { sim: IpmiSim::start_with(&setup), switches_satellite }
    }

    async fn start_bmc_sim(feature: Feature) -> Self {
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::start(loopback, config(feature)).await.expect("a free port");
        let relay = match feature {
            // Its quirk shows only where an answer is lost.
            Feature::Quirk(Quirk::NewPort) => Some(Relay::start(server.address()).await),
            _ => None,
        };
        Self::BmcSim { server, relay, switched: way(feature) }
    }

    pub fn address(&self) -> SocketAddr {
        match self {
            Self::IpmiSim { sim, .. } => SocketAddr::from(([127, 0, 0, 1], sim.port())),
            Self::BmcSim { relay: Some(relay), .. } => relay.address(),
            Self::BmcSim { server, .. } => server.address(),
        }
    }

    /// Whether every machine is on.
    pub fn is_untouched(&self) -> bool {
        self.machines().into_iter().all(|power| power == Power::On)
    }

    /// Whether that machine is off that was to be switched, and no other.
    pub fn is_switched_off(&self) -> bool {
        let mut machines = self.machines();
        machines.pop() == Some(Power::Off) && machines.into_iter().all(|power| power == Power::On)
    }

    /// The machine of the BMC, and those on the way to the one that is switched, which is the last.
    fn machines(&self) -> Vec<Power> {
        match self {
            Self::IpmiSim { sim, switches_satellite } => {
                let power = |is_on| if is_on { Power::On } else { Power::Off };
                let satellite = switches_satellite.then(|| power(sim.is_behind_on()));
                [power(sim.is_on())].into_iter().chain(satellite).collect()
            }
            Self::BmcSim { server, switched, .. } => {
                let ways = (1..=switched.len()).map(|length| &switched[..length]);
                let satellites = ways.map(|way| server.satellite_power(way).expect("it is there"));
                [server.power()].into_iter().chain(satellites).collect()
            }
        }
    }
}

/// The satellites on the way to the one that is switched.
fn way(feature: Feature) -> Vec<Place> {
    let near = Place::on_ipmb(NEAR);
    match feature.bridging() {
        None => Vec::new(),
        Some(Bridging::Once(_) | Bridging::Lun) => vec![near],
        Some(Bridging::Twice(_)) => vec![near, Place { channel: FAR_CHANNEL, address: FAR }],
    }
}

/// With the protection that the feature shows in, and no other.
fn config(feature: Feature) -> Config {
    let user = User::administrator("admin", PASSWORD).expect("a user");
    let mut config = Config::new(vec![user]);
    match feature.protection() {
        Protection::Ipmi20(suite) => config.cipher_suites = vec![suite],
        Protection::Ipmi15(kind) => {
            config.ipmi20 = false;
            config.ipmi15 = Some(Ipmi15::new([kind]));
        }
    }
    match feature {
        Feature::Suite(_) | Feature::Authentication15(_) => {}
        Feature::Kg(_) => config.kg = Some(Kg::new(KG).expect("a key")),
        Feature::NoPerMessageAuthentication => {
            ipmi15(&mut config).per_message_authentication = false;
        }
        Feature::NoUserLevelAuthentication => {
            ipmi15(&mut config).user_level_authentication = false;
        }
        Feature::Bridging(bridging) => add_satellites(&mut config, bridging),
        Feature::Quirk(quirk) => config.quirks = QuirkSet::NONE.with(quirk),
    }
    config
}

fn ipmi15(config: &mut Config) -> &mut Ipmi15 {
    config.ipmi15.get_or_insert(Ipmi15::new([AuthenticationType::Md5]))
}

fn add_satellites(config: &mut Config, bridging: Bridging) {
    let (answers, lun) = match bridging {
        Bridging::Once(answers) | Bridging::Twice(answers) => (answers, 0),
        Bridging::Lun => (BridgedAnswers::default(), LUN),
    };
    let far = Satellite::new(Place { channel: FAR_CHANNEL, address: FAR });
    let near = Satellite::new(Place::on_ipmb(NEAR));
    config.bridged_answers = answers;
    config.satellites =
        vec![Satellite { lun, satellites: vec![far], bridged_answers: answers, ..near }];
}
