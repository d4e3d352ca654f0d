use proptest::{
    prelude::*,
    test_runner::{TestError, TestRng, TestRunner},
};
use relman_core::{
    event::{HoldCause, RollbackTrigger},
    machine::{Phase, PhaseName, Release},
    plan::{Criterion, RiskLevel},
    policy::{Policy, TrackUse, floors},
    unit::{Span, TrafficShare},
};

use super::*;
use crate::{
    Invariants, Simulation, Team,
    scenario::{Story, planned},
    search::{journal_holds, repeatable},
    world::{World, fault::Fault},
};

/// What a person is shown of the least value that a property does not hold for, from the same cases in every run.
fn least<S: Strategy>(strategy: S, holds: impl Fn(&S::Value) -> bool) -> String {
    let config = repeatable(256);
    let rng = TestRng::deterministic_rng(config.rng_algorithm);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let failed = runner.run(&strategy, |value| {
        prop_assert!(holds(&value));
        Ok(())
    });
    match failed {
        Err(TestError::Fail(_, least)) => format!("{least:?}"),
        Err(TestError::Abort(why)) => panic!("the run was aborted: {why}"),
        Ok(()) => panic!("no case fails"),
    }
}

#[test]
fn spans_and_shares_shrink_to_round_ones() {
    let day = || spans(Span::ZERO..=Span::from_hours(24)).prop_map(|span| span.to_string());
    let longer = |least: Span| move |text: &String| text.parse::<Span>().unwrap() < least;
    assert_eq!(least(day(), longer(Span::from_millis(2_232_000))), "\"45m\"");
    assert_eq!(least(day(), longer(Span::from_hours(1))), "\"1h\"");
    // Only an odd number of seconds shows this one.
    let odd = least(day(), |text| {
        text.parse::<Span>().unwrap().as_millis() / 1_000 % 2 == 0
            || text == "1s"
            || text == "5s"
            || text == "15s"
    });
    assert!(odd.parse::<Span>().is_err() && odd.contains('s'), "{odd}");
    let all = shares(TrafficShare::ZERO..=TrafficShare::FULL).prop_map(|share| share.to_string());
    assert_eq!(
        least(all, |text| text.parse::<TrafficShare>().unwrap() < TrafficShare::percent(7)),
        "\"10%\""
    );
}

#[test]
fn contracts_shrink_to_one_plain_criterion() {
    assert_eq!(least(contract(any_criterion()), |_| false), "error_rate > 1%");
    let complaints = "complaints > 3".parse::<Criterion>().unwrap().metric;
    let shown = least(contract(criterion()), |contract| {
        contract.criteria().iter().all(|one| one.metric != complaints)
    });
    assert_eq!(shown, "complaints > 3");
}

#[test]
fn plans_shrink_to_the_least_that_a_plan_says() {
    assert_eq!(least(plan(), |_| false), "release-1 touches nothing named: error_rate > 1%");
    let high = least(plan(), |plan| Policy::shipped().assess(plan).level < RiskLevel::High);
    assert_eq!(high, "release-1 touches payments: error_rate > 1%");
    assert_eq!(least(drill_plan(), |_| false), "drill-1 (drill) touches nothing named: error_rate > 1%");
}

#[test]
fn policies_shrink_to_the_shipped_rules() {
    let shortest =
        "track standard: 1% 5m, 10% 5m, 50% 5m, 100% 24h; a look every 1m, verdicts on 100 requests";
    assert_eq!(least(policy(), |_| false), shortest);
    let drill = "track drill: 1% 5s, 10% 5s, 50% 5s, 100% 5s; a look every 1s, verdicts on 100 requests";
    assert_eq!(least(drill_policy(), |_| false), drill);
    let steps = "1% 5s, 10% 5s, 50% 5s, 100% 5s; a look every 1s, verdicts on 100 requests";
    assert_eq!(least(track_steps(TrackUse::DrillsOnly), |_| false), steps);
    let standard = "standard".parse().unwrap();
    let first = |policy: &Policy| policy.track(&standard).unwrap().steps()[0].share;
    let large = least(policy(), |policy| first(policy) < TrafficShare::percent(3));
    assert_eq!(large, shortest.replace("1% 5m", "5% 5m"));
    let rare =
        least(policy(), |policy| policy.track(&standard).unwrap().look_every() < Span::from_minutes(7));
    assert_eq!(
        rare,
        "track standard: 1% 50m, 10% 50m, 50% 50m, 100% 24h; a look every 10m, verdicts on 100 requests"
    );
    let for_good = least(policy(), |policy| policy.no_data().stale.roll_back_after.is_some());
    assert_eq!(for_good, format!("{shortest}\nstale data: hold for good"));
}

