//! Every invariant catches a bug: for each there is a machine with one rule bent, and random runs that find it.
//!
//! The state of a release can't be bent: what no rule would have decided is not folded. So a mutant follows the right
//! machine under a false belief: it hears, follows or records something else than what is. What it leaves behind is
//! the record of a machine that lacks the rule.
//!
//! What is wrong with a conductor shows in what happens: the simulation drives with a flaw, and random worlds in
//! which other things go wrong as well find it.

mod catalogue;
mod conductor;
mod machine;
mod runs;

use std::collections::BTreeSet;

use relman_testkit::{Flaw, Invariants};

use catalogue::MUTANTS;
use conductor::FLAWS;
use machine::Mutant;

/// No mutant survives more random runs than this.
const WITHIN: u64 = 24;

/// No flaw of a conductor does: some need two things to go wrong in one moment.
const FLAWS_WITHIN: u64 = 48;

/// In how many of the runs that are made for a flaw the right conductor is tried.
const FEW: u64 = 4;

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
fn the_right_conductor_breaks_nothing() {
    for seed in 1..=FLAWS_WITHIN {
        let run = conductor::play(&conductor::drill(seed)).unwrap();
        assert_eq!(Invariants::violations_of_run(&run), [], "seed {seed}");
    }
}

#[test]
fn the_right_conductor_breaks_nothing_where_a_flaw_would_show() {
    for (_, flaw) in FLAWS {
        for seed in 1..=FEW {
            let run = conductor::play_for(flaw, &conductor::drill_for(flaw, seed)).unwrap();
            assert_eq!(Invariants::violations_of_run(&run), [], "{flaw:?}, seed {seed}");
        }
    }
}

#[test]
fn every_flaw_is_found_by_its_invariant() {
    let notices = |(invariant, flaw): &(&str, Flaw)| {
        (1..=FLAWS_WITHIN).any(|seed| {
            // A flaw may also show in a run that can't go on; here its invariant has to notice.
            let run = conductor::play_for(*flaw, &conductor::drill_for(*flaw, seed).flawed(*flaw));
            let violations = run.map(|run| Invariants::violations_of_run(&run)).unwrap_or_default();
            violations.iter().any(|violation| violation.name == *invariant)
        })
    };
    let missed: Vec<_> = FLAWS.into_iter().filter(|one| !notices(one)).collect();
    assert_eq!(missed, [], "not noticed in {FLAWS_WITHIN} runs");
}

#[test]
fn every_invariant_has_a_mutant() {
    let machines = MUTANTS.iter().map(|(invariant, ..)| *invariant);
    let conductors = FLAWS.iter().map(|(invariant, _)| *invariant);
    let caught: BTreeSet<&str> = machines.chain(conductors).collect();
    assert_eq!(caught, Invariants::names().collect());
}
