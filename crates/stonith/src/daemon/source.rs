//! The file that a controller was started with.

use std::path::PathBuf;

use crate::config::Config;
use crate::instance::InstanceName;

/// Where the configuration came from, and what it was.
#[derive(Debug)]
pub(crate) struct Source {
    path: PathBuf,
    instance: InstanceName,
    mark: String,
}

impl Source {
    /// This configuration came from there.
    pub(crate) fn new(path: PathBuf, config: &Config) -> Self {
        Self { path, instance: config.instance.clone(), mark: config.mark() }
    }

    /// Who has changed the file and sends a signal may think that this is enough.
    pub(super) fn tell_of_changes(&self) {
        let path = self.path.display();
        match Config::read(&self.path, &self.instance) {
            Ok(config) if config.mark() == self.mark => {}
            Ok(_) => log::warn!(
                "{path} is no longer what this controller was started with: changes of it take a restart"
            ),
            Err(error) => log::warn!(
                "this controller goes on as it was started, and would not start again: {error}"
            ),
        }
    }
}
