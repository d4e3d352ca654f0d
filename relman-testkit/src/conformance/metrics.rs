//! The suite of [`MetricsSource`].

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
pub struct MetricCase {
    /// What is to be measured.
    pub query: MetricQuery,
    /// On which version.
    pub arm: Arm,
    /// Over which time.
    pub window: Window,
}

impl MetricCase {
    /// A question about a release of `checkout`, 2.41.0 in place of 2.40.3.
    ///
    /// # Panics
    ///
    /// Never: the names are constants.
    pub fn about(metric: MetricName, arm: Arm, window: Window) -> Self {
        let query = MetricQuery::new(
            metric,
            "checkout-241".parse().expect("a constant name"),
            "checkout".parse().expect("a constant name"),
            "2.41.0",
            "2.40.3",
        );
        Self { query, arm, window }
    }
}

/// A metrics source to be checked, and questions whose answers are known.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait MetricsFixture: Send + Sync {
    /// The source.
    fn source(&self) -> &dyn MetricsSource;

    /// A question that is answered with a value, for both arms, and with the same one each time.
    fn question(&self) -> MetricCase;

    /// The window that an answer to a question covers: the one asked for, unless the source measures in windows of
    /// its own.
    fn covered(&self, question: &MetricCase) -> Window {
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
    async fn empty(&self) -> Able<MetricCase> {
        Err(Unable::unmentioned("ask for what left no data"))
    }

    /// A question to which the answer is a measured zero.
    async fn zero(&self) -> Able<MetricCase> {
        Err(Unable::unmentioned("ask for what was measured as zero"))
    }

    /// A question to which only old data exist.
    async fn stale(&self) -> Able<MetricCase> {
        Err(Unable::unmentioned("ask for what has only old data"))
    }

    /// A question to which the platform's answer is NaN or an infinity.
    async fn not_finite(&self) -> Able<MetricCase> {
        Err(Unable::unmentioned("ask for what is not a finite number"))
    }

    /// Cuts the source off from what it measures: nothing that it asks from now on is answered.
    async fn cut_off(&self) -> Able<()> {
        Err(Unable::unmentioned("cut the source off"))
    }
}

