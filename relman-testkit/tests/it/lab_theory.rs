//! The lab against what theory gives exactly: a threshold on the error rate of each look, where errors are binomial.
//!
//! With `n` requests a look, each of which fails with probability `p`, a look breaches `error_rate > t` with the
//! probability `P[X > t·n]`, `X` binomial, and one of `L` looks does with `1 − (1 − P[X > t·n])^L`.

use std::sync::Arc;

use relman_core::{
    plan::{Plan, RollbackContract},
    policy::Policy,
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    lab::{Case, Lab, Report, Share},
    sample,
    world::{Harm, Onset, Regression, Requests, World},
};
use statrs::distribution::{Binomial, Discrete, DiscreteCDF};

/// A minute, the time between two looks.
const SECONDS: f64 = 60.0;

/// Enough for intervals of one per cent to each side. One interval in twenty does not hold the truth, whatever is
/// measured; that the others are as wide as they should be is a test of its own, over many seeds.
const TRIALS: u32 = 8_000;

/// A policy with a track of one-minute looks: five at each of three shares, then so many at 100 %.
fn policy(looks: u64, min_requests: u64) -> Policy {
    let track = format!(
        "[tracks.theory]\nhighest_risk = \"high\"\nuse = \"drills\"\nlook_every = \"1m\"\n\
         min_requests = {min_requests}\nsteps = [\n\
         {{ share = \"1%\", bake = \"5m\" }}, {{ share = \"10%\", bake = \"5m\" }},\n\
         {{ share = \"50%\", bake = \"5m\" }}, {{ share = \"100%\", bake = \"{looks}m\" }}]\n\n\
         [judging]\nmethod = \"threshold\"\n\n[risk]\n"
    );
    Policy::from_toml(&Policy::SHIPPED_TOML.replacen("[risk]\n", &track, 1)).unwrap()
}

/// A plan with this criterion alone.
fn plan(criterion: &str) -> Arc<Plan> {
    let contract = RollbackContract::new(vec![criterion.parse().unwrap()]).unwrap();
    let plan = sample::builder("theory", &["api"]).drill().contract(contract);
    Arc::new(plan.track("theory".parse().unwrap()).build().unwrap())
}

/// A world with exactly so many requests in each look at 100 %.
fn world(requests: u32, error_rate: f64) -> World {
    let requests_per_second = f64::from(requests) / SECONDS;
    World { requests_per_second, requests: Requests::exactly(), error_rate, ..World::default() }
}

/// The probability that one look at `n` requests breaches a threshold of so many per cent.
fn breach(n: u64, p: f64, percent: u64) -> f64 {
    1.0 - Binomial::new(p, n).unwrap().cdf(n * percent / 100)
}

fn measured(lab: &Lab) -> Share {
    let report: Report = lab.run().unwrap();
    let finding = &report.worlds[0].policies[0];
    let share = finding.regression.as_ref().map_or(finding.rolled_back, |found| found.detected);
    // Each trial lives to see what it is about.
    assert_eq!(share.trials, u64::from(report.trials), "{report}");
    share
}

/// Requests a look, error probability, threshold in per cent, looks.
const CASES: [(u32, f64, u64, u64); 5] = [
    (300, 0.001, 1, 60),
    (600, 0.004, 1, 30),
    (1_000, 0.005, 1, 120),
    (6_000, 0.008, 1, 20),
    (100, 0.02, 5, 5),
];

#[test]
fn the_share_of_alarms_over_many_looks_is_the_one_of_theory() {
    for (n, p, percent, looks) in CASES {
        // Nothing fails before all of the traffic is on the new version, so that every look that counts has n requests.
        let full = Onset::FromShare(TrafficShare::FULL);
        let world = world(n, 0.0).with(Regression::new(full, Harm::Errors { rate: p }));
        let lab = Lab::new(policy(looks, 1)).plan(plan(&format!("error_rate > {percent}%")));
        let share = measured(&lab.against([world]).trials(TRIALS));
        let exact = 1.0 - (1.0 - breach(u64::from(n), p, percent)).powf(looks as f64);
        assert!((0.01..0.99).contains(&exact), "a case that shows something: {exact}");
        assert!(share.holds(exact), "{exact} for n = {n}, p = {p}, > {percent} %, {looks} looks: {share:?}");
    }
}

