use relman_core::{
    judge::{Answer, Measurement, MissingKind},
    plan::Artifact,
    port::PortErrorKind,
    unit::Span,
};

use super::*;
use crate::{
    ready, sample,
    world::{
        ManualClock, Regression,
        fault::{DeployerCall, DeployerFate, Fault},
    },
};

struct Lab {
    clock: Arc<ManualClock>,
    platform: SimulatedPlatform,
}

impl Lab {
    fn new(world: World) -> Self {
        let clock = Arc::new(ManualClock::at(sample::start()));
        let platform = SimulatedPlatform::new(world, 7, clock.clone());
        Self { clock, platform }
    }

    fn deploy(&self) {
        let environment = Environment::Production;
        let request = DeployRequest::new(target(), environment, "deploy").with_generation(1);
        ready(self.platform.deploy(&request)).unwrap();
    }

    fn set(&self, percent: u16) -> Result<(), PortError> {
        let share = TrafficShare::percent(percent);
        ready(self.platform.set_traffic(&TrafficRequest::new(target(), share, "set").with_generation(2)))
    }

    fn shown(&self) -> u16 {
        ready(Deployer::observe(&self.platform, &target())).unwrap().canary_share.basis_points()
    }

    /// The answer about the last minute.
    fn minute(&self, metric: &str, arm: Arm) -> Answer {
        let now = self.clock.now();
        let window = Window { from: now.minus(Span::from_minutes(1)), until: now };
        ready(MetricsSource::observe(&self.platform, &query(metric), arm, window)).answer
    }
}

fn target() -> Target {
    let text = |text: &str| text.parse().unwrap();
    Target::new(
        "checkout-241".parse().unwrap(),
        "checkout".parse().unwrap(),
        Artifact { name: text("checkout"), version: text("2.41.0"), digest: None },
        "2.40.3",
    )
}

fn query(metric: &str) -> MetricQuery {
    MetricQuery::new(metric.parse().unwrap(), target().release, target().service, "2.41.0", "2.40.3")
}

