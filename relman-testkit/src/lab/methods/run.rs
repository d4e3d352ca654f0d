use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use rayon::prelude::*;
use relman_core::{judge::evidence::Alpha, policy::Policy};
use thiserror::Error;

use super::{
    Method, Weather,
    draw::{Expected, Minutes},
    method::{Terms, Watch},
    report::{AtEachRequest, Detected, Findings, Healthy},
    wald::{requests_needed, until_alarm},
};
use crate::{
    lab::{Progress, Share, figure::mean},
    world::{behaviour::part_of, draw::Draw},
};

/// The most trials of a comparison.
const MOST_TRIALS: u32 = 1_000_000;

/// How many trials a thread finishes before it says so.
const TRIALS_A_REPORT: u64 = 64;

/// The error rate of a healthy version.
const HEALTHY: f64 = 0.001;

/// The error rates of broken ones.
const BROKEN: [f64; 4] = [0.002, 0.005, 0.01, 0.02];

/// The minutes from which they are broken.
const ONSETS: [u32; 2] = [0, 750];

/// Requests a second, over the whole of the traffic.
const RATES: [f64; 3] = [10.0, 100.0, 1_000.0];

/// Requests a second at which detection is timed.
const DETECTION_RATE: f64 = 100.0;

const WEATHER: [Weather; 5] =
    [Weather::Calm, Weather::Bursts(5.0), Weather::Bursts(20.0), Weather::DailyIncident, Weather::DailyDrift];

/// Why ways to decide can't be compared.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ComparisonError {
    /// Too few or too many trials.
    #[error("failed to compare in {0} trials: give from 1 to {MOST_TRIALS}")]
    Trials(u32),
}

/// A comparison of every [`Method`] on the same numbers.
///
/// # Examples
///
/// ```
/// use relman_testkit::lab::methods::{Comparison, Method, Weather};
///
/// let found = Comparison::new().healthy_trials(10).broken_trials(2).run()?;
/// let share = |method| found.healthy(method, Weather::Calm, 10.0).expect("it was tried").value;
/// assert!(share(Method::AnyMinute) > 0.9, "one error among six requests is more than 1 %");
/// assert!(share(Method::BaselineBurstProof) < 0.2);
/// # Ok::<(), relman_testkit::lab::methods::ComparisonError>(())
/// ```
#[derive(Clone)]
pub struct Comparison {
    healthy_trials: u32,
    broken_trials: u32,
    seed: u64,
    progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// When each method turned a release back, by its place in [`Method::ALL`]: the minute, counted from 0.
type Alarms = [Option<u32>; Method::ALL.len()];

/// What the releases of some trials are like.
#[derive(Clone, Copy)]
struct Case {
    per_second: f64,
    weather: Weather,
    broken: f64,
    onset: u32,
}

/// The steps of the track, minute by minute.
struct Plan {
    terms: Terms,
    /// The share of each step as a part of the whole traffic.
    shares: Vec<f64>,
}

impl Comparison {
    /// 1,000 healthy and 500 broken releases of each kind, seed 1.
    pub fn new() -> Self {
        Self { healthy_trials: 1_000, broken_trials: 500, seed: 1, progress: None }
    }

    /// How many healthy releases of each kind are tried, from 1 to a million.
    #[must_use]
    pub fn healthy_trials(self, healthy_trials: u32) -> Self {
        Self { healthy_trials, ..self }
    }

    /// How many broken releases of each kind are tried, from 1 to a million. The methods that rank minutes get no
    /// more healthy ones either: a trial of them costs a hundred times as much as one of the others.
    #[must_use]
    pub fn broken_trials(self, broken_trials: u32) -> Self {
        Self { broken_trials, ..self }
    }

