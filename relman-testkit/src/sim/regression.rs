use relman_core::unit::{Span, TrafficShare};

/// What is wrong with the new version, and from when on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Regression {
    /// From when on it shows.
    pub onset: Onset,
    /// What it does.
    pub harm: Harm,
}

/// From when on a regression shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Onset {
    /// While the new version has at least this share of the traffic.
    FromShare(TrafficShare),
    /// From this long after the first exposure on.
    After(Span),
}

/// What a regression does to the requests of the new version.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Harm {
    /// This share of them fails, between 0 and 1.
    Errors {
        /// The share.
        rate: f64,
    },
    /// They take so many times as long.
    Latency {
        /// How many times.
        factor: f64,
    },
}

impl Regression {
    /// Errors at this rate while the new version has at least this share of the traffic.
    pub fn errors_from_share(share: TrafficShare, rate: f64) -> Self {
        Self { onset: Onset::FromShare(share), harm: Harm::Errors { rate } }
    }

    /// Errors at this rate from this long after the first exposure on.
    pub fn errors_after(after: Span, rate: f64) -> Self {
        Self { onset: Onset::After(after), harm: Harm::Errors { rate } }
    }

    /// Latencies so many times as long while the new version has at least this share of the traffic.
    pub fn latency_from_share(share: TrafficShare, factor: f64) -> Self {
        Self { onset: Onset::FromShare(share), harm: Harm::Latency { factor } }
    }

    /// Latencies so many times as long from this long after the first exposure on.
    pub fn latency_after(after: Span, factor: f64) -> Self {
        Self { onset: Onset::After(after), harm: Harm::Latency { factor } }
    }
}
