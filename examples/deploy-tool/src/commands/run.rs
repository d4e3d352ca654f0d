//! `run`: conducts a real release in the foreground, and takes it up again after a crash.

use std::{convert::Infallible, io::IsTerminal, sync::Arc, time::Duration};

use relman_adapters::{
    SubmitError,
    clock::SystemClock,
    conductor::{Conductor, Update},
};
use relman_core::{
    machine::{Action, Phase, PhaseName, Refusal, Release},
    plan::Plan,
    policy::Policy,
    port::{Directory, JournalExt, with_causes},
    unit::ReleaseId,
};
#[cfg(unix)]
use tokio::signal::unix::{SignalKind, signal};
use tokio::{
    sync::broadcast::{Receiver, error::RecvError},
    task::JoinHandle,
};

use super::{
    outcome::{Ended, Outcome},
    presence,
    progress::{self, Progress},
    publish::{self, Copies, Trackers},
    typed::{Typed, push},
};
use crate::{
    cli::{Global, Run},
    config::{self, Config},
    failure::Failure,
    output, ports, store,
};

/// Conducts the release of a plan until it has ended, or until Ctrl-C or SIGTERM.
///
/// # Errors
///
/// [`Failure`] where something is not configured, the release can't be conducted, or it has not completed.
pub(crate) fn run(global: &Global, run: &Run) -> Result<(), Failure> {
    on_a_runtime(conduct(global, run))
}

/// Runs what conducts on threads of its own, with the log on the error output.
pub(super) fn on_a_runtime(work: impl Future<Output = Result<(), Failure>>) -> Result<(), Failure> {
    // What relman logs goes to the error output; RELMAN_LOG chooses how much, as in RELMAN_LOG=info.
    let filter = tracing_subscriber::EnvFilter::try_from_env("RELMAN_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    // Colours are for a terminal: in a file they hide the words.
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    // Another subscriber, set by a test, is as good.
    let _ = log.try_init();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::refused(format_args!("failed to start the runtime: {error}")))?;
    runtime.block_on(work)
}

/// How long the display may take to show the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// How long the trackers have after the end.
const LAST_COPIES: Duration = Duration::from_mins(1);

/// How soon a journal that can't be listed is asked again.
const FOLLOW_AGAIN_AFTER: Duration = Duration::from_secs(5);

/// How often a release that is conducted says what it waits for: nobody should have to ask whether it still runs.
const SAY_EVERY: Duration = Duration::from_mins(1);

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
    let on_call = policy.on_call().channel.clone();
    let mut builder = Conductor::builder()
        .journal(journal)
        .deployer(deployer.clone())
        .metrics(metrics)
        .notifier(notifier)
        .directory(people)
        .clock(Arc::new(SystemClock))
        .leases(store::leases(&path)?)
        .last_resort(on_call);
    if let Some(user_flows) = user_flows {
        builder = builder.user_flows(user_flows);
    }
    if let Some(incidents) = incidents {
        builder = builder.incidents(incidents);
    }
    let conductor = builder.build().map_err(Failure::because)?;

    let id = plan.release().clone();
    is_recorded(global, &conductor, plan, policy).await?;
    if !global.json {
        let release = conductor.releases().load(&id).await.map_err(Failure::because)?;
        for line in progress::intentions(&release, store::now()) {
            output::line(line)?;
        }
    }
    let journal = conductor.releases().journal();
    let kept = trackers.as_ref().map(|trackers| trackers.keep(journal, &id, conductor.updates()));
    let shown = tokio::spawn(show(conductor.clone(), id.clone(), conductor.updates(), global.json));
    let ending = conductor.conduct(&id).await.map_err(Failure::because)?;
    if let Some(other) = presence::another(&path, &id, conductor.known_as()).await {
        output::note(&format!(
            "{id}: {other}, drives it; this one stands by, and takes over should that one vanish"
        ))?;
    }
    let ended = ending.wait();
    tokio::pin!(ended);
    let release: Release = tokio::select! {
        ended = &mut ended => {
            let ended = ended.map_err(Failure::because)?;
            // The display ends by itself once it has shown the end.
            let _ = tokio::time::timeout(LAST_WORDS, shown).await;
            conductor.stop().await;
            if let (Some(trackers), Some(kept)) = (&trackers, kept) {
                last_copies(trackers, kept).await?;
            }
            Release::clone(&ended)
        }
        never = follow(&conductor) => match never {},
        () = told_to_stop() => {
            conductor.stop().await;
            match (conductor.releases().load(&id).await, ended.await) {
                (Ok(release), _) => release,
                // The journal may be what failed. What is known must be said all the same.
                (Err(_), Ok(last)) => Release::clone(&last),
                (Err(error), Err(_)) => return Err(Failure::because(error)),
            }
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
            output::line("stopped by hand; run it again to continue")?;
        }
    }
    let typed = Typed { global };
    let by_hand = release.target().and_then(|target| deployer.by_hand(&target));
    if let Some(warning) = left_behind(&release, by_hand.as_deref(), &typed, &again(&typed, run)) {
        match presence::taken_over(&path, &id).await {
            Some(other) => output::note(&format!("{id} goes on: {other}, drives it"))?,
            None => output::note(&warning)?,
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
            output::note("trackers are not up to date yet; run `publish`")?;
        }
        () = told_to_stop() => {
            output::note("trackers may not be up to date; run `publish`")?;
        }
    }
    Ok(())
}

