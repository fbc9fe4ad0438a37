//! Requests to satellite controllers (IPMI 2.0 §6.13).

use bmc_sim::BridgedAnswers::{self, Embedded, Separate};
use bmc_sim::{Ipmi15, Place, Satellite};
use ipmi_lan::AuthenticationType;

use super::*;

const NEAR: Place = Place { channel: 0, address: 0x82 };
const ASIDE: Place = Place { channel: 3, address: 0x90 };
const FAR: Place = Place { channel: 7, address: 0x72 };

#[tokio::test]
async fn ipmitool_switches_the_machine_of_a_satellite_only() {
    let single: [(&[&str], &[Place]); 2] =
        [(&["-t", "0x82"], &[NEAR]), (&["-t", "0x90", "-b", "3"], &[ASIDE])];
    let double: [(&[&str], &[Place]); 1] =
        [(&["-T", "0x82", "-B", "0", "-t", "0x72", "-b", "7"], &[NEAR, FAR])];
    for (bmc, near) in [(Separate, Separate), (Separate, Embedded)] {
        for (target, way) in single.iter().chain(&double) {
            switches_only(with_satellites(bmc, near), target, way).await;
        }
    }
    // The plug-in lanplus forgets its request when the answer of a transit satellite comes inside that of the BMC.
    for (target, way) in single {
        switches_only(with_satellites(Embedded, Embedded), target, way).await;
    }
}

async fn switches_only(config: Config, target: &[&str], way: &[Place]) {
    let bmc = start(config).await;
    let chassis = async |action: &str| {
        let command = ["-C", "17", "chassis", "power", action];
        ipmitool_with(&bmc, PASSWORD, &[target, &command].concat()).await
    };
    assert_says(&chassis("status").await, "Chassis Power is on");
    assert_says(&chassis("off").await, "Chassis Power Control: Down/Off");
    assert_says(&chassis("status").await, "Chassis Power is off");
    let off: Vec<_> = [&[NEAR][..], &[ASIDE], &[NEAR, FAR]]
        .into_iter()
        .filter(|way| bmc.satellite_power(way) == Some(Power::Off))
        .collect();
    assert_eq!(off, [way]);
    assert_eq!(bmc.power(), Power::On);
    let of_bmc = ipmitool(&bmc, CipherSuite::SUITE_17, PASSWORD, &["status"]).await;
    assert_says(&of_bmc, "Chassis Power is on");
}

#[tokio::test]
async fn ipmitool_reads_device_and_restart_cause_of_a_satellite() {
    let bmc = start(with_satellites(Separate, Separate)).await;
    let ask = async |command: &[&str]| {
        let target = ["-C", "3", "-T", "0x82", "-t", "0x72", "-b", "7"];
        ipmitool_with(&bmc, PASSWORD, &[&target[..], command].concat()).await
    };
    assert_says(&ask(&["mc", "info"]).await, "Device ID                 : 114");
    ask(&["chassis", "power", "reset"]).await;
    let cause = ask(&["chassis", "restart_cause"]).await;
    assert_says(&cause, "System restart cause: chassis power control command");
}

#[tokio::test]
async fn ipmitool_is_told_what_cannot_be_passed_on() {
    for near in [Separate, Embedded] {
        let bmc = start(with_satellites(Separate, near)).await;
        for (arguments, reason) in [
            (&["-t", "0x84", "raw", "6", "1"][..], "rsp=0x83"),
            (&["-t", "0x82", "-b", "5", "raw", "6", "1"], "rsp=0xcc"),
            (&["-t", "0x82", "-l", "1", "raw", "6", "1"], "rsp=0xc2"),
            (&["-T", "0x82", "-t", "0x74", "-b", "7", "raw", "6", "1"], "rsp=0x83"),
        ] {
            let arguments = [&["-C", "17"], arguments].concat();
            let refused = ipmitool_with(&bmc, PASSWORD, &arguments).await;
            assert!(text(&refused.stderr).contains(reason), "{arguments:?}: {refused:?}");
        }
    }
}

