//! Every kind of failure, against the real conductor.

use relman_core::{
    machine::{EndedAs, Phase},
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    Duty, Run, Team,
    world::{
        Regression, What, World,
        fault::{
            AppendFate, Boundary, Clocks, DeployerCall, DeployerFate, Fault, Jump, Metrics, MetricsFate,
            NotifierFate, PersonFate, Schedule, When,
        },
    },
};

use super::stage::{calm, minutes, play};

#[track_caller]
fn closed_as(run: &Run, ended: EndedAs) {
    assert_eq!(run.release.phase(), &Phase::Closed(ended), "{}", run.faults);
}

/// A version that has to be taken back at 10 %.
fn bad(fault: Fault) -> World {
    calm(fault).with(Regression::errors_from_share(TrafficShare::percent(10), 0.3))
}

fn count_failed_appends(run: &Run) -> usize {
    run.happened.iter().filter(|happening| happening.what == What::AppendFailed).count()
}

fn crashes(run: &Run) -> usize {
    run.happened.iter().filter(|happening| happening.what == What::Crashed).count()
}

macro_rules! ends {
    ($($name:ident: $world:expr => $ended:ident, $expected:expr;)*) => {$(
        #[tokio::test(start_paused = true)]
        async fn $name() {
            let run = Box::pin(play($world)).await;
            closed_as(&run, EndedAs::$ended);
            let expected: fn(&Run) -> bool = $expected;
            assert!(expected(&run), "{:?}", run.kinds());
        }
    )*};
}

fn forward(nth: u32, times: u32, fate: DeployerFate) -> World {
    calm(Fault::deployer(DeployerCall::Forward, nth, times, fate))
}

fn back(nth: u32, times: u32, fate: DeployerFate) -> World {
    bad(Fault::deployer(DeployerCall::Back, nth, times, fate))
}

/// Across the border of the first step and the second.
fn metrics(fate: MetricsFate) -> World {
    let from = When::AtShare { share: TrafficShare::percent(1), after: minutes(4) };
    calm(Fault::Metrics { of: Metrics::All, from, lasting: minutes(3), fate })
}

fn held(run: &Run) -> bool {
    run.count("hold_placed") > 0 && run.count("hold_released") > 0
}

ends! {
    a_deployer_that_times_out_after_succeeding: forward(1, 3, DeployerFate::AnswerLost) => Completed,
        |run| run.count("effect_failed") >= 1 && run.count("traffic_set") == 4;
    a_deployer_that_stops_half_way: forward(2, 1, DeployerFate::Halfway) => Completed,
        |run| run.count("effect_failed") == 1;
    a_deployer_that_stops_half_way_and_says_that_it_is_done: forward(2, 1, DeployerFate::HalfwayUnnoticed)
        => Completed, |run| run.count("traffic_drifted") == 1;
    a_deployer_that_lies: forward(2, 1, DeployerFate::Lie) => Completed,
        |run| run.count("traffic_drifted") == 1;
    a_deployer_that_fails_again_and_again: forward(1, 7, DeployerFate::Unavailable) => Completed,
        |run| run.count("effect_failed") == 7 && held(run);
    a_deployer_that_refuses_for_good: forward(1, 1_000, DeployerFate::Refused) => RolledBack,
        |run| run.count("traffic_set") == 1;
    a_deployer_that_refuses_until_a_person_has_mended_it: forward(1, 2, DeployerFate::Refused) => Completed, held;
    a_deployer_that_says_that_a_version_is_installed:
        calm(Fault::deployer(DeployerCall::Install, 2, 1, DeployerFate::Lie)) => RolledBack,
        |run| run.count("deployed") == 2;
    an_installation_that_is_refused_for_good:
        calm(Fault::deployer(DeployerCall::Install, 1, 1_000, DeployerFate::Refused)) => Aborted,
        |run| run.count("rollout_started") == 0;
    a_way_back_that_times_out_after_succeeding: back(1, 2, DeployerFate::AnswerLost) => RolledBack,
        |run| run.count("zero_traffic_observed") == 2;
    a_way_back_that_stops_half_way: back(1, 2, DeployerFate::HalfwayUnnoticed) => RolledBack,
        |run| run.count("rollback_unconfirmed") == 2;
    a_way_back_that_is_a_lie: back(1, 3, DeployerFate::Lie) => RolledBack,
        |run| run.count("rollback_unconfirmed") == 3;
    a_way_back_that_fails_again_and_again: back(1, 20, DeployerFate::Unavailable) => RolledBack,
        |run| run.count("effect_failed") == 20;
    a_way_back_that_is_refused: back(1, 5, DeployerFate::Refused) => RolledBack,
        |run| run.count("effect_failed") == 5;
    traffic_that_drifts: calm(Fault::drift(minutes(7), TrafficShare::percent(40))) => Completed,
        |run| run.count("traffic_drifted") == 1;
    traffic_that_drifts_to_nothing: calm(Fault::drift(minutes(12), TrafficShare::ZERO)) => Completed,
        |run| run.count("traffic_drifted") == 1;
    a_platform_that_can_not_be_observed: calm(Fault::Observation { nth: 7, times: 4 }) => Completed, held;
    metrics_of_an_older_window: metrics(MetricsFate::Older(minutes(2))) => Completed, held;
    metrics_that_come_late: metrics(MetricsFate::Delayed(Span::from_secs(50))) => Completed,
        |run| run.count("hold_placed") == 0;
    metrics_that_come_later_than_anybody_waits: metrics(MetricsFate::Delayed(minutes(5))) => Completed, held;
    metrics_that_are_empty: metrics(MetricsFate::Empty) => Completed, held;
    metrics_that_are_not_a_number: metrics(MetricsFate::NotANumber) => Completed, held;
    metrics_without_a_value: metrics(MetricsFate::Null) => Completed, held;
    metrics_that_are_stale: metrics(MetricsFate::Stale) => Completed, held;
    metrics_that_are_counted_twice: metrics(MetricsFate::Twice) => Completed,
        |run| run.count("contract_breached") == 0;
    metrics_that_are_down_across_a_step_boundary: metrics(MetricsFate::Down) => Completed, held;
    metrics_that_are_down_for_longer_than_patience_lasts:
        calm(Fault::outage(minutes(2), minutes(300), MetricsFate::Down)) => RolledBack,
        |run| run.count("contract_breached") == 0;
    a_notifier_that_is_down: calm(Fault::silence(1_000)) => Completed,
        |run| run.sent.is_empty() && run.count("notification_abandoned") > 0;
    a_notifier_that_delivers_twice: calm(Fault::Notifier { nth: 1, times: 2, fate: NotifierFate::AnswerLost })
        => Completed, |run| run.sent.len() > run.count("notified");
    a_clock_that_jumps_forwards:
        calm(Fault::Clock { at: When::AfterExposure(minutes(7)), of: Clocks::All, jump: Jump::Forwards(minutes(90)) })
        => Completed, |run| run.count("step_started") == 4;
    a_clock_that_jumps_backwards:
        calm(Fault::Clock { at: When::AfterExposure(minutes(7)), of: Clocks::All, jump: Jump::Backwards(minutes(20)) })
        => Completed, |run| run.records.windows(2).all(|pair| pair[0].at <= pair[1].at);
    a_person_who_approves_late:
        calm(Fault::Person { duty: Duty::Approve, fate: PersonFate::Late(minutes(200)) }) => Completed,
        |run| run.took() > minutes(200);
    a_person_who_approves_twice: calm(Fault::Person { duty: Duty::Approve, fate: PersonFate::Twice }) => Completed,
        |run| run.count("plan_approved") == 1;
    a_person_who_approves_from_the_wrong_role:
        calm(Fault::Person { duty: Duty::Approve, fate: PersonFate::WrongRole(Team::actor("user:oli")) })
        => Completed, |run| run.count("plan_approved") == 1;
    two_conductors_on_one_stream: calm(Fault::SecondConductor {}) => Completed,
        |run| run.count("traffic_set") == 4;
    two_conductors_take_a_release_back: bad(Fault::SecondConductor {}) => RolledBack,
        |run| run.count("rollback_confirmed") == 1;
    two_conductors_and_a_deployer_that_loses_its_answers:
        calm(Fault::SecondConductor {}).with(Fault::lost_answers(3)) => Completed,
        |run| run.count("traffic_set") == 4;
}

