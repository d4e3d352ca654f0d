use super::{release_for_tests::*, *};
use crate::{
    judge::{
        Answer, Arm, Channel, Control, CriterionOutcome, Measurement, Method, Outcome, Undecided,
        diagnostics::Warning, familiar::Rule, kayenta::MannWhitneyRule,
    },
    unit::Finite,
};

const METHODS: [MethodChoice; 3] =
    [MethodChoice::Evidence, MethodChoice::Threshold, MethodChoice::FailedLooks(Rule::InARow { failed: 2 })];

fn mann_whitney() -> MethodChoice {
    MethodChoice::MannWhitney(MannWhitneyRule::default())
}

/// A share in ten thousand of a minute's requests, another one each minute.
fn minute(numbers: &mut Numbers, canary: u64, baseline: u64) -> (Answer, Answer) {
    let errors = numbers.errors(6_000, canary);
    (counts(6_000, errors), counts(54_000, numbers.errors(54_000, baseline)))
}

#[test]
fn a_healthy_release_passes_and_a_bad_one_fails_soon() {
    for criterion in ["error_rate > 1%", "error_rate > 2x baseline"] {
        let mut numbers = Numbers(7);
        let mut release = Release::by_evidence(&[criterion]);
        for number in 0..180 {
            release.step = if number < 30 { 1 } else { 2 };
            let (canary, baseline) = minute(&mut numbers, 50, 50);
            let verdict = release.both("error_rate", canary, baseline);
            assert_eq!((verdict.outcome, verdict.method), (Outcome::Pass, Method::Evidence), "{criterion}");
        }
        assert_eq!(release.judge.failed(), None);
        let failed = release.fails_at(30, |release| {
            let (canary, baseline) = minute(&mut numbers, 400, 50);
            release.both("error_rate", canary, baseline)
        });
        assert!(failed.is_some_and(|minutes| (1..=15).contains(&minutes)), "{criterion}: {failed:?}");
        assert_eq!(release.judge.failed(), Some(0));
    }
}

#[test]
fn a_leak_at_the_end_of_a_clean_day_is_told_by_what_came_since() {
    let mut release = Release::by_evidence(&["error_rate > 1%"]);
    release.step = 4;
    for _ in 0..600 {
        release.errors(600, 1);
    }
    let failed = release.fails_at(60, |release| release.errors(600, 60)).unwrap();
    let verdict = release.judge.verdicts().remove(0);
    let strength = verdict.strength.unwrap();
    assert_eq!(strength.since, Some("2026-11-24T00:00:00.000Z".parse().unwrap()), "ten hours in");
    let minutes = failed as u64 + 1;
    let seen = Measurement::Counts { requests: 600 * minutes, errors: 60 * minutes };
    assert_eq!((&verdict.canary, verdict.value), (&Some(seen), Finite::new(0.1)));
    assert!(
        verdict.to_string().starts_with("error_rate > 1%: breached, 10% ("),
        "not the 0.3% of the whole step"
    );
}

#[test]
fn no_data_never_pass() {
    for method in METHODS.into_iter().chain([mann_whitney()]) {
        for criterion in ["error_rate > 1%", "error_rate > 2x baseline", "error_rate < 0%"] {
            for empty in [nothing(), counts(0, 0)] {
                let mut release = Release::new(&[criterion], &Judging::by(method), 0);
                for clean in [false, true, true, false] {
                    let canary = if clean { counts(600, 0) } else { empty.clone() };
                    let verdict = release.both("error_rate", canary, counts(600, 1));
                    let excused = clean || (method == MethodChoice::Evidence && empty != nothing());
                    assert!(
                        verdict.outcome != Outcome::Pass || excused,
                        "{criterion}, {method:?}: {verdict}"
                    );
                    if clean && method == MethodChoice::Threshold {
                        assert_eq!(verdict.outcome, Outcome::Pass, "{criterion}");
                    }
                }
            }
        }
    }
}

#[test]
fn what_was_measured_before_is_no_fresh_data() {
    let mut release = Release::by_evidence(&["error_rate > 2x baseline"]);
    assert_eq!(release.both("error_rate", counts(6_000, 6), counts(54_000, 54)).outcome, Outcome::Pass);
    for (canary, baseline, arm) in
        [(nothing(), counts(54_000, 54), Arm::Canary), (counts(6_000, 6), nothing(), Arm::Baseline)]
    {
        let verdict = release.both("error_rate", canary, baseline);
        let missing =
            matches!(verdict.outcome, Outcome::Undecided(Undecided::Missing { arm: of, .. }) if of == arm);
        assert!(missing, "{verdict}");
    }
}

