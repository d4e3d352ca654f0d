use relman_core::{
    event::{CheckOutcome, Event, HoldCause, RollbackTrigger},
    machine::{EndedAs, Phase},
    unit::TrafficShare,
};

use std::sync::Arc;

use relman_core::{
    event::Record,
    machine::{Action, Refusal, Release},
    policy::Policy,
    port::MetricsSource,
    unit::{Span, Timestamp},
};

use super::*;
use crate::{
    AfterFailure, Duty, Invariants, Lapse, People, Team, ready, sample,
    world::{
        Complaints, ManualClock, Regression, SimulatedPlatform, World,
        fault::{DeployerCall, DeployerFate, Fault, MetricsFate, Schedule},
    },
};

fn standard() -> Simulation {
    Simulation::new(sample::plan(), Arc::new(Policy::shipped())).world(World::calm())
}

fn drill() -> Simulation {
    Simulation::new(sample::drill_plan(), sample::drill_policy()).world(World::calm())
}

/// Runs to the end, holds the run against every invariant, and checks that a replay comes to the same state.
fn run(simulation: &Simulation, people: impl People) -> Run {
    let run = simulation.run(people).unwrap();
    Invariants::check(&run.records).unwrap();
    let lines = run.lines.iter().map(Vec::as_slice);
    assert_eq!(Release::replay(run.release.id().clone(), lines).unwrap(), run.release);
    run
}

fn closed_as(run: &Run, ended: EndedAs) {
    assert_eq!(
        run.release.phase(),
        &Phase::Closed(ended),
        "missing: {:?}",
        run.release.missing(run.release.last_at())
    );
    assert_eq!(run.ending, Ending::Closed);
}

#[test]
fn r1_a_healthy_release_takes_every_step_and_a_day_of_validation() {
    let run = run(&standard(), Team::new());
    closed_as(&run, EndedAs::Completed);
    assert!(run.took() >= Span::from_minutes(30 * 60 + 30), "{}", run.took());
    assert!(run.took() <= Span::from_hours(31), "{}", run.took());
    let shares: Vec<u16> = run
        .records
        .iter()
        .filter_map(|record| match &record.event {
            Event::TrafficSet(set) => Some(set.share.basis_points()),
            _ => None,
        })
        .collect();
    assert_eq!(shares, [100, 1_000, 5_000, 10_000]);
    assert_eq!(run.refused, []);
    assert_eq!(run.platform.share(run.release.id()), TrafficShare::FULL);
}

#[test]
fn p2_high_risk_takes_a_second_approver_and_a_signed_checklist() {
    let run = run(
        &Simulation::new(sample::high_risk_plan(), Arc::new(Policy::shipped())).world(World::calm()),
        Team::new(),
    );
    closed_as(&run, EndedAs::Completed);
    assert_eq!(run.count("plan_approved"), 2);
    let signed = run.records.iter().any(|record| match &record.event {
        Event::CheckRecorded(check) => check.check.as_str() == "manual-qa" && record.by.is_person(),
        _ => false,
    });
    assert!(signed);
}

#[test]
fn b1_an_error_spike_at_ten_per_cent_is_rolled_back_by_itself() {
    let world = World::calm().with(Regression::errors_from_share(TrafficShare::percent(10), 0.05));
    let run = run(&standard().world(world), Team::new());
    closed_as(&run, EndedAs::RolledBack);
    let trigger = run.records.iter().find_map(|record| match &record.event {
        Event::RollbackStarted(started) => Some((started.trigger.clone(), started.share)),
        _ => None,
    });
    let Some((RollbackTrigger::Criterion { criterion, .. }, share)) = trigger else {
        panic!("{trigger:?}");
    };
    assert_eq!((criterion.to_string().as_str(), share), ("error_rate > 1%", TrafficShare::percent(10)));
    assert_eq!(run.platform.share(run.release.id()), TrafficShare::ZERO);
    assert_eq!(run.count("post_mortem_filed"), 1);
}

#[test]
fn b1_a_slow_version_is_rolled_back_against_the_baseline() {
    let world = World::calm().with(Regression::latency_after(Span::from_minutes(7), 4.0));
    let run = run(&drill().world(world), Team::new());
    closed_as(&run, EndedAs::RolledBack);
    let breached = run.records.iter().find_map(|record| match &record.event {
        Event::ContractBreached(breached) => Some(breached.verdict.criterion.to_string()),
        _ => None,
    });
    assert_eq!(breached.as_deref(), Some("latency_p99 > 2x baseline"));
}

