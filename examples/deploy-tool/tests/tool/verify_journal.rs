//! `verify` of journals: what was changed in the file behind the tool's back.

use relman_core::chain::Digest;
use rusqlite::Connection;
use serde_json::Value;

use crate::{
    altered::{lines_of, record_of},
    bench::Bench,
};

/// A journal of six records in which something was changed.
fn changed(statements: &[&str]) -> Bench {
    let bench = Bench::in_staging();
    let journal = Connection::open(bench.path("relman.db")).unwrap();
    for statement in statements {
        assert!(journal.execute(statement, []).unwrap() > 0, "{statement}");
    }
    bench
}

#[test]
fn g6_whatever_is_changed_in_a_journal_is_named() {
    const SWAP: [&str; 3] = [
        "UPDATE records SET seq = 100 WHERE seq = 2",
        "UPDATE records SET seq = 2 WHERE seq = 3",
        "UPDATE records SET seq = 3 WHERE seq = 100",
    ];
    const ALTER: &str =
        "UPDATE records SET line = CAST(replace(CAST(line AS TEXT), 'ben', 'bob') AS BLOB) WHERE seq = 1";
    const ALTER_LAST: &str =
        "UPDATE records SET line = CAST(replace(CAST(line AS TEXT), 'green', 'GREEN') AS BLOB) WHERE seq = 5";
    const REPEAT: &str = "INSERT INTO records SELECT release, 6, line FROM records WHERE seq = 5";
    const OTHER_HEAD: &str = "UPDATE heads SET digest = zeroblob(32)";
    for (statements, seq, part) in [
        (&[ALTER][..], 1, "it was altered"),
        (&[ALTER_LAST], 5, "it was altered"),
        (&[OTHER_HEAD], 5, "it was altered"),
        (&["DELETE FROM records WHERE seq = 0"], 0, "it is missing"),
        (&["DELETE FROM records WHERE seq = 3"], 3, "it is missing"),
        (&["DELETE FROM records WHERE seq = 5"], 5, "it is missing"),
        (&["DELETE FROM records WHERE seq > 2"], 3, "it is missing"),
        (&["DELETE FROM records"], 0, "it is missing"),
        (&["UPDATE heads SET seq = 4"], 5, "it was added past the head"),
        (&[REPEAT], 5, "repeated"),
        (&SWAP, 2, "it is missing"),
        (&["UPDATE records SET line = CAST('{' AS BLOB) WHERE seq = 4"], 4, "not"),
    ] {
        let bench = changed(statements);
        let text = bench.run("verify").refused("not verified: relman.db: checkout-241, record");
        assert!(text.err.contains(part), "{statements:?}: {text:?}");
        let json = bench.run("verify --json");
        let object: Value = json.json().pop().unwrap();
        assert_eq!((json.status, &object["ok"]), (1, &false.into()), "{statements:?}: {json:?}");
        assert_eq!(
            (&object["release"], &object["seq"]),
            (&"checkout-241".into(), &seq.into()),
            "{statements:?}: {json:?}"
        );
        // The journal is named as FILE, too.
        bench.run("verify relman.db").refused("checkout-241, record");
    }
}

