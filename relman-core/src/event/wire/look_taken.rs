use serde::Deserialize;

use crate::{
    event::{Evaluated, ObservedExposure, verdicts::VerdictsAs},
    judge::{Observation, Verdict},
    unit::{Span, Window},
};

/// An evaluation as version 1 recorded it: each observation with its window and source, and every verdict in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::event) struct LookTaken {
    step: u32,
    window: Window,
    exposure: ObservedExposure,
    observations: Vec<Observation>,
    verdicts: Vec<Verdict>,
    credit_ms: Span,
}

impl From<LookTaken> for Evaluated {
    fn from(taken: LookTaken) -> Self {
        let LookTaken { step, window, exposure, observations, verdicts, credit_ms } = taken;
        let recorded = VerdictsAs::InFull;
        Self { step, window, exposure, observations, verdicts, credit: credit_ms, recorded }
    }
}
