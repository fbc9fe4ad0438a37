//! What the Redfish services of some vendors do otherwise than the specification or than others: all of it in one
//! place.

use std::fmt;

/// A quirk of some vendor's Redfish service. [`Quirk::facts`] tells all about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "facts() documents each of them")]
pub enum Quirk {
    HgxBaseboard,
    RootWithoutSystems,
    MembersNull,
    IloPowerIsOff,
    Psu501,
    OnConflict,
    NotReady,
    SessionTableFull,
    IfMatchRefused,
    IfMatchRequired,
    AcceptedWithoutTask,
    AllowableTypo,
    SlashRedirect,
    RedirectOwnIp,
    BasicRefused,
    SessionsNeedBasic,
    DropsResetsInTransition,
    PoweringStates,
    PowerStateAbsent,
    ForceOffInProgress,
    ActionInfoOnly,
    CloseEach,
    NoCloseNotify,
    NeedsOdataVersion,
    IdentityRefused,
    Html403,
    NanInBody,
    DuplicateKeys,
    ByteOrderMark,
    NotUtf8,
    StaleCache,
    PasswordChangeRequired,
    HttpLocation,
    TrailingSlashUris,
    Latin1Basic,
}

/// All about a quirk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuirkFacts {
    /// By which users name it.
    pub name: &'static str,
    /// Where it was seen.
    pub hardware: &'static str,
    /// Who tells of it.
    pub source: &'static str,
    /// What the service does.
    pub change: &'static str,
}

impl Quirk {
    /// All of them.
    pub const ALL: [Self; 35] = [
        Self::HgxBaseboard,
        Self::RootWithoutSystems,
        Self::MembersNull,
        Self::IloPowerIsOff,
        Self::Psu501,
        Self::OnConflict,
        Self::NotReady,
        Self::SessionTableFull,
        Self::IfMatchRefused,
        Self::IfMatchRequired,
        Self::AcceptedWithoutTask,
        Self::AllowableTypo,
        Self::SlashRedirect,
        Self::RedirectOwnIp,
        Self::BasicRefused,
        Self::SessionsNeedBasic,
        Self::DropsResetsInTransition,
        Self::PoweringStates,
        Self::PowerStateAbsent,
        Self::ForceOffInProgress,
        Self::ActionInfoOnly,
        Self::CloseEach,
        Self::NoCloseNotify,
        Self::NeedsOdataVersion,
        Self::IdentityRefused,
        Self::Html403,
        Self::NanInBody,
        Self::DuplicateKeys,
        Self::ByteOrderMark,
        Self::NotUtf8,
        Self::StaleCache,
        Self::PasswordChangeRequired,
        Self::HttpLocation,
        Self::TrailingSlashUris,
        Self::Latin1Basic,
    ];

