use std::ops::RangeInclusive;

use proptest::strategy::Strategy;
use relman_core::unit::{Span, TrafficShare};

use super::simplest::Rungs;

/// Durations that people write, in milliseconds.
const SPANS: [u64; 27] = {
    const S: u64 = 1_000;
    const M: u64 = 60 * S;
    const H: u64 = 60 * M;
    [
        S,
        2 * S,
        5 * S,
        10 * S,
        15 * S,
        30 * S,
        M,
        2 * M,
        5 * M,
        10 * M,
        15 * M,
        20 * M,
        30 * M,
        45 * M,
        H,
        90 * M,
        2 * H,
        3 * H,
        4 * H,
        6 * H,
        8 * H,
        12 * H,
        18 * H,
        24 * H,
        36 * H,
        48 * H,
        72 * H,
    ]
};

/// Shares that people write, in basis points.
const SHARES: [u64; 12] = [1, 10, 50, 100, 200, 500, 1_000, 2_000, 2_500, 5_000, 7_500, 10_000];

/// Durations in a range: most of them as people write them, such as 30m and 2h, some in odd seconds. They shrink to the
/// shortest round one that fails, and the ends of the range are round.
///
/// # Examples
///
/// ```
/// use proptest::{prelude::*, test_runner::{TestError, TestRunner}};
/// use relman_core::unit::Span;
/// use relman_testkit::strategy;
///
/// let spans = strategy::spans(Span::ZERO..=Span::from_hours(24));
/// let failed = TestRunner::deterministic().run(&spans, |span| {
///     prop_assert!(span < Span::from_minutes(37));
///     Ok(())
/// });
/// let Err(TestError::Fail(_, least)) = failed else { panic!("some are longer") };
/// assert_eq!(least.to_string(), "45m");
/// ```
pub fn spans(range: RangeInclusive<Span>) -> impl Strategy<Value = Span> + Clone {
    let (from, until) = (range.start().as_millis(), range.end().as_millis());
    Rungs::new(&SPANS, from, until, 1_000).prop_map(Span::from_millis)
}

/// Shares in a range: most of them as people write them, such as 1% and 10%, some in odd basis points. They shrink to
/// the smallest round one that fails.
///
/// # Panics
///
/// Never: a number between two shares is a share.
pub fn shares(range: RangeInclusive<TrafficShare>) -> impl Strategy<Value = TrafficShare> + Clone {
    let (from, until) = (range.start().basis_points(), range.end().basis_points());
    Rungs::new(&SHARES, from.into(), until.into(), 1).prop_map(|basis_points| {
        let basis_points = u16::try_from(basis_points).expect("a share has at most 10,000 basis points");
        basis_points.try_into().expect("a number between two shares is one")
    })
}
