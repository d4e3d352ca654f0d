//! Sources that answer what nobody asked, what can't be, or without end: none of it passes, nothing panics, and a
//! release is never left where it can neither go on nor back.

use std::collections::BTreeMap;

use relman_core::{
    event::{Event, HoldCause},
    judge::{Answer, Arm, Histogram, Measurement, NativeHistogram},
    unit::{Finite, Window},
};

use crate::fixture::{Driven, counts, drill_plan, healthy, policy_text, secs, share, with};

fn native(zero_count: u64, buckets: BTreeMap<i32, u64>) -> Answer {
    let histogram = NativeHistogram::new(3, Finite::new(0.001).unwrap(), zero_count, buckets).unwrap();
    Answer::Value(Measurement::Histogram(Histogram::Native(histogram)))
}

#[test]
fn an_answer_about_another_time_is_stale_whatever_it_says() {
    let mut driven = Driven::drill().in_step(1);
    let batch = driven.look_changed(healthy, |question, measured| {
        for seen in &mut measured.observations {
            seen.window = Window { from: question.window.from.minus(secs(60)), until: question.window.from };
        }
    });
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let Event::Evaluated(taken) = &batch.events[0] else { panic!("{batch:?}") };
    assert!(taken.observations.iter().all(|seen| matches!(seen.answer, Answer::Stale { .. })));
    assert_eq!(driven.baked(), secs(0));
    // A window that reaches further back than the question does answer it.
    let batch = driven.look_changed(healthy, |question, measured| {
        for seen in &mut measured.observations {
            seen.window.from = question.window.from.minus(secs(60));
        }
    });
    assert_eq!(batch.kinds(), ["evaluated", "hold_released"]);
}

#[test]
fn what_was_not_asked_for_and_what_was_said_twice_does_not_count() {
    let mut driven = Driven::drill().in_step(1);
    let batch = driven.look_changed(healthy, |_, measured| {
        let twice = measured.observations.clone();
        measured.observations.extend(twice);
        let mut unasked = measured.observations[0].clone();
        unasked.metric = "revenue".parse().unwrap();
        measured.observations.push(unasked);
    });
    let Event::Evaluated(taken) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(taken.observations.len(), 6);
}

#[test]
fn an_answer_that_contradicts_itself_is_a_gap() {
    let impossible: [Answer; 6] = [
        counts(10, 11),
        counts(u64::MAX, 0),
        counts(0, 5),
        native(u64::MAX, [(1, u64::MAX)].into()),
        native(1, [(i32::MIN, 1)].into()),
        Answer::Value(Measurement::Events { count: u64::MAX, exposure: 1 }),
    ];
    for answer in impossible {
        let mut driven = Driven::drill().in_step(1);
        let batch = driven.look_as(|metric, arm| match (metric.as_str(), arm) {
            ("error_rate", Arm::Canary) => answer.clone(),
            _ => healthy(metric, arm),
        });
        assert_eq!(batch.kinds(), ["evaluated", "hold_placed"], "{answer:?}");
        let hold = &driven.release.holds()[&HoldCause::Unmeasured];
        let said = hold.reason.to_string();
        assert!(
            said.contains("the answer contradicts itself") || said.contains("the answer can't be true"),
            "{said}"
        );
    }
}

#[test]
fn words_without_end_are_cut_and_the_look_is_recorded() {
    let mut driven = Driven::drill().in_step(1);
    let endless = "\u{1b}[31m\"no\" \\ ".repeat(100_000);
    let batch = driven.look_at(Err(&endless), |_, _| Answer::ProviderError { detail: endless.clone() });
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    assert!(driven.journal.lines.last().unwrap().bytes().len() < 65_535);
    assert!(driven.journal.lines.iter().all(|line| !line.bytes().windows(6).any(|part| part == b"\\u001b")));
}

#[test]
fn the_words_of_all_answers_share_one_record() {
    let names: Vec<String> = (0..16).map(|number| format!("\"metric{number}\"")).collect();
    let watch = "watch = [\"error_rate\", \"latency_p99\", \"log_errors\"]";
    let sixteen = with(&policy_text(), watch, &format!("watch = [{}]", names.join(", ")));
    let mut driven = Driven::planned(&drill_plan(), &sixteen).in_step(1);
    let endless = "x".repeat(10_000);
    let batch = driven.look_as(|_, _| Answer::NoData { detail: endless.clone() });
    let Event::Evaluated(look) = &batch.events[0] else { panic!("{batch:?}") };
    let metrics = look.observations.len();
    assert!(metrics >= 32, "{metrics}");
    for seen in &look.observations {
        let Answer::NoData { detail } = &seen.answer else { panic!("{seen:?}") };
        assert_eq!(detail.len(), 16_384 / metrics, "16 KiB, shared by {metrics} answers");
    }
}

#[test]
fn a_look_too_large_for_a_record_is_not_measured_and_a_breach_in_it_still_rolls_back() {
    let wide = |metric: &relman_core::unit::MetricName, arm| match metric.as_str() {
        "latency_p99" => native(0, (0..4_000).map(|index| (index, 1_000)).collect()),
        _ => healthy(metric, arm),
    };
    let mut driven = Driven::drill().in_step(1);
    let batch = driven.look_as(wide);
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let hold = &driven.release.holds()[&HoldCause::Unmeasured];
    assert!(hold.reason.to_string().contains("too large for one record"), "{}", hold.reason);
    let batch = driven.look_as(|metric, arm| match (metric.as_str(), arm) {
        ("error_rate", Arm::Canary) => counts(1_000, 500),
        _ => wide(metric, arm),
    });
    assert_eq!(batch.kinds(), ["evaluated", "contract_breached", "rollback_started", "post_mortem_opened"]);
    // Where the breach itself is the wide one, it goes without its buckets.
    let mut driven = Driven::drill().in_step(1);
    let batch = driven.look_as(|metric, arm| match (metric.as_str(), arm) {
        ("latency_p99", Arm::Canary) => native(0, (3_000..8_000).map(|index| (index, 100_000)).collect()),
        ("latency_p99", Arm::Baseline) => native(0, (0..10).map(|index| (index, 1_000)).collect()),
        _ => healthy(metric, arm),
    });
    assert!(batch.has("rollback_started"), "{:?}", batch.kinds());
    assert!(driven.journal.lines.iter().all(|line| line.bytes().len() <= 65_535));
}

#[test]
fn a_clock_that_goes_back_takes_nothing_back() {
    let mut driven = Driven::drill().in_step(2);
    let last = driven.release.last_at();
    driven.now = last.minus(secs(3_600));
    driven.does("user:guest", crate::fixture::act::complain());
    assert_eq!(driven.release.last_at(), last);
    assert_eq!(driven.release.exposure(), share(10));
    driven.now = last;
    driven.healthy_look();
    driven.assert_replays();
}
