use std::fmt;

use relman_core::judge::evidence::Alpha;
use serde::Serialize;

use super::{Method, Weather};
use crate::lab::{Estimate, Share};

/// What a comparison found. Printed, it is a set of Markdown tables.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Findings {
    /// The probability of turning back a healthy release that evidence may have.
    pub alpha: Alpha,
    /// The error rate of a healthy version.
    pub healthy_rate: f64,
    /// How many healthy releases of each kind were tried.
    pub healthy_trials: u32,
    /// How many broken ones; the methods that rank got no more healthy ones.
    pub broken_trials: u32,
    /// The seed.
    pub seed: u64,
    /// What became of healthy releases.
    pub healthy: Vec<Healthy>,
    /// What became of broken ones, at 100 requests a second.
    pub detected: Vec<Detected>,
    /// How long evidence takes that is looked at with each request.
    pub at_each_request: Vec<AtEachRequest>,
}

/// How often a method turned back healthy releases.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Healthy {
    /// The method.
    pub method: Method,
    /// What the errors are like.
    pub weather: Weather,
    /// Requests a second over the whole of the traffic.
    pub per_second: f64,
    /// In how many releases it did.
    pub rolled_back: Share,
}

/// How soon a method found a regression.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Detected {
    /// The method.
    pub method: Method,
    /// The minute from which the new version is broken.
    pub onset: u32,
    /// Its error rate from then on.
    pub broken: f64,
    /// In how many releases that lived to see it, it was found.
    pub found: Share,
    /// The mean of the minutes it took, where it was found.
    pub minutes: Option<Estimate>,
    /// Wald's bound, in minutes of the track.
    pub bound: f64,
}

/// How many requests evidence takes that is looked at with each of them, with a start that is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AtEachRequest {
    /// The error rate.
    pub broken: f64,
    /// Wald's bound, in requests.
    pub bound: f64,
    /// The mean of the requests it took.
    pub requests: Estimate,
}

impl AtEachRequest {
    /// How many times Wald's bound that is.
    pub fn ratio(&self) -> f64 {
        self.requests.value / self.bound
    }
}

impl Findings {
    /// How often a method turned back healthy releases; none where that was not tried.
    pub fn healthy(&self, method: Method, weather: Weather, per_second: f64) -> Option<Share> {
        let asked = |one: &&Healthy| {
            one.method == method && one.weather == weather && one.per_second.total_cmp(&per_second).is_eq()
        };
        self.healthy.iter().find(asked).map(|found| found.rolled_back)
    }

    /// How soon a method found a regression of this error rate from this minute on; none where that was not tried.
    pub fn detected(&self, method: Method, onset: u32, broken: f64) -> Option<&Detected> {
        self.detected
            .iter()
            .find(|one| one.method == method && one.onset == onset && one.broken.total_cmp(&broken).is_eq())
    }

    /// The shares of a method in one weather at each request rate, as a cell.
    fn shares(&self, method: Method, weather: Weather) -> String {
        let found = self.healthy.iter().filter(|one| one.method == method && one.weather == weather);
        let cells: Vec<String> = found.map(|one| percent(one.rolled_back.value)).collect();
        cells.join(", ")
    }

    /// The minutes of a method from one moment on, as a cell.
    fn minutes(&self, method: Method, onset: u32) -> String {
        let found = self.detected.iter().filter(|one| one.method == method && one.onset == onset);
        let cell = |one: &Detected| match one.minutes {
            Some(minutes) if one.found.value >= 0.5 => format!("{:.0}", minutes.value),
            Some(_) | None => "–".to_owned(),
        };
        found.map(cell).collect::<Vec<_>>().join(", ")
    }
}

/// A share with as many digits as it is worth.
fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if share > 0.0 && share < 1.0 && !(10.0..=99.0).contains(&percent) {
        format!("{percent:.2}")
    } else {
        format!("{percent:.0}")
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (healthy, broken) = (self.healthy_trials, self.broken_trials);
        writeln!(
            f,
            "Mean minutes until errors of 0.2, 0.5, 1 and 2 % are found in place of {} %, at 100 requests a second over\n\
             {broken} releases; and the share of {healthy} healthy releases that are turned back, in per cent, at 10, 100 and\n\
             1,000 requests a second (those that rank minutes: {} releases). Seed {}, α = {} %.\n",
            self.healthy_rate * 100.0,
            broken.min(healthy),
            self.seed,
            self.alpha.get() * 100.0,
        )?;
        writeln!(f, "| method | from minute 0 | from minute 750 | healthy, turned back |")?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for method in Method::ALL {
            let (first, later) = (self.minutes(method, 0), self.minutes(method, 750));
            writeln!(f, "| {method} | {first} | {later} | {} |", self.shares(method, Weather::Calm))?;
        }
        let bound = |onset| {
            let of_one = |one: &&Detected| one.method == Method::AnyMinute && one.onset == onset;
            let minutes = self.detected.iter().filter(of_one).map(|one| format!("{:.1}", one.bound));
            minutes.collect::<Vec<_>>().join(", ")
        };
        writeln!(f, "| Wald's bound | {} | {} | |", bound(0), bound(750))?;

        writeln!(f, "\nThe same share where the errors of a healthy version are not so well-behaved:\n")?;
        writeln!(f, "| method | bursts of 5 | bursts of 20 | an incident a day | ±50 % over the day |")?;
        writeln!(f, "| --- | --- | --- | --- | --- |")?;
        let rough =
            [Weather::Bursts(5.0), Weather::Bursts(20.0), Weather::DailyIncident, Weather::DailyDrift];
        for method in Method::ALL {
            let cells = rough.map(|weather| self.shares(method, weather));
            writeln!(f, "| {method} | {} |", cells.join(" | "))?;
        }

        writeln!(f, "\nWith a look at each request and a start that is known (evidence, limit, fast):\n")?;
        writeln!(f, "| errors | Wald's bound, requests | mean, requests | times the bound |")?;
        writeln!(f, "| --- | --- | --- | --- |")?;
        for one in &self.at_each_request {
            let (percent, bound, mean) = (one.broken * 100.0, one.bound, one.requests.value);
            writeln!(f, "| {percent} % | {bound:.0} | {mean:.0} | {:.2} |", one.ratio())?;
        }
        Ok(())
    }
}
