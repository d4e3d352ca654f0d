//! The target of a release: whose turn it is, what stops everything, and how a version becomes the stable one.

use relman_core::{
    chain::{Digest, Head},
    event::{Event, HoldCause},
    machine::{Action, CallId, Outcome, PhaseName, Preflight, PreflightAnswer, Request, Turn},
    port::{Deployment, Promotion, Slot},
    target::{Admission, Admitted, Standing, Waiting},
    unit::{StreamId, TrafficShare},
};

use crate::fixture::{Batch, Driven, act, healthy, secs};

/// In staging with everything passed; nobody has answered yet whether production can be entered.
fn asking() -> Driven {
    let mut driven = Driven::drill();
    driven.production = None;
    let mut driven = driven.staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven
}

fn asked(driven: &mut Driven) -> (CallId, Preflight) {
    for _ in 0..3 {
        let found = driven.calls.values().find_map(|call| match &call.request {
            Request::Preflight(asked) => Some((call.id, asked.clone())),
            _ => None,
        });
        if let Some(found) = found {
            return found;
        }
        driven.wait(secs(10)).tick();
    }
    panic!("nobody asks for the target: {:?}", driven.calls);
}

fn held(promotion: Promotion, place: Slot, version: &str) -> PreflightAnswer {
    let record = Head { seq: 3, digest: Digest::of_line(b"admitted") };
    let admitted = Admitted::new(record, place, version.parse().unwrap());
    PreflightAnswer::new(Admission::Admitted(admitted), promotion, Ok(Deployment::at(TrafficShare::ZERO)))
}

fn answer(driven: &mut Driven, answer: PreflightAnswer) -> Batch {
    let (call, _) = asked(driven);
    driven.answer(call, Outcome::Preflight(Box::new(answer)))
}

fn stopped() -> Standing {
    let by = Some("user:olu".parse().unwrap());
    Standing::stopped(StreamId::Estate, "an outage, for good".parse().unwrap(), by, None)
}

/// A look under a freeze.
fn frozen_look(driven: &mut Driven, standing: Option<Standing>) -> Batch {
    driven.noting(|driven| {
        let (call, question) = driven.asked();
        let measured = driven.measured(&question, healthy);
        let (observations, deployment) = (measured.observations, measured.deployment);
        driven.answer(
            call,
            Outcome::Measured { observations, deployment, tolerance: measured.tolerance, standing },
        );
    })
}

#[test]
fn t1_a_release_waits_for_its_target_and_goes_on_without_anyone() {
    let mut driven = asking();
    let waiting = Admission::Waiting(Waiting::new("checkout-240".parse().unwrap(), 2));
    let nobody = Err("it waits".to_owned());
    let batch = answer(&mut driven, PreflightAnswer::new(waiting.clone(), Promotion::Swap, nobody.clone()));
    assert_eq!(batch.kinds(), ["hold_placed"]);
    assert!(batch.effects().iter().all(|effect| !effect.starts_with("page")), "nobody gets up for a queue");
    assert_eq!(driven.release.missing(driven.now)[0].turn, Turn::Relman);
    assert!(driven.missing()[0].contains("checkout-240 holds checkout-rehearsal"), "{:?}", driven.missing());
    let again = answer(&mut driven, PreflightAnswer::new(waiting, Promotion::Swap, nobody));
    assert!(again.events.is_empty(), "one wait is one hold");
    let batch = answer(&mut driven, held(Promotion::Swap, Slot::First, "2.40.3"));
    assert_eq!(
        batch.kinds(),
        ["target_admitted", "hold_released", "platform_observed", "gate_passed", "rollout_started"]
    );
    driven.assert_replays();
}

#[test]
fn t2_a_platform_that_tells_no_versions_is_believed_as_far_as_the_record_of_the_target() {
    let mut driven = asking();
    let batch = answer(&mut driven, held(Promotion::Swap, Slot::First, "2.40.9"));
    assert_eq!(batch.kinds(), ["target_admitted", "platform_observed", "hold_placed"]);
    assert!(driven.missing()[0].contains("users have 2.40.9"), "{:?}", driven.missing());
    assert_eq!(driven.phase(), PhaseName::Staging);
    driven.assert_replays();
}

