use relman_core::{
    event::{Event, HoldCause, RollbackTrigger},
    judge::{Answer, Arm, ClassicHistogram, Control, Histogram, Measurement, MissingKind},
    machine::PhaseName,
    unit::{Finite, Span},
};

use crate::fixture::{Driven, act, drill_plan, gauge, healthy, missing, policy_text, secs, share, with};

/// Every place where a value can be missing: a metric, an arm and the step; what only relman watches included.
const PLACES: [(&str, Arm, u32); 9] = [
    ("error_rate", Arm::Canary, 1),
    ("latency_p99", Arm::Canary, 1),
    ("latency_p99", Arm::Baseline, 1),
    ("log_errors", Arm::Canary, 1),
    ("error_rate", Arm::Canary, 3),
    ("latency_p99", Arm::Baseline, 3),
    ("error_rate", Arm::Canary, 4),
    ("latency_p99", Arm::Canary, 4),
    ("log_errors", Arm::Canary, 4),
];

/// In a step of a drill; on call where that is the validation.
fn in_step(step: u32) -> Driven {
    let mut driven = Driven::drill().in_step(step);
    if step == 4 {
        driven.does("user:olu", act::acknowledge());
    }
    driven.healthy_look();
    driven
}

#[test]
fn without_a_value_the_clock_stands_still_and_looks_go_on() {
    for (metric, arm, step) in PLACES {
        for kind in MissingKind::ALL {
            let case = format!("{kind} of {metric} in the {arm}, step {step}");
            let mut driven = in_step(step);
            assert_eq!(driven.baked(), secs(1), "{case}");
            let batch = driven.look_without(metric, arm, kind);
            assert_eq!(batch.kinds(), ["evaluated", "hold_placed"], "{case}");
            assert_eq!(batch.effects(), ["page: held"], "{case}");
            let Event::HoldPlaced(placed) = &batch.events[1] else { panic!("{case}") };
            assert_eq!(placed.cause, HoldCause::Unmeasured, "{case}");
            assert!(
                placed.reason.to_string().starts_with(&format!("{metric} of the {arm}: ")),
                "{}",
                placed.reason
            );
            assert_eq!(placed.roll_back_at, Some(driven.now + Span::from_hours(2)), "{case}");
            for _ in 0..20 {
                assert_eq!(driven.look_without(metric, arm, kind).kinds(), ["evaluated"], "{case}");
            }
            assert_eq!((driven.step(), driven.baked()), (step, secs(1)), "{case}");
            let batch = driven.healthy_look();
            assert_eq!(batch.kinds(), ["evaluated", "hold_released"], "{case}");
            assert_eq!(driven.baked(), secs(2), "{case}");
        }
    }
}

#[test]
fn a_hold_for_want_of_data_is_not_released_by_a_person() {
    let mut driven = in_step(2);
    driven.look_without("error_rate", Arm::Canary, MissingKind::Stale);
    assert_eq!(
        driven.refused("user:ana", act::resume()),
        "this hold clears by itself once every watched metric reports again"
    );
}

#[test]
fn when_patience_is_over_it_is_rolled_back() {
    for step in [1, 4] {
        let mut driven = in_step(step);
        driven.look_without("error_rate", Arm::Canary, MissingKind::ProviderError);
        let patience = driven.release.holds()[&HoldCause::Unmeasured].roll_back_at.unwrap();
        driven.now = patience.minus(Span::from_millis(1));
        assert!(driven.tick().events.is_empty() || driven.phase() != PhaseName::RollingBack);
        driven.now = patience;
        let batch = driven.tick();
        assert!(batch.has("rollback_started") && batch.has("post_mortem_opened"), "{:?}", batch.kinds());
        let Some(Event::RollbackStarted(started)) =
            batch.events.iter().find(|event| event.kind() == "rollback_started")
        else {
            panic!("{batch:?}")
        };
        let RollbackTrigger::Unmeasured { reason, held } = &started.trigger else { panic!("{started:?}") };
        assert_eq!(*held, Span::from_hours(2));
        assert!(reason.to_string().contains("error_rate of the canary: the source failed: 503"), "{reason}");
    }
}