    /// The seed of everything that is random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// Reports now and then how far the comparison is, from any of its threads.
    #[must_use]
    pub fn on_progress(self, progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Arc::new(progress)), ..self }
    }

    /// Runs every trial, on all cores. The same seed gives the same findings, to the bit, on any number of them.
    ///
    /// # Errors
    ///
    /// [`ComparisonError`], which says what would be right.
    pub fn run(&self) -> Result<Findings, ComparisonError> {
        for trials in [self.healthy_trials, self.broken_trials] {
            if trials == 0 || trials > MOST_TRIALS {
                return Err(ComparisonError::Trials(trials));
            }
        }
        let plan = Plan::standard();
        let counter = Counter { done: AtomicU64::new(0), total: self.total(), comparison: self };
        let mut healthy = Vec::new();
        for weather in WEATHER {
            for per_second in RATES {
                let case = Case { per_second, weather, broken: HEALTHY, onset: u32::MAX };
                let alarms = self.try_out(&plan, case, self.healthy_trials, &counter);
                healthy.extend(self.of_healthy(case, &alarms));
            }
        }
        let mut detected = Vec::new();
        for onset in ONSETS {
            for broken in BROKEN {
                let case = Case { per_second: DETECTION_RATE, weather: Weather::Calm, broken, onset };
                let alarms = self.try_out(&plan, case, self.broken_trials, &counter);
                detected.extend(of_broken(&plan, case, &alarms));
            }
        }
        let at_each_request = BROKEN.iter().map(|broken| self.at_each_request(&plan, *broken, &counter));
        Ok(Findings {
            alpha: plan.terms.alpha,
            healthy_rate: HEALTHY,
            healthy_trials: self.healthy_trials,
            broken_trials: self.broken_trials,
            seed: self.seed,
            at_each_request: at_each_request.collect(),
            healthy,
            detected,
        })
    }

    fn total(&self) -> u64 {
        let of_healthy = WEATHER.len() as u64 * RATES.len() as u64 * u64::from(self.healthy_trials);
        let kinds = (ONSETS.len() + 1) as u64 * BROKEN.len() as u64;
        of_healthy + kinds * u64::from(self.broken_trials)
    }

    fn draw(&self, case: Case, number: u32) -> Draw {
        let Case { per_second, weather, broken, onset } = case;
        Draw::about(&format!(
            "methods\n{}\n{per_second}\n{weather:?}\n{broken}\n{onset}\n{number}",
            self.seed
        ))
    }

    fn try_out(&self, plan: &Plan, case: Case, trials: u32, counter: &Counter<'_>) -> Vec<Alarms> {
        let one = |number| {
            let slow_too = number < self.broken_trials;
            let alarms = plan.release(case, self.draw(case, number), slow_too);
            counter.one_more();
            alarms
        };
        (0..trials).into_par_iter().map(one).collect()
    }

    fn of_healthy(&self, case: Case, alarms: &[Alarms]) -> Vec<Healthy> {
        let Case { per_second, weather, .. } = case;
        let tried = Method::ALL
            .into_iter()
            .zip(0_usize..)
            .filter(|(method, _)| weather.keeps_a_limit() || !method.has_a_limit());
        let share = |method: Method, index: usize| {
            let trials = if method.is_slow() { self.broken_trials } else { self.healthy_trials };
            let of_method = alarms.iter().take(trials as usize);
            let (hits, trials) =
                of_method.fold((0, 0), |(hits, all), one| (hits + u64::from(one[index].is_some()), all + 1));
            Share::of(hits, trials)
        };
        tried
            .map(|(method, index)| Healthy { method, weather, per_second, rolled_back: share(method, index) })
            .collect()
    }

    fn at_each_request(&self, plan: &Plan, broken: f64, counter: &Counter<'_>) -> AtEachRequest {
        let alpha = plan.terms.alpha;
        let one = |number| {
            let draw = Draw::about(&format!("methods at each request\n{}\n{broken}\n{number}", self.seed));
            let requests = until_alarm(draw, alpha, HEALTHY, broken);
            counter.one_more();
            requests
        };
        let requests: Vec<f64> = (0..self.broken_trials).into_par_iter().map(one).collect();
        AtEachRequest { broken, bound: requests_needed(alpha, HEALTHY, broken), requests: mean(&requests) }
    }
}