#[test]
fn a_healthy_version_meets_each_step_with_its_own_number_of_requests() {
    for (requests, p, looks) in [(10_000_u32, 0.003, 60), (30_000, 0.006, 40), (100_000, 0.004, 30)] {
        let lab = Lab::new(policy(looks, 1)).plan(plan("error_rate > 1%"));
        let share = measured(&lab.against([world(requests, p)]).trials(TRIALS));
        let clean =
            |part: u64, looks: u64| (1.0 - breach(u64::from(requests) * part / 100, p, 1)).powf(looks as f64);
        let exact = 1.0 - clean(1, 5) * clean(10, 5) * clean(50, 5) * clean(100, looks);
        assert!((0.005..0.995).contains(&exact), "a case that shows something: {exact}");
        assert!(share.holds(exact), "{exact} for {requests} requests, p = {p}, {looks} looks: {share:?}");
    }
}

#[test]
fn looks_that_are_too_small_are_judged_together() {
    // 60 requests a look and 100 for a verdict: thirty pairs. Up to then nothing fails, and one request a look at 1 % is
    // enough for a verdict after a hundred looks.
    let full = Onset::FromShare(TrafficShare::FULL);
    let world = world(60, 0.0).with(Regression::new(full, Harm::Errors { rate: 0.02 }));
    let lab = Lab::new(policy(60, 100)).plan(plan("error_rate > 5%"));
    let share = measured(&lab.against([world]).trials(TRIALS));
    // More than 5 of the 60 are more than 5 % of 100 whatever comes: that fails at once. A pair fails from 7 of 120 on.
    let look = Binomial::new(0.02, 60).unwrap();
    let pair = |first: u64| look.pmf(first) * (1.0 - look.cdf(6 - first));
    let each = (1.0 - look.cdf(5)) + (0..=5).map(pair).sum::<f64>();
    let exact = 1.0 - (1.0 - each).powf(30.0);
    assert!((0.01..0.99).contains(&exact), "a case that shows something: {exact}");
    assert!(share.holds(exact), "{exact}: {share:?}");
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let (n, p, looks) = (600, 0.004, 30);
    let exact = 1.0 - (1.0 - breach(n, p, 1)).powf(looks as f64);
    let full = Onset::FromShare(TrafficShare::FULL);
    let world = world(600, 0.0).with(Regression::new(full, Harm::Errors { rate: p }));
    let lab = Lab::new(policy(looks, 1)).plan(plan("error_rate > 1%")).against([world]).trials(60);
    let holds = (1..=100).filter(|seed| measured(&lab.clone().seed(*seed)).holds(exact)).count();
    // 95 are expected; fewer than 88 or all of them would be one in a hundred.
    assert!((88..100).contains(&holds), "{holds} of 100 intervals hold {exact}");
}

#[test]
fn a_regression_is_found_after_as_many_looks_as_theory_says() {
    // The number of looks to the first breach is geometric, cut off after the last look.
    let (n, p, looks) = (600_u64, 0.008, 120_u64);
    let now = Regression::new(Onset::FromShare(TrafficShare::FULL), Harm::Errors { rate: p });
    let case = Case::new("theory", world(600, 0.0).with(now));
    let lab = Lab::new(policy(looks, 1)).plan(plan("error_rate > 1%")).against([case]).trials(TRIALS);
    let report = lab.run().unwrap();
    let found = report.worlds[0].policies[0].regression.as_ref().unwrap();
    let each = breach(n, p, 1);
    let (mut mean, mut all) = (0.0, 0.0);
    for look in 1..=looks {
        let first = (1.0 - each).powf((look - 1) as f64) * each;
        mean += first * look as f64;
        all += first;
    }
    let minutes = found.minutes_to_detect.unwrap().mean;
    let exact = mean / all;
    assert!(minutes.low.unwrap() <= exact && exact <= minutes.high.unwrap(), "{exact}: {minutes:?}");
    // Zero traffic is seen twice, five seconds apart.
    let to_zero = found.minutes_to_zero.unwrap().mean.value - minutes.value;
    assert!((to_zero - Span::from_secs(5).as_millis() as f64 / 60_000.0).abs() < 1e-9, "{to_zero}");
}
