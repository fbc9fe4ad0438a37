//! Programs that are started through others, such as `nsenter`.

use std::process::Command;

/// A command line that a program and its arguments are put behind. None by default.
#[derive(Clone, Debug, Default)]
pub struct Launcher(Vec<String>);

impl Launcher {
    pub fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// A program, without arguments yet.
    pub fn command(&self, program: &str) -> Command {
        self.launch(&Command::new(program))
    }

    /// A command with its arguments and what it has for its environment.
    pub fn launch(&self, command: &Command) -> Command {
        let words = self.0.iter().map(AsRef::as_ref).chain([command.get_program()]);
        let mut words = words.chain(command.get_args());
        let mut launched = Command::new(words.next().expect("a program"));
        launched.args(words);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => launched.env(name, value),
                None => launched.env_remove(name),
            };
        }
        launched
    }
}
