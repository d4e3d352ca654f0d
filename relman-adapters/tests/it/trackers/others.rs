//! What belongs to other people, or to another release of the same version, stays theirs.

use relman_adapters::tracker::publish;
use relman_core::port::{PortErrorKind, Publication, Retry, Standing, Subject};
use serde_json::json;

use super::{
    github::GitHubWorld,
    gitlab::GitLabWorld,
    jira::JiraWorld,
    world::{QUICK, World, before, head, subject, whole},
};

/// A release under way, without any parts.
fn bare() -> Publication {
    Publication::new(subject(), head(50), "checkout 2.41.0", "Under way.", Standing::UnderWay)
}

#[tokio::test]
async fn a_release_of_somebody_else_keeps_its_name_and_marks() {
    let world = GitHubWorld::start().await;
    let theirs = json!({
        "id": 7, "tag_name": "v2.41.0", "name": "Summer", "body": "Notes by people.", "prerelease": false,
        "html_url": "https://github.com/acme/checkout/releases/tag/v2.41.0",
    });
    world.state().releases.push(theirs);
    assert_eq!(world.tracker().find(&subject()).await.unwrap(), None);
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    let release = world.state().releases[0].clone();
    assert_eq!((&release["name"], &release["prerelease"]), (&json!("Summer"), &json!(false)));
    let body = release["body"].as_str().unwrap();
    assert!(body.starts_with("Notes by people.\n\n<!-- relman:begin relman checkout-241 BODY 41 "), "{body}");
    assert!(body.ends_with("<!-- relman:end checkout-241 -->"), "{body}");
}

#[tokio::test]
async fn a_release_that_somebody_made_without_a_text_keeps_its_name() {
    let world = GitHubWorld::start().await;
    let theirs = json!({
        "id": 7, "tag_name": "v2.41.0", "name": "Summer", "body": null, "prerelease": false,
        "html_url": "https://github.com/acme/checkout/releases/tag/v2.41.0",
    });
    world.state().releases.push(theirs);
    for publication in [before(), whole(), whole()] {
        publish(world.tracker(), &publication, &QUICK).await.unwrap();
        let release = world.state().releases[0].clone();
        assert_eq!((&release["name"], &release["prerelease"]), (&json!("Summer"), &json!(false)));
    }
}

/// The first release of a version was taken back, and another one brings it.
async fn is_named_by_the_later_one<W: World>() {
    let world = W::start().await;
    let later = Publication::new(
        Subject::new("checkout-242".parse().unwrap(), subject().tag),
        head(3),
        "checkout 2.41.0, again",
        "Once more.",
        Standing::Completed,
    );
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    for publication in [&later, &whole(), &later, &whole()] {
        publish(world.tracker(), publication, &QUICK).await.unwrap();
        let shown = world.shown().copies;
        assert!(shown.len() == 1 && shown[0].starts_with("checkout 2.41.0, again\n"), "{shown:?}");
    }
    assert!(world.shown().copies[0].contains(whole().body().trim_end()));
}

#[tokio::test]
async fn the_latest_of_several_releases_of_a_version_names_it() {
    is_named_by_the_later_one::<GitHubWorld>().await;
    is_named_by_the_later_one::<GitLabWorld>().await;
}

#[tokio::test]
async fn the_marks_stay_those_of_the_latest_release_of_a_version() {
    let world = GitHubWorld::start().await;
    let later = Subject::new("checkout-242".parse().unwrap(), subject().tag);
    let later = Publication::new(later, head(3), "checkout", "Once more.", Standing::Completed);
    for publication in [&before(), &later, &whole()] {
        publish(world.tracker(), publication, &QUICK).await.unwrap();
    }
    assert_eq!(world.state().releases[0]["prerelease"], json!(false));
}

#[tokio::test]
async fn where_other_people_left_no_room_nothing_is_written() {
    let full_but_for = |chars: usize| {
        json!({
            "id": 7, "tag_name": "v2.41.0", "name": "Summer", "body": "x".repeat(125_000 - chars), "prerelease": false,
            "html_url": "https://github.com/acme/checkout/releases/tag/v2.41.0",
        })
    };
    let long = "word ".repeat(2_000);
    let publication = Publication::new(subject(), head(9), "checkout", long, Standing::UnderWay);
    let world = GitHubWorld::start().await;
    world.state().releases.push(full_but_for(1_000));
    publish(world.tracker(), &publication, &QUICK).await.unwrap();

    let world = GitHubWorld::start().await;
    world.state().releases.push(full_but_for(500));
    let error = world.tracker().publish(&publication).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
    assert!(error.to_string().contains("what other people wrote leaves 0 characters"), "{error}");
    assert_eq!(world.state().releases, [full_but_for(500)]);
}

#[tokio::test]
async fn a_file_of_somebody_else_is_not_taken_away() {
    // A person who attaches a file in the browser gives it no label.
    for label in [json!("Our own"), json!(""), json!(null)] {
        let world = GitHubWorld::start().await;
        publish(world.tracker(), &bare(), &QUICK).await.unwrap();
        let release = world.state().releases[0]["id"].as_u64().unwrap();
        let theirs = json!({
            "id": 99, "name": "checkout-241.record.jsonl", "label": label, "state": "uploaded", "size": 3, "digest": null,
        });
        world.state().assets.push((release, theirs, b"abc".to_vec()));
        let later = whole().assets().iter().fold(bare(), |all, asset| all.with_asset(asset.clone()));
        let error = world.tracker().publish(&later).await.unwrap_err();
        assert!(
            error
                .to_string()
                .contains("there is a file checkout-241.record.jsonl that relman did not upload: rename it"),
            "{error}"
        );
        assert_eq!(world.state().assets[0].2, b"abc");
    }
}

#[tokio::test]
async fn a_copy_that_was_turned_into_a_draft_is_found_again() {
    let world = GitHubWorld::start().await;
    let draft = |number: u64, body: &str| {
        json!({
            "id": 1000 + number, "tag_name": "v2.41.0", "name": "Draft", "body": body, "prerelease": false, "draft": true,
            "html_url": "https://github.com/acme/checkout/releases/tag/untagged-1",
        })
    };
    // More of them than there are on a page, all before the copy.
    world.state().releases.extend((0..7).map(|number| draft(number, "Notes of a person.")));
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    world.state().releases[7]["draft"] = json!(true);
    let published = publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    assert_eq!(world.tracker().find(&subject()).await.unwrap(), Some(published));
    let releases = world.state().releases.clone();
    assert_eq!(releases.len(), 8);
    assert_eq!((&releases[7]["draft"], &releases[0]["body"]), (&json!(true), &json!("Notes of a person.")));
}

#[tokio::test]
async fn what_people_write_into_a_post_mortem_stays() {
    let world = JiraWorld::start().await;
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    let post_mortem = |world: &JiraWorld| {
        let state = world.state();
        state
            .issues
            .iter()
            .position(|issue| issue.fields["labels"][0] == "relman/checkout-241/post-mortem-1")
            .unwrap()
    };
    let at = post_mortem(&world);
    world.state().issues[at].fields["summary"] = json!("Mine");
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    assert_eq!(world.state().issues[at].fields["summary"], "Mine");
    // Its key is noted in the version, so it is found although nobody searches.
    let noted = world.state().versions[0]["description"].as_str().unwrap().to_owned();
    assert!(noted.contains("relman checkout-241 post-mortem/post-mortem-1: SHOP-"), "{noted}");
}
