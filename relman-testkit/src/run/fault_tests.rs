//! Every kind of failure, alone and in random company.

use std::sync::Arc;

use relman_core::{
    machine::{EndedAs, Phase},
    unit::{Span, TrafficShare},
};

use crate::{
    Duty, Invariants, Run, Simulation, Team, sample,
    world::{
        CallAnswer, Regression, What, World,
        fault::{
            AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
            NotifierFate, PersonFate, Schedule, When,
        },
    },
};

fn drill(world: World) -> Simulation {
    Simulation::new(sample::drill_plan(), sample::brief_policy()).world(world)
}

/// Runs with these failures and holds the run against every invariant.
fn run(faults: impl Into<Schedule>) -> Run {
    drill(World::calm().with(faults.into())).check(&Team::new()).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn closed_as(run: &Run, ended: EndedAs) {
    assert_eq!(run.release.phase(), &Phase::Closed(ended), "{:?}", run.release.missing(run.ended_at));
}

/// What happens to a release, apart from when people hear of it.
fn moves(run: &Run) -> Vec<&'static str> {
    run.kinds().into_iter().filter(|kind| *kind != "notified").collect()
}

#[test]
fn every_fate_of_every_call_to_the_deployer_leads_to_an_end() {
    for call in DeployerCall::ALL {
        for fate in DeployerFate::ALL {
            for (nth, times) in [(2, 1), (1, 40)] {
                let back = Regression::errors_from_share(TrafficShare::percent(10), 0.3);
                let fault = Fault::deployer(call, nth, times, fate);
                for world in [World::calm(), World::calm().with(back)] {
                    let run = drill(world.with(fault.clone())).check(&Team::new());
                    let run = run.unwrap_or_else(|error| panic!("{fault}: {error}"));
                    assert!(matches!(run.release.phase(), Phase::Closed(_)), "{fault}");
                }
            }
        }
    }
}

#[test]
fn a_deployer_that_stops_half_way_is_pushed_on_by_what_is_seen() {
    for fate in [DeployerFate::Halfway, DeployerFate::HalfwayUnnoticed, DeployerFate::Lie] {
        let run = run(Fault::deployer(DeployerCall::Forward, 2, 1, fate));
        closed_as(&run, EndedAs::Completed);
        let drifted = run.count("traffic_drifted");
        assert_eq!(drifted, usize::from(fate != DeployerFate::Halfway), "{fate}");
    }
}

#[test]
fn a_version_that_is_not_installed_although_the_platform_says_so_is_given_up() {
    let run = run(Fault::deployer(DeployerCall::Install, 2, 1, DeployerFate::Lie));
    closed_as(&run, EndedAs::RolledBack);
    assert_eq!(run.platform.first_exposure(run.release.id()), None);
}

#[test]
fn a_platform_that_can_not_be_observed_holds_a_release_and_a_rollback_is_not_confirmed_blindly() {
    let held = run(Fault::Observation { nth: 7, times: 3 });
    closed_as(&held, EndedAs::Completed);
    assert!(held.count("hold_placed") > 0);
    // Looks go on being counted: the platform is blind when the rollback asks.
    let world = World::calm().with(Regression::errors_from_share(TrafficShare::percent(1), 0.5));
    let run = drill(world.with(Fault::Observation { nth: 2, times: 9 })).check(&Team::new()).unwrap();
    closed_as(&run, EndedAs::RolledBack);
    assert!(run.count("rollback_unconfirmed") >= 5);
}

#[test]
fn every_way_of_having_no_metrics_leads_to_an_end() {
    let minute = Span::from_minutes(1);
    for fate in [
        MetricsFate::Older(minute),
        MetricsFate::Delayed(minute),
        MetricsFate::Empty,
        MetricsFate::NotANumber,
        MetricsFate::Null,
        MetricsFate::Stale,
        MetricsFate::Twice,
        MetricsFate::Down,
    ] {
        for of in [Metrics::All, Metrics::One("latency_p99".parse().unwrap())] {
            // Across the border of two steps: the first bakes for five minutes.
            let from = When::AtShare { share: TrafficShare::percent(1), after: Span::from_minutes(4) };
            let fault = Fault::Metrics { of, from, lasting: Span::from_minutes(3), fate };
            let run = run(fault.clone());
            closed_as(&run, EndedAs::Completed);
            let missing = match fate {
                // What is late or counted twice is a measurement all the same.
                MetricsFate::Delayed(_) | MetricsFate::Twice => false,
                _ => true,
            };
            assert_eq!(run.count("hold_placed") > 0, missing, "{fault}");
        }
    }
}

