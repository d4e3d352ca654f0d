//! Situations of production as a whole release meets them: a session, a real HAProxy, real requests, and time that is told.

use std::sync::Arc;

use relman_adapters::deployer::haproxy::Haproxy;
use relman_core::{
    event::{Event, HoldCause, HoldReason, ZeroBy},
    machine::{Action, Command, Input, Outcome, PhaseName, Request, SessionConfig},
    port::{Deployer, Environment, MetricsSource, Retry},
    unit::{Span, TrafficShare},
};
use relman_testkit::{
    SessionRunner, Team, sample,
    world::{ManualClock, SimulatedPlatform, World as Behaviour},
};

use super::world::World;

/// A drill whose traffic HAProxy routes. What users measure is simulated, since it is not what these tests are about.
struct Drive<'a> {
    world: &'a mut World,
    runner: SessionRunner,
    clock: Arc<ManualClock>,
    platform: SimulatedPlatform,
    haproxy: Haproxy,
    team: Team,
}

impl<'a> Drive<'a> {
    fn of(world: &'a mut World) -> Self {
        let clock = Arc::new(ManualClock::at(sample::start()));
        let platform = SimulatedPlatform::new(Behaviour::calm(), 1, clock.clone());
        let (plan, policy) = (sample::drill_plan(), sample::brief_policy());
        let release = plan.release().clone();
        let runner = SessionRunner::new(release, sample::start(), SessionConfig::default());
        let haproxy = world.deployer();
        let mut drive = Self { world, runner, clock, platform, haproxy, team: Team::new() };
        drive.does("user:ana", Action::RecordPlan { plan, policy });
        drive
    }

    fn does(&mut self, who: &str, action: Action) {
        let by = self.team.principal(who);
        self.runner.tell(Input::Action(Command { by, action })).unwrap();
    }

    /// One thing more: the team acts, or a call is answered, or time passes.
    async fn go_on(&mut self) {
        if let Some((by, action)) =
            self.team.next(self.runner.release(), self.runner.now()).into_iter().next()
        {
            let told = self.runner.tell(Input::Action(Command { by, action }));
            if told.is_ok() {
                return;
            }
        }
        let Some(call) = self.runner.calls().next().cloned() else {
            self.runner.advance_to_deadline().expect("something is due");
            self.clock.set(self.runner.now());
            return;
        };
        let outcome = self.ask(call.request).await;
        self.runner.answer(call.id, outcome);
    }

    async fn ask(&self, request: Request) -> Outcome {
        let done = |result: Result<(), relman_core::port::PortError>| match result {
            Ok(()) => Outcome::Done,
            Err(error) => Outcome::of_error(&error),
        };
        let tolerance = self.haproxy.capabilities().share_tolerance;
        match request {
            Request::Deploy(request) => {
                self.platform.deploy(&request).await.unwrap();
                match request.environment {
                    Environment::Staging => Outcome::Done,
                    Environment::Production => done(self.haproxy.deploy(&request).await),
                }
            }
            Request::SetTraffic(request) => {
                self.platform.set_traffic(&request).await.unwrap();
                done(self.haproxy.set_traffic(&request).await)
            }
            Request::ObservePlatform(target) => match self.haproxy.observe(&target).await {
                Ok(deployment) => Outcome::Observed { deployment, tolerance },
                Err(error) => Outcome::of_error(&error),
            },
            Request::Measure(question) => {
                let mut observations = Vec::new();
                for query in &question.queries {
                    for arm in &question.arms {
                        let asked = MetricsSource::observe(&self.platform, query, *arm, question.window);
                        observations.push(asked.await);
                    }
                }
                let deployment = self.haproxy.observe(&question.target).await;
                let deployment = deployment.map_err(|error| error.to_string());
                Outcome::Measured { observations, deployment, tolerance, standing: None }
            }
            Request::Notify(_) | Request::Promote(_) | Request::LeaveTarget(_) => Outcome::Done,
            _ => Outcome::Failed { detail: "there is none".to_owned(), retry: Retry::Never },
        }
    }

    async fn until(&mut self, what: &str, there: impl Fn(&SessionRunner) -> bool) {
        for _ in 0..2_000 {
            if there(&self.runner) {
                return;
            }
            self.go_on().await;
        }
        panic!("it does not come to this: {what}");
    }

    /// Goes on until this share was set and looked at.
    async fn at_share(&mut self, percent: u16) {
        let share = TrafficShare::percent(percent);
        self.until("the share", |runner| {
            let looked =
                runner.records().last().is_some_and(|last| matches!(last.event, Event::Evaluated(_)));
            looked && runner.release().exposure() == share
        })
        .await;
    }

