//! A journal is exported and imported, and what is refused on the way.

use std::{fs, path::Path, process::Command};

use relman_adapters::{
    handover::{Arrival, HandoverError, HostFile, VerifiedHandover, export, import},
    journal::{MemoryJournal, SqliteJournal},
};
use relman_core::{
    chain::{Head, SealedLine},
    event::Record,
    machine::Release,
    port::{Journal, JournalExt, Position, Streams, with_causes},
    unit::{ReleaseId, Timestamp},
};
use relman_testkit::DemoScenario;
use tempfile::TempDir;

fn now() -> Timestamp {
    "2026-12-01T08:00:00.000Z".parse().unwrap()
}

/// The lines of a release of the demo, which begins at the same moment every time.
fn recorded(scenario: DemoScenario) -> (ReleaseId, Vec<SealedLine>) {
    let run = scenario.simulation().run(scenario.team()).unwrap();
    let lines = run.lines.into_iter().map(|line| SealedLine::read(line).unwrap());
    (run.release.id().clone(), lines.collect())
}

/// So many records, or as many more as it takes to end with a decision.
fn whole(id: &ReleaseId, lines: &[SealedLine], at_least: usize) -> usize {
    let is_whole =
        |length: &usize| Release::replay(id.clone(), lines[..*length].iter().map(SealedLine::bytes)).is_ok();
    (at_least..=lines.len()).find(is_whole).unwrap()
}

async fn keep(journal: &dyn Journal, id: &ReleaseId, had: Option<Head>, lines: &[SealedLine]) {
    let mut whole = journal.read_to_end(&id.into(), 0).await.unwrap();
    whole.extend(lines.iter().map(|line| line.bytes().to_vec()));
    let index = Release::replay(id.clone(), whole.iter().map(Vec::as_slice)).unwrap().index();
    journal.append(&id.into(), had, lines, &index).await.unwrap();
}

/// A journal with two releases, and its export.
async fn exported() -> (MemoryJournal, TempDir) {
    let journal = MemoryJournal::default();
    for scenario in [DemoScenario::ErrorSpike, DemoScenario::Clean] {
        let (id, lines) = recorded(scenario);
        keep(&journal, &id, None, &lines).await;
    }
    let folder = tempfile::tempdir().unwrap();
    let people = HostFile::new("config/people.toml", "[people]\n");
    export(&journal, &folder.path().join("handover"), &[people], now()).await.unwrap();
    (journal, folder)
}

async fn holds_the_same(one: &dyn Journal, other: &dyn Journal) {
    let streams = one.every_stream(Streams::All).await.unwrap();
    assert_eq!(streams, other.every_stream(Streams::All).await.unwrap());
    for stream in streams {
        let lines = one.read_to_end(&stream.stream, 0).await.unwrap();
        assert_eq!(lines, other.read_to_end(&stream.stream, 0).await.unwrap());
    }
}

#[tokio::test]
async fn everything_arrives_record_for_record_and_may_arrive_again() {
    let (journal, folder) = exported().await;
    let from = folder.path().join("handover");
    let new = SqliteJournal::open(folder.path().join("new.db")).unwrap();
    let imported = import(&from, &new, None).await.unwrap();
    assert!(imported.releases.iter().all(|(_, arrival)| *arrival == Arrival::New));
    holds_the_same(&journal, &new).await;
    let again = import(&from, &new, Some(imported.digest)).await.unwrap();
    assert!(again.releases.iter().all(|(_, arrival)| *arrival == Arrival::Same));
    holds_the_same(&journal, &new).await;

    let exported = folder.path().join("back");
    let people = HostFile::new("config/people.toml", "[people]\n");
    let (manifest, digest) = export(&new, &exported, &[people], now()).await.unwrap();
    assert_eq!(
        (manifest, digest),
        (imported.manifest, imported.digest),
        "exporting again gives the same handover"
    );
}

