use std::collections::BTreeMap;

use super::{
    FreezeDeclared, FreezeLifted, HeadNamed, LeftAs, PolicyAdopted, ReleaseAdmitted, ReleaseLeft,
    ReleaseQueued, StableBy, StableEstablished, TargetEvent, TargetRecord, TargetRecordError, TargetRefusal,
    TargetRegistered, ledger::AskForAdmission,
};
use crate::{
    chain::{Digest, Head},
    policy::Freeze,
    port::Slot,
    unit::{Actor, ReleaseId, StreamId, TargetName, Text, Timestamp},
};

/// What the stream of a target, or that of the estate, amounts to.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetState {
    stream: StreamId,
    head: Option<Head>,
    last_at: Option<Timestamp>,
    registered: Option<TargetRegistered>,
    stable: Option<Stable>,
    former: Option<Stable>,
    holder: Option<Holder>,
    queue: Vec<Queued>,
    freezes: BTreeMap<u64, DeclaredFreeze>,
    policy: Option<PolicyAdopted>,
}

/// The version that users have.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stable {
    /// The version.
    pub version: Text,
    /// The place that has it.
    pub place: Slot,
    /// How that came about.
    pub by: StableBy,
    /// Since when.
    pub since: Timestamp,
}

/// The release that holds a target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The release.
    pub release: ReleaseId,
    /// The version that it releases.
    pub version: Text,
    /// The version that it replaces.
    pub replaces: Text,
    /// Since when.
    pub since: Timestamp,
    /// The record that says so.
    pub record: HeadNamed,
    /// Whether it is there to be rolled back after it was promoted.
    pub back: bool,
}

/// A release that waits for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Queued {
    /// The release.
    pub release: ReleaseId,
    /// The version that it releases.
    pub version: Text,
    /// Since when.
    pub since: Timestamp,
}

/// A freeze that a person has declared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeclaredFreeze {
    /// When, and why.
    pub freeze: Freeze,
    /// Who has declared it.
    pub by: Actor,
    /// When it was declared.
    pub at: Timestamp,
}

impl TargetState {
    /// A target, or the estate, of which nothing is recorded.
    pub fn new(stream: StreamId) -> Self {
        Self {
            stream,
            head: None,
            last_at: None,
            registered: None,
            stable: None,
            former: None,
            holder: None,
            queue: Vec::new(),
            freezes: BTreeMap::new(),
            policy: None,
        }
    }

    /// The stream.
    pub fn stream(&self) -> &StreamId {
        &self.stream
    }

    /// The last record; none before the first.
    pub fn head(&self) -> Option<Head> {
        self.head
    }

    /// When the last record was made.
    pub fn last_at(&self) -> Option<Timestamp> {
        self.last_at
    }

    /// What is known of the target itself; nothing before a release asks for it.
    pub fn registered(&self) -> Option<&TargetRegistered> {
        self.registered.as_ref()
    }

    /// The version that users have, as far as it is recorded.
    pub fn stable(&self) -> Option<&Stable> {
        self.stable.as_ref()
    }

    /// The version that users had before, to which a revert leads.
    pub fn former(&self) -> Option<&Stable> {
        self.former.as_ref()
    }

    /// The release that holds it.
    pub fn holder(&self) -> Option<&Holder> {
        self.holder.as_ref()
    }

    /// The releases that wait for it, the first one first.
    pub fn queue(&self) -> &[Queued] {
        &self.queue
    }

    /// The freezes that were declared and not lifted, by the record that declared each; some may be over.
    pub fn freezes(&self) -> &BTreeMap<u64, DeclaredFreeze> {
        &self.freezes
    }

    /// The operating policy in force, where one was adopted.
    pub fn policy(&self) -> Option<&PolicyAdopted> {
        self.policy.as_ref()
    }

    /// Folds the next record.
    ///
    /// # Errors
    ///
    /// [`TargetRecordError`] for one that does not continue the stream, or can't have happened there.
    pub fn apply(&mut self, record: &TargetRecord) -> Result<(), TargetRecordError> {
        let (seq, prev) = self.head.map_or((0, Digest::ZERO), |head| (head.seq + 1, head.digest));
        let in_time = self.last_at.is_none_or(|last| record.at >= last);
        if record.stream != self.stream || (record.seq, record.prev) != (seq, prev) || !in_time {
            let (stream, seq) = (record.stream.clone(), record.seq);
            return Err(TargetRecordError::OutOfOrder { stream, seq });
        }
        self.can_happen(&record.event).map_err(|problem| TargetRecordError::Impossible {
            stream: record.stream.clone(),
            seq,
            problem,
        })?;
        (self.head, self.last_at) = (Some(record.head()), Some(record.at));
        self.fold(record);
        Ok(())
    }

