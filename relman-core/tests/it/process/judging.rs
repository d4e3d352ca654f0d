//! Evidence over time in the machine: what is not proven is not turned back, what is suspected is held, and every
//! verdict comes out the same when it is judged again.

use relman_core::{
    chain::{Envelope, SealedLine},
    event::{Event, HoldCause, Record, RollbackTrigger},
    judge::{
        Answer, Arm, Channel, Control, Judging, Method, MethodChoice, Outcome, Undecided, familiar::Rule,
    },
    machine::{DeepVerifier, FirstFailure, PhaseName, ReJudgeBy, Release},
    unit::MetricName,
};
use sha2::{Digest, Sha256};

use crate::fixture::{Driven, act, counts, drill_plan, gauge, policy_text, with};

const PLAIN: &str = "[judging]\nmethod = \"threshold\"\nsample_ratio = \"warn\"\n";

/// The drill track with thirty looks a step, judged as a policy is that says nothing about judging.
fn evidence() -> String {
    let steps = with(&policy_text(), PLAIN, "");
    steps.replace("bake = \"5s\"", "bake = \"30s\"").replace("bake = \"10s\"", "bake = \"60s\"")
}

/// Both arms at the share of the step, so many errors in a thousand of each.
fn arms(driven: &Driven, canary: u64, baseline: u64) -> impl Fn(&MetricName, Arm) -> Answer + use<> {
    let share = driven.release.phase().step().map_or(100, |step| u64::from(step.share.basis_points()));
    move |metric, arm| match (metric.as_str(), arm) {
        ("error_rate", Arm::Canary) => counts(1_000, canary),
        ("error_rate", Arm::Baseline) => {
            let requests = 1_000 * (10_000 - share) / share;
            counts(requests, requests * baseline / 1_000)
        }
        ("log_errors", _) => counts(1_000, 0),
        _ => gauge(120.0),
    }
}

fn looks(driven: &mut Driven, looks: usize, canary: u64, baseline: u64) {
    for _ in 0..looks {
        if driven.release.phase().step().is_none() {
            return;
        }
        let answers = arms(driven, canary, baseline);
        driven.look_as(answers);
        driven.perform();
    }
}

fn every_verdict_comes_out_the_same(driven: &Driven) {
    let mut again = DeepVerifier::new(driven.release.id().clone());
    for record in &driven.journal.records {
        again.push(record).unwrap();
    }
    assert!(again.verdicts() > 0);
    again.finish().unwrap();
}

#[test]
fn one_bad_look_is_no_proof_and_five_are() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 1, 80, 1);
    let verdict = driven.release.last_verdicts().remove(0);
    assert_eq!((verdict.method, verdict.channel), (Method::Evidence, Channel::Robust));
    assert_eq!(verdict.outcome, Outcome::Undecided(Undecided::NotProven));
    looks(&mut driven, 5, 80, 1);
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    let Event::RollbackStarted(started) = driven.of_kind("rollback_started")[0] else { panic!() };
    assert!(matches!(&started.trigger, RollbackTrigger::Criterion { threshold, .. } if threshold == "1%"));
    every_verdict_comes_out_the_same(&driven);
}

#[test]
fn a_healthy_release_passes_every_step_on_evidence() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    for _ in 0..200 {
        looks(&mut driven, 1, 1, 1);
    }
    assert_eq!(driven.phase(), PhaseName::Validating, "{:?}", driven.missing());
    assert_eq!(driven.of_kind("gate_passed").len(), 5, "the plan, staging and three steps");
    assert!(driven.of_kind("hold_placed").is_empty());
    every_verdict_comes_out_the_same(&driven);
}

#[test]
fn a_burst_holds_and_does_not_turn_back() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 5, 0, 0);
    // Fifty errors at once: proof if they are independent, and one event if they are not.
    looks(&mut driven, 1, 60, 0);
    assert_eq!(driven.phase(), PhaseName::Releasing);
    let hold = driven.release.holds()[&HoldCause::Suspicion].clone();
    assert!(hold.reason.to_string().contains("`error_rate > 1%` is likely breached"), "{}", hold.reason);
    let paged = driven.release.outstanding().len();
    assert!(
        driven.missing().iter().any(|one| one.contains("the end of a hold")),
        "{paged}: {:?}",
        driven.missing()
    );
    // It does not go on by bake time alone.
    looks(&mut driven, 3, 0, 0);
    assert_eq!(driven.step(), 1);
    every_verdict_comes_out_the_same(&driven);
}

#[test]
fn a_person_lets_a_step_go_on_in_spite_of_a_suspicion() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 1, 60, 0);
    assert!(driven.release.holds().contains_key(&HoldCause::Suspicion));
    driven.does("user:ana", act::resume());
    assert!(driven.release.holds().is_empty());
    looks(&mut driven, 3, 0, 0);
    assert!(driven.release.holds().is_empty(), "somebody has looked into it");
    assert_eq!(driven.phase(), PhaseName::Releasing);
}

