use std::fmt;

use proptest::{prelude::*, sample::select};
use relman_core::report::sentence;

use super::{Shown, drill_plan, drill_policy, moves};
use crate::{
    sample,
    scenario::{
        Past, Story, Taken, When, aborted, approved, completed, in_production, in_step, nothing, planned,
        rolled_back, rolling_back, staged, validating,
    },
};

/// Where a release can be, from the beginning; of the briefest sample drill. It shrinks to an earlier place.
pub fn past() -> impl Strategy<Value = Past> + Clone {
    let places = [
        planned(),
        approved(),
        staged(),
        in_production(),
        in_step(1),
        in_step(2),
        in_step(3),
        validating(),
        completed(),
        rolling_back(),
        rolled_back(),
        aborted(),
        nothing(),
    ];
    select(places.map(|past| past.of(sample::drill_plan(), sample::brief_drill_policy())).to_vec())
}

/// A release, what happened to it, and what came of it.
#[derive(Clone)]
pub struct Journey {
    past: Past,
    moves: Vec<When>,
    story: Story,
}

impl Journey {
    /// Plays moves after a past; those that are refused or can't happen leave no record.
    pub fn of(past: Past, moves: Vec<When>) -> Self {
        let mut story = Story::from(past.clone());
        for one in &moves {
            match story.take(one) {
                Taken::Happened(_) | Taken::Refused(_) | Taken::Impossible(_) => {}
            }
        }
        Self { past, moves, story }
    }

    /// The release at the end, with its records.
    pub fn story(&self) -> &Story {
        &self.story
    }

    /// The moves that were played.
    pub fn moves(&self) -> &[When] {
        &self.moves
    }
}

/// The past and the moves; what came of them follows from that.
impl fmt::Debug for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moves: Vec<String> = self.moves.iter().map(ToString::to_string).collect();
        write!(f, "given {}", self.past)?;
        if moves.is_empty() { Ok(()) } else { write!(f, ", when {}", moves.join(", then ")) }
    }
}

impl fmt::Display for Journey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Drills somewhere on their way, to which up to so many moves have happened in any order. They shrink to few moves
/// first, and to an early place then.
pub fn journey(most: usize) -> impl Strategy<Value = Journey> + Clone {
    (moves(most), past()).prop_map(|(moves, past)| Journey::of(past, moves))
}

/// Journals of valid runs: the stored lines of one release each, under generated plans and policies, chained and
/// readable, in any order that the machine allows. They shrink to short ones.
///
/// # Examples
///
/// ```
/// use proptest::prelude::*;
/// use relman_core::{chain::SealedLine, machine::Release};
/// use relman_testkit::{search::repeatable, strategy};
///
/// proptest!(repeatable(4), |(
///     journal in strategy::journal(20)
/// )| {
///     let lines = journal.lines().iter().map(SealedLine::bytes);
///     prop_assert_eq!(&Release::replay(journal.release().id().clone(), lines)?, journal.release());
/// });
/// ```
pub fn journal(most: usize) -> impl Strategy<Value = Shown<Story>> + Clone {
    (drill_plan(), drill_policy(), moves(most), past()).prop_map(|(plan, policy, moves, past)| {
        let past = past.of(plan.into_inner(), policy.into_inner());
        Shown(Journey::of(past, moves).story)
    })
}

/// The records, one a line.
impl super::Readable for Story {
    fn readable(&self) -> String {
        let line = |record: &relman_core::event::Record| {
            format!("#{} {} {}: {}", record.seq, record.at, record.by, sentence(&record.event))
        };
        self.records().iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
