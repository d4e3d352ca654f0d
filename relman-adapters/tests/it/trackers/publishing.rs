//! What the trackers have each for itself, and what has to be configured.

use std::sync::Arc;

use relman_adapters::{
    secret::Secret,
    tracker::{
        github::{GitHub, GitHubConfig},
        gitlab::{GitLab, GitLabConfig},
        jira::{Jira, JiraConfig, Transitions},
        publish, publish_everywhere,
    },
};
use relman_core::{
    port::{Asset, PhaseState, PhaseStatus, PortErrorKind, Publication, Retry, Standing, Subject, Tracker},
    unit::Span,
};
use serde_json::json;

use super::{
    github::GitHubWorld,
    gitlab::GitLabWorld,
    jira::JiraWorld,
    server::Fault,
    world::{QUICK, TIMEOUT, TOKEN, World, before, head, subject, token, whole},
};

fn with_standing(standing: Standing) -> Publication {
    Publication::new(subject(), head(50), "checkout 2.41.0", "The end.", standing)
}

/// More of everything than there is on a page.
fn many() -> Publication {
    (0..12).fold(with_standing(Standing::UnderWay), |publication, number| {
        let mut note = whole().notes()[0].clone();
        note.key = format!("note-{number}").parse().unwrap();
        publication
            .with_phase(PhaseStatus::new(
                format!("step-{number}").parse().unwrap(),
                PhaseState::Passed,
                "Clean",
            ))
            .with_note(note)
            .with_asset(Asset::new(
                format!("part-{number}.txt").parse().unwrap(),
                "text/plain",
                format!("part {number}").into_bytes(),
            ))
    })
}

async fn is_read_to_the_end<W: World>() {
    let world = W::start().await;
    publish(world.tracker(), &many(), &QUICK).await.unwrap();
    let (shown, tally) = (world.shown(), world.tally());
    assert_eq!(shown.assets.len(), 12);
    let before = world.server().count();
    publish(world.tracker(), &many(), &QUICK).await.unwrap();
    assert_eq!((world.shown(), world.tally()), (shown, tally));
    let writes = world.server().asked().split_off(before);
    let writes: Vec<_> =
        writes.iter().filter(|asked| asked.method != "GET" && !asked.path.ends_with("/search/jql")).collect();
    assert!(writes.is_empty(), "{writes:?}");
    world.server().assert_as_described();
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_to_the_end() {
    is_read_to_the_end::<GitHubWorld>().await;
    is_read_to_the_end::<GitLabWorld>().await;
    is_read_to_the_end::<JiraWorld>().await;
}

async fn is_refused_once<W: World>() {
    let world = W::start().await;
    world.server().fail(0, Fault::Status(401));
    let error = publish(world.tracker(), &whole(), &QUICK).await.unwrap_err();
    assert_eq!((error.problem.kind(), world.server().count()), (PortErrorKind::Unauthorized, 1), "{error:?}");
    assert_eq!(error.to_string(), "failed to publish checkout-241");
    assert!(!format!("{error:?}").contains(TOKEN));
}

#[tokio::test]
async fn a_token_that_is_refused_is_not_tried_again() {
    is_refused_once::<GitHubWorld>().await;
    is_refused_once::<GitLabWorld>().await;
    is_refused_once::<JiraWorld>().await;
}

#[tokio::test]
async fn a_rate_limit_says_how_long_to_wait() {
    let world = GitHubWorld::start().await;
    world.server().fail(1, Fault::RateLimited);
    let error = world.tracker().publish(&whole()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Throttled);
    let Retry::After(wait) = error.retry() else { panic!("{error:?}") };
    assert!(wait >= Span::from_secs(25) && wait <= Span::from_secs(35), "{wait}");
}

#[tokio::test]
async fn a_rate_limit_that_is_said_in_words_alone_is_waited_for() {
    let world = GitHubWorld::start().await;
    world.server().fail(1, Fault::SecondaryLimit);
    let error = world.tracker().publish(&whole()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.retry()),
        (PortErrorKind::Throttled, Retry::After(Span::from_minutes(1))),
        "{error}"
    );
    // Any other refusal stays one.
    world.server().fail(0, Fault::Status(403));
    let error = world.tracker().publish(&whole()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unauthorized, Retry::Never), "{error}");
}

