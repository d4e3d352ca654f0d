//! The machine against a reference model that is written from the process alone: the same moves in any order, by anybody,
//! lead both to the same place. And models with one rule wrong, each of which is refuted.

#![allow(unreachable_pub, missing_docs, reason = "its words are those of the process")]

mod model;
mod moves;
mod people;

use std::{marker::PhantomData, sync::Arc};

use model::{Answer, AsWritten, ELSEWHERE, Model, OVERRIDE, Phase, Risk, Rules, SHARES};
use moves::{GateName, Move, Passes, Seen};
use people::Who;
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{TestError, TestRng, TestRunner},
};
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};
use relman_core::{
    event::{Gate, HoldCause},
    judge::MissingKind,
    machine::{Effect, Outcome, PhaseName},
    plan::Plan,
    port::Retry,
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    Invariants, sample,
    scenario::{Story, Taken, When, a_look, pass, planned, traffic_at},
    search::repeatable,
};

impl<R: Rules> ReferenceStateMachine for Model<R> {
    type State = Self;
    type Transition = Move;

    fn init_state() -> BoxedStrategy<Self> {
        select(&[Risk::Standard, Risk::High][..]).prop_map(Self::planned).boxed()
    }

    /// Most moves are what comes next, so that every phase is reached; the others are anything by anybody.
    fn transitions(state: &Self) -> BoxedStrategy<Move> {
        let who = || select(&Who::ALL[..]);
        let check = select(&["unit", "integration", "end-to-end", "manual-qa", "user-flows"][..]);
        let passes = select(&[Passes::Yes, Passes::No][..]);
        let gate = select(
            &[GateName::Staging, GateName::Validation, GateName::Plan, GateName::Step, GateName::Freeze][..],
        );
        let seen = select(
            &[Seen::Healthy, Seen::NoLatency, Seen::TrafficElsewhere, Seen::TrafficUnknown, Seen::Breach][..],
        );
        let open = state.open_check().unwrap_or("unit");
        prop_oneof![
            30 => Just(state.onward()),
            2 => who().prop_map(Move::Approve),
            1 => who().prop_map(Move::Revise),
            2 => (who(), check, passes.clone()).prop_map(|(who, check, passes)| Move::Check(who, check, passes)),
            1 => passes.prop_map(move |passes| Move::Check(Who::Cy, open, passes)),
            2 => who().prop_map(Move::Hold),
            1 => who().prop_map(Move::Resume),
            1 => who().prop_map(Move::RollBack),
            1 => who().prop_map(Move::Abort),
            2 => (who(), gate).prop_map(|(who, gate)| Move::Override(who, gate)),
            2 => who().prop_map(Move::TakeDuty),
            1 => (who(), 1..3_u32).prop_map(|(who, number)| Move::File(who, number)),
            2 => who().prop_map(Move::Complain),
            1 => who().prop_map(Move::Close),
            1 => Just(Move::PlatformDone),
            1 => Just(Move::PlatformFails),
            1 => Just(Move::PlatformRefuses),
            5 => seen.prop_map(Move::Look),
            2 => select(&[0_u32, 1][..]).prop_map(Move::TrafficShown),
            2 => select(&[1_u64, 3, 60, 3_600, 7_200, 12 * 3_600][..]).prop_map(Move::Wait),
        ]
        .boxed()
    }

    fn apply(state: Self, one: &Move) -> Self {
        state.after(*one)
    }

    fn preconditions(state: &Self, one: &Move) -> bool {
        state.is_possible(*one)
    }
}

/// The machine beside the model.
struct Machine<R>(PhantomData<R>);

impl<R: Rules> StateMachineTest for Machine<R> {
    type SystemUnderTest = Story;
    type Reference = Model<R>;

    fn init_test(model: &Model<R>) -> Story {
        Story::from(planned().of(plan(model.risk), sample::brief_drill_policy()))
    }

    fn apply(mut story: Story, model: &Model<R>, one: Move) -> Story {
        let answer = match story.take(&when(&story, model, one)) {
            Taken::Happened(_) => Answer::Allowed,
            Taken::Refused(_) => Answer::Refused,
            Taken::Impossible(why) => {
                panic!("{one:?} is possible in the model, and not in the machine: {why}")
            }
        };
        assert_eq!(answer, model.answer, "{one:?}");
        settled(story)
    }

    fn check_invariants(story: &Story, model: &Model<R>) {
        assert_eq!(seen_of_machine(story), seen_of_model(model));
        Invariants::check(story.records()).unwrap();
    }
}

/// The model knows of no targets: a version becomes the stable one, and a target free, as soon as that is asked for.
fn settled(mut story: Story) -> Story {
    let asked = |story: &Story| {
        let mut asked = story.release().outstanding().iter();
        let of_a_target =
            asked.find(|(_, one)| matches!(one.effect, Effect::Promote | Effect::LeaveTarget { .. }));
        of_a_target.map(|(id, _)| *id)
    };
    while let Some(effect) = asked(&story) {
        story.take(&When::Ended { effect, outcome: Outcome::Done });
    }
    story
}