#[test]
fn answers_that_come_late_are_taken_when_they_come() {
    let slow = Fault::outage(Span::ZERO, Span::from_hours(9), MetricsFate::Delayed(Span::from_secs(90)));
    let (slow, fast) = (run(slow), run(Schedule::none()));
    closed_as(&slow, EndedAs::Completed);
    assert!(slow.took() > fast.took());
}

#[test]
fn messages_that_are_lost_or_come_twice_keep_nobody_waiting() {
    let twice = run(Fault::Notifier { nth: 2, times: 2, fate: NotifierFate::AnswerLost });
    closed_as(&twice, EndedAs::Completed);
    let once = run(Schedule::none());
    assert_eq!(twice.sent.len(), once.sent.len() + 2);
    closed_as(&run(Fault::silence(500)), EndedAs::Completed);
}

#[test]
fn a_journal_that_fails_at_any_append_loses_nothing() {
    let plain = run(Schedule::none());
    for fate in [AppendFate::BeforeDurable, AppendFate::AfterDurable] {
        for nth in (1..40).step_by(3) {
            let run = run(Fault::Append { nth, times: 1, fate });
            closed_as(&run, EndedAs::Completed);
            // While the session reads the journal anew, on-call may be first.
            let order = |run| {
                let mut moves = moves(run);
                moves.retain(|kind| *kind != "on_call_acknowledged");
                moves
            };
            assert_eq!(order(&run), order(&plain), "append {nth}: {fate}");
            assert_eq!(moves(&run).len(), moves(&plain).len(), "append {nth}: {fate}");
        }
    }
}

#[test]
fn a_clock_that_jumps_bakes_nothing_that_was_not_observed() {
    for by in [Span::from_secs(1), Span::from_minutes(3), Span::from_hours(30)] {
        for jump in [Jump::Forwards(by), Jump::Backwards(by)] {
            for after in [Span::from_secs(90), Span::from_minutes(12), Span::from_minutes(17)] {
                let of = Clocks::All;
                let run = run(Fault::Clock { at: When::AfterExposure(after), of, jump });
                let Phase::Closed(_) = run.release.phase() else { panic!("{jump}") };
                // The platform's clock does not jump: the time is really served.
                let exposed = run.platform.first_exposure(run.release.id()).unwrap();
                if *run.release.phase() == Phase::Closed(EndedAs::Completed) {
                    // One look may count for one interval, although the clock jumped over a part of it.
                    assert!(run.ended_at.since(exposed) + Span::from_minutes(2) >= Span::from_minutes(20));
                }
            }
        }
    }
}

#[test]
fn people_who_are_late_or_act_twice_slow_a_release_down_at_most() {
    for duty in Duty::ALL {
        let late = Fault::Person { duty, fate: PersonFate::Late(Span::from_minutes(7)) };
        closed_as(&run(late), EndedAs::Completed);
        let twice = run(Fault::Person { duty, fate: PersonFate::Twice });
        closed_as(&twice, EndedAs::Completed);
    }
    let late = Fault::Person { duty: Duty::Approve, fate: PersonFate::Late(Span::from_hours(3)) };
    assert!(run(late).took() > Span::from_hours(3));
}

#[test]
fn g5_somebody_who_may_not_approve_is_refused() {
    for actor in ["user:ana", "user:oli", "service:ci", "user:mallory"] {
        let fate = PersonFate::WrongRole(Team::actor(actor));
        let run = run(Fault::Person { duty: Duty::Approve, fate });
        closed_as(&run, EndedAs::Completed);
        assert_eq!(run.refused.len(), 1, "{actor}: {:?}", run.refused);
        assert_eq!(run.count("plan_approved"), 1);
    }
}

