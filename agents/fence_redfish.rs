//! `fence_redfish`.

use std::process::ExitCode;

fn main() -> ExitCode {
    fence_agent::main(fencing::agents::redfish::definition)
}
