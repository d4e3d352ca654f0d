use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
    time::Duration,
};

use relman_core::{
    chain::Head,
    event::Record,
    machine::{Action, Command, Release},
    port::{ConductorId, JournalExt, PortError, Position, StreamState, Streams, TakesUp, with_causes},
    unit::{Actor, ReleaseId, StreamId},
};
use tokio::{
    sync::{broadcast, mpsc, oneshot, watch},
    time::Instant,
};
use tracing::{error, warn};

use super::{
    ConductorBuilder,
    driver::{self, Driver},
    executor::{caught, within},
    shared::{
        ALARM_AFTER, ALARM_EVERY, Asked, Basis, ConductError, Driven, End, JOURNAL_TIME, KnownHead, Message,
        Shared, Stopped, Update, span_of,
    },
    stand_by::{StandBy, Turn},
};
use crate::{LoadError, Releases, SubmitError};

/// The first pause before a release is taken up again that could not be, or whose driver has failed, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_mins(1));

/// Drives releases: performs what their sessions ask for, and sees to it that each of them is driven.
///
/// Cheap to clone: clones drive the same releases. Needs a tokio runtime with timers.
///
/// # Examples
///
/// ```no_run
/// # async fn example(
/// #     journal: std::sync::Arc<dyn relman_core::port::Journal>,
/// #     deployer: std::sync::Arc<dyn relman_core::port::Deployer>,
/// #     metrics: std::sync::Arc<dyn relman_core::port::MetricsSource>,
/// #     notifier: std::sync::Arc<dyn relman_core::port::Notifier>,
/// #     directory: std::sync::Arc<dyn relman_core::port::Directory>,
/// #     clock: std::sync::Arc<dyn relman_core::port::Clock>,
/// # ) -> Result<(), Box<dyn std::error::Error>> {
/// use relman_adapters::conductor::Conductor;
///
/// let conductor = Conductor::builder()
///     .journal(journal)
///     .deployer(deployer)
///     .metrics(metrics)
///     .notifier(notifier)
///     .directory(directory)
///     .clock(clock)
///     .build()?;
/// let release = "checkout-241".parse()?;
/// let ending = conductor.conduct(&release).await?;
/// let ended = ending.wait().await?;
/// println!("{} is {}", ended.id(), ended.phase().name());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Conductor {
    pub(super) shared: Arc<Shared>,
}

/// The end of a release that is being driven.
pub struct Ending(ReleaseId, watch::Receiver<Option<End>>);

impl Ending {
    /// Waits until the release has reached an end and everybody was told, or the conductor was stopped; returns the
    /// release as it is then.
    ///
    /// # Errors
    ///
    /// Why the release is not driven any more.
    pub async fn wait(mut self) -> Result<Arc<Release>, Arc<Stopped>> {
        match self.1.wait_for(Option::is_some).await.ok().and_then(|end| end.clone()) {
            Some(end) => end,
            None => Err(Arc::new(Stopped::Gone(self.0))),
        }
    }
}

impl Conductor {
    /// A builder.
    pub fn builder() -> ConductorBuilder {
        ConductorBuilder::default()
    }

    /// The releases of the journal, for reading.
    pub fn releases(&self) -> &Releases {
        &self.shared.releases
    }

    /// What changes, in the releases that are driven here, from now on. A listener that is too slow misses updates
    /// and never slows a release down.
    pub fn updates(&self) -> broadcast::Receiver<Update> {
        self.shared.updates.subscribe()
    }

    /// Drives a release: verifies and folds its record, takes up what has no outcome, and goes on until it has ended. A
    /// release that is driven already goes on as it does.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the record can't be read, or where a metric or channel that it needs is not configured
    /// and production was not touched yet.
    pub async fn conduct(&self, id: &ReleaseId) -> Result<Ending, ConductError> {
        if let Some(ending) = self.nudge(id) {
            return Ok(ending);
        }
        // Loading takes as long as the record is: nobody else waits for it.
        let release = self.shared.releases.load(id).await?;
        self.shared.is_ready(&release)?;
        self.begin(TakesUp::Named).await;
        Ok(self.start(release))
    }

    /// As what this conductor is known to others, where it has leases.
    pub fn known_as(&self) -> Option<&ConductorId> {
        self.shared.presence.as_ref().map(|presence| presence.conductor())
    }

