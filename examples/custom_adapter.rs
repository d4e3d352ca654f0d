//! A deployer and a metrics source for a platform of the house, held to the suites of the testkit: the file to copy.
//! `cargo run -p relman-examples --example custom_adapter` prints the reports, `cargo test` tests each promise.

#![allow(clippy::unwrap_used, reason = "an example ends where it can't go on")]

use std::{collections::BTreeMap, ops::RangeInclusive, sync::Mutex};

use async_trait::async_trait;
use relman_core::judge::{Answer, Arm, Measurement, Observation};
use relman_core::port::{
    DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, MetricQuery, MetricsSource,
    PortError, PortErrorKind, Slot, Target, TrafficRequest,
};
use relman_core::unit::{MetricName, Span, Timestamp, TrafficShare, Window};
use relman_testkit::conformance::{self, Able, deployer::DeployerFixture, metrics};
use relman_testkit::{ready, sample::start};

/// The house's traffic API as its client sees it. Here it is in memory; yours calls a server.
#[derive(Default)]
struct TrafficApi {
    /// Blue is the first place, green the second; they change roles, so that `promote` has nothing to do.
    slots: BTreeMap<(Environment, Slot), String>,
    green_of_1000: u16,
    changes: u64,
    /// By version and minute: hits, and failures among them.
    rows: BTreeMap<(String, Timestamp), (u64, u64)>,
    down: bool,
}

struct House(Mutex<TrafficApi>);

impl House {
    fn new() -> Self {
        let row = |version: &str, row| ((version.to_owned(), start()), row);
        let rows = [row("2.41.0", (100, 2)), row("2.40.3", (900, 0))].into();
        Self(Mutex::new(TrafficApi { rows, ..TrafficApi::default() }))
    }

    /// One call, with its failures as relman knows them: what can't be reached is worth another try.
    fn call<T>(&self, what: &'static str, ask: impl FnOnce(&mut TrafficApi) -> T) -> Result<T, PortError> {
        let mut api = self.0.lock().unwrap();
        let down = || PortError::new("house", what, PortErrorKind::Unavailable, "the traffic API is down");
        if api.down { Err(down()) } else { Ok(ask(&mut api)) }
    }
}

#[async_trait]
impl Deployer for House {
    fn name(&self) -> &'static str {
        "house"
    }
    fn capabilities(&self) -> DeployerCapabilities {
        DeployerCapabilities::new().with_share_tolerance("0.1%".parse().unwrap())
    }
    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        let version = request.target.artifact.version.to_string();
        self.call("deploy", |api| {
            let before = api.slots.insert((request.environment, request.target.candidate()), version.clone());
            api.changes += u64::from(before != Some(version));
        })
    }
    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        let weight = request.share.basis_points() / 10; // Rounded down: never more than was asked.
        let green = if request.target.candidate() == Slot::Second { weight } else { 1000 - weight };
        self.call("set traffic", |api| {
            api.changes += u64::from(api.green_of_1000 != green);
            api.green_of_1000 = green;
        })
    }
    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        let green = self.call("observe", |api| api.green_of_1000)?;
        let weight = if target.candidate() == Slot::Second { green } else { 1000 - green };
        Ok(Deployment::at(TrafficShare::try_from(weight * 10).unwrap()))
    }
}

#[async_trait]
impl MetricsSource for House {
    fn name(&self) -> &'static str {
        "house"
    }
    fn knows(&self, metric: &MetricName) -> bool {
        metric.as_str() == "error_rate"
    }
    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let version = if arm == Arm::Canary { &query.canary_version } else { &query.baseline_version };
        let minutes = (version.clone(), window.from)..(version.clone(), window.until);
        let sum = |(hits, failures), (more, bad)| (hits + more, failures + bad);
        let rows = |api: &mut TrafficApi| api.rows.range(minutes).map(|(_, row)| *row).reduce(sum);
        let answer = match self.call("query", rows) {
            Err(error) => Answer::ProviderError { detail: error.to_string() },
            Ok(Some((requests, errors))) if self.knows(&query.metric) => {
                Answer::Value(Measurement::Counts { requests, errors })
            }
            // No row is not a row of zeros.
            Ok(_) => Answer::NoData { detail: format!("no row of {} for {version}", query.metric) },
        };
        Observation::new(query.metric.clone(), arm, window, "house", answer)
    }
}

#[async_trait]
impl DeployerFixture for House {
    fn deployer(&self) -> &dyn Deployer {
        self
    }
    async fn installed(&self, environment: Environment) -> Able<bool> {
        Ok(self.0.lock().unwrap().slots.contains_key(&(environment, Slot::Second)))
    }
    async fn changes(&self) -> Able<u64> {
        Ok(self.0.lock().unwrap().changes)
    }
    async fn cut_off(&self) -> Able<()> {
        self.0.lock().unwrap().down = true;
        Ok(())
    }
}

#[async_trait]
impl metrics::MetricsFixture for House {
    fn source(&self) -> &dyn MetricsSource {
        self
    }
    fn question(&self) -> metrics::MetricCase {
        let window = Window { from: start(), until: start() + Span::from_minutes(1) };
        metrics::MetricCase::about("error_rate".parse().unwrap(), Arm::Canary, window)
    }
    fn requests(&self, arm: Arm) -> Able<RangeInclusive<u64>> {
        Ok(if arm == Arm::Canary { 100..=100 } else { 900..=900 })
    }
    async fn empty(&self) -> Able<metrics::MetricCase> {
        let window = Window { from: start().minus(Span::from_hours(1)), until: start() };
        Ok(metrics::MetricCase { window, ..self.question() })
    }
    async fn zero(&self) -> Able<metrics::MetricCase> {
        Ok(metrics::MetricCase { arm: Arm::Baseline, ..self.question() })
    }
    async fn cut_off(&self) -> Able<()> {
        DeployerFixture::cut_off(self).await
    }
}

conformance::deployer! { #[tokio::test] mod deploys { House::new() } }
conformance::metrics! { #[tokio::test] mod measures { House::new() } }

fn main() {
    println!("{}\n", ready(conformance::deployer::suite(async || House::new())));
    println!("{}", ready(conformance::metrics::suite(async || House::new())));
}
