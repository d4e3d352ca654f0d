use std::cell::RefCell;

use relman_core::{
    event::{Event, SetBy},
    machine::{Append, Input, Outcome, PhaseName, Read, Refusal},
    unit::Span,
};

use super::{command, promoting, ticks_until};
use crate::fixture::{Driven, State, act, principal, secs, share};

#[test]
fn law9_what_a_call_has_brought_about_survives_a_journal_that_fails() {
    for state in [State::Down, State::Full, State::AnswersLost] {
        let (mut driven, effect, call) = promoting(Driven::drill());
        driven.journal.state = state;
        driven.answer(call, Outcome::Done);
        assert_eq!(driven.session.trouble(), Some("the disk is gone"), "{state:?}");
        driven.journal.state = State::Works;
        ticks_until(&mut driven, |driven| driven.session.is_settled());
        assert_eq!(driven.reads.last(), Some(&Read::Whole), "{state:?}");
        assert_eq!(driven.session.trouble(), None, "{state:?}");
        assert!(!driven.effects().contains(&effect), "{state:?}");
        let set = driven.of_kind("traffic_set").into_iter().filter(
            |event| matches!(event, Event::TrafficSet(set) if set.effect == effect && set.means == SetBy::Deployer),
        );
        assert_eq!(set.count(), 1, "{state:?}: recorded once");
        driven.healthy_look();
        driven.assert_replays();
    }
}

#[test]
fn law9_what_a_call_has_brought_about_survives_that_others_were_first() {
    let (mut driven, effect, call) = promoting(Driven::drill());
    driven.elsewhere(principal("user:guest"), act::complain(), driven.now);
    driven.answer(call, Outcome::Done);
    assert_eq!(driven.reads.last(), Some(&Read::Whole));
    assert!(driven.session.is_settled() && !driven.effects().contains(&effect));
    let kinds: Vec<&str> = driven.journal.records.iter().map(|one| one.event.kind()).collect();
    assert!(kinds.ends_with(&["complaint_recorded", "traffic_set"]), "{kinds:?}");
    assert_eq!(driven.release.complaints().len(), 1);
    driven.assert_replays();
}

#[test]
fn a_command_whose_batch_is_lost_is_named_and_can_be_given_anew() {
    let driven = Driven::drill().in_step(1);
    let (mut session, mut now) = (driven.session.clone(), driven.now);
    for outcome in [Append::Conflict, Append::Unknown { detail: "gone".to_owned(), full: false }] {
        let promised = session.handle(command("user:guest", act::hold()), now).unwrap();
        let batch = session.poll_append().unwrap();
        session.handle(Input::Appended(batch.id, outcome), now).unwrap();
        assert_eq!(session.poll_lost(), None, "what the stream says is waited for");
        let refused = session.handle(command("user:guest", act::hold()), now).unwrap_err();
        assert!(matches!(refused, Refusal::JournalUnavailable { .. }), "{refused}");
        // After an append that failed it waits before it reads.
        now = now + secs(1);
        session.handle(Input::Tick, now).unwrap();
        assert_eq!(session.poll_read(), Some(Read::Whole));
        assert!(session.poll_call().is_none());
        let whole = driven.journal.records.iter().cloned().map(Into::into).collect();
        session.handle(Input::Reloaded(whole), now).unwrap();
        assert_eq!((session.poll_lost(), session.poll_lost()), (promised, None));
        assert!(session.is_settled() && session.release().holds().is_empty());
        while session.poll_call().is_some() {}
    }
}

