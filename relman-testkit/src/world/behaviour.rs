use relman_core::{
    judge::Arm,
    unit::{Span, Timestamp, TrafficShare},
};

use super::{Harm, NewVersion, Onset, World};

/// The upper bounds of the latency buckets in milliseconds, as services commonly choose them.
pub(super) const BOUNDS_MS: [f64; 10] =
    [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0];

/// How many standard deviations the 99th percentile of a normal distribution lies above its median.
const P99: f64 = 2.326_347_874_040_840_8;

/// A stretch of time in which nothing changes but what grows, which is taken as it is in the middle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conditions {
    /// The middle of the stretch.
    pub(crate) at: Timestamp,
    /// How long after the first exposure that is; nothing before it.
    pub(crate) since: Option<Span>,
    /// The share of the traffic that the new version has.
    pub(crate) share: TrafficShare,
}

/// How strongly everything that can be wrong shows at a moment, from 0 to 1: what [`Behaviour`] is a function of.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Severity {
    regressions: Vec<f64>,
    incidents: Vec<f64>,
}

impl Severity {
    /// Whether any regression shows.
    #[cfg(feature = "lab")]
    pub(crate) fn shows(&self) -> bool {
        self.regressions.iter().any(|shows| *shows > 0.0)
    }
}

/// How the requests of one arm fare at a moment.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Behaviour {
    /// The share of requests that fail by themselves, besides those of bursts.
    pub(crate) errors: f64,
    /// The bursts of errors of this version alone: the share of requests, and the mean size.
    pub(crate) bursts: Vec<(f64, f64)>,
    /// How latencies are spread over the buckets.
    pub(crate) latencies: Latencies,
    /// The share of requests that are harmed beyond what a healthy version does: failed, or slower than 99 of 100
    /// requests of a healthy one.
    pub(crate) requests_harmed: f64,
    /// The share of users who meet at least one of those.
    pub(crate) users_harmed: f64,
    /// The share of users who have a reason to complain: those, and the ones that an incident hits.
    pub(crate) users_upset: f64,
}

/// What a healthy version does.
#[derive(Debug, Clone, Copy)]
struct Healthy {
    errors: f64,
    median_ms: f64,
    spread: f64,
}

/// Harm to the requests of a part of the users.
#[derive(Debug, Clone, Copy)]
struct Hurt {
    users: f64,
    requests: f64,
}

impl World {
    /// Requests a second that are expected over both arms.
    pub(crate) fn rate_at(&self, at: Timestamp) -> f64 {
        self.requests_per_second * self.requests.expected_at(at)
    }

    /// The errors of both arms that come in bursts, as a share of all requests.
    pub(crate) fn shared_bursts(&self) -> Option<f64> {
        (self.burst_size > 1.0).then_some(self.error_rate)
    }

    /// How strongly everything shows at a moment, written to `severity`; whether that has changed.
    pub(crate) fn severity(&self, conditions: Conditions, severity: &mut Severity) -> bool {
        let mut changed = false;
        let mut note = |place: Option<&mut f64>, value: f64| {
            if let Some(place) = place
                && place.to_bits() != value.to_bits()
            {
                *place = value;
                changed = true;
            }
        };
        severity.regressions.resize(self.regressions.len(), 0.0);
        severity.incidents.resize(self.incidents.len(), 0.0);
        for (index, regression) in self.regressions.iter().enumerate() {
            let value = self.shows(regression.onset, conditions);
            note(severity.regressions.get_mut(index), value);
        }
        for (index, incident) in self.incidents.iter().enumerate() {
            let on = conditions.since.is_some_and(|since| incident.from <= since && since < incident.until);
            note(severity.incidents.get_mut(index), f64::from(u8::from(on)));
        }
        changed
    }

    /// How much of a regression shows, from 0 to 1.
    fn shows(&self, onset: Onset, conditions: Conditions) -> f64 {
        let shows = |on: bool| f64::from(u8::from(on));
        match (onset, conditions.since) {
            (_, None) => 0.0,
            (Onset::FromShare(share), Some(_)) => shows(conditions.share >= share),
            (Onset::FromRate(rate), Some(_)) => {
                shows(self.rate_at(conditions.at) * part_of(conditions.share) >= rate)
            }
            (Onset::After(after), Some(since)) => shows(after <= since),
            (Onset::Growing { from, over }, Some(since)) if over > Span::ZERO => {
                let grown = since.saturating_sub(from).as_millis() as f64 / over.as_millis() as f64;
                grown.min(1.0)
            }
            (Onset::Growing { from, .. }, Some(since)) => shows(from <= since),
        }
    }

    fn healthy(&self, arm: Arm) -> Healthy {
        match (arm, self.new_version) {
            (Arm::Canary, NewVersion::Differs { error_rate, latency_median_ms, latency_spread }) => Healthy {
                errors: match self.shared_bursts() {
                    Some(shared) => error_rate.max(shared),
                    None => error_rate,
                },
                median_ms: latency_median_ms,
                spread: latency_spread,
            },
            (Arm::Canary, NewVersion::LikeTheOld) | (Arm::Baseline, _) => Healthy {
                errors: self.error_rate,
                median_ms: self.latency_median_ms,
                spread: self.latency_spread,
            },
        }
    }

