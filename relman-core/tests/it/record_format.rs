//! The programs on the page about the record format, run against an export as an auditor would.

#![allow(clippy::disallowed_methods, reason = "tests start programs; the core does not")]

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use crate::fixture::{Driven, act, secs};
use relman_core::{
    chain::{Verifier, verify_lines},
    event::Record,
    machine::Action,
    policy::Policy,
};

const PAGE: &str = include_str!("../../src/docs/record_format.md");

/// The first block of code in a language.
fn program(language: &str) -> String {
    let (_, rest) = PAGE.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// A stream from the plan to the first step of the rollout.
fn stream() -> Vec<Vec<u8>> {
    let plan = r#"
        release = "checkout-241"
        title = "Faster tax lookup: 1 → 2 \"prev\":\"0\" \\n"
        [scope]
        service = "checkout"
        summary = "Caches tax rates, umlauts äöü and\nline feeds"
        artifact = { name = "checkout", version = "2.41.0" }
        replaces = "2.40.3"
        audience = "user-facing"
        touches = ["api"]
        [contract]
        criteria = ["error_rate > 1%"]
        [[communication]]
        audience = "internal"
        channel = "releases"
        moments = ["completed"]
        "#;
    let mut driven = Driven::new(plan, Policy::SHIPPED_TOML);
    for (who, action) in [
        ("user:ana", driven.record_plan()),
        ("user:ben", Action::ApprovePlan),
        ("user:guest", act::hold()),
        ("user:ana", act::resume()),
    ] {
        driven.wait(secs(60)).does(who, action);
    }
    driven.journal.lines.iter().map(|line| line.bytes().to_vec()).collect()
}

/// What a program says about an export: its last line, and whether it was content.
fn run(program: &[&str], lines: &[Vec<u8>]) -> (bool, String) {
    let mut child = Command::new(program[0])
        .args(&program[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut export = lines.join(&b'\n');
    export.push(b'\n');
    // A program that has found something bad does not read on.
    let _ = child.stdin.take().unwrap().write_all(&export);
    let output = child.wait_with_output().unwrap();
    let said = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8(said).unwrap().trim().to_owned())
}

/// Whether a program is installed. Where it has to be and is not, the test fails.
fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").stdout(Stdio::null()).status().is_ok();
    if !found {
        assert!(std::env::var_os("RELMAN_REQUIRE_SERVICES").is_none(), "{program} is not installed");
        eprintln!("passed over: {program} is not installed");
    }
    found
}

/// Runs one of the programs over a good export and over every kind of bad one.
fn finds_what_was_done(program: &[&str]) {
    let good = stream();
    let head = verify_lines(None, good.iter().map(Vec::as_slice), None).unwrap().head.unwrap();
    let expected = format!("{} records, head {}, unanchored", good.len(), head.digest);
    assert_eq!(run(program, &good), (true, expected));

    let without = |index: usize| {
        let mut lines = good.clone();
        lines.remove(index);
        lines
    };
    let mut moved = good.clone();
    moved.swap(2, 3);
    let mut altered = good.clone();
    let at = altered[1].iter().position(|byte| *byte == b'b').unwrap();
    altered[1][at + 1] ^= 1;
    let mut altered_later = good.clone();
    let text = String::from_utf8(altered_later[1].clone()).unwrap();
    altered_later[1] = text.replace("user:ben", "user:eva").into_bytes();
    for (what, lines, record) in [
        ("the first is missing", without(0), "record 0"),
        ("one is missing", without(2), "record 2"),
        ("two have changed places", moved, "record 2"),
        ("somebody else has approved", altered_later, "record 2"),
    ] {
        let (content, said) = run(program, &lines);
        assert!(!content && said.contains(record), "{what}: {said}");
        assert!(verify_lines(None, lines.iter().map(Vec::as_slice), None).is_err(), "{what}");
    }
    assert!(!run(program, &altered).0, "a byte was flipped");

    // The page says so plainly: without a head from elsewhere, a shorter chain is a good chain.
    let (content, said) = run(program, &good[..good.len() - 1]);
    assert!(content && said.ends_with("unanchored"), "{said}");
}

#[test]
fn g6_a_shell_and_sha256sum_check_an_export() {
    if installed("sha256sum") {
        finds_what_was_done(&["sh", "-c", &program("sh")]);
    }
}

#[test]
fn g6_python_checks_an_export() {
    if installed("python3") {
        let python = program("python");
        finds_what_was_done(&["python3", "-c", &python]);

        // An approval, the gate that it opens and what follows are one decision.
        let lines = stream();
        let batch = Record::read(&lines[1]).unwrap().batch.unwrap();
        for length in 1..=lines.len() {
            let is_cut = (batch.first() + 1..=batch.last()).contains(&(length as u64));
            let (content, said) = run(&["python3", "-c", &python], &lines[..length]);
            assert_eq!(content, !is_cut, "{length} of {batch:?}: {said}");
        }
    }
}

#[test]
fn the_page_and_the_code_agree() {
    let line = program("json");
    let mut verifier = Verifier::new(None);
    verifier.push(line.trim_end().as_bytes()).unwrap();
    assert_eq!(verifier.head().map(|head| head.seq), Some(0));
    assert!(PAGE.contains("What a chain can't show") && PAGE.contains("unanchored"));
}
