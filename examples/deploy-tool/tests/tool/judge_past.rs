//! `judge --prometheus`: a window of the past, asked of a stand-in on the loopback.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    thread,
};

use serde_json::{Value, json};

use crate::bench::{Bench, CONFIG};

/// When the stand-in's new version turns bad.
const TURNS_BAD: &str = "2026-05-04T14:20:00.000Z";

/// Answers as a Prometheus whose version `2.41.0` turns bad; where it listens. It ends with the test's process.
fn stand_in() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(&stream));
        }
    });
    url
}

fn answer(mut stream: &TcpStream) {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) <= 2 {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut form = vec![0; length];
    reader.read_exact(&mut form).unwrap();
    let form = String::from_utf8(form).unwrap().replace("%3A", ":");
    let time = form.split('&').find_map(|part| part.strip_prefix("time=")).unwrap().to_owned();
    let seconds = chrono::DateTime::parse_from_rfc3339(&time).unwrap().timestamp();
    let is_new = form.contains("2.41.0");
    let value = match () {
        () if form.contains("newest") => seconds,
        () if form.contains("requests") => {
            if is_new {
                6_000
            } else {
                54_000
            }
        }
        () if is_new && time.as_str() > TURNS_BAD => 60,
        () if is_new => 6,
        () => 54,
    };
    let body = json!({
        "status": "success",
        "data": { "resultType": "vector", "result": [{ "metric": {}, "value": [seconds, value.to_string()] }] },
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n";
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

/// A folder whose configuration has queries, for a Prometheus that is not there.
fn bench() -> Bench {
    let bench = Bench::new();
    let metrics = r#"
[metrics]
kind = "prometheus"
url = "http://127.0.0.1:1"
freshness = 'newest{version="{{version}}"}'
[metrics.metrics.error_rate]
kind = "counts"
requests = 'requests{version="{{version}}"}[{{window}}]'
errors = 'failures{version="{{version}}"}[{{window}}]'
"#;
    bench.write("relman.toml", format!("{CONFIG}{metrics}"));
    bench
}

fn words<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let window = ["--from", "2026-05-04T14:00:00Z", "--to", "2026-05-04T14:40:00Z"];
    [&["judge", "error_rate > 2x baseline", "--prometheus", url], &window[..], more].concat()
}

#[test]
fn a_window_of_the_past_is_judged_interval_by_interval() {
    let (bench, url) = (bench(), stand_in());
    let answer = bench.run_words(&words(&url, &["--plan", "plan.toml", "--json"])).done();
    let [found] = <[Value; 1]>::try_from(answer.json()).unwrap();
    assert_eq!((&found["verdict"], &found["intervals"]), (&json!("fail"), &json!(40)));
    assert_eq!(found["alarm_at"], 20, "in the first bad minute: {found}");
    assert_eq!(found["record"]["strength"]["since"], TURNS_BAD);
    let versions = ["--canary-version", "2.41.0", "--baseline-version", "2.40.3"];
    let more = [&versions[..], &["--every", "2m", "--step-at", "2026-05-04T14:10:00Z", "--table"]].concat();
    let table = bench.run_words(&words(&url, &more)).done().out;
    let rows: Vec<&str> = table.lines().collect();
    assert!(rows[5].starts_with("2026-05-04T14:08:00Z  0 "), "{}", rows[5]);
    assert!(rows[6].starts_with("2026-05-04T14:10:00Z  1 "), "{}", rows[6]);
    assert!(rows[20].starts_with("2026-05-04T14:38:00Z  1 "), "{}", rows[20]);
}

#[test]
fn nothing_measured_is_no_verdict_and_says_why() {
    let bench = bench();
    let answer = bench.run_words(&words("http://127.0.0.1:1", &["--plan", "plan.toml", "--every", "20m"]));
    answer.refused("nothing was measured in 2 intervals, and of nothing there is no verdict; the first answer: the source failed");
}

#[test]
fn what_the_queries_need_is_asked_for() {
    let bench = bench();
    let url = "http://127.0.0.1:1";
    let window = ["--from", "2026-05-04T14:00:00Z", "--to", "2026-05-04T14:40:00Z"];
    bench
        .run_words(&words(url, &[]))
        .misused("names {{version}}: say what it is with --plan PLAN.toml or --canary-version");
    bench.run_words(&words(url, &["--canary-version", "2"])).misused("or --baseline-version VERSION");
    bench.run_words(&words(url, &["--every", "0s"])).misused("--every is 0");
    bench.run_words(&words(url, &["--every", "1h"])).misused("there is no interval of 1h");
    bench
        .run_words(&words(url, &["--every", "1ms"]))
        .misused("at most 10080 are read; take a shorter window");
    bench.run_words(&words(url, &["observations.jsonl"])).misused("cannot be used with");
    bench.run_words(&words("http://prometheus.example.org", &["--plan", "plan.toml"])).misused("[metrics]:");
    bench.run_words(&["judge", "error_rate > 1%", "--prometheus", url]).misused("--from <TIME>");
    bench.run_words(&["judge", "error_rate > 1%", "--from", "now"]).misused("it is no RFC 3339 time");
    let other = [&["judge", "queue_depth > 3", "--prometheus", url], &window[..]].concat();
    bench.run_words(&other).misused("no query is configured for `queue_depth`: add [metrics.metrics.queue_depth] to relman.toml, which has error_rate");
    Bench::new()
        .run_words(&words(url, &[]))
        .misused("add [metrics] with kind = \"prometheus\" to relman.toml");
}
