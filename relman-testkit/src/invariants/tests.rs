//! Each invariant is held against a run that is in order but for one thing.

use std::sync::{Arc, OnceLock};

use relman_core::{
    chain::Digest,
    event::{CheckOutcome, Event, Gate, GatePassed, Record, StagingStarted},
    judge::{Answer, Outcome},
    plan::Plan,
    unit::{Span, TrafficShare},
};

use super::*;
use crate::{
    AfterFailure, Simulation, Team, sample,
    world::{Regression, World},
};

/// A healthy drill.
fn completed() -> Vec<Record> {
    static RUN: OnceLock<Vec<Record>> = OnceLock::new();
    let run = || {
        Simulation::new(sample::drill_plan(), sample::drill_policy())
            .world(World::calm())
            .run(Team::new())
            .unwrap()
    };
    RUN.get_or_init(|| run().records).clone()
}

/// A drill that is rolled back at 10 %.
fn rolled_back() -> Vec<Record> {
    let world = World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.2));
    let simulation = Simulation::new(sample::drill_plan(), sample::drill_policy()).world(world);
    simulation.run(Team::new()).unwrap().records
}

/// A high-risk drill whose integration check is overridden.
fn overridden() -> Vec<Record> {
    let plan =
        sample::builder("drill-2", &["payments"]).drill().track("drill".parse().unwrap()).build().unwrap();
    let team = Team::new().with_failing("integration".parse().unwrap(), AfterFailure::Override);
    Simulation::new(Arc::new(plan), sample::drill_policy()).world(World::calm()).run(team).unwrap().records
}

/// Numbers and links records anew, as a forger would.
fn relink(records: &mut [Record]) {
    let mut prev = Digest::ZERO;
    for (seq, record) in (0..).zip(records) {
        (record.seq, record.prev) = (seq, prev);
        record.digest = Digest::of_line(format!("record {seq}").as_bytes());
        prev = record.digest;
    }
}

fn position(records: &[Record], wanted: impl Fn(&Event) -> bool) -> usize {
    records.iter().position(|record| wanted(&record.event)).expect("the run has such a record")
}

fn last_position(records: &[Record], wanted: impl Fn(&Event) -> bool) -> usize {
    records.iter().rposition(|record| wanted(&record.event)).expect("the run has such a record")
}

fn of_kind(kind: &'static str) -> impl Fn(&Event) -> bool {
    move |event| event.kind() == kind
}

/// Takes the first record of a kind out.
fn without(mut records: Vec<Record>, kind: &'static str) -> Vec<Record> {
    let at = position(&records, of_kind(kind));
    records.remove(at);
    relink(&mut records);
    records
}

/// Changes the first record that can be changed so.
fn with(mut records: Vec<Record>, change: impl Fn(&mut Record) -> Option<()>) -> Vec<Record> {
    records.iter_mut().find_map(change).expect("the run has such a record");
    records
}

/// Puts an event before the one at an index, at the same time.
fn inserted(mut records: Vec<Record>, at: usize, event: impl Into<Event>) -> Vec<Record> {
    let record =
        Record { event: event.into(), by: relman_core::unit::Actor::relman(), ..records[at].clone() };
    records.insert(at, record);
    relink(&mut records);
    records
}

#[track_caller]
fn found(name: &str, records: &[Record]) {
    let names: Vec<&str> = Invariants::violations(records).iter().map(|one| one.name).collect();
    assert!(names.contains(&name), "{name} is not among {names:?}");
}

#[test]
fn runs_in_order_break_nothing() {
    for records in [completed(), rolled_back(), overridden()] {
        assert_eq!(Invariants::violations(&records), []);
        Invariants::check(&records).unwrap();
    }
}

#[test]
fn every_part_of_a_run_up_to_some_moment_breaks_nothing() {
    let records = overridden();
    // What is decided at once is appended at once.
    let borders = (1..records.len()).filter(|end| records[end - 1].at < records[*end].at);
    for end in borders {
        assert_eq!(Invariants::violations(&records[..end]), [], "the first {end} records");
    }
}

#[test]
fn names_differ_and_a_violation_names_the_record() {
    let names: std::collections::BTreeSet<_> = Invariants::names().collect();
    assert_eq!(names.len(), Invariants::names().count());
    let mut records = completed();
    records.remove(3);
    let violation = Invariants::check(&records).unwrap_err();
    assert_eq!(violation.to_string(), "g6_chain_links is broken by record 4: record 3 is expected here");
}

