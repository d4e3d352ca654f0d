//! The stack itself: traffic flows, Prometheus measures it, weights move it, and nothing is left behind.

#![allow(clippy::unwrap_used)]

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use real_canary::stack::{Stack, StackConfig, StackError};
use relman_core::{
    judge::Arm,
    plan::Artifact,
    port::{DeployRequest, Deployer, Environment, Slot, Target, TrafficRequest},
    unit::TrafficShare,
};

const DEADLINE: Duration = Duration::from_secs(40);

/// Starts a stack, or passes over the test where haproxy or Prometheus is not installed.
async fn start() -> Option<Stack> {
    match Stack::start(StackConfig::new(env!("CARGO_BIN_EXE_service"))).await {
        Ok(stack) => Some(stack),
        Err(error @ StackError::NotInstalled { .. }) => {
            pass_over(&error);
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn pass_over(reason: &dyn std::fmt::Display) {
    let required = std::env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
    assert!(!required, "{reason}, and RELMAN_REQUIRE_SERVICES=1 asks for it");
    eprintln!("{reason}: this test is passed over");
}

fn share(percent: u16) -> TrafficRequest {
    let target = Target::new(
        "drill-1".parse().unwrap(),
        "app".parse().unwrap(),
        Artifact { name: "app".parse().unwrap(), version: "2.0.0".parse().unwrap(), digest: None },
        "1.0.0",
    );
    TrafficRequest::new(target, TrafficShare::percent(percent), "key")
}

#[tokio::test]
async fn weights_move_real_traffic_and_prometheus_sees_it() {
    let Some(mut stack) = start().await else { return };
    let deployer = stack.deployer();
    assert_eq!(stack.tally().of("2.0.0").all(), 0, "{}", stack.tally());

    for percent in [10, 50, 0] {
        deployer.set_traffic(&share(percent)).await.unwrap();
        let expected = f64::from(percent) / 100.0;
        let begin = Instant::now();
        // Five seconds until nothing but the new share is in the window, and a few for a busy machine.
        while (stack.observed_share().await.unwrap().unwrap() - expected).abs() > 0.015 {
            let seen = stack.observed_share().await.unwrap();
            assert!(begin.elapsed() < DEADLINE, "{seen:?} is not {expected}: {}", stack.tally());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    let tally = stack.tally();
    assert!(tally.of("1.0.0").fine > 0 && tally.of("2.0.0").fine > 0, "{tally}");
    assert_eq!((tally.unrouted, tally.of("1.0.0").failed, tally.of("2.0.0").failed), (0, 0, 0), "{tally}");

    stack.set_error_rate(Arm::Canary, 0.2).await.unwrap();
    stack.set_error_rate(Arm::Canary, 2.0).await.unwrap_err();
    deployer.set_traffic(&share(50)).await.unwrap();
    let measured = until_measured(&stack).await;
    assert!((measured.error_rate - 0.2).abs() < 0.05, "{measured:?}");
    assert!((measured.log_errors - measured.errors).abs() < 1.0, "{measured:?}");
    // Answers take 5 ms at least.
    assert!(measured.below_2_5_ms.abs() < f64::EPSILON, "{measured:?}");
    assert_eq!(stack.tally().of("1.0.0").failed, 0, "{}", stack.tally());
    stack.check().unwrap();

    let addresses = stack.settings().addresses;
    let all = [addresses.front, addresses.baseline, addresses.canary, addresses.prometheus];
    assert!(all.iter().all(answers));
    drop(stack);
    assert!(!all.iter().any(answers), "a dropped stack is gone");
}

/// Two releases in a row, as the deployer sees them: the third version goes where the first one was, and nobody meets it before its
/// first step.
#[tokio::test]
async fn the_second_release_begins_where_nobody_is() {
    let Some(mut stack) = start().await else { return };
    let deployer = stack.deployer();
    deployer.set_traffic(&share(100)).await.unwrap();
    let mut next = share(10);
    next.target.stable = Slot::Second;
    let seen = deployer.observe(&next.target).await.unwrap();
    assert_eq!(seen.canary_share, TrafficShare::ZERO, "{}", seen.detail);

    stack.install(Arm::Baseline, "3.0.0").await.unwrap();
    let deploy = DeployRequest::new(next.target.clone(), Environment::Production, "key");
    let begin = Instant::now();
    while let Err(error) = deployer.deploy(&deploy).await {
        assert!(begin.elapsed() < DEADLINE, "{error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let before = stack.tally();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = stack.tally();
    assert_eq!(tally.of("3.0.0").all(), 0, "nobody meets it before its first step: {tally}");
    assert!(tally.of("2.0.0").fine > before.of("2.0.0").fine, "{tally}");

    deployer.set_traffic(&next).await.unwrap();
    let begin = Instant::now();
    while stack.tally().of("3.0.0").fine < 20 {
        assert!(begin.elapsed() < DEADLINE, "{}", stack.tally());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let old = stack.tally().of("1.0.0").all();
    next.share = TrafficShare::ZERO;
    deployer.set_traffic(&next).await.unwrap();
    // What was under way ends.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let back = stack.tally();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let tally = stack.tally();
    assert_eq!(tally.of("3.0.0").all(), back.of("3.0.0").all(), "{tally}");
    assert!(tally.of("2.0.0").fine > back.of("2.0.0").fine, "they are back on 2.0.0: {tally}");
    assert_eq!((tally.of("1.0.0").all(), tally.of("2.0.0").failed, tally.unrouted), (old, 0, 0), "{tally}");
}

#[derive(Debug)]
struct Measured {
    error_rate: f64,
    errors: f64,
    log_errors: f64,
    below_2_5_ms: f64,
}

/// Asks the queries that a deploy tool is told to ask, until there are enough requests in the window.
async fn until_measured(stack: &Stack) -> Measured {
    let settings: toml::Table = stack.settings().to_toml().parse().unwrap();
    let metrics = &settings["prometheus"]["metrics"];
    let ask = async |metric: &str, query: &str| {
        let template = metrics[metric][query].as_str().unwrap();
        let promql = template.replace("{{version}}", stack.version(Arm::Canary)).replace("{{window}}", "4s");
        stack.query(&promql).await.unwrap()
    };
    let begin = Instant::now();
    loop {
        let requests = ask("error_rate", "requests").await.unwrap();
        let errors = ask("error_rate", "errors").await.unwrap();
        if errors > 50.0 {
            let buckets = metrics["latency_p99"]["buckets"].as_str().unwrap();
            let buckets = buckets.replace("{{version}}", "2.0.0").replace("{{window}}", "4s");
            return Measured {
                error_rate: errors / requests,
                errors: ask("error_rate", "errors").await.unwrap(),
                log_errors: ask("log_errors", "errors").await.unwrap(),
                below_2_5_ms: stack
                    .query(&format!(
                        "({buckets}) and on (le) label_replace(vector(1), \"le\", \"0.0025\", \"\", \"\")"
                    ))
                    .await
                    .unwrap()
                    .unwrap(),
            };
        }
        assert!(begin.elapsed() < DEADLINE, "{errors} errors in {requests} requests: {}", stack.tally());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn a_killed_parent_leaves_no_servers_behind() {
    let mut parent = Command::new(env!("CARGO_BIN_EXE_stack"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut settings = String::new();
    let mut ready = false;
    for line in BufReader::new(parent.stdout.take().unwrap()).lines().map_while(Result::ok) {
        ready = line.starts_with("# Ready");
        if ready {
            break;
        }
        settings += &(line + "\n");
    }
    parent.kill().unwrap();
    let said = parent.wait_with_output().unwrap().stderr;
    if !ready {
        let said = String::from_utf8_lossy(&said);
        assert!(said.contains("is not installed"), "{said}");
        return pass_over(&said.trim());
    }
    let settings: toml::Table = settings.parse().unwrap();
    let addresses: Vec<SocketAddr> = settings["addresses"]
        .as_table()
        .unwrap()
        .values()
        .map(|address| address.as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(addresses.len(), 4);
    // The directory is what a killed process can't take away.
    let socket = Path::new(settings["haproxy"]["socket"].as_str().unwrap());
    let begin = Instant::now();
    while addresses.iter().any(answers) {
        assert!(begin.elapsed() < DEADLINE, "something still listens on one of {addresses:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    std::fs::remove_dir_all(socket.parent().unwrap()).unwrap();
}

fn answers(address: &SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}
