//! Journals of every version of the format, kept for good: what was written once is read for ever, with the same
//! hashes and the same meaning.
//!
//! Each story stands there in every version. A new one, or a change of the current version before its first release, is
//! written with `RELMAN_BLESS=1`: `RELMAN_BLESS=1 cargo test -p relman-core --test it golden`. The files of an earlier
//! version are never written again.
#![allow(clippy::disallowed_methods, reason = "a test may, and it reads its files")]

use std::{fs, path::PathBuf};

use crate::fixture::{Driven, act, drill_plan, policy_text, principal, secs, with};
use relman_core::{
    chain::{BatchRange, Digest, Envelope, FormatVersion, Verifier, verify_lines},
    event::{ActionItemKind, Event, Gate, HoldCause, LessonKind, Record, Settlement},
    judge::{Arm, MissingKind},
    machine::{Action, Input, PhaseName, Release},
    port::{Deployment, Place},
    unit::{ReleaseId, TrafficShare},
};

/// What a story amounts to, beside its lines.
fn summary(release: &Release, records: &[Record]) -> String {
    let head = release.head().unwrap();
    let kinds: std::collections::BTreeMap<&str, usize> =
        records.iter().fold(std::collections::BTreeMap::new(), |mut kinds, record| {
            let kind = match (record.version, record.event.kind()) {
                (FormatVersion::V1, "evaluated") => "look_taken",
                (_, kind) => kind,
            };
            *kinds.entry(kind).or_default() += 1;
            kinds
        });
    let text = format!("head {}\nrecords {}\nphase {}\n", head.digest, records.len(), release.phase().name());
    kinds.into_iter().fold(text, |text, (kind, count)| format!("{text}{kind} {count}\n"))
}

/// The current version, which alone is written.
const CURRENT: &str = "v2";

fn file_of(version: &str, name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(version).join(name)
}

/// The lines of a stored journal.
fn stored(version: &str, name: &str) -> Vec<Vec<u8>> {
    let stored = fs::read(file_of(version, &format!("{name}.jsonl"))).unwrap();
    assert!(stored.len() < 150 * 1024, "{} bytes: a golden file stays small", stored.len());
    stored.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// Holds a stored journal of every version against what it amounted to when it was written; writes that of the current
/// version first where that is asked for. Returns its records.
fn holds(name: &str, story: fn() -> Driven) -> Vec<Record> {
    if std::env::var_os("RELMAN_BLESS").is_some() {
        let driven = story();
        let mut bytes = Vec::new();
        for line in &driven.journal.lines {
            bytes.extend_from_slice(line.bytes());
            bytes.push(b'\n');
        }
        fs::write(file_of(CURRENT, &format!("{name}.jsonl")), bytes).unwrap();
        let summary = summary(&driven.release, &driven.journal.records);
        fs::write(file_of(CURRENT, &format!("{name}.txt")), summary).unwrap();
    }
    let mut records = Vec::new();
    for version in ["v1", CURRENT] {
        if !file_of(version, &format!("{name}.txt")).exists() {
            // What it is about is younger than the version.
            assert_eq!((version, name), ("v1", "platform"));
            continue;
        }
        let lines = stored(version, name);
        let id: ReleaseId = "checkout-241".parse().unwrap();
        let release;
        (release, records) = Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice)).unwrap();
        let expected = fs::read_to_string(file_of(version, &format!("{name}.txt"))).unwrap();
        assert_eq!(summary(&release, &records), expected, "{version}");
        let verified = verify_lines(Some(id.into()), &lines, None).unwrap();
        assert_eq!(verified.head, release.head(), "{version}");
        assert!(records.iter().all(|record| format!("v{}", record.version) == version));
    }
    records
}

fn kinds(records: &[Record]) -> Vec<&'static str> {
    records.iter().map(|record| record.event.kind()).collect()
}

/// A drill on two metrics with few looks, so that the file stays small. Its plan says what it is for.
fn small(title: &str) -> Driven {
    let policy = with(
        &policy_text(),
        "watch = [\"error_rate\", \"latency_p99\", \"log_errors\"]",
        "watch = [\"error_rate\"]",
    );
    Driven::planned(&with(&drill_plan(), "Faster tax lookup", title), &policy)
}

