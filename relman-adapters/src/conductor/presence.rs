//! That a conductor is there: heartbeats, claims, and the time for which it may act on them.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use relman_core::{
    port::{self, Claim, Clock, ConductorId, Leases, PortErrorKind, TakesUp, with_causes},
    unit::{ReleaseId, Span, Timestamp},
};
use tokio::{
    sync::{Notify, Semaphore, watch},
    task::JoinHandle,
    time::Instant,
};
use tracing::warn;

use super::{executor::within, shared::span_of};

/// How many claims may be under way at once.
const CLAIMS: usize = 8;

/// A shorter lease expires where a machine is merely busy.
const SHORTEST: Duration = Duration::from_secs(1);

/// A conductor's presence in the store of leases.
///
/// The figures are those of Kubernetes' client-go: a lease is renewed three times in its time, and its holder acts on it for
/// two thirds of that, counted on its own steady clock from before the request was sent.
pub(super) struct Presence {
    leases: Arc<dyn Leases>,
    conductor: ConductorId,
    clock: Arc<dyn Clock>,
    lease_time: Duration,
    standing: Mutex<Standing>,
    /// Which unbroken presence this is. Whoever claimed in an earlier one holds nothing any more.
    unbroken: watch::Sender<u64>,
    /// Claims that may be under way at once: a conductor takes up a hundred thousand releases when it starts, and its heartbeat
    /// must not wait for them.
    claims: Semaphore,
    /// Who was present when that was last asked, and when.
    others: tokio::sync::Mutex<Option<(Instant, BTreeSet<ConductorId>)>>,
    /// What is taken up has changed, and has to be said at once.
    news: Arc<Notify>,
    /// The first heartbeat has come to an end, whatever end.
    begun: watch::Sender<bool>,
}

struct Standing {
    takes_up: TakesUp,
    /// Until when this conductor may act; it may not, if absent.
    acts_until: Option<Timestamp>,
    /// Whether the last heartbeat found no room: what is held is not known to the store any more.
    full: bool,
    beating: Option<JoinHandle<()>>,
}

/// A claim that a conductor has, in one of its unbroken presences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    unbroken: u64,
}

/// Why a release can't be claimed now.
pub(super) struct Unclaimed {
    pub(super) why: String,
    /// Whether the store is full: nobody can claim anything then.
    pub(super) full: bool,
}

impl Presence {
    pub(super) fn new(
        leases: Arc<dyn Leases>,
        conductor: ConductorId,
        clock: Arc<dyn Clock>,
        lease_time: Duration,
    ) -> Self {
        let standing = Standing { takes_up: TakesUp::Named, acts_until: None, full: false, beating: None };
        let (unbroken, begun) = (watch::channel(0).0, watch::channel(false).0);
        Self {
            leases,
            conductor,
            clock,
            lease_time: lease_time.max(SHORTEST),
            standing: Mutex::new(standing),
            unbroken,
            claims: Semaphore::new(CLAIMS),
            others: tokio::sync::Mutex::default(),
            news: Arc::default(),
            begun,
        }
    }

    pub(super) fn conductor(&self) -> &ConductorId {
        &self.conductor
    }

    /// How often a stream is looked at that another holds.
    pub(super) fn look_every(&self) -> Duration {
        self.lease_time / 15
    }

    /// For how long a conductor acts after it was last heard of.
    pub(super) fn acts_for(&self) -> Duration {
        self.lease_time * 2 / 3
    }

    fn renew_every(&self) -> Duration {
        self.lease_time / 3
    }

    fn lock(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that the conductor is there, from now until it leaves; waits for the first answer.
    pub(super) async fn begin(self: &Arc<Self>, takes_up: TakesUp) {
        {
            let mut standing = self.lock();
            if takes_up == TakesUp::Everything && standing.takes_up != takes_up {
                standing.takes_up = takes_up;
                self.news.notify_one();
            }
            if standing.beating.is_none() {
                self.begun.send_replace(false);
                standing.beating = Some(tokio::spawn(beat(Arc::downgrade(self))));
            }
        }
        // It is held by whoever waits, so it does not close.
        let _ = self.begun.subscribe().wait_for(|begun| *begun).await;
    }

    /// Goes, and says so: another may take over at once what is not under way.
    pub(super) async fn leave(&self) {
        self.vanish();
        let leaving = within(self.renew_every(), "store of leases", self.leases.leave(&self.conductor));
        match leaving.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => warn!(error = with_causes(&error), "failed to give the lease back; it expires"),
            Err(why) => warn!(error = why, "failed to give the lease back; it expires"),
        }
    }

    /// Goes without a word, as a process does that is killed.
    pub(super) fn vanish(&self) {
        let mut standing = self.lock();
        standing.acts_until = None;
        standing.takes_up = TakesUp::Named;
        if let Some(beating) = standing.beating.take() {
            beating.abort();
        }
    }

    /// Whether a conductor with this claim may act now.
    pub(super) fn holds(&self, held: Held) -> bool {
        let acts = self.lock().acts_until.is_some_and(|until| self.clock.now() < until);
        acts && *self.unbroken.borrow() == held.unbroken
    }

    /// Returns when a claim is worth nothing any more.
    pub(super) async fn lost(&self, held: Held) {
        let mut unbroken = self.unbroken.subscribe();
        // The sender is this, which lives as long as it is waited.
        let _ = unbroken.wait_for(|now| *now != held.unbroken).await;
    }