#[test]
fn a_suspicion_that_is_gone_by_itself_ends_its_hold() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 1, 40, 0);
    assert!(driven.release.holds().contains_key(&HoldCause::Suspicion));
    for _ in 0..60 {
        if driven.release.holds().is_empty() {
            break;
        }
        looks(&mut driven, 1, 0, 0);
    }
    assert!(driven.release.holds().is_empty(), "{:?}", driven.missing());
    let Event::HoldReleased(released) = driven.of_kind("hold_released")[0] else { panic!() };
    assert_eq!(released.cause, HoldCause::Suspicion);
}

#[test]
fn traffic_that_is_not_split_as_it_should_be_holds_the_release() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    for _ in 0..3 {
        // Half of what one per cent would be.
        driven.look_as(|metric, arm| match (metric.as_str(), arm) {
            ("error_rate", Arm::Canary) => counts(500, 0),
            ("error_rate", Arm::Baseline) => counts(99_500, 0),
            ("log_errors", _) => counts(1_000, 0),
            _ => gauge(120.0),
        });
    }
    let hold = &driven.release.holds()[&HoldCause::Suspicion];
    assert!(hold.reason.to_string().contains("requests"), "{}", hold.reason);
}

#[test]
fn a_step_waits_until_the_data_exclude_what_the_track_wants_excluded() {
    let policy =
        with(&evidence(), "share = \"1%\", bake = \"30s\"", "share = \"1%\", bake = \"30s\", exclude = 1.2");
    let plan = with(&drill_plan(), "\"error_rate > 1%\"", "\"error_rate > 2x baseline\"");
    let mut driven = Driven::planned(&plan, &policy).released();
    looks(&mut driven, 31, 10, 10);
    assert_eq!(driven.step(), 1, "the bake time is served");
    assert!(driven.missing().iter().any(|one| one.contains("not excluded")), "{:?}", driven.missing());
    for _ in 0..400 {
        if driven.step() > 1 {
            break;
        }
        looks(&mut driven, 1, 10, 10);
    }
    assert_eq!(driven.step(), 2);
    every_verdict_comes_out_the_same(&driven);
}

#[test]
fn at_100_per_cent_the_baseline_is_the_frozen_one_and_the_verdict_says_so() {
    let plan = with(&drill_plan(), "\"error_rate > 1%\"", "\"error_rate > 2x baseline\"");
    let mut driven = Driven::planned(&plan, &evidence()).in_step(1);
    for _ in 0..95 {
        looks(&mut driven, 1, 1, 1);
    }
    assert_eq!(driven.phase(), PhaseName::Validating);
    looks(&mut driven, 1, 1, 1);
    let verdict = driven.release.last_verdicts().remove(0);
    assert_eq!((verdict.control, verdict.outcome.clone()), (Control::Frozen, Outcome::Pass));
    assert!(verdict.to_string().contains("no concurrent control"), "{verdict}");
    looks(&mut driven, 12, 60, 0);
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    every_verdict_comes_out_the_same(&driven);
}

#[test]
fn a_verdict_that_was_changed_is_found() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 2, 1, 1);
    let mut again = DeepVerifier::new(driven.release.id().clone());
    let mut records = driven.journal.records.clone();
    let at = records.iter().position(|record| matches!(record.event, Event::Evaluated(_))).unwrap();
    let Event::Evaluated(look) = &mut records[at].event else { unreachable!() };
    look.verdicts[0].strength.as_mut().unwrap().robust = relman_core::judge::evidence::LnEvidence::NONE;
    let error = records.iter().try_for_each(|record| again.push(record)).unwrap_err();
    assert_eq!(error.seq(), Some(at as u64));
    let error = error.to_string();
    assert!(error.starts_with("`verdicts[0].strength.robust` of the evaluated is "), "{error}");
}

