use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    event::{Event, Record},
    judge::{Arm, Observation},
    port::{
        Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, MetricQuery,
        MetricsSource, PortError, PortErrorKind, Target, TrafficRequest,
    },
    unit::{MetricName, ReleaseId, Timestamp, TrafficShare, Window},
};

use super::{Fate, World, metrics, metrics::Measured, traffic::TrafficHistory};

/// The name under which the platform appears in observations and errors.
const NAME: &str = "simulated";

/// A platform that routes simulated traffic, and the metrics of it, for any number of releases.
///
/// Time is what the clock shows. An observation is a function of the seed, the release, the metric, the arm, the
/// window and the traffic that was set over it: asking twice, or in another order, gives the same answer.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_core::{port::Clock, unit::Timestamp};
/// use relman_testkit::sim::{ManualClock, SimulatedPlatform, World};
///
/// let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-11-22T18:00:00.000Z".parse()?));
/// let platform = SimulatedPlatform::new(World::default(), 7, clock);
/// assert_eq!(platform.share(&"checkout-241".parse()?).basis_points(), 0);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
pub struct SimulatedPlatform {
    world: World,
    worlds: BTreeMap<ReleaseId, World>,
    seed: u64,
    clock: Arc<dyn Clock>,
    anchor: Option<Timestamp>,
    sites: Mutex<BTreeMap<ReleaseId, Site>>,
}

/// What is out there of one release.
#[derive(Debug, Clone, Default)]
struct Site {
    history: TrafficHistory,
    installed: BTreeSet<Environment>,
    /// When it was first exposed in production.
    anchor: Option<Timestamp>,
    drift: DriftState,
    deploys: usize,
    forward: usize,
    back: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum DriftState {
    #[default]
    Ahead,
    Over,
}

impl SimulatedPlatform {
    /// A platform on which nothing is installed.
    pub fn new(world: World, seed: u64, clock: Arc<dyn Clock>) -> Self {
        Self { world, worlds: BTreeMap::new(), seed, clock, anchor: None, sites: Mutex::default() }
    }

    /// The same platform with a world of its own for one release.
    #[must_use]
    pub fn with_world(mut self, release: ReleaseId, world: World) -> Self {
        self.worlds.insert(release, world);
        self
    }

    /// Times of the world are relative to this moment, for every release, and not to the first exposure.
    #[must_use]
    pub fn anchored_at(mut self, anchor: Timestamp) -> Self {
        self.anchor = Some(anchor);
        self
    }

    /// Takes a release up where a process that ended has left it: the share that it had, where it is installed and
    /// when it was first exposed.
    ///
    /// The deployer's faults are over for a release that was exposed before.
    #[must_use]
    pub fn resumed(
        self,
        release: ReleaseId,
        share: TrafficShare,
        installed: impl IntoIterator<Item = Environment>,
        anchor: Option<Timestamp>,
    ) -> Self {
        let changes = [(anchor.unwrap_or_else(|| self.clock.now()), share)];
        self.resume(release, changes, installed.into_iter().collect(), anchor)
    }

    /// Takes a release up where its records leave it, with the traffic as it was over its whole time.
    #[must_use]
    pub fn resumed_from(self, records: &[Record]) -> Self {
        let Some(first) = records.first() else {
            return self;
        };
        let mut changes = Vec::new();
        let mut installed = BTreeSet::new();
        for record in records {
            match &record.event {
                Event::TrafficSet(set) => changes.push((record.at, set.share)),
                Event::TrafficDrifted(drifted) => changes.push((record.at, drifted.observed)),
                Event::Deployed(deployed) => {
                    installed.insert(deployed.environment);
                }
                _ => {}
            }
        }
        let exposed = changes.iter().find(|(_, share)| *share > TrafficShare::ZERO);
        let anchor = exposed.map(|(at, _)| *at);
        self.resume(first.release.clone(), changes, installed, anchor)
    }

    fn resume(
        self,
        release: ReleaseId,
        changes: impl IntoIterator<Item = (Timestamp, TrafficShare)>,
        installed: BTreeSet<Environment>,
        anchor: Option<Timestamp>,
    ) -> Self {
        let mut site = Site { installed, anchor, ..Site::default() };
        for (at, share) in changes {
            site.history.set(at, share);
        }
        let world = self.world_of(&release);
        if let Some(anchor) = self.anchor.or(anchor) {
            let faults = &world.deployer;
            (site.deploys, site.forward, site.back) =
                (faults.deploys.len(), faults.forward.len(), faults.back.len());
            if faults.drift.is_some_and(|drift| anchor + drift.after <= self.clock.now()) {
                site.drift = DriftState::Over;
            }
        }
        self.sites().insert(release, site);
        self
    }

    /// The share of the traffic that a release really has.
    pub fn share(&self, release: &ReleaseId) -> TrafficShare {
        self.with_site(release, |site, _| site.history.share())
    }

    /// When a release was first exposed in production, if it was.
    pub fn first_exposure(&self, release: &ReleaseId) -> Option<Timestamp> {
        self.with_site(release, |site, _| site.anchor)
    }

