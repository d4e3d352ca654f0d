//! Production as it is: groups of servers, cookies, agents, several processes, and a HAProxy that was started anew.

use std::collections::BTreeMap;

use relman_adapters::deployer::haproxy::{Endpoint, Haproxy, HaproxyConfig};
use relman_core::{
    port::{Deployer, Environment, PortErrorKind, Slot},
    unit::TrafficShare,
};
use tokio::{io::AsyncWriteExt, net::TcpListener};

use super::{
    OFF_BY, counts,
    world::{World, deploy_to, target, traffic},
};

/// Three stable servers of different size and one for the new version.
async fn three_and_one() -> Option<(World, Haproxy)> {
    let servers = [("s1", 100, ""), ("s2", 100, ""), ("s3", 50, ""), ("c1", 0, "")];
    let world = World::start_servers(&servers, "").await?;
    let socket = Endpoint::Socket(world.socket.clone());
    let config = HaproxyConfig::replacing(socket, "app", ["s*"], ["c1"]).unwrap();
    Some((world, Haproxy::new(config)))
}

fn to_canary(landed: &BTreeMap<String, usize>) -> usize {
    landed.get("c1").copied().unwrap_or(0)
}

#[tokio::test]
async fn three_stable_servers_and_one_canary_reach_every_share_and_are_put_back() {
    let Some((world, deployer)) = three_and_one().await else { return };
    let found = world.weights().await;
    for (share, expected) in [("1%", 10), ("10%", 100), ("50%", 500), ("75%", 750), ("100%", 1_000)] {
        let wish: TrafficShare = share.parse().unwrap();
        assert_eq!(deployer.reachable(&target(), wish).await.unwrap(), wish);
        deployer.set_traffic(&traffic(share)).await.unwrap();
        let seen = deployer.observe(&target()).await.unwrap();
        assert_eq!(seen.canary_share, wish, "{}", seen.detail);
        assert_eq!((seen.canary.ready, seen.baseline.ready), (Some((1, 1)), Some((3, 3))));
        // What HAProxy evens out after a weight was lowered is over by then.
        world.send(1_000).await;
        let landed = world.send(1_000).await;
        assert!(to_canary(&landed).abs_diff(expected) <= OFF_BY, "{share}: {landed:?}, {}", seen.detail);
    }
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.weights().await, found, "everything is as it was found");
    let landed = world.send(100).await;
    assert_eq!(to_canary(&landed), 0, "{landed:?}");
    assert!(landed["s3"].abs_diff(20) <= OFF_BY, "{landed:?}");
}

#[tokio::test]
async fn another_process_puts_back_what_the_configuration_says() {
    let Some((world, deployer)) = three_and_one().await else { return };
    let found = world.weights().await;
    deployer.set_traffic(&traffic("50%")).await.unwrap();
    let (_, another) = (deployer, {
        let socket = Endpoint::Socket(world.socket.clone());
        Haproxy::new(HaproxyConfig::replacing(socket, "app", ["s1", "s2", "s3"], ["c*"]).unwrap())
    });
    another.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.weights().await, found);
}

#[tokio::test]
async fn weights_are_set_again_after_haproxy_was_started_anew() {
    let Some((mut world, deployer)) = three_and_one().await else { return };
    let found = world.weights().await;
    deployer.set_traffic(&traffic("50%")).await.unwrap();
    world.restart().await;
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::ZERO, "what is out there, not what was set");
    deployer.set_traffic(&traffic("50%")).await.unwrap();
    assert_eq!(deployer.observe(&target()).await.unwrap().canary_share, TrafficShare::percent(50));
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    assert_eq!(world.weights().await, found);
}

#[tokio::test]
async fn a_cookie_reaches_a_server_without_weight_until_it_is_cut_off() {
    let cookies = "  cookie SRV insert indirect nocache\n";
    let servers = [("stable", 100, "cookie stable"), ("canary", 0, "cookie canary")];
    let Some(world) = World::start_servers(&servers, cookies).await else { return };
    let deployer = world.deployer();
    deployer.deploy(&deploy_to(Environment::Production)).await.unwrap();
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    assert_eq!(world.send_as("canary", 5).await, counts([("canary", 5)]));
    deployer.set_traffic(&traffic("0%")).await.unwrap();
    let before = deployer.observe(&target()).await.unwrap();
    assert_eq!(before.canary_share, TrafficShare::ZERO, "by its weights, it has nothing");
    assert_eq!(world.send_as("canary", 5).await, counts([("canary", 5)]));
    let after = deployer.observe(&target()).await.unwrap();
    assert_eq!(after.canary.served.unwrap() - before.canary.served.unwrap(), 5);

    for _ in 0..2 {
        deployer.set_traffic(&traffic("0%").with_cut()).await.unwrap();
    }
    assert_eq!(world.send_as("canary", 5).await, counts([("stable", 5)]));
    let cut = deployer.observe(&target()).await.unwrap();
    assert_eq!((cut.canary.served, cut.canary.sessions), (after.canary.served, Some(0)));
    assert_eq!(cut.canary.trouble.as_deref(), Some("canary is in maintenance"));

    deployer.deploy(&deploy_to(Environment::Production)).await.unwrap();
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!((seen.canary_share, seen.canary.ready), (TrafficShare::ZERO, Some((1, 1))));
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    assert!(world.send(100).await["canary"].abs_diff(10) <= OFF_BY);
}