#[tokio::test]
async fn what_a_journal_has_already_is_continued_and_never_replaced() {
    let (_, folder) = exported().await;
    let from = folder.path().join("handover");
    let (id, lines) = recorded(DemoScenario::ErrorSpike);

    let behind = MemoryJournal::default();
    let had = whole(&id, &lines, 20);
    keep(&behind, &id, None, &lines[..had]).await;
    let imported = import(&from, &behind, None).await.unwrap();
    assert!(imported.releases.contains(&(id.clone(), Arrival::Continued { had: had as u64 })));
    assert_eq!(behind.head(&(&id).into()).await.unwrap(), lines.last().map(SealedLine::head));

    // Another history of the same name, of any length.
    for length in [1, 20, lines.len()] {
        let other = MemoryJournal::default();
        let (other_id, mut others) = recorded(DemoScenario::Override);
        others.truncate(whole(&other_id, &others, length.min(others.len())));
        let others: Vec<SealedLine> = renamed(&others, &id);
        keep(&other, &id, None, &others).await;
        let refused = import(&from, &other, None).await.unwrap_err();
        assert!(
            matches!(&refused, HandoverError::OtherHistory { release, .. } if *release == id),
            "{refused}"
        );
        assert_eq!(other.every_stream(Streams::All).await.unwrap().len(), 1, "nothing was written");
        assert_eq!(other.head(&(&id).into()).await.unwrap(), others.last().map(SealedLine::head));
    }
}

/// The lines of another release under this name, linked anew.
fn renamed(lines: &[SealedLine], id: &ReleaseId) -> Vec<SealedLine> {
    use relman_core::chain::{Digest, Envelope};
    let mut prev = Digest::ZERO;
    let mut renamed = Vec::new();
    for line in lines {
        let mut envelope = Envelope::read(line.bytes()).unwrap();
        (envelope.stream, envelope.prev) = (id.into(), prev);
        let line = envelope.seal().unwrap();
        prev = line.digest();
        renamed.push(line);
    }
    renamed
}

