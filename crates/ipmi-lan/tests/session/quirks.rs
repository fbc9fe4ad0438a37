//! BMCs with quirks, and those behind others.

use bmc_sim::{BridgedAnswers, Config, Ipmi15, Place, Power, Satellite};
use ipmi_lan::session::SessionConfig;
use ipmi_lan::{
    AuthenticationType, CipherSuite, Error, Protocol, Quirk, QuirkSet, Target, Transit, Username,
    Workarounds,
};

use crate::pair::{Pair, SECOND, as_it_is, bmc_config, config};

/// Where a quirk shows: with which protection.
fn shows_in(quirk: Quirk) -> SessionConfig {
    let ipmi15 = || SessionConfig { protocol: Protocol::Ipmi15, ..config() };
    let suite = |suite: u8| SessionConfig {
        cipher_suites: vec![CipherSuite::from_id(suite).unwrap()],
        ..config()
    };
    match quirk {
        Quirk::IdZero
        | Quirk::UnexpectedAuth
        | Quirk::ForcePerMsg
        | Quirk::EndianSeq
        | Quirk::NoAuthCodeCheck
        | Quirk::NewPort
        | Quirk::Supermicro
        | Quirk::Quanta => ipmi15(),
        Quirk::IntegrityCheckValue => suite(0),
        Quirk::Sun20 => suite(3),
        _ => config(),
    }
}

fn bmc_with(quirk: Quirk) -> Config {
    let kind = match quirk {
        Quirk::Supermicro | Quirk::Quanta => AuthenticationType::Oem,
        _ => AuthenticationType::Md5,
    };
    Config {
        quirks: QuirkSet::NONE.with(quirk),
        cipher_suites: CipherSuite::ALL.to_vec(),
        ipmi15: Some(Ipmi15::new([kind])),
        ..bmc_config()
    }
}

fn pair(quirk: Quirk, workarounds: &str) -> Pair {
    let workarounds = Workarounds::parse(workarounds).unwrap();
    let config = SessionConfig { workarounds, ..shows_in(quirk) };
    Pair::with(config, bmc_with(quirk), 3, |_, datagram| as_it_is(datagram))
}

fn see_power_go_off(pair: &mut Pair) -> Result<QuirkSet, Error> {
    let logged_in = pair.log_in()?;
    assert!(pair.is_power_on()?);
    pair.bmc.set_power(pair.now, Power::Off);
    assert!(!pair.is_power_on()?);
    pair.close();
    Ok(logged_in.workarounds)
}

fn is_found(quirk: Quirk) -> bool {
    quirk.facts().recognised.is_some()
}

#[test]
fn quirks_are_found_by_themselves_in_a_few_seconds() {
    for quirk in Quirk::ALL.into_iter().filter(|quirk| is_found(*quirk)) {
        let mut pair = pair(quirk, "");
        see_power_go_off(&mut pair).unwrap_or_else(|error| panic!("{quirk}: {error}"));
        assert!(pair.elapsed() < 4 * SECOND, "{quirk}: {:?}", pair.elapsed());
    }
}

#[test]
fn quirks_that_are_named_cost_nothing() {
    for quirk in Quirk::ALL {
        let mut pair = pair(quirk, quirk.facts().name);
        see_power_go_off(&mut pair).unwrap_or_else(|error| panic!("{quirk}: {error}"));
        let waits = [Quirk::Busy, Quirk::NoSlot, Quirk::NewPort].contains(&quirk);
        assert!(waits || pair.elapsed() < SECOND / 2, "{quirk}: {:?}", pair.elapsed());
    }
}

