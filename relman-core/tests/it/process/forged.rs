//! Facts that no rule has decided, sealed into a chain that verifies: a guardrail that is broken by them is not folded.

use std::collections::BTreeSet;

use relman_core::{
    event::{
        Event, Gate, OverrideGranted, PlanApproved, ReleaseClosed, ReleaseCompleted, RollbackConfirmed,
        StagingStarted, StepStarted, ValidationStarted, ZeroTrafficObserved,
    },
    machine::{Action, PhaseName, ReplayError},
    unit::{Span, TrafficShare},
};

use serde::Serialize;

use crate::fixture::{Driven, PLAN, act, drill_plan, forge, policy_text, secs, share, with};

/// Whether a forged fact that continues the chain is folded.
#[track_caller]
pub(crate) fn folds(driven: &Driven, by: &str, event: impl Serialize + Clone + Into<Event>) -> bool {
    let mut release = driven.release.clone();
    match release.apply(&forge(&driven.release, driven.now, by, event)) {
        Ok(()) => true,
        Err(ReplayError::Impossible { .. }) => {
            assert_eq!(release, driven.release, "what is refused changes nothing");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn approved() -> PlanApproved {
    PlanApproved { plan_record: 0, roles: BTreeSet::new() }
}

fn step(number: u32, share: TrafficShare, bake: Span) -> StepStarted {
    StepStarted { step: number, share, bake }
}

#[test]
fn g5_an_author_does_not_approve_and_nobody_approves_twice() {
    let payments = with(&drill_plan(), "\"api\"", "\"payments\"");
    let mut driven = Driven::planned(&payments, &policy_text());
    assert!(folds(&driven, "user:ben", approved()));
    assert!(!folds(&driven, "user:ana", approved()));
    driven.does("user:ben", Action::ApprovePlan);
    assert!(!folds(&driven, "user:ben", approved()));
    assert!(folds(&driven, "user:cem", approved()));
}

#[test]
fn g2_nothing_is_staged_without_a_contract_or_without_approvals() {
    let contract =
        "[contract]\ncriteria = [\"error_rate > 1%\", \"latency_p99 > 2x baseline\", \"complaints > 3\"]\n";
    let bare = Driven::planned(&with(PLAN, contract, ""), &policy_text());
    assert!(!folds(&bare, "user:ben", StagingStarted {}), "neither");
    let mut approved_alone = bare.clone();
    approved_alone.release.apply(&forge(&bare.release, bare.now, "user:ben", approved())).unwrap();
    assert!(!folds(&approved_alone, "user:ben", StagingStarted {}), "no contract");
    assert!(!folds(&Driven::standard(), "user:ben", StagingStarted {}), "no approval");
}

#[test]
fn g3_only_the_next_step_begins_as_the_track_has_it_and_after_the_bake_time() {
    let first = Driven::drill().in_step(1);
    assert!(!folds(&first, "system:relman", step(2, share(10), secs(5))), "before the bake time");
    let mut baked = Driven::planned(&drill_plan(), &policy_text()).in_step(1);
    baked.run_while(|driven| driven.baked() < secs(4));
    // The last look of the step, without what follows from it.
    let mut on = baked.clone();
    assert_eq!(on.healthy_look().kinds(), ["evaluated", "gate_passed", "step_started"]);
    baked.now = on.now;
    let Event::Evaluated(look) = on.journal.records[baked.journal.records.len()].event.clone() else {
        panic!()
    };
    baked.release.apply(&forge(&baked.release, on.now, "system:relman", look)).unwrap();
    assert_eq!((baked.step(), baked.baked()), (1, secs(5)));
    assert!(folds(&baked, "system:relman", step(2, share(10), secs(5))));
    assert!(!folds(&baked, "system:relman", step(3, share(50), secs(5))), "a step is left out");
    assert!(!folds(&baked, "system:relman", step(2, share(11), secs(5))), "more traffic");
    assert!(!folds(&baked, "system:relman", step(2, share(10), secs(4))), "less time");
    assert!(!folds(&baked, "system:relman", step(1, share(1), secs(5))), "the same step again");
    assert!(!folds(&baked, "system:relman", step(0, share(1), secs(5))), "no step at all");
    assert!(!folds(&baked, "system:relman", ValidationStarted { length: secs(10) }), "1 % is not everybody");
}

#[test]
fn g4_a_validation_that_was_not_served_does_not_complete() {
    let driven = Driven::drill().validating();
    assert!(!folds(&driven, "system:relman", ReleaseCompleted { validated: secs(10) }));
}

#[test]
fn g1_what_can_not_be_overridden_is_not_and_neither_author_nor_approver_overrides() {
    let driven = Driven::drill().staging();
    let grant = |gate| OverrideGranted {
        gate,
        checks: ["unit".parse().unwrap()].into(),
        freezes: BTreeSet::new(),
        reason: act::text("in a hurry"),
        expires_at: driven.now + secs(60),
        roles: ["executive".parse().unwrap()].into(),
    };
    assert!(folds(&driven, "user:eva", grant(Gate::Staging)));
    assert!(!folds(&driven, "user:eva", grant(Gate::Plan)));
    assert!(!folds(&driven, "user:eva", grant(Gate::Step(1))));
    assert!(!folds(&driven, "user:ana", grant(Gate::Staging)), "she wrote the plan");
    assert!(!folds(&driven, "user:ben", grant(Gate::Staging)), "he approved it");
}

#[test]
fn b3_a_rollback_ends_when_zero_was_seen_as_often_as_the_policy_asks() {
    let mut driven = Driven::drill().in_step(2);
    let confirmed = || RollbackConfirmed { took: secs(1), by: None };
    let zero = |times| ZeroTrafficObserved { times, needed: 2, detail: act::text("zero"), served: None };
    driven.does("user:guest", act::roll_back());
    assert!(!folds(&driven, "system:relman", confirmed()), "not even set");
    driven.done("set traffic to 0%");
    assert!(!folds(&driven, "system:relman", confirmed()), "set, and not seen");
    driven.traffic(Ok(TrafficShare::ZERO));
    assert!(!folds(&driven, "system:relman", confirmed()), "seen once");
    assert!(folds(&driven, "system:relman", zero(2)));
}

#[test]
fn g1_what_owes_a_post_mortem_is_not_closed() {
    let mut driven = Driven::drill().in_step(2);
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    assert!(!folds(&driven, "user:ana", ReleaseClosed { roles: BTreeSet::new() }));
    driven.does("user:ana", act::post_mortem(None));
    assert!(folds(&driven, "user:ana", ReleaseClosed { roles: BTreeSet::new() }));
}
