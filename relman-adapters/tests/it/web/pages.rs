//! What the pages show, where they lead, and what browsers may do with them.

use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use relman_adapters::web::{Web, storyboard_file};
use relman_core::{
    machine::{Action, Release},
    report::History,
};
use tower::ServiceExt;

use super::site::{MOUNT, Site, text};

#[tokio::test]
async fn a_storyboard_has_five_frames_and_a_frame_that_was_not_reached_says_so() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    let page = site.get("/releases/checkout-241", None).await;
    assert_eq!(page.status, StatusCode::OK);
    for frame in ["plan", "stage", "release", "verify", "rollback"] {
        assert!(page.has(&format!("<section id=\"{frame}\" class=\"frame")), "{frame}");
        assert!(page.has(&format!("<a href=\"#{frame}\"")), "{frame}");
    }
    assert!(page.has("Not reached: starts once the plan is approved."));
    assert!(page.has("Not reached: no user has this version yet. The steps are planned."));
    // The rollback is shown before it is ever needed.
    assert!(page.has("Breaching any of these starts the rollback in the same evaluation"));
    assert!(page.has("The platform shows zero traffic on the new version 2 times in a row"));
    assert!(page.has("/board/releases/checkout-241/records/0\">#0</a>"), "facts name their record");
    assert!(!page.has("<form"), "nobody can act");
}

#[tokio::test]
async fn browsers_are_told_to_load_nothing_from_anywhere_else() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let paths = [
        "",
        "/releases/checkout-241",
        "/releases/checkout-241/act/approve",
        "/releases/none",
        "/no-such-page",
    ];
    for path in paths {
        let page = site.get(path, Some("user:bo")).await;
        let policy = page.headers.get("content-security-policy").unwrap().to_str().unwrap().to_owned();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.headers.get("x-content-type-options").unwrap(), "nosniff");
        assert_eq!(page.headers.get("cache-control").unwrap(), "no-store");
        for foreign in ["src=\"http", "href=\"http", "@import", "url(", " style=", " onclick", "<script>"] {
            assert!(!page.has(foreign), "{path}: {foreign}");
        }
    }
}

#[tokio::test]
async fn links_lead_to_where_the_host_has_mounted_the_pages() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    assert!(site.get("", None).await.has("href=\"/board/releases/checkout-241\""));
    let root = Web::new(site.releases.clone()).router();
    let twice = Router::new().nest("/a", Router::new().nest("/b", Web::new(site.releases.clone()).router()));
    for (app, path, link) in [
        (root, "/", "href=\"/releases/checkout-241\""),
        (twice, "/a/b", "href=\"/a/b/releases/checkout-241\""),
    ] {
        let answer = app.oneshot(Request::get(path).body(Body::empty()).unwrap()).await.unwrap();
        let bytes = axum::body::to_bytes(answer.into_body(), usize::MAX).await.unwrap();
        assert!(String::from_utf8_lossy(&bytes).contains(link), "{path}");
    }
}

#[tokio::test]
async fn every_link_of_a_page_leads_somewhere() {
    let site = Site::new();
    site.plans("checkout-241").await;
    site.does("user:bo", "checkout-241", Action::ApprovePlan).await;
    let mut todo = vec![String::new()];
    let mut visited = std::collections::BTreeSet::new();
    while let Some(path) = todo.pop() {
        if !visited.insert(path.clone()) || visited.len() > 60 {
            continue;
        }
        let page = site.get(&path, Some("user:ana")).await;
        let fine = page.status == StatusCode::OK || path.contains("/act/") || path.contains("/records/");
        assert!(fine, "{path}: {}", page.status);
        let is_html =
            page.headers.get("content-type").is_some_and(|kind| kind.to_str().unwrap().contains("html"));
        for link in page.text.split("href=\"").skip(1).filter(|_| is_html) {
            let link = link.split('"').next().unwrap();
            if let Some(path) = link.strip_prefix(MOUNT) {
                todo.push(path.split('#').next().unwrap().replace("&#38;", "&"));
            }
        }
    }
    assert!(visited.len() > 10, "{visited:?}");
}

