use relman_core::{
    judge::{Answer, Arm, Measurement, MissingKind},
    port::MetricQuery,
    unit::{MetricName, Timestamp, TrafficShare, Window},
};

use super::{
    Harm, Onset, Outage, OutageScope, World,
    draw::{Draw, histogram, no_latencies},
    traffic::{Stretch, TrafficHistory},
};

/// What the metrics of one release are made of.
pub(super) struct Measured<'a> {
    pub(super) world: &'a World,
    pub(super) seed: u64,
    pub(super) history: &'a TrafficHistory,
    /// When the release was first exposed, if it was.
    pub(super) anchor: Option<Timestamp>,
}

/// What the simulated source can measure.
#[derive(Clone, Copy)]
enum Kind {
    Errors,
    LogErrors,
    Latency,
}

impl Kind {
    fn of(metric: &MetricName) -> Option<Self> {
        match metric.as_str() {
            "error_rate" => Some(Self::Errors),
            "log_errors" => Some(Self::LogErrors),
            name if name.starts_with("latency_") && metric.quantile().is_some() => Some(Self::Latency),
            _ => None,
        }
    }
}

/// Whether the simulated source can measure this.
pub(super) fn knows(metric: &MetricName) -> bool {
    Kind::of(metric).is_some()
}

impl Measured<'_> {
    /// The answer to one question: a function of the seed, the question and the traffic there was.
    pub(super) fn answer(&self, query: &MetricQuery, arm: Arm, window: Window) -> Answer {
        if let Some(outage) = self.outage(&query.metric, window) {
            return self.missing(outage);
        }
        let Some(kind) = Kind::of(&query.metric) else {
            return Answer::NoData { detail: format!("{} is not simulated", query.metric) };
        };
        let mut draw = Draw::of(self.seed, &query.release, "requests", arm, window);
        let stretches = self.stretches(window, arm);
        let traffic: Vec<(Stretch, u64)> =
            stretches.into_iter().map(|(stretch, expected)| (stretch, draw.count(expected))).collect();
        if traffic.is_empty() {
            return Answer::NoData { detail: format!("the {arm} had no traffic") };
        }
        Answer::Value(match kind {
            Kind::Errors | Kind::LogErrors => self.counts(kind, query, arm, window, &traffic),
            Kind::Latency => {
                let mut draw = Draw::of(self.seed, &query.release, "latency", arm, window);
                let mut counts = no_latencies();
                for (stretch, requests) in &traffic {
                    let median = self.world.latency_median_ms * self.slower(arm, stretch);
                    draw.latencies(*requests, median, self.world.latency_spread, &mut counts);
                }
                Measurement::Histogram(histogram(counts))
            }
        })
    }

    /// Failed requests, or those that logged an error: every failed one does, and some others.
    fn counts(
        &self,
        kind: Kind,
        query: &MetricQuery,
        arm: Arm,
        window: Window,
        traffic: &[(Stretch, u64)],
    ) -> Measurement {
        let mut failing = Draw::of(self.seed, &query.release, "errors", arm, window);
        let mut logging = Draw::of(self.seed, &query.release, "log noise", arm, window);
        let (mut requests, mut errors) = (0, 0);
        for (stretch, count) in traffic {
            let failed = failing.part(*count, self.failing(arm, stretch));
            requests += count;
            errors += match kind {
                Kind::LogErrors => failed + logging.part(count - failed, self.world.log_noise),
                Kind::Errors | Kind::Latency => failed,
            };
        }
        Measurement::Counts { requests, errors }
    }

    /// The parts of a window in which an arm has traffic, each with the number of requests that is expected.
    fn stretches(&self, window: Window, arm: Arm) -> Vec<(Stretch, f64)> {
        let onsets = self.world.regressions.iter().filter_map(|regression| match regression.onset {
            Onset::After(after) => self.anchor.map(|anchor| anchor + after),
            Onset::FromShare(_) => None,
        });
        let onsets: Vec<Timestamp> = onsets.collect();
        let expected = |stretch: &Stretch| {
            let canary =
                f64::from(stretch.share.basis_points()) / f64::from(TrafficShare::FULL.basis_points());
            let share = match arm {
                Arm::Canary => canary,
                Arm::Baseline => 1.0 - canary,
            };
            self.world.requests_per_second * share * stretch.window.length().as_millis() as f64 / 1_000.0
        };
        let all = self.history.stretches(window, &onsets).into_iter();
        all.map(|stretch| (stretch, expected(&stretch))).filter(|(_, expected)| *expected > 0.0).collect()
    }

    /// The regressions that show in an arm over a stretch.
    fn harms(&self, arm: Arm, stretch: &Stretch) -> impl Iterator<Item = Harm> {
        let shows = move |onset: Onset| match (arm, onset) {
            (Arm::Baseline, _) => false,
            (Arm::Canary, Onset::FromShare(share)) => stretch.share >= share,
            (Arm::Canary, Onset::After(after)) => {
                self.anchor.is_some_and(|anchor| anchor + after <= stretch.window.from)
            }
        };
        self.world.regressions.iter().filter(move |one| shows(one.onset)).map(|one| one.harm)
    }

    fn failing(&self, arm: Arm, stretch: &Stretch) -> f64 {
        let rate = |harm| match harm {
            Harm::Errors { rate } => Some(rate),
            Harm::Latency { .. } => None,
        };
        self.harms(arm, stretch).filter_map(rate).fold(self.world.error_rate, f64::max)
    }

    fn slower(&self, arm: Arm, stretch: &Stretch) -> f64 {
        let factor = |harm| match harm {
            Harm::Latency { factor } => Some(factor),
            Harm::Errors { .. } => None,
        };
        self.harms(arm, stretch).filter_map(factor).product()
    }

    /// The outage that a question falls into: any part of the window is enough.
    fn outage(&self, metric: &MetricName, window: Window) -> Option<&Outage> {
        let anchor = self.anchor?;
        self.world.outages.iter().find(|outage| {
            let about = match &outage.scope {
                OutageScope::All => true,
                OutageScope::Metric(name) => name == metric,
            };
            about && window.from < anchor + outage.until && anchor + outage.from < window.until
        })
    }

    fn missing(&self, outage: &Outage) -> Answer {
        match outage.missing {
            MissingKind::NoData => Answer::NoData { detail: "no series matches".to_owned() },
            MissingKind::Stale => {
                let began = self.anchor.map_or(Timestamp::from_millis(0), |anchor| anchor + outage.from);
                Answer::Stale { newest: began }
            }
            MissingKind::ProviderError => {
                Answer::ProviderError { detail: "503 Service Unavailable".to_owned() }
            }
            MissingKind::NotFinite => Answer::NotFinite { written: "NaN".to_owned() },
        }
    }
}