    async fn begin(&self, takes_up: TakesUp) {
        if let Some(presence) = &self.shared.presence {
            presence.begin(takes_up).await;
        }
    }

    /// Drives every open release of the journal, and those that other processes plan from now on, until `stop`
    /// completes; then stops gracefully. A release that can't be taken up is tried again, and on-call is told when that
    /// takes long.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the journal can't be listed at first.
    pub async fn run(&self, stop: impl Future<Output = ()>) -> Result<(), ConductError> {
        self.begin(TakesUp::Everything).await;
        let watching = self.watch_journal(Adopt::Every);
        tokio::pin!(stop);
        let result = tokio::select! {
            result = watching => result,
            () = &mut stop => Ok(()),
        };
        self.stop().await;
        result
    }

    /// Watches the journal for what other processes append to the releases that are driven here. Runs until dropped.
    ///
    /// # Errors
    ///
    /// [`ConductError`] where the journal can't be listed at first.
    pub async fn follow_journal(&self) -> Result<(), ConductError> {
        self.watch_journal(Adopt::None).await
    }

    /// Carries out a command: by the session of the release where it is driven here, else on its record. A release that
    /// has users, and is not driven, is driven from then on.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; nothing is changed then.
    pub async fn command(
        &self,
        id: &ReleaseId,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        self.shared.releases.claim_back(id, actor, &action).await?;
        if let Some(done) = self.ask(id, Basis::Whatever, actor, &action).await {
            return done;
        }
        let done = self.shared.releases.command(id, actor, action).await?;
        self.take_up(&done.0).await;
        Ok(done)
    }

    /// Carries out a command on exactly the state that was seen, as [`Releases::command_at`] does.
    ///
    /// # Errors
    ///
    /// [`SubmitError`]; nothing is changed then.
    pub async fn command_at(
        &self,
        id: &ReleaseId,
        seen: Option<Head>,
        actor: &Actor,
        action: Action,
    ) -> Result<(Release, Vec<Record>), SubmitError> {
        self.shared.releases.claim_back(id, actor, &action).await?;
        if let Some(done) = self.ask(id, Basis::Seen(seen), actor, &action).await {
            return done;
        }
        let done = self.shared.releases.command_at(id, seen, actor, action).await?;
        self.take_up(&done.0).await;
        Ok(done)
    }

    /// Stops gracefully: starts nothing new and waits for calls under way, not longer than the grace. What has no
    /// outcome by then is taken up at the next start.
    pub async fn stop(&self) {
        let driven = std::mem::take(&mut *self.shared.driven());
        let mut ends = Vec::with_capacity(driven.len());
        for (id, one) in driven {
            let _ = one.inbox.send(Message::Stop);
            ends.push((one.end.subscribe(), id, one));
        }
        // A driver that is stuck in what is not ours is not waited for.
        let give_up = Instant::now() + self.shared.limits.grace + Duration::from_secs(1);
        for (mut end, id, one) in ends {
            if tokio::time::timeout_at(give_up, end.wait_for(Option::is_some)).await.is_err() {
                one.task.abort();
                one.end.send_replace(Some(Err(Arc::new(Stopped::Killed(id)))));
            }
        }
        if let Some(presence) = &self.shared.presence {
            presence.leave().await;
        }
    }

    /// Stops at once: drops whatever is under way, as the end of the process would. For tests of exactly that;
    /// [`stop`](Self::stop) is the friendlier way.
    pub async fn kill(&self) {
        if let Some(presence) = &self.shared.presence {
            presence.vanish();
        }
        let driven = std::mem::take(&mut *self.shared.driven());
        for (id, one) in driven {
            one.task.abort();
            one.end.send_replace(Some(Err(Arc::new(Stopped::Killed(id)))));
            // Cancelled, which is what was asked for.
            let _ = one.task.await;
        }
    }

    /// Whether the driver of a release has stored its newest record itself, or has heard of it.
    fn knows(&self, id: &ReleaseId, head: Option<&Head>) -> bool {
        let driven = self.shared.driven();
        let known = driven.get(id).map(|one| *one.head.lock().unwrap_or_else(PoisonError::into_inner));
        head.is_some() && known.is_some_and(|known| known.as_ref() == head)
    }