fn plan(risk: Risk) -> Arc<Plan> {
    let touches = match risk {
        Risk::Standard => "api",
        Risk::High => "payments",
    };
    let drill = sample::builder("drill-1", &[touches]).drill().track("drill".parse().unwrap());
    Arc::new(drill.build().unwrap())
}

/// The move as the machine is told of it.
fn when<R: Rules>(story: &Story, model: &Model<R>, one: Move) -> When {
    let asked = || {
        let mut asked = story.release().outstanding().iter();
        *asked.find(|(_, one)| !one.effect.is_notification()).expect("the platform is asked for something").0
    };
    let ended = |outcome| When::Ended { effect: asked(), outcome };
    let failed = |retry| ended(Outcome::Failed { detail: "no".to_owned(), retry });
    let share = |percent: u32| TrafficShare::percent(u16::try_from(percent).unwrap());
    match one {
        Move::Approve(who) => who.someone().approves(),
        Move::Revise(who) => who.someone().revises(plan(model.risk), sample::brief_drill_policy()),
        Move::Check(who, check, Passes::Yes) => who.someone().passes(check),
        Move::Check(who, check, Passes::No) => who.someone().fails(check),
        Move::Hold(who) => who.someone().holds(),
        Move::Resume(who) => who.someone().resumes(),
        Move::RollBack(who) => who.someone().rolls_back(),
        Move::Abort(who) => who.someone().aborts(),
        Move::Override(who, gate) => {
            let gate = match gate {
                GateName::Plan => Gate::Plan,
                GateName::Staging => Gate::Staging,
                GateName::Step => Gate::Step(1),
                GateName::Validation => Gate::Validation,
                GateName::Freeze => Gate::Freeze,
            };
            who.someone().overrides(gate, Span::from_secs(OVERRIDE))
        }
        Move::TakeDuty(who) => who.someone().takes_duty(),
        Move::File(who, number) => who.someone().files_post_mortem(number),
        Move::Complain(who) => who.someone().complains(),
        Move::Close(who) => who.someone().closes(),
        Move::PlatformDone => ended(Outcome::Done),
        Move::PlatformFails => failed(Retry::After(Span::from_secs(1))),
        Move::PlatformRefuses => failed(Retry::Never),
        Move::Look(Seen::Healthy) => a_look().into(),
        Move::Look(Seen::Breach) => a_look().with_errors(50, 1_000).into(),
        Move::Look(Seen::NoLatency) => a_look().without("latency_p99", MissingKind::NoData).into(),
        Move::Look(Seen::TrafficElsewhere) => a_look().with_traffic_at(share(ELSEWHERE)).into(),
        Move::Look(Seen::TrafficUnknown) => a_look().with_traffic_unknown().into(),
        Move::TrafficShown(percent) => traffic_at(share(percent)),
        Move::Wait(seconds) => pass(Span::from_secs(seconds)),
    }
}

/// What both sides say, in words that can be compared.
#[derive(Debug, PartialEq)]
struct Outside {
    phase: PhaseName,
    step: Option<(u32, Span)>,
    exposure: TrafficShare,
    holds: Vec<HoldCause>,
    approvers: Vec<String>,
    cover: Option<String>,
    owed: Vec<u32>,
}

fn seen_of_machine(story: &Story) -> Outside {
    let release = story.release();
    let mut approvers: Vec<String> = release.approvals().iter().map(|one| one.by.to_string()).collect();
    approvers.sort_unstable();
    Outside {
        phase: release.phase().name(),
        step: release.phase().step().map(|step| (step.number, step.baked)),
        exposure: release.exposure(),
        holds: release.holds().keys().copied().collect(),
        approvers,
        cover: release.cover().map(|cover| cover.person.to_string()),
        owed: release.owed_post_mortems().map(|one| one.number).collect(),
    }
}

fn seen_of_model<R: Rules>(model: &Model<R>) -> Outside {
    let phase = match model.phase {
        Phase::Planning => PhaseName::Planning,
        Phase::Staging => PhaseName::Staging,
        Phase::Releasing => PhaseName::Releasing,
        Phase::Validating => PhaseName::Validating,
        Phase::RollingBack => PhaseName::RollingBack,
        Phase::Completed => PhaseName::Completed,
        Phase::RolledBack => PhaseName::RolledBack,
        Phase::Aborted => PhaseName::Aborted,
        Phase::Closed => PhaseName::Closed,
    };
    let holds = [
        (HoldCause::Manual, model.held),
        (HoldCause::Unmeasured, model.unmeasured.is_some()),
        (HoldCause::Deployer, model.deployer_held),
        (HoldCause::Drift, model.drift_held),
    ];
    let step = model.step.as_ref();
    Outside {
        phase,
        step: step.map(|step| (u32::try_from(step.number).unwrap(), Span::from_secs(step.baked))),
        exposure: TrafficShare::percent(u16::try_from(model.exposure).unwrap()),
        holds: holds.into_iter().filter(|(_, held)| *held).map(|(cause, _)| cause).collect(),
        approvers: model.approvers.iter().map(ToString::to_string).collect(),
        cover: model.cover.map(|(person, _)| person.to_owned()),
        owed: model.owed.iter().copied().collect(),
    }
}

