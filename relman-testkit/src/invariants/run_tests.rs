//! Each invariant over whole runs is held against a run that is in order but for one thing.

use relman_core::{
    event::Event,
    port::PortErrorKind,
    unit::{Span, TrafficShare},
};

use super::*;
use crate::{
    Diligence, Duty, Ending, Run, Simulation, Team, sample,
    world::{
        Call, CallAnswer, Happening, Regression, What, World,
        fault::{DeployerCall, DeployerFate, Fault},
    },
};

fn run_in(world: World) -> Run {
    Simulation::new(sample::drill_plan(), sample::brief_policy()).world(world).run(Team::new()).unwrap()
}

fn completed() -> Run {
    run_in(World::calm())
}

fn rolled_back() -> Run {
    run_in(World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.2)))
}

fn drifted() -> Run {
    run_in(World::calm().with(Fault::drift(Span::from_minutes(7), TrafficShare::percent(30))))
}

/// The place and a copy of the first call of a kind.
fn call(run: &Run, wanted: impl Fn(&Call) -> bool) -> (usize, Happening) {
    let is = |happening: &Happening| matches!(&happening.what, What::Called { call, .. } if wanted(call));
    let at = run.happened.iter().position(is).expect("the run has such a call");
    (at, run.happened[at].clone())
}

#[track_caller]
fn found(name: &str, run: &Run) {
    let names: Vec<&str> = Invariants::violations_of_run(run).iter().map(|one| one.name).collect();
    assert!(names.contains(&name), "{name} is not among {names:?}");
}

#[test]
fn runs_in_order_break_nothing() {
    for run in [completed(), rolled_back(), drifted()] {
        assert_eq!(Invariants::violations_of_run(&run), []);
        Invariants::check_run(&run).unwrap();
    }
}

#[test]
fn bytes_that_do_not_verify_are_found() {
    let mut run = completed();
    let at = run.lines.len() - 1;
    run.lines.remove(at);
    found("chain_verifies", &run);
    found("replay_equals_live", &run);
}

#[test]
fn a_state_that_no_replay_comes_to_is_found() {
    let mut run = completed();
    run.release = rolled_back().release;
    found("replay_equals_live", &run);
    let mut run = completed();
    run.records[3].by = Team::actor("user:mallory");
    found("replay_equals_live", &run);
}

#[test]
fn a_call_before_its_record_is_found() {
    let mut run = completed();
    let (at, _) = call(&run, |call| matches!(call, Call::Route(_)));
    run.happened[at].records -= 3;
    found("law2_append_before_act", &run);
    let mut run = completed();
    if let What::Called { key, .. } = &mut run.happened[at].what {
        *key = "made-up".to_owned();
    }
    found("law2_append_before_act", &run);
}

#[test]
fn an_effect_that_is_performed_again_too_late_is_found() {
    let name = "law2_net_effect_is_as_if_once";
    let again = |change: fn(&mut What)| {
        let mut run = completed();
        let (_, mut first) = call(&run, |call| matches!(call, Call::Route(_)));
        let (next, later) = call(&run, |call| *call == Call::Route(TrafficShare::percent(10)));
        first.records = later.records + 2;
        if let What::Called { before, .. } = &mut first.what {
            *before = TrafficShare::percent(10);
        }
        change(&mut first.what);
        run.happened.insert(next + 1, first);
        run
    };
    found(name, &again(|_| {}));
    found(
        name,
        &again(|what| {
            if let What::Called { call, .. } = what {
                *call = Call::Route(TrafficShare::percent(1));
            }
        }),
    );
    let mut other = completed();
    let (at, mut twice) = call(&other, |call| matches!(call, Call::Route(_)));
    if let What::Called { call, .. } = &mut twice.what {
        *call = Call::Route(TrafficShare::FULL);
    }
    other.happened.insert(at + 1, twice);
    found(name, &other);
    let mut run = completed();
    let mut changed = run.sent[0].clone();
    changed.title.push('!');
    run.sent.push(changed);
    found(name, &run);
    let mut undone = completed();
    let (at, _) = call(&undone, |call| matches!(call, Call::Route(_)));
    if let What::Called { after, answer, .. } = &mut undone.happened[at].what {
        *after = TrafficShare::ZERO;
        *answer = CallAnswer::Failed(PortErrorKind::TimedOut);
    }
    found(name, &undone);
}

#[test]
fn a_call_forward_after_a_rollback_is_found() {
    let mut run = rolled_back();
    let (_, mut forward) = call(&run, |call| *call == Call::Route(TrafficShare::percent(1)));
    forward.records = run.records.len() as u64;
    run.happened.push(forward);
    found("law5_back_beats_forward", &run);
}

#[test]
fn traffic_above_the_step_is_found() {
    let name = "exposure_on_the_platform_never_above_step";
    let mut run = completed();
    let (at, _) = call(&run, |call| matches!(call, Call::Route(_)));
    if let What::Called { after, .. } = &mut run.happened[at].what {
        *after = TrafficShare::percent(2);
    }
    found(name, &run);
    let mut let_be = drifted();
    let at = let_be.records.iter().position(|one| matches!(one.event, Event::TrafficDrifted(_))).unwrap();
    let_be.records.remove(at);
    found(name, &let_be);
}

#[test]
fn a_confirmed_rollback_of_a_version_with_traffic_is_found() {
    let mut run = rolled_back();
    let at = run
        .happened
        .iter()
        .rposition(|one| matches!(one.what, What::Called { call: Call::Route(TrafficShare::ZERO), .. }));
    run.happened.remove(at.unwrap());
    found("b3_platform_is_at_zero_when_confirmed", &run);
}

#[test]
fn a_release_that_waits_for_ever_is_found() {
    let refused = Fault::deployer(DeployerCall::Forward, 1, 1, DeployerFate::Refused);
    let drill = Simulation::new(sample::drill_plan(), sample::brief_policy());
    let mut run = drill
        .world(World::calm().with(refused))
        .run(Team::new().without(Duty::Resume).without(Duty::OnCall))
        .unwrap();
    assert_eq!(run.ending, Ending::Stalled);
    Invariants::check_run(&run).unwrap();
    // As if the people had done their part.
    run.diligence = Diligence::DoTheirPart;
    found("nobody_waits_for_ever", &run);
    run.ending = Ending::OutOfTime;
    Invariants::check_run(&run).unwrap();
    run.ended_at = run.ended_at + Span::from_hours(24);
    found("nobody_waits_for_ever", &run);
}
