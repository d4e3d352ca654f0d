use super::*;
use crate::{
    judge::{ClassicHistogram, Histogram},
    unit::Timestamp,
};

fn counts(errors: u64, requests: u64) -> Answer {
    Answer::Value(Measurement::Counts { requests, errors })
}

fn gauge(value: f64) -> Answer {
    Answer::Value(Measurement::Gauge { value: Finite::new(value).unwrap() })
}

fn histogram(bounds: &[f64], counts: &[u64]) -> Answer {
    let bounds = bounds.iter().map(|bound| Finite::new(*bound).unwrap()).collect();
    Answer::Value(Measurement::Histogram(Histogram::Classic(
        ClassicHistogram::new(bounds, counts.to_vec()).unwrap(),
    )))
}

fn judged(criterion: &str, canary: &Answer, baseline: Option<&Answer>) -> Verdict {
    let baseline = baseline.map(|answer| (answer, Control::Concurrent));
    judge(&criterion.parse().unwrap(), Evidence { canary, baseline, min_requests: 100 })
}

#[test]
fn a_rate_is_compared_with_a_limit() {
    for (errors, requests, outcome) in [
        (0, 100, Outcome::Pass),
        (1, 100, Outcome::Pass),
        (2, 100, Outcome::Fail),
        (101, 10_000, Outcome::Fail),
        (100, 10_000, Outcome::Pass),
    ] {
        assert_eq!(judged("error_rate > 1%", &counts(errors, requests), None).outcome, outcome);
        assert_eq!(judged("error_rate > 0.01", &counts(errors, requests), None).outcome, outcome);
    }
}

#[test]
fn too_few_requests_never_pass_and_fail_only_when_nothing_could_save_them() {
    let few = |have| Outcome::Undecided(Undecided::TooFewRequests { arm: Arm::Canary, have, need: 100 });
    assert_eq!(judged("error_rate > 1%", &counts(0, 99), None).outcome, few(99));
    assert_eq!(judged("error_rate > 1%", &counts(1, 6), None).outcome, few(6));
    assert_eq!(judged("error_rate > 1%", &counts(2, 6), None).outcome, Outcome::Fail);
    assert_eq!(judged("availability < 99%", &counts(1, 6), None).outcome, few(6));
}

#[test]
fn a_rate_is_compared_with_the_baseline_at_the_same_time() {
    let twice = "error_rate > 2x baseline";
    for (canary, baseline, outcome) in [
        (counts(2, 100), counts(10, 1_000), Outcome::Pass),
        (counts(3, 100), counts(10, 1_000), Outcome::Fail),
        (counts(0, 100), counts(0, 1_000), Outcome::Pass),
        (counts(1, 100), counts(0, 1_000), Outcome::Fail),
    ] {
        assert_eq!(judged(twice, &canary, Some(&baseline)).outcome, outcome);
    }
    let thin = judged(twice, &counts(0, 100), Some(&counts(0, 10))).outcome;
    assert!(matches!(thin, Outcome::Undecided(Undecided::TooFewRequests { arm: Arm::Baseline, .. })));
}

#[test]
fn large_counts_are_compared_exactly() {
    let most = (1_u64 << 53) - 1;
    let same = judged("error_rate > 1x baseline", &counts(most - 1, most), Some(&counts(most - 1, most)));
    assert_eq!(same.outcome, Outcome::Pass);
    let more = judged("error_rate > 1x baseline", &counts(most, most), Some(&counts(most - 1, most)));
    assert_eq!(more.outcome, Outcome::Fail);
}

#[test]
fn a_quantile_is_read_from_a_histogram() {
    let fast = histogram(&[100.0, 200.0, 400.0], &[99, 1, 0, 0]);
    let slow = histogram(&[100.0, 200.0, 400.0], &[90, 0, 10, 0]);
    assert_eq!(judged("latency_p95 > 300ms", &fast, None).outcome, Outcome::Pass);
    assert_eq!(judged("latency_p95 > 0.25s", &slow, None).outcome, Outcome::Fail);
    assert_eq!(judged("latency_p95 > 2x baseline", &slow, Some(&fast)).outcome, Outcome::Fail);
    let unsuited = judged("latency > 300ms", &slow, None).outcome;
    assert!(matches!(
        unsuited,
        Outcome::Undecided(Undecided::Missing { missing: MissingKind::ProviderError, .. })
    ));
}

#[test]
fn gauges_and_events_are_compared_as_numbers() {
    assert_eq!(judged("queue_depth > 10_000", &gauge(10_000.0), None).outcome, Outcome::Pass);
    assert_eq!(judged("queue_depth > 10_000", &gauge(10_000.5), None).outcome, Outcome::Fail);
    assert_eq!(judged("cpu > 80%", &gauge(0.81), None).outcome, Outcome::Fail);
    let crashes = |count, exposure| Answer::Value(Measurement::Events { count, exposure });
    assert_eq!(judged("crashes > 3", &crashes(3, 10), None).outcome, Outcome::Pass);
    assert_eq!(judged("crashes > 3", &crashes(4, 10), None).outcome, Outcome::Fail);
    assert_eq!(judged("crashes > 0.1%", &crashes(4, 10_000), None).outcome, Outcome::Pass);
    assert_eq!(judged("crashes > 0.1%", &crashes(11, 10_000), None).outcome, Outcome::Fail);
    assert_eq!(
        judged("crashes > 0.1%", &crashes(0, 0), None).outcome,
        Outcome::Undecided(Undecided::TooFewRequests { arm: Arm::Canary, have: 0, need: 1 })
    );
    assert_eq!(
        judged("crashes > 2x baseline", &crashes(5, 10), Some(&crashes(20, 100))).outcome,
        Outcome::Fail
    );
}

#[test]
fn no_way_of_having_no_value_is_clean() {
    let newest = Timestamp::from_millis(0);
    for answer in [
        Answer::NoData { detail: "empty".into() },
        Answer::Stale { newest },
        Answer::ProviderError { detail: "503".into() },
        Answer::NotFinite { written: "NaN".into() },
    ] {
        let missing = |arm| {
            let (missing, detail) = (answer.missing().unwrap(), answer.to_string());
            Outcome::Undecided(Undecided::Missing { arm, missing, detail })
        };
        assert_eq!(judged("error_rate > 1%", &answer, None).outcome, missing(Arm::Canary));
        let verdict = judged("error_rate > 2x baseline", &counts(0, 100), Some(&answer));
        assert_eq!(verdict.outcome, missing(Arm::Baseline));
    }
    let none = judged("error_rate > 2x baseline", &counts(0, 100), None).outcome;
    assert!(matches!(none, Outcome::Undecided(Undecided::Missing { arm: Arm::Baseline, .. })));
}

#[test]
fn a_verdict_reads_as_one_sentence() {
    let verdict = judged("latency_p99 > 2x baseline", &gauge(450.0), Some(&gauge(200.0)));
    assert_eq!(verdict.to_string(), "latency_p99 > 2x baseline: breached, 450ms against 400ms");
    let few = judged("error_rate > 1%", &counts(0, 42), None);
    assert_eq!(few.to_string(), "error_rate > 1%: too few requests for the canary: 42 of 100");
}
