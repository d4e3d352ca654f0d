//! Crashes at every point of some releases. Many more are explored by the example `crash_points` in an optimised build.

use std::num::NonZero;

use relman_core::policy::Policy;
use relman_testkit::{
    Simulation, Trace,
    crash_points::{Explorer, Scenario},
    sample,
    world::{World, fault::Fault},
};

fn drill(world: World) -> Scenario {
    Scenario::new("a drill", Simulation::new(sample::drill_plan(), sample::brief_policy()).world(world))
}

#[test]
fn a_crash_at_every_point_breaks_nothing() {
    let explored = Explorer::new(Scenario::shipped(1)).run().unwrap_or_else(|failure| panic!("{failure}"));
    assert_eq!(explored.scenarios, 36);
    assert!(explored.crash_points > 2_000, "{explored:?}");
    assert_eq!(explored.by_crashes, [explored.crash_points]);
}

#[test]
fn a_second_crash_at_every_point_after_every_crash_breaks_nothing() {
    let explored = Explorer::new(vec![drill(World::calm())]).depth(2).run();
    let explored = explored.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(explored.by_crashes[1] > 3 * explored.by_crashes[0], "{explored:?}");
}

#[test]
fn the_same_is_explored_on_any_number_of_threads() {
    let explored = |threads| {
        let scenarios = vec![drill(World::calm()), drill(World::calm().with(Fault::lost_answers(1)))];
        Explorer::new(scenarios).threads(NonZero::new(threads).unwrap()).run().unwrap()
    };
    assert_eq!(explored(1), explored(3));
}

#[test]
fn what_goes_wrong_comes_with_a_trace_that_can_be_replayed() {
    // The plan asks for a track that this policy does not have.
    let wrong = Simulation::new(sample::drill_plan(), std::sync::Arc::new(Policy::shipped()));
    let failure = Explorer::new(vec![Scenario::new("a wrong policy", wrong)]).run().unwrap_err();
    let trace = Trace::read(&failure.trace).unwrap();
    assert_eq!(trace.replay().unwrap_err().to_string(), failure.problem.to_string());
    std::fs::remove_file(&failure.trace).unwrap();
}