#[test]
fn a_step_needs_its_least_number_of_requests() {
    let mut release = Release::new(&["error_rate > 1%"], &Judging::default(), 1_000);
    let too_few = |have| {
        let arm = Arm::Canary;
        Outcome::Undecided(Undecided::TooFewRequests { arm, have, need: 1_000 })
    };
    assert_eq!(release.errors(600, 0).outcome, too_few(600));
    assert_eq!(release.errors(600, 0).outcome, Outcome::Pass);
    release.step = 2;
    assert_eq!(release.errors(600, 0).outcome, too_few(600), "of this step");
    release.judge.count_anew();
    assert_eq!(release.errors(600, 0).outcome, too_few(600), "since the traffic is where it should be");
}

#[test]
fn an_alarm_stands_while_nothing_is_measured() {
    let mut release = Release::by_evidence(&["error_rate > 1%"]);
    assert!(release.fails_at(40, |release| release.errors(600, 60)).is_some());
    let verdict = release.look(&[("error_rate", Arm::Canary, nothing())]).remove(0);
    assert_eq!((&verdict.outcome, verdict.method), (&Outcome::Fail, Method::Evidence));
    assert_eq!(release.judge.failed(), Some(0));
    assert!(verdict.to_string().starts_with("error_rate > 1%: breached, 10% ("), "{verdict}");
}

#[test]
fn over_the_threshold_is_not_proven() {
    let mut release = Release::by_evidence(&["error_rate > 1%"]);
    let verdict = release.errors(600, 12);
    assert_eq!(verdict.outcome, Outcome::Undecided(Undecided::NotProven));
    assert_eq!(verdict.channel, Channel::Robust);
    assert_eq!(release.judge.failed(), None);
}

#[test]
fn what_can_not_be_counted_is_judged_against_a_hard_limit() {
    for criterion in ["error_rate > 1%", "error_rate >= 0.5x baseline"] {
        let mut release = Release::by_evidence(&[criterion]);
        let verdict = release.both("error_rate", gauge(0.02), gauge(0.03));
        assert_eq!((&verdict.outcome, verdict.channel), (&Outcome::Fail, Channel::HardLimit), "{criterion}");
        assert_eq!(verdict.strength, None);
        assert_eq!(release.judge.failed(), Some(0));
        assert_eq!(release.both("error_rate", gauge(0.002), gauge(0.03)).outcome, Outcome::Pass);
    }
}

#[test]
fn limits_of_nothing_and_of_everything_are_hard_ones() {
    for (criterion, errors, fails) in [
        ("error_rate > 0%", 1, true),
        ("error_rate > 0%", 0, false),
        ("error_rate >= 0%", 0, true),
        ("error_rate >= 100%", 600, true),
        ("error_rate >= 100%", 599, false),
        ("error_rate > 100%", 600, false),
        ("error_rate < 100%", 599, true),
        ("error_rate <= 0%", 0, true),
        ("error_rate <= 0%", 1, false),
    ] {
        let verdict = Release::by_evidence(&[criterion]).errors(600, errors);
        assert_eq!(verdict.channel, Channel::HardLimit, "{criterion}");
        let expected = if fails { Outcome::Fail } else { Outcome::Pass };
        assert_eq!(verdict.outcome, expected, "{criterion} at {errors} of 600");
    }
}

#[test]
fn too_few_good_ones_are_too_many_bad_ones() {
    for criterion in ["success_rate < 99%", "success_rate <= 99%"] {
        let mut release = Release::by_evidence(&[criterion]);
        let mut look = |good| release.look(&[("success_rate", Arm::Canary, counts(600, good))]).remove(0);
        let clean = look(599);
        assert_eq!((clean.outcome, clean.method), (Outcome::Pass, Method::Evidence));
        let interval = clean.confidence.unwrap();
        assert!(interval.low.get() > 0.9 && interval.estimate == Finite::new(599.0 / 600.0), "{interval:?}");
        let failed = (0..60).find_map(|_| Some(look(540)).filter(|verdict| verdict.outcome == Outcome::Fail));
        let verdict = failed.unwrap();
        assert_eq!(verdict.value, Finite::new(0.9), "in the words of the criterion");
    }
}