#[tokio::test]
async fn what_does_not_verify_is_refused_and_nothing_is_written() {
    let (_, folder) = exported().await;
    let from = folder.path().join("handover");
    let record = from.join("releases/demo-clean.jsonl");
    let whole = fs::read(&record).unwrap();
    let refused = async |what: &str, says: &str| {
        let journal = MemoryJournal::default();
        let error = with_causes(&import(&from, &journal, None).await.unwrap_err());
        assert!(error.contains(says), "{what}: {error}");
        assert!(journal.every_stream(Streams::All).await.unwrap().is_empty(), "{what}");
        python_refuses(&from, what);
    };

    for place in [0, whole.len() / 2, whole.len() - 2] {
        let mut altered = whole.clone();
        altered[place] ^= 1;
        fs::write(&record, altered).unwrap();
        refused(&format!("byte {place}"), "releases/demo-clean.jsonl").await;
    }
    let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap();
    fs::write(&record, &whole[..=last]).unwrap();
    refused("a tail that was cut off", "the head says that record 1870 is the last").await;
    fs::write(&record, &whole[..whole.len() - 1]).unwrap();
    refused("a line without an end", "no line feed").await;
    fs::remove_file(&record).unwrap();
    refused("a release that is missing", "missing, though").await;
    fs::write(&record, &whole).unwrap();

    fs::write(from.join("releases/extra.jsonl"), &whole).unwrap();
    refused("a release that nobody vouches for", "names no such release").await;
    fs::remove_file(from.join("releases/extra.jsonl")).unwrap();

    let people = from.join("config/people.toml");
    fs::write(&people, "[people]\n\"user:eve\" = [\"executive\"]\n").unwrap();
    refused("people who were not there", "config/people.toml").await;
    fs::write(&people, "[people]\n").unwrap();

    let manifest = fs::read_to_string(from.join("estate.json")).unwrap();
    fs::write(from.join("estate.json"), manifest.replace("\"v\": 1", "\"v\": 2")).unwrap();
    let error = import(&from, &MemoryJournal::default(), None).await.unwrap_err().to_string();
    assert!(error.contains("version 2"), "{error}");
    fs::write(from.join("estate.json"), &manifest).unwrap();

    let other = import(&from, &MemoryJournal::default(), Some(relman_core::chain::Digest::ZERO)).await;
    assert!(other.unwrap_err().to_string().contains("not the expected one"));
    import(&from, &MemoryJournal::default(), None).await.unwrap();
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_new_journal_appears_whole_and_nothing_that_is_there_is_touched() {
    let (journal, folder) = exported().await;
    let handover = VerifiedHandover::read(&folder.path().join("handover"), None).unwrap();
    assert!(handover.open().is_empty(), "the releases of the demo have ended");
    let place = folder.path().join("place");
    fs::create_dir(&place).unwrap();
    let target = place.join("new.db");
    let (imported, swept) = handover.write_new(&target).await.unwrap();
    assert_eq!((&imported.manifest, swept), (handover.manifest(), None));
    assert_eq!(names(&place), ["new.db"], "nothing is beside it");
    holds_the_same(&journal, &SqliteJournal::open_read_only(&target).unwrap()).await;

    let before = fs::read(&target).unwrap();
    let refused = handover.write_new(&target).await.unwrap_err();
    assert!(matches!(&refused, HandoverError::Exists(path) if *path == target), "{refused}");
    assert_eq!(fs::read(&target).unwrap(), before);

    // What was verified is verified once more when it is written: this file has changed since.
    let record = folder.path().join("handover/releases/demo-error-spike.jsonl");
    let text = fs::read_to_string(&record).unwrap();
    fs::write(&record, text.replacen("user:", "usur:", 1)).unwrap();
    let other = place.join("other.db");
    let refused = handover.write_new(&other).await.unwrap_err();
    assert!(matches!(refused, HandoverError::Broken { .. }), "{refused}");
    assert!(!names(&place).iter().any(|name| name.starts_with("other")), "{:?}", names(&place));
}

#[tokio::test]
async fn a_release_that_is_under_way_is_named() {
    let journal = MemoryJournal::default();
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let folder = tempfile::tempdir().unwrap();
    for length in [1, 20, 40, lines.len()].map(|length| whole(&id, &lines, length)) {
        let journal = if length == lines.len() { &journal } else { &MemoryJournal::default() };
        keep(journal, &id, None, &lines[..length]).await;
        let to = folder.path().join(length.to_string());
        export(journal, &to, &[], now()).await.unwrap();
        let handover = VerifiedHandover::read(&to, None).unwrap();
        assert_eq!(handover.open().contains_key(&id), length < lines.len(), "{length}");
    }
}

#[tokio::test]
async fn no_path_of_a_handover_leads_out_of_its_folder() {
    let (journal, folder) = exported().await;
    for path in
        ["../people.toml", "/etc/people.toml", "config/../../people.toml", "./people.toml", "", "a//b", "a/"]
    {
        let file = HostFile::new(path, "[people]\n");
        let to = folder.path().join("out/of/here");
        let refused = export(&journal, &to, &[file], now()).await.unwrap_err().to_string();
        assert!(refused.contains("does not stay in the folder"), "{path}: {refused}");
        assert!(!to.exists());
    }
    let from = folder.path().join("handover");
    let manifest = fs::read_to_string(from.join("estate.json")).unwrap();
    fs::write(folder.path().join("people.toml"), "[people]\n").unwrap();
    for path in ["../people.toml", "/etc/passwd", "config/../config/people.toml"] {
        fs::write(from.join("estate.json"), manifest.replace("config/people.toml", path)).unwrap();
        let refused = VerifiedHandover::read(&from, None).unwrap_err().to_string();
        assert!(refused.contains("not in the folder"), "{path}: {refused}");
        python_refuses(&from, path);
    }
    fs::write(from.join("estate.json"), &manifest).unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink("/dev/zero", from.join("releases/endless.jsonl")).unwrap();
        let refused = VerifiedHandover::read(&from, None).unwrap_err().to_string();
        assert!(refused.contains("releases/endless.jsonl: it is not a regular file"), "{refused}");
        python_refuses(&from, "a link");
    }
}

