use proptest::{collection::vec, prelude::*, sample::select};
use relman_core::{
    event::{ActionItemKind, Gate, LessonKind, Settlement},
    judge::MissingKind,
    machine::Outcome,
    port::Retry,
    unit::{Span, TrafficShare},
};

use super::{fewer::Fewer, shares, spans};
use crate::{
    Team, sample,
    scenario::{
        Doubt, Evaluation, Person, When, a_look, in_doubt, onward, pass, someone, traffic_at, traffic_unknown,
    },
};

/// Everybody who can try something: the team, strangers, someone without a role, someone with every role, and relman's
/// own name used by someone else. They shrink to ana.
pub fn actor() -> impl Strategy<Value = Person> + Clone {
    let every_role = ["author", "developer", "approver", "executive", "on-call", "qa", "ci"];
    let team = ["user:ana", "user:bo", "user:cy", "user:eve", "user:oli", "service:ci"].map(someone);
    let others = [
        someone("user:mallory"),
        someone("user:guest").with_roles([]),
        someone("user:dan").with_roles(every_role),
        someone("service:bot").with_roles(every_role),
        someone("system:relman").with_roles(every_role),
    ];
    // Twice each member of the team, so that what is allowed happens often enough to get somewhere.
    select(team.iter().chain(&team).chain(&others).cloned().collect::<Vec<_>>())
}

/// Commands in any order, by anybody: allowed or not, at the right moment or not.
pub fn command() -> impl Strategy<Value = When> + Clone {
    let gate =
        select(vec![Gate::Staging, Gate::Validation, Gate::Freeze, Gate::WayBack, Gate::Plan, Gate::Step(1)]);
    let check =
        select(&["unit", "integration", "end-to-end", "manual-qa", "load-test", "user-flows", "made-up"][..]);
    let lasts = spans(Span::ZERO..=Span::from_hours(72));
    (actor(), 0..17_u8, gate, check, lasts, 0..9_u8).prop_map(|(who, what, gate, check, lasts, beside)| {
        match what {
            0 => who.approves(),
            1 | 2 => who.passes(check),
            3 => who.fails(check),
            4 => who.takes_duty(),
            5 => who.takes_duty_for(lasts),
            6 => who.holds(),
            7 => who.resumes(),
            8 => who.overrides(gate, lasts),
            9 => who.complains(),
            10 => who.files_post_mortem(1),
            11 => who.files_post_mortem(2),
            12 => who.closes(),
            13 => who.aborts(),
            14 => who.rolls_back(),
            15 => aside(who, beside, lasts),
            _ => who.revises(sample::drill_plan(), sample::drill_policy()),
        }
    })
}

/// What goes on the record beside a release and moves none: it takes one place, because the cases are for what does.
fn aside(who: Person, what: u8, lasts: Span) -> When {
    match what {
        0 => who.writes_down(LessonKind::WentBadly),
        1 => {
            let due = sample::start() + Span::from_hours(1) + lasts;
            who.opens_action_item(ActionItemKind::Prevent, Team::actor("user:bo"), due)
        }
        2 => who.settles_action_item(1, Settlement::Done),
        3 => who.settles_action_item(2, Settlement::Dropped),
        4 => who.complains_about("SUP-1"),
        5 => who.complains_about("SUP-2"),
        6 => who.withdraws("SUP-1"),
        7 => who.records_incident(sample::incident("7c1f", sample::start() + lasts)),
        _ => who.ends_incident("7c1f", None),
    }
}

/// Looks: most of them healthy, others with errors, without a value, or with the traffic elsewhere.
fn look() -> impl Strategy<Value = Evaluation> + Clone {
    let metric = select(&["error_rate", "latency_p99", "log_errors"][..]);
    prop_oneof![
        6 => Just(a_look()),
        1 => select(&[50_u64, 11, 10, 9, 0]).prop_map(|errors| a_look().with_errors(errors, 1_000)),
        1 => Just(a_look().with_latency_ms("latency_p99", 10_000.0)),
        1 => (metric, select(&MissingKind::ALL[..])).prop_map(|(metric, kind)| a_look().without(metric, kind)),
        1 => shares(TrafficShare::ZERO..=TrafficShare::FULL).prop_map(|share| a_look().with_traffic_at(share)),
        1 => Just(a_look().with_traffic_unknown()),
    ]
}

fn outcome() -> impl Strategy<Value = Outcome> + Clone {
    let failed = |retry| Outcome::Failed { detail: "connection refused".to_owned(), retry };
    select(vec![
        Outcome::Done,
        failed(Retry::Yes),
        failed(Retry::After(Span::from_secs(1))),
        failed(Retry::Never),
    ])
}

/// One thing that can happen to a release. Every other one is what comes next in a healthy life, so that a list of moves
/// gets far; it shrinks to that.
pub fn a_move() -> impl Strategy<Value = When> + Clone {
    prop_oneof![
        12 => Just(onward()),
        5 => command(),
        4 => look().prop_map(Evaluation::when),
        3 => (0..4_usize, outcome()).prop_map(|(nth, outcome)| When::EndedNth { nth, outcome }),
        1 => select(&[Doubt::NotMade, Doubt::Made, Doubt::Unanswered]).prop_map(in_doubt),
        2 => prop_oneof![Just(TrafficShare::ZERO), shares(TrafficShare::ZERO..=TrafficShare::FULL)]
            .prop_map(traffic_at),
        1 => Just(traffic_unknown("no answer")),
        2 => spans(Span::ZERO..=Span::from_hours(24)).prop_map(pass),
    ]
}

/// Moves in any order. What can't happen where a release is, such as a look in planning, is left out by
/// [`Story::take`](crate::scenario::Story::take). They shrink to fewer.
pub fn moves(most: usize) -> impl Strategy<Value = Vec<When>> + Clone {
    Fewer(vec(a_move(), 0..=most))
}
