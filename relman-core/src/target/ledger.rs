use thiserror::Error;

use super::{
    FreezeDeclared, FreezeLifted, LeftAs, PolicyAdopted, StableBy, StableEstablished, TargetEvent,
    TargetRecord, TargetRecordError, TargetRefusal, TargetState, record::seal,
};
use crate::{
    chain::{Head, SealError},
    policy::{Freeze, Frozen, Policy},
    port::{AppendError, Journal, JournalExt, PortError, Slot, StreamIndex, StreamState},
    unit::{Actor, ReleaseId, ServiceName, StreamId, TargetName, Text, Timestamp},
};

/// How often a change is decided anew because others appended first. Each time one of them got through, so this many in a
/// row mean that something is wrong.
const CONFLICTS: u32 = 32;

/// The targets of a journal: reads their streams, decides on what they hold, and appends with the head that was read, so
/// that of two who ask at once one is first.
///
/// Every change may be asked for again: what is so already adds nothing.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    journal: &'a dyn Journal,
    now: Timestamp,
}

/// Why a target could not be read or changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TargetError {
    /// The target does not allow it. Nothing was recorded.
    #[error(transparent)]
    Refused(#[from] TargetRefusal),
    /// The journal can't be read.
    #[error(transparent)]
    Journal(#[from] PortError),
    /// The journal did not take it.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// What the journal holds is not the record of a target.
    #[error("the record of {stream} can't be trusted")]
    Record {
        /// The stream.
        stream: StreamId,
        /// What is wrong with it.
        #[source]
        source: Box<TargetRecordError>,
    },
    /// What was decided can't be written.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Others kept appending first.
    #[error("failed to change {0}: others appended first {CONFLICTS} times in a row")]
    Crowded(StreamId),
}

/// A release that wants to enter production.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct AskForAdmission {
    /// The release.
    pub release: ReleaseId,
    /// Its service.
    pub service: ServiceName,
    /// The version that it releases.
    pub version: Text,
    /// The version that it replaces.
    pub replaces: Text,
    /// Its last record: the admission commits to it.
    pub head: Option<Head>,
    /// Whether it is a drill.
    pub drill: bool,
    /// Whether the target is one for rehearsals, as whoever configures it says: counts where it is not registered yet.
    pub rehearsal: bool,
}

impl AskForAdmission {
    /// A release that asks, on a target of the kind that it belongs on.
    pub fn new(release: ReleaseId, service: ServiceName, version: Text, replaces: Text) -> Self {
        Self { release, service, version, replaces, head: None, drill: false, rehearsal: false }
    }

    /// With the last record of the release.
    #[must_use]
    pub fn at(mut self, head: Option<Head>) -> Self {
        self.head = head;
        self
    }

    /// As a drill, or not, on a target that is configured for rehearsals, or not.
    #[must_use]
    pub fn on(mut self, drill: bool, rehearsal: bool) -> Self {
        (self.drill, self.rehearsal) = (drill, rehearsal);
        self
    }
}

/// What became of a release that asked for a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Admission {
    /// It holds the target: it alone moves its traffic.
    Admitted(Admitted),
    /// It waits until the target is free, and asks again.
    Waiting(Waiting),
    /// It can't be admitted there, however long it waits: why not.
    Refused(Text),
}

/// A release that holds its target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Admitted {
    /// The record of its admission, in the target's stream.
    pub record: Head,
    /// The place that has the version that users have.
    pub stable: Slot,
    /// That version, as it is recorded.
    pub version: Text,
}

/// A release that waits for its target.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waiting {
    /// The release that it waits for: the one that holds the target, or else the one that is first in the queue.
    pub behind: ReleaseId,
    /// How many others come first, the holder among them.
    pub ahead: u32,
}

impl Admitted {
    /// A release that holds its target by this record, where this version is stable in this place.
    pub fn new(record: Head, stable: Slot, version: Text) -> Self {
        Self { record, stable, version }
    }
}

