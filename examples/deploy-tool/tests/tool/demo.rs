//! The demo: every scenario to its end, and to the same end when it is killed on the way.

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

fn demo(dir: &TempDir, scenario: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deploy-tool"));
    command.current_dir(dir.path()).args(["demo", "--json", "--scenario", scenario]);
    command
}

fn ending(out: &[u8]) -> Value {
    let text = String::from_utf8(out.to_vec()).unwrap();
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// Plays a scenario undisturbed, and checks what it says against the journal.
fn plays(scenario: &str, outcome: &str) {
    let dir = TempDir::new().unwrap();
    let output = demo(&dir, scenario).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = ending(&output.stdout);
    assert_eq!(said["release"], format!("demo-{scenario}"));
    assert_eq!(said["outcome"], outcome);
    let verify = Command::new(env!("CARGO_BIN_EXE_deploy-tool"))
        .current_dir(dir.path())
        .args(["verify", "--json"])
        .output()
        .unwrap();
    let verified = ending(&verify.stdout);
    assert_eq!(verified["ok"], true);
    assert_eq!(verified["streams"][0]["head"], said["head"]);
    assert_eq!(verified["streams"][0]["records"], said["records"]);
}

#[test]
fn a_clean_release_completes() {
    plays("clean", "completed");
}

#[test]
fn b1_an_error_spike_is_rolled_back_by_itself() {
    plays("error-spike", "rolled_back");
}

#[test]
fn r3_a_metrics_outage_holds_and_goes_on() {
    plays("metrics-outage", "completed");
}

#[test]
fn v3_a_lapse_of_on_call_delays_the_validation() {
    plays("oncall-lapse", "completed");
}

#[test]
fn g1_an_override_is_recorded_and_its_post_mortem_filed() {
    plays("override", "completed");
}

#[test]
fn b3_a_flaky_deployer_keeps_nobody_from_the_end() {
    plays("flaky-deployer", "completed");
}

/// Lets the demo live for a while and kills it then, if it has not ended by itself.
fn lives_for(life: Duration, mut command: Command) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (sender, printed) = mpsc::channel();
    let reader = thread::spawn(move || {
        let mut text = String::new();
        stdout.read_to_string(&mut text).unwrap();
        // Nobody waits any longer where the demo was killed.
        let _ = sender.send(text);
    });
    let ended = printed.recv_timeout(life).is_ok();
    if !ended {
        child.kill().unwrap();
    }
    let status = child.wait().unwrap();
    reader.join().unwrap();
    assert!(!ended || status.success(), "{status}");
}

/// How the demo's release has ended, as its journal has it; nothing where it has not, or there is no journal yet.
fn ended(dir: &TempDir, scenario: &str) -> Option<Value> {
    let status = Command::new(env!("CARGO_BIN_EXE_deploy-tool"))
        .current_dir(dir.path())
        .args(["status", "--json", &format!("demo-{scenario}")])
        .output()
        .unwrap();
    let told = status.status.success().then(|| ending(&status.stdout))?;
    (told["phase"] == "closed").then(|| told["ended"]["how"].clone())
}

/// Kills the demo at ever later moments and starts it again each time, until its release is closed: by the record,
/// since a demo that is killed after its last record has told nobody.
#[test]
fn a_demo_that_is_killed_goes_on_to_the_same_end() {
    for (scenario, outcome) in [("error-spike", "rolled_back"), ("override", "completed")] {
        let dir = TempDir::new().unwrap();
        let mut lives = 0;
        let how = loop {
            lives += 1;
            lives_for(Duration::from_millis(60 * lives * lives), demo(&dir, scenario));
            if let Some(how) = ended(&dir, scenario) {
                break how;
            }
        };
        assert!(lives > 1, "it was killed at least once");
        assert_eq!(how, outcome);
    }
}