crate::__checks_of_metrics! { __conformance_suite (MetricsSource, MetricsFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_metrics {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for observations, errors and logs.",
            a_metric_it_measures_is_known: "Whether this source has a query for the metric.",
            a_metric_nobody_measures_is_unknown: "A metric that nobody can measure is found before a release starts.",
            an_unknown_metric_has_no_value: "What can't be measured has an answer of its own, and no value.",
            a_question_is_answered_with_a_value: "Measures one metric of one arm over one window.",
            the_answer_is_about_what_was_asked: "An observation says which metric was measured, and on which arm.",
            the_answer_says_who_gave_it: "An observation says who answered, by the adapter's name.",
            the_window_is_the_one_covered: "The observation's `window` is the one that the answer covers.",
            each_arm_is_measured_for_itself: "Measures one arm: the canary's requests are not the baseline's.",
            a_part_is_at_most_the_whole: "Errors and exceedances are at most the requests.",
            an_empty_result_is_no_data: "An empty result is no data, never a zero.",
            a_measured_zero_is_a_value: "A zero is a zero that was measured.",
            asking_twice_is_harmless: "Reading changes nothing: asking twice is harmless.",
            a_source_that_is_cut_off_says_so: "Never an error: that the source could not be asked is an answer of its own.",
            old_data_are_stale: "Data that are older than the window allows are stale.",
            what_is_not_finite_is_named: "NaN and infinity are named as that.",
            errors_hold_no_secret: "What went wrong is told without secrets.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`metrics`](mod@crate::conformance::metrics) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::metrics! {
///     #[tokio::test]
///     mod shop { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __metrics_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_metrics! {
            __conformance_tests (metrics [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::{MetricCase, MetricsFixture};
    use crate::conformance::{
        Unable,
        finding::{Met, Unmet, ensure, named, silent},
    };
    use relman_core::{
        judge::{Answer, Arm, Measurement, MissingKind, Observation},
        unit::MetricName,
    };

    pub(super) fn adapter(fixture: &dyn MetricsFixture) -> String {
        fixture.source().name().to_owned()
    }

    pub(super) async fn has_a_name(fixture: &dyn MetricsFixture) -> Met {
        named(fixture.source().name())
    }

    pub(super) async fn a_metric_it_measures_is_known(fixture: &dyn MetricsFixture) -> Met {
        let metric = fixture.question().query.metric;
        ensure!(
            fixture.source().knows(&metric),
            "{metric} is not known, and the fixture's question is about it"
        );
        Ok(())
    }

    pub(super) async fn a_metric_nobody_measures_is_unknown(fixture: &dyn MetricsFixture) -> Met {
        let metric = unheard_of();
        ensure!(!fixture.source().knows(&metric), "{metric} is said to be known");
        Ok(())
    }

    pub(super) async fn an_unknown_metric_has_no_value(fixture: &dyn MetricsFixture) -> Met {
        let mut question = fixture.question();
        question.query.metric = unheard_of();
        let answer = ask(fixture, &question).await.answer;
        ensure!(
            answer.measurement().is_none(),
            "{} was answered with the value {answer}",
            question.query.metric
        );
        Ok(())
    }

    pub(super) async fn a_question_is_answered_with_a_value(fixture: &dyn MetricsFixture) -> Met {
        for arm in [Arm::Canary, Arm::Baseline] {
            value(fixture, &MetricCase { arm, ..fixture.question() }).await?;
        }
        Ok(())
    }

    pub(super) async fn the_answer_is_about_what_was_asked(fixture: &dyn MetricsFixture) -> Met {
        for arm in [Arm::Canary, Arm::Baseline] {
            let question = MetricCase { arm, ..fixture.question() };
            let answered = ask(fixture, &question).await;
            ensure!(
                answered.arm == arm,
                "a question about the {arm} was answered about the {}",
                answered.arm
            );
            let (asked, answered) = (question.query.metric, answered.metric);
            ensure!(answered == asked, "a question about {asked} was answered about {answered}");
        }
        Ok(())
    }

    pub(super) async fn the_answer_says_who_gave_it(fixture: &dyn MetricsFixture) -> Met {
        let answered = ask(fixture, &fixture.question()).await.source;
        let name = fixture.source().name();
        ensure!(answered == name, "the answer is by {answered:?}, and the adapter's name is {name:?}");
        Ok(())
    }

    pub(super) async fn the_window_is_the_one_covered(fixture: &dyn MetricsFixture) -> Met {
        let question = fixture.question();
        let (answered, covered) = (ask(fixture, &question).await.window, fixture.covered(&question));
        ensure!(answered == covered, "the answer says that it covers {answered}, and it covers {covered}");
        Ok(())
    }

    pub(super) async fn each_arm_is_measured_for_itself(fixture: &dyn MetricsFixture) -> Met {
        for arm in [Arm::Canary, Arm::Baseline] {
            let bounds = fixture.requests(arm)?;
            let measured = value(fixture, &MetricCase { arm, ..fixture.question() }).await?;
            let Some(requests) = measured.requests() else {
                let reason = format!("{measured} does not say on how many requests it rests");
                return Err(Unable::because(reason).into());
            };
            ensure!(
                bounds.contains(&requests),
                "the {arm} had {} to {} requests, and {requests} were measured",
                bounds.start(),
                bounds.end()
            );
        }
        Ok(())
    }

    pub(super) async fn a_part_is_at_most_the_whole(fixture: &dyn MetricsFixture) -> Met {
        for arm in [Arm::Canary, Arm::Baseline] {
            let measured = value(fixture, &MetricCase { arm, ..fixture.question() }).await?;
            match &measured {
                Measurement::Counts { requests, errors: part }
                | Measurement::Exceedances { requests, exceedances: part, .. } => {
                    ensure!(part <= requests, "{part} of {requests} requests of the {arm} were measured");
                }
                Measurement::Histogram(_) | Measurement::Events { .. } | Measurement::Gauge { .. } => {
                    let reason = format!("{measured} is no part of a whole");
                    return Err(Unable::because(reason).into());
                }
            }
        }
        Ok(())
    }

    pub(super) async fn an_empty_result_is_no_data(fixture: &dyn MetricsFixture) -> Met {
        is_missing(fixture, &fixture.empty().await?, MissingKind::NoData).await
    }

    pub(super) async fn a_measured_zero_is_a_value(fixture: &dyn MetricsFixture) -> Met {
        let measured = value(fixture, &fixture.zero().await?).await?;
        let zero = match &measured {
            Measurement::Counts { errors: part, .. } | Measurement::Exceedances { exceedances: part, .. } => {
                *part == 0
            }
            Measurement::Histogram(histogram) => histogram.count() == 0,
            Measurement::Events { count, .. } => *count == 0,
            Measurement::Gauge { value } => value.get() == 0.0,
        };
        ensure!(zero, "a zero was out there, and {measured} was measured");
        Ok(())
    }

    pub(super) async fn asking_twice_is_harmless(fixture: &dyn MetricsFixture) -> Met {
        let question = fixture.question();
        let other = MetricCase { arm: Arm::Baseline, ..fixture.question() };
        let first = ask(fixture, &question).await;
        ask(fixture, &other).await;
        let second = ask(fixture, &question).await;
        ensure!(
            first == second,
            "the same question was answered with {} and then with {}",
            first.answer,
            second.answer
        );
        Ok(())
    }

    pub(super) async fn a_source_that_is_cut_off_says_so(fixture: &dyn MetricsFixture) -> Met {
        fixture.cut_off().await?;
        is_missing(fixture, &fixture.question(), MissingKind::ProviderError).await
    }

    pub(super) async fn old_data_are_stale(fixture: &dyn MetricsFixture) -> Met {
        is_missing(fixture, &fixture.stale().await?, MissingKind::Stale).await
    }

    pub(super) async fn what_is_not_finite_is_named(fixture: &dyn MetricsFixture) -> Met {
        is_missing(fixture, &fixture.not_finite().await?, MissingKind::NotFinite).await
    }

    pub(super) async fn errors_hold_no_secret(fixture: &dyn MetricsFixture) -> Met {
        let secrets = fixture.secrets()?;
        fixture.cut_off().await?;
        let answered = ask(fixture, &fixture.question()).await;
        silent(&format!("{} {answered:?}", answered.answer), &secrets)
    }

    fn unheard_of() -> MetricName {
        "nobody_measures_this".parse().expect("a constant name")
    }

    async fn ask(fixture: &dyn MetricsFixture, question: &MetricCase) -> Observation {
        fixture.source().observe(&question.query, question.arm, question.window).await
    }

    async fn value(fixture: &dyn MetricsFixture, question: &MetricCase) -> Result<Measurement, Unmet> {
        match ask(fixture, question).await.answer {
            Answer::Value(measured) => Ok(measured),
            other => Err(Unmet::Failed(format!(
                "{} of the {} has a value, and was answered with: {other}",
                question.query.metric, question.arm
            ))),
        }
    }

    async fn is_missing(fixture: &dyn MetricsFixture, question: &MetricCase, kind: MissingKind) -> Met {
        let answer = ask(fixture, question).await.answer;
        ensure!(answer.missing() == Some(kind), "the answer should be {kind}, and it was: {answer}");
        Ok(())
    }
}
