//! README.md

use super::{Block, Document, Runs, block};

#[test]
fn every_command_of_the_readme_does_what_is_said() {
    let document = Document {
        text: include_str!("../../README.md"),
        blocks: BLOCKS,
        filled_in: &[
            ("ssl_fingerprint=…", "ssl_fingerprint='\"$FINGERPRINT\"'"),
            ("password=…", "password=secret"),
            ("password = \"…\"", "password = \"secret\""),
        ],
    };
    document.play();
}

const BLOCKS: &[Block] = &[
    Block { prints: &["agent >  Success: Rebooted", "Redfish"], ..block("./demo") },
    Block { runs: Runs::Never, ..block("./tests/run") },
    Block { prints: &["Status: ON"], ..block("cargo build --release") },
    Block { prints: &["Fingerprint=", "Status: ON"], ..block("openssl s_client") },
    Block {
        runs: Runs::ForEver,
        prints: &["127.0.0.1:9623", "127.0.0.1:8443", "20 BMCs"],
        ..block("target/release/bmc-sim")
    },
    Block { prints: &["power was still ON"], ..block("target/release/fencectl demo") },
    Block { runs: Runs::AsFile, ..block("# ~/.config/fencectl/inventory.toml") },
    Block { runs: Runs::AsFile, ..block("# ~/.config/fencectl/secrets.toml") },
    Block {
        code: 1,
        prints: &[
            "bmc020  ON ",
            "fencectl: 20 of 20 done",
            "bmc003  off",
            "rebooted",
            "fencectl: 10 of 10 done",
        ],
        ..block("target/release/fencectl status")
    },
    Block {
        prints: &["pcs stonith create", "crm configure"],
        ..block("target/release/fencectl diagnose")
    },
    Block {
        prints: &["fence_apc_snmp", "ssl_fingerprint"],
        ..block("target/release/fencectl agents")
    },
    Block { prints: &["fence_dummy"], ..block("target/release/fencectl run") },
    Block {
        then: "ls /usr/local/share/man/man8; wc -l /usr/share/bash-completion/completions/fencectl",
        prints: &["fencectl-power.8", "fence_ilo4.8"],
        ..block("target/release/fencectl man")
    },
    Block {
        then: "readlink -f /usr/sbin/fence_ilo4; /usr/sbin/fence_ilo4 --version",
        prints: &[concat!("/usr/sbin/fence_ilo4\n", env!("CARGO_PKG_VERSION"))],
        ..block("for name in")
    },
    Block {
        then: "head -1 /usr/sbin/fence_ilo4; ls /usr/sbin/*.python",
        code: 2,
        prints: &["python3", "No such file"],
        ..block("for name in")
    },
];
