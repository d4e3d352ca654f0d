use relman_core::unit::Span;

use super::ClockFixture;
use crate::conformance::finding::{Met, ensure};

pub(super) fn adapter(fixture: &dyn ClockFixture) -> String {
    fixture.name()
}

pub(super) async fn shows_the_present_moment(fixture: &dyn ClockFixture) -> Met {
    let (before, shown, after) = (fixture.truth()?, fixture.clock().now(), fixture.truth()?);
    ensure!(
        before <= shown && shown <= after,
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
