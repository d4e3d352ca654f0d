//! The storyboard in the situations in which people look at it, and the line of the overview beside it.
//!
//! The texts are in `tests/golden/storyboards/`; `INSTA_UPDATE=always` writes them anew after an intended change.

use crate::fixture::{Driven, act, is_golden, secs};
use relman_core::{
    event::Gate,
    machine::{Action, EndedAs},
    report::{
        FrameName, FrameState, History, ItemState, OverrideEnd, Storyboard, Summary, SummaryFold, VerdictKind,
    },
    unit::TrafficShare,
};

fn board(driven: &Driven) -> Storyboard {
    Storyboard::of(&History::new(&driven.release, &driven.journal.records, driven.now))
}

fn states(board: &Storyboard) -> [FrameState; 5] {
    board.frames().map(|frame| frame.state)
}

/// Taken back by a breach in the second step, as far as the platform shows zero once.
fn on_the_way_back() -> Driven {
    let mut driven = Driven::drill().in_step(2);
    driven.perform();
    for _ in 0..20 {
        if driven.look_with_errors(400).has("rollback_started") {
            break;
        }
    }
    driven.perform();
    driven.traffic(Ok(TrafficShare::ZERO));
    driven
}

#[test]
fn before_anything_is_approved_four_frames_are_not_reached_and_the_way_back_is_there() {
    use FrameState::{NotReached, UnderWay};
    let board = board(&Driven::drill());
    assert_eq!(states(&board), [UnderWay, NotReached, NotReached, NotReached, NotReached]);
    assert_eq!(board.current, FrameName::Plan);
    assert!(!board.rollback.thresholds.is_empty() && board.rollback.procedure.len() == 5);
    assert!(board.rollback.procedure.iter().all(|step| step.done.is_none()));
    assert!(board.frames().iter().skip(1).all(|frame| frame.says.starts_with("Not reached")));
}

#[test]
fn a_step_under_way_shows_its_looks_and_what_was_set_beside_what_was_seen() {
    let mut driven = Driven::drill().in_step(2);
    driven.perform();
    driven.healthy_look();
    let board = board(&driven);
    assert_eq!(board.current, FrameName::Release);
    let look = board.release.looks.last().unwrap();
    assert_eq!((look.step, look.worst()), (2, VerdictKind::Clean));
    assert_eq!(look.verdicts.len(), board.release.criteria.len());
    assert_eq!(look.seen, Some(board.release.steps[1].scheduled.share));
    assert!(board.release.steps[0].gate.passed.is_some());
    assert!(board.release.steps[1].traffic_set.is_some());
    let shares: Vec<_> = board.release.exposure.iter().filter_map(|change| change.share).collect();
    assert!(shares.is_sorted());
}

#[test]
fn a_way_back_shows_why_and_how_far_it_is() {
    let board = board(&on_the_way_back());
    assert_eq!(states(&board)[2..], [FrameState::Stopped, FrameState::NotReached, FrameState::UnderWay]);
    assert_eq!(board.current, FrameName::Rollback);
    assert!(board.rollback.log.is_some());
    let done: Vec<bool> = board.rollback.procedure.iter().map(|step| step.done.is_some()).collect();
    assert_eq!(done, [true, true, false, true, false]);
    assert!(board.release.looks.iter().any(|look| look.worst() == VerdictKind::Breached));
}

#[test]
fn a_failed_check_is_shown_as_failed_until_it_is_overridden() {
    let mut driven = Driven::drill().staging();
    let check = driven.checked_but_one();
    driven.does("service:ci", act::failed(&check));
    let state = |driven: &Driven| {
        let board = board(driven);
        let line = format!("Check: {check}");
        board.stage.frame.checklist.iter().find(|item| item.what == line).unwrap().state
    };
    assert_eq!(state(&driven), ItemState::Failed);
    driven.does("user:eva", act::override_gate(Gate::Staging, driven.now + secs(3_600)));
    assert_eq!(state(&driven), ItemState::Overridden);
    let gate = &board(&driven).stage.frame.gates[0];
    assert!(matches!(gate.overrides[0].end, OverrideEnd::Used(_)), "{gate:?}");
}

#[test]
fn every_line_of_a_storyboard_names_a_record_that_there_is() {
    for driven in [Driven::drill().completed(), on_the_way_back()] {
        let json = serde_json::to_value(board(&driven)).unwrap();
        let mut records = Vec::new();
        collect(&json, &mut records);
        assert!(records.len() > 30);
        assert!(records.iter().all(|record| *record < driven.journal.records.len() as u64), "{records:?}");
    }
}

/// Every number under the name `record`.
fn collect(json: &serde_json::Value, into: &mut Vec<u64>) {
    match json {
        serde_json::Value::Object(fields) => {
            into.extend(fields.get("record").and_then(serde_json::Value::as_u64));
            fields.values().for_each(|value| collect(value, into));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| collect(value, into)),
        _ => {}
    }
}

#[test]
fn a_summary_from_both_ends_is_the_one_that_the_whole_record_gives() {
    let mut driven = Driven::drill().completed();
    driven.perform();
    driven.does("user:ana", Action::Close);
    let mut fold = SummaryFold::new(driven.release.id().clone());
    driven.journal.records.iter().for_each(|record| fold.push(record).unwrap());
    let whole = fold.at(driven.now).unwrap();
    let records = &driven.journal.records;
    assert_eq!(Summary::of_closed(&records[..12], &records[records.len() - 8..]), Some(whole.clone()));
    assert_eq!(whole.ended, Some(EndedAs::Completed));
    assert_eq!(Summary::of_closed(&records[..1], &records[records.len() - 8..]), None, "the planning is cut");
    assert_eq!(Summary::of_closed(&records[..12], &records[records.len() - 1..]), None, "the end is cut");
    assert_eq!(Summary::of_closed(&records[..12], &records[..12]), None, "it is not closed there");
}

#[test]
fn golden_storyboards() {
    let stories = vec![
        ("planned", Driven::drill()),
        ("second-step", Driven::drill().in_step(2)),
        ("completed", Driven::drill().completed()),
        ("on-the-way-back", on_the_way_back()),
    ];
    for (name, driven) in stories {
        is_golden("storyboards", &format!("{name}.txt"), &board(&driven).to_string());
    }
}
