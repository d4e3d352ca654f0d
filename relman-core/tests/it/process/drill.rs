use relman_core::machine::Effect;

use crate::fixture::{Driven, PLAN, act, drill_plan, policy_text, share, with};

#[test]
fn a_production_release_can_not_take_a_drill_track() {
    let plan = with(PLAN, "title =", "track = \"drill\"\ntitle =");
    let mut driven = Driven::new(&plan, &policy_text());
    assert_eq!(
        driven.refused("user:ana", driven.record_plan()),
        "the track `drill` is for drills only: its durations are below the floors of a production release"
    );
    let mut driven = Driven::standard();
    assert!(driven.refused("user:ana", driven.revise(&plan)).contains("is for drills only"));
}

#[test]
fn a_drill_may_take_any_track() {
    for track in ["drill", "standard", "high-risk"] {
        let plan = with(&drill_plan(), "track = \"drill\"", &format!("track = \"{track}\""));
        let driven = Driven::planned(&plan, &policy_text());
        assert!(driven.release.is_drill());
        assert_eq!(driven.release.track().unwrap().0.as_str(), track);
    }
}

#[test]
fn a_drill_stays_a_drill_and_a_production_release_stays_one() {
    assert_eq!(
        Driven::drill().refused("user:ana", Driven::drill().revise(PLAN)),
        "checkout-241 is a drill and stays one: a drill never becomes a production release. Record a new plan under \
         another id"
    );
    assert_eq!(
        Driven::standard().refused("user:ana", Driven::standard().revise(&drill_plan())),
        "checkout-241 is a production release and can't become a drill. Record a new plan under another id"
    );
}

#[test]
fn every_message_of_a_drill_says_that_it_is_one() {
    let titles = |mut driven: Driven| {
        let mut titles = Vec::new();
        let mut note = |driven: &Driven| {
            titles.extend(driven.release.outstanding().values().filter_map(|one| match &one.effect {
                Effect::Notify { title, .. } => Some(title.clone()),
                Effect::Deploy { .. }
                | Effect::SetTraffic { .. }
                | Effect::Promote
                | Effect::LeaveTarget { .. } => None,
            }));
        };
        driven.look_at(Err("no answer"), crate::fixture::healthy);
        note(&driven);
        driven.healthy_look();
        driven.look_at(Ok(share(77)), crate::fixture::healthy);
        driven.does("user:guest", act::roll_back());
        note(&driven);
        driven.done("set traffic to 0%");
        driven.traffic(Err("no answer"));
        note(&driven);
        titles
    };
    let drill = titles(Driven::drill().in_step(2));
    assert!(
        drill.len() >= 5 && drill.iter().all(|title| title.starts_with("[drill] checkout-241: ")),
        "{drill:?}"
    );
    let real = titles(Driven::standard().released());
    assert!(real.len() >= 5 && real.iter().all(|title| title.starts_with("checkout-241: ")), "{real:?}");
}
