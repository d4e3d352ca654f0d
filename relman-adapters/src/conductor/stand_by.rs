//! What a conductor does for a release whose turn it has not: it waits until it could claim it, and passes on what people
//! want.

use std::sync::Arc;

use relman_core::{
    event::Record,
    machine::{Alarm, PhaseName, Release},
    port::{Claim, ConductorId, Holder, StreamState, Target, with_causes},
    unit::ReleaseId,
};
use tokio::{sync::mpsc, time::Instant};
use tracing::{info, warn};

use super::{
    driver::Claimed,
    executor::within,
    presence::{Held, Presence, Unclaimed},
    shared::{ALARM_AFTER, ALARM_EVERY, Asked, Basis, JOURNAL_TIME, KnownHead, Message, Shared, Update},
};
/// Every so many looks, a release that stands by is claimed and read whatever is known: what is not heard of is found so.
const THOROUGH: u32 = 5;

/// What came of the wait.
pub(super) enum Turn {
    /// The release is to be driven: under a claim, where there are leases.
    Now(Option<Claimed>),
    /// Another has driven it to its end.
    Over,
    /// Nothing new is to be started.
    Stopped,
}

/// A release that waits for the turn of this conductor.
pub(super) struct StandBy<'a> {
    pub(super) shared: Arc<Shared>,
    pub(super) id: &'a ReleaseId,
    pub(super) head: &'a KnownHead,
    pub(super) messages: &'a mut mpsc::UnboundedReceiver<Message>,
    /// Whether the release may have changed since it was read.
    pub(super) stale: bool,
}

