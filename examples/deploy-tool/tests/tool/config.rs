//! Files that people write, and what is said where they are wrong.

use relman_core::policy::Policy;

use crate::bench::{Bench, CONFIG, PLAN};

#[test]
fn init_writes_files_that_work_and_overwrites_none() {
    let bench = Bench::new();
    let wrote = bench.run("init service").done();
    assert!(wrote.out.contains("wrote service/plan.toml"), "{wrote:?}");
    bench.run("--config service/relman.toml --as user:ana plan service/plan.toml").done();
    // The adapters of the example are configured well enough to be built.
    bench.write("service/plan.toml", "mine");
    bench.run("init service").refused("nothing is overwritten and these are there: service/relman.toml");
    assert_eq!(bench.read("service/plan.toml"), b"mine");
}

#[test]
fn the_example_policy_is_the_one_that_ships() {
    assert_eq!(include_str!("../../example/policy.toml"), Policy::SHIPPED_TOML);
}

#[test]
fn a_wrong_configuration_is_named_with_file_line_and_what_would_be_right() {
    let bench = Bench::new();
    for (text, parts) in [
        ("[peopel]\n", &["relman.toml, line 1, column 2", "unknown field `peopel`, expected one of"][..]),
        ("\n[people]\nana = [\"author\"]\n", &["line 3, column 1", "user:ana"]),
        ("[people]\n\"user:ana\" = \"author\"\n", &["line 2, column 14", "invalid type"]),
        (
            "[deployer]\nkind = \"hyproxy\"\n",
            &["line 2, column 8", "unknown variant `hyproxy`, expected `haproxy` or `command`"],
        ),
        ("[deployer]\nkind = \"command\"\n", &["missing field `program`"]),
        (
            "[deployer]\nkind = \"command\"\nprogram = \"a\"\ntime_limit = \"soon\"\n",
            &["is not a duration such as 30m"],
        ),
        ("[notifiers.\"On Call\"]\nkind = \"log\"\n", &["is not a channel name"]),
        ("[notifiers.a]\nkind = \"log\"\nurl = \"x\"\n", &["unknown field `url`"]),
        ("people = ", &["line 1"]),
    ] {
        bench.write("relman.toml", text);
        for part in parts {
            bench
                .run("--as user:ana plan plan.toml")
                .misused("failed to read the configuration relman.toml")
                .misused(part);
        }
        assert!(!bench.path("relman.db").exists(), "{text}");
    }
    bench
        .run("--config nowhere.toml --as user:ana plan plan.toml")
        .misused("failed to read the configuration nowhere.toml");
}

#[test]
fn a_secret_in_the_configuration_is_not_repeated() {
    let bench = Bench::new();
    for text in [
        "[notifiers.a]\nkind = \"slack\"\nurl = \"https://hooks.example.org/hunter2\"\nurll = 1\n",
        "[notifiers.a]\nkind = \"slack\"\nurll = \"https://hooks.example.org/hunter2\"\n",
        "[metrics]\nkind = \"prometheus\"\nbearr = \"hunter2\"\n",
        "token = \"hunter2\"\n",
    ] {
        bench.write("relman.toml", text);
        let answer = bench.run("--as user:ana plan plan.toml").misused("failed to read the configuration");
        assert!(!answer.err.contains("hunter2"), "{answer:?}");
    }
}

#[test]
fn without_a_configuration_nobody_is_known() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("relman.toml")).unwrap();
    bench.run("--as user:ana plan plan.toml").refused("[people] in relman.toml, which is not there");
}

#[test]
fn the_policy_of_the_configuration_is_found_beside_it() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("etc")).unwrap();
    bench.write("etc/relman.toml", format!("policy = \"rules.toml\"\n{CONFIG}"));
    let plan = "--config etc/relman.toml --as user:ana plan plan.toml";
    bench.run(plan).misused("failed to read the policy etc/rules.toml");
    bench.write("etc/rules.toml", Policy::SHIPPED_TOML.replacen("\"30m\"", "\"1m\"", 1));
    bench.run(plan).misused("etc/rules.toml: failed to read the policy: track standard: ");
    bench.write("etc/rules.toml", Policy::SHIPPED_TOML.replacen("relman shipped policy", "our rules", 1));
    bench.run(plan).done();
    let shown = bench.run("show checkout-241").done();
    assert!(shown.out.contains("our rules"), "{shown:?}");
}

#[test]
fn p3_a_plan_that_is_wrong_is_named_with_its_line() {
    let bench = Bench::new();
    for (from, to, part) in [
        ("error_rate > 1%", "if it breaks", "expected one of > >= < <="),
        ("title =", "titel =", "unknown field `titel`"),
        ("checkout-241", "checkout 241", "is not a release id"),
        ("criteria = [\"error_rate > 1%\"]", "", "has no numeric threshold"),
        ("[\"api\"]", "[\"apis\"]", "the policy does not know the tag `apis`"),
    ] {
        bench.write("plan.toml", PLAN.replace(from, to));
        let answer = bench.run("--as user:ana plan plan.toml");
        assert!(answer.status != 0 && answer.err.contains(part), "{answer:?}");
    }
    bench.run("--as user:ana plan nowhere.toml").misused("failed to read the plan nowhere.toml");
    bench.write("plan.toml", [0xff, 0xfe, 0x00]);
    bench.run("--as user:ana plan plan.toml").misused("failed to read the plan plan.toml");
}

#[test]
fn g2_a_plan_without_a_contract_is_recorded_and_not_approved() {
    let bench = Bench::new();
    bench.write("plan.toml", PLAN.replace("[contract]\ncriteria = [\"error_rate > 1%\"]\n", ""));
    let planned = bench.run("--as user:ana plan plan.toml").done();
    assert!(planned.out.contains("a rollback contract: nothing is staged without one"), "{planned:?}");
    bench.run("--as user:ben approve checkout-241").refused("checkout-241 has no rollback contract");
}

#[test]
fn schemas_describe_the_example_files() {
    let bench = Bench::new();
    for (of, text) in [
        ("plan", include_str!("../../example/plan.toml")),
        ("policy", include_str!("../../example/policy.toml")),
    ] {
        let schema = bench.run(&format!("schema {of}")).done();
        let schema: serde_json::Value = serde_json::from_str(&schema.out).unwrap();
        let instance: toml::Value = toml::from_str(text).unwrap();
        let instance = serde_json::to_value(instance).unwrap();
        let validator = jsonschema::validator_for(&schema).unwrap();
        let errors: Vec<String> = validator.iter_errors(&instance).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{of}: {errors:?}");
    }
    bench.run("schema plans").misused("invalid value 'plans'");
}

#[test]
fn nonsense_on_the_command_line_is_usage() {
    let bench = Bench::in_staging();
    for (words, part) in [
        ("", "Usage"),
        ("relase", "unrecognized subcommand 'relase'"),
        ("--as user:eve override checkout-241 --gate step --reason x --expires 4h", "is not a gate"),
        ("--as user:eve override checkout-241 --gate freeze --reason x --expires 4", "is not a duration"),
        ("--as service:ci check checkout-241 unit maybe --evidence x", "invalid value 'maybe'"),
        ("verify --head abc", "is not a SHA-256 hash: it has 3 characters instead of 64"),
        ("demo --scenario chaos", "invalid value 'chaos'"),
    ] {
        bench.run(words).misused(part);
    }
    bench
        .run_words(&["--as", "user:ana", "hold", "checkout-241", "--reason", " "])
        .misused("is not a text for a record");
    bench.run("--version").done();
}
