use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::Hasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    event::{Event, Record},
    judge::{Answer, Arm, Observation},
    port::{
        Clock, DeployRequest, Deployer, DeployerCapabilities, Deployment, Environment, MetricQuery,
        MetricsSource, PortError, PromoteRequest, Promotion, Slot, Target, TrafficRequest,
    },
    unit::{MetricName, ReleaseId, Span, TargetName, Timestamp, TrafficShare, Window},
};

use super::{
    Happening, What, World,
    ground::{Ground, candidate},
    metrics,
    metrics::Measured,
    site::{Deed, NAME, Origin, Site, in_place, lateness, twice},
};
use crate::world::fault::{MetricsFate, PlatformFate, Schedule, When};

/// A platform that routes simulated traffic, and the metrics of it, for any number of releases.
///
/// The releases of one service share its two places: what one installs, another may replace, and what one is given, another loses. A
/// promotion swaps their roles, or replaces the stable version ([`with_promotion`](Self::with_promotion)).
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
/// use relman_testkit::world::{ManualClock, SimulatedPlatform, World};
///
/// let clock: Arc<dyn Clock> = Arc::new(ManualClock::at("2026-11-22T18:00:00.000Z".parse()?));
/// let platform = SimulatedPlatform::new(World::default(), 7, clock);
/// assert_eq!(platform.share(&"checkout-241".parse()?).basis_points(), 0);
/// # Ok::<(), relman_core::unit::UnitError>(())
/// ```
pub struct SimulatedPlatform {
    world: Arc<World>,
    worlds: Arc<BTreeMap<ReleaseId, World>>,
    seed: u64,
    clock: Arc<dyn Clock>,
    origin: Origin,
    promotion: Promotion,
    sites: Mutex<Sites>,
}

/// What is out there of every release and service.
#[derive(Debug, Clone, Default)]
struct Sites {
    releases: BTreeMap<ReleaseId, Site>,
    services: BTreeMap<TargetName, Ground>,
    /// Where each release's version belongs, once the deployer was asked about it.
    places: BTreeMap<ReleaseId, (TargetName, Slot)>,
}

impl Sites {
    /// Learns which place of which service is a release's.
    fn learn(&mut self, promotion: Promotion, target: &Target) -> Slot {
        let slot = candidate(promotion, target);
        let ground = self.services.entry(target.name.clone()).or_default();
        let place = (target.name.clone(), slot);
        let is_new = self.places.insert(target.release.clone(), place).is_none();
        let site = self.releases.entry(target.release.clone()).or_default();
        if is_new && site.lives {
            // It was taken up where another process has left it.
            let version = Some(target.artifact.version.as_str());
            ground.move_in(slot, &target.release, version);
            ground.give(slot, site.history.share());
        }
        slot
    }

    /// Lets the other releases of the service know what was done to the places of one.
    fn settle(&mut self, release: &ReleaseId, version: Option<&str>) {
        let Some((service, slot)) = self.places.get(release).cloned() else { return };
        let ground = self.services.entry(service).or_default();
        let done = self.releases.get_mut(release).map(|site| std::mem::take(&mut site.done));
        for deed in done.unwrap_or_default() {
            let before: Vec<ReleaseId> = ground.releases().cloned().collect();
            let at = match deed {
                Deed::Given(at, share) => {
                    ground.give(slot, share);
                    at
                }
                Deed::MovedIn(at) => {
                    ground.move_in(slot, release, version);
                    at
                }
                Deed::Promoted(at, share) => {
                    ground.move_in(Slot::First, release, version);
                    ground.give(Slot::First, share);
                    if share == TrafficShare::FULL {
                        ground.clear(Slot::Second);
                    }
                    at
                }
            };
            for concerned in before.iter().chain([release]) {
                if let Some(site) = self.releases.get_mut(concerned) {
                    site.follow(ground.users_of(concerned), at);
                }
            }
        }
    }
}

impl SimulatedPlatform {
    /// A platform on which nothing is installed.
    pub fn new(world: World, seed: u64, clock: Arc<dyn Clock>) -> Self {
        let origin = Origin { start: clock.now(), anchor: None };
        let (world, worlds) = (Arc::new(world), Arc::default());
        let (promotion, sites) = (Promotion::Swap, Mutex::default());
        Self { world, worlds, seed, clock, origin, promotion, sites }
    }

    /// The same platform with what becomes of its places when a release has passed.
    #[must_use]
    pub fn with_promotion(mut self, promotion: Promotion) -> Self {
        self.promotion = promotion;
        self
    }

    /// The same platform with a world of its own for one release.
    #[must_use]
    pub fn with_world(mut self, release: ReleaseId, world: World) -> Self {
        Arc::make_mut(&mut self.worlds).insert(release, world);
        self
    }

