//! Markup in every text that people, platforms and metrics sources write comes out as text, everywhere.

use std::sync::Arc;

use axum::http::StatusCode;
use relman_adapters::{
    clock::TokioClock,
    conductor::{Conductor, Limits},
    journal::MemoryJournal,
    web::{Web, storyboard_file},
};
use relman_core::{
    event::{ActionItemKind, LessonKind, Settlement},
    machine::{Action, Phase, Release},
    plan::{Artifact, Audience, PerformanceImpact, Plan, Scope},
    port::{Clock, Incident, Journal, NotifyOn},
    report::History,
    unit::{Span, Text, Timestamp},
};
use relman_testkit::{
    Team, sample,
    world::{RecordingNotifier, SimulatedPlatform, World},
};

use super::site::{Site, encode, text};

/// Everything that a page could fall for, with a mark to find it by.
const EVIL: &str = "XX\u{202e}<script>alert(1)</script>'\"><img src=x onerror=alert(2)>&lt;{{7*7}}\u{2066}</title></textarea><!--";

fn evil() -> Text {
    text(EVIL)
}

/// The sample plan, with the same in every text that an author writes.
fn plan(release: &str) -> Arc<Plan> {
    let scope = Scope {
        target: None,
        service: "checkout".parse().unwrap(),
        summary: evil(),
        artifact: Artifact { name: evil(), version: evil(), digest: Some(evil()) },
        // Another version than the one that replaces it.
        replaces: format!("{}b", evil()).parse().unwrap(),
        audience: Audience::UserFacing,
        touches: ["api".parse().unwrap()].into(),
        performance: PerformanceImpact::Neutral,
        links: vec![evil()],
    };
    let plan = sample::builder(release, &["api"]).title(evil()).scope(scope).tell(
        evil(),
        "releases".parse().unwrap(),
        [NotifyOn::RollbackStarted, NotifyOn::StepStarted],
    );
    let plan = plan.drill().track("drill".parse().unwrap());
    Arc::new(plan.build().unwrap())
}

/// What people write in the course of a release.
fn hostile(action: Action) -> Action {
    match action {
        Action::RecordCheck { check, outcome, items, .. } => {
            Action::RecordCheck { check, outcome, evidence: evil(), items }
        }
        Action::FilePostMortem { number, .. } => {
            Action::FilePostMortem { number, summary: evil(), root_cause: evil(), link: Some(evil()) }
        }
        other => other,
    }
}

/// What people write after the end.
fn looking_back(now: Timestamp) -> Vec<Action> {
    let lesson = |kind| Action::RecordLesson { kind, text: evil() };
    let (owner, due) = (Team::actor("user:bo"), now + Span::from_hours(24));
    let mut actions: Vec<Action> = LessonKind::ALL.into_iter().map(lesson).collect();
    actions.push(Action::OpenActionItem {
        what: evil(),
        kind: ActionItemKind::Prevent,
        owner,
        due: Some(due),
    });
    actions.push(Action::SettleActionItem { number: None, how: Settlement::Dropped, note: evil() });
    actions
}

/// A page that shows the text, and shows it as text: no tag of it is a tag, and nothing after it changes direction.
fn is_text(what: &str, page: &str) {
    for tag in ["<script>alert", "<img src=x", "</title></textarea>", "'\"><img", "XX\u{202e}<"] {
        assert!(!page.contains(tag), "{what}: {tag}");
    }
    for (index, _) in page.match_indices('\u{202e}') {
        // Inside an element of its own, which browsers isolate: `bdi`, or a block.
        let before = &page[..index];
        let open = before.rfind('<').map(|start| &before[start + 1..]).unwrap_or_default();
        let name: String = open.chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(
            ["bdi", "pre", "textarea", "input", "td", "th", "li", "code", "p", "option", "svg"]
                .contains(&name.as_str()),
            "{what}: a text stands in <{name}>: …{}",
            &before[before.len().saturating_sub(200)..]
        );
    }
}

