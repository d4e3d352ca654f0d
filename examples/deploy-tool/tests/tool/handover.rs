//! `handover`: a journal that arrives whole or not at all, and what is refused on the way.

use std::{
    fs::{self, File},
    path::Path,
};

use rusqlite::Connection;
use serde_json::Value;

use crate::{
    altered::{ILLEGAL, lines_of, rechain, record_of},
    bench::Bench,
};

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A folder with a handover of the demo's error spike in `handed`.
fn of_the_demo() -> Bench {
    let bench = Bench::new();
    bench.run("demo --scenario error-spike").done();
    bench.run("handover export handed").done();
    bench
}

#[test]
fn a_handover_arrives_with_people_and_policy_and_is_refused_once_altered() {
    let bench = Bench::in_staging();
    let said = bench.run("handover export handed").done();
    let digest = said.out.split("digest ").nth(1).unwrap()[..64].to_owned();
    bench.run("estate export handed").misused("it is not empty");

    std::fs::create_dir(bench.path("new")).unwrap();
    let there = "--journal new/relman.db --config new/relman.toml";
    let taken = bench.run(&format!("{there} handover import handed --digest {digest}")).done();
    assert!(taken.out.contains("are now the same here, record for record"), "{taken:?}");
    assert!(taken.out.contains("people and roles are in new/relman.toml"), "{taken:?}");
    let (ours, theirs) =
        (bench.run("verify --json").done(), bench.run(&format!("{there} verify --json")).done());
    assert_eq!(ours.json()[0]["streams"], theirs.json()[0]["streams"]);
    let again = bench.run(&format!("{there} estate import handed")).done();
    assert!(again.out.contains("already here"), "{again:?}");
    assert!(again.out.contains("people, roles and the policy of new/relman.toml are the same"), "{again:?}");

    let record = bench.path("handed/releases/checkout-241.jsonl");
    let altered = std::fs::read_to_string(&record).unwrap().replacen("user:ana", "user:eve", 1);
    std::fs::write(&record, altered).unwrap();
    let refused = bench.run("--journal other.db estate import handed");
    assert_eq!(refused.status, 1, "{refused:?}");
    assert!(refused.err.contains("releases/checkout-241.jsonl"), "{refused:?}");
    assert!(!bench.path("other.db").exists(), "nothing is left of a journal that was refused");
    bench.run("estate import nowhere").misused("there is no folder nowhere");
    bench.run("estate import new").misused("new is not a complete handover: estate.json is missing");
}

#[test]
fn an_illegal_history_is_refused_in_the_words_of_verify_deep_and_status_names_the_command_that_finds_it() {
    let bench = of_the_demo();
    let file = "handed/releases/demo-error-spike.jsonl";
    let (whole, manifest) = (bench.read(file), String::from_utf8(bench.read("handed/estate.json")).unwrap());
    let journal = bench.read("relman.db");
    for (what, alter) in ILLEGAL {
        let mut lines = lines_of(&whole);
        alter(&mut lines);
        let head = rechain(&mut lines);
        bench.write(file, record_of(&lines));
        let mut estate: Value = serde_json::from_str(&manifest).unwrap();
        let listed = &mut estate["releases"]["demo-error-spike"];
        listed["records"] = lines.len().into();
        listed["head"] = serde_json::json!({ "seq": lines.len() - 1, "digest": head.to_string() });
        bench.write("handed/estate.json", serde_json::to_string_pretty(&estate).unwrap());

        fs::rename(bench.path("relman.db"), bench.path("away.db")).unwrap();
        bench.run(&format!("verify {file}")).done();
        let deep = bench.run(&format!("verify --deep {file}"));
        fs::rename(bench.path("away.db"), bench.path("relman.db")).unwrap();
        let words = deep.refused("not verified: ").err;
        let words = words.trim_end().split(".jsonl: ").nth(1).unwrap().to_owned();
        let refused = bench.run("--journal new.db --config new.toml handover import handed");
        let refused = refused.refused(&words);
        assert!(refused.err.contains(file.strip_prefix("handed/").unwrap()), "{what}: {refused:?}");
        assert!(!bench.path("new.db").exists() && !bench.path("new.db.importing").exists(), "{what}");

        // The same in a journal: whatever `status` advises finds it.
        bench.write("bad.db", &journal);
        let database = Connection::open(bench.path("bad.db")).unwrap();
        database.execute("DELETE FROM records WHERE release = 'demo-error-spike'", []).unwrap();
        for (seq, line) in lines.iter().enumerate() {
            let insert = "INSERT INTO records (release, seq, line) VALUES ('demo-error-spike', ?1, ?2)";
            database.execute(insert, rusqlite::params![i64::try_from(seq).unwrap(), line]).unwrap();
        }
        let heads = "UPDATE heads SET seq = ?1, digest = ?2 WHERE release = 'demo-error-spike'";
        let last = i64::try_from(lines.len() - 1).unwrap();
        database.execute(heads, rusqlite::params![last, head.as_bytes()]).unwrap();
        drop(database);
        let said = bench.run("--journal bad.db status");
        if said.status != 0 {
            let advice = said.err.split('`').rfind(|part| part.starts_with("verify")).unwrap().to_owned();
            bench.run(&format!("--journal bad.db {advice}")).refused(&words);
        }
        bench.run("--journal bad.db verify --deep").refused(&words);
    }
}

