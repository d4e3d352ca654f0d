//! Whoever holds a journal can alter a record and chain the rest again with correct hashes. What [`DeepVerifier`] finds of
//! that, and what only a head that is kept elsewhere finds: a law over every record of every golden journal, and over
//! every value in it.
#![allow(clippy::disallowed_methods, reason = "a test may, and it reads its files")]

use std::{collections::BTreeSet, fs, path::PathBuf};

use relman_core::{
    chain::{BatchRange, Digest, Envelope, FormatVersion},
    event::Record,
    machine::{DeepVerifier, Release},
    port::with_causes,
    report::{History, Schedule, Status, Timeline},
    unit::{Span, Timestamp},
};
use serde_json::{Value, json, value::to_raw_value};

/// A record as whoever alters it sees it.
#[derive(Debug, Clone, PartialEq)]
struct Loose {
    version: FormatVersion,
    /// The sequence number of the first record of its decision, as far as that is recorded.
    decision: u64,
    at: String,
    clock: Option<Timestamp>,
    by: String,
    kind: String,
    data: Value,
}

impl Loose {
    fn of(line: &[u8]) -> Self {
        let envelope = Envelope::read(line).unwrap();
        Self {
            version: envelope.version,
            decision: envelope.batch.map_or(envelope.seq, |batch| batch.first()),
            at: envelope.at.to_string(),
            clock: envelope.clock,
            by: envelope.by.to_string(),
            kind: envelope.kind.into_owned(),
            data: serde_json::from_str(envelope.data.get()).unwrap(),
        }
    }

    /// Chained to what comes before; nothing where a reader refuses it.
    fn chained(&self, seq: u64, prev: Digest, batch: Option<BatchRange>) -> Option<Record> {
        let data = to_raw_value(&self.data).unwrap();
        let line = Envelope {
            version: self.version,
            clock: self.clock,
            batch,
            stream: "release:checkout-241".parse().unwrap(),
            seq,
            prev,
            at: self.at.parse().ok()?,
            by: self.by.parse().ok()?,
            kind: self.kind.as_str().into(),
            data: (&*data).into(),
        };
        Record::read(line.seal().ok()?.bytes()).ok()
    }
}

fn stories() -> Vec<(String, Vec<Loose>)> {
    let mut stories = Vec::new();
    for version in ["v1", "v2"] {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version);
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                let stored = fs::read(&path).unwrap();
                let lines = stored.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
                let name = format!("{version}/{}", path.file_stem().unwrap().to_string_lossy());
                stories.push((name, lines.map(Loose::of).collect()));
            }
        }
    }
    stories.sort_by(|one, two| one.0.cmp(&two.0));
    assert!(stories.len() >= 16);
    stories
}

/// A history as far as it is verified, and its last hash.
#[derive(Clone)]
struct Verified {
    again: DeepVerifier,
    seq: u64,
    prev: Digest,
}

impl Verified {
    fn new() -> Self {
        Self { again: DeepVerifier::new("checkout-241".parse().unwrap()), seq: 0, prev: Digest::ZERO }
    }

    /// What is found in what comes next, which is whole decisions: the record, in words.
    fn push(&mut self, records: &[Loose]) -> Result<(), String> {
        for decision in records.chunk_by(|one, two| one.decision == two.decision) {
            let batch = BatchRange::new(self.seq, decision.len() as u64).ok();
            for loose in decision {
                let batch = batch.filter(|_| loose.version > FormatVersion::V1);
                let Some(record) = loose.chained(self.seq, self.prev, batch) else {
                    return Err(format!("record {}: it can't be read", self.seq));
                };
                self.again.push(&record).map_err(|error| with_causes(&error))?;
                (self.seq, self.prev) = (self.seq + 1, record.digest);
            }
        }
        Ok(())
    }

    /// What is found in the rest of a history; where nothing is, its last hash.
    fn rest(&self, rest: &[Loose]) -> Result<Digest, String> {
        let mut verified = self.clone();
        verified.push(rest)?;
        verified.again.finish().map_err(|error| with_causes(&error))?;
        Ok(verified.prev)
    }
}

