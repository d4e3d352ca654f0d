//! The testkit's own implementations of the ports.

use std::{collections::BTreeSet, sync::Arc};

use async_trait::async_trait;
use relman_core::{
    judge::Arm,
    port::{
        Clock, DeployRequest, Deployer, Directory, Environment, MetricsSource, Notifier, Promotion,
        TrafficRequest,
    },
    unit::{Actor, Channel, Role, Span, Timestamp, TrafficShare, Window},
};
use relman_testkit::{
    Team,
    conformance::{
        self, Able, Unable,
        clock::ClockFixture,
        deployer::DeployerFixture,
        directory::DirectoryFixture,
        metrics::{MetricCase, MetricsFixture},
        notifier::{NotifierFixture, Received},
    },
    ready, sample,
    world::{
        FixedDirectory, ManualClock, RecordingNotifier, SimulatedPlatform, World,
        fault::{Fault, MetricsFate},
    },
};

/// A simulated platform at a share of 10 % for a minute, with a clock of its own.
struct Simulated {
    platform: SimulatedPlatform,
    exposed_at: Timestamp,
}

const ON_SCHEDULE: &str = "the simulated platform fails by the schedule of its world, not when it is told to";

impl Simulated {
    /// Before anything is installed.
    fn idle() -> Self {
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(sample::start()));
        Self { platform: SimulatedPlatform::new(World::calm(), 7, clock), exposed_at: sample::start() }
    }

    /// The same on a platform that puts a new version into the stable place.
    fn replacing() -> Self {
        let Self { platform, exposed_at } = Self::idle();
        Self { platform: platform.with_promotion(Promotion::Replace), exposed_at }
    }

    /// With traffic for a few minutes, and without any metrics of each kind for a minute.
    fn busy() -> Self {
        let clock = Arc::new(ManualClock::at(sample::start()));
        let missing =
            |from: u64, fate| Fault::outage(Span::from_minutes(from), Span::from_minutes(from + 1), fate);
        let world = World::default()
            .with(missing(2, MetricsFate::Empty))
            .with(missing(3, MetricsFate::Stale))
            .with(missing(4, MetricsFate::NotANumber));
        let platform = SimulatedPlatform::new(world, 7, clock.clone());
        let fixture = Self { platform, exposed_at: sample::start() };
        let target = DeployerFixture::target(&fixture);
        let deploy = DeployRequest::new(target.clone(), Environment::Production, "deploy").with_generation(1);
        ready(fixture.platform.deploy(&deploy)).unwrap();
        let traffic = TrafficRequest::new(target, TrafficShare::percent(10), "traffic").with_generation(2);
        ready(fixture.platform.set_traffic(&traffic)).unwrap();
        clock.advance(Span::from_hours(1));
        fixture
    }

    /// A question about errors in the minute that begins so many minutes after the first exposure.
    fn minute(&self, from: u64) -> MetricCase {
        let from = self.exposed_at + Span::from_minutes(from);
        let window = Window { from, until: from + Span::from_minutes(1) };
        MetricCase::about("error_rate".parse().unwrap(), Arm::Canary, window)
    }
}

#[async_trait]
impl DeployerFixture for Simulated {
    fn deployer(&self) -> &dyn Deployer {
        &self.platform
    }

    async fn installed(&self, environment: Environment) -> Able<bool> {
        Ok(self.platform.installed(&self.target().release).contains(&environment))
    }

    async fn routed(&self) -> Able<TrafficShare> {
        Ok(self.platform.share(&self.target().release))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because(ON_SCHEDULE))
    }
}

#[async_trait]
impl MetricsFixture for Simulated {
    fn source(&self) -> &dyn MetricsSource {
        &self.platform
    }

    fn question(&self) -> MetricCase {
        self.minute(0)
    }

    fn requests(&self, arm: Arm) -> Able<std::ops::RangeInclusive<u64>> {
        // 50 requests a second, of which the canary gets a tenth; six standard deviations to both sides.
        Ok(match arm {
            Arm::Canary => 196..=404,
            Arm::Baseline => 2_388..=3_012,
        })
    }

    async fn empty(&self) -> Able<MetricCase> {
        Ok(self.minute(2))
    }

