//! What a team copies to test its own release policy: its policy, three properties, and what the test says where a
//! policy breaks one. `cargo test -p relman-examples --test policy_properties` runs them in a few seconds: no server, no
//! runtime, no sleep.
//!
//! The `bad_policy` below is a valid one, and forgets one thing: it is patient for good while its metrics are stale. So a
//! broken version keeps its users as long as nobody can see it. The second property finds that, and shrinks what it found
//! to the least that shows it:
//!
//! ```text
//! Test failed: it had up to 1% of the users, for 3h 15m.
//! minimal failing input: 50 requests a second; from 0s after the first exposure, for 3h: every metric is stale
//! ```
//!
//! The last test keeps these two lines true.

#![allow(clippy::unwrap_used, missing_docs, reason = "a test may fail")]

use std::sync::Arc;

use proptest::{prelude::*, test_runner::TestRunner};
use relman_core::{
    policy::Policy,
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    Run, Simulation, Team, sample,
    strategy::{self, Shown},
    world::{
        Regression, World,
        fault::{Fault, When},
    },
};

/// The team's own policy: what it has in its repository, by `include_str!` in real life.
const POLICY: &str = r#"
name = "checkout team"
version = "7"
default_track = { low = "standard", standard = "standard", high = "standard" }

[tracks.standard]
highest_risk = "high"
look_every = "5m"
min_requests = 100
steps = [
    { share = "1%", bake = "30m" },
    { share = "10%", bake = "1h" },
    { share = "50%", bake = "4h" },
    { share = "100%", bake = "24h" },
]

[risk]
api = "standard"

[roles]
plan = ["developer"]
approve = ["approver"]
check = ["ci", "qa"]
override = ["executive"]
on_call = ["on-call"]
operate = ["developer", "on-call"]

[no_data]
no_data = { action = "hold", roll_back_after = "2h" }
stale = { action = "hold", roll_back_after = "2h" }
provider_error = { action = "hold", roll_back_after = "2h" }
not_finite = { action = "roll_back" }
"#;

/// The same, without an end to its patience with stale metrics.
fn bad_policy() -> String {
    POLICY.replace("stale = { action = \"hold\", roll_back_after = \"2h\" }", "stale = { action = \"hold\" }")
}

fn release(policy: &str, world: World, seed: u64, longest: Span) -> Run {
    let policy = Arc::new(Policy::from_toml(policy).unwrap());
    let simulation = Simulation::new(sample::plan(), policy).world(world).seed(seed).longest(longest);
    simulation.run(Team::new()).unwrap()
}

/// Any traffic of ours, and a time in which a metric, or all of them, can't be had.
fn traffic_with_an_outage() -> impl Strategy<Value = Shown<World>> {
    let outage = strategy::outage(Span::from_hours(2), Span::from_hours(6));
    (strategy::healthy_world(), outage).prop_map(|(world, outage)| Shown(world.0.with(outage.0)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn no_healthy_version_has_more_than_10_percent_in_its_first_hour(
        world in strategy::healthy_world(), seed in 0_u64..1_000
    ) {
        let run = release(POLICY, world.0, seed, Span::from_hours(1));
        prop_assert!(run.exposure().most() <= TrafficShare::percent(10));
    }

    #[test]
    fn a_broken_version_has_few_users_and_not_for_long(world in traffic_with_an_outage()) {
        broken_version_is_gone_in_time(POLICY, world.0)?;
    }

    #[test]
    fn a_metrics_outage_never_lets_a_release_go_forward(world in traffic_with_an_outage(), seed in 0_u64..1_000) {
        let Fault::Metrics { from: When::AfterExposure(from), lasting, .. } = world.faults.faults[0] else {
            panic!("the outage is the only fault")
        };
        let run = release(POLICY, world.0, seed, Span::from_hours(3));
        prop_assert!(!run.exposure().rose_between(from, from + lasting));
    }
}

/// A version that fails a fifth of its requests never has more than 1 % of the users, and has none after two and a half
/// hours: two hours of patience with the metrics, and time to look.
fn broken_version_is_gone_in_time(policy: &str, world: World) -> Result<(), TestCaseError> {
    let broken = world.with(Regression::errors_after(Span::ZERO, 0.2));
    let exposure = release(policy, broken, 1, Span::from_hours(24)).exposure();
    if exposure.most() > TrafficShare::percent(1) || exposure.lasted() > Span::from_minutes(150) {
        let (most, lasted) = (exposure.most(), exposure.lasted());
        return Err(TestCaseError::fail(format!("it had up to {most} of the users, for {lasted}")));
    }
    Ok(())
}

#[test]
fn the_bad_policy_is_refuted_as_documented() {
    let tried = TestRunner::deterministic()
        .run(&traffic_with_an_outage(), |world| broken_version_is_gone_in_time(&bad_policy(), world.0));
    let failure = tried.unwrap_err().to_string();
    let documented = |source: &str| failure.lines().all(|line| source.contains(&format!("//! {line}\n")));
    assert!(documented(include_str!("policy_properties.rs")), "document this:\n{failure}");
    // The testkit's documentation shows the same; leave this line out of your copy.
    assert!(documented(include_str!("../relman-testkit/src/strategy/mod.rs")), "document this:\n{failure}");
}