#[tokio::test]
async fn the_overview_filters_by_text_health_phase_and_turn() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    site.plans("search-7").await;
    site.does("user:bo", "search-7", Action::ApprovePlan).await;
    let shows = async |query: &str| {
        let page = site.get(query, None).await;
        (page.has("/releases/checkout-241\""), page.has("/releases/search-7\""))
    };
    assert_eq!(shows("").await, (true, true));
    assert_eq!(shows("?health=waiting-for-approval").await, (true, false));
    assert_eq!(shows("?health=progressing").await, (false, true));
    assert_eq!(shows("?phase=planning").await, (true, false));
    assert_eq!(shows("?phase=staging").await, (false, true));
    assert_eq!(shows("?q=SEARCH").await, (false, true));
    assert_eq!(shows("?turn=person").await, (true, false));
    assert_eq!(shows("?turn=platform").await, (false, true));
    assert_eq!(shows("?kind=drill").await, (false, false));
    let page = site.get("?q=%3Cscript%3E", None).await;
    assert!(page.has("value=\"&#60;script&#62;\"") && page.has("0 of 2 releases"));
}

#[tokio::test]
async fn the_overview_keeps_up_with_a_release() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    assert!(site.get("", None).await.has("approvals: 0 of 1"));
    site.does("user:bo", "checkout-241", Action::ApprovePlan).await;
    // The list of heads is asked for again after a fifth of a second.
    let waited = async {
        while !site.get("", None).await.has("the staging deployment") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(5), waited).await.unwrap();
}

#[tokio::test]
async fn artifacts_and_records_are_there_as_text_and_data() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    let plan = site.get("/releases/checkout-241/artifacts/plan.txt", None).await;
    assert!(plan.text.starts_with("Plan of checkout-241"), "{}", plan.text);
    let plan = site.get("/releases/checkout-241/artifacts/plan.json", None).await;
    let data: serde_json::Value = serde_json::from_str(&plan.text).unwrap();
    assert_eq!(data["heading"]["release"], "checkout-241");
    assert_eq!(
        site.get("/releases/checkout-241/artifacts/rollback-log", None).await.status,
        StatusCode::NOT_FOUND
    );
    let record = site.get("/releases/checkout-241/records/0", None).await;
    assert!(record.has("plan_recorded") && record.has("&#34;seq&#34;:0"));
    assert_eq!(site.get("/releases/checkout-241/records/99", None).await.status, StatusCode::NOT_FOUND);
    let lines = site.get("/releases/checkout-241/record.jsonl", None).await;
    let stored = site.releases.journal().read(&"release:checkout-241".parse().unwrap(), 0, 9).await.unwrap();
    assert_eq!(lines.text.as_bytes(), [&stored[0][..], b"\n"].concat());
}

#[tokio::test]
async fn a_storyboard_file_stands_alone_and_is_the_same_every_time() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    let id = "checkout-241".parse().unwrap();
    let mut release = Release::new(id);
    let records = site.releases.refresh(&mut release).await.unwrap();
    let history = History::new(&release, &records, release.last_at());
    let file = storyboard_file(&history);
    assert_eq!(file, storyboard_file(&history));
    for foreign in ["<script", "http-equiv=\"refresh", "src=", "<form", "href=\"/", "@import", "url("] {
        assert!(!file.contains(foreign), "{foreign}");
    }
    assert!(file.contains("style-src 'sha256-"));
    assert!(site.get("/releases/checkout-241/storyboard.html", None).await.has("style-src 'sha256-"));
}

#[tokio::test]
async fn what_stops_a_release_does_not_look_like_what_takes_it_back() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let page = site.get("/releases/checkout-241", Some("user:oli")).await;
    assert!(page.has("class=\"button pause\" href=\"/board/releases/checkout-241/act/hold\""));
    let style = site.get("/style.css", None).await;
    let colour = |class: &str| {
        let rule = style.text.split_once(&format!(".button.{class}, button.{class} {{")).unwrap().1;
        rule.split('}').next().unwrap().to_owned()
    };
    assert_ne!(colour("pause"), colour("back"));
}

#[tokio::test]
async fn a_complaint_and_a_hold_are_on_the_page() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    site.does("user:oli", "checkout-241", Action::Hold { reason: text("odd log lines") }).await;
    let page = site.get("/releases/checkout-241", None).await;
    assert!(page.has("<strong>Held</strong> by user:oli") && page.has("odd log lines"));
}
