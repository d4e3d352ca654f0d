use super::{DeployerFixture, checks};

crate::__checks_of_deployer! { __conformance_suite (Deployer, DeployerFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_deployer {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            has_a_name: "The name of the adapter, for errors and logs.",
            a_deploy_installs: "Installs an artifact in an environment, and returns when it is ready to take traffic.",
            a_repeated_deploy_succeeds: "Idempotent: where the artifact is installed already, a deploy succeeds.",
            a_repeated_deploy_changes_nothing: "Idempotent: where the artifact is installed already, a deploy changes nothing.",
            a_deploy_leaves_the_traffic_alone: "A deploy does not touch traffic.",
            traffic_is_set: "Routes this share of the production traffic to the canary, as far as the platform's tolerance goes, or refuses.",
            traffic_is_absolute: "Absolute: the share is the state wanted, whatever it was before.",
            a_share_is_never_exceeded: "Never more: a share that the platform can't represent exactly is set to the nearest one below, or refused.",
            nothing_and_everything_are_exact: "Nothing and all of the traffic are never a matter of rounding, and nothing is never refused.",
            a_repeated_share_succeeds: "Idempotent: where the share is set already, setting it succeeds.",
            a_repeated_share_changes_nothing: "Idempotent: where the share is set already, setting it changes nothing.",
            a_change_is_made_before_it_is_answered: "Returns when the platform has taken the change; it does not return early.",
            observing_reads_the_platform: "What is really out there, read from the platform and not from memory.",
            not_knowing_is_an_error: "Not knowing is an error, never a zero.",
            what_could_not_be_done_is_an_error: "Returns when the platform has taken the change, or fails.",
            what_was_cut_off_may_be_tried_again: "What could not be reached, or has not answered in time, may be tried again.",
            a_lost_answer_can_be_made_up_for: "After no answer in time the share may or may not be set: observing tells, and the same request again sets it.",
            errors_hold_no_secret: "An error never holds a secret.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`deployer`](mod@crate::conformance::deployer) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::deployer! {
///     #[tokio::test]
///     mod shop { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __deployer_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_deployer! {
            __conformance_tests (deployer [$(#[$attribute])+] $module $fixture)
        }
    };
}