    /// How the requests of an arm fare while everything shows as strongly as that.
    pub(crate) fn behaviour(&self, arm: Arm, severity: &Severity) -> Behaviour {
        let healthy = self.healthy(arm);
        // What happens to both arms comes first: harm is what a regression adds to it.
        let mut common = healthy.errors;
        let mut slower = 1.0;
        let mut upset = Vec::new();
        for (incident, shows) in self.incidents.iter().zip(&severity.incidents) {
            if *shows > 0.0 {
                common = common.max(incident.errors);
                slower *= incident.slower;
                let failing = beyond(incident.errors, healthy.errors);
                let requests = 1.0 - (1.0 - failing) * (1.0 - too_slow(incident.slower, healthy.spread));
                upset.push(Hurt { users: 1.0, requests });
            }
        }
        let mut errors = common;
        let mut bursts = Vec::new();
        let mut medians = vec![(1.0, healthy.median_ms * slower)];
        let mut harmed = Vec::new();
        let shown = match arm {
            Arm::Canary => &severity.regressions[..],
            Arm::Baseline => &[],
        };
        for (regression, shows) in self.regressions.iter().zip(shown).filter(|(_, shows)| **shows > 0.0) {
            let users = regression.users;
            let requests = match regression.harm {
                Harm::Errors { rate } => {
                    let failing = (rate * shows).max(common);
                    errors = errors.max((1.0 - users) * common + users * failing);
                    beyond(failing, common)
                }
                Harm::ErrorBursts { rate, size } => {
                    bursts.push((rate * shows * users, size));
                    rate * shows
                }
                Harm::Latency { factor } => {
                    let factor = 1.0 + (factor - 1.0) * shows;
                    let hit = medians.iter().map(|(weight, median)| (weight * users, median * factor));
                    let hit: Vec<(f64, f64)> = hit.collect();
                    for (weight, _) in &mut medians {
                        *weight *= 1.0 - users;
                    }
                    medians.extend(hit);
                    too_slow(factor, healthy.spread)
                }
            };
            harmed.push(Hurt { users, requests });
        }
        upset.extend(&harmed);
        Behaviour {
            errors: beyond(errors, self.shared_bursts().unwrap_or(0.0)),
            bursts,
            latencies: Latencies::mixed(&medians, healthy.spread),
            requests_harmed: 1.0 - harmed.iter().map(|one| 1.0 - one.users * one.requests).product::<f64>(),
            users_harmed: self.users_hurt(&harmed),
            users_upset: self.users_hurt(&upset),
        }
    }

    /// The share of users who meet at least one harmed request among theirs.
    fn users_hurt(&self, hurt: &[Hurt]) -> f64 {
        let spared = |one: &Hurt| {
            let lucky = libm::pow(1.0 - one.requests, self.requests_per_user);
            1.0 - one.users + one.users * lucky
        };
        1.0 - hurt.iter().map(spared).product::<f64>()
    }
}

/// The share of the traffic as a number between 0 and 1.
pub(crate) fn part_of(share: TrafficShare) -> f64 {
    f64::from(share.basis_points()) / f64::from(TrafficShare::FULL.basis_points())
}

/// The probability with which what fails at the rate `whole` fails if it does not at the rate `part`.
fn beyond(whole: f64, part: f64) -> f64 {
    if whole <= part { 0.0 } else { (whole - part) / (1.0 - part) }
}

/// The share of requests beyond one in a hundred that is slower than 99 of 100 healthy ones, where all of them take so
/// many times as long.
fn too_slow(factor: f64, spread: f64) -> f64 {
    (above(P99 - libm::log(factor) / spread) - 0.01).max(0.0)
}

/// The probability that a normal value is so many standard deviations above its mean, or more.
fn above(deviations: f64) -> f64 {
    0.5 * libm::erfc(deviations * std::f64::consts::FRAC_1_SQRT_2)
}

/// How latencies are spread over the buckets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Latencies {
    /// For each bucket, the probability of a latency to lie in it if it lies in none below.
    inside: [f64; BOUNDS_MS.len()],
}

impl Latencies {
    /// Log-normal around a median.
    #[cfg(test)]
    pub(super) fn log_normal(median_ms: f64, spread: f64) -> Self {
        Self::mixed(&[(1.0, median_ms)], spread)
    }

    /// A mixture of log-normal distributions, each with its weight and its median.
    fn mixed(medians: &[(f64, f64)], spread: f64) -> Self {
        let below = |bound: f64| -> f64 {
            medians.iter().map(|(weight, median)| weight * above(-libm::log(bound / median) / spread)).sum()
        };
        let mut inside = [1.0; BOUNDS_MS.len()];
        let mut before = 0.0;
        for (inside, bound) in inside.iter_mut().zip(BOUNDS_MS) {
            let up_to = below(bound);
            if before < 1.0 {
                *inside = ((up_to - before) / (1.0 - before)).clamp(0.0, 1.0);
            }
            before = up_to;
        }
        Self { inside }
    }