/// Every way to alter one value a little, with the field's name.
fn alterations(value: &Value, field: &str) -> Vec<(String, Value)> {
    let mut found = Vec::new();
    match value {
        Value::Object(object) => {
            for (name, inner) in object {
                let path = format!("{field}.{name}");
                for (path, inner) in alterations(inner, &path) {
                    let mut object = object.clone();
                    object.insert(name.clone(), inner);
                    found.push((path, Value::Object(object)));
                }
                let mut without = object.clone();
                without.remove(name);
                found.push((format!("{path} left out"), Value::Object(without)));
            }
        }
        Value::Array(array) => {
            for (index, inner) in array.iter().enumerate() {
                for (path, inner) in alterations(inner, &format!("{field}[]")) {
                    let mut array = array.clone();
                    array[index] = inner;
                    found.push((path, Value::Array(array)));
                }
            }
            if let Some((_, rest)) = array.split_last() {
                found.push((format!("{field} one less"), json!(rest)));
            }
        }
        Value::Number(number) => {
            let other = match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => json!(whole + 1),
                // One unit in the last place.
                (None, Some(real)) => json!(f64::from_bits(real.to_bits() + 1)),
                (None, None) => unreachable!("it is one of both"),
            };
            found.push((field.to_owned(), other));
        }
        Value::String(text) => found.push((field.to_owned(), json!(other_text(text)))),
        Value::Bool(truth) => found.push((field.to_owned(), json!(!truth))),
        Value::Null => {}
    }
    found
}

/// Every way to make one number 0, or one list empty, with the field's name.
fn zeroes(value: &Value, field: &str) -> Vec<(String, Value)> {
    let with = |inner: Vec<(String, Value)>, whole: &dyn Fn(Value) -> Value| -> Vec<(String, Value)> {
        inner.into_iter().map(|(field, inner)| (field, whole(inner))).collect()
    };
    match value {
        Value::Object(object) => object
            .iter()
            .flat_map(|(name, inner)| {
                let path = format!("{field}.{name}");
                with(zeroes(inner, &path), &|inner| {
                    let mut object = object.clone();
                    object.insert(name.clone(), inner);
                    Value::Object(object)
                })
            })
            .collect(),
        Value::Array(array) => {
            let mut found = vec![(format!("{field} empty"), json!([]))];
            for (index, inner) in array.iter().enumerate() {
                let path = format!("{field}[]");
                found.extend(with(zeroes(inner, &path), &|inner| {
                    let mut array = array.clone();
                    array[index] = inner;
                    Value::Array(array)
                }));
            }
            found
        }
        Value::Number(_) => vec![(format!("{field} 0"), json!(0))],
        Value::String(_) | Value::Bool(_) | Value::Null => Vec::new(),
    }
}

/// Another text that may stand in its place: a word of the format for another, a time a second later, else one more letter.
fn other_text(text: &str) -> String {
    const WORDS: &[(&str, &str)] = &[
        ("passed", "failed"),
        ("pass", "fail"),
        ("fail", "pass"),
        ("failed", "passed"),
        ("canary", "baseline"),
        ("concurrent", "frozen"),
        ("frozen", "concurrent"),
        ("none", "frozen"),
        ("hard_limit", "robust"),
        ("threshold", "evidence"),
        ("manual", "deployer"),
        ("unmeasured", "suspicion"),
        ("deployer", "observation"),
        ("observation", "deployer"),
        ("staging", "validation"),
        ("validation", "staging"),
        ("production", "staging"),
        ("drill", "production"),
        ("not_proven", "too_few_requests"),
        ("went_well", "lucky"),
        ("done", "dropped"),
        ("dropped", "done"),
        ("prevent", "detect"),
        ("low", "medium"),
        ("medium", "high"),
        ("high", "low"),
    ];
    if let Some((_, other)) = WORDS.iter().find(|(word, _)| *word == text) {
        return (*other).to_owned();
    }
    match text.parse::<Timestamp>() {
        Ok(at) => (at + Span::from_secs(1)).to_string(),
        Err(_) => format!("{text}x"),
    }
}

/// Alters every record of every story; the names of the alterations that were not found.
///
/// Those a head finds that is kept elsewhere: the last hash is never the one that it was.
fn missed(alter: impl Fn(&[Loose], usize) -> Vec<(String, Vec<Loose>, usize)>) -> Vec<String> {
    let (mut missed, mut found) = (BTreeSet::new(), 0);
    for (story, records) in stories() {
        let head = Verified::new().rest(&records).unwrap_or_else(|error| panic!("{story}: {error}"));
        let (mut verified, mut from) = (Verified::new(), 0);
        for (index, record) in records.iter().enumerate() {
            if record.decision != records[from].decision {
                verified.push(&records[from..index]).unwrap();
                from = index;
            }
            // Of evaluations that are alike, a few stand for all.
            let alike = matches!(record.kind.as_str(), "look_taken" | "evaluated")
                && (8..records.len() - 8).contains(&index)
                && index % 5 > 0;
            if alike {
                continue;
            }
            for (name, instead, over) in alter(&records, index) {
                let altered = [&records[from..index], &instead, &records[index + over..]].concat();
                match verified.rest(&altered) {
                    Ok(altered) => {
                        assert_ne!(altered, head, "{story}, record {index}: {name}");
                        missed.insert(name);
                    }
                    Err(_) => found += 1,
                }
            }
        }
    }
    assert!(found > 300, "{found}");
    missed.into_iter().collect()
}

