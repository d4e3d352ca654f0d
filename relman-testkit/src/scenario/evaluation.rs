use std::fmt;

use relman_core::{
    judge::{Answer, Arm, Measurement, MissingKind, Observation},
    machine::{EvaluationRequest, Outcome, Release},
    plan::{Comparator, Threshold},
    port::Deployment,
    unit::{Finite, MetricName, Timestamp, TrafficShare},
};

use super::When;

/// What a look at a step shows: everything healthy and the traffic where it should be, but for what is said.
///
/// # Examples
///
/// ```
/// use relman_core::judge::MissingKind;
/// use relman_testkit::scenario::{a_look, given, in_step};
///
/// given(in_step(1))
///     .when(a_look().without("latency_p99", MissingKind::NoData))
///     .then(["evaluated", "hold_placed"])
///     .and_when(a_look())
///     .then(["evaluated", "hold_released"]);
/// ```
#[derive(Clone, PartialEq)]
pub struct Evaluation {
    traffic: SeenTraffic,
    answers: Vec<(MetricName, Arm, Shown)>,
}

#[derive(Clone, PartialEq)]
enum SeenTraffic {
    AsSet,
    At(TrafficShare),
    Unknown,
}

#[derive(Clone, PartialEq)]
enum Shown {
    Answer(Answer),
    Missing(MissingKind),
}

/// A look at the metrics and the traffic, at which everything is healthy.
pub fn a_look() -> Evaluation {
    Evaluation { traffic: SeenTraffic::AsSet, answers: Vec::new() }
}

impl Evaluation {
    /// The same look, and so many requests of the new version have failed.
    #[must_use]
    pub fn with_errors(self, errors: u64, of: u64) -> Self {
        let answer = Answer::Value(Measurement::Counts { requests: of, errors });
        self.with("error_rate", Arm::Canary, answer)
    }

    /// The same look, and a quantile of the new version's latency, such as `latency_p99`, has this value.
    ///
    /// # Panics
    ///
    /// Where the name is not one of a metric, or the value not finite.
    #[must_use]
    pub fn with_latency_ms(self, quantile: &str, millis: f64) -> Self {
        self.with(quantile, Arm::Canary, gauge(millis))
    }

    /// The same look, and this is the answer about a metric in an arm.
    ///
    /// # Panics
    ///
    /// Where the name is not one of a metric.
    #[must_use]
    pub fn with(self, metric: &str, arm: Arm, answer: Answer) -> Self {
        self.push(metric, arm, Shown::Answer(answer))
    }

    /// The same look, and there is no value for a metric of the new version.
    ///
    /// # Panics
    ///
    /// Where the name is not one of a metric.
    #[must_use]
    pub fn without(self, metric: &str, missing: MissingKind) -> Self {
        self.push(metric, Arm::Canary, Shown::Missing(missing))
    }

    fn push(mut self, metric: &str, arm: Arm, shown: Shown) -> Self {
        let metric = metric.parse().expect("the name is one of a metric, such as error_rate");
        self.answers.push((metric, arm, shown));
        self
    }

    /// The same look, and the platform shows this share.
    #[must_use]
    pub fn with_traffic_at(mut self, share: TrafficShare) -> Self {
        self.traffic = SeenTraffic::At(share);
        self
    }

    /// The same look, and the platform does not say where the traffic is.
    #[must_use]
    pub fn with_traffic_unknown(mut self) -> Self {
        self.traffic = SeenTraffic::Unknown;
        self
    }

    /// The look as something that happens.
    pub fn when(self) -> When {
        When::Look(self)
    }

    /// What is measured for the question.
    pub(super) fn answer(&self, release: &Release, question: &EvaluationRequest) -> Outcome {
        let share = release.phase().step().map_or(TrafficShare::ZERO, |step| step.share);
        let seen_at = |share: TrafficShare| {
            Ok(Deployment::at(share).with_detail(format!("the new version has {share}")))
        };
        let deployment = match self.traffic {
            SeenTraffic::AsSet => seen_at(share),
            SeenTraffic::At(share) => seen_at(share),
            SeenTraffic::Unknown => Err("no answer".to_owned()),
        };
        let observations = self.observations(release, question);
        Outcome::Measured { observations, deployment, tolerance: TrafficShare::ZERO, standing: None }
    }

