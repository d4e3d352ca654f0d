use super::{UserFlowsFixture, checks};

crate::__checks_of_user_flows! { __conformance_suite (UserFlows, UserFlowsFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_user_flows {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            its_flows_are_named_once: "The names of the flows that are checked, each once.",
            a_report_is_complete: "The report has each of the flows once, in their order, and nothing else.",
            what_works_passes: "A flow that works has passed.",
            a_report_has_its_evidence: "Of every flow it says what was expected and what was found.",
            what_is_broken_fails: "A flow that was tried and does not work has failed, and is no error.",
            each_check_tries_again: "Every call tries again; an earlier answer is never given twice.",
            checking_changes_nothing_for_users: "Checking changes nothing for users.",
            two_may_check_at_the_same_time: "Checking by two conductors at the same time does no harm.",
            silence_is_no_pass: "A service that does not answer in its time has not passed.",
            silence_does_not_keep_it_waiting: "It returns within two minutes, whatever the service does.",
            not_knowing_is_no_pass: "Not knowing is an error or unknown, and never a pass.",
            not_knowing_is_no_failure: "A flow of which nothing could be found out has not failed.",
            nothing_that_it_says_holds_a_secret: "What was expected and found, and every error, holds no secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`user_flows`](mod@crate::conformance::user_flows) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::user_flows! {
///     #[tokio::test]
///     mod browser { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __user_flows_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_user_flows! {
            __conformance_tests (user_flows [$(#[$attribute])+] $module $fixture)
        }
    };
}
