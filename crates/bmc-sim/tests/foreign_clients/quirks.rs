//! BMCs with quirks: a client that does not know the quirk fails, and with its workaround it does not. That the first
//! holds shows that the quirk is there; that the second does, that it is the one which the client's authors met.

use bmc_sim::{Ipmi15, RefusalReason};
use ipmi_lan::{AuthenticationType, Quirk, QuirkSet};

use super::*;

/// One of each authentication algorithm. A board with SHA-256 would make FreeIPMI 1.6.10 fail by itself with
/// `supermicro20`, for whose code it has no room, and with `intel20`, whose RAKP 4 it does not know then.
#[tokio::test]
async fn freeipmi_needs_its_workarounds() {
    for (quirk, flag, suites) in [
        (Quirk::Intel20, "intel20", &[1, 3, 8, 15][..]),
        (Quirk::Supermicro20, "supermicro20", &[0, 3, 8]),
        (Quirk::Sun20, "sun20", &[3, 8, 17]),
        (Quirk::OpenSessPriv, "opensesspriv", &[3, 8, 12, 17]),
        (Quirk::IntegrityCheckValue, "integritycheckvalue", &[0]),
    ] {
        let bmc = start(with(quirk)).await;
        for suite in suites.iter().filter_map(|id| CipherSuite::from_id(*id)) {
            let without = ipmipower(&bmc, suite, PASSWORD, &["--stat"]).await;
            let said = text(&without.stdout);
            assert!(said.contains("invalid"), "{quirk}, suite {suite}: {without:?}");
            let with = ipmipower(&bmc, suite, PASSWORD, &["-W", flag, "--off"]).await;
            assert_says(&with, ": ok");
            assert_eq!(bmc.power(), Power::Off, "{quirk}, suite {suite}");
            bmc.set_power(Power::On);
        }
    }
}

/// FreeIPMI with `sun20` has the workaround of `opensesspriv`, too, but not the other way round.
#[tokio::test]
async fn freeipmi_needs_more_for_sun20_than_for_opensesspriv() {
    let bmc = start(with(Quirk::Sun20)).await;
    let stat =
        async |flag| ipmipower(&bmc, CipherSuite::SUITE_3, PASSWORD, &["-W", flag, "--stat"]).await;
    assert_says(&stat("opensesspriv").await, ": password invalid");
    assert_says(&stat("supermicro20").await, ": password invalid");
    assert_says(&stat("opensesspriv,supermicro20").await, ": on");
}

/// In Debian's ipmitool 1.8.19, `intelplus` knows no SHA-256: it aborts.
#[tokio::test]
async fn ipmitool_needs_its_workarounds() {
    for (quirk, name, suites) in [
        (Quirk::IntelPlus, "intelplus", &[1, 3, 8, 15][..]),
        (Quirk::Rakp3WrongRolem, "intelplus", &[3]),
        (Quirk::Icts, "icts", &[2, 3, 17]),
        (Quirk::I82571Spt, "i82571spt", &[3, 8, 17]),
    ] {
        let bmc = start(with(quirk)).await;
        for suite in suites.iter().filter_map(|id| CipherSuite::from_id(*id)) {
            let (id, off) = (suite.to_string(), ["chassis", "power", "off"]);
            let arguments = [&["-N", "1", "-C", &id], &off[..]].concat();
            let without = ipmitool_with(&bmc, PASSWORD, &arguments).await;
            let error = text(&without.stderr);
            assert!(error.contains("Unable to establish"), "{quirk}, suite {suite}: {without:?}");
            assert_eq!(bmc.power(), Power::On);
            let arguments = [&["-o", name, "-C", &id], &off[..]].concat();
            let with = ipmitool_with(&bmc, PASSWORD, &arguments).await;
            assert_says(&with, "Chassis Power Control: Down/Off");
            assert_eq!(bmc.power(), Power::Off, "{quirk}, suite {suite}");
            bmc.set_power(Power::On);
        }
    }
}

