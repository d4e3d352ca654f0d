use super::{ClockFixture, checks};

crate::__checks_of_clock! { __conformance_suite (Clock, ClockFixture) }

#[doc(hidden)]
#[macro_export]
macro_rules! __checks_of_clock {
    ($then:ident $arguments:tt) => {
        $crate::$then! { $arguments
            shows_the_present_moment: "The present moment in UTC.",
            goes_on_with_time: "The present moment, each time anew.",
            is_not_moved_by_asking: "Asking for the moment does not change it.",
        }
    };
}

/// Expands to a module of tests, one for each check of the [`clock`](mod@crate::conformance::clock) suite.
///
/// ```
/// # struct Fixture;
/// # impl Fixture { async fn start() -> Self { Fixture } }
/// relman_testkit::conformance::clock! {
///     #[tokio::test]
///     mod tower { Fixture::start().await }
/// }
/// ```
///
/// Everything in front of `mod` is put in front of each test; what is in braces makes a fixture for each, and may
/// `return` where a test has to be passed over.
#[doc(hidden)]
#[macro_export]
macro_rules! __clock_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_clock! {
            __conformance_tests (clock [$(#[$attribute])+] $module $fixture)
        }
    };
}