#[test]
fn what_evidence_can_not_weigh_takes_no_share() {
    let mut alone = Release::by_evidence(&["error_rate > 1%"]);
    let mut among = Release::by_evidence(&["queue_depth > 10_000", "error_rate > 1%", "complaints > 3"]);
    let one = alone.errors(600, 9).strength.unwrap();
    let verdicts =
        among.look(&[("error_rate", Arm::Canary, counts(600, 9)), ("queue_depth", Arm::Canary, gauge(7.0))]);
    assert_eq!(verdicts[1].strength, Some(one));
    assert_eq!(one.share, Finite::new(1.0).unwrap());
    assert_eq!((&verdicts[0].outcome, verdicts[0].strength), (&Outcome::Pass, None));
}

#[test]
fn complaints_are_counted_in_all_and_limited_by_the_contract_whatever_the_method() {
    for method in METHODS.into_iter().chain([mann_whitney()]) {
        let mut release = Release::new(&["complaints > 2"], &Judging::by(method), 100);
        for (step, complaints, fails) in
            [(1, 0, false), (1, 1, false), (2, 2, false), (2, 2, false), (3, 3, true)]
        {
            (release.step, release.complaints) = (step, complaints);
            let verdict = release.look(&[]).remove(0);
            let expected = if fails { Outcome::Fail } else { Outcome::Pass };
            assert_eq!((&verdict.outcome, verdict.channel), (&expected, Channel::HardLimit), "{method:?}");
            assert_eq!(verdict.canary, Some(Measurement::Events { count: complaints, exposure: 0 }));
        }
    }
}

#[test]
fn events_are_a_number_or_a_rate_as_the_limit_says() {
    let crashes = |release: &mut Release, count| {
        release.look(&[("crashes", Arm::Canary, events(count, 1_000))]).remove(0)
    };
    let mut number = Release::by_evidence(&["crashes > 3"]);
    assert_eq!(crashes(&mut number, 2).outcome, Outcome::Pass);
    let verdict = crashes(&mut number, 2);
    assert_eq!((verdict.outcome, verdict.channel), (Outcome::Fail, Channel::HardLimit));

    let mut rate = Release::by_evidence(&["crashes > 0.5%"]);
    for _ in 0..20 {
        let verdict = crashes(&mut rate, 2);
        assert_eq!((verdict.outcome, verdict.method), (Outcome::Pass, Method::Evidence), "0.2%");
    }
    assert!(rate.fails_at(60, |rate| crashes(rate, 60)).is_some());

    let mut late = Release::by_evidence(&["crashes > 0.5%"]);
    late.look(&[("crashes", Arm::Canary, events(40, 0))]);
    assert_eq!((late.judge.failed(), late.judge.suspicion()), (None, None), "a count without exposure");
}

#[test]
fn without_a_concurrent_baseline_the_one_of_the_step_before_counts() {
    let mut release = Release::by_evidence(&["error_rate > 2x baseline"]);
    for _ in 0..30 {
        release.both("error_rate", counts(30_000, 30), counts(30_000, 30));
    }
    (release.step, release.control) = (2, Control::Frozen);
    let alone = |release: &mut Release, errors| release.errors(60_000, errors);
    for _ in 0..60 {
        let verdict = alone(&mut release, 60);
        assert_eq!((&verdict.outcome, verdict.control), (&Outcome::Pass, Control::Frozen));
        let frozen = Measurement::Counts { requests: 900_000, errors: 900 };
        assert_eq!(verdict.baseline, Some(frozen));
        assert!(verdict.to_string().ends_with("(the baseline of the step before; no concurrent control)"));
    }
    // Twice the baseline's own rate is at the limit: its noise accuses nobody.
    assert_eq!(release.fails_at(60, |release| alone(release, 120)), None);
    assert!(release.fails_at(60, |release| alone(release, 400)).is_some());
    assert!(release.judge.verdicts()[0].to_string().contains("no concurrent control"));
}

