//! V4: incidents of the service are on the record, beside where the release was when they began.

use relman_core::{
    event::{IncidentEnded, IncidentReported},
    machine::{Action, Command, Input, PhaseName, Principal, Refusal},
    port::Incident,
    report::{History, IncidentReport, IncidentTime, Retrospective, Storyboard, ValidationReport},
    unit::Actor,
};

use crate::{
    fixture::{Driven, act, secs, share},
    process::forged::folds,
};

fn refused_by_relman(driven: &mut Driven, action: Action) -> Refusal {
    driven.input(Input::Action(Command { by: Principal::relman(), action })).unwrap_err()
}

fn reports(driven: &Driven) -> Vec<IncidentReport> {
    IncidentReport::all(&History::new(&driven.release, &driven.journal.records, driven.now))
}

#[test]
fn v4_relman_records_an_incident_that_a_source_tells_of_and_its_end() {
    let mut driven = Driven::drill().in_step(2);
    let began = driven.now;
    let batch = driven.by_itself(act::incident("7c1f", began));
    assert_eq!((batch.kinds(), batch.by), (vec!["incident_seen"], vec![Actor::relman()]));
    assert!(batch.effects.is_empty(), "nothing moves because of it");
    assert!(driven.release.incidents()[0].is_open());
    driven.wait(secs(2));
    assert_eq!(driven.by_itself(act::end_incident("7c1f", None)).kinds(), ["incident_ended"]);
    assert_eq!(driven.release.incidents()[0].incident.ended_at, Some(driven.now), "by then, at the latest");
    driven.assert_replays();
}

#[test]
fn v4_everybody_with_a_name_may_tell_of_an_incident_and_relman_gives_no_other_command() {
    let mut driven = Driven::drill().in_step(1);
    let now = driven.now;
    driven.does("user:guest", act::incident("INC-7", now));
    driven.does("service:ci", act::end_incident("INC-7", Some(now)));
    assert_eq!(
        driven.refused("user:mallory", act::incident("INC-8", now)),
        "user:mallory is unknown to the directory: only people and services it knows may act"
    );
    for action in [act::hold(), act::roll_back(), act::complain(), Action::ApprovePlan, Action::Close] {
        let refusal = refused_by_relman(&mut driven, action);
        assert_eq!(refusal, Refusal::SystemActor(Actor::relman()));
    }
    let other = Principal { actor: "system:other".parse().unwrap(), roles: None };
    let command = Command { by: other.clone(), action: act::incident("INC-9", now) };
    assert_eq!(driven.input(Input::Action(command)).unwrap_err(), Refusal::SystemActor(other.actor));
}

#[test]
fn v4_an_incident_is_recorded_once_however_often_a_source_tells_of_it() {
    let mut driven = Driven::drill().in_step(1);
    let began = driven.now;
    driven.by_itself(act::incident("7c1f", began));
    let again = "the incident 7c1f of alertmanager is already on the record of checkout-241";
    assert_eq!(driven.refused("user:guest", act::incident("7c1f", began)), again);
    // One that fires is the same one, even where its source has learnt that it began earlier.
    assert_eq!(driven.refused("user:guest", act::incident("7c1f", began.minus(secs(9)))), again);
    driven.by_itself(act::end_incident("7c1f", None));
    assert_eq!(driven.refused("user:guest", act::incident("7c1f", began)), again, "told of late");
    assert_eq!(
        driven.refused("user:guest", act::end_incident("7c1f", None)),
        "checkout-241 has no open incident 7c1f of alertmanager: record it first, or name one that is open"
    );
    // The same alert fires anew.
    driven.by_itself(act::incident("7c1f", began + secs(5)));
    assert_eq!(driven.release.incidents().len(), 2);
    // And another source has ids of its own.
    let Action::RecordIncident { incident, .. } = act::incident("7c1f", began + secs(5)) else {
        unreachable!()
    };
    driven.by_itself(Action::RecordIncident { source: act::text("pager"), incident });
    assert_eq!(driven.release.incidents().iter().filter(|one| one.is_open()).count(), 2);
}

#[test]
fn v4_before_production_and_after_the_release_is_closed_there_is_nothing_to_correlate() {
    let mut driven = Driven::drill();
    let now = driven.now;
    assert_eq!(
        driven.refused("user:guest", act::incident("7c1f", now)),
        "checkout-241 is planning: recording an incident is possible while it is releasing, validating, rolling back, completed or rolled back"
    );
    let mut driven = Driven::drill().staging();
    assert!(
        driven
            .refused("user:guest", act::incident("7c1f", now))
            .contains("recording an incident is possible while")
    );
    let mut driven = Driven::drill().completed();
    driven.perform();
    driven.by_itself(act::incident("7c1f", now));
    driven.does("user:ana", Action::Close);
    assert!(
        driven
            .refused("user:guest", act::incident("7c20", now))
            .contains("recording an incident is possible while")
    );
    assert!(driven.refused("user:guest", act::end_incident("7c1f", None)).contains("ending an incident"));
}