impl Waiting {
    /// A release with so many others before it, the one that it waits for among them.
    pub fn new(behind: ReleaseId, ahead: u32) -> Self {
        Self { behind, ahead }
    }
}

/// What keeps everything on a target from going forward now: nothing, by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Standing {
    /// The freeze that holds; of several, the one that ends last.
    pub frozen: Option<Stopped>,
}

/// A freeze that holds, with where it was declared.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stopped {
    /// The stream that has it.
    pub stream: StreamId,
    /// Why, and when it holds, as it was written.
    pub freeze: Text,
    /// Who has declared it; none for one of the operating policy.
    pub by: Option<Actor>,
    /// When nothing holds any more; none where a person has to lift it.
    pub until: Option<Timestamp>,
}

impl Standing {
    /// Nothing stops anybody.
    pub fn open() -> Self {
        Self::default()
    }

    /// Stopped by a freeze.
    pub fn stopped(stream: StreamId, freeze: Text, by: Option<Actor>, until: Option<Timestamp>) -> Self {
        Self { frozen: Some(Stopped { stream, freeze, by, until }) }
    }

    /// What a target and the estate say at a moment.
    pub fn of(target: &TargetState, estate: &TargetState, now: Timestamp) -> Self {
        let declared = |state: &TargetState| -> Vec<(StreamId, Option<Actor>, Freeze)> {
            let declared = state.freezes().values();
            let declared =
                declared.map(|one| (state.stream().clone(), Some(one.by.clone()), one.freeze.clone()));
            let adopted = state.policy().into_iter().flat_map(|policy| &policy.freezes);
            declared.chain(adopted.map(|freeze| (state.stream().clone(), None, freeze.clone()))).collect()
        };
        let all: Vec<_> = declared(target).into_iter().chain(declared(estate)).collect();
        let Some(frozen) = Frozen::by(all.iter().map(|(_, _, freeze)| freeze), now) else {
            return Self::open();
        };
        let by = all.iter().find(|(_, _, freeze)| freeze == frozen.freeze);
        let stopped = by.map(|(stream, by, freeze)| Stopped {
            stream: stream.clone(),
            freeze: freeze.name(),
            by: by.clone(),
            until: frozen.until,
        });
        Self { frozen: stopped }
    }
}

impl<'a> Targets<'a> {
    /// The targets of a journal, at a moment.
    pub fn new(journal: &'a dyn Journal, now: Timestamp) -> Self {
        Self { journal, now }
    }

    /// A target as its stream has it; one that has none is empty.
    ///
    /// # Errors
    ///
    /// [`TargetError`] where the journal can't be read, or what it holds can't be trusted.
    pub async fn load(&self, target: &TargetName) -> Result<TargetState, TargetError> {
        self.state(target.into()).await
    }

