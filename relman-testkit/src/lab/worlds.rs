//! Worlds that every policy should be tried in.

use relman_core::unit::{Span, TrafficShare};

use super::Case;
use crate::world::{Complaints, Harm, Incident, Onset, Regression, Requests, World};

/// The standard set: healthy versions at several levels of traffic, and every kind of regression at several sizes.
///
/// A healthy version has 0.1 % errors and a 99th percentile near 200 ms. Regressions have a hundred requests a second
/// over both arms, and show from the first exposure on unless their name says something else. One in a hundred harmed
/// users complains, half an hour later on average.
///
/// # Examples
///
/// ```
/// use relman_testkit::lab::worlds;
///
/// let healthy = worlds::standard().iter().filter(|case| case.kind.is_healthy()).count();
/// assert!(healthy >= 5 && worlds::standard().len() > 2 * healthy);
/// ```
pub fn standard() -> Vec<Case> {
    let complaining = |world: World| Case::from(world.with(Complaints::of(0.01, Span::from_minutes(30))));
    let healthy = healthy().into_iter().map(complaining).chain(varying());
    healthy.chain(regressed().into_iter().map(complaining)).collect()
}

/// Versions that nothing is wrong with.
fn healthy() -> Vec<World> {
    let (from, until) = (Span::from_hours(4), Span::from_hours(4) + Span::from_minutes(10));
    let mut worlds: Vec<World> = [10.0, 50.0, 200.0, 1_000.0].map(at).into();
    worlds.extend([5.0, 20.0].map(|burst_size| World { burst_size, ..at(100.0) }));
    worlds.extend([0.05, 0.2].map(|errors| at(100.0).with(Incident::of_errors(from, until, errors))));
    worlds.push(at(100.0).with(Incident::of_latency(from, until, 3.0)));
    worlds
}

/// A healthy version under traffic that goes up and down.
fn varying() -> [Case; 1] {
    let requests = Requests::by_chance().daily(0.5, Span::from_hours(20)).varying(0.2);
    let complaints = Complaints::of(0.01, Span::from_minutes(30));
    let world = World { requests, ..at(100.0) }.with(complaints);
    [Case::new("healthy at 100/s, up and down", world)]
}

fn regressed() -> Vec<World> {
    let now = Span::ZERO;
    let hour = Span::from_hours(1);
    let half = Onset::FromShare(TrafficShare::percent(50));
    let mut regressions: Vec<Regression> =
        [0.005, 0.02, 0.05, 0.2].map(|rate| Regression::errors_after(now, rate)).into();
    regressions
        .extend([0.01, 0.02, 0.05].map(|rate| Regression::errors_growing(hour, Span::from_hours(4), rate)));
    regressions.extend([1.5, 2.2, 3.0, 5.0].map(|factor| Regression::latency_after(now, factor)));
    regressions.extend([0.02, 0.1].map(|rate| Regression::new(half, Harm::Errors { rate })));
    regressions.extend([0.01, 0.1].map(|users| Regression::errors_after(now, 0.2).for_users(users)));
    let burst = |size| Regression::new(Onset::After(now), Harm::ErrorBursts { rate: 0.005, size });
    regressions.extend([5.0, 20.0].map(burst));
    regressions.into_iter().map(|regression| at(100.0).with(regression)).collect()
}

fn at(requests_per_second: f64) -> World {
    World { requests_per_second, ..World::default() }
}
