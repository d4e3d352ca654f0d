//! `demo`: a whole release on a simulated platform, under a virtual clock.
//!
//! The conductor, the journal and every rule are the real ones; the platform, its traffic, the people and the time are
//! simulated. A demo that was ended half-way goes on where its record ends.

use std::{path::Path, sync::Arc};

use relman_adapters::{
    SubmitError,
    clock::{SystemClock, TokioClock},
    conductor::{Conductor, Limits, Update},
    notifier::{Channels, LogNotifier},
};
use relman_core::{
    machine::{Action, Phase, Release},
    plan::Plan,
    policy::Policy,
    port::{Clock, Journal},
    report::{History, RollbackLog, Schedule},
    unit::{ReleaseId, Timestamp},
};
use relman_testkit::{Team, world::SimulatedPlatform};
use tokio::sync::broadcast::error::RecvError;

use super::{outcome::Outcome, progress::Progress};
use crate::{
    cli::{Demo, Global, Scenario},
    failure::Failure,
    output, store,
};

/// Shows a release from plan to close.
///
/// # Errors
///
/// [`Failure`] where the journal can't be used; whatever becomes of the release is no failure of the demo.
pub(crate) fn run(global: &Global, demo: &Demo) -> Result<(), Failure> {
    // Paused: whenever nothing is left to do, time goes to the next deadline at once.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .map_err(|error| Failure::refused(format_args!("failed to start the runtime: {error}")))?;
    runtime.block_on(play(global, demo))
}

async fn play(global: &Global, demo: &Demo) -> Result<(), Failure> {
    let path = store::path(global);
    let journal = store::open_or_create(&path)?;
    let id = release_of(journal.as_ref(), demo.scenario).await?;
    let stage = Stage::set(journal, &id, demo).await?;
    let progress = if global.json { Progress::silent() } else { Progress::of_demo() };
    if !global.json {
        output::line(format_args!(
            "{id}: {}\nAn ordinary release of the standard track; the clock, the traffic and the people are simulated.\n",
            demo.scenario.scenario().story()
        ))?;
    }
    let release = stage.perform(&progress).await?;
    progress.finish();
    conclude(global, &stage, &path, &release).await
}

/// The release of the demo: the one that was not closed yet, or the next one.
async fn release_of(journal: &dyn Journal, scenario: Scenario) -> Result<ReleaseId, Failure> {
    let name = format!("demo-{}", scenario.scenario());
    for number in 1_u32.. {
        let id = if number == 1 { name.clone() } else { format!("{name}-{number}") };
        let id: ReleaseId = id.parse().expect("the demo's names are valid ids");
        match store::tell(journal, &id).await? {
            Some(told) if matches!(told.release.phase(), Phase::Closed(_)) => {}
            Some(_) | None => return Ok(id),
        }
    }
    unreachable!("a journal does not hold four thousand million demos")
}

/// Everything that a demo needs.
struct Stage {
    id: ReleaseId,
    journal: Arc<dyn Journal>,
    conductor: Conductor,
    clock: Arc<TokioClock>,
    team: Team,
    plan: Arc<Plan>,
    scenario: Scenario,
}

impl Stage {
    async fn set(journal: Arc<dyn Journal>, id: &ReleaseId, demo: &Demo) -> Result<Self, Failure> {
        let told = store::tell(journal.as_ref(), id).await?;
        let epoch = told.as_ref().map_or_else(|| SystemClock.now(), |told| told.release.last_at());
        let clock = Arc::new(TokioClock::starting_at(epoch));
        let platform = SimulatedPlatform::new(demo.scenario.scenario().world(), demo.seed, clock.clone());
        let platform = Arc::new(match &told {
            Some(told) => platform.resumed_from(&told.records),
            None => platform,
        });
        let team = demo.scenario.scenario().team();
        let channel = |name: &str| name.parse().expect("the demo's channels have valid names");
        let notifier = Channels::default()
            .with(channel("releases"), Arc::new(LogNotifier))
            .with(channel("on-call"), Arc::new(LogNotifier));
        let mut limits = Limits::default();
        // Nobody else writes this release, and under a virtual clock watching would fill the time.
        limits.watch_journal_every = None;
        let conductor = Conductor::builder()
            .journal(journal.clone())
            .deployer(platform.clone())
            .metrics(platform)
            .notifier(Arc::new(notifier))
            .directory(Arc::new(team.directory()))
            .clock(clock.clone())
            .limits(limits)
            .build()
            .map_err(Failure::because)?;
        let (id, scenario) = (id.clone(), demo.scenario);
        let plan = scenario.scenario().plan(id.as_str());
        Ok(Self { id, journal, conductor, clock, team, plan, scenario })
    }

