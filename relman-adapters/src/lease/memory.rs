use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    port::{Claim, Clock, ConductorId, Epoch, Holder, Leases, PortError, Presence, TakesUp},
    unit::{ReleaseId, Span, Timestamp},
};

use super::REMEMBERED;

/// Leases in memory, by the clock that they are given: for tests, examples, and conductors of one process.
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use relman_adapters::{clock::SystemClock, lease::MemoryLeases};
/// use relman_core::{
///     port::{Claim, ConductorId, Leases, LeasesExt, TakesUp},
///     unit::{Span, Timestamp},
/// };
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let leases = MemoryLeases::new(Arc::new(SystemClock));
/// let release = "checkout-241".parse()?;
/// assert_eq!(leases.driver_of(&release).await?.to_string(), "no conductor is running");
///
/// let conductor = ConductorId::new("web-1", 4711, Timestamp::from_millis(0));
/// leases.heartbeat(&conductor, TakesUp::Named, Span::from_secs(15)).await?;
/// assert!(matches!(leases.claim(&release, &conductor).await?, Claim::Held { .. }));
/// assert_eq!(leases.driver_of(&release).await?.to_string(), "conductor web-1/4711, seen 0 s ago");
/// # Ok(())
/// # }
/// ```
pub struct MemoryLeases {
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    conductors: BTreeMap<ConductorId, Known>,
    claims: BTreeMap<ReleaseId, Claimed>,
}

#[derive(Clone, Copy)]
struct Known {
    takes_up: TakesUp,
    /// How often it has come.
    term: u64,
    since: Timestamp,
    seen: Timestamp,
    until: Timestamp,
}

/// The last claim on a stream. The number stays when it is given back, so that the next one is higher.
struct Claimed {
    by: Option<ConductorId>,
    /// In which term of that conductor: after a break it holds it no longer.
    term: u64,
    epoch: u64,
}

impl MemoryLeases {
    /// Leases that nobody has, which expire by this clock.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, held: Mutex::default() }
    }

    fn lock(&self) -> (MutexGuard<'_, Held>, Timestamp) {
        // A panic can't leave anything half-written: nothing between two changes can fail.
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        (held, self.clock.now())
    }
}

impl Known {
    fn is_present(&self, now: Timestamp) -> bool {
        now < self.until
    }

    fn presence(&self, conductor: &ConductorId, now: Timestamp) -> Presence {
        let left = self.is_present(now).then(|| self.until.since(now));
        Presence::new(conductor.clone(), self.takes_up, now.since(self.since), now.since(self.seen), left)
    }
}

impl Held {
    fn holder(&self, stream: &ReleaseId, now: Timestamp) -> Option<Holder> {
        let claimed = self.claims.get(stream)?;
        let by = claimed.by.as_ref()?;
        let mut presence = self.conductors.get(by)?.presence(by, now);
        if self.conductors.get(by).is_none_or(|known| known.term != claimed.term) {
            presence.left = None;
        }
        Some(Holder::new(presence, Epoch(claimed.epoch)))
    }
}

#[async_trait]
impl Leases for MemoryLeases {
    fn name(&self) -> &'static str {
        "memory"
    }

    async fn heartbeat(
        &self,
        conductor: &ConductorId,
        takes_up: TakesUp,
        ttl: Span,
    ) -> Result<(), PortError> {
        let (mut held, now) = self.lock();
        let (term, since) = match held.conductors.get(conductor) {
            Some(known) if known.is_present(now) => (known.term, known.since),
            known => (known.map_or(0, |known| known.term) + 1, now),
        };
        let known = Known { takes_up, term, since, seen: now, until: now + ttl };
        held.conductors.insert(conductor.clone(), known);
        let Held { conductors, claims } = &mut *held;
        conductors.retain(|id, known| {
            now.since(known.until) < REMEMBERED || claims.values().any(|claim| claim.by.as_ref() == Some(id))
        });
        Ok(())
    }

    async fn leave(&self, conductor: &ConductorId) -> Result<(), PortError> {
        let (mut held, now) = self.lock();
        if let Some(known) = held.conductors.get_mut(conductor) {
            known.until = known.until.min(now);
        }
        for claimed in held.claims.values_mut().filter(|claimed| claimed.by.as_ref() == Some(conductor)) {
            claimed.by = None;
        }
        Ok(())
    }

    async fn conductors(&self) -> Result<Vec<Presence>, PortError> {
        let (held, now) = self.lock();
        let mut all: Vec<Presence> =
            held.conductors.iter().map(|(id, known)| known.presence(id, now)).collect();
        all.retain(|one| one.is_present() || one.seen < REMEMBERED);
        all.sort_by_key(|one| one.seen);
        Ok(all)
    }

    async fn claim(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<Claim, PortError> {
        let (mut held, now) = self.lock();
        let Some(own) = held.conductors.get(conductor).copied().filter(|known| known.is_present(now)) else {
            return Ok(Claim::Absent);
        };
        let holder = held.holder(stream, now);
        match holder {
            Some(holder) if holder.presence.is_present() => {
                if holder.presence.conductor == *conductor {
                    return Ok(Claim::Held { epoch: holder.epoch, previous: None });
                }
                Ok(Claim::Taken(holder))
            }
            previous => {
                let epoch = held.claims.get(stream).map_or(0, |claimed| claimed.epoch) + 1;
                let claimed = Claimed { by: Some(conductor.clone()), term: own.term, epoch };
                held.claims.insert(stream.clone(), claimed);
                Ok(Claim::Held { epoch: Epoch(epoch), previous })
            }
        }
    }

    async fn give_back(&self, stream: &ReleaseId, conductor: &ConductorId) -> Result<(), PortError> {
        let (mut held, now) = self.lock();
        let holder = held.holder(stream, now).filter(|holder| holder.presence.is_present());
        if holder.is_some_and(|holder| holder.presence.conductor == *conductor)
            && let Some(claimed) = held.claims.get_mut(stream)
        {
            claimed.by = None;
        }
        Ok(())
    }

    async fn holder(&self, stream: &ReleaseId) -> Result<Option<Holder>, PortError> {
        let (held, now) = self.lock();
        Ok(held.holder(stream, now))
    }
}
