//! `fence_ipmilan`, and its other names by the name it is called by.

use std::process::ExitCode;

fn main() -> ExitCode {
    fence_agent::main(fencing::agents::ipmilan::definition)
}