#[test]
fn without_any_baseline_nothing_is_said() {
    let mut release = Release::by_evidence(&["error_rate > 2x baseline"]);
    release.control = Control::Frozen;
    for _ in 0..20 {
        let verdict = release.errors(600, 300);
        assert!(matches!(verdict.outcome, Outcome::Undecided(Undecided::Missing { arm: Arm::Baseline, .. })));
    }
    assert_eq!(release.judge.failed(), None);
    assert_eq!(release.judge.suspicion(), None);
}

#[test]
fn a_slower_quantile_is_found_and_the_same_one_passes() {
    for criterion in ["latency_p99 > 2x baseline", "latency_p99 > 400ms"] {
        let mut release = Release::by_evidence(&[criterion]);
        for _ in 0..30 {
            let verdict = release.both("latency_p99", healthy(1), healthy(9));
            assert_eq!(verdict.outcome, Outcome::Pass, "{criterion}");
        }
        let failed = release.fails_at(60, |release| release.both("latency_p99", slow(1, 3), healthy(9)));
        assert!(failed.is_some_and(|minutes| minutes < 30), "{criterion}: {failed:?}");
        let verdict = release.judge.verdicts().remove(0);
        let strength = verdict.strength.unwrap();
        assert_eq!(strength.boundary.unwrap().at, Finite::new(400.0).unwrap());
        assert!(strength.arms.unwrap().canary.errors() > 0);
    }
}

#[test]
fn what_makes_both_arms_slow_accuses_nobody() {
    let mut release = Release::by_evidence(&["latency_p99 > 2x baseline"]);
    for _ in 0..20 {
        release.both("latency_p99", healthy(1), healthy(9));
    }
    for _ in 0..60 {
        release.both("latency_p99", slow(1, 3), slow(9, 3));
    }
    assert_eq!(release.judge.failed(), None);
    assert_eq!(release.judge.suspicion(), None);
}

#[test]
fn a_slow_down_within_the_rule_is_suspected_and_never_rolls_back() {
    // All requests take twice as long: at the limit of the rule, and plain to see at the boundaries near the tail.
    let judging = Judging { fast_alarm: FastAlarm::RollBack, ..Judging::default() };
    let mut release = Release::new(&["latency_p99 > 2x baseline"], &judging, 100);
    for _ in 0..120 {
        release.both("latency_p99", slow(1, 1), healthy(9));
    }
    assert_eq!(
        release.judge.suspicion(),
        Some(Suspicion::Fast("latency_p99 > 2x baseline".parse().unwrap()))
    );
    assert_eq!(release.judge.failed(), None);
}

#[test]
fn a_boundary_far_above_what_was_asked_for_is_told() {
    let mut release = Release::by_evidence(&["latency_p99 > 250ms"]);
    let verdict = release.look(&[("latency_p99", Arm::Canary, healthy(1))]).remove(0);
    let (at, wanted) = (Finite::new(400.0).unwrap(), Finite::new(250.0).unwrap());
    assert_eq!(verdict.warnings, [Warning::CoarseBuckets { at, wanted }]);
}

#[test]
fn a_step_that_excludes_a_doubling_waits_until_it_is_excluded() {
    let mut release = Release::by_evidence(&["error_rate > 3x baseline"]);
    release.exclude = Some(2.0);
    let look = |release: &mut Release| release.both("error_rate", counts(600, 1), counts(5_400, 9));
    let Outcome::Undecided(Undecided::NotExcluded { size, .. }) = look(&mut release).outcome else {
        panic!("one minute can't exclude a doubling");
    };
    assert_eq!(size, Finite::new(2.0).unwrap());
    let passed = (0..120).position(|_| look(&mut release).outcome == Outcome::Pass);
    assert!(passed.is_some_and(|minutes| minutes > 3), "{passed:?}");

    let mut worse = Release::by_evidence(&["error_rate > 3x baseline"]);
    worse.exclude = Some(2.0);
    for _ in 0..120 {
        let verdict = worse.both("error_rate", counts(600, 2), counts(5_400, 9));
        assert!(matches!(verdict.outcome, Outcome::Undecided(Undecided::NotExcluded { .. })), "{verdict}");
    }
    // A fixed limit is not about a multiple of the baseline.
    let mut fixed = Release::by_evidence(&["error_rate > 1%"]);
    fixed.exclude = Some(2.0);
    assert_eq!(fixed.errors(600, 1).outcome, Outcome::Pass);
}

