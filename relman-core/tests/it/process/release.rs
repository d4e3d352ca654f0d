use relman_core::{
    event::{Event, Gate, ObservedExposure, RollbackTrigger},
    judge::{Arm, MissingKind, Outcome},
    machine::{Outcome as Ended, PhaseName},
    unit::{Span, TrafficShare},
};

use crate::fixture::{Driven, PLAN, act, counts, gauge, healthy, policy_text, secs, share, with};

/// Step, share and bake time of every step that was started.
fn steps(driven: &Driven) -> Vec<String> {
    let said = |event: &Event| match event {
        Event::StepStarted(step) => format!("{}: {} {}", step.step, step.share, step.bake),
        other => panic!("{other:?}"),
    };
    driven.of_kind("step_started").into_iter().map(said).collect()
}

#[test]
fn r1_the_standard_track_is_1_10_50_and_100_per_cent() {
    let driven = Driven::standard().completed();
    assert_eq!(steps(&driven), ["1: 1% 30m", "2: 10% 2h", "3: 50% 4h", "4: 100% 24h"]);
    let set: Vec<String> = driven
        .of_kind("traffic_set")
        .into_iter()
        .map(|event| match event {
            Event::TrafficSet(set) => set.share.to_string(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(set, ["1%", "10%", "50%", "100%"]);
    let gates: Vec<Gate> = driven
        .of_kind("gate_passed")
        .into_iter()
        .map(|event| match event {
            Event::GatePassed(passed) => passed.gate,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        gates,
        [Gate::Plan, Gate::Staging, Gate::Step(1), Gate::Step(2), Gate::Step(3), Gate::Validation]
    );
    driven.assert_replays();
}

#[test]
fn r1_a_step_begins_with_its_share_and_no_other() {
    let mut driven = Driven::drill().in_step(1);
    let mut before = driven.clone();
    before.run(secs(4));
    let batch = before.healthy_look();
    assert_eq!(batch.kinds(), ["evaluated", "gate_passed", "step_started"]);
    assert_eq!(batch.effects(), ["set traffic to 10%", "tell internal through releases: step started"]);
    driven.run(secs(3));
    assert_eq!((driven.step(), driven.baked()), (1, secs(3)));
}

#[test]
fn r2_a_small_change_takes_the_same_steps_faster() {
    let plan = with(PLAN, "touches = [\"api\"]", "touches = [\"user-interface\"]");
    let plan = with(&plan, "title =", "track = \"small-change\"\ntitle =");
    let driven = Driven::planned(&plan, &policy_text()).completed();
    assert_eq!(steps(&driven), ["1: 1% 10m", "2: 10% 30m", "3: 50% 1h", "4: 100% 24h"]);
}

#[test]
fn r2_no_outcome_and_no_late_look_jumps_ahead() {
    let mut driven = Driven::drill().released();
    // An outcome that nobody waits for any more.
    for call in driven.ended.clone() {
        assert!(driven.answer(call, Ended::Done).events.is_empty());
    }
    driven.wait(Span::from_hours(48));
    assert!(driven.tick().events.is_empty());
    assert_eq!(driven.step(), 1);
    // Two days without a conductor are one interval, not a bake time that was served.
    let batch = driven.healthy_look();
    assert_eq!(batch.kinds(), ["evaluated"]);
    assert_eq!(driven.baked(), secs(1));
}

#[test]
fn r3_every_step_is_watched_for_errors_latency_logs_and_what_the_plan_names() {
    let plan = with(PLAN, "title =", "watch = [\"queue_depth\"]\ntitle =");
    let mut driven = Driven::planned(&plan, &policy_text()).released();
    let (_, question) = driven.asked();
    let metrics: Vec<&str> = question.queries.iter().map(|query| query.metric.as_str()).collect();
    assert_eq!(metrics, ["error_rate", "latency_p99", "log_errors", "queue_depth"]);
    assert_eq!(question.arms, [Arm::Canary, Arm::Baseline]);
    assert_eq!(question.window.length(), Span::from_minutes(1));
    assert_eq!(question.queries[0].canary_version, "2.41.0");
    assert_eq!(question.queries[0].baseline_version, "2.40.3");
}

#[test]
fn r3_bake_time_alone_does_not_pass_a_step() {
    let mut driven = Driven::drill().released();
    // Nine requests a look: the bake time is over long before a hundred were seen.
    for _ in 0..9 {
        driven.look_as(|metric, arm| match metric.as_str() {
            "error_rate" => counts(9, 0),
            _ => healthy(metric, arm),
        });
    }
    assert_eq!((driven.step(), driven.baked()), (1, secs(9)));
    assert_eq!(
        driven.missing(),
        ["`error_rate > 1%` clean on enough data: too few requests for the canary: 81 of 100"]
    );
    let batch = driven.look_as(|metric, arm| match metric.as_str() {
        "error_rate" => counts(19, 0),
        _ => healthy(metric, arm),
    });
    assert_eq!(batch.kinds(), ["evaluated", "gate_passed", "step_started"]);
    let Event::GatePassed(passed) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(
        passed.sentences(),
        [
            "observed for 10s in 10 looks",
            "error_rate > 1%: clean, 0% (0 of 100) against 1%",
            "latency_p99 > 2x baseline: clean, 120ms against 240ms",
            "complaints > 3: clean, 0 against 3",
        ]
    );
}

#[test]
fn r3_requests_alone_do_not_pass_a_step() {
    let mut driven = Driven::drill().released();
    for _ in 0..4 {
        driven.look_as(|metric, arm| match metric.as_str() {
            "error_rate" => counts(1_000_000, 0),
            _ => healthy(metric, arm),
        });
    }
    assert_eq!(driven.missing(), ["1s of 5s on fresh data"]);
    assert_eq!(driven.step(), 1);
}

#[test]
fn r3_the_requests_of_a_criterion_are_not_spent_by_another_one() {
    // 90 % of the traffic: the canary has a hundred requests in a look, the baseline eleven.
    let policy =
        with(&policy_text(), "{ share = \"50%\", bake = \"5s\" }", "{ share = \"90%\", bake = \"5s\" }");
    let plan = with(
        &crate::fixture::drill_plan(),
        "\"error_rate > 1%\"",
        "\"error_rate > 1%\", \"error_rate > 2x baseline\"",
    );
    let mut driven = Driven::planned(&plan, &policy).in_step(3);
    for _ in 0..10 {
        assert_eq!(driven.step(), 3, "the baseline has too few requests");
        driven.look_as(|metric, arm| match (metric.as_str(), arm) {
            ("error_rate", Arm::Canary) => counts(100, 0),
            ("error_rate", Arm::Baseline) => counts(11, 1),
            _ => healthy(metric, arm),
        });
    }
    assert_eq!(driven.step(), 4);
}

#[test]
fn r3_a_look_counts_in_full_up_to_twice_the_time_between_looks() {
    for (late, counts) in [(1_999, 1_999), (2_000, 2_000), (2_001, 1_000)] {
        let mut driven = Driven::drill().released();
        driven.wait(Span::from_millis(late));
        driven.healthy_look();
        assert_eq!(driven.baked(), Span::from_millis(counts), "{late} ms after the last look");
    }
}

#[test]
fn r3_a_step_is_not_passed_on_what_was_seen_long_ago() {
    let mut driven = Driven::drill().released();
    driven.does("user:guest", act::hold());
    for _ in 0..6 {
        driven.healthy_look();
    }
    driven.does("user:ana", act::resume());
    for _ in 0..4 {
        driven.healthy_look();
    }
    // Twice the time between looks is the longest that may lie between them.
    driven.wait(secs(2));
    driven.tick();
    assert!(!driven.missing().iter().any(|one| one.starts_with("a look at")), "{:?}", driven.missing());
    driven.wait(secs(58));
    driven.tick();
    let now = driven.missing();
    assert!(now[0].starts_with("a current evaluation: the last one was at "), "{now:?}");
}

#[test]
fn r4_all_of_the_traffic_is_validated_for_a_day() {
    let driven = Driven::standard().completed();
    let Event::ValidationStarted(started) = driven.of_kind("validation_started")[0] else { panic!() };
    assert_eq!(started.length, Span::from_hours(24));
    let Event::ReleaseCompleted(completed) = driven.of_kind("release_completed")[0] else { panic!() };
    assert!(completed.validated >= Span::from_hours(24), "{}", completed.validated);
    let at =
        |kind: &str| driven.journal.records.iter().find(|record| record.event.kind() == kind).unwrap().at;
    assert!(at("release_completed").since(at("validation_started")) >= Span::from_hours(24));
}

#[test]
fn r4_validation_begins_with_all_of_the_traffic_even_while_it_is_held() {
    let mut driven = Driven::drill().in_step(3);
    driven.run_while(|driven| driven.outstanding() != ["set traffic to 100%"]);
    let in_flight = driven.effect("set traffic to 100%");
    driven.does("user:guest", act::hold());
    let batch = driven.outcome(in_flight, Ended::Done);
    assert_eq!(batch.kinds(), ["traffic_set", "validation_started"]);
    assert_eq!(
        batch.effects(),
        ["tell internal through releases: validation started", "page: no on-call cover"]
    );
    assert_eq!(driven.healthy_look().kinds(), ["evaluated"]);
    assert_eq!(driven.baked(), Span::ZERO);
}

#[test]
fn r5_a_breach_rolls_back_in_the_decision_that_saw_it() {
    for step in 1..=4 {
        let mut driven = Driven::drill().in_step(step);
        let exposed = driven.release.exposure();
        let batch = driven.look_with_errors(31);
        assert_eq!(
            batch.kinds(),
            ["evaluated", "contract_breached", "rollback_started", "post_mortem_opened"],
            "step {step}"
        );
        assert_eq!(
            batch.effects(),
            [
                "set traffic to 0%",
                "tell internal through releases: rollback started",
                "page: rollback started"
            ]
        );
        let Event::RollbackStarted(started) = &batch.events[2] else { panic!("{batch:?}") };
        assert_eq!(started.share, exposed);
        assert_eq!(
            started.trigger,
            RollbackTrigger::Criterion {
                criterion: "error_rate > 1%".parse().unwrap(),
                observed: "3.1%".to_owned(),
                threshold: "1%".to_owned(),
            }
        );
        assert_eq!(driven.outstanding(), ["set traffic to 0%"]);
        driven.assert_replays();
    }
}

#[test]
fn r5_a_breach_against_the_baseline_and_of_complaints_rolls_back() {
    let mut driven = Driven::drill().in_step(2);
    let batch = driven.look_as(|metric, arm| match (metric.as_str(), arm) {
        ("latency_p99", Arm::Canary) => gauge(241.0),
        _ => healthy(metric, arm),
    });
    let Event::ContractBreached(breach) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!(breach.verdict.to_string(), "latency_p99 > 2x baseline: breached, 241ms against 240ms");

    let mut driven = Driven::drill().in_step(2);
    for _ in 0..3 {
        assert_eq!(driven.does("user:guest", act::complain()).kinds(), ["complaint_recorded"]);
    }
    let batch = driven.does("user:guest", act::complain());
    assert_eq!(
        batch.kinds(),
        ["complaint_recorded", "contract_breached", "rollback_started", "post_mortem_opened"]
    );
}

#[test]
fn r5_a_breach_is_seen_while_a_change_of_the_traffic_is_stuck() {
    let mut driven = Driven::drill().in_step(1);
    driven.run_while(|driven| driven.outstanding() != ["set traffic to 10%"]);
    for _ in 0..3 {
        driven.failed("set traffic to 10%", Some(secs(10)));
    }
    assert_eq!(driven.release.exposure(), share(1), "users have the new version");
    // Healthy looks make nothing pass: they are not at the share of the step.
    for _ in 0..9 {
        let batch = driven.look_at(Ok(share(1)), healthy);
        assert_eq!(batch.kinds(), ["evaluated"]);
    }
    assert_eq!((driven.step(), driven.baked()), (2, Span::ZERO));
    assert!(
        driven
            .missing()
            .contains(&"`error_rate > 1%` clean on enough data: not decided in this step".to_owned())
    );
    let batch = driven.look_with_errors(11);
    assert!(batch.has("rollback_started"), "{:?}", batch.kinds());
    assert_eq!(driven.phase(), PhaseName::RollingBack);
}

#[test]
fn r5_nobody_is_looked_at_before_anybody_is_exposed() {
    let mut driven = Driven::drill().staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven.done("deploy to production");
    driven.wait(Span::from_hours(1));
    driven.tick();
    assert!(!driven.looks());
    assert_eq!(driven.release.exposure(), TrafficShare::ZERO);
}

#[test]
fn r5_a_breach_counts_where_another_metric_is_missing() {
    let mut driven = Driven::drill().in_step(2);
    let now = driven.now;
    let batch = driven.look_at(Err("timed out"), |metric, arm| match (metric.as_str(), arm) {
        ("error_rate", Arm::Canary) => counts(1_000, 500),
        ("error_rate", Arm::Baseline) => healthy(metric, arm),
        _ => crate::fixture::missing(MissingKind::NoData, now),
    });
    assert_eq!(batch.kinds(), ["evaluated", "contract_breached", "rollback_started", "post_mortem_opened"]);
    let Event::Evaluated(look) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(look.exposure, ObservedExposure::Unknown { detail: act::text("timed out") });
    assert_eq!(look.verdicts[0].outcome, Outcome::Fail);
    assert_eq!(look.credit, Span::ZERO);
}

#[test]
fn r3_time_in_which_people_held_it_does_not_count() {
    let mut driven = Driven::drill().in_step(1);
    driven.healthy_look();
    let before = driven.baked();
    driven.wait(Span::from_millis(200)).does("user:guest", act::hold());
    driven.wait(Span::from_millis(400)).does("user:olu", act::resume());
    driven.wait(Span::from_millis(400));
    driven.healthy_look();
    assert_eq!(driven.baked().saturating_sub(before), Span::from_millis(400), "only what came after it");
}
