//! `judge`: what can't be meant is refused with its line, what is wrong, and what would be right.

use crate::bench::Bench;

const GOOD: &str = r#"{"canary":{"requests":600,"errors":1},"baseline":{"requests":59400,"errors":58}}"#;

/// What the tool says to a good line and then this one.
#[track_caller]
fn refuses(criterion: &str, line: &str, part: &str) {
    let answer = Bench::new().run_on(&["judge", criterion], format!("{GOOD}\n\n{line}\n"));
    assert_eq!(answer.out, "", "nothing is judged");
    let answer = answer.misused("failed to read the observations: standard input, line 3");
    assert!(answer.err.contains(part), "{part}: {}", answer.err);
}

#[test]
fn a_line_that_is_no_interval_is_refused() {
    for (line, part) in [
        ("nonsense", "column 2: it is not JSON: expected ident; an interval is one line such as {\"canary\""),
        ("{\"canary\":", "it is not JSON: EOF"),
        ("[1,2]", "it begins a list; an interval is one line"),
        ("3", "invalid type: integer `3`"),
        ("{}", "there is no `canary`"),
        (r#"{"baseline":{"requests":1,"errors":0}}"#, "there is no `canary`"),
        (r#"{"canary":{}}"#, "the canary has nothing to judge; give `requests` and `errors`"),
        (r#"{"canary":{"requests":6,"errors":7}}"#, "the canary has more `errors`, 7, than `requests`, 6"),
        (r#"{"canary":{"requests":6}}"#, "`requests` and no `errors`; where there were none, it is 0"),
        (r#"{"canary":{"errors":6}}"#, "`errors` and no `requests`"),
        (r#"{"canary":{"requests":6,"errors":-1}}"#, "integer `-1`, expected a whole number from 0 to 2^53"),
        (r#"{"canary":{"requests":6.5,"errors":1}}"#, "floating point `6.5`, expected a whole number"),
        (r#"{"canary":{"requests":"6","errors":1}}"#, "string \"6\", expected a whole number"),
        (r#"{"canary":{"requests":1e300,"errors":1}}"#, "expected a whole number from 0 to 2^53"),
        (
            r#"{"canary":{"request":6,"errors":1}}"#,
            "unknown field `request`, expected one of `requests`, `errors`",
        ),
        (r#"{"canary":{"requests":6,"requests":6,"errors":1}}"#, "duplicate field `requests`"),
        (
            r#"{"kanary":{"requests":6,"errors":1}}"#,
            "unknown field `kanary`, expected one of `from`, `to`, `step`, `canary`",
        ),
        (r#"{"canary":{"value":3}}"#, "there is `value`, where line 1 has `requests` and `errors`"),
        (r#"{"canary":{"count":3,"exposure":0}}"#, "3 counted in an `exposure` of 0"),
        (r#"{"canary":{"exposure":10}}"#, "an `exposure` and no `count`; a count of nothing is 0"),
        (
            r#"{"canary":{"histogram":{"bounds_ms":[1],"counts":[1,1]}}}"#,
            "names no quantile as latency_p99 does",
        ),
        (r#"{"step":-1,"canary":{"requests":6,"errors":1}}"#, "integer `-1`"),
        (r#"{"step":4000000000,"canary":{"requests":6,"errors":1}}"#, "`step` is 1000 or more"),
        (
            r#"{"from":"yesterday","to":"today","canary":{"requests":6,"errors":1}}"#,
            "it is no RFC 3339 time such as 2026",
        ),
        (r#"{"from":60,"to":60,"canary":{"requests":6,"errors":1}}"#, "is not after `from`"),
        (
            r#"{"from":60,"canary":{"requests":6,"errors":1}}"#,
            "there is `from` and no `to`; give both, or neither",
        ),
        (
            r#"{"from":60,"to":120,"canary":{"requests":6,"errors":1}}"#,
            "`from` and `to` stand in some lines and not in others, as in line 1",
        ),
    ] {
        refuses("error_rate > 1%", line, part);
    }
    refuses(
        "error_rate > 2x baseline",
        r#"{"canary":{"requests":6,"errors":1}}"#,
        "there is no `baseline`, which `error_rate > 2x baseline` compares with",
    );
    refuses(
        "error_rate > 2x baseline",
        r#"{"canary":{"requests":6,"errors":1},"baseline":{"value":3}}"#,
        "the canary has `requests` and `errors` and the baseline `value`; both have the same",
    );
}

#[test]
fn a_line_that_is_not_text_is_refused() {
    let answer = Bench::new().run_on(&["judge", "error_rate > 1%"], b"{\"canary\xff\"}");
    answer.misused("standard input, line 1: it can't be read: stream did not contain valid UTF-8");
}

#[test]
fn histograms_have_to_fit() {
    let bench = Bench::new();
    let refuses = |lines: &str, part: &str| {
        bench.run_on(&["judge", "latency_p99 > 300ms"], lines).misused(part);
    };
    let histogram = |bounds: &str, counts: &str| {
        format!(r#"{{"canary":{{"histogram":{{"bounds_ms":{bounds},"counts":{counts}}}}}}}"#)
    };
    refuses(
        &histogram("[100,300]", "[1,2]"),
        "line 1: the histogram of the canary: 2 counts do not fit 2 bounds",
    );
    refuses(&histogram("[300,100]", "[1,2,3]"), "the bound 100 is not above the one before");
    refuses(&histogram("[]", "[1]"), "has no `bounds_ms`");
    let other = [histogram("[100,300]", "[1,2,3]"), histogram("[100,400]", "[1,2,3]")].join("\n");
    refuses(
        &other,
        "line 2: there is a `histogram` with the bounds [100,400], where line 1 has a `histogram` with the bounds [100,300]",
    );
    refuses(
        r#"{"canary":{"requests":6,"errors":1}}"#,
        "`latency_p99` is judged on a `histogram` or a `value`, and the canary has neither",
    );
}

#[test]
fn intervals_are_in_the_order_of_time() {
    let bench = Bench::new();
    let refuses = |before: &str, after: &str, part: &str| {
        let line = |place: &str| format!(r#"{{{place},"canary":{{"requests":600,"errors":1}}}}"#);
        let input = [line(before), line(after)].join("\n");
        bench.run_on(&["judge", "error_rate > 1%"], input).misused(part);
    };
    refuses(
        r#""step":1"#,
        r#""step":0"#,
        "line 2: step 0 comes after step 1; lines are in the order of time",
    );
    refuses(r#""from":0,"to":60"#, r#""from":59,"to":120"#, "before the end of the interval before");
}

#[test]
fn nothing_at_all_is_no_verdict() {
    for input in ["", "\n", "  \n\n"] {
        let answer = Bench::new().run_on(&["judge", "error_rate > 1%"], input);
        answer.misused(
            "there is no interval, and of nothing there is no verdict; an interval is one line such as",
        );
    }
}

#[test]
fn a_method_that_does_not_do_is_refused_before_anything_is_judged() {
    let bench = Bench::new();
    for (words, input, part) in [
        (&["eror rate"][..], GOOD, "is not a criterion, column 6"),
        (&["error_rate > 1%", "--method", "guess"], GOOD, "invalid value 'guess' for '--method <METHOD>'"),
        (&["error_rate > 1%", "--method", "in-a-row"], GOOD, "the method in-a-row needs --failed N"),
        (&["error_rate > 1%", "--method", "of-the-last", "--failed", "2"], GOOD, "needs --looks N"),
        (
            &["error_rate > 1%", "--method", "of-the-last", "--failed", "4", "--looks", "3"],
            GOOD,
            "--failed is at most --looks",
        ),
        (
            &["error_rate > 1%", "--failed", "2"],
            GOOD,
            "--failed means nothing to the method evidence; it belongs to in-a-row",
        ),
        (&["error_rate > 1%", "--method", "argo", "--failure-limit", "-1"], GOOD, "failureLimit is disabled"),
        (
            &["error_rate > 1%", "--confidence", "0.9"],
            GOOD,
            "--confidence means nothing to the method evidence",
        ),
        (&["error_rate > 1%", "--exclude", "2"], GOOD, "write the criterion as `1x baseline`"),
        (&["error_rate > 1%", "--alpha", "1"], GOOD, "it is not above 0 and below 1; 0.01 is 1 in 100"),
        (&["error_rate > 1%", "--alpha", "nan"], GOOD, "it is no number"),
        (&["error_rate > 1%", "--min-requests", "0"], GOOD, "0 is not in 1.."),
        (&["error_rate > 1%", "--table", "--json"], GOOD, "give one of them"),
        (&["error_rate > 1%", "nowhere.jsonl"], GOOD, "failed to read the observations nowhere.jsonl"),
        (
            &["queue > 3", "--method", "fast"],
            r#"{"canary":{"value":3}}"#,
            "the method fast can't judge `queue > 3` on a value",
        ),
        (
            &["complaints > 3", "--method", "robust"],
            r#"{"canary":{"count":3}}"#,
            "on a count without exposure",
        ),
        (
            &["crashes > 2x baseline"],
            r#"{"canary":{"count":3},"baseline":{"count":3}}"#,
            "can't be compared with the baseline; add it",
        ),
    ] {
        let answer = bench.run_on(&[&["judge"], words].concat(), input).misused(part);
        assert_eq!(answer.out, "");
    }
}
