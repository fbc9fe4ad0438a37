//! `stonith-controller`, and under any other name the OCF agent in front of it.

use std::process::ExitCode;

fn main() -> ExitCode {
    stonith::main()
}