#[tokio::test]
async fn a_status_that_somebody_else_is_changing_is_set_afterwards() {
    let sound = GitLabWorld::start().await;
    publish(sound.tracker(), &whole(), &QUICK).await.unwrap();
    let sets = |(at, asked): (usize, &super::server::Asked)| {
        (asked.method == "POST" && asked.path.contains("/statuses/")).then_some(at)
    };
    let at = sound.server().asked().iter().enumerate().find_map(sets).unwrap();
    let world = GitLabWorld::start().await;
    world.server().fail(at, Fault::Status(409));
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    assert!(world.server().has_failed());
    assert_eq!((world.shown(), world.tally()), (sound.shown(), sound.tally()));
}

async fn repeats_nothing<W: World>(sent: &str) {
    let world = W::start().await;
    world.server().fail(0, Fault::Echo);
    let error = world.tracker().publish(&whole()).await.unwrap_err();
    let said = format!("{error} {error:?}");
    assert!(said.contains("refused: ") && !said.contains(sent) && !said.contains(TOKEN), "{said}");
}

#[tokio::test]
async fn credentials_that_a_server_repeats_are_not_in_the_error() {
    repeats_nothing::<GitHubWorld>(TOKEN).await;
    repeats_nothing::<GitLabWorld>(TOKEN).await;
    repeats_nothing::<JiraWorld>(&super::jira::basic()).await;
}

#[tokio::test]
async fn a_tag_that_is_not_there_has_to_be_pushed() {
    let missing = Subject::new(subject().release, "v9.0.0".parse().unwrap());
    let publication = Publication::new(missing, head(1), "checkout", "text", Standing::UnderWay);
    let (github, gitlab) = (GitHubWorld::start().await, GitLabWorld::start().await);
    for tracker in [github.tracker(), gitlab.tracker()] {
        let error = tracker.publish(&publication).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
        assert!(error.to_string().contains("push the tag first"), "{error}");
    }
    assert!(github.state().releases.is_empty() && gitlab.state().releases.is_empty());
}

async fn shows_the_latest_words<W: World>() {
    let world = W::start().await;
    for (seq, share) in [(20, "10 %"), (21, "50 %")] {
        let phase =
            PhaseStatus::new("release".parse().unwrap(), PhaseState::UnderWay, format!("Exposed to {share}"));
        let publication =
            Publication::new(subject(), head(seq), "checkout", "Under way.", Standing::UnderWay);
        publish(world.tracker(), &publication.with_phase(phase), &QUICK).await.unwrap();
    }
    let shown = format!("{:?}", world.shown());
    assert!(shown.contains("Exposed to 50 %"), "{shown}");
}

#[tokio::test]
async fn a_phase_that_is_under_way_shows_its_latest_words() {
    shows_the_latest_words::<GitHubWorld>().await;
    shows_the_latest_words::<GitLabWorld>().await;
    shows_the_latest_words::<JiraWorld>().await;
}

#[tokio::test]
async fn what_a_body_leaves_open_does_not_hide_the_head() {
    let body = "<!-- not ended";
    let publication = Publication::new(subject(), head(9), "checkout", body, Standing::UnderWay);
    let world = GitHubWorld::start().await;
    publish(world.tracker(), &publication, &QUICK).await.unwrap();
    let text = world.state().releases[0]["body"].as_str().unwrap().to_owned();
    let (head, comment) = (text.find(&format!("head `{}`", head(9).digest)), text.find(body));
    assert!(
        head.unwrap() < comment.unwrap() && text.contains("<!-- not ended\n-->\n<!-- relman:end"),
        "{text}"
    );
}