#[tokio::test]
async fn a_weight_that_an_agent_sets_is_seen_and_told() {
    let agent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = agent.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut asked, _)) = agent.accept().await {
            asked.write_all(b"25%\n").await.ok();
        }
    });
    let options = format!("agent-check agent-addr 127.0.0.1 agent-port {port} agent-inter 50ms");
    let servers = [("stable", 100, ""), ("canary", 100, options.as_str())];
    let Some(world) = World::start_servers(&servers, "").await else { return };
    let deployer = world.deployer();
    let patience = std::time::Instant::now();
    // A quarter of the weight that its configuration gives it.
    while world.weights().await["canary"] != 25 {
        assert!(patience.elapsed() < std::time::Duration::from_secs(20));
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::percent(20), "{}", seen.detail);
    let said = "canary is up, its weight subject to an agent check";
    assert_eq!(seen.canary.trouble.as_deref(), Some(said));
}

#[tokio::test]
async fn the_second_release_begins_on_the_other_server() {
    let Some(world) = World::start().await else { return };
    let deployer = world.deployer();
    deployer.set_traffic(&traffic("100%")).await.unwrap();
    let next = target().with_stable(Slot::Second);
    let seen = deployer.observe(&next).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::ZERO, "{}", seen.detail);
    assert_eq!(seen.canary.name.as_deref(), Some("stable"));
    let mut request = traffic("10%");
    request.target = next.clone();
    deployer.set_traffic(&request).await.unwrap();
    let landed = world.send(100).await;
    assert!(landed["stable"].abs_diff(10) <= OFF_BY, "{landed:?}");
    let by_hand = deployer.by_hand(&next).unwrap();
    assert!(
        by_hand.starts_with("echo 'set server app/canary weight 100; set server app/stable weight 0'"),
        "{by_hand}"
    );
}

#[tokio::test]
async fn every_process_gets_the_share_and_a_missing_one_is_not_overlooked() {
    let (Some(one), Some(other)) = (World::start().await, World::start().await) else { return };
    let config = HaproxyConfig::new(Endpoint::Socket(one.socket.clone()), "app", "canary", "stable");
    let config = config.unwrap().with_process(Endpoint::Socket(other.socket.clone())).unwrap();
    let deployer = Haproxy::new(config);
    deployer.set_traffic(&traffic("10%")).await.unwrap();
    for world in [&one, &other] {
        assert!(world.send(100).await["canary"].abs_diff(10) <= OFF_BY);
    }
    other.tell("set server app/canary weight 90").await;
    let seen = deployer.observe(&target()).await.unwrap();
    assert_eq!(seen.set_share, Some(TrafficShare::percent(50)), "the largest one counts");
    assert!(seen.canary.trouble.unwrap().contains("not everywhere the same share is set"));
    drop(other);
    let error = deployer.observe(&target()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Unavailable, "{error}");
}

#[tokio::test]
async fn nonsense_is_named() {
    let Some(world) = World::start().await else { return };
    let socket = || Endpoint::Socket(world.socket.clone());
    for (config, message) in [
        (
            HaproxyConfig::replacing(socket(), "app", ["web*"], ["canary"]),
            "there is no server web* (`stable`)",
        ),
        (
            HaproxyConfig::replacing(socket(), "app", ["stable", "*"], ["canary"]),
            "the server canary of the backend app is in `candidate` (canary) and in `stable` (stable, *)",
        ),
        (
            HaproxyConfig::replacing(socket(), "app", ["s*"], ["*p*"]),
            "the server spare of the backend app is in `candidate` (*p*) and in `stable` (s*)",
        ),
    ] {
        let error = match config {
            Ok(config) => Haproxy::new(config).observe(&target()).await.unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(error.contains(message), "{error}");
    }
}
