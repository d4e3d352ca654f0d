//! `lab`: tables, JSON, the page, and what it refuses.

use crate::bench::Bench;

/// A folder with two policies.
fn bench() -> Bench {
    let bench = Bench::new();
    let policy = include_str!("../../example/policy.toml");
    bench.write("policy.toml", policy);
    let name = "name = \"relman shipped policy\"";
    assert!(policy.contains(name) && policy.contains("min_requests = 100"));
    let other =
        policy.replace(name, "name = \"thorough\"").replace("min_requests = 100", "min_requests = 1000");
    bench.write("other.toml", other);
    bench
}

#[test]
fn two_policies_stand_side_by_side() {
    let bench = bench();
    let answer = bench.run("lab policy.toml --against other.toml --trials 3").done();
    for part in [
        "3 trials of each policy in each world, seed 1",
        "rolled back when error_rate > 1%, or latency_p99 > 2x baseline, or complaints > 3",
        "thorough (version 1), track standard: 1% 30m, 10% 2h, 50% 4h, 100% 24h",
        "Healthy versions",
        "rolled back wrongly",
        "Bad versions",
        "error spike, 20% at 100/s",
        "95% confidence interval",
    ] {
        assert!(answer.out.contains(part), "{part}: {}", answer.out);
    }
    assert_eq!(answer.err, "", "no bar where there is no terminal");
    assert_eq!(answer.out, bench.run("lab policy.toml --against other.toml --trials 3").done().out);
    assert_ne!(answer.out, bench.run("lab policy.toml --against other.toml --trials 3 --seed 2").done().out);
}

#[test]
fn the_plan_brings_its_criteria_and_the_track_can_be_named() {
    let bench = bench();
    let report =
        bench.run("lab policy.toml --plan plan.toml --track high-risk --trials 2 --json").done().json();
    let [report] = report.as_slice() else { panic!("one document") };
    assert_eq!(report["criteria"], serde_json::json!(["error_rate > 1%"]));
    assert_eq!(report["policies"][0]["track"], "high-risk");
    assert_eq!(report["trials"], 2);
    let worlds = report["worlds"].as_array().unwrap();
    let healthy = worlds.iter().find(|world| world["kind"] == "healthy").unwrap();
    assert!(healthy["policies"][0]["rolled_back"]["high"].is_f64());
    let spike = worlds.iter().find(|world| world["kind"] == "error_spike").unwrap();
    assert!(spike["policies"][0]["regression"]["detected"]["trials"].is_u64());
}

#[test]
fn the_page_is_written_whole_and_replaces_only_its_like() {
    let bench = bench();
    let answer = bench.run("lab policy.toml --trials 1 --html lab.html").done();
    assert!(answer.out.ends_with("\nwrote lab.html\n"), "{}", answer.out);
    let page = String::from_utf8(bench.read("lab.html")).unwrap();
    assert!(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"));
    let json = bench.run("lab policy.toml --trials 1 --seed 5 --html lab.html --json").done();
    assert_eq!(json.json().len(), 1);
    assert!(String::from_utf8(bench.read("lab.html")).unwrap().contains("seed 5"));
    bench
        .run("lab policy.toml --trials 1 --html policy.toml")
        .misused("is no report; only a report or a storyboard is replaced");
    assert!(bench.read("policy.toml").starts_with(b"# The policy"));
}

#[test]
fn nonsense_is_refused_with_what_would_be_right() {
    let bench = bench();
    bench.run("lab").misused("<POLICY.toml>");
    bench.run("lab policy.toml --trials 0").misused("0 is not in 1..=1000000");
    bench.run("lab policy.toml --trials many").misused("invalid value 'many' for '--trials <N>'");
    bench.run("lab policy.toml --seed=-1").misused("--seed");
    bench.run("lab nothere.toml").misused("failed to read the policy nothere.toml");
    bench.run("lab plan.toml").misused("plan.toml: failed to read the policy");
    bench.run("lab policy.toml --against nothere.toml").misused("failed to read the policy nothere.toml");
    bench.run("lab policy.toml --plan nothere.toml").misused("failed to read the plan nothere.toml");
    bench.run("lab policy.toml --plan policy.toml").misused("policy.toml: failed to read the plan");
    bench.run("lab policy.toml --track dril").misused("there is no track `dril`; this policy has high-risk");
    let plan = String::from_utf8(bench.read("plan.toml")).unwrap();
    bench.write("queue.toml", plan.replace("error_rate > 1%", "queue_depth > 10"));
    bench.run("lab policy.toml --plan queue.toml").misused("`queue_depth > 10` can't be simulated");
    let nowhere = "failed to write nowhere/lab.html: no file can be made in its folder";
    bench.run("lab policy.toml --html nowhere/lab.html").misused(nowhere);
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.run("lab policy.toml --html folder").misused("it is a folder; name a file in it");
    bench.write("lab.html", "my own");
    bench
        .run("lab policy.toml --html lab.html")
        .misused("only a report or a storyboard is replaced, name another file");
    assert_eq!(bench.read("lab.html"), b"my own");
}
