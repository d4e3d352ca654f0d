//! The data of every kind of event, pinned: one file a kind, one example a line, with every field and every word that the kind
//! knows. What was written once is read for ever, and a refactoring that writes it in another way fails here.
//!
//! - `golden/kinds/v2/KIND.json`: what is written today; read and written again, byte by byte.
//! - `golden/kinds/v1/KIND.json`: what was written once and is not any more, from version 1 of the format on; beside it, in
//!   `golden/kinds/read/KIND.json`, what each line is read as.
//!
//! A new kind, or a new version of one, gets its file with `RELMAN_BLESS=1 cargo test -p relman-core --test it kinds`: the
//! examples that the stories of `golden/v2` hold of it. What they don't hold the test names, and it is added by hand. A file that is
//! there is never written again.
#![allow(clippy::disallowed_methods, reason = "a test may, and it reads its files")]

mod shape;

use std::{collections::BTreeSet, fs, path::PathBuf};

use relman_core::{
    chain::{Digest, Envelope, FormatVersion},
    event::{Event, Record, RecordError},
};
use serde::Deserialize;
use serde_json::{
    Value,
    value::{RawValue, to_raw_value},
};

use shape::Shape;

/// An event as a record has it.
#[derive(Deserialize)]
struct Example<'a> {
    kind: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// The file of a kind; the version of one has no slash there.
fn file_of(folder: &str, kind: &str) -> PathBuf {
    let name = format!("{}.json", kind.replace('/', "-"));
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kinds").join(folder).join(name)
}

fn lines_of(folder: &str, kind: &str) -> Vec<String> {
    let text = fs::read_to_string(file_of(folder, kind)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// The kinds that have a file in a folder.
fn kinds_in(folder: &str) -> BTreeSet<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kinds").join(folder);
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| path.file_stem().unwrap().to_string_lossy().replace('-', "/")).collect()
}

/// What is read of the data of a kind: the event as it is written today.
fn read(kind: &str, data: &RawValue) -> Result<String, String> {
    read_in(FormatVersion::CURRENT, kind, data)
}

/// The same in an envelope of a version.
fn read_in(version: FormatVersion, kind: &str, data: &RawValue) -> Result<String, String> {
    let envelope = Envelope {
        version,
        stream: "release:checkout-241".parse().unwrap(),
        seq: 7,
        prev: Digest::ZERO,
        at: "2026-11-23T08:00:00.000Z".parse().unwrap(),
        clock: None,
        by: "system:relman".parse().unwrap(),
        batch: None,
        kind: kind.into(),
        data: data.into(),
    };
    let line = envelope.seal().map_err(|error| error.to_string())?;
    match Record::read(line.bytes()) {
        Ok(record) => Ok(serde_json::to_string(&record.event).unwrap()),
        Err(RecordError::Data { source, .. }) => Err(source.to_string()),
        Err(other) => Err(other.to_string()),
    }
}

/// The same for data that were altered: what they are written as.
fn reader(kind: &str) -> impl Fn(&Value) -> Result<Value, String> {
    move |data| {
        let written = read(kind, &to_raw_value(data).unwrap())?;
        Ok(serde_json::from_str::<Value>(&written).unwrap()["data"].take())
    }
}

