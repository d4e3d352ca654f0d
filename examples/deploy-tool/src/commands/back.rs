//! `rollback --now`: takes a release back here and now, beside a conductor or without one.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use relman_adapters::{
    clock::SystemClock,
    conductor::{Conductor, Update},
    notifier::Channels,
};
use relman_core::{
    event::Event,
    judge::{Answer, Arm, Observation},
    machine::{Action, Phase, PhaseName, Release},
    port::{Directory, MetricQuery, MetricsSource, Notifier},
    unit::{MetricName, ReleaseId, Text, Window},
};
use tokio::sync::broadcast::{Receiver, error::RecvError};

use super::{
    people::Desk,
    presence,
    run::{follow, left_behind, on_a_runtime, show, told_to_stop},
    typed::Typed,
};
use crate::{
    cli::Global,
    config::{self, Config},
    failure::Failure,
    output, ports, store,
};

/// How long people may take to be told, once the way back is confirmed.
const LAST_MESSAGES: Duration = Duration::from_secs(10);

/// How long the display may take to show the end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Records the rollback, unless it is under way, and carries it out until it is confirmed, or until Ctrl-C.
///
/// # Errors
///
/// [`Failure`] where it is refused, the configuration has no deployer, or it is not confirmed at the end.
pub(super) fn run(global: &Global, release: &ReleaseId, reason: Text) -> Result<(), Failure> {
    on_a_runtime(take_back(global, release, reason))
}

async fn take_back(global: &Global, id: &ReleaseId, reason: Text) -> Result<(), Failure> {
    let actor = config::actor(global)?;
    let config = Config::load(global)?;
    let path = store::path(global);
    let journal = store::open(&path)?;
    let desk = Desk::on(journal.clone(), path.clone(), config);
    let mut release = desk.releases.load(id).await.map_err(|error| desk.explain(&error.into()))?;
    // Recorded before anything else can fail: whoever conducts it then carries it out.
    if release.phase().name() == PhaseName::RollingBack {
        say(global, &format!("{id} is being rolled back already"))?;
    } else {
        let done = desk.releases.command(id, actor, Action::RollBack { reason }).await;
        let (rolling_back, records) = done.map_err(|error| desk.explain(&error))?;
        desk.say(global, &rolling_back, &records).await?;
        release = rolling_back;
    }
    let not_performed =
        |why: Failure| Failure::refused(format_args!("recorded, and not performed by this command: {why}"));
    let deployer = ports::deployer(&desk.config).map_err(not_performed)?;
    // Who can't be told is no reason to leave users where they are.
    let notifier = ports::notifier(&desk.config).or_else(|failure| {
        output::note(&format!("warning: nobody is told: {failure}"))?;
        Ok::<Arc<dyn Notifier>, Failure>(Arc::new(Channels::default()))
    })?;
    let people: Arc<dyn Directory> = desk.config.people();
    let mut builder = Conductor::builder()
        .journal(journal)
        .deployer(deployer.clone())
        .metrics(Arc::new(NoMetrics))
        .notifier(notifier)
        .directory(people)
        .clock(Arc::new(SystemClock))
        .leases(store::leases(&path).map_err(not_performed)?);
    if let Some(policy) = release.policy() {
        builder = builder.last_resort(policy.on_call().channel.clone());
    }
    let conductor = builder.build().map_err(Failure::because)?;
    let mut updates = conductor.updates();
    let shown = tokio::spawn(show(conductor.clone(), id.clone(), conductor.updates(), global.json));

    let by_hand = release.target().and_then(|target| deployer.by_hand(&target));
    if let Some(driver) = presence::another(&path, id, None).await {
        say(
            global,
            &format!(
                "{driver}, carries it out; this command stands by, and takes over should that one vanish"
            ),
        )?;
    }
    let ending = conductor.conduct(id).await.map_err(Failure::because)?;
    let stopped = tokio::select! {
        _ = ending.wait() => false,
        () = confirmed(&mut updates, id, by_hand.as_deref()) => false,
        never = follow(&conductor) => match never {},
        () = told_to_stop() => true,
    };
    conductor.stop().await;
    // The display ends by itself once it has shown the end.
    let _ = tokio::time::timeout(LAST_WORDS, shown).await;
    let release = conductor.releases().load(id).await.map_err(Failure::because)?;
    conclude(global, &release, by_hand.as_deref(), stopped)
}

fn conclude(global: &Global, release: &Release, by_hand: Option<&str>, stopped: bool) -> Result<(), Failure> {
    let id = release.id();
    if let Phase::RolledBack(_) | Phase::Closed(_) = release.phase() {
        return say(global, &format!("{id} is rolled back: the platform shows zero traffic"));
    }
    if stopped {
        output::note(&format!("stopped by hand before the rollback of {id} was confirmed"))?;
    }
    let typed = Typed { global };
    if let Some(warning) = left_behind(release, by_hand, &typed, &typed.back_now(id)) {
        output::note(&warning)?;
    }
    Err(Failure::Said)
}

/// Waits until the way back is confirmed, and a while for people to be told. What fails meanwhile is said, with what a
/// person can type instead.
async fn confirmed(updates: &mut Receiver<Update>, id: &ReleaseId, by_hand: Option<&str>) {
    let mut told = false;
    loop {
        match updates.recv().await {
            Ok(update) if update.release.id() == id => {
                let fails = update.records.iter().any(|record| {
                    matches!(record.event, Event::EffectFailed(_) | Event::RollbackUnconfirmed(_))
                });
                if fails && !told {
                    told = true;
                    let by_hand = by_hand.map(|by_hand| format!("; by hand: {by_hand}")).unwrap_or_default();
                    // Where nobody reads the error output, it is tried again all the same.
                    let _ = output::note(&format!(
                        "warning: zero traffic is not reached yet; it is tried again until it is, or until Ctrl-C{by_hand}"
                    ));
                }
                if update.release.phase().name().is_end() {
                    tokio::time::sleep(LAST_MESSAGES).await;
                    return;
                }
            }
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

fn say(global: &Global, text: &str) -> Result<(), Failure> {
    if global.json { Ok(()) } else { Ok(output::line(text)?) }
}

/// Nothing is measured on the way back.
struct NoMetrics;

#[async_trait]
impl MetricsSource for NoMetrics {
    fn name(&self) -> &'static str {
        "none"
    }

    fn knows(&self, _: &MetricName) -> bool {
        true
    }

    async fn observe(&self, query: &MetricQuery, arm: Arm, window: Window) -> Observation {
        let detail = "nothing is measured while a release is only taken back".to_owned();
        Observation::new(query.metric.clone(), arm, window, "none", Answer::ProviderError { detail })
    }
}