#[test]
fn b1_users_who_complain_have_a_release_rolled_back_that_no_metric_shows() {
    // 0.4 % errors are below the contract's 1 %, and one user in a hundred who meets them complains.
    let world = World { requests_per_second: 500.0, ..World::calm() }
        .with(Regression::errors_from_share(TrafficShare::percent(50), 0.004))
        .with(Complaints::of(0.01, Span::from_minutes(20)));
    let simulation = standard().world(world);
    let run = run(&simulation, Team::new());
    closed_as(&run, EndedAs::RolledBack);
    let breached = run.records.iter().find_map(|record| match &record.event {
        Event::ContractBreached(breached) => Some(breached.verdict.criterion.to_string()),
        _ => None,
    });
    assert_eq!(breached.as_deref(), Some("complaints > 3"));
    assert!(run.count("complaint_recorded") >= 4);
    let healthy = World::calm().with(Complaints::of(1.0, Span::from_minutes(20)));
    let run = standard().world(healthy).run(Team::new()).unwrap();
    assert_eq!(run.count("complaint_recorded"), 0, "nobody was harmed");
}

#[test]
fn an_outage_of_the_metrics_holds_the_release_and_it_goes_on_afterwards() {
    let (from, until) = (Span::from_minutes(60), Span::from_minutes(90));
    let world = World::calm().with(Fault::outage(from, until, MetricsFate::Down));
    let run = run(&standard().world(world), Team::new());
    closed_as(&run, EndedAs::Completed);
    let held = |record: &Record| match &record.event {
        Event::HoldPlaced(placed) => placed.cause == HoldCause::Unmeasured,
        _ => false,
    };
    assert_eq!(run.records.iter().filter(|record| held(record)).count(), 1);
    assert_eq!(run.count("hold_released"), 1);
    assert!(run.took() >= Span::from_minutes(31 * 60), "{}", run.took());
}

#[test]
fn an_outage_beyond_patience_is_rolled_back_for_each_way_of_having_no_value() {
    let fates = [
        MetricsFate::Empty,
        MetricsFate::Null,
        MetricsFate::NotANumber,
        MetricsFate::Stale,
        MetricsFate::Down,
        MetricsFate::Older(Span::from_minutes(5)),
    ];
    for fate in fates {
        let world = World::calm().with(Fault::outage(Span::from_minutes(2), Span::from_hours(9), fate));
        let run = run(&drill().world(world), Team::new());
        closed_as(&run, EndedAs::RolledBack);
        assert!(run.took() >= Span::from_hours(2), "{fate}: {}", run.took());
        assert_eq!(run.count("contract_breached"), 0, "{fate}");
    }
}

#[test]
fn a_flaky_deployer_slows_a_release_down_and_does_not_stop_it() {
    let faults = Schedule::none()
        .with(Fault::deployer(DeployerCall::Install, 1, 1, DeployerFate::Unavailable))
        .with(Fault::deployer(DeployerCall::Install, 2, 1, DeployerFate::AnswerLost))
        .with(Fault::unavailable(4))
        .with(Fault::deployer(DeployerCall::Forward, 5, 1, DeployerFate::AnswerLost));
    let run = run(&drill().world(World::calm().with(faults)), Team::new());
    closed_as(&run, EndedAs::Completed);
    assert_eq!(run.count("effect_failed"), 7);
    let found = run.records.iter().any(|record| match &record.event {
        Event::TrafficSet(set) => set.means == relman_core::event::SetBy::Observation,
        _ => false,
    });
    assert!(found, "the lost answer is found out by observation");
}

#[test]
fn a_refusal_of_the_deployer_waits_for_a_person() {
    let faults = Fault::deployer(DeployerCall::Forward, 1, 1, DeployerFate::Refused);
    let simulation = drill().world(World::calm().with(faults));
    closed_as(&run(&simulation, Team::new()), EndedAs::Completed);
    let stalled = run(&simulation, Team::new().without(Duty::Resume).without(Duty::OnCall));
    assert_eq!(stalled.ending, Ending::Stalled);
    assert_eq!(stalled.platform.share(stalled.release.id()), TrafficShare::ZERO);
}

#[test]
fn b3_a_rollback_is_tried_until_the_platform_shows_zero() {
    let faults = Fault::deployer(DeployerCall::Back, 1, 12, DeployerFate::Unavailable);
    let world = World::calm().with(Regression::errors_after(Span::from_minutes(6), 0.3)).with(faults);
    let run = run(&drill().world(world), Team::new());
    closed_as(&run, EndedAs::RolledBack);
    assert_eq!(run.count("effect_failed"), 12);
    assert_eq!(run.count("zero_traffic_observed"), 2);
}

#[test]
fn drift_is_set_right() {
    let faults = Fault::drift(Span::from_minutes(7), TrafficShare::percent(30));
    let run = run(&drill().world(World::calm().with(faults)), Team::new());
    closed_as(&run, EndedAs::Completed);
    assert_eq!(run.count("traffic_drifted"), 1);
}

#[test]
fn g1_an_override_opens_a_post_mortem_that_has_to_be_filed() {
    let team = || Team::new().with_failing("integration".parse().unwrap(), AfterFailure::Override);
    let done = run(&drill(), team());
    closed_as(&done, EndedAs::Completed);
    assert_eq!((done.count("override_granted"), done.count("post_mortem_filed")), (1, 1));
    let owing = run(&drill(), team().without(Duty::FilePostMortems));
    assert_eq!((owing.ending, owing.release.phase()), (Ending::Stalled, &Phase::Completed));
}

