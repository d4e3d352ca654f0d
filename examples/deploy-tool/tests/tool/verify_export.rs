//! `verify` of exports: every kind of change, and the record it is found at.

use serde_json::Value;

use crate::bench::{Answer, Bench, PLAN};

fn lines(export: &[u8]) -> Vec<Vec<u8>> {
    export.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

/// The record that `verify` names in a changed export, without a journal beside it.
fn named(bench: &Bench, changed: &[u8]) -> (Answer, Value) {
    bench.write("changed.jsonl", changed);
    let answer = bench.run("verify changed.jsonl --json");
    let json = answer.json().pop().unwrap();
    (answer, json)
}

/// A folder with an export and no journal beside it.
fn stranger() -> (Bench, Vec<u8>, String) {
    let bench = Bench::in_staging();
    let export = bench.export();
    let head = bench.run("verify --json").done().json()[0]["streams"][0]["head"].as_str().unwrap().to_owned();
    std::fs::remove_file(bench.path("relman.db")).unwrap();
    (bench, export, head)
}

#[test]
fn a_whole_export_is_verified_and_says_that_it_is_unanchored() {
    let (bench, export, head) = stranger();
    bench.write("out.jsonl", &export);
    let text = bench.run("verify out.jsonl").done();
    assert!(text.out.contains(&format!("checkout-241: 6 records, head {head}")), "{text:?}");
    assert!(text.out.contains("verified, unanchored: out.jsonl"), "{text:?}");
    let json = bench.run("verify out.jsonl --json").done();
    let expected = format!(
        r#"{{"ok":true,"streams":[{{"release":"checkout-241","records":6,"head":"{head}"}}],"anchored":false}}"#
    );
    assert_eq!(json.out, expected + "\n");
}

#[test]
fn a_head_that_was_kept_elsewhere_anchors() {
    let (bench, export, head) = stranger();
    bench.write("out.jsonl", &export);
    for given in [head.clone(), format!("checkout-241={head}")] {
        let json = bench.run(&format!("verify out.jsonl --json --head {given}")).done().json();
        assert_eq!(json[0]["anchored"], true);
        let text = bench.run(&format!("verify out.jsonl --head {given}")).done();
        assert!(text.out.contains("verified and anchored: out.jsonl"), "{text:?}");
    }
    // An older head vouches for what is before it and for nothing after it.
    let first: Value = serde_json::from_slice(&lines(&export)[3]).unwrap();
    let older = first["prev"].as_str().unwrap();
    let text = bench.run(&format!("verify out.jsonl --head {older}")).done();
    assert!(
        text.out.contains("anchored up to record 2 by a head that was given; records 3 to 5 are not"),
        "{text:?}"
    );
    let json = bench.run(&format!("verify out.jsonl --json --head {older}")).done().json();
    assert_eq!(json[0]["anchored"], false);
    let cut = lines(&export)[..5].concat();
    bench.write("cut.jsonl", &cut);
    bench.run("verify cut.jsonl").done();
    bench
        .run(&format!("verify cut.jsonl --head {head}"))
        .refused("checkout-241, record 4: no record has the hash");
    bench
        .run(&format!("verify cut.jsonl --head basket-7={head}"))
        .refused("basket-7, record 0: it is missing");
}

#[test]
fn g6_a_changed_byte_is_found_at_its_record() {
    let (bench, export, head) = stranger();
    let lines = lines(&export);
    let mut start = 0;
    for (number, line) in lines.iter().enumerate() {
        // A byte of each field and every byte that holds the line together; the core's tests change all of them.
        let step = (line.len() / 12).max(1);
        for offset in (0..line.len()).step_by(step).chain([1, line.len() - 2, line.len() - 1]) {
            let mut changed = export.clone();
            changed[start + offset] ^= 0x04;
            bench.write("changed.jsonl", &changed);
            let answer = bench.run(&format!("verify changed.jsonl --json --head checkout-241={head}"));
            let json = answer.json().pop().unwrap();
            assert_eq!((answer.status, &json["ok"]), (1, &false.into()), "{number}.{offset}: {answer:?}");
            let found = json["seq"].as_u64().unwrap();
            assert_eq!(found, number as u64, "{number}.{offset}: {answer:?}");
        }
        start += line.len();
    }
}

#[test]
fn g6_a_record_that_is_removed_swapped_or_repeated_is_named() {
    let (bench, export, _) = stranger();
    let lines = lines(&export);
    for at in 0..lines.len() - 1 {
        let mut changed = lines.clone();
        changed.remove(at);
        let (answer, json) = named(&bench, &changed.concat());
        assert_eq!((answer.status, &json["seq"]), (1, &at.into()), "removed {at}: {answer:?}");

        let mut changed = lines.clone();
        changed.swap(at, at + 1);
        let (answer, json) = named(&bench, &changed.concat());
        assert_eq!((answer.status, &json["seq"]), (1, &at.into()), "swapped {at}: {answer:?}");

        let mut changed = lines.clone();
        changed.insert(at + 1, lines[at].clone());
        let (answer, json) = named(&bench, &changed.concat());
        assert_eq!((answer.status, &json["seq"]), (1, &at.into()), "repeated {at}: {answer:?}");
        assert_eq!(json["release"], "checkout-241");
    }
}

#[test]
fn a_last_line_without_its_end_is_reported() {
    let (bench, export, _) = stranger();
    let (answer, json) = named(&bench, &export[..export.len() - 1]);
    assert_eq!((answer.status, &json["seq"]), (1, &5.into()), "{answer:?}");
    assert!(json["reason"].as_str().unwrap().contains("no line feed at its end"), "{json}");
    let (answer, json) = named(&bench, &export[..export.len() - 40]);
    assert_eq!((answer.status, &json["seq"]), (1, &5.into()), "{answer:?}");
    assert!(json["reason"].as_str().unwrap().contains("no line feed at its end"), "{json}");
}

#[test]
fn an_export_is_held_against_the_journal_that_has_the_release() {
    let bench = Bench::in_staging();
    let export = bench.export();
    let mut last = lines(&export).pop().unwrap();
    let keep = export.len() - last.len();
    bench.write("out.jsonl", &export);
    let same = bench.run("verify out.jsonl").done();
    assert!(same.out.contains("ends with the same record in relman.db"), "{same:?}");

    // Only the journal can tell that a last record was altered.
    let at = last.windows(5).position(|window| window == b"green").unwrap();
    last[at..at + 5].copy_from_slice(b"GREEN");
    let changed = [&export[..keep], &last].concat();
    bench.write("changed.jsonl", &changed);
    bench.run("verify changed.jsonl").refused("checkout-241, record 5: it was altered: its hash is");
    let elsewhere = Bench::new();
    elsewhere.write("changed.jsonl", &changed);
    elsewhere.run("verify changed.jsonl").done();

    // Nothing in a chain tells whether its last record or the link of it was altered; the journal does.
    let mut relinked = lines(&export).pop().unwrap();
    let at = relinked.windows(8).position(|window| window == b"\"prev\":\"").unwrap() + 8;
    relinked[at] = if relinked[at] == b'0' { b'1' } else { b'0' };
    bench.write("changed.jsonl", [&export[..keep], &relinked].concat());
    bench.run("verify changed.jsonl").refused("checkout-241, record 5: its link was altered");

    bench.run("--as user:nobody hold checkout-241 --reason odd").done();
    let longer = bench.run("verify out.jsonl").done();
    assert!(longer.out.contains("checkout-241 goes on in relman.db, up to record 6"), "{longer:?}");

    let journal = rusqlite::Connection::open(bench.path("relman.db")).unwrap();
    journal.execute("DELETE FROM records WHERE seq > 3", []).unwrap();
    drop(journal);
    bench.run("verify out.jsonl").refused("checkout-241, record 4: it is missing in relman.db");
}

#[test]
fn several_streams_may_be_in_one_file() {
    let bench = Bench::in_staging();
    let export = bench.export();
    bench.write("plan.toml", PLAN.replace("checkout-241", "basket-7"));
    bench.run("--as user:ana plan plan.toml").done();
    bench.run("--as user:ben approve basket-7").done();
    let other = bench.run("export basket-7").done().out.into_bytes();
    let together = [export.clone(), other.clone()].concat();
    bench.write("together.jsonl", &together);
    let json = bench.run("verify together.jsonl --json").done().json();
    let streams = json[0]["streams"].as_array().unwrap();
    assert_eq!(
        (&streams[0]["release"], &streams[1]["release"]),
        (&"checkout-241".into(), &"basket-7".into())
    );
    let mut other = lines(&other);
    other.remove(1);
    let (answer, json) = named(&bench, &[export, other.concat()].concat());
    assert_eq!((&json["release"], &json["seq"]), (&"basket-7".into(), &1.into()), "{answer:?}");
}

#[test]
fn what_is_no_export_is_answered_with_what_it_is_not() {
    let bench = Bench::new();
    bench.run("verify").misused("failed to read relman.db");
    let json = bench.run("verify nowhere.jsonl --json");
    assert_eq!((json.status, &json.json()[0]["ok"]), (2, &false.into()));
    std::fs::create_dir(bench.path("folder")).unwrap();
    bench.run("verify folder").misused("folder is a folder and no package: it has no record.jsonl");
    bench.write("empty", "");
    bench.run("verify empty").refused("it is empty: neither a journal nor an export");
    let endless = vec![b'x'; 200_000];
    for nonsense in [&b"hello\n"[..], b"\n", b"{}\n", &[0xff, 0, 7, b'\n'], &endless] {
        bench.write("nonsense", nonsense);
        bench.run("verify nonsense").refused("not verified: nonsense: ");
        let json = bench.run("verify nonsense --json");
        let object = &json.json()[0];
        assert_eq!(
            (json.status, &object["ok"], &object["release"]),
            (1, &false.into(), &Value::Null),
            "{json:?}"
        );
    }
}