    async fn zero(&self) -> Able<MetricCase> {
        // Of about a request in a healthy version's fifth of a second, none fails.
        let question = self.minute(0);
        let from = question.window.from;
        Ok(MetricCase { window: Window { from, until: from + Span::from_millis(400) }, ..question })
    }

    async fn stale(&self) -> Able<MetricCase> {
        Ok(self.minute(3))
    }

    async fn not_finite(&self) -> Able<MetricCase> {
        Ok(self.minute(4))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because(ON_SCHEDULE))
    }
}

struct Recorded(RecordingNotifier);

#[async_trait]
impl NotifierFixture for Recorded {
    fn notifier(&self) -> &dyn Notifier {
        &self.0
    }

    fn unserved(&self) -> Able<Channel> {
        Ok("on-call".parse().unwrap())
    }

    async fn received(&self) -> Able<Vec<Received>> {
        let told = self.0.sent().into_iter();
        Ok(told
            .map(|told| Received { text: format!("{}\n{}", told.title, told.body), key: Ok(told.key) })
            .collect())
    }

    async fn cut_off(&self) -> Able<()> {
        self.0.fail(u32::MAX);
        Ok(())
    }
}

struct People(FixedDirectory);

#[async_trait]
impl DirectoryFixture for People {
    fn directory(&self) -> &dyn Directory {
        &self.0
    }

    fn known(&self) -> (Actor, BTreeSet<Role>) {
        let roles = ["author", "developer"].map(|role| role.parse().unwrap());
        (Team::actor("user:ana"), roles.into())
    }

    fn without_roles(&self) -> Able<Actor> {
        Ok(Team::actor("service:night-watch"))
    }

    async fn promote(&self, _: &Actor, _: &Role) -> Able<()> {
        Err(Unable::because("a fixed directory does not change"))
    }

    async fn cut_off(&self) -> Able<()> {
        Err(Unable::because("a fixed directory is in memory"))
    }
}

struct Manual(ManualClock);

#[async_trait]
impl ClockFixture for Manual {
    fn clock(&self) -> &dyn Clock {
        &self.0
    }

    fn name(&self) -> String {
        "manual".to_owned()
    }

    fn truth(&self) -> Able<Timestamp> {
        Ok(sample::start())
    }

    async fn pass(&self, span: Span) -> Able<()> {
        self.0.advance(span);
        Ok(())
    }
}

conformance::deployer! {
    #[tokio::test]
    mod simulated_deployer { Simulated::idle() }
}

conformance::deployer! {
    #[tokio::test]
    mod simulated_deployer_that_replaces { Simulated::replacing() }
}

conformance::metrics! {
    #[tokio::test]
    mod simulated_metrics { Simulated::busy() }
}

conformance::notifier! {
    #[tokio::test]
    mod recording { Recorded(RecordingNotifier::serving(["releases".parse().unwrap()])) }
}

conformance::directory! {
    #[tokio::test]
    mod fixed { People(Team::new().directory().with(Team::actor("service:night-watch"), [])) }
}

conformance::clock! {
    #[tokio::test]
    mod manual { Manual(ManualClock::at(sample::start())) }
}

#[tokio::test]
async fn what_the_simulated_platform_can_not_be_asked_is_not_reported_as_passed() {
    let report = conformance::deployer::suite(async || Simulated::idle()).await;
    let not_checked: Vec<&str> = report.not_checked().map(|entry| entry.check.as_str()).collect();
    assert_eq!(
        not_checked,
        [
            "a_repeated_deploy_changes_nothing",
            "a_repeated_share_changes_nothing",
            "observing_reads_the_platform",
            "not_knowing_is_an_error",
            "what_could_not_be_done_is_an_error",
            "what_was_cut_off_may_be_tried_again",
            "a_lost_answer_can_be_made_up_for",
            "errors_hold_no_secret",
        ]
    );
    report.kept().unwrap();
    let report = conformance::metrics::suite(async || Simulated::busy()).await;
    let not_checked: Vec<&str> = report.not_checked().map(|entry| entry.check.as_str()).collect();
    assert_eq!(not_checked, ["a_source_that_is_cut_off_says_so", "errors_hold_no_secret"]);
    report.kept().unwrap();
}