#[test]
fn data_that_come_back_when_patience_is_over_come_too_late() {
    let mut driven = in_step(2);
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    // The next look is under way, and its answer comes when patience is over.
    driven.asked();
    driven.wait(Span::from_hours(2));
    let batch = driven.healthy_look();
    assert_eq!(batch.kinds(), ["rollback_started", "post_mortem_opened"]);
}

#[test]
fn a_policy_may_roll_back_at_once_for_each_kind_on_its_own() {
    for kind in MissingKind::ALL {
        let name = serde_json::to_value(kind).unwrap().as_str().unwrap().to_owned();
        let rule = format!("{name} = {{ action = \"hold\", roll_back_after = \"2h\" }}");
        let policy = with(&policy_text(), &rule, &format!("{name} = {{ action = \"roll_back\" }}"));
        for other in MissingKind::ALL {
            let mut driven = Driven::planned(&drill_plan(), &policy).in_step(2);
            let batch = driven.look_without("log_errors", Arm::Canary, other);
            let at_once = batch.has("rollback_started");
            assert_eq!(at_once, other == kind, "{kind} rolls back, and there is {other}");
        }
    }
}

#[test]
fn a_policy_may_hold_on_for_good_and_another_gap_still_ends_it() {
    let policy = with(
        &policy_text(),
        "no_data = { action = \"hold\", roll_back_after = \"2h\" }",
        "no_data = { action = \"hold\" }",
    );
    let mut driven = Driven::planned(&drill_plan(), &policy).in_step(2);
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    let since = driven.now;
    assert_eq!(driven.release.holds()[&HoldCause::Unmeasured].roll_back_at, None);
    driven.wait(Span::from_hours(100));
    assert!(driven.tick().events.is_empty());
    // From now on it is the source that fails, and for that patience is two hours.
    let batch = driven.look_without("error_rate", Arm::Canary, MissingKind::ProviderError);
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let hold = &driven.release.holds()[&HoldCause::Unmeasured];
    assert_eq!((hold.since, hold.roll_back_at), (since, Some(driven.now + Span::from_hours(2))));
    // And back again: patience does not grow.
    assert_eq!(driven.look_without("error_rate", Arm::Canary, MissingKind::NoData).kinds(), ["evaluated"]);
    driven.wait(Span::from_hours(2));
    assert!(driven.tick().has("rollback_started"));
}

#[test]
fn another_gap_with_less_patience_shortens_it_and_one_with_as_much_changes_nothing() {
    let shorter = with(
        &policy_text(),
        "stale = { action = \"hold\", roll_back_after = \"2h\" }",
        "stale = { action = \"hold\", roll_back_after = \"1h\" }",
    );
    let mut driven = Driven::planned(&drill_plan(), &shorter).in_step(2);
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    let batch = driven.look_without("error_rate", Arm::Canary, MissingKind::Stale);
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let ends = driven.now + Span::from_hours(1);
    assert_eq!(driven.release.holds()[&HoldCause::Unmeasured].roll_back_at, Some(ends));
    // An hour later two hours would end later; two hours at the moment that leaves exactly the same change nothing.
    driven.now = ends.minus(Span::from_millis(1));
    assert_eq!(driven.look_without("error_rate", Arm::Canary, MissingKind::NoData).kinds(), ["evaluated"]);
    assert_eq!(driven.release.holds()[&HoldCause::Unmeasured].roll_back_at, Some(ends));
}