fn requests(answer: &Answer) -> u64 {
    answer.measurement().and_then(Measurement::requests).unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn requests_follow_the_share_over_the_window() {
    let lab = Lab::new(World::default());
    lab.deploy();
    lab.set(10).unwrap();
    lab.clock.advance(Span::from_secs(30));
    lab.set(50).unwrap();
    lab.clock.advance(Span::from_secs(30));
    // Half a minute at 10 % and half at 50 % of 50 a second.
    let canary = requests(&lab.minute("error_rate", Arm::Canary));
    assert!((800..1_000).contains(&canary), "{canary}");
    let baseline = requests(&lab.minute("error_rate", Arm::Baseline));
    assert!((1_950..2_250).contains(&baseline), "{baseline}");
    assert_eq!(requests(&lab.minute("latency_p99", Arm::Canary)), canary);
    assert_eq!(requests(&lab.minute("log_errors", Arm::Canary)), canary);
}

#[test]
fn asking_twice_and_in_another_order_gives_the_same_answers() {
    let ask = |metrics: [&str; 3]| {
        let lab = Lab::new(World::default());
        lab.deploy();
        lab.set(10).unwrap();
        lab.clock.advance(Span::from_minutes(1));
        let mut answers: Vec<String> =
            metrics.map(|metric| format!("{metric} {:?}", lab.minute(metric, Arm::Canary))).into();
        lab.clock.advance(Span::from_minutes(1));
        lab.set(50).unwrap();
        let earlier = Window { from: sample::start(), until: sample::start() + Span::from_minutes(1) };
        let again = metrics.map(|metric| {
            let seen = ready(MetricsSource::observe(&lab.platform, &query(metric), Arm::Canary, earlier));
            format!("{metric} {:?}", seen.answer)
        });
        assert_eq!(answers, again);
        answers.sort();
        answers
    };
    assert_eq!(
        ask(["error_rate", "latency_p99", "log_errors"]),
        ask(["log_errors", "error_rate", "latency_p99"])
    );
}

#[test]
fn an_arm_without_traffic_has_no_data_and_not_a_zero() {
    let lab = Lab::new(World::default());
    lab.deploy();
    lab.clock.advance(Span::from_minutes(1));
    assert_eq!(lab.minute("error_rate", Arm::Canary).missing(), Some(MissingKind::NoData));
    lab.set(100).unwrap();
    lab.clock.advance(Span::from_minutes(1));
    assert_eq!(lab.minute("error_rate", Arm::Baseline).missing(), Some(MissingKind::NoData));
    assert_eq!(lab.minute("queue_depth", Arm::Canary).missing(), Some(MissingKind::NoData));
    assert!(!lab.platform.knows(&"queue_depth".parse().unwrap()));
    assert!(lab.platform.knows(&"latency_p95".parse().unwrap()));
}

#[test]
fn a_regression_shows_in_the_canary_alone() {
    let lab = Lab::new(World::default().with(Regression::errors_from_share(TrafficShare::percent(50), 0.5)));
    lab.deploy();
    let errors = |arm| match lab.minute("error_rate", arm) {
        Answer::Value(Measurement::Counts { requests, errors }) => errors as f64 / requests as f64,
        other => panic!("{other}"),
    };
    lab.set(10).unwrap();
    lab.clock.advance(Span::from_minutes(1));
    assert!(errors(Arm::Canary) < 0.05);
    lab.set(50).unwrap();
    lab.clock.advance(Span::from_minutes(1));
    assert!(errors(Arm::Canary) > 0.4);
    assert!(errors(Arm::Baseline) < 0.05);
}

#[test]
fn outages_are_relative_to_the_first_exposure() {
    let (from, until) = (Span::from_minutes(5), Span::from_minutes(6));
    for (fate, missing) in [
        (MetricsFate::Empty, MissingKind::NoData),
        (MetricsFate::Stale, MissingKind::Stale),
        (MetricsFate::Null, MissingKind::ProviderError),
        (MetricsFate::Down, MissingKind::ProviderError),
        (MetricsFate::NotANumber, MissingKind::NotFinite),
    ] {
        let world = World::default().with(Fault::outage_of("error_rate".parse().unwrap(), from, until, fate));
        let lab = Lab::new(world);
        lab.deploy();
        lab.clock.advance(Span::from_hours(1));
        lab.set(10).unwrap();
        lab.clock.advance(Span::from_minutes(5));
        assert_eq!(lab.minute("error_rate", Arm::Canary).missing(), None);
        lab.clock.advance(Span::from_minutes(1));
        assert_eq!(lab.minute("error_rate", Arm::Canary).missing(), Some(missing));
        assert_eq!(lab.minute("log_errors", Arm::Canary).missing(), None);
        lab.clock.advance(Span::from_minutes(1));
        assert_eq!(lab.minute("error_rate", Arm::Canary).missing(), None);
    }
}

#[test]
fn faults_come_in_their_order_and_then_are_over() {
    let lost = Fault::deployer(DeployerCall::Forward, 2, 1, DeployerFate::AnswerLost);
    let lab = Lab::new(World::default().with(Fault::unavailable(1)).with(lost));
    lab.deploy();
    assert_eq!(lab.set(1).unwrap_err().kind(), PortErrorKind::Unavailable);
    assert_eq!(lab.shown(), 0);
    assert_eq!(lab.set(1).unwrap_err().kind(), PortErrorKind::TimedOut);
    assert_eq!(lab.shown(), 100);
    lab.set(1).unwrap();
    lab.set(0).unwrap();
    assert_eq!(lab.shown(), 0);
}

#[test]
fn nothing_that_is_not_installed_gets_traffic() {
    let lab = Lab::new(World::default());
    assert_eq!(lab.set(1).unwrap_err().kind(), PortErrorKind::Rejected);
    lab.set(0).unwrap();
    assert_eq!(lab.platform.share(&target().release), TrafficShare::ZERO);
}

#[test]
fn traffic_drifts_once() {
    let faults = Fault::drift(Span::from_minutes(2), TrafficShare::percent(30));
    let lab = Lab::new(World::default().with(faults));
    lab.deploy();
    lab.set(10).unwrap();
    lab.clock.advance(Span::from_minutes(3));
    assert_eq!(lab.shown(), 3_000);
    lab.set(10).unwrap();
    lab.clock.advance(Span::from_minutes(3));
    assert_eq!(lab.shown(), 1_000);
}

#[test]
fn a_resumed_world_goes_on_where_it_was() {
    let world = || {
        let faults = Fault::unavailable(1);
        World::default().with(Regression::errors_after(Span::from_minutes(5), 0.5)).with(faults)
    };
    let lab = Lab::new(world());
    lab.deploy();
    lab.set(10).unwrap_err();
    lab.set(10).unwrap();
    let anchor = lab.platform.first_exposure(&target().release);
    assert_eq!(anchor, Some(sample::start()));
    lab.clock.advance(Span::from_minutes(10));
    let before = lab.minute("error_rate", Arm::Canary);
    let share = TrafficShare::percent(10);
    let platform = SimulatedPlatform::new(world(), 7, lab.clock.clone());
    let resumed = platform.resumed(target().release, share, [Environment::Production], anchor);
    let lab = Lab { platform: resumed, ..lab };
    assert_eq!(lab.minute("error_rate", Arm::Canary), before);
    lab.set(50).unwrap();
}

#[test]
fn each_release_has_its_own_traffic_and_may_have_its_own_world() {
    let lab = Lab::new(World::default());
    let other: ReleaseId = "search-7".parse().unwrap();
    let platform =
        lab.platform.with_world(other.clone(), World { requests_per_second: 0.0, ..World::default() });
    let lab = Lab { platform, ..lab };
    lab.deploy();
    lab.set(10).unwrap();
    assert_eq!(lab.platform.share(&other), TrafficShare::ZERO);
    assert_eq!(lab.platform.world_of(&other).requests_per_second.to_bits(), 0.0_f64.to_bits());
}
