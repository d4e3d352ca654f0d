use std::{
    collections::{BTreeMap, BTreeSet},
    sync::OnceLock,
};

use proptest::{prelude::*, test_runner::RngSeed};
use relman_core::{
    event::{EffectId, Event},
    machine::{Action, Call, CallUrgency, Outcome, PhaseName, Request},
    unit::Span,
};

use super::{ZERO, call_time, command, ticks_until};
use crate::fixture::{Driven, State, act, admitted, deployment, failure, healthy, observed, principal, secs};

/// One thing that happens to a session. Numbers are places in lists, taken modulo their length.
#[derive(Debug, Clone)]
enum Op {
    /// A call ends as it should.
    Well {
        call: usize,
    },
    /// A call fails; the platform may have done what it was asked for.
    Badly {
        call: usize,
        never: bool,
    },
    /// A call ends in a way that is none for it.
    Wrongly {
        call: usize,
    },
    /// An answer to a call that has ended.
    Late {
        call: usize,
    },
    /// Time passes until the session wants to hear of it.
    Pass,
    Wait {
        millis: u64,
    },
    /// The clock is set back.
    Back {
        millis: u64,
    },
    Journal(State),
    /// Somebody does something here.
    Command {
        who: usize,
        what: usize,
    },
    /// Somebody does something through another process, whose clock is ahead by so much.
    Elsewhere {
        what: usize,
        ahead: u64,
    },
    Restart,
}

fn op() -> impl Strategy<Value = Op> {
    let call = || 0_usize..16;
    let state = prop_oneof![
        3 => Just(State::Works),
        1 => Just(State::Down),
        1 => Just(State::Full),
        1 => Just(State::AnswersLost)
    ];
    prop_oneof![
        14 => call().prop_map(|call| Op::Well { call }),
        2 => (call(), any::<bool>()).prop_map(|(call, never)| Op::Badly { call, never }),
        1 => call().prop_map(|call| Op::Wrongly { call }),
        1 => call().prop_map(|call| Op::Late { call }),
        8 => Just(Op::Pass),
        2 => prop_oneof![0_u64..3_000, 0_u64..200_000].prop_map(|millis| Op::Wait { millis }),
        1 => (0_u64..100_000).prop_map(|millis| Op::Back { millis }),
        2 => state.prop_map(Op::Journal),
        2 => (0_usize..3, 0_usize..7).prop_map(|(who, what)| Op::Command { who, what }),
        1 => (0_usize..7, prop_oneof![4 => Just(0_u64), 1 => Just(300), 1 => Just(86_400)])
            .prop_map(|(what, ahead)| Op::Elsewhere { what, ahead }),
        1 => Just(Op::Restart),
    ]
}

fn deed(what: usize) -> Action {
    match what % 7 {
        0 | 1 => act::complain(),
        2 => act::hold(),
        3 | 4 => act::resume(),
        5 => act::acknowledge(),
        _ => act::roll_back(),
    }
}

/// How a call ends where everything works.
fn well(driven: &Driven, call: &Call) -> Outcome {
    match &call.request {
        Request::Deploy(_)
        | Request::SetTraffic(_)
        | Request::Promote(_)
        | Request::LeaveTarget(_)
        | Request::Notify(_) => Outcome::Done,
        Request::Preflight(asked) => admitted(asked, Ok(deployment(driven.release.exposure()))),
        Request::Measure(question) => driven.measured(question, healthy).into(),
        Request::ObservePlatform(_) if call.urgency == CallUrgency::Back => observed(ZERO),
        Request::ObservePlatform(_) => observed(driven.release.exposure()),
        Request::CheckFlows(_) | Request::ListIncidents { .. } => Outcome::IncidentsListed(Vec::new()),
    }
}

/// What has to be on the record in the end: effects whose outcome a session was told.
type Told = BTreeSet<EffectId>;

