//! Worlds that part: a copy that goes on by itself, and what makes two of them the same from now on.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use relman_core::{machine::Release, port::Clock};

use super::{
    Stage,
    process::{Conductor, Doing, Process},
};
use crate::{
    Invariants, Violation,
    world::{
        ManualClock,
        fault::{Boundary, Fault},
    },
};

impl<P: Clone> Stage<P> {
    /// The same world once more: what happens in the one does not happen in the other.
    pub(crate) fn fork(&self) -> Self {
        let clock = Arc::new(ManualClock::at(self.clock.now()));
        Self {
            id: self.id.clone(),
            plan: self.plan.clone(),
            policy: self.policy.clone(),
            faults: self.faults.clone(),
            platform: self.platform.fork(clock.clone()),
            clock,
            targets: self.targets.clone(),
            notifier: self.notifier.fork(),
            journal: self.journal.clone(),
            truth: self.truth.clone(),
            conductors: self.conductors.clone(),
            started: self.started,
            open: self.open.clone(),
            loose_ends: self.loose_ends.clone(),
            called: self.called.clone(),
            keys: self.keys.clone(),
            crowd: self.crowd.clone(),
            acts: self.acts.clone(),
            human: self.human.clone(),
            listened: self.listened,
            complaints: self.complaints.clone(),
            refused: self.refused.clone(),
            pace: self.pace,
            reached: self.reached.clone(),
            end: self.end,
            steps: self.steps,
            settled: self.settled,
            restart: self.restart,
            flaw: self.flaw,
        }
    }
}

impl<P> Stage<P> {
    /// How many places at which a process can end were reached so far.
    pub(crate) fn place(&self) -> u32 {
        self.reached.get(&Boundary::Any).copied().unwrap_or_default()
    }

    /// How many records there are.
    pub(crate) fn records(&self) -> u64 {
        self.journal.len()
    }

    /// Checks what can be checked of what really happened so far.
    pub(crate) fn check_so_far(&self) -> Result<(), Violation> {
        self.platform
            .with_happened(&self.id, |happened| Invariants::check_so_far(self.journal.records(), happened))
    }

    /// A hash of everything that has an influence on what happens from now on: two worlds with the same one go on
    /// alike. None in the middle of something.
    ///
    /// What a release is, is in the hash of its last record. The people are not in it: they have to be a function of
    /// the release and the time, as [`Team`](crate::Team) is.
    pub(crate) fn fingerprint(&self) -> Option<u128> {
        // Two hashes of 64 bits, each with its own beginning: one in 2^128 for two worlds that differ.
        let mut halves = [0_u8, 1].map(|half| {
            let mut hasher = DefaultHasher::new();
            half.hash(&mut hasher);
            hasher
        });
        let busy = !self.acts.is_empty() || self.human.is_some();
        if busy || halves.iter_mut().try_for_each(|half| self.hash_future(half)).is_none() {
            return None;
        }
        let [high, low] = halves.map(|half| u128::from(half.finish()));
        Some(high << 64 | low)
    }

    fn hash_future(&self, state: &mut DefaultHasher) -> Option<()> {
        hash_head(&self.truth, state);
        self.journal.len().hash(state);
        self.clock.now().hash(state);
        self.platform.hash_future(&self.id, state);
        self.notifier.hash_future(state);
        self.crowd.waiting().hash(state);
        self.complaints.hash(state);
        if self.conductors.len() > 1 {
            self.pace.hash(state);
        }
        for conductor in &self.conductors {
            match conductor {
                Conductor::Down { until } => until.hash(state),
                Conductor::Done { head } => head.map(|head| (head.seq, *head.digest.as_bytes())).hash(state),
                Conductor::Up(process) => hash_process(process, state)?,
            }
        }
        for fault in &self.faults.faults {
            match fault {
                Fault::Append { nth, times, .. } => {
                    self.journal.attempts().min(nth.saturating_add(*times)).hash(state);
                }
                Fault::Panic { port, nth, times } => {
                    let called = self.called.get(port).copied().unwrap_or_default();
                    called.min(nth.saturating_add(*times)).hash(state);
                }
                Fault::Crash { after, nth, .. } => {
                    self.reached.get(after).copied().unwrap_or_default().min(*nth).hash(state);
                }
                _ => {}
            }
        }
        Some(())
    }
}

fn hash_process(process: &Process, state: &mut DefaultHasher) -> Option<()> {
    if !matches!(process.doing, Doing::Nothing) {
        return None;
    }
    process.session.at_rest()?.hash(state);
    hash_head(process.session.release(), state);
    process.ahead.hash(state);
    Some(())
}

/// The hash of the last record stands for all of them.
fn hash_head(release: &Release, state: &mut DefaultHasher) {
    if let Some(head) = release.head() {
        (head.seq, head.digest.as_bytes()).hash(state);
    }
}
