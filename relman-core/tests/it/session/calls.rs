use relman_core::{
    event::{Event, SetBy},
    machine::{Action, Append, CallId, Input, Outcome, Request},
    unit::Span,
};

use super::{call_time, command, promoting, ticks_until};
use crate::fixture::{Driven, act, failure, observed, secs, share};

#[test]
fn law2_nothing_is_called_before_the_record_that_asks_for_it_is_stored() {
    let driven = Driven::drill();
    let (mut session, now) = (driven.session, driven.now);
    let promised = session.handle(command("user:ben", Action::ApprovePlan), now).unwrap();
    assert!(session.poll_call().is_none(), "it is decided alone");
    let batch = session.poll_append().unwrap();
    assert_eq!((promised, batch.expected), (Some(batch.id), driven.release.head()));
    assert!(session.poll_append().is_none(), "one append at a time");
    session.handle(Input::Tick, now).unwrap();
    assert!(session.poll_call().is_none(), "the append is under way");
    assert!(session.poll_recorded().is_none());
    session.handle(Input::Appended(batch.id, Append::Stored), now).unwrap();
    let call = session.poll_call().unwrap();
    let asked = batch.lines.iter().find(|line| call.generation() == Some(line.seq())).unwrap();
    assert!(matches!(call.request, Request::Deploy(_)));
    assert!(call.key().unwrap().starts_with(&asked.digest().to_string()), "{call:?}");
    let recorded = std::iter::from_fn(|| session.poll_recorded()).count();
    assert_eq!(recorded, batch.lines.len());
}

#[test]
fn what_became_of_another_batch_says_nothing_about_this_one() {
    let driven = Driven::drill();
    let (mut session, now) = (driven.session, driven.now);
    session.handle(command("user:ben", Action::ApprovePlan), now).unwrap();
    let batch = session.poll_append().unwrap();
    session.handle(Input::Appended(batch.id, Append::Stored), now).unwrap();
    session.handle(command("user:guest", act::hold()), now).unwrap();
    // Neither before it is polled, nor under the name of the one before.
    session.handle(Input::Appended(batch.id, Append::Stored), now).unwrap();
    let held = session.poll_append().unwrap();
    session.handle(Input::Appended(batch.id, Append::Conflict), now).unwrap();
    assert!(!session.is_settled());
    session.handle(Input::Appended(held.id, Append::Stored), now).unwrap();
    assert!(session.is_settled());
}

#[test]
fn law9_a_call_ends_once_and_an_answer_after_that_changes_nothing() {
    let (mut driven, _, call) = promoting(Driven::drill());
    assert_eq!(driven.answer(call, Outcome::Done).kinds(), ["traffic_set"]);
    for late in [Outcome::Done, failure("late", None), observed(share(1))] {
        let before = driven.release.clone();
        assert!(driven.answer(call, late).events.is_empty());
        assert_eq!(driven.release, before);
    }
    assert_eq!(driven.of_kind("effect_failed").len(), 0);
}

#[test]
fn law9_a_call_that_never_returns_ends_at_its_deadline() {
    let (mut driven, effect, call) = promoting(Driven::drill().with_short_calls());
    let deadline = driven.calls[&call].deadline;
    assert_eq!(deadline, driven.now + call_time());
    driven.now = deadline.minus(Span::from_millis(1));
    assert!(!driven.tick().has("effect_failed"));
    driven.now = deadline;
    let batch = driven.tick();
    let Some(Event::EffectFailed(failed)) = batch
        .events
        .iter()
        .find(|event| matches!(event, Event::EffectFailed(failed) if failed.effect == effect))
    else {
        panic!("{batch:?}")
    };
    assert_eq!(failed.detail.as_str(), "no answer in time");
    assert!(driven.aborted.contains(&call));
    assert!(driven.answer(call, Outcome::Done).events.is_empty(), "it has ended");
    // It may have been done all the same: that is asked before it is done again.
    ticks_until(&mut driven, |driven| driven.doubt().is_some());
    assert_eq!(driven.call_for(effect), None);
    let batch = driven.answer(driven.doubt().unwrap(), observed(share(10)));
    let Event::TrafficSet(set) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!((set.share, set.means), (share(10), SetBy::Observation));
}

#[test]
fn law9_a_look_that_never_returns_is_a_look_that_measured_nothing() {
    let mut driven = Driven::drill().with_short_calls().in_step(1);
    let (look, _) = driven.asked();
    driven.now = driven.calls[&look].deadline;
    let batch = driven.tick();
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    assert_eq!(driven.baked(), Span::ZERO);
    assert!(driven.aborted.contains(&look));
    driven.asked();
}

#[test]
fn law4_an_answer_of_the_wrong_kind_is_a_failure() {
    let said = "the answer is not one to the question";
    let (mut driven, effect, call) = promoting(Driven::drill());
    let batch = driven.answer(call, Outcome::IncidentsListed(Vec::new()));
    assert_eq!(batch.kinds(), ["effect_failed", "hold_placed"]);
    let Event::EffectFailed(failed) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!((failed.effect, failed.detail.as_str()), (effect, said));

    let mut driven = Driven::drill().in_step(2);
    let (look, _) = driven.asked();
    let batch = driven.answer(look, observed(share(10)));
    assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
    let Event::HoldPlaced(placed) = &batch.events[1] else { panic!("{batch:?}") };
    assert!(placed.reason.to_string().contains(said), "{}", placed.reason);

    driven.does("user:guest", act::roll_back());
    driven.done("set traffic to 0%");
    let batch = driven.traffic_as(Outcome::Done);
    assert_eq!(batch.kinds(), ["rollback_unconfirmed"]);

    // Whether it was done is not known then, so it is done again.
    let (mut driven, effect, call) = promoting(Driven::drill());
    driven.answer(call, failure("no", Some(secs(1))));
    ticks_until(&mut driven, |driven| driven.doubt().is_some());
    assert!(driven.answer(driven.doubt().unwrap(), Outcome::Done).events.is_empty());
    assert!(driven.call_for(effect).is_some());
}

#[test]
fn a_session_that_stops_starts_nothing_new_and_hears_what_is_under_way() {
    let (mut driven, _, call) = promoting(Driven::drill());
    driven.input(Input::Stop).unwrap();
    let under_way: Vec<CallId> = driven.calls.keys().copied().collect();
    assert_eq!(driven.answer(call, Outcome::Done).kinds(), ["traffic_set"]);
    driven.wait(secs(60)).tick();
    assert!(driven.calls.keys().all(|call| under_way.contains(call)), "{:?}", driven.calls);
    assert_eq!(driven.next(), None);
}
