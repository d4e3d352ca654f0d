use proptest::{
    num::usize::BinarySearch,
    strategy::{NewTree, Strategy, ValueTree},
    test_runner::TestRunner,
};

/// Numbers in a range, most of them on the rungs of a ladder that people use. A number that fails shrinks to the lowest
/// rung that fails, and stays between rungs only where no rung fails.
#[derive(Debug, Clone)]
pub(super) struct Rungs {
    ladder: Vec<u64>,
    /// The first number, the last, and how far apart those between rungs are.
    range: (u64, u64),
    grain: u64,
}

/// How many numbers of a hundred are between rungs: enough to find what only odd numbers show.
const BETWEEN: usize = 15;

impl Rungs {
    /// The rungs inside a range, and every so many numbers between them. The ends of the range are rungs.
    pub(super) fn new(ladder: &[u64], from: u64, until: u64, grain: u64) -> Self {
        assert!(from <= until, "the range has at least one number");
        let inside = ladder.iter().copied().filter(|rung| from < *rung && *rung < until);
        let mut rungs: Vec<u64> = [from].into_iter().chain(inside).chain([until]).collect();
        rungs.sort_unstable();
        rungs.dedup();
        Self { ladder: rungs, range: (from, until), grain }
    }
}

impl Strategy for Rungs {
    type Tree = RungTree;
    type Value = u64;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let (from, until) = self.range;
        let between = (0..100_usize).new_tree(runner)?.current() < BETWEEN;
        let grains = (until - from) / self.grain;
        if between && grains > 0 {
            let value = from + self.grain * (0..=grains).new_tree(runner)?.current();
            // Up to the rung above it, which is simpler than the number itself.
            let above = self.ladder.iter().position(|rung| *rung >= value).unwrap_or(self.ladder.len() - 1);
            let mut candidates = self.ladder[..=above].to_vec();
            if candidates[above] != value {
                candidates.push(value);
            }
            return Ok(RungTree::new(candidates));
        }
        let place = (0..self.ladder.len()).new_tree(runner)?.current();
        Ok(RungTree::new(self.ladder[..=place].to_vec()))
    }
}

/// A number and the simpler ones, from the lowest; the number itself stands last.
#[derive(Debug, Clone)]
pub(super) struct RungTree {
    candidates: Vec<u64>,
    place: BinarySearch,
}

impl RungTree {
    fn new(candidates: Vec<u64>) -> Self {
        let place = BinarySearch::new(candidates.len() - 1);
        Self { candidates, place }
    }
}

impl ValueTree for RungTree {
    type Value = u64;

    fn current(&self) -> u64 {
        self.candidates[self.place.current()]
    }

    fn simplify(&mut self) -> bool {
        self.place.simplify()
    }

    fn complicate(&mut self) -> bool {
        self.place.complicate()
    }
}

/// A strategy whose values shrink to one of a few simpler ones first, in their order, and part by part where none of
/// them fails.
#[derive(Debug, Clone)]
pub(super) struct SimplerFirst<S: Strategy> {
    strategy: S,
    simpler: fn(&S::Value) -> Vec<S::Value>,
}

/// Tries what is simpler than a value, from the simplest; a value that is simple itself has none.
pub(super) fn simpler_first<S: Strategy>(
    strategy: S,
    simpler: fn(&S::Value) -> Vec<S::Value>,
) -> SimplerFirst<S> {
    SimplerFirst { strategy, simpler }
}

impl<S: Strategy> Strategy for SimplerFirst<S>
where
    S::Value: Clone,
{
    type Tree = SimplerFirstTree<S::Tree>;
    type Value = S::Value;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        let tree = self.strategy.new_tree(runner)?;
        let simpler = (self.simpler)(&tree.current());
        Ok(SimplerFirstTree { tree, simpler, at: At::Tree { tried: Tried::Nothing } })
    }
}

/// The tree of [`SimplerFirst`].
pub(super) struct SimplerFirstTree<T: ValueTree> {
    tree: T,
    simpler: Vec<T::Value>,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The value of the tree.
    Tree { tried: Tried },
    /// A simpler value, by its place.
    Simpler(usize),
    /// A simpler value that fails.
    Settled(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tried {
    Nothing,
    /// No simpler value fails; the tree shrinks on its own.
    Everything,
}

impl<T: ValueTree> ValueTree for SimplerFirstTree<T>
where
    T::Value: Clone,
{
    type Value = T::Value;

    fn current(&self) -> T::Value {
        match self.at {
            At::Tree { .. } => self.tree.current(),
            At::Simpler(place) | At::Settled(place) => self.simpler[place].clone(),
        }
    }

    fn simplify(&mut self) -> bool {
        match self.at {
            At::Tree { tried: Tried::Nothing } if !self.simpler.is_empty() => {
                self.at = At::Simpler(0);
                true
            }
            At::Tree { .. } => {
                self.at = At::Tree { tried: Tried::Everything };
                self.tree.simplify()
            }
            // Everything simpler than this has passed.
            At::Simpler(place) => {
                self.at = At::Settled(place);
                false
            }
            At::Settled(_) => false,
        }
    }

    fn complicate(&mut self) -> bool {
        match self.at {
            At::Tree { .. } => self.tree.complicate(),
            At::Simpler(place) if place + 1 < self.simpler.len() => {
                self.at = At::Simpler(place + 1);
                true
            }
            At::Simpler(_) => {
                self.at = At::Tree { tried: Tried::Everything };
                true
            }
            At::Settled(_) => false,
        }
    }
}