    /// Conducts the release and lets the team act, until nobody has anything left to do.
    async fn perform(&self, progress: &Progress) -> Result<Release, Failure> {
        let mut updates = self.conductor.updates();
        let release = self.conductor.releases().load(&self.id).await.map_err(Failure::because)?;
        if *release.phase() == Phase::Unplanned {
            let (plan, policy) = (self.plan.clone(), Arc::new(Policy::shipped()));
            self.act("user:ana", Action::RecordPlan { plan, policy }, progress).await?;
            // What people try under pressure, and what they are told.
            self.try_in_vain("user:ana", Action::ApprovePlan, progress).await?;
        } else {
            progress
                .say(&format!("going on where record {} left it", release.head().map_or(0, |head| head.seq)));
        }
        let ending = self.conductor.conduct(&self.id).await.map_err(Failure::because)?;
        let ended = ending.wait();
        tokio::pin!(ended);
        let mut acted = 0;
        let mut release = loop {
            tokio::select! {
                biased;
                update = updates.recv() => match update {
                    Ok(update) => self.follow(&update, &mut acted, progress).await?,
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => {}
                },
                ended = &mut ended => break Release::clone(&*ended.map_err(Failure::because)?),
            }
        };
        let owes = release.owed_post_mortems().next().is_some();
        if self.scenario == Scenario::Override && *release.phase() == Phase::Completed && owes {
            self.try_in_vain("user:ana", Action::Close, progress).await?;
        }
        loop {
            let acts = self.team.next(&release, self.clock.now());
            let Some((by, action)) = acts.into_iter().next() else {
                return Ok(release);
            };
            release = self.act(&by.actor.to_string(), action, progress).await?;
        }
    }

    /// Shows what has changed, and lets the team act upon it.
    async fn follow(&self, update: &Update, acted: &mut u64, progress: &Progress) -> Result<(), Failure> {
        progress.show(update);
        let seq = update.release.head().map_or(0, |head| head.seq);
        // What was seen before the last act is old news.
        if seq < *acted || update.release.phase().name().is_end() {
            return Ok(());
        }
        for (by, action) in self.team.next(&update.release, self.clock.now()) {
            match self.conductor.command(&self.id, &by.actor, action).await {
                Ok((release, _)) => *acted = release.head().map_or(0, |head| head.seq),
                Err(SubmitError::Refused(refusal)) => progress.say(&format!("refused: {refusal}")),
                Err(error) => return Err(Failure::because(error)),
            }
        }
        Ok(())
    }

    /// One act of the team, before or after the release is conducted.
    async fn act(&self, by: &str, action: Action, progress: &Progress) -> Result<Release, Failure> {
        let done = self.conductor.command(&self.id, &Team::actor(by), action).await;
        let (release, records) = done.map_err(Failure::because)?;
        let records: Vec<_> = records.into_iter().map(Arc::new).collect();
        progress.show(&Update::new(Arc::new(release.clone()), records.into()));
        Ok(release)
    }

    /// Something that is refused, to show how.
    async fn try_in_vain(&self, by: &str, action: Action, progress: &Progress) -> Result<(), Failure> {
        match self.conductor.command(&self.id, &Team::actor(by), action).await {
            Err(SubmitError::Refused(refusal)) => progress.say(&format!("refused: {refusal}")),
            Err(error) => return Err(Failure::because(error)),
            Ok(_) => {}
        }
        Ok(())
    }
}

/// Says how it ended, and where to look.
async fn conclude(global: &Global, stage: &Stage, path: &Path, release: &Release) -> Result<(), Failure> {
    let outcome = Outcome::of(release, path);
    if global.json {
        return Ok(output::json(&outcome)?);
    }
    let now: Timestamp = stage.clock.now();
    if let Some(told) = store::tell(stage.journal.as_ref(), &stage.id).await? {
        let history = History::new(&told.release, &told.records, now);
        output::line("")?;
        match RollbackLog::of(&history) {
            Some(log) => output::report(log)?,
            None => {
                if let Some(schedule) = Schedule::of(&history) {
                    output::report(schedule)?;
                }
            }
        }
    }
    let (id, path) = (&stage.id, path.display());
    output::line(format_args!(
        "\n{id} is {}: {} records, head {}\nThe journal is {path}. Look at it:\n\
         \x20 deploy-tool --journal {path} status {id}\n\
         \x20 deploy-tool --journal {path} log {id}\n\
         \x20 deploy-tool --journal {path} verify\n\
         \x20 deploy-tool --journal {path} export {id}     one line a record: printf '\\0%s' \"$line\" | sha256sum",
        outcome.in_words(),
        outcome.records,
        outcome.head,
    ))?;
    Ok(())
}
