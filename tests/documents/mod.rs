//! Every command that a document shows is run as it stands there, but for what the reader has to fill in, in namespaces
//! of its own: see `stage`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs};

use tempfile::TempDir;

mod controller;
mod moving_over;
mod readme;

/// The readers of the commands of crmsh have another cluster than those of the commands of pcs.
const CRMSH: &str = r#"CIB_file=${CIB_file%/*}/crmsh.xml; [ -e "$CIB_file" ] || cp tests/documents/cib.xml "$CIB_file""#;

struct Document {
    text: &'static str,
    /// Its blocks, in order: how each begins, and what comes of it.
    blocks: &'static [Block],
    /// What its reader knows, and it does not.
    filled_in: &'static [(&'static str, &'static str)],
}

struct Block {
    begins: &'static str,
    runs: Runs,
    /// What is run before it, as nothing else does here.
    before: &'static str,
    /// What is run behind it, to see what it did.
    then: &'static str,
    code: i32,
    prints: &'static [&'static str],
}

/// How the block is run.
enum Runs {
    ToTheEnd,
    /// Each of its lines, until it has said something.
    ForEver,
    /// It is a file, whose name is in its first line.
    AsFile,
    /// Not: it is what runs this.
    Never,
}

const fn block(begins: &'static str) -> Block {
    Block { begins, runs: Runs::ToTheEnd, before: "", then: "", code: 0, prints: &[] }
}

impl Document {
    /// Runs all that it shows.
    #[track_caller]
    fn play(&self) {
        let shown = blocks(self.text);
        let beginnings: Vec<_> = shown.iter().map(|text| text.lines().next().unwrap()).collect();
        let is_known = shown.len() == self.blocks.len()
            && self
                .blocks
                .iter()
                .zip(&beginnings)
                .all(|(block, shown)| shown.starts_with(block.begins));
        assert!(is_known, "it shows other commands than these tests know: {beginnings:#?}");

        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        for (index, (block, shown)) in self.blocks.iter().zip(&shown).enumerate() {
            let fill = |text: String, (gap, known): &(&str, &str)| text.replace(gap, known);
            let script = block.script(&self.filled_in.iter().fold(shown.clone(), fill));
            fs::write(folder.path().join(format!("{index:02}.sh")), script).unwrap();
        }
        play(folder.path());
        for (index, block) in self.blocks.iter().enumerate() {
            block.check(&folder.path().join(format!("{index:02}")));
        }
    }
}

/// What is indented by four blanks, without the indentation. Files that stand one below the other are a block each.
pub fn blocks(document: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block = String::new();
    for line in document.lines().chain(["end"]) {
        match line.strip_prefix("    ") {
            Some(line) => block += &format!("{line}\n"),
            // One block may have empty lines, which a file has and commands have not.
            None if line.is_empty() && begins_file(&block) => block += "\n",
            None if block.is_empty() => {}
            None => blocks.extend(files(&std::mem::take(&mut block))),
        }
    }
    blocks
}

fn files(block: &str) -> Vec<String> {
    let mut files = Vec::<String>::new();
    for line in block.lines() {
        match files.last_mut() {
            Some(file) if !begins_file(line) => *file += &format!("{line}\n"),
            _ => files.push(format!("{line}\n")),
        }
    }
    files
}

/// The first line of a file is its name.
fn begins_file(text: &str) -> bool {
    text.starts_with("# ~/") || text.starts_with("# /")
}

impl Block {
    fn script(&self, shown: &str) -> String {
        format!("{}\n{}\n{}\n", self.before, self.run(shown), self.then)
    }

    fn run(&self, shown: &str) -> String {
        match self.runs {
            Runs::ToTheEnd => shown.to_owned(),
            Runs::Never => String::new(),
            Runs::AsFile => {
                let name = shown.lines().next().unwrap().trim_start_matches("# ");
                format!(
                    "mkdir -p $(dirname {name})\numask 077\ncat >{name} <<'END OF FILE'\n{shown}END OF FILE\n"
                )
            }
            Runs::ForEver => {
                let line = |line| format!("exec 3< <(exec {line})\nhead -1 <&3\nkill $!\n");
                shown.lines().map(line).collect()
            }
        }
    }

    fn check(&self, path: &Path) {
        let read = |extension| fs::read_to_string(path.with_extension(extension)).unwrap();
        let (printed, code) = (read("out"), read("rc"));
        assert_eq!(code.trim(), self.code.to_string(), "{}: {printed}", self.begins);
        for wanted in self.prints {
            assert!(
                printed.contains(wanted),
                "{} does not print '{wanted}': {printed}",
                self.begins
            );
        }
    }
}

/// Runs the scripts in the folder.
fn play(folder: &Path) {
    let home = folder.join("home");
    fs::create_dir(&home).unwrap();
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
    // Rust is where it was.
    let at_home = |name: &str, folder: &str| {
        let home = || Path::new(&env::var_os("HOME").expect("HOME")).join(folder).into_os_string();
        env::var_os(name).unwrap_or_else(home)
    };
    let mut command = in_namespaces("tests/documents/stage");
    // What cargo tells this test would have another cargo build ring, and all that is built on it, anew.
    let is_of_test = |name: &str| {
        let is_setting = ["CARGO_HOME", "CARGO_TARGET_DIR"].contains(&name)
            || ["CARGO_PROFILE_", "CARGO_NET_", "CARGO_BUILD_"].iter().any(|p| name.starts_with(p));
        name == "CARGO" || name.starts_with("CARGO_") && !is_setting
    };
    for (name, _) in env::vars().filter(|(name, _)| is_of_test(name)) {
        command.env_remove(name);
    }
    let output = command
        .arg(folder)
        .env("CARGO_HOME", at_home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", at_home("RUSTUP_HOME", ".rustup"))
        .env("HOME", &home)
        .output()
        .expect("timeout starts");
    assert!(output.status.success(), "{output:?}");
}

/// A script of the repository in namespaces of its own, with all that it starts, for a quarter of an hour at most.
pub fn in_namespaces(script: &str) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--foreground", "--signal=KILL", "900", "unshare", "--mount", "--net", "--pid"])
        .args(["--fork", "--kill-child", "--mount-proc", script])
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}