#[test]
fn law9_a_journal_that_fails_is_tried_again_ever_more_slowly_and_nothing_is_called_meanwhile() {
    let (mut driven, _, call) = promoting(Driven::drill());
    driven.journal.state = State::Down;
    let began = driven.now;
    driven.answer(call, Outcome::Done);
    let (calls, mut tried) = (driven.calls.clone(), Vec::new());
    while tried.len() < 8 {
        let reads = driven.reads.len();
        driven.pass();
        driven.tick();
        if driven.reads.len() > reads {
            tried.push(driven.now.since(began).to_string());
        }
        let said = driven.refused("user:guest", act::hold());
        assert_eq!(
            said,
            "checkout-241 can't be changed now because the journal does not work: the disk is gone. Nothing was done; \
             try again"
        );
        assert_eq!(driven.calls, calls, "nothing new is asked, and nothing is dropped");
    }
    assert_eq!(tried, ["1s", "3s", "7s", "15s", "25s", "35s", "45s", "55s"], "10 s is the longest pause");
    driven.journal.state = State::Works;
    ticks_until(&mut driven, |driven| driven.session.is_settled());
    assert_eq!(driven.outstanding(), [""; 0], "what was answered meanwhile is recorded");
    driven.does("user:guest", act::hold());
    driven.run(secs(10));
    driven.assert_replays();
}

#[test]
fn a_stream_that_has_lost_a_record_that_was_stored_is_not_followed() {
    // An older copy is in its place: as it is, or with other records since.
    for others_went_on in [false, true] {
        let mut driven = Driven::drill().in_step(1);
        driven.healthy_look();
        let whole = driven.journal.clone();
        driven.journal.lines.pop();
        driven.journal.records.pop();
        if others_went_on {
            driven.elsewhere(principal("user:guest"), act::complain(), driven.now);
        }
        let _ = driven.input(command("user:guest", act::hold()));
        let trouble = driven.session.trouble().unwrap_or_default();
        let seq = whole.records.len() - 1;
        let now = if others_went_on { "another record has its place" } else { "the stream ends with record" };
        assert!(trouble.starts_with(&format!("record {seq} was stored, and now {now}")), "{trouble}");
        assert!(driven.refused("user:guest", act::hold()).contains("an older copy"), "whoever asks is told");
        // Nothing is appended to it, however often it is tried, and on-call hears of it.
        let stored = driven.journal.records.len();
        ticks_until(&mut driven, |driven| !driven.alarms.is_empty());
        assert_eq!(driven.journal.records.len(), stored);
        driven.journal = whole;
        ticks_until(&mut driven, |driven| driven.session.is_settled());
        driven.does("user:guest", act::hold());
        driven.assert_replays();
    }
}

#[test]
fn a_stream_that_ends_in_the_middle_of_a_decision_is_not_followed() {
    let driven = Driven::drill().in_step(1);
    let from = driven.journal.records.len();
    let mut on = driven.clone();
    on.elsewhere(principal("user:guest"), act::roll_back(), driven.now);
    let batch = on.journal.records[from].batch.unwrap();
    // Nobody who appends it as a whole can lose its last record; whoever copies a file can.
    let mut cut = driven.clone();
    for (line, record) in on.journal.lines.iter().zip(&on.journal.records).skip(from) {
        if record.seq < batch.last() {
            cut.journal.lines.push(line.clone());
            cut.journal.records.push(record.clone());
        }
    }
    let _ = cut.input(command("user:guest", act::complain()));
    let says = format!(
        "the record can't be trusted: checkout-241, record {}: it is missing; the decision that began with record {from} is \
         cut: {} of {} records are there",
        batch.last(),
        batch.records() - 1,
        batch.records()
    );
    assert_eq!(cut.session.trouble(), Some(&*says));
    let stored = cut.journal.records.len();
    cut.wait(secs(60)).tick();
    assert_eq!(cut.journal.records.len(), stored, "nothing is appended to it");
    cut.journal = on.journal;
    ticks_until(&mut cut, |driven| driven.session.is_settled());
    assert_eq!(cut.phase(), PhaseName::RollingBack);
    cut.assert_replays();
}

#[test]
fn answers_that_come_while_the_journal_fails_are_kept() {
    let (mut driven, effect, call) = promoting(Driven::drill());
    driven.journal.state = State::Down;
    driven.elsewhere(principal("user:guest"), act::complain(), driven.now);
    driven.input(command("user:guest", act::complain())).unwrap();
    driven.wait(secs(30)).tick();
    driven.answer(call, Outcome::Done);
    driven.journal.state = State::Works;
    ticks_until(&mut driven, |driven| driven.session.is_settled());
    assert!(!driven.effects().contains(&effect));
    assert_eq!(driven.release.exposure(), share(10));
    assert_eq!(
        driven.release.complaints().len(),
        1,
        "a command that is lost is not carried out behind one's back"
    );
}

