//! `run`: conducts a real release in the foreground, and goes on with it after a crash.

use std::{sync::Arc, time::Duration};

use relman_adapters::{
    clock::SystemClock,
    conductor::{Conductor, Update},
};
use relman_core::{
    machine::{Action, Phase, Release},
    plan::Plan,
    policy::Policy,
    port::{Directory, JournalExt},
    unit::ReleaseId,
};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinHandle,
};

use super::{
    outcome::{Ended, Outcome},
    progress::Progress,
    publish::{self, Copies, Trackers},
};
use crate::{
    cli::{Global, Run},
    config::{self, Config},
    failure::Failure,
    output, ports, store,
};

/// Conducts the release of a plan until it has ended, or until Ctrl-C.
///
/// # Errors
///
/// [`Failure`] where something is not configured, the release can't be conducted, or it has not completed.
pub(crate) fn run(global: &Global, run: &Run) -> Result<(), Failure> {
    // What relman logs goes to the error output; RELMAN_LOG chooses how much, as in RELMAN_LOG=info.
    let filter = tracing_subscriber::EnvFilter::try_from_env("RELMAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // Another subscriber, set by a test, is as good.
    let _ = log.try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format_args!("failed to start the runtime: {error}")))?;
    runtime.block_on(conduct(global, run))
}

/// How long the display may take to show the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the trackers have after the end.
const LAST_COPIES: Duration = Duration::from_mins(1);

async fn conduct(global: &Global, run: &Run) -> Result<(), Failure> {
    let config = Config::load(global)?;
    let plan = config::plan(&run.plan)?;
    let policy = config.policy(run.policy.as_deref())?;
    let people: Arc<dyn Directory> = config.people();
    let (deployer, metrics) = (ports::deployer(&config)?, ports::metrics(&config)?);
    let notifier = ports::notifier(&config)?;
    let (user_flows, incidents) = (ports::user_flows(&config)?, ports::incidents(&config)?);
    let trackers = Trackers::of(&config)?.map(Arc::new);
    let path = store::path(global);
    let journal = store::open_or_create(&path)?;
    let mut builder = Conductor::builder()
        .journal(journal)
        .deployer(deployer)
        .metrics(metrics)
        .notifier(notifier)
        .directory(people)
        .clock(Arc::new(SystemClock));
    if let Some(user_flows) = user_flows {
        builder = builder.user_flows(user_flows);
    }
    if let Some(incidents) = incidents {
        builder = builder.incidents(incidents);
    }
    let conductor = builder.build().map_err(Failure::because)?;

    let id = plan.release().clone();
    is_recorded(global, &conductor, plan, policy).await?;
    let journal = conductor.releases().journal();
    let kept = trackers.as_ref().map(|trackers| trackers.keep(journal, &id, conductor.updates()));
    let shown = tokio::spawn(show(conductor.clone(), id.clone(), conductor.updates(), global.json));
    let ending = conductor.conduct(&id).await.map_err(Failure::because)?;
    let release: Release = tokio::select! {
        ended = ending.wait() => {
            let ended = ended.map_err(Failure::because)?;
            // The display ends by itself once it has shown the end.
            let _ = tokio::time::timeout(LAST_WORDS, shown).await;
            if let (Some(trackers), Some(kept)) = (&trackers, kept) {
                last_copies(trackers, kept).await?;
            }
            Release::clone(&ended)
        }
        followed = conductor.follow_journal() => return followed.map_err(Failure::because),
        _ = tokio::signal::ctrl_c() => {
            conductor.stop().await;
            conductor.releases().load(&id).await.map_err(Failure::because)?
        }
    };
    let outcome = Outcome::of(&release, &path);
    if global.json {
        output::json(&outcome)?;
    } else {
        output::line(format_args!(
            "{id} is {}: {} records, head {}",
            outcome.in_words(),
            outcome.records,
            outcome.head
        ))?;
        if outcome.ended == Ended::Open {
            output::line("stopped by hand: run it again to go on")?;
        }
    }
    match outcome.ended {
        Ended::Completed | Ended::Open => Ok(()),
        Ended::RolledBack | Ended::Aborted => Err(Failure::Said),
    }
}

/// Waits for the trackers to show the end of a release: for a while, because whoever waits for the release has waited
/// long enough, and not longer than somebody wants to.
async fn last_copies(trackers: &Trackers, kept: JoinHandle<Copies>) -> Result<(), Failure> {
    tokio::select! {
        results = kept => publish::note(&trackers.trackers, &results.unwrap_or_default()),
        () = tokio::time::sleep(LAST_COPIES) => {
            output::note("the trackers don't show the end yet: `publish` goes on with that")?;
        }
        _ = tokio::signal::ctrl_c() => {
            output::note("the trackers may not show the end: `publish` goes on with that")?;
        }
    }
    Ok(())
}

/// Records the plan where the journal does not hold it; another plan under the same id is not conducted by mistake.
async fn is_recorded(
    global: &Global,
    conductor: &Conductor,
    plan: Arc<Plan>,
    policy: Arc<Policy>,
) -> Result<(), Failure> {
    let id = plan.release().clone();
    let release = conductor.releases().load(&id).await.map_err(Failure::because)?;
    if *release.phase() == Phase::Unplanned {
        let actor = config::actor(global)?;
        let done = conductor.command(&id, actor, Action::RecordPlan { plan, policy }).await;
        return done.map(|_| ()).map_err(Failure::because);
    }
    if release.plan() == Some(&*plan) {
        return Ok(());
    }
    Err(Failure::refused(format_args!(
        "the journal holds another plan for {id}: record the change with `plan` while it is in planning, or plan a \
         release with another id"
    )))
}

/// Prints what happens, a line or an object a record, until the release has ended.
async fn show(conductor: Conductor, id: ReleaseId, mut updates: Receiver<Update>, json: bool) {
    let progress = if json { Progress::silent() } else { Progress::lines() };
    loop {
        match updates.recv().await {
            Ok(update) if *update.release.id() == id => {
                progress.show(&update);
                if let (true, Some(first)) = (json, update.records.first()) {
                    let journal = conductor.releases().journal();
                    let lines = journal.read_to_end(&id, first.seq).await.unwrap_or_default();
                    for line in lines.iter().take(update.records.len()) {
                        // A reader that has gone away ends the display, not the release.
                        drop(output::record_json(line));
                    }
                }
                if update.release.phase().name().is_end() && update.release.outstanding().is_empty() {
                    return;
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}