#[test]
fn no_errors_exclude_nothing() {
    let mut release = Release::by_evidence(&["error_rate > 2x baseline"]);
    release.exclude = Some(2.0);
    let verdict = release.both("error_rate", counts(600, 0), counts(5_400, 0));
    assert!(
        matches!(verdict.outcome, Outcome::Undecided(Undecided::NotExcluded { high: None, .. })),
        "{verdict}"
    );
}

#[test]
fn a_doubling_of_a_quantile_is_excluded_by_what_is_above_it() {
    let mut release = Release::by_evidence(&["latency_p99 > 4x baseline"]);
    release.exclude = Some(2.0);
    let few = || latency([20, 40, 30, 9, 1, 0, 0, 0, 0]);
    let verdict = release.both("latency_p99", few(), healthy(9));
    assert!(matches!(verdict.outcome, Outcome::Undecided(Undecided::NotExcluded { .. })), "{verdict}");
    let passed =
        (0..200).position(|_| release.both("latency_p99", few(), healthy(9)).outcome == Outcome::Pass);
    assert!(passed.is_some(), "{:?}", release.judge.verdicts());
    let mut doubled = Release::by_evidence(&["latency_p99 > 4x baseline"]);
    doubled.exclude = Some(2.0);
    for _ in 0..50 {
        let verdict = doubled.both("latency_p99", slow(1, 2), healthy(9));
        let Outcome::Undecided(Undecided::NotExcluded { high, .. }) = verdict.outcome else {
            panic!("four times is not excluded to be twice: {verdict}");
        };
        assert!(high.is_none_or(|high| high.get() >= 2.0));
    }
}

#[test]
fn a_split_that_is_not_what_was_meant_is_suspected() {
    let mut release = Release::by_evidence(&["error_rate > 1%"]);
    release.share = Some("10%".parse().unwrap());
    for _ in 0..20 {
        let verdict = release.both("error_rate", counts(6_000, 6), counts(54_000, 54));
        assert_eq!(verdict.warnings, []);
    }
    assert_eq!(release.judge.suspicion(), None);
    for _ in 0..20 {
        release.both("error_rate", counts(3_000, 3), counts(57_000, 57));
    }
    assert!(matches!(release.judge.suspicion(), Some(Suspicion::SampleRatio { .. })));
    let verdict = release.judge.verdicts().remove(0);
    assert!(verdict.warnings.iter().any(|warning| warning.holds_the_release()), "{:?}", verdict.warnings);
    assert_eq!(release.judge.failed(), None, "it is nobody's failure");
}

#[test]
fn a_fast_alarm_holds_and_rolls_back_where_the_policy_says_so() {
    let rolls_back = Judging { fast_alarm: FastAlarm::RollBack, ..Judging::default() };
    let judged = |judging: &Judging| {
        let mut release = Release::new(&["error_rate > 1%"], judging, 100);
        let (mut suspected, mut failed) = (None, None);
        for number in 0..60 {
            release.errors(600, if number < 5 { 3 } else { 30 });
            suspected = suspected.or_else(|| release.judge.suspicion().map(|_| number));
            failed = failed
                .or_else(|| release.judge.failed().map(|_| (number, release.judge.verdicts().remove(0))));
        }
        (suspected.unwrap(), failed.unwrap())
    };
    let (suspected, (failed, verdict)) = judged(&Judging::default());
    assert_eq!(verdict.channel, Channel::Robust);
    assert!(suspected < failed, "{suspected} and {failed}");
    let (again, (sooner, verdict)) = judged(&rolls_back);
    assert_eq!((again, verdict.channel, verdict.outcome), (suspected, Channel::Fast, Outcome::Fail));
    assert!(suspected <= sooner && sooner <= suspected + 1 && sooner < failed, "{sooner}");
}

#[test]
fn one_burst_is_suspected_and_rolls_nothing_back() {
    let mut release = Release::by_evidence(&["error_rate > 1%"]);
    for number in 0..120 {
        release.errors(600, if number == 60 { 80 } else { 1 });
        assert_eq!(release.judge.failed(), None, "minute {number}");
    }
}

