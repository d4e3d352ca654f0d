//! An evaluation as version 1 recorded it: each observation with its window and source, and every verdict in full.

use serde::Deserialize;

use crate::{
    event::{Evaluated, Event, ObservedExposure, PlatformSeen, verdicts::VerdictsAs},
    judge::{Answer, Arm, Disbelief, Measurement, Observation, Verdict},
    unit::{MetricName, Span, Timestamp, Window},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LookTaken {
    step: u32,
    window: Window,
    exposure: ObservedExposure,
    observations: Vec<Observed>,
    verdicts: Vec<Verdict>,
    credit_ms: Span,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Observed {
    metric: MetricName,
    arm: Arm,
    window: Window,
    source: String,
    answer: Answered,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum Answered {
    Value(Measurement),
    NoData { detail: String },
    Stale { newest: Timestamp },
    ProviderError { detail: String },
    NotFinite { written: String },
}

/// What stood in place of the answers of an evaluation that were too large for its record.
const WITHHELD: &str = "the answers of this look are too large for one record";

impl From<LookTaken> for Event {
    fn from(taken: LookTaken) -> Self {
        let LookTaken { step, window, exposure, observations, verdicts, credit_ms: credit } = taken;
        let observations = observations.into_iter().map(Into::into).collect();
        let (platform, disregarded, recorded) = (PlatformSeen::default(), false, VerdictsAs::InFull);
        Evaluated { step, window, exposure, observations, verdicts, credit, platform, disregarded, recorded }
            .into()
    }
}

impl From<Observed> for Observation {
    fn from(Observed { metric, arm, window, source, answer }: Observed) -> Self {
        let answer = match answer {
            Answered::Value(measurement) => Answer::Value(measurement),
            Answered::NoData { detail } => Answer::NoData { detail },
            Answered::Stale { newest } => Answer::Stale { newest },
            Answered::ProviderError { detail } if detail == WITHHELD => {
                Answer::Unbelieved { why: Disbelief::TooLarge {} }
            }
            Answered::ProviderError { detail } => Answer::ProviderError { detail },
            Answered::NotFinite { written } => Answer::NotFinite { written },
        };
        Self { metric, arm, window, source, answer }
    }
}
