use proptest::{collection::vec, prelude::*, sample::select};
use relman_core::unit::{Span, TrafficShare};

use super::{Readable, Shown, schedule, shares, spans};
use crate::world::{Arrivals, Harm, Incident, Onset, Regression, Requests, World};

/// Rates of failing requests, from the plainest.
const RATES: [f64; 6] = [0.2, 0.05, 0.02, 0.5, 0.1, 1.0];

/// How many times as long requests take, from the plainest.
const FACTORS: [f64; 4] = [10.0, 4.0, 3.0, 2.0];

/// Things that can be wrong with a new version. They shrink to 20 % errors from the first request on.
pub fn regression() -> impl Strategy<Value = Shown<Regression>> + Clone {
    let day = || spans(Span::ZERO..=Span::from_hours(24));
    let onset = prop_oneof![
        2 => shares(TrafficShare::percent(1)..=TrafficShare::FULL).prop_map(Onset::FromShare),
        2 => day().prop_map(Onset::After),
        1 => (day(), spans(Span::from_minutes(10)..=Span::from_hours(6)))
            .prop_map(|(from, over)| Onset::Growing { from, over }),
        1 => select(&[10.0, 50.0, 100.0][..]).prop_map(Onset::FromRate),
    ];
    let harm = prop_oneof![
        3 => select(&RATES[..]).prop_map(|rate| Harm::Errors { rate }),
        2 => select(&FACTORS[..]).prop_map(|factor| Harm::Latency { factor }),
        1 => (select(&RATES[..]), select(&[5.0, 20.0][..]))
            .prop_map(|(rate, size)| Harm::ErrorBursts { rate, size }),
    ];
    let users = select(&[1.0, 0.5, 0.1][..]);
    (onset, harm, users).prop_map(|(onset, harm, users)| Shown(Regression::new(onset, harm).for_users(users)))
}

/// Requests as they come: by chance, more by day than by night, up and down from one minute to the next. They shrink to
/// the same number at every hour.
pub fn requests() -> impl Strategy<Value = Shown<Requests>> + Clone {
    let busy_evening = Requests::by_chance().daily(0.5, Span::from_hours(20));
    select(vec![Requests::by_chance(), busy_evening, Requests::by_chance().varying(0.2)]).prop_map(Shown)
}

/// Worlds in which nothing goes wrong: between 10 and 500 requests a second, and one in ten thousand fails.
pub fn healthy_world() -> impl Strategy<Value = Shown<World>> + Clone {
    let rate = select(&[50.0, 100.0, 20.0, 200.0, 10.0, 500.0][..]);
    let latency = select(&[80.0, 40.0, 120.0][..]);
    (rate, latency, requests()).prop_map(|(requests_per_second, latency_median_ms, Shown(requests))| {
        Shown(World { requests_per_second, requests, latency_median_ms, ..World::calm() })
    })
}

/// Minutes in which both versions fail alike. They shrink to an early and short one.
pub fn incident() -> impl Strategy<Value = Shown<Incident>> + Clone {
    let from = spans(Span::ZERO..=Span::from_hours(24));
    let length = spans(Span::from_minutes(1)..=Span::from_minutes(30));
    (from, length, select(&RATES[..]))
        .prop_map(|(from, length, errors)| Shown(Incident::of_errors(from, from + length, errors)))
}

/// Worlds in which anything goes wrong: regressions, incidents, and up to three faults. They shrink to a healthy one.
pub fn world() -> impl Strategy<Value = Shown<World>> + Clone {
    let regressions = vec(regression().prop_map(Shown::into_inner), 0..=2);
    let incidents = vec(incident().prop_map(Shown::into_inner), 0..=1);
    (healthy_world(), regressions, incidents, schedule(3)).prop_map(
        |(Shown(world), regressions, incidents, Shown(faults))| {
            Shown(World { regressions, incidents, faults, ..world })
        },
    )
}

impl Readable for Regression {
    fn readable(&self) -> String {
        let harm = match self.harm {
            Harm::Errors { rate } => format!("{}% errors", rate * 100.0),
            Harm::Latency { factor } => format!("{factor} times as slow"),
            Harm::ErrorBursts { rate, size } => format!("{}% errors, {size} at once,", rate * 100.0),
        };
        let shows = match self.onset {
            Onset::FromShare(share) => format!("{harm} from {share} of the traffic on"),
            Onset::FromRate(rate) => format!("{harm} from {rate} requests a second on"),
            Onset::After(Span::ZERO) => format!("{harm} from the first request on"),
            Onset::After(after) => format!("{harm} from {after} after the first exposure on"),
            Onset::Growing { from, over } => {
                format!("{harm} growing over {over} from {from} after the first exposure on")
            }
        };
        if self.users < 1.0 { format!("{shows}, for {}% of the users", self.users * 100.0) } else { shows }
    }
}

impl Readable for Incident {
    fn readable(&self) -> String {
        format!("{}% errors in both versions from {} until {}", self.errors * 100.0, self.from, self.until)
    }
}

impl Readable for Requests {
    fn readable(&self) -> String {
        let mut parts = Vec::new();
        match self.arrivals {
            Arrivals::Exact => parts.push("exactly".to_owned()),
            Arrivals::ByChance => {}
            Arrivals::Varying { variation } => parts.push(format!("±{}% by the minute", variation * 100.0)),
        }
        if self.daily > 0.0 {
            parts.push(format!("±{}% over the day, most at {}", self.daily * 100.0, self.busiest));
        }
        parts.join(", ")
    }
}

impl Readable for World {
    fn readable(&self) -> String {
        let shape = Some(self.requests.readable()).filter(|shape| !shape.is_empty());
        let shape = shape.map(|shape| format!(", {shape}")).unwrap_or_default();
        let mut lines = vec![format!("{} requests a second{shape}", self.requests_per_second)];
        lines.extend(self.regressions.iter().map(Readable::readable));
        lines.extend(self.incidents.iter().map(Readable::readable));
        lines.extend(self.faults.faults.iter().map(ToString::to_string));
        lines.join("; ")
    }
}
