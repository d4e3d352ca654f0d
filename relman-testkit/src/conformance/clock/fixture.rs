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
