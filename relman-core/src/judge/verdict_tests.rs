use crate::{
    judge::{
        Answer, Arm, Channel, ClassicHistogram, Control, Evaluation, Evidence, Histogram, Judge, Judging,
        Measurement, Observation, Outcome, Undecided, Verdict, diagnostics::Warning, judge,
    },
    unit::{Finite, Span, Timestamp, Window},
};

/// The verdict after a minute for each pair of answers, from 13:32 on.
fn after(criterion: &str, control: Control, minutes: &[(Measurement, Option<Measurement>)]) -> Verdict {
    let criterion = criterion.parse().unwrap();
    let mut judge = Judge::new(std::slice::from_ref(&criterion), &Judging::default(), vec![30, 120], 100);
    for (number, (canary, baseline)) in (0_u64..).zip(minutes) {
        let from = "2026-11-23T13:32:00.000Z".parse::<Timestamp>().unwrap() + Span::from_minutes(number);
        let window = Window { from, until: from + Span::from_minutes(1) };
        let arms = [(Arm::Canary, Some(canary)), (Arm::Baseline, baseline.as_ref())];
        let observations: Vec<Observation> = arms
            .into_iter()
            .filter_map(|(arm, measurement)| {
                let answer = Answer::Value(measurement?.clone());
                let (metric, source) = (criterion.metric.clone(), "a test".to_owned());
                Some(Observation { metric, arm, window, source, answer })
            })
            .collect();
        judge.observe(&Evaluation {
            step: if number < 30 { 1 } else { 2 },
            window,
            control: if number < 30 { Control::Concurrent } else { control },
            share: None,
            exclude: None,
            complaints: 0,
            observations: &observations,
        });
    }
    judge.verdicts().remove(0)
}

fn counts(requests: u64, errors: u64) -> Measurement {
    Measurement::Counts { requests, errors }
}

/// Thirty minutes, and then so many others.
fn then<T: Clone>(first: T, more: usize, second: T) -> Vec<T> {
    [vec![first; 30], vec![second; more]].concat()
}

#[test]
fn a_breach_of_a_limit_says_since_when_and_how_likely_it_is() {
    let minutes = then((counts(600, 1), None), 20, (counts(600, 31), None));
    assert_eq!(
        after("error_rate > 1%", Control::Concurrent, &minutes).to_string(),
        "error_rate > 1%: breached, 5.167% (620 of 12000) against 1%; from about 14:02 UTC on; a healthy release shows \
         this in fewer than 1 of 100"
    );
}

#[test]
fn a_breach_of_a_multiple_says_what_the_old_version_did_at_the_same_time() {
    let minutes =
        then((counts(600, 1), Some(counts(6_000, 6))), 40, (counts(600, 5), Some(counts(6_000, 6))));
    assert_eq!(
        after("error_rate > 2x baseline", Control::Concurrent, &minutes).to_string(),
        "error_rate > 2x baseline: breached, 0.8333% (200 of 24000) against 0.2%; 0.1% (240 of 240000) in the old version \
         at the same time; from about 14:02 UTC on; a healthy release shows this in fewer than 1 of 100"
    );
}

#[test]
fn a_breach_without_a_concurrent_baseline_says_so() {
    let minutes = then((counts(6_000, 6), Some(counts(6_000, 6))), 20, (counts(6_000, 60), None));
    assert_eq!(
        after("error_rate > 2x baseline", Control::Frozen, &minutes).to_string(),
        "error_rate > 2x baseline: breached, 1% (1200 of 120000) against 0.2% (the baseline of the step before; no \
         concurrent control); from about 14:02 UTC on; a healthy release shows this in fewer than 1 of 100"
    );
}

#[test]
fn a_slow_quantile_says_what_was_counted_at_which_boundary() {
    let latency = |counts: [u64; 5]| {
        let bounds = [100.0, 200.0, 400.0, 800.0].map(|bound| Finite::new(bound).unwrap()).to_vec();
        Measurement::Histogram(Histogram::Classic(ClassicHistogram::new(bounds, counts.to_vec()).unwrap()))
    };
    let healthy = latency([900, 90, 10, 0, 0]);
    let slow = latency([850, 50, 40, 40, 20]);
    let minutes = then((healthy.clone(), Some(healthy.clone())), 40, (slow, Some(healthy)));
    assert_eq!(
        after("latency_p99 > 2x baseline", Control::Concurrent, &minutes).to_string(),
        "latency_p99 > 2x baseline: breached, 800ms (of 40000 requests) against 400ms; 6% (2400 of 40000) took longer than \
         400ms, and 1% may; from about 14:02 UTC on; a healthy release shows this in fewer than 1 of 100"
    );
}

#[test]
fn over_the_threshold_and_not_proven_is_told_with_its_numbers() {
    assert_eq!(
        after("error_rate > 1%", Control::Concurrent, &[(counts(600, 9), None)]).to_string(),
        "error_rate > 1%: over the threshold, 1.5% (9 of 600) against 1%; that may still be chance: more data will tell"
    );
    assert_eq!(
        after("error_rate > 1%", Control::Concurrent, &[(counts(1_129, 97), None)]).to_string(),
        "error_rate > 1%: over the threshold, 8.592% (97 of 1129) against 1%; too much for chance unless it came in one \
         burst: the next looks will tell"
    );
}

#[test]
fn clean_evidence_reads_like_a_clean_threshold() {
    assert_eq!(
        after("error_rate > 1%", Control::Concurrent, &[(counts(600, 3), None)]).to_string(),
        "error_rate > 1%: clean, 0.5% (3 of 600) against 1%"
    );
}

#[test]
fn a_plain_threshold_makes_no_promise() {
    let canary = Answer::Value(counts(600, 31));
    let criterion = "error_rate > 1%".parse().unwrap();
    let verdict = judge(&criterion, Evidence { canary: &canary, baseline: None, min_requests: 100 });
    assert_eq!(verdict.to_string(), "error_rate > 1%: breached, 5.167% (31 of 600) against 1%");
}

#[test]
fn warnings_are_told_where_they_take_something_from_what_is_said() {
    let finite = |value| Finite::new(value).unwrap();
    let bursts = Warning::Bursts { dispersion: finite(9.0) };
    let mismatch = Warning::SampleRatioMismatch { of_expected: finite(0.5) };
    let minutes = then((counts(600, 1), None), 20, (counts(600, 31), None));
    let mut verdict = after("error_rate > 1%", Control::Concurrent, &minutes);
    verdict.warnings = vec![bursts, mismatch];
    let text = verdict.to_string();
    assert!(text.ends_with(&format!("in fewer than 1 of 100; {mismatch}")), "{text}");
    verdict.channel = Channel::Fast;
    let text = verdict.to_string();
    let end = format!("1 of 100 if errors are independent of each other; {bursts}; {mismatch}");
    assert!(text.ends_with(&end), "{text}");
    verdict.outcome = Outcome::Pass;
    assert!(verdict.to_string().ends_with(&format!("against 1%; {mismatch}")));
}

#[test]
fn what_is_not_excluded_says_how_large_it_may_be() {
    let finite = |value| Finite::new(value).unwrap();
    let not_excluded = |high| Undecided::NotExcluded { size: finite(2.0), high }.to_string();
    let so_far = "not bad so far, but 2 times the baseline is not excluded yet: it may be ";
    assert_eq!(not_excluded(Some(finite(3.456_78))), format!("{so_far}up to 3.457 times"));
    assert_eq!(not_excluded(None), format!("{so_far}any multiple"));
}
