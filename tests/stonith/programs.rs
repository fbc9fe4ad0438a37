//! Fence agents that are programs: Debian's in Python, and some of the test.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::controller::{NodeReply, PATIENCE, Site, table};
use crate::support::ipmi_sim::IpmiSim;

/// Writes a program. In another process: a file that is open for writing in this one, or in a child that another test
/// is just starting, cannot be executed.
pub fn install(folder: &Path, name: &str, script: &str) {
    fs::create_dir_all(folder).expect("a folder");
    let mut install = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(folder.join(name))
        .stdin(Stdio::piped())
        .spawn()
        .expect("install is there");
    install.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("it reads");
    assert!(install.wait().expect("it ends").success());
}

/// A power strip: its plugs and their states are the lines of a file. An agent of the shell, because it starts fast.
pub const PLUGS: &str = r#"#!/bin/sh
case "$*" in *metadata*) action=metadata ;; esac
[ -n "$action" ] || while IFS= read -r line; do
    case $line in
    action=*) action=${line#*=} ;;
    plugs=*) plugs=${line#*=} ;;
    plug=*) plug=${line#*=} ;;
    esac
done
switch() { sed -i "s/^$plug .*/$plug $1/" "$plugs"; }
case $action in
metadata)
    cat <<END
<?xml version="1.0" ?>
<resource-agent name="fence_plugs" shortdesc="A file">
<longdesc>A file</longdesc>
<parameters>
<parameter name="action" required="1"><getopt mixed="-o" /><content type="string" default="reboot" /></parameter>
<parameter name="ip" required="1"><getopt mixed="-a" /><content type="string" /></parameter>
<parameter name="password"><getopt mixed="-p" /><content type="string" /></parameter>
<parameter name="plug" required="1"><getopt mixed="-n" /><content type="string" /></parameter>
<parameter name="plugs" required="1"><getopt mixed="--plugs" /><content type="string" /></parameter>
</parameters>
<actions>
<action name="on" /><action name="off" /><action name="reboot" /><action name="status" />
<action name="list" /><action name="list-status" /><action name="monitor" /><action name="metadata" />
</actions>
</resource-agent>
END
    ;;
list) sed 's/ .*/,/' "$plugs" ;;
list-status) sed 's/ /,,/' "$plugs" ;;
monitor) [ -e "$plugs" ] || { echo "the power strip does not answer" >&2; exit 1; } ;;
status)
    grep -q "^$plug " "$plugs" || { echo "there is no plug $plug" >&2; exit 1; }
    grep -qx "$plug on" "$plugs" || exit 2
    ;;
off) [ ! -e "$plugs.hangs" ] || sleep 1000; switch off ;;
on) switch on ;;
reboot) switch off; switch on ;;
*) exit 1 ;;
esac
"#;

/// A configuration with a power strip, and these parameters.
fn strip(site: &Site, plugs: &str) -> String {
    let folder = site.path("agents");
    install(&folder, "fence_plugs", PLUGS);
    let plugs = site.write("plugs", plugs);
    format!(
        "agent = \"fence_plugs\"\nagent_directories = [{folder:?}]\n\
         hostlist = \"node1 node2=node2 other=plug3\"\n[parameters]\nip = \"pdu\"\nplugs = {plugs:?}\n"
    )
}

#[test]
fn debians_agent_in_python_fences_where_the_native_one_is_not_asked_for() {
    let bmc = IpmiSim::start();
    let site = Site::new();
    let folder = site.path("agents");
    let agent = fs::read_to_string("/usr/sbin/fence_ipmilan").expect("run ./tests/run");
    install(&folder, "fence_pyipmi", &agent);
    let config = format!("agent = \"fence_pyipmi\"\nagent_directories = [{folder:?}]\n");
    let controller = site.start(&(config + &table("targets.node1", bmc.lines())));
    controller.wait_until_reachable(1);
    let done = NodeReply::success("node1", "off, as the agent says");
    assert_eq!(controller.fence("off", &["node1"]), [done]);
    assert!(!bmc.is_on());
    assert_eq!(controller.ask(json!({"request": "power", "node": "node1"}))["state"], "off");
}