#[test]
fn one_override_covers_every_check_that_has_failed() {
    let team = Team::new()
        .with_failing("integration".parse().unwrap(), AfterFailure::Override)
        .with_failing("unit".parse().unwrap(), AfterFailure::Override);
    let run = run(&drill(), team);
    closed_as(&run, EndedAs::Completed);
    assert_eq!((run.count("gate_failed"), run.count("override_granted")), (2, 1));
    assert_eq!(run.refused, []);
}

#[test]
fn a_failed_check_passes_in_a_new_run_or_ends_the_release() {
    let name = || "integration".parse().unwrap();
    let again = run(&drill(), Team::new().with_failing(name(), AfterFailure::PassNextTime));
    closed_as(&again, EndedAs::Completed);
    let failed = again.records.iter().filter(|record| match &record.event {
        Event::CheckRecorded(check) => check.outcome == CheckOutcome::Failed,
        _ => false,
    });
    assert_eq!(failed.count(), 1);
    closed_as(&run(&drill(), Team::new().with_failing(name(), AfterFailure::GiveUp)), EndedAs::Aborted);
    let waiting = run(&drill(), Team::new().with_failing(name(), AfterFailure::Wait));
    assert_eq!(waiting.ending, Ending::Stalled);
    let late = run(&drill(), Team::new().with_failing("user-flows".parse().unwrap(), AfterFailure::GiveUp));
    closed_as(&late, EndedAs::RolledBack);
    let overridden = Team::new().with_failing("user-flows".parse().unwrap(), AfterFailure::Override);
    closed_as(&run(&standard(), overridden), EndedAs::Completed);
}

#[test]
fn v3_time_without_cover_does_not_count() {
    let lapse = Lapse { from: Span::from_hours(5), until: Span::from_hours(7) };
    let run = run(&standard(), Team::new().with_lapse(lapse));
    closed_as(&run, EndedAs::Completed);
    assert_eq!(run.count("cover_lapsed"), 1);
    assert!(run.took() >= Span::from_minutes(32 * 60 + 30), "{}", run.took());
}

#[test]
fn g4_without_on_call_a_release_is_never_complete() {
    let simulation = drill().longest(Span::from_hours(6));
    let run = run(&simulation, Team::new().without(Duty::OnCall));
    assert_eq!(run.ending, Ending::OutOfTime);
    assert_eq!(run.count("validation_started"), 1);
    assert_eq!(run.count("release_completed"), 0);
}

#[test]
fn lost_notifications_stand_in_the_way_of_nothing() {
    let run = run(&drill().world(World::calm().with(Fault::silence(30))), Team::new());
    closed_as(&run, EndedAs::Completed);
    assert!(run.count("effect_failed") > 0);
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let world = || World::calm().with(Regression::latency_from_share(TrafficShare::percent(50), 5.0));
    let once = run(&drill().world(world()).seed(7), Team::new());
    let again = run(&drill().world(world()).seed(7), Team::new());
    assert_eq!(once.release.head(), again.release.head());
    assert_eq!(once.lines, again.lines);
    let other = run(&drill().world(world()).seed(8), Team::new());
    assert_ne!(once.release.head(), other.release.head());
}

#[test]
fn people_can_be_scripted_with_a_closure() {
    let team = Team::new();
    let impatient = |release: &Release, now: Timestamp| {
        let mut acts = team.next(release, now);
        if matches!(release.phase(), Phase::Validating(_)) {
            acts.push((team.principal("user:ana"), Action::Close));
        }
        acts
    };
    let run = run(&drill(), impatient);
    closed_as(&run, EndedAs::Completed);
    assert!(matches!(run.refused.as_slice(), [Refused { refusal: Refusal::NotComplete { .. }, .. }]));
}

#[test]
fn a_platform_taken_up_from_records_answers_as_the_one_that_made_them() {
    let world = || World::default().with(Regression::latency_after(Span::from_minutes(12), 1.5));
    let run = run(&drill().world(world()).seed(3), Team::new());
    let end = Arc::new(ManualClock::at(run.release.last_at()));
    let again = SimulatedPlatform::new(world(), 3, end).resumed_from(&run.records);
    let id = run.release.id();
    assert_eq!(again.share(id), run.platform.share(id));
    assert_eq!(again.first_exposure(id), run.platform.first_exposure(id));
    assert_eq!(again.installed(id), run.platform.installed(id));
    let looks = run.records.iter().filter_map(|record| match &record.event {
        Event::Evaluated(look) => Some(look),
        _ => None,
    });
    let target = run.release.target().unwrap();
    let mut asked = 0;
    for seen in looks.flat_map(|look| &look.observations) {
        let query = relman_core::port::MetricQuery::new(
            seen.metric.clone(),
            id.clone(),
            target.service.clone(),
            target.artifact.version.to_string(),
            &target.baseline_version,
        );
        assert_eq!(ready(MetricsSource::observe(&again, &query, seen.arm, seen.window)), *seen);
        asked += 1;
    }
    assert!(asked > 100, "{asked}");
}
