//! `judge`: the same figures as everywhere else, and a verdict that a script can rely on.

use std::fmt::Write;

use relman_core::judge::{
    evidence::{Alpha, Scheme, Sequential, StartWeights},
    factor::{
        Arms, BurstProofAgainstBaseline, BurstProofGauge, BurstProofLimit, Counts, CountsWithExposure,
        Exposed, Factor, RateAgainstBaseline,
    },
};
use relman_core::unit::Finite;
use serde_json::{Value, json};

use crate::bench::Bench;

const SEQUENTIAL: &str = include_str!("../../../../relman-core/tests/vectors/sequential.json");
const MANN_WHITNEY: &str = include_str!("../../../../relman-core/tests/vectors/mann-whitney.json");
const EXAMPLE: &str = include_str!("../../example/observations.jsonl");

/// See `relman-core/tests/it/judge_vectors.rs`: one figure of the file is not what its own formula gives.
const MISPRINT: (f64, f64) = (0.488_850_725_641_601_8, 0.488_750_725_641_601_8);

pub(crate) fn lines(intervals: impl IntoIterator<Item = Value>) -> String {
    let mut lines = String::new();
    for interval in intervals {
        writeln!(lines, "{interval}").unwrap();
    }
    lines
}

/// The document of `--json`.
pub(crate) fn judged(words: &[&str], input: &str) -> Value {
    let words = [&["judge", "--json"], words].concat();
    let [document] = <[Value; 1]>::try_from(Bench::new().run_on(&words, input).done().json()).unwrap();
    document
}

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

#[track_caller]
fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found / expected - 1.0).abs() < 5e-13, "{found} where {expected} is right");
    }
}

#[test]
fn evidence_is_that_of_the_reference_to_twelve_digits() {
    let vectors: Value = serde_json::from_str(SEQUENTIAL).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let intervals = case["intervals"].as_array().unwrap().iter().cloned();
        let (criterion, input) = match case["kind"].as_str().unwrap() {
            "rate" => {
                let criterion = format!("error_rate > {}", case["p0"]);
                (criterion, lines(intervals.map(|canary| json!({ "canary": canary }))))
            }
            "rate-vs-baseline" => ("error_rate > 1x baseline".to_owned(), lines(intervals)),
            kind => panic!("{kind}"),
        };
        let weights = if case["change_point_weights"] == "uniform" { "uniform" } else { "first" };
        let expected: Vec<f64> = numbers(&case["ln_evidence"])
            .into_iter()
            .map(|ln| if ln.to_bits() == MISPRINT.0.to_bits() { MISPRINT.1 } else { ln })
            .collect();
        for method in ["evidence", "fast"] {
            let words = [criterion.as_str(), "--start-weights", weights, "--method", method];
            let found = judged(&words, &input);
            close(&numbers(&found["ln_evidence"]), &expected);
            assert_eq!(found["threshold"], json!(Alpha::default().ln_threshold()));
            let alarm_at = expected.iter().position(|ln| *ln >= 100_f64.ln());
            assert_eq!(found["alarm_at"], json!(alarm_at));
        }
    }
}

