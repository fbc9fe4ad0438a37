//! The same input through Debian's Python agent and through our `fence_redfish`, beyond the inputs that all agents have
//! in common: same exit code, same standard output, same resets to the machine. Every difference that is meant to be is
//! in docs/differences.md, and proved here.

use std::time::Duration;

use bmc_sim::redfish::{
    Acknowledgement, AnswerFault, CannedAnswer, CannedBody, CertificateConfig, Counts, Faults,
    Misanswer, Place, PowerStateFault, PublishedResets, Quirk, RedfishConfig, RedfishEventKind,
    RedfishSystem, RedirectTarget, Requests, ResetType, Role, TaskConfig, TlsVersions,
};

use crate::inputs::{FAILS, IS_ON, POWERED_OFF, REBOOTED};
use crate::support::agent::Agent;
use crate::support::comparison::redfish::{RedfishBmc, Setup};
use crate::support::comparison::{self, Bmc, Outcome, check_all, compare, off, on};
use crate::support::http_proxy::HttpProxy;
use crate::support::redfish_sim::RedfishSim;

type Case = comparison::Case<RedfishBmc>;

const IS_OFF: Outcome = (2, "Status: OFF\n", "");
const ALREADY_ON: Outcome = (0, "Success: Already ON\n", "");

/// All that are here.
pub fn cases() -> Vec<Case> {
    let tables = [
        address_cases,
        certificate_cases,
        path_cases,
        system_cases,
        value_cases,
        credential_cases,
        service_cases,
        power_state_cases,
        command_line_cases,
    ];
    tables.iter().flat_map(|table| table()).collect()
}

#[test]
fn addresses() {
    compare(address_cases());
}

fn address_cases() -> Vec<Case> {
    let ipv6 = || Setup { address: "[::1]:0", ..Setup::default() };
    let without = &["ip", "ipport"];
    vec![
        on("ip with a port").without(without).lines(&["ip=127.0.0.1:{port}", "action=status"]),
        on("ip with a port, which counts more").lines(&[
            "ip=127.0.0.1:{port}",
            "ipport=1",
            "action=status",
        ]),
        on("ip with a port that is not its own").lines(&["ip=127.0.0.1:1", "action=status"]),
        on("ip with a colon and no port")
            .without(without)
            .lines(&["ip=127.0.0.1:", "action=status"]),
        on("ip with a word for a port").lines(&["ip=127.0.0.1:https", "action=status"]),
        on("a host name with a port")
            .without(without)
            .lines(&["ip=localhost:{port}", "action=off"]),
        on("port_as_ip with a port").without(without).lines(&[
            "port_as_ip=1",
            "plug=127.0.0.1:{port}",
            "action=off",
        ]),
        on("[::1]").setup(ipv6()).lines(&["ip=[::1]", "action=status"]),
        on("::1").setup(ipv6()).lines(&["ip=::1", "action=status"]).differs("ipv6", FAILS, IS_ON),
        on("[::1]:port")
            .setup(ipv6())
            .without(without)
            .lines(&["ip=[::1]:{port}", "action=off"])
            .differs("ipv6", FAILS, POWERED_OFF),
        on("::1 with ipport in quotes")
            .setup(ipv6())
            .lines(&["ip=\"::1\"", "ipport=\"{port}\"", "action=off"])
            .differs("ipv6", FAILS, POWERED_OFF),
        on("an unfinished bracket").setup(ipv6()).lines(&["ip=[::1", "action=status"]),
        on("a zone").setup(ipv6()).lines(&["ip=::1%lo", "action=status"]),
        on("a name that is IPv6 only").setup(ipv6()).lines(&["ip=ip6-localhost", "action=status"]),
        on("https://host").lines(&["ip=https://127.0.0.1", "action=status"]),
        on("https://host:port")
            .without(without)
            .lines(&["ip=https://127.0.0.1:{port}", "action=status"]),
        on("host/path").lines(&["ip=127.0.0.1/redfish", "action=status"]),
        on("user@host").lines(&["ip=admin@127.0.0.1", "action=status"]).differs(
            "user-in-address",
            IS_ON,
            FAILS,
        ),
        on("user:password@host").lines(&["ip=admin:secret@127.0.0.1", "action=status"]),
        on("host with blanks").lines(&["ip=127.0.0.1 x", "action=status"]),
        on("host#fragment").lines(&["ip=127.0.0.1#x", "action=status"]),
        on("blanks before an address").lines(&["ip= 127.0.0.1", "action=status"]),
        on("blanks before a port")
            .lines(&["ipport= {port}", "action=status"])
            .differs("integer", FAILS, IS_ON),
        on("ipport with a plus")
            .lines(&["ipport=+{port}", "action=status"])
            .differs("integer", FAILS, IS_ON),
        on("ipport with zeros")
            .lines(&["ipport=0{port}", "action=status"])
            .differs("integer", FAILS, IS_ON),
        on("a host in capital letters").lines(&["ip=LOCALHOST", "action=status"]),
    ]
}