    /// Where a release is installed.
    pub fn installed(&self, release: &ReleaseId) -> BTreeSet<Environment> {
        self.with_site(release, |site, _| site.installed.clone())
    }

    /// When users complained about what a release did to them over a window: each moment is after its end. Asking
    /// twice gives the same answer.
    pub fn complaints(&self, release: &ReleaseId, window: Window) -> Vec<Timestamp> {
        self.with_site(release, |site, _| self.measured(release, site).complaints(release, window))
    }

    fn measured<'a>(&'a self, release: &ReleaseId, site: &'a Site) -> Measured<'a> {
        let (world, anchor) = (self.world_of(release), self.anchor.or(site.anchor));
        Measured { world, seed: self.seed, history: &site.history, anchor }
    }

    fn world_of(&self, release: &ReleaseId) -> &World {
        self.worlds.get(release).unwrap_or(&self.world)
    }

    fn sites(&self) -> MutexGuard<'_, BTreeMap<ReleaseId, Site>> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is out there of a release now.
    fn with_site<T>(&self, release: &ReleaseId, act: impl FnOnce(&mut Site, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut sites = self.sites();
        let site = sites.entry(release.clone()).or_default();
        site.drift(self.world_of(release), self.anchor, now);
        act(site, now)
    }
}

impl Site {
    /// Lets the world's drift happen once its time has come.
    fn drift(&mut self, world: &World, anchor: Option<Timestamp>, now: Timestamp) {
        let (Some(drift), Some(anchor), DriftState::Ahead) =
            (world.deployer.drift, anchor.or(self.anchor), self.drift)
        else {
            return;
        };
        let at = anchor + drift.after;
        if at <= now {
            self.drift = DriftState::Over;
            if self.history.share() > TrafficShare::ZERO {
                self.history.set(at, drift.to);
            }
        }
    }

    fn route(&mut self, share: TrafficShare, now: Timestamp) {
        if share > TrafficShare::ZERO && self.anchor.is_none() {
            self.anchor = Some(now);
        }
        self.history.set(now, share);
    }
}

/// The fate of the next call of a kind.
fn next_fate(fates: &[Fate], calls: &mut usize) -> Fate {
    let fate = fates.get(*calls).copied().unwrap_or(Fate::Done);
    *calls += 1;
    fate
}

/// Carries out a call, or not, as its fate has it.
fn suffer(fate: Fate, operation: &'static str, act: impl FnOnce()) -> Result<(), PortError> {
    let (kind, detail) = match fate {
        Fate::Done => {
            act();
            return Ok(());
        }
        Fate::AnswerLost => {
            act();
            (PortErrorKind::TimedOut, "the answer was lost")
        }
        Fate::Unavailable => (PortErrorKind::Unavailable, "the platform is busy"),
        Fate::Rejected => (PortErrorKind::Rejected, "the platform's configuration forbids it"),
    };
    Err(PortError::new(NAME, operation, kind, detail))
}

#[async_trait]
impl Deployer for SimulatedPlatform {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> DeployerCapabilities {
        DeployerCapabilities { share_tolerance: TrafficShare::ZERO }
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        let release = &request.target.release;
        self.with_site(release, |site, _| {
            let fate = next_fate(&self.world_of(release).deployer.deploys, &mut site.deploys);
            suffer(fate, "deploy", || {
                site.installed.insert(request.environment);
            })
        })
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        const OPERATION: &str = "set traffic";
        let (release, share) = (&request.target.release, request.share);
        self.with_site(release, |site, now| {
            let faults = &self.world_of(release).deployer;
            let fate = if share == TrafficShare::ZERO {
                next_fate(&faults.back, &mut site.back)
            } else {
                next_fate(&faults.forward, &mut site.forward)
            };
            if share > TrafficShare::ZERO && !site.installed.contains(&Environment::Production) {
                let detail = format!("{} is not installed in production", request.target.artifact);
                return Err(PortError::new(NAME, OPERATION, PortErrorKind::Rejected, detail));
            }
            suffer(fate, OPERATION, || site.route(share, now))
        })
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        Ok(self.with_site(&target.release, |site, _| {
            let canary_share = site.history.share();
            let rest = TrafficShare::try_from(canary_share.distance(TrafficShare::FULL))
                .expect("what is left of all of the traffic is a share");
            let detail = format!(
                "{} has {canary_share}, {} has {rest}",
                target.artifact.version, target.baseline_version
            );
            Deployment { canary_share, detail }
        }))
    }
}

#[async_trait]
impl MetricsSource for SimulatedPlatform {
    fn name(&self) -> &'static str {
        NAME
    }

    /// `error_rate`, `log_errors` and every quantile of the latency, such as `latency_p99`.
    fn knows(&self, metric: &MetricName) -> bool {
        metrics::knows(metric)
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let release = &query.release;
        let answer =
            self.with_site(release, |site, _| self.measured(release, site).answer(query, arm, window));
        Observation { metric: query.metric.clone(), arm, window, source: NAME.to_owned(), answer }
    }
}

impl fmt::Debug for SimulatedPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedPlatform")
            .field("seed", &self.seed)
            .field("world", &self.world)
            .field("sites", &*self.sites())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "platform_tests.rs"]
mod tests;
