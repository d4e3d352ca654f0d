use std::collections::BTreeSet;

use relman_core::machine::{CallUrgency, Outcome, PhaseName, Read};

use super::{ZERO, call_time, promoting, ticks_until};
use crate::fixture::{Driven, act, failure, observed, principal, secs, share};

#[test]
fn law5_before_it_goes_forward_again_it_reads_and_does_not_where_others_have_turned_back() {
    let (mut driven, effect, call) = promoting(Driven::drill());
    driven.answer(call, failure("connection refused", Some(secs(10))));
    driven.elsewhere(principal("user:guest"), act::roll_back(), driven.now);
    let reads = driven.reads.len();
    ticks_until(&mut driven, |driven| driven.doubt().is_some());
    assert_eq!((driven.phase(), driven.reads.len()), (PhaseName::Releasing, reads), "it has not heard of it");
    let batch = driven.answer(driven.doubt().unwrap(), observed(share(1)));
    assert!(matches!(driven.reads[reads..], [Read::After(Some(_))]), "{:?}", driven.reads);
    assert!(batch.events.is_empty(), "nothing is recorded twice");
    assert_eq!((driven.phase(), driven.call_for(effect)), (PhaseName::RollingBack, None));
    let zero = driven.call_for(driven.effect("set traffic to 0%")).unwrap();
    assert_eq!(driven.calls[&zero].urgency, CallUrgency::Back);
}

#[test]
fn law5_what_is_retried_has_the_same_key_and_is_not_made_while_the_platform_shows_it() {
    let (mut driven, effect, call) = promoting(Driven::drill());
    let first = driven.calls[&call].clone();
    driven.answer(call, failure("connection refused", Some(secs(10))));
    let reads = driven.reads.len();
    let again = driven.carried_out(effect);
    assert_eq!(driven.reads.len(), reads + 1, "others are heard first");
    let again = driven.calls[&again].clone();
    assert_eq!((again.key(), again.generation()), (first.key(), first.generation()));
    assert_eq!(again.request, first.request);
}

#[test]
fn law5_a_rollback_drops_the_call_that_goes_forward_and_watches_as_long_as_it_might_arrive() {
    let (mut driven, _, promotion) = promoting(Driven::drill().with_short_calls());
    let (look, _) = driven.asked();
    driven.does("user:guest", act::roll_back());
    let began = driven.now;
    assert_eq!(driven.aborted.iter().copied().collect::<BTreeSet<_>>(), [promotion, look].into());
    let zero = driven.call_for(driven.effect("set traffic to 0%")).unwrap();
    assert_eq!(driven.calls[&zero].urgency, CallUrgency::Back);
    driven.answer(zero, Outcome::Done);
    let mut seen = 0;
    while driven.phase() == PhaseName::RollingBack {
        driven.traffic(Ok(ZERO));
        seen += 1;
    }
    assert_eq!(driven.phase(), PhaseName::RolledBack);
    let took = driven.now.since(began);
    assert!(took >= call_time() && took < call_time() + secs(30), "{took}");
    assert!(seen > 2, "zero is watched all the time: {seen}");

    // Where nothing is in doubt, as often as the policy asks is enough.
    let mut driven = Driven::drill().with_short_calls().in_step(2);
    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    driven.traffic(Ok(ZERO));
    assert!(driven.traffic(Ok(ZERO)).has("rollback_confirmed"));
}

#[test]
fn law5_a_promotion_that_arrives_after_the_rollback_is_taken_back_again() {
    let (mut driven, ..) = promoting(Driven::drill().with_short_calls());
    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    driven.traffic(Ok(ZERO));
    driven.traffic(Ok(ZERO));
    driven.wait(secs(60));
    let batch = driven.traffic(Ok(share(10)));
    assert_eq!(batch.kinds(), ["rollback_unconfirmed"]);
    assert_eq!(batch.effects()[0], "set traffic to 0%");
    driven.done("set traffic to 0%");
    while driven.phase() == PhaseName::RollingBack {
        driven.traffic(Ok(ZERO));
    }
    assert_eq!(driven.release.exposure(), ZERO);
}

#[test]
fn a_conductor_that_takes_over_asks_before_it_goes_forward_and_not_before_it_goes_back() {
    let (mut driven, effect, _) = promoting(Driven::drill());
    driven.restart();
    assert_eq!(driven.call_for(effect), None);
    driven.answer(driven.doubt().unwrap(), observed(share(1)));
    assert!(driven.call_for(effect).is_some(), "the platform does not show it");
    driven.does("user:guest", act::roll_back());
    driven.restart();
    assert_eq!(driven.doubt(), None);
    assert!(driven.call_for(driven.effect("set traffic to 0%")).is_some());
}