/// The lines of the stories with this kind, each of which holds something that those before do not.
fn told(kind: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v2");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "jsonl"));
    files.sort();
    let (mut shape, mut told) = (Shape::default(), Vec::new());
    for file in files {
        for line in fs::read_to_string(file).unwrap().lines() {
            let envelope = Envelope::read(line.as_bytes()).unwrap();
            let data = serde_json::from_str(envelope.data.get()).unwrap();
            if envelope.kind == kind && shape.add(&data, &reader(kind)) {
                told.push(format!(r#"{{"kind":"{kind}","data":{}}}"#, envelope.data.get()));
            }
        }
    }
    told
}

/// Writes a file that is not there, where that is asked for.
fn bless(folder: &str, kind: &str, lines: impl FnOnce() -> Vec<String>) {
    let file = file_of(folder, kind);
    if std::env::var_os("RELMAN_BLESS").is_some() && !file.exists() {
        fs::write(file, lines().iter().flat_map(|line| [line, "\n"]).collect::<String>()).unwrap();
    }
}

#[test]
fn every_kind_is_written_as_it_always_was() {
    let mut wrong = Vec::new();
    for kind in Event::RECORDED_KINDS {
        bless("v2", kind, || told(kind));
        let lines = lines_of("v2", kind);
        if lines.is_empty() {
            wrong.push(format!("{kind}: there is no example in {}", file_of("v2", kind).display()));
        }
        for (number, line) in (1..).zip(&lines) {
            let example: Example<'_> = serde_json::from_str(line).unwrap();
            assert_eq!(example.kind, *kind);
            let read = if kind.contains('/') {
                read(kind, example.data)
            } else {
                // Version 1 of the format had it just so.
                read_in(FormatVersion::V1, kind, example.data).and_then(|_| read(kind, example.data))
            };
            match read {
                Ok(written) if written == *line => {}
                other => wrong.push(format!(
                    "{kind}, line {number}: {line}\nis now {other:?}\nA kind never changes once it was written. Give it a new \
                     version ({kind}/2), and move this file to `v1` with an upcast; don't alter the line."
                )),
            }
        }
    }
    let known: BTreeSet<String> = Event::RECORDED_KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    let left: Vec<String> = kinds_in("v2").difference(&known).cloned().collect();
    assert!(wrong.is_empty() && left.is_empty(), "{}\n{left:?} is not written any more", wrong.join("\n\n"));
}

#[test]
fn every_kind_that_was_written_once_is_read_as_it_always_was() {
    let mut wrong = Vec::new();
    let old = kinds_in("v1");
    for kind in Event::RECORDED_KINDS {
        let (name, version) = kind.split_once('/').unwrap_or((kind, "1"));
        for earlier in 1..version.parse::<u32>().unwrap() {
            let earlier = if earlier == 1 { name.to_owned() } else { format!("{name}/{earlier}") };
            assert!(old.contains(&earlier), "{earlier} was written once, and has no example in `v1`");
        }
    }
    for kind in old {
        let was = lines_of("v1", &kind);
        let read = was.iter().map(|line| {
            let example: Example<'_> = serde_json::from_str(line).unwrap();
            assert_eq!(example.kind, kind);
            read(&kind, example.data).unwrap_or_else(|error| panic!("{line}: {error}"))
        });
        let read: Vec<String> = read.collect();
        bless("read", &kind, || read.clone());
        let pinned = lines_of("read", &kind);
        for (number, (was, (read, pinned))) in (1..).zip(was.iter().zip(read.iter().zip(&pinned))) {
            if read != pinned {
                wrong.push(format!("{kind}, line {number}: {was}\nis read as {read}\nin place of {pinned}"));
            }
        }
        assert_eq!(read.len(), pinned.len(), "{kind}: each line has what it is read as beside it");
    }
    assert!(wrong.is_empty(), "What was read once is read so for ever.\n{}", wrong.join("\n\n"));
}

/// The examples are all of a kind: every field, there and left out, and every word. A field that is not known is refused, and so
/// is one that is missing, by its name. Numbers are read from 0 to the most that their type holds.
#[test]
fn the_examples_hold_every_field_and_every_word_and_readers_are_strict_in_shape_alone() {
    let (mut missing, mut integers) = (Vec::new(), 0);
    for folder in ["v2", "v1"] {
        for kind in kinds_in(folder) {
            let mut shape = Shape::default();
            for line in lines_of(folder, &kind) {
                let example: Example<'_> = serde_json::from_str(&line).unwrap();
                shape.add(&serde_json::from_str(example.data.get()).unwrap(), &reader(&kind));
            }
            missing.extend(shape.missing().into_iter().map(|what| format!("{folder}/{kind}: {what}")));
            integers += shape.integers();
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
    assert!(integers > 100, "{integers}");
}