#[tokio::test]
async fn an_export_never_mixes_with_what_is_there() {
    let (journal, folder) = exported().await;
    let again = export(&journal, &folder.path().join("handover"), &[], now()).await.unwrap_err();
    assert!(matches!(again, HandoverError::NotEmpty(_)), "{again}");
}

/// The script that comes with a handover refuses it, too.
fn python_refuses(from: &Path, what: &str) {
    let Ok(output) = Command::new("python3").arg(from.join("verify.py")).output() else {
        let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
        assert!(!required, "python3 is not installed, and RELMAN_REQUIRE_SERVICES=1 asks for it");
        eprintln!("python3 is not installed: the script of the handover is not tried");
        return;
    };
    assert_eq!(output.status.code(), Some(1), "{what}: {output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("FAILED"), "{what}: {output:?}");
}

#[tokio::test]
async fn the_script_of_a_handover_agrees() {
    let (_, folder) = exported().await;
    let from = folder.path().join("handover");
    let digest = import(&from, &MemoryJournal::default(), None).await.unwrap().digest.to_string();
    let Ok(output) = Command::new("python3").arg(from.join("verify.py")).arg(&digest).output() else {
        eprintln!("python3 is not installed: the script of the handover is not tried");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.starts_with("verified: 2 releases") && said.contains(&digest), "{output:?}");
}

/// A page of an import ends where a decision does: one that is interrupted leaves no part of a decision behind.
#[tokio::test]
async fn an_import_appends_whole_decisions() {
    let (_, folder) = exported().await;
    let journal = MemoryJournal::default();
    import(&folder.path().join("handover"), &journal, None).await.unwrap();
    let appends = journal.changes(Position::START, 1_000).await.unwrap();
    assert!(appends.len() > 10, "{}", appends.len());
    for append in appends {
        let line = journal.read(&append.stream, append.head.seq, 1).await.unwrap().remove(0);
        let batch = Record::read(&line).unwrap().batch;
        assert!(batch.is_none_or(|batch| batch.last() == append.head.seq), "{append:?}: {batch:?}");
    }
}

/// What an import refuses of a stream is what verification says of it.
#[tokio::test]
async fn a_stream_that_ends_in_the_middle_of_a_decision_is_neither_exported_nor_imported() {
    let (id, lines) = recorded(DemoScenario::ErrorSpike);
    let journal = MemoryJournal::default();
    keep(&journal, &id, None, &lines).await;
    let folder = tempfile::tempdir().unwrap();
    let from = folder.path().join("handover");
    export(&journal, &from, &[], now()).await.unwrap();

    let inside = (1..lines.len()).rev().find(|length| whole(&id, &lines, *length) > *length).unwrap();
    let cut = &lines[..inside];
    let head = cut.last().unwrap().head();
    let record = from.join(format!("releases/{id}.jsonl"));
    fs::write(&record, cut.iter().flat_map(|line| [line.bytes(), b"\n"].concat()).collect::<Vec<u8>>())
        .unwrap();
    let manifest = fs::read_to_string(from.join("estate.json")).unwrap();
    let last = lines.last().unwrap().head();
    let manifest = manifest
        .replace(&last.digest.to_string(), &head.digest.to_string())
        .replace(&format!("\"records\": {}", last.seq + 1), &format!("\"records\": {}", head.seq + 1))
        .replace(&format!("\"seq\": {}", last.seq), &format!("\"seq\": {}", head.seq));
    fs::write(from.join("estate.json"), manifest).unwrap();
    let says = format!("{id}, record {inside}: it is missing; the decision that began with record ");
    let error = with_causes(&import(&from, &MemoryJournal::default(), None).await.unwrap_err());
    assert!(error.contains(&says), "{error}");
    python_refuses(&from, "a decision that is cut");

    let index = Release::new(id.clone()).index();
    let journal = MemoryJournal::default();
    journal.append(&(&id).into(), None, cut, &index).await.unwrap();
    let error = with_causes(&export(&journal, &folder.path().join("again"), &[], now()).await.unwrap_err());
    assert!(error.contains(&says), "{error}");
}
