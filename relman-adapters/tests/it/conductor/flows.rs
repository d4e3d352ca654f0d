//! User flows that the conductor has checked while a release is validated.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use relman_adapters::{clock::TokioClock, journal::MemoryJournal};
use relman_core::{
    event::{CheckOutcome, Event, Record},
    machine::{Action, Missing, PhaseName, Release},
    plan::Plan,
    policy::Policy,
    port::{CheckedFlow, Clock, FlowOutcome, FlowReport, Journal, PortError, PortErrorKind, UserFlows},
    unit::{Actor, FlowName, ReleaseId, ServiceName, Span, Timestamp},
};
use relman_testkit::{
    Invariants, Team, sample,
    world::{Regression, SimulatedPlatform, World},
};

use super::stage::{Stage, drill, start};

/// What a check does.
#[derive(Debug, Clone, Copy)]
enum Does {
    Find(FlowOutcome),
    Fail,
    Panic,
    Hang,
}

const WORKS: Does = Does::Find(FlowOutcome::Passed);
const BROKEN: Does = Does::Find(FlowOutcome::Failed);

/// User flows that do what the time of validation says.
struct Scripted {
    clock: Arc<dyn Clock>,
    /// What they do from that time after the first check on.
    script: Vec<(Span, Does)>,
    /// When they were checked.
    checked: Mutex<Vec<Timestamp>>,
}

impl Scripted {
    fn new(clock: &Arc<dyn Clock>, script: &[(u64, Does)]) -> Arc<Self> {
        let script = script.iter().map(|(minutes, does)| (Span::from_minutes(*minutes), *does)).collect();
        Arc::new(Self { clock: clock.clone(), script, checked: Mutex::default() })
    }

    /// When they were checked, in whole seconds after the first time.
    fn seconds(&self) -> Vec<u64> {
        let checked = self.checked.lock().unwrap();
        checked.iter().map(|at| at.since(checked[0]).as_millis() / 1_000).collect()
    }
}

#[async_trait]
impl UserFlows for Scripted {
    fn name(&self) -> &'static str {
        "scripted"
    }

    fn flows(&self) -> Vec<FlowName> {
        vec!["login".parse().unwrap()]
    }

    async fn check(&self, service: &ServiceName) -> Result<FlowReport, PortError> {
        assert_eq!(service.as_str(), "checkout");
        let now = self.clock.now();
        let since = {
            let mut checked = self.checked.lock().unwrap();
            checked.push(now);
            now.since(checked[0])
        };
        let does = self.script.iter().rev().find(|(from, _)| *from <= since).unwrap().1;
        match does {
            Does::Find(outcome) => {
                let login = CheckedFlow::new("login".parse().unwrap(), outcome, "status 200", "status 200")
                    .with_status(200)
                    .with_latency(Span::from_millis(34));
                Ok(FlowReport::new([login]))
            }
            Does::Fail => Err(PortError::new("scripted", "check", PortErrorKind::Unavailable, "no browser")),
            Does::Panic => panic!("a bug in the adapter"),
            Does::Hang => std::future::pending().await,
        }
    }
}

/// A stage whose conductor has these flows, on a journal that another may have begun.
struct Theatre {
    stage: Stage,
    flows: Arc<Scripted>,
}

impl Theatre {
    fn new(script: &[(u64, Does)]) -> Self {
        Self::with(script, World::calm())
    }

