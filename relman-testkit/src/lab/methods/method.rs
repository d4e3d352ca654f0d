use std::fmt;

use relman_core::{
    judge::{
        evidence::{Alpha, Scheme, Sequential, StartWeights},
        factor::{
            Arms, BurstProofAgainstBaseline, BurstProofLimit, Counts, Factor, RateAgainstBaseline, RateLimit,
        },
        familiar::{FailedLooks, Look, WindowThreshold, WindowVerdict},
        kayenta::{Direction, Label, MannWhitneyRule, mean_ratio, p_value},
    },
    plan::Comparator,
    unit::{Decimal, Finite},
};
use serde::Serialize;

/// A rate over so many per cent fails a minute, for the methods that have a threshold of their own.
const THRESHOLD_PERCENT: Decimal = Decimal::new(1, 0);

/// How many failed minutes are too many.
const FAILED_MINUTES: u32 = 5;

/// How many minutes lie between two looks of Mann-Whitney's test.
const RANKED_EVERY: u32 = 10;

/// A way to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The rate of one minute is over 1 %.
    AnyMinute,
    /// The rate was over 1 % in five minutes, not necessarily in a row: Argo Rollouts' `failureLimit: 4`.
    FifthFailedMinute,
    /// Mann-Whitney's two-sided test of the minutes of a step so far, every ten of them: p is at most 2 %, and the new
    /// version's mean is the higher one.
    MannWhitney,
    /// The same minutes by Kayenta's rule: the interval with confidence 98 % lies above a quarter of the estimate.
    Kayenta,
    /// Evidence against a limit that is the healthy version's rate, by likelihoods.
    LimitFast,
    /// The same, burst-proof.
    LimitBurstProof,
    /// Evidence against the other arm at the same time, by likelihoods.
    BaselineFast,
    /// The same, burst-proof.
    BaselineBurstProof,
}

impl Method {
    /// Each of them, in the order of a table.
    pub const ALL: [Self; 8] = [
        Self::AnyMinute,
        Self::FifthFailedMinute,
        Self::MannWhitney,
        Self::Kayenta,
        Self::LimitFast,
        Self::LimitBurstProof,
        Self::BaselineFast,
        Self::BaselineBurstProof,
    ];

    /// Whether it holds errors against a number that is known in advance, and not against the other arm.
    pub(super) fn has_a_limit(self) -> bool {
        match self {
            Self::AnyMinute | Self::FifthFailedMinute | Self::LimitFast | Self::LimitBurstProof => true,
            Self::MannWhitney | Self::Kayenta | Self::BaselineFast | Self::BaselineBurstProof => false,
        }
    }

    /// Whether a trial of it costs a hundred times as much as one of the others.
    pub(super) fn is_slow(self) -> bool {
        matches!(self, Self::MannWhitney | Self::Kayenta)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::AnyMinute => "rate over 1 % in any minute",
            Self::FifthFailedMinute => "fifth failed minute",
            Self::MannWhitney => "Mann-Whitney 98 %, every ten minutes",
            Self::Kayenta => "Kayenta's rule, every ten minutes",
            Self::LimitFast => "evidence, limit, fast",
            Self::LimitBurstProof => "evidence, limit, burst-proof",
            Self::BaselineFast => "evidence, baseline, fast",
            Self::BaselineBurstProof => "evidence, baseline, burst-proof",
        })
    }
}

/// What evidence needs to know in advance.
#[derive(Debug, Clone)]
pub(super) struct Terms {
    pub(super) alpha: Alpha,
    /// The error rate of a healthy version.
    pub(super) healthy: f64,
    /// How many looks each step is planned to have.
    pub(super) planned: Vec<u32>,
}

/// A method at work on one release.
pub(super) enum Watch {
    AnyMinute(WindowThreshold),
    FifthFailedMinute(WindowThreshold, FailedLooks),
    Ranked(Ranked),
    LimitFast(Sequential<RateLimit>),
    LimitBurstProof(Sequential<BurstProofLimit>),
    BaselineFast(Sequential<RateAgainstBaseline>),
    BaselineBurstProof(Sequential<BurstProofAgainstBaseline>),
}

