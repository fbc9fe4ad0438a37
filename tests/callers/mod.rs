//! Those who call fence agents, each in its own words and in its own environment: a module for each.
//!
//! [`CALLERS`] shows them all; the table in docs/interoperability.md is made of it.

mod crmsh;
mod dlm;
mod fenced;
mod input;
mod medik8s;
mod ovirt;
mod pacemaker;
mod pcs;
mod proxmox;
mod shell;
mod trial;
mod tripleo;

use std::fmt::Write as _;

use crate::support::page;

struct Caller {
    name: &'static str,
    /// Its version, and whether it was run or read.
    known_from: &'static str,
    calls: &'static str,
    /// What the tests try.
    tried: &'static str,
    tests: &'static [&'static str],
}

const CALLERS: &[Caller] = &[
    Caller {
        name: "pacemaker",
        known_from: "2.1.5, run",
        calls: "standard input, in any order, with `nodename` and `port` or `plug`; empty values; no `HOME`; kills at its \
                time-out; success must be silent",
        tried: "by pacemaker-fenced itself: every action under every name; a machine that is off; a wrong password; a BMC \
                that hangs; a machine that stays on, until it kills the agent. By calls like its own: every order; the node \
                as `port` or `plug`, and its name among several systems; empty values; a machine that goes off late, or not; \
                signals; metadata for a user without rights, eight at once. Its clusters: see below",
        tests: &[
            "pacemaker::fencer::every_agent_does_what_the_fencer_asks_for",
            "pacemaker::fencer::a_machine_that_is_off_can_be_fenced",
            "pacemaker::fencer::a_wrong_password_is_a_failure_that_is_told",
            "pacemaker::fencer::a_bmc_that_hangs_is_a_failure_that_is_told",
            "pacemaker::fencer::an_agent_that_is_killed_leaves_nothing_that_is_in_the_way",
            "callers::pacemaker::pacemaker_reboots_a_node_in_silence",
            "callers::pacemaker::pacemaker_asks_and_switches_with_the_node_as_port_or_plug",
            "callers::pacemaker::pacemaker_fences_one_of_several_nodes_by_its_name",
            "callers::pacemaker::an_empty_value_of_the_cib_is_no_value",
            "callers::pacemaker::a_port_is_the_address_only_with_port_as_ip",
            "callers::pacemaker::under_pacemaker_fenced_a_machine_that_goes_off_late_is_fenced",
            "callers::pacemaker::a_signal_ends_the_agent_with_a_failure_and_closes_the_session",
            "callers::pacemaker::sigkill_leaves_no_process_and_no_file",
            "metadata::they_are_the_same_for_anybody_and_eight_at_once",
        ],
    },
    Caller {
        name: "pcs",
        known_from: "0.11.5, run",
        calls: "reads the metadata, which must fit its schema; with `--agent-validation` has them checked by `validate-all`",
        tried: "`stonith describe` of every agent; `stonith create`, and pacemaker's call with what came of it; what it \
                says of parameters that are wrong, unknown, missing or out of date",
        tests: &[
            "metadata::the_schema_of_pcs_accepts_them",
            "callers::pcs::pcs_describes_every_agent",
            "callers::pcs::pcs_makes_a_device_with_which_pacemaker_fences",
            "callers::pcs::pcs_tells_what_is_wrong_with_a_device",
        ],
    },
    Caller {
        name: "crmsh",
        known_from: "4.4.1, run",
        calls: "reads the metadata",
        tried: "`ra info` of every agent; `configure primitive`, and pacemaker's call with what came of it; an unknown \
                parameter",
        tests: &[
            "callers::crmsh::crmsh_describes_every_agent",
            "callers::crmsh::crmsh_makes_a_device_with_which_pacemaker_fences",
            "callers::crmsh::crmsh_tells_what_is_wrong_with_a_device",
        ],
    },
    Caller {
        name: "TripleO (puppet-pacemaker)",
        known_from: "last version, read; pcs 0.11.5, run",
        calls: "pcs, with old names and quotes: `ssl_insecure=\"false\"`; then pacemaker. Of old it sent `timeout`, and the \
                quotes, too",
        tried: "its `pcs stonith create` by a shell, then pacemaker's call; `false` checks certificates; the port behind \
                the address and in `ipport`",
        tests: &[
            "callers::tripleo::tripleo_fences",
            "callers::tripleo::tripleo_fences_by_redfish",
            "callers::tripleo::puppet_of_old_is_understood",
        ],
    },
    Caller {
        name: "fenced (cman)",
        known_from: "libfence of cman 3, read",
        calls: "standard input: the node's, `nodename`, `agent`, the device's, by old names; `option` of old; the exit code \
                counts",
        tried: "fencing by the default action and by `option`; unfencing; `fence_node -S`",
        tests: &[
            "callers::fenced::fenced_fences",
            "callers::fenced::fenced_of_old_switches_off",
            "callers::fenced::fence_node_unfences_and_asks",
        ],
    },
    Caller {
        name: "dlm_controld",
        known_from: "dlm 4, read",
        calls: "standard input: the device's, the node's, `node`, `fail_time`, and no action unless dlm.conf has one; the \
                exit code counts",
        tried: "fencing with `connect` and with `fence_all`; unfencing",
        tests: &[
            "callers::dlm::dlm_controld_fences",
            "callers::dlm::dlm_controld_fences_every_node_by_one_device",
            "callers::dlm::dlm_controld_unfences",
        ],
    },
    Caller {
        name: "oVirt (vdsm)",
        known_from: "vdsm, and the engine's defaults in 4.5, read",
        calls: "standard input: `ipaddr`, `login`, `action` (of old `option`), `passwd`, `port`, `secure`, then the engine's \
                options for the kind of BMC, without a last newline; as user vdsm; exit code 2 of a status is off",
        tried: "fencing; the power by exit code; words for other agents; on, off and reboot with the options that the engine \
                adds for drac7, ilo3, ilo4, ipmilan and redfish; `OPERATOR`, by a user who may log in no higher",
        tests: &[
            "callers::ovirt::ovirt_fences",
            "callers::ovirt::ovirt_reads_the_power_from_the_exit_code",
            "callers::ovirt::ovirt_sends_words_for_other_agents",
            "callers::ovirt::ovirts_options_for_each_bmc_are_understood",
            "callers::ovirt::ovirt_of_old_is_understood",
        ],
    },
    Caller {
        name: "medik8s (fence-agents-remediation)",
        known_from: "main branch, and older, read",
        calls: "command line, `--name=value`; to check a template `--action status --name value`, of old with an empty word \
                behind a switch; `Status: ON` within 15 s",
        tried: "fencing and the check, by a user without rights or capabilities, on a root that is read-only, without a \
                home; a silent BMC",
        tests: &[
            "callers::medik8s::medik8s_fences",
            "callers::medik8s::medik8s_of_old_fences",
            "callers::medik8s::medik8s_checks_a_template",
            "callers::medik8s::medik8s_learns_in_time_that_a_bmc_is_silent",
        ],
    },
    Caller {
        name: "Proxmox VE (pve-ha-manager)",
        known_from: "main branch, read",
        calls: "command line by a shell: `-k value` for names of one letter, `--name=value` for others; the exit code counts",
        tried: "fencing by either; one of two systems by `plug`; a password that means something to a shell",
        tests: &[
            "callers::proxmox::proxmox_fences",
            "callers::proxmox::proxmox_fences_by_letters",
            "callers::proxmox::proxmox_names_the_system",
            "callers::proxmox::a_password_for_shells_is_passed_on_by_proxmox",
        ],
    },
];

#[test]
fn the_page_lists_every_caller() {
    for Caller { name, tests, .. } in CALLERS {
        for test in *tests {
            assert!(page::is_test(test), "{name}: {test} is no test");
        }
    }
    page::expect_part("docs/interoperability.md", "callers", &table());
}

fn table() -> String {
    let mut text = String::from(
        "| caller | known from | how it calls | what is tried | by |\n|---|---|---|---|---|\n",
    );
    for Caller { name, known_from, calls, tried, tests } in CALLERS {
        let short = |test: &&str| format!("`{}`", test.trim_start_matches("callers::"));
        let tests = tests.iter().map(short).collect::<Vec<_>>().join(", ");
        let _ = writeln!(text, "| {name} | {known_from} | {calls} | {tried} | {tests} |");
    }
    text
}
