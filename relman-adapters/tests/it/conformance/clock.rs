use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use relman_adapters::clock::{SystemClock, TokioClock};
use relman_core::{
    port::Clock,
    unit::{Span, Timestamp},
};
use relman_testkit::conformance::{self, Able, clock::ClockFixture};

struct System;

#[async_trait]
impl ClockFixture for System {
    fn clock(&self) -> &dyn Clock {
        &SystemClock
    }

    fn name(&self) -> String {
        "system".to_owned()
    }

    fn truth(&self) -> Able<Timestamp> {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Ok(Timestamp::from_millis(since_epoch.as_millis().try_into().unwrap()))
    }

    async fn pass(&self, span: Span) -> Able<()> {
        tokio::time::sleep(Duration::from_millis(span.as_millis())).await;
        Ok(())
    }
}

struct Paused {
    clock: TokioClock,
    epoch: Timestamp,
    started: tokio::time::Instant,
}

impl Paused {
    fn new() -> Self {
        let epoch = relman_testkit::sample::start();
        Self { clock: TokioClock::starting_at(epoch), epoch, started: tokio::time::Instant::now() }
    }
}

#[async_trait]
impl ClockFixture for Paused {
    fn clock(&self) -> &dyn Clock {
        &self.clock
    }

    fn name(&self) -> String {
        "tokio".to_owned()
    }

    fn truth(&self) -> Able<Timestamp> {
        let elapsed = self.started.elapsed().as_millis().try_into().unwrap();
        Ok(self.epoch + Span::from_millis(elapsed))
    }

    async fn pass(&self, span: Span) -> Able<()> {
        tokio::time::advance(Duration::from_millis(span.as_millis())).await;
        Ok(())
    }
}

conformance::clock! {
    #[tokio::test]
    mod system { System }
}

conformance::clock! {
    #[tokio::test(start_paused = true)]
    mod tokio_time { Paused::new() }
}