    /// What holds for all targets.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub async fn estate(&self) -> Result<TargetState, TargetError> {
        self.state(StreamId::Estate).await
    }

    /// The records of a target or of the estate, the first one first.
    ///
    /// # Errors
    ///
    /// As for [`load`](Self::load).
    pub async fn records(&self, stream: &StreamId) -> Result<Vec<TargetRecord>, TargetError> {
        let untrusted = |source| TargetError::Record { stream: stream.clone(), source: Box::new(source) };
        let lines = self.journal.read_to_end(stream, 0).await?;
        lines.iter().map(|line| TargetRecord::read(line).map_err(untrusted)).collect()
    }

    async fn state(&self, stream: StreamId) -> Result<TargetState, TargetError> {
        let records = self.records(&stream).await?;
        let mut state = TargetState::new(stream);
        for record in &records {
            state.apply(record).map_err(|source| {
                let stream = record.stream.clone();
                TargetError::Record { stream, source: Box::new(source) }
            })?;
        }
        Ok(state)
    }

    /// Decides on what a stream holds, and appends it, until nobody else was first. Returns the state afterwards.
    async fn change(
        &self,
        stream: &StreamId,
        by: &Actor,
        decide: impl Fn(&TargetState) -> Result<Vec<TargetEvent>, TargetRefusal>,
    ) -> Result<TargetState, TargetError> {
        for _ in 0..CONFLICTS {
            let mut state = self.state(stream.clone()).await?;
            let events = decide(&state)?;
            if events.is_empty() {
                return Ok(state);
            }
            let at = state.last_at().map_or(self.now, |last| last.max(self.now));
            let lines = seal(stream, state.head(), at, by, &events)?;
            for line in &lines {
                let record = TargetRecord::read(line.bytes());
                let folded = record.and_then(|record| state.apply(&record));
                folded.map_err(|source| TargetError::Record {
                    stream: stream.clone(),
                    source: Box::new(source),
                })?;
            }
            let expected = lines
                .first()
                .and_then(|first| first.seq().checked_sub(1).map(|seq| Head { seq, digest: first.prev() }));
            match self.journal.append(stream, expected, &lines, &state.index()).await {
                Ok(_) => return Ok(state),
                Err(AppendError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(TargetError::Crowded(stream.clone()))
    }

    /// Asks for a target on behalf of a release: it holds it from then on, or waits in the queue.
    ///
    /// # Errors
    ///
    /// [`TargetError`]; that the target is of the wrong kind is an answer, not an error.
    pub async fn admit(&self, target: &TargetName, ask: &AskForAdmission) -> Result<Admission, TargetError> {
        let decide = |state: &TargetState| state.admit(target, ask);
        let state = match self.change(&target.into(), &Actor::relman(), decide).await {
            Err(TargetError::Refused(refusal)) => {
                return Ok(Admission::Refused(Text::of(&refusal.to_string())));
            }
            state => state?,
        };
        Ok(state.admission_of(&ask.release))
    }

    /// Notes that a release has ended: the target is free for the next one.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub async fn leave(
        &self,
        target: &TargetName,
        release: &ReleaseId,
        (how, place): (LeftAs, Slot),
        head: Option<Head>,
    ) -> Result<TargetState, TargetError> {
        let decide = |state: &TargetState| Ok(state.leave(release, how, place, head));
        self.change(&target.into(), &Actor::relman(), decide).await
    }

    /// Gives a release that was promoted the target back, so that it can be rolled back.
    ///
    /// # Errors
    ///
    /// [`TargetError::Refused`] where users have another version by now, or another release moves the traffic.
    pub async fn claim_back(
        &self,
        target: &TargetName,
        (release, by): (&ReleaseId, &Actor),
        versions: (&Text, &Text),
        head: Option<Head>,
    ) -> Result<TargetState, TargetError> {
        let decide = |state: &TargetState| state.claim_back(target, release, versions, head);
        self.change(&target.into(), by, decide).await
    }

    /// Stops everything that goes forward, on a target or, with [`StreamId::Estate`], everywhere. Returns the number that
    /// lifts it.
    ///
    /// # Errors
    ///
    /// [`TargetError`]; [`TargetRefusal::Past`] for a freeze that is over already.
    pub async fn freeze(&self, on: &StreamId, by: &Actor, freeze: &Freeze) -> Result<u64, TargetError> {
        let past =
            freeze.until.as_ref().map(crate::policy::WrittenTime::at).filter(|until| *until <= self.now);
        if let Some(until) = past {
            return Err(TargetRefusal::Past { until }.into());
        }
        let decide = |_: &TargetState| Ok(vec![FreezeDeclared { freeze: freeze.clone() }.into()]);
        let state = self.change(on, by, decide).await?;
        Ok(state.head().map_or(0, |head| head.seq))
    }

    /// Lifts a declared freeze.
    ///
    /// # Errors
    ///
    /// [`TargetError`]; [`TargetRefusal::NoSuchFreeze`] names those that there are.
    pub async fn unfreeze(
        &self,
        on: &StreamId,
        by: &Actor,
        number: u64,
        reason: &Text,
    ) -> Result<(), TargetError> {
        let decide = |state: &TargetState| {
            if !state.freezes().contains_key(&number) {
                let in_force =
                    state.freezes().iter().map(|(number, one)| format!("{number} ({})", one.freeze.name()));
                let in_force = in_force.collect::<Vec<_>>().join(", ");
                return Err(TargetRefusal::NoSuchFreeze { number, in_force });
            }
            Ok(vec![FreezeLifted { declared: number, reason: reason.clone() }.into()])
        };
        self.change(on, by, decide).await.map(|_| ())
    }

    /// Puts the freezes of an operating policy in force for all targets. Nothing where it is in force already.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub async fn adopt(&self, by: &Actor, policy: &Policy) -> Result<(), TargetError> {
        let adopted = PolicyAdopted {
            name: policy.name().clone(),
            version: policy.version().clone(),
            freezes: policy.freezes().to_vec(),
        };
        let decide = |state: &TargetState| {
            let is_new = state.policy().is_none_or(|policy| policy.freezes != adopted.freezes);
            Ok(is_new.then(|| adopted.clone().into()).into_iter().collect())
        };
        self.change(&StreamId::Estate, by, decide).await.map(|_| ())
    }

    /// Says which version users have where somebody has changed it without relman.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub async fn establish(
        &self,
        target: &TargetName,
        by: &Actor,
        version: &Text,
        place: Slot,
    ) -> Result<TargetState, TargetError> {
        let decide = |_: &TargetState| {
            let (version, by) = (version.clone(), StableBy::Person {});
            Ok(vec![StableEstablished { version, place, by }.into()])
        };
        self.change(&target.into(), by, decide).await
    }

    /// What keeps everything on a target from going forward now.
    ///
    /// # Errors
    ///
    /// [`TargetError`].
    pub async fn standing(&self, target: &TargetName) -> Result<Standing, TargetError> {
        Ok(Standing::of(&self.load(target).await?, &self.estate().await?, self.now))
    }
}