fn play(driven: &mut Driven, op: &Op, told: &mut Told) {
    let open = |driven: &Driven, place: usize| {
        let count = driven.calls.len().max(1);
        driven.calls.values().nth(place % count).cloned()
    };
    let effect_of = |driven: &Driven, call: &Call| {
        let of = |(id, _): (&EffectId, _)| *id;
        driven.release.outstanding().iter().find(|(_, one)| call.key() == Some(&one.key)).map(of)
    };
    match op {
        Op::Well { call } => {
            let Some(call) = open(driven, *call) else { return };
            told.extend(effect_of(driven, &call));
            driven.answer(call.id, well(driven, &call));
        }
        Op::Badly { call, never } => {
            let Some(call) = open(driven, *call) else { return };
            driven.answer(call.id, failure("no", (!never).then_some(secs(1))));
        }
        Op::Wrongly { call } => {
            let Some(call) = open(driven, *call) else { return };
            driven.answer(call.id, Outcome::IncidentsListed(Vec::new()));
        }
        Op::Late { call } => {
            let Some(call) = driven.ended.iter().rev().nth(*call).copied() else { return };
            let (before, head) = (driven.calls.clone(), driven.release.head());
            let skip = driven.tick();
            if skip.events.is_empty() && driven.calls == before && driven.release.head() == head {
                assert!(driven.answer(call, Outcome::Done).events.is_empty(), "it has ended");
                assert_eq!(driven.calls, before);
            }
        }
        Op::Pass => {
            if let Some(next) = driven.session.poll_timeout() {
                driven.now = driven.now.max(next);
            }
            driven.tick();
        }
        Op::Wait { millis } => drop(driven.wait(Span::from_millis(*millis)).tick()),
        Op::Back { millis } => {
            driven.now = driven.now.minus(Span::from_millis(*millis));
            driven.tick();
        }
        Op::Journal(state) => driven.journal.state = *state,
        Op::Command { who, what } => {
            let who = ["user:guest", "user:ana", "user:olu"][who % 3];
            let _ = driven.input(command(who, deed(*what)));
        }
        Op::Elsewhere { what, ahead } => {
            let at = driven.now + Span::from_secs(*ahead);
            let id = driven.release.id().clone();
            let _ = driven.journal.record(&id, principal("user:dan"), deed(*what), at);
        }
        Op::Restart => {
            driven.restart();
            told.clear();
        }
    }
}

/// What holds after every input.
fn laws(driven: &Driven, ends: &mut Ends) {
    let mut keys = BTreeMap::new();
    for call in driven.calls.values() {
        if let Some(key) = call.key() {
            assert!(keys.insert(key, call.id).is_none(), "{key} is carried out twice at once");
        }
    }
    let changes = driven.calls.values().filter(|call| call.generation().is_some()).count();
    assert!(changes <= 1, "two changes of the platform at once: {:?}", driven.calls);
    let forward = driven.calls.values().find(|call| match &call.request {
        Request::SetTraffic(request) => !request.share.is_zero(),
        Request::Deploy(_) => true,
        _ => false,
    });
    if driven.session.is_settled() && driven.phase() == PhaseName::RollingBack {
        assert_eq!(forward, None, "it goes forward in a rollback");
    }
    for record in &driven.journal.records[ends.records..] {
        let ended = match &record.event {
            Event::Deployed(done) => done.effect,
            Event::TrafficSet(done) => done.effect,
            Event::Notified(done) => done.effect,
            Event::NotificationAbandoned(done) => done.effect,
            _ => continue,
        };
        assert!(ends.effects.insert(ended), "{ended:?} ends twice on the record");
    }
    ends.records = driven.journal.records.len();
}

/// Which effects have ended, in so many records.
#[derive(Debug, Default)]
struct Ends {
    records: usize,
    effects: BTreeSet<EffectId>,
}

/// Everything works again and a person turns back: that gets through.
fn gets_back(driven: &mut Driven, told: &Told, ends: &mut Ends) {
    driven.journal.state = State::Works;
    ticks_until(driven, |driven| driven.session.is_settled());
    let kept = told.iter().filter(|effect| driven.effects().contains(effect));
    assert_eq!(kept.count(), 0, "an outcome is lost");
    let mut turns = 0;
    while matches!(driven.phase(), PhaseName::Releasing | PhaseName::Validating | PhaseName::RollingBack) {
        if driven.phase() != PhaseName::RollingBack {
            let _ = driven.input(command("user:guest", act::roll_back()));
        }
        while let Some(call) = driven.calls.values().next().cloned() {
            driven.answer(call.id, well(driven, &call));
            laws(driven, ends);
        }
        if driven.phase() == PhaseName::RollingBack {
            driven.pass();
            driven.tick();
        }
        turns += 1;
        assert!(turns < 200, "the rollback does not get through: {:?}", driven.missing());
    }
    // What others have added since it last read, it need not know.
    driven
        .journal
        .records
        .truncate(driven.release.head().map_or(0, |head| usize::try_from(head.seq).unwrap() + 1));
    driven.journal.lines.truncate(driven.journal.records.len());
    driven.assert_replays();
}

/// In that step of a drill; brought there once.
fn in_step(step: u32) -> Driven {
    static STEPS: OnceLock<Vec<Driven>> = OnceLock::new();
    let begin = |step| Driven::drill().with_short_calls().in_step(step);
    STEPS.get_or_init(|| (1..4).map(begin).collect())[step as usize - 1].clone()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 64,
        rng_seed: RngSeed::Fixed(241),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn whatever_happens_a_session_keeps_its_laws(
        step in 1_u32..4,
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let (mut driven, mut told, mut ends) = (in_step(step), Told::new(), Ends::default());
        let mut clock = driven.now;
        for op in &ops {
            play(&mut driven, op, &mut told);
            laws(&driven, &mut ends);
            clock = if let Op::Restart = op { driven.now } else { clock.max(driven.now) };
            for call in driven.calls.values() {
                let left = call.deadline.since(clock);
                prop_assert!(left > Span::ZERO && left <= call_time(), "{left} for {call:?}");
            }
        }
        gets_back(&mut driven, &told, &mut ends);
    }
}