/// The plug-in for IPMI 2.0 does not know this one.
#[tokio::test]
async fn ipmitool_thumps() {
    let ipmi15 = Some(Ipmi15::new([AuthenticationType::Md5]));
    let bmc = start(Config { users: vec![short_user()], ipmi15, ..with(Quirk::IntelWv2) }).await;
    let status = async |options: &[&str]| {
        let arguments = [&["-I", "lan", "-N", "1"], options, &["chassis", "power", "status"]];
        ipmitool_with(&bmc, SHORT_PASSWORD, &arguments.concat()).await
    };
    let without = status(&[]).await;
    assert!(text(&without.stderr).contains("Unable to establish"), "{without:?}");
    assert_says(&status(&["-o", "intelwv2"]).await, "Chassis Power is on");
}

#[tokio::test]
async fn openipmi_needs_its_workarounds() {
    for (quirk, hack) in
        [(Quirk::Rakp3WrongRolem, "rakp3_wrong_rolem"), (Quirk::RmcppIntegSik, "rmcpp_integ_sik")]
    {
        let bmc = start(with(quirk)).await;
        let without = openipmicmd(&bmc, &["-Rc", "aes_cbc_128"], "0f 00 06 01").await;
        assert!(text(&without.stderr).contains("Unable to setup connection"), "{without:?}");
        for confidentiality in ["none", "aes_cbc_128"] {
            let options = ["-Rc", confidentiality, "-H", hack];
            let with = openipmicmd(&bmc, &options, "0f 00 06 01").await;
            assert_says(&with, "0f 07 00 01 00 20 01");
        }
    }
}

/// It waits for the tag of its request, and so never hears of the refusal.
#[tokio::test]
async fn freeipmi_does_not_hear_refusals_with_tag_0() {
    let bmc = start(with(Quirk::Tag0)).await;
    let nobody = ["-u", "nobody", "--session-timeout", "1500", "--stat"];
    // Its tags begin anywhere, also at 0.
    let mut is_timed_out = false;
    for _ in 0..3 {
        let stat = ipmipower(&bmc, CipherSuite::SUITE_17, PASSWORD, &nobody).await;
        is_timed_out |= text(&stat.stdout).contains(": session timeout");
        if is_timed_out {
            break;
        }
    }
    assert!(is_timed_out);
    assert_says(&ipmipower(&bmc, CipherSuite::SUITE_17, PASSWORD, &["--stat"]).await, ": on");
}

#[tokio::test]
async fn ipmitool_needs_the_level_operator() {
    let bmc = start(with(Quirk::SetPrivilege)).await;
    let off = async |level| {
        let arguments = ["-C", "17", "-L", level, "chassis", "power", "off"];
        ipmitool_with(&bmc, PASSWORD, &arguments).await
    };
    let refused = off("ADMINISTRATOR").await;
    assert!(text(&refused.stderr).contains("(0x81)"), "{refused:?}");
    assert_says(&off("OPERATOR").await, "Chassis Power Control: Down/Off");
    assert_eq!(bmc.power(), Power::Off);
}

#[tokio::test]
async fn clients_are_told_of_passing_refusals() {
    let bmc = start(with(Quirk::NoSlot)).await;
    for expected in [": BMC busy", ": BMC busy", ": on"] {
        assert_says(&ipmipower(&bmc, CipherSuite::SUITE_3, PASSWORD, &["--stat"]).await, expected);
    }
    let reason = RefusalReason::Status(RmcpPlusStatus::INSUFFICIENT_RESOURCES);
    assert!(has_event(&bmc, &EventKind::SessionRefused { user: None, reason }));

    let bmc = start(with(Quirk::PresentState)).await;
    let on = ipmitool(&bmc, CipherSuite::SUITE_3, PASSWORD, &["on"]).await;
    assert!(text(&on.stderr).contains("not supported in present state"), "{on:?}");

    let bmc = start(with(Quirk::Busy)).await;
    let arguments = ["-C", "3", "-L", "USER", "raw", "6", "1"];
    let raw = ipmitool_with(&bmc, PASSWORD, &arguments).await;
    assert!(!raw.status.success(), "{raw:?}");
}

fn with(quirk: Quirk) -> Config {
    Config { quirks: QuirkSet::NONE.with(quirk), ..config() }
}