    fn observations(&self, release: &Release, question: &EvaluationRequest) -> Vec<Observation> {
        let asked = question
            .queries
            .iter()
            .flat_map(|query| question.arms.iter().map(move |arm| (&query.metric, *arm)));
        let share = release.phase().step().map_or(TrafficShare::ZERO, |step| step.share);
        let said = |metric: &MetricName, arm| {
            self.answers
                .iter()
                .rev()
                .find(|(name, of, _)| name == metric && *of == arm)
                .map(|(_, _, shown)| shown)
        };
        asked
            .map(|(metric, arm)| {
                let answer = match said(metric, arm) {
                    Some(Shown::Answer(answer)) => answer.clone(),
                    Some(Shown::Missing(kind)) => missing(*kind, question.window.from),
                    None => match (arm, said(metric, Arm::Canary)) {
                        (Arm::Baseline, Some(Shown::Answer(canary))) => {
                            beside(canary.measurement().and_then(Measurement::requests), share)
                                .unwrap_or_else(|| healthy(release, metric, arm, share))
                        }
                        _ => healthy(release, metric, arm, share),
                    },
                };
                let (metric, window) = (metric.clone(), question.window);
                Observation::new(metric, arm, window, "scenario", answer)
            })
            .collect()
    }
}

fn gauge(value: f64) -> Answer {
    Answer::Value(Measurement::Gauge { value: Finite::new(value).expect("the value is finite") })
}

/// How many requests a healthy look counts in the canary: enough for every verdict that people ask for.
const REQUESTS: u64 = 100_000;

/// Clean requests of the baseline beside so many of the canary, split as they should be.
fn beside(canary: Option<u64>, share: TrafficShare) -> Option<Answer> {
    let (part, rest) = (u64::from(share.basis_points()), u64::from((TrafficShare::FULL).distance(share)));
    let requests = canary?.saturating_mul(rest).checked_div(part)?;
    Some(Answer::Value(Measurement::Counts { requests, errors: 0 }))
}

/// A value that no criterion of the contract minds.
fn healthy(release: &Release, metric: &MetricName, arm: Arm, share: TrafficShare) -> Answer {
    let contract = release.plan().and_then(|plan| plan.contract());
    let criteria = contract.map_or(&[][..], |contract| contract.criteria());
    let wants_more = criteria.iter().any(|criterion| {
        let below = matches!(criterion.comparator, Comparator::Below | Comparator::AtMost);
        criterion.metric == *metric && below && matches!(criterion.threshold, Threshold::Limit(_))
    });
    match metric.as_str() {
        "error_rate" | "log_errors" => match arm {
            Arm::Canary => Answer::Value(Measurement::Counts { requests: REQUESTS, errors: 0 }),
            Arm::Baseline => beside(Some(REQUESTS), share).unwrap_or_else(|| gauge(0.5)),
        },
        // Above every limit that a criterion can name, which has 15 digits.
        _ if wants_more => gauge(1e16),
        // The same in both arms, and below the limits that people write for milliseconds or queues. A criterion such
        // as `> 1x baseline` is clean at it, `>= 1x baseline` is not.
        _ => gauge(0.5),
    }
}

fn missing(kind: MissingKind, since: Timestamp) -> Answer {
    match kind {
        MissingKind::NoData => Answer::NoData { detail: "empty result".to_owned() },
        MissingKind::Stale => Answer::Stale { newest: since },
        MissingKind::ProviderError => Answer::ProviderError { detail: "503 Service Unavailable".to_owned() },
        MissingKind::NotFinite => Answer::NotFinite { written: "NaN".to_owned() },
    }
}

impl fmt::Display for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts: Vec<String> = Vec::new();
        for (metric, arm, shown) in &self.answers {
            parts.push(match shown {
                Shown::Answer(answer) => format!("with {metric} of the {arm} {answer}"),
                Shown::Missing(kind) => format!("with {kind} for {metric}"),
            });
        }
        match self.traffic {
            SeenTraffic::AsSet => {}
            SeenTraffic::At(share) => parts.push(format!("with the traffic at {share}")),
            SeenTraffic::Unknown => parts.push("with the traffic unknown".to_owned()),
        }
        if parts.is_empty() {
            return f.write_str("a healthy look");
        }
        write!(f, "a look {}", parts.join(", "))
    }
}

impl fmt::Debug for Evaluation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
