use std::collections::BTreeSet;

use relman_core::{
    chain::{Head, SealedLine},
    event::EffectId,
    machine::{Input, Release},
    unit::Timestamp,
};

/// One conductor of the release: what its process holds in memory, and loses when it ends.
#[derive(Debug, Clone)]
pub(super) enum Driver {
    /// It runs.
    Up(Box<Process>),
    /// It has ended, and another one is started at this moment of the platform's clock.
    Down { until: Timestamp },
}

/// What a process holds in memory.
#[derive(Debug, Clone)]
pub(super) struct Process {
    pub(super) release: Release,
    /// Effects that may have been performed: found without an outcome at the start, or tried without success.
    pub(super) unsure: BTreeSet<EffectId>,
    pub(super) doing: Doing,
    /// When and where time alone was last found to bring nothing about.
    pub(super) ticked: Option<Mark>,
    /// When and where a question was last asked.
    pub(super) asked: Option<Mark>,
    /// An answer that is on its way.
    pub(super) pending: Option<(Timestamp, Input)>,
}

/// A place in the stream and a moment: what was found out there and then need not be found out again.
pub(super) type Mark = (Option<Head>, Timestamp);

/// Between which two steps something is.
#[derive(Debug, Clone)]
pub(super) enum Doing {
    /// Nothing is under way.
    Nothing,
    /// Something is known that the machine is to be told.
    Told(Input),
    /// Something is decided and not appended.
    Decided { input: Input, expected: Option<Head>, lines: Vec<SealedLine> },
    /// Something is appended and not acted upon.
    Appended,
}

impl Process {
    /// A process that has just taken up a release.
    pub(super) fn new(release: Release) -> Self {
        Self {
            unsure: release.outstanding().keys().copied().collect(),
            release,
            doing: Doing::Nothing,
            ticked: None,
            asked: None,
            pending: None,
        }
    }

    /// The effects that may have been performed, without those that are over.
    pub(super) fn in_doubt(&self) -> impl Iterator<Item = &EffectId> {
        self.unsure.iter().filter(|effect| self.release.outstanding().contains_key(effect))
    }
}
