//! Two conductors on one release.

use relman_core::{
    machine::{Action, Input, Outcome, PhaseName, Read},
    unit::Span,
};

use super::{Driven, promoting};
use crate::fixture::{act, principal, secs};

/// Another one that drives the same release, on the same journal.
struct Two {
    first: Driven,
    second: Driven,
}

impl Two {
    /// Both wait for the same look, and the first is faster.
    fn one_was_faster() -> Self {
        let mut first = Driven::drill().in_step(1);
        let mut second = first.clone();
        let (look, question) = second.asked();
        first.now = second.now;
        first.healthy_look();
        second.journal = first.journal.clone();
        second.wait(Span::from_millis(100));
        let measured = second.measured(&question, crate::fixture::healthy);
        let batch = second.answer(look, measured.into());
        assert!(batch.events.is_empty(), "{:?}", batch.kinds());
        assert_eq!(second.reads.last(), Some(&Read::Whole), "the first time nothing else is known");
        assert_eq!(second.release.head(), first.release.head());
        Self { first, second }
    }

    fn looks(&self) -> usize {
        self.second.of_kind("evaluated").len()
    }
}

fn complaint(number: usize) -> Action {
    Action::Complain { key: None, text: format!("wrong {number} times").parse().unwrap() }
}

#[test]
fn the_slower_one_lets_the_other_look_and_asks_the_journal_before_it_asks_the_metrics() {
    let Two { mut first, mut second } = Two::one_was_faster();
    for _ in 0..3 {
        first.healthy_look();
        second.now = first.now;
        second.tick();
        assert!(second.calls.is_empty(), "{:?}", second.calls);
        second.journal = first.journal.clone();
        let reads = second.reads.len();
        super::ticks_until(&mut second, |second| second.reads.len() > reads);
        assert!(second.now > first.now + secs(4));
        assert!(matches!(second.reads[reads..], [Read::After(Some(_))]), "{:?}", second.reads);
        assert!(second.calls.is_empty(), "{:?}", second.calls);
        assert_eq!(second.release.head(), first.release.head());
    }
}

#[test]
fn the_slower_one_looks_where_the_other_does_not_and_then_goes_first() {
    let mut two = Two::one_was_faster();
    let (before, due) = (two.looks(), two.second.now);
    two.second.healthy_look();
    assert_eq!(two.looks(), before + 1);
    let late = two.second.now.since(due);
    two.second.healthy_look();
    assert!(two.second.now.since(due) < late + late, "it waits for nobody any more");
}

#[test]
fn a_race_that_is_lost_again_costs_what_is_new_and_not_the_whole_stream() {
    let (mut driven, effect, call) = promoting(Driven::drill());
    for race in 1..4 {
        driven.elsewhere(principal("user:guest"), complaint(race), driven.now);
        driven.does("user:olu", if race == 2 { act::resume() } else { act::hold() });
        let whole = driven.reads.iter().filter(|read| **read == Read::Whole).count();
        assert_eq!((whole, driven.release.complaints().len()), (1, race));
        driven.assert_replays();
    }
    // Nor is what a call has brought about forgotten.
    driven.elsewhere(principal("user:olu"), act::resume(), driven.now);
    driven.answer(call, Outcome::Done);
    assert!(driven.session.is_settled() && !driven.effects().contains(&effect));
    driven.assert_replays();
}

#[test]
fn law5_whoever_was_slower_hears_of_a_rollback_as_soon_as_it_records_anything() {
    let (mut driven, ..) = promoting(Driven::drill());
    for (number, what) in [complaint(0), act::roll_back()].into_iter().enumerate() {
        driven.elsewhere(principal("user:guest"), what, driven.now);
        driven.does("user:guest", complaint(number + 1));
    }
    assert_eq!(driven.phase(), PhaseName::RollingBack);
    assert_eq!(driven.outstanding(), ["set traffic to 0%"]);
    assert!(driven.call_for(driven.effect("set traffic to 0%")).is_some());
    driven.assert_replays();
}

#[test]
fn a_change_that_goes_forward_is_left_to_the_other_and_one_that_goes_back_is_not() {
    let Two { mut first, mut second } = Two::one_was_faster();
    first.run_while(|first| first.outstanding() != ["set traffic to 10%"]);
    (second.journal, second.now) = (first.journal.clone(), first.now);
    second.input(Input::Changed).unwrap();
    assert_eq!(second.outstanding(), ["set traffic to 10%"]);
    let forward = second.effect("set traffic to 10%");
    assert_eq!(second.call_for(forward), None);
    let mut gone = second.clone();
    super::ticks_until(&mut gone, |gone| gone.call_for(forward).is_some() || gone.doubt().is_some());
    assert!(gone.now > second.now + secs(4), "the other does not do it");
    second.elsewhere(principal("user:guest"), act::roll_back(), second.now);
    second.input(Input::Changed).unwrap();
    assert!(second.call_for(second.effect("set traffic to 0%")).is_some());
}
