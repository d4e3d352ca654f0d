//! The command deployer with small shell scripts.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use relman_adapters::deployer::command::{CommandConfig, CommandDeployer, Operation};
use relman_core::{
    plan::Artifact,
    port::{
        DeployRequest, Deployer, Environment, PortError, PortErrorKind, PromoteRequest, Promotion, Retry,
        Target, TrafficRequest,
    },
    unit::{Span, TrafficShare},
};

fn target() -> Target {
    Target::new(
        "checkout-241".parse().unwrap(),
        "checkout".parse().unwrap(),
        Artifact { name: "checkout".parse().unwrap(), version: "2.41.0".parse().unwrap(), digest: None },
        "2.40.3",
    )
}

fn traffic() -> TrafficRequest {
    TrafficRequest::new(target(), TrafficShare::percent(1), "key-2").with_generation(8)
}

/// A script, and what it gets as `$1`.
fn script(text: &str, argument: &Path) -> CommandConfig {
    CommandConfig::new("sh", ["-c", text, "sh", argument.to_str().unwrap()])
}

async fn failure_of(text: &str) -> PortError {
    CommandDeployer::new(script(text, Path::new(""))).set_traffic(&traffic()).await.unwrap_err()
}

#[tokio::test]
async fn requests_come_as_json_and_answers_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let heard = dir.path().join("heard");
    let text = r#"cat >> "$1"; echo '{"ok":true}'"#;
    let deployer = CommandDeployer::new(script(text, &heard));
    let request = DeployRequest::new(target(), Environment::Staging, "key-1").with_generation(7);
    deployer.deploy(&request).await.unwrap();
    deployer.set_traffic(&traffic()).await.unwrap();
    let text = r#"cat >> "$1"; echo '{"canary_share":100,"detail":"1 of 100 instances"}'"#;
    let seen = CommandDeployer::new(script(text, &heard)).observe(&target()).await.unwrap();
    assert_eq!((seen.canary_share, seen.detail.as_str()), (TrafficShare::percent(1), "1 of 100 instances"));
    let target = r#""target":{"release":"checkout-241","service":"checkout","name":"checkout","artifact":{"name":"checkout","version":"2.41.0"},"baseline_version":"2.40.3","stable":"first"}"#;
    let expected = [
        format!(r#"{{"operation":"deploy",{target},"environment":"staging","key":"key-1","generation":7}}"#),
        format!(r#"{{"operation":"set_traffic",{target},"share":100,"key":"key-2","generation":8}}"#),
        format!(r#"{{"operation":"observe",{target}}}"#),
    ];
    assert_eq!(std::fs::read_to_string(&heard).unwrap().lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn an_error_in_json_keeps_its_kind_and_advice() {
    let text = r#"echo '{"error":{"kind":"throttled","detail":"slow down","retry_after_ms":5000}}'; exit 1"#;
    let error = failure_of(text).await;
    assert_eq!(error.kind(), PortErrorKind::Throttled);
    assert_eq!(error.retry(), Retry::After(Span::from_secs(5)));
    assert_eq!(error.to_string(), "command: failed to set traffic: too many requests: slow down");
    let error = failure_of(r#"echo '{"error":{"kind":"rejected","detail":"no such service"}}'"#).await;
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
}

#[tokio::test]
async fn another_exit_than_zero_is_an_error_with_the_end_of_the_standard_error() {
    let error = failure_of(r#"echo '{"ok":true}'; printf 'no route\n\033[31mto host\n' >&2; exit 3"#).await;
    assert_eq!((error.kind(), error.retry()), (PortErrorKind::Unavailable, Retry::Yes));
    let message = "sh ended with exit status: 3; its standard error ends: no route | \u{fffd}[31mto host";
    assert!(error.to_string().ends_with(message), "{error}");

    let error = failure_of("i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1").await;
    assert!(error.to_string().ends_with("| line 1998 | line 1999"), "{error}");
    assert!(error.to_string().len() < 4_000, "{error}");

    let error = failure_of("kill -9 $$").await;
    assert_eq!(error.kind(), PortErrorKind::Unavailable);
    assert!(error.to_string().contains("signal: 9"), "{error}");
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_quoted() {
    let long = format!("echo {}", "x".repeat(1_000));
    for (text, message) in [
        ("true", "wrote \"\" to its standard output"),
        ("echo done", "wrote \"done\""),
        (r#"echo '{"ok":false}'"#, "`ok` is false, and no `error` says why"),
        (
            "echo '{}'",
            "the answer of sh has no `ok`: sh has to write {\"ok\":true}, which says that it is done",
        ),
        (r#"echo '{"canary_share":100}'"#, "the answer of sh has no `ok`"),
        (r#"echo '{"ok":true,"canary_share":100}'"#, "unknown field `canary_share`"),
        (r#"echo '{"ok":true}{"ok":true}'"#, "trailing characters"),
        (r"printf '\377\376'", "wrote \"\u{fffd}\u{fffd}\""),
        (&long, &format!("wrote \"{}\" to", "x".repeat(200))),
        ("head -c 70000 /dev/zero", "wrote more than 65536 bytes"),
        ("cat /dev/zero", "wrote more than 65536 bytes"),
    ] {
        let error = failure_of(text).await;
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::InvalidAnswer, Retry::Never), "{error}");
        assert!(error.to_string().contains(message), "{error}");
    }
    let deployer = CommandDeployer::new(script(r#"echo '{"canary_share":10001}'"#, Path::new("")));
    assert_eq!(deployer.observe(&target()).await.unwrap_err().kind(), PortErrorKind::InvalidAnswer);
    let deployer = CommandDeployer::new(script("echo '{}'", Path::new("")));
    let error = deployer.observe(&target()).await.unwrap_err().to_string();
    assert!(error.contains("the answer of sh has no `canary_share`: sh has to write"), "{error}");
}

#[tokio::test]
async fn a_program_is_asked_for_what_it_says_that_it_can_do() {
    let dir = tempfile::tempdir().unwrap();
    let heard = dir.path().join("heard");
    let text = r#"cat >> "$1"; echo '{"ok":true}'"#;
    let promotion = PromoteRequest::new(target(), "key-3").with_generation(9);
    let cut = TrafficRequest::new(target(), TrafficShare::ZERO, "key-4").with_cut();

    let knows_little = CommandDeployer::new(script(text, &heard));
    knows_little.promote(&promotion).await.unwrap();
    assert_eq!(knows_little.reachable(&target(), TrafficShare::percent(1)).await.unwrap().to_string(), "1%");
    assert!(!heard.exists(), "it was never started");
    knows_little.set_traffic(&cut).await.unwrap();
    let asked = std::fs::read_to_string(&heard).unwrap();
    assert!(!asked.contains("cut"), "{asked}");

    let replaces = script(text, &heard).with_promotion(Promotion::Replace);
    let error = CommandDeployer::new(replaces.clone()).promote(&promotion).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::Rejected);
    assert!(error.to_string().contains("teach sh the operation `promote`"), "{error}");

    std::fs::remove_file(&heard).unwrap();
    let knows = CommandDeployer::new(replaces.with_operations([Operation::Promote, Operation::Cut]));
    knows.promote(&promotion).await.unwrap();
    knows.set_traffic(&cut).await.unwrap();
    let asked = std::fs::read_to_string(&heard).unwrap();
    let asked: Vec<&str> = asked.lines().collect();
    assert!(asked[0].starts_with(r#"{"operation":"promote","target":{"#), "{asked:?}");
    assert!(asked[0].ends_with(r#","key":"key-3","generation":9}"#), "{asked:?}");
    assert!(asked[1].contains(r#""share":0,"cut":true,"key":"key-4""#), "{asked:?}");

    let text = r#"echo '{"share":1240}'"#;
    let config = script(text, Path::new("")).with_operations([Operation::Reachable]);
    let share = CommandDeployer::new(config).reachable(&target(), "12.5%".parse().unwrap()).await.unwrap();
    assert_eq!(share.to_string(), "12.4%");
}

#[tokio::test]
async fn a_program_that_can_not_be_started_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let plain = dir.path().join("plain-file");
    std::fs::write(&plain, "").unwrap();
    for program in [&dir.path().join("missing"), &plain] {
        let deployer = CommandDeployer::new(CommandConfig::new(program, [""; 0]));
        let error = deployer.set_traffic(&traffic()).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (PortErrorKind::Rejected, Retry::Never));
        assert!(error.to_string().contains(program.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_program_sees_only_the_environment_that_is_handed_on() {
    let text = r#"test -n "$PATH" && test -z "$CARGO_PKG_NAME" && echo '{"ok":true}'"#;
    let config = script(text, Path::new(""));
    assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "the test is run by cargo");
    CommandDeployer::new(config.clone()).set_traffic(&traffic()).await.unwrap();
    let deployer = CommandDeployer::new(config.with_environment(["CARGO_PKG_NAME"]));
    deployer.set_traffic(&traffic()).await.unwrap_err();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn at_the_time_limit_and_when_given_up_nothing_is_left_running() {
    let dir = tempfile::tempdir().unwrap();
    let text = r#"sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; wait"#;
    let children = [dir.path().join("limit"), dir.path().join("given-up")];

    let config = script(text, &children[0]).with_time_limit(Span::from_millis(500));
    let error = CommandDeployer::new(config).set_traffic(&traffic()).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::TimedOut);
    assert!(error.to_string().contains("sh was not done within 500ms"), "{error}");
    until(|| has_ended(&children[0])).await;

    let deployer = CommandDeployer::new(script(text, &children[1]));
    let request = tokio::spawn(async move { deployer.set_traffic(&traffic()).await });
    until(|| children[1].exists()).await;
    request.abort();
    assert!(request.await.unwrap_err().is_cancelled());
    until(|| has_ended(&children[1])).await;
}

async fn until(condition: impl Fn() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < Duration::from_secs(20), "what is waited for does not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether the process whose number stands in the file runs no more, be it waited for or not.
fn has_ended(file: &Path) -> bool {
    let id = std::fs::read_to_string(file).unwrap();
    match std::fs::read_to_string(format!("/proc/{}/stat", id.trim())) {
        Ok(stat) => stat.rsplit(") ").next().unwrap().starts_with(['Z', 'X']),
        Err(_) => true,
    }
}

/// Set for the process that is killed in the middle of a call: where the program says that it runs.
const KILLED_IN_THE_MIDDLE: &str = "RELMAN_TEST_KILLED_IN_THE_MIDDLE";

/// The part of the process that is killed; nothing in an ordinary run.
#[tokio::test]
async fn part_of_a_process_that_is_killed_in_the_middle_of_a_call() {
    if let Some(pid) = std::env::var_os(KILLED_IN_THE_MIDDLE) {
        let text = r#"echo $$ > "$1.new"; mv "$1.new" "$1"; sleep 60; echo late > "$1.late""#;
        let _ = CommandDeployer::new(script(text, Path::new(&pid))).set_traffic(&traffic()).await;
    }
}

#[test]
fn a_program_ends_with_the_process_that_started_it() {
    let dir = tempfile::tempdir().unwrap();
    let pid = dir.path().join("pid");
    let mut parent = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "command::part_of_a_process_that_is_killed_in_the_middle_of_a_call"])
        .env(KILLED_IN_THE_MIDDLE, &pid)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    let eventually = |what: &str, is: &dyn Fn() -> bool| {
        while !is() {
            assert!(Instant::now() < patience, "{what}");
            std::thread::yield_now();
        }
    };
    eventually("the program is started", &|| pid.exists());
    let program = std::fs::read_to_string(&pid).unwrap().trim().to_owned();
    let runs =
        || Path::new("/proc").join(&program).join("fd").read_dir().is_ok_and(|mut fds| fds.next().is_some());
    assert!(runs(), "it is in the middle of the call");
    // Without a word, as a crash or an operator would.
    parent.kill().unwrap();
    parent.wait().unwrap();
    eventually("it has ended, too", &|| !runs());
    assert!(!dir.path().join("pid.late").exists());
}