/// That of this project counts more than a program of the same name.
#[test]
fn the_native_agent_is_the_one_that_is_meant() {
    let bmc = crate::support::sim::Sim::start();
    let site = Site::new();
    let folder = site.path("agents");
    install(&folder, "fence_ipmilan", "#!/bin/sh\nexit 1\n");
    let config = format!("agent_directories = [{folder:?}]\n");
    let controller = site.start(&(config + &super::ipmi(&[("node1", bmc.lines())])));
    assert_eq!(controller.fence("off", &["node1"]), [NodeReply::success("node1", "off")]);
}

#[test]
fn plugs_are_named_by_the_list_of_hosts() {
    let site = Site::new();
    let controller = site.start(&strip(&site, "node1 on\nnode2 on\nplug3 on\n"));
    controller.wait_until_reachable(1);
    let replies = controller.fence("off", &["other", "node1"]);
    assert!(replies.iter().all(|reply| reply.result.is_ok()), "{replies:?}");
    let plugs = fs::read_to_string(site.path("plugs")).expect("a file");
    assert_eq!(plugs, "node1 off\nnode2 on\nplug3 off\n");
}

#[test]
fn a_program_that_says_that_its_device_is_gone_is_believed_and_one_plug_is_not_the_device() {
    let site = Site::new();
    let controller = site.start(&("keepalive = 0.2\n".to_owned() + &strip(&site, "node1 on\n")));
    controller.wait_until_reachable(1);
    // Of the plugs node2 and plug3 there is none.
    let power = controller.ask(json!({"request": "power", "node": "node2"}));
    assert!(power["reason"].as_str().expect("a reason").contains("no plug node2"), "{power}");
    controller.wait_until_reachable(1);
    fs::remove_file(site.path("plugs")).expect("it is there");
    let status = controller.wait_for(|status| status["devices"][0]["state"] == "unreachable");
    let reason = status["devices"][0]["reason"].as_str().expect("a reason");
    assert!(reason.contains("the power strip does not answer"), "{reason}");
    let (replies, reached) = controller.connect().fence("off", &["node1"]);
    assert!(replies[0].result.is_err(), "{replies:?}");
    assert!(!reached);
    site.write("plugs", "node1 on\n");
    controller.wait_until_reachable(1);
}

/// Command lines of processes that have this among their arguments.
fn processes_with(argument: &str) -> Vec<String> {
    let processes = fs::read_dir("/proc").expect("/proc").flatten();
    let lines = processes.filter_map(|entry| fs::read_to_string(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split('\0').any(|word| word == argument)).collect()
}

#[test]
fn a_program_that_hangs_is_ended_with_all_that_it_has_started() {
    let site = Site::new();
    let script = PLUGS.replace("sleep 1000", &format!("sleep 1000.{}", std::process::id()));
    let sleeping = format!("1000.{}", std::process::id());
    let config = strip(&site, "node1 on\nnode2 on\n");
    install(&site.path("agents"), "fence_plugs", &script);
    site.write("plugs.hangs", "");
    let controller = site.start(&config);
    let mut connection = controller.connect();
    let begin = Instant::now();
    connection.send_fence("off", &["node1"], Duration::from_secs(3));
    while processes_with(&sleeping).is_empty() {
        assert!(begin.elapsed() < PATIENCE);
    }
    let (replies, _) = connection.fenced();
    assert!(replies[0].result.as_ref().unwrap_err().contains("timed out"), "{replies:?}");
    assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
    assert_eq!(processes_with(&sleeping), [""; 0]);

    // At the end of the controller as well.
    connection.send_fence("off", &["node1"], PATIENCE);
    while processes_with(&sleeping).is_empty() {
        assert!(begin.elapsed() < 2 * PATIENCE);
    }
    controller.stop();
    assert_eq!(processes_with(&sleeping), [""; 0]);
    let (replies, _) = connection.fenced();
    assert!(replies.iter().all(|reply| reply.result.is_err()), "{replies:?}");
    assert_eq!(fs::read_to_string(site.path("plugs")).expect("a file"), "node1 on\nnode2 on\n");
}
