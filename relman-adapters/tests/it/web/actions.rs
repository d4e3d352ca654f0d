//! What people do on the pages, and what they are told when they can't.

use axum::http::StatusCode;
use relman_core::{event::Event, event::Record, machine::Action};

use super::site::{Page, Site, text};

const APPROVE: &str = "/releases/checkout-241/act/approve";

async fn last_event(site: &Site) -> Event {
    let (id, records) = ("release:checkout-241".parse().unwrap(), site.records("checkout-241").await);
    let lines = site.releases.journal().read(&id, records - 1, 1).await.unwrap();
    Record::read(&lines[0]).unwrap().event
}

/// A form as a person sends it back.
fn fields<'a>(shown: &'a str, token: &'a str, more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [("shown", shown), ("token", token)].into_iter().chain(more.iter().copied()).collect()
}

async fn sends(site: &Site, path: &str, who: &str, page: &Page, more: &[(&str, &str)]) -> Page {
    site.post(path, who, &fields(&page.hidden("shown"), &page.hidden("token"), more)).await
}

#[tokio::test]
async fn an_approval_on_a_current_page_is_recorded() {
    let site = Site::new();
    site.plans("checkout-241").await;
    assert!(site.get("/releases/checkout-241", Some("user:bo")).await.has("act/approve\">Approve the plan"));
    let page = site.get(APPROVE, Some("user:bo")).await;
    assert!(page.has("Approve the plan of checkout-241 as user:bo"));
    let answer = sends(&site, APPROVE, "user:bo", &page, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.location.as_deref(), Some("/board/releases/checkout-241"));
    assert!(matches!(last_event(&site).await, Event::StagingStarted(_)));
}

#[tokio::test]
async fn an_approval_from_a_stale_page_is_refused_with_the_reason_and_what_has_happened() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let page = site.get(APPROVE, Some("user:bo")).await;
    site.revises("checkout-241").await;
    let answer = sends(&site, APPROVE, "user:bo", &page, &[]).await;
    assert_eq!(answer.status, StatusCode::CONFLICT);
    assert!(
        answer.has("checkout-241 has changed since that was shown: it was at record 0"),
        "{}",
        answer.text
    );
    assert!(answer.has("What happened since that page was made") && answer.has("A revised title"));
    assert_eq!(site.records("checkout-241").await, 2, "nothing was recorded");
    // The page that was refused shows what is true now, and its form holds for that.
    let answer = sends(&site, APPROVE, "user:bo", &answer, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_actor_without_the_role_sees_why() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let why = "user:oli may not approve: that takes one of the roles approver";
    let page = site.get("/releases/checkout-241", Some("user:oli")).await;
    assert!(page.has(why) && !page.has("act/approve\">"));
    let page = site.get(APPROVE, Some("user:oli")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has(why) && !page.has("<form"));
    let author = site.get(APPROVE, Some("user:ana")).await;
    assert!(author.has("user:ana is an author of the plan") || author.has("user:ana may not approve"));
    let stranger = site.get(APPROVE, Some("user:mallory")).await;
    assert!(stranger.has("user:mallory is unknown to the directory"));
}

#[tokio::test]
async fn nobody_acts_without_signing_in() {
    let site = Site::new();
    site.plans("checkout-241").await;
    assert!(site.get(APPROVE, None).await.has("sign in to act on a release"));
    let read_only = Site::read_only();
    read_only.plans("checkout-241").await;
    let page = read_only.get(APPROVE, Some("user:bo")).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert!(page.has("these pages are read-only"));
    let answer = read_only.post(APPROVE, "user:bo", &[("shown", "0:00"), ("token", "00")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(read_only.records("checkout-241").await, 1);
}

#[tokio::test]
async fn a_form_that_these_pages_did_not_make_for_this_person_is_refused() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let page = site.get(APPROVE, Some("user:bo")).await;
    let (shown, token) = (page.hidden("shown"), page.hidden("token"));
    let hold = site.get("/releases/checkout-241/act/hold", Some("user:bo")).await.hidden("token");
    let other_head = format!("1:{}", "0".repeat(64));
    let same = [("sec-fetch-site", "same-origin")];
    let attempts = [
        ("user:bo", &shown[..], "", &same[..]),
        ("user:bo", &shown, &hold, &same),
        ("user:cy", &shown, &token, &same),
        ("user:bo", &other_head, &token, &same),
        ("user:bo", "nonsense", &token, &same),
        ("user:bo", &shown, &token, &[("sec-fetch-site", "cross-site")]),
        ("user:bo", &shown, &token, &[("origin", "https://evil.example"), ("host", "127.0.0.1")]),
    ];
    for (who, shown, token, headers) in attempts {
        let answer = site.post_with(APPROVE, who, &fields(shown, token, &[]), headers).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{who} {shown} {headers:?}");
    }
    assert_eq!(site.records("checkout-241").await, 1);
}

#[tokio::test]
async fn holding_does_not_wait_until_a_page_is_current() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let path = "/releases/checkout-241/act/hold";
    let page = site.get(path, Some("user:oli")).await;
    site.revises("checkout-241").await;
    let answer = sends(&site, path, "user:oli", &page, &[("reason", "odd log lines\r\nin the basket")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
    let Event::HoldPlaced(placed) = last_event(&site).await else { panic!("a hold") };
    assert_eq!(placed.reason.to_string(), "odd log lines\nin the basket");
}

#[tokio::test]
async fn resuming_is_done_on_what_was_shown() {
    let site = Site::new();
    site.plans("checkout-241").await;
    site.does("user:oli", "checkout-241", Action::Hold { reason: text("odd log lines") }).await;
    let path = "/releases/checkout-241/act/resume";
    let page = site.get(path, Some("user:ana")).await;
    assert!(page.has("odd log lines"), "the page shows what is decided on");
    site.revises("checkout-241").await;
    let stale = sends(&site, path, "user:ana", &page, &[("reason", "a probe")]).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert!(stale.has("a probe</textarea>"), "what somebody wrote is kept");
    let answer = sends(&site, path, "user:ana", &stale, &[("reason", "a probe")]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert!(matches!(last_event(&site).await, Event::HoldReleased(_)));
}

#[tokio::test]
async fn an_empty_reason_is_asked_for_again() {
    let site = Site::new();
    site.plans("checkout-241").await;
    let path = "/releases/checkout-241/act/hold";
    let page = site.get(path, Some("user:oli")).await;
    let answer = sends(&site, path, "user:oli", &page, &[("reason", "  ")]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer.has("it is empty") && answer.has("<form"));
    assert_eq!(site.records("checkout-241").await, 1);
}
