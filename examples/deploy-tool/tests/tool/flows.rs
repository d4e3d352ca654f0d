//! `flows`: user flows of the configuration, tried by hand.

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::bench::{Bench, CONFIG};

/// The address of a server that answers every connection with these bytes, as long as the test lives.
fn serve(answer: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // What it is asked does not matter, and neither does a client that has gone.
            let _ = connection.read(&mut [0; 4096]);
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    format!("http://{address}")
}

const PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nYour basket";
const BROKEN: &str = "HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

fn http(name: &str, url: &str) -> String {
    format!(
        "[[user_flows]]\nname = \"{name}\"\n\
         http = {{ url = \"{url}\", contains = \"Your basket\", tries = 1 }}\n"
    )
}

fn command(name: &str, script: &str) -> String {
    format!(
        "[[user_flows]]\nname = \"{name}\"\n[user_flows.command]\nprogram = \"sh\"\nargs = ['-c', '{script}']\n"
    )
}

fn bench(flows: &[String]) -> Bench {
    let bench = Bench::new();
    bench.write("relman.toml", format!("{CONFIG}\n{}", flows.concat()));
    bench
}

/// The text with every run of white space as one blank, and without the times, which vary.
fn words(text: &str) -> Vec<String> {
    let is_time = |word: &&str| !word.trim_end_matches("ms").chars().all(|c| c.is_ascii_digit());
    text.lines().map(|line| line.split_whitespace().filter(is_time).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn v1_flows_that_work_are_shown_and_nothing_is_recorded() {
    let url = serve(PAGE);
    let script = r#"read line; case "$line" in *by-hand*) echo paid;; esac"#;
    let bench = bench(&[http("front-page", &url), command("pay", script)]);
    let shown = bench.run("flows").done();
    assert_eq!(
        words(&shown.out),
        ["flow outcome time found", "front-page passed status", "pay passed exit status 0: paid"]
    );
    assert!(!bench.path("relman.db").exists(), "nothing is recorded");
    let shown = bench.run("--json flows checkout").done();
    let flows = shown.json();
    assert_eq!((flows[0]["name"].as_str(), flows[0]["status"].as_i64()), (Some("front-page"), Some(200)));
    assert!(flows[0]["latency_ms"].is_u64() && flows[1]["outcome"] == "passed", "{flows:?}");
}

#[test]
fn v1_a_flow_that_fails_or_of_which_nothing_is_known_is_a_failure() {
    let url = serve(BROKEN);
    let bench = bench(&[http("front-page", &url), command("pay", r#"printf "\033[2Jno browser"; exit 7"#)]);
    let shown = bench.run("flows");
    assert_eq!(shown.status, 1, "{shown:?}");
    let lines = words(&shown.out);
    assert_eq!(lines[1], "front-page failed status");
    assert_eq!(lines[2], "expected status within 10s, a body with \"Your basket\"");
    assert!(lines[3].starts_with("pay unknown - an answer that makes no sense: sh ended with"), "{lines:?}");
    assert!(!shown.out.contains('\u{1b}'), "{shown:?}");
    // Where nothing is known of any, there is no table.
    let blind = self::bench(&[command("pay", "exit 7")]);
    blind.run("flows").refused("sh ended with exit status: 7");
}

#[test]
fn what_is_wrong_about_a_flow_is_named() {
    for (text, part) in [
        ("[[user_flows]]\nname = \"a\"\n", "the user flow a needs one of `http` and `command`"),
        (
            "[[user_flows]]\nname = \"a\"\nhttp = { url = \"x\" }\ncommand = { program = \"x\" }\n",
            "the user flow a needs one of `http` and `command`",
        ),
        ("[[user_flows]]\nname = \"A b\"\n", "is not a flow name"),
        ("[[user_flows]]\nname = \"a\"\nhtpt = {}\n", "unknown field `htpt`"),
        ("[[user_flows]]\nname = \"a\"\nhttp = { url = \"x\", statuss = 200 }\n", "unknown field `statuss`"),
        (
            "[[user_flows]]\nname = \"a\"\nhttp = { url = \"x\", status = 7 }\n",
            "is not an HTTP status such as 200",
        ),
        ("[[user_flows]]\nname = \"a\"\nhttp = { url = \"x\", method = \"PUT\" }\n", "unknown variant `PUT`"),
        (
            "[[user_flows]]\nname = \"a\"\nhttp = { url = \"hunter2\" }\n",
            "the flow a: `url`: it is not a URL",
        ),
        (
            "[[user_flows]]\nname = \"a\"\n             http = { url = \"https://example.org\", secret_headers = { authorization = \"hunter2\" } }\n",
            "`secret_headers.authorization`: failed to read a secret: it is written into the configuration itself",
        ),
        ("", "the configuration has no [[user_flows]]: add them to relman.toml"),
    ] {
        let bench = bench(&[text.to_owned()]);
        let answer = bench.run("flows").misused(part);
        assert!(!answer.err.contains("hunter2"), "{answer:?}");
    }
    let twice = bench(&[command("pay", "true"), command("pay", "true")]);
    twice.run("flows").misused("[[user_flows]]: failed to join user flows: two are named pay");
}
