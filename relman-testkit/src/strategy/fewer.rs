use proptest::{
    strategy::{NewTree, Strategy, ValueTree},
    test_runner::TestRunner,
};

/// A strategy for lists that shrink as far as leaving out any single element goes.
///
/// A list shrinks element by element, once, from the front. An element that could not go then, because of one after it,
/// may be superfluous once that one is gone: so it is tried again, until nothing can be left out any more.
#[derive(Debug, Clone)]
pub(super) struct Fewer<S>(pub(super) S);

impl<S, T> Strategy for Fewer<S>
where
    S: Strategy<Value = Vec<T>>,
    T: Clone + std::fmt::Debug,
{
    type Tree = FewerTree<S::Tree, T>;
    type Value = Vec<T>;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(FewerTree { tree: self.0.new_tree(runner)?, left: None })
    }
}

/// The tree of [`Fewer`].
#[derive(Debug, Clone)]
pub(super) struct FewerTree<T, E> {
    tree: T,
    left: Option<Left<E>>,
}

/// What is left of a list that does not shrink on its own any more.
#[derive(Debug, Clone)]
struct Left<E> {
    /// The shortest list that fails.
    list: Vec<E>,
    /// The element that is left out for a try.
    without: Option<usize>,
    /// The element that is tried next.
    next: usize,
    /// How many tries in a row have left out too much.
    in_vain: usize,
}

impl<E> Left<E> {
    /// Leaves out the next element, if there is one that was not tried since the list has last become shorter.
    fn try_next(&mut self) -> bool {
        if self.in_vain >= self.list.len() {
            return false;
        }
        self.without = Some(self.next % self.list.len());
        true
    }
}

impl<T, E> ValueTree for FewerTree<T, E>
where
    T: ValueTree<Value = Vec<E>>,
    E: Clone + std::fmt::Debug,
{
    type Value = Vec<E>;

    fn current(&self) -> Vec<E> {
        let Some(left) = &self.left else {
            return self.tree.current();
        };
        let kept = left.list.iter().enumerate().filter(|(place, _)| Some(*place) != left.without);
        kept.map(|(_, element)| element.clone()).collect()
    }

    fn simplify(&mut self) -> bool {
        match &mut self.left {
            None => {
                if self.tree.simplify() {
                    return true;
                }
                let mut left = Left { list: self.tree.current(), without: None, next: 0, in_vain: 0 };
                let tries = left.try_next();
                self.left = Some(left);
                tries
            }
            Some(left) => {
                if let Some(gone) = left.without.take() {
                    left.list.remove(gone);
                    (left.next, left.in_vain) = (gone, 0);
                }
                left.try_next()
            }
        }
    }

    fn complicate(&mut self) -> bool {
        match &mut self.left {
            None => self.tree.complicate(),
            Some(left) => match left.without.take() {
                None => false,
                Some(needed) => {
                    (left.next, left.in_vain) = (needed + 1, left.in_vain + 1);
                    // Back to the list that fails, or on to its next element.
                    left.try_next();
                    true
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*, test_runner::TestError};

    use super::*;
    use crate::search::repeatable;

    /// What a list of 0, 1 and 2 leads to: 1 opens, 0 closes, 2 does something where it is open.
    fn is_done(list: &[u8]) -> bool {
        let mut open = false;
        list.iter().any(|one| match one {
            0 | 1 => {
                open = *one == 1;
                false
            }
            _ => open,
        })
    }

    #[test]
    fn what_is_only_needed_by_something_superfluous_goes_too() {
        let lists = Fewer(vec(0..3_u8, 0..30));
        let failed = TestRunner::new(repeatable(256)).run(&lists, |list| {
            prop_assert!(!is_done(&list));
            Ok(())
        });
        match failed {
            Err(TestError::Fail(_, least)) => assert_eq!(least, [1, 2]),
            other => panic!("{other:?}"),
        }
    }
}