    pub(super) fn inside(&self) -> &[f64] {
        &self.inside
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Incident, Regression};

    fn at(minutes: u64, percent: u16) -> Conditions {
        let since = Span::from_minutes(minutes);
        Conditions {
            at: Timestamp::from_millis(0) + since,
            since: Some(since),
            share: TrafficShare::percent(percent),
        }
    }

    fn behaviour(world: &World, arm: Arm, conditions: Conditions) -> Behaviour {
        let mut severity = Severity::default();
        world.severity(conditions, &mut severity);
        world.behaviour(arm, &severity)
    }

    fn canary(world: &World, minutes: u64, percent: u16) -> Behaviour {
        behaviour(world, Arm::Canary, at(minutes, percent))
    }

    #[track_caller]
    fn close(one: f64, two: f64) {
        assert!((one - two).abs() < 1e-9, "{one} and {two}");
    }

    #[test]
    fn a_leak_grows_in_a_straight_line() {
        let (from, over) = (Span::from_hours(1), Span::from_hours(2));
        let world = World::default().with(Regression::errors_growing(from, over, 0.05));
        close(canary(&world, 59, 10).errors, 0.001);
        close(canary(&world, 120, 10).errors, 0.025);
        close(canary(&world, 180, 10).errors, 0.05);
        close(canary(&world, 600, 10).errors, 0.05);
        close(behaviour(&world, Arm::Baseline, at(600, 10)).errors, 0.001);
    }

    #[test]
    fn some_regressions_show_under_load_alone() {
        let harm = Harm::Errors { rate: 0.5 };
        let world = World::default().with(Regression::new(Onset::FromRate(20.0), harm));
        close(canary(&world, 1, 10).errors, 0.001);
        close(canary(&world, 1, 50).errors, 0.5);
    }

    #[test]
    fn a_part_of_the_users_means_a_part_of_the_harm() {
        let world = World { error_rate: 0.0, ..World::default() };
        let all = Regression::errors_after(Span::ZERO, 0.2);
        let everybody = canary(&world.clone().with(all), 1, 10);
        close(everybody.requests_harmed, 0.2);
        close(everybody.users_harmed, 1.0 - libm::pow(0.8, 10.0));
        let some = canary(&world.with(all.for_users(0.1)), 1, 10);
        close(some.errors, 0.02);
        close(some.requests_harmed, 0.02);
        close(some.users_harmed, everybody.users_harmed * 0.1);
    }

    #[test]
    fn an_incident_hits_both_arms_and_is_no_harm_of_the_new_version() {
        let incident = Incident::of_errors(Span::from_minutes(10), Span::from_minutes(15), 0.2);
        let world = World::default().with(incident);
        for arm in [Arm::Canary, Arm::Baseline] {
            close(behaviour(&world, arm, at(12, 10)).errors, 0.2);
            close(behaviour(&world, arm, at(15, 10)).errors, 0.001);
        }
        let meanwhile = canary(&world, 12, 10);
        close(meanwhile.requests_harmed, 0.0);
        assert!(meanwhile.users_upset > 0.8);
    }

    #[test]
    fn a_slow_version_harms_who_waits_longer_than_the_slowest_hundredth() {
        let world = World::default().with(Regression::latency_after(Span::ZERO, 2.0));
        let slow = canary(&world, 1, 10);
        // ln 2 / 0.4 is 1.733 deviations: 27.7 % are slower than the old 99th percentile.
        assert!((slow.requests_harmed - 0.2666).abs() < 0.001, "{}", slow.requests_harmed);
        assert_ne!(slow.latencies, behaviour(&world, Arm::Baseline, at(1, 10)).latencies);
        close(canary(&World::default(), 1, 10).requests_harmed, 0.0);
    }

    #[test]
    fn errors_in_bursts_are_not_counted_twice() {
        let world = World { burst_size: 5.0, ..World::default() };
        assert_eq!(world.shared_bursts(), Some(0.001));
        close(canary(&world, 1, 10).errors, 0.0);
        let spike = canary(&world.with(Regression::errors_after(Span::ZERO, 0.1)), 1, 10);
        close(0.001 + (1.0 - 0.001) * spike.errors, 0.1);
    }

    #[test]
    fn a_healthy_new_version_may_differ() {
        let new_version =
            NewVersion::Differs { error_rate: 0.0005, latency_median_ms: 60.0, latency_spread: 0.3 };
        let world = World { new_version, ..World::default() };
        close(canary(&world, 1, 10).errors, 0.0005);
        close(canary(&world, 1, 10).requests_harmed, 0.0);
        close(behaviour(&world, Arm::Baseline, at(1, 10)).errors, 0.001);
    }
}