#[test]
fn v4_an_incident_of_another_service_or_with_its_end_before_its_beginning_is_refused() {
    let mut driven = Driven::drill().in_step(1);
    let now = driven.now;
    let mut other = act::firing("7c1f", now);
    other.service = "search".parse().unwrap();
    let record = |incident| Action::RecordIncident { source: act::text("alertmanager"), incident };
    assert_eq!(
        driven.refused("user:guest", record(other)),
        "the incident is one of search, and checkout-241 releases checkout: record it there, if anywhere"
    );
    let backwards = act::firing("7c1f", now).with_end(now.minus(secs(1)));
    assert!(driven.refused("user:guest", record(backwards)).starts_with("the incident began at "));
    driven.by_itself(act::incident("7c1f", now));
    let ended_at = Some(now.minus(secs(1)));
    assert!(
        driven
            .refused("user:guest", act::end_incident("7c1f", ended_at))
            .starts_with("the incident began at ")
    );
}

#[test]
fn v4_an_incident_that_fits_no_record_is_refused_and_a_storm_has_an_end() {
    let mut driven = Driven::drill().in_step(1);
    let now = driven.now;
    let record = |incident| Action::RecordIncident { source: act::text("alertmanager"), incident };
    let long = act::text(&"😀".repeat(4_000));
    let huge = Incident::new(long.clone(), long.clone(), "checkout".parse().unwrap(), now)
        .with_severity(long.clone())
        .with_url(long);
    let refusal = driven.refused("user:guest", record(huge));
    assert!(
        refusal.ends_with("and a record holds 60000: shorten its words and link to the rest"),
        "{refusal}"
    );
    for number in 0..500 {
        driven.by_itself(act::incident(&format!("storm-{number}"), now));
    }
    assert_eq!(
        driven.refused("user:guest", act::incident("one-more", now)),
        "checkout-241 already has 500 incidents on its record, the most it keeps"
    );
}

#[test]
fn v4_the_reports_say_where_the_release_was_when_an_incident_began() {
    let mut driven = Driven::drill().in_step(2);
    let (before, rollout) = (driven.journal.records[0].at.minus(secs(60)), driven.now);
    driven.by_itself(act::incident("before", before));
    driven.healthy_look();
    driven.by_itself(act::incident("rollout", rollout));
    driven.run_while(|driven| driven.phase() == PhaseName::Releasing);
    let validation = driven.now;
    driven.by_itself(act::end_incident("rollout", Some(validation)));
    driven.healthy_look();
    let ended = act::firing("validation", validation).with_end(validation + secs(1));
    driven.does("user:guest", Action::RecordIncident { source: act::text("pager"), incident: ended });
    driven.does("user:guest", act::roll_back());
    driven.by_itself(act::incident("rollback", driven.now));
    driven.wait(secs(1));
    driven.run_while(|driven| driven.phase() == PhaseName::RollingBack);
    driven.wait(secs(1));
    driven.by_itself(act::incident("afterwards", driven.now));

    let reports = reports(&driven);
    let seen: Vec<_> =
        reports.iter().map(|one| (one.id.as_str(), one.began, one.share, one.ended.is_some())).collect();
    assert_eq!(
        seen,
        [
            ("before", IncidentTime::BeforeUsers, share(0), false),
            ("rollout", IncidentTime::InRollout, share(10), true),
            ("validation", IncidentTime::InValidation, share(100), true),
            ("rollback", IncidentTime::InRollback, share(100), false),
            ("afterwards", IncidentTime::Afterwards, share(0), false),
        ]
    );
    for one in &reports {
        for record in one.records() {
            let record = driven.journal.records.iter().find(|one| one.seq == record).unwrap();
            assert!(record.event.kind().starts_with("incident_"), "{one}");
        }
    }
    let history = History::new(&driven.release, &driven.journal.records, driven.now);
    assert_eq!(ValidationReport::of(&history).unwrap().incidents, reports);
    assert_eq!(Storyboard::of(&history).verify.incidents, reports);
    let retrospective = Retrospective::of(&history).unwrap();
    assert_eq!(retrospective.figures.incidents, 5);
    let fact = "3 incidents of the service began while users had the new version";
    let facts = retrospective.sections.iter().flat_map(|section| &section.facts);
    assert_eq!(facts.filter(|one| one.text == fact).count(), 1, "{retrospective}");
}

#[test]
fn v4_a_forged_record_of_an_incident_does_not_fold() {
    let driven = Driven::drill().in_step(1);
    let seen = |incident| IncidentReported { source: act::text("alertmanager"), incident, roles: [].into() };
    let ended = |id| IncidentEnded {
        source: act::text("alertmanager"),
        id: act::text(id),
        ended_at: None,
        roles: [].into(),
    };
    assert!(folds(&driven, "system:relman", seen(act::firing("7c1f", driven.now))));
    let mut other = act::firing("7c1f", driven.now);
    other.service = "search".parse().unwrap();
    assert!(!folds(&driven, "system:relman", seen(other)));
    assert!(!folds(&driven, "system:relman", ended("7c1f")));
    let mut driven = driven;
    driven.by_itself(act::incident("7c1f", driven.now));
    assert!(!folds(&driven, "system:relman", seen(act::firing("7c1f", driven.now))));
    assert!(folds(&driven, "system:relman", ended("7c1f")));
    let planned = Driven::drill();
    assert!(!folds(&planned, "system:relman", seen(act::firing("7c1f", planned.now))));
}
