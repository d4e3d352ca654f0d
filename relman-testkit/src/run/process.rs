use std::collections::BTreeMap;

use relman_core::{
    chain::Head,
    machine::{Append, Batch, BatchId, CallId, Outcome, Session},
    unit::Timestamp,
};

/// One conductor of the release: what its process holds in memory, and loses when it ends.
#[derive(Debug, Clone)]
pub(super) enum Conductor {
    /// It drives the release.
    Up(Box<Process>),
    /// The release has ended there, and is forgotten until somebody appends to it.
    Done { head: Option<Head> },
    /// Its process has ended, and another one is started at this moment of the platform's clock.
    Down { until: Timestamp },
}

/// What a process holds in memory.
#[derive(Debug, Clone)]
pub(super) struct Process {
    /// Which process, of all that there were: calls of an earlier one have ended with it.
    pub(super) number: u32,
    pub(super) session: Session,
    /// How far its clock is ahead of the platform's, in milliseconds. It is steady: set once, when the process starts.
    pub(super) ahead: i64,
    pub(super) doing: Doing,
    /// Calls that were made: when the answer comes, by the platform's clock, and what it is. None where none comes.
    pub(super) calls: BTreeMap<CallId, Option<(Timestamp, Outcome)>>,
}

/// Between which two steps something is.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    /// Nothing is under way.
    Nothing,
    /// Something is decided and not appended.
    Decided(Batch),
    /// Something was appended, or was not, and the session has not heard of it.
    Appended(BatchId, Append),
}

impl Process {
    /// A process that has just taken up a release.
    pub(super) fn new(number: u32, session: Session, ahead: i64) -> Self {
        Self { number, session, ahead, doing: Doing::Nothing, calls: BTreeMap::new() }
    }

    /// The next answer that has come.
    pub(super) fn next_answer(&self, now: Timestamp) -> Option<CallId> {
        let come = |(id, answer): (&CallId, &Option<(Timestamp, Outcome)>)| {
            answer.as_ref().filter(|(at, _)| *at <= now).map(|_| *id)
        };
        self.calls.iter().find_map(come)
    }

    /// When something is due for it next, by the platform's clock.
    pub(super) fn next(&self) -> impl Iterator<Item = Timestamp> {
        let timeout = self.session.poll_timeout().map(|at| shifted(at, -self.ahead));
        timeout.into_iter().chain(self.calls.values().flatten().map(|(at, _)| *at))
    }
}

/// A moment so many milliseconds later, or earlier.
pub(super) fn shifted(at: Timestamp, millis: i64) -> Timestamp {
    Timestamp::from_millis(at.as_millis().saturating_add(millis))
}
