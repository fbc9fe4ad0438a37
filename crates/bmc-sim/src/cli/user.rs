use std::path::PathBuf;

use zeroize::Zeroizing;

use super::Error;

/// Who may log in.
#[derive(clap::Args)]
pub(super) struct UserOptions {
    /// The name of the only user, an administrator.
    #[arg(id = "user", long = "user", value_name = "NAME", default_value = "admin")]
    pub(super) name: String,
    /// The user's password. Others can see it while this runs: it is for play.
    #[arg(long, default_value = "secret", conflicts_with = "password_file")]
    password: String,
    /// A file whose first line is the user's password.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
}

impl UserOptions {
    pub(super) fn password(&self) -> Result<Zeroizing<String>, Error> {
        let Some(path) = &self.password_file else {
            return Ok(Zeroizing::new(self.password.clone()));
        };
        let text = std::fs::read_to_string(path)
            .map(Zeroizing::new)
            .map_err(|source| Error::PasswordFile { path: path.clone(), source })?;
        Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
    }
}