#[test]
fn g6_a_record_that_is_removed_moved_or_changed_is_found() {
    let mut removed = completed();
    removed.remove(0);
    found("g6_chain_links", &removed);
    let mut swapped = completed();
    swapped.swap(4, 5);
    found("g6_chain_links", &swapped);
    let mut changed = completed();
    changed[4].digest = Digest::of_line(b"another line");
    found("g6_chain_links", &changed);
    let mut foreign = completed();
    foreign[4].release = "other-1".parse().unwrap();
    found("g6_chain_links", &foreign);
}

#[test]
fn time_that_goes_back_is_found() {
    let mut records = completed();
    let last = records.len() - 1;
    records[last].at = sample::start();
    found("time_never_goes_back", &records);
    let twice = with(completed(), |record| match &mut record.event {
        Event::Evaluated(look) => {
            look.window.until = look.window.until + Span::from_secs(5);
            record.at = look.window.until;
            Some(())
        }
        _ => None,
    });
    found("time_never_goes_back", &twice);
    let ahead = with(completed(), |record| match &mut record.event {
        Event::Evaluated(look) => {
            look.window.until = record.at + Span::from_secs(1);
            Some(())
        }
        _ => None,
    });
    found("time_never_goes_back", &ahead);
}

#[test]
fn law2_an_outcome_that_nobody_asked_for_is_found() {
    let unasked = with(completed(), |record| match &mut record.event {
        Event::TrafficSet(set) => {
            set.effect.record = 0;
            Some(())
        }
        _ => None,
    });
    found("law2_outcome_follows_its_cause", &unasked);
    let records = completed();
    let at = position(&records, of_kind("traffic_set"));
    let again = records[at].event.clone();
    found("law2_outcome_follows_its_cause", &inserted(records, at + 1, again));
}

#[test]
fn g2_staging_without_a_contract_is_found() {
    let records = with(completed(), |record| match &mut record.event {
        Event::PlanRecorded(recorded) => {
            let mut json = serde_json::to_value(&*recorded.plan).unwrap();
            json.as_object_mut().unwrap().remove("contract").unwrap();
            recorded.plan = Arc::new(serde_json::from_value::<Plan>(json).unwrap());
            Some(())
        }
        _ => None,
    });
    found("g2_no_staging_without_contract", &records);
    let unplanned = inserted(completed(), 0, StagingStarted {});
    found("g2_no_staging_without_contract", &unplanned);
}

#[test]
fn g3_a_gate_that_is_left_out_is_found() {
    for gate in [Gate::Plan, Gate::Staging, Gate::Step(1), Gate::Step(3), Gate::Validation] {
        let mut records = completed();
        let at =
            position(&records, |event| matches!(event, Event::GatePassed(passed) if passed.gate == gate));
        records.remove(at);
        relink(&mut records);
        found("g3_no_gate_left_out", &records);
    }
}

#[test]
fn g1_a_gate_that_passes_on_a_failed_or_missing_check_is_found() {
    let failed = with(completed(), |record| match &mut record.event {
        Event::CheckRecorded(check) => {
            check.outcome = CheckOutcome::Failed;
            Some(())
        }
        _ => None,
    });
    found("g1_no_gate_passes_on_a_failed_check", &failed);
    found("g1_no_gate_passes_on_a_failed_check", &without(completed(), "check_recorded"));
    found("g1_no_gate_passes_on_a_failed_check", &without(overridden(), "override_granted"));
    let expired = with(overridden(), |record| match &mut record.event {
        Event::OverrideGranted(granted) => {
            granted.expires_at = record.at;
            Some(())
        }
        _ => None,
    });
    found("g1_no_gate_passes_on_a_failed_check", &expired);
}

#[test]
fn s4_a_checklist_that_nobody_signed_is_found() {
    let by_a_service = with(overridden(), |record| match &record.event {
        Event::CheckRecorded(check) if check.check.as_str() == "manual-qa" => {
            record.by = Team::actor("service:ci");
            Some(())
        }
        _ => None,
    });
    found("s4_checklist_is_signed_by_a_person", &by_a_service);
    let incomplete = with(overridden(), |record| match &mut record.event {
        Event::CheckRecorded(check) => check.items.pop().map(drop),
        _ => None,
    });
    found("s4_checklist_is_signed_by_a_person", &incomplete);
}

