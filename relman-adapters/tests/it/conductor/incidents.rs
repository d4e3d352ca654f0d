//! Incidents are heard of beside the looks: they are recorded, and nothing waits for them.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use async_trait::async_trait;
use relman_adapters::{
    clock::TokioClock, incident::IncidentMetrics, journal::MemoryJournal, metrics::MetricsByName,
};
use relman_core::{
    event::{Event, Record, RollbackTrigger},
    machine::{EndedAs, Phase, PhaseName, Release},
    plan::RollbackContract,
    port::{Clock, Incident, IncidentSource, PortError, PortErrorKind},
    unit::{ServiceName, Span, Timestamp, Window},
};
use relman_testkit::{
    sample,
    world::{SimulatedPlatform, World},
};

use super::stage::{Stage, drill, start};

/// How a source behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As an alert manager: it forgets what has ended.
    Forgets,
    /// As an on-call tool: it tells of ends, too.
    Remembers,
    Fails,
    NeverAnswers,
    Panics,
}

/// A source of what is known beforehand.
struct Alerts {
    manner: Manner,
    incidents: Vec<Incident>,
    asked: AtomicU64,
}

impl Alerts {
    fn of(manner: Manner, incidents: impl IntoIterator<Item = Incident>) -> Arc<Self> {
        Arc::new(Self { manner, incidents: incidents.into_iter().collect(), asked: 0.into() })
    }
}

#[async_trait]
impl IncidentSource for Alerts {
    fn name(&self) -> &'static str {
        "pager"
    }

    async fn incidents(&self, service: &ServiceName, window: Window) -> Result<Vec<Incident>, PortError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        match self.manner {
            Manner::Forgets | Manner::Remembers => {}
            Manner::Fails => {
                return Err(PortError::new("pager", "ask", PortErrorKind::Unavailable, "it is down"));
            }
            Manner::NeverAnswers => std::future::pending().await,
            Manner::Panics => panic!("a bug in the adapter"),
        }
        // As things are at the end of the window.
        let now = window.until;
        let mut told: Vec<Incident> =
            self.incidents.iter().filter(|one| one.service == *service).cloned().collect();
        for one in &mut told {
            one.ended_at = one.ended_at.filter(|ended| *ended <= now);
        }
        told.retain(|one| one.fires_in(window));
        told.retain(|one| self.manner == Manner::Remembers || one.ended_at.is_none());
        Ok(told)
    }
}

fn at(minutes: u64) -> Timestamp {
    start() + Span::from_minutes(minutes)
}

fn between(id: &str, from: u64, until: u64) -> Incident {
    sample::incident(id, at(from)).with_end(at(until))
}

async fn play(source: Option<Arc<Alerts>>) -> (PhaseName, Vec<Record>) {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
    let platform = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    let source = source.map(|source| source as Arc<dyn IncidentSource>);
    let stage =
        Stage::asking(Arc::new(MemoryJournal::default()), platform.clone(), platform, clock, None, source);
    let plan = drill("drill-1");
    stage.plan(&plan, &sample::drill_policy()).await;
    let release = stage.play(plan.release()).await;
    (release.phase().name(), stage.records(plan.release()).await)
}

/// What a story is, without what a source of incidents has told.
fn without_incidents(records: &[Record]) -> Vec<(Timestamp, String)> {
    let others = records.iter().filter(|record| !record.event.kind().starts_with("incident_"));
    others.map(|record| (record.at, format!("{:?}", record.event))).collect()
}

fn incidents(records: &[Record]) -> Vec<String> {
    let told = records.iter().filter_map(|record| match &record.event {
        Event::IncidentReported(seen) => Some((record, format!("{} seen", seen.incident.id))),
        Event::IncidentEnded(ended) => {
            let when = ended.ended_at.map(|at| format!(" at {at}")).unwrap_or_default();
            Some((record, format!("{} ended{when}", ended.id)))
        }
        _ => None,
    });
    told.inspect(|(record, _)| assert_eq!(record.by.to_string(), "system:relman"))
        .map(|(_, said)| said)
        .collect()
}

