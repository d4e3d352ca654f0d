//! Documents, metrics and obligations from outside.

use crate::bench::Bench;

#[test]
fn every_artifact_is_printed_as_text_markdown_and_json() {
    let bench = Bench::in_staging();
    let text = bench.run("report checkout-241").done();
    for title in ["Plan of checkout-241", "Schedule of checkout-241", "Retrospective of checkout-241"] {
        assert!(text.out.contains(title), "{text:?}");
    }
    let markdown = bench.run("report checkout-241 --format markdown").done();
    for title in ["# Release plan of checkout-241", "# Rollout schedule of", "# Retrospective of"] {
        assert!(markdown.out.contains(title), "{markdown:?}");
    }
    let json = bench.run("report checkout-241 --format json").done().json();
    let names: Vec<&str> = json.iter().map(|one| one["artifact"].as_str().unwrap()).collect();
    assert_eq!(names, ["plan", "schedule", "retrospective"]);
    let verified = bench.run("verify --json").done().json();
    for one in &json {
        assert_eq!(one["release"], "checkout-241");
        assert_eq!(one["head"]["digest"], verified[0]["streams"][0]["head"], "a copy names the head");
    }
    assert_eq!(
        bench.run("report checkout-241 --json").done().out,
        bench.run("report checkout-241 --json").done().out
    );
}

#[test]
fn one_artifact_is_named_and_one_that_is_not_there_is_refused() {
    let bench = Bench::in_staging();
    let plan = bench.run("report checkout-241 --artifact plan --format markdown").done();
    assert!(plan.out.contains("## Rollback contract") && !plan.out.contains("# Retrospective"), "{plan:?}");
    bench
        .run("report checkout-241 --artifact rollback-log")
        .refused("checkout-241 is staging and has no rollback-log; it has plan, schedule, retrospective");
    bench.run("report checkout-241 --artifact postmortem").misused("post-mortem-1");
    bench.run("report nothing-7").refused("nothing-7");
}

#[test]
fn templates_of_a_folder_replace_those_of_relman() {
    let bench = Bench::in_staging();
    std::fs::create_dir(bench.path("ours")).unwrap();
    bench.write("ours/plan.md", "# Ours: {{ scope.summary }}\n{% include \"_footer\" %}\n");
    bench.write("ours/_footer.md", "Example Ltd\n");
    let words = "report checkout-241 --artifact plan --format markdown --templates ours";
    assert_eq!(bench.run(words).done().out, "# Ours: Caches tax rates for a minute\nExample Ltd\n");
    bench.write("ours/plan.md", "# Ours\n{{ scop.summary }}\n");
    let failed = bench.run(words).misused("failed to make plan by the template plan, line 2");
    assert!(failed.err.contains("scop"), "{failed:?}");
    bench.write("ours/plan.md", "{% if %}\n");
    bench.run(words).misused("plan.md: failed to read the template plan, line 1");
    bench.run("report checkout-241 --format markdown --templates nowhere").misused("nowhere");
}

#[test]
fn metrics_count_what_was_deployed() {
    let bench = Bench::in_staging();
    let json = bench.run("metrics --json").done().json();
    assert_eq!((&json[0]["artifact"], &json[0]["deployments"]), (&"delivery-metrics".into(), &0.into()));
    assert_eq!(json[0]["not_deployed"], 1);
    let text = bench.run("metrics --last 90d").done();
    assert!(
        text.out.contains("lead time") && text.out.contains("1 release not deployed in that time"),
        "{text:?}"
    );
    let markdown = bench.run("metrics --format markdown").done();
    assert!(markdown.out.contains("| Change fail rate | none |"), "{markdown:?}");
}

#[test]
fn a1_lessons_and_action_items_are_recorded_owed_and_settled() {
    let bench = Bench::in_staging();
    let lesson = ["--as", "user:nobody", "lesson", "checkout-241", "lucky", "it was <b>Monday</b>"];
    bench.run_words(&lesson).done();
    let action = |by: &'static str| {
        let words = [
            "--as",
            by,
            "action",
            "checkout-241",
            "test addresses",
            "--kind",
            "prevent",
            "--owner",
            "user:ben",
        ];
        bench.run_words(&[&words[..], &["--due", "14d"]].concat())
    };
    action("user:nobody").refused("user:nobody may not");
    let opened = action("user:ana").done();
    assert!(opened.out.contains("opened action item 1 (prevent) for user:ben"), "{opened:?}");
    let owed = bench.run("owed").done();
    assert!(owed.out.contains("checkout-241: action item 1. test addresses (prevent), user:ben"), "{owed:?}");
    let retrospective = bench.run("report checkout-241 --artifact retrospective --format markdown").done();
    assert!(retrospective.out.contains("- it was &lt;b>Monday&lt;/b> (user:nobody,"), "{retrospective:?}");
    bench.run("--as user:nobody settle checkout-241 done --note merged").refused("user:nobody may not");
    bench.run("--as user:ben settle checkout-241 done --note merged").done();
    assert_eq!(bench.run("owed --json").done().json()[0]["action_items"].as_array().map(Vec::len), Some(0));
    bench
        .run("--as user:ben settle checkout-241 done --note again")
        .refused("checkout-241 has no open action item");
    bench.run("verify").done();
}
