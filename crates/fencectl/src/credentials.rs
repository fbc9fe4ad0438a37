//! Where the password comes from. Never from the command line, which everybody on the machine can read.

use std::env;
use std::io::{self, IsTerminal as _};
use std::path::Path;

use fencing::Secret;
use zeroize::Zeroizing;

use crate::cli::Devices;
use crate::failure::Failure;
use crate::inventory::{Given, Origin, read_secret_file};

const VARIABLE: &str = "FENCECTL_PASSWORD";

/// What the options say of user and password.
pub(crate) fn from_options(options: &Devices) -> Result<Vec<Given>, Failure> {
    let mut given = Vec::new();
    if let Some(name) = &options.username {
        given.push(parameter("username", Secret::new(name), "--username"));
    }
    if let Some(path) = &options.password_file {
        given.push(parameter("password", from_file(path)?, "--password-file"));
    }
    if let Some(script) = &options.password_script {
        given.push(parameter("password_script", Secret::new(script), "--password-script"));
    }
    Ok(given)
}

/// The password of the environment.
pub(crate) fn from_environment() -> Option<Given> {
    let password = env::var(VARIABLE).ok().filter(|password| !password.is_empty())?;
    Some(parameter("password", Secret::new(password), VARIABLE))
}

/// Asks for the password that the host lacks, where there is somebody to ask.
pub(crate) fn ask(host: &str) -> Result<Given, Failure> {
    if !io::stdin().is_terminal() {
        return Err(Failure::NoPassword { host: host.to_owned() });
    }
    let password = rpassword::prompt_password("Password: ").map_err(Failure::Prompt)?;
    Ok(parameter("password", Secret::new(password), "the password"))
}

/// The first line of the file; nothing else is the password, as editors end files with a new line.
fn from_file(path: &Path) -> Result<Secret, Failure> {
    let path = if path == Path::new("-") { Path::new("/dev/stdin") } else { path };
    let text: Zeroizing<String> = read_secret_file(path)?;
    match text.lines().next() {
        Some(password) if !password.is_empty() => Ok(Secret::new(password)),
        _ => Err(Failure::EmptyPassword(path.to_owned())),
    }
}

fn parameter(name: &str, value: Secret, option: &'static str) -> Given {
    let origin = Origin::Option(option);
    Given { parameter: name.to_owned(), only_for: None, value, origin }
}
