use super::{MetricsFixture, checks};

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
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __metrics_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_metrics! {
            __conformance_tests (metrics [$(#[$attribute])+] $module $fixture)
        }
    };
}