    fn count(&self, kind: &str) -> usize {
        self.runner.records().iter().filter(|record| record.event.kind() == kind).count()
    }

    fn held(&self) -> Option<HoldReason> {
        self.runner.release().holds().get(&HoldCause::Platform).map(|hold| hold.reason.clone())
    }

    async fn until_held(&mut self) -> String {
        self.until("a hold", |runner| runner.release().holds().contains_key(&HoldCause::Platform)).await;
        self.held().unwrap().to_string()
    }
}

#[tokio::test]
async fn a_canary_that_is_down_or_drained_holds_with_the_platforms_own_word() {
    for (state, word) in [("maint", "canary is in maintenance"), ("drain", "canary is draining")] {
        let Some(mut world) = World::start().await else { return };
        let mut drive = Drive::of(&mut world);
        drive.at_share(10).await;
        drive.world.tell(&format!("set server app/canary state {state}")).await;
        let looks = drive.count("evaluated");
        let reason = drive.until_held().await;
        assert!(reason.contains(word), "{reason}");
        assert_eq!(drive.count("evaluated"), looks + 1, "at the next look");
        assert_eq!(drive.count("traffic_drifted"), 0, "nobody has moved a weight");
        drive.world.tell("set server app/canary state ready").await;
        drive.world.until_server("canary", "up").await;
        drive.until("it goes on", |runner| runner.release().holds().is_empty()).await;
    }
}

#[tokio::test]
async fn a_canary_whose_process_dies_holds_and_takes_no_time() {
    let Some(mut world) = World::start().await else { return };
    let mut drive = Drive::of(&mut world);
    drive.at_share(10).await;
    drive.world.stop("canary").await;
    let reason = drive.until_held().await;
    assert!(reason.contains("canary is down"), "{reason}");
    let last = drive.runner.records().iter().rev().find_map(|record| match &record.event {
        Event::Evaluated(look) => Some(look.credit),
        _ => None,
    });
    assert_eq!(last, Some(Span::ZERO));
}

#[tokio::test]
async fn stable_servers_that_die_at_half_the_traffic_are_no_way_back() {
    let Some(mut world) = World::start().await else { return };
    let mut drive = Drive::of(&mut world);
    drive.at_share(50).await;
    drive.world.stop("stable").await;
    drive.until_held().await;
    let reason = drive.held().unwrap();
    assert!(matches!(reason, HoldReason::NoWayBack { .. }), "{reason}");
    assert!(reason.to_string().contains("stable is down"), "{reason}");
}

#[tokio::test]
async fn a_rollback_is_confirmed_after_the_last_request_of_a_pinned_user() {
    let cookies = "  cookie SRV insert indirect nocache\n";
    let servers = [("stable", 100, "cookie stable"), ("canary", 0, "cookie canary")];
    for goes_by_themselves in [true, false] {
        let Some(mut world) = World::start_servers(&servers, cookies).await else { return };
        let mut drive = Drive::of(&mut world);
        drive.at_share(10).await;
        let reason = "a drill".parse().unwrap();
        drive.does("user:ana", Action::RollBack { reason });
        let began = drive.runner.now();
        let mut last_reached = None;
        let is_confirmed = |drive: &Drive<'_>| drive.runner.release().phase().name() == PhaseName::RolledBack;
        while !is_confirmed(&drive) {
            let since = drive.runner.now().since(began);
            assert!(since < Span::from_minutes(20), "it is never confirmed");
            let comes = !goes_by_themselves || since < Span::from_secs(60);
            if comes && drive.world.send_as("canary", 1).await.contains_key("canary") {
                last_reached = Some(drive.runner.now());
            }
            drive.go_on().await;
        }
        let confirmed = drive.runner.records().iter().rev().find_map(|record| match &record.event {
            Event::RollbackConfirmed(confirmed) => Some((record.at, confirmed.by)),
            _ => None,
        });
        let (at, by) = confirmed.unwrap();
        assert!(at > last_reached.unwrap(), "it is confirmed after the last request");
        assert_eq!(by, Some(ZeroBy::ServedRequests));
        assert!(drive.count("pinned_users_observed") > 0);
        assert_eq!(drive.count("pinned_users_cut"), usize::from(!goes_by_themselves));
        assert!(!drive.world.send_as("canary", 3).await.contains_key("canary") || goes_by_themselves);
    }
}