impl Default for Comparison {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison")
            .field("healthy_trials", &self.healthy_trials)
            .field("broken_trials", &self.broken_trials)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// What became of a regression, for each method.
fn of_broken(plan: &Plan, case: Case, alarms: &[Alarms]) -> Vec<Detected> {
    let Case { broken, onset, .. } = case;
    let bound = plan.minutes_for(requests_needed(plan.terms.alpha, HEALTHY, broken), case);
    let of_method = |(method, index): (Method, usize)| {
        // Who is turned back before it begins never sees it.
        let lived = alarms.iter().map(|one| one[index]).filter(|at| at.is_none_or(|at| at >= onset));
        let minutes: Vec<Option<f64>> = lived.map(|at| at.map(|at| f64::from(at - onset + 1))).collect();
        let found: Vec<f64> = minutes.iter().flatten().copied().collect();
        let share = Share::of(found.len() as u64, minutes.len() as u64);
        let minutes = (!found.is_empty()).then(|| mean(&found));
        Detected { method, onset, broken, found: share, minutes, bound }
    };
    Method::ALL.into_iter().zip(0_usize..).map(of_method).collect()
}

impl Plan {
    /// The standard track of the shipped policy.
    fn standard() -> Self {
        let policy = Policy::shipped();
        let named = policy.tracks().iter().find(|(name, _)| name.as_str() == "standard");
        let (_, track) = named.expect("the shipped policy has a standard track");
        Self {
            terms: Terms { alpha: Alpha::default(), healthy: HEALTHY, planned: track.planned_looks() },
            shares: track.steps().iter().map(|step| part_of(step.share)).collect(),
        }
    }

    /// Each minute with its step and its share.
    fn minutes(&self) -> impl Iterator<Item = (u32, f64)> {
        let steps = (0..).zip(self.terms.planned.iter().zip(&self.shares));
        steps.flat_map(|(step, (looks, share))| (0..*looks).map(move |_| (step, *share)))
    }

    fn requests(case: Case, share: f64) -> f64 {
        case.per_second * 60.0 * share
    }

    /// One release under the eyes of every method.
    fn release(&self, case: Case, draw: Draw, slow_too: bool) -> Alarms {
        let mut alarms = Alarms::default();
        let mut watches = Method::ALL.map(|method| {
            let left_out =
                (method.is_slow() && !slow_too) || (method.has_a_limit() && !case.weather.keeps_a_limit());
            (!left_out).then(|| Watch::new(method, &self.terms))
        });
        let mut minutes = Minutes::new(draw, case.weather);
        for (minute, (step, share)) in (0..).zip(self.minutes()) {
            let canary = if minute >= case.onset { case.broken } else { HEALTHY };
            let expected = Expected { requests: Self::requests(case, share), healthy: HEALTHY, canary };
            let seen = minutes.next(expected);
            for (place, alarm) in watches.iter_mut().zip(&mut alarms) {
                let Some(watch) = place else { continue };
                if watch.observe(step, &seen, self.terms.alpha) {
                    *alarm = Some(minute);
                    *place = None;
                }
            }
            if watches.iter().all(Option::is_none) {
                break;
            }
        }
        alarms
    }

    /// How many minutes after a regression's begin the new version has been asked so often.
    fn minutes_for(&self, requests: f64, case: Case) -> f64 {
        let from = usize::try_from(case.onset).unwrap_or(usize::MAX);
        let mut left = requests;
        let mut minutes = 0.0;
        for (_, share) in self.minutes().skip(from) {
            let in_minute = Self::requests(case, share);
            if left <= in_minute {
                return minutes + left / in_minute;
            }
            left -= in_minute;
            minutes += 1.0;
        }
        minutes
    }
}

/// Counts trials over all threads.
struct Counter<'a> {
    done: AtomicU64,
    total: u64,
    comparison: &'a Comparison,
}

impl Counter<'_> {
    fn one_more(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(progress) = &self.comparison.progress
            && (done.is_multiple_of(TRIALS_A_REPORT) || done == self.total)
        {
            progress(Progress { done, total: self.total });
        }
    }
}
