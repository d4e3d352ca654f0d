//! What real releases publish, from phase to phase.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use relman_adapters::{
    conductor::Update,
    tracker::{keep_published, publish},
};
use relman_core::{
    event::Record,
    machine::{PhaseName, Release},
    port::{PortError, Publication, Published, Subject, Tracker, TrackerCapabilities},
    report::{History, Templates},
};
use relman_testkit::DemoScenario;
use tokio::{sync::broadcast, time::timeout};

use super::{
    github::GitHubWorld,
    gitlab::GitLabWorld,
    jira::JiraWorld,
    server::Fault,
    world::{AT_MOST, QUICK, World, subject},
};

/// A release of the demo whenever it has entered another phase, and at its end.
fn phases(scenario: DemoScenario) -> Vec<(Release, Vec<Record>)> {
    let run = scenario.simulation().run(scenario.team()).unwrap();
    let mut release = Release::new(run.release.id().clone());
    let (mut phases, mut last) = (Vec::new(), None);
    for (index, record) in run.records.iter().enumerate() {
        release.apply(record).unwrap();
        let phase = release.phase().name();
        if last.replace(phase) != Some(phase) || index + 1 == run.records.len() {
            phases.push((release.clone(), run.records[..=index].to_vec()));
        }
    }
    phases
}

fn publication(release: &Release, records: &[Record]) -> Publication {
    let history = History::settled(release, records);
    let mut subject = subject();
    subject.release = release.id().clone();
    Templates::default().publication(&history, &subject).unwrap().unwrap()
}

/// Published phase by phase, twice each, it is what it is when only the end is published.
async fn phase_by_phase<W: World>(phases: &[Publication]) {
    let (grown, at_once) = (W::start().await, W::start().await);
    for publication in phases {
        for _ in 0..2 {
            let published = publish(grown.tracker(), publication, &QUICK).await.unwrap();
            assert_eq!(published.head, publication.head());
        }
    }
    publish(at_once.tracker(), phases.last().unwrap(), &QUICK).await.unwrap();
    // A commit keeps every status that it ever had, and GitLab what it has seen on the way.
    let is_kept = |kind: &str| kind == "statuses" || kind == "evidences";
    let one_of_each =
        |world: &W| -> Vec<_> { world.tally().into_iter().filter(|(kind, _)| !is_kept(kind)).collect() };
    assert_eq!(one_of_each(&grown), one_of_each(&at_once));
    assert_eq!(grown.shown(), at_once.shown());
    grown.server().assert_as_described();
}

/// With the answer lost at any request of the last publication, there is one of each.
async fn with_an_answer_lost<W: World>(phases: &[Publication]) {
    let [.., before, last] = phases else { panic!("a release has phases") };
    let sound = W::start().await;
    publish(sound.tracker(), before, &QUICK).await.unwrap();
    let from = sound.server().count();
    publish(sound.tracker(), last, &QUICK).await.unwrap();
    for at in 0..sound.server().count() - from {
        let world = W::start().await;
        publish(world.tracker(), before, &QUICK).await.unwrap();
        world.server().fail(at, Fault::LostAfter);
        timeout(AT_MOST, publish(world.tracker(), last, &QUICK)).await.unwrap().unwrap();
        assert!(world.server().has_failed(), "request {at}");
        assert_eq!((world.shown(), world.tally()), (sound.shown(), sound.tally()), "request {at}");
    }
}

#[tokio::test]
async fn a_release_that_is_published_with_every_phase_is_there_once() {
    for scenario in [DemoScenario::ErrorSpike, DemoScenario::Override] {
        let phases: Vec<Publication> =
            phases(scenario).iter().map(|(release, records)| publication(release, records)).collect();
        phase_by_phase::<GitHubWorld>(&phases).await;
        phase_by_phase::<GitLabWorld>(&phases).await;
        phase_by_phase::<JiraWorld>(&phases).await;
        with_an_answer_lost::<GitHubWorld>(&phases).await;
        with_an_answer_lost::<GitLabWorld>(&phases).await;
        with_an_answer_lost::<JiraWorld>(&phases).await;
    }
}

/// The tracker of a world, which others look at meanwhile.
struct Shared(Arc<GitHubWorld>);

#[async_trait]
impl Tracker for Shared {
    fn name(&self) -> &str {
        self.0.tracker().name()
    }

    fn capabilities(&self) -> TrackerCapabilities {
        self.0.tracker().capabilities()
    }

    async fn publish(&self, publication: &Publication) -> Result<Published, PortError> {
        self.0.tracker().publish(publication).await
    }

    async fn find(&self, subject: &Subject) -> Result<Option<Published>, PortError> {
        self.0.tracker().find(subject).await
    }
}

#[tokio::test]
async fn the_copies_follow_a_conductor_to_the_end() {
    let world = Arc::new(GitHubWorld::start().await);
    let phases = phases(DemoScenario::ErrorSpike);
    let id = phases[0].0.id().clone();
    let (updates, listener) = broadcast::channel(64);
    let now = Arc::new(Mutex::new(phases[0].clone()));
    let seen = Arc::new(Mutex::new(Vec::<PhaseName>::new()));
    let made = {
        let (now, seen) = (now.clone(), seen.clone());
        move || -> futures::future::BoxFuture<'static, Option<Publication>> {
            let (release, records) = now.lock().unwrap().clone();
            seen.lock().unwrap().push(release.phase().name());
            Box::pin(async move { Some(publication(&release, &records)) })
        }
    };
    let trackers: Vec<Arc<dyn Tracker>> = vec![Arc::new(Shared(world.clone()))];
    let kept = tokio::spawn(keep_published(listener, id, trackers, QUICK, made));
    for (release, records) in &phases {
        *now.lock().unwrap() = (release.clone(), records.clone());
        updates.send(Update::new(Arc::new(release.clone()), Arc::from([]))).unwrap();
    }
    let results = timeout(AT_MOST, kept).await.unwrap().unwrap();
    let published = results[0].as_ref().unwrap();
    assert_eq!(Some(published.head), phases.last().unwrap().0.head());
    assert_eq!(seen.lock().unwrap().last(), Some(&phases.last().unwrap().0.phase().name()));
    let alone = GitHubWorld::start().await;
    let (release, records) = phases.last().unwrap();
    publish(alone.tracker(), &publication(release, records), &QUICK).await.unwrap();
    assert_eq!((world.shown(), world.tally()), (alone.shown(), alone.tally()));
}
