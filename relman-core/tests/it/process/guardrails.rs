use relman_core::{
    event::{Event, Gate, PostMortemCause, StepStarted},
    machine::{Action, PhaseName, Release},
    unit::Span,
};

use crate::fixture::{Driven, PLAN, act, drill_plan, forge, policy_text, secs, share, with};

/// In staging, with one check failed and every other passed.
fn failed_staging() -> Driven {
    let mut driven = Driven::standard().staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::failed(&last));
    driven
}

#[test]
fn g1_a_failed_gate_is_overridden_by_an_executive_alone() {
    let mut driven = failed_staging();
    let expires_at = driven.now + Span::from_hours(1);
    let staging = || act::override_gate(Gate::Staging, expires_at);
    assert_eq!(
        driven.refused("user:ana", staging()),
        "user:ana may not override a gate: that takes one of the roles executive, and the directory gives author, \
         developer"
    );
    assert_eq!(
        driven.refused("service:ci", staging()),
        "service:ci is not a person: this takes a person's name (user:…)"
    );
    assert_eq!(
        driven.refused("system:relman", staging()),
        "system:relman can't give commands: name the person (user:…) or service (service:…) who acts"
    );
    assert_eq!(
        driven.refused("user:eve", staging()),
        "user:eve is unknown to the directory: only people and services it knows may act"
    );
    let batch = driven.does("user:eva", staging());
    assert_eq!(batch.kinds()[..2], ["override_granted", "post_mortem_opened"]);
    assert_eq!(
        batch.kinds()[2..],
        ["target_admitted", "platform_observed", "gate_passed", "rollout_started"]
    );
    assert_eq!(
        batch.effects(),
        [
            "tell internal through releases: gate overridden",
            "deploy to production",
            "tell internal through releases: rollout started"
        ]
    );
    let Event::OverrideGranted(granted) = &batch.events[0] else { panic!("{batch:?}") };
    assert_eq!(granted.reason.as_str(), "the fix for an outage");
    assert_eq!(granted.checks.iter().map(ToString::to_string).collect::<Vec<_>>(), ["unit"]);
    let Event::GatePassed(passed) = &batch.events[4] else { panic!("{batch:?}") };
    assert_eq!(passed.grounds[2].to_string(), "unit: overridden by user:eva");
}

#[test]
fn g1_an_override_expires_at_the_latest_when_the_policy_says() {
    let mut driven = Driven::drill().staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::failed(&last));
    let latest = driven.now + Span::from_hours(24);
    let too_late = act::override_gate(Gate::Staging, latest + Span::from_millis(1));
    assert!(driven.refused("user:eva", too_late).contains("24h"));
    assert!(driven.does("user:eva", act::override_gate(Gate::Staging, latest)).has("override_granted"));
}

#[test]
fn g1_an_override_opens_a_post_mortem_and_the_release_stays_open_until_it_is_filed() {
    let mut driven = Driven::drill().staging();
    let last = driven.checked_but_one();
    driven.does("service:ci", act::failed(&last));
    let expires_at = driven.now + Span::from_hours(1);
    let batch = driven.does("user:eva", act::override_gate(Gate::Staging, expires_at));
    let Event::PostMortemOpened(opened) = &batch.events[1] else { panic!("{batch:?}") };
    assert_eq!((opened.number, &opened.about), (1, &PostMortemCause::Override { gate: Gate::Staging }));
    driven.does("user:guest", act::roll_back());
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    assert_eq!(
        driven.refused("user:ana", Action::Close),
        "checkout-241 can't be closed before these are filed: post-mortem 1 on the override of the staging gate, \
         post-mortem 2 on the rollback"
    );
    assert_eq!(
        driven.refused("user:ana", act::post_mortem(None)),
        "checkout-241 owes several post-mortems; name one by its number: post-mortem 1 on the override of the \
         staging gate, post-mortem 2 on the rollback"
    );
    assert!(driven.refused("user:ana", act::post_mortem(Some(3))).contains("name one by its number"));
    driven.does("user:ana", act::post_mortem(Some(2)));
    assert_eq!(
        driven.refused("user:ana", Action::Close),
        "checkout-241 can't be closed before these are filed: post-mortem 1 on the override of the staging gate"
    );
    driven.does("user:ana", act::post_mortem(None));
    driven.does("user:ana", Action::Close);
    assert_eq!(driven.phase(), PhaseName::Closed);
    assert_eq!(driven.refused("user:ana", act::post_mortem(None)), "checkout-241 owes no post-mortem");
}

