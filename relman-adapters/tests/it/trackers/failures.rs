//! Every kind of failure, at every single request of a publication in turn.

use relman_adapters::tracker::publish;
use relman_core::port::Publication;
use tokio::time::timeout;

use super::{
    github::GitHubWorld,
    gitlab::GitLabWorld,
    jira::JiraWorld,
    server::{Asked, Fault},
    world::{AT_MOST, QUICK, World, before, whole},
};

/// Publishes a release as it was before, and then as it is, with one request of the second failing. Gives every
/// request of the second.
async fn second<W: World>(world: &W, fault: Option<(usize, Fault)>, first: &[Publication]) -> Vec<Asked> {
    for publication in first {
        publish(world.tracker(), publication, &QUICK).await.unwrap();
    }
    let before = world.server().count();
    if let Some((at, fault)) = fault {
        world.server().fail(at, fault);
    }
    let result = timeout(AT_MOST, publish(world.tracker(), &whole(), &QUICK)).await.unwrap();
    if let Err(error) = result {
        // What only a change can mend: somebody has changed it.
        let said = format!("{error:?}");
        assert!(!said.contains("hunter2"), "{said}");
        publish(world.tracker(), &whole(), &QUICK).await.unwrap();
    }
    world.server().asked().split_off(before)
}

/// Asserts that a failure at any request leaves what no failure leaves.
async fn leaves_no_trace<W: World>(fault: Fault) {
    for first in [&[][..], &[before()]] {
        let sound = W::start().await;
        let requests = second(&sound, None, first).await.len();
        let (shown, tally) = (sound.shown(), sound.tally());
        for at in 0..requests {
            let world = W::start().await;
            let asked = second(&world, Some((at, fault)), first).await;
            assert!(world.server().has_failed(), "{fault:?} at request {at} did not come to pass");
            let what =
                format!("{fault:?} at request {at} of {requests}, {} {}", asked[at].method, asked[at].path);
            assert_eq!(world.shown(), shown, "{what}");
            assert_eq!(world.tally(), tally, "{what}");
            world.server().assert_as_described();
        }
    }
}

macro_rules! failures {
    ($($module:ident: $world:ty),*) => { $(
        mod $module {
            use super::*;

            #[tokio::test]
            async fn an_answer_lost_at_any_request_leaves_one_of_each() {
                leaves_no_trace::<$world>(Fault::LostAfter).await;
            }

            #[tokio::test]
            async fn a_gateway_without_an_answer_leaves_one_of_each() {
                leaves_no_trace::<$world>(Fault::GatewayTimeoutAfter).await;
            }

            #[tokio::test]
            async fn an_error_of_the_server_after_it_was_done_leaves_one_of_each() {
                leaves_no_trace::<$world>(Fault::ErrorAfter).await;
            }

            #[tokio::test]
            async fn a_connection_that_breaks_before_is_survived() {
                leaves_no_trace::<$world>(Fault::LostBefore).await;
            }

            #[tokio::test]
            async fn half_an_upload_is_made_whole() {
                leaves_no_trace::<$world>(Fault::Half).await;
            }

            #[tokio::test]
            async fn a_server_that_is_busy_is_asked_again() {
                leaves_no_trace::<$world>(Fault::Throttled).await;
                leaves_no_trace::<$world>(Fault::Status(503)).await;
            }

            #[tokio::test]
            async fn silence_after_it_was_done_leaves_one_of_each() {
                silence::<$world>().await;
            }

            #[tokio::test]
            async fn every_described_error_is_survived() {
                described_errors::<$world>().await;
            }
        }
    )* };
}

failures!(github: GitHubWorld, gitlab: GitLabWorld, jira: JiraWorld);

/// The worlds of one tracker beside one another: each waits for its time-out.
async fn silence<W: World>() {
    let sound = W::start().await;
    let requests = second(&sound, None, &[]).await.len();
    let one = |at: usize| {
        let (shown, tally) = (sound.shown(), sound.tally());
        async move {
            let world = W::start().await;
            let asked = second(&world, Some((at, Fault::SilentAfter)), &[]).await;
            let what = format!("silence at request {at}, {} {}", asked[at].method, asked[at].path);
            assert!(world.server().has_failed(), "{what}");
            assert_eq!((world.shown(), world.tally()), (shown, tally), "{what}");
        }
    };
    futures::future::join_all((0..requests).map(one)).await;
}

/// Each error that the official description names for a request, at that request.
async fn described_errors<W: World>() {
    let sound = W::start().await;
    let asked = second(&sound, None, &[before()]).await;
    let (shown, tally) = (sound.shown(), sound.tally());
    for (at, request) in asked.iter().enumerate() {
        for status in sound.server().errors(request) {
            let world = W::start().await;
            second(&world, Some((at, Fault::Status(status))), &[before()]).await;
            // A file of before that was said to be gone already is taken away by the next publication.
            publish(world.tracker(), &whole(), &QUICK).await.unwrap();
            let what = format!("{status} at request {at}, {} {}", request.method, request.path);
            assert_eq!(world.shown(), shown, "{what}");
            assert_eq!(world.tally(), tally, "{what}");
        }
    }
}