impl TargetState {
    /// What a release that has asked for the target is told.
    pub fn admission_of(&self, release: &ReleaseId) -> Admission {
        let holder = self.holder();
        if let (Some(holder), Some(stable)) =
            (holder.filter(|holder| holder.release == *release), self.stable())
        {
            let record = Head { seq: holder.record.seq, digest: holder.record.digest };
            return Admission::Admitted(Admitted {
                record,
                stable: stable.place,
                version: stable.version.clone(),
            });
        }
        let before: Vec<&ReleaseId> = holder
            .map(|holder| &holder.release)
            .into_iter()
            .chain(self.queue().iter().map(|one| &one.release).take_while(|one| *one != release))
            .collect();
        let behind = before.first().map_or_else(|| release.clone(), |first| (*first).clone());
        Admission::Waiting(Waiting { behind, ahead: u32::try_from(before.len()).unwrap_or(u32::MAX) })
    }

    /// What a journal keeps beside the stream: nobody has to drive a target.
    pub fn index(&self) -> StreamIndex {
        let service = self.registered().map(|registered| registered.service.clone());
        StreamIndex::new(StreamState::Ended, self.one_line()).of_service(service)
    }

    /// The target in one line, as lists show it.
    pub fn one_line(&self) -> String {
        let what = match (self.stable(), self.holder()) {
            (Some(stable), Some(holder)) => {
                format!("{} live, {} on its way by {}", stable.version, holder.version, holder.release)
            }
            (Some(stable), None) => format!("{} live", stable.version),
            (None, _) if *self.stream() == StreamId::Estate => {
                format!("{} freezes declared", self.freezes().len())
            }
            (None, _) => "nothing known to be live".to_owned(),
        };
        format!("{}: {what}", self.stream())
    }
}