    /// Whether an event can happen now: the laws of a target, for records that were not decided here, too.
    fn can_happen(&self, event: &TargetEvent) -> Result<(), &'static str> {
        let of_the_estate = self.stream == StreamId::Estate;
        match event {
            TargetEvent::FreezeDeclared(_) => Ok(()),
            TargetEvent::FreezeLifted(lifted) if self.freezes.contains_key(&lifted.declared) => Ok(()),
            TargetEvent::FreezeLifted(_) => Err("it lifts a freeze that was not declared"),
            TargetEvent::PolicyAdopted(_) if of_the_estate => Ok(()),
            TargetEvent::PolicyAdopted(_) => {
                Err("a policy is adopted for all targets, in the stream `estate`")
            }
            _ if of_the_estate => Err("the estate has no places and no releases of its own"),
            TargetEvent::TargetRegistered(_) if self.registered.is_some() => {
                Err("the target is registered already")
            }
            TargetEvent::ReleaseAdmitted(_) if self.holder.is_some() => {
                Err("another release holds the target: one at a time moves its traffic")
            }
            TargetEvent::ReleaseAdmitted(admitted) => match self.queue.first() {
                Some(first) if first.release != admitted.release && !admitted.back => {
                    Err("another release has waited for longer")
                }
                Some(_) | None => Ok(()),
            },
            TargetEvent::ReleaseQueued(queued) => {
                let waits = self.queue.iter().any(|one| one.release == queued.release);
                if waits { Err("the release waits already") } else { Ok(()) }
            }
            TargetEvent::ReleaseLeft(left) => {
                let holds = self.holder.as_ref().is_some_and(|holder| holder.release == left.release);
                let waits = self.queue.iter().any(|one| one.release == left.release);
                if holds || waits {
                    Ok(())
                } else {
                    Err("the release neither holds the target nor waits for it")
                }
            }
            TargetEvent::TargetRegistered(_) | TargetEvent::StableEstablished(_) => Ok(()),
        }
    }

    fn fold(&mut self, record: &TargetRecord) {
        let at = record.at;
        match &record.event {
            TargetEvent::TargetRegistered(registered) => self.registered = Some(registered.clone()),
            TargetEvent::StableEstablished(StableEstablished { version, place, by }) => {
                let stable = Stable { version: version.clone(), place: *place, by: by.clone(), since: at };
                let before = self.stable.replace(stable);
                self.former = before.filter(|before| before.version != *version).or(self.former.take());
            }
            TargetEvent::ReleaseQueued(ReleaseQueued { release, version }) => {
                self.queue.push(Queued { release: release.clone(), version: version.clone(), since: at });
            }
            TargetEvent::ReleaseAdmitted(ReleaseAdmitted { release, version, replaces, head: _, back }) => {
                self.queue.retain(|one| one.release != *release);
                self.holder = Some(Holder {
                    release: release.clone(),
                    version: version.clone(),
                    replaces: replaces.clone(),
                    since: at,
                    record: record.head().into(),
                    back: *back,
                });
            }
            TargetEvent::ReleaseLeft(left) => {
                self.queue.retain(|one| one.release != left.release);
                self.holder = self.holder.take().filter(|holder| holder.release != left.release);
            }
            TargetEvent::FreezeDeclared(FreezeDeclared { freeze }) => {
                let declared = DeclaredFreeze { freeze: freeze.clone(), by: record.by.clone(), at };
                self.freezes.insert(record.seq, declared);
            }
            TargetEvent::FreezeLifted(FreezeLifted { declared, .. }) => {
                self.freezes.remove(declared);
            }
            TargetEvent::PolicyAdopted(policy) => self.policy = Some(policy.clone()),
        }
    }

    /// What a release that asks for the target leads to: it holds it, or waits. Nothing where it does so already.
    ///
    /// # Errors
    ///
    /// [`TargetRefusal::WrongKind`] for a drill on a target that meets users, and for anything else on one that does not.
    pub(super) fn admit(
        &self,
        name: &TargetName,
        ask: &AskForAdmission,
    ) -> Result<Vec<TargetEvent>, TargetRefusal> {
        let rehearsal = self.registered.as_ref().map_or(ask.rehearsal, |registered| registered.rehearsal);
        if rehearsal != ask.drill {
            return Err(TargetRefusal::WrongKind { target: name.clone(), rehearsal });
        }
        let mut events = Vec::new();
        if self.registered.is_none() {
            events.push(TargetRegistered::new(ask.service.clone(), ask.rehearsal).into());
        }
        if self.holder.as_ref().is_some_and(|holder| holder.release == ask.release) {
            return Ok(events);
        }
        let first = self.queue.first().map(|first| &first.release);
        if self.holder.is_none() && first.is_none_or(|first| *first == ask.release) {
            if self.stable.is_none() {
                let by = StableBy::Plan { release: ask.release.clone() };
                let (version, place) = (ask.replaces.clone(), Slot::First);
                events.push(StableEstablished { version, place, by }.into());
            }
            let AskForAdmission { release, version, replaces, head, .. } = ask.clone();
            let head = head.map(HeadNamed::from);
            events.push(ReleaseAdmitted { release, version, replaces, head, back: false }.into());
        } else if !self.queue.iter().any(|one| one.release == ask.release) {
            let (release, version) = (ask.release.clone(), ask.version.clone());
            events.push(ReleaseQueued { release, version }.into());
        }
        Ok(events)
    }

    /// What follows when a release has ended. Nothing where it neither holds the target nor waits for it.
    pub(super) fn leave(
        &self,
        release: &ReleaseId,
        how: LeftAs,
        place: Slot,
        head: Option<Head>,
    ) -> Vec<TargetEvent> {
        let holder = self.holder.as_ref().filter(|holder| holder.release == *release);
        let waits = self.queue.iter().any(|one| one.release == *release);
        if holder.is_none() && !waits {
            return Vec::new();
        }
        let mut events = Vec::new();
        let release = release.clone();
        if let Some(holder) = holder {
            let by = match how {
                LeftAs::Promoted => {
                    Some((holder.version.clone(), StableBy::Promotion { release: release.clone() }))
                }
                LeftAs::RolledBack if holder.back => {
                    Some((holder.replaces.clone(), StableBy::Rollback { release: release.clone() }))
                }
                LeftAs::RolledBack | LeftAs::Aborted => None,
            };
            events.extend(by.map(|(version, by)| StableEstablished { version, place, by }.into()));
        }
        events.push(ReleaseLeft { release, how, head: head.map(HeadNamed::from) }.into());
        events
    }

    /// What gives a promoted release the target back, so that it can be rolled back. Nothing where it holds it, or where the
    /// target does not know of it.
    ///
    /// # Errors
    ///
    /// [`TargetRefusal`] where users have another version by now, or another release moves the traffic.
    pub(super) fn claim_back(
        &self,
        name: &TargetName,
        release: &ReleaseId,
        (version, replaces): (&Text, &Text),
        head: Option<Head>,
    ) -> Result<Vec<TargetEvent>, TargetRefusal> {
        if let Some(holder) = &self.holder {
            if holder.release == *release {
                return Ok(Vec::new());
            }
            return Err(TargetRefusal::Held {
                release: release.clone(),
                target: name.clone(),
                holder: holder.release.clone(),
                since: holder.since,
            });
        }
        let Some(stable) = &self.stable else { return Ok(Vec::new()) };
        let through = match &stable.by {
            StableBy::Promotion { release: by } if by == release => {
                let (release, version, replaces) = (release.clone(), version.clone(), replaces.clone());
                let head = head.map(HeadNamed::from);
                return Ok(vec![ReleaseAdmitted { release, version, replaces, head, back: true }.into()]);
            }
            StableBy::Promotion { release } | StableBy::Rollback { release } => {
                Some((release.clone(), stable.since))
            }
            StableBy::Plan { .. } | StableBy::Person {} => None,
        };
        Err(TargetRefusal::NotLive {
            release: release.clone(),
            target: name.clone(),
            live: stable.version.clone(),
            former: replaces.clone(),
            through,
        })
    }
}
