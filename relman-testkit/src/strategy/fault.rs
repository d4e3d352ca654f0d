use proptest::{collection::vec, prelude::*, sample::select};
use relman_core::unit::{Span, TrafficShare};

use super::{Readable, Shown, fewer::Fewer, shares, spans};
use crate::{
    Duty, Team,
    world::fault::{
        AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
        NotifierFate, PersonFate, PlatformFate, PortName, Schedule, When,
    },
};

/// Times in which no metric, or one, has a value, at most `longest` each and beginning up to `latest` after the first
/// exposure. They shrink to an early and short outage of everything.
pub fn outage(latest: Span, longest: Span) -> impl Strategy<Value = Shown<Fault>> + Clone {
    let fates = [
        MetricsFate::Down,
        MetricsFate::Empty,
        MetricsFate::Stale,
        MetricsFate::NotANumber,
        MetricsFate::Null,
    ];
    metrics(latest, longest, &fates).prop_map(Shown)
}

/// Anything that can go wrong, each kind as often as the others. It shrinks to what is shortest, earliest and fewest
/// of its kind.
pub fn fault() -> impl Strategy<Value = Shown<Fault>> + Clone {
    let (day, pause) = (Span::from_hours(24), || spans(Span::ZERO..=Span::from_minutes(20)));
    let second = Span::from_secs(1);
    let sources = [
        MetricsFate::Down,
        MetricsFate::Empty,
        MetricsFate::Stale,
        MetricsFate::NotANumber,
        MetricsFate::Null,
        MetricsFate::Twice,
        MetricsFate::Older(Span::from_minutes(2)),
        MetricsFate::Delayed(second.times(30)),
    ];
    let deployer = (select(&DeployerCall::ALL[..]), 1..=4_u32, 1..=4_u32, select(&DeployerFate::ALL[..]))
        .prop_map(|(call, nth, times, fate)| Fault::Deployer { call, nth, times, fate });
    let drift = (when(), shares(TrafficShare::ZERO..=TrafficShare::FULL))
        .prop_map(|(at, to)| Fault::Drift { at, to });
    let hours = || spans(second..=Span::from_hours(2));
    let users = shares(TrafficShare::ZERO..=TrafficShare::FULL).prop_map(PlatformFate::Users);
    let fate = prop_oneof![Just(PlatformFate::CanaryDown), Just(PlatformFate::BaselineDown), users];
    let platform =
        (when(), hours(), fate).prop_map(|(from, lasting, fate)| Fault::Platform { from, lasting, fate });
    let pinned = shares(TrafficShare::percent(1)..=TrafficShare::FULL);
    let sticky = (pinned, hours()).prop_map(|(pinned, lasting)| Fault::Sticky { pinned, lasting });
    let notifier = (1..=8_u32, 1..=8_u32, select(&[NotifierFate::Down, NotifierFate::AnswerLost][..]))
        .prop_map(|(nth, times, fate)| Fault::Notifier { nth, times, fate });
    let append = (1..=60_u32, 1..=6_u32, select(&AppendFate::ALL[..]))
        .prop_map(|(nth, times, fate)| Fault::Append { nth, times, fate });
    let panic = (select(&PortName::ALL[..]), 1..=30_u32, 1..=5_u32)
        .prop_map(|(port, nth, times)| Fault::Panic { port, nth, times });
    let clocks = select(&[Clocks::People, Clocks::Conductors, Clocks::All][..]);
    let jump = spans(second..=Span::from_hours(24 * 365))
        .prop_flat_map(|by| select(vec![Jump::Forwards(by), Jump::Backwards(by)]));
    let late = spans(second..=Span::from_minutes(15)).prop_map(PersonFate::Late);
    let wrong = select(&["user:ana", "user:oli", "user:eve", "service:ci", "user:mallory"][..]);
    let person = prop_oneof![
        Just(PersonFate::Twice),
        late,
        wrong.prop_map(|who| PersonFate::WrongRole(Team::actor(who))),
    ];
    let boundary = select(&[Boundary::Appended, Boundary::Called, Boundary::Decided][..]);
    prop_oneof![
        deployer,
        metrics(day, Span::from_hours(4), &sources),
        drift,
        platform,
        hours().prop_map(|lasting| Fault::Occupied { lasting }),
        sticky,
        (1..=30_u32, 1..=6_u32).prop_map(|(nth, times)| Fault::Observation { nth, times }),
        notifier,
        append,
        panic,
        (when(), clocks, jump).prop_map(|(at, of, jump)| Fault::Clock { at, of, jump }),
        (select(&Duty::ALL[..]), person).prop_map(|(duty, fate)| Fault::Person { duty, fate }),
        Just(Fault::SecondConductor {}),
        (boundary, 1..=60_u32, pause()).prop_map(|(after, nth, down_for)| Fault::Crash {
            after,
            nth,
            down_for
        }),
    ]
    .prop_map(Shown)
}

/// Up to so many faults. They shrink to none.
pub fn schedule(most: usize) -> impl Strategy<Value = Shown<Schedule>> + Clone {
    Fewer(vec(fault().prop_map(Shown::into_inner), 0..=most))
        .prop_map(|faults| Shown(faults.into_iter().collect()))
}

fn metrics(
    latest: Span,
    longest: Span,
    fates: &[MetricsFate],
) -> impl Strategy<Value = Fault> + Clone + use<> {
    let one = |name: &str| Metrics::One(name.parse().expect("a constant metric"));
    let which = vec![Metrics::All, one("error_rate"), one("latency_p99"), one("log_errors")];
    let shortest = Span::from_secs(1);
    // What hides the first exposure hides the most, and would be rare among all the moments there are.
    let from = prop_oneof![Just(Span::ZERO), spans(Span::ZERO..=latest)];
    let lasting = spans(shortest..=longest.max(shortest));
    (from, lasting, select(fates.to_vec()), select(which)).prop_map(|(from, lasting, fate, of)| {
        Fault::Metrics { of, from: When::AfterExposure(from), lasting, fate }
    })
}

fn when() -> impl Strategy<Value = When> + Clone {
    let moment = || spans(Span::ZERO..=Span::from_hours(24));
    let share = select(&[1, 10, 50, 100][..]).prop_map(TrafficShare::percent);
    prop_oneof![
        2 => moment().prop_map(When::AfterExposure),
        1 => (share, spans(Span::ZERO..=Span::from_hours(1)))
            .prop_map(|(share, after)| When::AtShare { share, after }),
    ]
}

impl Readable for Fault {
    fn readable(&self) -> String {
        self.to_string()
    }
}

impl Readable for Schedule {
    fn readable(&self) -> String {
        self.to_string().trim_end().to_owned()
    }
}
