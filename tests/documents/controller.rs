//! docs/controller.md

use std::io::{BufRead as _, BufReader, Write as _};

use super::{Block, CRMSH, Document, Runs, block, blocks};
use crate::support::controller::{Site, table};
use crate::support::sim::Sim;

const PAGE: &str = include_str!("../../docs/controller.md");

#[test]
fn every_command_of_the_controller_does_what_is_said() {
    let document = Document {
        text: PAGE,
        blocks: BLOCKS,
        filled_in: &[
            ("password=…", "password=secret"),
            ("password = \"…\"", "password = \"secret\""),
        ],
    };
    document.play();
}

/// In the place of systemd, which does not run here: see these two.
const SYSTEMD: &str = "install tests/documents/systemctl tests/documents/journalctl /usr/bin/";

/// No cluster runs, either: pcs is told in which file its configuration is, which crmsh finds by itself.
const PCS: &str = r#"pcs() { command pcs -f "$CIB_file" "$@"; }"#;

/// The same, and those who have the controller as a resource have another cluster.
const RESOURCE: &str = r#"
CIB_file=${CIB_file%/*}/resource.xml
cp tests/documents/cib.xml "$CIB_file"
pcs() { command pcs -f "$CIB_file" "$@"; }
"#;

/// What the configuration says, in which pacemaker finds no error. (It warns of a cluster that does not run.)
const SHOW: &str = r#"
if crm_verify -V --xml-file "$CIB_file" 2>&1 | grep -i error; then exit 1; fi
grep -E '<primitive|<fencing-level|pcmk_action_limit' "$CIB_file"
"#;

const DEVICE: &str = r#"<primitive id="fence-rack1" class="stonith" type="fence_controller">"#;

/// One that is for several nodes at a time.
const DEVICES: &[&str] = &[DEVICE, r#"name="pcmk_action_limit" value="-1""#];

const LEVELS: &[&str] = &[
    r#"index="1" devices="fence-rack1""#,
    r#"index="2" devices="fence-node1""#,
    r#"index="2" devices="fence-node2""#,
];

const BLOCKS: &[Block] = &[
    Block {
        before: SYSTEMD,
        then: "stonith-controller --version; /usr/lib/ocf/resource.d/stonith/ipmilan meta-data",
        prints: &[env!("CARGO_PKG_VERSION"), "<resource-agent name=\"ipmilan\""],
        ..block("install -m 755")
    },
    Block {
        then: "stat --format '%a %U' /etc/stonith-controller /etc/stonith-controller/rack1.toml",
        prints: &["700 root\n600 root\n"],
        ..block("install -d -m 700")
    },
    Block { runs: Runs::AsFile, ..block("# /etc/stonith-controller/rack1.toml") },
    Block {
        prints: &[
            "node1: fence_ipmilan 10.0.0.11:623\nnode2: fence_ipmilan 10.0.0.12:623\nnode3: ",
        ],
        ..block("stonith-controller check")
    },
    Block {
        prints: &["fence_ipmilan 10.0.0.11:623: answered ", " s ago (node1)\n"],
        ..block("systemctl enable --now")
    },
    Block { before: PCS, then: SHOW, prints: DEVICES, ..block("pcs stonith create") },
    Block { before: CRMSH, then: SHOW, prints: DEVICES, ..block("crm configure primitive") },
    Block { before: PCS, then: SHOW, prints: LEVELS, ..block("for node in") },
    Block { before: CRMSH, then: SHOW, prints: LEVELS, ..block("crm configure fencing_topology") },
    Block {
        before: "tests/documents/fenced",
        then: SWITCH,
        prints: &["fence-rack1\n", "Status: OFF\nStatus: ON\n", "using fence-rack1 returned 0"],
        ..block("stonith_admin --list node1")
    },
    Block {
        runs: Runs::AsFile,
        then: "stonith-controller check --config /etc/stonith-controller/rack2.toml",
        prints: &["node4: fence_ipmilan 10.0.0.14:623\nnode5: fence_redfish 10.0.0.15:443\n"],
        ..block("# /etc/stonith-controller/rack2.toml")
    },
    Block { before: RESOURCE, then: VALIDATE, prints: RESOURCES, ..block("pcs resource create") },
    Block {
        before: RESOURCE,
        then: VALIDATE,
        prints: RESOURCES,
        ..block("crm configure primitive")
    },
    Block {
        before: "sed -i 's/^\\[param/keepalive = 5\\n&/' /etc/stonith-controller/rack1.toml",
        prints: &["fence_ipmilan 10.0.0.13:623: answered ", " s ago (node3)\n"],
        ..block("stonith-controller check")
    },
    // The one before has taken its change over; this one does not.
    Block {
        before: "sed -i 's/^keepalive = 5/keepalive = 6/' /etc/stonith-controller/rack1.toml",
        then: WARNED,
        prints: &[
            "rack1.toml is no longer what this controller was started with: changes of it take a restart",
        ],
        ..block("systemctl reload")
    },
    Block { prints: &["10.0.0.12:623: answered "], ..block("stonith-controller status rack1") },
    Block {
        prints: &[
            "node1: off (fence_ipmilan 10.0.0.11:623)\n",
            "controller rack1: stopped\n",
            "SIGHUP",
        ],
        ..block("journalctl")
    },
    // See the other test.
    Block { runs: Runs::Never, ..block("{\"version\":1") },
];

/// The controller shows whether the machine is really switched, and pacemaker-fenced tells by which device.
const SWITCH: &str = r#"
status() { printf 'controller=rack1\nplug=node1\naction=status\n' | fence_controller || [ $? = 2 ]; }
stonith_admin --fence node1
status
stonith_admin --unfence node1
status
grep "'reboot'" "${CIB_file%/*}/fenced.log"
"#;

/// What the configuration says where the controller is a resource; its parameters are to the agent's liking.
const VALIDATE: &str = r#"
if crm_verify -V --xml-file "$CIB_file" 2>&1 | grep -i error; then exit 1; fi
grep -E '<primitive|<clone|<rsc_order|hostlist|requires' "$CIB_file"
crm_resource --validate --resource rack1
"#;

const RESOURCES: &[&str] = &[
    r#"<primitive id="rack1" class="ocf" "#,
    r#"<clone id="rack1-clone">"#,
    r#"name="requires" value="nothing""#,
    r#"value="node1=10.0.0.11 node2=10.0.0.12 node3=10.0.0.13""#,
    DEVICE,
    r#"first="rack1-clone""#,
];

const WARNED: &str =
    "for _ in $(seq 200); do ! grep restart /var/log/rack1.journal || break; sleep 0.05; done";

/// `…` is any text; nodes are told of as soon as it is known what became of them.
#[test]
fn the_lines_of_the_socket_are_exchanged_as_they_are_shown() {
    let shown =
        blocks(PAGE).into_iter().find(|block| block.starts_with("{\"version\"")).expect("lines");
    let (asked, expected) = shown.trim_end().split_once('\n').expect("answers");
    let (good, silent) = (Sim::start(), Sim::start_with(|config| config.faults.silent = true));
    let site = Site::new();
    let dead = [silent.lines(), vec!["login_timeout=1".to_owned()]].concat();
    let tables = table("targets.node1", dead) + &table("targets.node2", good.lines());
    let controller = site.start(&format!("agent = \"fence_ipmilan\"\n{tables}"));
    let mut connection = controller.connect().stream;
    connection.write_all(format!("{asked}\n").as_bytes()).expect("it reads");
    let answers = BufReader::new(connection).lines().map(|line| line.expect("an answer"));
    let mut answers: Vec<_> = answers.take(expected.lines().count()).collect();
    let mut expected: Vec<_> = expected.lines().collect();
    assert!(
        is_as_shown(answers.last().expect("an end"), expected.last().expect("an end")),
        "{answers:?}"
    );
    assert_eq!(answers.len(), expected.len());
    answers.sort();
    expected.sort_unstable();
    let is_all = answers.iter().zip(&expected).all(|(answer, shown)| is_as_shown(answer, shown));
    assert!(is_all, "{answers:#?} {expected:#?}");
}

fn is_as_shown(answer: &str, shown: &str) -> bool {
    match shown.split_once('…') {
        Some((begin, end)) => answer.starts_with(begin) && answer.ends_with(end),
        None => answer == shown,
    }
}