    /// Times of the world are relative to this moment, for every release, and not to the first exposure.
    #[must_use]
    pub fn anchored_at(mut self, anchor: Timestamp) -> Self {
        self.origin.anchor = Some(anchor);
        self
    }

    /// The same platform once more, as it is now, with another clock: what happens to the one does not happen to the
    /// other.
    #[must_use]
    pub(crate) fn fork(&self, clock: Arc<dyn Clock>) -> Self {
        Self {
            world: self.world.clone(),
            worlds: self.worlds.clone(),
            seed: self.seed,
            clock,
            origin: self.origin,
            promotion: self.promotion,
            sites: Mutex::new(self.sites().clone()),
        }
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
        let mut site = Site::default();
        site.lives = installed.contains(&Environment::Production);
        (site.installed, site.anchor) = (installed, anchor);
        for (at, share) in changes {
            site.restore(at, share);
        }
        if self.origin.anchor.or(anchor).is_some() {
            site.skip(&self.world_of(&release).faults, self.origin, self.clock.now());
        }
        self.sites().releases.insert(release, site);
        self
    }

    /// The share of the traffic that a release has, whoever set it.
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

    /// What happened to a release so far, in order.
    pub fn happened(&self, release: &ReleaseId) -> Vec<Happening> {
        self.with_site(release, |site, _| site.log.clone())
    }

    /// Notes how many records a release has from now on, so that what happens next is known to come after them.
    pub fn recorded(&self, release: &ReleaseId, records: u64) {
        self.with_site(release, |site, _| site.records = site.records.max(records));
    }

    /// Notes something that happened to a release elsewhere: a call to another port, a crash.
    pub fn note(&self, release: &ReleaseId, what: What) {
        self.with_site(release, |site, now| site.note(now, what));
    }

    /// A moment of a release's schedule of failures, once it is known when that is.
    pub fn moment(&self, release: &ReleaseId, when: When) -> Option<Timestamp> {
        self.with_site(release, |site, _| site.moment(self.origin, when))
    }

    /// What is wrong with the platform itself for a release at a moment.
    pub fn platform_fate(&self, release: &ReleaseId, at: Timestamp) -> Option<PlatformFate> {
        self.with_site(release, |site, _| site.platform_fate(self.faults(release), self.origin, at))
    }

    /// What goes wrong for a release.
    pub fn faults(&self, release: &ReleaseId) -> &Schedule {
        &self.world_of(release).faults
    }

    /// How long the answer to the last change of a release takes; none where it never comes. The answer itself is there
    /// at once: whoever asks under virtual time lets this much of it pass.
    pub fn answer_delay(&self, release: &ReleaseId) -> Option<Span> {
        self.with_site(release, |site, _| site.delay)
    }

    /// When the next change of a release arrives that is under way.
    pub fn next_arrival(&self, release: &ReleaseId) -> Option<Timestamp> {
        self.with_site(release, |site, _| site.next_arrival())
    }

    /// How long the answer to a question about a metric takes. The answer itself is there at once: whoever asks
    /// under virtual time lets this much of it pass.
    pub fn answers_after(&self, release: &ReleaseId, metric: &MetricName, window: Window) -> Span {
        self.with_site(release, |site, _| {
            lateness(site.metrics_fates(self.faults(release), self.origin, metric, window)).1
        })
    }

    /// Hands what makes a release's future, and nothing of its past, to a hasher.
    pub(crate) fn hash_future(&self, release: &ReleaseId, hasher: &mut impl Hasher) {
        self.with_site(release, |site, _| site.hash_future(self.faults(release), hasher));
        let sites = self.sites();
        if let Some((service, _)) = sites.places.get(release)
            && let Some(ground) = sites.services.get(service)
        {
            ground.hash_future(hasher);
        }
    }

    /// The share of the users that was pinned to a release's version at a moment, whatever the weights said.
    pub fn pinned_at(&self, release: &ReleaseId, at: Timestamp) -> Option<TrafficShare> {
        self.with_site(release, |site, _| site.pinned_at(at))
    }

    /// Does something with what happened to a release so far.
    pub(crate) fn with_happened<T>(&self, release: &ReleaseId, look: impl FnOnce(&[Happening]) -> T) -> T {
        self.with_site(release, |site, _| look(&site.log))
    }

    fn measured<'a>(&'a self, release: &ReleaseId, site: &'a Site) -> Measured<'a> {
        let (world, anchor) = (self.world_of(release), self.origin.anchor.or(site.anchor));
        let history = site.effective(&world.faults, self.origin);
        Measured { world, seed: self.seed, history, anchor }
    }