fn clean() -> Driven {
    let mut driven = small("A clean release").completed();
    driven.perform();
    driven.does("user:ana", Action::Close);
    driven
}

#[test]
fn a_clean_release() {
    let records = holds("clean", clean);
    let kinds = kinds(&records);
    assert_eq!((kinds[0], *kinds.last().unwrap()), ("plan_recorded", "release_closed"));
    assert!(!kinds.contains(&"hold_placed") && !kinds.contains(&"rollback_started"));
}

fn rolled_back() -> Driven {
    let mut driven = small("Rolled back by a criterion").in_step(2);
    driven.look_with_errors(4);
    driven.look_with_errors(31);
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven.does("user:ana", act::post_mortem(None));
    driven.does("user:ana", Action::Close);
    driven
}

#[test]
fn a_release_rolled_back_by_a_criterion() {
    let records = holds("rolled-back", rolled_back);
    let started = records.iter().find_map(|record| match &record.event {
        Event::RollbackStarted(started) => Some(started.trigger.to_string()),
        _ => None,
    });
    assert_eq!(started.as_deref(), Some("`error_rate > 1%` breached: 3.1% observed, limit 1%"));
}

fn outage() -> Driven {
    let mut driven = small("An outage of the metrics").in_step(2);
    driven.healthy_look();
    for kind in MissingKind::ALL {
        driven.look_without("error_rate", Arm::Canary, kind);
    }
    driven.look_at(Err("the platform does not answer"), crate::fixture::healthy);
    driven.perform();
    driven.healthy_look();
    driven.look_without("latency_p99", Arm::Baseline, MissingKind::Stale);
    driven.wait(secs(7_200));
    driven.tick();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

#[test]
fn an_outage_of_the_metrics() {
    let records = holds("outage", outage);
    let kinds = kinds(&records);
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((count("hold_placed"), count("hold_released"), count("rollback_confirmed")), (2, 1, 1));
}

fn overridden() -> Driven {
    let mut driven = small("An override of the staging gate").staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::failed(&last));
    driven.wait(secs(60));
    let expires_at = driven.now + secs(3_600);
    driven.does("user:eva", act::override_gate(Gate::Staging, expires_at));
    driven.perform();
    driven.does("user:guest", act::hold());
    driven.does("user:ben", act::resume());
    driven.does("user:guest", act::complain());
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven.does("user:ana", act::post_mortem(Some(1)));
    driven.does("user:ana", act::post_mortem(Some(2)));
    driven.does("user:ana", Action::Close);
    driven
}

#[test]
fn an_override_of_the_staging_gate() {
    let records = holds("override", overridden);
    let by = records
        .iter()
        .find(|record| record.event.kind() == "override_granted")
        .map(|record| record.by.to_string());
    assert_eq!(by.as_deref(), Some("user:eva"));
}

fn learned() -> Driven {
    let mut driven = small("What people learn from a rollback").in_step(1);
    driven.look_with_errors(31);
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    for kind in LessonKind::ALL {
        driven.does("user:guest", act::lesson(kind));
    }
    for kind in ActionItemKind::ALL {
        driven.does("user:ana", act::action_item(kind, "user:olu", driven.now + secs(86_400)));
    }
    driven.does("user:ana", act::post_mortem(None));
    driven.does("user:ana", Action::Close);
    driven.does("user:olu", act::settle(1, Settlement::Done));
    driven.does("user:ana", act::settle(2, Settlement::Dropped));
    driven
}

#[test]
fn what_people_learn_from_a_rollback() {
    let records = holds("learned", learned);
    let kinds = kinds(&records);
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!(
        (count("lesson_recorded"), count("action_item_opened"), count("action_item_settled")),
        (3, 4, 2)
    );
    assert!(kinds.ends_with(&["release_closed", "action_item_settled", "action_item_settled"]));
}