#[test]
fn two_conductors_drive_one_release_as_one_would() {
    let alone = run(Schedule::none());
    for seed in 1..12 {
        let world = World::calm().with(Fault::SecondConductor {});
        let run = drill(world).seed(seed).check(&Team::new()).unwrap_or_else(|error| panic!("{error}"));
        closed_as(&run, EndedAs::Completed);
        assert_eq!(run.count("traffic_set"), 4);
        assert_eq!(run.count("step_started"), alone.count("step_started"));
    }
}

#[test]
fn two_conductors_do_the_same_thing_at_the_same_time_and_it_is_harmless() {
    // Messages are sent twice now and then, with the same key: that is what two conductors cost.
    let repeated = |seed| {
        let world = World::calm().with(Fault::SecondConductor {});
        let run = drill(world).seed(seed).check(&Team::new()).unwrap();
        let keys: std::collections::BTreeSet<_> = run.sent.iter().map(|told| &told.key).collect();
        run.sent.len() - keys.len()
    };
    assert!((1..12).map(repeated).sum::<usize>() > 0);
}

#[test]
fn a_crash_anywhere_is_made_up_for() {
    let plain = run(Schedule::none());
    for after in [Boundary::Decided, Boundary::Appended, Boundary::Called] {
        for nth in (1..28).step_by(3) {
            let run = run(Fault::Crash { after, nth, down_for: Span::ZERO });
            closed_as(&run, EndedAs::Completed);
            assert_eq!(moves(&run), moves(&plain), "a crash {after}, {nth}");
            assert!(run.happened.iter().any(|happening| happening.what == What::Crashed));
        }
    }
}

#[test]
fn a_long_absence_costs_time_and_nothing_else() {
    let crash = Fault::Crash { after: Boundary::Called, nth: 12, down_for: Span::from_minutes(40) };
    let run = run(crash);
    closed_as(&run, EndedAs::Completed);
    assert!(run.took() > Span::from_minutes(55));
}

#[test]
fn what_the_platform_saw_is_kept_in_one_order_with_the_records() {
    let run = run(Fault::lost_answers(1));
    let first = run.happened.iter().find_map(|happening| match &happening.what {
        What::Called { call: crate::world::Call::Route(share), answer, before, after, .. } => {
            Some((*share, *answer, *before, *after))
        }
        _ => None,
    });
    let lost = CallAnswer::Failed(relman_core::port::PortErrorKind::TimedOut);
    let one = TrafficShare::percent(1);
    assert_eq!(first, Some((one, lost, TrafficShare::ZERO, one)));
    assert!(run.happened.windows(2).all(|pair| pair[0].records <= pair[1].records));
}

#[test]
fn random_schedules_break_nothing() {
    let within = Span::from_minutes(20);
    for seed in 0..80 {
        let faults = Schedule::random(seed, 1 + u32::try_from(seed % 7).unwrap(), within);
        let world = if seed % 3 == 0 {
            World::calm().with(Regression::errors_from_share(TrafficShare::percent(50), 0.3))
        } else {
            World::calm()
        };
        let simulation = drill(world.with(faults.clone())).seed(seed);
        if let Err(error) = simulation.check(&Team::new()) {
            panic!("{error}\n{faults}");
        }
    }
}

#[test]
fn a_run_that_breaks_a_guardrail_says_how_to_see_it_again() {
    // A team that promises what it does not do: the release can't be closed, and that is found.
    let stingy = Simulation { longest: Span::from_minutes(1), ..drill(World::calm()) };
    assert!(stingy.check(&Team::new()).is_ok(), "it is too early to say");
    let policy = Arc::new(relman_core::policy::Policy::shipped());
    let error = Simulation::new(sample::drill_plan(), policy).seed(9).check(&Team::new()).unwrap_err();
    let text = error.to_string();
    let replay = format!(
        "(seed 9; see it again: cargo run -p relman-testkit --example replay -- {}",
        error.trace.display()
    );
    assert!(text.contains(&replay), "{text}");
    let trace = crate::Trace::read(&error.trace).unwrap();
    assert_eq!(trace.replay().unwrap_err().to_string(), error.problem.to_string());
    std::fs::remove_file(&error.trace).unwrap();
    assert!(Invariants::names().count() > 20);
}
