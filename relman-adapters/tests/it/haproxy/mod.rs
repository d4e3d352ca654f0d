//! The HAProxy deployer before a real HAProxy, and before things that are none.

mod conformance;
mod driven;
mod situations;
mod world;

use std::collections::BTreeMap;

use self::world::{Relay, World, deploy_to, deployer_at, target, traffic};
use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
use relman_core::{
    port::{Deployer, Environment, PortErrorKind, Retry},
    unit::{Span, TrafficShare},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// The round robin is exact for each turn of all weights together. A change of weights falls into the middle of a
/// turn, and evening that out takes a few requests more or fewer.
const OFF_BY: usize = 5;

fn counts<const N: usize>(counts: [(&str, usize); N]) -> BTreeMap<String, usize> {
    counts.into_iter().map(|(server, count)| (server.to_owned(), count)).collect()
}

#[tokio::test]
async fn requests_land_where_the_share_says() {
    let Some(world) = World::start().await else { return };
    let address = deployer_at(Endpoint::Address(world.address));
    for deployer in [&world.deployer(), &address] {
        for (share, expected) in
            [("0%", 0), ("1%", 10), ("10%", 100), ("50%", 500), ("100%", 1_000), ("0%", 0)]
        {
            deployer.set_traffic(&traffic(share)).await.unwrap();
            let seen = deployer.observe(&target()).await.unwrap();
            assert_eq!(seen.canary_share.to_string(), share, "{}", seen.detail);
            let landed = world.send(1_000).await;
            let canary = landed.get("canary").copied().unwrap_or(0);
            assert_eq!(canary + landed.get("stable").copied().unwrap_or(0), 1_000, "{share}: {landed:?}");
            let off = if expected == 0 || expected == 1_000 { 0 } else { OFF_BY };
            assert!(canary.abs_diff(expected) <= off, "{share}: {landed:?}, {}", seen.detail);
        }
    }
}

#[tokio::test]
async fn on_the_way_up_the_canary_is_never_ahead_of_its_share() {
    let Some(world) = World::start().await else { return };
    let deployer = world.deployer();
    for (share, part) in [("1%", 0.01), ("5%", 0.05), ("10%", 0.1), ("25%", 0.25), ("50%", 0.5), ("1%", 0.01)]
    {
        deployer.set_traffic(&traffic(share)).await.unwrap();
        let (mut all, mut canary) = (0, 0);
        for _ in 0..23 {
            all += 20;
            canary += world.send(20).await.get("canary").copied().unwrap_or(0);
            assert!(canary as f64 <= f64::from(all) * part + 2.0, "{share}: {canary} of {all}");
        }
    }
}

#[tokio::test]
async fn what_is_observed_is_told_in_words() {
    let Some(world) = World::start().await else { return };
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("1%")).await.unwrap();
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.detail, "backend app: canary weight 1 (up), stable weight 99 (up)");
    world.tell("set server app/canary weight 0; set server app/stable weight 0").await;
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::ZERO);
    assert!(
        seen.detail.ends_with("; no server takes requests, so they are answered with 503"),
        "{}",
        seen.detail
    );
    assert_eq!(world.send(10).await, counts([("503", 10)]));
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.send(10).await, counts([("stable", 10)]));
}

#[tokio::test]
async fn weights_that_are_right_are_left_alone_and_others_change_in_the_safe_order() {
    let Some(world) = World::start().await else { return };
    let relay = Relay::before(&world);
    let deployer = deployer_at(Endpoint::Socket(relay.socket));
    let read = ["show servers state app", "show stat app 4 -1"];
    for (share, changes) in [
        ("0%", vec![]),
        ("1%", vec!["set server app/stable weight 99", "set server app/canary weight 1"]),
        ("1%", vec![]),
        ("10%", vec!["set server app/canary weight 11"]),
        ("50%", vec!["set server app/canary weight 99"]),
        ("5%", vec!["set server app/canary weight 6", "set server app/stable weight 114"]),
        // As it was found.
        ("0%", vec!["set server app/canary weight 0", "set server app/stable weight 1"]),
        ("0%", vec![]),
    ] {
        deployer.set_traffic(&traffic(share)).await.unwrap();
        let commands = if changes.is_empty() { read.to_vec() } else { [&read[..], &changes, &read].concat() };
        assert_eq!(std::mem::take(&mut *relay.heard.lock().unwrap()), commands, "{share}");
    }
    // The same share in other numbers, as somebody may have written them, is right as well.
    world.tell("set server app/canary weight 2; set server app/stable weight 18").await;
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    assert_eq!(*relay.heard.lock().unwrap(), read);
}

