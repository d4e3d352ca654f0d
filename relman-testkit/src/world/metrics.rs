use std::borrow::Cow;

use relman_core::{
    judge::{Answer, Arm, Measurement},
    port::MetricQuery,
    unit::{MetricName, ReleaseId, Span, Timestamp, Window},
};

use super::{
    Complaints, World,
    behaviour::{Behaviour, Conditions, Severity, part_of},
    draw::{Draw, as_histogram, no_latencies},
    traffic::{Stretch, TrafficHistory},
};

/// What the metrics of one release are made of.
pub(super) struct Measured<'a> {
    pub(super) world: &'a World,
    pub(super) seed: u64,
    pub(super) history: Cow<'a, TrafficHistory>,
    /// When the release was first exposed, if it was.
    pub(super) anchor: Option<Timestamp>,
}

/// What the simulated source can measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Failed requests.
    Errors,
    /// Requests that logged an error.
    LogErrors,
    /// A quantile of the latency.
    Latency,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Errors => "errors",
            Self::LogErrors => "log noise",
            Self::Latency => "latency",
        }
    }

    /// What a metric measures; nothing where it is not simulated.
    pub(crate) fn of(metric: &MetricName) -> Option<Self> {
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

/// The requests of an arm over a part of a window in which nothing changes.
struct Load {
    requests: u64,
    errors: u64,
    behaviour: Behaviour,
}

impl Measured<'_> {
    /// The answer to one question: a function of the seed, the question and the traffic there was.
    pub(super) fn answer(&self, query: &MetricQuery, arm: Arm, window: Window) -> Answer {
        let Some(kind) = Kind::of(&query.metric) else {
            return Answer::NoData { detail: format!("{} is not simulated", query.metric) };
        };
        let loads = self.loads(&query.release, arm, window);
        if loads.is_empty() {
            return Answer::NoData { detail: format!("the {arm} had no traffic") };
        }
        let mut measurement = Draw::of(self.seed, &query.release, kind.name(), arm, window);
        let requests = loads.iter().map(|load| load.requests).sum();
        let failed: u64 = loads.iter().map(|load| load.errors).sum();
        Answer::Value(match kind {
            Kind::Errors => Measurement::Counts { requests, errors: failed },
            // Every failed request logs an error, and some others do.
            Kind::LogErrors => {
                let noise = measurement.part(requests - failed, self.world.log_noise);
                Measurement::Counts { requests, errors: failed + noise }
            }
            Kind::Latency => {
                let mut counts = no_latencies();
                for load in &loads {
                    measurement.latencies(load.requests, &load.behaviour.latencies, &mut counts);
                }
                Measurement::Histogram(as_histogram(counts))
            }
        })
    }

    /// When users complained about what happened to them over a window: each moment is after its end.
    pub(super) fn complaints(&self, release: &ReleaseId, window: Window) -> Vec<Timestamp> {
        let Complaints { per_harmed_user, delay } = self.world.complaints;
        if per_harmed_user <= 0.0 {
            return Vec::new();
        }
        let mut draw = Draw::of(self.seed, release, "complaints", Arm::Canary, window);
        let upset = |(stretch, expected): &(Stretch, f64)| {
            expected / self.world.requests_per_user * self.behaviour(Arm::Canary, stretch).users_upset
        };
        let expected: f64 = self.stretches(window, Arm::Canary).iter().map(upset).sum();
        let complaints = draw.count(expected * per_harmed_user);
        (0..complaints).map(|_| window.until + draw.delay(delay) + Span::from_millis(1)).collect()
    }

    /// The requests of an arm over a window and what became of them, by the parts in which nothing changes.
    fn loads(&self, release: &ReleaseId, arm: Arm, window: Window) -> Vec<Load> {
        let world = self.world;
        // What both arms share is drawn for both alike, whichever is asked about.
        let mut common = Draw::of(self.seed, release, "weather", Arm::Baseline, window);
        let weather = common.weather(world.requests.arrivals);
        let mut coming = Draw::of(self.seed, release, "requests", arm, window);
        let mut failing = Draw::of(self.seed, release, "errors", arm, window);
        let mut loads = Vec::new();
        for (stretch, expected) in self.stretches(window, arm) {
            let behaviour = self.behaviour(arm, &stretch);
            let requests = coming.requests(world.requests.arrivals, expected * weather);
            let shared = match world.shared_bursts() {
                None => 0,
                Some(rate) => {
                    let both = self.expected(&stretch, 1.0) * weather;
                    let errors = common.in_bursts(both * rate, world.burst_size);
                    let of_canary = common.part(errors, part_of(stretch.share));
                    match arm {
                        Arm::Canary => of_canary,
                        Arm::Baseline => errors - of_canary,
                    }
                }
            };
            let errors = failing.errors(requests, shared, &behaviour);
            loads.push(Load { requests, errors, behaviour });
        }
        loads
    }

    /// How many requests are expected over a stretch in an arm with this part of the traffic.
    fn expected(&self, stretch: &Stretch, part: f64) -> f64 {
        let seconds = stretch.window.length().as_millis() as f64 / 1_000.0;
        self.world.rate_at(self.conditions(stretch).at) * part * seconds
    }

    fn conditions(&self, stretch: &Stretch) -> Conditions {
        let half = Span::from_millis(stretch.window.length().as_millis() / 2);
        let at = stretch.window.from + half;
        let since = self.anchor.filter(|anchor| *anchor <= at).map(|anchor| at.since(anchor));
        Conditions { at, since, share: stretch.share }
    }

    fn behaviour(&self, arm: Arm, stretch: &Stretch) -> Behaviour {
        let mut severity = Severity::default();
        self.world.severity(self.conditions(stretch), &mut severity);
        self.world.behaviour(arm, &severity)
    }

    /// The parts of a window in which an arm has traffic, each with the number of requests that is expected.
    fn stretches(&self, window: Window, arm: Arm) -> Vec<(Stretch, f64)> {
        let turns: Vec<Timestamp> = match self.anchor {
            Some(anchor) => self.world.turns().into_iter().map(|turn| anchor + turn).collect(),
            None => Vec::new(),
        };
        let expected = |stretch: &Stretch| {
            let canary = part_of(stretch.share);
            self.expected(
                stretch,
                match arm {
                    Arm::Canary => canary,
                    Arm::Baseline => 1.0 - canary,
                },
            )
        };
        let all = self.history.stretches(window, &turns).into_iter();
        all.map(|stretch| (stretch, expected(&stretch))).filter(|(_, expected)| *expected > 0.0).collect()
    }
}
