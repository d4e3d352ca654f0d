//! A release with 200,000 records: its package, and its storyboard as a page and as a file; how long each takes, how much
//! memory, and how large it is. The limit beside it is reading and folding the same record.
//!
//! A process of its own writes the record, so that the memory it takes is not counted.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::Command,
    sync::Arc,
    time::Instant,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    http::Request,
};
use relman_adapters::{
    Releases, clock::SystemClock, directory::StaticDirectory, journal::SqliteJournal, package::package,
    web::Web,
};
use relman_benches::{long_release, memory, most_memory};
use relman_core::{chain::SealedLine, machine::Release, port::Journal, report::Templates, unit::ReleaseId};
use tokio::runtime::Runtime;
use tower::ServiceExt;

const RECORDS: usize = 200_000;

/// So many where it is only tried whether it runs.
const RECORDS_OF_A_TEST: usize = 3_000;

/// What a storyboard may have, in MB.
const MOST_OF_A_PAGE: f64 = 2.0;

/// How much memory making a package may take, as a multiple of the record's bytes: it is made of all records at once.
const MOST_MEMORY: f64 = 10.0;

/// Writes the record of a long release, line by line.
fn write(path: &Path, records: usize) {
    let release = long_release(records);
    let mut file = std::io::BufWriter::new(std::fs::File::create(path).expect("a new file"));
    for line in release.lines() {
        file.write_all(line.bytes()).and_then(|()| file.write_all(b"\n")).expect("room for a record");
    }
    file.flush().expect("room for a record");
}

fn read(path: &Path) -> Vec<Vec<u8>> {
    let file = std::fs::File::open(path).expect("the record that was written");
    BufReader::new(file).split(b'\n').map(|line| line.expect("a line")).collect()
}

/// The journal of that release alone, and the pages of it.
async fn pages(folder: &Path, id: &ReleaseId, lines: &[Vec<u8>]) -> Router {
    let journal = SqliteJournal::open(folder.join("relman.db")).expect("a new journal");
    let release = Release::replay(id.clone(), lines.iter().map(Vec::as_slice)).expect("an intact record");
    let sealed: Vec<SealedLine> =
        lines.iter().map(|line| SealedLine::read(line.clone()).expect("an intact record")).collect();
    journal.append(&id.into(), None, &sealed, &release.index()).await.expect("a new stream");
    Web::new(Releases::new(Arc::new(journal), Arc::new(StaticDirectory::default()), Arc::new(SystemClock)))
        .router()
}

async fn get(app: &Router, path: &str) -> usize {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = app.clone().oneshot(request).await.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    to_bytes(answer.into_body(), usize::MAX).await.expect("a page").len()
}

fn mb(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|one| one == "--write") {
        write(Path::new(&arguments[at + 1]), arguments[at + 2].parse().expect("a number of records"));
        return;
    }
    let test = arguments.iter().any(|one| one == "--test");
    let records = if test { RECORDS_OF_A_TEST } else { RECORDS };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("record.jsonl");
    let written = Command::new(std::env::current_exe().expect("this program"))
        .args([Path::new("--write"), &path, Path::new(&records.to_string())])
        .status();
    assert!(written.is_ok_and(|status| status.success()), "the record is written");

    let id: ReleaseId = "checkout-241".parse().expect("a valid id");
    let lines = read(&path);
    let bytes: usize = lines.iter().map(|line| line.len() + 1).sum();
    println!("{} records, {:.1} MB", lines.len(), mb(bytes));

    let began = Instant::now();
    Release::replay(id.clone(), lines.iter().map(Vec::as_slice)).expect("an intact record");
    let limit = began.elapsed().as_secs_f64();
    println!("limit: read and fold: {limit:.2} s");

    let before = memory();
    let began = Instant::now();
    let packed = package(&id, &lines, &Templates::default()).expect("an intact record");
    let took = began.elapsed().as_secs_f64();
    let grown = (most_memory() - before) * 1.048_576 / mb(bytes);
    println!(
        "package: {took:.2} s ({:.1} times the limit), {:.1} MB, memory {grown:.1} times the record (limit: {MOST_MEMORY})",
        took / limit,
        mb(packed.len()),
    );

    let runtime = Runtime::new().expect("a runtime");
    let app = runtime.block_on(pages(folder.path(), &id, &lines));
    for page in ["", "/storyboard.html", "/artifacts/validation.json", "/artifacts/timeline.txt"] {
        let began = Instant::now();
        let size = mb(runtime.block_on(get(&app, &format!("/releases/{id}{page}"))));
        println!(
            "storyboard{page}: {:.2} s, {size:.2} MB (limit: {MOST_OF_A_PAGE})",
            began.elapsed().as_secs_f64()
        );
    }
}
