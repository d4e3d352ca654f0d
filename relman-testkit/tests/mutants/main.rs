//! Every invariant catches a bug: for each there is a machine with one rule bent, and random runs that find it.
//!
//! The state of a release can't be bent: what no rule would have decided is not folded. So a mutant follows the right
//! machine under a false belief: it hears, follows or records something else than what is. What it leaves behind is
//! the record of a machine that lacks the rule.

#![allow(clippy::unwrap_used, reason = "a test that can not go on may stop")]

mod catalogue;
mod machine;
mod runs;

use std::collections::BTreeSet;

use relman_testkit::Invariants;

use catalogue::MUTANTS;
use machine::Mutant;

/// No mutant survives more random runs than this.
const WITHIN: u64 = 24;

#[test]
fn the_right_machine_breaks_nothing() {
    for seed in 1..=WITHIN {
        let records = runs::play(&Mutant::none(), seed);
        assert_eq!(Invariants::violations(&records), [], "seed {seed}");
    }
}

#[test]
fn every_mutant_is_found_by_its_invariant() {
    for (invariant, what, mutant) in MUTANTS {
        let found = (1..=WITHIN).find(|seed| {
            let violations = Invariants::violations(&runs::play(&mutant, *seed));
            violations.iter().any(|violation| violation.name == invariant)
        });
        assert!(found.is_some(), "{what}: {invariant} does not notice in {WITHIN} runs");
    }
}

#[test]
fn every_invariant_has_a_mutant() {
    let caught: BTreeSet<&str> = MUTANTS.iter().map(|(invariant, ..)| *invariant).collect();
    assert_eq!(caught, Invariants::names().collect());
}
