use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use relman_core::{
    chain::{Head, SealedLine},
    machine::{LeaveTarget, Outcome, Preflight, PreflightAnswer},
    port::{
        AppendError, Change, Deployment, Journal, PortError, Position, Promotion, StoredStream, StreamIndex,
        Streams, check_links,
    },
    target::{Admission, Standing, Targets},
    unit::{Span, StreamId, TargetName, Timestamp},
};

use crate::ready;

/// The streams of the targets of a world, in memory: what releases ask for admission, and what stops them.
///
/// It answers as a conductor does, by the rules of the core. A copy goes on by itself.
#[derive(Debug, Default)]
pub struct TargetStreams {
    streams: Mutex<BTreeMap<StreamId, Vec<SealedLine>>>,
}

impl Clone for TargetStreams {
    fn clone(&self) -> Self {
        Self { streams: Mutex::new(self.held().clone()) }
    }
}

impl TargetStreams {
    /// No target is known, and nothing is frozen.
    pub fn new() -> Self {
        Self::default()
    }

    /// The targets at a moment: to declare a freeze on one, or to say who holds it.
    pub fn at(&self, now: Timestamp) -> Targets<'_> {
        Targets::new(self, now)
    }

    /// Asks for the target of a release.
    ///
    /// # Panics
    ///
    /// Where the record of a target is broken: nobody but these rules writes to it.
    pub fn admit(&self, asked: &Preflight, now: Timestamp) -> Admission {
        ready(self.at(now).admit(&asked.target.name, &asked.ask)).expect("the targets of a world are whole")
    }

    /// What keeps everything on a target from going forward.
    ///
    /// # Panics
    ///
    /// As for [`admit`](Self::admit).
    pub fn standing(&self, target: &TargetName, now: Timestamp) -> Standing {
        ready(self.at(now).standing(target)).expect("the targets of a world are whole")
    }

    /// Answers a preflight; `observe` says what the platform shows once the release holds its target.
    pub fn preflight(
        &self,
        asked: &Preflight,
        (now, promotion): (Timestamp, Promotion),
        observe: impl FnOnce(&relman_core::port::Target) -> Result<Deployment, String>,
    ) -> Outcome {
        let admission = self.admit(asked, now);
        let deployment = match &admission {
            Admission::Admitted(admitted) => observe(&asked.target.clone().with_stable(admitted.stable)),
            Admission::Waiting(_) | Admission::Refused(_) => {
                Err("the release waits for its target".to_owned())
            }
        };
        let answer = PreflightAnswer::new(admission, promotion, deployment);
        Outcome::Preflight(Box::new(answer.under(self.standing(&asked.target.name, now))))
    }

    /// Notes that a release has ended.
    ///
    /// # Panics
    ///
    /// As for [`admit`](Self::admit).
    pub fn leave(&self, left: &LeaveTarget, now: Timestamp) -> Outcome {
        let LeaveTarget { target, release, how, place, head, .. } = left;
        let left = ready(self.at(now).leave(target, release, (*how, *place), *head));
        left.map(|_| Outcome::Done).expect("the targets of a world are whole")
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<StreamId, Vec<SealedLine>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Journal for TargetStreams {
    fn name(&self) -> &'static str {
        "targets"
    }

    async fn append(
        &self,
        stream: &StreamId,
        expected: Option<Head>,
        lines: &[SealedLine],
        _: &StreamIndex,
    ) -> Result<Option<Head>, AppendError> {
        check_links(stream, expected, lines)?;
        let mut held = self.held();
        let stored = held.entry(stream.clone()).or_default();
        let actual = stored.last().map(SealedLine::head);
        if actual != expected {
            return Err(AppendError::Conflict { stream: stream.clone(), expected, actual });
        }
        stored.extend_from_slice(lines);
        Ok(stored.last().map(SealedLine::head))
    }

    async fn read(&self, stream: &StreamId, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, PortError> {
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let held = self.held();
        let lines = held.get(stream).map_or(&[][..], Vec::as_slice);
        Ok(lines.iter().skip(from).take(limit).map(|line| line.bytes().to_vec()).collect())
    }

    async fn head(&self, stream: &StreamId) -> Result<Option<Head>, PortError> {
        Ok(self.held().get(stream).and_then(|lines| lines.last()).map(SealedLine::head))
    }

    async fn streams(
        &self,
        which: Streams,
        after: Option<StreamId>,
        limit: usize,
    ) -> Result<Vec<StoredStream>, PortError> {
        let held = self.held();
        let behind = held.iter().filter(|(stream, _)| after.as_ref().is_none_or(|after| *stream > after));
        let stored = behind.filter(|_| which == Streams::All).take(limit);
        let stored = stored.filter_map(|(stream, lines)| {
            Some(StoredStream::new(stream.clone(), lines.last()?.head(), None))
        });
        Ok(stored.collect())
    }

    async fn reindex(&self, _: &StreamId, _: Head, _: &StreamIndex) -> Result<(), PortError> {
        Ok(())
    }

    async fn changes(&self, _: Position, _: usize) -> Result<Vec<Change>, PortError> {
        Ok(Vec::new())
    }

    async fn position(&self) -> Result<Position, PortError> {
        Ok(Position::START)
    }

    async fn changed(&self, _: Position, _: Span) -> Result<(), PortError> {
        Ok(())
    }
}