    /// Claims a release.
    pub(super) async fn claim(&self, release: &ReleaseId) -> Result<(Claim, Held), Unclaimed> {
        let _permit = self.claims.acquire().await;
        // Asked for first: a break after that makes the claim worth nothing.
        let held = Held { unbroken: *self.unbroken.borrow() };
        match within(self.renew_every(), "store of leases", self.leases.claim(release, &self.conductor)).await
        {
            Ok(Ok(claim)) => Ok((claim, held)),
            Ok(Err(error)) => {
                Err(Unclaimed { full: error.kind() == PortErrorKind::Full, why: with_causes(&error) })
            }
            Err(why) => Err(Unclaimed { why, full: false }),
        }
    }

    /// Whether another is there, as far as is known: asked once for all releases that stand by for it.
    pub(super) async fn sees(&self, other: &ConductorId) -> bool {
        let mut others = self.others.lock().await;
        if let Some((asked, present)) = &*others
            && asked.elapsed() < self.look_every()
        {
            return present.contains(other);
        }
        let asked = within(self.renew_every(), "store of leases", self.leases.conductors()).await;
        let Ok(Ok(all)) = asked else { return false };
        let present: BTreeSet<ConductorId> =
            all.into_iter().filter(port::Presence::is_present).map(|one| one.conductor).collect();
        let sees = present.contains(other);
        *others = Some((Instant::now(), present));
        sees
    }

    /// A full store takes nobody's claim. Whether another is present that has one.
    pub(super) async fn held_by_another(&self, release: &ReleaseId) -> bool {
        let asked = within(self.renew_every(), "store of leases", self.leases.holder(release)).await;
        match asked {
            Ok(Ok(holder)) => holder.is_some_and(|holder| {
                holder.presence.is_present() && holder.presence.conductor != self.conductor
            }),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// What nobody can claim and nobody else has is this conductor's, as long as it may act.
    pub(super) fn held_in_a_full_store(&self) -> Option<Held> {
        let held = Held { unbroken: *self.unbroken.borrow() };
        self.holds(held).then_some(held)
    }

    /// Gives a release back that has nothing under way.
    pub(super) async fn give_back(&self, release: &ReleaseId) {
        let _permit = self.claims.acquire().await;
        let giving = self.leases.give_back(release, &self.conductor);
        // What is not given back is free once this conductor goes, or has nothing left to do.
        let _ = within(self.renew_every(), "store of leases", giving).await;
    }

    /// Says once more that the conductor is there; returns for how long to wait before the next time.
    async fn heartbeat(&self) -> Duration {
        let sent = self.clock.now();
        let takes_up = self.lock().takes_up;
        let ttl = span_of(self.lease_time);
        let beating = self.leases.heartbeat(&self.conductor, takes_up, ttl);
        let mut full = false;
        let heard = match within(self.renew_every(), "store of leases", beating).await {
            Ok(Ok(())) => true,
            // In a store that has no room left, nobody gets a lease: what is held stays held. Room is made by whoever
            // takes users back, and needs this one.
            Ok(Err(error)) if error.kind() == PortErrorKind::Full => {
                warn!(error = with_causes(&error), "the store of leases is full; what is held stays held");
                full = true;
                true
            }
            Ok(Err(error)) => {
                warn!(error = with_causes(&error), "the lease was not renewed; it is tried again");
                false
            }
            Err(why) => {
                warn!(error = why, "the lease was not renewed; it is tried again");
                false
            }
        };
        let now = self.clock.now();
        let mut standing = self.lock();
        let was_broken = standing.acts_until.is_none_or(|until| until <= now);
        // With room again, everything is claimed anew: others may have gone on as well.
        let has_room_again = std::mem::replace(&mut standing.full, full) && !full;
        if heard {
            let until = sent + span_of(self.acts_for());
            standing.acts_until = (now < until).then_some(until);
        }
        let left = standing.acts_until.map_or(Span::ZERO, |until| until.since(now));
        let is_broken = left == Span::ZERO;
        drop(standing);
        // Once at the end of a presence, and once at the beginning of the next.
        if was_broken || is_broken || has_room_again {
            self.unbroken.send_modify(|unbroken| *unbroken += 1);
        }
        self.begun.send_replace(true);
        let pause = if heard { self.renew_every() } else { self.look_every() };
        // The end of what is held has to be noticed.
        if is_broken { pause } else { pause.min(left.to_std()) }
    }
}

/// Heartbeats for as long as the conductor is there.
async fn beat(presence: Weak<Presence>) {
    loop {
        let Some(strong) = presence.upgrade() else { return };
        let (pause, news) = (strong.heartbeat().await, strong.news.clone());
        // Nobody is kept there by a heartbeat that waits.
        drop(strong);
        let pause = pause.max(Duration::from_millis(10));
        // News end the wait early.
        let _ = tokio::time::timeout(pause, news.notified()).await;
    }
}

/// The conductor of this process: one name for each, should it have several.
pub(super) fn own_id(clock: &dyn Clock) -> ConductorId {
    static LAST: AtomicI64 = AtomicI64::new(0);
    let now = clock.calendar().as_millis();
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    let started = if last >= now { LAST.fetch_add(1, Ordering::Relaxed) + 1 } else { now };
    ConductorId::new(&host(), std::process::id(), Timestamp::from_millis(started))
}

/// The name of this machine.
fn host() -> String {
    let asked = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = || ["HOSTNAME", "COMPUTERNAME"].into_iter().find_map(|name| std::env::var(name).ok());
    let name = asked.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty()).or_else(told);
    name.unwrap_or_else(|| "localhost".to_owned())
}