    fn with(script: &[(u64, Does)], world: World) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
        let platform = Arc::new(SimulatedPlatform::new(world, 1, clock.clone()));
        Self::on(Arc::new(MemoryJournal::default()), &platform, &clock, script)
    }

    fn on(
        journal: Arc<dyn Journal>,
        platform: &Arc<SimulatedPlatform>,
        clock: &Arc<dyn Clock>,
        script: &[(u64, Does)],
    ) -> Self {
        let flows = Scripted::new(clock, script);
        let user_flows: Arc<dyn UserFlows> = flows.clone();
        let stage =
            Stage::asking(journal, platform.clone(), platform.clone(), clock.clone(), Some(user_flows), None);
        Self { stage, flows }
    }

    /// Conducts while the team does everything but record the check of the user flows, until `enough` or the end.
    async fn play(&self, id: &ReleaseId, enough: impl Fn(&Release) -> bool) -> Release {
        let Stage { conductor, team, clock, .. } = &self.stage;
        let mut updates = conductor.updates();
        let ended = conductor.conduct(id).await.unwrap().wait();
        tokio::pin!(ended);
        loop {
            let release = tokio::select! {
                biased;
                Ok(update) = updates.recv() => update.release,
                ended = &mut ended => return Release::clone(&ended.unwrap()),
            };
            if enough(&release) {
                return Release::clone(&release);
            }
            for (by, action) in team.next(&release, clock.now()) {
                let of_flows =
                    matches!(&action, Action::RecordCheck { check, .. } if check.as_str() == "user-flows");
                if !of_flows && !release.phase().name().is_end() {
                    // Some acts come twice, since each update is acted upon.
                    let _ = conductor.command(id, &by.actor, action).await;
                }
            }
        }
    }

    async fn planned(&self, plan: &Arc<Plan>, policy: &Arc<Policy>) -> ReleaseId {
        self.stage.plan(plan, policy).await;
        plan.release().clone()
    }

    async fn drill(&self) -> ReleaseId {
        self.planned(&drill("drill-1"), &sample::drill_policy()).await
    }

    /// What was recorded of the user flows: how long after the validation began, how it ended and who said so.
    async fn recorded(&self, id: &ReleaseId) -> Vec<(u64, CheckOutcome)> {
        let records = self.stage.records(id).await;
        Invariants::check(&records).unwrap();
        Invariants::derive(&records).unwrap();
        let began = records.iter().find(|record| record.event.kind() == "validation_started").unwrap().at;
        let check = |record: &Record| match &record.event {
            Event::CheckRecorded(check) if check.check.as_str() == "user-flows" => {
                assert_eq!(record.by, Actor::relman());
                Some((record.at.since(began).as_millis() / 60_000, check.outcome))
            }
            _ => None,
        };
        records.iter().filter_map(check).collect()
    }
}

fn waits_for_flows(release: &Release, now: Timestamp) -> bool {
    let on_flows = |missing: &Missing| missing.what.contains("user-flows");
    release.phase().name() == PhaseName::Validating && release.missing(now).iter().any(on_flows)
}

#[tokio::test(start_paused = true)]
async fn v1_the_flows_are_checked_when_validation_begins_and_the_release_is_complete() {
    let theatre = Theatre::new(&[(0, WORKS)]);
    let id = theatre.drill().await;
    let release = theatre.play(&id, |_| false).await;
    assert_eq!(release.phase().name(), PhaseName::Completed);
    assert_eq!(theatre.recorded(&id).await, [(0, CheckOutcome::Passed)]);
    assert_eq!(theatre.flows.seconds().len(), 1, "ten minutes of validation are less than the interval");
}

#[tokio::test(start_paused = true)]
async fn v1_a_release_whose_flows_fail_is_complete_only_once_they_pass() {
    // Broken for longer than the ten minutes of validation.
    let theatre = Theatre::new(&[(0, BROKEN), (25, WORKS)]);
    let id = theatre.drill().await;
    let release = theatre.play(&id, |_| false).await;
    assert_eq!(release.phase().name(), PhaseName::Completed);
    assert_eq!(theatre.recorded(&id).await, [(0, CheckOutcome::Failed), (25, CheckOutcome::Passed)]);
    let seconds = theatre.flows.seconds();
    assert_eq!(seconds.len(), 26, "after a failure they are checked every minute: {seconds:?}");
    let completed = theatre.stage.records(&id).await.last().unwrap().at;
    let first = theatre.flows.checked.lock().unwrap()[0];
    assert!(completed.since(first) >= Span::from_minutes(25));
}

#[tokio::test(start_paused = true)]
async fn v1_a_day_of_validation_records_changes_and_a_pass_an_hour() {
    let theatre = Theatre::new(&[(0, WORKS), (200, BROKEN), (232, WORKS)]);
    let plan = Arc::new(sample::builder("checkout-241", &["api"]).build().unwrap());
    let id = theatre.planned(&plan, &sample::drill_policy()).await;
    let release = theatre.play(&id, |_| false).await;
    assert_eq!(release.phase().name(), PhaseName::Completed);
    let recorded = theatre.recorded(&id).await;
    let failed: Vec<u64> =
        recorded.iter().filter(|(_, outcome)| *outcome == CheckOutcome::Failed).map(|(at, _)| *at).collect();
    // Found by the next check of every quarter of an hour.
    assert_eq!(failed, [210], "{recorded:?}");
    assert!(
        recorded.contains(&(232, CheckOutcome::Passed)),
        "a change is found within a minute: {recorded:?}"
    );
    assert!((24..=28).contains(&recorded.len()), "one an hour and the changes: {recorded:?}");
    let gaps: BTreeSet<bool> = recorded.windows(2).map(|pair| pair[1].0 - pair[0].0 <= 75).collect();
    assert_eq!(gaps, BTreeSet::from([true]), "{recorded:?}");
    assert!(recorded.last().unwrap().0 >= 24 * 60 - 75, "the gate is passed on what was found lately");
    let checks = theatre.flows.seconds().len();
    assert!(
        (110..=130).contains(&checks),
        "every quarter of an hour, and every minute while broken: {checks}"
    );
}