#[test]
fn every_value_that_is_altered_is_found_or_came_in_from_outside() {
    let missed = missed(|records, index| {
        let record = &records[index];
        let altered = alterations(&record.data, &record.kind).into_iter();
        // A plan and its policy are what people have decided.
        let decided = |field: &str| field.contains(".plan.") || field.contains(".policy.");
        altered
            .filter(|(field, _)| !decided(field))
            .map(|(field, data)| (field, vec![Loose { data, ..record.clone() }], 1))
            .collect()
    });
    // What people said and decided, and the roles that the directory gave them; what platforms, sources and incidents
    // said; what was measured and is watched only, or was measured too little to count. Of relman's own words those alone that
    // version 1 has: later ones are facts, which are derived.
    let known = [
        "action_item_opened.due",
        "action_item_opened.kind",
        "action_item_opened.owner",
        "action_item_opened.roles[]",
        "action_item_opened.what",
        "action_item_settled.how",
        "action_item_settled.note",
        "action_item_settled.number",
        "action_item_settled.roles one less",
        "action_item_settled.roles[]",
        "check_recorded.evidence",
        "check_recorded.roles one less",
        "check_recorded.roles[]",
        "complaint_recorded.text",
        "effect_failed.detail",
        "effect_failed.effect.index",
        "effect_failed.retry_at",
        "effect_failed.what",
        "effect_failed/2.detail",
        "effect_failed/2.retry_at",
        "evaluated.exposure_bp",
        "evaluated.metrics[].baseline left out",
        "evaluated.metrics[].baseline.events[]",
        "evaluated.metrics[].baseline[]",
        "evaluated.metrics[].canary.events[]",
        "evaluated.source",
        "gate_failed.reasons one less",
        "gate_failed.reasons[]",
        "gate_passed.grounds one less",
        "gate_passed.grounds[]",
        "hold_placed.reason",
        "hold_placed.unblocked_by",
        "hold_placed/2.reason.text",
        "hold_released.reason",
        "hold_released/2.reason.text",
        "incident_ended.ended_at",
        "incident_ended.ended_at left out",
        "incident_seen.incident.id",
        "incident_seen.incident.severity",
        "incident_seen.incident.severity left out",
        "incident_seen.incident.started_at",
        "incident_seen.incident.title",
        "incident_seen.incident.url",
        "incident_seen.incident.url left out",
        "incident_seen.source",
        "lesson_recorded.kind",
        "lesson_recorded.text",
        "look_taken.exposure.seen.share_bp",
        "look_taken.observations one less",
        "look_taken.observations[].answer.value.counts.errors",
        "look_taken.observations[].answer.value.counts.requests",
        "look_taken.observations[].answer.value.events.count",
        "look_taken.observations[].answer.value.events.exposure",
        "look_taken.observations[].source",
        "look_taken.observations[].window.from",
        "look_taken.observations[].window.until",
        "override_granted.expires_at",
        "override_granted.reason",
        "plan_recorded.roles one less",
        "plan_recorded.roles[]",
        "plan_recorded/2.roles one less",
        "plan_recorded/2.roles[]",
        "plan_revised.roles one less",
        "plan_revised.roles[]",
        "plan_revised/2.roles one less",
        "plan_revised/2.roles[]",
        "platform_observed.detail",
        "platform_observed.detail left out",
        "platform_observed.platform left out",
        "platform_observed.platform.baseline left out",
        "platform_observed.platform.baseline.ready left out",
        "platform_observed.platform.baseline.ready[]",
        "platform_observed.platform.baseline.version",
        "platform_observed.platform.baseline.version left out",
        "post_mortem_filed.roles[]",
        "post_mortem_filed.root_cause",
        "post_mortem_filed.summary",
        "release_closed.roles[]",
        "rollback_confirmed.by left out",
        "rollback_started.trigger.manual.reason",
        "rollback_started.trigger.unmeasured.reason",
        "rollback_started/2.trigger.manual.reason",
        "rollback_unconfirmed.detail",
        "rollback_unconfirmed/2.shown.detail",
        "target_admitted.record.seq",
        "target_admitted.stable",
        "traffic_set.by",
        "zero_traffic_observed.detail",
    ];
    assert_eq!(missed, known);
}