#[tokio::test]
async fn a_canary_that_is_not_up_gets_no_more_but_loses_what_it_has() {
    let Some(mut world) = World::start().await else { return };
    let deployer = world.deployer();
    deployer.deploy(&deploy_to(Environment::Production)).await.unwrap();
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    for (state, words) in [("maint", "in maintenance"), ("drain", "draining")] {
        world.tell(&format!("set server app/canary state {state}")).await;
        let error = deployer.set_traffic(&traffic("50%")).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));
        assert!(error.to_string().contains(&format!("server canary is {words}")), "{error}");
        let seen = deployer.observe(&target()).await.unwrap();
        assert_eq!(seen.canary_share, TrafficShare::ZERO, "{}", seen.detail);
        let error = deployer.deploy(&deploy_to(Environment::Production)).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));
    }
    world.tell("set server app/canary state ready").await;
    world.until_server("canary", "up").await;
    assert!(world.send(100).await["canary"].abs_diff(10) <= OFF_BY);
    world.stop("canary").await;
    let error = deployer.set_traffic(&traffic("50%")).await.unwrap_err();
    assert!(error.to_string().contains("server canary is down"), "{error}");
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.send(100).await, counts([("stable", 100)]));
}

#[tokio::test]
async fn a_baseline_that_is_down_does_not_hand_its_traffic_to_the_canary_unseen() {
    let Some(mut world) = World::start().await else { return };
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("1%")).await.unwrap();
    world.stop("stable").await;
    assert_eq!(deployer.observe(&target()).await.unwrap().canary_share, TrafficShare::FULL);
    for share in ["1%", "10%"] {
        let error = deployer.set_traffic(&traffic(share)).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::Unavailable);
        let message = format!(
            "servers stable is down, so the canary gets 100% of the traffic with the weights for {share}"
        );
        assert!(error.to_string().contains(&message), "{error}");
    }
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.send(10).await, counts([("503", 10)]));
}

#[tokio::test]
async fn what_users_get_is_told_from_what_is_set_and_why() {
    let Some(mut world) = World::start().await else { return };
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    let ten = TrafficShare::percent(10);
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!((seen.canary_share, seen.set_share), (ten, Some(ten)));
    assert_eq!((seen.canary.ready, seen.baseline.ready), (Some((1, 1)), Some((1, 1))));
    assert_eq!((seen.canary.trouble, seen.baseline.trouble), (None, None));
    for (state, words) in [("maint", "canary is in maintenance"), ("drain", "canary is draining")] {
        world.tell(&format!("set server app/canary state {state}")).await;
        let seen = deployer.observe(&target()).await.unwrap();
        assert_eq!((seen.canary_share, seen.set_share), (TrafficShare::ZERO, Some(ten)), "{state}");
        assert_eq!((seen.canary.ready, seen.canary.trouble.as_deref()), (Some((0, 1)), Some(words)));
        assert_eq!(world.send(20).await, counts([("stable", 20)]), "{state}");
    }
    world.tell("set server app/canary state ready").await;
    world.until_server("canary", "up").await;
    world.stop("stable").await;
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!((seen.canary_share, seen.set_share), (TrafficShare::FULL, Some(ten)));
    assert_eq!(
        (seen.baseline.ready, seen.baseline.trouble.as_deref()),
        (Some((0, 1)), Some("stable is down"))
    );
    assert_eq!(world.send(20).await, counts([("canary", 20)]));
}

#[tokio::test]
async fn a_slow_start_of_the_baseline_counts_as_far_as_it_has_come() {
    let Some(world) = World::start_with(&[("stable", "slowstart 60s")]).await else { return };
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    world.tell("set server app/stable state maint").await;
    world.tell("set server app/stable state ready").await;
    world.until_server("stable", "up").await;
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.set_share, Some(TrafficShare::percent(10)));
    assert!(seen.canary_share > TrafficShare::percent(30), "{seen:?}");
    let trouble = seen.baseline.trouble.unwrap();
    assert!(trouble.starts_with("stable is starting slowly, with a weight of "), "{trouble}");
    let canary = world.send(100).await.get("canary").copied().unwrap_or(0);
    assert!(canary > 30, "{canary} of 100 requests");
}

