use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};
use relman_testkit::{
    conformance::{
        Able, Port, Report,
        clock::{ClockFixture, suite},
    },
    sample,
    world::ManualClock,
};

use super::{Exposed, each_check_can_fail};

/// What is wrong with a clock. Each is a mistake that someone could make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flaw {
    None,
    AnotherTimeZone,
    StandsStill,
    TicksWhenAsked,
}

/// The sound clock, and what each flaw changes about it.
struct Flawed {
    flaw: Flaw,
    truth: ManualClock,
    asked: AtomicU64,
}

impl Clock for Flawed {
    fn now(&self) -> Timestamp {
        match self.flaw {
            Flaw::None => self.truth.now(),
            Flaw::AnotherTimeZone => self.truth.now() + Span::from_hours(1),
            Flaw::StandsStill => sample::start(),
            Flaw::TicksWhenAsked => {
                self.truth.now() + Span::from_millis(self.asked.fetch_add(1, Ordering::Relaxed))
            }
        }
    }
}

#[async_trait]
impl ClockFixture for Flawed {
    fn clock(&self) -> &dyn Clock {
        self
    }

    fn name(&self) -> String {
        "flawed".to_owned()
    }

    fn truth(&self) -> Able<Timestamp> {
        Ok(self.truth.now())
    }

    async fn pass(&self, span: Span) -> Able<()> {
        self.truth.advance(span);
        Ok(())
    }
}

async fn report(flaw: Flaw) -> Report {
    suite(async || Flawed { flaw, truth: ManualClock::at(sample::start()), asked: 0.into() }).await
}

#[tokio::test]
async fn each_check_of_a_clock_fails_on_the_flaw_that_it_is_for() {
    let mut exposed = Vec::new();
    for (check, flaw) in [
        ("shows_the_present_moment", Flaw::AnotherTimeZone),
        ("goes_on_with_time", Flaw::StandsStill),
        ("is_not_moved_by_asking", Flaw::TicksWhenAsked),
    ] {
        exposed.push(Exposed::new(flaw, check, report(flaw).await));
    }
    each_check_can_fail(Port::Clock, &report(Flaw::None).await, &exposed);
}