#[test]
fn shifts_are_those_of_the_reference_within_its_tolerances() {
    let cases: Vec<Value> = serde_json::from_str(MANN_WHITNEY).unwrap();
    assert_eq!(cases.len(), 4);
    for case in cases {
        let values = |arm: &str, values: &Value| {
            let line = |value: &Value| json!({ arm: { "value": value } });
            values.as_array().unwrap().iter().map(line).collect::<Vec<_>>()
        };
        let (canary, baseline) =
            (values("canary", &case["experiment"]), values("baseline", &case["control"]));
        // Each arm in lines of its own, as two samples of different sizes would stand.
        let apart = lines(canary.iter().chain(&baseline).cloned());
        let beside = lines(canary.iter().zip(&baseline).map(
            |(canary, baseline)| json!({ "canary": canary["canary"], "baseline": baseline["baseline"] }),
        ));
        for input in [apart, beside] {
            let confidence = case["confidence"].to_string();
            let words = ["latency > 1x baseline", "--method", "mann-whitney", "--confidence", &confidence];
            let found = judged(&words, &input);
            for (name, tolerance) in [("ci_low", "ci"), ("ci_high", "ci"), ("estimate", "estimate")] {
                let (expected, found) =
                    (case["expect"][name].as_f64().unwrap(), found[name].as_f64().unwrap());
                let tolerance = case["tolerance"][tolerance].as_f64().unwrap();
                assert!((found - expected).abs() <= tolerance, "{}: {name}: {found}", case["name"]);
            }
            assert!(["pass", "high", "low"].contains(&found["classification"].as_str().unwrap()));
        }
    }
}

