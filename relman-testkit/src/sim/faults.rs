use relman_core::{
    judge::MissingKind,
    unit::{MetricName, Span, TrafficShare},
};

/// A time for which metrics can't be had. A question about any part of it has no value for an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// The first moment, after the first exposure.
    pub from: Span,
    /// The moment after the last, after the first exposure.
    pub until: Span,
    /// What the source says instead of a value.
    pub missing: MissingKind,
    /// Which metrics.
    pub scope: OutageScope,
}

/// Which metrics an outage is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutageScope {
    /// All of them.
    All,
    /// One.
    Metric(MetricName),
}

impl Outage {
    /// An outage of every metric.
    pub fn of_all(from: Span, until: Span, missing: MissingKind) -> Self {
        Self { from, until, missing, scope: OutageScope::All }
    }

    /// An outage of one metric.
    pub fn of(metric: MetricName, from: Span, until: Span, missing: MissingKind) -> Self {
        Self { from, until, missing, scope: OutageScope::Metric(metric) }
    }
}

/// What is wrong with the deployer: the fate of the first calls of each kind, in order. Later calls are carried out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeployerFaults {
    /// Calls that install.
    pub deploys: Vec<Fate>,
    /// Calls that give the new version traffic.
    pub forward: Vec<Fate>,
    /// Calls that take all traffic from it.
    pub back: Vec<Fate>,
    /// A change of the traffic that nobody asked for.
    pub drift: Option<Drift>,
}

impl DeployerFaults {
    /// The first calls that give the new version traffic fail and change nothing.
    pub fn unavailable(times: usize) -> Self {
        Self { forward: vec![Fate::Unavailable; times], ..Self::default() }
    }

    /// The first calls that give the new version traffic are carried out, and their answers are lost.
    pub fn lost_answers(times: usize) -> Self {
        Self { forward: vec![Fate::AnswerLost; times], ..Self::default() }
    }

    /// The traffic is changed once by somebody else.
    pub fn drifting(after: Span, to: TrafficShare) -> Self {
        Self { drift: Some(Drift { after, to }), ..Self::default() }
    }
}

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is carried out.
    Done,
    /// It fails as not available, and nothing is changed.
    Unavailable,
    /// It is carried out, and times out for the caller.
    AnswerLost,
    /// It is refused for good, and nothing is changed.
    Rejected,
}

/// A change of the traffic that nobody asked for; nothing where the new version has no traffic then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drift {
    /// How long after the first exposure.
    pub after: Span,
    /// To which share.
    pub to: TrafficShare,
}