#[tokio::test]
async fn text_that_looks_like_a_marker_is_only_text() {
    let body = "<!-- relman:end checkout-241 --> and <!-- relman:begin relman checkout-241 BODY 99 00 -->";
    let publication = Publication::new(subject(), head(9), "checkout", body, Standing::UnderWay);
    let world = GitHubWorld::start().await;
    for _ in 0..3 {
        let published = publish(world.tracker(), &publication, &QUICK).await.unwrap();
        assert_eq!(world.tracker().find(&subject()).await.unwrap(), Some(published));
    }
    let body = world.state().releases[0]["body"].as_str().unwrap().to_owned();
    assert_eq!(
        (body.matches("<!-- relman:begin ").count(), body.matches("<!-- relman:end ").count()),
        (1, 1)
    );
}

#[tokio::test]
async fn a_release_is_only_the_latest_one_when_it_is_completed() {
    let world = GitHubWorld::start().await;
    for (standing, prerelease) in
        [(Standing::UnderWay, true), (Standing::RolledBack, true), (Standing::Completed, false)]
    {
        publish(world.tracker(), &with_standing(standing), &QUICK).await.unwrap();
        assert_eq!(world.state().releases[0]["prerelease"], json!(prerelease), "{standing}");
    }
}

#[tokio::test]
async fn old_files_stay_where_the_token_may_not_take_them_away() {
    let world = GitLabWorld::start().await;
    world.state().may_delete = false;
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    let files = world.state().files.len();
    assert_eq!((files, world.shown().assets.len()), (3, 2));
}

#[tokio::test]
async fn one_snapshot_is_asked_for_when_a_release_is_over() {
    let world = GitLabWorld::start().await;
    let snapshots = |world: &GitLabWorld| {
        world.tally().into_iter().find_map(|(what, count)| (what == "evidences").then_some(count)).unwrap()
    };
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    // Some servers take none at the beginning.
    world.state().releases[0]["evidences"] = json!([]);
    for _ in 0..3 {
        // GitLab has not shown it yet at the second, and there is no need to look.
        publish(world.tracker(), &whole(), &QUICK).await.unwrap();
        assert_eq!(snapshots(&world), 1);
    }
    // Nor where the token may not see any.
    world.state().releases[0].as_object_mut().unwrap().remove("evidences");
    publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    let asks = |asked: &&super::server::Asked| asked.method == "POST" && asked.path.ends_with("/evidence");
    assert_eq!(world.server().asked().iter().filter(asks).count(), 1);
}

#[tokio::test]
async fn the_issue_of_a_release_is_put_away_when_it_is_over() {
    let world = JiraWorld::start().await;
    publish(world.tracker(), &with_standing(Standing::UnderWay), &QUICK).await.unwrap();
    assert_eq!(world.status_of("relman/checkout-241"), "To Do");
    publish(world.tracker(), &with_standing(Standing::Completed), &QUICK).await.unwrap();
    assert_eq!(world.status_of("relman/checkout-241"), "Done");
    assert_eq!(world.state().versions[0]["released"], json!(true));

    let world = JiraWorld::start().await;
    let nowhere = Transitions { aborted: Some("Archived".to_owned()), ..Transitions::default() };
    let tracker = Jira::builder(world.server().address(), "SHOP", token())
        .account("bot@example.org")
        .transitions(nowhere)
        .settle(Span::from_millis(60))
        .timeout(TIMEOUT)
        .build()
        .unwrap();
    let error = tracker.publish(&with_standing(Standing::Aborted)).await.unwrap_err().to_string();
    assert!(
        error.contains(
            "no transition leads from To Do to Archived; there are transitions to In Progress, Done"
        ),
        "{error}"
    );
    assert!(world.state().versions[0]["released"] == json!(false));
}