fn incidents() -> Driven {
    let mut driven = small("Incidents while users have it").in_step(2);
    let began = driven.now;
    driven.healthy_look();
    driven.by_itself(act::incident("7c1f", began));
    driven.does("user:guest", act::incident("INC-7", began));
    driven.healthy_look();
    driven.by_itself(act::end_incident("7c1f", None));
    driven.does("user:guest", act::end_incident("INC-7", Some(began + secs(1))));
    driven.by_itself(act::incident("7c1f", driven.now));
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

#[test]
fn incidents_while_users_have_it() {
    let records = holds("incidents", incidents);
    let kinds = kinds(&records);
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((count("incident_seen"), count("incident_ended")), (3, 2));
}

fn clock_skewed() -> Driven {
    let mut driven = small("A record from the future").in_step(1);
    driven.healthy_look();
    driven.elsewhere(principal("user:guest"), act::complain(), driven.now + secs(86_400));
    driven.healthy_look();
    driven.perform();
    driven.run_while(|driven| driven.step() < 2);
    driven.perform();
    driven.look_with_errors(31);
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

#[test]
fn a_record_from_the_future() {
    let records = holds("clock-skewed", clock_skewed);
    let kinds = kinds(&records);
    let count = |kind: &str| kinds.iter().filter(|one| **one == kind).count();
    assert_eq!((count("clock_skewed"), count("rollback_confirmed")), (1, 1));
    // From that record on the stream is ahead of the clock, and its records say by how much.
    let wrong = kinds.iter().position(|kind| *kind == "complaint_recorded").unwrap();
    let (before, after) = records.split_at(wrong + 1);
    assert!(before.iter().all(|record| record.clock.is_none()));
    for record in after {
        let ahead = record.at.since(record.clock.unwrap());
        assert!(ahead.as_millis().abs_diff(86_400_000) < 5_000, "{record:?}");
    }
}

fn drill() -> Driven {
    let plan = with(&drill_plan(), "touches = [\"api\"]", "touches = [\"payments\"]");
    let mut driven = Driven::planned(&plan, &policy_text());
    driven.does("user:ada", driven.revise(&plan));
    let mut driven = driven.staging();
    driven.failed("deploy to staging", Some(secs(1)));
    driven.wait(secs(10));
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven.perform();
    driven.healthy_look();
    driven.look_at(Ok(crate::fixture::share(3)), crate::fixture::healthy);
    driven.does("user:ben", act::resume());
    driven.perform();
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    driven.does("user:olu", act::acknowledge());
    driven.healthy_look();
    driven.does("user:oda", act::acknowledge_until(driven.now + secs(2)));
    driven.run(secs(3));
    driven.does("user:guest", act::roll_back());
    driven.perform();
    driven.traffic(Err("no answer"));
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

#[test]
fn a_drill_with_everything_in_it() {
    let records = holds("drill", drill);
    let kinds = kinds(&records);
    for kind in [
        "plan_revised",
        "effect_failed",
        "traffic_drifted",
        "validation_started",
        "on_call_handed_over",
        "cover_lapsed",
        "rollback_unconfirmed",
        "rollback_confirmed",
    ] {
        assert!(kinds.contains(&kind), "{kind}");
    }
}

/// What is wrong with a platform before production and in it: the place is taken, the new version's instance is down, the
/// old one's is, someone else moves the traffic, and a slow start gives users something else.
fn platform() -> Driven {
    let mut driven = small("On a platform with a life of its own");
    driven.production = Some(Ok(Deployment::at(TrafficShare::FULL)
        .with_canary(Place::new().with_version("2.40.3"))
        .with_baseline(Place::new().with_version("2.39.0"))));
    let mut driven = driven.staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven.perform();
    driven.production = Some(Err("connection refused".to_owned()));
    driven.run(secs(60));
    let ready = |ready| Place::new().with_version("2.40.3").with_ready(ready, 2);
    driven.production = Some(Ok(Deployment::at(TrafficShare::ZERO).with_baseline(ready(2))));
    driven.run_while(|driven| driven.phase() == PhaseName::Staging);
    driven.perform();
    driven.healthy_look();
    let shown = |driven: &mut Driven, shown: Deployment| {
        driven.look_changed(crate::fixture::healthy, |_, measured| measured.deployment = Ok(shown));
        driven.perform();
    };
    let share = TrafficShare::percent(1);
    let down = Place::new().with_ready(0, 1).with_trouble("c1 is down");
    shown(&mut driven, Deployment::at(TrafficShare::ZERO).with_set_share(share).with_canary(down));
    driven.healthy_look();
    let gone = ready(0).with_trouble("s1 and s2 are in maintenance");
    shown(&mut driven, Deployment::at(TrafficShare::FULL).with_set_share(share).with_baseline(gone));
    let starting = ready(2).with_trouble("s1 is starting slowly");
    shown(
        &mut driven,
        Deployment::at(TrafficShare::percent(14)).with_set_share(share).with_baseline(starting),
    );
    driven.healthy_look();
    for _ in 0..3 {
        shown(&mut driven, Deployment::at(TrafficShare::ZERO));
    }
    driven.does("user:ben", act::resume());
    driven.perform();
    driven.healthy_look();
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

#[test]
fn a_platform_with_a_life_of_its_own() {
    let records = holds("platform", platform);
    let held = records.iter().filter_map(|record| match &record.event {
        Event::HoldPlaced(placed) => Some((placed.cause, placed.reason.to_string())),
        _ => None,
    });
    let held: Vec<(HoldCause, String)> = held.collect();
    let expected = [
        (
            HoldCause::Platform,
            "the place for 2.41.0, where 2.40.3 is, gets 100% of the traffic: installing it there would show it to users \
             unmeasured",
        ),
        (HoldCause::Platform, "the platform could not be observed: connection refused"),
        (
            HoldCause::Platform,
            "no instance of the new version takes requests, so users don't meet it: c1 is down",
        ),
        (
            HoldCause::Platform,
            "there is no way back: no instance of the old version takes requests: s1 and s2 are in maintenance",
        ),
        (
            HoldCause::Platform,
            "14% of the traffic reaches the new version in place of 1%: s1 is starting slowly",
        ),
        (
            HoldCause::Drift,
            "someone else has moved the traffic 3 times in this step, most recently to 0% from 1%",
        ),
    ];
    assert_eq!(held, expected.map(|(cause, reason)| (cause, reason.to_owned())));
}

const STORIES: [&str; 9] = [
    "clean",
    "rolled-back",
    "outage",
    "override",
    "learned",
    "incidents",
    "drill",
    "clock-skewed",
    "platform",
];

/// What verification and folding say of a whole stream: the same, where it is refused for how it goes on.
fn whole(lines: &[Vec<u8>]) -> Result<(), String> {
    let id: ReleaseId = "checkout-241".parse().unwrap();
    let verified = verify_lines(None, lines, None).map(drop).map_err(|broken| broken.to_string());
    let folded = Release::replay(id, lines.iter().map(Vec::as_slice));
    assert_eq!(folded.map(drop).map_err(|error| error.to_string()), verified);
    verified
}

/// A journal takes what one decision makes as a whole, and every record says so.
#[test]
fn a_stream_that_ends_in_the_middle_of_a_decision_is_cut() {
    let mut cut_in = 0;
    for name in STORIES {
        let lines = stored(CURRENT, name);
        let records: Vec<Record> = lines.iter().map(|line| Record::read(line).unwrap()).collect();
        for end in 0..=lines.len() {
            let inside = end.checked_sub(1).and_then(|last| records[last].batch);
            let expected = match inside.filter(|batch| batch.last() >= end as u64) {
                None => Ok(()),
                Some(batch) => Err(format!(
                    "checkout-241, record {end}: it is missing; the decision that began with record {} is cut: {} of \
                     {} records are there",
                    batch.first(),
                    end as u64 - batch.first(),
                    batch.records()
                )),
            };
            cut_in += usize::from(expected.is_err());
            assert_eq!(whole(&lines[..end]), expected, "{name}");
        }
        // Half a line is no record, wherever it ends.
        let (last, before) = lines.split_last().unwrap();
        let mut verifier = Verifier::new(None);
        for line in before {
            verifier.push(line).unwrap();
        }
        for end in 0..last.len() {
            assert!(verifier.clone().push(&last[..end]).is_err(), "{name}: {end} bytes of the last line");
        }
    }
    assert!(cut_in > 80, "{cut_in}");
}

/// A batch is a claim like any other: one that does not fit its neighbours is refused, though every hash fits.
#[test]
fn a_batch_that_its_records_do_not_agree_on_is_refused() {
    let lines = stored(CURRENT, "rolled-back");
    let of = |line: &[u8]| Envelope::read(line).unwrap().batch;
    let at = lines.iter().position(|line| of(line).is_some_and(|batch| batch.records() > 2)).unwrap();
    let batch = of(&lines[at]).unwrap();
    let (first, records) = (batch.first(), batch.records());
    let another = |first, records| Some(BatchRange::new(first, records).unwrap());
    for (seq, says, bad) in [
        (at, None, at + 1),
        (at, another(first, records - 1), at + 1),
        (at, another(first - 1, records + 1), at),
        (at + 1, None, at + 1),
        (at + 1, another(first, records + 1), at + 1),
        (at + 1, another(first + 1, records - 1), at + 1),
        (at - 1, another(first - 1, records), at),
        (at - 1, another(first - 1, records + 1), at),
    ] {
        let mut prev = Digest::ZERO;
        let forged = lines.iter().enumerate().map(|(index, line)| {
            let mut envelope = Envelope::read(line).unwrap();
            envelope.prev = prev;
            if index == seq {
                envelope.batch = says;
            }
            let line = envelope.seal().unwrap();
            prev = line.digest();
            line.bytes().to_vec()
        });
        let error = whole(&forged.collect::<Vec<_>>()).unwrap_err();
        assert!(error.starts_with(&format!("checkout-241, record {bad}: ")), "{seq}: {says:?}: {error}");
    }
}

/// A stream that began in version 1 continues in the current one, whoever continues it, and never goes back.
#[test]
fn a_stream_of_version_1_continues_in_the_current_version() {
    let (old, mut several) = (stored("v1", "clean"), 0);
    // Where a decision ends, which the same story in the current version says.
    let mut ends = Vec::new();
    let mut records = 0;
    for line in stored(CURRENT, "clean") {
        let envelope = Envelope::read(&line).unwrap();
        // There were no targets, and production was entered without a look at it.
        let is_new = |kind| {
            matches!(
                kind,
                "target_admitted" | "platform_observed" | "promotion_started" | "promoted" | "target_left"
            )
        };
        records += usize::from(!is_new(&*envelope.kind));
        if envelope.batch.is_none_or(|batch| batch.last() == envelope.seq) {
            ends.push(records);
        }
    }
    for begun in [1, 2, 9, 14, old.len() / 2] {
        let begun = *ends.iter().find(|end| **end >= begun).unwrap();
        let mut driven = Driven::resumed(&old[..begun]).with_short_calls();
        driven.elsewhere(principal("user:guest"), act::hold(), driven.now);
        driven.input(Input::Changed).unwrap();
        driven.does("user:ben", act::resume());
        match driven.phase() {
            PhaseName::Planning => driven = driven.staging(),
            PhaseName::Staging => {
                driven.perform();
                driven.does("user:qin", act::passed("unit"));
            }
            _ => {
                driven.does("user:guest", act::roll_back());
                driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
            }
        }
        driven.assert_replays();
        let versions = driven.journal.records.iter().map(|record| record.version);
        let current = versions.skip_while(|version| *version == FormatVersion::V1);
        assert!(current.clone().all(|version| version == FormatVersion::CURRENT));
        assert_eq!(current.count(), driven.journal.records.len() - begun);
        several += usize::from(driven.journal.records.iter().any(|record| record.batch.is_some()));
        let mut lines: Vec<Vec<u8>> = driven.journal.lines.iter().map(|line| line.bytes().to_vec()).collect();
        assert_eq!(whole(&lines), Ok(()));

        let last = Record::read(lines.last().unwrap()).unwrap();
        let back = Envelope {
            version: FormatVersion::V1,
            seq: last.seq + 1,
            prev: last.digest,
            clock: None,
            batch: None,
            ..Envelope::read(lines.last().unwrap()).unwrap()
        };
        let back = back.seal().unwrap();
        lines.push(back.bytes().to_vec());
        let says = "it is of format version 1, and the record before it is of version 2";
        assert_eq!(whole(&lines), Err(format!("checkout-241, record {}: {says}", last.seq + 1)));
    }
    assert!(several > 2, "{several}");
}

/// Told anew, the stories come out the same: the fixture and the rules are deterministic to the byte.
#[test]
fn a_story_told_twice_has_the_same_hashes() {
    for story in [clean, rolled_back, outage, overridden, learned, incidents, drill, clock_skewed] {
        let (one, two) = (story(), story());
        assert_eq!(one.journal.lines, two.journal.lines);
        one.assert_replays();
    }
}