#[test]
fn so_many_failed_looks_are_too_many() {
    let judging = Judging::by(MethodChoice::FailedLooks(Rule::InARow { failed: 3 }));
    let mut release = Release::new(&["error_rate > 1%"], &judging, 100);
    let outcomes: Vec<Outcome> =
        [12, 12, 0, 12, 12, 12].into_iter().map(|errors| release.errors(600, errors).outcome).collect();
    let waits = || Outcome::Undecided(Undecided::NotProven);
    assert_eq!(outcomes, [waits(), waits(), Outcome::Pass, waits(), waits(), Outcome::Fail]);
    let verdict = release.judge.verdicts().remove(0);
    assert_eq!(
        (verdict.method, verdict.channel, verdict.strength),
        (Method::FailedLooks, Channel::HardLimit, None)
    );
}

#[test]
fn a_look_is_what_was_seen_until_there_were_enough_requests() {
    for method in [MethodChoice::FailedLooks(Rule::InAll { failed: 2 }), MethodChoice::Threshold] {
        let mut release = Release::new(&["error_rate > 10%"], &Judging::by(method), 100);
        for errors in [4, 4] {
            let outcome = release.errors(40, errors).outcome;
            assert!(matches!(outcome, Outcome::Undecided(Undecided::TooFewRequests { .. })), "{method:?}");
        }
        assert_eq!(release.errors(40, 4).outcome, Outcome::Pass, "{method:?}: 12 of 120");
        let outcome = release.errors(40, 4).outcome;
        assert!(
            matches!(outcome, Outcome::Undecided(Undecided::TooFewRequests { have: 40, .. })),
            "{method:?}"
        );
    }
}

#[test]
fn mann_whitney_compares_the_looks_of_a_step() {
    let mut release = Release::new(&["error_rate > 1%"], &Judging::by(mann_whitney()), 100);
    let mut look = |step, canary: u64, other: u64| {
        release.step = step;
        // No two looks are the same.
        release.both("error_rate", counts(6_000, canary + other), counts(6_000, 60 + other)).outcome
    };
    for other in 0..20 {
        assert_ne!(look(1, 60 + other % 2, other), Outcome::Fail, "look {other}");
    }
    let outcomes: Vec<Outcome> = (0..5).map(|other| look(2, 180, other)).collect();
    let waits = Outcome::Undecided(Undecided::NotProven);
    let expected = [waits.clone(), waits.clone(), waits.clone(), waits, Outcome::Fail];
    assert_eq!(outcomes, expected, "of four looks in each arm, no order is rare enough");
    assert_eq!(release.judge.verdicts()[0].method, Method::MannWhitney);
}

#[test]
fn mann_whitney_needs_both_arms() {
    let mut release = Release::new(&["error_rate > 1%"], &Judging::by(mann_whitney()), 100);
    let outcome = release.errors(6_000, 6).outcome;
    assert!(
        matches!(outcome, Outcome::Undecided(Undecided::Missing { arm: Arm::Baseline, .. })),
        "{outcome:?}"
    );
}

#[test]
fn nothing_is_said_before_the_first_look() {
    let release = Release::by_evidence(&["error_rate > 1%"]);
    assert_eq!(release.judge.verdicts(), []);
    assert_eq!((release.judge.failed(), release.judge.suspicion()), (None, None));
}

#[test]
fn outcomes_without_numbers_are_those_of_the_verdicts() {
    for method in METHODS.into_iter().chain([mann_whitney()]) {
        for fast_alarm in [FastAlarm::Hold, FastAlarm::RollBack] {
            let judging = Judging { fast_alarm, ..Judging::by(method) };
            let mut release = Release::new(&["error_rate > 1%", "error_rate > 2x baseline"], &judging, 100);
            let mut numbers = Numbers(11);
            let mut failed = 0;
            for number in 0..60 {
                release.step = if number < 10 { 1 } else { 2 };
                let (canary, baseline) = match number {
                    0..4 => (nothing(), counts(54_000, 54)),
                    4..30 => minute(&mut numbers, 50, 50),
                    _ => minute(&mut numbers, 900, 50),
                };
                release.both("error_rate", canary, baseline);
                let verdicts: Vec<_> = release.judge.verdicts().iter().map(CriterionOutcome::of).collect();
                assert_eq!(release.judge.outcomes(), verdicts, "{method:?}, {fast_alarm:?}, look {number}");
                failed += usize::from(verdicts.iter().any(|one| one.outcome == Outcome::Fail));
            }
            assert!(failed > 0, "{method:?}, {fast_alarm:?}");
        }
    }
}
