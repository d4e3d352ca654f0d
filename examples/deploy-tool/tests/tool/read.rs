//! What there is to read, in text and in JSON.

use std::fs;

use crate::bench::{Bench, PLAN};

#[test]
fn status_has_one_line_or_one_object_a_release() {
    let bench = Bench::in_staging();
    bench.write("plan.toml", PLAN.replace("checkout-241", "basket-7"));
    bench.run("--as user:ana plan plan.toml").done();
    let text = bench.run("status").done();
    let firsts: Vec<&str> = text.out.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(firsts, ["basket-7", "checkout-241"]);
    let json = bench.run("status --json").done().json();
    assert_eq!(json.len(), 2);
    assert_eq!((&json[0]["release"], &json[0]["phase"]), (&"basket-7".into(), &"planning".into()));
    assert_eq!((&json[1]["release"], &json[1]["phase"]), (&"checkout-241".into(), &"staging".into()));
    assert_eq!(json[1]["missing"].as_array().unwrap().len(), 2);
    let one = bench.run("status checkout-241 --json").done().json();
    assert_eq!((one.len(), &one[0]["last"]["mark"]["record"]), (1, &5.into()));
    let one = bench.run("status checkout-241").done();
    assert!(one.out.contains("the check end-to-end"), "{one:?}");
}

#[test]
fn log_has_one_object_a_record_with_its_hash() {
    let bench = Bench::in_staging();
    let log = bench.run("log checkout-241 --json").done().json();
    let fields: Vec<&str> = log[0].as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(fields, ["at", "by", "data", "digest", "kind", "seq"]);
    let seqs: Vec<u64> = log.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [0, 1, 2, 3, 4, 5]);
    let verified = bench.run("verify --json").done().json();
    assert_eq!(verified[0]["streams"][0]["head"], log[5]["digest"]);
    let text = bench.run("log checkout-241 --full").done();
    assert!(text.out.contains("#3") && text.out.contains("user:ben: approved the plan in #0"), "{text:?}");
}

#[test]
fn plan_schedule_and_rollback_log_are_reports_or_say_why_not() {
    let bench = Bench::in_staging();
    let plan = bench.run("show checkout-241").done();
    assert!(plan.out.contains("error_rate > 1%") && plan.out.contains("user:ben (approver)"), "{plan:?}");
    let plan = bench.run("show checkout-241 --json").done().json();
    assert_eq!((&plan[0]["release"], &plan[0]["track"]), (&"checkout-241".into(), &"standard".into()));
    let schedule = bench.run("schedule checkout-241 --json").done().json();
    let shares: Vec<u64> = schedule[0]["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["share_bp"].as_u64().unwrap())
        .collect();
    assert_eq!(shares, [100, 1_000, 5_000, 10_000]);
    bench.run("rollback-log checkout-241").refused("checkout-241 was never rolled back: it is staging");
}

#[test]
fn evidence_is_told_look_by_look_once_there_are_looks() {
    let bench = Bench::in_staging();
    bench.run("evidence checkout-241").refused("nothing was measured of checkout-241 yet: it is staging");
    let bench = Bench::new();
    bench.run("demo --scenario error-spike").done();
    let text = bench.run("evidence demo-error-spike").done();
    assert!(text.out.contains("error_rate > 1%, judged by evidence"), "{text:?}");
    assert!(text.out.contains("an alarm (#"), "{text:?}");
    let json = bench.run("evidence demo-error-spike --json").done().json();
    let looks = json[0]["criteria"][0]["looks"].as_array().unwrap().clone();
    let log = bench.run("log demo-error-spike --json").done().json();
    let taken = log.iter().filter(|record| record["kind"] == "evaluated");
    let of_log: Vec<_> = taken.map(|record| record["seq"].clone()).collect();
    assert_eq!(looks.iter().map(|look| look["record"].clone()).collect::<Vec<_>>(), of_log);
}

#[test]
fn a_release_or_journal_that_is_not_there_is_named() {
    let bench = Bench::new();
    for words in ["status", "log checkout-241", "export checkout-241", "--as user:ben approve checkout-241"] {
        bench.run(words).misused("there is no journal relman.db: name it with --journal FILE");
        assert!(!bench.path("relman.db").exists(), "{words}");
    }
    let bench = Bench::in_staging();
    for words in
        ["status basket-7", "log basket-7", "log basket-7 --json", "show basket-7", "export basket-7"]
    {
        bench.run(words).refused("there is no release basket-7 in relman.db; it holds checkout-241");
    }
    bench.run("log").misused("required");
    bench.run("log ../etc").misused("'/' is not one of a-z A-Z 0-9 . _ -");
}

#[test]
fn a_file_that_is_no_journal_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    bench.write("relman.db", "not a database\n".repeat(100));
    let before = bench.read("relman.db");
    bench.run("status").misused("relman.db: it is not an SQLite file");
    bench.run("--as user:ana plan plan.toml").misused("relman.db: it is not an SQLite file");
    assert_eq!(bench.read("relman.db"), before);
}

#[test]
fn an_export_is_what_sha256sum_reads_and_never_overwrites() {
    let bench = Bench::in_staging();
    let export = bench.export();
    assert_eq!(export.split_inclusive(|byte| *byte == b'\n').count(), 6);
    assert_eq!(export.last(), Some(&b'\n'));
    let wrote = bench.run("export checkout-241 -o out.jsonl").done();
    assert!(wrote.out.contains("wrote 6 records of checkout-241 to out.jsonl"), "{wrote:?}");
    assert_eq!(bench.read("out.jsonl"), export);
    bench.run("export checkout-241 -o out.jsonl").misused("an export never overwrites a file");
    assert_eq!(bench.read("out.jsonl"), export);
}

#[test]
fn a_broken_record_does_not_hide_the_other_releases() {
    let bench = Bench::in_staging();
    bench.write("plan.toml", PLAN.replace("checkout-241", "basket-7"));
    bench.run("--as user:ana plan plan.toml").done();
    let journal = rusqlite::Connection::open(bench.path("relman.db")).unwrap();
    journal.execute("DELETE FROM records WHERE release = 'basket-7'", []).unwrap();
    journal
        .execute(
            "UPDATE records SET line = CAST('{}' AS BLOB) WHERE release = 'checkout-241' AND seq = 4",
            [],
        )
        .unwrap();
    drop(journal);
    // As text it is the list that the journal keeps; what is behind it, `verify` says.
    bench.run("status").done();
    let status = bench.run("status --json").refused("basket-7 has a head and no records");
    assert!(status.err.contains("the record of checkout-241 can't be trusted"), "{status:?}");
    let log = bench.run("log checkout-241 --json").refused("checkout-241, record 4: ");
    assert_eq!(log.json().len(), 4);
    bench.run("--as user:ana hold checkout-241 --reason x").refused("the record can't be trusted");
    assert!(fs::exists(bench.path("relman.db")).unwrap());
}
