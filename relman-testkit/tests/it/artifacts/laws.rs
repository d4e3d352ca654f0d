//! What holds of artifacts whatever happened: nothing panics, every template renders, every record that is named exists
//! and says what time it was, and whatever is said in somebody's words is in the journal, or is the
//! sentence of a fact there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use relman_core::{
    chain::SealedLine,
    event::{Event, RollbackTrigger},
    machine::Release,
    report::{Artifact, Contribution, DeliveryMetrics, History, OpenItems, Templates},
};
use relman_testkit::{search::repeatable, strategy};
use serde_json::Value;

/// What people, sources and platforms said: under these names an artifact repeats it and never words it anew.
const WORDS: [&str; 16] = [
    "title",
    "summary",
    "reason",
    "text",
    "evidence",
    "root_cause",
    "link",
    "what",
    "note",
    "by",
    "person",
    "owner",
    "replaces",
    "back_on",
    "given_up",
    "audience",
];

/// Every text in a value.
fn texts<'a>(value: &'a Value, into: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => {
            into.insert(text);
        }
        Value::Array(values) => values.iter().for_each(|value| texts(value, into)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What relman says where a record holds a fact.
fn sentences(event: &Event) -> Vec<String> {
    match event {
        Event::HoldPlaced(placed) => vec![placed.reason.to_string()],
        Event::HoldReleased(released) => vec![released.reason.to_string()],
        Event::RollbackStarted(started) => match &started.trigger {
            RollbackTrigger::Unmeasured { reason, .. } => vec![reason.to_string()],
            RollbackTrigger::Criterion { .. } | RollbackTrigger::Manual { .. } => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Holds everything in an artifact against the journal.
fn says_nothing_else(
    value: &Value,
    said: &BTreeSet<&str>,
    times: &BTreeMap<u64, String>,
) -> Result<(), TestCaseError> {
    match value {
        Value::Object(fields) => {
            if let (Some(record), Some(at)) = (fields.get("record").and_then(Value::as_u64), fields.get("at"))
            {
                prop_assert_eq!(times.get(&record).map(String::as_str), at.as_str(), "record {}", record);
            }
            for (name, value) in fields {
                let is_record = name == "record" || name.ends_with("_record");
                if let (true, Some(record)) = (is_record, value.as_u64()) {
                    prop_assert!(times.contains_key(&record), "{} names record {}", name, record);
                }
                if let (true, Some(records)) = (name == "records", value.as_array()) {
                    prop_assert!(
                        !records.is_empty() || fields.contains_key("verdict"),
                        "a fact without a record"
                    );
                    for record in records.iter().filter_map(Value::as_u64) {
                        prop_assert!(times.contains_key(&record), "record {} is named", record);
                    }
                }
                // A fact of the retrospective is worded by relman, from records that it names.
                let is_fact = fields.contains_key("about") && fields.contains_key("records");
                if let (true, false, Some(text)) = (WORDS.contains(&name.as_str()), is_fact, value.as_str()) {
                    let is_said = said.contains(text) || (name == "by" && text == "system:relman");
                    prop_assert!(is_said, "{} says {:?}, which is not in the journal", name, text);
                }
                says_nothing_else(value, said, times)?;
            }
            Ok(())
        }
        Value::Array(values) => values.iter().try_for_each(|value| says_nothing_else(value, said, times)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// Holds every artifact of a journal against it.
fn hold(
    id: &relman_core::unit::ReleaseId,
    lines: &[SealedLine],
    templates: &Templates,
) -> Result<(), TestCaseError> {
    let values: Vec<Value> = lines.iter().map(|line| serde_json::from_slice(line.bytes()).unwrap()).collect();
    let mut said = BTreeSet::new();
    for value in &values {
        texts(value, &mut said);
    }
    let (release, records) =
        Release::replay_records(id.clone(), lines.iter().map(SealedLine::bytes)).unwrap();
    let worded: Vec<String> = records.iter().flat_map(|record| sentences(&record.event)).collect();
    said.extend(worded.iter().map(String::as_str));
    let times = records.iter().map(|record| (record.seq, record.at.to_string())).collect();
    let history = History::settled(&release, &records);
    let metrics = DeliveryMetrics::of([Contribution::of(&history)], None, history.now);
    let obligations = OpenItems::of([&history], history.now);
    says_nothing_else(&serde_json::to_value(&obligations).unwrap(), &said, &times)?;
    let mut artifacts = Artifact::all(&history);
    artifacts.push(Artifact::DeliveryMetrics(Box::new(metrics)));
    for artifact in artifacts {
        says_nothing_else(&serde_json::to_value(&artifact).unwrap(), &said, &times)?;
        let markdown = templates.markdown(&artifact);
        prop_assert!(markdown.is_ok(), "{}", markdown.unwrap_err());
        let markdown = markdown.unwrap();
        // `#12` is the example of every footer.
        for named in markdown.split("`#").skip(1).filter_map(|rest| rest.split('`').next()) {
            let known = named.parse().is_ok_and(|record: u64| times.contains_key(&record) || record == 12);
            prop_assert!(known, "{} names `#{}`", artifact.name(), named);
        }
        prop_assert!(!artifact.to_string().is_empty());
    }
    Ok(())
}

proptest! {
    #![proptest_config(repeatable(64))]

    #[test]
    fn an_artifact_says_nothing_that_the_journal_does_not(journey in strategy::journey(40)) {
        let story = journey.story();
        let templates = Templates::default();
        let id = story.release().id();
        // Half-way too: an artifact can be asked for at any time.
        let half = story.lines().len() / 2;
        let is_whole = |length: usize| match length.checked_sub(1).map(|last| story.records()[last].batch) {
            Some(Some(batch)) => batch.last() < length as u64,
            Some(None) | None => true,
        };
        let half = (half..=story.lines().len()).find(|length| is_whole(*length)).unwrap_or_default();
        for length in [half, story.lines().len()] {
            hold(id, &story.lines()[..length], &templates)?;
        }
    }

    #[test]
    fn under_any_plan_and_policy_too(journal in strategy::journal(20)) {
        hold(journal.release().id(), journal.lines(), &Templates::default())?;
    }
}