#[test]
fn certificates() {
    compare(certificate_cases());
}

fn certificate_cases() -> Vec<Case> {
    let secure = &["ssl_insecure"];
    vec![
        on("no word on certificates").without(secure).lines(&["action=off"]),
        on("ssl=1").without(secure).lines(&["ssl=1", "action=off"]),
        on("ssl=0").without(secure).lines(&["ssl=0", "action=off"]),
        on("ssl=no").without(secure).lines(&["ssl=no", "action=off"]),
        on("ssl=0 with ssl_insecure").lines(&["ssl=0", "action=off"]),
        on("ssl=1 with ssl_insecure").lines(&["ssl=1", "action=off"]),
        on("ssl_secure=1").without(secure).lines(&["ssl_secure=1", "action=off"]),
        on("ssl_secure=1 with ssl_insecure").lines(&["ssl_secure=1", "action=off"]),
        on("ssl_secure=0").without(secure).lines(&["ssl_secure=0", "action=off"]),
        on("ssl_insecure=0").lines(&["ssl_insecure=0", "action=off"]).differs(
            "ssl_insecure",
            POWERED_OFF,
            FAILS,
        ),
        on("ssl_insecure=no").lines(&["ssl_insecure=no", "action=status"]).differs(
            "ssl_insecure",
            IS_ON,
            FAILS,
        ),
        on("ssl_insecure=\"false\"").lines(&["ssl_insecure=\"false\"", "action=status"]).differs(
            "ssl_insecure",
            IS_ON,
            FAILS,
        ),
        on("ssl-insecure=yes").without(secure).lines(&["ssl-insecure=yes", "action=status"]),
        on("ssl_insecure=TRUE").without(secure).lines(&["ssl_insecure=TRUE", "action=status"]),
        on("ssl_insecure=").without(secure).lines(&["ssl_insecure=", "action=status"]),
        on("ssl_insecure alone").without(secure).lines(&["ssl_insecure", "action=status"]),
        on("ssl_insecure=maybe").without(secure).lines(&["ssl_insecure=maybe", "action=status"]),
        on("REQUESTS_CA_BUNDLE")
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"]),
        on("CURL_CA_BUNDLE")
            .without(secure)
            .environment("CURL_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"]),
        on("SSL_CERT_FILE")
            .without(secure)
            .environment("SSL_CERT_FILE", "{bundle}")
            .lines(&["action=off"])
            .differs("ssl_cert_file", FAILS, POWERED_OFF),
        on("a bundle that is not there")
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "/nonexistent/bundle")
            .lines(&["action=off"]),
        on("a bundle, and the name in the subject only")
            .setup(with(|config| config.certificate = CertificateConfig::CommonNameOnly))
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"])
            .differs("common-name", POWERED_OFF, FAILS),
        on("a bundle, and another host")
            .setup(with(|config| config.certificate = CertificateConfig::OtherHost))
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"]),
        on("a bundle, and a certificate that has expired")
            .setup(with(|config| config.certificate = CertificateConfig::Expired))
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"]),
        on("a bundle with the authority")
            .setup(with(|config| config.certificate = CertificateConfig::OwnCa))
            .without(secure)
            .environment("REQUESTS_CA_BUNDLE", "{bundle}")
            .lines(&["action=off"]),
        on("TLS 1.2").setup(with(|config| config.tls = TlsVersions::Only12)).lines(&["action=off"]),
        on("TLS 1.3").setup(with(|config| config.tls = TlsVersions::Only13)).lines(&["action=off"]),
        on("gnutlscli_path").lines(&["gnutlscli_path=/nonexistent", "action=status"]),
        on("notls").lines(&["notls=1", "action=status"]),
        on("ssl_ca_bundle")
            .without(secure)
            .lines(&["ssl_ca_bundle={bundle}", "action=off"])
            .differs("tls-parameters", FAILS, POWERED_OFF),
        on("ssl_fingerprint")
            .without(secure)
            .lines(&["ssl_fingerprint={fingerprint}", "action=off"])
            .differs("tls-parameters", FAILS, POWERED_OFF),
    ]
}