#[test]
fn verdicts_stand_in_full_where_they_change_and_by_their_hash_between() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 3, 1, 1);
    let lines = || driven.journal.lines.iter().map(|line| Envelope::read(line.bytes()).unwrap());
    let looked: Vec<serde_json::Value> = lines()
        .filter(|envelope| envelope.kind == "evaluated")
        .map(|envelope| serde_json::from_str(envelope.data.get()).unwrap())
        .collect();
    assert!(looked[0]["verdicts"].is_array(), "the first of a step");
    let digest = looked[1]["verdicts"].as_str().unwrap();
    let short = lines().position(|envelope| envelope.data.get().contains(digest)).unwrap();

    // Alone it has none; where it is folded, it has those that the hash is of.
    let alone = Record::read(driven.journal.lines[short].bytes()).unwrap();
    let (_, read) = Release::replay_records(
        driven.release.id().clone(),
        driven.journal.lines.iter().map(SealedLine::bytes),
    )
    .unwrap();
    let verdicts = |record: &Record| match &record.event {
        Event::Evaluated(look) => look.verdicts.clone(),
        _ => panic!("it is an evaluation"),
    };
    assert_eq!(verdicts(&alone), []);
    assert_eq!(verdicts(&read[short]).len(), verdicts(&read[short - 1]).len());
    assert_eq!(read[short], driven.journal.records[short]);
    let json = serde_json::to_vec(&verdicts(&read[short])).unwrap();
    let hash = relman_core::chain::Digest::from_bytes(Sha256::digest(&json).into());
    assert_eq!(hash.to_string(), digest);

    // Another hash is found, and verdicts that are not those of the hash.
    let of_line = |line: &[u8]| {
        let mut again = DeepVerifier::new(driven.release.id().clone());
        driven.journal.records[..short].iter().try_for_each(|record| again.push(record)).unwrap();
        again.push(&Record::read(line).unwrap())
    };
    of_line(driven.journal.lines[short].bytes()).unwrap();
    let other = String::from_utf8(driven.journal.lines[short].bytes().to_vec()).unwrap();
    let other =
        other.replace(digest, &digest.replace(&digest[..1], if digest.starts_with('0') { "1" } else { "0" }));
    let error = of_line(other.as_bytes()).unwrap_err().to_string();
    assert!(error.starts_with("`verdicts` of the evaluated is "), "{error}");
    let mut changed = read[short].clone();
    let Event::Evaluated(look) = &mut changed.event else { unreachable!() };
    look.verdicts[0].strength.as_mut().unwrap().robust = relman_core::judge::evidence::LnEvidence::NONE;
    let mut again = DeepVerifier::new(driven.release.id().clone());
    driven.journal.records[..short].iter().try_for_each(|record| again.push(record)).unwrap();
    let error = again.push(&changed).unwrap_err().to_string();
    assert!(error.starts_with("`verdicts[0].strength.robust` of the evaluated is "), "{error}");
}

/// Where a release would first have failed by other settings.
fn first_failure(driven: &Driven, judging: Judging) -> Option<FirstFailure> {
    let mut again = ReJudgeBy::new(driven.release.id().clone(), judging);
    driven.journal.records.iter().try_for_each(|record| again.push(record)).unwrap();
    again.first_failure().cloned()
}

#[test]
fn a_record_can_be_judged_by_other_settings() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    for _ in 0..40 {
        looks(&mut driven, 1, 1, 1);
    }
    assert_eq!(driven.release.phase().step().map(|step| step.number), Some(2));
    let clean = driven.journal.records.len() as u64;
    looks(&mut driven, 10, 80, 1);
    assert_eq!(driven.phase(), PhaseName::RollingBack);

    // Its own settings find what the release has found.
    let breach = driven
        .journal
        .records
        .iter()
        .find(|record| matches!(record.event, Event::ContractBreached(_)))
        .unwrap();
    let own = first_failure(&driven, Judging::default()).unwrap();
    let Event::ContractBreached(breached) = &breach.event else { unreachable!() };
    assert_eq!((own.seq + 1, &own.verdict), (breach.seq, &*breached.verdict));

    let by = |method| first_failure(&driven, Judging::by(method));
    let plain = by(MethodChoice::Threshold).unwrap();
    assert_eq!((plain.seq, plain.verdict.method), (clean, Method::Threshold));
    let third = by(MethodChoice::FailedLooks(Rule::InAll { failed: 3 })).unwrap();
    assert!(plain.seq < third.seq && third.seq <= own.seq, "{third:?}");
    // The record ends before anything is as slow as that.
    assert_eq!(by(MethodChoice::FailedLooks(Rule::InAll { failed: 50 })), None);
}

#[test]
fn complaints_turn_a_release_back_under_any_settings() {
    let mut driven = Driven::planned(&drill_plan(), &evidence()).in_step(1);
    looks(&mut driven, 3, 1, 1);
    while driven.phase() == PhaseName::Releasing {
        driven.does("user:guest", act::complain());
    }
    let breach = driven
        .journal
        .records
        .iter()
        .find(|record| matches!(record.event, Event::ContractBreached(_)))
        .unwrap();
    for method in [MethodChoice::Evidence, MethodChoice::FailedLooks(Rule::InAll { failed: 5 })] {
        let failure = first_failure(&driven, Judging::by(method)).unwrap();
        assert_eq!((failure.seq, failure.verdict.criterion.metric.as_str()), (breach.seq, "complaints"));
    }
}