#[tokio::test]
async fn a_backup_server_takes_no_part_while_others_do() {
    let Some(world) = World::start_with(&[("spare", "backup")]).await else { return };
    world.until_server("spare", "up").await;
    world.tell("set server app/spare weight 100").await;
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("50%")).await.unwrap();
    let seen = deployer.observe(&target()).await.unwrap();
    let half = TrafficShare::percent(50);
    assert_eq!((seen.canary_share, seen.set_share), (half, Some(half)), "{}", seen.detail);
    let landed = world.send(1_000).await;
    assert!(landed["canary"].abs_diff(500) <= OFF_BY, "{landed:?}");
    deployer.set_traffic(&traffic("100%")).await.unwrap();
    assert_eq!(world.send(50).await, counts([("canary", 50)]));
}

#[tokio::test]
async fn other_servers_count_as_baseline() {
    let Some(world) = World::start().await else { return };
    world.until_server("spare", "up").await;
    world.tell("set server app/spare weight 100; set server app/stable weight 100").await;
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::percent(10));
    assert!(seen.detail.ends_with("; counted as baseline: spare weight 100 (up)"), "{}", seen.detail);
    assert!(world.send(1_000).await["canary"].abs_diff(100) <= OFF_BY);
    let error = deployer.set_traffic(&traffic("100%")).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Rejected);
    assert!(error.to_string().contains("other servers of the backend hold a weight of 100"), "{error}");
}

#[tokio::test]
async fn what_is_not_there_is_named_with_what_is() {
    let Some(world) = World::start().await else { return };
    let socket = Endpoint::Socket(world.socket.clone());
    let deployer = Haproxy::new(HaproxyConfig::new(socket.clone(), "app", "new", "stable").unwrap());
    for error in [
        deployer.observe(&target()).await.unwrap_err(),
        deployer.set_traffic(&traffic("1%")).await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), PortErrorKind::Rejected);
        let message =
            "there is no server new (`canary`) in the backend app; its servers: canary, stable, spare";
        assert!(error.to_string().contains(message), "{error}");
    }
    // What installs it may be about to add the server.
    let error = deployer.deploy(&deploy_to(Environment::Production)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));

    let deployer = Haproxy::new(HaproxyConfig::new(socket, "shop", "canary", "stable").unwrap());
    let error = deployer.observe(&target()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Rejected);
    assert!(error.to_string().ends_with("has no backend shop"), "{error}");

    let error = world.deployer().set_traffic(&traffic("0.38%")).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Rejected);
    assert!(error.to_string().contains("the smallest is 0.39%"), "{error}");

    let error = world.deployer().deploy(&deploy_to(Environment::Staging)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
}

#[tokio::test]
async fn a_socket_that_may_not_change_anything_is_told_apart() {
    let Some(world) = World::start().await else { return };
    let deployer = deployer_at(Endpoint::Socket(world.operator_socket.clone()));
    deployer.observe(&target()).await.unwrap();
    let error = deployer.set_traffic(&traffic("1%")).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unauthorized, "{error}");
    let error = deployer_at(Endpoint::Address(world.front)).observe(&target()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::InvalidAnswer, "{error}");
    let missing = world.path("no.sock");
    let error = deployer_at(Endpoint::Socket(missing.clone())).observe(&target()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));
    assert!(error.to_string().contains(missing.to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn silence_and_floods_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Endpoint::Address(listener.local_addr().unwrap());
    // The kernel accepts the connection; nobody answers.
    let config = HaproxyConfig::new(endpoint, "app", "canary", "stable").unwrap();
    let deployer = Haproxy::new(config.clone().with_time_limit(Span::from_millis(50)));
    let error = deployer.observe(&target()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::TimedOut);
    assert!(error.to_string().contains("did not answer within 50ms"), "{error}");
    drop(listener.accept().await.unwrap());

    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut line = [0; 64];
        let _ = stream.read(&mut line).await.unwrap();
        while stream.write_all(&[b'1'; 4096]).await.is_ok() {}
    });
    let error = Haproxy::new(config).observe(&target()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::InvalidAnswer);
    assert!(error.to_string().contains("answered more than 1048576 bytes"), "{error}");
}