#[test]
fn a_deployment_that_can_not_be_observed_is_not_where_it_should_be() {
    for step in [1, 2, 4] {
        let mut driven = in_step(step);
        let batch = driven.look_at(Err("401 from the platform"), healthy);
        assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
        let Event::HoldPlaced(placed) = &batch.events[1] else { panic!("{batch:?}") };
        assert_eq!(placed.reason.to_string(), "the traffic could not be observed: 401 from the platform");
        assert_eq!(driven.baked(), secs(1));
        assert!(driven.healthy_look().has("hold_released"));
    }
}

#[test]
fn a_baseline_that_nobody_compares_with_may_be_missing() {
    let mut driven = in_step(2);
    for metric in ["error_rate", "log_errors"] {
        assert_eq!(driven.look_without(metric, Arm::Baseline, MissingKind::NoData).kinds(), ["evaluated"]);
    }
    assert_eq!(driven.baked(), secs(3));
}

#[test]
fn an_unsuited_measurement_is_a_gap_and_no_pass() {
    let ms = |value| Finite::new(value).unwrap();
    let histogram = ClassicHistogram::new(vec![ms(100.0), ms(200.0)], vec![500, 500, 0]).unwrap();
    let histogram = Answer::Value(Measurement::Histogram(Histogram::Classic(histogram)));
    let mut driven = in_step(2);
    let batch = driven.look_as(|metric, arm| match metric.as_str() {
        "error_rate" => histogram.clone(),
        _ => healthy(metric, arm),
    });
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let Event::HoldPlaced(placed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(
        placed.reason.to_string(),
        "error_rate > 1%: `error_rate > 1%` can't be judged on a histogram: the metric's name has no quantile such as \
         _p99; fix the query or the criterion"
    );
    assert_eq!(driven.baked(), secs(1));
}

#[test]
fn what_was_clean_has_to_be_clean_again_after_a_gap() {
    let mut driven = in_step(1);
    for _ in 0..3 {
        driven.healthy_look();
    }
    driven.look_without("error_rate", Arm::Canary, MissingKind::NoData);
    let few = |metric: &_, arm| match healthy(metric, arm) {
        Answer::Value(Measurement::Counts { .. }) => crate::fixture::counts(10, 0),
        other => other,
    };
    for _ in 0..5 {
        driven.look_as(few);
    }
    assert!(driven.baked() > secs(5));
    assert_eq!(
        driven.missing(),
        ["`error_rate > 1%` clean on enough data: too few requests for the canary: 50 of 100"]
    );
}

#[test]
fn at_100_per_cent_the_baseline_is_the_one_of_the_step_before() {
    let mut driven = Driven::drill().in_step(3);
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    driven.does("user:olu", act::acknowledge());
    let batch = driven.look_as(|metric, arm| match metric.as_str() {
        "latency_p99" => gauge(239.0),
        _ => healthy(metric, arm),
    });
    let Event::Evaluated(look) = &batch.events[0] else { panic!("{batch:?}") };
    assert!(look.observations.iter().all(|seen| seen.arm == Arm::Canary), "there is no baseline to ask");
    let verdict = &look.verdicts[1];
    assert_eq!(verdict.control, Control::Frozen);
    assert_eq!(
        verdict.to_string(),
        "latency_p99 > 2x baseline: clean, 239ms against 240ms (the baseline of the step before; no concurrent control)"
    );
    let batch = driven.look_as(|metric, arm| match metric.as_str() {
        "latency_p99" => gauge(241.0),
        _ => healthy(metric, arm),
    });
    assert!(batch.has("rollback_started"));
}

#[test]
fn gaps_and_drift_are_both_acted_upon() {
    let mut driven = in_step(2);
    let now = driven.now;
    let batch = driven.look_at(Ok(share(0)), |metric, arm| match arm {
        Arm::Canary => missing(MissingKind::NoData, now),
        Arm::Baseline => healthy(metric, arm),
    });
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed", "traffic_drifted"]);
    assert_eq!(batch.effects(), ["page: held", "set traffic to 10%"]);
    driven.done("set traffic to 10%");
    assert_eq!(driven.healthy_look().kinds(), ["evaluated", "hold_released"]);
}