    /// All about it.
    #[must_use]
    pub fn facts(self) -> QuirkFacts {
        match self {
            Self::HgxBaseboard => QuirkFacts {
                name: "hgx_baseboard",
                hardware: "NVIDIA DGX H100, GB200, GH200; Supermicro GB NVL; HPE Cray XD670",
                source: "NVIDIA libredfish, captures; dsx-ai-factory/libredfish#124; bb-Ricardo/check_redfish#203",
                change: "a system HGX_Baseboard_0 is listed last; it is on and has no reset action",
            },
            Self::RootWithoutSystems => QuirkFacts {
                name: "root_without_systems",
                hardware: "NVIDIA DGX H100, until the BMC is reset",
                source: "nv-redfish-quirks 0.22.1",
                change: "the service root has no link to Systems, which is there",
            },
            Self::MembersNull => QuirkFacts {
                name: "members_null",
                hardware: "NVIDIA BlueField",
                source: "nv-redfish-quirks 0.22.1",
                change: "Members of the Systems collection is null",
            },
            Self::IloPowerIsOff => QuirkFacts {
                name: "ilo_power_is_off",
                hardware: "HPE iLO",
                source: "goldyfruit/ansible-ilo#1; sushy; apache/cloudstack#12921",
                change: "a reset to the state that there is, or of a machine that is off, is answered 400 InvalidOperationForSystemState",
            },
            Self::Psu501 => QuirkFacts {
                name: "psu501",
                hardware: "Dell iDRAC",
                source: "dell/dellemc-openmanage-ansible-modules#132; cybozu-go/neco#1520",
                change: "a reset to the state that there is, is answered 409 PSU501",
            },
            Self::OnConflict => QuirkFacts {
                name: "on_conflict",
                hardware: "Dell iDRAC10",
                source: "OpenStack ironic, power_on_conflict_retry",
                change: "On is answered 409 ActionParameterValueConflict twice after the machine went off",
            },
            Self::NotReady => QuirkFacts {
                name: "not_ready",
                hardware: "Dell iDRAC",
                source: "sushy",
                change: "a system is answered 503 SYS518 twice, and a reset 400 SYS518 twice",
            },
            Self::SessionTableFull => QuirkFacts {
                name: "session_table_full",
                hardware: "Dell iDRAC",
                source: "bb-Ricardo/check_redfish#89, #198; stmcginnis/gofish#75; theforeman/smart-proxy#895",
                change: "a login to a session is answered 503 RAC0218 twice",
            },
            Self::IfMatchRefused => QuirkFacts {
                name: "if_match_refused",
                hardware: "Dell iDRAC10",
                source: "stmcginnis/gofish#510; ironcore-dev/metal-operator#1015",
                change: "a POST with If-Match is answered 412",
            },
            Self::IfMatchRequired => QuirkFacts {
                name: "if_match_required",
                hardware: "Huawei iBMC",
                source: "ansible/ansible#60031",
                change: "a reset without If-Match is answered 428, with one that does not fit the system 412",
            },
            Self::AcceptedWithoutTask => QuirkFacts {
                name: "accepted_without_task",
                hardware: "Supermicro",
                source: "nv-redfish-quirks 0.22.1",
                change: "a reset is answered 202 without Location and without a task",
            },
            Self::AllowableTypo => QuirkFacts {
                name: "allowable_typo",
                hardware: "Supermicro X12, X13, Redfish 1.14",
                source: "bmc-toolbox/bmclib, fixtures",
                change: "AllowableValues has GracefulShutdownGracefulRestart instead of the two",
            },
            Self::SlashRedirect => QuirkFacts {
                name: "slash_redirect",
                hardware: "Supermicro, older firmware",
                source: "bb-Ricardo/check_redfish#187",
                change: "a path without a slash at its end is answered 308 to the one with it, POST included",
            },
            Self::RedirectOwnIp => QuirkFacts {
                name: "redirect_own_ip",
                hardware: "HPE iLO 4",
                source: "mrlhansen/idrac_exporter#201; ansible/ansible#48296",
                change: "a request under another name than the address of the BMC is answered 301 to that address",
            },
            Self::BasicRefused => QuirkFacts {
                name: "basic_refused",
                hardware: "Lenovo XCC, ThinkEdge SE450",
                source: "bb-Ricardo/check_redfish#73; lenovo/python-redfish-lenovo#308",
                change: "Basic authentication is answered 401 with WWW-Authenticate: Session",
            },
            Self::SessionsNeedBasic => QuirkFacts {
                name: "sessions_need_basic",
                hardware: "HPE Cray",
                source: "Cray-HPE/csm-redfish-interface-emulator",
                change: "a login to a session needs Basic authentication, too",
            },
            Self::DropsResetsInTransition => QuirkFacts {
                name: "drops_resets_in_transition",
                hardware: "HPE Cray; OpenBMC",
                source: "Cray-HPE/csm-redfish-interface-emulator; openbmc/openbmc#2471",
                change: "a reset is acknowledged and lost while an earlier one has not acted yet",
            },
            Self::PoweringStates => QuirkFacts {
                name: "powering_states",
                hardware: "OpenBMC; HPE Cray",
                source: "openbmc/bmcweb; Cray-HPE/csm-redfish-interface-emulator",
                change: "PowerState is PoweringOff or PoweringOn until a reset acts",
            },
            Self::PowerStateAbsent => QuirkFacts {
                name: "power_state_absent",
                hardware: "OpenBMC",
                source: "openbmc/bmcweb: the service of the host's state is not up",
                change: "PowerState is missing for half a second after a reset was acknowledged",
            },
            Self::ForceOffInProgress => QuirkFacts {
                name: "force_off_in_progress",
                hardware: "kubevirt-redfish",
                source: "kubevirt-redfish#13",
                change: "PowerState is ForceOffInProgress until ForceOff acts",
            },
            Self::ActionInfoOnly => QuirkFacts {
                name: "action_info_only",
                hardware: "Supermicro X13; OpenBMC; NVIDIA; Gigabyte; HPE Cray",
                source: "NVIDIA libredfish, captures; Cray-HPE/csm-redfish-interface-emulator",
                change: "reset types are published in ActionInfo only",
            },
            Self::CloseEach => QuirkFacts {
                name: "close_each",
                hardware: "BMCs that choke on connections that stay open",
                source: "sushy",
                change: "each answer has Connection: close",
            },
            Self::NoCloseNotify => QuirkFacts {
                name: "no_close_notify",
                hardware: "not named",
                source: "RFC 8446 §6.1 forbids it; TLS libraries report it as an error of its own",
                change: "the connection is closed after each answer without close_notify",
            },
            Self::NeedsOdataVersion => QuirkFacts {
                name: "needs_odata_version",
                hardware: "not named",
                source: "ClusterLabs/fence-agents#265",
                change: "a request without OData-Version or Accept is answered 406",
            },
            Self::IdentityRefused => QuirkFacts {
                name: "identity_refused",
                hardware: "HPE Gen10 Plus",
                source: "sushy",
                change: "a request with Accept-Encoding: identity is answered 406",
            },
            Self::Html403 => QuirkFacts {
                name: "html_403",
                hardware: "not named",
                source: "NVIDIA libredfish",
                change: "a reset is answered 403 with a page of HTML",
            },
            Self::NanInBody => QuirkFacts {
                name: "nan_in_body",
                hardware: "not named",
                source: "RFC 8259 §6 forbids it; Python's json writes it",
                change: "resources have a number that is NaN, which is no JSON",
            },
            Self::DuplicateKeys => QuirkFacts {
                name: "duplicate_keys",
                hardware: "not named",
                source: "RFC 8259 §4: what comes of it depends on the client",
                change: "Members and PowerState are there twice; the first of each is wrong",
            },
            Self::ByteOrderMark => QuirkFacts {
                name: "byte_order_mark",
                hardware: "not named",
                source: "RFC 8259 §8.1 forbids it",
                change: "bodies begin with a byte order mark",
            },
            Self::NotUtf8 => QuirkFacts {
                name: "not_utf8",
                hardware: "not named",
                source: "RFC 8259 §8.1 forbids it",
                change: "resources have a text that is not UTF-8",
            },
            Self::StaleCache => QuirkFacts {
                name: "stale_cache",
                hardware: "Ericsson SDI",
                source: "metal3-io/ironic-image#143",
                change: "PowerState is looked up once in two seconds, and told from memory in between",
            },
            Self::PasswordChangeRequired => QuirkFacts {
                name: "password_change_required",
                hardware: "NVIDIA; BMCs that were just unpacked",
                source: "NVIDIA libredfish; DSP0266",
                change: "all but the session service is answered 403 PasswordChangeRequired",
            },
            Self::HttpLocation => QuirkFacts {
                name: "http_location",
                hardware: "services behind a TLS proxy",
                source: "DMTF/Redfish-Profile-Simulator",
                change: "Location is an absolute URI with http://",
            },
            Self::TrailingSlashUris => QuirkFacts {
                name: "trailing_slash_uris",
                hardware: "HPE iLO 5",
                source: "Cray-HPE/csm-redfish-interface-emulator, capture of an XL675d",
                change: "the URIs in resources end with a slash",
            },
            Self::Latin1Basic => QuirkFacts {
                name: "latin1_basic",
                hardware: "not named",
                source: "RFC 7617 §2.1 leaves it open; Python's requests writes it so",
                change: "user and password of Basic authentication are read as Latin-1",
            },
        }
    }

    /// The one that is called so.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|quirk| quirk.facts().name == name)
    }
}

impl fmt::Display for Quirk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.facts().name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_quirk_has_a_name_of_its_own() {
        for (index, quirk) in Quirk::ALL.into_iter().enumerate() {
            assert_eq!(Quirk::ALL[index] as usize, index, "{quirk} is where it stands in the enum");
            assert_eq!(Quirk::from_name(quirk.facts().name), Some(quirk));
        }
        assert_eq!(Quirk::from_name("none"), None);
    }
}