#[test]
fn g5_one_person_in_two_roles_is_found() {
    let acts = |kind: &'static str, name: &'static str| {
        with(overridden(), |record| (record.event.kind() == kind).then(|| record.by = Team::actor(name)))
    };
    for (kind, name) in [
        ("plan_approved", "user:ana"),
        ("plan_approved", "user:cy"),
        ("plan_approved", "service:ci"),
        ("override_granted", "user:ana"),
        ("override_granted", "user:bo"),
    ] {
        found("g5_separation_of_duties", &acts(kind, name));
    }
    found("g5_separation_of_duties", &without(overridden(), "plan_approved"));
    let another_plan = with(overridden(), |record| match &mut record.event {
        Event::PlanApproved(approved) => {
            approved.plan_record += 1;
            Some(())
        }
        _ => None,
    });
    found("g5_separation_of_duties", &another_plan);
}

#[test]
fn g1_an_override_by_somebody_else_or_of_nothing_is_found() {
    let changed = |change: fn(&mut relman_core::event::OverrideGranted)| {
        with(overridden(), |record| match &mut record.event {
            Event::OverrideGranted(granted) => {
                change(granted);
                Some(())
            }
            _ => None,
        })
    };
    let name = "g1_override_only_by_an_executive";
    found(name, &changed(|granted| granted.roles = ["developer".parse().unwrap()].into()));
    found(name, &changed(|granted| granted.gate = Gate::Step(1)));
    found(name, &changed(|granted| granted.checks.clear()));
    found(name, &changed(|granted| granted.checks = ["unit".parse().unwrap()].into()));
    let by_a_service = with(overridden(), |record| {
        (record.event.kind() == "override_granted").then(|| record.by = Team::actor("service:ci"))
    });
    found(name, &by_a_service);
}

#[test]
fn g1_an_override_without_a_post_mortem_is_found() {
    found("g1_override_opens_post_mortem", &without(overridden(), "post_mortem_opened"));
}

#[test]
fn a_release_that_is_closed_and_owes_a_post_mortem_is_found() {
    found("post_mortem_before_close", &without(overridden(), "post_mortem_filed"));
    found("post_mortem_before_close", &without(rolled_back(), "post_mortem_filed"));
    found("post_mortem_before_close", &without(rolled_back(), "post_mortem_opened"));
}

#[test]
fn g3_a_step_that_is_skipped_shortened_or_widened_is_found() {
    let step = |change: fn(&mut relman_core::event::StepStarted)| {
        with(completed(), |record| match &mut record.event {
            Event::StepStarted(started) if started.step == 2 => {
                change(started);
                Some(())
            }
            _ => None,
        })
    };
    let name = "g3_no_step_skipped";
    found(name, &step(|started| started.step = 3));
    found(name, &step(|started| started.bake = Span::from_secs(1)));
    found(name, &step(|started| started.share = TrafficShare::percent(20)));
    found(name, &without(completed(), "step_started"));
    found(name, &without(completed(), "traffic_set"));
    found(name, &without(completed(), "validation_started"));
    let mut early = completed();
    let at = last_position(&early, of_kind("step_started"));
    early.remove(at);
    relink(&mut early);
    found(name, &early);
}

#[test]
fn traffic_that_the_step_does_not_allow_is_found() {
    let wide = with(completed(), |record| match &mut record.event {
        Event::TrafficSet(set) => {
            set.share = TrafficShare::percent(2);
            Some(())
        }
        _ => None,
    });
    found("exposure_never_above_step", &wide);
    let mut still_out = rolled_back();
    let at = last_position(&still_out, of_kind("traffic_set"));
    if let Event::TrafficSet(set) = &mut still_out[at].event {
        set.share = TrafficShare::percent(1);
    }
    found("exposure_never_above_step", &still_out);
}

#[test]
fn g4_completion_before_its_time_or_without_cover_is_found() {
    let name = "g4_complete_after_24h_under_cover";
    let mut short = completed();
    let at = last_position(&short, of_kind("evaluated"));
    short.remove(at);
    relink(&mut short);
    found(name, &short);
    found(name, &without(completed(), "on_call_acknowledged"));
    let brief = with(completed(), |record| match &mut record.event {
        Event::OnCallAcknowledged(acknowledged) => {
            acknowledged.until = record.at + Span::from_minutes(20);
            Some(())
        }
        _ => None,
    });
    found(name, &brief);
    let boasting = with(completed(), |record| match &mut record.event {
        Event::ReleaseCompleted(completed) => {
            completed.validated = Span::from_hours(24);
            Some(())
        }
        _ => None,
    });
    found(name, &boasting);
}

