//! What people may do and what they are told.

use std::{process::Stdio, thread};

use crate::bench::{Bench, PLAN};

#[test]
fn a_release_goes_from_plan_to_staging_by_peoples_commands() {
    let bench = Bench::new();
    let planned = bench.run("--as user:ana plan plan.toml").done();
    assert!(
        planned.out.contains("recorded #0 user:ana: recorded the plan \"Faster tax lookup\""),
        "{planned:?}"
    );
    assert!(planned.out.contains("approvals: 0 of 1 for standard risk"), "{planned:?}");
    let approved = bench.run("--as user:ben approve checkout-241").done();
    assert!(approved.out.contains("recorded #1 user:ben: approved the plan"), "{approved:?}");
    assert!(approved.out.contains("checkout-241 is staging"), "{approved:?}");
    assert!(approved.out.contains("the check unit"), "{approved:?}");
    let checked = bench.run("--as service:ci check checkout-241 unit pass --evidence green").done();
    assert!(checked.out.contains("recorded #4 service:ci: check unit passed: green"), "{checked:?}");
    assert!(!checked.out.contains("  the check unit"), "{checked:?}");
}

#[test]
fn json_has_an_object_for_each_record_that_was_made() {
    let bench = Bench::new();
    bench.run("--as user:ana plan plan.toml").done();
    let approved = bench.run("--as user:ben --json approve checkout-241").done().json();
    let kinds: Vec<&str> = approved.iter().map(|record| record["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["plan_approved", "gate_passed/2", "staging_started"]);
    assert_eq!(approved[0]["by"], "user:ben");
    assert_eq!(approved[2]["seq"], 3);
}

#[test]
fn g5_author_approver_and_executive_are_different_people() {
    let bench = Bench::new();
    let everything = crate::bench::CONFIG
        .replace("[\"author\", \"developer\"]", "[\"author\", \"approver\", \"executive\"]");
    bench.write("relman.toml", everything);
    bench.run("--as user:ana plan plan.toml").done();
    bench
        .run("--as user:ana approve checkout-241")
        .refused("user:ana is an author of the plan: someone else has to approve it");
    bench.run("--as user:eve approve checkout-241").done();
    bench.run("--as service:ci check checkout-241 unit failed --evidence red").done();
    let asked = "override checkout-241 --gate staging --reason flake --expires 4h";
    bench.run(&format!("--as user:ana {asked}")).refused("user:ana is an author of the plan");
    bench.run(&format!("--as user:eve {asked}")).refused("user:eve has approved the plan");
}

#[test]
fn who_may_not_is_told_which_role_it_takes() {
    let bench = Bench::new();
    bench
        .run("--as user:dora plan plan.toml")
        .refused("user:dora may not record a plan: that takes one of the roles");
    bench.run("--as user:zoe plan plan.toml").refused("user:zoe is unknown to the directory");
    bench.run("--as user:zoe plan plan.toml").refused("the directory is [people] in relman.toml");
    bench.run("--as system:relman plan plan.toml").refused("system:relman can't give commands");
    bench.run("plan plan.toml").misused("nobody said who acts: add --as user:NAME");
    bench.run("--as ana plan plan.toml").misused("\"ana\" is not an actor such as user:ana or service:ci");
}

#[test]
fn the_environment_may_say_who_acts() {
    let bench = Bench::new();
    let planned = bench.command(&["plan", "plan.toml"]).env("RELMAN_AS", "user:ana").output().unwrap();
    assert!(planned.status.success(), "{planned:?}");
}

#[test]
fn g1_an_override_is_for_executives_and_owes_a_post_mortem() {
    let bench = Bench::in_staging();
    let asked = "override checkout-241 --gate staging --reason flake --expires 4h";
    bench.run(&format!("--as user:eve {asked}")).refused("the staging gate has not failed");
    bench.run("--as service:ci check checkout-241 end-to-end fail --evidence red").done();
    bench.run(&format!("--as user:cleo {asked}")).refused("user:cleo may not override a gate");
    bench
        .run("--as user:eve override checkout-241 --gate staging --reason flake --expires 40h")
        .refused("it has to expire after");
    bench
        .run("--as user:eve override checkout-241 --gate step-1 --reason hurry --expires 4h")
        .refused("the step-1 gate can't be overridden: a step passes on data alone");
    bench.run(&format!("--as user:eve {asked}")).done();
    bench.run("--as user:ana abort checkout-241 --reason superseded").done();
    bench
        .run("--as user:ana close checkout-241")
        .refused("can't be closed before these are filed: post-mortem 1");
    let filed =
        ["--as", "user:ana", "postmortem", "checkout-241", "--summary", "a flake", "--root-cause", "a clock"];
    bench.run_words(&filed).done();
    bench.run("--as user:ana close checkout-241").done();
}

#[test]
fn everybody_who_is_known_may_pull_the_cord() {
    let bench = Bench::in_staging();
    bench.run("--as user:nobody hold checkout-241 --reason odd").done();
    bench.run("--as user:dora hold checkout-241 --reason odd").refused("checkout-241 has been held since");
    bench.run("--as user:nobody resume checkout-241 --reason fine").refused("user:nobody may not resume");
    bench.run("--as user:ana resume checkout-241 --reason fine").done();
}

#[test]
fn what_the_phase_does_not_allow_is_refused_with_what_would() {
    let bench = Bench::in_staging();
    bench
        .run("--as user:ana rollback checkout-241 --reason no")
        .refused("so there is nothing to roll back: abort it instead");
    bench.run("--as user:ben approve checkout-241").refused("is possible while it is planning");
    bench.run("--as user:dora complain checkout-241 slow").refused("recording a complaint is possible while");
    bench.run("--as user:ana close checkout-241").refused("can't be completed: it is staging and waits for");
    bench.run("--as user:ana plan plan.toml").refused("checkout-241 is planned already");
    bench
        .run("--as user:ana postmortem checkout-241 --summary a --root-cause b")
        .refused("owes no post-mortem");
    bench
        .run("--as service:ci check checkout-241 smoke passed --evidence x")
        .refused("no gate asks for the check `smoke` now");
    bench
        .run("--as user:ben approve checkout-9")
        .refused("there is no release checkout-9: record its plan first");
}

#[test]
fn a_plan_is_revised_in_planning_and_the_same_plan_changes_nothing() {
    let bench = Bench::new();
    bench.run("--as user:ana plan plan.toml").done();
    let same = bench.run("--as user:ana plan plan.toml").done();
    assert!(same.out.contains("nothing to record"), "{same:?}");
    bench.write("plan.toml", PLAN.replace("Faster", "Much faster"));
    let revised = bench.run("--as user:ana plan plan.toml").done();
    assert!(revised.out.contains("recorded #1 user:ana"), "{revised:?}");
    bench.write("plan.toml", PLAN.replace("title =", "kind = \"drill\"\ntitle ="));
    bench.run("--as user:ana plan plan.toml").refused("is a production release and can't become a drill");
}

#[test]
fn a_checklist_is_signed_whole_by_a_person() {
    let bench = Bench::new();
    bench.write("plan.toml", PLAN.replace("[\"api\"]", "[\"payments\"]"));
    bench.run("--as user:ana plan plan.toml").done();
    let first = bench.run("--as user:ben approve checkout-241").done();
    assert!(first.out.contains("approvals: 1 of 2 for high risk"), "{first:?}");
    bench
        .run("--as user:ben approve checkout-241")
        .refused("a second approval has to come from someone else");
    bench.run("--as user:cleo approve checkout-241").done();
    let sign = "check checkout-241 manual-qa passed --evidence seen";
    bench
        .run(&format!("--as user:cleo {sign}"))
        .refused("the checklist of `manual-qa` is not complete: confirm");
    bench.run(&format!("--as service:ci {sign} --all-items")).refused("service:ci is not a person");
    bench
        .run("--as user:cleo check checkout-241 unit passed --evidence seen --all-items")
        .misused("has no checklist");
    bench.run(&format!("--as user:cleo {sign} --all-items")).done();
}

#[test]
fn two_processes_at_once_on_one_journal_lose_nothing() {
    let bench = Bench::in_staging();
    let rounds = 12;
    thread::scope(|scope| {
        for worker in 0..2 {
            let bench = &bench;
            scope.spawn(move || {
                for round in 0..rounds {
                    let evidence = format!("worker-{worker}-{round}");
                    bench
                        .run(&format!("--as service:ci check checkout-241 unit passed --evidence {evidence}"))
                        .done();
                }
            });
        }
    });
    let log = bench.run("log checkout-241 --json").done().json();
    for worker in 0..2 {
        for round in 0..rounds {
            let evidence = format!("worker-{worker}-{round}");
            let times = log.iter().filter(|record| record["data"]["evidence"] == evidence.as_str()).count();
            assert_eq!(times, 1, "{evidence}");
        }
    }
    bench.run("verify").done();
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let bench = Bench::in_staging();
    for words in [
        &["log", "checkout-241", "--json"][..],
        &["export", "checkout-241"],
        &["schema", "policy"],
        &["--help"],
    ] {
        let mut child = bench.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{words:?}: {output:?}");
        assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
    }
}
