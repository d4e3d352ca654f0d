//! A1: what people learn from a release, and what they take upon themselves because of it.

use relman_core::{
    event::{ActionItemKind, ActionItemOpened, ActionItemSettled, LessonKind, Settlement},
    machine::{Action, PhaseName},
    report::{ActionItemState, History, OpenItems, Retrospective},
    unit::Span,
};

use crate::{
    fixture::{Driven, act},
    process::forged::folds,
};

fn rolled_back() -> Driven {
    let mut driven = Driven::drill().in_step(1);
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.perform();
    driven
}

fn week(driven: &Driven) -> relman_core::unit::Timestamp {
    driven.now + Span::from_hours(7 * 24)
}

#[test]
fn a1_everybody_with_a_name_writes_down_what_they_have_learnt_at_any_time() {
    let mut driven = Driven::drill().in_step(1);
    for kind in LessonKind::ALL {
        driven.does("user:guest", act::lesson(kind));
    }
    assert_eq!(
        driven.refused("user:mallory", act::lesson(LessonKind::Lucky)),
        "user:mallory is unknown to the directory: only people and services it knows may act"
    );
    assert_eq!(driven.phase(), PhaseName::Releasing, "nothing moves because of it");
}

#[test]
fn a1_a_release_without_a_plan_has_nothing_to_learn_from() {
    let driven = Driven::new(&crate::fixture::drill_plan(), &crate::fixture::policy_text());
    assert_eq!(
        driven.clone().refused("user:guest", act::lesson(LessonKind::WentWell)),
        "there is no release checkout-241: record its plan first"
    );
}

#[test]
fn a1_an_action_item_has_an_owner_a_kind_and_a_day_to_come() {
    let mut driven = rolled_back();
    let due = week(&driven);
    assert!(
        driven.refused("user:guest", act::action_item(ActionItemKind::Prevent, "user:olu", due)).contains(
            "user:guest may not resume, abort or close a release, file a post-mortem or keep action items"
        )
    );
    assert_eq!(
        driven.refused("user:ana", act::action_item(ActionItemKind::Prevent, "service:ci", due)),
        "service:ci is not a person: this takes a person's name (user:…)"
    );
    let now = driven.now;
    assert!(
        driven
            .refused("user:ana", act::action_item(ActionItemKind::Prevent, "user:olu", now))
            .starts_with(&format!("the action item would be due at {now}, and it is already "))
    );
    for (number, kind) in (1..).zip(ActionItemKind::ALL) {
        driven.does("user:ana", act::action_item(kind, "user:olu", due));
        let item = driven.release.action_items().last().unwrap();
        assert_eq!((item.number, item.kind, item.due, item.settled), (number, kind, due, None));
    }
}

#[test]
fn a1_the_owner_settles_an_action_item_or_somebody_who_operates_releases() {
    let mut driven = rolled_back();
    let due = week(&driven);
    assert_eq!(
        driven.refused("user:ana", act::settle(1, Settlement::Done)),
        "checkout-241 has no open action item"
    );
    for _ in 0..3 {
        driven.does("user:ana", act::action_item(ActionItemKind::Process, "user:olu", due));
    }
    assert!(
        driven.refused("user:guest", act::settle(1, Settlement::Done)).starts_with("user:guest may not ")
    );
    driven.does("user:olu", act::settle(1, Settlement::Done));
    assert_eq!(
        driven.refused("user:olu", act::settle(1, Settlement::Dropped)),
        format!(
            "checkout-241 has several open action items; name one by its number: 2 of user:olu, due {due}; 3 of \
             user:olu, due {due}"
        )
    );
    driven.does("user:ana", act::settle(2, Settlement::Dropped));
    let note = act::text("done");
    driven.does("user:olu", Action::SettleActionItem { number: None, how: Settlement::Done, note });
    assert_eq!(driven.release.open_action_items().count(), 0, "the only one that was open needs no number");
}

#[test]
fn a1_open_action_items_do_not_keep_a_release_from_being_closed_and_are_settled_afterwards() {
    let mut driven = rolled_back();
    let due = week(&driven);
    driven.does("user:ana", act::action_item(ActionItemKind::Detect, "user:olu", due));
    driven.does("user:ana", act::post_mortem(None));
    driven.does("user:ana", Action::Close);
    assert_eq!(driven.phase(), PhaseName::Closed);
    driven.does("user:ben", act::lesson(LessonKind::WentBadly));
    driven.does("user:ana", act::action_item(ActionItemKind::Prevent, "user:ben", due));
    driven.does("user:olu", act::settle(1, Settlement::Done));
    assert_eq!(driven.phase(), PhaseName::Closed);
    assert!(driven.missing().is_empty(), "a closed release waits for nothing");
    driven.assert_replays();
}

#[test]
fn a1_an_action_item_is_overdue_after_its_day_until_it_is_settled() {
    let mut driven = rolled_back();
    let due = week(&driven);
    driven.does("user:ana", act::action_item(ActionItemKind::Detect, "user:olu", due));
    let state = |driven: &Driven, now| {
        let history = History::new(&driven.release, &driven.journal.records, now);
        Retrospective::of(&history).unwrap().action_items[0].state
    };
    assert_eq!(state(&driven, due), ActionItemState::Open, "on its day it is not overdue yet");
    assert_eq!(state(&driven, due + Span::from_millis(1)), ActionItemState::Overdue);
    let history = History::settled(&driven.release, &driven.journal.records);
    let owed = OpenItems::of([&history], due + Span::from_hours(1));
    assert_eq!((owed.overdue().count(), owed.post_mortems.len()), (1, 1));
    driven.does("user:olu", act::settle(1, Settlement::Done));
    assert_eq!(state(&driven, due + Span::from_hours(1)), ActionItemState::Done);
}

#[test]
fn a1_facts_that_were_decided_elsewhere_keep_to_the_numbers() {
    let mut driven = rolled_back();
    let due = week(&driven);
    let opened = |number| ActionItemOpened {
        number,
        what: act::text("something"),
        kind: ActionItemKind::Prevent,
        owner: "user:olu".parse().unwrap(),
        due,
        roles: std::collections::BTreeSet::new(),
    };
    let settled = |number| ActionItemSettled {
        number,
        how: Settlement::Done,
        note: act::text("done"),
        roles: std::collections::BTreeSet::new(),
    };
    assert!(folds(&driven, "user:ana", opened(1)) && !folds(&driven, "user:ana", opened(2)));
    assert!(!folds(&driven, "user:ana", settled(1)), "nothing is open");
    driven.does("user:ana", act::action_item(ActionItemKind::Prevent, "user:olu", due));
    assert!(folds(&driven, "user:ana", settled(1)));
    driven.does("user:ana", act::settle(1, Settlement::Done));
    assert!(!folds(&driven, "user:ana", settled(1)), "it is settled already");
}

#[test]
fn a1_a_retrospective_starts_from_the_facts_of_the_record() {
    let driven = rolled_back();
    let retrospective =
        Retrospective::of(&History::settled(&driven.release, &driven.journal.records)).unwrap();
    let badly = &retrospective.sections[1];
    assert_eq!(badly.about, LessonKind::WentBadly);
    let facts: Vec<&str> = badly.facts.iter().map(|fact| fact.text.as_str()).collect();
    assert!(facts.contains(&"a person caught it; no criterion of the contract did"), "{facts:?}");
    let named =
        retrospective.sections.iter().flat_map(|section| &section.facts).flat_map(|fact| &fact.records);
    assert!(named.clone().count() > 0 && named.clone().all(|seq| *seq < driven.journal.records.len() as u64));
}
