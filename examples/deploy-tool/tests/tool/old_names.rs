//! Names that no release gets today, and releases of earlier versions that have one.

use std::{fs, io::Cursor, path::Path};

use relman_adapters::journal::SqliteJournal;
use relman_core::{
    chain::{Digest, Envelope, SealedLine},
    machine::Release,
    port::Journal,
    unit::ReleaseId,
};
use zip::ZipArchive;

use super::bench::{Bench, PLAN};

const NAMES: [&str; 8] = [".", "..", "...", ".hidden", "-x", "--help", "_", "_x"];

/// A folder whose journal has the same release under each of the old names.
fn of_before() -> Bench {
    let bench = Bench::in_staging();
    let lines = String::from_utf8(bench.export()).unwrap();
    fs::create_dir(bench.path("inner")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let journal = SqliteJournal::open(bench.path("inner/relman.db")).unwrap();
        for name in NAMES {
            let mut prev = Digest::ZERO;
            let renamed = lines.lines().map(|line| {
                let line = line.replace("\"checkout-241\"", &format!("{name:?}"));
                let mut envelope = Envelope::read(line.as_bytes()).unwrap();
                (envelope.stream, envelope.prev) = (ReleaseId::recorded(name).unwrap().into(), prev);
                let line = envelope.seal().unwrap();
                prev = line.digest();
                line
            });
            let renamed: Vec<SealedLine> = renamed.collect();
            let id = ReleaseId::recorded(name).unwrap();
            let release = Release::replay(id.clone(), renamed.iter().map(SealedLine::bytes)).unwrap();
            journal.append(&(&id).into(), None, &renamed, &release.index()).await.unwrap();
        }
    });
    bench
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn no_new_release_gets_such_a_name() {
    let bench = Bench::new();
    for name in NAMES {
        bench.write("odd.toml", PLAN.replace("checkout-241", name));
        let refused = bench.run("--as user:ana plan odd.toml");
        let refused = refused.misused("does not begin with a letter or a digit");
        assert!(refused.err.contains("line 2") && refused.err.contains("release ="), "{refused:?}");
    }
    assert!(!bench.path("relman.db").exists());
}

#[test]
fn a_release_that_has_one_is_shown_and_acted_on_and_no_file_leaves_its_folder() {
    let bench = of_before();
    let before = names_in(&bench.path("."));
    let there = ["--journal", "inner/relman.db"];
    let run = |words: &[&str]| bench.run_words(&[&there, words].concat());
    let all = run(&["status"]).done();
    for name in NAMES {
        assert!(all.out.lines().any(|line| line.starts_with(&format!("{name}: "))), "{name}: {all:?}");
        run(&["status", "--", name]).done();
        run(&["log", "--", name]).done();
        assert!(run(&["export", "--", name]).done().out.contains(&format!("\"stream\":\"release:{name}\"")));
        run(&["--as", "user:dora", "hold", "--reason", "an odd name", "--", name]).done();
        run(&["package", "-o", "inner/package.zip", "--", name]).done();
        let archive = ZipArchive::new(Cursor::new(bench.read("inner/package.zip"))).unwrap();
        for file in archive.file_names() {
            let file = file.unwrap();
            let folder = format!("_{name}/");
            assert!(file.strip_prefix(&folder).is_some_and(|file| !file.contains("..")), "{name}: {file}");
        }
        run(&["verify", "inner/package.zip"]).done();
    }
    run(&["verify", "--deep"]).done();
    run(&["handover", "export", "inner/handed"]).done();
    assert_eq!(names_in(&bench.path("inner/handed/releases")).len(), NAMES.len());
    assert_eq!(names_in(&bench.path(".")), before, "nothing was written beside the folder");
    run(&["package", "-o", "inner/none.zip", "nothing"])
        .refused("there is no release nothing in inner/relman.db");
    bench.run_words(&["--journal", "inner/relman.db", "show", "a/b"]).misused("is not a release id");
}
