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
