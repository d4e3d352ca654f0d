//! There is one place that decides, writes records, calls and takes answers: the session of the core. Whoever has one is
//! named here; a second driver would be a name more.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Every Rust file of the packages, but for their tests.
pub(crate) fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let folders = ["relman-core/src", "relman-adapters/src", "relman-testkit/src", "benches", "examples"];
    let mut files = Vec::new();
    let mut left: Vec<PathBuf> = folders.iter().map(|folder| root.join(folder)).collect();
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let is_test = path.file_stem().is_some_and(|name| name == "tests" || name == "target");
            if path.is_dir() && !is_test {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// The files in which code calls something; comments and documentation may name it.
fn callers(what: &str) -> Vec<String> {
    let calls =
        |text: &str| text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(what));
    sources().into_iter().filter(|(_, text)| calls(text)).map(|(name, _)| name).collect()
}

#[test]
fn law8_only_the_session_decides_and_writes() {
    // A deep verification decides again, on a copy, and writes nothing.
    let again = ["relman-core/src/machine/deep/unmarked.rs", "relman-core/src/machine/deep/whole.rs"];
    assert_eq!(
        callers(" decide(&mut "),
        [&again[..], &["relman-core/src/machine/session/session.rs"]].concat()
    );
    let writes = ["relman-core/src/event/record.rs", "relman-core/src/machine/replay.rs"];
    assert_eq!(callers("Self::write(release,"), writes[..1]);
    assert_eq!(callers("Record::write("), writes[1..]);
    // Records that nobody decides: a past that a test is given, and what it expects.
    assert_eq!(
        callers("Record::seal("),
        ["relman-testkit/src/scenario/expected.rs", "relman-testkit/src/scenario/past.rs"]
    );
}

#[test]
fn law8_whoever_drives_has_a_session() {
    assert_eq!(
        callers("Session::open("),
        [
            "benches/benches/core.rs",
            "relman-adapters/src/conductor/driver.rs",
            "relman-testkit/src/run/stage.rs",
            "relman-testkit/src/runner.rs",
        ]
    );
    assert_eq!(
        callers("Session::record("),
        ["relman-adapters/src/releases.rs", "relman-testkit/src/run/stage.rs"]
    );
}
