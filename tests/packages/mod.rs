//! The packages that `packaging/build` makes: what becomes of a system while they are installed, upgraded and removed,
//! beside, before, after and without Debian's own agents. The stories are in `stories`, and each is told in a Debian
//! system of its own, see `stage`; one more are the commands of `docs/packages.md`.

use std::path::{Path, PathBuf};
use std::{env, fs};

use tempfile::TempDir;

use crate::documents::{blocks, in_namespaces};
use crate::support::peers::folder_of;

/// How each block of the page begins, and what is true after it.
const PAGE: &[(&str, &str)] = &[
    ("packaging/build", PYTHON),
    ("apt install", "are_native; are_python .python; fencectl --version"),
    ("fence_ipmilan --version", "are_native"),
    ("apt remove native-fence-agents", "are_python"),
];

/// The page has its packages made by who runs the tests, and Debian's are there before.
const PYTHON: &str = r#"dpkg --install "$debian"; note"#;

const END: &str = "dpkg --purge fencectl native-fence-agents; as_noted; is_purged";

#[test]
fn packages_can_come_and_go_in_any_order() {
    let folder = TempDir::new().unwrap();
    let write = |name: &str, text: String| fs::write(folder.path().join(name), text).unwrap();
    let [there, back] = by_hand();
    write("readme-there", there);
    write("readme-back", back);
    write("names", names());
    write("page.sh", page());
    let mut stories = stories();
    stories.push(folder.path().join("page.sh"));
    let told = tell(folder.path(), &stories);
    let bad: String = told.into_iter().filter_map(Result::err).collect();
    assert!(bad.is_empty(), "{bad}");
}

#[test]
fn packages_have_the_version_of_the_programs() {
    let changelog = include_str!("../../packaging/changelog");
    let expected = format!("native-fence-agents ({}) ", env!("CARGO_PKG_VERSION"));
    assert!(changelog.starts_with(&expected), "{changelog}");
}

/// What the documents say of doing it without the package: there, and back.
fn by_hand() -> [String; 2] {
    let diverting = |document| {
        blocks(document)
            .into_iter()
            .filter(|block| block.contains("dpkg-divert"))
            .collect::<Vec<_>>()
    };
    let shown = diverting(include_str!("../../README.md"));
    assert_eq!(shown, diverting(include_str!("../../docs/moving-over.md")));
    shown.try_into().unwrap()
}

fn names() -> String {
    fencing::agents::all().iter().map(|definition| format!("{}\n", definition.agent.name)).collect()
}

fn page() -> String {
    let shown = blocks(include_str!("../../docs/packages.md"));
    let is_known = shown.len() == PAGE.len()
        && PAGE.iter().zip(&shown).all(|((begins, _), shown)| shown.starts_with(begins));
    assert!(is_known, "the page shows other commands than these tests know: {shown:#?}");
    let played = PAGE.iter().zip(&shown).map(|((begins, then), shown)| match *begins {
        "packaging/build" => format!("{then}\n"),
        _ => format!("{shown}\n{then}\n"),
    });
    played.chain([END.to_owned()]).collect()
}

fn stories() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packages/stories");
    let mut stories: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    stories.sort();
    stories
}

/// Of each story, that it went well, or what it printed.
fn tell(folder: &Path, stories: &[PathBuf]) -> Vec<Result<(), String>> {
    let output = in_namespaces("tests/packages/stage")
        .arg(folder)
        .args(stories)
        .env("FENCE_AGENTS_DEB", folder_of("FENCE_AGENTS_DEB"))
        .output()
        .expect("timeout starts");
    assert!(output.status.success(), "{output:?}");
    stories.iter().map(|story| outcome(&folder.join(story.file_name().unwrap()))).collect()
}

fn outcome(story: &Path) -> Result<(), String> {
    let read = |extension| fs::read(story.with_extension(extension)).unwrap();
    let printed = String::from_utf8_lossy(&read("out")).into_owned();
    match String::from_utf8_lossy(&read("rc")).trim() {
        "0" => Ok(()),
        code => Err(format!("{}: exit code {code}\n{printed}\n", story.display())),
    }
}