    /// Lets the driver of a release know that others have appended; none where it has no driver.
    fn nudge(&self, id: &ReleaseId) -> Option<Ending> {
        let driven = self.shared.driven();
        let one = driven.get(id)?;
        one.inbox.send(Message::Changed).ok()?;
        Some(Ending(id.clone(), one.end.subscribe()))
    }

    /// Gives a release a driver, unless it has got one meanwhile.
    fn start(&self, mut release: Release) -> Ending {
        self.shared.share_policy(&mut release);
        let id = release.id().clone();
        let mut driven = self.shared.driven();
        if let Some(one) = driven.get(&id)
            && one.inbox.send(Message::Changed).is_ok()
        {
            return Ending(id, one.end.subscribe());
        }
        let (inbox, messages) = mpsc::unbounded_channel();
        let (end, ended) = watch::channel(None);
        let end = Arc::new(end);
        let head = KnownHead::default();
        let supervisor =
            Supervisor { shared: self.shared.clone(), id: id.clone(), head: head.clone(), messages };
        let task = tokio::spawn(supervisor.keep_driven(Box::new(release), end.clone()));
        driven.insert(id.clone(), Driven { inbox, head, task, end });
        Ending(id, ended)
    }

    /// Asks the driver of a release, where it has one that answers.
    async fn ask(
        &self,
        id: &ReleaseId,
        on: Basis,
        actor: &Actor,
        action: &Action,
    ) -> Option<Result<(Release, Vec<Record>), SubmitError>> {
        let inbox = self.shared.driven().get(id)?.inbox.clone();
        let by = match self.shared.releases.principal(actor).await {
            Ok(by) => by,
            Err(error) => return Some(Err(error)),
        };
        let (reply, answer) = oneshot::channel();
        let command = Command { by, action: action.clone() };
        inbox.send(Message::Command(Box::new(Asked { command, on, reply, tries: 0 }))).ok()?;
        // A driver that ends meanwhile has not heard of it.
        answer.await.ok()
    }

    /// Starts driving a release after a command, if it is in production and nothing drives it yet.
    async fn take_up(&self, release: &Release) {
        let phase = release.phase().name();
        let at_work = !phase.is_end() || !release.outstanding().is_empty();
        if phase.touches_production()
            && at_work
            && self.nudge(release.id()).is_none()
            && let Err(error) = self.conduct(release.id()).await
        {
            warn!(release = %release.id(), error = with_causes(&error), "the release is not taken up yet");
        }
    }

    /// Follows the journal: takes up what is open, then hears of what other processes append.
    async fn watch_journal(&self, adopt: Adopt) -> Result<(), ConductError> {
        let mut watch = Watch { adopt, ..Watch::default() };
        let mut failing_since: Option<(Instant, Option<Instant>)> = None;
        let mut first = true;
        loop {
            match within(JOURNAL_TIME, "journal", self.hear_of_changes(&mut watch)).await {
                Ok(Ok(())) => failing_since = None,
                Ok(Err(error)) if first => return Err(LoadError::Journal(error).into()),
                Ok(Err(error)) => self.unlisted(&with_causes(&error), &mut failing_since),
                Err(problem) => self.unlisted(&problem, &mut failing_since),
            }
            first = false;
            self.follow_up(&mut watch).await;
            let Some(every) = self.shared.limits.watch_journal_every else {
                return std::future::pending().await;
            };
            let every = every.max(Duration::from_millis(10));
            match (watch.position, failing_since) {
                (Some(position), None) => {
                    let changed = self.shared.releases.journal().changed(position, span_of(every));
                    // What it fails of, the next round finds out, too.
                    let _ = within(every + JOURNAL_TIME, "journal", changed).await;
                }
                _ => tokio::time::sleep(every).await,
            }
        }
    }

    /// What is new since the last time; the first time, what is open.
    async fn hear_of_changes(&self, watch: &mut Watch) -> Result<(), PortError> {
        /// A page is read within a millisecond.
        const PAGE: usize = 1024;
        let journal = self.shared.releases.journal();
        let Some(mut position) = watch.position else {
            // Asked for first: what is appended while the streams are listed is heard of twice, not never.
            let position = journal.position().await?;
            for stream in journal.every_stream(Streams::Open).await? {
                watch.see(&stream.stream, stream.head);
            }
            watch.position = Some(position);
            return Ok(());
        };
        loop {
            let changes = journal.changes(position, PAGE).await?;
            let last = changes.len() < PAGE;
            for change in changes {
                position = change.position;
                watch.see(&change.stream, change.head);
            }
            watch.position = Some(position);
            if last {
                return Ok(());
            }
        }
    }

