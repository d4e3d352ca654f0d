//! What people still have to do has a day by which it is due.

use relman_core::{
    event::ActionItemKind,
    machine::Action,
    policy::Policy,
    port::with_causes,
    report::{History, OpenItems, Status},
};

use crate::fixture::{Driven, act, drill_plan, policy_text, secs};

/// The drill policy with an hour for a post-mortem and two for an action item.
fn policy() -> String {
    policy_text() + "[follow_up]\npost_mortem_within = \"1h\"\naction_items_within = \"2h\"\n"
}

fn rolled_back() -> Driven {
    let mut driven = Driven::planned(&drill_plan(), &policy()).in_step(2);
    driven.does("user:guest", act::roll_back());
    driven.wait(secs(60));
    driven.run(secs(60));
    driven
}

fn history(driven: &Driven) -> History<'_> {
    History::new(&driven.release, &driven.journal.records, driven.now)
}

#[test]
fn a_post_mortem_is_due_by_the_policy_and_overdue_after_that() {
    let mut driven = rolled_back();
    let due = driven.release.post_mortems()[0].due;
    assert_eq!(driven.release.open_item_due(), Some(due));
    assert_eq!(driven.release.index().due, Some(due), "the journal knows when somebody has to be asked");
    let status = Status::of(&history(&driven)).to_string();
    assert!(status.contains("post-mortem 1 on the rollback") && status.contains(", due "), "{status}");
    driven.now = due + secs(1);
    let status = Status::of(&history(&driven)).to_string();
    assert!(status.contains("OVERDUE since"), "{status}");
    let open = OpenItems::of([&history(&driven)], driven.now).to_string();
    assert!(open.contains("OVERDUE since"), "{open}");
    assert!(
        driven.release.one_line(driven.now).contains("OVERDUE ITEMS"),
        "{}",
        driven.release.one_line(driven.now)
    );
    driven.does("user:ana", act::post_mortem(None));
    assert_eq!(driven.release.open_item_due(), None);
    assert!(!driven.release.one_line(driven.now).contains("OVERDUE"));
    driven.assert_replays();
}

#[test]
fn an_action_item_without_a_day_is_due_by_the_policy_also_after_the_end() {
    let mut driven = rolled_back();
    driven.does("user:ana", act::post_mortem(None));
    driven.does("user:ana", Action::Close);
    let item = Action::OpenActionItem {
        what: act::text("test with foreign addresses"),
        kind: ActionItemKind::Prevent,
        owner: "user:ben".parse().unwrap(),
        due: None,
    };
    driven.does("user:ana", item);
    let due = driven.now + secs(7_200);
    assert_eq!(driven.release.index().due, Some(due));
    let status = Status::of(&history(&driven)).to_string();
    assert!(status.contains("action item 1. test with foreign addresses"), "{status}");
    driven.assert_replays();
}

#[test]
fn a_policy_that_says_nothing_gives_five_and_thirty_days_and_is_recorded_without() {
    let shipped = Policy::shipped();
    assert_eq!(shipped.follow_up().post_mortem_within, secs(5 * 86_400));
    assert_eq!(shipped.follow_up().action_items_within, secs(30 * 86_400));
    assert!(!serde_json::to_string(&shipped).unwrap().contains("follow_up"));
    let stated = Policy::from_toml(&policy()).unwrap();
    let json = serde_json::to_string(&stated).unwrap();
    assert_eq!(serde_json::from_str::<Policy>(&json).unwrap(), stated);
    let wrong = Policy::from_toml(&policy().replace("within = \"1h\"", "within = \"0s\"")).unwrap_err();
    assert!(with_causes(&wrong).contains("follow_up.post_mortem_within is 0s: between 1s and 365 days"));
}
