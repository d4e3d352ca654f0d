//! Every artifact of every scenario against its golden file.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf, sync::Arc};

use relman_core::{
    event::Event,
    machine::Action,
    policy::Policy,
    port::Subject,
    report::{Artifact, ArtifactName, Contribution, DeliveryMetrics, Form, History, OpenItems, Templates},
    unit::Span,
};
use relman_testkit::{DemoScenario, Duty, Simulation, sample};

use super::story::{Story, text};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/artifacts")
}

fn is_golden(scene: &str, file: &str, shown: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder().join(scene));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(file, shown));
}

fn holds(scene: &str, artifact: &Artifact) -> [String; 2] {
    let files = [format!("{}.md", artifact.name()), format!("{}.json", artifact.name())];
    is_golden(scene, &files[0], &Templates::default().markdown(artifact).unwrap());
    is_golden(scene, &files[1], &serde_json::to_string_pretty(artifact).unwrap());
    for line in artifact.to_string().lines() {
        assert!(line.chars().count() <= 100 && line.trim_end() == line, "{}: {line:?}", artifact.name());
    }
    files
}

fn scenario(scenario: DemoScenario, expected: &[&str]) {
    let story = Story::scenario(scenario);
    let artifacts = Artifact::all(&story.history());
    let names: Vec<String> = artifacts.iter().map(|artifact| artifact.name().to_string()).collect();
    assert_eq!(names, expected);
    let scene = scenario.to_string();
    let files: BTreeSet<String> = artifacts.iter().flat_map(|artifact| holds(&scene, artifact)).collect();
    let kept: BTreeSet<String> = fs::read_dir(folder().join(&scene))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap().replace(".snap", ""))
        .collect();
    assert_eq!(files, kept, "a golden file without an artifact");
}

/// The forms of a release are golden files, too.
fn forms(scenario: DemoScenario) {
    let story = Story::scenario(scenario);
    for form in Form::ALL {
        let shown = Templates::default().form(form, &story.history()).unwrap().unwrap();
        is_golden("forms", &format!("{scenario}-{}.md", form.template()), &shown);
    }
}

/// What trackers are given of a release.
fn publication(scenario: DemoScenario) {
    let story = Story::scenario(scenario);
    let subject = Subject::new(story.release.id().clone(), "v2.41.0".parse().unwrap());
    let made = Templates::default().publication(&story.history(), &subject).unwrap().unwrap();
    let mut shown = format!("{} ({})\n\n{}", made.title(), made.standing(), made.body());
    for phase in made.phases() {
        writeln!(shown, "\nPHASE {}: {:?}, {}", phase.key, phase.state, phase.summary).unwrap();
    }
    for (what, notes) in [("NOTE", made.notes()), ("POST-MORTEM", made.post_mortems())] {
        for note in notes {
            let seq = note.head.seq;
            write!(shown, "\n{what} {}: {} (#{seq})\n\n{}", note.key, note.title, note.body).unwrap();
        }
    }
    is_golden("publication", &format!("{scenario}.md"), &shown);
}

#[test]
fn what_trackers_are_given() {
    publication(DemoScenario::ErrorSpike);
    publication(DemoScenario::Override);
}

#[test]
fn forms_after_a_release_that_went_well() {
    forms(DemoScenario::Clean);
}

#[test]
fn forms_after_a_release_that_was_taken_back() {
    forms(DemoScenario::ErrorSpike);
}

#[test]
fn clean() {
    scenario(DemoScenario::Clean, &["plan", "schedule", "validation", "retrospective"]);
}

#[test]
fn error_spike() {
    let expected = ["plan", "schedule", "rollback-log", "post-mortem-1", "retrospective"];
    scenario(DemoScenario::ErrorSpike, &expected);
}

#[test]
fn metrics_outage() {
    scenario(DemoScenario::MetricsOutage, &["plan", "schedule", "validation", "retrospective"]);
}

#[test]
fn oncall_lapse() {
    scenario(DemoScenario::OncallLapse, &["plan", "schedule", "validation", "retrospective"]);
}

#[test]
fn an_override() {
    let expected = ["plan", "schedule", "validation", "post-mortem-1", "retrospective"];
    scenario(DemoScenario::Override, &expected);
}