/// But for those that the BMC has in a way that every client survives, and those that only name what is always done.
#[test]
fn quirks_that_are_forbidden_or_not_named_keep_us_out() {
    let harmless = [
        Quirk::AuthCap,
        Quirk::OpenSessPriv,
        Quirk::MainAddress20,
        Quirk::Tag0,
        Quirk::NewPort,
        Quirk::PresentState,
    ];
    for quirk in Quirk::ALL.into_iter().filter(|quirk| !harmless.contains(quirk)) {
        // Sun's is also that of Supermicro; Intel's of one kind also that of another.
        let forbidden = match quirk {
            Quirk::Sun20 | Quirk::Supermicro20 => "-sun20,-supermicro20".to_owned(),
            Quirk::Rakp3WrongRolem | Quirk::IntelPlus => "-rakp3_wrong_rolem,-intelplus".to_owned(),
            quirk => format!("-{quirk}"),
        };
        let result = see_power_go_off(&mut pair(quirk, &forbidden));
        assert!(result.is_err(), "{quirk}: {result:?}");
    }
}

#[test]
fn quirks_that_would_let_others_answer_are_never_found() {
    for quirk in Quirk::ALL.into_iter().filter(|quirk| quirk.facts().weakens) {
        assert!(!Workarounds::default().finds(quirk), "{quirk}");
        let result = see_power_go_off(&mut pair(quirk, ""));
        assert!(result.is_err(), "{quirk}: {result:?}");
    }
}

#[test]
fn a_bmc_without_quirks_is_held_to_have_none() {
    for protocol in [Protocol::Ipmi15, Protocol::Ipmi20] {
        let config = SessionConfig { protocol, ..config() };
        let bmc = Config { quirks: QuirkSet::NONE, ..bmc_with(Quirk::Busy) };
        let mut pair = Pair::with(config, bmc, 3, |_, datagram| as_it_is(datagram));
        assert!(see_power_go_off(&mut pair).unwrap().is_empty());
    }
}

/// Its half-open session ends with the refusal, so that repetitions are refused otherwise.
#[test]
fn a_bmc_that_refuses_with_tag_0_is_heard() {
    let username = Username::new("nobody").unwrap();
    let config = SessionConfig { username, ..config() };
    let mut pair = Pair::with(config, bmc_with(Quirk::Tag0), 3, |_, datagram| as_it_is(datagram));
    let error = pair.log_in().unwrap_err();
    assert!(error.to_string().contains("unauthorized name (0x0d)"), "{error}");
    assert!(pair.elapsed() < 2 * SECOND, "{:?}", pair.elapsed());
}

fn satellite(channel: u8, address: u8, satellites: Vec<Satellite>) -> Satellite {
    Satellite { satellites, ..Satellite::new(Place { channel, address }) }
}

#[test]
fn requests_are_bridged_once_and_twice_in_both_versions() {
    let once = Target { address: 0x72, lun: 0, channel: 6, transit: None };
    let transit = Some(Transit { address: 0x82, channel: 0 });
    let twice = Target { address: 0x74, lun: 0, channel: 7, transit };
    for answers in [BridgedAnswers::Separate, BridgedAnswers::Embedded] {
        for protocol in [Protocol::Ipmi15, Protocol::Ipmi20] {
            for target in [once, twice] {
                let config = SessionConfig { protocol, target: Some(target), ..config() };
                let behind = Satellite { bridged_answers: answers, ..satellite(7, 0x74, vec![]) };
                let between =
                    Satellite { bridged_answers: answers, ..satellite(0, 0x82, vec![behind]) };
                let bmc = Config {
                    quirks: QuirkSet::NONE,
                    initial_power: Power::Off,
                    satellites: vec![between, satellite(6, 0x72, vec![])],
                    bridged_answers: answers,
                    ..bmc_with(Quirk::Busy)
                };
                let mut pair = Pair::with(config, bmc, 3, |_, datagram| as_it_is(datagram));
                pair.log_in().unwrap();
                let is_on = pair.is_power_on().unwrap();
                assert!(is_on, "the target is on, the BMC's own machine is off: {target:?}");
                pair.close();
            }
        }
    }
}

#[test]
fn a_target_that_is_not_there_is_named_as_the_reason() {
    let target = Some(Target::on_ipmb(0x99));
    let config = SessionConfig { target, ..config() };
    let mut pair = Pair::with(config, bmc_config(), 3, |_, datagram| as_it_is(datagram));
    pair.log_in().unwrap();
    let response = pair.answer_to_status();
    assert_eq!((response.command, response.completion.0), (0x34, 0x83));
}
