//! `fencectl`, the command line for people.

use std::process::ExitCode;

fn main() -> ExitCode {
    fencectl::main()
}