/// A clean release, and an alert that fired while a tenth of the users had it.
#[test]
fn an_incident() {
    let clean = DemoScenario::Clean;
    let mut story = Story::of(&clean.simulation(), clean.team().without(Duty::Close));
    let tenth = story.release.track().unwrap().1.steps()[1].share;
    let set = story.records.iter().find(|record| match &record.event {
        Event::TrafficSet(set) => set.share == tenth,
        _ => false,
    });
    let began = set.unwrap().at + Span::from_secs(1);
    let incident = sample::incident("7c1f", began);
    story.act("user:oli", Action::RecordIncident { source: text("pager"), incident });
    let ended_at = Some(began + Span::from_minutes(4));
    story.act("user:oli", Action::EndIncident { source: text("pager"), id: text("7c1f"), ended_at });
    let open = sample::incident("7c20", story.release.last_at());
    story.act("user:oli", Action::RecordIncident { source: text("pager"), incident: open });
    let artifacts = Artifact::all(&story.history());
    let validation = artifacts.iter().find(|one| one.name() == ArtifactName::Validation).unwrap();
    holds("incident", validation);
    let retrospective = artifacts.iter().find(|one| one.name() == ArtifactName::Retrospective).unwrap();
    holds("incident", retrospective);
}

#[test]
fn flaky_deployer() {
    scenario(DemoScenario::FlakyDeployer, &["plan", "schedule", "validation", "retrospective"]);
}

/// The same stories for real, a day and a half apart: drills count in no metric.
#[test]
fn delivery_metrics() {
    let mut contributions = Vec::new();
    let mut obligations = OpenItems::of([], sample::start());
    for (day, scenario) in (0..).zip(DemoScenario::ALL) {
        let plan = Arc::new(sample::builder(&format!("checkout-24{day}"), &["api"]).build().unwrap());
        let simulation = Simulation::new(plan, Arc::new(Policy::shipped()))
            .world(scenario.world())
            .starting_at(sample::start() + Span::from_hours(36 * day));
        let story = Story::of(&simulation, scenario.team());
        contributions.push(Contribution::of(&story.history()));
        obligations.add(&story.history());
        if scenario == DemoScenario::Clean {
            let drill = Story::scenario(scenario);
            contributions.push(Contribution::of(&drill.history()));
        }
    }
    let now = sample::start() + Span::from_hours(24 * 14);
    let metrics = DeliveryMetrics::of(contributions, None, now);
    assert_eq!((metrics.deployments, metrics.failed_deployments, metrics.drills), (6, 1, 1));
    let lead = metrics.lead_time.unwrap();
    assert_eq!(lead.count, 5, "what was taken back never had all of the traffic");
    assert!(lead.shortest >= Span::from_minutes(390), "{lead}");
    assert!(metrics.recovery_time.is_some_and(|time| time.count == 1));
    let artifact = Artifact::DeliveryMetrics(Box::new(metrics));
    assert_eq!(artifact.name(), ArtifactName::DeliveryMetrics);
    holds("journal", &artifact);
    assert!(obligations.sorted().post_mortems.is_empty(), "the team files what is owed");
}

#[test]
fn action_items_are_owed_until_they_are_settled_and_overdue_after_their_day() {
    let story = Story::scenario(DemoScenario::ErrorSpike);
    let history = story.history();
    let later = |days: u64| OpenItems::of([&history], sample::start() + Span::from_hours(24 * days));
    let soon = later(3);
    assert_eq!((soon.action_items.len(), soon.overdue().count()), (1, 0));
    let late = later(31);
    assert_eq!(late.overdue().map(|owed| owed.item.number).collect::<Vec<_>>(), [2]);
    assert!(late.to_string().contains("OVERDUE"), "{late}");
}

#[test]
fn an_artifact_is_the_same_whenever_it_is_made() {
    let story = Story::scenario(DemoScenario::ErrorSpike);
    let history = story.history();
    let much_later = History::new(&story.release, &story.records, story.release.last_at());
    assert_eq!(Artifact::all(&history), Artifact::all(&much_later));
    let templates = (Templates::default(), Templates::default());
    for artifact in Artifact::all(&history) {
        assert_eq!(templates.0.markdown(&artifact).unwrap(), templates.1.markdown(&artifact).unwrap());
        let named = Artifact::of(&history, artifact.name()).unwrap();
        assert_eq!(named, artifact);
        assert_eq!(artifact.name().to_string().parse(), Ok(artifact.name()));
    }
}