#[tokio::test]
async fn an_issue_that_was_deleted_is_made_again() {
    let world = JiraWorld::start().await;
    publish(world.tracker(), &before(), &QUICK).await.unwrap();
    world.state().issues.clear();
    assert_eq!(world.tracker().find(&subject()).await.unwrap(), None);
    let published = publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    assert_eq!(world.tracker().find(&subject()).await.unwrap(), Some(published));
    assert_eq!(world.shown().copies.len(), 1);
}

#[tokio::test]
async fn a_tracker_that_fails_does_not_keep_the_others_from_it() {
    let world = GitHubWorld::start().await;
    let tracker = |address: &str| {
        let builder = GitHub::builder("acme/checkout", token()).server(address, address).timeout(TIMEOUT);
        Arc::new(builder.build().unwrap()) as Arc<dyn Tracker>
    };
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let trackers = [tracker(&format!("http://{gone}")), tracker(world.server().address())];
    let published = publish_everywhere(&trackers, &whole(), &QUICK).await;
    assert_eq!(published[0].as_ref().unwrap_err().problem.kind(), PortErrorKind::Unavailable);
    assert_eq!(published[1].as_ref().unwrap().head, whole().head());
}

#[test]
fn a_file_describes_all_of_it() {
    let token = "token = { env = \"CARGO_PKG_NAME\" }\n";
    let github: GitHubConfig = toml::from_str(&format!("repository = \"acme/checkout\"\n{token}")).unwrap();
    let shown = format!("{:?}", GitHub::from_config(&github).unwrap());
    assert!(shown.contains("acme/checkout") && !shown.contains("relman-adapters"), "{shown}");
    assert_eq!(github.api, "https://api.github.com");

    let text = format!("project = \"acme/checkout\"\nevidence = \"when_over\"\ntimeout = \"5s\"\n{token}");
    let gitlab: GitLabConfig = toml::from_str(&text).unwrap();
    let shown = format!("{:?}", GitLab::from_config(&gitlab).unwrap());
    assert!(shown.contains("WhenOver") && !shown.contains("relman-adapters"), "{shown}");

    let text = format!(
        "site = \"https://acme.atlassian.net\"\nproject = \"SHOP\"\naccount = \"bot@example.org\"\n\
         transitions = {{ completed = \"Done\" }}\nsettle = \"2m\"\n{token}"
    );
    let jira: JiraConfig = toml::from_str(&text).unwrap();
    let shown = format!("{:?}", Jira::from_config(&jira).unwrap());
    assert!(shown.contains("SHOP") && !shown.contains("relman-adapters"), "{shown}");
}

#[test]
fn what_is_wrong_in_a_configuration_is_named() {
    let error =
        |result: Result<String, relman_adapters::tracker::TrackerError>| result.unwrap_err().to_string();
    let shown = |tracker: GitHub| format!("{tracker:?}");
    assert_eq!(
        error(GitHub::builder("checkout", token()).build().map(shown)),
        "failed to set up github: `repository`: it is \"checkout\" and has to be owner/name"
    );
    let plain = "http://github.example.org/api/v3";
    let message = error(GitHub::builder("a/b", token()).server(plain, plain).build().map(shown));
    assert!(message.starts_with("failed to set up github: `api`: it is plain http"), "{message}");
    let message = error(GitLab::builder(" ", token()).build().map(|tracker| format!("{tracker:?}")));
    assert!(message.contains("`project`: it is empty"), "{message}");
    let message = error(
        GitLab::builder("a/b", Secret::new("two\nlines")).build().map(|tracker| format!("{tracker:?}")),
    );
    assert!(message.contains("`token`: it holds characters") && !message.contains("lines"), "{message}");
    let message = error(
        Jira::builder("https://a.example.org", "MY SHOP", token())
            .build()
            .map(|tracker| format!("{tracker:?}")),
    );
    assert!(message.contains("has to be a project's key"), "{message}");
}