/// Whoever cut it knows how a journal works: its head fits. A decision that is cut shows all the same, to everyone who reads
/// the stream, and in the same words.
#[test]
fn a_stream_that_ends_in_the_middle_of_a_decision_is_refused_by_whoever_reads_it() {
    let bench = Bench::in_staging();
    let lines = lines_of(&bench.export());
    let words = "checkout-241, record 2: it is missing; the decision that began with record 1 is cut: 1 of 3 records are there";
    let journal = Connection::open(bench.path("relman.db")).unwrap();
    journal.execute("DELETE FROM records WHERE seq > 1", []).unwrap();
    let digest = Digest::of_line(&lines[1]);
    journal.execute("UPDATE heads SET seq = 1, digest = ?1", [digest.as_bytes()]).unwrap();
    drop(journal);
    bench.run("verify").refused(words);
    bench.run("verify --deep").refused(words);
    for asked in [
        "status checkout-241",
        "show checkout-241",
        "package checkout-241 -o x.zip",
        "--as user:ben approve checkout-241",
    ] {
        let said = bench.run(asked);
        assert!(said.status != 0 && said.err.contains(words), "{asked}: {said:?}");
    }

    // An export has no head beside it; one that is given and that nothing has does not change what is missing.
    std::fs::remove_file(bench.path("relman.db")).unwrap();
    bench.write("cut.jsonl", record_of(&lines[..2]));
    bench.run("verify cut.jsonl").refused(words);
    let head = Digest::of_line(lines.last().unwrap());
    bench.run(&format!("verify cut.jsonl --head {head}")).refused(words);
    // Half a line is half a line first.
    let mut half = record_of(&lines[..3]);
    half.truncate(half.len() - 9);
    bench.write("half.jsonl", half);
    bench.run("verify half.jsonl").refused("checkout-241, record 2: it has no line feed at its end");
}

#[test]
fn verification_changes_nothing() {
    let bench = Bench::in_staging();
    let before = bench.read("relman.db");
    bench.run("verify").done();
    bench.run("verify relman.db --json").done();
    assert_eq!(bench.read("relman.db"), before);
}

#[test]
fn a_journal_can_be_anchored_and_a_rewritten_one_is_found() {
    let bench = Bench::in_staging();
    let head = bench.run("verify --json").done().json()[0]["streams"][0]["head"].as_str().unwrap().to_owned();
    let anchored = bench.run(&format!("verify --json --head checkout-241={head}")).done().json();
    assert_eq!(anchored[0]["anchored"], true);

    // Whoever holds the file writes another history, whole and well linked.
    std::fs::remove_file(bench.path("relman.db")).unwrap();
    bench.run("--as user:ana plan plan.toml").done();
    bench.run("verify").done();
    bench.run(&format!("verify --head {head}")).refused("no record has the hash");
    std::fs::remove_file(bench.path("relman.db")).unwrap();
    let other = crate::bench::PLAN.replace("checkout-241", "basket-7");
    bench.write("plan.toml", other);
    bench.run("--as user:ana plan plan.toml").done();
    bench.run(&format!("verify --head checkout-241={head}")).refused("checkout-241, record 0: it is missing");
}

#[test]
fn a_database_that_is_no_journal_is_not_verified() {
    let bench = Bench::new();
    let other = Connection::open(bench.path("other.db")).unwrap();
    other.execute("CREATE TABLE people (name TEXT)", []).unwrap();
    drop(other);
    bench.run("verify other.db").refused("not verified: other.db: ");
    let json = bench.run("verify other.db --json");
    assert_eq!((json.status, &json.json()[0]["ok"]), (1, &false.into()), "{json:?}");
    let mut bytes = Bench::in_staging().read("relman.db");
    bytes.truncate(3_000);
    bench.write("cut.db", bytes);
    let cut = bench.run("verify cut.db --json");
    assert_eq!((cut.status, &cut.json()[0]["ok"]), (1, &false.into()), "{cut:?}");
}

#[test]
fn every_decision_of_a_journal_and_of_an_export_is_derived_again() {
    let bench = Bench::new();
    bench.run("demo --scenario error-spike").done();
    let words = "decisions came out as they were recorded";
    let text = bench.run("verify --deep").done();
    assert!(text.out.contains("derived again: ") && text.out.contains(words), "{text:?}");
    let of_journal = bench.run("verify --deep --json").done().json()[0]["judged_again"].clone();
    assert!(of_journal.as_u64() > Some(30), "{of_journal}");
    bench.run("export demo-error-spike -o out.jsonl").done();
    let of_export = bench.run("verify out.jsonl --deep --json").done().json()[0]["judged_again"].clone();
    assert_eq!(of_export, of_journal);
}