impl StandBy<'_> {
    /// Waits until this conductor has claimed the release, or need not. The release is as it is recorded, then.
    pub(super) async fn wait(mut self, release: &mut Box<Release>) -> Turn {
        let Some(presence) = self.shared.presence.clone() else { return Turn::Now(None) };
        let (mut from, mut behind) = (None, None);
        let mut trouble = Trouble::default();
        let mut looks = 0_u32;
        loop {
            // Most looks cost nothing, however many releases stand by: who held it last time is there.
            let thorough = looks.is_multiple_of(THOROUGH);
            looks = looks.wrapping_add(1);
            let still_behind = match &behind {
                Some(other) => !thorough && presence.sees(other).await,
                None => false,
            };
            let held = if still_behind {
                None
            } else {
                self.claim(&presence, release, &mut from, &mut behind, &mut trouble).await
            };
            if let Some(held) = held {
                match self.catch_up(release, from.is_some()).await {
                    Ok(()) => {
                        if let Some(from) = &from {
                            self.taken_over(&presence, from, release);
                        }
                        return Turn::Now(Some(Claimed { presence, held }));
                    }
                    Err(why) => self.complain(&why, release, &mut trouble),
                }
            }
            self.stale = true;
            match tokio::time::timeout(presence.look_every(), self.messages.recv()).await {
                Ok(Some(Message::Command(asked))) => self.pass_on(*asked),
                Ok(Some(Message::Changed)) => {}
                Err(_) if !thorough => continue,
                Err(_) => {}
                Ok(Some(Message::Stop) | None) => return Turn::Stopped,
            }
            // What it fails of is said when the release is claimed.
            if self.catch_up(release, false).await.is_ok() && release.index().state == StreamState::Ended {
                return Turn::Over;
            }
        }
    }

    /// Claims the release; none where another holds it, or nobody can.
    async fn claim(
        &self,
        presence: &Presence,
        release: &Release,
        from: &mut Option<Holder>,
        behind: &mut Option<ConductorId>,
        trouble: &mut Trouble,
    ) -> Option<Held> {
        match presence.claim(self.id).await {
            Ok((Claim::Held { previous, .. }, held)) => {
                *from = from.take().or(previous);
                Some(held)
            }
            Ok((Claim::Taken(Holder { presence: other, .. }), _)) => {
                if behind.as_ref() != Some(&other.conductor) {
                    info!(release = %self.id, holder = %other.conductor, "standing by: another drives it");
                    *behind = Some(other.conductor);
                }
                *trouble = Trouble::default();
                None
            }
            Ok((Claim::Absent, _)) => None,
            // Nobody can claim anything in a full store, and users may have to be taken back.
            Err(Unclaimed { full: true, .. }) if !presence.held_by_another(self.id).await => {
                presence.held_in_a_full_store()
            }
            Err(Unclaimed { why, .. }) => {
                self.complain(&format!("the store of leases does not work: {why}"), release, trouble);
                None
            }
        }
    }

    /// Brings the release up to what is recorded, and shows what is new.
    async fn catch_up(&mut self, release: &mut Box<Release>, surely: bool) -> Result<(), String> {
        if !self.stale && !surely {
            return Ok(());
        }
        let releases = &self.shared.releases;
        let stream = self.id.into();
        let head = within(JOURNAL_TIME, "journal", releases.journal().head(&stream)).await?;
        let head = head.map_err(|error| with_causes(&error))?;
        if head != release.head() {
            let refreshed = within(JOURNAL_TIME, "journal", releases.refresh(release)).await;
            let records = if let Ok(Ok(records)) = refreshed {
                records
            } else {
                // What it is now is not what is recorded: it is read anew.
                let loading = Box::pin(releases.load(self.id));
                let loaded = within(JOURNAL_TIME, "journal", loading).await?;
                **release = loaded.map_err(|error| with_causes(&error))?;
                Vec::new()
            };
            let records: Vec<Arc<Record>> = records.into_iter().map(Arc::new).collect();
            // Nobody listening is fine.
            let _ = self.shared.updates.send(Update::new(Arc::new(Release::clone(release)), records.into()));
        }
        *self.head.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = release.head();
        self.stale = false;
        Ok(())
    }

    /// A command is recorded all the same: whoever drives the release hears of it.
    fn pass_on(&self, asked: Asked) {
        let (shared, id) = (self.shared.clone(), self.id.clone());
        tokio::spawn(async move {
            let done = match asked.on {
                Basis::Whatever => shared.releases.carry_out(&id, &asked.command).await,
                Basis::Seen(seen) => shared.releases.carry_out_at(&id, seen, &asked.command).await,
            };
            // Whoever asked may have gone away.
            let _ = asked.reply.send(done);
        });
    }

    /// What follows from whose claim it was. What that one may have under way is on the record without an outcome: the
    /// session asks the platform before it does it again, and confirms no rollback before it could have arrived.
    fn taken_over(&self, presence: &Presence, from: &Holder, release: &Release) {
        let (previous, by) = (&from.presence, presence.conductor());
        warn!(release = %self.id, previous = %previous.conductor, %by, "taken over");
        if previous.conductor != *by {
            self.page_vanished(&previous.conductor, by, previous.seen.as_millis() / 1_000, release);
        }
    }

    /// On-call hears that nobody watched, while users had the new version.
    fn page_vanished(&self, previous: &ConductorId, by: &ConductorId, seconds: u64, release: &Release) {
        let phase = release.phase().name();
        if !phase.touches_production() || phase.is_end() {
            return;
        }
        let (id, share) = (self.id, release.exposure());
        let title = format!("{id}: conductor {previous} vanished; {by} drives it now");
        let body = format!(
            "{previous} was last heard of {seconds} s ago, and nothing was measured since. Traffic is at {share}. Nothing is to be \
             done for this release; find out what became of {previous}."
        );
        self.alarm(title, body, release, "vanished", None);
    }

    /// Says that the release can't be claimed: in the log each time, and to on-call when it lasts and users have it.
    fn complain(&self, why: &str, release: &Release, trouble: &mut Trouble) {
        warn!(release = %self.id, error = why, "the release can't be claimed; it is tried again");
        let now = Instant::now();
        let since = *trouble.since.get_or_insert(now);
        let due = trouble.told.map_or(since + ALARM_AFTER, |told| told + ALARM_EVERY);
        let phase = release.phase().name();
        if now < due || !phase.touches_production() || phase.is_end() {
            return;
        }
        trouble.told = Some(now);
        let traffic = match release.exposure() {
            share if share.is_zero() && phase != PhaseName::RollingBack => {
                "No user has the new version.".to_owned()
            }
            share => format!("Traffic is at {share}, and a breach would not take it back."),
        };
        let body = format!("It can't be claimed: {why}. {traffic} It is tried again until it can.");
        let target = release.target().filter(|_| !release.exposure().is_zero());
        self.alarm(format!("{}: nobody is driving", self.id), body, release, "unclaimed", target);
    }

    fn alarm(&self, title: String, body: String, release: &Release, what: &str, target: Option<Target>) {
        let key = format!("alarm-{}-{}-{what}", self.id, self.shared.releases.clock().now().as_millis());
        let mut alarm = Alarm::new(self.id.clone(), title, body, key);
        alarm.channel = release.policy().map(|policy| policy.on_call().channel.clone());
        alarm.target = target;
        self.shared.clone().sound(alarm);
    }
}

/// Since when a release can't be claimed, and when on-call was told of it.
#[derive(Default)]
struct Trouble {
    since: Option<Instant>,
    told: Option<Instant>,
}