/// As many cases as are run in the ordinary way; one that fails prints its moves.
fn config() -> ProptestConfig {
    repeatable(192)
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_does_what_the_model_says(sequential 1..100 => Machine<AsWritten>);
}

/// The fewest moves that refute a model, and where they lead by the rules as written: the phases before and after the
/// last of them. The cases are the same in every run.
fn refuted<R: Rules>() -> (Vec<Move>, [Phase; 2]) {
    let rng = TestRng::deterministic_rng(config().rng_algorithm);
    // Each stops at the first that does: a wrong model needs a rare pair of moves.
    let cases = ProptestConfig { cases: 1_024, ..config() };
    let mut runner = TestRunner::new_with_rng(cases, rng);
    let tried = runner.run(&Model::<R>::sequential_strategy(1..100), |(model, moves, seen)| {
        Machine::<R>::test_sequential(config(), model, moves, seen);
        Ok(())
    });
    match tried {
        Err(TestError::Fail(_, (model, moves, _))) => {
            let (mut phases, mut right) = ([Phase::Planning; 2], Model::<AsWritten>::planned(model.risk));
            for one in &moves {
                right = right.after(*one);
                phases = [phases[1], right.phase];
            }
            (moves, phases)
        }
        other => panic!("1,024 cases do not refute it: {:?}", other.err().map(|error| error.to_string())),
    }
}

#[test]
fn a_model_in_which_authors_approve_is_refuted() {
    #[derive(Debug, Clone)]
    struct Wrong;
    impl Rules for Wrong {
        fn authors_may_approve() -> bool {
            true
        }
    }
    let (moves, phases) = refuted::<Wrong>();
    assert!(matches!(moves[..], [.., Move::Approve(Who::AnaInEveryRole | Who::Dan)]), "{moves:?}");
    assert_eq!(phases, [Phase::Planning; 2]);
}

#[test]
fn a_model_in_which_rollbacks_owe_no_post_mortem_is_refuted() {
    #[derive(Debug, Clone)]
    struct Wrong;
    impl Rules for Wrong {
        fn rollback_owes_a_post_mortem() -> bool {
            false
        }
    }
    let (moves, phases) = refuted::<Wrong>();
    assert!(phases[0] != Phase::RollingBack && phases[1] == Phase::RollingBack, "{moves:?}");
}

#[test]
fn a_model_in_which_time_counts_while_a_person_holds_is_refuted() {
    #[derive(Debug, Clone)]
    struct Wrong;
    impl Rules for Wrong {
        fn held_time_counts() -> bool {
            true
        }
    }
    let (moves, _) = refuted::<Wrong>();
    let held = moves.iter().any(|one| matches!(one, Move::Hold(_)));
    assert!(held && moves.last() == Some(&Move::Look(Seen::Healthy)), "{moves:?}");
}

#[test]
fn a_model_in_which_zero_is_believed_once_is_refuted() {
    #[derive(Debug, Clone)]
    struct Wrong;
    impl Rules for Wrong {
        fn zeros_that_confirm() -> u32 {
            1
        }
    }
    let (moves, phases) = refuted::<Wrong>();
    assert!(moves.ends_with(&[Move::PlatformDone, Move::TrafficShown(0)]), "{moves:?}");
    assert_eq!(phases, [Phase::RollingBack; 2]);
}

#[test]
fn the_moves_reach_every_phase() {
    let rng = TestRng::deterministic_rng(config().rng_algorithm);
    let reached = std::cell::RefCell::new(std::collections::BTreeMap::<String, u32>::new());
    let mut runner = TestRunner::new_with_rng(config(), rng);
    let strategy = Model::<AsWritten>::sequential_strategy(1..100);
    let walked = runner.run(&strategy, |(model, moves, _)| {
        let mut after = model;
        let mut phases = std::collections::BTreeSet::new();
        for one in moves {
            after = after.after(one);
            phases.insert(format!("{:?}", after.phase));
        }
        for phase in phases {
            *reached.borrow_mut().entry(phase).or_default() += 1;
        }
        Ok(())
    });
    walked.unwrap();
    let reached = reached.into_inner();
    let often = reached.values().filter(|times| **times >= 5).count();
    assert_eq!(often, 9, "{reached:?}");
}

#[test]
fn a_healthy_life_in_the_model_passes_every_share_of_the_track() {
    let mut model = Model::<AsWritten>::planned(Risk::High);
    let mut exposures = vec![model.exposure];
    while model.phase != Phase::Closed {
        model = model.after(model.onward());
        if exposures.last() != Some(&model.exposure) {
            exposures.push(model.exposure);
        }
    }
    assert_eq!(exposures[1..], SHARES);
}
