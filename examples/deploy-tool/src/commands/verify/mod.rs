//! `verify`: reads a journal or an export once, in constant memory, and names the first bad record; makes a package again.

mod beside;
mod deep;
mod export;
mod finding;
mod heads;
mod journal;
mod lines;
#[cfg(feature = "web")]
mod package;

use std::{fs::File, io::Read, path::Path};

use serde::Serialize;

use self::{
    finding::{Fault, Found, NotVerified, Verdict},
    heads::KnownHeads,
};
use crate::{
    cli::{self, Global},
    failure::Failure,
    output, store,
};

/// How every SQLite database begins.
const SQLITE: &[u8] = b"SQLite format 3\0";

/// How every zip archive of a package begins.
const ZIP: &[u8] = b"PK\x03\x04";

/// Verifies, says what was found, and answers with the exit status.
pub(super) async fn run(global: &Global, asked: &cli::Verify) -> Result<(), Failure> {
    let path = asked.file.clone().unwrap_or_else(|| store::path(global));
    let heads = KnownHeads::new(&asked.heads);
    match verify(global, &path, heads, asked).await {
        Ok(verdict) if global.json => Ok(print_json(&verdict)?),
        Ok(verdict) => Ok(print(&path, &verdict)?),
        Err(not_verified) if global.json => {
            let fault = not_verified.fault();
            output::json(&Refusal {
                ok: false,
                stream: fault.stream.as_ref().map(ToString::to_string),
                seq: fault.seq,
                reason: &fault.reason,
            })?;
            Err(match not_verified {
                NotVerified::Bad(_) => Failure::Said,
                NotVerified::Unreadable(_) => Failure::SaidUsage,
            })
        }
        Err(NotVerified::Bad(fault)) => {
            Err(Failure::refused(format_args!("not verified: {}: {fault}", path.display())))
        }
        Err(NotVerified::Unreadable(fault)) => Err(Failure::usage(fault.reason)),
    }
}

async fn verify(
    global: &Global,
    path: &Path,
    heads: KnownHeads,
    asked: &cli::Verify,
) -> Result<Verdict, NotVerified> {
    let unreadable = |error: std::io::Error| {
        NotVerified::Unreadable(Fault::of_file(format!("failed to read {}: {error}", path.display())))
    };
    if path.is_dir() {
        return verify_package(path, heads, asked.templates.as_deref());
    }
    let mut begin = Vec::new();
    let mut file = File::open(path).map_err(unreadable)?;
    file.by_ref().take(SQLITE.len() as u64).read_to_end(&mut begin).map_err(unreadable)?;
    if begin.is_empty() {
        let problem = "it is empty: neither a journal nor an export, which has a record a line";
        return Err(NotVerified::Bad(Fault::of_file(problem)));
    }
    if begin.starts_with(ZIP) {
        return verify_package(path, heads, asked.templates.as_deref());
    }
    if asked.templates.is_some() {
        let problem = format!("--templates is for a package; {} is not one", path.display());
        return Err(NotVerified::Unreadable(Fault::of_file(problem)));
    }
    let mut verdict = if begin == SQLITE {
        journal::verify(path, heads).await?
    } else {
        export::verify(global, path, heads).await?
    };
    if asked.deep {
        verdict.derived = Some(deep::derive(path, &begin, &verdict.streams).await?);
    }
    Ok(verdict)
}

#[cfg(feature = "web")]
fn verify_package(path: &Path, heads: KnownHeads, templates: Option<&Path>) -> Result<Verdict, NotVerified> {
    package::verify(path, heads, templates)
}

#[cfg(not(feature = "web"))]
fn verify_package(_: &Path, _: KnownHeads, _: Option<&Path>) -> Result<Verdict, NotVerified> {
    Err(NotVerified::Unreadable(Fault::of_file(crate::part::Part::Web.missing().to_string())))
}

/// What scripts rely on: these names stay.
#[derive(Serialize)]
struct Answer {
    ok: bool,
    streams: Vec<Stream>,
    anchored: bool,
    /// How many decisions came out as they were recorded, where they were derived again.
    #[serde(skip_serializing_if = "Option::is_none")]
    derived_again: Option<u64>,
    /// How many verdicts of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    judged_again: Option<u64>,
    /// How many files of a package are what the record gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<usize>,
}

#[derive(Serialize)]
struct Stream {
    /// A release by its id; something else by its name, such as `target:checkout`.
    #[serde(rename = "release")]
    name: String,
    records: u64,
    head: relman_core::chain::Digest,
}

#[derive(Serialize)]
struct Refusal<'a> {
    ok: bool,
    #[serde(rename = "release")]
    stream: Option<String>,
    seq: Option<u64>,
    reason: &'a str,
}

fn print_json(verdict: &Verdict) -> std::io::Result<()> {
    let streams = verdict.streams.iter().map(|found| Stream {
        name: found.stream.to_string(),
        records: found.head.seq + 1,
        head: found.head.digest,
    });
    output::json(&Answer {
        ok: true,
        streams: streams.collect(),
        anchored: verdict.is_anchored(),
        derived_again: verdict.derived.map(|again| again.decisions),
        judged_again: verdict.derived.map(|again| again.verdicts),
        files: verdict.files,
    })
}

fn print(path: &Path, verdict: &Verdict) -> std::io::Result<()> {
    let mut records = 0;
    for found in &verdict.streams {
        records += found.head.seq + 1;
        output::line(format_args!("{}: {}", found.stream, store::head_in_words(Some(found.head))))?;
        match found.anchored_to {
            None => {}
            Some(seq) if seq == found.head.seq => {
                output::line("  anchored: a head that was given is its last record")?;
            }
            Some(seq) => output::line(format_args!(
                "  anchored up to record {seq} by a head that was given; records {} to {} are not",
                seq + 1,
                found.head.seq
            ))?,
        }
    }
    for note in &verdict.notes {
        output::line(format_args!("note: {note}"))?;
    }
    if let Some(again) = verdict.derived {
        let (decisions, verdicts) = (again.decisions, again.verdicts);
        output::line(format_args!(
            "derived again: {decisions} decisions came out as they were recorded, {verdicts} verdicts among them bit for bit"
        ))?;
    }
    if let Some(files) = verdict.files {
        output::line(format_args!("made again: {files} files are what the record gives, byte for byte"))?;
    }
    let streams = verdict.streams.len();
    let (stream, record) =
        (if streams == 1 { "stream" } else { "streams" }, if records == 1 { "record" } else { "records" });
    let path = path.display();
    if verdict.is_anchored() {
        return output::line(format_args!(
            "verified and anchored: {path}, {streams} {stream}, {records} {record}"
        ));
    }
    output::line(format_args!("verified, unanchored: {path}, {streams} {stream}, {records} {record}"))?;
    output::line(
        "  Every record links to the one before. Whether a stream is missing, or was cut off or rewritten
  \
         from some record on, a chain alone can't show: keep heads elsewhere and give them with --head.",
    )
}

/// Checks the heads that were given once everything was read.
fn conclude(streams: Vec<Found>, heads: &KnownHeads, notes: Vec<String>) -> Result<Verdict, NotVerified> {
    heads.all_seen(&streams)?;
    let streams = streams
        .into_iter()
        .map(|found| Found { anchored_to: heads.anchor_of(&found.stream), ..found })
        .collect();
    Ok(Verdict { streams, notes, derived: None, files: None })
}