    /// The journal can't be listed: what others do is not heard of.
    fn unlisted(&self, why: &str, since: &mut Option<(Instant, Option<Instant>)>) {
        warn!(error = why, "the journal can't be listed; it is asked again");
        let (begun, told) = since.get_or_insert((Instant::now(), None));
        let due = told.map_or(*begun + ALARM_AFTER, |told| told + ALARM_EVERY);
        if due <= Instant::now() {
            *told = Some(Instant::now());
            let body = format!(
                "The journal can't be listed: {why}. New releases, and what other processes record, are not noticed."
            );
            let release = self.shared.driven().keys().next().cloned();
            self.shared.clone().sound_for(release, "relman can't list the journal", body);
        }
    }

    /// Tells drivers what has changed, and takes up what has none.
    async fn follow_up(&self, watch: &mut Watch) {
        for id in watch.due() {
            if self.knows(&id, watch.known.get(&id)) || self.nudge(&id).is_some() {
                watch.settled(&id);
                continue;
            }
            if watch.adopt == Adopt::None {
                watch.settled(&id);
                continue;
            }
            match self.adopt(&id).await {
                Ok(()) => watch.settled(&id),
                Err(refused) => {
                    let why = refused.why;
                    warn!(release = %id, error = why, "the release is not taken up; it is tried again");
                    if watch.failed(&id) && refused.pages {
                        let title = format!("{id}: nobody drives this release");
                        let body = format!("It can't be taken up: {why}. It is tried again until it can.");
                        self.shared.clone().sound_for(Some(id), &title, body);
                    }
                }
            }
        }
    }

    async fn adopt(&self, id: &ReleaseId) -> Result<(), Refused> {
        let loading = within(JOURNAL_TIME, "journal", self.shared.releases.load(id));
        let release = match loading.await {
            Ok(Ok(release)) => release,
            Ok(Err(error)) => return Err(Refused { why: with_causes(&error), pages: true }),
            Err(why) => return Err(Refused { why, pages: true }),
        };
        let index = release.index();
        if index.state == StreamState::Ended {
            // Where the journal does not know that yet, the next start need not find it out again.
            if let Some(head) = release.head() {
                let stream = id.into();
                let reindexing = self.shared.releases.journal().reindex(&stream, head, &index);
                let _ = within(JOURNAL_TIME, "journal", reindexing).await;
            }
            return Ok(());
        }
        // What no user has needs nobody at night.
        let pages = release.phase().name().touches_production();
        let ready = self.shared.is_ready(&release);
        ready.map_err(|error| Refused { why: with_causes(&error), pages })?;
        drop(self.start(release));
        Ok(())
    }
}

/// Why a release is not taken up.
struct Refused {
    why: String,
    /// Whether on-call has to hear of it when it lasts.
    pages: bool,
}

/// Which releases of the journal are driven.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Adopt {
    /// Every open one.
    Every,
    /// Only those that are asked for by name.
    #[default]
    None,
}

/// What is known of the journal's streams, and what is to be done about it.
#[derive(Debug, Default)]
struct Watch {
    adopt: Adopt,
    /// Up to where the journal was followed; nowhere yet, if absent.
    position: Option<Position>,
    known: BTreeMap<ReleaseId, Head>,
    changed: BTreeMap<ReleaseId, Attempts>,
}

/// How often a release could not be taken up.
#[derive(Debug, Clone, Copy)]
struct Attempts {
    failures: u32,
    next: Instant,
    since: Instant,
    told: Option<Instant>,
}

impl Watch {
    fn see(&mut self, stream: &StreamId, head: Head) {
        // What a target says is asked for with every look.
        let Some(release) = stream.release().cloned() else { return };
        if self.known.insert(release.clone(), head) != Some(head) {
            let now = Instant::now();
            let new = Attempts { failures: 0, next: now, since: now, told: None };
            // What has changed may be taken up now.
            self.changed.entry(release).or_insert(new).next = now;
        }
    }