#[test]
fn the_command_that_status_names_finds_what_is_wrong_with_a_journal() {
    for statements in [
        &["UPDATE records SET line = CAST('{' AS BLOB) WHERE seq = 4"][..],
        &["DELETE FROM records WHERE seq = 3"],
        &["DELETE FROM records"],
        &["UPDATE records SET line = CAST(replace(CAST(line AS TEXT), 'ben', 'bob') AS BLOB) WHERE seq = 1"],
        &[
            "UPDATE records SET line = CAST(replace(CAST(line AS TEXT), '\"v\":2', '\"v\":9') AS BLOB) WHERE seq = 2",
        ],
        &["UPDATE records SET line = x'7bff7d' WHERE seq = 5"],
    ] {
        let bench = Bench::in_staging();
        let journal = Connection::open(bench.path("relman.db")).unwrap();
        for statement in statements {
            assert!(journal.execute(statement, []).unwrap() > 0, "{statement}");
        }
        drop(journal);
        for asked in ["status checkout-241", "owed", "package checkout-241 -o x.zip", "show checkout-241"] {
            let said = bench.run(asked);
            assert_ne!(said.status, 0, "{asked}, {statements:?}: {said:?}");
            if let Some(advice) = said.err.split('`').find(|part| part.starts_with("verify")) {
                bench.run(advice).refused("not verified: ");
            } else {
                assert!(said.err.contains("there is no release"), "{asked}, {statements:?}: {said:?}");
            }
        }
    }
}

#[test]
fn a_release_that_is_under_way_is_warned_of() {
    let bench = Bench::in_staging();
    bench.run("handover export handed").done();
    for said in [
        bench.run("--journal new.db handover import handed").done(),
        bench.run("--journal new.db handover import handed").done(),
        bench.run("--journal new.db handover import handed --json").done(),
    ] {
        assert!(said.err.contains("warning: still under way: checkout-241 (staging)"), "{said:?}");
        assert!(said.err.contains("Stop `run` and `serve` on the old journal"), "{said:?}");
    }
    let ended = of_the_demo();
    let said = ended.run("--journal new.db handover import handed").done();
    assert!(!said.err.contains("warning"), "{said:?}");
}

#[test]
fn a_journal_that_is_there_is_compared_and_never_written() {
    let bench = Bench::in_staging();
    bench.run("handover export handed").done();
    let import = |journal: &str| bench.run(&format!("--journal {journal} handover import handed"));

    bench.run("--journal other.db demo --scenario error-spike").done();
    bench.write("foreign.db", "a letter");
    bench.write("empty.db", "");
    fs::create_dir(bench.path("folder.db")).unwrap();
    let before = ["other.db", "foreign.db", "empty.db"].map(|name| bench.read(name));
    import("other.db").refused("other.db is there already and was left as it is: checkout-241 is missing");
    import("foreign.db").misused("it is not an SQLite file");
    import("empty.db").misused("it is empty");
    import("folder.db").misused("it is a directory");
    assert_eq!(before, ["other.db", "foreign.db", "empty.db"].map(|name| bench.read(name)));

    import("new.db").done();
    bench.run("--journal new.db --as user:dora hold checkout-241 --reason odd").done();
    let ahead = import("new.db").done();
    assert!(ahead.out.contains("already here, with newer records"), "{ahead:?}");
    bench.run("--as user:dora hold checkout-241 --reason other").done();
    bench.run("handover export again").done();
    bench.run("--journal new.db handover import again").refused("a different history of checkout-241");
}