#[tokio::test(start_paused = true)]
async fn an_alert_is_recorded_once_when_it_fires_and_once_when_it_has_ended() {
    let (_, plain) = play(None).await;
    let mut search = sample::incident("other", at(3));
    search.service = "search".parse().unwrap();
    let alerts = || [between("one", 3, 8), search.clone(), sample::incident("two", at(9))];
    let (phase, records) = play(Some(Alerts::of(Manner::Forgets, alerts()))).await;
    assert_eq!(phase, PhaseName::Closed);
    assert_eq!(incidents(&records), ["one seen", "one ended", "two seen"]);
    assert_eq!(without_incidents(&records).len(), without_incidents(&plain).len(), "nothing else happens");

    let (_, records) = play(Some(Alerts::of(Manner::Remembers, alerts()))).await;
    let ended = format!("one ended at {}", at(8));
    assert_eq!(incidents(&records), ["one seen", ended.as_str(), "two seen"]);
}

#[tokio::test(start_paused = true)]
async fn an_alert_that_fires_anew_under_its_id_is_another_incident() {
    let again = sample::incident("one", at(12));
    let (_, records) = play(Some(Alerts::of(Manner::Forgets, [between("one", 3, 8), again]))).await;
    assert_eq!(incidents(&records), ["one seen", "one ended", "one seen"]);
}

#[tokio::test(start_paused = true)]
async fn a_source_that_fails_hangs_or_panics_changes_nothing_of_a_release() {
    let (_, plain) = play(None).await;
    for manner in [Manner::Fails, Manner::NeverAnswers, Manner::Panics] {
        let source = Alerts::of(manner, []);
        let (phase, records) = play(Some(source.clone())).await;
        assert_eq!(phase, PhaseName::Closed, "{manner:?}");
        assert!(source.asked.load(Ordering::Relaxed) > 3, "{manner:?} is asked again");
        assert_eq!(without_incidents(&records), without_incidents(&plain), "{manner:?}");
        assert!(incidents(&records).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_alerts_is_recorded_in_parts_and_whole_in_the_end() {
    let storm = (0..100).map(|number| sample::incident(&format!("storm-{number:03}"), at(3)));
    let (phase, records) = play(Some(Alerts::of(Manner::Forgets, storm))).await;
    assert_eq!(phase, PhaseName::Closed);
    let told = incidents(&records);
    assert_eq!(told.len(), 100);
    let mut in_a_row = 0;
    for record in &records {
        in_a_row = if record.event.kind() == "incident_seen" { in_a_row + 1 } else { 0 };
        assert!(in_a_row <= 16, "a look waits for no storm: record {}", record.seq);
    }
}

/// A drill whose contract allows no incident, while this one fires.
async fn gated(incident: Incident) -> (Release, Vec<Record>) {
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(start()));
    let platform = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    let source = Alerts::of(Manner::Forgets, [incident]);
    let metrics = MetricsByName::new(platform.clone()).or(Arc::new(IncidentMetrics::new(source.clone())));
    let stage = Stage::asking(
        Arc::new(MemoryJournal::default()),
        platform,
        Arc::new(metrics),
        clock,
        None,
        Some(source),
    );
    let criteria = ["error_rate > 1%", "incidents > 0"].map(|text| text.parse().unwrap());
    let plan = sample::builder("drill-1", &["api"])
        .drill()
        .track("drill".parse().unwrap())
        .contract(RollbackContract::new(criteria.to_vec()).unwrap());
    let plan = Arc::new(plan.build().unwrap());
    stage.plan(&plan, &sample::drill_policy()).await;
    let release = stage.play(plan.release()).await;
    let records = stage.records(plan.release()).await;
    (release, records)
}

#[tokio::test(start_paused = true)]
async fn a_policy_gates_on_what_fires() {
    let (release, records) = gated(sample::incident("one", at(3))).await;
    let trigger = records.iter().find_map(|record| match &record.event {
        Event::RollbackStarted(started) => Some((record.at, started.trigger.clone())),
        _ => None,
    });
    let Some((rolled_back_at, RollbackTrigger::Criterion { criterion, observed, .. })) = trigger else {
        panic!("{:?} {trigger:?}", release.phase().name())
    };
    assert_eq!((criterion.to_string().as_str(), observed.as_str()), ("incidents > 0", "1"));
    assert!(rolled_back_at >= at(3) && rolled_back_at <= at(4), "{rolled_back_at}");
}

#[tokio::test(start_paused = true)]
async fn what_fires_since_before_production_was_entered_is_not_the_doing_of_the_release() {
    let (release, records) = gated(sample::incident("old", start().minus(Span::from_hours(240)))).await;
    assert!(matches!(release.phase(), Phase::Closed(EndedAs::Completed)), "{:?}", release.phase().name());
    // It is on the record all the same.
    assert!(records.iter().any(|record| matches!(record.event, Event::IncidentReported(_))));
}
