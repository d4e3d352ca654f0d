use std::time::{Duration, Instant};

use relman_adapters::flow::{CommandFlow, CommandFlowConfig};
use relman_core::{
    port::{FlowOutcome, FlowReport, PortErrorKind, UserFlows},
    unit::Span,
};

use super::{check, failure, service};

fn script(text: &str) -> CommandFlow {
    CommandFlow::new("pay".parse().unwrap(), CommandFlowConfig::new("sh", ["-c", text]))
}

#[tokio::test]
async fn the_exit_status_says_whether_the_flow_works() {
    let checked = check(&script("echo paid; exit 0")).await.unwrap();
    assert_eq!((checked.outcome, checked.status), (FlowOutcome::Passed, Some(0)));
    assert_eq!((checked.expected.as_str(), checked.found.as_str()), ("exit status 0", "exit status 0: paid"));
    assert!(checked.latency.is_some());
    assert_eq!(failure(&script("echo declined; exit 1")).await, "exit status 1: declined");
    assert_eq!(failure(&script("exit 1")).await, "exit status 1");
    for (text, part) in [
        ("echo no browser >&2; exit 2", "ended with exit status: 2, which is neither 0 (it works) nor 1"),
        ("echo no browser >&2; exit 2", "its standard error ends: no browser"),
        ("exit 127", "exit status: 127"),
        ("kill -9 $$", "signal: 9"),
        ("head -c 70000 /dev/zero", "more than 65536 bytes"),
        ("cat /dev/zero", "more than 65536 bytes"),
    ] {
        let error = check(&script(text)).await.unwrap_err();
        assert_eq!(error.kind(), PortErrorKind::InvalidAnswer, "{error}");
        assert!(error.to_string().contains(part), "{error}");
    }
    let missing = CommandFlow::new("pay".parse().unwrap(), CommandFlowConfig::new("/nowhere/pay", [""; 0]));
    assert_eq!(check(&missing).await.unwrap_err().kind(), PortErrorKind::Rejected);
}

#[tokio::test]
async fn the_program_is_told_which_flow_of_which_service() {
    let flow = script("read line; echo \"$line\"");
    let checked = check(&flow).await.unwrap();
    let asked = r#"exit status 0: {"operation":"check_flow","flow":"pay","service":"checkout"}"#;
    assert_eq!(checked.found, asked);
}

#[tokio::test]
async fn nothing_is_known_of_a_flow_that_does_not_end() {
    let config = CommandFlowConfig::new("sh", ["-c", "sleep 1000 & wait"]);
    let flow = CommandFlow::new("pay".parse().unwrap(), config.with_time_limit(Span::from_millis(200)));
    let begin = Instant::now();
    let error = check(&flow).await.unwrap_err();
    assert_eq!(error.kind(), PortErrorKind::TimedOut);
    assert!(error.to_string().contains("sh was not done within 200ms and was killed"), "{error}");
    assert!(begin.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn the_first_lines_of_the_output_are_the_evidence_and_move_no_cursor() {
    let found = failure(&script(r"printf 'one\n\n\033[2Jtwo\r\n\377three\nfour\n'; exit 1")).await;
    assert_eq!(found, "exit status 1: one | \u{fffd}[2Jtwo | \u{fffd}three");
    let long = check(&script("head -c 60000 /dev/zero | tr '\\0' x; exit 1")).await.unwrap();
    let evidence = FlowReport::new([long]).evidence();
    assert!(evidence.as_str().chars().count() < 400 && evidence.as_str().ends_with("x…)"), "{evidence}");
}

#[tokio::test]
async fn a_program_sees_only_the_environment_that_is_handed_on() {
    let text = r#"test -n "$PATH" && test -z "$CARGO_PKG_NAME""#;
    let config = CommandFlowConfig::new("sh", ["-c", text]);
    let flow = |config| CommandFlow::new("pay".parse().unwrap(), config);
    assert_eq!(check(&flow(config.clone())).await.unwrap().outcome, FlowOutcome::Passed);
    failure(&flow(config.with_environment(["CARGO_PKG_NAME"]))).await;
    assert_eq!(script("true").check(&service()).await.unwrap().flows.len(), 1);
}

#[test]
fn what_is_wrong_in_a_file_is_named() {
    for (text, message) in [
        ("args = []", "missing field `program`"),
        ("program = \"a\"\nshare_tolerance = \"1%\"", "unknown field `share_tolerance`"),
        ("program = \"a\"\ntime_limit = \"soon\"", "is not a duration such as 30m"),
        ("program = \"a\"\ntime_limit = \"2m\"", "2m is too long: at most 1m 30s"),
    ] {
        let error = toml::from_str::<CommandFlowConfig>(text).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}
