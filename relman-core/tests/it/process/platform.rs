//! What the platform really is: before production is entered, and at every look.

use crate::fixture::{Driven, act, healthy, secs, share};
use relman_core::{
    event::{Event, HoldCause},
    machine::{Effect, PhaseName, Turn},
    port::{Deployment, Place},
    unit::TrafficShare,
};

/// In staging with everything passed, in front of this production.
fn before(production: Result<Deployment, &str>) -> Driven {
    let mut driven = Driven::drill();
    driven.production = Some(production.map_err(str::to_owned));
    let mut driven = driven.staging();
    let last = driven.checked_but_one();
    driven.does("user:qin", act::passed(&last));
    driven
}

fn free() -> Deployment {
    Deployment::at(TrafficShare::ZERO)
}

fn hold(driven: &Driven) -> Option<String> {
    driven.release.holds().get(&HoldCause::Platform).map(|hold| hold.reason.to_string())
}

/// A look that shows this.
fn shows(driven: &mut Driven, shown: Deployment) -> crate::fixture::Batch {
    driven.look_changed(healthy, |_, measured| {
        measured.deployment = Ok(shown);
        measured.tolerance = "0.5%".parse().unwrap();
    })
}

#[test]
fn t2_nothing_is_installed_where_users_are() {
    let there = Place::new().with_version("2.40.3");
    for (production, why) in [
        (
            Ok(Deployment::at(TrafficShare::FULL)),
            "gets 100% of the traffic: installing it there would show it",
        ),
        (Ok(Deployment::at(TrafficShare::FULL).with_canary(there)), "2.41.0, where 2.40.3 is, gets 100%"),
        (Ok(Deployment::at("0.01%".parse().unwrap())), "gets 0.01% of the traffic"),
        // The weights alone would show it, once an instance is up.
        (Ok(free().with_set_share(share(10))), "gets 10% of the traffic"),
        (
            Ok(free().with_baseline(Place::new().with_version("2.39.0"))),
            "users have 2.39.0, and the plan of 2.41.0 replaces 2.40.3",
        ),
        (
            Ok(free().with_baseline(Place::new().with_ready(0, 3).with_trouble("s1, s2 and s3 are down"))),
            "no instance of 2.40.3 takes requests: s1, s2 and s3 are down",
        ),
    ] {
        let mut driven = before(production);
        assert_eq!(driven.phase(), PhaseName::Staging);
        assert!(hold(&driven).unwrap().contains(why), "{:?}", hold(&driven));
        assert!(!driven.outstanding().contains(&"deploy to production".to_owned()));
        assert_eq!(driven.release.missing(driven.now)[0].turn, Turn::World);
        let wanted = driven.release.outstanding().values();
        let paged =
            |effect: &Effect| matches!(effect, Effect::Notify { title, .. } if title.contains("held"));
        assert!(wanted.into_iter().any(|one| paged(&one.effect)));
        // It says so once, and looks again.
        let recorded = driven.journal.records.len();
        driven.perform();
        driven.run(secs(300));
        let news = driven.journal.records[recorded..].iter();
        assert!(news.into_iter().all(|record| record.event.kind() == "notified"), "{:?}", driven.of_kind(""));
        assert!(driven.refused("user:ben", act::resume()).contains("this hold clears by itself once"));
        driven.production = Some(Ok(free()));
        driven.run(secs(20));
        assert_eq!((driven.phase(), hold(&driven)), (PhaseName::Releasing, None));
        driven.assert_replays();
    }
}

#[test]
fn t2_a_version_that_the_platform_can_not_tell_is_none_that_is_wrong() {
    let production = free().with_baseline(Place::new().with_ready(1, 3));
    assert_eq!(before(Ok(production)).outstanding(), ["deploy to production"]);
    let production = free().with_baseline(Place::new().with_version("2.40.3"));
    let driven = before(Ok(production));
    assert_eq!(driven.outstanding(), ["deploy to production"]);
    let [Event::PlatformObserved(seen)] = driven.of_kind("platform_observed")[..] else { panic!() };
    assert_eq!(seen.platform.baseline.version.as_ref().map(ToString::to_string).as_deref(), Some("2.40.3"));
}

#[test]
fn t2_a_platform_that_does_not_answer_is_not_free_and_people_hear_of_it() {
    let mut driven = before(Err("connection refused"));
    driven.run(secs(15));
    assert_eq!(hold(&driven), None, "one or two answers that fail are everyday life");
    driven.run(secs(20));
    assert_eq!(hold(&driven).as_deref(), Some("the platform could not be observed: connection refused"));
    assert_eq!(driven.phase(), PhaseName::Staging);
    driven.production = Some(Ok(free()));
    driven.run(secs(11));
    assert_eq!((driven.phase(), hold(&driven)), (PhaseName::Releasing, None));
}

