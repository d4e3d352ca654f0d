//! Events: a page hears of a change within a second.

use std::time::{Duration, Instant};

use axum::{body::Body, http::Request};
use http_body_util::BodyExt;
use relman_core::machine::Action;

use super::site::{MOUNT, Site};

/// The next event of a stream, as its data.
async fn next(body: &mut Body) -> String {
    loop {
        let frame = body.frame().await.unwrap().unwrap();
        let text = String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap();
        if let Some(data) = text.strip_prefix("data: ") {
            return data.trim().to_owned();
        }
    }
}

async fn listen(site: &Site, path: &str) -> Body {
    let request = Request::get(format!("{MOUNT}{path}")).body(Body::empty()).unwrap();
    let answer = site.send(request).await;
    assert_eq!(answer.headers().get("content-type").unwrap(), "text/event-stream");
    answer.into_body()
}

#[tokio::test]
async fn the_page_of_a_release_hears_of_a_record_within_a_second() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    let mut events = listen(&site, "/releases/checkout-241/events").await;
    assert!(next(&mut events).await.starts_with("0:"), "first the head as it is");
    let at = Instant::now();
    site.does("user:bo", "checkout-241", Action::ApprovePlan).await;
    assert!(next(&mut events).await.starts_with("3:"));
    assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
}

#[tokio::test]
async fn the_overview_hears_of_a_new_release_within_a_second() {
    let site = Site::read_only();
    site.plans("checkout-241").await;
    let mut events = listen(&site, "/events").await;
    let first = next(&mut events).await;
    let at = Instant::now();
    site.plans("checkout-242").await;
    assert_ne!(next(&mut events).await, first);
    assert!(at.elapsed() < Duration::from_secs(1), "{:?}", at.elapsed());
}