#[test]
fn paths() {
    compare(path_cases());
}

fn path_cases() -> Vec<Case> {
    vec![
        on("systems_uri").lines(&["systems_uri=/redfish/v1/Systems/1", "action=status"]),
        on("systems-uri").lines(&["systems-uri=/redfish/v1/Systems/1", "action=off"]),
        on("systems_uri, reboot").lines(&["systems_uri=/redfish/v1/Systems/1"]),
        on("systems_uri with a slash").lines(&["systems_uri=/redfish/v1/Systems/1/", "action=off"]),
        on("systems_uri of nothing").lines(&["systems_uri=/redfish/v1/Systems/2", "action=off"]),
        on("systems_uri of the collection")
            .lines(&["systems_uri=/redfish/v1/Systems", "action=off"]),
        on("systems_uri without its first slash")
            .lines(&["systems_uri=redfish/v1/Systems/1", "action=status"]),
        on("systems_uri=").lines(&["systems_uri=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("systems_uri that is a URL")
            .lines(&["systems_uri=https://127.0.0.1:{port}/redfish/v1/Systems/1", "action=status"]),
        on("redfish_uri").lines(&["redfish_uri=/redfish/v1", "action=status"]),
        on("redfish-uri with a slash").lines(&["redfish-uri=/redfish/v1/", "action=off"]),
        on("redfish_uri of nothing").lines(&["redfish_uri=/rest/v1", "action=status"]),
        on("redfish_uri above the root").lines(&["redfish_uri=/redfish", "action=status"]),
        on("redfish_uri=").lines(&["redfish_uri=", "action=status"]).differs("empty", FAILS, IS_ON),
        on("redfish_uri of a system").lines(&["redfish_uri=/redfish/v1/Systems/1", "action=off"]),
    ]
}

#[test]
fn systems() {
    compare(system_cases());
}

fn system_cases() -> Vec<Case> {
    let two = || with(|config| config.systems.push(RedfishSystem::new("2")));
    let hgx = || with(|config| config.systems.push(RedfishSystem::hgx_baseboard()));
    vec![
        on("two systems").setup(two()).lines(&["action=status"]).differs("systems", IS_ON, FAILS),
        on("two systems, off").setup(two()).lines(&["action=off"]).differs(
            "systems",
            (0, "Success: Powered OFF", "2:off"),
            FAILS,
        ),
        on("two systems, a path")
            .setup(two())
            .lines(&["systems_uri=/redfish/v1/Systems/1", "action=off"]),
        on("two systems, a path and a plug").setup(two()).lines(&[
            "systems_uri=/redfish/v1/Systems/2",
            "plug=node1",
            "action=off",
        ]),
        on("two systems, the last by its id").setup(two()).lines(&["plug=2", "action=off"]),
        on("two systems, the first by its id")
            .setup(two())
            .lines(&["plug=1", "action=off"])
            .differs("systems", (0, "Success: Powered OFF", "2:off"), POWERED_OFF),
        on("two systems, the last by its host name")
            .setup(two())
            .lines(&["port=host-2.example", "action=off"]),
        on("two systems, a node that is none of them")
            .setup(two())
            .lines(&["port=node1", "action=off"])
            .differs("systems", (0, "Success: Powered OFF", "2:off"), FAILS),
        on("a baseboard without reset").setup(hgx()).lines(&["action=status"]),
        off("a baseboard without reset, the machine is off")
            .setup(hgx())
            .lines(&["action=status"])
            .differs("baseboard", IS_ON, IS_OFF),
        on("a baseboard without reset, off").setup(hgx()).lines(&["action=off"]).differs(
            "baseboard",
            FAILS,
            POWERED_OFF,
        ),
        off("a baseboard without reset, on").setup(hgx()).lines(&["action=on"]).differs(
            "baseboard",
            ALREADY_ON,
            (0, "Success: Powered ON\n", "on"),
        ),
        on("no system")
            .setup(with(|config| config.systems[0].has_reset = false))
            .lines(&["action=off"]),
        on("two pages")
            .setup(with(|config| {
                config.page_size = 1;
                config.systems.push(RedfishSystem::new("2"));
            }))
            .lines(&["plug=2", "action=off"])
            .differs("pages", POWERED_OFF, (0, "Success: Powered OFF\n", "2:off")),
        on("reset types in ActionInfo")
            .setup(with(|config| config.systems[0].published_resets = PublishedResets::ActionInfo))
            .lines(&["action=reboot"]),
        on("reset types nowhere")
            .setup(with(|config| config.systems[0].published_resets = PublishedResets::Nowhere))
            .lines(&["action=reboot"]),
    ]
}

#[test]
fn values() {
    compare(value_cases());
}

fn value_cases() -> Vec<Case> {
    let slow = |config: &mut RedfishConfig| config.power_delay = Duration::from_millis(1500);
    let slow_and_shown = |config: &mut RedfishConfig| {
        config.power_delay = Duration::from_millis(1500);
        config.powering_states = true;
    };
    let stuck = |config: &mut RedfishConfig| config.faults.ignore_resets = true;
    let stuck_off = |config: &mut RedfishConfig| config.faults.ignore_on = true;
    vec![
        on("method=onoff").lines(&["method=onoff"]),
        on("method=cycle").lines(&["method=cycle"]).differs(
            "method",
            REBOOTED,
            (0, "Success: Rebooted\n", "PowerCycle"),
        ),
        off("method=cycle when it is off").lines(&["method=cycle"]),
        on("method=cycle and off").lines(&["method=cycle", "action=off"]),
        on("method=warm").lines(&["method=warm", "action=status"]).differs("method", IS_ON, FAILS),
        on("power_timeout=-1").lines(&["power_timeout=-1", "action=off"]).differs(
            "negative",
            POWERED_OFF,
            FAILS,
        ),
        on("method=").lines(&["method=", "action=reboot"]),
        on("a machine that takes 1.5 s").setup(with(slow)).lines(&["power_timeout=5"]),
        on("PoweringOff").setup(with(slow_and_shown)).lines(&["power_timeout=5", "action=off"]),
        off("PoweringOn").setup(with(slow_and_shown)).lines(&["power_timeout=5", "action=on"]),
        on("a machine that never goes off")
            .setup(with(stuck))
            .lines(&["power_timeout=1", "action=off"]),
        on("a machine that never goes off, reboot").setup(with(stuck)).lines(&["power_timeout=1"]),
        on("a machine that does not come on again")
            .setup(with(stuck_off))
            .lines(&["power_timeout=1"]),
        on("a machine that does not come on again, retry_on=2")
            .setup(with(stuck_off))
            .lines(&["power_timeout=1", "retry_on=2"]),
        off("a machine that does not come on")
            .setup(with(stuck_off))
            .lines(&["power_timeout=1", "action=on"]),
        off("a machine that does not come on, retry_on=0").setup(with(stuck_off)).lines(&[
            "power_timeout=1",
            "retry_on=0",
            "action=on",
        ]),
        on("verbose_level=7").lines(&["verbose_level=7", "action=status"]),
        off("diag of a machine that is off").lines(&["action=diag"]),
        on("diag with retry_on=0").lines(&["action=diag", "retry_on=0"]),
        on("validate-all without user").without(&["username"]).lines(&["action=validate-all"]),
        on("validate-all without password").without(&["password"]).lines(&["action=validate-all"]),
        on("validate-all with a script")
            .without(&["password"])
            .lines(&["action=validate-all", "password_script=false"]),
        on("validate-all with a wrong path")
            .lines(&["action=validate-all", "systems_uri=x"])
            .differs("validate-all", (0, "", ""), FAILS),
        on("validate-all with a wrong address")
            .lines(&["action=validate-all", "ip=https://x"])
            .differs("validate-all", (0, "", ""), FAILS),
        on("list without user").without(&["username"]).lines(&["action=list"]),
    ]
}

#[test]
fn credentials() {
    compare(credential_cases());
}

fn credential_cases() -> Vec<Case> {
    let read_only = || with(|config| config.users[0].role = Role::ReadOnly);
    vec![
        on("a user who may only look, status").setup(read_only()).lines(&["action=status"]),
        on("a user who may only look, off")
            .setup(read_only())
            .lines(&["power_timeout=1", "action=off"]),
        on("a user who may only look, reboot").setup(read_only()).lines(&["power_timeout=1"]),
        on("a user who may only look, diag").setup(read_only()).lines(&["action=diag"]).differs(
            "diag",
            (0, "Success: Rebooted", ""),
            (1, "", ""),
        ),
        off("a user who may only look, off when it is off")
            .setup(read_only())
            .lines(&["action=off"]),
        on("an operator")
            .setup(with(|config| config.users[0].role = Role::Operator))
            .lines(&["action=reboot"]),
        on("a wrong user, status").lines(&["username=nobody", "action=status"]),
        on("a password that is not ASCII")
            .setup(RedfishBmc::with_password("p\u{e4}ssw\u{f6}rd"))
            .lines(&["password=p\u{e4}ssw\u{f6}rd", "action=off"])
            .differs("passwords", FAILS, POWERED_OFF),
        on("a password beyond Latin-1")
            .setup(RedfishBmc::with_password("\u{20ac}uro"))
            .lines(&["password=\u{20ac}uro", "action=off"])
            .differs("passwords", FAILS, POWERED_OFF),
        on("a user that is not ASCII")
            .setup(Setup { user: "b\u{e4}r", ..Setup::default() })
            .lines(&["username=b\u{e4}r", "action=off"])
            .differs("passwords", FAILS, POWERED_OFF),
        on("a colon in a password")
            .setup(RedfishBmc::with_password("a:b"))
            .lines(&["password=a:b", "action=off"]),
        on("a colon in a user").lines(&["username=admin:x", "action=status"]),
        on("blanks in a password")
            .setup(RedfishBmc::with_password("a b"))
            .lines(&["password=a b", "action=off"]),
        on("a long password")
            .setup(RedfishBmc::with_password(LONG))
            .lines(&[LONG_LINE, "action=off"]),
        on("no Basic").setup(with(|config| config.basic = false)).lines(&["action=off"]).differs(
            "sessions",
            FAILS,
            POWERED_OFF,
        ),
        on("a password that must be changed")
            .setup(with(|config| {
                config.quirks.insert(Quirk::PasswordChangeRequired);
            }))
            .lines(&["action=off"]),
    ]
}

const LONG: &str = "0123456789012345678901234567890123456789012345678901234567890123456789";
const LONG_LINE: &str =
    "password=0123456789012345678901234567890123456789012345678901234567890123456789";

#[test]
fn services() {
    compare(service_cases());
}

fn service_cases() -> Vec<Case> {
    vec![
        on("a reset that is answered with a message")
            .setup(with(|config| config.acknowledgement = Acknowledgement::Message))
            .lines(&["action=reboot"]),
        on("a reset that is a task")
            .setup(with(|config| {
                config.acknowledgement = Acknowledgement::Task(TaskConfig::new());
            }))
            .lines(&["action=reboot"]),
        on("no forced off")
            .setup(with(without_force_off))
            .lines(&["power_timeout=1", "action=off"]),
        on("no forced off, graceful_off=1")
            .setup(with(without_force_off))
            .lines(&["power_timeout=1", "graceful_off=1", "action=off"])
            .differs("graceful_off", FAILS, (0, "Success: Powered OFF\n", "GracefulShutdown")),
        on("no Nmi")
            .setup(with(|config| config.systems[0].reset_types = vec![ResetType::ForceOff]))
            .lines(&["action=diag"])
            .differs("diag", (0, "Success: Rebooted", ""), FAILS),
        on("resets that fail")
            .setup(with(|config| misanswer(config, Requests::Resets, u32::MAX, status(500))))
            .lines(&["power_timeout=1", "action=off"]),
        on("resets that fail, diag")
            .setup(with(|config| misanswer(config, Requests::Resets, u32::MAX, status(500))))
            .lines(&["power_timeout=1", "action=diag"])
            .differs("diag", (0, "Success: Rebooted", ""), FAILS),
        on("a reset that is taken and lost")
            .setup(with(|config| misanswer(config, Requests::Resets, 1, status(204))))
            .lines(&["power_timeout=7", "action=off"])
            .differs("dropped", FAILS, POWERED_OFF),
        on("a reset whose answer is lost")
            .setup(with(|config| {
                misanswer(config, Requests::Resets, 1, Misanswer::CloseAt(Place::Start));
            }))
            .lines(&["action=off"])
            .differs("lost-answer", (1, "", "off"), (0, "Success: Powered OFF\n", "off off")),
        on("a reset that is redirected by 301")
            .setup(with(|config| {
                let to = RedirectTarget::TrailingSlash;
                misanswer(config, Requests::Resets, 1, Misanswer::Redirect { status: 301, to });
            }))
            .lines(&["power_timeout=1", "action=off"])
            .differs("redirected", FAILS, POWERED_OFF),
        on("a reset that is redirected by 308")
            .setup(with(|config| {
                let to = RedirectTarget::TrailingSlash;
                misanswer(config, Requests::Resets, 1, Misanswer::Redirect { status: 308, to });
            }))
            .lines(&["action=off"]),
        on("redirected round and round")
            .setup(with(|config| {
                let to = RedirectTarget::Itself;
                misanswer(
                    config,
                    Requests::Gets,
                    u32::MAX,
                    Misanswer::Redirect { status: 308, to },
                );
            }))
            .lines(&["action=status"]),
        on("busy at first")
            .setup(with(|config| misanswer(config, Requests::Gets, 1, status(503))))
            .lines(&["action=status"])
            .differs("busy", FAILS, IS_ON),
        on("busy while it goes off")
            .setup(with(|config| {
                misanswer(config, Requests::SystemGets, 1, status(503));
                config.faults.answers[0].skip = 2;
            }))
            .lines(&["systems_uri=/redfish/v1/Systems/1", "stonith_status_sleep=0", "action=off"])
            .differs("bad-poll", (1, "", "off"), POWERED_OFF),
        on("systems that are no JSON")
            .setup(with(|config| {
                misanswer(config, Requests::SystemGets, u32::MAX, Misanswer::GarbageForJson);
            }))
            .lines(&["power_timeout=1", "action=off"]),
        on("no root").setup(with(|config| {
            misanswer(config, Requests::Gets, u32::MAX, status(404));
        })),
        on("a root without Systems")
            .setup(with(|config| quirk(config, Quirk::RootWithoutSystems)))
            .lines(&["action=off"])
            .differs("root", FAILS, POWERED_OFF),
        on("Members is null")
            .setup(with(|config| quirk(config, Quirk::MembersNull)))
            .lines(&["action=off"]),
        on("names that are not UTF-8")
            .setup(with(|config| quirk(config, Quirk::NotUtf8)))
            .lines(&["action=off"]),
        on("a byte order mark")
            .setup(with(|config| quirk(config, Quirk::ByteOrderMark)))
            .lines(&["action=off"])
            .differs("json", FAILS, POWERED_OFF),
        on("NaN").setup(with(|config| quirk(config, Quirk::NanInBody))).lines(&["action=off"]),
        on("names that are there twice")
            .setup(with(|config| quirk(config, Quirk::DuplicateKeys)))
            .lines(&["action=off"]),
        on("connections that are closed at each answer")
            .setup(with(|config| quirk(config, Quirk::CloseEach)))
            .lines(&["action=reboot"]),
        on("connections without a good-bye")
            .setup(with(|config| quirk(config, Quirk::NoCloseNotify)))
            .lines(&["action=reboot"]),
        on("redirects to a slash")
            .setup(with(|config| quirk(config, Quirk::SlashRedirect)))
            .lines(&["action=reboot"]),
        on("links with a slash")
            .setup(with(|config| quirk(config, Quirk::TrailingSlashUris)))
            .lines(&["action=reboot"]),
        on("OData-Version is wanted")
            .setup(with(|config| quirk(config, Quirk::NeedsOdataVersion)))
            .lines(&["action=reboot"]),
        on("If-Match is refused")
            .setup(with(|config| quirk(config, Quirk::IfMatchRefused)))
            .lines(&["action=off"]),
        on("If-Match is wanted")
            .setup(with(|config| quirk(config, Quirk::IfMatchRequired)))
            .lines(&["power_timeout=1", "action=off"])
            .differs("if-match", FAILS, POWERED_OFF),
        on("On is refused shortly after off")
            .setup(with(|config| quirk(config, Quirk::OnConflict)))
            .lines(&["power_timeout=1", "action=reboot"]),
    ]
}

#[test]
fn power_states() {
    compare(power_state_cases());
}

/// Only off is off.
fn power_state_cases() -> Vec<Case> {
    vec![
        on("PowerState is missing")
            .setup(with(|config| config.faults.power_state = Some(PowerStateFault::Missing)))
            .lines(&["power_timeout=1", "action=status"]),
        on("PowerState is null")
            .setup(with(|config| config.faults.power_state = Some(PowerStateFault::Null)))
            .lines(&["power_timeout=1", "action=off"]),
        on("PowerState is a number")
            .setup(with(|config| config.faults.power_state = Some(PowerStateFault::Number)))
            .lines(&["power_timeout=1", "action=monitor"]),
        on("PowerState is PoweringOff")
            .setup(with(|config| power_state(config, "PoweringOff")))
            .lines(&["action=status"]),
        on("PowerState is PoweringOff for ever")
            .setup(with(|config| power_state(config, "PoweringOff")))
            .lines(&["power_timeout=1", "action=off"]),
        on("PowerState is PoweringOn, status")
            .setup(with(|config| power_state(config, "PoweringOn")))
            .lines(&["action=status"]),
        on("PowerState is PoweringOn, on")
            .setup(with(|config| power_state(config, "PoweringOn")))
            .lines(&["action=on"]),
        on("PowerState is Paused")
            .setup(with(|config| power_state(config, "Paused")))
            .lines(&["action=status"]),
        on("PowerState is off")
            .setup(with(|config| power_state(config, "off")))
            .lines(&["action=status"]),
        on("PowerState is OFF, on")
            .setup(with(|config| power_state(config, "OFF")))
            .lines(&["action=on", "power_timeout=1"])
            .differs("unsettled", ALREADY_ON, (1, "", "on on")),
        on("PowerState is PoweringOff, on")
            .setup(with(|config| power_state(config, "PoweringOff")))
            .lines(&["action=on", "power_timeout=1", "retry_on=0"])
            .differs("unsettled", ALREADY_ON, (1, "", "on")),
        on("PowerState is empty")
            .setup(with(|config| power_state(config, "")))
            .lines(&["action=status"]),
        on("PowerState is Unknown, off")
            .setup(with(|config| power_state(config, "Unknown")))
            .lines(&["power_timeout=1", "action=off"]),
        off("PowerState has blanks")
            .setup(with(|config| power_state(config, " Off ")))
            .lines(&["action=status"]),
    ]
}

fn with(change: fn(&mut RedfishConfig)) -> Setup {
    Setup { change, ..Setup::default() }
}

fn without_force_off(config: &mut RedfishConfig) {
    config.systems[0].reset_types = vec![ResetType::On, ResetType::GracefulShutdown];
}

fn quirk(config: &mut RedfishConfig, quirk: Quirk) {
    config.quirks.insert(quirk);
}

fn power_state(config: &mut RedfishConfig, text: &str) {
    config.faults.power_state = Some(PowerStateFault::Text(text.to_owned()));
}

fn misanswer(config: &mut RedfishConfig, requests: Requests, times: u32, what: Misanswer) {
    config.faults = Faults::of_answers(AnswerFault { requests, skip: 0, times: Some(times), what });
}

fn status(status: u16) -> Misanswer {
    Misanswer::Status(CannedAnswer { status, retry_after: None, body: CannedBody::Empty })
}

#[test]
fn command_lines() {
    compare(command_line_cases());
}

fn command_line_cases() -> Vec<Case> {
    vec![
        on("words beside their options").command_line(
            "-a127.0.0.1 -u{port} -ladmin -psecret --ssl-insecure --power-wait=0 -ooff",
        ),
        on("long options").command_line(
            "--ip=127.0.0.1 --ipport={port} --username=admin --password=secret --ssl-insecure --action=status",
        ),
        on("long options and values").command_line(
            "--ip 127.0.0.1 --ipport {port} --username admin --password secret --ssl-insecure --action status",
        ),
        on("combined switches")
            .command_line("-a 127.0.0.1 -u {port} -l admin -p secret -qvz --ssl-insecure -o status"),
        on("prefixes").command_line("{bmc} --act status --user admin --sys /redfish/v1/Systems/1"),
        on("a prefix that is ambiguous").command_line("{bmc} -o status --ssl-"),
        on("-z").command_line("-a 127.0.0.1 -u {port} -l admin -p secret -z -o status"),
        on("--ssl").command_line("-a 127.0.0.1 -u {port} -l admin -p secret --ssl -o status"),
        on("--ssl-secure").command_line("{bmc} --ssl-secure -o status"),
        on("--ssl-insecure with a value").command_line("{bmc} --ssl-insecure=1 -o status"),
        on("--systems-uri").command_line("{bmc} --systems-uri /redfish/v1/Systems/1 -o off"),
        on("--systems_uri").command_line("{bmc} --systems_uri /redfish/v1/Systems/1 -o off"),
        on("--redfish-uri").command_line("{bmc} --redfish-uri=/redfish/v1 -o off"),
        on("--method").command_line("{bmc} --method=cycle").differs(
            "method",
            FAILS,
            (0, "Success: Rebooted\n", "PowerCycle"),
        ),
        on("-m").command_line("{bmc} -m onoff").differs("method", FAILS, REBOOTED),
        on("an address with a port").command_line(
            "-a 127.0.0.1:{port} -l admin -p secret --ssl-insecure -o off",
        ),
        on("no user on the command line").command_line("-a 127.0.0.1 -u {port} -p secret -o off"),
        on("no password on the command line").command_line("-a 127.0.0.1 -u {port} -l admin -o off"),
        on("options of fence_ipmilan").command_line("{bmc} -P -o status"),
        on("a plug on the command line")
            .command_line("{bmc} --plug=1 -o status")
            .differs("plug-option", FAILS, IS_ON),
    ]
}

#[test]
fn a_fence_operation_is_one_connection() {
    let connections = |agent: Agent| {
        let bmc = RedfishSim::start_at("127.0.0.1:0", |_| {});
        agent.lines(bmc.lines()).run().expect(0, "Success: Rebooted\n");
        let Counts { connections, handshakes, .. } = bmc.counts();
        (connections, handshakes)
    };
    assert_eq!(connections(Agent::python("fence_redfish")), (9, 9));
    assert_eq!(connections(Agent::redfish()), (1, 1));
}

/// The Python agent does not look at what a reset is answered.
#[test]
fn a_reset_that_is_refused_is_told_and_not_waited_for() {
    let run = |agent: Agent| {
        let bmc =
            RedfishSim::start_at("127.0.0.1:0", |config| config.users[0].role = Role::ReadOnly);
        agent.lines(bmc.lines()).lines(["action=off", "power_timeout=3"]).run()
    };
    let python = run(Agent::python("fence_redfish"));
    assert!(python.took > Duration::from_secs(2), "{python:#?}");
    assert!(python.expect(1, "").stderr.contains("Timed out waiting to power OFF"), "{python:#?}");
    let ours = run(Agent::redfish());
    assert!(ours.took < Duration::from_secs(2), "{ours:#?}");
    ours.expect_failure("privilege too low");
}

#[test]
fn a_service_that_hangs_is_given_up() {
    let start = |agent: Agent| {
        let bmc = RedfishSim::start_at("127.0.0.1:0", |config| {
            misanswer(config, Requests::All, u32::MAX, Misanswer::HangAt(Place::Start));
        });
        let running = agent.lines(bmc.lines()).lines(["power_timeout=1", "action=status"]).start();
        (bmc, running)
    };
    let (bmc, mut python) = start(Agent::python("fence_redfish"));
    bmc.wait_for(|event| matches!(event, RedfishEventKind::Misanswered { .. }));
    let (_bmc, ours) = start(Agent::redfish());
    ours.finish().expect_failure("BMC hangs: ");
    assert!(python.is_running());
}

#[test]
fn the_environment_may_name_a_proxy() {
    let environments = [
        (&["HTTPS_PROXY"][..], "", true),
        (&["https_proxy"], "", true),
        (&["ALL_PROXY"], "", true),
        (&["all_proxy"], "", true),
        (&["HTTP_PROXY", "http_proxy"], "", false),
        (&["HTTPS_PROXY"], "127.0.0.1", false),
        (&["HTTPS_PROXY"], "bmc.example, 127.0.0.1", false),
        (&["HTTPS_PROXY"], "127.0.0.0/8", false),
        (&["HTTPS_PROXY"], "*", false),
        (&["HTTPS_PROXY"], "10.0.0.0/8,.example", true),
    ];
    check_all(environments.to_vec(), |&(names, except, is_used)| {
        [Agent::python("fence_redfish"), Agent::redfish()].into_iter().try_for_each(|agent| {
            let bmc = RedfishSim::start_at("127.0.0.1:0", |_| {});
            let proxy = HttpProxy::start();
            let agent = agent.lines(bmc.lines()).lines(["action=off"]);
            let agent = agent.environment("NO_PROXY", except);
            let run = names.iter().fold(agent, |agent, name| agent.environment(name, &proxy.url()));
            run.run().expect(0, "Success: Powered OFF\n");
            let is_met = (proxy.tunnels() > 0) == is_used;
            is_met.then_some(()).ok_or_else(|| format!("{names:?}, but {except}: {run:?}"))
        })
    });
}