/// The plug-in for IPMI 1.5 takes every form, and sends the request with other addresses.
#[tokio::test]
async fn ipmitool_asks_a_satellite_in_ipmi15() {
    for (bmc, near) in [(Separate, Separate), (Separate, Embedded), (Embedded, Embedded)] {
        let ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
        let users = vec![short_user()];
        let bmc = start(Config { users, ipmi15, ..with_satellites(bmc, near) }).await;
        for target in [&["-t", "0x82"][..], &["-T", "0x82", "-t", "0x72", "-b", "7"]] {
            let arguments = [&["-I", "lan"], target, &["chassis", "power", "off"]].concat();
            let off = ipmitool_with(&bmc, SHORT_PASSWORD, &arguments).await;
            assert_says(&off, "Chassis Power Control: Down/Off");
        }
        assert_eq!(bmc.satellite_power(&[NEAR]), Some(Power::Off));
        assert_eq!(bmc.satellite_power(&[NEAR, FAR]), Some(Power::Off));
        assert_eq!(bmc.power(), Power::On);
    }
}

/// OpenIPMI knows no double bridging.
#[tokio::test]
async fn openipmi_asks_a_satellite() {
    for form in [Separate, Embedded] {
        let bmc = start(with_satellites(form, form)).await;
        let ask = async |request| openipmicmd(&bmc, &["-Rc", "aes_cbc_128"], request).await;
        assert_says(&ask("00 82 00 06 01").await, "00 07 00 01 00 82 01");
        assert_says(&ask("00 82 00 00 02 00").await, "00 01 00 02 00");
        assert_eq!(bmc.satellite_power(&[NEAR]), Some(Power::Off));
        assert_eq!(bmc.power(), Power::On);
    }
}

/// FreeIPMI knows no double bridging, and no answer inside that to Send Message.
#[tokio::test]
async fn freeipmi_asks_a_satellite() {
    let bmc = start(with_satellites(Separate, Separate)).await;
    for (channel, address, answer) in [
        ("0", "0x82", "rcvd: 01 00 82 01"),
        ("3", "0x90", "rcvd: 01 00 90 01"),
        ("0", "0x84", "bad completion code"),
    ] {
        let raw = ipmi_raw(&bmc, channel, address, &["0", "6", "1"]).await;
        let said = text(&[raw.stdout, raw.stderr].concat());
        assert!(said.contains(answer), "{said}");
    }
    let off = ipmi_raw(&bmc, "0", "0x82", &["0", "0", "2", "0"]).await;
    assert_says(&off, "rcvd: 02 00");
    assert_eq!(bmc.satellite_power(&[NEAR]), Some(Power::Off));
    assert_eq!(bmc.power(), Power::On);
}

/// One on the IPMB with another one behind it, and one on a channel of its own.
fn with_satellites(bmc: BridgedAnswers, near: BridgedAnswers) -> Config {
    let near = Satellite {
        satellites: vec![Satellite::new(FAR)],
        bridged_answers: near,
        ..Satellite::new(NEAR)
    };
    let satellites = vec![near, Satellite::new(ASIDE)];
    Config { satellites, bridged_answers: bmc, ..config() }
}

async fn ipmi_raw(bmc: &Server, channel: &str, address: &str, request: &[&str]) -> Output {
    let host = bmc.address().to_string();
    let mut command = Command::new("ipmi-raw");
    command.args(["-D", "LAN_2_0", "-I", "17", "-h", &host, "-u", "admin", "-p", PASSWORD]);
    command.args(["-l", "ADMIN", &format!("--target-channel-number={channel}")]);
    command.arg(format!("--target-slave-address={address}")).args(request);
    command.output().await.expect("ipmi-raw (FreeIPMI) must be installed")
}
