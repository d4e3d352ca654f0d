use std::{path::PathBuf, sync::Arc, time::Duration};

use relman_adapters::{
    Releases, SubmitError,
    clock::TokioClock,
    conductor::{Conductor, Limits},
    journal::SqliteJournal,
};
use relman_core::{
    machine::{Action, Phase, PhaseName, Release},
    port::{Clock, Journal, JournalExt, with_causes},
    unit::{ReleaseId, Span},
};
use relman_testkit::{
    Crowd, Diligence, Ending, Invariants, Run, Team, sample,
    world::{
        SimulatedPlatform, World,
        fault::{Clocks, Fault},
    },
};

use super::ports::{Faulty, Shared};

/// How long a release may take before it is given up.
const LONGEST: Duration = Duration::from_hours(24 * 3);

/// How often people look at a release.
const PEOPLE_LOOK_EVERY: Duration = Duration::from_secs(5);

/// One release in a world in which things go wrong, with as many conductors as the schedule says.
struct Stage {
    shared: Arc<Shared>,
    path: PathBuf,
    directory: tempfile::TempDir,
}

/// Conducts a drill in a world to its end and holds it against every invariant, over records and over what really
/// happened.
pub(crate) async fn play(world: World) -> Run {
    let directory = tempfile::tempdir().unwrap();
    let clock = Arc::new(TokioClock::starting_at(sample::start()));
    let id: ReleaseId = sample::drill_plan().release().clone();
    let faults = world.faults.clone();
    let platform = Arc::new(SimulatedPlatform::new(world, 1, clock.clone()));
    let shared = Arc::new(Shared::new(id, platform, faults, clock));
    let stage = Stage { shared, path: directory.path().join("journal.relman"), directory };
    let two = stage.shared.faults.faults.contains(&Fault::SecondConductor {});
    let all = async {
        let second = async {
            if two {
                stage.conduct().await;
            }
        };
        let ((), (), release) = tokio::join!(stage.conduct(), second, stage.people());
        release
    };
    let (release, ending) = match tokio::time::timeout(LONGEST, all).await {
        Ok(release) => (release, Ending::Closed),
        Err(_) => (stage.releases().load(&stage.shared.id).await.unwrap(), Ending::OutOfTime),
    };
    let run = stage.run(release, ending).await;
    if let Err(violation) = Invariants::check_run(&run) {
        let happened: Vec<String> = run.happened.iter().map(ToString::to_string).collect();
        panic!("{violation}\n{}\n{}", run.faults, happened.join("\n"));
    }
    if let Err(error) = Invariants::derive(&run.records) {
        panic!("record {:?}: {}\n{}", error.seq(), with_causes(&error), run.faults);
    }
    run
}

impl Stage {
    /// A connection of one's own to the one file.
    fn process(&self, whose: Clocks) -> Faulty {
        Faulty::new(self.shared.clone(), SqliteJournal::open(&self.path).unwrap(), whose)
    }

    fn releases(&self) -> Releases {
        let process = Arc::new(self.process(Clocks::People));
        Releases::new(process.clone(), Arc::new(Team::new().directory()), process)
    }

    /// One conductor after another: when the process ends, or stops because it can't append, a new one is started.
    async fn conduct(&self) {
        loop {
            let process = Arc::new(self.process(Clocks::Conductors));
            let mut limits = Limits::default();
            limits.watch_journal_every = Some(Duration::from_secs(1));
            let conductor = Conductor::builder()
                .journal(process.clone())
                .deployer(process.clone())
                .metrics(process.clone())
                .notifier(process.clone())
                .directory(Arc::new(Team::new().directory()))
                .clock(process.clone())
                .limits(limits)
                .build()
                .unwrap();
            let away = tokio::select! {
                biased;
                away = process.gone() => {
                    conductor.kill().await;
                    away
                }
                () = self.conduct_with(&conductor) => return,
                error = conductor.follow_journal() => panic!("the journal can be listed: {error:?}"),
            };
            tokio::time::sleep(away.to_std()).await;
        }
    }

    /// Conducts until the release is closed.
    async fn conduct_with(&self, conductor: &Conductor) {
        loop {
            let ending = conductor.conduct(&self.shared.id).await;
            let ending = ending.unwrap_or_else(|error| panic!("the release can be conducted: {error}"));
            let release = ending.wait().await.unwrap_or_else(|stopped| panic!("it is driven: {stopped}"));
            if release.phase().name() == PhaseName::Closed {
                return;
            }
            // People close it.
            tokio::time::sleep(PEOPLE_LOOK_EVERY).await;
        }
    }

    /// People with a command line: each act is a process of its own.
    async fn people(&self) -> Release {
        let (shared, releases) = (&self.shared, self.releases());
        let mut crowd = Crowd::new(Team::new(), Arc::new(shared.faults.clone()));
        let mut release = releases.load(&shared.id).await.unwrap();
        loop {
            releases.refresh(&mut release).await.unwrap();
            match release.phase() {
                Phase::Closed(_) => return release,
                Phase::Unplanned => {
                    let (plan, policy) = (sample::drill_plan(), sample::brief_policy());
                    self.act("user:ana", Action::RecordPlan { plan, policy }).await;
                }
                _ => {
                    let seen = releases.clock().now();
                    for (by, action) in crowd.act(&release, seen, shared.clock.now()) {
                        self.act(&by.actor.to_string(), action).await;
                    }
                }
            }
            tokio::time::sleep(PEOPLE_LOOK_EVERY).await;
        }
    }

    async fn act(&self, by: &str, action: Action) {
        let process = Arc::new(self.process(Clocks::People));
        let releases = Releases::new(process.clone(), Arc::new(Team::new().directory()), process.clone());
        let by = Team::actor(by);
        let command = releases.command(&self.shared.id, &by, action);
        tokio::select! {
            biased;
            _ = process.gone() => {}
            done = command => match done {
                Ok(_) | Err(SubmitError::Refused(_) | SubmitError::Append(_)) => {}
                Err(error) => panic!("an act is recorded, refused or lost: {error}"),
            },
        }
    }

    async fn run(self, mut release: Release, ending: Ending) -> Run {
        // Messages that were under way have outcomes, too.
        self.releases().refresh(&mut release).await.unwrap();
        let journal = SqliteJournal::open_read_only(&self.path).unwrap();
        let lines = journal.read_to_end(&release.id().into(), 0).await.unwrap();
        assert_eq!(journal.head(&release.id().into()).await.unwrap(), release.head());
        self.directory.close().unwrap();
        let happened = self.shared.platform.happened(release.id());
        Run {
            records: Release::replay_records(release.id().clone(), lines.iter().map(Vec::as_slice))
                .unwrap()
                .1,
            lines,
            sent: self.shared.notifier.sent(),
            refused: Vec::new(),
            loose_ends: Vec::new(),
            ended_at: self.shared.clock.now(),
            happened,
            faults: self.shared.faults.clone(),
            diligence: Diligence::DoTheirPart,
            platform: self.shared.platform.clone(),
            release,
            ending,
        }
    }
}

/// A world with so few errors that chance breaches nothing.
pub(crate) fn calm(fault: Fault) -> World {
    World::calm().with(fault)
}

pub(crate) fn minutes(minutes: u64) -> Span {
    Span::from_minutes(minutes)
}