#[test]
fn worlds_shrink_to_a_healthy_one_and_what_matters() {
    assert_eq!(least(world(), |_| false), "50 requests a second");
    let harmful = least(world(), |world| world.regressions.is_empty());
    assert_eq!(harmful, "50 requests a second; 20% errors from 1% of the traffic on");
    let long =
        |fault: &Fault| matches!(fault, Fault::Metrics { lasting, .. } if *lasting >= Span::from_hours(1));
    let dark = least(world(), |world| !world.faults.faults.iter().any(long));
    assert_eq!(
        dark,
        "50 requests a second; from 0s after the first exposure, for 1h: every metric can't be had, the source is down"
    );
}

#[test]
fn moves_shrink_to_few_and_plain_ones() {
    let held =
        least(journey(40), |journey| !journey.story().release().holds().contains_key(&HoldCause::Manual));
    assert_eq!(held, "given planned, when user:ana holds");
    let by_hand = |release: &Release| match release.phase() {
        Phase::RollingBack(rollback) => matches!(rollback.trigger, RollbackTrigger::Manual { .. }),
        _ => false,
    };
    let production = least(journey(40), |journey| !by_hand(journey.story().release()));
    // A story that begins so is as plain as one in which someone does it.
    let plain = ["given rolling back", "given in production, when user:ana rolls back"];
    assert!(plain.contains(&production.as_str()), "{production}");
    let late = least(moves(40), |moves| moves.len() < 3);
    assert_eq!(late, "[onward, onward, onward]");
}

#[test]
fn journals_shrink_to_short_ones() {
    let started = least(journal(10), |journal| journal.records().len() < 2);
    let lines: Vec<&str> = started.lines().collect();
    assert!(
        lines.len() <= 4 && lines[0].starts_with("#0 2026-11-23T08:00:00.000Z user:ana: recorded the plan"),
        "{started}"
    );
}

proptest! {
    #![proptest_config(repeatable(48))]

    #[test]
    fn every_track_keeps_to_the_floors(track in track_steps(TrackUse::Anyone)) {
        let before = &track.steps[..track.steps.len() - 1];
        prop_assert!(before.len() >= floors::MIN_STEPS_BEFORE_FULL);
        prop_assert!(before.iter().all(|(_, bake)| *bake >= floors::MIN_BAKE && *bake >= track.look_every.times(5)));
    }

    #[test]
    fn every_plan_fits_every_policy(
        plan in plan(), policy in policy(), drill in drill_plan(), drill_policy in drill_policy()
    ) {
        let story = Story::from(planned().of(plan.into_inner(), policy.into_inner()));
        prop_assert_eq!(story.release().phase().name(), PhaseName::Planning);
        let story = Story::from(planned().of(drill.into_inner(), drill_policy.into_inner()));
        prop_assert_eq!(story.release().track().unwrap().0.as_str(), "drill");
    }

    #[test]
    fn every_journal_replays_and_keeps_the_guardrails(journal in journal(30)) {
        journal_holds(journal.release(), journal.lines())?;
    }
}

proptest! {
    #![proptest_config(repeatable(5))]

    #[test]
    fn healthy_drills_come_to_their_end_under_every_policy(
        plan in drill_plan(), policy in drill_policy(), healthy in healthy_world(), seed in 0_u64..1_000
    ) {
        let world = World { error_rate: 0.0, log_noise: 0.0, latency_spread: 0.01, ..healthy.into_inner() };
        let run = Simulation::new(plan.into_inner(), policy.into_inner()).world(world).seed(seed).run(Team::new()).unwrap();
        prop_assert_eq!(run.release.phase().name(), PhaseName::Closed);
        prop_assert_eq!(Invariants::violations(&run.records), []);
    }
}
