#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use std::ops::RangeInclusive;

use async_trait::async_trait;
use relman_core::{
    judge::Arm,
    port::{MetricQuery, MetricsSource},
    unit::{MetricName, Window},
};

use crate::conformance::{Able, Unable};

/// What a source is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What is to be measured.
    pub query: MetricQuery,
    /// On which version.
    pub arm: Arm,
    /// Over which time.
    pub window: Window,
}

impl Question {
    /// A question about a release of `checkout`, 2.41.0 in place of 2.40.3.
    ///
    /// # Panics
    ///
    /// Never: the names are constants.
    pub fn about(metric: MetricName, arm: Arm, window: Window) -> Self {
        let query = MetricQuery {
            metric,
            release: "checkout-241".parse().expect("a constant name"),
            service: "checkout".parse().expect("a constant name"),
            canary_version: "2.41.0".to_owned(),
            baseline_version: "2.40.3".to_owned(),
        };
        Self { query, arm, window }
    }
}

/// A metrics source to be checked, and questions to which somebody knows the answers.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait MetricsFixture: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn MetricsSource;

    /// A question that is answered with a value, for both arms, and with the same one each time.
    fn question(&self) -> Question;

    /// The window that an answer to a question covers: the one asked for, unless the source measures in windows of
    /// its own.
    fn covered(&self, question: &Question) -> Window {
        question.window
    }

    /// The secrets that the source was given, as texts that no answer may show; none by default.
    fn secrets(&self) -> Able<Vec<String>> {
        Err(Unable::because("the adapter was given no secret"))
    }

    /// How many requests there were for this arm in the window of [`question`](Self::question): between which
    /// bounds, for a source that estimates. The bounds of the arms must not overlap.
    fn requests(&self, arm: Arm) -> Able<RangeInclusive<u64>> {
        let _ = arm;
        Err(Unable::unmentioned("count an arm's requests past the source"))
    }

    /// A question for whose arm and window there is nothing at all.
    async fn empty(&self) -> Able<Question> {
        Err(Unable::unmentioned("ask for what left no data"))
    }

    /// A question to which the answer is a measured zero.
    async fn zero(&self) -> Able<Question> {
        Err(Unable::unmentioned("ask for what was measured as zero"))
    }

    /// A question to which only old data exist.
    async fn stale(&self) -> Able<Question> {
        Err(Unable::unmentioned("ask for what has only old data"))
    }

    /// A question to which the platform's answer is NaN or an infinity.
    async fn not_finite(&self) -> Able<Question> {
        Err(Unable::unmentioned("ask for what is not a finite number"))
    }

    /// Cuts the source off from what it measures: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the source off"))
    }
}
