//! docs/moving-over.md

use super::{Block, CRMSH, Document, block};

#[test]
fn every_command_of_moving_over_does_what_is_said() {
    let document = Document {
        text: include_str!("../../docs/moving-over.md"),
        blocks: BLOCKS,
        filled_in: &[
            ("ssl_fingerprint=…", "ssl_fingerprint=$FINGERPRINT"),
            ("ssl_fingerprint …", "ssl_fingerprint $FINGERPRINT"),
            ("password=…", "password=secret"),
            ("PASSWORD=…", "PASSWORD=secret"),
        ],
    };
    document.play();
}

/// What the configuration says of fence devices and levels.
const SHOW: &str = "cibadmin --query | grep -E '<primitive|<fencing-level'";

/// What the configuration says where `node1` has two devices.
const TWO: &[&str] = &[
    r#"<primitive id="fence-node1-native" class="stonith" type="fence_ipmilan_native">"#,
    r#"index="1" devices="fence-node1-native""#,
    r#"index="2" devices="fence-node1""#,
];

/// The fence devices and levels must be as they were in the beginning.
const IS_AS_BEFORE: &str = r#"
devices() { sed -n '/<primitive/,/<\/primitive>/p; /<fencing-level/p' | sed 's/^ *//'; }
devices <tests/documents/cib.xml | diff - <(cibadmin --query | devices)
"#;

/// The BMC shows whether its machine is really switched, and pacemaker-fenced tells by which device.
const SWITCH: &str = r#"
status() { printf 'ip=10.0.0.5\nusername=admin\npassword=secret\nlanplus=1\naction=status\n' | fence_ipmilan_native || true; }
stonith_admin --fence node1
status
stonith_admin --unfence node1
status
grep "'reboot'" "${CIB_file%/*}/fenced.log"
"#;

const BLOCKS: &[Block] = &[
    block("cargo build --release"),
    Block { prints: &["pcs stonith create", "crm configure"], ..block("FENCECTL_PASSWORD=…") },
    Block {
        then: "stonith_admin --list-installed | grep native",
        prints: &["fence_ipmilan_native", "fence_redfish_native"],
        ..block("install -m 755")
    },
    Block { then: SHOW, prints: TWO, ..block("umask 077") },
    Block { before: CRMSH, then: SHOW, prints: TWO, ..block("crm configure show") },
    Block {
        before: "tests/documents/fenced",
        then: SWITCH,
        prints: &["Status: OFF\nStatus: ON\n", "using fence-node1-native returned 0"],
        ..block("stonith_admin --reboot node1")
    },
    Block { then: IS_AS_BEFORE, ..block("pcs cluster cib trial.xml") },
    Block { before: CRMSH, then: IS_AS_BEFORE, ..block("crm configure delete") },
    Block {
        then: "! ls /usr/sbin/*_native 2>/dev/null",
        ..block("rm /usr/sbin/fence_ipmilan_native")
    },
    Block {
        then: "fence_ilo4 --version; head -1 /usr/sbin/fence_ilo4.python",
        prints: &[concat!(env!("CARGO_PKG_VERSION"), "\n#!/usr/bin/python3")],
        ..block("apt install")
    },
    // The reader takes one of the two ways.
    Block {
        before: "apt remove native-fence-agents; head -1 /usr/sbin/fence_ilo4",
        then: "fence_ilo4 --version",
        prints: &["\n#!/usr/bin/python3", env!("CARGO_PKG_VERSION")],
        ..block("for name in")
    },
    Block { prints: &[env!("CARGO_PKG_VERSION")], ..block("fence_ipmilan --version") },
    Block { then: FINGERPRINT, prints: &["is used"], ..block("umask 077") },
    Block { before: CRMSH, then: FINGERPRINT, prints: &["is used"], ..block("crm resource param") },
    Block {
        before: "apt install ./target/packages/native-fence-agents_*.deb",
        then: "[ ! -L /usr/sbin/fence_ilo4 ]; fence_ilo4 --version",
        prints: &["Removing native-fence-agents", env!("CARGO_PKG_VERSION")],
        ..block("apt remove")
    },
    Block {
        then: "head -1 /usr/sbin/fence_ilo4; ! ls /usr/sbin/*.python 2>/dev/null",
        prints: &["python3"],
        ..block("for name in")
    },
];

/// The device takes the certificate with the fingerprint, and no other.
const FINGERPRINT: &str = r#"
grep "name=\"ssl_fingerprint\" value=\"$FINGERPRINT\"" "$CIB_file"
[ "$(grep -c 'name="ssl_insecure"' "$CIB_file")" = 0 ]
echo is used
"#;
