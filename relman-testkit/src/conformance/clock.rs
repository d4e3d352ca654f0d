//! The suite of [`Clock`].

#![expect(clippy::missing_errors_doc, reason = "the trait says once what an inability means")]

use async_trait::async_trait;
use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};

use crate::conformance::{Able, Unable};

/// A clock to be checked, and another way to know the time.
///
/// An ability that isn't there is answered with [`Unable`]; its checks are then reported as not checked.
#[async_trait]
pub trait ClockFixture: Send + Sync {
    /// The clock.
    fn clock(&self) -> &dyn Clock;

    /// What the clock calls itself in a report: a clock has no name of its own.
    fn name(&self) -> String;

    /// The present moment, known without the clock.
    fn truth(&self) -> Able<Timestamp> {
        Err(Unable::unmentioned("know the time without the clock"))
    }

    /// Lets at least this much time pass.
    async fn pass(&self, span: Span) -> Able<()> {
        let _ = span;
        Err(Unable::unmentioned("let time pass"))
    }
}

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
/// `return` where a test has to be skipped.
#[doc(hidden)]
#[macro_export]
macro_rules! __clock_tests {
    ($(#[$attribute:meta])+ mod $module:ident $fixture:block) => {
        $crate::__checks_of_clock! {
            __conformance_tests (clock [$(#[$attribute])+] $module $fixture)
        }
    };
}

/// The checks: each is the function of its name, before a panic becomes a finding.
mod checks {
    use super::ClockFixture;
    use crate::conformance::finding::{Met, ensure};
    use relman_core::unit::Span;

    pub(super) fn adapter(fixture: &dyn ClockFixture) -> String {
        fixture.name()
    }

    pub(super) async fn shows_the_present_moment(fixture: &dyn ClockFixture) -> Met {
        let (before, shown, after) = (fixture.truth()?, fixture.clock().now(), fixture.truth()?);
        // Two clocks that are read one after the other, and each rounded down, may differ by this.
        let rounding = Span::from_millis(1);
        ensure!(
            before <= shown + rounding && shown <= after + rounding,
            "the clock shows {shown}, and it is between {before} and {after}"
        );
        Ok(())
    }

    pub(super) async fn goes_on_with_time(fixture: &dyn ClockFixture) -> Met {
        let passing = Span::from_millis(5);
        let before = fixture.clock().now();
        fixture.pass(passing).await?;
        let shown = fixture.clock().now().since(before);
        ensure!(shown >= passing, "{passing} went by, and the clock went on by {shown}");
        Ok(())
    }

    pub(super) async fn is_not_moved_by_asking(fixture: &dyn ClockFixture) -> Met {
        let (before, first) = (fixture.truth()?, fixture.clock().now());
        for _ in 0..1_000 {
            let _ = fixture.clock().now();
        }
        let (last, after) = (fixture.clock().now(), fixture.truth()?);
        // Whether it is right is another check's finding; here it is whether it goes on faster than time, or back.
        let (shown, passed) = (last.since(first), after.since(before));
        ensure!(
            shown <= passed && first <= last,
            "while it was asked a thousand times, which took at most {passed}, the clock went from {first} to {last}"
        );
        Ok(())
    }
}