/// Waits for Ctrl-C, or for the signal by which a service manager ends a process.
pub(super) async fn told_to_stop() {
    #[cfg(unix)]
    if let Ok(mut terminate) = signal(SignalKind::terminate()) {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
        return;
    }
    let _ = tokio::signal::ctrl_c().await;
}

/// Hears of what other processes record. A journal that can't be listed at first is no reason to leave a release alone
/// that is driven by now.
pub(super) async fn follow(conductor: &Conductor) -> Infallible {
    loop {
        if let Err(error) = conductor.follow_journal().await {
            let problem = format!("warning: {}; it is tried again", with_causes(&error));
            // Where nobody reads the error output, the release is driven all the same.
            let _ = output::note(&problem);
        }
        tokio::time::sleep(FOLLOW_AGAIN_AFTER).await;
    }
}

/// The command line that continues.
fn again(typed: &Typed<'_>, run: &Run) -> String {
    let mut line = typed.line(None, "run");
    push(&mut line, &run.plan.display().to_string());
    if let Some(policy) = &run.policy {
        line.push_str(" --policy");
        push(&mut line, &policy.display().to_string());
    }
    line
}

/// What a person has to know who stops this while users have the new version, or may have it.
pub(super) fn left_behind(
    release: &Release,
    by_hand: Option<&str>,
    typed: &Typed<'_>,
    again: &str,
) -> Option<String> {
    let (id, phase) = (release.id(), release.phase().name());
    if !phase.touches_production() || phase.is_end() {
        return None;
    }
    let step = match (release.phase().step(), release.track()) {
        (Some(step), Some((_, track))) => format!(", step {} of {}", step.number, track.steps().len()),
        _ => String::new(),
    };
    let share = release.exposure();
    let (nobody, back) = if phase == PhaseName::RollingBack {
        (
            "its rollback is not finished, and nobody drives it now",
            "The rollback continues when you run it again; it ends once the platform shows zero traffic."
                .to_owned(),
        )
    } else {
        (
            "users stay there: nobody drives it now, nothing is measured, and a breach would not take it back",
            format!("To take it back:   {}", typed.back_now(id)),
        )
    };
    let mut warning = format!(
        "warning: {id} is in production ({phase}{step}, {share} of the traffic at the last change), and {nobody}\n  \
         To continue:       {again}\n  {back}"
    );
    if let Some(by_hand) = by_hand {
        warning.push_str("\n  Without relman:    ");
        warning.push_str(by_hand);
    }
    Some(warning)
}

/// Records the plan where the journal does not hold it; another plan under the same id is not conducted by mistake.
///
/// Where another process records the plan at the same moment, what it has recorded counts.
async fn is_recorded(
    global: &Global,
    conductor: &Conductor,
    plan: Arc<Plan>,
    policy: Arc<Policy>,
) -> Result<(), Failure> {
    let id = plan.release().clone();
    let mut release = conductor.releases().load(&id).await.map_err(Failure::because)?;
    if *release.phase() == Phase::Unplanned {
        let actor = config::actor(global)?;
        let action = Action::RecordPlan { plan: plan.clone(), policy };
        // On exactly this state: a plan that came first is not revised by this one.
        match conductor.command_at(&id, release.head(), actor, action).await {
            Ok(_) => return Ok(()),
            Err(
                SubmitError::Stale { .. }
                | SubmitError::Crowded(_)
                | SubmitError::Refused(Refusal::AlreadyPlanned(_)),
            ) => release = conductor.releases().load(&id).await.map_err(Failure::because)?,
            Err(error) => return Err(Failure::because(error)),
        }
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
pub(super) async fn show(conductor: Conductor, id: ReleaseId, mut updates: Receiver<Update>, json: bool) {
    let progress = if json { Progress::silent() } else { Progress::lines() };
    let mut latest: Option<Arc<Release>> = None;
    let mut minutes = tokio::time::interval(SAY_EVERY);
    // The first is at once, and nothing has happened by then.
    minutes.tick().await;
    loop {
        let update = tokio::select! {
            update = updates.recv() => update,
            _ = minutes.tick() => {
                if let Some(release) = &latest {
                    progress.say_what_it_waits_for(release, store::now());
                }
                continue;
            }
        };
        match update {
            Ok(update) if *update.release.id() == id => {
                progress.show(&update);
                latest = Some(update.release.clone());
                if let (true, Some(first)) = (json, update.records.first()) {
                    let journal = conductor.releases().journal();
                    let lines = journal.read_to_end(&(&id).into(), first.seq).await.unwrap_or_default();
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
