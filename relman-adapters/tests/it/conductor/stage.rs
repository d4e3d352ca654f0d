use std::sync::Arc;

use relman_adapters::{
    SubmitError,
    clock::TokioClock,
    conductor::{Conductor, Limits},
    journal::MemoryJournal,
};
use relman_core::{
    event::Record,
    machine::{Action, Release},
    plan::Plan,
    policy::Policy,
    port::{
        Clock, ConductorId, Deployer, IncidentSource, Journal, JournalExt, Leases, MetricsSource, UserFlows,
    },
    unit::{ReleaseId, Timestamp},
};
use relman_testkit::{
    Team, sample,
    world::{RecordingNotifier, SimulatedPlatform, World},
};

/// A conductor on a journal, and the people who act.
pub(crate) struct Stage {
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) conductor: Conductor,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) platform: Arc<SimulatedPlatform>,
    pub(crate) notifier: Arc<RecordingNotifier>,
    pub(crate) team: Team,
}

pub(crate) fn start() -> Timestamp {
    sample::start()
}

/// A drill on the short track of the testkit's policy.
/// On a target of its own: one release at a time moves the traffic of each.
pub(crate) fn drill(id: &str) -> Arc<Plan> {
    let builder = || sample::builder(id, &["api"]).drill().track("drill".parse().unwrap());
    let mut scope = builder().build().unwrap().scope().clone();
    scope.target = Some(id.parse().unwrap());
    Arc::new(builder().scope(scope).build().unwrap())
}

impl Stage {
    /// Everything simulated, on a new journal.
    pub(crate) fn new(world: World) -> Self {
        Self::on(Arc::new(MemoryJournal::default()), world)
    }

    pub(crate) fn on(journal: Arc<dyn Journal>, world: World) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
        let platform = Arc::new(SimulatedPlatform::new(world, 1, clock.clone()));
        Self { platform: platform.clone(), ..Self::with(journal, platform.clone(), platform, clock) }
    }

    pub(crate) fn with(
        journal: Arc<dyn Journal>,
        deployer: Arc<dyn Deployer>,
        metrics: Arc<dyn MetricsSource>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self::asking(journal, deployer, metrics, clock, None, None)
    }

    /// One of several conductors on a journal and a platform.
    pub(crate) fn with_leases(
        journal: Arc<dyn Journal>,
        platform: Arc<SimulatedPlatform>,
        clock: Arc<dyn Clock>,
        leases: Arc<dyn Leases>,
        id: ConductorId,
    ) -> Self {
        let channel = |name: &str| name.parse().unwrap();
        let notifier = Arc::new(RecordingNotifier::serving([channel("releases"), channel("on-call")]));
        let team = Team::new();
        let mut limits = Limits::default();
        limits.watch_journal_every = None;
        let conductor = Conductor::builder()
            .journal(journal.clone())
            .deployer(platform.clone())
            .metrics(platform.clone())
            .notifier(notifier.clone())
            .directory(Arc::new(team.directory()))
            .clock(clock.clone())
            .limits(limits)
            .leases(leases)
            .known_as(id)
            .build()
            .unwrap();
        Self { journal, conductor, clock, platform, notifier, team }
    }

    /// The same with user flows that the conductor checks itself, and with a source of incidents.
    pub(crate) fn asking(
        journal: Arc<dyn Journal>,
        deployer: Arc<dyn Deployer>,
        metrics: Arc<dyn MetricsSource>,
        clock: Arc<dyn Clock>,
        user_flows: Option<Arc<dyn UserFlows>>,
        incidents: Option<Arc<dyn IncidentSource>>,
    ) -> Self {
        let channel = |name: &str| name.parse().unwrap();
        let notifier = Arc::new(RecordingNotifier::serving([channel("releases"), channel("on-call")]));
        let team = Team::new();
        let mut limits = Limits::default();
        limits.watch_journal_every = None;
        let mut builder = Conductor::builder()
            .journal(journal.clone())
            .deployer(deployer)
            .metrics(metrics)
            .notifier(notifier.clone())
            .directory(Arc::new(team.directory()))
            .clock(clock.clone())
            .limits(limits);
        if let Some(user_flows) = user_flows {
            builder = builder.user_flows(user_flows);
        }
        if let Some(incidents) = incidents {
            builder = builder.incidents(incidents);
        }
        let conductor = builder.build().unwrap();
        let platform = Arc::new(SimulatedPlatform::new(World::default(), 1, clock.clone()));
        Self { journal, conductor, clock, platform, notifier, team }
    }

    pub(crate) async fn plan(&self, plan: &Arc<Plan>, policy: &Arc<Policy>) {
        let action = Action::RecordPlan { plan: plan.clone(), policy: policy.clone() };
        self.conductor.command(plan.release(), &Team::actor("user:ana"), action).await.unwrap();
    }

    /// Conducts a release while the team does its part, until nobody has anything left to do.
    pub(crate) async fn play(&self, id: &ReleaseId) -> Release {
        let mut updates = self.conductor.updates();
        let ended = self.conductor.conduct(id).await.unwrap().wait();
        tokio::pin!(ended);
        let mut acted = 0;
        let mut release = loop {
            tokio::select! {
                biased;
                Ok(update) = updates.recv() => {
                    let seq = update.release.head().map_or(0, |head| head.seq);
                    if update.release.id() == id && seq >= acted && !update.release.phase().name().is_end() {
                        acted = self.act(&update.release).await.unwrap_or(acted);
                    }
                }
                ended = &mut ended => break Release::clone(&*ended.unwrap()),
            }
        };
        while let Some((by, action)) = self.team.next(&release, self.clock.now()).into_iter().next() {
            release = self.conductor.command(id, &by.actor, action).await.unwrap().0;
        }
        release
    }

    async fn act(&self, release: &Release) -> Option<u64> {
        let mut acted = None;
        for (by, action) in self.team.next(release, self.clock.now()) {
            match self.conductor.command(release.id(), &by.actor, action).await {
                Ok((release, _)) => acted = release.head().map(|head| head.seq),
                Err(SubmitError::Refused(_)) => {}
                Err(error) => panic!("the team's act is recorded or refused: {error}"),
            }
        }
        acted
    }

    pub(crate) async fn records(&self, id: &ReleaseId) -> Vec<Record> {
        let lines = self.journal.read_to_end(&id.into(), 0).await.unwrap();
        Release::replay_records(id.clone(), lines.iter().map(Vec::as_slice)).unwrap().1
    }
}
