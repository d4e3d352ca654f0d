//! Nobody is promised what nobody will do: what people are told after a command is true, and a conductor that vanishes is
//! followed by another.

use std::{
    process::{Child, Command},
    time::{Duration, Instant},
};

use crate::{
    bench::{Answer, Bench},
    run::{bench, interrupt, read_until, start, until},
};

/// A release at its first share that nobody drives any more: its conductor was killed.
fn left_alone() -> Bench {
    let bench = bench();
    let mut running = start(&bench);
    read_until(&mut running, "traffic set to 1%");
    kill(running);
    // Its lease runs out.
    until(|| bench.run("presence").status == 1);
    bench
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

/// How long a lease holds, and a bit more for a busy machine.
const LEASE: Duration = Duration::from_secs(15 + 10);

#[test]
fn t11_without_a_conductor_a_rollback_is_said_not_to_be_performed_and_now_performs_it() {
    let bench = left_alone();
    let presence = bench.run("presence");
    assert!(presence.out.contains("GONE, last seen "), "{presence:?}");
    let said = "checkout-241: NOBODY IS DRIVING: releasing, 1% of the traffic; no conductor is running; ";
    assert!(presence.out.contains(said), "{presence:?}");
    let status = bench.run("status checkout-241").done();
    assert!(status.out.contains("NOBODY IS DRIVING checkout-241: no conductor is running"), "{status:?}");
    let list = bench.run("status").done();
    assert!(list.out.lines().next().unwrap().ends_with("; NOBODY IS DRIVING"), "{list:?}");

    let words = ["--as", "user:dora", "rollback", "checkout-241", "--reason", "old prices"];
    let asked = bench.run_words(&words).refused("recorded, and NOT performed: no conductor is running; ");
    for part in [
        "Users:             1% of the traffic is on the new version, and nothing is measured",
        "To perform it now: deploy-tool --as user:dora rollback checkout-241 --reason \"…\" --now",
        "To go on:          deploy-tool --as user:dora run PLAN.toml, with the plan of the release",
    ] {
        assert!(asked.err.contains(part), "{part}: {asked:?}");
    }
    assert!(asked.out.contains("recorded #"), "{asked:?}");
    assert_eq!(bench.read("share"), b"100\n", "nobody has carried it out");
    let again = bench.run_words(&words).refused("is already being rolled back");
    assert!(again.err.contains("NOT performed: no conductor is running"), "{again:?}");

    let configured = bench.read("relman.toml");
    bench.write("relman.toml", crate::bench::CONFIG);
    let can_not = bench.run_words(&[&words[..], &["--now"]].concat());
    can_not.refused("recorded, and not performed by this command: the configuration has no [deployer]");
    bench.write("relman.toml", configured);

    let back = bench.run_words(&[&words[..], &["--now"]].concat()).done();
    assert!(back.out.contains("checkout-241 is being rolled back already"), "{back:?}");
    assert!(back.out.contains("checkout-241 is rolled back: the platform shows zero traffic"), "{back:?}");
    assert_eq!(bench.read("share"), b"0\n");
    bench.run("presence").done();
}

#[test]
fn t11_now_takes_back_what_is_held_and_was_not_asked_for_before() {
    let bench = left_alone();
    let held = bench.run("--as user:dora hold checkout-241 --reason odd").done();
    assert!(
        held.err.contains("recorded, and nobody is driving checkout-241: no conductor is running"),
        "{held:?}"
    );
    let back = bench.run("--as user:dora rollback checkout-241 --reason odd --now").done();
    assert!(back.out.contains("rolled back: the platform shows zero traffic"), "{back:?}");
    assert_eq!(bench.read("share"), b"0\n");
    let log = bench.run("log checkout-241 --json").done().json();
    let confirmed = log.iter().filter(|record| record["kind"] == "rollback_confirmed").count();
    assert_eq!(confirmed, 1, "{log:?}");
}

#[test]
fn t11_a_running_conductor_is_named_and_carries_it_out() {
    let bench = bench();
    let mut running = start(&bench);
    read_until(&mut running, "traffic set to 1%");
    let presence = bench.run("presence").done();
    assert!(presence.out.contains(&format!("/{}: running since ", running.id())), "{presence:?}");
    assert!(
        presence.out.contains("checkout-241: releasing, 1% of the traffic, driven by conductor "),
        "{presence:?}"
    );
    let back = bench.run("--as user:dora rollback checkout-241 --reason odd").done();
    let said = format!("/{}, seen ", running.id());
    assert!(back.out.contains("relman carries it out (conductor ") && back.out.contains(&said), "{back:?}");
    let ended = Answer::from(running.wait_with_output().unwrap());
    assert!(ended.out.contains("checkout-241 is rolled back"), "{ended:?}");
    assert_eq!(bench.read("share"), b"0\n");
}

#[test]
fn t11_now_beside_a_running_conductor_leaves_it_the_work() {
    let bench = bench();
    let mut running = start(&bench);
    read_until(&mut running, "traffic set to 1%");
    let back = bench.run("--as user:dora rollback checkout-241 --reason odd --now").done();
    assert!(back.out.contains("carries it out; this command stands by"), "{back:?}");
    assert!(back.out.contains("rolled back: the platform shows zero traffic"), "{back:?}");
    let ended = Answer::from(running.wait_with_output().unwrap());
    assert!(ended.out.contains("checkout-241 is rolled back"), "{ended:?}");
    let log = bench.run("log checkout-241 --json").done().json();
    let set = log.iter().filter(|record| record["kind"] == "traffic_set").count();
    assert_eq!(set, 2, "1% and none, each once: {log:?}");
}

#[test]
fn t11_a_conductor_that_is_killed_is_followed_within_the_leases_time() {
    let bench = bench();
    let mut first = start(&bench);
    read_until(&mut first, "traffic set to 1%");
    let second = start(&bench);
    until(|| bench.run("presence").out.matches("running since").count() == 2);
    let looks = || {
        let log = bench.run("log checkout-241 --json").done().json();
        log.iter().filter(|record| record["kind"].as_str().unwrap().starts_with("evaluated")).count()
    };
    kill(first);
    let (before, killed) = (looks(), Instant::now());
    let driven_by_second = || {
        let presence = bench.run("presence");
        presence.out.contains("driven by conductor ")
            && presence.out.contains(&format!("/{}, seen", second.id()))
    };
    until(driven_by_second);
    assert!(killed.elapsed() < LEASE, "{:?}", killed.elapsed());
    bench.run("presence").done();
    // A look is due once a minute.
    let give_up = Instant::now() + Duration::from_secs(80);
    while looks() == before {
        assert!(Instant::now() < give_up, "the second one does not look");
        std::thread::sleep(Duration::from_millis(200));
    }
    let stopped = interrupt(second, "-INT");
    assert!(stopped.err.contains("vanished"), "on-call is told: {stopped:?}");
    assert!(stopped.err.contains("warning: checkout-241 is in production"), "{stopped:?}");
}

#[cfg(unix)]
fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn t11_a_conductor_that_was_frozen_stands_by_when_it_thaws() {
    let bench = bench();
    let mut first = start(&bench);
    read_until(&mut first, "traffic set to 1%");
    let second = start(&bench);
    until(|| bench.run("presence").out.matches("running since").count() == 2);
    let driven_by = |child: &Child| {
        let (presence, name) = (bench.run("presence").out, format!("/{}, seen", child.id()));
        presence.lines().any(|line| line.contains("driven by conductor ") && line.contains(&name))
    };
    signal(&first, "-STOP");
    until(|| driven_by(&second));
    signal(&first, "-CONT");
    until(|| bench.run("presence").out.matches("running since").count() == 2);
    assert!(driven_by(&second), "{}", bench.run("presence").out);
    kill(second);
    until(|| driven_by(&first));
    interrupt(first, "-INT").done();
}

#[test]
fn t11_whoever_can_not_perform_it_is_told_what_to_type() {
    let bench = left_alone();
    // The platform is away.
    std::fs::rename(bench.path("platform.sh"), bench.path("away.sh")).unwrap();
    let words = ["--as", "user:dora", "rollback", "checkout-241", "--reason", "odd", "--now"];
    let log = std::fs::File::create(bench.path("back.err")).unwrap();
    let running: Child = {
        let mut command: Command = bench.command(&words);
        command.stdout(std::process::Stdio::null()).stderr(log).spawn().unwrap()
    };
    until(|| String::from_utf8_lossy(&bench.read("back.err")).contains("it is tried again until it is"));
    let stopped = interrupt(running, "-INT");
    assert_eq!(stopped.status, 1);
    let said = String::from_utf8(bench.read("back.err")).unwrap();
    for part in [
        "by hand: ",
        "stopped by hand before the rollback of checkout-241 was confirmed",
        "warning: checkout-241 is in production (rolling back, 1% of the traffic at the last change)",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn t11_every_command_tells_the_truth_about_who_carries_it_out() {
    let bench = Bench::in_staging();
    crate::run::configure(&bench);
    let commands = [
        "--as service:ci check checkout-241 unit passed --evidence green",
        "--as user:dora hold checkout-241 --reason odd",
        "--as user:ana resume checkout-241 --reason fine",
        "--as user:ana lesson checkout-241 lucky it-was",
        "--as user:ana action checkout-241 test --kind prevent --owner user:ben --due 14d",
        "--as user:ana settle checkout-241 done --note see",
    ];
    for command in commands {
        let alone = bench.run(command).done();
        assert!(alone.err.contains("no conductor is running"), "{command}: {alone:?}");
        assert!(!alone.out.contains("(conductor "), "{command}: {alone:?}");
    }
    let mut running = start(&bench);
    read_until(&mut running, "deployed to staging");
    for command in commands {
        let driven = bench.run(command).done();
        let said = format!("/{}, seen ", running.id());
        assert!(driven.out.contains(&said) && driven.err.is_empty(), "{command}: {driven:?}");
    }
    let aborted = bench.run("--as user:ana abort checkout-241 --reason superseded").done();
    assert!(!aborted.err.contains("NOT performed"), "{aborted:?}");
    running.wait().unwrap();
    // It has ended, and nothing is left to anybody.
    let lesson = bench.run("--as user:ana lesson checkout-241 lucky it-was-so").done();
    assert!(!lesson.out.contains("conductor") && lesson.err.is_empty(), "{lesson:?}");

    let bench = Bench::in_staging();
    let aborted = bench.run("--as user:ana abort checkout-241 --reason superseded").done();
    assert!(!aborted.err.contains("NOT performed"), "it was: {aborted:?}");
}

#[test]
fn a_journal_that_no_conductor_has_used_has_none() {
    let bench = Bench::new();
    bench.run("--as user:ana plan plan.toml").done();
    let presence = bench.run("presence").done();
    assert_eq!(presence.out, "no release needs a conductor\n");
    let approved = bench.run("--as user:ben approve checkout-241").done();
    assert!(
        approved.err.contains("recorded, and nobody is driving checkout-241: no conductor is running"),
        "{approved:?}"
    );
    assert_eq!(bench.run("presence").status, 1);
}