#[test]
fn t7_no_way_back_is_a_hold_long_before_somebody_needs_it() {
    for step in 1..=4 {
        let mut driven = Driven::drill().in_step(step);
        let wanted = driven.release.phase().step().unwrap().share;
        let gone = Place::new().with_ready(0, 2).with_trouble("s1 and s2 are down");
        let batch = shows(&mut driven, Deployment::at(wanted).with_baseline(gone));
        assert!(batch.has("hold_placed"), "{:?}", batch.kinds());
        assert!(batch.effects().contains(&"page: held".to_owned()), "{:?}", batch.effects());
        assert!(hold(&driven).unwrap().starts_with("there is no way back"));
        let baked = driven.baked();
        shows(&mut driven, Deployment::at(wanted).with_baseline(Place::new().with_ready(1, 2)));
        assert_eq!((hold(&driven), driven.baked()), (None, baked));
        driven.healthy_look();
        // Nobody is on call in the validation.
        assert_eq!(driven.baked() > baked, step < 4);
        driven.assert_replays();
    }
}

#[test]
fn t9_what_users_get_counts_and_not_what_was_asked_for() {
    for (shown, why) in [
        (Deployment::at(share(14)).with_baseline(Place::new().with_trouble("s1 is starting slowly")), "14%"),
        (Deployment::at(TrafficShare::ZERO).with_canary(Place::new().with_trouble("c1 is draining")), "0%"),
        (
            Deployment::at(TrafficShare::ZERO)
                .with_canary(Place::new().with_ready(0, 1).with_trouble("c1 is down")),
            "no instance of the new version takes requests, so users don't meet it: c1 is down",
        ),
    ] {
        let mut driven = Driven::drill().in_step(2);
        let batch = shows(&mut driven, shown.with_set_share(share(10)));
        assert_eq!(batch.kinds(), ["evaluated", "hold_placed"]);
        assert!(hold(&driven).unwrap().starts_with(why), "{:?}", hold(&driven));
        let Event::Evaluated(look) = &batch.events[0] else { panic!("{batch:?}") };
        assert!(look.disregarded && look.credit == secs(0));
        // None of that time counts, and nothing that was measured in it.
        let step = driven.release.phase().step().unwrap();
        assert!(step.clean.is_empty() && step.baked == secs(0));
        driven.perform();
        driven.run(secs(60));
        driven.assert_replays();
    }
}

#[test]
fn t9_harm_that_is_measured_at_a_wrong_exposure_is_harm() {
    let mut driven = Driven::drill().in_step(2);
    let batch = driven.look_changed(
        |metric, arm| match metric.as_str() {
            "error_rate" => crate::fixture::counts(1_000, 900),
            _ => healthy(metric, arm),
        },
        |_, measured| measured.deployment = Ok(Deployment::at(share(14)).with_set_share(share(10))),
    );
    assert!(batch.has("rollback_started"), "{:?}", batch.kinds());
}

#[test]
fn t9_a_share_that_someone_else_raises_holds_at_once() {
    let mut driven = Driven::drill().in_step(2);
    let batch = shows(&mut driven, Deployment::at(share(50)));
    assert_eq!(batch.kinds(), ["evaluated", "traffic_drifted", "hold_placed"]);
    assert_eq!(
        batch.effects().first().map(String::as_str),
        Some("set traffic to 10%"),
        "back is set at once"
    );
    driven.perform();
    driven.run(secs(60));
    assert_eq!(driven.step(), 2);
    assert_eq!(driven.baked(), secs(0), "{:?}", driven.missing());
    driven.does("user:ben", act::resume());
    driven.run(secs(60));
    assert!(driven.step() > 2);
}

#[test]
fn t9_three_drifts_in_a_step_hold_and_nobody_raises_the_share_against_them() {
    let mut driven = Driven::drill().in_step(2);
    for drift in 1..=2 {
        let batch = shows(&mut driven, Deployment::at(share(5)));
        assert_eq!(batch.kinds(), ["evaluated", "traffic_drifted"], "drift {drift}");
        driven.perform();
    }
    let batch = shows(&mut driven, Deployment::at(share(5)));
    assert_eq!(batch.kinds(), ["evaluated", "traffic_drifted", "hold_placed"]);
    driven.perform();
    assert_eq!(driven.outstanding(), ["set traffic to 10%"], "it waits for a person");
    driven.does("user:ben", act::resume());
    driven.perform();
    assert_eq!(driven.release.exposure(), share(10));
    // They are counted anew.
    assert_eq!(shows(&mut driven, Deployment::at(share(5))).kinds(), ["evaluated", "traffic_drifted"]);
}

#[test]
fn t9_nothing_and_everything_are_never_a_matter_of_rounding() {
    let mut driven = Driven::drill().in_step(1);
    assert_eq!(driven.release.phase().step().unwrap().share, share(1));
    let batch = driven.look_changed(healthy, |_, measured| {
        measured.deployment = Ok(Deployment::at(TrafficShare::ZERO));
        measured.tolerance = share(2);
    });
    assert!(batch.has("traffic_drifted"), "{:?}", batch.kinds());
}

#[test]
fn t9_a_slow_start_pages_once_and_not_with_each_look() {
    let mut driven = Driven::drill().in_step(2);
    let starting = |got| Deployment::at(share(got)).with_set_share(share(10));
    assert!(shows(&mut driven, starting(50)).has("hold_placed"));
    driven.perform();
    for got in (12..50).rev() {
        assert_eq!(shows(&mut driven, starting(got)).kinds(), ["evaluated"], "{got} %");
    }
    assert!(shows(&mut driven, starting(10)).has("hold_released"));
    driven.assert_replays();
}
