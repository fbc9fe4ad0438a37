//! `fence_controller`.

use std::process::ExitCode;

use stonith::fence_controller::{Controllers, agent};

fn main() -> ExitCode {
    fence_agent::main_by_provider(agent(), Controllers::new())
}