impl Watch {
    /// Nothing seen yet.
    pub(super) fn new(method: Method, terms: &Terms) -> Self {
        let threshold = || WindowThreshold::new(Comparator::Above, THRESHOLD_PERCENT, 1, 1);
        match method {
            Method::AnyMinute => Self::AnyMinute(threshold()),
            Method::FifthFailedMinute => {
                Self::FifthFailedMinute(threshold(), FailedLooks::total(FAILED_MINUTES))
            }
            Method::MannWhitney => Self::Ranked(Ranked::new(Ranking::Test)),
            Method::Kayenta => Self::Ranked(Ranked::new(Ranking::Kayenta)),
            Method::LimitFast => Self::LimitFast(evidence(RateLimit::new(terms.healthy), terms)),
            Method::LimitBurstProof => {
                Self::LimitBurstProof(evidence(BurstProofLimit::new(terms.healthy), terms))
            }
            Method::BaselineFast => Self::BaselineFast(evidence(RateAgainstBaseline::new(1.0), terms)),
            Method::BaselineBurstProof => {
                Self::BaselineBurstProof(evidence(BurstProofAgainstBaseline::new(1.0), terms))
            }
        }
    }

    /// One more minute of a step, steps counted from 0; whether the release is to be turned back.
    pub(super) fn observe(&mut self, step: u32, minute: &Arms, alpha: Alpha) -> bool {
        match self {
            Self::AnyMinute(threshold) => threshold.observe(minute.canary) == WindowVerdict::Breached,
            Self::FifthFailedMinute(threshold, looks) => {
                looks.observe(match threshold.observe(minute.canary) {
                    WindowVerdict::Breached => Look::Failed,
                    WindowVerdict::Clean => Look::Clean,
                    WindowVerdict::TooFew { .. } => Look::Unmeasured,
                })
            }
            Self::Ranked(ranked) => ranked.observe(step, minute) && ranked.are_higher(),
            Self::LimitFast(evidence) => alarms(evidence, step, &minute.canary, alpha),
            Self::LimitBurstProof(evidence) => alarms(evidence, step, &minute.canary, alpha),
            Self::BaselineFast(evidence) => alarms(evidence, step, minute, alpha),
            Self::BaselineBurstProof(evidence) => alarms(evidence, step, minute, alpha),
        }
    }
}

fn evidence<F: Factor>(factor: Option<F>, terms: &Terms) -> Sequential<F> {
    let weights = StartWeights::new(Scheme::Steps, terms.planned.clone());
    Sequential::new(factor.expect("a comparison has a healthy rate above 0 and below 1"), weights)
}

fn alarms<F: Factor>(evidence: &mut Sequential<F>, step: u32, interval: &F::Interval, alpha: Alpha) -> bool {
    evidence.observe(step, interval) >= alpha.ln_threshold()
}

fn rate(counts: Counts) -> Option<Finite> {
    (counts.requests() > 0).then(|| Finite::new(counts.errors() as f64 / counts.requests() as f64))?
}

/// What is made of the ranks.
#[derive(Clone, Copy)]
enum Ranking {
    Test,
    Kayenta,
}

/// The error rates of each minute of a step, to be ranked.
pub(super) struct Ranked {
    by: Ranking,
    step: u32,
    minutes: u32,
    canary: Vec<Finite>,
    baseline: Vec<Finite>,
}

impl Ranked {
    /// Nothing seen yet.
    fn new(by: Ranking) -> Self {
        Self { by, step: 0, minutes: 0, canary: Vec::new(), baseline: Vec::new() }
    }

    /// One more minute; whether it is time to look.
    fn observe(&mut self, step: u32, minute: &Arms) -> bool {
        if step != self.step {
            *self = Self { step, ..Self::new(self.by) };
        }
        self.canary.extend(rate(minute.canary));
        self.baseline.extend(rate(minute.baseline));
        self.minutes += 1;
        self.minutes.is_multiple_of(RANKED_EVERY)
    }

    fn are_higher(&self) -> bool {
        let rule = MannWhitneyRule { direction: Direction::Increase, ..MannWhitneyRule::default() };
        let (canary, baseline, size) = (&self.canary, &self.baseline, 1.0 - rule.confidence);
        let p_is_at_most = |most| p_value(canary, baseline).is_ok_and(|p| p <= most);
        match self.by {
            Ranking::Test => {
                p_is_at_most(size) && mean_ratio(canary, baseline).is_none_or(|ratio| ratio > 1.0)
            }
            // The interval leaves out zero only where the test rejects, and that costs a tenth of it. Twice the size,
            // because the test is exact for small samples, and the interval is not.
            Ranking::Kayenta => {
                p_is_at_most(2.0 * size)
                    && rule.classify(canary, baseline).is_ok_and(|found| found.label == Label::High)
            }
        }
    }
}