    fn due(&self) -> Vec<ReleaseId> {
        let now = Instant::now();
        let due = self.changed.iter().filter(|(_, attempts)| attempts.next <= now);
        due.map(|(id, _)| id.clone()).collect()
    }

    fn settled(&mut self, release: &ReleaseId) {
        self.changed.remove(release);
    }

    /// Notes that a release could not be taken up; whether on-call has to hear of it now.
    fn failed(&mut self, release: &ReleaseId) -> bool {
        let Some(attempts) = self.changed.get_mut(release) else { return false };
        let now = Instant::now();
        attempts.next = now + pause(attempts.failures);
        attempts.failures += 1;
        let due = attempts.told.map_or(attempts.since + ALARM_AFTER, |told| told + ALARM_EVERY);
        if due <= now {
            attempts.told = Some(now);
        }
        due <= now
    }
}

fn pause(failures: u32) -> Duration {
    (PAUSE.0 * 2_u32.saturating_pow(failures.min(10))).min(PAUSE.1)
}

/// Keeps one release driven: what fails is started again, from what is recorded, after a pause.
struct Supervisor {
    shared: Arc<Shared>,
    id: ReleaseId,
    head: KnownHead,
    messages: mpsc::UnboundedReceiver<Message>,
}

impl Supervisor {
    /// What is large is boxed, and so is not kept twice: a hundred thousand releases wait most of the time.
    async fn keep_driven(mut self, mut release: Box<Release>, end: Arc<watch::Sender<Option<End>>>) {
        let (mut failures, mut told) = (0, None);
        let mut stale = false;
        loop {
            let (shared, id, head) = (self.shared.clone(), &self.id, &self.head);
            let standing_by = StandBy { shared, id, head, messages: &mut self.messages, stale };
            let driven = match Box::pin(standing_by.wait(&mut release)).await {
                Turn::Now(claimed) => {
                    let (shared, head) = (self.shared.clone(), self.head.clone());
                    let mut driver =
                        Box::new(Driver::new(shared, *release, head, &mut self.messages, claimed));
                    caught(driver.drive()).await
                }
                Turn::Over | Turn::Stopped => Ok(driver::Driven::CutOff(*release)),
            };
            stale = true;
            match driven {
                Ok(driver::Driven::Lost(reached)) => {
                    *release = reached;
                    continue;
                }
                Ok(driver::Driven::Settled(reached)) => {
                    // Before it is forgotten: whoever conducts it anew claims it anew.
                    if let Some(presence) = &self.shared.presence {
                        presence.give_back(&self.id).await;
                    }
                    if self.shared.forget(&self.id, &mut self.messages) {
                        end.send_replace(Some(Ok(Arc::new(reached))));
                        return;
                    }
                    *release = reached;
                    continue;
                }
                Ok(driver::Driven::CutOff(reached)) => {
                    if self.shared.forget(&self.id, &mut self.messages) {
                        end.send_replace(Some(Ok(Arc::new(reached))));
                        return;
                    }
                    *release = reached;
                    continue;
                }
                Err(panic) => {
                    let why = format!("its driver has panicked, which is a bug in relman: {panic}");
                    self.complain(&why, failures, &mut told);
                }
            }
            release = loop {
                tokio::time::sleep(pause(failures)).await;
                failures += 1;
                let loading = Box::pin(self.shared.releases.load(&self.id));
                match within(JOURNAL_TIME, "journal", loading).await {
                    Ok(Ok(release)) => break Box::new(release),
                    Ok(Err(error)) => self.complain(&with_causes(&error), failures, &mut told),
                    Err(problem) => self.complain(&problem, failures, &mut told),
                }
            };
        }
    }

    /// Says that the release has no driver: in the log each time, and to on-call when it lasts.
    fn complain(&self, why: &str, failures: u32, told: &mut Option<Instant>) {
        error!(release = %self.id, error = why, "the release has no driver; it is taken up again after a pause");
        let now = Instant::now();
        if failures > 0 && told.is_none_or(|told| told + ALARM_EVERY <= now) {
            *told = Some(now);
            let title = format!("{}: relman fails to drive this release", self.id);
            let body = format!("It is taken up again after a pause: {why}");
            self.shared.clone().sound_for(Some(self.id.clone()), &title, body);
        }
    }
}
