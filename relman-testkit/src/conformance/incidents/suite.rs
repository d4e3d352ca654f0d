use super::{IncidentFixture, checks};

crate::__checks_of_incidents! { __conformance_suite (IncidentSource, IncidentFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_incidents {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the source, for records, errors and logs.",
            an_empty_list_says_that_nothing_fires: "An empty list says that nothing fires.",
            what_fires_at_the_end_of_the_window_is_in_the_answer: "Whatever fires at the end of the window is in the answer.",
            an_incident_keeps_its_id: "One incident has the same id in every answer.",
            two_that_fire_have_two_ids: "No two incidents that fire at the same time have the same id.",
            they_come_in_order: "By their beginnings, then by id.",
            what_has_ended_fires_no_more: "An incident that has ended is missing in the answer, or in it with its end.",
            an_end_is_not_before_the_beginning: "An end is never before the beginning.",
            what_began_after_the_window_is_left_out: "The incidents that fired at some time in the window, and no others.",
            another_service_is_left_out: "An incident of another service is left out.",
            what_can_not_be_asked_is_an_error: "A source that can't be asked never gives an empty list.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`incidents`](mod@crate::conformance::incidents) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::incidents! {
///     #[tokio::test]
///     mod alerts { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __incidents_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_incidents! {
            __conformance_tests (incidents [$(#[$attribute])+] $module $fixture)
        }
    };
}