#[tokio::test(start_paused = true)]
async fn law4_a_port_that_fails_is_no_pass_and_keeps_nothing_else_waiting() {
    let theatre = Theatre::new(&[(0, Does::Fail), (3, Does::Panic), (6, Does::Hang), (30, WORKS)]);
    let id = theatre.drill().await;
    let clock = theatre.stage.clock.clone();
    let release = theatre.play(&id, |_| false).await;
    assert_eq!(release.phase().name(), PhaseName::Completed);
    let recorded = theatre.recorded(&id).await;
    assert_eq!(recorded.len(), 1, "nothing is recorded of what is not known: {recorded:?}");
    assert!(recorded[0].0 >= 30, "{recorded:?}");
    // The looks went on meanwhile, every ten seconds.
    let records = theatre.stage.records(&id).await;
    let looks = records.iter().filter(|record| record.event.kind() == "evaluated");
    let validating = looks.filter(|record| clock.now().since(record.at) <= Span::from_minutes(30)).count();
    assert!(validating >= 170, "{validating}");
}

#[tokio::test(start_paused = true)]
async fn a_breach_goes_back_while_a_check_hangs() {
    let regression = Regression::errors_from_share(relman_core::unit::TrafficShare::FULL, 0.2);
    let theatre = Theatre::with(&[(0, Does::Hang)], World::calm().with(regression));
    let id = theatre.drill().await;
    let release = theatre.play(&id, |_| false).await;
    assert_eq!(release.phase().name(), PhaseName::RolledBack);
    let records = theatre.stage.records(&id).await;
    let at = |kind: &str| records.iter().find(|record| record.event.kind() == kind).unwrap().at;
    // Long before the two minutes are over for which a call may hang.
    assert!(at("rollback_started").since(at("validation_started")) <= Span::from_secs(30));
}

#[tokio::test(start_paused = true)]
async fn a_person_may_go_back_while_the_flows_fail() {
    let theatre = Theatre::new(&[(0, BROKEN)]);
    let id = theatre.drill().await;
    let clock = theatre.stage.clock.clone();
    let failed = |release: &Release| !release.checks().is_empty() && waits_for_flows(release, clock.now());
    theatre.play(&id, failed).await;
    let action = Action::RollBack { reason: "nobody can sign in".parse().unwrap() };
    theatre.stage.conductor.command(&id, &Team::actor("user:oli"), action).await.unwrap();
    assert_eq!(theatre.play(&id, |_| false).await.phase().name(), PhaseName::RolledBack);
}

#[tokio::test(start_paused = true)]
async fn a_new_conductor_goes_on_from_the_record() {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
    let platform = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
    let first = Theatre::on(journal.clone(), &platform, &clock, &[(0, BROKEN)]);
    let id = first.drill().await;
    first.play(&id, |release| waits_for_flows(release, clock.now()) && !release.checks().is_empty()).await;
    first.stage.conductor.kill().await;
    // It checks at once, and records nothing that the record has already.
    let second = Theatre::on(journal.clone(), &platform, &clock, &[(0, BROKEN)]);
    let looked = |release: &Release| release.phase().step().is_some_and(|step| step.looks >= 30);
    second.play(&id, looked).await;
    second.stage.conductor.stop().await;
    assert!(second.flows.seconds().len() >= 2);
    assert_eq!(second.recorded(&id).await, [(0, CheckOutcome::Failed)]);
    let third = Theatre::on(journal, &platform, &clock, &[(0, WORKS)]);
    assert_eq!(third.play(&id, |_| false).await.phase().name(), PhaseName::Completed);
    let outcomes: Vec<CheckOutcome> =
        third.recorded(&id).await.into_iter().map(|(_, outcome)| outcome).collect();
    assert_eq!(outcomes, [CheckOutcome::Failed, CheckOutcome::Passed]);
}