/// Whatever moment it is killed at, and whatever it left, there is no journal or the whole one, and the next one goes
/// through.
#[test]
fn an_import_that_is_killed_leaves_no_journal_or_the_whole_one() {
    let bench = of_the_demo();
    fs::create_dir(bench.path("place")).unwrap();
    let words = ["--journal", "place/new.db", "--config", "relman.toml", "handover", "import", "handed"];
    let moments = [
        "place/new.db.importing",
        "place/new.db.importing/lock",
        "place/new.db.importing/journal",
        "place/new.db.importing/journal-wal",
        "place/new.db",
    ];
    for moment in moments {
        let mut child = bench.command(&words).stdout(std::process::Stdio::null()).spawn().unwrap();
        // No sleep: it is killed as soon as it has come this far, or has ended by itself.
        while !bench.path(moment).exists() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        let _ = child.kill();
        child.wait().unwrap();
        if bench.path("place/new.db").exists() {
            let said = bench.run("--journal place/new.db verify --deep").done();
            assert!(said.out.contains("72 records"), "{moment}: {said:?}");
        }
        bench.run_words(&words).done();
        assert!(
            !bench.path("place/new.db.importing").exists(),
            "{moment}: {:?}",
            names(&bench.path("place"))
        );
        bench.run("--journal place/new.db verify --deep").done();
        fs::remove_dir_all(bench.path("place")).unwrap();
        fs::create_dir(bench.path("place")).unwrap();
    }
}

#[test]
fn what_is_in_the_way_of_an_import_is_named_and_left_alone() {
    let bench = Bench::in_staging();
    bench.run("handover export handed").done();
    fs::create_dir(bench.path("place")).unwrap();
    let import = || bench.run("--journal place/new.db handover import handed");
    let importing = bench.path("place/new.db.importing");

    fs::create_dir(&importing).unwrap();
    let lock = File::create(importing.join("lock")).unwrap();
    lock.lock().unwrap();
    import().misused("another import to it is under way in place/new.db.importing");
    assert_eq!(names(&importing), ["lock"]);
    drop(lock);
    fs::write(importing.join("journal"), "half").unwrap();
    fs::write(importing.join("journal-wal"), "half").unwrap();
    fs::write(importing.join("letter.txt"), "mine").unwrap();
    import().misused("no import has made letter.txt");
    assert_eq!(names(&importing), ["journal", "journal-wal", "letter.txt", "lock"]);
    fs::remove_file(importing.join("letter.txt")).unwrap();

    bench.write("place/new.db-wal", "of another journal");
    import().misused("place/new.db-wal is left of another journal");
    assert_eq!(bench.read("place/new.db-wal"), b"of another journal");
    fs::remove_file(bench.path("place/new.db-wal")).unwrap();
    bench.run("--journal nowhere/new.db handover import handed").misused("nowhere/new.db.importing");

    fs::write(bench.path("place/policy.toml"), "mine").unwrap();
    bench
        .run("--journal place/new.db --config place/relman.toml handover import handed")
        .misused("place/policy.toml is in the way of the policy of the handover");
    assert!(!bench.path("place/new.db").exists());

    fs::create_dir(&importing).ok();
    fs::write(importing.join("journal"), "half").unwrap();
    let said = import().done();
    assert!(
        said.err.contains("removed place/new.db.importing, which an import that was interrupted had left"),
        "{said:?}"
    );
    assert_eq!(names(&bench.path("place")), ["new.db", "policy.toml"]);
}