#[tokio::test(start_paused = true)]
async fn an_append_that_fails_before_or_after_it_is_durable_loses_nothing() {
    for fate in [AppendFate::BeforeDurable, AppendFate::AfterDurable] {
        for nth in (1..44).step_by(4) {
            let run = Box::pin(play(calm(Fault::Append { nth, times: 1, fate }))).await;
            closed_as(&run, EndedAs::Completed);
            assert_eq!(count_failed_appends(&run), 1, "append {nth}: {fate}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_between_any_two_steps_is_made_up_for() {
    for after in [Boundary::Decided, Boundary::Appended, Boundary::Called] {
        // A healthy drill has fewer calls than appends.
        for nth in 1..if after == Boundary::Called { 10 } else { 40 } {
            let run = Box::pin(play(calm(Fault::Crash { after, nth, down_for: Span::ZERO }))).await;
            closed_as(&run, EndedAs::Completed);
            assert_eq!(crashes(&run), 1, "a crash {after}, {nth}");
            assert_eq!(run.count("traffic_set"), 4);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_crash_while_a_release_is_taken_back_is_made_up_for() {
    for nth in (30..60).step_by(2) {
        let run =
            Box::pin(play(bad(Fault::Crash { after: Boundary::Any, nth, down_for: Span::from_secs(40) })))
                .await;
        closed_as(&run, EndedAs::RolledBack);
    }
}

#[tokio::test(start_paused = true)]
async fn two_conductors_on_one_stream_survive_the_crash_of_either() {
    for nth in (5..80).step_by(6) {
        let crash = Fault::Crash { after: Boundary::Any, nth, down_for: minutes(3) };
        let run = Box::pin(play(calm(Fault::SecondConductor {}).with(crash))).await;
        closed_as(&run, EndedAs::Completed);
        assert_eq!(crashes(&run), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn random_schedules_break_nothing() {
    for seed in 1_000..1_030 {
        let faults = Schedule::random(seed, 4, minutes(20));
        let world = if seed % 3 == 0 { bad(Fault::silence(1)) } else { World::calm() };
        let run = Box::pin(play(world.with(faults))).await;
        assert!(matches!(run.release.phase(), Phase::Closed(_)), "seed {seed}\n{}", run.faults);
    }
}
