//! Releases of earlier versions may be called what no release is called today. They are read, and no file leaves its
//! folder because of them.

use std::{
    io::Cursor,
    path::{Component, Path},
};

use relman_adapters::{
    handover::{export, import},
    journal::SqliteJournal,
    package::package,
};
use relman_core::{
    chain::{Digest, Envelope, SealedLine},
    machine::Release,
    port::{Journal, JournalExt, Streams},
    report::Templates,
    unit::ReleaseId,
};
use relman_testkit::DemoScenario;
use zip::ZipArchive;

const NAMES: [&str; 8] = [".", "..", "...", ".hidden", "-x", "--help", "_", "_x"];

/// The first records of a release of the demo under another name, linked anew.
fn recorded(name: &str) -> (ReleaseId, Vec<SealedLine>) {
    let run = DemoScenario::ErrorSpike.simulation().run(DemoScenario::ErrorSpike.team()).unwrap();
    let old = format!("\"{}\"", run.release.id());
    let mut prev = Digest::ZERO;
    let is_alone = |line: &Vec<u8>| Envelope::read(line).unwrap().batch.is_none();
    let some = (40..run.lines.len()).find(|last| is_alone(&run.lines[*last])).unwrap();
    let renamed = run.lines.into_iter().take(some + 1).map(|line| {
        let line = String::from_utf8(line).unwrap().replace(&old, &format!("{name:?}"));
        let mut envelope = Envelope::read(line.as_bytes()).unwrap();
        (envelope.stream, envelope.prev) = (ReleaseId::recorded(name).unwrap().into(), prev);
        let line = envelope.seal().unwrap();
        prev = line.digest();
        line
    });
    let renamed = renamed.collect();
    (ReleaseId::recorded(name).unwrap(), renamed)
}

/// Whether a path leads to a file below where it starts, which no tool takes for an option or hides.
fn stays(path: &str) -> bool {
    Path::new(path).components().all(|part| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with(['.', '-']),
        _ => false,
    })
}

#[tokio::test]
async fn a_release_with_a_name_of_before_is_read_packed_and_handed_over() {
    let folder = tempfile::tempdir().unwrap();
    let journal = SqliteJournal::open(folder.path().join("old.db")).unwrap();
    for name in NAMES {
        let (id, lines) = recorded(name);
        journal.append(&(&id).into(), None, &lines, crate::support::index()).await.unwrap();
        let lines = journal.read_to_end(&(&id).into(), 0).await.unwrap();
        let release = Release::replay(id.clone(), lines.iter().map(Vec::as_slice)).unwrap();
        assert_eq!(release.plan().unwrap().release(), &id);

        let archive = package(&id, &lines, &Templates::default()).unwrap();
        let archive = ZipArchive::new(Cursor::new(archive)).unwrap();
        for file in archive.file_names() {
            let file = file.unwrap();
            assert!(file.starts_with(&format!("{}/", id.file_stem())) && stays(&file), "{name}: {file}");
        }
    }
    let mut streams: Vec<String> = journal
        .every_stream(Streams::All)
        .await
        .unwrap()
        .into_iter()
        .map(|stream| stream.stream.to_string())
        .collect();
    streams.sort_by_key(|name| NAMES.iter().position(|known| known == name));
    assert_eq!(streams, NAMES);

    let handed = folder.path().join("outer/handed");
    let now = "2026-12-01T08:00:00.000Z".parse().unwrap();
    let (manifest, _) = export(&journal, &handed, &[], now).await.unwrap();
    let mut files: Vec<String> = std::fs::read_dir(handed.join("releases"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files.len(), NAMES.len());
    assert!(files.iter().all(|file| stays(file)), "{files:?}");
    assert_eq!(std::fs::read_dir(folder.path().join("outer")).unwrap().count(), 1, "nothing is beside it");
    let new = SqliteJournal::open(folder.path().join("new.db")).unwrap();
    let imported = import(&handed, &new, None).await.unwrap();
    assert_eq!(imported.manifest, manifest);
    if let Ok(output) = std::process::Command::new("python3").arg(handed.join("verify.py")).output() {
        assert!(output.status.success(), "{output:?}");
    }
}