#[test]
fn g4_a_production_release_takes_a_day_whatever_its_track_says() {
    let records = with(completed(), |record| match &mut record.event {
        Event::PlanRecorded(recorded) => {
            let mut json = serde_json::to_value(&*recorded.plan).unwrap();
            json["kind"] = "production".into();
            recorded.plan = Arc::new(serde_json::from_value::<Plan>(json).unwrap());
            Some(())
        }
        _ => None,
    });
    found("g4_complete_after_24h_under_cover", &records);
}

#[test]
fn bake_time_that_nobody_observed_is_found() {
    let name = "bake_time_is_observed_time";
    let look = |change: fn(&mut relman_core::event::Evaluated)| {
        with(completed(), |record| match &mut record.event {
            Event::Evaluated(look) => {
                change(look);
                Some(())
            }
            _ => None,
        })
    };
    found(name, &look(|look| look.credit = Span::from_hours(1)));
    found(name, &look(|look| look.observations.clear()));
    found(name, &look(|look| look.observations[0].answer = Answer::NoData { detail: "none".to_owned() }));
    found(
        name,
        &look(|look| {
            look.exposure =
                relman_core::event::ObservedExposure::Unknown { detail: "no answer".parse().unwrap() };
        }),
    );
    found(name, &without(completed(), "traffic_set"));
    let records = completed();
    let at = position(&records, of_kind("evaluated"));
    let hold = relman_core::event::HoldPlaced {
        cause: relman_core::event::HoldCause::Manual,
        reason: relman_core::event::HoldReason::Said { text: "wait".parse().unwrap() },
        roll_back_at: None,
        roles: std::collections::BTreeSet::new(),
    };
    found(name, &inserted(records, at, hold));
}

#[test]
fn law4_a_step_that_passes_unmeasured_is_found() {
    let name = "law4_nothing_passes_unmeasured";
    // Time that was not served.
    found(name, &without(completed(), "evaluated"));
    // A criterion that was never clean in its step.
    let mut undecided = completed();
    for record in &mut undecided {
        if let Event::Evaluated(look) = &mut record.event
            && look.step == 2
        {
            look.verdicts[1].outcome = Outcome::Undecided(relman_core::judge::Undecided::TooFewRequests {
                arm: relman_core::judge::Arm::Canary,
                have: 1,
                need: 100,
            });
        }
    }
    found(name, &undecided);
    // A pass on nothing.
    let unseen = with(completed(), |record| match &mut record.event {
        Event::Evaluated(look) if look.verdicts.iter().all(|one| one.outcome == Outcome::Pass) => {
            look.observations.clear();
            Some(())
        }
        _ => None,
    });
    found(name, &unseen);
    // A gate out of its step.
    let records = completed();
    let at = position(&records, of_kind("traffic_set"));
    let early = GatePassed { gate: Gate::Step(3), grounds: Vec::new(), verdicts: Vec::new() };
    found(name, &inserted(records, at, early));
}

#[test]
fn law5_a_breach_that_is_looked_away_from_is_found() {
    let name = "law5_breach_leads_to_rollback";
    found(name, &without(rolled_back(), "contract_breached"));
    found(name, &without(rolled_back(), "rollback_started"));
    let failed = with(completed(), |record| match &mut record.event {
        Event::Evaluated(look) => {
            look.verdicts[0].outcome = Outcome::Fail;
            Some(())
        }
        _ => None,
    });
    found(name, &failed);
    let records = rolled_back();
    let at = last_position(&records, of_kind("traffic_set"));
    let forward = GatePassed { gate: Gate::Step(2), grounds: Vec::new(), verdicts: Vec::new() };
    found(name, &inserted(records, at, forward));
}

#[test]
fn a_rollback_without_a_way_back_is_found() {
    let mut records = rolled_back();
    for record in &mut records {
        if let Event::PlanRecorded(recorded) = &mut record.event {
            let contract = recorded.plan.contract().unwrap().clone();
            let contract = crate::sample::without_way_back(contract, TrafficShare::ZERO);
            let plan = crate::sample::builder("drill-1", &["api"]).drill().contract(contract);
            recorded.plan = plan.build().unwrap().into();
        }
    }
    found("irreversible_is_not_rolled_back", &records);
}

#[test]
fn b3_a_rollback_that_nobody_saw_through_is_found() {
    let name = "rollback_confirmed_by_observation";
    found(name, &without(rolled_back(), "zero_traffic_observed"));
    found(name, &without(rolled_back(), "rollback_confirmed"));
    let mut records = rolled_back();
    let at = last_position(&records, of_kind("traffic_set"));
    records.remove(at);
    relink(&mut records);
    found(name, &records);
}