#[test]
fn g1_an_override_before_an_abort_is_owed_as_well() {
    let mut driven = failed_staging();
    driven.does("user:guest", act::hold());
    let expires_at = driven.now + Span::from_hours(1);
    driven.does("user:eva", act::override_gate(Gate::Staging, expires_at));
    assert_eq!(driven.phase(), PhaseName::Staging, "an override does not end a hold");
    driven.does("user:ana", act::abort());
    let refused = driven.refused("user:ana", Action::Close);
    assert!(refused.contains("post-mortem 1 on the override of the staging gate"), "{refused}");
}

#[test]
fn g1_what_has_not_failed_can_not_be_overridden() {
    let mut driven = Driven::standard().staging();
    let expires_at = driven.now + Span::from_hours(1);
    assert_eq!(
        driven.refused("user:eva", act::override_gate(Gate::Staging, expires_at)),
        "the staging gate has not failed, so there is nothing to override: it waits for the staging deployment"
    );
}

#[test]
fn g1_an_override_covers_what_has_failed_and_nothing_else() {
    let mut driven = Driven::standard().staging();
    driven.done("deploy to staging");
    driven.does("service:ci", act::failed("unit"));
    let expires_at = driven.now + Span::from_hours(1);
    driven.does("user:eva", act::override_gate(Gate::Staging, expires_at));
    assert_eq!(driven.missing(), ["the check end-to-end", "the check integration"]);
    driven.does("service:ci", act::passed("integration"));
    driven.does("service:ci", act::failed("end-to-end"));
    assert_eq!(driven.phase(), PhaseName::Staging);
}

#[test]
fn g1_an_override_expires() {
    let mut driven = Driven::standard().staging();
    driven.done("deploy to staging");
    driven.does("service:ci", act::failed("unit"));
    for expires_at in [driven.now, driven.now + Span::from_hours(25)] {
        assert_eq!(
            driven.refused("user:eva", act::override_gate(Gate::Staging, expires_at)),
            format!(
                "the override expires at {expires_at}: it has to expire after {} and within 24h",
                driven.now
            )
        );
    }
    let expires_at = driven.now + Span::from_hours(1);
    driven.does("user:eva", act::override_gate(Gate::Staging, expires_at));
    assert_eq!(driven.release.next_deadline(driven.now), Some(expires_at));
    driven.now = expires_at.minus(Span::from_millis(1));
    assert!(driven.tick().events.is_empty());
    driven.now = expires_at;
    assert_eq!(driven.tick().kinds(), ["override_expired"]);
    driven.does("service:ci", act::passed("integration"));
    driven.does("service:ci", act::passed("end-to-end"));
    assert_eq!(driven.missing(), ["the check unit: it has failed, https://ci.example.org/1"]);
    assert_eq!(driven.release.owed_post_mortems().count(), 1, "it is owed although it was not used");
}

#[test]
fn g2_no_staging_without_specific_thresholds() {
    let (plan, rest) = PLAN.split_once("[contract]").unwrap();
    let without = format!("{plan}{}", &rest[rest.find("[[communication]]").unwrap()..]);
    let mut driven = Driven::planned(&without, &policy_text());
    assert_eq!(
        driven.refused("user:ben", Action::ApprovePlan),
        "checkout-241 has no rollback contract, and nothing is staged without one: add [contract] with numeric \
         criteria, such as criteria = [\"error_rate > 1%\"], and record the plan again"
    );
    let expires_at = driven.now + Span::from_hours(1);
    assert_eq!(
        driven.refused("user:eva", act::override_gate(Gate::Plan, expires_at)),
        "the plan gate can't be overridden: everything rests on a contract, and on an approval by a person other than the author"
    );
}

#[test]
fn g3_a_step_can_not_be_overridden_skipped_or_made_up() {
    let mut driven = Driven::drill().in_step(2);
    let expires_at = driven.now + Span::from_hours(1);
    assert_eq!(
        driven.refused("user:eva", act::override_gate(Gate::Step(2), expires_at)),
        "the step-2 gate can't be overridden: a step passes on data alone; a breach rolls back, and what was not \
         measured did not pass"
    );
    // Facts that nobody decided, sealed as a caller could.
    let made_up = |step, share, bake| StepStarted { step, share, bake };
    for started in
        [made_up(3, share(50), secs(5)), made_up(4, share(100), secs(10)), made_up(2, share(10), secs(5))]
    {
        let record = forge(&driven.release, driven.now, "user:eva", started);
        let mut release = driven.release.clone();
        let error = release.apply(&record).unwrap_err().to_string();
        assert!(error.contains("step_started can't happen to a release that is releasing"), "{error}");
        assert_eq!(release, driven.release);
    }
    // The next step at its time, with another share.
    driven.run(secs(4));
    let before = driven.release.clone();
    driven.healthy_look();
    assert_eq!((driven.step(), before.phase().step().unwrap().number), (3, 2));
}