#[test]
fn kayentas_rule_decides_by_the_side_that_the_criterion_names() {
    let input =
        lines((0..10).map(|n| json!({ "canary": { "value": 20 + n }, "baseline": { "value": 10 + n } })));
    let by = |criterion: &str, more: &[&str]| {
        judged(&[&[criterion, "--method", "mann-whitney"], more].concat(), &input)
    };
    let found = by("latency > 1x baseline", &[]);
    assert_eq!((&found["verdict"], &found["classification"]), (&json!("fail"), &json!("high")));
    assert_eq!(by("latency < 1x baseline", &[])["verdict"], "pass");
    assert_eq!(by("latency > 1x baseline", &["--tolerance", "2"])["classification"], "pass");
    assert_eq!(by("latency > 5", &[])["warnings"].as_array().unwrap().len(), 1);
    let one_arm = judged(&["latency > 1x baseline", "--method", "mann-whitney"], r#"{"canary":{"value":1}}"#);
    assert_eq!((&one_arm["verdict"], &one_arm["classification"]), (&json!("undecided"), &json!("no_data")));
}

/// The evidence of one factor after each interval of one step.
fn evidence<F: Factor>(factor: Option<F>, scheme: Scheme, intervals: &[F::Interval]) -> Vec<f64> {
    let planned = u32::try_from(intervals.len()).unwrap();
    let mut sequence = Sequential::new(factor.unwrap(), StartWeights::new(scheme, vec![planned]));
    intervals.iter().map(|interval| sequence.observe(0, interval)).collect()
}

#[test]
fn a_channel_that_is_named_has_the_evidence_of_its_factor_alone() {
    let counts = |errors| Counts::new(600, errors).unwrap();
    let canary = [1, 0, 3, 4, 5, 6].map(counts);
    let arms = canary.map(|canary| Arms { canary, baseline: Counts::new(59_400, 58).unwrap() });
    let of_canary = lines(canary.iter().map(|canary| json!({ "canary": canary })));
    let of_both = lines(arms.iter().map(|arms| json!(arms)));
    for (name, scheme) in [("steps", Scheme::Steps), ("first", Scheme::First), ("uniform", Scheme::Uniform)] {
        let ln = |criterion: &str, method: &str, input: &str| {
            numbers(&judged(&[criterion, "--method", method, "--start-weights", name], input)["ln_evidence"])
        };
        assert_eq!(
            ln("error_rate > 0.1%", "robust", &of_canary),
            evidence(BurstProofLimit::new(0.001), scheme, &canary)
        );
        assert_eq!(
            ln("error_rate > 2x baseline", "burst-proof", &of_both),
            evidence(BurstProofAgainstBaseline::new(2.0), scheme, &arms)
        );
        assert_eq!(
            ln("error_rate > 2x baseline", "fast", &of_both),
            evidence(RateAgainstBaseline::new(2.0), scheme, &arms)
        );
    }
}

#[test]
fn counts_with_exposure_are_judged_by_what_is_expected_of_it() {
    let exposed = [(0, 1_000), (3, 1_000), (5, 2_000), (9, 1_500)];
    let intervals = exposed.map(|(count, exposure)| Exposed { count, exposure });
    let inside = lines(
        exposed.iter().map(|(count, exposure)| json!({ "canary": { "count": count, "exposure": exposure } })),
    );
    let beside = lines(
        exposed.iter().map(|(count, exposure)| json!({ "canary": { "count": count }, "exposure": exposure })),
    );
    for criterion in ["crashes > 0.1%", "crashes > 0.001", "complaints > 0.1%"] {
        for input in [&inside, &beside] {
            let found = judged(&[criterion], input);
            let expected = evidence(CountsWithExposure::new(0.001), Scheme::Steps, &intervals);
            assert_eq!(numbers(&found["ln_evidence"]), expected, "{criterion}");
            assert_eq!(found["criterion"], criterion);
            assert_eq!((&found["verdict"], &found["channel"]), (&json!("hold"), &json!("fast")));
        }
    }
    // Two are expected for each exposed hour.
    let hours = [(1, 1), (5, 2), (30, 3)];
    let input = lines(
        hours.iter().map(|(count, exposure)| json!({ "canary": { "count": count, "exposure": exposure } })),
    );
    let intervals = hours.map(|(count, exposure)| Exposed { count, exposure });
    let found = judged(&["crashes > 2", "--method", "fast"], &input);
    let expected = evidence(CountsWithExposure::new(2.0), Scheme::Steps, &intervals);
    assert_eq!(numbers(&found["ln_evidence"]), expected);
    // Without a word about the method it is the contract's own count, over all intervals of a step.
    let found = judged(&["crashes > 20"], &input);
    assert_eq!((&found["verdict"], &found["channel"]), (&json!("fail"), &json!("hard_limit")));
    assert_eq!((&found["decided_at"], &found["alarm_at"]), (&json!(2), &json!(2)));
    assert_eq!(
        judged(&["complaints > 3"], &lines([2, 1, 0].map(|n| json!({ "canary": { "count": n } }))))["verdict"],
        "pass"
    );
    assert_eq!(
        judged(&["complaints > 3"], &lines([2, 2, 0].map(|n| json!({ "canary": { "count": n } }))))["decided_at"],
        1
    );
}

#[test]
fn values_are_held_against_a_limit_and_weighed_where_that_is_asked_for() {
    let values = [90.0, 150.0, 170.0, 80.0, 260.0];
    let input = lines(values.iter().map(|value| json!({ "canary": { "value": value } })));
    let found = judged(&["queue_depth > 160"], &input);
    assert_eq!((&found["verdict"], &found["channel"]), (&json!("fail"), &json!("hard_limit")));
    assert_eq!((&found["decided_at"], &found["ln_evidence"]), (&json!(2), &json!([])));
    assert_eq!(found["threshold"], Value::Null);
    let found = judged(&["queue_depth > 160", "--method", "robust"], &input);
    let intervals = values.map(|value| Finite::new(value).unwrap());
    let expected = evidence(BurstProofGauge::new(160.0), Scheme::Steps, &intervals);
    assert_eq!(numbers(&found["ln_evidence"]), expected);
    assert_eq!(found["verdict"], "undecided", "one high value is no proof");
    assert_eq!(judged(&["latency_p99 > 0.3s", "--method", "robust"], &input)["verdict"], "pass");
}

/// So many healthy minutes of 600 requests, then so many with these errors.
fn turning_bad(healthy: usize, bad: usize, errors: u64) -> String {
    let minute = |errors: u64| json!({ "canary": { "requests": 600, "errors": errors }, "baseline": { "requests": 59_400, "errors": 58 } });
    lines((0..healthy + bad).map(|number| minute(if number < healthy { 1 } else { errors })))
}

#[test]
fn the_form_of_the_document_stays() {
    let found = judged(&["error_rate > 2x baseline"], &turning_bad(10, 20, 18));
    let fields: Vec<&String> = found.as_object().unwrap().keys().collect();
    assert_eq!(
        fields,
        [
            "verdict",
            "channel",
            "decided_at",
            "ln_evidence",
            "threshold",
            "alarm_at",
            "fast",
            "robust",
            "sentence",
            "criterion",
            "method",
            "alpha",
            "start_weights",
            "intervals",
            "warnings",
            "record"
        ]
        .iter()
        .collect::<std::collections::BTreeSet<_>>()
        .into_iter()
        .collect::<Vec<_>>()
    );
    assert_eq!((&found["verdict"], &found["channel"]), (&json!("fail"), &json!("robust")));
    assert_eq!(
        (&found["decided_at"], &found["alarm_at"]),
        (&found["robust"]["alarm_at"], &found["fast"]["alarm_at"])
    );
    assert!(
        found["alarm_at"].as_u64() < found["decided_at"].as_u64(),
        "the fast channel holds before: {found}"
    );
    assert_eq!(found["ln_evidence"], found["fast"]["ln_evidence"]);
    assert_eq!((&found["method"], &found["start_weights"]), (&json!("evidence"), &json!("steps")));
    assert_eq!((&found["alpha"], &found["intervals"]), (&json!(0.01), &json!(30)));
    assert_eq!(found["record"]["criterion"], "error_rate > 2x baseline");
}

#[test]
fn each_channel_brings_about_its_own() {
    let input = turning_bad(10, 20, 18);
    let by = |more: &[&str]| {
        let found = judged(&[&["error_rate > 2x baseline"], more].concat(), &input);
        (found["verdict"].clone(), found["channel"].clone(), found["decided_at"].as_u64().unwrap())
    };
    let (verdict, channel, held) = by(&["--method", "fast"]);
    assert_eq!((verdict, channel), (json!("hold"), json!("fast")));
    let (verdict, channel, failed) = by(&["--method", "robust"]);
    assert_eq!((verdict, channel), (json!("fail"), json!("robust")));
    assert!(held < failed);
    assert_eq!(by(&["--fast-alarm", "roll-back"]), (json!("fail"), json!("fast"), held));
    let (_, _, strict) = by(&["--method", "robust", "--alpha", "0.0001"]);
    assert!(strict > failed, "less is allowed, so more is asked for");
    let late = |weights: &str| {
        let words = ["error_rate > 2x baseline", "--method", "robust", "--start-weights", weights];
        judged(&words, &turning_bad(60, 20, 18))["decided_at"].as_u64()
    };
    assert!(
        late("first") > late("uniform"),
        "what was healthy at first is found late where that was ruled out"
    );
}

#[test]
fn a_verdict_is_a_sentence() {
    let bench = Bench::new();
    let say = |words: &[&str], input: &str| bench.run_on(&[&["judge"], words].concat(), input).done().out;
    let said = say(&["error_rate > 1%"], &turning_bad(30, 0, 0));
    assert_eq!(said, "pass after 30 intervals: `error_rate > 1%`: 0.1667% (30 of 18000) against 1%\n");
    let said = say(&["error_rate > 2x baseline"], &turning_bad(10, 20, 18));
    let expected = "fail at minute 12: `error_rate > 2x baseline`: 3% (54 of 1800) against 0.1953%, 2x baseline, \
                    from about minute 10 on; held before, at minute 10; a healthy release is turned back so in at most 1 \
                    of 100\n";
    assert_eq!(said.lines().next(), expected.lines().next());
    let said = say(&["error_rate > 1%"], r#"{"canary":{"requests":50,"errors":0}}"#);
    let expected = "undecided after 1 interval: `error_rate > 1%`: 0% (0 of 50) against 1%; too few requests for the \
                    canary: 50 of 100\n";
    assert_eq!(said, expected);
}

#[test]
fn the_example_is_caught_and_its_table_has_a_row_for_each_interval() {
    let bench = Bench::new();
    bench.write("observations.jsonl", EXAMPLE);
    let answer =
        bench.run_words(&["judge", "error_rate > 2x baseline", "observations.jsonl", "--table"]).done();
    let rows = EXAMPLE.lines().count();
    let table: Vec<&str> = answer.out.lines().collect();
    assert!(table[0].starts_with("interval ") && table[0].ends_with("outcome"), "{}", table[0]);
    assert!(table[rows].starts_with("2026-05-04T14:59:00Z  1 "), "{}", table[rows]);
    assert_eq!(table[rows + 2], "an alarm is ln E of 4.6052 or more: ln(1/alpha), alpha 0.01");
    let hold = table.iter().position(|row| row.ends_with("hold")).unwrap();
    assert!(
        table[hold].starts_with("2026-05-04T14:40:00Z") && table[hold].contains("alarm"),
        "{}",
        table[hold]
    );
    assert!(
        table[rows + 4].starts_with("fail at 2026-05-04T14:56:00Z (interval 55): "),
        "{}",
        table[rows + 4]
    );
    assert!(table[rows + 4].contains("from about 2026-05-04T14:34:00Z on"), "{}", table[rows + 4]);
    assert_eq!(answer.out, bench.run_on(&["judge", "error_rate > 2x baseline", "--table"], EXAMPLE).out);
}

#[test]
fn the_exit_status_tells_the_verdict_where_that_is_asked_for() {
    let bench = Bench::new();
    let status = |input: &str| {
        let answer = bench.run_on(&["judge", "error_rate > 2x baseline", "--exit-code"], input);
        assert_eq!(answer.err, "", "the verdict has said it all");
        answer.status
    };
    assert_eq!(status(&turning_bad(30, 0, 0)), 0);
    assert_eq!(status(&turning_bad(10, 20, 18)), 1);
    assert_eq!(status(&turning_bad(0, 2, 12)), 1);
    let few = r#"{"canary":{"requests":5,"errors":0},"baseline":{"requests":500,"errors":0}}"#;
    assert_eq!(status(few), 1);
}

#[test]
fn familiar_methods_count_failed_intervals() {
    // Over 1 % in the intervals 2, 3, 5, 8 and 9.
    let errors = [0, 1, 9, 9, 0, 9, 0, 0, 9, 9, 0];
    let input = lines(errors.map(|errors| json!({ "canary": { "requests": 600, "errors": errors } })));
    for (words, verdict, decided_at) in [
        ("threshold", "fail", json!(2)),
        ("threshold --looks 3", "fail", json!(3)),
        ("threshold --looks 11", "pass", Value::Null),
        ("threshold --min-requests 1500 --looks 3", "fail", json!(3)),
        ("in-a-row --failed 2", "fail", json!(3)),
        ("in-a-row --failed 3", "pass", Value::Null),
        ("of-the-last --failed 3 --looks 4", "fail", json!(5)),
        ("of-the-last --failed 4 --looks 5", "pass", Value::Null),
        ("total --failed 5", "fail", json!(9)),
        ("total --failed 6", "pass", Value::Null),
        ("argo", "fail", json!(2)),
        ("argo --failure-limit 3", "fail", json!(8)),
        ("argo --failure-limit 5", "pass", Value::Null),
        ("argo --failure-limit -1 --consecutive-success-limit 3", "hold", json!(10)),
        ("argo --failure-limit -1 --consecutive-success-limit 2", "pass", Value::Null),
    ] {
        let words: Vec<&str> = ["error_rate > 1%", "--method"].into_iter().chain(words.split(' ')).collect();
        let found = judged(&words, &input);
        let seen = (found["verdict"].clone(), found["decided_at"].clone(), found["channel"].clone());
        assert_eq!(seen, (json!(verdict), decided_at.clone(), json!("hard_limit")), "{words:?}");
        assert_eq!(found["alarm_at"], decided_at, "{words:?}");
    }
}

#[test]
fn slow_downs_are_found_in_histograms() {
    let bounds = json!([50, 100, 200, 400, 800]);
    let interval = |slow: bool| {
        let canary = if slow { json!([0, 500, 70, 15, 12, 3]) } else { json!([500, 75, 20, 4, 1, 0]) };
        json!({
            "canary": { "histogram": { "bounds_ms": bounds, "counts": canary } },
            "baseline": { "histogram": { "bounds_ms": bounds, "counts": [50_000, 7_500, 1_700, 180, 20, 0] } },
        })
    };
    let found = judged(&["latency_p99 > 2x baseline"], &lines((0..40).map(|n| interval(n > 10))));
    assert_eq!(found["verdict"], "fail", "{}", found["sentence"]);
    assert!(found["alarm_at"].as_u64() < found["decided_at"].as_u64());
    let found = judged(&["latency_p99 > 2x baseline"], &lines((0..40).map(|_| interval(false))));
    assert_eq!(found["verdict"], "pass", "{}", found["sentence"]);
    assert_eq!(judged(&["latency_p99 > 400ms"], &lines((0..40).map(|_| interval(true))))["verdict"], "fail");
}

#[test]
fn a_step_without_a_baseline_is_compared_with_the_step_before() {
    let both = json!({ "step": 0, "canary": { "requests": 600, "errors": 1 }, "baseline": { "requests": 59_400, "errors": 58 } });
    let alone = |errors: u64| json!({ "step": 1, "canary": { "requests": 60_000, "errors": errors } });
    let input = |errors| lines([both.clone(), both.clone()].into_iter().chain((0..9).map(|_| alone(errors))));
    let found = judged(&["error_rate > 2x baseline"], &input(60));
    assert_eq!((&found["verdict"], &found["record"]["control"]), (&json!("pass"), &json!("frozen")));
    assert!(found["sentence"].as_str().unwrap().contains("no concurrent control"), "{found}");
    assert_eq!(judged(&["error_rate > 2x baseline"], &input(600))["verdict"], "fail");
}

#[test]
fn a_pass_waits_until_a_doubling_is_excluded() {
    let input = turning_bad(5, 0, 0);
    assert_eq!(judged(&["error_rate > 1x baseline", "--exclude", "2x"], &input)["verdict"], "undecided");
    assert_eq!(judged(&["error_rate > 2x baseline"], &input)["verdict"], "pass");
}

#[test]
fn nothing_measured_is_never_a_pass() {
    for (criterion, line) in [
        ("error_rate > 1%", r#"{"canary":{"requests":0,"errors":0}}"#),
        (
            "error_rate > 2x baseline",
            r#"{"canary":{"requests":0,"errors":0},"baseline":{"requests":0,"errors":0}}"#,
        ),
        ("crashes > 0.1%", r#"{"canary":{"count":0,"exposure":0}}"#),
        ("crashes > 3", r#"{"canary":{"count":0,"exposure":0}}"#),
        ("latency_p99 > 300ms", r#"{"canary":{"histogram":{"bounds_ms":[300],"counts":[0,0]}}}"#),
    ] {
        for method in [
            "evidence",
            "fast",
            "robust",
            "threshold",
            "threshold --looks 2",
            "in-a-row --failed 2",
            "total --failed 1",
            "argo",
            "mann-whitney",
        ] {
            let words = ["judge", criterion, "--json", "--min-requests", "1", "--method"];
            let words: Vec<&str> = words.into_iter().chain(method.split(' ')).collect();
            let answer = Bench::new().run_on(&words, [line, line].join("\n"));
            if answer.status == 0 {
                let verdict = answer.json()[0]["verdict"].clone();
                assert!(verdict == "undecided" || verdict == "hold", "{criterion} {method}: {verdict}");
            } else {
                let problem = "can't judge";
                answer.misused(problem);
            }
        }
    }
}