#[tokio::test(start_paused = true)]
async fn markup_in_every_text_of_a_release_comes_out_as_text_on_every_page() {
    let journal: Arc<dyn Journal> = Arc::new(MemoryJournal::default());
    let clock: Arc<dyn Clock> = Arc::new(TokioClock::starting_at(sample::start()));
    let platform = Arc::new(SimulatedPlatform::new(World::calm(), 1, clock.clone()));
    let team = Team::new();
    let mut limits = Limits::default();
    limits.watch_journal_every = None;
    let channels = ["releases", "on-call"].map(|name| name.parse().unwrap());
    let conductor = Conductor::builder()
        .journal(journal.clone())
        .deployer(platform.clone())
        .metrics(platform)
        .notifier(Arc::new(RecordingNotifier::serving(channels)))
        .directory(Arc::new(team.directory()))
        .clock(clock.clone())
        .limits(limits)
        .build()
        .unwrap();
    let id = "evil-1".parse().unwrap();
    let record = Action::RecordPlan { plan: plan("evil-1"), policy: sample::drill_policy() };
    conductor.command(&id, &Team::actor("user:ana"), record).await.unwrap();
    let ending = conductor.conduct(&id).await.unwrap();
    let does =
        async |by: &str, action: Action| conductor.command(&id, &Team::actor(by), action).await.unwrap();
    // Through staging, into the second step, held and resumed, complained about, and back.
    loop {
        let release = conductor.releases().load(&id).await.unwrap();
        if release.phase().step().is_some_and(|step| step.number == 2 && step.looks > 2) {
            break;
        }
        for (by, action) in team.next(&release, clock.now()) {
            conductor.command(&id, &by.actor, hostile(action)).await.unwrap();
        }
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    }
    does("user:oli", Action::Hold { reason: evil() }).await;
    does("user:ana", Action::Resume { reason: evil() }).await;
    does("user:oli", Action::Complain { key: None, text: evil() }).await;
    let incident = Incident::new(evil(), evil(), "checkout".parse().unwrap(), clock.now())
        .with_severity(evil())
        .with_url(evil());
    does("user:oli", Action::RecordIncident { source: evil(), incident }).await;
    does("user:oli", Action::Hold { reason: evil() }).await;

    let app = axum::Router::new().nest(
        super::site::MOUNT,
        Web::of(&conductor)
            .signed_in_by(|_: &axum::http::request::Parts| Some(Team::actor("user:ana")))
            .router(),
    );
    let site = Site { releases: conductor.releases().clone(), app };
    let actions = ["approve", "hold", "resume", "rollback", "override", "ack", "postmortem"];
    let held: Vec<String> = actions.iter().map(|action| format!("/releases/evil-1/act/{action}")).collect();
    shows(&site, held.iter().map(String::as_str)).await;
    does("user:oli", Action::RollBack { reason: evil() }).await;
    ending.wait().await.unwrap();
    let after: Vec<String> = actions.iter().map(|action| format!("/releases/evil-1/act/{action}")).collect();
    shows(&site, after.iter().map(String::as_str)).await;
    let release = conductor.releases().load(&id).await.unwrap();
    for (by, action) in team.next(&release, clock.now()) {
        conductor.command(&id, &by.actor, hostile(action)).await.unwrap();
    }
    for action in looking_back(clock.now()) {
        does("user:bo", action).await;
    }
    let pages = [
        "",
        "/releases/evil-1",
        "/releases/evil-1/validation",
        "/releases/evil-1/looks/1",
        "/releases/evil-1/looks/2",
        "/releases/evil-1/artifacts/plan",
        "/releases/evil-1/artifacts/test-report",
        "/releases/evil-1/artifacts/timeline",
        "/releases/evil-1/artifacts/status",
        "/releases/evil-1/artifacts/schedule",
        "/releases/evil-1/artifacts/rollback-log",
        "/releases/evil-1/artifacts/post-mortem-1",
        "/releases/evil-1/artifacts/retrospective",
    ];
    shows(&site, pages.into_iter()).await;
    let records = site.records("evil-1").await;
    let of_records: Vec<String> = (0..records).map(|seq| format!("/releases/evil-1/records/{seq}")).collect();
    shows(&site, of_records.iter().map(String::as_str)).await;
    let page = site.get("/releases/evil-1", None).await;
    let escaped = "XX\u{202e}&#60;script&#62;alert(1)&#60;/script&#62;&#39;&#34;&#62;&#60;img";
    assert!(
        page.text.matches(escaped).count() > 15,
        "the texts are there: {}",
        page.text.matches(escaped).count()
    );

    let mut release = Release::new(id.clone());
    let records = conductor.releases().refresh(&mut release).await.unwrap();
    assert!(matches!(release.phase(), Phase::RolledBack(_)));
    let file = storyboard_file(&History::new(&release, &records, clock.now()));
    is_text("the file", &file);
    assert!(file.matches(escaped).count() > 20);
}

async fn shows(site: &Site, paths: impl Iterator<Item = &str>) {
    for path in paths {
        let page = site.get(path, Some("user:ana")).await;
        assert!(page.status != StatusCode::INTERNAL_SERVER_ERROR, "{path}: {}", page.text);
        is_text(path, &page.text);
    }
}

#[tokio::test]
async fn sixty_four_kibibytes_of_markup_in_a_form_are_refused_as_text() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let long: String = EVIL.chars().cycle().take(64 * 1_024).collect();
    let path = "/releases/checkout-241/act/hold";
    let page = site.get(path, Some("user:oli")).await;
    let (shown, token) = (page.hidden("shown"), page.hidden("token"));
    let fields = [("shown", shown.as_str()), ("token", token.as_str()), ("reason", long.as_str())];
    let answer = site.post(path, "user:oli", &fields).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", &answer.text[..300]);
    assert!(answer.has("at most 4000 are allowed"));
    is_text("a long reason", &answer.text);
    assert_eq!(site.records("checkout-241").await, 1);
    // As long as an address can be.
    let long: String = long.chars().take(10_000).collect();
    let page = site.get(&format!("?q={}", encode(&long)), None).await;
    is_text("a long search", &page.text);
    let name: String = encode(&EVIL[..40]);
    is_text("no release", &site.get(&format!("/releases/{name}"), None).await.text);
}