#[test]
fn g3_a_small_change_has_no_track_of_its_own_making() {
    let plan = with(PLAN, "title =", "track = \"straight-to-all\"\ntitle =");
    let mut driven = Driven::new(&plan, &policy_text());
    assert_eq!(
        driven.refused("user:ana", driven.record_plan()),
        "there is no track `straight-to-all`; this policy has drill, high-risk, small-change, standard"
    );
}

#[test]
fn g4_it_is_not_complete_before_its_validation() {
    for (mut driven, waits) in [
        (Driven::drill().in_step(1), "it is releasing and waits for 5s of 5s on fresh data"),
        (Driven::drill().validating(), "it is validating and waits for 10s of 10s on fresh data"),
        (Driven::drill().staging(), "it is staging and waits for the staging deployment"),
    ] {
        assert_eq!(
            driven.refused("user:ana", Action::Close),
            format!("checkout-241 can't be completed: {waits}")
        );
    }
    let mut driven = Driven::drill().validating();
    let expires_at = driven.now + Span::from_hours(1);
    assert_eq!(
        driven.refused("user:eva", act::override_gate(Gate::Validation, expires_at)),
        "the validation gate has not failed, so there is nothing to override: it waits for 10s of 10s on fresh data"
    );
    driven.does("user:qin", act::failed("user-flows"));
    driven.does("user:eva", act::override_gate(Gate::Validation, expires_at));
    assert_eq!(driven.phase(), PhaseName::Validating, "it covers the check, neither time nor cover");
    driven.does("user:olu", act::acknowledge());
    driven.run(secs(9));
    assert_eq!(driven.phase(), PhaseName::Validating);
    driven.run(secs(1));
    assert_eq!(driven.phase(), PhaseName::Completed);
    let refused = driven.refused("user:ana", Action::Close);
    assert!(refused.ends_with("post-mortem 1 on the override of the validation gate"), "{refused}");
}

#[test]
fn g5_author_approver_and_executive_are_different_people() {
    let mut by_dan = Driven::new(&drill_plan(), &policy_text());
    by_dan.does("user:dan", by_dan.record_plan());
    assert_eq!(
        by_dan.refused("user:dan", Action::ApprovePlan),
        "user:dan is an author of the plan: someone else has to approve it"
    );
    by_dan.does("user:ben", Action::ApprovePlan);
    let last = by_dan.checked_but_one();
    by_dan.does("service:ci", act::failed(&last));
    let expires_at = by_dan.now + Span::from_hours(1);
    assert_eq!(
        by_dan.refused("user:dan", act::override_gate(Gate::Staging, expires_at)),
        "user:dan is an author of the plan: an override comes from an executive who neither wrote nor approved it"
    );
    let mut approved = Driven::drill();
    approved.does("user:dan", Action::ApprovePlan);
    let last = approved.checked_but_one();
    approved.does("service:ci", act::failed(&last));
    assert_eq!(
        approved.refused("user:dan", act::override_gate(Gate::Staging, expires_at)),
        "user:dan has approved the plan: an override comes from an executive who neither wrote nor approved it"
    );
}

#[test]
fn g6_a_record_that_does_not_continue_the_chain_is_found_and_named() {
    let driven = Driven::drill().in_step(2);
    let bytes: Vec<Vec<u8>> = driven.journal.lines.iter().map(|line| line.bytes().to_vec()).collect();
    let replay = |lines: &[Vec<u8>]| {
        Release::replay(driven.release.id().clone(), lines.iter().map(Vec::as_slice))
            .map_err(|error| error.to_string())
    };
    assert_eq!(replay(&bytes).unwrap(), driven.release);
    for removed in 0..bytes.len() - 1 {
        let mut lines = bytes.clone();
        lines.remove(removed);
        let error = replay(&lines).unwrap_err();
        assert!(error.starts_with(&format!("checkout-241, record {}:", removed + 1)), "{error}");
    }
    let mut swapped = bytes.clone();
    swapped.swap(2, 3);
    assert!(replay(&swapped).unwrap_err().starts_with("checkout-241, record 3:"));
    // A changed record still reads; the one after it no longer links to it.
    let mut altered = bytes.clone();
    altered[3] = String::from_utf8(altered[3].clone()).unwrap().replace("staging", "stagins").into_bytes();
    let mut quiet = bytes.clone();
    quiet[1] = String::from_utf8(quiet[1].clone()).unwrap().replace("user:ben", "user:bob").into_bytes();
    assert!(replay(&quiet).unwrap_err().starts_with("checkout-241, record 2:"));
    assert!(replay(&altered).is_err());
    // The stream of another release.
    let other = Release::replay("other".parse().unwrap(), bytes.iter().map(Vec::as_slice));
    assert!(other.is_err());
}
