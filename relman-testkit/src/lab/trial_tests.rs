//! The fast loop against the machine: on the very same numbers both come to the same end.

use std::{collections::BTreeMap, sync::Arc};

use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};
use relman_core::policy::Policy;

use super::*;
use crate::{
    lab::replay::{CRITERIA, Candidate, both, cases, plan_with, policy_with},
    sample,
    search::repeatable,
    world::{
        Complaints, Harm, Onset, Regression, Requests,
        fault::{Fault, MetricsFate},
    },
};

proptest! {
    #![proptest_config(repeatable(200))]

    #[test]
    fn a_trial_comes_to_the_end_that_the_machine_comes_to(case in cases()) {
        let (trial, machine) = case.both();
        prop_assert_eq!(trial, machine);
    }
}

/// Which ends the property meets: it would be worth little if all of them were the same.
#[test]
fn the_worlds_of_the_property_lead_to_every_kind_of_end() {
    let mut runner = TestRunner::deterministic();
    let mut ends: BTreeMap<String, u32> = BTreeMap::new();
    for seed in 0..400 {
        let Candidate { plan, policy, world, .. } = cases().new_tree(&mut runner).unwrap().current();
        let setup = Setup::of(&policy, &plan, plan.track()).unwrap();
        let longest = setup.planned().times(3);
        let draw = Draw::about(&format!("test {seed}"));
        let trial = trial(&setup, &world, draw, sample::start(), longest, |_| {});
        let name = match trial.end {
            End::RolledBack(Cause::Criterion(index)) => format!("{}", setup.rules[index].criterion),
            other => format!("{other:?}"),
        };
        *ends.entry(name).or_default() += 1;
        *ends.entry(format!("step {}", trial.step)).or_default() += 1;
    }
    for end in ["Completed", "Unfinished", "RolledBack(Unmeasured)", "step 1", "step 2", "step 3", "step 4"] {
        assert!(ends.get(end).is_some_and(|count| *count >= 8), "{end}: {ends:?}");
    }
    for criterion in CRITERIA.iter().filter(|criterion| !criterion.contains("< 50ms")) {
        assert!(ends.contains_key(*criterion), "{criterion}: {ends:?}");
    }
}

/// Found by the property: the machine was no longer followed after the longest time, so that a rollback which began just
/// then was never confirmed, while the trial said when it would be.
#[test]
fn a_rollback_at_the_last_moment_is_followed_to_zero() {
    let track = "look_every = \"20s\"\nmin_requests = 100\nsteps = [\
                 { share = \"4%\", bake = \"245s\" }, { share = \"25%\", bake = \"245s\" }, \
                 { share = \"90%\", bake = \"285s\" }, { share = \"100%\", bake = \"145s\" }]";
    let policy = policy_with(track, "threshold", ["{ action = \"roll_back\" }"; 4], 2);
    let slow = Harm::Latency { factor: 2.869_002_899_368_962 };
    let slow = Regression::new(Onset::FromShare(TrafficShare::percent(50)), slow);
    let world = World {
        requests_per_second: 0.7,
        requests: Requests::by_chance().varying(0.5).daily(0.4, Span::from_hours(9)),
        error_rate: 0.0,
        complaints: Complaints::of(0.0, Span::from_minutes(3)),
        regressions: vec![slow.for_users(0.568_857_044_457_616_8)],
        ..World::default()
    };
    let (trial, machine) =
        both(&plan_with(&["latency_p50 > 1.05x baseline"]), &policy, &world, 11_579_801_056_237_026_887);
    assert_eq!(trial, machine);
    let longest = Span::from_secs((245 + 245 + 285 + 145) * 3 + 30 * 60);
    assert_eq!((trial.end, trial.at), (End::RolledBack(Cause::Criterion(0)), longest));
    assert_eq!(trial.zero_at, longest + Span::from_secs(5));
}

#[test]
fn a_criterion_that_could_not_be_measured_has_to_be_clean_again() {
    // 60 requests a look at 1 %, so that two looks make a verdict, and seven that count serve the time: the seventh
    // stands alone. Where the look before it was lost, the step waits for one more.
    let steps = "{ share = \"1%\", bake = \"7m\" }, { share = \"10%\", bake = \"5m\" }, \
                 { share = \"50%\", bake = \"5m\" }, { share = \"100%\", bake = \"5m\" }";
    let track = format!("look_every = \"1m\"\nmin_requests = 100\nsteps = [{steps}]");
    let patient = ["{ action = \"hold\", roll_back_after = \"2h\" }"; 4];
    let policy = policy_with(&track, "threshold", patient, 2);
    let plan = plan_with(&["error_rate > 50%"]);
    let requests = Requests::exactly();
    let ends = (4..8_u64).map(|lost| {
        let (from, until) = (Span::from_minutes(lost), Span::from_minutes(lost + 1));
        let outage = Fault::outage(from, until, MetricsFate::Empty);
        let world = World { requests_per_second: 100.0, requests, ..World::calm() }.with(outage);
        let (trial, machine) = both(&plan, &policy, &world, 1);
        assert_eq!(trial, machine);
        trial.at
    });
    assert_eq!(ends.map(|at| at.as_millis() / 60_000).collect::<Vec<_>>(), [23, 23, 24, 23]);
}

#[test]
fn the_standard_track_ends_as_the_machine_ends_it() {
    // A trial draws no baseline for what nobody compares with it.
    let judging = "[judging]\nsample_ratio = \"warn\"\n\n[risk]\n";
    let text = Policy::SHIPPED_TOML.replacen("[risk]\n", judging, 1);
    let policy = Arc::new(Policy::from_toml(&text).unwrap());
    let plan = sample::builder("checkout-241", &["api"]).track("standard".parse().unwrap());
    let plan = Arc::new(plan.build().unwrap());
    let slow = World::calm().with(Regression::errors_after(Span::from_hours(10), 0.02));
    let (trial, machine) = both(&plan, &policy, &slow, 1);
    assert_eq!(trial, machine);
    assert_eq!((trial.end, trial.step), (End::RolledBack(Cause::Criterion(0)), 4));
    let (trial, machine) = both(&plan, &policy, &World::calm(), 1);
    assert_eq!(trial, machine);
    assert_eq!((trial.end, trial.at), (End::Completed, Span::from_hours(30) + Span::from_minutes(30)));
}