#[test]
fn every_record_that_is_left_out_repeated_moved_or_by_another_is_found_or_changes_nothing() {
    let missed = missed(|records, index| {
        let record = &records[index];
        let mut changed = vec![
            (format!("{} left out", record.kind), Vec::new(), 1),
            (format!("{} twice", record.kind), vec![record.clone(), record.clone()], 1),
        ];
        if let Some(next) = records.get(index + 1) {
            let name = format!("{} after {}", record.kind, next.kind);
            changed.push((name, vec![next.clone(), record.clone()], 2));
        }
        let relman = record.by == "system:relman";
        let by = if relman { "user:guest" } else { "user:mallory" }.to_owned();
        changed.push((format!("{} by another", record.kind), vec![Loose { by, ..record.clone() }], 1));
        let at = (record.at.parse::<Timestamp>().unwrap() + Span::from_millis(1)).to_string();
        changed.push((format!("{} 1 ms later", record.kind), vec![Loose { at, ..record.clone() }], 1));
        changed
    });
    // Who of those with the role it was, and in which order things came in that have nothing to do with each other; what
    // nothing rests on (lessons, a last message), and what ends a stream.
    let known = [
        "action_item_opened after post_mortem_filed",
        "action_item_opened by another",
        "action_item_opened left out",
        "action_item_settled 1 ms later",
        "action_item_settled after action_item_settled",
        "action_item_settled by another",
        "action_item_settled left out",
        "check_recorded after check_recorded",
        "check_recorded after on_call_acknowledged",
        "check_recorded by another",
        "complaint_recorded by another",
        "deployed after check_recorded",
        "evaluated 1 ms later",
        "evaluated after incident_ended",
        "hold_placed by another",
        "hold_placed/2 by another",
        "hold_released after complaint_recorded",
        "hold_released by another",
        "hold_released/2 after complaint_recorded",
        "hold_released/2 after traffic_set",
        "hold_released/2 by another",
        "incident_ended after incident_ended",
        "incident_ended after incident_seen",
        "incident_ended by another",
        "incident_seen 1 ms later",
        "incident_seen after incident_seen",
        "incident_seen by another",
        "lesson_recorded after action_item_opened",
        "lesson_recorded after lesson_recorded",
        "lesson_recorded by another",
        "lesson_recorded left out",
        "lesson_recorded twice",
        "look_taken 1 ms later",
        "look_taken after incident_seen",
        "notified 1 ms later",
        "notified after check_recorded",
        "notified after evaluated",
        "notified after hold_placed",
        "notified after hold_placed/2",
        "notified after hold_released/2",
        "notified after lesson_recorded",
        "notified after look_taken",
        "notified after notified",
        "notified after on_call_acknowledged",
        "notified after post_mortem_filed",
        "notified after release_closed",
        "notified after traffic_set",
        "notified after zero_traffic_observed",
        "notified left out",
        "on_call_acknowledged by another",
        "on_call_handed_over 1 ms later",
        "override_granted by another",
        "plan_approved after plan_approved",
        "plan_approved by another",
        "plan_recorded by another",
        "plan_recorded/2 by another",
        "plan_revised by another",
        "plan_revised/2 by another",
        "post_mortem_filed after post_mortem_filed",
        "post_mortem_filed by another",
        "release_closed 1 ms later",
        "release_closed after action_item_settled",
        "release_closed by another",
        "release_closed left out",
        "rollback_started by another",
        "rollback_started/2 by another",
        "target_left after notified",
        "target_left left out",
        "traffic_set after notified",
    ];
    assert_eq!(missed, known);
}

/// Reading is total: rules that no version would record, a track without steps or a look every 0 ms, are read, folded and
/// shown as they stand.
#[test]
fn a_plan_and_a_policy_of_any_rules_are_read_folded_and_shown() {
    let (mut tried, mut read) = (0, 0);
    for (story, records) in
        stories().into_iter().filter(|(story, _)| story == "v1/clean" || story == "v1/drill")
    {
        let [first, rest @ ..] = &*records else { panic!("{story} is empty") };
        let more = alterations(&first.data, &first.kind);
        let nothing = zeroes(&first.data, &first.kind);
        for (field, data) in more.into_iter().chain(nothing) {
            tried += 1;
            let altered = Loose { data, ..first.clone() };
            let (mut release, mut records) = (Release::new("checkout-241".parse().unwrap()), Vec::new());
            for loose in std::iter::once(&altered).chain(rest) {
                let (seq, prev) =
                    release.head().map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
                let Some(record) = loose.chained(seq, prev, None) else { break };
                if release.apply(&record).is_err() {
                    break;
                }
                records.push(record);
            }
            let Some(last) = records.last() else { continue };
            read += 1;
            let now = last.at + Span::from_secs(1);
            let history = History::new(&release, &records, now);
            let schedule = Schedule::of(&history).map(|schedule| schedule.to_string());
            let shown = format!("{}{}{schedule:?}", Status::of(&history), Timeline::of(&history));
            assert!(shown.contains("checkout-241"), "{story}, {field}: {shown}");
            let _ = (release.missing(now), release.index(), release.check_rules());
        }
    }
    assert!(read > 400, "{read} of {tried}");
}
