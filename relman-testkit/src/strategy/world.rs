use proptest::{collection::vec, option, prelude::*, sample::select};
use relman_core::{
    judge::MissingKind,
    unit::{Span, TrafficShare},
};

use super::{Readable, Shown, shares, spans};
use crate::sim::{DeployerFaults, Drift, Fate, Harm, Onset, Outage, OutageScope, Regression, World};

/// Rates of failing requests, from the plainest.
const RATES: [f64; 6] = [0.2, 0.05, 0.02, 0.5, 0.1, 1.0];

/// How many times as long requests take, from the plainest.
const FACTORS: [f64; 4] = [10.0, 4.0, 3.0, 2.0];

/// Things that can be wrong with a new version. They shrink to 20 % errors from the first request on.
pub fn regression() -> impl Strategy<Value = Shown<Regression>> + Clone {
    let onset = prop_oneof![
        shares(TrafficShare::percent(1)..=TrafficShare::FULL).prop_map(Onset::FromShare),
        spans(Span::ZERO..=Span::from_hours(24)).prop_map(Onset::After),
    ];
    let harm = prop_oneof![
        2 => select(&RATES[..]).prop_map(|rate| Harm::Errors { rate }),
        1 => select(&FACTORS[..]).prop_map(|factor| Harm::Latency { factor }),
    ];
    (onset, harm).prop_map(|(onset, harm)| Shown(Regression { onset, harm }))
}

/// Times in which no metric, or one, can be had, at most `longest` each and beginning up to `latest` after the first
/// exposure. They shrink to an early and short outage of everything.
///
/// # Panics
///
/// Never: what it is made of is constant.
pub fn outage(latest: Span, longest: Span) -> impl Strategy<Value = Shown<Outage>> + Clone {
    let metric = |name: &str| OutageScope::Metric(name.parse().expect("a constant metric"));
    let scopes = vec![OutageScope::All, metric("error_rate"), metric("latency_p99"), metric("log_errors")];
    let shortest = Span::from_secs(1);
    let (from, length) = (spans(Span::ZERO..=latest), spans(shortest..=longest.max(shortest)));
    (from, length, select(&MissingKind::ALL[..]), select(scopes)).prop_map(
        |(from, length, missing, scope)| Shown(Outage { from, until: from + length, missing, scope }),
    )
}

/// Deployers that are busy, whose answers are lost, that refuse or drift. They shrink to one that does what it is told.
pub fn deployer_faults() -> impl Strategy<Value = Shown<DeployerFaults>> + Clone {
    let fate = select(&[Fate::Done, Fate::Unavailable, Fate::AnswerLost, Fate::Rejected][..]);
    let fates = || vec(fate.clone(), 0..=3);
    let share = shares(TrafficShare::ZERO..=TrafficShare::FULL);
    let drift = (spans(Span::ZERO..=Span::from_hours(24)), share).prop_map(|(after, to)| Drift { after, to });
    (fates(), fates(), fates(), option::weighted(0.3, drift))
        .prop_map(|(deploys, forward, back, drift)| Shown(DeployerFaults { deploys, forward, back, drift }))
}

/// Worlds in which nothing goes wrong: between 10 and 500 requests a second, of which one in ten thousand fails.
pub fn healthy_world() -> impl Strategy<Value = Shown<World>> + Clone {
    let requests = select(&[50.0, 100.0, 20.0, 200.0, 10.0, 500.0][..]);
    let latency = select(&[80.0, 40.0, 120.0][..]);
    (requests, latency).prop_map(|(requests_per_second, latency_median_ms)| {
        Shown(World { requests_per_second, latency_median_ms, ..World::calm() })
    })
}

/// Worlds in which anything goes wrong: regressions, outages, and a deployer that fails. They shrink to a healthy one.
pub fn world() -> impl Strategy<Value = Shown<World>> + Clone {
    let regressions = vec(regression().prop_map(Shown::into_inner), 0..=2);
    let outages = vec(outage(Span::from_hours(24), Span::from_hours(4)).prop_map(Shown::into_inner), 0..=2);
    (healthy_world(), regressions, outages, deployer_faults()).prop_map(
        |(Shown(world), regressions, outages, Shown(deployer))| {
            Shown(World { regressions, outages, deployer, ..world })
        },
    )
}

impl Readable for Regression {
    fn readable(&self) -> String {
        let harm = match self.harm {
            Harm::Errors { rate } => format!("{}% errors", rate * 100.0),
            Harm::Latency { factor } => format!("{factor} times as slow"),
        };
        match self.onset {
            Onset::FromShare(share) => format!("{harm} from {share} of the traffic on"),
            Onset::After(Span::ZERO) => format!("{harm} from the first request on"),
            Onset::After(after) => format!("{harm} from {after} after the first exposure on"),
        }
    }
}

impl Readable for Outage {
    fn readable(&self) -> String {
        let what = match &self.scope {
            OutageScope::All => "every metric".to_owned(),
            OutageScope::Metric(metric) => metric.to_string(),
        };
        format!("{} for {what} from {} until {}", self.missing, self.from, self.until)
    }
}

impl Readable for DeployerFaults {
    fn readable(&self) -> String {
        let mut parts = Vec::new();
        for (what, fates) in [("deploy", &self.deploys), ("forward", &self.forward), ("back", &self.back)] {
            if fates.iter().any(|fate| *fate != Fate::Done) {
                let fates: Vec<&str> = fates.iter().map(|fate| said(*fate)).collect();
                parts.push(format!("{what}: {}", fates.join(", ")));
            }
        }
        parts.extend(self.drift.map(|drift| format!("drifts to {} after {}", drift.to, drift.after)));
        if parts.is_empty() { "a deployer that works".to_owned() } else { parts.join("; ") }
    }
}

fn said(fate: Fate) -> &'static str {
    match fate {
        Fate::Done => "done",
        Fate::Unavailable => "unavailable",
        Fate::AnswerLost => "answer lost",
        Fate::Rejected => "rejected",
    }
}

impl Readable for World {
    fn readable(&self) -> String {
        let mut lines = vec![format!("{} requests a second", self.requests_per_second)];
        lines.extend(self.regressions.iter().map(Readable::readable));
        lines.extend(self.outages.iter().map(Readable::readable));
        if self.deployer != DeployerFaults::default() {
            lines.push(self.deployer.readable());
        }
        lines.join("; ")
    }
}