    fn world_of(&self, release: &ReleaseId) -> &World {
        self.worlds.get(release).unwrap_or(&self.world)
    }

    fn sites(&self) -> MutexGuard<'_, Sites> {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with what is out there of a release now.
    fn with_site<T>(&self, release: &ReleaseId, act: impl FnOnce(&mut Site, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let mut sites = self.sites();
        self.pass_time(&mut sites, release, now);
        act(sites.releases.entry(release.clone()).or_default(), now)
    }

    /// Lets what is under way for a release happen.
    fn pass_time(&self, sites: &mut Sites, release: &ReleaseId, now: Timestamp) {
        let faults = &self.world_of(release).faults;
        let site = sites.releases.entry(release.clone()).or_default();
        site.drift(faults, self.origin, now);
        site.arrive(faults, now);
        sites.settle(release, None);
    }

    /// Does something with a release's place, of which all releases of its service know afterwards. It is handed the share of the traffic
    /// that the place has.
    fn with_place<T>(
        &self,
        target: &Target,
        act: impl FnOnce(&mut Site, &Ground, TrafficShare, Timestamp) -> T,
    ) -> T {
        let now = self.clock.now();
        let mut sites = self.sites();
        let slot = sites.learn(self.promotion, target);
        let of_service = sites.places.iter().filter(|(_, (service, _))| *service == target.name);
        let releases: Vec<ReleaseId> = of_service.map(|(release, _)| release.clone()).collect();
        for release in &releases {
            self.pass_time(&mut sites, release, now);
        }
        let ground = sites.services.entry(target.name.clone()).or_default().clone();
        let site = sites.releases.entry(target.release.clone()).or_default();
        let result = act(site, &ground, ground.share(slot), now);
        sites.settle(&target.release, Some(target.artifact.version.as_str()));
        result
    }
}

#[async_trait]
impl Deployer for SimulatedPlatform {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> DeployerCapabilities {
        DeployerCapabilities::new().with_promotion(self.promotion)
    }

    async fn deploy(&self, request: &DeployRequest) -> Result<(), PortError> {
        let (target, environment, key) = (&request.target, request.environment, &request.key);
        self.with_place(target, |site, _, there, now| {
            site.install(self.faults(&target.release), self.origin, environment, there, key, now)
        })
    }

    async fn set_traffic(&self, request: &TrafficRequest) -> Result<(), PortError> {
        let TrafficRequest { target, share, cut, key, .. } = request;
        self.with_place(target, |site, _, _, now| {
            site.route(self.faults(&target.release), (*share, *cut), key, now)
        })
    }

    async fn promote(&self, request: &PromoteRequest) -> Result<(), PortError> {
        let target = &request.target;
        if self.promotion == Promotion::Swap {
            return Ok(());
        }
        self.with_place(target, |site, _, there, now| {
            site.promote(self.faults(&target.release), there, &request.key, now)
        })
    }

    async fn observe(&self, target: &Target) -> Result<Deployment, PortError> {
        let slot = candidate(self.promotion, target);
        self.with_place(target, |site, ground, there, now| {
            let mut shown = site.show(self.faults(&target.release), self.origin, there, now)?;
            shown.canary.version = ground.version(slot).map(str::to_owned);
            shown.baseline.version = ground.version(slot.other()).map(str::to_owned);
            let (version, before) = (&target.artifact.version, &target.baseline_version);
            let canary_share = shown.canary_share;
            let detail = format!("{version} has {canary_share}, {before} has {}", canary_share.rest());
            Ok(shown.with_detail(detail))
        })
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
        let (answer, window) = self.with_site(release, |site, now| {
            let fates: Vec<(MetricsFate, Timestamp)> =
                site.metrics_fates(self.faults(release), self.origin, &query.metric, window).collect();
            if let Some(missing) = fates.iter().find_map(|(fate, since)| in_place(*fate, *since)) {
                return (missing, window);
            }
            let (back, _) = lateness(fates.iter().copied());
            let covered = Window { from: window.from.minus(back), until: window.until.minus(back).min(now) };
            if covered.from >= covered.until {
                return (
                    Answer::NoData { detail: "there are no samples of that time yet".to_owned() },
                    window,
                );
            }
            let answer = self.measured(release, site).answer(query, arm, covered);
            let counted_twice = fates.iter().any(|(fate, _)| *fate == MetricsFate::Twice);
            (if counted_twice { twice(answer) } else { answer }, covered)
        });
        Observation::new(query.metric.clone(), arm, window, NAME, answer)
    }
}

impl fmt::Debug for SimulatedPlatform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimulatedPlatform")
            .field("seed", &self.seed)
            .field("world", &self.world)
            .field("sites", &self.sites().releases)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "platform_tests.rs"]
mod tests;