#[test]
fn t5_a_freeze_holds_from_the_next_look_on_and_going_back_is_never_frozen() {
    let mut driven = Driven::drill().in_step(2);
    let batch = frozen_look(&mut driven, Some(stopped()));
    assert_eq!(batch.kinds(), ["hold_placed", "evaluated"]);
    assert!(
        driven.missing()[0].contains("estate is frozen by user:olu: an outage"),
        "{:?}",
        driven.missing()
    );
    for _ in 0..20 {
        frozen_look(&mut driven, Some(stopped()));
    }
    assert_eq!((driven.step(), driven.phase()), (2, PhaseName::Releasing), "it goes no further");

    let mut broken = driven.clone();
    assert!(broken.look_with_errors(50).has("rollback_started"), "a breach takes it back all the same");
    broken.assert_replays();

    let batch = frozen_look(&mut driven, Some(Standing::open()));
    assert!(batch.has("hold_released") && batch.has("step_started"), "{:?}", batch.kinds());
    driven.assert_replays();
}

#[test]
fn t5_an_executive_excepts_a_release_from_a_freeze_by_name() {
    let mut driven = Driven::drill().in_step(2);
    frozen_look(&mut driven, Some(stopped()));
    let until = driven.now + secs(3_600);
    driven.does("user:eva", act::override_gate(relman_core::event::Gate::Freeze, until));
    let batch = frozen_look(&mut driven, Some(stopped()));
    assert!(batch.has("hold_released"), "{:?}", batch.kinds());
    driven.assert_replays();
}

#[test]
fn t3_a_version_becomes_the_stable_one_before_its_release_is_complete() {
    let mut driven = Driven::drill().validating();
    driven.does("user:qin", act::passed("user-flows"));
    driven.does("user:olu", act::acknowledge());
    while driven.outstanding().is_empty() {
        driven.healthy_look();
    }
    assert_eq!(driven.outstanding(), ["promote the new version"]);
    assert_eq!(driven.missing(), ["the promotion of the new version"]);
    // The platform does not show it yet.
    let still_there = Deployment::at(TrafficShare::percent(5));
    let call = driven.carried_out(driven.effect("promote the new version"));
    let shown = Outcome::Observed { deployment: still_there, tolerance: TrafficShare::ZERO };
    assert_eq!(driven.answer(call, shown).kinds(), ["effect_failed"]);
    let batch = driven.done("promote the new version");
    assert_eq!(batch.kinds(), ["promoted", "release_completed"]);
    let Event::Promoted(promoted) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(promoted.place, Slot::Second, "the places change roles");
    assert!(driven.outstanding().contains(&"free the target".to_owned()));
    driven.done("free the target");
    driven.assert_replays();
}

#[test]
fn t4_what_was_replaced_is_not_rolled_back_to() {
    let mut driven = asking();
    answer(&mut driven, held(Promotion::Replace, Slot::First, "2.40.3"));
    driven.production = Some(Ok(Deployment::at(TrafficShare::ZERO)));
    driven.done("deploy to production");
    driven.done("set traffic to 1%");
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    driven.does("user:qin", act::passed("user-flows"));
    driven.does("user:olu", act::acknowledge());
    while !driven.outstanding().contains(&"promote the new version".to_owned()) {
        driven.healthy_look();
    }
    let reason = || Action::RollBack { reason: "too late".parse().unwrap() };
    let refused = driven.refused("user:olu", reason());
    assert!(refused.contains("2.40.3 is not installed any more"), "{refused}");
    driven.done("promote the new version");
    assert_eq!(driven.phase(), PhaseName::Completed);
    assert!(driven.refused("user:olu", reason()).contains("plan it as a new release"));
    assert!(!driven.release.holds().contains_key(&HoldCause::Target));
    driven.assert_replays();
}