#[test]
fn law10_on_call_hears_of_a_journal_that_fails_while_users_are_exposed() {
    for (state, first) in [(State::Down, secs(15)), (State::Full, Span::ZERO)] {
        let (mut driven, _, call) = promoting(Driven::drill());
        driven.journal.state = state;
        let began = driven.now;
        driven.answer(call, Outcome::Done);
        let mut told = Vec::new();
        while told.len() < 3 {
            for alarm in driven.alarms.drain(..) {
                told.push(driven.now.since(began));
                assert_eq!(alarm.title, "checkout-241: relman can't record, and does nothing");
                assert!(alarm.body.contains("the disk is gone"), "{}", alarm.body);
                assert_eq!(alarm.channel, driven.policy.on_call().channel.clone().into());
                assert!(alarm.target.is_some(), "what would have to be taken back by hand");
            }
            driven.pass();
            driven.tick();
        }
        let every = Span::from_minutes(15);
        assert_eq!(told, [first, first + every, first + every.times(2)], "{state:?}");
        driven.alarms.clear();
        driven.journal.state = State::Works;
        ticks_until(&mut driven, |driven| driven.session.is_settled());
        driven.run(secs(20));
        let clear: Vec<&str> = driven.alarms.iter().map(|alarm| alarm.title.as_str()).collect();
        assert_eq!(clear, ["checkout-241: relman can record again"], "once");
    }
}

#[test]
fn law10_a_completion_that_is_not_recorded_leaves_a_release_as_alone_as_any_other_record() {
    let mut driven = Driven::drill().validating();
    driven.does("user:qin", act::passed("user-flows"));
    driven.does("user:olu", act::acknowledge());
    let last = RefCell::new(driven.clone());
    driven.run_while(|driven| {
        let goes_on = driven.phase() == PhaseName::Validating;
        if goes_on {
            *last.borrow_mut() = driven.clone();
        }
        goes_on
    });
    let mut driven = last.into_inner();
    let promoted = driven.carried_out(driven.effect("promote the new version"));
    driven.journal.state = State::Down;
    driven.answer(promoted, Outcome::Done);
    assert_eq!(driven.session.release().phase().name(), PhaseName::Completed, "decided, and not stored");
    assert_eq!(driven.journal.replay(driven.release.id()).phase().name(), PhaseName::Validating);
    ticks_until(&mut driven, |driven| !driven.alarms.is_empty());
    assert_eq!(driven.alarms[0].title, "checkout-241: relman can't record, and does nothing");
}

#[test]
fn nobody_is_told_of_a_journal_that_recovers_or_while_nobody_is_exposed() {
    let (mut driven, _, call) = promoting(Driven::drill());
    driven.journal.state = State::Down;
    driven.answer(call, Outcome::Done);
    driven.wait(secs(3)).tick();
    driven.journal.state = State::Works;
    ticks_until(&mut driven, |driven| driven.session.is_settled());
    driven.run(secs(30));
    assert!(driven.alarms.is_empty());

    // What was lost is the answer alone, and nothing else is to be recorded for a while.
    let mut driven = Driven::standard().in_step(1);
    driven.healthy_look();
    driven.journal.state = State::AnswersLost;
    let message = driven.calls.values().next().map(|call| call.id);
    assert_eq!(message, None, "everybody was told");
    driven.input(command("user:guest", act::complain())).unwrap();
    driven.journal.state = State::Works;
    ticks_until(&mut driven, Driven::looks);
    assert!(driven.alarms.is_empty(), "{:?}", driven.alarms);

    let mut driven = Driven::drill().staging();
    driven.journal.state = State::Full;
    driven.done("deploy to staging");
    driven.wait(Span::from_hours(1)).tick();
    assert!(driven.alarms.is_empty());
}
