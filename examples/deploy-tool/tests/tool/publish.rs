//! Copies on trackers, and what a team hands over, from outside.

use std::net::TcpListener;

use crate::bench::Bench;

#[test]
fn publishing_needs_a_tracker_and_says_which_file_has_none() {
    let bench = Bench::in_staging();
    bench
        .run("publish checkout-241")
        .misused("the configuration has no [[trackers]]: add one to relman.toml, with kind = \"github\"");
    let config = std::fs::read_to_string(bench.path("relman.toml")).unwrap();
    bench.write("token", "hunter2\n");
    let tracker = "\n[[trackers]]\nkind = \"github\"\nrepository = \"acme\"\ntoken = { file = \"token\" }\n";
    bench.write("relman.toml", format!("{config}{tracker}"));
    bench.run("publish checkout-241").misused("`repository`: it is \"acme\" and has to be owner/name");
    bench.write("relman.toml", format!("{config}{}", tracker.replace("github", "gitea")));
    bench.run("publish checkout-241").misused("unknown variant `gitea`");
    let tag = tracker.replace("acme", "acme/checkout");
    bench.write("relman.toml", format!("tag = \"{{version}} final\"\n{config}{tag}"));
    bench.run("publish checkout-241").misused("`tag` of the configuration makes no tag of checkout-241");
    bench.run("publish nothing-7").refused("there is no release nothing-7");
}

#[test]
fn a_tracker_that_refuses_is_named_and_its_token_is_not() {
    let bench = Bench::in_staging();
    let config = std::fs::read_to_string(bench.path("relman.toml")).unwrap();
    bench.write("token", "hunter2-hunter2\n");
    let server = refusing();
    bench.write(
        "relman.toml",
        format!(
            "{config}\n[[trackers]]\nkind = \"github\"\nrepository = \"acme/checkout\"\n\
             token = {{ file = \"token\" }}\napi = \"{server}\"\nuploads = \"{server}\"\n"
        ),
    );
    let answer = bench.run("publish checkout-241").refused("not published on github");
    assert!(answer.err.contains("`publish` tries again"), "{answer:?}");
    assert!(!answer.err.contains("hunter2"), "{answer:?}");
    let json = bench.run("publish checkout-241 --json");
    assert!(json.status == 1 && json.out.contains("\"error\"") && !json.out.contains("hunter2"), "{json:?}");
}

/// A server that lets nobody in.
fn refusing() -> String {
    use std::io::{Read as _, Write as _};
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let _ = stream
                .write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}");
        }
    });
    address
}

#[test]
fn a_package_is_written_and_replaces_only_its_like() {
    let bench = Bench::in_staging();
    let said = bench.run("package checkout-241 -o one.zip").done();
    assert!(said.err.contains("packed checkout-241 into one.zip"), "{said:?}");
    let first = std::fs::read(bench.path("one.zip")).unwrap();
    bench.run("package checkout-241 -o one.zip").done();
    assert_eq!(first, std::fs::read(bench.path("one.zip")).unwrap(), "the same release, the same bytes");
    bench.run("package checkout-241 -o relman.toml").misused("it is there and is no zip archive");
    bench.run("package nothing-7 -o two.zip").refused("there is no release nothing-7");
    assert!(!bench.path("two.zip").exists());
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
