use std::time::Duration;

use bmc_sim::{BridgedAnswers, Config, Ipmi15, Place, Power, Satellite, User};
use ipmi_lan::{AuthenticationType, CipherSuite, Kg, Quirk};

use super::user::UserOptions;
use super::{Error, power, seconds};

/// The highest number that is a channel's own (IPMI 2.0 §6.3): 0Eh and 0Fh are aliases.
const LAST_CHANNEL: u8 = 0x0b;

/// What a BMC is like, alone or in a farm.
#[derive(clap::Args)]
pub(super) struct BmcOptions {
    #[command(flatten)]
    user: UserOptions,
    /// The BMC key Kg, in hexadecimal digits; none by default.
    #[arg(long, value_name = "HEX", value_parser = kg)]
    kg: Option<Kg>,
    /// The cipher suites to offer: any of 0-3, 6-8, 11, 12, 15-17.
    #[arg(long, value_name = "IDS", value_delimiter = ',', default_value = "3,17", value_parser = cipher_suite)]
    cipher_suites: Vec<CipherSuite>,
    /// Have sessions of IPMI 1.5 too, authenticated by any of these: none, md2, md5, password, oem. They are closed to
    /// a user whose password has more than 16 bytes.
    #[arg(long, value_name = "TYPES", value_delimiter = ',', value_parser = authentication_type)]
    ipmi15: Vec<AuthenticationType>,
    /// Have no sessions of IPMI 2.0.
    #[arg(long, requires = "ipmi15")]
    no_ipmi20: bool,
    /// In sessions of IPMI 1.5, authenticate the login only.
    #[arg(long, requires = "ipmi15")]
    no_per_message: bool,
    /// In sessions of IPMI 1.5, take commands of user level without authentication.
    #[arg(long, requires = "ipmi15")]
    no_user_level: bool,
    /// How long after its acknowledgement a chassis command acts.
    #[arg(long, value_name = "SECONDS", default_value = "0.5", value_parser = seconds)]
    power_delay: Duration,
    /// Whether the machine is on in the beginning: on or off.
    #[arg(long, value_name = "STATE", default_value = "on", value_parser = power)]
    initial: Power,
    /// A satellite controller with a machine of its own, as 0x30 or, on another channel than 0, 0x30:7; behind another
    /// one, as 0x82/0x30:7. May be given more than once.
    #[arg(long = "satellite", value_name = "ADDRESS[:CHANNEL]", value_parser = way)]
    satellites: Vec<Way>,
    /// Bring the answers of satellites back inside those to Send Message, not behind them.
    #[arg(long)]
    embedded_answers: bool,
    /// A vendor's quirk that the BMC has; the command quirks lists them. May be given more than once.
    #[arg(long = "quirk", value_name = "NAME", value_delimiter = ',', value_parser = quirk)]
    quirks: Vec<Quirk>,
}

/// The satellites on the way from the BMC to one of them, which is the last.
type Way = Vec<Place>;

impl BmcOptions {
    pub(super) fn config(&self) -> Result<Config, Error> {
        let user = User::administrator(&self.user.name, self.user.password()?.as_str())?;
        Ok(Config {
            kg: self.kg.clone(),
            ipmi15: self.ipmi15(),
            ipmi20: !self.no_ipmi20,
            cipher_suites: self.cipher_suites.clone(),
            power_delay: self.power_delay,
            initial_power: self.initial,
            satellites: satellites(&self.satellites, self.bridged_answers()),
            bridged_answers: self.bridged_answers(),
            quirks: self.quirks.iter().copied().collect(),
            ..Config::new(vec![user])
        })
    }

    fn bridged_answers(&self) -> BridgedAnswers {
        match self.embedded_answers {
            true => BridgedAnswers::Embedded,
            false => BridgedAnswers::Separate,
        }
    }

    fn ipmi15(&self) -> Option<Ipmi15> {
        (!self.ipmi15.is_empty()).then(|| Ipmi15 {
            per_message_authentication: !self.no_per_message,
            user_level_authentication: !self.no_user_level,
            ..Ipmi15::new(self.ipmi15.iter().copied())
        })
    }
}

fn kg(text: &str) -> Result<Kg, String> {
    Kg::from_hex(text).map_err(|error| error.to_string())
}

fn cipher_suite(text: &str) -> Result<CipherSuite, String> {
    let id = text.trim().parse().ok();
    id.and_then(CipherSuite::from_id)
        .ok_or_else(|| "not one of the suites 0-3, 6-8, 11, 12, 15-17".to_owned())
}

fn quirk(text: &str) -> Result<Quirk, String> {
    let names = || Quirk::ALL.map(|quirk| quirk.to_string()).join(", ");
    Quirk::from_name(text.trim()).ok_or_else(|| format!("none of {}", names()))
}

fn way(text: &str) -> Result<Way, String> {
    text.split('/').map(place).collect()
}

fn place(text: &str) -> Result<Place, String> {
    let (address, channel) = text.split_once(':').unwrap_or((text, "0"));
    let address = address
        .strip_prefix("0x")
        .and_then(|digits| u8::from_str_radix(digits, 16).ok())
        .filter(|address| address.is_multiple_of(2))
        .ok_or_else(|| format!("'{address}' is no slave address such as 0x30"))?;
    let channel = channel
        .parse()
        .ok()
        .filter(|channel| *channel <= LAST_CHANNEL)
        .ok_or_else(|| format!("'{channel}' is no channel, 0 to {LAST_CHANNEL}"))?;
    Ok(Place { channel, address })
}

/// All of them as a tree: one that is on several ways is there once.
fn satellites(ways: &[Way], bridged_answers: BridgedAnswers) -> Vec<Satellite> {
    let mut tree = Vec::new();
    for way in ways {
        add(&mut tree, way, bridged_answers);
    }
    tree
}

fn add(tree: &mut Vec<Satellite>, way: &[Place], bridged_answers: BridgedAnswers) {
    let Some((place, rest)) = way.split_first() else { return };
    match tree.iter_mut().find(|satellite| satellite.place == *place) {
        Some(satellite) => add(&mut satellite.satellites, rest, bridged_answers),
        None => {
            let mut satellite = Satellite { bridged_answers, ..Satellite::new(*place) };
            add(&mut satellite.satellites, rest, bridged_answers);
            tree.push(satellite);
        }
    }
}

fn authentication_type(text: &str) -> Result<AuthenticationType, String> {
    let mut types = AuthenticationType::ALL.into_iter();
    types
        .find(|kind| kind.to_string() == text.trim())
        .ok_or_else(|| "none of none, md2, md5, password and oem".to_owned())
}
